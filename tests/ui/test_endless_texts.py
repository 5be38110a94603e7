"""Row 14 of the list of bad input: what a looping model may stream, through the store, the bridge and the page."""

from __future__ import annotations

import asyncio
import gc
import time
from typing import Any

import psutil
import pytest
from PySide6.QtCore import QObject, QTimer
from pytestqt.qtbot import QtBot

from localstory.chats.store import storable
from localstory.chats.tree import ChatId
from localstory.engines.base import Reply, TextPiece, Timing, Usage
from localstory.engines.text.fake import FakeTextEngine
from tests.fakes.hostile_texts import endless_texts
from tests.ui.conftest import Opened
from ui.widgets.long_text import LongText

TOKENS, TOKENS_A_SECOND = 400, 2_000
GROWTH_MB = 200
GAP_SECONDS = 0.5
"""A guard against freezes (they were 0.5 to 43 s). The promise is 0.2 s (reliability, row 14): 0.11 to 0.2 of processor time measured here."""


class Streams(FakeTextEngine):
    """Says the next text in 400 pieces, 2,000 a second by the clock, however large they are."""

    def __init__(self, texts: dict[str, str]) -> None:
        super().__init__(context_length=10_000_000)
        self._texts = texts

    async def reply(self, request: Any) -> Any:
        text = self._texts[request.messages[-1].text]
        size, began = len(text) // TOKENS + 1, time.perf_counter()
        for number, at in enumerate(range(0, len(text), size)):
            await asyncio.sleep(max(0.0, began + number / TOKENS_A_SECOND - time.perf_counter()))
            yield TextPiece(text[at : at + size])
        seconds = time.perf_counter() - began
        yield Reply(text, Usage(1, 0, TOKENS), Timing(0.0, 0.0, seconds, 0.01, TOKENS / seconds), "end", model="Fake", engine="fake", seed=1)


class Heartbeat(QObject):
    """How long the Qt thread worked without coming back, at the most. Processor time: other processes do not count."""

    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        self.longest = self.longest_wall = 0.0
        self._last = (time.thread_time(), time.perf_counter())
        self._timer = QTimer(self)
        self._timer.timeout.connect(self._beat)
        self._timer.start(5)

    def _beat(self) -> None:
        now = (time.thread_time(), time.perf_counter())
        self.longest = max(self.longest, now[0] - self._last[0])
        self.longest_wall = max(self.longest_wall, now[1] - self._last[1])
        self._last = now

    def begin(self) -> None:
        self.longest = self.longest_wall = 0.0
        self._last = (time.thread_time(), time.perf_counter())


def test_no_stream_freezes_the_window_or_eats_the_memory_or_changes_on_its_way(opened: Opened) -> None:
    texts = endless_texts()
    opened.engine = Streams(texts)
    opened.open()
    process, beat = psutil.Process(), Heartbeat(opened.window)
    gc.collect()
    before = process.memory_info().rss
    slow, page = {}, opened.chat
    again: list[str] = []
    queue = list(texts.items())
    for name, text in queue:
        page.new_chat()
        opened.until(lambda: not page.is_storing)
        page.box.input.setPlainText(name)
        beat.begin()
        page.send()
        opened.until(lambda: page.chat_id is not None and opened.app.chats.is_writing(ChatId(page.chat_id)))
        assert page.chat_id is not None
        chat_id = ChatId(page.chat_id)
        opened.until(lambda chat_id=chat_id: not opened.app.chats.is_writing(chat_id), 30)  # type: ignore[misc]
        opened.qtbot.wait(60)
        view = page.view
        view.verticalScrollBar().setValue(view.verticalScrollBar().maximum() // 2)
        opened.qtbot.wait(10)
        print(f"{name:20} {len(text):9,} letters  gap {beat.longest * 1000:4.0f} ms CPU {beat.longest_wall * 1000:4.0f} ms wall")
        if beat.longest > GAP_SECONDS and name not in again:
            again.append(name)  # processor time is dearer while others use both cores: what is slow once may be so by chance
            queue.append((name, text))
        elif beat.longest > GAP_SECONDS:
            slow[name] = round(beat.longest, 3)
        chat = opened.app.chats.get(chat_id)
        assert chat is not None
        last = opened.app.chats.tree(chat.id).path(chat.tip_id)[-1]
        assert last.text == storable(text) and last.state == "finished"
    grown = (process.memory_info().rss - before) / 1e6
    print(f"grown by {grown:.0f} MB")
    assert slow == {} and len(again) < 5
    assert grown < GROWTH_MB


@pytest.mark.parametrize(
    "text", ["x" * 1_000_000, "l\n" * 200_000, "word " * 200_000, "🐉" * 100_000, "a\n\n" + "đ" * 4_001 + "\nb"], ids=lambda text: text[:3]
)
def test_a_text_of_any_shape_is_selected_and_copied_whole(text: str, qtbot: QtBot) -> None:
    began = time.thread_time()
    shown = LongText(text)
    qtbot.addWidget(shown)
    shown.resize(600, 400)
    shown.show()
    shown.grab()
    assert time.thread_time() - began < 1.5
    shown.selectAll()
    assert shown.createMimeDataFromSelection().text() == text
    cursor = shown.textCursor()
    cursor.setPosition(1)
    cursor.setPosition(4, cursor.MoveMode.KeepAnchor)
    shown.setTextCursor(cursor)
    if text[0] != "🐉":  # there, the second place is in the middle of a letter
        assert shown.createMimeDataFromSelection().text() == text[1:4]
