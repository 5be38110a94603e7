"""The SQL of votes, and what hides the names of models until one is given. As in `store`: the caller's transaction."""

from __future__ import annotations

import sqlite3
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal, NewType, TypeAlias

from localstory.chats.tree import ChatId, ChatMessage, MessageId
from localstory.words import mark

VoteId = NewType("VoteId", int)

Verdict: TypeAlias = Literal["", "best", "same", "none", "skipped"]
"""Open · one is best · all are the same · none is good · the names were wanted without a vote."""

_HIDDEN_TROUBLE = {
    "code": "hidden",
    "title": mark("This model could not answer"),
    "detail": mark("Which one it is and why is shown after your vote."),
    "hint": "",
    "values": {},
}
_STAYS = ("reasoning", "stop_reason")
"""Of what a reply is made of: this tells nothing of the model."""


@dataclass(frozen=True, slots=True)
class Answer:
    """One model's answer in a vote."""

    place: int
    """From 1, in the order in which they were asked."""
    message_id: MessageId | None
    """None when the message was removed for good."""
    engine: str
    model: str
    file: str
    """Of the built-in engine: the name of the model's file; else ""."""
    won: bool
    counts: bool
    """False for one without words: it is no opponent."""
    tokens_per_second: float | None
    first_token_s: float | None


@dataclass(frozen=True, slots=True)
class Vote:
    """Several answers to one question, and the verdict on them. Times are milliseconds since 1970, UTC."""

    id: VoteId
    chat_id: ChatId | None
    question_id: MessageId | None
    blind: bool
    verdict: Verdict
    created_at: int
    voted_at: int | None
    answers: tuple[Answer, ...]

    @property
    def is_open(self) -> bool:
        """No verdict yet."""
        return not self.verdict

    @property
    def hides(self) -> bool:
        """Who wrote its answers must not be shown."""
        return self.blind and self.is_open

    @property
    def messages(self) -> tuple[MessageId, ...]:
        """Its answers that are still there, by place."""
        return tuple(answer.message_id for answer in self.answers if answer.message_id is not None)


_VOTE = "id, chat_id, question_id, blind, verdict, created_at, voted_at"
_ANSWER = "place, message_id, engine, model, file, won, counts, tokens_per_second, first_token_s"


def add(connection: sqlite3.Connection, chat_id: ChatId, question_id: MessageId, blind: bool, now: int) -> VoteId:
    cursor = connection.execute(
        "INSERT INTO vote (uid, chat_id, question_id, blind, created_at) VALUES (?, ?, ?, ?, ?)", (uuid.uuid4().hex, chat_id, question_id, blind, now)
    )
    assert cursor.lastrowid is not None
    return VoteId(cursor.lastrowid)


def add_answer(connection: sqlite3.Connection, message_id: MessageId, vote_id: VoteId, place: int, file: str) -> None:
    """A message that begins now belongs to the vote."""
    connection.execute(
        "INSERT INTO vote_answer (vote_id, place, message_id, engine, model, file) SELECT ?, ?, id, engine, model, ? FROM message WHERE id = ?",
        (vote_id, place, file, message_id),
    )


def give(connection: sqlite3.Connection, vote_id: VoteId, verdict: Verdict, best: MessageId | None, now: int) -> None:
    """Keep a verdict (a later one takes the place of an earlier one), with the figures of the answers. A chat that stands at one of them
    goes to the best one."""
    connection.execute("UPDATE vote SET verdict = ?, voted_at = ? WHERE id = ?", (verdict, now, vote_id))
    connection.execute(
        "UPDATE vote_answer SET won = message_id IS ?2, counts = trim(message.text) <> '', "
        "tokens_per_second = CAST(json_extract(message.made_of, '$.timing.tokens_per_second') AS REAL), "
        "first_token_s = CAST(json_extract(message.made_of, '$.timing.first_token_s') AS REAL) "
        "FROM message WHERE message.id = vote_answer.message_id AND vote_answer.vote_id = ?1",
        (vote_id, best),
    )
    if best is not None:
        connection.execute(
            "UPDATE chat SET tip_id = ?2 WHERE id = (SELECT chat_id FROM vote WHERE id = ?1) "
            "AND tip_id IN (SELECT message_id FROM vote_answer WHERE vote_id = ?1)",
            (vote_id, best),
        )


