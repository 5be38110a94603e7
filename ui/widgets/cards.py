"""Framed parts: a card with words and buttons, the card for trouble."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QPlainTextEdit, QPushButton, QVBoxLayout, QWidget

from ui.widgets.values import Trouble


def label(text: str, kind: str = "", *, wrap: bool = True, parent: QWidget | None = None) -> QLabel:
    """A plain-text label. Never rich text: a QLabel would open files that the text names."""
    made = QLabel(parent)
    made.setTextFormat(Qt.TextFormat.PlainText)
    made.setText(text)
    made.setWordWrap(wrap)
    if kind:
        made.setProperty("kind", kind)
    return made


def button(text: str, kind: str = "", *, name: str = "", parent: QWidget | None = None) -> QPushButton:
    """A button; `name` is its accessible name where the text alone doesn't say enough."""
    made = QPushButton(text, parent)
    made.setAccessibleName(name or text)
    made.setAutoDefault(False)
    if kind:
        made.setProperty("kind", kind)
    return made


class Card(QFrame):
    """A framed column. Add to `column`; `kind` is "card", "soft" or "trouble"."""

    def __init__(self, kind: str = "card", parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setProperty("kind", kind)
        self.column = QVBoxLayout(self)
        self.column.setContentsMargins(20, 16, 20, 16)
        self.column.setSpacing(8)


class TroubleCard(Card):
    """Trouble, told where it happened. Emits `pressed` with a button's id, `resized` when the details fold."""

    pressed = Signal(str)
    resized = Signal()

    def __init__(self, trouble: Trouble, details_word: str, copy_word: str, parent: QWidget | None = None, name: str = "") -> None:
        super().__init__("trouble", parent)
        self._trouble = trouble
        suffix = f" ({name})" if name else ""
        self.column.addWidget(label(trouble.title, "head"))
        for text in (trouble.detail, trouble.hint):
            if text:
                words = label(text)
                words.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
                self.column.addWidget(words)
        row = QHBoxLayout()
        row.setSpacing(8)
        for number, (identity, text) in enumerate(trouble.buttons):
            made = button(text, "main" if number == 0 else "", name=text + suffix)
            made.setObjectName(identity)
            made.clicked.connect(self._clicked)
            row.addWidget(made)
        self._details = QPlainTextEdit(trouble.details)
        self._details.setReadOnly(True)
        self._details.setTabChangesFocus(True)
        self._details.setAccessibleName(details_word + suffix)
        self._details.setFixedHeight(160)
        self._details.hide()
        self._copy = button(copy_word, "link", name=copy_word + suffix)
        self._copy.clicked.connect(self._copy_details)
        self._copy.hide()
        if trouble.details:
            more = button(details_word, "link", name=details_word + " …" + suffix)
            more.setCheckable(True)
            more.toggled.connect(self._fold)
            row.addWidget(more)
            row.addWidget(self._copy)
        row.addStretch(1)
        if row.count() > 1:
            self.column.addLayout(row)
        self.column.addWidget(self._details)

    def _clicked(self) -> None:
        sender = self.sender()
        if isinstance(sender, QPushButton):
            self.pressed.emit(sender.objectName())

    def _fold(self, shown: bool) -> None:
        self._details.setVisible(shown)
        self._copy.setVisible(shown)
        self.resized.emit()

    def _copy_details(self) -> None:
        QGuiApplication.clipboard().setText(
            "\n".join(part for part in (self._trouble.title, self._trouble.detail, self._trouble.hint, self._trouble.details) if part)
        )


def fill(layout: QVBoxLayout | QHBoxLayout, widgets: Sequence[QWidget]) -> None:
    """Add several widgets."""
    for widget in widgets:
        layout.addWidget(widget)


def clear(layout: QVBoxLayout | QHBoxLayout) -> None:
    """Take everything out of a layout and delete it, layouts inside included."""
    while (item := layout.takeAt(0)) is not None:
        widget, inner = item.widget(), item.layout()
        if widget is not None:
            widget.hide()
            widget.deleteLater()
        elif isinstance(inner, (QVBoxLayout, QHBoxLayout)):
            clear(inner)
