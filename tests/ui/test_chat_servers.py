"""Servers in the window: beside the model files, remembered by chats, told plainly when they are away, named in the settings."""

from __future__ import annotations

from collections.abc import Iterator

import keyring
import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QLabel, QPushButton, QWidget

from localstory.chats.kept import made_of_reply, warnings_in
from localstory.engines.base import Message, TextRequest, Timing, Usage
from localstory.engines.text import discovery
from localstory.engines.text.dialects import OPENAI
from localstory.engines.text.endpoint import EndpointReply, ServerModel, check_offered
from localstory.models.servers import Server
from localstory.net import Net
from localstory.settings import Settings
from tests.core.models.test_servers import Drawer
from tests.fakes.lmstudio_server import LMStudioServer
from tests.fakes.ollama_server import OllamaServer
from tests.fakes.openai_server import OpenAIServer
from tests.fakes.text_server import TextServer
from tests.ui.conftest import MODEL, Opened
from tests.ui.test_chat_window import ask, press, texts
from ui.pages.chat import choices
from ui.pages.settings.page import SettingsPage

FIND = discovery.find_servers


@pytest.fixture(autouse=True)
def drawer() -> Iterator[Drawer]:
    before, made = keyring.get_keyring(), Drawer()
    keyring.set_keyring(made)
    yield made
    keyring.set_keyring(before)


def here(monkeypatch: pytest.MonkeyPatch, *servers: TextServer) -> None:
    """What stands on this computer's ports."""
    ports = {server.port: "" for server in servers}

    async def found(net: Net) -> list[discovery.FoundServer]:
        return await FIND(net, ports)

    monkeypatch.setattr(discovery, "find_servers", found)


def listed(opened: Opened) -> list[str]:
    models = opened.chat.box.models
    return [models.itemText(at) for at in range(models.count())]


def look(opened: Opened) -> None:
    opened.chat.box._look.click()
    opened.settle()


def choose(opened: Opened, beginning: str) -> None:
    models = opened.chat.box.models
    at = next(at for at in range(models.count()) if models.itemText(at).startswith(beginning))
    models.setCurrentIndex(at)
    models.activated.emit(at)
    opened.settle()


def said(place: QWidget) -> str:
    return " ".join(label.text() for label in place.findChildren(QLabel) if label.isVisibleTo(place))


def test_models_of_servers_stand_in_groups_beside_the_files(opened: Opened, monkeypatch: pytest.MonkeyPatch) -> None:
    with OllamaServer() as ollama, LMStudioServer() as lmstudio:
        ollama.window = 4096
        here(monkeypatch, ollama, lmstudio)
        opened.open()
        opened.window.go("chat")
        opened.until(lambda: len(listed(opened)) > 1)  # nobody pressed anything: the first look is the window's own
        assert listed(opened) == [
            "Built-in engine",
            "Fake  ·  Q4_K_M",
            f"Ollama 0.19.2, 127.0.0.1:{ollama.port}",
            "big:cloud  ·  runs on another computer",
            "the-sea:1b  ·  Q4_K_M · loaded, 4,096 tokens of context",
            f"LM Studio ≥ 0.4, 127.0.0.1:{lmstudio.port}",
            "The Sea 1B  ·  Q4_K_M",
        ]
        model = opened.chat.box.models.model()
        assert not model.flags(model.index(2, 0)) & Qt.ItemFlag.ItemIsSelectable or not model.flags(model.index(2, 0)) & Qt.ItemFlag.ItemIsEnabled


def test_a_chat_goes_through_the_server_and_remembers_it(opened: Opened, monkeypatch: pytest.MonkeyPatch) -> None:
    with OllamaServer() as ollama:
        here(monkeypatch, ollama)
        opened.open()
        opened.window.go("chat")
        look(opened)
        choose(opened, "the-sea:1b")
        ask(opened, "Where is the sea?")
        opened.settle()
        answer = texts(opened)[1]
        assert answer
        body = next(asked.body for asked in ollama.requests if asked.path == "/api/chat")
        assert (body["model"], body["truncate"], body["options"]["num_ctx"]) == ("the-sea:1b", False, 8192)
        opened.reopen()
        opened.window.go("chat")
        look(opened)
        chosen = opened.chat.chooser.chosen
        assert chosen is not None
        assert chosen.key == ("ollama", ollama.url, "the-sea:1b")
        assert opened.chat.box.models.currentText().startswith("the-sea:1b")
        assert texts(opened)[1] == answer


