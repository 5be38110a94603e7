"""Far-off settings: space and moon, the sky, caves, desert and ice."""

from __future__ import annotations

import math

from localstory.engines.image.paint.canvas import arc, gradient, smooth
from localstory.engines.image.paint.colour import mix, rgb, tone
from localstory.engines.image.paint.scenery import SNOW, ground, open_sky
from localstory.engines.image.paint.sky import sky
from localstory.engines.image.paint.stage import Stage, cloud


def space(st: Stage) -> None:
    sky(st, space=True)
    for x, y, r, name in ((0.2, 0.24, 0.11, "#e08a6a"), (0.82, 0.6, 0.075, "#7fc9b5"), (0.6, 0.16, 0.04, "#d9b3e8")):
        px = x if st.hero_x > st.w / 2 or y > 0.5 else 1 - x
        cx, cy, size = st.w * px, st.h * y, st.u * r
        colour = rgb(name)
        st.scene.lay([arc(cx, cy, size, size, steps=60)], colour, shadow=0.2)
        st.scene.lay(
            [
                smooth(
                    [
                        (cx - size * 0.9, cy - size * 0.3),
                        (cx, cy - size * 0.12),
                        (cx + size * 0.92, cy - size * 0.34),
                        (cx + size * 0.96, cy - size * 0.1),
                        (cx, cy + size * 0.14),
                        (cx - size * 0.98, cy - size * 0.05),
                    ]
                )
            ],
            tone(colour, 0.08),
            shadow=0,
        )
        if r > 0.1:
            ring = arc(cx, cy, size * 1.75, size * 0.42, 158, 382, 60)
            back = arc(cx, cy, size * 1.42, size * 0.3, 382, 158, 60)
            st.scene.lay([[*ring, *back]], rgb("#f3d9a0"), shadow=0.2)
    ground = rgb("#b9b3cc")
    st.scene.lay(
        [
            smooth(
                [
                    (-st.w * 0.1, st.h * 1.1),
                    (0, st.floor + st.h * 0.02),
                    (st.w * 0.5, st.floor - st.h * 0.07),
                    (st.w, st.floor + st.h * 0.02),
                    (st.w * 1.1, st.h * 1.1),
                ]
            )
        ],
        ground,
        lower=tone(ground, -0.2),
        shadow=0.3,
    )
    craters = []
    for x in st.spread(6, 0.06, 0.94):
        r = st.u * st.luck.uniform(0.02, 0.05)
        craters.append(arc(x, st.h * st.luck.uniform(0.88, 0.96), r, r * 0.34, steps=24))
    st.scene.lay(craters, tone(ground, -0.1), shadow=0)


