"""The room of models: what is on this computer, which one new chats begin with, what could be got, and how each fits."""

from __future__ import annotations

import asyncio
import logging
import time
from dataclasses import dataclass

from PySide6.QtCore import QPoint, Qt, QTimer
from PySide6.QtWidgets import QHBoxLayout, QPushButton, QVBoxLayout, QWidget

from localstory.errors import CannotContinue
from localstory.hardware.machine import Machine
from localstory.models.library import TextModel, Voice, voices
from localstory.runtime import Job
from localstory.words import _
from ui import errors, fit_values, looks
from ui.desk import Desk, Page
from ui.pages.models import state
from ui.pages.models.closely import CloselyView
from ui.widgets.badge import VerdictBadge
from ui.widgets.cards import Card, TroubleCard, button, clear, label
from ui.widgets.scrolled import ScrolledColumn
from ui.widgets.values import Badge

Found = tuple[list[TextModel], list[Voice]]
log = logging.getLogger(__name__)

_FRESH_SECONDS = 60.0
"""How long an answer is shown again without another check: the free memory changes."""
_FIRST_ROWS = 8
"""Models to get that are painted at once; the others on request, some in each turn of the loop."""


@dataclass(frozen=True, slots=True)
class Fits:
    """What the fit check says of every model, on this machine."""

    machine: Machine
    checked: list[state.Checked]


