"""Texts of several sizes keep their proportion when the person makes them larger."""

from __future__ import annotations

from PySide6.QtGui import QFont
from PySide6.QtWidgets import QApplication

BASE_PIXELS = 14
"""The usual text at 100 %."""


def in_proportion(font: QFont, pixels: int) -> int:
    """How many pixels `pixels` at 100 % are beside the application's font; `font` stands in where that has no size in pixels."""
    base = QApplication.font().pixelSize()
    return max(1, round(pixels * (base if base > 0 else font.pixelSize() if font.pixelSize() > 0 else BASE_PIXELS) / BASE_PIXELS))
