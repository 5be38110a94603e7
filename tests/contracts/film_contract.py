"""What every film engine promises. Subclass `FilmEngineContract` and give it an `engine` fixture."""

from __future__ import annotations

import asyncio
import contextlib
import math
import struct
import time
import wave
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image

from localstory.engines.base import Camera, Filmed, FilmEngine, FilmEvent, FilmRequest, SegmentRequest, Shot, Sound, SoundRequest, Stream
from localstory.errors import BadRequest, CannotContinue, FileTrouble
from localstory.events import Progress


async def collect(events: Stream[FilmEvent]) -> list[FilmEvent]:
    async with contextlib.aclosing(events):
        return [event async for event in events]


async def filmed(events: Stream[FilmEvent]) -> Filmed:
    last = (await collect(events))[-1]
    assert isinstance(last, Filmed)
    return last


async def cancel_seconds(events: Stream[FilmEvent], *, delay: float = 0.05) -> float:
    """Start, wait until it works, cancel, and say how long it took until the engine was idle."""
    working = asyncio.Event()

    async def work() -> None:
        async with contextlib.aclosing(events):
            async for _event in events:
                working.set()

    task = asyncio.create_task(work())
    await asyncio.wait_for(working.wait(), 30)
    await asyncio.sleep(delay)
    began = time.perf_counter()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    return time.perf_counter() - began


def write_wav(path: Path, seconds: float, rate: int = 22_050) -> Path:
    """A soft tone."""
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        values = (round(6000 * math.sin(index * 2 * math.pi * 330 / rate)) for index in range(round(seconds * rate)))
        file.writeframes(b"".join(struct.pack("<h", value) for value in values))
    return path


