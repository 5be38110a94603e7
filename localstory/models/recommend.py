"""Which model to take on this machine: ranked by quality that fits with room at a comfortable speed. Pure.

worth = quality x pace x patience x room. Quality is the catalogue's figure, less what the quantisation loses. Pace is 1 from 15
tokens a second on (nobody reads faster) and falls below: a model that writes slower than one reads is worth less however
good it is. Room is 1 where a tenth of the budget stays free, less where there is little, next to nothing from the disk,
and 0 where it does not fit.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

from localstory.fit.budget import budget_of
from localstory.fit.build import PORTABLE, EngineBuild
from localstory.fit.check import Measured, formula_report, nothing_measured
from localstory.fit.context_params import DEFAULT_CONTEXT_LENGTH, DEFAULT_SETTINGS, LoadSettings
from localstory.fit.report import FitReport, Subject
from localstory.fit.verdict import COMFORTABLE_TPS, FINE_TPS, SLOW_TPS
from localstory.hardware.machine import Machine
from localstory.words import _, number, size

_PACE = ((0.3, 0.04), (1.0, 0.12), (SLOW_TPS, 0.30), (FINE_TPS, 0.90), (COMFORTABLE_TPS, 1.0))
"""(tokens a second, what is left of the worth); between them by the logarithm of the speed."""
_PATIENCE = ((10.0, 1.0), (30.0, 0.96), (90.0, 0.86), (300.0, 0.65), (1200.0, 0.3))
"""(seconds until the first word of an answer to 1,000 words, what is left of the worth)."""
_THOUGHTS = ((8.0, 0.88), (40.0, 1.0))
"""(tokens a second, what is left of a score that was reached by thinking first): a thousand tokens of thoughts take 25 s at
40 tokens a second and two minutes at 8, where people switch them off."""
_SHORTER_CONTEXTS = ((4096, 0.95), (2048, 0.88))
"""Where the usual context of 8,192 tokens does not fit, a shorter one is better than nothing; (tokens, what is left)."""
_ROOM = {"runs_well": 1.0, "little_room": 0.93, "partly": 1.0, "slow": 0.78, "very_slow": 0.7, "from_disk": 0.02, "does_not_fit": 0.0, "unknown": 0.5}
_TIGHT = 0.93


UNSCORED_QUALITY = 1.0
"""Of models without a published score: never put before one that has one, and better than nothing."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """One file of one model: what the catalogue, or the disk, says of it."""

    model: str
    """The model, whatever the quantisation; candidates of one model compete for one place in the list."""
    title: str
    family: str
    quality: float
    """0 to 100, with the quantisation's loss taken off."""
    parameters: int
    languages: tuple[str, ...]
    purposes: tuple[str, ...]
    licence: str
    subject: Subject
    source: str = ""
    """What to download, or where it is: "hf:owner/repo/file.gguf", a path."""
    quality_words: str = ""
    """Of the quantisation, marked for translation ("very good")."""
    on_disk: bool = False
    thinks: bool = False
    """The quality was reached with thoughts written before the answer."""

    @property
    def name(self) -> str:
        """ "Qwen3 8B, Q4_K_M"."""
        return f"{self.title}, {self.subject.quantisation_name}"


BuildFor = Callable[[Candidate], EngineBuild]
"""The build of the engine that will run a file, see `App.build_for`."""


def portable(_candidate: Candidate) -> EngineBuild:
    """Where no engine packs are asked about."""
    return PORTABLE


@dataclass(frozen=True, slots=True)
class Pick:
    """A candidate on this machine, with what it is worth here."""

    candidate: Candidate
    report: FitReport
    worth: float

    @property
    def tokens_per_second(self) -> float:
        return self.report.speed.middle_tps


