"""Everybody else: dragons and ghosts, what swims, what crawls, and the round friend who stands in for kinds we don't know."""

from __future__ import annotations

import math
from collections.abc import Callable

from localstory.engines.image.looks import Look
from localstory.engines.image.paint.canvas import Sprite, arc
from localstory.engines.image.paint.colour import rgb, tone
from localstory.engines.image.paint.face import INK, WHITE, cheeks, eyes, mouth


def creature(look: Look, pose: str, feeling: str) -> Sprite:
    """Cut a creature; it looks to the right."""
    s = Sprite()
    s.hands = [(0.5, 0.06)]
    _CUTTERS.get(look.kind, _friend)(s, look, pose, "asleep" if pose == "sleep" else feeling)
    return s


def _friend(s: Sprite, look: Look, pose: str, feeling: str) -> None:
    for side in (-1, 1):
        s.oval(side * 0.16 + 0.02, 0.05, 0.13, 0.06, look.accent)
        s.oval(side * 0.25, 0.9, 0.1, 0.12, look.main)
        s.oval(side * 0.25, 0.9, 0.05, 0.065, look.accent, shadow=False, inside=True)
        s.band([(side * 0.36, 0.5), (side * 0.5, 0.46 if pose not in ("wave", "jump", "fly") or side < 0 else 0.72)], [0.13, 0.11], tone(look.main, -0.05))
    s.blob([(-0.42, 0.36), (-0.36, 0.72), (0, 0.94), (0.36, 0.72), (0.42, 0.36), (0.26, 0.08), (-0.26, 0.08)], look.main)
    s.blob([(-0.24, 0.3), (-0.2, 0.48), (0.02, 0.54), (0.26, 0.48), (0.28, 0.3), (0.02, 0.13)], look.second, shadow=False, inside=True)
    eyes(s, 0.05, 0.68, 0.14, 0.05, feeling)
    cheeks(s, 0.05, 0.59, 0.24, 0.05)
    mouth(s, 0.05, 0.58, 0.13, feeling)
    s.head, s.neck = (0.0, 0.72, 0.3), (0.0, 0.46)


def _dragon(s: Sprite, look: Look, pose: str, feeling: str) -> None:
    main, belly, spine = look.main, look.second, look.accent
    up = pose in ("fly", "jump", "run")
    # tail
    s.band([(-0.2, 0.16), (-0.45, 0.06), (-0.68, 0.12), (-0.78, 0.3)], [0.28, 0.2, 0.11, 0.04], main)
    s.cut([(-0.78, 0.24), (-0.92, 0.36), (-0.76, 0.46), (-0.7, 0.32)], spine)
    # the far wing
    s.cut(
        [
            (-0.05, 0.5),
            (-0.3, 0.95 if up else 0.8),
            (-0.62, 0.98 if up else 0.74),
            (-0.52, 0.78 if up else 0.6),
            (-0.6, 0.66 if up else 0.5),
            (-0.4, 0.6 if up else 0.47),
            (-0.38, 0.48 if up else 0.38),
            (-0.12, 0.4),
        ],
        tone(spine, -0.08),
    )
    for side in (-1, 1):
        s.oval(side * 0.16 - 0.02, 0.07, 0.14, 0.075, tone(main, -0.05))
    for k in range(6):
        t = k / 5
        x, y = -0.32 + t * 0.16, 0.28 + t * 0.42
        s.cut([(x - 0.05, y - 0.05), (x - 0.13, y + 0.07), (x + 0.03, y + 0.06)], spine)
    s.blob([(-0.3, 0.12), (-0.34, 0.36), (-0.2, 0.6), (0.08, 0.64), (0.24, 0.42), (0.28, 0.18), (0.14, 0.04), (-0.18, 0.03)], main)
    s.blob([(-0.08, 0.1), (-0.06, 0.4), (0.1, 0.6), (0.22, 0.42), (0.26, 0.2), (0.12, 0.06)], belly, shadow=False, inside=True)
    for k in range(4):
        s.ink([(-0.06, 0.16 + k * 0.1), (0.08, 0.135 + k * 0.1), (0.24 - k * 0.015, 0.17 + k * 0.1)], 0.012, tone(belly, -0.12))
    s.band([(0.16, 0.42), (0.27, 0.36), (0.31, 0.42)], [0.1, 0.08, 0.07], tone(main, -0.04))
    s.band([(-0.02, 0.5), (0.06, 0.66), (0.1, 0.78)], [0.34, 0.25, 0.24], main)
    # the near wing
    s.cut(
        [
            (-0.12, 0.5),
            (-0.16, 1.0 if up else 0.86),
            (-0.45, 1.12 if up else 0.92),
            (-0.4, 0.92 if up else 0.74),
            (-0.52, 0.78 if up else 0.6),
            (-0.34, 0.7 if up else 0.54),
            (-0.36, 0.56 if up else 0.42),
            (-0.16, 0.4),
        ],
        spine,
    )
    for tip in ((-0.45, 1.12 if up else 0.92), (-0.52, 0.78 if up else 0.6)):
        s.ink([(-0.14, 0.56), tip], 0.014, tone(spine, -0.12))
    # head with snout
    for x in (0.0, 0.15):
        s.cut([(x - 0.03, 0.98), (x - 0.1, 1.16), (x + 0.06, 1.0)], rgb("#f6ead0"))
    s.blob([(-0.1, 0.82), (-0.06, 0.98), (0.1, 1.05), (0.26, 0.98), (0.44, 0.9), (0.5, 0.8), (0.42, 0.71), (0.2, 0.68), (0.0, 0.7)], main)
    s.blob([(0.18, 0.75), (0.4, 0.8), (0.5, 0.79), (0.42, 0.71), (0.2, 0.68)], belly, shadow=False, inside=True)
    s.dot(0.42, 0.88, 0.016, tone(main, -0.22))
    s.cut([(-0.1, 0.86), (-0.22, 0.98), (-0.06, 0.94)], spine)
    eyes(s, 0.16, 0.92, 0.075, 0.037, feeling)
    cheeks(s, 0.2, 0.83, 0.1, 0.035)
    mouth(s, 0.38, 0.78, 0.1, feeling)
    s.head, s.neck = (0.1, 0.93, 0.16), (0.08, 0.68)
    s.hands = [(0.4, 0.36)]


