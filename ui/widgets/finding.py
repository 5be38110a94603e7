"""Finds words in texts, case and marks aside: `duong` finds `đường`. Pure.

A folded text is as long as the text itself unless it holds letters that fold to none (combining marks) or to several
(ß), so nearly always a place in one is a place in the other and `str.find` does the work: 500,000 characters in
a few milliseconds.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

_NOTHING = "\u200b\u200c\u200d\u00ad\ufeff\ufe0e\ufe0f"
"""Letters nobody sees."""
_SPACES = "\u00a0\u2028\u2029\t\n\r\u202f\u2009"


class _Table(dict[int, str]):
    """How a character folds, learned as characters come by."""

    def __init__(self) -> None:
        super().__init__()
        self.odd: set[str] = set()
        """Those that do not fold to exactly one."""

    def __missing__(self, code: int) -> str:
        letter = chr(code)
        if letter in _SPACES:
            folded = " "
        elif letter in _NOTHING:
            folded = ""
        else:
            decomposed = unicodedata.normalize("NFKD", letter.casefold().replace("đ", "d"))
            folded = "".join(part for part in decomposed if not unicodedata.combining(part)).casefold()
        if len(folded) != 1:
            self.odd.add(letter)
        self[code] = folded
        return folded


_TABLE = _Table()


@dataclass(frozen=True, slots=True)
class Folded:
    """A text made easy to search. `origins` is, for each of its characters and for its end, the place in the text it
    came from; None: the same."""

    text: str
    origins: tuple[int, ...] | None
    length: int
    """Of the text that was folded."""


def fold(text: str) -> Folded:
    """Lower case, without marks, every white space a space."""
    if text.isascii():
        folded = text.lower()
        if "\n" in text or "\t" in text or "\r" in text:
            folded = folded.translate(_TABLE)
        return Folded(folded, None, len(text))
    folded = text.translate(_TABLE)
    if not any(letter in text for letter in _TABLE.odd):
        return Folded(folded, None, len(text))
    origins: list[int] = []
    for at, letter in enumerate(text):
        origins += [at] * len(_TABLE[ord(letter)])
    return Folded(folded, (*origins, len(text)), len(text))


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is looked for: any of these, already folded; `begins` only where a word begins."""

    needles: tuple[str, ...]
    begins: bool = False


def phrase(query: str) -> Wanted:
    """The query as one run of letters, as a person types it into a find bar. Empty for one of blanks only."""
    words = " ".join(fold(query).text.split())
    return Wanted((words,) if words else ())


def words(query: str) -> Wanted:
    """Each word of a search, wherever one begins so; quotes, and what only a search understands, aside."""
    found = [word for word in re.split(r"[^\w]+", fold(query).text) if word]
    return Wanted(tuple(dict.fromkeys(found)), begins=True)


def places(folded: Folded, wanted: Wanted) -> list[tuple[int, int]]:
    """Where it is in the text that was folded, as (first, after the last), in order; places do not overlap."""
    found: list[tuple[int, int]] = []
    text = folded.text
    for needle in wanted.needles:
        at = text.find(needle)
        while at >= 0:
            if not wanted.begins or at == 0 or not text[at - 1].isalnum():
                found.append((at, at + len(needle)))
                at = text.find(needle, at + len(needle))
            else:
                at = text.find(needle, at + 1)
    if len(wanted.needles) > 1:
        found = _apart(found)
    origins = folded.origins
    if origins is None:
        return found
    # A letter's marks follow it and are no characters of the folded text: the place reaches to the next one's origin.
    return [(origins[first], max(origins[last], origins[last - 1] + 1)) for first, last in found]


def count(folded: Folded, wanted: Wanted) -> int:
    """How many places there are."""
    if len(wanted.needles) == 1 and not wanted.begins:
        return folded.text.count(wanted.needles[0])
    return len(places(folded, wanted))


def _apart(found: list[tuple[int, int]]) -> list[tuple[int, int]]:
    kept: list[tuple[int, int]] = []
    for first, last in sorted(found, key=lambda place: (place[0], -place[1])):
        if not kept or first >= kept[-1][1]:
            kept.append((first, last))
    return kept


_MARKS = str.maketrans("", "", "*_`~ \u00a0\t\n#>-")
_NOT_AS_WRITTEN = re.compile(r"[\[&<\\$|]|https?:")


def squeezed(markdown: str) -> str | None:
    """A folded text without marks and blanks: what it does not hold (`may_hold`), the words made of it can't either. None: nobody knows
    without reading it (links, entities, tables, formulas)."""
    return None if _NOT_AS_WRITTEN.search(markdown) else fold(markdown).text.translate(_MARKS)


def may_hold(squeezed_text: str | None, wanted: Wanted) -> bool:
    """False when reading the text is not worth it."""
    return squeezed_text is None or any(needle.translate(_MARKS) in squeezed_text for needle in wanted.needles)
