"""The file that chats travel in: a zip of JSON lines with a manifest, written and read as a stream. No database here.

`manifest.json` tells format, version, counts and the SHA-256 of each part. The parts are `folders.jsonl`, `tags.jsonl`,
`chats-00001.jsonl` … (a chat, then its messages, oldest first, then its summaries) and `votes.jsonl`. The first line of a part names
format and version; every line ends with a check of its own, so that a broken file is taken as far as it is whole. Nothing is ever
unpacked to the disk.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import re
import stat
import struct
import zipfile
import zlib
from collections.abc import Callable, Generator, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from localstory.errors import CannotContinue, FileTrouble, Word
from localstory.words import mark

FORMAT = "localstory chats"
VERSION = 1
MANIFEST = "manifest.json"

PART_BYTES = 16 << 20
"""A part is closed behind the line that reaches this."""
MOST_ENTRIES = 10_000
MOST_RATIO = 100
"""A file larger than `MOST_BYTES` unpacked is refused when it shrank further than this: nobody's chats do."""
MOST_BYTES = 500_000_000
MOST_PART_BYTES = 32 << 20
"""Larger parts are refused, unless they shrank little (one huge message)."""
_LITTLE = 20
_MOST_DEPTH = 64
_MOST_MANIFEST = 8 << 20
_MOST_DIRECTORY = 16 << 20
_CHUNK = 1 << 18
_PART = re.compile(r"(folders|tags|votes|chats-\d{5})\.jsonl")
_KINDS = ("folder", "tag", "chat", "message", "summary", "vote")

Record = dict[str, Any]


class NotAnExport(CannotContinue):
    """A file that holds no chats of ours."""

    code = "not_an_export"

    def __init__(self, path: Path, reason: str = "") -> None:
        super().__init__(
            title=mark("There are no chats in this file that localstory can read"),
            detail="{path}: {reason}" if reason else "{path}",
            hint=mark("Choose a file that was written by “Export” or by `localstory chats export`."),
            path=str(path),
            reason=reason,
        )


class NewerExport(CannotContinue):
    """A newer localstory wrote the file. Nothing is taken: what it means is not known here."""

    code = "newer_export"

    def __init__(self, path: Path, found: int) -> None:
        super().__init__(
            title=mark("This file was written by a newer localstory"),
            detail=mark("{path} has version {found}; this program knows versions up to {known}."),
            hint=mark("Update localstory on this computer, then import the file."),
            path=str(path),
            found=found,
            known=VERSION,
        )


class UnsafeFile(CannotContinue):
    """A file made to do harm, or one that looks like it."""

    code = "unsafe_file"

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(title=mark("This file is not safe to open"), detail=mark("{path}: {reason}. Nothing was taken."), path=str(path), reason=Word(reason))


@dataclass(frozen=True, slots=True)
class LeftOut:
    """Something of a file that was not taken. `why` is a marked message."""

    where: str
    """Part and line ("chats-00001.jsonl:17"), or the part alone."""
    why: str


# -- writing -------------------------------------------------------------------------------------------------------------


def line_of(record: Record) -> bytes:
    """One line, with its check (CRC-32 of what stands before it)."""
    body = json.dumps(record, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode("utf-8", "replace")[:-1]
    return b'%s,"check":"%08x"}\n' % (body, zlib.crc32(body))


class Writer:
    """Writes one file, record by record; `close` adds the manifest. The caller opens and renames the file."""

    def __init__(self, file: IO[bytes], level: int = 4) -> None:
        self._zip = zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=level)
        self._parts: list[Record] = []
        self._entry: IO[bytes] | None = None
        self._name, self._digest, self._bytes, self._lines = "", hashlib.sha256(), 0, 0
        self._chats = 0
        self.counts: dict[str, int] = {}

    def add(self, kind: str, record: Record) -> None:
        """Put a record at the end. Kinds come in the order of `_KINDS`; messages and summaries behind their chat."""
        family = "chats-" if kind in ("chat", "message", "summary") else f"{kind}s"
        if not self._name.startswith(family) or self._bytes >= PART_BYTES:
            self._end_part()
            if family == "chats-":
                self._chats += 1
                family = f"chats-{self._chats:05d}"
            self._begin_part(f"{family}.jsonl")
        self._put(line_of({"kind": kind, **record}))
        self.counts[kind] = self.counts.get(kind, 0) + 1

    def close(self, about: Record) -> None:
        """The manifest, with `about` in it. A file that is not closed is none."""
        self._end_part()
        manifest = {"format": FORMAT, "version": VERSION, **about, "counts": self.counts, "parts": self._parts}
        self._zip.writestr(_entry(MANIFEST), json.dumps(manifest, ensure_ascii=False, indent=1))
        self._zip.close()

    def abandon(self) -> None:
        """After an error: give back what is held."""
        with contextlib.suppress(Exception):
            if self._entry is not None:
                self._entry.close()
        with contextlib.suppress(Exception):
            self._zip.close()

    def _begin_part(self, name: str) -> None:
        self._name, self._digest, self._bytes, self._lines = name, hashlib.sha256(), 0, 0
        self._entry = self._zip.open(_entry(name), "w")
        self._put(line_of({"kind": FORMAT, "version": VERSION}))

    def _put(self, line: bytes) -> None:
        assert self._entry is not None
        self._entry.write(line)
        self._digest.update(line)
        self._bytes += len(line)
        self._lines += 1

    def _end_part(self) -> None:
        if self._entry is not None:
            self._entry.close()
            self._parts.append({"name": self._name, "bytes": self._bytes, "lines": self._lines, "sha256": self._digest.hexdigest()})
            self._entry, self._name = None, ""


