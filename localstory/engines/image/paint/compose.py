"""Where everything goes (`plan`, pure arithmetic) and painting it (`paint`): the illustrator's eye and hand."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from PIL import Image, ImageDraw, ImageFilter

from localstory.engines.image.alt import describe
from localstory.engines.image.lexicon import COLOUR_NAMES
from localstory.engines.image.looks import Look, look_of
from localstory.engines.image.paint.canvas import Box, Scene, Sprite, arc, smooth
from localstory.engines.image.paint.colour import mix, rgb
from localstory.engines.image.paint.figures import cut, height_of
from localstory.engines.image.paint.indoors import ROOMS
from localstory.engines.image.paint.light import finish
from localstory.engines.image.paint.palette import palette
from localstory.engines.image.paint.places import BACK, FRONT
from localstory.engines.image.paint.props import SIZES, prop
from localstory.engines.image.paint.sky import weather_veil
from localstory.engines.image.paint.stage import Stage
from localstory.engines.image.reading import Actor, Brief, Prop


@dataclass(frozen=True, slots=True)
class Placed:
    """Something that stands in the picture: `x`, `y` is its foot and `size` its unit, in pixels."""

    about: str
    """"figure" or "prop"."""
    kind: str
    x: float
    y: float
    size: float
    layer: str
    """"sky", "back", "stage" or "near": from far to near."""
    name: str = ""
    pose: str = ""
    feeling: str = "calm"
    flip: bool = False
    turn: float = 0.0
    look: Look | None = None
    colour: str = ""

    def sprite(self) -> Sprite:
        """What is laid there."""
        if self.look is not None:
            return cut(self.look, self.pose, self.feeling)
        return prop(self.kind, rgb(COLOUR_NAMES[self.colour]) if self.colour else None)


@dataclass(frozen=True, slots=True)
class Layout:
    """A picture before it is painted."""

    brief: Brief
    width: int
    height: int
    seed: int
    horizon: float
    floor: float
    hero_x: float
    placed: tuple[Placed, ...]
    title_box: tuple[float, float, float, float] | None = None
    """Where a title goes: left, top, width, height in pixels."""


FEELING = {"scary": "scared", "sad": "sad", "angry": "angry", "happy": "happy", "exciting": "happy", "calm": "calm", "mysterious": "calm"}

_FLYERS = frozenset({"bird", "robin", "bat", "butterfly", "bee", "firefly", "dove", "eagle", "crow"})
_SWIMMERS = frozenset({"fish", "whale", "dolphin", "shark", "octopus", "mermaid"})


_BELONGS = {
    "bedroom": ("bed", "window"),
    "kitchen": ("window", "table"),
    "living room": ("window", "fire"),
    "school": ("window", "table"),
    "library": ("window",),
    "workshop": ("window", "table"),
    "castle": ("castle",),
    "forest": ("tree",),
    "jungle": ("tree",),
    "village": ("house",),
    "market": ("house",),
    "sea": ("boat",),
}
"""Things that a setting brings along."""


def luck_for(seed: int, *what: object) -> random.Random:
    """Chance that depends on the seed and on what it is for, and on nothing else: leaving one thing out moves no other."""
    return random.Random(hashlib.sha256("|".join(map(str, (seed, *what))).encode("utf-8", "surrogatepass")).digest())


def plan(brief: Brief, width: int, height: int, seed: int, *, title: bool = False) -> Layout:
    """Compose: figures at the thirds, large enough to matter, turned to each other; things where they belong. Pure."""
    luck = luck_for(seed, "plan")
    unit = float(min(height, width * 1.05))
    tall = height > width * 1.15
    horizon = height * (luck.uniform(0.56, 0.62) if not tall else luck.uniform(0.6, 0.64))
    floor = height * (luck.uniform(0.845, 0.87) if not tall else 0.83)
    if brief.setting in ("sky", "underwater"):
        floor = height * 0.74
    if brief.setting == "sea":
        floor = height * 0.8
    bodies: list[tuple[Actor, int]] = []
    for actor in brief.actors:
        for number in range(actor.count):
            if len(bodies) < 6:
                bodies.append((actor, number))
    left_first = luck.random() < 0.5
    count = len(bodies)
    spots = {
        0: [],
        1: [0.35],
        2: [0.33, 0.64],
        3: [0.24, 0.5, 0.76],
        4: [0.18, 0.4, 0.61, 0.82],
        5: [0.15, 0.33, 0.5, 0.67, 0.85],
        6: [0.13, 0.28, 0.43, 0.58, 0.73, 0.88],
    }[count]
    if tall and count == 1:
        spots = [0.44]
    if not left_first:
        spots = [1 - spot for spot in spots]
    # A single hero may be large; a crowd shares the width.
    boost = {0: 1.0, 1: 1.14, 2: 1.06, 3: 0.92, 4: 0.84, 5: 0.76, 6: 0.68}[count]
    if title:
        boost *= 0.86
    placed: list[Placed] = []
    boxes: list[tuple[float, float]] = []
    for index, ((actor, number), spot) in enumerate(zip(bodies, spots, strict=True)):
        placed_one, extent = _figure(
            brief, actor, number, spot, index, count, width, height, unit, floor, boost, luck_for(seed, "figure", index, actor.figure.name)
        )
        placed.append(placed_one)
        boxes.append(extent)
    hero_x = placed[0].x if placed else width * (0.35 if left_first else 0.65)
    placed += _props(brief, placed, boxes, width, height, unit, floor, horizon, seed)
    box = (width * 0.1, height * 0.07, width * 0.8, height * (0.4 if not tall else 0.3)) if title else None
    return Layout(brief, width, height, seed, horizon, floor, hero_x, tuple(placed), box)


def _figure(
    brief: Brief,
    actor: Actor,
    number: int,
    spot: float,
    index: int,
    count: int,
    width: int,
    height: int,
    unit: float,
    floor: float,
    boost: float,
    luck: random.Random,
) -> tuple[Placed, tuple[float, float]]:
    # Of three boys no two wear the same.
    look = look_of(replace(actor.figure, name=f"{actor.figure.kind} {number}") if number and not actor.figure.colours else actor.figure)
    pose = actor.pose
    if brief.setting == "underwater" and (look.kind not in _SWIMMERS):
        pose = "fly" if look.body == "person" and pose not in ("sleep",) else "stand" if pose == "swim" else pose
    if brief.setting == "sea" and look.kind not in _SWIMMERS and pose != "fly" and look.kind not in _FLYERS:
        pose = "swim" if pose == "swim" else pose
    if pose == "swim" and brief.setting not in ("sea", "lake", "underwater"):
        pose = "stand"
    if (
        pose == "fly"
        and look.body in ("person", "beast")
        and look.kind not in ("unicorn", "fairy", "angel", "witch", "wizard", "astronaut")
        and brief.setting not in ("sky", "space", "underwater", "moon")
    ):
        pose = "jump"
    if pose == "sleep" and brief.setting == "bedroom" and look.body == "person":
        pose = "bed"
    feeling = FEELING[brief.mood]
    if brief.mood == "scary" and look.kind in ("monster", "ghost", "witch", "wolf") and not actor.figure.name:
        feeling = "angry"
    # Compressed sizes: a mouse still reads, an elephant still fits.
    size_share = height_of(look) * boost
    sprite = cut(look, pose, feeling)
    left, bottom, right, top = sprite.bounds()
    body = max(0.2, min(1.35, top - max(0.0, bottom)))
    size = unit * size_share / (1.0 if look.body == "person" else min(1.25, max(0.8, body)))
    room = width / max(2.0, count + 0.4) * (1.18 if count > 1 else 1.0)
    widest = (right - left) * size
    if widest > room:
        size *= room / widest
    highest = height * (0.6 if count < 3 else 0.52)
    if (top - bottom) * size > highest:
        size *= highest / ((top - bottom) * size)
    x, y = width * spot, floor
    depth = (0.0, -0.012, 0.006, -0.02, 0.008, -0.014)[index % 6]
    y += height * (depth + luck.uniform(-0.006, 0.006))
    flying = pose == "fly" or look.kind in _FLYERS and pose not in ("sit", "sleep", "walk", "stand") or look.kind in ("butterfly", "bee", "firefly", "bat")
    layer = "stage"
    if brief.setting in ("sky", "space"):
        y = height * (0.66 + luck.uniform(-0.06, 0.03)) if not flying or look.body == "person" else height * (0.5 + luck.uniform(-0.08, 0.05))
        if brief.setting == "space" and pose != "fly":
            y = floor - height * 0.01
    elif brief.setting == "underwater":
        y = height * (0.66 + luck.uniform(-0.08, 0.06)) if look.kind not in ("crab", "snail", "turtle") else height * 0.86
    elif brief.setting == "lake" and (pose == "swim" or look.kind in _SWIMMERS):
        y = floor - height * (0.085 + luck.uniform(0.0, 0.025))
        size *= 0.86
    elif look.kind in _SWIMMERS and brief.setting in ("sea", "river", "beach", "island"):
        y = floor + height * 0.03
    elif flying:
        y = floor - height * (0.2 + luck.uniform(0.0, 0.12)) if index or count == 1 else floor - height * 0.16
    elif pose == "jump":
        y -= height * 0.03
    # Keep inside the part that a slow zoom never loses: 6 % at each edge.
    safe = 0.055
    x = (
        min(width * (1 - safe) - right * size, max(width * safe - left * size, x))
        if (right - left) * size < width * (1 - 2 * safe)
        else width / 2 - (left + right) / 2 * size
    )
    y = min(y, height * 0.955 + min(0.0, bottom) * size)
    y = max(y, height * 0.07 + top * size)
    flip = x > width * 0.5 if count != 2 else spot > 0.5
    if count > 2:
        flip = spot > 0.5
    if flip:
        x = min(width * (1 - safe) + left * size, max(width * safe + right * size, x))
    extent = (x + (-right if flip else left) * size, x + (-left if flip else right) * size)
    placed = Placed("figure", look.kind, x, y, size, layer, actor.figure.name, pose, feeling, flip, 0.0, look)
    return placed, extent


def _props(
    brief: Brief, figures: list[Placed], extents: list[tuple[float, float]], width: int, height: int, unit: float, floor: float, horizon: float, seed: int
) -> list[Placed]:
    made: list[Placed] = []
    taken = list(extents)
    sky_taken: list[tuple[float, float]] = []
    worn = {figure.look.item for figure in figures if figure.look is not None}
    back_taken: list[tuple[float, float]] = []
    free_hands = ("stand", "walk", "wave")
    able = [one for one in figures if one.look is not None and (one.pose == "hold" or (one.look.body == "person" and one.pose in free_hands))]
    holder = next((figure for figure in able if figure.pose == "hold"), able[0] if able else None)
    for index, thing in enumerate(brief.props):
        if thing.kind not in SIZES or thing.kind in _BELONGS.get(brief.setting, ()) or (thing.kind in worn and thing.kind not in ("book",)):
            continue
        share, where = SIZES[thing.kind]
        luck = luck_for(seed, "prop", index, thing.kind)
        if thing.held and holder is not None and where in ("ground", "sky") and thing.count == 1 and thing.kind not in ("fire", "pumpkin", "drum", "chest"):
            made.append(_held(thing, holder, share, unit))
            holder = None
            continue
        for number in range(thing.count):
            made.append(
                _thing(brief, thing, number, share * (0.86 if number else 1.0), where, taken, back_taken, sky_taken, width, height, unit, floor, horizon, luck)
            )
    return made


def _held(thing: Prop, holder: Placed, share: float, unit: float) -> Placed:
    sprite = holder.sprite()
    hand = sprite.hands[0] if sprite.hands else (0.3, 0.4)
    size = unit * min(share, 0.2)
    hangs = thing.kind in ("lantern", "basket", "bell", "bucket")
    floats = thing.kind in ("balloon", "kite")
    x = holder.x + (-hand[0] if holder.flip else hand[0]) * holder.size
    y = holder.y - hand[1] * holder.size + (size * 0.93 if hangs else -size * 0.0 if floats else size * 0.15)
    if floats:
        size = unit * share
    return Placed("prop", thing.kind, x, y, size, "near", colour=thing.colour)


def _thing(
    brief: Brief,
    thing: Prop,
    number: int,
    share: float,
    where: str,
    taken: list[tuple[float, float]],
    back_taken: list[tuple[float, float]],
    sky_taken: list[tuple[float, float]],
    width: int,
    height: int,
    unit: float,
    floor: float,
    horizon: float,
    luck: random.Random,
) -> Placed:
    left, bottom, right, top = prop(thing.kind).bounds()
    size = unit * share
    wet = brief.setting in ("sea", "lake", "river", "beach", "island")
    if where == "water" and not wet:
        where = "back"
    if where == "wall" and not brief.indoors:
        where = "ground"
    if (right - left) * size > width * 0.5:
        size = width * 0.5 / (right - left)
    half = (right - left) * size / 2
    margin = width * 0.065
    if where in ("sky", "wall"):
        y_share = luck.uniform(0.3, 0.44) if where == "sky" else luck.uniform(0.44, 0.5)
        if thing.kind in ("hot air balloon", "balloon", "kite"):
            y_share = luck.uniform(0.44, 0.54)
        x = _free(sky_taken, half, width, margin, luck, avoid=taken if where == "wall" or thing.kind == "hot air balloon" else ())
        sky_taken.append((x - half, x + half))
        turn = luck.uniform(-8, 8) if where == "sky" and thing.kind != "star" else 0.0
        y = max(height * 0.08 + top * size, height * (y_share + 0.035 * (number % 2)))
        return Placed("prop", thing.kind, x - (left + right) / 2 * size, y, size, "sky" if where == "sky" else "back", turn=turn, colour=thing.colour)
    if where in ("back", "water"):
        x = _free([*back_taken, *[(a + (b - a) * 0.2, b - (b - a) * 0.2) for a, b in taken]], half, width, margin * 0.8, luck)
        back_taken.append((x - half, x + half))
        y = floor - height * luck.uniform(0.045, 0.07)
        if where == "water":
            y = horizon + (floor - horizon) * (0.74 if brief.setting in ("sea",) else 0.5)
            if brief.setting in ("beach", "lake", "island"):
                y = horizon + height * 0.1
                size *= 0.72
        return Placed(
            "prop", thing.kind, x - (left + right) / 2 * size, y, size, "back", flip=luck.random() < 0.5 and thing.kind not in ("train",), colour=thing.colour
        )
    x = _free(taken, half, width, margin, luck)
    taken.append((x - half, x + half))
    y = min(height * 0.945, floor + height * luck.uniform(0.0, 0.05))
    if brief.setting == "underwater":
        y = height * 0.9
    elif brief.setting == "sky":
        y = floor - height * luck.uniform(0.0, 0.15)
    elif brief.setting == "sea":
        y = floor - height * 0.01
    return Placed(
        "prop",
        thing.kind,
        x - (left + right) / 2 * size,
        y - max(0.0, -bottom) * size * 0.3,
        size,
        "stage" if number or y < floor + height * 0.02 else "near",
        turn=0.0,
        colour=thing.colour,
    )


def _free(
    taken: list[tuple[float, float]] | tuple[tuple[float, float], ...], half: float, width: int, margin: float, luck: random.Random, avoid: Any = ()
) -> float:
    """The middle of a free stretch `2 * half` wide: of many tries the one that overlaps least and is nearest to the middle."""
    low, high = margin + half, width - margin - half
    if low >= high:
        return width / 2
    best, best_cost = width / 2, float("inf")
    for step in range(33):
        x = low + (high - low) * ((step + luck.random() * 0.6) / 33)
        overlap = sum(max(0.0, min(x + half, b) - max(x - half, a)) for a, b in [*taken, *avoid])
        cost = overlap * 6 + abs(x - width * 0.5) * 0.2 + luck.uniform(0, width * 0.1)
        if cost < best_cost:
            best, best_cost = x, cost
    return best


def paint(layout: Layout, report: Callable[[float], None] = lambda _share: None) -> tuple[Image.Image, dict[str, Any]]:
    """Paint a layout. Pure but for `report`, which hears the share done and may raise to stop."""
    brief = layout.brief
    pal = palette(brief.time, brief.weather, brief.season, brief.mood, luck_for(layout.seed, "palette"))
    scene = Scene(layout.width, layout.height, pal.sky[1])
    st = Stage(
        scene,
        pal,
        luck_for(layout.seed, "scenery", brief.setting),
        layout.horizon,
        layout.floor,
        brief.time,
        brief.weather,
        brief.season,
        brief.mood,
        layout.hero_x,
    )
    st.bed_taken = any(item.pose == "bed" for item in layout.placed)
    st.setting_dark = brief.setting in ("cave", "space", "moon")
    st.casts_shadow = brief.setting not in ("sky", "underwater", "sea")
    share = 0.02

    def tell(done: float) -> None:
        nonlocal share
        share = done
        report(done)

    scene.checkpoint = lambda: report(share)
    tell(0.02)
    (ROOMS[brief.setting] if brief.indoors else BACK[brief.setting])(st)
    tell(0.45)
    boxes: list[Box] = [(0, 0, 0, 0)] * len(layout.placed)
    order = {"sky": 0, "back": 1, "stage": 2, "near": 3}
    indexed = sorted(enumerate(layout.placed), key=lambda entry: (order[entry[1].layer], entry[1].y, entry[0]))
    for done, (index, item) in enumerate(indexed):
        boxes[index] = _lay(st, item)
        tell(0.45 + 0.3 * (done + 1) / len(indexed))
    if brief.setting == "sea":
        _hull(st, layout, boxes)
    if brief.setting in FRONT and not brief.indoors:
        FRONT[brief.setting](st)
    tell(0.8)
    if not brief.indoors and brief.setting not in ("space", "moon", "underwater", "cave"):
        weather_veil(st)
    tell(0.86)
    mood_dark = {"scary": 0.42, "mysterious": 0.3, "sad": 0.28}.get(brief.mood, 0.2)
    finish(
        scene,
        vignette=mood_dark + (0.06 if pal.dark else 0.0),
        grain_seed=layout.seed,
        strength=1.0 if pal.dark or brief.time == "evening" or brief.indoors or brief.setting in ("cave", "space", "moon") else 0.4,
    )
    tell(0.92)
    figures = [
        {
            "name": item.name,
            "kind": item.kind,
            "box": list(box),
            "pose": "sleep" if item.pose == "bed" else item.pose,
            "known": item.look.known if item.look else True,
        }
        for item, box in zip(layout.placed, boxes, strict=True)
        if item.about == "figure"
    ]
    props = [{"kind": item.kind, "box": list(box)} for item, box in zip(layout.placed, boxes, strict=True) if item.about == "prop"]
    return scene.image, {
        "setting": brief.setting,
        "time": brief.time,
        "weather": brief.weather,
        "season": brief.season,
        "mood": brief.mood,
        "figures": figures,
        "props": props,
        "reasons": list(brief.reasons),
        "alt": describe(brief, figures, props),
        "focus": _focus(layout, boxes),
    }


def _lay(st: Stage, item: Placed) -> Box:
    sprite = item.sprite()
    share = st.pal.figure_share if item.about == "figure" else st.pal.veil_share * 0.5
    tint = st.pal.veil
    if item.layer == "back" and item.about == "prop":
        share, tint = max(share, 0.1), mix(st.pal.veil, st.pal.haze, 0.5)
    lit = st.pal.dark or st.time == "evening" or st.setting_dark
    if not lit:
        sprite.lights[:] = [(x, y, r * 0.7, colour) for x, y, r, colour in sprite.lights]
    if item.about == "figure" and item.layer == "stage" and item.pose not in ("fly", "swim") and st.casts_shadow:
        _ground_shadow(st, item, sprite)
    # A thin light rim at night and in fog keeps the heroes off the dark.
    return st.scene.place(
        sprite, item.x, item.y, item.size, flip=item.flip, turn=item.turn, shadow=0.4 if item.about == "figure" else 0.34, tint=tint, tint_share=share
    )


def _ground_shadow(st: Stage, item: Placed, sprite: Sprite) -> None:
    left, bottom, right, _top = sprite.bounds()
    if bottom > 0.3:
        return
    middle = item.x + (-(left + right) / 2 if item.flip else (left + right) / 2) * item.size
    half = (right - left) * item.size * 0.42
    mask = Image.new("L", (st.w, st.h))
    pad = round(half * 1.5) + 4
    y = item.y + item.size * 0.015
    patch = Image.new("L", (pad * 2, max(6, pad)))
    ImageDraw.Draw(patch).polygon([(pad + x, patch.height / 2 + yy) for x, yy in arc(0, 0, half, max(2.0, half * 0.16), steps=40)], fill=120)
    patch = patch.filter(ImageFilter.GaussianBlur(max(1.0, half * 0.07)))
    mask.paste(patch, (round(middle - pad), round(y - patch.height / 2)))
    st.scene.image.paste((22, 14, 40), (0, 0), mask)


def _hull(st: Stage, layout: Layout, boxes: list[Box]) -> None:
    """Whoever neither swims nor flies at sea sits in a boat."""
    aboard = [
        box
        for item, box in zip(layout.placed, boxes, strict=True)
        if item.layer in ("stage", "near") and item.kind not in _SWIMMERS | _FLYERS and item.pose not in ("swim", "fly") and box[3] > layout.floor - st.u * 0.14
    ]
    if not aboard:
        return
    u = st.u
    left, right = min(box[0] for box in aboard) - u * 0.05, max(box[2] for box in aboard) + u * 0.05
    top, low = layout.floor - u * 0.085, layout.floor + u * 0.1
    wood = st.pal.near(rgb("#a8683c"))
    deck = [(left - u * 0.04, top - u * 0.045), ((left + right) / 2, top + u * 0.012), (right + u * 0.04, top - u * 0.045)]
    hull = [*smooth(deck, 10, closed=False), (right - u * 0.02, low), (left + u * 0.02, low)]
    st.scene.lay([hull], wood, lower=mix(wood, (40, 24, 30), 0.25), shadow=0.4)
    for drop, tone_share, thick in ((0.0, 0.35, 0.022), (0.055, -0.2, 0.007), (0.095, -0.2, 0.007)):
        line = smooth([(x, y + u * drop) for x, y in deck], 10, closed=False)
        colour = mix(wood, (255, 240, 210), tone_share) if tone_share > 0 else mix(wood, (40, 20, 20), -tone_share)
        inset = u * drop * 0.5
        band = [(min(right + u * 0.04 - inset, max(left - u * 0.04 + inset, x)), y) for x, y in line]
        st.scene.lay([[*band, *[(x, y + u * thick) for x, y in reversed(band)]]], colour, shadow=0.12)


def _focus(layout: Layout, boxes: list[Box]) -> list[float]:
    """Where the eye should rest: the first figure's head, or between two; else the first thing; else the middle."""
    faces = [box for item, box in zip(layout.placed, boxes, strict=True) if item.about == "figure"][:2] or [box for box in boxes[:1] if box != (0, 0, 0, 0)]
    if not faces:
        return [0.5, 0.52]
    x = sum((box[0] + box[2]) / 2 for box in faces) / len(faces) / layout.width
    y = sum(box[1] + (box[3] - box[1]) * 0.36 for box in faces) / len(faces) / layout.height
    return [round(min(0.95, max(0.05, x)), 4), round(min(0.95, max(0.05, y)), 4)]


def without(layout: Layout, index: int) -> Layout:
    """The same picture with one placed thing left out; everything else stays where it is."""
    return replace(layout, placed=layout.placed[:index] + layout.placed[index + 1 :])
