"""Graphics cards that engine packs see: each card once, usable by those builds that see it, and by no other."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from localstory.hardware.machine import Cpu, Disk, EngineDevice, Gpu, InstalledEngine, Machine, Memory, join_engine, seen_by
from localstory.hardware.plain_words import in_plain_words

GIB = 1 << 30
CARD = Gpu("NVIDIA GeForce RTX 4070", "nvidia", "cuda", 12 * GIB, 11 * GIB, integrated=False, pci="0000:01:00.0")
PROCESSOR = EngineDevice("CPU", "AMD Ryzen", "cpu", 32 * GIB, 20 * GIB)


def device(name: str, pack: str, *, about: str = "NVIDIA GeForce RTX 4070", pci: str | None = "0000:01:00.0") -> EngineDevice:
    return EngineDevice(name, about, "gpu", 12 * GIB, 11 * GIB, pci, pack)


def machine(*devices: EngineDevice, gpus: tuple[Gpu, ...] = (CARD,)) -> Machine:
    plain = Machine("Linux", Cpu("AMD Ryzen", "x86_64", 8, 8, 16, ("avx2",)), Memory(32 * GIB, 20 * GIB, None), gpus, Disk("/models", GIB))
    return join_engine(plain, InstalledEngine("llama_cpp", "0.3.36", ("cuda", "vulkan"), (PROCESSOR, *devices)))


def test_a_card_that_two_packs_see_is_one_card() -> None:
    seen = machine(device("CUDA0", "nhanh"), device("Vulkan0", "khắp nơi"))
    assert [(gpu.name, gpu.usable, gpu.engine_device) for gpu in seen.gpus] == [(CARD.name, True, "CUDA0")]


def test_a_card_that_only_packs_know_of_is_one_card_too() -> None:
    other = [device("CUDA0", "nhanh", about="NVIDIA RTX A2000"), device("Vulkan0", "khắp nơi", about="NVIDIA RTX A2000")]
    assert [gpu.name for gpu in machine(*other, gpus=()).gpus] == ["NVIDIA RTX A2000"]


def test_two_cards_of_a_kind_stay_two() -> None:
    two = [device("CUDA0", "nhanh"), device("CUDA1", "nhanh", pci="0000:02:00.0")]
    seen = machine(*two, gpus=(CARD, replace(CARD, pci="0000:02:00.0")))
    assert [gpu.engine_device for gpu in seen.gpus] == ["CUDA0", "CUDA1"]


@pytest.mark.parametrize(("pack", "usable", "name"), [("nhanh", True, "CUDA0"), ("khắp nơi", True, "Vulkan0"), ("", False, "CUDA0"), ("khác", False, "CUDA0")])
def test_each_build_is_asked_about_what_it_sees_itself(pack: str, usable: bool, name: str) -> None:
    seen = seen_by(machine(device("CUDA0", "nhanh"), device("Vulkan0", "khắp nơi")), pack)
    (gpu,) = seen.gpus
    assert (gpu.usable, gpu.engine_device) == (usable, name)
    assert bool(gpu.why_not) is not usable
    assert seen.engine is not None and {one.pack for one in seen.engine.devices or ()} <= {pack}


def test_without_packs_nothing_changes() -> None:
    plain = machine(device("CUDA0", ""))
    assert seen_by(plain, "").gpus == plain.gpus
    unasked = replace(plain, engine=InstalledEngine("llama_cpp", "0.3.36"))
    assert seen_by(unasked, "") is unasked


def test_a_saved_machine_keeps_the_packs() -> None:
    there = machine(device("CUDA0", "nhanh 🐉"))
    told = json.loads(json.dumps(there.as_json()))
    assert Machine.from_json(told) == there
    assert [row.get("pack") for row in told["engine"]["devices"]] == [None, "nhanh 🐉"]


def test_people_read_which_packs_are_here() -> None:
    facts = {fact.title: fact.meaning for fact in in_plain_words(machine(device("CUDA0", "nhanh")))}
    assert facts["Text engine"] == "With the engine packs: nhanh"
