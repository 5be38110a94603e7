"""`localstory chats`: the chats of this home, from the command line."""

from __future__ import annotations

import argparse
from typing import Any

from localstory.cli import chats_exchange, chats_read, chats_search
from localstory.cli.screen import Screen
from localstory.words import _, mark

SUMMARY = mark("list, read, search, export and import your chats")

_ACTIONS = {
    "list": (mark("list chats, or what lies in the trash"), chats_read.list_arguments, chats_read.run_list),
    "show": (mark("read a chat, one of its branches, or their outline"), chats_read.show_arguments, chats_read.run_show),
    "search": (chats_search.HELP, chats_search.arguments, chats_search.run),
    "export": (mark("write chats into a file: all that is in them, or to be read"), chats_exchange.export_arguments, chats_exchange.run_export),
    "import": (mark("take in chats from a file that was exported; nothing comes twice"), chats_exchange.import_arguments, chats_exchange.run_import),
}


def arguments(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", required=True, metavar=_("ACTION"))
    for name, (about, add, _run) in _ACTIONS.items():
        action = actions.add_parser(name, help=_(about), description=_(about))
        action.add_argument("--json", action="store_true", default=argparse.SUPPRESS, help=_("print one JSON object"))
        add(action)


def run(options: argparse.Namespace, screen: Screen) -> dict[str, Any]:
    """What the action prints."""
    return _ACTIONS[options.action][2](options, screen)
