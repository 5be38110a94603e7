"""Databases damaged in many ways: what can be read comes back, and the counts are true."""

from __future__ import annotations

import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from localstory.db import Database, DatabaseDamaged, DatabaseTrouble, NewerDatabase, backups, migrate
from localstory.db.end_mark import EndMark, mark_file, read_mark

PAGE = 4096
Rows = dict[str, tuple[object, ...]]


def fill(path: Path, messages: int, chats: int = 20, first: int = 1) -> None:
    """Chats as the program writes them: linear, with second versions, and the words of search beside them."""
    rng = random.Random(first)
    connection = sqlite3.connect(path, isolation_level=None)
    if migrate.version_of(connection) == 0:
        for _number, _name, sql in migrate.migrations():
            connection.executescript(sql)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("BEGIN")
    if first == 1:
        connection.execute("INSERT INTO folder (id, uid, name, created_at) VALUES (1, 'f1', 'Truyện dài 🐉', 1)")
        connection.execute("INSERT INTO tag (id, uid, name, folded) VALUES (1, 't1', 'Ý tưởng', 'y tuong')")
        for chat in range(1, chats + 1):
            connection.execute(
                "INSERT INTO chat (id, uid, title, folder_id, created_at, used_at) VALUES (?, ?, ?, ?, 1, 1)",
                (chat, f"chat-{chat}", f"Đường {chat}", 1 if chat % 2 else None),
            )
            connection.execute("INSERT INTO chat_tag VALUES (?, 1)", (chat,))
    for number in range(first, first + messages):
        chat = number % chats + 1
        parent = number - chats if number > chats else None
        words = " ".join(rng.choice(("đường", "cáo", "fox", "night", "🐉", "rừng")) for _word in range(rng.randint(5, 60)))
        connection.execute(
            "INSERT INTO message (id, uid, chat_id, parent_id, role, text, state, created_at) VALUES (?, ?, ?, ?, 'user', ?, 'finished', 1)",
            (number, f"message-{number}", chat, parent, words),
        )
        connection.execute("UPDATE chat SET tip_id = ? WHERE id = ?", (number, chat))
    connection.execute("COMMIT")
    connection.close()


def rows(path: Path, table: str = "message") -> Rows:
    connection = sqlite3.connect(path)
    connection.text_factory = lambda value: value.decode("utf-8", "replace")
    try:
        columns = "uid, chat_id, role, text, state, mark" if table == "message" else "uid, title, note"
        return {row[0]: row for row in connection.execute(f"SELECT {columns} FROM {table}")}
    finally:
        connection.close()


def opened(path: Path) -> Database:
    """Through the program's own way; what it holds then is whole."""
    database = Database(path, salvages=True)
    database.open()
    if database.salvaged is None and not database.look_through():  # an index that doesn't agree: found in the background
        database.close()
        database.open()
        assert database.salvaged is not None
    assert database.read(lambda connection: connection.execute("PRAGMA integrity_check").fetchall()) == [("ok",)]
    assert database.read(lambda connection: connection.execute("PRAGMA foreign_key_check").fetchall()) == []
    counts = "SELECT count(*) FROM chat WHERE messages <> (SELECT count(*) FROM message WHERE chat_id = chat.id AND deleted_at IS NULL)"
    assert database.read(lambda connection: connection.execute(counts).fetchone()) == (0,)
    return database


def pages_of(path: Path, *tables: str) -> list[int]:
    """Page numbers (from 1) of these tables' trees."""
    connection = sqlite3.connect(path)
    try:
        found = []
        for table in tables:
            try:
                found += [row[0] for row in connection.execute("SELECT pageno FROM dbstat WHERE name = ? AND pageno > 1", (table,))]
            except sqlite3.OperationalError:
                pytest.skip("this SQLite tells nothing of pages")
        return found
    finally:
        connection.close()


def damage(path: Path, where: list[tuple[int, bytes]]) -> None:
    with open(path, "rb+") as file:
        for at, content in where:
            file.seek(at)
            file.write(content)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """4,000 messages in 20 chats, checkpointed: some hundred pages."""
    path = tmp_path_factory.mktemp("nguồn 🐉") / "a.db"
    fill(path, 4_000)
    return path


@pytest.fixture
def kept(tmp_path: Path, whole: Path) -> Path:
    path = tmp_path / "Nhà của tôi 🐉" / "a.db"
    path.parent.mkdir()
    shutil.copy(whole, path)
    return path


