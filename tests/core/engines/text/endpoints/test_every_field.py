"""Nothing that a request says is dropped in silence: every field goes out, is refused, is warned of, or is harmless for a reason that
stands here. Who adds a field to `TextRequest`, `Message`, `Tool`, `ToolCall`, `Lora` or `Sampling` comes by here."""

from __future__ import annotations

from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import pytest

from localstory.engines.base import Lora, Message, Sampling, TextRequest, Tool, ToolCall
from localstory.engines.registry import SERVERS
from localstory.engines.text.dialects import DIALECTS, adapter_fields, request_fields
from localstory.engines.text.endpoint import check_offered
from localstory.engines.text.llama_errors import check_request
from localstory.engines.text.ollama import CAPABILITIES, request_body
from localstory.errors import CannotContinue

CALL = ToolCall("clock", '{"zone": 7}', "call_1")
CLOCK = Tool("clock", "The time", '{"type": "object", "properties": {"zone": {"type": "integer"}}}')
TALK = (Message("user", "Hi"), Message("assistant", "", (CALL,)), Message("tool", "12:00", tool_call_id="call_1"), Message("user", "And now?"))
BASE = TextRequest(TALK, tools=(CLOCK,), sampling=Sampling(seed=1))
NO_TALK: dict[str, Any] = {"messages": (), "tools": ()}

CHANGES: dict[str, TextRequest] = {
    "messages": replace(BASE, messages=(*TALK[:-1], Message("user", "Or then?"))),
    "prompt": replace(BASE, **NO_TALK, prompt="Once"),
    "max_tokens": replace(BASE, max_tokens=7),
    "sampling": replace(BASE, sampling=Sampling(seed=1, temperature=0.1)),
    "stop": replace(BASE, stop=("END",)),
    "json_schema": replace(BASE, json_schema='{"type": "array"}'),
    "score": replace(BASE, score=True),
    "grammar": replace(BASE, grammar='root ::= "a"'),
    "logprobs": replace(BASE, logprobs=3),
    "prefill": replace(BASE, prefill="Well,"),
    "continue_last": replace(BASE, messages=(*TALK[:-1], Message("assistant", "It is")), continue_last=True),
    "thinking": replace(BASE, thinking=False),
    "tools": replace(BASE, tools=(replace(CLOCK, name="bell"),)),
    "tool_choice": replace(BASE, tool_choice="required"),
    "loras": replace(BASE, loras=(Lora(Path("a.gguf")),)),
    "lookup": replace(BASE, lookup=True),
    "private": replace(BASE, private=True),
}
"""For each field of `TextRequest`, `BASE` with another value there."""

_LOOKUP = "guessing changes no word of the reply, only how fast it comes: a server guesses as it was started"
_PRIVATE = "the chat questions of its interface keep no conversation; there is no field to say more"
HARMLESS: dict[tuple[str, str], str] = {
    **{(kind, "lookup"): _LOOKUP for kind in SERVERS if kind != "localstory"},
    **{(kind, "private"): _PRIVATE for kind in SERVERS if kind != "localstory"},
    **{(kind, "score"): "`Reply.mean_logprob` is None where a server gives no probabilities" for kind in ("lmstudio", "koboldcpp")},
}
"""(server, field): why it may be left out without a word."""


def sent(kind: str, request: TextRequest) -> tuple[str, Any]:
    """("sent", what goes out) or ("refused" | "warned", in which words)."""
    try:
        check_request(request)
        can = CAPABILITIES if kind == "ollama" else DIALECTS[kind].capabilities()
        warnings = check_offered(request, can, "h")
    except CannotContinue as refusal:
        return "refused", refusal.code
    if warnings:
        return "warned", [one.template for one in warnings]
    if kind == "ollama":
        return "sent", request_body(request, "m", request.sampling.seed or 0, 4096, None)
    adapters = adapter_fields([{"id": 0, "path": "a.gguf"}, {"id": 1, "path": "b.gguf"}], request.loras, "h")
    return "sent", (*request_fields(request, DIALECTS[kind], "m", request.sampling.seed or 0), adapters)


def test_there_is_a_change_for_every_field() -> None:
    assert set(CHANGES) == {one.name for one in fields(TextRequest)}
    for name, changed in CHANGES.items():
        assert getattr(changed, name) != getattr(BASE, name)


@pytest.mark.parametrize("kind", SERVERS)
def test_every_field_of_a_request_is_sent_refused_or_harmless(kind: str) -> None:
    how, before = sent(kind, BASE)
    assert how == "sent"
    for name, changed in CHANGES.items():
        is_dropped = sent(kind, changed) == ("sent", before)
        assert is_dropped == ((kind, name) in HARMLESS), f"{kind} drops {name} in silence" if is_dropped else f"{name} is no longer harmless for {kind}"


@pytest.mark.parametrize("kind", SERVERS)
def test_every_field_of_messages_tools_calls_and_adapters_is_sent(kind: str) -> None:
    parts: dict[type, tuple[Any, dict[str, Any]]] = {
        Message: (
            lambda **change: replace(BASE, messages=(replace(TALK[0], **change), *TALK[1:])),
            {"role": "system", "text": "Hello", "tool_calls": (), "tool_call_id": ""},
        ),
        Tool: (lambda **change: replace(BASE, tools=(replace(CLOCK, **change),)), {"name": "bell", "description": "", "parameters": '{"type": "object"}'}),
        ToolCall: (
            lambda **change: replace(BASE, messages=(TALK[0], replace(TALK[1], tool_calls=(replace(CALL, **change),)), *TALK[2:])),
            {"name": "bell", "arguments": "{}", "id": "call_2"},
        ),
    }
    parts[Message][1]["tool_calls"] = (ToolCall("clock", "{}", "call_0"),)
    before = sent(kind, BASE)
    for part, (made, changes) in parts.items():
        assert set(changes) == {one.name for one in fields(part)}
        for name, value in changes.items():
            if (part, name) == (Message, "tool_call_id"):  # a tool's message alone has one
                changed = replace(BASE, messages=(*TALK[:2], replace(TALK[2], tool_call_id="call_other"), TALK[3]))
            else:
                changed = made(**{name: value})
            how = sent(kind, changed)
            assert how[0] == "sent" and how != before, f"{kind} drops {part.__name__}.{name}"
    adapted = replace(BASE, loras=(Lora(Path("a.gguf"), 0.5),))
    changes = {"path": Path("b.gguf"), "strength": 0.7}
    assert set(changes) == {one.name for one in fields(Lora)}
    for name, value in changes.items():
        changed = replace(adapted, loras=(replace(adapted.loras[0], **{name: value}),))
        assert sent(kind, changed)[0] == "refused" or sent(kind, changed) != sent(kind, adapted)


@pytest.mark.parametrize("kind", SERVERS)
def test_every_setting_of_the_sampling_is_sent_or_warned_of(kind: str) -> None:
    usual: dict[type, Any] = {float: 0.31, int: 7, bool: True, type(None): 5}
    special: dict[str, Any] = {"dry_base": 2.0, "dry_breakers": ("Mai",), "logit_bias": ((7, 1.0),), "banned_phrases": ("Mai",), "order": ("top_k",)}
    for one in fields(Sampling):
        value = special[one.name] if one.name in special else usual[type(one.default)]
        how, what = sent(kind, replace(BASE, sampling=replace(BASE.sampling, **{one.name: value})))
        assert how in ("sent", "warned"), (one.name, what)
        assert (how, what) != sent(kind, BASE), f"{kind} drops {one.name} in silence"
