"""What every window of localstory has: actions with their palette and menu, notices, a desk, a memory."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

from PySide6.QtCore import QPoint, QRect, QTimer
from PySide6.QtGui import QGuiApplication, QResizeEvent
from PySide6.QtWidgets import QApplication, QMainWindow, QWidget

from localstory.runtime import Job
from localstory.words import _
from ui import errors, jump
from ui.actions import Actions
from ui.bridge import Bridge
from ui.desk import Desk
from ui.layout_memory import Layout, Memory
from ui.widgets.palette import Choice, Palette
from ui.widgets.toasts import Toasts, ToastWords

WRITE_EVERY_MS = 2000
LEAST_IN_SIGHT = 80
"""Pixels of a window's upper edge that must be on a screen for it to stand there again."""


class BaseWindow(QMainWindow):
    """`_build` makes what is inside, again when language or look change."""

    def __init__(self, bridge: Bridge, memory: Memory) -> None:
        super().__init__()
        self._bridge = bridge
        self._app = bridge.app
        self.memory = memory
        self.setWindowTitle("localstory")
        self._actions = Actions(self)
        self._actions.done.connect(self._action_done)
        self._actions.refused.connect(self._refused)
        self.toasts = Toasts(self, _toast_words())
        self.desk: Desk
        self._write_timer = QTimer(self)
        self._write_timer.setInterval(WRITE_EVERY_MS)
        self._write_timer.timeout.connect(self._write_memory)
        bridge.settings_changed.connect(self._own_setting_changed)

    def _make_desk(self) -> Desk:
        desk = Desk(self._bridge, self._actions, self.toasts, self.memory)
        # It goes with the window, on its thread: rooms have clocks, and the collector of garbage runs on any thread.
        desk.setParent(self)
        self.toasts.words = _toast_words()
        return desk

    def _base_actions(self) -> None:
        """The actions that every window has."""
        add, part = self._actions.add, "view"
        add("view.undo", _("Undo the last delete"), self._undo_last, shortcut="Ctrl+Z", menu=part, also="bring back restore", why_not=self._nothing_to_undo)
        add("view.toast", _("Go to the notice"), self._focus_toast, shortcut="Ctrl+Shift+Space", menu="", why_not=self._no_notice)
        add("go.jump", _("Jump to a chat or model"), self._open_jump, shortcut="Ctrl+K", icon="search", menu="go", also="find open search quick")
        part = "help"
        add("help.palette", _("All actions"), self._open_palette, shortcut="Ctrl+Shift+P", icon="palette", menu=part, also="command palette")
        add("help.shortcuts", _("Shortcuts"), self._open_shortcuts, shortcut="F1", menu=part, also="keys keyboard hotkeys bindings")
        self._actions.use_shortcuts(self._app.settings.shortcuts)

    # -- palette and menus -----------------------------------------------------------------------------------------------

    def _open_palette(self) -> None:
        recent = self.desk.remembered(jump.RECENT, [""])
        choices = jump.action_choices(self._actions, recent)
        shown = Palette(choices, _("What would you like to do?"), _("Actions"), self, none=_("No action has these words."), recent=_("Recently used"))
        self._open(shown)

    def _open_jump(self) -> None:
        """The rooms at once, the chats as soon as they are read: with ten thousand that takes longer than a frame."""
        palette = Palette(self._places(), _("Where to? Type a part of its name"), _("Places"), self, none=_("No place has these words."))
        self._jump = palette
        palette.waits = self._app.chats.is_open
        self._open(palette)
        if self._app.chats.is_open:
            app, go = self._app, self.open_chat

            async def read(_job: Job[list[Choice]]) -> list[Choice]:
                return await asyncio.to_thread(lambda: jump.chat_choices(*jump.all_chats(app), go))

            self._bridge.start("", read, on_end=self._chats_read)

    def _chats_read(self, job: Job[list[Choice]]) -> None:
        if self._jump is not None and _is_there(self._jump):
            self._jump.waits = False
            self._jump.set_choices([*(job.result or ()), *self._places()])
        if job.error is not None:
            self.toasts.say(errors.trouble(job.error).title)

    _jump: Palette | None = None

    def _places(self) -> list[Choice]:
        """Where one can go beside chats."""
        return []

    def open_chat(self, chat_id: int) -> None:
        """Show a chat here."""
        raise NotImplementedError

    def _open(self, palette: Palette) -> None:
        palette.destroyed.connect(self._palette_gone)
        palette.open_here()

    def _palette_gone(self) -> None:
        if self._jump is not None and not _is_there(self._jump):
            self._jump = None

    def _open_menu_at(self, at: QPoint) -> None:
        menu = self._actions.menu(self)
        menu.aboutToHide.connect(menu.deleteLater)
        menu.popup(at)

    def _open_shortcuts(self) -> None:
        from ui.shortcut_editor import ShortcutEditor

        ShortcutEditor(self.desk, self).open()

    def _action_done(self, identity: str) -> None:
        if not identity.startswith("help."):
            self.desk.remember(jump.RECENT, jump.remembered(self.desk.remembered(jump.RECENT, [""]), identity))

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self.toasts.place()

    def _refused(self, reason: str) -> None:
        self.toasts.say(reason)

    # -- notices ---------------------------------------------------------------------------------------------------------

    def _undo_last(self) -> None:
        self.toasts.undo_last()

    def _nothing_to_undo(self) -> str:
        return "" if self.toasts.can_undo else _("There is nothing to undo.")

    def _focus_toast(self) -> None:
        self.toasts.focus()

    def _no_notice(self) -> str:
        return "" if self.toasts.shown else _("There is no notice now.")

    # -- changes ---------------------------------------------------------------------------------------------------------

    def _own_setting_changed(self, name: str) -> None:
        if name == "shortcuts":
            self._actions.use_shortcuts(self._app.settings.shortcuts)

    def _write_memory(self) -> None:
        """What is remembered goes to the disk while the window is open: it may end without being closed."""
        self._remember()
        if self.memory.is_changed:
            self.memory.is_changed = False
            path, layout = self.memory.path, self.memory.layout

            async def keep(_job: Job[None]) -> None:
                from ui.layout_memory import write_layout

                await asyncio.to_thread(write_layout, path, layout)

            self._bridge.start("", keep)

    def _remember(self) -> None:
        """Put into the memory how the window is now."""

    def stand_where_it_was(self, layout: Layout) -> None:
        """Take size and place of the last time; a place on a screen that is not there any more is forgotten."""
        self.resize(layout.width, layout.height)
        if layout.has_place:
            place = in_sight(QRect(layout.x, layout.y, layout.width, layout.height), [screen.availableGeometry() for screen in QGuiApplication.screens()])
            if place is not None:
                self.setGeometry(place)
                return
        screen = QGuiApplication.primaryScreen()
        if screen is not None:
            room = screen.availableGeometry()
            self.resize(min(layout.width, max(800, room.width())), min(layout.height, max(500, room.height())))


