"""What an idea is read as."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from localstory.errors import BadRequest
from localstory.story.bible import Bible, clean_idea, make_bible, nouns_of, with_article
from tests.core.story.ideas import IDEAS


@pytest.mark.parametrize(
    ("idea", "kinds", "event"),
    [
        ("A girl named Mai and a sleepy dragon on the way to the mountain", ["girl", "dragon"], ""),
        ("A brave little mouse who wants to see the sea", ["mouse"], "wanted to see the sea"),
        ("Two robots look for a lost star", ["robot"], "looked for a lost star"),
        ("An old sailor and his parrot are caught in a storm", ["sailor", "parrot"], "were caught in a storm"),
        ("The princess who was afraid of the dark and the firefly that helped her", ["princess", "firefly"], "was afraid of the dark"),
        ("Tom the cat steals the moon", ["cat"], "stole the moon"),
        ("A whale sings to a lonely lighthouse keeper", ["whale", "keeper"], "sang to a lonely lighthouse keeper"),
        ("In a snowy village, a boy builds a snowman that comes alive", ["boy", "snowman"], "built a snowman that came alive"),
        ("a tiny turtle learns to fly with a balloon", ["turtle"], "learned to fly with a balloon"),
        ("the baker of Paris loses his recipe book", ["baker"], "lost his recipe book"),
    ],
)
def test_heroes_and_what_happens_come_from_the_idea(idea: str, kinds: list[str], event: str) -> None:
    bible = make_bible(idea, seed=1)
    assert [one.kind for one in bible.characters] == kinds
    assert bible.event == event


def test_a_name_in_the_idea_is_kept_and_a_nameless_hero_gets_one() -> None:
    mai, dragon = make_bible("A girl named Mai and a sleepy dragon", seed=3).characters
    assert mai.name == "Mai" and mai.introduced == "a girl named Mai"
    assert dragon.name and dragon.introduced == f"a sleepy dragon named {dragon.name}"


def test_the_place_of_the_idea_is_the_place_of_the_story() -> None:
    assert make_bible("In a snowy village, a boy builds a snowman", seed=1).place == "in a snowy village"
    assert make_bible("an astronaut finds a garden on the moon", seed=1).place == "on the moon"


def test_a_hero_agrees_with_the_pronoun_of_the_idea() -> None:
    for seed in range(8):
        assert make_bible("the baker loses his book", seed=seed).characters[0].pronoun == "he"
        assert make_bible("the baker loses her book", seed=seed).characters[0].pronoun == "she"


@pytest.mark.parametrize("idea", ["", "   ", "...", "!?", "12 34", "\x00\x01"])
def test_an_idea_without_words_is_refused(idea: str) -> None:
    with pytest.raises(BadRequest):
        make_bible(idea, seed=1)


def test_emoji_are_read_by_their_names() -> None:
    assert {one.kind for one in make_bible("🐉🦊", seed=1).characters} == {"dragon", "fox"}


def test_the_same_seed_gives_the_same_bible_and_another_may_not() -> None:
    idea = "a hedgehog bakes a cake"
    assert make_bible(idea, seed=5) == make_bible(idea, seed=5)
    assert len({make_bible(idea, seed=seed).characters[0].name for seed in range(12)}) > 1


@pytest.mark.parametrize(("idea", "nouns"), IDEAS.items())
def test_every_noun_a_reader_finds_is_found(idea: str, nouns: tuple[str, ...]) -> None:
    bible = make_bible(idea, seed=1)
    told = " ".join([*(one.introduced for one in bible.characters), bible.place, bible.event, *bible.things, *nouns_of(idea)])
    assert [noun for noun in nouns if not re.search(rf"\b{noun}\b", told, re.IGNORECASE)] == []


@given(st.text(max_size=300))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        bible = make_bible(text, seed=1)
    except BadRequest:
        return
    assert bible.title and bible.characters
    assert Bible.from_json(bible.to_json()) == bible


def test_a_hundred_thousand_characters_are_read_in_time() -> None:
    bible = make_bible("a fox and a very long road " * 4000, seed=1)
    assert len(bible.characters) <= 4


def test_lead_ins_are_no_part_of_the_idea() -> None:
    assert clean_idea("Please write me a story about a fox.") == "a fox"
    assert clean_idea("Tell me a funny fairy tale about two geese!") == "two geese"


@pytest.mark.parametrize(
    ("phrase", "said"),
    [("owl", "an owl"), ("unicorn", "a unicorn"), ("old man", "an old man"), ("honest fox", "an honest fox"), ("king's horse", "king's horse")],
)
def test_articles(phrase: str, said: str) -> None:
    assert with_article(phrase) == said


def test_two_robots_are_two_in_the_pictures_too() -> None:
    (robots,) = make_bible("Two robots look for a lost star", seed=1).characters
    assert [figure.kind for figure in robots.figures()] == ["robot", "robot"]
    assert len({figure.colours for figure in robots.figures()}) == 2
    (fox,) = make_bible("a fox", seed=1).characters
    assert len(fox.figures()) == 1
