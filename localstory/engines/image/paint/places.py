"""Settings on land: what stands behind the figures (`BACK`) and the leaves and grass in front of them (`FRONT`)."""

from __future__ import annotations

import math
from collections.abc import Callable

from localstory.engines.image.paint import places_far, places_water
from localstory.engines.image.paint.canvas import Point, arc, smooth
from localstory.engines.image.paint.colour import Colour, mix, rgb, tone
from localstory.engines.image.paint.scenery import SNOW, flowers, grass_edge, ground, houses, open_sky, path, trees
from localstory.engines.image.paint.stage import Stage


def meadow(st: Stage) -> None:
    open_sky(st)
    st.hills(st.horizon - st.h * 0.1, st.h * 0.05, mix(st.pal.leaf, st.pal.haze, 0.3), 0.75, 2.4)
    st.hills(st.horizon - st.h * 0.02, st.h * 0.04, st.pal.leaf, 0.48, 2.0)
    trees(st, st.horizon + st.h * 0.02, st.u * 0.12, 6, 0.42, st.pal.leaf2, firs=0.15)
    st.hills(st.horizon + st.h * 0.05, st.h * 0.03, tone(st.pal.grass, -0.04), 0.25, 1.6)
    ground(st, st.pal.grass, y=st.horizon + st.h * 0.13)
    flowers(st, 22, st.horizon + st.h * 0.16, st.h * 0.95)


def forest(st: Stage) -> None:
    open_sky(st)
    leaf, leaf2 = tone(st.pal.leaf, -0.06), tone(st.pal.leaf2, -0.05)
    trees(st, st.horizon + st.h * 0.02, st.u * 0.36, 14, 0.8, leaf, firs=0.5)
    trees(st, st.horizon + st.h * 0.045, st.u * 0.42, 9, 0.5, leaf2, firs=0.55)
    st.hills(st.horizon + st.h * 0.03, st.h * 0.02, mix(st.pal.grass, leaf, 0.5), 0.35)
    _trunks(st)
    ground(st, mix(st.pal.grass, leaf, 0.28), y=st.horizon + st.h * 0.12)
    for x in st.spread(5, 0.04, 0.96):
        if st.clear_of_hero(x, 0.14) and st.luck.random() < 0.6:
            st.thing("mushroom", x, st.h * st.luck.uniform(0.8, 0.93), st.u * st.luck.uniform(0.035, 0.06))


def _trunks(st: Stage) -> None:
    """Great trees left and right, cut by the picture's edge, their leaves as a roof."""
    bark = st.pal.near(rgb("#6b4c3a"))
    pieces = []
    for x in (st.w * st.luck.uniform(0.05, 0.1), st.w * st.luck.uniform(0.9, 0.96)):
        wide = st.u * st.luck.uniform(0.045, 0.065)
        base = st.horizon + st.h * st.luck.uniform(0.12, 0.17)
        pieces.append(
            smooth(
                [
                    (x - wide * 1.9, base),
                    (x - wide * 0.8, base - st.h * 0.12),
                    (x - wide * 0.72, st.h * 0.2),
                    (x - wide * 1.2, -st.h * 0.05),
                    (x + wide * 1.2, -st.h * 0.05),
                    (x + wide * 0.75, st.h * 0.2),
                    (x + wide * 0.85, base - st.h * 0.12),
                    (x + wide * 1.9, base),
                ]
            )
        )
    st.scene.lay(pieces, bark, lower=tone(bark, -0.05), shadow=0.36)


def forest_front(st: Stage) -> None:
    _canopy(st, tone(st.pal.leaf, -0.12))
    grass_edge(st, tone(mix(st.pal.grass, st.pal.leaf, 0.6), -0.1))


def _canopy(st: Stage, colour: Colour) -> None:
    for depth, share in ((0.07, 0.17), (-0.02, 0.1)):
        pieces = []
        for k in range(21):
            x = st.w * ((k - 1) / 18)
            edge = min(1.0, abs((k - 1) / 18 - 0.5) * 2)
            y = -st.h * 0.05 + st.h * share * (0.25 + edge**2 * 1.2)
            r = st.u * st.luck.uniform(0.07, 0.1)
            pieces.append(
                smooth(
                    [
                        (x + math.cos(a) * r * (1 + 0.14 * (j % 2)), y + math.sin(a) * r * (1 + 0.14 * (j % 2)))
                        for j, a in ((j, j / 10 * math.tau) for j in range(10))
                    ],
                    4,
                )
            )
        st.scene.lay([*pieces, [(0, -4.0), (st.w, -4.0), (st.w, st.h * 0.055), (0, st.h * 0.055)]], st.pal.near(tone(colour, depth)), shadow=0.3)


