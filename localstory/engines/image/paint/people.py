"""People: children, grown-ups, kings and wizards, cut from a handful of papers. One unit is the whole person without the hat."""

from __future__ import annotations

import math

from localstory.engines.image.kinds import PEOPLE
from localstory.engines.image.looks import Look
from localstory.engines.image.paint.canvas import Point, Sprite, arc
from localstory.engines.image.paint.colour import Colour, mix, rgb, tone
from localstory.engines.image.paint.face import INK, WHITE, cheeks, eyes, mouth

SHOE = rgb("#4a3430")


def person(look: Look, pose: str, feeling: str) -> Sprite:
    """Cut a person in a pose ("stand", "walk", "run", "sit", "sleep", "fly", "swim", "jump", "wave", "hold", "read")."""
    kind = PEOPLE[look.kind]
    child = kind.age == "child" or look.kind == "baby"
    head = 0.205 if child else 0.165
    if look.kind == "baby":
        head = 0.27
    top = 1.0 - head * 2 + 0.03  # the chin
    hip = 0.24 if child else 0.31
    if look.kind == "baby":
        hip = 0.1
    broad = (0.15 if child else 0.155) * (1.2 if look.kind in ("giant", "king", "dwarf", "cook") else 1.0)
    lean = {"run": 9.0, "walk": 2.0}.get(pose, 0.0)
    s = Sprite()
    sit = pose in ("sit", "read")
    drop = hip * 0.62 if sit else 0.0
    _behind(s, look, kind.extra, top, hip, broad, head)
    if kind.hair in ("girl", "long", "clown"):
        _hair_behind(s, look, kind.hair, head)
    skirt = kind.dress
    cloth = look.main
    lower = look.second if kind.extra == "dungarees" else look.accent if not skirt else tone(look.main, -0.08)
    limb = 0.085 if child else 0.078
    # legs
    if kind.extra == "tail":
        s.band([(0.0, hip + 0.05), (0.02, hip - 0.08), (-0.06, 0.06), (-0.2, 0.07)], [0.2, 0.17, 0.1, 0.04], look.second)
        s.blob([(-0.18, 0.07), (-0.3, 0.2), (-0.26, 0.06), (-0.32, -0.06)], look.second)
    else:
        legs = lower if not skirt else mix(look.skin, look.accent, 0.0 if look.kind in ("girl", "princess", "fairy") else 0.6)
        for side in (-1, 1):
            foot = _foot(pose, side, hip)
            knee = ((side * 0.06 + foot[0]) / 2 + (0.05 if sit else 0.0), (hip + foot[1]) / 2 + (0.06 if sit else 0.0))
            s.band([(side * 0.06, hip + 0.04), knee, foot], [limb * 1.15, limb, limb * 0.9], legs)
            s.blob(
                [
                    (foot[0] - 0.05, foot[1] - 0.01),
                    (foot[0] - 0.04, foot[1] + 0.045),
                    (foot[0] + 0.04, foot[1] + 0.045),
                    (foot[0] + 0.095, foot[1] + 0.015),
                    (foot[0] + 0.09, foot[1] - 0.022),
                    (foot[0] - 0.03, foot[1] - 0.025),
                ],
                SHOE,
            )
    # the far arm, the body, the near arm
    hands = [_hand(pose, side, top, hip, broad) for side in (-1, 1)]
    shoulder = top - 0.03
    sleeve = tone(cloth, -0.04)
    _arm(s, (-broad * 0.8, shoulder - 0.02), hands[0], limb, sleeve, look.skin)
    if skirt:
        hem = hip * (0.35 if kind.age != "child" else 0.62) if kind.extra != "tail" else hip
        flare = broad * (1.75 if look.kind in ("queen", "princess", "wizard", "witch", "angel") else 1.5)
        if sit:
            hem = hip * 0.75
        s.blob(
            [
                (-broad * 0.62, shoulder + 0.03),
                (-broad * 0.95, (shoulder + hip) / 2),
                (-flare, hem + 0.015),
                (0.0, hem - 0.02),
                (flare, hem + 0.015),
                (broad * 0.95, (shoulder + hip) / 2),
                (broad * 0.62, shoulder + 0.03),
                (0, shoulder + 0.05),
            ],
            cloth,
        )
        s.band([(-flare * 0.93, hem + 0.03), (0.0, hem), (flare * 0.93, hem + 0.03)], [0.03, 0.03, 0.03], look.second, shadow=False, inside=True)
        if look.kind != "angel":
            s.band([(-broad * 0.93, hip + 0.1), (0, hip + 0.085), (broad * 0.93, hip + 0.1)], [0.035, 0.035], look.second, shadow=False, inside=True)
    else:
        s.blob(
            [
                (-broad * 0.68, shoulder + 0.03),
                (-broad * 1.02, (shoulder + hip) / 2),
                (-broad * 0.98, hip),
                (0, hip - 0.03),
                (broad * 0.98, hip),
                (broad * 1.02, (shoulder + hip) / 2),
                (broad * 0.68, shoulder + 0.03),
                (0, shoulder + 0.05),
            ],
            cloth,
        )
        _front(s, look, kind.extra, shoulder, hip, broad)
    if kind.extra == "shawl":
        s.blob(
            [
                (-broad * 0.9, shoulder),
                (-broad * 1.05, shoulder - 0.13),
                (0, shoulder - 0.22),
                (broad * 1.05, shoulder - 0.13),
                (broad * 0.9, shoulder),
                (0, shoulder + 0.05),
            ],
            look.accent,
        )
    _arm(s, (broad * 0.8, shoulder - 0.02), hands[1], limb, cloth, look.skin)
    s.hands = [hands[1], hands[0]]
    if kind.extra in ("stick", "staff", "broom", "wand", "shield"):
        _in_hand(s, look, kind.extra, hands[0], hip)
    # the head
    cx, cy = 0.015, 1.0 - head
    s.head = (cx, cy, head)
    s.neck = (0.0, top + 0.01)
    s.oval(cx - head * 0.93, cy - 0.01, head * 0.17, head * 0.22, tone(look.skin, -0.05))
    s.oval(cx + head * 0.93, cy - 0.01, head * 0.17, head * 0.22, tone(look.skin, -0.05))
    s.oval(cx, cy, head * 0.97, head * 0.98, look.skin)
    fx = cx + head * 0.12
    eyes(s, fx, cy - head * 0.08, head * 0.4, head * 0.105, feeling)
    cheeks(s, fx, cy - head * 0.36, head * 0.58, head * 0.15)
    s.dot(fx + head * 0.03, cy - head * 0.25, head * 0.085, tone(look.skin, -0.1, 1.1))
    if kind.beard:
        _beard(s, look, cx, cy, head, long=look.kind in ("wizard", "old man", "dwarf"))
    mouth(s, fx, cy - head * 0.5, head * 0.36, feeling)
    _hair(s, look, kind.hair, cx, cy, head, kind.hat)
    if kind.extra == "glasses":
        for side in (-1, 1):
            s.cut(arc(fx + side * head * 0.4, cy - head * 0.08, head * 0.25, head * 0.25, steps=24), (60, 50, 60), shadow=False, inside=True, alpha=255)
            s.dot(fx + side * head * 0.4, cy - head * 0.08, head * 0.2, mix(look.skin, WHITE, 0.45))
        eyes(s, fx, cy - head * 0.08, head * 0.4, head * 0.1, feeling)
    hat(s, kind.hat, look, cx, cy, head)
    if lean:
        s = s.moved(turn=-lean)
    if drop:
        s = s.moved(y=-drop)
    return s


