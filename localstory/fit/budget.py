"""How much memory a model may take here: what is free, less what the system and the screen need. Memory that is shared
between processor and graphics is one pool and counts once.

The reserves: facts/fit.md, §8.
"""

from __future__ import annotations

from dataclasses import dataclass

from localstory.hardware.machine import Gpu, Machine

_GIB = 1 << 30
SYSTEM_RESERVE_BYTES, SYSTEM_RESERVE_SHARE = _GIB, 0.08
CARD_RESERVE_BYTES = _GIB // 2
"""llama.cpp's margin is 1 GiB; some 0.45 of it is the driver's own context, which the need counts (estimate.DRIVER_BYTES)."""
SMALL_CARD_BYTES, SMALL_CARD_RESERVE_BYTES = 6 * _GIB + _GIB // 4, _GIB // 8
DISPLAY_RESERVE_BYTES = 3 * _GIB // 10
"""A laptop's card that also drives the screen needs this much more."""
METAL_SHARE = 0.85
ROOMY = 0.90
"""Up to this part of the budget a model has room; above it there is little."""


@dataclass(frozen=True, slots=True)
class Pool:
    """Memory that a device's part of a model has to fit into."""

    budget_bytes: int
    free_bytes: int
    """What is free now, before the reserve."""


@dataclass(frozen=True, slots=True)
class CardPool:
    """A graphics card and what it may hold."""

    gpu: Gpu
    name: str
    """As the engine calls it ("CUDA0"), or its place among the usable cards ("GPU0") when the engine wasn't asked."""
    pool: Pool
    shared: bool
    """Its memory is the computer's own: what it holds counts against `Budget.memory` too."""


@dataclass(frozen=True, slots=True)
class Budget:
    """All there is for a model on a machine. `memory` is None when the machine doesn't tell its memory."""

    memory: Pool | None
    cards: tuple[CardPool, ...]
    total_memory_bytes: int | None
    """The budget if every other program were closed."""


def system_reserve_bytes(total_bytes: int | None) -> int:
    """What stays for the system: 1 GiB, or 8 % of the memory if that is more."""
    return max(SYSTEM_RESERVE_BYTES, round((total_bytes or 0) * SYSTEM_RESERVE_SHARE))


def budget_of(machine: Machine, *, extra_memory_bytes: int = 0, reclaimable_bytes: int = 0) -> Budget:
    """The budget on this machine now. Pure.

    `extra_memory_bytes`: what if the computer had that much more; `reclaimable_bytes`: memory of our own that a load
    would free (the model that is loaded now).
    """
    total, available = machine.memory.usable_total_bytes, machine.memory.available_bytes
    memory = closed = None
    if available is not None:
        free = available + reclaimable_bytes + extra_memory_bytes
        whole = None if total is None else total + extra_memory_bytes
        if whole is not None:
            free = min(free, whole)
        memory = Pool(max(0, free - system_reserve_bytes(whole)), free)
    if total is not None:
        # The system and a desktop alone keep about this much (facts: 8 %, at least 1 GiB) beside the reserve.
        closed = max(0, total + extra_memory_bytes - 2 * system_reserve_bytes(total + extra_memory_bytes))
    cards = tuple(
        CardPool(gpu, gpu.engine_device or f"GPU{index}", _card(gpu, machine, memory, extra_memory_bytes), bool(gpu.integrated))
        for index, gpu in enumerate(usable_cards(machine))
    )
    return Budget(memory, cards, closed)


def usable_cards(machine: Machine) -> list[Gpu]:
    """Cards a model would be put on: those the engine can use, with a memory we know; one shared card only if it is alone.

    The graphics part of an ordinary processor is left out: decoding there is often slower than on the cores (258V: 5.5
    against 11.6 tokens a second), so it has to be measured first. Apple's is the exception.
    """
    known = [gpu for gpu in machine.gpus if gpu.usable is not False and gpu.memory_total_bytes]
    own = [gpu for gpu in known if not gpu.integrated]
    if own:
        return own
    return [gpu for gpu in known if gpu.vendor == "apple" or gpu.bandwidth_gbps is not None][:1]


def _card(gpu: Gpu, machine: Machine, memory: Pool | None, extra_memory_bytes: int) -> Pool:
    total = gpu.memory_total_bytes or 0
    if gpu.vendor == "apple":
        # The working set grows with the memory: the same part of what would be there.
        have = machine.memory.usable_total_bytes or 0
        allowed = total + (extra_memory_bytes * total // have if have else 0)
        free = min(allowed, memory.free_bytes) if memory is not None else allowed
        return Pool(int(METAL_SHARE * free), free)
    free = gpu.memory_free_bytes if gpu.memory_free_bytes is not None else total
    if gpu.integrated:
        free = min(free, memory.free_bytes) if memory is not None else free
        return Pool(max(0, min(free - CARD_RESERVE_BYTES, memory.budget_bytes if memory is not None else free)), free)
    # Where the driver doesn't tell, the screen hangs on the other adapter if there is one, as in most laptops.
    drives = gpu.drives_display if gpu.drives_display is not None else all(one is gpu for one in machine.gpus)
    reserve = SMALL_CARD_RESERVE_BYTES if total <= SMALL_CARD_BYTES and not drives else CARD_RESERVE_BYTES
    if drives and gpu.name and "laptop" in gpu.name.casefold():
        reserve += DISPLAY_RESERVE_BYTES
    return Pool(max(0, free - reserve), free)
