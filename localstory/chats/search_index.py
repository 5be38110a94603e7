"""Keeps the index of words in step: what triggers noted as new is folded here, by the writer. The caller's transaction, as in `store`."""

from __future__ import annotations

import logging
import sqlite3

from localstory.chats.folding import for_index

log = logging.getLogger(__name__)

PORTION = 500
"""Texts folded at once in the background: some tens of milliseconds."""
AT_ONCE = 64
"""Folded together with the act that wrote them; more than that (an import, an old database) waits for the background."""


def drain(connection: sqlite3.Connection, most: int = PORTION) -> int:
    """Fold up to so many texts that wait, the newest first, and forget those that are gone; returns how many there were."""
    waiting = [row[0] for row in connection.execute("SELECT id FROM unfolded ORDER BY id DESC LIMIT ?", (most,))]
    if not waiting:
        return 0
    low, high = waiting[-1], waiting[0]
    texts: dict[int, str] = {}
    # The primary keys are near each other: two short walks instead of many questions.
    messages = "SELECT message.id, message.text FROM unfolded JOIN message ON message.id = unfolded.id WHERE unfolded.id BETWEEN ? AND ?"
    texts.update(connection.execute(messages, (low, high)).fetchall())
    chats = "SELECT unfolded.id, chat.id, chat.title, chat.note FROM unfolded JOIN chat ON chat.id = -unfolded.id WHERE unfolded.id BETWEEN ? AND min(?, -1)"
    for place, chat, title, note in connection.execute(chats, (low, high)).fetchall():
        tags = connection.execute("SELECT name FROM tag JOIN chat_tag ON chat_tag.tag_id = tag.id WHERE chat_tag.chat_id = ?", (chat,))
        texts[place] = "\n".join([title, note, *(row[0] for row in tags)])
    old = connection.execute(
        "SELECT folded.id, folded.text FROM unfolded JOIN folded ON folded.id = unfolded.id WHERE unfolded.id BETWEEN ? AND ?", (low, high)
    )
    connection.executemany("INSERT INTO folded_words (folded_words, rowid, text) VALUES ('delete', ?, ?)", old.fetchall())
    new = [(place, for_index(text)) for place, text in texts.items()]
    connection.executemany("INSERT INTO folded_words (rowid, text) VALUES (?, ?)", new)
    connection.executemany("INSERT INTO folded (id, text) VALUES (?, ?) ON CONFLICT (id) DO UPDATE SET text = excluded.text", new)
    connection.executemany("DELETE FROM folded WHERE id = ?", [(place,) for place in waiting if place not in texts])
    connection.execute("DELETE FROM unfolded WHERE id BETWEEN ? AND ?", (low, high))
    return len(waiting)


def drain_at_once(connection: sqlite3.Connection) -> None:
    """Fold what this transaction wrote, when it is not much. A damaged index keeps nobody from writing: it is made anew."""
    some = connection.execute("SELECT count(*) FROM (SELECT 1 FROM unfolded LIMIT ?)", (AT_ONCE + 1,)).fetchone()[0]
    if not 0 < some <= AT_ONCE:
        return
    _drain_safely(connection, AT_ONCE)


def drain_portion(connection: sqlite3.Connection) -> int:
    """`drain` in the background: returns how many there were, 0 when all is in, -1 when a damaged index was thrown away."""
    return _drain_safely(connection, PORTION)


def _drain_safely(connection: sqlite3.Connection, most: int) -> int:
    connection.execute("SAVEPOINT folding")
    try:
        some = drain(connection, most)
    except sqlite3.DatabaseError as trouble:
        if not is_damage(trouble):
            raise
        connection.execute("ROLLBACK TO folding")
        log.warning("the index of search is damaged and is made anew: %s", trouble)
        begin_anew(connection)
        some = -1
    connection.execute("RELEASE folding")
    return some


def is_damage(trouble: sqlite3.Error) -> bool:
    """True for what SQLite says of a damaged table, or of an index of words that contradicts itself."""
    return isinstance(trouble, sqlite3.IntegrityError) or "malformed" in str(trouble) or "fts5" in str(trouble)


def begin_anew(connection: sqlite3.Connection) -> None:
    """Throw away what is derived; all of it is folded again in portions. Search finds what is folded so far."""
    connection.execute("INSERT INTO folded_words (folded_words) VALUES ('delete-all')")
    connection.execute("DELETE FROM folded")
    connection.execute("INSERT OR IGNORE INTO unfolded (id) SELECT id FROM message WHERE state <> 'streaming' UNION ALL SELECT -id FROM chat")


def is_whole(connection: sqlite3.Connection) -> bool:
    """True when the index of words agrees with the folded texts. Seconds for a million messages."""
    try:
        connection.execute("INSERT INTO folded_words (folded_words, rank) VALUES ('integrity-check', 1)")
    except sqlite3.DatabaseError:
        return False
    return True
