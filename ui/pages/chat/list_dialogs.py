"""Small dialogs of the list: the tags of some chats, and the note of one."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Any

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QDialog, QDialogButtonBox, QLineEdit, QListWidget, QListWidgetItem, QPlainTextEdit, QVBoxLayout, QWidget

from localstory.chats.organising import folded
from localstory.chats.store import Chat
from localstory.chats.tree import ChatId
from localstory.runtime import Job
from localstory.words import _
from ui import errors
from ui.desk import Desk
from ui.widgets.cards import label


class TagDialog(QDialog):
    """Every tag with a check: on all of the chats, on some, on none. Typing and Enter adds one; F2 renames one everywhere."""

    def __init__(self, desk: Desk, chats: Sequence[ChatId], parent: QWidget) -> None:
        super().__init__(parent)
        self._desk = desk
        self._chats = list(chats)
        self.setWindowTitle(_("Tags"))
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.resize(360, 400)
        column = QVBoxLayout(self)
        column.setSpacing(8)
        self.line = QLineEdit()
        self.line.setPlaceholderText(_("A tag, then Enter"))
        self.line.setAccessibleName(_("A new tag for the chosen chats"))
        self.line.returnPressed.connect(self._add)
        self.list = QListWidget()
        self.list.setAccessibleName(_("Tags; the checked ones are on the chosen chats"))
        self.list.itemChanged.connect(self._changed)
        self.none = label(_("No tags yet. Type one above."), "quiet")
        column.addWidget(self.line)
        column.addWidget(self.none)
        column.addWidget(self.list, 1)
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Close)
        for button in buttons.buttons():
            button.setAccessibleName(_("Close the tags"))
            button.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
            if hasattr(button, "setAutoDefault"):
                button.setAutoDefault(False)  # Enter in the line adds a tag, and closes nothing
        buttons.rejected.connect(self.reject)
        column.addWidget(buttons)
        self._show()
        self.line.setFocus()

    def _show(self) -> None:
        organiser = self._desk.app.organiser
        by_chat = organiser.tags_by_chat()
        self.list.blockSignals(True)
        self.list.clear()
        for tag in organiser.tags():
            have = sum(tag.name in by_chat.get(chat, ()) for chat in self._chats)
            item = QListWidgetItem(tag.name)
            item.setData(Qt.ItemDataRole.UserRole, tag.name)
            item.setFlags(Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsSelectable | Qt.ItemFlag.ItemIsUserCheckable | Qt.ItemFlag.ItemIsEditable)
            item.setCheckState(Qt.CheckState.Checked if have == len(self._chats) else Qt.CheckState.PartiallyChecked if have else Qt.CheckState.Unchecked)
            self.list.addItem(item)
        self.list.blockSignals(False)
        self.none.setVisible(self.list.count() == 0)
        self.list.setVisible(self.list.count() > 0)

    def _add(self) -> None:
        name = self.line.text().strip()
        self.line.clear()
        if name:
            known = next((self.list.item(at).text() for at in range(self.list.count()) if folded(self.list.item(at).text()) == folded(name)), name)
            self._do(partial(self._desk.app.organiser.tag, self._chats, known))

    def _changed(self, item: QListWidgetItem) -> None:
        organiser, name = self._desk.app.organiser, str(item.data(Qt.ItemDataRole.UserRole))
        if item.text() != name:
            if item.text().strip():
                self._do(partial(organiser.rename_tag, name, item.text()))
            else:
                self._show()
        elif item.checkState() == Qt.CheckState.Checked:
            self._do(partial(organiser.tag, self._chats, name))
        else:
            self._do(partial(organiser.untag, self._chats, name))

    def _do(self, work: Callable[[], Awaitable[Any]]) -> None:
        self._desk.bridge.start("", lambda _job: work(), on_end=self._done)

    def _done(self, job: Job[Any]) -> None:
        if job.error is not None:
            self._desk.say(errors.trouble(job.error).title)
        self._show()


class NoteDialog(QDialog):
    """What the person wants to remember of a chat. Kept when the dialog closes, however it is closed."""

    def __init__(self, desk: Desk, chat: Chat, parent: QWidget) -> None:
        super().__init__(parent)
        self._desk = desk
        self._chat = chat
        self.setWindowTitle(_("Note: {title}").format(title=chat.title or _("New chat")))
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.resize(440, 320)
        column = QVBoxLayout(self)
        column.setSpacing(8)
        column.addWidget(label(_("Only for you: the model does not see it. Search finds it."), "quiet"))
        self.text = QPlainTextEdit(chat.note)
        self.text.setAccessibleName(_("Note on this chat"))
        self.text.setTabChangesFocus(True)
        column.addWidget(self.text, 1)
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Close)
        for button in buttons.buttons():
            button.setAccessibleName(_("Close and keep the note"))
        buttons.rejected.connect(self.reject)
        column.addWidget(buttons)
        self.finished.connect(self._keep)
        self.text.setFocus()

    def _keep(self) -> None:
        note = self.text.toPlainText()
        if note.strip() != self._chat.note:
            organiser, chat = self._desk.app.organiser, self._chat.id
            self._desk.bridge.start("", lambda _job: organiser.set_note(chat, note))
