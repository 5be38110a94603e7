"""The window with the real starter model: a question, words that stream, close, open: the chat is there."""

from __future__ import annotations

from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot

from tests.ui.conftest import Opened


@pytest.mark.slow
def test_a_first_evening(qtbot: QtBot, home: Path, smollm2: Path) -> None:
    opened = Opened(qtbot, home)
    opened.engine = None  # the real one
    try:
        opened.open()
        assert opened.chat.box.model_path == str(smollm2)
        opened.window.go("chat")
        opened.chat._change_chat({"parameters": {"max_tokens": 60}})
        opened.settle()
        opened.chat.box.input.setPlainText("Tell me about foxes in two sentences.")
        opened.chat.send()
        seen: set[str] = set()

        def streams() -> bool:
            browsers = opened.chat.view.browsers
            if len(browsers) > 1:
                seen.add(browsers[1].toPlainText())
            return len(seen) > 5

        opened.until(streams, 60)
        opened.until(lambda: not opened.app.runtime.jobs, 120)
        opened.settle()
        texts = [browser.toPlainText() for browser in opened.chat.view.browsers]
        assert texts[0] == "Tell me about foxes in two sentences."
        assert len(texts[1].split()) > 5
        assert "loaded" in opened.window.status.model.text()
        assert "a second" in opened.window.status.speed.text()
        opened.reopen()
        assert opened.window.room == "chat"
        assert [browser.toPlainText() for browser in opened.chat.view.browsers] == texts
        chat = opened.app.chats.all()[0]
        reply = opened.app.chats.tree(chat.id).path(chat.tip_id)[-1]
        assert reply.state == "finished"
        assert reply.engine == "llama_cpp"
        assert reply.made_of["usage"]["generated_tokens"] > 5
    finally:
        opened.close()
