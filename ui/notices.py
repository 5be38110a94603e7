"""What is wrong with the home folder or the file of the chats, told at the top of the window."""

from __future__ import annotations

import asyncio
from typing import Any

from localstory.errors import CannotContinue
from localstory.events import Changed
from localstory.runtime import Job
from localstory.words import _, tell
from ui.desk import Desk
from ui.widgets.banner import Banners, BannerText

PUT_AWAY = "notices.put_away"
"""Under this name it is remembered which notices the person has seen: code and what it speaks of."""
LASTING = ("synced_folder", "newer_database")
"""These are true at every start: put away, they stay away until they speak of something else."""


def banner(trouble: CannotContinue) -> BannerText:
    """A notice in words; the key tells one from another of its kind."""
    said = tell(trouble)
    buttons: list[tuple[str, str]] = []
    if trouble.code in ("chats_salvaged", "chats_damaged"):
        buttons.append(("backups", _("Backups")))
    if trouble.code not in ("chats_damaged",):
        buttons.append(("away", _("Put away")))
    return BannerText(key_of(trouble), said.title, " ".join(part for part in (said.detail, said.hint) if part), tuple(buttons))


def key_of(trouble: CannotContinue) -> str:
    """Which notice it is, in one line."""
    values: dict[str, Any] = trouble.values
    spoken_of = str(values.get("folder") or values.get("path") or "")
    return f"{trouble.code} {spoken_of}".replace(":", "|").strip()


class Notices(Banners):
    """Looks for itself when the chats are open, and when the core says that something was found."""

    def __init__(self, desk: Desk, put_away: set[str]) -> None:
        """`put_away`: the keys of what was put away since the start; it outlives this widget."""
        super().__init__(_("{action}: {notice}"))
        self._desk = desk
        self._session = put_away
        self._due: list[CannotContinue] = []
        self.pressed.connect(self._button)
        desk.bridge.heard.connect(self._heard)

    def look(self) -> None:
        """Ask the core; some milliseconds on another thread."""
        app = self._desk.app

        async def work(_job: Job[list[CannotContinue]]) -> list[CannotContinue]:
            found = await asyncio.to_thread(app.safety.notices)
            return [*([app.chats.read_only_because] if app.chats.read_only_because is not None else []), *found]

        self._desk.bridge.start("", work, on_end=self._found)

    def _heard(self, event: object) -> None:
        if isinstance(event, Changed) and event.what == "safety":
            self.look()

    def _found(self, job: Job[list[CannotContinue]]) -> None:
        away = set(self._desk.remembered(PUT_AWAY, [""])) | self._session
        self._due = [one for one in job.result or [] if key_of(one) not in away]
        self._show_first()

    def _show_first(self) -> None:
        """One at a time, the gravest first: two would fill a small window."""
        self.show_banners([banner(one) for one in self._due[:1]])

    def _button(self, key: str, identity: str) -> None:
        if identity == "backups":
            self._desk.go("settings", _("Backups"))
            return
        self._session.add(key)
        if key.split(" ")[0] in LASTING:
            self._desk.remember(PUT_AWAY, [*self._desk.remembered(PUT_AWAY, [""]), key][-20:])
        self._due = [one for one in self._due if key_of(one) != key]
        self._show_first()
