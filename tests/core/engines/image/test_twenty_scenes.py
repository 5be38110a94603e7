"""Twenty labelled scenes: every label is in the recipe, and every one can be seen in the picture."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from localstory.engines.image.paint import compose
from localstory.engines.image.paint.compose import Layout, paint, plan, without
from localstory.engines.image.reading import Brief, read_scene
from tests.core.engines.image.twenty import TWENTY, Labelled

SIZE = (448, 252)
SCENES = [pytest.param(scene, number, id=f"{number:02d}-{scene.setting}") for number, scene in enumerate(TWENTY)]

OTHER_TIME = {"night": "day", "evening": "day", "dawn": "night", "morning": "night", "day": "night"}
OTHER_SETTING = {True: "meadow", False: "bedroom"}


def layout_of(scene: Labelled, seed: int) -> Layout:
    return plan(read_scene(scene.text, scene.cast), *SIZE, seed)


def pixels(image: Image.Image) -> NDArray[np.int16]:
    return np.asarray(image).astype(np.int16)


def changed(one: NDArray[np.int16], other: NDArray[np.int16]) -> NDArray[np.bool_]:
    """Where two pictures differ by more than the eye overlooks: 24 of 255 in some channel."""
    result: NDArray[np.bool_] = np.abs(one - other).max(axis=2) > 24
    return result


def share_with(layout: Layout, other: Brief) -> float:
    """The share of the picture that another setting, time or weather would change, with everybody at the same place."""
    return float(changed(pixels(paint(layout)[0]), pixels(paint(replace(layout, brief=other))[0])).mean())


@pytest.mark.parametrize(("scene", "seed"), SCENES)
def test_every_label_is_in_the_recipe(scene: Labelled, seed: int) -> None:
    _image, made_of = paint(layout_of(scene, seed))
    assert (made_of["setting"], made_of["time"], made_of["weather"]) == (scene.setting, scene.time, scene.weather)
    assert Counter(set(figure["kind"] for figure in made_of["figures"])) == Counter(scene.figures)
    assert set(scene.props) <= {prop["kind"] for prop in made_of["props"]}
    for name in {figure.name for figure in scene.cast}:
        assert name in made_of["alt"]


@pytest.mark.parametrize(("scene", "seed"), SCENES)
def test_every_figure_and_thing_can_be_seen(scene: Labelled, seed: int) -> None:
    """Left out, it is missed: a good part of its own box changes, and clearly."""
    layout = layout_of(scene, seed)
    image, made_of = paint(layout)
    whole = pixels(image)
    boxes = [figure["box"] for figure in made_of["figures"]] + [prop["box"] for prop in made_of["props"]]
    for index, (item, (x0, y0, x1, y1)) in enumerate(zip(layout.placed, boxes, strict=True)):
        there = whole[y0:y1, x0:x1]
        gone = pixels(paint(without(layout, index))[0])[y0:y1, x0:x1]
        different = changed(there, gone)
        assert different.mean() > 0.16, f"{item.kind}: {different.mean():.2f} of its box"
        contrast = np.abs(there - gone).max(axis=2)[different].mean()
        assert contrast > 38, f"{item.kind}: contrast {contrast:.0f}"
        assert (x1 - x0) * (y1 - y0) > SIZE[0] * SIZE[1] * 0.002


@pytest.mark.parametrize(("scene", "seed"), SCENES)
def test_setting_time_and_weather_can_be_seen(scene: Labelled, seed: int) -> None:
    layout = layout_of(scene, seed)
    indoors = layout.brief.indoors
    assert share_with(layout, replace(layout.brief, setting=OTHER_SETTING[indoors])) > 0.4 if scene.setting != "meadow" else True
    if scene.setting not in ("space", "cave"):
        assert share_with(layout, replace(layout.brief, time=OTHER_TIME[scene.time])) > 0.3
        # Indoors the weather is in the window; under water there is little of it.
        if scene.setting != "underwater":
            assert share_with(layout, replace(layout.brief, weather="storm" if scene.weather != "storm" else "clear")) > (0.004 if indoors else 0.2)


@pytest.mark.parametrize(("scene", "seed"), SCENES)
def test_nothing_important_is_at_the_outer_edge(scene: Labelled, seed: int) -> None:
    """The camera moves in by up to 1.12: what lies within 4 % of the edge may be lost."""
    for width, height in (SIZE, (252, 448), (320, 320)):
        _image, made_of = paint(plan(read_scene(scene.text, scene.cast), width, height, seed))
        for item in made_of["figures"]:
            x0, y0, x1, y1 = item["box"]
            assert x0 >= width * 0.035 and x1 <= width * 0.965, item
            assert y0 >= height * 0.035 and y1 <= height * 0.985, item
        x, y = made_of["focus"]
        assert 0.1 < x < 0.9 and 0.15 < y < 0.9


def test_another_seed_is_another_composition() -> None:
    # The dark forest hides more of what is new than a bright meadow does.
    for number, least in ((0, 0.1), (1, 0.15), (12, 0.15)):
        pictures = [pixels(paint(layout_of(TWENTY[number], seed))[0]) for seed in (1, 2, 3)]
        assert changed(pictures[0], pictures[1]).mean() > least
        assert changed(pictures[1], pictures[2]).mean() > least


def test_an_element_left_out_moves_nothing_else() -> None:
    layout = layout_of(TWENTY[2], 2)
    first, second = pixels(paint(layout)[0]), pixels(paint(without(layout, 0))[0])
    image, made_of = paint(layout)
    x0, y0, x1, y1 = made_of["figures"][0]["box"]
    outside = changed(first, second)
    pad = 14
    outside[max(0, y0 - pad) : y1 + pad, max(0, x0 - pad) : x1 + pad] = False
    assert image.size == SIZE and not outside.any()


@pytest.mark.parametrize(("weather", "least"), [("rain", 0.01), ("storm", 0.01), ("snow", 0.008), ("fog", 0.15), ("wind", 0.003)])
@pytest.mark.parametrize("setting", ["meadow", "town", "mountains", "sea"])
def test_what_falls_or_blows_is_seen_below_the_sky_too(setting: str, weather: str, least: float, monkeypatch: pytest.MonkeyPatch) -> None:
    layout = plan(Brief(setting, weather=weather), *SIZE, 4)
    falling = pixels(paint(layout)[0])
    monkeypatch.setattr(compose, "weather_veil", lambda _stage: None)
    still = pixels(paint(layout)[0])
    assert changed(falling, still)[SIZE[1] // 2 :].mean() > least


def test_a_brief_without_anybody_is_a_view() -> None:
    _image, made_of = paint(plan(Brief(), *SIZE, 1))
    assert made_of["figures"] == [] and made_of["alt"].startswith("A view")
