"""A read-only text of any shape: a line of a megabyte would freeze Qt's own for a minute (measured: 43 s)."""

from __future__ import annotations

from PySide6.QtCore import QMimeData
from PySide6.QtGui import QTextCursor
from PySide6.QtWidgets import QPlainTextEdit, QWidget

_LONGEST = 2_000
"""Characters of a line; a longer one is shown in parts, and copied as one."""
_GOES_ON = 1


class LongText(QPlainTextEdit):
    """Shows a text to select and to copy; what is copied is letter by letter what was given."""

    def __init__(self, text: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setReadOnly(True)
        self.setUndoRedoEnabled(False)
        self.setTabChangesFocus(True)
        parts: list[str] = []
        self._joints: list[int] = []
        """The numbers of the lines that go on with the one before."""
        for line in text.replace("\r\n", "\n").split("\n"):
            at = 0
            while len(line) - at > _LONGEST:
                parts.append(line[at : at + _LONGEST])
                at += _LONGEST
                self._joints.append(len(parts))
            parts.append(line[at:])
        self.setPlainText("\n".join(parts))
        for number in self._joints:
            self.document().findBlockByNumber(number).setUserState(_GOES_ON)

    def createMimeDataFromSelection(self) -> QMimeData:
        found, cursor = QMimeData(), self.textCursor()
        if not self._joints:
            found.setText(cursor.selectedText().replace("\u2029", "\n"))
            return found
        document = self.document()
        block, last = document.findBlock(cursor.selectionStart()), document.findBlock(cursor.selectionEnd())
        parts: list[str] = []
        walker = QTextCursor(document)
        while block.isValid() and block.position() <= last.position():
            walker.setPosition(max(block.position(), cursor.selectionStart()))
            walker.setPosition(min(block.position() + block.length() - 1, cursor.selectionEnd()), QTextCursor.MoveMode.KeepAnchor)
            if parts and block.userState() != _GOES_ON:
                parts.append("\n")
            parts.append(walker.selectedText())
            block = block.next()
        found.setText("".join(parts))
        return found
