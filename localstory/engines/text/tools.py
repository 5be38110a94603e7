"""Calls of tools in the words of each family of models: how they look in a reply, and how one is forced by a grammar. Pure.

Written from the formats that the models' makers publish. To add one: a line in `FORMATS` with a function that reads its body.
"""

from __future__ import annotations

import json
import re
import secrets
import string
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from localstory.engines.base import Tool, ToolCall

_MOST_CALL_CHARS = 1 << 20
_DECODER = json.JSONDecoder()


@dataclass(frozen=True, slots=True)
class ToolFormat:
    """How a model writes calls."""

    name: str
    knows: Callable[[str], bool]
    """Whether a chat template speaks this format."""
    marks: tuple[str, ...]
    """Texts at which calls begin; () for replies that are JSON from their first letter."""
    read: Callable[[str], list[ToolCall] | None]
    """The calls in the text from the mark on (the mark included); None for what is none."""
    force: str
    """What stands before a forced call's JSON: the template's own letters."""
    arguments: str = "arguments"
    """The JSON member that holds them."""
    called: str = "name"
    in_list: bool = False
    words: str = ""
    """What stands before ordinary words, where they are marked, too (Functionary: `>>>all`)."""


def new_id() -> str:
    """Nine letters and digits: what Mistral's templates ask for, and fine for all others."""
    return "".join(secrets.choice(string.ascii_letters + string.digits) for _letter in range(9))


def call_from(value: Any) -> ToolCall | None:
    """A call as JSON in one of its spellings; None for what is none."""
    if not isinstance(value, dict):
        return None
    if isinstance(value.get("function"), dict):
        value = value["function"]
    name = next((value[key] for key in ("name", "tool_name", "function") if isinstance(value.get(key), str)), None)
    given: Any = next((value[key] for key in ("arguments", "parameters", "args") if key in value), {})
    if isinstance(given, str):
        try:
            given = json.loads(given)
        except (ValueError, RecursionError):
            return None
    if not name or not isinstance(given, dict):
        return None
    try:
        return ToolCall(name, json.dumps(given, ensure_ascii=False, allow_nan=False), new_id())
    except ValueError:  # NaN, or a number beyond all floats: no JSON
        return None


def _json_values(text: str) -> list[Any]:
    """The JSON values that stand behind each other in a text, up to the first thing that is none."""
    values: list[Any] = []
    at = 0
    while True:
        at += len(text[at:]) - len(text[at:].lstrip(" \t\r\n;,"))
        if at >= len(text) or text[at] not in "{[":
            return values
        try:
            value, at = _DECODER.raw_decode(text, at)
        except (ValueError, RecursionError):
            return values
        values.append(value)


def _calls(values: Sequence[Any]) -> list[ToolCall] | None:
    flat = [one for value in values for one in (value if isinstance(value, list) else [value])]
    calls = [call_from(one) for one in flat]
    return [call for call in calls if call is not None] if calls and all(calls) else None


def _each(pattern: str, read: Callable[[re.Match[str]], ToolCall | None]) -> Callable[[str], list[ToolCall] | None]:
    regex = re.compile(pattern, re.DOTALL)

    def calls(text: str) -> list[ToolCall] | None:
        found = [read(match) for match in regex.finditer(text)]
        return [call for call in found if call is not None] if found and all(found) else None

    return calls


def _body_json(match: re.Match[str]) -> ToolCall | None:
    calls = _calls(_json_values(match[1]))
    return calls[0] if calls else None


def _named(match: re.Match[str]) -> ToolCall | None:
    values = _json_values(match[2])
    return call_from({"name": match[1].strip(), "arguments": values[0]}) if values and match[1].strip() else None


