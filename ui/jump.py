"""The lines of the command palette and of the list of places to go to."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import TYPE_CHECKING

from localstory.words import _, english_of
from ui.actions import Actions, part_title
from ui.widgets.palette import Choice
from ui.widgets.palette_score import fold

if TYPE_CHECKING:
    from localstory.app import App
    from localstory.chats.organising import Folder
    from localstory.chats.store import Chat, FolderId

MOST_RECENT = 5
RECENT = "palette.recent"
"""Under this name the ids of the actions that were done lately are remembered, the last first."""


def action_choices(actions: Actions, recent: Sequence[str]) -> list[Choice]:
    """Every action with its shortcut, what can't be done now with the reason."""
    made = []
    for entry in actions.all():
        made.append(
            Choice(
                entry.text,
                entry.shortcut_words,
                entry.action.trigger,
                part_title(entry.menu),
                f"{entry.also} {english_of(entry.text)}".strip(),
                actions.why_not(entry.id),
                recent.index(entry.id) + 1 if entry.id in recent else 0,
            )
        )
    return made


def remembered(recent: Sequence[str], done: str) -> list[str]:
    """What was done lately, with what was done now."""
    return [done, *(one for one in recent if one != done)][:MOST_RECENT]


def folder_paths(folders: Iterable[Folder]) -> dict[FolderId, str]:
    """Each folder with those it lies in: "Book / Chapter 2"."""
    by_id = {folder.id: folder for folder in folders}
    paths: dict[FolderId, str] = {}
    for folder in by_id.values():
        names, at, seen = [folder.name], folder.parent_id, {folder.id}
        while at is not None and at in by_id and at not in seen:
            seen.add(at)
            names.insert(0, by_id[at].name)
            at = by_id[at].parent_id
        paths[folder.id] = " / ".join(names)
    return paths


def chat_choices(chats: Iterable[Chat], folders: Iterable[Folder], go: Callable[[int], object]) -> list[Choice]:
    """Every chat, the last used first; it says where it lies and whether it is archived."""
    paths = folder_paths(folders)
    chat_word, archived_word, new = _("Chat"), _("Archived"), _("New chat")
    made = []
    for chat in chats:
        where = paths.get(chat.folder_id, "") if chat.folder_id is not None else ""
        note = where or chat_word
        if chat.archived_at is not None:
            note = f"{archived_word} · {where}" if where else archived_word
        title = chat.title or new
        made.append(Choice(title, note, partial(go, chat.id), also=where, folded=fold(f"{title} {where}")))
    return made


def all_chats(app: App) -> tuple[list[Chat], list[Folder]]:
    """Chats and folders, read in one go."""
    return (app.chats.all(), app.organiser.folders()) if app.chats.is_open else ([], [])
