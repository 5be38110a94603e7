"""What a token of a server costs this program in processor time, and how soon a server notices a cancel.

    .venv/bin/python -m tests.bench.endpoints

The server is another process that sends one token in one TCP segment, paced so that no two arrive together: the dearest way there
is. Counted is the processor time of this process (all threads), less what an idle loop takes, over the tokens of a reply.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import multiprocessing
import statistics
import sys
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

from localstory.engines.base import Message, Reply, Sampling, TextEngine, TextPiece, TextRequest
from localstory.engines.text.ollama import OllamaEngine
from localstory.engines.text.openai_endpoint import OpenAIEndpoint

TOKENS = 600
ROUNDS = 5
LIMIT_MS = 0.2


def _serve(port: Any, gap_seconds: float) -> None:
    """A child: answers like an OpenAI server or an Ollama, one token a segment."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        length = next((int(line.split(":")[1]) for line in head.lower().split("\r\n") if line.startswith("content-length")), 0)
        body = json.loads(await reader.readexactly(length)) if length else {}
        is_ollama = " /api/" in head.split("\r\n")[0]
        wanted = int((body.get("options") or {}).get("num_predict") or body.get("max_tokens") or 1)
        kind = "application/x-ndjson" if is_ollama else "text/event-stream"
        writer.write(f"HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n".encode())

        def send(value: dict[str, Any]) -> None:
            text = json.dumps(value)
            part = (f"{text}\n" if is_ollama else f"data: {text}\n\n").encode()
            writer.write(b"%x\r\n%s\r\n" % (len(part), part))

        with contextlib.suppress(OSError):
            for _number in range(wanted):
                if is_ollama:
                    send({"model": "m", "created_at": "2026-11-22T12:00:00.123456Z", "message": {"role": "assistant", "content": " word"}, "done": False})
                else:
                    choice = {"index": 0, "delta": {"content": " word"}, "logprobs": None, "finish_reason": None}
                    send({"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": "m", "system_fingerprint": "b1", "choices": [choice]})
                await writer.drain()
                await asyncio.sleep(gap_seconds)
            if is_ollama:
                send({"message": {"content": ""}, "done": True, "done_reason": "length", "prompt_eval_count": 9, "eval_count": wanted})
            else:
                send({"choices": [{"index": 0, "delta": {}, "finish_reason": "length"}]})
                send({"choices": [], "usage": {"prompt_tokens": 9, "completion_tokens": wanted}})
            writer.write(b"0\r\n\r\n")
            await writer.drain()
        writer.close()

    async def main() -> None:
        server = await asyncio.start_server(answer, "127.0.0.1", 0)
        port.send(server.sockets[0].getsockname()[1])
        await server.serve_forever()

    asyncio.run(main())


@dataclass(frozen=True)
class Cost:
    engine: str
    ms_per_token: float
    cancel_ms: float


async def _reply(engine: TextEngine, tokens: int) -> None:
    request = TextRequest((Message("user", "Hello"),), max_tokens=tokens, sampling=Sampling(seed=1))
    pieces, reply = 0, None
    async with contextlib.aclosing(engine.reply(request)) as events:
        async for event in events:
            if isinstance(event, TextPiece):
                pieces += 1
            elif isinstance(event, Reply):
                reply = event
    assert reply is not None and reply.usage.generated_tokens == pieces == tokens


async def _cancel_seconds(engine: TextEngine) -> float:
    started = asyncio.Event()

    async def work() -> None:
        async with contextlib.aclosing(engine.reply(TextRequest((Message("user", "Hello"),), max_tokens=100_000))) as events:
            async for event in events:
                if isinstance(event, TextPiece):
                    started.set()

    task = asyncio.create_task(work())
    await started.wait()
    began = time.perf_counter()
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task
    return time.perf_counter() - began


async def measure(port: int, tokens: int = TOKENS, rounds: int = ROUNDS) -> AsyncIterator[Cost]:
    """The cost of each kind of engine; the median of the rounds."""
    url = f"http://127.0.0.1:{port}"
    for engine in (OpenAIEndpoint(url, "m", context_length=1 << 20), OllamaEngine(url, "m", context_length=1 << 20)):
        await _reply(engine, 10)  # imports, the first connection
        costs = []
        for _round in range(rounds):
            # The cost of a request (its connection, its headers) stands in both and falls out of the difference.
            began = time.process_time()
            await _reply(engine, 1)
            middle = time.process_time()
            await _reply(engine, tokens + 1)
            costs.append((time.process_time() - middle - (middle - began)) / tokens)
        cancels = [await _cancel_seconds(engine) for _round in range(rounds)]
        yield Cost(engine.describe().name, statistics.median(costs) * 1000, statistics.median(cancels) * 1000)


async def run(tokens: int = TOKENS, rounds: int = ROUNDS) -> list[Cost]:
    """Start the server, measure, end it."""
    spawn = multiprocessing.get_context("spawn")
    here, there = spawn.Pipe()
    child = spawn.Process(target=_serve, args=(there, 0.002), daemon=True)
    child.start()
    try:
        return [cost async for cost in measure(here.recv(), tokens, rounds)]
    finally:
        child.terminate()
        child.join()


def main() -> int:
    """Print the table; exit 1 when a token costs too much."""
    costs = asyncio.run(run())
    print(f"{'engine':<10} {'CPU per token':>14} {'limit':>8} {'cancel':>9}")
    for cost in costs:
        print(f"{cost.engine:<10} {cost.ms_per_token:>11.3f} ms {LIMIT_MS:>5.1f} ms {cost.cancel_ms:>6.1f} ms")
    return 0 if all(cost.ms_per_token < LIMIT_MS for cost in costs) else 1


if __name__ == "__main__":
    sys.exit(main())
