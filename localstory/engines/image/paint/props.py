"""Small things: what lies about, is carried, hangs on walls or flies. One unit is the thing's height.

To add one: a cutter here (or in `big_props`), its line in `SIZES`, its words in the lexicon.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from localstory.engines.image.paint.big_props import BIG, BIG_SIZES
from localstory.engines.image.paint.canvas import Sprite, arc, turned
from localstory.engines.image.paint.colour import Colour, mix, rgb, tone
from localstory.engines.image.paint.face import INK, WHITE

GOLD, WOOD, PAPER, IRON, RED = rgb("#f0be4a"), rgb("#94643c"), rgb("#f6e8c8"), rgb("#5c5f6e"), rgb("#cf4a3e")
Cutter = Callable[[Sprite, Colour | None], None]


def prop(kind: str, colour: Colour | None = None) -> Sprite:
    """The sprite of a thing, in `colour` where that makes sense."""
    s = Sprite()
    (_CUTTERS.get(kind) or BIG[kind])(s, colour)
    return s


def star_points(cx: float, cy: float, r: float, inner: float = 0.46, points: int = 5) -> list[tuple[float, float]]:
    """A star's corners."""
    return [
        (cx + math.sin(i * math.pi / points) * r * (inner if i % 2 else 1), cy + math.cos(i * math.pi / points) * r * (inner if i % 2 else 1))
        for i in range(points * 2)
    ]


def _lantern(s: Sprite, c: Colour | None) -> None:
    c = c or rgb("#d9653c")
    s.cut(arc(0, 0.9, 0.14, 0.12), tone(c, -0.15), shadow=False)
    s.dot(0, 0.88, 0.09, tone(c, -0.3))
    s.box(-0.2, 0.74, 0.2, 0.82, tone(c, -0.12), 0.03)
    s.blob([(-0.24, 0.2), (-0.34, 0.48), (-0.22, 0.76), (0.22, 0.76), (0.34, 0.48), (0.24, 0.2)], c)
    s.oval(0, 0.48, 0.2, 0.24, rgb("#ffe08a"), shadow=False, inside=True)
    s.oval(0, 0.44, 0.1, 0.15, rgb("#fff8d8"), shadow=False, inside=True)
    s.box(-0.26, 0.08, 0.26, 0.2, tone(c, -0.12), 0.03)
    s.lights.append((0, 0.48, 2.1, rgb("#ffc35a")))


def _book(s: Sprite, c: Colour | None) -> None:
    c = c or rgb("#b5483d")
    s.blob([(-0.95, 0.06), (-0.9, 0.62), (0, 0.5), (0.9, 0.62), (0.95, 0.06), (0, -0.04)], c)
    for side in (-1, 1):
        s.blob([(0, 0.08), (side * 0.02, 0.6), (side * 0.45, 0.76), (side * 0.84, 0.68), (side * 0.86, 0.14), (side * 0.45, 0.2)], PAPER)
        for k in range(3):
            s.ink([(side * 0.16, 0.5 - k * 0.11), (side * 0.45, 0.58 - k * 0.11), (side * 0.74, 0.54 - k * 0.11)], 0.025, rgb("#b9a58a"))


def _key(s: Sprite, c: Colour | None) -> None:
    c = c or GOLD
    for points in (arc(0, 0.78, 0.22, 0.22),):
        s.cut(points, c)
    s.dot(0, 0.78, 0.11, tone(c, -0.32))
    s.band([(0, 0.58), (0, 0.05)], [0.1, 0.1], c)
    for y in (0.08, 0.24):
        s.box(0.0, y, 0.22, y + 0.09, c)


def _chest(s: Sprite, c: Colour | None) -> None:
    c = c or rgb("#8f5a34")
    s.cut([*arc(0, 0.6, 0.66, 0.36, 0, 180, 20), (-0.66, 0.5), (0.66, 0.5)], tone(c, -0.06))
    s.box(-0.6, 0.5, 0.6, 0.66, rgb("#ffdf7a"), shadow=False)
    for k, (x, y) in enumerate(((-0.36, 0.64), (-0.1, 0.68), (0.16, 0.65), (0.4, 0.66))):
        s.oval(x, y, 0.11, 0.1, GOLD if k % 2 else rgb("#f7d774"))
    s.box(-0.64, 0.0, 0.64, 0.54, c, 0.04)
    for x in (-0.44, 0.44):
        s.box(x - 0.06, 0.0, x + 0.06, 0.54, GOLD, shadow=False, inside=True)
    s.box(-0.1, 0.3, 0.1, 0.54, GOLD, 0.03)
    s.dot(0, 0.4, 0.035, INK)
    s.lights.append((0, 0.7, 1.0, rgb("#ffd86a")))


def _star(s: Sprite, c: Colour | None) -> None:
    s.cut(star_points(0, 0.5, 0.5), c or rgb("#ffdf7a"))
    s.cut(star_points(0, 0.5, 0.26), mix(c or rgb("#ffdf7a"), WHITE, 0.5), shadow=False, inside=True)
    s.lights.append((0, 0.5, 2.0, rgb("#ffe9a0")))


