"""Make a story: write what is not written, draw, speak, film; only what its recipe does not find made already."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar

from localstory.engines.base import EngineFacts, FilmEngine, ImageEngine, SpeechEngine, TextEngine
from localstory.errors import CannotContinue, NotInstalled
from localstory.events import Progress
from localstory.story import project as files
from localstory.story.assets import Assets, Journal, Made, recipe_id
from localstory.story.plan import Recipe
from localstory.story.project import Project, Scene, Story
from localstory.story.steps.write import Plan, make_plan, write_scene
from localstory.words import mark

T = TypeVar("T")
Report = Callable[[Progress], None]


class NotSpoken(NotInstalled):
    """No installed voice, or no installed model, speaks the story's language: refused before any work."""

    def __init__(self, language: str, *, what: str, fetch: str, folder: Path) -> None:
        template = {
            "voice": mark("No installed voice speaks this language"),
            "model": mark("No installed model writes this language"),
        }[what]
        super().__init__(
            title=template,
            detail=mark('The story\'s language is "{language}". A voice or model of another language would only make gibberish of it.'),
            hint=mark("Fetch {fetch} and put it into {folder}."),
            language=language,
            fetch=fetch,
            folder=str(folder),
        )


@dataclass(frozen=True, slots=True)
class Tools:
    """The engines of one story, opened when first needed: a second build that has nothing to do opens none."""

    writer: Callable[[], TextEngine]
    writer_facts: EngineFacts
    """With the hash of the model's file: recipes name it."""
    images: Callable[[], ImageEngine]
    cards: Callable[[], ImageEngine]
    """What stands in for a picture that failed."""
    voice: Callable[[], SpeechEngine]
    voice_facts: EngineFacts
    film: Callable[[], FilmEngine]


@dataclass(slots=True)
class Built:
    """What a build did."""

    made: list[str] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)
    failed: dict[str, CannotContinue] = field(default_factory=dict)
    """A picture that failed -> why; a title card stands in and the next build tries again."""
    seconds: dict[str, float] = field(default_factory=dict)
    """By stage: write, draw, speak, film."""
    film: Path | None = None
    film_seconds: float = 0.0
    model_share: float | None = None
    """The share of the story's words that a model wrote."""


class Builder:
    """One build of one story. Holds the engines it opened, and closes each as soon as its stage is over."""

    def __init__(self, folder: Path, tools: Tools, report: Report) -> None:
        self.folder = folder
        self.tools = tools
        self.assets = Assets(folder)
        self.journal = Journal(folder)
        self.report = report
        self.built = Built()

    async def step(self, name: str, recipe: Recipe, work: Callable[[Path], Awaitable[dict[str, Any]]]) -> Made:
        """Do one step, unless its asset is there; its result is on the disk when this returns."""
        there = self.assets.find(recipe)
        if there is not None:
            self.built.skipped.append(name)
            return there
        id = recipe_id(recipe)
        self.journal.write("started", step=name, id=id)
        began = time.perf_counter()
        try:
            facts = await work(self.assets.path(recipe["kind"], id))
            made = await asyncio.to_thread(self.assets.record, recipe, facts, seconds=time.perf_counter() - began)
        except CannotContinue as error:
            self.journal.write("failed", step=name, id=id, error=str(error))
            raise
        self.journal.write("done", step=name, id=id, seconds=round(time.perf_counter() - began, 3))
        self.built.made.append(name)
        return made

    async def stream(self, events: AsyncGenerator[Any, None], kind: type[T], report: Report | None = None) -> T:
        """Pass on an engine's progress and return its last event."""
        last: Any = None
        async with contextlib.aclosing(events):
            async for event in events:
                if isinstance(event, Progress):
                    (report or self.report)(event)
                else:
                    last = event
        assert isinstance(last, kind)
        return last

    @contextlib.contextmanager
    def stage(self, name: str) -> Any:
        """Time a stage."""
        began = time.perf_counter()
        try:
            yield
        finally:
            self.built.seconds[name] = self.built.seconds.get(name, 0.0) + time.perf_counter() - began


