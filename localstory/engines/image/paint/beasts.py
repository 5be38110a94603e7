"""Animals on four legs: one pair of scissors, many measures (`kinds.BEASTS`). The body is seen from the side, the face looks at you."""

from __future__ import annotations

import math

from localstory.engines.image.kinds import BEASTS, Beast
from localstory.engines.image.looks import Look
from localstory.engines.image.paint.canvas import Point, Sprite, arc
from localstory.engines.image.paint.colour import Colour, mix, rgb, tone
from localstory.engines.image.paint.face import INK, WHITE, cheeks, eyes, mouth

NOSE = rgb("#3a2a2e")


def beast(look: Look, pose: str, feeling: str) -> Sprite:
    """Cut an animal in a pose ("stand", "walk", "run", "sit", "sleep", "jump", …); it looks to the right."""
    b = BEASTS[look.kind]
    s = Sprite()
    if pose == "sleep":
        _asleep(s, look, b)
        return s
    if pose in ("sit", "read", "wave", "hold") and b.neck < 0.1 and b.leg < 0.26:
        _seated(s, look, b, feeling)
        return s
    leg, length, girth = b.leg, b.length, b.girth
    middle = leg + girth * 0.5
    front, back = length * 0.33, -length * 0.33
    swing = {"walk": 0.3, "run": 0.85, "jump": 0.7, "fly": 0.6}.get(pose, 0.0)
    thick = min(0.13, 0.05 + girth * 0.2)
    far = tone(look.main, -0.09)
    sock = look.accent if b.coat == "socks" or look.kind in ("panda",) else (look.second if look.kind == "sheep" else None)
    _tail(s, look, b, back - length * 0.1, middle + girth * 0.12)
    for x, way in ((front + 0.05, 1), (back + 0.05, -1)):
        _leg(s, (x, middle - girth * 0.1), leg + girth * 0.4, thick * 0.95, -swing * way * 0.8, far, tone(sock, -0.06) if sock else None)
    bob = 3.0 if pose in ("run", "jump") else 0.0
    body = Sprite()
    if b.coat == "wool":
        points = []
        for k in range(15):
            a = k / 15 * math.tau
            points.append((math.cos(a) * length * 0.52, middle + math.sin(a) * girth * 0.52))
        for px, py in points:
            body.oval(px, py, girth * 0.2, girth * 0.19, tone(look.main, -0.03))
        body.oval(0, middle, length * 0.53, girth * 0.53, look.main)
    else:
        body.blob(
            [
                (-length * 0.5, middle + girth * 0.05),
                (-length * 0.44, middle + girth * 0.4),
                (-length * 0.1, middle + girth * 0.47),
                (length * 0.25, middle + girth * 0.5),
                (length * 0.48, middle + girth * 0.3),
                (length * 0.5, middle - girth * 0.12),
                (length * 0.28, middle - girth * 0.46),
                (-length * 0.1, middle - girth * 0.42),
                (-length * 0.4, middle - girth * 0.42),
            ],
            look.main,
        )
        if b.coat == "hump":
            body.blob([(-0.2, middle + girth * 0.36), (-0.1, middle + girth * 1.0), (0.03, middle + girth * 0.98), (0.12, middle + girth * 0.36)], look.main)
        body.blob(
            [
                (-length * 0.3, middle - girth * 0.42),
                (0.0, middle - girth * 0.2),
                (length * 0.34, middle - girth * 0.3),
                (length * 0.2, middle - girth * 0.46),
                (-length * 0.1, middle - girth * 0.44),
            ],
            look.second,
            shadow=False,
            inside=True,
            alpha=200 if look.main != look.second else 0,
        )
    _coat(body, look, b, middle)
    s.add(body, turn=bob)
    for x, way in ((front - 0.03, 1), (back - 0.03, -1)):
        _leg(s, (x, middle - girth * 0.1), leg + girth * 0.4, thick, swing * way, look.main if look.kind != "sheep" else look.second, sock)
    hx, hy = length * 0.42, middle + girth * 0.42 + b.head * 0.45 + b.neck
    if b.neck > 0.05:
        s.band(
            [(length * 0.3, middle + girth * 0.05), (length * 0.38, middle + girth * 0.35 + b.neck * 0.3), (hx - 0.02, hy)],
            [girth * 0.75, girth * 0.5, b.head * 0.95],
            look.main,
        )
        if b.coat == "patches" and look.kind == "giraffe":
            for k in range(4):
                s.oval(length * 0.36 + 0.01 * (k % 2), middle + girth * 0.4 + b.neck * 0.26 * k, 0.028, 0.03, look.accent, shadow=False, inside=True)
        if b.crown in ("hair", "horn"):
            mane = look.accent
            for k in range(5):
                t = k / 4
                s.oval(
                    length * 0.29 + (hx - 0.1 - length * 0.29) * t, middle + girth * 0.42 + (hy + 0.05 - middle - girth * 0.42) * t, 0.065, 0.055, mane, turn=60
                )
    head(s, look, b, hx, hy, b.head, feeling)
    s.neck = (hx - b.head * 0.25 - (0.02 if b.neck > 0.05 else 0), hy - b.head * 0.95 - (b.neck * 0.4 if b.neck > 0.05 else 0))
    s.hands = [(length * 0.5 + 0.13, leg * 0.75 + 0.03)]
    return s


