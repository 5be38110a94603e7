from __future__ import annotations

import asyncio
import re
import sqlite3
import threading
from pathlib import Path

import pytest

from localstory.db import Database, DatabaseTrouble, NewerDatabase, migrate

REPOSITORY = Path(__file__).parents[3]


def shape(path: Path) -> list[tuple[str, str]]:
    connection = sqlite3.connect(path)
    try:
        found = connection.execute("SELECT name, sql FROM sqlite_schema WHERE sql IS NOT NULL ORDER BY name").fetchall()
        return [*found, ("version", str(migrate.version_of(connection)))]
    finally:
        connection.close()


def test_opening_twice_changes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    for _turn in range(2):
        database = Database(path)
        database.open()
        database.close()
    first = shape(path)
    connection = sqlite3.connect(path)
    assert migrate.migrate(connection, tmp_path / "backups") == []
    connection.close()
    assert shape(path) == first
    assert dict(first)["version"] == str(migrate.newest_version())
    assert not (tmp_path / "backups").exists()


def test_step_by_step_is_the_same_as_fresh(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    steps = migrate.migrations()
    more = [
        *steps,
        (steps[-1][0] + 1, "next.sql", f"BEGIN IMMEDIATE; ALTER TABLE chat ADD COLUMN next_one TEXT; PRAGMA user_version = {steps[-1][0] + 1}; COMMIT;"),
    ]
    stepwise, fresh = tmp_path / "stepwise.db", tmp_path / "fresh.db"
    database = Database(stepwise)
    database.open()
    asyncio.run(database.write(lambda connection: connection.execute("INSERT INTO chat (uid, created_at, used_at) VALUES ('kept', 1, 1)").rowcount))
    database.close()
    monkeypatch.setattr(migrate, "migrations", lambda: more)
    for path in (stepwise, fresh):
        database = Database(path)
        database.open()
        database.close()
    assert shape(stepwise) == shape(fresh)
    # The copy made before is whole and is the old form.
    backup = next((tmp_path / "backups").glob("*.db"))
    assert dict(shape(backup))["version"] == str(steps[-1][0])
    kept = sqlite3.connect(backup)
    assert kept.execute("SELECT uid FROM chat").fetchall() == [("kept",)]
    kept.close()


def test_a_failing_migration_leaves_the_database_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.db"
    database = Database(path)
    database.open()
    database.close()
    before = shape(path)
    steps = migrate.migrations()
    broken = "BEGIN IMMEDIATE; CREATE TABLE half (a); ALTER TABLE nothing ADD COLUMN x; PRAGMA user_version = 99; COMMIT;"
    monkeypatch.setattr(migrate, "migrations", lambda: [*steps, (99, "broken.sql", broken)])
    with pytest.raises(DatabaseTrouble):
        Database(path).open()
    assert shape(path) == before


def test_a_newer_database_is_read_and_never_written(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    database = Database(path)
    database.open()
    database.close()
    connection = sqlite3.connect(path)
    connection.execute("INSERT INTO chat (uid, created_at, used_at) VALUES ('mine', 1, 1)")
    connection.commit()
    connection.execute("PRAGMA user_version = 4711")
    connection.close()
    database = Database(path)
    database.open()
    assert isinstance(database.read_only_because, NewerDatabase)
    assert database.read(lambda connection: connection.execute("SELECT uid FROM chat").fetchall()) == [("mine",)]
    with pytest.raises(NewerDatabase):
        asyncio.run(database.write(lambda connection: connection.execute("DELETE FROM chat")))
    database.close()
    assert dict(shape(path))["version"] == "4711"


@pytest.mark.parametrize("content", [b"this is a letter, not a database " * 40, b"SQLite format 3\x00" + b"\xff" * 4000])
def test_a_file_that_is_no_database_is_refused_and_kept(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "a.db"
    path.write_bytes(content)
    with pytest.raises(DatabaseTrouble):
        Database(path).open()
    assert path.read_bytes() == content


def test_another_programs_database_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    other = sqlite3.connect(path)
    other.execute("CREATE TABLE theirs (a)")
    other.close()
    with pytest.raises(DatabaseTrouble):
        Database(path).open()


def test_a_folder_in_the_way_is_a_clear_error(tmp_path: Path) -> None:
    (tmp_path / "a.db").mkdir()
    with pytest.raises(DatabaseTrouble):
        Database(tmp_path / "a.db").open()


async def test_a_full_disk_is_told_and_nothing_half_written_stays(tmp_path: Path) -> None:
    database = Database(tmp_path / "a.db")
    await asyncio.to_thread(database.open)

    def pages_are_up(connection: sqlite3.Connection) -> None:
        connection.execute(f"PRAGMA max_page_count = {connection.execute('PRAGMA page_count').fetchone()[0] + 2}")

    database.submit(pages_are_up).result()
    with pytest.raises(DatabaseTrouble) as caught:
        await database.write(
            lambda connection: connection.execute("INSERT INTO chat (uid, title, created_at, used_at) VALUES ('x', ?, 1, 1)", ("y" * 100_000,))
        )
    assert "full" in str(caught.value)
    assert database.read(lambda connection: connection.execute("SELECT count(*) FROM chat").fetchone()) == (0,)
    database.submit(lambda connection: connection.execute("PRAGMA max_page_count = 1000000")).result()
    await database.write(lambda connection: connection.execute("INSERT INTO chat (uid, created_at, used_at) VALUES ('x', 1, 1)"))
    await asyncio.to_thread(database.close)


async def test_what_was_asked_is_written_even_when_nobody_waits(tmp_path: Path) -> None:
    database = Database(tmp_path / "a.db")
    await asyncio.to_thread(database.open)
    gate = threading.Event()
    blocker = database.submit(lambda _connection: gate.wait(5))
    write = asyncio.create_task(
        database.write(lambda connection: connection.execute("INSERT INTO chat (uid, created_at, used_at) VALUES ('x', 1, 1)").rowcount)
    )
    await asyncio.sleep(0.02)
    write.cancel()
    gate.set()
    await asyncio.wait([write])
    await asyncio.to_thread(database.close)
    assert blocker.done()
    database = Database(tmp_path / "a.db")
    await asyncio.to_thread(database.open)
    assert database.read(lambda connection: connection.execute("SELECT count(*) FROM chat").fetchone()) == (1,)
    await asyncio.to_thread(database.close)


def test_readers_cannot_write(tmp_path: Path) -> None:
    database = Database(tmp_path / "a.db")
    database.open()
    with pytest.raises(DatabaseTrouble):
        database.read(lambda connection: connection.execute("DELETE FROM chat"))
    database.close()


def test_a_finished_message_never_changes(tmp_path: Path) -> None:
    database = Database(tmp_path / "a.db")
    database.open()

    def fill(connection: sqlite3.Connection) -> None:
        connection.execute("INSERT INTO chat (id, uid, created_at, used_at) VALUES (1, 'c', 1, 1)")
        connection.execute("INSERT INTO message (uid, chat_id, role, text, state, created_at) VALUES ('m', 1, 'user', 'said', 'finished', 1)")

    database.submit(fill).result()
    with pytest.raises(sqlite3.IntegrityError):
        database.submit(lambda connection: connection.execute("UPDATE message SET text = 'unsaid'")).result()
    database.close()


def test_the_settings_of_the_writer(tmp_path: Path) -> None:
    database = Database(tmp_path / "a.db")
    database.open()

    def look(connection: sqlite3.Connection) -> list[object]:
        return [
            connection.execute(f"PRAGMA {name}").fetchone()[0] for name in ("journal_mode", "synchronous", "foreign_keys", "trusted_schema", "application_id")
        ]

    assert database.submit(look).result() == ["wal", 2, 1, 0, migrate.APPLICATION_ID]
    database.close()


def test_only_db_opens_sqlite() -> None:
    """Two writing connections can damage a WAL database before SQLite 3.51.3, so nobody else may open one."""
    guilty = [
        file.relative_to(REPOSITORY)
        for folder in ("localstory", "ui")
        for file in (REPOSITORY / folder).rglob("*.py")
        if "db" not in file.parts and re.search(r"sqlite3\.connect\(", file.read_text("utf-8"))
    ]
    assert guilty == []
