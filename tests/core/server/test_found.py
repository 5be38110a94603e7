"""Our own server as others of us see it: found on its port, known for what it is, asked with everything it can."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import replace

import pytest

from localstory.engines.base import Message, Reply, Sampling, TextRequest, Tool
from localstory.engines.registry import open_server_engine
from localstory.engines.text.discovery import ADDRESSES, PORTS, find_servers, identify
from localstory.engines.text.fake import FakeTextEngine
from localstory.engines.text.ollama import OllamaEngine
from localstory.errors import CannotContinue
from localstory.net import Net
from localstory.server.port import PORT
from tests.contracts.text_contract import reply_to
from tests.fakes.ollama_server import OllamaServer
from tests.fakes.served import Served


@pytest.fixture
def net() -> Iterator[Net]:
    with Net() as net:
        yield net


async def test_it_is_found_by_its_answers_with_a_key_and_without(net: Net) -> None:
    assert PORTS[PORT] == "localstory" and ADDRESSES["localstory"].endswith(f":{PORT}")
    with Served({"sea": FakeTextEngine()}) as locked, Served({"lake": FakeTextEngine()}, key="") as free:
        await find_servers(net, {locked.port: "", free.port: ""})  # the first look imports things
        shut, opened = await find_servers(net, {locked.port: "", free.port: ""})
        assert (shut.kind, shut.needs_key, shut.models) == ("localstory", True, ())
        assert (opened.kind, opened.needs_key, [model.name for model in opened.models]) == ("localstory", False, ["lake"])
        named = await identify(net, locked.url, locked.key)
        assert (named.kind, named.models[0].name, named.models[0].context_length) == ("localstory", "sea", 4096)
        assert named.capabilities.why_not("banned_phrases") == named.capabilities.why_not("grammar") == ""
        assert named.capabilities.why_not("token_count")


async def test_what_is_asked_of_it_arrives_as_it_was_asked(net: Net) -> None:
    with Served({"sea": FakeTextEngine("and deep.")}) as served:
        engine = open_server_engine("localstory", served.url, "sea", key=served.key, net=net)
        sampling = Sampling(seed=9, min_p=0.2, banned_phrases=("no no",), dry_multiplier=0.8, order=("top_k", "temperature"))
        talk = (Message("user", "Tell"), Message("assistant", "It is wide"))
        for request in (
            TextRequest(
                talk[:1], sampling=sampling, grammar='root ::= "a"', thinking=False, max_tokens=40, stop=tuple(f"stop {number}" for number in range(30))
            ),
            TextRequest(talk, sampling=sampling, continue_last=True, max_tokens=40),
            TextRequest(prompt="Once", sampling=sampling, json_schema='{"type": "object"}', max_tokens=40),
        ):
            async with contextlib.aclosing(engine.reply(request)) as events:
                reply = [event async for event in events][-1]
            assert isinstance(reply, Reply) and reply.text == "and deep."
            arrived = served.engine.requests[-1]
            for field in ("messages", "prompt", "sampling", "stop", "grammar", "json_schema", "thinking", "continue_last", "max_tokens"):
                assert getattr(arrived, field) == getattr(request, field), field
        async with contextlib.aclosing(engine.reply(TextRequest(talk[:1], prefill="It is wide ", max_tokens=40))) as events:
            reply = [event async for event in events][-1]
        assert isinstance(reply, Reply) and reply.text == "It is wide and deep." and served.engine.requests[-1].continue_last
        await engine.close()


async def test_tools_go_through_it_to_another_server_and_back(net: Net) -> None:
    lamp = Tool("lamp", "Switch it 🐉", '{"type": "object", "properties": {"room": {"type": "string"}}}')
    request = TextRequest((Message("user", "lamp, please"),), tools=(lamp,), sampling=Sampling(seed=1), max_tokens=40)
    with OllamaServer() as ollama, Served({"sea": OllamaEngine(ollama.url, ollama.model_name, context_length=8192)}) as served:
        engine = open_server_engine("localstory", served.url, "sea", key=served.key, net=net)
        reply = await reply_to(engine, request)
        (call,) = reply.tool_calls
        assert (call.name, call.arguments, reply.text) == ("lamp", '{"room": "Huế 🐉"}', "")
        talk = (*request.messages, Message("assistant", "", (call,)), Message("tool", "on 🐉", tool_call_id=call.id))
        assert (await reply_to(engine, replace(request, messages=talk))).text
        sent = next(one.body["messages"] for one in reversed(ollama.requests) if one.path == "/api/chat")
        assert sent[1]["tool_calls"][0]["function"]["arguments"] == {"room": "Huế 🐉"} and sent[2]["tool_name"] == "lamp"
        for asked, what in ((replace(request, tool_choice="required"), "call"), (replace(request, tools=(), grammar='root ::= "a"'), "grammar")):
            with pytest.raises(CannotContinue, match=what) as refusal:
                await reply_to(engine, asked)
            assert refusal.value.code == "not_offered"
