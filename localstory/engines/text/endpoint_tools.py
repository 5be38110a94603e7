"""Tools on servers: how they are offered, how a conversation with calls is sent, and how calls are read out of answers. Pure.

Sources: OpenAI's API reference (chat completions: tools, tool_choice, delta.tool_calls), llama.cpp docs/function-calling.md,
LM Studio's documentation of tool use (2026-04), Ollama api/types.go (Tool, ToolCall, Message.tool_name).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from localstory.engines.base import Message, TextRequest, Tool, ToolCall
from localstory.engines.text.control_strings import WEDGE
from localstory.engines.text.conversation import MOST_TOOLS, is_object
from localstory.engines.text.endpoint import one_line, sendable
from localstory.engines.text.endpoint_stream import object_in, other_kind, text_in, whole_letters
from localstory.engines.text.tools import new_id
from localstory.net.errors import BadAnswer
from localstory.words import mark

_MOST_ID_CHARS = 256
_NO_ARGUMENTS = {"type": "object", "properties": {}}


def offered(request: TextRequest) -> tuple[Tool, ...]:
    """The tools that go out. With `tool_choice` "none" there are none, as for our own engine: not every server knows that word."""
    return () if request.tool_choice == "none" else request.tools


def is_demanded(request: TextRequest) -> bool:
    """Whether the reply must be a call."""
    return bool(request.tools) and request.tool_choice not in ("auto", "none")


def tool_entries(tools: Iterable[Tool]) -> list[dict[str, Any]]:
    """Tools as OpenAI's interface and Ollama's take them."""
    entries = []
    for tool in tools:
        function: dict[str, Any] = {"name": tool.name}
        if tool.description:
            function["description"] = sendable(tool.description)
        function["parameters"] = _NO_ARGUMENTS | _value(tool.parameters or "{}")
        entries.append({"type": "function", "function": function})
    return entries


def tool_fields(request: TextRequest, *, by_name: bool) -> dict[str, Any]:
    """`tools` and `tool_choice` of OpenAI's interface; none where none are offered.

    `by_name`: the server knows the object that names the one tool to call. LM Studio refuses it (lmstudio-bug-tracker issue
    670), llama-server takes it for "auto" (llama.cpp issue 26535): to them only that tool is offered, and a call is required.
    """
    tools, choice = offered(request), request.tool_choice
    if not tools:
        return {}
    if choice == "auto":
        return {"tools": tool_entries(tools)}
    if choice == "required":
        return {"tools": tool_entries(tools), "tool_choice": "required"}
    if by_name:
        return {"tools": tool_entries(tools), "tool_choice": {"type": "function", "function": {"name": choice}}}
    return {"tools": tool_entries(tool for tool in tools if tool.name == choice), "tool_choice": "required"}


def openai_messages(messages: Sequence[Message], *, with_names: bool = False) -> list[dict[str, Any]]:
    """Messages as OpenAI's interface takes them. `with_names`: the answer of a tool also says which one it was (llama-server)."""
    sent = []
    for message, answered in _whole_conversation(messages):
        one: dict[str, Any] = {"role": message.role, "content": sendable(message.text)}
        if message.tool_calls:
            one["tool_calls"] = [
                {"id": sendable(call.id), "type": "function", "function": {"name": sendable(call.name), "arguments": sendable(call.arguments)}}
                for call in message.tool_calls
            ]
        if message.role == "tool":
            one["tool_call_id"] = sendable(message.tool_call_id)
            if with_names and answered:
                one["name"] = sendable(answered)
        sent.append(one)
    return sent


def ollama_messages(messages: Sequence[Message]) -> list[dict[str, Any]]:
    """Messages as Ollama takes them: arguments are objects, answers of tools name the tool; the ids are for versions that know them."""
    sent = []
    for message, answered in _whole_conversation(messages):
        one: dict[str, Any] = {"role": message.role, "content": sendable(message.text)}
        if message.tool_calls:
            one["tool_calls"] = [
                {"id": sendable(call.id), "function": {"name": sendable(call.name), "arguments": _value(call.arguments)}} for call in message.tool_calls
            ]
        if message.role == "tool":
            one["tool_name"] = sendable(answered)
            one["tool_call_id"] = sendable(message.tool_call_id)
        sent.append(one)
    return sent


def _whole_conversation(messages: Sequence[Message]) -> Iterator[tuple[Message, str]]:
    """(message, for a tool's answer the tool's name). Calls without an id get one; answers without one are given to the calls in their order.

    The ids are the same each time, so that the server knows the beginning of the conversation again.
    """
    number = 0
    names: dict[str, str] = {}
    waiting: list[str] = []
    for message in messages:
        if message.tool_calls:
            calls = []
            for call in message.tool_calls:
                number += 1
                calls.append(call if call.id else replace(call, id=f"call{number:05}"))  # nine letters and digits, as Mistral's templates want them
            names |= {call.id: call.name for call in calls}
            waiting = [call.id for call in calls]
            message = replace(message, tool_calls=tuple(calls))
        if message.role == "tool":
            if not message.tool_call_id and waiting:
                message = replace(message, tool_call_id=waiting[0])
            waiting = [one for one in waiting if one != message.tool_call_id]
        yield message, names.get(message.tool_call_id, "")


