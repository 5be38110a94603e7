# ruff: noqa: UP031 - braces all over
"""Calls of tools: read out of replies in each family's form, forced by a grammar, refused where the template knows none."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from localstory.engines.base import Message, Reply, Sampling, TextPiece, TextRequest, Tool, ToolCall
from localstory.engines.text.llama_cpp import LlamaCppEngine
from localstory.engines.text.template import Template, marked_messages
from localstory.engines.text.template_quirks import abilities_of, fitted, rendered
from localstory.engines.text.tools import FORMATS, GENERIC, ToolReader, format_of
from localstory.errors import BadRequest
from tests.contracts.text_contract import collect, reply_to
from tests.fakes import chat_templates

BY_NAME = {form.name: form for form in (*FORMATS, GENERIC)}
CALL = ("weather", {"city": "Đà Nẵng", "days": 2})
BODY = '"arguments": {"city": "Đà Nẵng", "days": 2}'
SAID = {
    "hermes": '<tool_call>\n{"name": "weather", %s}\n</tool_call>' % BODY,
    "qwen3_coder": "<tool_call>\n<function=weather>\n<parameter=city>\nĐà Nẵng\n</parameter>\n<parameter=days>\n2\n</parameter>\n</function>\n</tool_call>",
    "glm4": "<tool_call>weather\n<arg_key>city</arg_key>\n<arg_value>Đà Nẵng</arg_value>\n<arg_key>days</arg_key>\n<arg_value>2</arg_value>\n</tool_call>",
    "mistral": '[TOOL_CALLS][{"name": "weather", %s, "id": "abcdefghi"}]' % BODY,
    "granite": '<|tool_call|>[{"name": "weather", %s}]' % BODY,
    "command_r7b": '<|START_ACTION|>[{"tool_call_id": "0", "tool_name": "weather", "parameters": {"city": "Đà Nẵng", "days": 2}}]<|END_ACTION|>',
    "command_r": 'Action: ```json\n[{"tool_name": "weather", "parameters": {"city": "Đà Nẵng", "days": 2}}]\n```',
    "deepseek": '<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>function<｜tool▁sep｜>weather\n```json\n{"city": "Đà Nẵng", "days": 2}\n```<｜tool▁call▁end｜>',
    "llama3_function": '<function=weather>{"city": "Đà Nẵng", "days": 2}</function>',
    "llama3": '<|python_tag|>{"name": "weather", "parameters": {"city": "Đà Nẵng", "days": 2}}',
    "functionary": '>>>weather\n{"city": "Đà Nẵng", "days": 2}',
    "generic": '{"name": "weather", %s}' % BODY,
}  # fmt: skip


def read(name: str, text: str, step: int) -> tuple[str, tuple[ToolCall, ...], str]:
    reader = ToolReader(BY_NAME[name], ["weather"])
    shown = "".join(reader.feed(text[at : at + step]) for at in range(0, len(text), step))
    shown += reader.end()
    return shown, reader.calls, reader.text


@pytest.mark.parametrize("step", [1, 3, 1000])
@pytest.mark.parametrize("name", SAID, ids=str)
def test_a_call_is_read_however_its_letters_come(name: str, step: int) -> None:
    words = "" if name == "generic" else "I will look. "
    shown, calls, text = read(name, words + SAID[name], step)
    assert [(call.name, json.loads(call.arguments)) for call in calls] == [CALL]
    assert shown == text == words.rstrip()
    assert calls[0].id.isalnum() and len(calls[0].id) == 9


@pytest.mark.parametrize("name", SAID, ids=str)
def test_what_is_no_call_loses_no_word(name: str) -> None:
    for said in (
        "Just words <tool",
        SAID[name].replace('"days": 2', '"days": 1e400').replace("\n2\n", "\nNaN\n").replace(">2<", ">NaN<"),
        SAID[name].replace("weather", "other"),
        SAID[name][: len(SAID[name]) // 3],
        "a < b, and [TOOL",
    ):
        shown, calls, _text = read(name, said, 2)
        assert not calls and shown == said


def test_the_format_is_found_in_the_template() -> None:
    assert [format_of(chat_templates.ALL[name]).name for name in ("hermes", "mistral", "llama3", "chatml")] == ["hermes", "mistral", "llama3", "generic"]


def test_templates_are_known_by_trying_them() -> None:
    can = {name: abilities_of(Template(text, bos="<s>", eos="</s>")) for name, text in chat_templates.ALL.items()}
    assert {name for name, one in can.items() if one.tools} == {"mistral", "hermes", "llama3"}
    assert {name for name, one in can.items() if one.tool_calls} - {"odd"} == {"mistral", "hermes", "llama3"}
    assert {name for name, one in can.items() if not one.system} - {"odd"} == {"gemma"}
    assert {name for name, one in can.items() if not one.any_order} - {"odd"} == {"gemma", "mistral"}
    assert can["typed"].typed_content and not can["chatml"].typed_content
    assert can["hermes"].thinking_switch and not can["chatml"].thinking_switch


def test_a_strict_template_gets_turns_in_its_order() -> None:
    template = Template(chat_templates.GEMMA, bos="<bos>")
    can = abilities_of(template)
    turns = [("system", "Be kind."), ("assistant", "Hi."), ("user", "One."), ("user", "Two.")]
    messages, changed = fitted([{"role": role, "content": text} for role, text in turns], can, ends_in_reply=False)
    text = rendered(template, can, messages).text
    assert [message["role"] for message in messages] == ["user", "assistant", "user"]
    assert all(said in text for _role, said in turns) and len(changed) >= 2
    assert marked_messages(messages)[0]["role"] == "user"


WEATHER = Tool(
    "weather",
    "The weather of a city",
    '{"type": "object", "properties": {"city": {"type": "string", "maxLength": 12}, "unit": {"enum": ["C", "F"]}}, "required": ["city", "unit"]}',
)
CLOCK = Tool("clock", "The time", '{"type": "object", "properties": {"zone": {"type": "integer"}}, "required": ["zone"]}')
ASK = TextRequest((Message("user", "What is the weather in Huế?"),), max_tokens=60, sampling=Sampling(seed=3), tools=(WEATHER, CLOCK))


@pytest.fixture
async def engine(smollm2: Path) -> AsyncIterator[LlamaCppEngine]:
    engine = LlamaCppEngine(smollm2, context_length=1024)
    yield engine
    await engine.close()


@pytest.mark.slow
async def test_a_forced_call_keeps_to_its_schema_and_tools_are_refused_where_unknown(engine: LlamaCppEngine) -> None:
    from dataclasses import replace

    with pytest.raises(BadRequest, match="tools") as refusal:
        await collect(engine, ASK)
    assert refusal.value.code == "not_offered"
    for seed in range(2):
        events = await collect(engine, replace(ASK, tool_choice="weather", sampling=Sampling(seed=seed, temperature=1.2)))
        reply = events[-1]
        assert isinstance(reply, Reply)
        (call,) = reply.tool_calls
        given = json.loads(call.arguments)
        assert call.name == "weather" and set(given) == {"city", "unit"} and given["unit"] in ("C", "F") and isinstance(given["city"], str)
        assert reply.text == "" and not any(isinstance(event, TextPiece) and event.text for event in events)
    either = await reply_to(engine, replace(ASK, tool_choice="required"))
    assert either.tool_calls[0].name in ("weather", "clock")
    used = (*ASK.messages, Message("assistant", "", either.tool_calls), Message("tool", "30 °C", tool_call_id=either.tool_calls[0].id))
    after = await reply_to(engine, replace(ASK, messages=used, tools=(), max_tokens=5))
    assert after.text and after.made_with["conversation_changed"] == ["tool_messages_in_words"]
    assert await engine.count_prompt(used) == after.usage.prompt_tokens
    for bad in (replace(ASK, tool_choice="no such"), replace(ASK, tools=(WEATHER, WEATHER)), replace(ASK, tools=(replace(WEATHER, parameters="["),))):
        with pytest.raises(BadRequest):
            await collect(engine, bad)
