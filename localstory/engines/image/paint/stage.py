"""The little theatre that a setting is built in: where its horizon and floor are, its papers, and tools to lay scenery."""

from __future__ import annotations

import math
import random
from dataclasses import dataclass
from typing import Any

from localstory.engines.image.paint.canvas import Point, Scene, arc, smooth
from localstory.engines.image.paint.colour import Colour, mix, tone
from localstory.engines.image.paint.palette import Palette
from localstory.engines.image.paint.props import prop


@dataclass(slots=True)
class Stage:
    """A picture's stage, in pixels. Figures stand on `floor`; `horizon` is where ground and sky meet."""

    scene: Scene
    pal: Palette
    luck: random.Random
    horizon: float
    floor: float
    time: str
    weather: str
    season: str
    mood: str
    hero_x: float
    """Where the most important figure stands: scenery leaves it room."""

    setting_dark: bool = False
    """A cave or space: lamps shine by day too."""
    bed_taken: bool = False
    """Somebody sleeps in a bed of their own."""
    casts_shadow: bool = True
    """Whether there is a ground for shadows."""

    @property
    def w(self) -> int:
        return self.scene.width

    @property
    def h(self) -> int:
        return self.scene.height

    @property
    def u(self) -> float:
        return self.scene.unit

    def ridge(self, y: float, rise: float, bumps: float = 2.0, rough: float = 0.0) -> list[Point]:
        """A hill line around height `y` (pixels), `rise` pixels high and low, closed at the bottom of the picture."""
        phase, second = self.luck.uniform(0, math.tau), self.luck.uniform(0, math.tau)
        count = 48
        line = []
        for k in range(count + 1):
            t = k / count
            wave = math.sin(t * bumps * math.pi + phase) * 0.62 + math.sin(t * bumps * 2.7 * math.pi + second) * 0.28
            line.append((self.w * (t * 1.04 - 0.02), y - rise * wave + self.luck.uniform(-rough, rough)))
        return [*line, (self.w * 1.02, self.h + 4.0), (-self.w * 0.02, self.h + 4.0)]

    def hills(self, y: float, rise: float, colour: Colour, depth: float, bumps: float = 2.0, lower: Colour | None = None) -> list[Point]:
        """Lay a hill of a scenery colour `depth` away; returns its line."""
        line = self.ridge(y, rise, bumps)
        top = self.pal.far(colour, depth)
        self.scene.lay([line], top, lower=self.pal.far(lower or tone(colour, -0.06), depth * 0.85), shadow=0.2 + 0.12 * (1 - depth))
        return line[:-2]

    def thing(self, kind: str, x: float, y: float, size: float, depth: float = 0.0, colour: Colour | None = None, **how: Any) -> None:
        """Stand a thing (see `props`) at pixel (x, y), `size` pixels high, `depth` away."""
        tint = mix(self.pal.veil, self.pal.haze, min(1.0, depth * 1.3))
        share = min(0.9, max(self.pal.veil_share, depth * 0.8))
        sprite = prop(kind, colour)
        if not (self.pal.dark or self.time == "evening" or self.mood == "scary"):
            sprite.lights.clear()
        self.scene.place(sprite, x, y, size, tint=tint, tint_share=share, shadow=0.3 * (1 - depth * 0.6), **how)

    def glow(self, x: float, y: float, radius: float, colour: Colour, power: float = 0.6) -> None:
        """Add a light: pixels."""
        self.scene.glows.append((x, y, radius, colour, power))

    def clear_of_hero(self, x: float, room: float = 0.16) -> bool:
        """Whether something at pixel `x` leaves the hero room."""
        return abs(x - self.hero_x) > self.u * room

    def spread(self, count: int, left: float = 0.0, right: float = 1.0, jitter: float = 0.35) -> list[float]:
        """`count` places from left to right (shares of the width), about even, in pixels."""
        step = (right - left) / max(1, count)
        return [self.w * (left + step * (k + 0.5 + self.luck.uniform(-jitter, jitter))) for k in range(count)]


def round_tree(x: float, y: float, size: float, luck: random.Random) -> list[list[Point]]:
    """A leafy tree as polygons of one paper, foot at pixel (x, y)."""
    crown = [
        (x + math.cos(a) * size * 0.3 * (1 + luck.uniform(-0.12, 0.14)), y - size * 0.66 - math.sin(a) * size * 0.34 * (1 + luck.uniform(-0.1, 0.12)))
        for a in (k / 9 * math.tau for k in range(9))
    ]
    return [smooth(crown, 5), [(x - size * 0.05, y), (x - size * 0.025, y - size * 0.5), (x + size * 0.025, y - size * 0.5), (x + size * 0.05, y)]]


def fir_tree(x: float, y: float, size: float, luck: random.Random) -> list[list[Point]]:
    """A fir as polygons of one paper."""
    lean = luck.uniform(-0.02, 0.02) * size
    pieces: list[list[Point]] = [[(x - size * 0.03, y), (x - size * 0.03, y - size * 0.2), (x + size * 0.03, y - size * 0.2), (x + size * 0.03, y)]]
    for k in range(4):
        wide, base = size * (0.25 - 0.05 * k), y - size * (0.12 + 0.2 * k)
        pieces.append(
            [
                (x - wide, base),
                (x - wide * 0.3, base - size * 0.17),
                (x + lean, base - size * 0.32),
                (x + wide * 0.3, base - size * 0.17),
                (x + wide, base),
                (x, base - size * 0.03),
            ]
        )
    return pieces


def cloud(x: float, y: float, size: float, luck: random.Random) -> list[list[Point]]:
    """A paper cloud of about `size` pixels width."""
    pieces = [[(x - size * 0.46, y), (x - size * 0.46, y - size * 0.1), (x + size * 0.46, y - size * 0.1), (x + size * 0.46, y)]]
    for k in range(4):
        t = (k + 0.5) / 4
        r = size * (0.13 + 0.09 * math.sin(t * math.pi)) * luck.uniform(0.9, 1.15)
        pieces.append(arc(x - size * 0.36 + t * size * 0.72, y - size * 0.08 - r * 0.45, r, r, steps=28))
    for side in (-1, 1):
        pieces.append(arc(x + side * size * 0.44, y - size * 0.05, size * 0.055, size * 0.05, steps=16))
    return pieces


def tuft(x: float, y: float, size: float, luck: random.Random, blades: int = 5) -> list[list[Point]]:
    """A tuft of grass."""
    pieces = []
    for k in range(blades):
        lean = (k - (blades - 1) / 2) * 0.22 + luck.uniform(-0.08, 0.08)
        tall = size * luck.uniform(0.65, 1.0)
        root = x + (k - (blades - 1) / 2) * size * 0.1
        pieces.append(
            [
                (root - size * 0.06, y),
                (root + lean * tall * 0.4, y - tall * 0.6),
                (root + lean * tall, y - tall),
                (root + lean * tall * 0.55 + size * 0.03, y - tall * 0.5),
                (root + size * 0.06, y),
            ]
        )
    return pieces
