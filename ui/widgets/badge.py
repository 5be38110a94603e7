"""A verdict as a small label: a colour, a shape and a word, so that it is understood without the colour too."""

from __future__ import annotations

from dataclasses import dataclass

from PySide6.QtCore import QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QFont, QPainter, QPaintEvent, QPen, QPolygonF
from PySide6.QtWidgets import QSizePolicy, QWidget

from ui.widgets.proportion import in_proportion
from ui.widgets.values import Badge

_MARK = 14
"""Width of the shape, in pixels."""


@dataclass(frozen=True, slots=True)
class BadgeColours:
    """Ink and fill for each tone, and the colour of signs inside filled shapes."""

    good: tuple[str, str]
    fair: tuple[str, str]
    poor: tuple[str, str]
    no: tuple[str, str]
    unknown: tuple[str, str]
    edge: str
    """Around the badge; "" for none."""


class VerdictBadge(QWidget):
    """Good: a filled circle with a tick. Fair: a half-filled circle. Poor: a triangle with a bar. No: a square with a cross.
    Unknown: an empty circle with a dot."""

    def __init__(self, badge: Badge, colours: BadgeColours, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._colours = colours
        self._badge = badge
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        font = QFont(self.font())
        font.setPixelSize(in_proportion(font, 12))
        font.setWeight(QFont.Weight.DemiBold)
        self.setFont(font)
        self.show_badge(badge)

    @property
    def badge(self) -> Badge:
        """What it says."""
        return self._badge

    def show_badge(self, badge: Badge) -> None:
        """Say something else."""
        self._badge = badge
        self.setAccessibleName(badge.word)
        self.updateGeometry()
        self.update()

    def sizeHint(self) -> QSize:
        metrics = self.fontMetrics()
        return QSize(8 + _MARK + 6 + metrics.horizontalAdvance(self._badge.word) + 10, max(24, metrics.height() + 6))

    minimumSizeHint = sizeHint

    def paintEvent(self, _event: QPaintEvent) -> None:
        ink, ground = getattr(self._colours, self._badge.tone)
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        frame = QRectF(self.rect()).adjusted(0.5, 0.5, -0.5, -0.5)
        painter.setPen(QPen(QColor(self._colours.edge)) if self._colours.edge else Qt.PenStyle.NoPen)
        painter.setBrush(QColor(ground))
        painter.drawRoundedRect(frame, frame.height() / 2, frame.height() / 2)
        self._paint_mark(painter, QRectF(8, (self.height() - _MARK) / 2, _MARK, _MARK), QColor(ink), QColor(ground))
        painter.setPen(QColor(ink))
        words = self.rect().adjusted(8 + _MARK + 6, 0, -8, 0)
        painter.drawText(words, Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft, self._badge.word)
        painter.end()

    def _paint_mark(self, painter: QPainter, box: QRectF, ink: QColor, ground: QColor) -> None:
        x, y, wide = box.left(), box.top(), box.width()

        def at(across: float, down: float) -> QPointF:
            return QPointF(x + across * wide, y + down * wide)

        sign = QPen(ground, 2.0, Qt.PenStyle.SolidLine, Qt.PenCapStyle.RoundCap, Qt.PenJoinStyle.RoundJoin)
        outline = QPen(ink, 1.6)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(ink)
        match self._badge.tone:
            case "good":
                painter.drawEllipse(box)
                painter.setPen(sign)
                painter.setBrush(Qt.BrushStyle.NoBrush)
                painter.drawPolyline(QPolygonF([at(0.28, 0.53), at(0.44, 0.69), at(0.74, 0.34)]))
            case "fair":
                painter.drawPie(box, 90 * 16, 180 * 16)
                painter.setPen(outline)
                painter.setBrush(Qt.BrushStyle.NoBrush)
                painter.drawEllipse(box.adjusted(0.8, 0.8, -0.8, -0.8))
            case "poor":
                painter.drawPolygon(QPolygonF([at(0.5, 0.0), at(1.04, 0.98), at(-0.04, 0.98)]))
                painter.setPen(sign)
                painter.drawLine(at(0.5, 0.40), at(0.5, 0.62))
                painter.drawPoint(at(0.5, 0.82))
            case "no":
                painter.drawRoundedRect(box, 2, 2)
                painter.setPen(sign)
                painter.drawLine(at(0.3, 0.3), at(0.7, 0.7))
                painter.drawLine(at(0.7, 0.3), at(0.3, 0.7))
            case "unknown":
                painter.drawEllipse(at(0.5, 0.5), 1.6, 1.6)
                painter.setPen(outline)
                painter.setBrush(Qt.BrushStyle.NoBrush)
                painter.drawEllipse(box.adjusted(0.8, 0.8, -0.8, -0.8))
