"""A list to choose one from."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

from PySide6.QtCore import QPointF, Qt, Signal
from PySide6.QtGui import QPainter, QPaintEvent, QPalette, QPen, QStandardItemModel, QWheelEvent
from PySide6.QtWidgets import QComboBox, QStyleOptionComboBox

from ui.widgets.proportion import in_proportion
from ui.widgets.tips import tip

BETWEEN = "  ·  "
"""In an entry of a group, between what it is called and what is said of it; only the first stands in the closed list."""
_SHORT = Qt.ItemDataRole.UserRole + 1


class ComboBox(QComboBox):
    """With an arrow in the look's colour. The wheel scrolls the page, unless the keyboard is here."""

    opening = Signal()
    """The list is about to be shown."""

    def showPopup(self) -> None:
        self.opening.emit()
        super().showPopup()

    def show_groups(self, groups: Sequence[tuple[str, Sequence[tuple[str, object]]]], none: str = "") -> None:
        """Show (group, [(words, value)]); a single group needs no heading. What was chosen stays chosen when it is still there."""
        before = self.currentData()
        self.blockSignals(True)
        self.clear()
        for title, entries in groups:
            if len(groups) > 1:
                self.addItem(title, None)
                heading = cast(QStandardItemModel, self.model()).item(self.count() - 1)
                heading.setEnabled(False)
                font = heading.font()
                font.setPixelSize(in_proportion(self.font(), 12))
                font.setBold(True)
                heading.setFont(font)
            for words, value in entries:
                self.addItem(words, value)
                self.setItemData(self.count() - 1, tip(words), Qt.ItemDataRole.ToolTipRole)
                self.setItemData(self.count() - 1, words.split(BETWEEN)[0], _SHORT)
        if self.count() == 0:
            self.addItem(none, None)
        self.choose(before)
        self.blockSignals(False)

    def choose(self, value: object) -> None:
        """Choose by value; the first that has one when it is not there."""
        values = [self.itemData(at) for at in range(self.count())]
        at = values.index(value) if value is not None and value in values else next((at for at, one in enumerate(values) if one is not None), 0)
        self.setCurrentIndex(at)

    def initStyleOption(self, option: QStyleOptionComboBox) -> None:
        super().initStyleOption(option)
        short = self.currentData(_SHORT) or option.currentText
        option.currentText = option.fontMetrics.elidedText(short, Qt.TextElideMode.ElideRight, max(24, self.width() - 36))

    def paintEvent(self, event: QPaintEvent) -> None:
        super().paintEvent(event)
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(QPen(self.palette().color(QPalette.ColorRole.Text), 1.4, Qt.PenStyle.SolidLine, Qt.PenCapStyle.RoundCap, Qt.PenJoinStyle.RoundJoin))
        x, y = self.width() - 14.0, self.height() / 2 + 2
        painter.drawPolyline([QPointF(x - 4, y - 4), QPointF(x, y), QPointF(x + 4, y - 4)])
        painter.end()

    def wheelEvent(self, event: QWheelEvent) -> None:
        if self.hasFocus():
            super().wheelEvent(event)
        else:
            event.ignore()