@dataclass(frozen=True, slots=True)
class Recommendation:
    """Ranked picks, one for each model, best first; `comparison` puts the first beside what people ask next."""

    picks: tuple[Pick, ...]
    comparison: tuple[Pick, ...]
    left_out: int
    """Candidates of the purpose and language that do not run here."""
    programs_closed: bool = False
    """Nothing of note fits into what is free now: this holds once other programs are closed."""

    @property
    def first(self) -> Pick | None:
        """The one to take; None when nothing runs."""
        return self.picks[0] if self.picks else None

    def reason(self) -> str:
        """Why the first one, in the language in use."""
        first = self.first
        if first is None:
            return _("None of the models in the catalogue fits into this computer's memory.")
        verdict, tps = first.report.verdict, _tps(first)
        spare = (verdict.have_bytes or 0) - verdict.need_bytes
        if verdict.code == "runs_well" and first.tokens_per_second >= COMFORTABLE_TPS:
            text = _("The best one that runs comfortably here: about {tps} tokens a second, and {spare} to spare.").format(tps=tps, spare=size(max(0, spare)))
        elif verdict.code == "runs_well":
            text = _("The best balance of quality and speed here: about {tps} tokens a second, and {spare} to spare.").format(
                tps=tps, spare=size(max(0, spare))
            )
        elif verdict.code == "partly":
            text = _("Worth it although a part runs on the processor: about {tps} tokens a second.").format(tps=tps)
        elif verdict.code == "little_room":
            text = _("It fits with little room: close other programs first. About {tps} tokens a second.").format(tps=tps)
        else:
            text = _("Slow, but the best there is for this computer: about {tps} tokens a second.").format(tps=tps)
        if self.programs_closed:
            text = _("Close other programs first: too little memory is free now.") + " " + text
        if first.report.params.n_ctx < DEFAULT_CONTEXT_LENGTH:
            text += " " + _("With a context of {tokens} tokens; the usual {usual} do not fit.").format(
                tokens=number(first.report.params.n_ctx), usual=number(DEFAULT_CONTEXT_LENGTH)
            )
        better = next((pick for pick in self.comparison if pick.candidate.quality > first.candidate.quality and _is_worse_off(pick, first)), None)
        if better is None:
            return text
        return f"{text} " + _("{other} would be better but {what}.").format(other=better.candidate.name, what=what_is_wrong(better))


def _is_worse_off(pick: Pick, first: Pick) -> bool:
    """Whether a better model has a drawback here that one can name."""
    return pick.report.verdict.code in ("does_not_fit", "from_disk", "little_room") or pick.tokens_per_second < 0.6 * first.tokens_per_second


def what_is_wrong(pick: Pick) -> str:
    """Why a better one is not the first, as the end of a sentence."""
    match pick.report.verdict.code:
        case "does_not_fit":
            return _("does not fit")
        case "from_disk":
            return _("would read from the disk for every word")
        case "little_room":
            return _("fits only with everything else closed")
        case _:
            return _("writes only about {tps} tokens a second").format(tps=_tps(pick))


def _tps(pick: Pick) -> str:
    return number(pick.tokens_per_second, 0 if pick.tokens_per_second >= 3 else 1)


def pace(tokens_per_second: float) -> float:
    """What is left of a model's worth at that speed: 1 from 15 tokens a second on."""
    if tokens_per_second <= _PACE[0][0]:
        return _PACE[0][1] * max(0.0, tokens_per_second) / _PACE[0][0]
    return _between(_PACE, tokens_per_second)


def patience(first_word_seconds: float) -> float:
    """What is left of a model's worth after that wait: 1 up to 10 seconds."""
    return _between(_PATIENCE, first_word_seconds)


def _between(steps: Sequence[tuple[float, float]], value: float) -> float:
    """The value between the steps, by the logarithm; flat outside them."""
    if value <= steps[0][0]:
        return steps[0][1]
    for (low, at_low), (high, at_high) in itertools.pairwise(steps):
        if value <= high:
            share = math.log(value / low) / math.log(high / low)
            return at_low + share * (at_high - at_low)
    return steps[-1][1]


def worth(candidate: Candidate, report: FitReport) -> float:
    """Quality that can be had here; 0 when it does not fit."""
    room = _ROOM[report.verdict.code]
    memory = report.budget.memory
    if report.verdict.code in ("slow", "very_slow", "partly") and memory is not None and report.need.processor.total_bytes > 0.9 * memory.budget_bytes:
        room = min(room, _TIGHT)
    tps = report.speed.middle_tps
    quality = candidate.quality * (_between(_THOUGHTS, tps) if candidate.thinks else 1.0)
    return quality * pace(tps) * patience(report.speed.first_word_seconds) * room


