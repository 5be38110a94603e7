"""Settings outdoors: what stands behind the figures (`BACK`) and the leaves, grass or rocks in front of them (`FRONT`)."""

from __future__ import annotations

import math
from collections.abc import Callable

from localstory.engines.image.paint.canvas import Point, arc, gradient, smooth
from localstory.engines.image.paint.colour import Colour, mix, rgb, tone
from localstory.engines.image.paint.sky import lightning, sky, stars
from localstory.engines.image.paint.stage import Stage, cloud, fir_tree, round_tree, tuft

SAND, SNOW = rgb("#ecd09a"), rgb("#f1f4f8")


def _open(st: Stage) -> None:
    sky(st)
    if st.weather == "storm":
        lightning(st)


def _trees(st: Stage, y: float, size: float, count: int, depth: float, colour: Colour, *, firs: float = 0.4, avoid: bool = False) -> None:
    pieces: list[list[Point]] = []
    for x in st.spread(count, -0.03, 1.03):
        if avoid and not st.clear_of_hero(x, 0.2):
            continue
        tall = size * st.luck.uniform(0.8, 1.2)
        pieces += fir_tree(x, y + st.luck.uniform(0, size * 0.08), tall, st.luck) if st.luck.random() < firs or st.season == "winter" else round_tree(x, y + st.luck.uniform(0, size * 0.08), tall, st.luck)
    st.scene.lay(pieces, st.pal.far(colour, depth), shadow=0.26 * (1 - depth * 0.5))


def _ground(st: Stage, colour: Colour, lower: Colour | None = None, y: float | None = None, rise: float = 0.012) -> None:
    st.hills(st.horizon + st.h * 0.09 if y is None else y, st.h * rise, colour, 0.05, 1.6, lower)


def _path(st: Stage, colour: Colour, far_x: float, near_x: float, top: float, wide: float = 0.2) -> None:
    middle, bottom = (top + st.h) / 2, st.h + 4.0
    left = [(far_x - st.u * 0.012, top), (far_x * 0.6 + near_x * 0.4 - st.u * wide * 0.3 + st.u * 0.07, middle), (near_x - st.u * wide, bottom)]
    right = [(near_x + st.u * wide, bottom), (far_x * 0.6 + near_x * 0.4 + st.u * wide * 0.36 + st.u * 0.07, middle), (far_x + st.u * 0.012, top)]
    st.scene.lay([[*smooth(left, 8, closed=False), *smooth(right, 8, closed=False)]], st.pal.near(colour), lower=st.pal.near(tone(colour, -0.05)), shadow=0.1)


def _flowers(st: Stage, count: int, top: float, bottom: float) -> None:
    if st.season in ("winter", "autumn"):
        return
    for _k in range(count):
        y = st.luck.uniform(top, bottom)
        x = st.luck.uniform(0.02, 0.98) * st.w
        r = st.u * (0.004 + 0.006 * (y - top) / max(1.0, bottom - top))
        colour = st.luck.choice((rgb("#f6f0e4"), rgb("#f3c84a"), rgb("#e8708a"), rgb("#b58ad0")))
        st.scene.lay([arc(x + math.cos(a) * r, y + math.sin(a) * r, r * 0.75, r * 0.75, steps=10) for a in (0.3, 1.55, 2.8, 4.06, 5.3)], st.pal.near(colour), shadow=0.0)
        st.scene.lay([arc(x, y, r * 0.6, r * 0.6, steps=10)], st.pal.near(rgb("#eeb040")), shadow=0.0)


def meadow(st: Stage) -> None:
    _open(st)
    st.hills(st.horizon - st.h * 0.1, st.h * 0.05, mix(st.pal.leaf, st.pal.haze, 0.3), 0.75, 2.4)
    st.hills(st.horizon - st.h * 0.02, st.h * 0.04, st.pal.leaf, 0.48, 2.0)
    _trees(st, st.horizon + st.h * 0.02, st.u * 0.12, 6, 0.42, st.pal.leaf2, firs=0.15)
    st.hills(st.horizon + st.h * 0.05, st.h * 0.03, tone(st.pal.grass, -0.04), 0.25, 1.6)
    _ground(st, st.pal.grass, y=st.horizon + st.h * 0.13)
    _flowers(st, 22, st.horizon + st.h * 0.16, st.h * 0.95)


def forest(st: Stage) -> None:
    _open(st)
    leaf, leaf2 = tone(st.pal.leaf, -0.06), tone(st.pal.leaf2, -0.05)
    _trees(st, st.horizon + st.h * 0.02, st.u * 0.42, 13, 0.78, leaf)
    _trees(st, st.horizon + st.h * 0.05, st.u * 0.5, 9, 0.5, leaf2)
    st.hills(st.horizon + st.h * 0.03, st.h * 0.02, mix(st.pal.grass, leaf, 0.5), 0.35)
    _trunks(st)
    _ground(st, mix(st.pal.grass, leaf, 0.28), y=st.horizon + st.h * 0.12)
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
        pieces.append(smooth([(x - wide * 1.9, base), (x - wide * 0.8, base - st.h * 0.12), (x - wide * 0.72, st.h * 0.2), (x - wide * 1.2, -st.h * 0.05), (x + wide * 1.2, -st.h * 0.05), (x + wide * 0.75, st.h * 0.2), (x + wide * 0.85, base - st.h * 0.12), (x + wide * 1.9, base)]))
    st.scene.lay(pieces, bark, lower=tone(bark, -0.05), shadow=0.36)