def one(connection: sqlite3.Connection, vote_id: VoteId) -> Vote | None:
    return next(iter(_votes(connection, "WHERE id = ?", (vote_id,))), None)


def of_chat(connection: sqlite3.Connection, chat_id: ChatId) -> list[Vote]:
    """The votes of a chat, the newest first."""
    return _votes(connection, "WHERE chat_id = ? ORDER BY id DESC", (chat_id,))


def all_given(connection: sqlite3.Connection) -> list[Vote]:
    """Every vote that says something of the models, oldest first."""
    return _votes(connection, "WHERE verdict IN ('best', 'same', 'none') ORDER BY id", ())


def _votes(connection: sqlite3.Connection, where: str, values: tuple[Any, ...]) -> list[Vote]:
    rows = connection.execute(f"SELECT {_VOTE} FROM vote {where}", values).fetchall()
    answers: dict[int, list[Answer]] = {row[0]: [] for row in rows}
    query = f"SELECT vote_id, {_ANSWER} FROM vote_answer WHERE vote_id IN (SELECT id FROM vote {where}) ORDER BY vote_id, place"
    for vote_id, place, message, engine, model, file, won, counts, speed, first in connection.execute(query, values):
        answers[vote_id].append(Answer(place, message, engine, model, file, bool(won), bool(counts), speed, first))
    return [Vote(row[0], row[1], row[2], bool(row[3]), row[4], row[5], row[6], tuple(answers[row[0]])) for row in rows]


NOT_HIDDEN = (
    "NOT EXISTS (SELECT 1 FROM vote_answer JOIN vote ON vote.id = vote_answer.vote_id "
    "WHERE vote_answer.message_id = message.id AND vote.blind AND vote.verdict = '')"
)
"""A condition on a `message`: it may be known who wrote it."""


# -- hiding --------------------------------------------------------------------------------------------------------------


def hidden(connection: sqlite3.Connection, chat_id: ChatId) -> dict[MessageId, int]:
    """The messages of a chat of which nobody is shown who wrote them, with their places."""
    query = (
        "SELECT vote_answer.message_id, vote_answer.place FROM vote JOIN vote_answer ON vote_answer.vote_id = vote.id "
        "WHERE vote.chat_id = ? AND vote.blind AND vote.verdict = '' AND vote_answer.message_id IS NOT NULL"
    )
    return dict(connection.execute(query, (chat_id,)))


def as_it_may_be_known(connection: sqlite3.Connection, message: ChatMessage) -> ChatMessage:
    """For copies, which no vote uncovers: of a hidden answer only its words."""
    if connection.execute(f"SELECT 1 FROM message WHERE id = ? AND {NOT_HIDDEN}", (message.id,)).fetchone() is not None:
        return message
    hidden = masked(message, 0)
    return replace(hidden, made_of={name: value for name, value in hidden.made_of.items() if name in _STAYS})


def without_names(messages: Iterable[ChatMessage], places: Mapping[MessageId, int]) -> list[ChatMessage]:
    """The same messages; those with a place don't tell who wrote them, how fast, or why it failed. Pure."""
    return [masked(message, places[message.id]) if message.id in places else message for message in messages]


def masked(message: ChatMessage, place: int) -> ChatMessage:
    """A message without what tells its model; `made_of["hidden"]` is its place in the vote."""
    made_of = {name: message.made_of[name] for name in _STAYS if name in message.made_of} | {"hidden": place}
    return replace(message, model="", engine="", made_of=made_of, trouble=_HIDDEN_TROUBLE if message.trouble is not None else None)
