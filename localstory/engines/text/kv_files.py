"""States of branches as files: written whole or not at all, and believed only when our own key signed them.

A state goes straight into llama.cpp's memory, whose reader trusts lengths in it (CVE-2026-43629): so nothing of a file is
handed on before its size, its header and both signatures are right. What is not right is deleted.

    magic 8 · header length u32 · header (JSON) · tokens (i32 each) · HMAC-SHA256 of all so far · states · HMAC-SHA256 of all

The first signature is enough to look for a branch; the second is checked over the bytes that llama.cpp gets. Little endian.
The name is made from the content, so that a file under another's name is known too.
"""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import json
import os
import secrets
import struct
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from localstory.engines.text.kv_folder import SUFFIX, delete_file, make_folder, state_files
from localstory.engines.text.kv_plan import Tokens, Weight, least_used

_MAGIC = b"LSKV\x00\x01\r\n"
_FORMAT = 1
_MAC_BYTES = 32
_HEADER_LIMIT_BYTES = 1 << 14
_TOKENS_LIMIT = 1 << 24
_CHUNK_BYTES = 4 << 20
_OLD_PART_SECONDS = 3600.0
OLDEST_DAYS = 30.0
"""A state that nothing used for so long is deleted: the text of a deleted chat stays no longer."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A part of a state: the whole of the first `length` tokens, or a checkpoint at that length."""

    length: int
    exact: bool
    content: bytes | bytearray | memoryview


@dataclass(frozen=True, slots=True)
class Saved:
    """A branch outside the cache."""

    tokens: Tokens
    key: str
    """What besides tokens its numbers depend on."""
    exact: int
    whole: bytes | bytearray | memoryview
    """The state of all its tokens."""
    points: tuple[Snapshot, ...] = ()

    @property
    def size_bytes(self) -> int:
        return len(self.whole) + sum(len(point.content) for point in self.points) + self.tokens.nbytes


@dataclass(frozen=True, slots=True)
class OnDisk:
    """What a file says of itself, signed; its states are not read yet."""

    path: Path
    tokens: Tokens
    key: str
    exact: int
    points: tuple[tuple[int, bool], ...]
    size_bytes: int


class Stopped(Exception):
    """`stop` said so: nothing was written."""


class _NotOurs(Exception):
    """The file is not one of ours, or not as we wrote it."""


def _head(identity: str, saved: Saved) -> bytes:
    header = {
        "format": _FORMAT, "identity": identity, "key": saved.key, "tokens": len(saved.tokens), "exact": saved.exact, "whole": len(saved.whole),
        "points": [[point.length, point.exact, len(point.content)] for point in saved.points],
    }  # fmt: skip
    text = json.dumps(header, ensure_ascii=False, separators=(",", ":")).encode()
    return _MAGIC + struct.pack("<I", len(text)) + text + saved.tokens.astype("<i4").tobytes()


def _name(identity: str, key: str, tokens: Tokens) -> str:
    digest = hashlib.sha256(f"{identity}\n{key}\n".encode() + tokens.astype("<i4").tobytes()).hexdigest()
    return f"{identity[:16]}-{digest[:32]}{SUFFIX}"


def write_state(folder: Path, secret: bytes, identity: str, saved: Saved, stop: Callable[[], bool] = lambda: False) -> OnDisk:
    """Write the branch; a file of the same branch is replaced. Raises OSError (a full disk), and Stopped when `stop` says so."""
    make_folder(folder)
    path = folder / _name(identity, saved.key, saved.tokens)
    part = folder / f".{secrets.token_hex(8)}.part"
    head = _head(identity, saved)
    mac = hmac.new(secret, digestmod=hashlib.sha256)
    size = 0
    try:
        descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o600)
        with open(descriptor, "wb", buffering=0) as file:

            def put(content: bytes | bytearray | memoryview) -> None:
                nonlocal size
                view = memoryview(content)
                for start in range(0, len(view), _CHUNK_BYTES):
                    if stop():
                        raise Stopped
                    piece = view[start : start + _CHUNK_BYTES]
                    mac.update(piece)
                    rest = piece
                    while rest:
                        rest = rest[file.write(rest) :]
                    size += len(piece)

            put(head)
            put(mac.digest())
            put(saved.whole)
            for point in saved.points:
                put(point.content)
            put(mac.digest())
        # No fsync: after a power cut a half file fails its signature and is deleted.
        part.replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            part.unlink(missing_ok=True)
        raise
    return OnDisk(path, saved.tokens, saved.key, saved.exact, tuple((point.length, point.exact) for point in saved.points), size)


def find_states(folder: Path, secret: bytes, identity: str) -> list[OnDisk]:
    """The states of this model under these settings. Files that are not as they should be are deleted, and so are old parts."""
    found = []
    for path in state_files(folder):
        if not path.name.startswith(f"{identity[:16]}-"):
            continue
        try:
            with open(path, "rb") as file:
                told, _mac, _header = _read_head(file, path, secret, identity)
            found.append(told)
        except _NotOurs:
            delete_file(path)
        except OSError:
            continue
    return found


