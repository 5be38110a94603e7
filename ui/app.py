"""Opens the window: checks what would break it, one window per person, fonts, words, look, and a calm end."""

from __future__ import annotations

import faulthandler
import gc
import hashlib
import logging
import logging.handlers
import sys
import threading
import time
from pathlib import Path
from types import TracebackType
from typing import IO, Any

import PySide6
from PySide6.QtCore import QMessageLogContext, QObject, QTimer, QtMsgType, Signal, qInstallMessageHandler
from PySide6.QtNetwork import QLocalServer, QLocalSocket
from PySide6.QtWidgets import QApplication, QMessageBox

import localstory
from localstory import words
from localstory.app import App, open_app
from localstory.errors import CannotContinue, HomeInUse, NotInstalled
from localstory.paths import Home, home_folder
from localstory.runtime import Job
from localstory.words import _, mark
from ui import errors, theme
from ui.bridge import Bridge
from ui.main_window import MainWindow
from ui.qt_words import QtWords
from ui.widgets.text_dialog import TextDialog

log = logging.getLogger(__name__)


OPENING_SECONDS = 2.0
"""How long a second start waits for the window of the first."""


class BadPair(NotInstalled):
    """PySide6 6.12.0 drops references to None; on Python below 3.12 the process aborts after some thousand calls."""

    code = "bad_pair"

    def __init__(self) -> None:
        super().__init__(
            title=mark("This PySide6 does not work with this Python"),
            detail=mark("PySide6 {pyside} makes Python {python} crash after a few seconds."),
            hint=mark("Run: pip install 'PySide6-Addons==6.11.3', or use Python 3.12 or newer."),
            pyside=PySide6.__version__,
            python=".".join(map(str, sys.version_info[:3])),
        )


def check_pair(python: tuple[int, ...] = tuple(sys.version_info[:2]), pyside: str = PySide6.__version__) -> None:
    """Refuse the pair that crashes. Raises BadPair."""
    if python < (3, 12) and pyside.startswith("6.12."):
        raise BadPair


class OneWindow(QObject):
    """One window for each home folder: a second start raises the first."""

    raised = Signal()

    def __init__(self, home: Path) -> None:
        super().__init__()
        self._name = "localstory-" + hashlib.sha256(str(home.absolute()).encode()).hexdigest()[:16]
        self._server = QLocalServer(self)
        self._server.setSocketOptions(QLocalServer.SocketOption.UserAccessOption)
        self._server.newConnection.connect(self._called)

    def call_first(self) -> bool:
        """Ask the window that is already open to come to the front; False when there is none."""
        socket = QLocalSocket()
        socket.connectToServer(self._name)
        if not socket.waitForConnected(300):
            return False
        socket.write(b"raise\n")
        socket.waitForBytesWritten(300)
        socket.disconnectFromServer()
        return True

    def listen(self) -> None:
        """Be the first. A socket that a crashed window left behind is taken away."""
        if not self._server.listen(self._name):
            QLocalServer.removeServer(self._name)
            self._server.listen(self._name)

    def close(self) -> None:
        """Let another be the first."""
        self._server.close()

    def _called(self) -> None:
        while (socket := self._server.nextPendingConnection()) is not None:
            socket.disconnected.connect(socket.deleteLater)
            self.raised.emit()


class Window:
    """The program while its window is open. Used by `main` and by the tests."""

    def __init__(self, application: QApplication, app: App) -> None:
        self.application = application
        self.app = app
        self._family = theme.load_fonts(Path(localstory.__file__).parent / "fonts")
        self._qt_words = QtWords(application)
        application.installTranslator(self._qt_words)
        self.wear()
        self.bridge = Bridge(app)
        self.window = MainWindow(self.bridge, self.wear)
        application.styleHints().colorSchemeChanged.connect(self._system_look_changed)
        self.bridge.start("", lambda _job: app.open_data(), on_end=self._chats_opened)
        # After the first picture: what is imported on another thread takes the processor away from this one.
        self._warmer = QTimer(self.bridge)
        self._warmer.setSingleShot(True)
        self._warmer.setInterval(300)
        self._warmer.timeout.connect(self._warm_up)

    def wear(self) -> None:
        """Put on the look of the settings."""
        chosen = self.app.settings
        theme.wear(
            self.application, theme.resolve(chosen.theme), self._family,
            text_size=chosen.text_size, message_width=chosen.message_width, chat_font=chosen.chat_font,
        )  # fmt: skip

    def _system_look_changed(self) -> None:
        if self.app.settings.theme == "system" and theme.resolve("system") is not theme.look():
            self.window.rebuild()

    def _chats_opened(self, job: Job[None]) -> None:
        self.window.chats_opened(job.error)

    def show(self) -> None:
        """Show the window."""
        self.window.show()
        self._warmer.start()

    def _warm_up(self) -> None:
        self.bridge.start("", _warm_up, on_end=_ignore)

    def show_crash(self) -> None:
        """Show the trace of the last crash, to be read and copied; it is sent nowhere."""
        dialog = TextDialog(_("The last crash"), last_crash_file(self.app.home).read_text("utf-8", "replace"), self.window)
        dialog.open()

    def raise_window(self) -> None:
        """Bring the window to the front."""
        self.window.setWindowState(self.window.windowState() & ~self.window.windowState().WindowMinimized)
        self.window.show()
        self.window.raise_()
        self.window.activateWindow()

    def close(self) -> None:
        """Close everything, in the right order."""
        self.application.styleHints().colorSchemeChanged.disconnect(self._system_look_changed)
        self._warmer.stop()
        self.window.close()
        self.bridge.close()
        self.window.desk.deleteLater()  # with its rooms and their timers: on this thread, not wherever Python finds them
        self.app.close()
        self.application.removeTranslator(self._qt_words)
        self.window.deleteLater()


