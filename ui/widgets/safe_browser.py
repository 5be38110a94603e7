"""A text that shows what a model wrote and loads nothing for it."""

from __future__ import annotations

from typing import Any

from PySide6.QtCore import QByteArray, Qt, QUrl
from PySide6.QtGui import QImage, QKeyEvent, QTextDocument, QTextOption, QWheelEvent
from PySide6.QtWidgets import QFrame, QTextBrowser, QWidget

SAFE_SCHEMES = ("http", "https", "mailto")
"""What a link may open, after the person said yes."""
_SCROLL_KEYS = (Qt.Key.Key_PageUp, Qt.Key.Key_PageDown, Qt.Key.Key_Home, Qt.Key.Key_End, Qt.Key.Key_Up, Qt.Key.Key_Down)


class SafeBrowser(QTextBrowser):
    """A read-only text without scroll bars, as high as its content.

    `loadResource` answers every request with a 1x1 picture or empty bytes. Never None: Qt would then read the file or
    the network share that the text names (measured: 1,284 opens for two small documents).
    """

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.asked_for: list[str] = []
        self._pixel = QImage(1, 1, QImage.Format.Format_ARGB32)
        self._pixel.fill(Qt.GlobalColor.transparent)
        self.setFrameStyle(QFrame.Shape.NoFrame)
        self.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setUndoRedoEnabled(False)
        self.setOpenLinks(False)
        self.setWordWrapMode(QTextOption.WrapMode.WrapAtWordBoundaryOrAnywhere)
        self.setTextInteractionFlags(Qt.TextInteractionFlag.TextBrowserInteraction)
        self.document().setDocumentMargin(0)
        self.viewport().setAutoFillBackground(False)
        self.setStyleSheet("QTextBrowser { background: transparent; border: none; padding: 0; }")

    def loadResource(self, kind: int, name: QUrl | str) -> Any:
        self.asked_for.append(name.toString() if isinstance(name, QUrl) else str(name))
        del self.asked_for[:-100]
        return self._pixel if kind == QTextDocument.ResourceType.ImageResource.value else QByteArray(b"")

    def wheelEvent(self, event: QWheelEvent) -> None:
        event.ignore()  # the list scrolls

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() in _SCROLL_KEYS and event.modifiers() == Qt.KeyboardModifier.NoModifier:
            event.ignore()
        else:
            super().keyPressEvent(event)

    def set_html(self, html: str, width: int) -> int:
        """Show `html` at a width in pixels; returns its height in pixels."""
        document = self.document()
        # A visible browser lays out anew after every block; with layout off during the load it does so once.
        document.setLayoutEnabled(False)
        self.setHtml(html)
        document.setLayoutEnabled(True)
        return self.fit(width)

    def fit(self, width: int) -> int:
        """Lay out at a width in pixels; returns the height in pixels."""
        document = self.document()
        document.setTextWidth(width)
        return int(document.size().height() + 0.999)
