"""Two branches side by side: what both begin with, then each its own way, with the words that differ marked."""

from __future__ import annotations

from functools import partial
from itertools import zip_longest
from typing import Any

from PySide6.QtCore import Qt, QTimer
from PySide6.QtGui import QColor, QFont, QResizeEvent, QTextCharFormat, QTextCursor
from PySide6.QtWidgets import QDialog, QHBoxLayout, QPlainTextEdit, QSplitter, QTextEdit, QVBoxLayout, QWidget

from localstory.chats.outline import Divergence, Piece, divergence, words_changed
from localstory.chats.tree import ChatMessage, MessageId, Tree
from localstory.runtime import Job
from localstory.words import _, ngettext
from ui import errors, theme
from ui.desk import Desk
from ui.widgets.cards import button, label

_NARROW = 760
"""Below this width they stand one above the other."""


def pairs(found: Divergence) -> list[tuple[ChatMessage | None, ChatMessage | None, list[Piece]]]:
    """Messages of the two branches beside each other, with their pieces: those of different roles have nothing in common. Pure."""
    made: list[tuple[ChatMessage | None, ChatMessage | None, list[Piece]]] = []
    for one, other in zip_longest(found.one, found.other):
        mine, theirs = one.text if one is not None else "", other.text if other is not None else ""
        alike = one is not None and other is not None and one.role == other.role
        pieces = words_changed(mine, theirs) if alike else [piece for piece in (Piece(mine, "gone"), Piece(theirs, "new")) if piece.text]
        made.append((one, other, pieces))
    return made


class _Side(QWidget):
    """One branch: its text, and what can be done with it."""

    def __init__(self, title: str, other_title: str) -> None:
        super().__init__()
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(6)
        column.addWidget(label(title, "head"))
        self.text = QTextEdit()
        self.text.setReadOnly(True)
        self.text.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse | Qt.TextInteractionFlag.TextSelectableByKeyboard)
        self.text.setTabChangesFocus(True)
        self.text.setAccessibleName(title)
        self.text.setFont(theme.chat_font())
        column.addWidget(self.text, 1)
        row = QHBoxLayout()
        self.take = button(_("Take over there"), name=_("Take what is chosen over into: {branch}").format(branch=other_title))
        self.take.setToolTip(_("Copies the selected words, or the message with the cursor, to the end of the other branch"))
        self.go_on = button(_("Continue with this one"), name=_("Continue with: {branch}").format(branch=title))
        row.addWidget(self.take)
        row.addWidget(self.go_on)
        row.addStretch(1)
        column.addLayout(row)
        self.starts: list[int] = []
        """Where each pair begins, as a position in the text."""
        self.differs: list[int] = []
        self.messages: list[ChatMessage | None] = []

    def write(self, message: ChatMessage | None, pieces: list[Piece], kind: str) -> None:
        """Add a message with the pieces that are its own marked: another ground and a line, so that colour is not the only sign."""
        cursor = self.text.textCursor()
        cursor.movePosition(QTextCursor.MoveOperation.End)
        if self.starts:
            cursor.insertBlock()
            cursor.insertBlock()
        self.starts.append(cursor.position())
        self.messages.append(message)
        plain = QTextCharFormat()
        head = QTextCharFormat()
        head.setFontWeight(QFont.Weight.DemiBold)
        head.setForeground(QColor(theme.look().quiet))
        if message is None:
            cursor.insertText(_("(nothing here)"), head)
            return
        cursor.insertText(_("You") if message.role == "user" else _("Reply") if message.role == "assistant" else _("System prompt"), head)
        cursor.insertBlock()
        marked = QTextCharFormat()
        marked.setBackground(QColor(theme.look().chosen))
        marked.setFontUnderline(True)
        for piece in pieces:
            if piece.kind == "same":
                cursor.insertText(piece.text, plain)
            elif piece.kind == kind:
                self.differs.append(cursor.position())
                cursor.insertText(piece.text, marked)

    def pair_at(self, position: int) -> int:
        """The pair that a place in the text belongs to."""
        return max((at for at, start in enumerate(self.starts) if start <= position), default=0)

    def top_of(self, position: int) -> float:
        """Where a place stands, in pixels from the top of the whole text."""
        cursor = QTextCursor(self.text.document())
        cursor.setPosition(min(position, max(0, self.text.document().characterCount() - 1)))
        return self.text.cursorRect(cursor).top() + self.text.verticalScrollBar().value()