def _dinosaur(s: Sprite, look: Look, pose: str, feeling: str) -> None:
    main = look.main
    s.band([(-0.1, 0.34), (-0.45, 0.28), (-0.75, 0.1)], [0.36, 0.22, 0.05], main)
    for x in (-0.14, 0.12):
        s.band([(x, 0.3), (x, 0.05)], [0.16, 0.13], tone(main, -0.06))
    for k in range(6):
        x, y = -0.42 + k * 0.1, 0.42 + math.sin(k / 5 * math.pi) * 0.12
        s.cut([(x - 0.05, y - 0.02), (x, y + 0.12), (x + 0.06, y)], look.accent)
    s.blob([(-0.34, 0.32), (-0.2, 0.52), (0.1, 0.54), (0.28, 0.36), (0.16, 0.18), (-0.2, 0.18)], main)
    s.blob([(-0.16, 0.2), (0.02, 0.3), (0.24, 0.32), (0.14, 0.18)], look.second, shadow=False, inside=True)
    s.band([(0.14, 0.4), (0.3, 0.62), (0.34, 0.88)], [0.26, 0.15, 0.15], main)
    s.blob([(0.22, 0.88), (0.28, 1.0), (0.46, 1.0), (0.6, 0.9), (0.56, 0.8), (0.34, 0.78)], main)
    eyes(s, 0.4, 0.93, 0.055, 0.026, feeling)
    mouth(s, 0.5, 0.85, 0.08, feeling)
    cheeks(s, 0.42, 0.86, 0.08, 0.028)
    s.head, s.neck = (0.4, 0.9, 0.13), (0.32, 0.74)


def _monster(s: Sprite, look: Look, pose: str, feeling: str) -> None:
    main = look.main
    for side in (-1, 1):
        s.oval(side * 0.16, 0.05, 0.13, 0.06, tone(main, -0.08))
        s.cut([(side * 0.12, 0.9), (side * 0.26, 1.1), (side * 0.3, 0.84)], look.second)
        s.band([(side * 0.34, 0.55), (side * 0.5, 0.36 if pose != "wave" else 0.75)], [0.14, 0.12], tone(main, -0.04))
    points = []
    for k in range(28):
        a = k / 28 * math.tau
        r = 1.0 + (0.06 if k % 2 else -0.02)
        points.append((math.cos(a) * 0.4 * r, 0.5 + math.sin(a) * 0.46 * r))
    s.cut(points, main)
    for x, y, r in ((-0.22, 0.3, 0.05), (0.24, 0.24, 0.06), (-0.05, 0.18, 0.04), (0.28, 0.44, 0.035)):
        s.dot(x, y, r, tone(main, 0.09))
    s.oval(0.04, 0.66, 0.17, 0.17, WHITE, inside=True)
    if feeling == "asleep":
        s.ink(arc(0.05, 0.68, 0.12, 0.08, 200, 340, 12), 0.025, INK)
    else:
        s.dot(0.07, 0.65, 0.085, look.accent)
        s.dot(0.075, 0.65, 0.05, INK)
        s.dot(0.1, 0.68, 0.02, WHITE)
    s.blob([(-0.2, 0.4), (0.04, 0.36), (0.28, 0.4), (0.2, 0.26), (0.04, 0.22), (-0.12, 0.26)], INK, shadow=False, inside=True)
    for k in range(4):
        s.cut([(-0.12 + k * 0.1, 0.385), (-0.07 + k * 0.1, 0.31), (-0.02 + k * 0.1, 0.38)], WHITE, shadow=False, inside=True)
    s.head, s.neck = (0.0, 0.68, 0.3), (0.0, 0.2)


