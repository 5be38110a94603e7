"""What servers that speak OpenAI's interface understand beyond it, each in its own words. Pure.

To add a kind of server: one `Dialect`, one line in `DIALECTS`, how it is recognised in discovery.py.
Sources: llama.cpp tools/server/README.md (b11800), LM Studio's REST documentation (2026-04), KoboldCpp 1.123's API page (tools: its
koboldcpp.py), OpenAI's API reference.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from localstory.engines.base import SAMPLERS, Lora, Sampling, TextRequest
from localstory.engines.text.endpoint import Capabilities, Feature, NoSuchAdapter, one_line, sendable
from localstory.engines.text.endpoint_stream import count_in, other_kind
from localstory.engines.text.endpoint_tools import openai_messages, tool_fields
from localstory.errors import BadRequest
from localstory.words import mark

_OPENAI_SAMPLERS = {"temperature": "temperature", "top_p": "top_p", "frequency_penalty": "frequency_penalty", "presence_penalty": "presence_penalty"}
_NOT_IN_OPENAI = mark("OpenAI's interface has no field for it, and this server is not known to have one of its own.")


@dataclass(frozen=True, slots=True)
class Dialect:
    """A kind of server."""

    name: str
    """As in `EngineFacts.name`."""
    samplers: Mapping[str, str] = field(default_factory=lambda: dict(_OPENAI_SAMPLERS))
    """Field of `Sampling` -> the server's name for it."""
    features: frozenset[Feature] = frozenset(("json_schema", "logprobs", "seed", "tools", "tool_choice"))
    reasons: Mapping[str, str] = field(default_factory=dict)
    most_stops: int = 16
    names_tools: bool = True
    """`tool_choice` may be the object that names one; else one is demanded by offering no other (`tool_fields`)."""

    def capabilities(self) -> Capabilities:
        """What it can do, with the reasons for what it can't."""
        return Capabilities(self.features, frozenset(self.samplers), {one: _NOT_IN_OPENAI for one in Sampling.__slots__} | dict(self.reasons))


OPENAI = Dialect(
    "openai",
    most_stops=4,
    reasons={
        "grammar": mark("OpenAI's interface takes JSON schemas, no grammars."),
        "prefill": mark("OpenAI's interface always begins a new reply."),
        "continue_last": mark("OpenAI's interface always begins a new reply."),
        "loras": mark("OpenAI's interface has no field for adapters."),
        "load": mark("OpenAI's interface can't load models: the server does it itself."),
        "unload": mark("OpenAI's interface can't unload models."),
        "token_count": mark("OpenAI's interface does not count tokens before it answers: our numbers are careful estimates."),
    },
)
LLAMA_SERVER = Dialect(
    "llama_server",
    samplers=_OPENAI_SAMPLERS
    | {
        one: one
        for one in (
            "top_k", "min_p", "typical_p", "top_n_sigma", "repeat_penalty", "repeat_last_n", "xtc_probability", "xtc_threshold",
            "dry_multiplier", "dry_base", "dry_allowed_length", "dynatemp_range", "dynatemp_exponent", "mirostat", "mirostat_tau", "mirostat_eta",
            "logit_bias", "order",
        )
    }
    | {"dry_last_n": "dry_penalty_last_n", "dry_breakers": "dry_sequence_breakers"},
    features=frozenset(
        ("json_schema", "grammar", "logprobs", "seed", "prefill", "continue_last", "thinking", "tools", "tool_choice", "loras", "token_count")
    ),
    names_tools=False,
    reasons={
        "banned_phrases": mark("llama-server can forbid tokens, not phrases."),
        "load": mark("llama-server has the model that it was started with."),
        "unload": mark("llama-server keeps the model that it was started with."),
    },
)  # fmt: skip
LOCALSTORY = Dialect(
    "localstory",
    samplers={**LLAMA_SERVER.samplers, "banned_phrases": "banned_phrases"},
    features=frozenset(("json_schema", "grammar", "logprobs", "seed", "prefill", "continue_last", "thinking", "tools", "tool_choice")),
    most_stops=64,
    reasons={
        "loras": mark("A localstory server takes no adapters from outside: they are files of its own computer."),
        "load": mark("A localstory server loads a model when it is asked."),
        "unload": mark("A localstory server keeps a model until another one is asked for."),
        "token_count": mark("A localstory server does not count tokens before it answers: our numbers are careful estimates."),
    },
)
LMSTUDIO = Dialect(
    "lmstudio",
    samplers=_OPENAI_SAMPLERS | {"top_k": "top_k", "repeat_penalty": "repeat_penalty"},
    features=frozenset(("json_schema", "seed", "tools", "tool_choice", "load", "unload")),
    most_stops=4,
    names_tools=False,
    reasons={
        "grammar": mark("LM Studio takes JSON schemas, no grammars."),
        "logprobs": mark("LM Studio gives no probabilities."),
        "prefill": mark("LM Studio always begins a new reply."),
        "continue_last": mark("LM Studio always begins a new reply."),
        "loras": mark("LM Studio's interface has no field for adapters."),
        "dry_multiplier": mark("LM Studio has no DRY."),
        "min_p": mark("LM Studio takes min-p from the model's own settings only."),
        "token_count": mark("LM Studio does not count tokens before it answers: our numbers are careful estimates."),
    },
)
KOBOLDCPP = Dialect(
    "koboldcpp",
    samplers=_OPENAI_SAMPLERS | {"top_k": "top_k", "min_p": "min_p", "repeat_penalty": "rep_pen"},
    features=frozenset(("seed", "tools", "tool_choice")),
    reasons={
        "json_schema": mark("KoboldCpp's interface for chats is not known to hold a schema."),
        "grammar": mark("KoboldCpp takes grammars in its own interface only."),
        "logprobs": mark("KoboldCpp gives probabilities in its own interface only."),
        "loras": mark("KoboldCpp has the adapters that it was started with."),
        "load": mark("KoboldCpp has the model that it was started with."),
        "unload": mark("KoboldCpp keeps the model that it was started with."),
    },
)
DIALECTS = {dialect.name: dialect for dialect in (OPENAI, LLAMA_SERVER, LOCALSTORY, LMSTUDIO, KOBOLDCPP)}

