"""How long the voice is silent, by grammar. Pure; the jitter is seeded, so the same reading has the same pauses."""

from __future__ import annotations

import random

from localstory.engines.speech.sentences import End

PAUSES_S: dict[End, tuple[float, float]] = {
    End.sentence: (0.300, 0.450),
    End.paragraph: (0.700, 0.900),
    End.trailing: (0.480, 0.600),
    End.dialogue: (0.230, 0.270),
    End.comma: (0.140, 0.180),
    End.text: (0.060, 0.060),
}
"""Shortest and longest silence after a breath, in seconds, at the voice's own speed. Commas inside a breath are the
voice's own. The film sets the pause between scenes, so a text ends with a moment of silence only."""

DASH_S = (0.10, 0.14)
"""What a dash inside a breath gets on top of the silence the voice gives it."""


def pause_after(end: End, *, seed: int, index: int, speed: float = 1.0) -> float:
    """Seconds of silence after breath number `index`; a slow reading has longer ones."""
    shortest, longest = PAUSES_S[end]
    # A string seed: Python hashes it with SHA-512, the same everywhere.
    return random.Random(f"pause {seed} {index}").uniform(shortest, longest) / min(1.25, max(0.8, speed))


def dash_pause(*, seed: int, index: int) -> float:
    """Seconds of silence a dash adds."""
    return random.Random(f"dash {seed} {index}").uniform(*DASH_S)
