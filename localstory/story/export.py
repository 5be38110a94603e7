"""Give a finished story away as a file: the film or its captions."""

from __future__ import annotations

import shutil
from pathlib import Path

from localstory.errors import CannotContinue
from localstory.story.project import cannot_write, read_story
from localstory.words import mark

FORMATS = ("mp4", "srt", "vtt")


class NotBuilt(CannotContinue):
    """There is no film of this story yet."""

    code = "not_built"

    def __init__(self, folder: Path) -> None:
        super().__init__(
            title=mark("This story has no film yet"),
            hint=mark("Make it first: localstory story build {folder}"),
            folder=str(folder),
        )


def export_story(folder: Path, form: str, out: Path | None = None) -> Path:
    """Copy the story's `form` ("mp4", "srt" or "vtt") to `out`, or say where it is. Raises BadStory, NotBuilt, FileTrouble."""
    read_story(folder)
    made = folder / "out" / f"story.{form}"
    if not made.is_file():
        raise NotBuilt(folder)
    if out is None:
        return made
    target = out / f"{folder.name}.{form}" if out.is_dir() else out
    part = target.with_name(f".{target.name}.part")
    try:
        shutil.copyfile(made, part)
        part.replace(target)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise cannot_write(target, error) from error
    return target
