"""A small file beside the database: whether the last program ended well, and when the whole was last looked through."""

from __future__ import annotations

import json
import logging
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from localstory.system import write_whole

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class EndMark:
    """Without a file everything is as after a power cut: unclean, never checked."""

    clean: bool = False
    """False while a program writes, and after it was killed."""
    damaged: bool = False
    """Something in the database could not be read: look through it before it is used again, however long that takes."""
    checked_at: int = 0
    """Milliseconds since 1970, UTC."""


def mark_file(database: Path) -> Path:
    return database.with_name(database.name + ".end")


def read_mark(database: Path) -> EndMark:
    """What the file says; a lost or broken one says the worst."""
    with suppress(OSError, ValueError, RecursionError):
        found = json.loads(mark_file(database).read_text("utf-8"))
        if isinstance(found, dict):
            checked = found.get("checked_at")
            checked = checked if isinstance(checked, int) and not isinstance(checked, bool) else 0
            return EndMark(found.get("clean") is True, found.get("damaged") is True, checked)
    return EndMark()


def change_mark(database: Path, **values: bool | int) -> None:
    """Set any of its fields. A mark that can't be written is no reason not to work: the next start looks more closely."""
    before = read_mark(database)
    after = replace(before, **values)  # type: ignore[arg-type]  # the names are EndMark's
    if after == before and mark_file(database).exists():
        return
    try:
        write_whole(mark_file(database), json.dumps(asdict(after)).encode())
    except OSError as trouble:
        log.warning("the mark of the last end was not written: %s", trouble)
        with suppress(OSError):
            mark_file(database).unlink()