def _foot(pose: str, side: int, hip: float) -> Point:
    if pose == "run":
        return (0.23, 0.06) if side > 0 else (-0.26, 0.1)
    if pose == "walk":
        return (0.15, 0.02) if side > 0 else (-0.14, 0.03)
    if pose in ("sit", "read"):
        return (0.17 + 0.08 * (side > 0), hip * 0.66)
    if pose == "jump":
        return (side * 0.17, 0.06)
    if pose == "fly":
        return (side * 0.06 - 0.03, 0.01)
    return (side * 0.07, 0.02)


def _hand(pose: str, side: int, top: float, hip: float, broad: float) -> Point:
    if pose in ("jump", "fly"):
        return (side * (broad + 0.17), top + 0.13)
    if pose == "wave" and side > 0:
        return (broad + 0.17, top + 0.12)
    if pose in ("hold",) and side > 0:
        return (broad + 0.13, hip + 0.14)
    if pose == "read":
        return (0.15 + 0.03 * side, hip + 0.13)
    if pose == "run":
        return (side * (broad + 0.11), hip + (0.2 if side > 0 else 0.08))
    if pose == "walk":
        return (side * (broad + 0.06) + 0.02, hip + 0.05)
    if pose == "sit":
        return (side * (broad + 0.02) + 0.03, hip - 0.01)
    return (side * (broad + 0.07), hip + 0.02)


