"""Writing with a scripted model: what is taken, what is refused, and whose words they are."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from localstory.engines.base import TextRequest
from localstory.engines.text.fake import FakeTextEngine
from localstory.story.steps.write import TRIES, Plan, make_plan, model_share, write_scene

IDEA = "A girl named Mai and a sleepy dragon on the way to the mountain"
GOOD = " to walk by the river and listen to the water. The little boats were dancing there until the evening came."
PLAN: dict[str, Any] = {
    "title": "Mai and the Mountain",
    "place": "a green valley",
    "characters": [
        {"name": "Mai", "kind": "girl", "pronoun": "she", "look": "red coat", "colours": ["#aa0000", "red"]},
        {"name": "Rau", "kind": "dragon", "pronoun": "he", "look": "green, sleepy", "colours": ["#00aa00"]},
    ],
    "scenes": ["Mai sets out on the way.", "Mai meets a sleepy dragon.", "They reach the mountain."],
}


async def plan_with(engine: FakeTextEngine, scenes: int = 3, language: str = "en", idea: str = IDEA) -> Plan:
    return await make_plan(engine, idea, scenes, seed=1, language=language, report=lambda _progress: None)


async def scene_with(engine: FakeTextEngine, plan: Plan, number: int = 0, before: str = "") -> tuple[str, float, list[list[str]]]:
    scene = await write_scene(engine, plan, number, before, seed=1, report=lambda _progress: None)
    return scene.text, model_share([scene]), [list(one["problems"]) for one in scene.tries]


async def test_a_small_model_gets_a_page_to_go_on_with() -> None:
    engine = FakeTextEngine(GOOD, parameters=135_000_000)
    plan = await plan_with(engine)
    assert engine.requests == []  # the plan is ours
    await scene_with(engine, plan)
    prompt = engine.requests[0].prompt
    assert prompt is not None and prompt.endswith(plan.openers[0].lead) and plan.openers[0].sentence in prompt
    assert engine.requests[0].stop == ("\n",)


async def test_a_scene_says_which_words_are_the_models() -> None:
    engine = FakeTextEngine(GOOD)
    plan = await plan_with(engine)
    scene = await write_scene(engine, plan, 0, "", seed=1, report=lambda _progress: None)
    assert [span.by for span in scene.spans] == ["template", "template", "model"]
    assert scene.spans[0].text == plan.openers[0].sentence
    assert scene.spans[2].text == GOOD.strip()
    assert scene.text == " ".join(span.text for span in scene.spans)


async def test_every_try_has_a_seed_of_its_own() -> None:
    engine = FakeTextEngine(GOOD)
    await scene_with(engine, await plan_with(engine))
    seeds = [request.sampling.seed for request in engine.requests]
    assert len(seeds) == TRIES == len(set(seeds))


async def test_a_bad_try_is_passed_over_for_a_good_one() -> None:
    engine = FakeTextEngine([" the the.", GOOD.replace("little boats", "knives and guns"), GOOD, " and Gregory came too, with all of his many friends."])
    text, _share, problems = await scene_with(engine, await plan_with(engine))
    assert text.endswith("until the evening came.") and "guns" not in text
    assert problems[0] and problems[1] and not problems[2]


async def test_when_nothing_can_be_kept_the_story_goes_on_with_template_words() -> None:
    engine = FakeTextEngine("")
    text, share, problems = await scene_with(engine, await plan_with(engine))
    assert share == 0.0 and text[-1] == "." and all(problems)


async def test_unsafe_words_are_never_kept_even_when_there_is_nothing_else() -> None:
    engine = FakeTextEngine(" wanted to kill the king with a gun, and there was blood on all of the walls.")
    text, share, _problems = await scene_with(engine, await plan_with(engine))
    assert "kill" not in text and share == 0.0


async def test_a_possessive_lead_is_joined_without_a_gap() -> None:
    engine = FakeTextEngine("'s mother gave her bread and honey and a warm red coat for the long way ahead. It smelled of summer.")
    plan = await plan_with(engine)
    for number in range(3):
        text, _share, _problems = await scene_with(engine, plan, number)
        assert " 's" not in text


def large(*answers: str) -> FakeTextEngine:
    """A model of 4B: answers each JSON request with the next plan, and any other with a scene."""
    plans: Iterator[str] = iter(answers)
    scenes = iter(f"Then the {word} shone on the long road and everybody was glad to walk a little more that day." for word in ("sun", "moon", "lamp") * 30)
    return FakeTextEngine(lambda request: next(plans) if request.json_schema else next(scenes), parameters=4_000_000_000)


async def test_a_large_model_plans_in_json_and_writes_through_its_chat_template() -> None:
    engine = large(json.dumps(PLAN))
    plan = await plan_with(engine)
    assert plan.bible.title == "Mai and the Mountain" and plan.bible.written_by == "model"
    assert [one.name for one in plan.bible.characters] == ["Mai", "Rau"]
    assert plan.bible.characters[0].colours == ("#aa0000",)  # "red" is no #rrggbb
    text, share, _problems = await scene_with(engine, plan, 1)
    assert share == 1.0 and text.startswith("Then the")
    request: TextRequest = engine.requests[-1]
    assert request.prompt is None and str(PLAN["scenes"][1]) in request.messages[-1].text


@pytest.mark.parametrize(
    "bad",
    [
        "I am sorry, I can't do that.",
        json.dumps(PLAN | {"scenes": ["only one"]}),
        json.dumps(PLAN | {"characters": []}),
        json.dumps({"title": "x"}),
        json.dumps(PLAN).replace("dragon", "horse"),  # lost a noun of the idea
        json.dumps([1, 2]),
        '{"title": "cut off',
    ],
)
async def test_a_bad_plan_is_asked_for_again(bad: str) -> None:
    plan = await plan_with(large(bad, bad, json.dumps(PLAN)))
    assert plan.bible.written_by == "model" and len(plan.beats) == 3


async def test_three_bad_plans_and_ours_is_taken() -> None:
    plan = await plan_with(large("no", "no", "no"))
    assert plan.bible.written_by == "template" and len(plan.openers) == 3


async def test_a_fenced_plan_is_read_too() -> None:
    plan = await plan_with(large(f"Here it is:\n```json\n{json.dumps(PLAN)}\n```"))
    assert plan.bible.written_by == "model"


async def test_vietnamese_goes_through_a_large_model() -> None:
    table = PLAN | {"title": "Mai và con rồng", "scenes": ["Mai lên đường.", "Mai gặp con rồng ngủ.", "Họ tới núi."]}
    engine = FakeTextEngine(
        lambda request: json.dumps(table) if request.json_schema else "Mai đi dọc bờ sông và hát một bài hát thật vui cho con rồng nhỏ nghe suốt buổi chiều.",
        parameters=4_000_000_000,
    )
    plan = await plan_with(engine, language="vi", idea="Bé Mai và con rồng ngủ")
    text, share, _problems = await scene_with(engine, plan, 1)
    assert share == 1.0 and "con rồng" in text
    assert "Vietnamese" in engine.requests[-1].messages[-1].text
