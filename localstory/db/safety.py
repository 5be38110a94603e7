"""What keeps the chats of a home folder safe behind everything else: copies by day, the look through the whole, what to warn of."""

from __future__ import annotations

import asyncio
import logging
import os
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path

from localstory.db import backups
from localstory.db.backups import DAY_MS, Backup
from localstory.db.connection import Database
from localstory.db.end_mark import read_mark
from localstory.db.synced import synced_by
from localstory.errors import CannotContinue, FileTrouble
from localstory.events import Changed, Hub
from localstory.words import mark

log = logging.getLogger(__name__)

FIRST_LOOK_S = 60.0
"""After the start, when the window is up and quiet."""
NEXT_LOOK_S = 1_800.0
_BUSY_S = 30.0
CHECK_DAYS = 7
"""Between two looks through a database that ended well each time."""
ORIGIN = "safety"


class ChatsSalvaged(CannotContinue):
    """A notice: the file was damaged, and this is what came of it."""

    code = "chats_salvaged"


class ChatsDamaged(CannotContinue):
    """A notice: damage was found while the program runs; the next start mends it."""

    code = "chats_damaged"


class SyncedFolder(CannotContinue):
    """A notice: another program copies the home folder to other computers."""

    code = "synced_folder"


class NoBackup(CannotContinue):
    """There is no such copy, or it is damaged."""

    code = "no_backup"


