"""A program that is fed through its stdin while it works (ffmpeg, frame by frame). For callers inside a worker."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from pathlib import Path


def start_fed(command: Sequence[str | Path]) -> subprocess.Popen[bytes]:
    """Start it in the group of its caller, with whom it ends: bytes go to `stdin`, complaints come on `stderr`. Raises OSError."""
    return subprocess.Popen([str(part) for part in command], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
