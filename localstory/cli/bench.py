"""`localstory bench`: how fast a model is here, and what the fit check learns from it."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from localstory.cli.screen import Screen
from localstory.errors import BadRequest
from localstory.words import _, mark, ngettext, number, percent, size

if TYPE_CHECKING:
    from localstory.app import App
    from localstory.engines.text.bench import Bench, BenchReport, BenchSettings, Figure
    from localstory.engines.text.llama_cpp import Measured

SUMMARY = mark("measure how fast a model is on this computer")


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--model", default="", metavar=_("MODEL"), help=_("a path or title; default: the best model there is"))
    engine = parser.add_mutually_exclusive_group()
    engine.add_argument("--engine", default="", metavar=_("NAME|URL"), help=_('a server instead of the built-in engine: "ollama", "lmstudio", or an address'))
    engine.add_argument("--pack", default="", metavar=_("NAME"), help=_('an engine pack, or "builtin"; default: the one that was chosen for the model'))
    parser.add_argument("--ctx", type=int, metavar=_("N"), help=_("context length in tokens (default 8192)"))
    parser.add_argument("--prompt", type=int, default=512, metavar=_("N"), help=_("tokens that are read (default 512)"))
    parser.add_argument("--generate", type=int, default=128, metavar=_("N"), help=_("tokens that are written (default 128)"))
    parser.add_argument("--depth", type=int, action="append", metavar=_("N"), help=_("also measure after this many tokens of conversation; may be given again"))
    parser.add_argument("--branch", type=int, default=3000, metavar=_("N"), help=_("tokens that two branches share (default 3000; 0: leave this out)"))
    parser.add_argument("--runs", type=int, default=5, metavar=_("N"), help=_("how often each is measured (default 5)"))


def run(options: argparse.Namespace, screen: Screen) -> dict[str, Any]:
    """`{model, engine, version, settings, load_s, speeds[{depth, prompt_tokens, generate_tokens, prompt_tps, generate_tps}], switch{prompt_tokens,
    reused_tokens, cold_s, switch_s, ratio}, memory{rss_bytes, anonymous_bytes, grown_bytes, engine_bytes}, notes, kept}`; each figure is
    `{median, low, high, runs}` or null. `kept`: how many measurements the fit check learns from; none when it is stopped."""
    from localstory.app import open_app
    from localstory.engines.text.bench import BenchSettings, check_settings

    depths = tuple(dict.fromkeys((0, *(options.depth or ()))))
    settings = BenchSettings(options.runs, options.prompt, options.generate, depths, options.branch, load=not options.engine)
    check_settings(settings)
    if options.ctx is not None and options.ctx < settings.context_needed:
        raise BadRequest(
            title=mark("{option} {value} is too short"),
            detail=mark("What is to be measured takes {tokens} tokens."),
            hint=mark("Give a longer context, or a smaller --depth, --prompt or --generate."),
            option="--ctx",
            value=options.ctx,
            tokens=settings.context_needed,
        )
    with open_app(writes=False) as app:
        report, kept = _server(options, settings, app, screen) if options.engine else _built_in(options, settings, app, screen)
    _tell(report, kept, screen)
    return report.as_json() | {"notes": [_(note) for note in report.notes], "kept": kept}


def _built_in(options: argparse.Namespace, settings: BenchSettings, app: App, screen: Screen) -> tuple[BenchReport, int]:
    """The embedded engine. What was measured is kept at the end alone: stopped in between, nothing is."""
    from localstory.engines.packs import BUILTIN, chosen_pack, open_pack
    from localstory.engines.text.bench import Bench
    from localstory.engines.text.llama_cpp import LlamaCppEngine
    from localstory.models.library import best_text_model, resolve_text_model
    from localstory.models.names import NoStarter

    model = resolve_text_model(options.model, app.home) if options.model else best_text_model(app.home)
    if model is None:
        raise NoStarter
    if options.pack:
        pack = None if options.pack == BUILTIN else open_pack(app.home.engines, options.pack)
    else:
        pack = chosen_pack(app.home.engines, app.settings, model.path)
    seen: list[Measured] = []
    kept: list[Measured] = []
    loads: list[Measured] = []

    def on_measured(one: Measured) -> None:
        (loads if one.kind == "load" else seen).append(one)

    def on_run() -> None:
        kept.extend(seen[-1:])
        seen.clear()

    context = options.ctx if options.ctx is not None else settings.context_needed if settings.context_needed > 8192 else None
    engine = LlamaCppEngine(model.path, title=model.title, context_length=context, on_measured=on_measured, pack=lambda: pack)
    bench = Bench(
        engine, settings, reload=engine.close, process_id=lambda: engine.process_id, engine_bytes=lambda: _reserved(loads), on_run=on_run,
        report=screen.progress,
    )  # fmt: skip

    async def work() -> BenchReport:
        try:
            await app.machine()  # what the fit check would have said stands beside each measurement
            report = await bench.run()
            if engine.pack_trouble is not None:
                raise engine.pack_trouble  # another build was measured than was asked for
            return report
        finally:
            await engine.close()

    report = app.runtime.run(work())
    for one in (*loads[-1:], *kept):
        app.keep_measured(one)
    return report, len(loads[-1:]) + len(kept)


def _reserved(loads: list[Measured]) -> int | None:
    """What the engine's log said it reserved at the last load."""
    if not loads:
        return None
    rows = loads[-1].figures.get("devices") or []
    return sum(int(size_bytes) for row in rows for name, size_bytes in row.items() if name.endswith("_bytes")) or None


