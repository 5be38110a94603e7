"""The text engines we have, held to the contract."""

from __future__ import annotations

import math
import re
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from localstory.engines.base import Reply, Sampling, TextEngine, TextPiece, TextRequest
from localstory.engines.text.dialects import LLAMA_SERVER, LOCALSTORY
from localstory.engines.text.fake import FakeTextEngine
from localstory.engines.text.llama_cpp import LlamaCppEngine
from localstory.engines.text.lmstudio import LMStudioEngine
from localstory.engines.text.ollama import OllamaEngine
from localstory.engines.text.openai_endpoint import OpenAIEndpoint
from localstory.errors import BadRequest
from localstory.events import Progress
from tests.conftest import worker_processes
from tests.contracts.endpoint_contract import CarefulCounts, EndpointContract
from tests.contracts.text_contract import ASK, TextEngineContract, cancel_seconds, collect, reply_to
from tests.fakes.lmstudio_server import LMStudioServer
from tests.fakes.ollama_server import OllamaServer
from tests.fakes.openai_server import OpenAIServer
from tests.fakes.served import Served
from tests.fakes.text_server import TextServer

LONG = "The sea is a very large body of salt water that goes up and down and up and down, again and again. " * 60


class TestFakeTextEngine(TextEngineContract):
    @pytest.fixture
    def engine(self) -> TextEngine:
        return FakeTextEngine("The sea is wide, Mai 🐉 said. It is đẹp. " * 300, seconds_per_token=0.001)


class _RealContract(TextEngineContract):
    @pytest.fixture
    async def engine(self, model: Path) -> AsyncIterator[TextEngine]:
        engine = LlamaCppEngine(model)
        await reply_to(engine, TextRequest(prompt="a", max_tokens=1))
        yield engine
        await engine.close()
        assert not worker_processes()

    async def test_stops_within_half_a_second_of_cancel_in_the_middle_of_a_prompt_batch(self, engine: TextEngine) -> None:
        # The first progress of a prompt comes after its first batch: we are inside the second, which takes about a second.
        request = TextRequest(prompt=LONG, max_tokens=4, sampling=Sampling(seed=1))
        assert await cancel_seconds(engine, request, after=Progress, delay=0.15) < 0.5

    async def test_a_cold_and_a_warm_prompt_of_many_batches_give_the_same_text(self, engine: TextEngine) -> None:
        request = TextRequest(prompt=LONG, max_tokens=12, sampling=Sampling(seed=5, temperature=1.0))
        cold = await reply_to(engine, request)
        warm = await reply_to(engine, request)
        assert warm.text == cold.text
        assert cold.usage.reused_tokens == 0 or cold.usage.reused_tokens < warm.usage.reused_tokens

    async def test_without_a_seed_the_whole_prefix_is_reused(self, engine: TextEngine) -> None:
        request = TextRequest(prompt=LONG[:800], max_tokens=2)
        await reply_to(engine, request)
        reply = await reply_to(engine, request)
        assert reply.usage.reused_tokens >= reply.usage.prompt_tokens - 1 or "gemma" in reply.model

    async def test_a_grammar_is_kept_and_a_broken_one_refused_with_its_reason(self, engine: TextEngine) -> None:
        reply = await reply_to(engine, replace(ASK, grammar='root ::= "[" [0-9]{3} "]"'))
        assert re.fullmatch(r"\[\d{3}\]", reply.text)
        for grammar, reason in (('root ::= "a" | missing', "missing"), ("root ::= root [a-z]", "left recursion")):
            with pytest.raises(BadRequest, match=reason):
                await collect(engine, replace(ASK, grammar=grammar))
        with pytest.raises(BadRequest, match="10000000"):
            await collect(engine, replace(ASK, sampling=Sampling(logit_bias=((10_000_000, 1.0),))))

    async def test_a_banned_phrase_is_gone_and_what_is_left_comes_whole(self, engine: TextEngine) -> None:
        """Many take-backs: the sliding window of one model, the plain cache of the other."""
        free = await reply_to(engine, replace(ASK, sampling=Sampling(temperature=0.0)))
        words = free.text.split()
        phrase = " ".join(words[2:6])
        events = await collect(engine, replace(ASK, sampling=Sampling(temperature=0.0, banned_phrases=(phrase, "the", "sea"))))
        said = "".join(event.text for event in events if isinstance(event, TextPiece))
        assert isinstance(events[-1], Reply) and said == events[-1].text != free.text
        assert not any(banned.lower() in said.lower() for banned in (phrase, "the", "sea"))

    async def test_every_token_has_its_logprob_and_alternatives(self, engine: TextEngine) -> None:
        events = await collect(engine, replace(ASK, logprobs=3, max_tokens=8))
        tokens = [token for event in events if isinstance(event, TextPiece) for token in event.tokens]
        reply = events[-1]
        assert isinstance(reply, Reply)
        assert b"".join(token.token for token in tokens).decode("utf-8", "replace") == reply.text
        for token in tokens:
            assert len(token.alternatives) == 3 and token.logprob <= token.alternatives[0].logprob + 1e-6
            assert sum(math.exp(other.logprob) for other in token.alternatives) <= 1 + 1e-6


