"""What all servers have in common: what they can and cannot do, the models they list, and what their refusals mean. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Literal, TypeAlias
from urllib.parse import urlsplit

from localstory.engines.base import PromptTooLong, Reply, Sampling, TextRequest, Warned
from localstory.engines.text.endpoint_stream import count_in
from localstory.errors import BadRequest, CannotContinue, Word
from localstory.net.errors import Forbidden, NetTrouble, ServerTrouble, TooManyRequests
from localstory.words import mark

_MOST_SAID = 300

Feature: TypeAlias = Literal[
    "json_schema", "grammar", "logprobs", "seed", "prefill", "continue_last", "thinking", "tools", "tool_choice", "loras", "load", "unload", "token_count",
]  # fmt: skip
"""`tools` can be offered, `tool_choice` can demand a call, `loras` can be laid over the model for one reply; the others have their plain meaning."""


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a server can do. What it cannot is greyed out, with the reason."""

    features: frozenset[Feature]
    samplers: frozenset[str]
    """Fields of `Sampling` that it takes."""
    reasons: Mapping[str, str] = field(default_factory=dict)
    """For a feature or sampler that is missing, why: a marked template. `why_not` has one for the others."""

    def why_not(self, what: str) -> str:
        """Why it cannot do this (a feature, or a field of `Sampling`): a marked template; "" when it can."""
        if what in self.features or what in self.samplers:
            return ""
        return self.reasons.get(what) or mark("This server's interface does not offer it.")


@dataclass(frozen=True, slots=True)
class ServerModel:
    """A model that a server offers. None: the server does not say."""

    name: str
    """What the server calls it in requests."""
    title: str = ""
    loaded: bool | None = None
    context_length: int | None = None
    """Of the loaded model as it stands in memory; see `max_context_length` for what it could be."""
    max_context_length: int | None = None
    quantisation: str = ""
    architecture: str = ""
    size_bytes: int | None = None
    size_on_card_bytes: int | None = None
    """How much of a loaded model is in the graphics card's memory."""
    instances: tuple[str, ...] = ()
    """Ids of what is loaded of it, for unloading."""
    remote: bool = False
    """It runs on somebody else's computer: the words leave this machine."""


@dataclass(frozen=True, slots=True)
class EndpointReply(Reply):
    """A reply of a server; its `warnings` are what the server did otherwise than asked."""


# -- errors -----------------------------------------------------------------------------------------------------------


class KeyNeeded(NetTrouble):
    """401: the server wants a key, or another one."""

    code = "key_needed"

    def __init__(self, host: str) -> None:
        super().__init__(
            title=mark("{host} wants a key"),
            detail=mark("None was given, or it was not accepted."),
            hint=mark("Enter the server's key in Settings, or put it into the variable LOCALSTORY_KEY."),
            host=host,
        )


class NoSuchModel(NetTrouble):
    """The server has no model of this name."""

    code = "no_such_model"

    def __init__(self, host: str, model: str) -> None:
        super().__init__(title=mark("{host} has no model “{model}”"), hint=mark("`localstory engines` lists what it has."), host=host, model=model[:200])


class NotFoundThere(NetTrouble):
    """404 for another reason: what was asked is no model server, or an older one."""

    code = "not_a_model_server"

    def __init__(self, host: str) -> None:
        super().__init__(
            title=mark("{host} does not know this question"),
            detail=mark("It may be another kind of server, or its address needs a path such as /v1."),
            hint=mark("Check the address."),
            host=host,
        )


class ServerSaid(NetTrouble):
    """The server refused or failed, with a sentence of its own."""

    code = "server_said"

    def __init__(self, host: str, said: str, status: int | None = None) -> None:
        super().__init__(
            title=mark("{host} could not answer"),
            detail=mark("It says: {said}") if said else mark("It gives no reason."),
            hint=mark("Look into the server's own log if the reason is not clear."),
            host=host,
            said=said,
        )
        self.status = status


