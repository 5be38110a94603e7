"""Reads a header whose vocabulary need not be there: what the quantisations of one repository share is jumped over.

The vocabulary is most of a header (6.5 of 6.6 MB in Gemma 3), and the same in every quantisation of a model. Where a
sibling's `Layout` is known, its big arrays (same key, same kind, same count) are taken to be as long here, and the source
is told to `seek` over them. What follows must be the sibling's next fact: a wrong guess is noticed there, as `NotAlike`.
A repository may hold several models, so several layouts may be known.
"""

from __future__ import annotations

import io
import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import BinaryIO

from localstory.errors import mark
from localstory.gguf.header import Array, BadGguf, Header, HeaderReader, Value, read_header, refuse_cut_off
from localstory.gguf.stripped import RawHeader

_STRING, _ARRAY = 8, 9
_BIG_TEXTS, _BIG_NUMBERS = 256, 4096
"""Arrays up to these are kept with their values by `read_header`, so they are read."""
_WORTH_JUMPING_BYTES = 16 << 10
_TOKENS = "tokenizer.ggml.tokens"


class NotAlike(Exception):
    """The file is not built like its sibling: read it without a known layout."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where one fact lies in the file. `kind` and `count` are those of a big array's entries; `kind` is -1 for anything else."""

    key: str
    start: int
    end: int
    kind: int = -1
    count: int = 0


@dataclass(frozen=True, slots=True)
class Layout:
    """Where everything lies in a header, in bytes from the start of the file."""

    places: tuple[Place, ...]
    tensors_start: int
    tensors_end: int
    """The end of what has to be read: the data begins here or a few bytes on."""

    def wanted(self, slack_bytes: int) -> list[tuple[int, int]]:
        """The stretches that a sibling's reader will want, as (start, end) in this file; each with `slack_bytes` more."""
        stretches, start = [], 0
        for run in runs(self.places):
            stretches.append((start, self.places[run.start].start + slack_bytes))
            start = self.places[run.stop - 1].end
        stretches.append((start, self.tensors_end + slack_bytes))
        return stretches


@dataclass(frozen=True, slots=True)
class HeaderInPieces:
    """A header and what it was made of."""

    header: Header
    """As `read_header` gives it; big arrays have no values."""
    raw: RawHeader
    layout: Layout
    jumped_bytes: int
    """Taken over from the sibling without reading."""


def runs(places: tuple[Place, ...]) -> list[range]:
    """The stretches of big arrays side by side that are worth a jump, as ranges of indices."""
    found: list[range] = []
    for index, place in enumerate(places):
        if place.kind < 0 or place.end - place.start < _WORTH_JUMPING_BYTES:
            continue
        if found and found[-1].stop == index:
            found[-1] = range(found[-1].start, index + 1)
        else:
            found.append(range(index, index + 1))
    return found


def read_in_pieces(
    source: BinaryIO, known: Sequence[Layout] = (), *, file_bytes: int | None = None, on_sibling: Callable[[Layout], None] = lambda _layout: None
) -> HeaderInPieces:
    """Read a header from the start of `source`, which needs `read` and, when something is `known`, `seek` forward.

    `on_sibling` is told which of the known layouts is gone by, before the first jump.
    Raises NotAlike when layouts are known and none describes it; NotGguf, BadGguf, and whatever the source raises.
    """
    walk = _Walk(HeaderReader(source), known, on_sibling)
    try:
        return walk.all(file_bytes)
    except BadGguf as error:
        if walk.jumped_bytes:
            raise NotAlike from error
        raise


