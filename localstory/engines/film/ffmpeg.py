"""Where ffmpeg is, and what it says. In the child."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path

from localstory.children.tool import run_tool
from localstory.children.worker import Cancelled, Refused

SAFE = ("-nostdin", "-hide_banner", "-protocol_whitelist", "file,pipe,crypto,data")
"""Before every input of ours: nothing a file names is fetched from a network."""


def find_ffmpeg() -> str | None:
    """The ffmpeg to use: IMAGEIO_FFMPEG_EXE, the one imageio-ffmpeg brings, or the system's; None when there is none."""
    chosen = os.environ.get("IMAGEIO_FFMPEG_EXE")
    if chosen:
        return chosen if Path(chosen).is_file() else None
    try:
        import imageio_ffmpeg

        return str(imageio_ffmpeg.get_ffmpeg_exe())
    except (ImportError, RuntimeError):
        return shutil.which("ffmpeg")


@cache
def _the_ffmpeg() -> str:
    path = find_ffmpeg()
    if path is None:
        raise Refused("no_ffmpeg")
    return path


def ffmpeg(arguments: Sequence[str | Path], *, should_stop: Callable[[], bool]) -> str:
    """Run ffmpeg to its end; returns what it said on stderr. Raises Refused (with its last line), Cancelled."""
    from localstory.children.tool import ToolCancelled

    try:
        result = run_tool([_the_ffmpeg(), *arguments], should_stop=should_stop)
    except ToolCancelled:
        raise Cancelled from None
    except OSError as error:
        raise Refused("no_ffmpeg", reason=str(error)) from error
    if result.exit_code != 0:
        raise failure(result.stderr)
    return result.stderr


def failure(stderr: str) -> Refused:
    """What ffmpeg's cries mean."""
    lines = [line.strip() for line in stderr.splitlines() if line.strip()]
    if "No space left on device" in stderr or "File too large" in stderr:
        return Refused("disk_full", reason="No space left on device")
    return Refused("ffmpeg_failed", reason=lines[-1][:300] if lines else "it said nothing")


def version(text: str) -> str:
    """ "7.1" out of the first line of `ffmpeg -version`; "" when it isn't one."""
    match = re.match(r"ffmpeg version (\S+)", text)
    return match[1] if match else ""


def loudness(stderr: str) -> tuple[float, float]:
    """Integrated loudness (LUFS) and true peak (dBFS) from the summary of ffmpeg's `ebur128=peak=true`.

    Silence has -70 LUFS and no peak; then the peak is -inf. Raises ValueError when there is no summary.
    """
    summary = stderr[stderr.rindex("Summary:") :]
    integrated = re.search(r"I:\s+(-?[\d.]+|-?inf|nan) LUFS", summary)
    peak = re.search(r"Peak:\s+(-?[\d.]+|-?inf|nan) dBFS", summary)
    if not integrated or not peak:
        raise ValueError("no loudness summary")
    return _number(integrated[1]), _number(peak[1])


def _number(text: str) -> float:
    return float("-inf") if "inf" in text or "nan" in text else float(text)