def _ghost(s: Sprite, look: Look, pose: str, feeling: str) -> None:
    points = [*arc(0, 0.62, 0.34, 0.36, 0, 180, 20), (-0.36, 0.3)]
    for k in range(5):
        points += [(-0.36 + k * 0.16, 0.06 if k % 2 else 0.14), (-0.28 + k * 0.16, 0.13 if k % 2 else 0.04)]
    points += [(0.38, 0.3)]
    for side in (-1, 1):
        s.oval(side * 0.38, 0.48, 0.12, 0.07, look.second, turn=side * 30)
    s.blob(points[::2], look.main)
    eyes(s, 0.05, 0.68, 0.12, 0.06, feeling)
    s.oval(0.05, 0.5, 0.05, 0.065 if feeling != "happy" else 0.04, INK, shadow=False, inside=True)
    cheeks(s, 0.05, 0.57, 0.2, 0.045)
    s.lights.append((0.0, 0.55, 0.75, (150, 160, 220)))
    s.head, s.neck = (0.0, 0.72, 0.28), (0.0, 0.4)


def _robot(s: Sprite, look: Look, pose: str, feeling: str) -> None:
    main, orange, lamp = look.main, look.second, look.accent
    dark = tone(main, -0.18)
    for side in (-1, 1):
        foot = side * (0.2 if pose in ("walk", "run") else 0.13)
        s.band([(side * 0.12, 0.3), (foot, 0.08)], [0.08, 0.08], dark)
        s.box(foot - 0.1, 0.0, foot + 0.12, 0.08, orange, 0.04)
        hand = (side * 0.44, 0.78) if pose in ("wave", "jump") and side > 0 else (side * 0.42, 0.28)
        s.band([(side * 0.26, 0.5), (side * 0.37, 0.44), hand], [0.07, 0.07, 0.07], dark)
        s.oval(hand[0], hand[1], 0.06, 0.06, orange)
    s.box(-0.27, 0.22, 0.27, 0.6, main, 0.09)
    s.box(-0.16, 0.32, 0.16, 0.5, tone(main, 0.1), 0.04, shadow=False, inside=True)
    for k, colour in enumerate((orange, lamp, rgb("#6fae7a"))):
        s.dot(-0.09 + k * 0.09, 0.41, 0.03, colour)
    s.box(-0.06, 0.58, 0.06, 0.68, dark)
    s.band([(0.0, 0.98), (0.0, 1.08)], [0.03, 0.03], dark)
    s.oval(0.0, 1.11, 0.05, 0.05, lamp)
    s.lights.append((0.0, 1.11, 0.25, lamp))
    for side in (-1, 1):
        s.box(side * 0.33 - 0.04, 0.76, side * 0.33 + 0.04, 0.9, orange, 0.02)
    s.box(-0.32, 0.65, 0.32, 1.0, main, 0.1)
    s.box(-0.24, 0.71, 0.26, 0.94, tone(main, -0.35), 0.07, shadow=False, inside=True)
    for side in (-1, 1):
        if feeling == "asleep":
            s.ink([(0.01 + side * 0.12 - 0.05, 0.84), (0.01 + side * 0.12 + 0.05, 0.84)], 0.022, lamp)
        else:
            s.dot(0.01 + side * 0.12, 0.85, 0.05, lamp)
            s.dot(0.02 + side * 0.12, 0.86, 0.022, WHITE)
    s.ink(arc(0.01, 0.78, 0.08, 0.04, 200, 340, 10) if feeling not in ("sad", "scared") else arc(0.01, 0.74, 0.08, 0.04, 20, 160, 10), 0.02, lamp)
    s.head, s.neck = (0.0, 0.83, 0.3), (0.0, 0.62)
    s.hands = [(0.42, 0.28)]


def _snowman(s: Sprite, look: Look, pose: str, feeling: str) -> None:
    stick = rgb("#6b4a32")
    for side in (-1, 1):
        s.band([(side * 0.2, 0.5), (side * 0.48, 0.68)], [0.03, 0.025], stick)
        s.band([(side * 0.4, 0.62), (side * 0.5, 0.6)], [0.022, 0.018], stick)
    s.oval(0, 0.24, 0.31, 0.25, tone(look.main, -0.04))
    s.oval(0, 0.52, 0.23, 0.2, tone(look.main, -0.02))
    s.oval(0, 0.8, 0.18, 0.17, look.main)
    for y in (0.56, 0.47, 0.3):
        s.dot(0.03, y, 0.02, INK)
    s.blob([(-0.17, 0.69), (0, 0.64), (0.18, 0.69), (0.15, 0.62), (0, 0.57), (-0.15, 0.62)], look.accent)
    s.box(0.06, 0.44, 0.15, 0.64, look.accent, 0.02)
    eyes(s, 0.04, 0.84, 0.07, 0.022, feeling)
    s.cut([(0.04, 0.81), (0.26, 0.77), (0.04, 0.76)], look.second)
    mouth(s, 0.04, 0.73, 0.1, feeling)
    s.oval(0, 0.95, 0.2, 0.035, INK)
    s.box(-0.12, 0.95, 0.12, 1.12, INK, 0.02)
    s.box(-0.12, 0.97, 0.12, 1.01, look.accent, shadow=False, inside=True)
    s.head, s.neck = (0.0, 0.8, 0.18), (0.0, 0.64)
    s.hands = [(0.5, 0.6)]


