"""`localstory` and `localstory ui`: open the window."""

from __future__ import annotations

import argparse
from importlib.metadata import entry_points
from typing import Any

from localstory.cli.screen import Screen
from localstory.errors import NotInstalled
from localstory.words import mark

SUMMARY = mark("open the window (also without any command)")


def arguments(_parser: argparse.ArgumentParser) -> None:
    """None of its own."""


def run(_options: argparse.Namespace, _screen: Screen) -> dict[str, Any]:
    """Find the window by its entry point: the core never imports it."""
    found = list(entry_points(group="localstory.window"))
    if not found:
        raise NotInstalled(
            title=mark("The window is not installed"),
            hint=mark("Run: python3 packaging/dev.py run"),
        )
    exit_code = found[0].load()()
    if exit_code:
        raise SystemExit(exit_code)
    return {"closed": True}
