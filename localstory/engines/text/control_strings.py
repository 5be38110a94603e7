"""Texts that a server could take for a model's own marks (`<|im_end|>`, `[INST]`, `</s>`). Pure.

Our own engine never does: it knows which letters people wrote. A server gets messages as text, puts them into the model's template and
reads the whole with all its control tokens. So an invisible sign goes into what looks like one before it is sent; what is kept of the
chat stays as it was written. The same goes for tools, for what a model asked of them, and for their answers. A page
(`TextRequest.prompt`) is sent as it is, since marks may be meant there, and flagged.

The forms are those of the control tokens in the vocabularies of Llama 2 to 4, Mistral, Qwen, Phi, Gemma 2 to 4, DeepSeek, GLM, Command,
gpt-oss, Granite, SmolLM, and of the code models' fill-in-the-middle.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import replace

from localstory.engines.base import Message, TextRequest, Tool, ToolCall, Warned
from localstory.words import mark

WEDGE = "\u2060"
"""WORD JOINER: has no width, breaks no line, and is part of no control token."""
_FORMS = re.compile(
    r"""
      <\|[^<>|\s][^<>|\n]{0,63}\|>            # <|im_start|>, <|eot_id|>, <|channel|>, <|START_OF_TURN_TOKEN|>
    | <｜[^<>\n]{1,64}｜>                      # <｜User｜>, <｜end▁of▁sentence｜>
    | <\|[a-z_]{1,32}>|<[a-z_]{1,32}\|>       # <|turn>, <turn|>
    | </?(?:s|bos|eos|pad|unk|mask|sop|eop|cls|sep)>
    | </?(?:start|end)_of_(?:turn|image|text|audio|role)>
    | </?(?:think|tool_calls?|tool_response|tools|image|img|audio|video|image_soft_token|audio_soft_token)>
    | <(?:fim_prefix|fim_suffix|fim_middle|fim_pad|file_sep|repo_name|reponame|filename|gh_stars|jupyter_\w{1,24}|issue_\w{1,16}|empty_output)>
    | <(?:unused|extra_id_|reserved_|special_|custom_|SPECIAL_)_?\d{1,6}>
    | <</?SYS>>
    | \[/?(?:INST|SYSTEM_PROMPT|AVAILABLE_TOOLS|TOOL_CALLS|TOOL_RESULTS|TOOL_CONTENT|ARGS|CALL_ID|THINK|MODEL_SETTINGS|PREFIX|SUFFIX|MIDDLE
        |IMG|IMG_BREAK|IMG_END|AUDIO|BEGIN_AUDIO)\]
    | \[(?:gMASK|sMASK|MASK|CLS|SEP|PAD|UNK|BOS|EOS)\]
    """,
    re.VERBOSE,
)
_MOST_NAMED = 5


def found_in(texts: Iterable[str]) -> list[str]:
    """What looks like a control token in these texts, each once, in order."""
    return list(dict.fromkeys(found.group() for text in texts if "<" in text or "[" in text for found in _FORMS.finditer(text)))


def broken_up(text: str) -> str:
    """The text with a wedge in everything that looks like a control token. A second time changes nothing."""
    while True:
        # Again until nothing is found: what stood inside of one may be one itself.
        broken = _FORMS.sub(lambda found: found.group()[0] + WEDGE + found.group()[1:], text) if "<" in text or "[" in text else text
        if broken == text:
            return text
        text = broken


def guarded(request: TextRequest, host: str) -> tuple[TextRequest, list[Warned]]:
    """The request as it may go to a server that reads control tokens in messages, and what to tell of it."""
    if request.prompt is not None:
        found = found_in([request.prompt])
        words = mark("{host} may take these for the model's own marks: {strings}. The text was sent as it is.")
        return request, [Warned(words, {"host": host, "strings": _named(found)})] if found else []
    found = found_in(_texts_of(request))
    if not found:
        return request, []
    words = mark("{host} could take these for the model's own marks: {strings}. They went out with an invisible sign inside; the chat keeps them as written.")
    return without_marks(request), [Warned(words, {"host": host, "strings": _named(found)})]


def without_marks(request: TextRequest) -> TextRequest:
    """The same request with every message and every tool broken up."""
    messages, tools = tuple(map(broken_message, request.messages)), tuple(map(_broken_tool, request.tools))
    return replace(request, messages=messages, tools=tools, prefill=broken_up(request.prefill))


def broken_message(message: Message) -> Message:
    """The same message, broken up."""
    text, calls = broken_up(message.text), tuple(map(_broken_call, message.tool_calls))
    return message if (text, calls) == (message.text, message.tool_calls) else replace(message, text=text, tool_calls=calls)


def broken_json(text: str) -> str:
    """JSON with its texts and names broken up, and nothing else changed; what is written as `\\u003c` counts, too."""
    return broken_up(_LITERAL.sub(_broken_literal, text))


_LITERAL = re.compile(r'"(?:[^"\\]|\\.)*"', re.DOTALL)


def _literals(text: str) -> Iterator[str]:
    """The texts and names in JSON, as they are meant, and the whole as it is written."""
    yield text
    for found in _LITERAL.finditer(text) if "\\" in text else ():
        yield _meant(found.group())


def _meant(literal: str) -> str:
    try:
        return str(json.loads(literal, strict=False))
    except ValueError:
        return literal


def _broken_literal(found: re.Match[str]) -> str:
    meant = _meant(found.group())
    broken = broken_up(meant)
    return found.group() if broken == meant else json.dumps(broken, ensure_ascii=False)


def _broken_call(call: ToolCall) -> ToolCall:
    return replace(call, name=broken_up(call.name), arguments=broken_json(call.arguments))


def _broken_tool(tool: Tool) -> Tool:
    return replace(tool, description=broken_up(tool.description), parameters=broken_json(tool.parameters))


def _texts_of(request: TextRequest) -> Iterator[str]:
    """All that somebody wrote into a request with messages."""
    for message in request.messages:
        yield message.text
        for call in message.tool_calls:
            yield call.name
            yield from _literals(call.arguments)
    yield request.prefill
    for tool in request.tools if request.tool_choice != "none" else ():
        yield tool.description
        yield from _literals(tool.parameters)


def _named(found: list[str]) -> str:
    return ", ".join(found[:_MOST_NAMED]) + (" …" if len(found) > _MOST_NAMED else "")