def forest_front(st: Stage) -> None:
    _canopy(st, tone(st.pal.leaf, -0.12))
    _grass_front(st, tone(mix(st.pal.grass, st.pal.leaf, 0.6), -0.1))


def _canopy(st: Stage, colour: Colour) -> None:
    for depth, share in ((0.07, 0.17), (-0.02, 0.1)):
        pieces = []
        for k in range(19):
            x = st.w * (k / 18)
            edge = abs(k / 18 - 0.5) * 2
            y = -st.h * 0.05 + st.h * share * (0.25 + edge**2 * 1.2)
            r = st.u * st.luck.uniform(0.07, 0.1)
            pieces.append(smooth([(x + math.cos(a) * r * (1 + 0.14 * (j % 2)), y + math.sin(a) * r * (1 + 0.14 * (j % 2))) for j, a in ((j, j / 10 * math.tau) for j in range(10))], 4))
        st.scene.lay([*pieces, [(0, 0), (st.w, 0), (st.w, 1), (0, 1)]], st.pal.near(tone(colour, depth)), shadow=0.3)


def _grass_front(st: Stage, colour: Colour) -> None:
    pieces = [[*((st.w * k / 24, st.h * (0.972 - 0.028 * abs(k / 12 - 1) ** 2) + st.luck.uniform(-2, 2)) for k in range(25)), (st.w, st.h + 4.0), (0.0, st.h + 4.0)]]
    for k in range(15):
        x = st.w * (k + st.luck.uniform(0, 1)) / 15
        edge = abs(x / st.w - 0.5) * 2
        pieces += tuft(x, st.h * 0.99, st.u * (0.035 + 0.05 * edge * edge) * st.luck.uniform(0.8, 1.2), st.luck)
    st.scene.lay(pieces, st.pal.near(colour), shadow=0.3)


def grass_front(st: Stage) -> None:
    _grass_front(st, tone(st.pal.grass, -0.13) if st.season != "winter" and st.weather != "snow" else tone(SNOW, -0.06))


def jungle(st: Stage) -> None:
    _open(st)
    green = rgb("#3f8a56")
    _trees(st, st.horizon + st.h * 0.03, st.u * 0.42, 12, 0.7, green, firs=0)
    st.hills(st.horizon + st.h * 0.03, st.h * 0.03, tone(green, -0.03), 0.4)
    for x in st.spread(4, 0.0, 1.0):
        st.thing("palm", x, st.horizon + st.h * 0.1, st.u * st.luck.uniform(0.5, 0.66), 0.2, flip=st.luck.random() < 0.5)
    _ground(st, rgb("#6fa04f"), y=st.horizon + st.h * 0.12)


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
    _grass_front(st, rgb("#2f7a4a"))


def mountains(st: Stage) -> None:
    _open(st)
    for depth, y, tall, count, colour in ((0.82, 0.0, 0.36, 5, "#8f93b0"), (0.55, 0.03, 0.27, 4, "#747a96")):
        peaks, caps = [], []
        base = st.horizon + st.h * (0.06 + y)
        for x in st.spread(count, -0.05, 1.05):
            height, wide = st.h * tall * st.luck.uniform(0.75, 1.2), st.u * st.luck.uniform(0.3, 0.42)
            top = (x + st.luck.uniform(-0.03, 0.03) * st.u, base - height)
            peaks.append([(x - wide, base), (x - wide * 0.45, base - height * 0.52), top, (x + wide * 0.4, base - height * 0.58), (x + wide, base)])
            t = 0.34
            caps.append([top, (top[0] + (x - wide * 0.45 - top[0]) * t * 2, top[1] + height * 0.48 * t * 2), (top[0] - wide * 0.1, top[1] + height * 0.24), (top[0], top[1] + height * 0.34), (top[0] + wide * 0.12, top[1] + height * 0.24), (top[0] + (x + wide * 0.4 - top[0]) * t * 2, top[1] + height * 0.42 * t * 2)])
        colour_here = st.pal.far(rgb(colour), depth)
        st.scene.lay([*peaks, [(0, base - 2), (st.w, base - 2), (st.w, st.h), (0, st.h)]], colour_here, shadow=0.22)
        st.scene.lay(caps, st.pal.far(SNOW, depth * 0.7), shadow=0.08)
    _trees(st, st.horizon + st.h * 0.1, st.u * 0.16, 11, 0.36, rgb("#4f7a62"), firs=1.0)
    st.hills(st.horizon + st.h * 0.08, st.h * 0.025, mix(st.pal.grass, rgb("#8a8f86"), 0.3), 0.2)
    _ground(st, mix(st.pal.grass, rgb("#a09a8a"), 0.35), y=st.horizon + st.h * 0.14)
    for x in st.spread(4):
        st.thing("stone", x, st.h * st.luck.uniform(0.84, 0.95), st.u * st.luck.uniform(0.03, 0.06))