def read_state(told: OnDisk, secret: bytes, identity: str, stop: Callable[[], bool] = lambda: False) -> Saved | None:
    """The whole branch; None when the file is gone or is no longer as it was written (then it is deleted). Raises Stopped."""
    try:
        with open(told.path, "rb") as file:
            again, mac, header = _read_head(file, told.path, secret, identity)
            if not np.array_equal(again.tokens, told.tokens):
                raise _NotOurs
            sizes = [int(header["whole"]), *(int(size) for _length, _exact, size in header["points"])]
            # Each part by itself: a checkpoint that stays in memory must not keep the whole state there.
            parts = [_read_part(file, size, mac, stop) for size in sizes]
            if not hmac.compare_digest(file.read(_MAC_BYTES + 1), mac.digest()):
                raise _NotOurs
        with contextlib.suppress(OSError):
            os.utime(told.path)  # used just now
    except _NotOurs:
        delete_file(told.path)
        return None
    except (OSError, MemoryError):
        return None
    points = tuple(Snapshot(length, exact, part) for (length, exact), part in zip(again.points, parts[1:], strict=True))
    return Saved(again.tokens, again.key, again.exact, parts[0], points)


def _read_part(file: Any, size: int, mac: hmac.HMAC, stop: Callable[[], bool]) -> bytearray:
    """The next bytes, all of them. Raises _NotOurs, Stopped, OSError, MemoryError."""
    content = bytearray(size)
    view = memoryview(content)
    for start in range(0, size, _CHUNK_BYTES):
        if stop():
            raise Stopped
        piece = view[start : start + _CHUNK_BYTES]
        if file.readinto(piece) != len(piece):
            raise _NotOurs
        mac.update(piece)
    return content


def _read_head(file: Any, path: Path, secret: bytes, identity: str) -> tuple[OnDisk, hmac.HMAC, dict[str, Any]]:
    """The signed head of a file whose size is right. Raises _NotOurs, OSError."""
    size = os.fstat(file.fileno()).st_size
    start = file.read(len(_MAGIC) + 4)
    if len(start) != len(_MAGIC) + 4 or not start.startswith(_MAGIC):
        raise _NotOurs
    (header_bytes,) = struct.unpack("<I", start[len(_MAGIC) :])
    if header_bytes > min(_HEADER_LIMIT_BYTES, size):
        raise _NotOurs
    text = file.read(header_bytes)
    try:
        header = json.loads(text.decode("utf-8"))
        untrusted_tokens, whole = int(header["tokens"]), int(header["whole"])
        points = [(int(length), bool(exact), int(point)) for length, exact, point in header["points"]]
        exact, key = int(header["exact"]), str(header["key"])
        known = header["format"] == _FORMAT and header["identity"] == identity
    except (ValueError, KeyError, TypeError, RecursionError, OverflowError) as error:
        raise _NotOurs from error
    counts = [untrusted_tokens, whole, exact, *(number for length, _e, point in points for number in (length, point))]
    expected = len(start) + header_bytes + 4 * untrusted_tokens + whole + sum(point for _l, _e, point in points) + 2 * _MAC_BYTES
    if not known or min(counts) < 0 or not 0 < untrusted_tokens <= _TOKENS_LIMIT or whole == 0 or expected != size:
        raise _NotOurs
    raw = file.read(4 * untrusted_tokens)
    mac = hmac.new(secret, start + text + raw, hashlib.sha256)
    signature = file.read(_MAC_BYTES)
    if not hmac.compare_digest(signature, mac.digest()):
        raise _NotOurs
    mac.update(signature)
    tokens = np.frombuffer(raw, dtype="<i4").astype(np.int32)
    if path.name != _name(identity, key, tokens):
        raise _NotOurs
    return OnDisk(path, tokens, key, exact, tuple((length, sure) for length, sure, _size in points), size), mac, header


def delete_state(told: OnDisk) -> None:
    """Take the file away; one that is gone already is fine."""
    delete_file(told.path)


def thin_out(folder: Path, budget_bytes: int, now: float | None = None) -> int:
    """Delete what is older than `OLDEST_DAYS`, then the least used, until the rest fits into the budget; returns how many went.

    Files of every model count. Parts that a killed process left behind go too.
    """
    now = time.time() if now is None else now
    gone = 0
    files: list[Path] = []
    weights: list[Weight] = []
    with contextlib.suppress(OSError):
        for part in folder.glob(".*.part"):
            with contextlib.suppress(OSError):
                if now - part.stat().st_mtime > _OLD_PART_SECONDS:
                    part.unlink()
    for path in state_files(folder):
        try:
            facts = path.stat()
        except OSError:
            continue
        if now - facts.st_mtime > OLDEST_DAYS * 86400:
            delete_file(path)
            gone += 1
            continue
        weights.append(Weight(len(files), facts.st_size, facts.st_mtime))
        files.append(path)
    for index in least_used(weights, budget_bytes):
        delete_file(files[index])
        gone += 1
    return gone