def _entry(name: str) -> zipfile.ZipInfo:
    # No time of day in it: the same chats make the same bytes.
    made = zipfile.ZipInfo(name, date_time=(1980, 1, 1, 0, 0, 0))
    made.compress_type = zipfile.ZIP_DEFLATED
    made.external_attr = 0o600 << 16
    return made


# -- reading -------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Part:
    name: str
    size_bytes: int
    packed_bytes: int
    chunks: Callable[[], Generator[bytes]]


@dataclass(slots=True)
class Archive:
    """A file that was opened and looked at; `records` reads it. Use `open_archive`, and `close` at the end."""

    path: Path
    manifest: Record
    """{} when it is missing: the file is cut off."""
    parts: list[_Part]
    left_out: list[LeftOut] = field(default_factory=list)
    close: Callable[[], None] = lambda: None

    @property
    def size_bytes(self) -> int:
        """Of all parts, unpacked."""
        return sum(part.size_bytes for part in self.parts)

    def records(self, read: Callable[[int], None] = lambda _bytes: None) -> Generator[tuple[str, Record] | LeftOut]:
        """(kind, record) by record, and what can't be taken. `read` hears how many bytes of `size_bytes` were gone through.

        Raises NewerExport, FileTrouble.
        """
        told = {part.get("name"): part for part in self.manifest.get("parts", ()) if isinstance(part, dict)}
        yield from self.left_out
        gone = 0
        for part in self.parts:
            expected = told.pop(part.name, None)
            with contextlib.closing(part.chunks()) as chunks:
                gone = yield from self._records(part.name, chunks, expected, gone, read)
        for name in told:
            yield LeftOut(str(name), mark("it is missing"))

    def _records(
        self, name: str, chunks: Iterator[bytes], expected: Record | None, gone: int, read: Callable[[int], None]
    ) -> Generator[tuple[str, Record] | LeftOut, None, int]:
        digest, number, is_whole = hashlib.sha256(), 0, True
        lines = _lines(chunks, digest)
        while True:
            try:
                line = next(lines, None)
            except (zipfile.BadZipFile, zlib.error, EOFError):
                yield LeftOut(name, mark("it is damaged from here on"))
                return gone
            except OSError as error:
                raise _unreadable(self.path, error) from error
            if line is None:
                break
            number += 1
            gone += len(line) + 1
            read(gone)
            where = f"{name}:{number}"
            try:
                kind, record = _parsed(line)
            except _BadLine as error:
                is_whole = False
                yield LeftOut(where, error.why)
                continue
            if kind == FORMAT:
                version = record.get("version")
                if isinstance(version, int) and version > VERSION:
                    raise NewerExport(self.path, version)
            elif kind in _KINDS:
                yield kind, record | {"where": where}
            else:
                yield LeftOut(where, mark("what it is is not known here"))
        if is_whole and expected is not None and expected.get("sha256") != digest.hexdigest():
            yield LeftOut(name, mark("lines are missing or were changed"))
        return gone


class _BadLine(Exception):
    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why


