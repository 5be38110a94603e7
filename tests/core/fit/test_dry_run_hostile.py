"""Five hundred broken files through the real dry run: every end is a plan or a typed error, and the parent lives."""

from __future__ import annotations

import asyncio
import contextlib
import io
import math
import random
import struct
import sys
import time
from collections import Counter
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from localstory.errors import CannotContinue
from localstory.fit.dry_run import DryRunner, EngineRefuses, NotPlanned
from localstory.fit.need import MemoryNeed
from localstory.gguf.header import BadGguf
from localstory.gguf.stripped import RawHeader, StrippedHeader, StrippedModel, strip, strip_files, strip_header, take_apart
from tests.conftest import is_gone
from tests.core.fit.test_dry_run import PLAIN
from tests.fakes.gguf_files import F32, STRING, U32, gguf, pair, tensor
from tests.fakes.model_headers import model as made

_EDGES = (0, 1, 2, 3, 7, 31, 255, 256, 1 << 15, 1 << 16, 10**9, (1 << 31) - 1, 1 << 31, (1 << 32) - 1)


def _changed_fact(dice: random.Random, raw: RawHeader) -> RawHeader:
    """One fact with another number, cut short, of another kind, or gone; or a number of tensors that is not true."""
    pairs = dict(raw.pairs)
    key = dice.choice([key for key in pairs if not key.startswith("general.")])
    encoded = bytearray(pairs[key])
    at = 8 + len(key.encode())
    kind = struct.unpack_from("<I", encoded, at)[0]
    match dice.randrange(4):
        case 0:
            del pairs[key]
            return replace(raw, pairs=pairs)
        case 1 if kind in (4, 5):
            struct.pack_into("<I", encoded, at + 4, dice.choice(_EDGES))
        case 2:
            struct.pack_into("<I", encoded, at, dice.randrange(14))
        case _:
            encoded[dice.randrange(at, len(encoded))] = dice.randrange(256)
    pairs[key] = bytes(encoded)
    return replace(raw, pairs=pairs)


def _changed_tensor(dice: random.Random, raw: RawHeader) -> RawHeader:
    """One byte or one number in the tensor table changed."""
    table = bytearray(raw.tensors)
    if dice.random() < 0.5:
        table[dice.randrange(len(table))] = dice.randrange(256)
    else:
        at = dice.randrange(len(table) - 8)
        struct.pack_into("<Q", table, at, dice.choice((*_EDGES, 1 << 63, (1 << 64) - 1)))
    return replace(raw, tensors=bytes(table))


def broken_model(dice: random.Random, sources: list[StrippedModel]) -> StrippedModel:
    """A model that is broken in one of four ways. Raises BadGguf when our own reader already refuses it."""
    whole = dice.choice(sources).parts[0]
    raw = take_apart(io.BytesIO(whole.content))
    match dice.randrange(4):
        case 0:
            return StrippedModel((strip(_changed_fact(dice, raw)),))
        case 1:
            return StrippedModel((strip(_changed_tensor(dice, raw)),))
        case 2:
            content = bytearray(whole.content)
            for _change in range(dice.randrange(1, 6)):
                content[dice.randrange(len(content))] = dice.randrange(256)
            return StrippedModel((strip_header(io.BytesIO(bytes(content))),))
        case _:
            # Past our reader: what if it missed something? The engine gets the bytes as they are, or a file cut short.
            content = bytearray(whole.content)
            for _change in range(dice.randrange(1, 4)):
                content[dice.randrange(24, len(content))] = dice.randrange(256)
            short = dice.random() < 0.3
            return StrippedModel((StrippedHeader(bytes(content), dice.randrange(whole.data_bytes) if short else whole.data_bytes, whole.header),))


