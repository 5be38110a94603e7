"""What a computer can do in one sentence: up to which size models fit and write at least as fast as one reads.

A rule for a first look, from the same budgets and speeds as the fit check; the fit check itself reads the model's header.
"""

from __future__ import annotations

from dataclasses import dataclass

from localstory.fit.budget import budget_of
from localstory.fit.speed import Device, graphics_device, processor_device
from localstory.fit.verdict import FINE_TPS
from localstory.hardware.machine import Machine
from localstory.hardware.plain_words import ROOM_BESIDE, common_size
from localstory.words import _, number

BYTES_PER_PARAMETER = 0.611
"""Q4_K_M: 4.89 bits a weight over a whole file (llama.cpp tools/quantize README)."""


@dataclass(frozen=True, slots=True)
class Overview:
    """Billions of parameters of the largest usual size that is comfortable here, and that fits at all; None: none is."""

    comfortable: float | None
    fits: float | None
    on_card: float | None
    """Billions of the largest usual size that a graphics card holds whole; None without a card that can be used."""
    speed_is_known: bool
    """False when nobody has measured the memory and the card doesn't tell: then `comfortable` looks at the memory only."""


def overview(machine: Machine) -> Overview | None:
    """What this machine can do with 4-bit models; None when its memory is not known. Pure."""
    budget = budget_of(machine)
    places: list[tuple[float, float | None]] = []
    """(what fits, what keeps pace), in billions."""
    if budget.memory is not None:
        measured = machine.memory.read_gbps is not None
        places.append((_holds(budget.memory.budget_bytes), _keeps_pace(processor_device(machine)) if measured else None))
    cards = [(_holds(card.pool.budget_bytes), _keeps_pace(graphics_device(card.gpu)) if card.gpu.bandwidth_gbps else None) for card in budget.cards]
    places += cards
    if not places:
        return None
    best, known = max((min(fits, pace) if pace is not None else fits, pace is not None) for fits, pace in places)
    on_card = common_size(max(fits for fits, _pace in cards)) if cards else None
    return Overview(common_size(best), common_size(max(fits for fits, _pace in places)), on_card, known)


def headline(seen: Overview) -> tuple[str, str]:
    """The sentence for people, and one that says what limits it (may be empty), in the language in use."""
    if seen.comfortable is None:
        if seen.fits is None:
            return _("Too little memory is free for language models."), _("Close other programs, or use a model that runs elsewhere.")
        return _("Models run here, but write slower than one reads."), _("Models up to about {size} fit.").format(size=billions(seen.fits))
    told = _("Comfortable with models up to about {size}").format(size=billions(seen.comfortable))
    if not seen.speed_is_known:
        fits = _("Models up to about {size} fit.").format(size=billions(seen.comfortable))
        return fits, _("How fast they write is not known before the memory is measured.")
    where = _("They run on the processor.")
    if seen.on_card is not None and seen.on_card >= seen.comfortable:
        where = _("They run on the graphics card.")
    elif seen.on_card is not None:
        where = _("Up to about {size} fit on the graphics card and are fastest there.").format(size=billions(seen.on_card))
    if seen.fits is not None and seen.fits > seen.comfortable:
        more = _("Up to about {size} fit, but write slower than one reads; mixtures of experts are the exception.").format(size=billions(seen.fits))
        return told, f"{where} {more}"
    return told, where


def billions(count: float) -> str:
    """ "8 billion parameters", "135 million parameters"."""
    if count < 0.9995:
        return _("{count} million parameters").format(count=number(count * 1000))
    return _("{count} billion parameters").format(count=number(count, 1 if abs(count - round(count)) >= 0.05 else 0))


def _holds(budget_bytes: int) -> float:
    return max(0.0, budget_bytes / ROOM_BESIDE / BYTES_PER_PARAMETER / 1e9)


def _keeps_pace(device: Device) -> float:
    return device.part * device.bandwidth_gbps / FINE_TPS / BYTES_PER_PARAMETER
