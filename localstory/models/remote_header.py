"""Headers of models that are not here, read by byte ranges, several at a time, and kept for the next question.

One header of a repository is read whole. Of every other quantisation only its own part is: the facts before and behind
the vocabulary and the tensor table (`gguf.in_pieces`). What was read stays in <home>/cache/headers, by repository,
commit, file and size: asking again costs no network. A cache that is broken, cut or foreign is read anew.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import io
import json
import os
import threading
import zlib
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast
from urllib.parse import urlsplit

from localstory.errors import CannotContinue, Size, mark
from localstory.gguf.header import HEADER_LIMIT_BYTES, BadGguf, Header, refuse_cut_off
from localstory.gguf.in_pieces import HeaderInPieces, Layout, NotAlike, Place, header_of, read_in_pieces
from localstory.gguf.stripped import RawHeader
from localstory.net import Net, Piece
from localstory.net.errors import (
    BadAnswer,
    Forbidden,
    HostNotFound,
    NeedsToken,
    NoConnection,
    NotOnServer,
    NotSecure,
    Offline,
    ProxyTrouble,
    RangeNotThere,
    TooManyRequests,
    TooSlow,
)

PURPOSE = mark("Header of a model, to see whether it fits")
_FIRST_BYTES = 128 << 10
_MOST_AT_ONCE_BYTES = 1 << 20
"""Fewer round trips against what is read beyond the header's end: at most this much."""
_SLACK_BYTES = 512
"""A sibling's facts differ by a few bytes ("Q4_K_M" and "Q6_K" in its name)."""
_AT_ONCE = 6
_NOBODY_ANSWERS = (Offline, HostNotFound, NoConnection, NotSecure, ProxyTrouble, TooSlow, NeedsToken, TooManyRequests)
_CACHE_FORMAT = 1
_CACHE_LIMIT_BYTES = 512 << 20
_CACHE_ENTRY_LIMIT_BYTES = 128 << 20


@dataclass(frozen=True, slots=True)
class RemoteFile:
    """A GGUF file on a server."""

    url: str
    size_bytes: int | None
    """None when nobody said; then the server's first answer does."""
    family: str
    """Files with the same vocabulary, most likely: the repository. Never shared between servers."""
    version: str
    """Commit, digest or ETag: a change of it means another content. "" when there is none (then nothing is cached)."""
    name: str
    token: str = ""

    @property
    def cache_key(self) -> str:
        """ "" when it must not be cached."""
        whole = "\0".join((self.family, self.version, self.name, str(self.size_bytes)))
        return hashlib.sha256(whole.encode("utf-8", "surrogatepass")).hexdigest()[:40] if self.version and self.size_bytes is not None else ""


@dataclass(frozen=True, slots=True)
class RemoteHeader:
    """What was read of a remote file."""

    header: Header
    raw: RawHeader
    layout: Layout
    size_bytes: int
    """Of the file."""
    bytes_read: int
    """Over the network, for this answer; 0 from the cache."""
    requests: int = 0
    shared_bytes: int = 0
    """Taken to be as in a sibling's header, and not read."""
    whole_header: Path | None = None
    """A file with a whole header, vocabulary and all, of this model or a sibling; None when there is none here."""


# -- a file by ranges ---------------------------------------------------------------------------------------------------


