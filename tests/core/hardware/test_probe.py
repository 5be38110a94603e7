"""The whole probe on this machine, its JSON, and what it says in plain words."""

from __future__ import annotations

import json
import os
import platform
import shutil
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from localstory.hardware import bandwidth
from localstory.hardware.machine import Cpu, Disk, EngineDevice, Gpu, InstalledEngine, Machine, Memory, join_engine
from localstory.hardware.plain_words import common_size, in_plain_words, parameters_that_fit
from localstory.hardware.probe import free_bytes, memory_now, probe

GIB = 1 << 30
LAPTOP = Machine(
    "Linux", Cpu("Ryzen", "x86_64", 8, 8, 16, ("avx2",)), Memory(16 * GIB, 10 * GIB, None), (), Disk("/m", 100 * GIB), InstalledEngine("llama_cpp", "0.3.36")
)


def test_the_json_has_exactly_the_promised_fields(tmp_path: Path) -> None:
    told = join_engine(probe(tmp_path), InstalledEngine("llama_cpp", "1")).as_json()
    assert list(told)[:6] == ["os", "cpu", "memory", "gpus", "disk", "engine"]
    assert list(told["cpu"]) == ["name", "arch", "physical_cores", "performance_cores", "logical_cores", "features"]
    assert list(told["memory"]) == ["total_bytes", "available_bytes", "limit_bytes", "read_gbps"]
    assert list(told["disk"]) == ["models_dir", "free_bytes"]
    assert list(told["engine"])[:3] == ["name", "version", "devices"]
    gpus = replace(LAPTOP, gpus=(Gpu("x", "amd", "vulkan"),)).as_json()["gpus"]
    promised = ["name", "vendor", "backend", "memory_total_bytes", "memory_free_bytes", "integrated", "bandwidth_gbps", "usable", "why_not"]
    assert list(gpus[0])[:9] == promised
    assert json.loads(json.dumps(told)) == told


def test_the_numbers_are_this_machines(tmp_path: Path) -> None:
    machine = probe(tmp_path)
    assert machine.memory.total_bytes == psutil.virtual_memory().total
    assert machine.memory.available_bytes is not None and 0 < machine.memory.available_bytes <= psutil.virtual_memory().total
    assert machine.memory.read_gbps is None
    assert machine.cpu.arch == {"AMD64": "x86_64", "arm64": "aarch64"}.get(platform.machine(), platform.machine())
    assert machine.cpu.logical_cores is not None and 1 <= machine.cpu.logical_cores <= (os.cpu_count() or 1)
    assert machine.disk.free_bytes == pytest.approx(shutil.disk_usage(tmp_path).free, rel=0.05)


def test_a_folder_that_is_not_there_yet_has_the_room_of_its_parent(tmp_path: Path) -> None:
    assert free_bytes(tmp_path / "a" / "b") == pytest.approx(shutil.disk_usage(tmp_path).free, rel=0.05)


