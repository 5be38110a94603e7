"""A splitter whose sides fold away and come back as wide as they were."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFrame, QSplitter, QStackedWidget, QVBoxLayout, QWidget


class FoldingFrame(QSplitter):
    """Left pane, place, right panel: three stacks side by side. A side shows when its page has one and it isn't folded."""

    def __init__(self, widths: tuple[int, int], folded: tuple[bool, bool]) -> None:
        super().__init__(Qt.Orientation.Horizontal)
        self.setChildrenCollapsible(False)
        self.setHandleWidth(1)
        self._widths = list(widths)
        self._folded = list(folded)
        self.stacks: list[QStackedWidget] = []
        self._frames: list[QFrame] = []
        for name in ("pane", "place", "side"):
            frame = QFrame()
            frame.setObjectName(name)
            inside = QVBoxLayout(frame)
            inside.setContentsMargins(0, 0, 0, 0)
            stack = QStackedWidget()
            inside.addWidget(stack)
            self.stacks.append(stack)
            self._frames.append(frame)
            self.addWidget(frame)
        self.setStretchFactor(0, 0)
        self.setStretchFactor(1, 1)
        self.setStretchFactor(2, 0)
        self.stacks[1].setMinimumWidth(360)
        self._has = [False, False]
        self.splitterMoved.connect(self._moved)

    def add(self, pane: QWidget | None, place: QWidget, side: QWidget | None) -> int:
        """Add a page's three parts; returns its number for `show_page`."""
        for stack, widget in zip(self.stacks, (pane, place, side), strict=True):
            stack.addWidget(widget if widget is not None else QWidget())
        return self.stacks[1].count() - 1

    def show_page(self, number: int, *, has_pane: bool, has_side: bool) -> None:
        """Show the parts of a page."""
        self._has = [has_pane, has_side]
        for stack in self.stacks:
            stack.setCurrentIndex(number)
        self._apply()

    def is_folded(self, side: int) -> bool:
        """Whether the left (0) or right (1) side is folded away."""
        return self._folded[side]

    def fold(self, side: int, folded: bool) -> None:
        """Fold the left (0) or right (1) side away, or bring it back."""
        self._folded[side] = folded
        self._apply()

    @property
    def widths(self) -> tuple[int, int]:
        """Of the two sides, in pixels, as the person left them."""
        return self._widths[0], self._widths[1]

    def _apply(self) -> None:
        shown = [self._has[side] and not self._folded[side] for side in (0, 1)]
        self._frames[0].setVisible(shown[0])
        self._frames[2].setVisible(shown[1])
        left, right = (self._widths[side] if shown[side] else 0 for side in (0, 1))
        self.setSizes([left, max(360, self.width() - left - right), right])

    def _moved(self) -> None:
        sizes = self.sizes()
        for side, at in ((0, 0), (1, 2)):
            if self._frames[at].isVisible() and sizes[at] > 0:
                self._widths[side] = sizes[at]
