"""A list to jump by typing: the command palette, and the way to a chat, a room or a model."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from PySide6.QtCore import QEvent, QModelIndex, QObject, QPersistentModelIndex, Qt
from PySide6.QtGui import QKeyEvent, QPainter, QPalette
from PySide6.QtWidgets import QDialog, QLineEdit, QListWidget, QListWidgetItem, QStyledItemDelegate, QStyleOptionViewItem, QVBoxLayout, QWidget

from ui.widgets.palette_score import score


@dataclass(frozen=True, slots=True)
class Choice:
    """A line of the palette: what it is, a quiet note (a shortcut, a kind) and what it does."""

    text: str
    note: str
    act: Callable[[], object]


class _WithNote(QStyledItemDelegate):
    """A line with its quiet note at the right edge."""

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex) -> None:
        super().paint(painter, option, index)
        note = index.data(Qt.ItemDataRole.UserRole)
        if note:
            painter.save()
            painter.setPen(option.palette.color(QPalette.ColorRole.PlaceholderText))
            room = option.rect.adjusted(0, 0, -12, 0)
            painter.drawText(room, Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignRight, str(note))
            painter.restore()


class Palette(QDialog):
    """Type, choose with the arrows, Enter. Escape leaves."""

    def __init__(self, choices: Sequence[Choice], placeholder: str, list_name: str, parent: QWidget) -> None:
        super().__init__(parent, Qt.WindowType.Popup | Qt.WindowType.FramelessWindowHint)
        self.setObjectName("popup")
        self.setAccessibleName(placeholder)
        self._choices = choices
        self._shown: list[Choice] = []
        column = QVBoxLayout(self)
        column.setContentsMargins(12, 12, 12, 12)
        column.setSpacing(8)
        self.line = QLineEdit()
        self.line.setPlaceholderText(placeholder)
        self.line.setAccessibleName(placeholder)
        self.line.textChanged.connect(self._filter)
        self.line.installEventFilter(self)
        self.list = QListWidget()
        self.list.setAccessibleName(list_name)
        self.list.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.list.setItemDelegate(_WithNote(self.list))
        self.list.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.list.itemActivated.connect(self._chosen)
        self.list.itemClicked.connect(self._chosen)
        column.addWidget(self.line)
        column.addWidget(self.list)
        width = min(560, parent.width() - 64)
        self.setFixedSize(width, min(420, parent.height() - 96))
        corner = parent.mapToGlobal(parent.rect().topLeft())
        self.move(corner.x() + (parent.width() - width) // 2, corner.y() + 64)
        self._filter("")

    def _filter(self, query: str) -> None:
        rated = [(score(query, choice.text), -number, choice) for number, choice in enumerate(self._choices)]
        found = sorted((each for each in rated if each[0] is not None), key=lambda each: (each[0], each[1]), reverse=True)
        self._shown = [choice for _points, _number, choice in found[:60]]
        self.list.clear()
        for choice in self._shown:
            item = QListWidgetItem(choice.text)
            item.setData(Qt.ItemDataRole.UserRole, choice.note)
            item.setData(Qt.ItemDataRole.AccessibleTextRole, f"{choice.text}, {choice.note}" if choice.note else choice.text)
            self.list.addItem(item)
        self.list.setCurrentRow(0)

    def _chosen(self) -> None:
        at = self.list.currentRow()
        self.accept()
        if 0 <= at < len(self._shown):
            self._shown[at].act()

    def eventFilter(self, _watched: QObject, event: QEvent) -> bool:
        if isinstance(event, QKeyEvent) and event.type() == QEvent.Type.KeyPress:
            if event.key() in (Qt.Key.Key_Down, Qt.Key.Key_Up) and self._shown:
                step = 1 if event.key() == Qt.Key.Key_Down else -1
                self.list.setCurrentRow((self.list.currentRow() + step) % len(self._shown))
                return True
            if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
                self._chosen()
                return True
        return False
