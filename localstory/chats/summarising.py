"""Summaries of a chat's beginning: asked of the chat's own engine, kept as checkpoints of the tree, never in the way of a reply."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from localstory.chats.store import Summary
from localstory.chats.tree import ChatId
from localstory.context import Checkpoint, Counts, Item, SummaryDue
from localstory.context.items import BETWEEN
from localstory.context.summaries import due as due_of
from localstory.engines.base import Message, Reply, Sampling, TextEngine, TextPiece, TextRequest
from localstory.errors import CannotContinue, Word
from localstory.events import Progress
from localstory.words import mark

SUMMARISING = mark("Summarising the beginning")

_FRAME = "What was said so far, in short:\n{text}"
_WISH = (
    "Stop here for a moment. Write a summary of our whole conversation up to now{earlier}, so that it can go on from the summary alone. Keep names, facts, "
    "numbers, decisions, promises and questions that are still open; leave out politeness. Write it in the language of the conversation, as plain text of at "
    "most {words} words. Write the summary and nothing else."
)
_EARLIER = ", with everything that the short account at the very top tells"
_WORDS_PER_TOKEN = 0.6
_LEAST_TOKENS, _MOST_TOKENS = 48, 512
_SPARE_TOKENS = 16
"""For what a template adds between two roles in a row."""


class NoSummary(CannotContinue):
    """The beginning of a chat could not be summarised; its oldest messages are left out instead."""

    code = "no_summary"

    def __init__(self, reason: str) -> None:
        super().__init__(
            title=mark("The beginning was not summarised"),
            detail=mark("{reason} The oldest messages were left out instead."),
            hint=mark("Choose another way when the chat is full, or a larger model."),
            reason=Word(reason),
        )


@dataclass(frozen=True, slots=True)
class Summarising:
    """A summary of this chat is being written, apart from any reply; `share` is None when it has ended."""

    chat_id: ChatId
    share: float | None


def tokens_for_summary(context_length: int | None) -> int:
    """The longest summary: an eighth of the context at most."""
    return _MOST_TOKENS if context_length is None else max(_LEAST_TOKENS, min(_MOST_TOKENS, context_length // 8))


def history_of(items: Sequence[Item]) -> list[Item]:
    """The messages that a summary can stand for, as `context` sees them."""
    return [item for item in items if item.kind == "history" and item.text]


def checkpoints_for(kept: Sequence[Summary], items: Sequence[Item]) -> list[Checkpoint]:
    """The summaries whose last message is on this branch, newest first; `context` decides whether they still hold. Pure."""
    history = history_of(items)
    place = {item.id: number for number, item in enumerate(history, 1)}
    found = [(place[str(one.message_id)], one) for one in reversed(kept) if str(one.message_id) in place]
    return [Checkpoint(_FRAME.format(text=one.text), tuple(item.id for item in history[:upto]), one.fingerprint, item_id(one)) for upto, one in found]


def item_id(summary: Summary) -> str:
    """What a summary is called in a report."""
    return f"summary:{summary.id}"


def portion(due: SummaryDue, history: Sequence[Item], costs: Mapping[str, int], room: int, per_message: int) -> SummaryDue:
    """As much of what is due as can be read at once, in whole turns; one turn at least. Pure.

    `costs` are tokens by text; `room` is what the messages may take. A chat that was long before it began to be summarised
    takes several portions, each building on the one before.
    """
    first = len(due.previous.covers) if due.previous is not None else 0
    last = len(due.covers)
    used, best = 0, 0
    for at in range(first, last):
        used += costs.get(history[at].text, 0) + per_message
        ends_turn = at + 1 == len(history) or (history[at + 1].role == "user" and history[at].role != "user")
        if used > room and best:
            break
        if ends_turn:
            best = at + 1
        if used > room and best:
            break
    return due if best in (0, last) else due_of(history, best, due.previous, due.at_most_tokens)


def request_for(due: SummaryDue, system_prompt: str, costs: Mapping[str, int], room: int) -> TextRequest:
    """What the engine is asked: the conversation as it was sent before (so that it need not be read again), and then the wish. Pure."""
    top = [text for text in (system_prompt if system_prompt.strip() else "", due.previous.text if due.previous is not None else "") if text]
    wanted = sum(costs.get(message.text, 0) for message in due.messages)
    share = min(1.0, room / wanted) if wanted > room else 1.0
    said = due.messages if share == 1.0 else tuple(Message(one.role, one.text[: max(1, int(len(one.text) * share * 0.9))] + "…") for one in due.messages)
    wish = _WISH.format(earlier=_EARLIER if due.previous is not None else "", words=max(20, round(due.at_most_tokens * _WORDS_PER_TOKEN)))
    messages = (*((Message("system", BETWEEN.join(top)),) if top else ()), *said, Message("user", wish))
    return TextRequest(messages=messages, max_tokens=due.at_most_tokens, sampling=Sampling(temperature=0.2, repeat_penalty=1.1), thinking=False)


def clean(reply: Reply) -> str:
    """The summary in a reply: one that was cut off ends with its last whole sentence."""
    text = reply.text.strip()
    if reply.stop_reason in ("length", "context"):
        end = max(text.rfind(mark) for mark in (". ", "! ", "? ", ".\n", "。", "…"))
        text = text[: end + 1].rstrip() if end > len(text) // 3 else text
    return text


async def write(
    due: SummaryDue, items: Sequence[Item], engine: TextEngine, counts: Counts, report: Callable[[Progress], None], *, private: bool = False
) -> tuple[SummaryDue, str]:
    """Let the engine write (a part of) the summary that is due; returns what it stands for, and its text. `private`: nothing of it goes
    to the disk.

    Raises NoSummary for one that is none, and what the engine raises.
    """
    history = history_of(items)
    system = next((item.text for item in items if item.kind == "system"), "")
    length = engine.describe().context_length
    wish = request_for(due, "", {}, 1).messages[-1].text
    known = await counts.learn(engine, [*(item.text for item in history), system, wish, due.previous.text if due.previous else ""])
    template = await counts.template(engine, has_system=bool(system or due.previous))
    room = (length if length is not None else 1 << 40) - due.at_most_tokens - _SPARE_TOKENS - template.per_prompt
    room -= sum(known[text] + template.per_message for text in (system, wish, due.previous.text if due.previous else "") if text)
    if room < template.per_message + 16:
        raise NoSummary(mark("There is no room for one."))
    part = portion(due, history, known, room, template.per_message)
    report(Progress(SUMMARISING, 0, part.at_most_tokens))
    ended: Reply | None = None
    pieces = 0
    request = replace(request_for(part, system, known, room - len(part.messages) * template.per_message), private=private)
    async with contextlib.aclosing(engine.reply(request)) as events:
        async for event in events:
            if isinstance(event, TextPiece):
                pieces += 1
                report(Progress(SUMMARISING, min(pieces, part.at_most_tokens), part.at_most_tokens))
            elif isinstance(event, Reply):
                ended = event
    text = clean(ended) if ended is not None else ""
    if not text:
        raise NoSummary(mark("The model wrote nothing."))
    stood_for = sum(known[item.text] for item in history[: len(part.covers)])
    if (await counts.learn(engine, [text]))[text] >= stood_for:
        raise NoSummary(mark("The model's summary is longer than what it stands for."))
    return part, text


class Writers:
    """The summaries that are being written: one for a chat, behind the replies or before one."""

    def __init__(self) -> None:
        self._before: dict[ChatId, asyncio.Task[None]] = {}
        self._behind: dict[ChatId, tuple[TextEngine, asyncio.Task[None]]] = {}

    async def before_reply(self, chat_id: ChatId, work: Callable[[], asyncio.Task[None]]) -> None:
        """Wait for a summary that a reply needs. Raises NoSummary when the person skips it, and what the work raises."""
        task = work()
        self._before[chat_id] = task
        try:
            await asyncio.wait([task])
        except asyncio.CancelledError:
            task.cancel()
            await asyncio.wait([task])
            raise
        finally:
            self._before.pop(chat_id, None)
        if task.cancelled():
            raise NoSummary(mark("You skipped it."))
        task.result()

    def skip(self, chat_id: ChatId) -> None:
        """Go on without the summary that a reply waits for."""
        if (task := self._before.get(chat_id)) is not None:
            task.cancel()

    def begin_behind(self, chat_id: ChatId, engine: TextEngine, work: Callable[[], asyncio.Task[None]]) -> None:
        """Write a summary while nobody waits for the engine."""
        if chat_id not in self._behind:
            task = work()
            self._behind[chat_id] = (engine, task)
            task.add_done_callback(lambda _task: self._behind.pop(chat_id, None))

    async def make_way(self, engine: TextEngine | None = None, chat_id: ChatId | None = None) -> None:
        """End what is written behind the replies: with this engine, for this chat, or all of it. A person goes first."""
        tasks = [task for where, (its, task) in self._behind.items() if (engine is None or its is engine) and (chat_id is None or where == chat_id)]
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)

    async def settled(self) -> None:
        """Wait until nothing is written behind the replies."""
        if tasks := [task for _engine, task in self._behind.values()]:
            await asyncio.wait(tasks)

    @property
    def behind(self) -> frozenset[ChatId]:
        """The chats of which a summary is being written behind the replies."""
        return frozenset(self._behind)
