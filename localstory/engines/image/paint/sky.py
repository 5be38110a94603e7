"""The sky: its colours, sun or moon, stars and clouds; and the weather that falls through the picture."""

from __future__ import annotations

import math

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from localstory.engines.image.paint.canvas import arc, gradient
from localstory.engines.image.paint.colour import Colour, mix, rgb, tone
from localstory.engines.image.paint.stage import Stage, cloud


def sky(st: Stage, *, space: bool = False) -> None:
    """Paint the sky down to a little below the horizon."""
    scene, pal, luck = st.scene, st.pal, st.luck
    bottom = st.h if space else min(st.h, round(st.horizon + st.h * 0.06))
    scene.image.paste(gradient((st.w, bottom), [(0.0, pal.sky[0]), (0.55, pal.sky[1]), (1.0, pal.sky[2])]), (0, 0))
    if st.time == "night" or space:
        stars(st, bottom, 1.0 if space else 0.5 if st.weather in ("clear", "wind", "rainbow") else 0.15)
    # The light stands on the side away from the hero: it leads the eye across.
    side = 0.74 if st.hero_x < st.w * 0.5 else 0.26
    x = st.w * (side + luck.uniform(-0.05, 0.05))
    covered = st.weather in ("rain", "storm", "snow", "fog")
    r = st.u * 0.075
    if st.time == "night" and not space:
        if not covered:
            moon(st, x, st.h * luck.uniform(0.16, 0.23), r * 1.05)
    elif not space:
        y = {"dawn": st.horizon - r * 0.6, "evening": st.horizon - r * 0.9, "morning": st.h * 0.3, "day": st.h * 0.17}[st.time]
        if not covered:
            sun(st, x, y, r * (1.35 if st.time in ("dawn", "evening") else 1.0))
    if not space:
        clouds(st)
    if st.weather == "rainbow":
        rainbow(st)


def stars(st: Stage, bottom: float, amount: float) -> None:
    """Small stars, a few of them with rays."""
    draw = ImageDraw.Draw(st.scene.image, "RGBA")
    for k in range(round(110 * amount * max(0.5, st.w * bottom / (st.u * st.u) / 1.2))):
        x, y = st.luck.uniform(0, st.w), st.luck.uniform(0, bottom * 0.96)
        r = st.u * st.luck.choice((0.0011, 0.0014, 0.0018, 0.0026))
        shine = st.luck.randint(120, 245)
        draw.ellipse((x - r, y - r, x + r, y + r), fill=(255, 246, 220, shine))
        if k % 12 == 0:
            draw.polygon([(x - r * 4, y), (x, y - r * 0.7), (x + r * 4, y), (x, y + r * 0.7)], fill=(255, 246, 220, 170))
            draw.polygon([(x, y - r * 5), (x - r * 0.7, y), (x, y + r * 5), (x + r * 0.7, y)], fill=(255, 246, 220, 170))


def moon(st: Stage, x: float, y: float, r: float) -> None:
    """A full or a crescent moon in a halo."""
    paper = rgb("#fff0c4")
    for k, share in ((3.1, 0.05), (2.2, 0.08), (1.5, 0.1)):
        st.scene.lay([arc(x, y, r * k, r * k, steps=64)], mix(st.pal.sky[1], paper, share * 2.2), shadow=0.05)
    crescent = st.luck.random() < 0.45
    if crescent:
        # Two circles, r and 0.86 r, 0.44 r apart: they cross at 58.9 degrees of the outer, 84.9 of the inner one.
        outer = arc(x, y, r, r, 58.9, 301.1, 40)
        inner = arc(x + r * 0.44, y, r * 0.86, r * 0.86, 275.1, 84.9, 32)
        st.scene.lay([[*outer, *inner]], paper, shadow=0.2)
    else:
        st.scene.lay([arc(x, y, r, r, steps=64)], paper, shadow=0.2)
        for dx, dy, k in ((-0.3, -0.2, 0.2), (0.32, 0.26, 0.15), (0.1, -0.45, 0.11)):
            st.scene.lay([arc(x + dx * r, y + dy * r, r * k, r * k, steps=24)], tone(paper, -0.06), shadow=0)
    st.glow(x, y, r * 6, rgb("#fff0c8"), 0.4)