async def new_story(folder: Path, project: Project, tools: Tools, report: Report) -> Story:
    """Make a story's folder and write its text. A kill leaves a story that `build_story` finishes writing."""
    files.check_scenes(project.scenes)
    if (folder / "project.json").exists():
        raise files.StoryExists(folder, is_story=True)
    builder = Builder(folder, tools, report)
    project = files.new_project(project)
    writer = tools.writer()
    try:
        plan = await make_plan(writer, project.idea, project.scenes, seed=project.seed, language=project.language, report=report)
        project = replace(project, title=plan.bible.title)
        scenes = tuple(
            Scene(f"s{number + 1}", plan.openers[number].beat if plan.openers else plan.beats[number], plan.openers[number] if plan.openers else None)
            for number in range(plan.scenes)
        )
        story = Story(folder, project, plan.bible, scenes)
        files.create(folder, story)
        with files.StoryLock(folder):
            return await _write(builder, story, writer)
    finally:
        await writer.close()


async def build_story(folder: Path, tools: Tools, report: Report) -> Built:
    """Finish a story's film: whatever is missing or changed, and nothing else. Raises CannotContinue; what is finished stays."""
    from localstory.story.steps import draw, film, speak

    story = files.read_story(folder)
    with files.StoryLock(folder):
        builder = Builder(folder, tools, report)
        builder.assets.sweep()
        if not story.is_written:
            writer = tools.writer()
            try:
                story = await _write(builder, story, writer)
            finally:
                await writer.close()
        with builder.stage("draw"):
            pictures = await draw.draw(builder, story)
        with builder.stage("speak"):
            voices = await speak.speak(builder, story)
        with builder.stage("film"):
            await film.film(builder, story, pictures, voices)
        builder.built.model_share = model_share(builder.assets, story)
        return builder.built


async def _write(builder: Builder, story: Story, writer: TextEngine) -> Story:
    """Write every scene that has no text yet, each on the disk before the next begins."""
    with builder.stage("write"):
        openers = tuple(scene.opener for scene in story.scenes if scene.opener is not None)
        beats = tuple(scene.beat for scene in story.scenes)
        plan = Plan(story.bible, openers=openers) if len(openers) == len(story.scenes) else Plan(story.bible, beats=beats)
        for number, scene in enumerate(story.scenes):
            if scene.text:
                builder.built.skipped.append(f"text {scene.id}")
                continue
            before = "\n\n".join(one.text for one in story.scenes[:number] if one.text)
            recipe: Recipe = {
                "kind": "text",
                "engine": asdict(builder.tools.writer_facts),
                "bible": story.bible.to_json(),
                "scene": number,
                "beats": list(beats),
                "opener": asdict(scene.opener) if scene.opener else None,
                "before": before,
                "seed": story.project.seed,
            }

            async def work(out: Path, number: int = number, before: str = before, seed: int = story.project.seed) -> dict[str, Any]:
                written = await write_scene(writer, plan, number, before, seed=seed, report=builder.report)
                facts = {"text": written.text, "words": [asdict(span) for span in written.spans], "tries": list(written.tries), "context": written.context}
                files.write_json(out, facts)
                return facts

            made = await builder.step(f"text {scene.id}", recipe, work)
            story = story.with_scene(replace(scene, text=str(made.facts["text"]), take=made.id))
            files.write_scenes(builder.folder, story.scenes)
            files.write_text(builder.folder, story)
    return story


def model_share(assets: Assets, story: Story) -> float | None:
    """The share of the story's words that a model wrote; a scene a person changed counts as theirs. None without words."""
    by_model = total = 0
    for scene in story.scenes:
        count = len(scene.text.split())
        total += count
        made = assets.by_id("text", scene.take) if scene.take else None
        if made is not None and made.facts.get("text") == scene.text:
            by_model += sum(len(str(span["text"]).split()) for span in made.facts["words"] if span["by"] == "model")
    return by_model / total if total else None
