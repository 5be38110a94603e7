"""The SQL of import: records of a file become rows, by uid, so that what is here already is not taken twice. The caller's transaction."""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, cast

from localstory.chats import organising
from localstory.chats.exchange_file import LeftOut, Record
from localstory.chats.store import storable
from localstory.chats.tree import ChatId, MessageId, title_from
from localstory.words import mark

_MOST_NUMBER = 1 << 40
"""Numbers of messages beyond it come from no database of ours."""
_MOST_INTEGER = 1 << 53
_LAST_TIME = 1 << 46
"""Milliseconds since 1970: the year 4200."""
_MOST_TITLE = 10_000


class _Bad(Exception):
    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why


def _text(record: Record, name: str, default: str | None = "") -> str:
    value = record.get(name, default)
    if not isinstance(value, str):
        raise _Bad(mark("a value in it makes no sense"))
    return storable(value)


def _uid(record: Record, name: str = "uid") -> str:
    value = record.get(name)
    if not isinstance(value, str) or not 0 < len(value) <= 64 or not value.isascii() or not value.isprintable():
        raise _Bad(mark("it has no identity"))
    return value


def _reference(record: Record, name: str) -> str | None:
    value = record.get(name)
    if value is not None and not isinstance(value, str):
        raise _Bad(mark("a value in it makes no sense"))
    return value


def _one_of(record: Record, name: str, allowed: Sequence[str], default: str | None = None) -> str:
    value = record.get(name, default)
    if value not in allowed:
        raise _Bad(mark("a value in it makes no sense"))
    return str(value)


def _time(record: Record, name: str) -> int | None:
    value = record.get(name)
    if value is None:
        return None
    if not isinstance(value, int) or isinstance(value, bool) or not -_LAST_TIME < value < _LAST_TIME:
        raise _Bad(mark("a value in it makes no sense"))
    return value


def _number(record: Record, name: str) -> float:
    value = record.get(name, 0.0)
    if not isinstance(value, int | float) or isinstance(value, bool) or not -_MOST_INTEGER < value < _MOST_INTEGER:
        raise _Bad(mark("a value in it makes no sense"))
    return float(value)


def _figure(record: Record, name: str) -> float | None:
    return None if record.get(name) is None else _number(record, name)


def _flag(record: Record, name: str, default: bool = False) -> int:
    value = record.get(name, default)
    if not isinstance(value, bool):
        raise _Bad(mark("a value in it makes no sense"))
    return int(value)


def _object(record: Record, name: str) -> str:
    value = record.get(name, {})
    if not isinstance(value, dict):
        raise _Bad(mark("a value in it makes no sense"))
    try:
        return json.dumps(value)
    except (ValueError, RecursionError) as error:
        raise _Bad(mark("a value in it makes no sense")) from error


def _known(connection: sqlite3.Connection, uids: Sequence[Any]) -> dict[str, tuple[Any, ...]]:
    """uid -> (id, chat_id, role, text, state, mark) of those messages that are here."""
    listed = json.dumps([uid for uid in uids if isinstance(uid, str)])
    query = "SELECT uid, id, chat_id, role, text, state, mark FROM message WHERE uid IN (SELECT value FROM json_each(?))"
    return {row[0]: row[1:] for row in connection.execute(query, (listed,))}


def _other_uid(chat: str, uid: str, role: str, text: str) -> str:
    """The identity of a second version of a message: made of what it says, so that it is found again."""
    return hashlib.sha256("\0".join((chat, uid, role, text)).encode()).hexdigest()[:32]


@dataclass(slots=True)
class Counted:
    """What an import did, or would do. Counts."""

    chats: int = 0
    """That are new here."""
    grown: int = 0
    """That were here and got messages."""
    same: int = 0
    """That were here and had all of it."""
    messages: int = 0
    messages_there: int = 0
    both_kept: int = 0
    """Of `messages`: those that stand otherwise here; both versions are kept, side by side."""
    in_trash: int = 0
    """Of the chats that were here: those that lie in the trash, and stay there."""
    folders: int = 0
    tags: int = 0
    summaries: int = 0
    votes: int = 0