def _parsed(line: bytes) -> tuple[str, Record]:
    body, check = line[:-20], line[-20:]
    if check[:10] == b',"check":"' and check[18:] == b'"}':
        if b"%08x" % zlib.crc32(body) != check[10:18]:
            raise _BadLine(mark("it is damaged"))
        line = body + b"}"
    try:
        found = json.loads(line, parse_constant=_no_number)
    except (ValueError, RecursionError) as error:
        raise _BadLine(mark("it is damaged")) from error
    if not isinstance(found, dict) or not isinstance(found.get("kind"), str):
        raise _BadLine(mark("it is no record"))
    if not _is_flat(found, _MOST_DEPTH):
        raise _BadLine(mark("it is nested too deeply"))
    return found.pop("kind"), found


def _no_number(name: str) -> None:
    raise ValueError(name)


def _is_flat(value: object, depth: int) -> bool:
    if isinstance(value, dict):
        return depth > 0 and all(_is_flat(one, depth - 1) for one in value.values() if isinstance(one, dict | list))
    if isinstance(value, list):
        return depth > 0 and all(_is_flat(one, depth - 1) for one in value if isinstance(one, dict | list))
    return True


def _lines(chunks: Iterator[bytes], digest: Any) -> Iterator[bytes]:
    rest = bytearray()
    for chunk in chunks:
        digest.update(chunk)
        at = chunk.find(b"\n")
        if at < 0:
            rest += chunk
            continue
        whole = chunk.split(b"\n")
        yield bytes(rest) + whole[0]
        yield from whole[1:-1]
        rest = bytearray(whole[-1])
    if rest.strip():
        yield bytes(rest)


def open_archive(path: Path) -> Archive:
    """Look at a file and refuse what is none or unsafe: NotAnExport, NewerExport, UnsafeFile, FileTrouble. Its contents are read later.

    One that is cut off (a broken download) has no list of contents any more and is read from its beginning.
    """
    try:
        size = path.stat().st_size
        if not path.is_file():
            raise NotAnExport(path)
        with open(path, "rb") as file:
            if file.read(4) != b"PK\x03\x04":
                raise NotAnExport(path)
            directory = _directory(file, size)
            if directory is not None and (directory[0] > MOST_ENTRIES or directory[1] > _MOST_DIRECTORY):
                raise UnsafeFile(path, mark("it has far too many entries"))
        if directory is None:
            return _cut_off(path, size)
        try:
            archive = zipfile.ZipFile(path)
        except (zipfile.BadZipFile, ValueError, OverflowError, NotImplementedError, struct.error, UnicodeDecodeError):
            return _cut_off(path, size)
    except OSError as error:
        raise _unreadable(path, error) from error
    try:
        return _listed(path, archive, size)
    except BaseException:
        archive.close()
        raise


def _unreadable(path: Path, error: OSError) -> FileTrouble:
    return FileTrouble(title=mark("The file can't be read"), detail=mark("{path}: {reason}."), path=str(path), reason=error.strerror or str(error))


def _directory(file: IO[bytes], size: int) -> tuple[int, int] | None:
    """(entries, bytes) of the list at the end, before the library reads it whole; None when there is none."""
    file.seek(max(0, size - 65_557))
    tail = file.read()
    at = tail.rfind(b"PK\x05\x06")
    if at < 0 or at + 22 > len(tail):
        return None
    entries, length = struct.unpack_from("<HI", tail, at + 10)
    return (entries, length) if length != 0xFFFFFFFF else (entries, 0)


def _listed(path: Path, archive: zipfile.ZipFile, size: int) -> Archive:
    entries = archive.infolist()
    if len(entries) > MOST_ENTRIES:
        raise UnsafeFile(path, mark("it has far too many entries"))
    seen: set[str] = set()
    found = Archive(path, {}, [], close=archive.close)
    for entry in entries:
        mode = entry.external_attr >> 16
        name = entry.filename
        if name.startswith("/") or "\\" in name or ":" in name or ".." in name.split("/") or "\0" in entry.orig_filename or stat.S_ISLNK(mode):
            raise UnsafeFile(path, mark("a name in it leads out of it"))
        if entry.flag_bits & 1 or entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED) or name in seen:
            raise UnsafeFile(path, mark("it is packed in a way that no export is"))
        seen.add(name)
        if name == MANIFEST:
            found.manifest = _manifest(path, archive, entry)
        elif _PART.fullmatch(name):
            found.parts.append(_Part(name, entry.file_size, entry.compress_size, lambda entry=entry: _from_zip(archive, entry)))  # type: ignore[misc]
        elif not name.endswith("/"):
            found.left_out.append(LeftOut(name, mark("it belongs to no export")))
    if MANIFEST not in seen and not found.parts:
        raise NotAnExport(path)
    if not found.manifest:
        found.left_out.append(LeftOut(MANIFEST, mark("it is damaged") if MANIFEST in seen else mark("it is missing")))
    _refuse_bombs(found, size)
    found.parts.sort(key=lambda part: (part.name.startswith("votes"), not part.name.startswith(("folders", "tags")), part.name))
    return found