def grass_front(st: Stage) -> None:
    grass_edge(st, tone(st.pal.grass, -0.13) if st.season != "winter" and st.weather != "snow" else tone(SNOW, -0.06))


def jungle(st: Stage) -> None:
    open_sky(st)
    green = rgb("#3f8a56")
    trees(st, st.horizon + st.h * 0.03, st.u * 0.42, 12, 0.7, green, firs=0)
    st.hills(st.horizon + st.h * 0.03, st.h * 0.03, tone(green, -0.03), 0.4)
    for x in st.spread(4, 0.0, 1.0):
        st.thing("palm", x, st.horizon + st.h * 0.1, st.u * st.luck.uniform(0.5, 0.66), 0.2, flip=st.luck.random() < 0.5)
    ground(st, rgb("#6fa04f"), y=st.horizon + st.h * 0.12)


def jungle_front(st: Stage) -> None:
    green = st.pal.near(rgb("#2a6a4a"))
    pieces = []
    for side in (0, 1):
        for k in range(7):
            x0, y0 = st.w * side, st.h * (0.98 - 0.11 * k) if k < 4 else st.h * (0.02 + 0.07 * (k - 4))
            a = math.radians((18 - k * 10) if side == 0 else (162 + k * 10))
            length = st.u * st.luck.uniform(0.2, 0.3)
            x1, y1 = x0 + math.cos(a) * length, y0 + math.sin(a) * length * (-1 if k < 4 else 1) * 0.6
            nx, ny = -(y1 - y0) * 0.26, (x1 - x0) * 0.26
            pieces.append(smooth([(x0, y0), ((x0 + x1) / 2 + nx, (y0 + y1) / 2 + ny), (x1, y1), ((x0 + x1) / 2 - nx, (y0 + y1) / 2 - ny)], 8))
    st.scene.lay(pieces, green, shadow=0.34)
    grass_edge(st, rgb("#2f7a4a"))


def mountains(st: Stage) -> None:
    open_sky(st)
    for depth, y, tall, count, colour in ((0.82, 0.0, 0.36, 5, "#8f93b0"), (0.55, 0.03, 0.27, 4, "#747a96")):
        peaks, caps = [], []
        base = st.horizon + st.h * (0.06 + y)
        for x in st.spread(count, -0.05, 1.05):
            height, wide = st.h * tall * st.luck.uniform(0.75, 1.2), st.u * st.luck.uniform(0.3, 0.42)
            top = (x + st.luck.uniform(-0.03, 0.03) * st.u, base - height)
            peaks.append([(x - wide, base), (x - wide * 0.45, base - height * 0.52), top, (x + wide * 0.4, base - height * 0.58), (x + wide, base)])
            t = 0.34
            caps.append(
                [
                    top,
                    (top[0] + (x - wide * 0.45 - top[0]) * t * 2, top[1] + height * 0.48 * t * 2),
                    (top[0] - wide * 0.1, top[1] + height * 0.24),
                    (top[0], top[1] + height * 0.34),
                    (top[0] + wide * 0.12, top[1] + height * 0.24),
                    (top[0] + (x + wide * 0.4 - top[0]) * t * 2, top[1] + height * 0.42 * t * 2),
                ]
            )
        colour_here = st.pal.far(rgb(colour), depth)
        st.scene.lay([*peaks, [(0, base - 2), (st.w, base - 2), (st.w, st.h), (0, st.h)]], colour_here, shadow=0.22)
        st.scene.lay(caps, st.pal.far(SNOW, depth * 0.7), shadow=0.08)
    trees(st, st.horizon + st.h * 0.1, st.u * 0.16, 11, 0.36, rgb("#4f7a62"), firs=1.0)
    st.hills(st.horizon + st.h * 0.08, st.h * 0.025, mix(st.pal.grass, rgb("#8a8f86"), 0.3), 0.2)
    ground(st, mix(st.pal.grass, rgb("#a09a8a"), 0.35), y=st.horizon + st.h * 0.14)
    for x in st.spread(4):
        st.thing("stone", x, st.h * st.luck.uniform(0.84, 0.95), st.u * st.luck.uniform(0.03, 0.06))


