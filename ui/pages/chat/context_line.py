"""The line above the input: how full the context is, kept true in quiet moments, and the way to the whole account."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from PySide6.QtCore import QTimer, Signal
from PySide6.QtWidgets import QHBoxLayout, QWidget

from localstory.chats.asking import counts_quickly
from localstory.chats.service import Standing
from localstory.chats.summarising import Summarising
from localstory.chats.tree import ChatId
from localstory.engines.base import TextEngine
from localstory.runtime import Job
from localstory.words import _, percent
from ui import looks, theme
from ui.desk import Desk
from ui.pages.chat import context_state
from ui.widgets.cards import button, label
from ui.widgets.context_bar import ContextBar
from ui.widgets.values import Strip

PAUSE_MS = 400
"""Of typing, before anything is counted."""


@dataclass(frozen=True, slots=True)
class Moment:
    """What there is to be counted now."""

    chat_id: int | None
    draft: str
    engine: Callable[[], Awaitable[TextEngine]]
    context: dict[str, Any]
    """The account of the last reply; empty when there is none."""


class ContextLine(QWidget):
    """Asks the core at most once at a time, after a pause in typing, and never loads a model for it."""

    pressed = Signal()
    skip_wanted = Signal(bool)
    """Don't wait for a summary (True), or stop one that nobody waits for."""
    counted = Signal()

    def __init__(self, desk: Desk, now: Callable[[], Moment | None]) -> None:
        super().__init__()
        self._desk, self._now = desk, now
        self._chats = desk.app.chats
        self._job: Job[Any] | None = None
        self._again = False
        self.standing: Standing | None = None
        """Of the chat on the screen as it was counted last; None before that."""
        self.context: dict[str, Any] = {}
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(8)
        self.bar = ContextBar(looks.bar_colours(), theme.look().accent)
        self.bar.clicked.connect(self.pressed)
        row.addWidget(self.bar, 1)
        self._note = label("", "small", wrap=False)
        self._note.hide()
        row.addWidget(self._note)
        self._blocks = False
        self._skip = button("", "link")
        self._skip.clicked.connect(self._skip_pressed)
        self._skip.hide()
        row.addWidget(self._skip)
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(PAUSE_MS)
        self._timer.timeout.connect(self._count)
        self.hide()

    def changed(self) -> None:
        """Something that is sent has changed, or may have."""
        self._timer.start()

    def end(self) -> None:
        """The window closes or is built anew."""
        self._timer.stop()
        self._again = False

    def forget(self) -> None:
        """Another chat is on the screen: the numbers of the last one must not stand there."""
        self.standing = None
        if self._job is not None:
            self._job.cancel()
            self._job = None
        moment = self._now()
        self._show_last(moment.context if moment is not None else {})
        self.changed()

    def show_summarising(self, event: Summarising | None, *, blocks: bool = False) -> None:
        """A summary is being written, behind the replies or (`blocks`) before one; None: no longer."""
        running = event is not None and event.share is not None
        self._note.setVisible(running)
        self._skip.setVisible(running)
        self._blocks = blocks
        self._skip.setText(_("Leave out instead") if blocks else _("Stop"))
        self._skip.setAccessibleName(_("Don't wait for the summary: leave the oldest messages out") if blocks else _("Stop writing the summary"))
        if running and event is not None:
            self._note.setText(_("Summarising the beginning… {share}").format(share=percent(event.share or 0.0)))

    def _skip_pressed(self) -> None:
        self.skip_wanted.emit(self._blocks)

    def _show_last(self, context: dict[str, Any]) -> None:
        self.context = context
        if context.get("by_kind") is not None and self.standing is None:
            self.bar.show_strip(context_state.strip_of_record(context))
            self.show()
        elif self.standing is None:
            self.bar.show_strip(Strip((), 0, "", "", ""))
            self.hide()

    def _count(self) -> None:
        if self._job is not None:
            self._again = True
            return
        moment = self._now()
        if moment is None or not self._chats.is_open:
            self._show_last({})
            return
        if moment.chat_id is not None and self._chats.is_writing(ChatId(moment.chat_id)):
            return  # the engine is busy; its end brings us here again
        self.context = moment.context
        chat_id = ChatId(moment.chat_id) if moment.chat_id is not None else None

        async def work(_job: Job[Standing | None]) -> Standing | None:
            engine = await moment.engine()
            return await self._chats.standing(chat_id, engine, moment.draft) if counts_quickly(engine) else None

        self._again = False
        self._job = self._desk.bridge.start("", work, on_end=self._counted)

    def _counted(self, job: Job[Any]) -> None:
        if job is not self._job:
            return  # of a chat that is no longer on the screen
        self._job = None
        # A server that is away, a model that fell over: they are told where something is asked of them.
        self.standing = job.result if job.error is None else None
        if self.standing is not None:
            self.bar.show_strip(context_state.strip(self.standing))
            self.show()
        else:
            self._show_last(self.context)
        self.counted.emit()
        if self._again:
            self._timer.start()