class TestSmolLM2(_RealContract):
    @pytest.fixture
    def model(self, smollm2: Path) -> Path:
        return smollm2


class TestGemma3(_RealContract):
    @pytest.fixture
    def model(self, gemma3: Path) -> Path:
        return gemma3


async def test_stops_within_half_a_second_of_cancel_while_loading(gemma3: Path) -> None:
    engine = LlamaCppEngine(gemma3)
    assert await cancel_seconds(engine, ASK, after=Progress) < 0.5
    await engine.close()
    assert not worker_processes()


class TestOpenAIEndpoint(CarefulCounts, EndpointContract):
    @pytest.fixture
    def server(self) -> Iterator[TextServer]:
        with OpenAIServer(key="sk-of-the-test") as server:
            yield server

    @pytest.fixture
    def engine(self, server: TextServer) -> TextEngine:
        return OpenAIEndpoint(server.url, server.model_name, "sk-of-the-test")


class TestLlamaServer(EndpointContract):
    @pytest.fixture
    def server(self) -> Iterator[TextServer]:
        with OpenAIServer(is_llama_server=True) as server:
            yield server

    @pytest.fixture
    def engine(self, server: TextServer) -> TextEngine:
        return OpenAIEndpoint(server.url, server.model_name, dialect=LLAMA_SERVER)


class TestOllama(CarefulCounts, EndpointContract):
    @pytest.fixture
    def server(self) -> Iterator[TextServer]:
        with OllamaServer() as server:
            yield server

    @pytest.fixture
    def engine(self, server: TextServer) -> TextEngine:
        return OllamaEngine(server.url, server.model_name, context_length=8192)


class TestLMStudio(CarefulCounts, EndpointContract):
    @pytest.fixture
    def server(self) -> Iterator[TextServer]:
        with LMStudioServer(key="lm-of-the-test") as server:
            server.loaded_length = server.model.context_length
            yield server

    @pytest.fixture
    def engine(self, server: TextServer) -> TextEngine:
        return LMStudioEngine(server.url, server.model_name, "lm-of-the-test")


class TestOurOwnServer(CarefulCounts, EndpointContract):
    """The embedded engine behind `localstory serve`, asked over HTTP."""

    @pytest.fixture
    def server(self, smollm2: Path) -> Iterator[Served]:
        engine = LlamaCppEngine(smollm2, threads=1)  # two wait for each other where other tests run beside
        with Served({"SmolLM2-135M-Instruct": engine}) as served:
            yield served
            served.runtime.run(engine.close())

    @pytest.fixture
    def engine(self, server: Served) -> TextEngine:
        return OpenAIEndpoint(server.url, server.model_name, server.key, dialect=LOCALSTORY)
