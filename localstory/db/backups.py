"""Dated copies of the database: made whole or not at all, checked, thinned with age, never wiped by a wrong clock."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from localstory.db import migrate

DAY_MS = 86_400_000
DAILY, WEEKLY, MONTHLY = 12, 10, 9
"""How many copies stay, as in Anki: one of each of the last days, weeks and months in which there are any; all of two days."""
MOST_BYTES = 8 << 30
"""Of all dated copies; beyond it the oldest go, but never the three newest."""
_LEAST = 3
_NAME = re.compile(r"localstory-(\d{4}-\d\d-\d\d)T(\d\d-\d\d-\d\d)(?:-\d+)?Z\.db")
_BEFORE = re.compile(r"before-version-(\d+)\.db")


@dataclass(frozen=True, slots=True)
class Backup:
    """One copy. `made_at` is milliseconds since 1970, UTC."""

    path: Path
    made_at: int
    size_bytes: int
    kind: Literal["dated", "before an update"]


def name_for(moment: int) -> str:
    """The file name of a copy made then."""
    return f"localstory-{datetime.fromtimestamp(moment / 1000, UTC):%Y-%m-%dT%H-%M-%S}Z.db"


def made_at(name: str) -> int | None:
    """The moment in a file name; None when it is no dated copy."""
    found = _NAME.fullmatch(name)
    if found is None:
        return None
    try:
        return int(datetime.strptime(f"{found[1]} {found[2]} +0000", "%Y-%m-%d %H-%M-%S %z").timestamp() * 1000)
    except ValueError:
        return None


def listed(folder: Path) -> list[Backup]:
    """Every copy in the folder, the newest first; [] when there is no folder. Raises OSError when it can't be read."""
    made = []
    for path in folder.iterdir() if folder.is_dir() else ():
        moment = made_at(path.name)
        if moment is not None:
            made.append(Backup(path, moment, path.stat().st_size, "dated"))
        elif _BEFORE.fullmatch(path.name):
            made.append(Backup(path, int(path.stat().st_mtime * 1000), path.stat().st_size, "before an update"))
    return sorted(made, key=lambda one: (one.made_at, one.path.name), reverse=True)


def to_remove(moments: Iterable[int], now: int) -> set[int]:
    """Which copies are no longer needed. Those that seem to come from the future stay and count for nothing: a clock that was
    wrong, then or now, wipes no copy."""
    past = sorted((moment for moment in moments if moment <= now), reverse=True)
    kept = {moment for moment in past if moment > now - 2 * DAY_MS}

    def keep(period: Callable[[datetime], object], count: int) -> None:
        seen: set[object] = set()
        for moment in past:
            name = period(datetime.fromtimestamp(moment / 1000, UTC))
            if name not in seen and len(seen) < count:
                seen.add(name)
                kept.add(moment)

    keep(lambda day: day.date(), DAILY)
    keep(lambda day: day.isocalendar()[:2], WEEKLY)
    keep(lambda day: (day.year, day.month), MONTHLY)
    return set(past) - kept


def thin(folder: Path, now: int, most_bytes: int = MOST_BYTES) -> list[Path]:
    """Remove dated copies that are no longer needed; returns which. Copies made before an update stay. Raises OSError."""
    dated = [one for one in listed(folder) if one.kind == "dated"]
    old = to_remove((one.made_at for one in dated), now)
    gone = [one for one in dated if one.made_at in old]
    left = [one for one in dated if one.made_at not in old]
    past = [one for one in left if one.made_at <= now]
    while len(past) > _LEAST and sum(one.size_bytes for one in left) > most_bytes:
        gone.append(past.pop())
        left.remove(gone[-1])
    for one in gone:
        one.path.unlink(missing_ok=True)
    return [one.path for one in gone]


def make(database: Path, folder: Path, now: int) -> Backup:
    """Copy the database while it is in use, check the copy, give it its name, thin the others. Seconds for a million messages.
    Raises sqlite3.Error, OSError; then no copy with a name is left, and the older ones are untouched."""
    to = folder / name_for(now)
    number = 1
    while to.exists():
        number += 1
        to = folder / name_for(now).replace("Z.db", f"-{number}Z.db")
    connection = sqlite3.connect(f"{database.absolute().as_uri()}?mode=ro", uri=True)
    try:
        connection.execute("PRAGMA busy_timeout = 5000")
        migrate.copy_checked(connection, to)
    finally:
        connection.close()
    thin(folder, now)
    return Backup(to, made_at(to.name) or now, to.stat().st_size, "dated")


def is_usable(path: Path) -> bool:
    """True when this copy is a whole database of ours that this program can read."""
    try:
        connection = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)
    except sqlite3.Error:
        return False
    try:
        owner = connection.execute("PRAGMA application_id").fetchone()[0]
        if owner != migrate.APPLICATION_ID or not 0 < migrate.version_of(connection) <= migrate.newest_version():
            return False
        return bool(connection.execute("PRAGMA quick_check(1)").fetchone()[0] == "ok")
    except sqlite3.Error:
        return False
    finally:
        connection.close()


def newest_usable(folder: Path) -> Backup | None:
    """The newest copy that is whole. One that claims to be from the future may be the newest: it is looked at like the others."""
    try:
        return next((one for one in listed(folder) if is_usable(one.path)), None)
    except OSError:
        return None
