"""A text that shows what a model wrote and loads nothing for it."""

from __future__ import annotations

from typing import Any, Protocol

from PySide6.QtCore import QByteArray, QMimeData, Qt, QUrl
from PySide6.QtGui import QImage, QKeyEvent, QTextCharFormat, QTextCursor, QTextDocument, QTextOption, QWheelEvent
from PySide6.QtWidgets import QFrame, QTextBrowser, QWidget

from ui.widgets.markdown_text import PICTURE

SAFE_SCHEMES = ("http", "https", "mailto")
"""What a link may open, after the person said yes."""
_SCROLL_KEYS = (Qt.Key.Key_PageUp, Qt.Key.Key_PageDown, Qt.Key.Key_Home, Qt.Key.Key_End, Qt.Key.Key_Up, Qt.Key.Key_Down)


class Pictures(Protocol):
    """Pictures that the program made itself, by an address that only it writes: it begins with `scheme`, and ends in "b"
    where the picture hangs below the line as far as letters do."""

    scheme: str

    def picture(self, address: str, ratio: float) -> QImage | None: ...

    def tex(self, address: str) -> str: ...


class SafeBrowser(QTextBrowser):
    """A read-only text without scroll bars, as high as its content.

    `loadResource` answers every request with a 1x1 picture or empty bytes. Never None: Qt would then read the file or
    the network share that the text names (measured: 1,284 opens for two small documents).
    """

    def __init__(self, parent: QWidget | None = None, pictures: Pictures | None = None) -> None:
        super().__init__(parent)
        self._pictures = pictures
        self.lit: object = None
        """What is lit in it, for the one who lights."""
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
        address = name.toString() if isinstance(name, QUrl) else str(name)
        if self._pictures is not None and (own := self._pictures.picture(address, self.devicePixelRatioF())) is not None:
            return own
        self.asked_for.append(address)
        del self.asked_for[:-100]
        return self._pixel if kind == QTextDocument.ResourceType.ImageResource.value else QByteArray(b"")

    def createMimeDataFromSelection(self) -> QMimeData:
        """What is copied: formulas as they were written, not as pictures; words only, without their looks."""
        cursor = self.textCursor()
        text, at = cursor.selectedText().replace("\u2029", "\n").replace("\u2028", "\n"), cursor.selectionStart()
        if PICTURE in text and self._pictures is not None:
            parts = []
            walker = QTextCursor(self.document())
            for offset, letter in enumerate(text):
                if letter == PICTURE:
                    walker.setPosition(at + offset + 1)
                    letter = self._pictures.tex(walker.charFormat().toImageFormat().name()) or letter
                parts.append(letter)
            text = "".join(parts)
        found = QMimeData()
        found.setText(text.replace("\u200b", "").replace("\u00a0", " "))
        return found

    def wheelEvent(self, event: QWheelEvent) -> None:
        event.ignore()  # the list scrolls

    def keyPressEvent(self, event: QKeyEvent) -> None:
        plain = event.modifiers() in (Qt.KeyboardModifier.NoModifier, Qt.KeyboardModifier.KeypadModifier)
        steps = event.modifiers() == Qt.KeyboardModifier.ControlModifier and event.key() in (Qt.Key.Key_Up, Qt.Key.Key_Down)
        if steps or (plain and event.key() in _SCROLL_KEYS):
            event.ignore()
        else:
            super().keyPressEvent(event)

    def set_html(self, html: str, width: int) -> int:
        """Show `html` at a width in pixels; returns its height in pixels."""
        if self.lit is not None:
            self.setExtraSelections([])
            self.lit = None
        document = self.document()
        # A visible browser lays out anew after every block; with layout off during the load it does so once.
        document.setLayoutEnabled(False)
        self.setHtml(html)
        if self._pictures is not None and self._pictures.scheme in html:
            self._hang_pictures()
        document.setLayoutEnabled(True)
        return self.fit(width)

    def _hang_pictures(self) -> None:
        """Pictures whose address asks for it hang below the line of the words."""
        document = self.document()
        hangs = QTextCharFormat()
        hangs.setVerticalAlignment(QTextCharFormat.VerticalAlignment.AlignBaseline)
        cursor = document.find(PICTURE)
        while not cursor.isNull():
            if cursor.charFormat().toImageFormat().name().endswith("b"):
                cursor.mergeCharFormat(hangs)
            cursor = document.find(PICTURE, cursor)

    def fit(self, width: int) -> int:
        """Lay out at a width in pixels; returns the height in pixels."""
        document = self.document()
        document.setTextWidth(width)
        if document.textWidth() != width:
            document.setTextWidth(width)  # a hidden QTextEdit answers its first change of size by going back to its own width
        return int(document.size().height() + 0.999)
