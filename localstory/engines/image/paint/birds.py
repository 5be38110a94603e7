"""Birds: one pair of scissors, a few shapes (`kinds.BIRDS`). They look to the right."""

from __future__ import annotations

import math

from localstory.engines.image.kinds import BIRDS
from localstory.engines.image.looks import Look
from localstory.engines.image.paint.canvas import Sprite
from localstory.engines.image.paint.colour import rgb, tone
from localstory.engines.image.paint.face import cheeks, eyes


def bird(look: Look, pose: str, feeling: str) -> Sprite:
    """Cut a bird; "fly" spreads its wings, "sleep" closes its eyes."""
    b = BIRDS[look.kind]
    s = Sprite()
    feeling = "asleep" if pose == "sleep" else feeling
    if b.shape in ("owl", "penguin"):
        _upright(s, look, b.shape, b.crest, pose, feeling)
    elif b.shape == "stilt":
        _stilt(s, look, b.beak, pose, feeling)
    else:
        _round(s, look, b.shape, b.beak, b.crest, pose, feeling)
    return s


def _wing(s: Sprite, look: Look, x: float, y: float, size: float, up: bool, side: int = 1) -> None:
    dark = tone(look.main, -0.07)
    if up:
        for k in range(3):
            a = math.radians(118 - k * 16)
            s.blob(
                [
                    (x - side * 0.02, y - 0.03),
                    (x - side * size * 0.35 + side * math.cos(a) * size * 0.4, y + math.sin(a) * size * 0.75),
                    (x + side * math.cos(a) * size * 1.1 - side * size * 0.1, y + math.sin(a) * size * (1.25 - k * 0.1)),
                    (x + side * 0.14, y + 0.04),
                ],
                tone(look.main, -0.1 + 0.04 * k),
            )
        return
    s.blob(
        [
            (x + size * 0.42, y + size * 0.18),
            (x, y + size * 0.34),
            (x - size * 0.5, y + size * 0.08),
            (x - size * 0.72, y - size * 0.2),
            (x - size * 0.2, y - size * 0.22),
            (x + size * 0.3, y - size * 0.12),
        ],
        dark,
    )
    s.ink([(x - size * 0.45, y - size * 0.08), (x - size * 0.05, y - size * 0.06)], size * 0.035, tone(look.main, -0.16))


