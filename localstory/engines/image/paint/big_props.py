"""Large things: trees and houses, what drives, sails and flies, furniture. One unit is the thing's height."""

from __future__ import annotations

import math
from collections.abc import Callable

from localstory.engines.image.paint.canvas import Sprite, arc
from localstory.engines.image.paint.colour import Colour, mix, rgb, tone
from localstory.engines.image.paint.face import INK, WHITE

GOLD, WOOD, PAPER, IRON, RED = rgb("#f0be4a"), rgb("#94643c"), rgb("#f6e8c8"), rgb("#5c5f6e"), rgb("#cf4a3e")
GLASS, LIT = rgb("#bfe0ea"), rgb("#ffdc82")


def wheel(s: Sprite, x: float, y: float, r: float, colour: Colour = IRON) -> None:
    """A wheel with its hub."""
    s.oval(x, y, r, r, colour)
    s.oval(x, y, r * 0.6, r * 0.6, tone(colour, 0.25), shadow=False, inside=True)
    s.dot(x, y, r * 0.22, colour)


def tree(s: Sprite, c: Colour | None) -> None:
    """A round tree; `c` is its leaves' colour."""
    c = c or rgb("#5d9150")
    s.band([(0, 0.0), (0.0, 0.3), (0.02, 0.55)], [0.17, 0.1, 0.09], rgb("#7a5236"))
    s.band([(0.0, 0.36), (0.16, 0.54)], [0.06, 0.04], rgb("#7a5236"))
    for x, y, r, lift in ((-0.2, 0.58, 0.2, -0.05), (0.22, 0.58, 0.2, -0.05), (0.0, 0.8, 0.22, -0.02), (-0.1, 0.66, 0.22, 0.0), (0.13, 0.7, 0.2, 0.02)):
        s.blob(
            [
                (x + math.cos(a) * r * (1 + 0.1 * (k % 2)), y + math.sin(a) * r * 0.95 * (1 + 0.1 * (k % 2)))
                for k, a in ((k, k / 10 * math.tau) for k in range(10))
            ],
            tone(c, lift),
        )


def pine(s: Sprite, c: Colour | None) -> None:
    """A fir."""
    c = c or rgb("#3f7a5a")
    s.band([(0, 0), (0, 0.2)], [0.1, 0.09], rgb("#6b4a34"))
    for k in range(4):
        w, y = 0.3 - k * 0.06, 0.14 + k * 0.2
        s.cut(
            [(-w, y), (-w * 0.5, y + 0.04), (0, y - 0.015), (w * 0.5, y + 0.04), (w, y), (w * 0.34, y + 0.17), (0, y + 0.29), (-w * 0.34, y + 0.17)],
            tone(c, -0.03 + k * 0.02),
        )


def bare(s: Sprite, c: Colour | None) -> None:
    """A tree without leaves."""
    c = c or rgb("#4a3a40")
    s.band([(0, 0), (0.02, 0.4), (-0.02, 0.7)], [0.15, 0.09, 0.05], c)
    for x0, y0, x1, y1, x2, y2 in (
        (0.01, 0.4, 0.2, 0.62, 0.3, 0.86),
        (0.0, 0.5, -0.2, 0.68, -0.24, 0.92),
        (-0.02, 0.68, 0.06, 0.84, 0.04, 1.0),
        (0.13, 0.54, 0.3, 0.6, 0.4, 0.7),
        (-0.13, 0.62, -0.3, 0.66, -0.38, 0.76),
    ):
        s.band([(x0, y0), (x1, y1), (x2, y2)], [0.055, 0.035, 0.014], c)


def palm(s: Sprite, c: Colour | None) -> None:
    """A palm."""
    c = c or rgb("#4f9a5a")
    s.band([(0, 0), (0.06, 0.4), (0.0, 0.8)], [0.11, 0.08, 0.07], rgb("#a87a4a"))
    for a, length in ((10, 0.46), (50, 0.4), (95, 0.34), (135, 0.42), (172, 0.46), (205, 0.34), (-25, 0.34)):
        x, y = math.cos(math.radians(a)), math.sin(math.radians(a))
        s.blob(
            [
                (0, 0.8),
                (x * length * 0.5 - y * 0.06, 0.84 + y * length * 0.5 + abs(x) * 0.07),
                (x * length, 0.78 + y * length * 0.7 - 0.04),
                (x * length * 0.5 + y * 0.04, 0.78 + y * length * 0.4),
            ],
            tone(c, -0.04 if a % 2 else 0.02),
        )
    for x in (-0.04, 0.06):
        s.oval(x, 0.76, 0.05, 0.055, rgb("#7a5232"))


