"""The SQL of folders, tags, branches' names, and of taking things away and bringing them back. As in `store`: the caller's transaction."""

from __future__ import annotations

import sqlite3
import unicodedata
import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal, NewType, cast

from localstory.chats.store import FolderId, storable
from localstory.chats.tree import ChatId, Mark, MessageId

TagId = NewType("TagId", int)

_GAP = 1024.0
"""Between neighbours in an order by hand, when it is made anew."""
_LEAST_GAP = 1e-6


@dataclass(frozen=True, slots=True)
class Folder:
    """A folder of chats; folders nest."""

    id: FolderId
    uid: str
    parent_id: FolderId | None
    name: str
    position: float
    system_prompt: str
    created_at: int


@dataclass(frozen=True, slots=True)
class Tag:
    """A word a person puts on chats. Names that differ by case or marks alone are one tag."""

    id: TagId
    name: str
    chats: int
    """How many chats in sight have it."""


@dataclass(frozen=True, slots=True)
class BranchName:
    """What a person calls the branch that begins with `message_id`."""

    message_id: MessageId
    name: str
    pinned: bool


@dataclass(frozen=True, slots=True)
class Undo:
    """What one act took out of sight: `Organiser.undo` brings back exactly that."""

    chats: tuple[ChatId, ...] = ()
    folders: tuple[FolderId, ...] = ()
    messages: tuple[MessageId, ...] = ()
    tips: tuple[tuple[ChatId, MessageId | None], ...] = ()
    """Where these chats stood before."""

    @property
    def is_empty(self) -> bool:
        return not (self.chats or self.folders or self.messages)


def folded(name: str) -> str:
    """A name without case and marks, as it is looked for: `Đường  Phố` is `duong pho`."""
    plain = unicodedata.normalize("NFKD", name.casefold().replace("đ", "d"))
    return " ".join("".join(letter for letter in plain if not unicodedata.combining(letter)).replace("đ", "d").split())


def _places(ids: Sequence[int]) -> str:
    return ",".join("?" * len(ids))


def in_portions(ids: Iterable[int], size: int = 500) -> list[list[int]]:
    """SQLite takes a limited number of values in one question."""
    every = list(dict.fromkeys(ids))
    return [every[start : start + size] for start in range(0, len(every), size)]


# -- folders ----------------------------------------------------------------------------------------------------------


def folders(connection: sqlite3.Connection) -> list[Folder]:
    """Every folder in sight, in the order by hand within its parent."""
    query = "SELECT id, uid, parent_id, name, position, system_prompt, created_at FROM folder WHERE deleted_at IS NULL ORDER BY position, id"
    return [Folder(FolderId(row[0]), row[1], row[2], *row[3:]) for row in connection.execute(query)]


def add_folder(connection: sqlite3.Connection, name: str, parent: FolderId | None, now: int) -> FolderId:
    """A folder behind its siblings."""
    (last,) = connection.execute("SELECT coalesce(max(position), 0) FROM folder WHERE parent_id IS ?", (parent,)).fetchone()
    values = (uuid.uuid4().hex, parent, storable(name), last + _GAP, now)
    cursor = connection.execute("INSERT INTO folder (uid, parent_id, name, position, created_at) VALUES (?, ?, ?, ?, ?)", values)
    return FolderId(cast(int, cursor.lastrowid))


def inside(connection: sqlite3.Connection, folder: FolderId) -> list[FolderId]:
    """The folder and every folder in it, at any depth, deleted ones too."""
    query = "WITH RECURSIVE down(id) AS (SELECT ? UNION SELECT folder.id FROM folder JOIN down ON folder.parent_id = down.id) SELECT id FROM down"
    return [FolderId(row[0]) for row in connection.execute(query, (folder,))]


def set_folder(connection: sqlite3.Connection, folder: FolderId, column: Literal["name", "system_prompt", "parent_id"], value: str | FolderId | None) -> None:
    connection.execute(f"UPDATE folder SET {column} = ? WHERE id = ?", (storable(value) if isinstance(value, str) else value, folder))


