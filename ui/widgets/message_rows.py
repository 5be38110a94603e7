"""What a list of messages is made of: rows, and the bar under a message."""

from __future__ import annotations

from enum import Enum
from typing import Any

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtGui import QIcon
from PySide6.QtWidgets import QHBoxLayout, QToolButton, QWidget

from ui.widgets.cards import label
from ui.widgets.segments import Segment
from ui.widgets.values import Shown, ViewWords


class Kind(Enum):
    """What a row shows."""

    text = "text"
    waiting = "waiting"
    trouble = "trouble"
    bar = "bar"
    notice = "notice"


class Entry:
    """A message in the list and its rows."""

    __slots__ = ("pending", "rows", "shown")

    def __init__(self, shown: Shown) -> None:
        self.shown = shown
        self.rows: list[Row] = []
        self.pending = ""


class Row:
    """A part of a message that is laid out at once. Heights and tops are pixels."""

    __slots__ = ("above", "below", "codes", "entry", "height", "html", "kind", "known_width", "live", "segment", "top", "widget", "width")

    def __init__(self, entry: Entry, kind: Kind, segment: Segment | None = None) -> None:
        self.entry = entry
        self.kind = kind
        self.segment = segment or Segment("")
        self.live = False
        self.html: str | None = None
        self.codes: tuple[str, ...] = ()
        self.height = 0
        """With `above` and `below`."""
        self.above = 0
        self.below = 0
        self.width = 0
        self.known_width = -1
        """The width of the column for which `height` was measured; -1: it is a guess."""
        self.top = 0
        self.widget: Any = None

    def guess_height(self, column: int) -> int:
        """A height from the number of characters, for rows nobody has seen yet."""
        if self.kind is not Kind.text:
            return 40 + self.above + self.below
        per_line = max(10, column // 7)
        lines = sum(1 + len(line) // per_line for line in self.segment.text.split("\n"))
        return lines * 21 + self.above + self.below


class Bar(QWidget):
    """The line under a message: ‹ 2 / 5 ›, its actions, a quiet note."""

    stepped = Signal(int)
    acted = Signal(str)

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self._row = QHBoxLayout(self)
        self._row.setContentsMargins(0, 0, 0, 0)
        self._row.setSpacing(2)
        self._shown: tuple[Any, ...] | None = None
        self.buttons: list[QToolButton] = []

    def show_message(self, shown: Shown, words: ViewWords, icons: dict[str, QIcon]) -> None:
        """Be the bar of a message; does nothing when it already is."""
        wanted = (shown.key, shown.place, shown.actions, shown.note, shown.note_tip, shown.mine, shown.speaker, id(words))
        if wanted == self._shown:
            return
        self._shown = wanted
        while (item := self._row.takeAt(0)) is not None:
            if (widget := item.widget()) is not None:
                widget.hide()
                widget.deleteLater()
        self.buttons = []
        if shown.mine:
            self._row.addStretch(1)
        number, count = shown.place
        if count > 1:
            self._add("left", words.previous.format(speaker=shown.speaker), icons, "-", number > 1)
            place = label(f"{number} / {count}", "small", wrap=False)
            place.setAccessibleName(words.place.format(number=number, count=count))
            self._row.addWidget(place)
            self._add("right", words.next.format(speaker=shown.speaker), icons, "+", number < count)
            self._row.addSpacing(8)
        for action in shown.actions:
            self._add(action.icon, words.action.format(action=action.text, speaker=shown.speaker), icons, action.id, True, action.text)
        if shown.note:
            if self.buttons:
                self._row.addSpacing(8)
            note = label(shown.note, "small", wrap=False)
            note.setToolTip(shown.note_tip)
            note.setAccessibleDescription(shown.note_tip)
            self._row.addWidget(note)
        if not shown.mine:
            self._row.addStretch(1)

    def _add(self, icon: str, name: str, icons: dict[str, QIcon], identity: str, enabled: bool, tip: str = "") -> None:
        made = QToolButton(self)
        made.setIcon(icons[icon])
        made.setIconSize(QSize(16, 16))
        made.setAccessibleName(name)
        made.setToolTip(tip or name)
        made.setObjectName(identity)
        made.setEnabled(enabled)
        made.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        made.clicked.connect(self._clicked)
        self._row.addWidget(made)
        self.buttons.append(made)

    def _clicked(self) -> None:
        sender = self.sender()
        if sender is None:
            return
        identity = sender.objectName()
        if identity in "+-":
            self.stepped.emit(1 if identity == "+" else -1)
        else:
            self.acted.emit(identity)
