"""The left pane of the room of chats: search, filter, new, the list, and what can be done with several at once. No store here."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QEvent, QObject, Qt, Signal
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLineEdit, QStackedWidget, QToolButton, QVBoxLayout, QWidget

from localstory.words import _
from ui import theme
from ui.widgets.cards import label
from ui.widgets.hit_list import HitView
from ui.widgets.row_list import Key, RowModel, RowView, Shown


def tool(icon: str, name: str) -> QToolButton:
    """A button with an icon and words for who can't see it."""
    made = QToolButton()
    made.setIcon(theme.icon(icon))
    made.setIconSize(theme.icon_size())
    made.setToolTip(name)
    made.setAccessibleName(name)
    return made


class ListPane(QWidget):
    """What stands in the pane. `rows` is the list, `hits` what a search found; one of them is in sight."""

    query_changed = Signal(str)
    left_search = Signal()

    def __init__(self, shown: Callable[[Key], Shown]) -> None:
        super().__init__()
        self.setMinimumWidth(160)
        column = QVBoxLayout(self)
        column.setContentsMargins(12, 12, 12, 12)
        column.setSpacing(6)
        top = QHBoxLayout()
        top.setSpacing(4)
        self.search = QLineEdit()
        self.search.setPlaceholderText(_("Search"))
        self.search.setAccessibleName(_("Search titles and messages of all chats"))
        self.search.setClearButtonEnabled(True)
        for made in self.search.findChildren(QToolButton):
            made.setAccessibleName(_("Clear the search"))
        self.search.textChanged.connect(self.query_changed)
        self.search.installEventFilter(self)
        self.filter = tool("filter", _("Sort and filter"))
        self.new = tool("plus", _("New chat"))
        self.new.setPopupMode(QToolButton.ToolButtonPopupMode.MenuButtonPopup)
        for widget in (self.search, self.filter, self.new):
            top.addWidget(widget, 1 if widget is self.search else 0)
        column.addLayout(top)
        self.said = label("", "small")
        """What the list is narrowed to, or how the search stands."""
        self.said.hide()
        column.addWidget(self.said)
        self.model = RowModel(shown, self)
        self.rows = RowView(self.model, _("Chats and folders"))
        self.hits = HitView(_("What the search found"))
        self.hits.left.connect(self.search.setFocus)
        self.stack = QStackedWidget()
        self.stack.addWidget(self.rows)
        self.stack.addWidget(self.hits)
        self.empty = label("", "quiet")
        self.empty.setAlignment(Qt.AlignmentFlag.AlignTop)
        self.stack.addWidget(self.empty)
        column.addWidget(self.stack, 1)
        self.bar = SelectionBar()
        self.bar.hide()
        column.addWidget(self.bar)

    def show_empty(self, words: str) -> None:
        """Say why there is nothing in the list."""
        self.empty.setText(words)
        self.stack.setCurrentWidget(self.empty)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if watched is self.search and isinstance(event, QKeyEvent) and event.type() == QEvent.Type.KeyPress:
            down = event.key() in (Qt.Key.Key_Down, Qt.Key.Key_Return, Qt.Key.Key_Enter)
            if event.key() == Qt.Key.Key_Escape and self.search.text():
                self.search.clear()
                return True
            if event.key() == Qt.Key.Key_Escape:
                self.left_search.emit()
                return True
            if down and self.stack.currentWidget() is self.hits and self.hits.hits.lines:
                self.hits.setFocus(Qt.FocusReason.TabFocusReason)
                self.hits.setCurrentIndex(self.hits.hits.index(0))
                return True
            if event.key() == Qt.Key.Key_Down and self.stack.currentWidget() is self.rows:
                self.rows.setFocus(Qt.FocusReason.TabFocusReason)
                return True
        return False


class SelectionBar(QFrame):
    """Below the list while several lines are chosen: how many, and what to do with them."""

    def __init__(self) -> None:
        super().__init__()
        self.setProperty("kind", "soft")
        column = QVBoxLayout(self)
        column.setContentsMargins(8, 6, 8, 6)
        column.setSpacing(2)
        self.count = label("", "small")
        column.addWidget(self.count)
        row = QHBoxLayout()
        row.setSpacing(2)
        self.move_to = tool("folder", _("Move the chosen chats to a folder"))
        self.tag = tool("tag", _("Tags of the chosen chats"))
        self.archive = tool("archive", _("Archive the chosen chats"))
        self.delete = tool("trash", _("Delete the chosen chats"))
        self.more = tool("more", _("More for the chosen chats"))
        for made in (self.move_to, self.tag, self.archive, self.delete, self.more):
            row.addWidget(made)
        row.addStretch(1)
        column.addLayout(row)
