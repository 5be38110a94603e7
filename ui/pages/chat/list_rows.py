"""Which lines the list of chats has, in which order. Pure, no Qt; quick enough for 10,000 chats at every change."""

from __future__ import annotations

import datetime
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

from localstory.chats.organising import Folder
from localstory.chats.sorting import SortBy, sort_chats, sort_key
from localstory.chats.store import Chat
from localstory.chats.tree import ChatId
from localstory.words import _, ngettext

Kind = Literal["section", "folder", "chat"]
_DAY = datetime.timedelta(days=1)


class Line(NamedTuple):
    """A line: what it is, whose (a folder's or a chat's id; of a section its number), and how deep it lies."""

    kind: Kind
    id: int
    depth: int


@dataclass(frozen=True, slots=True)
class Look:
    """How a person wants the list."""

    sort: SortBy = "used"
    reverse: bool = False
    archived: bool = False
    """Show the archived chats instead of the others."""
    tag: str = ""
    open_folders: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True)
class Arranged:
    """The lines, and what stands in the headings of sections by their number."""

    lines: list[Line]
    sections: list[str]
    inside: dict[int, int]
    """Folder -> how many chats are in it, at any depth."""


def arrange(
    chats: Iterable[Chat], folders: Sequence[Folder], look: Look, tags: Mapping[ChatId, Collection[str]], now: datetime.datetime, language: str
) -> Arranged:
    """Pinned chats, then folders with what is in the open ones, then the chats that lie in no folder: by time when they are
    sorted by time. `now` is the local time, aware."""
    shown = [chat for chat in chats if (chat.archived_at is not None) == look.archived and (not look.tag or look.tag in tags.get(chat.id, ()))]
    ordered = sort_chats(shown, look.sort, language)
    if look.reverse and look.sort != "hand":  # an order by hand is as it was put
        ordered.reverse()
    sections: list[str] = []
    lines: list[Line] = []
    pinned = [chat for chat in ordered if chat.pinned]
    if pinned:
        sections.append(_("Pinned"))
        lines.append(Line("section", 0, 0))
        lines += [Line("chat", chat.id, 0) for chat in pinned]
    there = {folder.id for folder in folders}
    by_folder: dict[int | None, list[Chat]] = {}
    for chat in ordered:
        if not chat.pinned:
            by_folder.setdefault(chat.folder_id if chat.folder_id in there else None, []).append(chat)
    narrowed = bool(look.tag) or look.archived
    inside = _counts(folders, by_folder)
    children = _children(folders, look, language)
    tops = children.get(None, [])
    if pinned and tops:
        sections.append(_("Folders"))
        lines.append(Line("section", len(sections) - 1, 0))
    todo: list[tuple[Folder, int] | list[Line]] = [(folder, 0) for folder in reversed(tops)]
    while todo:
        step = todo.pop()
        if isinstance(step, list):
            lines += step
            continue
        folder, depth = step
        if narrowed and not inside[folder.id]:
            continue
        lines.append(Line("folder", folder.id, depth))
        if folder.id in look.open_folders or narrowed:
            # Folders in it come before its chats, as they do outside.
            todo.append([Line("chat", chat.id, depth + 1) for chat in by_folder.get(folder.id, [])])
            todo += [(one, depth + 1) for one in reversed(children.get(folder.id, []))]
    loose = by_folder.get(None, [])
    if look.sort in ("used", "created"):
        _by_time(loose, look, now, lines, sections)
    else:
        if loose and lines:
            sections.append(_("Chats"))
            lines.append(Line("section", len(sections) - 1, 0))
        lines += [Line("chat", chat.id, 0) for chat in loose]
    return Arranged(lines, sections, inside)


def _children(folders: Sequence[Folder], look: Look, language: str) -> dict[int | None, list[Folder]]:
    there = {folder.id for folder in folders}
    found: dict[int | None, list[Folder]] = {}
    ordered = sorted(folders, key=lambda folder: (sort_key(folder.name, language), folder.id)) if look.sort == "title" else folders
    for folder in ordered:
        found.setdefault(folder.parent_id if folder.parent_id in there else None, []).append(folder)
    return found


def _counts(folders: Sequence[Folder], by_folder: Mapping[int | None, Sequence[Chat]]) -> dict[int, int]:
    parents = {folder.id: folder.parent_id for folder in folders}
    counts = {int(folder.id): 0 for folder in folders}
    for folder in folders:
        own, at, seen = len(by_folder.get(folder.id, ())), folder.id, set()
        while at is not None and at in counts and at not in seen:
            seen.add(at)
            counts[at] += own
            at = parents[at]  # type: ignore[assignment]
    return counts


def _by_time(chats: Sequence[Chat], look: Look, now: datetime.datetime, lines: list[Line], sections: list[str]) -> None:
    """Headings: today, yesterday, this week, then months. A clock that is ahead makes "today" of the future."""
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    steps = [(_("Today"), midnight), (_("Yesterday"), midnight - _DAY), (_("The last 7 days"), midnight - 7 * _DAY)]
    limits = [(title, start.timestamp() * 1000) for title, start in steps]
    heading, month = "", (0, 0)
    for chat in chats:
        when = chat.used_at if look.sort == "used" else chat.created_at
        title = next((title for title, start in limits if when >= start), "")
        if title:
            is_new, month = title != heading, (0, 0)
        else:
            day = _local(when, now)
            is_new = (day.year, day.month) != month or heading != ""
            month = (day.year, day.month)
        if is_new:
            sections.append(title or _month(month, now))
            lines.append(Line("section", len(sections) - 1, 0))
        heading = title
        lines.append(Line("chat", chat.id, 0))


def _local(when: int, now: datetime.datetime) -> datetime.datetime:
    try:
        return datetime.datetime.fromtimestamp(when / 1000, now.tzinfo)
    except (OverflowError, OSError, ValueError):
        return datetime.datetime(1970, 1, 1, tzinfo=now.tzinfo)


def _month(month: tuple[int, int], now: datetime.datetime) -> str:
    names = (
        _("January"), _("February"), _("March"), _("April"), _("May"), _("June"), _("July"), _("August"), _("September"), _("October"), _("November"),
        _("December"),
    )  # fmt: skip
    year, number = month
    return names[number - 1] if year == now.year else _("{month} {year}").format(month=names[number - 1], year=year)


def short_time(when: int, now: datetime.datetime) -> str:
    """When something was, as short as it can be said: "14:05", "3/11", "2024"."""
    then = _local(when, now)
    if then.date() == now.date():
        return then.strftime("%H:%M")
    if then.year == now.year:
        return _("{month}/{day}").format(day=then.day, month=then.month)
    return str(then.year)


def in_words(count: int) -> str:
    """How many chats are chosen."""
    return ngettext("{count} chat chosen", "{count} chats chosen", count).format(count=count)
