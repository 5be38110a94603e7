"""Text that remembers which of its letters people wrote: it goes through a chat template as a string and keeps its origin.

A template may trim, cut, split, replace and join what people wrote, or decide by it. Rendering with placeholders instead would
take other paths. So the real text is rendered, and each letter carries where it came from.
"""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Callable, ItemsView, Iterable, Iterator, KeysView, Mapping, ValuesView
from typing import Any, SupportsIndex

SCAFFOLD = 0
"""The template's own text: the only place that control tokens may come from."""
WRITTEN = 1
"""What somebody wrote: a message, a tool's name, a function's answer."""
LAST = 2
"""What the reply begins with: the prefill, or the message that goes on."""
SYSTEM = 3
QUESTION = 4
"""The last message of the person; a template that leaves it out is of no use."""


class Foreign(str):
    """A string with the origin of each letter. What it doesn't know how to follow becomes WRITTEN as a whole: too much, never too little."""

    __slots__ = ("_origins",)
    _origins: bytes
    """One byte a letter: SCAFFOLD or where it came from."""

    def __new__(cls, text: object = "", origins: bytes | int = WRITTEN) -> Foreign:
        new = str.__new__(cls, text)
        new._origins = bytes((origins,)) * len(new) if isinstance(origins, int) else origins
        assert len(new._origins) == len(new)
        return new

    def __str__(self) -> str:
        return self  # str(x) must not forget

    def __format__(self, form: str) -> str:
        return Foreign(str.__format__(str.__str__(self), form))

    def __add__(self, other: str) -> str:
        return joined((self, other)) if isinstance(other, str) else NotImplemented

    def __radd__(self, other: str) -> str:
        return joined((other, self)) if isinstance(other, str) else NotImplemented

    def __mul__(self, count: SupportsIndex) -> str:
        return Foreign(str.__mul__(self, count), self._origins * count)

    __rmul__ = __mul__

    def __mod__(self, values: Any) -> str:
        return Foreign(str.__mod__(self, values))

    def __getitem__(self, at: Any) -> str:
        part = self._origins[at]
        return Foreign(str.__getitem__(self, at), bytes((part,)) if isinstance(part, int) else part)

    def __iter__(self) -> Iterator[str]:
        return (self[at] for at in range(len(self)))


def origins_of(text: str) -> bytes:
    """One byte a letter; plain strings are the template's."""
    return text._origins if isinstance(text, Foreign) else bytes(len(text))


def plain(text: str) -> str:
    """The letters alone."""
    return str.__str__(text) if isinstance(text, Foreign) else text


def has_foreign(value: object) -> bool:
    """Whether there is such a text in it, also inside lists and objects, however deep."""
    if isinstance(value, Foreign):
        return True
    if isinstance(value, Mapping):
        return any(has_foreign(key) or has_foreign(one) for key, one in value.items())
    if isinstance(value, list | tuple | KeysView | ValuesView | ItemsView):
        return any(map(has_foreign, value))
    return False


def joined(parts: Iterable[str]) -> str:
    """The parts behind each other."""
    whole = list(parts)
    text = "".join(plain(part) for part in whole)
    return Foreign(text, b"".join(map(origins_of, whole))) if any(isinstance(part, Foreign) for part in whole) else text


def joined_by(separator: str, parts: Iterable[str]) -> str:
    """As str.join. Raises TypeError for what is no string."""
    between: list[str] = []
    for part in parts:
        if not isinstance(part, str):
            raise TypeError("only strings can be joined")
        between += [separator, part]
    return joined(between[1:])


def _cut(text: str, start: int, end: int) -> str:
    return text[start:end] if isinstance(text, Foreign) else plain(text)[start:end]


def strip(text: str, chars: str | None = None, *, left: bool = True, right: bool = True) -> str:
    """As str.strip, lstrip, rstrip."""
    bare = plain(text)
    start = len(bare) - len(bare.lstrip(chars)) if left else 0
    end = len(bare.rstrip(chars)) if right else len(bare)
    return _cut(text, start, max(start, end))


def split(text: str, separator: str | None = None, most: int = -1, *, from_right: bool = False) -> list[str]:
    """As str.split and rsplit."""
    bare = plain(text)
    found = bare.rsplit(separator, most) if from_right else bare.split(separator, most)
    parts, at = [], 0
    for part in found:
        at = at if separator is not None else bare.index(part, at)
        parts.append(_cut(text, at, at + len(part)))
        at += len(part) + len(separator or "")
    return parts