def _balloon(s: Sprite, c: Colour | None) -> None:
    c = c or RED
    s.band([(0, 0.46), (0.05, 0.25), (-0.04, 0.0)], [0.016, 0.014, 0.014], rgb("#7a6a70"), shadow=False)
    s.cut([(-0.06, 0.42), (0.06, 0.42), (0, 0.5)], tone(c, -0.08))
    s.blob([(0, 0.46), (-0.24, 0.64), (-0.25, 0.86), (0, 1.0), (0.25, 0.86), (0.24, 0.64)], c)
    s.oval(-0.1, 0.84, 0.05, 0.09, tone(c, 0.2), turn=-25, shadow=False, inside=True)


def _kite(s: Sprite, c: Colour | None) -> None:
    c = c or RED
    s.band([(0.02, 0.3), (-0.1, 0.1), (0.05, -0.05), (-0.12, -0.25)], [0.02, 0.018, 0.016, 0.014], rgb("#6a5a60"), shadow=False)
    for x, y in ((-0.06, 0.08), (0.03, -0.06), (-0.08, -0.2)):
        s.cut([(x - 0.09, y + 0.05), (x, y), (x - 0.09, y - 0.05), (x, y), (x + 0.09, y + 0.05), (x + 0.09, y - 0.05)], GOLD)
    s.cut([(0, 0.28), (-0.32, 0.7), (0, 1.0), (0.32, 0.7)], c)
    s.cut([(0, 0.28), (0.32, 0.7), (0, 0.7)], tone(c, -0.1), shadow=False, inside=True)
    s.cut([(0, 1.0), (-0.32, 0.7), (0, 0.7)], tone(c, 0.12), shadow=False, inside=True)


def _cake(s: Sprite, c: Colour | None) -> None:
    c = c or rgb("#f2a9b8")
    s.oval(0, 0.06, 0.72, 0.07, rgb("#e8e4e0"))
    s.box(-0.56, 0.06, 0.56, 0.4, rgb("#c98a52"), 0.05)
    s.box(-0.4, 0.36, 0.4, 0.66, rgb("#d9a066"), 0.05)
    for w, y in ((0.56, 0.38), (0.4, 0.64)):
        points = [(-w, y + 0.05)]
        for k in range(7):
            points.append((-w + (k + 0.5) * w * 2 / 7, y - (0.14 if k % 2 else 0.06)))
        points += [(w, y + 0.05), (0, y + 0.09)]
        s.blob(points, c)
    for x in (-0.2, 0.0, 0.2):
        s.band([(x, 0.7), (x, 0.86)], [0.05, 0.05], rgb("#6fb0c9"))
        s.blob([(x, 0.86), (x - 0.04, 0.92), (x, 1.0), (x + 0.04, 0.92)], rgb("#ffd15a"))
    s.lights.append((0, 0.92, 0.9, rgb("#ffd06a")))


def _bread(s: Sprite, c: Colour | None) -> None:
    s.blob([(-0.8, 0.1), (-0.85, 0.45), (-0.5, 0.72), (0.5, 0.72), (0.85, 0.45), (0.8, 0.1), (0, 0.0)], c or rgb("#c9853f"))
    for x in (-0.4, 0.0, 0.4):
        s.band([(x - 0.1, 0.6), (x + 0.12, 0.36)], [0.08, 0.08], rgb("#efc98a"), shadow=False, inside=True)


def _egg(s: Sprite, c: Colour | None) -> None:
    c = c or rgb("#f3e3c6")
    s.blob([(-0.36, 0.36), (-0.2, 0.84), (0, 1.0), (0.2, 0.84), (0.36, 0.36), (0.22, 0.06), (0, 0.0), (-0.22, 0.06)], c)
    for x, y, r in ((-0.14, 0.6, 0.06), (0.12, 0.42, 0.08), (-0.1, 0.28, 0.05), (0.08, 0.74, 0.05)):
        s.dot(x, y, r, tone(c, -0.14, 1.2))


def _flower(s: Sprite, c: Colour | None) -> None:
    c = c or rgb("#e8607a")
    s.band([(0, 0), (0.04, 0.3), (0, 0.64)], [0.06, 0.05, 0.05], rgb("#4f8a46"))
    for side in (-1, 1):
        s.blob([(0.02, 0.2), (side * 0.2, 0.36), (side * 0.34, 0.34), (side * 0.18, 0.2)], rgb("#5f9a4f"))
    for k in range(6):
        a = k / 6 * math.tau
        s.oval(math.cos(a) * 0.17, 0.78 + math.sin(a) * 0.17, 0.12, 0.12, c)
    s.oval(0, 0.78, 0.11, 0.11, rgb("#f7cf4a"))


def _apple(s: Sprite, c: Colour | None) -> None:
    c = c or RED
    s.band([(0, 0.7), (0.06, 0.96)], [0.06, 0.05], WOOD)
    s.blob([(0.06, 0.84), (0.3, 0.98), (0.4, 0.86), (0.22, 0.78)], rgb("#5f9a4f"))
    s.blob([(0, 0.74), (-0.26, 0.82), (-0.44, 0.54), (-0.3, 0.12), (0, 0.06), (0.3, 0.12), (0.44, 0.54), (0.26, 0.82)], c)
    s.oval(-0.24, 0.58, 0.07, 0.12, tone(c, 0.18), shadow=False, inside=True, turn=-20)


