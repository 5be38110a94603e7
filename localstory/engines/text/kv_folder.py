"""The folder of saved states: what lies in it, and deleting it. Light enough for the window, which reads no state."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

SUFFIX = ".kv"


def make_folder(folder: Path) -> None:
    """The folder of states, for this person alone. Raises OSError."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)


def state_files(folder: Path) -> Iterator[Path]:
    """Every state there, by name; none where the folder can't be read."""
    try:
        yield from sorted(path for path in folder.iterdir() if path.suffix == SUFFIX and path.is_file() and not path.is_symlink())
    except OSError:
        return


def delete_file(path: Path) -> None:
    """Take a file away; one that is gone already, or can't go now, is fine."""
    with contextlib.suppress(OSError):  # another process may have been faster, or is reading it (Windows)
        path.unlink(missing_ok=True)


def forget_all(folder: Path) -> int:
    """Delete every state and every part; returns how many files went."""
    files = list(state_files(folder))
    with contextlib.suppress(OSError):
        files += folder.glob(".*.part")
    for path in files:
        delete_file(path)
    return sum(1 for path in files if not path.exists())


def states_bytes(folder: Path) -> tuple[int, int]:
    """How many states there are, and how much room they take."""
    sizes = []
    for path in state_files(folder):
        with contextlib.suppress(OSError):
            sizes.append(path.stat().st_size)
    return len(sizes), sum(sizes)
