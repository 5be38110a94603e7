"""A damaged database is moved aside, whole, and what can be read of it becomes a new one, together with the newest good copy.

Rows are read in ranges; a range that can't be read is halved until only the unreadable rows are left out. Rows are told apart by
their `uid`. What is in the copy and not in the file comes back, also what had been removed for good since: better that than a loss.
"""

from __future__ import annotations

import logging
import os
import shutil
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import groupby
from pathlib import Path
from typing import Any

from localstory.db import backups, migrate
from localstory.system import sync_folder

log = logging.getLogger(__name__)

_PARTS = ("", "-wal", "-shm", "-journal")
_UNFINISHED = "unfinished"
_DERIVED = ("folded", "unfolded")
"""Tables that are made again from the others, with their shadow tables."""
_COUNTED = {"chat": ("messages", "letters")}
"""Columns that triggers keep."""
_FIRST = ("folder", "tag", "chat", "message")
_PORTION = 2_000
_MOST_FAILURES = 40_000
"""Reads of one table that may fail before the rest of it is given up: some seconds."""


@dataclass(frozen=True, slots=True)
class Salvaged:
    """What came of it. Counts are of messages."""

    damaged: Path
    """The folder that now holds the damaged file and what belongs to it."""
    copy: Path | None
    """The dated copy that filled the gaps, or None."""
    from_file: int
    from_copy: int
    lost: int
    """That chats say they had and that are in neither; chats that are lost themselves can't say."""
    lost_chats: int
    """In how many chats messages are lost."""

    @property
    def is_silent(self) -> bool:
        """True when only what is derived was damaged: nobody needs to hear of it."""
        return self.copy is None and self.lost == 0 and self.from_file > 0


@dataclass(slots=True)
class _Source:
    """A database that is read with care."""

    connection: sqlite3.Connection
    failures: int = 0
    columns: dict[str, list[str]] = field(default_factory=dict)

    def rows(self, table: str, columns: Sequence[str]) -> Iterator[tuple[Any, ...]]:
        """The rows of a table with an integer key, by key; what can't be read is left out and counted."""
        names = ", ".join(columns)
        query = f"SELECT rowid, {names} FROM {table} WHERE rowid BETWEEN ? AND ? ORDER BY rowid"
        failed = 0
        stack = [(1, self._highest(table))]
        while stack:
            low, high = stack.pop()
            if low > high:
                continue
            last = low - 1
            try:
                for row in self.connection.execute(query, (low, high)):
                    last = row[0]
                    yield row[1:]
            except sqlite3.DatabaseError:
                failed += 1
                self.failures += 1
                if failed > _MOST_FAILURES:
                    log.warning("too much of %s can't be read", table)
                    return
                if last >= low:
                    stack.append((last + 1, high))
                elif low < high:
                    middle = (low + high) // 2
                    stack += [(middle + 1, high), (low, middle)]

    def without_key(self, table: str, columns: Sequence[str]) -> Iterator[tuple[Any, ...]]:
        """The rows of a table that is its own index: from both ends, up to where it can't be read."""
        key = self.columns[table][0]
        seen = set()
        for order in ("ASC", "DESC"):
            try:
                for row in self.connection.execute(f"SELECT {', '.join(columns)} FROM {table} ORDER BY {key} {order}"):
                    if row not in seen:
                        seen.add(row)
                        yield row
                return
            except sqlite3.DatabaseError:
                self.failures += 1

    def _highest(self, table: str) -> int:
        with suppress(sqlite3.DatabaseError, TypeError):
            return int(self.connection.execute(f"SELECT max(rowid) FROM {table}").fetchone()[0] or 0)
        # A page of 4 KiB has room for some 200 of the smallest rows.
        self.failures += 1
        with suppress(sqlite3.DatabaseError):
            return int(self.connection.execute("PRAGMA page_count").fetchone()[0]) * 200
        return 1_000_000


def unfinished(database: Path) -> Path | None:
    """The folder of a salvage that was killed, or None."""
    return next((mark.parent for mark in sorted(database.parent.glob(f"damaged-*/{_UNFINISHED}"))), None)


def salvage(database: Path, backup_folder: Path) -> Salvaged:
    """Move the damaged database aside and put a new one in its place. May be killed at any moment and begun again.

    Nothing has it open meanwhile. Raises sqlite3.Error or OSError when no new one can be written (disk full): what was there is
    then in the folder beside it, whole.
    """
    aside = unfinished(database) or _move_aside(database)
    part = database.with_name(f".{database.name}.salvaged.part")
    for ending in _PARTS:
        Path(f"{part}{ending}").unlink(missing_ok=True)
    copy = backups.newest_usable(backup_folder)
    made = _build(part, aside, database.name, copy.path if copy is not None else None)
    part.replace(database)
    sync_folder(database.parent)
    (aside / _UNFINISHED).unlink(missing_ok=True)
    return made


