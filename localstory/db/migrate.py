"""Brings a database to the newest form: numbered SQL files, each its own transaction, a checked copy before the first.

To change the schema: add `migrations/000N_what.sql` with BEGIN IMMEDIATE … PRAGMA user_version = N; COMMIT inside
(`executescript` commits what was open before it). Never edit a file that was released.
"""

from __future__ import annotations

import os
import sqlite3
from importlib import resources
from pathlib import Path
from typing import Any

from localstory.system import sync_folder

APPLICATION_ID = 0x4C535459
"""Says "this file is localstory's" ("LSTY"), as sqlite.org asks of application formats."""


def migrations() -> list[tuple[int, str, str]]:
    """Every migration as (version, name, SQL), oldest first."""
    found = []
    folder: Any = resources.files("localstory.db") / "migrations"
    for file in folder.iterdir():
        if file.name.endswith(".sql"):
            found.append((int(file.name.split("_")[0]), file.name, file.read_text("utf-8")))
    return sorted(found)


def newest_version() -> int:
    """The version this program knows."""
    return migrations()[-1][0]


def version_of(connection: sqlite3.Connection) -> int:
    """The version of an open database; 0 for a new one."""
    return int(connection.execute("PRAGMA user_version").fetchone()[0])


def migrate(connection: sqlite3.Connection, backups: Path) -> list[str]:
    """Run what is missing, in order; returns the names of what ran. Before an existing database changes, a checked
    copy of it goes to `backups`. A migration that fails leaves the database as it was. Raises sqlite3.Error, OSError."""
    before = version_of(connection)
    todo = [(version, name, sql) for version, name, sql in migrations() if version > before]
    if not todo:
        return []
    if before > 0:
        copy_checked(connection, backups / f"before-version-{todo[-1][0]}.db")
    for version, name, sql in todo:
        try:
            connection.executescript(sql)
        except BaseException:
            if connection.in_transaction:
                connection.rollback()
            raise
        if version_of(connection) != version:
            raise RuntimeError(f"{name} does not set user_version to {version}")
    return [name for _version, name, _sql in todo]


def copy_checked(connection: sqlite3.Connection, to: Path) -> None:
    """Copy the whole database to `to`, check the copy, then give it its name. Raises sqlite3.Error, OSError."""
    to.parent.mkdir(parents=True, exist_ok=True)
    part = to.with_name(f".{to.name}.part")
    part.unlink(missing_ok=True)
    copy = sqlite3.connect(part)
    try:
        connection.backup(copy)
        # The copy must be one plain file: in WAL mode its last pages could stay in a second one.
        copy.execute("PRAGMA journal_mode = DELETE")
        verdict = copy.execute("PRAGMA integrity_check").fetchone()[0]
        if verdict != "ok":
            raise sqlite3.DatabaseError(f"the copy is damaged: {verdict}")
    except BaseException:
        copy.close()
        part.unlink(missing_ok=True)
        raise
    copy.close()
    with open(part, "rb+") as file:
        os.fsync(file.fileno())
    part.replace(to)
    sync_folder(to.parent)