def _fish(s: Sprite, look: Look, pose: str, feeling: str) -> None:
    s.blob([(-0.3, 0.5), (-0.66, 0.78), (-0.58, 0.5), (-0.66, 0.22)], look.accent)
    s.blob([(-0.15, 0.7), (0.0, 0.98), (0.2, 0.76)], look.accent)
    s.blob([(-0.4, 0.5), (-0.1, 0.78), (0.25, 0.76), (0.52, 0.5), (0.25, 0.22), (-0.1, 0.22)], look.main)
    s.blob([(0.0, 0.26), (0.25, 0.4), (0.5, 0.47), (0.25, 0.22)], look.second, shadow=False, inside=True)
    for x in (-0.16, 0.0):
        s.blob(
            [(x - 0.03, 0.72), (x + 0.04, 0.74), (x + 0.06, 0.5), (x + 0.02, 0.26), (x - 0.05, 0.28), (x - 0.02, 0.5)], look.second, shadow=False, inside=True
        )
    s.blob([(0.02, 0.46), (-0.16, 0.4), (-0.1, 0.28), (0.06, 0.36)], look.accent)
    _one_eye(s, 0.29, 0.58, 0.05, feeling)
    mouth(s, 0.44, 0.46, 0.1, feeling)
    s.head, s.neck = (0.25, 0.6, 0.24), (0.05, 0.3)


def _one_eye(s: Sprite, x: float, y: float, r: float, feeling: str) -> None:
    if feeling == "asleep":
        s.ink(arc(x, y, r, r * 0.7, 200, 340, 10), r * 0.4, INK)
        return
    s.dot(x, y, r * 1.5, WHITE)
    s.dot(x + r * 0.2, y, r * 0.9, INK)
    s.dot(x + r * 0.45, y + r * 0.35, r * 0.3, WHITE)


def _whale(s: Sprite, look: Look, pose: str, feeling: str) -> None:
    main = look.main
    fin = tone(main, -0.07)
    if look.kind == "whale":
        for side in (-1, 1):
            s.band([(0.2, 0.72), (0.2 + side * 0.05, 0.92), (0.2 + side * 0.16, 0.9)], [0.035, 0.04, 0.05], rgb("#bfe2ee"))
        s.blob([(-0.55, 0.34), (-0.72, 0.62), (-0.95, 0.74), (-0.82, 0.5), (-0.98, 0.34), (-0.7, 0.28)], fin)
        s.blob([(-0.7, 0.38), (-0.4, 0.6), (0.1, 0.74), (0.5, 0.62), (0.62, 0.36), (0.5, 0.12), (0.05, 0.06), (-0.4, 0.2)], main)
        s.blob([(-0.3, 0.16), (0.1, 0.28), (0.6, 0.32), (0.5, 0.12), (0.05, 0.06)], look.second, shadow=False, inside=True)
        for k in range(4):
            s.ink([(0.02 + k * 0.12, 0.1 + k * 0.012), (0.06 + k * 0.12, 0.24 + k * 0.015)], 0.012, tone(look.second, -0.12))
        s.blob([(0.0, 0.2), (-0.18, -0.02), (-0.3, 0.0), (-0.12, 0.24)], fin)
        _one_eye(s, 0.36, 0.42, 0.035, feeling)
        mouth(s, 0.48, 0.34, 0.13, feeling)
        cheeks(s, 0.42, 0.34, 0.0, 0.04)
        s.head, s.neck = (0.3, 0.52, 0.3), (0.05, 0.3)
        return
    s.blob([(-0.05, 0.66), (-0.2, 0.98), (0.12, 0.74)], fin)
    s.blob([(-0.6, 0.4), (-0.85, 0.66), (-0.76, 0.4), (-0.9, 0.2), (-0.62, 0.32)], fin)
    nose = 0.78 if look.kind == "dolphin" else 0.66
    s.blob([(-0.7, 0.4), (-0.3, 0.64), (0.15, 0.72), (0.48, 0.6), (nose, 0.46), (0.5, 0.32), (0.1, 0.2), (-0.35, 0.26)], main)
    s.blob([(-0.3, 0.28), (0.15, 0.36), (nose * 0.97, 0.44), (0.5, 0.32), (0.1, 0.2)], look.second, shadow=False, inside=True)
    s.blob([(0.1, 0.34), (-0.06, 0.06), (-0.16, 0.1), (-0.04, 0.34)], fin)
    if look.kind == "shark":
        for k in range(4):
            s.cut([(0.36 + k * 0.055, 0.4), (0.39 + k * 0.055, 0.34), (0.42 + k * 0.055, 0.41)], WHITE, shadow=False, inside=True)
        for k in range(3):
            s.ink([(0.08 + k * 0.05, 0.56), (0.06 + k * 0.05, 0.44)], 0.014, fin)
    else:
        mouth(s, 0.52, 0.44, 0.14, feeling)
    _one_eye(s, 0.4, 0.53, 0.03, feeling)
    s.head, s.neck = (0.3, 0.58, 0.24), (0.05, 0.32)


