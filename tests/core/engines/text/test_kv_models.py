"""The two real models: with flash attention off a kept branch gives the very logits of a cold run; with it on, logits within the
spread that two splits of a cold run show. And the whole way through the child: restart, kill -9, private chats."""

from __future__ import annotations

import contextlib
import os
import random
import signal
from pathlib import Path

import llama_cpp.llama_cpp as L
import numpy as np
import pytest

from localstory.engines.base import Message, Reply, Sampling, TextRequest
from localstory.engines.text.kv_home import KvHome
from localstory.engines.text.llama_cpp import LlamaCppEngine
from tests.core.engines.text.kv_bench import Bench, memory_only, on_disk

MODELS = ("smollm2", "gemma3")


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


def test_with_flash_attention_logits_stay_within_the_spread_of_two_splits(model: Path) -> None:
    shares = "smol" in model.name.lower()
    used = Bench(model, flash=True, shares=shares, context_length=512, batch=64, kept=memory_only())
    other = Bench(model, flash=True, shares=shares, context_length=512, batch=64)
    spread, worst, reused_all = 0.0, 0.0, 0
    for prompt, reply in paths(some_tokens(0, 90)):
        logits, reused = used.logits(prompt)
        used.write(reply)
        whole = cold(other, prompt)
        worst = max(worst, float(np.abs(logits - whole).max()))
        spread = max(spread, *(float(np.abs(cold(other, prompt, splits) - whole).max()) for splits in (9, 23)))
        reused_all += reused
    print(f"{model.name}: kept branches {worst:.3f}, two splits {spread:.3f}, reused {reused_all}")
    assert reused_all > 300
    # Both are the largest of some draws from the same noise; a wrong cell or place is off by ten and more.
    assert worst <= 1.5 * spread
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
