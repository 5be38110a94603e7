"""Run by test_nothing_is_loaded.py in a process of its own, under strace where there is one: shows hostile texts wherever
the window shows what a model or a file wrote, and prints what it showed.

usage: python -m tests.ui.hostile_window FOLDER PORT [--stock]     (--stock: the same texts in Qt's own browser)
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import sys
import time
from pathlib import Path
from typing import Any

from PySide6.QtCore import QPoint, Qt, QUrl
from PySide6.QtGui import QDesktopServices, QImage
from PySide6.QtWidgets import QAbstractItemView, QApplication, QMessageBox, QTextBrowser, QToolTip, QWidget

from tests.fakes.hostile_texts import loading_texts

RED = "#ff0000"


def trace(what: str) -> None:
    """Leave a trace for those who read what the system was asked for."""
    with contextlib.suppress(OSError):
        open(f"at {what}"[:120].replace("/", "|")).close()


def pump(application: QApplication, seconds: float = 0.03) -> None:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        application.processEvents()


def red_pixels(widget: QWidget) -> int:
    """How many pixels of a picture that lies in the folder are on the screen."""
    image = widget.grab().toImage().convertToFormat(QImage.Format.Format_RGB32)
    return bytes(image.constBits()).count(bytes((0, 0, 255, 255)))


def stock(application: QApplication, texts: list[str]) -> dict[str, int]:
    """What Qt's own browser does with them."""
    browser, red = QTextBrowser(), 0
    browser.resize(800, 600)
    browser.show()
    for text in texts:
        for show in (browser.setMarkdown, browser.setHtml):
            show(text)
            pump(application, 0.005)
            red += red_pixels(browser)
    return {"red": red, "shown": len(texts)}


