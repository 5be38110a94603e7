"""The list of chats in the real window: what the day of a writer (tests/e2e) does not touch."""

from __future__ import annotations

import datetime
import random
from collections.abc import Callable

import pytest
from PySide6.QtCore import QItemSelectionModel, QMimeData, QModelIndex, QPointF, Qt
from PySide6.QtGui import QDragEnterEvent, QDragMoveEvent, QDropEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QLineEdit, QMessageBox, QPushButton

from localstory.chats.organising import Folder
from localstory.chats.store import Chat, FolderId
from localstory.chats.tree import ChatId
from tests.ui.conftest import Opened
from ui.pages.chat.list_part import ListPart
from ui.pages.chat.list_rows import Line, Look, arrange, short_time
from ui.widgets.row_list import Key

NOW = datetime.datetime(2026, 11, 23, 14, 5, tzinfo=datetime.timezone(datetime.timedelta(hours=7)))


def chat(number: int, title: str = "", **given: object) -> Chat:
    return Chat(ChatId(number), str(number), title or f"chat {number}", None, "", "", "", {}, **{"created_at": 0, "used_at": 0, **given})  # type: ignore[arg-type]


def folder(number: int, name: str, parent: int | None = None) -> Folder:
    return Folder(FolderId(number), str(number), FolderId(parent) if parent else None, name, float(number), "", 0)


def words(chats: list[Chat], folders: list[Folder], look: Look, tags: dict[ChatId, tuple[str, ...]] | None = None) -> list[str]:
    """The lines as a person reads them."""
    made = arrange(chats, folders, look, tags or {}, NOW, "vi")
    names = {one.id: one.name for one in folders}
    titles = {one.id: one.title for one in chats}
    text: dict[str, Callable[[int], str]] = {
        "section": lambda number: f"== {made.sections[number]}", "folder": lambda number: f"[{names[FolderId(number)]}] {made.inside[number]}",
        "chat": lambda number: titles[ChatId(number)],
    }  # fmt: skip
    return ["  " * line.depth + text[line.kind](line.id) for line in made.lines]


def at(days: float) -> int:
    return int((NOW - datetime.timedelta(days=days)).timestamp() * 1000)


def test_sections_by_time_folders_and_pinned_ones() -> None:
    folders = [folder(1, "Truyện"), folder(2, "Rồng", 1), folder(3, "Bếp"), folder(4, "trong thư mục đã xoá", 99)]
    chats = [
        chat(1, "hôm nay", used_at=at(0.01)), chat(2, "hôm qua", used_at=at(0.9)), chat(3, "tuần này", used_at=at(5)), chat(4, "đầu tháng", used_at=at(20)),
        chat(5, "năm ngoái", used_at=at(400)), chat(6, "ghim", pinned=True, used_at=at(50), folder_id=FolderId(1)), chat(7, "rồng", folder_id=FolderId(2)),
        chat(8, "trong truyện", folder_id=FolderId(1)), chat(9, "cất", archived_at=5), chat(10, "lạc", folder_id=FolderId(77), used_at=at(-3)),
    ]  # fmt: skip
    look = Look(open_folders=frozenset((1, 2)))
    assert words(chats, folders, look) == [
        "== Pinned", "ghim", "== Folders", "[Truyện] 2", "  [Rồng] 1", "    rồng", "  trong truyện", "[Bếp] 0", "[trong thư mục đã xoá] 0",
        "== Today", "lạc", "hôm nay", "== Yesterday", "hôm qua", "== The last 7 days", "tuần này", "== November", "đầu tháng", "== October 2025", "năm ngoái",
    ]  # fmt: skip
    assert words(chats, folders, Look(archived=True)) == ["== January 1970", "cất"]
    by_title = words([chats[0], chats[4], chats[1]], [], Look(sort="title", reverse=True))
    assert by_title == ["năm ngoái", "hôm qua", "hôm nay"]
    assert words(chats, folders, Look(tag="đêm"), {ChatId(7): ("đêm",)}) == ["[Truyện] 1", "  [Rồng] 1", "    rồng"]


