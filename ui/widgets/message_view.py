"""A list of messages that stays fast at any length: only the rows in sight have widgets, and these are used again.

Rows are segments of messages (`segments.py`), heights are guessed until a row is first seen, and what is being read
stays where it is. Measured in facts/qt-and-packaging §2.3: 1,000 messages open in 42 ms of processor time.
"""

from __future__ import annotations

import time
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import replace

from PySide6.QtCore import QEvent, QPoint, Qt, QTimer, QUrl, Signal
from PySide6.QtGui import QAccessible, QAccessibleAnnouncementEvent, QAction, QColor, QGuiApplication, QIcon, QKeyEvent, QPainter, QPaintEvent, QResizeEvent
from PySide6.QtWidgets import QAbstractScrollArea, QFrame, QLabel, QPushButton, QToolButton, QWidget

from ui.widgets.finder import Finder
from ui.widgets.formulas import Formulas
from ui.widgets.markdown import COPY_SCHEME, NOTE_SCHEME, Markdown
from ui.widgets.message_bar import RAW, Bar, add_actions
from ui.widgets.message_rows import Entry, Kind, Row
from ui.widgets.message_widgets import BUBBLE, RowWidgets, paint_bubbles
from ui.widgets.safe_browser import SafeBrowser
from ui.widgets.values import Shown, ViewWords

