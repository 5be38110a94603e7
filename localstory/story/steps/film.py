"""Film: lay out the timeline by the voices, render what changed, join, and put the result into `out/`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from localstory.engines.base import Caption, Chapter, Filmed, FilmRequest, SegmentRequest, Shot, Sound, SoundRequest
from localstory.engines.film.captions import captions_of, srt, vtt
from localstory.events import Progress
from localstory.story import plan
from localstory.story.assets import Made, file_sha256, recipe_id
from localstory.story.project import Story, cannot_write, write_json
from localstory.story.steps.speak import sentences_of
from localstory.story.timeline import FPS, Item, film_frames, make_timeline
from localstory.system import write_whole
from localstory.words import mark

if TYPE_CHECKING:
    from localstory.engines.base import FilmEngine
    from localstory.story.build import Builder

FILMING = mark("Filming")


async def film(builder: Builder, story: Story, pictures: dict[str, Made], voices: dict[str, Made]) -> None:
    """Make `out/story.mp4`, `.srt` and `.vtt`, unless they are there from the same parts."""
    timeline = make_timeline([(key, float(voices[key].facts["seconds"]) if voices[key].facts["sentences"] else None) for key in plan.keys(story)])
    captions = captions_for(timeline, voices)
    engine = builder.tools.film()
    facts = engine.describe()
    try:
        focus = {key: picture.facts.get("focus") for key, picture in pictures.items()}
        segments = plan.segment_recipes(story, timeline, {key: picture.id for key, picture in pictures.items()}, focus, facts)
        sound_recipe = plan.sound_recipe(timeline, {key: voice.id for key, voice in voices.items()}, facts)
        final = plan.film_recipe(segments, recipe_id(sound_recipe), captions, _chapters(story, timeline), _tags(builder, story), pictures["title"].id, facts)
        out = builder.folder / "out" / "story.mp4"
        if _is_published(out, final):
            builder.built.skipped.append("film")
        else:
            sound = await builder.step("sound", sound_recipe, lambda path: _sound(builder, engine, sound_recipe, path))
            parts = await _segments(builder, engine, segments)
            await _publish(builder, engine, final, parts, sound, story, captions, timeline, pictures, out)
    finally:
        await engine.close()
    _write_captions(builder, out, captions)
    builder.built.film, builder.built.film_seconds = out, film_frames(timeline) / FPS


def captions_for(timeline: tuple[Item, ...], voices: dict[str, Made]) -> tuple[Caption, ...]:
    """The caption track: every spoken word but the title and the ending, which stand on their cards."""
    captions: list[Caption] = []
    for item in timeline:
        if item.voice_start is not None and item.key not in ("title", "end"):
            captions += captions_of(sentences_of(voices[item.key]), item.voice_start / FPS)
    return tuple(captions)


async def _sound(builder: Builder, engine: FilmEngine, recipe: plan.Recipe, out: Path) -> dict[str, Any]:
    sounds = tuple(Sound(builder.assets.path("speech", id), frame) for id, frame in recipe["voices"])
    request = SoundRequest(sounds, recipe["frames"], out, FPS, recipe["lufs"], recipe["true_peak_db"])
    return (await builder.stream(engine.sound(request), Filmed)).facts


async def _segments(builder: Builder, engine: FilmEngine, recipes: list[plan.Recipe]) -> list[Path]:
    todo = sum(recipe["count"] for recipe in recipes if builder.assets.find(recipe) is None)
    done = 0
    paths: list[Path] = []
    for number, recipe in enumerate(recipes):
        is_new = builder.assets.find(recipe) is None

        def report(progress: Progress, done: int = done) -> None:
            builder.report(Progress(FILMING, done + progress.done, todo))

        async def work(out: Path, recipe: plan.Recipe = recipe, report: Any = report) -> dict[str, Any]:
            request = SegmentRequest(
                _shot(builder, recipe["shot"]), recipe["first"], recipe["count"], out,
                into=_shot(builder, recipe["into"]) if recipe["into"] else None,
                width=recipe["width"], height=recipe["height"], fps=recipe["fps"], crf=recipe["crf"], preset=recipe["preset"],
            )  # fmt: skip
            return (await builder.stream(engine.segment(request), Filmed, report=report)).facts

        paths.append((await builder.step(f"segment {number + 1}", recipe, work)).path)
        done += recipe["count"] if is_new else 0
    return paths


def _shot(builder: Builder, shot: plan.Recipe) -> Shot:
    return Shot(builder.assets.path("picture", shot["picture"]), shot["frames"], plan.camera_of(shot))


async def _publish(
    builder: Builder, engine: FilmEngine, recipe: plan.Recipe, parts: list[Path], sound: Made, story: Story, captions: tuple[Caption, ...],
    timeline: tuple[Item, ...], pictures: dict[str, Made], out: Path,
) -> None:  # fmt: skip
    """Join the film under its final name, and record which recipe it is."""
    id = recipe_id(recipe)
    builder.journal.write("started", step="film", id=id)
    request = FilmRequest(
        tuple(parts), sound.path, out, story.project.language, captions, _chapters(story, timeline), recipe["tags"], pictures["title"].path, FPS
    )  # fmt: skip
    filmed = await builder.stream(engine.join(request), Filmed)
    write_json(
        out.with_suffix(".recipe.json"),
        {"id": id, "recipe": recipe, "made": filmed.facts, "sound": sound.facts, "size_bytes": out.stat().st_size, "sha256": file_sha256(out)},
    )
    builder.journal.write("done", step="film", id=id)
    builder.built.made.append("film")


def _is_published(out: Path, recipe: plan.Recipe) -> bool:
    try:
        record = json.loads(out.with_suffix(".recipe.json").read_text("utf-8"))
        return bool(record["id"] == recipe_id(recipe) and record["size_bytes"] == out.stat().st_size)
    except (OSError, ValueError, KeyError, TypeError):
        return False


def _write_captions(builder: Builder, out: Path, captions: tuple[Caption, ...]) -> None:
    for suffix, content in ((".srt", srt(captions)), (".vtt", vtt(captions))):
        path = out.with_suffix(suffix)
        data = content.encode("utf-8")
        if not path.exists() or path.read_bytes() != data:
            try:
                write_whole(path, data)
            except OSError as error:
                raise cannot_write(path, error) from error


def _chapters(story: Story, timeline: tuple[Item, ...]) -> tuple[Chapter, ...]:
    """A chapter a shot: the title, each scene by its first words, the end."""
    texts = {scene.id: scene.text for scene in story.scenes}
    starts = [item.start / FPS for item in timeline] + [film_frames(timeline) / FPS]
    return tuple(Chapter(_chapter_title(story, item.key, texts), starts[index], starts[index + 1]) for index, item in enumerate(timeline))


def _chapter_title(story: Story, key: str, texts: dict[str, str]) -> str:
    if key == "title":
        return story.title
    if key == "end":
        return plan.ending(story.project.language)
    words = texts[key].split()
    return " ".join(words[:7]) + (" …" if len(words) > 7 else "")


def _tags(builder: Builder, story: Story) -> dict[str, str]:
    writer, voice = builder.tools.writer_facts, builder.tools.voice_facts
    licence = str(voice.details.get("licence", ""))
    made = {"none": "title cards", "builtin": "drawn by the built-in illustrator (not an AI image model)"}
    pictures = made.get(story.project.images, "generated by an AI image model")
    return {
        "title": story.title,
        "artist": "localstory",
        "album": story.title,
        "genre": "Children's story",
        "date": story.project.created[:10],
        "description": story.project.idea,
        "comment": f"AI-assisted: text {writer.model}; pictures {pictures}; voice {voice.model}{f' ({licence})' if licence else ''}",
    }
