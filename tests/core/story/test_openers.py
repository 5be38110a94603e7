"""How scenes begin."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from localstory.errors import BadRequest
from localstory.story.bible import make_bible
from localstory.story.openers import make_openers
from tests.core.story.ideas import IDEAS


@pytest.mark.parametrize("scenes", [1, 2, 3, 5, 8, 20, 40])
@pytest.mark.parametrize(("idea", "nouns"), IDEAS.items())
def test_every_noun_of_the_idea_is_told_whatever_the_length(idea: str, nouns: tuple[str, ...], scenes: int) -> None:
    openers = make_openers(make_bible(idea, seed=scenes), scenes, seed=scenes)
    assert len(openers) == scenes
    told = " ".join(opener.sentence for opener in openers)
    assert [noun for noun in nouns if not re.search(rf"\b{noun}\b", told, re.IGNORECASE)] == []


@given(st.sampled_from(list(IDEAS)), st.integers(1, 40), st.integers(0, 10_000))
@settings(max_examples=300)
def test_openers_are_whole_sentences_and_leads_are_not(idea: str, scenes: int, seed: int) -> None:
    for opener in make_openers(make_bible(idea, seed=seed), scenes, seed=seed):
        assert opener.sentence[0].isupper() and opener.sentence[-1] == "."
        assert opener.lead and opener.lead[-1] not in ".!?" and opener.lead[0].isupper()
        assert "{" not in opener.sentence + opener.lead and "  " not in opener.sentence
        assert not re.search(r"\b(was|were) (was|were)\b|\ba [aeiou]\w+ (fox|owl)|\bthe the\b|\ba a\b", opener.sentence + " " + opener.lead)


def test_a_story_begins_at_the_beginning_and_ends_at_the_end() -> None:
    openers = make_openers(make_bible("a fox and a crow", seed=1), 6, seed=1)
    assert (openers[0].beat, openers[-1].beat) == ("begin", "end")


def test_several_heroes_are_were_not_was() -> None:
    for seed in range(30):
        for opener in make_openers(make_bible("two sisters, a broken kite and a windy hill", seed=seed), 6, seed=seed):
            assert "sisters was" not in f"{opener.sentence} {opener.lead}" and "was two" not in opener.sentence


def test_openers_hardly_repeat_themselves_in_one_story() -> None:
    sentences = [opener.sentence for opener in make_openers(make_bible("a fox", seed=1), 9, seed=1)]
    assert len(set(sentences)) >= 8


@given(st.text(max_size=120), st.integers(1, 12))
def test_any_idea_gets_its_openers(text: str, scenes: int) -> None:
    try:
        bible = make_bible(text, seed=1)
    except BadRequest:
        return
    assert len(make_openers(bible, scenes, seed=1)) == scenes
