"""The one connection that writes, in a thread of its own, and read-only connections for quick reads.

SQLite before 3.51.3 can damage a WAL database when two connections write or checkpoint at once
(sqlite.org/wal.html#walresetbug), and Python often links an older one. So exactly one connection writes, in the process
that holds `home.lock`. Nobody else calls `sqlite3.connect` (tests/core/db looks).
"""

from __future__ import annotations

import asyncio
import sqlite3
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

from localstory.db import backups, migrate
from localstory.db.end_mark import change_mark, read_mark
from localstory.db.salvage import Salvaged, salvage, unfinished
from localstory.errors import CannotContinue
from localstory.words import mark

T = TypeVar("T")

_PRAGMAS = (
    "PRAGMA synchronous = FULL",
    "PRAGMA foreign_keys = ON",
    "PRAGMA busy_timeout = 5000",
    "PRAGMA trusted_schema = OFF",
    "PRAGMA cell_size_check = ON",
    "PRAGMA mmap_size = 0",
)


class DatabaseTrouble(CannotContinue):
    """The database can't be opened, read or written: disk full, no permission, damaged file."""

    code = "database_trouble"


class DatabaseDamaged(DatabaseTrouble):
    """What stands in the file is not what SQLite wrote there."""

    code = "database_damaged"


CHECK_SECONDS = 1.0
"""Of a start after an unclean end that the look through the whole database may take; the rest of it is done in the background."""


class NewerDatabase(CannotContinue):
    """A newer localstory wrote this database; we read it and never write."""

    code = "newer_database"

    def __init__(self, path: Path, found: int, known: int) -> None:
        super().__init__(
            title=mark("Your chats were written by a newer localstory"),
            detail=mark("{path} has version {found}; this program knows versions up to {known}. You can read, but nothing is changed."),
            hint=mark("Start the newer localstory, or set LOCALSTORY_HOME to another folder."),
            path=str(path),
            found=found,
            known=known,
        )


_MOST_VERSIONS = 100_000
"""No program has so many: a damaged header."""


def _text(value: bytes) -> str:
    return value.decode("utf-8", "replace")


def _has_chats(connection: sqlite3.Connection) -> bool:
    names = {row[0] for row in connection.execute("SELECT name FROM sqlite_schema")}
    return {"chat", "message", "message_is_immutable"} <= names


