"""Paper: a picture that layers are laid on, each with its soft shadow; and the sprites that figures and things are cut from.

Everything is drawn larger and scaled down, so that edges are smooth. A one-coloured layer is only a mask (`Scene.lay`);
a figure is a `Sprite`: coloured pieces in its own unit coordinates, x to the right, y up, feet at (0, 0), 1.0 = one unit high.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageChops, ImageDraw, ImageFilter

from localstory.engines.image.paint.colour import Colour, mix, tone

Point: TypeAlias = tuple[float, float]
Box: TypeAlias = tuple[int, int, int, int]


def smooth(points: Sequence[Point], steps: int = 8, closed: bool = True) -> list[Point]:
    """A rounded curve through all `points` (uniform Catmull-Rom spline)."""
    if len(points) < 3:
        return list(points)
    p = np.asarray(points, dtype=float)
    if closed:
        p0, p1, p2, p3 = np.roll(p, 1, 0), p, np.roll(p, -1, 0), np.roll(p, -2, 0)
    else:
        ends = np.vstack([2 * p[0] - p[1], p, 2 * p[-1] - p[-2]])
        p0, p1, p2, p3 = ends[:-3], ends[1:-2], ends[2:-1], ends[3:]
    t = (np.arange(steps) / steps)[None, :, None]
    a, b, c, d = p0[:, None], p1[:, None], p2[:, None], p3[:, None]
    curve = 0.5 * (2 * b + (c - a) * t + (2 * a - 5 * b + 4 * c - d) * t**2 + (3 * b - a - 3 * c + d) * t**3)
    flat = [(float(x), float(y)) for x, y in curve.reshape(-1, 2)]
    if not closed:
        flat.append((float(p[-1][0]), float(p[-1][1])))
    return flat


def arc(cx: float, cy: float, rx: float, ry: float, start: float = 0.0, end: float = 360.0, steps: int = 40) -> list[Point]:
    """Points of an ellipse from `start` to `end` degrees, anticlockwise from the right (y up)."""
    angles = [math.radians(start + (end - start) * i / steps) for i in range(steps + (0 if end - start == 360.0 else 1))]
    return [(cx + rx * math.cos(a), cy + ry * math.sin(a)) for a in angles]


def turned(points: Iterable[Point], degrees: float, about: Point = (0.0, 0.0)) -> list[Point]:
    """`points` turned anticlockwise (y up)."""
    c, s = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    return [(about[0] + (x - about[0]) * c - (y - about[1]) * s, about[1] + (x - about[0]) * s + (y - about[1]) * c) for x, y in points]


def ribbon(points: Sequence[Point], widths: Sequence[float]) -> list[Point]:
    """The outline of a band along `points`, `widths` wide at each of them (spread evenly): tails, trunks, necks, limbs."""
    line = (
        smooth(points, 8, closed=False)
        if len(points) > 2
        else [(points[0][0] + (points[-1][0] - points[0][0]) * i / 8, points[0][1] + (points[-1][1] - points[0][1]) * i / 8) for i in range(9)]
    )
    p = np.asarray(line)
    step = np.gradient(p, axis=0)
    length = np.maximum(np.hypot(step[:, 0], step[:, 1]), 1e-9)
    normal = np.stack([-step[:, 1] / length, step[:, 0] / length], 1)
    half = np.interp(np.linspace(0, len(widths) - 1, len(p)), np.arange(len(widths)), np.asarray(widths))[:, None] / 2
    left, right = p + normal * half, p - normal * half
    start, end = float(half[0][0]), float(half[-1][0])
    first = math.degrees(math.atan2(normal[0][1], normal[0][0]))
    last = math.degrees(math.atan2(-normal[-1][1], -normal[-1][0]))
    cap_start = arc(float(p[0][0]), float(p[0][1]), start, start, first, first + 180, 8)
    cap_end = arc(float(p[-1][0]), float(p[-1][1]), end, end, last, last + 180, 8)
    return [*cap_start, *[(float(x), float(y)) for x, y in right], *cap_end, *[(float(x), float(y)) for x, y in left[::-1]]]


@dataclass(frozen=True, slots=True)
class Piece:
    """One cut piece of a sprite. Without a shadow it is ink on the piece below; `glow` pieces are not darkened by night."""

    points: tuple[Point, ...]
    colour: Colour
    shadow: bool = True
    alpha: int = 255
    inside: bool = False


@dataclass(slots=True)
class Sprite:
    """Pieces in the order they are laid, and how to add to them."""

    pieces: list[Piece] = field(default_factory=list)
    lights: list[tuple[float, float, float, Colour]] = field(default_factory=list)
    """Where it glows: x, y, radius in units, colour."""
    hands: list[Point] = field(default_factory=list)
    """Where it can hold something."""
    head: tuple[float, float, float] = (0.0, 0.8, 0.15)
    """Middle and half width of the head: hats go there."""
    neck: Point = (0.0, 0.6)

    def cut(self, points: Sequence[Point], colour: Colour, *, shadow: bool = True, alpha: int = 255, inside: bool = False) -> None:
        """Lay a polygon. `inside` ones don't add to the silhouette (fur, patches, windows)."""
        self.pieces.append(Piece(tuple(points), colour, shadow, alpha, inside))

    def blob(self, points: Sequence[Point], colour: Colour, **how: Any) -> None:
        """Lay a rounded shape through `points`."""
        self.cut(smooth(points), colour, **how)

    def oval(self, cx: float, cy: float, rx: float, ry: float, colour: Colour, turn: float = 0.0, **how: Any) -> None:
        """Lay an ellipse, turned by `turn` degrees."""
        self.cut(turned(arc(cx, cy, rx, ry), turn, (cx, cy)), colour, **how)

    def band(self, points: Sequence[Point], widths: Sequence[float], colour: Colour, **how: Any) -> None:
        """Lay a band with round ends along `points`."""
        self.cut(ribbon(points, widths), colour, **how)

    def box(self, x0: float, y0: float, x1: float, y1: float, colour: Colour, round_by: float = 0.0, **how: Any) -> None:
        """Lay a rectangle, its corners rounded by `round_by`."""
        r = min(round_by, (x1 - x0) / 2, (y1 - y0) / 2)
        if r <= 0:
            points = [(x0, y0), (x1, y0), (x1, y1), (x0, y1)]
        else:
            points = [
                *arc(x1 - r, y0 + r, r, r, -90, 0, 6),
                *arc(x1 - r, y1 - r, r, r, 0, 90, 6),
                *arc(x0 + r, y1 - r, r, r, 90, 180, 6),
                *arc(x0 + r, y0 + r, r, r, 180, 270, 6),
            ]
        self.cut(points, colour, **how)

    def ink(self, points: Sequence[Point], width: float, colour: Colour) -> None:
        """Draw a line on what is there."""
        self.cut(ribbon(points, [width, width]), colour, shadow=False, inside=True)

    def dot(self, cx: float, cy: float, r: float, colour: Colour, *, alpha: int = 255) -> None:
        """Draw a dot on what is there."""
        self.cut(arc(cx, cy, r, r, steps=20), colour, shadow=False, inside=True, alpha=alpha)

    def add(self, other: Sprite, x: float = 0.0, y: float = 0.0, scale: float = 1.0, turn: float = 0.0, flip: bool = False) -> None:
        """Lay another sprite's pieces: scaled, turned about its foot, moved to (x, y)."""
        moved = other.moved(x, y, scale, turn, flip)
        self.pieces += moved.pieces
        self.lights += moved.lights

    def moved(self, x: float = 0.0, y: float = 0.0, scale: float = 1.0, turn: float = 0.0, flip: bool = False) -> Sprite:
        """This sprite elsewhere: flipped, scaled, turned about (0, 0), moved."""
        side = -1.0 if flip else 1.0
        c, s = math.cos(math.radians(turn)), math.sin(math.radians(turn))

        def go(point: Point) -> Point:
            px, py = point[0] * scale * side, point[1] * scale
            return (x + px * c - py * s, y + px * s + py * c)

        return Sprite(
            [Piece(tuple(go(point) for point in piece.points), piece.colour, piece.shadow, piece.alpha, piece.inside) for piece in self.pieces],
            [(*go((lx, ly)), r * scale, colour) for lx, ly, r, colour in self.lights],
            [go(hand) for hand in self.hands],
            (*go((self.head[0], self.head[1])), self.head[2] * scale),
            go(self.neck),
        )

    def bounds(self) -> tuple[float, float, float, float]:
        """(left, bottom, right, top) in units."""
        points = [point for piece in self.pieces if not piece.inside for point in piece.points]
        if not points:
            return (0.0, 0.0, 0.0, 0.0)
        xs, ys = [p[0] for p in points], [p[1] for p in points]
        return (min(xs), min(ys), max(xs), max(ys))

    def render(self, pixels_per_unit: float, tint: Colour | None = None, tint_share: float = 0.0) -> tuple[Image.Image, float, float]:
        """Draw it: an RGBA picture and where its foot (0, 0) lies in it, in pixels from its left and top."""
        left, bottom, right, top = self.bounds()
        # Small things get more supersampling; large ones need less and cost more.
        over = 4 if (right - left) * (top - bottom) * pixels_per_unit**2 < 200_000 else 2
        pad = 2
        width = max(1, math.ceil((right - left) * pixels_per_unit) + 2 * pad)
        height = max(1, math.ceil((top - bottom) * pixels_per_unit) + 2 * pad)
        scale = pixels_per_unit * over
        rgb = Image.new("RGB", (width * over, height * over))
        shape = Image.new("L", rgb.size)
        draw, cutter = ImageDraw.Draw(rgb, "RGBA"), ImageDraw.Draw(shape)
        drop = 0.011 * min(1.6, max(0.5, top - bottom)) * scale
        for piece in self.pieces:
            at = [((x - left) * scale + pad * over, (top - y) * scale + pad * over) for x, y in piece.points]
            if len(at) < 3:
                continue
            if piece.shadow:
                for k, alpha in ((1.0, 26), (0.6, 30)):
                    draw.polygon([(x + drop * k * 0.5, y + drop * k) for x, y in at], fill=(24, 14, 44, alpha))
            colour = mix(piece.colour, tint, tint_share) if tint is not None else piece.colour
            if piece.shadow and not piece.inside:
                # The light upper edge of cut paper.
                draw.polygon(at, fill=(*tone(colour, 0.07), piece.alpha))
                draw.polygon([(x + drop * 0.12, y + drop * 0.3) for x, y in at], fill=(*colour, piece.alpha))
                keep = at
            else:
                draw.polygon(at, fill=(*colour, piece.alpha))
                keep = at
            if not piece.inside:
                cutter.polygon(keep, fill=255)
        rgb.putalpha(shape)
        return rgb.reduce(over), -left * pixels_per_unit + pad, top * pixels_per_unit + pad


