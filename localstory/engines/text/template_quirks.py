"""What a chat template can and cannot do, found by trying it on small conversations; and conversations made to fit it. Pure but for rendering.

The names of what is tried are those that llama.cpp's own templates code looks for (system role, tools, tool results, typed content).
"""

from __future__ import annotations

import json
import string
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from hashlib import sha256
from typing import Any

from localstory.engines.text.foreign import Foreign
from localstory.engines.text.template import Marked, Template, TemplateFailed, knows_thinking_switch, marked_messages

Messages = list[dict[str, Any]]

_SYSTEM, _USER, _REPLY, _SECOND, _THIRD = "qsystemq", "quserq", "qreplyq", "qsecondq", "qthirdq"
_TOOL, _RESULT, _ARGUMENT = "qtoolq", "qresultq", "qargumentq"
_PROBE_TOOL = {
    "type": "function",
    "function": {
        "name": _TOOL,
        "description": "d",
        "parameters": {"type": "object", "properties": {_ARGUMENT: {"type": "string", "description": "d"}}, "required": [_ARGUMENT]},
    },
}
_CALL_ID, _LONG_ID = "qcallid9q", "call_qlongidq_0123456789"
"""Nine letters and digits, since Mistral's templates refuse others; and one as OpenAI's interface gives them."""
START_OF_CHAT = "[Start a new chat]"
"""What stands for the person's first turn where a conversation begins with the assistant and the template refuses that."""


@dataclass(frozen=True, slots=True)
class Abilities:
    """What the template has a place for."""

    system: bool = True
    late_system: bool = True
    """A system message between the turns (an author's note)."""
    any_order: bool = True
    """Two turns of the same role behind each other."""
    assistant_first: bool = True
    typed_content: bool = False
    """It wants `[{"type": "text", "text": …}]` where others take a text."""
    tools: bool = False
    tool_calls: bool = False
    """The assistant's earlier calls."""
    tool_results: bool = False
    short_ids: bool = False
    """It takes a call's id only as nine letters and digits."""
    arguments_as_text: bool = False
    """It puts a call's arguments out as they are, so they must be a text, not an object."""
    generation_prompt: str = ""
    """How the assistant's turn begins, where the template ignores `add_generation_prompt`."""
    thinking_switch: bool = False

    def as_facts(self) -> dict[str, Any]:
        """For `EngineFacts.details`."""
        return asdict(self)


def _message(role: str, text: str, typed: bool = False, **more: Any) -> dict[str, Any]:
    return {"role": role, "content": [{"type": "text", "text": text}] if typed else text, **more}


class _Probe:
    def __init__(self, template: Template) -> None:
        self._template = template
        self.typed = False

    def text(self, *turns: tuple[str, str], tools: Sequence[Mapping[str, Any]] = (), more: Messages | None = None, begin: bool = True) -> str | None:
        messages = [_message(role, text, self.typed) for role, text in turns] + (more or [])
        try:
            return self._template.render(messages, tools=tools, add_generation_prompt=begin, seconds=1.0).text
        except TemplateFailed:
            return None

    def holds(self, *turns: tuple[str, str]) -> bool:
        """Whether all of it comes out, once each."""
        text = self.text(*turns)
        return text is not None and all(text.count(said) == 1 for _role, said in turns)


