"""What stands in place of messages where there are none yet."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QVBoxLayout, QWidget

from localstory.words import _
from ui.pages.chat.choices import Choice
from ui.widgets.cards import label


class Greeting(QWidget):
    """A question, and where the words go."""

    def __init__(self) -> None:
        super().__init__()
        column = QVBoxLayout(self)
        column.addStretch(2)
        title = label(_("What shall we write?"), "title")
        self.promise = label("", "quiet")
        for words in (title, self.promise):
            words.setAlignment(Qt.AlignmentFlag.AlignHCenter)
            column.addWidget(words)
        column.addStretch(3)
        self.show_for(None)

    def show_for(self, chosen: Choice | None) -> None:
        """Say where the words go when this one writes."""
        if chosen is not None and chosen.is_elsewhere:
            self.promise.setText(_("What you write goes to {server}.").format(server=chosen.group))
        else:
            self.promise.setText(_("The words stay on this computer. Every message is kept the moment you send it."))
