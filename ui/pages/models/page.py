"""The room of models: what is on this computer, and which one new chats begin with."""

from __future__ import annotations

import asyncio

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QHBoxLayout, QPushButton, QVBoxLayout, QWidget

from localstory.models.library import TextModel, Voice, voices
from localstory.runtime import Job
from localstory.words import _
from ui import errors
from ui.desk import Desk, Page
from ui.pages.models import state
from ui.widgets.cards import Card, TroubleCard, button, clear, label
from ui.widgets.scrolled import ScrolledColumn

Found = tuple[list[TextModel], list[Voice]]


class ModelsPage(Page):
    """Lists; a later issue adds the catalogue and downloads."""

    name = "models"
    icon = "models"

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk)
        self.titles: list[str] = []
        self._found: Found = ([], [])
        folder = desk.app.home.models
        scrolled = ScrolledColumn(
            _("Models"), _("What is on this computer. Put .gguf files into {folder} to add more; finding and downloading comes later.").format(folder=folder)
        )
        self.place = scrolled
        row = QHBoxLayout()
        self._look = button(_("Look again"))
        self._look.clicked.connect(self._refresh)
        row.addWidget(self._look)
        row.addStretch(1)
        scrolled.column.addLayout(row)
        self._list = QVBoxLayout()
        self._list.setSpacing(12)
        scrolled.column.addLayout(self._list)
        self._refresh()

    @property
    def title(self) -> str:
        return _("Models")

    def entered(self, _what: object = None) -> None:
        self._refresh()
        self.focus_first()

    def focus_first(self) -> None:
        self._look.setFocus()

    def _refresh(self) -> None:
        async def work(_job: Job[Found]) -> Found:
            def look() -> Found:
                return self.desk.app.text_models(), voices(self.desk.app.home)

            return await asyncio.to_thread(look)

        self.desk.bridge.start("", work, on_end=self._listed)

    def _listed(self, job: Job[Found]) -> None:
        clear(self._list)
        if job.error is not None:
            self._list.addWidget(TroubleCard(errors.trouble(job.error), _("Details"), _("Copy details")))
        self._found = job.result or ([], [])
        self.titles = [model.title for model in self._found[0]]
        self._show()

    def _show(self) -> None:
        clear(self._list)
        models = state.model_rows(self._found[0], self.desk.app.settings.model)
        self._list.addWidget(label(_("Language models"), "head"))
        for row in models:
            self._list.addWidget(self._card(row, usable=True))
        if not models:
            self._list.addWidget(label(_("None yet. The starter model comes with: {command}").format(command="python3 packaging/dev.py demo"), "quiet"))
        spoken = state.voice_rows(self._found[1])
        self._list.addSpacing(8)
        self._list.addWidget(label(_("Voices"), "head"))
        for row in spoken:
            self._list.addWidget(self._card(row, usable=False))
        if not spoken:
            self._list.addWidget(label(_("None yet. The starter voice comes with: {command}").format(command="python3 packaging/dev.py demo"), "quiet"))

    def _card(self, row: state.Row, *, usable: bool) -> QWidget:
        card = Card("card" if not row.trouble else "trouble")
        head = QHBoxLayout()
        head.addWidget(label(row.title, "head"), 1)
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
        path = label(row.path, "small")
        path.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        card.column.addWidget(path)
        return card

    def _use(self) -> None:
        sender = self.sender()
        if isinstance(sender, QPushButton):
            self.desk.change_setting("model", sender.objectName())
            self._show()
            self.focus_first()
