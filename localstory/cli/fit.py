"""`localstory fit`: will this model run here, how well, and why."""

from __future__ import annotations

import argparse
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from localstory.cli.screen import Screen
from localstory.errors import BadRequest, CannotContinue
from localstory.words import _, duration, mark, ngettext, number, size, tell

if TYPE_CHECKING:
    from localstory.app import App
    from localstory.fit.build import EngineBuild
    from localstory.fit.context_params import LoadSettings
    from localstory.fit.other_engines import Assumptions
    from localstory.fit.report import FitReport
    from localstory.models.engine_view import Seen
    from localstory.models.targets import FitTarget

    EngineView = tuple[Assumptions, Seen | None]

SUMMARY = mark("say whether a model runs here and how well, before it is downloaded")

_KV_TYPES = ("f32", "f16", "bf16", "q8_0", "q5_1", "q5_0", "q4_1", "q4_0", "iq4_nl")


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "model", metavar=_("MODEL"), help=_("a file, hf:owner/repository[/file.gguf], ollama:name, an address, or the title of a model that is here")
    )
    load_arguments(parser)
    parser.add_argument("--gpu-layers", default="auto", metavar=_("N"), help=_("layers on graphics cards; auto: as many as fit"))
    parser.add_argument(
        "--method",
        choices=("auto", "exact", "formula", "rehearse"),
        default="auto",
        help=_("exact asks llama.cpp, formula computes, rehearse runs the model's shape here for some seconds"),
    )
    engine_argument(parser)
    parser.add_argument("--no-words", action="store_true", help=_("do not work out what a word costs in tokens"))
    machine_argument(parser)


def load_arguments(parser: argparse.ArgumentParser) -> None:
    """The options that say how a model would be loaded."""
    parser.add_argument("--ctx", type=int, metavar=_("N"), help=_("context length in tokens (default 8192; 0: all the model was made for)"))
    parser.add_argument("--kv-type", choices=_KV_TYPES, default="f16", help=_("how the conversation is kept (default f16)"))
    parser.add_argument("--ubatch", type=int, default=512, metavar=_("N"), help=_("tokens that are read at once (default 512)"))
    parser.add_argument("--sequences", type=int, metavar=_("N"), help=_("branches kept in memory side by side"))
    parser.add_argument("--flash-attn", choices=("auto", "on", "off"), default="auto", help=_("flash attention (default auto)"))
    parser.add_argument("--swa-full", action="store_true", help=_("keep the whole context for sliding-window layers too"))


