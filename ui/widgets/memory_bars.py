"""What a model takes, as stacked bars: one for each device, its parts named with their amounts, and the line it has to stay under."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from PySide6.QtCore import QPointF, QRect, QRectF, QSize, Qt
from PySide6.QtGui import QBrush, QColor, QFont, QFontMetrics, QPainter, QPainterPath, QPaintEvent, QPen, QPolygonF, QResizeEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from ui.widgets.proportion import in_proportion
from ui.widgets.values import Bar, BarPart

_HEAD, _BAR, _LINE, _GAP, _BETWEEN = 20, 20, 18, 6, 16
"""Heights in pixels: name, bar, a row of the legend; the gap inside a device, and between devices."""
_SWATCH = 12
_INSET = 6
"""Room at the right of a bar for half of the budget's arrow."""
_PATTERNS = (Qt.BrushStyle.SolidPattern, Qt.BrushStyle.BDiagPattern, Qt.BrushStyle.Dense5Pattern, Qt.BrushStyle.CrossPattern)


@dataclass(frozen=True, slots=True)
class BarColours:
    """Colours of the bars. A part's kind chooses fill and pattern together, so that they differ without colour too."""

    fills: tuple[str, str, str, str]
    inks: tuple[str, str, str, str]
    """Of the patterns over the fills."""
    track: str
    edge: str
    text: str
    quiet: str
    warn: str


