"""What a person does with one message: edit, continue, insert, branch, mark, delete. Joined to the page's view and actions."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from PySide6.QtCore import QObject, Signal
from PySide6.QtWidgets import QWidget

from localstory.chats.tree import ChatMessage, Mark, MessageId, Tree
from localstory.engines.base import Role
from localstory.runtime import Job
from localstory.words import _
from ui.desk import Desk
from ui.pages.chat.doing import Doing
from ui.pages.chat.edit_dialog import EditDialog
from ui.widgets.message_view import MessageView


class MessageActs(QObject):
    """Hears the view's actions `edit`, `good`, `bad`, `go_on`, `branch`, `insert_*`, `delete`; registers their keys."""

    answer_wanted = Signal(int)
    """In this chat a question was written anew: the model is to answer it."""
    go_on_wanted = Signal(int)
    input_wanted = Signal()
    """The person goes on writing: the keyboard belongs in the input."""
    troubled = Signal(object)

    def __init__(self, parent: QObject, desk: Desk, view: MessageView, over: QWidget, tree: Callable[[], Tree]) -> None:
        super().__init__(parent)
        self._desk = desk
        self._doing = Doing(self, desk)
        self._view = view
        self._over = over
        self._tree = tree
        self._editing: dict[tuple[int, str], str] = {}
        """Words of edits that were left without saving: they stand there again the next time."""
        view.acted.connect(self._acted)
        self._register()

    def _register(self) -> None:
        add, part = self._desk.actions.add, "message"
        none = self._nothing

        def act(identity: str, words: str, action: str, keys: str = "", also: str = "") -> None:
            add(f"message.{identity}", words, partial(self._on_current, action), shortcut=keys, menu=part, room="chat", also=also, why_not=none)

        act("edit", _("Edit the message"), "edit", "Ctrl+E", "change rewrite")
        act("go_on", _("Continue the reply"), "go_on", "Ctrl+Alt+R", "longer more")
        act("branch", _("New branch from the message"), "branch", "Ctrl+Shift+B", "fork split")
        act("good", _("Mark the reply as good"), "good", "Ctrl+Alt+G", "like thumbs up")
        act("bad", _("Mark the reply as bad"), "bad", "Ctrl+Alt+X", "dislike thumbs down")
        act("insert_user", _("Insert a message of yours"), "insert_user")
        act("insert_reply", _("Insert a reply"), "insert_reply")
        act("previous", _("The version before"), "previous", "Alt+Left", "sibling")
        act("next", _("The next version"), "next", "Alt+Right", "sibling")
        act("delete", _("Delete the message and what follows"), "delete", "Ctrl+Shift+Del", "remove")

    def _nothing(self) -> str:
        return "" if self._view.current_key() is not None else _("There is no message yet.")

    def _on_current(self, action: str) -> None:
        key = self._view.current_key()
        if key is None:
            return
        if action in ("previous", "next"):
            self._view.stepped.emit(key, -1 if action == "previous" else 1)
        else:
            self._acted(key, action)

    # -- doing ---------------------------------------------------------------------------------------------------------

    def _acted(self, key: int, action: str) -> None:
        message = self._tree().messages.get(MessageId(key))
        if message is None:
            return
        organiser = self._desk.app.organiser
        if action == "edit":
            self._edit(message)
        elif action in ("good", "bad") and message.role == "assistant":
            wanted: Mark = "" if message.mark == action else action  # type: ignore[assignment]
            self._doing.do(partial(organiser.mark, message.id, wanted))
        elif action == "go_on" and message.role == "assistant":
            self.go_on_wanted.emit(key)
        elif action == "branch":
            self._doing.do(partial(organiser.branch_from, message.id), _("What you write next begins a new branch. What followed is kept beside it."))
            self.input_wanted.emit()
        elif action in ("insert_user", "insert_reply"):
            self._insert(message, "user" if action == "insert_user" else "assistant")
        elif action == "delete":
            self._doing.do(partial(organiser.delete_message, message.id), _("Deleted, with what followed"))

    # -- writing -------------------------------------------------------------------------------------------------------

    def _edit(self, message: ChatMessage) -> None:
        mine = message.role == "user"
        title = _("Edit your message") if mine else _("Edit the reply")
        dialog = EditDialog(title, self._editing.get((message.id, ""), message.text), self._over.window(), can_send=mine)
        dialog.saved.connect(partial(self._save, message))
        dialog.left.connect(partial(self._left, (message.id, ""), message.text))
        dialog.open()

    def _left(self, key: tuple[int, str], before: str, text: str) -> None:
        if text != before:
            self._editing[key] = text
        else:
            self._editing.pop(key, None)

    def _save(self, message: ChatMessage, text: str, send: bool) -> None:
        self._editing.pop((message.id, ""), None)
        if text == message.text and not send:
            return

        async def work(_job: Job[Any]) -> int:
            await self._desk.app.organiser.edit(message.id, text)
            return message.chat_id

        self._desk.bridge.start("", work, on_end=self._edited_to_send if send else self._edited)

    def _edited(self, job: Job[Any]) -> None:
        if job.error is not None:
            self.troubled.emit(job.error)

    def _edited_to_send(self, job: Job[Any]) -> None:
        self._edited(job)
        if job.error is None and job.result is not None:
            self.answer_wanted.emit(job.result)

    def _insert(self, after: ChatMessage, role: Role) -> None:
        title = _("Insert a message of yours") if role == "user" else _("Insert a reply")
        dialog = EditDialog(title, self._editing.get((after.id, role), ""), self._over.window(), can_send=False)
        dialog.saved.connect(partial(self._insert_it, after, role))
        dialog.left.connect(partial(self._left, (after.id, role), ""))
        dialog.open()

    def _insert_it(self, after: ChatMessage, role: Role, text: str, _send: bool) -> None:
        self._editing.pop((after.id, role), None)
        organiser = self._desk.app.organiser
        self._desk.bridge.start("", lambda _job: organiser.insert(after.chat_id, after.id, role, text), on_end=self._edited)