def village(st: Stage) -> None:
    open_sky(st)
    st.hills(st.horizon - st.h * 0.08, st.h * 0.05, st.pal.leaf, 0.68, 2.2)
    trees(st, st.horizon + st.h * 0.02, st.u * 0.2, 9, 0.5, st.pal.leaf2, firs=0.2)
    houses(st, st.horizon + st.h * 0.06, st.u * 0.25, 6, 0.34)
    st.hills(st.horizon + st.h * 0.06, st.h * 0.015, st.pal.grass, 0.25)
    for x in (st.w * 0.12, st.w * 0.88):
        st.thing("house", x, st.horizon + st.h * 0.15, st.u * 0.38, 0.1, rgb(st.luck.choice(("#ecd3a4", "#e8b98f", "#f0e2c8"))))
    ground(st, st.pal.grass, y=st.horizon + st.h * 0.14)
    path(st, rgb("#dcbf8c"), st.w * 0.5, st.w * st.luck.uniform(0.4, 0.6), st.horizon + st.h * 0.13, 0.22)


def town(st: Stage) -> None:
    open_sky(st)
    for depth, tall, y, count in ((0.75, 0.46, 0.02, 11), (0.42, 0.4, 0.07, 8)):
        walls: list[list[Point]] = []
        windows: list[list[Point]] = []
        base = st.horizon + st.h * y
        step = st.w / count
        for k in range(count + 1):
            x, wide, height = k * step - step * 0.5, step * st.luck.uniform(0.86, 1.02), st.u * tall * st.luck.uniform(0.6, 1.1)
            roof = st.u * 0.06 * st.luck.random()
            walls.append([(x, base), (x, base - height), (x + wide * 0.5, base - height - roof), (x + wide, base - height), (x + wide, base)])
            for row in range(int(height / (st.u * 0.085))):
                for col in range(3):
                    if st.luck.random() < 0.72:
                        wx, wy = x + wide * (0.2 + col * 0.26), base - height + st.u * (0.03 + row * 0.085)
                        windows.append([(wx, wy), (wx + wide * 0.14, wy), (wx + wide * 0.14, wy + st.u * 0.042), (wx, wy + st.u * 0.042)])
        colour = st.pal.far(rgb("#b58a86") if depth < 0.5 else rgb("#8f8fae"), depth)
        st.scene.lay(walls, colour, shadow=0.28)
        lit = st.pal.dark or st.time == "evening"
        st.scene.lay(windows, mix(colour, rgb("#ffd98a"), 0.9 if lit else 0.35), shadow=0)
    ground(st, rgb("#a39fa6"), y=st.horizon + st.h * 0.1, rise=0.002)
    cobbles = []
    for row in range(5):
        y = st.horizon + st.h * (0.14 + row * row * 0.014 + row * 0.03)
        for k in range(9):
            x = st.w * ((k + (row % 2) * 0.5) / 8.5)
            cobbles.append(arc(x, y, st.u * (0.018 + row * 0.009), st.u * (0.005 + row * 0.003), steps=14))
    st.scene.lay(cobbles, st.pal.near(rgb("#b9b4b8")), shadow=0)
    for x in (0.08, 0.92):
        st.thing("lantern", st.w * x, st.horizon + st.h * 0.02, st.u * 0.1)
        st.scene.lay(
            [
                [
                    (st.w * x - st.u * 0.006, st.horizon + st.h * 0.02),
                    (st.w * x + st.u * 0.006, st.horizon + st.h * 0.02),
                    (st.w * x + st.u * 0.01, st.horizon + st.h * 0.22),
                    (st.w * x - st.u * 0.01, st.horizon + st.h * 0.22),
                ]
            ],
            st.pal.near(rgb("#3c3a48")),
            shadow=0.2,
        )


