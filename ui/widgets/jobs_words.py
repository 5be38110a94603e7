"""The values that the list of jobs shows. No Qt."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class JobRow:
    """A line of the list. `share` is None when nobody knows how far it is."""

    number: int
    title: str
    state: str
    running: bool
    share: float | None = None
    is_trouble: bool = False
    buttons: tuple[tuple[str, str], ...] = ()
    """What can be done with it, as (id, words)."""


@dataclass(frozen=True, slots=True)
class JobsWords:
    """What the list says by itself; `named` is "{action}: {title}", for screen readers."""

    title: str
    empty: str
    forget: str
    named: str = "{action}: {title}"