class RangeFile(io.RawIOBase):
    """Reads a remote file from its start, in growing pieces, and keeps them. Not for more than a header: 64 MiB at most."""

    def __init__(self, net: Net, file: RemoteFile, stop: threading.Event | None = None) -> None:
        self._net, self._file, self._stop = net, file, stop
        self._wanted: list[tuple[int, int]] = []
        self._pieces: list[tuple[int, bytes]] = []
        self._at = 0
        self._next_bytes = _FIRST_BYTES
        self._url = file.url
        self._etag = ""
        self.size_bytes = file.size_bytes
        self.bytes_read = 0
        self.requests = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        self._at = offset if whence == os.SEEK_SET else self._at + offset
        return self._at

    def restart(self) -> None:
        """Read from the start again, without a plan; what is here already is not fetched twice."""
        self._at, self._wanted = 0, []

    def plan(self, stretches: Sequence[tuple[int, int]]) -> None:
        """Which stretches will be wanted: each is fetched at once, and no more."""
        self._wanted = list(stretches)

    def read(self, size: int = -1) -> bytes:
        """Up to `size` bytes, at least one unless the file ends. Raises NetTrouble, BadGguf beyond 64 MiB."""
        if size <= 0:
            return b""
        content = self._kept(size) or self._fetched(size)
        self._at += len(content)
        return content

    def whole(self, end: int) -> bytes | None:
        """The first `end` bytes, if all of them were read; None otherwise."""
        parts, at = [], 0
        while at < end:
            self._at = at
            part = self._kept(end - at)
            if not part:
                return None
            parts.append(part)
            at += len(part)
        return b"".join(parts)

    def _kept(self, size: int) -> bytes:
        for start, content in self._pieces:
            if start <= self._at < start + len(content):
                return content[self._at - start : self._at - start + size]
        return b""

    def _fetched(self, size: int) -> bytes:
        start = self._at
        if self.size_bytes is not None and start >= self.size_bytes:
            return b""
        if start >= HEADER_LIMIT_BYTES:
            raise BadGguf(mark("Its header is larger than {limit}."), limit=Size(HEADER_LIMIT_BYTES))
        end = next((end for first, end in self._wanted if first - _SLACK_BYTES <= start < end), 0)
        if not end:
            end = start + self._next_bytes
            self._next_bytes = max(self._next_bytes, min(self._next_bytes * 2, _MOST_AT_ONCE_BYTES))
        later = [first for first, _content in self._pieces if first > start]
        end = min([end, HEADER_LIMIT_BYTES, *later] + ([self.size_bytes] if self.size_bytes is not None else []))
        content = self._range(start, end)
        self._pieces.append((start, content))
        return content[:size]

    def _range(self, start: int, end: int) -> bytes:
        self.requests += 1
        try:
            piece = self._ask(self._url, start, end)
        except (Forbidden, NotOnServer):
            if self._url == self._file.url:
                raise
            self._url = self._file.url  # the place we were sent to lasts only so long: ask where it is now
            piece = self._ask(self._url, start, end)
        except RangeNotThere as error:
            if start == 0 and error.total_bytes == 0:
                return b""
            raise
        self.bytes_read += piece.read_bytes
        if piece.is_whole_file_server:
            # It begins at the start each time, so few large pieces cost less than many small ones.
            self._next_bytes = max(self._next_bytes, 3 * end)
        if piece.total_bytes is not None:
            if self.size_bytes is not None and piece.total_bytes != self.size_bytes:
                raise BadAnswer(
                    urlsplit(piece.url).hostname or "",
                    mark("The file has {have} there instead of {want}."),
                    have=Size(piece.total_bytes),
                    want=Size(self.size_bytes),
                )
            self.size_bytes = piece.total_bytes
        self._url, self._etag = piece.url, self._etag or piece.etag
        return piece.content

    def _ask(self, url: str, start: int, end: int) -> Piece:
        # The token belongs to the first server alone; where it sends us to, the address itself is the permission.
        token = self._file.token if urlsplit(url).netloc == urlsplit(self._file.url).netloc else ""
        return self._net.get_range(url, start, end, purpose=PURPOSE, token=token, etag=self._etag, stop=self._stop)


# -- several headers ------------------------------------------------------------------------------------------------------

Report = Callable[[int, "RemoteHeader | CannotContinue"], None]


