"""Texts as vectors: what every engine checks before it asks, and how a server's numbers become unit vectors. Pure."""

from __future__ import annotations

import base64
import math
from array import array
from collections.abc import Iterator, Sequence

from localstory.errors import BadRequest
from localstory.net.errors import BadAnswer
from localstory.words import mark


def check_texts(texts: Sequence[str]) -> None:
    """Refuse texts without a letter in them: half of all servers refuse them too, the others answer something. Raises BadRequest."""
    for number, text in enumerate(texts, start=1):
        if not text.strip():
            raise BadRequest(title=mark("A text is empty"), detail=mark("Text {number} of {count} has no words to embed."), number=number, count=len(texts))


def unit(vector: Sequence[float]) -> tuple[float, ...] | None:
    """The vector at length 1 (L2); None for one that has no direction, or numbers that are none."""
    try:
        length = math.sqrt(math.fsum(value * value for value in vector))
    except (OverflowError, TypeError):
        return None
    if not math.isfinite(length) or length <= 0:
        return None
    return tuple(value / length for value in vector)


AT_ONCE = 32
"""Texts of one question to a server: few enough that a Stop is not long ignored, and its answer not large."""


def in_parts(texts: Sequence[str]) -> Iterator[list[str]]:
    """The texts, as many as go out at once, without letters that JSON can't hold."""
    for start in range(0, len(texts), AT_ONCE):
        yield [text.encode("utf-8", "replace").decode() for text in texts[start : start + AT_ONCE]]


def vectors_in(rows: object, count: int, host: str) -> list[tuple[float, ...]]:
    """A server's rows of numbers as vectors of length 1. Raises BadAnswer when they are not `count` rows of equally many finite numbers.

    llama-cpp-python's server gives, for a model that was not made for it, a vector for each token: their mean stands for the text
    (llama.cpp's "mean" pooling).
    """
    if not isinstance(rows, list) or len(rows) != count:
        raise BadAnswer(host, mark("It has another number of vectors than texts were sent."))
    vectors: list[tuple[float, ...]] = []
    for row in rows:
        vector = unit(_mean(row) if isinstance(row, list) and row and isinstance(row[0], list) else _numbers(row))
        if vector is None or (vectors and len(vector) != len(vectors[0])):
            raise BadAnswer(host, mark("A vector in its answer is none."))
        vectors.append(vector)
    return vectors


def _numbers(row: object) -> list[float]:
    """The row when it holds nothing but numbers, else none."""
    return row if isinstance(row, list) and all(isinstance(one, int | float) and not isinstance(one, bool) for one in row) else []


def _mean(rows: list[object]) -> list[float]:
    """The mean of rows of equally many numbers; none when they are not."""
    checked = [_numbers(row) for row in rows]
    if not all(len(row) == len(checked[0]) for row in checked):
        return []
    return [math.fsum(column) / len(checked) for column in zip(*checked, strict=True)]


def packed(vector: Sequence[float]) -> str:
    """32-bit numbers as text, for the way from the child."""
    return base64.b64encode(array("f", vector).tobytes()).decode("ascii")


def unpacked(text: str) -> tuple[float, ...]:
    """The other way."""
    return tuple(array("f", base64.b64decode(text)))
