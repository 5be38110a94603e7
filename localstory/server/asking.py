"""From the JSON of a request to what an engine is asked. Pure; every refusal is a `BadRequest` with a sentence.

Sources: OpenAI's API reference (chat, completions, embeddings); llama.cpp tools/server/README.md for the samplers beyond it;
vLLM for `continue_final_message`. A field that is none of them is refused, so that a typing error is not taken for a wish.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

from localstory.engines.base import Message, Role, Sampling, TextRequest, Tool, ToolCall
from localstory.engines.text.llama_errors import check_request
from localstory.server.fields import Fields, one_of, refuse, text_of
from localstory.words import mark

MOST_CHOICES = 16
"""Replies to one request (`n`, times the prompts of a completion)."""
MOST_TEXTS = 2048
"""Texts of one embedding request, as OpenAI's."""
MOST_STOPS = 64
MOST_TOOLS = 128
COMPLETION_TOKENS = 16
"""Without `max_tokens` a completion has this length, as OpenAI's has. A chat goes on to its end."""
_NAME = re.compile(r"[A-Za-z0-9_.-]{1,64}")

# What a client says of itself or of its billing: it changes no word of the answer.
_IGNORED = ("metadata", "prompt_cache_key", "prompt_cache_retention", "service_tier")
# What we could only do wrong: allowed where it asks for what happens anyway.
_AS_IT_IS: Mapping[str, tuple[Any, ...]] = {
    "store": (False,), "best_of": (1,), "suffix": ("",), "modalities": (["text"],), "verbosity": ("medium",), "cache_prompt": (True,),
    "use_beam_search": (False,),
}  # fmt: skip
_SAMPLERS: Mapping[str, str] = {one: one for one in (
    "temperature", "top_p", "frequency_penalty", "presence_penalty", "min_p", "repeat_penalty", "typical_p", "top_n_sigma", "xtc_probability",
    "xtc_threshold", "dry_multiplier", "dry_base", "dynatemp_range", "dynatemp_exponent", "mirostat_tau", "mirostat_eta",
)}  # fmt: skip
_WHOLE_SAMPLERS: Mapping[str, str] = {
    "top_k": "top_k", "repeat_last_n": "repeat_last_n", "dry_allowed_length": "dry_allowed_length", "dry_penalty_last_n": "dry_last_n",
    "dry_last_n": "dry_last_n",
}  # fmt: skip
_SAMPLER_NAMES = {"typ_p": "typical", "typical_p": "typical"}


@dataclass(frozen=True, slots=True)
class Asked:
    """A chat or completion: one reply for each of `requests`, in their order."""

    model: str
    requests: tuple[TextRequest, ...]
    is_chat: bool
    to_the_end: bool = False
    """No length was given: until the model ends, or the context does."""
    stream: bool = False
    include_usage: bool = False
    logprobs: bool = False
    alternatives: int = 0
    echo: bool = False
    one_call: bool = False
    """At most one tool call a reply (`parallel_tool_calls` false)."""
    person: str = ""
    """For whom the client says that it asks; it changes no word of the answer."""


@dataclass(frozen=True, slots=True)
class EmbeddingsAsked:
    """Texts to be turned into vectors."""

    model: str
    texts: tuple[str, ...]
    encoding: Literal["float", "base64"] = "float"
    dimensions: int | None = None
    person: str = ""