def _houses(st: Stage, y: float, size: float, count: int, depth: float) -> None:
    walls = ("#ecd3a4", "#e8b98f", "#f0e2c8", "#d9c0b8", "#e6cf8f", "#cfd6c0")
    for x in st.spread(count, 0.0, 1.0, 0.2):
        st.thing("house", x, y + st.luck.uniform(-0.01, 0.015) * st.h, size * st.luck.uniform(0.9, 1.15), depth, rgb(st.luck.choice(walls)))


def village(st: Stage) -> None:
    _open(st)
    st.hills(st.horizon - st.h * 0.08, st.h * 0.05, st.pal.leaf, 0.68, 2.2)
    _trees(st, st.horizon + st.h * 0.02, st.u * 0.2, 9, 0.5, st.pal.leaf2, firs=0.2)
    _houses(st, st.horizon + st.h * 0.06, st.u * 0.25, 6, 0.34)
    st.hills(st.horizon + st.h * 0.06, st.h * 0.015, st.pal.grass, 0.25)
    for x in (st.w * 0.12, st.w * 0.88):
        st.thing("house", x, st.horizon + st.h * 0.15, st.u * 0.38, 0.1, rgb(st.luck.choice(("#ecd3a4", "#e8b98f", "#f0e2c8"))))
    _ground(st, st.pal.grass, y=st.horizon + st.h * 0.14)
    _path(st, rgb("#dcbf8c"), st.w * 0.5, st.w * st.luck.uniform(0.4, 0.6), st.horizon + st.h * 0.13, 0.22)


def town(st: Stage) -> None:
    _open(st)
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
    _ground(st, rgb("#a39fa6"), y=st.horizon + st.h * 0.1, rise=0.002)
    cobbles = []
    for row in range(5):
        y = st.horizon + st.h * (0.14 + row * row * 0.014 + row * 0.03)
        for k in range(9):
            x = st.w * ((k + (row % 2) * 0.5) / 8.5)
            cobbles.append(arc(x, y, st.u * (0.018 + row * 0.009), st.u * (0.005 + row * 0.003), steps=14))
    st.scene.lay(cobbles, st.pal.near(rgb("#b9b4b8")), shadow=0)
    for x in (0.08, 0.92):
        st.thing("lantern", st.w * x, st.horizon + st.h * 0.02, st.u * 0.1)
        st.scene.lay([[(st.w * x - st.u * 0.006, st.horizon + st.h * 0.02), (st.w * x + st.u * 0.006, st.horizon + st.h * 0.02), (st.w * x + st.u * 0.01, st.horizon + st.h * 0.22), (st.w * x - st.u * 0.01, st.horizon + st.h * 0.22)]], st.pal.near(rgb("#3c3a48")), shadow=0.2)


def market(st: Stage) -> None:
    _open(st)
    _houses(st, st.horizon + st.h * 0.05, st.u * 0.34, 6, 0.5)
    _ground(st, rgb("#d9bf94"), y=st.horizon + st.h * 0.08, rise=0.004)
    for k, x in enumerate((0.12, 0.37, 0.63, 0.88)):
        _stall(st, st.w * x, st.horizon + st.h * (0.16 if k in (0, 3) else 0.11), st.u * (0.34 if k in (0, 3) else 0.26), ("#cf4a3e", "#3f8a8f", "#e8a33d", "#7f53a6")[k])
    flags = []
    for k in range(17):
        t = k / 16
        x, y = st.w * t, st.h * (0.1 + 0.1 * (1 - (2 * ((t * 2) % 1) - 1) ** 2))
        flags.append([(x - st.u * 0.018, y), (x + st.u * 0.018, y), (x, y + st.u * 0.045)])
    for k, name in enumerate(("#cf4a3e", "#f0be4a", "#3f8a8f")):
        st.scene.lay(flags[k::3], st.pal.near(rgb(name)), shadow=0.16)


def _stall(st: Stage, x: float, y: float, size: float, name: str) -> None:
    colour, wood = st.pal.near(rgb(name)), st.pal.near(rgb("#94643c"))
    st.scene.lay([[(x + s * size * 0.46, y), (x + s * size * 0.46, y - size * 0.8), (x + s * size * 0.5, y - size * 0.8), (x + s * size * 0.5, y)] for s in (-1, 1)], wood, shadow=0.2)
    st.scene.lay([[(x - size * 0.5, y), (x - size * 0.5, y - size * 0.3), (x + size * 0.5, y - size * 0.3), (x + size * 0.5, y)]], wood, shadow=0.25)
    for k in range(6):
        fruit = ("#cf4a3e", "#e8a33d", "#7fae5a")[k % 3]
        st.scene.lay([arc(x - size * 0.4 + k * size * 0.16, y - size * 0.33, size * 0.075, size * 0.07, steps=18)], st.pal.near(rgb(fruit)), shadow=0.1)
    for k in range(6):
        x0, x1 = x - size * 0.6 + k * size * 0.2, x - size * 0.6 + (k + 1) * size * 0.2
        st.scene.lay([[(x0 * 0.9 + x * 0.1, y - size * 1.02), (x1 * 0.9 + x * 0.1, y - size * 1.02), (x1, y - size * 0.76), ((x0 + x1) / 2, y - size * 0.68), (x0, y - size * 0.76)]], colour if k % 2 else st.pal.near(rgb("#f6ecd8")), shadow=0.14)


