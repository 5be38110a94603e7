"""The camera moves by parts of a pixel: no trembling, no step backwards. Measured on dots, frame by frame."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from localstory.engines.base import Camera, SegmentRequest, Shot
from localstory.engines.film.compositor import cover_box, ease, place_at
from localstory.engines.film.film import FilmMaker
from tests.bench.film import Jitter, centre, dots, jitter, measure_jitter
from tests.contracts.film_contract import filmed
from tests.core.engines.film import probe

FULL = (0.0, 0.0, 1.0)
NEAR = (0.06, 0.05, 1 / 1.12)
SIZE = (640, 360)


@pytest.mark.parametrize("camera", [Camera(FULL, NEAR), Camera(NEAR, FULL), Camera((0.0, 0.03, 0.9), (0.1, 0.07, 0.9))])
def test_the_camera_does_not_tremble(camera: Camera) -> None:
    seen = measure_jitter(camera, frames=72, size=SIZE)
    assert seen.steps > 500
    assert seen.rms_px < 0.02
    assert seen.steps_back == 0


def whole_pixels(camera: Camera, frames: int, size: tuple[int, int]) -> Jitter:
    """The same measure for what most recipes do: crop at whole pixels, then enlarge."""
    width, height = size
    spots = [(width * a + 0.37, height * b + 0.21) for a in (0.25, 0.47, 0.71) for b in (0.3, 0.52, 0.7)]
    picture = dots(spots, size)
    places, ideal = [], []
    for number in range(frames):
        left, top, wide = place_at(camera.start, camera.end, number, frames)
        box = (round(left * width), round(top * height), round((left + wide) * width), round((top + wide) * height))
        grey = np.asarray(picture.crop(box).resize(size, Image.Resampling.BICUBIC).getchannel("G")).astype(int) + 16
        wanted = [((x / width - left) / wide * width, (y / height - top) / wide * height) for x, y in spots]
        ideal.append(wanted)
        places.append([centre(grey, spot) for spot in wanted])
    return jitter(np.array(places), np.array(ideal))


def test_this_measure_sees_the_trembling_of_whole_pixels() -> None:
    seen = whole_pixels(Camera(FULL, NEAR), 72, SIZE)
    assert seen.rms_px > 0.2
    assert seen.steps_back > 50


async def test_the_encoded_film_moves_as_smoothly(engine: FilmMaker, folder: Path) -> None:
    """After the encoder, at the film's own quality: dots keep their path within a tenth of a pixel and the order of steps."""
    spots = [(640 * a, 360 * b) for a in (0.25, 0.75) for b in (0.3, 0.7)]
    dots(spots, SIZE, 8.0).save(folder / "dots.png")
    camera, count = Camera(FULL, NEAR), 48
    out = folder / "s.mp4"
    await filmed(engine.segment(SegmentRequest(Shot(folder / "dots.png", count, camera), 0, count, out, width=640, height=360)))
    seen = probe.frames(out, 640, 360)[..., 1]
    places, ideal = [], []
    for number in range(count):
        left, top, wide = place_at(camera.start, camera.end, number, count)
        wanted = [((x / 640 - left) / wide * 640, (y / 360 - top) / wide * 360) for x, y in spots]
        ideal.append(wanted)
        places.append([centre(seen[number], spot, 32) for spot in wanted])
    measured = jitter(np.array(places), np.array(ideal), smallest_step_px=0.1)
    assert measured.rms_px < 0.1
    assert measured.steps_back == 0


def test_moves_begin_and_end_at_rest() -> None:
    shares = [ease(number / 100) for number in range(101)]
    assert (shares[0], shares[-1]) == (0.0, 1.0)
    assert shares == sorted(shares)
    assert shares[1] < 0.001 and 1 - shares[-2] < 0.001
    assert place_at(FULL, NEAR, 0, 1) == FULL
    assert place_at(FULL, NEAR, 71, 72) == pytest.approx(NEAR)


@pytest.mark.parametrize("picture", [(1280, 720), (720, 1280), (1000, 1000), (1, 1), (5000, 3)])
def test_the_middle_of_the_picture_is_kept_in_the_films_shape(picture: tuple[int, int]) -> None:
    left, top, right, bottom = cover_box(picture, (1280, 720))
    assert 0 <= left < right <= picture[0] and 0 <= top < bottom <= picture[1]
    assert (right - left) / (bottom - top) == pytest.approx(16 / 9)
    assert math.isclose(left + right, picture[0]) and math.isclose(top + bottom, picture[1])
