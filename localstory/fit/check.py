"""The fit check itself: header, machine and settings in, a `FitReport` out.

`formula_report` is pure and takes a millisecond or two: lists, sliders and "what if". `FitCheck.report` asks llama.cpp
where it can (a dry run in a child) and falls back on the formulas, saying so.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Literal, TypeAlias

from localstory.errors import CannotContinue, mark
from localstory.events import Progress
from localstory.fit import place
from localstory.fit.budget import Budget, budget_of
from localstory.fit.build import PORTABLE, EngineBuild
from localstory.fit.context_params import DEFAULT_SETTINGS, ContextParams, LoadSettings, context_params
from localstory.fit.dry_run import DryRunner, EngineRefuses
from localstory.fit.estimate import Placement, formula_need
from localstory.fit.need import MemoryNeed
from localstory.fit.records import Measurement, Records, model_key, need_of, settings_key
from localstory.fit.rehearsal import refuse_if_too_large, rehearse, with_overhead
from localstory.fit.report import FitReport, Subject, Suggestion, SuggestionCode, tokens_short
from localstory.fit.shape import ModelShape, shape_of
from localstory.fit.speed import TOKENS_PER_WORD, Calibration, Speed, measured_speed, speed
from localstory.fit.verdict import Verdict, verdict
from localstory.hardware.machine import Gpu, Machine
from localstory.words import language

log = logging.getLogger(__name__)

Asked: TypeAlias = Literal["auto", "exact", "formula", "rehearse"]
_BUSY = 0.6
"""A rehearsal this far below the computed range met a busy computer: it is shown and not kept."""
_WORTH_SAYING_BYTES = 32 << 20
_SHORTEST_CONTEXT = 2048
_RANK = {"runs_well": 5, "little_room": 4, "partly": 3, "slow": 3, "very_slow": 2, "from_disk": 1, "does_not_fit": 0, "unknown": 0}

Measured = Callable[[Subject, ContextParams, Placement], tuple[MemoryNeed | None, Calibration | None]]
"""What earlier loads on this machine taught: their own memory figures for these very settings, and a correction for the speed."""


def nothing_measured(_subject: Subject, _params: ContextParams, _placement: Placement) -> tuple[MemoryNeed | None, Calibration | None]:
    """For machines nothing was run on."""
    return None, None


def formula_report(
    subject: Subject,
    machine: Machine,
    settings: LoadSettings = DEFAULT_SETTINGS,
    *,
    gpu_layers: int | None = None,
    siblings: Sequence[Subject] = (),
    extra_memory_bytes: int = 0,
    reclaimable_bytes: int = 0,
    measured: Measured = nothing_measured,
    brief: bool = False,
    build: EngineBuild = PORTABLE,
) -> FitReport:
    """The whole report by the closed formulas. Pure. Raises BadGguf when the header lacks what every model says.

    `siblings`: other quantisations of the same model, for suggestions; `brief` leaves out suggestions and the longest
    context (for tables of many).
    """
    machine = build.on(machine)
    budget = budget_of(machine, extra_memory_bytes=extra_memory_bytes, reclaimable_bytes=reclaimable_bytes)
    sum_ = _Sum(subject, machine, budget, gpu_layers, measured, build)
    report = sum_.report(settings)
    if brief:
        return report
    return replace(report, max_context=sum_.max_context(settings), suggestions=_suggestions(sum_, report, siblings))


class _Sum:
    """One subject on one machine; settings may vary."""

    def __init__(self, subject: Subject, machine: Machine, budget: Budget, gpu_layers: int | None, measured: Measured, build: EngineBuild) -> None:
        self.subject, self.machine, self.budget, self.build = subject, machine, budget, build
        self.shape: ModelShape = shape_of(subject.header)
        self.gpu_layers = gpu_layers
        self.measured = measured
        self._features = build.features(machine.cpu.features)

    def need(self, params: ContextParams, placement: Placement) -> MemoryNeed:
        return formula_need(self.subject.header, self.shape, params, placement, features=self._features)

    def placement(self, params: ContextParams) -> Placement:
        found = place.best_placement(self.shape, self.budget, lambda one: self.need(params, one), gpu_layers=self.gpu_layers)
        return replace(found, engine=self.build.name) if self.build.name else found

    def cards(self, placement: Placement) -> tuple[Gpu, ...]:
        return cards_of(placement, self.budget)

    def report(self, settings: LoadSettings, *, need: MemoryNeed | None = None, placement: Placement | None = None) -> FitReport:
        params = context_params(self.shape, settings)
        placement = self.placement(params) if placement is None else placement
        seen, calibration = self.measured(self.subject, params, placement)
        computed = self.need(params, placement)
        need = with_overhead(seen, computed) if seen is not None else need or computed
        cost = self.subject.tokens_per_word.get(language()) or TOKENS_PER_WORD
        rate = speed(self.subject.header, self.shape, params, placement, self.machine, self.cards(placement), calibration=calibration, tokens_per_word=cost)
        decided = verdict(self.shape, placement, need, self.budget, rate)
        return FitReport(
            self.subject, self.shape, settings, params, placement, self.budget, need, rate, decided, 0, computed=None if need is computed else computed
        )

    def verdict(self, settings: LoadSettings) -> Verdict:
        return self.report(settings).verdict

    def fits(self, settings: LoadSettings, placement: Placement) -> bool:
        """In memory and not from the disk, with every layer where it is now."""
        return place.fits(self.need(context_params(self.shape, settings), placement), self.budget)

    def max_context(self, settings: LoadSettings) -> int:
        """The longest context with which it fits, a multiple of 256 up to what the model was made for; 0: none.

        Layers stay where the verdict has them: a longer context could push some off a card, at a third of the speed.
        Where it does not fit as asked, a shorter one may be placed anew.
        """
        asked = context_params(self.shape, settings)
        longest = self.shape.context_length or asked.n_ctx
        steps = max(1, longest // 256)
        now = self.placement(asked)
        if self.fits(settings, now):
            return 256 * place.most(steps, lambda count: self.fits(replace(settings, context_length=256 * count), now))

        def anew(count: int) -> bool:
            shorter = replace(settings, context_length=256 * count)
            return self.fits(shorter, self.placement(context_params(self.shape, shorter)))

        return 256 * place.most(min(steps, asked.n_ctx // 256), anew)


def cards_of(placement: Placement, budget: Budget) -> tuple[Gpu, ...]:
    """The cards of a placement, in its order."""
    by_name = {card.name: card.gpu for card in budget.cards}
    return tuple(by_name[slot.name] for slot in placement.gpus)


def _suggestions(sum_: _Sum, report: FitReport, siblings: Sequence[Subject]) -> tuple[Suggestion, ...]:
    """What would make it fit, or fit better; those that solve it come first, then by what they save."""
    if report.verdict.code in ("runs_well", "unknown") or (report.verdict.code in ("slow", "very_slow") and place.is_roomy(report.need, report.budget)):
        return ()
    rank = _RANK[report.verdict.code]
    base = report.computed or report.need
    found: list[Suggestion] = []

    def try_(code: SuggestionCode, settings: LoadSettings, before: str, after: str, other: _Sum | None = None) -> Suggestion | None:
        tried = (other or sum_).report(settings)
        saves = base.total_bytes - (tried.computed or tried.need).total_bytes
        solves = _RANK[tried.verdict.code] > rank and tried.verdict.runs
        if saves < _WORTH_SAYING_BYTES and not solves:
            return None
        suggestion = Suggestion(code, max(0, saves), solves, settings, before, after)
        found.append(suggestion)
        return suggestion

    settings, n_ctx = report.settings, report.params.n_ctx
    shorter = n_ctx // 2 // 256 * 256
    first = True
    while shorter >= _SHORTEST_CONTEXT:
        tried = try_("shorter_context", replace(settings, context_length=shorter), tokens_short(n_ctx), tokens_short(shorter))
        if tried is not None and tried.solves:
            if not first:  # the half alone did not do it: it would only clutter the list
                found[:] = [one for one in found if one.code != "shorter_context" or one is tried]
            break
        first = False
        shorter = shorter // 2 // 256 * 256
    else:
        contexts = [one for one in found if one.code == "shorter_context"]
        found[:] = [one for one in found if one.code != "shorter_context"] + contexts[-1:]
    if settings.kv_type in ("f16", "bf16", "f32") and settings.flash_attention != "off":
        try_("kv_q8_0", replace(settings, kv_type="q8_0"), settings.kv_type, "q8_0")
    if settings.swa_full and sum_.shape.sliding_window:
        try_("sliding_window", replace(settings, swa_full=False), "", "")
    if report.params.n_seq_max > 1 and not sum_.shape.shares_cache:
        try_("fewer_sequences", replace(settings, sequences=1), str(report.params.n_seq_max), "1")
    if report.params.n_ubatch > 256:
        try_("smaller_batch", replace(settings, ubatch=256), str(report.params.n_ubatch), "256")
    # A repository may hold other models too: a quantisation has the same parameters to the last one.
    same = [one for one in siblings if (one.header.architecture, one.header.parameters) == (sum_.subject.header.architecture, sum_.subject.header.parameters)]
    smaller = sorted((one for one in same if one.file_size_bytes < sum_.subject.file_size_bytes), key=lambda one: -one.file_size_bytes)
    for sibling in smaller:
        other = _Sum(sibling, sum_.machine, sum_.budget, sum_.gpu_layers, sum_.measured, sum_.build)
        tried = try_("smaller_quantisation", settings, sum_.subject.quantisation_name, sibling.quantisation_name, other)
        if tried is not None and tried.solves:
            found[:] = [one for one in found if one.code != "smaller_quantisation" or one is tried]
            break
    else:
        quantisations = [one for one in found if one.code == "smaller_quantisation"]
        found[:] = [one for one in found if one.code != "smaller_quantisation"] + quantisations[-1:]
    memory, whole = report.budget.memory, report.budget.total_memory_bytes
    if memory is not None and whole is not None and report.verdict.where != "graphics" and whole > memory.budget_bytes:
        freed = whole - memory.budget_bytes
        solves = place.memory_bytes(report.need, report.budget) <= whole
        if solves:
            found.append(Suggestion("close_programs", freed, True, settings))
    return tuple(sorted(found, key=lambda one: (not one.solves, -one.saves_bytes)))


class NotExact(CannotContinue):
    """The exact method was asked for and can't be had for this model on this machine."""

    code = "not_exact"

    def __init__(self, reason: str) -> None:
        super().__init__(
            title=mark("The exact method can't be used here"), detail=reason, hint=mark("Ask with --method formula: the figures are then computed.")
        )


