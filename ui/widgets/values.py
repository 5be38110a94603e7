"""The values that widgets show. No Qt, so that a page's `state.py` can make them."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Trouble:
    """What a trouble card says: what happened, why, what to do, details to copy, and buttons as (id, text)."""

    title: str
    detail: str = ""
    hint: str = ""
    details: str = ""
    buttons: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class MessageAction:
    """A small button under a message."""

    id: str
    text: str
    icon: str


@dataclass(frozen=True, slots=True)
class Shown:
    """A message as it is shown. `key` says which one it is; two equal values are painted once."""

    key: int
    text: str
    mine: bool
    speaker: str
    """Who says it, with the number of the message, for screen readers: "Reply 3"."""
    note: str = ""
    actions: tuple[MessageAction, ...] = ()
    place: tuple[int, int] = (1, 1)
    live: bool = False
    """It is still being written."""
    waiting: str = ""
    """Why there are no words yet."""
    trouble: Trouble | None = None


@dataclass(frozen=True, slots=True)
class ViewWords:
    """The words a message list says by itself, in the person's language."""

    part: str
    """ "{speaker}, part {number}"."""
    previous: str
    """ "Earlier version of {speaker}"."""
    next: str
    place: str
    """ "{number} of {count}"."""
    action: str
    """ "{action}: {speaker}"."""
    new_text: str
    details: str
    copy: str
    copy_code: str
    image: str
    """"picture: {name}"."""
    list: str
    """The accessible name of the whole."""