def house(s: Sprite, c: Colour | None) -> None:
    """A cottage with lit windows."""
    c = c or rgb("#ecd3a4")
    roof = rgb("#b5533f")
    s.box(0.2, 0.66, 0.32, 0.98, tone(roof, -0.12))
    s.box(-0.46, 0.0, 0.46, 0.54, c)
    s.cut([(-0.58, 0.5), (-0.3, 0.92), (0.3, 0.92), (0.58, 0.5)], roof)
    for row in range(3):
        y = 0.56 + row * 0.11
        s.ink([(-0.5 + row * 0.08, y), (0.5 - row * 0.08, y)], 0.014, tone(roof, -0.08))
    s.box(-0.12, 0.0, 0.1, 0.34, rgb("#7a4a34"), 0.08)
    s.dot(0.06, 0.16, 0.016, GOLD)
    for x in (-0.32, 0.28):
        s.box(x - 0.09, 0.2, x + 0.09, 0.4, WHITE, 0.01)
        s.box(x - 0.075, 0.215, x + 0.075, 0.385, LIT, shadow=False, inside=True)
        s.ink([(x, 0.21), (x, 0.39)], 0.014, WHITE)
        s.ink([(x - 0.08, 0.3), (x + 0.08, 0.3)], 0.014, WHITE)
        s.lights.append((x, 0.3, 0.3, rgb("#ffcf7a")))


def tower(s: Sprite, c: Colour | None) -> None:
    """A round tower with a pointed roof."""
    c = c or rgb("#b9b2bf")
    s.cut([(-0.17, 0.0), (-0.14, 0.68), (0.14, 0.68), (0.17, 0.0)], c)
    s.box(-0.19, 0.64, 0.19, 0.72, tone(c, -0.05))
    s.cut([(-0.23, 0.7), (0, 1.0), (0.23, 0.7)], rgb("#7a4a7f"))
    for y in (0.5, 0.28):
        s.box(-0.04, y, 0.05, y + 0.11, LIT, 0.045)
        s.lights.append((0, y + 0.05, 0.16, rgb("#ffcf7a")))


def castle(s: Sprite, c: Colour | None) -> None:
    """A castle of five towers."""
    c = c or rgb("#b8afc4")
    roof = rgb("#5a5a9a")
    for x, w, h in ((-0.5, 0.1, 0.6), (0.5, 0.1, 0.6), (-0.25, 0.12, 0.74), (0.26, 0.12, 0.7), (0.0, 0.14, 0.86)):
        s.box(x - w, 0.0, x + w, h, tone(c, (h - 0.7) * -0.12))
        s.cut([(x - w * 1.3, h - 0.02), (x, h + 0.26), (x + w * 1.3, h - 0.02)], tone(roof, (h - 0.7) * 0.2))
        s.box(x - 0.025, h - 0.2, x + 0.03, h - 0.08, LIT, 0.025)
        s.band([(x, h + 0.24), (x, h + 0.34)], [0.012, 0.012], IRON)
        s.cut([(x, h + 0.34), (x + 0.11, h + 0.31), (x, h + 0.275)], RED)
    s.box(-0.62, 0.0, 0.62, 0.38, c)
    for k in range(8):
        s.box(-0.62 + k * 0.163, 0.36, -0.62 + k * 0.163 + 0.09, 0.44, c, shadow=False)
    s.cut([*arc(0, 0.14, 0.13, 0.13, 0, 180, 14), (-0.13, 0.0), (0.13, 0.0)], rgb("#4a3a44"))
    for x in (-0.42, 0.42):
        s.box(x - 0.04, 0.16, x + 0.04, 0.28, LIT, 0.04)
    s.lights.append((0, 0.4, 0.4, rgb("#e8b86a")))


def windmill(s: Sprite, c: Colour | None) -> None:
    """A windmill."""
    s.cut([(-0.22, 0.0), (-0.13, 0.6), (0.13, 0.6), (0.22, 0.0)], c or PAPER)
    s.cut([(-0.17, 0.58), (0, 0.74), (0.17, 0.58)], RED)
    s.box(-0.06, 0.0, 0.06, 0.16, WOOD, 0.05)
    for k in range(4):
        a = math.radians(k * 90 + 25)
        x, y = math.cos(a), math.sin(a)
        s.band([(0, 0.6), (x * 0.42, 0.6 + y * 0.42)], [0.03, 0.02], WOOD)
        s.cut(
            [
                (x * 0.1, 0.6 + y * 0.1),
                (x * 0.42, 0.6 + y * 0.42),
                (x * 0.42 - y * 0.12, 0.6 + y * 0.42 + x * 0.12),
                (x * 0.12 - y * 0.1, 0.6 + y * 0.12 + x * 0.1),
            ],
            rgb("#efe3cf"),
        )
    s.oval(0, 0.6, 0.04, 0.04, IRON)


