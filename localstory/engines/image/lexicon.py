"""Words to concepts, in every language we read: built from the tables `words_en` and `words_vi`.

To add a language: its table beside the others, a line in `LANGUAGES`, and how `language_of` knows it.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from types import ModuleType

from localstory.engines.image import kinds, words_en, words_vi

COLOUR_NAMES: dict[str, str] = {
    "red": "#d3423c",
    "orange": "#ea8336",
    "yellow": "#f3cd4a",
    "gold": "#eebb44",
    "green": "#4f9a52",
    "blue": "#3a72b4",
    "light blue": "#82bfe0",
    "purple": "#7f53a6",
    "pink": "#eb93b4",
    "brown": "#8a5a38",
    "black": "#35313d",
    "white": "#f6f2ea",
    "grey": "#9a9aa3",
    "silver": "#c3cad3",
}
"""The papers we have for colour words."""

_WORD = re.compile(r"[^\W\d_]+(?:['’-][^\W\d_]+)*|\d+|[.!?;:\n…]+|,")
_IRREGULAR = {
    "mice": "mouse",
    "wolves": "wolf",
    "geese": "goose",
    "children": "child",
    "men": "man",
    "women": "woman",
    "feet": "foot",
    "leaves": "leaf",
    "shelves": "shelf",
    "elves": "elf",
    "dwarves": "dwarf",
    "knives": "knife",
    "loaves": "loaf",
    "oxen": "ox",
    "cacti": "cactus",
    "snowmen": "snowman",
    "fishermen": "fisherman",
    "fireflies": "firefly",
    "butterflies": "butterfly",
    "calves": "calf",
    "people": "people",
    "grass": "grass",
    "bus": "bus",
    "octopus": "octopus",
    "glass": "glass",
    "class": "class",
    "princess": "princess",
    "compass": "compass",
    "cactus": "cactus",
    "waitress": "waitress",
    "empress": "empress",
    "lioness": "lioness",
    "sorceress": "sorceress",
    "darkness": "darkness",
    "walrus": "walrus",
    "hippopotamus": "hippopotamus",
    "christmas": "christmas",
    "dress": "dress",
}


def normal(text: str) -> str:
    """NFC, lower case, straight apostrophes."""
    return unicodedata.normalize("NFC", text).lower().replace("’", "'")


def tokens(text: str) -> list[str]:
    """Words, and the marks that end a sentence or a clause, of a normal text; a possessive 's is cut off."""
    return [word[:-2] if word.endswith("'s") else word for word in _WORD.findall(text)]


def singular(word: str) -> str:
    """A plural noun's singular, as well as rules go; other words come back as they are."""
    if word in _IRREGULAR:
        return _IRREGULAR[word]
    if len(word) > 4 and word.endswith("ies"):
        return word[:-3] + "y"
    if len(word) > 4 and word.endswith(("ches", "shes", "xes", "sses", "zes")):
        return word[:-2]
    if len(word) > 3 and word.endswith("s") and not word.endswith(("ss", "us", "is")):
        return word[:-1]
    return word


@dataclass(frozen=True, slots=True)
class Meaning:
    """What a word says: `about` ("setting", "figure", "prop", "time", …), which one, how strongly (1 to 3)."""

    about: str
    what: str
    weight: int


@dataclass(frozen=True, slots=True)
class Lexicon:
    """One language: which words mean what, and the little words that change meaning."""

    meanings: dict[tuple[str, ...], tuple[Meaning, ...]]
    longest: int
    negations: frozenset[str]
    likes: frozenset[str]
    determiners: frozenset[str]
    verbs_too: frozenset[str]
    numbers: dict[str, int]
    pronouns: dict[str, str]


def _words(listing: str) -> list[tuple[tuple[str, ...], int]]:
    found = []
    for part in listing.split(","):
        word = normal(part.strip())
        if word:
            weight = 1 if word.endswith("?") else 3
            found.append((tuple(word.rstrip("?").split()), weight))
    return found


LANGUAGES: dict[str, ModuleType] = {"en": words_en, "vi": words_vi}

_VIETNAMESE = re.compile("[đơưăạ-ỹ]")


def language_of(text: str) -> str:
    """Which language's words to look for in a normal text: "vi" when letters tell that only Vietnamese has, else "en"."""
    return "vi" if len(_VIETNAMESE.findall(text[:4000])) > len(text[:4000]) / 60 else "en"


@cache
def lexicon(language: str = "en") -> Lexicon:
    """A language's lexicon; built once."""
    module = LANGUAGES[language]
    meanings: dict[tuple[str, ...], list[Meaning]] = {}
    sets: dict[str, set[str]] = {"NOT": set(), "LIKE": set(), "DETERMINERS": set(), "VERBS_TOO": set()}
    numbers: dict[str, int] = {}
    pronouns: dict[str, str] = {}
    tables: list[tuple[str, Mapping[str, str]]] = [
        ("setting", module.SETTINGS),
        ("time", module.TIMES),
        ("weather", module.WEATHERS),
        ("season", module.SEASONS),
        ("mood", module.MOODS),
        ("figure", module.PEOPLE),
        ("figure", module.ANIMALS),
        ("prop", module.PROPS),
        ("pose", module.POSES),
        ("colour", module.COLOURS),
    ]
    for about, table in tables:
        for what, listing in table.items():
            for words, weight in _words(listing):
                meanings.setdefault(words, []).append(Meaning(about, what, weight))
    for name, words_set in sets.items():
        words_set.update(" ".join(words) for words, _weight in _words(getattr(module, name)))
    for count, listing in module.NUMBERS.items():
        for words, _weight in _words(listing):
            numbers[" ".join(words)] = count
    for name in ("SHE", "HE", "IT", "THEY"):
        for words, _weight in _words(getattr(module, name)):
            pronouns[" ".join(words)] = name.lower()
    return Lexicon(
        {words: tuple(found) for words, found in meanings.items()},
        max(len(words) for words in meanings),
        frozenset(sets["NOT"]),
        frozenset(sets["LIKE"]),
        frozenset(sets["DETERMINERS"]),
        frozenset(sets["VERBS_TOO"]),
        numbers,
        pronouns,
    )


def item_of(text: str) -> tuple[str, str]:
    """What a figure always has with it: a kind of thing we draw ("" when none) and a colour word ("" when none)."""
    words = tokens(normal(text[:200]))
    item, colour = "", ""
    for start in range(len(words)):
        for end in range(min(len(words), start + 3), start, -1):
            for form in (tuple(words[start:end]), (*words[start : end - 1], singular(words[end - 1]))):
                for meaning in lexicon().meanings.get(form, ()):
                    if meaning.about == "prop" and not item:
                        item = meaning.what
                    elif meaning.about == "colour" and not colour:
                        colour = meaning.what
    if not item:
        item = next((worn for worn in WORN if worn in words), "")
    return item, colour


WORN = ("glasses", "cape", "bow", "boots", "ribbon", "necklace", "cloak")
"""Things that are worn and are no props."""


def _fill_synonyms() -> None:
    for module in LANGUAGES.values():
        for table in (module.PEOPLE, module.ANIMALS):
            for kind, listing in table.items():
                for words, _weight in _words(listing):
                    kinds.SYNONYMS.setdefault(" ".join(words), kind)


_fill_synonyms()
