"""What a window offers its rooms: the bridge, the actions, notices, a memory, and the way to another room or window."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, TypeVar

from PySide6.QtCore import QObject, Signal
from PySide6.QtWidgets import QWidget

from localstory.words import _, system_reason
from ui.actions import Actions
from ui.bridge import Bridge
from ui.layout_memory import Memory
from ui.widgets.toasts import Toasts

T = TypeVar("T")


class Desk(QObject):
    """Given to every page. Pages know this and not each other. Each window has one."""

    model_state = Signal(str)
    """What is loaded, in words, for the status bar."""
    speed = Signal(str)
    settings_changed = Signal(str)
    """A setting's name, after it was kept, whichever window changed it."""
    room_wanted = Signal(str, object)
    window_wanted = Signal(int)
    """A chat's id: it is to be shown in a window of its own; 0 is a new chat."""

    def __init__(self, bridge: Bridge, actions: Actions, toasts: Toasts, memory: Memory) -> None:
        super().__init__()
        self.bridge = bridge
        self.app = bridge.app
        self.actions = actions
        self._toasts = toasts
        self._memory = memory
        bridge.settings_changed.connect(self.settings_changed)

    def say(self, words: str, button: str = "", undo: Callable[[], object] | None = None) -> None:
        """Show a notice for eight seconds, with a button if there is something to do; for an undo use `say_undo`."""
        if undo is not None and button == _("Undo"):
            self.say_undo(words, undo)
        else:
            self._toasts.say(words, button, undo)

    def say_undo(self, words: str, undo: Callable[[], object]) -> None:
        """Show a notice with "Undo". Ctrl+Z outside of a text undoes it too, also when the notice is gone: so `undo` should use
        what lives as long as the window (`desk.app`, `desk.bridge`), no widgets of a room."""
        self._toasts.say_undo(words, _("Undo"), undo)

    def go(self, room: str, what: object = None) -> None:
        """Go to another room; `what` is for it (a chat's id, "new", a model's path)."""
        self.room_wanted.emit(room, what)

    def open_window(self, chat_id: int) -> None:
        """Show a chat in a window of its own, beside this one; 0: a new chat."""
        self.window_wanted.emit(chat_id)

    def remembered(self, name: str, default: T) -> T:
        """What `remember` kept under a name, also before the last start; the default when it is of another kind."""
        return self._memory.get(name, default)

    def remember(self, name: str, value: object) -> None:
        """Keep a bool, number, text, or a list or dict of them for the next start: how a list is sorted, what is folded."""
        self._memory.put(name, value)

    def change_setting(self, name: str, value: Any) -> None:
        """Keep one setting on the disk and tell everybody."""
        try:
            self.app.change_settings(replace(self.app.settings, **{name: value}))
        except OSError as error:
            self.say(_("Not kept: {reason}").format(reason=system_reason(error)))
        self.bridge.settings_changed.emit(name)


class Page(QObject):
    """A room: what stands in the place, and what in the list pane and the side panel if it has them.

    What can be done in it goes into `desk.actions` while the page is being made, with `room=` its name.
    """

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