def lighthouse(s: Sprite, c: Colour | None) -> None:
    """A lighthouse with its light on."""
    c = c or RED
    s.cut([(-0.16, 0.0), (-0.1, 0.72), (0.1, 0.72), (0.16, 0.0)], PAPER)
    for y in (0.1, 0.34, 0.58):
        w0, w1 = 0.16 - y * 0.083, 0.16 - (y + 0.12) * 0.083
        s.cut([(-w0, y), (-w1, y + 0.12), (w1, y + 0.12), (w0, y)], c, shadow=False, inside=True)
    s.box(-0.14, 0.7, 0.14, 0.75, IRON)
    s.box(-0.08, 0.75, 0.08, 0.88, LIT)
    s.cut([(-0.12, 0.87), (0, 1.0), (0.12, 0.87)], c)
    s.lights.append((0, 0.81, 0.75, rgb("#ffe08a")))


def boat(s: Sprite, c: Colour | None) -> None:
    """A small boat with a sail."""
    c = c or rgb("#c9653f")
    s.band([(0.0, 0.2), (0.0, 1.0)], [0.035, 0.03], WOOD)
    s.blob([(0.04, 0.3), (0.06, 0.96), (0.3, 0.6), (0.5, 0.32)], PAPER)
    s.cut([(-0.04, 0.32), (-0.03, 0.86), (-0.36, 0.34)], tone(PAPER, -0.08))
    s.blob([(-0.66, 0.28), (-0.46, 0.02), (0.42, 0.02), (0.68, 0.3), (0, 0.22)], c)
    s.ink([(-0.58, 0.2), (0, 0.14), (0.6, 0.21)], 0.035, tone(c, 0.16))


def ship(s: Sprite, c: Colour | None) -> None:
    """A sailing ship."""
    c = c or rgb("#8f5a38")
    for x, h in ((-0.36, 0.84), (0.06, 1.0), (0.44, 0.8)):
        s.band([(x, 0.2), (x, h)], [0.03, 0.025], WOOD)
        s.blob([(x - 0.17, 0.38), (x - 0.13, h - 0.08), (x + 0.16, h - 0.08), (x + 0.24, 0.4)], PAPER)
        s.cut([(x, h), (x + 0.14, h - 0.03), (x, h - 0.07)], RED)
    s.cut([(0.6, 0.3), (0.92, 0.46), (0.9, 0.5), (0.58, 0.36)], WOOD)
    s.blob([(-0.8, 0.42), (-0.66, 0.08), (-0.3, 0.0), (0.4, 0.0), (0.66, 0.12), (0.76, 0.34), (0.3, 0.26), (-0.5, 0.27)], c)
    s.ink([(-0.7, 0.26), (0, 0.19), (0.68, 0.24)], 0.03, GOLD)
    for k in range(4):
        s.dot(-0.4 + k * 0.25, 0.12, 0.035, tone(c, -0.18))


def bridge(s: Sprite, c: Colour | None) -> None:
    """A stone bridge."""
    c = c or rgb("#a8a0a4")
    top = [(-1.3, 0.24), (-0.8, 0.62), (0, 0.8), (0.8, 0.62), (1.3, 0.24)]
    s.cut([*[(x, y) for x, y in top], (1.3, 0.0), (0.66, 0.0), *arc(0, 0.0, 0.62, 0.5, 0, 180, 20), (-0.66, 0.0), (-1.3, 0.0)], c)
    s.band([(x, y + 0.1) for x, y in top], [0.1, 0.1], tone(c, 0.06))
    for k in range(7):
        x = -1.0 + k * 0.33
        s.ink([(x, 0.1 + 0.1 * (k % 2)), (x + 0.14, 0.12 + 0.1 * (k % 2))], 0.03, tone(c, -0.1))


def train(s: Sprite, c: Colour | None) -> None:
    """A steam engine with one carriage."""
    c = c or RED
    for x, y, r in ((0.86, 1.02, 0.11), (0.72, 1.2, 0.14), (0.5, 1.32, 0.17)):
        s.oval(x, y, r, r * 0.85, rgb("#eeeae6"))
    s.box(-1.5, 0.2, -0.4, 0.78, rgb("#3f7a8f"), 0.06)
    s.box(-1.56, 0.74, -0.34, 0.84, rgb("#2f5a6a"), 0.04)
    for k in range(3):
        s.box(-1.4 + k * 0.34, 0.44, -1.18 + k * 0.34, 0.68, LIT, 0.03)
    s.box(-0.4, 0.24, -0.2, 0.3, IRON)
    s.box(-0.22, 0.2, 0.24, 0.92, c, 0.04)
    s.box(-0.3, 0.88, 0.32, 0.98, tone(c, -0.16), 0.04)
    s.box(-0.1, 0.56, 0.14, 0.82, LIT, 0.03)
    s.box(0.2, 0.24, 1.0, 0.66, tone(c, -0.05), 0.12)
    s.cut([(0.76, 0.64), (0.72, 0.94), (0.98, 0.94), (0.92, 0.64)], IRON)
    s.oval(0.46, 0.68, 0.1, 0.1, GOLD)
    s.oval(1.0, 0.5, 0.09, 0.09, LIT)
    s.cut([(0.96, 0.2), (1.3, 0.02), (0.9, 0.02)], IRON)
    for x, r in ((-1.3, 0.13), (-0.62, 0.13), (0.0, 0.2), (0.46, 0.16), (0.8, 0.16)):
        wheel(s, x, r, r)
    s.lights.append((1.0, 0.5, 0.6, rgb("#ffe08a")))


