"""The bundled letters: Noto Sans for Latin and Vietnamese (made by packaging/fonts.py), and setting lines of text with them."""

from __future__ import annotations

import unicodedata
from functools import cache
from pathlib import Path
from typing import Literal, TypeAlias

from PIL import ImageFont

import localstory

Face: TypeAlias = Literal["Regular", "Bold", "Italic", "BoldItalic"]

MOST_LETTERS = 2000
"""Of a longer text only the beginning is set: no card holds more."""

FOLDER = Path(localstory.__file__).parent / "fonts"


def font_path(face: Face = "Regular") -> Path:
    """The file of a face of Noto Sans."""
    return FOLDER / f"NotoSans-{face}.ttf"


@cache
def font(face: Face, size: int) -> ImageFont.FreeTypeFont:
    """A face, `size` pixels per em. BASIC layout: our letters are composed (NFC), and it is the same on every system."""
    return ImageFont.truetype(str(font_path(face)), size, layout_engine=ImageFont.Layout.BASIC)


@cache
def _known(face: Face) -> frozenset[int]:
    """The characters a face has, read from its table `cmap` (format 4 or 12; OpenType specification, "cmap")."""
    content = font_path(face).read_bytes()

    def number(at: int, size: int) -> int:
        return int.from_bytes(content[at : at + size], "big")

    tables = {content[12 + 16 * i : 16 + 16 * i]: number(12 + 16 * i + 8, 4) for i in range(number(4, 2))}
    cmap = tables[b"cmap"]
    known: set[int] = set()
    for record in range(number(cmap + 2, 2)):
        at = cmap + number(cmap + 4 + 8 * record + 4, 4)
        if number(at, 2) == 4:
            segments = number(at + 6, 2) // 2
            for i in range(segments):
                last, first = number(at + 14 + 2 * i, 2), number(at + 16 + 2 * segments + 2 * i, 2)
                known.update(code for code in range(first, last + 1) if code != 0xFFFF)
        elif number(at, 2) == 12:
            for i in range(number(at + 12, 4)):
                group = at + 16 + 12 * i
                known.update(range(number(group, 4), number(group + 4, 4) + 1))
    return frozenset(known)


def glyphs_missing(text: str, face: Face = "Regular") -> set[str]:
    """The characters of `text` (after NFC, white space apart) that the font can't show."""
    known = _known(face)
    return {sign for sign in unicodedata.normalize("NFC", text) if not sign.isspace() and ord(sign) not in known}


def drawable(text: str, face: Face = "Regular") -> str:
    """`text` in NFC without the characters the font can't show, white space made single blanks; line ends stay."""
    known = _known(face)
    kept = "".join(
        sign if ord(sign) in known or sign.isspace() else " " if unicodedata.category(sign)[0] == "Z" else "" for sign in unicodedata.normalize("NFC", text)
    )
    kept = "".join(sign for sign in kept if sign in "\n\t " or (sign.isprintable() and unicodedata.category(sign) != "Cf"))
    return "\n".join(" ".join(line.split()) for line in kept.splitlines()).strip()


def line_height(face: Face, size: int) -> int:
    """From line to line, in pixels: ascent and descent, so that stacked Vietnamese marks never touch the line above."""
    ascent, descent = font(face, size).getmetrics()
    return ascent + descent


def width_of(text: str, face: Face, size: int) -> float:
    """How wide a line is, in pixels."""
    return float(font(face, size).getlength(text))


def wrap(text: str, face: Face, size: int, width: float) -> list[str]:
    """Break `text` into lines at most `width` pixels wide: between words, and inside a word only when it alone is too long."""
    lines: list[str] = []
    for paragraph in text.split("\n"):
        line = ""
        for word in paragraph.split():
            trial = f"{line} {word}" if line else word
            if width_of(trial, face, size) <= width:
                line = trial
                continue
            if line:
                lines.append(line)
            line = ""
            while width_of(word, face, size) > width and len(word) > 1:
                fits = _prefix_that_fits(word, face, size, width)
                lines.append(word[:fits])
                word = word[fits:]
            line = word
        if line:
            lines.append(line)
    return lines


def _prefix_that_fits(word: str, face: Face, size: int, width: float) -> int:
    """How many of a word's letters fit into `width`, at least one. Halving: a word may have thousands."""
    low, high = 1, min(len(word), max(2, int(width / (size * 0.12)) + 1))
    while low < high:
        middle = (low + high + 1) // 2
        if width_of(word[:middle], face, size) <= width:
            low = middle
        else:
            high = middle - 1
    return low


def balanced(text: str, face: Face, size: int, width: float) -> list[str]:
    """Like `wrap`, with the lines about equally long: a title of two lines doesn't end in a lonely word."""
    lines = wrap(text, face, size, width)
    if len(lines) < 2 or "\n" in text:
        return lines
    low, high = width / len(lines) * 0.8, width
    for _step in range(8):
        middle = (low + high) / 2
        if len(wrap(text, face, size, middle)) <= len(lines):
            high = middle
        else:
            low = middle
    return wrap(text, face, size, high)


def fit(text: str, face: Face, width: float, height: float, largest: int, smallest: int) -> tuple[int, list[str]]:
    """The largest size at which `text` fits into the box, and its lines. Too much even for the smallest: cut, with an ellipsis."""
    text = text[:MOST_LETTERS]

    def fits(size: int) -> bool:
        lines = wrap(text, face, size, width)
        return len(lines) * line_height(face, size) <= height and all(width_of(word, face, size) <= width for word in text.split())

    low, high = smallest, max(smallest, largest)
    if fits(high):
        return high, balanced(text, face, high, width)
    while low < high:
        middle = (low + high + 1) // 2
        if fits(middle):
            low = middle
        else:
            high = middle - 1
    size = low
    if fits(size):
        return size, balanced(text, face, size, width)
    keep = max(1, int(height // line_height(face, size)))
    lines = wrap(text, face, size, width)
    if len(lines) > keep:
        last = lines[keep - 1]
        while last and width_of(last + "…", face, size) > width:
            last = last[:-1]
        lines = [*lines[: keep - 1], last.rstrip() + "…"]
    return size, lines