class ModelsPage(Page):
    """Lists and how each fits; a later issue adds downloads."""

    name = "models"
    icon = "models"

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk)
        self.titles: list[str] = []
        self._found: Found = ([], [])
        self._fits: Fits | None = None
        self._trouble: BaseException | None = None
        self._checking = False
        self._looked_at: float | None = None
        self._wanted = ""
        self._open = ""
        self._all = False
        self._cards: dict[str, tuple[Card, QPushButton]] = {}
        folder = desk.app.home.models
        self._scrolled = ScrolledColumn(
            _("Models"), _("How each model fits this computer. Put .gguf files into {folder} to add more; downloading comes later.").format(folder=folder)
        )
        self.place = self._scrolled
        row = QHBoxLayout()
        self._look = button(_("Look again"))
        self._look.clicked.connect(self._refresh)
        row.addWidget(self._look)
        row.addStretch(1)
        self._scrolled.column.addLayout(row)
        self._list = QVBoxLayout()
        self._list.setSpacing(12)
        self._scrolled.column.addLayout(self._list)
        self._rest = QTimer(self)
        self._rest.setSingleShot(True)
        self._rest.timeout.connect(self._add_rows)
        self._waiting: list[state.Checked] = []
        self._rows_column: QVBoxLayout | None = None
        self._load_list()

    @property
    def title(self) -> str:
        return _("Models")

    def entered(self, what: object = None) -> None:
        self._wanted = what if isinstance(what, str) else ""
        self._load_list()
        if self._looked_at is None or time.monotonic() - self._looked_at > _FRESH_SECONDS:
            self._start_check()
        elif self._wanted:
            self._open_wanted(self._wanted)
        if not self._wanted:
            self.focus_first()

    def focus_first(self) -> None:
        self._look.setFocus()

    def left(self) -> None:
        self._rest.stop()

    # -- looking -------------------------------------------------------------------------------------------------------

    def _refresh(self) -> None:
        self._load_list()
        self._start_check()

    def _start_check(self) -> None:
        self._looked_at = time.monotonic()
        if not self._checking:
            self._checking = True
            self.desk.bridge.start("", self._check, on_end=self._checked)

    def _load_list(self) -> None:
        async def work(_job: Job[Found]) -> Found:
            def look() -> Found:
                return self.desk.app.text_models(), voices(self.desk.app.home)

            return await asyncio.to_thread(look)

        self.desk.bridge.start("", work, on_end=self._listed)

    async def _check(self, _job: Job[Fits]) -> Fits:
        app = self.desk.app
        machine = await app.machine()
        return Fits(machine, await asyncio.to_thread(lambda: state.check_all(app.fitting.candidates(), machine, app.records, app.build_for)))

    def _listed(self, job: Job[Found]) -> None:
        found = job.result or ([], [])
        changed = found != self._found or self._list.count() == 0
        self._found = found
        self.titles = [model.title for model in found[0]]
        if job.error is not None:
            clear(self._list)
            self._list.addWidget(TroubleCard(errors.trouble(job.error), _("Details"), _("Copy details")))
        elif changed:
            self._show()

    def _checked(self, job: Job[Fits]) -> None:
        self._checking = False
        self._fits, self._trouble = job.result, job.error
        if job.error is not None and not isinstance(job.error, CannotContinue):
            log.error("the fit check failed", exc_info=job.error)
        self._show()

    # -- painting ------------------------------------------------------------------------------------------------------

    def _show(self) -> None:
        self._rest.stop()
        clear(self._list)
        self._cards.clear()
        models = state.model_rows(self._found[0], self.desk.app.settings.model)
        self._list.addWidget(label(_("On this computer"), "head"))
        for row in models:
            self._list.addWidget(self._card(row, usable=True))
        if not models:
            self._list.addWidget(label(_("None yet. The starter model comes with: {command}").format(command="python3 packaging/dev.py demo"), "quiet"))
        self._list.addSpacing(8)
        self._list.addWidget(label(_("Models to get"), "head"))
        self._show_catalogue()
        spoken = state.voice_rows(self._found[1])
        self._list.addSpacing(8)
        self._list.addWidget(label(_("Voices"), "head"))
        for row in spoken:
            self._list.addWidget(self._card(row, usable=False))
        if not spoken:
            self._list.addWidget(label(_("None yet. The starter voice comes with: {command}").format(command="python3 packaging/dev.py demo"), "quiet"))
        wanted, self._wanted = self._wanted or self._open, ""
        if wanted and self._fits is not None:
            self._open = ""
            self._open_wanted(wanted)
        elif wanted:
            self._wanted = wanted

    def _show_catalogue(self) -> None:
        if self._trouble is not None:
            self._list.addWidget(TroubleCard(errors.trouble(self._trouble), _("Details"), _("Copy details")))
            return
        if self._fits is None:
            self._list.addWidget(label(_("Comparing models with this computer…"), "quiet"))
            return
        rows = [one for one in self._fits.checked if not one.path()]
        holder = QWidget()
        self._rows_column = QVBoxLayout(holder)
        self._rows_column.setContentsMargins(0, 0, 0, 0)
        self._rows_column.setSpacing(8)
        self._list.addWidget(holder)
        self._waiting = rows[_FIRST_ROWS:]
        for one in rows[:_FIRST_ROWS]:
            self._rows_column.addWidget(self._fit_card(one))
        if self._waiting and not self._all:
            more = button(_("Show all {count}").format(count=len(rows)), "link")
            more.clicked.connect(self._show_all)
            self._rows_column.addWidget(more)
        elif self._waiting:
            self._rest.start(0)

    def _show_all(self) -> None:
        self._all = True
        sender = self.sender()
        if isinstance(sender, QPushButton):
            sender.hide()
            sender.deleteLater()
        self._add_rows()
        self.focus_first()

    def _add_rows(self) -> None:
        now, self._waiting = self._waiting[:4], self._waiting[4:]
        for one in now:
            if self._rows_column is not None:
                self._rows_column.addWidget(self._fit_card(one))
        if self._waiting:
            self._rest.start(0)

    def _card(self, row: state.Row, *, usable: bool) -> QWidget:
        card = Card("card" if not row.trouble else "trouble")
        checked = state.of_path(self._fits.checked, row.path) if self._fits is not None else None
        head = QHBoxLayout()
        head.setSpacing(12)
        head.addWidget(label(row.title, "head"), 1)
        if checked is not None:
            head.addWidget(_badge(fit_values.badge(checked.best.report.verdict)))
        if row.chosen:
            head.addWidget(label(_("New chats begin with it"), "mark", wrap=False))
        elif usable and not row.trouble:
            use = button(_("Use for new chats"), name=_("Use {model} for new chats").format(model=row.title))
            use.setObjectName(row.path)
            use.clicked.connect(self._use)
            head.addWidget(use)
        card.column.addLayout(head)
        if row.trouble:
            card.column.addWidget(label(row.trouble))
        if row.facts:
            card.column.addWidget(label(" · ".join(f"{what}: {value}" for what, value in row.facts), "quiet"))
        if checked is not None:
            card.column.addWidget(label(checked.best.report.verdict.why()))
        path = label(row.path, "small")
        path.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        card.column.addWidget(path)
        if checked is not None:
            self._add_opener(card, row.path, row.title)
        return card

    def _fit_card(self, checked: state.Checked) -> QWidget:
        row = state.fit_row(checked)
        card = Card()
        head = QHBoxLayout()
        head.setSpacing(12)
        head.addWidget(label(row.title, "head"), 1)
        head.addWidget(_badge(row.badge))
        card.column.addLayout(head)
        card.column.addWidget(label(row.facts, "quiet"))
        card.column.addWidget(label(row.why))
        self._add_opener(card, row.id, row.title)
        return card

    def _add_opener(self, card: Card, identity: str, title: str) -> None:
        opener = button(_("How it fits"), "link", name=_("How {model} fits").format(model=title))
        opener.setCheckable(True)
        opener.setObjectName(identity)
        opener.toggled.connect(self._opened)
        line = QHBoxLayout()
        line.addWidget(opener)
        line.addStretch(1)
        card.column.addLayout(line)
        self._cards[identity] = (card, opener)

    # -- opening -------------------------------------------------------------------------------------------------------

    def _open_wanted(self, wanted: str) -> None:
        """Open a model by its id, path or title."""
        if self._fits is None:
            return  # `_show` comes back here
        self._wanted = ""
        named = next((one.path() or one.id for one in self._fits.checked if wanted in (one.id, one.path(), one.best.candidate.title)), wanted)
        while named not in self._cards and self._waiting:
            self._add_rows()
        if named in self._cards:
            card, opener = self._cards[named]
            opener.setChecked(True)
            opener.setFocus()
            QTimer.singleShot(50, card, lambda: self._scroll_to(card))  # once the layout knows how tall it is
        else:
            self.focus_first()

    def _scroll_to(self, card: QWidget, turns: int = 10) -> None:
        """The card's title at the top of the sight; again while the layout still moves, which takes longer on a busy machine."""
        inside = self._scrolled.widget()
        if inside is not None:
            self._scrolled.verticalScrollBar().setValue(card.mapTo(inside, QPoint(0, 0)).y() - 16)
            if turns and not 0 <= card.mapTo(self.place, QPoint(0, 0)).y() <= 40:
                QTimer.singleShot(50, card, lambda: self._scroll_to(card, turns - 1))

    def _opened(self, shown: bool) -> None:
        sender = self.sender()
        if not isinstance(sender, QPushButton) or self._fits is None:
            return
        identity = sender.objectName()
        if not shown:
            self._close(identity)
            return
        if self._open and self._open != identity and self._open in self._cards:
            self._cards[self._open][1].setChecked(False)
        checked = state.of_path(self._fits.checked, identity) or next((one for one in self._fits.checked if one.id == identity), None)
        if checked is not None:
            self._open = identity
            view = CloselyView(self.desk, checked, self._fits.machine)
            view.setObjectName("closely")
            self._cards[identity][0].column.addWidget(view)

    def _close(self, identity: str) -> None:
        if self._open == identity:
            self._open = ""
        view = self._cards[identity][0].findChild(CloselyView)
        if view is not None:
            view.hide()
            view.deleteLater()

    def _use(self) -> None:
        sender = self.sender()
        if isinstance(sender, QPushButton):
            self.desk.change_setting("model", sender.objectName())
            self._show()
            self.focus_first()


def _badge(badge: Badge) -> VerdictBadge:
    return VerdictBadge(badge, looks.badge_colours())
