"""A scripted writer: ships with the program, passes the contract tests, and drives tests and demos without a model."""

from __future__ import annotations

import asyncio
import json
import re
import time
import zlib
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from localstory.engines.base import (
    Embeddings,
    EngineFacts,
    Message,
    OnProgress,
    PromptTooLong,
    Reply,
    StopReason,
    Stream,
    TextEvent,
    TextPiece,
    TextRequest,
    Timing,
    ToolCall,
    Usage,
)
from localstory.engines.text.conversation import message_args
from localstory.engines.text.embeddings import check_texts, unit
from localstory.engines.text.llama_errors import check_request
from localstory.engines.text.reasoning import THINK
from localstory.engines.text.streaming import Streamer
from localstory.engines.text.tools import call_from, new_id
from localstory.errors import CannotContinue
from localstory.events import Progress
from localstory.words import mark

Said = str | ToolCall | tuple[ToolCall, ...]
"""Words, a call of a tool, or several at once."""
Script = Said | Sequence[Said | CannotContinue] | Callable[[TextRequest], Said]

_DIMENSIONS = 64


class FakeTextEngine:
    """Says what the script says: one text always, a list one after the other (the last for ever), or what a function answers.

    An error in the list is raised instead of a reply. Tokens are words; `seconds_per_token` makes it as slow as wanted.
    A call of a tool that the request doesn't offer comes as words, as from a model. Where the request demands a call and the script has
    words, it calls the first tool that it may, with the simplest arguments that its schema allows.
    """

    def __init__(
        self,
        script: Script = "Once upon a time.",
        *,
        seconds_per_token: float = 0.0,
        context_length: int = 4096,
        parameters: int | None = None,
        name: str = "Fake",
    ) -> None:
        self._script = script
        self._seconds = seconds_per_token
        self._context_length = context_length
        self._parameters = parameters
        self._name = name
        self._turn = asyncio.Lock()
        self.requests: list[TextRequest] = []

    def describe(self) -> EngineFacts:
        return EngineFacts("fake", "1", model=self._name, context_length=self._context_length, parameters=self._parameters)

    async def reply(self, request: TextRequest) -> Stream[TextEvent]:
        check_request(request)
        async with self._turn:
            prompt_tokens = len(_tokens(request.prompt if request.prompt is not None else _page(request.messages) + _offer(request)))
            if prompt_tokens >= self._context_length:
                raise PromptTooLong(prompt_tokens, self._context_length)
            text, calls = _heard(self._next(request), request)
            began = time.perf_counter()
            yield Progress(mark("Reading the text"), prompt_tokens, prompt_tokens)
            stop_reason = "end"
            streamer = Streamer(request.stop, marks=THINK if request.prompt is None else None)
            before = request.messages[-1].text if request.continue_last else request.prefill
            for one in streamer.go_on_from(before, show=not request.continue_last) if before else ():
                yield TextPiece(one.text, one.kind)
            count = 0
            for token in _tokens(text or " ".join(call.arguments for call in calls)):
                if count >= request.max_tokens:
                    stop_reason = "length"
                    break
                await asyncio.sleep(self._seconds)
                count += 1
                if calls:
                    continue  # a call's letters are not shown
                for one in streamer.feed(token.encode("utf-8", "replace")):
                    yield TextPiece(one.text, one.kind)
                if streamer.stopped:
                    stop_reason = "stop"
                    break
            for one in () if streamer.stopped else streamer.end():
                yield TextPiece(one.text, one.kind)
            seconds = time.perf_counter() - began
            yield Reply(
                text=streamer.text,
                usage=Usage(prompt_tokens, 0, count),
                timing=Timing(0.0, 0.0, seconds, min(self._seconds, seconds), (count - 1) / seconds if count > 1 and seconds > 0 else None),
                stop_reason=_reason(stop_reason),
                tool_calls=calls if stop_reason == "end" else (),
                model=self._name,
                engine="fake",
                seed=request.sampling.seed or 0,
                mean_logprob=-1.0 if request.score else None,
                reasoning=streamer.reasoning,
            )

    async def count_tokens(self, text: str) -> int:
        return len(_tokens(text))

    async def count_many(self, texts: Sequence[str], report: OnProgress | None = None) -> list[int]:
        return [len(_tokens(text)) for text in texts]

    async def count_prompt(self, messages: Sequence[Message], report: OnProgress | None = None) -> int:
        return len(_tokens(_page(messages)))

    async def embed(self, texts: Sequence[str], report: OnProgress | None = None) -> Embeddings:
        """Texts with the same words and the same three letters in a row are near; what they mean it doesn't know."""
        check_texts(texts)
        vectors, tokens = [], 0
        for number, text in enumerate(texts, start=1):
            count = len(_tokens(text))
            if count >= self._context_length:
                raise PromptTooLong(count, self._context_length)
            await asyncio.sleep(self._seconds * count)
            tokens += count
            vectors.append(_hashed(text))
            if report is not None:
                report(Progress(mark("Reading the text"), number, len(texts)))
        return Embeddings(tuple(vectors), tokens, self._name)

    async def close(self) -> None:
        """Nothing to free."""

    def _next(self, request: TextRequest) -> Said:
        self.requests.append(request)
        text: Said
        if isinstance(self._script, str | ToolCall):
            text = self._script
        elif callable(self._script):
            text = self._script(request)
        else:
            said = self._script[min(len(self.requests), len(self._script)) - 1]
            if isinstance(said, CannotContinue):
                raise said
            text = said
        if request.json_schema is not None:
            json.loads(request.json_schema)
        return text


