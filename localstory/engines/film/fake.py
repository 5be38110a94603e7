"""A film maker without films: ships with the program, passes the contract tests, and lets tests choose what fails or is slow."""

from __future__ import annotations

import asyncio
import json
import wave
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, Literal, TypeAlias

from localstory.engines.base import EngineFacts, Filmed, FilmEvent, FilmRequest, SegmentRequest, SoundRequest, Stream
from localstory.engines.film.checks import check_film, check_segment, check_sound, unwritable
from localstory.engines.film.saving import part_of, put_in_place
from localstory.errors import CannotContinue
from localstory.events import Progress
from localstory.words import mark

Call: TypeAlias = Literal["segment", "sound", "join"]
NOT_A_FILM = "This is not a film: localstory's stand-in for tests wrote it.\n"
"""What each segment and film begins with; what was asked for follows as JSON."""
_STEPS = 4
_RATE = 48_000


class FakeFilmMaker:
    """Writes a note where a segment or a film would be, and silence where the sound would be, of the right length.

    `trouble` maps a call ("segment", "sound", "join") and how many of its kind came before it to the error it raises:
    `{("segment", 2): error}` fails the third segment. `work_seconds` is how long every call takes.
    """

    def __init__(self, *, work_seconds: float = 0.0, trouble: Mapping[tuple[Call, int], CannotContinue] | None = None) -> None:
        self._work_seconds = work_seconds
        self._trouble = dict(trouble or {})
        self._turn = asyncio.Lock()
        self.requests: list[SegmentRequest | SoundRequest | FilmRequest] = []
        """What was asked for, in order, failed calls included."""

    def describe(self) -> EngineFacts:
        return EngineFacts("fake", "1", details={"moviepy": "", "ffmpeg": ""})

    async def segment(self, request: SegmentRequest) -> Stream[FilmEvent]:
        """See `FilmEngine`; refuses what the real one refuses."""
        check_segment(request)
        async for event in self._make("segment", request, mark("Filming"), request.count / request.fps, {"frames": request.count}):
            yield event

    async def sound(self, request: SoundRequest) -> Stream[FilmEvent]:
        """See `FilmEngine`; the WAV is silent and exactly as long as the film."""
        check_sound(request)
        samples = round(request.frames * _RATE / request.fps)
        facts = {"lufs": None, "true_peak_db": None, "samples": samples}
        async for event in self._make("sound", request, mark("Mixing the sound"), request.frames / request.fps, facts, samples):
            yield event

    async def join(self, request: FilmRequest) -> Stream[FilmEvent]:
        """See `FilmEngine`."""
        check_film(request)
        facts = {"lufs": None, "true_peak_db": None}
        async for event in self._make("join", request, mark("Joining the film"), _seconds(request.sound), facts):
            yield event

    async def _make(
        self, call: Call, request: SegmentRequest | SoundRequest | FilmRequest, stage: str, seconds: float,
        facts: dict[str, Any], samples: int | None = None,
    ) -> Stream[FilmEvent]:  # fmt: skip
        async with self._turn:
            before = sum(type(other) is type(request) for other in self.requests)
            self.requests.append(request)
            error = self._trouble.get((call, before))
            if error is not None:
                raise error
            part = part_of(request.out)
            try:
                for step in range(_STEPS):
                    yield Progress(stage, step, _STEPS)
                    await asyncio.sleep(self._work_seconds / _STEPS)
                if samples is None:
                    part.write_text(NOT_A_FILM + json.dumps({"call": call, **asdict(request)}, default=str, ensure_ascii=False) + "\n", "utf-8")
                else:
                    with wave.open(str(part), "wb") as file:
                        file.setnchannels(2)
                        file.setsampwidth(2)
                        file.setframerate(_RATE)
                        file.writeframes(bytes(4 * samples))
                put_in_place(part, request.out)
            except OSError as problem:
                raise unwritable(request.out, problem.strerror or str(problem)) from problem
            finally:
                part.unlink(missing_ok=True)
            yield Progress(stage, _STEPS, _STEPS)
        yield Filmed(request.out, seconds, facts)

    async def close(self) -> None:
        """Nothing to free."""


def _seconds(sound: Path) -> float:
    try:
        with wave.open(str(sound)) as file:
            return float(file.getnframes() / file.getframerate())
    except (OSError, wave.Error, EOFError):
        return 0.0
