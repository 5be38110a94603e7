"""When what is heard and seen."""

from __future__ import annotations

import itertools
import math

from hypothesis import given
from hypothesis import strategies as st

from localstory.story.timeline import CROSSFADE_FRAMES, FPS, LEAD_SECONDS, TAIL_SECONDS, ZOOM, camera_for, film_frames, make_timeline

voices = st.lists(st.floats(0.05, 60.0), min_size=1, max_size=12)


@given(voices)
def test_a_voice_lies_in_its_shot_and_never_in_a_crossfade(seconds: list[float]) -> None:
    items = make_timeline([("title", 1.5), *((f"s{n}", length) for n, length in enumerate(seconds)), ("end", 0.8)])
    spoken = dict(zip([item.key for item in items], [1.5, *seconds, 0.8], strict=True))
    for index, item in enumerate(items):
        assert item.voice_start is not None
        voice_end = item.voice_start + spoken[item.key] * FPS
        assert item.voice_start >= item.start + CROSSFADE_FRAMES
        fades_out = item.start + item.frames - (CROSSFADE_FRAMES if index < len(items) - 1 else 0)
        assert voice_end <= fades_out + 1e-6


@given(voices)
def test_scenes_are_separated_by_about_twelve_tenths_of_silence(seconds: list[float]) -> None:
    items = make_timeline([(f"s{n}", length) for n, length in enumerate(seconds)])
    for before, after, length in zip(items, items[1:], seconds, strict=False):
        assert before.voice_start is not None and after.voice_start is not None
        if length + LEAD_SECONDS + TAIL_SECONDS > 1.0:
            silence = (after.voice_start - before.voice_start) / FPS - length
            assert 1.0 <= silence <= 1.4 + 1 / FPS


@given(voices)
def test_the_film_is_as_long_as_its_shots_less_their_overlaps(seconds: list[float]) -> None:
    items = make_timeline([(f"s{n}", length) for n, length in enumerate(seconds)])
    assert film_frames(items) == sum(item.frames for item in items) - CROSSFADE_FRAMES * (len(items) - 1)
    assert all(math.isclose(after.start, before.start + before.frames - CROSSFADE_FRAMES) for before, after in itertools.pairwise(items))


@given(st.integers(0, 50), st.integers(1, 4000), st.tuples(st.floats(-1, 2), st.floats(-1, 2)))
def test_the_camera_stays_in_the_picture_and_calm(index: int, frames: int, focus: tuple[float, float]) -> None:
    camera = camera_for(index, frames, focus)
    for left, top, width in (camera.start, camera.end):
        assert 0 <= left <= 1 - width + 1e-9 and 0 <= top <= 1 - width + 1e-9
        assert 1 <= 1 / width <= 1.12
    assert ZOOM <= 1.12


def test_cards_stand_still_and_short_shots_too() -> None:
    assert camera_for(0, 240, (0.2, 0.2), still=True).start == camera_for(0, 240, (0.2, 0.2), still=True).end
    assert camera_for(0, 30, (0.2, 0.2)).start == camera_for(0, 30, (0.2, 0.2)).end