def _round(s: Sprite, look: Look, shape: str, beak: str, crest: str, pose: str, feeling: str) -> None:
    flying = pose in ("fly", "jump")
    leg = 0.0 if flying or pose == "swim" or pose == "sleep" else 0.13
    orange = look.accent
    if leg:
        for x in (-0.06, 0.07):
            s.band([(x, leg + 0.08), (x + 0.01, 0.02)], [0.03, 0.028], tone(orange, -0.08))
            s.band([(x - 0.04, 0.012), (x + 0.075, 0.012)], [0.028, 0.028], tone(orange, -0.08))
    y = leg + 0.3
    long_neck = shape == "goose"
    hen = shape == "hen"
    if crest == "fan":
        for k in range(9):
            a = math.radians(30 + k * 15)
            tip = (-0.12 + math.cos(a) * 0.62, y + math.sin(a) * 0.62)
            s.band([(-0.1, y), tip], [0.06, 0.15], tone(look.second, -0.05 if k % 2 else 0.02))
            s.dot(tip[0], tip[1], 0.05, look.accent)
            s.dot(tip[0], tip[1], 0.026, look.main)
    elif hen:
        for k in range(4):
            s.blob(
                [(-0.26, y + 0.02), (-0.5 + k * 0.04, y + 0.1 + k * 0.1), (-0.42 + k * 0.05, y + 0.24 + k * 0.08), (-0.2, y + 0.16)],
                look.second if k % 2 else tone(look.main, -0.08),
            )
    else:
        s.blob([(-0.24, y + 0.05), (-0.56, y + 0.16), (-0.52, y + 0.02), (-0.22, y - 0.08)], tone(look.main, -0.1))
    if flying:
        _wing(s, look, -0.02, y + 0.1, 0.46, True, -1)
    s.blob(
        [(-0.36, y + 0.04), (-0.26, y + 0.24), (0.02, y + 0.29), (0.28, y + 0.2), (0.35, y - 0.02), (0.2, y - 0.24), (-0.08, y - 0.29), (-0.3, y - 0.17)],
        look.main,
    )
    s.blob(
        [(0.32, y + 0.06), (0.35, y - 0.02), (0.2, y - 0.235), (-0.06, y - 0.28), (0.02, y - 0.08), (0.16, y + 0.06)], look.second, shadow=False, inside=True
    )
    hx, hy, r = (0.3, y + 0.3, 0.2) if not long_neck else (0.42, y + 0.52, 0.14)
    if long_neck:
        s.band([(0.22, y + 0.06), (0.36, y + 0.16), (0.3, y + 0.36), (0.4, y + 0.52)], [0.26, 0.15, 0.12, 0.14], look.main)
    if crest == "comb":
        for k in range(3):
            s.oval(hx - 0.1 + k * 0.09, hy + r * 1.02, 0.06, 0.075, rgb("#d23c34"))
    if beak == "flat":
        s.blob([(hx + r * 0.6, hy + 0.03), (hx + r * 1.75, hy - 0.02), (hx + r * 1.7, hy - 0.1), (hx + r * 0.6, hy - 0.12)], orange)
    elif beak == "long":
        s.cut([(hx + r * 0.75, hy + 0.06), (hx + r * 2.0, hy - 0.03), (hx + r * 0.7, hy - 0.09)], orange)
    else:
        s.cut([(hx + r * 0.78, hy + 0.055), (hx + r * 1.5, hy - 0.02), (hx + r * 0.75, hy - 0.085)], orange)
    s.oval(hx, hy, r, r * 0.98, look.main)
    if crest == "comb":
        s.oval(hx + r * 0.85, hy - r * 0.85, 0.045, 0.075, rgb("#d23c34"))
    eyes(s, hx + r * 0.32, hy + r * 0.14, r * 0.36, r * 0.15, feeling)
    cheeks(s, hx + r * 0.25, hy - r * 0.3, r * 0.5, r * 0.17, 80)
    if flying:
        _wing(s, look, 0.02, y + 0.08, 0.56, True, -1)
    else:
        _wing(s, look, -0.04, y + 0.02, 0.4, False)
    s.head = (hx, hy, r)
    s.neck = (hx - r * 0.3, hy - r)
    s.hands = [(0.5, 0.06)]


