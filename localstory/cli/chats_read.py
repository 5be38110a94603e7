"""`localstory chats list` and `show`: read chats, also beside an open window."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import datetime
from typing import TYPE_CHECKING, Any

from localstory.cli.screen import Screen
from localstory.errors import BadRequest
from localstory.words import _, language, mark, ngettext, number

if TYPE_CHECKING:
    from localstory.app import App
    from localstory.chats.store import Chat, FolderId
    from localstory.chats.tree import ChatId, MessageId, Tree

_SORTS = ("used", "created", "title", "length", "hand")


@contextmanager
def opened_for_reading() -> Iterator[App]:
    """The home; beside an open window it is only read. Raises DatabaseTrouble."""
    from localstory.app import open_app
    from localstory.errors import HomeInUse

    try:
        app = open_app()
    except HomeInUse:
        app = open_app(writes=False)
        with app:
            yield app
        return
    with app:
        app.runtime.run(app.open_data())
        yield app


# -- which chats -----------------------------------------------------------------------------------------------------------


def filter_arguments(parser: argparse.ArgumentParser) -> None:
    """What `list` and `export` choose by."""
    parser.add_argument("--folder", metavar=_("NAME"), help=_("only in this folder and the folders in it"))
    parser.add_argument("--tag", default="", metavar=_("NAME"), help=_("only in chats with this tag"))
    parser.add_argument("--archived", action=argparse.BooleanOptionalAction, default=None, help=_("only archived chats, or none of them"))


def chosen(options: argparse.Namespace, app: App) -> list[Chat]:
    """The chats in sight that the filters let through, last used first. Raises BadRequest for a folder that isn't there."""
    from localstory.chats.folding import fold

    chats = app.chats.all()
    if options.folder is not None:
        within = _within(app, folder_named(app, options.folder))
        chats = [chat for chat in chats if chat.folder_id in within]
    if options.tag:
        tagged = {chat for chat, names in app.organiser.tags_by_chat().items() if fold(options.tag) in map(fold, names)}
        chats = [chat for chat in chats if chat.id in tagged]
    if options.archived is not None:
        chats = [chat for chat in chats if (chat.archived_at is not None) == options.archived]
    return chats


def folder_named(app: App, name: str) -> FolderId:
    """By its name, or by its path where several have one name ("Stories/Foxes"). Raises BadRequest."""
    from localstory.chats.folding import fold

    wanted = [fold(part) for part in name.split("/") if part.strip()]
    paths = _paths(app)
    for folder, path in paths.items():
        folded = [fold(part) for part in path]
        if folded == wanted or [fold("/".join(path))] == wanted:
            return folder
    for folder, path in paths.items():
        if fold(path[-1]) == fold(name) or [fold(part) for part in path][-len(wanted) :] == wanted:
            return folder
    raise BadRequest(title=mark("There is no folder {name}"), name=name)


def _paths(app: App) -> dict[FolderId, tuple[str, ...]]:
    """Every folder with the names above it and its own, the outermost first."""
    every = {folder.id: folder for folder in app.organiser.folders()}
    found: dict[FolderId, tuple[str, ...]] = {}
    for folder in every.values():
        names, at, seen = [folder.name], folder.parent_id, {folder.id}
        while at is not None and at in every and at not in seen:
            seen.add(at)
            names.append(every[at].name)
            at = every[at].parent_id
        found[folder.id] = tuple(reversed(names))
    return found


def _within(app: App, folder: FolderId) -> set[FolderId | None]:
    every = app.organiser.folders()
    found: set[FolderId | None] = {folder}
    while more := {one.id for one in every if one.parent_id in found} - found:
        found |= more
    return found


def chat_numbered(app: App, text: str) -> Chat:
    """By its number, or the only one whose title is that. Raises BadRequest."""
    from localstory.chats.folding import fold
    from localstory.chats.tree import ChatId

    chat = app.chats.get(ChatId(int(text))) if text.isascii() and text.isdigit() and len(text) < 18 else None
    if chat is not None:
        return chat
    titled = [one for one in app.chats.all() if fold(one.title).split() == fold(text).split()]
    if len(titled) == 1:
        return titled[0]
    if titled:
        raise BadRequest(title=mark("Several chats are called {name}"), hint=mark("Give the number that `localstory chats list` shows."), name=text)
    raise BadRequest(title=mark("There is no chat {name}"), hint=mark("`localstory chats list` shows them with their numbers."), name=text)


# -- list ------------------------------------------------------------------------------------------------------------------


def list_arguments(parser: argparse.ArgumentParser) -> None:
    filter_arguments(parser)
    parser.add_argument("--trash", action="store_true", help=_("what lies in the trash, and for how many days still"))
    parser.add_argument("--sort", choices=_SORTS, default="used", help=_("the order: last used, created, title, length, or by hand"))
    parser.add_argument("--limit", type=int, metavar=_("NUMBER"), help=_("how many chats at most"))


