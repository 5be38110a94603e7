"""Prompt lookup on the edit-this-text task, and where nothing repeats: pairs in turn, one engine, medians of the ratios.

python -m tests.bench.text_lookup [--pairs 7] [--threads N] [--model PATH …]
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import statistics
from pathlib import Path

from localstory.engines.base import Reply, Sampling, TextRequest
from localstory.engines.text.llama_cpp import LlamaCppEngine
from tests.bench.edit_task import PROMPT, copied_share

TOKENS = 96
NOTHING_REPEATS = "A list of a hundred different things, none of them twice: one lamp, two kettles, a sparrow, granite, "


async def reply_to(engine: LlamaCppEngine, request: TextRequest) -> Reply:
    """The whole reply."""
    async with contextlib.aclosing(engine.reply(request)) as events:
        async for event in events:
            if isinstance(event, Reply):
                return event
    raise AssertionError("a stream ends with its reply")


async def measure(model: Path, pairs: int, threads: int | None) -> dict[str, float]:
    """Ratios of tokens per second with lookup to those without, and what was guessed."""
    engine = LlamaCppEngine(model, threads=threads, context_length=2048)
    found: dict[str, float] = {}
    try:
        for task, prompt, sampling in (
            ("edit", PROMPT, Sampling(temperature=0.0)),
            # No repeats: hot, and every token that was there is made less likely.
            ("no_repeats", NOTHING_REPEATS, Sampling(temperature=1.5, top_p=1.0, min_p=0.02, repeat_penalty=1.3, repeat_last_n=256, seed=3)),
        ):
            request = TextRequest(prompt=prompt, max_tokens=TOKENS, sampling=sampling)
            await reply_to(engine, request)
            ratios, replies = [], []
            for number in range(pairs):
                speeds = {}
                for lookup in (False, True) if number % 2 == 0 else (True, False):
                    reply = await reply_to(engine, TextRequest(prompt=prompt, max_tokens=TOKENS, sampling=sampling, lookup=lookup))
                    speeds[lookup] = reply.timing.tokens_per_second or 0.0
                    if lookup:
                        replies.append(reply)
                ratios.append(speeds[True] / speeds[False] if speeds[False] else 0.0)
            found[f"{task}_ratio"] = statistics.median(ratios)
            found[f"{task}_drafted"] = statistics.median(int(reply.made_with["drafted"]) for reply in replies)
            found[f"{task}_accepted"] = statistics.median(int(reply.made_with["accepted"]) for reply in replies)
            if task == "edit":
                found["edit_copied_share"] = copied_share(replies[-1].text)
    finally:
        await engine.close()
    return found


def main() -> None:
    """Print a line for each number."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", type=int, default=7)
    parser.add_argument("--threads", type=int)
    parser.add_argument("--model", type=Path, action="append", required=True)
    options = parser.parse_args()
    for model in options.model:
        for name, value in asyncio.run(measure(model, options.pairs, options.threads)).items():
            print(f"{model.stem:40} {name:22} {value:.3f}", flush=True)


if __name__ == "__main__":
    main()
