"""A story's folder: what stands in which file, read strictly and written whole.

project.json   what was asked for      story.md     the text, to be edited by people: scene markers keep it apart
bible.json     who, where, what        scenes.json  the scenes' order, beats and the take of each text
assets/        everything made         out/         the film and its captions
"""

from __future__ import annotations

import json
import re
import unicodedata
import uuid
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from localstory import __version__
from localstory.errors import BadRequest, CannotContinue, FileTrouble
from localstory.story.bible import Bible
from localstory.story.openers import Opener
from localstory.system import FileLock, write_whole
from localstory.words import mark

SCHEMA_VERSION = 1
MOST_SCENES = 40
_OURS = frozenset({".lock", "bible.json", "scenes.json", "story.md", "assets", "out"})
_MARKER = re.compile(r"^<!--\s*scene\s+([\w-]+)\s*-->\s*$", re.MULTILINE | re.IGNORECASE)


class BadStory(CannotContinue):
    """A story's folder can't be read: a file is missing, broken, or from a newer version. `why` is a marked message about {path}."""

    code = "bad_story"

    def __init__(self, path: Path, why: str, **values: object) -> None:
        super().__init__(
            title=mark("This story can't be read"),
            detail=why,
            hint=mark("Put the file back as it was, or begin a new story with: localstory story new"),
            path=str(path),
            **values,
        )


class StoryExists(CannotContinue):
    """There is a story, or something else, where a new one should go."""

    code = "story_exists"

    def __init__(self, folder: Path, *, is_story: bool) -> None:
        super().__init__(
            title=mark("There is already a story here") if is_story else mark("This folder is not empty"),
            detail=mark("{folder} would be overwritten."),
            hint=mark("Choose another folder, or go on with this story: localstory story build {folder}") if is_story else mark("Choose another folder."),
            folder=str(folder),
        )


class StoryInUse(CannotContinue):
    """Another process works on this story."""

    code = "story_in_use"

    def __init__(self, folder: Path) -> None:
        super().__init__(
            title=mark("Somebody is working on this story"),
            detail=mark("Another localstory has {folder} open."),
            hint=mark("Wait until it is done, or stop it."),
            folder=str(folder),
        )


@dataclass(frozen=True, slots=True)
class Project:
    """What was asked for, in `project.json`."""

    idea: str
    title: str
    language: str = "en"
    scenes: int = 5
    images: str = "builtin"
    """ "builtin", "none", or a server's address (`registry.is_server`)."""
    writer: str = ""
    """The model's title or path, as `models` resolves it; empty: the best there is."""
    voice: str = ""
    width: int = 1280
    height: int = 720
    seed: int = 1
    uuid: str = ""
    created: str = ""
    app_version: str = __version__
    schema_version: int = SCHEMA_VERSION


@dataclass(frozen=True, slots=True)
class Scene:
    """One scene: its plan, the id of its text's take, and (from story.md) its words."""

    id: str
    beat: str = ""
    opener: Opener | None = None
    take: str = ""
    """Recipe id of the text in assets/text; empty: not written yet, or written by a person."""
    text: str = ""


@dataclass(frozen=True, slots=True)
class Story:
    """A story as read from its folder."""

    folder: Path
    project: Project
    bible: Bible
    scenes: tuple[Scene, ...]

    @property
    def title(self) -> str:
        return self.project.title

    @property
    def is_written(self) -> bool:
        return all(scene.text for scene in self.scenes)

    def with_scene(self, scene: Scene) -> Story:
        """The same story with one scene exchanged."""
        return replace(self, scenes=tuple(scene if old.id == scene.id else old for old in self.scenes))


@dataclass(slots=True)
class StoryLock:
    """The right to write in a story's folder; a context manager. Raises StoryInUse and FileTrouble."""

    folder: Path
    _lock: FileLock | None = field(default=None, init=False)

    def __enter__(self) -> StoryLock:
        lock = FileLock(self.folder / ".lock")
        try:
            taken = lock.acquire()
        except OSError as error:
            raise cannot_write(self.folder, error) from error
        if not taken:
            raise StoryInUse(self.folder)
        self._lock = lock
        return self

    def __exit__(self, *_exception: object) -> None:
        if self._lock is not None:
            self._lock.release()


def cannot_write(path: Path, error: OSError) -> FileTrouble:
    """What to tell when a folder can't be written or is full."""
    return FileTrouble(
        title=mark("The story can't be saved"),
        detail=mark("{path}: {reason}."),
        hint=mark("Free some space or choose another folder; what was finished is kept."),
        path=str(error.filename or path),
        reason=error.strerror or str(error),
    )


def check_scenes(count: int) -> None:
    """Raises BadRequest for a number of scenes no film can have."""
    if not 1 <= count <= MOST_SCENES:
        raise BadRequest(
            title=mark("A story has 1 to {most} scenes"),
            detail=mark("{given} were asked for."),
            hint=mark("Choose a number of scenes between 1 and {most}."),
            most=MOST_SCENES,
            given=count,
        )


def check_size(text: str) -> tuple[int, int]:
    """ "1280x720" -> (1280, 720). Raises BadRequest for what can't be a film's size."""
    match = re.fullmatch(r"(\d{1,5})[xX×](\d{1,5})", text.strip())
    width, height = (int(match[1]), int(match[2])) if match else (0, 0)
    if not match or width % 2 or height % 2 or not (128 <= width <= 3840 and 128 <= height <= 3840) or not 0.4 <= width / height <= 2.5:
        raise BadRequest(
            title=mark("This is no size for a film"),
            detail=mark('"{given}" was asked for.'),
            hint=mark("Give even numbers between 128 and 3840, like 1280x720, 720x1280 or 1080x1080."),
            given=text,
        )
    return width, height


