"""Write a story: plan it, then scene by scene several tries, of which checks choose one. Records whose words they are."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from localstory.context import Assembled, Counts, Policy, Window, assemble
from localstory.engines.base import PromptTooLong, Reply, Sampling, TextEngine, TextRequest
from localstory.events import Progress
from localstory.story import checks, prompts
from localstory.story.bible import Bible, make_bible
from localstory.story.openers import Opener, make_openers
from localstory.words import mark

TRIES = 6
"""Tries a scene; the best of those that pass is taken."""
MORE_TRIES = 4
"""Further ones when none has passed."""
MODEL_WORDS = (17, 36)
"""What a scene takes from the model, in words: with its opener about 12 seconds of speech."""
CHAT_WORDS = (15, 60)

WRITING = mark("Writing")

_NEVER = frozenset({"unsafe", "meta", "repeats", "loops", "lost hero"})
"""Problems for which a try is not kept even when there is no better one."""


@dataclass(frozen=True, slots=True)
class Span:
    """A run of a scene's words and whose they are: "model", "template" or "person"."""

    by: str
    text: str


@dataclass(frozen=True, slots=True)
class WrittenScene:
    """A scene's text with its provenance."""

    beat: str
    spans: tuple[Span, ...]
    tries: tuple[dict[str, Any], ...] = field(default=())
    """Each try: seed, problems, score, and whether it was taken."""
    context: dict[str, Any] = field(default_factory=dict)
    """What the model was given, and what did not fit: `context.Report.as_record`."""

    @property
    def text(self) -> str:
        joined = " ".join(span.text for span in self.spans)
        return re.sub(r" (?=['’]s\b|[,.;:!?])", "", " ".join(joined.split()))


def model_share(scenes: Sequence[WrittenScene]) -> float:
    """The share of all words that are the model's."""
    by_model = sum(len(checks.words(span.text)) for scene in scenes for span in scene.spans if span.by == "model")
    return by_model / max(1, sum(len(checks.words(scene.text)) for scene in scenes))


@dataclass(frozen=True, slots=True)
class Plan:
    """A story before its text: openers for small models, beats for models that follow instructions."""

    bible: Bible
    openers: tuple[Opener, ...] = ()
    beats: tuple[str, ...] = ()

    @property
    def scenes(self) -> int:
        return len(self.openers) or len(self.beats)


async def make_plan(engine: TextEngine, idea: str, scenes: int, *, seed: int, language: str, report: Callable[[Progress], None]) -> Plan:
    """Plan the story: by the model when it is large enough and its answer holds, otherwise by code."""
    if (engine.describe().parameters or 0) >= prompts.CHAT_PARAMETERS:
        for attempt in range(3):
            report(Progress(WRITING, 0.0, scenes))
            request = TextRequest(
                messages=prompts.plan_messages(idea, scenes, language),
                max_tokens=1500,
                sampling=Sampling(temperature=0.7, seed=_seed(seed, 900 + attempt)),
                json_schema=prompts.plan_schema(scenes),
            )
            read = prompts.read_plan((await ask(engine, request)).text, idea, scenes, seed=seed, language=language)
            if read is not None:
                return Plan(read[0], beats=tuple(read[1]))
    bible = make_bible(idea, seed=seed, language=language)
    return Plan(bible, openers=tuple(make_openers(bible, scenes, seed=seed)))


