"""Tool tips of foreign words: Qt takes a tip that looks like HTML for HTML, and opens the files that it names (measured)."""

from __future__ import annotations

from html import escape

from PySide6.QtGui import Qt


def tip(text: str) -> str:
    """A text that a tool tip shows letter by letter. For every tip with a title, a name or a path in it."""
    if not Qt.mightBeRichText(text):
        return text
    return "<qt>" + escape(text).replace("\n", "<br>") + "</qt>"
