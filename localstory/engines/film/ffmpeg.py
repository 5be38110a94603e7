"""Where ffmpeg is, which one it is, and what it says when it fails. The calls themselves go through `children.tool`."""

from __future__ import annotations

import functools
import importlib
import os
import re
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

from localstory.children.tool import ToolResult, run_tool
from localstory.errors import NotInstalled
from localstory.words import mark

# A file that claims to be a playlist must not make ffmpeg read other files or the network.
INPUT_GUARD = ("-protocol_whitelist", "file,pipe")
QUIET = ("-hide_banner", "-nostdin", "-nostats", "-loglevel", "error")


class FfmpegMissing(NotInstalled):
    """There is no ffmpeg, or the one that was named is not there."""

    def __init__(self, looked_at: str) -> None:
        super().__init__(
            title=mark("ffmpeg, which writes the film, is missing"),
            detail=mark("Looked at: {looked_at}"),
            hint=mark("Run: python3 packaging/dev.py demo, which brings it. If IMAGEIO_FFMPEG_EXE is set, let it name a working ffmpeg."),
            looked_at=looked_at,
        )


class FfmpegFailed(Exception):
    """ffmpeg ended with an error; `said` is the tail of what it printed, `exit_code` how it ended."""

    def __init__(self, exit_code: int | None, said: str) -> None:
        super().__init__(f"ffmpeg ended with {exit_code}: {said}")
        self.exit_code = exit_code
        self.said = said


def the_ffmpeg() -> Path:
    """The ffmpeg named by IMAGEIO_FFMPEG_EXE, else the one imageio-ffmpeg brings, else the one on PATH. Raises FfmpegMissing."""
    named = os.environ.get("IMAGEIO_FFMPEG_EXE", "")
    if named:
        # Somebody meant this one: to take another in silence would hide the mistake.
        found = shutil.which(named)
        if found is None:
            raise FfmpegMissing(named)
        return Path(found)
    try:
        # With the variable empty this looks at its own binary first, then at PATH.
        return Path(importlib.import_module("imageio_ffmpeg").get_ffmpeg_exe())
    except (ImportError, RuntimeError):
        pass
    found = shutil.which("ffmpeg")
    if found is None:
        raise FfmpegMissing("imageio-ffmpeg, PATH")
    return Path(found)


def find_ffmpeg() -> str | None:
    """The same, or None, for those who only want to say so."""
    try:
        return str(the_ffmpeg())
    except FfmpegMissing:
        return None


@functools.lru_cache(maxsize=4)
def ffmpeg_version(ffmpeg: Path) -> str:
    """As ffmpeg says it, like "n9.0.2"; "" when it can't be run."""
    try:
        answer = run_tool([ffmpeg, "-version"], timeout_seconds=20, own_group=True)
    except (OSError, TimeoutError):
        return ""
    return parse_version(answer.stdout.decode("utf-8", "replace"))


def parse_version(said: str) -> str:
    """The version in the first line of `ffmpeg -version`; "" when it isn't one."""
    found = re.match(r"ffmpeg version (\S+)", said)
    return found[1] if found else ""


def tail(said: str, lines: int = 4) -> str:
    """The last lines of what ffmpeg printed, without its memory addresses, for the person who reads the error."""
    kept = [re.sub(r" @ 0x[0-9a-f]+", "", line).strip() for line in said.splitlines() if line.strip()]
    return " / ".join(kept[-lines:])


def call(
    ffmpeg: Path,
    arguments: Sequence[str | Path],
    *,
    should_stop: Callable[[], bool],
    on_line: Callable[[str], None] | None = None,
    timeout_seconds: float = 3600.0,
) -> ToolResult:
    """Run ffmpeg to its end. Raises FfmpegFailed, FfmpegMissing, ToolCancelled, TimeoutExpired."""
    try:
        result = run_tool([ffmpeg, *arguments], should_stop=should_stop, on_line=on_line, timeout_seconds=timeout_seconds)
    except OSError as error:
        raise FfmpegMissing(str(ffmpeg)) from error
    if result.exit_code != 0:
        raise FfmpegFailed(result.exit_code, tail(result.stderr))
    return result
