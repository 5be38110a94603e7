"""What an MP4 file says about its pictures, read from its boxes (ISO/IEC 14496-12): enough to know that parts fit together."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_MOOV_LIMIT_BYTES = 64 << 20
_CONTAINERS = (b"moov", b"trak", b"mdia", b"minf", b"stbl")


class NotOurMp4(ValueError):
    """Not an MP4 with one H.264 track, or a damaged one."""


@dataclass(frozen=True, slots=True)
class VideoTrack:
    """The H.264 track of a file. `decoder` is its avcC box: files with the same one can be joined without encoding."""

    width: int
    height: int
    timescale: int
    frames: int
    deltas: tuple[int, ...]
    """The different lengths of its frames, in ticks; one for a film with a steady rate."""
    decoder: bytes


def read_video_track(path: Path) -> VideoTrack:
    """The first H.264 track. Raises NotOurMp4, OSError."""
    moov = b""
    with open(path, "rb") as file:
        size = path.stat().st_size
        for kind, start, end in _top_boxes(file, size):
            if kind == b"moov":
                if end - start > _MOOV_LIMIT_BYTES:
                    raise NotOurMp4("its index is too large")
                file.seek(start)
                moov = file.read(end - start)
    if not moov:
        raise NotOurMp4("it has no index: it was not finished")
    try:
        for kind, start, end in _boxes(moov, 0, len(moov)):
            if kind == b"trak":
                track = _video_track(moov, start, end)
                if track is not None:
                    return track
    except (struct.error, IndexError) as error:
        raise NotOurMp4(str(error)) from error
    raise NotOurMp4("it has no H.264 track")


def _top_boxes(file: object, size: int) -> Iterator[tuple[bytes, int, int]]:
    at = 0
    while at + 8 <= size:
        file.seek(at)  # type: ignore[attr-defined]
        head = file.read(16)  # type: ignore[attr-defined]
        length, kind = struct.unpack(">I4s", head[:8])
        body = at + 8
        if length == 1 and len(head) == 16:
            length, body = struct.unpack(">Q", head[8:])[0], at + 16
        elif length == 0:
            length = size - at
        if length < body - at or at + length > size:
            raise NotOurMp4("it is cut off")
        yield kind, body, at + length
        at += length


def _boxes(data: bytes, start: int, end: int) -> Iterator[tuple[bytes, int, int]]:
    at = start
    while at + 8 <= end:
        length, kind = struct.unpack_from(">I4s", data, at)
        if length < 8 or at + length > end:
            raise NotOurMp4("its index is damaged")
        yield kind, at + 8, at + length
        at += length


def _leaves(data: bytes, start: int, end: int) -> Iterator[tuple[bytes, int, int]]:
    for kind, inner, stop in _boxes(data, start, end):
        if kind in _CONTAINERS:
            yield from _leaves(data, inner, stop)
        else:
            yield kind, inner, stop


def _video_track(data: bytes, start: int, end: int) -> VideoTrack | None:
    timescale = width = height = 0
    frames, deltas, decoder = 0, [], b""
    for kind, at, stop in _leaves(data, start, end):
        if kind == b"hdlr" and data[at + 8 : at + 12] != b"vide":
            return None
        if kind == b"mdhd":
            timescale = struct.unpack_from(">I", data, at + (20 if data[at] == 1 else 12))[0]
        elif kind == b"stsd":
            entry = at + 8
            if data[entry + 4 : entry + 8] != b"avc1":
                return None
            width, height = struct.unpack_from(">HH", data, entry + 32)
            for inner, inside, finish in _boxes(data, entry + 86, stop):
                if inner == b"avcC":
                    decoder = data[inside:finish]
        elif kind == b"stts":
            for k in range(struct.unpack_from(">I", data, at + 4)[0]):
                count, delta = struct.unpack_from(">II", data, at + 8 + 8 * k)
                frames += count
                deltas.append(delta)
    if not (width and height and timescale and frames and decoder):
        raise NotOurMp4("its index is damaged")
    return VideoTrack(width, height, timescale, frames, tuple(sorted(set(deltas))), decoder)
