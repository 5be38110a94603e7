"""From an engine's events to OpenAI's JSON, as one object or in chunks. Pure.

Beyond OpenAI's fields: `reasoning_content` (thoughts apart from the answer, as llama-server and DeepSeek have it), `timings` with
llama-server's names, and `seed`, the one that was used.
"""

from __future__ import annotations

import base64
import json
import secrets
import struct
import time
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from localstory.engines.base import Reply, TextPiece, TokenLogprob, ToolCall
from localstory.server.asking import Asked, EmbeddingsAsked
from localstory.server.fields import finite, whole_text
from localstory.words import fill

_FINISH = {"end": "stop", "stop": "stop", "length": "length", "context": "length"}


def dumped(value: Mapping[str, Any]) -> bytes:
    """As it goes over the wire."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    try:
        return text.encode()
    except UnicodeEncodeError:
        return whole_text(text).encode()


def event(value: Mapping[str, Any]) -> bytes:
    """One server-sent event."""
    return b"data: " + dumped(value) + b"\n\n"


LAST_EVENT = b"data: [DONE]\n\n"


class Form:
    """The shape of one answer, from its id to its end. `model` is the id that the client may ask for again."""

    def __init__(self, asked: Asked, model: str) -> None:
        self._asked = asked
        kind = "chat.completion" if asked.is_chat else "text_completion"
        self._whole_base: dict[str, Any] = {
            "id": f"{'chatcmpl' if asked.is_chat else 'cmpl'}-{secrets.token_hex(12)}",
            "object": kind,
            "created": int(time.time()),
            "model": model,
        }
        self._base = self._whole_base | {"object": "chat.completion.chunk" if asked.is_chat else kind}
        if asked.include_usage:
            self._base["usage"] = None
        self._offsets: dict[int, int] = {}
        self._calls = [_CallIds() for _request in asked.requests]

    # -- in chunks ----------------------------------------------------------------------------------------------------

    def opening(self, index: int) -> list[bytes]:
        """What stands before the first words of a reply."""
        if self._asked.is_chat:
            return [self._chunk(index, {"role": "assistant", "content": ""})]
        return [self._chunk(index, {}, text=self._asked.requests[index].prompt or "")] if self._asked.echo else []

    def piece(self, index: int, piece: TextPiece) -> bytes:
        """The next words."""
        logprobs = self._logprobs(index, piece.tokens) if self._asked.logprobs and piece.kind == "answer" else None
        name = "content" if piece.kind == "answer" else "reasoning_content"
        return self._chunk(index, {name: piece.text}, text=piece.text if piece.kind == "answer" else "", logprobs=logprobs)

    def closing(self, index: int, reply: Reply) -> list[bytes]:
        """What stands behind the last words of a reply."""
        chunks = []
        calls = self._tool_calls(index, reply)
        if calls:
            chunks.append(self._chunk(index, {"tool_calls": [{"index": number} | call for number, call in enumerate(calls)]}))
        extra = _extra(reply) if len(self._asked.requests) == 1 else {}
        return [*chunks, self._chunk(index, {}, finish=_finish(reply, calls), extra=extra)]

    def ending(self, replies: Sequence[Reply]) -> list[bytes]:
        """The usage, where it was asked for, and the end of the stream."""
        usage = [event(self._base | {"choices": [], "usage": self.usage(replies)})] if self._asked.include_usage else []
        return [*usage, LAST_EVENT]

    def _chunk(
        self, index: int, delta: dict[str, Any], *, text: str = "", logprobs: Any = None, finish: str | None = None, extra: Mapping[str, Any] | None = None
    ) -> bytes:
        choice: dict[str, Any] = {"index": index, "delta": delta} if self._asked.is_chat else {"index": index, "text": text}
        choice |= {"logprobs": logprobs, "finish_reason": finish}
        return event(self._base | {"choices": [choice]} | dict(extra or {}))

    # -- at once --------------------------------------------------------------------------------------------------------

    def whole(self, replies: Sequence[tuple[Reply, Sequence[TokenLogprob]]]) -> dict[str, Any]:
        """The answer as one object: each reply with the tokens of its answer."""
        choices = [self._choice(index, reply, tokens) for index, (reply, tokens) in enumerate(replies)]
        extra = _extra(replies[0][0]) if len(replies) == 1 else {}
        return self._whole_base | {"choices": choices, "usage": self.usage([reply for reply, _tokens in replies])} | extra

    def _choice(self, index: int, reply: Reply, tokens: Sequence[TokenLogprob]) -> dict[str, Any]:
        calls = self._tool_calls(index, reply)
        choice: dict[str, Any] = {"index": index}
        if self._asked.is_chat:
            message: dict[str, Any] = {"role": "assistant", "content": reply.text if reply.text or not calls else None, "refusal": None}
            if reply.reasoning:
                message["reasoning_content"] = reply.reasoning
            if calls:
                message["tool_calls"] = calls
            choice["message"] = message
        else:
            before = (self._asked.requests[index].prompt or "") if self._asked.echo else ""
            choice["text"] = before + reply.text
        return choice | {"logprobs": self._logprobs(index, tokens) if self._asked.logprobs else None, "finish_reason": _finish(reply, calls)}

    def usage(self, replies: Sequence[Reply]) -> dict[str, Any]:
        """Tokens of the whole answer: a prompt that several replies answer counts once."""
        first = {self._asked.requests[index].prompt: reply for index, reply in reversed(list(enumerate(replies)))}
        prompt = sum(reply.usage.prompt_tokens for reply in first.values())
        generated = sum(reply.usage.generated_tokens for reply in replies)
        return {
            "prompt_tokens": prompt, "completion_tokens": generated, "total_tokens": prompt + generated,
            "prompt_tokens_details": {"cached_tokens": sum(reply.usage.reused_tokens for reply in first.values())},
        }  # fmt: skip

    # -- parts ----------------------------------------------------------------------------------------------------------

    def _tool_calls(self, index: int, reply: Reply) -> list[dict[str, Any]]:
        calls = reply.tool_calls[:1] if self._asked.one_call else reply.tool_calls
        return [self._calls[index].shown(number, call) for number, call in enumerate(calls)]

    def _logprobs(self, index: int, tokens: Iterable[TokenLogprob]) -> dict[str, Any]:
        shown = self._asked.alternatives
        if self._asked.is_chat:
            return {
                "content": [
                    _chat_token(one.token, one.logprob) | {"top_logprobs": [_chat_token(other.token, other.logprob) for other in one.alternatives[:shown]]}
                    for one in tokens
                ],
                "refusal": None,
            }
        tokens = list(tokens)
        start = self._offsets.get(index, 0)
        offsets = []
        for one in tokens:
            offsets.append(start)
            start += len(one.token.decode("utf-8", "ignore"))
        self._offsets[index] = start
        return {
            "tokens": [_legacy_name(one.token) for one in tokens],
            "token_logprobs": [finite(one.logprob) for one in tokens],
            "top_logprobs": [{_legacy_name(other.token): finite(other.logprob) for other in one.alternatives[:shown]} for one in tokens] if shown else None,
            "text_offset": offsets,
        }


class _CallIds:
    """Each call keeps the id that it was shown with."""

    def __init__(self) -> None:
        self._ids: dict[int, str] = {}

    def shown(self, number: int, call: ToolCall) -> dict[str, Any]:
        own = self._ids.setdefault(number, call.id or f"call_{secrets.token_hex(12)}")
        return {"id": own, "type": "function", "function": {"name": call.name, "arguments": call.arguments}}


def _extra(reply: Reply) -> dict[str, Any]:
    """What stands beside OpenAI's fields; `warnings` only where something was done otherwise than asked."""
    warned = [fill(one.template, one.values) for one in reply.warnings]
    return {"timings": _timings(reply), "seed": reply.seed} | ({"warnings": warned} if warned else {})


