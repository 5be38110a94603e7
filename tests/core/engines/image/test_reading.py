"""From words to a brief: what is said, what is meant, and what only sounds like it."""

from __future__ import annotations

import time
import unicodedata
from typing import Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from localstory.engines.base import Figure
from localstory.engines.image.alt import PLACES
from localstory.engines.image.kinds import BEASTS, BIRDS, CREATURES, PEOPLE
from localstory.engines.image.lexicon import LANGUAGES, lexicon
from localstory.engines.image.paint.compose import FEELING
from localstory.engines.image.paint.indoors import ROOMS
from localstory.engines.image.paint.places import BACK
from localstory.engines.image.paint.props import SIZES, prop
from localstory.engines.image.reading import Brief, read_scene

MIA = Figure("Mia", "girl")
REX = Figure("Rex", "dog")
ZORB = Figure("Zorb", "zorbl")


def kinds(brief: Brief) -> list[str]:
    return [actor.figure.kind for actor in brief.actors]


def names(brief: Brief) -> list[str]:
    return [actor.figure.name for actor in brief.actors]


def things(brief: Brief) -> list[str]:
    return [thing.kind for thing in brief.props]


@pytest.mark.parametrize(
    ("text", "weather"),
    [
        ("There was no rain in the valley.", "clear"),
        ("It had not been a windy day, and without a single cloud the sun shone.", "clear"),
        ("The rain did not stop.", "rain"),
        ("It was snowing. Then the storm came.", "storm"),
    ],
)
def test_denied_weather_is_not_drawn(text: str, weather: str) -> None:
    assert read_scene(text).weather == weather


@pytest.mark.parametrize(
    ("text", "figures"),
    [
        ("Mia was as brave as a lion.", ["girl"]),
        ("Mia ran like the wind. Her hair shone like a hundred stars.", ["girl"]),
        ("She would like a kitten, said Mia.", ["girl", "kitten"]),
        ("Mia could not bear it. The sun rose and she began to fly.", ["girl"]),
        ("Mia saw a bear.", ["girl", "bear"]),
        ("Three wolves and two mice ate.", ["wolf", "mouse"]),
        ("There was no dragon, but Mia was afraid.", ["girl"]),
    ],
)
def test_only_who_is_there_is_drawn(text: str, figures: list[str]) -> None:
    assert kinds(read_scene(text, (MIA,))) == figures


def test_stars_in_a_comparison_make_no_night() -> None:
    assert read_scene("Her eyes shone like stars. It was noon.").time == "day"


def test_the_cast_shows_by_name_by_kind_and_by_pronoun() -> None:
    cast = (MIA, REX)
    assert names(read_scene("Rex barked.", cast)) == ["Rex"]
    assert names(read_scene("The girl laughed at the dog's tail.", cast)) == ["Mia", "Rex"]
    assert names(read_scene("She walked on.", cast)) == ["Mia"]
    assert names(read_scene("They walked on together.", cast)) == ["Mia", "Rex"]
    assert names(read_scene("She put the letter into a bottle and threw it away.", cast)) == ["Mia"]
    assert names(read_scene("As she walked, the birds sang.", cast)) == ["Mia", ""]


def test_when_nobody_is_mentioned_the_first_of_the_cast_shows_and_it_is_said_so() -> None:
    brief = read_scene("The road was long.", (MIA, REX))
    assert names(brief) == ["Mia"] and "nobody mentioned: the first of the cast" in brief.reasons


def test_an_unknown_kind_is_found_by_its_own_word() -> None:
    assert names(read_scene("A rabbit met the zorbl in the forest.", (MIA, ZORB))) == ["Zorb", ""]


def test_the_place_counts_only_where_the_text_names_none() -> None:
    assert read_scene("Mia sang.", (MIA,), "an old castle").setting == "castle"
    assert read_scene("Mia sang on the beach.", (MIA,), "an old castle").setting == "beach"


def test_where_they_go_counts_for_more_than_where_they_come_from() -> None:
    assert read_scene("They walked from the village to the castle.").setting == "castle"


