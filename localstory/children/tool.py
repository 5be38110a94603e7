"""Short calls of programs that are not ours (ffmpeg). Blocking: call it from a child or a thread."""

from __future__ import annotations

import contextlib
import subprocess
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from localstory import system


@dataclass(frozen=True, slots=True)
class ToolResult:
    """How a program ended."""

    exit_code: int
    stdout: bytes
    stderr: str


class ToolCancelled(Exception):
    """`should_stop` said so; the program is gone."""


def run_tool(
    command: Sequence[str | Path],
    *,
    timeout_seconds: float = 600.0,
    should_stop: Callable[[], bool] = lambda: False,
    on_line: Callable[[str], None] | None = None,
    own_group: bool = False,
) -> ToolResult:
    """Run a program to its end, without a shell and without stdin; `on_line` gets each line of its stdout as it comes.

    `own_group` is for callers outside a worker: inside one the program belongs to the worker's group and ends with it.
    Raises ToolCancelled, subprocess.TimeoutExpired, and OSError when the program can't be started.
    """
    options = system.child_options() if own_group else {}
    process = subprocess.Popen([str(part) for part in command], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, **options)
    out: list[bytes] = []
    err: list[bytes] = []

    def read_out() -> None:
        assert process.stdout is not None
        for line in process.stdout:
            out.append(line)
            if on_line is not None:
                on_line(line.decode("utf-8", "replace").rstrip())

    def read_err() -> None:
        assert process.stderr is not None
        for line in process.stderr:
            err.append(line)
            del err[:-2000]

    readers = [threading.Thread(target=read_out, daemon=True), threading.Thread(target=read_err, daemon=True)]
    for reader in readers:
        reader.start()
    ends = time.monotonic() + timeout_seconds
    try:
        while True:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(0.05)
                break
            if should_stop():
                raise ToolCancelled
            if time.monotonic() > ends:
                raise subprocess.TimeoutExpired(process.args, timeout_seconds)
    finally:
        if process.poll() is None:
            if own_group:
                system.end_group(process.pid)
            process.kill()
            process.wait()
        for reader in readers:
            reader.join(5.0)
        for stream in (process.stdout, process.stderr):
            if stream is not None:
                stream.close()
    return ToolResult(process.returncode, b"".join(out), b"".join(err).decode("utf-8", "replace"))
