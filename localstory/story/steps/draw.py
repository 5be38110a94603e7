"""Draw a picture for every shot. A picture that fails is replaced by a card, and the film goes on."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from localstory.engines.base import Picture
from localstory.errors import CannotContinue, FileTrouble
from localstory.events import Progress
from localstory.story import plan
from localstory.story.assets import Made
from localstory.story.project import Story
from localstory.words import mark

if TYPE_CHECKING:
    from localstory.engines.base import ImageEngine
    from localstory.story.build import Builder

DRAWING = mark("Drawing")


async def draw(builder: Builder, story: Story) -> dict[str, Made]:
    """The picture of each shot by its key. Raises FileTrouble when pictures can't be saved at all."""
    tools = builder.tools
    pictures: dict[str, Made] = {}
    engine, cards = tools.images(), tools.cards()
    keys = plan.keys(story)
    try:
        for number, key in enumerate(keys):
            builder.report(Progress(DRAWING, number, len(keys)))
            # The end card is always a card: its small print must stay readable.
            painter = cards if key == "end" else engine
            try:
                pictures[key] = await _picture(builder, story, key, painter)
            except FileTrouble:
                raise
            except CannotContinue as error:
                builder.built.failed[f"picture {key}"] = error
                pictures[key] = await _picture(builder, story, key, cards, instead=True)
        builder.report(Progress(DRAWING, len(keys), len(keys)))
    finally:
        await engine.close()
        await cards.close()
    return pictures


async def _picture(builder: Builder, story: Story, key: str, painter: ImageEngine, *, instead: bool = False) -> Made:
    tools = builder.tools
    recipe = plan.picture_recipe(story, key, painter.describe(), writer=tools.writer_facts.model, voice=tools.voice_facts.model)
    if instead or (not recipe["title"] and painter.describe().name == "cards"):
        # A card for a scene: its first sentence stands on it.
        recipe["title"] = _first_words(recipe["text"])
        recipe["text"] = ""
    if instead:
        recipe["instead"] = True

    async def work(out: Path) -> dict[str, Any]:
        picture = await builder.stream(painter.draw(plan.picture_request(recipe, out)), Picture, report=lambda _progress: None)
        return picture.made_of

    return await builder.step(f"picture {key}", recipe, work)


def _first_words(text: str, most: int = 90) -> str:
    """The beginning of a text for a card, ended at a sentence or a word."""
    if len(text) <= most:
        return text
    end = max(text.rfind(mark, 0, most) for mark in ".!?")
    return text[: end + 1] if end > 20 else text[: text.rfind(" ", 0, most)] + " …"
