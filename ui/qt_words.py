"""Qt's own words (OK, Cancel, Copy, Select All) from our catalogue: Qt ships none in Vietnamese."""

from __future__ import annotations

from PySide6.QtCore import QTranslator

from localstory.words import _, language, mark

_WORDS = (
    mark("OK"), mark("Cancel"), mark("Close"), mark("Yes"), mark("No"), mark("Open"), mark("Save"), mark("Apply"), mark("Reset"), mark("Help"), mark("Retry"),
    mark("Ignore"), mark("Abort"), mark("Discard"), mark("Undo"), mark("Redo"), mark("Cut"), mark("Copy"), mark("Paste"), mark("Delete"), mark("Select All"),
    mark("Copy Link Location"), mark("Clear"), mark("Show Details..."), mark("Hide Details..."), mark("Insert Unicode control character"), mark("Step up"),
    mark("Step down"), mark("Restore"), mark("Minimize"), mark("Maximize"),
)  # fmt: skip


class QtWords(QTranslator):
    """Answers for Qt's own texts; everything else stays as it is."""

    def isEmpty(self) -> bool:
        return False

    def translate(self, _context: str, source: str, _disambiguation: str | None = None, _count: int = -1) -> str | None:
        """Our word for one of Qt's, or None: an empty text would be taken for the translation."""
        plain = source.replace("&", "")
        return _(plain) if plain in _WORDS and language() != "en" else None
