"""What a computer can do, in one sentence: held against the recorded machines and against the fit check's own answers."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from localstory import words
from localstory.fit.overview import Overview, headline, overview
from localstory.hardware.machine import Cpu, Disk, Machine, Memory
from localstory.hardware.saved import read_machine

MACHINES = Path(__file__).parents[2] / "data/fit/machines"
GIB = 1 << 30


@pytest.mark.parametrize(("name", "comfortable", "on_card"), [
    ("netbook-4gb-n4020", 0.6, None), ("macbook-air-8gb-m1", 4, 4), ("laptop-16gb-rtx-4060", 12, 8), ("laptop-32gb-ryzen-7840u", 8, None),
    ("macbook-36gb-m4-max", 32, 32), ("desktop-64gb-rtx-4090", 32, 32), ("container-6gb-of-16gb", 4, None),
])  # fmt: skip
def test_recorded_machines_are_told_what_they_can_do(name: str, comfortable: float, on_card: float | None) -> None:
    seen = overview(read_machine(MACHINES / f"{name}.json"))
    assert seen is not None and (seen.comfortable, seen.on_card) == (comfortable, on_card)


def test_more_memory_and_more_speed_never_make_it_worse() -> None:
    machine = read_machine(MACHINES / "laptop-16gb-ryzen-5700u.json")
    sizes = []
    for factor in (0.3, 0.6, 1.0, 2.0):
        memory = replace(machine.memory, total_bytes=round(16 * GIB * factor), available_bytes=round(12 * GIB * factor), read_gbps=41.0 * factor)
        seen = overview(replace(machine, memory=memory, gpus=()))
        assert seen is not None
        sizes.append(seen.comfortable or 0.0)
    assert sizes == sorted(sizes) and sizes[0] < sizes[-1]


def test_without_a_measurement_only_the_memory_is_looked_at_and_that_is_said() -> None:
    machine = read_machine(MACHINES / "laptop-32gb-i7-1360p.json").with_read_speed(None)
    seen = overview(machine)
    assert seen is not None and seen.comfortable == 24 and not seen.speed_is_known
    assert "not known" in headline(seen)[1]


def test_unknown_memory_makes_no_promise() -> None:
    assert overview(Machine("", Cpu(None, None, None, None, None, None), Memory(None, None, None), (), Disk("", None))) is None


@pytest.mark.parametrize("language", ["en", "vi"])
@pytest.mark.parametrize("seen", [Overview(8, 24, None, True), Overview(8, 8, 8, True), Overview(12, 12, 8, True), Overview(0.6, 0.6, None, True),
    Overview(None, None, None, True), Overview(None, 3, None, True), Overview(24, 24, None, False)])  # fmt: skip
def test_every_case_is_worded(seen: Overview, language: str) -> None:
    words.use_language(language)
    try:
        told, limit = headline(seen)
        assert told and "{" not in told + limit and "None" not in told + limit
    finally:
        words.use_language("en")
