"""How fast a text engine is on this computer: prompt and generation, load, a switch to a sibling branch, memory.

Everything goes through the public `TextEngine`, so the embedded engine and servers are measured alike, by their own counts.
The figures are those of llama.cpp's `llama-bench` (pp512, tg128): a prompt that no cache knows, then tokens from an almost
bare sampler; a warm-up is left out, and each figure is the median of several runs with its lowest and highest.
"""

from __future__ import annotations

import contextlib
import itertools
import random
import statistics
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import psutil

from localstory.engines.base import Message, OnProgress, Reply, Sampling, TextEngine, TextRequest
from localstory.errors import BadRequest
from localstory.events import Progress
from localstory.words import mark

DEFAULT_RUNS = 5
DEFAULT_PROMPT, DEFAULT_GENERATE = 512, 128
DEFAULT_BRANCH_TOKENS = 3000
_BRANCH_SECONDS = 20.0
"""A shared history is cut to what is read cold in this time: nobody waits ten minutes for one figure."""
_BRANCH_ROOM, _BRANCH_REPLY, _SHORTEST_BRANCH = 256, 8, 128
_SMALL_WINDOW = 4096
"""Taken for a server that doesn't tell its own."""
_LOADS = 3
_WARM_TOKENS = 64
_TELLING_TOKENS, _ATTEMPTS = 32, 3
"""A shorter reply tells little of the speed: it is asked for again."""
_BUSY_SPREAD = 0.35

_PASSAGE = """\
The harbour lay quiet under a grey morning while the first boats came home from the deep water. Mai counted eleven of them
before the fog closed again, and her brother wrote each name into the book that their grandmother had kept since the flood.
Some captains waved; others had nothing to sell and looked away. By noon the market smelled of salt, ginger and wet rope, and
every story told there grew a little longer as it passed from one stall to the next. A clockmaker from the hills asked what
the bells meant. Nobody could agree. Three rings warned of storms, said the baker; no, five, answered a sailor with one glove,
because two of them were always lost in the wind. Children drew maps on the warm stones, erased the islands, then drew them
elsewhere, further out, where ships might still need them after dark."""
# Its temperature alone, as the bare loop in tests/data/baselines has it: more samplers would be measured with the model.
_SAMPLING = Sampling(temperature=0.8, top_k=0, top_p=1.0, min_p=0.0)


@dataclass(frozen=True, slots=True)
class BenchSettings:
    """What to measure. Counts of tokens; `depths` are how much conversation already stands in the cache."""

    runs: int = DEFAULT_RUNS
    prompt_tokens: int = DEFAULT_PROMPT
    generate_tokens: int = DEFAULT_GENERATE
    depths: tuple[int, ...] = (0,)
    branch_tokens: int = DEFAULT_BRANCH_TOKENS
    """Length of the history that the branches share; 0 leaves the switch out."""
    load: bool = True
    """Measure the load too: the model is unloaded and loaded again."""

    @property
    def context_needed(self) -> int:
        """The context length with which all of it can be measured."""
        return max(self.depths) + self.prompt_tokens + self.generate_tokens + 32


@dataclass(frozen=True, slots=True)
class Figure:
    """The median of several runs, with the lowest and highest."""

    median: float
    low: float
    high: float
    runs: int

    @property
    def spread(self) -> float:
        """(highest - lowest) / median."""
        return (self.high - self.low) / self.median if self.median > 0 else 0.0


def figure_of(values: Sequence[float]) -> Figure | None:
    """None when nothing was measured."""
    return Figure(statistics.median(values), min(values), max(values), len(values)) if values else None


@dataclass(frozen=True, slots=True)
class SpeedAt:
    """Tokens a second with `depth` tokens of conversation before them."""

    depth: int
    prompt_tokens: int
    """Evaluated for the figure, as the engine counted them."""
    generate_tokens: int
    prompt_tps: Figure | None
    generate_tps: Figure | None


