"""A database that is never on a disk: the same tables, in memory, gone with the program."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

from localstory.db import migrate
from localstory.db.connection import Database

T = TypeVar("T")


class MemoryDatabase(Database):
    """As `Database`, with one connection for all. No journal, no index, no temporary table of it is ever a file."""

    def __init__(self) -> None:
        super().__init__(Path(":memory:"))
        self._alone = threading.RLock()

    def open(self) -> None:
        """Make the tables. Blocks for some milliseconds."""
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="localstory-memory")
        connection = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
        for pragma in ("temp_store = MEMORY", "journal_mode = MEMORY", "foreign_keys = ON", "trusted_schema = OFF", "secure_delete = ON"):
            connection.execute(f"PRAGMA {pragma}")
        migrate.migrate(connection, self.backups)  # from nothing: no copy is made
        self._writer = connection

    def submit(self, work: Callable[[sqlite3.Connection], T]) -> Future[T]:
        """As `Database.submit`."""
        if self._thread is None or self._writer is None:
            raise RuntimeError("the database is not open")
        writer = self._writer

        def transaction() -> T:
            with self._alone:
                writer.execute("BEGIN")
                try:
                    result = work(writer)
                except BaseException:
                    writer.execute("ROLLBACK")
                    raise
                writer.execute("COMMIT")
                return result

        return self._thread.submit(transaction)

    def read(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """As `Database.read`; waits for a transaction, which here takes less than a millisecond."""
        with self._alone:
            if self._writer is None:
                raise RuntimeError("the database is not open")
            return work(self._writer)

    def close(self) -> None:
        """Forget everything. Closing twice is harmless."""
        if self._thread is not None:
            self._thread.shutdown(wait=True)
            self._thread = None
        with self._alone:
            if self._writer is not None:
                self._writer.close()
                self._writer = None
