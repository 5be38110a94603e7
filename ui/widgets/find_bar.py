"""A line to find words in what is shown: how many there are, the next, the one before."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QObject, Qt, QTimer, Signal
from PySide6.QtGui import QIcon, QKeyEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLineEdit, QToolButton, QWidget

from ui.widgets.cards import button, label
from ui.widgets.values import FindWords

_REST_MS = 60
"""After the last letter: a word that is typed quickly is looked for once."""


class FindBar(QFrame):
    """Enter or F3 goes on, with Shift back, Esc closes. Hidden until `open`."""

    changed = Signal(str)
    stepped = Signal(int)
    closed = Signal()
    everywhere_wanted = Signal(str)

    def __init__(self, words: FindWords, icons: dict[str, QIcon], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._words = words
        self.setProperty("kind", "find")
        row = QHBoxLayout(self)
        row.setContentsMargins(8, 4, 4, 4)
        row.setSpacing(4)
        self.line = QLineEdit()
        self.line.setPlaceholderText(words.name)
        self.line.setAccessibleName(words.name)
        self.line.setClearButtonEnabled(True)
        self.line.installEventFilter(self)
        row.addWidget(self.line, 1)
        self.count = label("", "small", wrap=False)
        self.count.setMinimumWidth(88)
        self.count.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        row.addWidget(self.count)
        self.previous = self._tool(icons["up"], words.previous)
        self.next = self._tool(icons["down"], words.next)
        self.previous.clicked.connect(self._back)
        self.next.clicked.connect(self._on)
        row.addWidget(self.previous)
        row.addWidget(self.next)
        self.everywhere = button(words.everywhere, "link")
        self.everywhere.clicked.connect(self._everywhere)
        row.addWidget(self.everywhere)
        self.close_button = self._tool(icons["close"], words.close)
        self.close_button.clicked.connect(self.shut)
        row.addWidget(self.close_button)
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(_REST_MS)
        self._timer.timeout.connect(self._typed)
        self.line.textChanged.connect(self._timer.start)
        self.show_count(0, 0, True)
        self.hide()

    def _tool(self, icon: QIcon, name: str) -> QToolButton:
        made = QToolButton(self)
        made.setIcon(icon)
        made.setAccessibleName(name)
        made.setToolTip(name)
        made.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        return made

    def open(self, text: str = "") -> None:
        """Show it, with the keyboard in its line; `text` takes the place of what stood there."""
        if text:
            self.line.setText(text)
        self.show()
        self.line.setFocus()
        self.line.selectAll()
        self._typed()

    def shut(self) -> None:
        """Hide it; what stands in its line stays for the next time."""
        self._timer.stop()
        self.hide()
        self.closed.emit()

    def show_count(self, number: int, count: int, done: bool) -> None:
        """Say which place is shown, of how many; `done`: there are no more."""
        words = self._words
        if not self.line.text().strip():
            said = ""
        elif not count:
            said = words.none if done else "…"
        else:
            said = (words.place if done else words.looking).format(number=number, count=count)
        self.count.setText(said)
        self.line.setAccessibleDescription(said)
        for tool in (self.previous, self.next):
            tool.setEnabled(count > 0)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if watched is self.line and isinstance(event, QKeyEvent) and event.type() == QEvent.Type.KeyPress and self._pressed(event):
            return True
        return super().eventFilter(watched, event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if not self._pressed(event):
            super().keyPressEvent(event)

    def _pressed(self, event: QKeyEvent) -> bool:
        is_back = bool(event.modifiers() & Qt.KeyboardModifier.ShiftModifier)
        if event.key() == Qt.Key.Key_Escape:
            self.shut()
        elif event.key() == Qt.Key.Key_F3 or (event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and self.line.hasFocus()):
            self._step(-1 if is_back else 1)
        else:
            return False
        return True

    def _step(self, by: int) -> None:
        if self._timer.isActive():  # typed and entered at once: the first place, not the second
            self._timer.stop()
            self._typed()
        else:
            self.stepped.emit(by)

    def _back(self) -> None:
        self._step(-1)

    def _on(self) -> None:
        self._step(1)

    def _typed(self) -> None:
        self.changed.emit(self.line.text())

    def _everywhere(self) -> None:
        self.everywhere_wanted.emit(self.line.text())
