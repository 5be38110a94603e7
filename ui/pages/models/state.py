"""What the room of models shows: models on this computer and models to get, each with whether it runs here. Pure, no Qt."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from localstory.fit.build import PORTABLE, EngineBuild
from localstory.fit.check import Measured, formula_report
from localstory.fit.context_params import DEFAULT_CONTEXT_LENGTH, LoadSettings
from localstory.fit.overview import billions
from localstory.fit.report import FitReport, tokens_short
from localstory.gguf.header import BadGguf
from localstory.hardware.machine import Machine
from localstory.models.library import TextModel, Voice
from localstory.models.recommend import BuildFor, Candidate, Pick, portable, worth
from localstory.words import _, language, mark, ngettext, number, size, tell
from ui import fit_values
from ui.widgets.values import Badge, Bar, context_steps

_LANGUAGES = {"en": mark("English"), "vi": mark("Vietnamese")}
SHORTEST_CONTEXT = 1024


@dataclass(frozen=True, slots=True)
class Row:
    """A model or voice: its title, facts as (what, value), trouble if it can't be used, its file."""

    title: str
    facts: tuple[tuple[str, str], ...]
    path: str
    chosen: bool = False
    trouble: str = ""


@dataclass(frozen=True, slots=True)
class Checked:
    """All files of one model on this machine, the one to take first."""

    id: str
    """The model's id in the catalogue, or its path."""
    picks: tuple[Pick, ...]

    @property
    def best(self) -> Pick:
        return self.picks[0]

    def path(self) -> str:
        """Its file on this computer; "" when it is not here."""
        return next((pick.candidate.source for pick in self.picks if pick.candidate.on_disk), "")


@dataclass(frozen=True, slots=True)
class FitRow:
    """A model in the list: whether it runs here, and one reason."""

    id: str
    title: str
    facts: str
    badge: Badge
    why: str


@dataclass(frozen=True, slots=True)
class FileRow:
    """A quantisation in the table of an opened model."""

    source: str
    quantisation: str
    size: str
    quality: str
    speed: str
    badge: Badge


@dataclass(frozen=True, slots=True)
class Closely:
    """One file at one context length."""

    badge: Badge
    why: str
    bars: tuple[Bar, ...]
    speed: str
    """ "" where it does not run."""
    method: str
    sum_lines: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Reach:
    """What takes longer to work out for a file: the longest context that fits, and what would help."""

    source: str
    fits_up_to: int | None
    suggestions: tuple[str, ...]


def check_all(candidates: Sequence[Candidate], machine: Machine, measured: Measured, build_for: BuildFor = portable) -> list[Checked]:
    """Every candidate on this machine, by model, best first; a millisecond or two each, so call it in a thread."""
    by_model: dict[str, list[Pick]] = {}
    for candidate in candidates:
        try:
            report = formula_report(candidate.subject, machine, measured=measured, brief=True, build=build_for(candidate))
        except BadGguf:
            continue  # its row in the list of files says what is wrong with it
        by_model.setdefault(candidate.model, []).append(Pick(candidate, report, worth(candidate, report)))
    found = [Checked(model, tuple(sorted(picks, key=_rank))) for model, picks in by_model.items()]
    wanted = language()
    return sorted(found, key=lambda one: (wanted not in one.best.candidate.languages, *_rank(one.best)))


def _rank(pick: Pick) -> tuple[bool, float, bool, int]:
    runs = pick.report.verdict.runs
    # What does not run is sorted by how little is missing.
    size_bytes = pick.candidate.subject.file_size_bytes
    return not runs, -pick.worth if runs else 0.0, not pick.candidate.on_disk, size_bytes if not runs else -size_bytes


def fit_row(checked: Checked) -> FitRow:
    """A model of the catalogue, as the file to take."""
    best = checked.best
    candidate, report = best.candidate, best.report
    facts = [billions(candidate.parameters / 1e9), candidate.subject.quantisation_name, size(candidate.subject.file_size_bytes), candidate.licence]
    return FitRow(checked.id, candidate.title, " · ".join(fact for fact in facts if fact), fit_values.badge(report.verdict), report.verdict.why())


def file_rows(checked: Checked) -> list[FileRow]:
    """The quantisations, largest first."""
    picks = sorted(checked.picks, key=lambda pick: -pick.candidate.subject.file_size_bytes)
    return [
        FileRow(
            pick.candidate.source,
            pick.candidate.subject.quantisation_name,
            size(pick.candidate.subject.file_size_bytes),
            _(pick.candidate.quality_words) if pick.candidate.quality_words else "",
            fit_values.speed_words(pick.report.speed) if pick.report.verdict.runs else "",
            fit_values.badge(pick.report.verdict),
        )
        for pick in picks
    ]