def _arm(s: Sprite, shoulder: Point, hand: Point, limb: float, sleeve: Colour, skin: Colour) -> None:
    bend = (0.045 if hand[0] > shoulder[0] else -0.045) * (1 if hand[1] < shoulder[1] else 0.6)
    middle = ((shoulder[0] + hand[0]) / 2 + bend, (shoulder[1] + hand[1]) / 2 - 0.02)
    s.oval(hand[0], hand[1], limb * 0.5, limb * 0.5, skin)
    near = (hand[0] + (middle[0] - hand[0]) * 0.2, hand[1] + (middle[1] - hand[1]) * 0.2)
    s.band([shoulder, middle, near], [limb * 1.1, limb, limb * 0.95], sleeve)


def _behind(s: Sprite, look: Look, extra: str, top: float, hip: float, broad: float, head: float) -> None:
    if extra == "cape":
        cloth = look.accent if look.kind == "prince" else tone(look.main, -0.12)
        s.blob([(-broad * 0.7, top), (-broad * 1.7, hip), (-broad * 2.0, 0.05), (0, 0.02), (broad * 1.8, 0.05), (broad * 1.5, hip), (broad * 0.7, top)], cloth)
    elif extra == "wings":
        for side in (-1, 1):
            s.blob(
                [(side * 0.04, top - 0.1), (side * 0.2, top + 0.16), (side * 0.4, top + 0.14), (side * 0.36, top - 0.08), (side * 0.16, top - 0.16)],
                mix(look.accent, WHITE, 0.45),
            )
            s.blob([(side * 0.04, top - 0.12), (side * 0.24, top - 0.12), (side * 0.3, hip + 0.06), (side * 0.14, hip + 0.03)], mix(look.accent, WHITE, 0.25))


def _hair_behind(s: Sprite, look: Look, hair: str, head: float) -> None:
    cy = 1.0 - head
    dark = tone(look.hair, -0.05)
    if hair == "girl" and look.variant % 3 != 2:
        plaits = look.variant % 3 == 0
        for side in (-1, 1):
            if plaits:
                s.band(
                    [(side * head * 0.8, cy), (side * head * 1.3, cy - head * 0.6), (side * head * 1.2, cy - head * 1.35)],
                    [head * 0.42, head * 0.46, head * 0.2],
                    dark,
                )
            else:
                s.oval(side * head * 1.2, cy + head * 0.35, head * 0.48, head * 0.55, dark)
    elif hair == "clown":
        for side in (-1, 1):
            s.oval(side * head * 1.0, cy + head * 0.1, head * 0.55, head * 0.6, rgb("#d9653c"))
    else:
        s.blob(
            [
                (-head * 0.9, cy + head * 0.5),
                (-head * 1.22, cy - head * 0.4),
                (-head * 1.1, cy - head * 1.5),
                (0, cy - head * 1.3),
                (head * 1.1, cy - head * 1.5),
                (head * 1.25, cy - head * 0.4),
                (head * 0.95, cy + head * 0.5),
            ],
            dark,
        )


