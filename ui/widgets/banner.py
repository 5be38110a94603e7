"""What a person must know of at the top of the window, until they put it away."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QFrame, QHBoxLayout, QSizePolicy, QVBoxLayout, QWidget

from ui.widgets.cards import button, label


@dataclass(frozen=True, slots=True)
class BannerText:
    """One notice: `key` says which, `buttons` are (id, words)."""

    key: str
    title: str
    text: str
    buttons: tuple[tuple[str, str], ...]


class Banners(QWidget):
    """One below the other; empty, it takes no room."""

    pressed = Signal(str, str)
    """The key of a notice and the id of its button."""

    def __init__(self, named: str = "{action}: {notice}") -> None:
        super().__init__()
        self._named = named
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(0, 0, 0, 0)
        self._column.setSpacing(0)
        self.shown: dict[str, QFrame] = {}
        policy = QSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Minimum)
        policy.setHeightForWidth(True)
        self.setSizePolicy(policy)
        self.hide()

    def show_banners(self, banners: Sequence[BannerText]) -> None:
        """Show these and no others."""
        for key in [key for key in self.shown if key not in {one.key for one in banners}]:
            self.take_away(key)
        for one in banners:
            if one.key not in self.shown:
                self.shown[one.key] = self._make(one)
                self._column.addWidget(self.shown[one.key])
        self.setVisible(bool(self.shown))

    def take_away(self, key: str) -> None:
        """Put one away."""
        frame = self.shown.pop(key, None)
        if frame is not None:
            frame.hide()
            frame.deleteLater()
        self.setVisible(bool(self.shown))

    def _make(self, banner: BannerText) -> QFrame:
        frame = QFrame()
        frame.setObjectName("banner")
        policy = QSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Minimum)
        policy.setHeightForWidth(True)
        frame.setSizePolicy(policy)
        frame.setAccessibleName(f"{banner.title}. {banner.text}")
        row = QHBoxLayout(frame)
        row.setContentsMargins(16, 8, 16, 8)
        row.setSpacing(12)
        words = QVBoxLayout()
        words.setSpacing(2)
        title = label(banner.title, "head")
        words.addWidget(title)
        if banner.text:
            text = label(banner.text)
            text.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
            words.addWidget(text)
        row.addLayout(words, 1)
        for identity, word in banner.buttons:
            made = button(word, name=self._named.format(action=word, notice=banner.title))
            made.setObjectName(f"{banner.key}:{identity}")
            made.clicked.connect(self._clicked)
            row.addWidget(made, 0, Qt.AlignmentFlag.AlignVCenter)
        return frame

    def _clicked(self) -> None:
        sender = self.sender()
        if sender is not None:
            key, _colon, identity = sender.objectName().partition(":")
            self.pressed.emit(key, identity)