async def write_scene(engine: TextEngine, plan: Plan, number: int, before: str, *, seed: int, report: Callable[[Progress], None]) -> WrittenScene:
    """Write scene `number` (from 0) after the story so far. Always gives a text; `tries` tells how it came about."""
    opener = plan.openers[number] if plan.openers else None
    lead = opener.lead if opener else ""
    start = opener.sentence if opener else ""
    least, most = MODEL_WORDS if opener else CHAT_WORDS
    tries: list[dict[str, Any]] = []
    best: checks.Judged | None = None
    at_most_tokens = round(most * 2.0) if opener else most * 4
    given = await _given(engine, plan, number, before, most, at_most_tokens)
    for attempt in range(TRIES + MORE_TRIES):
        if attempt >= TRIES and best is not None and not best.problems:
            break
        report(Progress(WRITING, number + min(attempt, TRIES) / (TRIES + 1), plan.scenes))
        try_seed = _seed(seed, number * 100 + attempt)
        reply = await ask(engine, _request(given, try_seed, at_most_tokens, is_page=opener is not None, warmer=attempt / (TRIES + MORE_TRIES)))
        judged = checks.judge(
            reply.text, beat=opener.beat if opener else "", lead=lead, before=before, scene=start, bible=plan.bible, mean_logprob=reply.mean_logprob,
            at_least=least, at_most=most + len(checks.words(lead)),
        )  # fmt: skip
        tries.append({"seed": try_seed, "text": judged.text, "problems": list(judged.problems), "score": round(judged.score, 3)})
        if judged.text and (best is None or judged.score > best.score):
            best = judged
    report(Progress(WRITING, number + 1, plan.scenes))
    spans = [Span("template", start)] if start else []
    if best is not None and not _NEVER & set(best.problems):
        spans += _told_apart(best.text, lead)
    elif opener is not None:
        spans.append(Span("template", _without_model(plan.bible, number)))
    elif plan.beats:
        # The model gave nothing usable for this beat: the plan's own sentence tells it.
        spans.append(Span("model", plan.beats[number]))
    return WrittenScene(opener.beat if opener else plan.beats[number], tuple(spans), tuple(tries), given.report.as_record())


async def _given(engine: TextEngine, plan: Plan, number: int, before: str, most: int, at_most_tokens: int) -> Assembled:
    """What the model is given for a scene, fitted into its context: the oldest scenes go first. Raises PromptTooLong when not even the rest fits."""
    counts = Counts()
    told = [text for text in before.split("\n\n") if text]
    opener = plan.openers[number] if plan.openers else None
    items = prompts.page(plan.bible, told, opener) if opener else prompts.scene(plan.bible, plan.beats, number, told, most - 10)
    await counts.learn(engine, [item.text for item in items])  # loads the model, which then knows its context length
    window = Window(engine.describe().context_length, at_most_tokens)
    given = await assemble(engine, counts, items, window, Policy(), strict=True, page=opener is not None)
    if not given.messages:
        raise PromptTooLong(getattr(given.outcome, "needed_tokens", 0), window.context_length or 0)
    return given


def _request(given: Assembled, seed: int, at_most_tokens: int, *, is_page: bool, warmer: float) -> TextRequest:
    # A little warmer with each further try: the same temperature tends to fail in the same way.
    sampling = Sampling(temperature=0.6 + 0.25 * warmer, top_k=0, top_p=0.9, min_p=0.05, repeat_penalty=1.1, repeat_last_n=256, seed=seed)
    if is_page:
        return TextRequest(prompt=given.messages[0].text, max_tokens=at_most_tokens, sampling=sampling, stop=("\n",), score=True)
    return TextRequest(messages=given.messages, max_tokens=at_most_tokens, sampling=sampling, score=True)


def _told_apart(text: str, lead: str) -> list[Span]:
    """The kept text as the template's lead and the model's continuation."""
    if lead and text.startswith(lead):
        return [Span("template", lead), Span("model", text[len(lead) :].strip())]
    return [Span("model", text)]


def _without_model(bible: Bible, number: int) -> str:
    """A sentence when no try could be kept, so that the story goes on."""
    hero = bible.characters[0]
    choices = ("It was a day to remember.", f"{hero.name[:1].upper()}{hero.name[1:]} would never forget it.", "And the wind sang softly in the trees.")
    return choices[number % len(choices)]


def _seed(seed: int, step: int) -> int:
    return (seed * 1_000_003 + step) & 0xFFFFFFFF


async def ask(engine: TextEngine, request: TextRequest) -> Reply:
    """The reply to a request, without its stream."""
    reply: Reply | None = None
    async with contextlib.aclosing(engine.reply(request)) as events:
        async for event in events:
            if isinstance(event, Reply):
                reply = event
    assert reply is not None
    return reply
