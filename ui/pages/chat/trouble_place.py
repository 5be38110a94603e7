"""One card above the input for what went wrong and is not kept with a message."""

from __future__ import annotations

from PySide6.QtWidgets import QVBoxLayout

from localstory.words import _
from ui import errors
from ui.widgets.cards import TroubleCard


class TroublePlace:
    """Shows one card at a time, at the top of `column`."""

    def __init__(self, column: QVBoxLayout) -> None:
        self._column = column
        self._card: TroubleCard | None = None

    def show(self, error: BaseException) -> None:
        """Tell it, instead of what was told before."""
        self.hide()
        self._card = TroubleCard(errors.trouble(error, (("close", _("Close")),)), _("Details"), _("Copy details"))
        self._card.pressed.connect(self.hide)
        self._column.insertWidget(0, self._card)

    def hide(self) -> None:
        """Take the card away; none there is fine."""
        if self._card is not None:
            self._card.hide()
            self._card.deleteLater()
            self._card = None
