"""The bench measures what an engine really does: held against an engine whose speed is known, and against servers' own counts."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from localstory.engines.base import Embeddings, EngineFacts, Message, OnProgress, Reply, Stream, TextEvent, TextPiece, TextRequest, Timing, Usage
from localstory.engines.text.bench import Bench, BenchSettings, Figure, figure_of
from localstory.engines.text.ollama import OllamaEngine
from localstory.errors import BadRequest
from localstory.events import Progress
from tests.fakes.ollama_server import OllamaServer


class Clockwork:
    """An engine whose times are known: a word is a token, one branch is remembered, prompts are read at `prompt_tps`."""

    def __init__(self, *, prompt_tps: float = 1000.0, generate_tps: float = 50.0, window: int = 8192, remembers: bool = True, ends_after: int = 10_000) -> None:
        self.prompt_tps, self.generate_tps, self.window, self.remembers, self.ends_after = prompt_tps, generate_tps, window, remembers, ends_after
        self.requests: list[TextRequest] = []
        self.known: list[str] = []
        self.loads = 0
        self.is_loaded = False
        self.busy = [1.0]
        """Factors on the speed of writing, in turn."""
        self.fifth = asyncio.Event()

    def describe(self) -> EngineFacts:
        return EngineFacts("clockwork", "1", "đồng hồ 🐉", context_length=self.window, details={"threads": 2})

    async def reply(self, request: TextRequest) -> Stream[TextEvent]:
        self.requests.append(request)
        if len(self.requests) == 5:
            self.fifth.set()
        await asyncio.sleep(0)
        if not self.is_loaded:
            self.loads, self.is_loaded, self.known = self.loads + 1, True, []
        words = (request.prompt if request.prompt is not None else " ".join(message.text for message in request.messages)).split()
        assert len(words) + request.max_tokens <= self.window, "the bench asks for more than the window holds"
        reused = 0
        while self.remembers and reused < min(len(words) - 1, len(self.known)) and words[reused] == self.known[reused]:
            reused += 1
        self.known = words
        fresh, written = len(words) - reused, min(request.max_tokens, self.ends_after)
        prompt_s = fresh / self.prompt_tps
        tps = self.generate_tps * self.busy[len(self.requests) % len(self.busy)]
        yield Progress("x")
        yield TextPiece("chữ")
        timing = Timing(0.25 * self.loads, prompt_s, written / tps, prompt_s + 1 / tps, tps if written > 1 else None)
        yield Reply("chữ", Usage(len(words), reused, written), timing, "length", "đồng hồ", "clockwork", 1)

    async def count_tokens(self, text: str) -> int:
        return len(text.split())

    async def count_many(self, texts: Sequence[str], report: OnProgress | None = None) -> list[int]:
        return [len(text.split()) for text in texts]

    async def count_prompt(self, messages: Sequence[Message], report: OnProgress | None = None) -> int:
        return sum(len(message.text.split()) for message in messages)

    async def embed(self, texts: Sequence[str], report: OnProgress | None = None) -> Embeddings:
        raise AssertionError("the bench embeds nothing")

    async def close(self) -> None:
        self.is_loaded = False


async def test_the_figures_are_the_engines_own() -> None:
    engine = Clockwork(prompt_tps=640.0, generate_tps=33.0)
    report = await Bench(engine, BenchSettings(runs=3, branch_tokens=0, load=False)).run()
    (speed,) = report.speeds
    assert speed.prompt_tps is not None and speed.prompt_tps.median == pytest.approx(640.0) and speed.prompt_tps.runs == 3
    assert speed.generate_tps is not None and speed.generate_tps.median == pytest.approx(33.0)
    assert 490 <= speed.prompt_tokens <= 512 and speed.generate_tokens == 128
    assert (report.model, report.engine, report.switch, report.memory, report.notes) == ("đồng hồ 🐉", "clockwork", None, None, ())


async def test_no_prompt_is_known_from_an_earlier_one() -> None:
    """An engine that remembers must not look faster than one that doesn't."""
    forgetful, clever = Clockwork(remembers=False), Clockwork()
    for engine in (forgetful, clever):
        await Bench(engine, BenchSettings(runs=4, branch_tokens=0, load=False)).run()
    pages = [request.prompt.split() for request in clever.requests if request.prompt is not None and request.max_tokens > 64]
    assert len(pages) == 4 and len({tuple(page[:3]) for page in pages}) == 4
    evaluated = (await Bench(clever, BenchSettings(runs=4, branch_tokens=0, load=False)).run()).speeds[0].prompt_tokens
    assert evaluated >= 490


