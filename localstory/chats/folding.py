"""How texts are looked for: without case and marks, with the places kept, so that a hit can be shown in the original. Pure."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

SNIPPET = 160
"""Letters of a snippet."""
_BEFORE = 50
"""Of them before the first hit."""

_MOST_LETTERS = 200_000
"""Of one text in which places of hits are looked for."""

_UNSEEN = "\u200b\u200c\u200d\ufe0e\ufe0f"
"""Joiners and selectors of emoji."""
_ALONE = re.compile("[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]")
"""Letters of scripts that put no space between words (Thai, Lao, Burmese, Khmer, Kana, Han): each is a word."""


@lru_cache(maxsize=8192)
def _fold_letter(letter: str) -> str:
    """One letter (any code point) as it is looked for: none, one or several letters."""
    plain = "".join(
        part for part in unicodedata.normalize("NFKD", letter.casefold()) if not unicodedata.combining(part) and part not in "\u200b\u200c\u200d\ufe0e\ufe0f"
    )
    plain = plain.replace("đ", "d").replace("ø", "o").replace("ł", "l").replace("ı", "i")
    # What casefold made of NFKD's result may fold again (ﬃ, ℌ).
    return plain.casefold()


def fold(text: str) -> str:
    """Without case and marks: `Đường phố` is `duong pho`, in either normal form."""
    return text.lower() if text.isascii() else "".join(map(_fold_letter, text))


def folded_places(text: str) -> tuple[str, list[int]]:
    """`fold(text)`, and for each of its letters the index in `text` that it came from."""
    if text.isascii():
        return text.lower(), list(range(len(text)))
    parts = [_fold_letter(letter) for letter in text]
    return "".join(parts), [at for at, part in enumerate(parts) for _letter in part]


def for_index(text: str) -> str:
    """A text as the index of words holds it: folded, with a word of its own for each sign and each letter of scripts without spaces."""
    folded = fold(text)
    return folded if folded.isascii() else _apart(folded)


def _apart(folded: str) -> str:
    spaced = _ALONE.sub(r" \g<0> ", folded)
    if not any(letter > "\u2000" and unicodedata.category(letter) == "So" for letter in spaced):
        return spaced
    return "".join(f" u{ord(letter):x} " if letter > "\u2000" and unicodedata.category(letter) == "So" else letter for letter in spaced)


@dataclass(frozen=True, slots=True)
class Term:
    """One thing that must (or must not) stand in a text: a word or several in a row, folded."""

    words: str
    prefix: bool = False
    """More letters may follow."""
    without: bool = False


def terms(query: str) -> tuple[Term, ...]:
    """What a person typed: words, "words in a row", word*, -word. The last word may still be being typed: it counts as a beginning.

    Nothing a person types is an error, and nothing is the syntax of a database.
    """
    found: list[Term] = []
    for match in re.finditer(r'(-?)"([^"]*)"?|(\S+)', query):
        is_word = match[3] is not None
        said = match[3] if is_word else match[2]
        without = match[1] == "-"
        if is_word and said.startswith("-") and len(said) > 1:
            said, without = said[1:], True
        ends = match.end() == len(query)
        prefix = is_word and (said.endswith("*") or ends)
        words = " ".join(_words(for_index(said)))
        if words:
            found.append(Term(words, prefix, without))
    return tuple(found)


def _words(indexed: str) -> list[str]:
    return re.findall(r"[^\W_]+", indexed)


def match_of(asked: tuple[Term, ...]) -> str:
    """An FTS5 query for them: every word is a quoted string. "" when nothing must be there."""
    wanted = [_quoted(term) for term in asked if not term.without]
    unwanted = [_quoted(term) for term in asked if term.without]
    if not wanted:
        return ""
    said = " AND ".join(wanted)
    return f"({said}) NOT ({' OR '.join(unwanted)})" if unwanted else said


def _quoted(term: Term) -> str:
    return f'"{term.words}"' + (" *" if term.prefix else "")


def places_of(asked: tuple[Term, ...], text: str) -> list[tuple[int, int]]:
    """Where the wanted terms stand in `text`: (start, end) pairs in order, without overlap."""
    folded, places = folded_places(text[:_MOST_LETTERS])
    found: list[tuple[int, int]] = []
    for term in asked:
        if term.without:
            continue
        words = term.words.split()
        before = "" if _stands_alone(words[0]) else r"(?<![^\W_])"
        behind = "" if term.prefix or _stands_alone(words[-1]) else r"(?![^\W_])"
        expression = before + r"[\W_]*".join(map(_pattern, words)) + behind
        found += [(places[match.start()], places[match.end() - 1] + 1) for match in re.finditer(expression, folded) if match.end() > match.start()]
    return list(_apart_places(sorted(found)))


def _stands_alone(word: str) -> bool:
    return _ALONE.match(word) is not None or _sign_of(word) != ""


def _sign_of(word: str) -> str:
    """The sign (🐉) that `for_index` made this word of, or ""."""
    sign = chr(int(word[1:], 16)) if re.fullmatch(r"u(?:10|[0-9a-f])?[0-9a-f]{4}", word) else ""
    return sign if sign and unicodedata.category(sign) == "So" else ""


def _pattern(word: str) -> str:
    return re.escape(_sign_of(word) or word)


def _apart_places(found: list[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    last = -1
    for start, end in found:
        if start >= last:
            yield start, end
            last = end


def snippet(text: str, places: list[tuple[int, int]]) -> tuple[str, tuple[tuple[int, int], ...]]:
    """A piece of the text around the first hit, on one line, and where the hits stand in it."""
    first = places[0][0] if places else 0
    start = max(0, first - _BEFORE)
    if start:  # begin with a whole word
        space = text.find(" ", start, first)
        start = space + 1 if space >= 0 else start
    end = min(len(text), start + SNIPPET)
    made: list[str] = ["…"] if start else []
    where: list[int] = []
    for letter in text[start:end]:
        where.append(len(made))
        if letter.isspace():
            if made and made[-1] != " ":
                made.append(" ")
        else:
            made.append(letter)
    where.append(len(made))
    shown = tuple((where[hit - start], where[min(after, end) - start]) for hit, after in places if start <= hit < end)
    return "".join(made) + ("…" if end < len(text) else ""), shown
