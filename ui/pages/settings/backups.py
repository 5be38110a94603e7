"""Copies of the chats in the settings: what there is, one more now, and going back to one, which can be undone."""

from __future__ import annotations

from functools import partial
from typing import Any

from PySide6.QtCore import QDateTime, QLocale, QUrl
from PySide6.QtGui import QDesktopServices
from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from localstory import words
from localstory.db.backups import Backup
from localstory.errors import CannotContinue
from localstory.runtime import Job
from localstory.words import _, size
from ui import errors
from ui.bridge import Bridge
from ui.desk import Desk
from ui.widgets.cards import Card, button, clear, label

SHOWN_FIRST = 5


def when(moment: int) -> str:
    """A moment (milliseconds since 1970) as people here write it."""
    return QLocale(words.language()).toString(QDateTime.fromMSecsSinceEpoch(moment), QLocale.FormatType.ShortFormat)


class BackupsCard(Card):
    """The newest copies with a way back to each."""

    def __init__(self, desk: Desk) -> None:
        super().__init__()
        self._desk = desk
        self._safety = desk.app.safety
        self._whole = False
        self._found: list[Backup] = []
        self.column.addWidget(label(_("Backups"), "head"))
        about = _("The chats are copied every day on which something was written. Older copies are thinned out. Going back to one can be undone.")
        self.column.addWidget(label(about, "quiet"))
        self._list = QVBoxLayout()
        self._list.setSpacing(4)
        self.column.addLayout(self._list)
        self.said = label("", "small")
        self.column.addWidget(self.said)
        row = QHBoxLayout()
        row.setSpacing(8)
        self.now = button(_("Back up now"))
        self.now.clicked.connect(self._back_up)
        self.more = button(_("Show all copies"), "link")
        self.more.clicked.connect(self._show_whole)
        self.folder = button(_("Open the folder"), "link", name=_("Open the folder of the backups"))
        self.folder.clicked.connect(self._open_folder)
        for each in (self.now, self.more, self.folder):
            row.addWidget(each)
        row.addStretch(1)
        self.column.addLayout(row)
        self.more.hide()

    def look(self) -> None:
        """See what copies there are now."""
        try:
            self._found = self._safety.backups()
        except CannotContinue as error:
            self._say(error)
            return
        clear(self._list)
        shown = self._found if self._whole else self._found[:SHOWN_FIRST]
        for number, backup in enumerate(shown, 1):
            self._list.addWidget(self._row(number, backup))
        self.more.setVisible(len(self._found) > len(shown))
        total = sum(one.size_bytes for one in self._found)
        self.said.setText(_("{size} on the disk").format(size=size(total)) if self._found else _("There is no copy yet."))
        is_open = self._desk.app.chats.is_open and self._desk.app.chats.read_only_because is None
        self.now.setEnabled(is_open)

    def _row(self, number: int, backup: Backup) -> QWidget:
        made = QWidget()
        row = QHBoxLayout(made)
        row.setContentsMargins(0, 0, 0, 0)
        text = f"{when(backup.made_at)} · {size(backup.size_bytes)}"
        if backup.kind == "before an update":
            text += " · " + _("before an update")
        row.addWidget(label(text), 1)
        back = button(_("Restore"), "link", name=_("Restore: {copy}").format(copy=f"{number}, {text}"))
        back.clicked.connect(partial(self._restore, backup))
        row.addWidget(back)
        return made

    def _show_whole(self) -> None:
        self._whole = True
        self.now.setFocus()  # the button is about to hide
        self.look()

    def _open_folder(self) -> None:
        shown = self._found[0].path.parent if self._found else self._desk.app.home.database.parent
        QDesktopServices.openUrl(QUrl.fromLocalFile(str(shown)))

    def _back_up(self) -> None:
        self.now.setFocus()
        self._desk.bridge.start(_("A copy of the chats"), lambda _job: self._safety.back_up(), on_end=self._made, can_repeat=True)
        self.now.setEnabled(False)

    def _made(self, job: Job[Any]) -> None:
        self.look()
        if job.error is not None:
            self._say(job.error)
        else:
            self._desk.say(_("The chats were copied."))

    def _restore(self, backup: Backup) -> None:
        self.now.setFocus()
        self._desk.bridge.start(_("Going back to a copy of the chats"), lambda _job: self._safety.restore(backup), on_end=self._restored)

    def _restored(self, job: Job[Backup]) -> None:
        self.look()
        if job.error is not None or job.result is None:
            if job.error is not None:
                self._say(job.error)
            return
        # Nothing of this card in there: the undo may come when the window was built anew.
        self._desk.say_undo(_("The chats are as they were in the copy."), partial(_go_back, self._desk.bridge, job.result))

    def _say(self, error: BaseException) -> None:
        said = errors.trouble(error)
        self.said.setText(" ".join(part for part in (f"{said.title}.", said.detail, said.hint) if part))


def _go_back(bridge: Bridge, before: Backup) -> None:
    bridge.start(_("Going back to a copy of the chats"), lambda _job: bridge.app.safety.restore(before))
