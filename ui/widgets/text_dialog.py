"""A text to read, to select and to copy."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QDialog, QDialogButtonBox, QVBoxLayout, QWidget

from ui.widgets.cards import button
from ui.widgets.long_text import LongText


class TextDialog(QDialog):
    """A window with one read-only text, and a button that copies it if `copy` has a word for it. `open` it; it deletes itself."""

    def __init__(self, title: str, text: str, parent: QWidget, *, copy: str = "") -> None:
        super().__init__(parent)
        self.setWindowTitle(title)
        self.resize(640, 480)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        column = QVBoxLayout(self)
        self._text = text
        words = LongText(text)
        words.setAccessibleName(title)
        column.addWidget(words)
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Close)
        buttons.rejected.connect(self.reject)
        if copy:
            made = button(copy)
            made.clicked.connect(self._copy)
            buttons.addButton(made, QDialogButtonBox.ButtonRole.ActionRole)
        column.addWidget(buttons)

    def _copy(self) -> None:
        QGuiApplication.clipboard().setText(self._text)
