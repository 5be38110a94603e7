"""Formulas as pictures: TeX to SVG by ziamath, SVG to a picture as sharp as the screen.

Drawing one takes about 8 ms and the first costs 0.2 s more (an import), so a formula is shown as it was written until it
is drawn: on another thread where `drawer` is set, else one at a time between two frames.
"""

from __future__ import annotations

import hashlib
import logging
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from PySide6.QtCore import QByteArray, QObject, QRectF, Qt, QTimer, Signal
from PySide6.QtGui import QFont, QFontInfo, QFontMetrics, QImage, QPainter
from PySide6.QtSvg import QSvgRenderer

log = logging.getLogger(__name__)

SCHEME = "math:"
HANGS = "b"
"""At the end of the address of a picture that hangs below the line as far as letters do."""
_LARGEST = 4_000
"""Pixels; what is wider or higher is shown as it was written."""
_MOST_KEPT = 1_000
_DEEPEST = 60
_OUTSIDE = re.compile(r"<(?:image|script|style|foreignObject|a)\b|url\(|href=\"(?!#)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Formula:
    """A formula to draw: its TeX, whether it stands in a line of words, its letters' height in pixels, and its colour."""

    tex: str
    in_line: bool
    pixels: float
    colour: str

    @property
    def name(self) -> str:
        """What a document calls its picture."""
        return SCHEME + hashlib.sha1(repr((self.tex, self.in_line, self.pixels, self.colour)).encode("utf-8", "replace"), usedforsecurity=False).hexdigest()


@dataclass(frozen=True, slots=True)
class Drawing:
    """A drawn formula. `ascent` and `descent` are pixels above and below the line that letters stand on."""

    svg: bytes
    width: float
    ascent: float
    descent: float


def draw(formula: Formula) -> Drawing | None:
    """Draw one, on any thread; None for what is no TeX, or is too deep or too large to be worth it."""
    depth = deepest = 0
    for letter in formula.tex:
        depth += (letter == "{") - (letter == "}")
        deepest = max(deepest, depth)
    if deepest > _DEEPEST or formula.tex.count("\\left") > _DEEPEST or formula.tex.count("\\begin") > _DEEPEST:
        return None
    try:
        import ziamath

        ziamath.config.svg2 = False  # QtSvg reads SVG 1.2
        made = ziamath.Latex(formula.tex, size=formula.pixels, color=formula.colour, inline=formula.in_line, margin=1)
        (width, height), below = made.getsize(), made.getyofst()
        svg = made.svg()
    except Exception as error:  # whatever its parser trips over: the text is the model's, and shown as it was written
        log.info("a formula is not drawn: %r", error)
        return None
    if not (0 < width < _LARGEST and 0 < height < _LARGEST) or _OUTSIDE.search(svg):
        return None
    return Drawing(svg.encode(), width + 2, height + below + 1, -below + 1)


class Formulas(QObject):
    """Formulas of one view. `find` gives a drawing at once or asks for it; `ready` says that more are there."""

    ready = Signal(bool)
    """True: some that were drawn are forgotten; whoever shows formulas must ask again."""

    scheme = SCHEME

    def __init__(self, font: QFont, colour: str) -> None:
        super().__init__()
        self._pixels = round(QFontInfo(font).pixelSize() * 1.2, 1)
        self._colour = colour
        metrics = QFontMetrics(font)  # whole pixels, as Qt's layout reckons
        self._below, self._middle = metrics.descent(), metrics.xHeight() / 2
        self._drawn: dict[Formula, Drawing | None] = {}
        self._by_name: dict[str, Formula] = {}
        self._images: dict[tuple[str, float], QImage] = {}
        self._wanted: dict[Formula, None] = {}
        self._is_drawing = False
        self.drawer: Callable[[list[Formula]], object] | None = None
        """Draws a list on another thread and then calls `take`."""
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.timeout.connect(self._go_on)

    def find(self, tex: str, *, in_line: bool) -> tuple[Drawing | None, bool]:
        """(drawing, False), or (None, True) while it is being drawn; (None, False): it can't be."""
        formula = Formula(tex, in_line, self._pixels, self._colour)
        if formula in self._drawn:
            return self._drawn[formula], False
        self._wanted.setdefault(formula)
        if not self._timer.isActive() and not self._is_drawing:
            self._timer.start(0)
        return None, True

    def html(self, tex: str, drawing: Drawing, room: float, *, in_line: bool) -> str:
        """The picture as HTML, no wider than `room` pixels.

        Qt lets a picture stand on the line, hang below it as far as letters do, or puts its middle half an x above the
        line (qtextdocumentlayout.cpp, resizeInlineObject); air is added so that the formula's own line meets the words'.
        Qt's HTML knows no word for the second, so such an address ends in "b" and `SafeBrowser` sets it.
        """
        name = Formula(tex, in_line, self._pixels, self._colour).name
        scale = min(1.0, room / drawing.width)
        above, below, style, hangs = drawing.ascent * scale, drawing.descent * scale, "", ""
        if in_line and below <= self._below:
            below, hangs = self._below, HANGS
        elif in_line:
            style = "vertical-align:middle;"
            lack = above - below - self._middle
            above, below = (above, below + lack) if lack > 0 else (above - lack, below)
        width, height = max(1, round(drawing.width * scale)), max(1, round(above + below))
        return f'<img src="{name}#{width}x{height}x{above:.2f}x{scale:.4f}{hangs}" width="{width}" height="{height}" style="{style}">'

    def tex(self, address: str) -> str:
        """What a picture shows, as it was written; "" for one that is not ours."""
        formula = self._by_name.get(address.split("#")[0])
        return formula.tex if formula is not None else ""

    def picture(self, address: str, ratio: float) -> QImage | None:
        """The picture at an address that `html` made, for a screen with that many pixels to a pixel; None: not ours."""
        if (known := self._images.get((address, ratio))) is not None:
            return known
        name, _mark, shape = address.partition("#")
        formula = self._by_name.get(name)
        drawing = self._drawn.get(formula) if formula is not None else None
        parts = shape.removesuffix(HANGS).split("x")
        if drawing is None or len(parts) != 4:
            return None
        width, height, above, scale = int(parts[0]), int(parts[1]), float(parts[2]), float(parts[3])
        image = QImage(max(1, round(width * ratio)), max(1, round(height * ratio)), QImage.Format.Format_ARGB32_Premultiplied)
        image.fill(Qt.GlobalColor.transparent)
        image.setDevicePixelRatio(ratio)
        painter = QPainter(image)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        tall = (drawing.ascent + drawing.descent) * scale
        QSvgRenderer(QByteArray(drawing.svg)).render(painter, QRectF(0, above - drawing.ascent * scale, drawing.width * scale, tall))
        painter.end()
        if len(self._images) > _MOST_KEPT:
            self._images.clear()
        self._images[address, ratio] = image
        return image

    def _go_on(self) -> None:
        if not self._wanted or self._is_drawing:
            return
        if self.drawer is not None:
            wanted = list(self._wanted)[:40]
            self._is_drawing = True
            self.drawer(wanted)
            return
        formula = next(iter(self._wanted))
        self.take([(formula, draw(formula))])

    def take(self, drawn: Iterable[tuple[Formula, Drawing | None]]) -> None:
        """Keep what was drawn, and ask for what is still wanted."""
        self._is_drawing = False
        forgets = len(self._drawn) > _MOST_KEPT
        if forgets:
            self._drawn.clear()
            self._by_name.clear()
            self._images.clear()
        for formula, drawing in drawn:
            self._drawn[formula] = drawing
            self._by_name[formula.name] = formula
            self._wanted.pop(formula, None)
        if self._wanted:
            self._timer.start(0)
        self.ready.emit(forgets)


def draw_all(formulas: Iterable[Formula]) -> list[tuple[Formula, Drawing | None]]:
    """Draw several, on any thread."""
    return [(formula, draw(formula)) for formula in formulas]
