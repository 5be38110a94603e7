"""Written words -> what a reader says: numbers, dates, money, abbreviations, signs. Pure.

Each written word gives what is said for it ("12" -> "twelve", an emoji -> ""), so that the timing of the speech maps
back to the words as written. What a language does with a word lies in a table of its own.
To add a language: 1. a module like `english.py` with `say(words) -> list[str]`; 2. its line in `_TABLES`.
Without a table, numbers and abbreviations are left to espeak, which knows a little of every language.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from localstory.engines.speech import english
from localstory.engines.speech.languages import base
from localstory.engines.speech.sentences import End
from localstory.engines.speech.written import Written, take_apart

_TABLES: dict[str, Callable[[list[Written]], list[str]]] = {"en": english.say}

_STRENGTH = {",": 1, ";": 2, ":": 2, "!": 3, "?": 4}


@dataclass(frozen=True, slots=True)
class Said:
    """What is said in one breath: for every written word its spoken form, "" for what is not spoken."""

    words: tuple[str, ...]
    dashes: frozenset[int] = frozenset()
    """Indexes of the words after which a dash stands inside the breath."""

    @property
    def text(self) -> str:
        """The words as one text for the phonemiser; "" when there is nothing to say."""
        return " ".join(word for word in self.words if word)


def read(words: Sequence[str], language: str, end: End = End.sentence) -> Said:
    """What to say for the written `words` of a breath that ends with `end`."""
    tokens = [take_apart(word) for word in words]
    table = _TABLES.get(base(language), _plain)
    said = [_speakable(core) for core in table(tokens)]
    spoken = [index for index, core in enumerate(said) if core]
    if not spoken:
        return Said(("",) * len(said))
    dashes: set[int] = set()
    last = spoken[-1]
    for index, core in enumerate(said):
        if index == last:
            # Quiet tokens after the last word ("Wait —") may carry the mark that ends the breath.
            marks = "".join(token.after for token in tokens[index:])
            said[index] = core + _closing_mark(marks, end)
        elif core:
            # A free-standing dash belongs to the word before it.
            following = index + 1
            marks = tokens[index].after
            while following < len(said) and not said[following]:
                marks += tokens[following].after
                following += 1
            if any(dash in marks for dash in "—–") or " - " in f" {' '.join(words[index + 1 : following])} " or "--" in marks:
                dashes.add(index)
                said[index] = core + ";"
            else:
                said[index] = core + _inner_mark(marks)
    return Said(tuple(said), frozenset(dashes))


def has_words(text: str) -> bool:
    """True when there is something to say: a letter or a digit, or a sign that has a name."""
    return any(letter.isalnum() for letter in text)


def _closing_mark(marks: str, end: End) -> str:
    if "?" in marks:
        return "?"
    if "!" in marks:
        return "!"
    if end is End.trailing or end is End.comma:
        return ","
    if end is End.dialogue and "." not in marks:
        return ","
    return "."


def _inner_mark(marks: str) -> str:
    """The strongest mark after a word inside a breath; full stops there belong to abbreviations and are not said."""
    best = max((mark for mark in marks if mark in _STRENGTH), key=lambda mark: _STRENGTH[mark], default="")
    return {"!": ",", "?": ","}.get(best, best)


def _plain(words: list[Written]) -> list[str]:
    return [word.core if has_words(word.core) else "" for word in words]


def _speakable(core: str) -> str:
    """Only what a phonemiser should see: no raw-phoneme brackets, no control characters, no full stop inside."""
    core = unicodedata.normalize("NFC", core)
    core = re.sub(r"[\[\]{}()<>|\\^*_~`\"“”„«»]", " ", core).replace("’", "'").replace("‘", "'")
    core = re.sub(r"[.!?…]+", " ", core)
    core = "".join(letter for letter in core if unicodedata.category(letter)[0] not in "CS" and letter not in "\ufe0f\u200d")
    core = re.sub(r"\s+", " ", core).strip()
    return core if has_words(core) else ""
