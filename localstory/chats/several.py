"""The same question to several models, one after the other, one in memory at a time; and what the person thought of the answers."""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal, NoReturn, TypeAlias

from localstory.chats import leaderboard, votes
from localstory.chats.leaderboard import Rated
from localstory.chats.service import Chats
from localstory.chats.tree import ChatId, MessageId
from localstory.chats.votes import Verdict, Vote, VoteId
from localstory.db import Database
from localstory.db.connection import DatabaseTrouble, NewerDatabase
from localstory.engines.base import Embeddings, EngineFacts, Message, OnProgress, Stream, TextEngine, TextEvent, TextRequest
from localstory.errors import BadRequest, CannotContinue
from localstory.events import Changed, Hub, Progress
from localstory.fit.records import Measurement
from localstory.words import mark

log = logging.getLogger(__name__)

FEWEST, MOST = 2, 8
_WAITING = mark("Freeing the memory of the model before")


@dataclass(frozen=True, slots=True)
class Contender:
    """A model that is to be asked. `engine`, `server` and `model` are as a chat keeps them."""

    engine: str
    """The kind of server; "" for the built-in engine."""
    server: str
    model: str
    title: str
    open: Callable[[], Awaitable[TextEngine]]
    """Its engine, on the loop. What it raises is kept with the model's answer."""
    stays: bool = False
    """It was in the memory of its server before: others may use it, so it is not unloaded."""

    @property
    def key(self) -> tuple[str, str, str]:
        return self.engine, self.server, self.model


@dataclass(frozen=True, slots=True)
class AtWork:
    """How far a round is."""

    vote_id: VoteId
    number: int
    """Which is being asked, from 1."""
    of: int
    title: str
    """Its name; "" while names are hidden."""


MakeRoom: TypeAlias = Callable[[TextEngine | None], Awaitable[None]]
"""Free the memory of every model of the built-in engine but this one."""


