"""Chat templates: a conversation becomes the text a model was trained on, each letter with its origin. Used in the child.

What people wrote is rendered as it is, and stays known as theirs (`foreign`): the template's own letters may become control
tokens, theirs may not (`special_tokens`).
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import jinja2
import jinja2.meta

from localstory.engines.text.foreign import LAST, QUESTION, SCAFFOLD, SYSTEM, WRITTEN, Foreign, origins_of, plain
from localstory.engines.text.sandbox import TEMPLATE_LIMIT_CHARS, TIME_LIMIT_SECONDS, Sandbox, TemplateFailed

__all__ = ["Marked", "Part", "Template", "TemplateFailed", "knows_thinking_switch", "marked_messages", "tool_values"]

_sandbox = Sandbox()


@dataclass(frozen=True, slots=True)
class Part:
    """A run of text of one origin (see `foreign`)."""

    text: str
    origin: int

    @property
    def scaffold(self) -> bool:
        """Whether it is the template's own."""
        return self.origin == SCAFFOLD


@dataclass(frozen=True, slots=True)
class Marked:
    """A text and, one byte a letter, where it came from."""

    text: str
    origins: bytes

    @staticmethod
    def of(text: str, origin: int | None = None) -> Marked:
        """A plain or a Foreign string; `origin` for all of it where given."""
        return Marked(plain(text), origins_of(text) if origin is None else bytes((origin,)) * len(text))

    def __add__(self, other: Marked) -> Marked:
        return Marked(self.text + other.text, self.origins + other.origins)

    def upto(self, end: int) -> Marked:
        """The first `end` letters."""
        return Marked(self.text[:end], self.origins[:end])

    @property
    def tail(self) -> str:
        """The template's own letters at the end."""
        return self.text[len(self.origins.rstrip(b"\0")) :]

    @property
    def parts(self) -> list[Part]:
        """The text in runs of one origin."""
        found, at = [], 0
        for origin, letters in groupby(self.origins):
            length = sum(1 for _letter in letters)
            found.append(Part(self.text[at : at + length], origin))
            at += length
        return found


def marked_messages(messages: Sequence[Mapping[str, Any]], *, ends_in_reply: bool = False) -> list[dict[str, Any]]:
    """Messages (role, content, tool_calls, tool_call_id, name) for a template, all that people wrote marked as theirs.

    With `ends_in_reply` the last one is the assistant's and goes on. A tool call's `arguments` may be an object or a text.
    """
    last_user = max((number for number, message in enumerate(messages) if message["role"] == "user"), default=-1)
    marked = []
    for number, message in enumerate(messages):
        origin = SYSTEM if message["role"] == "system" else QUESTION if number == last_user else WRITTEN
        if ends_in_reply and number == len(messages) - 1:
            origin = LAST
        one: dict[str, Any] = {"role": str(message["role"]), "content": Foreign(str(message.get("content") or ""), origin)}
        if message.get("tool_calls"):
            one["tool_calls"] = [
                {
                    "id": Foreign(call.get("id", "")),
                    "type": "function",
                    "function": {"name": Foreign(call["name"]), "arguments": foreign_value(call["arguments"])},
                }
                for call in message["tool_calls"]
            ]
        for name in ("tool_call_id", "name"):
            if message.get(name):
                one[name] = Foreign(str(message[name]))
        marked.append(one)
    return marked


def foreign_value(value: Any) -> Any:
    """The same value of JSON, every string in it marked as written by somebody, names too."""
    match value:
        case str():
            return Foreign(value)
        case Mapping():
            return {Foreign(str(key)): foreign_value(one) for key, one in value.items()}
        case list() | tuple():
            return [foreign_value(one) for one in value]
        case _:
            return value


def tool_values(tools: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Tools (name, description, parameters: a JSON schema as text) as templates expect them. Raises ValueError for a schema that is no object."""
    made = []
    for tool in tools:
        schema = json.loads(tool["parameters"] or "{}")
        if not isinstance(schema, dict):
            raise ValueError(f"{tool['name']}: the schema of its arguments must be an object")
        function = {
            "name": Foreign(tool["name"]),
            "description": Foreign(tool.get("description") or ""),
            "parameters": foreign_value({"type": "object", "properties": {}} | schema),
        }
        made.append({"type": "function", "function": function})
    return made


class Template:
    """One chat template with the model's own begin and end of text."""

    def __init__(self, text: str, *, bos: str = "", eos: str = "") -> None:
        self.text = text
        self._bos, self._eos = bos, eos

    def render(
        self,
        messages: Sequence[Mapping[str, Any]],
        *,
        tools: Sequence[Mapping[str, Any]] = (),
        extra: Mapping[str, object] | None = None,
        add_generation_prompt: bool = True,
        seconds: float = TIME_LIMIT_SECONDS,
    ) -> Marked:
        """The conversation (`marked_messages`) as text, ending where the assistant begins to speak. Raises TemplateFailed."""
        values = {
            **(extra or {}),
            "messages": list(messages),
            "add_generation_prompt": add_generation_prompt,
            "bos_token": self._bos,
            "eos_token": self._eos,
            "tools": list(tools) or None,
            "documents": None,
            "builtin_tools": None,
        }
        size = sum(_size(message) for message in messages) + sum(_size(tool) for tool in tools)
        return Marked.of(_sandbox.run(self.text, values, written_chars=size, seconds=seconds))


def _size(value: Any) -> int:
    match value:
        case str():
            return len(value)
        case Mapping():
            return sum(_size(key) + _size(one) for key, one in value.items())
        case list() | tuple():
            return sum(_size(one) for one in value)
        case _:
            return 8


def knows_thinking_switch(template: str) -> bool:
    """Whether the template asks `enable_thinking`, or `thinking` as DeepSeek-V3.1 and Granite call it."""
    if len(template) > TEMPLATE_LIMIT_CHARS or "thinking" not in template:
        return False
    try:
        names = jinja2.meta.find_undeclared_variables(_sandbox.parse(template))
    except (jinja2.TemplateError, RecursionError, ValueError):
        return False
    return not names.isdisjoint({"enable_thinking", "thinking"})
