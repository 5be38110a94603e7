"""What a model is given for a scene goes through the same function as a chat: the same page as ever while it fits, an honest account when not."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from localstory.context import Policy, Window, fit_into
from localstory.context.items import Template
from localstory.engines.base import PromptTooLong, TextEngine, TextRequest
from localstory.engines.text.fake import FakeTextEngine
from localstory.engines.text.llama_cpp import LlamaCppEngine
from localstory.story import prompts
from localstory.story.bible import make_bible
from localstory.story.openers import make_openers
from localstory.story.steps import write
from localstory.story.steps.write import Plan, WrittenScene, make_plan, write_scene
from tests.core.story.test_write import GOOD, IDEA, PLAN, large

SCENE = "Mai and the dragon walked along the river number {number}, and the water sang to them."


def told(scenes: int) -> str:
    return "\n\n".join(SCENE.format(number=number) for number in range(scenes))


async def written(engine: TextEngine, plan: Plan, number: int, before: str) -> WrittenScene:
    return await write_scene(engine, plan, number, before, seed=1, report=lambda _progress: None)


async def small_plan(scenes: int = 12) -> Plan:
    return await make_plan(FakeTextEngine(GOOD), IDEA, scenes, seed=1, language="en", report=lambda _progress: None)


def as_it_was(plan: Plan, before: str, number: int) -> str:
    """The page before there was a context to fit it into: the same seed must go on telling the same story."""
    told = f"{before}\n\n" if before else ""
    opener = plan.openers[number]
    return f"{plan.bible.title}\n\nA short story for little children, told in simple words.\n\n{told}{opener.sentence} {opener.lead}"


@settings(deadline=None, max_examples=60)
@given(
    st.sampled_from(["a girl named Mai and a sleepy dragon", "an old robot who plants trees", "two mice at sea 🐭", "Bé Mai và con rồng"]),
    st.integers(0, 50),
    st.integers(0, 4),
    st.lists(st.text(st.characters(codec="utf-8"), min_size=1).map(str.strip).filter(lambda text: text and "\n\n" not in text), max_size=4),
)
def test_the_page_is_letter_for_letter_what_it_was(idea: str, seed: int, number: int, scenes: list[str]) -> None:
    bible = make_bible(idea, seed=seed, language="en")
    plan = Plan(bible, openers=tuple(make_openers(bible, 5, seed=seed)))
    page = prompts.page(bible, scenes, plan.openers[number])
    assembled = fit_into(page, Window(100_000, 72), Policy(), lambda text: len(text.split()), Template(0, 1, strict=True))
    assert [message.text for message in assembled.messages] == [as_it_was(plan, "\n\n".join(scenes), number)]


@pytest.mark.parametrize("before", ["", told(1), told(8)])
async def test_what_a_small_model_gets_is_the_page_as_it_was(before: str) -> None:
    engine, plan = FakeTextEngine(GOOD), await small_plan()
    scene = await written(engine, plan, 9, before)
    assert {request.prompt for request in engine.requests} == {as_it_was(plan, before, 9)}
    assert {row["state"] for row in scene.context["rows"]} == {"in"}
    assert scene.context["by_kind"]["draft"] > 0


async def test_of_a_page_that_is_too_long_the_oldest_scenes_go_and_the_account_says_which() -> None:
    engine, plan = FakeTextEngine(GOOD, context_length=300), await small_plan()
    scene = await written(engine, plan, 11, told(30))
    prompt = engine.requests[0].prompt
    assert prompt is not None
    assert len(prompt.split()) <= 300 - 72
    assert prompt.startswith(plan.bible.title) and prompt.endswith(plan.openers[11].lead)
    assert SCENE.format(number=29) in prompt and SCENE.format(number=2) not in prompt
    rows = {row["first"]: row for row in scene.context["rows"]}
    assert (rows["scene 1"]["state"], rows["scene 1"]["why"]) == ("left_out", "no_room")
    assert rows["scene 30"]["state"] == "in"
    cut = [row for row in rows.values() if row["state"] == "trimmed"]
    assert len(cut) == 1  # the last words of the scene at the edge are kept
    assert scene.context["total"] <= 300 - 72


async def test_a_page_without_room_for_its_opener_says_so() -> None:
    plan = await small_plan()
    with pytest.raises(PromptTooLong) as refusal:
        await written(FakeTextEngine(GOOD, context_length=80), plan, 0, "")
    assert refusal.value.context_length == 80


async def test_a_large_model_gets_one_message_of_each_role_with_everything_in_it() -> None:
    engine = large(json.dumps(PLAN))
    plan = await make_plan(engine, IDEA, 3, seed=1, language="en", report=lambda _progress: None)
    scene = await written(engine, plan, 1, told(1))
    messages = engine.requests[-1].messages
    assert [message.role for message in messages] == ["system", "user"]
    for part in ("Title: Mai and the Mountain", "Mai, girl (she), red coat", "2. Mai meets a sleepy dragon.", SCENE.format(number=0), "Write scene 2"):
        assert messages[1].text.count(part) == 1
    assert {row["kind"] for row in scene.context["rows"]} == {"system", "persona", "document", "memory", "draft"}


async def test_for_a_large_model_too_the_oldest_scenes_go_first() -> None:
    def small_window(script: Callable[[TextRequest], str]) -> FakeTextEngine:
        return FakeTextEngine(script, parameters=4_000_000_000, context_length=700)

    text = "Then the sun shone on the long road and everybody was glad to walk a little more that day."
    engine = small_window(lambda request: json.dumps(PLAN) if request.json_schema else text)
    plan = await make_plan(engine, IDEA, 3, seed=1, language="en", report=lambda _progress: None)
    scene = await written(engine, plan, 2, told(60))
    said = engine.requests[-1].messages[1].text
    assert "Characters: Mai" in said and "3. They reach the mountain." in said and said.endswith("No title, no comment.")
    assert SCENE.format(number=59) in said and SCENE.format(number=3) not in said
    assert scene.context["total"] <= 700 - 240


async def test_the_starter_model_counts_the_page_as_it_reads_it(smollm2: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(write, "TRIES", 1)
    monkeypatch.setattr(write, "MORE_TRIES", 0)
    engine = LlamaCppEngine(smollm2, parameters=134_515_008, context_length=512)
    try:
        plan = await small_plan()
        scene = await written(engine, plan, 11, told(25))
        assert scene.context["context_length"] == 512
        assert {row["state"] for row in scene.context["rows"]} >= {"in", "left_out"}
        assert 512 - 72 - 40 <= scene.context["total"] <= 512 - 72
    finally:
        await engine.close()
