"""Tools on servers: what goes out, and how calls are put together."""

from __future__ import annotations

import itertools
import json
import math
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from localstory.engines.base import Lora, Message, Sampling, TextRequest, Tool, ToolCall
from localstory.engines.text.control_strings import WEDGE, broken_json, found_in
from localstory.engines.text.dialects import KOBOLDCPP, LLAMA_SERVER, LOCALSTORY, OPENAI, Dialect, request_fields
from localstory.engines.text.endpoint import NoSuchAdapter, NotOffered, check_offered
from localstory.engines.text.endpoint_counting import careful_request_count
from localstory.engines.text.endpoint_tools import Calls, ollama_messages, openai_messages
from localstory.engines.text.lmstudio import LMStudioEngine
from localstory.engines.text.ollama import OllamaEngine
from localstory.engines.text.openai_endpoint import OpenAIEndpoint
from localstory.errors import BadRequest
from localstory.net.errors import BadAnswer
from tests.contracts.text_contract import collect, reply_to
from tests.contracts.tools_contract import warned
from tests.fakes.lmstudio_server import LMStudioServer
from tests.fakes.ollama_server import OllamaServer
from tests.fakes.openai_server import OpenAIServer

LAMP = Tool("lamp", "Switch it 🐉", '{"type": "object", "properties": {"on": {"type": "boolean"}}, "required": ["on"]}')
CLOCK = Tool("clock", parameters="")
ASK = TextRequest((Message("user", "Hello 🐉"),), max_tokens=50, sampling=Sampling(seed=1), tools=(LAMP, CLOCK))
DIALECTS = (OPENAI, LLAMA_SERVER, LOCALSTORY, KOBOLDCPP)


# -- what goes out --------------------------------------------------------------------------------------------------------


def fields_of(request: TextRequest, dialect: Dialect = OPENAI) -> dict[str, Any]:
    official, own = request_fields(request, dialect, "m", 1)
    return official | own


@pytest.mark.parametrize("dialect", DIALECTS, ids=lambda dialect: dialect.name)
def test_tools_go_out_as_functions_with_their_schema(dialect: Dialect) -> None:
    sent = fields_of(ASK, dialect)
    lamp = {"name": "lamp", "description": "Switch it 🐉", "parameters": json.loads(LAMP.parameters)}
    clock = {"name": "clock", "parameters": {"type": "object", "properties": {}}}
    assert sent["tools"] == [{"type": "function", "function": lamp}, {"type": "function", "function": clock}]
    assert "tool_choice" not in sent
    assert fields_of(replace(ASK, tool_choice="required"), dialect)["tool_choice"] == "required"
    assert not {"tools", "tool_choice"} & set(fields_of(replace(ASK, tool_choice="none"), dialect))
    assert not {"tools", "tool_choice"} & set(fields_of(replace(ASK, tools=()), dialect))


def test_one_tool_is_demanded_in_each_servers_words() -> None:
    demanded = replace(ASK, tool_choice="clock")
    for dialect in (OPENAI, LOCALSTORY, KOBOLDCPP):
        sent = fields_of(demanded, dialect)
        assert sent["tool_choice"] == {"type": "function", "function": {"name": "clock"}} and len(sent["tools"]) == 2
    sent = fields_of(demanded, LLAMA_SERVER)
    assert sent["tool_choice"] == "required" and [one["function"]["name"] for one in sent["tools"]] == ["clock"]


def test_a_conversation_with_calls_goes_out_in_both_shapes() -> None:
    call = ToolCall("lamp", '{"on": true, "số": 1.0}', "call_x")
    messages = (
        Message("user", "Hi"),
        Message("assistant", "One moment.", (call, ToolCall("clock", "{}"))),
        Message("tool", "on 🐉", tool_call_id="call_x"),
        Message("tool", "12:00"),
        Message("assistant", "", (ToolCall("clock", "{}"),)),
        Message("tool", "12:01"),
    )
    sent = openai_messages(messages)
    asked, first, second, again, third = sent[1:]
    function = {"name": "lamp", "arguments": '{"on": true, "số": 1.0}'}
    assert asked["content"] == "One moment." and asked["tool_calls"][0] == {"id": "call_x", "type": "function", "function": function}
    assert first == {"role": "tool", "content": "on 🐉", "tool_call_id": "call_x"}
    assert second["tool_call_id"] == asked["tool_calls"][1]["id"] == "call00002" != again["tool_calls"][0]["id"] == third["tool_call_id"]
    assert sent == openai_messages(messages) and openai_messages(messages[:4]) == sent[:4]  # the beginning stays what it was
    assert [one.get("name") for one in openai_messages(messages, with_names=True)] == [None, None, "lamp", "clock", None, "clock"]
    native = ollama_messages(messages)
    assert native[1]["tool_calls"][0]["function"] == {"name": "lamp", "arguments": {"on": True, "số": 1.0}}
    assert [one.get("tool_name") for one in native] == [None, None, "lamp", "clock", None, "clock"]


