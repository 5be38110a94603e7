"""`localstory probe`: what this machine is."""

from __future__ import annotations

import argparse
from typing import Any

from localstory.cli.screen import Screen
from localstory.events import Progress
from localstory.words import _, mark, tell

SUMMARY = mark("show what this computer is and what runs on it")


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--measure", action="store_true", help=_("also measure the memory's speed and ask the engine for its devices (about 2 s)"))


def run(options: argparse.Namespace, screen: Screen) -> dict[str, Any]:
    """The object of DESIGN.md's table. Changes nothing, not even the home folder."""
    from localstory import paths
    from localstory.engines.packs import sound_packs
    from localstory.engines.text.devices import ask_all, installed_engine, kept_read_speed
    from localstory.errors import CannotContinue
    from localstory.fit.overview import headline, overview
    from localstory.hardware.machine import join_engine
    from localstory.hardware.plain_words import in_plain_words
    from localstory.hardware.probe import probe

    if options.measure:
        screen.progress(Progress(mark("Measuring this computer")))
    home = paths.Home(paths.home_folder().absolute())
    machine = probe(home.models, measure=options.measure)
    if not options.measure and (kept := kept_read_speed(home, machine)) is not None:
        machine = machine.with_read_speed(kept)
    engine = installed_engine()
    if options.measure and engine.version is not None:
        import asyncio

        try:
            engine = asyncio.run(ask_all(sound_packs(home.engines)))
        except CannotContinue as error:
            told = tell(error)
            screen.note("\n".join(part for part in (told.title, told.detail, told.hint) if part))
    machine = join_engine(machine, engine)
    if (seen := overview(machine)) is not None:
        screen.say("\n".join(headline(seen)) + "\n")
    facts = in_plain_words(machine)
    width = max(len(fact.title) for fact in facts)
    for fact in facts:
        screen.say(f"{fact.title:<{width}}  {fact.value}" + (f"\n{'':<{width}}  {fact.meaning}" if fact.meaning else ""))
    return machine.as_json()