def car(s: Sprite, c: Colour | None) -> None:
    """A car."""
    c = c or RED
    s.blob([(-0.5, 0.5), (-0.36, 0.94), (0.3, 0.96), (0.52, 0.54)], tone(c, 0.05))
    s.blob([(-0.38, 0.56), (-0.28, 0.84), (-0.04, 0.86), (-0.04, 0.56)], GLASS, shadow=False, inside=True)
    s.blob([(0.04, 0.56), (0.04, 0.86), (0.24, 0.86), (0.38, 0.56)], GLASS, shadow=False, inside=True)
    s.blob([(-0.86, 0.2), (-0.86, 0.5), (-0.5, 0.6), (0.5, 0.6), (0.86, 0.48), (0.9, 0.2), (0, 0.12)], c)
    s.oval(0.84, 0.4, 0.06, 0.08, LIT)
    for x in (-0.5, 0.52):
        wheel(s, x, 0.18, 0.19, rgb("#3c3a44"))


def cart(s: Sprite, c: Colour | None) -> None:
    """A wooden cart with hay."""
    s.blob([(-0.62, 0.56), (-0.4, 0.92), (0.0, 1.0), (0.4, 0.9), (0.62, 0.56)], rgb("#e5c25a"))
    s.cut([(-0.76, 0.66), (-0.66, 0.32), (0.66, 0.32), (0.76, 0.66)], c or WOOD)
    s.ink([(-0.7, 0.5), (0.7, 0.5)], 0.03, tone(c or WOOD, -0.12))
    s.band([(0.66, 0.4), (1.2, 0.3)], [0.05, 0.05], WOOD)
    for x in (-0.4, 0.36):
        wheel(s, x, 0.24, 0.25, tone(WOOD, -0.1))


def sled(s: Sprite, c: Colour | None) -> None:
    """A sled."""
    c = c or RED
    for x in (-0.4, 0.3):
        s.band([(x, 0.5), (x, 0.12)], [0.08, 0.08], WOOD)
    s.band([(-0.9, 0.08), (0.7, 0.08), (0.98, 0.34), (0.84, 0.56)], [0.08, 0.08, 0.08, 0.07], IRON)
    s.box(-0.85, 0.48, 0.7, 0.66, c, 0.08)


def rocket(s: Sprite, c: Colour | None) -> None:
    """A rocket on its flame."""
    c = c or RED
    s.blob([(-0.12, 0.18), (-0.1, 0.06), (0, -0.14), (0.1, 0.06), (0.12, 0.18)], rgb("#f7a83a"))
    s.blob([(-0.06, 0.18), (0, 0.0), (0.06, 0.18)], rgb("#ffe99a"), shadow=False, inside=True)
    for side in (-1, 1):
        s.cut([(side * 0.16, 0.42), (side * 0.36, 0.14), (side * 0.12, 0.2)], c)
    s.blob([(-0.16, 0.2), (-0.2, 0.5), (-0.12, 0.82), (0, 1.0), (0.12, 0.82), (0.2, 0.5), (0.16, 0.2)], rgb("#eef0f2"))
    s.blob([(-0.125, 0.8), (0, 1.0), (0.125, 0.8), (0, 0.76)], c, shadow=False, inside=True)
    s.oval(0, 0.56, 0.09, 0.09, c, inside=True)
    s.dot(0, 0.56, 0.06, rgb("#8fd0e8"))
    s.lights.append((0, 0.04, 0.6, rgb("#ffb04a")))


