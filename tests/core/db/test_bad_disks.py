"""A disk that is full, a file that may not grow, a file that may not be written: what was acknowledged stays, and work goes on after."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from localstory.chats import Chats
from localstory.db import Database, DatabaseTrouble, migrate
from localstory.db.safety import Safety
from localstory.db.salvage import salvage
from localstory.errors import FileTrouble
from localstory.events import Hub
from tests.core.db.test_old_forms import OLD, WORDS, old_database
from tests.core.db.test_salvage import PAGE, damage, fill, opened, rows


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 2 MB; needs the right to mount."""
    folder = tmp_path / "đĩa nhỏ 🐉"
    folder.mkdir()
    if sys.platform != "linux" or not shutil.which("mount"):
        pytest.skip("no tmpfs here")
    made = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(folder)], check=False, capture_output=True)
    if made.returncode:
        pytest.skip("not allowed to mount")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


@pytest.fixture
def in_memory(tmp_path: Path) -> Iterator[Path]:
    """A folder that waits for no disk, where there is one: a kill asks nothing of the disk."""
    memory = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=memory if os.access(memory, os.W_OK) else tmp_path) as folder:
        yield Path(folder)


async def test_a_full_disk_loses_nothing_that_was_said_and_goes_on_with_room(small_disk: Path) -> None:
    path = small_disk / "a.db"
    chats = Chats(Database(path, salvages=True), Hub())
    await chats.open()
    chat, _message = await chats.say(None, "câu đầu tiên")
    (small_disk / "phim.mp4").write_bytes(bytes(1_200_000))
    said, refused = ["câu đầu tiên"], 0
    for number in range(400):
        text = f"câu {number} " * 100
        try:
            await chats.say(chat, text)
            said.append(text)
        except DatabaseTrouble as trouble:
            refused += 1
            assert trouble.title == "Not saved: the disk is full"
            if refused > 5:
                break
    assert refused > 5 and len(said) > 10
    assert [message.text for message in chats.tree(chat).messages.values()] == said
    (small_disk / "phim.mp4").unlink()
    await chats.say(chat, "lại có chỗ")
    assert [message.text for message in chats.tree(chat).messages.values()] == [*said, "lại có chỗ"]
    await chats.close()
    database = opened(path)
    assert database.salvaged is None
    database.close()


async def test_a_copy_needs_room_and_leaves_nothing_half_made(small_disk: Path) -> None:
    path = small_disk / "a.db"
    fill(path, 1_500)
    database = Database(path, salvages=True)
    safety = Safety(database, Hub())
    await asyncio.to_thread(database.open)
    room = os.statvfs(small_disk).f_bavail * os.statvfs(small_disk).f_frsize
    (small_disk / "phim.mp4").write_bytes(bytes(max(0, room - 100_000)))
    with pytest.raises(FileTrouble):
        await safety.back_up()
    assert list((small_disk / "backups").iterdir()) == []
    (small_disk / "phim.mp4").unlink()
    await safety.back_up()
    assert len(safety.backups()) == 1
    database.close()


