"""What is kept of chats on the disk so that answers begin sooner: how much it is, and a button that deletes it."""

from __future__ import annotations

from typing import Any

from PySide6.QtWidgets import QHBoxLayout

from localstory.runtime import Job
from localstory.words import _, size
from ui import errors
from ui.desk import Desk
from ui.widgets.cards import Card, button, label


class KeptCard(Card):
    """Saved states: their size, and "Forget saved states"."""

    def __init__(self, desk: Desk) -> None:
        super().__init__()
        self._desk = desk
        self.column.addWidget(label(_("Saved states"), "head"))
        about = _("What the model has read of your chats is kept on the disk, so that an answer begins sooner after a restart. No chat is lost without it.")
        self.column.addWidget(label(about, "quiet"))
        self.taken = label("", "small")
        self.column.addWidget(self.taken)
        self.forget = button(_("Forget saved states"), "link")
        self.forget.clicked.connect(self._forget)
        row = QHBoxLayout()
        row.addWidget(self.forget)
        row.addStretch(1)
        self.column.addLayout(row)

    def show_taken(self) -> None:
        """Look at the disk and say how much there is."""
        states, bytes_taken = self._desk.app.saved_states()
        self.taken.setText(_("{size} on the disk").format(size=size(bytes_taken)) if states else _("Nothing is saved now."))
        self.forget.setEnabled(bool(states))

    def _forget(self) -> None:
        async def work(_job: Job[int]) -> int:
            return self._desk.app.forget_saved_states()

        self.forget.setEnabled(False)
        self._desk.bridge.start("", work, on_end=self._forgotten)

    def _forgotten(self, job: Job[Any]) -> None:
        self.show_taken()
        if job.error is not None:
            said = errors.trouble(job.error)
            self.taken.setText(" ".join(part for part in (f"{said.title}.", said.detail, said.hint) if part))
