"""Servers that the window knows: found on loopback, or named by the person; keys go where a person sent them and nowhere else."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path

import keyring
import keyring.backend
import pytest

from localstory.app import App, open_app
from localstory.chats.asking import request_for
from localstory.chats.store import Chat
from localstory.chats.tree import ChatId
from localstory.context import Assembled, Fits, Report, Window
from localstory.engines.base import Message
from localstory.engines.text import discovery
from localstory.engines.text.dialects import OPENAI
from localstory.engines.text.endpoint import ServerModel
from localstory.engines.text.openai_endpoint import OpenAIEndpoint
from localstory.errors import CannotContinue
from localstory.events import Changed
from localstory.models.servers import address_of, window_for
from localstory.net.errors import BadAddress
from localstory.settings import Settings, read_settings, write_settings
from localstory.words import tell
from tests.fakes.lmstudio_server import LMStudioServer
from tests.fakes.ollama_server import OllamaServer
from tests.fakes.openai_server import OpenAIServer
from tests.fakes.text_server import TextServer


class Drawer(keyring.backend.KeyringBackend):
    """A keyring in memory."""

    priority = 1

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.kept: dict[tuple[str, str], str] = {}

    def get_password(self, service: str, username: str) -> str | None:
        return self.kept.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        self.kept[service, username] = password

    def delete_password(self, service: str, username: str) -> None:
        del self.kept[service, username]


@pytest.fixture(autouse=True)
def drawer() -> Iterator[Drawer]:
    before, made = keyring.get_keyring(), Drawer()
    keyring.set_keyring(made)
    yield made
    keyring.set_keyring(before)


@pytest.fixture
def app(home: Path) -> Iterator[App]:
    with open_app(home) as app:
        yield app


def only(monkeypatch: pytest.MonkeyPatch, *servers: TextServer) -> None:
    """Nothing but these stands on the usual ports."""
    here = {int(server.url.rsplit(":", 1)[1]): "" for server in servers}
    monkeypatch.setattr(discovery, "find_servers", lambda net, find=discovery.find_servers: find(net, here))
    monkeypatch.delenv("LOCALSTORY_KEY", raising=False)


def test_found_and_named_servers_are_known_after_a_look(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    heard: list[object] = []
    app.hub.listen(heard.append)
    with OllamaServer() as ollama, LMStudioServer() as lmstudio:
        ollama.window = 4096
        only(monkeypatch, ollama)
        assert app.servers.known == ()
        app.change_settings(replace(app.settings, servers=(lmstudio.url, "http://127.0.0.1:9")))
        found, named, away = app.runtime.run(app.servers.look())
        assert (found.kind, found.is_named, found.version) == ("ollama", False, "0.19.2")
        model = found.model("the-sea:1b")
        assert model is not None
        assert (model.loaded, model.context_length) == (True, 4096)
        assert (named.kind, named.is_named, named.trouble) == ("lmstudio", True, None)
        assert (away.kind, away.url, away.trouble is not None) == ("", "http://127.0.0.1:9", True)
        assert heard == [Changed("servers")]
        assert app.servers.at(ollama.url) == found
    # A named server that has gone keeps its place and its kind.
    gone = app.runtime.run(app.servers.look())[0]
    assert (gone.kind, gone.trouble is not None) == ("lmstudio", True)


def test_a_server_that_is_both_found_and_named_is_there_once(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    with OllamaServer() as ollama:
        only(monkeypatch, ollama)
        app.change_settings(replace(app.settings, servers=(ollama.url,)))
        (server,) = app.runtime.run(app.servers.look())
        assert server.is_named


def test_nobody_is_looked_for_when_the_person_wants_none(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    with OllamaServer() as ollama:
        only(monkeypatch, ollama)
        app.change_settings(replace(app.settings, look_for_servers=False))
        assert app.runtime.run(app.servers.look()) == ()
        assert ollama.requests == []


def test_a_key_goes_to_the_server_it_was_given_for(app: App, monkeypatch: pytest.MonkeyPatch, drawer: Drawer) -> None:
    with OpenAIServer() as locked, OpenAIServer() as other:
        locked.key = "sésame-42"
        only(monkeypatch, locked, other)
        first, second = app.runtime.run(app.servers.look())
        assert (first.needs_key, first.models, second.needs_key) == (True, (), False)
        app.runtime.run(app.servers.keep_key(locked.url, "sesame-42"))
        locked.key = "sesame-42"
        first, _second = app.runtime.run(app.servers.look())
        assert (first.needs_key, first.has_key, len(first.models)) == (False, True, 1)
        assert all("sesame" not in str(asked.headers) for asked in other.requests)
        assert "sesame" not in (app.home.settings_file.read_text() if app.home.settings_file.exists() else "")
        engine = app.runtime.run(app.server_engine("openai", locked.url, "m"))
        assert app.runtime.run(app.server_engine("openai", locked.url, "m")) is engine
        app.runtime.run(app.servers.keep_key(locked.url, ""))
        assert drawer.kept == {}
        assert app.runtime.run(app.server_engine("openai", locked.url, "m")) is not engine


def test_the_variables_key_goes_to_no_server_that_was_only_found(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    with OpenAIServer() as locked:
        locked.key = "secret"
        only(monkeypatch, locked)
        monkeypatch.setenv("LOCALSTORY_KEY", "secret")
        (server,) = app.runtime.run(app.servers.look())
        assert server.needs_key
        app.change_settings(replace(app.settings, servers=(locked.url,)))
        (server,) = app.runtime.run(app.servers.look())
        assert not server.needs_key


def test_an_address_is_tidied_and_holds_no_password() -> None:
    assert address_of("localhost:8080") == "http://localhost:8080"
    assert address_of(" https://Example.com/openai/api/ ") == "https://Example.com/openai/api"
    for bad in ("", "http://", "ftp://x", "://"):
        with pytest.raises(BadAddress):
            address_of(bad)
    for secret in (
        "http://me:secret@example.com",
        "me:secret@example.com/v1",
        "https://example.com/v1?api_key=secret",
        "example.com?secret",
        "http://secret@h:99999",
    ):
        with pytest.raises(CannotContinue) as refused:
            address_of(secret)
        assert "secret" not in " ".join(asdict(tell(refused.value)).values())


def test_ollama_gets_a_context_length_of_ours_and_a_loaded_model_keeps_its_own() -> None:
    assert window_for("ollama", ServerModel("m", max_context_length=131072)) == 8192
    assert window_for("ollama", ServerModel("m", max_context_length=2048)) == 2048
    assert window_for("ollama", ServerModel("m", loaded=True, context_length=32768)) == 32768
    assert window_for("lmstudio", ServerModel("m", loaded=True, context_length=4096)) is None
    assert window_for("openai", ServerModel("m", context_length=32768)) == 32768
    assert window_for("openai", None) is None


def test_servers_are_kept_in_the_settings(tmp_path: Path) -> None:
    file = tmp_path / "settings.toml"
    file.write_text("# mine\nservers = ['http://a', 3]\n")
    assert read_settings(file).servers == ("http://a",)
    write_settings(file, replace(Settings(), servers=("http://a", "http://đ")))
    assert read_settings(file).servers == ("http://a", "http://đ")
    assert "# mine" in file.read_text("utf-8")


def test_a_server_gets_our_defaults_only_where_it_knows_them() -> None:
    assembled = Assembled((Message("user", "Hi"),), Report((), 0, Window(None)), Fits())
    engine = OpenAIEndpoint("http://127.0.0.1:9", "m", dialect=OPENAI)
    plain = Chat(ChatId(1), "", "", None, "", "", "", {}, 0, 0)
    assert request_for(plain, assembled).sampling.repeat_penalty == 1.1
    assert request_for(plain, assembled, engine).sampling.repeat_penalty == 1.0
    chosen = replace(plain, parameters={"repeat_penalty": 1.3})
    assert request_for(chosen, assembled, engine).sampling.repeat_penalty == 1.3
