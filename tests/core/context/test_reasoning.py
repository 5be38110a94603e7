from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from localstory.context import split_reasoning


@pytest.mark.parametrize(
    ("text", "thoughts", "answer"),
    [
        ("Hello.", "", "Hello."),
        ("<think>\nHm.\n</think>\n\nHello.", "<think>\nHm.\n</think>\n\n", "Hello."),
        ("\n<think>Hm.", "\n<think>Hm.", ""),
        ("The tag <think> opens thoughts, </think> ends them.", "", "The tag <think> opens thoughts, </think> ends them."),
        ("<think></think>Yes </think> no", "<think></think>", "Yes </think> no"),
    ],
)
def test_thoughts_and_answer(text: str, thoughts: str, answer: str) -> None:
    assert split_reasoning(text) == (thoughts, answer)


@given(st.lists(st.sampled_from(["<think>", "</think>", "a", "\n", " "])).map("".join))
@settings(deadline=None)
def test_nothing_is_lost(text: str) -> None:
    assert "".join(split_reasoning(text)) == text