def hot_air_balloon(s: Sprite, c: Colour | None) -> None:
    """A hot air balloon."""
    c = c or RED
    for x in (-0.09, 0.09):
        s.cut([(x - 0.006, 0.16), (x * 2.2 - 0.006, 0.42), (x * 2.2 + 0.006, 0.42), (x + 0.006, 0.16)], WOOD, shadow=False)
    s.box(-0.11, 0.0, 0.11, 0.16, rgb("#b9834a"), 0.03)
    s.blob([(-0.12, 0.36), (-0.34, 0.6), (-0.3, 0.86), (0, 1.0), (0.3, 0.86), (0.34, 0.6), (0.12, 0.36)], c)
    for a, b, colour in ((-0.22, -0.08, GOLD), (0.08, 0.22, GOLD)):
        s.blob([(a * 0.4, 0.37), (a * 1.15, 0.62), (a, 0.88), (0, 0.99), (b, 0.9), (b * 1.1, 0.62), (b * 0.5, 0.37)], colour, shadow=False, inside=True)
    s.box(-0.1, 0.33, 0.1, 0.38, tone(c, -0.15), 0.01)


def door(s: Sprite, c: Colour | None) -> None:
    """A round-topped door."""
    c = c or rgb("#a0563a")
    s.cut([*arc(0, 0.66, 0.36, 0.34, 0, 180, 20), (-0.36, 0), (0.36, 0)], tone(c, -0.14))
    s.cut([*arc(0, 0.66, 0.29, 0.28, 0, 180, 20), (-0.29, 0), (0.29, 0)], c)
    for x in (-0.1, 0.1):
        s.ink([(x, 0.02), (x, 0.88)], 0.014, tone(c, -0.1))
    s.dot(0.2, 0.45, 0.04, GOLD)


def window(s: Sprite, c: Colour | None) -> None:
    """A window with a sill."""
    frame = c or rgb("#f4ead6")
    s.box(-0.42, 0.08, 0.42, 1.0, frame, 0.02)
    s.box(-0.35, 0.15, 0.35, 0.93, rgb("#9fd0e6"), shadow=False, inside=True)
    s.ink([(0, 0.15), (0, 0.93)], 0.04, frame)
    s.ink([(-0.35, 0.54), (0.35, 0.54)], 0.04, frame)
    s.box(-0.5, 0.02, 0.5, 0.1, tone(frame, -0.1), 0.02)


def gate(s: Sprite, c: Colour | None) -> None:
    """A garden gate."""
    c = c or rgb("#8a5f3c")
    for x in (-0.62, 0.62):
        s.box(x - 0.1, 0.0, x + 0.1, 0.92, tone(c, -0.08), 0.03)
        s.oval(x, 0.95, 0.12, 0.09, tone(c, 0.05))
    for k in range(5):
        x = -0.42 + k * 0.21
        s.box(x - 0.06, 0.04, x + 0.06, 0.7 + 0.1 * math.sin((k + 0.0) / 4 * math.pi), c, 0.05)
    for y in (0.2, 0.52):
        s.box(-0.52, y, 0.52, y + 0.07, tone(c, -0.05))


def tent(s: Sprite, c: Colour | None) -> None:
    """A tent."""
    c = c or rgb("#e08a3c")
    s.cut([(-0.85, 0.0), (0, 0.98), (0.85, 0.0)], c)
    s.cut([(-0.3, 0.0), (0, 0.92), (0.3, 0.0)], tone(c, -0.22), shadow=False, inside=True)
    s.cut([(0.02, 0.86), (0.3, 0.0), (0.46, 0.0)], tone(c, 0.12), shadow=False, inside=True)
    s.lights.append((0, 0.25, 0.5, rgb("#ffcf7a")))


def well(s: Sprite, c: Colour | None) -> None:
    """A well with a roof."""
    c = c or rgb("#9a96a0")
    for x in (-0.36, 0.36):
        s.box(x - 0.05, 0.3, x + 0.05, 0.78, WOOD)
    s.cut([(-0.6, 0.7), (0, 1.0), (0.6, 0.7)], rgb("#a8533f"))
    s.blob([(-0.5, 0.4), (-0.46, 0.04), (0.46, 0.04), (0.5, 0.4), (0, 0.34)], c)
    s.oval(0, 0.4, 0.5, 0.09, tone(c, -0.2))
    for k in range(4):
        s.ink([(-0.36 + k * 0.2, 0.2 + 0.06 * (k % 2)), (-0.24 + k * 0.2, 0.2 + 0.06 * (k % 2))], 0.025, tone(c, -0.1))


def bed(s: Sprite, c: Colour | None) -> None:
    """A bed with a quilt."""
    c = c or rgb("#5f8fb0")
    s.box(-1.0, 0.0, -0.9, 1.0, WOOD, 0.04)
    s.box(0.92, 0.0, 1.02, 0.66, WOOD, 0.04)
    s.box(-0.92, 0.16, 0.94, 0.34, tone(WOOD, 0.06))
    s.blob([(-0.86, 0.4), (-0.82, 0.66), (-0.5, 0.7), (-0.36, 0.5), (-0.5, 0.36)], WHITE)
    s.blob([(-0.5, 0.3), (-0.46, 0.56), (0.2, 0.6), (0.9, 0.52), (0.94, 0.2), (0.2, 0.16), (-0.46, 0.18)], c)
    for k in range(6):
        s.cut(
            [
                (-0.3 + k * 0.2, 0.26 + 0.12 * (k % 2)),
                (-0.2 + k * 0.2, 0.34 + 0.12 * (k % 2)),
                (-0.1 + k * 0.2, 0.26 + 0.12 * (k % 2)),
                (-0.2 + k * 0.2, 0.18 + 0.12 * (k % 2)),
            ],
            tone(c, 0.14),
            shadow=False,
            inside=True,
        )


