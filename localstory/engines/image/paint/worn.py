"""What somebody always has with them: worn on the head, around the neck, on the back, or held."""

from __future__ import annotations

from localstory.engines.image.looks import Look
from localstory.engines.image.paint.canvas import Sprite, arc
from localstory.engines.image.paint.colour import rgb, tone
from localstory.engines.image.paint.face import WHITE
from localstory.engines.image.paint.people import hat
from localstory.engines.image.paint.props import SIZES, prop


def wear(s: Sprite, look: Look, pose: str) -> None:
    """Add the item of a look to its sprite. Things we can't draw are left out."""
    item, colour = look.item, look.item_colour
    if not item or (look.body == "person" and pose in ("sleep", "bed") and item not in ("scarf", "ribbon", "necklace", "bow")):
        return
    cx, cy, r = s.head
    nx, ny = s.neck
    person = look.body == "person"
    w = r * (0.62 if person else 0.8)
    if item in ("scarf", "ribbon", "necklace"):
        s.blob(
            [
                (nx - w, ny + r * 0.12),
                (nx, ny - r * 0.1),
                (nx + w, ny + r * 0.12),
                (nx + w * 0.95, ny - r * 0.3),
                (nx, ny - r * 0.48),
                (nx - w * 0.95, ny - r * 0.3),
            ],
            colour,
        )
        if item == "scarf":
            s.blob(
                [(nx - w * 0.75, ny - r * 0.2), (nx - w * 0.3, ny - r * 0.3), (nx - w * 0.42, ny - r * 1.25), (nx - w * 0.95, ny - r * 1.15)],
                tone(colour, -0.05),
            )
            s.band([(nx - w * 0.93, ny - r * 1.02), (nx - w * 0.42, ny - r * 1.1)], [r * 0.1, r * 0.1], tone(colour, 0.16), shadow=False, inside=True)
    elif item == "bow":
        for side in (-1, 1):
            s.blob([(cx + r * 0.5, cy + r * 0.9), (cx + r * 0.5 + side * r * 0.55, cy + r * 1.2), (cx + r * 0.5 + side * r * 0.55, cy + r * 0.62)], colour)
        s.oval(cx + r * 0.5, cy + r * 0.9, r * 0.16, r * 0.16, tone(colour, -0.08))
    elif item in ("hat", "crown"):
        hat(
            s,
            item,
            look,
            cx,
            cy + (r * 0.05 if person else 0),
            r * (0.95 if person else 0.85),
            rgb("#f2c14e") if item == "crown" and not look.item_colour else colour if item == "hat" else rgb("#f2c14e"),
        )
    elif item in ("cape", "cloak"):
        behind = Sprite()
        behind.blob(
            [(nx - r * 0.5, ny), (nx - r * 1.6, ny * 0.55), (nx - r * 1.9, ny * 0.12), (nx, ny * 0.08), (nx + r * 1.0, ny * 0.14), (nx + r * 0.6, ny)], colour
        )
        s.pieces[:0] = behind.pieces
        s.band([(nx - r * 0.5, ny - r * 0.05), (nx, ny - r * 0.18), (nx + r * 0.5, ny - r * 0.05)], [r * 0.18, r * 0.18], colour)
    elif item == "glasses":
        for side in (-1, 1):
            x, y = cx + r * 0.12 + side * r * 0.42, cy
            s.cut(arc(x, y, r * 0.3, r * 0.3), rgb("#3c3440"), shadow=False, inside=True)
            s.dot(x, y, r * 0.23, WHITE, alpha=235)
            s.dot(x, y, r * 0.1, rgb("#2e2028"))
    elif item == "backpack":
        behind = Sprite()
        behind.box(nx - r * 1.25, ny - r * 1.5, nx - r * 0.2, ny - r * 0.1, colour, r * 0.3)
        s.pieces[:0] = behind.pieces
        for side in (-1, 1):
            s.band([(nx + side * w * 0.7, ny - r * 0.05), (nx + side * w * 0.75, ny - r * 0.9)], [r * 0.14, r * 0.14], tone(colour, -0.08), inside=True)
    elif item == "boots":
        for side in (-1, 1):
            s.box(side * 0.075 - 0.055, -0.01, side * 0.075 + 0.075, 0.13, colour, 0.03)
    elif item in SIZES and s.hands:
        hx, hy = s.hands[0]
        thing = prop(item, None if look.item_colour is None else colour)
        size = min(0.34, max(0.16, SIZES[item][0] * 0.9))
        hanging = item in ("lantern", "basket", "bell", "bucket")
        s.add(thing, hx + (0.02 if person else 0), hy - (size * 0.92 if hanging and person else 0.06 if person else 0.03), size)