def _leg(s: Sprite, top: Point, length: float, thick: float, swing: float, colour: Colour, sock: Colour | None) -> None:
    foot = (top[0] + math.sin(swing) * length * 0.8, top[1] - math.cos(swing) * length + thick * 0.3)
    s.band([top, ((top[0] + foot[0]) / 2 - 0.01, (top[1] + foot[1]) / 2), foot], [thick * 1.35, thick, thick * 0.92], colour)
    if sock is not None:
        start = (top[0] + (foot[0] - top[0]) * 0.72, top[1] + (foot[1] - top[1]) * 0.72)
        s.band([start, foot], [thick * 0.96, thick * 0.94], sock, shadow=False)
    s.oval(foot[0] + thick * 0.12, foot[1] - thick * 0.18, thick * 0.62, thick * 0.36, tone(sock or colour, -0.05), shadow=False)


def _tail(s: Sprite, look: Look, b: Beast, x: float, y: float) -> None:
    main = tone(look.main, -0.03)
    if b.tail == "bushy":
        s.blob(
            [(x + 0.12, y), (x - 0.05, y - 0.1), (x - 0.2, y - 0.02), (x - 0.3, y + 0.16), (x - 0.27, y + 0.32), (x - 0.16, y + 0.2), (x - 0.02, y + 0.1)], main
        )
        s.blob([(x - 0.26, y + 0.13), (x - 0.305, y + 0.19), (x - 0.27, y + 0.32), (x - 0.19, y + 0.24), (x - 0.2, y + 0.17)], look.second)
    elif b.tail == "squirrel":
        s.blob(
            [
                (x + 0.1, y - 0.1),
                (x - 0.12, y - 0.05),
                (x - 0.2, y + 0.2),
                (x - 0.17, y + 0.46),
                (x - 0.02, y + 0.56),
                (x + 0.1, y + 0.44),
                (x + 0.0, y + 0.38),
                (x + 0.02, y + 0.22),
                (x + 0.1, y + 0.08),
            ],
            main,
        )
        s.blob(
            [(x - 0.06, y + 0.1), (x - 0.12, y + 0.28), (x - 0.06, y + 0.46), (x - 0.02, y + 0.42), (x - 0.05, y + 0.28)],
            mix(look.main, look.second, 0.45),
            shadow=False,
            inside=True,
        )
    elif b.tail == "curl":
        s.band([(x + 0.1, y), (x - 0.1, y + 0.02), (x - 0.2, y + 0.16), (x - 0.15, y + 0.32), (x - 0.06, y + 0.3)], [0.07, 0.065, 0.06, 0.055, 0.045], main)
    elif b.tail in ("thin", "long"):
        s.band(
            [(x + 0.1, y), (x - 0.08, y + 0.04), (x - 0.16, y + 0.16), (x - (0.3 if b.tail == "long" else 0.2), y + 0.24)],
            [0.06, 0.05, 0.04, 0.03],
            look.accent if b.tail == "long" else main,
        )
    elif b.tail == "thick":
        s.band([(x + 0.14, y - 0.04), (x - 0.08, y - 0.12), (x - 0.3, y - 0.16)], [0.16, 0.11, 0.03], main)
    elif b.tail == "ringed":
        s.band([(x + 0.1, y), (x - 0.1, y - 0.02), (x - 0.26, y + 0.1)], [0.12, 0.14, 0.09], main)
        for k in (0.3, 0.6, 0.92):
            s.oval(x + 0.06 - 0.32 * k, y - 0.01 + 0.1 * k * k, 0.022, 0.062, look.accent, shadow=False, inside=True, turn=-20)
    elif b.tail == "tuft":
        s.band([(x + 0.08, y + 0.02), (x - 0.08, y - 0.02), (x - 0.12, y - 0.2)], [0.04, 0.032, 0.026], main)
        s.oval(x - 0.12, y - 0.24, 0.04, 0.065, look.accent)
    elif b.tail == "horse":
        s.blob([(x + 0.1, y + 0.06), (x - 0.06, y + 0.08), (x - 0.17, y - 0.06), (x - 0.2, y - 0.3), (x - 0.1, y - 0.26), (x - 0.04, y - 0.08)], look.accent)
    elif b.tail == "spiral":
        s.band(
            [(x + 0.06, y), (x - 0.05, y + 0.03), (x - 0.08, y + 0.1), (x - 0.02, y + 0.11), (x - 0.05, y + 0.04), (x - 0.13, y + 0.05)],
            [0.035, 0.03, 0.03, 0.03, 0.028, 0.02],
            main,
        )
    elif b.tail == "puff":
        s.oval(x - 0.0, y, 0.085, 0.08, look.second if look.kind != "sheep" else look.main)
    elif b.tail == "paddle":
        s.oval(x - 0.12, y - 0.16, 0.2, 0.07, look.accent, turn=25)
    elif b.tail == "stub":
        s.oval(x + 0.02, y + 0.02, 0.06, 0.055, main)