def put_between(connection: sqlite3.Connection, table: Literal["chat", "folder"], ids: Sequence[int], siblings: Sequence[int], after: int | None) -> None:
    """Give `ids` places, in their order, behind `after` (None: first) among `siblings` (their present order)."""
    rest = [one for one in siblings if one not in set(ids)]
    at = rest.index(after) + 1 if after is not None and after in rest else 0
    ordered = [*rest[:at], *ids, *rest[at:]]
    positions = dict(connection.execute(f"SELECT id, position FROM {table} WHERE id IN (SELECT value FROM json_each(?))", (str(list(rest)),)))
    before = positions[rest[at - 1]] if at else (positions[rest[at]] - 2 * _GAP if rest else 0.0)
    behind = positions[rest[at]] if at < len(rest) else before + _GAP * (len(ids) + 1)
    step = (behind - before) / (len(ids) + 1)
    moved = [(before + step * (number + 1), one) for number, one in enumerate(ids)]
    in_order = all(positions[one] < positions[other] for one, other in pairwise(rest))
    if step < _LEAST_GAP or not in_order:  # no room left, or never ordered by hand
        moved = [(_GAP * (number + 1), one) for number, one in enumerate(ordered)]
    connection.executemany(f"UPDATE {table} SET position = ? WHERE id = ?", moved)


# -- chats --------------------------------------------------------------------------------------------------------------


def set_chats(
    connection: sqlite3.Connection, chats: Iterable[ChatId], column: Literal["folder_id", "pinned", "archived_at", "deleted_at"], value: int | None
) -> None:
    for some in in_portions(chats):
        connection.execute(f"UPDATE chat SET {column} = ? WHERE id IN ({_places(some)})", (value, *some))


def chats_in(connection: sqlite3.Connection, folders: Iterable[FolderId]) -> list[ChatId]:
    """The chats in sight in these folders."""
    found: list[ChatId] = []
    for some in in_portions(folders):
        query = f"SELECT id FROM chat WHERE deleted_at IS NULL AND folder_id IN ({_places(some)}) ORDER BY id"
        found += [ChatId(row[0]) for row in connection.execute(query, some)]
    return found


def in_sight(connection: sqlite3.Connection, table: Literal["chat", "folder", "message"], ids: Iterable[int]) -> list[int]:
    """Those of `ids` that are there and not deleted."""
    found: list[int] = []
    for some in in_portions(ids):
        found += [row[0] for row in connection.execute(f"SELECT id FROM {table} WHERE deleted_at IS NULL AND id IN ({_places(some)})", some)]
    return found


def set_deleted(connection: sqlite3.Connection, table: Literal["chat", "folder", "message"], ids: Iterable[int], deleted_at: int | None) -> None:
    for some in in_portions(ids):
        connection.execute(f"UPDATE {table} SET deleted_at = ? WHERE id IN ({_places(some)})", (deleted_at, *some))


def set_tips(connection: sqlite3.Connection, tips: Iterable[tuple[ChatId, MessageId | None]]) -> None:
    connection.executemany("UPDATE chat SET tip_id = ? WHERE id = ?", [(tip, chat) for chat, tip in tips])


# -- tags, marks, names -------------------------------------------------------------------------------------------------


def tags(connection: sqlite3.Connection) -> list[Tag]:
    """Every tag that a chat in sight has, by name."""
    query = """
        SELECT tag.id, tag.name, count(*) FROM tag JOIN chat_tag ON chat_tag.tag_id = tag.id JOIN chat ON chat.id = chat_tag.chat_id
        WHERE chat.deleted_at IS NULL GROUP BY tag.id ORDER BY tag.folded
    """
    return [Tag(TagId(row[0]), row[1], row[2]) for row in connection.execute(query)]


def tags_of(connection: sqlite3.Connection, chat: ChatId) -> list[str]:
    query = "SELECT tag.name FROM tag JOIN chat_tag ON chat_tag.tag_id = tag.id WHERE chat_tag.chat_id = ? ORDER BY tag.folded"
    return [row[0] for row in connection.execute(query, (chat,))]


def put_tag(connection: sqlite3.Connection, chats: Iterable[ChatId], name: str) -> TagId:
    """Put the tag on the chats; it is made when there is none of this name yet."""
    key = folded(storable(name))
    connection.execute("INSERT INTO tag (uid, name, folded) VALUES (?, ?, ?) ON CONFLICT (folded) DO NOTHING", (uuid.uuid4().hex, storable(name), key))
    (tag,) = connection.execute("SELECT id FROM tag WHERE folded = ?", (key,)).fetchone()
    connection.executemany("INSERT OR IGNORE INTO chat_tag (chat_id, tag_id) VALUES (?, ?)", [(chat, tag) for chat in chats])
    return TagId(tag)


