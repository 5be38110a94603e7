"""The line at the foot of the window: what is loaded, what it costs, what runs, and the level."""

from __future__ import annotations

from typing import Any

from PySide6.QtCore import Qt, QTimer, QUrl, Signal
from PySide6.QtGui import QAction, QActionGroup, QDesktopServices, QResizeEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QMenu, QToolButton, QWidget

from localstory.runtime import Job
from localstory.words import _, size
from ui import job_rows, theme
from ui.desk import Desk
from ui.widgets.cards import label
from ui.widgets.jobs_list import JobsList
from ui.widgets.jobs_words import JobsWords
from ui.widgets.text_dialog import TextDialog

MEMORY_EVERY_MS = 4000
TIME_EVERY_MS = 1000
FIRST_LOOK_MS = 800
"""The window is up first."""


class StatusBar(QFrame):
    """Hears what runs from the bridge."""

    went = Signal()
    """"Open" of a job was pressed."""

    def __init__(self, desk: Desk, window: QWidget) -> None:
        super().__init__()
        self._desk = desk
        self._bridge = desk.bridge
        self._window = window
        self.setObjectName("status")
        self.setFixedHeight(theme.scaled(30))
        row = QHBoxLayout(self)
        row.setContentsMargins(12, 0, 8, 0)
        row.setSpacing(16)
        self.model = label(_("No model is loaded"), "small", wrap=False)
        self.memory = label("", "small", wrap=False)
        self.speed = label("", "small", wrap=False)
        for made in (self.model, self.memory, self.speed):
            made.setMinimumWidth(0)
            row.addWidget(made)
        row.addStretch(1)
        self.jobs = self._button("jobs")
        self.jobs.clicked.connect(self.open_jobs)
        row.addWidget(self.jobs)
        said = JobsWords(_("Jobs"), _("Nothing runs. Slow work shows here while it is done."), _("Clear the list"), _("{action}: {title}"))
        self.jobs_list = JobsList(said, window)
        self.jobs_list.pressed.connect(self._job_pressed)
        self.jobs_list.forget_wanted.connect(self._bridge.forget_ended)
        self.level = self._button("down")
        self.level.setLayoutDirection(Qt.LayoutDirection.RightToLeft)
        self.level.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        row.addWidget(self.level)
        self.show_level()
        self._bridge.jobs_changed.connect(self.show_jobs)
        desk.model_state.connect(self.model.setText)
        desk.speed.connect(self._show_speed)
        self._memory_timer = QTimer(self)
        self._memory_timer.setInterval(MEMORY_EVERY_MS)
        self._memory_timer.timeout.connect(self.show_memory)
        self._time_timer = QTimer(self)
        self._time_timer.setInterval(TIME_EVERY_MS)
        self._time_timer.timeout.connect(self._count_down)
        self._memory_timer.start()
        self._time_timer.start()
        self.show_jobs()
        self._first_look = QTimer(self)
        self._first_look.setSingleShot(True)
        self._first_look.timeout.connect(self.show_memory)
        self._first_look.start(FIRST_LOOK_MS)

    def _button(self, icon: str) -> QToolButton:
        made = QToolButton()
        made.setProperty("kind", "status")
        made.setIcon(theme.icon(icon, theme.look().quiet, size=14))
        made.setIconSize(theme.icon_size(14))
        made.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        return made

    @property
    def said(self) -> tuple[str, str]:
        """What it says of the model and of the speed."""
        return self.model.text(), self.speed.text()

    def keep(self, model: str, speed: str) -> None:
        """Say what the bar before this one said, until there is news."""
        self.model.setText(model)
        self.speed.setText(speed)
        self._make_room()

    def end(self) -> None:
        """Look at nothing more."""
        self._first_look.stop()
        self._memory_timer.stop()
        self._time_timer.stop()
        self.jobs_list.hide()
        self.jobs_list.deleteLater()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._make_room()

    def _make_room(self) -> None:
        """In a narrow window the speed gives way, then the memory."""
        room = self.width() - self.jobs.sizeHint().width() - self.level.sizeHint().width() - 6 * 16
        for made in (self.model, self.memory, self.speed):
            wanted = made.fontMetrics().horizontalAdvance(made.text())
            made.setVisible(bool(made.text()) and wanted <= room)
            room -= wanted + 16

    # -- level -----------------------------------------------------------------------------------------------------------

    def show_level(self) -> None:
        """Show the level of the settings."""
        names = {"user": _("User"), "power": _("Power User"), "developer": _("Developer")}
        menu = QMenu(self.level)
        group = QActionGroup(menu)
        chosen = self._desk.app.settings.level
        for level, name in names.items():
            action = QAction(name, menu)
            action.setCheckable(True)
            action.setChecked(level == chosen)
            action.setData(level)
            action.triggered.connect(self._level_chosen)
            group.addAction(action)
            menu.addAction(action)
        old = self.level.menu()
        self.level.setMenu(menu)
        if old is not None:
            old.deleteLater()
        text = _("Level: {level}").format(level=names[chosen])
        self.level.setText(text)
        self.level.setAccessibleName(text)
        self.level.setToolTip(_("How much the window shows: User, Power User or Developer"))

    def _level_chosen(self) -> None:
        sender = self.sender()
        if isinstance(sender, QAction):
            self._desk.change_setting("level", sender.data())

    # -- what is used ----------------------------------------------------------------------------------------------------

    def _show_speed(self, said: str) -> None:
        self.speed.setText(_("Last reply: {speed}").format(speed=said))
        self._make_room()

    def show_memory(self) -> None:
        """Look how much memory is used; some milliseconds, on another thread."""

        async def look(_job: Job[tuple[int, int]]) -> tuple[int, int]:
            import asyncio

            return await asyncio.to_thread(memory_of_us)

        if not self._window.isMinimized():
            self._bridge.start("", look, on_end=self._memory_seen)

    def _memory_seen(self, job: Job[tuple[int, int]]) -> None:
        if job.result is not None:
            used, have = job.result
            self.memory.setText(_("Memory: {used} of {have}").format(used=size(used), have=size(have)))
            self.memory.setToolTip(_("What localstory and its models use, of what this computer has"))
            self._make_room()

    # -- jobs ------------------------------------------------------------------------------------------------------------

    def show_jobs(self) -> None:
        """Show what runs."""
        text = job_rows.summary(self._bridge.jobs)
        self.jobs.setText(text)
        self.jobs.setAccessibleName(_("Jobs: {state}").format(state=text))
        if "view.jobs" in self._desk.actions:
            self.jobs.setToolTip(self._desk.actions.tip("view.jobs", _("What runs now")))
        if self.jobs_list.isVisible():
            self._show_rows()
        self._make_room()

    def _show_rows(self) -> None:
        bridge = self._bridge
        self.jobs_list.show_rows(job_rows.rows(bridge.jobs, bridge.can_repeat, lambda job: bridge.place_of(job) is not None))

    def _count_down(self) -> None:
        if self.jobs_list.isVisible():
            self._show_rows()

    def open_jobs(self) -> None:
        """Show the list of jobs."""
        self._show_rows()
        self.jobs_list.open_above(self.jobs)

    def _job_pressed(self, number: int, what: str) -> None:
        job = next((one for one in self._bridge.jobs if one.number == number), None)
        if job is None:
            return
        if what == "stop":
            job.cancel()
        elif what in ("pause", "go_on"):
            job.pause(what == "pause")
            self._bridge.jobs_changed.emit()
        elif what == "again":
            self._bridge.repeat(job)
        elif what == "details":
            self.jobs_list.hide()
            TextDialog(job.title, job_rows.details(job), self._window, copy=_("Copy details")).open()
        elif what == "open":
            self.jobs_list.hide()
            self._open(job)

    def _open(self, job: Job[Any]) -> None:
        place = self._bridge.place_of(job)
        if place is None:
            return
        if place.path is not None:
            if not place.path.exists():
                self._desk.say(_("{file} is not there any more.").format(file=place.path.name))
                return
            shown = place.path if place.path.is_dir() else place.path.parent
            QDesktopServices.openUrl(QUrl.fromLocalFile(str(shown)))
        else:
            self._desk.go(place.room, place.what)
        self.went.emit()


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
