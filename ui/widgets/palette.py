"""A list to jump by typing: the command palette, and the way to a chat, a room or a model."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from PySide6.QtCore import QEvent, QModelIndex, QObject, QPersistentModelIndex, Qt
from PySide6.QtGui import QFontMetrics, QKeyEvent, QPainter, QPalette
from PySide6.QtWidgets import QDialog, QLineEdit, QListWidget, QListWidgetItem, QStyledItemDelegate, QStyleOptionViewItem, QVBoxLayout, QWidget

from ui.widgets.cards import label
from ui.widgets.palette_score import best, fold
from ui.widgets.proportion import in_proportion
from ui.widgets.tips import tip

_NOTE = Qt.ItemDataRole.UserRole
_HEADING = Qt.ItemDataRole.UserRole + 1
MOST = 60
"""Lines that are shown for what was typed; with nothing typed all groups are."""
MOST_UNTYPED = 200
_RECENT_BONUS = 150
"""What was used lately goes before what answers about as well: a begun word is worth 200."""


@dataclass(frozen=True, slots=True)
class Choice:
    """A line of the palette: what it is, a quiet note (a shortcut, a kind) and what it does."""

    text: str
    note: str
    act: Callable[[], object]
    group: str = ""
    """The heading it stands below when nothing is typed; it is found by it too."""
    also: str = ""
    """Other words that find it."""
    why_not: str = ""
    """Why it can't be done now: grey, with the reason."""
    recent: int = 0
    """Of what was used lately the first is 1; 0: not lately."""
    folded: str = ""
    """What is looked through, folded; thousands of lines bring it along from another thread."""


