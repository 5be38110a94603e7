"""What the list of 10,000 chats costs the window: showing it, one change, a frame of scrolling, typing in the search.

usage: python -m tests.bench.chats_list [--chats 10000] [--messages 1000000] [--json]
Processor time of the Qt thread and wall time; the database is the one of tests/bench/chats_store.py.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from tests.bench.chats_store import database_of

FRAME_MS, SEARCH_MS, START_S = 16.0, 50.0, 2.0


def measure(path: Path) -> list[tuple[str, float, float | None, str]]:
    """Rows of the table: what, figure, bar, unit."""
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    from PySide6.QtWidgets import QApplication

    from localstory.app import open_app
    from ui.app import Window
    from ui.pages.chat.page import ChatPage

    made: list[tuple[str, float, float | None, str]] = []
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder) / "Nhà 🐉"
        home.mkdir()
        shutil.copy(path, home / "localstory.db")
        begun = time.perf_counter()
        application = QApplication(sys.argv[:1])
        app = open_app(home)
        window = Window(application, app)
        window.window.resize(1280, 800)
        window.show()

        def until(condition: Callable[[], bool], seconds: float = 30.0) -> None:
            end = time.monotonic() + seconds
            while not condition() and time.monotonic() < end:
                application.processEvents()
                time.sleep(0.001)
            assert condition()

        window.window.go("chat")
        page = window.window.pages["chat"]
        assert isinstance(page, ChatPage)
        until(lambda: bool(page.list.pane.model.keys))
        application.processEvents()
        made.append(("start to the list of all chats, after the imports", time.perf_counter() - begun, START_S, "s"))
        until(lambda: not app.runtime.jobs)
        part, pane = page.list, page.list.pane

        def timed(work: Callable[[], object], times: int = 9) -> tuple[float, float]:
            cpu, wall = [], []
            for _time in range(times):
                here, clock = time.thread_time(), time.perf_counter()
                work()
                cpu.append((time.thread_time() - here) * 1000)
                wall.append((time.perf_counter() - clock) * 1000)
            return statistics.median(cpu), statistics.median(wall)

        made.append(("all chats read and arranged anew", timed(part.reload)[0], None, "ms"))
        chats = [chat.id for chat in part.all()]

        def change() -> None:
            part.reload([chats[5]])
            application.processEvents()

        made.append(("one chat changed: read, arranged, painted", timed(change)[0], None, "ms"))
        bar = pane.rows.verticalScrollBar()
        frames_cpu, frames_wall = [], []
        for step in range(300):
            here, clock = time.thread_time(), time.perf_counter()
            bar.setValue(round(bar.maximum() * step / 300))
            pane.rows.viewport().repaint()
            frames_cpu.append((time.thread_time() - here) * 1000)
            frames_wall.append((time.perf_counter() - clock) * 1000)
        made.append(("a frame of scrolling, 99 of 100, processor", sorted(frames_cpu)[296], FRAME_MS, "ms"))
        made.append(("a frame of scrolling, 99 of 100, wall", sorted(frames_wall)[296], FRAME_MS, "ms"))
        made.append(("the longest frame, wall", max(frames_wall), None, "ms"))
        waits = []
        for query in ("d", "du", "duong", "duong l", "fox hill", "nguoi lai do"):
            pane.hits.hits.set_lines([])
            part.searching._timer.setInterval(0)
            clock = time.perf_counter()
            pane.search.setText(query)
            until(lambda: bool(pane.hits.hits.lines))
            pane.hits.viewport().repaint()
            waits.append((time.perf_counter() - clock) * 1000)
        made.append(("from the last letter typed to hits on the screen", statistics.median(waits), SEARCH_MS, "ms"))
        made.append(("the longest of six", max(waits), None, "ms"))
        pane.search.clear()
        window.close()
        application.processEvents()
    return made


def main() -> None:
    parser = argparse.ArgumentParser(prog="chats_list", description=__doc__)
    parser.add_argument("--chats", type=int, default=10_000)
    parser.add_argument("--messages", type=int, default=1_000_000)
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    table = measure(database_of(given.chats, given.messages))
    if given.json:
        print(json.dumps([{"what": what, "figure": figure, "bar": bar, "unit": unit} for what, figure, bar, unit in table]))
        return
    for what, figure, bar, unit in table:
        said = "" if bar is None else f"bar {bar:g} {unit}: {'met' if figure <= bar else 'MISSED'}, {figure / bar:.2f} of it"
        print(f"{what:58} {figure:9.2f} {unit:3} {said}")


if __name__ == "__main__":
    main()