async def test_a_depth_is_in_the_cache_and_only_the_rest_counts() -> None:
    engine = Clockwork()
    report = await Bench(engine, BenchSettings(runs=2, prompt_tokens=64, generate_tokens=32, depths=(0, 1000), branch_tokens=0, load=False)).run()
    deep = report.speeds[1]
    assert deep.depth == 1000 and 60 <= deep.prompt_tokens <= 64
    lengths = [len(request.prompt.split()) for request in engine.requests if request.prompt is not None]
    assert max(lengths) <= 1000 + 64 and sum(length > 900 for length in lengths) == 3  # filled once, measured twice


async def test_the_warm_up_is_left_out_and_runs_are_told() -> None:
    engine, runs = Clockwork(), list[int]()
    settings = BenchSettings(runs=3, depths=(0, 500), branch_tokens=400)
    await Bench(engine, settings, reload=engine.close, on_run=lambda: runs.append(len(engine.requests))).run()
    # Four loads and a warm-up come before; what is measured deep in a conversation, or on branches, says nothing of the usual speed.
    assert runs == [6, 7, 8]
    assert engine.loads == 4


async def test_a_load_is_the_median_of_loads_with_a_warm_file() -> None:
    engine = Clockwork()
    report = await Bench(engine, BenchSettings(runs=1, branch_tokens=0), reload=engine.close).run()
    assert report.load_s == Figure(0.75, 0.5, 1.0, 3)  # the second, third and fourth; the first may have read the disk


async def test_a_switch_costs_what_the_engine_reads_again() -> None:
    engine = Clockwork(prompt_tps=1000.0, generate_tps=100.0)
    switch = (await Bench(engine, BenchSettings(runs=3, branch_tokens=2000, load=False)).run()).switch
    assert switch is not None and 1900 <= switch.prompt_tokens <= 2020 and switch.prompt_tokens - switch.reused_tokens < 20
    assert switch.cold_s.median == pytest.approx(switch.prompt_tokens / 1000 + 0.01, abs=0.02)
    assert switch.ratio < 0.02
    forgetful = (await Bench(Clockwork(remembers=False), BenchSettings(runs=3, branch_tokens=2000, load=False)).run()).switch
    assert forgetful is not None and forgetful.ratio == pytest.approx(1.0, abs=0.02) and forgetful.reused_tokens == 0


async def test_branches_share_what_can_be_read_in_a_bearable_time() -> None:
    slow = Clockwork(prompt_tps=20.0)
    switch = (await Bench(slow, BenchSettings(runs=2, branch_tokens=3000, load=False)).run()).switch
    assert switch is not None and 350 <= switch.prompt_tokens <= 430 and switch.cold_s.runs == 1  # 20 seconds
    hopeless = await Bench(Clockwork(prompt_tps=2.0), BenchSettings(runs=1, branch_tokens=3000, load=False)).run()
    assert hopeless.switch is None and "left out" in hopeless.notes[0]


async def test_a_small_window_is_kept_to() -> None:
    # Clockwork itself complains about more than it holds.
    report = await Bench(Clockwork(window=1024), BenchSettings(runs=2, load=False)).run()
    assert report.switch is not None and report.switch.prompt_tokens <= 1024 - 8


async def test_a_busy_computer_is_noticed() -> None:
    engine = Clockwork()
    engine.busy = [1.0, 0.5]
    report = await Bench(engine, BenchSettings(runs=4, branch_tokens=0, load=False)).run()
    assert report.speeds[0].generate_tps is not None and report.speeds[0].generate_tps.spread > 0.35
    assert len(report.notes) == 1 and "busy" in report.notes[0]


async def test_a_model_that_says_nothing_gives_no_speed_and_no_error() -> None:
    report = await Bench(Clockwork(ends_after=1), BenchSettings(runs=2, branch_tokens=0, load=False)).run()
    assert report.speeds[0].generate_tps is None and report.speeds[0].prompt_tps is not None