def _server(options: argparse.Namespace, settings: BenchSettings, app: App, screen: Screen) -> tuple[BenchReport, int]:
    from localstory.cli.ask import server_engine
    from localstory.engines.text.bench import Bench

    engine = server_engine(options.engine, options.model, app)
    bench: Bench = Bench(engine, settings, report=screen.progress)

    async def work() -> BenchReport:
        try:
            return await bench.run()
        finally:
            await engine.close()

    return app.runtime.run(work()), 0


def _tell(report: BenchReport, kept: int, screen: Screen) -> None:
    settings = report.settings
    facts = [report.engine + (f" {report.version}" if report.version else "")]
    if settings.get("engine_pack"):
        facts.append(_("engine pack: {pack}").format(pack=settings["engine_pack"]))
    if settings.get("context_length"):
        facts.append(_("{tokens} tokens of context").format(tokens=number(settings["context_length"])))
    if settings.get("threads"):
        facts.append(ngettext("{count} thread", "{count} threads", settings["threads"]).format(count=settings["threads"]))
    screen.say(f"{report.model} · {', '.join(facts)}")
    rows: list[tuple[str, str]] = []
    for speed in report.speeds:
        reading = _("Reading {tokens} tokens after {depth}") if speed.depth else _("Reading {tokens} tokens")
        writing = _("Writing {tokens} tokens after {depth}") if speed.depth else _("Writing {tokens} tokens")
        rows.append((reading.format(tokens=number(speed.prompt_tokens), depth=number(speed.depth)), _rate(speed.prompt_tps)))
        rows.append((writing.format(tokens=number(speed.generate_tokens), depth=number(speed.depth)), _rate(speed.generate_tps)))
    if report.load_s is not None:
        rows.append((_("Loading the model"), _seconds(report.load_s)))
    if report.switch is not None:
        switch = report.switch
        rows.append((_("First word, {tokens} tokens read anew").format(tokens=number(switch.prompt_tokens)), _seconds(switch.cold_s)))
        share = _("{share} of that; {reused} tokens were known").format(share=percent(switch.ratio), reused=number(switch.reused_tokens))
        rows.append((_("First word on a sibling branch"), f"{_seconds(switch.switch_s)} ({share})"))
    if report.memory is not None:
        memory = report.memory
        own = _("{size}, of which {own} is its own").format(size=size(memory.rss_bytes), own=size(memory.anonymous_bytes)) if memory.anonymous_bytes else ""
        rows.append((_("Memory of the engine"), own or size(memory.rss_bytes)))
        if memory.engine_bytes is not None:
            rows.append((_("Reserved, by its own log"), size(memory.engine_bytes)))
        rows.append((_("Grown while it was measured"), size(max(0, memory.grown_bytes))))
    width = max(len(name) for name, _text in rows)
    for name, text in rows:
        screen.say(f"  {name:<{width}}  {text}")
    for note in report.notes:
        screen.say(_(note))
    if kept:
        screen.say(_("The fit check will say “measured here” for this model."))


def _rate(figure: Figure | None) -> str:
    if figure is None:
        return _("not told")
    return _("{median} tokens/s ({low} to {high})").format(median=number(figure.median, 1), low=number(figure.low, 1), high=number(figure.high, 1))


def _seconds(figure: Figure) -> str:
    return _("{median} s ({low} to {high})").format(median=number(figure.median, 3), low=number(figure.low, 3), high=number(figure.high, 3))
