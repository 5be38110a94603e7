"""The recorded machines that the golden tests recommend models for: complete, and in the shape that the probe prints today."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from localstory.hardware.machine import InstalledEngine, Machine, join_engine
from localstory.hardware.plain_words import in_plain_words
from localstory.hardware.probe import probe
from localstory.hardware.saved import read_machine

FILES = sorted((Path(__file__).parents[2] / "data/fit/machines").glob("*.json"))
GIB = 1 << 30


def test_there_are_thirteen() -> None:
    assert len(FILES) == 13


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_a_recorded_machine_is_what_the_probe_would_print(file: Path, tmp_path: Path) -> None:
    machine = read_machine(file)
    told = json.loads(file.read_text("utf-8"))
    assert machine.as_json() == told
    here = join_engine(probe(tmp_path), InstalledEngine("llama_cpp", "1")).as_json()
    assert list(told) == list(here)
    assert all(list(told[part]) == list(here[part]) for part in ("cpu", "memory", "disk", "engine"))
    assert file.with_suffix(".source.md").is_file()


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_a_recorded_machine_makes_sense(file: Path) -> None:
    machine = read_machine(file)
    assert machine.cpu.performance_cores and machine.cpu.physical_cores and machine.cpu.logical_cores
    assert machine.cpu.performance_cores <= machine.cpu.physical_cores <= machine.cpu.logical_cores
    assert machine.memory.usable_total_bytes and machine.memory.available_bytes and machine.memory.read_gbps
    assert 0.2 * machine.memory.usable_total_bytes < machine.memory.available_bytes < machine.memory.usable_total_bytes
    gigabytes = int(file.stem.split("gb")[0].split("-")[-1])
    assert gigabytes * 0.84 * GIB <= machine.memory.usable_total_bytes <= gigabytes * GIB
    for gpu in machine.gpus:
        assert (gpu.usable is False) == (gpu.why_not is not None)
        assert (gpu.engine_device is not None) == (gpu.usable is True)
        assert not (gpu.usable and not gpu.integrated) or (gpu.bandwidth_gbps and gpu.memory_free_bytes)
    assert len(in_plain_words(machine)) >= 6


def test_nvidias_bandwidth_is_bus_width_times_clock() -> None:
    """RTX 3060: 192 bit at 7,501 MHz; RTX 4060 Laptop: 128 at 8,001; RTX 4090: 384 at 10,501."""
    from localstory.hardware.nvidia import bandwidth_gbps

    cards = {gpu.name: gpu.bandwidth_gbps for file in FILES for gpu in read_machine(file).gpus if gpu.vendor == "nvidia"}
    assert cards == {
        "NVIDIA GeForce RTX 3060": pytest.approx(bandwidth_gbps(192, 7501), abs=0.1),
        "NVIDIA GeForce RTX 4060 Laptop GPU": pytest.approx(bandwidth_gbps(128, 8001), abs=0.1),
        "NVIDIA GeForce RTX 4090": pytest.approx(bandwidth_gbps(384, 10501), abs=0.1),
    }


def test_unknown_keys_of_a_newer_version_are_passed_over() -> None:
    told = json.loads(FILES[0].read_text("utf-8"))
    assert Machine.from_json(told | {"npu": {"tops": 50}}) == Machine.from_json(told)
