"""Settings indoors: a wall, a floor, a window on the weather, and what makes a room a kitchen or a library."""

from __future__ import annotations

import math
from collections.abc import Callable

from PIL import Image, ImageDraw

from localstory.engines.image.paint.canvas import Scene, arc, gradient
from localstory.engines.image.paint.colour import Colour, mix, rgb, tone
from localstory.engines.image.paint.sky import sky, weather_veil
from localstory.engines.image.paint.stage import Stage, fir_tree, round_tree

LIT = rgb("#ffcf7a")


def room(st: Stage, wall: Colour, floor: Colour, pattern: str = "") -> None:
    """Wall, skirting, floor boards; the wall falls dark away from the light."""
    dim = 0.34 if st.pal.dark else 0.12 if st.time == "evening" else 0.0
    night = rgb("#27244f")
    upper, lower = mix(tone(wall, -0.05), night, dim), mix(wall, night, dim * 0.7)
    line = st.floor - st.h * 0.1
    st.scene.image.paste(gradient((st.w, round(line)), [(0.0, upper), (1.0, lower)]), (0, 0))
    ornaments = []
    if pattern == "stripes":
        for k in range(14):
            x = st.w * k / 14
            ornaments.append([(x, 0), (x + st.w / 28, 0), (x + st.w / 28, line), (x, line)])
    elif pattern == "dots":
        for row in range(8):
            for k in range(15):
                x, y = st.w * (k + (row % 2) * 0.5) / 14, line * (row + 0.5) / 8
                ornaments.append(arc(x, y, st.u * 0.008, st.u * 0.008, steps=10))
    elif pattern == "tiles":
        for k in range(15):
            x = st.w * k / 14
            ornaments.append([(x, line * 0.5), (x + st.u * 0.004, line * 0.5), (x + st.u * 0.004, line), (x, line)])
        for k in range(5):
            y = line * (0.5 + k * 0.125)
            ornaments.append([(0, y), (st.w, y), (st.w, y + st.u * 0.004), (0, y + st.u * 0.004)])
    st.scene.lay(ornaments, mix(tone(lower, 0.03), upper, 0.2), shadow=0)
    ground = mix(floor, night, dim)
    st.scene.lay([[(0, line), (st.w, line), (st.w, st.h), (0, st.h)]], ground, lower=tone(ground, -0.09), shadow=0.3)
    boards = []
    for k in range(-6, 20):
        x = st.w * k / 13
        boards.append(
            [
                (st.w / 2 + (x - st.w / 2) * 0.8, line),
                (st.w / 2 + (x - st.w / 2) * 0.8 + st.u * 0.003, line),
                (st.w / 2 + (x - st.w / 2) * 1.5 + st.u * 0.005, st.h),
                (st.w / 2 + (x - st.w / 2) * 1.5, st.h),
            ]
        )
    st.scene.lay(boards, tone(ground, -0.06), shadow=0)
    st.scene.lay(
        [[(0, line - st.u * 0.022), (st.w, line - st.u * 0.022), (st.w, line + st.u * 0.004), (0, line + st.u * 0.004)]],
        mix(rgb("#f6ead4"), night, dim),
        shadow=0.2,
    )