def _octopus(s: Sprite, look: Look, pose: str, feeling: str) -> None:
    for k in range(6):
        x = -0.32 + k * 0.13
        out = -0.5 + k * 0.2
        s.band(
            [(x, 0.42), (x + (out - x) * 0.4, 0.2), (out, 0.06), (out + (0.1 if k > 2 else -0.1), 0.12)],
            [0.13, 0.11, 0.09, 0.05],
            tone(look.main, -0.06 if k % 2 else -0.01),
        )
    s.blob([(-0.34, 0.42), (-0.38, 0.7), (-0.2, 0.96), (0.2, 0.96), (0.38, 0.7), (0.34, 0.42), (0, 0.34)], look.main)
    for x, y, r in ((-0.2, 0.82, 0.045), (-0.26, 0.7, 0.03), (-0.1, 0.88, 0.03)):
        s.dot(x, y, r, look.second)
    eyes(s, 0.05, 0.6, 0.13, 0.05, feeling)
    cheeks(s, 0.05, 0.5, 0.22, 0.045)
    mouth(s, 0.05, 0.5, 0.12, feeling)
    s.head, s.neck = (0.0, 0.72, 0.3), (0.0, 0.4)


def _crab(s: Sprite, look: Look, pose: str, feeling: str) -> None:
    for side in (-1, 1):
        for k in range(3):
            s.band(
                [(side * 0.3, 0.3), (side * (0.5 + k * 0.05), 0.28 - k * 0.08), (side * (0.54 + k * 0.04), 0.02)], [0.06, 0.05, 0.03], tone(look.main, -0.08)
            )
        s.band([(side * 0.32, 0.42), (side * 0.54, 0.5), (side * 0.56, 0.66)], [0.08, 0.07, 0.07], look.main)
        s.blob([(side * 0.48, 0.64), (side * 0.44, 0.9), (side * 0.56, 0.8), (side * 0.7, 0.9), (side * 0.68, 0.66)], look.main)
        s.band([(side * 0.12, 0.5), (side * 0.12, 0.68)], [0.04, 0.04], look.main)
    s.oval(0, 0.34, 0.42, 0.25, look.main)
    s.oval(0, 0.24, 0.3, 0.1, look.second, shadow=False, inside=True)
    for side in (-1, 1):
        s.oval(side * 0.12, 0.72, 0.075, 0.075, WHITE)
    eyes(s, 0.02, 0.72, 0.12, 0.035, feeling)
    mouth(s, 0.02, 0.38, 0.16, feeling)
    cheeks(s, 0.02, 0.4, 0.2, 0.05)
    s.head, s.neck = (0.0, 0.6, 0.25), (0.0, 0.3)


def _seal(s: Sprite, look: Look, pose: str, feeling: str) -> None:
    s.blob([(-0.6, 0.1), (-0.8, 0.3), (-0.7, 0.12), (-0.82, 0.0)], tone(look.main, -0.06))
    s.blob([(-0.66, 0.08), (-0.3, 0.3), (0.0, 0.6), (0.05, 0.86), (0.26, 0.98), (0.48, 0.86), (0.46, 0.6), (0.4, 0.2), (0.2, 0.02), (-0.3, 0.0)], look.main)
    s.blob([(0.2, 0.06), (0.26, 0.4), (0.42, 0.5), (0.4, 0.2)], look.second, shadow=False, inside=True)
    s.blob([(0.1, 0.2), (0.0, -0.02), (-0.16, 0.0), (0.0, 0.26)], tone(look.main, -0.08))
    s.oval(0.34, 0.7, 0.12, 0.08, look.second, shadow=False, inside=True)
    s.dot(0.36, 0.74, 0.03, INK)
    eyes(s, 0.3, 0.82, 0.1, 0.032, feeling)
    mouth(s, 0.36, 0.68, 0.09, feeling)
    s.head, s.neck = (0.28, 0.8, 0.2), (0.2, 0.56)


def _turtle(s: Sprite, look: Look, pose: str, feeling: str) -> None:
    skin, shell = look.main, look.second
    s.cut([(-0.5, 0.2), (-0.68, 0.12), (-0.5, 0.1)], skin)
    for x in (-0.32, 0.26):
        s.band([(x, 0.2), (x + (0.05 if pose in ("walk", "run", "swim") else 0), 0.04)], [0.15, 0.15], skin)
    s.band([(0.34, 0.28), (0.52, 0.4), (0.6, 0.56)], [0.2, 0.17, 0.17], skin)
    s.oval(0.63, 0.62, 0.18, 0.165, skin)
    s.cut([*arc(-0.05, 0.2, 0.52, 0.62, 0, 180, 26), (-0.52, 0.14), (0.42, 0.14)], shell)
    for x, y, r in ((-0.05, 0.58, 0.13), (-0.3, 0.4, 0.1), (0.2, 0.4, 0.1), (-0.05, 0.32, 0.09)):
        s.cut(arc(x, y, r, r * 0.85, 0, 360, 6), tone(shell, 0.1), shadow=False, inside=True)
    s.band([(-0.55, 0.17), (0.46, 0.17)], [0.08, 0.08], look.accent)
    eyes(s, 0.68, 0.65, 0.07, 0.028, feeling)
    mouth(s, 0.7, 0.56, 0.1, feeling)
    cheeks(s, 0.68, 0.58, 0.1, 0.028)
    s.head, s.neck = (0.63, 0.62, 0.18), (0.5, 0.38)