@dataclass(slots=True)
class _Here:
    """The chat whose messages come now."""

    uid: str
    id: ChatId
    is_new: bool
    tip: str | None
    messages: dict[str, int] = field(default_factory=dict)
    """uid in the file -> id here."""
    new: set[int] = field(default_factory=set)
    has_named: bool = True
    deleted: bool = False


class Taking:
    """One import: takes portions of records, one transaction each, in the order of the file.

    A transaction that fails leaves this value in no state to go on.
    """

    def __init__(self, connection: sqlite3.Connection, now: int) -> None:
        self.counted = Counted()
        self.left_out: list[LeftOut] = []
        self.new_chats: list[ChatId] = []
        self.changed_chats: list[ChatId] = []
        self._now = now
        self._base = int(connection.execute("SELECT coalesce(max(id), 0) FROM message").fetchone()[0])
        self._folders: dict[str, int] = {}
        self._here: _Here | None = None

    def take(self, connection: sqlite3.Connection, some: Sequence[tuple[str, Record]]) -> None:
        """Take these records."""
        known = _known(connection, [record.get("uid") for kind, record in some if kind == "message"])
        steps = {"folder": self._folder, "tag": self._tag, "chat": self._chat, "summary": self._summary, "vote": self._vote}
        for kind, record in some:
            try:
                if kind == "message":
                    self._message(connection, record, known)
                else:
                    steps[kind](connection, record)
            except _Bad as bad:
                self.left_out.append(LeftOut(str(record.get("where", kind)), bad.why))
        self._settle(connection)

    def end(self, connection: sqlite3.Connection) -> None:
        """After the last portion."""
        self._leave(connection)

    # -- folders and tags

    def _folder(self, connection: sqlite3.Connection, record: Record) -> None:
        uid, name = _uid(record), _text(record, "name").strip()
        found = connection.execute("SELECT id FROM folder WHERE uid = ?", (uid,)).fetchone()
        if found is None:
            parent = self._folders.get(_reference(record, "parent") or "")
            values = (uid, parent, name[:_MOST_TITLE] or "?", _number(record, "position"), _text(record, "system_prompt"), _object(record, "parameters"))
            cursor = connection.execute(
                "INSERT INTO folder (uid, parent_id, name, position, system_prompt, parameters, created_at, deleted_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                (*values, _time(record, "created_at") or self._now, _time(record, "deleted_at")),
            )
            found = (cursor.lastrowid,)
            self.counted.folders += 1
            organising.nearest_folder(connection, "folder", cast(int, cursor.lastrowid))
        self._folders[uid] = found[0]

    def _tag(self, connection: sqlite3.Connection, record: Record) -> None:
        name = " ".join(_text(record, "name").split())[:_MOST_TITLE]
        if not name:
            raise _Bad(mark("a value in it makes no sense"))
        values = (_uid(record), name, organising.folded(name))
        self.counted.tags += connection.execute("INSERT INTO tag (uid, name, folded) VALUES (?, ?, ?) ON CONFLICT DO NOTHING", values).rowcount

    # -- chats

    def _chat(self, connection: sqlite3.Connection, record: Record) -> None:
        self._leave(connection)
        uid = _uid(record)
        tags = record.get("tags", [])
        if not isinstance(tags, list) or not all(isinstance(tag, str) for tag in tags):
            raise _Bad(mark("a value in it makes no sense"))
        note = _text(record, "note")
        found = connection.execute("SELECT id, note, deleted_at FROM chat WHERE uid = ?", (uid,)).fetchone()
        if found is None:
            folder = self._folders.get(_reference(record, "folder") or "")
            created = _time(record, "created_at") or self._now
            values = (
                uid, _text(record, "title")[:_MOST_TITLE], _one_of(record, "title_by", ("words", "model", "person"), "words"), _text(record, "draft"),
                _text(record, "model"), _text(record, "engine"), _text(record, "server"), _text(record, "system_prompt"), _object(record, "parameters"),
                created, _time(record, "used_at") or created, _time(record, "deleted_at"), folder, _flag(record, "pinned"), _time(record, "archived_at"),
                _number(record, "position"), note,
            )  # fmt: skip
            cursor = connection.execute(
                "INSERT INTO chat (uid, title, title_by, draft, model, engine, server, system_prompt, parameters, created_at, used_at, deleted_at, "
                "folder_id, pinned, archived_at, position, note) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                values,
            )
            chat = ChatId(cast(int, cursor.lastrowid))
            organising.nearest_folder(connection, "chat", chat)
            self._here = _Here(uid, chat, True, _reference(record, "tip"))
            self.counted.chats += 1
            self.new_chats.append(chat)
        else:
            chat = ChatId(found[0])
            self._here = _Here(uid, chat, False, _reference(record, "tip"), deleted=found[2] is not None)
            if note and note not in found[1]:
                organising.set_note(connection, chat, f"{found[1]}\n\n{note}" if found[1] else note)
        for tag in tags:
            if name := " ".join(storable(tag).split())[:_MOST_TITLE]:
                organising.put_tag(connection, [chat], name)

    def _in(self, connection: sqlite3.Connection, record: Record) -> _Here:
        """The chat of a record; made when its own line was lost."""
        uid = _uid(record, "chat")
        if self._here is None or self._here.uid != uid:
            found = connection.execute("SELECT id, deleted_at FROM chat WHERE uid = ?", (uid,)).fetchone()
            self._leave(connection)
            if found is not None:
                self._here = _Here(uid, ChatId(found[0]), False, None, deleted=found[1] is not None)
            else:
                self._chat(connection, {"uid": uid, "created_at": _time(record, "created_at")})
                assert self._here is not None
                self._here.has_named = False
        return self._here

    def _message(self, connection: sqlite3.Connection, record: Record, known: dict[str, tuple[Any, ...]]) -> None:
        uid = _uid(record)
        role = _one_of(record, "role", ("system", "user", "assistant"))
        state = _one_of(record, "state", ("streaming", "finished", "stopped", "failed"), "finished")
        text, marked = _text(record, "text", None), _one_of(record, "mark", ("", "good", "bad"), "")
        parent_uid, n = _reference(record, "parent"), record.get("n")
        trouble = record.get("trouble")
        created = _time(record, "created_at") or self._now
        values = (
            role, text, "stopped" if state == "streaming" else state, _text(record, "model"), _text(record, "engine"), _object(record, "made_of"),
            _object(record, "trouble") if trouble is not None else "", created, _time(record, "finished_at"), _time(record, "deleted_at"), marked,
        )  # fmt: skip
        branch = record.get("branch")
        branch = (_text(branch, "name"), bool(_flag(branch, "pinned"))) if isinstance(branch, dict) else None
        here = self._in(connection, record)
        there = known.get(uid)
        if there is not None and not (there[1] == here.id and there[2] == role and _is_same(there[3], there[4], text, state)):
            # It stands otherwise here. Both are kept.
            uid = _other_uid(here.uid, uid, role, text)
            there = known.get(uid) or _known(connection, [uid]).get(uid)
            self.counted.both_kept += there is None
        if there is not None:
            here.messages[_uid(record)] = there[0]
            self.counted.messages_there += 1
            if marked and not there[5]:
                organising.set_mark(connection, MessageId(there[0]), cast(Any, marked))
            return
        parent = here.messages.get(parent_uid) if parent_uid is not None else None
        if parent is None and parent_uid is not None:
            row = connection.execute("SELECT id FROM message WHERE uid = ? AND chat_id = ?", (parent_uid, here.id)).fetchone()
            parent = row[0] if row is not None else None
            if parent is None:
                self.left_out.append(LeftOut(str(record.get("where", "")), mark("what it answers is missing: it begins a branch of its own")))
        number = None
        if isinstance(n, int) and not isinstance(n, bool) and 0 < n < _MOST_NUMBER and self._base + n > (parent or 0):
            number = self._base + n
        try:
            made = _insert(connection, number, uid, here.id, parent, *values)
        except sqlite3.IntegrityError:
            if number is None:
                raise
            # Somebody wrote here meanwhile: the next number will do.
            made = _insert(connection, None, uid, here.id, parent, *values)
        known[uid] = (made, here.id, role, text, values[2], marked)
        here.messages[_uid(record)] = made
        here.new.add(made)
        self.counted.messages += 1
        if branch is not None:
            organising.name_branch(connection, MessageId(made), *branch)

    def _summary(self, connection: sqlite3.Connection, record: Record) -> None:
        here = self._in(connection, record)
        about = here.messages.get(_uid(record, "message"))
        if about is None:
            raise _Bad(mark("what it stands for is missing"))
        created = _time(record, "created_at") or self._now
        values = (
            _uid(record), here.id, about, _text(record, "text", None), _text(record, "fingerprint", None),
            _one_of(record, "written_by", ("model", "person")), _text(record, "model"), _text(record, "engine"), created,
            _time(record, "changed_at") or created, _time(record, "deleted_at"),
        )  # fmt: skip
        self.counted.summaries += connection.execute(
            "INSERT INTO summary (uid, chat_id, message_id, text, fingerprint, written_by, model, engine, created_at, changed_at, deleted_at) "
            "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (uid) DO NOTHING",
            values,
        ).rowcount

    def _settle(self, connection: sqlite3.Connection) -> None:
        """At the end of a chat or portion: the chat can be opened as it is, also when nothing more comes."""
        here = self._here
        if here is None:
            return
        if here.new:
            wanted = here.messages.get(here.tip or "")
            if wanted in here.new or (here.is_new and wanted is not None):
                connection.execute("UPDATE chat SET tip_id = ? WHERE id = ?", (wanted, here.id))
            elif here.tip is not None or not here.has_named:
                seen = "SELECT max(id) FROM message WHERE chat_id = ?1 AND deleted_at IS NULL"
                connection.execute(f"UPDATE chat SET tip_id = coalesce(tip_id, ({seen})) WHERE id = ?1", (here.id,))
        elif here.is_new and here.tip is not None and here.tip in here.messages:
            connection.execute("UPDATE chat SET tip_id = ? WHERE id = ?", (here.messages[here.tip], here.id))

    def _leave(self, connection: sqlite3.Connection) -> None:
        self._settle(connection)
        here, self._here = self._here, None
        if here is None:
            return
        if here.new and not here.has_named:
            first = connection.execute("SELECT text FROM message WHERE chat_id = ? AND role = 'user' ORDER BY id LIMIT 1", (here.id,)).fetchone()
            if first is not None:
                connection.execute("UPDATE chat SET title = ? WHERE id = ? AND title = ''", (title_from(first[0]), here.id))
        if here.is_new:
            return
        self.counted.in_trash += here.deleted
        if here.new:
            self.counted.grown += 1
            self.changed_chats.append(here.id)
        else:
            self.counted.same += 1

    # -- votes

    def _vote(self, connection: sqlite3.Connection, record: Record) -> None:
        uid = _uid(record)
        answers = record.get("answers", [])
        if not isinstance(answers, list) or not all(isinstance(one, dict) for one in answers):
            raise _Bad(mark("a value in it makes no sense"))
        if connection.execute("SELECT 1 FROM vote WHERE uid = ?", (uid,)).fetchone() is not None:
            return
        chat = connection.execute("SELECT id FROM chat WHERE uid = ?", (_reference(record, "chat"),)).fetchone()
        question = connection.execute("SELECT id FROM message WHERE uid = ?", (_reference(record, "question"),)).fetchone()
        rows = []
        for place, one in enumerate(answers, 1):
            message = connection.execute("SELECT id FROM message WHERE uid = ?", (_reference(one, "message"),)).fetchone()
            rows.append((
                place, message[0] if message else None, _text(one, "engine"), _text(one, "model"), _text(one, "file"), _flag(one, "won"),
                _flag(one, "counts", True), _figure(one, "tokens_per_second"), _figure(one, "first_token_s"),
            ))  # fmt: skip
        verdict = _one_of(record, "verdict", ("", "best", "same", "none", "skipped"))
        values = (uid, chat[0] if chat else None, question[0] if question else None, _flag(record, "blind"), verdict)
        cursor = connection.execute(
            "INSERT INTO vote (uid, chat_id, question_id, blind, verdict, created_at, voted_at) VALUES (?, ?, ?, ?, ?, ?, ?)",
            (*values, _time(record, "created_at") or self._now, _time(record, "voted_at")),
        )
        connection.executemany(
            "INSERT INTO vote_answer (vote_id, place, message_id, engine, model, file, won, counts, tokens_per_second, first_token_s) "
            "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            [(cursor.lastrowid, *row) for row in rows],
        )
        self.counted.votes += 1