def _upright(s: Sprite, look: Look, shape: str, crest: str, pose: str, feeling: str) -> None:
    flying = pose in ("fly", "jump") and shape == "owl"
    orange = look.accent
    for x in (-0.1, 0.1):
        s.oval(x, 0.03, 0.085, 0.04, orange)
    if shape == "owl":
        s.blob([(-0.1, 0.12), (-0.16, -0.06), (0.0, -0.1), (0.16, -0.06), (0.1, 0.12)], tone(look.main, -0.1))
    if flying:
        for side in (-1, 1):
            for k in range(3):
                s.blob(
                    [(side * 0.2, 0.56 - k * 0.05), (side * 0.5, 0.78 - k * 0.13), (side * (0.72 - k * 0.05), 0.66 - k * 0.16), (side * 0.4, 0.44 - k * 0.06)],
                    tone(look.main, -0.06 - 0.03 * k),
                )
    if crest == "tufts":
        for side in (-1, 1):
            s.cut([(side * 0.32, 0.74), (side * 0.34, 1.06), (side * 0.06, 0.92)], tone(look.main, -0.06))
    elif crest == "plume":
        for k in range(3):
            s.band([(0.0, 0.9), (-0.1 - k * 0.05, 1.06 - k * 0.04)], [0.08, 0.03], look.accent)
    s.blob([(-0.32, 0.3), (-0.36, 0.62), (-0.26, 0.88), (0, 0.97), (0.26, 0.88), (0.36, 0.62), (0.32, 0.3), (0.18, 0.06), (-0.18, 0.06)], look.main)
    s.blob([(-0.22, 0.3), (-0.22, 0.5), (0, 0.6), (0.22, 0.5), (0.22, 0.3), (0.1, 0.1), (-0.1, 0.1)], look.second, shadow=False, inside=True)
    if shape == "owl" and look.kind == "owl":
        for row in range(3):
            for k in range(3 - row % 2):
                x = (k - (2 - row % 2) / 2) * 0.12
                s.ink([(x - 0.03, 0.45 - row * 0.1), (x, 0.42 - row * 0.1), (x + 0.03, 0.45 - row * 0.1)], 0.018, tone(look.main, 0.02))
    if not flying:
        for side in (-1, 1):
            out = 0.12 if pose in ("fly", "jump", "wave") else 0.0
            s.blob([(side * 0.3, 0.62), (side * (0.42 + out), 0.4 + out), (side * (0.36 + out), 0.16 + out * 2), (side * 0.26, 0.3)], tone(look.main, -0.06))
    big = look.kind in ("owl",)
    if shape == "penguin" or look.kind == "eagle":
        s.blob([(-0.24, 0.66), (-0.2, 0.84), (0, 0.78), (0.2, 0.84), (0.24, 0.66), (0, 0.54)], look.second, shadow=False, inside=True)
    for side in (-1, 1):
        if big:
            s.oval(side * 0.145 + 0.02, 0.73, 0.155, 0.155, look.second, inside=True)
    eyes(s, 0.02, 0.73, 0.14, 0.062 if big else 0.045, feeling)
    s.cut([(-0.035, 0.69), (0.085, 0.69), (0.03, 0.58)], orange, inside=True)
    cheeks(s, 0.02, 0.62, 0.22, 0.04, 90)
    s.head = (0.0, 0.76, 0.26)
    s.neck = (0.0, 0.55)
    s.hands = [(0.5, 0.06)]


def _stilt(s: Sprite, look: Look, beak: str, pose: str, feeling: str) -> None:
    leg = rgb("#e0592f") if look.kind == "stork" else tone(look.main, -0.12)
    for x, up in ((-0.05, 0.0), (0.06, 0.0)):
        s.band([(x, 0.45), (x + 0.01, 0.03 + up)], [0.03, 0.026], leg)
        s.band([(x - 0.02, 0.012), (x + 0.08, 0.012)], [0.026, 0.026], leg)
    if pose == "fly":
        _wing(s, look, 0.0, 0.6, 0.5, True, -1)
    s.blob([(-0.34, 0.56), (-0.2, 0.68), (0.08, 0.68), (0.22, 0.56), (0.1, 0.43), (-0.14, 0.43)], look.main)
    s.blob([(-0.4, 0.52), (-0.22, 0.62), (0.02, 0.58), (-0.1, 0.48)], look.second if look.kind == "stork" else tone(look.main, -0.07))
    s.band([(0.14, 0.58), (0.28, 0.7), (0.18, 0.84), (0.27, 0.94)], [0.14, 0.085, 0.075, 0.09], look.main)
    s.cut(
        [(0.33, 0.99), (0.6 if beak == "long" else 0.46, 0.9), (0.5 if beak == "long" else 0.44, 0.86 if beak == "long" else 0.8), (0.32, 0.9)],
        rgb("#e0592f") if look.kind == "stork" else look.accent,
    )
    s.oval(0.29, 0.95, 0.085, 0.08, look.main)
    eyes(s, 0.315, 0.965, 0.026, 0.016, feeling)
    s.head = (0.29, 0.95, 0.085)
    s.neck = (0.22, 0.76)
    s.hands = [(0.5, 0.06)]