class NotOfferedThere(ServerSaid):
    """A localstory server, or what stands behind it, can't do what was asked; its sentence says what."""

    code = "not_offered"


class NoSuchAdapter(BadRequest):
    """The server was not started with this adapter, or with several of its name; nothing was sent."""

    code = "no_such_adapter"

    def __init__(self, host: str, name: str, has: Sequence[str]) -> None:
        super().__init__(
            title=mark("{host} has no adapter “{name}”, or several of this name"),
            detail=mark("It has: {has}") if has else mark("It was started without any."),
            hint=mark("Start the server with this adapter (llama-server: --lora FILE)."),
            host=host,
            name=name[:200],
            has=", ".join(has[:10])[:_MOST_SAID],
        )


class NotOffered(BadRequest):
    """The request needs something that this server cannot do; nothing was sent."""

    code = "not_offered"

    def __init__(self, host: str, feature: str, reason: str) -> None:
        super().__init__(
            title=mark("{host} can't do this: {feature}"),
            detail=mark("{reason}"),
            hint=mark("Leave it out, or use the built-in engine."),
            host=host,
            feature=Word(FEATURE_WORDS[feature]) if feature in FEATURE_WORDS else feature,
            reason=Word(reason),
        )


FEATURE_WORDS: dict[str, str] = {
    "json_schema": mark("answers after a JSON schema"),
    "grammar": mark("answers after a grammar"),
    "logprobs": mark("probabilities of tokens"),
    "prefill": mark("a given beginning of the reply"),
    "continue_last": mark("going on with the last reply"),
    "tools": mark("calls of tools"),
    "tool_choice": mark("a reply that must be a call of a tool"),
    "loras": mark("adapters (LoRA) for one reply"),
    "load": mark("loading a model"),
    "unload": mark("unloading a model"),
}


def host_of(url: str) -> str:
    """The server as people call it: `localhost:1234`, `api.example.com`. "" for what is no address."""
    try:
        parts = urlsplit(url)
        return (parts.hostname or "") + (f":{parts.port}" if parts.port else "")
    except ValueError:
        return ""


def one_line(text: object) -> str:
    """A server's words as they may stand in a sentence: one line, no control characters, not long."""
    words = "".join(letter if letter.isprintable() else " " for letter in str(text)[: _MOST_SAID * 4])
    return " ".join(words.split())[:_MOST_SAID]


def said_in(value: object) -> str:
    """The sentence inside an error of OpenAI's shape (`{"error": {"message"}}`), of Ollama's (`{"error": "…"}`), or of FastAPI's (`detail`)."""
    for _depth in range(3):
        if not isinstance(value, dict):
            break
        value = next((value[name] for name in ("error", "message", "detail") if value.get(name)), "")
    return one_line(value) if isinstance(value, str | int | float) else ""


_ABOUT_CONTEXT = re.compile(r"context[ _-]?(length|size|window)|context the overflows|n_ctx|context overflow|exceed_context", re.IGNORECASE)
_ABOUT_TOO_LONG = re.compile(r"exceed|longer|greater|larger|maximum|too (long|large|many)|overflow|shorten|does not fit|trying to keep", re.IGNORECASE)


def too_long(value: object, said: str, counted: int, context_length: int | None) -> PromptTooLong | None:
    """The refusal of a prompt that does not fit, with both numbers as the server gave them; ours where it gave none.

    llama-server: `exceed_context_size_error` with n_prompt_tokens and n_ctx. OpenAI, vLLM, llama-cpp-python: `context_length_exceeded`
    with the numbers in the sentence. Ollama and LM Studio: a sentence.
    """
    error = value.get("error") if isinstance(value, dict) else None
    inner = error if isinstance(error, dict) else {}
    kind = f"{inner.get('code')} {inner.get('type')}"
    is_named = "context_length_exceeded" in kind or "exceed_context_size" in kind
    if not is_named and not (_ABOUT_CONTEXT.search(said) and _ABOUT_TOO_LONG.search(said)):
        return None
    numbers = [int(text) for text in re.findall(r"(?<![\d.])\d{2,9}(?![\d.]\d)", said)]
    window = count_in(inner, "n_ctx")
    if window is None:
        near = re.search(r"context[ _-]?(?:length|size|window)\D{0,24}?(\d{2,9})", said, re.IGNORECASE)
        window = context_length or (int(near[1]) if near else None) or (min(numbers) if len(numbers) > 1 else 0)
    prompt = count_in(inner, "n_prompt_tokens") or max((number for number in numbers if number > window), default=max(counted, window + 1))
    return PromptTooLong(prompt, window)