def _frog(s: Sprite, look: Look, pose: str, feeling: str) -> None:
    main = look.main
    jump = pose in ("jump", "run", "fly")
    for side in (-1, 1):
        if jump:
            s.band([(side * 0.26, 0.24), (side * 0.5, 0.2), (side * 0.42, -0.04), (side * 0.56, -0.14)], [0.2, 0.15, 0.1, 0.08], tone(main, -0.06))
        else:
            s.blob([(side * 0.2, 0.3), (side * 0.46, 0.42), (side * 0.56, 0.2), (side * 0.5, 0.05), (side * 0.2, 0.05)], tone(main, -0.06))
            s.oval(side * 0.46, 0.035, 0.17, 0.045, tone(main, -0.1))
    s.blob([(-0.34, 0.16), (-0.3, 0.5), (0, 0.62), (0.3, 0.5), (0.34, 0.16), (0, 0.04)], main)
    s.blob([(-0.2, 0.12), (-0.18, 0.36), (0, 0.42), (0.18, 0.36), (0.2, 0.12), (0, 0.06)], look.second, shadow=False, inside=True)
    for side in (-1, 1):
        s.band([(side * 0.2, 0.3), (side * 0.2, 0.05)], [0.09, 0.08], main)
        s.oval(side * 0.21, 0.03, 0.09, 0.035, tone(main, -0.08))
        s.oval(side * 0.2, 0.88, 0.13, 0.13, main)
    s.blob([(-0.4, 0.62), (-0.3, 0.8), (0, 0.86), (0.3, 0.8), (0.4, 0.62), (0.24, 0.48), (-0.24, 0.48)], main)
    for side in (-1, 1):
        s.oval(side * 0.2, 0.89, 0.085, 0.085, WHITE, shadow=False, inside=True)
    eyes(s, 0.02, 0.89, 0.2, 0.045, feeling)
    s.ink(arc(0.02, 0.72, 0.26, 0.13, 205, 335, 14) if feeling not in ("sad", "scared") else arc(0.02, 0.52, 0.2, 0.1, 30, 150, 14), 0.022, INK)
    cheeks(s, 0.02, 0.64, 0.3, 0.05)
    s.head, s.neck = (0.0, 0.76, 0.3), (0.0, 0.5)


def _snake(s: Sprite, look: Look, pose: str, feeling: str) -> None:
    line = [(-0.8, 0.08), (-0.5, 0.1), (-0.3, 0.26), (-0.08, 0.1), (0.16, 0.1), (0.3, 0.4), (0.22, 0.72)]
    s.band(line, [0.05, 0.14, 0.18, 0.2, 0.2, 0.18, 0.16], look.main)
    for x, y in ((-0.5, 0.1), (-0.3, 0.24), (-0.1, 0.12), (0.12, 0.11), (0.28, 0.34), (0.27, 0.54)):
        s.dot(x, y, 0.04, look.second)
    s.cut([(0.42, 0.76), (0.6, 0.74), (0.56, 0.78), (0.62, 0.8), (0.42, 0.8)], look.accent)
    s.oval(0.27, 0.82, 0.2, 0.15, look.main)
    eyes(s, 0.32, 0.87, 0.075, 0.034, feeling)
    mouth(s, 0.34, 0.77, 0.11, feeling)
    s.head, s.neck = (0.27, 0.82, 0.18), (0.25, 0.6)


def _crocodile(s: Sprite, look: Look, pose: str, feeling: str) -> None:
    main = look.main
    s.band([(-0.3, 0.24), (-0.7, 0.18), (-1.0, 0.3)], [0.3, 0.18, 0.04], main)
    for x in (-0.3, 0.16):
        s.band([(x, 0.2), (x + 0.03, 0.03)], [0.13, 0.11], tone(main, -0.06))
    for k in range(7):
        x = -0.62 + k * 0.13
        s.cut([(x - 0.05, 0.34), (x, 0.46), (x + 0.06, 0.34)], tone(main, -0.08))
    s.blob([(-0.5, 0.26), (-0.2, 0.42), (0.2, 0.42), (0.4, 0.3), (0.2, 0.12), (-0.3, 0.12)], main)
    s.blob([(0.2, 0.3), (0.9, 0.24), (0.95, 0.16), (0.3, 0.12)], tone(main, -0.04))
    s.blob([(0.18, 0.36), (0.34, 0.52), (0.5, 0.46), (0.92, 0.36), (0.94, 0.27), (0.3, 0.25)], main)
    for k in range(6):
        s.cut([(0.46 + k * 0.08, 0.29), (0.49 + k * 0.08, 0.21), (0.53 + k * 0.08, 0.28)], WHITE, shadow=False)
    s.oval(0.33, 0.53, 0.08, 0.08, main)
    _one_eye(s, 0.34, 0.54, 0.033, feeling)
    s.head, s.neck = (0.33, 0.5, 0.14), (0.15, 0.3)