def _map(s: Sprite, c: Colour | None) -> None:
    s.blob([(-0.75, 0.08), (-0.7, 0.85), (-0.2, 0.92), (0.25, 0.84), (0.72, 0.92), (0.76, 0.14), (0.3, 0.06), (-0.2, 0.14)], c or rgb("#ecd6a0"))
    for k in range(6):
        x, y = -0.48 + k * 0.16, 0.3 + math.sin(k * 1.1) * 0.12 + k * 0.04
        s.dot(x, y, 0.035, rgb("#8a5a38"))
    for turn in (45, -45):
        s.cut(turned([(0.34, 0.66), (0.62, 0.66), (0.62, 0.72), (0.34, 0.72)], turn, (0.48, 0.69)), RED, shadow=False, inside=True)
    s.blob([(-0.55, 0.7), (-0.4, 0.82), (-0.25, 0.7)], rgb("#7fa05a"), shadow=False, inside=True)


def _letter(s: Sprite, c: Colour | None) -> None:
    c = c or PAPER
    s.box(-0.7, 0.05, 0.7, 0.95, c, 0.04)
    s.cut([(-0.68, 0.93), (0, 0.42), (0.68, 0.93)], tone(c, -0.06))
    s.oval(0, 0.48, 0.13, 0.13, RED)


def _crown(s: Sprite, c: Colour | None) -> None:
    c = c or GOLD
    s.cut([(-0.6, 0.06), (-0.74, 0.8), (-0.34, 0.46), (0, 0.98), (0.34, 0.46), (0.74, 0.8), (0.6, 0.06)], c)
    for x, name in ((-0.36, "#cf4a3e"), (0.0, "#3f7fb0"), (0.36, "#cf4a3e")):
        s.dot(x, 0.25, 0.09, rgb(name))
    s.lights.append((0, 0.5, 1.0, rgb("#ffe29a")))


def _sword(s: Sprite, c: Colour | None) -> None:
    s.cut([(-0.06, 0.3), (-0.06, 0.9), (0, 1.05), (0.06, 0.9), (0.06, 0.3)], c or rgb("#d5dde6"))
    s.ink([(0, 0.34), (0, 0.92)], 0.02, rgb("#9aa6b5"))
    s.box(-0.2, 0.25, 0.2, 0.32, GOLD, 0.03)
    s.band([(0, 0.24), (0, 0.06)], [0.08, 0.08], WOOD)
    s.oval(0, 0.03, 0.07, 0.07, GOLD)


def _drum(s: Sprite, c: Colour | None) -> None:
    c = c or RED
    s.blob([(-0.5, 0.14), (-0.5, 0.7), (0.5, 0.7), (0.5, 0.14), (0, 0.02)], c)
    for k in range(5):
        x = -0.44 + k * 0.22
        s.ink([(x, 0.68), (x + 0.11, 0.14)], 0.03, PAPER)
        s.ink([(x + 0.11, 0.14), (x + 0.2, 0.68)], 0.03, PAPER)
    s.oval(0, 0.72, 0.52, 0.14, PAPER)
    for side in (-1, 1):
        s.band([(side * 0.1, 0.78), (side * 0.5, 1.0)], [0.05, 0.05], WOOD)
        s.oval(side * 0.1, 0.78, 0.06, 0.06, rgb("#e8c78a"))


def _ball(s: Sprite, c: Colour | None) -> None:
    c = c or RED
    s.oval(0, 0.5, 0.5, 0.5, PAPER)
    for start in (20, 140, 260):
        s.cut([(0.04, 0.56), *arc(0, 0.5, 0.49, 0.49, start, start + 60, 10)], c if start != 140 else rgb("#3a72b4"), shadow=False, inside=True)
    s.dot(0.04, 0.56, 0.08, GOLD)


def _basket(s: Sprite, c: Colour | None) -> None:
    c = c or rgb("#b9834a")
    s.band([(-0.5, 0.5), (-0.36, 0.92), (0.36, 0.92), (0.5, 0.5)], [0.08, 0.07, 0.07, 0.08], tone(c, -0.08))
    for x, colour in ((-0.26, RED), (0.02, rgb("#e8a33d")), (0.28, RED)):
        s.oval(x, 0.54, 0.17, 0.16, colour)
    s.blob([(-0.6, 0.52), (-0.46, 0.04), (0.46, 0.04), (0.6, 0.52), (0, 0.46)], c)
    for k in range(3):
        s.ink([(-0.5, 0.38 - k * 0.12), (0, 0.33 - k * 0.12), (0.5, 0.38 - k * 0.12)], 0.035, tone(c, -0.12))


def _candle(s: Sprite, c: Colour | None) -> None:
    s.oval(0, 0.06, 0.32, 0.07, GOLD)
    s.box(-0.12, 0.06, 0.12, 0.66, c or PAPER, 0.04)
    s.blob([(0, 0.66), (-0.09, 0.78), (0, 1.0), (0.09, 0.78)], rgb("#ffc84a"))
    s.blob([(0, 0.69), (-0.04, 0.77), (0, 0.87), (0.04, 0.77)], rgb("#fff6cf"), shadow=False, inside=True)
    s.lights.append((0, 0.82, 2.0, rgb("#ffc35a")))


