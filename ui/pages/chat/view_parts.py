"""What the room of chats adds to its view of messages: copying, and formulas drawn on another thread."""

from __future__ import annotations

from typing import Any

from PySide6.QtCore import QObject
from PySide6.QtGui import QGuiApplication

from localstory.runtime import Job
from localstory.words import _
from ui.desk import Desk
from ui.widgets.formulas import Drawing, Formula, draw_all
from ui.widgets.message_view import MessageView


class ViewParts(QObject):
    """Made with the page and its view; listens to the view's actions `copy_text` and `copy_chat`."""

    def __init__(self, parent: QObject, desk: Desk, view: MessageView) -> None:
        super().__init__(parent)
        self._desk = desk
        self._view = view
        self._drawing: list[Formula] = []
        view.acted.connect(self._acted)
        desk.actions.add("chat.copy", _("Copy the whole chat"), self.copy_chat, menu="chat")
        if view.formulas is not None:
            view.formulas.drawer = self._draw

    def _acted(self, key: int, action: str) -> None:
        if action == "copy_text":
            self._copy(self._view.plain_text_of(key))
        elif action == "copy_chat":
            self.copy_chat()

    def copy_chat(self) -> None:
        """Every message in sight and out of it, in this branch, each under the name of who wrote it."""
        self._copy("\n\n".join(f"## {speaker}\n\n{text}" for speaker, text in self._view.texts()))

    def _copy(self, text: str) -> None:
        QGuiApplication.clipboard().setText(text)
        self._desk.say(_("Copied"))

    def _draw(self, formulas: list[Formula]) -> None:
        self._drawing = formulas

        async def work(_job: Job[Any]) -> list[tuple[Formula, Drawing | None]]:
            import asyncio

            return await asyncio.to_thread(draw_all, formulas)

        self._desk.bridge.start("", work, on_end=self._drawn)

    def _drawn(self, job: Job[Any]) -> None:
        if self._view.formulas is not None:
            # Stopped with the program: what was not drawn stays as it was written.
            self._view.formulas.take(job.result if job.result is not None else [(formula, None) for formula in self._drawing])
