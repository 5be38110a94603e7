"""What 10,000 chats with 1,000,000 messages cost the core: start, opening a chat, searching, and what the index adds to a write.

usage: python -m tests.bench.chats_store [--chats 10000] [--messages 1000000] [--json]
The database is made once (some minutes) and kept in the user's cache; the start is measured in a process of its own. Wall times,
the files in the system's cache, as on the second start of a day.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import shutil
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from localstory.chats import Chats, search_index
from localstory.chats.search import ChatSearch, Filters
from localstory.chats.tree import ChatId
from localstory.db import Database, migrate
from localstory.events import Hub

START_S, OPEN_MS, SEARCH_MS = 2.0, 150.0, 50.0
LONG_CHATS = {1: 1_000, 2: 20_000}
"""Chat -> messages; the others share the rest."""

_SUBJECTS = "con cáo|cô bé|the fox|người lái đò|the old lamp|một ngôi sao|bà ngoại|the river|chú mèo|the night train".split("|")
_VERBS = "đi qua|looks for|hát về|remembers|gặp|is afraid of|kể chuyện|walks along|mơ thấy|opens".split("|")
_PLACES = "khu rừng nhỏ|the quiet hill|con đường làng|a house by the sea|bến sông|the last station|ngọn đồi|the library".split("|")
_NAMES = "Minh Lan Hùng Mai Anna Tom Clara Bảo Quân Yến".split()


def words(rng: random.Random) -> str:
    """One to six sentences, English and Vietnamese mixed, about 25 words."""
    made = []
    for _sentence in range(rng.choice((1, 1, 2, 2, 3, 6))):
        made.append(f"{rng.choice(_SUBJECTS).capitalize()} {rng.choice(_VERBS)} {rng.choice(_PLACES)}, {rng.choice(_NAMES)} nói w{rng.randrange(60_000)}.")
    return " ".join(made)


def rows(chats: int, messages: int) -> Iterator[tuple[Any, ...]]:
    """Messages of every chat in the order of their ids: turns, every twelfth reply a second version."""
    rng = random.Random(7)
    short = (messages - sum(LONG_CHATS.values())) // max(1, chats - len(LONG_CHATS))
    number = 0
    for chat in range(1, chats + 1):
        parent: int | None = None
        before: int | None = None
        for at in range(LONG_CHATS.get(chat, short)):
            number += 1
            again = at % 12 == 11
            role = "user" if at % 2 == 0 else "assistant"
            yield number, uuid.UUID(int=rng.getrandbits(128)).hex, chat, before if again else parent, role, words(rng), 1_700_000_000_000 + number
            if not again:
                before, parent = parent, number


def database_of(chats: int, messages: int) -> Path:
    """The big database, made when it is not there yet."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "localstory-bench"
    path = cache / f"chats-{migrate.newest_version()}-{chats}-{messages}.db"
    if path.exists():
        return path
    cache.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(".part")
    part.unlink(missing_ok=True)
    begun = time.monotonic()
    connection = sqlite3.connect(part, isolation_level=None)
    connection.execute("PRAGMA synchronous = OFF")
    connection.execute("PRAGMA journal_mode = MEMORY")
    for _version, _name, sql in migrate.migrations():
        connection.executescript(sql)
    connection.execute("BEGIN")
    rng = random.Random(8)
    connection.executemany("INSERT INTO folder (id, uid, parent_id, name, position, created_at) VALUES (?, ?, ?, ?, ?, 1)", [
        (number, f"folder-{number}", number // 5 or None, f"{rng.choice(_PLACES)} {number}", number * 1024.0) for number in range(1, 61)])  # fmt: skip
    connection.executemany("INSERT INTO chat (id, uid, title, created_at, used_at, folder_id, pinned) VALUES (?, ?, ?, ?, ?, ?, ?)", [
        (number, f"chat-{number}", f"{rng.choice(_SUBJECTS)} {rng.choice(_VERBS)} {rng.choice(_PLACES)}", number, 1_700_000_000_000 + number * 60_000,
         rng.choice((None, rng.randint(1, 60))), int(number % 500 == 0)) for number in range(1, chats + 1)])  # fmt: skip
    insert = "INSERT INTO message (id, uid, chat_id, parent_id, role, text, state, created_at) VALUES (?, ?, ?, ?, ?, ?, 'finished', ?)"
    connection.executemany(insert, rows(chats, messages))
    connection.execute("UPDATE chat SET tip_id = (SELECT max(id) FROM message WHERE message.chat_id = chat.id)")
    connection.execute("COMMIT")
    print(f"written in {time.monotonic() - begun:.0f} s", file=sys.stderr)
    begun = time.monotonic()
    while True:
        connection.execute("BEGIN")
        some = search_index.drain(connection, 20_000)
        connection.execute("COMMIT")
        if not some:
            break
    took = time.monotonic() - begun
    print(f"folded and indexed in {took:.0f} s, {messages / took:,.0f} a second; {part.stat().st_size / 2**20:,.0f} MiB", file=sys.stderr)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.close()
    part.replace(path)
    return path


def start(home: Path) -> dict[str, Any]:
    """In a process of its own: everything the core does until the list can be shown."""
    begun = time.perf_counter()
    from localstory.app import open_app

    app = open_app(home)
    app.runtime.run(app.open_data())
    every = app.chats.all()
    folders, tags = app.organiser.folders(), app.organiser.tags_by_chat()
    took = time.perf_counter() - begun
    begun = time.perf_counter()
    app.chats.all()
    listed = time.perf_counter() - begun
    import resource

    app.close()
    return {
        "start_s": took, "list_ms": listed * 1000, "chats": len(every), "folders": len(folders), "tags": len(tags),
        "rss_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000,
    }  # fmt: skip


def timed(work: Callable[[], Any], times: int = 7) -> float:
    """Median milliseconds."""
    took = []
    for _time in range(times):
        begun = time.perf_counter()
        work()
        took.append((time.perf_counter() - begun) * 1000)
    return statistics.median(took)


def measure(path: Path) -> list[tuple[str, float, float | None, str]]:
    """Rows of the table: what, figure, bar, unit."""
    made: list[tuple[str, float, float | None, str]] = []
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder) / "Nhà 🐉"
        home.mkdir()
        shutil.copy(path, home / "localstory.db")
        started = []
        for _time in range(3):
            command = [sys.executable, "-m", "tests.bench.chats_store", "--start", str(home)]
            started.append(json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout))
        middle = sorted(started, key=lambda one: one["start_s"])[1]
        made.append(("start of the core, all chats read", middle["start_s"], START_S, "s"))
        made.append(("every chat read again", middle["list_ms"], None, "ms"))
        made.append(("memory of the core then", middle["rss_mb"], None, "MB"))
        made += asyncio.run(work_in(home / "localstory.db"))
    return made


async def work_in(path: Path) -> list[tuple[str, float, float | None, str]]:
    database = Database(path)
    chats, search = Chats(database, Hub()), ChatSearch(database)
    await chats.open()
    made: list[tuple[str, float, float | None, str]] = []
    for chat, label in ((500, "short"), (1, "1,000"), (2, "20,000")):
        found = chats.tree(ChatId(chat))
        tip = chats.get(ChatId(chat))
        assert tip is not None
        made.append((
            f"open a chat of {len(found.messages):,} messages" + (" (the usual length here)" if label == "short" else ""),
            timed(lambda chat=chat, tip=tip: chats.tree(ChatId(chat)).path(tip.tip_id)), OPEN_MS if label != "20,000" else None, "ms"))  # type: ignore[misc]  # fmt: skip
    queries = {
        "one word in half of all": "cao", "three words": "fox hill minh", "a phrase": '"con duong lang"', "no marks": "nguoi lai do", "one letter typed": "d",
        "a word in a few": "w31415 ", "a word nobody wrote": "xylophone ", "two rare words": "w31415 w2718 ", "a common word without another": "fox -minh",
    }  # fmt: skip
    for label, query in queries.items():
        hits = search.find(query)
        made.append((f"search: {label} ({len(hits.hits)} hits)", timed(lambda query=query: search.find(query)), SEARCH_MS, "ms"))  # type: ignore[misc]
    where = Filters(folder=search_folder(database))
    made.append((f"search in one folder ({len(search.find('fox', where).hits)} hits)", timed(lambda: search.find("fox", where)), SEARCH_MS, "ms"))
    where = Filters(role="assistant", chat=ChatId(700))
    made.append((f"search in one chat ({len(search.find('fox', where).hits)} hits)", timed(lambda: search.find("fox", where)), SEARCH_MS, "ms"))
    rng = random.Random(1)
    kept, database.before_commit = database.before_commit, None
    took: dict[str, list[float]] = {"without": [], "with": []}
    for number in range(200):  # in turn, so that whatever slows the disk slows both
        label = ("without", "with")[number % 2]
        database.before_commit = kept if label == "with" else None
        begun = time.perf_counter()
        await chats.say(ChatId(500), words(rng))
        took[label].append((time.perf_counter() - begun) * 1000)
    for label, times in took.items():
        made.append((f"a message said, {label} the index", statistics.median(times), None, "ms"))
    made.append(("the index adds to a message said", made[-1][1] / made[-2][1], None, "x"))
    await chats.close()
    return made


def search_folder(database: Database) -> Any:
    query = "SELECT folder_id FROM chat WHERE folder_id IS NOT NULL GROUP BY 1 ORDER BY count(*) LIMIT 1"
    return database.read(lambda connection: connection.execute(query).fetchone()[0])


def main() -> None:
    parser = argparse.ArgumentParser(prog="chats_store", description=__doc__)
    parser.add_argument("--chats", type=int, default=10_000)
    parser.add_argument("--messages", type=int, default=1_000_000)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--start", type=Path)
    given = parser.parse_args()
    if given.start is not None:
        print(json.dumps(start(given.start)))
        return
    table = measure(database_of(given.chats, given.messages))
    if given.json:
        print(json.dumps([{"what": what, "figure": figure, "bar": bar, "unit": unit} for what, figure, bar, unit in table]))
        return
    print(f"{given.chats:,} chats, {given.messages:,} messages")
    for what, figure, bar, unit in table:
        said = "" if bar is None else f"bar {bar:g} {unit}: {'met' if figure <= bar else 'MISSED'}, {figure / bar:.2f} of it"
        print(f"{what:58} {figure:9.2f} {unit:3} {said}")


if __name__ == "__main__":
    main()