def window(application: QApplication, texts: list[str], folder: Path) -> dict[str, Any]:
    """Every place of the window."""
    from localstory.app import open_app
    from localstory.chats import store
    from localstory.errors import BadRequest
    from localstory.settings import Settings, write_settings
    from ui.app import Window
    from ui.widgets.text_dialog import TextDialog

    home = folder / "home"
    home.mkdir()
    write_settings(home / "settings.toml", Settings(theme="light", look_for_servers=False, level="developer"))
    app = open_app(home)
    app.text_models = list  # type: ignore[method-assign]
    opened: list[str] = []

    def open_url(url: QUrl) -> bool:
        opened.append(url.toString())
        return True

    QDesktopServices.openUrl = open_url  # type: ignore[method-assign,assignment]
    asked = []

    def answer(box: QMessageBox) -> int:
        asked.append(box.informativeText())
        box.show()
        pump(application, 0.02)
        box.grab()
        return int(QMessageBox.StandardButton.Cancel)

    QMessageBox.exec = answer  # type: ignore[method-assign,assignment]
    whole = Window(application, app)
    whole.window.resize(1280, 900)
    whole.show()
    while not app.chats.is_open:
        pump(application)
    page: Any = whole.window.pages["chat"]
    found: dict[str, Any] = {"shown": 0, "red": 0}

    def fill(connection: Any) -> Any:
        for text in texts:
            chat = store.add_chat(connection, 1, text)
            store.set_words(connection, chat, draft=text, system_prompt=text)
        chat, tip = store.add_chat(connection, 2, "all of them"), None
        for number, text in enumerate(texts):
            tip = store.add_message(connection, chat, tip, "user" if number % 2 else "assistant", text, "finished", 2, model=text)
        last = store.add_message(connection, chat, tip, "assistant", "", "streaming", 2)
        trouble = {"code": "bad_request", "title": texts[0], "detail": texts[4], "hint": texts[32], "values": {}}
        store.finish(
            connection, last, texts[1], "failed", 3, {"made_with": {"template": texts[4]}, "warnings": [{"template": texts[4], "values": {}}]}, trouble
        )
        return chat

    chat_id = asyncio.run_coroutine_threadsafe(app.chats._database.write(fill), app.runtime._loop).result()
    trace("the list of chats")
    whole.window.go("chat")
    page._reload()
    pump(application, 0.2)
    trace("a chat")
    page.open(chat_id)
    pump(application, 0.2)
    view = page.view
    bar = view.verticalScrollBar()
    for raw in (False, True):
        bar.setValue(0)
        while True:
            pump(application, 0.01)
            found["red"] += red_pixels(whole.window)
            found["shown"] += len(view.browsers)
            if raw:
                for row in list(view._in_sight):
                    view.show_raw(row.entry.shown.key, True)
            else:
                for browser in view.browsers:
                    browser.selectAll()
                    browser.createMimeDataFromSelection()
                    for word in browser.toHtml().split('href="')[1:]:
                        if not word.startswith("note:"):  # that one goes elsewhere in the text
                            browser.anchorClicked.emit(QUrl(word.split('"')[0]))
            if bar.value() >= bar.maximum():
                break
            bar.setValue(bar.value() + bar.pageStep() - 40)
    trace("a reply that is written")
    # As it is written: live, in pieces, with the formulas drawn.
    from ui.widgets.values import Shown

    for number, text in enumerate(texts):
        view.set_messages([Shown(9_000 + number, "", False, text, note=text, note_tip=text, notices=(text,), live=True, waiting=text)])
        for at in range(0, len(text), 16):
            view.append(9_000 + number, text[at : at + 16], at)
            view.flush()
        view.set_messages([Shown(9_000 + number, text, False, text, note=text, note_tip=text, notices=(text,))])
        pump(application, 0.005)
        found["red"] += red_pixels(view)
    trace("a notice and a trouble")
    for text in texts:
        whole.window.desk.say(text, text)
        page.trouble.show(BadRequest(title="{text}", detail="{text}", hint="{text}", text=text))
        pump(application, 0.005)
    trace("a dialog")
    dialog = TextDialog(texts[0], "\n".join(texts), whole.window)
    dialog.open()
    pump(application)
    found["red"] += red_pixels(dialog) + red_pixels(whole.window)
    dialog.reject()
    pump(application)
    tips: set[str] = set()
    # Tool tips as Qt would show them, of widgets and of rows of lists.
    for widget in whole.window.findChildren(QWidget):
        if widget.toolTip() and widget.toolTip() not in tips:
            tips.add(widget.toolTip())
            trace(f"a tip of {type(widget).__name__} {widget.objectName()} {widget.toolTip()[:40]}")
            QToolTip.showText(QPoint(50, 50), widget.toolTip(), widget)
            pump(application, 0.004)
        if isinstance(widget, QAbstractItemView) and widget.model() is not None:
            model = widget.model()
            for row in range(min(200, model.rowCount())):
                tip = model.index(row, 0).data(Qt.ItemDataRole.ToolTipRole)
                if tip and tip not in tips:
                    tips.add(tip)
                    trace(f"a tip of a row of {type(widget).__name__} {widget.objectName()}")
                    QToolTip.showText(QPoint(50, 50), tip, widget)
                    pump(application, 0.004)
    QToolTip.hideText()
    trace("the list of places")
    for action in ("go.jump",):
        whole.window.desk.actions[action].trigger()
        pump(application, 0.1)
        for top in application.topLevelWidgets():
            if top.isVisible():
                found["red"] += red_pixels(top)
    found |= {"tips": len(tips), "opened": opened, "asked": len(asked)}
    whole.close()
    return found


def main() -> int:
    folder, port = Path(sys.argv[1]), int(sys.argv[2])
    application = QApplication(["hostile"])
    os.chdir(folder)
    texts = loading_texts(folder, port)
    picture = QImage(40, 40, QImage.Format.Format_RGB32)
    picture.fill(RED)
    for number in range(len(texts)):
        picture.save(str(folder / f"leak-{number}.png"))
    print("BEGIN", flush=True)
    open(folder / "phase-two", "w").close()  # strace shows where the texts begin
    print(json.dumps(stock(application, texts[::3]) if "--stock" in sys.argv else window(application, texts, folder)), flush=True)
    os._exit(0)


if __name__ == "__main__":
    sys.exit(main())