def engine_argument(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--engine", choices=("llama_cpp", "ollama", "lmstudio"), default="llama_cpp", help=_("who would run it (default llama_cpp: localstory's own engine)")
    )


def machine_argument(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--machine", type=Path, metavar=_("FILE"), help=_("another computer: what its `localstory probe --json --measure` printed"))


def run(options: argparse.Namespace, screen: Screen) -> dict[str, Any]:
    """The object of DESIGN.md's table for one file; {"model", "bytes_read", "fits": [...], "refused": [...]} for a repository."""
    from localstory.app import open_app
    from localstory.events import Progress
    from localstory.fit.build import PORTABLE
    from localstory.fit.check import FitCheck
    from localstory.fit.other_engines import assumptions, machine_for, spoken_for, window_that_fits
    from localstory.hardware.saved import read_machine
    from localstory.models import engine_view

    asked, layers = settings_of(options), _layers(options.gpu_layers)
    if options.engine != "llama_cpp" and options.method == "rehearse":
        raise BadRequest(
            title=mark("A rehearsal runs on localstory's own engine"),
            detail=mark("It can't tell how fast another one is."),
            hint=mark("Leave out --engine, or --method rehearse."),
        )
    if options.machine is not None and options.method == "rehearse":
        raise BadRequest(
            title=mark("A rehearsal runs on this computer"),
            detail=mark("It can't tell how fast another one is."),
            hint=mark("Leave out --machine, or --method rehearse."),
        )
    another = read_machine(options.machine) if options.machine is not None else None
    with open_app(writes=False) as app:

        async def work() -> tuple[list[FitReport], list[tuple[str, CannotContinue]], int, list[EngineView]]:
            found = await app.fitting.subjects(options.model, progress=screen.progress, words=not options.no_words)
            if another is None:
                screen.progress(Progress(mark("Looking at this computer")))
            machine = another or await app.machine()
            # What was measured here says nothing of another computer, nor of another program.
            check = FitCheck(app.records if another is None and options.engine == "llama_cpp" else None)
            reports: list[FitReport] = []
            views: list[EngineView] = []
            refused = [(target.title, trouble) for target, trouble in found.failed]
            many = len(found.subjects) > 1
            try:
                for subject, target in zip(found.subjects, found.targets, strict=True):
                    build = _build(app, target, screen) if another is None and options.engine == "llama_cpp" else PORTABLE
                    seen = await engine_view.look(options.engine, target, app.net) if another is None and options.engine != "llama_cpp" else None
                    loaded = seen.loaded if seen is not None else None
                    fitted = window_that_fits(subject, machine) if options.engine == "ollama" and asked.context_length is None else None
                    window = loaded.context_length if loaded is not None else None
                    chosen = assumptions(options.engine, asked, machine, loaded_window=window, fitted_window=fitted)
                    ask = partial(
                        check.report, subject, machine_for(options.engine, machine), chosen.settings, method=options.method, gpu_layers=layers,
                        progress=screen.progress, one_of_many=many, build=build,
                    )  # fmt: skip
                    try:
                        report = await ask(siblings=found.subjects)
                    except CannotContinue as trouble:
                        if not many:
                            raise
                        refused.append((target.title, trouble))  # one file of a repository says nothing about the others
                        continue
                    if not many and report.verdict.level != "good" and (siblings := await app.fitting.siblings(target)):
                        report = await ask(siblings=siblings)
                        read = found.bytes_read + sum(one.bytes_read for one in siblings)
                        report = replace(report, subject=replace(report.subject, bytes_read=read))
                    reports.append(spoken_for(report, chosen))
                    views.append((chosen, seen))
            finally:
                await check.close()
            if not reports:
                raise refused[0][1]
            return reports, refused, found.bytes_read, views

        reports, refused, bytes_read, views = app.runtime.run(work())
    if len(reports) == 1 and not refused:
        tell_report(reports[0], screen)
        _tell_engine(views[0], screen)
        return reports[0].as_json() | _engine_json(views[0])
    tell_table(reports, screen, bytes_read)
    _tell_engine((views[0][0], None), screen)
    rows = []
    for title, trouble in refused:
        told = tell(trouble)
        screen.say(f"{title}: {told.title}. {told.detail}")
        rows.append({"name": title, "error": {"code": trouble.code, "title": told.title, "detail": told.detail, "hint": told.hint}})
    return {
        "model": options.model,
        "bytes_read": bytes_read,
        "fits": [report.as_json() | _engine_json(view) for report, view in zip(reports, views, strict=True)],
        "refused": rows,
    }


def _engine_json(view: EngineView) -> dict[str, Any]:
    """What the figures for another program rest on; nothing for our own engine."""
    chosen, seen = view
    if chosen.engine == "llama_cpp":
        return {}
    loaded = seen.loaded if seen is not None else None
    return {
        "assumed": [one.text() for one in chosen.assumed], "engine_cannot": [one.text() for one in chosen.cannot],
        "in_its_store": seen.in_its_store if seen is not None else None, "engine_running": seen.is_running if seen is not None else None,
        "loaded": None if loaded is None else {
            "name": loaded.name, "context_length": loaded.context_length, "size_bytes": loaded.size_bytes, "size_on_card_bytes": loaded.size_on_card_bytes,
        },
    }  # fmt: skip


def _tell_engine(view: EngineView, screen: Screen) -> None:
    from localstory.fit.other_engines import TITLES

    chosen, seen = view
    if chosen.engine == "llama_cpp":
        return
    title = TITLES[chosen.engine]
    screen.say()
    screen.say(_("The figures are for {engine}:").format(engine=title))
    lines = [one.text() for one in chosen.assumed]
    if seen is not None:
        loaded = seen.loaded
        if loaded is not None and loaded.size_bytes is not None and loaded.size_on_card_bytes is not None:
            facts = _("{engine} itself says: {size} in memory, {card} of it on the graphics card.")
            lines.insert(0, facts.format(engine=title, size=size(loaded.size_bytes), card=size(loaded.size_on_card_bytes)))
        elif not seen.is_running:
            lines.append(_("{engine} does not run here now.").format(engine=title))
        if seen.in_its_store is not None:
            there = _("The file is among its models already.") if seen.in_its_store else _("The file is not among its models: {engine} has to fetch it first.")
            lines.append(there.format(engine=title))
    for line in lines:
        screen.say(f"  {line}")
    screen.say(_("What it can't do and localstory's own engine can: {list}.").format(list="; ".join(one.text() for one in chosen.cannot)))


def _build(app: App, target: FitTarget, screen: Screen) -> EngineBuild:
    """The build of the engine that will run it; a pack that can't is told, and the portable build is spoken for."""
    from localstory.fit.build import PORTABLE

    try:
        return app.engine_build(target.paths[0] if target.paths else None)
    except CannotContinue as trouble:
        told = tell(trouble)
        screen.note(f"{told.title}. {told.detail} " + _("Until that is mended, the portable build runs instead."))
        return PORTABLE


def settings_of(options: argparse.Namespace) -> LoadSettings:
    """The load settings that were asked for. Raises BadRequest."""
    from localstory.fit.context_params import LoadSettings

    for name, value, least, most in (("--ctx", options.ctx, 0, 1 << 24), ("--ubatch", options.ubatch, 1, 1 << 14), ("--sequences", options.sequences, 1, 256)):
        if value is not None and not least <= value <= most:
            raise BadRequest(
                title=mark("{option} {value} makes no sense"),
                detail=mark("It goes from {least} to {most}."),
                option=name,
                value=value,
                least=least,
                most=most,
            )
    if options.flash_attn == "off" and options.kv_type not in ("f32", "f16", "bf16"):
        raise BadRequest(
            title=mark("Without flash attention the conversation can't be kept in {type}"),
            detail=mark("llama.cpp quantises the values only with flash attention."),
            hint=mark("Leave out --flash-attn off, or choose --kv-type f16."),
            type=options.kv_type,
        )
    return LoadSettings(
        context_length=options.ctx, kv_type=options.kv_type, ubatch=options.ubatch, sequences=options.sequences, flash_attention=options.flash_attn,
        swa_full=options.swa_full,
    )  # fmt: skip


def _layers(text: str) -> int | None:
    if text == "auto":
        return None
    if text.lstrip("-").isdigit() and -1 <= int(text) <= 10_000:
        return int(text)
    raise BadRequest(title=mark("{option} {value} makes no sense"), detail=mark("It is a number, or auto."), option="--gpu-layers", value=text[:40])


_METHODS = {
    "exact": mark("exact: llama.cpp planned it from the file's header"),
    "computed": mark("computed from the file's header"),
    "rehearsed": mark("rehearsed: run here with zero weights"),
    "measured": mark("measured when this model was loaded here"),
}
_CONFIDENCE = {
    "measured": mark("measured here"),
    "rehearsed": mark("rehearsed here"),
    "computed": mark("computed from the memory's speed"),
    "estimated": mark("estimated"),
    "guessed": mark("little more than a guess"),
}


def tell_report(report: FitReport, screen: Screen) -> None:
    """The answer for people."""
    header = report.subject.header
    billions = number(header.parameters / 1e9, 1 if header.parameters >= 1e9 else 2)
    screen.say(
        _("{name} · {billions} billion parameters · {file}").format(name=report.subject.name, billions=billions, file=size(report.subject.file_size_bytes))
    )
    screen.say(f"{report.verdict.title()}. {report.verdict.why()}")
    screen.say()
    lines = report.sum_lines()
    if report.need.graphics:
        lines += [(device.name, size(device.total_bytes)) for device in report.need.devices]
    if report.placement.engine:
        lines.append((_("Engine pack"), report.placement.engine))
    lines.append((_("Figures"), _(_METHODS[report.need.method])))
    lines.append((_("Speed"), speed_words(report) if report.verdict.runs else "–"))
    if report.placement.gpu_layers:
        all_layers = report.shape.layers_all + 1
        text = _("{some} of {all}").format(some=report.gpu_layers, all=all_layers)
        if report.placement.processor_experts:
            text += ", " + _("experts of {count} layers on the processor").format(count=report.placement.processor_experts)
        lines.append((_("Layers on graphics"), text))
    lines.append((_("Longest context"), _("{tokens} tokens").format(tokens=number(report.max_context)) if report.max_context else _("none fits")))
    if report.pages():
        pages = [
            ngettext("about {count} page in {language}", "about {count} pages in {language}", max(1, round(count))).format(
                count=number(max(1, round(count))), language=language_name(code)
            )
            for code, count in report.pages().items()
        ]
        lines.append((_("This context holds"), "; ".join(pages)))
    if report.subject.bytes_read:
        lines.append((_("Read so far"), _("{size} of {whole}").format(size=size(report.subject.bytes_read), whole=size(report.subject.file_size_bytes))))
    width = max(len(name) for name, _text in lines)
    for name, text in lines:
        screen.say(f"  {name:<{width}}  {text}")
    for note in report.notes:
        screen.say(f"  {_(note)}")
    if report.suggestions:
        screen.say()
        screen.say(_("What would help:"))
        for suggestion in report.suggestions:
            screen.say(f"  {'✓' if suggestion.solves else '·'} {suggestion.text()}")


def speed_words(report: FitReport) -> str:
    """ "12 to 18 tokens a second; the first word of an answer to 1,000 words after 9 s (computed …)"."""
    low, high = report.speed.generate_tps
    decimals = 0 if high >= 3 else 1
    text = _("{low} to {high} tokens a second; the first word of an answer to 1,000 words after about {wait}").format(
        low=number(low, decimals), high=number(high, decimals), wait=duration(report.speed.first_word_seconds)
    )
    if report.speed.full_tps is not None and report.speed.full_tps < 0.9 * report.speed.middle_tps:
        text += "; " + _("about {tps} when the context is full").format(tps=number(report.speed.full_tps, 0 if report.speed.full_tps >= 3 else 1))
    words = report.words_per_second()
    if words:
        told = [f"{number(one[0], decimals)}–{number(one[1], decimals)} {language_name(code)}" for code, one in words.items()]
        text += "; " + _("in words a second: {list}").format(list=", ".join(told))
    return f"{text} ({_(_CONFIDENCE[report.speed.confidence])})"


def tokens_a_second(report: FitReport) -> str:
    """ "12–18 tokens/s"; "–" for what does not run."""
    low, high = report.speed.generate_tps
    if not report.verdict.runs:
        return "–"
    decimals = 0 if high >= 3 else 1
    return _("{low}–{high} tokens/s").format(low=number(low, decimals), high=number(high, decimals))


def language_name(code: str) -> str:
    """A language in the language in use."""
    return {"en": _("English"), "vi": _("Vietnamese")}.get(code, code)


def tell_table(reports: list[FitReport], screen: Screen, bytes_read: int) -> None:
    """A repository: one line for each file, largest first."""
    rows = [
        (
            report.subject.quantisation_name or report.subject.name,
            size(report.subject.file_size_bytes),
            size(report.need.total_bytes),
            tokens_a_second(report),
            report.verdict.title(),
        )
        for report in sorted(reports, key=lambda one: -one.subject.file_size_bytes)
    ]
    heads = (_("Quantisation"), _("File"), _("Needs"), _("Speed"), "")
    widths = [max(len(row[column]) for row in [heads, *rows]) for column in range(5)]
    for row in [heads, *rows]:
        screen.say("  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)).rstrip())
    screen.say(_("{size} were read for this.").format(size=size(bytes_read)))
