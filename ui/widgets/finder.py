"""Finds words in a list of messages: counts them in rows nobody has seen, goes from one to the next, and lights them."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, QTimer, Signal
from PySide6.QtGui import QPalette, QTextCharFormat, QTextCursor
from PySide6.QtWidgets import QTextEdit

from ui.widgets import finding
from ui.widgets.finding import Wanted
from ui.widgets.markdown import COPY_SCHEME
from ui.widgets.message_rows import Kind, Row
from ui.widgets.safe_browser import SafeBrowser

if TYPE_CHECKING:
    from ui.widgets.message_view import MessageView

_SLICE_SECONDS = 0.006
HIT_SECONDS = 5
_NOBODY = Wanted(())


class Finder(QObject):
    """Belongs to a `MessageView`. `changed` tells the number of the place that is shown (0: none), how many there are
    and whether all rows were looked through."""

    changed = Signal(int, int, bool)

    def __init__(self, view: MessageView) -> None:
        super().__init__(view)
        self._view = view
        self._wanted = _NOBODY
        self._only: int | None = None
        """The key of the one message to look in."""
        self._version = 0
        self._here: tuple[Row, int] | None = None
        """The row and the number in it of the place that is shown."""
        self._jumps = False
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.timeout.connect(self._look_on)
        self._hit_timer = QTimer(self)
        self._hit_timer.setSingleShot(True)
        self._hit_timer.timeout.connect(self.clear)

    @property
    def is_on(self) -> bool:
        """True while something is looked for."""
        return bool(self._wanted.needles)

    def search(self, query: str) -> None:
        """Look for a run of letters in all messages, from what is in sight on; "" ends it."""
        self._begin(finding.phrase(query), None)

    def show_hit(self, key: int, query: str) -> bool:
        """Go to a message and light the words of a search in it for some seconds; False when it is not in the list."""
        rows = self._view.rows_of(key)
        if not rows:
            return False
        self._begin(finding.words(query), key)
        self._timer.stop()
        first = next((row for row in rows if self._count(row)), None)
        if first is not None:
            self._go_to(first, 0)
        else:
            self._view.scroll_to_row(rows[0])
        self._hit_timer.start(HIT_SECONDS * 1000)
        return True

    def clear(self) -> None:
        """Nothing is looked for or lit any more; what is in sight stays."""
        self._begin(_NOBODY, None)

    def step(self, by: int) -> None:
        """To the next place (1) or the one before (-1), from the end on to the beginning."""
        rows = self._rows()
        if not rows or not self.is_on:
            return
        if self._here is None or self._here[0] not in rows:
            at, number = rows.index(self._first_in_sight(rows)), -1 if by > 0 else 0
        else:
            at, number = rows.index(self._here[0]), self._here[1]
        number += by
        if not 0 <= number < self._count(rows[at]):
            for _row in rows:
                at = (at + by) % len(rows)
                if self._count(rows[at]):
                    break
            number = 0 if by > 0 else self._count(rows[at]) - 1
        if self._count(rows[at]):
            self._go_to(rows[at], number)
            self._tell()

    def rows_changed(self) -> None:
        """Rows came, went or grew: count what is new, soon."""
        if self.is_on and self._only is None and not self._timer.isActive():
            self._timer.start(120)

    def light(self, row: Row) -> None:
        """Put the light on a row in sight; quick when nothing changed."""
        browser = row.widget
        if not isinstance(browser, SafeBrowser):
            return
        shown = self._here[1] if self._here is not None and self._here[0] is row else -1
        token = (self._version, shown, row.html) if self.is_on and self._takes(row) else None
        if browser.lit == token:
            return
        found = self._in_browser(browser) if token is not None and self._count(row) else []
        browser.setExtraSelections([self._selection(cursor, number == shown) for number, cursor in enumerate(found)])
        browser.lit = token

    # -- counting ------------------------------------------------------------------------------------------------------

    def _begin(self, wanted: Wanted, only: int | None) -> None:
        self._hit_timer.stop()
        if wanted == self._wanted and only == self._only:
            return
        self._wanted, self._only = wanted, only
        self._version += 1
        self._here = None
        self._jumps = only is None
        self._timer.stop()
        if self.is_on:
            self._look_on()
        else:
            self._tell()
        self._view.light_rows()

    def _takes(self, row: Row) -> bool:
        return row.kind is Kind.text and (self._only is None or row.entry.shown.key == self._only)

    def _rows(self) -> list[Row]:
        return [row for row in self._view.rows if self._takes(row)]

    def _first_in_sight(self, rows: list[Row]) -> Row:
        top = self._view.verticalScrollBar().value()
        return next((row for row in rows if row.top + row.height > top), rows[-1])

    def _count(self, row: Row) -> int:
        if row.found_for != self._version:
            row.found_for, row.found = self._version, self._count_anew(row)
        return row.found

    def _count_anew(self, row: Row) -> int:
        if row.lines is None:
            written = row.segment.text if row.entry.raw else row.segment.markdown
            if row.squeezed is None:
                row.squeezed = (finding.squeezed(written),)
            if not finding.may_hold(row.squeezed[0], self._wanted):
                return 0
            row.lines = tuple(finding.fold(line) for line in self._view.shown_lines(row))
        return sum(finding.count(line, self._wanted) for line in row.lines)

    def _look_on(self) -> None:
        """Look through rows for some milliseconds, those in sight and below first."""
        if not self.is_on:
            return
        end = time.perf_counter() + _SLICE_SECONDS
        rows = self._rows()
        if rows and self._only is None:
            at = rows.index(self._first_in_sight(rows))
            for row in rows[at:] + rows[:at]:
                if row.found_for != self._version:
                    if time.perf_counter() > end:
                        self._timer.start(0)
                        break
                    self._count(row)
                if self._jumps and row.found and (number := self._first_below_edge(row)) is not None:
                    self._jumps = False
                    self._go_to(row, number)
            else:
                if self._jumps and (last := next((row for row in rows if row.found), None)) is not None:
                    self._jumps = False
                    self._go_to(last, 0)
        self._tell()
        self._view.light_rows()

    def _first_below_edge(self, row: Row) -> int | None:
        """The number of its first place that is not above what is in sight; None when all are."""
        above = self._view.verticalScrollBar().value() - row.top - row.above
        if above <= 0 or not isinstance(row.widget, SafeBrowser):
            return 0
        found = self._in_browser(row.widget)
        return next((number for number, cursor in enumerate(found) if row.widget.cursorRect(cursor).top() >= above), None)

    def _tell(self) -> None:
        if not self.is_on:
            self.changed.emit(0, 0, True)
            return
        total = number = 0
        done = True
        for row in self._rows():
            if row.found_for != self._version:
                done = False
                continue
            if self._here is not None and row is self._here[0]:
                number = total + self._here[1] + 1
            total += row.found
        self.changed.emit(min(number, total), total, done)

    # -- going and lighting --------------------------------------------------------------------------------------------

    def _go_to(self, row: Row, number: int) -> None:
        self._here = (row, number)
        view = self._view
        bar = view.verticalScrollBar()
        if not isinstance(row.widget, SafeBrowser) or row.known_width < 0:
            view.scroll_to_row(row)
        if isinstance(row.widget, SafeBrowser):
            found = self._in_browser(row.widget)
            if number < len(found):
                place = row.widget.cursorRect(found[number])
                top = row.top + row.above + place.top() - bar.value()
                if top < 0 or top + place.height() > view.viewport().height():
                    view.scroll_to_row(row, row.above + place.top())
        view.light_rows()

    def _in_browser(self, browser: SafeBrowser) -> list[QTextCursor]:
        document, found = browser.document(), []
        block = document.begin()
        while block.isValid():
            text = block.text()
            if not _is_ours(block.begin()):
                for first, last in finding.places(finding.fold(text), self._wanted):
                    cursor = QTextCursor(document)
                    cursor.setPosition(block.position() + _units(text, first))
                    cursor.setPosition(block.position() + _units(text, last), QTextCursor.MoveMode.KeepAnchor)
                    found.append(cursor)
            block = block.next()
        return found

    def _selection(self, cursor: QTextCursor, is_here: bool) -> QTextEdit.ExtraSelection:
        palette, look = self._view.palette(), QTextCharFormat()
        ground = palette.color(QPalette.ColorRole.Highlight)
        if is_here:
            look.setBackground(ground)
            look.setForeground(palette.color(QPalette.ColorRole.HighlightedText))
        else:
            ground.setAlpha(80)
            look.setBackground(ground)
        made = QTextEdit.ExtraSelection()
        made.cursor, made.format = cursor, look
        return made


def _is_ours(fragments: object) -> bool:
    """True for the "Copy" over a block of code: a word of the program, not of the message."""
    at_end = getattr(fragments, "atEnd", None)
    if at_end is None or at_end():
        return False
    address = fragments.fragment().charFormat().anchorHref()  # type: ignore[attr-defined]
    return bool(str(address).startswith(COPY_SCHEME))


def _units(text: str, at: int) -> int:
    """A place in a text as Qt counts it: letters outside the first 65,536 are two."""
    before = text[:at]
    return at if before.isascii() else len(before.encode("utf-16-le", "surrogatepass")) // 2