def abilities_of(template: Template) -> Abilities:
    """Try the template. Raises TemplateFailed when it can't even put one question."""
    probe = _Probe(template)
    simple = template.render([_message("user", _USER)], seconds=1.0).text if _typed_only(template) is None else ""
    if _USER not in simple:
        probe.typed = True
        if not probe.holds(("user", _USER)):
            raise TemplateFailed("the template leaves out the question")
        simple = probe.text(("user", _USER)) or ""
    system = probe.holds(("system", _SYSTEM), ("user", _USER))
    first = [("system", _SYSTEM)] if system else []
    call = {"id": _CALL_ID, "type": "function", "function": {"name": _TOOL, "arguments": {_ARGUMENT: _THIRD}}}
    as_text = {**call, "function": {"name": _TOOL, "arguments": json.dumps({_ARGUMENT: _THIRD})}}
    asked: list[tuple[str, str]] = [("user", _USER)]
    with_object = probe.text(*asked, more=[{"role": "assistant", "content": "", "tool_calls": [call]}], begin=False) or ""
    with_text = probe.text(*asked, more=[{"role": "assistant", "content": "", "tool_calls": [as_text]}], begin=False) or ""
    object_is_json = _TOOL in with_object and (f'"{_ARGUMENT}"' in with_object or f"={_ARGUMENT}>" in with_object or f"<arg_key>{_ARGUMENT}<" in with_object)
    text_is_json = _TOOL in with_text and f'"{_ARGUMENT}"' in with_text
    arguments_as_text = text_is_json and not object_is_json
    tool_calls = object_is_json or text_is_json
    made = as_text if arguments_as_text else call
    answer: Messages = [
        {"role": "assistant", "content": "", **({"tool_calls": [made]} if tool_calls else {})},
        {"role": "tool", "content": _RESULT, "tool_call_id": _CALL_ID, "name": _TOOL},
    ]
    long_answer: Messages = [
        {"role": "assistant", "content": "", "tool_calls": [{**made, "id": _LONG_ID}]},
        {"role": "tool", "content": _RESULT, "tool_call_id": _LONG_ID, "name": _TOOL},
    ]
    with_result = probe.text(*asked, tools=[_PROBE_TOOL], more=answer) or probe.text(*asked, more=answer) or ""
    return Abilities(
        system=system,
        late_system=system and probe.holds(*first, ("user", _USER), ("assistant", _REPLY), ("system", _SECOND), ("user", _THIRD)),
        any_order=probe.holds(("user", _USER), ("user", _SECOND), ("assistant", _REPLY), ("assistant", _THIRD)),
        assistant_first=probe.holds(("assistant", _REPLY), ("user", _USER)),
        typed_content=probe.typed,
        tools=_TOOL in (probe.text(*asked, tools=[_PROBE_TOOL]) or ""),
        tool_calls=tool_calls,
        tool_results=_RESULT in with_result,
        short_ids=tool_calls and _RESULT in with_result and _RESULT not in (probe.text(*asked, tools=[_PROBE_TOOL], more=long_answer) or ""),
        arguments_as_text=arguments_as_text,
        generation_prompt=_missing_begin(probe, simple),
        thinking_switch=knows_thinking_switch(template.text),
    )


def _typed_only(template: Template) -> TemplateFailed | None:
    try:
        template.render([_message("user", _USER)], seconds=1.0)
    except TemplateFailed as failure:
        try:
            template.render([_message("user", _USER, True)], seconds=1.0)
        except TemplateFailed:
            raise failure from None
        return failure
    return None


def _missing_begin(probe: _Probe, with_begin: str) -> str:
    """What the template writes before the assistant's words, when it does not write it for `add_generation_prompt`."""
    without = probe.text(("user", _USER), begin=False)
    answered = probe.text(("user", _USER), ("assistant", _REPLY), begin=False)
    if without != with_begin or answered is None or not answered.startswith(with_begin) or _REPLY not in answered:
        return ""
    # A space before the reply (Llama 2, Mistral) is a part of its first word; alone it would be a token that the model never saw there.
    return answered[len(with_begin) : answered.index(_REPLY)].rstrip(" ")


# -- conversations made to fit ----------------------------------------------------------------------------------------------


def fitted(messages: Sequence[Mapping[str, Any]], can: Abilities, *, ends_in_reply: bool) -> tuple[Messages, list[str]]:
    """The conversation as this template can take it, and what was changed (codes for `Reply.made_with`)."""
    changed: list[str] = []
    kept = [dict(message) for message in messages]
    last = [kept.pop()] if ends_in_reply else []
    if not (can.tool_calls and can.tool_results) and any(message.get("tool_calls") or message["role"] == "tool" for message in kept):
        kept = _tools_in_words(kept)
        changed.append("tool_messages_in_words")
    elif can.short_ids and (renamed := _with_short_ids(kept)) != kept:
        kept = renamed
        changed.append("tool_ids_shortened")
    at = next((number for number, message in enumerate(kept) if message["role"] != "system"), len(kept))
    begins = kept[at]["role"] if at < len(kept) else "assistant" if last and (can.system or not kept) else "user"
    if not can.assistant_first and begins == "assistant":
        # Before the system message finds its turn: it belongs to the beginning, before the assistant's greeting.
        kept.insert(at, {"role": "user", "content": START_OF_CHAT})
        changed.append("turn_added_at_start")
    if not can.system and any(message["role"] == "system" for message in kept):
        kept = _system_in_turns(kept, keep_first=False)
        changed.append("system_in_first_turn")
    elif not can.late_system and any(message["role"] == "system" for message in kept[1:]):
        kept = _system_in_turns(kept, keep_first=True)
        changed.append("late_system_in_turn")
    if not can.any_order:
        merged = _merged(kept)
        if len(merged) < len(kept):
            kept = merged
            changed.append("turns_merged")
        if last and kept and kept[-1]["role"] == "assistant":
            last[0]["content"] = f"{kept.pop()['content']}\n\n{last[0]['content']}"
            changed.append("turns_merged")
    return kept + last, list(dict.fromkeys(changed))