async def test_guessing_is_off_and_nothing_is_kept_on_the_disk() -> None:
    engine = Clockwork()
    await Bench(engine, BenchSettings(runs=1, branch_tokens=300, depths=(0, 200)), reload=engine.close).run()
    assert all(request.private for request in engine.requests)
    assert all(request.lookup is False for request in engine.requests if request.max_tokens > 1)


async def test_stopped_in_the_middle_it_stops() -> None:
    engine = Clockwork()
    bench = asyncio.create_task(Bench(engine, BenchSettings(runs=1000, load=False)).run())
    await engine.fifth.wait()
    bench.cancel()
    with pytest.raises(asyncio.CancelledError):
        await bench
    count = len(engine.requests)
    await asyncio.sleep(0.05)
    assert len(engine.requests) == count


async def test_progress_goes_forward() -> None:
    seen = list[float]()
    engine = Clockwork()
    await Bench(engine, BenchSettings(runs=3, branch_tokens=300), reload=engine.close, report=lambda progress: seen.append(progress.share or 0.0)).run()
    assert seen == sorted(seen) and seen[0] >= 0.0 and 0.8 < seen[-1] <= 1.0


async def test_memory_is_that_of_the_child() -> None:
    report = await Bench(Clockwork(), BenchSettings(runs=1, branch_tokens=0, load=False), process_id=os.getpid, engine_bytes=lambda: 12345).run()
    assert report.memory is not None and report.memory.engine_bytes == 12345
    resident, shared = (int(word) * os.sysconf("SC_PAGESIZE") for word in Path("/proc/self/statm").read_text().split()[1:3])
    assert report.memory.rss_bytes == pytest.approx(resident, rel=0.1)
    assert report.memory.anonymous_bytes == pytest.approx(resident - shared, rel=0.1)
    gone = await Bench(Clockwork(), BenchSettings(runs=1, branch_tokens=0, load=False), process_id=lambda: 2**22 + 5).run()
    assert gone.memory is None


@pytest.mark.parametrize("wrong", [{"runs": 0}, {"prompt_tokens": 1}, {"generate_tokens": 1}, {"depths": (0, -1)}, {"branch_tokens": -1}, {"runs": 10**6}])
def test_what_can_not_be_measured_is_refused(wrong: dict[str, int]) -> None:
    with pytest.raises(BadRequest):
        Bench(Clockwork(), replace(BenchSettings(), **wrong))  # type: ignore[arg-type]


async def test_a_server_is_measured_by_its_own_counts() -> None:
    with OllamaServer() as server:
        engine = OllamaEngine(server.url, server.model_name, context_length=8192)
        replies = list[Reply]()
        try:
            report = await Bench(_Heard(engine, replies), BenchSettings(runs=2, generate_tokens=32, branch_tokens=300, load=False)).run()
        finally:
            await engine.close()
    told = [reply for reply in replies if reply.usage.generated_tokens > 1 and reply.usage.prompt_tokens > 300]
    assert 430 <= report.speeds[0].prompt_tokens <= 512  # though what it says before is an estimate, and far too high
    assert report.engine == "ollama" and report.memory is None and report.switch is not None
    rates = sorted((reply.usage.prompt_tokens - reply.usage.reused_tokens) / reply.timing.prompt_s for reply in told[:2])
    assert report.speeds[0].prompt_tps is not None
    assert [report.speeds[0].prompt_tps.low, report.speeds[0].prompt_tps.high] == pytest.approx(rates)


class _Heard(OllamaEngine):
    """Hands on an engine's replies, and keeps them."""

    def __init__(self, engine: OllamaEngine, replies: list[Reply]) -> None:
        self._engine, self._replies = engine, replies

    def describe(self) -> EngineFacts:
        return self._engine.describe()

    async def count_tokens(self, text: str) -> int:
        return await self._engine.count_tokens(text)

    async def reply(self, request: TextRequest) -> Stream[TextEvent]:
        async for event in self._engine.reply(request):
            if isinstance(event, Reply):
                self._replies.append(event)
            yield event


def test_a_figure_is_the_median_with_its_ends() -> None:
    assert figure_of([3.0, 1.0, 2.0, 10.0]) == Figure(2.5, 1.0, 10.0, 4)
    assert figure_of([]) is None
    assert figure_of([4.0]) == Figure(4.0, 4.0, 4.0, 1) and Figure(4.0, 3.0, 5.0, 2).spread == 0.5
