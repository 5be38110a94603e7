"""How many tokens a text may have, where nobody nearby has the tokeniser: never too few for a budget. Pure."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence

from localstory.engines.base import Message, TextRequest


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


_CALL_TOKENS = 24
_TOOLS_TOKENS = 400
"""What a template adds to a call or a tool, and to the first tool: an explanation how to call (LM Studio's, the longest
we know of, has about 1,000 letters)."""


def careful_prompt_count(messages: Sequence[Message]) -> int:
    """`careful_count` of a conversation, with its calls of tools and what its template adds."""
    count = _BEGIN_TOKENS
    for message in messages:
        count += careful_count(message.text) + _TURN_TOKENS
        for call in message.tool_calls:
            count += careful_count(call.name) + careful_count(call.arguments) + _CALL_TOKENS
    return count


def careful_request_count(request: TextRequest) -> int:
    """`careful_count` of all that a request says: the page, or the conversation and the tools."""
    if request.prompt is not None:
        return careful_count(request.prompt)
    tools = request.tools if request.tool_choice != "none" else ()
    said = sum(careful_count(tool.name) + careful_count(tool.description) + careful_count(tool.parameters) + _CALL_TOKENS for tool in tools)
    return careful_prompt_count(request.messages) + said + (_TOOLS_TOKENS if tools else 0)


def least_count(texts: Sequence[str]) -> int:
    """Fewer tokens than these texts have: vocabularies don't reach across words, and no token has 16 bytes on average."""
    return sum(max(len(text.split()), len(text.encode("utf-8", "surrogatepass")) // 16) for text in texts)