async def test_lm_studio_and_ollama_get_what_they_take() -> None:
    with LMStudioServer() as studio:
        engine = LMStudioEngine(studio.url, studio.model_name)
        reply = await reply_to(engine, replace(ASK, tool_choice="clock"))
        assert [call.name for call in reply.tool_calls] == ["clock"]
    for gives_ids in (True, False):
        with OllamaServer(gives_ids=gives_ids) as ollama:
            native = OllamaEngine(ollama.url, ollama.model_name, context_length=8192)
            reply = await reply_to(native, replace(ASK, messages=(Message("user", "lamp and clock, please"),)))
            assert [(call.name, json.loads(call.arguments)) for call in reply.tool_calls] == [("lamp", {"on": True}), ("clock", {})]
            assert len({call.id for call in reply.tool_calls} - {""}) == 2 and reply.stop_reason == "end"
            asked = len(ollama.requests)
            with pytest.raises(NotOffered, match="told to use"):
                await collect(native, replace(ASK, tool_choice="required"))
            assert len(ollama.requests) == asked
    with OllamaServer(knows_tools=False) as ollama, pytest.raises(NotOffered, match="not taught"):
        await collect(OllamaEngine(ollama.url, ollama.model_name, context_length=8192), ASK)


def test_a_server_without_tools_refuses_them_and_what_came_of_them() -> None:
    without = Dialect("other", features=frozenset(("seed",)))
    used = (Message("assistant", "", (ToolCall("clock", "{}", "a"),)), Message("tool", "12:00", tool_call_id="a"))
    for request in (ASK, replace(ASK, messages=used, tools=()), replace(ASK, messages=used[1:], tools=())):
        with pytest.raises(NotOffered, match="tools"):
            check_offered(request, without.capabilities(), "h")
    check_offered(replace(ASK, tool_choice="none"), without.capabilities(), "h")
    only_offers = Dialect("other", features=frozenset(("seed", "tools")))
    check_offered(ASK, only_offers.capabilities(), "h")
    with pytest.raises(NotOffered, match="must be a call"):
        check_offered(replace(ASK, tool_choice="lamp"), only_offers.capabilities(), "h")


def test_tools_and_calls_are_counted() -> None:
    for wordy in (replace(LAMP, description="word " * 300), replace(LAMP, parameters=json.dumps({"description": "word " * 300}))):
        assert careful_request_count(replace(ASK, tools=(wordy, CLOCK))) > careful_request_count(ASK) + 300
    plain = replace(ASK, tools=())
    call = ToolCall("lamp", json.dumps({"on": "yes " * 200}))
    assert careful_request_count(ASK) > careful_request_count(plain) + 100 and careful_request_count(replace(ASK, tool_choice="none")) == careful_request_count(
        plain
    )
    assert careful_request_count(replace(plain, messages=(Message("assistant", "", (call,)), Message("tool", "")))) > careful_request_count(plain) + 200


# -- adapters -------------------------------------------------------------------------------------------------------------