def test_a_database_that_is_well_is_left_alone(kept: Path, whole: Path) -> None:
    database = opened(kept)
    database.close()
    assert database.salvaged is None and rows(kept) == rows(whole) and not list(kept.parent.glob("damaged-*"))
    assert read_mark(kept).clean


@pytest.mark.parametrize("seed", range(6))
def test_leaves_of_messages_are_lost_alone_and_counted(kept: Path, whole: Path, seed: int) -> None:
    """1 % of the pages of messages are noise, without any copy to help."""
    rng = random.Random(seed)
    inner = sqlite3.connect(kept)
    leaves = [row[0] for row in inner.execute("SELECT pageno FROM dbstat WHERE name = 'message' AND pagetype = 'leaf'")]
    inner.close()
    hit = rng.sample(leaves, max(1, len(leaves) // 100))
    damage(kept, [((page - 1) * PAGE, rng.randbytes(PAGE)) for page in hit])
    begun = time.monotonic()
    database = opened(kept)
    took = time.monotonic() - begun
    database.close()
    after, before = rows(kept), rows(whole)
    made = database.salvaged
    assert made is not None and took < 10
    assert all(before[uid] == row for uid, row in after.items())
    assert made.lost == len(before) - len(after) > 0 and made.from_file == len(after) and made.from_copy == 0
    assert len(after) >= 0.97 * len(before)
    lost = {row[1] for uid, row in before.items() if uid not in after}
    assert made.lost_chats == len(lost)
    assert rows(kept, "chat") == rows(whole, "chat")
    # What was damaged is kept as it was.
    found = (made.damaged / "a.db").read_bytes()
    assert len(found) == whole.stat().st_size and found != whole.read_bytes()


@pytest.mark.parametrize("seed", range(10))
def test_with_a_copy_nothing_in_it_is_lost(kept: Path, whole: Path, seed: int) -> None:
    """Any pages at all: 1 bit, 1 page, 1 %, 10 %, the first."""
    backups.make(kept, kept.parent / "backups", 1_800_000_000_000)
    fill(kept, 300, first=4_001)  # said after the copy
    before, copied = rows(kept), rows(whole)
    rng = random.Random(seed)
    pages = kept.stat().st_size // PAGE
    how: list[Callable[[], list[tuple[int, bytes]]]] = [
        lambda: [(rng.randrange(pages * PAGE), rng.randbytes(1))],
        lambda: [(rng.randrange(1, pages) * PAGE, rng.randbytes(PAGE))],
        lambda: [(rng.randrange(1, pages) * PAGE, bytes(PAGE)) for _page in range(pages // 100)],
        lambda: [(rng.randrange(1, pages) * PAGE, rng.randbytes(PAGE)) for _page in range(pages // 10)],
        lambda: [(0, bytes(100))],
        lambda: [(0, rng.randbytes(PAGE))],
    ]
    damage(kept, how[seed % len(how)]())
    begun = time.monotonic()
    database = opened(kept)
    took = time.monotonic() - begun
    database.close()
    after = rows(kept)
    assert set(after) >= set(copied)
    assert set(after) <= set(before) and took < 10
    if database.salvaged is not None:
        assert database.salvaged.from_file + database.salvaged.from_copy == len(after)
    else:  # a bit in a text, or in a free place: SQLite has no checksums
        assert set(after) == set(before)


@pytest.mark.parametrize("content", [b"", b"a letter, no database " * 400, b"SQLite format 3\x00" + b"\xff" * 40_000])
def test_a_file_that_is_gone_comes_back_from_the_newest_good_copy(kept: Path, whole: Path, content: bytes) -> None:
    backups.make(kept, kept.parent / "backups", 1_800_000_000_000)
    bad = backups.make(kept, kept.parent / "backups", 1_800_086_400_000)
    damage(bad.path, [(at, b"\xff" * 50) for at in range(0, bad.size_bytes, PAGE)])
    kept.write_bytes(content)
    database = opened(kept)
    database.close()
    assert rows(kept) == rows(whole) and rows(kept, "chat") == rows(whole, "chat")
    made = database.salvaged
    assert made is not None and made.copy is not None and made.copy.name == backups.name_for(1_800_000_000_000)
    assert (made.from_file, made.from_copy, made.lost) == (0, 4_000, 0) and not made.is_silent
    assert (made.damaged / "a.db").read_bytes() == content


@pytest.mark.parametrize("length", [100, PAGE])
def test_the_beginning_of_the_file_is_gone_and_there_is_no_copy(kept: Path, whole: Path, length: int) -> None:
    damage(kept, [(0, bytes(length))])
    database = opened(kept)
    database.close()
    assert rows(kept) == rows(whole) and rows(kept, "chat") == rows(whole, "chat")
    assert database.salvaged is not None and (database.salvaged.from_file, database.salvaged.lost) == (4_000, 0)


def test_a_cut_file_gives_what_is_before_the_cut(kept: Path, whole: Path) -> None:
    size = kept.stat().st_size
    os.truncate(kept, size * 7 // 10 // PAGE * PAGE + 100)
    database = opened(kept)
    database.close()
    after, before = rows(kept), rows(whole)
    assert len(after) > 1_000 and all(before[uid] == row for uid, row in after.items())
    assert database.salvaged is not None and database.salvaged.from_file == len(after)


def test_only_the_words_of_search_are_damaged(kept: Path, whole: Path) -> None:
    connection = sqlite3.connect(kept, isolation_level=None)
    connection.execute("INSERT INTO folded SELECT id, text FROM message")
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()
    damage(kept, [((page - 1) * PAGE, bytes(PAGE)) for page in pages_of(kept, "folded")[:3]])
    database = opened(kept)
    assert database.read(lambda connection: connection.execute("SELECT count(*) FROM unfolded").fetchone()) == (4_020,)
    database.close()
    assert rows(kept) == rows(whole)
    assert database.salvaged is not None and database.salvaged.is_silent


def test_an_index_is_damaged_and_what_was_removed_stays_away(kept: Path) -> None:
    backups.make(kept, kept.parent / "backups", 1_800_000_000_000)
    connection = sqlite3.connect(kept, isolation_level=None)
    connection.execute("UPDATE chat SET tip_id = 3979 WHERE id = 20")
    connection.execute("DELETE FROM message WHERE id = 3999")
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()
    damage(kept, [((page - 1) * PAGE, b"\xff" * 200) for page in pages_of(kept, "message_parent")[:2]])
    database = opened(kept)
    database.close()
    assert database.salvaged is not None and database.salvaged.is_silent
    assert "message-3999" not in rows(kept) and len(rows(kept)) == 3_999


def test_ids_used_again_after_the_copy_are_told_apart(kept: Path) -> None:
    """The last message is removed and another gets its number: both are kept when the copy must help."""
    backups.make(kept, kept.parent / "backups", 1_800_000_000_000)
    connection = sqlite3.connect(kept, isolation_level=None)
    connection.execute("UPDATE chat SET tip_id = NULL WHERE id = 1")
    connection.execute("DELETE FROM message WHERE id = 4000")
    connection.execute(
        "INSERT INTO message (id, uid, chat_id, parent_id, role, text, state, created_at) VALUES (4000, 'new', 2, 3981, 'user', 'mới', 'finished', 2)"
    )
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()
    damage(kept, [((page - 1) * PAGE, bytes(PAGE)) for page in pages_of(kept, "message")[5:8]])
    database = opened(kept)
    database.close()
    after = rows(kept)
    assert after["new"][3] == "mới" and after["message-4000"][1] == 1 and len(after) == 4_001


def test_the_write_ahead_log_belongs_to_the_set(kept: Path, whole: Path) -> None:
    """Words that stand only in the log are salvaged too."""
    code = (
        "import sqlite3, os, sys\nc = sqlite3.connect(sys.argv[1], isolation_level=None)\nc.execute('PRAGMA wal_autocheckpoint = 0')\n"
        "c.execute(\"INSERT INTO message (uid, chat_id, role, text, state, created_at) VALUES ('late', 1, 'user', 'đêm qua', 'finished', 1)\")\nos._exit(9)"
    )
    assert subprocess.run([sys.executable, "-c", code, str(kept)], check=False).returncode == 9
    assert Path(f"{kept}-wal").stat().st_size
    damage(kept, [((page - 1) * PAGE, bytes(PAGE)) for page in pages_of(whole, "message")[-4:-2]])
    database = opened(kept)
    database.close()
    assert rows(kept)["late"][3] == "đêm qua"
    assert database.salvaged is not None and (database.salvaged.damaged / "a.db-wal").exists()


def test_a_log_of_another_day_does_no_harm(kept: Path, whole: Path) -> None:
    other = kept.parent / "other.db"
    fill(other, 500)
    code = (
        "import sqlite3, os, sys\nc = sqlite3.connect(sys.argv[1], isolation_level=None)\nc.execute('PRAGMA wal_autocheckpoint = 0')\n"
        "c.execute(\"UPDATE message SET mark = 'bad'\")\nos._exit(9)"
    )
    subprocess.run([sys.executable, "-c", code, str(other)], check=False)
    backups.make(kept, kept.parent / "backups", 1_800_000_000_000)
    shutil.copy(f"{other}-wal", f"{kept}-wal")
    database = opened(kept)
    database.close()
    assert set(rows(kept)) >= set(rows(whole))


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_salvage_that_is_killed_goes_on(tmp_path: Path) -> None:
    """Killed at each of its steps on the disk; then opened as usual."""
    kept = tmp_path / "a.db"
    fill(kept, 400)
    copied = rows(kept)
    backups.make(kept, kept.parent / "backups", 1_800_000_000_000)
    fill(kept, 100, first=401)
    before = rows(kept)
    damage(kept, [((page - 1) * PAGE, bytes(PAGE)) for page in pages_of(kept, "message")[1:2]])
    image = kept.read_bytes()
    ended = step = 0
    while not ended:
        step += 1
        for path in [*kept.parent.glob("a.db*"), *kept.parent.glob(".a.db*")]:
            path.unlink()
        for folder in kept.parent.glob("damaged-*"):
            shutil.rmtree(folder)
        kept.write_bytes(image)
        child = os.fork()
        if child == 0:
            count = 0

            def hook(event: str, _arguments: tuple[object, ...], step: int = step) -> None:
                nonlocal count
                if event in ("os.link", "os.remove", "os.rename", "os.mkdir", "sqlite3.connect"):
                    count += 1
                    if count == step:
                        os.kill(os.getpid(), signal.SIGKILL)

            sys.addaudithook(hook)
            try:
                database = Database(kept, salvages=True)
                database.open()
                database.close()
            finally:
                os._exit(0)
        _pid, status = os.waitpid(child, 0)
        ended = int(os.WIFEXITED(status))
        database = opened(kept)
        database.close()
        after = rows(kept)
        assert set(after) >= set(copied), f"killed at step {step}"
        assert len(after) >= len(before) - 40, f"killed at step {step}"
    assert step > 12, step


def test_damage_without_the_right_to_salvage_is_told(kept: Path) -> None:
    kept.write_bytes(b"a letter, no database " * 400)
    with pytest.raises(DatabaseDamaged):
        Database(kept).open()
    assert not list(kept.parent.glob("damaged-*"))


def test_another_programs_database_is_never_touched(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    other = sqlite3.connect(path)
    other.execute("CREATE TABLE theirs (a)")
    other.execute("PRAGMA user_version = 3")
    other.commit()
    other.close()
    content = path.read_bytes()
    with pytest.raises(DatabaseTrouble):
        Database(path, salvages=True).open()
    assert path.read_bytes() == content and not list(tmp_path.glob("damaged-*"))


def test_a_newer_database_is_not_taken_for_a_damaged_one(kept: Path) -> None:
    connection = sqlite3.connect(kept)
    connection.execute("PRAGMA user_version = 4711")
    connection.commit()
    connection.close()
    database = Database(kept, salvages=True)
    database.open()
    assert isinstance(database.read_only_because, NewerDatabase) and database.salvaged is None
    database.close()


def test_the_mark_of_the_end(kept: Path) -> None:
    database = Database(kept, salvages=True)
    database.open()
    assert not read_mark(kept).clean  # a kill from here on is an unclean end
    database.close()
    assert read_mark(kept).clean
    for content in (b"", b"[]", b"{", b'{"clean": 1, "checked_at": "x"}', b"\xff", b"[" * 100_000):
        mark_file(kept).write_bytes(content)
        assert read_mark(kept) == EndMark()


def test_damage_that_is_met_at_work_is_mended_by_the_next_start(kept: Path, whole: Path) -> None:
    first = opened(kept)
    first.close()
    damage(kept, [((page - 1) * PAGE, bytes(PAGE)) for page in pages_of(kept, "message")[3:5]])
    second = Database(kept, salvages=True)
    second.open()  # the end was clean: no look through
    assert second.salvaged is None
    assert second.look_through() is False
    second.close()
    third = opened(kept)
    third.close()
    assert third.salvaged is not None and third.salvaged.lost == len(rows(whole)) - len(rows(kept)) > 0
    fourth = opened(kept)
    fourth.close()
    assert fourth.salvaged is None
