"""Settings with water: sea and beach, river and lake, and the world below."""

from __future__ import annotations

import math

from localstory.engines.image.paint.canvas import arc, gradient, smooth
from localstory.engines.image.paint.colour import Colour, mix, rgb, tone
from localstory.engines.image.paint.scenery import SAND, fresh_water, grass_edge, ground, open_sky, sea_colour, trees, water
from localstory.engines.image.paint.stage import Stage


def sea(st: Stage) -> None:
    open_sky(st)
    if st.weather != "fog":
        st.hills(st.horizon + st.h * 0.02, st.h * 0.02, rgb("#7f9a9a"), 0.85, 3.0)
    water(st, st.horizon + st.h * 0.02, st.h * 0.86, sea_colour(st), 7)


def sea_front(st: Stage) -> None:
    water(st, st.floor + st.h * 0.035, st.h * 0.98, tone(sea_colour(st), -0.05), 3)


def beach(st: Stage) -> None:
    open_sky(st)
    water(st, st.horizon + st.h * 0.01, st.horizon + st.h * 0.12, sea_colour(st), 5)
    st.scene.lay([st.ridge(st.horizon + st.h * 0.125, st.h * 0.008, 3.0)], st.pal.near(rgb("#f7f1e4")), shadow=0.08)
    ground(st, SAND, y=st.horizon + st.h * 0.145)
    if st.w > st.h:
        st.thing("palm", st.w * (0.92 if st.hero_x < st.w / 2 else 0.08), st.horizon + st.h * 0.2, st.u * 0.52, 0.08, flip=st.hero_x > st.w / 2)
    for x in st.spread(5):
        st.thing(
            "shell", x, st.h * st.luck.uniform(0.86, 0.95), st.u * st.luck.uniform(0.022, 0.035), colour=rgb(st.luck.choice(("#f0a58f", "#f3e3d0", "#e8c06a")))
        )


def island(st: Stage) -> None:
    open_sky(st)
    water(st, st.horizon, st.h * 0.95, sea_colour(st), 6)
    cx = st.w * 0.5
    st.scene.lay(
        [
            smooth(
                [
                    (cx - st.w * 0.56, st.floor + st.h * 0.1),
                    (cx - st.w * 0.4, st.floor - st.h * 0.08),
                    (cx, st.floor - st.h * 0.13),
                    (cx + st.w * 0.4, st.floor - st.h * 0.08),
                    (cx + st.w * 0.56, st.floor + st.h * 0.1),
                    (cx, st.floor + st.h * 0.14),
                ]
            )
        ],
        st.pal.near(SAND),
        lower=st.pal.near(tone(SAND, -0.1)),
        shadow=0.3,
    )
    for x, size in ((0.16, 0.5), (0.84, 0.58), (0.74, 0.4)):
        st.thing("palm", st.w * x, st.floor - st.h * 0.05, st.u * size, 0.06, flip=x > 0.5)


def underwater(st: Stage) -> None:
    top, middle, low = (rgb("#8fd6d8"), rgb("#3f9fbd"), rgb("#1f5a8f")) if st.time != "night" else (rgb("#3f6fa0"), rgb("#24507f"), rgb("#142c58"))
    if st.mood == "scary":
        top, middle, low = (mix(c, rgb("#1a2040"), 0.4) for c in (top, middle, low))
    st.scene.image.paste(gradient((st.w, st.h), [(0.0, top), (0.5, middle), (1.0, low)]), (0, 0))
    for k in range(4):
        x = st.w * (0.1 + 0.24 * k + st.luck.uniform(-0.05, 0.05))
        st.scene.lay([[(x, -4.0), (x + st.u * 0.09, -4.0), (x + st.u * 0.02, st.h * 0.8), (x - st.u * 0.22, st.h * 0.8)]], mix(middle, top, 0.55), shadow=0)
    st.scene.image.paste(
        gradient((st.w, st.h), [(0.0, top), (0.5, middle), (1.0, low)]),
        (0, 0),
        gradient((st.w, st.h), [(0.0, (60, 60, 60)), (0.75, (255, 255, 255)), (1.0, (255, 255, 255))]).convert("L"),
    )
    st.hills(st.h * 0.8, st.h * 0.06, mix(rgb("#5f8fa8"), low, 0.5), 0.0, 2.5)
    weeds = []
    for x in st.spread(7):
        if not st.clear_of_hero(x, 0.12):
            continue
        tall = st.u * st.luck.uniform(0.2, 0.42)
        line = [(x + math.sin(k * 1.3 + x) * st.u * 0.022, st.h * 0.93 - tall * k / 6) for k in range(7)]
        weeds.append(
            [
                *[(px - st.u * 0.014 * (1 - k / 7), py) for k, (px, py) in enumerate(line)],
                *[(px + st.u * 0.014 * (1 - k / 7), py) for k, (px, py) in reversed(list(enumerate(line)))],
            ]
        )
    st.scene.lay([smooth(points, 4) for points in weeds], mix(rgb("#3f9a7a"), low, 0.25), shadow=0.24)
    st.hills(st.h * 0.88, st.h * 0.025, rgb("#e0c892"), 0.0, 1.7)
    for x in st.spread(4, 0.02, 0.98):
        _coral(st, x, st.h * st.luck.uniform(0.92, 0.98), st.u * st.luck.uniform(0.1, 0.17), rgb(st.luck.choice(("#e8708a", "#ee8b55", "#b56fb0", "#f3b84a"))))
    bubbles = [
        arc(st.w * st.luck.random(), st.h * st.luck.uniform(0.1, 0.8), r, r, steps=20) for r in (st.u * st.luck.uniform(0.005, 0.014) for _ in range(18))
    ]
    st.scene.lay(bubbles, mix(top, (255, 255, 255), 0.5), shadow=0.1)


