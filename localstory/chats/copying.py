"""The SQL of copies: messages never move, so whatever changes its place is written again. The caller's transaction, as in `store`."""

from __future__ import annotations

import json
import sqlite3
import uuid
from typing import Any, cast

from localstory.chats import organising, store, votes
from localstory.chats.store import FolderId, storable
from localstory.chats.tree import ChatId, ChatMessage, MessageId, Tree
from localstory.engines.base import Role
from localstory.errors import BadRequest
from localstory.words import _, mark


def add(connection: sqlite3.Connection, chat: ChatId, parent: MessageId | None, role: Role, text: str, now: int, made_of: dict[str, Any]) -> MessageId:
    """A finished message with where its words are from; it becomes the chat's tip."""
    made = store.add_message(connection, chat, parent, role, text, "finished", now)
    connection.execute("UPDATE message SET made_of = ? WHERE id = ?", (json.dumps(made_of), made))
    return made


def again(connection: sqlite3.Connection, message: ChatMessage, chat: ChatId, parent: MessageId | None) -> MessageId:
    """The same message under another one, with all that may be known of it. A reply that is being written counts as stopped."""
    message = votes.as_it_may_be_known(connection, message)
    state = "stopped" if message.state == "streaming" else message.state
    values = (
        uuid.uuid4().hex, chat, parent, message.role, storable(message.text), state, message.model, message.engine, json.dumps(message.made_of),
        json.dumps(message.trouble) if message.trouble else "", message.created_at, message.finished_at or message.created_at, message.mark,
    )  # fmt: skip
    cursor = connection.execute(
        "INSERT INTO message (uid, chat_id, parent_id, role, text, state, model, engine, made_of, trouble, created_at, finished_at, mark) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        values,
    )
    return MessageId(cast(int, cursor.lastrowid))


def chat(connection: sqlite3.Connection, old: ChatId, now: int, *, tip: MessageId | None = None, folder: FolderId | None = None) -> ChatId:
    """A copy of a chat: everything, or the branch that ends at `tip`. With `folder` it goes there under its own title;
    without, it stands behind the original as "… (copy)". Raises BadRequest when the chat or the branch is gone."""
    here = store.chat(connection, old)
    tree = Tree(store.messages(connection, old))
    if here is None or (tip is not None and tip not in tree.messages):
        raise BadRequest(title=mark("This chat is gone"))
    title = here.title if folder is not None else _("{title} (copy)").format(title=here.title) if here.title else ""
    made = store.add_chat(connection, now, title)
    kept = "model, system_prompt, parameters, engine, server, folder_id, pinned, archived_at, note, created_at, used_at, position, draft"
    query = f"UPDATE chat SET ({kept}, title_by) = (SELECT {kept}, iif(title = '', 'words', 'person') FROM chat WHERE id = ?) WHERE id = ?"
    connection.execute(query, (old, made))
    copies: dict[MessageId | None, MessageId | None] = {None: None}
    for message in tree.path(tip) if tip is not None else tree.messages.values():
        copies[message.id] = again(connection, message, made, copies.get(message.parent_id))
    connection.execute("UPDATE chat SET tip_id = ? WHERE id = ?", (copies.get(tip if tip is not None else here.tip_id), made))
    for name in organising.branch_names(connection, old):
        copied = copies.get(name.message_id)
        if copied is not None:
            organising.name_branch(connection, copied, name.name, name.pinned)
    connection.execute("INSERT INTO chat_tag (chat_id, tag_id) SELECT ?, tag_id FROM chat_tag WHERE chat_id = ?", (made, old))
    for one in store.summaries(connection, old):
        copied = copies.get(one.message_id)
        if copied is not None:
            connection.execute(
                "INSERT INTO summary (uid, chat_id, message_id, text, fingerprint, written_by, model, engine, created_at, changed_at) "
                "SELECT ?, ?, ?, text, fingerprint, written_by, model, engine, created_at, changed_at FROM summary WHERE id = ?",
                (uuid.uuid4().hex, made, copied, one.id),
            )
    if folder is not None:
        connection.execute("UPDATE chat SET folder_id = ? WHERE id = ?", (folder, made))
    else:
        organising.Record(connection).places("chat", [made], organising.in_folder(connection, here.folder_id), old)
    return made


def folder(connection: sqlite3.Connection, old: FolderId, now: int) -> FolderId:
    """A copy of a folder and of all that is in sight in it, behind the original. Raises BadRequest when it is gone."""
    every = {one.id: one for one in organising.folders(connection)}
    if old not in every:
        raise BadRequest(title=mark("This folder is gone"))
    within = [one for one in organising.inside(connection, old) if one in every]
    copies: dict[FolderId, FolderId] = {}
    for one in within:  # parents come before what is in them
        source = every[one]
        parent = source.parent_id if one == old else copies[cast(FolderId, source.parent_id)]
        name = _("{title} (copy)").format(title=source.name) if one == old else source.name
        copies[one] = organising.add_folder(connection, name, parent, now)
        connection.execute(
            "UPDATE folder SET (system_prompt, parameters, position) = (SELECT system_prompt, parameters, position FROM folder WHERE id = ?) WHERE id = ?",
            (one, copies[one]),
        )
    siblings = [one.id for one in organising.folders(connection) if one.parent_id == every[old].parent_id]
    organising.Record(connection).places("folder", [copies[old]], siblings, old)
    for one in within:
        for inner in organising.chats_in(connection, [one]):
            chat(connection, inner, now, folder=copies[one])
    return copies[old]
