"""Stripped headers kept on the disk, so that the next look at a model costs a millisecond and no network.

A cache and nothing more: what is damaged, from another version or can't be written is as if it were not there.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import logging
import os
from collections.abc import Sequence
from pathlib import Path

from localstory import system
from localstory.gguf.header import BadGguf, read_header
from localstory.gguf.stripped import STRIPPED_LIMIT_BYTES, StrippedHeader, StrippedModel, strip_files

log = logging.getLogger(__name__)

_MAGIC = b"localstory stripped headers 1\n"
_ENTRIES = 1000
"""About 30 MB: a header is 15 to 100 kB."""


def file_key(paths: Sequence[Path]) -> str:
    """A name for the content of files here, by where they are, how long and how old. Raises OSError."""
    digest = hashlib.sha256()
    for path in paths:
        facts = path.stat()
        digest.update(f"{path.absolute()}\0{facts.st_size}\0{facts.st_mtime_ns}\n".encode("utf-8", "surrogateescape"))
    return digest.hexdigest()


class HeaderCache:
    """Stripped headers by a key of the caller's: `file_key` for files here; repository, file and its hash for the hub."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def get(self, key: str) -> StrippedModel | None:
        """What was put under this key; None when there is nothing, or nothing whole."""
        path = self._path(key)
        try:
            with open(path, "rb") as file:
                content = file.read(STRIPPED_LIMIT_BYTES * 4)
            model = _decoded(content)
        except FileNotFoundError:
            return None
        except (OSError, ValueError, BadGguf) as error:
            log.info("forgot a cached header: %s", error)
            with contextlib.suppress(OSError):
                path.unlink()
            return None
        with contextlib.suppress(OSError):
            os.utime(path)  # the oldest are removed first
        return model

    def put(self, key: str, model: StrippedModel) -> None:
        """Keep it. A disk that is full or read-only is no trouble: then it isn't kept."""
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            system.write_whole(self._path(key), _encoded(model))
            self._remove_oldest()
        except OSError as error:
            log.info("could not keep a header: %s", error)

    def of_files(self, paths: Sequence[Path]) -> StrippedModel:
        """`strip_files`, from here when the files did not change since. Raises FileTrouble, BadGguf."""
        try:
            key = file_key(paths)
        except OSError:
            return strip_files(paths)  # it says why
        model = self.get(key)
        if model is None:
            model = strip_files(paths)
            self.put(key, model)
        return model

    def _path(self, key: str) -> Path:
        return self._folder / f"{hashlib.sha256(key.encode('utf-8', 'surrogateescape')).hexdigest()}.stripped"

    def _remove_oldest(self) -> None:
        entries = list(self._folder.glob("*.stripped"))
        if len(entries) > _ENTRIES:
            for path in sorted(entries, key=lambda one: one.stat().st_mtime)[: len(entries) - _ENTRIES + _ENTRIES // 10]:
                path.unlink(missing_ok=True)


def _encoded(model: StrippedModel) -> bytes:
    parts = [{"bytes": len(part.content), "data_bytes": part.data_bytes} for part in model.parts]
    return _MAGIC + json.dumps({"key": model.key, "parts": parts}).encode() + b"\n" + b"".join(part.content for part in model.parts)


def _decoded(content: bytes) -> StrippedModel:
    """Raises ValueError or BadGguf when it is not what `_encoded` wrote."""
    magic, _newline, rest = content.partition(b"\n")
    line, _newline, raw = rest.partition(b"\n")
    if magic + b"\n" != _MAGIC:
        raise ValueError("another format")
    facts = json.loads(line)
    parts: list[StrippedHeader] = []
    at = 0
    try:
        for part in facts["parts"]:
            length, data_bytes = int(part["bytes"]), int(part["data_bytes"])
            piece = raw[at : at + length]
            parts.append(StrippedHeader(piece, data_bytes, read_header(io.BytesIO(piece))))
            at += length
    except (KeyError, TypeError) as error:
        raise ValueError("another format") from error
    model = StrippedModel(tuple(parts))
    if not parts or model.key != facts.get("key"):
        raise ValueError("damaged")
    _ = model.header
    return model
