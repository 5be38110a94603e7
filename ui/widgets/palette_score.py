"""How well a text answers what a person typed. Pure."""

from __future__ import annotations

import unicodedata


def fold(text: str) -> str:
    """Lower case without marks, "đ" as "d": typing "duong" finds "đường"."""
    decomposed = unicodedata.normalize("NFKD", text.casefold().replace("đ", "d"))
    return "".join(letter for letter in decomposed if not unicodedata.combining(letter))


def score(query: str, text: str) -> int | None:
    """How well a text answers a query: higher is better, None when it doesn't hold the query's letters in order."""
    wanted, there = fold(query).replace(" ", ""), fold(text)
    if not wanted:
        return 0
    whole = there.find(fold(query).strip())
    if whole >= 0:
        return 1000 - whole + (200 if whole == 0 or there[whole - 1] == " " else 0)
    points, at = 0, -1
    for letter in wanted:
        found = there.find(letter, at + 1)
        if found < 0:
            return None
        points += 8 if found == at + 1 else 4 if found == 0 or there[found - 1] == " " else 0
        at = found
    return points - len(there) // 8
