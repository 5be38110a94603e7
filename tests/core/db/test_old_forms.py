"""Databases of every older form become the newest one and lose nothing."""

from __future__ import annotations

import sqlite3
from functools import partial
from pathlib import Path

import pytest

from localstory.chats import Chats, store
from localstory.chats.tree import MessageId
from localstory.db import Database, migrate
from localstory.events import Hub

OLD = [version for version, _name, _sql in migrate.migrations()[:-1]]
WORDS = ["Ngày xưa có một con rồng 🐉", "", "A dragon.\nIt sleeps.", "đường phố"]


def old_database(path: Path, version: int) -> None:
    """Chats as the program of that time wrote them: two branches, a deleted message, a deleted chat, a draft, an unfinished reply."""
    connection = sqlite3.connect(path, isolation_level=None)
    for number, _name, sql in migrate.migrations():
        if number <= version:
            connection.executescript(sql)
    for chat in (1, 2, 3):
        row = (chat, f"chat-{chat}", f"Truyện {chat}" if chat < 3 else "", "nháp 🐉", chat, chat, 7 if chat == 2 else None)
        connection.execute("INSERT INTO chat (id, uid, title, draft, created_at, used_at, deleted_at) VALUES (?, ?, ?, ?, ?, ?, ?)", row)
        for at, words in enumerate(WORDS):
            parent = None if at == 0 else chat * 10 + (0 if at > 1 else at - 1)
            role, state = ("user", "finished") if at == 0 else ("assistant", "streaming" if at == 3 else "finished")
            message = (chat * 10 + at, f"message-{chat}-{at}", chat, parent, role, words, state, 5, 9 if at == 2 else None)
            connection.execute(
                "INSERT INTO message (id, uid, chat_id, parent_id, role, text, state, created_at, deleted_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", message
            )
        connection.execute("UPDATE chat SET tip_id = ? WHERE id = ?", (chat * 10 + 1, chat))
    connection.close()


@pytest.mark.parametrize("version", OLD)
async def test_an_old_database_opens_with_everything_in_it(tmp_path: Path, version: int) -> None:
    path = tmp_path / "Những câu chuyện 🐉.db"
    old_database(path, version)
    chats = Chats(Database(path), Hub())
    await chats.open()
    try:
        assert sorted((chat.uid, chat.title, chat.draft, chat.title_by, chat.messages, chat.letters) for chat in chats.all()) == [
            ("chat-1", "Truyện 1", "nháp 🐉", "person" if version < 4 else "words", 3, sum(len(words) for words in WORDS) - len(WORDS[2])),
            ("chat-3", "", "nháp 🐉", "words", 3, sum(len(words) for words in WORDS) - len(WORDS[2])),
        ]
        first = next(chat for chat in chats.all() if chat.uid == "chat-1")
        assert [(message.text, message.state, message.mark) for message in chats.tree(first.id).messages.values()] == [
            (WORDS[0], "finished", ""), (WORDS[1], "finished", ""), (WORDS[3], "stopped", ""),
        ]  # fmt: skip
        assert first.folder_id is None and not first.pinned and first.archived_at is None and first.note == ""
    finally:
        await chats.close()
    kept = sqlite3.connect(tmp_path / "backups" / f"before-version-{migrate.newest_version()}.db")
    assert kept.execute("SELECT count(*) FROM message").fetchone() == (12,) and migrate.version_of(kept) == version
    assert kept.execute("SELECT text FROM message WHERE uid = 'message-2-2'").fetchone() == (WORDS[2],)
    kept.close()


def run(change: str, connection: sqlite3.Connection) -> None:
    connection.execute(change)


async def test_a_chat_knows_how_long_it_is_whatever_happens(tmp_path: Path) -> None:
    database = Database(tmp_path / "a.db")
    chats = Chats(database, Hub())
    await chats.open()
    try:
        chat, _message = await chats.say(None, "Một con rồng 🐉")

        def counted() -> tuple[int, int]:
            here = chats.get(chat)
            assert here is not None
            query = "SELECT count(*), coalesce(sum(length(text)), 0) FROM message WHERE chat_id = ? AND deleted_at IS NULL"
            assert (here.messages, here.letters) == database.read(lambda connection: connection.execute(query, (chat,)).fetchone())
            return here.messages, here.letters

        assert counted() == (1, len("Một con rồng 🐉"))
        await chats.say(chat, "và một cô bé")
        assert counted()[0] == 2
        await database.write(lambda connection: store.add_message(connection, chat, MessageId(2), "assistant", "", "streaming", 1))
        changes = (
            ("UPDATE message SET deleted_at = 1 WHERE id = 2", 2), ("UPDATE message SET deleted_at = 2 WHERE id = 2", 2),
            ("UPDATE message SET text = 'chữ đầu' WHERE id = 3", 2), ("UPDATE message SET deleted_at = NULL WHERE id = 2", 3),
            ("UPDATE message SET text = text || ' và nữa' WHERE id = 3", 3), ("UPDATE chat SET tip_id = NULL", 3),
            ("DELETE FROM message WHERE id = 3", 2), ("DELETE FROM message WHERE id = 2", 1),
        )  # fmt: skip
        for change, messages in changes:
            await database.write(partial(run, change))
            assert counted()[0] == messages
    finally:
        await chats.close()
