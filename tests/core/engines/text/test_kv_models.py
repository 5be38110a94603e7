"""The two real models: with flash attention off a kept branch gives the very logits of a cold run; with it on, logits within the
spread that cold runs in two batches show. And the whole way through the child: restart, kill -9, private chats."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import os
import random
import signal
from pathlib import Path
from typing import Literal

import llama_cpp.llama_cpp as L
import numpy as np
import pytest

from localstory.children.worker import Job
from localstory.cli import main
from localstory.engines.base import Message, Reply, Sampling, TextRequest
from localstory.engines.text.kv_home import KvHome
from localstory.engines.text.llama_cpp import LlamaCppEngine
from localstory.engines.text.llama_worker import LlamaWorker
from localstory.events import Progress
from localstory.fit.context_params import ContextParams
from tests.core.engines.text.kv_bench import Bench, memory_only, on_disk

MODELS = ("smollm2", "gemma3")
SEED = int(os.environ.get("SEED", "0"))


@pytest.fixture(params=MODELS)
def model(request: pytest.FixtureRequest) -> Path:
    path: Path = request.getfixturevalue(request.param)
    return path


def some_tokens(seed: int, count: int) -> list[int]:
    rng = random.Random(seed)
    return [rng.randrange(1000, 40_000) for _ in range(count)]


def cold(bench: Bench, tokens: list[int], splits: int = 0) -> np.ndarray:
    bench.cache._empty()
    bench.cache._shelf.forget_memory()
    L.llama_memory_clear(bench.model.memory, True)
    bench.cache.cut(0)
    if not splits:
        return bench.logits(tokens, exact=True)[0]
    for start in range(0, len(tokens), splits):
        bench.cache._decode(tokens[start : start + splits])
    return bench.model.logits().copy()


def paths(story: list[int]) -> list[tuple[list[int], list[int]]]:
    """Prompts in turn, each with the reply that is written after it: a chat goes on, a sibling, back, an early edit, another chat, back."""
    return [
        (story[:90], some_tokens(1, 9)), (story[:90] + some_tokens(1, 9) + some_tokens(2, 30), some_tokens(3, 5)),
        (story[:90] + some_tokens(4, 40), []), (story[:90] + some_tokens(1, 9) + some_tokens(2, 30) + some_tokens(3, 5) + some_tokens(5, 8), []),
        (story[:40] + some_tokens(6, 60), []), (some_tokens(7, 70), []), (story[:90] + some_tokens(4, 44), []),
    ]  # fmt: skip


def test_without_flash_attention_every_path_gives_the_cold_logits(model: Path, tmp_path: Path) -> None:
    shares = "smol" in model.name.lower()
    kept = on_disk(tmp_path / "kv", memory_bytes=0)  # what leaves goes through the disk
    used = Bench(model, flash=False, shares=shares, context_length=512, batch=32, kept=kept)
    other = Bench(model, flash=False, shares=shares, context_length=512, batch=32)
    reused_all, sources = 0, set()
    for prompt, reply in paths(some_tokens(0, 90)):
        logits, reused = used.logits(prompt)
        reused_all += reused
        sources.add(used.cache.facts()["cache"])
        assert np.array_equal(logits, cold(other, prompt)), (reused, used.cache.facts())
        assert np.array_equal(used.write(reply), other.write(reply))
    # In a ring a strict reply goes on from a saved state only where the places happen to agree.
    assert reused_all > 150 and ("disk" in sources or not shares)
    used.free()
    other.free()


def spread_of(bench: Bench, prompt: list[int]) -> float:
    """How far apart the logits of twelve cold runs are, each with the prompt in two batches of other lengths."""
    runs = [cold_cut(bench, prompt, round(len(prompt) * part / 13)) for part in range(1, 13)]
    return max(float(np.abs(one - other).max()) for one, other in itertools.combinations(runs, 2))


def cold_cut(bench: Bench, prompt: list[int], cut: int) -> np.ndarray:
    bench.cache._empty()
    L.llama_memory_clear(bench.model.memory, True)
    bench.cache._decode(prompt[:cut])
    bench.cache._decode(prompt[cut:])
    return bench.model.logits().copy()


@pytest.mark.timeout(900)  # half a minute on a quiet machine; another worker's engine beside it makes it minutes
def test_with_flash_attention_logits_stay_within_the_spread_of_cold_splits(model: Path) -> None:
    shares = "smol" in model.name.lower()
    used = Bench(model, flash=True, shares=shares, context_length=512, batch=256, kept=memory_only())
    other = Bench(model, flash=True, shares=shares, context_length=512, batch=256)
    told, reused_all = [], 0
    for prompt, reply in paths(some_tokens(0, 90)):
        logits, reused = used.logits(prompt)
        used.write(reply)
        if reused:  # the others are cold runs themselves
            told.append((float(np.abs(logits - cold(other, prompt)).max()), spread_of(other, prompt)))
        reused_all += reused
    worst, spread = max(one for one, _spread in told), max(one for _worst, one in told)
    print(f"{model.name}: kept branches {worst:.3f}, twelve splits {spread:.3f}, reused {reused_all}")
    assert reused_all > 300 and len(told) >= 4
    # A wrong cell or place is off by ten and more.
    assert 0 < worst <= spread
    used.free()
    other.free()


# -- through the child --------------------------------------------------------------------------------------------------

TALK = [Message("user", "Kể chuyện con rồng 🐉. " + "The dragon slept under the old bridge and dreamed of rain. " * 9)]


async def reply_to(engine: LlamaCppEngine, messages: list[Message], *, private: bool = False, seed: int | None = None) -> Reply:
    request = TextRequest(tuple(messages), max_tokens=3, sampling=Sampling(seed=seed), private=private)
    async with contextlib.aclosing(engine.reply(request)) as events:
        async for event in events:
            if isinstance(event, Reply):
                return event
    raise AssertionError("no reply")


async def test_a_chat_comes_back_after_a_restart(smollm2: Path, tmp_path: Path) -> None:
    kept = KvHome(tmp_path / "nhà 🐉" / "kv")
    engine = LlamaCppEngine(smollm2, context_length=1024, kept=kept)
    first = await reply_to(engine, TALK)
    assert first.made_with["cache"] == "nothing"
    await engine.close()
    assert kept.taken()[0] == 1
    engine = LlamaCppEngine(smollm2, context_length=1024, kept=kept)
    again = await reply_to(engine, [*TALK, Message("assistant", first.text), Message("user", "And then?")])
    assert again.made_with["cache"] == "disk" and again.usage.reused_tokens > 0.8 * first.usage.prompt_tokens
    assert again.made_with["flash_attention"] is True and again.made_with["exact"] is False
    await engine.close()


async def test_a_private_chat_leaves_nothing_on_the_disk(smollm2: Path, tmp_path: Path) -> None:
    kept = KvHome(tmp_path / "kv")
    engine = LlamaCppEngine(smollm2, context_length=1024, kept=kept)
    await reply_to(engine, TALK, private=True)
    await engine.close()
    assert kept.taken() == (0, 0)


async def test_a_killed_child_loses_its_cache_and_nothing_else(smollm2: Path, tmp_path: Path) -> None:
    kept = KvHome(tmp_path / "kv")
    engine = LlamaCppEngine(smollm2, context_length=1024, kept=kept)
    await reply_to(engine, TALK)
    assert engine.process_id is not None
    os.kill(engine.process_id, signal.SIGKILL)
    with contextlib.suppress(Exception):
        await reply_to(engine, TALK)
    await engine.close()
    # Every file that is there is whole: a fresh child reads or ignores it.
    engine = LlamaCppEngine(smollm2, context_length=1024, kept=kept)
    assert (await reply_to(engine, TALK)).usage.generated_tokens
    await engine.close()


async def test_a_child_whose_pipe_ends_saves_before_it_goes(smollm2: Path, tmp_path: Path) -> None:
    kept = KvHome(tmp_path / "kv")
    engine = LlamaCppEngine(smollm2, context_length=1024, kept=kept)
    await reply_to(engine, TALK)
    process = engine._child._process
    assert process is not None and process.stdin is not None
    process.stdin.close()  # what a program that died leaves: no message, only the end
    async with asyncio.timeout(10):
        await process.wait()
    assert kept.taken()[0] == 1
    await engine.close()
    engine = LlamaCppEngine(smollm2, context_length=1024, kept=kept)
    assert (await reply_to(engine, TALK)).made_with["cache"] == "disk"
    await engine.close()


@pytest.mark.slow
@pytest.mark.parametrize("twice", [False, True])
async def test_what_was_read_before_stop_is_not_read_again(smollm2: Path, tmp_path: Path, twice: bool) -> None:
    engine = LlamaCppEngine(smollm2, context_length=4096, kept=KvHome(tmp_path / "kv"))
    long = [Message("user", "The dragon slept under the old bridge and dreamed of rain. " * (100 if twice else 260))]
    await reply_to(engine, [Message("user", "Chào 🐉")])  # it is loaded
    read = asyncio.Event()

    async def asked() -> None:
        async with contextlib.aclosing(engine.reply(TextRequest(tuple(long), max_tokens=3))) as events:
            async for event in events:
                if isinstance(event, Progress) and event.stage and event.done >= 512:
                    read.set()

    asking = asyncio.create_task(asked())
    async with asyncio.timeout(60):
        await read.wait()
    asking.cancel()
    if twice:
        await asyncio.sleep(0.01)
        asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    again = await reply_to(engine, long)
    assert again.usage.prompt_tokens > (1000 if twice else 2900) and again.usage.reused_tokens >= 512
    assert again.made_with["cache"] == "live"
    await engine.close()


def test_ask_private_leaves_nothing_on_the_disk(smollm2: Path, home: Path) -> None:
    kept = KvHome(home / "kv")
    for private, states in ((True, 0), (False, 1)):
        more = ["--private"] if private else []
        assert main(["ask", TALK[0].text, "--model", str(smollm2), "--max-tokens", "2", "--ctx", "512", "--threads", "1", *more]) == 0
        assert kept.taken()[0] == states


def test_changed_settings_and_back_find_the_chat_again(smollm2: Path, tmp_path: Path) -> None:
    worker = LlamaWorker()
    job = Job(1, tmp_path, lambda _message: None)

    def load(flash: Literal["on", "off"]) -> None:
        context = ContextParams(512, 64, 64, 8, True, 8, flash, "f16", "f16", False).as_args()
        kept = on_disk(tmp_path / "kv bé 🐉")
        worker.run("load", {"path": str(smollm2), "context_length": 512, "context": context, "threads": 1, "model": {}, "kv": kept}, job)

    tokens = some_tokens(1, 200)
    load("off")
    worker.ready.cache.evaluate(tokens, job, False)
    load("on")
    assert worker.ready.cache.evaluate(tokens, job, False) == 0, "other settings, other numbers"
    load("off")
    assert worker.ready.cache.evaluate([*tokens, 1], job, False) == 192 and worker.ready.cache.facts()["cache"] == "disk"
    worker.free()


async def test_a_child_killed_while_it_saves_leaves_no_half_state(smollm2: Path, tmp_path: Path) -> None:
    kept = KvHome(tmp_path / "kv")
    engine = LlamaCppEngine(smollm2, context_length=1024, kept=kept)
    long = [Message("user", TALK[0].text * 4)]
    await reply_to(engine, long)
    process = engine._child._process
    assert process is not None and process.stdin is not None
    process.stdin.close()
    async with asyncio.timeout(10):
        while not list(kept.folder.glob(".*.part")) and process.returncode is None:  # noqa: ASYNC110  (a file has no event)
            await asyncio.sleep(0)
    with contextlib.suppress(ProcessLookupError):
        process.kill()
    await process.wait()
    await engine.close()
    for part in kept.folder.glob(".*.part"):
        os.utime(part, (0, 0))  # an hour later
    engine = LlamaCppEngine(smollm2, context_length=1024, kept=kept)
    assert (await reply_to(engine, long)).usage.generated_tokens
    assert not list(kept.folder.glob(".*.part"))
    await engine.close()
    assert kept.taken()[0] == 1
