"""The room of the machine: what was found, and a measurement of the memory on request."""

from __future__ import annotations

import asyncio

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QGridLayout, QHBoxLayout, QVBoxLayout

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
        self._look(measure=False)

    @property
    def title(self) -> str:
        return _("Machine")

    def entered(self, _what: object = None) -> None:
        self.focus_first()

    def focus_first(self) -> None:
        self._measure.setFocus()

    def _start_measuring(self) -> None:
        self._measure.setEnabled(False)
        self._look(measure=True)

    def _look(self, *, measure: bool) -> None:
        folder = self.desk.app.home.models

        async def work(_job: Job[Machine]) -> Machine:
            from localstory.hardware.probe import probe

            return await asyncio.to_thread(lambda: probe(folder, measure=measure))

        self.desk.bridge.start(_("Measuring the memory") if measure else "", work, on_end=self._looked)

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
            grid.setColumnStretch(1, 1)
            for row, (what, value) in enumerate(group.facts):
                grid.addWidget(label(what, "quiet", wrap=False), row, 0, Qt.AlignmentFlag.AlignTop)
                shown = label(value)
                shown.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
                grid.addWidget(shown, row, 1)
            card.column.addLayout(grid)
            self._list.addWidget(card)
