"""The trash: what was deleted in the last 30 days, to bring back or to remove for good."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QAbstractItemView, QDialog, QHBoxLayout, QListWidget, QListWidgetItem, QMessageBox, QVBoxLayout, QWidget

from localstory.chats.trash import Trashed
from localstory.events import Changed
from localstory.runtime import Job
from localstory.words import _, ngettext
from ui import errors
from ui.desk import Desk
from ui.widgets.cards import button, label


class TrashDialog(QDialog):
    """Refreshes by itself. Removing for good is the one thing that is asked about: it can't be undone."""

    def __init__(self, desk: Desk, parent: QWidget) -> None:
        super().__init__(parent)
        self._desk = desk
        self._entries: list[Trashed] = []
        self.setWindowTitle(_("Trash"))
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.resize(560, 440)
        column = QVBoxLayout(self)
        column.setSpacing(8)
        column.addWidget(label(_("What was deleted stays here for 30 days in which localstory is used."), "quiet"))
        self.list = QListWidget()
        self.list.setAccessibleName(_("Deleted chats, folders and messages, the latest first"))
        self.list.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self.list.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.list.itemDoubleClicked.connect(self.restore)
        self.list.itemSelectionChanged.connect(self._chosen)
        column.addWidget(self.list, 1)
        self.none = label(_("The trash is empty."), "quiet")
        column.addWidget(self.none, 1)
        row = QHBoxLayout()
        self.restore_button = button(_("Bring back"), "main")
        self.restore_button.clicked.connect(self.restore)
        self.remove_button = button(_("Delete for good…"))
        self.remove_button.clicked.connect(self._remove_chosen)
        self.empty_button = button(_("Empty the trash…"))
        self.empty_button.clicked.connect(self._empty)
        close = button(_("Close"))
        close.clicked.connect(self.reject)
        for made in (self.restore_button, self.remove_button, self.empty_button):
            row.addWidget(made)
        row.addStretch(1)
        row.addWidget(close)
        column.addLayout(row)
        desk.bridge.heard.connect(self._heard)
        self._show()

    def _heard(self, event: object) -> None:
        if isinstance(event, Changed) and event.what in ("chats", "folders"):
            self._show()

    def _show(self) -> None:
        entries = self._desk.app.organiser.trash()
        if entries == self._entries and self.list.count():
            return
        self._entries = entries
        self.list.clear()
        for entry in entries:
            self.list.addItem(QListWidgetItem(f"{_named(entry)}\n{_kind(entry)} · {_left(entry.days_left)}"))
        if entries:
            self.list.setCurrentRow(0)
        self.list.setVisible(bool(entries))
        self.none.setVisible(not entries)
        self._chosen()

    def _chosen(self) -> None:
        some = bool(self.list.selectedIndexes())
        self.restore_button.setEnabled(some)
        self.remove_button.setEnabled(some)
        self.empty_button.setEnabled(bool(self._entries))

    def _these(self) -> list[Trashed]:
        return [self._entries[index.row()] for index in sorted(self.list.selectedIndexes(), key=lambda index: index.row())]

    def restore(self) -> None:
        """Bring the chosen entries back."""
        these = self._these()
        if these:
            self._do(lambda: self._desk.app.organiser.restore(these))

    def _remove_chosen(self) -> None:
        self._ask(self._these())

    def _empty(self) -> None:
        self._ask(list(self._entries))

    def _ask(self, these: list[Trashed]) -> None:
        box = QMessageBox(QMessageBox.Icon.Warning, _("Delete for good?"), "", QMessageBox.StandardButton.NoButton, self)
        box.setTextFormat(Qt.TextFormat.PlainText)
        count = len(these)
        box.setText(
            ngettext(
                "{count} entry is removed from this computer. Nobody can bring it back.",
                "{count} entries are removed from this computer. Nobody can bring them back.",
                count,
            ).format(count=count)
        )
        sure = box.addButton(_("Delete for good"), QMessageBox.ButtonRole.DestructiveRole)
        keep = box.addButton(_("Keep"), QMessageBox.ButtonRole.RejectRole)
        box.setDefaultButton(keep)
        box.setEscapeButton(keep)
        sure.clicked.connect(lambda: self._do(lambda: self._desk.app.organiser.purge(these)))
        box.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        box.open()

    def _do(self, work: Callable[[], Awaitable[Any]]) -> None:
        self._desk.bridge.start("", lambda _job: work(), on_end=self._done)

    def _done(self, job: Job[Any]) -> None:
        if job.error is not None:
            self._desk.say(errors.trouble(job.error).title)
        self._show()


def _named(entry: Trashed) -> str:
    return " ".join(entry.title.split()) or _("New chat")


def _kind(entry: Trashed) -> str:
    if entry.kind == "folder":
        return _("Folder with its chats")
    if entry.kind == "chat":
        return _("Chat")
    count = len(entry.ids)
    return ngettext("{count} message of a chat", "{count} messages of a chat", count).format(count=count)


def _left(days: int) -> str:
    return ngettext("{count} day left", "{count} days left", days).format(count=days)