def header_of(raw: RawHeader, layout: Layout) -> Header:
    """The whole header again from its pieces: the big arrays in their places, counted and without values. Raises BadGguf."""
    small = read_header(io.BytesIO(_together(raw)))
    metadata: dict[str, Value] = {}
    for place in layout.places:
        metadata[place.key] = Array(place.count, None) if place.kind >= 0 else small.metadata[place.key]
    return replace(small, metadata=metadata, data_offset=-(-layout.tensors_end // small.alignment) * small.alignment)


def _together(raw: RawHeader) -> bytes:
    return b"GGUF" + struct.pack("<IQQ", raw.version, raw.tensor_count, len(raw.pairs)) + b"".join(raw.pairs.values()) + raw.tensors


class _Walk:
    """One way through a header."""

    def __init__(self, reader: HeaderReader, known: Sequence[Layout], on_sibling: Callable[[Layout], None]) -> None:
        self.reader = reader
        self.jumped_bytes = 0
        self._pairs: dict[str, bytes] = {}
        self._places: list[Place] = []
        self._siblings = list(known)
        self._is_free = not known
        """Nothing is known, so everything may be read."""
        self._on_sibling = on_sibling
        self._expected = ""
        """The key that must come now, after a jump; "" when any may."""

    def all(self, file_bytes: int | None) -> HeaderInPieces:
        version, tensor_count, pair_count = self.reader.begin()
        seen: set[str] = set()
        while len(self._places) < pair_count:
            before = len(self._places)
            self._fact()
            for place in self._places[before:]:
                if place.key in seen:
                    raise BadGguf(mark("The fact “{key}” stands in it twice."), key=place.key)
                seen.add(place.key)
        if len(self._places) != pair_count or self._expected:
            raise NotAlike
        tensors_start = self.reader.position
        self.reader.record()
        for _tensor in range(tensor_count):
            self.reader.tensor()
        vocabulary = next((place.count for place in self._places if place.key == _TOKENS and place.kind >= 0), None)
        raw = RawHeader(version, self._pairs, vocabulary, tensor_count, self.reader.recorded())
        layout = Layout(tuple(self._places), tensors_start, self.reader.position)
        header = header_of(raw, layout)
        if vocabulary is None and isinstance(tokens := header.metadata.get(_TOKENS), Array):
            raw = replace(raw, vocabulary=tokens.length)  # so few that they are kept
        if file_bytes is not None:
            refuse_cut_off(header, file_bytes)
        return HeaderInPieces(header, raw, layout, self.jumped_bytes)

    def _fact(self) -> None:
        reader = self.reader
        start = reader.position
        reader.record()
        key = reader.name(65_535)
        if self._expected and key != self._expected:
            raise NotAlike
        self._expected = ""
        kind = reader.u32()
        if kind != _ARRAY:
            if kind == _STRING:
                reader.string()
            else:
                reader.scalar(kind, key)
        else:
            inner, count = reader.array_head(key)
            if key.startswith("tokenizer.") and count > (_BIG_TEXTS if inner == _STRING else _BIG_NUMBERS):
                reader.forget()
                self._big(key, start, inner, count)
                return
            reader.pass_array(inner, count)
        self._pairs[key] = reader.recorded()
        self._places.append(Place(key, start, reader.position))

    def _big(self, key: str, start: int, inner: int, count: int) -> None:
        """A big array: read over, or jumped over together with those that follow it in the sibling."""
        reader = self.reader
        for sibling in self._siblings:
            for run in runs(sibling.places):
                there = sibling.places[run.start]
                if (there.key, there.kind, there.count) == (key, inner, count):
                    self._jump(start, sibling, run)
                    return
        if not self._is_free and count * 8 >= _WORTH_JUMPING_BYTES:
            raise NotAlike
        reader.pass_array(inner, count)
        self._places.append(Place(key, start, reader.position, inner, count))

    def _jump(self, start: int, sibling: Layout, run: range) -> None:
        if len(self._siblings) > 1 or not self.jumped_bytes:
            self._siblings = [sibling]
            self._on_sibling(sibling)
        known, reader = sibling.places, self.reader
        shift = start - known[run.start].start
        end = known[run.stop - 1].end + shift
        self._places.extend(replace(place, start=place.start + shift, end=place.end + shift) for place in known[run.start : run.stop])
        self.jumped_bytes += end - reader.position
        reader.jump(end - reader.position)
        self._expected = known[run.stop].key if run.stop < len(known) else ""
