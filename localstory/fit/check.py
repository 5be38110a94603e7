"""The fit check itself: header, machine and settings in, a `FitReport` out.

`formula_report` is pure and takes a millisecond or two: lists, sliders and "what if". `FitCheck.report` asks llama.cpp
where it can (a dry run in a child) and falls back on the formulas, saying so.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from localstory.fit import place
from localstory.fit.budget import Budget, budget_of
from localstory.fit.context_params import ContextParams, LoadSettings, context_params
from localstory.fit.estimate import Placement, formula_need
from localstory.fit.need import MemoryNeed
from localstory.fit.report import FitReport, Subject, Suggestion, SuggestionCode, tokens_short
from localstory.fit.shape import ModelShape, shape_of
from localstory.fit.speed import Calibration, speed
from localstory.fit.verdict import Verdict, verdict
from localstory.hardware.machine import Gpu, Machine

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
    settings: LoadSettings = LoadSettings(),  # noqa: B008 - frozen
    *,
    gpu_layers: int | None = None,
    siblings: Sequence[Subject] = (),
    extra_memory_bytes: int = 0,
    reclaimable_bytes: int = 0,
    measured: Measured = nothing_measured,
    brief: bool = False,
) -> FitReport:
    """The whole report by the closed formulas. Pure. Raises BadGguf when the header lacks what every model says.

    `siblings`: other quantisations of the same model, for suggestions; `brief` leaves out suggestions and the longest
    context (for tables of many).
    """
    sum_ = _Sum(subject, machine, budget_of(machine, extra_memory_bytes=extra_memory_bytes, reclaimable_bytes=reclaimable_bytes), gpu_layers, measured)
    report = sum_.report(settings)
    if brief:
        return report
    return replace(report, max_context=sum_.max_context(settings), suggestions=_suggestions(sum_, report, siblings))


class _Sum:
    """One subject on one machine; settings may vary."""

    def __init__(self, subject: Subject, machine: Machine, budget: Budget, gpu_layers: int | None, measured: Measured) -> None:
        self.subject, self.machine, self.budget = subject, machine, budget
        self.shape: ModelShape = shape_of(subject.header)
        self.gpu_layers = gpu_layers
        self.measured = measured
        self._features = machine.cpu.features

    def need(self, params: ContextParams, placement: Placement) -> MemoryNeed:
        return formula_need(self.subject.header, self.shape, params, placement, features=self._features)

    def placement(self, params: ContextParams) -> Placement:
        return place.best_placement(self.shape, self.budget, lambda one: self.need(params, one), gpu_layers=self.gpu_layers)

    def cards(self, placement: Placement) -> tuple[Gpu, ...]:
        return cards_of(placement, self.budget)

    def report(self, settings: LoadSettings, *, need: MemoryNeed | None = None, placement: Placement | None = None) -> FitReport:
        params = context_params(self.shape, settings)
        placement = self.placement(params) if placement is None else placement
        seen, calibration = self.measured(self.subject, params, placement)
        computed = self.need(params, placement)
        need = seen or need or computed
        rate = speed(self.subject.header, self.shape, params, placement, self.machine, self.cards(placement), calibration=calibration)
        decided = verdict(self.shape, placement, need, self.budget, rate)
        return FitReport(
            self.subject, self.shape, settings, params, placement, self.budget, need, rate, decided, 0, computed=None if need is computed else computed
        )

    def verdict(self, settings: LoadSettings) -> Verdict:
        return self.report(settings).verdict

    def fits(self, settings: LoadSettings) -> bool:
        """In memory and not from the disk; how fast is another question."""
        params = context_params(self.shape, settings)
        placement = self.placement(params)
        need = self.need(params, placement)
        return place.fits(need, self.budget)

    def max_context(self, settings: LoadSettings) -> int:
        """The longest context with which it fits, a multiple of 256 up to what the model was made for; 0: none."""
        longest = self.shape.context_length or context_params(self.shape, settings).n_ctx
        steps = max(1, longest // 256)
        return 256 * place.most(steps, lambda count: self.fits(replace(settings, context_length=256 * count)))


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
        solves = _RANK[tried.verdict.code] > rank
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
    smaller = sorted((one for one in siblings if one.file_size_bytes < sum_.subject.file_size_bytes), key=lambda one: -one.file_size_bytes)
    for sibling in smaller:
        other = _Sum(sibling, sum_.machine, sum_.budget, sum_.gpu_layers, sum_.measured)
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
