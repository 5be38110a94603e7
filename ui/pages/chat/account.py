"""The context of the chat on the screen: its line above the input, its whole account, and what the person does with both."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from PySide6.QtCore import QObject, Qt, Signal
from PySide6.QtWidgets import QWidget

from localstory.chats.asking import DEFAULTS
from localstory.chats.store import Chat, Summary, SummaryId
from localstory.chats.summarising import item_id
from localstory.runtime import Job
from localstory.words import _
from ui.desk import Desk
from ui.pages.chat.chooser import Chooser
from ui.pages.chat.context_dialog import ContextDialog
from ui.pages.chat.context_line import ContextLine, Moment


class Shown(Protocol):
    """What the account has to know of the page."""

    def __call__(self) -> tuple[Chat | None, str, dict[str, Any]]:
        """The chat on the screen (None: a new one), what stands in the input, and what its last reply was made of."""


class Account(QObject):
    """Owns the line; opens the dialog."""

    troubled = Signal(object)

    def __init__(self, parent: QObject, desk: Desk, chooser: Chooser, shown: Shown, change_chat: Callable[[dict[str, Any]], None], over: QWidget) -> None:
        super().__init__(parent)
        self._desk, self._chooser, self._shown, self._change_chat, self._over = desk, chooser, shown, change_chat, over
        self._chats = desk.app.chats
        self.dialog: ContextDialog | None = None
        self.line = ContextLine(desk, self._moment)
        self.line.pressed.connect(self.open)
        self.line.skip_wanted.connect(self._skip)
        self.line.counted.connect(self._show)

    def _moment(self) -> Moment | None:
        chosen = self._chooser.chosen
        chat, draft, made_of = self._shown()
        if chosen is None or chosen.is_away:
            return None
        if chat is not None and self._desk.app.several.at_work(chat.id) is not None:
            return None  # counting would load this model beside the one that answers
        return Moment(chat.id if chat is not None else None, draft, self._chooser.opener(chosen), made_of.get("context", {}))

    def open(self) -> None:
        """The whole account of what the model is sent."""
        self.dialog = ContextDialog(self._over)
        self.dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.dialog.finished.connect(self._closed)
        self.dialog.policy_chosen.connect(self._choose_policy)
        self.dialog.summary_changed.connect(self._change_summary)
        self.dialog.summary_deleted.connect(self._delete_summary)
        self._show()
        self.dialog.open()

    def _closed(self) -> None:
        self.dialog = None

    def _show(self) -> None:
        if self.dialog is not None:
            chat, _draft, made_of = self._shown()
            when_full = (chat.parameters if chat is not None else {}).get("when_full", DEFAULTS["when_full"])
            context = made_of.get("context", {})
            standing = self.line.standing
            summary = standing.summary if standing is not None else self._summary_of(chat, context)
            self.dialog.show_now(standing, context, when_full, summary)

    def _summary_of(self, chat: Chat | None, context: dict[str, Any]) -> Summary | None:
        """The one that stood in the last request: to be read while its model is not loaded."""
        used = next((row["first"] for row in context.get("rows", ()) if row["kind"] == "summary"), None)
        return next((one for one in self._chats.summaries(chat.id) if item_id(one) == used), None) if chat is not None and used else None

    def _choose_policy(self, when_full: str) -> None:
        chat = self._shown()[0]
        self._change_chat({"parameters": (chat.parameters if chat is not None else {}) | {"when_full": when_full}})

    def _skip(self, blocks: bool) -> None:
        chat = self._shown()[0]
        if chat is None:
            return
        chat_id = chat.id
        if blocks:
            self._desk.app.runtime.call_soon(lambda: self._chats.skip_summary(chat_id))
        else:
            self._desk.bridge.start("", lambda _job: self._chats.stop_summary(chat_id))

    def _change_summary(self, summary_id: int, text: str) -> None:
        self._desk.bridge.start("", lambda _job: self._chats.change_summary(SummaryId(summary_id), text), on_end=self._done)

    def _delete_summary(self, summary_id: int) -> None:
        def undo() -> None:
            self._desk.bridge.start("", lambda _job: self._chats.undelete_summary(SummaryId(summary_id)), on_end=self._done)

        self._desk.bridge.start("", lambda _job: self._chats.delete_summary(SummaryId(summary_id)), on_end=self._done)
        self._desk.say(_("The summary was deleted"), _("Undo"), undo)

    def _done(self, job: Job[Any]) -> None:
        if job.error is not None:
            self.troubled.emit(job.error)