def read_chat(body: Mapping[str, Any]) -> Asked:
    """POST /v1/chat/completions. Raises BadRequest."""
    fields = Fields(body)
    messages = tuple(_messages(fields.take("messages")))
    last_is_ours = messages[-1].role == "assistant"
    goes_on = fields.flag("continue_final_message") or False
    if fields.flag("add_generation_prompt") is False and not goes_on:
        raise refuse("add_generation_prompt", mark("Without a place for the reply, say continue_final_message"))
    if goes_on and not last_is_ours:
        raise refuse("continue_final_message", mark("The last message must be the assistant's to go on with it"))
    wants_logprobs = fields.flag("logprobs") or False
    top = fields.whole("top_logprobs", 0, 20)
    if top is not None and not wants_logprobs:
        raise refuse("top_logprobs", mark("It needs logprobs to be true"))
    limit = _limit(fields, "max_completion_tokens", "max_tokens")
    tools, choice = _tools(fields)
    parallel = fields.flag("parallel_tool_calls")
    request = TextRequest(
        messages=messages,
        max_tokens=limit or 1,
        continue_last=goes_on,
        prefill=fields.text("prefill") or "",
        thinking=_thinking(fields),
        tools=tools,
        tool_choice=choice,
        logprobs=max(1, top or 0) if wants_logprobs else 0,
    )
    return _asked(fields, request, is_chat=True, limit=limit, logprobs=wants_logprobs, alternatives=top or 0, one_call=parallel is False)


def read_completion(body: Mapping[str, Any]) -> Asked:
    """POST /v1/completions. Raises BadRequest."""
    fields = Fields(body)
    prompts = _texts(fields.take("prompt", ""), "prompt", MOST_CHOICES)
    top = fields.whole("logprobs", 0, 20)
    echo = fields.flag("echo") or False
    if echo and top is not None:
        raise refuse("logprobs", mark("The tokens of the prompt have no probabilities here: leave out echo or logprobs"))
    limit = _limit(fields, "max_tokens", default=COMPLETION_TOKENS)
    request = TextRequest(prompt=prompts[0], max_tokens=limit or 1, logprobs=max(1, top) if top is not None else 0)
    return _asked(fields, request, is_chat=False, limit=limit, logprobs=top is not None, alternatives=top or 0, echo=echo, prompts=prompts)


def read_embeddings(body: Mapping[str, Any]) -> EmbeddingsAsked:
    """POST /v1/embeddings. Raises BadRequest."""
    fields = Fields(body)
    texts = _texts(fields.take("input"), "input", MOST_TEXTS)
    if any(not text for text in texts):
        raise refuse("input", mark("A text is empty"))
    encoding = one_of(fields.text("encoding_format") or "float", "encoding_format", ("float", "base64"))
    dimensions = fields.whole("dimensions", 1, 1 << 20)
    asked = EmbeddingsAsked(fields.text("model") or "", texts, "base64" if encoding == "base64" else "float", dimensions, _person(fields))
    _pass_over(fields)
    fields.nothing_left()
    return asked


def _asked(fields: Fields, request: TextRequest, *, is_chat: bool, limit: int | None, prompts: tuple[str, ...] = ("",), **known: Any) -> Asked:
    """The fields that chats and completions share."""
    count = fields.whole("n", 1, MOST_CHOICES) or 1
    if count * len(prompts) > MOST_CHOICES:
        raise refuse("n", mark("At most {most} replies can be asked for at once"), most=MOST_CHOICES)
    stream = fields.flag("stream") or False
    request = replace(
        request,
        sampling=_sampling(fields),
        stop=_stops(fields.take("stop", None)),
        json_schema=_schema(fields),
        grammar=fields.text("grammar") or None,
        lookup=fields.flag("lookup"),
        private=True if (private := fields.flag("private")) is None else private,
    )
    include_usage = _stream_options(fields, stream)
    model, person = fields.text("model") or "", _person(fields)
    _pass_over(fields)
    fields.nothing_left()
    check_request(request)
    requests = []
    for prompt in prompts:
        for number in range(count):
            # Siblings with one seed would be the same text `count` times.
            seed = request.sampling.seed
            sampling = replace(request.sampling, seed=(seed + number) & 0xFFFFFFFF) if seed is not None else request.sampling
            requests.append(replace(request, sampling=sampling, prompt=None if is_chat else prompt))
    return Asked(model, tuple(requests), is_chat, to_the_end=limit is None, stream=stream, include_usage=include_usage, person=person, **known)


# -- messages and tools -------------------------------------------------------------------------------------------------

_ROLES: Mapping[str, Role] = {"system": "system", "developer": "system", "user": "user", "assistant": "assistant", "tool": "tool"}


