"""`localstory chats search`: find words in titles and in every branch of every chat."""

from __future__ import annotations

import argparse
from dataclasses import asdict
from datetime import datetime
from typing import TYPE_CHECKING, Any

from localstory.cli.screen import Screen
from localstory.errors import BadRequest
from localstory.words import _, mark, ngettext

if TYPE_CHECKING:
    from localstory.app import App
    from localstory.chats.search import Filters, Hit

HELP = mark("find words in titles and in every branch of every chat")


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("query", nargs="?", default="", metavar=_("WORDS"), help=_('words (marks may be left out), "words in a row", word*, -without'))
    parser.add_argument("--folder", metavar=_("NAME"), help=_("only in this folder and the folders in it"))
    parser.add_argument("--tag", default="", metavar=_("NAME"), help=_("only in chats with this tag"))
    parser.add_argument("--role", choices=("user", "assistant"), help=_("only what you said, or only replies"))
    parser.add_argument("--since", metavar=_("DATE"), help=_("only what is from this day or later (2026-01-31)"))
    parser.add_argument("--until", metavar=_("DATE"), help=_("only what is from before this day"))
    parser.add_argument("--model", default="", metavar=_("NAME"), help=_("only replies of this model (a part of its name)"))
    parser.add_argument("--mark", default="", choices=("good", "bad"), help=_("only replies with this mark"))
    parser.add_argument("--archived", action=argparse.BooleanOptionalAction, default=None, help=_("only archived chats, or none of them"))
    parser.add_argument("--trash", action="store_true", help=_("only in the trash"))
    parser.add_argument("--chat", type=int, metavar=_("NUMBER"), help=_("only in this chat"))
    parser.add_argument("--before", type=int, metavar=_("NUMBER"), help=_("only messages before this one: the next page"))
    parser.add_argument("--limit", type=int, default=20, metavar=_("NUMBER"), help=_("how many messages at most"))


def run(options: argparse.Namespace, screen: Screen) -> dict[str, Any]:
    """`{"hits": [{chat_id, title, message_id, role, snippet, places, created_at}], "more", "seconds"}`; `message_id` is null for a chat
    that is found by its title, note or tags. A home that the window has open is searched beside it."""
    from localstory.app import open_app
    from localstory.chats.tree import MessageId
    from localstory.errors import HomeInUse

    if options.limit < 1:
        raise BadRequest(title=mark("At least one message must be asked for"))
    try:
        app = open_app()
        is_first = True
    except HomeInUse:
        app = open_app(writes=False)
        is_first = False
    with app:
        if is_first:
            app.runtime.run(app.open_data())
            app.runtime.run(app.search.fill())
        found = app.search.find(options.query, _filters(options, app), limit=options.limit, before=MessageId(options.before) if options.before else None)
        for hit in found.hits:
            screen.say(_line(hit))
        screen.say(
            ngettext("{count} hit", "{count} hits", len(found.hits)).format(count=len(found.hits)) + (" · " + _("there may be more") if found.more else "")
        )
    return {"hits": [asdict(hit) for hit in found.hits], "more": found.more, "seconds": round(found.seconds, 4)}


def _line(hit: Hit) -> str:
    day = datetime.fromtimestamp(hit.created_at / 1000).strftime("%Y-%m-%d")
    where = f"{hit.chat_id}" if hit.message_id is None else f"{hit.chat_id}/{hit.message_id}"
    return f"{day}  {where:>12}  {hit.title}\n              {hit.snippet}"


def _filters(options: argparse.Namespace, app: App) -> Filters:
    """Raises BadRequest for a folder that isn't there and a day that is none."""
    from localstory.chats.folding import fold
    from localstory.chats.search import Filters
    from localstory.chats.tree import ChatId

    folder = None
    if options.folder is not None:
        folder = next((one.id for one in app.organiser.folders() if fold(one.name) == fold(options.folder)), None)
        if folder is None:
            raise BadRequest(title=mark("There is no folder {name}"), name=options.folder)
    return Filters(
        folder=folder, tag=options.tag, role=options.role, since=_day(options.since), until=_day(options.until), model=options.model, mark=options.mark,
        archived=options.archived, trash=options.trash, chat=ChatId(options.chat) if options.chat is not None else None,
    )  # fmt: skip


def _day(text: str | None) -> int | None:
    """The beginning of a day, where this computer stands, in milliseconds since 1970."""
    if text is None:
        return None
    try:
        return int(datetime.strptime(text, "%Y-%m-%d").timestamp() * 1000)
    except (ValueError, OverflowError, OSError) as error:
        raise BadRequest(title=mark("{text} is no day"), hint=mark("Write it as in 2026-01-31."), text=text) from error