COLUMN = 760
"""Pixels: longer lines are hard to read."""
_SIDE = 24
_SHORTEST_MS, _LONGEST_MS = 33, 250
_NEAR_END = 8
_READ_OUT = 1_500
"""Letters of a finished reply that are announced; the rest is read where it stands."""


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
        self._widgets = RowWidgets(self.viewport(), words, markdown, icons)
        self._widgets.link_clicked.connect(self._link_clicked)
        self._widgets.bar_acted.connect(self._bar_acted)
        self._widgets.bar_stepped.connect(self._bar_stepped)
        self._widgets.menu_wanted.connect(self._menu_wanted)
        self._widgets.card_resized.connect(self._card_resized)
        self._bubble = (QColor(bubble[0]), QColor(bubble[1]))
        self._entries: list[Entry] = []
        self._menu_for: Entry | None = None
        self._rows: list[Row] = []
        self._tops: list[int] = []
        self._total = 0
        self._follow = True
        self._arranging = False
        self._in_sight: list[Row] = []
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
                ends = entry.shown.live and not shown.live
                for row in entry.change(shown):
                    self._widgets.release(row)
                if ends:
                    self._announce(entry)
            entries.append(entry)
        for gone in old.values():
            for row in gone.rows:
                self._widgets.release(row)
        self._entries = entries
        self._rows = [row for entry in entries for row in entry.rows]
        self._measure_from(0)
        self._arrange(anchor)
        self.finder.rows_changed()

    def _announce(self, entry: Entry) -> None:
        """Let a screen reader read a reply that is finished, wherever the keyboard is."""
        if QAccessible.isActive():
            text = self._markdown.plain(entry.shown.text[:4_000])[:_READ_OUT]
            QAccessible.updateAccessibility(QAccessibleAnnouncementEvent(self, f"{entry.shown.speaker}: {text}"))

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
                    self._widgets.release(row)
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
            self._widgets.release(row)
        self._arrange(anchor)

    def text_of(self, key: int) -> str:
        """The whole text of a message, as it is so far."""
        entry = self._entry(key)
        return entry.shown.text + entry.pending if entry is not None else ""

    def plain_text_of(self, key: int) -> str:
        """The same without the marks of Markdown."""
        return self._markdown.plain(self.text_of(key))

    def texts(self) -> list[tuple[str, str]]:
        """(speaker, text) of all messages, as they were written."""
        return [(entry.shown.speaker, entry.shown.text + entry.pending) for entry in self._entries]

    @property
    def formulas(self) -> Formulas | None:
        """What draws the formulas of this view."""
        return self._markdown.formulas

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
        return row.segment.text.split("\n") if row.entry.raw else self._markdown.lines(row.segment.markdown, from_above=row.segment.goes_on_with_code)

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
            row.widget = self._widgets.make(row, column)
            row.known_width = -1
        if row.known_width == column:
            return False
        before = row.height
        row.height = self._widgets.measure(row, column) + row.above + row.below
        row.known_width = column
        return row.height != before

    def _formulas_ready(self, forgotten: bool) -> None:
        """Formulas that were shown as they were written have their pictures now."""
        anchor = self._anchor()
        for row in self._rows:
            if row.waits or (forgotten and row.widest):
                row.forget()
        self._arrange(anchor)

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
                    self._widgets.release(row)
        for row in wanted:
            if row.widget is None:
                continue
            x = left
            if row.kind is Kind.text and row.entry.shown.mine:
                x = left + column - row.width - BUBBLE
            row.widget.setGeometry(x, row.top + row.above - offset, row.width, row.height - row.above - row.below)
            row.widget.show()
        self._in_sight = wanted
        if self.finder.is_on:
            self.light_rows()
        self._widgets.order_focus(self._in_sight)
        self.viewport().update()

    # -- what the person does ------------------------------------------------------------------------------------------

    def _row_of(self, widget: object) -> Row | None:
        return next((row for row in self._in_sight if row.widget is widget), None)

    def _link_clicked(self, widget: QWidget, address: str) -> None:
        row = self._row_of(widget)
        if row is None:
            return
        if address.startswith(COPY_SCHEME):
            number = address.removeprefix(COPY_SCHEME)
            if number.isdecimal() and (code := self._widgets.code(row, int(number))):
                QGuiApplication.clipboard().setText(code)
                self.code_copied.emit()
        elif address.startswith(NOTE_SCHEME):
            self._show_note(row.entry, QUrl(address).path())
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

    def _bar_acted(self, widget: QWidget, action: str) -> None:
        if (row := self._row_of(widget)) is not None:
            self.act(row.entry, action)

    def act(self, entry: Entry, action: str) -> None:
        """Do what an action of a message says, or tell who does."""
        if action == RAW:
            self.show_raw(entry.shown.key, not entry.raw)
        else:
            self.acted.emit(entry.shown.key, action)

    def _menu_wanted(self, widget: QWidget, where: QPoint) -> None:
        """The menu of a text: what Qt offers for it, and every action of its message."""
        row = self._row_of(widget)
        if row is None or not isinstance(widget, SafeBrowser):
            return
        menu = widget.createStandardContextMenu(where)
        menu.aboutToHide.connect(menu.deleteLater)
        menu.addSeparator()
        add_actions(menu, row.entry.shown.actions, raw=row.entry.raw)
        self._menu_for = row.entry
        menu.triggered.connect(self._menu_chosen)
        menu.popup(widget.mapToGlobal(where))

    def _menu_chosen(self, action: QAction) -> None:
        if self._menu_for is not None and action.property("message"):
            self.act(self._menu_for, action.objectName())

    def _bar_stepped(self, widget: QWidget, step: int) -> None:
        if (row := self._row_of(widget)) is not None:
            self.stepped.emit(row.entry.shown.key, step)

    def _card_resized(self, widget: QWidget) -> None:
        if (row := self._row_of(widget)) is not None:
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

    def current_key(self) -> int | None:
        """The message that has the keyboard, else the last one; None when there is none."""
        focus = self.focusWidget()
        here = next((row.entry for row in self._in_sight if focus is not None and row.widget in (focus, focus.parentWidget())), None)
        entry = here if here is not None and here in self._entries else self._entries[-1] if self._entries else None
        return entry.shown.key if entry is not None else None

    def step_message(self, by: int) -> None:
        """The keyboard goes to the message before (-1) or after (1) the one it is in, in sight or not."""
        focus = self.focusWidget()
        here = next((row.entry for row in self._in_sight if focus is not None and row.widget in (focus, focus.parentWidget())), None)
        if here is not None and here in self._entries:
            at = self._entries.index(here) + by
        else:
            top = self.verticalScrollBar().value() + 1
            row = next((row for row in self._rows if row.top + row.height > top), None)
            at = self._entries.index(row.entry) if row is not None else 0
        if not 0 <= at < len(self._entries):
            return
        row = self._entries[at].rows[0]
        bar = self.verticalScrollBar()
        if row.top < bar.value() or row.top + min(row.height, 80) > bar.value() + self.viewport().height():
            self.scroll_to_row(row, -24)
        if row.widget is not None:
            row.widget.setFocus(Qt.FocusReason.ShortcutFocusReason)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        bar = self.verticalScrollBar()
        steps = {
            Qt.Key.Key_Home: bar.minimum(), Qt.Key.Key_End: bar.maximum(), Qt.Key.Key_PageUp: bar.value() - bar.pageStep() + 40,
            Qt.Key.Key_PageDown: bar.value() + bar.pageStep() - 40, Qt.Key.Key_Up: bar.value() - 48, Qt.Key.Key_Down: bar.value() + 48,
        }  # fmt: skip
        if event.modifiers() & Qt.KeyboardModifier.ControlModifier and event.key() in (Qt.Key.Key_Up, Qt.Key.Key_Down):
            self.step_message(-1 if event.key() == Qt.Key.Key_Up else 1)
        elif event.key() in steps:
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
        if anchor is not None:
            # Half of a row is above the edge: half of it stays there, however high it is now.
            row, above = anchor
            before = max(1, row.height)
            row.known_width = -1
            self._settle(row, self._column()[1])
            anchor = row, above if above < 0 else round(above * row.height / before)
        for row in self._rows:
            if row.widget is None:
                row.height = 0
        self._measure_from(0)
        self._arrange(anchor)

    def scrollContentsBy(self, _dx: int, _dy: int) -> None:
        """Nothing: `_scrolled` moves the widgets."""

    def paintEvent(self, _event: QPaintEvent) -> None:
        """The bubbles behind the person's own words; texts lie over them."""
        left, column = self._column()
        painter = QPainter(self.viewport())
        painter.translate(left, -self.verticalScrollBar().value())
        paint_bubbles(painter, self._in_sight, column, *self._bubble)
        painter.end()


def all_buttons(view: MessageView) -> list[QToolButton]:
    """The buttons in sight, top to bottom (for tests and for the keyboard)."""
    return [button for row in view._in_sight if isinstance(row.widget, Bar) for button in row.widget.buttons]