class FitCheck:
    """Reports by the best method there is. Owns the dry run's child; `close` ends it."""

    def __init__(self, records: Records | None = None, *, folder: Path | None = None) -> None:
        self._records = records
        self._runners: dict[Path | None, DryRunner] = {}
        self._folder = folder

    async def close(self) -> None:
        """End the children. Closing twice is harmless."""
        for runner in self._runners.values():
            await runner.close()

    async def report(
        self,
        subject: Subject,
        machine: Machine,
        settings: LoadSettings = DEFAULT_SETTINGS,
        *,
        method: Asked = "auto",
        gpu_layers: int | None = None,
        siblings: Sequence[Subject] = (),
        extra_memory_bytes: int = 0,
        reclaimable_bytes: int = 0,
        progress: Callable[[Progress], None] | None = None,
        one_of_many: bool = False,
        build: EngineBuild = PORTABLE,
    ) -> FitReport:
        """The whole report. "auto" asks llama.cpp where it can and computes otherwise, saying why in `notes`.

        `build`: which build of the engine will run it; that one is asked, and rehearses.
        `one_of_many`: for tables of a repository; llama.cpp is asked for the need alone, while the longest context and the
        savings of the suggestions stay computed (measured for 25 quantisations: 25 questions instead of 65).
        Raises BadGguf, EngineRefuses (this engine can't load such a model at all), NotExact, RehearsalRefused,
        RehearsalFailed.
        """
        measured: Measured = self._records if self._records is not None else nothing_measured
        machine = build.on(machine)
        budget = budget_of(machine, extra_memory_bytes=extra_memory_bytes, reclaimable_bytes=reclaimable_bytes)
        sum_ = _Sum(subject, machine, budget, gpu_layers, measured, build)
        report = sum_.report(settings)
        report = replace(report, max_context=sum_.max_context(settings), suggestions=_suggestions(sum_, report, siblings))
        if method == "formula":
            return report
        why_not = why_not_exact(report, machine)
        if why_not:
            if method != "auto":
                raise NotExact(why_not)
            return replace(report, notes=(*report.notes, why_not))
        try:
            report = await self._exact(sum_, report, settings, need_alone=one_of_many)
        except CannotContinue as trouble:
            # What the engine refuses or dies of, it would refuse or die of after the download too.
            if method != "auto" or (isinstance(trouble, EngineRefuses) and trouble.kind not in ("timed_out", "no_device")):
                raise
            log.info("computed instead of asked: %s", trouble)
            report = replace(report, notes=(*report.notes, mark("The engine could not be asked, so these figures are computed.")))
        return await self._rehearsed(sum_, report, progress) if method == "rehearse" else report

    async def _exact(self, sum_: _Sum, report: FitReport, settings: LoadSettings, *, need_alone: bool) -> FitReport:
        """The same report with llama.cpp's own figures; every suggestion is asked again, unless only the need is."""
        need = await self._ask(sum_, report.params, report.placement)
        asked = sum_.report(settings, need=need, placement=report.placement)
        if need_alone:
            return replace(asked, max_context=report.max_context, suggestions=report.suggestions, notes=report.notes)
        longest = report.max_context
        for _step in range(8):
            if longest < 256 or await self._fits(sum_, replace(settings, context_length=longest), report.placement):
                break
            longest = max(0, longest - max(256, longest // 64 // 256 * 256))
        suggestions = []
        for one in report.suggestions:
            if one.code in ("smaller_quantisation", "close_programs"):
                suggestions.append(one)  # weights are exact by the formula, and free memory is no matter of the engine
                continue
            params = context_params(sum_.shape, one.settings)
            other = await self._ask(sum_, params, sum_.placement(params))
            saves = need.total_bytes - other.total_bytes
            solves = one.solves and place.fits(other, sum_.budget)
            if saves > 0 or solves:
                suggestions.append(replace(one, saves_bytes=max(0, saves), solves=solves))
        return replace(asked, max_context=longest, suggestions=tuple(suggestions), notes=report.notes)

    async def _ask(self, sum_: _Sum, params: ContextParams, placement: Placement) -> MemoryNeed:
        assert sum_.subject.stripped is not None
        library = sum_.build.folder
        if library not in self._runners:
            self._runners[library] = DryRunner(library=library)
        need = await self._runners[library].need(sum_.subject.stripped, params, placement, features=sum_.machine.cpu.features)
        return with_overhead(need, sum_.need(params, placement))

    async def _fits(self, sum_: _Sum, settings: LoadSettings, placement: Placement) -> bool:
        return place.fits(await self._ask(sum_, context_params(sum_.shape, settings), placement), sum_.budget)

    async def _rehearsed(self, sum_: _Sum, report: FitReport, progress: Callable[[Progress], None] | None) -> FitReport:
        """With speed and memory as a rehearsal sees them; a rehearsal of the same shape and settings is not played again."""
        subject, params, placement = sum_.subject, report.params, report.placement
        assert subject.stripped is not None
        kept = self._records.rehearsal(subject, params, placement) if self._records is not None else None
        notes = report.notes
        if kept is None:
            refuse_if_too_large(report.need, report.budget)
            features, library = sum_.build.features(sum_.machine.cpu.features), sum_.build.folder
            seen = await rehearse(subject.stripped, params, placement, folder=self._folder, features=features, library=library, report=progress)
            figures = {
                "devices": [asdict(device) for device in seen.need.devices], "load_s": seen.load_s, "generate_tps": seen.generate_tps,
                "prompt_tps": seen.prompt_tps, "tokens": seen.tokens, "tokens_in_cache": seen.tokens_in_cache,
            }  # fmt: skip
            kept = Measurement("rehearsal", subject.key or model_key(subject.header), subject.name, settings_key(params, placement), figures)
            if seen.generate_tps < _BUSY * report.speed.generate_tps[0]:
                notes = (*notes, mark("It wrote far slower than computed: the computer was probably busy. Rehearse again when it is quiet."))
            elif self._records is not None:
                self._records.add(kept)
        need = need_of(kept)
        rate: Speed = measured_speed(float(kept.figures["generate_tps"]), float(kept.figures["prompt_tps"]), "rehearsed")
        need = with_overhead(need, report.computed or report.need) if need is not None else report.need
        if sum_.shape.is_moe:
            notes = (*notes, mark("Rehearsed with zero weights, where all experts tie: the real model may be slower or faster."))
        decided = verdict(sum_.shape, placement, need, report.budget, rate)
        return replace(report, need=need, speed=rate, verdict=decided, notes=notes, computed=report.computed or report.need)


def why_not_exact(report: FitReport, machine: Machine) -> str:
    """Why llama.cpp on this computer can't be asked about this report, marked; "" when it can."""
    if report.subject.stripped is None or report.subject.is_estimate:
        return mark("The file's header was not read, so these figures are computed from the catalogue's facts.")
    if not report.placement.gpu_layers:
        return ""
    devices = machine.engine.devices if machine.engine is not None else None
    seen = sum(device.kind in ("gpu", "igpu") for device in devices or ())
    if seen < len(report.placement.gpus):
        return mark("The engine on this computer has no such graphics device, so these figures are computed.")
    return ""