def _insert(connection: sqlite3.Connection, *values: object) -> int:
    query = (
        "INSERT INTO message (id, uid, chat_id, parent_id, role, text, state, model, engine, made_of, trouble, created_at, finished_at, deleted_at, mark) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
    )
    return cast(int, connection.execute(query, values).lastrowid)


def _is_same(text: str, state: str, other: str, other_state: str) -> bool:
    """The same message, or one of the two is the beginning of the other, from when it was being written."""
    return text == other or (other_state in ("streaming", "stopped") and text.startswith(other))


class Looking:
    """What an import would do, for a preview: nothing is written. Counts as `Taking` does, but for what only a look at every value tells."""

    def __init__(self) -> None:
        self.counted = Counted()
        self.left_out: list[LeftOut] = []
        self._chat = ""
        self._id: int | None = None
        self._before = 0
        self._is_deleted = False

    def look(self, connection: sqlite3.Connection, some: Sequence[tuple[str, Record]]) -> None:
        """Count these records."""
        known = _known(connection, [record.get("uid") for kind, record in some if kind == "message"])
        for kind, record in some:
            try:
                uid = _uid(record)
                if kind == "message":
                    self._message(connection, uid, record, known)
                elif kind == "chat":
                    self._enter(connection, uid)
                elif (
                    connection.execute(f"SELECT 1 FROM {kind} WHERE {'folded' if kind == 'tag' else 'uid'} = ?", (self._key(kind, record, uid),)).fetchone()
                    is None
                ):
                    name = {"folder": "folders", "tag": "tags", "summary": "summaries", "vote": "votes"}[kind]
                    setattr(self.counted, name, getattr(self.counted, name) + 1)
            except _Bad as bad:
                self.left_out.append(LeftOut(str(record.get("where", kind)), bad.why))

    @staticmethod
    def _key(kind: str, record: Record, uid: str) -> str:
        return organising.folded(_text(record, "name")) if kind == "tag" else uid

    def _message(self, connection: sqlite3.Connection, uid: str, record: Record, known: dict[str, tuple[Any, ...]]) -> None:
        role, text, state = _one_of(record, "role", ("system", "user", "assistant")), _text(record, "text", None), _text(record, "state", "finished")
        chat = _uid(record, "chat")
        if chat != self._chat:
            self._enter(connection, chat)
        there = known.get(uid)
        if there is not None and not (there[1] == self._id and there[2] == role and _is_same(there[3], there[4], text, state)):
            uid = _other_uid(chat, uid, role, text)
            there = known.get(uid) or _known(connection, [uid]).get(uid)
            self.counted.both_kept += there is None
        self.counted.messages += there is None
        self.counted.messages_there += there is not None

    def _enter(self, connection: sqlite3.Connection, chat: str) -> None:
        self.end()
        found = connection.execute("SELECT id, deleted_at FROM chat WHERE uid = ?", (chat,)).fetchone()
        self._chat, self._before = chat, self.counted.messages
        self._id, self._is_deleted = (found[0], found[1] is not None) if found is not None else (None, False)

    def end(self) -> None:
        """After the last portion."""
        if self._chat:
            self.counted.chats += self._id is None
            self.counted.grown += self._id is not None and self.counted.messages > self._before
            self.counted.same += self._id is not None and self.counted.messages == self._before
            self.counted.in_trash += self._is_deleted
        self._chat = ""