def castle(st: Stage) -> None:
    _open(st)
    st.hills(st.horizon - st.h * 0.05, st.h * 0.05, st.pal.leaf, 0.66, 2.2)
    x = st.w * (0.68 if st.hero_x < st.w * 0.5 else 0.32)
    st.scene.lay([smooth([(x - st.u * 0.8, st.horizon + st.h * 0.12), (x - st.u * 0.36, st.horizon - st.h * 0.02), (x, st.horizon - st.h * 0.05), (x + st.u * 0.36, st.horizon - st.h * 0.02), (x + st.u * 0.8, st.horizon + st.h * 0.12)])], st.pal.far(st.pal.leaf, 0.4), shadow=0.2)
    st.thing("castle", x, st.horizon - st.h * 0.0, st.u * 0.42, 0.26)
    _trees(st, st.horizon + st.h * 0.09, st.u * 0.15, 8, 0.3, st.pal.leaf2, firs=0.3, avoid=False)
    _ground(st, st.pal.grass, y=st.horizon + st.h * 0.1)
    _path(st, rgb("#e0c794"), x, st.w * 0.5, st.horizon + st.h * 0.09, 0.24)
    _flowers(st, 10, st.horizon + st.h * 0.18, st.h * 0.95)


def _water(st: Stage, top: float, bottom: float, colour: Colour, rows: int = 5) -> None:
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


def sea(st: Stage) -> None:
    _open(st)
    if st.weather != "fog":
        st.hills(st.horizon + st.h * 0.02, st.h * 0.02, rgb("#7f9a9a"), 0.85, 3.0)
    _water(st, st.horizon + st.h * 0.02, st.h * 0.86, _sea_colour(st), 7)


def _sea_colour(st: Stage) -> Colour:
    base = rgb("#3f8fb5")
    if st.weather in ("storm", "rain"):
        base = rgb("#3d6680")
    return mix(base, st.pal.sky[1], 0.22)


def sea_front(st: Stage) -> None:
    _water(st, st.floor + st.h * 0.035, st.h * 0.98, tone(_sea_colour(st), -0.05), 3)


def beach(st: Stage) -> None:
    _open(st)
    _water(st, st.horizon + st.h * 0.01, st.horizon + st.h * 0.12, _sea_colour(st), 5)
    st.scene.lay([st.ridge(st.horizon + st.h * 0.125, st.h * 0.008, 3.0)], st.pal.near(rgb("#f7f1e4")), shadow=0.08)
    _ground(st, SAND, y=st.horizon + st.h * 0.145)
    if st.w > st.h:
        st.thing("palm", st.w * (0.92 if st.hero_x < st.w / 2 else 0.08), st.horizon + st.h * 0.2, st.u * 0.52, 0.08, flip=st.hero_x > st.w / 2)
    for x in st.spread(5):
        st.thing("shell", x, st.h * st.luck.uniform(0.86, 0.95), st.u * st.luck.uniform(0.022, 0.035), colour=rgb(st.luck.choice(("#f0a58f", "#f3e3d0", "#e8c06a"))))


def island(st: Stage) -> None:
    _open(st)
    _water(st, st.horizon, st.h * 0.95, _sea_colour(st), 6)
    cx = st.w * 0.5
    st.scene.lay([smooth([(cx - st.w * 0.56, st.floor + st.h * 0.1), (cx - st.w * 0.4, st.floor - st.h * 0.08), (cx, st.floor - st.h * 0.13), (cx + st.w * 0.4, st.floor - st.h * 0.08), (cx + st.w * 0.56, st.floor + st.h * 0.1), (cx, st.floor + st.h * 0.14)])], st.pal.near(SAND), lower=st.pal.near(tone(SAND, -0.1)), shadow=0.3)
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
        veil = st.scene.mask()[0].resize((st.w, st.h))
        st.scene.wash(veil, top)
    st.scene.image.paste(gradient((st.w, st.h), [(0.0, top), (0.5, middle), (1.0, low)]), (0, 0), gradient((st.w, st.h), [(0.0, (60, 60, 60)), (0.75, (255, 255, 255)), (1.0, (255, 255, 255))]).convert("L"))
    st.hills(st.h * 0.8, st.h * 0.06, mix(rgb("#5f8fa8"), low, 0.5), 0.0, 2.5)
    weeds = []
    for x in st.spread(7):
        if not st.clear_of_hero(x, 0.12):
            continue
        tall = st.u * st.luck.uniform(0.2, 0.42)
        line = [(x + math.sin(k * 1.3 + x) * st.u * 0.022, st.h * 0.93 - tall * k / 6) for k in range(7)]
        weeds.append([*[(px - st.u * 0.014 * (1 - k / 7), py) for k, (px, py) in enumerate(line)], *[(px + st.u * 0.014 * (1 - k / 7), py) for k, (px, py) in reversed(list(enumerate(line)))]])
    st.scene.lay([smooth(points, 4) for points in weeds], mix(rgb("#3f9a7a"), low, 0.25), shadow=0.24)
    st.hills(st.h * 0.88, st.h * 0.025, rgb("#e0c892"), 0.0, 1.7)
    for x in st.spread(4, 0.02, 0.98):
        _coral(st, x, st.h * st.luck.uniform(0.92, 0.98), st.u * st.luck.uniform(0.1, 0.17), rgb(st.luck.choice(("#e8708a", "#ee8b55", "#b56fb0", "#f3b84a"))))
    bubbles = [arc(st.w * st.luck.random(), st.h * st.luck.uniform(0.1, 0.8), r, r, steps=20) for r in (st.u * st.luck.uniform(0.005, 0.014) for _ in range(18))]
    st.scene.lay(bubbles, mix(top, (255, 255, 255), 0.5), shadow=0.1)