@pytest.mark.slow
async def test_five_hundred_broken_files_end_in_a_plan_or_a_typed_error(tmp_path: Path, smollm2: Path, gemma3: Path) -> None:
    dice = random.Random(20261122)
    sources = [strip_files([smollm2]), strip_files([gemma3])]
    sources += [StrippedModel((strip_header(io.BytesIO(made(name).header_bytes())),)) for name in ("qwen3-0.6b", "qwen3-30b-a3b", "gemma3-1b", "gpt-oss-20b")]
    runner = DryRunner(tmp_path)
    ends: Counter[str] = Counter()
    slowest = 0.0
    try:
        healthy = await runner.need(sources[0], PLAIN)
        for number in range(500):
            began = time.perf_counter()
            try:
                model = broken_model(dice, sources)
                need = await runner.need(model, PLAIN)
            except BadGguf:
                ends["refused by our reader"] += 1
            except CannotContinue as refusal:
                assert str(refusal) and "{" not in str(refusal).replace("{{", "")
                ends[refusal.kind if isinstance(refusal, EngineRefuses) else refusal.code] += 1
            else:
                assert isinstance(need, MemoryNeed) and need.method == "exact"
                ends["planned"] += 1
            slowest = max(slowest, time.perf_counter() - began)
            if number % 50 == 49:  # the answer for a good file is still the right one
                runner.forget()
                assert await runner.need(sources[0], PLAIN) == healthy
    finally:
        await runner.close()
    print(f"\n{dict(ends)}; slowest {slowest:.1f} s")
    assert sum(ends.values()) == 500
    assert min(ends["refused"], ends["refused by our reader"], ends["planned"]) > 20  # all ways were met
    assert slowest < 35
    assert not list(tmp_path.rglob("*.gguf"))


def mamba(state: int) -> StrippedModel:
    """A recurrent model of two layers whose state has `state` numbers per channel; its tensors are what that takes."""
    embedding, inner, rank, kernel = 512, 1024, 32, 4
    facts = {"context_length": 2048, "embedding_length": embedding, "block_count": 2, "feed_forward_length": 0, "attention.head_count": 0, "vocab_size": 64}
    facts |= {"ssm.conv_kernel": kernel, "ssm.inner_size": inner, "ssm.state_size": state, "ssm.time_step_rank": rank}
    pairs = [pair("general.architecture", STRING, "mamba"), pair("mamba.attention.layer_norm_rms_epsilon", F32, 1e-5)]
    shapes: dict[str, tuple[int, ...]] = {"token_embd.weight": (embedding, 64), "output_norm.weight": (embedding,)}
    for layer in range(2):
        parts = {
            "attn_norm.weight": (embedding,), "ssm_in.weight": (embedding, 2 * inner), "ssm_conv1d.weight": (kernel, inner), "ssm_conv1d.bias": (inner,),
            "ssm_x.weight": (inner, rank + 2 * state), "ssm_dt.weight": (rank, inner), "ssm_dt.bias": (inner,), "ssm_a": (state, inner), "ssm_d": (inner,),
            "ssm_out.weight": (inner, embedding),
        }  # fmt: skip
        shapes |= {f"blk.{layer}.{name}": shape for name, shape in parts.items()}
    tensors, offset = [], 0
    for name, shape in shapes.items():
        tensors.append(tensor(name, shape, 0, offset))
        offset += math.prod(shape) * 4
    return StrippedModel((strip_header(io.BytesIO(gguf([*pairs, *(pair(f"mamba.{key}", U32, value) for key, value in facts.items())], tensors))),))