def test_numbers_colours_and_poses() -> None:
    brief = read_scene("Two white rabbits hopped. Mia slept under a tree with a blue book.", (MIA,))
    poses = {actor.figure.kind: (actor.pose, actor.count) for actor in brief.actors}
    assert poses == {"girl": ("sleep", 1), "rabbit": ("jump", 2)}
    assert next(actor for actor in brief.actors if actor.figure.kind == "rabbit").figure.colours == ("#f6f2ea",)
    assert [(thing.kind, thing.colour) for thing in brief.props] == [("tree", ""), ("book", "blue")]


def test_a_thing_that_is_held_is_known_as_held() -> None:
    assert [thing.held for thing in read_scene("Mia held a lantern near a rock.", (MIA,)).props] == [True, True]
    assert [thing.held for thing in read_scene("A lantern stood there.", (MIA,)).props] == [False]


@pytest.mark.parametrize(
    ("text", "setting", "time", "weather", "figures", "props"),
    [
        ("Đêm khuya, con cáo nhỏ đi trong rừng với chiếc đèn lồng đỏ.", "forest", "night", "clear", ["fox"], ["lantern"]),
        ("Trời mưa to ở làng. Cô bé cầm chiếc ô màu xanh.", "village", "day", "rain", ["girl"], ["umbrella"]),
        ("Bình minh trên bãi biển, chú rùa bò ra biển tìm vỏ sò.", "beach", "dawn", "clear", ["turtle"], ["shell"]),
        ("Công chúa ngồi đọc sách trong lâu đài, ngoài trời tuyết rơi.", "castle", "day", "snow", ["princess"], ["book"]),
    ],
)
def test_vietnamese_is_read_too(text: str, setting: str, time: str, weather: str, figures: list[str], props: list[str]) -> None:
    forms: tuple[Literal["NFC", "NFD"], ...] = ("NFC", "NFD")
    for form in forms:
        brief = read_scene(unicodedata.normalize(form, text))
        assert (brief.setting, brief.time, brief.weather, kinds(brief), things(brief)) == (setting, time, weather, figures, props)


def test_vietnamese_words_do_not_leak_into_english() -> None:
    brief = read_scene("Hang on to the bay, ma! A chai and a sao.")
    assert brief.setting == "meadow" and kinds(brief) == []


def test_every_word_leads_to_something_that_can_be_drawn() -> None:
    for module in LANGUAGES.values():
        assert set(module.SETTINGS) <= set(BACK) | set(ROOMS)
        assert set(module.PEOPLE) <= set(PEOPLE)
        assert set(module.ANIMALS) <= set(BEASTS) | set(BIRDS) | set(CREATURES)
        assert set(module.PROPS) <= set(SIZES)
        assert set(module.MOODS) <= set(FEELING)
    assert set(PLACES) == set(BACK) | set(ROOMS)
    assert len(lexicon("vi").meanings) > 300


@pytest.mark.parametrize("kind", sorted(SIZES))
def test_every_thing_can_be_cut(kind: str) -> None:
    left, bottom, right, top = prop(kind).bounds()
    assert right - left > 0.1 and 0.15 < top - bottom < 1.8


@given(st.text(max_size=400))
@settings(max_examples=150, deadline=None)
def test_any_text_is_read(text: str) -> None:
    brief = read_scene(text, (MIA, REX, ZORB), text[:40])
    assert brief.setting in BACK or brief.setting in ROOMS


def test_a_hundred_thousand_characters_are_read_quickly() -> None:
    began = time.perf_counter()
    read_scene("Mia and the dragon flew over the dark forest, as brave as a lion. " * 1600, (MIA,))
    assert time.perf_counter() - began < 2.0


def test_figures_that_share_a_name_come_together() -> None:
    cast = (Figure("the robots", "robot"), Figure("the robots", "robot", ("#c8553d",)), Figure("Mai", "girl"))
    assert len(read_scene("But the robots had a good idea.", cast).actors) == 2
    assert len(read_scene("Mai had a good idea.", cast).actors) == 1