async def test_llama_server_uses_the_adapters_it_was_started_with_and_others_refuse() -> None:
    request = replace(ASK, tools=(), loras=(Lora(Path("/our/place/thơ.gguf"), 0.5), Lora(Path("b.gguf"), -1.0)))
    with OpenAIServer(is_llama_server=True) as server:
        engine = OpenAIEndpoint(server.url, server.model_name, dialect=LLAMA_SERVER)
        with pytest.raises(NoSuchAdapter, match="without any"):
            await collect(engine, request)
        server.adapters = ["C:\\their\\b.gguf", "/their/a.gguf", "/their/thơ.gguf"]
        await reply_to(engine, request)
        assert server.requests[-1].body["lora"] == [{"id": 2, "scale": 0.5}, {"id": 0, "scale": -1.0}]
        await reply_to(engine, replace(request, messages=(), prompt="Once"))
        assert server.requests[-1].body["lora"] == [{"id": 2, "scale": 0.5}, {"id": 0, "scale": -1.0}]
        server.adapters.append("/other/b.gguf")
        asked = len(server.requests)
        for wrong in (request, replace(request, loras=(Lora(Path("a.gguf"), math.inf),))):
            with pytest.raises(BadRequest):
                await collect(engine, wrong)
        assert not any(one.method == "POST" for one in server.requests[asked:])
        await reply_to(engine, replace(request, loras=()))
        assert "lora" not in server.requests[-1].body
    for dialect in (OPENAI, LOCALSTORY, KOBOLDCPP):
        with pytest.raises(NotOffered, match="LoRA"):
            check_offered(request, dialect.capabilities(), "h")


# -- control strings ------------------------------------------------------------------------------------------------------

ODD = Tool("odd", "It ends with <|im_end|>", '{"type": "object", "properties": {"\\u003c|im_end|\\u003e": {"enum": ["</s>", "[INST]"]}}}')


async def test_no_control_string_of_tools_or_their_answers_reaches_a_server_whole() -> None:
    call = ToolCall("odd", '{"a": "\\u003ctool_call\\u003e <|eot_id|>"}', "x1")
    messages = (Message("user", "odd"), Message("assistant", "", (call,)), Message("tool", "12 <|im_start|>system", tool_call_id="x1"), Message("user", "odd?"))
    request = replace(ASK, messages=messages, tools=(ODD,))
    with OpenAIServer(is_llama_server=True) as llama, OllamaServer() as ollama, OpenAIServer() as openai:
        for server, engine in (
            (llama, OpenAIEndpoint(llama.url, llama.model_name, dialect=LLAMA_SERVER)),
            (openai, OpenAIEndpoint(openai.url, openai.model_name)),
            (ollama, OllamaEngine(ollama.url, ollama.model_name, context_length=8192)),
        ):
            reply = await reply_to(engine, request)
            body = next(one.body for one in reversed(server.requests) if one.method == "POST")
            sent = json.dumps([body["messages"], body["tools"]], ensure_ascii=False)
            assert found_in([sent]) == [] and "u003c" not in sent
            for string in ("<|im_end|>", "</s>", "[INST]", "<tool_call>", "<|eot_id|>", "<|im_start|>"):
                assert string[0] + WEDGE + string[1:] in sent
            assert "<|im_end|>" in warned(reply)
            # What comes back has the names that were asked for.
            assert json.loads(reply.tool_calls[0].arguments) == {"<|im_end|>": "[INST]"}
        await openai_count(OpenAIEndpoint(llama.url, llama.model_name, dialect=LLAMA_SERVER), messages, llama)


async def openai_count(engine: OpenAIEndpoint, messages: tuple[Message, ...], server: OpenAIServer) -> None:
    assert await engine.count_prompt(messages) > 0
    asked = next(one.body for one in reversed(server.requests) if one.path == "/apply-template")
    assert found_in([json.dumps(asked["messages"], ensure_ascii=False)]) == [] and asked["messages"][1]["tool_calls"]


_TEXTS = st.one_of(st.text(max_size=6), st.sampled_from(["<|im_end|>", "</s>", "[INST]", '<|"', '"|>', "<", "|>", "\\", "\\u003c", "🐉"]))


@given(
    st.recursive(
        st.one_of(_TEXTS, st.integers(), st.booleans(), st.none()), lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_TEXTS, inner, max_size=3)
    )
)
def test_broken_json_is_the_same_value_but_for_the_signs(value: Any) -> None:
    for text in (json.dumps(value), json.dumps(value, ensure_ascii=False)):
        broken = broken_json(text)
        assert found_in([broken, *_strings(json.loads(broken))]) == []
        assert _without(json.loads(broken)) == _without(value)
        assert broken_json(broken) == broken


def _strings(value: Any) -> Iterator[str]:
    match value:
        case str():
            yield value
        case list():
            for one in value:
                yield from _strings(one)
        case dict():
            for name, one in value.items():
                yield name
                yield from _strings(one)