def _hair(s: Sprite, look: Look, hair: str, cx: float, cy: float, head: float, hat_kind: str) -> None:
    ink = look.hair
    if hair in ("none",) or (hair == "bald" and hat_kind):
        if look.kind == "baby":
            s.band(
                [(cx, cy + head * 0.9), (cx + head * 0.14, cy + head * 1.12), (cx + head * 0.26, cy + head * 0.98)], [head * 0.1, head * 0.08, head * 0.03], ink
            )
        return
    if hair == "bald":
        for side in (-1, 1):
            s.oval(cx + side * head * 0.92, cy + head * 0.16, head * 0.24, head * 0.36, ink)
        return
    if hair in ("girl", "long", "bun"):
        if hair == "bun":
            s.oval(cx - head * 0.1, cy + head * 1.1, head * 0.42, head * 0.36, tone(ink, -0.04))
        s.cut(
            [
                *arc(cx, cy, head * 1.06, head * 1.08, 200, -20, 30),
                (cx + head * 0.72, cy + head * 0.34),
                (cx + head * 0.1, cy + head * 0.62),
                (cx - head * 0.36, cy + head * 0.56),
                (cx - head * 0.74, cy + head * 0.22),
            ],
            ink,
        )
        return
    if hair == "clown":
        return
    # short hair: a cap with a fringe
    fringe = 0.4 + look.variant % 4 * 0.05
    points = [*arc(cx, cy, head * 1.05, head * 1.08, 188, -8, 26), (cx + head * 0.82, cy + head * 0.36)]
    if look.variant % 2 and hair == "boy":
        points += [
            (cx + head * 0.55, cy + head * 0.6),
            (cx + head * 0.3, cy + head * 0.36),
            (cx + head * 0.05, cy + head * 0.62),
            (cx - head * 0.2, cy + head * 0.36),
            (cx - head * 0.5, cy + head * 0.58),
        ]
    else:
        points += [(cx + head * 0.3, cy + head * (fringe + 0.14)), (cx - head * 0.4, cy + head * fringe)]
    points.append((cx - head * 0.84, cy + head * 0.3))
    s.cut(points, ink)
    if hair == "boy" and not hat_kind:
        s.blob(
            [
                (cx - head * 0.2, cy + head * 0.95),
                (cx - head * 0.05, cy + head * 1.3),
                (cx + head * 0.2, cy + head * 1.22),
                (cx + head * 0.25, cy + head * 0.95),
            ],
            ink,
        )


def _beard(s: Sprite, look: Look, cx: float, cy: float, head: float, long: bool) -> None:
    down = 2.0 if long else 1.22
    s.blob(
        [
            (cx - head * 0.95, cy - head * 0.1),
            (cx - head * 0.82, cy - head * 0.75),
            (cx, cy - head * down),
            (cx + head * 0.9, cy - head * 0.75),
            (cx + head * 1.0, cy - head * 0.1),
            (cx + head * 0.62, cy - head * 0.34),
            (cx + head * 0.1, cy - head * 0.28),
            (cx - head * 0.5, cy - head * 0.34),
        ],
        look.hair,
    )


def _front(s: Sprite, look: Look, extra: str, shoulder: float, hip: float, broad: float) -> None:
    if extra == "stripes":
        for k in range(3):
            y = hip + 0.03 + k * (shoulder - hip) * 0.3
            s.box(-broad * 0.99, y, broad * 0.99, y + 0.035, look.second if look.kind != "pirate" else look.accent, shadow=False, inside=True)
    elif extra == "dungarees":
        s.blob(
            [
                (-broad * 0.62, shoulder - 0.1),
                (-broad * 1.0, hip + 0.04),
                (-broad * 0.98, hip - 0.01),
                (0, hip - 0.03),
                (broad * 0.98, hip - 0.01),
                (broad * 1.0, hip + 0.04),
                (broad * 0.62, shoulder - 0.1),
            ],
            look.second,
            inside=True,
        )
        for side in (-1, 1):
            s.band([(side * broad * 0.45, shoulder - 0.1), (side * broad * 0.5, shoulder + 0.03)], [0.035, 0.035], look.second, shadow=False, inside=True)
            s.dot(side * broad * 0.45, shoulder - 0.11, 0.016, look.accent)
    elif extra == "apron":
        s.blob(
            [(-broad * 0.55, shoulder - 0.08), (-broad * 0.8, hip + 0.02), (0, hip - 0.02), (broad * 0.8, hip + 0.02), (broad * 0.55, shoulder - 0.08)],
            look.second,
            inside=True,
        )
    elif look.kind == "knight":
        s.band([(0, hip + 0.02), (0, shoulder)], [0.06, 0.06], look.accent, shadow=False, inside=True)
        s.band([(-broad * 0.9, (hip + shoulder) / 2), (broad * 0.9, (hip + shoulder) / 2)], [0.055, 0.055], look.accent, shadow=False, inside=True)
    elif look.kind == "soldier":
        for side in (-1, 1):
            s.band([(side * broad * 0.7, shoulder), (-side * broad * 0.7, hip + 0.06)], [0.035, 0.035], WHITE, shadow=False, inside=True)
    else:
        s.band([(-broad * 0.96, hip + 0.025), (0, hip + 0.005), (broad * 0.96, hip + 0.025)], [0.04, 0.04], tone(look.accent, -0.1), shadow=False, inside=True)
        s.blob([(-broad * 0.5, shoulder + 0.035), (0, shoulder - 0.05), (broad * 0.5, shoulder + 0.035)], look.second, inside=True)
        for k in range(2):
            s.dot(0.0, hip + 0.09 + k * 0.07, 0.013, look.second)


