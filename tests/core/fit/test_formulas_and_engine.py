"""The closed formulas and the shapes they stand on, against llama.cpp itself: it is asked in a child what it would reserve."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from io import BytesIO
from pathlib import Path

import pytest

from localstory.fit.context_params import ContextParams
from localstory.fit.dry_run import DryRunner
from localstory.fit.estimate import formula_need
from localstory.fit.need import MemoryNeed
from localstory.fit.shape import shape_of
from localstory.gguf.stripped import StrippedModel, strip_header
from tests.fakes.engine_headers import engine_header
from tests.fakes.engine_headers import names as engine_names
from tests.fakes.model_headers import MODELS, ModelHeader, model

MIB = 1 << 20
AVX2 = ("avx2",)
PLAIN = ContextParams(4096, 512, 512, 1, True, 1, "on", "f16", "f16", False)
SETTINGS = {
    "plain": PLAIN,
    "long": replace(PLAIN, n_ctx=32768),
    "no flash attention": replace(PLAIN, flash_attn="off"),
    "eight sequences, q8_0": replace(PLAIN, n_ctx=8192, n_seq_max=8, n_outputs_max=8, type_k="q8_0", type_v="q8_0"),
    "a cache for each sequence": replace(PLAIN, n_ctx=8192, n_seq_max=4, n_outputs_max=4, n_ubatch=128, kv_unified=False),
    "whole windows": replace(PLAIN, n_ctx=8192, swa_full=True),
}
KNOWN_OUTSIDE = {("hunyuan-moe", "no flash attention")}
"""Working space more than max(32 MiB, 10 %) off (here by 56 of 364 MiB). The list may only shrink."""


@pytest.fixture
async def runner(tmp_path: Path) -> AsyncIterator[DryRunner]:
    one = DryRunner(tmp_path)
    yield one
    await one.close()


async def differences(runner: DryRunner, name: str, made: ModelHeader, setting: str) -> list[str]:
    """What the formulas say otherwise than the engine."""
    header = made.header()
    shape = shape_of(header)
    params = SETTINGS[setting]
    if params.type_k == "q8_0" and (shape.key_length % 32 or shape.value_length % 32):
        return []  # llama.cpp refuses heads that blocks don't divide
    said = await runner.need(StrippedModel((strip_header(BytesIO(made.header_bytes())),)), params, features=AVX2)
    ours = formula_need(header, shape, params, features=AVX2)
    found = [
        f"{name}, {setting}: {part} {_mib(ours, part):.2f}, the engine says {_mib(said, part):.2f} MiB"
        for part in ("kv_bytes", "recurrent_bytes", "output_bytes")
        if abs(_mib(ours, part) - _mib(said, part)) > 0.0101
    ]
    off = _mib(ours, "compute_bytes") - _mib(said, "compute_bytes")
    if abs(off) > max(32, 0.1 * _mib(said, "compute_bytes")) and (shape.architecture, setting) not in KNOWN_OUTSIDE:
        found.append(f"{name}, {setting}: working space off by {off:.2f} of {_mib(said, 'compute_bytes'):.2f} MiB")
    return found


def _mib(need: MemoryNeed, part: str) -> float:
    return float(getattr(need, part)) / MIB


@pytest.mark.parametrize("setting", SETTINGS)
async def test_twenty_models_need_what_the_engine_says(runner: DryRunner, setting: str) -> None:
    assert [line for name in MODELS for line in await differences(runner, name, model(name), setting)] == []


@pytest.mark.parametrize("setting", SETTINGS)
async def test_all_kinds_of_architectures_keep_what_the_engine_says(runner: DryRunner, setting: str) -> None:
    # Windows, states, latent attention, shared caches, layers of one kind only, loops, encoders: 60 architectures.
    assert [line for name in engine_names() for line in await differences(runner, name, engine_header(name), setting)] == []


def test_the_table_covers_what_makes_architectures_different() -> None:
    shapes = [shape_of(engine_header(name).header()) for name in engine_names()]
    assert len({shape.architecture for shape in shapes}) >= 60
    assert any(shape.is_mla for shape in shapes)
    assert any(any(shape.swa) and any(shape.recurrent) is False for shape in shapes)
    assert any(any(shape.recurrent) and any(shape.has_cache) for shape in shapes)
    assert any(not any(shape.has_cache) for shape in shapes)
    assert any(shape.loops > 1 for shape in shapes)
