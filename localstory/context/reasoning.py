"""The thoughts a reasoning model writes before its answer. They are shown, and not sent again."""

from __future__ import annotations

import re

_THOUGHTS = re.compile(r"\s*<(think|thinking|reasoning)>.*?(?:</\1>\s*|\Z)", re.DOTALL)


def split_reasoning(text: str) -> tuple[str, str]:
    """(thoughts with their tags, answer) of a reply; the two joined are the text. No thoughts: ("", text).

    Only a block at the very beginning counts: in the middle it may be what the answer is about. A block that never
    ends (the reply was stopped) is all thoughts.
    """
    found = _THOUGHTS.match(text)
    return (found.group(), text[found.end() :]) if found else ("", text)
