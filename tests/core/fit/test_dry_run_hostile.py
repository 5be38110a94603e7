"""Five hundred broken files through the real dry run: every end is a plan or a typed error, and the parent lives."""

from __future__ import annotations

import io
import random
import struct
import time
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from localstory.errors import CannotContinue
from localstory.fit.dry_run import DryRunner, EngineRefuses
from localstory.fit.need import MemoryNeed
from localstory.gguf.header import BadGguf
from localstory.gguf.stripped import RawHeader, StrippedHeader, StrippedModel, strip, strip_files, strip_header, take_apart
from tests.core.fit.test_dry_run import PLAIN
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