def view(st: Stage, x: float, y: float, wide: float, tall: float) -> None:
    """A window with the sky, the time and the weather in it; (x, y) is its middle, all in pixels."""
    px_w, px_h = max(24, round(wide)), max(24, round(tall))
    little = Scene(px_w, px_h, st.pal.sky[1])
    inner = Stage(little, st.pal, st.luck, px_h * 0.74, px_h * 0.9, st.time, st.weather, st.season, st.mood, px_w * (0.9 if st.luck.random() < 0.5 else 0.1))
    sky(inner)
    inner.hills(px_h * 0.78, px_h * 0.06, st.pal.leaf, 0.4, 1.6)
    trees = []
    for k in range(3):
        tx = px_w * (0.12 + 0.36 * k + st.luck.uniform(-0.06, 0.06))
        trees += fir_tree(tx, px_h * 0.86, px_h * 0.3, st.luck) if k % 2 else round_tree(tx, px_h * 0.86, px_h * 0.28, st.luck)
    little.lay(trees, st.pal.far(st.pal.leaf2, 0.2), shadow=0.2)
    inner.hills(px_h * 0.9, px_h * 0.03, st.pal.grass, 0.1, 1.4)
    weather_veil(inner)
    frame = mix(rgb("#f8efdd"), rgb("#27244f"), 0.25 if st.pal.dark else 0.0)
    t = st.u * 0.016
    x0, y0, x1, y1 = x - wide / 2, y - tall / 2, x + wide / 2, y + tall / 2
    st.scene.lay([[(x0 - t, y0 - t), (x1 + t, y0 - t), (x1 + t, y1 + t), (x0 - t, y1 + t)]], frame, shadow=0.26)
    st.scene.image.paste(little.image, (round(x0), round(y0)))
    bars = [
        [(x - t * 0.35, y0), (x + t * 0.35, y0), (x + t * 0.35, y1), (x - t * 0.35, y1)],
        [(x0, y - t * 0.35), (x1, y - t * 0.35), (x1, y + t * 0.35), (x0, y + t * 0.35)],
    ]
    st.scene.lay(bars, frame, shadow=0.25)
    st.scene.lay([[(x0 - t * 2, y1 + t), (x1 + t * 2, y1 + t), (x1 + t * 2, y1 + t * 2.2), (x0 - t * 2, y1 + t * 2.2)]], tone(frame, -0.06), shadow=0.3)
    cloth = st.pal.near(rgb(st.luck.choice(("#c9564a", "#3f7f8f", "#d99a45", "#7f5a9a"))))
    for side in (-1, 1):
        edge = x + side * (wide / 2 + t * 2.4)
        fold = edge - side * wide * 0.3
        st.scene.lay(
            [
                [
                    (edge, y0 - t * 2.5),
                    (fold, y0 - t * 2.5),
                    (fold + side * wide * 0.06, y),
                    (edge - side * wide * 0.05, y1 + t * 4),
                    (edge + side * t * 1.5, y1 + t * 4),
                ]
            ],
            cloth,
            lower=tone(cloth, -0.08),
            shadow=0.28,
        )
    st.scene.lay(
        [[(x0 - t * 5, y0 - t * 3.6), (x1 + t * 5, y0 - t * 3.6), (x1 + t * 5, y0 - t * 2.4), (x0 - t * 5, y0 - t * 2.4)]],
        st.pal.near(rgb("#8a5a3a")),
        shadow=0.25,
    )
    if st.time in ("day", "morning", "dawn") and st.weather in ("clear", "rainbow", "wind"):
        st.glow(x, y + tall * 0.3, st.u * 0.7, rgb("#fff0c0"), 0.3)


def lamp(st: Stage, x: float) -> None:
    """A hanging lamp, lit in the evening and at night."""
    y = st.h * 0.2
    brass = st.pal.near(rgb("#c9963f"))
    st.scene.lay([[(x - 1.5, 0), (x + 1.5, 0), (x + 1.5, y), (x - 1.5, y)]], brass, shadow=0.1)
    st.scene.lay(
        [[(x - st.u * 0.02, y - st.u * 0.03), (x + st.u * 0.02, y - st.u * 0.03), (x + st.u * 0.07, y + st.u * 0.03), (x - st.u * 0.07, y + st.u * 0.03)]],
        brass,
        shadow=0.28,
    )
    st.scene.lay([arc(x, y + st.u * 0.035, st.u * 0.022, st.u * 0.022, steps=20)], rgb("#fff3c4"), shadow=0)
    if st.pal.dark or st.time == "evening":
        st.glow(x, y + st.u * 0.04, st.u * 0.85, LIT, 0.5)


def rug(st: Stage, x: float, colour: Colour) -> None:
    """An oval rug under the figures."""
    y = st.floor + st.h * 0.012
    for k, share in enumerate((1.0, 0.82, 0.6)):
        st.scene.lay([arc(x, y, st.u * 0.46 * share, st.h * 0.062 * share, steps=60)], st.pal.near(tone(colour, 0.07 * (k % 2))), shadow=0.16 if k == 0 else 0)


