"""The frame: rail, list pane, place, side panel, status bar. Rooms fill it; it knows none of their insides."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from typing import TYPE_CHECKING, cast

from PySide6.QtCore import Qt, QTimer, Signal
from PySide6.QtGui import QCloseEvent, QPaintEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QSizePolicy, QToolButton, QVBoxLayout, QWidget

from localstory import words
from localstory.settings import ALLOWED
from localstory.words import _, mark
from ui import theme
from ui.base_window import BaseWindow, focus_by_identifier, run_at_most
from ui.bridge import Bridge
from ui.desk import Desk, Page
from ui.layout_memory import Memory
from ui.notices import Notices
from ui.status_bar import StatusBar
from ui.widgets.folding import FoldingFrame
from ui.widgets.palette import Choice

if TYPE_CHECKING:
    from ui.chat_window import ChatWindow
    from ui.pages.chat.page import ChatPage


@dataclass(frozen=True, slots=True)
class Room:
    """A room that is imported and built when it is needed first, at the latest some moments after the window is up."""

    name: str
    icon: str
    title: str
    """Marked, worded when it is shown."""
    page: str
    """The name of its class in `ui.pages.NAME.page`."""

    def build(self, desk: Desk) -> Page:
        """Make the page."""
        made: Page = getattr(import_module(f"ui.pages.{self.name}.page"), self.page)(desk)
        return made


ROOMS = (
    Room("home", "home", mark("Home"), "HomePage"),
    Room("chat", "chat", mark("Chat"), "ChatPage"),
    Room("story", "story", mark("Story"), "StoryPage"),
    Room("models", "models", mark("Models"), "ModelsPage"),
    Room("machine", "machine", mark("Machine"), "MachinePage"),
    Room("settings", "settings", mark("Settings"), "SettingsPage"),
)
"""To add a room: a package in ui/pages with a Page, and its class here."""
TEXT_SIZES: tuple[int, ...] = ALLOWED["text_size"]
_ALSO = {"settings": "settings preferences options"}
"""Other words that rooms are found by."""
LATEST_MS = 400
"""When the rooms are built although nothing of the window was painted: it may have been opened minimised."""
REBUILD = ("language", "theme", "text_size", "message_width", "chat_font")
"""Settings that every widget is made of."""


class MainWindow(BaseWindow):
    """Made anew inside when language or look change: everything on screen comes from the core, so nothing is lost."""

    def __init__(self, bridge: Bridge, wear: Callable[[], None]) -> None:
        super().__init__(bridge, Memory(bridge.app.home.root / "window.json"))
        self._wear = wear
        self.windows: list[ChatWindow] = []
        """The other windows, each with one chat."""
        self.setMinimumSize(800, 500)
        layout = self.memory.layout
        self.stand_where_it_was(layout)
        if layout.maximized:
            self.setWindowState(Qt.WindowState.WindowMaximized)
        bridge.settings_changed.connect(self._setting_changed)
        self._rebuild_timer = QTimer(self)
        self._rebuild_timer.setSingleShot(True)
        self._rebuild_timer.setInterval(0)
        self._rebuild_timer.timeout.connect(self.rebuild)
        self._built = False
        self._put_away: set[str] = set()
        self._trouble: list[BaseException | None] = []
        self._build()

    # -- building ------------------------------------------------------------------------------------------------------

    def _build(self) -> None:
        self.desk = self._make_desk()
        self.desk.room_wanted.connect(self.go)
        self.desk.window_wanted.connect(self.open_window)
        whole = Whole()
        rows = QVBoxLayout(whole)
        rows.setContentsMargins(0, 0, 0, 0)
        rows.setSpacing(0)
        columns = QHBoxLayout()
        columns.setContentsMargins(0, 0, 0, 0)
        columns.setSpacing(0)
        self.notices = Notices(self.desk, self._put_away)
        rows.addLayout(columns, 1)
        layout = self.memory.layout
        self.frame = FoldingFrame((layout.pane_width, layout.side_width), (layout.pane_folded, layout.side_folded))
        self._pages: dict[str, Page] = {}
        self._numbers: dict[str, int] = {}
        self._buttons: dict[str, QToolButton] = {}
        columns.addWidget(self._make_rail())
        beside = QVBoxLayout()
        beside.addWidget(self.notices)
        beside.addWidget(self.frame, 1)
        columns.addLayout(beside, 1)
        self.status = StatusBar(self.desk, self)
        rows.addWidget(self.status)
        self._whole = whole
        self.setCentralWidget(whole)
        self.toasts.raise_()
        self._register_actions()
        self.status.show_jobs()
        self._write_timer.start()
        self.room = layout.room if layout.room in self._buttons else "home"
        self._buttons[self.room].setChecked(True)
        if self._built:
            self._fill()
            self.notices.look()
        else:
            whole.painted.connect(self._fill, Qt.ConnectionType.QueuedConnection)
            latest = QTimer(whole)
            latest.setSingleShot(True)
            latest.timeout.connect(self._fill)
            latest.start(LATEST_MS)

    def _fill(self) -> None:
        """Show the last room now, and make the others one after the other while nothing else is to do."""
        if not self._numbers:
            self._built = True
            layout = self.memory.layout
            self.go(self.room, layout.chat or None)
            self._fill_next()

    def _fill_next(self) -> None:
        missing = [room.name for room in ROOMS if room.name not in self._pages]
        if missing:
            self._page(missing[0])
            QTimer.singleShot(0, self._whole, self._fill_next)

    @property
    def pages(self) -> dict[str, Page]:
        """Every room by its name, in the order of the rail; those that were not needed yet are built now."""
        self._fill()
        return {room.name: self._page(room.name) for room in ROOMS}

    def _page(self, name: str) -> Page:
        if name not in self._pages:
            room = next(one for one in ROOMS if one.name == name)
            page = room.build(self.desk)
            self._pages[name] = page
            self._numbers[name] = self.frame.add(page.pane, page.place, page.side)
            if name == "chat":
                from ui.room_actions import add_chat_actions

                add_chat_actions(self.desk, self.chat, self._new_chat, self._open_beside)
                while self._trouble:
                    self._show_opened(self._trouble.pop())
        return self._pages[name]

    @property
    def chat(self) -> ChatPage:
        """The room of chats."""
        return cast("ChatPage", self._page("chat"))

    def _make_rail(self) -> QWidget:
        rail = QFrame()
        rail.setObjectName("rail")
        rail.setMinimumWidth(88)
        rail.setSizePolicy(QSizePolicy.Policy.Maximum, QSizePolicy.Policy.Preferred)
        self._rail = rail
        column = QVBoxLayout(rail)
        column.setContentsMargins(8, 8, 8, 8)
        column.setSpacing(4)
        self._menu_button = QToolButton()
        self._menu_button.setIcon(theme.icon("menu"))
        self._menu_button.setIconSize(theme.icon_size(20))
        self._menu_button.setMinimumSize(72, 36)
        self._menu_button.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self._menu_button.setToolTip(_("Menu"))
        self._menu_button.setAccessibleName(_("Menu"))
        self._menu_button.clicked.connect(self._open_menu)
        column.addWidget(self._menu_button)
        for room in ROOMS:
            if room.name == "settings":
                column.addStretch(1)
            made = QToolButton()
            made.setText(_(room.title))
            made.setIcon(theme.icon(room.icon, size=24, stateful=True))
            made.setIconSize(theme.icon_size(24))
            made.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextUnderIcon)
            made.setCheckable(True)
            made.setAutoExclusive(True)
            made.setMinimumSize(72, 56)
            made.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
            made.setAccessibleName(_("Room: {name}").format(name=_(room.title)))
            made.setObjectName(room.name)
            made.clicked.connect(self._rail_clicked)
            self._buttons[room.name] = made
            column.addWidget(made)
        return rail

    def _register_actions(self) -> None:
        add, part = self._actions.add, "go"
        for number, room in enumerate(ROOMS, 1):
            shortcut = f"Ctrl+{number}" if room.name != "settings" else "Ctrl+,"
            text = _("Go to: {room}").format(room=_(room.title))
            also = f"{room.name} {room.title}" + (" preferences options" if room.name == "settings" else "")
            add(f"go.{room.name}", text, partial(self.go, room.name), shortcut=shortcut, icon=room.icon, menu=part, also=also).setData(_(room.title))
        part = "view"
        add("view.pane", _("Fold the list"), lambda: self._fold(0), shortcut="Ctrl+B", icon="panel-left", menu=part, also="sidebar hide", why_not=self._no_pane)
        add(
            "view.side",
            _("Fold the side panel"),
            lambda: self._fold(1),
            shortcut="Ctrl+Alt+B",
            icon="panel-right",
            menu=part,
            also="hide",
            why_not=self._no_side,
        )
        add("view.next", _("Next part of the window"), self._next_part, shortcut="F6", menu=part, also="focus pane")
        add("view.jobs", _("Jobs"), self.status.open_jobs, shortcut="Ctrl+J", icon="jobs", menu=part, also="tasks progress running downloads")
        add("view.larger", _("Larger text"), lambda: self._resize_text(1), shortcut=("Ctrl++", "Ctrl+="), menu=part, also="zoom in font size")
        add("view.smaller", _("Smaller text"), lambda: self._resize_text(-1), shortcut="Ctrl+-", menu=part, also="zoom out font size")
        self._base_actions()
        add("help.menu", _("Menu"), self._open_menu, shortcut="F10")
        add("quit", _("Quit"), self.close, shortcut="Ctrl+Q", icon="close", menu="quit", also="exit close")
        self._actions.use_shortcuts(self._app.settings.shortcuts)

    # -- rooms ---------------------------------------------------------------------------------------------------------

    def go(self, room: str, what: object = None) -> None:
        """Go to a room by its name."""
        page = self._page(room)
        number = self._numbers[room]
        self.room = room
        self._actions.enter(room)
        self._buttons[room].setChecked(True)
        self.frame.show_page(number, has_pane=page.pane is not None, has_side=page.side is not None)
        self.setWindowTitle(f"{page.title} – localstory")
        page.entered(what)

    def open_chat(self, chat_id: int) -> None:
        self.go("chat", chat_id)

    def _rail_clicked(self) -> None:
        sender = self.sender()
        if sender is not None:
            self.go(sender.objectName())

    def _new_chat(self) -> None:
        self.go("chat", "new")

    def _no_pane(self) -> str:
        return "" if self._page(self.room).pane is not None else _("This room has no list.")

    def _no_side(self) -> str:
        return "" if self._page(self.room).side is not None else _("This room has no side panel.")

    def _fold(self, side: int) -> None:
        self.frame.fold(side, not self.frame.is_folded(side))

    def _resize_text(self, step: int) -> None:
        now = self._app.settings.text_size
        at = TEXT_SIZES.index(now) if now in TEXT_SIZES else TEXT_SIZES.index(100)
        wanted = TEXT_SIZES[min(max(at + step, 0), len(TEXT_SIZES) - 1)]
        if wanted != now:
            self.desk.change_setting("text_size", wanted)

    def _next_part(self) -> None:
        """The keyboard goes on: rail, list pane, place, side panel, status bar, and a notice if there is one."""
        page = self._page(self.room)
        focus = self.focusWidget()
        parts: list[tuple[QWidget, Callable[[], object]]] = []
        if self.notices.isVisible():
            parts.append((self.notices, lambda: _focus_into(self.notices)))
        parts += [(self._rail, self._buttons[self.room].setFocus)]
        if page.pane is not None and page.pane.isVisible():
            parts.append((page.pane, lambda: _focus_into(page.pane)))
        parts.append((page.place, page.focus_first))
        if page.side is not None and page.side.isVisible():
            parts.append((page.side, lambda: _focus_into(page.side)))
        parts.append((self.status, self.status.jobs.setFocus))
        if self.toasts.shown:
            parts.append((self.toasts.shown[-1], self.toasts.focus))
        at = next((number for number, (part, _act) in enumerate(parts) if focus is not None and (part is focus or part.isAncestorOf(focus))), -1)
        parts[(at + 1) % len(parts)][1]()

    def _open_menu(self) -> None:
        self._open_menu_at(self._menu_button.mapToGlobal(self._menu_button.rect().bottomLeft()))

    def _places(self) -> list[Choice]:
        choices = [Choice(page.title, _("Room"), partial(self.go, page.name), also=_ALSO.get(page.name, page.name)) for page in self.pages.values()]
        for name, kind in (("models", _("Model")), ("settings", _("Setting"))):
            titles: list[str] = getattr(self._page(name), "titles", [])
            choices += [Choice(title, kind, partial(self.go, name, title)) for title in titles]
        return choices

    # -- other windows -------------------------------------------------------------------------------------------------

    def _open_beside(self) -> None:
        self.open_window(self.chat.chat_id or 0 if self.room == "chat" else 0)

    def open_window(self, chat_id: int) -> ChatWindow:
        """Show a chat in a window of its own; one that shows it already comes to the front. 0: a new chat."""
        from ui.chat_window import ChatWindow

        for window in self.windows:
            if chat_id and window.chat.chat_id == chat_id:
                window.raise_()
                window.activateWindow()
                return window
        made = ChatWindow(self._bridge, self.memory, chat_id, self)
        made.closed.connect(self._window_closed)
        self._listen_to(made)
        self.windows.append(made)
        made.show()
        return made

    def _listen_to(self, window: ChatWindow) -> None:
        """A chat window has no status bar and no other rooms: they are here."""
        window.desk.room_wanted.connect(self._wanted_from_window)
        window.desk.window_wanted.connect(self.open_window)
        window.desk.model_state.connect(self._said_in_window)

    def _said_in_window(self, words_of_model: str) -> None:
        self.desk.model_state.emit(words_of_model)

    def _window_closed(self) -> None:
        self.windows = [window for window in self.windows if not window.is_closed]

    def _wanted_from_window(self, room: str, what: object) -> None:
        self.go(room, what)
        self.raise_()
        self.activateWindow()

    # -- changes of the whole ------------------------------------------------------------------------------------------

    def _setting_changed(self, name: str) -> None:
        if name in REBUILD:
            self._rebuild_timer.start()  # not inside the click of a widget that is about to go
        elif name == "level":
            self.status.show_level()

    def rebuild(self) -> None:
        """Speak and look as the settings say from now on: every widget is made anew, at the same place."""
        language = words.language()
        words.use_language(self._app.settings.language)
        self._wear()
        focus = self.focusWidget()
        had_focus = focus.accessibleIdentifier() if focus is not None else ""
        said = self.status.said
        for page in self._pages.values():
            page.left()
        self._wait_for_drafts()
        self._remember()  # a new chat is one now, if something was typed into it
        self.status.end()
        self._actions.clear()
        old_desk, old = self.desk, self._whole
        self.takeCentralWidget()
        old_desk.deleteLater()
        old.hide()
        old.deleteLater()
        self._build()
        if language == words.language():
            self.status.keep(*said)
        focus_by_identifier(self, had_focus)
        for window in list(self.windows):
            window.rebuild()
            self._listen_to(window)

    def _remember(self) -> None:
        if "chat" not in self._pages:
            return  # nothing of it was looked at yet
        pane, side = self.frame.widths
        normal = self.normalGeometry() if self.isMaximized() else self.geometry()
        self.memory.change(
            width=normal.width(), height=normal.height(), x=normal.x(), y=normal.y(), maximized=self.isMaximized(), pane_width=pane, side_width=side,
            pane_folded=self.frame.is_folded(0), side_folded=self.frame.is_folded(1), room=self.room,
            chat=self.chat.chat_id or 0,
        )  # fmt: skip

    def _wait_for_drafts(self) -> None:
        """What was typed is on the disk before it is read again, or before the window is gone."""
        run_at_most(1.0, lambda: "chat" in self._pages and self.chat.is_storing)

    def chats_opened(self, trouble: BaseException | None) -> None:
        """The chats can be read now: show the last one. Or say why they can't."""
        if "chat" in self._pages:
            self._show_opened(trouble)
        else:
            self._trouble = [trouble]  # the window is not up yet

    def _show_opened(self, trouble: BaseException | None) -> None:
        if trouble is not None:
            self.chat.cannot_open(trouble)
        else:
            self.chat.open_last(self.memory.layout.chat)
        self.notices.look()

    def closeEvent(self, event: QCloseEvent) -> None:
        for window in list(self.windows):
            window.close()
        self.status.end()
        self._write_timer.stop()
        for page in self._pages.values():
            page.left()
        self._wait_for_drafts()
        self._remember()
        self.memory.write()
        event.accept()


class Whole(QWidget):
    """The inside of the window; says when it has been painted first."""

    painted = Signal()
    _was_painted = False

    def paintEvent(self, event: QPaintEvent) -> None:
        super().paintEvent(event)
        if not self._was_painted:
            self._was_painted = True
            self.painted.emit()


def _focus_into(widget: QWidget | None) -> None:
    if widget is not None:
        for child in widget.findChildren(QWidget):
            if child.focusPolicy() & Qt.FocusPolicy.TabFocus and child.isVisible() and child.isEnabled():
                child.setFocus(Qt.FocusReason.TabFocusReason)
                return