def _coat(s: Sprite, look: Look, b: Beast, middle: float) -> None:
    if b.coat == "stripes":
        for k in range(4):
            x = -b.length * 0.32 + k * b.length * 0.17
            s.blob(
                [(x - 0.012, middle + b.girth * 0.48), (x + 0.028, middle + b.girth * 0.46), (x + 0.02, middle + b.girth * 0.02)],
                look.accent,
                shadow=False,
                inside=True,
                alpha=225,
            )
    elif b.coat == "spots":
        for x, y in ((-0.18, 0.25), (-0.08, 0.3), (-0.02, 0.18), (-0.13, 0.12), (0.06, 0.28)):
            s.dot(x, middle + b.girth * y, 0.02, look.second)
    elif b.coat == "patches":
        for x, y, r in ((-0.22, 0.12, 0.11), (0.05, 0.2, 0.1), (-0.04, -0.2, 0.07), (0.24, -0.02, 0.07)):
            wide = b.length / 0.7
            s.blob(
                [
                    (x * wide - r * wide, middle + b.girth * y),
                    (x * wide - r * 0.3 * wide, middle + b.girth * y + r * 0.8),
                    (x * wide + r * 0.9 * wide, middle + b.girth * y + r * 0.3),
                    (x * wide + r * 0.4 * wide, middle + b.girth * y - r * 0.7),
                ],
                look.accent,
                shadow=False,
                inside=True,
            )
    elif b.coat == "spines":
        for row in range(3):
            for k in range(9):
                a = math.radians(178 - k * 16 - row * 5)
                r = 1.0 - row * 0.22
                x, y = math.cos(a) * b.length * 0.5 * r - 0.03, middle - 0.02 + math.sin(a) * b.girth * 0.55 * r
                out = (math.cos(a) * 0.09, math.sin(a) * 0.09)
                side = (-math.sin(a) * 0.045, math.cos(a) * 0.045)
                s.cut([(x - side[0], y - side[1]), (x + out[0], y + out[1]), (x + side[0], y + side[1])], tone(look.main, -0.06 + row * 0.05))


