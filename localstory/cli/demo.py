"""`localstory demo`: the first run, end to end: look at the machine, write, draw, speak, film."""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import Any

from localstory.cli import story as story_command
from localstory.cli.screen import Screen
from localstory.words import _, duration, language, mark, percent, size

SUMMARY = mark("make a first film with the starter models")

IDEA = "A girl named Mai and a sleepy dragon on the way to the mountain"


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--out", type=Path, default=Path("localstory-demo"), metavar=_("DIR"), help=_("the story's folder (default ./localstory-demo)"))
    parser.add_argument("--idea", default=IDEA, help=_("what the story is about"))
    story_command.add_story_options(parser)


def run(options: argparse.Namespace, screen: Screen) -> dict[str, Any]:
    from localstory.app import open_app
    from localstory.events import Progress
    from localstory.hardware.plain_words import in_plain_words
    from localstory.models.recommend import recommend
    from localstory.story.project import read_story

    began = time.perf_counter()
    project = story_command.project_from(options, options.idea)
    with open_app(writes=False) as app:
        screen.say(_("This computer"))
        screen.progress(Progress(mark("Looking at this computer")))
        machine = app.runtime.run(app.machine())
        for fact in in_plain_words(machine):
            screen.say(f"  {fact.title}: {fact.value}")
        advice = recommend(app.fitting.candidates(), machine, purpose="story", language=language(), measured=app.records, build_for=app.build_for)
        if advice.first is not None:
            one = advice.first.candidate
            screen.say("  " + _("Worth downloading for stories: {name} ({size}).").format(name=one.name, size=size(one.subject.file_size_bytes)))
        screen.say(f"  {advice.reason()}")
        is_new = not (options.out / "project.json").exists()
        if not is_new:
            asked, project = project, read_story(options.out).project
            chosen = ("idea", "language", "scenes", "images", "writer", "voice", "width", "height", "seed")
            if any(getattr(asked, name) != getattr(project, name) for name in chosen):
                screen.note(_("The story in {folder} is there already, so its own idea and settings hold.").format(folder=options.out))
        tools = story_command.tools_of(app, project)
        screen.say(
            _("Writer: {writer} · Voice: {voice} · Pictures: {pictures}").format(
                writer=tools.writer_facts.model,
                voice=tools.voice_facts.model,
                pictures=_("title cards") if project.images == "none" else _("drawn by the built-in illustrator"),
            )
        )
        writing = time.perf_counter()
        if is_new:
            story_command.write(app, options.out, project, tools, screen)
        writing_s = time.perf_counter() - writing
        built = story_command.make_film(app, options.out, tools, screen)
        if is_new:
            built.seconds = {"write": writing_s} | {stage: seconds for stage, seconds in built.seconds.items() if stage != "write"}
        story = read_story(options.out)
    screen.say(f"\n“{story.title}”")
    for scene in story.scenes:
        screen.say(f"  {scene.text}")
    screen.say()
    story_command.tell(built, tools, screen)
    if built.model_share is not None:
        screen.say(_("{share} of the words are the model's.").format(share=percent(built.model_share)))
    screen.say(_("All in {time}. Open the window with: python3 packaging/dev.py run").format(time=duration(time.perf_counter() - began)))
    return story_command.as_json(options.out, story.title, built, tools) | {"total_seconds": round(time.perf_counter() - began, 2)}
