"""Summaries as checkpoints: each stands for the beginning of one branch, as long as that beginning is what it was. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from localstory.context.items import Item
from localstory.engines.base import Message


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A summary, and the messages it stands for: the conversation from its beginning on."""

    text: str
    covers: tuple[str, ...]
    """The ids of those messages, in order."""
    fingerprint: str
    """Of their ids, roles and texts: an edit under the summary makes it invalid."""
    id: str = ""


@dataclass(frozen=True, slots=True)
class SummaryDue:
    """A summary that somebody is to have written: of `previous` (if any) and of what was said since."""

    previous: Checkpoint | None
    messages: tuple[Message, ...]
    """What the new summary adds to the previous one."""
    at_most_tokens: int
    covers: tuple[str, ...]
    fingerprint: str

    def written(self, text: str, id: str = "") -> Checkpoint:
        """The checkpoint for a summary once it is written."""
        return Checkpoint(text, self.covers, self.fingerprint, id)


def fingerprint_of(history: Iterable[Item]) -> str:
    """Of messages with their ids, roles and texts, in order."""
    digest = hashlib.sha256()
    for item in history:
        for part in (item.id, item.role, item.text):
            raw = part.encode("utf-8", "surrogatepass")
            digest.update(len(raw).to_bytes(8, "big") + raw)
    return digest.hexdigest()


def is_valid(checkpoint: Checkpoint, history: Sequence[Item]) -> bool:
    """True when the checkpoint stands for the beginning of just this history: the branch did not leave before its end, and
    nothing under it was edited."""
    covered = history[: len(checkpoint.covers)]
    if not checkpoint.text.strip() or not covered or tuple(item.id for item in covered) != checkpoint.covers:
        return False
    return fingerprint_of(covered) == checkpoint.fingerprint


def best_of(checkpoints: Iterable[Checkpoint], history: Sequence[Item]) -> Checkpoint | None:
    """The valid checkpoint that stands for most of the history; None when there is none."""
    valid = [checkpoint for checkpoint in checkpoints if is_valid(checkpoint, history)]
    return max(valid, key=lambda checkpoint: len(checkpoint.covers), default=None)


def due(history: Sequence[Item], up_to: int, previous: Checkpoint | None, at_most_tokens: int) -> SummaryDue:
    """The summary of the first `up_to` messages of the history, building on `previous`."""
    covered = history[:up_to]
    since = covered[len(previous.covers) if previous else 0 :]
    messages = tuple(Message(item.role, item.text) for item in since)
    return SummaryDue(previous, messages, at_most_tokens, tuple(item.id for item in covered), fingerprint_of(covered))
