"""The dry run: against every figure that was taken from llama.cpp by hand, against real loads here, and on bad files."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from collections.abc import AsyncIterator
from dataclasses import replace
from io import BytesIO
from pathlib import Path

import pytest

from localstory.fit.build import repacking_features
from localstory.fit.context_params import KV_TYPES, ContextParams
from localstory.fit.dry_run import DryRunner, EngineRefuses, NotPlanned
from localstory.fit.engine_log import MIB, memory_need, read_log
from localstory.fit.estimate import GraphicsSlot, Placement
from localstory.gguf.stripped import StrippedModel, strip, strip_files, strip_header, take_apart
from tests.fakes.gguf_files import I32, STRING, U16, U32, gguf, pair, tensor
from tests.fakes.model_headers import model as made

CASES = Path(__file__).parents[2] / "data" / "fit" / "memory.csv"
PLAIN = ContextParams(
    n_ctx=4096, n_batch=512, n_ubatch=512, n_seq_max=1, kv_unified=True, n_outputs_max=1, flash_attn="auto", type_k="f16", type_v="f16", swa_full=False
)


@pytest.fixture
async def runner(tmp_path: Path) -> AsyncIterator[DryRunner]:
    one = DryRunner(tmp_path)
    yield one
    await one.close()


def rows() -> list[dict[str, str]]:
    with open(CASES, encoding="utf-8", newline="") as file:
        return [row for row in csv.DictReader(file) if row["source"].startswith("LOCAL dry-run")]


def params_of(row: dict[str, str]) -> ContextParams:
    """A row's settings; its notes tell the rest: "n_outputs_max=1; swa_full=False; n_seq=1; …"."""
    batch, ubatch = (int(number) for number in row["n_batch/ubatch"].split("/"))
    notes = dict(part.strip().split("=", 1) for part in row["notes"].split(";") if "=" in part)
    sequences = int(notes["n_seq"].split()[0])
    outputs = batch if notes["n_outputs_max"].startswith("default") else int(notes["n_outputs_max"])
    assert row["flash_attn"] in ("on", "off")
    return ContextParams(
        n_ctx=int(row["n_ctx"]), n_batch=batch, n_ubatch=ubatch, n_seq_max=sequences, kv_unified=True, n_outputs_max=outputs,
        flash_attn="on" if row["flash_attn"] == "on" else "off", type_k=row["kv_type"], type_v=row["kv_type"], swa_full=notes["swa_full"] == "True",
    )  # fmt: skip


def stripped(name: str) -> StrippedModel:
    return StrippedModel((strip_header(BytesIO(made(name).header_bytes())),))


async def test_every_figure_taken_from_llama_cpp_by_hand_is_met(runner: DryRunner) -> None:
    compared = 0
    for row in rows():
        need = await runner.need(stripped(row["model"]), params_of(row))
        what = f"{row['model']} {row['n_ctx']} {row['kv_type']} {row['flash_attn']} {row['notes']}"
        assert abs(need.kv_bytes / MIB - float(row["kv_buffer_MiB"])) <= 0.02, what
        assert abs(need.compute_bytes / MIB - float(row["compute_buffer_MiB"])) <= 0.02, what
        assert abs(need.output_bytes / MIB - float(row["notes"].rsplit(" ", 1)[1])) <= 0.02, what
        assert need.method == "exact"
        compared += 1
    assert compared == 84


# -- against real loads -----------------------------------------------------------------------------------------------

_REAL_LOAD = """
import json, sys
from llama_cpp import llama_cpp as L
from localstory.fit.llama_params import set_context_params
@L.llama_log_callback
def tell(level, text, _user):
    if level in (2, 3, 4):
        sys.stdout.buffer.write(text)
L.llama_log_set(tell, None)
L.llama_backend_init()
model = L.llama_model_load_from_file(sys.argv[1].encode(), L.llama_model_default_params())
for args in json.loads(sys.argv[2]):
    params = L.llama_context_default_params()
    set_context_params(L, params, args)
    context = L.llama_init_from_model(model, params)
    print("\\n== end", bool(context), flush=True)
    L.llama_free(context)
"""

SETTINGS = [
    PLAIN,
    replace(PLAIN, n_ctx=8192, flash_attn="off"),
    replace(PLAIN, n_ctx=2048, n_batch=128, n_ubatch=128, type_k="f32", type_v="bf16"),
    replace(PLAIN, n_ctx=8192, n_seq_max=4, n_outputs_max=4, swa_full=True),
    replace(PLAIN, n_outputs_max=512),
]


