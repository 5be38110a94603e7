"""The values of the context: what may go in (`Item`), by which rules (`Window`, `Policy`, `Template`), what became of it (`Report`)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from localstory.engines.base import Message, Role

if TYPE_CHECKING:
    from localstory.context.summaries import SummaryDue

Kind: TypeAlias = Literal["system", "persona", "memory", "lore", "document", "authors_note", "summary", "history", "draft"]
"""What a text is. "history" and "draft" are the conversation, in the order given; the draft is the person's newest
message with whatever follows it. All others have a `position`."""
CONVERSATION: tuple[Kind, ...] = ("history", "draft")

Position: TypeAlias = Literal["top", "bottom"] | int
"""Before the conversation · just before the draft · N: so that N messages of the conversation follow it (0: at the very end)."""

Trim: TypeAlias = Literal["whole", "start", "end", "sentences"]
"""What happens to a text that is too long: left out whole · its start is cut · its end is cut · whole sentences are cut at its end."""

WhenFull: TypeAlias = Literal["drop_oldest", "keep_middle_out", "summarise", "ask", "stop"]

State: TypeAlias = Literal["in", "trimmed", "left_out"]
Why: TypeAlias = Literal["fits", "empty", "budget", "no_room", "oldest", "middle", "summarised", "not_sent"]
"""It is in as it is · it has no text · it is longer than its own budget · what is more important took the room · the
oldest turns make room · the middle makes room · a summary stands for it · nothing was sent (see the outcome)."""

BETWEEN = "\n\n"
"""Between texts that share one message."""


@dataclass(frozen=True, slots=True)
class Item:
    """A text that wants to be in the context."""

    kind: Kind
    text: str
    role: Role = "system"
    id: str = ""
    """Where it comes from: a message's id, an entry of the lore. The report names it."""
    order: int = 0
    """Who gets room first when there is not enough: the highest. Has no meaning in the conversation."""
    position: Position = "top"
    budget: int | None = None
    """At most this many tokens, however much room there is. Has no meaning in the conversation."""
    reserve: int = 0
    """This many tokens are kept for it even from items of a higher order, never more than it has."""
    trim: Trim = "whole"
    pinned: bool = False
    """Never cut and never left out. In the conversation it holds its whole turn."""
    reasoning: str = ""
    """What the model thought before `text`, as it was written, tags included. Sent only when the policy says so."""

    @property
    def is_conversation(self) -> bool:
        return self.kind in CONVERSATION


@dataclass(frozen=True, slots=True)
class Window:
    """How much there is room for, in tokens."""

    context_length: int | None
    """None: nobody knows, so nothing is left out for want of room."""
    reply_reserve: int = 0
    """Kept free for the reply, always."""

    @property
    def room_tokens(self) -> int | None:
        """For everything that is sent."""
        return None if self.context_length is None else max(0, self.context_length - self.reply_reserve)


@dataclass(frozen=True, slots=True)
class Policy:
    """What to do when it does not all fit."""

    when_full: WhenFull = "drop_oldest"
    """Leave out the oldest turns · the turns after the first ones · let a summary stand for the oldest · ask the person · send nothing."""
    fixed_share: float = 0.5
    """The texts around the conversation get at most this share of the room while the conversation has use for the rest."""
    head_share: float = 0.25
    """keep_middle_out: how much of the conversation's room belongs to its first turns."""
    summarise_at: float = 0.85
    """summarise: a summary is due from this share of the room on, so that it can be written before it is needed."""
    summary_tokens: int = 400
    """summarise: room kept for a summary that is not written yet."""
    resend_reasoning: bool = False


@dataclass(frozen=True, slots=True)
class Template:
    """What the chat template adds, in tokens, and what it allows."""

    per_message: int = 0
    per_prompt: int = 0
    strict: bool = False
    """Only one system message, at the start; after it user and assistant in turn. Texts elsewhere join the person's."""


NO_TEMPLATE = Template()


@dataclass(frozen=True, slots=True)
class Line:
    """What became of one item."""

    id: str
    kind: Kind
    role: Role
    tokens: int
    """Of its whole text."""
    sent_tokens: int
    """Of what is in the messages."""
    state: State
    why: Why
    reasoning_tokens: int = 0
    """Of the model's thoughts that stay out."""