def shelf(st: Stage, x: float, y: float, wide: float, tall: float, rows: int) -> None:
    """A bookcase; (x, y) is the middle of its foot."""
    wood = st.pal.near(rgb("#7f5335"))
    st.scene.lay([[(x - wide / 2, y), (x - wide / 2, y - tall), (x + wide / 2, y - tall), (x + wide / 2, y)]], wood, shadow=0.3)
    gap = wide * 0.03
    colours = [st.pal.near(rgb(name)) for name in ("#b5483d", "#3f7a8a", "#d9a64a", "#6f8f5a", "#7a5a8f", "#e0cfae")]
    books: list[list[list[tuple[float, float]]]] = [[] for _ in colours]
    backs = []
    for row in range(rows):
        base = y - gap - (tall - gap) * row / rows
        room_h = (tall - gap) / rows - gap
        backs.append([(x - wide / 2 + gap, base), (x - wide / 2 + gap, base - room_h), (x + wide / 2 - gap, base - room_h), (x + wide / 2 - gap, base)])
        at = x - wide / 2 + gap * 1.4
        while at < x + wide / 2 - gap * 3:
            thick = wide * st.luck.uniform(0.045, 0.09)
            if at + thick > x + wide / 2 - gap:
                break
            high = room_h * st.luck.uniform(0.6, 0.93)
            lean = thick * 0.5 if st.luck.random() < 0.1 else 0.0
            books[st.luck.randrange(len(colours))].append(
                [(at, base), (at + lean, base - high), (at + lean + thick * 0.9, base - high), (at + thick * 0.9, base)]
            )
            at += thick + lean
    st.scene.lay(backs, tone(wood, -0.12), shadow=0)
    for colour, pieces in zip(colours, books, strict=True):
        st.scene.lay(pieces, colour, shadow=0.14)


def _side(st: Stage) -> float:
    """1 when the free side of the picture is the right one, else -1."""
    return 1.0 if st.hero_x < st.w / 2 else -1.0


def bedroom(st: Stage) -> None:
    room(st, rgb("#a9bcd6"), rgb("#b98a5f"), "dots")
    side = _side(st)
    view(st, st.w / 2 - side * st.w * 0.2, st.h * 0.32, st.u * 0.34, st.u * 0.38)
    if not st.bed_taken:
        st.thing(
            "bed",
            st.w / 2 + side * min(st.w * 0.26, st.u * 0.5),
            st.floor + st.h * 0.0,
            st.u * 0.34,
            0.0,
            rgb(st.luck.choice(("#5f8fb0", "#b5685f", "#6f9a6a"))),
            flip=side < 0,
        )
    rug(st, st.w / 2 - side * st.w * 0.1, rgb("#d98a6a"))
    lamp(st, st.w / 2 + side * st.w * 0.2)


def kitchen(st: Stage) -> None:
    room(st, rgb("#f0dcae"), rgb("#c08f62"), "tiles")
    side = _side(st)
    view(st, st.w / 2 - side * st.w * 0.22, st.h * 0.3, st.u * 0.32, st.u * 0.32)
    line = st.floor - st.h * 0.08
    x = st.w / 2 + side * st.w * 0.27
    half = min(st.u * 0.36, st.w * 0.24)
    wood, top = st.pal.near(rgb("#6f9a8f")), st.pal.near(rgb("#f3e6cc"))
    st.scene.lay([[(x - half, line), (x - half, line - st.u * 0.25), (x + half, line - st.u * 0.25), (x + half, line)]], wood, shadow=0.3)
    for k in range(3):
        x0 = x - half + half * 2 * (k + 0.08) / 3
        st.scene.lay(
            [[(x0, line - st.u * 0.02), (x0, line - st.u * 0.22), (x0 + half * 0.56, line - st.u * 0.22), (x0 + half * 0.56, line - st.u * 0.02)]],
            tone(wood, 0.05),
            shadow=0.12,
        )
    st.scene.lay(
        [
            [
                (x - half * 1.05, line - st.u * 0.25),
                (x - half * 1.05, line - st.u * 0.28),
                (x + half * 1.05, line - st.u * 0.28),
                (x + half * 1.05, line - st.u * 0.25),
            ]
        ],
        top,
        shadow=0.25,
    )
    st.thing("bowl", x - half * 0.5, line - st.u * 0.28, st.u * 0.09)
    st.thing("bread", x + half * 0.1, line - st.u * 0.28, st.u * 0.07)
    st.thing("bottle", x + half * 0.65, line - st.u * 0.28, st.u * 0.11)
    st.scene.lay(
        [[(x - half, st.h * 0.31), (x + half, st.h * 0.31), (x + half, st.h * 0.33), (x - half, st.h * 0.33)]], st.pal.near(rgb("#94643c")), shadow=0.28
    )
    for k, name in enumerate(("cup", "cup", "honey", "cup")):
        st.thing(name, x - half * 0.75 + k * half * 0.5, st.h * 0.31, st.u * 0.06, 0.0, rgb(("#c9564a", "#3f7f8f", "#c9803f", "#d9a64a")[k]))
    for k in range(3):
        px = st.w / 2 - side * (st.w * 0.02) + (k - 1) * st.u * 0.07
        st.scene.lay(
            [
                [(px - 1.5, 0), (px + 1.5, 0), (px + 1.5, st.h * (0.13 + 0.02 * k)), (px - 1.5, st.h * (0.13 + 0.02 * k))],
                arc(px, st.h * (0.15 + 0.02 * k), st.u * 0.026, st.u * 0.024, steps=22),
            ],
            st.pal.near(rgb("#b5683f")),
            shadow=0.22,
        )
    if st.pal.dark or st.time == "evening":
        st.glow(st.w / 2, st.h * 0.25, st.u * 0.9, LIT, 0.42)


