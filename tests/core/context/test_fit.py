"""Any items, any window: never over the room, nothing lost without a line, order and pins kept, larger windows keep more."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Sequence
from dataclasses import replace

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from localstory.context import (
    Assembled,
    DraftTooLong,
    Fits,
    Full,
    Item,
    Kind,
    MustAsk,
    PinnedTooLong,
    Policy,
    Shortened,
    Template,
    Window,
    fit_into,
)  # fmt: skip
from localstory.context.items import BETWEEN, Position, WhenFull
from localstory.engines.base import Message, Role

AROUND: tuple[Kind, ...] = ("system", "persona", "memory", "lore", "document", "authors_note", "summary")


def words(text: str) -> int:
    return len(re.findall(r"\S+", text))


def uneven(text: str) -> int:
    """A tokeniser whose counts do not add up: joined texts have more or fewer tokens than the texts alone."""
    return (len(text) * 7 + 5) // 11


def swelling(text: str) -> int:
    """A tokeniser to whom joined texts are much more than the texts alone."""
    return len(text) // 4 + (len(text) // 30) ** 2


def sent_tokens(assembled: Assembled, template: Template, count: Callable[[str], int]) -> int:
    """What the messages hold, counted without looking at the report."""
    if not assembled.messages:
        return 0
    return template.per_prompt + sum(template.per_message + count(message.text) for message in assembled.messages)


some_text = st.lists(st.sampled_from(["fox", "sea.", "rồng", "🐉", "a-long-word", "home!\n", "so"]), min_size=0, max_size=25).map(" ".join)


@st.composite
def an_around(draw: st.DrawFn, index: int) -> Item:
    return Item(
        kind=draw(st.sampled_from(AROUND)), text=draw(some_text), role=draw(st.sampled_from(["system", "system", "user"])), id=f"a{index}",
        order=draw(st.integers(-2, 2)), position=draw(st.one_of(st.sampled_from(["top", "bottom"]), st.integers(0, 5))),
        budget=draw(st.one_of(st.none(), st.integers(0, 15))), reserve=draw(st.integers(0, 8)),
        trim=draw(st.sampled_from(["whole", "start", "end", "sentences"])), pinned=draw(st.integers(0, 5)) == 0,
    )  # fmt: skip


@st.composite
def a_context(draw: st.DrawFn) -> list[Item]:
    around = [draw(an_around(index)) for index in range(draw(st.integers(0, 5)))]
    talk: list[Item] = []
    for index in range(draw(st.integers(0, 30))):
        role: Role = draw(st.sampled_from(["user", "assistant"])) if draw(st.integers(0, 4)) == 0 else ("user", "assistant")[index % 2]
        talk.append(Item("history", draw(some_text), role, f"h{index}", pinned=draw(st.integers(0, 20)) == 0))
    draft = [Item("draft", draw(some_text), "user", "draft")] if draw(st.booleans()) else []
    # The others may stand anywhere in the list; the conversation keeps its order.
    items = [*talk, *draft]
    for item in around:
        items.insert(draw(st.integers(0, len(items))), item)
    return items


a_policy = st.builds(
    Policy, when_full=st.sampled_from(["drop_oldest", "keep_middle_out", "summarise", "ask", "stop"]), fixed_share=st.sampled_from([0.0, 0.3, 0.5, 1.0])
)
a_template = st.builds(Template, per_message=st.integers(0, 4), per_prompt=st.integers(0, 5), strict=st.booleans())


@given(a_context(), st.integers(0, 220), st.integers(0, 60), a_policy, a_template, st.sampled_from([words, uneven, swelling]))
@settings(deadline=None)
def test_never_over_the_room_and_the_reports_sum_is_what_the_messages_hold(
    items: list[Item], length: int, reserve: int, policy: Policy, template: Template, count: Callable[[str], int]
) -> None:
    assembled = fit_into(items, Window(length, reserve), policy, count, template)
    report = assembled.report
    held = sent_tokens(assembled, template, count)
    if assembled.messages:
        assert held <= max(0, length - reserve)
        assert report.total_tokens == held == sum(report.by_kind.values())
        assert report.free_tokens == max(0, length - reserve) - held
    else:
        assert report.total_tokens in (0, template.per_prompt)


@given(a_context(), st.integers(0, 220), a_policy, a_template)
@settings(deadline=None)
def test_every_item_has_one_line_that_tells_its_fate(items: list[Item], length: int, policy: Policy, template: Template) -> None:
    assembled = fit_into(items, Window(length), policy, words, template)
    assert [line.id for line in assembled.report.lines] == [item.id for item in items]
    everything = "\n".join(message.text for message in assembled.messages)
    for line, item in zip(assembled.report.lines, items, strict=True):
        assert line.tokens == words(item.text)
        assert (line.state == "in") == (line.why == "fits")
        if line.state == "in":
            assert item.text in everything
            assert line.sent_tokens == line.tokens
        elif line.state == "trimmed":
            assert 0 < line.sent_tokens < line.tokens
        else:
            assert line.sent_tokens == 0
    if isinstance(assembled.outcome, Fits):
        assert all(line.state == "in" or line.why == "empty" for line in assembled.report.lines)
    if isinstance(assembled.outcome, Shortened):
        lost = sum(line.tokens - line.sent_tokens for line in assembled.report.lines if line.why != "empty")
        assert assembled.outcome.left_out_tokens == lost > 0
    # Nothing is in the messages that no line accounts for.
    assert words(everything) == sum(line.sent_tokens for line in assembled.report.lines)


@given(a_context(), st.integers(0, 220), a_policy)
@settings(deadline=None)
def test_the_conversation_keeps_its_order_its_roles_and_whole_turns(items: list[Item], length: int, policy: Policy) -> None:
    numbered = [replace(item, text=f"«{item.id}» {item.text}") if item.is_conversation else item for item in items]
    assembled = fit_into(numbered, Window(length), policy, words)
    said = [(found.group(1), message.role) for message in assembled.messages if (found := re.match(r"«(\w+)»", message.text))]
    talk = [(item.id, item.role) for item in items if item.is_conversation]
    assert said == [turn for turn in talk if turn in said]
    kept = {id for id, _role in said}
    if assembled.messages:
        for (before, role_before), (after, role_after) in itertools.pairwise(talk):
            if role_after == "assistant" or role_before == "user" and after != "draft":
                assert (before in kept) == (after in kept), "a turn was torn apart"
        assert ("draft" in kept) == any(item.kind == "draft" for item in items)


@given(a_context(), st.integers(0, 220), a_policy, a_template)
@settings(deadline=None)
def test_pinned_texts_and_the_draft_are_whole_or_nothing_is_sent(items: list[Item], length: int, policy: Policy, template: Template) -> None:
    assembled = fit_into(items, Window(length), policy, words, template)
    for line, item in zip(assembled.report.lines, items, strict=True):
        if (item.pinned or item.kind == "draft") and item.text and assembled.messages:
            assert line.state == "in"
    needed: MustAsk | Full | DraftTooLong | PinnedTooLong
    match assembled.outcome:
        case MustAsk() | Full() | DraftTooLong() | PinnedTooLong() as needed:
            assert needed.needed_tokens > needed.room_tokens == length
            assert assembled.messages == ()


@given(a_context(), st.integers(0, 200), st.integers(1, 60), st.sampled_from([0.0, 0.3, 0.5, 1.0]), st.integers(0, 3))
@settings(max_examples=300, deadline=None)
def test_a_larger_window_keeps_all_that_a_smaller_one_keeps(items: list[Item], length: int, more: int, share: float, per_message: int) -> None:
    policy, template = Policy(fixed_share=share), Template(per_message)
    small = fit_into(items, Window(length), policy, words, template)
    large = fit_into(items, Window(length + more), policy, words, template)
    for less, greater in zip(small.report.lines, large.report.lines, strict=True):
        assert less.sent_tokens <= greater.sent_tokens, (less, greater)


@given(a_context(), st.integers(0, 220), a_policy, a_template)
@settings(deadline=None)
def test_the_same_asked_twice_gives_the_same(items: list[Item], length: int, policy: Policy, template: Template) -> None:
    assert fit_into(items, Window(length, 3), policy, uneven, template) == fit_into(list(items), Window(length, 3), policy, uneven, template)


@given(a_context(), st.integers(0, 220), st.integers(0, 3))
@settings(deadline=None)
def test_strict_templates_get_user_and_assistant_in_turn(items: list[Item], length: int, per_message: int) -> None:
    assume(not any(item.role == "assistant" and index == 0 for index, item in enumerate(item for item in items if item.is_conversation and item.text)))
    assembled = fit_into(items, Window(length), Policy(), words, Template(per_message, strict=True))
    roles = [message.role for message in assembled.messages]
    assert "system" not in roles[1:]
    rest = [role for role in roles if role != "system"]
    assert all(one != other for one, other in itertools.pairwise(rest))
    if rest and any(item.kind == "history" and item.role == "user" for item in items):
        assert rest[0] == "user"


def talk(turns: int, size: int = 10) -> list[Item]:
    items: list[Item] = []
    for turn in range(turns):
        items.append(Item("history", f"question {turn} " + "a " * (size - 2), "user", f"q{turn}"))
        items.append(Item("history", f"answer {turn} " + "b " * (size - 2), "assistant", f"a{turn}"))
    return items


DRAFT = Item("draft", "What now?", "user", "draft")


def ids_in(assembled: Assembled) -> list[str]:
    return [line.id for line in assembled.report.lines if line.state == "in"]


def test_texts_stand_at_their_places() -> None:
    items = [
        Item("authors_note", "note two back", position=2), DRAFT, Item("system", "be kind"), *talk(2, 3), Item("lore", "foxes are red"),
        Item("memory", "just before", position="bottom"), Item("authors_note", "the very end", position=0), Item("lore", "too deep", position=99),
    ]  # fmt: skip
    assembled = fit_into(items, Window(1000), Policy(), words)
    assert [" ".join(message.text.split()[:3]) for message in assembled.messages] == [
        "be kind foxes", "question 0 a", "answer 0 b", "question 1 a", "note two back", "answer 1 b", "just before", "What now?", "the very end",
    ]  # fmt: skip
    assert assembled.messages[0].text == f"be kind{BETWEEN}foxes are red{BETWEEN}too deep"
    assert assembled.outcome == Fits()


def test_a_draft_that_does_not_fit_is_told_with_the_numbers() -> None:
    assembled = fit_into([*talk(2), replace(DRAFT, text="so " * 50)], Window(60, 20), Policy(), words, Template(3, 2))
    assert assembled.outcome == DraftTooLong(needed_tokens=55, room_tokens=40)
    assert assembled.messages == ()
    assert {line.why for line in assembled.report.lines} == {"not_sent"}


def test_what_is_pinned_and_does_not_fit_beside_the_draft_is_told_with_the_numbers() -> None:
    assembled = fit_into([Item("system", "rule " * 30, pinned=True), DRAFT], Window(31), Policy(), words)
    assert assembled.outcome == PinnedTooLong(needed_tokens=32, room_tokens=31)


@pytest.mark.parametrize(("when_full", "outcome"), [("ask", MustAsk(202, 100)), ("stop", Full(202, 100))])
def test_ask_and_stop_send_nothing(when_full: WhenFull, outcome: object) -> None:
    assembled = fit_into([*talk(10), DRAFT], Window(100), Policy(when_full), words)
    assert assembled.outcome == outcome
    assert assembled.messages == ()
    assert assembled.report.wanted_tokens == 202


def test_keeping_the_middle_out_keeps_the_first_and_the_newest() -> None:
    assembled = fit_into([*talk(40), DRAFT], Window(300), Policy("keep_middle_out"), words)
    kept = ids_in(assembled)
    assert kept[:2] == ["q0", "a0"]
    assert kept[-3:] == ["q39", "a39", "draft"]
    gone = [line for line in assembled.report.lines if line.state == "left_out"]
    assert {line.why for line in gone} == {"middle"}
    numbers = [int(line.id[1:]) for line in gone]
    assert sorted(set(numbers)) == list(range(min(numbers), max(numbers) + 1))


def test_the_more_important_text_gets_the_room_and_the_reserve_holds() -> None:
    low = Item("lore", "low " * 20, id="low", order=-1, trim="end", reserve=5)
    high = Item("lore", "high " * 20, id="high", order=5)
    middle = Item("lore", "middle " * 20, id="middle", order=1)
    assembled = fit_into([low, middle, high, *talk(20), DRAFT], Window(100), Policy(fixed_share=0.3), words)
    lines = {line.id: line for line in assembled.report.lines}
    assert lines["high"].state == "in"
    assert (lines["middle"].state, lines["middle"].why) == ("left_out", "no_room")
    assert (lines["low"].state, lines["low"].sent_tokens) == ("trimmed", 5)


def test_texts_that_swell_when_they_share_a_message_still_fit() -> None:
    lore = [Item("lore", "a fox " * 20, id=f"l{number}") for number in range(3)]
    together = swelling(BETWEEN.join(item.text for item in lore))
    assert together > 220 > sum(swelling(BETWEEN + item.text) for item in lore) + swelling(DRAFT.text)
    assembled = fit_into([*lore, *talk(5), DRAFT], Window(220), Policy(fixed_share=1.0), swelling)
    assert 0 < assembled.report.total_tokens == sent_tokens(assembled, Template(), swelling) <= 220


def test_a_text_over_its_own_budget_is_cut_though_there_is_room() -> None:
    assembled = fit_into([Item("memory", "One two. Three four. Five six seven.", id="m", budget=5, trim="sentences"), DRAFT], Window(1000), Policy(), words)
    assert assembled.messages[0] == Message("system", "One two. Three four.")
    assert (assembled.report.lines[0].why, assembled.outcome) == ("budget", Shortened(3))


def test_thoughts_are_not_sent_again_unless_asked_for() -> None:
    items: Sequence[Item] = [
        Item("history", "Hi", "user", "1"),
        Item("history", "Hello.", "assistant", "2", reasoning="<think>\nThey greet me.\n</think>\n\n"),
        DRAFT,
    ]
    assembled = fit_into(items, Window(100), Policy(), words)
    assert assembled.messages[1].text == "Hello."
    assert assembled.report.lines[1].reasoning_tokens == 5
    again = fit_into(items, Window(100), Policy(resend_reasoning=True), words)
    assert again.messages[1].text == "<think>\nThey greet me.\n</think>\n\nHello."
    assert again.report.lines[1].reasoning_tokens == 0


def test_an_unknown_context_length_leaves_nothing_out() -> None:
    assembled = fit_into([*talk(500), DRAFT], Window(None, 100), Policy(), words)
    assert (assembled.outcome, assembled.report.free_tokens) == (Fits(), None)


@given(st.integers(2, 60), st.integers(60, 400))
@settings(deadline=None)
def test_the_next_step_comes_true(turns: int, length: int) -> None:
    items = talk(turns)
    report = fit_into([*items, DRAFT], Window(length), Policy(), words).report

    def gone_after(more: int) -> set[str]:
        longer = replace(DRAFT, text="now " * (2 + more))
        return {line.id for line in fit_into([*items, longer], Window(length), Policy(), words).report.lines if line.state == "left_out"}

    gone = {line.id for line in report.lines if line.state == "left_out"}
    assert 0 <= report.next_step.after_tokens <= (report.free_tokens or 0)
    assert gone_after(report.next_step.after_tokens) == gone
    assert gone_after(report.next_step.after_tokens + 1) == gone | set(report.next_step.ids) > gone
    assert report.next_step.tokens == 10 * len(report.next_step.ids)


def test_the_record_stays_short_however_long_the_chat() -> None:
    report = fit_into([Item("system", "be kind", id="system"), *talk(400), DRAFT], Window(2000), Policy(), words).report
    record = report.as_record()
    assert next((row["kind"], row["state"], row["items"]) for row in record["rows"]) == ("system", "in", 1)
    assert len(record["rows"]) == 4
    assert sum(row["sent"] for row in record["rows"]) == record["total"] == report.total_tokens


def test_positions_count_messages_not_turns() -> None:
    position: Position = 3
    assembled = fit_into([*talk(3, 2), Item("authors_note", "note", position=position), DRAFT], Window(100), Policy(), words)
    assert [message.text for message in assembled.messages].index("note") == len(assembled.messages) - 4
