"""Branches and what is done with messages in the real window."""

from __future__ import annotations

import random

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QMenu

from localstory.chats.tree import ChatId, MessageId
from localstory.engines.base import TextRequest
from localstory.engines.text.fake import FakeTextEngine
from tests.ui.conftest import Opened
from ui.pages.chat.branches import own_beginning
from ui.pages.chat.compare import CompareDialog
from ui.pages.chat.edit_dialog import EditDialog


def written(opened: Opened, *said: str) -> ChatId:
    """A chat with a reply to each of these."""
    opened.open(size=(1280, 760))
    opened.window.go("chat")
    for text in said:
        opened.chat.box.input.setPlainText(text)
        opened.chat.send()
        opened.settle()
    assert opened.chat.chat_id is not None
    return ChatId(opened.chat.chat_id)


def path(opened: Opened) -> list[MessageId]:
    chat = opened.app.chats.get(ChatId(opened.chat.chat_id or 0))
    assert chat is not None
    return [one.id for one in opened.app.chats.tree(chat.id).path(chat.tip_id)]


def shown(opened: Opened) -> list[int]:
    """The messages in the view, as it has them."""
    return [entry.shown.key for entry in opened.chat.view._entries]


def dialog_of(kind: type) -> object:
    return next(widget for widget in QApplication.topLevelWidgets() if isinstance(widget, kind) and widget.isVisible())


def test_an_edit_that_is_left_waits_for_the_next_time(opened: Opened) -> None:
    written(opened, "một")
    (question, _reply) = path(opened)
    opened.chat.view.acted.emit(question, "edit")
    dialog = dialog_of(EditDialog)
    assert isinstance(dialog, EditDialog)
    dialog.text.setPlainText("một, dở dang")
    QTest.keyClick(dialog, Qt.Key.Key_Escape)
    opened.settle()
    assert path(opened)[0] == question
    opened.chat.view.acted.emit(question, "edit")
    dialog = dialog_of(EditDialog)
    assert isinstance(dialog, EditDialog)
    assert dialog.text.toPlainText() == "một, dở dang"
    dialog.text.setPlainText("  ")
    assert not dialog.save.isEnabled() and not dialog.send.isEnabled()
    dialog.text.setPlainText("một, xong")
    dialog.save.click()
    opened.settle()
    tree = opened.app.chats.tree(ChatId(opened.chat.chat_id or 0))
    assert [tree.messages[one].text for one in path(opened)] == ["một, xong"] and len(tree.siblings(question)) == 2


def test_a_continued_reply_reaches_the_engine_with_its_beginning(opened: Opened) -> None:
    seen: list[TextRequest] = []

    def answer(request: TextRequest) -> str:
        seen.append(request)
        return "Đêm xuống." if len(seen) == 1 else " Trăng lên."

    opened.engine = FakeTextEngine(answer)
    written(opened, "kể")
    opened.chat.view.acted.emit(path(opened)[1], "go_on")
    opened.settle()
    tree = opened.app.chats.tree(ChatId(opened.chat.chat_id or 0))
    assert seen[1].prefill == "Đêm xuống." and tree.messages[path(opened)[1]].text == "Đêm xuống. Trăng lên."


def test_marks_are_switches(opened: Opened) -> None:
    written(opened, "một")
    reply = path(opened)[1]
    for action, mark in (("good", "good"), ("good", ""), ("bad", "bad"), ("good", "good")):
        opened.chat.view.acted.emit(reply, action)
        opened.settle()
        assert opened.app.chats.tree(ChatId(opened.chat.chat_id or 0)).messages[reply].mark == mark


