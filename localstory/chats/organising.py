"""The SQL of folders, tags, branches' names, and of taking things away and bringing them back. As in `store`: the caller's transaction."""

from __future__ import annotations

import sqlite3
import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal, NewType, TypeAlias, cast

from localstory.chats.folding import fold
from localstory.chats.store import FolderId, TitleBy, storable
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


Table: TypeAlias = Literal["chat", "folder", "message"]
Column: TypeAlias = Literal["deleted_at", "tip_id", "folder_id", "parent_id", "archived_at", "position", "pinned"]
Value: TypeAlias = int | float | None


@dataclass(frozen=True, slots=True)
class Change:
    """One value of one row that an act changed."""

    table: Table
    id: int
    column: Column
    before: Value
    after: Value


@dataclass(frozen=True, slots=True)
class Undo:
    """What one act changed: `Organiser.undo` brings back exactly that."""

    changes: tuple[Change, ...] = ()

    @property
    def is_empty(self) -> bool:
        return not self.changes


class Record:
    """Changes rows and remembers what stood there."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._changes: list[Change] = []

    def set(self, table: Table, column: Column, values: Mapping[int, Value]) -> None:
        """Put the values into the column of the rows with these ids; rows that are gone or have the value already are left alone."""
        for some in in_portions(values):
            rows = self._connection.execute(f"SELECT id, {column} FROM {table} WHERE id IN ({places(some)})", some).fetchall()
            changed = [Change(table, row, column, before, values[row]) for row, before in rows if before != values[row]]
            self._connection.executemany(f"UPDATE {table} SET {column} = ? WHERE id = ?", [(one.after, one.id) for one in changed])
            self._changes += changed

    def places(self, table: Literal["chat", "folder"], ids: Sequence[int], siblings: Sequence[int], after: int | None) -> None:
        """Give `ids` places, in their order, behind `after` (None: first) among `siblings` (their present order)."""
        moving = set(ids)
        rest = [one for one in siblings if one not in moving]
        at = rest.index(after) + 1 if after is not None and after in rest else 0
        positions: dict[int, float] = {}
        for some in in_portions(rest):
            positions.update(self._connection.execute(f"SELECT id, position FROM {table} WHERE id IN ({places(some)})", some).fetchall())
        before = positions[rest[at - 1]] if at else (positions[rest[at]] - _GAP * (len(ids) + 1) if rest else 0.0)
        behind = positions[rest[at]] if at < len(rest) else before + _GAP * (len(ids) + 1)
        step = (behind - before) / (len(ids) + 1)
        moved: dict[int, Value] = {one: before + step * (number + 1) for number, one in enumerate(ids)}
        in_order = all(positions[one] < positions[other] for one, other in pairwise(rest))
        if step < _LEAST_GAP or not in_order:  # no room left, or never ordered by hand
            moved = {one: _GAP * (number + 1) for number, one in enumerate([*rest[:at], *ids, *rest[at:]])}
        self.set(table, "position", moved)

    def undo(self) -> Undo:
        return Undo(tuple(self._changes))


def take_back(connection: sqlite3.Connection, undo: Undo) -> list[ChatId]:
    """Put back what stood there, wherever the value is still the one that the act put; returns the chats that changed.

    A chat or folder whose folder went meanwhile comes back in the nearest one that is in sight; a chat never stands at a
    message that is gone.
    """
    touched: dict[Table, dict[int, None]] = {"chat": {}, "folder": {}, "message": {}}
    grouped: dict[tuple[Table, Column, Value, Value], list[int]] = {}
    for change in undo.changes:
        if change.column != "tip_id":
            grouped.setdefault((change.table, change.column, change.before, change.after), []).append(change.id)
    for (table, column, before, after), ids in grouped.items():
        if column in ("folder_id", "parent_id") and not _is_there(connection, "folder", before):
            before = None
        for some in in_portions(ids):
            query = f"UPDATE {table} SET {column} = ? WHERE {column} IS ? AND id IN ({places(some)}) RETURNING id"
            touched[table].update(dict.fromkeys(row[0] for row in connection.execute(query, (before, after, *some)).fetchall()))
    for change in undo.changes:
        if change.column == "tip_id" and (change.before is None or in_sight(connection, "message", [int(change.before)])):
            connection.execute("UPDATE chat SET tip_id = ? WHERE id = ? AND tip_id IS ?", (change.before, change.id, change.after))
            touched["chat"][change.id] = None
    for folder in touched["folder"]:
        nearest_folder(connection, "folder", folder)
    for some in in_portions(touched["message"]):
        query = f"SELECT DISTINCT chat_id FROM message WHERE id IN ({places(some)})"
        touched["chat"].update(dict.fromkeys(row[0] for row in connection.execute(query, some).fetchall()))
    if touched["folder"]:
        for chat in [row[0] for row in connection.execute("SELECT id FROM chat WHERE deleted_at IS NULL AND folder_id IS NOT NULL").fetchall()]:
            nearest_folder(connection, "chat", chat)
    for chat in touched["chat"]:
        nearest_folder(connection, "chat", chat)
    return [ChatId(one) for one in touched["chat"]]


def _is_there(connection: sqlite3.Connection, table: Table, row: Value) -> bool:
    return row is None or connection.execute(f"SELECT 1 FROM {table} WHERE id = ?", (row,)).fetchone() is not None


def nearest_folder(connection: sqlite3.Connection, table: Literal["chat", "folder"], row: int) -> None:
    """Where the folder of a chat (or the parent of a folder) in sight is gone, the nearest one above it that is in sight takes it."""
    column = "folder_id" if table == "chat" else "parent_id"
    found = connection.execute(f"SELECT {column} FROM {table} WHERE id = ? AND deleted_at IS NULL", (row,)).fetchone()
    if found is None:
        return
    at, seen = found[0], set()
    while at is not None and at not in seen:
        seen.add(at)
        parent = connection.execute("SELECT parent_id, deleted_at FROM folder WHERE id = ?", (at,)).fetchone()
        if parent is not None and parent[1] is None:
            break
        at = parent[0] if parent is not None else None
    if at != found[0]:
        connection.execute(f"UPDATE {table} SET {column} = ? WHERE id = ?", (at, row))


def folded(name: str) -> str:
    """A name without case and marks, as it is looked for: `Đường  Phố` is `duong pho`."""
    return " ".join(fold(name).split())


def places(ids: Sequence[int]) -> str:
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


# -- chats --------------------------------------------------------------------------------------------------------------


def set_title(connection: sqlite3.Connection, chat: ChatId, title: str, by: TitleBy) -> None:
    connection.execute("UPDATE chat SET title = ?, title_by = ? WHERE id = ?", (storable(title), by, chat))


def set_note(connection: sqlite3.Connection, chat: ChatId, note: str) -> None:
    connection.execute("UPDATE chat SET note = ? WHERE id = ?", (storable(note), chat))


def in_folder(connection: sqlite3.Connection, folder: FolderId | None) -> list[ChatId]:
    """The chats in sight that lie in a folder (None: in none), in the order by hand."""
    query = "SELECT id FROM chat WHERE deleted_at IS NULL AND folder_id IS ? ORDER BY position, id DESC"
    return [ChatId(row[0]) for row in connection.execute(query, (folder,))]


def chats_in(connection: sqlite3.Connection, folders: Iterable[FolderId]) -> list[ChatId]:
    """The chats in sight in these folders."""
    found: list[ChatId] = []
    for some in in_portions(folders):
        query = f"SELECT id FROM chat WHERE deleted_at IS NULL AND folder_id IN ({places(some)}) ORDER BY id"
        found += [ChatId(row[0]) for row in connection.execute(query, some)]
    return found


def in_sight(connection: sqlite3.Connection, table: Literal["chat", "folder", "message"], ids: Iterable[int]) -> list[int]:
    """Those of `ids` that are there and not deleted."""
    found: list[int] = []
    for some in in_portions(ids):
        found += [row[0] for row in connection.execute(f"SELECT id FROM {table} WHERE deleted_at IS NULL AND id IN ({places(some)})", some)]
    return found


def set_deleted(connection: sqlite3.Connection, table: Literal["chat", "folder", "message"], ids: Iterable[int], deleted_at: int | None) -> None:
    for some in in_portions(ids):
        connection.execute(f"UPDATE {table} SET deleted_at = ? WHERE id IN ({places(some)})", (deleted_at, *some))


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


def tags_by_chat(connection: sqlite3.Connection) -> dict[ChatId, tuple[str, ...]]:
    """The tags of every chat in sight that has any, by name."""
    query = """
        SELECT chat_tag.chat_id, tag.name FROM chat_tag JOIN tag ON tag.id = chat_tag.tag_id JOIN chat ON chat.id = chat_tag.chat_id
        WHERE chat.deleted_at IS NULL ORDER BY tag.folded
    """
    found: dict[ChatId, list[str]] = {}
    for chat, name in connection.execute(query):
        found.setdefault(ChatId(chat), []).append(name)
    return {chat: tuple(names) for chat, names in found.items()}


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
        query = f"DELETE FROM chat_tag WHERE tag_id = (SELECT id FROM tag WHERE folded = ?) AND chat_id IN ({places(some)})"
        connection.execute(query, (key, *some))
    connection.execute("DELETE FROM tag WHERE folded = ? AND NOT EXISTS (SELECT 1 FROM chat_tag WHERE tag_id = tag.id)", (key,))


def rename_tag(connection: sqlite3.Connection, old: str, new: str) -> None:
    """Another name; with a tag that has that name already it becomes one."""
    found = connection.execute("SELECT id FROM tag WHERE folded = ?", (folded(storable(old)),)).fetchone()
    if found is None:
        return
    other = connection.execute("SELECT id FROM tag WHERE folded = ? AND id <> ?", (folded(storable(new)), found[0])).fetchone()
    if other is not None:
        connection.execute("UPDATE OR IGNORE chat_tag SET tag_id = ? WHERE tag_id = ?", (other[0], found[0]))
        connection.execute("DELETE FROM chat_tag WHERE tag_id = ?", found)
        connection.execute("DELETE FROM tag WHERE id = ?", found)
        found = other
    connection.execute("UPDATE tag SET name = ?, folded = ? WHERE id = ?", (storable(new), folded(storable(new)), found[0]))


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
