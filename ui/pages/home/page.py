"""Home: your computer, where to begin, what is here already."""

from __future__ import annotations

import asyncio
from pathlib import Path

from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QGridLayout, QHBoxLayout, QPushButton, QVBoxLayout, QWidget

from localstory.events import Changed
from localstory.hardware.machine import Machine
from localstory.hardware.plain_words import in_plain_words
from localstory.models.library import TextModel
from localstory.runtime import Job
from localstory.words import _
from ui import errors
from ui.desk import Desk, Page
from ui.pages.home import state
from ui.widgets.cards import Card, TroubleCard, button, clear, label
from ui.widgets.scrolled import ScrolledColumn


class HomePage(Page):
    """Paints what `state` decides. Looking at the machine and listing models happen on the core's side."""

    name = "home"
    icon = "home"

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk)
        self._models: list[TextModel] | None = None
        self._first: QWidget | None = None
        scrolled = ScrolledColumn(_("Home"))
        self.place = scrolled
        self._begin = Card("soft")
        scrolled.column.addWidget(self._begin)
        self._computer = Card()
        scrolled.column.addWidget(self._computer)
        self._computer.column.addWidget(label(_("Your computer"), "head"))
        self._facts = QVBoxLayout()
        self._computer.column.addLayout(self._facts)
        self._facts.addWidget(label(_("Looking…"), "quiet"))
        self._here = Card()
        scrolled.column.addWidget(self._here)
        self._here.column.addWidget(label(_("Already on this computer"), "head"))
        self._list = QVBoxLayout()
        self._here.column.addLayout(self._list)
        self._list.addWidget(label(_("Looking…"), "quiet"))
        self._begin.column.addWidget(label(_("Looking…"), "quiet"))
        desk.bridge.heard.connect(self._heard)
        desk.bridge.start("", self._probe, on_end=self._probed)
        desk.bridge.start("", self._library, on_end=self._listed)

    @property
    def title(self) -> str:
        return _("Home")

    def focus_first(self) -> None:
        (self._first or self.place).setFocus()

    def entered(self, _what: object = None) -> None:
        self._show_begin()
        self.focus_first()

    async def _probe(self, _job: Job[Machine]) -> Machine:
        from localstory.hardware.probe import probe

        return await asyncio.to_thread(probe, self.desk.app.home.models)

    async def _library(self, _job: Job[list[TextModel]]) -> list[TextModel]:
        return await asyncio.to_thread(self.desk.app.text_models)

    def _heard(self, event: object) -> None:
        if isinstance(event, Changed) and event.what == "chats" and self.place.isVisible():
            self._show_begin()

    def _probed(self, job: Job[Machine]) -> None:
        clear(self._facts)
        if job.result is None:
            if job.error is not None:
                self._facts.addWidget(TroubleCard(errors.trouble(job.error), _("Details"), _("Copy details")))
            return
        grid = QGridLayout()
        grid.setHorizontalSpacing(24)
        grid.setVerticalSpacing(12)
        grid.setColumnMinimumWidth(0, 96)
        grid.setColumnStretch(1, 1)
        for row, fact in enumerate(in_plain_words(job.result)):
            grid.addWidget(label(fact.title, "quiet", wrap=False), row, 0, Qt.AlignmentFlag.AlignTop)
            cell = QVBoxLayout()
            cell.setSpacing(2)
            cell.addWidget(label(fact.value))
            if fact.meaning:
                cell.addWidget(label(fact.meaning, "small"))
            grid.addLayout(cell, row, 1)
        holder = QWidget()
        holder.setLayout(grid)
        grid.setContentsMargins(0, 4, 0, 0)
        self._facts.addWidget(holder)

    def _listed(self, job: Job[list[TextModel]]) -> None:
        clear(self._list)
        if job.error is not None:
            self._list.addWidget(TroubleCard(errors.trouble(job.error), _("Details"), _("Copy details")))
        self._models = job.result or []
        for row in state.model_rows(self._models):
            line = QHBoxLayout()
            words = QVBoxLayout()
            words.setSpacing(2)
            words.addWidget(label(row.title))
            words.addWidget(label(row.trouble or row.facts, "small"))
            line.addLayout(words, 1)
            if not row.trouble:
                use = button(_("Chat"), name=_("Chat with {model}").format(model=row.title))
                use.setObjectName(row.path)
                use.clicked.connect(self._use)
                line.addWidget(use, 0, Qt.AlignmentFlag.AlignVCenter)
            self._list.addLayout(line)
        if not self._models:
            self._list.addWidget(label(_("No models yet. Put .gguf files into {folder}.").format(folder=self.desk.app.home.models), "quiet"))
        self._show_begin()

    def _show_begin(self) -> None:
        if self._models is None:
            return
        chats = self.desk.app.chats.all() if self.desk.app.chats.is_open else []
        begin, last = state.begin(self._models, bool(chats)), state.last_chat(chats)
        had_focus = self._first is not None and self._first.hasFocus()
        clear(self._begin.column)
        self._first = None
        self._begin.column.addWidget(label(begin.title, "head"))
        self._begin.column.addWidget(label(begin.text))
        row = QHBoxLayout()
        row.setSpacing(8)
        row.setContentsMargins(0, 4, 0, 0)
        if begin.command:
            command = label(begin.command, "command", wrap=False)
            command.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
            row.addWidget(command)
            copy = button(_("Copy the command"), "main")
            copy.setProperty("copies", begin.command)
            copy.clicked.connect(self._copy)
            row.addWidget(copy)
            self._first = copy
        if last is not None:
            go_on = button(_("Go on: {title}").format(title=_short(last[1])), "main")
            go_on.setObjectName(str(last[0]))
            go_on.setToolTip(last[1])
            go_on.clicked.connect(self._go_on)
            row.addWidget(go_on)
            self._first = self._first or go_on
        if begin.button:
            new = button(begin.button, "" if last is not None else "main")
            new.clicked.connect(self._new)
            row.addWidget(new)
            self._first = self._first or new
        row.addStretch(1)
        self._begin.column.addLayout(row)
        if had_focus and self._first is not None:
            self._first.setFocus()

    def _new(self) -> None:
        self.desk.go("chat", "new")

    def _use(self) -> None:
        sender = self.sender()
        if isinstance(sender, QPushButton):
            self.desk.go("chat", Path(sender.objectName()))

    def _go_on(self) -> None:
        sender = self.sender()
        if isinstance(sender, QPushButton):
            self.desk.go("chat", int(sender.objectName()))

    def _copy(self) -> None:
        sender = self.sender()
        if isinstance(sender, QPushButton):
            QGuiApplication.clipboard().setText(str(sender.property("copies")))
            self.desk.say(_("Copied"))


def _short(title: str) -> str:
    return title if len(title) <= 32 else title[:30].rstrip() + "…"
