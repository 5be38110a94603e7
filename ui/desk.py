"""What the window offers its rooms: the bridge, the actions, notices, and the way to another room."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from PySide6.QtCore import QObject, Signal
from PySide6.QtWidgets import QWidget

from localstory.words import _, system_reason
from ui.actions import Actions
from ui.bridge import Bridge


class Desk(QObject):
    """Given to every page. Pages know this and not each other."""

    model_state = Signal(str)
    """What is loaded, in words, for the status bar."""
    speed = Signal(str)
    settings_changed = Signal(str)
    """A setting's name, after it was kept."""
    room_wanted = Signal(str, object)

    def __init__(self, bridge: Bridge, actions: Actions, say: Callable[[str, str, Callable[[], object] | None], None]) -> None:
        super().__init__()
        self.bridge = bridge
        self.app = bridge.app
        self.actions = actions
        self._say = say

    def say(self, words: str, button: str = "", undo: Callable[[], object] | None = None) -> None:
        """Show a notice for eight seconds, with a button if there is something to undo."""
        self._say(words, button, undo)

    def go(self, room: str, what: object = None) -> None:
        """Go to another room; `what` is for it (a chat's id, "new", a model's path)."""
        self.room_wanted.emit(room, what)

    def change_setting(self, name: str, value: Any) -> None:
        """Keep one setting on the disk and tell everybody."""
        try:
            self.app.change_settings(replace(self.app.settings, **{name: value}))
        except OSError as error:
            self.say(_("Not kept: {reason}").format(reason=system_reason(error)))
        self.settings_changed.emit(name)


class Page(QObject):
    """A room: what stands in the place, and what in the list pane and the side panel if it has them."""

    name = ""
    icon = ""

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk)
        self.desk = desk
        self.place: QWidget = QWidget()
        self.pane: QWidget | None = None
        self.side: QWidget | None = None

    @property
    def title(self) -> str:
        """The room's name in the person's language."""
        raise NotImplementedError

    def entered(self, what: object = None) -> None:
        """The person came in; `what` says why, see `Desk.go`."""

    def focus_first(self) -> None:
        """Put the keyboard where work in this room begins."""
        self.place.setFocus()

    def left(self) -> None:
        """The window closes or is built anew: keep what is unsaved."""