def _clock(s: Sprite, c: Colour | None) -> None:
    c = c or rgb("#a8653c")
    for side in (-1, 1):
        s.band([(side * 0.24, 0.16), (side * 0.36, 0.0)], [0.09, 0.08], tone(c, -0.1))
        s.oval(side * 0.26, 0.93, 0.16, 0.13, GOLD, turn=-side * 30)
    s.oval(0, 0.5, 0.46, 0.46, c)
    s.oval(0, 0.5, 0.36, 0.36, PAPER, inside=True)
    for k in range(12):
        a = k / 12 * math.tau
        s.dot(math.cos(a) * 0.3, 0.5 + math.sin(a) * 0.3, 0.02 if k % 3 else 0.032, INK)
    s.ink([(0, 0.5), (0, 0.72)], 0.035, INK)
    s.ink([(0, 0.5), (0.15, 0.42)], 0.035, INK)
    s.dot(0, 0.5, 0.035, RED)


def _bell(s: Sprite, c: Colour | None) -> None:
    c = c or GOLD
    s.oval(0, 0.1, 0.1, 0.1, tone(c, -0.25))
    s.blob([(-0.5, 0.14), (-0.34, 0.34), (-0.28, 0.7), (0, 0.92), (0.28, 0.7), (0.34, 0.34), (0.5, 0.14), (0, 0.08)], c)
    s.ink([(-0.4, 0.24), (0, 0.18), (0.4, 0.24)], 0.045, tone(c, -0.14))
    s.oval(0, 0.94, 0.09, 0.08, tone(c, -0.08))


def _umbrella(s: Sprite, c: Colour | None) -> None:
    c = c or RED
    s.band([(0, 0.6), (0, 0.1), (0.08, 0.0), (0.15, 0.08)], [0.045, 0.04, 0.04, 0.04], WOOD)
    s.cut([*arc(0, 0.55, 0.6, 0.44, 0, 180, 24), (-0.4, 0.6), (-0.2, 0.54), (0, 0.6), (0.2, 0.54), (0.4, 0.6)], c)
    s.cut(
        [(0, 0.99), *arc(0, 0.55, 0.22, 0.44, 90, 180, 8), (-0.2, 0.54), (0, 0.6), (0.2, 0.54), *arc(0, 0.55, 0.22, 0.44, 0, 90, 8)],
        tone(c, 0.1),
        shadow=False,
        inside=True,
    )
    s.band([(0, 0.97), (0, 1.06)], [0.04, 0.03], WOOD)


def _hat(s: Sprite, c: Colour | None) -> None:
    c = c or rgb("#4a4560")
    s.oval(0, 0.12, 0.75, 0.12, c)
    s.blob([(-0.42, 0.14), (-0.4, 0.78), (0, 0.9), (0.4, 0.78), (0.42, 0.14), (0, 0.06)], c)
    s.band([(-0.42, 0.26), (0, 0.19), (0.42, 0.26)], [0.13, 0.13], RED if c != RED else GOLD, shadow=False, inside=True)


def _scarf(s: Sprite, c: Colour | None) -> None:
    c = c or RED
    s.band([(-0.9, 0.5), (-0.4, 0.66), (0.1, 0.4), (0.8, 0.6)], [0.34, 0.34, 0.34, 0.3], c)
    for x, y in ((-0.6, 0.6), (-0.1, 0.52), (0.4, 0.48)):
        s.ink([(x, y + 0.12), (x + 0.04, y - 0.14)], 0.09, tone(c, 0.15))


def _mirror(s: Sprite, c: Colour | None) -> None:
    s.oval(0, 0.55, 0.4, 0.45, c or GOLD)
    s.oval(0, 0.55, 0.31, 0.36, rgb("#bfe0ea"), inside=True)
    s.band([(-0.16, 0.52), (0.06, 0.76)], [0.05, 0.05], WHITE, shadow=False, inside=True)
    s.box(-0.2, 0.0, 0.2, 0.12, c or GOLD, 0.05)


def _bottle(s: Sprite, c: Colour | None) -> None:
    c = c or rgb("#6fb08f")
    s.box(-0.08, 0.84, 0.08, 0.98, rgb("#b98a58"), 0.02)
    s.blob([(-0.3, 0.06), (-0.32, 0.44), (-0.1, 0.66), (-0.1, 0.88), (0.1, 0.88), (0.1, 0.66), (0.32, 0.44), (0.3, 0.06), (0, 0.0)], c)
    s.blob([(-0.24, 0.08), (-0.26, 0.34), (0, 0.38), (0.26, 0.34), (0.24, 0.08)], tone(c, 0.14), shadow=False, inside=True)
    s.box(-0.04, 0.14, 0.2, 0.3, PAPER, 0.03, shadow=False, inside=True)


def _stone(s: Sprite, c: Colour | None) -> None:
    c = c or rgb("#9a9aa4")
    s.blob([(-0.8, 0.06), (-0.7, 0.5), (-0.3, 0.86), (0.2, 0.95), (0.66, 0.62), (0.84, 0.1), (0, -0.02)], c)
    s.blob([(-0.3, 0.8), (0.18, 0.88), (0.4, 0.6), (0, 0.5), (-0.4, 0.56)], tone(c, 0.07), shadow=False, inside=True)