def closely(candidate: Candidate, machine: Machine, context_length: int, measured: Measured, build: EngineBuild = PORTABLE) -> Closely:
    """One file at one context length, by the formulas: some milliseconds, quick enough for a slider."""
    report = formula_report(candidate.subject, machine, LoadSettings(context_length=context_length), measured=measured, brief=True, build=build)
    return Closely(
        fit_values.badge(report.verdict),
        report.verdict.why(),
        fit_values.bars(report),
        # What does not fit has no speed: the figure would be that of a computer with more memory.
        fit_values.speed_words(report.speed) if report.verdict.runs else "",
        fit_values.method_words(report.need.method),
        tuple(report.sum_lines()),
    )


def reach(candidate: Candidate, machine: Machine, measured: Measured, siblings: Sequence[Candidate], build: EngineBuild = PORTABLE) -> Reach:
    """How far the context goes and what would help. Tens of milliseconds: in a thread."""
    subjects = [one.subject for one in siblings if one.model == candidate.model]
    report = formula_report(candidate.subject, machine, siblings=subjects, measured=measured, build=build)
    return Reach(candidate.source, report.max_context or None, _help(report))


def steps(report: FitReport, fits_up_to: int | None) -> tuple[int, ...]:
    """Stops of the context slider: powers of two, the most the model was made for, and the most that fits."""
    most = report.shape.context_length or max(DEFAULT_CONTEXT_LENGTH, fits_up_to or 0)
    return context_steps(SHORTEST_CONTEXT, most, fits_up_to)


def length_words(candidate: Candidate, tokens: int) -> str:
    """ "8,192 tokens, about 20 pages"."""
    return fit_values.length_words(tokens, candidate.subject.tokens_per_word)


def short_length(tokens: int) -> str:
    """ "8k"."""
    return tokens_short(tokens)


def of_path(checked: Sequence[Checked], path: str) -> Checked | None:
    """The check of the file that is on this computer, with that file first."""
    for one in checked:
        for pick in one.picks:
            if pick.candidate.on_disk and pick.candidate.source == path:
                return replace(one, picks=(pick, *(other for other in one.picks if other is not pick)))
    return None


def model_rows(models: Sequence[TextModel], chosen: str) -> list[Row]:
    """Language models; `chosen` is the setting: the path or title new chats begin with."""
    rows = []
    for model in models:
        facts = [(_("Size"), size(model.size_bytes))]
        if model.parameters:
            facts.append((_("Parameters"), parameters(model.parameters)))
        if model.quantisation:
            facts.append((_("Quantisation"), model.quantisation))
        if model.context_length:
            facts.append((_("Context"), ngettext("{count} token", "{count} tokens", model.context_length).format(count=number(model.context_length))))
        facts.append((_("Licence"), model.licence or _("not stated")))
        trouble = ""
        if model.trouble is not None:
            said = tell(model.trouble)
            trouble = " ".join(part for part in (said.title + ".", said.detail, said.hint) if part)
            facts = facts[:1]
        rows.append(Row(model.title, tuple(facts), str(model.path), bool(chosen) and chosen in (str(model.path), model.title), trouble))
    return rows


def voice_rows(voices: Sequence[Voice]) -> list[Row]:
    """Voices."""
    rows = []
    for voice in voices:
        said = tell(voice.trouble) if voice.trouble is not None else None
        trouble = " ".join(part for part in (said.title + ".", said.detail, said.hint) if part) if said else ""
        facts = [
            (_("Language"), _(_LANGUAGES.get(voice.language, voice.language))),
            (_("Sample rate"), _("{number} Hz").format(number=number(voice.sample_rate))),
            (_("Licence"), voice.licence or _("not stated")),
        ]
        rows.append(Row(voice.name, () if trouble else tuple(facts), str(voice.path), trouble=trouble))
    return rows


def parameters(count: int) -> str:
    """ "135 million", "7.2 billion"."""
    if count >= 1_000_000_000:
        return _("{number} billion").format(number=number(count / 1e9, 1))
    return _("{number} million").format(number=number(count / 1e6))


def _help(report: FitReport) -> tuple[str, ...]:
    """What would help: those that solve it alone, each said to; where none does, the three that save most."""
    solving = [one for one in report.suggestions if one.solves]
    if solving:
        return tuple(_("{change}: then it fits").format(change=one.text()) for one in solving[:3])
    return tuple(one.text() for one in report.suggestions[:3])