_LLAMA_SAMPLERS = {"typical": "typ_p"}


def schema_of(text: str) -> Any:
    """A JSON schema as a value. Raises BadRequest."""
    try:
        value = json.loads(text)
        json.dumps(value, allow_nan=False)  # as it will be sent
        return value
    except (ValueError, RecursionError) as error:
        raise BadRequest(title=mark("The schema is no JSON"), detail=mark("{reason}"), reason=str(error)) from error


def adapter_fields(listed: object, loras: Sequence[Lora], host: str) -> list[dict[str, Any]]:
    """llama-server's field `lora`, from its answer to /lora-adapters: the adapters it was started with, found by their files' names.

    An adapter that is not in the field has strength 0 in this reply. Raises NoSuchAdapter, BadAnswer.
    """
    if not isinstance(listed, list) or not all(isinstance(one, dict) and isinstance(one.get("path"), str) for one in listed):
        raise other_kind(host)
    fields = []
    for lora in loras:
        same = [one for one in listed if one["path"] == str(lora.path)] or [one for one in listed if _file_name(one["path"]) == lora.path.name]
        number = count_in(same[0], "id") if len(same) == 1 else None
        if number is None:
            raise NoSuchAdapter(host, lora.path.name, [one_line(_file_name(one["path"])) for one in listed])
        fields.append({"id": number, "scale": lora.strength})
    return fields


def _file_name(path: str) -> str:
    """Of a path on the server's computer, which may be of another kind than ours."""
    return path.replace("\\", "/").rpartition("/")[2]


def request_fields(request: TextRequest, dialect: Dialect, model: str, seed: int) -> tuple[dict[str, Any], dict[str, Any]]:
    """(fields of OpenAI's interface, the server's own fields) of a request that `check_offered` let pass."""
    sampling, usual = request.sampling, Sampling()
    official: dict[str, Any] = {"model": model, "max_tokens": request.max_tokens, "stream": True, "stream_options": {"include_usage": True}}
    own: dict[str, Any] = {}
    for name, its in dialect.samplers.items():
        value = getattr(sampling, name)
        if name in _OPENAI_SAMPLERS:
            # The penalties are 0 by default everywhere; a server may refuse fields that its model doesn't know.
            if name in ("temperature", "top_p") or value != getattr(usual, name):
                official[its] = value
        elif name == "order":
            own["samplers"] = [_LLAMA_SAMPLERS.get(one, one) for one in value] if value != SAMPLERS else None
        elif name == "mirostat":
            own[its] = 2 if value else 0
        elif name == "logit_bias":
            own[its] = [[token, False if bias == -math.inf else bias] for token, bias in value] or None
        else:
            own[its] = list(value) if isinstance(value, tuple) else value
    own = {name: value for name, value in own.items() if value is not None}
    if "seed" in dialect.features:
        official["seed"] = seed
    if request.stop:
        official["stop"] = [sendable(stop) for stop in request.stop if stop][: dialect.most_stops] or None
    if request.json_schema:
        schema = {"name": "reply", "strict": True, "schema": schema_of(request.json_schema)}
        own["response_format"] = {"type": "json_schema", "json_schema": schema}
    if request.grammar:
        own["grammar"] = request.grammar
    if request.thinking is not None and "thinking" in dialect.features and request.prompt is None:
        own["chat_template_kwargs"] = {"enable_thinking": request.thinking}
    if dialect is LOCALSTORY:  # what the text would be anyway, and what is kept: its own interface has words for both
        own |= {"lookup": request.lookup} if request.lookup is not None else {}
        own |= {"private": True} if request.private else {}
    own |= tool_fields(request, by_name=dialect.names_tools)
    if request.prompt is not None:
        official["prompt"] = sendable(request.prompt) or " "  # several servers refuse or fail at a page with nothing on it
        if "logprobs" in dialect.features and (request.logprobs or request.score):
            official["logprobs"] = request.logprobs or 1
        if "response_format" in own and dialect is LLAMA_SERVER:  # /v1/completions has its own field for it
            own["json_schema"] = own.pop("response_format")["json_schema"]["schema"]
        return official, own
    messages = openai_messages(request.messages, with_names=dialect is LLAMA_SERVER)
    if request.prefill:
        messages.append({"role": "assistant", "content": sendable(request.prefill)})
    if dialect is LOCALSTORY and (request.prefill or request.continue_last):
        own["continue_final_message"] = True
    official["messages"] = messages
    if "logprobs" in dialect.features and (request.logprobs or request.score):
        official["logprobs"] = True
        if request.logprobs:
            official["top_logprobs"] = request.logprobs
    return official, own
