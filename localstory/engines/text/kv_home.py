"""Where the saved states of branches live, the key that signs them, and how much room they may take. Our side, not the child's."""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from localstory.engines.text.kv_folder import forget_all, make_folder, states_bytes
from localstory.hardware.probe import memory_now

_KEY_FILE = "key"
_KEY_BYTES = 32
_MEMORY_MOST = 512 << 20
_DISK_MOST = 4 << 30


@dataclass(frozen=True, slots=True)
class KvHome:
    """The folder of states of one person. None as a budget: worked out from what is free when a model loads; 0: off."""

    folder: Path
    memory_bytes: int | None = None
    disk_bytes: int | None = None

    def load_args(self) -> dict[str, Any]:
        """For the child, through its pipe: never on a command line or in an environment."""
        disk = self.disk_bytes if self.disk_bytes is not None else default_disk_bytes(self.folder)
        secret = b""
        if disk:
            try:
                secret = read_key(self.folder)
            except OSError:
                disk = 0  # nothing to sign with: nothing is written
        return {
            "folder": str(self.folder) if disk else "",
            "secret": secret.hex(),
            "memory_bytes": self.memory_bytes if self.memory_bytes is not None else default_memory_bytes(),
            "disk_bytes": disk,
        }

    def forget(self) -> int:
        """Delete every saved state; returns how many files went. Models that are loaded keep what they have in memory."""
        return forget_all(self.folder)

    def taken(self) -> tuple[int, int]:
        """How many saved states there are, and their bytes."""
        return states_bytes(self.folder)


def memory_alone(memory_bytes: int | None = None) -> dict[str, Any]:
    """Load arguments for an engine without a home: nothing goes to the disk."""
    return {"folder": "", "secret": "", "memory_bytes": default_memory_bytes() if memory_bytes is None else memory_bytes, "disk_bytes": 0}


def default_memory_bytes() -> int:
    """A sixteenth of the memory that is free (in our container) before the model loads, 512 MiB at most: small beside what the fit
    check leaves free."""
    return min(_MEMORY_MOST, (memory_now().available_bytes or 0) // 16)


def default_disk_bytes(folder: Path) -> int:
    """A tenth of the free disk, 4 GiB at most; 0 where that is not known."""
    place = folder
    while not place.exists() and place != place.parent:
        place = place.parent
    try:
        return min(_DISK_MOST, shutil.disk_usage(place).free // 10)
    except OSError:
        return 0


def read_key(folder: Path) -> bytes:
    """The key that signs this person's states; made at the first need. Raises OSError.

    Two processes may be first at once: a hard link, or a rename that replaces nothing, gives one of them the name.
    """
    path = folder / _KEY_FILE
    for _try in range(3):
        with contextlib.suppress(FileNotFoundError):
            content = path.read_bytes()
            if len(content) == _KEY_BYTES:
                return content
            path.unlink(missing_ok=True)  # cut short: no state it could have signed is of use
        make_folder(folder)
        part = folder / f".{secrets.token_hex(8)}.part"
        descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o600)
        try:
            with open(descriptor, "wb") as file:
                file.write(secrets.token_bytes(_KEY_BYTES))
                file.flush()
                os.fsync(file.fileno())
            with contextlib.suppress(FileExistsError):
                try:
                    os.link(part, path)
                except FileExistsError:
                    raise
                except OSError:  # no hard links here (FAT, some network disks)
                    if not path.exists():
                        part.rename(path)
        finally:
            part.unlink(missing_ok=True)
    raise OSError("the key of the saved states can't be made")