def test_the_outline_deletes_only_what_a_branch_has_alone(opened: Opened) -> None:
    chat = written(opened, "một", "hai")
    opened.window.frame.fold(1, False)
    first = path(opened)
    opened.chat.again(first[1])
    opened.settle()
    card = opened.chat.panel.branches
    assert [(branch.begins, branch.tip, branch.is_shown) for branch in card._branches] == [
        (first[0], first[3], False),
        (path(opened)[1], path(opened)[1], True),
    ]
    assert own_beginning(opened.app.chats.tree(chat), first[3]) == first[1]
    card.list.setCurrentRow(0)
    QTest.keyClick(card.list, Qt.Key.Key_Delete)
    opened.settle()
    assert sorted(opened.app.chats.tree(chat).messages) == sorted(path(opened))
    assert "One branch" in card.said.text()
    opened.window.toasts.press()
    opened.settle()
    assert card.list.count() == 2
    card._menu(card.list.visualItemRect(card.list.item(1)).center())
    menu = QApplication.activePopupWidget()
    assert isinstance(menu, QMenu)
    next(action for action in menu.actions() if action.text() == "Make it the main branch").trigger()
    menu.close()
    opened.settle()
    assert card._branches[0].pinned and card._branches[0].is_shown


@pytest.mark.parametrize("wide", [True, False])
def test_two_branches_side_by_side(opened: Opened, wide: bool) -> None:
    opened.engine = FakeTextEngine(["Con cáo nhỏ ngủ.", "Con cáo lớn ngủ.", "Một dòng.\n" * 200, "Hai dòng.\n" * 200])
    written(opened, "kể")
    one = path(opened)
    opened.chat.again(one[1])
    opened.settle()
    for _turn in range(2):
        opened.chat.box.input.setPlainText("nữa")
        opened.chat.send()
        opened.settle()
    tree = opened.app.chats.tree(ChatId(opened.chat.chat_id or 0))
    dialog = CompareDialog(opened.window.desk, tree, path(opened)[-1], one[-1], opened.window)
    dialog.resize(1000 if wide else 660, 500)
    dialog.open()
    opened.settle()
    assert (dialog.split.orientation() == Qt.Orientation.Horizontal) is wide
    left, right = dialog.sides
    assert "Con cáo lớn ngủ." in left.text.toPlainText() and "Con cáo nhỏ ngủ." in right.text.toPlainText()
    marked = [left.text.document().characterAt(place) for place in left.differs[:1]]
    assert marked == ["l"] and right.text.document().characterAt(right.differs[0]) == "n"
    dialog.next.click()
    assert dialog.count.text().startswith("1 of ")
    cursor = right.text.textCursor()
    start = right.text.toPlainText().index("cáo nhỏ")
    cursor.setPosition(start)
    cursor.setPosition(start + len("cáo nhỏ"), cursor.MoveMode.KeepAnchor)
    right.text.setTextCursor(cursor)
    right.take.click()
    opened.settle()
    tree = opened.app.chats.tree(ChatId(opened.chat.chat_id or 0))
    assert tree.messages[path(opened)[-1]].text == "cáo nhỏ" and path(opened)[-2] == dialog._tips[0]
    opened.until(lambda: not any(isinstance(widget, CompareDialog) and widget.isVisible() for widget in QApplication.topLevelWidgets()))


@pytest.mark.parametrize("seed", range(3))
def test_after_any_acts_the_view_is_the_path_of_the_core(opened: Opened, seed: int) -> None:
    rng = random.Random(seed)
    opened.engine = FakeTextEngine(["một.", "hai.", "ba 🐉."])
    chat = written(opened, "a", "b")
    organiser, run = opened.app.organiser, opened.app.runtime.run
    for _act in range(14):
        here = path(opened)
        some = rng.choice(here) if here else None
        match rng.randrange(6):
            case 0 if some is not None:
                run(organiser.edit(some, f"sửa {rng.random():.3f}"))
            case 1 if some is not None and opened.app.chats.tree(chat).messages[some].role == "assistant":
                opened.chat.again(some)
            case 2 if some is not None and len(here) > 1:
                opened.chat.view.acted.emit(some, "delete")
            case 3 if some is not None:
                opened.chat.view.stepped.emit(some, rng.choice([-1, 1]))
            case 4:
                opened.window.toasts.undo_last()
            case _:
                opened.chat.box.input.setPlainText("c")
                opened.chat.send()
        opened.settle()
        assert shown(opened) == path(opened)
        card = opened.chat.panel.branches
        tree = opened.app.chats.tree(chat)
        leaves = [one for one in tree.messages if not tree.children(one)]
        assert len(card._branches) == (len(leaves) if len(leaves) > 1 else 0)
