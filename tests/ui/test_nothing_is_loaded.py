"""Row 13 of the list of bad input: 120 texts that ask for files, shares and hosts, wherever the window shows foreign words.

A process of its own shows them, with a red picture at every path they name and a server that counts requests. Under
strace, where there is one, everything is heard that the system was asked for. Qt's own browser is the control.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from pytestqt.qtbot import QtBot

from tests.fakes.hostile_texts import MARK
from ui.widgets.tips import tip

ROOT = Path(__file__).parents[2]
CALLS = "open,openat,openat2,stat,lstat,newfstatat,statx,access,faccessat,faccessat2,readlink,connect,execve"


@pytest.fixture
def server() -> Iterator[tuple[int, list[str]]]:
    asked: list[str] = []

    class Listens(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_error(404)

        def log_message(self, format: str, *args: Any) -> None:
            """Quiet."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Listens) as made:
        thread = threading.Thread(target=made.serve_forever)
        thread.start()
        yield made.server_port, asked
        made.shutdown()
        thread.join()


def show(folder: Path, port: int, *more: str) -> tuple[dict[str, Any], list[str]]:
    """What the process says it showed, and what it asked the system for that no text may lead to."""
    trace, strace = folder / "trace", shutil.which("strace")
    command = [sys.executable, "-m", "tests.ui.hostile_window", str(folder), str(port), *more]
    if strace is not None:
        command = [strace, "-f", "--seccomp-bpf", "-qq", "-s", "300", "-e", f"trace={CALLS}", "-o", str(trace), *command]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=120, check=True, stdin=subprocess.DEVNULL)
    told: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    if strace is None:
        return told, []
    calls = trace.read_text("utf-8", "replace").splitlines()
    begin = next(number for number, call in enumerate(calls) if "phase-two" in call)
    where, found = "", []
    for call in calls[begin:]:
        if '"at ' in call:
            where = call.split('"')[1]
        else:
            names = re.search(rf"\b(open\w*|\w*stat\w*|\w*access\w*|readlink)\(.*{MARK}", call)
            connects = "connect(" in call and "AF_UNIX" not in call and "resumed" not in call
            starts = "execve(" in call and '"--worker"' not in call
            if names or connects or starts:
                found.append(f"{where}: {call}")
    return told, found


def test_the_window_opens_and_asks_for_nothing(tmp_path: Path, server: tuple[int, list[str]]) -> None:
    told, found = show(tmp_path, server[0])
    assert found == []
    assert server[1] == []
    assert told["red"] == 0
    assert told["opened"] == []  # links, clicked and not confirmed
    assert told["asked"] >= 8  # each web link asked first
    assert told["shown"] >= 240 and told["tips"] > 150


@pytest.mark.skipif(shutil.which("strace") is None, reason="needs strace")
def test_qts_own_browser_fails_the_same_test(tmp_path: Path, server: tuple[int, list[str]]) -> None:
    told, found = show(tmp_path, server[0], "--stock")
    assert told["red"] > 1000
    assert any("leak-host" in call for call in found)
    assert len(found) > 100


@pytest.mark.parametrize("text", ["a <img src='/etc/hostname'>", "<b>x</b>", "&lt;img src=x&gt;", "a < b & c", "two\nlines <i>x</i>", "đường 🐉"])
def test_a_tip_says_its_text_letter_by_letter(text: str, qtbot: QtBot) -> None:
    from PySide6.QtGui import Qt, QTextDocument

    document = QTextDocument()
    made = tip(text)
    document.setHtml(made) if Qt.mightBeRichText(made) else document.setPlainText(made)
    assert document.toPlainText() == text
    assert "<img" not in document.toHtml()
