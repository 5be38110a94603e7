"""Budgets: reserves, shared memory counted once, containers, screens."""

from __future__ import annotations

from dataclasses import replace

import pytest

from localstory.fit.budget import budget_of, system_reserve_bytes, usable_cards
from localstory.hardware.machine import Cpu, Disk, Gpu, Machine, Memory

GIB = 1 << 30
CPU = Cpu("X", "x86_64", 8, 8, 16, ("avx2",))


def machine(total: float | None, available: float | None, *gpus: Gpu, limit: float | None = None) -> Machine:
    def bytes_(gib: float | None) -> int | None:
        return None if gib is None else int(gib * GIB)

    return Machine("Linux", CPU, Memory(bytes_(total), bytes_(available), bytes_(limit), 40.0), gpus, Disk("/m", None))


def nvidia(total: float, free: float, name: str = "NVIDIA GeForce RTX 3060", usable: bool | None = True) -> Gpu:
    return Gpu(name, "nvidia", "cuda", int(total * GIB), int(free * GIB), False, 360.0, usable)


def test_a_gibibyte_stays_for_the_system_and_more_on_a_large_computer() -> None:
    assert system_reserve_bytes(8 * GIB) == GIB
    assert system_reserve_bytes(64 * GIB) == pytest.approx(5.12 * GIB, rel=1e-6)
    memory = budget_of(machine(8, 6)).memory
    assert memory is not None and memory.budget_bytes == 5 * GIB


def test_unknown_memory_stays_unknown() -> None:
    assert budget_of(machine(None, None)).memory is None


def test_a_card_keeps_half_a_gibibyte_beside_the_drivers_own_and_a_small_second_one_less() -> None:
    (card,) = budget_of(machine(32, 28, nvidia(12, 11.5))).cards
    assert card.pool.budget_bytes == 11 * GIB
    screen = Gpu("Intel UHD", "intel", "vulkan", None, None, True)
    (small,) = budget_of(machine(16, 12, nvidia(4, 3.9), screen)).cards
    assert small.pool.budget_bytes == pytest.approx((3.9 - 0.125) * GIB, abs=2)


def test_a_laptops_only_card_also_draws_the_screen() -> None:
    (card,) = budget_of(machine(16, 12, nvidia(8, 7.5, "NVIDIA GeForce RTX 4060 Laptop GPU"))).cards
    assert card.pool.budget_bytes == pytest.approx(6.7 * GIB, rel=0.01)


def test_what_the_driver_says_of_the_screen_is_believed() -> None:
    """A small second card that draws the screen keeps the whole reserve; a laptop's only card that doesn't needs no more."""
    other = Gpu("Intel UHD", "intel", "vulkan", None, None, True)
    (small,) = budget_of(machine(16, 12, replace(nvidia(4, 3.9), drives_display=True), other)).cards
    assert small.pool.budget_bytes == pytest.approx((3.9 - 0.5) * GIB, abs=2)
    (laptop,) = budget_of(machine(16, 12, replace(nvidia(8, 7.5, "NVIDIA GeForce RTX 4060 Laptop GPU"), drives_display=False))).cards
    assert laptop.pool.budget_bytes == pytest.approx(7.0 * GIB, abs=2)


def test_a_card_the_engine_can_not_use_gives_nothing() -> None:
    assert usable_cards(machine(32, 28, nvidia(12, 11.5, usable=False))) == []


def test_apples_working_set_is_shared_and_bounded_by_what_is_free() -> None:
    gpu = Gpu("Apple M1", "apple", "metal", int(5.3 * GIB), None, True, 68.0, True)
    (card,) = budget_of(machine(8, 4.0, gpu)).cards
    assert card.shared
    assert card.pool.budget_bytes == pytest.approx(0.85 * 4.0 * GIB, rel=1e-6)


def test_the_graphics_part_of_a_processor_steps_back_behind_a_card_of_its_own() -> None:
    own = nvidia(8, 7.5)
    part = Gpu("AMD Radeon 780M", "amd", "vulkan", 16 * GIB, 15 * GIB, True, 90.0, True)
    assert usable_cards(machine(32, 28, part, own)) == [own]
    assert usable_cards(machine(32, 28, part)) == [part]


def test_more_memory_is_a_what_if() -> None:
    now, then = budget_of(machine(8, 5)), budget_of(machine(8, 5), extra_memory_bytes=8 * GIB)
    assert now.memory is not None and then.memory is not None
    assert then.memory.budget_bytes == pytest.approx(now.memory.budget_bytes + 8 * GIB - 0.28 * GIB, rel=0.01)


def test_a_container_of_six_gibibytes_on_a_large_machine_is_a_small_machine() -> None:
    budget = budget_of(machine(64, 5.5, limit=6))
    assert budget.memory is not None and budget.memory.budget_bytes == 4.5 * GIB
    assert budget.total_memory_bytes is not None and budget.total_memory_bytes < 6 * GIB
