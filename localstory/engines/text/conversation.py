"""Messages and tools of a request on their way to the child, and what the child found about the template, on its way back. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from typing import Any

from localstory.engines.base import Message, TextRequest, Tool, ToolCall, Warned
from localstory.errors import BadRequest
from localstory.words import mark

MOST_TOOLS = 128
_NAME = re.compile(r"[A-Za-z0-9_.-]{1,64}")
_MOST_SCHEMA_CHARS = 256 * 1024
_MOST_LEVELS = 64
"""Of objects and lists inside each other: what reads or writes them later goes down a level at a time."""


class ToolsNotKnown(BadRequest):
    """Tools were offered to a model whose chat template has no place for them; nothing was evaluated."""

    code = "not_offered"

    def __init__(self, model: str) -> None:
        super().__init__(
            title=mark("“{model}” was not taught to use tools"),
            detail=mark("Its chat template has no place for them."),
            hint=mark("Choose a model that knows tools, or demand a call (tool_choice “required”): then a grammar holds it to the form."),
            model=model,
        )


def check_tools(request: TextRequest) -> None:
    """Refuse tools that make no sense. Raises BadRequest."""
    for message in request.messages:
        for call in message.tool_calls:
            if not is_object(call.arguments):
                raise _bad(mark("The arguments of a call must be a JSON object: {name}."), name=call.name)
    if not request.tools:
        if request.tool_choice not in ("auto", "none"):
            raise _bad(mark("There are no tools to choose from."))
        return
    names = [tool.name for tool in request.tools]
    if len(names) > MOST_TOOLS:
        raise _bad(mark("At most {most} tools can be offered."), most=MOST_TOOLS)
    for tool in request.tools:
        if not _NAME.fullmatch(tool.name) or tool.name in ("auto", "none", "required"):
            raise _bad(mark("A tool's name has 1 to 64 letters of a-z, digits, “_”, “.” and “-”: {name}."), name=tool.name[:80])
        if len(tool.parameters) > _MOST_SCHEMA_CHARS or not is_object(tool.parameters or "{}"):
            raise _bad(mark("The arguments of {name} are not described by a JSON schema."), name=tool.name)
    if len(set(names)) < len(names):
        raise _bad(mark("Two tools have the same name."))
    if request.tool_choice not in ("auto", "none", "required", *names):
        raise _bad(mark("There is no tool “{name}” among the tools."), name=request.tool_choice[:80])
    if request.prompt is not None:
        raise _bad(mark("Tools need messages, not a page to go on with."))
    if request.tool_choice in ("required", *names) and (request.grammar or request.json_schema or request.prefill or request.continue_last):
        raise _bad(mark("A reply that must be a call can't have another form or beginning."))


def _bad(detail: str, **values: object) -> BadRequest:
    return BadRequest(title=mark("These tools can't be offered"), detail=detail, hint="", **values)


def is_object(text: str) -> bool:
    """Whether this is a JSON object of no more levels than anybody needs: what tools are described and called with.

    NaN and numbers beyond all floats are none: nobody could send them on.
    """
    try:
        value = json.loads(text)
        json.dumps(value, allow_nan=False)
    except (ValueError, RecursionError):
        return False
    return isinstance(value, dict) and _levels(text) <= _MOST_LEVELS


def _levels(text: str) -> int:
    """How deep the objects and lists in this JSON stand inside each other."""
    level = most = 0
    for bracket in re.findall(r"[\[\]{}]", re.sub(r'"(?:[^"\\]|\\.)*"', "", text)):
        level += 1 if bracket in "[{" else -1
        most = max(most, level)
    return most


def message_args(messages: Sequence[Message]) -> list[dict[str, Any]]:
    """Messages as the child and its templates take them."""
    made = []
    for message in messages:
        one: dict[str, Any] = {"role": message.role, "content": message.text}
        if message.tool_calls:
            one["tool_calls"] = [asdict(call) for call in message.tool_calls]
        if message.tool_call_id:
            one["tool_call_id"] = message.tool_call_id
        made.append(one)
    return made


def tool_args(tools: Sequence[Tool], choice: str) -> dict[str, Any]:
    """The child's arguments about tools; none where there are none."""
    return {"tools": [asdict(tool) for tool in tools], "tool_choice": choice} if tools else {}


def calls_in(result: dict[str, Any]) -> tuple[ToolCall, ...]:
    """The calls in a reply of the child."""
    return tuple(ToolCall(str(one["name"]), str(one["arguments"]), str(one["id"])) for one in result.get("tool_calls") or ())


_NOTICES = {
    "draft_failed": mark("The draft model failed, so the rest of this reply was written without it."),
    "no_guesses": mark("Next words are not guessed without flash attention: the text must not depend on it."),
    "no_template": mark("This model brings no chat template: it is spoken to in the format “{format}”."),
    "template_failed": mark("The model's own chat template can't be used ({reason}): it is spoken to in the format “{format}”."),
    "no_thinking_switch": mark("This model can't be told whether to think first: its chat template has no switch for it."),
    "schema_not_held": mark("Not everything in the schema can be held while the reply is written, so check it: {keywords}."),
}


def warnings_of(notices: Iterable[Sequence[Any]], has_thoughts: bool = False) -> tuple[Warned, ...]:
    """What the child noticed, for people. `has_thoughts`: the reply came with some; who asked for what came anyway needs no warning."""
    asked_and_came = ("no_thinking_switch", "yes" if has_thoughts else "no")
    return tuple(Warned(_NOTICES[code], dict(values)) for code, values in notices if code in _NOTICES and (code, values.get("asked")) != asked_and_came)
