"""Who writes in the chat: finds models and servers in the background, remembers what was chosen, opens the engine for it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from PySide6.QtCore import QObject, QTimer, Signal

from localstory.chats.store import Chat
from localstory.engines.base import TextEngine
from localstory.models.library import TextModel
from localstory.runtime import Job
from localstory.words import _
from ui.desk import Desk
from ui.pages.chat import choices
from ui.pages.chat.choices import Choice
from ui.pages.chat.writing import WritingBox

FRESH_SECONDS = 10.0
"""A look this young is not repeated when the list is only opened."""

FIRST_LOOK_MS = 700
"""After the start: what it imports must not hold up the first picture of the window."""

OpenEngine = Callable[[], Awaitable[TextEngine]]


class Chooser(QObject):
    """The list of those who can write, shown in the writing box."""

    changed = Signal()
    """Who can write, or who does."""
    troubled = Signal(object)

    def __init__(self, parent: QObject, desk: Desk, box: WritingBox) -> None:
        super().__init__(parent)
        self._desk, self._box = desk, box
        self._models: list[TextModel] | None = None
        self._chat: Chat | None = None
        self._looking = False
        self._first_look = QTimer(self)
        self._first_look.setSingleShot(True)
        self._first_look.timeout.connect(self._look_for_servers)
        self.choices: list[Choice] = []
        """Everybody who can write."""
        self.chosen: Choice | None = None
        """Who writes the next reply; None when nobody can, or before the models are known."""
        self.wanted: tuple[str, str, str] | None = None
        """Chosen for a chat that is not on the disk yet."""
        box.look_wanted.connect(self.look)
        box.memory_wanted.connect(self._move)

    def begin(self) -> None:
        """The first look: the models of this computer, and the servers."""
        self._load_models()
        self._first_look.start(FIRST_LOOK_MS)

    def end(self) -> None:
        """The window closes or is built anew."""
        self._first_look.stop()

    def look(self, now: bool) -> None:
        """Look again; without `now` only when the last look is some time ago."""
        if now or time.monotonic() - self._desk.app.servers.looked_at > FRESH_SECONDS:
            if self._models is not None:
                self._load_models()
            self._look_for_servers()

    def _load_models(self) -> None:
        async def work(_job: Job[list[TextModel]]) -> list[TextModel]:
            return await asyncio.to_thread(self._desk.app.text_models)

        self._desk.bridge.start("", work, on_end=self._models_loaded)

    def _models_loaded(self, job: Job[list[TextModel]]) -> None:
        self._models = job.result or self._models or []
        if job.error is not None:
            self.troubled.emit(job.error)
        self.show()

    def _look_for_servers(self) -> None:
        if not self._looking:
            self._looking = True
            self._desk.bridge.start("", lambda _job: self._desk.app.servers.look(), on_end=self._looked)

    def _looked(self, _job: Job[Any]) -> None:
        self._looking = False
        self.show()

    # -- who writes ----------------------------------------------------------------------------------------------------

    def show_for(self, chat: Chat | None) -> None:
        """The chat on the screen (None: a new one)."""
        self._chat = chat
        self.show()

    def show(self) -> None:
        """Find out who can write, and who does, and show it."""
        if self._models is not None:
            self.choices = choices.choices(self._models, self._desk.app.servers.known)
            self.chosen = choices.choose(self.choices, self._chat, self.wanted, self._desk.app.settings.model)
            self._box.set_choices(self.choices, self.chosen)
            self.changed.emit()

    @property
    def built_in(self) -> Choice | None:
        """Who would write with the built-in engine."""
        here = [one for one in self.choices if not one.engine]
        return choices.choose(here, None, None, self._desk.app.settings.model)

    def opener(self, choice: Choice) -> OpenEngine:
        """Opens the engine of a choice, on the core's loop."""
        app = self._desk.app
        if choice.engine:
            return lambda: app.server_engine(*choice.key)
        model = next(model for model in self._models or () if model.path == Path(choice.model))

        async def built_in() -> TextEngine:
            return app.text_engine(model)

        return built_in

    # -- memory of servers ---------------------------------------------------------------------------------------------

    def _move(self, load: bool) -> None:
        chosen = self.chosen
        if chosen is None or not chosen.engine:
            return
        open_engine = self.opener(chosen)

        async def work(job: Job[None]) -> None:
            engine: Any = await open_engine()
            await (engine.load(job.report) if load else engine.unload())
            await self._desk.app.servers.look()

        self._box.set_moving(True)
        title = (_("Loading {model}") if load else _("Freeing the memory of {model}")).format(model=chosen.title)
        self._desk.bridge.start(title, work, on_end=self._moved)

    def _moved(self, job: Job[None]) -> None:
        self._box.set_moving(False)
        if job.error is not None:
            self.troubled.emit(job.error)
        self.show()