class FilmEngineContract:
    """A whole file or none, as long as said, stops soon, refuses in words what can't be filmed."""

    @pytest.fixture
    async def engine(self) -> AsyncIterator[FilmEngine]:
        raise NotImplementedError
        yield

    @pytest.fixture
    def folder(self, tmp_path: Path) -> Path:
        folder = tmp_path / "phim [của] 'Mai' 🦊 100%d"
        folder.mkdir()
        return folder

    @pytest.fixture
    def parts(self, tmp_path: Path) -> Path:
        parts = tmp_path / "tranh vẽ 'và' tiếng"
        parts.mkdir()
        Image.radial_gradient("L").resize((320, 180)).convert("RGB").save(parts / "một 🌙.png")
        Image.linear_gradient("L").resize((320, 180)).convert("RGB").save(parts / "-hai.png")
        write_wav(parts / "giọng.wav", 0.8)
        return parts

    @pytest.fixture
    def shot(self, parts: Path) -> Shot:
        return Shot(parts / "một 🌙.png", 20, Camera((0.0, 0.0, 1.0), (0.05, 0.02, 0.9)))

    @pytest.fixture
    def run(self, shot: Shot, folder: Path) -> SegmentRequest:
        return SegmentRequest(shot, 0, 12, folder / "đoạn 1 ‘[a]’.mp4", width=320, height=180)

    @pytest.fixture
    def fade(self, shot: Shot, parts: Path, folder: Path) -> SegmentRequest:
        return SegmentRequest(shot, 12, 8, folder / "it's.mp4", into=Shot(parts / "-hai.png", 20), width=320, height=180)

    @pytest.fixture
    def voices(self, parts: Path, folder: Path) -> SoundRequest:
        return SoundRequest((Sound(parts / "giọng.wav", 1),), 20, folder / "tiếng 🐉.wav")

    @pytest.fixture
    def long(self, shot: Shot, run: SegmentRequest) -> SegmentRequest:
        """Seconds of work."""
        return replace(run, shot=replace(shot, frames=4000), count=4000, width=1280, height=720)

    async def test_one_result_ends_each_stream(self, engine: FilmEngine, run: SegmentRequest, fade: SegmentRequest, voices: SoundRequest, folder: Path) -> None:
        film = FilmRequest((run.out, fade.out), voices.out, folder / "phim.mp4")
        for stream in (engine.segment(run), engine.segment(fade), engine.sound(voices), engine.join(film)):
            events = await collect(stream)
            assert [isinstance(event, Filmed) for event in events].count(True) == 1
            last = events[-1]
            assert isinstance(last, Filmed)
            assert last.path.stat().st_size > 0
            progress = [event.share for event in events if isinstance(event, Progress)]
            assert progress and progress == sorted(progress, key=lambda share: share or 0.0)
        assert {path.name for path in folder.iterdir()} == {run.out.name, fade.out.name, voices.out.name, "phim.mp4"}

    async def test_lengths_are_as_asked(self, engine: FilmEngine, run: SegmentRequest, fade: SegmentRequest, voices: SoundRequest, folder: Path) -> None:
        segment = await filmed(engine.segment(run))
        assert (segment.facts["frames"], segment.seconds) == (12, 0.5)
        await filmed(engine.segment(fade))
        assert (await filmed(engine.sound(voices))).seconds == pytest.approx(20 / 24)
        film = await filmed(engine.join(FilmRequest((run.out, fade.out), voices.out, folder / "phim.mp4")))
        assert film.seconds == pytest.approx(20 / 24)

    async def test_the_sound_is_as_long_as_the_film_to_the_sample(self, engine: FilmEngine, voices: SoundRequest) -> None:
        made = await filmed(engine.sound(voices))
        with wave.open(str(voices.out)) as file:
            assert (file.getframerate(), file.getsampwidth(), file.getnframes()) == (48_000, 2, 20 * 2000)
        assert made.facts["samples"] == 20 * 2000
        assert {"lufs", "true_peak_db"} <= set(made.facts)

    async def test_a_sound_without_voices_is_silence(self, engine: FilmEngine, voices: SoundRequest) -> None:
        await filmed(engine.sound(replace(voices, sounds=())))
        with wave.open(str(voices.out)) as file:
            assert not any(file.readframes(file.getnframes()))

    async def test_a_finished_film_is_replaced(self, engine: FilmEngine, run: SegmentRequest) -> None:
        run.out.write_text("old")
        await filmed(engine.segment(run))
        assert run.out.read_bytes() != b"old"

    @pytest.mark.parametrize(
        "change",
        [{"count": 0}, {"count": -3}, {"first": -1}, {"count": 21}, {"first": 9}, {"width": 321}, {"height": 0}, {"width": -2}, {"width": 10**6}, {"fps": 0}],
    )
    async def test_nonsense_is_refused_before_any_work(self, engine: FilmEngine, run: SegmentRequest, change: dict[str, int]) -> None:
        with pytest.raises(BadRequest) as refusal:
            await collect(engine.segment(replace(run, **change)))  # type: ignore[arg-type]
        assert refusal.value.code == "bad_request"
        assert list(run.out.parent.iterdir()) == []

    @pytest.mark.parametrize("box", [(0.2, 0.0, 0.9), (-0.1, 0.0, 0.9), (0.0, 0.0, 0.0), (0.0, 0.0, 1.5), (0.0, math.nan, 0.5), (0.0, 0.0, 1e-9)])
    async def test_a_camera_beside_the_picture_is_refused(self, engine: FilmEngine, run: SegmentRequest, box: tuple[float, float, float]) -> None:
        with pytest.raises(BadRequest):
            await collect(engine.segment(replace(run, shot=replace(run.shot, camera=Camera((0.0, 0.0, 1.0), box)))))

    async def test_a_crossfade_longer_than_what_it_leads_to_is_refused(self, engine: FilmEngine, fade: SegmentRequest) -> None:
        assert fade.into is not None
        with pytest.raises(BadRequest):
            await collect(engine.segment(replace(fade, into=replace(fade.into, frames=7))))

    @pytest.mark.parametrize(("frames", "fps"), [(0, 24), (-1, 24), (20, 0), (20, -24)])
    async def test_a_sound_of_no_length_is_refused(self, engine: FilmEngine, voices: SoundRequest, frames: int, fps: int) -> None:
        with pytest.raises(BadRequest):
            await collect(engine.sound(replace(voices, frames=frames, fps=fps)))

    async def test_a_film_of_nothing_is_refused(self, engine: FilmEngine, folder: Path) -> None:
        with pytest.raises(BadRequest):
            await collect(engine.join(FilmRequest((), folder / "a.wav", folder / "phim.mp4")))

    async def test_what_is_missing_is_named(
        self, engine: FilmEngine, run: SegmentRequest, fade: SegmentRequest, voices: SoundRequest, folder: Path, shot: Shot
    ) -> None:
        gone = folder / "mất rồi 💔"
        film = FilmRequest((gone,), voices.out, folder / "phim.mp4")
        for stream in (
            engine.segment(replace(run, shot=replace(shot, picture=gone))),
            engine.segment(replace(fade, into=replace(shot, picture=gone))),
            engine.sound(replace(voices, sounds=(Sound(gone, 0),))),
            engine.join(film),
        ):
            with pytest.raises(FileTrouble) as failure:
                await collect(stream)
            assert failure.value.code == "file_trouble"
            assert gone.name in str(failure.value)
        assert list(folder.iterdir()) == []

    async def test_a_folder_that_is_not_there_is_a_file_trouble(self, engine: FilmEngine, run: SegmentRequest, voices: SoundRequest, folder: Path) -> None:
        streams: list[Stream[FilmEvent]] = [
            engine.segment(replace(run, out=folder / "no such" / "a.mp4")),
            engine.sound(replace(voices, out=folder / "no such" / "a.wav")),
        ]
        for stream in streams:
            with pytest.raises(FileTrouble) as trouble:
                await collect(stream)
            assert "no such" in str(trouble.value)

    async def test_stops_within_half_a_second_and_leaves_nothing(self, engine: FilmEngine, long: SegmentRequest) -> None:
        assert await cancel_seconds(engine.segment(long)) < 0.5
        assert list(long.out.parent.iterdir()) == []

    async def test_a_cancelled_segment_leaves_the_old_file_alone(self, engine: FilmEngine, run: SegmentRequest, long: SegmentRequest) -> None:
        await filmed(engine.segment(run))
        before = run.out.read_bytes()
        await cancel_seconds(engine.segment(long))
        assert run.out.read_bytes() == before
        assert list(run.out.parent.iterdir()) == [run.out]

    async def test_films_again_after_a_cancel_and_after_an_error(self, engine: FilmEngine, run: SegmentRequest, long: SegmentRequest, shot: Shot) -> None:
        await cancel_seconds(engine.segment(long))
        with pytest.raises(CannotContinue):
            await collect(engine.segment(replace(run, shot=replace(shot, picture=run.out))))
        assert (await filmed(engine.segment(run))).facts["frames"] == 12

    async def test_closing_the_stream_early_leaves_the_engine_ready(self, engine: FilmEngine, run: SegmentRequest, long: SegmentRequest) -> None:
        async with contextlib.aclosing(engine.segment(long)) as events:
            async for _event in events:
                break
        assert (await filmed(engine.segment(run))).facts["frames"] == 12

    async def test_two_calls_at_once_both_come_back_whole(self, engine: FilmEngine, run: SegmentRequest, voices: SoundRequest) -> None:
        both = await asyncio.gather(filmed(engine.segment(run)), filmed(engine.sound(voices)))
        assert [one.path for one in both] == [run.out, voices.out]
        assert all(one.path.stat().st_size > 0 for one in both)

    async def test_the_same_request_gives_the_same_bytes(self, engine: FilmEngine, run: SegmentRequest) -> None:
        await filmed(engine.segment(run))
        first = run.out.read_bytes()
        await filmed(engine.segment(run))
        assert run.out.read_bytes() == first

    async def test_closing_twice_is_harmless(self, engine: FilmEngine, run: SegmentRequest) -> None:
        await filmed(engine.segment(run))
        await engine.close()
        await engine.close()
