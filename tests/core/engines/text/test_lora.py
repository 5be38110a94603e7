"""Adapters made by code: what they change, and which are refused."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from localstory.engines.base import Lora, Reply, Sampling, TextPiece, TextRequest
from localstory.engines.text.llama_cpp import LlamaCppEngine
from localstory.engines.text.lora import BadAdapter
from localstory.errors import BadRequest, CannotContinue, FileTrouble
from tests.contracts.text_contract import collect, reply_to
from tests.fakes.lora_files import write_lora

ASK = TextRequest(prompt="The sea is wide and the old ship", max_tokens=8, sampling=Sampling(temperature=0.0), logprobs=4)


@pytest.fixture
async def engine(smollm2: Path) -> AsyncIterator[LlamaCppEngine]:
    engine = LlamaCppEngine(smollm2, context_length=512, threads=1)
    yield engine
    await engine.close()


async def written(engine: LlamaCppEngine, request: TextRequest) -> tuple[object, ...]:
    """The text with the log-probability of each token and its alternatives: equal only if the logits are."""
    events = await collect(engine, request)
    assert isinstance(events[-1], Reply)
    return events[-1].text, *(token for event in events if isinstance(event, TextPiece) for token in event.tokens)


async def test_strength_0_changes_nothing_and_strength_1_does_without_a_reload(engine: LlamaCppEngine, smollm2: Path, tmp_path: Path) -> None:
    one, two = (write_lora(tmp_path / f"giọng {seed} 🐉.gguf", smollm2, seed=seed) for seed in (1, 2))
    plain = await written(engine, ASK)
    pid, loads = engine.process_id, engine._loaded
    assert await written(engine, replace(ASK, loras=(Lora(one, 0.0),))) == plain
    with_one = await written(engine, replace(ASK, loras=(Lora(one),)))
    half = await written(engine, replace(ASK, loras=(Lora(one, 0.5),)))
    both = await written(engine, replace(ASK, loras=(Lora(one), Lora(two, 0.7))))
    assert len({plain, with_one, half, both}) == 4
    assert await written(engine, replace(ASK, loras=(Lora(two, 0.7), Lora(one)))) == both, "the order does not matter"
    assert await written(engine, replace(ASK, loras=(Lora(one, 0.5), Lora(one, 0.5)))) == with_one, "twice a half is one"
    assert await written(engine, ASK) == plain, "what was evaluated with an adapter is not used without"
    assert engine.process_id == pid and engine._loaded is loads


async def test_an_adapter_that_was_written_anew_is_read_anew(engine: LlamaCppEngine, smollm2: Path, tmp_path: Path) -> None:
    path = write_lora(tmp_path / "a.gguf", smollm2, seed=1)
    first = await written(engine, replace(ASK, loras=(Lora(path),)))
    write_lora(path, smollm2, seed=9, rank=5)
    assert await written(engine, replace(ASK, loras=(Lora(path),))) != first


async def test_what_is_no_adapter_for_this_model_is_refused_in_a_sentence(engine: LlamaCppEngine, smollm2: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken.gguf"
    broken.write_bytes(write_lora(tmp_path / "whole.gguf", smollm2).read_bytes()[:-5000])
    cases: list[tuple[Path, type[CannotContinue], str]] = [
        (write_lora(tmp_path / "other.gguf", smollm2, architecture="gemma3"), BadAdapter, "gemma3"),
        (write_lora(tmp_path / "shape.gguf", smollm2, wrong_rows=3), BadAdapter, "attn_v.weight.lora_b"),
        (write_lora(tmp_path / "partial.gguf", smollm2, alora=True), BadAdapter, "aLoRA"),
        (smollm2, BadAdapter, "no LoRA"),
        (tmp_path / "missing.gguf", FileTrouble, "missing.gguf"),
        (broken, CannotContinue, "."),
    ]
    for path, kind, said in cases:
        with pytest.raises(kind, match=said):
            await reply_to(engine, replace(ASK, loras=(Lora(path),)))
    with pytest.raises(BadRequest, match="strength"):
        await reply_to(engine, replace(ASK, loras=(Lora(smollm2, float("nan")),)))
    assert (await reply_to(engine, ASK)).text, "the engine goes on"