def _gem(s: Sprite, c: Colour | None) -> None:
    c = c or rgb("#4fb0c9")
    s.cut([(0, 0.04), (-0.5, 0.62), (-0.28, 0.94), (0.28, 0.94), (0.5, 0.62)], c)
    s.cut([(0, 0.04), (-0.18, 0.62), (0.18, 0.62)], tone(c, 0.12), shadow=False, inside=True)
    s.cut([(-0.18, 0.62), (0, 0.94), (0.18, 0.62)], tone(c, 0.22), shadow=False, inside=True)
    s.cut([(-0.5, 0.62), (-0.28, 0.94), (-0.18, 0.62)], tone(c, 0.06), shadow=False, inside=True)
    s.lights.append((0, 0.6, 1.4, tone(c, 0.2)))


def _nest(s: Sprite, c: Colour | None) -> None:
    for x in (-0.3, 0.0, 0.3):
        s.blob([(x - 0.17, 0.5), (x - 0.1, 0.84), (x, 0.92), (x + 0.1, 0.84), (x + 0.17, 0.5)], c or rgb("#a9d0d8"))
    s.blob([(-0.85, 0.56), (-0.55, 0.08), (0, 0.0), (0.55, 0.08), (0.85, 0.56), (0, 0.44)], rgb("#8a6238"))
    for k in range(7):
        s.ink([(-0.7 + k * 0.2, 0.48), (-0.5 + k * 0.2, 0.16 + k % 2 * 0.1)], 0.035, rgb("#b98a52") if k % 2 else rgb("#6b4a2a"))


def _feather(s: Sprite, c: Colour | None) -> None:
    c = c or rgb("#6f9fc0")
    s.blob([(0.0, 0.14), (-0.2, 0.5), (-0.1, 0.9), (0.16, 1.0), (0.24, 0.66), (0.14, 0.3)], c)
    s.ink([(-0.06, 0.0), (0.02, 0.4), (0.12, 0.92)], 0.03, tone(c, 0.25))
    s.band([(-0.08, 0.0), (0.01, 0.2)], [0.035, 0.03], tone(c, 0.2))


def _shell(s: Sprite, c: Colour | None) -> None:
    c = c or rgb("#f0a58f")
    s.blob([(0, 0.02), (-0.56, 0.46), (-0.44, 0.82), (0, 0.98), (0.44, 0.82), (0.56, 0.46)], c)
    for k in range(5):
        s.ink([(0, 0.06), (-0.4 + k * 0.2, 0.84 - abs(k - 2) * 0.06)], 0.04, tone(c, 0.13))
    s.box(-0.18, 0.0, 0.18, 0.14, tone(c, -0.08), 0.05)


def _fire(s: Sprite, c: Colour | None) -> None:
    for turn in (14, -14):
        s.cut(turned([(-0.5, 0.02), (0.5, 0.02), (0.5, 0.14), (-0.5, 0.14)], turn, (0, 0.08)), WOOD)
    s.blob([(-0.34, 0.12), (-0.38, 0.44), (-0.2, 0.6), (-0.06, 1.0), (0.14, 0.66), (0.3, 0.74), (0.38, 0.4), (0.32, 0.12)], rgb("#e8622c"))
    s.blob([(-0.22, 0.12), (-0.22, 0.36), (-0.04, 0.72), (0.12, 0.44), (0.24, 0.4), (0.22, 0.12)], rgb("#f7a83a"), shadow=False, inside=True)
    s.blob([(-0.12, 0.12), (-0.1, 0.28), (0, 0.46), (0.12, 0.26), (0.12, 0.12)], rgb("#ffe28a"), shadow=False, inside=True)
    s.lights.append((0, 0.45, 2.2, rgb("#ffa84a")))


def _mushroom(s: Sprite, c: Colour | None) -> None:
    c = c or RED
    s.blob([(-0.16, 0.0), (-0.12, 0.5), (0.12, 0.5), (0.18, 0.0)], rgb("#f2e3c8"))
    s.blob([(-0.52, 0.46), (-0.36, 0.86), (0, 1.0), (0.36, 0.86), (0.52, 0.46), (0, 0.38)], c)
    for x, y, r in ((-0.22, 0.7, 0.08), (0.1, 0.82, 0.09), (0.28, 0.58, 0.07), (-0.04, 0.54, 0.05)):
        s.dot(x, y, r, PAPER)


def _pumpkin(s: Sprite, c: Colour | None) -> None:
    c = c or rgb("#e58a35")
    s.band([(0, 0.76), (0.08, 1.0)], [0.12, 0.08], rgb("#5f7a3c"))
    for x, w in ((-0.36, 0.26), (0.36, 0.26), (-0.17, 0.27), (0.17, 0.27), (0, 0.24)):
        s.oval(x, 0.42, w, 0.4, tone(c, -0.02 if abs(x) > 0.3 else 0.02))


def _cup(s: Sprite, c: Colour | None) -> None:
    c = c or rgb("#4f8fa8")
    s.cut(arc(0.4, 0.42, 0.2, 0.2), tone(c, -0.06))
    s.dot(0.4, 0.42, 0.11, PAPER)
    s.blob([(-0.4, 0.66), (-0.34, 0.12), (0, 0.02), (0.34, 0.12), (0.4, 0.66), (0, 0.62)], c)
    for x in (-0.12, 0.12):
        s.band([(x, 0.74), (x + 0.06, 0.86), (x - 0.02, 0.98)], [0.03, 0.035, 0.02], rgb("#efeae4"), shadow=False)