@dataclass(frozen=True, slots=True)
class Switch:
    """Seconds until the first token after going to a sibling branch, against a cold start of the same length."""

    prompt_tokens: int
    reused_tokens: int
    """Of the prompt, at the switch; the median."""
    cold_s: Figure
    switch_s: Figure

    @property
    def ratio(self) -> float:
        return self.switch_s.median / self.cold_s.median if self.cold_s.median > 0 else 0.0


@dataclass(frozen=True, slots=True)
class MemoryUse:
    """Of the engine's child. Anonymous memory is what the system can't drop; the rest is the model's file in the page cache."""

    rss_bytes: int
    anonymous_bytes: int | None
    """None where the system doesn't tell the two apart."""
    grown_bytes: int
    """How much larger the child was at the end than after the warm-up."""
    engine_bytes: int | None = None
    """What the engine's own log says it reserved: weights, cache, work."""


@dataclass(frozen=True, slots=True)
class BenchReport:
    """Everything that was measured."""

    model: str
    engine: str
    version: str
    settings: dict[str, Any]
    load_s: Figure | None
    """Until the model can be asked, its file in the page cache; without the start of the child."""
    speeds: tuple[SpeedAt, ...]
    switch: Switch | None
    memory: MemoryUse | None
    notes: tuple[str, ...] = ()
    """Marked for translation."""

    @property
    def figures(self) -> tuple[Figure, ...]:
        """Every figure there is."""
        found = [self.load_s, *(figure for speed in self.speeds for figure in (speed.prompt_tps, speed.generate_tps))]
        found += [self.switch.cold_s, self.switch.switch_s] if self.switch is not None else []
        return tuple(figure for figure in found if figure is not None)

    def as_json(self) -> dict[str, Any]:
        """Plain values; seconds, bytes, tokens a second."""
        told = asdict(self)
        if self.switch is not None:
            told["switch"]["ratio"] = self.switch.ratio
        return told


