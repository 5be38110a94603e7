"""A column of cards that scrolls and stays readable: never wider than a page."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QHBoxLayout, QScrollArea, QVBoxLayout, QWidget

from ui.widgets.cards import label


class ScrolledColumn(QScrollArea):
    """Add to `column`. The keyboard scrolls it, and a part that gets the focus comes into sight."""

    def __init__(self, title: str, subtitle: str = "", most: int = 880) -> None:
        super().__init__()
        self.setWidgetResizable(True)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setAccessibleName(title)
        inside = QWidget()
        inside.setObjectName("scrolled")
        outer = QHBoxLayout(inside)
        outer.setContentsMargins(32, 24, 32, 32)
        centred = QWidget()
        centred.setMaximumWidth(most)
        outer.addStretch(1)
        outer.addWidget(centred, 1000, Qt.AlignmentFlag.AlignTop)
        outer.addStretch(1)
        self.column = QVBoxLayout(centred)
        self.column.setContentsMargins(0, 0, 0, 0)
        self.column.setSpacing(16)
        self.column.addWidget(label(title, "title"))
        if subtitle:
            self.column.addWidget(label(subtitle, "quiet"))
        self.setWidget(inside)
