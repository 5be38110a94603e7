"""Doing an act of the organiser and saying so, with "Undo" where something went."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

from PySide6.QtCore import QObject

from localstory.chats.organising import Undo
from localstory.runtime import Job
from ui import errors
from ui.desk import Desk


class Doing(QObject):
    """Made with the part of the page that acts."""

    def __init__(self, parent: QObject, desk: Desk) -> None:
        super().__init__(parent)
        self._desk = desk

    def do(self, work: Callable[[], Awaitable[Any]], said: str = "") -> None:
        """Do it on the core's loop; when it is done, say `said`. An act that gives an Undo is said with it, and one that took
        nothing is not said. Trouble is said in its title."""

        async def run(_job: Job[Any]) -> tuple[str, Any]:
            return said, await work()

        self._desk.bridge.start("", run, on_end=self._done)

    def _done(self, job: Job[Any]) -> None:
        if job.error is not None:
            self._desk.say(errors.trouble(job.error).title)
            return
        said, result = job.result if job.result is not None else ("", None)
        if isinstance(result, Undo):
            if said and not result.is_empty:
                self._desk.say_undo(said, partial(undo_it, self._desk, result))
        elif said:
            self._desk.say(said)


def undo_it(desk: Desk, undo: Undo) -> None:
    """Bring back what an act took."""
    desk.bridge.start("", lambda _job: desk.app.organiser.undo(undo))