def sun(st: Stage, x: float, y: float, r: float) -> None:
    """The sun in rings of lighter paper."""
    warm = {"evening": "#ffb45a", "dawn": "#ffd98a"}.get(st.time, "#ffe391")
    paper = rgb(warm)
    ground = st.pal.sky[1] if y < st.horizon * 0.6 else st.pal.sky[2]
    for k, share in ((3.4, 0.2), (2.4, 0.34), (1.6, 0.55)):
        st.scene.lay([arc(x, y, r * k, r * k, steps=72)], mix(ground, paper, share), shadow=0.06)
    st.scene.lay([arc(x, y, r, r, steps=64)], mix(paper, (255, 255, 255), 0.25), shadow=0.14)
    st.glow(x, y, r * 7, paper, 0.35)


def clouds(st: Stage) -> None:
    """Paper clouds; many and dark when it rains."""
    wet = {"rain": 7, "storm": 8, "snow": 6, "clouds": 7, "fog": 3, "wind": 4, "rainbow": 3}.get(st.weather, 3 if st.time != "night" else 2)
    white = {"night": rgb("#5c6a9c"), "evening": rgb("#f6b6a0"), "dawn": rgb("#fbe3d6")}.get(st.time, rgb("#fdfcf6"))
    if st.weather in ("rain", "storm", "clouds"):
        white = mix(
            white, rgb("#39445c") if st.weather == "storm" else rgb("#76859a"), 0.72 if st.weather == "storm" else 0.5 if st.weather == "rain" else 0.32
        )
    for k in range(wet):
        crowded = wet > 5
        x = st.w * ((k + 0.5) / wet + st.luck.uniform(-0.08, 0.08))
        y = st.h * (st.luck.uniform(0.1, 0.22) if crowded else st.luck.uniform(0.1, 0.34))
        size = st.u * (st.luck.uniform(0.36, 0.6) if crowded else st.luck.uniform(0.2, 0.36))
        st.scene.lay(cloud(x, y, size, st.luck), mix(white, st.pal.sky[1], st.luck.uniform(0.08, 0.42)), shadow=0.16)


def rainbow(st: Stage) -> None:
    """Seven bands of paper in a great arch."""
    cx, base = st.w * (0.5 + st.luck.uniform(-0.08, 0.08)), st.horizon + st.h * 0.05
    radius = min(st.w * 0.46, base * 0.86)
    band = radius * 0.05
    for k, name in enumerate(("#e2574c", "#ee8b43", "#f5cf55", "#73b563", "#4d97c9", "#5666b5", "#8a5fae")):
        r = radius - k * band
        st.scene.lay(
            [[*arc(cx, base, r, r, 180, 360, 60), *arc(cx, base, r - band * 1.05, r - band * 1.05, 360, 180, 60)]],
            mix(rgb(name), st.pal.sky[1], 0.18),
            shadow=0.1 if k == 0 else 0.04,
        )


def weather_veil(st: Stage) -> None:
    """What falls or drifts in front of everything."""
    if st.weather in ("rain", "storm"):
        _rain(st, 1.25 if st.weather == "storm" else 1.0)
    elif st.weather == "snow":
        _snow(st)
    elif st.weather == "fog":
        _fog(st)
    elif st.weather == "wind":
        _wind(st)


def lightning(st: Stage) -> None:
    """A bolt behind the hills."""
    x, y = st.w * (0.72 if st.hero_x < st.w / 2 else 0.28), st.h * 0.12
    size = st.h * 0.42
    bolt = [
        (0.0, 0.0),
        (0.12, 0.0),
        (0.03, 0.3),
        (0.14, 0.28),
        (-0.06, 0.66),
        (0.06, 0.62),
        (-0.1, 1.0),
        (-0.05, 0.7),
        (-0.15, 0.74),
        (-0.01, 0.36),
        (-0.1, 0.38),
    ]
    st.scene.lay([[(x + px * size, y + py * size) for px, py in bolt]], rgb("#fff3b0"), shadow=0.1)
    st.glow(x, y + size * 0.4, st.u * 0.6, rgb("#e8ecff"), 0.55)