def splitlines(text: str, keepends: bool = False) -> list[str]:
    """As str.splitlines."""
    bare, parts, at = plain(text), [], 0
    for whole, line in zip(bare.splitlines(True), bare.splitlines(keepends), strict=True):
        parts.append(_cut(text, at, at + len(line)))
        at += len(whole)
    return parts


def partition(text: str, separator: str, *, from_right: bool = False) -> tuple[str, str, str]:
    """As str.partition and rpartition."""
    bare = plain(text)
    before, between, _after = bare.rpartition(separator) if from_right else bare.partition(separator)
    one, two = len(before), len(before) + len(between)
    return _cut(text, 0, one), _cut(text, one, two), _cut(text, two, len(bare))


def replace(text: str, old: str, new: str, most: int = -1) -> str:
    """As str.replace. What stands in the place of somebody's words is theirs, too: nobody gets a control token by writing `<image>`."""
    bare = plain(text)
    if not isinstance(text, Foreign) and not isinstance(new, Foreign):
        return bare.replace(plain(old), new, most)
    if not old:
        return Foreign(bare.replace("", plain(new), most))
    parts, at = [], 0
    pieces = split(text, plain(old), most)
    for number, piece in enumerate(pieces):
        parts.append(piece)
        at += len(piece)
        if number < len(pieces) - 1:
            parts.append(Foreign(new) if any(origins_of(text)[at : at + len(old)]) and not isinstance(new, Foreign) else new)
            at += len(old)
    return joined(parts)


def recased(text: str, change: Callable[[str], str]) -> str:
    """As str.upper, lower, title, capitalize …: letter by letter where the length stays."""
    new = change(plain(text))
    if not isinstance(text, Foreign):
        return new
    return Foreign(new, origins_of(text) if len(new) == len(text) else WRITTEN)


def formatted(change: Callable[[Any], str], values: Any) -> str:
    """The text that `change` makes of `values`, which may hold Foreign strings: found again by what takes their place.

    Where the result is not simply their letters among the template's, it is WRITTEN as a whole.
    """
    stands_for: dict[str, str] = {}
    real = change(_without_origins(values))
    probe = change(_with_stand_ins(values, stands_for))
    rebuilt = _filled(probe, stands_for)
    return rebuilt if plain(rebuilt) == real else Foreign(real)


def to_json(value: Any, ensure_ascii: bool = False, indent: int | str | None = None, separators: Any = None, sort_keys: bool = False) -> str:
    """As json.dumps, without the HTML escapes of Jinja's own filter, as Hugging Face's templates expect it."""
    stands_for: dict[str, str] = {}
    text = json.dumps(_with_stand_ins(value, stands_for, sort_keys), ensure_ascii=ensure_ascii, indent=indent, separators=separators)
    for key, foreign in stands_for.items():
        inner = json.dumps(plain(foreign), ensure_ascii=ensure_ascii)[1:-1]
        stands_for[key] = Foreign(inner, origins_of(foreign) if len(inner) == len(foreign) else WRITTEN)
    return _filled(text, stands_for)


def _without_origins(value: Any) -> Any:
    match value:
        case str():
            return plain(value)
        case Mapping():
            return {_without_origins(key): _without_origins(one) for key, one in value.items()}
        case list() | KeysView() | ValuesView() | ItemsView():
            return [_without_origins(one) for one in value]
        case tuple():
            return tuple(_without_origins(one) for one in value)
        case _:
            return value


def _with_stand_ins(value: Any, stands_for: dict[str, str], sort_keys: bool = False) -> Any:
    match value:
        case Foreign():
            key = f"q{secrets.token_hex(12)}q"  # letters and digits, unguessable: no text holds it, no format changes it
            stands_for[key] = value
            return key
        case Mapping():
            pairs = sorted(value.items()) if sort_keys else value.items()
            return {_with_stand_ins(key, stands_for): _with_stand_ins(one, stands_for, sort_keys) for key, one in pairs}
        case list() | KeysView() | ValuesView() | ItemsView():
            return [_with_stand_ins(one, stands_for, sort_keys) for one in value]
        case tuple():
            return tuple(_with_stand_ins(one, stands_for, sort_keys) for one in value)
        case _:
            return value


def _filled(text: str, stands_for: Mapping[str, str]) -> str:
    if not stands_for:
        return text
    return joined(stands_for.get(part, part) for part in re.split("(q[0-9a-f]{24}q)", text))
