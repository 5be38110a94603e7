"""The text engines we have, held to the contract of tools."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from localstory.engines.base import TextEngine, TextRequest, ToolCall
from localstory.engines.text.dialects import KOBOLDCPP, LLAMA_SERVER, LOCALSTORY
from localstory.engines.text.fake import FakeTextEngine
from localstory.engines.text.llama_cpp import LlamaCppEngine
from localstory.engines.text.lmstudio import LMStudioEngine
from localstory.engines.text.ollama import OllamaEngine
from localstory.engines.text.openai_endpoint import OpenAIEndpoint
from tests.conftest import worker_processes
from tests.contracts.text_contract import reply_to
from tests.contracts.tools_contract import ASK, CALL, ToolsContract
from tests.fakes import chat_templates
from tests.fakes.gguf_files import with_chat_template
from tests.fakes.lmstudio_server import LMStudioServer
from tests.fakes.ollama_server import OllamaServer
from tests.fakes.openai_server import OpenAIServer
from tests.fakes.served import Served


class TestFakeTextEngine(ToolsContract):
    @pytest.fixture
    def engine(self) -> TextEngine:
        return FakeTextEngine("The sea is wide, Mai 🐉 said. " * 30, seconds_per_token=0.001)

    async def test_a_reply_that_must_be_a_call_stops_within_half_a_second(self, engine: TextEngine) -> None:
        await super().test_a_reply_that_must_be_a_call_stops_within_half_a_second(FakeTextEngine(seconds_per_token=0.4))


class TestScriptedCalls(ToolsContract):
    """The same engine, with a script that calls."""

    @pytest.fixture
    def engine(self) -> TextEngine:
        def script(request: TextRequest) -> str | ToolCall:
            return CALL if request.tool_choice == "auto" and request.tools else "The sea is wide."

        return FakeTextEngine(script, seconds_per_token=0.2)

    async def test_a_script_calls_one_after_the_other_and_what_nobody_offered_is_text(self) -> None:
        two = (replace(CALL, id=""), replace(CALL, id="", arguments='{"state": "off", "room": "kitchen"}'))
        engine = FakeTextEngine(["Hello.", CALL, two, ToolCall("rm", "{}")])
        replies = [await reply_to(engine, ASK) for _turn in range(4)]
        assert [(reply.text, len(reply.tool_calls)) for reply in replies] == [("Hello.", 0), ("", 1), ("", 2), ('{"name": "rm", "arguments": {}}', 0)]
        assert replies[1].tool_calls == (CALL,) and len({call.id for call in replies[2].tool_calls} - {""}) == 2
        assert (await reply_to(FakeTextEngine(CALL), replace(ASK, tools=()))).tool_calls == ()


class TestOpenAIEndpoint(ToolsContract):
    @pytest.fixture
    def engine(self) -> Iterator[TextEngine]:
        with OpenAIServer() as server:
            yield OpenAIEndpoint(server.url, server.model_name)


class TestLlamaServer(ToolsContract):
    @pytest.fixture
    def engine(self) -> Iterator[TextEngine]:
        with OpenAIServer(is_llama_server=True) as server:
            yield OpenAIEndpoint(server.url, server.model_name, dialect=LLAMA_SERVER)


class TestKoboldCpp(ToolsContract):
    @pytest.fixture
    def engine(self) -> Iterator[TextEngine]:
        with OpenAIServer(is_kobold=True) as server:
            yield OpenAIEndpoint(server.url, server.model_name, dialect=KOBOLDCPP)


class TestLMStudio(ToolsContract):
    @pytest.fixture
    def engine(self) -> Iterator[TextEngine]:
        with LMStudioServer() as server:
            yield LMStudioEngine(server.url, server.model_name)


class TestOllama(ToolsContract):
    demands = False

    @pytest.fixture
    def engine(self) -> Iterator[TextEngine]:
        with OllamaServer() as server:
            yield OllamaEngine(server.url, server.model_name, context_length=8192)


class TestAnOllamaWhoseModelKnowsNone(ToolsContract):
    demands = False

    @pytest.fixture
    def engine(self) -> Iterator[TextEngine]:
        with OllamaServer(knows_tools=False) as server:
            yield OllamaEngine(server.url, server.model_name, context_length=8192)


class TestSmolLM2(ToolsContract):
    @pytest.fixture
    async def engine(self, smollm2: Path) -> AsyncIterator[TextEngine]:
        engine = LlamaCppEngine(smollm2, context_length=2048, threads=1)
        yield engine
        await engine.close()
        assert not worker_processes()


@pytest.fixture(scope="module")
def taught(smollm2: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return with_chat_template(smollm2, tmp_path_factory.mktemp("taught") / "smollm2-tools.gguf", chat_templates.HERMES)


class TestSmolLM2ThatWasTaughtTools:
    """The same weights under a chat template with a place for tools: it may call, and what it writes in its form is a call."""

    demands = True
    test_the_tool_that_is_named_is_called = ToolsContract.test_the_tool_that_is_named_is_called
    test_what_the_model_may_call_it_may_also_leave = ToolsContract.test_what_the_model_may_call_it_may_also_leave
    test_calls_and_answers_without_ids_find_each_other = ToolsContract.test_calls_and_answers_without_ids_find_each_other

    @pytest.fixture
    async def engine(self, taught: Path) -> AsyncIterator[TextEngine]:
        engine = LlamaCppEngine(taught, context_length=2048, threads=1)
        yield engine
        await engine.close()

    async def test_what_it_writes_in_its_form_is_a_call_and_all_else_is_text(self, engine: TextEngine) -> None:
        written = 'root ::= "I will. <tool_call>\\n{\\"name\\": \\"%s\\", \\"arguments\\": {\\"room\\": \\"Huế 🐉\\"}}\\n</tool_call>"'
        reply = await reply_to(engine, replace(ASK, grammar=written % "set_lamp"))
        (call,) = reply.tool_calls
        assert (call.name, json.loads(call.arguments), reply.text) == ("set_lamp", {"room": "Huế 🐉"}, "I will.")
        stranger = await reply_to(engine, replace(ASK, grammar=written % "rm"))
        assert stranger.tool_calls == () and '{"name": "rm"' in stranger.text
        cut = await reply_to(engine, replace(ASK, grammar=written % "set_lamp", max_tokens=12))
        assert cut.tool_calls == () and cut.stop_reason == "length" and "<tool_call>" in cut.text


class TestOurOwnServer:
    """The embedded engine behind `localstory serve`, asked over HTTP; what the fields become is tested without a model."""

    demands = True
    test_the_tool_that_is_named_is_called = ToolsContract.test_the_tool_that_is_named_is_called
    test_what_the_model_may_call_it_may_also_leave = ToolsContract.test_what_the_model_may_call_it_may_also_leave
    test_tools_that_make_no_sense_are_refused_before_any_work = ToolsContract.test_tools_that_make_no_sense_are_refused_before_any_work
    test_a_reply_that_must_be_a_call_stops_within_half_a_second = ToolsContract.test_a_reply_that_must_be_a_call_stops_within_half_a_second

    @pytest.fixture
    def served(self, smollm2: Path) -> Iterator[Served]:
        engine = LlamaCppEngine(smollm2, context_length=2048, threads=1)
        with Served({"SmolLM2-135M-Instruct": engine}) as served:
            yield served
            served.runtime.run(engine.close())

    @pytest.fixture
    def engine(self, served: Served) -> TextEngine:
        return OpenAIEndpoint(served.url, served.model_name, served.key, dialect=LOCALSTORY)
