"""The real `openai` client against our server: what a script in the wild would do."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import openai
import pytest
from pydantic import BaseModel, Field

from localstory.engines.base import Message, Reply, TextPiece, TextRequest, Timing, ToolCall, Usage
from localstory.engines.text.fake import FakeTextEngine
from localstory.engines.text.llama_cpp import LlamaCppEngine
from localstory.engines.text.llama_errors import NotEnoughMemory
from localstory.errors import BadRequest
from localstory.net.errors import NoConnection
from tests.fakes.served import Served

ASK: Any = [{"role": "user", "content": "Tell me about the sea."}]
WEATHER: Any = {
    "type": "function",
    "function": {"name": "weather", "description": "The weather", "parameters": {"type": "object", "properties": {"city": {"type": "string"}}}},
}


class Person(BaseModel):
    name: str = Field(max_length=20)
    age: int = Field(ge=1, le=99)
    mood: Literal["vui 🌞", 'say "hi"']
    anything: Any = None


def client_of(served: Served, key: str = "") -> openai.OpenAI:
    return openai.OpenAI(base_url=f"{served.url}/v1", api_key=key or served.key, max_retries=0, timeout=150)


class Calling(FakeTextEngine):
    """Asks for the weather when it may."""

    async def reply(self, request: TextRequest) -> Any:
        async for event in super().reply(request):
            if isinstance(event, Reply) and request.tools and request.tool_choice != "none":
                calls = (ToolCall("weather", '{"city": "Huế"}', "call_1"), ToolCall("weather", '{"city": "Đà Lạt"}'))
                event = Reply("", Usage(9, 4, 3), Timing(0.1, 0.2, 0.3, 0.2, 7.0), "end", "Fake", "fake", 1, tool_calls=calls)
            elif isinstance(event, TextPiece) and request.tools and request.tool_choice != "none":
                continue
            yield event


@pytest.fixture(scope="module")
def served() -> Iterator[Served]:
    def say(request: TextRequest) -> str:
        return "<think>Hm, deep.</think>It is wide." if request.thinking else "The sea is wide, Mai 🐉 said. It is đẹp."

    with Served({"sea": Calling(say), "slow": FakeTextEngine("a b c d " * 500, seconds_per_token=0.01)}) as served:
        yield served


@pytest.fixture
def client(served: Served) -> Iterator[openai.OpenAI]:
    with client_of(served) as client:
        yield client


def test_a_chat_at_once_and_in_pieces_is_the_same(client: openai.OpenAI) -> None:
    whole = client.chat.completions.create(model="sea", messages=ASK, seed=7)
    assert whole.choices[0].message.content == "The sea is wide, Mai 🐉 said. It is đẹp."
    assert whole.choices[0].finish_reason == "stop" and whole.object == "chat.completion" and whole.model == "sea"
    assert whole.usage is not None and whole.usage.total_tokens == whole.usage.prompt_tokens + whole.usage.completion_tokens
    chunks = list(client.chat.completions.create(model="sea", messages=ASK, seed=7, stream=True, stream_options={"include_usage": True}))
    assert chunks[0].choices[0].delta.role == "assistant"
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices) == whole.choices[0].message.content
    assert [chunk.choices[0].finish_reason for chunk in chunks if chunk.choices][-1] == "stop"
    assert chunks[-1].choices == [] and chunks[-1].usage is not None and chunks[-1].usage.completion_tokens == whole.usage.completion_tokens
    assert chunks[-1].usage.prompt_tokens_details is not None and all(chunk.usage is None for chunk in chunks[:-1])
    assert len({chunk.id for chunk in chunks}) == 1


def test_without_the_wish_no_usage_comes(client: openai.OpenAI) -> None:
    chunks = list(client.chat.completions.create(model="sea", messages=ASK, stream=True))
    assert all(chunk.usage is None and chunk.choices for chunk in chunks)


def test_thoughts_come_apart(client: openai.OpenAI) -> None:
    whole = client.chat.completions.create(model="sea", messages=ASK, reasoning_effort="high")
    assert (whole.choices[0].message.content, whole.choices[0].message.reasoning_content) == ("It is wide.", "Hm, deep.")  # type: ignore[attr-defined]
    deltas = [chunk.choices[0].delta for chunk in client.chat.completions.create(model="sea", messages=ASK, reasoning_effort="high", stream=True)]
    assert "".join(getattr(delta, "reasoning_content", None) or "" for delta in deltas) == "Hm, deep."
    assert "".join(delta.content or "" for delta in deltas) == "It is wide."
    assert "It is đẹp" in str(client.chat.completions.create(model="sea", messages=ASK, reasoning_effort="none").choices[0].message.content)


def test_tools_are_called_and_their_answers_come_back(client: openai.OpenAI, served: Served) -> None:
    said = client.chat.completions.create(model="sea", messages=ASK, tools=[WEATHER], tool_choice="auto")
    assert said.choices[0].finish_reason == "tool_calls" and said.choices[0].message.content is None
    calls = said.choices[0].message.tool_calls
    assert calls is not None and [call.function.arguments for call in calls] == ['{"city": "Huế"}', '{"city": "Đà Lạt"}']  # type: ignore[union-attr]
    assert calls[0].id == "call_1" and calls[1].id and calls[1].id != "call_1"
    turn: Any = [*ASK, said.choices[0].message, {"role": "tool", "tool_call_id": "call_1", "content": "Rain"}]
    client.chat.completions.create(model="sea", messages=turn, tools=[WEATHER], tool_choice="none")
    request = served.engine.requests[-1]
    assert request.tools[0].name == "weather" and json.loads(request.tools[0].parameters)["properties"]["city"] == {"type": "string"}
    assert request.tool_choice == "none"
    assert request.messages[1].tool_calls[0] == ToolCall("weather", '{"city": "Huế"}', "call_1")
    assert request.messages[2] == Message("tool", "Rain", (), "call_1")


def test_tool_calls_in_a_stream(client: openai.OpenAI) -> None:
    with client.chat.completions.stream(model="sea", messages=ASK, tools=[WEATHER]) as stream:
        final = stream.get_final_completion()
    assert final.choices[0].finish_reason == "tool_calls"
    assert [call.function.name for call in final.choices[0].message.tool_calls or ()] == ["weather", "weather"]
    one = client.chat.completions.create(model="sea", messages=ASK, tools=[WEATHER], parallel_tool_calls=False)
    assert len(one.choices[0].message.tool_calls or ()) == 1


def test_completions_of_several_prompts_and_siblings(client: openai.OpenAI) -> None:
    said = client.completions.create(model="sea", prompt=["One", "Two"], n=2, max_tokens=4, seed=5, echo=True)
    assert [choice.index for choice in said.choices] == [0, 1, 2, 3]
    assert [choice.text.split()[0] for choice in said.choices] == ["OneThe", "OneThe", "TwoThe", "TwoThe"]
    assert all(choice.finish_reason == "length" for choice in said.choices)
    assert said.usage is not None and (said.usage.prompt_tokens, said.usage.completion_tokens) == (2, 16)
    chunks = list(client.completions.create(model="sea", prompt=["One", "Two"], max_tokens=4, stream=True))
    texts = {index: "".join(chunk.choices[0].text for chunk in chunks if chunk.choices and chunk.choices[0].index == index) for index in (0, 1)}
    assert texts == {0: "The sea is wide,", 1: "The sea is wide,"}
    assert client.completions.create(model="sea", prompt="Hm").usage.completion_tokens <= 16  # type: ignore[union-attr]


def test_the_models_are_listed_and_named(client: openai.OpenAI) -> None:
    assert [model.id for model in client.models.list()] == ["sea", "slow"]
    assert client.models.retrieve("slow").owned_by == "localstory"
    with pytest.raises(openai.NotFoundError) as missing:
        client.models.retrieve("../../etc/passwd")
    assert missing.value.code == "model_not_found"
    for name in ("gpt-4o", "se", "/etc/passwd", "sea/../sea"):
        with pytest.raises(openai.NotFoundError) as missing:
            client.chat.completions.create(model=name, messages=ASK)
        assert missing.value.code == "model_not_found" and name in missing.value.message
    for name in ("default", "", "SEA"):
        assert client.chat.completions.create(model=name, messages=ASK, max_tokens=2).model == "sea"


class Broken(FakeTextEngine):
    """Fails after some words."""

    async def reply(self, request: TextRequest) -> Any:
        yield TextPiece("So far")
        raise RuntimeError("our bug, with a secret in it")


def test_errors_are_those_of_openai() -> None:
    troubles: dict[str, tuple[Any, type[openai.APIError], str]] = {
        "long": (FakeTextEngine(context_length=3), openai.BadRequestError, "context_length_exceeded"),
        "bad": (FakeTextEngine([BadRequest(title="No")]), openai.BadRequestError, "bad_request"),
        "memory": (FakeTextEngine([NotEnoughMemory(4096)]), openai.InternalServerError, "out_of_memory"),
        "far": (FakeTextEngine([NoConnection("x", "gone")]), openai.InternalServerError, "no_connection"),
        "bug": (Broken(), openai.InternalServerError, "internal_error"),
    }
    with Served({name: engine for name, (engine, _kind, _code) in troubles.items()}) as served, client_of(served) as client:
        for name, (_engine, kind, code) in troubles.items():
            for stream in (False, True):
                if name == "bug" and stream:
                    continue
                with pytest.raises(kind) as raised:
                    client.chat.completions.create(model=name, messages=ASK, stream=stream)
                assert raised.value.code == code and "secret" not in str(raised.value)
        with pytest.raises(openai.APIError, match="inside localstory"):  # in the middle of a stream: what came stands, the end is an error
            words = []
            for chunk in client.chat.completions.create(model="bug", messages=ASK, stream=True):
                words.append(chunk.choices[0].delta.content)
        assert words == ["", "So far"]
        with pytest.raises(openai.BadRequestError) as long:
            client.chat.completions.create(model="long", messages=ASK)
        body: Any = long.value.body
        assert (body["n_prompt_tokens"], body["n_ctx"]) == (5, 3)
        with client_of(served, "sk-wrong") as stranger, pytest.raises(openai.AuthenticationError):
            stranger.models.list()
        with pytest.raises(openai.BadRequestError) as unknown:
            client.chat.completions.create(model="long", messages=ASK, extra_body={"temprature": 1})
        assert unknown.value.param == "temprature"


def test_embeddings_as_numbers_and_as_bytes(client: openai.OpenAI) -> None:
    as_numbers = client.embeddings.create(model="sea", input=["one", "two"], encoding_format="float")
    as_bytes = client.embeddings.create(model="sea", input=["one", "two"])  # the client asks for base64 by itself
    for one, other in zip(as_numbers.data, as_bytes.data, strict=True):
        assert one.embedding == pytest.approx(other.embedding, abs=1e-6) and one.index == other.index
        assert math.isclose(sum(number * number for number in one.embedding), 1.0, rel_tol=1e-3)
    assert as_numbers.usage.total_tokens > 0
    size = len(as_numbers.data[0].embedding)
    assert len(client.embeddings.create(model="sea", input="one", dimensions=size).data[0].embedding) == size
    wrongs: list[dict[str, Any]] = [{"dimensions": size - 1}, {"input": [[1, 2]]}, {"input": []}, {"input": ""}]
    for wrong in wrongs:
        with pytest.raises(openai.BadRequestError):
            client.embeddings.create(**({"model": "sea", "input": "one"} | wrong))


def test_a_client_that_hangs_up_ends_its_reply_within_half_a_second(client: openai.OpenAI, served: Served) -> None:
    slow = served.shelf.engines["slow"]
    for stream in (True, False):
        slow.given_up.clear()
        if stream:
            events = client.chat.completions.create(model="slow", messages=ASK, stream=True)
            next(iter(events))
            left = time.monotonic()
            events.close()
        else:
            with pytest.raises(openai.APITimeoutError):
                client.with_options(timeout=0.3).chat.completions.create(model="slow", messages=ASK)
            left = time.monotonic()
        for _attempt in range(100):
            if slow.given_up:
                break
            time.sleep(0.01)
        assert slow.given_up and slow.given_up[0] - left < 0.5


# -- the real model ------------------------------------------------------------------------------------------------------


@pytest.fixture
def real(smollm2: Path) -> Iterator[openai.OpenAI]:
    engine = LlamaCppEngine(smollm2, threads=1)
    with Served({"SmolLM2-135M-Instruct": engine}) as served:
        with client_of(served) as client:
            yield client
        served.runtime.run(engine.close())


def test_with_the_real_model(real: openai.OpenAI) -> None:
    """One load for all of it: chat, stream, cache, schema, logprobs, embeddings, the window."""
    settings: Any = {"model": "default", "messages": ASK, "max_tokens": 12, "seed": 3}
    whole = real.chat.completions.create(**settings, logprobs=True, top_logprobs=2)
    said = real.chat.completions.create(**settings, stream=True)
    assert "".join(chunk.choices[0].delta.content or "" for chunk in said) == whole.choices[0].message.content
    tokens = whole.choices[0].logprobs
    assert tokens is not None and tokens.content is not None and len(tokens.content) == 12
    assert b"".join(bytes(token.bytes or ()) for token in tokens.content).decode("utf-8", "replace") == whole.choices[0].message.content
    assert all(len(token.top_logprobs) == 2 and token.top_logprobs[0].logprob >= token.top_logprobs[1].logprob for token in tokens.content)

    old = real.completions.create(model="default", prompt="The sea is", max_tokens=6, seed=3, logprobs=2)
    shown = old.choices[0].logprobs
    assert shown is not None and shown.tokens is not None and "".join(shown.tokens) == old.choices[0].text
    assert shown.text_offset == [len("".join(shown.tokens[:number])) for number in range(6)]
    assert shown.top_logprobs is not None and all(len(one) == 2 for one in shown.top_logprobs)

    schema = {"type": "object", "properties": {"name": {"type": "string", "maxLength": 8}, "age": {"type": "integer"}}, "required": ["name", "age"]}
    form: Any = {"type": "json_schema", "json_schema": {"name": "person", "schema": schema}}
    person = real.chat.completions.create(model="default", messages=ASK, max_tokens=60, response_format=form, seed=1)
    value = json.loads(str(person.choices[0].message.content))
    assert isinstance(value["name"], str) and isinstance(value["age"], int)
    parsed = real.chat.completions.parse(model="default", messages=ASK, max_tokens=120, response_format=Person, seed=1).choices[0].message.parsed
    assert parsed is not None and 1 <= parsed.age <= 99  # pydantic looked at all of it
    for wrong in ({"type": "nonsense"}, {"$ref": "#/$defs/gone"}, {"type": "string", "pattern": "(?=a)"}):
        refused: Any = {"type": "json_schema", "json_schema": {"name": "wrong", "schema": wrong}}
        with pytest.raises(openai.BadRequestError, match="schema"):
            real.chat.completions.create(model="default", messages=ASK, max_tokens=5, response_format=refused)
    some: Any = {"type": "json_object"}
    free = real.chat.completions.create(model="default", messages=ASK, max_tokens=5, response_format=some, seed=1)
    assert str(free.choices[0].message.content).startswith("{")

    again = real.chat.completions.create(model="default", messages=[*ASK, {"role": "assistant", "content": "It is wide."}, *ASK], max_tokens=2)
    assert again.usage is not None and again.usage.prompt_tokens_details is not None
    assert (again.usage.prompt_tokens_details.cached_tokens or 0) > 10  # the engine's cache is shared between requests

    forbidden = real.completions.create(model="default", prompt="The sea is", max_tokens=6, temperature=0, extra_body={"grammar": 'root ::= "[" [0-9]+'})
    assert forbidden.choices[0].text.startswith("[")
    with pytest.raises(openai.BadRequestError, match="grammar"):
        real.completions.create(model="default", prompt="a", extra_body={"grammar": "root ::= missing"})
    with pytest.raises(openai.BadRequestError) as long:
        real.completions.create(model="default", prompt="word " * 20_000)
    body: Any = long.value.body
    assert body["n_prompt_tokens"] > 20_000 > body["n_ctx"] and str(body["n_ctx"]) in long.value.message
    called = real.chat.completions.create(model="default", messages=ASK, tools=[WEATHER], tool_choice="required", max_tokens=80, seed=2)
    calls: Any = called.choices[0].message.tool_calls
    (call,) = calls
    assert called.choices[0].finish_reason == "tool_calls" and call.type == "function" and call.function.name == "weather"
    assert set(json.loads(call.function.arguments)) <= {"city"}
    with pytest.raises(openai.BadRequestError):  # SmolLM2's template knows no tools: it can be made to call one, not be left to choose
        real.chat.completions.create(model="default", messages=ASK, tools=[WEATHER])
    vectors = real.embeddings.create(model="default", input=["The sea is wide.", "The ocean is wide.", "def f(x): return x"])
    sea, ocean, code = (one.embedding for one in vectors.data)
    assert sum(a * b for a, b in zip(sea, ocean, strict=True)) > sum(a * b for a, b in zip(sea, code, strict=True))
    assert real.chat.completions.create(model="default", messages=ASK, seed=3, stop=["a"]).choices[0].finish_reason == "stop"
