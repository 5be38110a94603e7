"""How the film's child writes a file: whole under its name, or not at all."""

from __future__ import annotations

import os
from pathlib import Path


def part_of(out: Path, pid: int | None = None) -> Path:
    """The name of `out` while it is written: beside it, hidden, of the process that writes it (this one without `pid`).

    Short, since a name of 255 bytes may be given and must still leave room.
    """
    stem = out.name.encode("utf-8", "surrogateescape")[:40].decode("utf-8", "ignore")
    return out.with_name(f".{stem}.{os.getpid() if pid is None else pid}.part")


def put_in_place(part: Path, out: Path) -> None:
    """Give a finished file its name, after it is on the disk. Raises OSError."""
    with open(part, "rb+") as file:
        os.fsync(file.fileno())
    part.replace(out)
