"""The SQL of chats, and nothing else: each function takes a connection and works inside the caller's transaction."""

from __future__ import annotations

import json
import sqlite3
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, NewType, TypeAlias, cast

from localstory.chats.tree import ChatId, ChatMessage, MessageId, MessageState
from localstory.engines.base import Role

FolderId = NewType("FolderId", int)
TitleBy: TypeAlias = Literal["words", "model", "person"]
"""Who gave a chat its title: its first words, the model, or the person, whose title nobody changes."""


@dataclass(frozen=True, slots=True)
class Chat:
    """A chat without its messages. Times are milliseconds since 1970, UTC."""

    id: ChatId
    uid: str
    title: str
    tip_id: MessageId | None
    draft: str
    model: str
    """The model chosen for it, a path; empty means the one of the settings."""
    system_prompt: str
    parameters: dict[str, Any]
    created_at: int
    used_at: int
    engine: str = ""
    """The kind of server that writes here (as in `engines.registry.SERVERS`); empty means the built-in engine."""
    server: str = ""
    """That server's address; `model` is its own name for the model then."""
    folder_id: FolderId | None = None
    pinned: bool = False
    archived_at: int | None = None
    position: float = 0.0
    """Its place in the order by hand, within its folder."""
    note: str = ""
    title_by: TitleBy = "words"
    messages: int = 0
    """In all branches."""
    letters: int = 0


SummaryId = NewType("SummaryId", int)


@dataclass(frozen=True, slots=True)
class Summary:
    """What stands for the beginning of a branch, up to and with `message_id`, when the whole does not fit."""

    id: SummaryId
    chat_id: ChatId
    message_id: MessageId
    text: str
    fingerprint: str
    """Of all messages up to there, as `context.summaries` makes it."""
    written_by: Literal["model", "person"]
    model: str
    created_at: int
    changed_at: int


_CHAT = (
    "id, uid, title, tip_id, draft, model, system_prompt, parameters, created_at, used_at, engine, server, "
    "folder_id, pinned, archived_at, position, note, title_by, messages, letters"
)
_SUMMARY = "id, chat_id, message_id, text, fingerprint, written_by, model, created_at, changed_at"
_MESSAGE = "id, uid, chat_id, parent_id, role, text, state, model, engine, made_of, trouble, created_at, finished_at, mark"


def _object(text: str) -> dict[str, Any]:
    """A JSON object; most are empty, and there are many."""
    return {} if text == "{}" else cast("dict[str, Any]", json.loads(text))


def _chat(row: tuple[Any, ...]) -> Chat:
    values: list[Any] = list(row)
    values[7], values[13] = _object(row[7]), bool(row[13])
    return Chat(*values)


def _message(row: tuple[Any, ...]) -> ChatMessage:
    return ChatMessage(
        MessageId(row[0]), row[1], ChatId(row[2]), row[3], cast(Role, row[4]), row[5], cast(MessageState, row[6]), row[7], row[8],
        _object(row[9]), json.loads(row[10]) if row[10] else None, row[11], row[12], row[13],
    )  # fmt: skip


def storable(text: str) -> str:
    """Text SQLite can hold byte for byte: lone surrogates (half an emoji) become U+FFFD."""
    return text.encode("utf-8", "replace").decode("utf-8") if any("\ud800" <= letter <= "\udfff" for letter in text) else text


def chats(connection: sqlite3.Connection) -> list[Chat]:
    """Every chat that is not deleted, last used first."""
    return [_chat(row) for row in connection.execute(f"SELECT {_CHAT} FROM chat WHERE deleted_at IS NULL ORDER BY used_at DESC, id DESC")]


def chat(connection: sqlite3.Connection, chat_id: ChatId) -> Chat | None:
    row = connection.execute(f"SELECT {_CHAT} FROM chat WHERE id = ? AND deleted_at IS NULL", (chat_id,)).fetchone()
    return _chat(row) if row else None


def some_chats(connection: sqlite3.Connection, ids: Sequence[int]) -> list[Chat]:
    """Those of these chats that are not deleted."""
    query = f"SELECT {_CHAT} FROM chat WHERE deleted_at IS NULL AND id IN (SELECT value FROM json_each(?))"
    return [_chat(row) for row in connection.execute(query, (json.dumps(list(ids)),))]


def messages(connection: sqlite3.Connection, chat_id: ChatId) -> list[ChatMessage]:
    """Every message of a chat that is not deleted, in all branches, by id."""
    query = f"SELECT {_MESSAGE} FROM message WHERE chat_id = ? AND deleted_at IS NULL ORDER BY id"
    return [_message(row) for row in connection.execute(query, (chat_id,))]


def message(connection: sqlite3.Connection, message_id: MessageId) -> ChatMessage | None:
    row = connection.execute(f"SELECT {_MESSAGE} FROM message WHERE id = ? AND deleted_at IS NULL", (message_id,)).fetchone()
    return _message(row) if row else None


def add_chat(connection: sqlite3.Connection, now: int, title: str = "", folder: FolderId | None = None) -> ChatId:
    values = (uuid.uuid4().hex, storable(title), now, now, folder)
    cursor = connection.execute("INSERT INTO chat (uid, title, created_at, used_at, folder_id) VALUES (?, ?, ?, ?, ?)", values)
    return ChatId(cast(int, cursor.lastrowid))


