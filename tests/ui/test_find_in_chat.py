"""Find in chat in the real window, by keys."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtTest import QTest

from localstory.chats import store
from localstory.chats.tree import ChatId
from tests.ui.conftest import Opened

TEXTS = ["Where is the đường?", "The **đường** is `far`.\n\n| a | b |\n|---|---|\n| duong | x |\n", "And now? " + "More. " * 300, "Nothing here. " * 200]


@pytest.fixture
def chat(opened: Opened) -> Iterator[ChatId]:
    opened.open()

    def fill(connection: Any) -> ChatId:
        made, tip = store.add_chat(connection, 1, "Đường"), None
        for number, text in enumerate(TEXTS):
            tip = store.add_message(connection, made, tip, "assistant" if number % 2 else "user", text, "finished", 1)
        return made

    future = asyncio.run_coroutine_threadsafe(opened.app.chats._database.write(fill), opened.app.runtime._loop)
    chat_id = future.result()
    opened.window.go("chat")
    opened.chat.open(chat_id)
    opened.settle()
    yield chat_id


def test_by_the_keyboard_alone(opened: Opened, chat: ChatId) -> None:
    bar, view = opened.chat.finding.bar, opened.chat.view
    opened.chat.box.focus()
    assert not bar.isVisible()
    opened.window.desk.actions["chat.find"].trigger()
    assert bar.isVisible() and bar.line.hasFocus()
    QTest.keyClicks(bar.line, "duong")
    opened.until(lambda: bar.count.text() == "1 of 3")
    place = view.verticalScrollBar().value()
    QTest.keyClick(bar.line, Qt.Key.Key_Return)
    assert bar.count.text() == "2 of 3"
    QTest.keyClick(bar.line, Qt.Key.Key_F3)
    assert bar.count.text() == "3 of 3"
    QTest.keyClick(bar.line, Qt.Key.Key_Return, Qt.KeyboardModifier.ShiftModifier)
    assert bar.count.text() == "2 of 3"
    QTest.keyClicks(bar.line, "x")
    opened.until(lambda: bar.count.text() == "Not found")
    assert not bar.next.isEnabled()
    QTest.keyClick(bar.line, Qt.Key.Key_Backspace)
    opened.until(lambda: bar.count.text().endswith("of 3"))
    stays = view.verticalScrollBar().value()
    QTest.keyClick(bar.line, Qt.Key.Key_Escape)
    assert not bar.isVisible() and view.verticalScrollBar().value() == stays
    assert opened.chat.box.input.hasFocus()
    assert not any(browser.extraSelections() for browser in view.browsers)
    assert place <= view.verticalScrollBar().maximum()


def test_enter_at_once_goes_to_the_first_place(opened: Opened, chat: ChatId) -> None:
    bar = opened.chat.finding.bar
    opened.chat.finding.open()
    bar.line.setText("đường")
    QTest.keyClick(bar.line, Qt.Key.Key_Return)
    assert bar.count.text() == "1 of 3"


def test_another_chat_closes_it_and_an_empty_room_has_none(opened: Opened, chat: ChatId) -> None:
    opened.chat.finding.open()
    opened.chat.new_chat()
    assert not opened.chat.finding.bar.isVisible()
    opened.chat.finding.open()
    assert not opened.chat.finding.bar.isVisible()


def test_it_can_go_on_in_all_chats(opened: Opened, chat: ChatId) -> None:
    told: list[str] = []
    opened.chat.finding.everywhere_wanted.connect(told.append)
    opened.chat.finding.open()
    opened.chat.finding.bar.line.setText("đường")
    opened.chat.finding.bar.everywhere.click()
    assert told == ["đường"] and not opened.chat.finding.bar.isVisible()


def test_copying_without_marks_and_the_whole_chat(opened: Opened, chat: ChatId) -> None:
    clipboard = QGuiApplication.clipboard()
    key = opened.chat.view._entries[1].shown.key
    opened.chat.view.acted.emit(key, "copy_text")
    assert clipboard.text() == "The đường is far.\n\na\tb\nduong\tx"
    opened.chat.view.acted.emit(key, "copy")
    assert clipboard.text() == TEXTS[1]
    opened.chat.view.acted.emit(key, "copy_chat")
    whole = clipboard.text()
    assert all(text in whole for text in TEXTS) and whole.count("## ") == 4


def test_formulas_are_drawn_by_the_core(opened: Opened, chat: ChatId) -> None:
    from ui.widgets.values import Shown

    view = opened.chat.view
    assert view.formulas is not None and view.formulas.drawer is not None
    view.set_messages([Shown(1, r"$x^2$ and $\frac{$", False, "Reply 1")])
    opened.until(lambda: "math:" in view.browsers[0].toHtml())
    assert view.browsers[0].toPlainText().count("\ufffc") == 1 and "\\frac{" in view.browsers[0].toPlainText()
    view.browsers[0].selectAll()
    assert view.browsers[0].createMimeDataFromSelection().text().startswith("x^2 and ")
