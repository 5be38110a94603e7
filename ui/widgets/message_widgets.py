"""The widgets of rows: made when a row comes in sight, used again when another went out of it."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise

from PySide6.QtCore import QObject, QPoint, QRectF, Qt, QUrl, Signal, Slot
from PySide6.QtGui import QColor, QIcon, QPainter
from PySide6.QtWidgets import QLabel, QPushButton, QWidget

from ui.widgets.cards import TroubleCard, label
from ui.widgets.markdown import Markdown
from ui.widgets.message_bar import Bar
from ui.widgets.message_rows import Kind, Row
from ui.widgets.safe_browser import SafeBrowser
from ui.widgets.values import ViewWords

BUBBLE = 14
"""Padding in a bubble, in pixels."""
_MOST_FREE = 24


class RowWidgets(QObject):
    """Makes, fills, measures and takes back the widgets of rows. Its signals begin with the widget they come from."""

    link_clicked = Signal(QWidget, str)
    bar_acted = Signal(QWidget, str)
    """A button of a bar or of a trouble card."""
    bar_stepped = Signal(QWidget, int)
    card_resized = Signal(QWidget)
    menu_wanted = Signal(QWidget, QPoint)

    def __init__(self, viewport: QWidget, words: ViewWords, markdown: Markdown, icons: dict[str, QIcon]) -> None:
        super().__init__(viewport)
        self._viewport = viewport
        self._words = words
        self._markdown = markdown
        self._icons = icons
        self._free: list[SafeBrowser] = []
        self._free_bars: list[Bar] = []
        self._focus_order: list[int] = []

    def make(self, row: Row, column: int) -> QWidget:
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
            card = TroubleCard(shown.trouble, self._words.details, self._words.copy, self._viewport, shown.speaker)
            card.pressed.connect(self._acted)
            card.resized.connect(self._resized)
            return card
        if row.kind is Kind.notice:
            notice = label("\n".join(shown.notices), "warn", parent=self._viewport)
            notice.setAccessibleName(f"{shown.speaker}: {notice.text()}")
            notice.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
            return notice
        waiting = label(shown.waiting, "quiet", parent=self._viewport)
        waiting.setAccessibleName(shown.speaker)
        return waiting

    def _new_browser(self) -> SafeBrowser:
        browser = SafeBrowser(self._viewport, self._markdown.formulas)
        browser.anchorClicked.connect(self._clicked)
        browser.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        browser.customContextMenuRequested.connect(self._menu_wanted)
        return browser

    def _new_bar(self) -> Bar:
        bar = Bar(self._viewport)
        bar.acted.connect(self._acted)
        bar.stepped.connect(self._stepped)
        return bar

    @Slot(QUrl)
    def _clicked(self, url: QUrl) -> None:
        self.link_clicked.emit(self.sender(), url.toString())

    @Slot(QPoint)
    def _menu_wanted(self, where: QPoint) -> None:
        self.menu_wanted.emit(self.sender(), where)

    @Slot(str)
    def _acted(self, action: str) -> None:
        self.bar_acted.emit(self.sender(), action)

    @Slot(int)
    def _stepped(self, step: int) -> None:
        self.bar_stepped.emit(self.sender(), step)

    @Slot()
    def _resized(self) -> None:
        self.card_resized.emit(self.sender())

    def release(self, row: Row) -> None:
        widget, row.widget = row.widget, None
        if widget is None:
            return
        widget.hide()
        if isinstance(widget, SafeBrowser):
            if len(self._free) < _MOST_FREE:
                self._free.append(widget)
                return
        elif isinstance(widget, Bar) and len(self._free_bars) < _MOST_FREE:
            self._free_bars.append(widget)
            return
        widget.deleteLater()

    def code(self, row: Row, number: int) -> str:
        """A block of code of a row, with its parts in the rows before and after; "" when there is none of that number."""
        if not 0 <= number < len(row.codes):
            return ""
        first: Row | None = row
        while first is not None and number == 0 and first.segment.goes_on_with_code:
            first = _beside(first, -1)
            number = len(self._codes(first)) - 1 if first is not None else 0
        if first is None:
            return ""
        text, at = self._codes(first)[number], _beside(first, 1)
        while number == len(self._codes(first)) - 1 and at is not None and at.segment.goes_on_with_code:
            codes = self._codes(at)
            text += codes[0] if codes else ""
            first, number, at = at, 0, _beside(at, 1)
        return text

    def _codes(self, row: Row) -> tuple[str, ...]:
        return row.codes if row.html is not None else self._markdown.render(row.segment.markdown, at_rest=False).codes

    def order_focus(self, rows: Iterable[Row]) -> None:
        """Tab goes from top to bottom, whatever order the widgets were made in."""
        chain: list[QWidget] = []
        for row in sorted(rows, key=lambda row: row.top):
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

    def measure(self, row: Row, column: int) -> int:
        widget = row.widget
        if isinstance(widget, SafeBrowser):
            row.width = round(column * 0.82) - 2 * BUBBLE if row.entry.shown.mine else column
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
            after = _beside(row, 1)
            rendered = self._markdown.render(
                row.segment.markdown,
                at_rest=not row.live,
                room=row.width,
                from_above=row.segment.goes_on_with_code,
                goes_on=after is not None and after.segment.goes_on_with_code,
            )
        row.html, row.codes, row.widest, row.waits, row.room = rendered.html, rendered.codes, rendered.widest, rendered.waits, row.width
        return rendered.html


def paint_bubbles(painter: QPainter, rows: Iterable[Row], column: int, fill: QColor, edge: QColor) -> None:
    """The bubbles behind the person's own words, in a column that begins at 0 and is so many pixels wide."""
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setPen(edge)
    painter.setBrush(fill)
    done: set[int] = set()
    for row in rows:
        if not row.entry.shown.mine or row.kind is not Kind.text or id(row.entry) in done:
            continue
        done.add(id(row.entry))
        texts = row.entry.texts
        width = max(other.width for other in texts) + 2 * BUBBLE
        top, bottom = texts[0].top, texts[-1].top + texts[-1].height
        painter.drawRoundedRect(QRectF(column - width, top, width, bottom - top), 12, 12)


def _beside(row: Row, step: int) -> Row | None:
    """The row of words after (1) or before (-1) one of the same message."""
    texts = row.entry.texts
    at = texts.index(row) + step if row in texts else -1
    return texts[at] if 0 <= at < len(texts) else None