@pytest.mark.parametrize("seed", range(5))
def test_every_chat_and_folder_stands_once(seed: int) -> None:
    rng = random.Random(seed)
    folders = [folder(number, f"F{number}", rng.choice([None, *range(1, number)])) for number in range(1, 12)]
    chats = [
        chat(number, used_at=at(rng.random() * 500), folder_id=rng.choice([None, *(one.id for one in folders)]), pinned=rng.random() < 0.1)
        for number in range(1, 200)
    ]
    every = arrange(chats, folders, Look(open_folders=frozenset(one.id for one in folders)), {}, NOW, "en")
    assert sorted(line.id for line in every.lines if line.kind == "chat") == list(range(1, 200))
    assert sorted(line.id for line in every.lines if line.kind == "folder") == list(range(1, 12))
    parents = {one.id: one.parent_id for one in folders}
    depths = {line.id: line.depth for line in every.lines if line.kind == "folder"}
    assert all(depths[one] == (depths[parent] + 1 if parent else 0) for one, parent in parents.items())
    closed = arrange(chats, folders, Look(), {}, NOW, "en")
    assert {line for line in closed.lines if line.kind == "folder"} == {Line("folder", one.id, 0) for one in folders if one.parent_id is None}


def test_times_are_short() -> None:
    assert [short_time(at(days), NOW) for days in (0.1, 10, 700)] == ["11:41", "11/13", "2024"]
    assert short_time(1 << 62, NOW) == "1970"


# -- in the window -----------------------------------------------------------------------------------------------------------


def filled(opened: Opened, *titles: str) -> list[ChatId]:
    opened.open()
    opened.window.go("chat")

    async def make() -> list[ChatId]:
        return [(await opened.app.chats.say(None, title))[0] for title in titles]

    made = opened.app.runtime.run(make())
    opened.settle()
    return made


def texts(part: ListPart) -> list[str]:
    model = part.pane.model
    return [model.index(row).data() for row in range(model.rowCount()) if model.keys[row][0] != "section"]


def choose(part: ListPart, *keys: Key) -> None:
    selection = part.rows.selectionModel()
    selection.clearSelection()
    for key in keys:
        selection.select(part.pane.model.index_of(key), QItemSelectionModel.SelectionFlag.Select)


def drop(part: ListPart, keys: list[Key], place: QPointF) -> None:
    data = part.pane.model.mimeData([part.pane.model.index_of(key) for key in keys])
    assert isinstance(data, QMimeData)
    given = (Qt.DropAction.MoveAction, data, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier)
    view = part.rows.viewport()
    QApplication.sendEvent(view, QDragEnterEvent(place.toPoint(), *given))
    QApplication.sendEvent(view, QDragMoveEvent(place.toPoint(), *given))
    QApplication.sendEvent(view, QDropEvent(place, *given))


def test_dragging_between_lines_is_the_order_by_hand(opened: Opened) -> None:
    ids = filled(opened, "một", "hai", "ba", "bốn")
    part = opened.chat.list
    opened.app.runtime.run(opened.app.organiser.move(ids, None))
    part._change(sort="hand")
    opened.settle()
    assert texts(part) == ["một", "hai", "ba", "bốn"]
    below_one = part.rows.visualRect(part.pane.model.index_of(("row", ids[0])))
    drop(part, [("row", ids[2]), ("row", ids[3])], QPointF(below_one.center().x(), below_one.bottom()))
    opened.settle()
    assert texts(part) == ["một", "ba", "bốn", "hai"]
    opened.reopen()
    opened.settle()
    assert texts(opened.chat.list) == ["một", "ba", "bốn", "hai"]


def test_folders_open_and_close_by_keys_and_stay_so(opened: Opened) -> None:
    ids = filled(opened, "cáo", "sói")
    organiser, part = opened.app.organiser, opened.chat.list
    outer = opened.app.runtime.run(organiser.add_folder("ngoài"))
    inner = opened.app.runtime.run(organiser.add_folder("trong 🐉", outer))
    opened.app.runtime.run(organiser.move([ids[0]], inner))
    opened.settle()
    assert texts(part) == ["ngoài", "sói"]
    part.rows.setFocus()
    part.rows.setCurrentIndex(part.pane.model.index_of(("folder", outer)))
    all_open = ["ngoài", "trong 🐉", "cáo", "sói"]
    steps = [
        (Qt.Key.Key_Right, ["ngoài", "trong 🐉", "sói"]), (Qt.Key.Key_Down, ["ngoài", "trong 🐉", "sói"]), (Qt.Key.Key_Return, all_open),
        (Qt.Key.Key_Down, all_open), (Qt.Key.Key_Left, all_open), (Qt.Key.Key_Left, ["ngoài", "trong 🐉", "sói"]),
    ]  # fmt: skip
    for key, seen in steps:
        QTest.keyClick(part.rows, key)
        assert texts(part) == seen
    heard = part.pane.model.index_of(("folder", outer)).data(Qt.ItemDataRole.AccessibleTextRole)
    assert heard == "Folder ngoài, 1 chat, open"
    opened.reopen()
    opened.settle()
    assert texts(opened.chat.list) == ["ngoài", "trong 🐉", "sói"]


