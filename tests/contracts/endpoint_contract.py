"""What every server's engine promises beyond the contract of text engines. Subclass it and give it `server` and `engine` fixtures."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace

from localstory.engines.base import Message, TextEngine, TextPiece, TextRequest
from tests.contracts.text_contract import ASK, TextEngineContract, cancel_seconds, reply_to
from tests.fakes.text_server import TextServer


class EndpointContract(TextEngineContract):
    """The server sees a cancel; counts are exact or careful; a page without a template is gone on with."""

    async def test_the_server_sees_within_half_a_second_that_nobody_listens(self, engine: TextEngine, server: TextServer) -> None:
        seconds = await cancel_seconds(engine, replace(ASK, max_tokens=4000), after=TextPiece)
        cancelled = time.monotonic() - seconds
        for _attempt in range(100):
            if server.hang_ups:
                break
            await asyncio.sleep(0.01)
        assert len(server.hang_ups) == 1
        assert server.hang_ups[0] - cancelled < 0.5

    async def test_a_page_is_gone_on_with(self, engine: TextEngine) -> None:
        reply = await reply_to(engine, TextRequest(prompt="Once upon a time", max_tokens=7, sampling=ASK.sampling))
        assert reply.usage.generated_tokens == 7
        assert reply.text and reply.stop_reason == "length"

    async def test_more_stop_texts_than_a_server_takes_all_stop(self, engine: TextEngine) -> None:
        whole = (await reply_to(engine, ASK)).text
        stop = whole[len(whole) // 2 : len(whole) // 2 + 3]
        cut = await reply_to(engine, replace(ASK, stop=(*(f"no such text {number}" for number in range(20)), stop)))
        assert cut.text == whole[: whole.index(stop)]
        assert cut.stop_reason == "stop"


class CarefulCounts:
    """For servers that count nothing before they answer: instead of the exact count of the contract."""

    async def test_a_counted_prompt_is_what_the_reply_evaluates(self, engine: TextEngine) -> None:
        turns = (Message("user", "Xin chào 🐉"), Message("assistant", " Hello, Mai.\n"), Message("user", "Go on, and tell me of the sea."))
        for messages in (ASK.messages, turns, (Message("system", "You are <|im_end|> a pirate."), *turns)):
            counted = await engine.count_prompt(messages)
            evaluated = (await reply_to(engine, replace(ASK, messages=messages, max_tokens=1))).usage.prompt_tokens
            assert evaluated <= counted <= 20 * evaluated