def chair(s: Sprite, c: Colour | None) -> None:
    """An armchair."""
    c = c or rgb("#a8524a")
    for x in (-0.34, 0.34):
        s.band([(x, 0.16), (x, 0.0)], [0.09, 0.07], WOOD)
    s.blob([(-0.4, 0.3), (-0.42, 0.84), (0, 1.0), (0.42, 0.84), (0.4, 0.3)], tone(c, -0.05))
    s.box(-0.44, 0.12, 0.44, 0.46, c, 0.08)
    for x in (-0.44, 0.44):
        s.box(x - 0.13, 0.12, x + 0.13, 0.58, tone(c, 0.05), 0.12)


def table(s: Sprite, c: Colour | None) -> None:
    """A table."""
    c = c or rgb("#a8713f")
    for x in (-0.8, 0.8):
        s.box(x - 0.08, 0.0, x + 0.08, 0.84, tone(c, -0.1), 0.02)
    s.box(-1.0, 0.8, 1.0, 0.98, c, 0.05)


def ladder(s: Sprite, c: Colour | None) -> None:
    """A ladder."""
    c = c or WOOD
    for x in (-0.16, 0.16):
        s.band([(x - 0.06, 0.0), (x + 0.06, 1.0)], [0.05, 0.05], c)
    for k in range(6):
        y = 0.1 + k * 0.16
        s.band([(-0.2 + y * 0.12, y), (0.12 + y * 0.12, y)], [0.045, 0.045], tone(c, 0.06))


def bicycle(s: Sprite, c: Colour | None) -> None:
    """A bicycle."""
    c = c or RED
    for x in (-0.5, 0.5):
        s.oval(x, 0.34, 0.34, 0.34, IRON)
        s.oval(x, 0.34, 0.28, 0.28, rgb("#e8e2d6"), shadow=False, inside=True)
        for k in range(4):
            angle = math.radians(k * 45)
            s.ink([(x - math.cos(angle) * 0.27, 0.34 - math.sin(angle) * 0.27), (x + math.cos(angle) * 0.27, 0.34 + math.sin(angle) * 0.27)], 0.012, IRON)
    for start, end in (
        ((-0.5, 0.34), (-0.18, 0.76)),
        ((-0.5, 0.34), (0.02, 0.34)),
        ((0.02, 0.34), (-0.18, 0.76)),
        ((-0.18, 0.72), (0.36, 0.74)),
        ((0.02, 0.34), (0.36, 0.74)),
        ((0.5, 0.34), (0.32, 0.92)),
        ((-0.18, 0.76), (-0.22, 0.88)),
    ):
        s.band([start, end], [0.055, 0.055], c)
    s.band([(0.24, 0.96), (0.4, 0.9)], [0.05, 0.05], IRON)
    s.oval(-0.22, 0.9, 0.14, 0.05, INK)


def plane(s: Sprite, c: Colour | None) -> None:
    """An aeroplane."""
    c = c or RED
    s.cut([(-0.86, 0.56), (-1.0, 0.96), (-0.66, 0.66)], tone(c, -0.08))
    s.blob([(-1.0, 0.56), (-0.3, 0.72), (0.6, 0.72), (0.9, 0.5), (0.6, 0.32), (-0.2, 0.34)], c)
    s.blob([(0.2, 0.7), (0.3, 0.9), (0.56, 0.84), (0.62, 0.68)], GLASS)
    s.cut([(-0.1, 0.5), (0.4, 0.5), (0.1, 0.08), (-0.24, 0.08)], tone(c, 0.1))
    s.oval(0.92, 0.5, 0.06, 0.3, rgb("#d9d2c4"))


def swing(s: Sprite, c: Colour | None) -> None:
    """A playground swing."""
    for x in (-0.55, 0.55):
        s.band([(x * 1.25, 0.0), (x * 0.9, 1.0)], [0.06, 0.05], c or RED)
    s.band([(-0.56, 0.98), (0.56, 0.98)], [0.06, 0.06], c or RED)
    for x in (-0.18, 0.18):
        s.cut([(x - 0.008, 0.3), (x - 0.008, 0.98), (x + 0.008, 0.98), (x + 0.008, 0.3)], IRON, shadow=False)
    s.box(-0.24, 0.26, 0.24, 0.32, WOOD, 0.02)