def _snail(s: Sprite, look: Look, pose: str, feeling: str) -> None:
    body, shell = look.main, look.second
    s.blob([(-0.62, 0.0), (-0.3, 0.14), (0.2, 0.16), (0.34, 0.46), (0.5, 0.56), (0.62, 0.42), (0.56, 0.12), (0.44, 0.0)], body)
    for x in (0.42, 0.56):
        s.band([(x, 0.52), (x + 0.04, 0.76)], [0.045, 0.035], body)
        s.oval(x + 0.04, 0.78, 0.06, 0.06, WHITE)
        s.dot(x + 0.055, 0.78, 0.03, INK)
    s.oval(-0.12, 0.46, 0.4, 0.38, shell)
    for k, r in enumerate((0.3, 0.2, 0.1)):
        s.oval(-0.12 + k * 0.015, 0.45 - k * 0.01, r, r * 0.94, (tone(shell, 0.1), look.accent, tone(shell, 0.13))[k], shadow=False, inside=True)
    mouth(s, 0.54, 0.36, 0.1, feeling)
    cheeks(s, 0.5, 0.4, 0.04, 0.03)
    s.head, s.neck = (0.48, 0.5, 0.14), (0.42, 0.3)


def _butterfly(s: Sprite, look: Look, pose: str, feeling: str) -> None:
    for side in (-1, 1):
        s.blob([(side * 0.03, 0.56), (side * 0.2, 0.98), (side * 0.56, 0.96), (side * 0.54, 0.66), (side * 0.2, 0.5)], look.main)
        s.blob([(side * 0.03, 0.5), (side * 0.3, 0.52), (side * 0.46, 0.3), (side * 0.3, 0.08), (side * 0.08, 0.26)], tone(look.main, -0.06, 1, 0.03))
        s.oval(side * 0.36, 0.78, 0.1, 0.11, look.second, shadow=False, inside=True)
        s.oval(side * 0.27, 0.32, 0.08, 0.085, look.second, shadow=False, inside=True)
        s.band([(side * 0.02, 0.78), (side * 0.08, 0.95), (side * 0.15, 1.02)], [0.022, 0.018, 0.022], look.accent)
    s.band([(0, 0.22), (0, 0.72)], [0.07, 0.1], look.accent)
    s.oval(0, 0.76, 0.085, 0.085, look.accent)
    s.head, s.neck = (0.0, 0.76, 0.08), (0.0, 0.66)


def _bee(s: Sprite, look: Look, pose: str, feeling: str) -> None:
    for side in (-0.12, 0.08):
        s.oval(side, 0.84, 0.16, 0.26, look.accent, turn=20 if side < 0 else -18)
    s.cut([(-0.42, 0.46), (-0.6, 0.42), (-0.42, 0.38)], look.second)
    s.oval(0, 0.44, 0.45, 0.33, look.main)
    for x in (-0.24, -0.02):
        s.blob(
            [(x - 0.05, 0.74), (x + 0.06, 0.76), (x + 0.08, 0.44), (x + 0.06, 0.12), (x - 0.05, 0.14), (x - 0.02, 0.44)], look.second, shadow=False, inside=True
        )
    for x in (0.2, 0.34):
        s.band([(x, 0.7), (x + 0.1, 0.94)], [0.03, 0.025], look.second)
        s.oval(x + 0.1, 0.95, 0.035, 0.035, look.second)
    eyes(s, 0.28, 0.5, 0.09, 0.045, feeling)
    mouth(s, 0.3, 0.38, 0.1, feeling)
    s.head, s.neck = (0.28, 0.5, 0.2), (0.1, 0.3)


def _ladybird(s: Sprite, look: Look, pose: str, feeling: str) -> None:
    for x in (-0.3, -0.05, 0.2):
        s.band([(x, 0.14), (x + 0.02, 0.0)], [0.05, 0.04], look.second)
    for x in (0.42, 0.54):
        s.band([(x, 0.5), (x + 0.1, 0.72)], [0.03, 0.025], look.second)
    s.oval(0.42, 0.32, 0.24, 0.24, look.second)
    s.cut([*arc(-0.06, 0.12, 0.5, 0.64, 0, 180, 26)], look.main)
    s.ink([(-0.1, 0.76), (-0.12, 0.12)], 0.025, look.second)
    for x, y in ((-0.32, 0.4), (-0.26, 0.6), (0.1, 0.58), (0.2, 0.34), (-0.02, 0.34)):
        s.dot(x, y, 0.06, look.second)
    for side in (-1, 1):
        s.dot(0.48 + side * 0.09, 0.38, 0.07, WHITE)
    eyes(s, 0.49, 0.38, 0.09, 0.035, feeling)
    s.head, s.neck = (0.42, 0.34, 0.2), (0.2, 0.2)


