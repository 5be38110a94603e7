"""Exact counts, asked for seldom."""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import given, settings
from hypothesis import strategies as st

from localstory.context import Counts, DraftTooLong, Item, Policy, Window, assemble
from localstory.engines.base import Message, OnProgress
from localstory.engines.text.fake import FakeTextEngine
from tests.core.context.test_fit import DRAFT, talk, words


class Templated(FakeTextEngine):
    """An engine whose chat template adds tokens by rules of its own: some by message, more for every fifth."""

    def __init__(self, every_fifth: int = 0) -> None:
        super().__init__()
        self.every_fifth = every_fifth
        self.asked: list[list[str]] = []

    async def count_many(self, texts: Sequence[str], report: OnProgress | None = None) -> list[int]:
        self.asked.append(list(texts))
        return [words(text) for text in texts]

    async def count_prompt(self, messages: Sequence[Message], report: OnProgress | None = None) -> int:
        return 7 + sum(words(message.text) + 4 for message in messages) + self.every_fifth * (len(messages) // 5)


@settings(deadline=None)
@given(turns=st.integers(0, 40), length=st.integers(30, 900), every_fifth=st.integers(0, 9), system=st.booleans())
async def test_the_report_says_what_the_engine_will_evaluate_whatever_the_template_does(turns: int, length: int, every_fifth: int, system: bool) -> None:
    engine = Templated(every_fifth)
    items = [*([Item("system", "Be kind.", pinned=True)] if system else []), *talk(turns), DRAFT]
    assembled = await assemble(engine, Counts(), items, Window(length, 10), Policy())
    assert not isinstance(assembled.outcome, DraftTooLong)
    exact = await engine.count_prompt(assembled.messages)
    assert assembled.report.total_tokens == exact <= length - 10
    assert sum(assembled.report.by_kind.values()) == exact


async def test_a_template_is_measured_to_the_token() -> None:
    counts = Counts()
    for has_system in (False, True):
        template = await counts.template(Templated(), has_system=has_system)
        assert (template.per_message, template.per_prompt) == (4, 7)


async def test_nothing_is_counted_twice_and_all_that_is_new_in_one_question() -> None:
    engine, counts = Templated(), Counts()
    await assemble(engine, counts, [*talk(30), DRAFT], Window(4000), Policy())
    first = len(engine.asked)
    await assemble(engine, counts, [*talk(31), DRAFT], Window(4000), Policy())
    assert [len(texts) for texts in engine.asked[first:]] == [2]
    assert engine.asked[0] == [*(item.text for item in talk(30)), DRAFT.text]


async def test_a_text_that_is_trimmed_costs_few_questions() -> None:
    engine = Templated()
    lore = Item("lore", "Foxes are red. " * 2000, trim="sentences", budget=100)
    assembled = await assemble(engine, Counts(), [lore, DRAFT], Window(4000), Policy())
    assert assembled.report.lines[0].sent_tokens == 99
    assert len(engine.asked) < 20