def _seated(s: Sprite, look: Look, b: Beast, feeling: str) -> None:
    tall, wide = b.girth * 0.75 + b.leg + 0.1, b.girth * 0.62 + 0.06
    sock = look.accent if b.coat == "socks" or look.kind == "panda" else None
    _tail(s, look, b, -wide * 0.75, tall * 0.22)
    if b.coat == "spines":
        for k in range(14):
            a = math.radians(60 + k * 15)
            x, y = math.cos(a) * wide * 0.95, tall * 0.5 + math.sin(a) * tall * 0.5
            s.cut(
                [
                    (x + math.sin(a) * 0.05, y - math.cos(a) * 0.05),
                    (x + math.cos(a) * 0.09, y + math.sin(a) * 0.09),
                    (x - math.sin(a) * 0.05, y + math.cos(a) * 0.05),
                ],
                look.main,
            )
    s.blob(
        [
            (-wide, tall * 0.14),
            (-wide * 0.86, tall * 0.55),
            (-wide * 0.42, tall * 0.95),
            (wide * 0.42, tall * 0.95),
            (wide * 0.86, tall * 0.55),
            (wide, tall * 0.14),
            (wide * 0.6, 0.0),
            (-wide * 0.6, 0.0),
        ],
        look.main,
    )
    s.blob(
        [(-wide * 0.42, tall * 0.14), (-wide * 0.4, tall * 0.6), (0, tall * 0.85), (wide * 0.4, tall * 0.6), (wide * 0.42, tall * 0.14), (0, tall * 0.06)],
        look.second,
        shadow=False,
        inside=True,
    )
    limb = 0.09
    for side in (-1, 1):
        s.oval(side * wide * 0.78, limb * 0.5, limb * 1.0, limb * 0.55, sock or tone(look.main, -0.06))
        s.band([(side * wide * 0.45, tall * 0.6), (side * wide * 0.4, limb * 0.6)], [limb * 1.1, limb * 0.95], tone(look.main, -0.03))
        s.oval(side * wide * 0.4 + 0.01, limb * 0.45, limb * 0.62, limb * 0.45, sock or look.main)
    r = b.head * 1.08
    hx, hy = 0.03, tall + r * 0.62
    head(s, look, b, hx, hy, r, feeling)
    s.neck = (hx, hy - r * 0.9)
    s.hands = [(wide + 0.12, 0.1)]


def _asleep(s: Sprite, look: Look, b: Beast) -> None:
    wide, tall = b.length * 0.5 + 0.06, b.girth * 0.95
    s.blob(
        [
            (-wide, tall * 0.18),
            (-wide * 0.86, tall * 0.7),
            (-wide * 0.2, tall),
            (wide * 0.6, tall * 0.8),
            (wide, tall * 0.3),
            (wide * 0.8, 0.0),
            (-wide * 0.8, 0.0),
        ],
        look.main,
    )
    _coat(s, look, b, tall * 0.55)
    if b.tail == "bushy":
        s.blob([(-wide * 1.0, 0.1), (-wide * 0.6, 0.2), (0.0, 0.15), (wide * 0.35, 0.06), (wide * 0.3, -0.01), (-wide * 0.7, -0.01)], tone(look.main, -0.05))
        s.blob([(wide * 0.05, 0.14), (wide * 0.42, 0.07), (wide * 0.3, -0.01), (wide * 0.02, 0.0)], look.second, shadow=False)
    r = b.head
    hx, hy = wide * 0.72, r * 0.82
    head(s, look, b, hx, hy, r, "asleep")
    s.neck = (hx - r * 0.5, r * 0.35)
    s.hands = [(wide + r + 0.1, 0.02)]