class Safety:
    """Plain methods are quick reads for any thread; the async ones belong to the loop."""

    def __init__(
        self,
        database: Database,
        hub: Hub,
        *,
        is_busy: Callable[[], bool] = lambda: False,
        is_writing: Callable[[], bool] = lambda: False,
        now: Callable[[], int] = lambda: int(time.time() * 1000),
    ) -> None:
        """`is_busy`: something runs that should not wait for the disk. `is_writing`: a reply is being written."""
        self._database = database
        self._hub = hub
        self._is_busy = is_busy
        self._is_writing = is_writing
        self._now = now
        self._damaged = False
        self._task: asyncio.Task[None] | None = None
        self._one_at_a_time = asyncio.Lock()

    # -- quick reads ---------------------------------------------------------------------------------------------------

    def notices(self) -> list[CannotContinue]:
        """What a person should know at this start, the gravest first. Looks at names of files near the home folder."""
        made: list[CannotContinue] = []
        found = self._database.salvaged
        if found is not None and not found.is_silent:
            made.append(
                ChatsSalvaged(
                    title=mark("The file with your chats was damaged and has been mended"),
                    detail=mark("Messages read from it: {from_file}; taken from the newest copy: {from_copy}; lost: {lost}, in {lost_chats} chats."),
                    hint=mark("The damaged file is kept in {folder}. Older copies can be restored in Settings."),
                    from_file=found.from_file,
                    from_copy=found.from_copy,
                    lost=found.lost,
                    lost_chats=found.lost_chats,
                    folder=str(found.damaged),
                )
            )
        if self._damaged:
            made.append(
                ChatsDamaged(
                    title=mark("The file with your chats is damaged"),
                    detail=mark("{path} was looked through, and not all of it can be read."),
                    hint=mark("Close localstory and start it again: it then saves what can be read and fills gaps from the newest copy."),
                    path=str(self._database.path),
                )
            )
        program = synced_by(self._database.path.parent, Path.home(), os.environ)
        if program is not None:
            made.append(
                SyncedFolder(
                    title=mark("Your chats are in a folder that {program} copies to other computers"),
                    detail=mark("A database that is copied while it is written can be damaged, and two computers can overwrite each other's chats."),
                    hint=mark("Set LOCALSTORY_HOME to a folder outside of it, or exclude {folder} there. Don't run localstory on two computers at once."),
                    program=program,
                    folder=str(self._database.path.parent),
                )
            )
        return made

    def backups(self) -> list[Backup]:
        """The copies, the newest first. Raises FileTrouble."""
        try:
            return backups.listed(self._database.backups)
        except OSError as error:
            raise _trouble(self._database.backups, error) from error

    def is_backup_due(self) -> bool:
        """True when no dated copy is from the last day, and something was said since the newest."""
        now = self._now()
        dated = [one.made_at for one in self.backups() if one.kind == "dated" and one.made_at <= now]
        if not dated:
            return bool(self._database.read(lambda connection: connection.execute("SELECT 1 FROM chat LIMIT 1").fetchone()))
        return max(dated) <= now - DAY_MS and self._changed_at() > max(dated)

    def _changed_at(self) -> int:
        files = (self._database.path, self._database.path.with_name(self._database.path.name + "-wal"))
        return max((int(file.stat().st_mtime * 1000) for file in files if file.exists()), default=0)

    # -- what changes --------------------------------------------------------------------------------------------------

    async def back_up(self) -> Backup:
        """Make a copy now. Raises FileTrouble; then the older ones are untouched."""
        async with self._one_at_a_time:
            try:
                return await asyncio.to_thread(backups.make, self._database.path, self._database.backups, self._now())
            except (OSError, sqlite3.Error) as error:
                raise _trouble(self._database.backups, error) from error

    async def back_up_if_due(self) -> Backup | None:
        """The copy of the day, before something is removed for good. A copy that can't be made stops nobody: removing makes room."""
        try:
            return await self.back_up() if self._database.is_writing and await asyncio.to_thread(self.is_backup_due) else None
        except CannotContinue as trouble:
            log.warning("no copy of the chats: %s", trouble)
            return None

    async def restore(self, backup: Backup) -> Backup:
        """Everything becomes as it was in that copy; returns the copy of what was there before, which undoes it. Raises NoBackup,
        FileTrouble, DatabaseTrouble; then nothing has changed."""
        if self._is_writing():
            raise NoBackup(
                title=mark("A reply is being written"),
                hint=mark("Stop it or wait for its end, then restore the copy."),
            )
        if not await asyncio.to_thread(backups.is_usable, backup.path):
            raise NoBackup(
                title=mark("This copy can't be used"),
                detail=mark("{path} is gone, damaged, or of a newer localstory."),
                hint=mark("Choose another one."),
                path=str(backup.path),
            )
        before = await self.back_up()
        await asyncio.to_thread(self._database.replace_with, backup.path)
        # A reply that was being written when the copy was made.
        await self._database.write(
            lambda connection: connection.execute("UPDATE message SET state = 'stopped', finished_at = created_at WHERE state = 'streaming'").rowcount
        )
        self._hub.publish(Changed("chats", (), ORIGIN))
        self._hub.publish(Changed("folders", (), ORIGIN))
        return before

    async def look_through(self) -> bool:
        """Check the whole database; False when it is damaged: then `notices` says so, and the next start mends it. Raises DatabaseTrouble."""
        self._damaged = not await asyncio.to_thread(self._database.look_through)
        if self._damaged:
            self._hub.publish(Changed("safety", (), ORIGIN))
        return not self._damaged

    async def tend(self) -> None:
        """Once: what is due by now."""
        if not self._database.is_writing:
            return
        checked = read_mark(self._database.path).checked_at
        is_long_ago = not self._now() - CHECK_DAYS * DAY_MS <= checked <= self._now() + DAY_MS
        if self._database.is_check_due or is_long_ago:
            await self.look_through()
        if not self._damaged:
            await self.back_up_if_due()

    def begin(self) -> None:
        """`tend` from time to time, while nothing else runs. Belongs to the loop."""
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._tend_always())

    async def _tend_always(self) -> None:
        pause = FIRST_LOOK_S
        while True:
            await asyncio.sleep(pause)
            pause = NEXT_LOOK_S
            if self._is_busy():
                pause = _BUSY_S
                continue
            try:
                await self.tend()
            except CannotContinue as trouble:
                log.warning("the chats were not looked after: %s", trouble)

    async def end(self) -> None:
        """Stop it; a copy that is being made is finished first."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])
            self._task = None


def _trouble(folder: Path, error: Exception) -> FileTrouble:
    return FileTrouble(
        title=mark("The chats could not be copied"),
        detail=mark("{folder}: {reason}."),
        hint=mark("Free some space, or make the folder writable. Nothing else has changed."),
        folder=str(folder),
        reason=getattr(error, "strerror", None) or str(error),
    )