def _bowl(s: Sprite, c: Colour | None) -> None:
    c = c or rgb("#c9653f")
    s.oval(0, 0.56, 0.66, 0.14, rgb("#e8b45a"))
    s.blob([(-0.7, 0.58), (-0.48, 0.12), (0, 0.0), (0.48, 0.12), (0.7, 0.58), (0, 0.46)], c)
    for x in (-0.2, 0.1):
        s.band([(x, 0.7), (x + 0.08, 0.84), (x - 0.02, 1.0)], [0.04, 0.045, 0.02], rgb("#f4efe8"), shadow=False)


def _wand(s: Sprite, c: Colour | None) -> None:
    s.band([(-0.2, 0.0), (0.12, 0.7)], [0.07, 0.05], WOOD)
    s.cut(star_points(0.17, 0.8, 0.24), c or GOLD)
    s.lights.append((0.17, 0.8, 1.3, rgb("#ffe9a0")))


def _guitar(s: Sprite, c: Colour | None) -> None:
    c = c or rgb("#c9803f")
    s.band([(0.0, 0.5), (0.0, 0.92)], [0.09, 0.08], rgb("#5a3a28"))
    s.box(-0.07, 0.9, 0.07, 1.04, rgb("#5a3a28"), 0.02)
    s.blob([(0, 0.0), (-0.32, 0.12), (-0.3, 0.3), (-0.18, 0.38), (-0.22, 0.52), (0, 0.6), (0.22, 0.52), (0.18, 0.38), (0.3, 0.3), (0.32, 0.12)], c)
    s.dot(0, 0.36, 0.09, INK)
    for x in (-0.02, 0.02):
        s.ink([(x, 0.14), (x, 0.95)], 0.01, PAPER)


def _flute(s: Sprite, c: Colour | None) -> None:
    s.band([(-0.8, 0.2), (0.8, 0.7)], [0.16, 0.2], c or rgb("#d9b36a"))
    for k in range(5):
        s.dot(-0.3 + k * 0.2, 0.355 + k * 0.0625, 0.04, INK)


def _flag(s: Sprite, c: Colour | None) -> None:
    c = c or RED
    s.band([(-0.3, 0.0), (-0.3, 1.0)], [0.05, 0.05], WOOD)
    s.blob([(-0.28, 0.96), (0.05, 1.02), (0.45, 0.94), (0.5, 0.62), (0.1, 0.56), (-0.28, 0.62)], c)


def _telescope(s: Sprite, c: Colour | None) -> None:
    for x in (-0.22, 0.0, 0.22):
        s.band([(0, 0.5), (x, 0.0)], [0.05, 0.04], WOOD)
    for a, b, w in ((-0.4, 0.1, 0.16), (0.0, 0.34, 0.2), (0.28, 0.56, 0.25)):
        s.band([(a, 0.5 + a * 0.55), (b, 0.5 + b * 0.55)], [w, w], c or rgb("#c9963f"))


def _bucket(s: Sprite, c: Colour | None) -> None:
    c = c or rgb("#7f9fb0")
    s.band([(-0.4, 0.66), (-0.26, 0.98), (0.26, 0.98), (0.4, 0.66)], [0.05, 0.04, 0.04, 0.05], IRON)
    s.cut([(-0.44, 0.7), (-0.3, 0.0), (0.3, 0.0), (0.44, 0.7)], c)
    s.oval(0, 0.7, 0.44, 0.1, tone(c, -0.15))
    s.oval(0, 0.69, 0.36, 0.07, rgb("#8fcfe0"), shadow=False, inside=True)


def _broom(s: Sprite, c: Colour | None) -> None:
    s.band([(0.12, 0.3), (0.3, 1.0)], [0.05, 0.05], WOOD)
    s.blob([(0.12, 0.36), (-0.24, 0.06), (0.0, -0.02), (0.26, 0.02), (0.2, 0.34)], c or GOLD)


def _teddy(s: Sprite, c: Colour | None) -> None:
    c = c or rgb("#b57f4a")
    for side in (-1, 1):
        s.oval(side * 0.26, 0.08, 0.16, 0.1, c)
        s.oval(side * 0.36, 0.36, 0.11, 0.18, tone(c, -0.05), turn=side * 30)
        s.oval(side * 0.2, 0.92, 0.1, 0.1, c)
    s.oval(0, 0.3, 0.28, 0.28, c)
    s.oval(0, 0.28, 0.16, 0.17, tone(c, 0.14), shadow=False, inside=True)
    s.oval(0, 0.72, 0.27, 0.25, c)
    s.oval(0, 0.64, 0.12, 0.09, tone(c, 0.16), shadow=False, inside=True)
    for x in (-0.1, 0.1):
        s.dot(x, 0.76, 0.03, INK)
    s.dot(0, 0.67, 0.035, INK)


