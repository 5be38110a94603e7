from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from localstory.context.items import Trim
from localstory.context.trimming import trimmed


def words(text: str) -> int:
    return len(re.findall(r"\S+", text))


TEXT = "The fox ran. It was late! Was it cold? Yes, it was."


@pytest.mark.parametrize(
    ("trim", "at_most", "expected"),
    [
        ("whole", 11, ""),
        ("end", 4, "The fox ran. It"),
        ("start", 4, "cold? Yes, it was."[6:] and "cold? Yes, it was."),
        ("sentences", 7, "The fox ran. It was late!"),
        ("sentences", 2, ""),
        ("end", 0, ""),
        ("whole", 12, TEXT),
        ("sentences", 12, TEXT),
    ],
)
def test_each_way_to_cut(trim: Trim, at_most: int, expected: str) -> None:
    assert trimmed(TEXT, at_most, trim, words) == expected


@given(st.text(max_size=300), st.integers(0, 60), st.sampled_from(["start", "end", "sentences", "whole"]), st.booleans())
@settings(deadline=None)
def test_never_more_than_asked_and_always_a_piece_of_the_text(text: str, at_most: int, trim: Trim, by_words: bool) -> None:
    count = words if by_words else len
    rest = trimmed(text, at_most, trim, count)
    assert rest == "" or count(rest) <= at_most
    assert rest in text
    if trim == "start":
        assert text.rstrip().endswith(rest.rstrip())
    elif trim != "whole":
        assert text.lstrip().startswith(rest.lstrip())


def test_no_accent_or_joined_emoji_is_torn() -> None:
    family = "👩‍👩‍👧"
    rest = trimmed(family * 40, 100, "end", len)
    assert rest == family * (len(rest) // len(family))
    accents = "e\u0302\u0301" * 40
    rest = trimmed(accents, 50, "start", len)
    assert rest
    assert rest[0] == "e"


def test_a_text_without_spaces_is_cut_too() -> None:
    assert len(trimmed("海" * 1000, 300, "end", len)) == 300