def _ear(s: Sprite, look: Look, kind: str, x: float, y: float, r: float, side: int) -> None:
    main, inner = look.main, look.accent if look.kind in ("rabbit", "hare", "mouse", "rat") else mix(look.main, look.second, 0.55)
    if kind == "point" or kind == "tip":
        h = 1.05 if kind == "point" else 0.85
        s.cut([(x + side * r * 0.95, y + r * 0.25), (x + side * r * 0.85, y + r * (0.75 + h * 0.62)), (x + side * r * 0.12, y + r * 0.85)], main)
        s.cut(
            [(x + side * r * 0.78, y + r * 0.5), (x + side * r * 0.76, y + r * (0.62 + h * 0.48)), (x + side * r * 0.36, y + r * 0.82)],
            look.accent if look.kind == "fox" else inner,
            shadow=False,
            inside=True,
        )
    elif kind in ("round", "small"):
        k = 0.42 if kind == "round" else 0.27
        ear = look.accent if look.kind == "panda" else main
        s.oval(x + side * r * 0.78, y + r * 0.72, r * k, r * k, ear)
        s.oval(x + side * r * 0.78, y + r * 0.7, r * k * 0.55, r * k * 0.55, inner if look.kind != "panda" else ear, shadow=False, inside=True)
    elif kind == "disc":
        s.oval(x + side * r * 0.88, y + r * 0.82, r * 0.62, r * 0.62, main)
        s.oval(x + side * r * 0.88, y + r * 0.8, r * 0.42, r * 0.42, inner, shadow=False, inside=True)
    elif kind == "monkey":
        s.oval(x + side * r * 1.02, y + r * 0.05, r * 0.36, r * 0.38, main)
        s.oval(x + side * r * 1.02, y + r * 0.05, r * 0.22, r * 0.24, look.second, shadow=False, inside=True)
    elif kind == "long":
        s.oval(x + side * r * 0.42, y + r * 1.55, r * 0.25, r * 0.95, main, turn=-side * 10)
        s.oval(x + side * r * 0.43, y + r * 1.52, r * 0.12, r * 0.72, inner, turn=-side * 10, shadow=False, inside=True)
    elif kind == "floppy":
        s.blob(
            [
                (x + side * r * 0.5, y + r * 0.85),
                (x + side * r * 1.1, y + r * 0.7),
                (x + side * r * 1.35, y - r * 0.2),
                (x + side * r * 1.05, y - r * 0.55),
                (x + side * r * 0.82, y + r * 0.1),
            ],
            look.accent,
        )
    elif kind == "leaf":
        s.oval(x + side * r * 0.62, y + r * 1.0, r * 0.2, r * 0.42, main, turn=-side * 30)
        s.oval(x + side * r * 0.62, y + r * 1.0, r * 0.1, r * 0.28, inner, turn=-side * 30, shadow=False, inside=True)
    elif kind == "side":
        s.oval(
            x + side * r * 1.15,
            y + r * 0.3,
            r * 0.42,
            r * 0.22,
            look.second if look.kind == "sheep" else look.accent if look.kind == "cow" else main,
            turn=-side * 14,
        )
    elif kind == "fold":
        s.cut([(x + side * r * 0.9, y + r * 0.4), (x + side * r * 1.05, y + r * 1.2), (x + side * r * 0.3, y + r * 0.88)], main)
        s.cut(
            [(x + side * r * 1.05, y + r * 1.2), (x + side * r * 0.95, y + r * 0.65), (x + side * r * 0.55, y + r * 0.95)],
            look.accent,
            shadow=False,
            inside=True,
        )
    elif kind == "sail":
        s.blob(
            [
                (x + side * r * 0.6, y + r * 0.75),
                (x + side * r * 1.3, y + r * 1.0),
                (x + side * r * 1.75, y + r * 0.35),
                (x + side * r * 1.55, y - r * 0.6),
                (x + side * r * 0.9, y - r * 0.7),
            ],
            tone(main, -0.05),
        )
        s.blob(
            [
                (x + side * r * 0.85, y + r * 0.55),
                (x + side * r * 1.3, y + r * 0.72),
                (x + side * r * 1.5, y + r * 0.25),
                (x + side * r * 1.35, y - r * 0.35),
                (x + side * r * 0.95, y - r * 0.4),
            ],
            look.accent,
            shadow=False,
            inside=True,
        )


