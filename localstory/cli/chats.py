"""`localstory chats`: the chats of this home, from the command line."""

from __future__ import annotations

import argparse
from typing import Any

from localstory.cli import chats_search
from localstory.cli.screen import Screen
from localstory.words import _, mark

SUMMARY = mark("find words in your chats")


def arguments(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", required=True, metavar=_("ACTION"))
    search = actions.add_parser("search", help=_(chats_search.HELP), description=_(chats_search.HELP))
    search.add_argument("--json", action="store_true", default=argparse.SUPPRESS, help=_("print one JSON object"))
    chats_search.arguments(search)


def run(options: argparse.Namespace, screen: Screen) -> dict[str, Any]:
    """What the action prints."""
    return chats_search.run(options, screen)
