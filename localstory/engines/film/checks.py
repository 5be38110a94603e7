"""What is refused before any work: numbers that make no sense, files that are not there. Shared with the fake."""

from __future__ import annotations

import math
from pathlib import Path

from localstory.engines.base import FilmRequest, SegmentRequest, Shot, SoundRequest
from localstory.errors import BadRequest, CannotContinue, FileTrouble, Word
from localstory.words import mark

PRESETS = ("ultrafast", "superfast", "veryfast", "faster", "fast", "medium", "slow", "slower", "veryslow")
LARGEST_SIDE = 4096
LONGEST_FRAMES = 24 * 3600 * 6
_EDGE = 1e-6


class FilmFailed(CannotContinue):
    """The film's parts were there, but it could not be written."""

    code = "film_failed"

    def __init__(self, reason: str) -> None:
        super().__init__(
            title=mark("The film could not be written"),
            detail=mark("ffmpeg says: {reason}"),
            hint=mark("Try again. If it happens again, run: localstory doctor"),
            reason=reason,
        )


def missing(path: Path | str) -> FileTrouble:
    """A part of the film is not there."""
    return FileTrouble(
        title=mark("A part of the film is missing"),
        detail=mark("{path} is not there or can't be read."),
        hint=mark("Build the story again: it makes what is missing."),
        path=str(path),
    )


def broken(path: Path | str, reason: str) -> FileTrouble:
    """A part of the film is damaged."""
    return FileTrouble(
        title=mark("A part of the film is damaged"),
        detail=mark("{path} can't be used: {reason}"),
        hint=mark("Replace or delete this file and build the story again."),
        path=str(path),
        reason=reason,
    )


def unwritable(path: Path | str, reason: str | Word) -> FileTrouble:
    """The film can't be written where it should go."""
    return FileTrouble(
        title=mark("The film can't be saved"),
        detail=mark("{path}: {reason}"),
        hint=mark("Free some space, or choose another folder."),
        path=str(path),
        reason=reason,
    )


def nonsense(what: str) -> BadRequest:
    """A request that nobody can mean; `what` is for the log, in English."""
    return BadRequest(
        title=mark("A film can't be made like this"),
        detail=mark("What was asked for makes no sense: {what}"),
        hint=mark("Choose another size or length."),
        what=what,
    )


def check_segment(request: SegmentRequest) -> None:
    """Raises BadRequest or FileTrouble."""
    for side in (request.width, request.height):
        if side % 2 or not 16 <= side <= LARGEST_SIDE:
            raise nonsense(f"{request.width}x{request.height}")
    _check_fps(request.fps)
    if not 0 <= request.crf <= 51 or request.preset not in PRESETS:
        raise nonsense(f"crf {request.crf}, preset {request.preset!r}")
    if request.count < 1 or request.first < 0 or request.first + request.count > request.shot.frames or request.shot.frames > LONGEST_FRAMES:
        raise nonsense(f"frames {request.first} to {request.first + request.count} of {request.shot.frames}")
    if request.into is not None and request.count > request.into.frames:
        raise nonsense(f"{request.count} frames of {request.into.frames}")
    for shot in (request.shot, request.into):
        if shot is not None:
            _check_shot(shot)
    check_folder(request.out)


def check_sound(request: SoundRequest) -> None:
    """Raises BadRequest or FileTrouble."""
    _check_fps(request.fps)
    if not 1 <= request.frames <= LONGEST_FRAMES:
        raise nonsense(f"{request.frames} frames")
    if not (-50 <= request.loudness_lufs <= -8 and -20 <= request.true_peak_db <= 0):
        raise nonsense(f"{request.loudness_lufs} LUFS, {request.true_peak_db} dB")
    for sound in request.sounds:
        if not 0 <= sound.start_frame < request.frames:
            raise nonsense(f"a sound at frame {sound.start_frame} of {request.frames}")
        if not sound.path.is_file():
            raise missing(sound.path)
    check_folder(request.out)


def check_film(request: FilmRequest) -> None:
    """Raises BadRequest or FileTrouble."""
    _check_fps(request.fps)
    if not request.segments:
        raise nonsense("no segments")
    times = [(one.start_s, one.end_s) for one in request.captions] + [(one.start_s, one.end_s) for one in request.chapters]
    for start, end in times:
        if not (math.isfinite(start) and math.isfinite(end) and 0 <= start <= end):
            raise nonsense(f"{start} s to {end} s")
    for path in (*request.segments, request.sound, *([request.cover] if request.cover is not None else [])):
        if not path.is_file():
            raise missing(path)
    check_folder(request.out)


def check_folder(out: Path) -> None:
    """The file's folder must be there. Raises FileTrouble."""
    if not out.parent.is_dir():
        raise unwritable(out, Word(mark("its folder is not there")))
    if out.is_dir():
        raise unwritable(out, Word(mark("a folder has this name")))


def _check_fps(fps: int) -> None:
    if not 1 <= fps <= 60:
        raise nonsense(f"{fps} frames a second")


def _check_shot(shot: Shot) -> None:
    for left, top, width in (shot.camera.start, shot.camera.end):
        if not all(math.isfinite(share) for share in (left, top, width)) or not 0.05 <= width <= 1 + _EDGE or left < -_EDGE or top < -_EDGE:
            raise nonsense(f"a camera at {left}, {top}, {width}")
        if left + width > 1 + _EDGE or top + width > 1 + _EDGE:
            raise nonsense(f"a camera that looks over the edge: {left}, {top}, {width}")
    if not shot.picture.is_file():
        raise missing(shot.picture)
