"""From JSON to a request, field by field; what is not understood is refused by its name."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from localstory.engines.base import Sampling, Tool
from localstory.engines.text.dialects import LLAMA_SERVER, OPENAI, request_fields
from localstory.errors import BadRequest, CannotContinue
from localstory.server.asking import read_chat, read_completion, read_embeddings
from localstory.server.fields import read_json
from localstory.server.refusals import refusal
from tests.contracts.text_contract import ASK


def body(**more: Any) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": "Hi"}], **more}


@pytest.mark.parametrize(
    ("given_fields", "field", "value"),
    [
        ({"temperature": 0}, "temperature", 0.0), ({"top_p": 0.5}, "top_p", 0.5), ({"top_k": 5}, "top_k", 5), ({"top_k": 5.0}, "top_k", 5),
        ({"min_p": 0.1}, "min_p", 0.1), ({"repeat_penalty": 1.2}, "repeat_penalty", 1.2), ({"repeat_last_n": -1}, "repeat_last_n", -1),
        ({"frequency_penalty": -1}, "frequency_penalty", -1.0), ({"presence_penalty": 1.5}, "presence_penalty", 1.5), ({"seed": 42}, "seed", 42),
        ({"seed": -1}, "seed", None), ({"seed": None}, "seed", None), ({"typical_p": 0.9}, "typical_p", 0.9), ({"top_n_sigma": 1}, "top_n_sigma", 1.0),
        ({"xtc_probability": 0.5}, "xtc_probability", 0.5), ({"xtc_threshold": 0.2}, "xtc_threshold", 0.2), ({"dry_multiplier": 0.8}, "dry_multiplier", 0.8),
        ({"dry_base": 2}, "dry_base", 2.0), ({"dry_allowed_length": 3}, "dry_allowed_length", 3), ({"dry_penalty_last_n": 64}, "dry_last_n", 64),
        ({"dry_sequence_breakers": ["\n", "đ"]}, "dry_breakers", ("\n", "đ")), ({"dynatemp_range": 0.5}, "dynatemp_range", 0.5),
        ({"mirostat": 2}, "mirostat", True), ({"mirostat": 0}, "mirostat", False), ({"mirostat_tau": 4}, "mirostat_tau", 4.0),
        ({"logit_bias": {"15": -100, "7": 2.5}}, "logit_bias", ((15, -100.0), (7, 2.5))),
        ({"logit_bias": [[3, False], [" a", 1]]}, "logit_bias", ((3, -math.inf), (" a", 1.0))),
        ({"samplers": ["top_k", "typ_p", "temperature"]}, "order", ("top_k", "typical", "temperature")),
        ({"banned_phrases": ["no no"]}, "banned_phrases", ("no no",)),
    ],
)  # fmt: skip
def test_samplers(given_fields: dict[str, Any], field: str, value: Any) -> None:
    for asked in (read_chat(body(**given_fields)), read_completion({"prompt": "a", **given_fields})):
        assert getattr(asked.requests[0].sampling, field) == value


def test_what_is_not_said_is_the_engine_s_own() -> None:
    asked = read_chat(body())
    assert asked.requests[0].sampling == Sampling() and asked.to_the_end and not asked.stream
    assert asked.requests[0].private  # what another program says is kept in no file of ours
    assert read_completion({"prompt": "a"}).requests[0].max_tokens == 16


def test_everything_that_our_own_client_can_say_is_understood() -> None:
    """The other side of the wire, with values that are no defaults."""
    sampling = Sampling(
        0.7, 20, 0.9, 0.1, 1.1, 32, 9, 0.5, -0.5, 0.9, 1.5, 0.2, 0.3, 0.8, 1.9, 3, 128, ("\n",), 0.4, 1.2, True, 4.0, 0.2, ((3, -math.inf), ("x", 1.5))
    )
    official, own = request_fields(replace(ASK, sampling=sampling), LLAMA_SERVER, "m", 9)
    understood = read_chat(json.loads(json.dumps(official | own)))
    assert understood.requests[0].sampling == sampling
    assert understood.requests[0].messages == ASK.messages and understood.stream and understood.include_usage
    official, own = request_fields(ASK, OPENAI, "m", 7)
    assert read_chat(official | own).requests[0].max_tokens == ASK.max_tokens


def ASK_WITH(sampling: Sampling) -> Any:
    from dataclasses import replace

    return replace(ASK, sampling=sampling)


@pytest.mark.parametrize(
    ("wrong", "param"),
    [
        ({"messages": []}, "messages"), ({"messages": "Hi"}, "messages"), ({"messages": [1]}, "messages[0]"),
        ({"messages": [{"content": "a"}]}, "messages[0].role"),
        ({"messages": [{"role": "wizard", "content": "a"}]}, "messages[0].role"), ({"messages": [{"role": "user"}]}, "messages[0].content"),
        ({"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "x"}}]}]}, "messages[0].content[0]"),
        ({"messages": [{"role": "user", "content": 5}]}, "messages[0].content"),
        ({"messages": [{"role": "tool", "content": "a"}]}, "messages[0].tool_call_id"),
        ({"messages": [{"role": "user", "content": "a", "colour": 1}]}, "messages[0].colour"), ({"max_tokens": 0}, "max_tokens"),
        ({"max_tokens": "5"}, "max_tokens"),
        ({"max_tokens": 1.5}, "max_tokens"), ({"max_tokens": True}, "max_tokens"), ({"temperature": "hot"}, "temperature"),
        ({"temperature": -1}, "temperature"),
        ({"top_p": 2}, "top_p"), ({"top_k": -1}, "top_k"), ({"stream": "yes"}, "stream"), ({"n": 0}, "n"), ({"n": 17}, "n"), ({"stop": 5}, "stop"),
        ({"stop": ["a"] * 65}, "stop"),
        ({"stop": ["a", 5]}, "stop[1]"), ({"logit_bias": {"x": 1}}, "logit_bias"), ({"logit_bias": {"1": "x"}}, "logit_bias"),
        ({"logit_bias": 5}, "logit_bias"), ({"logit_bias": {"1": 10**400}}, "logit_bias"), ({"logit_bias": [[1, 1e400]]}, "logit_bias"),
        ({"top_logprobs": 3}, "top_logprobs"), ({"logprobs": True, "top_logprobs": 21}, "top_logprobs"),
        ({"response_format": {"type": "xml"}}, "response_format.type"),
        ({"response_format": {"type": "json_schema"}}, "response_format.json_schema"), ({"response_format": "json"}, "response_format"),
        ({"json_schema": 5}, "json_schema"),
        ({"json_schema": {}, "response_format": {"type": "json_object"}}, "json_schema"), ({"tools": 5}, "tools"),
        ({"tools": [{"type": "web_search"}]}, "tools[0]"),
        ({"tools": [{"type": "function", "function": {"name": "a b"}}]}, "tools[0].function.name"), ({"tool_choice": "required"}, "tool_choice"),
        ({"tool_choice": {"type": "function", "function": {"name": "x"}}}, "tool_choice"), ({"stream_options": {"include_usage": True}}, "stream_options"),
        ({"stream": True, "stream_options": {"x": 1}}, "stream_options.x"), ({"continue_final_message": True}, "continue_final_message"),
        ({"mirostat": 1}, "mirostat"),
        ({"reasoning_effort": "huge"}, "reasoning_effort"), ({"chat_template_kwargs": {"x": 1}}, "chat_template_kwargs"), ({"store": True}, "store"),
        ({"functions": []}, "functions"), ({"temprature": 1}, "temprature"), ({"samplers": ["magic"]}, "order"), ({"model": 5}, "model"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_refused_by_name(wrong: dict[str, Any], param: str) -> None:
    with pytest.raises(BadRequest) as refused:
        read_chat(body() | wrong)
    said = refusal(refused.value)
    assert said.status == 400 and said.body["error"]["param"] == param
    assert said.body["error"]["type"] == "invalid_request_error" and said.body["error"]["message"].endswith(".") and "{" not in said.body["error"]["message"]


@pytest.mark.parametrize(
    "wrong",
    [
        {"best_of": 3}, {"suffix": "end"}, {"prompt": [1, 2]}, {"prompt": [[1]]}, {"prompt": []}, {"prompt": ["a"] * 17}, {"messages": []},
        {"echo": True, "logprobs": 1},
    ],
)  # fmt: skip
def test_completions_refuse_what_they_cannot_do(wrong: dict[str, Any]) -> None:
    with pytest.raises(BadRequest):
        read_completion({"prompt": "a"} | wrong)


def test_content_in_parts_roles_and_tools() -> None:
    tool = {"type": "function", "function": {"name": "now", "description": "The time", "parameters": {"type": "object"}, "strict": True}}
    parts = [{"type": "text", "text": "Xin "}, {"type": "text", "text": "chào 🐉"}]
    asked = read_chat(
        {
            "messages": [{"role": "developer", "content": "Be kind."}, {"role": "user", "content": parts, "name": "Mai"}],
            "tools": [tool, {"type": "function", "function": {"name": "never"}}],
            "tool_choice": {"type": "function", "function": {"name": "now"}},
            "user": "mai", "metadata": {"a": 1}, "store": False, "stop": "END", "n": 3, "seed": 5, "max_completion_tokens": 9, "max_tokens": 5,
        }
    )  # fmt: skip
    request = asked.requests[0]
    assert [(message.role, message.text) for message in request.messages] == [("system", "Be kind."), ("user", "Xin chào 🐉")]
    assert request.tools == (Tool("now", "The time", '{"type": "object"}'), Tool("never")) and request.tool_choice == "now"
    assert request.stop == ("END",) and request.max_tokens == 9 and not asked.to_the_end
    assert [one.sampling.seed for one in asked.requests] == [5, 6, 7]  # the same seed three times would be one text three times


def test_forms() -> None:
    schema = {"type": "object", "properties": {"tên": {"type": "string"}}}
    named = read_chat(body(response_format={"type": "json_schema", "json_schema": {"name": "x", "strict": True, "schema": schema}})).requests[0]
    assert json.loads(str(named.json_schema)) == schema
    assert json.loads(str(read_chat(body(response_format={"type": "json_object"})).requests[0].json_schema)) == {"type": "object"}
    assert read_chat(body(response_format={"type": "text"})).requests[0].json_schema is None
    assert json.loads(str(read_completion({"prompt": "a", "json_schema": schema}).requests[0].json_schema)) == schema
    with pytest.raises(BadRequest):
        read_chat(body(grammar='root ::= "a"', json_schema=schema))


def test_going_on_and_thinking() -> None:
    talk = [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Well,", "reasoning_content": "hm"}]
    assert read_chat({"messages": talk, "continue_final_message": True, "add_generation_prompt": False}).requests[0].continue_last
    assert not read_chat({"messages": talk}).requests[0].continue_last
    assert read_chat(body(prefill="Sure")).requests[0].prefill == "Sure"
    assert [read_chat(body(reasoning_effort=one)).requests[0].thinking for one in ("none", "low", "high")] == [False, True, True]
    assert read_chat(body(chat_template_kwargs={"enable_thinking": False})).requests[0].thinking is False
    assert read_chat(body()).requests[0].thinking is None


def test_embeddings() -> None:
    assert read_embeddings({"input": "a", "model": "m"}).texts == ("a",)
    asked = read_embeddings({"input": ["a", "b"], "encoding_format": "base64", "dimensions": 5, "user": "x"})
    assert (asked.texts, asked.encoding, asked.dimensions) == (("a", "b"), "base64", 5)
    wrongs: list[dict[str, Any]] = [
        {},
        {"input": []},
        {"input": ["a", ""]},
        {"input": [1]},
        {"input": "a", "encoding_format": "int8"},
        {"input": "a", "dimensions": 0},
        {"input": "a", "x": 1},
    ]
    for wrong in wrongs:
        with pytest.raises(BadRequest):
            read_embeddings(wrong)


_PLAIN = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text() | st.sampled_from([10**400, -(10**400), 2**63, 1e308, 10**9])
_JSON = st.recursive(
    _PLAIN, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3)
)  # fmt: skip
_NAMES = st.sampled_from(
    "messages model max_tokens temperature top_p top_k stop seed n stream stream_options logprobs top_logprobs logit_bias response_format tools tool_choice "
    "prompt input grammar json_schema samplers mirostat dry_sequence_breakers reasoning_effort chat_template_kwargs continue_final_message store".split()
)  # fmt: skip


# Whatever stands where a value may stand, in bodies that are right otherwise: random ones seldom get so far.
_ALMOST = _JSON | st.one_of(
    st.fixed_dictionaries({"type": st.sampled_from(["json_schema", "json_object", "text"]), "json_schema": st.fixed_dictionaries({"schema": _JSON})}),
    st.dictionaries(st.sampled_from("0 1 999999999 x".split()), _PLAIN, max_size=2),
    st.lists(st.tuples(_PLAIN, _PLAIN).map(list), max_size=2),
    st.lists(st.fixed_dictionaries({"role": st.sampled_from(["user", "assistant", "tool"]), "content": _JSON}, optional={"tool_calls": _JSON}), max_size=2),
    st.lists(st.fixed_dictionaries({"type": st.just("function"), "function": st.fixed_dictionaries({"name": _PLAIN, "parameters": _JSON})}), max_size=2),
)


@given(values=st.dictionaries(_NAMES, _ALMOST, max_size=6), with_messages=st.booleans())
@example({"logit_bias": {"1": 10**400}}, True)
def test_whatever_json_comes_is_a_request_or_a_refusal(values: dict[str, Any], with_messages: bool) -> None:
    for read in (read_chat, read_completion, read_embeddings):
        try:
            read((body() if with_messages else {}) | values)
        except CannotContinue as error:
            said = refusal(error)
            assert 400 <= said.status < 500
            json.dumps(said.body)


@given(content=st.binary(max_size=60))
def test_whatever_bytes_come(content: bytes) -> None:
    try:
        assert isinstance(read_json(content), dict)
    except CannotContinue as error:
        assert refusal(error).status == 400


def test_every_error_of_the_program_has_a_status_and_a_sentence() -> None:
    """Those that can be made without arguments of their own kind stand for their classes; all are worded and JSON."""
    import importlib
    import inspect
    import pkgutil

    import localstory

    for module in pkgutil.walk_packages(localstory.__path__, "localstory."):
        if "worker" not in module.name and "__main__" not in module.name:
            importlib.import_module(module.name)
    kinds: list[type[CannotContinue]] = []
    waiting = [CannotContinue]
    while waiting:
        kind = waiting.pop()
        kinds.append(kind)
        waiting += kind.__subclasses__()
    assert len(kinds) > 40
    for kind in kinds:
        error = kind.__new__(kind)
        names = list(inspect.signature(kind.__init__).parameters)[1:]
        CannotContinue.__init__(error, title="Something", detail="is", hint="so")
        for name in ("prompt_tokens", "context_length", "retry_seconds"):
            setattr(error, name, 5)
        for name in ("param", "own_code"):
            if hasattr(error, name) or name in names or kind.__module__.endswith("refusals"):
                setattr(error, name, "x")
        error.status = 409  # type: ignore[attr-defined]
        said = refusal(error)
        assert 400 <= said.status < 600 and set(said.body["error"]) >= {"message", "type", "param", "code"}
        assert said.body["error"]["message"] == "Something. is. so." and said.body["error"]["code"]
