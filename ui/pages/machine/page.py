"""The room of the machine: what was found and what told it, a measurement on request, what was predicted and measured."""

from __future__ import annotations

import asyncio

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QGridLayout, QHBoxLayout, QVBoxLayout, QWidget

from localstory.fit.records import Measurement
from localstory.hardware.machine import Machine
from localstory.runtime import Job
from localstory.words import _
from ui import errors
from ui.desk import Desk, Page
from ui.pages.machine import state
from ui.widgets.cards import Card, TroubleCard, button, clear, label
from ui.widgets.scrolled import ScrolledColumn


class MachinePage(Page):
    """Facts as the probe found them."""

    name = "machine"
    icon = "machine"

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk)
        scrolled = ScrolledColumn(_("This machine"), _("What localstory found. Nothing here is sent anywhere."))
        self.place = scrolled
        row = QHBoxLayout()
        row.setSpacing(8)
        self._measure = button(_("Measure the memory"), name=_("Measure how fast the memory is, about a second"))
        self._measure.setToolTip(_("How fast the memory is read decides how fast a model writes. Takes about a second."))
        self._measure.clicked.connect(self._start_measuring)
        row.addWidget(self._measure)
        row.addStretch(1)
        scrolled.column.addLayout(row)
        self._list = QVBoxLayout()
        self._list.setSpacing(12)
        scrolled.column.addLayout(self._list)
        self._list.addWidget(label(_("Looking…"), "quiet"))
        self._history = Card()
        scrolled.column.addWidget(self._history)
        self._history.column.addWidget(label(_("Predicted and measured"), "head"))
        self._runs = QVBoxLayout()
        self._history.column.addLayout(self._runs)
        self._looked_at = False

    @property
    def title(self) -> str:
        return _("Machine")

    def entered(self, _what: object = None) -> None:
        self.focus_first()
        self.desk.bridge.start("", self._read_records, on_end=self._records_read)
        if not self._looked_at:
            self._looked_at = True
            self._look(measure=False)

    def focus_first(self) -> None:
        self._measure.setFocus()

    def _start_measuring(self) -> None:
        self._measure.setEnabled(False)
        self._look(measure=True)

    def _look(self, *, measure: bool) -> None:
        async def work(_job: Job[Machine]) -> Machine:
            return await self.desk.app.machine(again=measure)

        self.desk.bridge.start(_("Measuring the memory") if measure else "", work, on_end=self._looked)

    async def _read_records(self, _job: Job[list[Measurement]]) -> list[Measurement]:
        return await asyncio.to_thread(self.desk.app.records.all)

    def _records_read(self, job: Job[list[Measurement]]) -> None:
        clear(self._runs)
        rows = state.ran(job.result or [])
        if not rows:
            self._runs.addWidget(label(_("Nothing has run here yet. After a chat this compares what was promised with what it was."), "quiet"))
            return
        holder = QWidget()
        grid = QGridLayout(holder)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setHorizontalSpacing(20)
        grid.setVerticalSpacing(6)
        grid.setColumnStretch(0, 1)
        for column, head in enumerate((_("Model"), _("When"), _("Predicted"), _("Measured"), "")):
            grid.addWidget(label(head, "small", wrap=False), 0, column)
        for line, row in enumerate(rows, 1):
            grid.addWidget(label(row.model), line, 0)
            for column, text in enumerate((row.when, row.predicted, row.measured, row.off), 1):
                grid.addWidget(label(text, "small", wrap=False), line, column)
        self._runs.addWidget(holder)

    def _looked(self, job: Job[Machine]) -> None:
        self._measure.setEnabled(True)
        clear(self._list)
        if job.result is None:
            if job.error is not None:
                self._list.addWidget(TroubleCard(errors.trouble(job.error), _("Details"), _("Copy details")))
            return
        for group in state.groups(job.result):
            card = Card()
            card.column.addWidget(label(group.title, "head"))
            grid = QGridLayout()
            grid.setHorizontalSpacing(24)
            grid.setVerticalSpacing(6)
            grid.setColumnMinimumWidth(0, 152)
            grid.setColumnStretch(1, 3)
            grid.setColumnStretch(2, 2)
            for row, fact in enumerate(group.facts):
                grid.addWidget(label(fact.what, "quiet", wrap=False), row, 0, Qt.AlignmentFlag.AlignTop)
                shown = label(fact.value)
                shown.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
                grid.addWidget(shown, row, 1, Qt.AlignmentFlag.AlignTop)
                if fact.source:
                    grid.addWidget(label(fact.source, "small"), row, 2, Qt.AlignmentFlag.AlignTop)
            card.column.addLayout(grid)
            self._list.addWidget(card)