class Database:
    """One SQLite file. `open` first, then `write` from the asyncio loop and `read` from any thread; `close` at the end.

    With `salvages` a damaged file is moved aside at the start, and what can be saved of it becomes a new one.
    """

    def __init__(self, path: Path, backups: Path | None = None, *, salvages: bool = False) -> None:
        self.path = path
        self.salvaged: Salvaged | None = None
        """What came of a damaged file, when there was one at the start."""
        self.is_check_due = False
        """True when the whole was not looked through after an unclean end, for lack of time."""
        self.read_only_because: CannotContinue | None = None
        self.before_commit: Callable[[sqlite3.Connection], None] | None = None
        """Done at the end of every transaction, inside it: what is derived is kept in step."""
        self.backups = backups or path.parent / "backups"
        """The folder of its copies."""
        self._salvages = salvages
        self._writer: sqlite3.Connection | None = None
        self._thread: ThreadPoolExecutor | None = None
        self._own = threading.local()
        self._readers: list[sqlite3.Connection] = []
        self._lock = threading.Lock()

    def open(self) -> None:
        """Open, check and migrate; blocks for some milliseconds, so call it off the Qt thread.

        A database of a newer program opens for reading only, and `read_only_because` says why. Raises DatabaseTrouble
        when the file is damaged, is not a database or can't be written.
        """
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="localstory-db")
        try:
            self._thread.submit(self._open_or_salvage).result()
        except BaseException:
            self.close()
            raise

    def _open_or_salvage(self) -> None:
        if not self._salvages:
            self._open_writer()
            return
        try:
            # An empty file where copies are is no new beginning.
            is_emptied = self.path.is_file() and self.path.stat().st_size == 0 and backups.newest_usable(self.backups) is not None
            if unfinished(self.path) is not None or is_emptied:
                self.salvaged = salvage(self.path, self.backups)
            try:
                self._open_writer()
                return
            except DatabaseDamaged:
                if self.salvaged is not None:
                    raise
            self.salvaged = salvage(self.path, self.backups)
        except (sqlite3.Error, OSError) as error:
            raise self._trouble(error) from error
        change_mark(self.path, damaged=False)
        self._open_writer()

    def _look_through(self, connection: sqlite3.Connection) -> None:
        """After an unclean end, and when damage was seen: a quick check. Raises DatabaseDamaged."""
        mark = read_mark(self.path)
        if mark.clean and not mark.damaged:
            return
        end = time.monotonic() + CHECK_SECONDS
        if not mark.damaged:
            connection.set_progress_handler(lambda: int(time.monotonic() > end), 20_000)
        try:
            # Where damage was seen the indexes are compared as well.
            verdict = connection.execute(f"PRAGMA {'integrity' if mark.damaged else 'quick'}_check(1)").fetchone()[0]
        except sqlite3.OperationalError as error:
            if "interrupt" not in str(error):
                raise
            self.is_check_due = True
            return
        finally:
            connection.set_progress_handler(None, 0)
        if verdict != "ok":
            raise self._trouble(sqlite3.DatabaseError(f"damaged: {verdict}"))
        change_mark(self.path, damaged=False, checked_at=int(time.time() * 1000))

    def _open_writer(self) -> None:
        is_new = not self.path.exists()
        try:
            # isolation_level None: we say BEGIN and COMMIT ourselves.
            connection = sqlite3.connect(self.path, isolation_level=None, check_same_thread=False)
        except sqlite3.Error as error:
            raise self._trouble(error) from error
        try:
            found, known = migrate.version_of(connection), migrate.newest_version()
            owner = connection.execute("PRAGMA application_id").fetchone()[0]
            if self._salvages and (found < 0 or found > _MOST_VERSIONS or (found > 0 and owner != migrate.APPLICATION_ID and _has_chats(connection))):
                raise sqlite3.DatabaseError(f"damaged: version {found} of {owner:x}")
            if found > 0 and owner != migrate.APPLICATION_ID:
                raise self._not_ours()
            if found > known:
                self.read_only_because = NewerDatabase(self.path, found, known)
                connection.close()
                return
            if found == 0 and connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0]:
                raise self._not_ours()
            connection.execute("PRAGMA journal_mode = WAL")
            for pragma in _PRAGMAS:
                connection.execute(pragma)
            connection.text_factory = _text
            if self._salvages and not is_new and found > 0:
                self._look_through(connection)
            migrate.migrate(connection, self.backups)
        except (sqlite3.Error, OSError) as error:
            connection.close()
            raise self._trouble(error) from error
        except BaseException:
            connection.close()
            raise
        if self._salvages:
            change_mark(self.path, clean=False)
        self._writer = connection

    @property
    def is_writing(self) -> bool:
        """True while this process may write it: open, and not of a newer program."""
        return self._writer is not None

    def submit(self, work: Callable[[sqlite3.Connection], T]) -> Future[T]:
        """Queue `work(connection)` for the writer's thread as one transaction; what is queued is done, whatever happens
        to the one who asked. The future raises what `work` raises (then nothing was written), or DatabaseTrouble."""
        if self.read_only_because is not None:
            raise self.read_only_because
        if self._thread is None or self._writer is None:
            raise RuntimeError("the database is not open")
        writer = self._writer

        def transaction() -> T:
            try:
                writer.execute("BEGIN IMMEDIATE")
                try:
                    result = work(writer)
                    if self.before_commit is not None:
                        self.before_commit(writer)
                except BaseException:
                    if writer.in_transaction:
                        writer.execute("ROLLBACK")
                    raise
                writer.execute("COMMIT")
            except (sqlite3.OperationalError, sqlite3.DatabaseError) as error:
                if writer.in_transaction:
                    writer.execute("ROLLBACK")
                if isinstance(error, (sqlite3.IntegrityError, sqlite3.ProgrammingError)):
                    raise  # a mistake of ours
                raise self._trouble(error) from error
            return result

        return self._thread.submit(transaction)

    async def write(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Do `work(connection)` as one transaction; when this returns it is on the disk. Cancelling the waiting task does
        not undo it."""
        return await asyncio.shield(asyncio.wrap_future(self.submit(work)))

    def read(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Do a quick read on this thread's own read-only connection. Raises DatabaseTrouble."""
        connection: sqlite3.Connection | None = getattr(self._own, "connection", None)
        try:
            if connection is None:
                connection = sqlite3.connect(f"{self.path.absolute().as_uri()}?mode=ro", uri=True, isolation_level=None, check_same_thread=False)
                connection.execute("PRAGMA query_only = ON")
                connection.execute("PRAGMA busy_timeout = 5000")
                connection.execute("PRAGMA trusted_schema = OFF")
                self._own.connection = connection
                with self._lock:
                    self._readers.append(connection)
            try:
                return work(connection)
            except sqlite3.OperationalError as error:
                if "decode" not in str(error):
                    raise
                # A damaged letter must not hide a whole chat. Not always so: it is slower for many rows.
                connection.text_factory = _text
                return work(connection)
        except (sqlite3.OperationalError, sqlite3.DatabaseError) as error:
            if isinstance(error, (sqlite3.IntegrityError, sqlite3.ProgrammingError)):
                raise
            raise self.read_only_because or self._trouble(error) from error

    def close(self) -> None:
        """Finish what is queued, then close every connection. Closing twice is harmless."""
        if self._thread is not None:
            self._thread.shutdown(wait=True)
            self._thread = None
        with self._lock:
            readers, self._readers = self._readers, []
        for reader in readers:
            reader.close()
        self._own = threading.local()
        if self._writer is not None:
            self._writer.close()
            self._writer = None
            if self._salvages:
                change_mark(self.path, clean=not self.is_check_due)

    def replace_with(self, copy: Path) -> None:
        """Everything becomes as it is in `copy`, a database of ours of this or an older form, in one step that a crash undoes. Waits
        for what is queued. Raises DatabaseTrouble."""
        if self.read_only_because is not None:
            raise self.read_only_because
        if self._thread is None or self._writer is None:
            raise RuntimeError("the database is not open")
        writer = self._writer

        def work() -> None:
            try:
                source = sqlite3.connect(f"{copy.absolute().as_uri()}?mode=ro", uri=True)
                try:
                    source.backup(writer)
                finally:
                    source.close()
                migrate.migrate(writer, self.backups)
            except (sqlite3.Error, OSError) as error:
                raise self._trouble(error) from error

        self._thread.submit(work).result()

    def look_through(self) -> bool:
        """Check the whole file, from any thread: False when it is damaged, which the next start then mends. Seconds for a million
        messages; others read and write meanwhile. Raises DatabaseTrouble when it can't be read at all."""
        try:
            connection = sqlite3.connect(f"{self.path.absolute().as_uri()}?mode=ro", uri=True, isolation_level=None)
            try:
                connection.execute("PRAGMA cell_size_check = ON")
                verdict = connection.execute("PRAGMA integrity_check(1)").fetchone()[0]
            finally:
                connection.close()
        except sqlite3.Error as error:
            if isinstance(self._trouble(error), DatabaseDamaged):
                return False
            raise self._trouble(error) from error
        self.is_check_due = False
        if verdict == "ok":
            change_mark(self.path, checked_at=int(time.time() * 1000))
            return True
        change_mark(self.path, damaged=True)
        return False

    def _trouble(self, error: Exception) -> DatabaseTrouble:
        reason = str(error)
        if "not a database" in reason or "malformed" in reason or "damaged" in reason:
            if self._salvages and self._writer is not None:
                change_mark(self.path, damaged=True)  # the next start looks closely
            return DatabaseDamaged(
                title=mark("The file with your chats is damaged"),
                detail=mark("{path}: {reason}."),
                hint=mark("Move it away together with the files of the same name beside it; localstory then starts a new one. Copies are in {backups}."),
                path=str(self.path), reason=reason, backups=str(self.backups),
            )  # fmt: skip
        if "full" in reason:
            return DatabaseTrouble(
                title=mark("Not saved: the disk is full"),
                detail=mark("{path}: {reason}."),
                hint=mark("Free some space, then do it again."),
                path=str(self.path), reason=reason,
            )  # fmt: skip
        return DatabaseTrouble(
            title=mark("The file with your chats can't be used"),
            detail=mark("{path}: {reason}."),
            hint=mark("Make the file and its folder writable, then start localstory again."),
            path=str(self.path), reason=reason,
        )  # fmt: skip

    def _not_ours(self) -> DatabaseTrouble:
        return DatabaseTrouble(
            title=mark("This is not localstory's database"),
            detail=mark("{path} belongs to another program."),
            hint=mark("Move it away, or set LOCALSTORY_HOME to another folder."),
            path=str(self.path),
        )
