from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ui.widgets.segments import CAP, Segment, cut, segments, soften

LINES = st.lists(
    st.one_of(
        st.text(max_size=80),
        st.sampled_from(["", "```python", "```", "~~~~", "- item", "12. item", "| a | b |", "|---|---|", "    deep", "# head", "x" * 500]),
    ),
    max_size=80,
)


@given(LINES, st.integers(40, 400))
@settings(max_examples=300, deadline=None)
def test_no_word_is_lost_and_no_segment_is_too_long(lines: list[str], cap: int) -> None:
    text = "\n".join(lines)
    found = segments(text, cap)
    assert "".join(segment.text for segment in found) == text
    assert all(len(segment.text) <= cap for segment in found)


@given(LINES, st.lists(st.integers(1, 60), max_size=30))
@settings(max_examples=150, deadline=None)
def test_cutting_while_it_grows_loses_nothing_either(lines: list[str], steps: list[int]) -> None:
    text, done = "\n".join(lines), []
    here, at = Segment(""), 0
    for step in [*steps, len(text)]:
        here = Segment(here.text + text[at : at + step], here.carry)
        at += step
        while len(here.text) > 100:
            head, here = cut(here, 100)
            done.append(head.text)
    assert "".join(done) + here.text == text[:at]


def test_it_cuts_between_blocks() -> None:
    text = "\n\n".join(f"Paragraph {number}. " + "word " * 60 for number in range(40))
    for segment in segments(text)[:-1]:
        assert segment.text.endswith("\n\n")
        assert len(segment.text) > CAP // 4


def test_a_long_code_block_stays_code_in_every_part() -> None:
    text = "Look:\n\n```python\n" + "\n".join(f"line_{number} = {number}" for number in range(400)) + "\n```\nAfter.\n"
    found = segments(text)
    assert len(found) == 3
    assert all(segment.carry == "```python\n" for segment in found[1:-1])
    assert found[-1].markdown.startswith("```python\n")
    assert "After." in found[-1].text


def test_a_long_table_repeats_its_head() -> None:
    text = "| a | b |\n|---|---|\n" + "\n".join(f"| {number} | row |" for number in range(300))
    found = segments(text)
    assert len(found) > 1
    assert all(segment.carry == "| a | b |\n|---|---|\n" for segment in found[1:])


def test_a_long_list_is_cut_between_its_items() -> None:
    found = segments("\n".join(f"{number}. An item with some words in it" for number in range(1, 200)))
    assert len(found) > 1
    assert all(segment.text[0].isdigit() for segment in found)


def test_a_list_item_is_not_torn_from_its_second_paragraph() -> None:
    text = "- first\n\n  more of the first\n\n" + "word " * 30 + "\n\n- second\n\n  more of the second\n"
    for segment in segments(text, 60):
        assert not segment.text.startswith("  more")


def test_an_emoji_is_not_torn() -> None:
    joined = "".join(segment.text for segment in segments("👩‍👩‍👧‍👦" * 200, 101))
    assert joined == "👩‍👩‍👧‍👦" * 200


def test_words_without_end_get_places_to_break() -> None:
    assert soften("short words") == "short words"
    assert max(map(len, soften("x" * 1000).split("\u200b"))) <= 120
    assert soften("x" * 1000).replace("\u200b", "") == "x" * 1000


@pytest.mark.parametrize(("opener", "closer"), [("$$", "$$"), ("\\[", "\\]")])
def test_a_formula_in_lines_of_its_own_is_not_torn(opener: str, closer: str) -> None:
    formula = f"{opener}\n" + "".join(f"a_{{{number}}} + \\frac{{1}}{{{number}}} \\\\\n" for number in range(9)) + f"{closer}\n"
    text = "".join(f"Words {number} before it.\n{formula}After.\n" for number in range(40))
    found = segments(text)
    assert len(found) > 3 and "".join(segment.text for segment in found) == text
    assert all(segment.text.startswith(("Words", opener, "After")) and segment.text.count(opener) == segment.text.count(closer) for segment in found)
    assert all(segment.text.count(opener) % 2 == 0 for segment in found if opener == closer)


def test_a_formula_that_never_closes_is_cut_somewhere() -> None:
    text = "$$\n" + "x + \n" * 3000
    assert max(len(segment.text) for segment in segments(text)) <= CAP