def in_sight(wanted: QRect, screens: Sequence[QRect]) -> QRect | None:
    """Where a window can stand so that it can be grasped: at its place when its upper edge is on a screen, no larger than that
    screen; None when that screen is gone."""
    edge = QRect(wanted.left(), wanted.top(), wanted.width(), LEAST_IN_SIGHT)
    for screen in screens:
        common = edge.intersected(screen)
        if common.width() >= LEAST_IN_SIGHT and common.height() >= LEAST_IN_SIGHT // 2 and wanted.top() >= screen.top() - 8:
            width, height = min(wanted.width(), screen.width()), min(wanted.height(), screen.height())
            left = max(wanted.left(), screen.left() - width + LEAST_IN_SIGHT)  # made narrower it must not leave the screen
            return QRect(left, wanted.top(), width, height)
    return None


def focus_by_identifier(window: QWidget, identifier: str) -> None:
    """Put the keyboard back on what has this accessible identifier, after the window was built anew."""
    for widget in window.findChildren(QWidget):
        if identifier and widget.accessibleIdentifier() == identifier:
            widget.setFocus()
            return


def run_at_most(seconds: float, busy: Callable[[], bool]) -> None:
    """Let the window go on working until nothing is busy, or the time is up."""
    import time

    from PySide6.QtCore import QEventLoop

    end = time.monotonic() + seconds
    while busy() and time.monotonic() < end:
        QApplication.processEvents(QEventLoop.ProcessEventsFlag.ExcludeUserInputEvents, 20)


def _toast_words() -> ToastWords:
    return ToastWords(_("Dismiss"), _("{action}: {notice}"))


def _is_there(widget: Any) -> bool:
    import shiboken6

    return bool(shiboken6.isValid(widget))