def cactus(s: Sprite, c: Colour | None) -> None:
    """A cactus."""
    c = c or rgb("#5f9a5a")
    for side, y in ((-1, 0.4), (1, 0.52)):
        s.band([(0, y), (side * 0.26, y + 0.02), (side * 0.28, y + 0.28)], [0.13, 0.13, 0.12], tone(c, -0.04))
    s.band([(0, 0.02), (0, 0.9)], [0.24, 0.2], c)
    for x in (-0.05, 0.05):
        s.ink([(x, 0.06), (x, 0.88)], 0.014, tone(c, 0.12))
    s.oval(0, 0.98, 0.07, 0.06, rgb("#e8609a"))


def pyramid(s: Sprite, c: Colour | None) -> None:
    """A pyramid."""
    c = c or rgb("#dcb56a")
    s.cut([(-0.95, 0), (0, 1.0), (0.95, 0)], c)
    s.cut([(0.2, 0), (0, 1.0), (0.95, 0)], tone(c, -0.12), shadow=False, inside=True)


def igloo(s: Sprite, c: Colour | None) -> None:
    """An igloo."""
    c = c or rgb("#e6f0f7")
    s.cut([*arc(0, 0.0, 0.8, 0.95, 0, 180, 26)], c)
    for k in range(3):
        s.ink([(-0.74 + k * 0.16, 0.24 + k * 0.22), (0, 0.28 + k * 0.23), (0.74 - k * 0.16, 0.24 + k * 0.22)], 0.02, tone(c, -0.1))
    s.cut([*arc(0.3, 0.0, 0.34, 0.46, 0, 180, 16)], tone(c, -0.05))
    s.cut([*arc(0.32, 0.0, 0.22, 0.34, 0, 180, 16)], rgb("#4a6080"))


def christmas_tree(s: Sprite, c: Colour | None) -> None:
    """A Christmas tree."""
    pine(s, c)
    for x, y, name in (
        (-0.14, 0.24, "#cf4a3e"),
        (0.12, 0.3, "#f0be4a"),
        (0.0, 0.46, "#6fb0c9"),
        (-0.1, 0.6, "#f0be4a"),
        (0.08, 0.66, "#cf4a3e"),
        (0.18, 0.2, "#6fb0c9"),
    ):
        s.oval(x, y, 0.035, 0.035, rgb(name))
        s.lights.append((x, y, 0.12, rgb("#ffe29a")))
    s.cut([(math.sin(i * math.pi / 5) * (0.04 if i % 2 else 0.09), 1.02 + math.cos(i * math.pi / 5) * (0.04 if i % 2 else 0.09)) for i in range(10)], LIT)


def sandcastle(s: Sprite, c: Colour | None) -> None:
    """A sandcastle."""
    c = c or rgb("#e0b873")
    for x, w, h in ((-0.5, 0.2, 0.6), (0.5, 0.2, 0.6), (0.0, 0.24, 0.82)):
        s.box(x - w, 0, x + w, h, tone(c, (h - 0.7) * 0.1))
        for k in range(3):
            s.box(x - w + k * w * 0.76, h - 0.02, x - w + k * w * 0.76 + w * 0.48, h + 0.1, tone(c, (h - 0.7) * 0.1), shadow=False)
    s.box(-0.6, 0, 0.6, 0.34, c)
    s.cut([*arc(0, 0.08, 0.12, 0.16, 0, 180, 12), (-0.12, 0), (0.12, 0)], tone(c, -0.25))
    s.band([(0, 0.9), (0, 1.1)], [0.02, 0.02], WOOD)
    s.cut([(0, 1.12), (0.2, 1.06), (0, 1.0)], RED)


def fountain(s: Sprite, c: Colour | None) -> None:
    """A fountain."""
    c = c or rgb("#b9b6be")
    for side in (-1, 1):
        s.band([(0, 0.72), (side * 0.2, 0.94), (side * 0.4, 0.56)], [0.05, 0.05, 0.03], rgb("#bfe6f2"))
    s.band([(0, 0.1), (0, 0.66)], [0.14, 0.1], c)
    s.blob([(-0.4, 0.56), (-0.2, 0.42), (0.2, 0.42), (0.4, 0.56), (0, 0.52)], c)
    s.blob([(-0.8, 0.28), (-0.66, 0.0), (0.66, 0.0), (0.8, 0.28), (0, 0.22)], tone(c, -0.04))
    s.oval(0, 0.27, 0.74, 0.07, rgb("#8fcfe0"))


