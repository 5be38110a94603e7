"""A list of messages that stays fast at any length: only the rows in sight have widgets, and these are used again.

Rows are segments of messages (`segments.py`), heights are guessed until a row is first seen, and what is being read
stays where it is. Measured in facts/qt-and-packaging §2.3: 1,000 messages open in 42 ms of processor time.
"""

from __future__ import annotations

import time
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import pairwise

from PySide6.QtCore import QEvent, QRectF, Qt, QTimer, QUrl, Signal
from PySide6.QtGui import QColor, QGuiApplication, QIcon, QKeyEvent, QPainter, QPaintEvent, QResizeEvent
from PySide6.QtWidgets import QAbstractScrollArea, QFrame, QLabel, QPushButton, QToolButton, QWidget

from ui.widgets.cards import TroubleCard, label
from ui.widgets.finder import Finder
from ui.widgets.markdown import COPY_SCHEME, NOTE_SCHEME, Markdown
from ui.widgets.message_bar import RAW, Bar
from ui.widgets.message_rows import Entry, Kind, Row
from ui.widgets.safe_browser import SafeBrowser
from ui.widgets.values import Shown, ViewWords

COLUMN = 760
"""Pixels: longer lines are hard to read."""
_SIDE = 24
_BUBBLE = 14
"""Padding in a bubble."""
_SHORTEST_MS, _LONGEST_MS = 33, 250
_NEAR_END = 8


