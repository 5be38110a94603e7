"""The answer in one word and one sentence: does it run here, how well, and why. Thresholds: facts/fit.md, §8."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

from localstory.fit import place
from localstory.fit.budget import Budget
from localstory.fit.estimate import Placement
from localstory.fit.need import MemoryNeed
from localstory.fit.shape import ModelShape
from localstory.fit.speed import Speed
from localstory.words import _, number, size

Code: TypeAlias = Literal["runs_well", "little_room", "partly", "slow", "very_slow", "from_disk", "does_not_fit", "unknown"]
Level: TypeAlias = Literal["good", "fair", "poor", "no", "unknown"]

COMFORTABLE_TPS, FINE_TPS, SLOW_TPS = 15.0, 7.0, 3.0
"""People read some 5 to 7 tokens a second."""

_LEVELS: dict[Code, Level] = {
    "runs_well": "good", "little_room": "fair", "partly": "fair", "slow": "fair", "very_slow": "poor", "from_disk": "poor", "does_not_fit": "no",
    "unknown": "unknown",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Verdict:
    """What was decided, with the numbers that decided it; `title()` and `why()` word it in the language in use."""

    code: Code
    where: Literal["graphics", "memory", "both"]
    """Which memory the sentence is about."""
    need_bytes: int
    have_bytes: int | None
    layers: tuple[int, int] | None = None
    """Layers on graphics, of all, when only a part is there."""
    experts_on_processor: bool = False
    tokens_per_second: float | None = None

    @property
    def level(self) -> Level:
        return _LEVELS[self.code]

    @property
    def runs(self) -> bool:
        """True when it can be loaded without grinding the disk."""
        return self.level in ("good", "fair") or self.code == "very_slow"

    def title(self) -> str:
        """ "Runs well"."""
        return {
            "runs_well": _("Runs well"),
            "little_room": _("Fits, with little room"),
            "partly": _("Runs, partly on the processor"),
            "slow": _("Runs slowly"),
            "very_slow": _("Runs very slowly"),
            "from_disk": _("Would read from the disk all the time"),
            "does_not_fit": _("Does not fit"),
            "unknown": _("Can't tell"),
        }[self.code]

    def why(self) -> str:
        """The reason in one sentence."""
        need = size(self.need_bytes)
        if self.have_bytes is None:
            return _("It needs {need}; how much memory is free here is not known.").format(need=need)
        have = size(self.have_bytes)
        about = number(self.tokens_per_second or 0, 0 if (self.tokens_per_second or 0) >= 3 else 1)
        match self.code:
            case "does_not_fit" if self.where == "graphics":
                return _("It needs {need} of the graphics card's memory; a model may take {have} there.").format(need=need, have=have)
            case "does_not_fit":
                return _("It needs {need}; a model may take {have} of this computer's memory.").format(need=need, have=have)
            case "from_disk":
                return _("It needs {need}, a model may take {have}: the rest would be read from the disk again for every word.").format(need=need, have=have)
            case "partly" if self.experts_on_processor:
                return _("All layers fit on the graphics card, some experts stay with the processor: about {tps} tokens a second.").format(tps=about)
            case "partly" if self.layers is not None:
                return _("{some} of {all} layers run on the graphics card, the rest on the processor: about {tps} tokens a second.").format(
                    some=self.layers[0], all=self.layers[1], tps=about
                )
            case "slow" | "very_slow":
                return _("It needs {need} of {have} and writes about {tps} tokens a second; people read about 7.").format(need=need, have=have, tps=about)
        if self.where == "graphics":
            return _("It needs {need} of the {have} a model may take on the graphics card; about {tps} tokens a second.").format(
                need=need, have=have, tps=about
            )
        return _("It needs {need} of the {have} a model may take here; about {tps} tokens a second.").format(need=need, have=have, tps=about)


def verdict(shape: ModelShape, placement: Placement, need: MemoryNeed, budget: Budget, speed: Speed) -> Verdict:
    """Decide. Pure: the same need, budget and speed give the same verdict."""
    tps = speed.middle_tps
    memory_need, anonymous = place.memory_bytes(need, budget), place.anonymous_bytes(need, budget)
    memory = budget.memory
    whole = placement.gpu_layers > shape.layers_all and not placement.processor_experts
    if placement.gpu_layers and not place.card_fits(need, budget):
        worst = max(need.graphics, key=lambda device: device.total_bytes - _card_budget(device.name, budget))
        return Verdict("does_not_fit", "graphics", worst.total_bytes, _card_budget(worst.name, budget))
    if memory is None:
        return Verdict("unknown", "memory", need.total_bytes, None, tokens_per_second=tps)
    if anonymous > memory.budget_bytes:
        return Verdict("does_not_fit", "memory", memory_need, memory.budget_bytes)
    if memory_need > memory.budget_bytes:
        # A mapped file may be larger than what is free: it runs, from the disk. On a full card the file's pages are not needed.
        return Verdict("from_disk", "memory", memory_need, memory.budget_bytes)
    if placement.gpu_layers and not whole:
        # The output comes first and is none of the layers people count.
        layers = (max(0, placement.gpu_layers - 1), shape.layers_all)
        code: Code = "partly" if tps >= SLOW_TPS else "very_slow"
        return Verdict(code, "both", need.total_bytes, memory.budget_bytes + _cards_budget(budget), layers, placement.processor_experts > 0, tps)
    if whole and not any(card.shared for card in budget.cards):
        code = "runs_well" if place.is_roomy(need, budget) else "little_room"
        return Verdict(code, "graphics", sum(device.total_bytes for device in need.graphics), _cards_budget(budget), tokens_per_second=tps)
    if tps < SLOW_TPS:
        code = "very_slow"
    elif tps < FINE_TPS:
        code = "slow"
    else:
        code = "runs_well" if place.is_roomy(need, budget) else "little_room"
    return Verdict(code, "memory", memory_need, memory.budget_bytes, tokens_per_second=tps)


def _card_budget(name: str, budget: Budget) -> int:
    return next((card.pool.budget_bytes for card in budget.cards if card.name == name), 0)


def _cards_budget(budget: Budget) -> int:
    return sum(card.pool.budget_bytes for card in budget.cards)