def _coral(st: Stage, x: float, y: float, size: float, colour: Colour) -> None:
    pieces = []
    for a, length in ((60, 0.8), (90, 1.0), (120, 0.85), (38, 0.55), (142, 0.55)):
        ex, ey = x + math.cos(math.radians(a)) * size * length, y - math.sin(math.radians(a)) * size * length
        wide = size * 0.09
        pieces += [[(x - wide, y), (ex - wide * 0.8, ey), (ex + wide * 0.8, ey), (x + wide, y)], arc(ex, ey, wide * 1.15, wide * 1.15, steps=16)]
    st.scene.lay(pieces, colour, shadow=0.26)


def _river_water(st: Stage) -> Colour:
    return mix(rgb("#5aa8c4"), st.pal.sky[1], 0.3)


def river(st: Stage) -> None:
    _open(st)
    st.hills(st.horizon - st.h * 0.09, st.h * 0.05, st.pal.leaf, 0.7, 2.2)
    _trees(st, st.horizon + st.h * 0.01, st.u * 0.2, 11, 0.48, st.pal.leaf2)
    _ground(st, st.pal.grass, y=st.horizon + st.h * 0.02)
    x0, x1 = st.w * (0.62 if st.hero_x < st.w / 2 else 0.38), st.w * (0.98 if st.hero_x < st.w / 2 else 0.02)
    y0 = st.horizon + st.h * 0.03
    left = smooth([(x0 - st.u * 0.02, y0), (x0 * 0.75 + x1 * 0.25 - st.u * 0.13, st.horizon + st.h * 0.13), (x0 * 0.5 + x1 * 0.5 - st.u * 0.2, st.floor), (x1 - st.u * 0.52, st.h + 4.0)], 8, closed=False)
    right = smooth([(x1 + st.u * 0.42, st.h + 4.0), (x0 * 0.5 + x1 * 0.5 + st.u * 0.26, st.floor), (x0 * 0.75 + x1 * 0.25 + st.u * 0.09, st.horizon + st.h * 0.13), (x0 + st.u * 0.03, y0)], 8, closed=False)
    water = _river_water(st)
    st.scene.lay([[*left, *right]], st.pal.near(tone(st.pal.earth, 0.02)), shadow=0.1)
    inner = [(x + st.u * 0.016, y) for x, y in left] + [(x - st.u * 0.016, y) for x, y in right]
    st.scene.lay([inner], st.pal.near(water), lower=st.pal.near(tone(water, -0.08)), shadow=0.16)
    lines = []
    for k in range(12):
        t = 0.1 + k * 0.075
        y = y0 + (st.h - y0) * t
        at = min(len(left) - 1, round(t * (len(left) - 1)))
        cx = (left[at][0] + right[len(right) - 1 - at][0]) / 2 + st.luck.uniform(-0.05, 0.05) * st.u
        lines.append(arc(cx, y, st.u * (0.012 + 0.05 * t), st.u * (0.0016 + 0.003 * t), steps=16))
    st.scene.lay(lines, st.pal.near(tone(water, 0.13)), shadow=0)


def lake(st: Stage) -> None:
    _open(st)
    st.hills(st.horizon - st.h * 0.08, st.h * 0.06, st.pal.leaf, 0.72, 2.4)
    _trees(st, st.horizon + st.h * 0.015, st.u * 0.19, 13, 0.5, st.pal.leaf2, firs=0.6)
    water = _river_water(st)
    _water(st, st.horizon + st.h * 0.02, st.h * 0.8, water, 5)
    for x in st.spread(3, 0.1, 0.9):
        st.thing("lily pad", x, st.horizon + st.h * st.luck.uniform(0.1, 0.16), st.u * 0.022)


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
    _grass_front(st, tone(st.pal.grass, -0.14))


def desert(st: Stage) -> None:
    _open(st)
    if st.luck.random() < 0.5:
        st.thing("pyramid", st.w * (0.7 if st.hero_x < st.w / 2 else 0.3), st.horizon + st.h * 0.03, st.u * 0.2, 0.5)
    for k, depth in enumerate((0.6, 0.35, 0.15)):
        st.hills(st.horizon + st.h * (-0.01 + 0.05 * k), st.h * 0.035, tone(rgb("#e6bd78"), -0.02 * k), depth, 1.6 + k * 0.5)
    for x in st.spread(3, 0.05, 0.95):
        if st.clear_of_hero(x, 0.2):
            st.thing("cactus", x, st.horizon + st.h * st.luck.uniform(0.1, 0.14), st.u * st.luck.uniform(0.1, 0.18), 0.2)
    _ground(st, rgb("#edc987"), y=st.horizon + st.h * 0.14)