def _value(text: str) -> Any:
    """JSON that was checked (`check_tools`) as a value that UTF-8 can hold."""
    value = json.loads(sendable(text))
    whole = json.dumps(value, ensure_ascii=False)
    return value if whole.isascii() else json.loads(sendable(whole))


@dataclass(slots=True)
class _Heard:
    """A call as far as it has come."""

    id: str = ""
    name: str = ""
    arguments: list[str] = field(default_factory=list)

    @property
    def written(self) -> str:
        return "".join(self.arguments)

    def as_text(self) -> str:
        """What came, for people: JSON, if the arguments are."""
        return f'{{"name": {json.dumps(self.name, ensure_ascii=False)}, "arguments": {self.written or "{}"}}}'


class Calls:
    """Takes what a server says of calls, whole or in pieces, and has them when the reply is at its end.

    What is no call of an offered tool with an object of arguments is none, and none of the reply's are then: as from our own engine, it
    is text. `has_wedges`: control strings in the tools went out with an invisible sign, which is taken out of the arguments again.
    """

    def __init__(self, host: str, tools: Sequence[Tool], *, has_wedges: bool = False) -> None:
        self._host, self._has_wedges = host, has_wedges
        self._names = {tool.name for tool in tools}
        self._heard: list[_Heard] = []
        self._at: dict[int, _Heard] = {}
        self._last: _Heard | None = None

    def __bool__(self) -> bool:
        return bool(self._heard)

    def take(self, value: object, *, are_whole: bool = False) -> int:
        """`tool_calls` of a delta, a message or a line; how many letters they had that are new. Raises BadAnswer.

        `are_whole`: each is a call of its own (Ollama); otherwise pieces are put together by their index, or, without one, by their names.
        """
        if not isinstance(value, list) or not all(isinstance(one, dict) for one in value):
            raise other_kind(self._host)
        return sum(self._piece(one, are_whole) for one in value)

    def _piece(self, one: dict[str, Any], is_whole: bool) -> int:
        function = object_in(one, "function", self._host)
        name, id, given = text_in(function, "name", self._host), text_in(one, "id", self._host), function.get("arguments")
        if isinstance(given, dict):
            given = _as_json(given, self._host)
        if not isinstance(given, str | None):
            raise other_kind(self._host)
        heard = self._place(one.get("index"), name, id, is_whole)
        new = "" if name == heard.name else name  # some servers say the whole name in every piece, some a piece of the name
        heard.name += new
        heard.id = heard.id or id
        if given:
            heard.arguments.append(given)
        return len(new) + len(given or "")

    def _place(self, index: object, name: str, id: str, is_whole: bool) -> _Heard:
        """The call that a piece belongs to."""
        if index is not None and (not isinstance(index, int) or isinstance(index, bool)):
            raise other_kind(self._host)
        known = None if is_whole else self._last if index is None else self._at.get(index)
        if known is not None and name and known.name:
            other_id = bool(id) and bool(known.id) and id != known.id  # servers that number every call 0
            if other_id or (index is None and not (id and id == known.id)):
                known = None
        if known is None:
            if len(self._heard) >= MOST_TOOLS:
                raise BadAnswer(self._host, mark("It wants to call far too many tools at once."))
            known = _Heard()
            self._heard.append(known)
        if index is not None:
            self._at[index] = known
        self._last = known
        return known

    def end(self) -> tuple[tuple[ToolCall, ...], str]:
        """(the calls, and no text), or (no calls, and what was meant as some): the reply is at its end."""
        calls = [self._call(heard) for heard in self._heard]
        if not all(calls):
            return (), whole_letters("\n".join(heard.as_text() for heard in self._heard))
        made, ids = [], set[str]()
        for call in calls:
            assert call is not None
            made.append(call if call.id and call.id not in ids else replace(call, id=new_id()))
            ids.add(made[-1].id)
        return tuple(made), ""

    def strangers(self) -> list[str]:
        """Names that were called and nobody offered."""
        return [one_line(whole_letters(heard.name)) for heard in self._heard if heard.name and heard.name not in self._names]

    def _call(self, heard: _Heard) -> ToolCall | None:
        written = heard.written.strip() or "{}"
        if heard.name not in self._names or not is_object(written):
            return None
        arguments = whole_letters(json.dumps(json.loads(written), ensure_ascii=False))
        if self._has_wedges:
            arguments = arguments.replace(WEDGE, "")
        return ToolCall(heard.name, arguments, whole_letters(heard.id) if len(heard.id) <= _MOST_ID_CHARS else "")


def _as_json(value: dict[str, Any], host: str) -> str:
    try:
        return json.dumps(value, ensure_ascii=False)
    except RecursionError as error:
        raise other_kind(host) from error
