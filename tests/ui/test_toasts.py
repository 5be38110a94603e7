"""Notices: several at once, their time, Undo by mouse, by keyboard and later, and read aloud."""

from __future__ import annotations

import pytest
from PySide6.QtCore import QEvent, QPointF, Qt
from PySide6.QtGui import QEnterEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QPlainTextEdit, QPushButton, QWidget
from pytestqt.qtbot import QtBot

from tests.ui.conftest import Opened
from ui.widgets import toasts as module
from ui.widgets.toasts import AT_ONCE, MOST_WAITING, SECONDS, Toasts, ToastWords

TICKS = SECONDS * 1000 // Toasts.TICK_MS


@pytest.fixture
def toasts(qtbot: QtBot) -> Toasts:
    window = QWidget()
    window.resize(900, 600)
    qtbot.addWidget(window)
    window.show()
    made = Toasts(window, ToastWords("Dismiss"))
    made._timer.setInterval(1_000_000)  # the test turns the clock
    return made


def tick(toasts: Toasts, times: int) -> None:
    for _turn in range(times):
        toasts._tick()


def test_a_notice_stands_eight_seconds(toasts: Toasts) -> None:
    toasts.say("Copied")
    tick(toasts, TICKS - 1)
    assert toasts.said() == ["Copied"]
    tick(toasts, 1)
    assert toasts.said() == []


def test_the_time_stands_still_while_the_mouse_is_there(toasts: Toasts) -> None:
    toasts.say_undo("Deleted", "Undo", lambda: None)
    notice = toasts.shown[0]
    tick(toasts, TICKS - 1)
    QApplication.sendEvent(notice, QEnterEvent(QPointF(), QPointF(), QPointF()))
    tick(toasts, 3 * TICKS)
    assert toasts.said() == ["Deleted"]
    QApplication.sendEvent(notice, QEvent(QEvent.Type.Leave))
    tick(toasts, 20)  # two seconds later it is still there: nobody who left by accident loses it
    assert toasts.said() == ["Deleted"]
    tick(toasts, 20)
    assert toasts.said() == []


def test_the_time_stands_still_while_the_keyboard_is_there(toasts: Toasts, qtbot: QtBot) -> None:
    with qtbot.waitActive(toasts._window):
        toasts._window.activateWindow()
    done: list[int] = []
    toasts.say_undo("Deleted", "Undo", lambda: done.append(1))
    assert toasts.focus()
    tick(toasts, 3 * TICKS)
    focus = QApplication.focusWidget()
    assert isinstance(focus, QPushButton) and focus.text() == "Undo" and focus.accessibleName() == "Undo: Deleted"
    QTest.keyClick(focus, Qt.Key.Key_Space)
    assert done == [1] and toasts.said() == []


def test_escape_takes_a_notice_away_and_the_keyboard_goes_back(toasts: Toasts, qtbot: QtBot) -> None:
    line = QPlainTextEdit(toasts._window)
    line.show()
    with qtbot.waitActive(toasts._window):
        toasts._window.activateWindow()
    line.setFocus()
    toasts.say("Copied")
    toasts.focus()
    focus = QApplication.focusWidget()
    assert focus is not None and focus is not line
    QTest.keyClick(focus, Qt.Key.Key_Escape)
    assert toasts.said() == [] and QApplication.focusWidget() is line


def test_several_stand_below_each_other_and_none_with_an_undo_is_lost(toasts: Toasts) -> None:
    undone: list[int] = []
    for number in range(AT_ONCE + 4):
        toasts.say_undo(f"Chat {number} was deleted", "Undo", lambda number=number: undone.append(number))  # type: ignore[misc]
    toasts.say("Copied")
    assert len(toasts.shown) == AT_ONCE
    tops = [notice.geometry() for notice in toasts.shown]
    assert all(not one.intersects(other) for one in tops for other in tops if one is not other)
    seen = []
    for _turn in range(4 * TICKS):
        seen += [words for words in toasts.said() if words not in seen]
        toasts._tick()
    assert seen == [*(f"Chat {number} was deleted" for number in range(AT_ONCE + 4)), "Copied"]
    assert undone == []


def test_a_plain_notice_gives_way_and_the_same_one_is_not_stacked(toasts: Toasts) -> None:
    for _turn in range(5):
        toasts.say("Copied")
    assert toasts.said() == ["Copied"]
    for number in range(AT_ONCE):
        toasts.say_undo(str(number), "Undo", lambda: None)
    assert toasts.said() == ["0", "1", "2"]