def take_tag(connection: sqlite3.Connection, chats: Iterable[ChatId], name: str) -> None:
    """Take it off; a tag that no chat has is forgotten."""
    key = folded(storable(name))
    for some in in_portions(chats):
        query = f"DELETE FROM chat_tag WHERE tag_id = (SELECT id FROM tag WHERE folded = ?) AND chat_id IN ({_places(some)})"
        connection.execute(query, (key, *some))
    connection.execute("DELETE FROM tag WHERE folded = ? AND NOT EXISTS (SELECT 1 FROM chat_tag WHERE tag_id = tag.id)", (key,))


def set_mark(connection: sqlite3.Connection, message: MessageId, mark: Mark) -> None:
    connection.execute("UPDATE message SET mark = ? WHERE id = ?", (mark, message))


def branch_names(connection: sqlite3.Connection, chat: ChatId) -> list[BranchName]:
    query = "SELECT branch.message_id, branch.name, branch.pinned FROM branch JOIN message ON message.id = branch.message_id WHERE message.chat_id = ?"
    return [BranchName(MessageId(row[0]), row[1], bool(row[2])) for row in connection.execute(query, (chat,))]


def name_branch(connection: sqlite3.Connection, message: MessageId, name: str, pinned: bool) -> None:
    """An empty name without a pin is none."""
    if not name and not pinned:
        connection.execute("DELETE FROM branch WHERE message_id = ?", (message,))
        return
    values = "ON CONFLICT (message_id) DO UPDATE SET name = excluded.name, pinned = excluded.pinned"
    query = f"INSERT INTO branch (message_id, name, pinned) VALUES (?, ?, ?) {values}"
    connection.execute(query, (message, storable(name), int(pinned)))


# -- for good -----------------------------------------------------------------------------------------------------------


def purge(connection: sqlite3.Connection, before: int) -> tuple[int, int]:
    """Remove for good what was deleted before that moment; returns how many chats and how many messages of other chats went.

    A message goes only when nothing in sight comes after it: the tree stays whole.
    """
    gone = [row[0] for row in connection.execute("SELECT id FROM chat WHERE deleted_at < ?", (before,))]
    for some in in_portions(gone):
        marks = _places(some)
        connection.execute(f"UPDATE chat SET tip_id = NULL WHERE id IN ({marks})", some)
        connection.execute(f"DELETE FROM summary WHERE chat_id IN ({marks})", some)
        connection.execute(f"DELETE FROM branch WHERE message_id IN (SELECT id FROM message WHERE chat_id IN ({marks}))", some)
        connection.execute(f"DELETE FROM chat_tag WHERE chat_id IN ({marks})", some)
        # Children have larger ids than their parents.
        connection.executemany("DELETE FROM message WHERE id = ?", connection.execute(
            f"SELECT id FROM message WHERE chat_id IN ({marks}) ORDER BY id DESC", some).fetchall())  # fmt: skip
        connection.execute(f"DELETE FROM chat WHERE id IN ({marks})", some)
    old = connection.execute("SELECT id FROM message WHERE deleted_at < ? ORDER BY id DESC", (before,)).fetchall()
    messages = 0
    for (message,) in old:
        followed = connection.execute("SELECT 1 FROM message WHERE parent_id = ? LIMIT 1", (message,)).fetchone()
        shown = connection.execute("SELECT 1 FROM chat WHERE tip_id = ? LIMIT 1", (message,)).fetchone()
        if followed or shown:
            continue
        connection.execute("DELETE FROM summary WHERE message_id = ?", (message,))
        connection.execute("DELETE FROM branch WHERE message_id = ?", (message,))
        messages += connection.execute("DELETE FROM message WHERE id = ?", (message,)).rowcount
    connection.execute("DELETE FROM tag WHERE NOT EXISTS (SELECT 1 FROM chat_tag WHERE tag_id = tag.id)")
    for (folder,) in connection.execute("SELECT id FROM folder WHERE deleted_at < ? ORDER BY id DESC", (before,)).fetchall():
        used = connection.execute("SELECT 1 FROM chat WHERE folder_id = ? UNION ALL SELECT 1 FROM folder WHERE parent_id = ? LIMIT 1", (folder, folder))
        if used.fetchone() is None:
            connection.execute("DELETE FROM folder WHERE id = ?", (folder,))
    return len(gone), messages