def read_remote_headers(
    files: Sequence[RemoteFile],
    net: Net,
    cache: Path | None,
    *,
    on_read: Report | None = None,
    stop: threading.Event | None = None,
) -> list[RemoteHeader | CannotContinue]:
    """The headers of `files`, in their order; in the place of one that can't be had stands the reason (NetTrouble, BadGguf).

    `cache`: the folder <home>/cache/headers, made if need be; None keeps nothing. `on_read(index, result)` is called as they
    come, from several threads. Blocks; run it in a thread.
    """
    results: list[RemoteHeader | CannotContinue | None] = [None] * len(files)
    shelf = _Shelf(cache)
    siblings: dict[str, list[tuple[Layout, Path | None]]] = {}
    sources = [RangeFile(net, file, stop) for file in files]

    def keep(index: int, result: RemoteHeader | CannotContinue) -> None:
        results[index] = result
        if isinstance(result, RemoteHeader) and not result.shared_bytes and _has_vocabulary(result.layout):
            siblings.setdefault(files[index].family, []).append((result.layout, result.whole_header))
        if on_read is not None:
            on_read(index, result)

    def read(index: int, known: Sequence[tuple[Layout, Path | None]]) -> None:
        try:
            keep(index, _read(files[index], sources[index], shelf, known))
        except NotAlike:
            return
        except CannotContinue as error:
            keep(index, error)

    def nobody_answers() -> None:
        """Where nobody answers for one file of a family, nobody does for the others: don't wait for each."""
        for index, result in enumerate(list(results)):
            for other in range(len(files)) if isinstance(result, _NOBODY_ANSWERS) else ():
                if results[other] is None and files[other].family == files[index].family:
                    keep(other, cast(CannotContinue, result))

    for index, file in enumerate(files):
        cached = shelf.take(file)
        if cached is not None:
            keep(index, cached)
    for index, result in enumerate(results):  # all cached ones are shared: one of them serves
        if isinstance(result, RemoteHeader) and files[index].family not in siblings and _has_vocabulary(result.layout):
            siblings[files[index].family] = [(result.layout, result.whole_header)]
    with ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="headers") as threads:
        while None in results:
            # One of each family goes ahead and is read whole, the others by its layout; those that are not alike wait for
            # the next round, where one of them goes ahead.
            families = {file.family: tuple(siblings.get(file.family, ())) for file in files}
            alike = [index for index, result in enumerate(results) if result is None and families[files[index].family]]
            list(threads.map(lambda index: read(index, families[files[index].family]), alike))  # noqa: B023 - ends before the next round
            nobody_answers()
            left = [index for index, result in enumerate(results) if result is None]
            list(threads.map(lambda index: read(index, ()), {files[index].family: index for index in reversed(left)}.values()))
            nobody_answers()
    return [result for result in results if result is not None]


def _has_vocabulary(layout: Layout) -> bool:
    return any(place.kind >= 0 for place in layout.places)


def _vocabulary(layout: Layout) -> list[tuple[str, int, int, int]]:
    """What must be the same for two files to share it."""
    return [(place.key, place.kind, place.count, place.end - place.start) for place in layout.places if place.kind >= 0]


def _read(file: RemoteFile, source: RangeFile, shelf: _Shelf, known: Sequence[tuple[Layout, Path | None]]) -> RemoteHeader:
    """Read one header; by one of the `known` layouts, if there are any: then raises NotAlike when none of them fits."""
    try:
        pieces = _pieces(source, [layout for layout, _path in known])
    except RangeNotThere as error:
        raise BadGguf(mark("The file is cut off inside its header, after {have}."), have=Size(error.total_bytes or source.tell())) from error
    if source.size_bytes is not None:
        refuse_cut_off(pieces.header, source.size_bytes)
    if not pieces.header.architecture and pieces.header.part is None:
        raise BadGguf(mark("It does not say what kind of model it is (general.architecture)."))
    size_bytes = source.size_bytes if source.size_bytes is not None else pieces.header.data_offset + pieces.header.data_bytes
    whole = source.whole(pieces.layout.tensors_end) if not pieces.jumped_bytes else None
    shared = [path for layout, path in known if pieces.jumped_bytes and _vocabulary(layout) == _vocabulary(pieces.layout)]
    read = RemoteHeader(
        pieces.header,
        pieces.raw,
        pieces.layout,
        size_bytes,
        source.bytes_read,
        source.requests,
        pieces.jumped_bytes,
        next((path for path in shared if path is not None), None),
    )
    return shelf.put(replace(file, size_bytes=size_bytes), read, whole if _has_vocabulary(pieces.layout) else None, pieces)


def _pieces(source: RangeFile, known: list[Layout]) -> HeaderInPieces:
    while True:
        source.restart()
        if known:
            source.plan(known[0].wanted(_SLACK_BYTES))
        chosen: list[Layout] = []

        def go_by(layout: Layout, chosen: list[Layout] = chosen) -> None:
            chosen.append(layout)
            source.plan(layout.wanted(_SLACK_BYTES))

        try:
            return read_in_pieces(cast(Any, source), known, on_sibling=go_by)  # RawIOBase is no BinaryIO to the type checker
        except NotAlike:
            # Two vocabularies of the same count look alike at first.
            known = [layout for layout in known if layout not in chosen]
            if not known or not chosen:
                raise


# -- the cache ------------------------------------------------------------------------------------------------------------