def test_a_server_that_is_away_is_told_plainly_and_the_built_in_engine_goes_on(opened: Opened, monkeypatch: pytest.MonkeyPatch) -> None:
    with OllamaServer() as ollama:
        here(monkeypatch, ollama)
        opened.open()
        opened.window.go("chat")
        look(opened)
        choose(opened, "the-sea:1b")
    here(monkeypatch)
    ask(opened, "Are you there?")
    opened.settle()
    assert "Ollama is not there" in said(opened.chat.view)
    assert texts(opened) == ["Are you there?"]
    assert opened.chat.box.models.currentText() == "the-sea:1b  ·  not there"
    press(opened, "Use the built-in engine (Reply 2)")
    opened.settle()
    assert texts(opened) == ["Are you there?", "Once upon a time there was a fox."]
    chosen = opened.chat.chooser.chosen
    assert chosen is not None
    assert chosen.key == ("", "", str(MODEL.path))


def test_what_a_server_cannot_do_is_greyed_out_with_the_reason(opened: Opened, monkeypatch: pytest.MonkeyPatch) -> None:
    with OpenAIServer() as server:
        here(monkeypatch, server)
        opened.open(Settings(level="power"))
        opened.window.go("chat")
        look(opened)
        spins = opened.chat.panel._spins
        assert spins["repeat_penalty"].isEnabled()
        choose(opened, "the-sea-1b")
        assert not spins["repeat_penalty"].isEnabled()
        assert "no field for it" in spins["repeat_penalty"].toolTip()
        assert spins["temperature"].isEnabled()
        choose(opened, "Fake")
        assert spins["repeat_penalty"].isEnabled()
        assert spins["repeat_penalty"].toolTip() == "Above 1 it repeats itself less."


def test_warnings_stand_under_the_reply_and_are_kept(opened: Opened, monkeypatch: pytest.MonkeyPatch) -> None:
    with OllamaServer() as ollama:
        here(monkeypatch, ollama)
        opened.open()
        opened.window.go("chat")
        look(opened)
        choose(opened, "the-sea:1b")
        ollama.cuts_in_silence = True
        ollama.window = 4096
        ask(opened, "the sea " * 4000)
        opened.settle()
        words = said(opened.chat.view)
        assert "left out a part of the text" in words or "too long" in words
        # What is kept with a reply is worded again after a restart.
        reply = opened.app.chats.tree(opened.app.chats.all()[0].id).messages
        kept = [message.made_of.get("warnings") for message in reply.values() if message.role == "assistant"]
        assert kept[-1] or "too long" in words
        opened.reopen()
        opened.window.go("chat")
        assert "left out a part of the text" in said(opened.chat.view) or "too long" in said(opened.chat.view)


def test_a_model_is_loaded_and_unloaded_where_the_server_can(opened: Opened, monkeypatch: pytest.MonkeyPatch) -> None:
    with LMStudioServer() as lmstudio, OpenAIServer() as other:
        here(monkeypatch, lmstudio, other)
        opened.open()
        opened.window.go("chat")
        look(opened)
        memory = opened.chat.box._memory
        assert not memory.isVisible()
        choose(opened, "The Sea 1B")
        assert (memory.isVisible(), memory.text(), memory.accessibleName()) == (True, "Load", "Load The Sea 1B now")
        memory.click()
        opened.settle()
        assert lmstudio.loaded_length
        assert memory.text() == "Unload"
        assert "loaded" in opened.chat.box.models.currentText()
        memory.click()
        opened.settle()
        assert lmstudio.loaded_length is None
        assert memory.text() == "Load"
        choose(opened, "the-sea-1b")
        assert not memory.isVisible()


def test_without_model_files_a_servers_model_writes_and_never_one_of_another_computer(opened: Opened, monkeypatch: pytest.MonkeyPatch) -> None:
    with OllamaServer() as ollama:
        here(monkeypatch, ollama)
        opened.models = []
        opened.open()
        opened.window.go("chat")
        look(opened)
        chosen = opened.chat.chooser.chosen
        assert chosen is not None
        assert chosen.model == "the-sea:1b"
        assert "stay on this computer" in opened.chat.empty.promise.text()
        choose(opened, "big:cloud")
        assert "goes to Ollama" in opened.chat.empty.promise.text()


