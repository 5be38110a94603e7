"""A chat in a window of its own: both windows show one core live."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QWidget

from localstory.engines.text.fake import FakeTextEngine
from localstory.settings import Settings
from tests.ui.conftest import Opened
from tests.ui.test_frame import focusable
from ui.chat_window import ChatWindow
from ui.pages.chat.page import ChatPage


def say(opened: Opened, page: ChatPage, text: str) -> None:
    page.box.input.setPlainText(text)
    page.send()
    opened.settle()
    opened.until(lambda: not page.is_storing and not page.box.is_busy)


def texts(page: ChatPage) -> list[str]:
    return [browser.toPlainText() for browser in page.view.browsers]


def two(opened: Opened) -> ChatWindow:
    opened.open()
    opened.window.go("chat")
    say(opened, opened.chat, "Về nhà 🦊")
    return made(opened, opened.chat.chat_id or 0)


def made(opened: Opened, chat: int) -> ChatWindow:
    other = opened.window.open_window(chat)
    opened.settle()  # it looks for models as the first one did
    return other


def test_both_windows_show_what_either_writes(opened: Opened) -> None:
    other = two(opened)
    say(opened, other.chat, "And then?")
    opened.until(lambda: len(texts(opened.chat)) == 4)
    assert texts(other.chat) == texts(opened.chat)
    assert "And then?" in texts(opened.chat)[2]
    say(opened, opened.chat, "Và rồi?")
    opened.until(lambda: len(texts(other.chat)) == 6)


def test_two_chats_side_by_side_do_not_mix(opened: Opened) -> None:
    opened.engine = FakeTextEngine("word " * 60, seconds_per_token=0.004)
    other = two(opened)
    first = other.chat.chat_id
    opened.window.go("chat", "new")
    opened.chat.box.input.setPlainText("Second chat")
    other.chat.box.input.setPlainText("First chat goes on")
    other.chat.send()
    opened.until(lambda: other.chat.box.is_busy)
    assert opened.chat.box.input.toPlainText() == "Second chat" and not opened.chat.box.is_busy
    opened.chat.send()
    opened.settle()
    opened.until(lambda: not other.chat.box.is_busy and not opened.chat.box.is_busy)
    assert other.chat.chat_id == first != opened.chat.chat_id
    assert "Second chat" in "".join(texts(opened.chat)) and "Second chat" not in "".join(texts(other.chat))
    assert texts(other.chat)[-1].count("word") == texts(opened.chat)[-1].count("word") == 60


def test_a_chat_that_has_a_window_comes_to_the_front_instead(opened: Opened) -> None:
    other = two(opened)
    assert opened.window.open_window(other.chat.chat_id or 0) is other
    assert len(opened.window.windows) == 1
    assert opened.window.open_window(0) is not other
    assert len(opened.window.windows) == 2


def test_it_has_actions_shortcuts_and_notices_of_its_own(opened: Opened) -> None:
    other = two(opened)
    with opened.qtbot.waitActive(other):
        other.activateWindow()
    other.chat.focus_first()
    QTest.keyClick(other.chat.box.input, Qt.Key.Key_B, Qt.KeyboardModifier.ControlModifier)
    assert not other.frame.is_folded(0) and not opened.window.frame.is_folded(0)
    other.chat.delete_current()
    opened.settle()
    assert other.toasts.said() and not opened.window.toasts.said()
    opened.until(lambda: opened.chat.chat_id is None)  # the chat that is gone left the other screen too
    other.toasts.undo_last()
    opened.settle()
    assert len(opened.app.chats.all()) == 1


def test_language_and_look_change_in_all_windows_and_the_draft_stays(opened: Opened) -> None:
    other = two(opened)
    chat = other.chat.chat_id
    other.chat.box.input.setPlainText("half a thou")
    other.desk.change_setting("language", "vi")
    opened.settle()
    assert other.chat.box.input.toPlainText() == "half a thou" and other.chat.chat_id == chat
    assert other.desk.actions["chat.new"].text() == opened.window.desk.actions["chat.new"].text() == "Cuộc trò chuyện mới"
    other.desk.change_setting("shortcuts", {"chat.new": "F7"})
    assert opened.window.desk.actions.entry("chat.new").shortcuts == ("F7",)


def test_closing_the_main_window_closes_the_others_and_keeps_their_drafts(opened: Opened) -> None:
    other = two(opened)
    chat = other.chat.chat_id
    other.chat.box.input.setPlainText("unsent 🦊")
    opened.reopen()
    assert next(one.draft for one in opened.app.chats.all() if one.id == chat) == "unsent 🦊"


def test_closing_the_other_window_while_it_writes_loses_nothing(opened: Opened) -> None:
    opened.engine = FakeTextEngine("word " * 80, seconds_per_token=0.005)
    opened.open()
    other = made(opened, 0)
    other.chat.box.input.setPlainText("Go")
    other.chat.send()
    opened.until(lambda: other.chat.box.is_busy)
    other.close()
    opened.settle()
    assert opened.window.windows == []
    opened.window.go("chat", opened.app.chats.all()[0].id)
    opened.settle()
    assert texts(opened.chat)[1].count("word") == 80


def test_everything_in_it_has_a_name_of_its_own(opened: Opened) -> None:
    opened.open(Settings(level="developer"))
    other = opened.window.open_window(0)
    other.frame.fold(0, False)
    other.frame.fold(1, False)
    opened.settle()
    names = [widget.accessibleName() for widget in focusable(other) if not isinstance(widget, QWidget) or widget.accessibleName()]
    assert len(names) == len(set(names)) > 8
