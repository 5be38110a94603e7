"""Temporary chats: in memory alone, with the same service as the others. Their ids, and those of their messages, are negative.

A service that knows both is marked with `@also_in_memory`: what is asked of it about a negative id is done by its twin over a
`MemoryDatabase` (`beside`). Nothing of them is in the database, in the saved states of the engine, in a log or in the index of search.
"""

from __future__ import annotations

import asyncio
import functools
import inspect
import sqlite3
from collections.abc import Callable, Iterable
from typing import Any, TypeVar

from localstory.chats import exchange_rows
from localstory.chats.exchange_rows import Scope
from localstory.chats.exchange_taking import Taking
from localstory.chats.store import Chat, FolderId
from localstory.chats.tree import ChatId
from localstory.db import Database
from localstory.db.memory import MemoryDatabase
from localstory.errors import BadRequest
from localstory.events import Changed
from localstory.words import mark

C = TypeVar("C")

_FIRST = -(1 << 40)
"""Rows are numbered upwards from here: order is by number, as everywhere."""


def is_temporary(about: object) -> bool:
    """True for the id of a temporary chat or of a message or summary in one, and for several of them."""
    if isinstance(about, int):
        return about < 0
    if isinstance(about, list | tuple | set | frozenset | dict):
        return any(isinstance(one, int) and one < 0 for one in about)
    return False


def also_in_memory(*names: str) -> Callable[[type[C]], type[C]]:
    """A class whose methods of these names do for negative ids (their first argument) what they do, at `self.beside`."""

    def marked(kind: type[C]) -> type[C]:
        for name in names:
            setattr(kind, name, _by_id(name, getattr(kind, name)))
        return kind

    return marked


def _by_id(name: str, method: Callable[..., Any]) -> Callable[..., Any]:
    first = list(inspect.signature(method).parameters)[1]

    @functools.wraps(method)
    def routed(self: Any, *given: Any, **named: Any) -> Any:
        if self.beside is not None:
            about = given[0] if given else named.get(first)
            if isinstance(about, Iterable) and not isinstance(about, list | tuple | set | frozenset | dict | str):
                about = list(about)
                given = (about, *given[1:])
            if is_temporary(about):
                return getattr(self.beside, name)(*given, **named)
        return method(self, *given, **named)

    return routed


def open_memory(database: MemoryDatabase) -> None:
    """Make the tables, with a first row in each whose number the next ones follow. It is out of sight."""
    database.open()

    def begin(connection: sqlite3.Connection) -> None:
        connection.execute("INSERT INTO chat (id, uid, created_at, used_at, deleted_at) VALUES (?, 'first', 0, 0, 0)", (_FIRST,))
        connection.execute(
            "INSERT INTO message (id, uid, chat_id, role, text, state, created_at, deleted_at) VALUES (?, 'first', ?, 'user', '', 'finished', 0, 0)",
            (_FIRST, _FIRST),
        )
        connection.execute(
            "INSERT INTO summary (id, uid, chat_id, message_id, text, fingerprint, written_by, created_at, changed_at, deleted_at) "
            "VALUES (?, 'first', ?, ?, '', '', 'model', 0, 0, 0)",
            (_FIRST, _FIRST, _FIRST),
        )

    database.submit(begin).result()


class WithTemporary:
    """What `Chats` has for temporary chats. The twin is made when the first of them begins."""

    beside: Any
    """The twin; None as long as there is no temporary chat, and of the twin itself."""
    when_made: Callable[[MemoryDatabase], None] | None
    """Told of the database in memory when it is made."""

    async def new(self, folder: FolderId | None = None, *, temporary: bool = False) -> ChatId:
        raise NotImplementedError

    def temporary(self) -> list[Chat]:
        """The temporary chats, last used first. They are not in `all`."""
        found: list[Chat] = self.beside.all() if self.beside is not None else []
        return found

    async def keep_temporary(self, chat_id: ChatId) -> ChatId:
        """Make a real chat of a temporary one, with all its branches; returns its new id. Raises BadRequest while a reply is being written
        there or when it is gone, and DatabaseTrouble: then it is still there as it was."""
        me: Any = self
        if me.is_writing(chat_id):
            raise BadRequest(title=mark("A reply is already being written here"), hint=mark("Wait for it, or stop it first."))
        if not is_temporary(chat_id) or self.beside is None or self.beside.get(chat_id) is None:
            raise BadRequest(title=mark("This chat is gone"))
        kept = await move(chat_id, self.beside._database, me._database, me._now())
        me._hub.publish(Changed("chats", (chat_id, kept)))
        return kept

    async def end_temporary(self, chat_id: ChatId) -> None:
        """Forget a temporary chat for good, and stop what is being written there. One that is gone is fine."""
        me: Any = self
        if is_temporary(chat_id) and self.beside is not None:
            await me.stop(chat_id)
            await self.beside._database.write(lambda connection: forget(connection, chat_id))
            me._hub.publish(Changed("chats", (chat_id,)))

    async def _in_memory(self, twin: Callable[[MemoryDatabase], Any]) -> Any:
        """The twin, made when there is none yet: one of this kind, over a database in memory."""
        if self.beside is None:
            database = MemoryDatabase()
            await asyncio.to_thread(open_memory, database)
            if self.beside is not None:  # two began at once
                database.close()
                return self.beside
            self.beside = twin(database)
            if self.when_made is not None:
                self.when_made(database)
        return self.beside

    async def _forget_memory(self) -> None:
        beside, self.beside = self.beside, None
        if beside is not None:
            await asyncio.to_thread(beside._database.close)


async def move(chat: ChatId, memory: Database, database: Database, now: int) -> ChatId:
    """Put a temporary chat into the database, in one transaction, and take it out of the memory. Returns its new id."""
    records = memory.read(lambda connection: list(exchange_rows.records(connection, Scope(chats=(chat,)))))
    # Its numbers mean nothing there: it goes behind all others.
    plain = [(kind, {name: value for name, value in record.items() if name != "n"}) for kind, record in records]

    def keep(connection: sqlite3.Connection) -> ChatId:
        taking = Taking(connection, now)
        taking.take(connection, plain)
        taking.end(connection)
        if taking.left_out:
            raise RuntimeError(f"not all of a temporary chat could be kept: {taking.left_out[0].why}")  # then it stays where it is
        (made,) = taking.new_chats
        return made

    kept: ChatId = await database.write(keep)
    await memory.write(lambda connection: forget(connection, chat))
    return kept


def forget(connection: sqlite3.Connection, chat: ChatId) -> None:
    """Remove a temporary chat for good."""
    connection.execute("UPDATE chat SET tip_id = NULL WHERE id = ?", (chat,))
    connection.execute("DELETE FROM summary WHERE chat_id = ?", (chat,))
    connection.execute("DELETE FROM branch WHERE message_id IN (SELECT id FROM message WHERE chat_id = ?)", (chat,))
    connection.execute("DELETE FROM chat_tag WHERE chat_id = ?", (chat,))
    # Answers have larger ids than what they answer, so the last go first.
    connection.executemany(
        "DELETE FROM message WHERE id = ?", connection.execute("SELECT id FROM message WHERE chat_id = ? ORDER BY id DESC", (chat,)).fetchall()
    )
    connection.execute("DELETE FROM chat WHERE id = ?", (chat,))