def _finish(reply: Reply, calls: Sequence[object]) -> str:
    return "tool_calls" if calls else _FINISH[reply.stop_reason]


def _chat_token(token: bytes, logprob: float) -> dict[str, Any]:
    return {"token": token.decode("utf-8", "replace"), "logprob": finite(logprob), "bytes": list(token)}


def _legacy_name(token: bytes) -> str:
    """A token as a text; a part of a character as OpenAI's old completions wrote it (`bytes:\\xf0\\x9f`)."""
    try:
        return token.decode()
    except UnicodeDecodeError:
        return "bytes:" + "".join(f"\\x{byte:02x}" for byte in token)


def _timings(reply: Reply) -> dict[str, Any]:
    """llama-server's names and units (milliseconds)."""
    usage, timing = reply.usage, reply.timing
    fresh = usage.prompt_tokens - usage.reused_tokens

    def rates(name: str, count: int, seconds: float) -> dict[str, Any]:
        has = count > 0 and seconds > 0
        return {
            f"{name}_n": count, f"{name}_ms": round(seconds * 1000, 3),
            f"{name}_per_token_ms": round(seconds * 1000 / count, 3) if has else None, f"{name}_per_second": round(count / seconds, 3) if has else None,
        }  # fmt: skip

    return (
        {"cache_n": usage.reused_tokens, "load_ms": round(timing.load_s * 1000, 3)}
        | rates("prompt", fresh, timing.prompt_s)
        | rates("predicted", usage.generated_tokens, timing.generate_s)
    )


def embeddings(asked: EmbeddingsAsked, model: str, vectors: Sequence[Sequence[float]], tokens: int) -> dict[str, Any]:
    """The answer to POST /v1/embeddings; base64 is of little-endian 32-bit floats."""

    def shown(vector: Sequence[float]) -> Any:
        numbers = [float(number) for number in vector]
        return base64.b64encode(struct.pack(f"<{len(numbers)}f", *numbers)).decode() if asked.encoding == "base64" else numbers

    return {
        "object": "list", "data": [{"object": "embedding", "index": index, "embedding": shown(vector)} for index, vector in enumerate(vectors)],
        "model": model, "usage": {"prompt_tokens": tokens, "total_tokens": tokens},
    }  # fmt: skip