def moon_land(st: Stage) -> None:
    sky(st, space=True)
    cx, cy, r = st.w * (0.76 if st.hero_x < st.w / 2 else 0.24), st.h * 0.26, st.u * 0.13
    st.scene.lay([arc(cx, cy, r, r, steps=60)], rgb("#4f93c9"), shadow=0.2)
    st.scene.lay(
        [
            smooth([(cx - r * 0.7, cy - r * 0.4), (cx - r * 0.1, cy - r * 0.66), (cx + r * 0.2, cy - r * 0.2), (cx - r * 0.3, cy + r * 0.1)]),
            smooth([(cx + r * 0.1, cy + r * 0.2), (cx + r * 0.6, cy + r * 0.1), (cx + r * 0.5, cy + r * 0.6), (cx + r * 0.2, cy + r * 0.6)]),
        ],
        rgb("#7fb56a"),
        shadow=0,
    )
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
    open_sky(st)
    st.scene.lay([st.ridge(st.h * 0.9, st.h * 0.02, 3.0)], st.pal.far(st.pal.leaf, 0.75), shadow=0.1)
    white = mix(rgb("#fdfcf6"), st.pal.sky[1], 0.1) if not st.pal.dark else rgb("#6a78aa")
    for y, size, count, share in ((0.62, 0.34, 4, 0.4), (0.78, 0.44, 4, 0.2), (0.92, 0.6, 4, 0.0)):
        for x in st.spread(count, -0.05, 1.05):
            st.scene.lay(
                cloud(x, st.h * y + st.luck.uniform(-0.02, 0.02) * st.h, st.u * size * st.luck.uniform(0.85, 1.2), st.luck),
                mix(white, st.pal.sky[1], share),
                shadow=0.18,
            )


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
            hole.append(
                (st.w * 0.5 + math.cos(a) * st.w * (0.5 - inset * 0.55) * r, st.floor + st.h * 0.02 + math.sin(a) * (st.floor - st.h * inset * 0.6) * r)
            )
        hole += [
            (st.w * (0.5 + (0.5 - inset * 0.5)), st.h * (0.82 + depth * 0.02)),
            (st.w * 0.5, st.h * (0.83 + depth * 0.03)),
            (st.w * (0.5 - (0.5 - inset * 0.5)), st.h * (0.82 + depth * 0.02)),
        ]
        st.scene.lay([[(0, 0), (st.w, 0), (st.w, st.h), (0, st.h)]], colour, shadow=0.4, holes=[smooth(hole, 5)])
        if depth == 1:
            teeth = []
            for x in st.spread(7, 0.16, 0.84):
                tall = st.h * st.luck.uniform(0.06, 0.16)
                y = st.h * 0.1 + abs(x / st.w - 0.5) * st.h * 0.2
                teeth.append([(x - st.u * 0.026, y - st.h * 0.12), (x + st.u * 0.026, y - st.h * 0.12), (x, y + tall)])
            st.scene.lay(teeth, rock, shadow=0.3)
    ground(st, mix(rock, warm, 0.25), deep, y=st.floor - st.h * 0.06, rise=0.008)
    for x, name in ((0.12, "#6fc9d6"), (0.88, "#c98ad9"), (0.2, "#8fd6a8")):
        for k in range(3):
            cx, tall = st.w * x + (k - 1) * st.u * 0.035, st.u * (0.09 - 0.02 * abs(k - 1))
            st.scene.lay(
                [
                    [
                        (cx - st.u * 0.014, st.floor),
                        (cx - st.u * 0.01 + (k - 1) * st.u * 0.014, st.floor - tall),
                        (cx + (k - 1) * st.u * 0.02, st.floor - tall * 1.25),
                        (cx + st.u * 0.014, st.floor),
                    ]
                ],
                rgb(name),
                shadow=0.25,
            )
        st.glow(st.w * x, st.floor - st.u * 0.05, st.u * 0.22, rgb(name), 0.42)


def desert(st: Stage) -> None:
    open_sky(st)
    if st.luck.random() < 0.5:
        st.thing("pyramid", st.w * (0.7 if st.hero_x < st.w / 2 else 0.3), st.horizon + st.h * 0.03, st.u * 0.2, 0.5)
    for k, depth in enumerate((0.6, 0.35, 0.15)):
        st.hills(st.horizon + st.h * (-0.01 + 0.05 * k), st.h * 0.035, tone(rgb("#e6bd78"), -0.02 * k), depth, 1.6 + k * 0.5)
    for x in st.spread(3, 0.05, 0.95):
        if st.clear_of_hero(x, 0.2):
            st.thing("cactus", x, st.horizon + st.h * st.luck.uniform(0.1, 0.14), st.u * st.luck.uniform(0.1, 0.18), 0.2)
    ground(st, rgb("#edc987"), y=st.horizon + st.h * 0.14)


def snow_land(st: Stage) -> None:
    open_sky(st)
    for depth, y in ((0.7, -0.02), (0.45, 0.02)):
        pieces = []
        for x in st.spread(5, -0.05, 1.05):
            wide, tall = st.u * st.luck.uniform(0.16, 0.28), st.u * st.luck.uniform(0.1, 0.22)
            base = st.horizon + st.h * (0.06 + y)
            pieces.append(
                [(x - wide, base), (x - wide * 0.5, base - tall * 0.7), (x - wide * 0.1, base - tall), (x + wide * 0.3, base - tall * 0.55), (x + wide, base)]
            )
        st.scene.lay(pieces, st.pal.far(rgb("#cfe3f0"), depth), shadow=0.2)
    st.hills(st.horizon + st.h * 0.05, st.h * 0.02, tone(SNOW, -0.05), 0.3)
    ground(st, SNOW, tone(SNOW, -0.06), y=st.horizon + st.h * 0.12)