def add_message(
    connection: sqlite3.Connection,
    chat_id: ChatId,
    parent_id: MessageId | None,
    role: Role,
    text: str,
    state: MessageState,
    now: int,
    *,
    model: str = "",
    engine: str = "",
) -> MessageId:
    """Add a message and make it the chat's tip."""
    cursor = connection.execute(
        "INSERT INTO message (uid, chat_id, parent_id, role, text, state, model, engine, created_at, finished_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (uuid.uuid4().hex, chat_id, parent_id, role, storable(text), state, model, engine, now, None if state == "streaming" else now),
    )
    message_id = MessageId(cast(int, cursor.lastrowid))
    connection.execute("UPDATE chat SET tip_id = ?, used_at = max(used_at, ?) WHERE id = ?", (message_id, now, chat_id))
    return message_id


def flush_text(connection: sqlite3.Connection, message_id: MessageId, text: str) -> None:
    """Keep what a streaming message has so far."""
    connection.execute("UPDATE message SET text = ? WHERE id = ? AND state = 'streaming'", (storable(text), message_id))


def finish(
    connection: sqlite3.Connection,
    message_id: MessageId,
    text: str,
    state: MessageState,
    now: int,
    made_of: dict[str, Any],
    trouble: dict[str, Any] | None,
) -> None:
    """The last change of a streaming message."""
    connection.execute(
        "UPDATE message SET text = ?, state = ?, finished_at = ?, made_of = ?, trouble = ? WHERE id = ? AND state = 'streaming'",
        (storable(text), state, now, json.dumps(made_of), json.dumps(trouble) if trouble else "", message_id),
    )


def stop_streaming(connection: sqlite3.Connection, now: int) -> list[MessageId]:
    """What a killed program left half-written keeps its text and becomes "stopped"; returns which."""
    found = [MessageId(row[0]) for row in connection.execute("SELECT id FROM message WHERE state = 'streaming'")]
    connection.execute("UPDATE message SET state = 'stopped', finished_at = ? WHERE state = 'streaming'", (now,))
    return found


def set_tip(connection: sqlite3.Connection, chat_id: ChatId, tip: MessageId) -> None:
    connection.execute("UPDATE chat SET tip_id = ? WHERE id = ?", (tip, chat_id))


def set_words(connection: sqlite3.Connection, chat_id: ChatId, **words: str) -> None:
    """Set any of title, draft, model, engine, server, system_prompt, parameters (JSON)."""
    unknown = set(words) - {"title", "draft", "model", "engine", "server", "system_prompt", "parameters"}
    if unknown:
        raise ValueError(f"no such column: {unknown}")
    for column, value in words.items():
        connection.execute(f"UPDATE chat SET {column} = ? WHERE id = ?", (storable(value), chat_id))


def set_deleted(connection: sqlite3.Connection, chat_id: ChatId, deleted_at: int | None) -> None:
    connection.execute("UPDATE chat SET deleted_at = ? WHERE id = ?", (deleted_at, chat_id))


def drop_failed(connection: sqlite3.Connection, message_id: MessageId, now: int) -> None:
    """Take a failed reply without words out of sight, once another try has begun: an empty version is none."""
    connection.execute(
        "UPDATE message SET deleted_at = ? WHERE id = ? AND state = 'failed' AND text = '' "
        "AND NOT EXISTS (SELECT 1 FROM message AS child WHERE child.parent_id = message.id)",
        (now, message_id),
    )


def summaries(connection: sqlite3.Connection, chat_id: ChatId) -> list[Summary]:
    """Every summary of a chat that is not deleted, of all branches, oldest first."""
    query = f"SELECT {_SUMMARY} FROM summary WHERE chat_id = ? AND deleted_at IS NULL ORDER BY id"
    return [Summary(*row) for row in connection.execute(query, (chat_id,))]


def summary(connection: sqlite3.Connection, summary_id: SummaryId) -> Summary | None:
    row = connection.execute(f"SELECT {_SUMMARY} FROM summary WHERE id = ? AND deleted_at IS NULL", (summary_id,)).fetchone()
    return Summary(*row) if row else None


def add_summary(
    connection: sqlite3.Connection, chat_id: ChatId, message_id: MessageId, text: str, fingerprint: str, now: int, model: str, engine: str
) -> SummaryId:
    cursor = connection.execute(
        "INSERT INTO summary (uid, chat_id, message_id, text, fingerprint, written_by, model, engine, created_at, changed_at) "
        "VALUES (?, ?, ?, ?, ?, 'model', ?, ?, ?, ?)",
        (uuid.uuid4().hex, chat_id, message_id, storable(text), fingerprint, model, engine, now, now),
    )
    return SummaryId(cast(int, cursor.lastrowid))


def set_summary_text(connection: sqlite3.Connection, summary_id: SummaryId, text: str, now: int) -> None:
    """A person wrote it anew."""
    connection.execute("UPDATE summary SET text = ?, written_by = 'person', changed_at = ? WHERE id = ?", (storable(text), now, summary_id))


def set_summary_deleted(connection: sqlite3.Connection, summary_id: SummaryId, deleted_at: int | None) -> None:
    connection.execute("UPDATE summary SET deleted_at = ? WHERE id = ?", (deleted_at, summary_id))


def drop_empty(connection: sqlite3.Connection) -> None:
    """Forget chats that never held a word and of which a person said nothing: no message, draft, title, system prompt, note, pin or tag."""
    connection.execute(
        "DELETE FROM chat WHERE draft = '' AND title = '' AND system_prompt = '' AND note = '' AND pinned = 0 AND tip_id IS NULL "
        "AND NOT EXISTS (SELECT 1 FROM message WHERE message.chat_id = chat.id) AND NOT EXISTS (SELECT 1 FROM chat_tag WHERE chat_tag.chat_id = chat.id) "
        "AND NOT EXISTS (SELECT 1 FROM summary WHERE summary.chat_id = chat.id) AND NOT EXISTS (SELECT 1 FROM vote WHERE vote.chat_id = chat.id)"
    )