def test_what_is_chosen_stays_chosen_while_the_list_changes(opened: Opened) -> None:
    ids = filled(opened, "một", "hai", "ba")
    part = opened.chat.list
    choose(part, ("row", ids[0]), ("row", ids[2]))
    assert part.pane.bar.isVisible() and part.pane.bar.count.text() == "2 chats chosen"
    opened.app.runtime.run(opened.app.chats.say(ids[1], "nữa"))
    opened.app.runtime.run(opened.app.chats.say(None, "bốn"))
    opened.settle()
    assert sorted(part.rows.chosen()) == [("row", ids[0]), ("row", ids[2])]
    QTest.keyClick(part.rows, Qt.Key.Key_Delete)
    opened.settle()
    assert sorted(texts(part)) == ["bốn", "hai"] and not part.pane.bar.isVisible()
    opened.window.toasts.press()
    opened.settle()
    assert sorted(texts(part)) == ["ba", "bốn", "hai", "một"]


def test_hostile_titles_are_letters(opened: Opened) -> None:
    hostile = ["<b>x</b><img src='file:///etc/passwd'>", "dòng\nhai", "x" * 10_000, "\u202eabc", "&amp; &File"]
    ids = filled(opened, *["a"] * len(hostile))
    for one, title in zip(ids, hostile, strict=True):
        opened.app.runtime.run(opened.app.chats.change(one, title=title))
    opened.settle()
    part = opened.chat.list
    shown = texts(part)
    assert "<b>x</b><img src='file:///etc/passwd'>" in shown and "dòng hai" in shown and max(map(len, shown)) <= 300
    assert not part.rows.grab().isNull()
    for row in range(part.pane.model.rowCount()):
        tip = part.pane.model.index(row).data(Qt.ItemDataRole.ToolTipRole)
        assert not tip or "<img" not in tip


def test_the_trash_asks_before_it_removes_for_good(opened: Opened) -> None:
    ids = filled(opened, "một", "hai")
    opened.app.runtime.run(opened.app.organiser.delete([ids[0]]))
    opened.settle()
    opened.chat.list.acts.trash()
    opened.settle()
    from ui.pages.chat.trash_dialog import TrashDialog

    dialog = next(widget for widget in QApplication.topLevelWidgets() if isinstance(widget, TrashDialog) and widget.isVisible())
    for answer, left in (("Keep", 1), ("Delete for good", 0)):
        dialog.remove_button.click()
        box = next(widget for widget in dialog.findChildren(QMessageBox) if widget.isVisible())
        next(button for button in box.findChildren(QPushButton) if button.text() == answer).click()
        opened.settle()
        assert len(opened.app.organiser.trash()) == left == dialog.list.count()
    assert dialog.none.isVisible() and not dialog.restore_button.isEnabled()
    opened.app.runtime.run(opened.app.organiser.delete([ids[1]]))
    opened.until(lambda: dialog.list.count() == 1)  # it refreshes by itself
    dialog.reject()


def test_older_hits_come_when_the_end_is_reached(opened: Opened) -> None:
    (first,) = filled(opened, "cáo đầu")

    async def many() -> None:
        for number in range(130):
            await opened.app.chats.say(first, f"cáo số {number}")

    opened.app.runtime.run(many())
    opened.settle()
    pane = opened.chat.list.pane
    pane.search.setText("cao so")
    opened.until(lambda: len(pane.hits.hits.lines) == 50)
    bar = pane.hits.verticalScrollBar()
    for count in (100, 130):
        bar.setValue(bar.maximum())
        opened.until(lambda count=count: len(pane.hits.hits.lines) == count)  # type: ignore[misc]
    pane.search.setText("khong ai viet the nay")
    opened.until(lambda: pane.stack.currentWidget() is pane.empty)
    pane.search.clear()
    assert pane.stack.currentWidget() is pane.rows


