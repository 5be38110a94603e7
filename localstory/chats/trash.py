"""What was taken out of sight: listed, brought back, or removed for good. SQL for the caller's transaction, and the count of days."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from localstory.chats import organising
from localstory.chats.organising import in_portions, nearest_folder, places
from localstory.chats.outline import first_words
from localstory.chats.store import FolderId
from localstory.chats.tree import ChatId

KEPT_DAYS = 30
_DAY_MS = 86_400_000
_DAYS_OF_USE = 4
"""On how many days since the deletion localstory must have run before anything is removed by time."""
_MOST_DAYS = 400


@dataclass(frozen=True, slots=True)
class Trashed:
    """One entry of the trash: a chat, a folder with what was in it, or messages that were deleted together."""

    kind: Literal["chat", "folder", "messages"]
    ids: tuple[int, ...]
    title: str
    deleted_at: int
    days_left: int
    chat_id: ChatId | None = None
    """Of messages: their chat."""


def listed(connection: sqlite3.Connection, now: int) -> list[Trashed]:
    """The entries, the latest first. What went with a folder is not listed on its own."""
    made: list[Trashed] = []
    moments: dict[int, int] = {}
    for folder, parent, name, deleted in connection.execute(
        "SELECT folder.id, up.deleted_at, folder.name, folder.deleted_at FROM folder LEFT JOIN folder AS up ON up.id = folder.parent_id "
        "WHERE folder.deleted_at IS NOT NULL"
    ):
        moments[folder] = deleted
        if parent != deleted:
            made.append(Trashed("folder", (folder,), name, deleted, _left(deleted, now)))
    for chat, folder, title, deleted in connection.execute("SELECT id, folder_id, title, deleted_at FROM chat WHERE deleted_at IS NOT NULL"):
        if moments.get(folder) != deleted:
            made.append(Trashed("chat", (chat,), title, deleted, _left(deleted, now)))
    together: dict[tuple[int, int], list[tuple[int, str]]] = {}
    for message, chat, text, deleted in connection.execute(
        "SELECT message.id, message.chat_id, substr(message.text, 1, 400), message.deleted_at FROM message JOIN chat ON chat.id = message.chat_id "
        "WHERE message.deleted_at IS NOT NULL AND chat.deleted_at IS NULL AND NOT (message.state = 'failed' AND message.text = '') ORDER BY message.id"
    ):
        together.setdefault((chat, deleted), []).append((message, text))
    for (chat, deleted), some in together.items():
        made.append(Trashed("messages", tuple(one for one, _text in some), first_words(some[0][1]), deleted, _left(deleted, now), ChatId(chat)))
    return sorted(made, key=lambda one: (-one.deleted_at, one.kind, one.ids))


def _left(deleted: int, now: int) -> int:
    return max(0, min(KEPT_DAYS, KEPT_DAYS - (now - deleted) // _DAY_MS))


def restore(connection: sqlite3.Connection, what: Sequence[Trashed]) -> list[ChatId]:
    """Bring entries back; returns the chats that changed."""
    changed: list[int] = []
    for entry in what:
        if entry.kind == "folder":
            within = [one for folder in entry.ids for one in organising.inside(connection, FolderId(folder))]
            for some in in_portions(within):
                query = f"UPDATE chat SET deleted_at = NULL WHERE deleted_at = ? AND folder_id IN ({places(some)}) RETURNING id"
                changed += [row[0] for row in connection.execute(query, (entry.deleted_at, *some)).fetchall()]
                connection.execute(f"UPDATE folder SET deleted_at = NULL WHERE deleted_at = ? AND id IN ({places(some)})", (entry.deleted_at, *some))
            for folder in entry.ids:
                nearest_folder(connection, "folder", folder)
        elif entry.kind == "chat":
            organising.set_deleted(connection, "chat", entry.ids, None)
            for chat in entry.ids:
                nearest_folder(connection, "chat", chat)
            changed += entry.ids
        else:
            changed += _restore_messages(connection, entry.ids)
    return [ChatId(one) for one in dict.fromkeys(changed)]


def _restore_messages(connection: sqlite3.Connection, messages: Sequence[int]) -> list[int]:
    """With the messages before them, for a branch without its beginning is none. The chat shows the last one."""
    up = "WITH RECURSIVE up(id) AS (SELECT ? UNION SELECT message.parent_id FROM message JOIN up ON message.id = up.id WHERE message.parent_id IS NOT NULL) "
    chats: list[int] = []
    for message in messages:
        connection.execute(f"UPDATE message SET deleted_at = NULL WHERE deleted_at IS NOT NULL AND id IN ({up} SELECT id FROM up)", (message,))
        query = "UPDATE chat SET tip_id = ?1 WHERE id = (SELECT chat_id FROM message WHERE id = ?1) RETURNING id"
        chats += [row[0] for row in connection.execute(query, (message,)).fetchall()]
    return chats


# -- for good ------------------------------------------------------------------------------------------------------------


def remove(connection: sqlite3.Connection, what: Iterable[Trashed]) -> int:
    """Remove entries for good; returns how many chats and messages went. What is back in sight stays."""
    gone = 0
    for entry in what:
        if entry.kind == "folder":
            within = [one for folder in entry.ids for one in organising.inside(connection, FolderId(folder))]
            for some in in_portions(within):
                query = f"SELECT id FROM chat WHERE deleted_at = ? AND folder_id IN ({places(some)})"
                gone += remove_chats(connection, [row[0] for row in connection.execute(query, (entry.deleted_at, *some)).fetchall()])
            remove_folders(connection, within)
        elif entry.kind == "chat":
            gone += remove_chats(connection, entry.ids)
        else:
            gone += remove_messages(connection, entry.ids)
    return gone


def remove_old(connection: sqlite3.Connection, now: int, limit: int | None) -> int:
    """Remove what was deleted before `limit` (None: nothing). What seems to be deleted in the future (a clock that was ahead) is
    dated today, so that its 30 days begin."""
    for table in ("chat", "message", "folder"):
        connection.execute(f"UPDATE {table} SET deleted_at = ? WHERE deleted_at > ?", (now, now + _DAY_MS))
    if limit is None:
        return 0
    gone = remove_chats(connection, [row[0] for row in connection.execute("SELECT id FROM chat WHERE deleted_at < ?", (limit,)).fetchall()])
    gone += remove_messages(connection, [row[0] for row in connection.execute("SELECT id FROM message WHERE deleted_at < ?", (limit,)).fetchall()])
    remove_folders(connection, [row[0] for row in connection.execute("SELECT id FROM folder WHERE deleted_at < ?", (limit,)).fetchall()])
    return gone


def remove_chats(connection: sqlite3.Connection, chats: Iterable[int]) -> int:
    """Remove deleted chats with all that belongs to them."""
    gone = 0
    for portion in in_portions(chats):
        some = [row[0] for row in connection.execute(f"SELECT id FROM chat WHERE deleted_at IS NOT NULL AND id IN ({places(portion)})", portion).fetchall()]
        marks = places(some)
        connection.execute(f"UPDATE chat SET tip_id = NULL WHERE id IN ({marks})", some)
        connection.execute(f"DELETE FROM summary WHERE chat_id IN ({marks})", some)
        connection.execute(f"DELETE FROM branch WHERE message_id IN (SELECT id FROM message WHERE chat_id IN ({marks}))", some)
        connection.execute(f"DELETE FROM chat_tag WHERE chat_id IN ({marks})", some)
        # Answers have larger ids than what they answer, so the last go first.
        rows = connection.execute(f"SELECT id FROM message WHERE chat_id IN ({marks}) ORDER BY id DESC", some).fetchall()
        connection.executemany("DELETE FROM message WHERE id = ?", rows)
        connection.execute(f"DELETE FROM chat WHERE id IN ({marks})", some)
        gone += len(some)
    connection.execute("DELETE FROM tag WHERE NOT EXISTS (SELECT 1 FROM chat_tag WHERE tag_id = tag.id)")
    return gone


def remove_messages(connection: sqlite3.Connection, messages: Iterable[int]) -> int:
    """Remove deleted messages. One stays as long as something in sight, or still in the trash, comes after it: the tree stays whole."""
    gone = 0
    for message in sorted(messages, reverse=True):
        kept = connection.execute(
            "SELECT 1 FROM message WHERE parent_id = ?1 UNION ALL SELECT 1 FROM chat WHERE tip_id = ?1 "
            "UNION ALL SELECT 1 FROM message WHERE id = ?1 AND deleted_at IS NULL LIMIT 1",
            (message,),
        ).fetchone()
        if kept is None:
            connection.execute("DELETE FROM summary WHERE message_id = ?", (message,))
            connection.execute("DELETE FROM branch WHERE message_id = ?", (message,))
            gone += connection.execute("DELETE FROM message WHERE id = ?", (message,)).rowcount
    return gone


def remove_folders(connection: sqlite3.Connection, folders: Iterable[int]) -> None:
    """Remove deleted folders that nothing lies in, the innermost first."""
    for folder in sorted(folders, reverse=True):
        used = "SELECT 1 FROM chat WHERE folder_id = ?1 UNION ALL SELECT 1 FROM folder WHERE parent_id = ?1 OR (id = ?1 AND deleted_at IS NULL) LIMIT 1"
        if connection.execute(used, (folder,)).fetchone() is None:
            connection.execute("DELETE FROM folder WHERE id = ?", (folder,))


class TrashDays:
    """On which days localstory ran, in a small file: time in the trash counts only while the program is in use, and a clock that
    is wrong for a while is recognised by the days before and after it.

    A file that is lost or broken only means that everything is kept for some days more.
    """

    def __init__(self, file: Path | None) -> None:
        self._file = file
        self._days = self._read()

    def credible(self, clock: int) -> int:
        """The moment it is (milliseconds since 1970), never before the last day that is known."""
        return max([clock, *(day * _DAY_MS for day in self._days)])

    def limit(self, clock: int) -> int | None:
        """What was deleted before this moment may go now (milliseconds since 1970), or None for nothing. Notes today."""
        today = clock // _DAY_MS
        days = [*[day for day in self._days if day != today][-_MOST_DAYS:], today]
        # Several days in a row before one that is known: that one was wrong.
        latest = max(days[-_DAYS_OF_USE:])
        if len(days) >= _DAYS_OF_USE:
            days = [day for day in days if day <= latest]
        self._days = days
        self._write()
        # Today may be wrong itself, and counts from tomorrow on.
        passed = sorted(day for day in days if day < today)
        if len(passed) < _DAYS_OF_USE or max(days) > today:
            return None
        return min(clock - KEPT_DAYS * _DAY_MS, passed[-_DAYS_OF_USE] * _DAY_MS)

    def _read(self) -> list[int]:
        with suppress(OSError, ValueError, RecursionError):
            found = json.loads(self._file.read_text("utf-8")) if self._file is not None else None
            if isinstance(found, list):
                return [day for day in found if isinstance(day, int) and not isinstance(day, bool) and 0 <= day < 10_000_000]
        return []

    def _write(self) -> None:
        if self._file is not None:
            with suppress(OSError):
                self._file.write_text(json.dumps(self._days), "utf-8")
