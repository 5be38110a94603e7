"""Every action of the window, once: menus, the command palette, shortcuts and tool tips are made from this list.

To add an action: `registry.add("chat.new", _("New chat"), handler, shortcut="Ctrl+N", icon="plus", menu=…)`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from PySide6.QtCore import QObject
from PySide6.QtGui import QAction, QKeySequence
from PySide6.QtWidgets import QMenu, QWidget

from ui.theme import icon as draw


@dataclass(frozen=True, slots=True)
class Entry:
    """An action with where it stands: `menu` is the title of its part of the menu."""

    id: str
    action: QAction
    menu: str


class Actions(QObject):
    """The registry. Two actions never share a shortcut."""

    def __init__(self, window: QWidget) -> None:
        super().__init__(window)
        self._window = window
        self._entries: dict[str, Entry] = {}

    def add(self, identity: str, text: str, handler: Callable[[], object], *, shortcut: str = "", icon: str = "", menu: str = "") -> QAction:
        """Register an action and give its shortcut to the window. Raises ValueError for a taken id or shortcut."""
        if identity in self._entries:
            raise ValueError(f"{identity} exists")
        action = QAction(text, self._window)
        action.setObjectName(identity)
        if icon:
            action.setIcon(draw(icon))
        if shortcut:
            sequence = QKeySequence(shortcut)
            if any(entry.action.shortcut() == sequence for entry in self._entries.values()):
                raise ValueError(f"{sequence.toString()} is taken")
            action.setShortcut(sequence)
        action.triggered.connect(lambda _checked=False: handler())
        self._window.addAction(action)
        self._entries[identity] = Entry(identity, action, menu)
        return action

    def __getitem__(self, identity: str) -> QAction:
        return self._entries[identity].action

    def all(self) -> list[Entry]:
        """Every action, in the order they were added."""
        return list(self._entries.values())

    def menu(self, parent: QWidget) -> QMenu:
        """The menu: every action that has a place in it, by part."""
        made = QMenu(parent)
        part = None
        for entry in self._entries.values():
            if not entry.menu:
                continue
            if part is not None and entry.menu != part:
                made.addSeparator()
            part = entry.menu
            made.addAction(entry.action)
        return made

    def clear(self) -> None:
        """Forget all (before the window is built again in another language)."""
        for entry in self._entries.values():
            self._window.removeAction(entry.action)
            entry.action.deleteLater()
        self._entries.clear()
