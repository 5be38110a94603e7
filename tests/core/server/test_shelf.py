"""Which models can be asked for: every usable one of the home, by whole names, one in memory at a time."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from localstory.app import App, open_app
from localstory.models.library import resolve_text_model
from localstory.models.names import NoStarter
from localstory.server.refusals import NotAllowed
from localstory.server.shelf import OwnModels, ServersModels, found_in
from tests.conftest import worker_processes
from tests.fakes.openai_server import OpenAIServer
from tests.fakes.served import Served, chat


@pytest.fixture
def app(home: Path, smollm2: Path) -> Iterator[App]:
    models = home / "models"
    (models / "Mai 🐉").mkdir(parents=True)
    for name in ("biển rộng.gguf", "Mai 🐉/biển rộng.gguf"):
        shutil.copy(smollm2, models / name)
    (models / "broken.gguf").write_bytes(b"GGUF\x03\x00")
    with open_app(home, writes=False) as app:
        yield app


async def test_every_usable_model_has_an_id_of_its_own_and_answers_to_it(app: App) -> None:
    shelf = OwnModels(app)
    entries = await shelf.entries()
    assert len(entries) == 3 and len({entry.id for entry in entries}) == 3
    assert not any("broken" in entry.id for entry in entries)
    for entry in entries:
        assert (await shelf.find(entry.id)).id == entry.id
        assert entry.shown()["meta"]["n_ctx_train"] == 8192 and entry.shown()["object"] == "model"
    assert [entry.id for entry in await shelf.entries()] == [entry.id for entry in entries]
    assert (await shelf.find("smollm2-135m-INSTRUCT")).title == "SmolLM2-135M-Instruct"
    assert (await shelf.find("Biển rộng.GGUF")).id in {entry.id for entry in entries}


async def test_no_path_and_no_part_of_a_name_leads_to_a_model(app: App, smollm2: Path) -> None:
    shelf = OwnModels(app)
    for name in (str(smollm2), "../biển rộng.gguf", "models/biển rộng.gguf", "SmolLM2", "biển", "starter", "broken", "\x00", "a" * 10_000):
        with pytest.raises(NotAllowed) as missing:
            await shelf.find(name)
        assert missing.value.status == 404


async def test_the_default_is_the_one_that_was_chosen(app: App, smollm2: Path, home: Path, tmp_path: Path) -> None:
    first = resolve_text_model(home / "models" / "Mai 🐉" / "biển rộng.gguf", app.home)
    shelf = OwnModels(app, first)
    assert (await shelf.find("")).id == (await shelf.find("default")).id == (await shelf.entries())[0].id
    await shelf.engine(await shelf.find("default"))
    assert shelf._current == first.path
    elsewhere = tmp_path / "đâu đó.gguf"  # a file that a person named on the command line, outside the home
    shutil.copy(smollm2, elsewhere)
    shelf = OwnModels(app, resolve_text_model(elsewhere, app.home))
    assert len(await shelf.entries()) == 4 and (await shelf.engine(await shelf.find("default"))) is app.text_engine(resolve_text_model(elsewhere, app.home))


async def test_without_any_model_it_says_what_to_fetch() -> None:
    with pytest.raises(NoStarter):
        found_in("", [])
    with pytest.raises(NotAllowed):
        found_in("x", [])


def test_one_model_is_in_memory_at_a_time_and_comes_back(app: App) -> None:
    """Another model takes the place of the one before; the first is loaded again when it is asked for."""
    shelf = OwnModels(app)

    async def use(number: int) -> tuple[int, list[bool | None]]:
        entry = (await shelf.entries())[number]
        engine = await shelf.engine(entry)
        assert await engine.count_many(["The sea is wide."]) == [5]
        return len(worker_processes()), [one.loaded for one in await shelf.entries()]

    for number in (0, 1, 0):
        children, loaded = app.runtime.run(use(number))
        assert children == 1 and loaded == [at == number for at in range(3)]


def test_a_server_that_passes_on_serves_the_other_s_models(home: Path) -> None:
    """`--engine`: what the other can't do is refused in words, what it did otherwise is told."""
    with OpenAIServer(key="sk-of-the-other") as other, open_app(home, writes=False) as app:
        with Served(ServersModels(app, other.url, "sk-of-the-other")) as served:
            status, _headers, listed = served.get("/v1/models")
            assert status == 200 and [model["id"] for model in listed["data"]] == ["the-sea-1b"]
            status, _headers, said = served.post("/v1/chat/completions", chat(max_tokens=7, seed=3))
            assert status == 200 and said["usage"]["completion_tokens"] == 7 and said["model"] == "the-sea-1b"
            assert other.requests[-1].headers["authorization"] == "Bearer sk-of-the-other" and other.requests[-1].body["seed"] == 3
            status, _headers, said = served.post("/v1/chat/completions", chat(grammar='root ::= "a"'))
            assert (status, said["error"]["code"]) == (400, "not_offered")
            status, _headers, said = served.post("/v1/chat/completions", chat(max_tokens=3, top_k=5))
            assert status == 200 and "top_k" in said["warnings"][0]
        app.net.close()


def test_another_server_that_is_gone_is_a_bad_gateway(home: Path) -> None:
    with open_app(home, writes=False) as app, Served(ServersModels(app, "http://127.0.0.1:9", "")) as served:
        status, _headers, said = served.post("/v1/chat/completions", chat())
        assert (status, said["error"]["code"], said["error"]["type"]) == (502, "no_connection", "server_error")
