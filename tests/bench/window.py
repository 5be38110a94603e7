"""How soon the empty window is up, and what it takes: new processes, as a person starts it.

usage: python -m tests.bench.window [--runs 5] [--json]
"Up" is when the first picture of the window has been painted, counted from the start of the process. Memory is what the
process holds then and five seconds later (RSS), when all that is put off at the start has been done. The palette is asked
for a letter over ten thousand chats in a real store.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

UP_SECONDS, RSS_MB, LETTER_MS = 0.5, 130.0, 50.0
CHATS = 10_000

_OPEN = """
import sys, time
began = float(sys.argv[1])
from PySide6.QtCore import QEvent, QObject, QTimer
import ui.app
def rss():
    return int(open("/proc/self/statm").read().split()[1]) * 4096 / 1e6
class First(QObject):
    up = 0.0
    def eventFilter(self, watched, event):
        if event.type() == QEvent.Type.Paint and not self.up and watched is self.window.centralWidget():
            self.up = time.time() - began
            cpu = time.process_time()
            QTimer.singleShot(0, lambda: (setattr(self, "cpu", cpu), setattr(self, "rss", rss())))
            QTimer.singleShot(5000, self.end)
        return False
    def end(self):
        print(self.up, self.cpu, self.rss, rss(), flush=True)
        self.window.close()
first = First()
real = ui.app.Window.show
def show(self):
    first.window = self.window
    self.window.centralWidget().installEventFilter(first)
    real(self)
ui.app.Window.show = show
sys.exit(ui.app.main())
"""


def opened(home: Path) -> dict[str, float]:
    """One start."""
    environment = os.environ | {"LOCALSTORY_HOME": str(home)}
    environment.setdefault("QT_QPA_PLATFORM", "offscreen")
    ended = subprocess.run([sys.executable, "-c", _OPEN, str(time.time())], env=environment, capture_output=True, text=True, timeout=120, check=True)
    up, cpu, rss, later = (float(part) for part in ended.stdout.split())
    return {"up_seconds": up, "up_cpu_seconds": cpu, "rss_mb": rss, "rss_later_mb": later}


def letters() -> dict[str, float]:
    """The palette over many chats: from Ctrl+K to the list of all, and from a letter to the list of what it finds."""
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    from PySide6.QtWidgets import QApplication, QWidget

    from localstory.app import open_app
    from localstory.chats import store
    from localstory.chats.tree import ChatId
    from ui import jump
    from ui.widgets.palette import Palette

    application = QApplication.instance() or QApplication([])
    with tempfile.TemporaryDirectory() as folder, open_app(Path(folder)) as app:
        app.runtime.run(app.open_data())

        def fill(connection: Any) -> None:
            for number in range(CHATS):
                store.add_chat(connection, number, f"Chuyện con cáo {number} và chiếc đèn lồng, {'đường' if number % 3 else 'trăng'} dài")

        app.runtime.run(app._database.write(fill))
        folder_id = app.runtime.run(app.organiser.add_folder("Truyện trước khi ngủ"))
        app.runtime.run(_move(app, [ChatId(one) for one in range(1, 500)], folder_id))
        began = time.perf_counter()
        choices = jump.chat_choices(*jump.all_chats(app), lambda chat_id: None)
        read_ms = (time.perf_counter() - began) * 1000
        holder = QWidget()
        holder.resize(1180, 760)
        holder.show()
        palette = Palette(choices, "Where?", "Places", holder)
        palette.open_here()
        application.processEvents()
        took = []
        for typed in ("d", "du", "duo", "t", "tr", "trang", "c", "co", "zq", "9", "99", "truoc khi"):
            began = time.perf_counter()
            palette.line.setText(typed)
            application.processEvents()
            took.append((time.perf_counter() - began) * 1000)
        palette.close()
        holder.close()
    return {"read_ms": read_ms, "letter_ms": statistics.median(took), "letter_worst_ms": max(took)}


async def _move(app: Any, chats: list[Any], folder: Any) -> None:
    await app.organiser.move(chats, folder)


def measure(runs: int) -> dict[str, Any]:
    """Everything, with whether the bars hold."""
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        opened(home)  # the first start of all makes the home and the compiled files
        found = [opened(home) for _run in range(runs)]
    result: dict[str, Any] = {name: round(statistics.median(one[name] for one in found), 3) for name in found[0]}
    result["up_worst_seconds"] = round(max(one["up_seconds"] for one in found), 3)
    result |= {name: round(value, 1) for name, value in letters().items()}
    result["passed"] = result["up_seconds"] <= UP_SECONDS and result["rss_mb"] < RSS_MB and result["letter_worst_ms"] <= LETTER_MS
    return result


def table(result: dict[str, Any]) -> str:
    """For people."""
    lines = [
        ("empty window up", f"{result['up_seconds']:.2f} s (worst {result['up_worst_seconds']:.2f} s)", f"{UP_SECONDS} s", result["up_seconds"] <= UP_SECONDS),
        ("  processor until then", f"{result['up_cpu_seconds']:.2f} s", "", True),
        ("memory when it is up", f"{result['rss_mb']:.0f} MB", f"{RSS_MB:.0f} MB", result["rss_mb"] < RSS_MB),
        ("memory 5 s later", f"{result['rss_later_mb']:.0f} MB", "", True),
        ("Ctrl+K: 10,000 chats read", f"{result['read_ms']:.0f} ms", "", True),
        (
            "  a letter to the list",
            f"{result['letter_ms']:.0f} ms (worst {result['letter_worst_ms']:.0f} ms)",
            f"{LETTER_MS:.0f} ms",
            result["letter_worst_ms"] <= LETTER_MS,
        ),
    ]
    return "\n".join(f"{name:<28}{value:<28}{bar:<10}{'' if not bar else 'ok' if ok else 'OVER'}" for name, value, bar, ok in lines)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--json", action="store_true")
    chosen = parser.parse_args()
    result = measure(chosen.runs)
    print(json.dumps(result) if chosen.json else table(result))
    return 0 if result["passed"] else 1


if __name__ == "__main__":
    raise SystemExit(main())