class MessageView(QAbstractScrollArea):
    """Shows messages. `set_messages` gives all of them, `append` adds to one that is being written."""

    acted = Signal(int, str)
    """A message's key and the id of its action, or of a button of its trouble card."""
    stepped = Signal(int, int)
    """A message's key and -1 or 1: the person wants its neighbour."""
    link_wanted = Signal(str)
    code_copied = Signal()

    def __init__(self, words: ViewWords, markdown: Markdown, icons: dict[str, QIcon], bubble: tuple[str, str], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._words = words
        self._markdown = markdown
        if markdown.formulas is not None:
            markdown.formulas.ready.connect(self._formulas_ready)
        self._icons = icons
        self._bubble = (QColor(bubble[0]), QColor(bubble[1]))
        self._entries: list[Entry] = []
        self._rows: list[Row] = []
        self._tops: list[int] = []
        self._total = 0
        self._follow = True
        self._arranging = False
        self._free: list[SafeBrowser] = []
        self._free_bars: list[Bar] = []
        self._in_sight: list[Row] = []
        self._focus_order: list[int] = []
        self._widest = COLUMN
        self._raw: set[int] = set()
        """Messages that the person wants to see as they were written, for as long as the window is there."""
        self._next_flush = 0.0
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setTimerType(Qt.TimerType.PreciseTimer)
        self._timer.timeout.connect(self.flush)
        self.flush_costs: list[float] = []
        """Seconds of the last flushes, layout included; the benchmark reads it."""
        self.setFrameStyle(QFrame.Shape.NoFrame)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.verticalScrollBar().setSingleStep(48)
        self.verticalScrollBar().valueChanged.connect(self._scrolled)
        self.setAccessibleName(words.list)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.viewport().setAutoFillBackground(False)
        self.finder = Finder(self)
        self._new_text = QPushButton(words.new_text, self)
        self._new_text.setAccessibleName(words.new_text)
        self._new_text.clicked.connect(self.scroll_to_end)
        self._new_text.hide()

    # -- what is shown -------------------------------------------------------------------------------------------------

    def set_messages(self, messages: Iterable[Shown]) -> None:
        """Show these. What did not change keeps its rows; what is being read stays in place."""
        old = {entry.shown.key: entry for entry in self._entries}
        anchor = self._anchor()
        entries: list[Entry] = []
        for shown in messages:
            entry = old.pop(shown.key, None)
            if entry is None:
                entry = Entry(shown, raw=shown.key in self._raw)
            elif entry.shown != shown:
                for row in entry.change(shown):
                    self._release(row)
            entries.append(entry)
        for gone in old.values():
            for row in gone.rows:
                self._release(row)
        self._entries = entries
        self._rows = [row for entry in entries for row in entry.rows]
        self._measure_from(0)
        self._arrange(anchor)
        self.finder.rows_changed()

    def append(self, key: int, text: str, at: int) -> None:
        """The next words of a message that is being written, `at` characters after its beginning; shown within 33 ms,
        later when drawing is slow here. Words that are there already are not added again."""
        entry = self._entry(key)
        if entry is None or not entry.shown.live:
            return
        text = text[max(0, len(entry.shown.text) + len(entry.pending) - at) :]
        if not text:
            return
        entry.pending += text
        if not self._timer.isActive():
            self._timer.start(max(0, round((self._next_flush - time.monotonic()) * 1000)))

    def set_waiting(self, key: int, words: str) -> None:
        """Say why a message has no words yet."""
        entry = self._entry(key)
        if entry is None or entry.rows[0].kind is not Kind.waiting:
            return
        entry.shown = replace(entry.shown, waiting=words)
        row = entry.rows[0]
        if isinstance(row.widget, QLabel):
            row.widget.setText(words)

    def flush(self) -> None:
        """Show what `append` collected."""
        began = time.perf_counter()
        first: int | None = None
        rows_changed = False
        for entry in self._entries:
            if entry.pending:
                at = self._rows.index(entry.rows[0])
                first = at if first is None else min(first, at)
                gone, has_changed = entry.grow()
                rows_changed = rows_changed or has_changed
                for row in gone:
                    self._release(row)
        if first is None:
            return
        if rows_changed:
            self._rows = [row for entry in self._entries for row in entry.rows]
        self._measure_from(first)
        self._arrange(None)
        if not self._follow:
            self._offer_new_text()
        self.finder.rows_changed()
        cost = time.perf_counter() - began
        self.flush_costs.append(cost)
        del self.flush_costs[:-2000]
        self._next_flush = time.monotonic() + min(_LONGEST_MS, max(_SHORTEST_MS, 4000 * cost)) / 1000

    def set_column(self, pixels: int) -> None:
        """The widest that messages stand, in pixels."""
        if pixels != self._widest:
            self._widest = pixels
            self._lay_out_anew()

    def scroll_to_end(self) -> None:
        """Go to the newest words and follow them from now on."""
        self._follow = True
        self._new_text.hide()
        self._arrange(None)

    def show_raw(self, key: int, raw: bool) -> None:
        """Show a message as it was written, or as Markdown again; it stays so while this view is there."""
        entry = self._entry(key)
        if entry is None or entry.raw == raw:
            return
        (self._raw.add if raw else self._raw.discard)(key)
        entry.raw = raw
        anchor = self._anchor()
        for row in entry.rows:
            row.forget()
            self._release(row)
        self._arrange(anchor)

    def text_of(self, key: int) -> str:
        """The whole text of a message, as it is so far."""
        entry = self._entry(key)
        return entry.shown.text + entry.pending if entry is not None else ""

    @property
    def is_following(self) -> bool:
        """True while the end is in sight and new words keep it there."""
        return self._follow

    @property
    def browsers(self) -> Sequence[SafeBrowser]:
        """The texts in sight, from top to bottom."""
        return [row.widget for row in self._in_sight if isinstance(row.widget, SafeBrowser)]

    def show_hit(self, key: int, query: str) -> bool:
        """Go to a message and light the words of a search in it for some seconds; False when it is not shown here."""
        return self.finder.show_hit(key, query)

    def selected_words(self) -> str:
        """What is selected in sight, "" for nothing."""
        return next((browser.textCursor().selectedText() for browser in self.browsers if browser.textCursor().hasSelection()), "")

    @property
    def rows(self) -> Sequence[Row]:
        """Every row, seen or not, from top to bottom."""
        return self._rows

    def rows_of(self, key: int) -> list[Row]:
        """The rows with the words of a message."""
        entry = self._entry(key)
        return entry.texts if entry is not None else []

    def shown_lines(self, row: Row) -> list[str]:
        """The words that a row shows or would show."""
        return row.segment.text.split("\n") if row.entry.raw else self._markdown.lines(row.segment.markdown)

    def light_rows(self) -> None:
        """Light in what is in sight what is looked for."""
        for row in self._in_sight:
            self.finder.light(row)

    # -- rows ----------------------------------------------------------------------------------------------------------

    def _entry(self, key: int) -> Entry | None:
        return next((entry for entry in reversed(self._entries) if entry.shown.key == key), None)

    def _column(self) -> tuple[int, int]:
        """Left edge and width of the column of text, in pixels."""
        room = self.width()  # not the viewport's: the text must not jump when the scroll bar comes
        width = max(120, min(self._widest, room - 2 * _SIDE))
        return (room - width) // 2, width

    def _measure_from(self, first: int) -> None:
        _left, column = self._column()
        del self._tops[first:]
        top = 24 if first == 0 else self._rows[first - 1].top + self._rows[first - 1].height
        for row in self._rows[first:]:
            if row.known_width != column and row.height == 0:
                row.height = row.guess_height(column)
            row.top = top
            self._tops.append(top)
            top += row.height
        self._total = top + 24

    # -- what is in sight ----------------------------------------------------------------------------------------------

    def _anchor(self) -> tuple[Row, int] | None:
        """The first row in sight and how far its top is above the edge."""
        if self._follow or not self._rows:
            return None
        offset = self.verticalScrollBar().value()
        at = max(0, bisect_right(self._tops, offset) - 1)
        return self._rows[at], offset - self._rows[at].top

    def _arrange(self, anchor: tuple[Row, int] | None) -> None:
        """Put widgets on the rows in sight. `anchor` keeps a row where it was."""
        self._arranging = True
        try:
            bar, view = self.verticalScrollBar(), self.viewport().height()
            left, column = self._column()
            if anchor is None and not self._follow:
                anchor = self._anchor()
            first = last = 0
            for _attempt in range(12):
                highest = max(0, self._total - view)
                bar.setPageStep(view)
                bar.setRange(0, highest)
                if self._follow:
                    bar.setValue(highest)
                elif anchor is not None and anchor[0] in self._rows:
                    bar.setValue(anchor[0].top + anchor[1])
                offset = bar.value()
                first = max(0, bisect_right(self._tops, offset) - 1)
                last = max(first, bisect_right(self._tops, offset + view))
                changed = None
                for at in range(first, min(last, len(self._rows))):
                    if self._settle(self._rows[at], column) and changed is None:
                        changed = at
                if changed is None:
                    break
                self._measure_from(changed)
            self._place(first, last, left, column)
        finally:
            self._arranging = False
        self._place_button()

    def _settle(self, row: Row, column: int) -> bool:
        """Give a row its widget and its true height; True when the height changed."""
        if row.widget is None:
            row.widget = self._widget_for(row, column)
            row.known_width = -1
        if row.known_width == column:
            return False
        before = row.height
        row.height = self._measure(row, column) + row.above + row.below
        row.known_width = column
        return row.height != before

    def _measure(self, row: Row, column: int) -> int:
        widget = row.widget
        if isinstance(widget, SafeBrowser):
            row.width = round(column * 0.82) - 2 * _BUBBLE if row.entry.shown.mine else column
            if row.html is None or (row.widest > min(row.room, row.width) and row.room != row.width):
                height = widget.set_html(self._render(row), row.width)
            else:
                height = widget.fit(row.width)
            if row.entry.shown.mine and len(row.entry.rows) <= 2:
                row.width = min(row.width, int(widget.document().idealWidth()) + 2)
                height = widget.fit(row.width)
            return height
        row.width = column
        if isinstance(widget, TroubleCard):
            return widget.column.totalHeightForWidth(column)
        if row.kind is Kind.notice and isinstance(widget, QLabel):
            return max(20, widget.heightForWidth(column))
        if isinstance(widget, Bar):
            return max(28, widget.sizeHint().height())
        return max(24, int(widget.sizeHint().height()))

    def _render(self, row: Row) -> str:
        if row.entry.raw:
            rendered = self._markdown.as_written(row.segment.text)
        else:
            rendered = self._markdown.render(row.segment.markdown, at_rest=not row.live, room=row.width)
        row.html, row.codes, row.widest, row.waits, row.room = rendered.html, rendered.codes, rendered.widest, rendered.waits, row.width
        return rendered.html

    def _formulas_ready(self, forgotten: bool) -> None:
        """Formulas that were shown as they were written have their pictures now."""
        anchor = self._anchor()
        for row in self._rows:
            if row.waits or (forgotten and row.widest):
                row.forget()
        self._arrange(anchor)

    def _widget_for(self, row: Row, column: int) -> QWidget:
        shown = row.entry.shown
        if row.kind is Kind.text:
            browser = self._free.pop() if self._free else self._new_browser()
            texts = [other for other in row.entry.rows if other.kind is Kind.text]
            number = texts.index(row) + 1
            browser.setAccessibleName(shown.speaker if number == 1 else self._words.part.format(speaker=shown.speaker, number=number))
            if row.html is not None:
                browser.set_html(row.html, column)
            return browser
        if row.kind is Kind.bar:
            bar = self._free_bars.pop() if self._free_bars else self._new_bar()
            bar.show_message(shown, self._words, self._icons, raw=row.entry.raw)
            return bar
        if row.kind is Kind.trouble and shown.trouble is not None:
            card = TroubleCard(shown.trouble, self._words.details, self._words.copy, self.viewport(), shown.speaker)
            card.pressed.connect(self._card_pressed)
            card.resized.connect(self._card_resized)
            return card
        if row.kind is Kind.notice:
            notice = label("\n".join(shown.notices), "warn", parent=self.viewport())
            notice.setAccessibleName(f"{shown.speaker}: {notice.text()}")
            notice.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
            return notice
        waiting = label(shown.waiting, "quiet", parent=self.viewport())
        waiting.setAccessibleName(shown.speaker)
        return waiting

    def _new_browser(self) -> SafeBrowser:
        browser = SafeBrowser(self.viewport(), self._markdown.formulas)
        browser.anchorClicked.connect(self._link_clicked)
        return browser

    def _new_bar(self) -> Bar:
        bar = Bar(self.viewport())
        bar.acted.connect(self._bar_acted)
        bar.stepped.connect(self._bar_stepped)
        return bar

    def _release(self, row: Row) -> None:
        widget, row.widget = row.widget, None
        if widget is None:
            return
        widget.hide()
        if isinstance(widget, SafeBrowser):
            if len(self._free) < 24:
                self._free.append(widget)
                return
        elif isinstance(widget, Bar) and len(self._free_bars) < 24:
            self._free_bars.append(widget)
            return
        widget.deleteLater()

    def _place(self, first: int, last: int, left: int, column: int) -> None:
        offset = self.verticalScrollBar().value()
        wanted = self._rows[first:last]
        keep = set(map(id, wanted))
        focused = self.focusWidget()
        for row in self._in_sight:
            if id(row) not in keep and row.widget is not None:
                if focused is not None and (row.widget is focused or row.widget.isAncestorOf(focused)) and row.entry in self._entries:
                    wanted.append(row)  # the keyboard is there: it may leave the sight, not the program
                else:
                    self._release(row)
        for row in wanted:
            if row.widget is None:
                continue
            x = left
            if row.kind is Kind.text and row.entry.shown.mine:
                x = left + column - row.width - _BUBBLE
            row.widget.setGeometry(x, row.top + row.above - offset, row.width, row.height - row.above - row.below)
            row.widget.show()
        self._in_sight = wanted
        if self.finder.is_on:
            self.light_rows()
        self._order_focus()
        self.viewport().update()

    def _order_focus(self) -> None:
        """Tab goes from top to bottom, whatever order the widgets were made in."""
        chain: list[QWidget] = []
        for row in sorted(self._in_sight, key=lambda row: row.top):
            if isinstance(row.widget, Bar):
                chain += row.widget.buttons
            elif isinstance(row.widget, TroubleCard):
                chain += row.widget.findChildren(QPushButton)
            elif isinstance(row.widget, SafeBrowser):
                chain.append(row.widget)
        order = [id(widget) for widget in chain]
        if order != self._focus_order:
            self._focus_order = order
            for before, after in pairwise(chain):
                QWidget.setTabOrder(before, after)

    # -- what the person does ------------------------------------------------------------------------------------------

    def _row_of(self, widget: object) -> Row | None:
        return next((row for row in self._in_sight if row.widget is widget), None)

    def _link_clicked(self, url: QUrl) -> None:
        row = self._row_of(self.sender())
        address = url.toString()
        if row is not None and address.startswith(COPY_SCHEME):
            number = address.removeprefix(COPY_SCHEME)
            if number.isdecimal() and int(number) < len(row.codes):
                QGuiApplication.clipboard().setText(row.codes[int(number)])
                self.code_copied.emit()
        elif row is not None and address.startswith(NOTE_SCHEME):
            self._show_note(row.entry, url.path())
        else:
            self.link_wanted.emit(address)

    def _show_note(self, entry: Entry, label: str) -> None:
        row = next((row for row in entry.texts if f"[^{label}]:" in row.segment.text), None)
        if row is not None:
            self.scroll_to_row(row)

    def scroll_to_row(self, row: Row, below: int = 0) -> None:
        """Bring a row in sight, `below` pixels of it included, a little under the upper edge; its height may be a guess until then."""
        if row not in self._rows:
            return
        self._follow = False
        self._arrange((row, below - self.viewport().height() // 4))
        self._follow = self.verticalScrollBar().value() >= self.verticalScrollBar().maximum() - _NEAR_END

    def _bar_acted(self, action: str) -> None:
        if (row := self._row_of(self.sender())) is not None:
            key = row.entry.shown.key
            if action == RAW:
                self.show_raw(key, not row.entry.raw)
            else:
                self.acted.emit(key, action)

    def _bar_stepped(self, step: int) -> None:
        if (row := self._row_of(self.sender())) is not None:
            self.stepped.emit(row.entry.shown.key, step)

    def _card_pressed(self, identity: str) -> None:
        if (row := self._row_of(self.sender())) is not None:
            self.acted.emit(row.entry.shown.key, identity)

    def _card_resized(self) -> None:
        if (row := self._row_of(self.sender())) is not None:
            row.known_width = -1
            self._arrange(self._anchor())

    def _scrolled(self) -> None:
        if self._arranging:
            return
        bar = self.verticalScrollBar()
        self._follow = bar.value() >= bar.maximum() - _NEAR_END
        if self._follow:
            self._new_text.hide()
        self._arrange(None)

    def _offer_new_text(self) -> None:
        self._new_text.show()
        self._new_text.raise_()
        self._place_button()

    def _place_button(self) -> None:
        self._new_text.adjustSize()
        self._new_text.move((self.width() - self._new_text.width()) // 2, self.height() - self._new_text.height() - 12)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        bar = self.verticalScrollBar()
        steps = {
            Qt.Key.Key_Home: bar.minimum(), Qt.Key.Key_End: bar.maximum(), Qt.Key.Key_PageUp: bar.value() - bar.pageStep() + 40,
            Qt.Key.Key_PageDown: bar.value() + bar.pageStep() - 40, Qt.Key.Key_Up: bar.value() - 48, Qt.Key.Key_Down: bar.value() + 48,
        }  # fmt: skip
        if event.key() in steps:
            bar.setValue(steps[Qt.Key(event.key())])
        else:
            super().keyPressEvent(event)

    # -- Qt ------------------------------------------------------------------------------------------------------------

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        if event.size().width() != event.oldSize().width():
            self._lay_out_anew()
        else:
            self._arrange(self._anchor())

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() == QEvent.Type.FontChange and self._rows:
            for row in self._rows:
                row.known_width = -1
            self._lay_out_anew()

    def _lay_out_anew(self) -> None:
        """The column is another: guess the heights of what is not in sight again, and keep what is read in place."""
        anchor = self._anchor()
        for row in self._rows:
            if row.widget is None:
                row.height = 0
        self._measure_from(0)
        self._arrange(anchor)

    def scrollContentsBy(self, _dx: int, _dy: int) -> None:
        """Nothing: `_scrolled` moves the widgets."""

    def paintEvent(self, _event: QPaintEvent) -> None:
        """The bubbles behind the person's own words; texts lie over them."""
        offset = self.verticalScrollBar().value()
        left, column = self._column()
        painter = QPainter(self.viewport())
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        fill, edge = self._bubble
        painter.setPen(edge)
        painter.setBrush(fill)
        done: set[int] = set()
        for row in self._in_sight:
            entry = row.entry
            if not entry.shown.mine or row.kind is not Kind.text or id(entry) in done:
                continue
            done.add(id(entry))
            texts = [other for other in entry.rows if other.kind is Kind.text]
            width = max(other.width for other in texts) + 2 * _BUBBLE
            top, bottom = texts[0].top, texts[-1].top + texts[-1].height
            painter.drawRoundedRect(QRectF(left + column - width, top - offset, width, bottom - top), 12, 12)
        painter.end()


def all_buttons(view: MessageView) -> list[QToolButton]:
    """The buttons in sight, top to bottom (for tests and for the keyboard)."""
    return [button for row in view._in_sight if isinstance(row.widget, Bar) for button in row.widget.buttons]
