"""A sound file gets its name only when it is whole."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

from localstory import system
from localstory.errors import FileTrouble
from localstory.words import mark


@contextlib.contextmanager
def part_file(out: Path) -> Iterator[Path]:
    """A name beside `out` to write to; it becomes `out` when the block ends well and is gone otherwise. Raises FileTrouble."""
    part = out.with_name(f".{out.name}.part")
    try:
        try:
            # Opened here, so that a folder that can't be written is known before any work; what a killed run left goes.
            part.unlink(missing_ok=True)
            part.touch()
            yield part
            part.replace(out)
            system.sync_folder(out.parent)
        except OSError as error:
            raise file_trouble(out, error.strerror or str(error)) from error
    finally:
        with contextlib.suppress(OSError):
            part.unlink(missing_ok=True)


def file_trouble(out: Path, reason: str) -> FileTrouble:
    """The error for a sound file that can't be written."""
    return FileTrouble(
        title=mark("The speech could not be saved"),
        detail=mark("{path}: {reason}."),
        hint=mark("Check that the folder exists, can be written to, and has free space."),
        path=str(out),
        reason=reason,
    )
