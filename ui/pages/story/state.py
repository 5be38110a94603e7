"""What the room of stories says until it is built: what works today, and how. Pure, no Qt."""

from __future__ import annotations

from dataclasses import dataclass

from localstory.words import _


@dataclass(frozen=True, slots=True)
class Today:
    """One calm sentence, and commands to copy as (what it does, command)."""

    sentence: str
    commands: tuple[tuple[str, str], ...]


def today() -> Today:
    """Stories are told from the command line so far."""
    return Today(
        _("Stories are told from the command line for now; this room will show them scene by scene."),
        (
            (_("A first story with the starter models, told, drawn and filmed:"), "localstory demo"),
            (_("A story from your own idea:"), 'localstory story new "…" --out my-story'),
            (_("Make its film, or go on where it stopped:"), "localstory story build my-story"),
        ),
    )