class _Shelf:
    """The folder of headers: `<key>.header` without the vocabulary, `<key>.whole` with it. Nothing in it is trusted."""

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder

    def take(self, file: RemoteFile) -> RemoteHeader | None:
        """A header read earlier; None when there is none that is sound."""
        if self._folder is None or not file.cache_key or file.size_bytes is None:
            return None
        path = self._folder / f"{file.cache_key}.header"
        # What is wrong with it does not matter: it is read anew.
        with contextlib.suppress(OSError, ValueError, KeyError, TypeError, zlib.error, RecursionError, AttributeError, BadGguf):
            if path.stat().st_size > _CACHE_ENTRY_LIMIT_BYTES:
                return None
            first, _newline, packed = path.read_bytes().partition(b"\n")
            facts = json.loads(first)
            if facts["format"] != _CACHE_FORMAT or facts["sha256"] != hashlib.sha256(packed).hexdigest():
                return None
            unpacked = zlib.decompressobj().decompress(packed, _CACHE_ENTRY_LIMIT_BYTES)
            raw, layout, shared, whole = _unpacked(json.loads(unpacked))
            header = header_of(raw, layout)
            refuse_cut_off(header, file.size_bytes)
            whole_path = self._folder / f"{whole}.whole" if whole else None
            with contextlib.suppress(OSError):
                os.utime(path)
            return RemoteHeader(
                header, raw, layout, file.size_bytes, 0, shared_bytes=shared, whole_header=whole_path if whole_path and whole_path.is_file() else None
            )
        return None

    def put(self, file: RemoteFile, read: RemoteHeader, whole: bytes | None, pieces: HeaderInPieces) -> RemoteHeader:
        """Keep what was read; a folder that can't be written is no error. Returns it with the path of a whole header."""
        if self._folder is None or not file.cache_key:
            return read
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            if whole is not None:
                path = self._folder / f"{file.cache_key}.whole"
                self._write(path, whole)
                read = replace(read, whole_header=path)
            packed = zlib.compress(json.dumps(_packed(pieces, read.whole_header)).encode(), 1)
            facts = {"format": _CACHE_FORMAT, "sha256": hashlib.sha256(packed).hexdigest(), "name": file.name}
            self._write(self._folder / f"{file.cache_key}.header", json.dumps(facts).encode() + b"\n" + packed)
            self._sweep()
        except OSError:
            return replace(read, whole_header=None)
        return read

    def _write(self, path: Path, content: bytes) -> None:
        # Not system.write_whole: a cache needs no fsync, its checksum tells a torn file.
        part = path.with_name(f".{path.name}.{os.getpid()}.{threading.get_ident()}.part")
        try:
            part.write_bytes(content)
            part.replace(path)
        except BaseException:
            part.unlink(missing_ok=True)
            raise

    def _sweep(self) -> None:
        """Drop what was not used for longest, when the folder grows too large."""
        assert self._folder is not None
        kept = []
        for path in self._folder.iterdir():
            with contextlib.suppress(OSError):
                facts = path.stat()
                kept.append((facts.st_mtime, facts.st_size, path))
        total = sum(size for _when, size, _path in kept)
        for _when, size, path in sorted(kept):
            if total <= _CACHE_LIMIT_BYTES:
                return
            path.unlink(missing_ok=True)
            total -= size


def _packed(pieces: HeaderInPieces, whole: Path | None) -> dict[str, Any]:
    raw, layout = pieces.raw, pieces.layout
    return {
        "version": raw.version,
        "pairs": [[key, base64.b64encode(encoded).decode()] for key, encoded in raw.pairs.items()],
        "vocabulary": raw.vocabulary,
        "tensor_count": raw.tensor_count,
        "tensors": base64.b64encode(raw.tensors).decode(),
        "places": [[place.key, place.start, place.end, place.kind, place.count] for place in layout.places],
        "span": [layout.tensors_start, layout.tensors_end],
        "shared": pieces.jumped_bytes,
        "whole": whole.stem if whole is not None else "",
    }


def _unpacked(facts: dict[str, Any]) -> tuple[RawHeader, Layout, int, str]:
    pairs = {str(key): base64.b64decode(encoded) for key, encoded in facts["pairs"]}
    vocabulary = None if facts["vocabulary"] is None else int(facts["vocabulary"])
    raw = RawHeader(int(facts["version"]), pairs, vocabulary, int(facts["tensor_count"]), base64.b64decode(facts["tensors"]))
    places = tuple(Place(str(key), int(start), int(end), int(kind), int(count)) for key, start, end, kind, count in facts["places"])
    layout = Layout(places, int(facts["span"][0]), int(facts["span"][1]))
    whole = str(facts["whole"])
    return raw, layout, int(facts["shared"]), whole if whole.isalnum() else ""