class Scene:
    """The picture being made: width x height pixels, RGB. `unit` is the length that things scale with."""

    def __init__(self, width: int, height: int, ground: Colour) -> None:
        self.width, self.height = width, height
        self.image = Image.new("RGB", (width, height), ground)
        self.unit = float(min(height, width * 1.05))
        self.over = 2 if width * height <= 1 << 22 else 1
        self.checkpoint: Callable[[], None] = lambda: None
        """Called before each layer; may raise to stop the painting."""
        self.glows: list[tuple[float, float, float, Colour, float]] = []
        """Lights to be added at the end: x, y, radius in pixels, colour, strength 0 to 1."""

    def lay(
        self, polygons: Iterable[Sequence[Point]], colour: Colour, *, lower: Colour | None = None, shadow: float = 0.28, holes: Iterable[Sequence[Point]] = ()
    ) -> None:
        """Lay a layer of one paper: polygons in pixels (y down). `lower` is its colour at its lower end.

        `shadow` (0 to 1) is how dark it makes what lies below.
        """
        self.checkpoint()
        shapes = [polygon for polygon in polygons if len(polygon) > 2]
        if not shapes:
            return
        distance = max(2.0, self.unit * 0.016)
        around = math.ceil(distance * 2.5) if shadow > 0 else 1
        # Only the part of the picture that the layer and its shadow touch is worked on.
        left = max(-around, math.floor(min(x for shape in shapes for x, _y in shape)) - around)
        top = max(-around, math.floor(min(y for shape in shapes for _x, y in shape)) - around)
        right = min(self.width + around, math.ceil(max(x for shape in shapes for x, _y in shape)) + around)
        bottom = min(self.height + around, math.ceil(max(y for shape in shapes for _x, y in shape)) + around)
        if right <= left or bottom <= top:
            return
        mask = Image.new("L", ((right - left) * self.over, (bottom - top) * self.over))
        draw = ImageDraw.Draw(mask)
        for fill, group in ((255, shapes), (0, holes)):
            for polygon in group:
                draw.polygon([((x - left) * self.over, (y - top) * self.over) for x, y in polygon], fill=fill)
        if self.over > 1:
            mask = mask.reduce(self.over)
        box = mask.getbbox()
        if box is None:
            return
        if shadow > 0:
            small = max(2, round(distance / 2))
            soft = mask.resize((max(1, mask.width // small), max(1, mask.height // small)), Image.Resampling.BOX)
            soft = soft.filter(ImageFilter.GaussianBlur(max(0.6, distance / small * 0.7))).point([round(value * shadow) for value in range(256)])
            soft = soft.resize(mask.size, Image.Resampling.BILINEAR)
            self.image.paste((18, 12, 40), (left + round(distance * 0.35), top + round(distance * 0.55)), soft)
        edge = max(1, round(self.unit * 0.0028))
        # The light upper edge of cut paper: the layer in a lighter tone, then itself a little lower.
        self.image.paste(tone(colour, 0.06), (left, top), mask)
        inner = ImageChops.darker(mask, shifted(mask, 0, edge)) if top + box[1] > 0 else mask
        if lower is None:
            self.image.paste(colour, (left, top), inner)
            return
        paper = gradient((mask.width, max(1, box[3] - box[1])), [(0.0, colour), (1.0, lower)])
        self.image.paste(paper, (left, top + box[1]), inner.crop((0, box[1], mask.width, box[1] + paper.height)))

    def place(
        self,
        sprite: Sprite,
        x: float,
        y: float,
        size: float,
        *,
        flip: bool = False,
        turn: float = 0.0,
        shadow: float = 0.34,
        tint: Colour | None = None,
        tint_share: float = 0.0,
    ) -> Box:
        """Lay a sprite with its foot at pixel (x, y), one unit = `size` pixels. Returns the box it covers, in pixels."""
        self.checkpoint()
        if flip or turn:
            sprite = sprite.moved(flip=flip, turn=turn)
        image, foot_x, foot_y = sprite.render(max(1.0, size), tint, tint_share)
        left, top = round(x - foot_x), round(y - foot_y)
        if shadow > 0:
            distance = max(1.5, min(self.unit * 0.02, size * 0.035))
            pad = math.ceil(distance * 2.5)
            shape = Image.new("L", (image.width + 2 * pad, image.height + 2 * pad))
            shape.paste(image.getchannel("A"), (pad, pad))
            small = max(1, round(distance / 2))
            soft = shape.resize((max(1, shape.width // small), max(1, shape.height // small)), Image.Resampling.BOX)
            soft = soft.filter(ImageFilter.GaussianBlur(max(0.6, distance / small * 0.75))).resize(shape.size, Image.Resampling.BILINEAR)
            soft = soft.point([round(value * shadow) for value in range(256)])
            self.image.paste((18, 12, 40), (left - pad + round(distance * 0.5), top - pad + round(distance * 0.7)), soft)
        self.image.paste(image, (left, top), image)
        for lx, ly, radius, colour in sprite.lights:
            self.glows.append((x + lx * size, y - ly * size, radius * size, colour, 1.0))
        return (max(0, left), max(0, top), min(self.width, left + image.width), min(self.height, top + image.height))

    def wash(self, mask: NDArray[np.float32] | Image.Image, colour: Colour, strength: float = 1.0) -> None:
        """Lay a thin veil of colour: `mask` (0 to 1, or a picture-sized "L" image) times `strength` is how much it covers."""
        if not isinstance(mask, Image.Image):
            mask = Image.fromarray(np.clip(mask * 255, 0, 255).astype(np.uint8)).resize(self.image.size, Image.Resampling.BILINEAR)
        if strength != 1.0:
            mask = mask.point([min(255, round(value * strength)) for value in range(256)])
        self.image.paste(colour, (0, 0), mask)


def shifted(mask: Image.Image, right: int, down: int) -> Image.Image:
    """A mask moved by whole pixels; what comes in from outside is empty."""
    return mask.transform(mask.size, Image.Transform.AFFINE, (1, 0, -right, 0, 1, -down)) if right or down else mask


def gradient(size: tuple[int, int], stops: Sequence[tuple[float, Colour]]) -> Image.Image:
    """A picture that changes colour from top (0.0) to bottom (1.0)."""
    width, height = size
    at = np.linspace(0.0, 1.0, max(1, height))
    columns = [np.interp(at, [stop for stop, _colour in stops], [colour[channel] for _stop, colour in stops]) for channel in range(3)]
    column = np.stack(columns, 1).round().astype(np.uint8)[:, None, :]
    return Image.fromarray(column).resize((width, max(1, height)), Image.Resampling.NEAREST)
