"""What a search found: under the name of each text a line around the words, with the words in bold."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from PySide6.QtCore import QAbstractListModel, QModelIndex, QPersistentModelIndex, QRect, QSize, Qt, Signal
from PySide6.QtGui import QFont, QFontMetrics, QKeyEvent, QPainter, QPalette
from PySide6.QtWidgets import QAbstractItemView, QListView, QStyle, QStyledItemDelegate, QStyleOptionViewItem

from ui.widgets.proportion import in_proportion


@dataclass(frozen=True, slots=True)
class HitLine:
    """One hit: what it is in, a line of text, and where the words stand in that line."""

    head: str
    note: str
    text: str
    places: tuple[tuple[int, int], ...]


class HitModel(QAbstractListModel):
    """The hits, as they were found."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[HitLine] = []

    def set_lines(self, lines: Sequence[HitLine]) -> None:
        """Show these; more of the same are added behind what is there."""
        lines = list(lines)
        if self.lines and lines[: len(self.lines)] == self.lines and len(lines) > len(self.lines):
            self.beginInsertRows(QModelIndex(), len(self.lines), len(lines) - 1)
            self.lines = lines
            self.endInsertRows()
        else:
            self.beginResetModel()
            self.lines = lines
            self.endResetModel()

    def rowCount(self, parent: QModelIndex | QPersistentModelIndex = QModelIndex()) -> int:  # noqa: B008 - Qt's own signature
        return 0 if parent.isValid() else len(self.lines)

    def data(self, index: QModelIndex | QPersistentModelIndex, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if not index.isValid() or index.row() >= len(self.lines):
            return None
        line = self.lines[index.row()]
        if role == Qt.ItemDataRole.DisplayRole:
            return f"{line.head}: {line.text}"
        if role == Qt.ItemDataRole.AccessibleTextRole:
            return ", ".join(part for part in (line.head, line.note, line.text) if part)
        return None


class HitView(QListView):
    """The list of hits. `opened` says which was chosen by click or Enter, `wanted_more` that its end is in sight."""

    opened = Signal(int)
    wanted_more = Signal()
    left = Signal()
    """Up from the first line: back to where one types."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self.hits = HitModel()
        self.setModel(self.hits)
        self.setAccessibleName(name)
        self.setItemDelegate(_HitDelegate(self))
        self.setUniformItemSizes(True)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.clicked.connect(self._clicked)
        self.verticalScrollBar().valueChanged.connect(self._scrolled)

    def _clicked(self, index: QModelIndex) -> None:
        self.opened.emit(index.row())

    def _scrolled(self, value: int) -> None:
        if value >= self.verticalScrollBar().maximum() - self.viewport().height():
            self.wanted_more.emit()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        index = self.currentIndex()
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and index.isValid():
            self.opened.emit(index.row())
        elif event.key() == Qt.Key.Key_Up and index.row() <= 0:
            self.left.emit()
        else:
            super().keyPressEvent(event)


class _HitDelegate(QStyledItemDelegate):
    def sizeHint(self, option: QStyleOptionViewItem, _index: QModelIndex | QPersistentModelIndex) -> QSize:
        high = QFontMetrics(option.font).height()
        return QSize(80, round(high * 1.85) + 16)

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex) -> None:
        model = index.model()
        assert isinstance(model, HitModel)
        line, palette, box = model.lines[index.row()], option.palette, option.rect
        chosen = bool(option.state & QStyle.StateFlag.State_Selected)
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        if chosen or option.state & QStyle.StateFlag.State_MouseOver:
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(palette.color(QPalette.ColorRole.Highlight if chosen else QPalette.ColorRole.Light))
            painter.drawRoundedRect(box.adjusted(0, 1, 0, -1), 6, 6)
        text = palette.color(QPalette.ColorRole.HighlightedText if chosen else QPalette.ColorRole.Text)
        quiet = text if chosen else palette.color(QPalette.ColorRole.PlaceholderText)
        small = QFont(option.font)
        small.setPixelSize(in_proportion(option.font, 12))
        room = box.adjusted(8, 6, -8, -6)
        high = QFontMetrics(option.font).height()
        top = QRect(room.left(), room.top(), room.width(), high)
        if line.note:
            wide = min(QFontMetrics(small).horizontalAdvance(line.note) + 4, room.width() // 3)
            painter.setFont(small)
            painter.setPen(quiet)
            painter.drawText(
                top, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter, QFontMetrics(small).elidedText(line.note, Qt.TextElideMode.ElideRight, wide)
            )
            top.setRight(top.right() - wide - 8)
        painter.setFont(option.font)
        painter.setPen(text)
        painter.drawText(top, Qt.AlignmentFlag.AlignVCenter, QFontMetrics(option.font).elidedText(line.head, Qt.TextElideMode.ElideRight, top.width()))
        self._snippet(painter, QRect(room.left(), room.top() + high + 2, room.width(), room.height() - high - 2), line, small, quiet, text)
        painter.restore()

    @staticmethod
    def _snippet(painter: QPainter, room: QRect, line: HitLine, font: QFont, quiet: Any, strong: Any) -> None:
        """Plain and bold runs after each other; what does not fit is cut at the edge, the first hit is always in sight."""
        bold = QFont(font)
        bold.setBold(True)
        runs: list[tuple[str, bool]] = []
        at = 0
        for start, end in line.places:
            runs += [(line.text[at:start], False), (line.text[start:end], True)]
            at = end
        runs.append((line.text[at:], False))
        before, plain = runs[0][0], QFontMetrics(font)
        need = QFontMetrics(bold).horizontalAdvance(runs[1][0]) if len(runs) > 1 else 0
        if len(runs) > 1 and plain.horizontalAdvance(before) + need > room.width() - 24:
            runs[0] = (plain.elidedText(before, Qt.TextElideMode.ElideLeft, max(24, room.width() - 24 - need)), False)
        left = room.left()
        for text, is_hit in runs:
            if not text or left >= room.right():
                continue
            metrics = QFontMetrics(bold if is_hit else font)
            painter.setFont(bold if is_hit else font)
            painter.setPen(strong if is_hit else quiet)
            shown = (
                metrics.elidedText(text, Qt.TextElideMode.ElideRight, room.right() - left) if metrics.horizontalAdvance(text) > room.right() - left else text
            )
            painter.drawText(QRect(left, room.top(), room.right() - left, room.height()), Qt.AlignmentFlag.AlignVCenter, shown)
            left += metrics.horizontalAdvance(shown)
