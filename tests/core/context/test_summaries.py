"""A summary stands for the beginning of one branch, as long as that beginning is what it was."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from localstory.context import Checkpoint, Fits, Item, Policy, Shortened, Window, fit_into
from localstory.context.summaries import best_of, due, is_valid
from localstory.engines.base import Message
from tests.core.context.test_fit import DRAFT, talk, words

POLICY = Policy("summarise", summary_tokens=30)
WINDOW = Window(400)
"""Room for about twenty turns of twenty tokens."""


def checkpoint(history: list[Item], up_to: int, text: str = "They met a fox.") -> Checkpoint:
    return due(history, up_to, None, 30).written(text, "s1")


def test_a_branch_that_leaves_before_its_end_does_not_use_it() -> None:
    history = talk(10)
    made = checkpoint(history, 10)
    assert is_valid(made, history)
    assert is_valid(made, history[:10])
    assert not is_valid(made, history[:8])
    assert not is_valid(made, [*history[:8], replace(history[8], id="sibling"), *history[9:]])


def test_an_edit_under_it_makes_it_invalid_and_one_after_it_does_not() -> None:
    history = talk(10)
    made = checkpoint(history, 10)
    assert not is_valid(made, [replace(history[0], text="something else"), *history[1:]])
    assert not is_valid(made, [replace(history[0], role="assistant"), *history[1:]])
    assert is_valid(made, [*history[:12], replace(history[12], text="something else"), *history[13:]])


@given(st.integers(0, 19), st.integers(2, 20))
@settings(deadline=None)
def test_any_change_under_a_summary_is_noticed(at: int, up_to: int) -> None:
    history = talk(10)
    changed = [replace(item, text=item.text + ".") if index == at else item for index, item in enumerate(history)]
    assert is_valid(checkpoint(history, up_to), changed) == (at >= up_to)


def test_the_one_that_stands_for_most_is_used() -> None:
    history = talk(10)
    short, long, foreign = checkpoint(history, 4), checkpoint(history, 8), checkpoint(talk(10, 11), 12)
    assert best_of([short, long, foreign], history) == long
    assert best_of([foreign], history) is None


def test_while_all_fits_no_summary_is_used_and_none_is_due() -> None:
    items = [*talk(10), DRAFT]
    assembled = fit_into(items, WINDOW, POLICY, words, checkpoints=[checkpoint(talk(10), 8)])
    assert (assembled.outcome, assembled.summary_due) == (Fits(), None)
    assert len(assembled.messages) == 21


def test_one_is_due_before_it_is_needed_and_covers_whole_turns() -> None:
    assembled = fit_into([*talk(18), DRAFT], WINDOW, POLICY, words)
    assert assembled.outcome == Fits()
    asked = assembled.summary_due
    assert asked is not None
    assert asked.previous is None
    assert asked.covers == tuple(item.id for item in talk(18)[: len(asked.covers)])
    assert asked.covers[-1].startswith("a")
    assert asked.messages[0] == Message("user", talk(1)[0].text)
    assert len(asked.messages) == len(asked.covers)


@given(pinned=st.sets(st.integers(0, 15), max_size=3), upto=st.integers(2, 16).map(lambda number: number // 2 * 2))
@settings(deadline=None)
def test_what_is_pinned_stays_in_words_under_a_summary(pinned: set[int], upto: int) -> None:
    """A summary may stand for the messages around it, never for what the person pinned; the rest of what it stands for goes."""
    history = [replace(item, pinned=index in pinned) for index, item in enumerate(talk(24))]
    made = checkpoint(history, upto)
    assembled = fit_into([*history, DRAFT], WINDOW, POLICY, words, checkpoints=[made])
    lines = {line.id: line for line in assembled.report.lines}
    assert lines["s1"].state == "in"
    said = [message.text for message in assembled.messages]
    for index, item in enumerate(history[:upto]):
        assert (item.text in said) == (index in pinned) and (lines[item.id].why == "summarised") == (index not in pinned)


def test_when_it_is_full_the_summary_takes_their_place() -> None:
    asked = fit_into([*talk(18), DRAFT], WINDOW, POLICY, words).summary_due
    assert asked is not None
    made = asked.written("They talked about foxes.", "s1")
    assembled = fit_into([*talk(22), DRAFT], WINDOW, POLICY, words, checkpoints=[made])
    assert assembled.outcome == Fits()
    assert assembled.summary_due is None
    assert assembled.messages[0] == Message("system", "They talked about foxes.")
    lines = assembled.report.lines
    assert [line.id for line in lines if line.why == "summarised"] == list(made.covers)
    assert (lines[-1].kind, lines[-1].state, lines[-1].id) == ("summary", "in", "s1")
    assert assembled.report.total_tokens == sum(words(message.text) for message in assembled.messages) <= 400


def test_without_a_summary_the_chat_goes_on_and_asks_for_one() -> None:
    assembled = fit_into([*talk(30), DRAFT], WINDOW, POLICY, words)
    assert isinstance(assembled.outcome, Shortened)
    assert assembled.messages[-1].text == DRAFT.text
    assert assembled.summary_due is not None
    gone = {line.id for line in assembled.report.lines if line.why == "oldest"}
    assert gone <= set(assembled.summary_due.covers)


def test_a_second_summary_builds_on_the_first() -> None:
    first = checkpoint(talk(30), 20)
    assembled = fit_into([*talk(24), DRAFT], WINDOW, POLICY, words, checkpoints=[first])
    assert (assembled.outcome, assembled.summary_due) == (Fits(), None)
    assembled = fit_into([*talk(28), DRAFT], WINDOW, POLICY, words, checkpoints=[first])
    asked = assembled.summary_due
    assert asked is not None
    assert asked.previous == first
    assert asked.covers[:20] == first.covers
    assert [message.text for message in asked.messages] == [item.text for item in talk(30)[20 : len(asked.covers)]]


def test_a_chat_of_200_turns_with_summaries_never_loses_a_turn_unsummarised() -> None:
    made: list[Checkpoint] = []
    written = 0
    for turns in range(200):
        history = talk(turns)
        assembled = fit_into([*history, DRAFT], WINDOW, POLICY, words, checkpoints=made)
        assert assembled.outcome == Fits(), "a turn went without a summary"
        in_or_summarised = [line.id for line in assembled.report.lines if line.kind == "history"]
        assert in_or_summarised == [item.id for item in history]
        if assembled.summary_due is not None:
            written += 1
            made.append(assembled.summary_due.written(f"summary {written} " + "and " * 20, f"s{written}"))
    assert 10 < written < 40
