"""How many tokens a text may have, where nobody nearby has the tokeniser: never too few for a budget. Pure."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence

from localstory.engines.base import Message


def careful_count(text: str) -> int:
    """More tokens than this text has for nearly every vocabulary: for budgets, where too few would be cut off.

    Byte-level vocabularies need at most one token a byte; English takes a token for 4.4 characters, code and Vietnamese for 2 to 3.
    Counted is a token for 3 ASCII characters that are letters or spaces, for each other ASCII character, and for 1.25 bytes of the rest.
    """
    if not text:
        return 0
    letters = len(_LETTERS.sub("", text))
    ascii_rest = sum(1 for letter in text if letter < "\x80") - (len(text) - letters)
    rest_bytes = len(text.encode("utf-8", "surrogatepass")) - (len(text) - letters) - ascii_rest
    runs = len(_LETTERS.findall(text))
    return max(runs, math.ceil((len(text) - letters) / 3)) + ascii_rest + math.ceil(rest_bytes / 1.25)


_LETTERS = re.compile(r" ?[A-Za-z]+| +")
_TURN_TOKENS = 10
_BEGIN_TOKENS = 48
"""What a chat template adds to a turn, and at the beginning (some put a system prompt of their own there)."""


def careful_prompt_count(messages: Sequence[Message]) -> int:
    """`careful_count` of a conversation, with what its template adds."""
    return _BEGIN_TOKENS + sum(careful_count(message.text) + _TURN_TOKENS for message in messages)


def least_count(texts: Sequence[str]) -> int:
    """Fewer tokens than these texts have: vocabularies don't reach across words, and no token has 16 bytes on average."""
    return sum(max(len(text.split()), len(text.encode("utf-8", "surrogatepass")) // 16) for text in texts)
