"""The film engine: our side of `film_worker`."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import asdict
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from localstory.children.host import Child, WorkFailed
from localstory.engines.base import EngineFacts, Filmed, FilmEvent, FilmRequest, SegmentRequest, Shot, SoundRequest, Stream
from localstory.errors import BadRequest, CannotContinue, FileTrouble, NotInstalled
from localstory.events import Progress
from localstory.words import mark

VERSION = "1"
"""Of our compositor and sound: part of every recipe; raise it when the same request gives other frames."""

_STAGES = {"filming": mark("Filming"), "mixing": mark("Mixing the sound"), "joining": mark("Joining the film")}


class FilmFailed(CannotContinue):
    """A part of the film could not be made: a picture or sound is broken, or ffmpeg gave up."""

    code = "film_failed"

    def __init__(self, what: str, reason: str) -> None:
        super().__init__(
            title=mark("This part of the film could not be made"),
            detail=mark("{what}: {reason}"),
            hint=mark("Try again; if a picture or sound is named, delete it and build once more."),
            what=what,
            reason=reason,
        )


class FfmpegMissing(NotInstalled):
    """There is no ffmpeg that can be run."""

    def __init__(self) -> None:
        super().__init__(
            title=mark("ffmpeg is missing"),
            detail=mark("Films are written with it; imageio-ffmpeg usually brings it."),
            hint=mark("Run: python3 packaging/dev.py setup, or install ffmpeg and unset IMAGEIO_FFMPEG_EXE."),
        )


class FilmMaker:
    """Compositor, MoviePy and ffmpeg in a child process. One call at a time."""

    def __init__(self, *, jobs_folder: Path | None = None) -> None:
        self._child = Child("film", jobs_folder=jobs_folder)
        self._turn = asyncio.Lock()

    def describe(self) -> EngineFacts:
        """Versions of what makes the bytes."""
        details = {}
        for package in ("moviepy", "imageio-ffmpeg", "pillow"):
            with contextlib.suppress(PackageNotFoundError):
                details[package] = version(package)
        return EngineFacts("film", VERSION, details=details)

    async def segment(self, request: SegmentRequest) -> Stream[FilmEvent]:
        """Encode a run of frames. Raises FilmFailed, FfmpegMissing, FileTrouble, BadRequest, ChildDied."""
        _check(request)
        args = {
            "shot": _shot(request.shot), "into": _shot(request.into) if request.into else None, "first": request.first, "count": request.count,
            "out": str(request.out.absolute()), "width": request.width, "height": request.height, "fps": request.fps, "crf": request.crf, "preset": request.preset,
        }  # fmt: skip
        async with contextlib.aclosing(self._run("segment", args, request.out, request.count / request.fps)) as events:
            async for event in events:
                yield event

    async def sound(self, request: SoundRequest) -> Stream[FilmEvent]:
        """Mix and level. Raises as `segment`."""
        if request.frames < 1 or request.fps < 1 or 48_000 % request.fps:
            raise BadRequest(
                title=mark("This is no length for a film"), detail=mark("{frames} frames at {fps} a second."), frames=request.frames, fps=request.fps
            )
        args = {
            "sounds": [(str(one.path.absolute()), one.start_frame) for one in request.sounds], "frames": request.frames, "fps": request.fps,
            "out": str(request.out.absolute()), "lufs": request.loudness_lufs, "peak_db": request.true_peak_db,
        }  # fmt: skip
        async with contextlib.aclosing(self._run("sound", args, request.out, request.frames / request.fps)) as events:
            async for event in events:
                yield event

    async def join(self, request: FilmRequest) -> Stream[FilmEvent]:
        """Join; `facts` has the loudness of the finished file. Raises as `segment`."""
        if not request.segments:
            raise BadRequest(title=mark("A film needs at least one part"))
        args = {
            "segments": [str(one.absolute()) for one in request.segments], "sound": str(request.sound.absolute()), "out": str(request.out.absolute()),
            "language": request.language, "captions": [asdict(one) for one in request.captions], "chapters": [asdict(one) for one in request.chapters],
            "tags": request.tags, "cover": str(request.cover.absolute()) if request.cover else "",
        }  # fmt: skip
        seconds = request.chapters[-1].end_s if request.chapters else 0.0
        async with contextlib.aclosing(self._run("join", args, request.out, seconds)) as events:
            async for event in events:
                yield event

    async def close(self) -> None:
        """End the child."""
        await self._child.close()

    async def _run(self, op: str, args: dict[str, Any], out: Path, seconds: float) -> Stream[FilmEvent]:
        async with self._turn:
            try:
                async with contextlib.aclosing(self._child.run(op, args)) as messages:
                    async for message in messages:
                        if message["type"] == "progress":
                            yield Progress(_STAGES.get(str(message["stage"]), str(message["stage"])), float(message["done"]), float(message["of"]))
                        elif message["type"] == "done":
                            yield Filmed(out, seconds, message["result"])
            except WorkFailed as failure:
                raise _reason(failure, out) from failure
            finally:
                # A child that had to be killed could not tidy up itself.
                for part in out.parent.glob(f".{out.stem}.*.part{out.suffix}"):
                    part.unlink(missing_ok=True)


def _shot(shot: Shot) -> dict[str, Any]:
    return {"picture": str(shot.picture.absolute()), "frames": shot.frames, "start": list(shot.camera.start), "end": list(shot.camera.end)}


def _check(request: SegmentRequest) -> None:
    """Raises BadRequest for frames that a shot doesn't have, and sizes that H.264 can't."""
    last = request.first + request.count
    if request.count < 1 or request.first < 0 or last > request.shot.frames or (request.into is not None and request.count > request.into.frames):
        raise BadRequest(
            title=mark("A shot doesn't have these frames"),
            detail=mark("Frames {first} to {last} of {frames} were asked for."),
            first=request.first,
            last=last,
            frames=request.shot.frames,
        )
    if request.width % 2 or request.height % 2 or not 16 <= request.width <= 7680 or not 16 <= request.height <= 7680 or request.fps < 1:
        raise BadRequest(
            title=mark("This is no size for a film"),
            detail=mark('"{given}" was asked for.'),
            hint=mark("Give even numbers."),
            given=f"{request.width}x{request.height}",
        )


def _reason(failure: WorkFailed, out: Path) -> CannotContinue:
    values = failure.reason_values
    match failure.reason:
        case "no_ffmpeg":
            return FfmpegMissing()
        case "disk_full" | "file_trouble":
            return FileTrouble(
                title=mark("The film can't be saved"),
                detail=mark("{path}: {reason}."),
                hint=mark("Free some space or choose another folder; what was finished is kept."),
                path=str(values.get("path") or out),
                reason=str(values.get("reason", "")),
            )
        case "bad_picture" | "bad_sound" | "missing":
            return FilmFailed(str(values.get("path", "")), str(values.get("reason", "missing")))
        case "ffmpeg_failed":
            return FilmFailed("ffmpeg", str(values.get("reason", "")))
        case _:
            return failure