def test_a_server_with_no_answer_has_no_choices_and_a_strange_name_is_only_text() -> None:
    strange = ServerModel("<b>đẹp</b>\n🐉" * 20, quantisation="Q4")
    silent = Server("ollama", "http://127.0.0.1:1", is_named=True, trouble=None, models=(strange,))
    (choice,) = choices.choices([], [silent])
    assert choice.title == strange.name
    assert choices.choices([], [Server("", "http://127.0.0.1:1", is_named=True)]) == []


# -- settings ----------------------------------------------------------------------------------------------------------------


def settings(opened: Opened) -> SettingsPage:
    opened.window.go("settings")
    opened.settle()
    page = opened.window.pages["settings"]
    assert isinstance(page, SettingsPage)
    return page


def button(place: QWidget, name: str) -> QPushButton:
    return next(one for one in place.findChildren(QPushButton) if one.isVisibleTo(place) and one.accessibleName().startswith(name))


def test_a_server_is_added_by_hand_with_a_key_that_is_never_shown_again(opened: Opened, monkeypatch: pytest.MonkeyPatch, drawer: Drawer) -> None:
    with OpenAIServer() as server:
        server.key = "s3cret-key"
        here(monkeypatch)
        opened.open()
        card = settings(opened).servers
        card.address.setText(f"127.0.0.1:{server.port}")
        card.key.setText("wrong")
        card.add.click()
        opened.settle()
        assert "wants another key" in said(card)
        card.key.setText("s3cret-key")
        QTest.keyClick(card.key, Qt.Key.Key_Return)
        opened.settle()
        assert opened.app.settings.servers == (server.url,)
        assert list(drawer.kept.values()) == ["s3cret-key"]
        assert "1 model" in said(card)
        assert "with a key" in said(card)
        assert card.key.text() == ""
        assert "s3cret" not in (opened.home / "settings.toml").read_text("utf-8")
        assert "s3cret" not in " ".join(one.toolTip() + one.accessibleName() for one in card.findChildren(QWidget)) + said(card)
        button(card, "Remove").click()
        opened.settle()
        assert not opened.app.settings.servers
        assert drawer.kept == {}
        assert "No server was found" in said(card)


def test_a_bad_address_is_told_in_place_and_nothing_is_kept(opened: Opened) -> None:
    opened.open()
    card = settings(opened).servers
    for bad in ("http://", "http://127.0.0.1:9", "http://me:secret@127.0.0.1:9"):
        card.address.setText(bad)
        card.add.click()
        opened.settle()
        assert card.said.isVisibleTo(card)
        assert card.said.text()
        assert card.address.text() == bad
    assert opened.app.settings.servers == ()


def test_the_switch_ends_the_looking(opened: Opened, monkeypatch: pytest.MonkeyPatch) -> None:
    with OllamaServer() as ollama:
        here(monkeypatch, ollama)
        opened.open()
        card = settings(opened).servers
        assert "Ollama 0.19.2" in said(card)
        opened.window.desk.change_setting("look_for_servers", False)
        opened.settle()
        assert "the switch above is off" in said(card)
        assert opened.app.servers.known == ()


def test_searching_the_settings_finds_the_servers(opened: Opened) -> None:
    opened.open()
    page = settings(opened)
    page.search.setText("ollama")
    assert page.servers.isVisibleTo(page.place)
    page.search.setText("appearance")
    assert not page.servers.isVisibleTo(page.place)


def test_a_reply_of_a_server_keeps_its_warnings_as_templates() -> None:
    request = TextRequest((Message("user", "Hi"),), thinking=False)
    warned = check_offered(request, OPENAI.capabilities(), "localhost:1")
    reply = EndpointReply("x", Usage(1, 0, 1), Timing(0, 0, 0, 0, None), "end", "m", "openai", 1, warnings=tuple(warned))
    assert warnings_in(made_of_reply(reply)) == ["localhost:1 can't be told whether to think first."]
