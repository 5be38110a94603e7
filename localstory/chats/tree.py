"""A chat as a tree of messages: pure, no disk, no clock."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from typing import Any, Literal, NewType, TypeAlias

from localstory.engines.base import Role

ChatId = NewType("ChatId", int)
MessageId = NewType("MessageId", int)

MessageState: TypeAlias = Literal["streaming", "finished", "stopped", "failed"]
"""Being written · whole · cut off by the person or by the end of the program · ended by an error."""


Mark: TypeAlias = Literal["", "good", "bad"]


@dataclass(frozen=True, slots=True)
class ChatMessage:
    """One message. It never changes once its state is not "streaming"; an edit or another try is a sibling."""

    id: MessageId
    uid: str
    chat_id: ChatId
    parent_id: MessageId | None
    role: Role
    text: str
    state: MessageState
    model: str = ""
    engine: str = ""
    made_of: dict[str, Any] = field(default_factory=dict)
    """Of a reply: usage, timing, stop_reason, seed."""
    trouble: dict[str, Any] | None = None
    """Why it failed: code, templates and values, worded when shown (`service.told`)."""
    created_at: int = 0
    """Milliseconds since 1970, UTC."""
    finished_at: int | None = None
    mark: Mark = ""
    """What the person thinks of it. Marks change without the message changing."""


class Tree:
    """The messages of one chat, with the questions the window asks."""

    def __init__(self, messages: Iterable[ChatMessage]) -> None:
        self.messages: dict[MessageId, ChatMessage] = {message.id: message for message in sorted(messages, key=lambda message: message.id)}
        self._children: dict[MessageId | None, list[MessageId]] = {}
        for message in self.messages.values():
            # A message whose parent was deleted for good starts a branch of its own, and is not lost.
            parent = message.parent_id if message.parent_id in self.messages else None
            self._children.setdefault(parent, []).append(message.id)

    def children(self, message: MessageId | None) -> list[MessageId]:
        """The answers to a message, oldest first; of None: the beginnings."""
        return self._children.get(message, [])

    def path(self, tip: MessageId | None) -> list[ChatMessage]:
        """The messages from the beginning to `tip`; empty for None or an unknown tip."""
        path: list[ChatMessage] = []
        seen: set[MessageId] = set()
        at = tip
        while at is not None and at in self.messages and at not in seen:
            seen.add(at)
            path.append(self.messages[at])
            at = self.messages[at].parent_id
        return path[::-1]

    def siblings(self, message: MessageId) -> list[MessageId]:
        """The message and its alternatives (same parent, same role), oldest first."""
        here = self.messages[message]
        parent = here.parent_id if here.parent_id in self.messages else None
        return [other for other in self.children(parent) if self.messages[other].role == here.role]

    def place(self, message: MessageId) -> tuple[int, int]:
        """(2, 5) for the second of five siblings."""
        siblings = self.siblings(message)
        return siblings.index(message) + 1, len(siblings)

    def beside(self, message: MessageId, step: int) -> MessageId | None:
        """The sibling `step` further on (-1 is the one before), or None at the end."""
        siblings = self.siblings(message)
        at = siblings.index(message) + step
        return siblings[at] if 0 <= at < len(siblings) else None

    def tip_below(self, message: MessageId) -> MessageId:
        """Where a branch ends: from `message` down, always the newest answer."""
        at = message
        while children := self.children(at):
            at = children[-1]
        return at

    def below(self, message: MessageId) -> list[MessageId]:
        """The message and everything that follows it, in all branches."""
        found, todo = [], [message]
        while todo:
            at = todo.pop()
            found.append(at)
            todo += self.children(at)
        return found

    def next_to(self, message: MessageId, gone: Collection[MessageId]) -> MessageId | None:
        """Where a chat stands when `gone` goes with `message`: in the version before it, or after it, or at the message before both."""
        siblings = self.siblings(message)
        at = siblings.index(message)
        for other in [*reversed(siblings[:at]), *siblings[at + 1 :]]:
            if other not in gone:
                return self.tip_below(other)
        parent = self.messages[message].parent_id
        return parent if parent in self.messages and parent not in gone else None


def title_from(text: str, limit: int = 60) -> str:
    """A chat's first title: the beginning of its first line with words in it, cut between words."""
    line = next((line.strip() for line in text.splitlines() if line.strip()), "")
    line = " ".join(line.split())
    if len(line) <= limit:
        return line
    cut = line[:limit].rsplit(" ", 1)[0] if " " in line[:limit] else line[:limit]
    return cut.rstrip(",;:–-") + "…"