def living_room(st: Stage) -> None:
    room(st, rgb("#c98f78"), rgb("#a87850"), "stripes")
    side = _side(st)
    view(st, st.w / 2 - side * st.w * 0.24, st.h * 0.31, st.u * 0.3, st.u * 0.36)
    x, line = st.w / 2 + side * st.w * 0.24, st.floor - st.h * 0.08
    half = min(st.u * 0.22, st.w * 0.2)
    stone = st.pal.near(rgb("#b9a79a"))
    st.scene.lay(
        [
            [
                (x - half, line),
                (x - half, line - st.u * 0.4),
                (x - half * 0.6, line - st.u * 0.46),
                (x - half * 0.6, 0),
                (x + half * 0.6, 0),
                (x + half * 0.6, line - st.u * 0.46),
                (x + half, line - st.u * 0.4),
                (x + half, line),
            ]
        ],
        stone,
        shadow=0.3,
    )
    st.scene.lay(
        [
            [
                (x - half * 1.15, line - st.u * 0.4),
                (x + half * 1.15, line - st.u * 0.4),
                (x + half * 1.15, line - st.u * 0.36),
                (x - half * 1.15, line - st.u * 0.36),
            ]
        ],
        st.pal.near(rgb("#8a5a3a")),
        shadow=0.28,
    )
    st.scene.lay(
        [[(x - half * 0.62, line), *arc(x, line - st.u * 0.16, half * 0.62, st.u * 0.1, 180, 360, 20), (x + half * 0.62, line)]], rgb("#2c2230"), shadow=0
    )
    st.thing("fire", x, line, st.u * 0.16)
    st.glow(x, line - st.u * 0.08, st.u * 0.5, rgb("#ff9f4a"), 0.5)
    st.thing("candle", x - half * 0.7, line - st.u * 0.4, st.u * 0.09)
    st.thing("clock", x, line - st.u * 0.4, st.u * 0.11)
    rug(st, st.w * 0.5, rgb("#8f4a4a"))


def school(st: Stage) -> None:
    room(st, rgb("#e3d7a8"), rgb("#b58a5c"))
    x = st.w / 2 + _side(st) * st.w * 0.13
    wide, tall = min(st.u * 0.42, st.w * 0.28), st.h * 0.25
    st.scene.lay(
        [
            [
                (x - wide - st.u * 0.02, st.h * 0.13 - st.u * 0.02),
                (x + wide + st.u * 0.02, st.h * 0.13 - st.u * 0.02),
                (x + wide + st.u * 0.02, st.h * 0.13 + tall + st.u * 0.02),
                (x - wide - st.u * 0.02, st.h * 0.13 + tall + st.u * 0.02),
            ]
        ],
        st.pal.near(rgb("#94643c")),
        shadow=0.3,
    )
    st.scene.lay(
        [[(x - wide, st.h * 0.13), (x + wide, st.h * 0.13), (x + wide, st.h * 0.13 + tall), (x - wide, st.h * 0.13 + tall)]],
        st.pal.near(rgb("#2f5f50")),
        shadow=0,
    )
    chalk = [(x - wide * 0.8 + wide * 1.2 * k / 14, st.h * 0.13 + tall * (0.3 + 0.04 * math.sin(k * 2.2))) for k in range(15)]
    over = 2
    mask = Image.new("L", (st.w * over, st.h * over))
    draw = ImageDraw.Draw(mask)
    draw.line([(px * over, py * over) for px, py in chalk], fill=220, width=max(1, round(st.u * 0.005 * over)))
    for k, y in enumerate((0.52, 0.72)):
        draw.line(
            [((x - wide * 0.8) * over, (st.h * 0.13 + tall * y) * over), ((x + wide * (0.3 - 0.3 * k)) * over, (st.h * 0.13 + tall * y) * over)],
            fill=190,
            width=max(1, round(st.u * 0.004 * over)),
        )
    draw.ellipse(
        ((x + wide * 0.5) * over, (st.h * 0.13 + tall * 0.35) * over, (x + wide * 0.5 + tall * 0.4) * over, (st.h * 0.13 + tall * 0.75) * over),
        outline=220,
        width=max(1, round(st.u * 0.005 * over)),
    )
    st.scene.wash(mask.reduce(over), rgb("#f4f1e4"))
    view(st, st.w / 2 - _side(st) * st.w * 0.32, st.h * 0.3, st.u * 0.24, st.u * 0.32)
    for k in (-1, 1):
        st.thing("table", st.w * (0.5 + k * 0.27), st.floor - st.h * 0.02, st.u * 0.16)
    st.thing("apple", st.w * 0.23, st.floor - st.h * 0.02 - st.u * 0.155, st.u * 0.06)
    st.thing("book", st.w * 0.78, st.floor - st.h * 0.02 - st.u * 0.155, st.u * 0.06)


