"""A model in the eyes of Ollama and LM Studio on this computer: their folders, what is loaded, and the window that is asked for."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest

from localstory.app import open_app
from localstory.cli.ask import server_engine
from localstory.engines.text.endpoint import ServerModel
from localstory.engines.text.ollama import OllamaEngine
from localstory.fit.other_engines import window_that_fits
from localstory.fit.records import model_key
from localstory.fit.report import Subject
from localstory.gguf.header import check_file
from localstory.models import engine_view
from localstory.models.engine_view import in_store, look, window_at
from localstory.models.targets import FitTarget, resolve
from localstory.net import Net
from localstory.paths import open_home
from tests.core.fit.test_check import computer
from tests.core.models.test_targets import ollama_here
from tests.fakes.lmstudio_server import LMStudioServer
from tests.fakes.model_headers import model
from tests.fakes.ollama_server import OllamaServer
from tests.fakes.text_server import ServedModel

MADE = model("llama3.1-8b", "Q4_K_M")
HEADER = MADE.header_bytes(vocabulary=True)
SIZE = -(-len(HEADER) // 32) * 32 + MADE.header().data_bytes
SHA = "ab" * 32
TIGHT = 6.7
"""GiB free: the model fits, and not with the usual window."""


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Ollama's folder with one model, and a home of nobody's."""
    folder = tmp_path / "ollama 🐉"
    blob = ollama_here(folder, "registry.ollama.ai/library/bien/1b", HEADER, digest=f"sha256:{SHA}", claimed=SIZE)
    os.truncate(blob, SIZE)  # zeros that take no room
    monkeypatch.setenv("OLLAMA_MODELS", str(folder))
    monkeypatch.setattr(Path, "home", classmethod(lambda _cls: tmp_path / "nhà"))
    return folder


def subject_of(path: Path) -> Subject:
    header = check_file(path)
    return Subject(header, "biển", path.stat().st_size, model_key(header))


async def test_the_window_is_the_fit_of_the_very_file_that_ollama_would_load(store: Path, home: Path) -> None:
    blob = store / "blobs" / f"sha256-{SHA}"
    model = ServerModel("bien:1b", max_context_length=131_072)
    here, url = open_home(home), "http://127.0.0.1:11434"
    roomy, tight = computer(16, 12), computer(16, TIGHT)
    for machine in (roomy, tight):
        assert await window_at("ollama", url, model, machine, here) == window_that_fits(subject_of(blob), machine, wanted=8192)
    assert await window_at("ollama", url, model, tight, here) != await window_at("ollama", url, model, roomy, here) == 8192
    # Not its file, not this computer, already loaded, another kind of server: what was asked before.
    assert await window_at("ollama", url, ServerModel("other:1b", max_context_length=4096), tight, here) == 4096
    assert await window_at("ollama", "http://192.168.1.9:11434", model, tight, here) == 8192
    assert await window_at("ollama", url, replace(model, loaded=True, context_length=20_480), tight, here) == 20_480
    assert await window_at("lmstudio", url, model, tight, here) is None


async def test_a_broken_store_costs_nothing_but_the_fit(store: Path, home: Path) -> None:
    for blob in (store / "blobs").iterdir():
        blob.write_bytes(b"GGUF")
    assert await window_at("ollama", "http://localhost:11434", ServerModel("bien:1b", max_context_length=131_072), computer(16, TIGHT), open_home(home)) == 8192


def test_a_file_is_known_in_the_folders_of_both(store: Path, home: Path, tmp_path: Path) -> None:
    (target,) = resolve("ollama:bien:1b", open_home(home), None)  # type: ignore[arg-type]
    assert in_store("ollama", target) is True and in_store("lmstudio", target) is False
    assert in_store("ollama", FitTarget("hf:a/b/c.gguf", "c", "hub", sha256=SHA)) is True
    assert in_store("ollama", FitTarget("hf:a/b/c.gguf", "c", "hub", sha256="0" * 64)) is False
    mine = tmp_path / "nhà" / ".lmstudio" / "models" / "chủ" / "Biển-GGUF"
    mine.mkdir(parents=True)
    (mine / "Biển-1B-Q4_K_M.gguf").write_bytes(b"GGUF")
    elsewhere = FitTarget("x", "Biển", "file", size_bytes=4, paths=(tmp_path / "Biển-1B-Q4_K_M.gguf",))
    assert in_store("lmstudio", elsewhere) is True
    assert in_store("lmstudio", replace(elsewhere, size_bytes=7)) is False
    assert in_store("lmstudio", replace(elsewhere, paths=(mine / "Biển-1B-Q4_K_M.gguf",))) is True


async def test_what_is_loaded_there_is_seen(store: Path, home: Path) -> None:
    (target,) = resolve("ollama:bien:1b", open_home(home), None)  # type: ignore[arg-type]
    with Net() as net:
        with OllamaServer(ServedModel("bien:1b")) as ollama:
            assert (await look("ollama", target, net, url=ollama.url)).loaded is None
            ollama.window = 20_480
            seen = await look("ollama", target, net, url=ollama.url)
            assert seen.is_running and seen.in_its_store and seen.loaded is not None
            assert (seen.loaded.context_length, seen.loaded.size_on_card_bytes) == (20_480, 500_000_000)
            other = replace(target, name="ollama:other:1b", sha256="1" * 64, paths=())
            assert (await look("ollama", other, net, url=ollama.url)).loaded is None
            assert not (await look("lmstudio", target, net, url=ollama.url)).is_running
            gone = ollama.url
        assert not (await look("ollama", target, net, url=gone)).is_running
        with LMStudioServer() as lmstudio:
            lmstudio.loaded_length = 12_288
            file = FitTarget("x", "The Sea", "file", paths=(Path("the-sea-1B-Q4_K_M.gguf"),))
            seen = await look("lmstudio", file, net, url=lmstudio.url)
            assert seen.loaded is not None and seen.loaded.context_length == 12_288
            for name in ("the-sea-1B-Q8_0.gguf", "the-lake-1B-Q4_K_M.gguf"):
                assert (await look("lmstudio", replace(file, paths=(Path(name),)), net, url=lmstudio.url)).loaded is None


def test_ask_sends_the_window_that_fits(store: Path, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """From the command line to the wire: `options.num_ctx` of the request."""
    monkeypatch.setattr(engine_view, "window_that_fits", lambda subject, machine, **_more: 3072 if subject.name == "bien:1b" else 1)
    with OllamaServer(ServedModel("bien:1b")) as ollama, open_app(home, writes=False) as app:
        for model in ("", "bien:1b"):
            engine = server_engine(ollama.url, model, app)
            assert isinstance(engine, OllamaEngine)
            app.runtime.run(engine.load())
            assert ollama.requests[-2].body["options"] == {"num_ctx": 3072} and ollama.window == 3072
            app.runtime.run(engine.unload())
