"""The built-in illustrator: a paper-cut picture for every scene, composed from its words. No model, no network; says so."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from PIL import Image

from localstory.engines.base import EngineFacts, ImageEvent, ImageRequest, Stream
from localstory.engines.image.cards import set_title, title_colours
from localstory.engines.image.output import LABEL, draw_with
from localstory.engines.image.paint.compose import paint, plan
from localstory.engines.image.reading import read_scene

VERSION = "1"
"""Part of every picture's recipe: count it up when the same request draws another picture than before."""


class BuiltinIllustrator:
    """Draws scenes; with `ImageRequest.title`, a picture for the text with the title set on it. `ImageEngine`."""

    def describe(self) -> EngineFacts:
        return EngineFacts("builtin", VERSION, languages=("en", "vi"), details={"generated": False, "label": LABEL})

    def draw(self, request: ImageRequest) -> Stream[ImageEvent]:
        """Draw in a thread; the same request gives the same bytes. Raises `BadPictureSize`, `PictureNotSaved`."""
        return draw_with(illustrate, request)

    async def close(self) -> None:
        """Nothing to free."""


def illustrate(request: ImageRequest, report: Callable[[float], None] = lambda _share: None) -> tuple[Image.Image, dict[str, Any]]:
    """The picture for a request, and what it is made of. Pure: no files."""
    words = f"{request.title}. {request.text}" if request.title else request.text
    brief = read_scene(words, request.cast, request.place)
    layout = plan(brief, request.width, request.height, request.seed, title=bool(request.title.strip()))
    image, made_of = paint(layout, report)
    if request.title.strip():
        box = layout.title_box or (0.0, 0.0, float(request.width), float(request.height))
        set_title(image, request.title, "", box, *title_colours(brief.time))
        made_of["title"] = request.title
    return image, {"engine": "builtin", "label": LABEL, **made_of}