def _messages(value: object) -> Iterable[Message]:
    if not isinstance(value, list) or not value:
        raise refuse("messages", mark("It must be a list with at least one message"))
    for number, one in enumerate(value):
        where = f"messages[{number}]"
        if not isinstance(one, dict):
            raise refuse(where, mark("A message must be an object"))
        fields = Fields(one, where)
        role = one_of(text_of(fields.take("role"), f"{where}.role"), f"{where}.role", tuple(_ROLES))
        calls = tuple(_calls(fields.take("tool_calls", None), where)) if role == "assistant" else ()
        content = fields.take("content", None)
        if content is None and not calls:
            raise refuse(f"{where}.content", mark("A message needs a content"))
        text = _content(content, f"{where}.content")
        answers = fields.text("tool_call_id") or ""
        if role == "tool" and not answers:
            raise refuse(f"{where}.tool_call_id", mark("An answer of a tool must name the call that it answers"))
        # Thoughts of earlier answers are not sent to the model again; names of speakers have no place in the templates.
        for known in ("name", "refusal", "reasoning_content", "reasoning", "annotations", "audio", "function_call"):
            if fields.take(known, None) and known in ("refusal", "audio", "function_call"):
                raise refuse(f"{where}.{known}", mark("This server does not know what to do with it"))
        fields.nothing_left()
        yield Message(_ROLES[role], text, calls, answers)


def _content(value: object, where: str) -> str:
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    if not isinstance(value, list):
        raise refuse(where, mark("It must be a text or a list of parts"))
    texts = []
    for number, part in enumerate(value):
        kind = part.get("type") if isinstance(part, dict) else None
        if not isinstance(part, dict) or kind not in ("text", "input_text"):
            raise refuse(f"{where}[{number}]", mark("Only parts of the type “text” can be read here, not “{kind}”"), kind=str(kind)[:40])
        texts.append(text_of(part.get("text"), f"{where}[{number}].text"))
    return "".join(texts)


def _calls(value: object, where: str) -> Iterable[ToolCall]:
    if value is None:
        return
    if not isinstance(value, list):
        raise refuse(f"{where}.tool_calls", mark("It must be a list"))
    for number, one in enumerate(value):
        at = f"{where}.tool_calls[{number}]"
        function = one.get("function") if isinstance(one, dict) else None
        if not isinstance(one, dict) or not isinstance(function, dict):
            raise refuse(at, mark("A call must be of a function"))
        arguments = text_of(function.get("arguments", "{}"), f"{at}.function.arguments")
        yield ToolCall(_name(function.get("name"), f"{at}.function.name"), arguments, text_of(one.get("id", ""), f"{at}.id"))


def _tools(fields: Fields) -> tuple[tuple[Tool, ...], str]:
    given = fields.take("tools", None)
    if given is not None and (not isinstance(given, list) or len(given) > MOST_TOOLS):
        raise refuse("tools", mark("It must be a list of at most {most} tools"), most=MOST_TOOLS)
    tools = tuple(_tool(one, f"tools[{number}]") for number, one in enumerate(given or ()))
    names = [tool.name for tool in tools]
    if len(set(names)) < len(names):
        raise refuse("tools", mark("Two tools have the same name"))
    choice = fields.take("tool_choice", None)
    if choice is None:
        return tools, "auto"
    if isinstance(choice, dict):
        function = choice.get("function")
        name = _name(function.get("name") if isinstance(function, dict) else None, "tool_choice.function.name")
        if name not in names:
            raise refuse("tool_choice", mark("There is no tool “{name}” among the tools"), name=name)
        return tools, name
    choice = one_of(text_of(choice, "tool_choice"), "tool_choice", ("auto", "none", "required"))
    if choice == "required" and not tools:
        raise refuse("tool_choice", mark("There are no tools to choose from"))
    return tools, choice


