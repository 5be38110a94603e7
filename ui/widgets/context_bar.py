"""A thin bar of parts that is a button: how full something is, at a glance; a press tells more."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QRectF, QSize, Qt
from PySide6.QtGui import QBrush, QColor, QEnterEvent, QFont, QFontMetrics, QKeyEvent, QPainter, QPainterPath, QPaintEvent, QPen
from PySide6.QtWidgets import QAbstractButton, QSizePolicy, QWidget

from ui.widgets.memory_bars import BarColours
from ui.widgets.proportion import in_proportion
from ui.widgets.tips import tip
from ui.widgets.values import Strip

_HEIGHT, _BAR, _GAP, _SIDE = 22, 6, 12, 4
_PATTERNS = (Qt.BrushStyle.SolidPattern, Qt.BrushStyle.BDiagPattern, Qt.BrushStyle.Dense5Pattern, Qt.BrushStyle.CrossPattern)


class ContextBar(QAbstractButton):
    """Paints a `Strip`; Space and Enter press it."""

    def __init__(self, colours: BarColours, accent: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._colours, self._accent = colours, accent
        self._strip = Strip((), 0, "", "", "")
        self._hovered = False
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        font = QFont(self.font())
        font.setPixelSize(in_proportion(font, 12))
        self.setFont(font)

    @property
    def strip(self) -> Strip:
        """What is shown."""
        return self._strip

    def show_strip(self, strip: Strip) -> None:
        """Show this; the same again costs nothing."""
        if strip == self._strip:
            return
        self._strip = strip
        self.setAccessibleName(strip.description)
        self.setToolTip(tip(strip.tip))
        self.update()

    def sizeHint(self) -> QSize:
        return QSize(320, _HEIGHT)

    def minimumSizeHint(self) -> QSize:
        return QSize(120, _HEIGHT)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self.click()
        else:
            super().keyPressEvent(event)

    def enterEvent(self, event: QEnterEvent) -> None:
        self._hovered = True
        self.update()
        super().enterEvent(event)

    def leaveEvent(self, event: QEvent) -> None:
        self._hovered = False
        self.update()
        super().leaveEvent(event)

    def paintEvent(self, _event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        colours, strip = self._colours, self._strip
        metrics = QFontMetrics(self.font())
        words = metrics.elidedText(strip.text, Qt.TextElideMode.ElideRight, max(60, self.width() * 2 // 3))
        wide = metrics.horizontalAdvance(words)
        painter.setPen(QColor(colours.warn if strip.is_over else colours.text if self._hovered else colours.quiet))
        painter.drawText(self.rect().adjusted(_SIDE, 0, -_SIDE, 0), Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter, words)
        track = QRectF(_SIDE + 0.5, (self.height() - _BAR) / 2, max(24.0, self.width() - wide - _GAP - 2 * _SIDE), _BAR)
        shape = QPainterPath()
        shape.addRoundedRect(track, _BAR / 2, _BAR / 2)
        painter.fillPath(shape, QColor(colours.track))
        painter.save()
        painter.setClipPath(shape)
        left = track.left()
        for part in strip.parts if strip.whole else ():
            part_wide = part.amount / strip.scale * track.width()
            if part.amount > 0:
                which = part.kind % len(_PATTERNS)
                # A part that is there is seen, however small it is.
                box = QRectF(left, track.top(), max(part_wide, 2.0), track.height())
                painter.fillRect(box, QColor(colours.fills[which]))
                if which:
                    painter.fillRect(box, QBrush(QColor(colours.inks[which]), _PATTERNS[which]))
            left += part_wide
        painter.restore()
        painter.setPen(QPen(QColor(colours.warn if strip.is_over else colours.edge), 1))
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.drawPath(shape)
        if self.hasFocus():
            painter.setPen(QPen(QColor(self._accent), 1.5))
            painter.drawRoundedRect(QRectF(self.rect()).adjusted(1, 1, -1, -1), 4, 4)
        painter.end()