def _in_hand(s: Sprite, look: Look, extra: str, hand: Point, hip: float) -> None:
    x, y = hand
    if extra == "stick":
        s.band([(x - 0.02, 0.0), (x - 0.01, y + 0.06), (x + 0.05, y + 0.1), (x + 0.08, y + 0.05)], [0.03, 0.03, 0.03, 0.025], rgb("#7a5230"))
    elif extra == "staff":
        s.band([(x - 0.03, 0.0), (x - 0.01, y + 0.45)], [0.03, 0.03], rgb("#7a5230"))
        s.oval(x - 0.01, y + 0.5, 0.055, 0.055, look.second)
        s.lights.append((x - 0.01, y + 0.5, 0.3, look.second))
    elif extra == "broom":
        s.band([(x - 0.02, 0.16), (x - 0.01, y + 0.42)], [0.026, 0.026], rgb("#8a5f38"))
        s.blob([(x - 0.04, 0.2), (x - 0.11, 0.0), (x - 0.02, -0.02), (x + 0.07, 0.0), (x + 0.01, 0.2)], rgb("#d9a74f"))
    elif extra == "shield":
        s.blob([(x - 0.12, y + 0.13), (x, y + 0.17), (x + 0.12, y + 0.13), (x + 0.11, y - 0.03), (x, y - 0.16), (x - 0.11, y - 0.03)], look.accent)
        s.band([(x, y - 0.1), (x, y + 0.12)], [0.035, 0.035], rgb("#f2e3c2"), shadow=False, inside=True)
        s.band([(x - 0.08, y + 0.04), (x + 0.08, y + 0.04)], [0.035, 0.035], rgb("#f2e3c2"), shadow=False, inside=True)