def refused(
    host: str, status: int, headers: Mapping[str, str], body: bytes, *, model: str = "", counted: int = 0, context_length: int | None = None
) -> CannotContinue:
    """What an HTTP status of 400 or more means to the person."""
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        value = None
    said = said_in(value) or ("" if b"<html" in body[:2000].lower() or b"<!doctype" in body[:200].lower() else one_line(body[:2000].decode("utf-8", "replace")))
    match status:
        case 401:
            return KeyNeeded(host)
        case 403:
            return Forbidden(host) if not said else ServerSaid(host, said, status)
        case 404 | 410:
            return NoSuchModel(host, model) if model and "model" in said.lower() else NotFoundThere(host)
        case 429:
            wait = headers.get("retry-after", "")
            return TooManyRequests(host, min(int(wait), 86_400) if wait.isascii() and wait.isdigit() and len(wait) < 9 else None)
    error = value.get("error") if isinstance(value, dict) else None
    if isinstance(error, dict) and error.get("code") == NotOfferedThere.code:
        return NotOfferedThere(host, said, status)
    if "does not support tools" in said:  # Ollama, of a model whose template has no place for them
        return NotOffered(host, "tools", mark("This model was not taught to use tools."))
    long = too_long(value, said, counted, context_length) if status in (400, 413, 422, 500) else None
    if long is not None:
        return long
    if said:
        return ServerSaid(host, said, status)
    return ServerTrouble(host, status)


def check_offered(request: TextRequest, can: Capabilities, host: str) -> list[Warned]:
    """Refuse what the reply would be wrong without; warn of samplers that are left out. Raises NotOffered."""
    asked = {
        "json_schema": bool(request.json_schema),
        "grammar": bool(request.grammar),
        "logprobs": bool(request.logprobs),
        "prefill": bool(request.prefill),
        "continue_last": request.continue_last,
        "tools": (bool(request.tools) and request.tool_choice != "none") or any(message.tool_calls or message.role == "tool" for message in request.messages),
        "tool_choice": bool(request.tools) and request.tool_choice not in ("auto", "none"),
        "loras": bool(request.loras),
    }
    for feature, wanted in asked.items():
        if wanted and feature not in can.features:
            raise NotOffered(host, feature, can.why_not(feature))
    usual = Sampling()
    left_out = [
        one.name
        for one in fields(Sampling)
        if one.name != "seed" and one.name not in can.samplers and getattr(request.sampling, one.name) != getattr(usual, one.name)
    ]
    warnings: list[Warned] = []
    if left_out:
        warnings.append(Warned(mark("{host} does not know these settings, they were left out: {names}."), {"host": host, "names": ", ".join(left_out)}))
    if request.thinking is not None and ("thinking" not in can.features or request.prompt is not None):
        warnings.append(Warned(mark("{host} can't be told whether to think first."), {"host": host}))
    if request.sampling.seed is not None and "seed" not in can.features:
        warnings.append(Warned(mark("{host} takes no seed: the same question may get another answer."), {"host": host}))
    return warnings


def sendable(text: str) -> str:
    """Without lone surrogates, which no JSON in UTF-8 can hold."""
    return text.encode("utf-8", "replace").decode("utf-8") if not text.isascii() else text
