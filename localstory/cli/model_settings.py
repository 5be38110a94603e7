"""`localstory models settings`: how a model is loaded, kept for it."""

from __future__ import annotations

import argparse
from typing import Any

from localstory.cli.screen import Screen
from localstory.engines.text.load_settings import SETTINGS, pairs_of
from localstory.words import _


def arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `settings`."""
    parser.add_argument("model", metavar=_("MODEL"), help=_("a path or title"))
    parser.add_argument("--set", action="append", default=[], dest="given", metavar=_("NAME=VALUE"), help=_("keep a setting; may be given again"))
    parser.add_argument("--reset", action="store_true", help=_("forget what was kept"))
    parser.add_argument("--json", action="store_true", default=argparse.SUPPRESS, help=_("print one JSON object"))
    # One a line: argparse would fill the lines.
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    width = max(map(len, SETTINGS))
    parser.epilog = "\n".join([_("settings:"), *(f"  {name:<{width}}  {_(words)}" for name, words in SETTINGS.items())])


def run(options: argparse.Namespace, screen: Screen) -> dict[str, Any]:
    """`{"model", "path", "kept": {name: value}}`. Raises BadRequest for a setting that can't be used."""
    from localstory.app import open_app
    from localstory.gguf.header import check_file
    from localstory.models.library import resolve_text_model

    with open_app(writes=bool(options.given or options.reset)) as app:
        model = resolve_text_model(options.model, app.home)
        header = check_file(model.path)
        kept = app.keep_settings(header, pairs_of(options.given), reset=options.reset) if options.given or options.reset else app.kept_settings(header)
    for name, value in kept.items():
        screen.say(f"{name} = {value}")
    if not kept:
        screen.say(_("Nothing is kept for this model: the program decides."))
    return {"model": model.title, "path": str(model.path), "kept": kept}