def _tool(value: object, where: str) -> Tool:
    function = value.get("function") if isinstance(value, dict) and value.get("type", "function") == "function" else None
    if not isinstance(function, dict):
        raise refuse(where, mark("Only tools of the type “function” are known here"))
    fields = Fields(function, f"{where}.function")
    name = _name(fields.take("name"), f"{where}.function.name")
    if name in ("auto", "none", "required"):
        raise refuse(f"{where}.function.name", mark("“{name}” means something else in tool_choice"), name=name)
    description = fields.text("description") or ""
    parameters = fields.take("parameters", None)
    if parameters is not None and not isinstance(parameters, dict):
        raise refuse(f"{where}.function.parameters", mark("It must be a JSON schema"))
    fields.flag("strict")  # arguments are held to their schema wherever the engine can
    fields.nothing_left()
    return Tool(name, description) if parameters is None else Tool(name, description, _json(parameters))


def _name(value: object, where: str) -> str:
    text = text_of(value, where)
    if not _NAME.fullmatch(text):
        raise refuse(where, mark("A name has 1 to 64 letters without marks, digits, “_”, “-” or “.”"))
    return text


# -- what all have --------------------------------------------------------------------------------------------------------


def _limit(fields: Fields, *names: str, default: int | None = None) -> int | None:
    """The first that is given; -1 is no limit, as llama-server and LM Studio have it. None: no limit."""
    given = {name: fields.whole(name, -1, 1 << 24) for name in (*names, "n_predict")}
    name, found = next(((name, one) for name, one in given.items() if one is not None), ("", default))
    if found == 0:
        raise refuse(name, mark("The length must be at least one token"))
    return None if found == -1 else found


def _sampling(fields: Fields) -> Sampling:
    chosen: dict[str, Any] = {}
    for its, ours in _SAMPLERS.items():
        number = fields.number(its)
        if number is not None:
            chosen[ours] = number
    for its, ours in _WHOLE_SAMPLERS.items():
        whole = fields.whole(its, -1, 2**31 - 1)
        if whole is not None:
            chosen[ours] = whole
    mirostat = fields.take("mirostat", None)
    if mirostat is not None:
        if mirostat not in (0, 2, False, True) or mirostat == 1 and mirostat is not True:
            raise refuse("mirostat", mark("It must be 0 or 2: there is no mirostat 1 here"))
        chosen["mirostat"] = bool(mirostat)
    seed = fields.whole("seed", -(2**63), 2**63)
    if seed is not None and seed != -1:  # -1 is llama-server's word for any
        chosen["seed"] = seed & 0xFFFFFFFF
    breakers = fields.take("dry_sequence_breakers", None)
    if breakers is not None:
        chosen["dry_breakers"] = tuple(_list(breakers, "dry_sequence_breakers"))
    banned = fields.take("banned_phrases", None)
    if banned is not None:
        chosen["banned_phrases"] = tuple(_list(banned, "banned_phrases"))
    order = fields.take("samplers", None)
    if order is not None:
        chosen["order"] = tuple(_SAMPLER_NAMES.get(name, name) for name in _list(order, "samplers"))
    bias = fields.take("logit_bias", None)
    if bias is not None:
        chosen["logit_bias"] = tuple(_biases(bias))
    return Sampling(**chosen)


_BIASES = mark("It must be an object of token numbers with a number each, or a list of pairs")


def _biases(value: object) -> Iterable[tuple[int | str, float]]:
    """OpenAI's `{"token's number": bias}`; llama-server's `[[number or text, bias or false]]`, where false forbids."""
    pairs: list[Any]
    if isinstance(value, dict):
        pairs = [[int(name) if re.fullmatch(r"\d{1,9}", name) else None, bias] for name, bias in value.items()]
    else:
        pairs = value if isinstance(value, list) else [None]
    for pair in pairs:
        token, bias = pair if isinstance(pair, list) and len(pair) == 2 else (None, None)
        bias = -math.inf if bias is False else bias
        if isinstance(token, bool) or not isinstance(token, int | str) or isinstance(bias, bool) or not isinstance(bias, int | float):
            raise refuse("logit_bias", _BIASES)
        if not (bias == -math.inf or abs(bias) < 1e9):  # JSON knows whole numbers that no float can hold
            raise refuse("logit_bias", _BIASES)
        yield token, float(bias)


