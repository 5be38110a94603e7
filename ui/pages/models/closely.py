"""An opened model: its quantisations as a table, the memory of the chosen one as bars, and a slider that moves them."""

from __future__ import annotations

import asyncio

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QButtonGroup, QGridLayout, QHBoxLayout, QRadioButton, QVBoxLayout, QWidget

from localstory.fit.context_params import DEFAULT_CONTEXT_LENGTH
from localstory.hardware.machine import Machine
from localstory.models.recommend import Candidate, Pick
from localstory.runtime import Job
from localstory.words import _
from ui import looks, theme
from ui.desk import Desk
from ui.pages.models import state
from ui.widgets.badge import VerdictBadge
from ui.widgets.cards import button, clear, label
from ui.widgets.context_slider import ContextSlider
from ui.widgets.memory_bars import MemoryBars
from ui.widgets.values import Badge


class CloselyView(QWidget):
    """Numbers by the formula method, on headers that are in memory: a step of the slider takes some milliseconds."""

    def __init__(self, desk: Desk, checked: state.Checked, machine: Machine) -> None:
        super().__init__()
        self._desk, self._checked, self._machine = desk, checked, machine
        self._measured = desk.app.records
        self._pick: Pick = checked.best
        self._build = desk.app.build_for(checked.best.candidate)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 8, 0, 0)
        column.setSpacing(12)
        rows = state.file_rows(checked)
        self._group = QButtonGroup(self)
        self._sources: list[str] = []
        if len(rows) > 1:
            column.addLayout(self._table(rows))
        head = QHBoxLayout()
        head.setSpacing(12)
        self._badge = VerdictBadge(Badge("unknown", ""), looks.badge_colours())
        head.addWidget(self._badge, 0, Qt.AlignmentFlag.AlignTop)
        self._why = label("")
        head.addWidget(self._why, 1)
        column.addLayout(head)
        look = theme.look()
        self.slider = ContextSlider(_("Context length"), self._length_words, state.short_length, look.quiet, look.accent)
        self.slider.moved.connect(self._moved)
        column.addWidget(self.slider)
        self.bars = MemoryBars(looks.bar_colours())
        column.addWidget(self.bars)
        self._speed = label("", "quiet")
        column.addWidget(self._speed)
        self._help = label("", "quiet")
        column.addWidget(self._help)
        fold = QHBoxLayout()
        more = button(_("Show the sum"), "link")
        more.setCheckable(True)
        fold.addWidget(more)
        fold.addStretch(1)
        column.addLayout(fold)
        self._sum = QWidget()
        self._sum_column = QVBoxLayout(self._sum)
        self._sum_column.setContentsMargins(0, 0, 0, 0)
        self._sum_column.setSpacing(2)
        self._sum.hide()
        more.toggled.connect(self._fold_sum)
        column.addWidget(self._sum)
        self._now: state.Closely | None = None
        self._choose(self._pick, DEFAULT_CONTEXT_LENGTH)

    def _table(self, rows: list[state.FileRow]) -> QGridLayout:
        grid = QGridLayout()
        grid.setHorizontalSpacing(16)
        grid.setVerticalSpacing(4)
        grid.setColumnStretch(3, 1)
        for column, head in enumerate((_("Quantisation"), _("Size"), _("Quality"), _("Speed"))):
            grid.addWidget(label(head, "small", wrap=False), 0, column)
        for number, row in enumerate(rows):
            choose = QRadioButton(row.quantisation)
            choose.setAccessibleName(", ".join(part for part in (row.quantisation, row.size, row.quality, row.badge.word) if part))
            choose.setChecked(row.source == self._pick.candidate.source)
            self._group.addButton(choose, number)
            self._sources.append(row.source)
            grid.addWidget(choose, number + 1, 0)
            for column, text in enumerate((row.size, row.quality, row.speed), 1):
                grid.addWidget(label(text, "small", wrap=False), number + 1, column)
            grid.addWidget(VerdictBadge(row.badge, looks.badge_colours()), number + 1, 4, Qt.AlignmentFlag.AlignLeft)
        self._group.idToggled.connect(self._toggled)
        return grid

    def _toggled(self, number: int, on: bool) -> None:
        if on:
            pick = next(pick for pick in self._checked.picks if pick.candidate.source == self._sources[number])
            self._choose(pick, self.slider.tokens)

    def _choose(self, pick: Pick, context_length: int) -> None:
        """Show another file: at once with what is quick, a moment later with how far its context goes."""
        self._pick, self._build = pick, self._desk.app.build_for(pick.candidate)
        self._help.setText("")
        self.slider.set_steps(state.steps(pick.report, None), context_length)
        self._show()
        candidate, machine, measured, build = pick.candidate, self._machine, self._measured, self._build
        siblings: list[Candidate] = [one.candidate for one in self._checked.picks]

        async def work(_job: Job[state.Reach]) -> state.Reach:
            return await asyncio.to_thread(state.reach, candidate, machine, measured, siblings, build)

        self._desk.bridge.start("", work, on_end=self._reached)

    def _reached(self, job: Job[state.Reach]) -> None:
        if job.result is None or job.result.source != self._pick.candidate.source:
            return  # another file was chosen meanwhile
        reach = job.result
        steps = state.steps(self._pick.report, reach.fits_up_to)
        whole = reach.fits_up_to is not None and reach.fits_up_to >= steps[-1]
        self.slider.set_steps(steps, self.slider.tokens, fits_up_to=None if whole else reach.fits_up_to, fits_word=_("fits up to here"))
        self._help.setText("\n".join(f"• {text}" for text in reach.suggestions))
        self._help.setVisible(bool(reach.suggestions))
        self._show()

    def _length_words(self, tokens: int) -> str:
        return state.length_words(self._pick.candidate, tokens)

    def _moved(self, _tokens: int) -> None:
        self._show()

    def _show(self) -> None:
        self._now = now = state.closely(self._pick.candidate, self._machine, self.slider.tokens, self._measured, self._build)
        self._badge.show_badge(now.badge)
        self._why.setText(now.why)
        self.bars.show_bars(now.bars, _("Memory for {model}").format(model=self._pick.candidate.name))
        memory = _("Memory: {method}.").format(method=now.method)
        speed = _("Speed: {speed}.").format(speed=now.speed) + " " if now.speed else ""
        self._speed.setText(speed + memory)
        if self._sum.isVisible():
            self._show_sum()

    def _fold_sum(self, shown: bool) -> None:
        self._show_sum()
        self._sum.setVisible(shown)

    def _show_sum(self) -> None:
        clear(self._sum_column)
        for what, value in self._now.sum_lines if self._now is not None else ():
            self._sum_column.addWidget(label(f"{what}: {value}", "small"))
