"""From a chat to a request: which messages the model hears, so that a long chat goes on, and what is kept of that choice."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, get_args

from localstory.chats.store import Chat, Summary
from localstory.chats.summarising import checkpoints_for, tokens_for_summary
from localstory.chats.tree import ChatMessage
from localstory.context import Assembled, Counts, DraftTooLong, Full, Item, MustAsk, PinnedTooLong, Policy, Window, assemble, split_reasoning
from localstory.context.items import Kind, WhenFull
from localstory.engines.base import PromptTooLong, Sampling, TextEngine, TextRequest
from localstory.errors import CannotContinue
from localstory.events import Progress
from localstory.words import mark

DEFAULTS: dict[str, Any] = {"temperature": 0.7, "top_p": 0.95, "repeat_penalty": 1.1, "max_tokens": 1024, "when_full": "drop_oldest"}
"""What a chat asks of the model unless it says otherwise; a light penalty keeps small models from going round in circles."""

WHEN_FULL: tuple[WhenFull, ...] = ("drop_oldest", "summarise", "keep_middle_out", "ask", "stop")
"""What a chat can do when it is full, in the order in which people are told."""
assert set(get_args(WhenFull)) == set(WHEN_FULL)


class ContextFull(CannotContinue):
    """The chat no longer fits, and its setting is not to leave anything out."""

    code = "context_full"

    def __init__(self, needed_tokens: int, room_tokens: int, context_length: int) -> None:
        super().__init__(
            title=mark("This chat no longer fits into the model's context"),
            detail=mark("It has {needed_tokens} tokens; of the context length of {context_length}, {room_tokens} are there for it and the rest for the reply."),
            hint=mark("Let the oldest messages be left out, start a new chat, or choose a model with a longer context."),
            needed_tokens=needed_tokens,
            room_tokens=room_tokens,
            context_length=context_length,
        )


class MustChoose(ContextFull):
    """The chat no longer fits, and its setting is that the person is asked. Nothing was sent."""

    code = "context_ask"


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


def policy_of(chat: Chat, context_length: int | None = None) -> Policy:
    """What this chat does when it is full."""
    wanted = chat.parameters.get("when_full", DEFAULTS["when_full"])
    resend = chat.parameters.get("resend_reasoning") is True
    return Policy(wanted if wanted in WHEN_FULL else DEFAULTS["when_full"], summary_tokens=tokens_for_summary(context_length), resend_reasoning=resend)


def request_for(chat: Chat, assembled: Assembled, engine: TextEngine | None = None) -> TextRequest:
    """What the model is asked, with the chat's own way of choosing words. Nothing of a temporary chat (a negative id) may go to the disk. Pure.

    Of our own defaults a server gets only those that it understands: it is warned about what a person chose, not about these.
    """
    chosen = DEFAULTS | chat.parameters
    can = getattr(engine, "capabilities", None)
    if can is not None:
        offered = can().samplers
        chosen = {name: value for name, value in chosen.items() if name not in _SAMPLERS or name in chat.parameters or name in offered}
    given = {name: chosen[name] for name in _SAMPLERS if name in chosen}
    return TextRequest(messages=assembled.messages, max_tokens=chosen["max_tokens"], sampling=Sampling(**given, seed=chosen.get("seed")), private=chat.id < 0)


_SAMPLERS = ("temperature", "top_p", "repeat_penalty")


async def put_together(
    chat: Chat,
    items: Sequence[Item],
    engine: TextEngine,
    counts: Counts,
    report: Callable[[Progress], None] | None = None,
    summaries: Sequence[Summary] = (),
) -> Assembled:
    """The items as they go to this engine now. Half of the context at most is kept free for the reply; when the newest
    message needs more than the other half, a sixteenth. Loads the model when it must; raises what the engine raises."""
    await counts.learn(engine, [item.text for item in items], report)
    length = engine.describe().context_length
    longest = int((DEFAULTS | chat.parameters)["max_tokens"])
    policy, checkpoints = policy_of(chat, length), checkpoints_for(summaries, items)
    window = Window(length, longest if length is None else min(longest, length // 2))
    assembled = await assemble(engine, counts, items, window, policy, checkpoints=checkpoints, report=report)
    if length is not None and isinstance(assembled.outcome, DraftTooLong | PinnedTooLong):
        window = Window(length, min(longest, max(1, length // 16)))
        assembled = await assemble(engine, counts, items, window, policy, checkpoints=checkpoints, report=report)
    return assembled


def counts_quickly(engine: TextEngine) -> bool:
    """True when a chat can be counted without loading a model: it is loaded, or the engine estimates."""
    if hasattr(engine, "process_id"):
        return engine.process_id is not None and engine.describe().context_length is not None
    return True


def sendable(assembled: Assembled) -> Assembled:
    """The same when it can be sent. Raises PromptTooLong or ContextFull when it can't."""
    length = assembled.report.window.context_length or 0
    match assembled.outcome:
        case DraftTooLong(needed_tokens=needed) | PinnedTooLong(needed_tokens=needed):
            raise PromptTooLong(needed, length)
        case MustAsk(needed_tokens=needed, room_tokens=room):
            raise MustChoose(needed, room, length)
        case Full(needed_tokens=needed, room_tokens=room):
            raise ContextFull(needed, room, length)
        case _:
            return assembled
