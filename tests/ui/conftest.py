"""The real window over a real home, with the scripted writer or whatever a test gives it."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from localstory.app import App, open_app
from localstory.engines.base import TextEngine
from localstory.engines.text.fake import FakeTextEngine
from localstory.models.library import TextModel
from localstory.settings import Settings, write_settings
from ui.app import Window
from ui.main_window import MainWindow
from ui.pages.chat.page import ChatPage

MODEL = TextModel(Path("/nowhere/fake.gguf"), "Fake", "llama", "Q4_K_M", 135_000_000, 1 << 27, 8192, "MIT", ("en", "vi"), "folder")


class Opened:
    """A window for a test; `reopen` closes it and starts again with the same home."""

    def __init__(self, qtbot: QtBot, home: Path) -> None:
        self.qtbot = qtbot
        self.home = home
        self.engine: TextEngine | None = FakeTextEngine("Once upon a time there was a fox.")
        self.models = [MODEL]
        self._window: Window | None = None

    def open(self, settings: Settings | None = None, *, size: tuple[int, int] = (1024, 640)) -> MainWindow:
        if settings is not None:
            self.home.mkdir(parents=True, exist_ok=True)
            write_settings(self.home / "settings.toml", settings)
        application = QApplication.instance()
        assert isinstance(application, QApplication)
        app = open_app(self.home)
        if self.engine is not None:
            engine, models = self.engine, self.models
            app.text_models = lambda: list(models)  # type: ignore[method-assign]
            app.text_engine = lambda model, settings=None: engine  # type: ignore[method-assign]
        self._window = Window(application, app)
        self.window.resize(*size)
        self._window.show()
        self.qtbot.waitUntil(lambda: app.chats.is_open or self.chat.box.isEnabled() is False, timeout=30_000)
        self.settle()
        return self.window

    @property
    def whole(self) -> Window:
        assert self._window is not None
        return self._window

    @property
    def window(self) -> MainWindow:
        return self.whole.window

    @property
    def app(self) -> App:
        return self.whole.app

    @property
    def chat(self) -> ChatPage:
        page = self.window.pages["chat"]
        assert isinstance(page, ChatPage)
        return page

    def settle(self) -> None:
        """Wait until the core has nothing to do and the window has shown all of it."""

        def quiet() -> bool:
            bridge = self.whole.bridge
            return not (self.app.runtime.jobs or bridge._queue or bridge._timer.isActive() or self.chat.is_storing or self.chat.view._timer.isActive())

        for _turn in range(2):  # what ends may begin something new
            self.qtbot.waitUntil(quiet, timeout=30_000)
            self.qtbot.wait(50)

    def until(self, condition: Callable[[], bool], seconds: float = 10.0) -> None:
        self.qtbot.waitUntil(condition, timeout=round(seconds * 1000))

    def close(self) -> None:
        if self._window is not None:
            self._window.close()
            self._window = None
            self.qtbot.wait(10)

    def reopen(self, settings: Settings | None = None) -> MainWindow:
        self.close()
        return self.open(settings)


@pytest.fixture(autouse=True)
def quick_measurement(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every window has a new home, and would measure the memory anew for half a second on all cores. The rate is this machine's usual one."""

    async def usual(_available_bytes: int | None) -> float:
        return 30.0

    monkeypatch.setattr("localstory.engines.text.devices._measure_read", usual)


@pytest.fixture(autouse=True)
def no_servers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever runs on this machine, a window in a test finds no model server that the test did not give it."""

    async def none(_net: object) -> list[object]:
        return []

    monkeypatch.setattr("localstory.engines.text.discovery.find_servers", none)


@pytest.fixture
def opened(qtbot: QtBot, home: Path) -> Iterator[Opened]:
    made = Opened(qtbot, home)
    yield made
    made.close()
    gc.collect()


def wait_for(condition: Callable[[], bool], seconds: float = 5.0) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited too long"
        time.sleep(0.01)
