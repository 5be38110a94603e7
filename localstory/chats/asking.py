"""From a chat to a request: which messages the model hears, so that a long chat goes on, and what is kept of that choice."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, get_args

from localstory.chats.store import Chat
from localstory.chats.tree import ChatMessage
from localstory.context import Assembled, Counts, DraftTooLong, Full, Item, MustAsk, PinnedTooLong, Policy, Window, assemble, split_reasoning
from localstory.context.items import Kind, WhenFull
from localstory.engines.base import PromptTooLong, Sampling, TextEngine, TextRequest
from localstory.errors import CannotContinue
from localstory.events import Progress
from localstory.words import mark

DEFAULTS: dict[str, Any] = {"temperature": 0.7, "top_p": 0.95, "repeat_penalty": 1.1, "max_tokens": 1024, "when_full": "drop_oldest"}
"""What a chat asks of the model unless it says otherwise; a light penalty keeps small models from going round in circles."""

_KEPT_IN_CHATS = frozenset({"drop_oldest", "keep_middle_out", "ask", "stop"})
assert set(get_args(WhenFull)) >= _KEPT_IN_CHATS


class ContextFull(CannotContinue):
    """The chat no longer fits, and its setting is not to leave anything out."""

    code = "context_full"

    def __init__(self, needed_tokens: int, room_tokens: int, context_length: int) -> None:
        super().__init__(
            title=mark("This chat no longer fits into the model's memory"),
            detail=mark("It has {needed_tokens} tokens; of the context length of {context_length}, {room_tokens} are there for it and the rest for the reply."),
            hint=mark("Let the oldest messages be left out, start a new chat, or choose a model with a longer context."),
            needed_tokens=needed_tokens,
            room_tokens=room_tokens,
            context_length=context_length,
        )


def items_for(chat: Chat, path: Sequence[ChatMessage], draft: str | None = None) -> list[Item]:
    """The chat as items: its system prompt, the messages before, and the draft. Pure.

    The draft is `draft` where given, otherwise the newest question with what follows it. What a model thought before an
    answer is kept apart from the answer.
    """
    question = len(path)
    if not draft and path and path[-1].role != "assistant":
        question = max((at for at, message in enumerate(path) if message.role == "user"), default=len(path) - 1)
    items = [Item("system", chat.system_prompt, id="system", pinned=True)] if chat.system_prompt.strip() else []
    for at, message in enumerate(path):
        kind: Kind = "draft" if at >= question else "history"
        reasoning, text = split_reasoning(message.text) if message.role == "assistant" else ("", message.text)
        reasoning = str(message.made_of.get("reasoning", "")) or reasoning
        if message.text:
            items.append(Item(kind, text, message.role, str(message.id), reasoning=reasoning))
    if draft:
        items.append(Item("draft", draft, "user", "draft"))
    return items


def policy_of(chat: Chat) -> Policy:
    """What this chat does when it is full."""
    wanted = chat.parameters.get("when_full", DEFAULTS["when_full"])
    return Policy(wanted if wanted in _KEPT_IN_CHATS else DEFAULTS["when_full"])


def request_for(chat: Chat, assembled: Assembled) -> TextRequest:
    """What the model is asked, with the chat's own way of choosing words. Pure."""
    chosen = DEFAULTS | chat.parameters
    sampling = Sampling(temperature=chosen["temperature"], top_p=chosen["top_p"], repeat_penalty=chosen["repeat_penalty"], seed=chosen.get("seed"))
    return TextRequest(messages=assembled.messages, max_tokens=chosen["max_tokens"], sampling=sampling)


async def put_together(chat: Chat, items: Sequence[Item], engine: TextEngine, counts: Counts, report: Callable[[Progress], None] | None = None) -> Assembled:
    """The items as they go to this engine now. Half of the context at most is kept free for the reply; when the newest
    message needs more than the other half, a sixteenth. Loads the model when it must; raises what the engine raises."""
    await counts.learn(engine, [item.text for item in items], report)
    length = engine.describe().context_length
    longest = int((DEFAULTS | chat.parameters)["max_tokens"])
    policy = policy_of(chat)
    assembled = await assemble(engine, counts, items, Window(length, longest if length is None else min(longest, length // 2)), policy, report=report)
    if length is not None and isinstance(assembled.outcome, DraftTooLong | PinnedTooLong):
        assembled = await assemble(engine, counts, items, Window(length, min(longest, max(1, length // 16))), policy, report=report)
    return assembled


def sendable(assembled: Assembled) -> Assembled:
    """The same when it can be sent. Raises PromptTooLong or ContextFull when it can't."""
    length = assembled.report.window.context_length or 0
    match assembled.outcome:
        case DraftTooLong(needed_tokens=needed) | PinnedTooLong(needed_tokens=needed):
            raise PromptTooLong(needed, length)
        case MustAsk(needed_tokens=needed, room_tokens=room) | Full(needed_tokens=needed, room_tokens=room):
            raise ContextFull(needed, room, length)
        case _:
            return assembled
