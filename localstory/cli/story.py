"""`localstory story new | build | export`: from an idea to a film."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from localstory import words
from localstory.cli.screen import Screen
from localstory.errors import FileTrouble
from localstory.words import _, duration, mark, ngettext, percent

if TYPE_CHECKING:
    from localstory.app import App
    from localstory.story.build import Built, Tools
    from localstory.story.project import Project, Story

SUMMARY = mark("turn an idea into a narrated, illustrated film")

_STAGES = {"write": mark("writing"), "draw": mark("drawing"), "speak": mark("speaking"), "film": mark("filming")}


def arguments(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", required=True, metavar=_("ACTION"))
    new = actions.add_parser("new", help=_("make a story's folder and write its text"))
    new.add_argument("idea", metavar=_("PROMPT"), help=_('the idea, like "a girl named Mai and a sleepy dragon"'))
    new.add_argument("--out", type=Path, required=True, metavar=_("DIR"), help=_("the folder to make"))
    add_story_options(new)
    build = actions.add_parser("build", help=_("draw, speak and film; goes on where it stopped"))
    build.add_argument("folder", type=Path, metavar=_("DIR"), help=_("the story's folder"))
    export = actions.add_parser("export", help=_("copy the film or its captions"))
    export.add_argument("folder", type=Path, metavar=_("DIR"), help=_("the story's folder"))
    export.add_argument("--format", choices=("mp4", "srt", "vtt"), default="mp4", help=_("what to give away (default mp4)"))
    export.add_argument("--out", type=Path, metavar=_("FILE"), help=_("where to; without it, the file's place is printed"))
    for action in (new, build, export):
        action.add_argument("--json", action="store_true", default=argparse.SUPPRESS, help=_("print one JSON object"))


def add_story_options(parser: argparse.ArgumentParser) -> None:
    """What both `story new` and `demo` know."""
    parser.add_argument("--scenes", type=int, default=5, help=_("how many scenes, 1 to 40 (default 5)"))
    parser.add_argument("--language", choices=("en", "vi"), default="en", help=_("the story's language (default en)"))
    parser.add_argument("--images", default="builtin", help=_('"builtin" draws pictures, "none" makes title cards, or a server\'s address (default builtin)'))
    parser.add_argument("--model", default="", help=_("who writes: a path or title; default: the best model there is"))
    parser.add_argument("--voice", default="", help=_("who reads: a voice's path or name, or a server's address; default: the best there is"))
    parser.add_argument("--size", default="1280x720", help=_("the film's size (default 1280x720)"))
    parser.add_argument("--seed", type=int, default=1, help=_("another number, another story (default 1)"))


def run(options: argparse.Namespace, screen: Screen) -> dict[str, Any]:
    match options.action:
        case "new":
            return new(options, screen)
        case "build":
            return build(options.folder, screen)
        case _:
            from localstory.story.export import export_story

            path = export_story(options.folder, options.format, options.out)
            screen.say(str(path))
            return {"path": str(path), "format": options.format}


def new(options: argparse.Namespace, screen: Screen) -> dict[str, Any]:
    from localstory.app import open_app

    project = project_from(options, options.idea)
    with open_app(writes=False) as app:
        story = write(app, options.out, project, tools_of(app, project), screen)
        share = written_by_model(story)
    screen.say(story.title)
    for scene in story.scenes:
        screen.say(f"\n{scene.text}")
    screen.say("\n" + _("{share} of the words are the model's.").format(share=percent(share)))
    screen.say(_("Make the film with: localstory story build {folder}").format(folder=options.out))
    return {
        "folder": str(options.out),
        "title": story.title,
        "scenes": [{"id": one.id, "text": one.text} for one in story.scenes],
        "model_share": round(share, 3),
    }


def build(folder: Path, screen: Screen) -> dict[str, Any]:
    from localstory.app import open_app
    from localstory.story.project import read_story

    with open_app(writes=False) as app:
        story = read_story(folder)
        tools = tools_of(app, story.project)
        built = make_film(app, folder, tools, screen)
    tell(built, tools, screen)
    return as_json(folder, story.title, built, tools)


def project_from(options: argparse.Namespace, idea: str) -> Project:
    """The project that the options ask for. Raises BadRequest before anything is made."""
    from localstory.story.bible import clean_idea
    from localstory.story.project import Project, check_scenes, check_size

    check_scenes(options.scenes)
    width, height = check_size(options.size)
    clean_idea(idea)
    return Project(
        idea=idea, title="", language=options.language, scenes=options.scenes, images=options.images, writer=options.model, voice=options.voice,
        width=width, height=height, seed=options.seed,
    )  # fmt: skip


def write(app: App, folder: Path, project: Project, tools: Tools, screen: Screen) -> Story:
    """Make the folder and write the text, with progress."""
    from localstory.story.build import new_story

    story = app.runtime.run(new_story(folder, project, tools, screen.progress))
    screen.end_progress()
    return story


def make_film(app: App, folder: Path, tools: Tools, screen: Screen) -> Built:
    """Build with progress."""
    from localstory.story.build import build_story

    built = app.runtime.run(build_story(folder, tools, screen.progress))
    screen.end_progress()
    return built


def written_by_model(story: Story) -> float:
    from localstory.story.assets import Assets
    from localstory.story.build import model_share

    return model_share(Assets(story.folder), story) or 0.0


def tell(built: Built, tools: Tools, screen: Screen) -> None:
    """Say what was made, what was there already, and how long it took."""
    made, skipped = len(built.made), len(built.skipped)
    screen.say(
        ngettext("{count} step done", "{count} steps done", made).format(count=made)
        + ", "
        + ngettext("{count} was there already.", "{count} were there already.", skipped).format(count=skipped)
    )
    for name, error in built.failed.items():
        told = words.tell(error)
        reason = " ".join(part for part in (f"{told.title}.", told.detail, told.hint) if part)
        screen.note(
            _("Picture {key} failed and is replaced by a card; the next build tries again: {reason}").format(key=name.removeprefix("picture "), reason=reason)
        )
    for stage, seconds in built.seconds.items():
        screen.say(f"  {_(_STAGES[stage])}: {duration(seconds)}")
    screen.say(_("Film: {path} ({length})").format(path=built.film, length=duration(built.film_seconds)))


def as_json(folder: Path, title: str, built: Built, tools: Tools) -> dict[str, Any]:
    return {
        "folder": str(folder),
        "title": title,
        "film": str(built.film),
        "film_seconds": round(built.film_seconds, 3),
        "done": built.made,
        "skipped": built.skipped,
        "failed": {name: {"code": error.code, "title": words.tell(error).title} for name, error in built.failed.items()},
        "seconds": {stage: round(seconds, 2) for stage, seconds in built.seconds.items()},
        "model_share": round(built.model_share, 3) if built.model_share is not None else None,
        "models": {"text": tools.writer_facts.model, "voice": tools.voice_facts.model},
    }


def tools_of(app: App, project: Project) -> Tools:
    from localstory.story.tools import tools_for

    try:
        return tools_for(app.home, project)
    except OSError as error:
        raise FileTrouble(
            title=mark("A model can't be read"), detail=mark("{path}: {reason}."), path=str(error.filename), reason=error.strerror or str(error)
        ) from error
