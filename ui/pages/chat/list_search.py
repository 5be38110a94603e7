"""Searching all chats as one types: asked behind the window, old answers dropped, hits shown in the pane."""

from __future__ import annotations

import asyncio
import datetime
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from PySide6.QtCore import QObject, QTimer, Signal

from localstory.chats.search import Filters, Found, Hit
from localstory.chats.tree import MessageId
from localstory.runtime import Job
from localstory.words import _, number
from ui import errors
from ui.desk import Desk
from ui.pages.chat.list_pane import ListPane
from ui.pages.chat.list_rows import short_time
from ui.widgets.hit_list import HitLine

TYPING_MS = 80


@dataclass(frozen=True, slots=True)
class _Asked:
    number: int
    more: bool


class Searching(QObject):
    """The search line of the pane, and its hits."""

    opened = Signal(object, str)
    """A Hit was chosen, and the words that were looked for."""
    ended = Signal()
    """Nothing is looked for any more: the list is to be seen again."""

    def __init__(self, desk: Desk, pane: ListPane, narrowed: Callable[[], Filters]) -> None:
        super().__init__(pane)
        self._desk = desk
        self._pane = pane
        self._narrowed = narrowed
        """The filters of the menu."""
        self._number = 0
        self._hits: list[Hit] = []
        self._more = False
        self._loading = False
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(TYPING_MS)
        self._timer.timeout.connect(self._ask)
        pane.query_changed.connect(self._typed)
        pane.hits.opened.connect(self._open)
        pane.hits.wanted_more.connect(self._ask_more)

    @property
    def query(self) -> str:
        """What is looked for; "" for nothing."""
        return self._pane.search.text()

    @property
    def is_on(self) -> bool:
        return bool(self.query.strip())

    def again(self) -> None:
        """The filters or the chats changed: look again for the same."""
        if self.is_on:
            self._timer.start()

    def _typed(self) -> None:
        self._number += 1
        if self.is_on:
            self._timer.start()
        else:
            self._timer.stop()
            self._hits = []
            self.ended.emit()

    def _ask(self) -> None:
        self._number += 1
        self._begin(_Asked(self._number, more=False), None)

    def _ask_more(self) -> None:
        messages = [hit.message_id for hit in self._hits if hit.message_id is not None]
        if self._more and messages and not self._loading:
            self._begin(_Asked(self._number, more=True), messages[-1])

    def _begin(self, asked: _Asked, before: MessageId | None) -> None:
        search, query, where = self._desk.app.search, self.query, self._narrowed()
        if not self._desk.app.chats.is_open:
            return
        self._loading = True

        async def work(_job: Job[Any]) -> tuple[_Asked, Found]:
            return asked, await asyncio.to_thread(search.find, query, where, before=before)

        self._desk.bridge.start("", work, on_end=self._answered)

    def _answered(self, job: Job[Any]) -> None:
        self._loading = False
        if job.error is not None:
            self._pane.show_empty(errors.trouble(job.error).title)
            return
        if job.result is None:
            return
        asked, found = job.result
        if asked.number != self._number or not self.is_on:
            return
        self._hits = [*self._hits, *found.hits] if asked.more else list(found.hits)
        self._more = found.more and bool(found.hits)
        self._show()

    def _show(self) -> None:
        if not self._hits:
            self._pane.said.hide()
            self._pane.show_empty(_("Nothing has these words. Each word must be there; the last one may be its beginning."))
            return
        now = datetime.datetime.now().astimezone()
        self._pane.hits.hits.set_lines([_line(hit, now) for hit in self._hits])
        count = number(len(self._hits))
        self._pane.said.setText((_("{count} found, the newest first; more below") if self._more else _("{count} found, the newest first")).format(count=count))
        self._pane.said.show()
        self._pane.stack.setCurrentWidget(self._pane.hits)

    def _open(self, at: int) -> None:
        if 0 <= at < len(self._hits):
            self.opened.emit(self._hits[at], self.query)


def _line(hit: Hit, now: datetime.datetime) -> HitLine:
    title = hit.title or _("New chat")
    if hit.message_id is None:
        shown = hit.snippet if hit.snippet != hit.title else ""
        return HitLine(title, short_time(hit.created_at, now), shown or _("The title has these words"), hit.places if shown else ())
    return HitLine(title, short_time(hit.created_at, now), hit.snippet, hit.places)


@dataclass(frozen=True, slots=True)
class When:
    """A span of days up to now, or all of time."""

    id: str
    days: int | None


SPANS = (When("any", None), When("today", 0), When("week", 7), When("month", 30), When("year", 365))


def since(days: int | None, now: datetime.datetime) -> int | None:
    """The beginning of a span in milliseconds since 1970; None for all of time."""
    if days is None:
        return None
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    return int((midnight - datetime.timedelta(days=days)).timestamp() * 1000)


def with_time(where: Filters, days: int | None) -> Filters:
    """The same filters within that span."""
    return replace(where, since=since(days, datetime.datetime.now().astimezone()))
