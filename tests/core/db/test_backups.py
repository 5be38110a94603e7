"""Dated copies: whole, checked, thinned, and never wiped by a clock."""

from __future__ import annotations

import asyncio
import os
import random
import sqlite3
import time
from collections.abc import AsyncGenerator
from pathlib import Path

import pytest

from localstory.chats import Chats
from localstory.db import Database, backups, migrate
from localstory.db.safety import NoBackup, Safety
from localstory.errors import FileTrouble
from localstory.events import Changed, Hub

DAY = 86_400_000
NOW = 1_800_000_000_000


class Home:
    def __init__(self, folder: Path) -> None:
        self.clock = NOW
        self.database = Database(folder / "Nhà 🐉.db", salvages=True)
        self.hub = Hub()
        self.writes = False
        self.chats = Chats(self.database, self.hub, lambda: self.clock)
        self.safety = Safety(self.database, self.hub, now=lambda: self.clock, is_writing=lambda: self.writes)

    def titles(self) -> list[str]:
        return sorted(chat.title for chat in self.chats.all())


@pytest.fixture
async def place(tmp_path: Path) -> AsyncGenerator[Home]:
    made = Home(tmp_path)
    await made.chats.open()
    await made.chats.say(None, "Con cáo đi qua khu rừng")
    yield made
    await made.safety.end()
    await made.chats.close()