def recommend(
    candidates: Iterable[Candidate],
    machine: Machine,
    *,
    purpose: str = "chat",
    language: str = "en",
    settings: LoadSettings = DEFAULT_SETTINGS,
    extra_memory_bytes: int = 0,
    measured: Measured = nothing_measured,
    build_for: BuildFor = portable,
) -> Recommendation:
    """Rank what suits the purpose and speaks the language. Every candidate costs a millisecond. `build_for`: on which engine each runs."""
    suited = [one for one in candidates if purpose in one.purposes and language in one.languages]
    found = _ranked(suited, machine, settings, extra_memory_bytes, 0, measured, build_for)
    if not any(pick.candidate.quality > UNSCORED_QUALITY for pick in found.picks):
        # Nothing of note fits into what is free at this moment. With other programs closed more is.
        budget = budget_of(machine, extra_memory_bytes=extra_memory_bytes)
        freed = 0 if budget.memory is None or budget.total_memory_bytes is None else budget.total_memory_bytes - budget.memory.budget_bytes
        closed = _ranked(suited, machine, settings, extra_memory_bytes, freed, measured, build_for) if freed > 0 else found
        if closed.picks and (not found.picks or closed.picks[0].worth > found.picks[0].worth):
            return replace(closed, programs_closed=True)
    return found


def _ranked(
    suited: Sequence[Candidate],
    machine: Machine,
    settings: LoadSettings,
    extra_memory_bytes: int,
    freed_bytes: int,
    measured: Measured,
    build_for: BuildFor,
) -> Recommendation:
    def judged(candidate: Candidate, chosen: LoadSettings) -> FitReport:
        return formula_report(
            candidate.subject,
            machine,
            chosen,
            extra_memory_bytes=extra_memory_bytes,
            reclaimable_bytes=freed_bytes,
            measured=measured,
            brief=True,
            build=build_for(candidate),
        )

    picks = []
    for candidate in suited:
        report = judged(candidate, settings)
        value = worth(candidate, report)
        for context, left in _SHORTER_CONTEXTS if settings.context_length is None and not report.verdict.runs else ():
            tried = judged(candidate, replace(settings, context_length=context))
            if tried.verdict.runs:
                report, value = tried, worth(candidate, tried) * left
                break
        picks.append(Pick(candidate, report, value))
    # The same worth: what is here already, then the smaller download.
    picks.sort(key=lambda pick: (-pick.worth, not pick.candidate.on_disk, pick.candidate.subject.file_size_bytes))
    best: dict[str, Pick] = {}
    for pick in picks:
        if pick.report.verdict.runs and pick.worth > 0:
            best.setdefault(pick.candidate.model, pick)
    ranked = tuple(best.values())
    return Recommendation(ranked, _comparison(picks, ranked), len({pick.candidate.model for pick in picks}) - len(ranked))


def _comparison(picks: Sequence[Pick], ranked: Sequence[Pick]) -> tuple[Pick, ...]:
    """The first beside the next larger model, as the best of its files and as one that fits whole, and a smaller, faster one.

    "12B in part, 8B whole, or 12B at Q3".
    """
    if not ranked:
        return ()
    first = ranked[0]
    found = [first]

    def add(pick: Pick | None) -> None:
        if pick is not None and all(pick.candidate.name != one.candidate.name for one in found):
            found.append(pick)

    larger = [pick for pick in picks if pick.candidate.quality > first.candidate.quality and pick.candidate.parameters > first.candidate.parameters]
    if larger:
        # The one a person would be tempted by: the better one that is worth most here, or the least too large.
        tempting = _first(larger, lambda pick: pick.report.verdict.runs) or min(larger, key=lambda pick: pick.candidate.parameters)
        model = tempting.candidate.model
        own = [pick for pick in picks if pick.candidate.model == model]
        add(_first(own, lambda pick: pick.candidate.subject.quantisation_name.endswith(("Q4_K_M", "Q4_0", "MXFP4"))) or own[0])
        add(_first(own, lambda pick: pick.report.verdict.code in ("runs_well", "little_room")))
        # The same model squeezed: the smallest of its files.
        smallest = min(own, key=lambda pick: pick.candidate.subject.file_size_bytes)
        if smallest.report.verdict.runs or smallest.candidate.quality > first.candidate.quality + 1:
            add(smallest)
    add(_first(ranked[1:], lambda pick: pick.candidate.parameters < first.candidate.parameters and pick.tokens_per_second > 1.5 * first.tokens_per_second))
    return tuple(found)


def _first(picks: Iterable[Pick], wanted: Callable[[Pick], bool]) -> Pick | None:
    return next((pick for pick in picks if wanted(pick)), None)