def market(st: Stage) -> None:
    open_sky(st)
    houses(st, st.horizon + st.h * 0.05, st.u * 0.34, 6, 0.5)
    ground(st, rgb("#d9bf94"), y=st.horizon + st.h * 0.08, rise=0.004)
    for k, x in enumerate((0.12, 0.37, 0.63, 0.88)):
        _stall(
            st,
            st.w * x,
            st.horizon + st.h * (0.16 if k in (0, 3) else 0.11),
            st.u * (0.34 if k in (0, 3) else 0.26),
            ("#cf4a3e", "#3f8a8f", "#e8a33d", "#7f53a6")[k],
        )
    line = [(st.w * k / 64, st.h * (0.1 + 0.1 * (1 - (2 * ((k / 32) % 1) - 1) ** 2))) for k in range(65)]
    st.scene.lay([[*line, *[(x, y + st.u * 0.004) for x, y in reversed(line)]]], st.pal.near(rgb("#8a6a4a")), shadow=0.1)
    flags = []
    for k in range(17):
        t = k / 16
        x, y = st.w * t, st.h * (0.1 + 0.1 * (1 - (2 * ((t * 2) % 1) - 1) ** 2))
        flags.append([(x - st.u * 0.018, y), (x + st.u * 0.018, y), (x, y + st.u * 0.045)])
    for k, name in enumerate(("#cf4a3e", "#f0be4a", "#3f8a8f")):
        st.scene.lay(flags[k::3], st.pal.near(rgb(name)), shadow=0.16)


def _stall(st: Stage, x: float, y: float, size: float, name: str) -> None:
    colour, wood = st.pal.near(rgb(name)), st.pal.near(rgb("#94643c"))
    st.scene.lay(
        [[(x + s * size * 0.46, y), (x + s * size * 0.46, y - size * 0.8), (x + s * size * 0.5, y - size * 0.8), (x + s * size * 0.5, y)] for s in (-1, 1)],
        wood,
        shadow=0.2,
    )
    st.scene.lay([[(x - size * 0.5, y), (x - size * 0.5, y - size * 0.3), (x + size * 0.5, y - size * 0.3), (x + size * 0.5, y)]], wood, shadow=0.25)
    for k in range(6):
        fruit = ("#cf4a3e", "#e8a33d", "#7fae5a")[k % 3]
        st.scene.lay([arc(x - size * 0.4 + k * size * 0.16, y - size * 0.33, size * 0.075, size * 0.07, steps=18)], st.pal.near(rgb(fruit)), shadow=0.1)
    for k in range(6):
        x0, x1 = x - size * 0.6 + k * size * 0.2, x - size * 0.6 + (k + 1) * size * 0.2
        st.scene.lay(
            [
                [
                    (x0 * 0.9 + x * 0.1, y - size * 1.02),
                    (x1 * 0.9 + x * 0.1, y - size * 1.02),
                    (x1, y - size * 0.76),
                    ((x0 + x1) / 2, y - size * 0.68),
                    (x0, y - size * 0.76),
                ]
            ],
            colour if k % 2 else st.pal.near(rgb("#f6ecd8")),
            shadow=0.14,
        )


def castle(st: Stage) -> None:
    open_sky(st)
    st.hills(st.horizon - st.h * 0.05, st.h * 0.05, st.pal.leaf, 0.66, 2.2)
    x = st.w * (0.68 if st.hero_x < st.w * 0.5 else 0.32)
    st.scene.lay(
        [
            smooth(
                [
                    (x - st.u * 0.8, st.horizon + st.h * 0.12),
                    (x - st.u * 0.36, st.horizon - st.h * 0.02),
                    (x, st.horizon - st.h * 0.05),
                    (x + st.u * 0.36, st.horizon - st.h * 0.02),
                    (x + st.u * 0.8, st.horizon + st.h * 0.12),
                ]
            )
        ],
        st.pal.far(st.pal.leaf, 0.4),
        shadow=0.2,
    )
    st.thing("castle", x, st.horizon - st.h * 0.0, st.u * 0.42, 0.26)
    trees(st, st.horizon + st.h * 0.09, st.u * 0.15, 8, 0.3, st.pal.leaf2, firs=0.3, avoid=False)
    ground(st, st.pal.grass, y=st.horizon + st.h * 0.1)
    path(st, rgb("#e0c794"), x, st.w * 0.5, st.horizon + st.h * 0.09, 0.24)
    flowers(st, 10, st.horizon + st.h * 0.18, st.h * 0.95)


