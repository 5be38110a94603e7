"""A pop-up list of slow work: what it is, how far, and what can be done with it."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QPoint, Qt, Signal
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QProgressBar, QPushButton, QScrollArea, QVBoxLayout, QWidget

from ui.widgets.cards import button, clear, label
from ui.widgets.jobs_words import JobRow, JobsWords


class JobsList(QWidget):
    """Shown above a button of the status bar."""

    pressed = Signal(int, str)
    """The number of a job and the id of one of its buttons."""
    forget_wanted = Signal()

    def __init__(self, words: JobsWords, parent: QWidget) -> None:
        super().__init__(parent, Qt.WindowType.Popup | Qt.WindowType.FramelessWindowHint)
        self.setObjectName("popup")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.setAccessibleName(words.title)
        self._words = words
        self._shape: list[tuple[object, ...]] | None = None
        self._lines: dict[int, tuple[QLabel, QProgressBar]] = {}
        self._above: QWidget | None = None
        whole = QVBoxLayout(self)
        whole.setContentsMargins(16, 12, 8, 12)
        whole.setSpacing(8)
        top = QHBoxLayout()
        top.addWidget(label(words.title, "head"), 1)
        self.forget = button(words.forget, "link")
        self.forget.clicked.connect(self.forget_wanted)
        top.addWidget(self.forget)
        whole.addLayout(top)
        self._empty = label(words.empty, "quiet")
        whole.addWidget(self._empty)
        self._scroll = QScrollArea()
        self._scroll.setWidgetResizable(True)
        self._scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._scroll.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self._inside = QWidget()
        self._inside.setObjectName("jobs")
        self._column = QVBoxLayout(self._inside)
        self._column.setContentsMargins(0, 0, 8, 0)
        self._column.setSpacing(4)
        self._scroll.setWidget(self._inside)
        whole.addWidget(self._scroll, 1)
        self._wide = round(440 * self.fontMetrics().height() / 19)
        self.setFixedWidth(self._wide)

    def show_rows(self, rows: Sequence[JobRow]) -> None:
        """Show these; only words and bars change while the list stays the same."""
        shape: list[tuple[object, ...]] = [(row.number, row.running, row.is_trouble, row.buttons) for row in rows]
        if shape != self._shape:
            self._shape = shape
            focus = self.focusWidget()
            had_focus = focus.objectName() if isinstance(focus, QPushButton) else ""
            clear(self._column)
            self._lines.clear()
            for number, row in enumerate(rows):
                if number:
                    self._column.addWidget(self._rule())
                self._add(row)
            self._column.addStretch(1)
            self._empty.setVisible(not rows)
            self._scroll.setVisible(bool(rows))
            self.forget.setVisible(any(not row.running for row in rows))
            self._fit()
            if had_focus and self.isVisible():
                again = next((one for one in self._inside.findChildren(QPushButton) if one.objectName() == had_focus and not one.isHidden()), None)
                (again or self._first()).setFocus()
        for row in rows:
            words, bar = self._lines[row.number]
            words.setText(row.state)
            bar.setVisible(row.running)
            bar.setRange(0, 0 if row.share is None else 100)
            if row.share is not None:
                bar.setValue(round(row.share * 100))

    def _first(self) -> QWidget:
        shown = [one for one in self._inside.findChildren(QPushButton) if not one.isHidden()]
        return shown[0] if shown else self.forget if not self.forget.isHidden() else self

    @staticmethod
    def _rule() -> QFrame:
        made = QFrame()
        made.setProperty("kind", "rule")
        return made

    def _add(self, row: JobRow) -> None:
        self._column.addWidget(label(row.title))
        bar = QProgressBar()
        bar.setTextVisible(False)
        bar.setAccessibleName(row.title)
        self._column.addWidget(bar)
        line = QHBoxLayout()
        line.setSpacing(4)
        words = label("", "warn" if row.is_trouble else "small")
        line.addWidget(words, 1)
        for identity, text in row.buttons:
            made = button(text, "link", name=self._words.named.format(action=text, title=row.title) + f" ({row.number})")
            made.setObjectName(f"{row.number}:{identity}")
            made.clicked.connect(self._pressed)
            line.addWidget(made)
        self._column.addLayout(line)
        self._lines[row.number] = (words, bar)

    def _pressed(self) -> None:
        sender = self.sender()
        if sender is not None:
            number, _colon, identity = sender.objectName().partition(":")
            self.pressed.emit(int(number), identity)

    def _fit(self) -> None:
        """As high as its lines, at most two thirds of the window."""
        self._inside.setFixedWidth(self._wide - 40)
        window = self.parentWidget()
        most = (window.height() * 2) // 3 if window is not None else 400
        self._column.activate()
        rows = self._inside.sizeHint().height() if self._lines else self._empty.heightForWidth(self._wide - 32)
        self.setFixedHeight(min(most, rows + 2 * 12 + 16 + self.forget.sizeHint().height()))
        if self._above is not None:
            self._move()

    def open_above(self, widget: QWidget) -> None:
        """Pop up above a widget."""
        self._above = widget
        self._fit()
        self.show()
        self._first().setFocus(Qt.FocusReason.PopupFocusReason)

    def _move(self) -> None:
        if self._above is not None:
            corner = self._above.mapToGlobal(QPoint(self._above.width(), 0))
            self.move(corner.x() - self.width(), corner.y() - self.height() - 4)