class CompareDialog(QDialog):
    """The shown branch on the left, another on the right. They scroll together, message by message."""

    def __init__(self, desk: Desk, tree: Tree, one: MessageId, other: MessageId, parent: QWidget) -> None:
        super().__init__(parent)
        self._desk = desk
        self._tips = (one, other)
        self._scrolling = False
        self._at = -1
        self.setWindowTitle(_("Compare two branches"))
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.resize(max(640, parent.width() - 96), max(420, parent.height() - 96))
        found = divergence(tree, one, other)
        column = QVBoxLayout(self)
        column.setSpacing(8)
        count = len(found.common)
        self.common_button = button(ngettext("{count} message in common", "{count} messages in common", count).format(count=count), "link")
        self.common_button.setCheckable(True)
        self.common_button.toggled.connect(self._fold)
        column.addWidget(self.common_button, 0, Qt.AlignmentFlag.AlignLeft)
        self.common = QPlainTextEdit("\n\n".join(message.text for message in found.common))
        self.common.setReadOnly(True)
        self.common.setTabChangesFocus(True)
        self.common.setAccessibleName(_("What both branches begin with"))
        self.common.hide()
        column.addWidget(self.common, 1)
        titles = (_("The shown branch"), _("The other branch"))
        self.sides = (_Side(titles[0], titles[1]), _Side(titles[1], titles[0]))
        self.split = QSplitter()
        self.split.setChildrenCollapsible(False)
        for side in self.sides:
            self.split.addWidget(side)
        column.addWidget(self.split, 3)
        self._pairs = pairs(found)
        for mine, theirs, pieces in self._pairs:
            self.sides[0].write(mine, pieces, "gone")
            self.sides[1].write(theirs, pieces, "new")
        for number, side in enumerate(self.sides):
            side.text.moveCursor(QTextCursor.MoveOperation.Start)
            side.text.verticalScrollBar().valueChanged.connect(partial(self._scrolled, number))
            side.take.clicked.connect(partial(self._take, number))
            side.go_on.clicked.connect(partial(self._go_on, number))
        row = QHBoxLayout()
        differences = len(self._places())
        self.count = label(ngettext("{count} difference", "{count} differences", differences).format(count=differences), "small", wrap=False)
        self.previous = button(_("Previous difference"))
        self.previous.setShortcut("Shift+F3")
        self.previous.clicked.connect(partial(self._step, -1))
        self.next = button(_("Next difference"))
        self.next.setShortcut("F3")
        self.next.clicked.connect(partial(self._step, 1))
        close = button(_("Close"))
        close.clicked.connect(self.reject)
        row.addWidget(self.count)
        row.addWidget(self.previous)
        row.addWidget(self.next)
        row.addStretch(1)
        row.addWidget(close)
        column.addLayout(row)
        self.sides[0].text.setFocus()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self.split.setOrientation(Qt.Orientation.Horizontal if self.width() >= _NARROW else Qt.Orientation.Vertical)

    def _fold(self, shown: bool) -> None:
        self.common.setVisible(shown)

    def _scrolled(self, number: int, value: int) -> None:
        """The other side goes to the same message, as far down in it."""
        if self._scrolling:
            return
        here, there = self.sides[number], self.sides[1 - number]
        tops = [here.top_of(start) for start in here.starts]
        at = max((pair for pair, top in enumerate(tops) if top <= value + 1), default=0)
        others = [there.top_of(start) for start in there.starts]
        if not others:
            return
        self._scrolling = True
        there.text.verticalScrollBar().setValue(round(others[at] + max(0.0, value - tops[at])))
        self._scrolling = False

    def _places(self) -> list[tuple[int, int]]:
        """Every difference as (side, position), in the order of reading."""
        made = [(self.sides[side].pair_at(place), side, place) for side in (0, 1) for place in self.sides[side].differs]
        return [(side, place) for _pair, side, place in sorted(made)]

    def _step(self, by: int) -> None:
        places = self._places()
        if not places:
            return
        self._at = (self._at + by) % len(places)
        number, place = places[self._at]
        side = self.sides[number]
        cursor = side.text.textCursor()
        cursor.setPosition(place)
        side.text.setTextCursor(cursor)
        side.text.setFocus()
        side.text.verticalScrollBar().setValue(round(side.top_of(place) - 40))
        self.count.setText(_("{number} of {count}").format(number=self._at + 1, count=len(places)))

    def _take(self, number: int) -> None:
        side, under = self.sides[number], self._tips[1 - number]
        cursor = side.text.textCursor()
        message = side.messages[side.pair_at(cursor.selectionStart())] if side.messages else None
        if message is None:
            self._desk.say(_("There is no message here to take over."))
            return
        chosen = cursor.selectedText().replace("\u2029", "\n").strip()
        organiser = self._desk.app.organiser
        self._desk.bridge.start("", lambda _job: organiser.take_over([message.id], under, chosen or None), on_end=self._taken)

    def _taken(self, job: Job[Any]) -> None:
        if job.error is not None:
            self._desk.say(errors.trouble(job.error).title)
        elif job.result is not None:
            self._desk.say(_("Taken over: it stands at the end of that branch, which is shown now."))
            QTimer.singleShot(0, self.accept)

    def _go_on(self, number: int) -> None:
        tip = self._tips[number]
        self._desk.bridge.start("", lambda _job: self._desk.app.chats.choose(tip))
        self.accept()