def hat(s: Sprite, kind: str, look: Look, cx: float, cy: float, r: float, colour: Colour | None = None) -> None:
    """Put a hat on a head at (cx, cy), half as wide as `r`."""
    top = cy + r * 0.62
    if kind == "crown":
        gold = colour or rgb("#f2c14e")
        w = r * 0.75
        s.cut(
            [
                (cx - w, top),
                (cx - w * 1.15, top + r * 0.75),
                (cx - w * 0.5, top + r * 0.4),
                (cx, top + r * 0.95),
                (cx + w * 0.5, top + r * 0.4),
                (cx + w * 1.15, top + r * 0.75),
                (cx + w, top),
            ],
            gold,
        )
        for k, gem in ((-0.5, "#c0453a"), (0.0, "#3f7fb0"), (0.5, "#c0453a")):
            s.dot(cx + k * w * 1.1, top + r * 0.2, r * 0.09, rgb(gem))
    elif kind in ("wizard", "witch", "elf", "party"):
        ink = colour or (look.main if kind in ("wizard", "elf") else tone(look.main, -0.06) if kind == "witch" else look.accent)
        tall = {"wizard": 2.3, "witch": 1.9, "elf": 1.5, "party": 1.4}[kind]
        bend = 0.35 if kind in ("witch", "elf") else 0.1
        s.blob(
            [
                (cx - r * 0.85, top - r * 0.1),
                (cx - r * 0.5, top + r * 0.7),
                (cx - r * bend * 1.4, top + r * tall),
                (cx + r * 0.2, top + r * tall * 0.72),
                (cx + r * 0.6, top + r * 0.6),
                (cx + r * 0.85, top - r * 0.1),
                (cx, top - r * 0.25),
            ],
            ink,
        )
        if kind in ("wizard", "witch"):
            s.oval(cx, top - r * 0.05, r * 1.5, r * 0.26, ink)
            s.band(
                [(cx - r * 0.8, top + r * 0.14), (cx, top + r * 0.04), (cx + r * 0.8, top + r * 0.14)],
                [r * 0.2, r * 0.2],
                look.second,
                shadow=False,
                inside=True,
            )
        if kind == "wizard":
            for px, py in ((-0.25, 0.75), (0.2, 1.1), (-0.05, 1.5)):
                s.dot(cx + r * px, top + r * py, r * 0.09, look.second)
        if kind in ("party", "elf"):
            s.dot(cx - r * bend * 1.4, top + r * tall, r * 0.17, look.second)
            s.oval(cx - r * bend * 1.4, top + r * tall, r * 0.17, r * 0.17, look.second)
    elif kind in ("straw", "hat", "sou"):
        ink = colour or (rgb("#e5c56a") if kind == "straw" else look.main)
        s.oval(cx, top, r * 1.55, r * 0.3, ink)
        s.blob(
            [
                (cx - r * 0.85, top),
                (cx - r * 0.7, top + r * 0.7),
                (cx, top + r * 0.9),
                (cx + r * 0.7, top + r * 0.7),
                (cx + r * 0.85, top),
                (cx, top - r * 0.12),
            ],
            tone(ink, 0.03),
        )
        s.band(
            [(cx - r * 0.84, top + r * 0.12), (cx, top + r * 0.02), (cx + r * 0.84, top + r * 0.12)],
            [r * 0.2, r * 0.2],
            tone(ink, -0.28),
            shadow=False,
            inside=True,
        )
    elif kind == "sailor":
        s.blob(
            [(cx - r * 0.9, top), (cx - r * 1.0, top + r * 0.6), (cx, top + r * 0.75), (cx + r * 1.0, top + r * 0.6), (cx + r * 0.9, top), (cx, top - r * 0.1)],
            colour or WHITE,
        )
        s.band(
            [(cx - r * 0.9, top + r * 0.08), (cx, top - r * 0.02), (cx + r * 0.9, top + r * 0.08)],
            [r * 0.26, r * 0.26],
            rgb("#2e4a7a"),
            shadow=False,
            inside=True,
        )
    elif kind == "pirate":
        s.blob(
            [
                (cx - r * 1.45, top + r * 0.15),
                (cx - r * 0.9, top + r * 0.85),
                (cx, top + r * 1.0),
                (cx + r * 0.9, top + r * 0.85),
                (cx + r * 1.45, top + r * 0.15),
                (cx + r * 0.6, top - r * 0.05),
                (cx - r * 0.6, top - r * 0.05),
            ],
            rgb("#2c2a33"),
        )
        s.dot(cx, top + r * 0.5, r * 0.18, WHITE)
    elif kind == "toque":
        s.box(cx - r * 0.72, top - r * 0.05, cx + r * 0.72, top + r * 0.6, WHITE, r * 0.05)
        for k in (-0.55, 0.0, 0.55):
            s.oval(cx + k * r, top + r * 0.85, r * 0.52, r * 0.48, WHITE)
    elif kind == "bearskin":
        s.blob(
            [
                (cx - r * 0.85, top - r * 0.2),
                (cx - r * 0.9, top + r * 0.9),
                (cx, top + r * 1.4),
                (cx + r * 0.9, top + r * 0.9),
                (cx + r * 0.85, top - r * 0.2),
                (cx, top - r * 0.3),
            ],
            rgb("#2a2730"),
        )
    elif kind == "helmet":
        steel = colour or look.main
        s.cut(
            [
                *arc(cx, cy, r * 1.12, r * 1.15, 195, -15, 30),
                (cx + r * 0.95, cy - r * 0.2),
                (cx + r * 0.85, cy + r * 0.3),
                (cx - r * 0.75, cy + r * 0.3),
                (cx - r * 0.95, cy - r * 0.2),
            ],
            steel,
        )
        s.band([(cx - r * 0.2, cy + r * 1.1), (cx - r * 0.9, cy + r * 1.7), (cx - r * 1.3, cy + r * 1.0)], [r * 0.2, r * 0.4, r * 0.1], look.accent)
    elif kind == "space":
        s.cut(arc(cx, cy, r * 1.4, r * 1.4), (214, 232, 240), shadow=False, alpha=70)
        s.cut(arc(cx - r * 0.5, cy + r * 0.6, r * 0.35, r * 0.14), WHITE, shadow=False, inside=True, alpha=150)
    elif kind == "cap":
        ink = colour or look.main
        s.cut([*arc(cx, top - r * 0.2, r * 1.02, r * 0.95, 180, 0, 24)], ink)
        s.blob([(cx + r * 0.2, top - r * 0.2), (cx + r * 1.5, top - r * 0.3), (cx + r * 1.5, top - r * 0.12), (cx + r * 0.3, top + r * 0.08)], tone(ink, -0.08))