def garden(st: Stage) -> None:
    open_sky(st)
    trees(st, st.horizon + st.h * 0.02, st.u * 0.24, 8, 0.55, st.pal.leaf, firs=0.1)
    hedge = []
    for k in range(26):
        x = st.w * k / 25
        hedge.append(arc(x, st.horizon + st.h * 0.02 + st.luck.uniform(-0.008, 0.008) * st.h, st.u * 0.055, st.u * 0.05, steps=18))
    st.scene.lay(
        [*hedge, [(0, st.horizon + st.h * 0.02), (st.w, st.horizon + st.h * 0.02), (st.w, st.h), (0, st.h)]],
        st.pal.far(tone(st.pal.leaf2, -0.06), 0.25),
        shadow=0.28,
    )
    fence = []
    for k in range(29):
        x = st.w * (k + 0.5) / 29
        top = st.horizon + st.h * 0.025
        fence.append(
            [
                (x - st.u * 0.012, st.horizon + st.h * 0.14),
                (x - st.u * 0.012, top + st.u * 0.012),
                (x, top - st.u * 0.006),
                (x + st.u * 0.012, top + st.u * 0.012),
                (x + st.u * 0.012, st.horizon + st.h * 0.14),
            ]
        )
    for y in (0.055, 0.105):
        fence.append([(0, st.horizon + st.h * y), (st.w, st.horizon + st.h * y), (st.w, st.horizon + st.h * (y + 0.012)), (0, st.horizon + st.h * (y + 0.012))])
    st.scene.lay(fence, st.pal.far(rgb("#f6efe2"), 0.06), shadow=0.26)
    ground(st, st.pal.grass, y=st.horizon + st.h * 0.13, rise=0.006)
    path(st, rgb("#e6cfa0"), st.w * 0.5, st.w * 0.5, st.horizon + st.h * 0.13, 0.16)
    for x in st.spread(10, 0.02, 0.98):
        if st.season != "winter":
            st.thing(
                "flower",
                x,
                st.horizon + st.h * st.luck.uniform(0.15, 0.19),
                st.u * st.luck.uniform(0.06, 0.1),
                0.05,
                rgb(st.luck.choice(("#e8607a", "#f3c84a", "#f6f0e4", "#b57fd0", "#ee8b55"))),
            )


def garden_front(st: Stage) -> None:
    for k, x in enumerate((0.025, 0.075, 0.13, 0.87, 0.925, 0.975)):
        if st.season != "winter":
            st.thing("flower", st.w * x, st.h * 1.0, st.u * (0.17 - 0.02 * (k % 3)), 0.0, rgb(("#e8607a", "#f3c84a", "#b57fd0")[k % 3]))
    grass_front(st)


def farm(st: Stage) -> None:
    open_sky(st)
    st.hills(st.horizon - st.h * 0.06, st.h * 0.045, st.pal.leaf, 0.65, 2.2)
    stripes = rgb("#d9b95a") if st.season in ("summer", "autumn") else st.pal.grass
    st.hills(st.horizon + st.h * 0.0, st.h * 0.03, stripes, 0.4, 1.8)
    x = st.w * (0.76 if st.hero_x < st.w / 2 else 0.24)
    _barn(st, x, st.horizon + st.h * 0.09, st.u * 0.34)
    st.thing("tree", st.w - x * 0.98, st.horizon + st.h * 0.08, st.u * 0.26, 0.3, st.pal.leaf2)
    ground(st, st.pal.grass, y=st.horizon + st.h * 0.11)
    fence = []
    for k in range(9):
        px = st.w * (k / 8)
        fence.append(
            [
                (px - st.u * 0.012, st.horizon + st.h * 0.17),
                (px - st.u * 0.012, st.horizon + st.h * 0.06),
                (px + st.u * 0.012, st.horizon + st.h * 0.06),
                (px + st.u * 0.012, st.horizon + st.h * 0.17),
            ]
        )
    for y in (0.08, 0.125):
        fence.append([(0, st.horizon + st.h * y), (st.w, st.horizon + st.h * y), (st.w, st.horizon + st.h * (y + 0.016)), (0, st.horizon + st.h * (y + 0.016))])
    st.scene.lay(fence, st.pal.far(rgb("#a87a4f"), 0.08), shadow=0.26)


