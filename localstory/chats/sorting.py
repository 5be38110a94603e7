"""The order of chats in a list. Pure: no locale of the system is asked, since not every machine has ours."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from functools import lru_cache
from typing import Literal, TypeAlias

from localstory.chats.store import Chat

SortBy: TypeAlias = Literal["used", "created", "title", "length", "hand"]
SORTS: tuple[SortBy, ...] = ("used", "created", "title", "length", "hand")

Key: TypeAlias = tuple[tuple[tuple[int, int, str], ...], tuple[int, ...], str]

_VIETNAMESE = "aăâbcdđeêfghijklmnoôơpqrstuưvwxyz"
"""The alphabet with the letters that names from elsewhere bring."""
_LATIN = "abcdefghijklmnopqrstuvwxyz"
_TONES = {"\u0300": 1, "\u0309": 2, "\u0303": 3, "\u0301": 4, "\u0323": 5}
"""a à ả ã á ạ, as dictionaries order them (Hoàng Phê, Từ điển tiếng Việt)."""
_SHAPES = ("\u0306", "\u0302", "\u031b")
"""What makes ă, â, ơ letters of their own in Vietnamese."""


def sort_chats(chats: Iterable[Chat], by: SortBy, language: str) -> list[Chat]:
    """The chats in that order: last used and newest first, titles by the alphabet of `language` ("vi", "en"), the longest first,
    or as the person put them. Pinned ones are not treated apart here."""
    match by:
        case "used":
            return sorted(chats, key=lambda chat: (-chat.used_at, -chat.id))
        case "created":
            return sorted(chats, key=lambda chat: (-chat.created_at, -chat.id))
        case "title":
            return sorted(chats, key=lambda chat: (sort_key(chat.title, language), chat.id))
        case "length":
            return sorted(chats, key=lambda chat: (-chat.letters, -chat.messages, -chat.id))
        case "hand":
            return sorted(chats, key=lambda chat: (chat.position, -chat.id))


@lru_cache(maxsize=20_000)
def sort_key(text: str, language: str) -> Key:
    """A key for `sorted`: letters by the alphabet, case and marks only where the rest is the same, numbers by their value
    ("Truyện 2" before "Truyện 10"), signs before numbers before letters."""
    first: list[tuple[int, int, str]] = []
    marks: list[int] = []
    digits = ""
    for letter in [*_letters(text), ""]:
        if letter[:1].isdecimal() and letter.isascii():
            digits += letter
            continue
        if digits:
            value = digits.lstrip("0")
            first.append((1, len(value), value))
            marks.append(len(digits) - len(value))
            digits = ""
        if letter:
            place, mark = _place(letter, language)
            first.append(place)
            marks.append(mark)
    return tuple(first), tuple(marks), text


def _letters(text: str) -> list[str]:
    """Letters, each with its marks, decomposed and without case; runs of space are one."""
    made: list[str] = []
    for letter in unicodedata.normalize("NFD", " ".join(text.split()).casefold()):
        if unicodedata.combining(letter) and made:
            made[-1] += letter
        else:
            made.append(letter)
    return [_decimal(letter) for letter in made]


def _decimal(letter: str) -> str:
    return str(unicodedata.decimal(letter)) if len(letter) == 1 and letter.isdecimal() else letter


def _place(letter: str, language: str) -> tuple[tuple[int, int, str], int]:
    """(class, place, letter) for the first comparison and a number for its marks."""
    base, marks = letter[0], letter[1:]
    alphabet = _VIETNAMESE if language == "vi" else _LATIN
    tone = next((_TONES[one] for one in marks if one in _TONES), 0)
    if language == "vi":
        shape = "".join(one for one in marks if one in _SHAPES)
        whole = unicodedata.normalize("NFC", base + shape)
        if whole in alphabet:
            return (2, alphabet.index(whole), ""), tone * 8
    weight = tone * 8 + sum(number + 1 for number, one in enumerate(_SHAPES) if one in marks)
    if base == "đ" and language != "vi":
        base, weight = "d", weight + 4
    if base in alphabet:
        return (2, alphabet.index(base), ""), weight
    if base.isalpha():
        return (3, ord(base), marks), 0
    return (0, 0 if base == " " else 1 + ord(base), ""), 0