def _system_in_turns(messages: Messages, *, keep_first: bool) -> Messages:
    """Each system message at the head of the next turn of the person; at the end, a turn of its own."""
    made: Messages = []
    waiting: list[str] = []
    for number, message in enumerate(messages):
        if message["role"] == "system" and not (keep_first and number == 0):
            waiting.append(str(message["content"]))
        elif message["role"] == "user" and waiting:
            made.append({**message, "content": "\n\n".join([*waiting, str(message["content"])])})
            waiting = []
        else:
            made.append(message)
    return made + ([{"role": "user", "content": "\n\n".join(waiting)}] if waiting else [])


def _with_short_ids(messages: Messages) -> Messages:
    """The same calls and answers under ids of nine letters and digits. The same id becomes the same each time, so that the cache still fits.

    An answer without an id belongs to the first call that has none yet.
    """
    made: Messages = []
    waiting: list[str] = []
    for number, message in enumerate(messages):
        if message.get("tool_calls"):
            calls = [{**call, "id": _short_id(str(call.get("id") or f"{number}.{at}"))} for at, call in enumerate(message["tool_calls"])]
            waiting += [call["id"] for call in calls]
            message = {**message, "tool_calls": calls}
        elif message["role"] == "tool":
            given = str(message.get("tool_call_id") or "")
            short = _short_id(given) if given else next(iter(waiting), _short_id(str(number)))
            if short in waiting:
                waiting.remove(short)
            message = {**message, "tool_call_id": short}
        made.append(message)
    return made


def _short_id(given: str) -> str:
    if len(given) == len(_CALL_ID) and given.isascii() and given.isalnum():
        return given
    value, letters = int.from_bytes(sha256(given.encode("utf-8", "replace")).digest()), string.ascii_letters + string.digits
    return "".join(letters[value // len(letters) ** at % len(letters)] for at in range(len(_CALL_ID)))


def _merged(messages: Messages) -> Messages:
    made: Messages = []
    for message in messages:
        before = made[-1] if made else None
        if before is not None and before["role"] == message["role"] and message["role"] != "tool" and not before.get("tool_calls"):
            texts = [str(one["content"]) for one in (before, message) if one["content"]]
            made[-1] = {**message, "content": "\n\n".join(texts)}
        else:
            made.append(message)
    return made


def _tools_in_words(messages: Messages) -> Messages:
    """Calls and results as the words of the assistant and the person, for templates without a place for them."""
    made: Messages = []
    for message in messages:
        if message["role"] == "tool":
            made.append({"role": "user", "content": f"Result of {message.get('name') or 'the function'}: {message['content']}"})
        elif message.get("tool_calls"):
            calls = [json.dumps({"name": call["name"], "arguments": call["arguments"]}, ensure_ascii=False) for call in message["tool_calls"]]
            made.append({"role": "assistant", "content": "\n".join([*([message["content"]] if message["content"] else []), *calls])})
        else:
            made.append(message)
    return _merged(made)


def rendered(
    template: Template,
    can: Abilities,
    messages: Sequence[Mapping[str, Any]],
    *,
    ends_in_reply: bool = False,
    tools: Sequence[Mapping[str, Any]] = (),
    extra: Mapping[str, object] | None = None,
) -> Marked:
    """A fitted conversation through its template. Raises TemplateFailed, also where the template leaves out the question."""
    marked = marked_messages(messages, ends_in_reply=ends_in_reply)
    for message in marked:
        if can.arguments_as_text:
            for call in message.get("tool_calls", ()):
                call["function"]["arguments"] = Foreign(json.dumps(call["function"]["arguments"], ensure_ascii=False))
        if can.typed_content:
            message["content"] = [{"type": "text", "text": message["content"]}]
    made = template.render(marked, tools=tools, extra=extra)
    if can.generation_prompt and not ends_in_reply:
        made += Marked.of(can.generation_prompt)
    return made
