"""The edit-this-text task: a page, a change shown once, and the beginning of another changed page (see tests/data/edit_this_text)."""

from __future__ import annotations

from pathlib import Path

PAGE = (Path(__file__).parents[1] / "data" / "edit_this_text" / "page.txt").read_text("utf-8")
EDITED = PAGE.replace("Tom", "Peter")
_BEGINNING = EDITED.index(" The boats lay")
_SHOWN = PAGE.replace("Tom", "Sam")
PROMPT = f"The page:\n{PAGE}\nThe page with the name Sam:\n{_SHOWN}\nThe page with the name Peter:\n{EDITED[:_BEGINNING]}"
WANTED = EDITED[_BEGINNING:]


def copied_share(text: str) -> float:
    """How much of what was written, from its beginning, is what was wanted: 1.0 is all of it."""
    same = next((number for number, (one, other) in enumerate(zip(text, WANTED, strict=False)) if one != other), min(len(text), len(WANTED)))
    return same / len(text) if text else 0.0