class Several:
    """Rounds of questions and their votes. Plain methods are quick reads for any thread; the async ones belong to the loop.

    Whatever changes publishes `Changed("votes", (vote_id,))`.
    """

    def __init__(
        self,
        database: Database,
        hub: Hub,
        chats: Chats,
        make_room: MakeRoom,
        measurements: Callable[[], Sequence[Measurement]] = tuple,
        *,
        now: Callable[[], int] = lambda: int(time.time() * 1000),
        dice: random.Random | None = None,
    ) -> None:
        self._database = database
        self._hub = hub
        self._chats = chats
        self._make_room = make_room
        self._measurements = measurements
        self._now = now
        self._dice = dice or random.SystemRandom()
        self._at_work: dict[ChatId, AtWork] = {}

    # -- quick reads ---------------------------------------------------------------------------------------------------

    def at_work(self, chat_id: ChatId) -> AtWork | None:
        """Which model is being asked in this chat; None when no round runs there."""
        return self._at_work.get(chat_id)

    def vote(self, vote_id: VoteId) -> Vote | None:
        """One vote, or None."""
        return self._database.read(lambda connection: votes.one(connection, vote_id))

    def votes(self, chat_id: ChatId) -> list[Vote]:
        """The rounds of a chat, the newest first."""
        return self._database.read(lambda connection: votes.of_chat(connection, chat_id))

    def hidden(self, chat_id: ChatId) -> dict[MessageId, int]:
        """The messages of which nobody may be shown who wrote them -> their places in the vote. `Chats.tree` has them masked already."""
        return self._database.read(lambda connection: votes.hidden(connection, chat_id))

    # -- asking --------------------------------------------------------------------------------------------------------

    async def ask(
        self,
        chat_id: ChatId,
        contenders: Sequence[Contender],
        *,
        blind: bool = False,
        question: MessageId | None = None,
        report: Callable[[Progress], None] | None = None,
    ) -> VoteId:
        """Let 2 to 8 models answer the chat's last question (or `question`, a message of the person), one after the other; the answers
        are siblings and stream as those of `Chats.reply`.

        One that fails keeps its error and the others go on. Cancelling (or `Chats.stop`) keeps what is there and asks no more. `blind`:
        in an order drawn by lot, with the names hidden until the vote. Raises BadRequest, and what the database raises.
        """
        if self._chats.is_temporary(chat_id):
            raise BadRequest(title=mark("Several models can't be asked in a temporary chat"), hint=mark("Keep the chat first."))
        asked = list(contenders)
        if not FEWEST <= len(asked) <= MOST or len({one.key for one in asked}) < len(asked):
            raise BadRequest(title=mark("Choose two to eight different models"))
        if blind:
            self._dice.shuffle(asked)
        here = _Memory(self._make_room)
        try:
            async with self._chats.held(chat_id):
                question_id = self._question(chat_id, question)
                now = self._now()
                vote_id = await self._database.write(lambda connection: votes.add(connection, chat_id, question_id, blind, now))
                try:
                    for number, one in enumerate(asked, 1):
                        self._at_work[chat_id] = AtWork(vote_id, number, len(asked), "" if blind else one.title)
                        self._changed(vote_id)
                        note = f"{number}/{len(asked)}" if blind else f"{number}/{len(asked)} {one.title}"
                        await self._ask(chat_id, question_id, one, here, vote_id, number, _noting(report, note))
                finally:
                    self._at_work.pop(chat_id, None)
                    await self._round_ended(vote_id)
        finally:
            await here.leave()
        return vote_id

    def _question(self, chat_id: ChatId, question: MessageId | None) -> MessageId:
        chat = self._chats.get(chat_id)
        tree = self._chats.tree(chat_id)
        path = tree.path(question if question is not None else chat.tip_id if chat is not None else None)
        while question is None and path and path[-1].role == "assistant":
            path.pop()
        if not path or path[-1].role != "user":
            raise BadRequest(title=mark("There is nothing to answer"), hint=mark("Write something first."))
        return path[-1].id

    async def _ask(
        self, chat_id: ChatId, question: MessageId, one: Contender, here: _Memory, vote_id: VoteId, place: int, report: Callable[[Progress], None] | None
    ) -> None:
        try:
            engine = await one.open()
        except CannotContinue as error:
            engine = _NotThere(one, error)
        # What is written behind the replies would hold the model before in memory.
        await self._chats.stop_summary(chat_id)
        if not isinstance(engine, _NotThere):
            if report is not None:
                report(Progress(_WAITING))
            await here.turn_to(engine, one.stays)
        file = str(engine.describe().details.get("file", ""))
        try:
            begun = partial(votes.add_answer, vote_id=vote_id, place=place, file=file)
            await self._chats.answer(question, engine, report=report, begun=begun)
        except (DatabaseTrouble, NewerDatabase):
            raise  # nothing could be kept of the others either
        except Exception as error:  # kept with the answer; the others go on
            log.info("a model did not answer: %r", error, exc_info=not isinstance(error, CannotContinue))

    async def _round_ended(self, vote_id: VoteId) -> None:
        """Names are hidden for a vote only: where there is nothing to choose between they are shown."""

        def end(connection: Any) -> None:
            vote = votes.one(connection, vote_id)
            if vote is None or not vote.hides:
                return
            with_words = connection.execute(
                f"SELECT count(*) FROM message WHERE id IN ({', '.join('?' * len(vote.messages))}) AND trim(text) <> ''", vote.messages
            ).fetchone()[0]
            if with_words < FEWEST:
                votes.give(connection, vote_id, "skipped", None, self._now())

        try:
            await self._database.write(end)
        finally:
            self._changed(vote_id)

    # -- voting --------------------------------------------------------------------------------------------------------

    async def give(self, vote_id: VoteId, verdict: MessageId | Literal["same", "none"]) -> Vote:
        """Say which answer is best, that all are the same, or that none is good; names are shown from then on. A later verdict takes the
        place of an earlier one. Raises BadRequest for a vote that is gone, for an answer that is not in it, and while it is being answered."""
        return await self._give(vote_id, verdict if isinstance(verdict, str) else "best", None if isinstance(verdict, str) else verdict)

    async def show_names(self, vote_id: VoteId) -> Vote:
        """Without a vote; or take one back: it counts no more. Raises as `give`."""
        return await self._give(vote_id, "skipped", None)

    async def _give(self, vote_id: VoteId, verdict: Verdict, best: MessageId | None) -> Vote:
        if any(one.vote_id == vote_id for one in self._at_work.values()):
            raise BadRequest(title=mark("Not all models have answered yet"), hint=mark("Wait for them, or stop the rest."))

        def work(connection: Any) -> Vote:
            vote = votes.one(connection, vote_id)
            if vote is None or (best is not None and best not in vote.messages):
                raise BadRequest(title=mark("This answer is gone"))
            if best is not None and not connection.execute("SELECT 1 FROM message WHERE id = ? AND trim(text) <> ''", (best,)).fetchone():
                raise BadRequest(title=mark("An answer without words can't be the best"))
            votes.give(connection, vote_id, verdict, best, self._now())
            given = votes.one(connection, vote_id)
            assert given is not None
            return given

        given = await self._database.write(work)
        self._changed(vote_id)
        if given.chat_id is not None:
            self._hub.publish(Changed("chats", (given.chat_id,)))
        return given

    def _changed(self, vote_id: VoteId) -> None:
        self._hub.publish(Changed("votes", (vote_id,)))

    # -- the leaderboard -----------------------------------------------------------------------------------------------

    def leaderboard(self) -> list[Rated]:
        """Every model that has answered here, by the person's votes. Reads the last 20,000 replies: call it in a thread."""
        given, replies = self._database.read(lambda connection: (votes.all_given(connection), leaderboard.read_replies(connection)))
        return leaderboard.rated(given, replies, leaderboard.memory_by_model(self._measurements()))


