"""Looking for words in titles and in every branch of every chat, newest first."""

from __future__ import annotations

import asyncio
import logging
import sqlite3
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, cast

from localstory.chats import folding, organising, search_index, store, votes
from localstory.chats.folding import Term
from localstory.chats.store import FolderId
from localstory.chats.tree import ChatId, Mark, MessageId, Tree
from localstory.db import Database, DatabaseDamaged
from localstory.engines.base import Role
from localstory.events import Changed

log = logging.getLogger(__name__)

PAUSE_S = 0.02
"""Between two portions that are folded in the background."""
PATIENCE_S = 0.4
"""After which what was found so far is the answer (and there may be more)."""
_STEPS = 2_000
"""Steps of SQLite's machine between two looks at the clock: about a tenth of a millisecond."""
_MOST_TITLES = 20


@dataclass(frozen=True, slots=True)
class Filters:
    """Where to look. None, "" and False: everywhere, but not in the trash."""

    folder: FolderId | None = None
    """With the folders in it."""
    tag: str = ""
    role: Role | None = None
    since: int | None = None
    """Milliseconds since 1970, UTC: written (a chat: last used) then or later."""
    until: int | None = None
    """Before then."""
    model: str = ""
    """A part of the model's name."""
    mark: Mark = ""
    archived: bool | None = None
    """True: only in archived chats; False: not in them; None: in both."""
    trash: bool = False
    """Only in what was deleted."""
    chat: ChatId | None = None

    @property
    def of_messages(self) -> bool:
        """True when only messages can meet them: a title has no role."""
        return bool(self.role or self.model or self.mark)


@dataclass(frozen=True, slots=True)
class Hit:
    """A message, or a chat by its title, note or tags (then `message_id` and `role` are None)."""

    chat_id: ChatId
    title: str
    message_id: MessageId | None
    role: Role | None
    snippet: str
    """One line of the original text around the first hit."""
    places: tuple[tuple[int, int], ...]
    """Where the words stand in the snippet: (start, end)."""
    created_at: int


@dataclass(frozen=True, slots=True)
class Found:
    """Chats by their titles first, then messages, both the newest first."""

    hits: tuple[Hit, ...]
    more: bool
    """True when there may be older ones: ask again with `before` the last message's id."""
    seconds: float


class ChatSearch:
    """`find` is a quick read for any thread. A newer question ends an older one, which then returns what it has."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._newest = 0
        self._lock = threading.Lock()
        self._filling: asyncio.Task[None] | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._is_made_anew = False

    def find(self, query: str, where: Filters | None = None, *, limit: int = 50, before: MessageId | None = None) -> Found:
        """Texts that have every word of the query (folding.terms): without case and marks, the last word as a beginning.

        With no words but some filter the newest messages that meet it are found. Raises DatabaseTrouble.
        """
        where = where or Filters()
        with self._lock:
            self._newest += 1
            mine = self._newest
        begun = time.monotonic()
        asked = folding.terms(query)
        if not folding.match_of(asked) and where == Filters():
            return Found((), False, 0.0)

        def late() -> bool:
            return self._newest != mine or time.monotonic() - begun > PATIENCE_S

        hits: list[Hit] = []
        try:
            more = self._database.read(lambda connection: _find(connection, asked, where, limit, before, late, hits))
        except DatabaseDamaged as trouble:
            if not self._begin_anew(trouble):
                raise
            more = True
        return Found(tuple(hits), more, time.monotonic() - begun)

    def _begin_anew(self, trouble: DatabaseDamaged) -> bool:
        """The index can't be read: it is made again while search goes on; False when it was, and that didn't help."""
        if self._is_made_anew or not self._database.is_writing:
            return False
        self._is_made_anew = True
        log.warning("the index of search is damaged and is made anew: %s", trouble)
        self._database.submit(search_index.begin_anew)
        self._wake()
        return True

    def leaf_of(self, message: MessageId) -> MessageId | None:
        """The tip that shows this message: the chat's own when it is in the shown branch, else the end of the newest branch through it.
        None when it is gone."""

        def look(connection: sqlite3.Connection) -> MessageId | None:
            found = store.message(connection, message)
            chat = store.chat(connection, found.chat_id) if found is not None else None
            if chat is None:
                return None
            tree = Tree(store.messages(connection, chat.id))
            return chat.tip_id if any(one.id == message for one in tree.path(chat.tip_id)) else tree.tip_below(message)

        return self._database.read(look)

    def waiting(self) -> int:
        """How many texts are not in the index yet."""
        return int(self._database.read(lambda connection: connection.execute("SELECT count(*) FROM unfolded").fetchone()[0]))

    async def fill(self) -> None:
        """Take in what is not in the index yet, in small portions, the newest first. It may be stopped at any moment and goes on
        where it was. Returns when all is in."""
        some = 1
        while some and self._database.is_writing:
            some = await self._database.write(search_index.drain_portion)  # others write in between
            if some < 0 and self._is_made_anew:
                return  # it doesn't help; the next start tries again
            self._is_made_anew |= some < 0
            # Python's threads wait for one another at every row: without a breath reading a chat takes 30 times as long (measured).
            await asyncio.sleep(PAUSE_S)

    def begin_filling(self) -> None:
        """`fill` behind everything else; again while it runs is fine. Belongs to the loop."""
        if self._filling is None or self._filling.done():
            try:
                self._loop = asyncio.get_running_loop()
                self._filling = self._loop.create_task(self.fill())
            except RuntimeError:  # no loop on this thread: the next change begins it
                self._filling = None

    def _wake(self) -> None:
        if self._loop is not None:
            with suppress(RuntimeError):  # closed
                self._loop.call_soon_threadsafe(self.begin_filling)

    def heard(self, event: object) -> None:
        """A listener of the hub: what an import or a purge left to do is begun. Belongs to the loop."""
        if isinstance(event, Changed) and event.what == "chats" and self._database.is_writing and self.waiting():
            self.begin_filling()

    async def end_filling(self) -> None:
        """Stop it."""
        if self._filling is not None:
            self._filling.cancel()
            await asyncio.wait([self._filling])
            self._filling = None


def _find(
    connection: sqlite3.Connection, asked: tuple[Term, ...], where: Filters, limit: int, before: MessageId | None, late: Callable[[], bool], hits: list[Hit]
) -> bool:
    match = folding.match_of(asked)
    conditions, values = _conditions(connection, where)
    connection.set_progress_handler(lambda: int(late()), _STEPS)
    try:
        if before is None and not where.of_messages and match:
            hits += _titles(connection, asked, match, where, conditions, values)
        return _messages(connection, asked, match, where, conditions, values, limit, before, hits)
    except sqlite3.OperationalError as error:
        if "interrupt" not in str(error):
            raise
        return True
    finally:
        connection.set_progress_handler(None, 0)


def _conditions(connection: sqlite3.Connection, where: Filters) -> tuple[str, list[Any]]:
    """What every hit's chat must meet, as SQL on `chat`."""
    parts: list[str] = []
    values: list[Any] = []
    if where.folder is not None:
        within = organising.inside(connection, where.folder)
        parts.append(f"chat.folder_id IN ({organising.places(within)})")
        values += within
    if where.tag:
        parts.append("chat.id IN (SELECT chat_id FROM chat_tag JOIN tag ON tag.id = tag_id WHERE tag.folded = ?)")
        values.append(organising.folded(store.storable(where.tag)))
    if where.archived is not None:
        parts.append("chat.archived_at IS NOT NULL" if where.archived else "chat.archived_at IS NULL")
    if where.chat is not None:
        parts.append("chat.id = ?")
        values.append(where.chat)
    return " AND ".join(parts) or "1", values


