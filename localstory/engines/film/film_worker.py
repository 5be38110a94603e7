"""The child that films: our compositor makes frames, MoviePy and ffmpeg write them."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

from localstory.children.worker import Job, Refused, serve
from localstory.engines.base import Camera, Caption, Chapter
from localstory.engines.film import ffmpeg as tool
from localstory.engines.film.captions import srt
from localstory.engines.film.compositor import FrameSource, SegmentSource
from localstory.engines.film.join import concat_list, join_arguments, metadata
from localstory.engines.film.sound import mix

# sRGB in, BT.709 out, and said so in the file: untagged video is shown with shifted colours by half of the players.
_COLOUR = "scale=out_color_matrix=bt709:out_range=tv,setparams=color_primaries=bt709:color_trc=bt709:colorspace=bt709:range=tv"


class FilmWorker:
    """Encodes segments, mixes sound, joins films."""

    def __init__(self) -> None:
        self._shots: dict[str, FrameSource] = {}

    def facts(self) -> dict[str, object]:
        return {"moviepy": version("moviepy"), "ffmpeg": tool.find_ffmpeg() or ""}

    def run(self, op: str, args: dict[str, Any], job: Job) -> dict[str, object]:
        match op:
            case "segment":
                return self._segment(args, job)
            case "sound":
                return self._sound(args, job)
            case "join":
                return self._join(args, job)
            case _:
                raise Refused("unknown_op", op=op)

    def _source(self, shot: dict[str, Any], width: int, height: int) -> FrameSource:
        """The frames of a shot; the last two are kept, since a shot, its crossfade and the next shot follow each other."""
        key = f"{shot}{width}x{height}"
        if key not in self._shots:
            try:
                source = FrameSource(Path(shot["picture"]), int(shot["frames"]), Camera(tuple(shot["start"]), tuple(shot["end"])), width, height)
            except (OSError, ValueError, SyntaxError) as error:  # Pillow raises any of them for a broken file
                raise Refused("bad_picture", path=str(shot["picture"]), reason=str(error)) from error
            while len(self._shots) >= 2:
                del self._shots[next(iter(self._shots))]
            self._shots[key] = source
        return self._shots[key]

    def _segment(self, args: dict[str, Any], job: Job) -> dict[str, object]:
        # MoviePy looks for its ffmpeg when it is imported.
        os.environ["FFMPEG_BINARY"] = tool._the_ffmpeg()
        from moviepy import VideoClip

        count, fps = int(args["count"]), int(args["fps"])
        width, height = int(args["width"]), int(args["height"])
        into = self._source(args["into"], width, height) if args.get("into") else None
        source = SegmentSource(self._source(args["shot"], width, height), int(args["first"]), count, into)

        def frame(seconds: float) -> Any:
            job.check()
            index = round(seconds * fps)
            if index % 6 == 0:
                job.progress("filming", index, count)
            return source.frame(index)

        # A quarter of a frame more: MoviePy cuts off the fraction, and 7.9999 frames would be 7.
        clip = VideoClip(frame_function=frame, duration=(count + 0.25) / fps)
        with _part(Path(args["out"])) as part:
            try:
                clip.write_videofile(
                    str(part), fps=fps, codec="libx264", preset=str(args["preset"]), audio=False, logger=None,
                    ffmpeg_params=["-crf", str(args["crf"]), "-g", str(fps * 2), "-vf", _COLOUR, "-f", "mp4"],
                )  # fmt: skip
            except OSError as error:  # MoviePy tells what ffmpeg cried in the middle of a long text
                raise tool.failure(str(error)) from error
            if not part.exists() or part.stat().st_size == 0:
                raise Refused("ffmpeg_failed", reason="no frames were written")
        job.progress("filming", count, count)
        return {"frames": count}

    def _sound(self, args: dict[str, Any], job: Job) -> dict[str, object]:
        job.progress("mixing", 0, 1)
        sounds = [(Path(path), int(first)) for path, first in args["sounds"]]
        with _part(Path(args["out"])) as part:
            facts = mix(
                sounds, int(args["frames"]), int(args["fps"]), part,
                lufs=float(args["lufs"]), peak_db=float(args["peak_db"]), folder=job.folder, should_stop=lambda: job.cancelled,
            )  # fmt: skip
        job.progress("mixing", 1, 1)
        return dict(facts)

    def _join(self, args: dict[str, Any], job: Job) -> dict[str, object]:
        job.progress("joining", 0, 1)
        folder = job.folder
        listing, facts = folder / "segments.txt", folder / "facts.txt"
        listing.write_text(concat_list([Path(one) for one in args["segments"]]), "utf-8")
        facts.write_text(metadata(args["tags"], [Chapter(**one) for one in args["chapters"]]), "utf-8")
        captions = folder / "captions.srt" if args["captions"] else None
        if captions is not None:
            captions.write_text(srt([Caption(**one) for one in args["captions"]]), "utf-8")
        for path in [*args["segments"], args["sound"], *([args["cover"]] if args["cover"] else [])]:
            if not Path(path).is_file():
                raise Refused("missing", path=str(path))
        cover = Path(args["cover"]) if args["cover"] else None
        with _part(Path(args["out"])) as part:
            tool.ffmpeg(join_arguments(listing, Path(args["sound"]), facts, captions, cover, part, str(args["language"])), should_stop=lambda: job.cancelled)
            said = tool.ffmpeg([*tool.SAFE, "-i", part, "-map", "0:a:0", "-af", "ebur128=peak=true", "-f", "null", "-"], should_stop=lambda: job.cancelled)
        job.progress("joining", 1, 1)
        lufs, peak = tool.loudness(said)
        return {"lufs": lufs, "true_peak_db": max(peak, -120.0)}


@contextlib.contextmanager
def _part(out: Path) -> Iterator[Path]:
    """A file beside `out` that gets its name when the work went well, and goes when it did not."""
    part = out.with_name(f".{out.stem}.{os.getpid()}.part{out.suffix}")
    try:
        yield part
        with open(part, "rb+") as file:
            os.fsync(file.fileno())
        part.replace(out)
    finally:
        part.unlink(missing_ok=True)


def main() -> None:
    """Be the child."""
    serve(FilmWorker)