def test_undo_last_undoes_in_turn_also_what_is_gone_and_nothing_twice(toasts: Toasts) -> None:
    undone: list[str] = []
    for name in ("một", "hai 🦊"):
        toasts.say_undo(name, "Undo", lambda name=name: undone.append(name))  # type: ignore[misc]
    toasts.press()
    assert undone == ["hai 🦊"]
    tick(toasts, 2 * TICKS)
    assert toasts.said() == [] and toasts.can_undo
    assert toasts.undo_last() and undone == ["hai 🦊", "một"]
    assert not toasts.undo_last() and len(undone) == 2


def test_what_is_undone_while_its_notice_waits_is_not_offered_again(toasts: Toasts) -> None:
    undone: list[int] = []
    for number in range(AT_ONCE + 2):
        toasts.say_undo(f"Chat {number} was deleted", "Undo", lambda number=number: undone.append(number))  # type: ignore[misc]
    assert toasts.undo_last()
    assert undone == [AT_ONCE + 1]
    seen = set()
    for _turn in range(3 * TICKS):
        seen |= set(toasts.said())
        toasts._tick()
    assert f"Chat {AT_ONCE} was deleted" in seen and f"Chat {AT_ONCE + 1} was deleted" not in seen
    while toasts.undo_last():
        pass
    assert sorted(undone) == list(range(AT_ONCE + 2))


def test_a_press_twice_undoes_once(toasts: Toasts) -> None:
    undone: list[int] = []
    toasts.say_undo("Deleted", "Undo", lambda: undone.append(1))
    button = toasts.shown[0].button
    button.click()
    button.click()
    assert undone == [1]


def test_a_flood_stays_small_and_long_words_stay_in_the_window(toasts: Toasts) -> None:
    for number in range(1000):
        toasts.say_undo(f"{number} " + "đường về nhà xa lắm 🦊 " * 200, "Undo", lambda: None)
    assert len(toasts.shown) == AT_ONCE and len(toasts._waiting) <= MOST_WAITING
    for notice in toasts.shown:
        assert notice.geometry().right() < 900 and notice.geometry().left() > 0
        assert notice.label.heightForWidth(notice.label.width()) <= notice.label.height() + 1


def test_notices_are_read_aloud(toasts: Toasts, monkeypatch: pytest.MonkeyPatch) -> None:
    heard: list[str] = []
    monkeypatch.setattr(module, "announce", lambda _widget, words: heard.append(words))
    toasts.say("Đã sao chép")
    toasts.say_undo("Deleted", "Undo", lambda: None)
    assert heard == ["Đã sao chép", "Deleted Undo"]


def test_ctrl_z_outside_of_a_text_undoes_the_last_delete_and_in_a_text_the_typing(opened: Opened) -> None:
    window = opened.open()
    with opened.qtbot.waitActive(window):
        window.activateWindow()
    window.go("chat")
    opened.chat.box.input.setPlainText("Về nhà")
    opened.chat.send()
    opened.settle()
    opened.chat.delete_current()
    opened.settle()
    assert opened.app.chats.all() == []
    control = Qt.KeyboardModifier.ControlModifier
    with opened.qtbot.waitActive(window):
        window.activateWindow()
    opened.chat.box.input.setFocus()
    QTest.keyClicks(opened.chat.box.input, "abc")
    QTest.keyClick(opened.chat.box.input, Qt.Key.Key_Z, control)
    opened.settle()
    assert opened.chat.box.input.toPlainText() == "" and window.toasts.can_undo
    with opened.qtbot.waitActive(window):
        window.activateWindow()
    window.status.jobs.setFocus()
    QTest.keyClick(window.status.jobs, Qt.Key.Key_Z, control)
    opened.settle()
    assert "Về nhà" in [chat.title for chat in opened.app.chats.all()]
    QTest.keyClick(window.status.jobs, Qt.Key.Key_Z, control)
    assert "nothing to undo" in window.toasts.said()[-1]


def test_an_undo_outlives_a_change_of_language(opened: Opened) -> None:
    window = opened.open()
    window.go("chat")
    opened.chat.box.input.setPlainText("Về nhà")
    opened.chat.send()
    opened.settle()
    opened.chat.delete_current()
    opened.settle()
    window.desk.change_setting("language", "vi")
    opened.settle()
    assert window.toasts.shown
    window.toasts.undo_last()
    opened.settle()
    assert [chat.title for chat in opened.app.chats.all()] == ["Về nhà"]