def statue(s: Sprite, c: Colour | None) -> None:
    """A statue."""
    c = c or rgb("#b5b2b8")
    s.box(-0.3, 0, 0.3, 0.24, tone(c, -0.08), 0.02)
    s.blob([(-0.2, 0.22), (-0.16, 0.6), (0, 0.74), (0.16, 0.6), (0.2, 0.22)], c)
    s.oval(0, 0.84, 0.13, 0.14, c)
    s.band([(0.12, 0.6), (0.26, 0.8)], [0.07, 0.06], c)


def barrel(s: Sprite, c: Colour | None) -> None:
    """A barrel."""
    c = c or rgb("#a8713f")
    s.blob([(-0.34, 0.0), (-0.44, 0.5), (-0.34, 1.0), (0.34, 1.0), (0.44, 0.5), (0.34, 0.0)], c)
    for y in (0.2, 0.78):
        s.band([(-0.4, y), (0, y - 0.03), (0.4, y)], [0.07, 0.07], IRON, shadow=False, inside=True)


def lily_pad(s: Sprite, c: Colour | None) -> None:
    """A lily pad with a flower."""
    s.cut([(0, 0.2), *arc(0, 0.2, 1.0, 0.22, 30, 350, 30)], c or rgb("#5a9a5a"))
    for k in range(5):
        a = math.radians(30 + k * 30)
        s.blob(
            [
                (0.1, 0.3),
                (0.1 + math.cos(a) * 0.3 - 0.08, 0.3 + math.sin(a) * 0.36),
                (0.1 + math.cos(a) * 0.4, 0.3 + math.sin(a) * 0.5),
                (0.1 + math.cos(a) * 0.3 + 0.08, 0.3 + math.sin(a) * 0.36),
            ],
            mix(rgb("#f3a5c0"), WHITE, k % 2 * 0.3),
        )


def hammock(s: Sprite, c: Colour | None) -> None:
    """A hammock between two posts."""
    for x in (-1.0, 1.0):
        s.band([(x, 0), (x, 1.0)], [0.1, 0.08], WOOD)
    s.blob([(-0.95, 0.86), (-0.5, 0.5), (0, 0.4), (0.5, 0.5), (0.95, 0.86), (0.4, 0.34), (0, 0.24), (-0.4, 0.34)], c or RED)


BIG: dict[str, Callable[[Sprite, Colour | None], None]] = {
    "tree": tree,
    "pine": pine,
    "bare": bare,
    "palm": palm,
    "house": house,
    "tower": tower,
    "castle": castle,
    "windmill": windmill,
    "lighthouse": lighthouse,
    "boat": boat,
    "ship": ship,
    "bridge": bridge,
    "train": train,
    "car": car,
    "cart": cart,
    "sled": sled,
    "rocket": rocket,
    "hot air balloon": hot_air_balloon,
    "door": door,
    "window": window,
    "gate": gate,
    "tent": tent,
    "well": well,
    "bed": bed,
    "chair": chair,
    "table": table,
    "ladder": ladder,
    "bicycle": bicycle,
    "plane": plane,
    "swing": swing,
    "cactus": cactus,
    "pyramid": pyramid,
    "igloo": igloo,
    "christmas tree": christmas_tree,
    "sandcastle": sandcastle,
    "fountain": fountain,
    "statue": statue,
    "barrel": barrel,
    "lily pad": lily_pad,
    "hammock": hammock,
}

BIG_SIZES: dict[str, tuple[float, str]] = {
    "tree": (0.58, "back"),
    "house": (0.4, "back"),
    "tower": (0.56, "back"),
    "castle": (0.4, "back"),
    "windmill": (0.46, "back"),
    "lighthouse": (0.56, "back"),
    "boat": (0.3, "water"),
    "ship": (0.4, "water"),
    "bridge": (0.26, "back"),
    "train": (0.25, "back"),
    "car": (0.2, "back"),
    "cart": (0.22, "back"),
    "sled": (0.14, "ground"),
    "rocket": (0.42, "back"),
    "hot air balloon": (0.42, "sky"),
    "door": (0.4, "back"),
    "window": (0.3, "wall"),
    "gate": (0.3, "back"),
    "tent": (0.3, "back"),
    "well": (0.3, "back"),
    "bed": (0.28, "back"),
    "chair": (0.3, "back"),
    "table": (0.2, "back"),
    "ladder": (0.42, "back"),
    "bicycle": (0.22, "ground"),
    "plane": (0.18, "sky"),
    "swing": (0.36, "back"),
    "cactus": (0.3, "back"),
    "pyramid": (0.34, "back"),
    "igloo": (0.26, "back"),
    "christmas tree": (0.44, "back"),
    "sandcastle": (0.2, "ground"),
    "fountain": (0.28, "back"),
    "statue": (0.32, "back"),
    "barrel": (0.18, "ground"),
    "lily pad": (0.08, "ground"),
    "hammock": (0.24, "back"),
}