class Bench:
    """Measures one engine.

    `reload` unloads the model, so that the next reply loads it: None where that is not ours to do. `process_id` tells the
    child whose memory counts, `engine_bytes` what the engine said it reserved. `on_run` is told after each reply that counts
    for the usual speed: the fit check learns from those. `report` hears how far it is.
    """

    def __init__(
        self,
        engine: TextEngine,
        settings: BenchSettings = BenchSettings(),
        *,
        reload: Callable[[], Awaitable[None]] | None = None,
        process_id: Callable[[], int | None] = lambda: None,
        engine_bytes: Callable[[], int | None] = lambda: None,
        on_run: Callable[[], None] = lambda: None,
        report: OnProgress = lambda _progress: None,
    ) -> None:
        check_settings(settings)
        self._engine, self._settings = engine, settings
        self._reload, self._process_id, self._engine_bytes, self._on_run, self._report = reload, process_id, engine_bytes, on_run, report
        self._words = _PASSAGE.split()
        # Each prompt begins elsewhere in the passage, so that no cache knows it; a server may remember yesterday's.
        self._starts = itertools.cycle(random.SystemRandom().sample(range(len(self._words)), len(self._words)))
        self._words_per_token = 0.75
        self._part = 1.0
        """Tokens as the engine's replies count them / as `count_tokens` does."""
        self._done = 0
        self._steps = settings.runs * len(settings.depths) + (settings.runs + 1 if settings.branch_tokens else 0) + 2

    async def run(self) -> BenchReport:
        """Measure; minutes on a slow computer. Raises what the engine raises. Cancel it to stop."""
        settings, notes = self._settings, list[str]()
        load_s = await self._loads() if settings.load else None
        counted = await self._engine.count_tokens(_PASSAGE)
        self._words_per_token = len(self._words) / max(1, counted)
        await self._warm_up()
        before = self._rss()
        speeds = [await self._speed(depth) for depth in settings.depths]
        switch = await self._switch(speeds[0], notes) if settings.branch_tokens else None
        facts = self._engine.describe()
        about = {"context_length": facts.context_length} | facts.details | {"context_length": facts.context_length or facts.details.get("context_length")}
        report = BenchReport(facts.model, facts.name, facts.version, about, load_s, tuple(speeds), switch, self._memory(before), tuple(notes))
        if any(figure.spread > _BUSY_SPREAD for speed in speeds for figure in (speed.prompt_tps, speed.generate_tps) if figure is not None):
            report = replace(report, notes=(*notes, mark("The runs differ much: the computer was probably busy. Measure again when it is quiet.")))
        return report

    async def _loads(self) -> Figure | None:
        """The first load, which may read the disk, is not counted where the model can be loaded again."""
        seconds = []
        for turn in range(_LOADS + 1 if self._reload is not None else 1):
            if turn and self._reload is not None:
                await self._reload()
            reply = await self._reply(TextRequest(prompt="The", max_tokens=1, private=True), mark("Loading the model"))
            if turn or self._reload is None:
                seconds.append(reply.timing.load_s)
        self._done += 1
        return figure_of([value for value in seconds if value > 0])

    async def _warm_up(self) -> None:
        """Not measured. It also tells how far the counts of a server without a tokeniser, which are estimates, are off."""
        settings = self._settings
        page = await self._text(min(_WARM_TOKENS, settings.prompt_tokens))
        request = TextRequest(prompt=page, max_tokens=min(_WARM_TOKENS, settings.generate_tokens), sampling=_SAMPLING, lookup=False, private=True)
        reply = await self._reply(request, mark("Warming up"))
        part = reply.usage.prompt_tokens / max(1, await self._engine.count_tokens(page))
        if not 0.9 <= part <= 1.1 and 0.1 < part < 10:
            self._part, self._words_per_token = part, self._words_per_token / part

    async def _speed(self, depth: int) -> SpeedAt:
        settings = self._settings
        before = await self._text(depth) + "\n\n" if depth else ""
        if depth:
            await self._reply(TextRequest(prompt=before, max_tokens=1, private=True), mark("Filling the context"))
        prompt_tps, generate_tps = list[float](), list[float]()
        evaluated, written = list[int](), list[int]()
        for _run in range(settings.runs):
            reply = await self._measure(before, settings.prompt_tokens, settings.generate_tokens, mark("Measuring the speed"))
            usage, timing = reply.usage, reply.timing
            fresh = usage.prompt_tokens - usage.reused_tokens
            if fresh > 0 and timing.prompt_s > 0:
                prompt_tps.append(fresh / timing.prompt_s)
                evaluated.append(fresh)
            if timing.tokens_per_second is not None and usage.generated_tokens >= min(_TELLING_TOKENS, settings.generate_tokens):
                generate_tps.append(timing.tokens_per_second)
                written.append(usage.generated_tokens)
            if not depth:
                self._on_run()
            self._done += 1
        counted, wrote = (round(statistics.median(values)) if values else 0 for values in (evaluated, written))
        return SpeedAt(depth, counted, wrote, figure_of(prompt_tps), figure_of(generate_tps))

    async def _measure(self, before: str, prompt_tokens: int, generate_tokens: int, stage: str) -> Reply:
        """A prompt that is new and what is written after it. A model that ends at once is asked again, with another page."""
        for _attempt in range(_ATTEMPTS):
            page = before + await self._text(prompt_tokens)
            reply = await self._reply(TextRequest(prompt=page, max_tokens=generate_tokens, sampling=_SAMPLING, lookup=False, private=True), stage)
            if reply.usage.generated_tokens >= min(_TELLING_TOKENS, generate_tokens):
                break
        return reply

    async def _switch(self, usual: SpeedAt, notes: list[str]) -> Switch | None:
        settings = self._settings
        window = self._engine.describe().context_length or self._engine.describe().details.get("context_length") or _SMALL_WINDOW
        wanted = min(settings.branch_tokens, int(window) - _BRANCH_ROOM)
        if usual.prompt_tps is not None:
            wanted = min(wanted, int(usual.prompt_tps.median * _BRANCH_SECONDS))
        if wanted < _SHORTEST_BRANCH:
            notes.append(mark("The switch of branches was left out: the context is too short, or a cold start takes too long."))
            return None
        cold_s, switch_s, reused = list[float](), list[float](), list[int]()
        prompt_tokens = 0
        for history in range(settings.runs):
            page = await self._text(wanted)
            for turn in range(2 if history else settings.runs + 1):
                reply = await self._reply(self._branch(page, turn % 2), mark("Switching branches"))
                (switch_s if turn else cold_s).append(reply.timing.first_token_s)
                if turn:
                    reused.append(reply.usage.reused_tokens)
                    prompt_tokens = reply.usage.prompt_tokens
                self._done += not history
            if sum(cold_s) / len(cold_s) * (len(cold_s) + 1) > _BRANCH_SECONDS:
                break  # a cold start differs little from the next, and takes long
        cold, switched = figure_of(cold_s), figure_of(switch_s)
        assert cold is not None and switched is not None
        return Switch(prompt_tokens, round(statistics.median(reused)), cold, switched)

    def _branch(self, page: str, which: int) -> TextRequest:
        question = ("Who wrote the names into the book, and why?", "What did the bells mean to the sailor with one glove?")[which]
        messages = (Message("user", page), Message("assistant", "I have read it."), Message("user", question))
        return TextRequest(messages, max_tokens=_BRANCH_REPLY, sampling=_SAMPLING, lookup=False, private=True)

    async def _text(self, tokens: int) -> str:
        """A page of just under so many tokens that begins as no other does."""
        start, count = next(self._starts), max(1, int(tokens * self._words_per_token))
        for _attempt in range(4):
            text = " ".join(self._words[(start + index) % len(self._words)] for index in range(count))
            counted = round(await self._engine.count_tokens(text) * self._part)
            # Two tokens of room: for the beginning of the text, and for a space before the first word.
            if tokens - 2 - tokens // 50 <= counted <= tokens - 2 or count == 1:
                break
            count = max(1, int(count * (tokens - 2) / max(1, counted)) - (counted > tokens - 2))
        return text

    async def _reply(self, request: TextRequest, stage: str) -> Reply:
        self._report(Progress(stage, min(self._done, self._steps), self._steps))
        reply: Reply | None = None
        async with contextlib.aclosing(self._engine.reply(request)) as events:
            async for event in events:
                if isinstance(event, Reply):
                    reply = event
        assert reply is not None
        return reply

    def _rss(self) -> tuple[int, int | None] | None:
        number = self._process_id()
        if number is None:
            return None
        try:
            memory = psutil.Process(number).memory_info()
        except psutil.Error:
            return None
        shared = getattr(memory, "shared", None)  # Linux alone tells what is backed by files
        return memory.rss, memory.rss - shared if shared is not None else None

    def _memory(self, before: tuple[int, int | None] | None) -> MemoryUse | None:
        now = self._rss()
        if now is None or before is None:
            return None
        return MemoryUse(now[0], now[1], now[0] - before[0], self._engine_bytes())


def check_settings(settings: BenchSettings) -> None:
    """Raise BadRequest for what can't be measured."""
    wanted = (
        ("--runs", settings.runs, 1, 1000), ("--prompt", settings.prompt_tokens, 8, 1 << 20), ("--generate", settings.generate_tokens, 2, 1 << 16),
        ("--branch", settings.branch_tokens, 0, 1 << 20), *(("--depth", depth, 0, 1 << 22) for depth in settings.depths),
    )  # fmt: skip
    for option, value, least, most in wanted:
        if not least <= value <= most:
            raise BadRequest(
                title=mark("{option} {value} makes no sense"),
                detail=mark("It goes from {least} to {most}."),
                option=option,
                value=value,
                least=least,
                most=most,
            )