# -- files ------------------------------------------------------------------------------------------------------------


def create(folder: Path, story: Story) -> None:
    """Make a new story's folder with its first files. Raises StoryExists, FileTrouble."""
    if (folder / "project.json").exists():
        raise StoryExists(folder, is_story=True)
    try:
        # A kill before project.json was written leaves only these: such a folder is taken again.
        if folder.exists() and any(one.name not in _OURS for one in folder.iterdir()):
            raise StoryExists(folder, is_story=False)
        (folder / "out").mkdir(parents=True, exist_ok=True)
        (folder / "assets").mkdir(exist_ok=True)
    except OSError as error:
        raise cannot_write(folder, error) from error
    write_bible(folder, story.bible)
    write_scenes(folder, story.scenes)
    write_text(folder, story)
    # The project comes last: with it the folder is a story.
    write_json(folder / "project.json", asdict(story.project))


def new_project(project: Project) -> Project:
    """With an id and a date."""
    return replace(project, uuid=str(uuid.uuid4()), created=datetime.now(UTC).isoformat(timespec="seconds"))


def write_bible(folder: Path, bible: Bible) -> None:
    """Raises FileTrouble."""
    write_json(folder / "bible.json", bible.to_json())


def write_scenes(folder: Path, scenes: Sequence[Scene]) -> None:
    """Raises FileTrouble."""
    table = [{"id": one.id, "beat": one.beat, "opener": asdict(one.opener) if one.opener else None, "take": one.take} for one in scenes]
    write_json(folder / "scenes.json", table)


def write_text(folder: Path, story: Story) -> None:
    """Write story.md. Raises FileTrouble."""
    parts = [f"# {story.title}\n"] + [f"<!-- scene {scene.id} -->\n\n{scene.text}\n" for scene in story.scenes]
    try:
        write_whole(folder / "story.md", "\n".join(parts).encode("utf-8"))
    except OSError as error:
        raise cannot_write(folder, error) from error


def read_text(content: str) -> tuple[str, list[tuple[str, str]]]:
    """Title, and (id, text) of each scene, of a story.md. Text before the first marker but the title is ignored."""
    content = unicodedata.normalize("NFC", content).removeprefix("\ufeff").replace("\r\n", "\n")
    pieces = _MARKER.split(content)
    heading = re.search(r"^#\s+(.+)$", pieces[0], re.MULTILINE)
    scenes = [(pieces[i], re.sub(r"[ \t]+", " ", re.sub(r"\n{3,}", "\n\n", pieces[i + 1].strip()))) for i in range(1, len(pieces) - 1, 2)]
    return (heading[1].strip() if heading else ""), scenes


def read_story(folder: Path) -> Story:
    """Read a story's folder; story.md has the last word on title and texts. Raises BadStory."""
    project_table = _read_json(folder / "project.json", dict)
    try:
        if int(project_table.get("schema_version", 0)) > SCHEMA_VERSION:
            raise BadStory(folder / "project.json", mark("{path} was made by a newer localstory."))
        known = {key: value for key, value in project_table.items() if key in Project.__dataclass_fields__}
        wrong = [key for key, value in known.items() if type(value) is not (int if Project.__dataclass_fields__[key].type == "int" else str)]
        if wrong:
            raise ValueError(", ".join(wrong))
        project = Project(**known)
        bible = Bible.from_json(_read_json(folder / "bible.json", dict))
        planned = {
            str(one["id"]): Scene(str(one["id"]), str(one.get("beat", "")), Opener(**one["opener"]) if one.get("opener") else None, str(one.get("take", "")))
            for one in _read_json(folder / "scenes.json", list)
        }
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise BadStory(folder, mark("Something in {path} is not as it should be: {reason}."), reason=f"{type(error).__name__}: {error}") from error
    try:
        title, texts = read_text((folder / "story.md").read_text("utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise _unreadable(folder / "story.md", error) from error
    if not texts:
        raise BadStory(folder / "story.md", mark("{path} has no scene markers such as <!-- scene s1 -->."))
    if len({id for id, _text in texts}) < len(texts):
        raise BadStory(folder / "story.md", mark("In {path}, two scenes have the same marker."))
    scenes = tuple(replace(planned.get(id, Scene(id)), text=text) for id, text in texts)
    return Story(folder, replace(project, title=title or project.title), bible, scenes)


def _unreadable(path: Path, error: Exception) -> BadStory:
    match error:
        case OSError():
            return BadStory(path, mark("{path} can't be read: {reason}."), reason=error.strerror or str(error))
        case UnicodeDecodeError():
            return BadStory(path, mark("{path} is not a text in UTF-8."))
        case json.JSONDecodeError():
            return BadStory(path, mark("{path} is damaged at line {line}, column {column}."), line=error.lineno, column=error.colno)
        case _:
            return BadStory(path, mark("{path} does not hold what it should."))


def write_json(path: Path, table: object) -> None:
    """Write JSON for people to read, whole or not at all. Raises FileTrouble."""
    try:
        write_whole(path, (json.dumps(table, ensure_ascii=False, indent=1) + "\n").encode("utf-8"))
    except OSError as error:
        raise cannot_write(path, error) from error


def _read_json(path: Path, kind: type[Any]) -> Any:
    try:
        table = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise _unreadable(path, error) from error
    if not isinstance(table, kind):
        raise BadStory(path, mark("{path} does not hold what it should."))
    return table