async def test_a_recurrent_state_is_told_and_one_beyond_all_memory_harms_nobody(tmp_path: Path) -> None:
    """llama.cpp really reserves this state, also in a dry run: the child's own limit stands in the way."""
    runner = DryRunner(tmp_path)
    try:
        need = await runner.need(mamba(16), PLAIN)
        assert (need.kv_bytes, need.recurrent_bytes) == (0, round(2 * 4 * (3 * 1024 + 16 * 1024) / 2**20, 2) * 2**20 // 1)
        with pytest.raises(NotPlanned, match="not enough memory"):
            await runner.need(mamba(1 << 20), PLAIN)  # 8 GiB
        assert (await runner.need(mamba(16), PLAIN)) == need
    finally:
        await runner.close()


@pytest.mark.parametrize("layers", [0, 513, 10**6, 10**9, (1 << 32) - 1])
async def test_an_impossible_number_of_layers_is_refused_soon(layers: int, tmp_path: Path) -> None:
    runner = DryRunner(tmp_path)
    raw = take_apart(io.BytesIO(made("qwen3-0.6b").header_bytes()))
    model = StrippedModel((strip(replace(raw, pairs={**raw.pairs, "qwen3.block_count": pair("qwen3.block_count", U32, layers)})),))
    began = time.perf_counter()
    try:
        with pytest.raises((EngineRefuses, BadGguf)):
            await runner.need(model, PLAIN)
    finally:
        await runner.close()
    assert time.perf_counter() - began < 10


async def test_a_child_that_stops_answering_is_ended_and_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    runner = DryRunner(tmp_path)
    model = StrippedModel((strip_header(io.BytesIO(made("qwen3-0.6b").header_bytes())),))
    try:
        await runner.need(model, PLAIN)
        pid = runner._child.pid
        assert pid is not None
        psutil.Process(pid).suspend()
        monkeypatch.setattr("localstory.fit.dry_run.NEED_SECONDS", 0.3)
        with pytest.raises(NotPlanned, match="did not answer"):
            await runner.need(model, replace(PLAIN, n_ctx=8192))
        assert not psutil.pid_exists(pid)
        monkeypatch.undo()
        assert (await runner.need(model, replace(PLAIN, n_ctx=8192))).kv_bytes == 896 << 20
    finally:
        await runner.close()


async def test_a_child_that_is_killed_is_told_and_starts_again(tmp_path: Path) -> None:
    runner = DryRunner(tmp_path)
    model = StrippedModel((strip_header(io.BytesIO(made("qwen3-0.6b").header_bytes())),))
    try:
        need = await runner.need(model, PLAIN)
        pid = runner._child.pid
        assert pid is not None
        psutil.Process(pid).kill()
        runner.forget()
        with contextlib.suppress(NotPlanned):  # its death may be noticed before or in the middle of the question
            await runner.need(model, PLAIN)
        assert await runner.need(model, PLAIN) == need
    finally:
        await runner.close()


async def test_a_question_that_is_cancelled_leaves_the_next_one_right(tmp_path: Path) -> None:
    runner = DryRunner(tmp_path)
    models = [StrippedModel((strip_header(io.BytesIO(made(name).header_bytes())),)) for name in ("qwen3-0.6b", "qwen3-4b")]
    try:
        for wait in (0.0, 0.05, 0.2, 0.4, 0.45):
            question = asyncio.create_task(runner.need(models[0], PLAIN))
            await asyncio.sleep(wait)
            question.cancel()
            await asyncio.gather(question, return_exceptions=True)
            runner.forget()
            assert (await runner.need(models[1], PLAIN)).kv_bytes == 576 << 20
            assert (await runner.need(models[0], PLAIN)).kv_bytes == 448 << 20
            await runner.close()
    finally:
        await runner.close()


async def test_questions_at_once_are_answered_each_by_its_own(tmp_path: Path) -> None:
    runner = DryRunner(tmp_path)
    models = {name: StrippedModel((strip_header(io.BytesIO(made(name).header_bytes())),)) for name in ("qwen3-0.6b", "qwen3-4b", "gemma3-1b")}
    asked = [(name, n_ctx) for n_ctx in (512, 4096, 8192) for name in models]
    try:
        alone = [await runner.need(models[name], replace(PLAIN, n_ctx=n_ctx)) for name, n_ctx in asked]
        runner.forget()
        together = await asyncio.gather(*(runner.need(models[name], replace(PLAIN, n_ctx=n_ctx)) for name, n_ctx in asked))
        assert together == alone and len(set(alone)) == len(asked)
    finally:
        await runner.close()


_ASK_AND_WAIT = """
import asyncio, sys
from pathlib import Path
from localstory.fit.dry_run import DryRunner
from localstory.gguf.stripped import strip_files
from tests.conftest import is_gone
from tests.core.fit.test_dry_run import PLAIN

async def main():
    runner = DryRunner(Path(sys.argv[2]))
    await runner.need(strip_files([Path(sys.argv[1])]), PLAIN)
    print(runner._child.pid, flush=True)
    await asyncio.sleep(60)

asyncio.run(main())
"""


async def test_a_parent_killed_at_once_leaves_neither_child_nor_file(tmp_path: Path, smollm2: Path) -> None:
    jobs = tmp_path / "việc 🐉"
    jobs.mkdir()
    command = [sys.executable, "-c", _ASK_AND_WAIT, str(smollm2), str(jobs)]
    parent = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
    assert parent.stdout is not None
    child = int(await parent.stdout.readline())
    assert list(jobs.rglob("*.gguf"))
    parent.kill()
    await parent.wait()
    assert await is_gone(child, within_seconds=10)
    assert not list(jobs.rglob("*"))
