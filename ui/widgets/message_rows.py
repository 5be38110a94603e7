"""What a list of messages is made of: its messages, and the rows each is laid out in. No widgets are made here."""

from __future__ import annotations

from dataclasses import replace
from enum import Enum
from typing import Any

from ui.widgets.finding import Folded
from ui.widgets.segments import Segment, segments
from ui.widgets.values import Shown


class Kind(Enum):
    """What a row shows."""

    text = "text"
    waiting = "waiting"
    trouble = "trouble"
    bar = "bar"
    notice = "notice"


class Entry:
    """A message in the list and its rows. What changes the rows returns the ones that went, for their widgets' sake."""

    __slots__ = ("pending", "raw", "rows", "shown")

    def __init__(self, shown: Shown, *, raw: bool = False) -> None:
        self.shown = shown
        self.rows: list[Row] = []
        self.pending = ""
        """Words that came and are not shown yet."""
        self.raw = raw
        """Shown as it was written, not as Markdown."""
        self._build()

    @property
    def texts(self) -> list[Row]:
        """The rows that show its words."""
        return [row for row in self.rows if row.kind is Kind.text]

    def _build(self) -> None:
        shown = self.shown
        if shown.live and not shown.text and shown.trouble is None:
            self.rows = [Row(self, Kind.waiting)]
        else:
            self.rows = [Row(self, Kind.text, segment) for segment in segments(shown.text)] if shown.text else []
            if shown.live and self.rows:
                self.rows[-1].live = True
        self._add_rest(waiting_too=True)

    def _add_rest(self, *, waiting_too: bool = False) -> None:
        if self.shown.trouble is not None:
            self.rows.append(Row(self, Kind.trouble))
        if self.shown.notices:
            self.rows.append(Row(self, Kind.notice))
        if not self.shown.live or (waiting_too and not self.rows):
            self.rows.append(Row(self, Kind.bar))
        self._pad()

    def change(self, shown: Shown) -> list[Row]:
        """Be another state of the same message; words that stay keep their rows."""
        before = self.shown
        if shown.live and before.live and len(shown.text) <= len(before.text) + len(self.pending):
            return []  # the stream is ahead of the one who asks
        if shown.text and shown.text == before.text + self.pending and shown.mine == before.mine:
            gone = self.grow()[0] if self.pending else []
            gone += [row for row in self.rows if row.kind is not Kind.text]
            self.shown = shown
            self.rows = self.texts
            for row in self.rows:
                if row.live and not shown.live:
                    row.live = False
                    row.forget()  # now with coloured code
            self._add_rest()
            return gone
        return self.rebuild(shown)

    def rebuild(self, shown: Shown) -> list[Row]:
        """Begin anew with other words."""
        gone = self.rows
        self.pending = ""
        self.shown = shown
        self._build()
        return gone

    def grow(self) -> tuple[list[Row], bool]:
        """Take over the pending words; returns the rows that went and whether any came or went."""
        text, self.pending = self.pending, ""
        self.shown = replace(self.shown, text=self.shown.text + text)
        gone: list[Row] = []
        if self.rows[0].kind is Kind.waiting:
            gone.append(self.rows.pop(0))
            row = Row(self, Kind.text)
            row.live = True
            self.rows.insert(0, row)
        has_changed = bool(gone)
        at = max(number for number, row in enumerate(self.rows) if row.kind is Kind.text)
        row = self.rows[at]
        first, *more = segments(row.segment.text + text, carry=row.segment.carry)
        row.segment = first
        row.forget()
        for segment in more:
            row.live = False
            row = Row(self, Kind.text, segment)
            row.live = True
            at += 1
            self.rows.insert(at, row)
            has_changed = True
        if has_changed:
            self._pad()
        return gone, has_changed

    def _pad(self) -> None:
        texts = self.texts
        for row in self.rows:
            row.above, row.below = 0, 0
        if texts and self.shown.mine:
            texts[0].above += 10
            texts[-1].below += 10
        for row in self.rows:
            if row.kind is Kind.bar:
                row.above, row.below = 2, 18
            elif row.kind is Kind.trouble:
                row.above, row.below = 8, 8
            elif row.kind is Kind.notice:
                row.above, row.below = 6, 2
            elif row.kind is Kind.waiting or row.live:
                row.below = 8


class Row:
    """A part of a message that is laid out at once. Heights and tops are pixels."""

    __slots__ = (
        "above", "below", "codes", "entry", "found", "found_for", "height", "html", "kind", "known_width", "lines", "live", "room", "segment",
        "squeezed", "top", "waits", "widest", "widget", "width",
    )  # fmt: skip

    def __init__(self, entry: Entry, kind: Kind, segment: Segment | None = None) -> None:
        self.entry = entry
        self.kind = kind
        self.segment = segment or Segment("")
        self.live = False
        self.html: str | None = None
        self.codes: tuple[str, ...] = ()
        self.widest = 0
        self.waits = False
        """As in `markdown.Rendered`."""
        self.room = 0
        """The width in pixels that it was rendered for."""
        self.height = 0
        """With `above` and `below`."""
        self.above = 0
        self.below = 0
        self.width = 0
        self.known_width = -1
        """The width of the column for which `height` was measured; -1: it is a guess."""
        self.top = 0
        self.widget: Any = None
        self.found = 0
        self.found_for = -1
        self.lines: tuple[Folded, ...] | None = None
        self.squeezed: tuple[str | None] | None = None
        """What `finder.py` found in it, for which search, and what it remembers to find the next quicker."""

    def forget(self) -> None:
        """Its words are others now, or look other: it must be rendered and measured again."""
        self.html = None
        self.known_width = -1
        self.found_for = -1
        self.lines = None
        self.squeezed = None

    def guess_height(self, column: int) -> int:
        """A height from the number of characters, for rows nobody has seen yet."""
        if self.kind is not Kind.text:
            return 40 + self.above + self.below
        per_line = max(10, column // 7)
        lines = sum(1 + len(line) // per_line for line in self.segment.text.split("\n"))
        return lines * 21 + self.above + self.below
