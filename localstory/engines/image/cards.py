"""Title cards: words set with care on coloured paper, and the same words on an illustration."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Callable
from typing import Any

from PIL import Image, ImageDraw, ImageFilter

from localstory.engines.base import EngineFacts, ImageEvent, ImageRequest, Stream
from localstory.engines.image.fonts import Face, drawable, fit, font, line_height, width_of
from localstory.engines.image.output import draw_with
from localstory.engines.image.paint.canvas import Point, Scene, gradient, smooth
from localstory.engines.image.paint.colour import Colour, mix, rgb
from localstory.engines.image.paint.light import finish

CARD_LABEL = "a title card, set by localstory"

_PAPERS = (
    # ground from top to bottom, three papers of the frame, ink, ornament
    (("#28345f", "#4b4f86"), ("#1d274c", "#34406f", "#56588f"), "#fdf3dc", "#f4c86a"),
    (("#f6e7c8", "#f2d3a8"), ("#c9653f", "#dd8b52", "#ecb374"), "#4a2c2a", "#b5483d"),
    (("#dcebe2", "#b9d8cf"), ("#2f6f6c", "#4f938a", "#83b8aa"), "#1f3f46", "#d9743f"),
    (("#4a2f5c", "#8a4f74"), ("#35224a", "#5c3a68", "#8a5578"), "#fdeee0", "#f3b563"),
)


class CardPainter:
    """Sets `title` large and `text` small on paper: for `--images none`, title cards and end cards. `ImageEngine`."""

    def describe(self) -> EngineFacts:
        return EngineFacts("cards", "1", details={"generated": False, "label": CARD_LABEL})

    def draw(self, request: ImageRequest) -> Stream[ImageEvent]:
        """Draw in a thread; the same request gives the same bytes. Raises `BadPictureSize`, `PictureNotSaved`."""
        return draw_with(card, request)

    async def close(self) -> None:
        """Nothing to free."""


def card(request: ImageRequest, report: Callable[[float], None] = lambda _share: None) -> tuple[Image.Image, dict[str, Any]]:
    """The card for a request, and what it is made of. Signs the font doesn't have (emoji) are left out."""
    luck = random.Random(hashlib.sha256(f"card|{request.seed}".encode()).digest())
    ground, papers, ink_name, ornament_name = _PAPERS[request.seed % len(_PAPERS)]
    scene = Scene(request.width, request.height, rgb(ground[0]))
    scene.checkpoint = lambda: report(0.1)
    w, h = scene.width, scene.height
    scene.image.paste(gradient((w, h), [(0.0, rgb(ground[0])), (1.0, rgb(ground[1]))]), (0, 0))
    report(0.1)
    _frame(scene, [rgb(paper) for paper in papers], luck)
    report(0.5)
    ink, ornament = rgb(ink_name), rgb(ornament_name)
    title, text = drawable(request.title), drawable(request.text)
    room_w, room_h = w * 0.7, h * 0.62
    if title:
        _title_and_lines(scene.image, title, text, (w * 0.15, h * 0.19, room_w, room_h), ink, ornament)
    elif text:
        _prose(scene.image, text, (w * 0.16, h * 0.17, w * 0.68, h * 0.66), ink, ornament)
    else:
        _ornament(scene.image, w / 2, h / 2, scene.unit * 0.06, ornament)
    report(0.8)
    finish(scene, vignette=0.22, grain_seed=request.seed)
    words = ". ".join(part for part in (title, " ".join(text.split())) if part)
    return scene.image, {
        "engine": "cards",
        "label": CARD_LABEL,
        "title": title,
        "text": text,
        "alt": f"A title card that says: {words}" if words else "An empty title card.",
        "focus": [0.5, 0.5],
        "figures": [],
        "props": [],
    }


def _frame(scene: Scene, papers: list[Colour], luck: random.Random) -> None:
    """Three papers with torn, wavy inner edges around the card, the outermost on top: a small theatre."""
    w, h = scene.width, scene.height
    for depth, paper in enumerate(reversed(papers)):
        inset = (0.115, 0.075, 0.036)[depth] * min(w, h)
        points: list[Point] = []
        # The waves run between the corners only: there the edge turns in one smooth bend.
        for side in range(4):
            for k in range(9):
                t = 0.05 + 0.9 * k / 8
                wave = inset * luck.uniform(0.84, 1.2)
                along_x, along_y = inset + t * (w - 2 * inset), inset + t * (h - 2 * inset)
                points.append(((along_x, wave), (w - wave, along_y), (w - along_x, h - wave), (wave, h - along_y))[side])
        scene.lay([[(0, 0), (w, 0), (w, h), (0, h)]], paper, shadow=0.32, holes=[smooth(points)])