def snow_land(st: Stage) -> None:
    _open(st)
    for depth, y in ((0.7, -0.02), (0.45, 0.02)):
        pieces = []
        for x in st.spread(5, -0.05, 1.05):
            wide, tall = st.u * st.luck.uniform(0.16, 0.28), st.u * st.luck.uniform(0.1, 0.22)
            base = st.horizon + st.h * (0.06 + y)
            pieces.append([(x - wide, base), (x - wide * 0.5, base - tall * 0.7), (x - wide * 0.1, base - tall), (x + wide * 0.3, base - tall * 0.55), (x + wide, base)])
        st.scene.lay(pieces, st.pal.far(rgb("#cfe3f0"), depth), shadow=0.2)
    st.hills(st.horizon + st.h * 0.05, st.h * 0.02, tone(SNOW, -0.05), 0.3)
    _ground(st, SNOW, tone(SNOW, -0.06), y=st.horizon + st.h * 0.12)


def cave(st: Stage) -> None:
    rock, deep = rgb("#5f5470"), rgb("#2a2540")
    warm = rgb("#8f7a9a")
    st.scene.image.paste(gradient((st.w, st.h), [(0.0, mix(warm, deep, 0.35)), (0.6, mix(warm, rock, 0.3)), (1.0, deep)]), (0, 0))
    st.glow(st.hero_x, st.floor - st.u * 0.2, st.u * 0.7, rgb("#e8b07a"), 0.42)
    for depth, inset, colour in ((0, 0.3, mix(rock, warm, 0.4)), (1, 0.2, rock), (2, 0.09, mix(rock, deep, 0.5))):
        hole = []
        for k in range(22):
            a = math.pi + k / 21 * math.pi
            r = 1 + st.luck.uniform(-0.06, 0.06)
            hole.append((st.w * 0.5 + math.cos(a) * st.w * (0.5 - inset * 0.55) * r, st.floor + st.h * 0.02 + math.sin(a) * (st.floor - st.h * inset * 0.6) * r))
        hole += [(st.w * (0.5 + (0.5 - inset * 0.5)), st.h * (0.82 + depth * 0.02)), (st.w * 0.5, st.h * (0.83 + depth * 0.03)), (st.w * (0.5 - (0.5 - inset * 0.5)), st.h * (0.82 + depth * 0.02))]
        st.scene.lay([[(0, 0), (st.w, 0), (st.w, st.h), (0, st.h)]], colour, shadow=0.4, holes=[smooth(hole, 5)])
        if depth == 1:
            teeth = []
            for x in st.spread(7, 0.16, 0.84):
                tall = st.h * st.luck.uniform(0.06, 0.16)
                y = st.h * 0.1 + abs(x / st.w - 0.5) * st.h * 0.2
                teeth.append([(x - st.u * 0.026, y - st.h * 0.12), (x + st.u * 0.026, y - st.h * 0.12), (x, y + tall)])
            st.scene.lay(teeth, rock, shadow=0.3)
    _ground(st, mix(rock, warm, 0.25), deep, y=st.floor - st.h * 0.06, rise=0.008)
    for x, name in ((0.12, "#6fc9d6"), (0.88, "#c98ad9"), (0.2, "#8fd6a8")):
        for k in range(3):
            cx, tall = st.w * x + (k - 1) * st.u * 0.035, st.u * (0.09 - 0.02 * abs(k - 1))
            st.scene.lay([[(cx - st.u * 0.014, st.floor), (cx - st.u * 0.01 + (k - 1) * st.u * 0.014, st.floor - tall), (cx + (k - 1) * st.u * 0.02, st.floor - tall * 1.25), (cx + st.u * 0.014, st.floor)]], rgb(name), shadow=0.25)
        st.glow(st.w * x, st.floor - st.u * 0.05, st.u * 0.22, rgb(name), 0.42)


def garden(st: Stage) -> None:
    _open(st)
    _trees(st, st.horizon + st.h * 0.02, st.u * 0.24, 8, 0.55, st.pal.leaf, firs=0.1)
    hedge = []
    for k in range(26):
        x = st.w * k / 25
        hedge.append(arc(x, st.horizon + st.h * 0.02 + st.luck.uniform(-0.008, 0.008) * st.h, st.u * 0.055, st.u * 0.05, steps=18))
    st.scene.lay([*hedge, [(0, st.horizon + st.h * 0.02), (st.w, st.horizon + st.h * 0.02), (st.w, st.h), (0, st.h)]], st.pal.far(tone(st.pal.leaf2, -0.06), 0.25), shadow=0.28)
    fence = []
    for k in range(29):
        x = st.w * (k + 0.5) / 29
        top = st.horizon + st.h * 0.025
        fence.append([(x - st.u * 0.012, st.horizon + st.h * 0.14), (x - st.u * 0.012, top + st.u * 0.012), (x, top - st.u * 0.006), (x + st.u * 0.012, top + st.u * 0.012), (x + st.u * 0.012, st.horizon + st.h * 0.14)])
    for y in (0.055, 0.105):
        fence.append([(0, st.horizon + st.h * y), (st.w, st.horizon + st.h * y), (st.w, st.horizon + st.h * (y + 0.012)), (0, st.horizon + st.h * (y + 0.012))])
    st.scene.lay(fence, st.pal.far(rgb("#f6efe2"), 0.06), shadow=0.26)
    _ground(st, st.pal.grass, y=st.horizon + st.h * 0.13, rise=0.006)
    _path(st, rgb("#e6cfa0"), st.w * 0.5, st.w * 0.5, st.horizon + st.h * 0.13, 0.16)
    for x in st.spread(10, 0.02, 0.98):
        if st.season != "winter":
            st.thing("flower", x, st.horizon + st.h * st.luck.uniform(0.15, 0.19), st.u * st.luck.uniform(0.06, 0.1), 0.05, rgb(st.luck.choice(("#e8607a", "#f3c84a", "#f6f0e4", "#b57fd0", "#ee8b55"))))


