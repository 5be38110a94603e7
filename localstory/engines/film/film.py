"""The film engine: a compositor of our own, MoviePy as the writer, ffmpeg; all of it in a child."""

from __future__ import annotations

import asyncio
import contextlib
import importlib.metadata
from collections.abc import Callable
from pathlib import Path
from typing import Any

from localstory.children.host import Child, WorkFailed
from localstory.engines.base import EngineFacts, Filmed, FilmEvent, FilmRequest, SegmentRequest, Shot, SoundRequest, Stream
from localstory.engines.film.checks import FilmFailed, broken, check_film, check_segment, check_sound, missing, nonsense, unwritable
from localstory.engines.film.ffmpeg import FfmpegMissing, ffmpeg_version, the_ffmpeg
from localstory.engines.film.saving import part_of
from localstory.errors import CannotContinue
from localstory.events import Progress


class FilmMaker:
    """Films with MoviePy and ffmpeg. Its child starts at the first call and does one thing at a time."""

    def __init__(self, *, jobs_folder: Path | None = None) -> None:
        self._child = Child("film", jobs_folder=jobs_folder)
        self._turn = asyncio.Lock()

    def describe(self) -> EngineFacts:
        try:
            ffmpeg = ffmpeg_version(the_ffmpeg())
        except FfmpegMissing:
            ffmpeg = ""
        moviepy = importlib.metadata.version("moviepy")
        # The number is ours: it goes into recipes, and changes when the same request gives other frames or other sound.
        return EngineFacts(name="film", version="2", details={"moviepy": moviepy, "ffmpeg": ffmpeg})

    async def segment(self, request: SegmentRequest) -> Stream[FilmEvent]:
        """Raises BadRequest, FileTrouble, FfmpegMissing, FilmFailed, ChildDied."""
        check_segment(request)
        args = {
            "shot": _shot(request.shot), "into": _shot(request.into) if request.into is not None else None, "first": request.first, "count": request.count,
            "width": request.width, "height": request.height, "fps": request.fps, "crf": request.crf, "preset": request.preset,
        }  # fmt: skip
        async with contextlib.aclosing(self._run("segment", request.out, args)) as events:
            async for event in events:
                yield event

    async def sound(self, request: SoundRequest) -> Stream[FilmEvent]:
        """`facts`: `lufs` and `true_peak_db` (None for silence), `gain_db`. Raises as `segment`."""
        check_sound(request)
        args = {
            "sounds": [[str(sound.path.absolute()), sound.start_frame] for sound in request.sounds], "frames": request.frames, "fps": request.fps,
            "loudness_lufs": request.loudness_lufs, "true_peak_db": request.true_peak_db,
        }  # fmt: skip
        async with contextlib.aclosing(self._run("sound", request.out, args)) as events:
            async for event in events:
                yield event

    async def join(self, request: FilmRequest) -> Stream[FilmEvent]:
        """`facts`: `frames`, `width`, `height`, `ffmpeg`. Raises as `segment`."""
        check_film(request)
        args = {
            "segments": [str(path.absolute()) for path in request.segments], "sound": str(request.sound.absolute()), "language": request.language,
            "captions": [[caption.text, caption.start_s, caption.end_s] for caption in request.captions],
            "chapters": [[chapter.title, chapter.start_s, chapter.end_s] for chapter in request.chapters],
            "tags": dict(request.tags), "cover": str(request.cover.absolute()) if request.cover is not None else None, "fps": request.fps,
        }  # fmt: skip
        async with contextlib.aclosing(self._run("join", request.out, args)) as events:
            async for event in events:
                yield event

    async def close(self) -> None:
        await self._child.close()

    async def _run(self, op: str, out: Path, args: dict[str, Any]) -> Stream[FilmEvent]:
        out = out.absolute()  # the child works in a folder of its own
        # One at a time on this side too: a cancelled call that only waits must not end the one that works.
        async with self._turn:
            await self._child.start()
            pid = self._child.pid
            try:
                async with contextlib.aclosing(self._child.run(op, args | {"out": str(out)})) as messages:
                    async for message in messages:
                        if message["type"] == "progress":
                            yield Progress(str(message["stage"]), float(message["done"]), float(message["of"]))
                        elif message["type"] == "done":
                            facts = dict(message.get("result") or {})
                            yield Filmed(out, float(facts.pop("seconds")), facts)
            except WorkFailed as error:
                raise _in_words(error, out) from error
            finally:
                # A child that was killed could not clean up.
                with contextlib.suppress(OSError):
                    part_of(out, pid).unlink(missing_ok=True)


def _shot(shot: Shot) -> dict[str, Any]:
    return {"picture": str(shot.picture.absolute()), "frames": shot.frames, "start": list(shot.camera.start), "end": list(shot.camera.end)}


def _in_words(error: WorkFailed, out: Path) -> CannotContinue:
    """What the child refused, as an error for people."""
    values = error.reason_values
    reason, path = str(values.get("reason", "")), str(values.get("path", "") or out)
    words: dict[str, Callable[[], CannotContinue]] = {
        "ffmpeg_missing": lambda: FfmpegMissing(str(values.get("looked_at", ""))),
        "ffmpeg_failed": lambda: FilmFailed(reason),
        "missing": lambda: missing(path),
        "broken": lambda: broken(path, reason),
        "nonsense": lambda: nonsense(str(values.get("what", ""))),
        "unwritable": lambda: unwritable(path, reason),
        "file_trouble": lambda: unwritable(path, reason),
    }
    return words[error.reason]() if error.reason in words else error
