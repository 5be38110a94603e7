"""Chats that lose nothing: what was said is on the disk before a model hears it, and a reply is kept as it is written."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import time
import weakref
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from localstory.chats import search_index, store, votes
from localstory.chats.asking import items_for, policy_of, put_together, request_for, sendable
from localstory.chats.kept import made_of_reply, record
from localstory.chats.store import Chat, FolderId, Summary, SummaryId
from localstory.chats.summarising import NoSummary, Summarising, Writers, item_id, write
from localstory.chats.temporary import WithTemporary, also_in_memory, is_temporary
from localstory.chats.tree import ChatId, ChatMessage, MessageId, MessageState, Tree, title_from
from localstory.context import Assembled, Counts, Fits, Item, Report, Shortened, SummaryDue
from localstory.context.items import Outcome, WhenFull
from localstory.db import Database
from localstory.db.memory import MemoryDatabase
from localstory.engines.base import Reply, TextEngine, TextPiece, TextRequest
from localstory.errors import BadRequest, CannotContinue, mark
from localstory.events import Changed, Hub, Progress

log = logging.getLogger(__name__)

FLUSH_SECONDS = 0.5
"""At most this much of a streamed reply is lost when the power goes."""

_WRITING = mark("Writing")
_THINKING = mark("Thinking")


@dataclass(frozen=True, slots=True)
class Wrote:
    """The next words of a reply that is being written. `at` is how many characters came before them, so that one who
    has read the chat in between does not hear them twice."""

    chat_id: ChatId
    message_id: MessageId
    text: str
    at: int


@dataclass(frozen=True, slots=True)
class Waiting:
    """Why a reply has no words yet: the model loads, the question is read."""

    chat_id: ChatId
    message_id: MessageId
    progress: Progress


@dataclass(frozen=True, slots=True)
class Standing:
    """How a chat stands with the context of its model."""

    report: Report
    outcome: Outcome
    when_full: WhenFull
    summary: Summary | None
    """Which stands for the beginning in the next request."""
    texts: dict[str, str]
    """Item id -> the beginning of its text, for people to know it by."""
    is_exact: bool
    """False when the engine can only be estimated."""


Begun = Callable[[Any, MessageId], None]
"""Hears, with the connection that writes, which message a reply is."""

_FIRST_LETTERS = 160
_MOST_PORTIONS = 64
"""Of a chat that was long before it began to be summarised."""


@also_in_memory(
    "get", "tree", "say", "reply", "regenerate", "answer", "go_on", "context_report", "standing", "summaries", "change_summary", "delete_summary",
    "undelete_summary", "choose", "show", "keep_draft", "change", "delete", "undelete",
)  # fmt: skip
class Chats(WithTemporary):
    """The chats of one home folder. Plain methods are quick reads for any thread; the async ones belong to the loop.

    Temporary chats have negative ids and live in memory alone (`temporary.py`).
    """

    def __init__(self, database: Database, hub: Hub, now: Callable[[], int] = lambda: int(time.time() * 1000)) -> None:
        self._database = database
        database.before_commit = search_index.drain_at_once
        self._hub = hub
        self._now = now
        self.beside: Chats | None = None
        self.when_made: Callable[[MemoryDatabase], None] | None = None
        self._writing: dict[ChatId, asyncio.Task[Any]] = {}
        self._live: dict[MessageId, str] = {}
        self._counts: weakref.WeakKeyDictionary[TextEngine, Counts] = weakref.WeakKeyDictionary()
        self._writers = Writers()
        self._not_summarised: dict[tuple[str, str], NoSummary] = {}
        """(model, fingerprint) -> why; what failed once is not tried at every turn."""
        self.is_open = False
        """True between `open` and `close`; before, there is nothing to read."""
        self.before_reply: Callable[[], Awaitable[None]] | None = None
        """Done before a model is asked: what goes on behind the replies makes way."""
        self.after_reply: Callable[[ChatId, TextEngine], None] | None = None
        """Told of every whole reply that is not one of several in a row."""

    # -- quick reads ---------------------------------------------------------------------------------------------------

    def all(self) -> list[Chat]:
        """Every chat, last used first."""
        return self._database.read(store.chats)

    def get(self, chat_id: ChatId) -> Chat | None:
        """One chat, or None when it is gone."""
        return self._database.read(lambda connection: store.chat(connection, chat_id))

    def several(self, ids: Sequence[int]) -> list[Chat]:
        """Those of these chats that are there."""
        return self._database.read(lambda connection: store.some_chats(connection, ids))

    def tree(self, chat_id: ChatId) -> Tree:
        """All messages of a chat; a reply that is being written has the words it has so far.

        The answers of a blind vote that is open don't tell who wrote them (`votes.masked`).
        """
        messages, hidden = self._database.read(lambda connection: (store.messages(connection, chat_id), votes.hidden(connection, chat_id)))
        return Tree(votes.without_names(map(self._with_live_text, messages), hidden) if hidden else map(self._with_live_text, messages))

    def _with_live_text(self, message: ChatMessage) -> ChatMessage:
        text = self._live.get(message.id)
        if text is None or message.state != "streaming":
            return message
        return ChatMessage(**{**{name: getattr(message, name) for name in ChatMessage.__slots__}, "text": text})

    @staticmethod
    def is_temporary(chat_id: ChatId) -> bool:
        """True for a chat that lives in memory alone."""
        return is_temporary(chat_id)

    def is_writing(self, chat_id: ChatId) -> bool:
        """True while a reply is being written in this chat."""
        return chat_id in self._writing

    @property
    def is_any_writing(self) -> bool:
        """True while a reply is being written in any chat."""
        return bool(self._writing)

    # -- what changes --------------------------------------------------------------------------------------------------

    async def open(self) -> None:
        """Open the database. Replies that a killed program left unfinished keep their text and are "stopped"."""
        await asyncio.to_thread(self._database.open)
        if self._database.read_only_because is None:

            def tidy(connection: Any) -> None:
                store.stop_streaming(connection, self._now())
                store.drop_empty(connection)

            await self._database.write(tidy)
        self.is_open = True
        self._hub.publish(Changed("chats"))

    @property
    def read_only_because(self) -> CannotContinue | None:
        """Why nothing can be changed here, or None."""
        return self._database.read_only_because

    async def new(self, folder: FolderId | None = None, *, temporary: bool = False) -> ChatId:
        """An empty chat, in a folder or in none; `temporary`: one that is never on the disk and ends with the program."""
        if temporary:
            made: ChatId = await (await self._in_memory(self._twin)).new()
            return made
        chat_id = await self._database.write(lambda connection: store.add_chat(connection, self._now(), folder=folder))
        self._hub.publish(Changed("chats", (chat_id,)))
        return chat_id

    def _twin(self, database: MemoryDatabase) -> Chats:
        twin = Chats(database, self._hub, self._now)
        database.before_commit = None  # no index of search
        # A person goes first, in whichever chat.
        twin._writing, twin._writers, twin._counts, twin.is_open = self._writing, self._writers, self._counts, True

        async def before_reply() -> None:
            if self.before_reply is not None:
                await self.before_reply()

        twin.before_reply = before_reply
        return twin

    async def say(self, chat_id: ChatId | None, text: str, folder: FolderId | None = None) -> tuple[ChatId, MessageId]:
        """Put the person's words at the end of a chat (None: a new one, in `folder`) and clear its draft; they are on the disk
        when this returns. Raises BadRequest for words that are none."""
        if not text.strip():
            raise BadRequest(title=mark("There is nothing to send"), hint=mark("Write something first."))

        def work(connection: Any) -> tuple[ChatId, MessageId]:
            here = store.chat(connection, chat_id) if chat_id is not None else None
            if here is None:
                where, tip = store.add_chat(connection, self._now(), title_from(text), folder), None
            else:
                where, tip = here.id, here.tip_id
                store.set_words(connection, where, draft="", **({} if here.title else {"title": title_from(text)}))
            return where, store.add_message(connection, where, tip, "user", text, "finished", self._now())

        said = await self._database.write(work)
        self._hub.publish(Changed("chats", (said[0],)))
        return said

    async def reply(self, chat_id: ChatId, engine: TextEngine, *, report: Callable[[Progress], None] | None = None) -> MessageId:
        """Let the model answer at the chat's tip; streams `Wrote` and `Waiting` through the hub.

        Returns the reply's id when it is finished. An error of the engine is kept with the message (state "failed") and
        raised; cancelling keeps the words so far (state "stopped"). One reply per chat at a time: BadRequest otherwise.
        """
        chat = self.get(chat_id)
        tree = self.tree(chat_id)
        path = tree.path(chat.tip_id if chat else None)
        while path and path[-1].role == "assistant":
            path.pop()
        if chat is None or not path:
            raise BadRequest(title=mark("There is nothing to answer"), hint=mark("Write something first."))
        return await self._answer(chat, path, engine, report)

    async def regenerate(self, message_id: MessageId, engine: TextEngine, *, report: Callable[[Progress], None] | None = None) -> MessageId:
        """Another try at a reply: a sibling of it; the old one stays. Otherwise like `reply`."""
        message = self._database.read(lambda connection: store.message(connection, message_id))
        chat = self.get(message.chat_id) if message else None
        if message is None or chat is None or message.role != "assistant":
            raise BadRequest(title=mark("Only a reply can be written again"))
        path = self.tree(chat.id).path(message.parent_id)
        return await self._answer(chat, path, engine, report, instead_of=message.id)

    async def answer(
        self, message_id: MessageId, engine: TextEngine, *, report: Callable[[Progress], None] | None = None, begun: Begun | None = None
    ) -> MessageId:
        """Let the model answer a message, beside the answers that it has. `begun` is called in the transaction in which the reply begins.
        Otherwise like `reply`."""
        message = self._database.read(lambda connection: store.message(connection, message_id))
        chat = self.get(message.chat_id) if message else None
        if message is None or chat is None:
            raise BadRequest(title=mark("There is nothing to answer"), hint=mark("Write something first."))
        return await self._answer(chat, self.tree(chat.id).path(message_id), engine, report, begun=begun)

    async def go_on(self, message_id: MessageId, engine: TextEngine, *, report: Callable[[Progress], None] | None = None) -> MessageId:
        """A longer version of a reply: a sibling that begins with its words and goes on from there. Otherwise like `reply`.
        Raises BadRequest for what is no reply, and what an engine raises that can't be given a beginning."""
        message = self._database.read(lambda connection: store.message(connection, message_id))
        chat = self.get(message.chat_id) if message else None
        if message is None or chat is None or message.role != "assistant" or not message.text.strip():
            raise BadRequest(title=mark("Only a reply can be continued"))
        path = self.tree(chat.id).path(message.parent_id)
        return await self._answer(chat, path, engine, report, begin_with=message.text)

    @contextlib.asynccontextmanager
    async def held(self, chat_id: ChatId) -> AsyncGenerator[None]:
        """Several replies in a row are one: in between nobody else writes here, and `stop` ends the task that holds the chat.
        Raises BadRequest when a reply is being written."""
        task = asyncio.current_task()
        assert task is not None
        if chat_id in self._writing:
            raise BadRequest(title=mark("A reply is already being written here"), hint=mark("Wait for it, or stop it first."))
        self._writing[chat_id] = task
        try:
            yield
        finally:
            self._writing.pop(chat_id, None)
            self._hub.publish(Changed("chats", (chat_id,)))

    async def _answer(
        self,
        chat: Chat,
        path: list[ChatMessage],
        engine: TextEngine,
        report: Callable[[Progress], None] | None,
        instead_of: MessageId | None = None,
        begun: Begun | None = None,
        begin_with: str = "",
    ) -> MessageId:
        task = asyncio.current_task()
        assert task is not None
        is_held = self._writing.get(chat.id) is task
        if chat.id in self._writing and not is_held:
            raise BadRequest(title=mark("A reply is already being written here"), hint=mark("Wait for it, or stop it first."))
        self._writing[chat.id] = task
        try:
            if self.before_reply is not None:
                await self.before_reply()
            await self._writers.make_way(engine)
            facts = engine.describe()

            def begin(connection: Any) -> MessageId:
                made = store.add_message(connection, chat.id, path[-1].id, "assistant", "", "streaming", self._now(), model=facts.model, engine=facts.name)
                if instead_of is not None:
                    store.drop_failed(connection, instead_of, self._now())
                if begun is not None:
                    begun(connection, made)
                return made

            beginning = asyncio.wrap_future(self._database.submit(begin))
            try:
                message_id = await asyncio.shield(beginning)
            except asyncio.CancelledError:
                # Stopped in the very moment it began: the row is there or will be, and must not stay "streaming".
                end = partial(store.finish, message_id=await beginning, text="", state="stopped", now=self._now(), made_of={}, trouble=None)
                await self._database.write(end)
                raise
            self._live[message_id] = ""
            self._hub.publish(Changed("chats", (chat.id,)))
            try:
                await self._stream(chat, path, message_id, engine, report, begin_with)
            finally:
                self._live.pop(message_id, None)
        finally:
            if not is_held:
                self._writing.pop(chat.id, None)
            self._hub.publish(Changed("chats", (chat.id,)))
        if self.after_reply is not None and not is_held:
            self.after_reply(chat.id, engine)
        return message_id

    async def aside(self, chat: Chat, path: list[ChatMessage], engine: TextEngine, words: str) -> TextRequest:
        """A question beside a chat: what a reply would be asked with, and `words` behind it. Nothing of it is kept. Raises as `reply`."""
        items = items_for(chat, path, words)
        assembled = await put_together(chat, items, engine, self._counts_of(engine), None, self.summaries(chat.id))
        return request_for(chat, sendable(assembled), engine)

    async def context_report(self, chat_id: ChatId, engine: TextEngine, draft: str = "") -> Report:
        """What the next request of this chat holds, were `draft` sent now: every item's tokens, what would be cut and why.

        Counts only what was never counted before; waits for a reply of this engine that is being written, and loads the
        model when it must. Raises BadRequest for a chat that is gone, and what the engine raises.
        """
        return (await self.standing(chat_id, engine, draft)).report

    async def standing(self, chat_id: ChatId | None, engine: TextEngine, draft: str = "") -> Standing:
        """`context_report` with what decides it; None for a chat that is not begun."""
        chat = self.get(chat_id) if chat_id is not None else Chat(ChatId(0), "", "", None, "", "", "", {}, 0, 0)
        if chat is None:
            raise BadRequest(title=mark("This chat is gone"))
        path = await asyncio.to_thread(lambda: self.tree(chat.id).path(chat.tip_id)) if chat.tip_id is not None else []
        items = items_for(chat, path, draft if draft.strip() else None)
        kept = self.summaries(chat.id)
        assembled = await put_together(chat, items, engine, self._counts_of(engine), None, kept)
        used = {line.id for line in assembled.report.lines if line.kind == "summary"}
        summary = next((one for one in kept if item_id(one) in used), None)
        texts = {item.id: " ".join(item.text[:_FIRST_LETTERS].split()) for item in items}
        if summary is not None:
            texts[item_id(summary)] = " ".join(summary.text[:_FIRST_LETTERS].split())
        can = getattr(engine, "capabilities", None)
        is_exact = can is None or "token_count" in can().features
        return Standing(assembled.report, assembled.outcome, policy_of(chat).when_full, summary, texts, is_exact)

    def _counts_of(self, engine: TextEngine) -> Counts:
        return self._counts.setdefault(engine, Counts())

    async def _stream(
        self, chat: Chat, path: list[ChatMessage], message_id: MessageId, engine: TextEngine, report: Callable[[Progress], None] | None, begin_with: str
    ) -> None:
        flushed = time.monotonic()
        state: MessageState = "stopped"
        made_of: dict[str, Any] = {}
        trouble: dict[str, Any] | None = None
        thoughts = ""

        def waiting(progress: Progress) -> None:
            self._hub.publish(Waiting(chat.id, message_id, progress))
            if report is not None:
                report(progress)

        try:
            items = items_for(chat, path)
            assembled, not_summarised = await self._put_together(chat, items, engine, waiting)
            made_of = {"context": assembled.report.as_record() | {"when_full": policy_of(chat).when_full}}
            if not_summarised is not None:
                made_of["context"]["not_summarised"] = record(not_summarised)
            request = replace(request_for(chat, sendable(assembled), engine), prefill=begin_with)
            async with contextlib.aclosing(engine.reply(request)) as events:
                async for event in events:
                    if isinstance(event, TextPiece) and event.kind == "reasoning":
                        if not thoughts:
                            waiting(Progress(_THINKING))
                        thoughts += event.text
                        made_of["reasoning"] = thoughts
                    elif isinstance(event, TextPiece):
                        at = len(self._live[message_id])
                        if at == 0 and report is not None:
                            report(Progress(_WRITING))
                        self._live[message_id] += event.text
                        self._hub.publish(Wrote(chat.id, message_id, event.text, at))
                        if time.monotonic() - flushed >= FLUSH_SECONDS:
                            await self._database.write(partial(store.flush_text, message_id=message_id, text=self._live[message_id]))
                            flushed = time.monotonic()
                    elif isinstance(event, Reply):
                        made_of |= made_of_reply(event)
                        if file := engine.describe().details.get("file"):
                            made_of["file"] = file
                        state = "finished"
                    else:
                        waiting(event)
        except asyncio.CancelledError:
            raise
        except BaseException as error:
            state, trouble = "failed", record(error)
            raise
        finally:
            text = self._live[message_id]
            end = partial(store.finish, message_id=message_id, text=text, state=state, now=self._now(), made_of=made_of, trouble=trouble)
            await self._database.write(end)
        if assembled.summary_due is not None and isinstance(assembled.outcome, Fits):
            self._summarise_behind(chat, items, engine, assembled.summary_due)

    async def stop(self, chat_id: ChatId) -> None:
        """Stop the reply that is being written; its words are kept. Nothing to stop is fine. Returns when it has ended."""
        task = self._writing.get(chat_id)
        if task is not None and task is not asyncio.current_task():
            task.cancel()
            await asyncio.wait([task])

    # -- summaries -----------------------------------------------------------------------------------------------------

    def summaries(self, chat_id: ChatId) -> list[Summary]:
        """The summaries of a chat, of all its branches, oldest first. A quick read."""
        return self._database.read(lambda connection: store.summaries(connection, chat_id))

    def skip_summary(self, chat_id: ChatId) -> None:
        """The reply that waits for a summary goes on without it: the oldest messages are left out. Belongs to the loop."""
        self._writers.skip(chat_id)

    async def stop_summary(self, chat_id: ChatId) -> None:
        """End a summary that is being written behind the replies; nothing of it is kept. None is fine."""
        await self._writers.make_way(chat_id=chat_id)

    async def summarised(self) -> None:
        """Wait until no summary is being written behind the replies."""
        await self._writers.settled()

    async def change_summary(self, summary_id: SummaryId, text: str) -> None:
        """A person's own words for it. Raises BadRequest for none."""
        if not text.strip():
            raise BadRequest(title=mark("A summary needs words"), hint=mark("Delete it to do without."))
        await self._change_summary(summary_id, partial(store.set_summary_text, summary_id=summary_id, text=text.strip(), now=self._now()))

    async def delete_summary(self, summary_id: SummaryId) -> None:
        """Take a summary out of use; another is written when the chat needs one. `undelete_summary` brings it back."""
        await self._change_summary(summary_id, partial(store.set_summary_deleted, summary_id=summary_id, deleted_at=self._now()))

    async def undelete_summary(self, summary_id: SummaryId) -> None:
        """Undo `delete_summary`."""
        await self._change_summary(summary_id, partial(store.set_summary_deleted, summary_id=summary_id, deleted_at=None))

    async def _change_summary(self, summary_id: SummaryId, work: Callable[[Any], None]) -> None:
        await self._database.write(work)
        self._hub.publish(Changed("summaries", (summary_id,)))

    async def _put_together(
        self, chat: Chat, items: list[Item], engine: TextEngine, waiting: Callable[[Progress], None]
    ) -> tuple[Assembled, CannotContinue | None]:
        """The items as they are sent, and why no summary stands for what was left out. A summary that is missing is written first."""
        for _portion in range(_MOST_PORTIONS):
            assembled = await put_together(chat, items, engine, self._counts_of(engine), waiting, self.summaries(chat.id))
            due = assembled.summary_due
            if due is None or not isinstance(assembled.outcome, Shortened):
                break
            failed = self._not_summarised.get(self._attempt(engine, due))
            if failed is not None:
                return assembled, failed
            try:
                await self._writers.before_reply(chat.id, lambda due=due: asyncio.create_task(self._summarise(chat, items, engine, due, waiting)))  # type: ignore[misc]
            except CannotContinue as error:
                # The chat goes on: what was to be summarised is left out, and the report says why.
                return assembled, error
        return assembled, None

    async def _summarise(self, chat: Chat, items: list[Item], engine: TextEngine, due: SummaryDue, report: Callable[[Progress], None]) -> None:
        try:
            part, text = await write(due, items, engine, self._counts_of(engine), report, private=is_temporary(chat.id))
        except NoSummary as error:
            self._not_summarised[self._attempt(engine, due)] = error
            raise
        facts = engine.describe()

        def keep(connection: Any) -> None:
            store.add_summary(connection, chat.id, MessageId(int(part.covers[-1])), text, part.fingerprint, self._now(), facts.model, facts.name)

        await self._database.write(keep)
        self._hub.publish(Changed("summaries", (chat.id,)))

    @staticmethod
    def _attempt(engine: TextEngine, due: SummaryDue) -> tuple[str, str]:
        return engine.describe().model, due.fingerprint

    def _summarise_behind(self, chat: Chat, items: list[Item], engine: TextEngine, due: SummaryDue) -> None:
        """Write a summary before it is needed, while the person reads."""
        if self._attempt(engine, due) in self._not_summarised or not self.is_open:
            return

        def report(progress: Progress) -> None:
            self._hub.publish(Summarising(chat.id, progress.share or 0.0))

        async def work() -> None:
            try:
                await self._summarise(chat, items, engine, due, report)
            except CannotContinue as error:
                log.info("a summary was not written: %s", error)
            finally:
                self._hub.publish(Summarising(chat.id, None))

        self._writers.begin_behind(chat.id, engine, lambda: asyncio.create_task(work()))

    async def choose(self, message_id: MessageId) -> None:
        """Go to the branch through this message, as far down as it goes."""
        message = self._database.read(lambda connection: store.message(connection, message_id))
        if message is None:
            return
        tip = self.tree(message.chat_id).tip_below(message_id)
        await self._database.write(lambda connection: store.set_tip(connection, message.chat_id, tip))
        self._hub.publish(Changed("chats", (message.chat_id,)))

    async def show(self, message_id: MessageId) -> None:
        """Have this message in the shown branch: when it is not, the newest branch through it is shown. One that is gone is fine."""
        message = self._database.read(lambda connection: store.message(connection, message_id))
        chat = self.get(message.chat_id) if message is not None else None
        if message is not None and chat is not None and all(one.id != message_id for one in self.tree(chat.id).path(chat.tip_id)):
            await self.choose(message_id)

    async def keep_draft(self, chat_id: ChatId | None, text: str, folder: FolderId | None = None) -> ChatId | None:
        """Keep what stands in the input, unsent; makes a chat for it (in `folder`) when there is none. Returns the chat."""
        if chat_id is None and not text.strip():
            return None
        made = chat_id is None

        def work(connection: Any) -> ChatId:
            where = store.add_chat(connection, self._now(), folder=folder) if chat_id is None else chat_id
            store.set_words(connection, where, draft=text)
            return where

        where = await self._database.write(work)
        if made:
            self._hub.publish(Changed("chats", (where,)))
        return where

    async def change(self, chat_id: ChatId, *, parameters: dict[str, Any] | None = None, **given: str) -> None:
        """Set any of title, model, engine, server, system_prompt, parameters."""
        if parameters is not None:
            given["parameters"] = json.dumps(parameters)
        await self._database.write(lambda connection: store.set_words(connection, chat_id, **given))
        self._hub.publish(Changed("chats", (chat_id,)))

    async def delete(self, chat_id: ChatId) -> None:
        """Take a chat out of sight; `undelete` brings it back."""
        await self.stop(chat_id)
        await self._database.write(lambda connection: store.set_deleted(connection, chat_id, self._now()))
        self._hub.publish(Changed("chats", (chat_id,)))

    async def undelete(self, chat_id: ChatId) -> None:
        """Undo `delete`."""
        await self._database.write(lambda connection: store.set_deleted(connection, chat_id, None))
        self._hub.publish(Changed("chats", (chat_id,)))

    async def close(self) -> None:
        """Stop every reply, keep its words, close the database. Closing twice is harmless."""
        await self._writers.make_way()
        for chat_id in list(self._writing):
            await self.stop(chat_id)
        self.is_open = False
        await self._forget_memory()
        await asyncio.to_thread(self._database.close)
