"""A pop-up list of slow work: what it is, how far, a button to stop it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from PySide6.QtCore import QPoint, Qt, Signal
from PySide6.QtWidgets import QHBoxLayout, QProgressBar, QVBoxLayout, QWidget

from ui.widgets.cards import button, clear, label


@dataclass(frozen=True, slots=True)
class JobRow:
    """A line of the list. `share` is None when nobody knows how far it is."""

    number: int
    title: str
    state: str
    running: bool
    share: float | None = None


class JobsList(QWidget):
    """Shown above a button of the status bar. Emits the number of the job that is to stop."""

    stop_wanted = Signal(int)

    def __init__(self, title: str, empty: str, stop_word: str, stop_name: str, parent: QWidget) -> None:
        super().__init__(parent, Qt.WindowType.Popup | Qt.WindowType.FramelessWindowHint)
        self.setObjectName("popup")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.setAccessibleName(title)
        self._title, self._empty, self._stop_word, self._stop_name = title, empty, stop_word, stop_name
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(16, 12, 16, 12)
        self._column.setSpacing(8)
        self._shape: list[tuple[int, bool]] | None = None
        self._lines: dict[int, tuple[QWidget, QProgressBar]] = {}
        self.setFixedWidth(360)

    def show_rows(self, rows: Sequence[JobRow]) -> None:
        """Show these; only words and bars change while the list stays the same."""
        shape = [(row.number, row.running) for row in rows]
        if shape != self._shape:
            self._shape = shape
            clear(self._column)
            self._lines.clear()
            self._column.addWidget(label(self._title, "head"))
            if not rows:
                self._column.addWidget(label(self._empty, "quiet"))
            for row in rows:
                self._add(row)
        for row in rows:
            words, bar = self._lines[row.number]
            words.setText(row.state)  # type: ignore[attr-defined]
            bar.setVisible(row.running)
            bar.setRange(0, 0 if row.share is None else 100)
            if row.share is not None:
                bar.setValue(round(row.share * 100))
        self.adjustSize()

    def _add(self, row: JobRow) -> None:
        line = QHBoxLayout()
        line.addWidget(label(row.title), 1)
        if row.running:
            stop = button(self._stop_word, "link", name=self._stop_name.format(title=row.title) + f" ({row.number})")
            stop.setObjectName(str(row.number))
            stop.clicked.connect(self._stop)
            line.addWidget(stop)
        self._column.addLayout(line)
        bar = QProgressBar()
        bar.setTextVisible(False)
        self._column.addWidget(bar)
        words = label("", "small")
        self._column.addWidget(words)
        self._lines[row.number] = (words, bar)

    def _stop(self) -> None:
        sender = self.sender()
        if sender is not None:
            self.stop_wanted.emit(int(sender.objectName()))

    def open_above(self, widget: QWidget) -> None:
        """Pop up above a widget."""
        self.adjustSize()
        corner = widget.mapToGlobal(QPoint(widget.width(), 0))
        self.move(corner.x() - self.width(), corner.y() - self.height() - 4)
        self.show()
