"""A place to write that grows with its words."""

from __future__ import annotations

from PySide6.QtCore import QMimeData, Qt, Signal
from PySide6.QtGui import QFocusEvent, QKeyEvent, QResizeEvent
from PySide6.QtWidgets import QFrame, QPlainTextEdit, QWidget


class GrowingInput(QPlainTextEdit):
    """Grows from one line to `most` pixels, then scrolls. `sent` and `stopped` tell what the keys mean.

    Enter sends when `enter_sends`, otherwise Ctrl+Enter does; Shift+Enter is always a new line; Esc stops. Tab leaves.
    """

    sent = Signal()
    stopped = Signal()
    focused = Signal(bool)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.enter_sends = True
        self._most = 200
        self.setTabChangesFocus(True)
        self.setFrameStyle(QFrame.Shape.NoFrame)
        self.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAsNeeded)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.textChanged.connect(self._fit)
        self._fit()

    def set_most(self, pixels: int) -> None:
        """How high it may grow."""
        self._most = max(48, pixels)
        self._fit()

    def _fit(self) -> None:
        line = self.fontMetrics().lineSpacing()
        block, lines = self.document().firstBlock(), 0
        while block.isValid() and lines * line < self._most:
            lines += max(1, block.layout().lineCount())
            block = block.next()
        height = max(1, lines) * line + 2 * int(self.document().documentMargin()) + 6
        height = min(self._most, height)
        if height != self.height() or height != self.maximumHeight():
            self.setFixedHeight(height)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        control = bool(event.modifiers() & Qt.KeyboardModifier.ControlModifier)
        shift = bool(event.modifiers() & Qt.KeyboardModifier.ShiftModifier)
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            if not shift and (control or self.enter_sends):
                self.sent.emit()
            else:
                self.insertPlainText("\n")
                self.ensureCursorVisible()
            return
        if event.key() == Qt.Key.Key_Escape:
            self.stopped.emit()
            return
        super().keyPressEvent(event)

    def insertFromMimeData(self, source: QMimeData) -> None:
        """Only words: nothing that is pasted is loaded."""
        if source.hasText():
            self.insertPlainText(source.text())

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._fit()

    def focusInEvent(self, event: QFocusEvent) -> None:
        super().focusInEvent(event)
        self.focused.emit(True)

    def focusOutEvent(self, event: QFocusEvent) -> None:
        super().focusOutEvent(event)
        self.focused.emit(False)