def _coral(st: Stage, x: float, y: float, size: float, colour: Colour) -> None:
    pieces = []
    for a, length in ((60, 0.8), (90, 1.0), (120, 0.85), (38, 0.55), (142, 0.55)):
        ex, ey = x + math.cos(math.radians(a)) * size * length, y - math.sin(math.radians(a)) * size * length
        wide = size * 0.09
        pieces += [[(x - wide, y), (ex - wide * 0.8, ey), (ex + wide * 0.8, ey), (x + wide, y)], arc(ex, ey, wide * 1.15, wide * 1.15, steps=16)]
    st.scene.lay(pieces, colour, shadow=0.26)


def river(st: Stage) -> None:
    open_sky(st)
    st.hills(st.horizon - st.h * 0.09, st.h * 0.05, st.pal.leaf, 0.7, 2.2)
    trees(st, st.horizon + st.h * 0.01, st.u * 0.2, 11, 0.48, st.pal.leaf2)
    ground(st, st.pal.grass, y=st.horizon + st.h * 0.02)
    x0, x1 = st.w * (0.62 if st.hero_x < st.w / 2 else 0.38), st.w * (0.98 if st.hero_x < st.w / 2 else 0.02)
    y0 = st.horizon + st.h * 0.03
    left = smooth(
        [
            (x0 - st.u * 0.02, y0),
            (x0 * 0.75 + x1 * 0.25 - st.u * 0.13, st.horizon + st.h * 0.13),
            (x0 * 0.5 + x1 * 0.5 - st.u * 0.2, st.floor),
            (x1 - st.u * 0.52, st.h + 4.0),
        ],
        8,
        closed=False,
    )
    right = smooth(
        [
            (x1 + st.u * 0.42, st.h + 4.0),
            (x0 * 0.5 + x1 * 0.5 + st.u * 0.26, st.floor),
            (x0 * 0.75 + x1 * 0.25 + st.u * 0.09, st.horizon + st.h * 0.13),
            (x0 + st.u * 0.03, y0),
        ],
        8,
        closed=False,
    )
    blue = fresh_water(st)
    st.scene.lay([[*left, *right]], st.pal.near(tone(st.pal.earth, 0.02)), shadow=0.1)
    inner = [(x + st.u * 0.016, y) for x, y in left] + [(x - st.u * 0.016, y) for x, y in right]
    st.scene.lay([inner], st.pal.near(blue), lower=st.pal.near(tone(blue, -0.08)), shadow=0.16)
    lines = []
    for k in range(12):
        t = 0.1 + k * 0.075
        y = y0 + (st.h - y0) * t
        at = min(len(left) - 1, round(t * (len(left) - 1)))
        cx = (left[at][0] + right[len(right) - 1 - at][0]) / 2 + st.luck.uniform(-0.05, 0.05) * st.u
        lines.append(arc(cx, y, st.u * (0.012 + 0.05 * t), st.u * (0.0016 + 0.003 * t), steps=16))
    st.scene.lay(lines, st.pal.near(tone(blue, 0.13)), shadow=0)


def lake(st: Stage) -> None:
    open_sky(st)
    st.hills(st.horizon - st.h * 0.08, st.h * 0.06, st.pal.leaf, 0.72, 2.4)
    trees(st, st.horizon + st.h * 0.015, st.u * 0.19, 13, 0.5, st.pal.leaf2, firs=0.6)
    blue = fresh_water(st)
    water(st, st.horizon + st.h * 0.02, st.floor - st.h * 0.02, blue, 5)
    for x in st.spread(3, 0.1, 0.9):
        st.thing("lily pad", x, st.horizon + st.h * st.luck.uniform(0.1, 0.16), st.u * 0.022)
    _shore(st)


def _shore(st: Stage) -> None:
    """The near bank, for those who don't swim."""
    st.scene.lay([st.ridge(st.floor - st.h * 0.035, st.h * 0.008, 2.2)], st.pal.near(tone(st.pal.earth, 0.04)), shadow=0.12)
    ground(st, st.pal.grass, y=st.floor - st.h * 0.02, rise=0.008)


def lake_front(st: Stage) -> None:
    pieces = []
    for side in (0.02, 0.98):
        for k in range(7):
            x = st.w * side + (k - 3) * st.u * 0.022
            tall = st.u * st.luck.uniform(0.16, 0.3)
            lean = st.luck.uniform(-0.1, 0.1) * tall
            pieces.append([(x - st.u * 0.005, st.h), (x + lean, st.h - tall), (x + st.u * 0.005, st.h)])
            if k % 2:
                pieces.append(arc(x + lean, st.h - tall, st.u * 0.009, st.u * 0.034, steps=16))
    st.scene.lay(pieces, st.pal.near(rgb("#4a6a3c")), shadow=0.3)
    grass_edge(st, tone(st.pal.grass, -0.14))
