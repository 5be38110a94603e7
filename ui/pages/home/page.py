"""Home: your computer, where to begin, what is here already."""

from __future__ import annotations

import asyncio
import time
from functools import partial
from pathlib import Path

from PySide6.QtCore import Qt, QTimer
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QGridLayout, QHBoxLayout, QPushButton, QVBoxLayout, QWidget

from localstory.events import Changed
from localstory.hardware.machine import Machine
from localstory.models.library import TextModel
from localstory.models.recommend import Recommendation, recommend
from localstory.runtime import Job
from localstory.words import _, language, size
from ui import errors, looks
from ui.desk import Desk, Page
from ui.pages.home import state
from ui.widgets.badge import VerdictBadge
from ui.widgets.cards import Card, TroubleCard, button, clear, label
from ui.widgets.scrolled import ScrolledColumn
from ui.widgets.tips import tip

_FRESH_SECONDS = 60.0
"""How long what was found is shown again without another look: the free memory changes."""


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
        self._take = Card()
        scrolled.column.addWidget(self._take)
        self._take.column.addWidget(label(_("The model to take"), "head"))
        self._advice = QVBoxLayout()
        self._advice.setSpacing(8)
        self._take.column.addLayout(self._advice)
        self._advice.addWidget(label(_("Comparing models with this computer…"), "quiet"))
        self._answer = label("", "quiet")
        self._found: Recommendation | None = None
        self._extra = 0
        self._machine: Machine | None = None
        self._looked_at: float | None = None
        self._soon = QTimer(self)
        self._soon.setSingleShot(True)
        self._soon.timeout.connect(self._look)
        self._here = Card()
        scrolled.column.addWidget(self._here)
        self._here.column.addWidget(label(_("Already on this computer"), "head"))
        self._list = QVBoxLayout()
        self._here.column.addLayout(self._list)
        self._list.addWidget(label(_("Looking…"), "quiet"))
        self._begin.column.addWidget(label(_("Looking…"), "quiet"))
        desk.bridge.heard.connect(self._heard)
        desk.bridge.start("", self._library, on_end=self._listed)

    @property
    def title(self) -> str:
        return _("Home")

    def focus_first(self) -> None:
        (self._first or self.place).setFocus()

    def entered(self, _what: object = None) -> None:
        self._show_begin()
        self.focus_first()
        if self._looked_at is None or time.monotonic() - self._looked_at > _FRESH_SECONDS:
            # Not before somebody comes in and sees the window: the first look measures the memory, which keeps all cores busy.
            self._looked_at = time.monotonic()
            self._soon.start(0)

    def left(self) -> None:
        self._soon.stop()

    def _look(self) -> None:
        self.desk.bridge.start("", self._probe, on_end=self._probed)

    async def _probe(self, _job: Job[Machine]) -> Machine:
        return await self.desk.app.machine()

    async def _recommend(self, extra_bytes: int, _job: Job[Recommendation]) -> Recommendation:
        app, machine = self.desk.app, self._machine
        assert machine is not None

        def work() -> Recommendation:
            return recommend(
                app.fitting.candidates(), machine, language=language(), extra_memory_bytes=extra_bytes, measured=app.records, build_for=app.build_for
            )

        return await asyncio.to_thread(work)

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
            clear(self._advice)
            self._advice.addWidget(label(_("Without knowing this computer no model can be recommended."), "quiet"))
            return
        self._machine = job.result
        seen = state.computer(job.result)
        self._facts.addWidget(label(seen.headline, "large"))
        if seen.limit:
            self._facts.addWidget(label(seen.limit, "quiet"))
        grid = QGridLayout()
        grid.setHorizontalSpacing(24)
        grid.setVerticalSpacing(8)
        grid.setColumnMinimumWidth(0, 96)
        grid.setColumnStretch(1, 1)
        grid.setContentsMargins(0, 8, 0, 0)
        for row, (what, value, meaning) in enumerate(seen.facts):
            grid.addWidget(label(what, "quiet", wrap=False), row, 0, Qt.AlignmentFlag.AlignTop)
            cell = QVBoxLayout()
            cell.setSpacing(2)
            cell.addWidget(label(value))
            if meaning:
                cell.addWidget(label(meaning, "small"))
            grid.addLayout(cell, row, 1)
        holder = QWidget()
        holder.setLayout(grid)
        self._facts.addWidget(holder)
        self.desk.bridge.start("", partial(self._recommend, 0), on_end=self._recommended)

    def _recommended(self, job: Job[Recommendation]) -> None:
        clear(self._advice)
        if job.result is None:
            if job.error is not None:
                self._advice.addWidget(TroubleCard(errors.trouble(job.error), _("Details"), _("Copy details")))
            return
        self._found = job.result
        advice = state.recommended(job.result)
        if advice is None:
            self._advice.addWidget(label(job.result.reason()))
        else:
            self._paint_advice(advice)
        self._paint_what_if()

    def _paint_advice(self, advice: state.Recommended) -> None:
        head = QHBoxLayout()
        head.setSpacing(12)
        head.addWidget(label(advice.title, "large"), 1)
        head.addWidget(VerdictBadge(advice.badge, looks.badge_colours()), 0, Qt.AlignmentFlag.AlignTop)
        self._advice.addLayout(head)
        self._advice.addWidget(label(advice.facts, "quiet"))
        self._advice.addWidget(label(advice.reason))
        row = QHBoxLayout()
        row.setSpacing(8)
        if advice.path:
            use = button(_("Chat"), "main", name=_("Chat with {model}").format(model=advice.title))
            use.setObjectName(advice.path)
            use.clicked.connect(self._use)
            row.addWidget(use)
        look = button(_("Look at it closely"), name=_("Look closely at {model}").format(model=advice.title))
        look.setObjectName(advice.model)
        look.clicked.connect(self._look_closely)
        row.addWidget(look)
        if advice.compared:
            compare = button(_("Compare"), "link")
            compare.setCheckable(True)
            row.addWidget(compare)
        row.addStretch(1)
        self._advice.addLayout(row)
        if advice.compared:
            table = _comparison(advice.compared)
            table.hide()
            compare.toggled.connect(table.setVisible)
            self._advice.addWidget(table)

    def _paint_what_if(self) -> None:
        row = QHBoxLayout()
        row.setSpacing(4)
        row.addWidget(label(_("What if this computer had more memory?"), "quiet", wrap=False))
        for extra in state.WHAT_IFS[1:]:
            more = button(f"+{extra >> 30} GiB", "link", name=_("What if it had {more} more memory").format(more=size(extra)))
            more.setObjectName(str(extra))
            more.clicked.connect(self._ask_what_if)
            row.addWidget(more)
        row.addStretch(1)
        self._advice.addLayout(row)
        self._answer = label("", "")
        self._answer.hide()
        self._advice.addWidget(self._answer)

    def _ask_what_if(self) -> None:
        sender = self.sender()
        if isinstance(sender, QPushButton) and self._found is not None:
            self._extra = int(sender.objectName())
            self.desk.bridge.start("", partial(self._recommend, self._extra), on_end=self._what_if_answered)

    def _what_if_answered(self, job: Job[Recommendation]) -> None:
        if job.result is not None and self._found is not None:
            self._answer.setText(state.what_if(self._found, job.result, self._extra))
            self._answer.show()

    def _look_closely(self) -> None:
        sender = self.sender()
        if isinstance(sender, QPushButton):
            self.desk.go("models", sender.objectName())

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
            go_on.setToolTip(tip(last[1]))
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


def _comparison(rows: tuple[state.Compared, ...]) -> QWidget:
    """A small table: what people ask next, beside the model to take."""
    table = QWidget()
    grid = QGridLayout(table)
    grid.setContentsMargins(0, 4, 0, 4)
    grid.setHorizontalSpacing(16)
    grid.setVerticalSpacing(6)
    grid.setColumnStretch(0, 1)
    for column, head in enumerate((_("Model"), _("Quality"), _("Memory"), _("Speed"), "")):
        grid.addWidget(label(head, "small", wrap=False), 0, column)
    for line, row in enumerate(rows, 1):
        grid.addWidget(label(row.name), line, 0)
        for column, text in enumerate((row.quality, row.memory, row.speed), 1):
            grid.addWidget(label(text, "small"), line, column)
        grid.addWidget(VerdictBadge(row.badge, looks.badge_colours()), line, 4, Qt.AlignmentFlag.AlignLeft)
    return table


def _short(title: str) -> str:
    return title if len(title) <= 32 else title[:30].rstrip() + "…"
