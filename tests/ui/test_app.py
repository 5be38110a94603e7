"""Opening: what is refused, one window per person, crashes and errors that reach the logs, how long it takes."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from PySide6.QtCore import QObject
from PySide6.QtWidgets import QLabel
from pytestqt.qtbot import QtBot

from localstory.app import open_app
from localstory.errors import CannotContinue
from localstory.words import tell
from tests.ui.conftest import Opened
from ui import errors
from ui.app import BadPair, OneWindow, check_pair

REPOSITORY = Path(__file__).parents[2]


def run_python(code: str, home: Path, **more: str) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"LOCALSTORY_HOME": str(home), "QT_QPA_PLATFORM": "offscreen"} | more
    return subprocess.run([sys.executable, "-c", code], cwd=REPOSITORY, env=environment, capture_output=True, text=True, timeout=60, check=False)


def test_the_pair_that_crashes_is_refused_in_words() -> None:
    check_pair((3, 11), "6.11.3")
    check_pair((3, 12), "6.12.0")
    with pytest.raises(BadPair) as caught:
        check_pair((3, 11), "6.12.0")
    said = tell(caught.value)
    assert "PySide6" in said.detail
    assert "pip install" in said.hint


def test_qt_does_not_eat_references_to_none() -> None:
    """PySide6 6.12.0 on Python 3.11 loses one for each call (README, "Traps")."""
    thing = QObject()
    before = sys.getrefcount(None)
    for _turn in range(500):
        thing.setObjectName("x")
    assert (sys.getrefcount(None) - before) / 500 > -0.5


def test_a_second_start_calls_the_first_window(qtbot: QtBot, tmp_path: Path) -> None:
    first, second = OneWindow(tmp_path), OneWindow(tmp_path)
    assert not second.call_first()
    first.listen()
    with qtbot.waitSignal(first.raised, timeout=2000):
        assert second.call_first()
    assert not OneWindow(tmp_path / "other").call_first()
    first.close()
    assert not second.call_first()


@pytest.mark.slow
def test_of_several_starts_at_once_one_opens_and_the_others_call_it(home: Path) -> None:
    """Six times two, and once five, so ten come too late: never two windows, never a box; who comes second ends with 0 and the first hears of it."""
    code = """
import sys
from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QMessageBox
QMessageBox.exec = lambda self: print('BOX', self.text(), flush=True)
import ui.app
real, raised = ui.app.Window.raise_window, []
def raise_window(self):
    raised.append(1)
    real(self)
    if len(raised) == int(sys.argv[1]):
        QTimer.singleShot(0, self.window.close)
ui.app.Window.raise_window = raise_window
shown = ui.app.Window.show
def show(self):
    print('WINDOW', flush=True)
    shown(self)
    QTimer.singleShot(20000, self.window.close)
ui.app.Window.show = show
code = ui.app.main()
print('RAISED', len(raised), flush=True)
sys.exit(code)
"""
    environment = os.environ | {"LOCALSTORY_HOME": str(home), "QT_QPA_PLATFORM": "offscreen"}
    for together in [2] * 6 + [5]:
        command = [sys.executable, "-c", code, str(together - 1)]
        started = [subprocess.Popen(command, cwd=REPOSITORY, env=environment, stdout=subprocess.PIPE, text=True) for _one in range(together)]
        said = [one.communicate(timeout=60)[0] for one in started]
        assert [one.returncode for one in started] == [0] * together, said
        assert sum("WINDOW" in one for one in said) == 1 and not any("BOX" in one for one in said), said
        assert f"RAISED {together - 1}" in next(one for one in said if "WINDOW" in one)


def test_a_home_that_is_in_use_is_a_calm_box_and_exit_1(home: Path) -> None:
    code = (
        "from PySide6.QtWidgets import QMessageBox\n"
        "QMessageBox.exec = lambda self: print('BOX', self.text(), '|', self.informativeText())\n"
        "import sys, ui.app\n"
        "sys.exit(ui.app.main())"
    )
    with open_app(home):
        ended = run_python(code, home)
    assert ended.returncode == 1, ended.stderr
    assert "BOX localstory is already running" in ended.stdout


def test_bad_settings_are_a_calm_box_that_names_the_line(home: Path) -> None:
    home.mkdir(parents=True)
    (home / "settings.toml").write_text("language = \n")
    code = (
        "from PySide6.QtWidgets import QMessageBox\nQMessageBox.exec = lambda self: print(self.informativeText())\nimport sys, ui.app\nsys.exit(ui.app.main())"
    )
    ended = run_python(code, home)
    assert ended.returncode == 1
    assert "line 1" in ended.stdout
    assert (home / "settings.toml").read_text() == "language = \n"


def test_the_window_opens_closes_and_leaves_with_0(home: Path) -> None:
    """The whole of `main`, in a process of its own; an error in a slot goes into the log and the window lives on."""
    code = """