def garden_front(st: Stage) -> None:
    for k, x in enumerate((0.025, 0.075, 0.13, 0.87, 0.925, 0.975)):
        if st.season != "winter":
            st.thing("flower", st.w * x, st.h * 1.0, st.u * (0.17 - 0.02 * (k % 3)), 0.0, rgb(("#e8607a", "#f3c84a", "#b57fd0")[k % 3]))
    grass_front(st)


def farm(st: Stage) -> None:
    _open(st)
    st.hills(st.horizon - st.h * 0.06, st.h * 0.045, st.pal.leaf, 0.65, 2.2)
    stripes = rgb("#d9b95a") if st.season in ("summer", "autumn") else st.pal.grass
    st.hills(st.horizon + st.h * 0.0, st.h * 0.03, stripes, 0.4, 1.8)
    x = st.w * (0.76 if st.hero_x < st.w / 2 else 0.24)
    _barn(st, x, st.horizon + st.h * 0.09, st.u * 0.34)
    st.thing("tree", st.w - x * 0.98, st.horizon + st.h * 0.08, st.u * 0.26, 0.3, st.pal.leaf2)
    _ground(st, st.pal.grass, y=st.horizon + st.h * 0.11)
    fence = []
    for k in range(9):
        px = st.w * (k / 8)
        fence.append([(px - st.u * 0.012, st.horizon + st.h * 0.17), (px - st.u * 0.012, st.horizon + st.h * 0.06), (px + st.u * 0.012, st.horizon + st.h * 0.06), (px + st.u * 0.012, st.horizon + st.h * 0.17)])
    for y in (0.08, 0.125):
        fence.append([(0, st.horizon + st.h * y), (st.w, st.horizon + st.h * y), (st.w, st.horizon + st.h * (y + 0.016)), (0, st.horizon + st.h * (y + 0.016))])
    st.scene.lay(fence, st.pal.far(rgb("#a87a4f"), 0.08), shadow=0.26)


def _barn(st: Stage, x: float, y: float, size: float) -> None:
    red, roof = st.pal.far(rgb("#b8473a"), 0.2), st.pal.far(rgb("#6b4a48"), 0.2)
    st.scene.lay([[(x - size * 0.55, y), (x - size * 0.55, y - size * 0.55), (x - size * 0.38, y - size * 0.82), (x, y - size * 0.98), (x + size * 0.38, y - size * 0.82), (x + size * 0.55, y - size * 0.55), (x + size * 0.55, y)]], red, shadow=0.3)
    st.scene.lay([[(x - size * 0.62, y - size * 0.5), (x - size * 0.42, y - size * 0.84), (x, y - size * 1.05), (x + size * 0.42, y - size * 0.84), (x + size * 0.62, y - size * 0.5), (x + size * 0.54, y - size * 0.48), (x + size * 0.36, y - size * 0.77), (x, y - size * 0.94), (x - size * 0.36, y - size * 0.77), (x - size * 0.54, y - size * 0.48)]], roof, shadow=0.2)
    white = st.pal.far(rgb("#f4ead8"), 0.15)
    st.scene.lay([[(x - size * 0.2, y), (x - size * 0.2, y - size * 0.4), (x + size * 0.2, y - size * 0.4), (x + size * 0.2, y)]], white, shadow=0.1)
    st.scene.lay([[(x - size * 0.17, y), (x - size * 0.17, y - size * 0.37), (x + size * 0.17, y - size * 0.37), (x + size * 0.17, y)]], tone(red, -0.06), shadow=0)
    st.scene.lay([arc(x, y - size * 0.66, size * 0.09, size * 0.09, steps=24)], white, shadow=0.1)


