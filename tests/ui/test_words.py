"""The whole window in Vietnamese: no English left, no word cut off."""

from __future__ import annotations

import re
from collections.abc import Iterator

from babel.messages.pofile import read_po
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QAbstractButton, QComboBox, QLabel, QLineEdit, QPushButton, QToolButton, QWidget

from localstory.engines.base import PromptTooLong
from localstory.engines.text.fake import FakeTextEngine
from localstory.settings import Settings
from tests.core.test_words import PO
from tests.ui.conftest import Opened

ROOMS = (("home", None), ("chat", None), ("chat", "new"), ("story", None), ("models", None), ("machine", None), ("settings", None))


def texts(window: QWidget) -> Iterator[str]:
    """Everything the window says, also what only shows on hovering or is read aloud."""
    for widget in [window, *window.findChildren(QWidget)]:
        yield from (widget.toolTip(), widget.accessibleName(), widget.accessibleDescription(), widget.windowTitle())
        if isinstance(widget, QLabel | QAbstractButton):
            yield widget.text()
        if isinstance(widget, QComboBox):
            yield from (widget.itemText(index) for index in range(widget.count()))
        placeholder = getattr(widget, "placeholderText", None)
        if callable(placeholder):
            yield str(placeholder())
    for action in window.findChildren(QAction):
        yield action.text()
    for line in window.findChildren(QLineEdit):
        menu = line.createStandardContextMenu()
        yield from (action.text().split("\t")[0] for action in menu.actions())
        menu.deleteLater()


def english_words() -> set[str]:
    """What stands in the catalogue and reads otherwise in Vietnamese."""
    with PO.open("rb") as file:
        messages = [message for message in read_po(file, locale="vi") if isinstance(message.id, str) and message.id]
    ours = {message.string for message in messages}
    return {str(message.id) for message in messages} - {str(one) for one in ours}


def says_english(text: str, catalogue: set[str]) -> bool:
    plain = text.replace("&", "").strip()
    parts = {plain, *plain.split(": "), *plain.split(" · ")}
    return bool(parts & catalogue) or len(re.findall(r"\b(the|of|is|and|to|for|this|your|no)\b", plain.casefold())) > 1


def in_vietnamese(opened: Opened) -> None:
    opened.engine = FakeTextEngine(["Một con cáo.", PromptTooLong(9132, 8192)])
    opened.open(Settings(language="vi", level="developer"))
    for number in (1, 2):
        opened.chat.box.input.setPlainText(f"Chào {number}")
        opened.chat.send()
        opened.settle()


def test_no_english_is_left(opened: Opened) -> None:
    in_vietnamese(opened)
    # In the list of languages each stands under its own name.
    catalogue, seen = english_words() - {"English"}, set()
    for room, what in ROOMS:
        opened.window.go(room, what)
        opened.settle()
        seen |= {text for text in texts(opened.window) if text}
    assert {"Cài đặt", "Văn bản quá dài so với mô hình này", "Chọn tất cả", "Nhà phát triển", "Lời nhắc hệ thống", "Theo hệ thống"} <= seen
    assert {text for text in seen if says_english(text, catalogue)} == set()
    assert says_english("Settings", catalogue) and says_english("Room: Settings", catalogue) and says_english("Put the end to rest.", catalogue)


def test_no_word_is_cut_off_in_the_smallest_window(opened: Opened) -> None:
    in_vietnamese(opened)
    cut, looked_at = set(), 0
    for room, what in ROOMS:
        opened.window.go(room, what)
        opened.settle()
        for button in [*opened.window.findChildren(QPushButton), *opened.window.findChildren(QToolButton)]:
            if button.isVisible() and button.text():
                looked_at += 1
                if button.fontMetrics().horizontalAdvance(button.text()) > button.width():
                    cut.add(button.text())
        for label in opened.window.findChildren(QLabel):
            if not label.isVisible() or not label.text() or "<" in label.text() or label.text().endswith("…"):
                continue
            looked_at += 1
            too_wide = not label.wordWrap() and label.fontMetrics().horizontalAdvance(label.text()) > label.width() + 1
            if too_wide or (label.wordWrap() and label.heightForWidth(label.width()) > label.height() + 1):
                cut.add(label.text())
    assert looked_at > 60
    assert cut == set()