import sys, time
from PySide6.QtCore import QTimer
import ui.app, ui.main_window
began = time.perf_counter()
def shown():
    def oops():
        raise RuntimeError("a slot failed")
    QTimer.singleShot(0, oops)
    global closer
    closer = QTimer()
    closer.timeout.connect(lambda: window._app.chats.is_open and time.perf_counter() - began > 1 and window.close())
    closer.start(50)
real = ui.app.Window.show
def show(self):
    global window
    window = self.window
    real(self)
    heavy = [name for name in ("markdown_it", "pygments", "llama_cpp", "numpy", "PIL", "onnxruntime", "asyncio.subprocess", "openai") if name in sys.modules]
    print("HEAVY", [name for name in heavy if name != "asyncio.subprocess"])
    QTimer.singleShot(0, shown)
ui.app.Window.show = show
sys.exit(ui.app.main())
"""
    ended = run_python(code, home)
    assert ended.returncode == 0, ended.stderr
    assert "HEAVY []" in ended.stdout
    assert "a slot failed" in (home / "logs" / "window.log").read_text("utf-8")
    assert (home / "logs" / "crash.log").read_text("utf-8") == ""
    assert (home / "window.json").exists()
    assert (home / "localstory.db").exists()


def test_a_crash_leaves_its_trace(home: Path) -> None:
    code = """
import ctypes, sys, ui.app
from PySide6.QtCore import QTimer
real = ui.app.Window.show
def show(self):
    real(self)
    QTimer.singleShot(0, lambda: ctypes.string_at(0))
ui.app.Window.show = show
ui.app.main()
"""
    ended = run_python(code, home)
    assert ended.returncode != 0
    assert "Segmentation fault" in (home / "logs" / "crash.log").read_text("utf-8")
    told = """
import sys, ui.app
from PySide6.QtCore import QTimer
real = ui.app.Window.show
def show(self):
    real(self)
    QTimer.singleShot(300, lambda: (print("TOLD", bool(self.window.toasts.said())), self.window.close()))
ui.app.Window.show = show
sys.exit(ui.app.main())
"""
    ended = run_python(told, home)
    assert ended.returncode == 0, ended.stderr
    assert "TOLD True" in ended.stdout
    assert "Segmentation fault" in (home / "logs" / "crash-last.log").read_text("utf-8")
    assert "TOLD False" in run_python(told, home).stdout


def test_errors_become_words_and_bugs_keep_their_details() -> None:
    said = errors.trouble(CannotContinue(title="Not enough disk space", detail="The model needs {need}.", need="3 GiB"))
    assert (said.title, said.detail) == ("Not enough disk space", "The model needs 3 GiB.")
    bug = errors.trouble(ZeroDivisionError("division by zero"))
    assert "inside localstory" in bug.title
    assert "ZeroDivisionError" in bug.details


def test_an_engines_error_can_be_unfolded_and_copied(opened: Opened) -> None:
    from PySide6.QtGui import QGuiApplication
    from PySide6.QtWidgets import QPushButton

    from ui.widgets.cards import TroubleCard
    from ui.widgets.values import Trouble

    card = TroubleCard(Trouble("Title", "Why", "What to do", "stack\ntrace"), "Details", "Copy details")
    opened.qtbot.addWidget(card)
    card.show()
    more, copy = card.findChildren(QPushButton)
    assert not copy.isVisible()
    more.click()
    copy.click()
    assert "stack\ntrace" in QGuiApplication.clipboard().text()
    assert all(label.textFormat().name == "PlainText" for label in card.findChildren(QLabel))


@pytest.mark.xcb
@pytest.mark.skipif(not os.environ.get("DISPLAY"), reason="no X server")
def test_the_window_opens_under_a_real_x_server(home: Path) -> None:
    code = """
import sys, ui.app
from PySide6.QtCore import QTimer
from PySide6.QtGui import QGuiApplication
real = ui.app.Window.show
def show(self):
    real(self)
    def look():
        print("PLATFORM", QGuiApplication.platformName(), self.window.windowHandle().isExposed())
        self.window.close()
    QTimer.singleShot(1200, look)
ui.app.Window.show = show
sys.exit(ui.app.main())
"""
    ended = run_python(code, home, QT_QPA_PLATFORM="xcb")
    assert ended.returncode == 0, ended.stderr
    assert "PLATFORM xcb True" in ended.stdout
