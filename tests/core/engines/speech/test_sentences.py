"""Where sentences end, and what pause stands there."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from localstory.engines.speech.pauses import PAUSES_S, dash_pause, pause_after
from localstory.engines.speech.sentences import LONGEST_BREATH, End, split


def sentences(text: str) -> list[str]:
    return [sentence.text for sentence in split(text)]


def ends(text: str) -> list[End]:
    return [breath.end for sentence in split(text) for breath in sentence.breaths]


@pytest.mark.parametrize(
    "text",
    [
        "Mr. Smith met Mrs. Jones and Dr. Brown.",
        "J. R. R. Tolkien wrote it.",
        "See No. 5 and p. 12.",
        "St. Nicholas came, e.g. Monday.",
        "“Come here!” said the fox.",
        "“Why?” asked Mia.",
        "It cost $5.50 at 10:30 a.m. on 12.5 km.",
        "Well... maybe so.",
    ],
)
def test_this_is_one_sentence(text: str) -> None:
    assert sentences(text) == [text]


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("He ran. She hid.", ["He ran.", "She hid."]),
        ("He said “no.” Then he left.", ["He said “no.”", "Then he left."]),
        ("So did I. Then it rained.", ["So did I.", "Then it rained."]),
        ("It was 5 p.m. The door opened.", ["It was 5 p.m.", "The door opened."]),
        ("No. I will not.", ["No.", "I will not."]),
        ("Wait… What?", ["Wait…", "What?"]),
        ("They ran! They hid? Yes.", ["They ran!", "They hid?", "Yes."]),
        ("The Fox\nOnce upon a time", ["The Fox", "Once upon a time"]),
        ("The first paragraph\n\nthe second", ["The first paragraph", "the second"]),
        ("a line that was wrapped at some forty letters\nThen goes on", ["a line that was wrapped at some forty letters Then goes on"]),
        ("He lives on Main St. He is old.", ["He lives on Main St.", "He is old."]),
    ],
)
def test_these_are_parted(text: str, parts: list[str]) -> None:
    assert sentences(text) == parts


def test_the_ends_say_what_follows() -> None:
    text = "He ran. “Stop!” cried Mia. She waited… and waited. “Hi,” he said.\n\nThe end."
    assert ends(text) == [End.dialogue, End.dialogue, End.sentence, End.trailing, End.dialogue, End.dialogue, End.paragraph, End.text]


def test_a_very_long_sentence_is_cut_at_its_commas() -> None:
    text = ", ".join(["the quick brown fox jumps over the lazy dog"] * 30) + "."
    cut = split(text)
    assert len(cut) > 3
    assert all(len(sentence.text) <= LONGEST_BREATH for sentence in cut)
    assert all(sentence.text.endswith(",") for sentence in cut[:-1])


def test_a_hundred_thousand_letters_without_a_space_are_cut() -> None:
    cut = split("a" * 100_000)
    assert max(len(sentence.text) for sentence in cut) <= LONGEST_BREATH
    assert "".join(sentence.text for sentence in cut) == "a" * 100_000


@pytest.mark.parametrize("text", ["", " \n\t ", "\r\n\r\n"])
def test_nothing_has_no_sentences(text: str) -> None:
    assert split(text) == ()


@given(st.text(alphabet=st.sampled_from("aBc.!?…,—“”\"'() \n0đ🦊"), max_size=300))
def test_no_word_is_lost_or_moved(text: str) -> None:
    found = split(text)
    assert [word for sentence in found for breath in sentence.breaths for word in breath.words] == text.split()
    assert " ".join(sentence.text for sentence in found).split() == text.split()
    assert [breath.end is End.text for sentence in found for breath in sentence.breaths].count(True) == bool(found)


def test_pauses_keep_their_bounds_and_their_seed() -> None:
    for end, (shortest, longest) in PAUSES_S.items():
        found = [pause_after(end, seed=3, index=index) for index in range(200)]
        assert all(shortest <= pause <= longest for pause in found)
        assert len(set(found)) == (1 if shortest == longest else 200)
        assert found == [pause_after(end, seed=3, index=index) for index in range(200)]
        if shortest < longest:
            assert found != [pause_after(end, seed=4, index=index) for index in range(200)]


def test_a_slow_reading_has_longer_pauses() -> None:
    assert pause_after(End.sentence, seed=1, index=1, speed=0.8) > pause_after(End.sentence, seed=1, index=1)
    assert 0.05 < dash_pause(seed=1, index=1) < 0.2