@dataclass(frozen=True, slots=True)
class NextStep:
    """Which turns are left out next when the conversation goes on."""

    ids: tuple[str, ...] = ()
    tokens: int = 0
    after_tokens: int = 0
    """It may grow by so many tokens before that."""


@dataclass(frozen=True, slots=True)
class Report:
    """An account of the whole context: a line for every item, in the order given, and a summary's line at the end."""

    lines: tuple[Line, ...]
    template_tokens: int
    """What the chat template adds. Below zero when the template itself leaves out part of what it was given."""
    window: Window
    next_step: NextStep = NextStep()

    @property
    def total_tokens(self) -> int:
        """Exactly what the messages hold, template included."""
        return self.template_tokens + sum(line.sent_tokens for line in self.lines)

    @property
    def wanted_tokens(self) -> int:
        """Of all items, had there been room."""
        return sum(line.tokens for line in self.lines if line.why != "empty")

    @property
    def free_tokens(self) -> int | None:
        """Left between the messages and the room kept for the reply; None when the context length is not known."""
        room = self.window.room_tokens
        return None if room is None else room - self.total_tokens

    @property
    def by_kind(self) -> dict[str, int]:
        """Tokens in the messages, by kind in the order met, and "template": the coloured bar. Sums to `total_tokens`."""
        tokens: dict[str, int] = {}
        for line in self.lines:
            if line.sent_tokens:
                tokens[line.kind] = tokens.get(line.kind, 0) + line.sent_tokens
        return tokens | ({"template": self.template_tokens} if self.template_tokens else {})

    def with_total(self, prompt_tokens: int) -> Report:
        """The same with the engine's own count of the whole prompt: the template's share is what the texts do not explain."""
        return replace(self, template_tokens=self.template_tokens + prompt_tokens - self.total_tokens)

    def as_record(self) -> dict[str, Any]:
        """To be kept with a reply: short however long the chat. Neighbours with one fate share a row {kind, state, why, first, last, items, tokens, sent}."""
        rows: list[dict[str, Any]] = []
        for line in self.lines:
            last = rows[-1] if rows else None
            if last is not None and (last["kind"], last["state"], last["why"]) == (line.kind, line.state, line.why) and line.kind in CONVERSATION:
                last |= {"last": line.id, "items": last["items"] + 1, "tokens": last["tokens"] + line.tokens, "sent": last["sent"] + line.sent_tokens}
                continue
            row = {"kind": line.kind, "state": line.state, "why": line.why, "first": line.id, "last": line.id, "items": 1}
            rows.append(row | {"tokens": line.tokens, "sent": line.sent_tokens})
        return {
            "context_length": self.window.context_length, "reply_reserve": self.window.reply_reserve, "total": self.total_tokens,
            "template": self.template_tokens, "free": self.free_tokens, "by_kind": self.by_kind, "rows": rows,
        }  # fmt: skip


@dataclass(frozen=True, slots=True)
class Fits:
    """Everything is in, whole."""


@dataclass(frozen=True, slots=True)
class Shortened:
    """Something was cut or left out; the report says what and why."""

    left_out_tokens: int


@dataclass(frozen=True, slots=True)
class MustAsk:
    """It does not fit, and the person is to say what to do. Nothing was put together."""

    needed_tokens: int
    room_tokens: int


@dataclass(frozen=True, slots=True)
class Full:
    """It does not fit, and the policy is to stop. Nothing was put together."""

    needed_tokens: int
    room_tokens: int


@dataclass(frozen=True, slots=True)
class DraftTooLong:
    """The person's newest message alone does not fit. Nothing was put together."""

    needed_tokens: int
    """With what the template adds to it."""
    room_tokens: int


@dataclass(frozen=True, slots=True)
class PinnedTooLong:
    """The newest message and what is pinned do not fit together. Nothing was put together."""

    needed_tokens: int
    room_tokens: int


Outcome: TypeAlias = Fits | Shortened | MustAsk | Full | DraftTooLong | PinnedTooLong


@dataclass(frozen=True, slots=True)
class Assembled:
    """What `fit_into` answers. `messages` is empty when the outcome is that nothing can be sent."""

    messages: tuple[Message, ...]
    report: Report
    outcome: Outcome
    summary_due: SummaryDue | None = None
    """A summary to be written, now or in a quiet moment; `messages` can be sent without it."""