def _carrot(s: Sprite, c: Colour | None) -> None:
    for x in (-0.12, 0.0, 0.12):
        s.band([(0, 0.64), (x, 0.98)], [0.09, 0.05], rgb("#5f9a4f"))
    s.blob([(0, 0.0), (-0.2, 0.5), (-0.16, 0.7), (0.16, 0.7), (0.2, 0.5)], c or rgb("#ea8336"))


def _honey(s: Sprite, c: Colour | None) -> None:
    s.blob([(-0.36, 0.06), (-0.44, 0.42), (-0.32, 0.74), (0.32, 0.74), (0.44, 0.42), (0.36, 0.06), (0, 0.0)], c or rgb("#c9803f"))
    s.blob([(-0.36, 0.84), (0, 0.92), (0.36, 0.84), (0.34, 0.66), (0.2, 0.56), (0.1, 0.68), (-0.05, 0.5), (-0.2, 0.66), (-0.34, 0.66)], rgb("#f5c23c"))


def _rod(s: Sprite, c: Colour | None) -> None:
    s.band([(-0.4, 0.0), (0.0, 0.55), (0.46, 0.98)], [0.05, 0.04, 0.02], c or WOOD)
    s.cut([(0.46, 0.98), (0.48, 0.98), (0.5, 0.2), (0.48, 0.2)], PAPER, shadow=False)
    s.oval(0.49, 0.18, 0.05, 0.06, RED)


def _music(s: Sprite, c: Colour | None) -> None:
    c = c or GOLD
    for x, y, k in ((-0.4, 0.2, 1.0), (0.24, 0.42, 0.8)):
        s.oval(x, y, 0.14 * k, 0.1 * k, c, turn=20)
        s.band([(x + 0.11 * k, y), (x + 0.11 * k, y + 0.5 * k)], [0.045, 0.045], c)
        s.blob([(x + 0.11 * k, y + 0.5 * k), (x + 0.32 * k, y + 0.36 * k), (x + 0.3 * k, y + 0.24 * k), (x + 0.12 * k, y + 0.36 * k)], c)


def _coin(s: Sprite, c: Colour | None) -> None:
    c = c or GOLD
    for x, y in ((-0.4, 0.2), (0.4, 0.2), (0, 0.2), (-0.2, 0.5), (0.22, 0.5), (0.0, 0.8)):
        s.oval(x, y, 0.24, 0.2, c)
        s.oval(x, y, 0.15, 0.12, tone(c, 0.1), shadow=False, inside=True)
    s.lights.append((0, 0.5, 1.0, rgb("#ffe29a")))


def _brush(s: Sprite, c: Colour | None) -> None:
    s.band([(-0.2, 0.0), (0.1, 0.62)], [0.08, 0.08], WOOD)
    s.band([(0.1, 0.62), (0.15, 0.72)], [0.13, 0.13], rgb("#c3cad3"))
    s.blob([(0.09, 0.74), (0.14, 0.9), (0.28, 1.0), (0.26, 0.8), (0.21, 0.69)], c or rgb("#3a72b4"))


def _leaf(s: Sprite, c: Colour | None) -> None:
    c = c or rgb("#d3823a")
    s.blob([(0, 0.08), (-0.32, 0.4), (-0.26, 0.74), (0.04, 1.0), (0.3, 0.7), (0.3, 0.36)], c)
    s.ink([(0, -0.02), (0.02, 0.5), (0.04, 0.92)], 0.035, tone(c, 0.14))


def _acorn(s: Sprite, c: Colour | None) -> None:
    s.blob([(-0.3, 0.56), (-0.28, 0.24), (0, 0.0), (0.28, 0.24), (0.3, 0.56)], c or rgb("#c98f4a"))
    s.blob([(-0.38, 0.54), (-0.3, 0.8), (0, 0.9), (0.3, 0.8), (0.38, 0.54), (0, 0.48)], rgb("#7a5232"))
    s.band([(0, 0.86), (0.04, 1.0)], [0.07, 0.06], rgb("#7a5232"))


def _snowflake(s: Sprite, c: Colour | None) -> None:
    c = c or rgb("#e6f2fa")
    for k in range(6):
        a = math.radians(k * 60 + 30)
        x, y = math.cos(a), math.sin(a)
        s.band([(0, 0.5), (x * 0.48, 0.5 + y * 0.48)], [0.07, 0.05], c)
        for side in (-1, 1):
            b = a + side * 0.75
            s.band([(x * 0.28, 0.5 + y * 0.28), (x * 0.28 + math.cos(b) * 0.16, 0.5 + y * 0.28 + math.sin(b) * 0.16)], [0.05, 0.04], c)


def _rope(s: Sprite, c: Colour | None) -> None:
    for r in (0.5, 0.36, 0.22):
        s.oval(0, 0.3, r * 1.2, r * 0.6, c or (rgb("#c9a56a") if r != 0.36 else rgb("#a8834a")))


def _anchor(s: Sprite, c: Colour | None) -> None:
    c = c or IRON
    s.oval(0, 0.88, 0.12, 0.12, c)
    s.dot(0, 0.88, 0.06, PAPER)
    s.band([(0, 0.8), (0, 0.08)], [0.1, 0.1], c)
    s.band([(-0.26, 0.66), (0.26, 0.66)], [0.08, 0.08], c)
    s.band([(-0.46, 0.34), (-0.3, 0.1), (0, 0.04), (0.3, 0.1), (0.46, 0.34)], [0.06, 0.1, 0.1, 0.1, 0.06], c)


