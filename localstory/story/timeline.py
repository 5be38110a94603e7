"""When what is seen and heard: the film is timed by the narration, in whole frames. Pure.

Shots overlap by a crossfade that lies inside the silence between two voices, so words never overlap. 24 frames a second
and 48 kHz make a frame exactly 2,000 samples.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from localstory.engines.base import Camera

FPS = 24
CROSSFADE_FRAMES = 12
LEAD_SECONDS = 0.7
"""Silence before a scene's first word; the crossfade is in it."""
TAIL_SECONDS = 1.0
"""Silence after its last word. Between two scenes are 0.7 + 1.0 - 0.5 = 1.2 s of it."""
CARD_SECONDS = 3.0
END_SECONDS = 3.5
ZOOM = 1.1
"""The nearest a camera comes, as a factor; 1.12 is the most that looks calm."""
STILL_SECONDS = 2.5
"""A shot shorter than this stands still."""


@dataclass(frozen=True, slots=True)
class Item:
    """A shot on the timeline."""

    key: str
    """ "title", a scene's id, or "end"."""
    start: int
    """Its first frame in the film; a crossfade from its predecessor begins there."""
    frames: int
    voice_start: int | None
    """The frame at which its voice starts; None when it has none."""


def make_timeline(voices: Sequence[tuple[str, float | None]]) -> tuple[Item, ...]:
    """Lay out shots by the lengths of their voices, (key, seconds), in order; None for a shot without voice."""
    items: list[Item] = []
    start = 0
    for key, seconds in voices:
        frames = math.ceil(((seconds + LEAD_SECONDS + TAIL_SECONDS) if seconds is not None else 0.0) * FPS)
        if key == "title":
            frames = max(frames, round(CARD_SECONDS * FPS))
        elif key == "end":
            frames = max(frames, round(END_SECONDS * FPS))
        else:
            frames = max(frames, FPS)
        voice_start = start + math.ceil(LEAD_SECONDS * FPS) if seconds is not None else None
        items.append(Item(key, start, frames, voice_start))
        start += frames - CROSSFADE_FRAMES
    return tuple(items)


def film_frames(timeline: Sequence[Item]) -> int:
    """The film's length in frames."""
    return timeline[-1].start + timeline[-1].frames if timeline else 0


def camera_for(index: int, frames: int, focus: Sequence[float] | None, *, still: bool = False) -> Camera:
    """A slow move towards the focus of the picture, or away from it, in turn."""
    if still or frames < STILL_SECONDS * FPS:
        return Camera()
    width = 1 / ZOOM
    x, y = (float(focus[0]), float(focus[1])) if focus and len(focus) == 2 else (0.5, 0.5)
    near = (min(max(x - width / 2, 0.0), 1 - width), min(max(y - width / 2, 0.0), 1 - width), width)
    far = (0.0, 0.0, 1.0)
    return Camera(far, near) if index % 2 == 0 else Camera(near, far)