def library(st: Stage) -> None:
    room(st, rgb("#a87f6a"), rgb("#8f6240"))
    line = st.floor - st.h * 0.07
    count = max(3, round(st.w / (st.u * 0.42)))
    middle = count // 2
    for k in range(count):
        x = st.w * (k + 0.5) / count
        if k == middle and count % 2:
            view(st, x, st.h * 0.33, st.w / count * 0.62, st.u * 0.36)
        else:
            shelf(st, x, line, st.w / count * 0.94, st.h * 0.66, 5)
    rug(st, st.w * 0.5, rgb("#7a3f4a"))
    if st.pal.dark or st.time == "evening":
        lamp(st, st.w * 0.5)


def workshop(st: Stage) -> None:
    room(st, rgb("#b9a58f"), rgb("#94714f"))
    side = _side(st)
    view(st, st.w / 2 - side * st.w * 0.28, st.h * 0.28, st.u * 0.26, st.u * 0.26)
    x = st.w / 2 + side * st.w * 0.22
    tools = st.pal.near(rgb("#5c5f6e"))
    st.scene.lay(
        [[(x - st.u * 0.3, st.h * 0.16), (x + st.u * 0.3, st.h * 0.16), (x + st.u * 0.3, st.h * 0.4), (x - st.u * 0.3, st.h * 0.4)]],
        st.pal.near(rgb("#a8794a")),
        shadow=0.26,
    )
    for k in range(6):
        tx = x - st.u * 0.24 + k * st.u * 0.095
        st.scene.lay(
            [
                [
                    (tx - st.u * 0.006, st.h * 0.2),
                    (tx + st.u * 0.006, st.h * 0.2),
                    (tx + st.u * 0.006, st.h * (0.31 + 0.02 * (k % 3))),
                    (tx - st.u * 0.006, st.h * (0.31 + 0.02 * (k % 3))),
                ],
                [(tx - st.u * 0.026, st.h * 0.19), (tx + st.u * 0.026, st.h * 0.19), (tx + st.u * 0.026, st.h * 0.22), (tx - st.u * 0.026, st.h * 0.22)]
                if k % 2
                else arc(tx, st.h * 0.2, st.u * 0.022, st.u * 0.022, steps=18),
            ],
            tools,
            shadow=0.2,
        )
    for r, cx, cy, name in ((0.085, 0.06, 0.5, "#c9963f"), (0.055, 0.13, 0.58, "#8f8a94")):
        gx, gy, size = st.w / 2 - side * st.w * cx, st.h * cy - st.h * 0.3, st.u * r
        points = []
        for k in range(48):
            a = k / 48 * math.tau
            q = size * (1.0 if (k // 2) % 2 else 0.82)
            points.append((gx + math.cos(a) * q, gy + math.sin(a) * q))
        st.scene.lay([points], st.pal.near(rgb(name)), shadow=0.25, holes=[arc(gx, gy, size * 0.32, size * 0.32, steps=24)])
    st.thing("table", x, st.floor - st.h * 0.04, st.u * 0.24)
    st.thing("clock", x - st.u * 0.14, st.floor - st.h * 0.04 - st.u * 0.232, st.u * 0.11)
    st.thing("bottle", x + st.u * 0.12, st.floor - st.h * 0.04 - st.u * 0.232, st.u * 0.1)
    lamp(st, st.w * 0.5)


ROOMS: dict[str, Callable[[Stage], None]] = {
    "bedroom": bedroom,
    "kitchen": kitchen,
    "living room": living_room,
    "school": school,
    "library": library,
    "workshop": workshop,
}
