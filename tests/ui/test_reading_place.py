"""What is being read stays where it is, whatever comes, goes or changes; and new words are followed only at the end."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtGui import QAccessible, QWheelEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from ui import looks
from ui.widgets.message_bar import Bar
from ui.widgets.message_view import MessageView
from ui.widgets.values import MessageAction, Shown

ANSWER = "Some *words* of a tiếng Việt answer, and `code`.\n\n- one\n- two\n\n| a | b |\n|---|---|\n| 1 | 2 |\n\n" + "And more words. " * 30
ACTIONS = (MessageAction("copy", "Copy", "copy"), MessageAction("raw", "Raw", more=True))


@pytest.fixture
def view(qtbot: QtBot) -> Iterator[MessageView]:
    made = MessageView(looks.view_words(), looks.markdown(), looks.message_icons(), ("#dfe9e4", "#dfe9e4"))
    qtbot.addWidget(made)
    made.resize(800, 600)
    made.show()
    qtbot.waitExposed(made)
    yield made


def chat(count: int = 40, *, first: int = 0) -> list[Shown]:
    return [Shown(key, f"{key}: {ANSWER}", key % 2 == 1, f"Message {key}", actions=ACTIONS) for key in range(first, first + count)]


def live(key: int = 500, text: str = "Begin. ") -> Shown:
    return Shown(key, text, False, "Reply", live=True)


def wheel(view: MessageView, steps: int) -> None:
    """Turn the wheel over a text, 120 units a step; what the text does not want goes to what is under it, as Qt does it
    for a real wheel (and not for an event that a program sends)."""
    target = view.browsers[0].viewport()
    for widget in (target, view.browsers[0], view.viewport()):
        where = QPointF(20, 20)
        nothing = Qt.MouseButton.NoButton, Qt.KeyboardModifier.NoModifier, Qt.ScrollPhase.NoScrollPhase
        event = QWheelEvent(where, widget.mapToGlobal(where), QPoint(), QPoint(0, 120 * steps), *nothing, False)
        event.ignore()
        QApplication.sendEvent(widget, event)
        if event.isAccepted():
            return


def by_wheel(view: MessageView) -> None:
    for _step in range(12):
        wheel(view, 1)


def by_keys(view: MessageView) -> None:
    view.setFocus()
    for _step in range(3):
        QTest.keyClick(view, Qt.Key.Key_PageUp)


def by_keys_in_a_text(view: MessageView) -> None:
    view.browsers[-1].setFocus()
    for _step in range(3):
        QTest.keyClick(view.browsers[-1], Qt.Key.Key_PageUp)


def by_scroll_bar(view: MessageView) -> None:
    view.verticalScrollBar().setValue(view.verticalScrollBar().maximum() // 2)


def by_find(view: MessageView) -> None:
    view.show_hit(7, "answer")


WAYS_UP = [by_wheel, by_keys, by_keys_in_a_text, by_scroll_bar, by_find]


def seen(view: MessageView) -> list[tuple[str, int]]:
    """What each text in sight says, and the row of pixels it begins at."""
    return [(browser.toPlainText(), browser.y()) for browser in view.browsers]


def stream(view: MessageView, qtbot: QtBot, at: int, times: int = 6) -> int:
    for _time in range(times):
        text = "and more words of it, *and more*\n\n" * 8
        view.append(500, text, at)
        at += len(text)
        view.flush()
        qtbot.wait(1)
    return at


@pytest.mark.parametrize("way", WAYS_UP, ids=lambda way: way.__name__)
def test_who_goes_up_while_it_streams_is_left_in_peace(view: MessageView, qtbot: QtBot, way: Callable[[MessageView], None]) -> None:
    view.set_messages([*chat(), live()])
    at = stream(view, qtbot, 7)
    assert view.is_following and view.verticalScrollBar().value() == view.verticalScrollBar().maximum()
    way(view)
    assert not view.is_following
    before = seen(view)
    stream(view, qtbot, at)
    assert seen(view) == before
    assert view._new_text.isVisible()
    view._new_text.click()
    assert view.is_following and not view._new_text.isVisible()
    assert view.browsers[-1].toPlainText().rstrip().endswith("and more")


def test_who_comes_back_to_the_end_follows_again(view: MessageView, qtbot: QtBot) -> None:
    view.set_messages([*chat(), live()])
    by_wheel(view)
    at = stream(view, qtbot, 7, 2)
    view.setFocus()
    QTest.keyClick(view, Qt.Key.Key_End)
    assert view.is_following and not view._new_text.isVisible()
    stream(view, qtbot, at)
    assert view.verticalScrollBar().value() == view.verticalScrollBar().maximum()


def test_the_end_of_a_reply_does_not_move_what_is_read(view: MessageView, qtbot: QtBot) -> None:
    view.set_messages([*chat(), live()])
    stream(view, qtbot, 7)
    by_wheel(view)
    before = seen(view)
    text = view.text_of(500)
    view.set_messages([*chat(), Shown(500, text, False, "Reply", actions=ACTIONS, note="Fake · 300 tokens a second")])
    assert seen(view) == before


def test_going_to_another_branch_keeps_what_both_have(view: MessageView) -> None:
    common, one = chat(30), chat(20, first=100)
    view.set_messages([*common, *one])
    view.verticalScrollBar().setValue(2500)
    before = seen(view)
    assert all(int(text.split(":")[0]) < 30 for text, _y in before if text[:1].isdigit())
    view.set_messages([*common, *chat(3, first=200)])
    assert seen(view) == before
    view.set_messages([*common, *one])
    assert seen(view) == before


def test_what_is_read_and_gone_leaves_a_place_that_exists(view: MessageView) -> None:
    view.set_messages([*chat(30), *chat(20, first=100)])
    view.scroll_to_row(view.rows_of(110)[0])
    view.set_messages(chat(30))
    assert seen(view) and 0 <= view.verticalScrollBar().value() <= view.verticalScrollBar().maximum()
    view.set_messages([])
    assert view.browsers == []


def top_line(view: MessageView) -> str:
    """The words at the upper edge."""
    browser = next(browser for browser in view.browsers if browser.y() + browser.height() > 4)
    cursor = browser.cursorForPosition(QPoint(4, max(2, 4 - browser.y())))
    cursor.select(cursor.SelectionType.LineUnderCursor)
    return cursor.selectedText()


def test_another_width_keeps_the_row_at_the_edge(view: MessageView, qtbot: QtBot) -> None:
    view.set_messages(chat())
    view.verticalScrollBar().setValue(4000)
    row, above = view._anchor() or (None, 0)
    assert row is not None
    for width in (500, 900, 420, 800):
        view.resize(width, 600)
        qtbot.wait(1)
        now, offset = view._anchor() or (None, 0)
        assert now is row
        assert abs(offset / row.height - above / row.height) < 1.1 or abs(offset - above) < 40
    assert abs((view._anchor() or (row, -999))[1] - above) <= 4  # back at the first width: back at the place


def test_a_larger_font_keeps_the_row_at_the_edge(view: MessageView, qtbot: QtBot) -> None:
    view.set_messages(chat())
    view.verticalScrollBar().setValue(4000)
    row = (view._anchor() or (None, 0))[0]
    font = view.font()
    font.setPixelSize(22)
    view.setFont(font)
    qtbot.wait(1)
    assert (view._anchor() or (None, 0))[0] is row
    for one in view._in_sight:
        if one in view.rows_of(one.entry.shown.key) and one.widget is not None:
            assert one.widget.document().size().height() <= one.widget.height() + 1


def test_the_height_of_the_window_changes_at_the_end_and_the_end_stays_in_sight(view: MessageView, qtbot: QtBot) -> None:
    view.set_messages([*chat(), live()])
    for height in (300, 700, 450):
        view.resize(800, height)
        qtbot.wait(1)
        assert view.is_following and view.verticalScrollBar().value() == view.verticalScrollBar().maximum()


def test_formulas_that_come_later_do_not_move_what_is_read(view: MessageView, qtbot: QtBot) -> None:
    shown = [Shown(key, f"{key}: words $x_{{{key}}}$ and\n\n$$\\frac{{a}}{{{key}}}$$\n\n" + "words " * 60, False, f"Message {key}") for key in range(30)]
    view.set_messages(shown)
    by_scroll_bar(view)
    row, above = view._anchor() or (None, 0)
    assert view.formulas is not None
    qtbot.waitUntil(lambda: not any(row.waits for row in view._in_sight), timeout=10_000)
    assert row is not None
    now, offset = view._anchor() or (None, 0)
    assert now is row and abs(offset - above) <= 1


def test_a_message_as_it_was_written_keeps_the_place(view: MessageView) -> None:
    view.set_messages(chat())
    by_scroll_bar(view)
    second = [row.entry for row in view._in_sight][-1]
    before = seen(view)[0]
    view.show_raw(second.shown.key, True)
    assert seen(view)[0] == before
    assert any("*words*" in browser.toPlainText() for browser in view.browsers) or second.rows[0].html is None
    view.set_messages(chat())  # it stays so when the page reads again
    assert second.raw
    view.show_raw(second.shown.key, False)
    assert seen(view)[0] == before


def test_every_message_is_reached_by_the_keyboard(view: MessageView, qtbot: QtBot) -> None:
    view.set_messages(chat(60))
    view.setFocus()
    view.verticalScrollBar().setValue(0)
    reached: list[str] = []
    for _step in range(60):
        view.step_message(1) if reached else view.step_message(0)
        focus = view.focusWidget()
        assert focus is not None and focus.accessibleName()
        reached.append(focus.accessibleName())
    assert reached == [f"Message {key}" for key in range(60)]
    QTest.keyClick(view.focusWidget(), Qt.Key.Key_Up, Qt.KeyboardModifier.ControlModifier)
    focus = view.focusWidget()
    assert focus is not None and focus.accessibleName() == "Message 58"


def test_actions_are_in_the_menu_of_a_text_and_of_its_bar(view: MessageView, qtbot: QtBot) -> None:
    view.set_messages([Shown(1, "Some **words**.", False, "Reply 1", actions=(*ACTIONS, MessageAction("good", "Good", "good", on=True)))])
    told: list[tuple[int, str]] = []
    view.acted.connect(lambda key, action: told.append((key, action)))
    bar = next(row.widget for row in view._in_sight if isinstance(row.widget, Bar))
    more = next(button for button in bar.buttons if button.objectName() == "…")
    assert more.accessibleName() and [button.isChecked() for button in bar.buttons if button.objectName() == "good"] == [True]
    menu = bar.menu()
    (raw,) = menu.actions()
    assert raw.isCheckable() and not raw.isChecked()
    raw.trigger()
    assert view.browsers[0].toPlainText() == "Some **words**." and told == []
    (raw,) = next(row.widget for row in view._in_sight if isinstance(row.widget, Bar)).menu().actions()
    assert raw.isChecked()
    view._menu_wanted(view.browsers[0], QPoint(2, 2))
    popup = QApplication.activePopupWidget()
    assert popup is not None
    actions = {action.objectName(): action for action in popup.actions() if action.property("message")}
    assert set(actions) == {"copy", "raw", "good"} and actions["raw"].isChecked()
    actions["copy"].trigger()
    popup.close()
    assert told == [(1, "copy")]


def test_a_finished_reply_is_announced_to_a_screen_reader(view: MessageView, monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []
    monkeypatch.setattr(QAccessible, "isActive", lambda: True)
    monkeypatch.setattr(QAccessible, "updateAccessibility", lambda event: said.append(event.message()))
    view.set_messages([*chat(3), live(text="Some **words**")])
    view.append(500, " and more", 14)
    view.set_messages([*chat(3), live(text="Some **words** and")])
    assert said == []
    view.set_messages([*chat(3), Shown(500, "Some **words** and more", False, "Reply")])
    view.set_messages([*chat(3), Shown(500, "Some **words** and more", False, "Reply", note="Fake")])
    assert said == ["Reply: Some words and more"]