@pytest.mark.parametrize("name", ["smollm2", "gemma3"])
async def test_a_dry_run_plans_what_a_real_load_takes(name: str, runner: DryRunner, request: pytest.FixtureRequest) -> None:
    path: Path = request.getfixturevalue(name)
    asked = json.dumps([one.as_args() for one in SETTINGS])
    command = [sys.executable, "-c", _REAL_LOAD, str(path), asked]
    told = subprocess.run(command, capture_output=True, check=True, timeout=120).stdout.decode("utf-8", "replace")  # noqa: ASYNC221 - nothing else runs
    loads = told.split("== end ")
    assert len(loads) == len(SETTINGS) + 1
    model = strip_files([path])
    weights = memory_need(read_log(loads[0].splitlines()), "measured")
    planned = await runner.need(model, PLAIN)
    assert abs(planned.repacked_bytes - weights.repacked_bytes) <= 0.01 * MIB
    assert abs(planned.weights_bytes - weights.weights_bytes) <= 0.01 * MIB
    for settings, lines in zip(SETTINGS, loads, strict=False):
        real = memory_need(read_log(lines.splitlines()), "measured")
        need = await runner.need(model, settings)
        assert real.kv_bytes > 0
        assert (need.kv_bytes, need.compute_bytes, need.output_bytes) == (real.kv_bytes, real.compute_bytes, real.output_bytes), settings


async def test_the_recorded_figures_of_gemma_are_met(runner: DryRunner, gemma3: Path) -> None:
    """The rows of memory.csv that were taken from real loads of this file."""
    model = strip_files([gemma3])
    short = await runner.need(model, PLAIN)
    assert (short.kv_bytes / MIB, round(short.compute_bytes / MIB, 2), short.output_bytes / MIB) == (27.0, 22.77, 1.0)
    longer = await runner.need(model, replace(PLAIN, n_ctx=8192))
    assert (longer.kv_bytes / MIB, round(longer.compute_bytes / MIB, 2)) == (39.0, 26.77)
    many = await runner.need(model, replace(PLAIN, n_ctx=8192, n_outputs_max=512))
    assert abs(many.compute_bytes / MIB - 514.50) <= 0.02


@pytest.mark.parametrize("name", ["smollm2", "gemma3"])
async def test_a_stripped_header_plans_as_the_whole_one_does(name: str, runner: DryRunner, request: pytest.FixtureRequest) -> None:
    path: Path = request.getfixturevalue(name)
    small = strip_files([path])
    part = small.parts[0]
    content = path.read_bytes()
    whole = StrippedModel((replace(part, content=content[: len(content) - part.data_bytes]),))
    assert len(part.content) < 40_000 and len(whole.parts[0].content) > 1_500_000
    for kv_type in ("f16", "q8_0"):
        settings = replace(PLAIN, type_k=kv_type, type_v=kv_type)
        assert await runner.need(small, settings) == await runner.need(whole, settings)


async def test_a_split_model_is_planned_as_the_whole_one(runner: DryRunner) -> None:
    whole = made("qwen3-0.6b")
    parts = []
    for number, tensors in enumerate((whole.tensors[:100], whole.tensors[100:101], whole.tensors[101:])):
        raw = take_apart(BytesIO(replace(whole, tensors=tensors, metadata=whole.metadata if number == 0 else {}).header_bytes()))
        facts = [pair("split.no", U16, number), pair("split.count", U16, 3), pair("split.tensors.count", I32, len(whole.tensors))]
        names = ("split.no", "split.count", "split.tensors.count")
        parts.append(strip(replace(raw, pairs={**raw.pairs, **dict(zip(names, facts, strict=True))})))
    split = StrippedModel(tuple(parts))
    assert await runner.need(split, PLAIN) == await runner.need(stripped("qwen3-0.6b"), PLAIN)
    missing = StrippedModel((parts[0], parts[1], replace(parts[2], header=parts[2].header, data_bytes=0)))
    with pytest.raises(EngineRefuses, match="not within the file bounds"):
        await runner.need(missing, PLAIN)


async def test_flash_attention_auto_is_what_the_engine_then_uses(runner: DryRunner) -> None:
    model = stripped("qwen3-0.6b")
    auto, on, off = [await runner.log(model, replace(PLAIN, flash_attn=word)) for word in ("auto", "on", "off")]
    assert auto.flash_attention is True
    assert auto.compute_bytes == on.compute_bytes != off.compute_bytes


@pytest.mark.parametrize("kv_type", KV_TYPES)
async def test_every_type_of_cache_is_planned(kv_type: str, runner: DryRunner) -> None:
    need = await runner.need(stripped("qwen3-4b"), replace(PLAIN, type_k=kv_type, type_v=kv_type))
    bits = {"f32": 32, "f16": 16, "bf16": 16, "q8_0": 8.5, "q5_1": 6, "q5_0": 5.5, "q4_1": 5, "q4_0": 4.5, "iq4_nl": 4.5}[kv_type]
    assert need.kv_bytes / MIB == pytest.approx(36 * 2 * 8 * 128 * 4096 * bits / 8 / MIB, abs=0.01)


