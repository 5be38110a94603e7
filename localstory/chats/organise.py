"""Putting chats in order, and taking things away so that they can be brought back.

Every act is one transaction and one `Changed` event ("chats" with the ids, or "folders"). What an act took out of sight or moved
comes back with `undo`; for 30 days it lies in the trash (`trash.py`).
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Awaitable, Callable, Iterable, Sequence
from pathlib import Path
from typing import Literal, TypeVar

from localstory.chats import copying, organising, store, trash
from localstory.chats.organising import BranchName, Folder, Tag, Undo
from localstory.chats.store import FolderId
from localstory.chats.temporary import also_in_memory
from localstory.chats.trash import TrashDays, Trashed
from localstory.chats.tree import ChatId, ChatMessage, Mark, MessageId, Tree, title_from
from localstory.db import Database
from localstory.db.memory import MemoryDatabase
from localstory.engines.base import Role
from localstory.errors import BadRequest, mark
from localstory.events import Changed, Hub

T = TypeVar("T")

Place = Literal["end"]

ORIGIN = "organiser"


@also_in_memory(
    "branch_names", "rename", "set_note", "delete", "clear", "delete_message", "prune", "duplicate", "duplicate_branch", "edit", "insert", "take_over",
    "branch_from", "name_branch", "pin_branch", "mark", "pin", "archive", "tag", "untag",
)  # fmt: skip
class Organiser:
    """Folders, tags, places, names, marks and the trash. Plain methods are quick reads for any thread, async ones write.

    `stop` ends a reply that is being written in a chat and returns when its words are kept (`Chats.stop`).
    """

    def __init__(
        self,
        database: Database,
        hub: Hub,
        stop: Callable[[ChatId], Awaitable[None]],
        days: Path | None = None,
        now: Callable[[], int] = lambda: int(time.time() * 1000),
    ) -> None:
        self._database = database
        self._hub = hub
        self.beside: Organiser | None = None
        """The twin for temporary chats (`temporary.py`)."""
        self.before_purge: Callable[[], Awaitable[object]] | None = None
        """Done before a person removes something for good: a copy of the day."""
        self._stop = stop
        self._clock = now
        self._last = 0
        self._days = TrashDays(days)

    # -- quick reads ---------------------------------------------------------------------------------------------------

    def folders(self) -> list[Folder]:
        """Every folder in sight, by hand within its parent."""
        return self._database.read(organising.folders)

    def tags(self) -> list[Tag]:
        """Every tag that a chat in sight has, by name."""
        return self._database.read(organising.tags)

    def tags_by_chat(self) -> dict[ChatId, tuple[str, ...]]:
        """The tags of every chat that has any, by name."""
        return self._database.read(organising.tags_by_chat)

    def branch_names(self, chat: ChatId) -> list[BranchName]:
        """What the person calls the branches of a chat."""
        return self._database.read(lambda connection: organising.branch_names(connection, chat))

    def trash(self) -> list[Trashed]:
        """What can be brought back, the latest first."""
        return self._database.read(lambda connection: trash.listed(connection, self._days.credible(self._clock())))

    # -- folders -------------------------------------------------------------------------------------------------------

    async def add_folder(self, name: str, parent: FolderId | None = None) -> FolderId:
        """A new folder behind its siblings. Raises BadRequest for a name without letters or a parent that is gone."""
        named = _name(name)

        def work(connection: sqlite3.Connection) -> FolderId:
            if parent is not None and not organising.in_sight(connection, "folder", [parent]):
                raise _gone()
            return organising.add_folder(connection, named, parent, self._now())

        return await self._do(work, folders=True)

    async def rename_folder(self, folder: FolderId, name: str) -> None:
        """Raises BadRequest for a name without letters."""
        named = _name(name)
        await self._do(lambda connection: organising.set_folder(connection, folder, "name", named), folders=True)

    async def move_folder(self, folder: FolderId, parent: FolderId | None, after: FolderId | Place | None = "end") -> Undo:
        """Into `parent` (None: the top), behind `after` (None: first). Raises BadRequest when that is inside itself."""

        def work(connection: sqlite3.Connection) -> Undo:
            both = [folder] if parent is None else [folder, parent]
            if len(organising.in_sight(connection, "folder", both)) < len(set(both)):
                raise _gone()
            if parent is not None and parent in organising.inside(connection, folder):
                raise BadRequest(title=mark("A folder can't be moved into itself"))
            siblings = [one.id for one in organising.folders(connection) if one.parent_id == parent]
            record = organising.Record(connection)
            record.set("folder", "parent_id", {folder: parent})
            rest = [one for one in siblings if one != folder]
            record.places("folder", [folder], siblings, (rest[-1] if rest else None) if after == "end" else after)
            return record.undo()

        return await self._do(work, folders=True)

    async def delete_folder(self, folder: FolderId) -> Undo:
        """Take a folder out of sight, with every chat and folder in it."""
        within = self._database.read(lambda connection: organising.inside(connection, folder))
        await self._stop_all(self._database.read(lambda connection: organising.chats_in(connection, within)))

        def work(connection: sqlite3.Connection) -> Undo:
            now, record = self._moment(), organising.Record(connection)
            within = organising.in_sight(connection, "folder", organising.inside(connection, folder))
            record.set("chat", "deleted_at", dict.fromkeys(organising.chats_in(connection, [FolderId(one) for one in within]), now))
            record.set("folder", "deleted_at", dict.fromkeys(within, now))
            return record.undo()

        return await self._do(work, folders=True)

    # -- chats ---------------------------------------------------------------------------------------------------------

    async def rename(self, chat: ChatId, title: str) -> None:
        """The person's own title. An empty one gives the title back to the program: the first words stand there."""
        said = " ".join(title.split())

        def work(connection: sqlite3.Connection) -> None:
            named = said
            if not named:
                first = connection.execute(
                    "SELECT text FROM message WHERE chat_id = ? AND role = 'user' AND deleted_at IS NULL ORDER BY id LIMIT 1", (chat,)
                ).fetchone()
                named = title_from(first[0]) if first else ""
            organising.set_title(connection, chat, named, "person" if said else "words")

        await self._do(work, (chat,))

    async def set_note(self, chat: ChatId, note: str) -> None:
        """What the person wants to remember of a chat; never sent to a model."""
        await self._do(lambda connection: organising.set_note(connection, chat, note.strip()), (chat,))

    async def pin(self, chats: Iterable[ChatId], pinned: bool) -> None:
        """Pinned chats stand first."""
        every = tuple(chats)
        await self._do(lambda connection: organising.Record(connection).set("chat", "pinned", dict.fromkeys(every, int(pinned))), every)

    async def archive(self, chats: Iterable[ChatId], archived: bool) -> Undo:
        """Out of the list, not of the search; and back."""
        every = tuple(chats)

        def work(connection: sqlite3.Connection) -> Undo:
            record = organising.Record(connection)
            record.set("chat", "archived_at", dict.fromkeys(every, self._now() if archived else None))
            return record.undo()

        return await self._do(work, every)

    async def move(self, chats: Iterable[ChatId], folder: FolderId | None, after: ChatId | Place | None = "end") -> Undo:
        """Into a folder (None: the top), in this order behind `after` (None: first). Raises BadRequest for a folder that is gone."""
        every = tuple(dict.fromkeys(chats))

        def work(connection: sqlite3.Connection) -> Undo:
            if folder is not None and not organising.in_sight(connection, "folder", [folder]):
                raise _gone()
            siblings = organising.in_folder(connection, folder)
            record = organising.Record(connection)
            record.set("chat", "folder_id", dict.fromkeys(every, folder))
            rest = [one for one in siblings if one not in set(every)]
            record.places("chat", list(every), siblings, (rest[-1] if rest else None) if after == "end" else after)
            return record.undo()

        return await self._do(work, every)

    async def tag(self, chats: Iterable[ChatId], name: str) -> None:
        """Put a tag on chats; it is made when there is none of this name. Raises BadRequest for a name without letters."""
        every, named = tuple(chats), _name(name)
        await self._do(lambda connection: organising.put_tag(connection, every, named), every)

    async def untag(self, chats: Iterable[ChatId], name: str) -> None:
        """Take a tag off; one that no chat has is forgotten."""
        every = tuple(chats)
        await self._do(lambda connection: organising.take_tag(connection, every, name), every)

    async def rename_tag(self, old: str, new: str) -> None:
        """Another name everywhere; when there is a tag of that name they become one."""
        named = _name(new)
        await self._do(lambda connection: organising.rename_tag(connection, old, named))

    # -- taking away ---------------------------------------------------------------------------------------------------

    async def delete(self, chats: Iterable[ChatId]) -> Undo:
        """Take chats out of sight; replies that are being written there are stopped and kept first."""
        every = tuple(dict.fromkeys(chats))
        await self._stop_all(every)

        def work(connection: sqlite3.Connection) -> Undo:
            record = organising.Record(connection)
            record.set("chat", "deleted_at", dict.fromkeys(organising.in_sight(connection, "chat", every), self._moment()))
            return record.undo()

        return await self._do(work, every)

    async def delete_all(self) -> Undo:
        """Every chat, archived ones too. Folders stay."""
        return await self.delete([chat.id for chat in self._database.read(store.chats)])

    async def clear(self, chat: ChatId) -> Undo:
        """Every message of one chat; the chat itself stays, with its model, prompt and place."""
        await self._stop(chat)

        def work(connection: sqlite3.Connection) -> Undo:
            record = organising.Record(connection)
            record.set("chat", "tip_id", {chat: None})
            record.set("message", "deleted_at", dict.fromkeys([one.id for one in store.messages(connection, chat)], self._moment()))
            return record.undo()

        return await self._do(work, (chat,))

    async def delete_message(self, message: MessageId) -> Undo:
        """The message and what follows it. A chat that stood there goes to the version beside it, or to the message before."""
        return await self._take_messages(message, lambda tree: tree.below(message))

    async def prune(self, chat: ChatId, keep: MessageId) -> Undo:
        """Every branch but the one that ends at `keep`. Raises BadRequest for a message that is gone."""

        def others(tree: Tree) -> list[MessageId]:
            kept = {one.id for one in tree.path(keep)}
            return [one for one in tree.messages if one not in kept]

        return await self._take_messages(keep, others, tip=keep)

    async def _take_messages(self, about: MessageId, which: Callable[[Tree], Sequence[MessageId]], tip: MessageId | None = None) -> Undo:
        chat = self._message(about).chat_id
        await self._stop(chat)

        def work(connection: sqlite3.Connection) -> Undo:
            here, tree = store.chat(connection, chat), Tree(store.messages(connection, chat))
            if here is None or about not in tree.messages:
                return Undo()
            gone = set(which(tree))
            record = organising.Record(connection)
            if tip is not None or here.tip_id in gone:
                record.set("chat", "tip_id", {chat: tip if tip is not None else tree.next_to(about, gone)})
            record.set("message", "deleted_at", dict.fromkeys(gone, self._moment()))
            return record.undo()

        return await self._do(work, (chat,))

    def use_memory(self, database: MemoryDatabase) -> None:
        """From now on negative ids are looked for there."""
        self.beside = Organiser(database, self._hub, self._stop, None, self._clock)

    async def undo(self, what: Undo) -> None:
        """Bring back exactly what that act changed, where nobody has changed it since. Twice, or after the trash was emptied, is fine."""
        if self.beside is not None and any(one.id < 0 for one in what.changes):
            await self.beside.undo(what)
            return
        changed = await self._do(
            lambda connection: organising.take_back(connection, what), folders=any(one.table == "folder" for one in what.changes), tell=False
        )
        if changed:
            self._hub.publish(Changed("chats", tuple(changed), ORIGIN))

    # -- trash ---------------------------------------------------------------------------------------------------------

    async def restore(self, what: Sequence[Trashed]) -> None:
        """Back into sight: chats and folders at their place (or the nearest folder that is in sight), messages in their chat, shown."""
        changed = await self._do(lambda connection: trash.restore(connection, what), folders=True, tell=False)
        self._hub.publish(Changed("chats", tuple(changed), ORIGIN))

    async def purge(self, what: Sequence[Trashed] | None = None) -> int:
        """Remove for good: these, or (None) what has lain there for 30 days. Returns how many chats and messages went.

        By time only what was deleted 30 days ago by the clock goes, and only when localstory ran on several days since: a
        clock that is ten years ahead for an hour empties nothing.
        """
        if what is not None:
            if self.before_purge is not None:
                await self.before_purge()
            gone = await self._do(lambda connection: trash.remove(connection, what), folders=True, tell=False)
        else:
            limit = self._days.limit(self._clock())
            now = self._days.credible(self._clock())
            gone = await self._do(lambda connection: trash.remove_old(connection, now, limit), tell=False)
        if gone:
            self._hub.publish(Changed("chats", (), ORIGIN))
        return gone

    # -- copies and branches -------------------------------------------------------------------------------------------

    async def duplicate(self, chat: ChatId) -> ChatId:
        """A copy of a chat with all its branches, marks, names, tags and its note, behind the original. Raises BadRequest when it is gone."""
        return await self._do(lambda connection: copying.chat(connection, chat, self._now()))

    async def duplicate_branch(self, chat: ChatId, tip: MessageId) -> ChatId:
        """A chat of its own that holds one branch. Raises BadRequest when it is gone."""
        return await self._do(lambda connection: copying.chat(connection, chat, self._now(), tip=tip))

    async def duplicate_folder(self, folder: FolderId) -> FolderId:
        """A copy of a folder with what is in it, behind the original. Raises BadRequest when it is gone."""
        made = await self._do(lambda connection: copying.folder(connection, folder, self._now()), folders=True)
        self._hub.publish(Changed("chats", (), ORIGIN))
        return made

    async def edit(self, message: MessageId, text: str) -> MessageId:
        """The same message in other words: a version beside it, which becomes the tip. Raises BadRequest for words that are none."""
        old, words = self._message(message), _words(text)

        def work(connection: sqlite3.Connection) -> MessageId:
            return copying.add(connection, old.chat_id, old.parent_id, old.role, words, self._now(), {"edited": old.uid})

        return await self._do(work, (old.chat_id,))

    async def insert(self, chat: ChatId, after: MessageId | None, role: Role, text: str) -> MessageId:
        """A message behind another (None: first) in the shown branch; what followed comes again below it, so that the old branch stays.

        Returns the new message. Raises BadRequest for words that are none.
        """
        words = _words(text)

        def work(connection: sqlite3.Connection) -> MessageId:
            here, tree = store.chat(connection, chat), Tree(store.messages(connection, chat))
            if here is None or (after is not None and after not in tree.messages):
                raise _gone_message()
            path = tree.path(here.tip_id)
            at = next((number + 1 for number, one in enumerate(path) if one.id == after), 0 if after is None else len(path))
            made = copying.add(connection, chat, after, role, words, self._now(), {"inserted": True})
            under = made
            for one in path[at:]:
                if one.state != "streaming":
                    under = copying.again(connection, one, chat, under)
            store.set_tip(connection, chat, under)
            return made

        await self._stop(chat)
        return await self._do(work, (chat,))

    async def take_over(self, messages: Sequence[MessageId], under: MessageId | None, text: str | None = None) -> MessageId:
        """Copies of these messages, one after another, under another message (None: as a beginning); `text` takes a passage of the
        first instead of the whole. The last copy becomes the tip and is returned. Raises BadRequest for none."""
        if not messages or (text is not None and not text.strip()):
            raise BadRequest(title=mark("There is nothing to take over"))
        taken = [self._message(one) for one in messages]
        where = self._message(under).chat_id if under is not None else taken[0].chat_id
        await self._stop(where)

        def work(connection: sqlite3.Connection) -> MessageId:
            at = under
            if text is not None:
                return copying.add(connection, where, at, taken[0].role, text.strip(), self._now(), {"taken_from": taken[0].uid})
            for one in taken:
                at = copying.again(connection, one, where, at)
            assert at is not None
            store.set_tip(connection, where, at)
            return at

        return await self._do(work, (where,))

    async def branch_from(self, message: MessageId) -> None:
        """The chat stands at that message: the next words begin a new branch, and what followed stays beside it."""
        chat = self._message(message).chat_id
        await self._stop(chat)
        await self._do(lambda connection: store.set_tip(connection, chat, message), (chat,))

    async def name_branch(self, message: MessageId, name: str) -> None:
        """Call the branch that begins with this message; an empty name is none."""
        chat, said = self._message(message).chat_id, " ".join(name.split())
        pinned = any(one.pinned for one in self.branch_names(chat) if one.message_id == message)
        await self._do(lambda connection: organising.name_branch(connection, message, said, pinned), (chat,))

    async def pin_branch(self, message: MessageId, pinned: bool) -> None:
        """Pinned branches stand first in the outline."""
        chat = self._message(message).chat_id
        name = next((one.name for one in self.branch_names(chat) if one.message_id == message), "")
        await self._do(lambda connection: organising.name_branch(connection, message, name, pinned), (chat,))

    async def mark(self, message: MessageId, mark: Mark) -> None:
        """What the person thinks of a reply: "good", "bad", or "" for nothing."""
        chat = self._message(message).chat_id
        await self._do(lambda connection: organising.set_mark(connection, message, mark), (chat,))

    # -- inside --------------------------------------------------------------------------------------------------------

    def _now(self) -> int:
        """Milliseconds since 1970; never the same twice, for what was deleted together is known by its moment."""
        self._last = max(self._clock(), self._last + 1)
        return self._last

    def _moment(self) -> int:
        """The moment of a deletion: a clock that stands years back does not make it look old."""
        self._last = max(self._days.credible(self._clock()), self._last + 1)
        return self._last

    def _message(self, message: MessageId) -> ChatMessage:
        found = self._database.read(lambda connection: store.message(connection, message))
        if found is None:
            raise _gone_message()
        return found

    async def _stop_all(self, chats: Iterable[ChatId]) -> None:
        for chat in chats:
            await self._stop(chat)

    async def _do(self, work: Callable[[sqlite3.Connection], T], chats: Sequence[int] = (), *, folders: bool = False, tell: bool = True) -> T:
        result = await self._database.write(work)
        if folders:
            self._hub.publish(Changed("folders", (), ORIGIN))
        changed = chats or (tuple(one.id for one in result.changes if one.table == "chat") if isinstance(result, Undo) else ())
        if tell and (changed or not folders):
            self._hub.publish(Changed("chats", tuple(dict.fromkeys(changed)), ORIGIN))
        return result


def _name(name: str) -> str:
    said = " ".join(name.split())
    if not said:
        raise BadRequest(title=mark("A name needs at least one letter"))
    return said


def _words(text: str) -> str:
    if not text.strip():
        raise BadRequest(title=mark("There are no words"), hint=mark("Write something first."))
    return text


def _gone() -> BadRequest:
    return BadRequest(title=mark("This folder is gone"))


def _gone_message() -> BadRequest:
    return BadRequest(title=mark("This message is gone"))