class _WithNote(QStyledItemDelegate):
    """A line with its quiet note at the right edge; the words give way to it."""

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex) -> None:
        note = str(index.data(_NOTE) or "")
        whole = option.rect
        if note and not index.data(_HEADING):
            wide = min(QFontMetrics(option.font).horizontalAdvance(note) + 4, whole.width() // 2)
            super().paint(painter, option, index)
            painter.save()
            painter.setPen(option.palette.color(QPalette.ColorRole.PlaceholderText))
            room = whole.adjusted(whole.width() - wide - 12, 0, -12, 0)
            painter.drawText(
                room, Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignRight, QFontMetrics(option.font).elidedText(note, Qt.TextElideMode.ElideRight, wide)
            )
            painter.restore()
            return
        super().paint(painter, option, index)

    def initStyleOption(self, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex) -> None:
        super().initStyleOption(option, index)
        note = str(index.data(_NOTE) or "")
        if index.data(_HEADING):
            option.font.setBold(True)
            option.font.setPixelSize(in_proportion(option.font, 12))
        elif note:
            metrics = QFontMetrics(option.font)
            left = option.rect.width() - min(metrics.horizontalAdvance(note), option.rect.width() // 2) - 48
            if not index.flags() & Qt.ItemFlag.ItemIsEnabled:
                option.font.setItalic(True)  # in high contrast there is no grey
            option.text = metrics.elidedText(option.text, Qt.TextElideMode.ElideRight, max(80, left))


class Palette(QDialog):
    """Type, choose with the arrows, Enter. Escape leaves."""

    def __init__(self, choices: Sequence[Choice], placeholder: str, list_name: str, parent: QWidget, *, none: str = "", recent: str = "") -> None:
        """`none` is what stands there when nothing is found, `recent` the heading above what was used lately."""
        super().__init__(parent, Qt.WindowType.Popup | Qt.WindowType.FramelessWindowHint)
        self.setObjectName("popup")
        self.setAccessibleName(placeholder)
        self._recent = recent
        self.waits = False
        """More choices are on their way: Enter waits for them, so that it never takes a worse one that is there already."""
        self._entered = False
        self._shown: list[Choice | None] = []
        column = QVBoxLayout(self)
        column.setContentsMargins(12, 12, 12, 12)
        column.setSpacing(8)
        self.line = QLineEdit()
        self.line.setPlaceholderText(placeholder)
        self.line.setAccessibleName(placeholder)
        self.line.textChanged.connect(self._filter)
        self.line.installEventFilter(self)
        self.list = QListWidget()
        self.list.setAccessibleName(list_name)
        self.list.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.list.setItemDelegate(_WithNote(self.list))
        self.list.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.list.itemClicked.connect(self._chosen)
        self.none = label(none, "quiet")
        self.none.hide()
        column.addWidget(self.line)
        column.addWidget(self.none)
        column.addWidget(self.list, 1)
        scale = self.fontMetrics().height() / 19
        width = min(round(600 * scale), parent.width() - 64)
        self.setFixedSize(width, min(round(440 * scale), parent.height() - 96))
        corner = parent.mapToGlobal(parent.rect().topLeft())
        self.move(corner.x() + (parent.width() - width) // 2, corner.y() + 64)
        self.set_choices(choices)

    def open_here(self) -> None:
        """Show it with the keyboard in the line; it deletes itself when it closes."""
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.open()
        self.line.setFocus()

    def set_choices(self, choices: Sequence[Choice]) -> None:
        """Show these instead; what is typed stays."""
        self._choices = list(choices)
        self._folded = [each.folded or fold(f"{each.text} {each.also} {each.group}" if each.also or each.group else each.text) for each in self._choices]
        self._bonus = {at: _RECENT_BONUS - each.recent for at, each in enumerate(self._choices) if each.recent}
        self._filter(self.line.text())
        if self._entered and not self.waits:
            self._entered = False
            self._chosen()

    def _filter(self, query: str) -> None:
        self._shown = self._untyped() if not query.strip() else self._found(query)
        headings = iter(self._headings)
        self.list.clear()
        first = -1
        for at, choice in enumerate(self._shown):
            if choice is None:
                item = QListWidgetItem(next(headings))
                item.setFlags(Qt.ItemFlag.NoItemFlags)
                item.setData(_HEADING, True)
                self.list.addItem(item)
                continue
            note = choice.why_not or choice.note
            item = QListWidgetItem(choice.text)
            item.setData(_NOTE, note)
            item.setToolTip(tip(choice.text) if len(choice.text) > 48 else "")
            item.setData(Qt.ItemDataRole.AccessibleTextRole, f"{choice.text}, {note}" if note else choice.text)
            if choice.why_not:
                item.setFlags(Qt.ItemFlag.NoItemFlags)
            elif first < 0:
                first = at
            self.list.addItem(item)
        self.list.setCurrentRow(first)
        if first >= 0 and first <= 1:
            self.list.scrollToTop()
        self.none.setVisible(not self._shown and bool(self.none.text()))

    def _found(self, query: str) -> list[Choice | None]:
        self._headings: list[str] = []
        places = best(query, self._folded, MOST, self._bonus)
        # What can't be done now comes last, but it comes: the person learns why.
        found = [self._choices[at] for at in places]
        return [*(each for each in found if not each.why_not), *(each for each in found if each.why_not)]

    def _untyped(self) -> list[Choice | None]:
        shown: list[Choice | None] = []
        self._headings = []
        recent = sorted((each for each in self._choices if each.recent and not each.why_not), key=lambda each: each.recent)
        if recent and self._recent:
            self._headings.append(self._recent)
            shown += [None, *recent]
        group = ""
        rest = [each for each in self._choices if each not in recent] if len(self._choices) <= MOST_UNTYPED else self._choices
        for choice in rest[:MOST_UNTYPED]:
            if choice.group and choice.group != group:
                group = choice.group
                self._headings.append(group)
                shown.append(None)
            shown.append(choice)
        return shown

    def _chosen(self) -> None:
        at = self.list.currentRow()
        choice = self._shown[at] if 0 <= at < len(self._shown) else None
        if choice is None or choice.why_not:
            return
        self.accept()
        choice.act()

    def _step(self, step: int) -> None:
        at = self.list.currentRow()
        for _turn in self._shown:
            at = (at + step) % len(self._shown)
            choice = self._shown[at]
            if choice is not None and not choice.why_not:
                self.list.setCurrentRow(at)
                if at <= 1:
                    self.list.scrollToTop()  # the heading too
                return

    def eventFilter(self, _watched: QObject, event: QEvent) -> bool:
        if isinstance(event, QKeyEvent) and event.type() == QEvent.Type.KeyPress:
            steps = {Qt.Key.Key_Down: 1, Qt.Key.Key_Up: -1, Qt.Key.Key_Tab: 1, Qt.Key.Key_Backtab: -1}
            pages = {Qt.Key.Key_PageDown: 8, Qt.Key.Key_PageUp: -8}
            key = Qt.Key(event.key())
            if key in steps and self._shown:
                self._step(steps[key])
                return True
            if key in pages and self._shown:
                for _turn in range(abs(pages[key])):
                    self._step(1 if pages[key] > 0 else -1)
                return True
            if key in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
                self._entered = self.waits
                if not self.waits:
                    self._chosen()
                return True
        return False
