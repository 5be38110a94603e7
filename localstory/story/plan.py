"""Which steps a story needs, each as a recipe: what is there already needs no step. Pure."""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from localstory.engines.base import Camera, Caption, Chapter, EngineFacts, ImageRequest
from localstory.story.assets import recipe_id
from localstory.story.project import Story
from localstory.story.timeline import CROSSFADE_FRAMES, FPS, Item, camera_for, film_frames

Recipe = dict[str, Any]

CRF = 20
PRESET = "medium"
SPEECH_SPEED = 0.95
"""A little slower than the voice's own: it is for children."""

_ENDINGS = {"en": "The End", "vi": "Hết"}
_CREDITS = {
    "en": ("Text: {writer}", "Pictures: {pictures}", "Voice: {voice}", "Made with localstory on this computer"),
    "vi": ("Lời: {writer}", "Tranh: {pictures}", "Giọng đọc: {voice}", "Làm bằng localstory trên máy này"),
}
_DRAWN = {"en": "drawn by the built-in illustrator", "vi": "do bộ minh họa có sẵn vẽ"}
_CARDS = {"en": "title cards", "vi": "bảng chữ"}


def keys(story: Story) -> list[str]:
    """The shots of the film in order."""
    return ["title", *(scene.id for scene in story.scenes), "end"]


def seed_of(story: Story, key: str) -> int:
    """The seed of a shot: by its key, not its place, so that a scene put in before it changes nothing."""
    return story.project.seed * 1000 + zlib.crc32(key.encode("utf-8")) % 1000


def made_with(engine: EngineFacts) -> Recipe:
    """The part of a recipe that says which engine: everything that can change the bytes."""
    return {"name": engine.name, "version": engine.version, "model": engine.model, "sha256": engine.model_sha256}


def ending(language: str) -> str:
    """ "The End" in the story's language."""
    return _ENDINGS.get(language, _ENDINGS["en"])


def credits(story: Story, writer: str, voice: str) -> str:
    """The lines of the end card."""
    pictures = (_CARDS if story.project.images == "none" else _DRAWN).get(story.project.language, "")
    lines = _CREDITS.get(story.project.language, _CREDITS["en"])
    return "\n".join(line.format(writer=writer, pictures=pictures, voice=voice) for line in lines)


def picture_recipe(story: Story, key: str, engine: EngineFacts, *, writer: str, voice: str) -> Recipe:
    """The picture of one shot. An engine's `request_of` turns it back into a request."""
    scene = next((one for one in story.scenes if one.id == key), None)
    first = story.scenes[0].text if story.scenes else ""
    if key == "title":
        text, title = first, story.title
    elif key == "end":
        text, title = credits(story, writer, voice), ending(story.project.language)
    else:
        text, title = (scene.text if scene else ""), ""
    return {
        "kind": "picture",
        "engine": made_with(engine),
        "text": text,
        "title": title,
        "cast": [asdict(figure) for one in story.bible.characters for figure in one.figures()],
        "place": story.bible.place,
        "width": story.project.width,
        "height": story.project.height,
        "seed": seed_of(story, key),
    }


def picture_request(recipe: Recipe, out: Any) -> ImageRequest:
    """The request a picture recipe stands for."""
    from localstory.engines.base import Figure

    cast = tuple(Figure(one["name"], one["kind"], tuple(one["colours"]), one["item"]) for one in recipe["cast"])
    return ImageRequest(
        text=recipe["text"],
        title=recipe["title"],
        cast=cast,
        place=recipe["place"],
        width=recipe["width"],
        height=recipe["height"],
        seed=recipe["seed"],
        out=out,
    )


def speech_recipe(story: Story, key: str, engine: EngineFacts) -> Recipe:
    """The voice of one shot."""
    scene = next((one for one in story.scenes if one.id == key), None)
    text = story.title if key == "title" else ending(story.project.language) if key == "end" else scene.text if scene else ""
    if text and text[-1].isalnum():
        text += "."  # a voice falls at the end of a sentence, not of a title
    return {
        "kind": "speech",
        "engine": made_with(engine),
        "text": text,
        "language": story.project.language,
        "speed": SPEECH_SPEED,
        "seed": seed_of(story, key),
    }


def sound_recipe(timeline: Sequence[Item], voices: Mapping[str, str], engine: EngineFacts) -> Recipe:
    """The film's sound; `voices` are the ids of the speech assets."""
    placed = [[voices[item.key], item.voice_start] for item in timeline if item.voice_start is not None]
    return {"kind": "sound", "engine": made_with(engine), "voices": placed, "frames": film_frames(timeline), "fps": FPS, "lufs": -16.0, "true_peak_db": -1.5}


def segment_recipes(story: Story, timeline: Sequence[Item], pictures: Mapping[str, str], focus: Mapping[str, Any], engine: EngineFacts) -> list[Recipe]:
    """The film's runs of frames in order: each shot's own, and a crossfade to the next. A picture touches at most three."""
    shots = [_shot(index, item, pictures, focus) for index, item in enumerate(timeline)]
    common = {
        "kind": "segment",
        "engine": made_with(engine),
        "width": story.project.width,
        "height": story.project.height,
        "fps": FPS,
        "crf": CRF,
        "preset": PRESET,
    }
    recipes: list[Recipe] = []
    for index, (item, shot) in enumerate(zip(timeline, shots, strict=True)):
        first = CROSSFADE_FRAMES if index else 0
        last = item.frames - (CROSSFADE_FRAMES if index < len(timeline) - 1 else 0)
        recipes.append(common | {"shot": shot, "into": None, "first": first, "count": last - first})
        if index < len(timeline) - 1:
            recipes.append(common | {"shot": shot, "into": shots[index + 1], "first": last, "count": CROSSFADE_FRAMES})
    return recipes


def _shot(index: int, item: Item, pictures: Mapping[str, str], focus: Mapping[str, Any]) -> Recipe:
    camera = camera_for(index, item.frames, focus.get(item.key), still=item.key in ("title", "end"))
    return {"picture": pictures[item.key], "frames": item.frames, "camera": [list(camera.start), list(camera.end)]}


def camera_of(shot: Recipe) -> Camera:
    """The camera in a shot's recipe."""
    start, end = shot["camera"]
    return Camera(tuple(start), tuple(end))


def film_recipe(
    segments: Sequence[Recipe], sound: str, captions: Sequence[Caption], chapters: Sequence[Chapter], tags: Mapping[str, str], cover: str, engine: EngineFacts
) -> Recipe:
    """The finished film."""
    return {
        "kind": "film",
        "engine": made_with(engine),
        "segments": [recipe_id(one) for one in segments],
        "sound": sound,
        "captions": [asdict(one) for one in captions],
        "chapters": [asdict(one) for one in chapters],
        "tags": dict(tags),
        "cover": cover,
    }
