"""How well a text answers what a person typed. Pure."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

_USUAL_MARKS = re.compile("[\u0300-\u036f]+")
_FUZZY_AT_MOST = 4000
"""Letters in any order of words are only looked for while that many texts at most have to be looked through: it is slower."""


def fold(text: str) -> str:
    """Lower case without marks, "đ" as "d": typing "duong" finds "đường"."""
    if text.isascii():
        return text.lower()
    decomposed = unicodedata.normalize("NFKD", text.casefold().replace("đ", "d"))
    plain = _USUAL_MARKS.sub("", decomposed)
    if plain.isascii():
        return plain
    return "".join(letter for letter in plain if not unicodedata.combining(letter))


def score(query: str, text: str) -> int | None:
    """How well a text answers a query: higher is better, None when it doesn't hold the query's letters in order."""
    return score_folded(fold(query), fold(text))


def score_folded(wanted: str, there: str) -> int | None:
    """`score` of what is folded already."""
    wanted = wanted.strip()
    if not wanted:
        return 0
    whole = there.find(wanted)
    if whole >= 0:
        if whole and there[whole - 1] != " ":
            begins = there.find(" " + wanted)  # a word that begins so is meant before a part of another
            whole = begins + 1 if begins >= 0 else whole
        return 1000 - min(whole, 500) + (200 if whole == 0 or there[whole - 1] == " " else 0)
    words = wanted.split()
    if len(words) > 1 and all(word in there for word in words):
        return 400 - min(there.find(words[0]), 200)
    return _letters(wanted.replace(" ", ""), there)


def _letters(wanted: str, there: str) -> int | None:
    points, at = 0, -1
    for letter in wanted:
        found = there.find(letter, at + 1)
        if found < 0:
            return None
        points += 8 if found == at + 1 else 4 if found == 0 or there[found - 1] == " " else 0
        at = found
    return points - len(there) // 8


def best(query: str, folded: Sequence[str], most: int, bonus: dict[int, int] | None = None) -> list[int]:
    """The places of the best texts (folded) for a query, best first; of equal ones the earlier. With no query the first ones."""
    wanted = fold(query).strip()
    if not wanted:
        return list(range(min(most, len(folded))))
    # The quick way first: with thousands of titles hardly anybody means letters that stand apart.
    near = [at for at, text in enumerate(folded) if wanted in text]
    if len(near) < most:
        words = wanted.split()
        if len(words) > 1:
            near += [at for at, text in enumerate(folded) if wanted not in text and all(word in text for word in words)]
        if len(near) < most and (len(folded) <= _FUZZY_AT_MOST or not near):
            near = list(range(len(folded)))
    rated = []
    for at in near:
        points = score_folded(wanted, folded[at])
        if points is not None:
            rated.append((-(points + (bonus.get(at, 0) if bonus else 0)), at))
    rated.sort()
    return [at for _points, at in rated[:most]]