def test_a_new_chat_in_a_folder_lies_there(opened: Opened) -> None:
    ids = filled(opened, "một")
    part = opened.chat.list
    made = opened.app.runtime.run(opened.app.organiser.add_folder("Truyện"))
    opened.app.runtime.run(opened.app.organiser.move(ids, made))
    opened.settle()
    opened.chat.open(ids[0])
    part._new_here()
    opened.chat.box.input.setPlainText("hai")
    opened.chat.send()
    opened.settle()
    assert {one.title: one.folder_id for one in opened.app.chats.all()} == {"một": made, "hai": made}


def test_an_index_of_nothing_has_nothing() -> None:
    from ui.widgets.row_list import RowModel, Shown

    model = RowModel(lambda _key: Shown("x"), None)  # type: ignore[arg-type]
    assert model.data(QModelIndex()) is None and model.index_of(("row", 1)).isValid() is False
    model.set_keys([("row", 1), ("row", 2)])
    model.set_keys([])
    assert model.rowCount() == 0


def test_a_chosen_folder_stays_chosen_while_chats_change(opened: Opened) -> None:
    ids = filled(opened, "một", "hai")
    made = opened.app.runtime.run(opened.app.organiser.add_folder("F"))
    opened.settle()
    part = opened.chat.list
    opened.chat.open(ids[0])
    opened.settle()
    part.rows.setCurrentIndex(part.pane.model.index_of(("folder", made)))
    opened.app.runtime.run(opened.app.chats.say(ids[1], "nữa"))
    opened.settle()
    part._show()  # as the clock does
    assert part.rows.chosen() == [("folder", made)] and part.chosen() == ([], [made])
    opened.chat.open(ids[1])
    opened.settle()
    assert part.rows.chosen() == [("row", ids[1])]


def test_the_arrows_walk_through_the_list(opened: Opened) -> None:
    ids = filled(opened, "một", "hai", "ba")
    part = opened.chat.list
    opened.window.activateWindow()
    part.rows.setFocus()
    part.rows.setCurrentIndex(part.pane.model.index_of(("row", ids[2])))
    opened.settle()
    for one in (ids[1], ids[0]):
        QTest.keyClick(part.rows, Qt.Key.Key_Down)
        opened.settle()
        assert opened.chat.chat_id == one and part.rows.hasFocus()
    QTest.keyClick(part.rows, Qt.Key.Key_Return)
    assert opened.chat.box.input.hasFocus()


def test_what_is_typed_as_a_name_is_not_lost_when_the_list_changes(opened: Opened) -> None:
    ids = filled(opened, "một", "hai")
    part = opened.chat.list
    opened.window.activateWindow()
    part.acts.renaming.emit("row", ids[0])
    editor = QApplication.focusWidget()
    assert isinstance(editor, QLineEdit)
    editor.setText("nửa chừng")
    opened.app.runtime.run(opened.app.chats.say(ids[1], "nữa"))
    opened.settle()
    part._show()
    assert editor.text() == "nửa chừng"
    QTest.keyClick(editor, Qt.Key.Key_Return)
    opened.settle()
    assert {one.title for one in opened.app.chats.all()} == {"nửa chừng", "hai"}


def test_a_new_chat_in_a_folder_lies_there_also_when_its_draft_was_kept(opened: Opened) -> None:
    filled(opened, "một")
    made = opened.app.runtime.run(opened.app.organiser.add_folder("F"))
    opened.chat._new_in(made, False)
    opened.chat.box.input.setPlainText("hai")
    opened.qtbot.wait(700)
    opened.settle()
    opened.chat.send()
    opened.settle()
    assert {one.title: one.folder_id for one in opened.app.chats.all()}["hai"] == made


def test_unsent_words_come_back_with_their_chat(opened: Opened) -> None:
    (one,) = filled(opened, "một")
    opened.chat.open(one)
    opened.settle()
    opened.chat.box.input.setPlainText("chưa gửi")
    opened.chat.delete_current()
    opened.settle()
    opened.window.toasts.press()
    opened.settle()
    opened.chat.open(one)
    opened.settle()
    assert opened.chat.box.input.toPlainText() == "chưa gửi"


def test_dropped_right_below_itself_a_chat_stays(opened: Opened) -> None:
    ids = filled(opened, "một", "hai", "ba")
    part = opened.chat.list
    opened.app.runtime.run(opened.app.organiser.move(ids, None))
    part._change(sort="hand", reverse=True)
    opened.settle()
    below = part.rows.visualRect(part.pane.model.index_of(("row", ids[1])))
    drop(part, [("row", ids[1])], QPointF(below.center().x(), below.bottom()))
    opened.settle()
    assert texts(part) == ["một", "hai", "ba"]