def _backpack(s: Sprite, c: Colour | None) -> None:
    c = c or rgb("#4f8a6f")
    s.band([(-0.16, 0.84), (0, 0.98), (0.16, 0.84)], [0.06, 0.06, 0.06], tone(c, -0.15))
    s.box(-0.42, 0.0, 0.42, 0.88, c, 0.24)
    s.box(-0.3, 0.06, 0.3, 0.42, tone(c, 0.08), 0.1)
    s.box(-0.08, 0.36, 0.08, 0.48, GOLD, 0.02)


def _heart(s: Sprite, c: Colour | None) -> None:
    s.blob([(0, 0.05), (-0.46, 0.5), (-0.42, 0.86), (-0.2, 0.94), (0, 0.76), (0.2, 0.94), (0.42, 0.86), (0.46, 0.5)], c or RED)


_CUTTERS: dict[str, Cutter] = {
    "lantern": _lantern,
    "book": _book,
    "key": _key,
    "chest": _chest,
    "star": _star,
    "balloon": _balloon,
    "kite": _kite,
    "cake": _cake,
    "bread": _bread,
    "egg": _egg,
    "flower": _flower,
    "apple": _apple,
    "map": _map,
    "letter": _letter,
    "crown": _crown,
    "sword": _sword,
    "drum": _drum,
    "ball": _ball,
    "basket": _basket,
    "candle": _candle,
    "clock": _clock,
    "watch": _clock,
    "bell": _bell,
    "umbrella": _umbrella,
    "hat": _hat,
    "scarf": _scarf,
    "mirror": _mirror,
    "bottle": _bottle,
    "stone": _stone,
    "gem": _gem,
    "nest": _nest,
    "feather": _feather,
    "shell": _shell,
    "fire": _fire,
    "mushroom": _mushroom,
    "pumpkin": _pumpkin,
    "cup": _cup,
    "bowl": _bowl,
    "wand": _wand,
    "guitar": _guitar,
    "flute": _flute,
    "flag": _flag,
    "telescope": _telescope,
    "bucket": _bucket,
    "broom": _broom,
    "teddy": _teddy,
    "carrot": _carrot,
    "honey": _honey,
    "fishing rod": _rod,
    "music": _music,
    "coin": _coin,
    "paintbrush": _brush,
    "leaf": _leaf,
    "acorn": _acorn,
    "snowflake": _snowflake,
    "rope": _rope,
    "anchor": _anchor,
    "backpack": _backpack,
    "heart": _heart,
}

SIZES: dict[str, tuple[float, str]] = {
    # height as a share of the picture's unit, and where it belongs:
    # "ground" beside the figures, "back" behind them, "sky", "water", "wall"
    "lantern": (0.19, "ground"),
    "book": (0.13, "ground"),
    "key": (0.16, "ground"),
    "chest": (0.19, "ground"),
    "star": (0.13, "sky"),
    "balloon": (0.24, "sky"),
    "kite": (0.24, "sky"),
    "cake": (0.19, "ground"),
    "bread": (0.11, "ground"),
    "egg": (0.16, "ground"),
    "flower": (0.18, "ground"),
    "apple": (0.12, "ground"),
    "map": (0.15, "ground"),
    "letter": (0.12, "ground"),
    "crown": (0.13, "ground"),
    "sword": (0.24, "ground"),
    "drum": (0.17, "ground"),
    "ball": (0.13, "ground"),
    "basket": (0.16, "ground"),
    "candle": (0.17, "ground"),
    "clock": (0.2, "wall"),
    "watch": (0.15, "ground"),
    "bell": (0.17, "ground"),
    "umbrella": (0.3, "ground"),
    "hat": (0.13, "ground"),
    "scarf": (0.14, "ground"),
    "mirror": (0.26, "wall"),
    "bottle": (0.16, "ground"),
    "stone": (0.15, "ground"),
    "gem": (0.13, "ground"),
    "nest": (0.13, "ground"),
    "feather": (0.17, "ground"),
    "shell": (0.12, "ground"),
    "fire": (0.2, "ground"),
    "mushroom": (0.15, "ground"),
    "pumpkin": (0.16, "ground"),
    "cup": (0.12, "ground"),
    "bowl": (0.13, "ground"),
    "wand": (0.18, "ground"),
    "guitar": (0.26, "ground"),
    "flute": (0.1, "ground"),
    "flag": (0.26, "ground"),
    "telescope": (0.24, "ground"),
    "bucket": (0.16, "ground"),
    "broom": (0.28, "ground"),
    "teddy": (0.17, "ground"),
    "carrot": (0.16, "ground"),
    "honey": (0.15, "ground"),
    "fishing rod": (0.3, "ground"),
    "music": (0.14, "sky"),
    "coin": (0.11, "ground"),
    "paintbrush": (0.18, "ground"),
    "leaf": (0.12, "ground"),
    "acorn": (0.12, "ground"),
    "snowflake": (0.15, "sky"),
    "rope": (0.1, "ground"),
    "anchor": (0.2, "ground"),
    "backpack": (0.18, "ground"),
    "heart": (0.11, "sky"),
    **BIG_SIZES,
}
