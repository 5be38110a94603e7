"""`localstory chats export` and `import`: chats out into a file, and back."""

from __future__ import annotations

import argparse
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from localstory.cli import chats_read
from localstory.cli.screen import Screen
from localstory.errors import BadRequest
from localstory.words import _, mark, ngettext, number, size

if TYPE_CHECKING:
    from localstory.app import App
    from localstory.chats.exchange_file import LeftOut
    from localstory.chats.exchange_rows import Scope
    from localstory.chats.exchange_taking import Counted
    from localstory.chats.store import Chat

_FORMATS = ("zip", "markdown", "text", "json")
_BY_ENDING = {".md": "markdown", ".markdown": "markdown", ".txt": "text", ".json": "json"}
_MOST_TOLD = 20


def export_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", type=Path, metavar=_("FILE"), help=_("where to; several chats to be read go into a folder of this name"))
    parser.add_argument("chats", nargs="*", metavar=_("CHAT"), help=_("numbers or titles of chats"))
    parser.add_argument("--all", action="store_true", help=_("every chat, with folders, tags and the trash"))
    chats_read.filter_arguments(parser)
    parser.add_argument("--branch", type=int, metavar=_("MESSAGE"), help=_("only the branch through this message"))
    parser.add_argument("--format", choices=_FORMATS, help=_('"zip" loses nothing and can be imported; the others are to be read (default: by the ending)'))
    parser.add_argument("--no-trash", dest="trash", action="store_false", help=_("leave out what was deleted"))


def run_export(options: argparse.Namespace, screen: Screen) -> dict[str, Any]:
    """`{"file", "format", "files": […], "size_bytes", "counts": {chat, message, folder, tag, summary, vote}, "seconds"}`; `counts` of a zip
    only. Works beside an open window; a file that is there is replaced when the new one is whole."""
    from localstory.chats.exchange_rows import Scope

    form: Any = options.format or _BY_ENDING.get(options.file.suffix.lower(), "zip")
    filters = options.folder is not None or options.tag or options.archived is not None
    if not (options.all or options.chats or filters):
        raise BadRequest(title=mark("Say which chats: their numbers, a folder, a tag, or --all"))
    if options.all and (options.chats or filters):
        raise BadRequest(title=mark("--all is every chat; leave it out to choose some"))
    with chats_read.opened_for_reading() as app:
        some = _some(options, app)
        if not some and not options.all:
            raise BadRequest(title=mark("No chat is like that"))
        if options.branch is not None and len(some) != 1:
            raise BadRequest(title=mark("A branch belongs to one chat: name that"))
        tip = chats_read.branch_of(app.chats.tree(some[0].id), some[0].tip_id, options.branch) if options.branch is not None else None
        if form != "zip":
            files = app.runtime.run(app.exchange.export_readable(options.file, chats_read.ids(some), form, tip, screen.progress))
            screen.end_progress()
            screen.say(ngettext("{count} chat written", "{count} chats written", len(files)).format(count=number(len(files))))
            return {"file": str(options.file), "format": form, "files": [str(file) for file in files], "size_bytes": sum(file.stat().st_size for file in files)}
        scope = Scope(trash=options.trash) if options.all else _scope(options, some, tip, Scope)
        told = app.runtime.run(app.exchange.export(options.file, scope, screen.progress))
    counts = {kind: told.counts.get(kind, 0) for kind in ("chat", "message", "folder", "tag", "summary", "vote")}
    chats = ngettext("{count} chat", "{count} chats", counts["chat"]).format(count=number(counts["chat"]))
    messages = ngettext("{count} message", "{count} messages", counts["message"]).format(count=number(counts["message"]))
    screen.say(f"{told.path}: {chats}, {messages}, {size(told.size_bytes)}")
    return {
        "file": str(told.path), "format": form, "files": [str(told.path)], "size_bytes": told.size_bytes, "counts": counts, "seconds": round(told.seconds, 3),
    }  # fmt: skip


def _some(options: argparse.Namespace, app: App) -> list[Chat]:
    if options.chats:
        named = [chats_read.chat_numbered(app, text) for text in options.chats]
        return list({chat.id: chat for chat in named}.values())
    return chats_read.chosen(options, app)


def _scope(options: argparse.Namespace, some: list[Chat], tip: Any, kind: type[Scope]) -> Scope:
    return kind(chats=chats_read.ids(some), tip=tip, trash=options.trash)


def import_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", type=Path, metavar=_("FILE"), help=_("a file that was exported"))
    parser.add_argument("--preview", action="store_true", help=_("only say what would be taken in; nothing is changed"))


def run_import(options: argparse.Namespace, screen: Screen) -> dict[str, Any]:
    """`{"file", "preview", "counted": {chats, grown, same, messages, messages_there, both_kept, in_trash, folders, tags, summaries, votes},
    "left_out": [{where, why}], "left_out_count"}`, and after an import `"new_chats"` (their numbers) and `"seconds"`. What is left out of a
    broken file is no failure: the exit code is 0. Taking in needs the right to write: `home_in_use` while the window is open."""
    from localstory.app import open_app

    result: dict[str, Any] = {"file": str(options.file), "preview": options.preview}
    if options.preview:
        with chats_read.opened_for_reading() as app:
            look = app.runtime.run(app.exchange.preview(options.file, screen.progress))
        _tell(look.counted, look.left_out, look.left_out_count, screen)
        return result | {"counted": asdict(look.counted), "left_out": _left_out(look.left_out), "left_out_count": look.left_out_count}
    with open_app() as app:
        app.runtime.run(app.open_data())
        taken = app.runtime.run(app.exchange.take(options.file, screen.progress))
        app.runtime.run(app.search.fill())
    _tell(taken.counted, taken.left_out, taken.left_out_count, screen)
    result |= {"counted": asdict(taken.counted), "left_out": _left_out(taken.left_out), "left_out_count": taken.left_out_count}
    return result | {"new_chats": list(taken.new_chats), "seconds": round(taken.seconds, 3)}


def _left_out(some: tuple[LeftOut, ...]) -> list[dict[str, str]]:
    return [{"where": one.where, "why": _(one.why)} for one in some]


def _tell(counted: Counted, left_out: tuple[LeftOut, ...], count: int, screen: Screen) -> None:
    screen.end_progress()
    screen.say(ngettext("{count} new chat", "{count} new chats", counted.chats).format(count=number(counted.chats)))
    screen.say(ngettext("{count} new message", "{count} new messages", counted.messages).format(count=number(counted.messages)))
    if counted.grown:
        screen.say(ngettext("{count} chat that is here grew", "{count} chats that are here grew", counted.grown).format(count=number(counted.grown)))
    if counted.same:
        screen.say(ngettext("{count} chat is here already", "{count} chats are here already", counted.same).format(count=number(counted.same)))
    if counted.both_kept:
        told = ngettext("{count} message stands otherwise here: both are kept", "{count} messages stand otherwise here: both are kept", counted.both_kept)
        screen.say(told.format(count=number(counted.both_kept)))
    for one in left_out[:_MOST_TOLD]:
        screen.note(_("Left out: {where}: {why}").format(where=one.where, why=_(one.why)))
    if count > _MOST_TOLD:
        screen.note(ngettext("and {count} more", "and {count} more", count - _MOST_TOLD).format(count=number(count - _MOST_TOLD)))
