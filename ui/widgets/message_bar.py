"""The line under a message."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtGui import QAction, QIcon
from PySide6.QtWidgets import QHBoxLayout, QMenu, QToolButton, QWidget

from ui.widgets.cards import label
from ui.widgets.proportion import in_proportion
from ui.widgets.tips import tip
from ui.widgets.values import MessageAction, Shown, ViewWords

RAW = "raw"
"""The action that shows a message as it was written; the view does it by itself."""
_MORE = "…"


class Bar(QWidget):
    """The line under a message: ‹ 2 / 5 ›, its actions, a quiet note. Actions of second rank are in a menu at its end."""

    stepped = Signal(int)
    acted = Signal(str)

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self._row = QHBoxLayout(self)
        self._row.setContentsMargins(0, 0, 0, 0)
        self._row.setSpacing(2)
        self._shown: tuple[Any, ...] | None = None
        self._more: tuple[MessageAction, ...] = ()
        self.buttons: list[QToolButton] = []

    def show_message(self, shown: Shown, words: ViewWords, icons: dict[str, QIcon], *, raw: bool = False) -> None:
        """Be the bar of a message; does nothing when it already is."""
        wanted = (shown.key, shown.place, shown.actions, shown.note, shown.note_tip, shown.mine, shown.speaker, id(words), raw)
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
            if not action.more:
                self._add(action.icon, words.action.format(action=action.text, speaker=shown.speaker), icons, action.id, True, action.text, action.on)
        self._more = tuple(replace(action, on=raw) if action.id == RAW else action for action in shown.actions if action.more)
        if self._more:
            self._add("more", words.action.format(action=words.more, speaker=shown.speaker), icons, _MORE, True, words.more)
        if shown.note:
            if self.buttons:
                self._row.addSpacing(8)
            note = label(shown.note, "small", wrap=False)
            note.setToolTip(tip(shown.note_tip))
            note.setAccessibleDescription(shown.note_tip)
            self._row.addWidget(note)
        if not shown.mine:
            self._row.addStretch(1)

    def _add(self, icon: str, name: str, icons: dict[str, QIcon], identity: str, enabled: bool, tip: str = "", on: bool | None = None) -> None:
        made = QToolButton(self)
        if on is not None:
            made.setCheckable(True)
            made.setChecked(on)
        made.setIcon(icons[icon])
        made.setIconSize(QSize(in_proportion(self.font(), 16), in_proportion(self.font(), 16)))
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
        if not isinstance(sender, QToolButton):
            return
        identity = sender.objectName()
        if identity in "+-":
            self.stepped.emit(1 if identity == "+" else -1)
        elif identity == _MORE:
            self.menu().popup(sender.mapToGlobal(sender.rect().bottomLeft()))
        else:
            self.acted.emit(identity)

    def menu(self) -> QMenu:
        """The actions of second rank; it goes when it is closed."""
        made = QMenu(self)
        made.aboutToHide.connect(made.deleteLater)
        add_actions(made, self._more)
        made.triggered.connect(self._chosen)
        return made

    def _chosen(self, action: QAction) -> None:
        self.acted.emit(action.objectName())


def add_actions(menu: QMenu, actions: Iterable[MessageAction], *, raw: bool | None = None) -> None:
    """Put actions of a message into a menu; each is known by its object name, and has the property "message"."""
    for action in actions:
        entry = menu.addAction(action.text)
        entry.setObjectName(action.id)
        entry.setProperty("message", True)
        on = raw if action.id == RAW and raw is not None else action.on
        if on is not None:
            entry.setCheckable(True)
            entry.setChecked(on)