def _spider(s: Sprite, look: Look, pose: str, feeling: str) -> None:
    s.ink([(0, 0.5), (0, 1.6)], 0.012, WHITE)
    s.cut([(0.006, 0.6), (0.006, 1.5), (-0.006, 1.5), (-0.006, 0.6)], WHITE, shadow=False)
    for side in (-1, 1):
        for k in range(4):
            s.band(
                [(side * 0.2, 0.42), (side * (0.46 + k * 0.02), 0.66 - k * 0.14), (side * (0.58 - k * 0.02), 0.42 - k * 0.13)],
                [0.04, 0.035, 0.025],
                tone(look.main, -0.06),
            )
    s.oval(0, 0.44, 0.34, 0.33, look.main)
    s.oval(0, 0.3, 0.2, 0.13, look.second, shadow=False, inside=True)
    for side in (-1, 1):
        s.dot(side * 0.12 + 0.02, 0.54, 0.09, WHITE)
    eyes(s, 0.03, 0.54, 0.12, 0.045, feeling)
    mouth(s, 0.03, 0.36, 0.13, feeling)
    s.head, s.neck = (0.0, 0.5, 0.3), (0.0, 0.2)


def _bat(s: Sprite, look: Look, pose: str, feeling: str) -> None:
    for side in (-1, 1):
        s.cut(
            [
                (side * 0.12, 0.62),
                (side * 0.4, 0.9),
                (side * 0.86, 0.76),
                (side * 0.78, 0.44),
                (side * 0.62, 0.52),
                (side * 0.52, 0.32),
                (side * 0.36, 0.42),
                (side * 0.22, 0.26),
            ],
            tone(look.main, -0.05),
        )
        s.cut([(side * 0.05, 0.74), (side * 0.2, 0.98), (side * 0.24, 0.68)], look.main)
    s.oval(0, 0.5, 0.25, 0.3, look.main)
    s.oval(0, 0.4, 0.14, 0.15, look.second, shadow=False, inside=True)
    eyes(s, 0.02, 0.6, 0.09, 0.04, feeling)
    mouth(s, 0.02, 0.5, 0.1, feeling)
    s.head, s.neck = (0.0, 0.6, 0.22), (0.0, 0.36)


def _ant(s: Sprite, look: Look, pose: str, feeling: str) -> None:
    for x in (-0.14, 0.02, 0.16):
        s.band([(x, 0.3), (x - 0.02, 0.16), (x + 0.04, 0.0)], [0.04, 0.035, 0.03], look.accent)
    s.oval(-0.34, 0.36, 0.26, 0.2, look.main)
    s.oval(0.02, 0.34, 0.17, 0.13, look.second)
    for x in (0.36, 0.46):
        s.band([(x, 0.7), (x + 0.06, 0.9), (x + 0.15, 0.94)], [0.03, 0.025, 0.03], look.accent)
    s.oval(0.36, 0.54, 0.23, 0.22, look.main)
    eyes(s, 0.42, 0.58, 0.09, 0.04, feeling)
    mouth(s, 0.43, 0.46, 0.1, feeling)
    s.head, s.neck = (0.36, 0.54, 0.22), (0.2, 0.36)


def _firefly(s: Sprite, look: Look, pose: str, feeling: str) -> None:
    for turn in (25, -20):
        s.oval(-0.04, 0.78, 0.13, 0.24, rgb("#cfe0ee"), turn=turn)
    s.oval(-0.26, 0.4, 0.28, 0.24, look.second)
    s.oval(0.12, 0.5, 0.26, 0.23, look.main)
    s.oval(0.34, 0.58, 0.18, 0.18, tone(look.main, 0.06))
    eyes(s, 0.37, 0.6, 0.07, 0.035, feeling)
    s.lights.append((-0.26, 0.4, 1.3, look.second))
    s.head, s.neck = (0.34, 0.58, 0.18), (0.2, 0.4)


def _worm(s: Sprite, look: Look, pose: str, feeling: str) -> None:
    s.band([(-0.6, 0.1), (-0.3, 0.36), (0.0, 0.12), (0.24, 0.2), (0.34, 0.6)], [0.14, 0.2, 0.22, 0.24, 0.26], look.main)
    s.oval(0.36, 0.66, 0.19, 0.19, look.main)
    eyes(s, 0.41, 0.7, 0.075, 0.033, feeling)
    mouth(s, 0.42, 0.6, 0.1, feeling)
    cheeks(s, 0.41, 0.62, 0.12, 0.03)
    s.head, s.neck = (0.36, 0.66, 0.19), (0.3, 0.46)


_CUTTERS: dict[str, Callable[[Sprite, Look, str, str], None]] = {
    "dragon": _dragon,
    "dinosaur": _dinosaur,
    "monster": _monster,
    "ghost": _ghost,
    "robot": _robot,
    "snowman": _snowman,
    "fish": _fish,
    "whale": _whale,
    "dolphin": _whale,
    "shark": _whale,
    "octopus": _octopus,
    "crab": _crab,
    "seal": _seal,
    "turtle": _turtle,
    "frog": _frog,
    "snake": _snake,
    "crocodile": _crocodile,
    "snail": _snail,
    "butterfly": _butterfly,
    "bee": _bee,
    "ladybird": _ladybird,
    "spider": _spider,
    "bat": _bat,
    "ant": _ant,
    "firefly": _firefly,
    "worm": _worm,
    "friend": _friend,
}