def _titles(connection: sqlite3.Connection, asked: tuple[Term, ...], match: str, where: Filters, conditions: str, values: list[Any]) -> list[Hit]:
    gone = "chat.deleted_at IS NOT NULL" if where.trash else "chat.deleted_at IS NULL"
    query = (
        "SELECT chat.id, chat.title, chat.note, chat.used_at FROM folded_words JOIN chat ON chat.id = -folded_words.rowid "
        f"WHERE folded_words MATCH ? AND folded_words.rowid < 0 AND {gone} AND {conditions} AND chat.used_at >= ? AND chat.used_at < ? "
        "ORDER BY chat.used_at DESC, chat.id DESC LIMIT ?"
    )
    made = []
    for chat, title, note, used_at in connection.execute(query, [match, *values, *_times(where), _MOST_TITLES]):
        tags = " · ".join(organising.tags_of(connection, chat))
        text = next((one for one in (title, note, tags) if folding.places_of(asked, one)), title)
        shown, places = folding.snippet(text, folding.places_of(asked, text))
        made.append(Hit(ChatId(chat), title, None, None, shown, places, used_at))
    return made


def _messages(
    connection: sqlite3.Connection,
    asked: tuple[Term, ...],
    match: str,
    where: Filters,
    conditions: str,
    values: list[Any],
    limit: int,
    before: MessageId | None,
    hits: list[Hit],
) -> bool:
    parts = [conditions, "message.created_at >= ? AND message.created_at < ?"]
    values = [*values, *_times(where)]
    if where.role:
        parts.append("message.role = ?")
        values.append(where.role)
    if where.mark:
        parts.append("message.mark = ?")
        values.append(where.mark)
    if where.model:
        parts.append(f"instr(lower(message.model), lower(?)) AND {votes.NOT_HIDDEN}")
        values.append(where.model)
    parts.append("(chat.deleted_at IS NOT NULL OR message.deleted_at IS NOT NULL)" if where.trash else "chat.deleted_at IS NULL AND message.deleted_at IS NULL")
    if match:
        # CROSS JOIN keeps the order of the tables: the index of words gives the newest first, and stops when there are enough.
        source = "folded_words CROSS JOIN message ON message.id = folded_words.rowid CROSS JOIN chat ON chat.id = message.chat_id"
        low, high = 0, before or 1 << 62
        if where.chat is not None:  # the index of words walks a range of ids quickly
            first, last = connection.execute("SELECT min(id), max(id) FROM message WHERE chat_id = ?", (where.chat,)).fetchone()
            low, high = (first or 1) - 1, min(high, (last or 0) + 1)
        parts.insert(0, "folded_words MATCH ? AND folded_words.rowid > ? AND folded_words.rowid < ?")
        values = [match, low, high, *values]
        order = "folded_words.rowid"
    else:
        source = "message CROSS JOIN chat ON chat.id = message.chat_id"
        parts.insert(0, "message.id < ?")
        values = [before or 1 << 62, *values]
        order = "message.id"
    query = (
        f"SELECT message.id, message.chat_id, chat.title, message.role, message.text, message.created_at FROM {source} "
        f"WHERE {' AND '.join(parts)} ORDER BY {order} DESC LIMIT ?"
    )
    for number, (message, chat, title, role, text, created_at) in enumerate(connection.execute(query, [*values, limit + 1])):
        if number == limit:
            return True
        shown, places = folding.snippet(text, folding.places_of(asked, text))
        hits.append(Hit(ChatId(chat), title, MessageId(message), cast(Role, role), shown, places, created_at))
    return False


def _times(where: Filters) -> tuple[int, int]:
    return (where.since if where.since is not None else -(1 << 62), where.until if where.until is not None else 1 << 62)
