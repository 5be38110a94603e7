"""The text contract against another program's server, as it is installed: `python -m llama_cpp.server` with the starter model."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil
import pytest

from localstory.engines.base import TextEngine, TextPiece
from localstory.engines.text.openai_endpoint import OpenAIEndpoint
from tests.contracts.endpoint_contract import CarefulCounts, EndpointContract
from tests.contracts.text_contract import ASK, cancel_seconds
from tests.contracts.tools_contract import ToolsContract
from tests.fakes.llama_cpp_server import LlamaCppServer


@pytest.fixture(scope="module")
def running(smollm2: Path) -> Iterator[LlamaCppServer]:
    with LlamaCppServer(smollm2) as server:
        yield server
    assert not psutil.pid_exists(server.process_id)


class TestLlamaCppServer(CarefulCounts, EndpointContract):
    @pytest.fixture
    def server(self, running: LlamaCppServer) -> LlamaCppServer:
        running.hang_ups.clear()
        return running

    @pytest.fixture
    def engine(self, server: LlamaCppServer) -> TextEngine:
        # Its list of models doesn't tell the context length: the person does.
        return OpenAIEndpoint(server.url, server.model_name, server.key, context_length=server.context_length)

    async def test_embedding_stops_within_half_a_second_of_cancel_and_can_be_done_again(self, engine: TextEngine) -> None:
        # It can't be stopped there (the server goes on by itself), so less is asked of it than of the others.
        task = asyncio.create_task(engine.embed(["the sea goes up and down and up again " * 20] * 2))
        await asyncio.sleep(0.05)
        assert not task.done()
        began = time.perf_counter()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert time.perf_counter() - began < 0.5
        assert (await engine.embed(["the sea"])).vectors

    async def test_the_server_sees_within_half_a_second_that_nobody_listens(self, engine: TextEngine, server: Any) -> None:
        # Our side closes at once (the other servers measure it); this one looks between two tokens, and says so when it likes.
        await cancel_seconds(engine, replace(ASK, max_tokens=4000), after=TextPiece)
        for _attempt in range(300):
            if server.hang_ups:
                break
            await asyncio.sleep(0.1)
        assert len(server.hang_ups) == 1


class TestToolsOfLlamaCppServer(ToolsContract):
    @pytest.fixture
    def engine(self, running: LlamaCppServer) -> TextEngine:
        return OpenAIEndpoint(running.url, running.model_name, running.key, context_length=running.context_length)
