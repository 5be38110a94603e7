"""Segments as they are on the disk: frames to the number, steady times, true colours, key frames, and fades."""

from __future__ import annotations

import itertools
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from localstory.engines.base import Camera, SegmentRequest, Shot
from localstory.engines.film.boxes import read_video_track
from localstory.engines.film.film import FilmMaker
from tests.contracts.film_contract import filmed
from tests.core.engines.film import probe

WIDE, HIGH = 320, 180
COLOURS = [(255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255), (0, 0, 0), (128, 128, 128), (200, 120, 40), (30, 90, 160)]


@pytest.fixture
def shot(folder: Path) -> Shot:
    noise = np.random.default_rng(3).integers(0, 256, (45, 80, 3), dtype=np.uint8)
    Image.fromarray(noise).resize((WIDE, HIGH), Image.Resampling.BICUBIC).save(folder / "tranh.png")
    return Shot(folder / "tranh.png", 130, Camera((0.0, 0.0, 1.0), (0.06, 0.03, 0.9)))


def request(shot: Shot, folder: Path, first: int, count: int, **more: object) -> SegmentRequest:
    return replace(SegmentRequest(shot, first, count, folder / f"{first}-{count}.mp4", width=WIDE, height=HIGH), **more)  # type: ignore[arg-type]


@pytest.mark.parametrize("count", [1, 2, 12, 97, 130])
async def test_a_segment_has_exactly_the_frames_asked_for_at_steady_times(engine: FilmMaker, shot: Shot, folder: Path, count: int) -> None:
    out = (await filmed(engine.segment(request(shot, folder, 130 - count, count)))).path
    shown = probe.packets(out)
    assert len(shown) == count
    assert {after[0] - before[0] for before, after in itertools.pairwise(shown)} <= {1000}
    track = read_video_track(out)
    assert (track.frames, track.deltas, track.timescale, track.width, track.height) == (count, (1000,), 24_000, WIDE, HIGH)


async def test_it_is_labelled_as_what_it_is(engine: FilmMaker, shot: Shot, folder: Path) -> None:
    out = (await filmed(engine.segment(request(shot, folder, 0, 10)))).path
    said = probe.described(out)
    assert "h264 (High)" in said and "yuv420p(tv, bt709" in said and f"{WIDE}x{HIGH}" in said
    assert "Audio:" not in said


async def test_it_starts_with_a_key_frame_and_has_one_every_two_seconds(engine: FilmMaker, shot: Shot, folder: Path) -> None:
    out = (await filmed(engine.segment(request(shot, folder, 7, 110)))).path
    keys = probe.key_frames(out)
    assert keys[0] == 0
    assert max(after - before for before, after in zip(keys, [*keys[1:], 110], strict=True)) <= 48


async def test_colours_come_back_as_they_were(engine: FilmMaker, folder: Path) -> None:
    picture = probe.patches(folder / "màu.png", COLOURS, WIDE * 2, HIGH * 2)
    shot = Shot(picture, 6)
    made = request(shot, folder, 0, 6, width=WIDE * 2, height=HIGH * 2, crf=12)
    seen = probe.frames((await filmed(engine.segment(made))).path, WIDE * 2, HIGH * 2)[3]
    step = WIDE * 2 // len(COLOURS)
    for number, colour in enumerate(COLOURS):
        middle = seen[100:260, number * step + 24 : (number + 1) * step - 24].reshape(-1, 3).astype(int)
        assert np.abs(middle.mean(axis=0) - colour).max() < 3, (colour, middle.mean(axis=0))


async def test_edges_stay_where_they_are_in_every_colour(engine: FilmMaker, folder: Path) -> None:
    """Chroma half a pixel off would be seen as a fringe: a red edge is compared with where it was drawn."""
    image = Image.new("RGB", (WIDE, HIGH), (40, 40, 200))
    image.paste((220, 60, 40), (WIDE // 2, 0, WIDE, HIGH))
    image.save(folder / "edge.png")
    out = (await filmed(engine.segment(request(Shot(folder / "edge.png", 3), folder, 0, 3, crf=4)))).path
    raw, _said = probe.ffmpeg("-i", out, "-map", "0:v:0", "-frames:v", "1", "-f", "rawvideo", "-pix_fmt", "yuv420p", "-")
    blue = np.frombuffer(raw, np.uint8)[WIDE * HIGH : WIDE * HIGH * 5 // 4].reshape(HIGH // 2, WIDE // 2)[20:70].mean(axis=0)
    # The plane's step, as the place where it is half way: sample j lies on film pixel 2j + 0.5.
    share = (blue - blue[-1]) / (blue[0] - blue[-1])
    at = float(share.sum()) - 0.5  # in samples: the mean place of the step
    assert 2 * at + 0.5 == pytest.approx(WIDE / 2, abs=0.35)


async def test_a_crossfade_goes_one_way_from_one_picture_to_the_other(engine: FilmMaker, folder: Path) -> None:
    dark, light = probe.patches(folder / "a.png", [(20, 40, 60)], WIDE, HIGH), probe.patches(folder / "b.png", [(220, 180, 140)], WIDE, HIGH)
    fade = SegmentRequest(Shot(dark, 40), 28, 12, folder / "fade.mp4", into=Shot(light, 30), width=WIDE, height=HIGH, crf=8)
    seen = probe.frames((await filmed(engine.segment(fade))).path, WIDE, HIGH).mean(axis=(1, 2))
    assert len(seen) == 12
    assert (np.diff(seen, axis=0) > 0).all()
    assert 19 < seen[0][0] < 40 and 200 < seen[-1][0] < 221


async def test_the_parts_of_a_shot_meet_without_a_jump(engine: FilmMaker, shot: Shot, folder: Path) -> None:
    """A shot in two segments shows what it shows in one."""
    whole = probe.frames((await filmed(engine.segment(request(shot, folder, 0, 40, crf=6)))).path, WIDE, HIGH)
    parts = [(await filmed(engine.segment(request(shot, folder, first, 20, crf=6)))).path for first in (0, 20)]
    halves = np.concatenate([probe.frames(part, WIDE, HIGH) for part in parts])
    assert np.abs(whole.astype(int) - halves.astype(int)).mean() < 1.5


@pytest.mark.parametrize("size", [(90, 160), (33, 500), (2000, 40), (1, 1)])
async def test_a_picture_of_another_shape_is_cut_and_not_squeezed(engine: FilmMaker, folder: Path, size: tuple[int, int]) -> None:
    image = Image.new("RGB", size, (200, 30, 30))
    image.save(folder / "odd.png")
    out = (await filmed(engine.segment(request(Shot(folder / "odd.png", 2), folder, 0, 2)))).path
    assert np.abs(probe.frames(out, WIDE, HIGH)[0].mean(axis=(0, 1)) - (200, 30, 30)).max() < 3


@pytest.mark.parametrize("mode", ["RGBA", "L", "P", "1", "LA", "I;16", "CMYK"])
async def test_pictures_of_every_kind_are_filmed(engine: FilmMaker, folder: Path, mode: str) -> None:
    suffix = ".tif" if mode == "CMYK" else ".png"
    base = Image.linear_gradient("L").resize((WIDE, HIGH))
    image = Image.fromarray(np.asarray(base).astype(np.uint16) * 257) if mode == "I;16" else base.convert("RGB").convert(mode)
    image.save(folder / f"p{suffix}")
    seen = probe.frames((await filmed(engine.segment(request(Shot(folder / f"p{suffix}", 2), folder, 0, 2)))).path, WIDE, HIGH)[0]
    assert seen[:20].mean() < 70 and seen[-20:].mean() > 180