def _ornament(image: Image.Image, x: float, y: float, size: float, colour: Colour) -> None:
    """A small star between two leaves, as printers put between parts. `size` is its half width in pixels."""
    over = 4
    box = Image.new("L", (round(size * 2.4) * over, max(4, round(size * 0.9)) * over))
    draw = ImageDraw.Draw(box)
    cx, cy, s = box.width / 2, box.height / 2, size * over
    draw.polygon(
        smooth(
            [
                (cx, cy - s * 0.2),
                (cx + s * 0.06, cy - s * 0.06),
                (cx + s * 0.2, cy),
                (cx + s * 0.06, cy + s * 0.06),
                (cx, cy + s * 0.2),
                (cx - s * 0.06, cy + s * 0.06),
                (cx - s * 0.2, cy),
                (cx - s * 0.06, cy - s * 0.06),
            ],
            4,
        ),
        fill=255,
    )
    for side in (-1, 1):
        draw.polygon(
            smooth([(cx + side * s * 0.3, cy), (cx + side * s * 0.65, cy - s * 0.085), (cx + side * s * 1.1, cy), (cx + side * s * 0.65, cy + s * 0.085)]),
            fill=255,
        )
    box = box.reduce(over)
    image.paste(colour, (round(x - box.width / 2), round(y - box.height / 2)), box)


def draw_lines(
    image: Image.Image, lines: list[str], face: Face, size: int, x: float, top: float, colour: Colour, *, centre: bool = True, spacing: float = 1.0
) -> float:
    """Draw lines from `top` down, centred on `x` or starting at it; returns where the next line would start."""
    draw = ImageDraw.Draw(image)
    step = line_height(face, size) * spacing
    for line in lines:
        left = x - width_of(line, face, size) / 2 if centre else x
        draw.text((round(left), round(top)), line, font=font(face, size), fill=colour)
        top += step
    return top


def _title_and_lines(image: Image.Image, title: str, text: str, box: tuple[float, float, float, float], ink: Colour, ornament: Colour) -> None:
    x, y, width, height = box
    unit = min(width, height)
    share = 0.58 if text else 0.9
    size, lines = fit(title, "Bold", width, height * share, max(9, round(unit * 0.24)), 7)
    small = 0
    lesser: list[str] = []
    if text:
        small, lesser = fit(text, "Regular", width, height * 0.28, max(8, min(round(unit * 0.085), round(size * 0.55))), 6)
    gap = unit * 0.16 if text else unit * 0.1
    tall = len(lines) * line_height("Bold", size) + gap + len(lesser) * (line_height("Regular", small) if small else 0)
    top = y + (height - tall) / 2
    below = draw_lines(image, lines, "Bold", size, x + width / 2, top, ink)
    _ornament(image, x + width / 2, below + gap * 0.5, unit * 0.13, ornament)
    if lesser:
        draw_lines(image, lesser, "Regular", small, x + width / 2, below + gap, ink)


def _prose(image: Image.Image, text: str, box: tuple[float, float, float, float], ink: Colour, ornament: Colour) -> None:
    x, y, width, height = box
    unit = min(width, height)
    _ornament(image, x + width / 2, y + unit * 0.03, unit * 0.12, ornament)
    y, height = y + unit * 0.1, height - unit * 0.1
    size, lines = fit(text, "Regular", width, height, max(8, round(unit * 0.11)), 6)
    top = y + (height - len(lines) * line_height("Regular", size)) / 2
    draw_lines(image, lines, "Regular", size, x + width / 2, top, ink)


def set_title(image: Image.Image, title: str, text: str, box: tuple[float, float, float, float], ink: Colour, shade: Colour) -> None:
    """Set a title (and smaller lines) on a finished picture inside `box` (left, top, width, height in pixels), on a soft cloud of shade."""
    title, text = drawable(title), drawable(text)
    if not title and not text:
        return
    x, y, width, height = box
    unit = min(width, height * 1.6)
    size, lines = fit(title, "Bold", width, height * (0.62 if text else 0.86), max(9, round(unit * 0.2)), 7)
    small, lesser = fit(text, "Regular", width, height * 0.24, max(8, round(size * 0.42)), 6) if text else (0, [])
    gap = size * 0.5 if text else 0
    tall = len(lines) * line_height("Bold", size) + gap + len(lesser) * (line_height("Regular", small) if small else 0)
    top = y + (height - tall) / 2
    widest = max([width_of(line, "Bold", size) for line in lines] + [width_of(line, "Regular", small) for line in lesser] + [1.0])
    words = Image.new("L", image.size)
    draw = ImageDraw.Draw(words)
    draw.rounded_rectangle(
        (x + width / 2 - widest / 2 - size * 0.4, top - size * 0.05, x + width / 2 + widest / 2 + size * 0.4, top + tall + size * 0.1), size * 0.6, fill=255
    )
    soft = (
        words.resize((max(1, image.width // 8), max(1, image.height // 8)))
        .filter(ImageFilter.GaussianBlur(max(1.0, size / 14)))
        .resize(image.size, Image.Resampling.BICUBIC)
    )
    image.paste(shade, (0, 0), soft.point([round(value * 0.42) for value in range(256)]))
    drop = max(1, round(size * 0.03))
    for colour, offset in ((mix(shade, (0, 0, 0), 0.25), drop), (ink, 0)):
        below = draw_lines(image, lines, "Bold", size, x + width / 2 + offset, top + offset, colour)
        if lesser:
            draw_lines(image, lesser, "Regular", small, x + width / 2 + (offset and 1), below + gap + (offset and 1), colour)


def title_colours(time: str) -> tuple[Colour, Colour]:
    """Ink and shade for a title on a picture of that time of day."""
    return (rgb("#fff6e2"), rgb("#1d1a3c")) if time in ("night", "evening") else (rgb("#fffaf0"), rgb("#2a3f5c"))
