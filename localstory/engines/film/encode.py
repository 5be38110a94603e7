"""Frames to H.264: MoviePy's clip and writer, our frames, our care for the file's name and for ffmpeg's end.

MoviePy's `write_videofile` itself looks away from ffmpeg's exit code, leaves a part of the file under the final name and
waits for the whole look-ahead to be encoded when it is cancelled. So its clip and its writer are used one level lower:
`VideoClip.iter_frames` and `FFMPEG_VideoWriter`, with an end of our own.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from moviepy.video.io.ffmpeg_writer import FFMPEG_VideoWriter
from moviepy.video.VideoClip import VideoClip
from proglog import ProgressBarLogger

from localstory.children.feed import start_fed
from localstory.engines.film.compositor import Planes
from localstory.engines.film.ffmpeg import FfmpegFailed, tail
from localstory.engines.film.saving import part_of, put_in_place

Stop = Callable[[], None]
"""Raises when the work is to end."""


@dataclass(frozen=True, slots=True)
class Encoding:
    """How a segment is written. Segments of one film must have the same."""

    width: int
    height: int
    fps: int
    crf: int
    preset: str


def encoder_arguments(ffmpeg: Path, encoding: Encoding, out: Path) -> list[str]:
    """ffmpeg's command line: planes in BT.709 on stdin, labelled as such, closed groups of 2 s at most."""
    label = "setparams=color_primaries=bt709:color_trc=bt709:colorspace=bt709:range=tv"
    return [
        str(ffmpeg), "-hide_banner", "-nostats", "-loglevel", "error", "-y",
        "-f", "rawvideo", "-pix_fmt", "yuv420p", "-s", f"{encoding.width}x{encoding.height}", "-r", str(encoding.fps), "-i", "pipe:0", "-an",
        "-c:v", "libx264", "-preset", encoding.preset, "-crf", str(encoding.crf), "-g", str(2 * encoding.fps), "-vf", label, "-pix_fmt", "yuv420p",
        # A clock in which a frame of any whole frame rate is a whole number of ticks.
        "-video_track_timescale", str(encoding.fps * 1000),
        "-map_metadata", "-1", "-fflags", "+bitexact", "-f", "mp4", str(out),
    ]  # fmt: skip


class _Pixels:
    """Planes that look to MoviePy like an array: it only asks for their shape and their bytes."""

    dtype = "uint8"

    def __init__(self, planes: Planes) -> None:
        self._planes = planes
        self.shape = (planes.luma.height, planes.luma.width, 3)

    def tobytes(self) -> bytes:
        return self._planes.tobytes()


class _Writer(FFMPEG_VideoWriter):  # type: ignore[misc]  # MoviePy has no types
    """MoviePy's writer for planes (its own takes a pixel format and sends RGB), which knows how ffmpeg ended and can end it at once."""

    proc: Any

    def __init__(self, command: list[str]) -> None:
        self.proc = start_fed(command)

    def write_frame(self, img_array: Any) -> None:
        try:
            self.proc.stdin.write(img_array.tobytes())
        except OSError:  # ffmpeg is gone; what it said is read in `finish`
            self.finish(lambda: None)
            raise FfmpegFailed(None, "it ended early") from None

    def finish(self, stop: Stop) -> None:
        """Wait for the last frames; raises FfmpegFailed, and what `stop` raises."""
        with contextlib.suppress(OSError):  # its exit code tells
            self.proc.stdin.close()
        while self.proc.poll() is None:
            stop()
            time.sleep(0.005)
        said = self.proc.stderr.read().decode("utf-8", "replace")
        if self.proc.returncode != 0:
            raise FfmpegFailed(self.proc.returncode, tail(said))

    def close(self) -> None:
        """Called at the end in any case: an ffmpeg that still runs is not wanted any more."""
        if self.proc is None:
            return
        if self.proc.poll() is None:
            self.proc.kill()
        with contextlib.suppress(OSError):
            self.proc.stdin.close()
        self.proc.wait()
        self.proc.stderr.close()
        self.proc = None


class _FrameCount(ProgressBarLogger):  # type: ignore[misc]  # proglog has no types
    """MoviePy's progress bar, as a number of frames."""

    def __init__(self, on_frame: Callable[[int], None]) -> None:
        super().__init__()
        self._on_frame = on_frame

    def bars_callback(self, bar: str, attr: str, value: int, old_value: int | None = None) -> None:
        if bar == "frame_index" and attr == "index":
            self._on_frame(value)


def write_segment(
    ffmpeg: Path, frame: Callable[[int], Planes], count: int, encoding: Encoding, out: Path, *, stop: Stop, on_frame: Callable[[int], None]
) -> None:
    """Encode frames 0 to `count` (exclusive) to `out`: whole, or not at all. Raises FfmpegFailed, OSError, and what `stop` raises."""

    def picture(seconds: float) -> _Pixels:
        stop()
        return _Pixels(frame(min(count - 1, round(seconds * encoding.fps))))

    part = part_of(out)
    # Half a frame more than they last: MoviePy rounds the number of frames down.
    clip = VideoClip(picture, duration=(count + 0.5) / encoding.fps)
    try:
        with _Writer(encoder_arguments(ffmpeg, encoding, part)) as writer:
            for pixels in clip.iter_frames(fps=encoding.fps, logger=_FrameCount(on_frame)):
                writer.write_frame(pixels)
            writer.finish(stop)
        put_in_place(part, out)
    finally:
        part.unlink(missing_ok=True)
