"""A hero looks the same in every scene, and everybody on the list can be told apart and seen."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from localstory.engines.base import Figure
from localstory.engines.image.kinds import BEASTS, BIRDS, CREATURES, PEOPLE
from localstory.engines.image.looks import kind_of, look_of
from localstory.engines.image.paint.colour import parse, rgb
from localstory.engines.image.paint.compose import paint, plan
from localstory.engines.image.paint.figures import cut
from localstory.engines.image.reading import Actor, Brief, read_scene

KINDS = sorted({**PEOPLE, **BEASTS, **BIRDS, **CREATURES})
POSES = ("stand", "walk", "run", "sit", "sleep", "fly", "swim", "jump", "wave", "hold", "read", "bed")
EMBER = Figure("Ember", "dragon", ("#4f8fb0", "#f3e0b0"), "red scarf")


def test_the_same_hero_has_the_same_shape_and_colours_in_two_scenes() -> None:
    first = plan(read_scene("Ember stood in the forest at night.", (EMBER,)), 640, 360, 1).placed[0]
    second = plan(read_scene("In a sunny kitchen there was Ember. She stood still!", (EMBER,)), 900, 900, 99).placed[0]
    assert first.look == second.look
    # The silhouette, at the same scale: the face may feel differently, the cut is the same.
    shapes = [[piece.points for piece in item.sprite().pieces if not piece.inside] for item in (first, second)]
    assert shapes[0] == shapes[1]
    assert [piece.colour for piece in first.sprite().pieces if not piece.inside] == [piece.colour for piece in second.sprite().pieces if not piece.inside]


def test_given_colours_are_worn() -> None:
    look = look_of(EMBER)
    assert (look.main, look.second) == (rgb("#4f8fb0"), rgb("#f3e0b0"))
    assert look.item == "scarf" and look.item_colour == rgb("#d3423c")
    painted = {piece.colour for piece in cut(look, "stand", "calm").pieces}
    assert {look.main, look.item_colour} <= painted


def test_broken_colours_fall_back() -> None:
    assert look_of(Figure("Ember", "dragon", ("red", "#12", "", "#zzzzzz"))) == look_of(Figure("Ember", "dragon"))


def test_two_names_of_one_kind_can_be_told_apart() -> None:
    looks = {name: look_of(Figure(name, "girl")) for name in ("Mia", "Lan", "Anna", "Zoë", "Hoa", "Eva")}
    assert len({(look.main, look.skin, look.hair) for look in looks.values()}) >= 5


@pytest.mark.parametrize("kind", KINDS)
def test_everybody_can_be_cut_in_every_pose(kind: str) -> None:
    look = look_of(Figure("Kim", kind))
    assert look.known and look.kind == kind
    for pose in POSES:
        for feeling in ("calm", "asleep", "scared", "angry", "sad", "happy"):
            left, bottom, right, top = cut(look, pose, feeling).bounds()
            assert 0.3 < right - left < 2.6 and 0.2 < top - bottom < 2.4, (kind, pose)


@pytest.mark.parametrize("kind", KINDS)
def test_everybody_alone_is_large_enough_to_matter(kind: str) -> None:
    brief = Brief(actors=(Actor(Figure("Kim", kind)),))
    image, made_of = paint(plan(brief, 320, 180, 3))
    x0, y0, x1, y1 = made_of["figures"][0]["box"]
    assert 0.1 * 180 <= y1 - y0 <= 0.66 * 180 and (x1 - x0) * (y1 - y0) > 0.01 * 320 * 180
    alone = np.asarray(paint(plan(replace(brief, actors=()), 320, 180, 3))[0]).astype(int)
    assert (np.abs(np.asarray(image).astype(int) - alone).max(axis=2)[y0:y1, x0:x1] > 24).mean() > 0.2


def test_an_unknown_kind_becomes_a_friendly_round_creature_and_it_is_said_so() -> None:
    _image, made_of = paint(plan(read_scene("Zorb smiled.", (Figure("Zorb", "zorbl"),)), 320, 180, 1))
    assert made_of["figures"][0]["kind"] == "friend" and made_of["figures"][0]["known"] is False
    assert "Zorb the round friendly creature" in made_of["alt"]


@pytest.mark.parametrize(
    ("word", "kind"),
    [
        ("little foxes", "fox"),
        ("Grandma", "old woman"),
        ("polar bear", "polar bear"),
        ("brown bear", "bear"),
        ("a wise old owl", "owl"),
        ("cô bé", "girl"),
        ("zorbl", None),
        ("", None),
    ],
)
def test_words_for_kinds(word: str, kind: str | None) -> None:
    assert kind_of(word) == kind


@given(st.text(max_size=30), st.text(max_size=30), st.lists(st.text(max_size=8), max_size=4), st.text(max_size=30))
@settings(max_examples=80, deadline=None)
def test_any_figure_has_a_look_and_keeps_it(name: str, kind: str, colours: list[str], item: str) -> None:
    figure = Figure(name, kind, tuple(colours), item)
    look = look_of(figure)
    assert look == look_of(figure)
    assert cut(look, "stand", "calm").pieces
    assert parse("#102030") == (16, 32, 48)