def test_a_containers_limit_counts_where_it_is_tighter(monkeypatch: pytest.MonkeyPatch) -> None:
    from localstory.hardware import cgroups, linux

    monkeypatch.setattr(linux, "memory_limit", lambda: cgroups.MemoryLimit(GIB, GIB // 2))
    assert (memory_now().limit_bytes, memory_now().available_bytes) == (GIB, GIB // 2)
    monkeypatch.setattr(linux, "memory_limit", lambda: cgroups.MemoryLimit(1 << 50, 1 << 50))
    assert memory_now().limit_bytes is None


def test_a_quota_of_one_and_a_half_processors_leaves_two(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from localstory.hardware import linux

    monkeypatch.setattr(linux, "allowed_processors", lambda: 0.5)
    cpu = probe(tmp_path).cpu
    assert (cpu.logical_cores, cpu.physical_cores, cpu.performance_cores) == (1, 1, 1)


def test_the_command_is_quick_and_loads_no_engine() -> None:
    code = """
import sys
from localstory.cli import main
code = main(["probe", "--json"])
print(sorted(name for name in sys.modules if name.split(".")[0] in ("llama_cpp", "numpy", "onnxruntime", "PySide6")), file=sys.stderr)
sys.exit(code)
"""
    seconds = []
    for _attempt in range(3):
        started = time.perf_counter()
        ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=30)
        seconds.append(time.perf_counter() - started)
        assert ended.stderr.strip() == "[]"
        assert json.loads(ended.stdout)["memory"]["read_gbps"] is None
    assert min(seconds) < 1.5  # 0.19 s on an idle machine (tests/bench/fit.py holds the promise of 0.5 s); this one may be busy


def test_memory_is_measured_only_when_asked_and_within_reason() -> None:
    rate = bandwidth.measure_read(threads=1, available_bytes=None, seconds=0.1)
    assert rate is not None and 0.5 < rate < 2000
    assert bandwidth.measure_read(threads=4, available_bytes=100 << 20) is None


def test_memory_that_is_slow_to_come_does_not_hold_the_measurement_up() -> None:
    started = time.perf_counter()
    rate = bandwidth.measure_read(threads=2, available_bytes=None, seconds=0.1, touch_seconds=0.0)
    assert rate is not None and rate > 0.5
    assert time.perf_counter() - started < 2.0


def test_every_number_has_its_source_and_the_source_a_number(tmp_path: Path) -> None:
    machine = probe(tmp_path)
    told = machine.as_json()
    for field in told["sources"]:
        value: object = told
        for part in field.split("."):
            value = value[int(part)] if isinstance(value, list) else value[part]  # type: ignore[index]
        assert value is not None, field
    for field in ("total_bytes", "available_bytes"):
        assert machine.source_of(f"memory.{field}")
    assert machine.source_of("memory.read_gbps") is None


# -- the engine's view ------------------------------------------------------------------------------------------------

CARD = Gpu("RTX 4090", "nvidia", "cuda", 24 * GIB, 23 * GIB, False, 1008.0, pci="00000000:01:00.0")
ENGINE = InstalledEngine("llama_cpp", "1", ("cuda",))


def test_a_card_is_usable_when_the_engine_is_built_for_it() -> None:
    def usable(engine: InstalledEngine, gpu: Gpu = CARD) -> bool | None:
        return join_engine(replace(LAPTOP, gpus=(gpu,)), engine).gpus[0].usable

    seen = EngineDevice("CUDA0", "NVIDIA GeForce RTX 4090", "gpu", 24 * GIB, 23 * GIB, "0000:01:00.0")
    assert usable(InstalledEngine("llama_cpp", "1")) is False
    assert usable(InstalledEngine("llama_cpp", None)) is False
    assert usable(InstalledEngine("llama_cpp", "1", ("metal",))) is False
    assert usable(ENGINE) is None
    assert usable(replace(ENGINE, devices=(seen,))) is True
    assert usable(replace(ENGINE, devices=(replace(seen, pci="0000:02:00.0"),))) is False
    assert usable(replace(ENGINE, devices=())) is False
    assert usable(replace(ENGINE, backends=("vulkan",), devices=(replace(seen, pci=None),))) is True


def test_what_the_engine_sees_is_in_the_list_even_where_the_system_is_silent() -> None:
    """A container without /sys/class/drm; Windows, which doesn't tell how much of a card's memory is free."""
    seen = EngineDevice("Vulkan0", "AMD Radeon 780M (RADV PHOENIX)", "igpu", 8 * GIB, 7 * GIB)
    engine = InstalledEngine("llama_cpp", "1", ("vulkan",), (EngineDevice("CPU", "Ryzen", "cpu", 16 * GIB, 16 * GIB), seen))
    (alone,) = join_engine(LAPTOP, engine).gpus
    assert (alone.name, alone.vendor, alone.backend, alone.usable, alone.integrated) == (seen.description, "amd", "vulkan", True, True)
    assert (alone.memory_total_bytes, alone.memory_free_bytes, alone.engine_device) == (8 * GIB, 7 * GIB, "Vulkan0")
    (known,) = join_engine(replace(LAPTOP, gpus=(Gpu("Phoenix1", "amd", "vulkan", 9 * GIB, None, True),)), engine).gpus
    assert (known.name, known.memory_total_bytes, known.memory_free_bytes, known.usable) == ("Phoenix1", 9 * GIB, 7 * GIB, True)


def test_metal_knows_what_macos_lends_to_graphics() -> None:
    """16 GB M4: 11,453 MiB, where the rule of thumb says 67 % (facts/fit.md, §7)."""
    mac = replace(LAPTOP, gpus=(Gpu("Apple M4", "apple", "metal", 16 * GIB * 67 // 100, None, True, 120.0),), sources=(("gpus.0.memory_total_bytes", "guess"),))
    engine = InstalledEngine("llama_cpp", "1", ("metal",), (EngineDevice("MTL0", "Apple M4", "gpu", 11453 << 20, 11453 << 20),))
    joined = join_engine(mac, engine)
    assert (joined.gpus[0].memory_total_bytes, joined.gpus[0].memory_free_bytes, joined.gpus[0].bandwidth_gbps) == (11453 << 20, 11453 << 20, 120.0)
    assert joined.source_of("gpus.0.memory_total_bytes") == "ggml_backend_dev_get_props"


def test_two_cards_of_a_kind_are_not_taken_for_one() -> None:
    cards = (replace(CARD, pci="00000000:01:00.0"), replace(CARD, pci="00000000:02:00.0", memory_free_bytes=3 * GIB))
    engine = replace(ENGINE, devices=(EngineDevice("CUDA0", CARD.name or "", "gpu", 24 * GIB, GIB, "0000:02:00.0"),))
    first, second = join_engine(replace(LAPTOP, gpus=cards), engine).gpus
    assert (first.usable, second.usable, second.engine_device, second.memory_free_bytes) == (False, True, "CUDA0", 3 * GIB)
    assert first.why_not is not None
    same = replace(ENGINE, devices=(EngineDevice("CUDA0", CARD.name or "", "gpu", None, None), EngineDevice("CUDA1", CARD.name or "", "gpu", None, None)))
    assert [gpu.engine_device for gpu in join_engine(replace(LAPTOP, gpus=tuple(replace(one, pci=None) for one in cards)), same).gpus] == ["CUDA0", "CUDA1"]


def test_a_reason_from_below_is_kept() -> None:
    gpu = replace(CARD, usable=False, why_not="The NVIDIA driver is not installed or does not answer.")
    joined = join_engine(replace(LAPTOP, gpus=(gpu,)), ENGINE).gpus[0]
    assert joined.why_not == gpu.why_not


# -- in plain words ---------------------------------------------------------------------------------------------------


def test_the_rule_of_thumb_holds_against_real_files() -> None:
    """Llama 3.1 8B Q4_K_M: 4.92 GB, with 8k context about 6.2 GB."""
    assert parameters_that_fit(6_200_000_000) == pytest.approx(8.0, rel=0.1)
    assert common_size(8.2) == 8
    assert common_size(0.05) is None


def test_a_laptop_is_told_in_words() -> None:
    told = {fact.title: fact for fact in in_plain_words(replace(LAPTOP, memory=replace(LAPTOP.memory, read_gbps=45.0)))}
    assert told["Processor"].value == "Ryzen, 8 cores"
    assert told["Memory"].value == "16.0 GiB, 10.0 GiB free"
    assert "8 billion" in told["Memory"].meaning or "12 billion" in told["Memory"].meaning
    assert told["Graphics card"].meaning == "Models run on the processor."
    assert told["Memory speed"].value == "45 GB/s"


def test_little_memory_an_old_processor_and_an_unusable_card_are_told_too() -> None:
    poor = replace(
        LAPTOP, memory=Memory(2 * GIB, GIB, None), cpu=replace(LAPTOP.cpu, features=("sse3",)), gpus=(replace(CARD, usable=False, why_not="No driver."),)
    )
    told = {fact.title: fact.meaning for fact in in_plain_words(poor)}
    assert "Close other programs" in told["Memory"]
    assert "AVX2" in told["Processor"]
    assert told["Graphics card"] == "No driver."


def test_a_card_that_works_says_what_fits_into_it() -> None:
    told = {fact.title: fact.meaning for fact in in_plain_words(replace(LAPTOP, gpus=(replace(CARD, usable=True),)))}
    assert "billion parameters fit into its memory" in told["Graphics card"]


def test_nothing_known_makes_no_rows_of_zeros() -> None:
    unknown = Machine("?", Cpu(None, None, None, None, None, None), Memory(None, None, None), (), Disk("/m", None))
    assert [fact.title for fact in in_plain_words(unknown)] == ["System", "Graphics card"]
