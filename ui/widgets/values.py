"""The values that widgets show. No Qt, so that a page's `state.py` can make them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias


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
    """A small button under a message, or an entry of the menu at the end of its buttons."""

    id: str
    text: str
    icon: str = ""
    """Its name; needless in the menu."""
    more: bool = False
    """In the menu, not a button of its own."""
    on: bool | None = None
    """Whether it is switched on; None: it is nothing to switch."""


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
    note_tip: str = ""
    """More about the note: what decided the text."""
    notices: tuple[str, ...] = ()
    """What a person should know of it, one line each."""


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
    list: str
    """The accessible name of the whole."""
    more: str
    """The button with the actions of second rank."""


@dataclass(frozen=True, slots=True)
class FindWords:
    """The words of a find bar, in the person's language."""

    name: str
    """What it is for, and what stands in its empty line."""
    previous: str
    next: str
    close: str
    everywhere: str
    """The button that looks in all chats instead."""
    place: str
    """ "{number} of {count}"."""
    looking: str
    """ "{count} so far"."""
    none: str


Tone: TypeAlias = Literal["good", "fair", "poor", "no", "unknown"]
"""How good news a verdict is; each has a colour and a shape of its own."""


@dataclass(frozen=True, slots=True)
class Badge:
    """A verdict in a word or two."""

    tone: Tone
    word: str


@dataclass(frozen=True, slots=True)
class BarPart:
    """A part of what a device has to hold. `kind` decides its colour and pattern: 0 the first (solid), 1, 2 …"""

    name: str
    amount: float
    text: str
    """The amount in words ("4.6 GiB")."""
    kind: int


@dataclass(frozen=True, slots=True)
class Bar:
    """One device: its parts side by side against a budget."""

    name: str
    parts: tuple[BarPart, ...]
    budget: float | None
    """What the parts may take together; None when nobody knows: then there is no line."""
    budget_text: str
    """Stands at the line ("room for 11.2 GiB")."""
    total_text: str
    """Stands at the right of the name ("6.2 of 11.4 GiB")."""
    description: str
    """The whole bar in a sentence, for screen readers."""

    @property
    def amount(self) -> float:
        """All parts together."""
        return sum(part.amount for part in self.parts)

    @property
    def is_over(self) -> bool:
        """More than there is room for."""
        return self.budget is not None and self.amount > self.budget

    @property
    def scale(self) -> float:
        """What the whole width stands for: the larger of need and budget, never 0."""
        return max(self.amount, self.budget or 0.0, 1e-9)


@dataclass(frozen=True, slots=True)
class Strip:
    """A thin bar: parts of a whole, with a few words beside it."""

    parts: tuple[BarPart, ...]
    whole: float
    """What the whole width stands for; what the parts leave of it is free. 0: nobody knows, the parts are not drawn."""
    text: str
    tip: str
    description: str
    """All of it in sentences, for screen readers."""
    is_over: bool = False

    @property
    def scale(self) -> float:
        """Never less than the parts, never 0."""
        return max(self.whole, sum(part.amount for part in self.parts), 1e-9)


def context_steps(least: int, most: int, exact: int | None = None) -> tuple[int, ...]:
    """Stops of a context slider: powers of two from `least` to `most`, `most` itself, and `exact` (the largest that fits)."""
    least = max(1, min(least, most))
    powers = {1 << bits for bits in range(most.bit_length()) if least <= 1 << bits <= most}
    extra = {exact} if exact is not None and least <= exact <= most else set()
    return tuple(sorted(powers | {least, most} | extra))