def _noting(report: Callable[[Progress], None] | None, note: str) -> Callable[[Progress], None] | None:
    if report is None:
        return None
    # Only our note: the stages' own may name the model's file.
    return lambda progress: report(Progress(progress.stage, progress.done, progress.of, note))


class _Memory:
    """Keeps to one model in memory during a round. What was there before the round may stay at its end."""

    def __init__(self, make_room: MakeRoom) -> None:
        self._make_room = make_room
        self._engine: TextEngine | None = None
        self._stays = True

    async def turn_to(self, engine: TextEngine, stays: bool) -> None:
        """The next model is asked: free the memory of the one before, and of all others of the built-in engine."""
        if engine is not self._engine:
            await self.leave()
            # Known before the others go: one that was loaded before the round is left as it was found.
            self._stays = stays or getattr(engine, "process_id", None) is not None
            await self._make_room(engine)
            self._engine = engine

    async def leave(self) -> None:
        """Free the memory of the last one, unless it was there before. A server that can't is not our trouble."""
        engine, self._engine = self._engine, None
        unload = getattr(engine, "unload", None)
        if unload is None or self._stays:
            return
        try:
            await unload()
        except CannotContinue as trouble:
            log.info("a model stays in memory: %s", trouble)


class _NotThere:
    """Stands for an engine that could not be opened, so that its answer keeps the reason."""

    def __init__(self, one: Contender, error: CannotContinue) -> None:
        self._one = one
        self._error = error

    def _raise(self) -> NoReturn:
        raise self._error

    def describe(self) -> EngineFacts:
        return EngineFacts(self._one.engine or "llama_cpp", "", model=self._one.title)

    async def reply(self, request: TextRequest) -> Stream[TextEvent]:
        self._raise()
        yield Progress("")

    async def count_tokens(self, text: str) -> int:
        self._raise()

    async def count_many(self, texts: Sequence[str], report: OnProgress | None = None) -> list[int]:
        self._raise()

    async def count_prompt(self, messages: Sequence[Message], report: OnProgress | None = None) -> int:
        self._raise()

    async def embed(self, texts: Sequence[str], report: OnProgress | None = None) -> Embeddings:
        self._raise()

    async def close(self) -> None:
        """Nothing to free."""


async def only(engines: Iterable[TextEngine], kept: TextEngine | None) -> None:
    """Free the memory of every one of these but `kept`, each when the reply that it writes has ended."""
    loaded: list[Any] = [one for one in engines if one is not kept and getattr(one, "process_id", None) is not None]
    await asyncio.gather(*(one.unload() for one in loaded))
