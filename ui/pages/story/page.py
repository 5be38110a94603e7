"""The room of stories: says what works today."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QHBoxLayout, QPushButton, QWidget

from localstory.words import _
from ui.desk import Desk, Page
from ui.pages.story import state
from ui.widgets.cards import Card, button, label
from ui.widgets.scrolled import ScrolledColumn


class StoryPage(Page):
    """Honest until it is built."""

    name = "story"
    icon = "story"

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk)
        today = state.today()
        scrolled = ScrolledColumn(_("Stories"), today.sentence)
        self.place = scrolled
        self._first: QWidget = scrolled
        for number, (what, command) in enumerate(today.commands):
            card = Card()
            card.column.addWidget(label(what))
            row = QHBoxLayout()
            words = label(command, "command", wrap=False)
            words.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
            row.addWidget(words)
            copy = button(_("Copy"), name=_("Copy the command {command}").format(command=command))
            copy.setProperty("copies", command)
            copy.clicked.connect(self._copy)
            row.addWidget(copy)
            row.addStretch(1)
            card.column.addLayout(row)
            scrolled.column.addWidget(card)
            if number == 0:
                self._first = copy

    @property
    def title(self) -> str:
        return _("Story")

    def entered(self, _what: object = None) -> None:
        self.focus_first()

    def focus_first(self) -> None:
        self._first.setFocus()

    def _copy(self) -> None:
        sender = self.sender()
        if isinstance(sender, QPushButton):
            QGuiApplication.clipboard().setText(str(sender.property("copies")))
            self.desk.say(_("Copied"))
