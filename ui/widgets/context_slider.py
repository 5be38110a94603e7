"""A slider over lengths of a context: powers of two and the exact maximum, told in tokens and in pages while it moves."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from PySide6.QtCore import QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QAccessible, QAccessibleEvent, QColor, QFont, QFontMetrics, QPainter, QPaintEvent, QPen, QPolygonF, QResizeEvent
from PySide6.QtWidgets import QHBoxLayout, QSizePolicy, QSlider, QVBoxLayout, QWidget

from ui.widgets.cards import label
from ui.widgets.proportion import in_proportion

_HANDLE = 18
"""Width of the slider's handle, as in the style sheet: the first and last stops stand half of it inside."""


class ContextSlider(QWidget):
    """Emits `moved` with the tokens at once, at every step of the mouse or the keyboard (arrows, page keys, Home, End)."""

    moved = Signal(int)

    def __init__(self, name: str, words: Callable[[int], str], short: Callable[[int], str], quiet: str, mark: str, parent: QWidget | None = None) -> None:
        """`words` says a length in full ("8,192 tokens, about 12 pages"), `short` as at a tick ("8k"). `quiet` and `mark` are colours."""
        super().__init__(parent)
        self._name, self._words = name, words
        self._steps: tuple[int, ...] = (0,)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(4)
        head = QHBoxLayout()
        head.addWidget(label(name, "quiet", wrap=False))
        self._said = label("", wrap=False)
        head.addWidget(self._said, 1, Qt.AlignmentFlag.AlignRight)
        column.addLayout(head)
        self.slider = QSlider(Qt.Orientation.Horizontal)
        self.slider.setPageStep(2)
        self.slider.setSingleStep(1)
        self.slider.setTracking(True)
        self.slider.valueChanged.connect(self._value_changed)
        column.addWidget(self.slider)
        self._ticks = _Ticks(short, quiet, mark)
        column.addWidget(self._ticks)
        self.setFocusProxy(self.slider)

    def set_steps(self, steps: Sequence[int], tokens: int, *, fits_up_to: int | None = None, fits_word: str = "") -> None:
        """Offer these lengths (rising) and stand at the one nearest to `tokens`; emits nothing. `fits_up_to` is marked."""
        self._steps = tuple(steps) or (0,)
        blocked = self.slider.blockSignals(True)
        self.slider.setRange(0, len(self._steps) - 1)
        self.slider.setValue(min(range(len(self._steps)), key=lambda at: abs(self._steps[at] - tokens)))
        self.slider.blockSignals(blocked)
        self._ticks.show_steps(self._steps, fits_up_to, fits_word)
        self._say()

    @property
    def steps(self) -> tuple[int, ...]:
        """The lengths it offers."""
        return self._steps

    @property
    def tokens(self) -> int:
        """The length it stands at."""
        return self._steps[min(self.slider.value(), len(self._steps) - 1)]

    def _value_changed(self) -> None:
        self._say()
        self.moved.emit(self.tokens)

    def _say(self) -> None:
        said = self._words(self.tokens)
        self._said.setText(said)
        # A slider's own value is the number of the step, which says nothing to who hears it.
        self.slider.setAccessibleName(f"{self._name}: {said}")
        QAccessible.updateAccessibility(QAccessibleEvent(self.slider, QAccessible.Event.NameChanged))


class _Ticks(QWidget):
    """Lengths under the slider, as many as there is room for, and the mark of the largest that fits."""

    def __init__(self, short: Callable[[int], str], quiet: str, mark: str) -> None:
        super().__init__()
        self._short, self._quiet, self._mark = short, quiet, mark
        self._steps: tuple[int, ...] = ()
        self._fits: int | None = None
        self._fits_word = ""
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        font = QFont(self.font())
        font.setPixelSize(in_proportion(font, 11))
        self.setFont(font)

    def show_steps(self, steps: tuple[int, ...], fits: int | None, word: str) -> None:
        self._steps, self._fits, self._fits_word = steps, fits if fits in steps else None, word
        self.setFixedHeight(in_proportion(self.font(), 36 if self._fits is not None and word else 18))
        self.update()

    def sizeHint(self) -> QSize:
        return QSize(200, self.height())

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self.update()

    def _x(self, at: int) -> float:
        inside = max(1, self.width() - _HANDLE)
        return _HANDLE / 2 + (inside * at / (len(self._steps) - 1) if len(self._steps) > 1 else 0)

    def paintEvent(self, _event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        metrics = QFontMetrics(self.font())
        taken = -1e9
        last = len(self._steps) - 1
        # The last is written first: the largest must not be the one without room.
        order = [last, *range(last)] if last > 0 else list(range(last + 1))
        right_end = self.width()
        for at in order:
            text = self._short(self._steps[at])
            wide = metrics.horizontalAdvance(text)
            left = min(max(0.0, self._x(at) - wide / 2), self.width() - wide)
            if at == last:
                right_end = int(left)
            elif left < taken + 8 or left + wide > right_end - 8:
                continue
            else:
                taken = left + wide
            painter.setPen(QColor(self._mark if self._steps[at] == self._fits else self._quiet))
            painter.drawText(QRectF(left, 2, wide + 1, 16), Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter, text)
        if self._fits is not None and self._fits_word:
            x = self._x(self._steps.index(self._fits))
            ink = QColor(self._mark)
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(ink)
            painter.drawPolygon(QPolygonF([QPointF(x, 18), QPointF(x - 4, 24), QPointF(x + 4, 24)]))
            painter.setPen(QPen(ink))
            wide = metrics.horizontalAdvance(self._fits_word)
            left = x + 8 if x + 8 + wide <= self.width() else max(0.0, x - 8 - wide)
            painter.drawText(QRectF(left, 18, wide + 1, 16), Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter, self._fits_word)
        painter.end()
