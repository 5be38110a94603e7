"""The way to the shortcuts from the settings."""

from __future__ import annotations

from PySide6.QtWidgets import QHBoxLayout

from localstory.words import _, ngettext
from ui.desk import Desk
from ui.widgets.cards import Card, button, label


class ShortcutsCard(Card):
    """How many were changed, and a button that opens the editor."""

    def __init__(self, desk: Desk) -> None:
        super().__init__()
        self._desk = desk
        self.column.addWidget(label(_("Shortcuts"), "head"))
        self.column.addWidget(label(_("Keys for every action of the window. They can be changed, removed, and an action can have several."), "quiet"))
        row = QHBoxLayout()
        self.changed = label("", "small")
        row.addWidget(self.changed, 1)
        self.edit = button(_("Change shortcuts …"))
        self.edit.clicked.connect(self._open)
        row.addWidget(self.edit)
        self.column.addLayout(row)
        desk.settings_changed.connect(self._show)
        self._show()

    def _show(self, _name: str = "") -> None:
        count = len(self._desk.app.settings.shortcuts)
        said = ngettext("You changed {count} action.", "You changed {count} actions.", count).format(count=count)
        self.changed.setText(said if count else _("This is the default."))

    def _open(self) -> None:
        self._desk.actions["help.shortcuts"].trigger()
