"""A text cut to a number of tokens, where it hurts least."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable

from localstory.context.items import Trim

_WORD = re.compile(r"\S+")
_SENTENCE_END = re.compile(r"[.!?…。！？]+[\"'”’»)\]]*(?=\s|$)|(?<=[。！？])|(?=\n)|$")
_LONG_WORD = 40
"""Longer runs without a space (Chinese, addresses) are cut between characters."""


def trimmed(text: str, at_most: int, trim: Trim, count: Callable[[str], int]) -> str:
    """As much of `text` as has at most `at_most` tokens; "" when nothing useful is left. The rest is never changed."""
    if at_most <= 0:
        return ""
    if count(text) <= at_most:
        return text
    if trim == "whole":
        return ""
    best = ""
    # The pieces grow with their number, and so, all but a token here and there, does their count.
    pieces = _Pieces(text, trim)
    low, high = 0, len(pieces)
    while low < high:
        middle = (low + high) // 2
        piece = pieces[middle]
        if count(piece) <= at_most:
            best, low = piece, middle + 1
        else:
            high = middle
    return best


class _Pieces:
    """The possible rests of a text, the shortest first."""

    def __init__(self, text: str, trim: Trim) -> None:
        self._text = text
        self._from_start = trim != "start"
        if trim == "sentences":
            ends = sorted({found.end() for found in _SENTENCE_END.finditer(text)})
        elif trim == "end":
            ends = _word_edges(text, starts=False)
        else:
            ends = _word_edges(text, starts=True)[::-1]
        self._cuts = ends

    def __len__(self) -> int:
        return len(self._cuts)

    def __getitem__(self, number: int) -> str:
        cut = self._cuts[number]
        return self._text[:cut].rstrip() if self._from_start else self._text[cut:].lstrip()


def _word_edges(text: str, *, starts: bool) -> list[int]:
    edges: list[int] = []
    for word in _WORD.finditer(text):
        inside = [at for at in range(word.start() + 1, word.end()) if _between_characters(text, at)] if len(word.group()) > _LONG_WORD else []
        edges += [word.start(), *inside] if starts else [*inside, word.end()]
    return edges


def _between_characters(text: str, at: int) -> bool:
    """False inside what a person sees as one character: accents, joined emoji."""
    return not (unicodedata.category(text[at])[0] == "M" or "\u200d" in text[at - 1 : at + 1] or "\U0001f3fb" <= text[at] <= "\U0001f3ff")
