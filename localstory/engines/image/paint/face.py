"""Faces: eyes, mouths and cheeks that everybody shares, so that the whole cast belongs to one book."""

from __future__ import annotations

from localstory.engines.image.paint.canvas import Sprite, arc
from localstory.engines.image.paint.colour import Colour

INK: Colour = (46, 32, 40)
WHITE: Colour = (255, 252, 246)
BLUSH: Colour = (255, 138, 122)


def eyes(s: Sprite, cx: float, cy: float, apart: float, r: float, feeling: str = "calm", ink: Colour = INK) -> None:
    """Two eyes `apart` from the middle (cx, cy), r in units: dots, happy arcs, wide or closed."""
    for side in (-1, 1):
        x = cx + side * apart
        if feeling == "asleep":
            s.ink(arc(x, cy + r * 0.4, r * 1.15, r * 0.9, 200, 340, 10), r * 0.5, ink)
        elif feeling == "scared":
            s.dot(x, cy, r * 1.5, WHITE)
            s.dot(x, cy, r * 0.8, ink)
        else:
            s.cut(arc(x, cy, r, r * 1.18, steps=20), ink, shadow=False, inside=True)
            s.dot(x + r * 0.32, cy + r * 0.4, r * 0.34, WHITE)
        if feeling in ("sad", "scared"):
            s.ink([(x - side * r * 1.0, cy + r * 2.5), (x + side * r * 1.2, cy + r * 1.9)], r * 0.42, ink)
        elif feeling == "angry":
            s.ink([(x - side * r * 1.0, cy + r * 1.5), (x + side * r * 1.2, cy + r * 2.4)], r * 0.5, ink)


def mouth(s: Sprite, cx: float, cy: float, w: float, feeling: str = "calm", ink: Colour = INK) -> None:
    """A mouth `w` wide."""
    if feeling in ("sad", "scared"):
        s.ink(arc(cx, cy - w * 0.5, w * 0.55, w * 0.4, 30, 150, 10), w * 0.16, ink)
    elif feeling == "happy":
        s.cut([*arc(cx, cy, w * 0.6, w * 0.62, 180, 360, 14)], ink, shadow=False, inside=True)
        s.cut(arc(cx, cy - w * 0.42, w * 0.3, w * 0.18, steps=12), (226, 104, 96), shadow=False, inside=True)
    elif feeling == "asleep":
        s.dot(cx, cy - w * 0.1, w * 0.15, ink)
    elif feeling == "angry":
        s.ink([(cx - w * 0.5, cy - w * 0.1), (cx + w * 0.5, cy - w * 0.1)], w * 0.16, ink)
    else:
        s.ink(arc(cx, cy + w * 0.15, w * 0.55, w * 0.42, 205, 335, 10), w * 0.16, ink)


def cheeks(s: Sprite, cx: float, cy: float, apart: float, r: float, alpha: int = 90) -> None:
    """A little red on both sides."""
    for side in (-1, 1):
        s.dot(cx + side * apart, cy, r, BLUSH, alpha=alpha)
