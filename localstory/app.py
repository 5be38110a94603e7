"""Builds every service once and closes them in reverse: what the window and the command line share."""

from __future__ import annotations

from pathlib import Path
from types import TracebackType

from localstory import models, words
from localstory.chats import Chats
from localstory.db import Database
from localstory.engines.base import TextEngine
from localstory.engines.registry import open_text_engine
from localstory.events import Hub
from localstory.models.library import TextModel
from localstory.paths import Home, HomeLock, open_home
from localstory.runtime import Runtime
from localstory.settings import Settings, read_settings, write_settings


class App:
    """The program without its window. Make it with `open_app`, use it as a context manager."""

    def __init__(self, home: Home, lock: HomeLock | None) -> None:
        self.home = home
        self.hub = Hub()
        self.runtime = Runtime()
        self.settings: Settings = read_settings(home.settings_file)
        self._lock = lock
        self._closed = False
        self.chats = Chats(Database(home.database), self.hub)
        """`await chats.open()` first; it needs the right to write (`open_app(writes=True)`)."""
        self._text_engines: dict[Path, TextEngine] = {}

    def change_settings(self, settings: Settings) -> None:
        """Keep new settings, on disk first."""
        write_settings(self.home.settings_file, settings)
        self.settings = settings

    def text_models(self) -> list[TextModel]:
        """Every language model on this computer that we know of."""
        return models.library.text_models(self.home)

    def text_engine(self, model: TextModel) -> TextEngine:
        """The engine for a model; the same one as long as the app is open. It loads itself at the first need."""
        if model.path not in self._text_engines:
            self._text_engines[model.path] = open_text_engine(model.path, title=model.title)
        return self._text_engines[model.path]

    def close(self) -> None:
        """End the children, the jobs and the loop, give the lock back. Closing twice is harmless."""
        if self._closed:
            return
        self._closed = True
        # Chats first: a reply that is being written keeps its words only while the database is open.
        self.runtime.run(self.chats.close())
        for engine in self._text_engines.values():
            self.runtime.run(engine.close())
        self._text_engines.clear()
        self.runtime.close()
        if self._lock is not None:
            self._lock.__exit__()
            self._lock = None

    def __enter__(self) -> App:
        return self

    def __exit__(self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None) -> None:
        self.close()


def open_app(root: Path | None = None, *, writes: bool = True) -> App:
    """Open the home folder and everything in it. `writes` takes the lock: raises HomeInUse when another has it.

    Commands that change nothing in the home (`probe`, `ask`) open with `writes=False` beside an open window.
    """
    home = open_home(root)
    lock = HomeLock(home).__enter__() if writes else None
    try:
        app = App(home, lock)
    except BaseException:
        if lock is not None:
            lock.__exit__()
        raise
    words.use_language(app.settings.language)
    return app
