"""Everything that takes the keyboard has a name, and no two in one place the same: every room, menu and dialog, in both languages."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import Any

import pytest
from PySide6.QtCore import QTimer
from PySide6.QtGui import QAccessible
from PySide6.QtWidgets import QApplication, QComboBox, QDialogButtonBox, QFileDialog, QMenu, QWidget

from localstory.engines.base import PromptTooLong
from localstory.engines.text.fake import FakeTextEngine
from localstory.runtime import Job
from localstory.settings import Settings
from tests.ui.conftest import MODEL, Opened
from tests.ui.test_frame import ROOMS, focusable

WRITES = (
    "quit",
    "chat.again",
    "chat.stop",
    "list.delete_all",
    "list.clear",
    "chat.delete",
    "list.duplicate",
    "chat.window",
    "view.larger",
    "view.smaller",
    "list.folder",
    "list.pin",
    "list.archive",
    "view.pane",
    "view.side",
    "view.undo",
)
"""Actions that open nothing, and would take away what the walk looks at."""


def name_of(widget: QWidget) -> str:
    # Of a list to choose from, Qt on Linux gives the chosen text as its name, and its label by a relation.
    if isinstance(widget, QComboBox):
        return widget.accessibleName()
    interface = QAccessible.queryAccessibleInterface(widget)
    assert interface is not None
    return str(interface.text(QAccessible.Text.Name))


def troubles(root: QWidget, place: str) -> list[str]:
    """What is wrong with the names in a window, dialog or menu."""
    if isinstance(root, QMenu):
        names = [line.text().replace("&", "") for line in root.actions() if not line.isSeparator()]
        wrong = [f"{place}: a line of a menu has no words" for name in names if not name.strip()]
    else:
        # What a box of buttons or a spin box is made of has Qt's own words.
        found = [widget for widget in focusable(root) if not isinstance(widget.parent(), QDialogButtonBox)]
        names = [name_of(widget) for widget in found]
        wrong = [f"{place}: {type(widget).__name__} {widget.objectName()!r} has no name" for widget, name in zip(found, names, strict=True) if not name.strip()]
    return wrong + [f"{place}: {count} are called {name!r}" for name, count in Counter(names).items() if count > 1 and name.strip()]


def fill(opened: Opened, language: str) -> None:
    """Folders in folders, tags, a pinned, an archived and a deleted chat, branches, trouble."""
    opened.engine = FakeTextEngine(["One.", "Two, `code`.\n\n```python\nprint(1)\n```\n", PromptTooLong(9132, 8192), *["More."] * 9])
    opened.models = [MODEL, replace(MODEL, path=MODEL.path.with_name("two.gguf"), title="Two")]
    window = opened.open(Settings(level="developer", language=language), size=(1300, 900))
    window.go("chat")
    for action in ("first", "again", "second"):
        if action == "again":
            opened.chat.again_last()
        else:
            opened.chat.box.input.setPlainText(action)
            opened.chat.send()
        opened.settle()
    organiser, chats = opened.app.organiser, opened.app.chats
    chat = opened.chat.chat_id

    async def more(_job: Job[Any]) -> None:
        outer = await organiser.add_folder("Truyện 🦊")
        inner = await organiser.add_folder("Truyện 🦊", outer)
        made = [await chats.new() for _number in range(4)]
        for number, one in enumerate(made):
            await organiser.rename(one, "Cùng tên" if number < 2 else f"Chat {number}")
        await organiser.move(made[:1], inner)
        await organiser.pin(made[1:2], True)
        await organiser.archive(made[2:3], True)
        await organiser.delete(made[3:])
        await organiser.tag(made[:2], "đêm")

    opened.whole.bridge.start("", more)
    opened.settle()
    opened.chat.open(chat or 0)
    window.frame.fold(0, False)
    window.frame.fold(1, False)
    opened.settle()


@pytest.mark.parametrize("language", ["en", "vi"])
def test_every_room_menu_and_dialog_has_names_that_differ(opened: Opened, language: str) -> None:
    fill(opened, language)
    window, wrong, seen = opened.window, [], 0
    for room in ROOMS:
        window.go(room)
        opened.settle()
        wrong += troubles(window, room)
        seen += len(focusable(window))
    assert seen > 100

    chat = next(one.id for one in opened.app.chats.all() if one.messages > 2)
    looked: list[str] = []
    now = [""]

    def look() -> None:
        top = QApplication.activePopupWidget() or QApplication.activeModalWidget()
        if top is None:
            top = next((one for one in QApplication.topLevelWidgets() if one.isVisible() and one is not window and one.isWindow()), None)
        if top is not None and top.isVisible():
            looked.append(now[0])
            if not isinstance(top, QFileDialog):  # Qt's own
                wrong.extend(troubles(top, now[0]))
            top.close()

    watch = QTimer()
    watch.setInterval(20)
    watch.timeout.connect(look)
    watch.start()
    for entry in window.desk.actions.all():
        if entry.id in WRITES or entry.id.startswith("go.") and entry.id != "go.jump":
            continue
        now[0] = entry.id
        window.go("chat", chat)
        opened.chat.box.input.setPlainText("A question")
        window.desk.actions[entry.id].trigger()
        opened.qtbot.wait(60)
    watch.stop()
    assert {"help.palette", "help.shortcuts", "help.menu", "go.jump", "view.jobs", "list.trash", "list.tags", "list.note", "list.move", "chat.several"} <= set(
        looked
    )
    assert wrong == []


def test_the_walk_sees_what_has_no_name_and_what_has_one_twice(opened: Opened) -> None:
    window = opened.open()
    window.go("settings")
    opened.settle()
    assert troubles(window, "settings") == []
    window.status.level.setAccessibleName(window.status.jobs.accessibleName())
    assert len(troubles(window, "settings")) == 1
    window.status.level.setAccessibleName("")
    window.status.level.setText("")
    assert "has no name" in troubles(window, "settings")[0]