def _value(text: str) -> Any:
    """A parameter in XML: JSON where it is some, else the text."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text


def _xml(pattern: str) -> Callable[[re.Match[str]], ToolCall | None]:
    regex = re.compile(pattern, re.DOTALL)

    def read(match: re.Match[str]) -> ToolCall | None:
        return call_from({"name": match[1].strip(), "arguments": {one[1].strip(): _value(one[2]) for one in regex.finditer(match[2])}})

    return read


def _after(*marks: str) -> Callable[[str], list[ToolCall] | None]:
    def calls(text: str) -> list[ToolCall] | None:
        for mark in marks:
            text = text.replace(mark, "", 1) if text.startswith(mark) else text
        return _calls(_json_values(text))

    return calls


def _mistral(text: str) -> list[ToolCall] | None:
    if "[ARGS]" in text or not text.removeprefix("[TOOL_CALLS]").lstrip().startswith(("[", "{")):
        return _each(r"\[TOOL_CALLS\]\s*([\w.-]+)(?:\[CALL_ID\]\w+)?(?:\[ARGS\])?\s*(\{.*?\})\s*(?=\[TOOL_CALLS\]|$)", _named)(text)
    return _after("[TOOL_CALLS]")(text)


_DEEPSEEK_BEGIN, _DEEPSEEK_CALL = "<｜tool▁calls▁begin｜>", "<｜tool▁call▁begin｜>"


def _deepseek(text: str) -> list[ToolCall] | None:
    older = _each(r"<｜tool▁call▁begin｜>function<｜tool▁sep｜>([^\n]+)\n```json\n(.*?)\n?```", _named)(text)
    return older or _each(r"<｜tool▁call▁begin｜>([^<]+?)<｜tool▁sep｜>(.*?)(?:<｜tool▁call▁end｜>|$)", _named)(text)


FORMATS: tuple[ToolFormat, ...] = (
    ToolFormat("deepseek", lambda text: _DEEPSEEK_CALL in text, (_DEEPSEEK_BEGIN, _DEEPSEEK_CALL), _deepseek, ""),
    ToolFormat(
        "qwen3_coder",
        lambda text: "<tool_call>" in text and "<function=" in text,
        ("<tool_call>", "<function="),
        _each(r"<function=([^>\n]+)>(.*?)</function>", _xml(r"<parameter=([^>\n]+)>\n?(.*?)\n?</parameter>")),
        "<tool_call>\n",
    ),
    ToolFormat(
        "glm4",
        lambda text: "<arg_key>" in text,
        ("<tool_call>",),
        _each(r"<tool_call>\s*([^<\n]+)(.*?)</tool_call>", _xml(r"<arg_key>(.*?)</arg_key>\s*<arg_value>(.*?)</arg_value>")),
        "<tool_call>",
    ),
    ToolFormat(
        "hermes", lambda text: "<tool_call>" in text, ("<tool_call>",), _each(r"<tool_call>\s*(.*?)\s*(?:</tool_call>|$)", _body_json), "<tool_call>\n"
    ),
    ToolFormat("mistral", lambda text: "[TOOL_CALLS]" in text, ("[TOOL_CALLS]",), _mistral, "[TOOL_CALLS]", in_list=True),
    ToolFormat("granite", lambda text: "<|tool_call|>" in text, ("<|tool_call|>", "<tool_call>"), _after("<|tool_call|>", "<tool_call>"), "<|tool_call|>",
        in_list=True),
    ToolFormat("command_r7b", lambda text: "<|START_ACTION|>" in text, ("<|START_ACTION|>",), _after("<|START_ACTION|>"), "<|START_ACTION|>",
        arguments="parameters", called="tool_name", in_list=True),
    ToolFormat("command_r", lambda text: "Action:" in text and "tool_name" in text, ("Action: ```json", "Action:```json"),
        _after("Action: ```json", "Action:```json"), "Action: ```json\n", arguments="parameters", called="tool_name", in_list=True),
    ToolFormat("functionary", lambda text: ">>>all" in text or ">>>" in text and "recipient" in text, (">>>",),
        _each(r">>>(?!all\b)([\w.-]+)\n(.*?)(?=>>>|$)", _named), "", words=">>>all\n"),
    ToolFormat("llama3_function", lambda text: "<function=" in text, ("<function=",), _each(r"<function=([^>\n]+)>(.*?)(?:</function>|$)", _named), ""),
    ToolFormat("llama3", lambda text: "<|python_tag|>" in text or "Environment: ipython" in text, ("<|python_tag|>",), _after("<|python_tag|>"), "",
        arguments="parameters"),
)  # fmt: skip
GENERIC = ToolFormat("generic", lambda _text: True, (), _after(""), "")
"""A reply that is a JSON object with `name` and `arguments`: read where a template names tools in a way we don't know, and forced where it
names none."""


def format_of(template: str) -> ToolFormat:
    """How a model with this chat template writes calls."""
    return next((one for one in FORMATS if one.knows(template)), GENERIC)


def may_begin_as_json(form: ToolFormat) -> bool:
    """Whether a whole reply that is JSON may be a call, without any mark."""
    return form.name in ("llama3", "generic")


def asked_in_words(tools: Sequence[Tool]) -> str:
    """For a forced call where the template has no place for tools: what there is, as words for a system message."""
    listed = "\n".join(
        json.dumps({"name": one.name, "description": one.description, "parameters": json.loads(one.parameters or "{}")}, ensure_ascii=False) for one in tools
    )
    return f'You can call these functions:\n{listed}\nAnswer with one call, as JSON: {{"name": "…", "arguments": {{…}}}}'


def forced_schema(form: ToolFormat, tools: Sequence[Tool]) -> str:
    """The JSON schema of one call of one of these tools, in the form the model knows."""
    calls, definitions = [], {}
    for number, tool in enumerate(tools):
        schema = {"type": "object", "properties": {}} | json.loads(tool.parameters or "{}")
        definitions[f"tool{number}"] = _moved(schema, f"#/$defs/tool{number}")
        members = {form.called: {"const": tool.name}, form.arguments: {"$ref": f"#/$defs/tool{number}"}}
        calls.append({"type": "object", "properties": members, "required": list(members), "additionalProperties": False})
    one = calls[0] if len(calls) == 1 else {"anyOf": calls}
    whole = {"type": "array", "items": one, "minItems": 1, "maxItems": 1} if form.in_list else one
    return json.dumps({**whole, "$defs": definitions})


def _moved(schema: Any, to: str) -> Any:
    """The schema with its references as they are when it stands at `to`."""
    match schema:
        case Mapping():
            return {key: to + one[1:] if key == "$ref" and isinstance(one, str) and one.startswith("#") else _moved(one, to) for key, one in schema.items()}
        case list():
            return [_moved(one, to) for one in schema]
        case _:
            return schema


class ToolReader:
    """Takes the answer's words as they come, hands on those that are words, and keeps back what is or may become a call."""

    def __init__(self, form: ToolFormat, tools: Sequence[str], *, forced: bool = False, before: str = "") -> None:
        """`tools`: the names that may be called. `forced`: the reply is a call from its first letter.

        `before`: the template's own letters before the reply; they may have written the mark already.
        """
        self._form = form
        self._names = set(tools)
        self._forced = forced
        self._held = next((mark for mark in form.marks if not forced and before.rstrip().endswith(mark)), "")
        self._in_call = forced
        self._json_first = may_begin_as_json(form)
        self.text = ""
        """All that was handed on."""
        self.calls: tuple[ToolCall, ...] = ()

    def feed(self, text: str) -> str:
        """The words that can be shown now."""
        self._held += text
        if self._in_call:
            return ""
        if self._json_first and not self.text.strip():
            begun = self._held.lstrip()
            if not begun:
                return ""
            if begun[0] in "{[":
                self._in_call = True
                return ""
        found = min((at for mark in self._form.marks if (at := self._held.find(mark)) >= 0), default=-1)
        if found >= 0:
            if self._form.words:
                begun = self._held[found:]
                if self._form.words.startswith(begun):
                    return ""  # may become ordinary words
                if begun.startswith(self._form.words):
                    self._held = self._held[:found] + begun[len(self._form.words) :]
                    return self.feed("")
            self._in_call = True
            return self._give(len(self._held[:found].rstrip()))
        sure = self._held[: len(self._held) - self._beginning()]
        # White space before a call is no part of the text.
        return self._give(len(sure.rstrip()))

    def _beginning(self) -> int:
        """How many letters at the end may be the beginning of a mark."""
        most = 0
        for mark in self._form.marks:
            for length in range(min(len(mark) - 1, len(self._held)), most, -1):
                if self._held.endswith(mark[:length]):
                    most = length
                    break
        return most

    def _give(self, length: int) -> str:
        given, self._held = self._held[:length], self._held[length:]
        self.text += given
        return given

    def end(self) -> str:
        """What was kept back and is no call after all: all of it, so that no word is lost."""
        if self._in_call and len(self._held) <= _MOST_CALL_CHARS:
            body = self._held.strip()
            read = _calls(_json_values(body)) if self._forced else self._form.read(body)
            if read and all(call.name in self._names for call in read):
                self.calls = tuple(read)
                self._held = ""
        return self._give(len(self._held))