def _streaks(st: Stage, count: int, length: float, width: float, lean: float, alpha: int) -> Image.Image:
    mask = Image.new("L", (st.w, st.h))
    draw = ImageDraw.Draw(mask)
    for _k in range(count):
        x, y = st.luck.uniform(-0.1, 1.1) * st.w, st.luck.uniform(-0.1, 1.0) * st.h
        long = length * st.luck.uniform(0.6, 1.3)
        draw.line((x, y, x + lean * long, y + long), fill=round(alpha * st.luck.uniform(0.5, 1.0)), width=max(1, round(width)))
    return mask


def _rain(st: Stage, much: float) -> None:
    lean = -0.22 if st.weather == "rain" else -0.5
    area = st.w * st.h / (st.u * st.u)
    for share, length, width, alpha in ((1.0, 0.05, 0.0018, 135), (0.5, 0.085, 0.003, 200)):
        mask = _streaks(st, round(230 * share * much * area), st.u * length, st.u * width, lean, alpha)
        st.scene.wash(mask.filter(ImageFilter.BoxBlur(0.5)), rgb("#dfeaf4"))


def _snow(st: Stage) -> None:
    area = st.w * st.h / (st.u * st.u)
    for count, r, alpha, soft in ((170, 0.0032, 200, 0.6), (70, 0.006, 235, 0.8), (16, 0.012, 215, 2.2)):
        mask = Image.new("L", (st.w, st.h))
        draw = ImageDraw.Draw(mask)
        for _k in range(round(count * area)):
            x, y, size = st.luck.uniform(0, st.w), st.luck.uniform(0, st.h), st.u * r * st.luck.uniform(0.6, 1.3)
            draw.ellipse((x - size, y - size, x + size, y + size), fill=alpha)
        st.scene.wash(mask.filter(ImageFilter.BoxBlur(soft)), (255, 255, 255))


def fog_band(st: Stage, y: float, tall: float, strength: float, colour: Colour) -> None:
    """A bank of fog around height `y`, `tall` pixels."""
    rows = np.linspace(0, st.h, 48, dtype=np.float32)[:, None]
    columns = np.linspace(0, 1, 64, dtype=np.float32)[None, :]
    phase = st.luck.uniform(0, math.tau)
    middle = y + np.sin(columns * 5 + phase) * tall * 0.22 + np.sin(columns * 11 + phase * 2) * tall * 0.1
    bank = np.exp(-(((rows - middle) / max(1.0, tall * 0.5)) ** 2)).astype(np.float32)
    st.scene.wash(bank, colour, strength)


def _fog(st: Stage) -> None:
    pale = mix(st.pal.sky[2], (236, 238, 240), 0.45 if st.time != "night" else 0.12)
    fog_band(st, st.horizon, st.h * 0.26, 0.66, pale)
    fog_band(st, st.floor + st.h * 0.06, st.h * 0.12, 0.55, pale)
    st.scene.wash(Image.new("L", (st.w, st.h), 46), pale)


def _wind(st: Stage) -> None:
    """Curls of air, and leaves in them."""
    over = 2
    mask = Image.new("L", (st.w * over, st.h * over))
    draw = ImageDraw.Draw(mask)
    for k in range(6):
        x, y = st.w * st.luck.uniform(0.02, 0.7), st.h * (0.14 + 0.13 * k + st.luck.uniform(-0.04, 0.04))
        long, r = st.u * st.luck.uniform(0.25, 0.42), st.u * 0.022
        line = [((x + long * t / 16) * over, (y + math.sin(t / 16 * 5) * st.u * 0.008) * over) for t in range(17)]
        ex, ey = line[-1]
        line += [(ex + math.sin(a / 10 * 5.2) * r * over * (1 - a / 18), ey - r * over + math.cos(a / 10 * 5.2) * r * over * (1 - a / 18)) for a in range(11)]
        draw.line(line, fill=190, width=max(1, round(st.u * 0.005 * over)), joint="curve")
    st.scene.wash(mask.reduce(over), rgb("#ffffff"))
    for _k in range(9):
        st.thing(
            "leaf",
            st.w * st.luck.uniform(0.04, 0.96),
            st.h * st.luck.uniform(0.12, 0.8),
            st.u * 0.03,
            0.0,
            st.luck.choice((rgb("#d3823a"), rgb("#8aa84f"), rgb("#c9a24f"))),
            turn=st.luck.uniform(0, 360),
        )
