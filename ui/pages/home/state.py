"""What Home shows: where to begin, what this computer can do, the one model to take, what is here already. Pure, no Qt."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from localstory.chats.store import Chat
from localstory.fit.overview import headline, overview
from localstory.hardware.machine import Machine
from localstory.hardware.plain_words import in_plain_words
from localstory.models.library import TextModel
from localstory.models.names import NoStarter
from localstory.models.recommend import Pick, Recommendation
from localstory.words import _, language, number, size, tell
from ui import fit_values
from ui.widgets.values import Badge


@dataclass(frozen=True, slots=True)
class Begin:
    """The one recommended start. `command` is for the terminal when something has to be fetched first; `model` is a
    path, or empty when there is none."""

    title: str
    text: str
    button: str = ""
    command: str = ""
    model: str = ""


@dataclass(frozen=True, slots=True)
class ModelRow:
    """A model that is on this computer."""

    title: str
    facts: str
    path: str
    trouble: str = ""


@dataclass(frozen=True, slots=True)
class Computer:
    """ "Your computer" in one glance: what it can do, why not more, and the facts as (what, value, what that means)."""

    headline: str
    limit: str
    facts: tuple[tuple[str, str, str], ...]


@dataclass(frozen=True, slots=True)
class Compared:
    """A line of the comparison: model, how good, how much memory, how fast, and its verdict."""

    name: str
    quality: str
    memory: str
    speed: str
    badge: Badge


@dataclass(frozen=True, slots=True)
class Recommended:
    """The one model to take. `path` is its file when it is here already, `model` its id in the catalogue."""

    title: str
    badge: Badge
    facts: str
    reason: str
    model: str
    path: str
    compared: tuple[Compared, ...]


WHAT_IFS = (0, 8 << 30, 16 << 30, 32 << 30)
"""Memory more, in bytes, that a person can try."""


def computer(machine: Machine) -> Computer:
    """The machine in one glance. What only repeats the headline is left out; it stands in the room of the machine."""
    seen = overview(machine)
    told, limit = headline(seen) if seen is not None else (_("This computer does not tell how much memory it has."), "")
    facts, cards = [], list(machine.gpus)
    for fact in in_plain_words(machine):
        if fact.title in (_("System"), _("Memory speed"), _("Text engine")):
            continue
        meaning = fact.meaning if fact.title == _("Processor") else ""
        if fact.title == _("Graphics card") and cards:
            # What fits is the headline's business; what keeps a card from being used is this row's.
            card = cards.pop(0)
            meaning = fact.meaning if card.usable is False or card.integrated else ""
        facts.append((fact.title, fact.value, meaning))
    return Computer(told, limit, tuple(facts))


def recommended(found: Recommendation) -> Recommended | None:
    """The first pick, worded; None when nothing runs here."""
    first = found.first
    if first is None:
        return None
    candidate, report = first.candidate, first.report
    facts = [size(candidate.subject.file_size_bytes), candidate.licence, fit_values.speed_words(report.speed)]
    compared = tuple(_compared(pick) for pick in found.comparison) if len(found.comparison) > 1 else ()
    return Recommended(
        candidate.name,
        fit_values.badge(report.verdict),
        " · ".join(fact for fact in facts if fact),
        found.reason(),
        candidate.model,
        candidate.source if candidate.on_disk else "",
        compared,
    )


def _compared(pick: Pick) -> Compared:
    quality = _(pick.candidate.quality_words) if pick.candidate.quality_words else ""
    score = number(pick.candidate.quality) if pick.candidate.quality > 1 else "–"
    return Compared(
        pick.candidate.name,
        _("{score} of 100 ({words})").format(score=score, words=quality) if quality else _("{score} of 100").format(score=score),
        size(pick.report.need.total_bytes),
        fit_values.speed_words(pick.report.speed),
        fit_values.badge(pick.report.verdict),
    )


def what_if(now: Recommendation, then: Recommendation, extra_bytes: int) -> str:
    """What so much more memory would change, in one or two sentences."""
    more = size(extra_bytes)
    if then.first is None:
        return _("With {more} more memory nothing would run either.").format(more=more)
    first = then.first
    if now.first is not None and first.candidate.name == now.first.candidate.name:
        text = _("With {more} more memory it would be the same model: {model}.").format(more=more, model=first.candidate.name)
        if now.first.report.verdict.code == "runs_well" and first.report.verdict.code == "runs_well":
            return f"{text} {_what_would_help(first)}"
        return text
    return _("With {more} more memory: {model}, {speed}.").format(more=more, model=first.candidate.name, speed=fit_values.speed_words(first.report.speed))


def _what_would_help(pick: Pick) -> str:
    """What a machine lacks on which everything fits already."""
    cards = pick.report.budget.cards
    if not cards:
        return _("Faster memory or a graphics card would help more.")
    return _("Faster memory would help more.") if cards[0].shared else _("A graphics card with more memory would help more.")


def begin(models: Sequence[TextModel], has_chats: bool) -> Begin:
    """Where to begin: chat with a model that is here, or the exact command that brings one."""
    usable = [model for model in models if model.usable]
    if not usable:
        text = _("There is no language model on this computer yet. This brings a small one and a voice:")
        return Begin(_("One step before the first chat"), text, command=str(NoStarter().values["dev"]))
    model = usable[0]
    if model.source == "starter":
        text = _("A very small model that is already here, made for trying things out. It answers at once and it errs often.")
    else:
        text = _("The largest model on this computer.")
    if language() == "vi" and not model.speaks("vi"):
        text += " " + _("It does not speak Vietnamese.")
    title = _("Chat with {model}").format(model=model.title) if has_chats else _("Chat with {model} now").format(model=model.title)
    return Begin(title, text, _("New chat"), model=str(model.path))


def model_rows(models: Sequence[TextModel]) -> list[ModelRow]:
    """What is on this computer already, broken files with the reason."""
    rows = []
    for model in models:
        facts = [size(model.size_bytes), model.quantisation, model.licence, source_words(model.source)]
        rows.append(ModelRow(model.title, " · ".join(fact for fact in facts if fact), str(model.path), _trouble(model)))
    return rows


def _trouble(model: TextModel) -> str:
    if model.trouble is None:
        return ""
    said = tell(model.trouble)
    return said.detail or said.title


def source_words(source: str) -> str:
    """Where a model comes from."""
    return {"starter": _("starter model"), "localstory": _("models folder"), "folder": _("a folder of yours")}.get(source, source)


def last_chat(chats: Sequence[Chat]) -> tuple[int, str] | None:
    """The chat to go on with, as (id, title)."""
    return (chats[0].id, chats[0].title or _("New chat")) if chats else None