def _move_aside(database: Path) -> Path:
    stamp = f"damaged-{datetime.now(UTC):%Y-%m-%dT%H-%M-%SZ}"
    aside, number = database.parent / stamp, 1
    while aside.exists():
        number += 1
        aside = database.parent / f"{stamp}-{number}"
    aside.mkdir()
    # First everything is in the folder, then the mark that says so, then it goes from here: a kill in between loses nothing.
    for ending in _PARTS:
        path = Path(f"{database}{ending}")
        if path.is_file():
            try:
                os.link(path, aside / path.name)
            except OSError:  # no hard links on this disk
                shutil.copy2(path, aside / path.name)
    sync_folder(aside)
    (aside / _UNFINISHED).write_text("")
    sync_folder(aside)
    for ending in reversed(_PARTS):
        Path(f"{database}{ending}").unlink(missing_ok=True)
    sync_folder(database.parent)
    return aside


def _build(part: Path, aside: Path, name: str, copy: Path | None) -> Salvaged:
    with closing(sqlite3.connect(part, isolation_level=None)) as new:
        new.execute("PRAGMA journal_mode = MEMORY")
        new.execute("PRAGMA synchronous = OFF")
        for _version, _name, sql in migrate.migrations():
            new.executescript(sql)
        new.execute("PRAGMA foreign_keys = OFF")
        tables = _tables(new)
        expected: dict[str, int] = {}
        failures = 1
        scratch = part.with_name(f".{part.name}.reading")
        try:
            for file in _ways_to_read(aside / name, copy, scratch):
                if file[0] == scratch and expected:
                    break  # the first page is good
                source = _open(file)
                if source is None:
                    continue
                with closing(source.connection):
                    _take(new, source, tables)
                    if not expected:
                        expected = _expected(source)
                    failures = source.failures
                if failures == 0 and not _missing(new, expected):
                    break
        finally:
            for ending in _PARTS:
                Path(f"{scratch}{ending}").unlink(missing_ok=True)
        from_file = _count(new)
        used = None
        if copy is not None and (failures or _missing(new, expected) or not from_file):
            source = _open((copy, False))
            if source is not None:
                with closing(source.connection):
                    before = new.total_changes
                    _take(new, source, tables)
                    used = copy if new.total_changes > before else None
        _mend(new)
        missing = _missing(new, expected)
        verdict = new.execute("PRAGMA integrity_check(3)").fetchall()
        if verdict != [("ok",)] or new.execute("PRAGMA foreign_key_check").fetchone() is not None:
            raise sqlite3.DatabaseError(f"what was salvaged is not whole: {verdict}")
        made = Salvaged(aside, used, from_file, _count(new) - from_file, sum(missing.values()), len(missing))
    with open(part, "rb+") as written:
        os.fsync(written.fileno())
    return made


def _count(connection: sqlite3.Connection) -> int:
    return int(connection.execute("SELECT count(*) FROM message").fetchone()[0])


