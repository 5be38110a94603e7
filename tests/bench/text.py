"""What the text engine costs: its speed against llama.cpp's bare loop, branches, prompt lookup, servers.

usage: python -m tests.bench.text [--pairs 7] [--only speed|branches|lookup|endpoints] [--model smollm2|gemma3] [--json]
speed: in turn, each evaluates a prompt of 512 tokens and writes 128 with the same sampler; a pair's ratio is ours / bare
(tests/data/baselines/bare_text.py). Run it on a quiet machine.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from localstory.engines.base import Reply, Sampling, TextRequest
from localstory.engines.text.llama_cpp import LlamaCppEngine
from tests.bench import branches, endpoints, text_lookup

BARE = Path(__file__).parents[1] / "data" / "baselines" / "bare_text.py"
TARGET = 0.97
LOOKUP_TARGET = 1.3
PROMPT_TOKENS, NEW_TOKENS = 512, 128


def bare(model: Path, threads: int) -> tuple[float, float]:
    """Prompt and generation tokens a second of the bare loop, one warm run in a process of its own."""
    command = [sys.executable, str(BARE), str(model), "--threads", str(threads), "--runs", "1"]
    result = subprocess.run(command, capture_output=True, text=True, check=True, timeout=300)
    table = json.loads(result.stdout.strip().splitlines()[-1])
    return float(table["prompt_tps"]), float(table["generate_tps"])


async def ours(engine: LlamaCppEngine) -> tuple[float, float]:
    """The same through our engine: child, pipe, stream and all."""
    # Its own seed each time, so that the prompt is evaluated again, whole.
    request = TextRequest(
        prompt="The quick brown fox jumps over the lazy dog. " * 51,
        max_tokens=NEW_TOKENS,
        sampling=Sampling(temperature=0.8, top_k=0, top_p=1.0, min_p=0.0, seed=1),
    )
    reply: Reply | None = None
    async with contextlib.aclosing(engine.reply(request)) as events:
        async for event in events:
            if isinstance(event, Reply):
                reply = event
    assert reply is not None and reply.timing.tokens_per_second
    return (reply.usage.prompt_tokens - reply.usage.reused_tokens) / reply.timing.prompt_s, reply.timing.tokens_per_second


async def measure(model: Path, pairs: int) -> dict[str, float]:
    """Medians over the pairs."""
    engine = LlamaCppEngine(model)
    threads = int(engine.describe().details["threads"])
    rows: list[tuple[float, float, float, float]] = []
    try:
        await ours(engine)
        for _pair in range(pairs):
            mine = await ours(engine)
            theirs = await asyncio.to_thread(bare, model, threads)
            rows.append((*mine, *theirs))
    finally:
        await engine.close()
    return {
        "generate_ratio": statistics.median(mine / theirs for _pp, mine, _bare_pp, theirs in rows),
        "prompt_ratio": statistics.median(mine / theirs for mine, _tg, theirs, _bare_tg in rows),
        "generate_tps": statistics.median(row[1] for row in rows),
        "bare_generate_tps": statistics.median(row[3] for row in rows),
        "prompt_tps": statistics.median(row[0] for row in rows),
    }


def speed(model: Path, name: str, pairs: int) -> tuple[dict[str, float], bool]:
    """Print one model's table; True when the bars are kept."""
    table = asyncio.run(measure(model, pairs))
    print(f"{name}, {pairs} pairs in turn: generation {table['generate_ratio']:.3f} of bare, prompt {table['prompt_ratio']:.3f} (bar {TARGET})")
    print(f"  generation {table['generate_tps']:.1f} tokens/s, bare {table['bare_generate_tps']:.1f}; prompt {table['prompt_tps']:.1f}", flush=True)
    return table, min(table["generate_ratio"], table["prompt_ratio"]) >= TARGET


def lookup(model: Path, name: str, pairs: int) -> tuple[dict[str, float], bool]:
    """Print what prompt lookup brings one model; True when the bar is kept."""
    table = asyncio.run(text_lookup.measure(model, pairs, None))
    print(
        f"{name}, prompt lookup: editing a text {table['edit_ratio']:.2f} x (bar {LOOKUP_TARGET}), "
        f"{table['edit_accepted']:.0f} of {table['edit_drafted']:.0f} guesses right; nothing repeats {table['no_repeats_ratio']:.3f} x",
        flush=True,
    )
    return table, table["edit_ratio"] >= LOOKUP_TARGET


def main(argv: Sequence[str] | None = None) -> int:
    """Print the tables; exit 1 when a bar is missed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=int, default=7)
    parser.add_argument("--only", choices=("speed", "branches", "lookup", "endpoints"))
    parser.add_argument("--model", choices=("smollm2", "gemma3"), help="default: both")
    parser.add_argument("--json", action="store_true", help="print one object at the end (speed and lookup)")
    options = parser.parse_args(argv)
    tables: dict[str, dict[str, float]] = {}
    is_kept = True
    with tempfile.TemporaryDirectory() as folder:
        for name in [options.model] if options.model else ["smollm2", "gemma3"]:
            model = branches.model_file(name, Path(folder))
            for part, work in (("speed", speed), ("lookup", lookup)):
                if options.only in (None, part):
                    tables[f"{name} {part}"], kept = work(model, name, options.pairs)
                    is_kept = is_kept and kept
            if options.only in (None, "branches"):
                is_kept = branches.measure(name, options.pairs) and is_kept
    if options.only in (None, "endpoints"):
        is_kept = endpoints.main() == 0 and is_kept
    if options.json:
        print(json.dumps({name: {field: round(value, 3) for field, value in table.items()} for name, table in tables.items()}))
    return 0 if is_kept else 1


if __name__ == "__main__":
    sys.exit(main())
