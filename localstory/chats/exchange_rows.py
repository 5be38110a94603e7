"""The SQL of export: rows as records that hold uids in place of row numbers. The caller's transaction, as in `store`."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from localstory.chats import organising
from localstory.chats.exchange_file import Record
from localstory.chats.organising import in_portions, places
from localstory.chats.store import FolderId
from localstory.chats.tree import ChatId, MessageId


@dataclass(frozen=True, slots=True)
class Scope:
    """What is exported: everything, some chats, a folder with all in it, or one branch of one chat."""

    chats: tuple[ChatId, ...] | None = None
    """None: all."""
    folder: FolderId | None = None
    tip: MessageId | None = None
    """Only the branch of the one chat that ends here."""
    trash: bool = True
    """Deleted things too."""

    @property
    def is_whole(self) -> bool:
        return self.chats is None and self.folder is None and self.tip is None


# -- out -----------------------------------------------------------------------------------------------------------------


def chats_in(connection: sqlite3.Connection, scope: Scope) -> list[ChatId]:
    """The chats of a scope, in the order in which they were made."""
    seen = "" if scope.trash else " AND deleted_at IS NULL"
    if scope.folder is not None:
        within = organising.inside(connection, scope.folder)
        found = [row[0] for some in in_portions(within) for row in connection.execute(f"SELECT id FROM chat WHERE folder_id IN ({places(some)}){seen}", some)]
    elif scope.chats is not None:
        found = [row[0] for some in in_portions(scope.chats) for row in connection.execute(f"SELECT id FROM chat WHERE id IN ({places(some)}){seen}", some)]
    else:
        found = [row[0] for row in connection.execute(f"SELECT id FROM chat WHERE true{seen}")]
    return [ChatId(one) for one in sorted(found)]


def records(connection: sqlite3.Connection, scope: Scope) -> Iterator[tuple[str, Record]]:
    """Everything of a scope as (kind, record), in the order of the file. Needs one transaction around it to be of one moment."""
    chats = chats_in(connection, scope)
    folders = _folders(connection, scope, chats)
    yield from (("folder", record) for _id, record in folders)
    uids = {number: record["uid"] for number, record in folders}
    yield from _tags(connection, None if scope.is_whole else chats)
    for chat in chats:
        yield from _chat(connection, chat, scope, uids)
    yield from _votes(connection, None if scope.is_whole else chats, scope)


def _folders(connection: sqlite3.Connection, scope: Scope, chats: Sequence[ChatId]) -> list[tuple[int, Record]]:
    rows = {
        row[0]: row[1:]
        for row in connection.execute("SELECT id, uid, parent_id, name, position, system_prompt, parameters, created_at, deleted_at FROM folder ORDER BY id")
    }
    wanted = set(rows)
    if not scope.is_whole:
        # The folders around a chat come with it, so that it finds its place.
        wanted = set(organising.inside(connection, scope.folder)) if scope.folder is not None else set()
        for some in in_portions(chats):
            wanted.update(row[0] for row in connection.execute(f"SELECT folder_id FROM chat WHERE id IN ({places(some)})", some) if row[0] is not None)
        for one in list(wanted):
            at = rows[one][1]
            while at is not None and at not in wanted:
                wanted.add(at)
                at = rows[at][1]
    made, done = [], set[int]()

    def put(one: int) -> None:
        chain = []
        while one is not None and one in wanted and one not in done:
            done.add(one)
            chain.append(one)
            one = rows[one][1]
        for number in reversed(chain):  # parents first
            row = rows[number]
            if row[7] is not None and not scope.trash:
                continue
            parent = rows[row[1]][0] if row[1] in rows else None
            record = {"uid": row[0], "parent": parent, "name": row[2], "position": row[3], "system_prompt": row[4], "parameters": json.loads(row[5])}
            made.append((number, record | {"created_at": row[6], "deleted_at": row[7]}))

    for one in rows:
        put(one)
    return made


def _tags(connection: sqlite3.Connection, chats: Sequence[ChatId] | None) -> Iterator[tuple[str, Record]]:
    used = None
    if chats is not None:
        used = {row[0] for some in in_portions(chats) for row in connection.execute(f"SELECT tag_id FROM chat_tag WHERE chat_id IN ({places(some)})", some)}
    for number, uid, name in connection.execute("SELECT id, uid, name FROM tag ORDER BY id").fetchall():
        if used is None or number in used:
            yield "tag", {"uid": uid, "name": name}


_CHAT = (
    "uid, title, title_by, tip_id, draft, model, engine, server, system_prompt, parameters, created_at, used_at, deleted_at, folder_id, pinned, "
    "archived_at, position, note"
)
_MESSAGE = "id, uid, parent_id, role, text, state, model, engine, made_of, trouble, created_at, finished_at, deleted_at, mark"
_SUMMARY = "uid, message_id, text, fingerprint, written_by, model, engine, created_at, changed_at, deleted_at"


def _chat(connection: sqlite3.Connection, chat: ChatId, scope: Scope, folders: dict[int, str]) -> Iterator[tuple[str, Record]]:
    seen = "" if scope.trash else " AND deleted_at IS NULL"
    row = connection.execute(f"SELECT {_CHAT} FROM chat WHERE id = ?", (chat,)).fetchone()
    if row is None:
        return
    record = dict(zip(_CHAT.split(", "), row, strict=True))
    uids = dict(connection.execute(f"SELECT id, uid FROM message WHERE chat_id = ?{seen}", (chat,)))
    if scope.tip is not None:
        up = "WITH RECURSIVE up(id) AS (SELECT ? UNION SELECT parent_id FROM message JOIN up ON message.id = up.id WHERE parent_id IS NOT NULL) "
        branch = {one[0] for one in connection.execute(f"{up} SELECT id FROM up", (scope.tip,))}
        uids = {number: uid for number, uid in uids.items() if number in branch}
        record["tip_id"] = scope.tip
    record["parameters"] = json.loads(record["parameters"])
    record["pinned"] = bool(record["pinned"])
    record["tip"] = uids.get(record.pop("tip_id"))
    record["folder"] = folders.get(record.pop("folder_id"))
    record["tags"] = [one[0] for one in connection.execute("SELECT name FROM tag JOIN chat_tag ON tag_id = tag.id WHERE chat_id = ? ORDER BY folded", (chat,))]
    yield "chat", record
    owner = record["uid"]
    names = {one.message_id: one for one in organising.branch_names(connection, chat)}
    for values in connection.execute(f"SELECT {_MESSAGE} FROM message WHERE chat_id = ?{seen} ORDER BY id", (chat,)):
        number, uid, parent, role, text, state, model, engine, made_of, trouble, created, finished, deleted, marked = values
        if number not in uids:
            continue
        # "n" keeps the order among the messages of all chats.
        one: Record = {"uid": uid, "chat": owner, "parent": uids.get(parent), "n": number, "role": role, "text": text}
        # A reply that is being written now is one that was stopped, for whoever reads this.
        one["state"] = "stopped" if state == "streaming" else state
        one |= {
            "model": model,
            "engine": engine,
            "made_of": {} if made_of == "{}" else json.loads(made_of),
            "trouble": json.loads(trouble) if trouble else None,
        }
        one |= {"created_at": created, "finished_at": finished, "deleted_at": deleted, "mark": marked}
        if (name := names.get(number)) is not None:
            one["branch"] = {"name": name.name, "pinned": name.pinned}
        yield "message", one
    for values in connection.execute(f"SELECT {_SUMMARY} FROM summary WHERE chat_id = ?{seen} ORDER BY id", (chat,)).fetchall():
        told = dict(zip(_SUMMARY.split(", "), values, strict=True))
        about = uids.get(told.pop("message_id"))
        if about is not None:
            yield "summary", {"uid": told.pop("uid"), "chat": owner, "message": about, **told}


def _votes(connection: sqlite3.Connection, chats: Sequence[ChatId] | None, scope: Scope) -> Iterator[tuple[str, Record]]:
    if scope.tip is not None:
        return  # its answers are on several branches
    wanted = None if chats is None else set(chats)
    query = (
        "SELECT vote.id, vote.uid, vote.chat_id, chat.uid, message.uid, vote.blind, vote.verdict, vote.created_at, vote.voted_at FROM vote "
        "LEFT JOIN chat ON chat.id = vote.chat_id LEFT JOIN message ON message.id = vote.question_id ORDER BY vote.id"
    )
    answers = (
        "SELECT place, message.uid, vote_answer.engine, vote_answer.model, file, won, counts, tokens_per_second, first_token_s FROM vote_answer "
        "LEFT JOIN message ON message.id = vote_answer.message_id WHERE vote_id = ? ORDER BY place"
    )
    for number, uid, chat_id, chat, question, blind, verdict, created, voted in connection.execute(query).fetchall():
        if wanted is not None and chat_id not in wanted:
            continue
        some = [
            {"place": row[0], "message": row[1], "engine": row[2], "model": row[3], "file": row[4], "won": bool(row[5]), "counts": bool(row[6])}
            | {"tokens_per_second": row[7], "first_token_s": row[8]}
            for row in connection.execute(answers, (number,))
        ]
        record = {"uid": uid, "chat": chat, "question": question, "blind": bool(blind), "verdict": verdict, "created_at": created, "voted_at": voted}
        yield "vote", record | {"answers": some}


def counts(connection: sqlite3.Connection, scope: Scope) -> int:
    """About how many records a scope holds, for the progress."""
    if scope.is_whole:
        return int(connection.execute("SELECT (SELECT count(*) FROM chat) + (SELECT count(*) FROM message)").fetchone()[0])
    chats = chats_in(connection, scope)
    return len(chats) + sum(
        int(connection.execute(f"SELECT count(*) FROM message WHERE chat_id IN ({places(some)})", some).fetchone()[0]) for some in in_portions(chats)
    )