def lying(s: Sprite, look: Look, in_bed: bool) -> Sprite:
    """The same person asleep under a blanket: on the ground, or in a bed of their own."""
    laid = s.moved(turn=80)
    left, bottom, right, _top = laid.bounds()
    laid = laid.moved(x=-(left + right) / 2, y=-bottom)
    hx, hy, r = laid.head
    nx = laid.neck[0]
    end = (right - left) / 2 + 0.02
    whole = Sprite(lights=laid.lights, head=laid.head, neck=laid.neck)
    if in_bed:
        wood = rgb("#94643c")
        whole.box(hx - r * 1.9, -0.34, hx - r * 1.45, hy + r * 1.9, wood, 0.05)
        whole.box(end + 0.02, -0.34, end + 0.13, 0.2, wood, 0.05)
        whole.box(hx - r * 1.6, -0.22, end + 0.06, -0.02, tone(wood, 0.07), 0.02)
        whole.box(hx - r * 1.5, -0.08, end + 0.04, 0.05, WHITE, 0.05)
    whole.blob(
        [(hx - r * 1.35, -0.01), (hx - r * 1.3, hy * 0.9), (hx - r * 0.4, hy + r * 0.25), (hx + r * 0.75, hy * 0.9), (hx + r * 0.9, -0.01)], rgb("#fbf4e6")
    )
    whole.pieces += laid.pieces
    cloth = look.accent if abs(sum(look.accent) - sum(look.main)) > 60 else look.second
    high = max(0.2, hy + r * 0.35)
    blanket = [
        (nx - 0.02, -0.02),
        (nx - 0.03, high * 0.72),
        (nx + 0.14, high * 0.98),
        ((nx + end) / 2, high * 0.84),
        (end - 0.08, high * 0.66),
        (end + 0.02, high * 0.3),
        (end + 0.02, -0.03),
    ]
    if in_bed:
        blanket += [(end - 0.02, -0.17), ((nx + end) / 2, -0.2), (nx + 0.02, -0.16)]
    whole.blob(blanket, cloth)
    whole.band([(nx - 0.01, 0.0), (nx - 0.02, high * 0.7), (nx + 0.1, high * 0.93)], [0.07, 0.07, 0.07], tone(cloth, 0.14), shadow=False, inside=True)
    for k in range(5):
        x = nx + 0.16 + k * (end - nx - 0.2) / 5
        whole.dot(x, high * 0.36 - (0.09 if k % 2 else -0.03), 0.028, tone(cloth, 0.16))
    return whole


def flying(s: Sprite) -> Sprite:
    """The same person in the air, arms ahead."""
    laid = s.moved(turn=-58)
    left, bottom, right, top = laid.bounds()
    return laid.moved(x=-(left + right) / 2, y=-(bottom + top) / 2 + 0.2)


def swimming(s: Sprite, share: float = 0.52) -> Sprite:
    """The upper part of a sprite in water: what is above `share` of its height, with waves around it."""
    left, bottom, right, top = s.bounds()
    line = bottom + (top - bottom) * (1 - share)
    kept = Sprite([piece for piece in s.pieces if max(y for _x, y in piece.points) > line], s.lights, [], s.head, s.neck).moved(y=-line)
    w = (right - left) * 0.62
    for k, (alpha, colour) in enumerate(((255, (92, 164, 190)), (255, (140, 200, 214)))):
        y = -0.02 - k * 0.05
        wave = [(x / 20 * w * 2 - w, y + 0.025 * math.sin(x * 1.1 + k * 2)) for x in range(21)]
        kept.cut([*wave, (w * 0.85, -0.16), (-w * 0.85, -0.16)], colour, alpha=alpha)
    # What hangs below the water line is not seen.
    pieces = [
        piece
        if min(y for _x, y in piece.points) >= -0.17
        else type(piece)(tuple((x, max(y, -0.1)) for x, y in piece.points), piece.colour, piece.shadow, piece.alpha, piece.inside)
        for piece in kept.pieces
    ]
    return Sprite(pieces, kept.lights, [], kept.head, kept.neck)


__all__ = ["INK", "flying", "hat", "lying", "person", "swimming"]