def _thinking(fields: Fields) -> bool | None:
    """`reasoning_effort` (OpenAI), or `chat_template_kwargs.enable_thinking` (llama-server, vLLM)."""
    effort = fields.text("reasoning_effort")
    thinking = None
    if effort is not None:
        thinking = one_of(effort, "reasoning_effort", ("none", "minimal", "low", "medium", "high", "xhigh", "max")) not in ("none", "minimal")
    kwargs = fields.take("chat_template_kwargs", None)
    if kwargs is not None:
        if not isinstance(kwargs, dict) or set(kwargs) - {"enable_thinking"} or not isinstance(kwargs.get("enable_thinking", False), bool):
            raise refuse("chat_template_kwargs", mark("Only enable_thinking is known here, true or false"))
        thinking = kwargs.get("enable_thinking", thinking)
    return thinking


def _schema(fields: Fields) -> str | None:
    found: list[str] = []
    own = fields.take("json_schema", None)  # llama-server's
    if own is not None:
        found.append(_schema_text(own, "json_schema"))
    form = fields.take("response_format", None)
    if form is not None:
        if not isinstance(form, dict):
            raise refuse("response_format", mark("It must be an object with a type"))
        kind = one_of(text_of(form.get("type"), "response_format.type"), "response_format.type", ("text", "json_object", "json_schema"))
        if kind == "json_schema":
            inner = form.get("json_schema")
            if not isinstance(inner, dict):
                raise refuse("response_format.json_schema", mark("It must be an object with a schema"))
            found.append(_schema_text(inner.get("schema", {}), "response_format.json_schema.schema"))
        elif kind == "json_object":
            found.append(_schema_text(form.get("schema") or {"type": "object"}, "response_format.schema"))
    if len(found) > 1:
        raise refuse("json_schema", mark("A reply takes one schema"))
    return found[0] if found else None


def _schema_text(value: object, where: str) -> str:
    if not isinstance(value, dict):
        raise refuse(where, mark("It must be a JSON schema"))
    return _json(value)


def _json(value: dict[str, Any]) -> str:
    import json

    return json.dumps(value, ensure_ascii=False)


def _stops(value: object) -> tuple[str, ...]:
    stops = [] if value is None else [value] if isinstance(value, str) else _list(value, "stop")
    if len(stops) > MOST_STOPS:
        raise refuse("stop", mark("At most {most} texts can end a reply"), most=MOST_STOPS)
    return tuple(stop for stop in stops if stop)


def _texts(value: object, where: str, most: int) -> tuple[str, ...]:
    if isinstance(value, str):
        return (value,)
    if isinstance(value, list) and value and all(isinstance(one, int | list) for one in value):
        raise refuse(where, mark("Numbers of tokens can't be read here: send the text"))
    texts = tuple(_list(value, where))
    if not 0 < len(texts) <= most:
        raise refuse(where, mark("It must hold 1 to {most} texts"), most=most)
    return texts


def _list(value: object, where: str) -> list[str]:
    if not isinstance(value, list):
        raise refuse(where, mark("It must be a list of texts"))
    return [text_of(one, f"{where}[{number}]") for number, one in enumerate(value)]


def _stream_options(fields: Fields, stream: bool) -> bool:
    options = fields.take("stream_options", None)
    if options is None:
        return False
    if not stream:
        raise refuse("stream_options", mark("It needs stream to be true"))
    if not isinstance(options, dict):
        raise refuse("stream_options", mark("It must be an object"))
    inner = Fields(options, "stream_options")
    wanted = inner.flag("include_usage") or False
    inner.flag("include_obfuscation")  # padding against who listens on the wire: there is no wire
    inner.nothing_left()
    return wanted


def _person(fields: Fields) -> str:
    given = [fields.text(name) for name in ("safety_identifier", "user")]
    return next((name for name in given if name), "")


def _pass_over(fields: Fields) -> None:
    for name in _IGNORED:
        fields.take(name, None)
    for name, values in _AS_IT_IS.items():
        given = fields.take(name, None)
        if given is not None and given not in values:
            raise refuse(name, mark("This server can't do that"), code="unsupported_value")