def run_list(options: argparse.Namespace, screen: Screen) -> dict[str, Any]:
    """`{"chats": [{id, uid, title, folder, tags, pinned, archived, messages, letters, created_at, used_at, note, model}], "count"}`, or with
    --trash `{"trash": [{kind, ids, title, deleted_at, days_left, chat_id}], "count"}`. Times are milliseconds since 1970, UTC."""
    from localstory.chats.sorting import sort_chats

    if options.limit is not None and options.limit < 1:
        raise BadRequest(title=mark("At least one chat must be asked for"))
    with opened_for_reading() as app:
        if options.trash:
            entries = app.organiser.trash()[: options.limit]
            for entry in entries:
                days = ngettext("{count} day left", "{count} days left", entry.days_left).format(count=entry.days_left)
                screen.say(f"{_day(entry.deleted_at)}  {days:>14}  {entry.title}")
            return {"trash": [asdict(entry) for entry in entries], "count": len(entries)}
        chats = chosen(options, app)
        shown = sort_chats(chats, options.sort, language())[: options.limit]
        told = _told(app, shown)
        for chat, one in zip(shown, told, strict=True):
            place = " / ".join(one["folder"])
            about = "  ".join(part for part in (place, " ".join(f"#{tag}" for tag in one["tags"])) if part)
            title = chat.title or _("Untitled")
            screen.say(f"{_day(chat.used_at)}  {chat.id:>6}  {chat.messages:>5}  {'★ ' if chat.pinned else ''}{title}  {about}".rstrip())
        screen.say(ngettext("{count} chat", "{count} chats", len(chats)).format(count=number(len(chats))))
    return {"chats": told, "count": len(chats)}


def _told(app: App, chats: list[Chat]) -> list[dict[str, Any]]:
    paths, tags = _paths(app), app.organiser.tags_by_chat()
    return [
        {
            "id": chat.id,
            "uid": chat.uid,
            "title": chat.title,
            "folder": list(paths.get(chat.folder_id, ())) if chat.folder_id is not None else [],
            "tags": list(tags.get(chat.id, ())),
            "pinned": chat.pinned,
            "archived": chat.archived_at is not None,
            "messages": chat.messages,
            "letters": chat.letters,
            "created_at": chat.created_at,
            "used_at": chat.used_at,
            "note": chat.note,
            "model": chat.model,
        }
        for chat in chats
    ]


def _day(moment: int) -> str:
    return datetime.fromtimestamp(moment / 1000).strftime("%Y-%m-%d")


# -- show ------------------------------------------------------------------------------------------------------------------


def show_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("chat", metavar=_("CHAT"), help=_("its number, or its title"))
    parser.add_argument("--branch", type=int, metavar=_("MESSAGE"), help=_("the branch through this message, not the one that is shown"))
    parser.add_argument("--outline", action="store_true", help=_("the branches, where each left the others and how it begins"))


def run_show(options: argparse.Namespace, screen: Screen) -> dict[str, Any]:
    """The branch that is shown, as Markdown. With --json `{"chat": {as in list}, "tip", "messages": [{id, uid, parent_id, role, text, state,
    model, engine, created_at, mark, sibling, siblings}]}`; with --outline `{"chat", "branches": [{tip, begins, left_after, first_words,
    name, pinned, messages, is_shown, depth}]}`."""
    from localstory.chats.exchange_text import as_markdown

    with opened_for_reading() as app:
        chat = chat_numbered(app, options.chat)
        tree = app.chats.tree(chat.id)
        (told,) = _told(app, [chat])
        if options.outline:
            return _outline(app, chat, tree, screen) | {"chat": told}
        tip = branch_of(tree, chat.tip_id, options.branch)
        path = tree.path(tip)
    screen.say(as_markdown(chat, path).rstrip("\n"))
    messages = []
    for message in path:
        at, of = tree.place(message.id)
        kept = ("id", "uid", "parent_id", "role", "text", "state", "model", "engine", "created_at", "mark")
        messages.append({name: getattr(message, name) for name in kept} | {"sibling": at, "siblings": of})
    return {"chat": told, "tip": tip, "messages": messages}


def branch_of(tree: Tree, shown: MessageId | None, asked: int | None) -> MessageId | None:
    """Where the branch through a message ends. Raises BadRequest for one that isn't in the chat."""
    from localstory.chats.tree import MessageId

    if asked is None:
        return shown
    if MessageId(asked) not in tree.messages:
        raise BadRequest(title=mark("There is no message {number} in this chat"), number=asked)
    if shown is not None and any(message.id == asked for message in tree.path(shown)):
        return shown
    return tree.tip_below(MessageId(asked))


def _outline(app: App, chat: Chat, tree: Tree, screen: Screen) -> dict[str, Any]:
    from localstory.chats.outline import branches

    found = branches(tree, chat.tip_id, app.organiser.branch_names(chat.id))
    for branch in found:
        mark_ = "▸" if branch.is_shown else " "
        count = ngettext("{count} message", "{count} messages", branch.messages).format(count=number(branch.messages))
        screen.say(f"{mark_} {'   ' * branch.depth}{branch.tip:>6}  {branch.name or branch.first_words}  ({count})")
    return {"branches": [asdict(branch) for branch in found]}


def ids(chats: list[Chat]) -> tuple[ChatId, ...]:
    return tuple(chat.id for chat in chats)
