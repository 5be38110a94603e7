"""When the world is in the way: cancelled, killed, without ffmpeg, on a full disk, with broken pictures."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import psutil
import pytest
from PIL import Image

from localstory.children.last_words import ChildDied
from localstory.engines.base import Camera, Filmed, FilmEvent, FilmRequest, SegmentRequest, Shot, Sound, SoundRequest, Stream
from localstory.engines.film.ffmpeg import FfmpegMissing, find_ffmpeg, parse_version, tail
from localstory.engines.film.film import FilmMaker
from localstory.errors import BadRequest, CannotContinue, FileTrouble
from tests.conftest import worker_processes
from tests.contracts.film_contract import cancel_seconds, filmed
from tests.core.engines.film import probe


@pytest.fixture
def shot(folder: Path) -> Shot:
    return Shot(probe.patches(folder / "p.png", [(200, 10, 10), (10, 200, 10)], 640, 360), 4000, Camera((0.0, 0.0, 1.0), (0.05, 0.05, 0.9)))


@pytest.fixture
def long(shot: Shot, folder: Path) -> SegmentRequest:
    return SegmentRequest(shot, 0, 4000, folder / "dài 🐉.mp4")


def ffmpegs() -> list[psutil.Process]:
    return [one for one in worker_processes() if "ffmpeg" in one.name()]


def left_in(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()} - {"p.png", "v.wav", "s.wav", "s.mp4"}


async def join_of_much(engine: FilmMaker, shot: Shot, folder: Path) -> FilmRequest:
    """Parts for a film of a quarter of an hour: its sound takes seconds to encode."""
    await filmed(engine.segment(SegmentRequest(replace(shot, frames=240), 0, 240, folder / "s.mp4", width=64, height=36, preset="ultrafast")))
    await filmed(engine.sound(SoundRequest((), 240 * 90, folder / "s.wav")))
    return FilmRequest((folder / "s.mp4",) * 90, folder / "s.wav", folder / "film.mp4")


@pytest.mark.parametrize("delay", [0.0, 0.3, 1.2])
async def test_a_cancelled_segment_is_gone_at_once(engine: FilmMaker, long: SegmentRequest, folder: Path, delay: float) -> None:
    assert await cancel_seconds(engine.segment(long), delay=delay) < 0.5
    assert ffmpegs() == []
    assert left_in(folder) == set()


@pytest.mark.parametrize("delay", [0.0, 0.2, 0.6])
async def test_a_cancelled_sound_is_gone_at_once(engine: FilmMaker, folder: Path, delay: float) -> None:
    voice = probe.write_wav(folder / "v.wav", probe.babble(240), 22_050)
    work = SoundRequest((Sound(voice, 0), Sound(voice, 24 * 250)), 24 * 600, folder / "tiếng.wav")
    assert await cancel_seconds(engine.sound(work), delay=delay) < 0.5
    assert ffmpegs() == []
    assert left_in(folder) == set()


@pytest.mark.parametrize("delay", [0.0, 0.3])
async def test_a_cancelled_join_is_gone_at_once(engine: FilmMaker, shot: Shot, folder: Path, delay: float) -> None:
    request = await join_of_much(engine, shot, folder)
    assert await cancel_seconds(engine.join(request), delay=delay) < 0.5
    assert ffmpegs() == []
    assert left_in(folder) == set()


async def test_a_killed_child_is_told_of_and_the_next_one_works(engine: FilmMaker, long: SegmentRequest, folder: Path) -> None:
    for _attempt in range(2):
        with pytest.raises(ChildDied):
            async with contextlib.aclosing(engine.segment(long)) as events:
                async for event in events:
                    if getattr(event, "done", 0) >= 8:
                        pid = engine._child.pid
                        assert pid is not None
                        with contextlib.suppress(ProcessLookupError):
                            os.kill(pid, signal.SIGKILL)
        assert left_in(folder) == set()
        assert ffmpegs() == []
    assert (await filmed(engine.segment(replace(long, count=5)))).facts["frames"] == 5


async def test_a_killed_ffmpeg_is_an_error_and_leaves_nothing(engine: FilmMaker, long: SegmentRequest, folder: Path) -> None:
    with pytest.raises(CannotContinue) as failure:
        async with contextlib.aclosing(engine.segment(long)) as events:
            async for event in events:
                if getattr(event, "done", 0) >= 8:
                    for one in ffmpegs():
                        one.kill()
    assert failure.value.code == "film_failed"
    assert left_in(folder) == set()


@pytest.mark.parametrize("named", ["/no/such/ffmpeg", "ffmpeg-that-nobody-has", os.devnull])
async def test_without_ffmpeg_it_says_so(folder: Path, shot: Shot, monkeypatch: pytest.MonkeyPatch, named: str) -> None:
    monkeypatch.setenv("IMAGEIO_FFMPEG_EXE", named)
    assert find_ffmpeg() is None
    engine = FilmMaker()
    voice = probe_free_wav(folder)
    try:
        assert engine.describe().details["ffmpeg"] == ""
        streams: list[Stream[FilmEvent]] = [
            engine.segment(SegmentRequest(shot, 0, 5, folder / "a.mp4")),
            engine.sound(SoundRequest((Sound(voice, 0),), 24, folder / "a.wav")),
        ]
        for stream in streams:
            with pytest.raises(FfmpegMissing) as missing:
                await filmed(stream)
            assert missing.value.code == "not_installed"
    finally:
        await engine.close()
    assert left_in(folder) == set()


def probe_free_wav(folder: Path) -> Path:
    return probe.write_wav(folder / "v.wav", probe.babble(1), 22_050)


async def test_a_full_disk_is_told_of_and_leaves_nothing(engine: FilmMaker, shot: Shot, folder: Path) -> None:
    """The child may write no file over 60 kB: what a full disk does to it and to its ffmpeg."""
    Image.fromarray(np.random.default_rng(1).integers(0, 256, (360, 640, 3), dtype=np.uint8)).save(shot.picture)
    request = SegmentRequest(replace(shot, frames=90), 0, 90, folder / "a.mp4", crf=1, preset="ultrafast")
    voice = probe_free_wav(folder)
    await filmed(engine.segment(replace(request, count=1)))
    request.out.unlink()
    pid = engine._child.pid
    assert pid is not None
    psutil.Process(pid).rlimit(psutil.RLIMIT_FSIZE, (60_000, 60_000))
    streams: list[Stream[FilmEvent]] = [engine.segment(request), engine.sound(SoundRequest((Sound(voice, 0),), 24 * 60, folder / "a.wav"))]
    for stream in streams:
        with pytest.raises(FileTrouble) as trouble:
            await filmed(stream)
        assert trouble.value.code == "file_trouble"
        assert left_in(folder) == set()


@pytest.mark.parametrize("content", [b"", b"not a picture", b"\x89PNG\r\n\x1a\n" + b"\0" * 60, b"GIF89a", b"\xff\xd8\xff\xe0" + b"x" * 500])
async def test_a_broken_picture_is_named(engine: FilmMaker, shot: Shot, folder: Path, content: bytes) -> None:
    picture = folder / "p.png"
    picture.write_bytes(content)
    with pytest.raises(FileTrouble) as trouble:
        await filmed(engine.segment(SegmentRequest(shot, 0, 5, folder / "a.mp4")))
    assert "p.png" in str(trouble.value)
    assert left_in(folder) == set()


async def test_half_a_picture_is_a_broken_one(engine: FilmMaker, shot: Shot, folder: Path) -> None:
    whole = shot.picture.read_bytes()
    shot.picture.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(FileTrouble):
        await filmed(engine.segment(SegmentRequest(shot, 0, 5, folder / "a.mp4")))


async def test_a_changed_picture_is_seen(engine: FilmMaker, shot: Shot, folder: Path) -> None:
    request = SegmentRequest(shot, 0, 3, folder / "a.mp4", width=320, height=180)
    await filmed(engine.segment(request))
    probe.patches(shot.picture, [(10, 10, 240)], 641, 360)
    seen = probe.frames((await filmed(engine.segment(request))).path, 320, 180)[0].mean(axis=(0, 1))
    assert seen[2] > 200 and seen[0] < 60


async def test_a_read_only_name_is_told_of(engine: FilmMaker, shot: Shot, folder: Path) -> None:
    (folder / "taken.mp4").mkdir()
    with pytest.raises(FileTrouble):
        await filmed(engine.segment(SegmentRequest(shot, 0, 5, folder / "taken.mp4")))


async def test_a_name_as_long_as_a_name_may_be(engine: FilmMaker, shot: Shot, folder: Path) -> None:
    out = folder / ("đ" * 125 + ".mp4")
    assert (await filmed(engine.segment(SegmentRequest(shot, 0, 2, out, width=64, height=36)))).path == out


@pytest.mark.parametrize("change", [{"crf": 99}, {"crf": -1}, {"preset": "no such"}, {"preset": "medium -f null"}, {"fps": 10**9}])
async def test_what_the_encoder_does_not_know_is_refused(engine: FilmMaker, shot: Shot, folder: Path, change: dict[str, object]) -> None:
    with pytest.raises(BadRequest):
        await filmed(engine.segment(replace(SegmentRequest(shot, 0, 2, folder / "a.mp4"), **change)))  # type: ignore[arg-type]


async def test_the_loop_is_never_held(engine: FilmMaker, shot: Shot, folder: Path) -> None:
    """The window stays alive: no wait on this side is longer than a moment."""
    longest, running = 0.0, True

    async def tick() -> None:
        nonlocal longest
        while running:
            began = time.perf_counter()
            await asyncio.sleep(0.01)
            longest = max(longest, time.perf_counter() - began)

    ticking = asyncio.create_task(tick())
    made = await filmed(engine.segment(SegmentRequest(shot, 0, 40, folder / "a.mp4")))
    running = False
    await ticking
    assert isinstance(made, Filmed)
    assert longest < 1.0


def test_versions_and_last_words() -> None:
    assert parse_version("ffmpeg version n9.0.2 Copyright (c)") == "n9.0.2"
    assert parse_version("bash: no") == ""
    assert tail("[mp4 @ 0x5581] a\n\nb\n") == "[mp4] a / b"
