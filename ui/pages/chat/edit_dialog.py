"""A message in other words: room for a long text, saved beside the old one."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QKeySequence, QShortcut, QTextCursor
from PySide6.QtWidgets import QDialog, QHBoxLayout, QPlainTextEdit, QVBoxLayout, QWidget

from localstory.words import _
from ui import theme
from ui.widgets.cards import button, label


class EditDialog(QDialog):
    """Emits `saved` with the words and whether they are to be sent; `left` with the words when it is left without saving."""

    saved = Signal(str, bool)
    left = Signal(str)

    def __init__(self, title: str, text: str, parent: QWidget, *, can_send: bool) -> None:
        super().__init__(parent)
        self.setWindowTitle(title)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.resize(min(720, parent.width() - 48), min(480, parent.height() - 96))
        self._done = False
        column = QVBoxLayout(self)
        column.setSpacing(8)
        self.text = QPlainTextEdit(text)
        self.text.setFont(theme.chat_font())
        self.text.setAccessibleName(title)
        self.text.setTabChangesFocus(True)
        self.text.moveCursor(QTextCursor.MoveOperation.End)
        self.text.textChanged.connect(self._changed)
        column.addWidget(self.text, 1)
        column.addWidget(label(_("The old words stay: they are the version before this one."), "small"))
        row = QHBoxLayout()
        row.addStretch(1)
        cancel = button(_("Cancel"))
        cancel.clicked.connect(self.reject)
        self.save = button(_("Save as a new version"), "" if can_send else "main")
        self.save.clicked.connect(self._save)
        row.addWidget(cancel)
        row.addWidget(self.save)
        self.send = button(_("Save and send"), "main")
        self.send.clicked.connect(self._send)
        self.send.setVisible(can_send)
        if can_send:
            row.addWidget(self.send)
        column.addLayout(row)
        self._keys = QShortcut(QKeySequence("Ctrl+Return"), self)
        self._keys.activated.connect(self._send if can_send else self._save)
        self.finished.connect(self._left)
        self._changed()
        self.text.setFocus()

    def _changed(self) -> None:
        some = bool(self.text.toPlainText().strip())
        self.save.setEnabled(some)
        self.send.setEnabled(some)

    def _save(self) -> None:
        self._end(False)

    def _send(self) -> None:
        self._end(True)

    def _end(self, send: bool) -> None:
        if self.text.toPlainText().strip():
            self._done = True
            self.saved.emit(self.text.toPlainText(), send)
            self.accept()

    def _left(self) -> None:
        if not self._done:
            self.left.emit(self.text.toPlainText())