def test_what_the_build_lacks_repacks_nothing() -> None:
    portable = "CPU : SSE3 = 1 | AVX = 1 | AVX2 = 1 | F16C = 1 | FMA = 1 | LLAMAFILE = 1 | OPENMP = 1 | REPACK = 1 | "
    assert repacking_features(portable, ("avx", "avx2", "avx512f")) == ("avx2",)
    assert repacking_features(portable, None) == ("avx2",)
    assert repacking_features(portable.replace("AVX2 = 1", "AVX2 = 0"), ("avx", "avx2")) == ()  # a build for old processors
    assert repacking_features(portable, ("asimddp", "i8mm")) == ("asimddp", "i8mm")  # a saved ARM machine, asked about here
    assert repacking_features(portable.replace("REPACK = 1", "REPACK = 0"), ("avx2",)) == ()


# -- refusals ---------------------------------------------------------------------------------------------------------


def tiny(architecture: str = "llama", layers: int = 1) -> StrippedModel:
    """Next to nothing: an architecture, some of its facts, one tensor."""
    pairs = [pair("general.architecture", STRING, architecture)]
    facts = {"context_length": 512, "embedding_length": 64, "block_count": layers, "feed_forward_length": 64, "attention.head_count": 2, "vocab_size": 8}
    pairs += [pair(f"{architecture}.{key}", U32, value) for key, value in facts.items()]
    return StrippedModel((strip_header(BytesIO(gguf(pairs, [tensor("token_embd.weight", (64, 8), 0, 0)], 2048))),))


async def test_an_unknown_architecture_is_newer_than_this_engine(runner: DryRunner) -> None:
    with pytest.raises(EngineRefuses, match="“llama99” is newer than this engine") as refused:
        await runner.need(tiny("llama99"), PLAIN)
    assert (refused.value.kind, refused.value.code) == ("too_new", "engine_refuses")


def with_tokenizer(name: str, pre: str) -> StrippedModel:
    """A model of today with a tokenizer of these names."""
    raw = take_apart(BytesIO(made("qwen3-0.6b").header_bytes()))
    names = {"tokenizer.ggml.model": pair("tokenizer.ggml.model", STRING, name), "tokenizer.ggml.pre": pair("tokenizer.ggml.pre", STRING, pre)}
    return StrippedModel((strip(replace(raw, pairs={**raw.pairs, **names}, vocabulary=151_936)),))


@pytest.mark.parametrize(("name", "pre"), [("gpt2", "qwen9000"), ("marvel", "default")])
async def test_an_unknown_tokenizer_is_newer_than_this_engine(name: str, pre: str, runner: DryRunner) -> None:
    """A stripped header has no vocabulary to load, and still the real load would be refused for it."""
    with pytest.raises(EngineRefuses, match=f"“{pre if name == 'gpt2' else name}”, is newer than this engine"):
        await runner.need(with_tokenizer(name, pre), PLAIN)
    assert (await runner.need(with_tokenizer("gpt2", "qwen2"), PLAIN)).kv_bytes == 448 * MIB


async def test_what_is_missing_is_told_as_the_engine_tells_it(runner: DryRunner) -> None:
    with pytest.raises(EngineRefuses, match=r"The engine says: key not found in model: llama\.attention\.layer_norm_rms_epsilon"):
        await runner.need(tiny(), PLAIN)


async def test_an_impossible_cache_is_a_refusal_of_the_settings(runner: DryRunner) -> None:
    with pytest.raises(EngineRefuses, match="quantized V cache requires flash_attn") as refused:
        await runner.need(stripped("qwen3-0.6b"), replace(PLAIN, flash_attn="off", type_k="q8_0", type_v="q8_0"))
    assert refused.value.kind == "settings"
    assert (await runner.need(stripped("qwen3-0.6b"), PLAIN)).kv_bytes == 448 * MIB


async def test_a_card_that_this_build_has_not_is_no_refusal_of_the_model(runner: DryRunner) -> None:
    with pytest.raises(NotPlanned, match="CUDA7"):
        await runner.need(stripped("qwen3-0.6b"), PLAIN, Placement((GraphicsSlot("CUDA7", "cuda"),), 5))


async def test_a_crash_is_told_and_the_next_model_is_planned(runner: DryRunner) -> None:
    """n_outputs_max below n_seq_max makes llama.cpp abort (facts): the child dies, we do not."""
    for _time in range(3):  # more often than the host's quarantine would allow one file
        with pytest.raises(EngineRefuses, match="GGML_ASSERT") as refused:
            await runner.need(stripped("qwen3-0.6b"), replace(PLAIN, n_seq_max=4, n_outputs_max=1))
        assert refused.value.kind == "crashed"
        assert (await runner.need(stripped("qwen3-4b"), PLAIN)).kv_bytes == 576 * MIB


async def test_nothing_is_left_behind(runner: DryRunner, tmp_path: Path) -> None:
    await runner.need(stripped("qwen3-0.6b"), PLAIN)
    files = [path for path in tmp_path.rglob("*.gguf")]
    assert len(files) == 1 and files[0].stat().st_blocks * 512 < 100_000 < files[0].stat().st_size
    await runner.close()
    assert not list(tmp_path.rglob("*.gguf"))
