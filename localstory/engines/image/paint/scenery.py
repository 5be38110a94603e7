"""What settings outdoors are built from: trees, ground, paths, houses, water."""

from __future__ import annotations

import math

from localstory.engines.image.paint.canvas import Point, arc, smooth
from localstory.engines.image.paint.colour import Colour, mix, rgb, tone
from localstory.engines.image.paint.sky import lightning, sky
from localstory.engines.image.paint.stage import Stage, fir_tree, round_tree, tuft

SAND, SNOW = rgb("#ecd09a"), rgb("#f1f4f8")


def open_sky(st: Stage) -> None:
    sky(st)
    if st.weather == "storm":
        lightning(st)


def trees(st: Stage, y: float, size: float, count: int, depth: float, colour: Colour, *, firs: float = 0.4, avoid: bool = False) -> None:
    pieces: list[list[Point]] = []
    for x in st.spread(count, -0.03, 1.03):
        if avoid and not st.clear_of_hero(x, 0.2):
            continue
        tall = size * st.luck.uniform(0.8, 1.2)
        pieces += (
            fir_tree(x, y + st.luck.uniform(0, size * 0.08), tall, st.luck)
            if st.luck.random() < firs or st.season == "winter"
            else round_tree(x, y + st.luck.uniform(0, size * 0.08), tall, st.luck)
        )
    st.scene.lay(pieces, st.pal.far(colour, depth), shadow=0.26 * (1 - depth * 0.5))


def ground(st: Stage, colour: Colour, lower: Colour | None = None, y: float | None = None, rise: float = 0.012) -> None:
    st.hills(st.horizon + st.h * 0.09 if y is None else y, st.h * rise, colour, 0.05, 1.6, lower)


def path(st: Stage, colour: Colour, far_x: float, near_x: float, top: float, wide: float = 0.2) -> None:
    middle, bottom = (top + st.h) / 2, st.h + 4.0
    left = [(far_x - st.u * 0.012, top), (far_x * 0.6 + near_x * 0.4 - st.u * wide * 0.3 + st.u * 0.07, middle), (near_x - st.u * wide, bottom)]
    right = [(near_x + st.u * wide, bottom), (far_x * 0.6 + near_x * 0.4 + st.u * wide * 0.36 + st.u * 0.07, middle), (far_x + st.u * 0.012, top)]
    st.scene.lay([[*smooth(left, 8, closed=False), *smooth(right, 8, closed=False)]], st.pal.near(colour), lower=st.pal.near(tone(colour, -0.05)), shadow=0.1)


def flowers(st: Stage, count: int, top: float, bottom: float) -> None:
    if st.season in ("winter", "autumn"):
        return
    for _k in range(count):
        y = st.luck.uniform(top, bottom)
        x = st.luck.uniform(0.02, 0.98) * st.w
        r = st.u * (0.004 + 0.006 * (y - top) / max(1.0, bottom - top))
        colour = st.luck.choice((rgb("#f6f0e4"), rgb("#f3c84a"), rgb("#e8708a"), rgb("#b58ad0")))
        st.scene.lay(
            [arc(x + math.cos(a) * r, y + math.sin(a) * r, r * 0.75, r * 0.75, steps=10) for a in (0.3, 1.55, 2.8, 4.06, 5.3)], st.pal.near(colour), shadow=0.0
        )
        st.scene.lay([arc(x, y, r * 0.6, r * 0.6, steps=10)], st.pal.near(rgb("#eeb040")), shadow=0.0)


def houses(st: Stage, y: float, size: float, count: int, depth: float) -> None:
    walls = ("#ecd3a4", "#e8b98f", "#f0e2c8", "#d9c0b8", "#e6cf8f", "#cfd6c0")
    for x in st.spread(count, 0.0, 1.0, 0.2):
        st.thing("house", x, y + st.luck.uniform(-0.01, 0.015) * st.h, size * st.luck.uniform(0.9, 1.15), depth, rgb(st.luck.choice(walls)))


def water(st: Stage, top: float, bottom: float, colour: Colour, rows: int = 5) -> None:
    for k in range(rows):
        t = k / max(1, rows - 1)
        y = top + (bottom - top) * t
        shade = st.pal.far(mix(colour, tone(colour, -0.1), t), 0.45 * (1 - t))
        amp, wave = st.u * (0.003 + 0.011 * t), st.u * (0.07 + 0.13 * t)
        phase = st.luck.uniform(0, math.tau)
        line = []
        for j in range(97):
            x = st.w * (j / 94 - 0.01)
            line.append((x, y - amp * (math.sin(x / wave * math.tau + phase) + 0.35 * math.sin(x / wave * 2.3 * math.tau + phase * 2))))
        st.scene.lay([[*line, (st.w + 4.0, st.h + 4.0), (-4.0, st.h + 4.0)]], shade, lower=tone(shade, -0.04), shadow=0.13 + 0.1 * t)


def sea_colour(st: Stage) -> Colour:
    base = rgb("#3f8fb5")
    if st.weather in ("storm", "rain"):
        base = rgb("#3d6680")
    return mix(base, st.pal.sky[1], 0.22)


def fresh_water(st: Stage) -> Colour:
    return mix(rgb("#5aa8c4"), st.pal.sky[1], 0.3)


def grass_edge(st: Stage, colour: Colour) -> None:
    pieces = [
        [*((st.w * k / 24, st.h * (0.972 - 0.028 * abs(k / 12 - 1) ** 2) + st.luck.uniform(-2, 2)) for k in range(25)), (st.w, st.h + 4.0), (0.0, st.h + 4.0)]
    ]
    for k in range(15):
        x = st.w * (k + st.luck.uniform(0, 1)) / 15
        edge = abs(x / st.w - 0.5) * 2
        pieces += tuft(x, st.h * 0.99, st.u * (0.05 + 0.075 * edge * edge) * st.luck.uniform(0.75, 1.25), st.luck, 6)
    st.scene.lay(pieces, st.pal.near(colour), shadow=0.3)