def space(st: Stage) -> None:
    sky(st, space=True)
    for x, y, r, name in ((0.2, 0.24, 0.11, "#e08a6a"), (0.82, 0.6, 0.075, "#7fc9b5"), (0.6, 0.16, 0.04, "#d9b3e8")):
        px = x if st.hero_x > st.w / 2 or y > 0.5 else 1 - x
        cx, cy, size = st.w * px, st.h * y, st.u * r
        colour = rgb(name)
        st.scene.lay([arc(cx, cy, size, size, steps=60)], colour, shadow=0.2)
        st.scene.lay([smooth([(cx - size * 0.9, cy - size * 0.3), (cx, cy - size * 0.12), (cx + size * 0.92, cy - size * 0.34), (cx + size * 0.96, cy - size * 0.1), (cx, cy + size * 0.14), (cx - size * 0.98, cy - size * 0.05)])], tone(colour, 0.08), shadow=0)
        if r > 0.1:
            ring = arc(cx, cy, size * 1.75, size * 0.42, 158, 382, 60)
            back = arc(cx, cy, size * 1.42, size * 0.3, 382, 158, 60)
            st.scene.lay([[*ring, *back]], rgb("#f3d9a0"), shadow=0.2)
    ground = rgb("#b9b3cc")
    st.scene.lay([smooth([(-st.w * 0.1, st.h * 1.1), (0, st.floor + st.h * 0.02), (st.w * 0.5, st.floor - st.h * 0.07), (st.w, st.floor + st.h * 0.02), (st.w * 1.1, st.h * 1.1)])], ground, lower=tone(ground, -0.2), shadow=0.3)
    craters = []
    for x in st.spread(6, 0.06, 0.94):
        r = st.u * st.luck.uniform(0.02, 0.05)
        craters.append(arc(x, st.h * st.luck.uniform(0.88, 0.96), r, r * 0.34, steps=24))
    st.scene.lay(craters, tone(ground, -0.1), shadow=0)


def moon_land(st: Stage) -> None:
    sky(st, space=True)
    cx, cy, r = st.w * (0.76 if st.hero_x < st.w / 2 else 0.24), st.h * 0.26, st.u * 0.13
    st.scene.lay([arc(cx, cy, r, r, steps=60)], rgb("#4f93c9"), shadow=0.2)
    st.scene.lay([smooth([(cx - r * 0.7, cy - r * 0.4), (cx - r * 0.1, cy - r * 0.66), (cx + r * 0.2, cy - r * 0.2), (cx - r * 0.3, cy + r * 0.1)]), smooth([(cx + r * 0.1, cy + r * 0.2), (cx + r * 0.6, cy + r * 0.1), (cx + r * 0.5, cy + r * 0.6), (cx + r * 0.2, cy + r * 0.6)])], rgb("#7fb56a"), shadow=0)
    st.glow(cx, cy, r * 3, rgb("#9fd0f0"), 0.4)
    for k, colour in enumerate(("#8f8ba8", "#b9b5c8", "#d6d2da")):
        st.hills(st.horizon + st.h * (0.03 + 0.06 * k), st.h * 0.03, rgb(colour), 0.0, 2.2 - k * 0.4)
    craters = []
    for x in st.spread(7, 0.04, 0.96):
        r = st.u * st.luck.uniform(0.02, 0.055)
        craters.append(arc(x, st.h * st.luck.uniform(0.84, 0.96), r, r * 0.32, steps=24))
    st.scene.lay(craters, rgb("#aaa6b8"), shadow=0)


def in_the_sky(st: Stage) -> None:
    st.horizon = st.h * 0.98
    _open(st)
    st.scene.lay([st.ridge(st.h * 0.9, st.h * 0.02, 3.0)], st.pal.far(st.pal.leaf, 0.75), shadow=0.1)
    white = mix(rgb("#fdfcf6"), st.pal.sky[1], 0.1) if not st.pal.dark else rgb("#6a78aa")
    for y, size, count, share in ((0.62, 0.34, 4, 0.4), (0.78, 0.44, 4, 0.2), (0.92, 0.6, 4, 0.0)):
        for x in st.spread(count, -0.05, 1.05):
            st.scene.lay(cloud(x, st.h * y + st.luck.uniform(-0.02, 0.02) * st.h, st.u * size * st.luck.uniform(0.85, 1.2), st.luck), mix(white, st.pal.sky[1], share), shadow=0.18)


def road(st: Stage) -> None:
    _open(st)
    st.hills(st.horizon - st.h * 0.06, st.h * 0.05, st.pal.leaf, 0.68, 2.3)
    st.hills(st.horizon + st.h * 0.02, st.h * 0.03, st.pal.leaf2, 0.4, 1.9)
    _trees(st, st.horizon + st.h * 0.04, st.u * 0.16, 7, 0.4, st.pal.leaf, firs=0.3)
    _ground(st, st.pal.grass, y=st.horizon + st.h * 0.07)
    _path(st, rgb("#dbbd8a"), st.w * (0.66 if st.hero_x < st.w / 2 else 0.34), st.w * 0.46, st.horizon + st.h * 0.065, 0.42)
    _flowers(st, 10, st.horizon + st.h * 0.14, st.h * 0.95)


BACK: dict[str, Callable[[Stage], None]] = {
    "meadow": meadow, "forest": forest, "jungle": jungle, "mountains": mountains, "village": village, "town": town, "market": market, "castle": castle, "sea": sea, "beach": beach, "island": island,
    "underwater": underwater, "river": river, "lake": lake, "desert": desert, "snow land": snow_land, "cave": cave, "garden": garden, "farm": farm, "space": space, "moon": moon_land, "sky": in_the_sky, "road": road,
}  # fmt: skip

FRONT: dict[str, Callable[[Stage], None]] = {
    "meadow": grass_front, "forest": forest_front, "jungle": jungle_front, "village": grass_front, "castle": grass_front, "river": grass_front, "lake": lake_front, "garden": garden_front, "farm": grass_front,
    "road": grass_front, "mountains": grass_front, "sea": sea_front, "snow land": grass_front,
}  # fmt: skip

__all__ = ["BACK", "FRONT", "stars"]