def _refuse_bombs(found: Archive, size: int) -> None:
    whole = found.size_bytes
    if whole > MOST_BYTES and whole > size * MOST_RATIO:
        raise UnsafeFile(found.path, mark("it would grow more than a hundred times"))
    for part in found.parts:
        if part.size_bytes > MOST_PART_BYTES and part.size_bytes > part.packed_bytes * _LITTLE:
            raise UnsafeFile(found.path, mark("a part of it would grow without measure"))


def _manifest(path: Path, archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> Record:
    if entry.file_size > _MOST_MANIFEST:
        raise UnsafeFile(path, mark("a part of it would grow without measure"))
    try:
        found = json.loads(archive.read(entry))
    except (zipfile.BadZipFile, zlib.error, EOFError, ValueError, RecursionError):
        return {}
    if not isinstance(found, dict) or found.get("format") != FORMAT:
        raise NotAnExport(path)
    version = found.get("version")
    if not isinstance(version, int):
        raise NotAnExport(path)
    if version > VERSION:
        raise NewerExport(path, version)
    return found if isinstance(found.get("parts"), list) else found | {"parts": []}


def _from_zip(archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> Generator[bytes]:
    with archive.open(entry) as file:
        while chunk := file.read(_CHUNK):
            yield chunk


def _cut_off(path: Path, size: int) -> Archive:
    """The parts of a zip whose end is missing, by the headers that stand before each of them."""
    found = Archive(path, {}, [], [LeftOut(MANIFEST, mark("the file is cut off or damaged"))])
    with open(path, "rb") as file:
        at = 0
        while len(found.parts) < MOST_ENTRIES:
            file.seek(at)
            head = file.read(30)
            if len(head) < 30 or head[:4] != b"PK\x03\x04":
                break
            flags, method = struct.unpack_from("<HH", head, 6)
            packed, whole, length, extra = struct.unpack_from("<IIHH", head, 18)
            name = file.read(length).decode("utf-8", "replace")
            begin = at + 30 + length + extra
            if _PART.fullmatch(name) and not flags & 9 and method == zipfile.ZIP_DEFLATED:
                end = min(begin + packed, size)
                found.parts.append(_Part(name, whole, end - begin, lambda begin=begin, end=end: _from_bytes(path, begin, end)))  # type: ignore[misc]
            at = begin + packed
    if not found.parts:
        raise NotAnExport(path)
    # The sizes that the headers tell are anybody's: no more than this is read of a part.
    _refuse_bombs(found, size)
    return found


def _from_bytes(path: Path, begin: int, end: int) -> Generator[bytes]:
    unpack = zlib.decompressobj(-15)
    read = 0
    with open(path, "rb") as file:
        file.seek(begin)
        while begin < end and (packed := file.read(min(_CHUNK, end - begin))):
            begin += len(packed)
            while packed and not unpack.eof:
                chunk = unpack.decompress(packed, _CHUNK)
                packed = unpack.unconsumed_tail
                read += len(chunk)
                if read > MOST_PART_BYTES:
                    raise zlib.error("too large")
                yield chunk
    if not unpack.eof:
        raise EOFError("cut off")


def write_lines(file: IO[bytes], records: Iterable[tuple[str, Record]], about: Record, heard: Callable[[int], None] = lambda _count: None) -> dict[str, int]:
    """A whole export from records in order; returns the counts by kind. `heard` is told how many records are written, and may raise."""
    writer = Writer(file)
    try:
        for number, (kind, record) in enumerate(records, 1):
            writer.add(kind, record)
            if number % 256 == 0:
                heard(number)
        writer.close(about)
    except BaseException:
        writer.abandon()
        raise
    return writer.counts