def _page(messages: Sequence[Message]) -> str:
    return "\n".join("\n".join((message["content"], *(call["arguments"] for call in message.get("tool_calls", ())))) for message in message_args(messages))


def _offer(request: TextRequest) -> str:
    """The tools as words, where the model hears of them."""
    return "".join(f"\n{tool.name} {tool.description} {tool.parameters}" for tool in request.tools if request.tool_choice != "none")


def _heard(said: Said, request: TextRequest) -> tuple[str, tuple[ToolCall, ...]]:
    """(words, calls) of what the script says to this request; one of them is empty."""
    tools = {tool.name: tool for tool in request.tools if request.tool_choice in ("auto", "required", tool.name)}
    calls = (said,) if isinstance(said, ToolCall) else said if isinstance(said, tuple) else ()
    is_demanded = bool(request.tools) and request.tool_choice not in ("auto", "none")
    if is_demanded and not (calls and all(call.name in tools for call in calls)):
        first = next(iter(tools.values()))
        calls = (ToolCall(first.name, json.dumps(_simplest(json.loads(first.parameters or "{}")), ensure_ascii=False)),)
    read = [call_from({"name": call.name, "arguments": call.arguments}) for call in calls]
    if calls and all(call is not None and call.name in tools for call in read):
        return "", tuple(replace(call, id=given.id or call.id or new_id()) for call, given in zip(read, calls, strict=True) if call is not None)
    if calls:
        return "\n".join(f'{{"name": {json.dumps(call.name)}, "arguments": {call.arguments}}}' for call in calls), ()
    assert isinstance(said, str)
    return said, ()


def _simplest(schema: Any) -> Any:
    """A value that a JSON schema allows, for the kinds that tools use; what is not required is left out."""
    if not isinstance(schema, dict):
        return ""
    if "const" in schema:
        return schema["const"]
    if schema.get("enum"):
        return schema["enum"][0]
    kind = schema.get("type", "object" if "properties" in schema else "string")
    match kind[0] if isinstance(kind, list) and kind else kind:
        case "object":
            known = schema.get("properties", {})
            return {name: _simplest(known.get(name, {})) for name in schema.get("required", ())}
        case "array":
            return [_simplest(schema.get("items", {}))] * int(schema.get("minItems", 0))
        case "integer" | "number":
            return schema.get("minimum", 0)
        case "boolean":
            return False
        case "null":
            return None
        case _:
            return "x" * int(schema.get("minLength", 0))


def _tokens(text: str) -> list[str]:
    return re.findall(r"\s*\S+|\s+$", text)


def _hashed(text: str) -> tuple[float, ...]:
    """Shape (64,), length 1: how often the text's words and runs of three letters fall into each of 64 drawers (feature hashing)."""
    folded = " ".join(text.casefold().split())
    counts = [0.0] * _DIMENSIONS
    for part in [*folded.split(), *(folded[at : at + 3] for at in range(len(folded) - 2))]:
        counts[zlib.crc32(part.encode("utf-8", "replace")) % _DIMENSIONS] += 1.0
    vector = unit(counts)
    assert vector is not None  # a text with a word in it has a count
    return vector


def _reason(word: str) -> StopReason:
    return "end" if word == "end" else "stop" if word == "stop" else "length"