def test_a_salvage_without_room_is_told_and_goes_on_with_room(small_disk: Path) -> None:
    path = small_disk / "a.db"
    fill(path, 1_500)
    whole = rows(path)
    damage(path, [(PAGE * 20, bytes(PAGE))])
    room = os.statvfs(small_disk).f_bavail * os.statvfs(small_disk).f_frsize
    (small_disk / "phim.mp4").write_bytes(bytes(max(0, room - 60_000)))
    with pytest.raises((DatabaseTrouble, OSError, sqlite3.Error)):
        Database(path, salvages=True).open()
    (small_disk / "phim.mp4").unlink()
    database = opened(path)
    database.close()
    assert len(rows(path)) > 1_400 and set(rows(path)) <= set(whole)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_writes_that_fail_at_any_size_of_the_file_lose_nothing_that_was_said(tmp_path: Path) -> None:
    """The system refuses bytes beyond a limit (EFBIG, which SQLite reports as an I/O error), at thirty limits."""
    import resource

    first = tmp_path / "first.db"
    fill(first, 300)
    grown = first.stat().st_size
    for number in range(30):
        path = tmp_path / f"a{number}.db"
        shutil.copy(first, path)
        reader, writer = os.pipe()
        child = os.fork()
        if child == 0:
            try:
                signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
                limit = grown // 40 + number * grown // 30  # of the log as well as of the database
                resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))

                async def say(path: Path = path, writer: int = writer) -> None:
                    chats = Chats(Database(path, salvages=True), Hub())
                    await chats.open()
                    for turn in range(120):
                        try:
                            _chat, message = await chats.say(None, f"câu {turn} " * 50)
                            os.write(writer, f"{message} ".encode())
                        except DatabaseTrouble:
                            os.write(writer, b"x ")
                    os._exit(0)  # as if killed

                asyncio.run(say())
            except DatabaseTrouble:
                os._exit(0)  # couldn't even open
            finally:
                os._exit(1)
        os.close(writer)
        with os.fdopen(reader) as journal:
            told = journal.read().split()
        _pid, status = os.waitpid(child, 0)
        assert os.waitstatus_to_exitcode(status) == 0
        database = opened(path)
        assert database.salvaged is None
        here = {row[0] for row in database.read(lambda connection: connection.execute("SELECT id FROM message").fetchall())}
        database.close()
        assert here >= {int(one) for one in told if one != "x"} and len(here) >= 300


def test_a_disk_that_becomes_read_only_is_told_and_nothing_is_moved(small_disk: Path) -> None:
    path = small_disk / "a.db"
    fill(path, 10)
    whole = path.read_bytes()
    if subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=False, capture_output=True).returncode:
        pytest.skip("not allowed to remount")
    with pytest.raises(DatabaseTrouble) as caught:
        Database(path, salvages=True).open()
    assert caught.value.code == "database_trouble"  # not damaged, and not moved
    subprocess.run(["mount", "-o", "remount,rw", str(small_disk)], check=True)
    assert not list(small_disk.glob("damaged-*")) and len(path.read_bytes()) >= len(whole)
    database = opened(path)
    database.close()
    assert database.salvaged is None and len(rows(path)) == 10


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.parametrize("version", OLD)
def test_a_migration_that_is_killed_at_any_statement_loses_nothing(in_memory: Path, version: int) -> None:
    """Killed before each statement (from the oldest form; every fourth from the others), then opened as usual."""
    image = in_memory / "old.db"
    old_database(image, version)
    step, ended = 0, False
    while not ended:
        step += 1 if version == OLD[0] else 4
        path = in_memory / "a.db"
        for file in [*in_memory.glob("a.db*")]:
            file.unlink()
        shutil.copy(image, path)
        child = os.fork()
        if child == 0:
            count = 0

            def look(_statement: str, step: int = step) -> None:
                nonlocal count
                count += 1
                if count == step:
                    os.kill(os.getpid(), signal.SIGKILL)

            connection = sqlite3.connect(path, isolation_level=None)
            connection.execute("PRAGMA journal_mode = WAL")
            connection.set_trace_callback(look)
            try:
                migrate.migrate(connection, in_memory / "backups")
            finally:
                os._exit(0)
        _pid, status = os.waitpid(child, 0)
        ended = os.WIFEXITED(status)
        database = Database(path, in_memory / "backups", salvages=True)
        database.open()
        assert database.salvaged is None
        assert [row[0] for row in database.read(lambda connection: connection.execute("SELECT text FROM message ORDER BY id").fetchall())] == WORDS * 3, (
            f"killed at {step}"
        )
        database.close()
        check = sqlite3.connect(path)
        assert migrate.version_of(check) == migrate.newest_version() and check.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        check.close()
    assert step > (60 if version == OLD[0] else 5), step


def test_an_unknown_salvage_folder_is_no_trouble(tmp_path: Path) -> None:
    """Folders of earlier damage stay where they are and are not taken up again."""
    path = tmp_path / "a.db"
    fill(path, 50)
    damage(path, [(0, bytes(100))])
    made = salvage(path, tmp_path / "backups")
    assert made.from_file == 50
    database = opened(path)
    database.close()
    assert database.salvaged is None and made.damaged.is_dir()