def _barn(st: Stage, x: float, y: float, size: float) -> None:
    red, roof = st.pal.far(rgb("#b8473a"), 0.2), st.pal.far(rgb("#6b4a48"), 0.2)
    st.scene.lay(
        [
            [
                (x - size * 0.55, y),
                (x - size * 0.55, y - size * 0.55),
                (x - size * 0.38, y - size * 0.82),
                (x, y - size * 0.98),
                (x + size * 0.38, y - size * 0.82),
                (x + size * 0.55, y - size * 0.55),
                (x + size * 0.55, y),
            ]
        ],
        red,
        shadow=0.3,
    )
    st.scene.lay(
        [
            [
                (x - size * 0.62, y - size * 0.5),
                (x - size * 0.42, y - size * 0.84),
                (x, y - size * 1.05),
                (x + size * 0.42, y - size * 0.84),
                (x + size * 0.62, y - size * 0.5),
                (x + size * 0.54, y - size * 0.48),
                (x + size * 0.36, y - size * 0.77),
                (x, y - size * 0.94),
                (x - size * 0.36, y - size * 0.77),
                (x - size * 0.54, y - size * 0.48),
            ]
        ],
        roof,
        shadow=0.2,
    )
    white = st.pal.far(rgb("#f4ead8"), 0.15)
    st.scene.lay([[(x - size * 0.2, y), (x - size * 0.2, y - size * 0.4), (x + size * 0.2, y - size * 0.4), (x + size * 0.2, y)]], white, shadow=0.1)
    st.scene.lay(
        [[(x - size * 0.17, y), (x - size * 0.17, y - size * 0.37), (x + size * 0.17, y - size * 0.37), (x + size * 0.17, y)]], tone(red, -0.06), shadow=0
    )
    st.scene.lay([arc(x, y - size * 0.66, size * 0.09, size * 0.09, steps=24)], white, shadow=0.1)


def road(st: Stage) -> None:
    open_sky(st)
    st.hills(st.horizon - st.h * 0.06, st.h * 0.05, st.pal.leaf, 0.68, 2.3)
    st.hills(st.horizon + st.h * 0.02, st.h * 0.03, st.pal.leaf2, 0.4, 1.9)
    trees(st, st.horizon + st.h * 0.04, st.u * 0.16, 7, 0.4, st.pal.leaf, firs=0.3)
    ground(st, st.pal.grass, y=st.horizon + st.h * 0.07)
    path(st, rgb("#dbbd8a"), st.w * (0.66 if st.hero_x < st.w / 2 else 0.34), st.w * 0.46, st.horizon + st.h * 0.065, 0.42)
    flowers(st, 10, st.horizon + st.h * 0.14, st.h * 0.95)


BACK: dict[str, Callable[[Stage], None]] = {
    "meadow": meadow,
    "forest": forest,
    "jungle": jungle,
    "mountains": mountains,
    "village": village,
    "town": town,
    "market": market,
    "castle": castle,
    "sea": places_water.sea,
    "beach": places_water.beach,
    "island": places_water.island,
    "underwater": places_water.underwater,
    "river": places_water.river,
    "lake": places_water.lake,
    "desert": places_far.desert,
    "snow land": places_far.snow_land,
    "cave": places_far.cave,
    "garden": garden,
    "farm": farm,
    "space": places_far.space,
    "moon": places_far.moon_land,
    "sky": places_far.in_the_sky,
    "road": road,
}

FRONT: dict[str, Callable[[Stage], None]] = {
    "meadow": grass_front,
    "forest": forest_front,
    "jungle": jungle_front,
    "village": grass_front,
    "castle": grass_front,
    "river": grass_front,
    "lake": places_water.lake_front,
    "garden": garden_front,
    "farm": grass_front,
    "road": grass_front,
    "mountains": grass_front,
    "sea": places_water.sea_front,
    "snow land": grass_front,
}