class MemoryBars(QWidget):
    """Paints bars; `show_bars` as often as a slider moves costs one repaint."""

    def __init__(self, colours: BarColours, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._colours = colours
        self._bars: tuple[Bar, ...] = ()
        policy = QSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        policy.setHeightForWidth(True)
        self.setSizePolicy(policy)
        self._small = QFont(self.font())
        self._small.setPixelSize(in_proportion(self.font(), 12))
        self._head = QFont(self.font())
        self._head.setPixelSize(in_proportion(self.font(), 13))

    @property
    def bars(self) -> tuple[Bar, ...]:
        """What is shown."""
        return self._bars

    def show_bars(self, bars: Sequence[Bar], name: str = "") -> None:
        """Show these devices; `name` is what the whole is called to a screen reader."""
        before = self.heightForWidth(max(1, self.width()))
        self._bars = tuple(bars)
        if name:
            self.setAccessibleName(name)
        self.setAccessibleDescription(" ".join(bar.description for bar in bars))
        self.setToolTip("")
        if self.heightForWidth(max(1, self.width())) != before:
            self._fit()
        self.update()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._fit()

    def _fit(self) -> None:
        # Layouts inside scroll areas do not ask for heightForWidth reliably.
        self.setFixedHeight(self.heightForWidth(max(1, self.width())))
        self.updateGeometry()

    def hasHeightForWidth(self) -> bool:
        return True

    def heightForWidth(self, width: int) -> int:
        return sum(self._height(bar, width) for bar in self._bars) + _BETWEEN * max(0, len(self._bars) - 1) if self._bars else 0

    def sizeHint(self) -> QSize:
        return QSize(480, self.heightForWidth(480))

    def _height(self, bar: Bar, width: int) -> int:
        return _HEAD + _GAP // 2 + _BAR + _GAP + _LINE * len(self._legend(bar, width)) + (_LINE if bar.budget is not None and bar.budget_text else 0)

    def _legend(self, bar: Bar, width: int) -> list[list[tuple[BarPart, int]]]:
        """The legend in rows: each entry with its width."""
        metrics = QFontMetrics(self._small)
        rows: list[list[tuple[BarPart, int]]] = [[]]
        used = 0
        for part in bar.parts:
            wide = _SWATCH + 6 + metrics.horizontalAdvance(_entry(part)) + 20
            if used and used + wide > width:
                rows.append([])
                used = 0
            rows[-1].append((part, wide))
            used += wide
        return [row for row in rows if row]

    # -- painting ------------------------------------------------------------------------------------------------------

    def paintEvent(self, _event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        top = 0
        for bar in self._bars:
            self._paint_bar(painter, bar, top)
            top += self._height(bar, self.width()) + _BETWEEN
        painter.end()

    def _paint_bar(self, painter: QPainter, bar: Bar, top: int) -> None:
        colours, width = self._colours, self.width()
        right = QRect(0, top, width - _INSET, _HEAD)
        painter.setFont(self._head)
        total_wide = QFontMetrics(self._head).horizontalAdvance(bar.total_text)
        name = QFontMetrics(self._head).elidedText(bar.name, Qt.TextElideMode.ElideRight, max(40, width - total_wide - 16))
        painter.setPen(QColor(colours.text))
        painter.drawText(QRect(0, top, width, _HEAD), Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter, name)
        painter.setPen(QColor(colours.warn if bar.is_over else colours.text))
        painter.drawText(right, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter, bar.total_text)
        top += _HEAD + _GAP // 2
        track = QRectF(0.5, top + 0.5, width - 1 - _INSET, _BAR - 1)
        shape = QPainterPath()
        shape.addRoundedRect(track, 4, 4)
        painter.fillPath(shape, QColor(colours.track))
        painter.save()
        painter.setClipPath(shape)
        left = track.left()
        for part in bar.parts:
            wide = part.amount / bar.scale * track.width()
            if part.amount > 0:
                # A part that is there is seen, however small it is.
                self._paint_part(painter, QRectF(left, track.top(), max(wide, 2.0), track.height()), part.kind)
            left += wide
        line = None if bar.budget is None else track.left() + bar.budget / bar.scale * track.width()
        if bar.is_over and line is not None:
            over = QRectF(line, track.top(), left - line, track.height())
            veil = QColor(colours.warn)
            veil.setAlpha(96)
            painter.fillRect(over, veil)
            painter.fillRect(over, QBrush(QColor(colours.warn), Qt.BrushStyle.FDiagPattern))
        painter.restore()
        painter.setPen(QPen(QColor(colours.warn if bar.is_over else colours.edge), 2 if bar.is_over else 1))
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.drawPath(shape)
        top += _BAR
        if line is not None and bar.budget_text:
            self._paint_line(painter, line, track, bar)
            top += _LINE
        self._paint_legend(painter, bar, top + _GAP)

    def _paint_part(self, painter: QPainter, box: QRectF, kind: int) -> None:
        colours, which = self._colours, kind % len(_PATTERNS)
        painter.fillRect(box, QColor(colours.fills[which]))
        if which:
            painter.fillRect(box, QBrush(QColor(colours.inks[which]), _PATTERNS[which]))
        if box.width() > 3:
            painter.fillRect(QRectF(box.right() - 1, box.top(), 1, box.height()), QColor(colours.track))

    def _paint_line(self, painter: QPainter, x: float, track: QRectF, bar: Bar) -> None:
        """A line through the bar with a small arrow under it and what it means beside the arrow."""
        ink = QColor(self._colours.warn if bar.is_over else self._colours.text)
        painter.setPen(QPen(ink, 2))
        painter.drawLine(QPointF(x, track.top() - 3), QPointF(x, track.bottom() + 4))
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(ink)
        base = track.bottom() + 3
        painter.drawPolygon(QPolygonF([QPointF(x, base), QPointF(x - 4, base + 6), QPointF(x + 4, base + 6)]))
        painter.setFont(self._small)
        painter.setPen(QColor(self._colours.warn if bar.is_over else self._colours.quiet))
        wide = QFontMetrics(self._small).horizontalAdvance(bar.budget_text)
        right_of = x + 10
        left = right_of if right_of + wide <= self.width() else max(0.0, x - 10 - wide)
        painter.drawText(QRectF(left, base - 2, wide + 2, _LINE), Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter, bar.budget_text)

    def _paint_legend(self, painter: QPainter, bar: Bar, top: int) -> None:
        painter.setFont(self._small)
        for row in self._legend(bar, self.width()):
            left = 0
            for part, wide in row:
                swatch = QRectF(left + 0.5, top + (_LINE - _SWATCH) / 2 + 0.5, _SWATCH - 1, _SWATCH - 1)
                self._paint_part(painter, swatch, part.kind)
                painter.setPen(QPen(QColor(self._colours.edge), 1))
                painter.setBrush(Qt.BrushStyle.NoBrush)
                painter.drawRect(swatch)
                painter.setPen(QColor(self._colours.text))
                words = QRect(left + _SWATCH + 6, top, wide, _LINE)
                painter.drawText(words, Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter, _entry(part))
                left += wide
            top += _LINE


def _entry(part: BarPart) -> str:
    return f"{part.name} {part.text}"
