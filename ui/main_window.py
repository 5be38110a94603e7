"""The frame: rail, list pane, place, side panel, status bar. Rooms fill it; it knows none of their insides."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

from PySide6.QtCore import QEventLoop, QSize, Qt, QTimer
from PySide6.QtGui import QAction, QActionGroup, QCloseEvent, QKeySequence
from PySide6.QtWidgets import QApplication, QFrame, QHBoxLayout, QMainWindow, QMenu, QSizePolicy, QToolButton, QVBoxLayout, QWidget

from localstory import words
from localstory.runtime import Job, JobState
from localstory.words import _, percent, size
from ui import theme
from ui.actions import Actions
from ui.bridge import Bridge
from ui.desk import Desk, Page
from ui.layout_memory import Layout, read_layout, write_layout
from ui.pages.chat.page import ChatPage
from ui.pages.home.page import HomePage
from ui.pages.machine.page import MachinePage
from ui.pages.models.page import ModelsPage
from ui.pages.settings.page import SettingsPage
from ui.pages.story.page import StoryPage
from ui.widgets.cards import Toast, label
from ui.widgets.folding import FoldingFrame
from ui.widgets.jobs_list import JobRow, JobsList
from ui.widgets.palette import Choice, Palette

ROOMS: tuple[type[Page], ...] = (HomePage, ChatPage, StoryPage, ModelsPage, MachinePage, SettingsPage)
"""To add a room: a package in ui/pages with a Page, and its class here."""
MEMORY_EVERY_MS = 4000


class MainWindow(QMainWindow):
    """Made anew inside when language or look change: everything on screen comes from the core, so nothing is lost."""

    def __init__(self, bridge: Bridge, wear: Callable[[], None]) -> None:
        super().__init__()
        self._bridge = bridge
        self._app = bridge.app
        self._wear = wear
        self._memory_file = self._app.home.root / "window.json"
        self._layout: Layout = read_layout(self._memory_file)
        self._undo: Callable[[], object] | None = None
        self.setWindowTitle("localstory")
        self.setMinimumSize(800, 500)
        self.resize(self._layout.width, self._layout.height)
        if self._layout.maximized:
            self.setWindowState(Qt.WindowState.WindowMaximized)
        self._actions = Actions(self)
        self._model_words = ""
        self._speed_words = ""
        self._memory_timer = QTimer(self)
        self._memory_timer.setInterval(MEMORY_EVERY_MS)
        self._memory_timer.timeout.connect(self._show_memory)
        bridge.jobs_changed.connect(self._show_jobs)
        self._build()

    # -- building ------------------------------------------------------------------------------------------------------

    def _build(self) -> None:
        self._model_words = _("No model is loaded")
        self.desk = Desk(self._bridge, self._actions, self._toast)
        self.desk.room_wanted.connect(self.go)
        self.desk.model_state.connect(self._show_model_state)
        self.desk.speed.connect(self._show_speed)
        self.desk.settings_changed.connect(self._setting_changed)
        whole = QWidget()
        rows = QVBoxLayout(whole)
        rows.setContentsMargins(0, 0, 0, 0)
        rows.setSpacing(0)
        columns = QHBoxLayout()
        columns.setContentsMargins(0, 0, 0, 0)
        columns.setSpacing(0)
        rows.addLayout(columns, 1)
        self.frame = FoldingFrame((self._layout.pane_width, self._layout.side_width), (self._layout.pane_folded, self._layout.side_folded))
        self.pages: dict[str, Page] = {}
        self._buttons: dict[str, QToolButton] = {}
        for kind in ROOMS:
            page = kind(self.desk)
            self.pages[page.name] = page
            self.frame.add(page.pane, page.place, page.side)
        columns.addWidget(self._make_rail())
        columns.addWidget(self.frame, 1)
        rows.addWidget(self._make_status())
        self._whole = whole
        self.setCentralWidget(whole)
        self._toast_frame = Toast(whole)
        self._toast_frame.pressed.connect(self._undo_pressed)
        self._register_actions()
        self._show_jobs()
        self._show_memory()
        self._memory_timer.start()
        self.room = ""
        self.go(self._layout.room if self._layout.room in self.pages else "home", self._layout.chat or None)

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
        for page in self.pages.values():
            if page.name == "settings":
                column.addStretch(1)
            made = QToolButton()
            made.setText(page.title)
            made.setIcon(theme.icon(page.icon, size=24, stateful=True))
            made.setIconSize(theme.icon_size(24))
            made.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextUnderIcon)
            made.setCheckable(True)
            made.setAutoExclusive(True)
            made.setMinimumSize(72, 56)
            made.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
            made.setAccessibleName(_("Room: {name}").format(name=page.title))
            made.setObjectName(page.name)
            made.clicked.connect(self._rail_clicked)
            self._buttons[page.name] = made
            column.addWidget(made)
        return rail

    def _make_status(self) -> QWidget:
        status = QFrame()
        status.setObjectName("status")
        self._status = status
        status.setFixedHeight(30)
        row = QHBoxLayout(status)
        row.setContentsMargins(12, 0, 8, 0)
        row.setSpacing(16)
        self._model_label = label(self._model_words, "small", wrap=False)
        self._memory_label = label("", "small", wrap=False)
        self._speed_label = label(self._speed_words, "small", wrap=False)
        for made in (self._model_label, self._memory_label, self._speed_label):
            row.addWidget(made)
        row.addStretch(1)
        self._jobs_button = self._status_button("jobs")
        self._jobs_button.clicked.connect(self._open_jobs)
        row.addWidget(self._jobs_button)
        self._jobs_list = JobsList(_("Jobs"), _("Nothing runs. Slow work shows here while it is done."), _("Stop"), _("Stop: {title}"), self)
        self._jobs_list.stop_wanted.connect(self._stop_job)
        self._level_button = self._status_button("down")
        self._level_button.setLayoutDirection(Qt.LayoutDirection.RightToLeft)
        self._level_button.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        row.addWidget(self._level_button)
        self._fill_level_menu()
        return status

    def _status_button(self, icon: str) -> QToolButton:
        made = QToolButton()
        made.setProperty("kind", "status")
        made.setIcon(theme.icon(icon, theme.look().quiet, size=14))
        made.setIconSize(QSize(14, 14))
        made.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        return made

    def _register_actions(self) -> None:
        add, chat = self._actions.add, self.pages["chat"]
        assert isinstance(chat, ChatPage)
        part = "chat"
        add("chat.new", _("New chat"), self._new_chat, shortcut="Ctrl+N", icon="plus", menu=part)
        add("chat.again", _("Write the last reply again"), chat.again_last, shortcut="Ctrl+R", icon="again", menu=part)
        add("chat.stop", _("Stop writing"), chat.stop, shortcut="Ctrl+.", icon="stop", menu=part)
        add("chat.rename", _("Rename the chat"), chat.list.rename_current, icon="pencil", menu=part)
        add("chat.delete", _("Delete the chat"), chat.delete_current, icon="trash", menu=part)
        part = "go"
        for number, page in enumerate(self.pages.values(), 1):
            shortcut = f"Ctrl+{number}" if page.name != "settings" else "Ctrl+,"
            add(
                f"go.{page.name}",
                _("Go to: {room}").format(room=page.title),
                partial(self.go, page.name),
                shortcut=shortcut,
                icon=page.icon,
                menu=part,
            )
        add("go.jump", _("Jump to a chat or model"), self._open_jump, shortcut="Ctrl+K", icon="search", menu=part)
        part = "view"
        add("view.pane", _("Fold the list"), lambda: self._fold(0), shortcut="Ctrl+B", icon="panel-left", menu=part)
        add("view.side", _("Fold the side panel"), lambda: self._fold(1), shortcut="Ctrl+Alt+B", icon="panel-right", menu=part)
        add("view.next", _("Next part of the window"), self._next_part, shortcut="F6", menu=part)
        add("view.jobs", _("Jobs"), self._open_jobs, shortcut="Ctrl+J", icon="jobs", menu=part)
        part = "help"
        add("help.palette", _("All actions"), self._open_palette, shortcut="Ctrl+Shift+P", icon="palette", menu=part)
        add("help.shortcuts", _("Shortcuts"), self._open_palette, shortcut="F1")
        add("help.menu", _("Menu"), self._open_menu, shortcut="F10")
        add("quit", _("Quit"), self.close, shortcut="Ctrl+Q", icon="close", menu="quit")

    # -- rooms ---------------------------------------------------------------------------------------------------------

    def go(self, room: str, what: object = None) -> None:
        """Go to a room by its name."""
        page = self.pages[room]
        number = list(self.pages).index(room)
        self.room = room
        self._buttons[room].setChecked(True)
        self.frame.show_page(number, has_pane=page.pane is not None, has_side=page.side is not None)
        self.setWindowTitle(f"{page.title} – localstory")
        page.entered(what)

    def _rail_clicked(self) -> None:
        sender = self.sender()
        if sender is not None:
            self.go(sender.objectName())

    def _new_chat(self) -> None:
        self.go("chat", "new")

    def _fold(self, side: int) -> None:
        self.frame.fold(side, not self.frame.is_folded(side))

    def _next_part(self) -> None:
        """The keyboard goes on: rail, list pane, place, side panel, status bar."""
        page = self.pages[self.room]
        focus = self.focusWidget()
        parts: list[tuple[QWidget, Callable[[], object]]] = [(self._rail, self._buttons[self.room].setFocus)]
        if page.pane is not None and page.pane.isVisible():
            parts.append((page.pane, lambda: _focus_into(page.pane)))
        parts.append((page.place, page.focus_first))
        if page.side is not None and page.side.isVisible():
            parts.append((page.side, lambda: _focus_into(page.side)))
        parts.append((self._status, self._jobs_button.setFocus))
        at = next((number for number, (part, _act) in enumerate(parts) if focus is not None and (part is focus or part.isAncestorOf(focus))), -1)
        parts[(at + 1) % len(parts)][1]()

    # -- menus and lists -----------------------------------------------------------------------------------------------

    def _open_menu(self) -> None:
        menu = self._actions.menu(self)
        menu.aboutToHide.connect(menu.deleteLater)
        menu.popup(self._menu_button.mapToGlobal(self._menu_button.rect().bottomLeft()))

    def _open_palette(self) -> None:
        choices = [
            Choice(entry.action.text(), entry.action.shortcut().toString(QKeySequence.SequenceFormat.NativeText), entry.action.trigger)
            for entry in self._actions.all()
            if entry.action.isEnabled()
        ]
        self._open(Palette(choices, _("What would you like to do?"), _("Actions"), self))

    def _open_jump(self) -> None:
        chats = self._app.chats.all() if self._app.chats.is_open else []
        choices = [Choice(chat.title or _("New chat"), _("Chat"), partial(self.go, "chat", chat.id)) for chat in chats]
        choices += [Choice(page.title, _("Room"), partial(self.go, page.name)) for page in self.pages.values()]
        models = self.pages["models"]
        if isinstance(models, ModelsPage):
            choices += [Choice(title, _("Model"), partial(self.go, "models", title)) for title in models.titles]
        self._open(Palette(choices, _("Where to? Type a part of its name"), _("Places"), self))

    def _open(self, palette: Palette) -> None:
        palette.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        palette.open()
        palette.line.setFocus()

    def _fill_level_menu(self) -> None:
        names = {"user": _("User"), "power": _("Power User"), "developer": _("Developer")}
        menu = QMenu(self._level_button)
        group = QActionGroup(menu)
        for level, name in names.items():
            action = QAction(name, menu)
            action.setCheckable(True)
            action.setChecked(level == self._app.settings.level)
            action.setData(level)
            action.triggered.connect(self._level_chosen)
            group.addAction(action)
            menu.addAction(action)
        self._level_button.setMenu(menu)
        text = _("Level: {level}").format(level=names[self._app.settings.level])
        self._level_button.setText(text)
        self._level_button.setAccessibleName(text)
        self._level_button.setToolTip(_("How much the window shows: User, Power User or Developer"))

    def _level_chosen(self) -> None:
        sender = self.sender()
        if isinstance(sender, QAction):
            self.desk.change_setting("level", sender.data())

    # -- status bar ----------------------------------------------------------------------------------------------------

    def _show_model_state(self, said: str) -> None:
        self._model_words = said
        self._model_label.setText(said)

    def _show_speed(self, said: str) -> None:
        self._speed_words = _("Last reply: {speed}").format(speed=said)
        self._speed_label.setText(self._speed_words)

    def _show_memory(self) -> None:
        async def look(_job: Job[tuple[int, int]]) -> tuple[int, int]:
            import asyncio

            return await asyncio.to_thread(memory_of_us)

        if not self.isMinimized():
            self._bridge.start("", look, on_end=self._memory_seen)

    def _memory_seen(self, job: Job[tuple[int, int]]) -> None:
        if job.result is not None:
            used, have = job.result
            self._memory_label.setText(_("Memory: {used} of {have}").format(used=size(used), have=size(have)))
            self._memory_label.setToolTip(_("What localstory and its models use, of what this computer has"))

    def _show_jobs(self) -> None:
        rows = [_job_row(job) for job in reversed(self._bridge.jobs)]
        running = sum(row.running for row in rows)
        text = words.ngettext("{count} job", "{count} jobs", running).format(count=running) if running else _("No jobs")
        self._jobs_button.setText(text)
        self._jobs_button.setAccessibleName(_("Jobs: {state}").format(state=text))
        self._jobs_button.setToolTip(_("What runs now (Ctrl+J)"))
        self._jobs_list.show_rows(rows)

    def _open_jobs(self) -> None:
        self._jobs_list.open_above(self._jobs_button)

    def _stop_job(self, number: int) -> None:
        for job in self._bridge.jobs:
            if job.number == number:
                job.cancel()

    # -- notices -------------------------------------------------------------------------------------------------------

    def _toast(self, said: str, button: str, undo: Callable[[], object] | None) -> None:
        self._undo = undo
        self._toast_frame.say(said, button)

    def _undo_pressed(self) -> None:
        if self._undo is not None:
            self._undo()

    # -- changes of the whole ------------------------------------------------------------------------------------------

    def _setting_changed(self, name: str) -> None:
        if name in ("language", "theme"):
            QTimer.singleShot(0, self.rebuild)  # not inside the click of a widget that is about to go
        elif name == "level":
            self._fill_level_menu()

    def rebuild(self) -> None:
        """Speak and look as the settings say from now on: every widget is made anew, at the same place."""
        words.use_language(self._app.settings.language)
        self._wear()
        self._remember()
        focus = self.focusWidget()
        had_focus = focus.accessibleIdentifier() if focus is not None else ""
        for page in self.pages.values():
            page.left()
        self._memory_timer.stop()
        self._actions.clear()
        old_desk, old = self.desk, self._whole
        self.takeCentralWidget()
        self._jobs_list.deleteLater()
        old_desk.deleteLater()
        old.hide()
        old.deleteLater()
        self._build()
        if had_focus:
            for widget in self.findChildren(QWidget):
                if widget.accessibleIdentifier() == had_focus:
                    widget.setFocus()
                    break

    def _remember(self) -> None:
        chat = self.pages["chat"]
        pane, side = self.frame.widths
        normal = self.normalGeometry() if self.isMaximized() else self.geometry()
        self._layout = replace(
            self._layout, width=normal.width(), height=normal.height(), maximized=self.isMaximized(), pane_width=pane, side_width=side,
            pane_folded=self.frame.is_folded(0), side_folded=self.frame.is_folded(1), room=self.room,
            chat=(chat.chat_id or 0) if isinstance(chat, ChatPage) else 0,
        )  # fmt: skip

    def chats_opened(self, trouble: BaseException | None) -> None:
        """The chats can be read now: show the last one. Or say why they can't."""
        chat = self.pages["chat"]
        if isinstance(chat, ChatPage):
            if trouble is not None:
                chat.cannot_open(trouble)
            else:
                chat.open_last(self._layout.chat)

    def closeEvent(self, event: QCloseEvent) -> None:
        self._memory_timer.stop()
        for page in self.pages.values():
            page.left()
        chat, end = self.pages["chat"], time.monotonic() + 1.0
        while isinstance(chat, ChatPage) and chat.is_storing and time.monotonic() < end:
            QApplication.processEvents(QEventLoop.ProcessEventsFlag.ExcludeUserInputEvents, 20)
        self._remember()
        write_layout(self._memory_file, self._layout)
        event.accept()


def _job_row(job: Job[Any]) -> JobRow:
    running = job.state is JobState.running
    said = {JobState.done: _("Done"), JobState.failed: _("Failed"), JobState.cancelled: _("Stopped")}.get(job.state, "")
    share = None
    if running:
        said = _(job.progress.stage) if job.progress is not None else _("Working")
        share = job.progress.share if job.progress is not None else None
        if share is not None:
            said += f" · {percent(share)}"
    return JobRow(job.number, job.title, said, running, share)


def _focus_into(widget: QWidget | None) -> None:
    if widget is not None:
        for child in widget.findChildren(QWidget):
            if child.focusPolicy() & Qt.FocusPolicy.TabFocus and child.isVisible() and child.isEnabled():
                child.setFocus(Qt.FocusReason.TabFocusReason)
                return


def memory_of_us() -> tuple[int, int]:
    """Bytes that this process and its children use, and bytes of memory the computer has. Some milliseconds."""
    import psutil

    us = psutil.Process()
    used = us.memory_info().rss
    for child in us.children(recursive=True):
        try:
            used += child.memory_info().rss
        except psutil.NoSuchProcess:
            continue
    return used, psutil.virtual_memory().total