def test_a_year_of_daily_copies_is_thinned_as_in_anki() -> None:
    """Two copies a day for 400 days, thinned each day: what stays was counted by hand from the rule."""
    kept: set[int] = set()
    for day in range(400):
        now = NOW + day * DAY
        kept |= {now - DAY // 2, now}
        kept -= backups.to_remove(kept, now)
    now = NOW + 399 * DAY
    ages = sorted((now - moment) / DAY for moment in kept)
    assert [age for age in ages if age < 2] == [0, 0.5, 1, 1.5]  # all of two days
    days = {int(time.strftime("%j", time.gmtime(moment / 1000))) for moment in kept if now - moment < 12 * DAY}
    assert len(days) >= 11
    assert any(age > 60 for age in ages) and any(age > 200 for age in ages) and max(ages) < 310
    assert 25 <= len(kept) <= 40


def test_thinning_twice_removes_nothing_more_and_the_newest_stays() -> None:
    rng = random.Random(3)
    for _turn in range(50):
        moments = {NOW - rng.randrange(500 * DAY) for _copy in range(rng.randrange(1, 200))}
        left = moments - backups.to_remove(moments, NOW)
        assert max(moments) in left and not backups.to_remove(left, NOW)


def test_a_clock_that_is_wrong_wipes_nothing() -> None:
    moments = {NOW - day * DAY for day in range(30)}
    assert not backups.to_remove(moments, NOW - 365 * DAY)  # all of them are from the future then
    future = {NOW + 3_650 * DAY + hour for hour in range(100)}
    assert backups.to_remove(moments | future, NOW) == backups.to_remove(moments, NOW)
    # Ten years ahead for a day: the old ones are one of each period still.
    assert len(moments - backups.to_remove(moments, NOW + 3_650 * DAY)) >= 12


def test_names_say_when(tmp_path: Path) -> None:
    assert backups.name_for(1_767_225_600_000) == "localstory-2026-01-01T00-00-00Z.db"
    assert backups.made_at("localstory-2026-01-01T00-00-00Z.db") == 1_767_225_600_000
    for name in ("localstory-2026-13-41T00-00-00Z.db", "photo.db", "localstory-2026-01-01T00-00-00Z.db.part", "before-version-4.db"):
        assert backups.made_at(name) is None
        (tmp_path / name).touch()
    backups.thin(tmp_path, NOW, most_bytes=0)
    assert len(list(tmp_path.iterdir())) == 4  # what is not ours stays


def test_too_many_bytes_take_the_oldest_but_never_three(tmp_path: Path) -> None:
    for day in range(8):
        (tmp_path / backups.name_for(NOW - day * DAY)).write_bytes(bytes(1_000))
    backups.thin(tmp_path, NOW, most_bytes=5_000)
    assert [one.made_at for one in backups.listed(tmp_path)] == [NOW - day * DAY for day in range(5)]
    backups.thin(tmp_path, NOW, most_bytes=10)
    assert [one.made_at for one in backups.listed(tmp_path)] == [NOW - day * DAY for day in range(3)]


async def test_a_copy_is_whole_and_is_made_once_a_day(place: Home) -> None:
    place.clock = int(time.time() * 1000) + 60_000
    await place.safety.tend()
    await place.safety.tend()
    made = place.safety.backups()
    assert len(made) == 1 and backups.is_usable(made[0].path)
    copy = sqlite3.connect(made[0].path)
    assert copy.execute("SELECT text FROM message").fetchall() == [("Con cáo đi qua khu rừng",)]
    assert copy.execute("PRAGMA journal_mode").fetchone() == ("delete",)
    copy.close()
    place.clock += 2 * DAY
    await place.safety.tend()
    assert len(place.safety.backups()) == 1  # nothing was said since
    await place.chats.say(None, "Và một cô bé")
    os.utime(place.database.path, (place.clock / 1000, place.clock / 1000))
    await place.safety.tend()
    assert len(place.safety.backups()) == 2
    assert not list(made[0].path.parent.glob(".*"))


async def test_an_empty_home_is_not_copied(tmp_path: Path) -> None:
    place = Home(tmp_path)
    await place.chats.open()
    await place.safety.tend()
    assert place.safety.backups() == []
    await place.chats.close()


async def test_copying_while_a_person_writes_loses_nothing(place: Home) -> None:
    said = asyncio.Event()

    async def say() -> None:
        for number in range(60):
            await place.chats.say(None, f"câu {number}")
        said.set()

    task = asyncio.create_task(say())
    copies = []
    while not said.is_set():
        copies.append(await place.safety.back_up())
    await task
    assert len({copy.path for copy in copies}) == len(copies)
    assert len(place.chats.all()) == 61 and all(backups.is_usable(one.path) for one in place.safety.backups())


async def test_restoring_and_back_again(place: Home) -> None:
    heard: list[object] = []
    place.hub.listen(heard.append)
    first = await place.safety.back_up()
    await place.chats.say(None, "Sau đó")
    place.clock += 1_000
    after = place.titles()
    before = await place.safety.restore(first)
    assert len(place.titles()) == 1 and any(isinstance(event, Changed) and event.what == "chats" for event in heard)
    await place.chats.say(None, "viết tiếp được")
    place.clock += 1_000
    await place.safety.restore(before)
    assert place.titles() == after
    await place.chats.close()
    again = Database(place.database.path, salvages=True)
    await asyncio.to_thread(again.open)
    assert again.salvaged is None and again.look_through()
    again.close()


async def test_a_copy_of_an_older_form_is_brought_up_to_date(place: Home, tmp_path: Path) -> None:
    path = tmp_path / "backups" / "before-version-3.db"
    path.parent.mkdir()
    old = sqlite3.connect(path, isolation_level=None)
    for version, _name, sql in migrate.migrations():
        if version <= 2:
            old.executescript(sql)
    old.execute("INSERT INTO chat (id, uid, title, created_at, used_at) VALUES (1, 'c', 'Xưa', 1, 1)")
    old.execute("INSERT INTO message (uid, chat_id, role, text, state, created_at) VALUES ('m', 1, 'assistant', 'nửa', 'streaming', 1)")
    old.close()
    await place.safety.restore(place.safety.backups()[0])
    assert place.titles() == ["Xưa"]
    message = next(iter(place.chats.tree(place.chats.all()[0].id).messages.values()))
    assert (message.text, message.state) == ("nửa", "stopped")
    assert (await asyncio.to_thread(place.database.look_through)) is True


@pytest.mark.parametrize("harm", ["gone", "damaged", "newer", "theirs"])
async def test_a_bad_copy_is_refused_and_nothing_changes(place: Home, harm: str) -> None:
    copy = await place.safety.back_up()
    if harm == "gone":
        copy.path.unlink()
    elif harm == "damaged":
        copy.path.write_bytes(copy.path.read_bytes()[:-5_000] + bytes(5_000)[:100])
    else:
        other = sqlite3.connect(copy.path)
        other.execute("PRAGMA user_version = 999" if harm == "newer" else "PRAGMA application_id = 7")
        other.commit()
        other.close()
    before = place.titles()
    with pytest.raises(NoBackup):
        await place.safety.restore(copy)
    assert place.titles() == before
    assert not copy.path.exists() or backups.newest_usable(copy.path.parent) is None


async def test_nothing_is_restored_under_a_reply(place: Home) -> None:
    copy = await place.safety.back_up()
    place.writes = True
    with pytest.raises(NoBackup):
        await place.safety.restore(copy)


async def test_a_folder_that_cannot_be_written_is_told_and_stops_nobody(place: Home, tmp_path: Path) -> None:
    (tmp_path / "backups").write_text("a file in the way")
    with pytest.raises(FileTrouble):
        await place.safety.back_up()
    assert await place.safety.back_up_if_due() is None
    await place.chats.say(None, "vẫn viết được")
    assert len(place.titles()) == 2


async def test_damage_found_behind_the_work_is_a_notice(place: Home) -> None:
    for number in range(400):
        await place.chats.say(None, f"câu số {number} " * 20)
    heard: list[object] = []
    place.hub.listen(heard.append)
    assert await place.safety.look_through()
    codes = [notice.code for notice in place.safety.notices()]
    assert "chats_damaged" not in codes
    place.database.submit(lambda _connection: None).result()
    writer = sqlite3.connect(place.database.path)
    writer.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    page = writer.execute("SELECT pageno FROM dbstat WHERE name = 'message' AND pagetype = 'leaf' ORDER BY pageno DESC").fetchone()[0]
    writer.close()
    whole = place.database.path.read_bytes()
    place.database.path.write_bytes(whole[: (page - 1) * 4096] + bytes(4096) + whole[page * 4096 :])
    assert not await place.safety.look_through()
    assert next(notice.code for notice in place.safety.notices()) == "chats_damaged"
    assert Changed("safety", (), "safety") in heard
