"""`import localstory` in a script: light until it is used, and five lines are enough."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

import localstory
from localstory.app import App, open_app
from localstory.engines.base import Message, Sampling, TextRequest
from localstory.engines.text.fake import FakeTextEngine
from localstory.models.servers import named_address
from localstory.net.errors import NetTrouble
from localstory.scripting import Model, open_model, request_for
from tests.fakes.ollama_server import OllamaServer

FIVE_LINES = """
import localstory
with localstory.open_model() as model:
    print(model.ask("Name three rivers.", max_tokens=4, seed=1, temperature=0).text)
    print(len(model.embed(["one", "two"])))
"""


def script(source: str) -> str:
    return subprocess.run([sys.executable, "-c", source], capture_output=True, encoding="utf-8", check=True, timeout=120).stdout


def test_a_script_of_five_lines_works_in_a_process_of_its_own() -> None:
    lines = script(FIVE_LINES).splitlines()
    assert lines[-1] == "2" and len("".join(lines[:-1])) > 5


def test_importing_it_imports_nothing_else() -> None:
    source = "import sys; before = set(sys.modules); import localstory; print(sorted(set(sys.modules) - before)); print('open_model' in dir(localstory))"
    loaded, listed = script(source).splitlines()
    assert "'localstory'" in loaded and "localstory." not in loaded and "asyncio" not in loaded
    assert listed == "True"


def test_every_public_name_is_there_and_others_are_not() -> None:
    for name in localstory._PUBLIC:
        assert getattr(localstory, name).__name__ == name
    with pytest.raises(AttributeError):
        _missing = localstory.no_such_name


class Slow(FakeTextEngine):
    """Says when a reply was given up."""

    given_up = 0.0

    async def reply(self, request: TextRequest):  # type: ignore[no-untyped-def]
        try:
            async for event in super().reply(request):
                yield event
        except (asyncio.CancelledError, GeneratorExit):
            self.given_up = time.monotonic()
            raise


@pytest.fixture
def app() -> Iterator[App]:
    with open_app(writes=False) as app:
        yield app


@pytest.fixture
def engine() -> Slow:
    return Slow("<think>Hm.</think>The sea is wide, Mai 🐉. " + "It is đẹp. " * 200, seconds_per_token=0.002)


@pytest.fixture
def model(app: App, engine: Slow) -> Model:
    return open_model(app=app, engine=engine)


def test_asking_and_streaming_say_the_same(model: Model) -> None:
    reply = model.ask("Hello", max_tokens=8)
    assert reply.text.startswith("The sea is wide, Mai 🐉") and reply.reasoning == "Hm."
    assert "".join(model.stream("Hello", max_tokens=8)) == reply.text
    assert model.count_tokens("one two") == 2


def test_leaving_the_stream_stops_the_model(model: Model, engine: Slow) -> None:
    for number, _word in enumerate(model.stream("Hello")):
        if number == 3:
            left = time.monotonic()
            break
    assert 0 <= engine.given_up - left < 0.5 or _soon(engine, left)
    assert model.ask("Hello", max_tokens=3).text  # and it is free for the next


def _soon(engine: Slow, left: float) -> bool:
    time.sleep(0.5)
    return 0 <= engine.given_up - left < 0.5


async def test_in_asyncio_the_loop_goes_on_and_a_cancel_reaches_the_model(model: Model, engine: Slow) -> None:
    ticks = 0

    async def tick() -> None:
        nonlocal ticks
        while True:
            await asyncio.sleep(0.005)
            ticks += 1

    ticking = asyncio.create_task(tick())
    reply = await model.ask_async("Hello", max_tokens=60)
    assert reply.text.startswith("The sea") and ticks > 5
    said = [word async for word in model.stream_async("Hello", max_tokens=8)]
    assert "".join(said) == (await model.ask_async("Hello", max_tokens=8)).text
    asking = asyncio.create_task(model.ask_async("Hello"))
    await asyncio.sleep(0.05)
    asking.cancel()
    cancelled = time.monotonic()
    with pytest.raises(asyncio.CancelledError):
        await asking
    for _attempt in range(50):
        if engine.given_up:
            break
        await asyncio.sleep(0.01)
    assert 0 <= engine.given_up - cancelled < 0.5
    vectors = await model.embed_async(["a", "b"])
    assert len(vectors) == 2 and len(vectors[0]) == len(vectors[1])
    ticking.cancel()


async def test_errors_come_as_they_are(app: App) -> None:
    model = open_model(app=app, engine=FakeTextEngine(context_length=2))
    for _way in range(2):
        with pytest.raises(localstory.CannotContinue, match="too long"):
            await model.ask_async("one two three")
        with pytest.raises(localstory.CannotContinue, match="too long"):
            _words = [word async for word in model.stream_async("one two three")]
    with pytest.raises(localstory.CannotContinue, match="too long"):
        list(model.stream("one two three"))
    with pytest.raises(localstory.CannotContinue, match="no model"):
        open_model("no such model", app=app)


def test_questions_in_every_form() -> None:
    assert request_for("Hi", system="Be kind.", seed=3, max_tokens=9, stop=["x"]) == TextRequest(
        (Message("system", "Be kind."), Message("user", "Hi")), max_tokens=9, stop=("x",), sampling=Sampling(seed=3)
    )
    assert request_for([("user", "a"), Message("assistant", "b")]).messages == (Message("user", "a"), Message("assistant", "b"))
    assert request_for(TextRequest(prompt="a"), temperature=0.0) == TextRequest(prompt="a", sampling=Sampling(temperature=0.0))
    for wrong in ({"temprature": 1}, {"prompts": "a"}):
        with pytest.raises(TypeError):
            request_for("Hi", **wrong)
    with pytest.raises(TypeError):
        request_for([("wizard", "a")])


def test_a_model_by_its_path(tmp_path: Path, smollm2: Path) -> None:
    with open_model(smollm2) as model:
        assert model.describe().model
    model.close()


def test_a_model_of_a_server_by_its_name_and_address(app: App) -> None:
    with OllamaServer() as ollama:
        model = open_model("the-sea:1b", app=app, server=ollama.url)
        assert model.ask("Where is the sea?", max_tokens=5).engine == "ollama"
        asked = next(one for one in ollama.requests if one.path == "/api/chat")
        assert asked.body["model"] == "the-sea:1b" and asked.body["options"]["num_ctx"]
    for name in ("ollama", " Ollama "):
        assert named_address(name) == "http://127.0.0.1:11434"
    assert named_address("LM-Studio") == named_address("LM Studio") == "http://127.0.0.1:1234"
    assert named_address("llama-server") == "http://127.0.0.1:8080"
    with pytest.raises(NetTrouble):
        open_model(app=app, server=ollama.url)  # it is gone


def test_what_python_has_at_hand_is_taken() -> None:
    schema = {"type": "object", "properties": {"tên": {"type": "string"}}}
    request = request_for("Hi", json_schema=schema, stop="END", banned_phrases="sea", logit_bias=[(3, -1.0)])
    assert request.json_schema is not None and json.loads(request.json_schema) == schema
    assert request.stop == ("END",) and request.sampling.banned_phrases == ("sea",) and request.sampling.logit_bias == ((3, -1.0),)
    assert request_for("Hi", stop=["a", "b"], json_schema="{}").stop == ("a", "b")


async def test_a_closed_model_says_so_and_leaves_nothing_behind(app: App) -> None:
    model = Model(app, FakeTextEngine("One two"), owns_app=False)
    await model.close_async()
    await model.close_async()
    for ask in (lambda: model.ask("x"), lambda: list(model.stream("x")), lambda: model.embed(["x"]), lambda: model.count_tokens("x")):
        with pytest.raises(RuntimeError, match="closed"):
            ask()
    with pytest.raises(RuntimeError, match="closed"):
        await model.ask_async("x")
    with pytest.raises(RuntimeError, match="closed"):
        await model.embed_async(["x"])
    with pytest.raises(RuntimeError, match="closed"):
        await anext(model.stream_async("x"))
