"""`localstory models check`: does the list of models say what the hub says?"""

from __future__ import annotations

import argparse
from contextlib import closing
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from localstory import words
from localstory.cli import model_settings
from localstory.cli.screen import Screen
from localstory.words import _, mark, ngettext, number

if TYPE_CHECKING:
    from localstory.models.catalogue_check import CatalogueCheck, Finding

SUMMARY = mark("look after the models this program knows")

_WHAT = {
    "repo": mark("{entry}: the hub has no repository {repo}"),
    "file": mark("{entry}: {repo} has no file {expected}"),
    "size_bytes": mark("{entry}: {file} has {found} bytes on the hub, not {expected}"),
    "sha256": mark("{entry}: the hash of {file} is {found} on the hub, not {expected}"),
    "licence": mark("{entry}: the hub names the licence {found}, not {expected}"),
    "gated": mark("{entry}: {repo} asks for a login first"),
    "trouble": mark("{entry}: {file} could not be compared ({found})"),
}


def arguments(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", required=True, metavar=_("ACTION"))
    check = actions.add_parser("check", help=_("check the list of models, and compare it with the hub where there is a network"))
    check.add_argument("--json", action="store_true", default=argparse.SUPPRESS, help=_("print one JSON object"))
    model_settings.arguments(actions.add_parser("settings", help=_("show or keep how a model is loaded")))


def run(options: argparse.Namespace, screen: Screen) -> dict[str, Any]:
    """What the action prints."""
    return model_settings.run(options, screen) if options.action == "settings" else _check(screen)


def _check(screen: Screen) -> dict[str, Any]:
    """`{"texts", "images", "voices", "files", "compared", "findings": [{entry, repo, file, what, expected, found}], "hub": {"reached", "why"}}`.

    Exit 1 when something is otherwise on the hub. Without a network only the list itself is checked, which is no failure.
    """
    from localstory import paths
    from localstory.cli import CommandFailed
    from localstory.models.catalogue import load_catalogue
    from localstory.models.catalogue_check import check_catalogue
    from localstory.models.hub import Hub
    from localstory.net import Net
    from localstory.settings import read_settings

    home = paths.Home(paths.home_folder().absolute())
    catalogue = load_catalogue(home)
    screen.say(
        _("The list is in order: {texts} language models, {images} for pictures, {voices} voices.").format(
            texts=number(len(catalogue.texts)), images=number(len(catalogue.images)), voices=number(len(catalogue.voices))
        )
    )
    offline = read_settings(home.settings_file).offline
    with closing(Net(offline=offline)) as net:
        checked = check_catalogue(catalogue, Hub(net), screen.progress)
    why = _tell(checked, screen)
    result: dict[str, Any] = {
        "texts": len(catalogue.texts),
        "images": len(catalogue.images),
        "voices": len(catalogue.voices),
        "files": checked.files_in_all,
        "compared": checked.files_compared,
        "findings": [asdict(finding) for finding in checked.findings],
        "hub": {"reached": checked.unreached is None, "why": why},
    }
    if checked.mistakes:
        raise CommandFailed(result)
    return result


def _tell(checked: CatalogueCheck, screen: Screen) -> str:
    """Say what came out; returns why the hub was not asked to the end, or ""."""
    for finding in checked.findings:
        screen.say(("✗ " if finding.is_mistake else "– ") + _line(finding))
    count = checked.files_compared
    if checked.unreached is not None:
        told = words.tell(checked.unreached)
        why = told.detail or told.title
        if not count:
            screen.say(_("Sizes and hashes were not compared with the hub: {why}").format(why=why))
        else:
            told_count = ngettext(
                "{count} file was compared, then the hub was out of reach: {why}", "{count} files were compared, then the hub was out of reach: {why}", count
            )
            screen.say(told_count.format(count=number(count), why=why))
        return why
    if not checked.findings:
        screen.say(
            ngettext("{count} file compared: the hub says the same.", "{count} files compared: the hub says the same.", count).format(count=number(count))
        )
    else:
        mistakes = len(checked.mistakes)
        screen.say(ngettext("{count} difference.", "{count} differences.", mistakes).format(count=number(mistakes)))
    return ""


def _line(finding: Finding) -> str:
    values = {name: number(int(value)) if finding.what == "size_bytes" and value.isdigit() else value for name, value in asdict(finding).items()}
    return _(_WHAT.get(finding.what, _WHAT["trouble"])).format(**values)