def _ways_to_read(database: Path, copy: Path | None, scratch: Path) -> Iterator[tuple[Path, bool]]:
    """Files to read, the best first, and whether to read them without their write-ahead log."""
    if not database.is_file() or database.stat().st_size < 512:
        return
    yield database, False
    if Path(f"{database}-wal").exists():
        yield database, True
    # The first page (header and the beginning of the schema) may be gone: that of a copy, or of a new database, fits when the
    # same migrations made both.
    fresh = scratch.with_name(f"{scratch.name}.fresh")
    fresh.unlink(missing_ok=True)
    try:
        with closing(sqlite3.connect(fresh, isolation_level=None)) as made:
            made.execute("PRAGMA synchronous = OFF")
            for _version, _name, sql in migrate.migrations():
                made.executescript(sql)
        for template in [one for one in (copy, fresh) if one is not None]:
            page = template.read_bytes()[:4096] if template.stat().st_size < 1 << 20 else _head(template)
            size = int.from_bytes(page[16:18], "big")
            if size == 4096:
                shutil.copy(database, scratch)
                with open(scratch, "rb+") as patched:
                    # The header says how many pages there are (sqlite.org/fileformat2.html, offset 28).
                    patched.write(page[:28] + (database.stat().st_size // size).to_bytes(4, "big") + page[32:])
                yield scratch, True
    finally:
        fresh.unlink(missing_ok=True)


def _head(path: Path) -> bytes:
    with open(path, "rb") as file:
        return file.read(4096)


def _open(way: tuple[Path, bool]) -> _Source | None:
    path, alone = way
    try:
        connection = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro{'&immutable=1' if alone else ''}", uri=True, isolation_level=None)
    except sqlite3.Error:
        return None
    connection.text_factory = lambda value: value.decode("utf-8", "replace")
    try:
        for pragma in ("writable_schema = ON", "cell_size_check = ON", "trusted_schema = OFF", "mmap_size = 0", "query_only = ON"):
            connection.execute(f"PRAGMA {pragma}")  # writable_schema: a file that is shorter than its header says is read as well
        source = _Source(connection)
        for (table,) in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table' AND sql NOT LIKE 'CREATE VIRTUAL%'").fetchall():
            source.columns[table] = [row[1] for row in connection.execute(f"PRAGMA table_info({table})")]
        if "message" in source.columns and "chat" in source.columns:
            return source
    except sqlite3.Error as trouble:
        log.info("%s can't be read so: %s", path, trouble)
    connection.close()
    return None


def _tables(connection: sqlite3.Connection) -> dict[str, list[str]]:
    """Table -> columns of the newest form, what others refer to first."""
    query = "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite%'"
    names = [row[0] for row in connection.execute(query) if row[0].split("_")[0] not in _DERIVED]
    names.sort(key=lambda name: (_FIRST.index(name) if name in _FIRST else len(_FIRST), name))
    return {name: [row[1] for row in connection.execute(f"PRAGMA table_info({name})") if row[1] not in _COUNTED.get(name, ())] for name in names}


def _take(new: sqlite3.Connection, source: _Source, tables: dict[str, list[str]]) -> None:
    """Insert what `source` has and `new` has not. Ids that another row has by now are changed, with all that refers to them."""
    moved: dict[str, dict[int, int]] = {}
    tips: list[tuple[int, int]] = []
    new.execute("BEGIN")
    for table, known in tables.items():
        columns = [column for column in known if column in source.columns.get(table, ())]
        if not columns:
            continue
        refers = {columns.index(row[3]): row[2] for row in new.execute(f"PRAGMA foreign_key_list({table})") if row[3] in columns}
        if table == "chat" and "tip_id" in columns:
            refers.pop(columns.index("tip_id"), None)  # messages come later
        has_key = "id" in columns or table == "branch"
        rows = source.rows(table, columns) if has_key else source.without_key(table, columns)
        if "uid" in columns:
            _take_rows(new, table, columns, rows, refers, moved, tips)
        else:
            _insert(new, table, columns, (_referring(row, refers, moved) for row in rows))
    messages = moved.get("message", {})
    for chat, tip in tips:
        if tip in messages:
            new.execute("UPDATE chat SET tip_id = ? WHERE id = ?", (messages[tip], chat))
    new.execute("COMMIT")


def _referring(row: tuple[Any, ...], refers: dict[int, str], moved: dict[str, dict[int, int]]) -> tuple[Any, ...]:
    if not any(moved.get(table) for table in refers.values()):
        return row
    values = list(row)
    for at, table in refers.items():
        values[at] = moved.get(table, {}).get(values[at], values[at])
    return tuple(values)


def _take_rows(
    new: sqlite3.Connection,
    table: str,
    columns: list[str],
    rows: Iterable[tuple[Any, ...]],
    refers: dict[int, str],
    moved: dict[str, dict[int, int]],
    tips: list[tuple[int, int]],
) -> None:
    """Rows with a uid. Rows that break a rule of their table are not taken: their page was damaged."""
    uid_at, id_at = columns.index("uid"), columns.index("id")
    tip_at = columns.index("tip_id") if table == "chat" and "tip_id" in columns else None
    is_empty = new.execute(f"SELECT 1 FROM {table} LIMIT 1").fetchone() is None
    if is_empty and not any(moved.get(other) for other in refers.values()):
        _insert(new, table, columns, rows)
        return
    own = moved.setdefault(table, {})
    query = f"INSERT OR IGNORE INTO {table} ({', '.join(columns)}) VALUES ({', '.join('?' * len(columns))})"
    for row in rows:
        here = new.execute(f"SELECT id FROM {table} WHERE uid = ?", (row[uid_at],)).fetchone()
        if here is None and table == "tag":  # two tags of one name are one
            here = new.execute("SELECT id FROM tag WHERE folded = ?", (row[columns.index("folded")],)).fetchone()
        if here is not None:
            if here[0] != row[id_at]:
                own[row[id_at]] = here[0]
            continue
        values = list(_referring(row, refers, moved))
        if new.execute(f"SELECT 1 FROM {table} WHERE id = ?", (row[id_at],)).fetchone() is not None:
            values[id_at] = new.execute(f"SELECT max(id) + 1 FROM {table}").fetchone()[0]
            own[row[id_at]] = values[id_at]
        with suppress(sqlite3.IntegrityError):
            new.execute(query, values)
        if tip_at is not None and row[tip_at] is not None:
            tips.append((values[id_at], row[tip_at]))


def _insert(new: sqlite3.Connection, table: str, columns: list[str], rows: Iterable[tuple[Any, ...]]) -> None:
    query = f"INSERT OR IGNORE INTO {table} ({', '.join(columns)}) VALUES ({', '.join('?' * len(columns))})"
    for _number, numbered in groupby(enumerate(rows), key=lambda one: one[0] // _PORTION):
        portion = [row for _at, row in numbered]
        try:
            new.executemany(query, portion)
        except sqlite3.IntegrityError:  # a wrong type: bytes that are no row
            for row in portion:
                with suppress(sqlite3.IntegrityError):
                    new.execute(query, row)


def _expected(source: _Source) -> dict[str, int]:
    """Chat's uid -> how many messages in sight it said it had."""
    if "messages" not in source.columns["chat"]:
        return {}
    return {uid: count for uid, count in source.rows("chat", ("uid", "messages")) if isinstance(uid, str) and isinstance(count, int)}


def _missing(new: sqlite3.Connection, expected: dict[str, int]) -> dict[str, int]:
    """Chat's uid -> how many messages are missing."""
    have: dict[str, int] = dict(new.execute("SELECT uid, messages FROM chat").fetchall())
    return {uid: count - have.get(uid, 0) for uid, count in expected.items() if count > have.get(uid, 0)}


def _mend(new: sqlite3.Connection) -> None:
    """Make the tree whole where rows are missing: nothing that was saved may hang in the air."""
    triggers = new.execute("SELECT name, sql FROM sqlite_schema WHERE type = 'trigger'").fetchall()
    new.execute("BEGIN")
    # A chat that is lost, while messages of it are here, gets its row back.
    new.execute(
        "INSERT INTO chat (id, uid, created_at, used_at) SELECT chat_id, lower(hex(randomblob(16))), min(created_at), max(created_at) "
        "FROM message WHERE chat_id NOT IN (SELECT id FROM chat) GROUP BY chat_id"
    )
    for name, _sql in triggers:
        new.execute(f"DROP TRIGGER {name}")
    new.execute(
        "UPDATE chat SET (messages, letters) = (SELECT count(*), coalesce(sum(length(text)), 0) FROM message "
        "WHERE message.chat_id = chat.id AND message.deleted_at IS NULL)"
    )
    # The message before the one that is lost is most likely what it answered.
    new.execute(
        "UPDATE message SET parent_id = (SELECT max(before.id) FROM message AS before WHERE before.chat_id = message.chat_id "
        "AND before.id < min(message.parent_id, message.id)) WHERE parent_id IS NOT NULL AND NOT EXISTS "
        "(SELECT 1 FROM message AS up WHERE up.id = message.parent_id AND up.chat_id = message.chat_id AND up.id <> message.id)"
    )
    new.execute(
        "UPDATE chat SET tip_id = (SELECT max(id) FROM message WHERE message.chat_id = chat.id AND message.deleted_at IS NULL) "
        "WHERE NOT EXISTS (SELECT 1 FROM message WHERE message.id = chat.tip_id AND message.chat_id = chat.id) "
        "AND (tip_id IS NOT NULL OR EXISTS (SELECT 1 FROM message WHERE message.chat_id = chat.id AND message.deleted_at IS NULL))"
    )
    for _round in range(10):
        broken = new.execute("PRAGMA foreign_key_check").fetchall()
        if not broken:
            break
        for table, row, _other, number in broken:
            column = next(one[3] for one in new.execute(f"PRAGMA foreign_key_list({table})") if one[0] == number)
            must = next(bool(one[3]) or bool(one[5]) for one in new.execute(f"PRAGMA table_info({table})") if one[1] == column)
            if row is None:  # a table without row ids
                other = next(one for one in new.execute(f"PRAGMA foreign_key_list({table})") if one[0] == number)
                new.execute(f"DELETE FROM {table} WHERE {column} IS NOT NULL AND {column} NOT IN (SELECT {other[4] or 'id'} FROM {other[2]})")
            elif must:
                new.execute(f"DELETE FROM {table} WHERE rowid = ?", (row,))
            else:
                new.execute(f"UPDATE {table} SET {column} = NULL WHERE rowid = ?", (row,))
    for _name, sql in triggers:
        new.execute(sql)
    # All is folded anew, whatever triggers noted.
    new.execute("INSERT OR IGNORE INTO unfolded (id) SELECT id FROM message WHERE state <> 'streaming' UNION ALL SELECT -id FROM chat")
    new.execute("COMMIT")
