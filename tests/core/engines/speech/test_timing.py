"""Durations of phonemes become times of the words as written."""

from __future__ import annotations

import itertools

from hypothesis import given
from hypothesis import strategies as st

from localstory.engines.speech.timing import Span, even_samples, word_spans

SOUNDS = {"in": "ɪn", "the": "ðə", "house": "haʊs", "of": "ʌv", "king": "kɪŋ", "km/h": "keɪəmslæʃeɪtʃ", "twelve": "twɛlv", "cats": "kæts"}


def spans(said: list[str], phonemes: str) -> list[tuple[int, int]]:
    """Every phoneme lasts 10 samples."""
    found = word_spans(said, list(phonemes), [10] * len(phonemes), lambda word: SOUNDS.get(word.rstrip(".,;"), word))
    return [(span.start, span.end) for span in found]


def test_groups_and_words_of_equal_number_go_together_and_marks_are_silence() -> None:
    assert spans(["the", "house."], "ðə hˈaʊs.") == [(0, 20), (30, 80)]


def test_joined_words_share_their_group() -> None:
    assert spans(["in", "the", "house"], "ɪnðə haʊs") == [(0, 20), (20, 40), (50, 90)]


def test_a_join_is_found_where_it_is_and_not_at_the_start() -> None:
    assert spans(["the", "house", "of", "the", "king"], "ðə haʊs ʌvðə kɪŋ") == [(0, 20), (30, 70), (80, 100), (100, 120), (130, 160)]


def test_a_word_of_several_groups_has_them_all() -> None:
    assert spans(["the", "km/h", "cats"], "ðə keɪəm slæʃ eɪtʃ kæts") == [(0, 20), (30, 180), (190, 230)]


def test_an_expanded_word_spans_all_it_said() -> None:
    assert spans(["twelve cats", "king"], "twɛlv kæts kɪŋ") == [(0, 100), (110, 140)]


def test_a_silent_word_is_empty_where_it_stands() -> None:
    assert spans(["the", "", "king"], "ðə kɪŋ") == [(0, 20), (20, 20), (30, 60)]


def test_a_comma_between_two_groups_belongs_to_neither() -> None:
    assert spans(["king,", "the"], "kɪŋ, ðə") == [(0, 30), (50, 70)]


def test_sounds_that_fit_nothing_are_still_spread_over_the_breath() -> None:
    found = spans(["a"] * 40, "x y")
    assert found[0][0] == 0 and found[-1][1] == 30
    assert all(before[1] <= after[0] for before, after in itertools.pairwise(found))


def test_nothing_heard_is_nowhere() -> None:
    assert word_spans(["a", "b"], [], [], str) == [Span(0, 0), Span(0, 0)]


@given(
    st.lists(st.sampled_from(["", "in", "the", "house of", "king.", "km/h", "xyz"]), min_size=1, max_size=30),
    st.lists(st.sampled_from("ɪðə kŋ,.ˈ"), max_size=80),
)
def test_times_go_forward_whatever_comes(said: list[str], phonemes: list[str]) -> None:
    found = word_spans(said, phonemes, [7] * len(phonemes), lambda word: SOUNDS.get(word, word))
    assert len(found) == len(said)
    now = 0
    for span in found:
        assert now <= span.start <= span.end <= 7 * len(phonemes)
        now = span.end


@given(st.integers(1, 500), st.integers(0, 100_000))
def test_even_samples_sum_up(count: int, total: int) -> None:
    parts = even_samples(count, total)
    assert sum(parts) == total and len(parts) == count and max(parts) - min(parts) <= 1