def _without(value: Any) -> Any:
    match value:
        case str():
            return value.replace(WEDGE, "")
        case list():
            return [_without(one) for one in value]
        case dict():
            return {name.replace(WEDGE, ""): _without(one) for name, one in value.items()}
        case _:
            return value


# -- calls in pieces ------------------------------------------------------------------------------------------------------


@given(st.data())
def test_calls_come_out_the_same_however_they_are_cut_and_mixed(draw: st.DataObject) -> None:
    arguments = st.dictionaries(st.text(max_size=5), st.one_of(st.text(max_size=8), st.integers(), st.lists(st.booleans(), max_size=2)), max_size=3)
    meant = draw.draw(st.lists(st.tuples(st.sampled_from(["lamp", "clock"]), arguments), min_size=1, max_size=4))
    pieces: list[list[dict[str, Any]]] = []
    says_all = draw.draw(st.booleans())  # llama-cpp-python says the name and the id in every piece
    for index, (name, given_) in enumerate(meant):
        text, cuts = json.dumps(given_, ensure_ascii=draw.draw(st.booleans())), draw.draw(st.lists(st.integers(0, 40), max_size=4))
        ends = [0, *sorted(min(cut, len(text)) for cut in cuts), len(text)]
        parts = [{"index": 3 * index, "function": {"arguments": text[at:end]}} for at, end in itertools.pairwise(ends)]
        for part in parts if says_all else parts[:1]:
            part["id"], part["function"]["name"] = f"id{index}", name  # type: ignore[index]
        pieces.append(parts)
    calls = Calls("h", (LAMP, CLOCK))
    order: list[str] = []
    while any(pieces):
        chosen = draw.draw(st.sampled_from([parts for parts in pieces if parts]))
        part = chosen.pop(0)
        if part.get("id") and part["id"] not in order:
            order.append(part["id"])
        calls.take([part])
    made, text = calls.end()
    assert text == "" and {call.id: (call.name, json.loads(call.arguments)) for call in made} == {f"id{index}": one for index, one in enumerate(meant)}
    assert [call.id for call in made] == order


def test_calls_without_an_index_or_with_one_for_all_are_told_apart() -> None:
    one, two = ({"function": {"name": name, "arguments": "{}"}} for name in ("lamp", "clock"))
    for pieces in ([one, two], [one | {"index": 0, "id": "a"}, two | {"index": 0, "id": "b"}]):
        calls = Calls("h", (LAMP, CLOCK))
        for piece in pieces:
            calls.take([piece])
        assert [call.name for call in calls.end()[0]] == ["lamp", "clock"]


def test_ids_are_there_and_none_twice() -> None:
    calls = Calls("h", (LAMP,))
    for number, id in enumerate(("same", "same", "", "x" * 5000)):
        calls.take([{"index": number, "id": id, "function": {"name": "lamp", "arguments": None}}])
    made, _text = calls.end()
    assert len({call.id for call in made}) == 4 and made[0].id == "same" and all(0 < len(call.id) < 300 for call in made)
    assert {call.arguments for call in made} == {"{}"}


def test_no_more_calls_are_kept_than_tools_can_be_offered() -> None:
    calls = Calls("h", (LAMP,))
    with pytest.raises(BadAnswer):
        calls.take([{"index": number} for number in range(129)])


def test_half_letters_in_a_call_are_made_whole() -> None:
    calls = Calls("h", (LAMP,))
    calls.take([{"index": 0, "id": "\ud83d", "function": {"name": "lamp", "arguments": '{"a": "\\ud83d"}'}}])
    ((call,), _text) = calls.end()
    assert json.loads(call.arguments) == {"a": "\ufffd"} and call.id == "\ufffd"


@pytest.mark.parametrize("value", ["lamp", {"index": 0}, [1], [{"function": 1}], [{"function": {"name": 1}}], [{"index": "0", "function": {}}],
    [{"function": {"name": "lamp", "arguments": 7}}], [{"id": [], "function": {}}], [{"index": True, "function": {}}]], ids=str)  # fmt: skip
def test_calls_of_another_kind_are_a_bad_answer(value: object) -> None:
    with pytest.raises(BadAnswer):
        Calls("h", (LAMP,)).take(value)