async def _warm_up(_job: Job[None]) -> None:
    import asyncio

    from ui.widgets.markdown import warm_up

    await asyncio.to_thread(warm_up)


def _ignore(_job: Job[Any]) -> None:
    """What is imported later instead."""


def main() -> int:
    """Open the window and stay until it is closed; returns the exit code."""
    application = QApplication.instance()
    if not isinstance(application, QApplication):
        application = QApplication(sys.argv[:1])
    application.setApplicationName("localstory")
    application.setApplicationDisplayName("localstory")
    application.setDesktopFileName("localstory")
    application.setQuitOnLastWindowClosed(True)
    try:
        check_pair()
        home = home_folder()
        one = OneWindow(home)
        if one.call_first():
            return 0
        app = open_app()
    except HomeInUse as error:
        # Its window may just be opening: not there yet when we called. A command that writes has none.
        end = time.monotonic() + OPENING_SECONDS
        while time.monotonic() < end:
            if one.call_first():
                return 0
            time.sleep(0.05)
        return _refuse(error)
    except CannotContinue as error:
        return _refuse(error)
    one.listen()  # at once: who starts now too must find somebody; he is heard when the window is there
    crash_file = _watch(app.home)
    window = Window(application, app)
    one.raised.connect(window.raise_window)
    window.show()
    QTimer.singleShot(1500, _settle_memory)
    if crashed:
        window.window.desk.say(_("localstory ended unexpectedly last time. What was lost is at most half a second of a reply."), _("Show"), window.show_crash)
    try:
        return application.exec()
    finally:
        one.close()
        window.close()
        faulthandler.disable()
        crash_file.close()


def _settle_memory() -> None:
    """What was made at the start stays: looking through it again and again cost single frames 20 ms."""
    gc.collect()
    gc.freeze()


def _refuse(error: CannotContinue) -> int:
    words.use_language(words.language())
    said = errors.trouble(error)
    box = QMessageBox(QMessageBox.Icon.Warning, "localstory", said.title)
    box.setInformativeText("\n\n".join(part for part in (said.detail, said.hint) if part))
    box.setDetailedText(said.details)
    box.setStandardButtons(QMessageBox.StandardButton.Ok)
    print("\n".join(part for part in (said.title, said.detail, said.hint) if part), file=sys.stderr)
    box.exec()
    return 1


def last_crash_file(home: Home) -> Path:
    """Where the trace of the last crash is kept."""
    return home.logs / "crash-last.log"


def _keep_last_crash(home: Home) -> None:
    """A trace that the window before left behind is kept until the next crash."""
    trace = home.logs / "crash.log"
    if trace.exists() and trace.stat().st_size:
        trace.replace(last_crash_file(home))
        crashed.append(last_crash_file(home))


crashed: list[Path] = []
"""The trace of a crash that nobody was told of yet."""


def _watch(home: Home) -> IO[str]:
    """Write crashes and errors into the logs folder; nothing is sent anywhere."""
    handler = logging.handlers.RotatingFileHandler(home.logs / "window.log", maxBytes=1 << 20, backupCount=2, encoding="utf-8", delay=True)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    logging.getLogger().addHandler(handler)
    _keep_last_crash(home)
    crash_file = open(home.logs / "crash.log", "w", encoding="utf-8")  # noqa: SIM115 - open until the end
    faulthandler.enable(crash_file, all_threads=True)

    def unexpected(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        if not issubclass(kind, KeyboardInterrupt):
            log.error("unexpected", exc_info=(kind, error, trace))
        sys.__excepthook__(kind, error, trace)

    sys.excepthook = unexpected
    threading.excepthook = lambda arguments: log.error("in %s", arguments.thread, exc_info=arguments.exc_value)

    def qt_says(kind: QtMsgType, _context: QMessageLogContext, message: str) -> None:
        log.log(logging.DEBUG if kind in (QtMsgType.QtDebugMsg, QtMsgType.QtInfoMsg) else logging.WARNING, "Qt: %s", message)

    qInstallMessageHandler(qt_says)
    return crash_file
