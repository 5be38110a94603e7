"""The leaderboard: a table of the models that answered here, by the person's own votes."""

from __future__ import annotations

import asyncio

from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QDialog, QDialogButtonBox, QVBoxLayout, QWidget

from localstory.chats.leaderboard import ENOUGH_GAMES, Rated
from localstory.events import Changed
from localstory.runtime import Job
from localstory.words import _, number
from ui import errors
from ui.desk import Desk
from ui.pages.chat import several_state
from ui.widgets.cards import TroubleCard, button, label
from ui.widgets.plain_table import PlainTable


class Leaderboard(QDialog):
    """Reads the votes and replies when it opens, and again when there is a new vote."""

    def __init__(self, desk: Desk, parent: QWidget) -> None:
        super().__init__(parent)
        self._desk = desk
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle(_("Leaderboard of your models"))
        self.resize(min(960, parent.width() - 48), min(520, parent.height() - 48))
        column = self._column = QVBoxLayout(self)
        column.setContentsMargins(24, 20, 24, 16)
        column.setSpacing(8)
        self.says = label(_("Reading the votes…"), "quiet")
        column.addWidget(self.says)
        heads = [_(head) for head in several_state.HEADS]
        self.table = PlainTable(_("Leaderboard of your models"), heads, stretch=1, numbers=(0, 3, 4, 5, 6, 7, 8))
        self.table.hide()
        column.addWidget(self.table, 1)
        self._notes = label("", "small")
        column.addWidget(self._notes)
        column.addStretch()
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Close)
        buttons.rejected.connect(self.reject)
        self.copy = button(_("Copy the table"))
        self.copy.clicked.connect(self._copy)
        self.copy.setEnabled(False)
        buttons.addButton(self.copy, QDialogButtonBox.ButtonRole.ActionRole)
        column.addWidget(buttons)
        desk.bridge.heard.connect(self._heard)
        self._read()

    def _heard(self, event: object) -> None:
        if isinstance(event, Changed) and event.what == "votes":
            self._read()

    def _read(self) -> None:
        several = self._desk.app.several

        async def work(_job: Job[list[Rated]]) -> list[Rated]:
            return await asyncio.to_thread(several.leaderboard)

        self._desk.bridge.start("", work, on_end=self._show)

    def _show(self, job: Job[list[Rated]]) -> None:
        if job.error is not None:
            self._column.insertWidget(0, TroubleCard(errors.trouble(job.error), _("Details"), _("Copy details")))
        rows = several_state.leaderboard_rows(job.result or [])
        self.table.show_rows(rows)
        self.table.setVisible(bool(rows))
        self.copy.setEnabled(bool(rows))
        if not rows:
            self.says.setText(_("No model has answered yet. Ask several models the same question and vote for the best answer: then they stand here in order."))
            self._notes.setText("")
            return
        self.says.setText(_("By your own votes. Speed and seconds are the middle of all replies here; memory is what the last load took."))
        self._notes.setText(
            _(
                "Preferred: how often you would choose it over the average of the models you compared, with the range in which that lies with 95 % "
                "certainty (Bradley and Terry's model). From {count} comparisons on a model has a place."
            ).format(count=number(ENOUGH_GAMES))
        )

    def _copy(self) -> None:
        QGuiApplication.clipboard().setText(several_state.as_text(self.table.rows))
        self._desk.say(_("Copied"))