def head(s: Sprite, look: Look, b: Beast, x: float, y: float, r: float, feeling: str) -> None:
    """Lay the head: ears, horns, skull, snout and face. (x, y) is its middle, r its half width."""
    s.head = (x, y, r)
    main = look.main
    if b.crown == "mane":
        for k in range(14):
            a = k / 14 * math.tau
            s.oval(x + math.cos(a) * r * 1.12, y + math.sin(a) * r * 1.1, r * 0.42, r * 0.4, look.accent)
        s.oval(x, y, r * 1.25, r * 1.22, look.accent)
    for side in (-1, 1):
        if b.crown == "antlers":
            bx, by = x + side * r * 0.35, y + r * 0.9
            s.band([(bx, by), (bx + side * r * 0.5, by + r * 0.9), (bx + side * r * 0.45, by + r * 1.7)], [r * 0.2, r * 0.17, r * 0.1], look.accent)
            s.band([(bx + side * r * 0.42, by + r * 0.7), (bx + side * r * 1.05, by + r * 1.2)], [r * 0.15, r * 0.09], look.accent)
            s.band([(bx + side * r * 0.2, by + r * 0.4), (bx + side * r * 0.8, by + r * 0.45)], [r * 0.14, r * 0.09], look.accent)
        elif b.crown == "horns":
            s.band(
                [(x + side * r * 0.5, y + r * 0.75), (x + side * r * 0.9, y + r * 1.05), (x + side * r * 0.85, y + r * 1.4)],
                [r * 0.26, r * 0.2, r * 0.08],
                rgb("#efe3c6"),
            )
        elif b.crown == "knobs":
            s.band([(x + side * r * 0.35, y + r * 0.8), (x + side * r * 0.4, y + r * 1.4)], [r * 0.16, r * 0.14], main)
            s.oval(x + side * r * 0.4, y + r * 1.45, r * 0.15, r * 0.15, look.accent)
        _ear(s, look, b.ears, x, y, r, side)
    if b.crown == "horn":
        s.cut([(x - r * 0.2, y + r * 0.8), (x + r * 0.12, y + r * 2.3), (x + r * 0.28, y + r * 0.8)], rgb("#f7d774"))
        s.lights.append((x + r * 0.1, y + r * 1.6, r * 1.6, rgb("#fff0b0")))
    face = look.second if b.face == "sheep" else main
    if b.face in ("horse", "deer", "goat", "cow"):
        s.blob(
            [
                (x - r * 0.82, y + r * 0.45),
                (x, y + r * 0.98),
                (x + r * 0.82, y + r * 0.45),
                (x + r * 0.72, y - r * 0.35),
                (x + r * 0.6, y - r * 0.95),
                (x, y - r * 1.2),
                (x - r * 0.6, y - r * 0.95),
                (x - r * 0.72, y - r * 0.35),
            ],
            face,
        )
    elif b.face in ("fox",):
        s.blob(
            [
                (x - r * 1.08, y - r * 0.12),
                (x - r * 0.8, y + r * 0.62),
                (x, y + r * 0.9),
                (x + r * 0.8, y + r * 0.62),
                (x + r * 1.08, y - r * 0.12),
                (x + r * 0.55, y - r * 0.62),
                (x, y - r * 0.95),
                (x - r * 0.55, y - r * 0.62),
            ],
            face,
        )
    else:
        s.oval(x, y, r * 1.03, r * 0.95, face)
    fx = x + r * 0.1
    eye_y, eye_gap, eye_r = y + r * 0.08, r * 0.42, r * 0.13
    light = look.second
    if b.face == "fox":
        for side in (-1, 1):
            s.blob(
                [
                    (fx - r * 0.1 + side * r * 0.9, y - r * 0.1),
                    (fx + side * r * 0.42, y + r * 0.02),
                    (fx, y - r * 0.35),
                    (fx, y - r * 0.9),
                    (fx - r * 0.05 + side * r * 0.5, y - r * 0.58),
                ],
                light,
                shadow=False,
                inside=True,
            )
        s.oval(fx, y - r * 0.55, r * 0.17, r * 0.13, NOSE, shadow=False, inside=True)
        mouth(s, fx, y - r * 0.72, r * 0.24, feeling)
        eye_y = y + r * 0.12
    elif b.face in ("cat", "lion", "mouse", "rabbit"):
        for side in (-1, 1):
            s.oval(fx + side * r * 0.22, y - r * 0.42, r * 0.3, r * 0.25, light, shadow=False, inside=True)
        nose = rgb("#e08a8a") if b.face in ("mouse", "rabbit", "cat") else NOSE
        s.cut([(fx - r * 0.12, y - r * 0.24), (fx + r * 0.12, y - r * 0.24), (fx, y - r * 0.38)], nose, shadow=False, inside=True)
        mouth(s, fx, y - r * 0.52, r * 0.26, feeling)
        if b.face == "rabbit" and feeling != "asleep":
            s.box(fx - r * 0.09, y - r * 0.76, fx + r * 0.09, y - r * 0.58, WHITE, shadow=False, inside=True)
        if b.face != "rabbit":
            for side in (-1, 1):
                for aside in (-0.08, 0.08):
                    s.ink(
                        [(fx + side * r * 0.5, y - r * 0.4 + r * aside), (fx + side * r * 1.05, y - r * 0.36 + r * aside * 3)], r * 0.035, mix(INK, main, 0.3)
                    )
        if b.coat == "stripes":
            for aside in (-0.22, 0.0, 0.22):
                s.blob(
                    [(fx + aside * r - r * 0.05, y + r * 0.85), (fx + aside * r + r * 0.05, y + r * 0.85), (fx + aside * r * 0.8, y + r * 0.45)],
                    look.accent,
                    shadow=False,
                    inside=True,
                )
    elif b.face in ("dog", "bear", "badger", "panda", "monkey", "hedgehog"):
        if b.face == "badger":
            for side in (-1, 1):
                s.blob(
                    [
                        (fx + side * r * 0.28, y + r * 0.8),
                        (fx + side * r * 0.75, y + r * 0.5),
                        (fx + side * r * 0.55, y - r * 0.3),
                        (fx + side * r * 0.2, y - r * 0.2),
                    ],
                    look.accent,
                    shadow=False,
                    inside=True,
                )
            s.blob(
                [(fx - r * 0.22, y + r * 0.85), (fx + r * 0.22, y + r * 0.85), (fx + r * 0.2, y - r * 0.3), (fx - r * 0.2, y - r * 0.3)],
                light,
                shadow=False,
                inside=True,
            )
            s.oval(fx, y - r * 0.48, r * 0.42, r * 0.34, light, shadow=False, inside=True)
        elif b.face == "panda":
            for side in (-1, 1):
                s.oval(fx + side * r * 0.42, y + r * 0.05, r * 0.24, r * 0.31, look.accent, turn=side * 25, shadow=False, inside=True)
        elif b.face == "monkey":
            for side in (-1, 1):
                s.oval(fx + side * r * 0.3, y + r * 0.15, r * 0.4, r * 0.42, light, shadow=False, inside=True)
            s.oval(fx, y - r * 0.4, r * 0.62, r * 0.44, light, shadow=False, inside=True)
        elif b.face == "hedgehog":
            s.oval(fx + r * 0.1, y - r * 0.1, r * 0.95, r * 0.85, light, shadow=False)
        if b.face in ("dog", "bear"):
            s.oval(fx, y - r * 0.38, r * 0.48, r * 0.4, light, shadow=False, inside=True)
            if b.face == "dog":
                s.oval(fx + r * 0.42, y + r * 0.12, r * 0.3, r * 0.34, look.accent, shadow=False, inside=True)
        s.oval(fx, y - r * 0.22, r * 0.17, r * 0.13, NOSE, shadow=False, inside=True)
        mouth(s, fx, y - r * 0.48, r * 0.3, feeling)
    elif b.face in ("horse", "deer", "goat", "cow"):
        s.oval(fx, y - r * 0.78, r * 0.6, r * 0.42, light, shadow=False, inside=True)
        if b.face == "deer":
            s.oval(fx, y - r * 0.62, r * 0.2, r * 0.15, NOSE, shadow=False, inside=True)
        else:
            for side in (-1, 1):
                s.oval(fx + side * r * 0.24, y - r * 0.68, r * 0.09, r * 0.12, tone(light, -0.3), shadow=False, inside=True)
        if b.face == "goat":
            s.blob([(fx - r * 0.2, y - r * 1.05), (fx, y - r * 1.7), (fx + r * 0.2, y - r * 1.05)], light)
        if look.kind == "cow":
            s.oval(fx + r * 0.4, y + r * 0.25, r * 0.34, r * 0.4, look.accent, shadow=False, inside=True)
        mouth(s, fx, y - r * 0.95, r * 0.26, feeling)
        eye_y, eye_gap = y + r * 0.14, r * 0.46
    elif b.face == "sheep":
        for aside in (-0.55, 0.0, 0.55):
            s.oval(x + aside * r, y + r * 0.85, r * 0.42, r * 0.36, look.main)
        mouth(s, fx, y - r * 0.5, r * 0.26, feeling, mix(look.second, WHITE, 0.7))
        for side in (-1, 1):
            s.dot(fx + side * r * 0.38, y + r * 0.1, r * 0.24, WHITE)
    elif b.face == "pig":
        s.oval(fx, y - r * 0.35, r * 0.42, r * 0.32, look.accent, inside=True)
        for side in (-1, 1):
            s.oval(fx + side * r * 0.15, y - r * 0.34, r * 0.07, r * 0.11, tone(look.accent, -0.25), shadow=False, inside=True)
        mouth(s, fx, y - r * 0.74, r * 0.26, feeling)
    elif b.face == "elephant":
        s.band(
            [(fx, y - r * 0.2), (fx + r * 0.12, y - r * 0.9), (fx + r * 0.05, y - r * 1.7), (fx + r * 0.55, y - r * 2.05)],
            [r * 0.6, r * 0.5, r * 0.38, r * 0.3],
            tone(main, 0.02),
        )
        for k in range(3):
            s.ink([(fx - r * 0.1, y - r * (0.8 + k * 0.3)), (fx + r * 0.26, y - r * (0.78 + k * 0.3))], r * 0.04, tone(main, -0.14))
        for side in (-1, 1):
            s.blob([(fx + side * r * 0.34, y - r * 0.45), (fx + side * r * 0.56, y - r * 0.5), (fx + side * r * 0.62, y - r * 1.0)], WHITE)
        eye_gap = r * 0.5
    if b.crown in ("hair", "horn") and b.neck > 0.05:
        s.blob([(x - r * 0.5, y + r * 0.75), (x + r * 0.05, y + r * 1.15), (x + r * 0.45, y + r * 0.8), (x + r * 0.1, y + r * 0.3)], look.accent)
    eyes(s, fx, eye_y, eye_gap, eye_r, feeling, WHITE if look.kind == "panda" and feeling == "asleep" else INK)
    if look.kind == "panda" and feeling != "asleep":
        for side in (-1, 1):
            s.dot(fx + side * eye_gap + r * 0.03, eye_y + r * 0.06, r * 0.06, WHITE)
    cheeks(s, fx, y - r * 0.22, r * 0.72, r * 0.14, 80)


def outline_of_head(x: float, y: float, r: float) -> list[Point]:
    """The round of a head, for those who need to go around it."""
    return arc(x, y, r * 1.05, r)
