"""The list of chats: search, new, rename, delete with undo."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QPoint, Qt, Signal
from PySide6.QtGui import QFocusEvent, QKeyEvent
from PySide6.QtWidgets import QHBoxLayout, QInputDialog, QLineEdit, QListWidget, QListWidgetItem, QMenu, QToolButton, QVBoxLayout, QWidget

from localstory.words import _
from ui import theme
from ui.pages.chat.state import ChatRow
from ui.widgets.cards import label


class ChatList(QListWidget):
    """A list where F2 renames and Delete deletes. A line around it says that the keyboard is here."""

    rename_wanted = Signal()
    delete_wanted = Signal()

    def focusInEvent(self, event: QFocusEvent) -> None:
        super().focusInEvent(event)
        self._mark(event.reason() in (Qt.FocusReason.TabFocusReason, Qt.FocusReason.BacktabFocusReason, Qt.FocusReason.ShortcutFocusReason))

    def focusOutEvent(self, event: QFocusEvent) -> None:
        super().focusOutEvent(event)
        self._mark(False)

    def _mark(self, marked: bool) -> None:
        self.setProperty("keyboard", "true" if marked else "false")
        self.style().unpolish(self)
        self.style().polish(self)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_F2:
            self.rename_wanted.emit()
        elif event.key() == Qt.Key.Key_Delete:
            self.delete_wanted.emit()
        else:
            super().keyPressEvent(event)


class ListPane(QWidget):
    """Search, "new chat", and the chats. Emits ids."""

    opened = Signal(int)
    new_wanted = Signal()
    search_changed = Signal(str)
    renamed = Signal(int, str)
    deleted = Signal(int)

    def __init__(self) -> None:
        super().__init__()
        self.setMinimumWidth(160)
        column = QVBoxLayout(self)
        column.setContentsMargins(12, 12, 12, 12)
        column.setSpacing(8)
        row = QHBoxLayout()
        row.setSpacing(8)
        self.search = QLineEdit()
        self.search.setPlaceholderText(_("Search titles"))
        self.search.setAccessibleName(_("Search titles of chats"))
        self.search.setClearButtonEnabled(True)
        for made in self.search.findChildren(QToolButton):
            made.setAccessibleName(_("Clear the search"))
        self.search.textChanged.connect(self.search_changed)
        new = QToolButton()
        new.setIcon(theme.icon("plus"))
        new.setIconSize(theme.icon_size())
        new.setToolTip(_("New chat (Ctrl+N)"))
        new.setAccessibleName(_("New chat"))
        new.clicked.connect(self.new_wanted)
        row.addWidget(self.search)
        row.addWidget(new)
        column.addLayout(row)
        self.list = ChatList()
        self.list.setAccessibleName(_("Chats, last used first"))
        self.list.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.list.setTextElideMode(Qt.TextElideMode.ElideRight)
        self.list.setUniformItemSizes(True)
        self.list.currentItemChanged.connect(self._chosen)
        self.list.rename_wanted.connect(self.rename_current)
        self.list.delete_wanted.connect(self.delete_current)
        self.list.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        self.list.customContextMenuRequested.connect(self._menu)
        column.addWidget(self.list, 1)
        self.empty = label(_("Your chats will stand here. Write a message to begin one."), "quiet")
        self.empty.setAlignment(Qt.AlignmentFlag.AlignTop)
        column.addWidget(self.empty, 1)

    def show_rows(self, rows: Sequence[ChatRow], current: int | None, *, searching: bool) -> None:
        """Show these chats, with one of them chosen."""
        shown = [(self.list.item(at).data(Qt.ItemDataRole.UserRole), self.list.item(at).text()) for at in range(self.list.count())]
        wanted = [(row.id, row.title + (f"  ·  {row.note}" if row.note else "")) for row in rows]
        self.list.blockSignals(True)
        if shown != wanted:
            self.list.clear()
            for identity, text in wanted:
                item = QListWidgetItem(text)
                item.setData(Qt.ItemDataRole.UserRole, identity)
                item.setToolTip(text)
                self.list.addItem(item)
        at = next((number for number, row in enumerate(rows) if row.id == current), -1)
        self.list.setCurrentRow(at)
        self.list.blockSignals(False)
        self.list.setVisible(bool(rows))
        self.empty.setVisible(not rows)
        self.empty.setText(_("No title has these words.") if searching else _("Your chats will stand here. Write a message to begin one."))

    def _chosen(self, item: QListWidgetItem | None) -> None:
        if item is not None:
            self.opened.emit(item.data(Qt.ItemDataRole.UserRole))

    def _current(self) -> QListWidgetItem | None:
        return self.list.currentItem()

    def rename_current(self) -> None:
        """Ask for a new title."""
        item = self._current()
        if item is None:
            return
        title, accepted = QInputDialog.getText(self, _("Rename the chat"), _("Title"), text=item.toolTip())
        if accepted and title.strip():
            self.renamed.emit(item.data(Qt.ItemDataRole.UserRole), title.strip())

    def delete_current(self) -> None:
        """Delete the chosen chat (with undo, so nobody is asked)."""
        item = self._current()
        if item is not None:
            self.deleted.emit(item.data(Qt.ItemDataRole.UserRole))

    def _menu(self, at: QPoint) -> None:
        if self.list.itemAt(at) is None:
            return
        menu = QMenu(self)
        menu.addAction(theme.icon("pencil"), _("Rename"), self.rename_current)
        menu.addAction(theme.icon("trash"), _("Delete"), self.delete_current)
        menu.exec(self.list.mapToGlobal(at))
        menu.deleteLater()
