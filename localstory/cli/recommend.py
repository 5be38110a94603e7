"""`localstory recommend`: which model to take on this computer, and why."""

from __future__ import annotations

import argparse
import asyncio
from typing import TYPE_CHECKING, Any

from localstory.cli.fit import engine_argument, language_name, load_arguments, machine_argument, settings_of, tokens_a_second
from localstory.cli.screen import Screen
from localstory.errors import BadRequest
from localstory.words import _, mark, ngettext, number, size

if TYPE_CHECKING:
    from localstory.models.catalogue import ImageEntry, VoiceEntry
    from localstory.models.recommend import Pick, Recommendation

SUMMARY = mark("say which model to take on this computer, and why")

_GIB = 1 << 30


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--for", dest="purpose", choices=("chat", "story", "code", "translate", "image", "speech"), default="chat", help=_("what it is for (default chat)")
    )
    parser.add_argument("--language", choices=("en", "vi"), help=_("the language it should speak (default: yours)"))
    parser.add_argument("--more-memory", type=float, metavar=_("GIB"), default=0.0, help=_("what if this computer had that much more memory"))
    parser.add_argument("--all", action="store_true", help=_("every model that runs here, not only the first ten"))
    load_arguments(parser)
    engine_argument(parser)
    machine_argument(parser)


def run(options: argparse.Namespace, screen: Screen) -> dict[str, Any]:
    """{"recommended", "reason", "ranked": [...], "comparison": [...], "left_out"}; images and voices have no comparison."""
    from localstory.app import open_app
    from localstory.events import Progress
    from localstory.fit.check import nothing_measured
    from localstory.fit.other_engines import TITLES, assumptions, machine_for
    from localstory.hardware.saved import read_machine
    from localstory.models.media import image_picks, voice_picks
    from localstory.models.recommend import portable, recommend
    from localstory.words import language

    if not 0 <= options.more_memory <= 4096:
        raise BadRequest(
            title=mark("{option} {value} makes no sense"),
            detail=mark("It goes from {least} to {most}."),
            option="--more-memory",
            value=options.more_memory,
            least=0,
            most=4096,
        )
    speaks = options.language or language()
    asked = settings_of(options)
    extra = round(options.more_memory * _GIB)
    another = read_machine(options.machine) if options.machine is not None else None
    with open_app(writes=False) as app:

        async def work() -> dict[str, Any]:
            if another is None:
                screen.progress(Progress(mark("Looking at this computer")))
            machine = another or await app.machine()
            if options.purpose == "image":
                return _tell_images(image_picks(app.fitting.catalogue.images, machine, extra_memory_bytes=extra), screen)
            if options.purpose == "speech":
                return _tell_voices(voice_picks(app.fitting.catalogue.voices, speaks), screen, speaks)
            candidates = await asyncio.to_thread(app.fitting.candidates)
            ours = options.engine == "llama_cpp"
            measured = app.records if another is None and ours else nothing_measured
            chosen = assumptions(options.engine, asked, machine)
            theirs = machine_for(options.engine, machine)
            found = await asyncio.to_thread(
                lambda: recommend(
                    candidates,
                    theirs,
                    purpose=options.purpose,
                    language=speaks,
                    settings=chosen.settings,
                    extra_memory_bytes=extra,
                    measured=measured,
                    build_for=app.build_for if another is None and ours else portable,
                )
            )
            screen.end_progress()
            told = _tell(found, screen, whole=options.all, engine=options.engine) | {"engine": options.engine}
            if not ours:
                screen.say()
                screen.say(_("The figures are for {engine}:").format(engine=TITLES[chosen.engine]))
                for one in chosen.assumed:
                    screen.say(f"  {one.text()}")
                told["assumed"] = [one.text() for one in chosen.assumed]
            return told

        return app.runtime.run(work())


def _tell(found: Recommendation, screen: Screen, *, whole: bool, engine: str) -> dict[str, Any]:
    first = found.first
    if first is None:
        screen.say(found.reason())
    else:
        screen.say(
            _("Take {name} ({size}, {licence}).").format(
                name=first.candidate.name, size=size(first.candidate.subject.file_size_bytes), licence=first.candidate.licence
            )
        )
        screen.say(found.reason())
        screen.say()
        _table(found.picks if whole else found.picks[:10], screen)
        if len(found.comparison) > 1:
            screen.say()
            screen.say(_("Beside it:"))
            _table(found.comparison, screen)
        if found.left_out:
            more = ngettext("{count} more model of the catalogue does not run here.", "{count} more models of the catalogue do not run here.", found.left_out)
            screen.say(more.format(count=found.left_out))
    return {
        "recommended": first.candidate.source if first is not None else None,
        "reason": found.reason(),
        "ranked": [_row(pick, engine) for pick in found.picks],
        "comparison": [_row(pick, engine) for pick in found.comparison],
        "left_out": found.left_out,
    }


def _row(pick: Pick, engine: str) -> dict[str, Any]:
    from localstory.models.recommend import UNSCORED_QUALITY

    one = pick.candidate
    return {
        "id": one.model,
        "source": one.source,
        "on_disk": one.on_disk,
        "quality": round(one.quality, 1) if one.quality > UNSCORED_QUALITY else None,
        "quality_words": _(one.quality_words) if one.quality_words else None,
        "worth": round(pick.worth, 1),
        "fit": pick.report.as_json() | {"engine": engine},
    }


def _table(picks: tuple[Pick, ...], screen: Screen) -> None:
    from localstory.models.recommend import UNSCORED_QUALITY

    rows = [(_("Model"), _("Quality"), _("Needs"), _("Speed"), "")]
    for pick in picks:
        rows.append(
            (
                pick.candidate.name,
                number(pick.candidate.quality) if pick.candidate.quality > UNSCORED_QUALITY else "–",
                size(pick.report.need.total_bytes),
                tokens_a_second(pick.report),
                pick.report.verdict.title(),
            )
        )
    widths = [max(len(row[column]) for row in rows) for column in range(5)]
    for row in rows:
        screen.say("  " + "  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)).rstrip())


def _tell_images(picks: list[tuple[ImageEntry, bool, str]], screen: Screen) -> dict[str, Any]:
    for entry, runs, why in picks:
        screen.say(f"{'✓' if runs else '✗'} {entry.title} ({size(entry.size_bytes)}, {entry.licence}): {why}")
    first = next((entry for entry, runs, _why in picks if runs), None)
    ranked = [
        {"id": entry.id, "title": entry.title, "size_bytes": entry.size_bytes, "licence": entry.licence, "runs": runs, "why": why} for entry, runs, why in picks
    ]
    return {"recommended": first.id if first is not None else "builtin", "reason": ranked[0]["why"] if ranked else "", "ranked": ranked}


def _tell_voices(picks: list[VoiceEntry], screen: Screen, speaks: str) -> dict[str, Any]:
    if not picks:
        screen.say(_("No voice for {language} is in the catalogue.").format(language=language_name(speaks)))
    for entry in picks:
        screen.say(f"{entry.title} ({size(entry.size_bytes)}, {entry.licence})")
    ranked = [
        {
            "id": entry.id,
            "title": entry.title,
            "size_bytes": entry.size_bytes,
            "licence": entry.licence,
            "quality": entry.quality,
            "commercial_use": entry.commercial_use,
        }
        for entry in picks
    ]
    return {"recommended": picks[0].id if picks else None, "ranked": ranked}
