"""What every text engine promises of tools. Subclass it and give it an `engine` fixture."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from localstory.engines.base import Message, Reply, Sampling, TextEngine, TextPiece, TextRequest, Tool, ToolCall
from localstory.errors import BadRequest, CannotContinue
from localstory.words import fill
from tests.contracts.text_contract import cancel_seconds, collect, collect_if_offered, reply_to

LAMP = Tool(
    "set_lamp",
    "Switch a lamp in the house “Đà Nẵng” 🐉",
    '{"type": "object", "properties": {"state": {"enum": ["on", "off"]}, "room": {"enum": ["Huế", "kitchen"]}}, "required": ["state", "room"]}',
)
BELL = Tool("ring.bell-2", "", '{"type": "object", "properties": {"times": {"enum": [1, 2]}}, "required": ["times"]}')
BARE = Tool("now")
ASK = TextRequest((Message("user", "Please use set_lamp: it is dark in Huế 🐉."),), max_tokens=60, sampling=Sampling(seed=11), tools=(LAMP, BELL))
CALL = ToolCall("set_lamp", '{"state": "on", "room": "Huế"}', "abcdefghi")
USED = (*ASK.messages, Message("assistant", "", (CALL,)), Message("tool", "The lamp in Huế is on. 🐉", tool_call_id="abcdefghi"))


def is_call(call: ToolCall, tools: tuple[Tool, ...]) -> bool:
    """Whether it calls one of these tools with the arguments that it must have."""
    given = json.loads(call.arguments)
    schema = next(json.loads(tool.parameters) for tool in tools if tool.name == call.name)
    allowed = {name: one["enum"] for name, one in schema["properties"].items()}
    return set(given) == set(allowed) and all(given[name] in allowed[name] for name in given)


def words_in(events: list[object]) -> str:
    return "".join(event.text for event in events if isinstance(event, TextPiece) and event.kind == "answer")


def warned(reply: Reply) -> str:
    return " ".join(fill(one.template, one.values) for one in reply.warnings)


class ToolsContract:
    """Calls come as calls, whole or not at all; what is no call is text; answers of tools are read; nonsense is refused before any work."""

    demands = True
    """Whether it can be made to call the tool that is named."""

    async def test_the_tool_that_is_named_is_called(self, engine: TextEngine) -> None:
        for tool in (LAMP, BELL) if self.demands else ():
            events = await collect(engine, replace(ASK, tool_choice=tool.name))
            reply = events[-1]
            assert isinstance(reply, Reply)
            (call,) = reply.tool_calls
            assert call.name == tool.name and is_call(call, ASK.tools) and call.id
            assert reply.text == words_in([*events]) == "" and reply.stop_reason == "end"
            assert reply.usage.generated_tokens > 0 and "called" not in warned(reply)

    async def test_a_call_that_must_come_comes_or_is_missed_aloud(self, engine: TextEngine) -> None:
        events = await collect_if_offered(engine, replace(ASK, tool_choice="required"))
        assert events or not self.demands
        for reply in events[-1:]:
            assert isinstance(reply, Reply)
            assert all(is_call(call, ASK.tools) for call in reply.tool_calls)
            assert reply.tool_calls or "called none" in warned(reply)

    async def test_what_the_model_may_call_it_may_also_leave(self, engine: TextEngine) -> None:
        """A model that was not taught tools is no error of the engine: it refuses, or the model answers in words."""
        try:
            events = await collect(engine, ASK)
        except CannotContinue as refusal:
            assert refusal.code == "not_offered" and "tools" in str(refusal)
            return
        reply = events[-1]
        assert isinstance(reply, Reply)
        assert words_in([*events]) == reply.text and (reply.text or reply.tool_calls)
        for call in reply.tool_calls:
            assert call.name in ("set_lamp", "ring.bell-2") and isinstance(json.loads(call.arguments), dict) and call.id
        assert len({call.id for call in reply.tool_calls}) == len(reply.tool_calls)

    async def test_without_leave_no_tool_is_called(self, engine: TextEngine) -> None:
        reply = await reply_to(engine, replace(ASK, tool_choice="none", max_tokens=8))
        assert reply.tool_calls == () and reply.text

    async def test_the_answer_of_a_tool_is_read(self, engine: TextEngine) -> None:
        used = replace(ASK, messages=USED, tools=(), max_tokens=8)
        reply = await reply_to(engine, used)
        assert reply.text and reply.tool_calls == ()
        longer = (*USED[:-1], replace(USED[-1], text=USED[-1].text * 9))
        more = await reply_to(engine, replace(used, messages=longer))
        assert more.usage.prompt_tokens > reply.usage.prompt_tokens
        call = replace(CALL, arguments=json.dumps({"state": "on", "room": "Huế " * 40}, ensure_ascii=False))
        wordy = await reply_to(engine, replace(used, messages=(USED[0], replace(USED[1], tool_calls=(call,)), USED[2])))
        assert wordy.usage.prompt_tokens > reply.usage.prompt_tokens
        assert await engine.count_prompt(USED) >= reply.usage.prompt_tokens

    async def test_calls_and_answers_without_ids_find_each_other(self, engine: TextEngine) -> None:
        calls = tuple(ToolCall("set_lamp", arguments) for arguments in ('{"state": "on", "room": "Huế"}', '{"state": "off", "room": "kitchen"}'))
        messages = (USED[0], Message("assistant", "Both.", calls), Message("tool", "on"), Message("tool", "off"), Message("user", "Thanks. Again?"))
        assert (await reply_to(engine, replace(ASK, messages=messages, tools=(), max_tokens=8))).text

    async def test_tools_that_make_no_sense_are_refused_before_any_work(self, engine: TextEngine) -> None:
        deep = '{"type": "object", "properties": ' * 70 + "{}" + "}" * 70
        for bad in (
            replace(ASK, tools=(LAMP, LAMP)),
            replace(ASK, tools=(replace(LAMP, name="no spaces please"),)),
            replace(ASK, tools=(replace(LAMP, name="required"),)),
            replace(ASK, tools=(replace(LAMP, parameters="{no json"),)),
            replace(ASK, tools=(replace(LAMP, parameters="[]"),)),
            replace(ASK, tools=(replace(LAMP, parameters=deep),)),
            replace(ASK, tools=(replace(LAMP, parameters='{"maximum": 1e400}'),)),
            replace(ASK, tools=tuple(replace(BARE, name=f"tool{number}") for number in range(129))),
            replace(ASK, tool_choice="no_such_tool"),
            replace(ASK, tools=(), tool_choice="required"),
            replace(ASK, tool_choice="required", json_schema="{}"),
            replace(ASK, messages=(), prompt="Once"),
            replace(ASK, messages=(USED[0], replace(USED[1], tool_calls=(replace(CALL, arguments="[1]"),)), USED[2])),
            replace(ASK, messages=(USED[0], replace(USED[1], tool_calls=(replace(CALL, arguments='{"a": NaN}'),)), USED[2])),
        ):
            with pytest.raises(BadRequest):
                await collect(engine, bad)

    async def test_a_reply_that_must_be_a_call_stops_within_half_a_second(self, engine: TextEngine) -> None:
        if not self.demands:
            return
        long = Tool("write", "", '{"type": "object", "properties": {"text": {"type": "string", "minLength": 3000}}, "required": ["text"]}')
        request = replace(ASK, tools=(long,), tool_choice="write", max_tokens=4000)
        assert await cancel_seconds(engine, request, after=object, delay=0.3) < 0.5
        assert (await reply_to(engine, replace(ASK, tool_choice="ring.bell-2"))).tool_calls
