"""Which parts of a model go onto which device: everything on graphics if it fits, else as much as fits.

Dense models give up layers from the front; a mixture of experts keeps its layers on graphics and gives up experts first,
since a token reads few of them (facts/fit.md, §4: 30B-A3B writes 34 tokens a second from an 8 GB card).
"""

from __future__ import annotations

from collections.abc import Callable

from localstory.fit.budget import ROOMY, Budget
from localstory.fit.estimate import ON_PROCESSOR, GraphicsSlot, Placement
from localstory.fit.need import MemoryNeed
from localstory.fit.shape import ModelShape

NeedOf = Callable[[Placement], MemoryNeed]


def slots(budget: Budget) -> tuple[GraphicsSlot, ...]:
    """The cards of a budget as places for layers, by the memory each may give."""
    return tuple(
        GraphicsSlot(card.name, card.gpu.backend or "cuda", float(max(1, card.pool.budget_bytes))) for card in budget.cards if card.pool.budget_bytes > 0
    )


def fits(need: MemoryNeed, budget: Budget, *, part: float = 1.0) -> bool:
    """Whether every device's part is within `part` of its budget; what lies in shared memory counts against both."""
    return card_fits(need, budget, part=part) and memory_fits(need, budget, part=part)


def card_fits(need: MemoryNeed, budget: Budget, *, part: float = 1.0) -> bool:
    """Whether the graphics cards hold their parts."""
    pools = {card.name: card.pool for card in budget.cards}
    return all(device.name in pools and device.total_bytes <= part * pools[device.name].budget_bytes for device in need.graphics)


def memory_bytes(need: MemoryNeed, budget: Budget) -> int:
    """What the computer's own memory has to hold: the processor's part, and those of cards that share it."""
    shared = {card.name for card in budget.cards if card.shared}
    return need.processor.total_bytes + sum(device.total_bytes for device in need.graphics if device.name in shared)


def anonymous_bytes(need: MemoryNeed, budget: Budget) -> int:
    """Of `memory_bytes`, what the system can't drop and read again."""
    shared = {card.name for card in budget.cards if card.shared}
    return need.processor.anonymous_bytes + sum(device.total_bytes for device in need.graphics if device.name in shared)


def memory_fits(need: MemoryNeed, budget: Budget, *, part: float = 1.0) -> bool:
    """Whether the computer's own memory holds its part; unknown memory holds everything."""
    return budget.memory is None or memory_bytes(need, budget) <= part * budget.memory.budget_bytes


def best_placement(shape: ModelShape, budget: Budget, need_of: NeedOf, *, gpu_layers: int | None = None) -> Placement:
    """Where the model goes. `gpu_layers` None: as many as fit; a number: exactly so many (at most all), fitting or not."""
    places = slots(budget)
    if not places or gpu_layers == 0:
        return ON_PROCESSOR
    everything = shape.layers_all + 1
    if gpu_layers is not None:
        return Placement(places, min(gpu_layers, everything) if gpu_layers > 0 else everything)
    whole = Placement(places, everything)
    if _holds(need_of(whole), budget):
        return whole
    if shape.is_moe:
        expert_layers = shape.layers_all
        if _holds(need_of(Placement(places, everything, expert_layers)), budget):
            fewest = least(expert_layers, lambda count: _holds(need_of(Placement(places, everything, count)), budget))
            return Placement(places, everything, fewest)
        layers = most(everything - 1, lambda count: _holds(need_of(Placement(places, count, expert_layers)), budget))
        return Placement(places, layers, expert_layers) if layers else ON_PROCESSOR
    layers = most(everything - 1, lambda count: _holds(need_of(Placement(places, count)), budget))
    # The output layer alone is not worth the way to the card and back.
    return Placement(places, layers) if layers > 1 else ON_PROCESSOR


def is_roomy(need: MemoryNeed, budget: Budget) -> bool:
    """Fits with a tenth to spare on every device."""
    return fits(need, budget, part=ROOMY)


def _holds(need: MemoryNeed, budget: Budget) -> bool:
    """Only the card decides how much goes onto it, except where it shares the computer's memory."""
    if any(card.shared for card in budget.cards):
        return card_fits(need, budget) and memory_fits(need, budget)
    return card_fits(need, budget)


def least(high: int, works: Callable[[int], bool]) -> int:
    """The smallest count in 0..high that works, given that `high` does and working never ends once begun."""
    low = 0
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if works(middle) else (middle + 1, high)
    return low


def most(high: int, works: Callable[[int], bool]) -> int:
    """The largest count in 0..high that works (0 always does)."""
    low = 0
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if works(middle) else (low, middle - 1)
    return low
