"""Find in chat: the bar over the messages, and what it does to them."""

from __future__ import annotations

import shiboken6
from PySide6.QtCore import QObject, Signal
from PySide6.QtWidgets import QHBoxLayout, QWidget

from localstory.words import _
from ui import theme
from ui.desk import Desk
from ui.widgets.find_bar import FindBar
from ui.widgets.message_view import COLUMN, MessageView
from ui.widgets.values import FindWords


class Finding(QObject):
    """Joins a find bar and a view. `everywhere_wanted` asks the list of chats to look in all of them, branches too."""

    everywhere_wanted = Signal(str)

    def __init__(self, parent: QObject, desk: Desk, view: MessageView) -> None:
        super().__init__(parent)
        self._view = view
        quiet = theme.look().quiet
        self.bar = FindBar(_words(), {name: theme.icon(name, quiet, size=16) for name in ("up", "down", "close")})
        self.bar.changed.connect(self._look)
        self.bar.stepped.connect(view.finder.step)
        self.bar.closed.connect(self._closed)
        self.bar.everywhere_wanted.connect(self._everywhere)
        view.finder.changed.connect(self.bar.show_count)
        self._before: QWidget | None = None
        """Where the keyboard was."""
        self.row = QHBoxLayout()
        self.row.setContentsMargins(24, 0, 24, 4)
        self.bar.setMaximumWidth(COLUMN)
        self.row.addStretch(1)
        self.row.addWidget(self.bar, 1000)
        self.row.addStretch(1)

        add = desk.actions.add
        add("chat.find", _("Find in this chat"), self.open, shortcut="Ctrl+F", icon="search", menu="chat")
        add("chat.find_next", _("The next place"), self._next, shortcut="F3")
        add("chat.find_previous", _("The place before"), self._previous, shortcut="Shift+F3")

    def open(self) -> None:
        """Show the bar; words that are selected in a message are what is looked for."""
        if not self._view.isVisible():
            return
        focus = self._view.window().focusWidget()
        if focus is not None and not self.bar.isAncestorOf(focus):
            self._before = focus
        self.bar.open(" ".join(self._view.selected_words().split())[:200])

    def step(self, by: int) -> None:
        """To the next place or the one before; opens the bar where nothing is looked for."""
        if self.bar.isVisible():
            self.bar.stepped.emit(by)
        else:
            self.open()

    def _next(self) -> None:
        self.step(1)

    def _previous(self) -> None:
        self.step(-1)

    def chat_changed(self) -> None:
        """Another chat is shown: nothing is looked for in it."""
        if self.bar.isVisible():
            self.bar.shut()

    def _look(self, text: str) -> None:
        self._view.finder.search(text)
        if not self._view.finder.is_on:
            self.bar.show_count(0, 0, True)

    def _closed(self) -> None:
        self._view.finder.clear()
        if self._before is not None and shiboken6.isValid(self._before) and self._before.isVisible():
            self._before.setFocus()
        else:
            self._view.setFocus()
        self._before = None

    def _everywhere(self, text: str) -> None:
        self.bar.shut()
        self.everywhere_wanted.emit(text)


def _words() -> FindWords:
    return FindWords(
        name=_("Find in this chat"), previous=_("The place before"), next=_("The next place"), close=_("Close the search"),
        everywhere=_("In all chats"), place=_("{number} of {count}"), looking=_("{count} so far"), none=_("Not found"),
    )  # fmt: skip
