"""Saved machines: read back as they were, or refused with the field's name."""

from __future__ import annotations

import contextlib
import copy
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from localstory.errors import FileTrouble
from localstory.hardware.machine import Cpu, Disk, EngineDevice, Gpu, GpuUser, InstalledEngine, Machine, Memory
from localstory.hardware.probe import probe
from localstory.hardware.saved import BadMachine, read_machine
from localstory.words import tell

GIB = 1 << 30
FULL = Machine(
    "Windows 11",
    Cpu("AMD Ryzen 9 7950X", "x86_64", 16, 16, 32, ("avx2", "avx512f")),
    Memory(64 * GIB, 50 * GIB, 60 * GIB, 61.5),
    (
        Gpu("RTX 4090", "nvidia", "cuda", 24 * GIB, 20 * GIB, False, 1008.1, False, "Không dùng được 🖥", "0000:01:00.0", True, "NVIDIA 580.95", 24 * GIB, None,
            (GpuUser("Xorg", 42, GIB), GpuUser(None, None, None)), "CUDA0"),
        Gpu(None, None, None),
    ),
    Disk("D:\\mô hình 🎈", 10 * GIB),
    InstalledEngine("llama_cpp", "0.3.36", ("cuda",), (EngineDevice("CPU", "Ryzen", "cpu", 64 * GIB, None), EngineDevice("CUDA0", "RTX", "gpu", 1, 0, "0:1"))),
    (("memory.read_gbps", "measured"),),
)  # fmt: skip


def test_a_machine_comes_back_as_it_was(tmp_path: Path) -> None:
    for machine in (FULL, probe(tmp_path)):
        assert Machine.from_json(json.loads(json.dumps(machine.as_json()))) == machine


def test_what_is_missing_is_unknown() -> None:
    nothing = Machine("", Cpu(None, None, None, None, None, None), Memory(None, None, None), (), Disk("", None))
    assert Machine.from_json({}) == nothing
    assert Machine.from_json({"os": None, "cpu": None, "gpus": None, "engine": None, "later": {"x": 1}}) == nothing
    assert Machine.from_json({"gpus": [{}]}).gpus == (Gpu(None, None, None),)
    assert Machine.from_json({"engine": {}}).engine == InstalledEngine("", None)


WRONG: list[tuple[str, object]] = [
    ("memory.total_bytes", -1), ("memory.total_bytes", 0), ("memory.total_bytes", "16 GB"), ("memory.total_bytes", 1.5), ("memory.total_bytes", True),
    ("memory.total_bytes", 1 << 60), ("memory.available_bytes", 65 * GIB), ("memory.read_gbps", 0), ("memory.read_gbps", -3.0), ("memory.read_gbps", "40"),
    ("memory.read_gbps", float("nan")), ("memory.read_gbps", float("inf")), ("memory.limit_bytes", []), ("memory", 5), ("memory", []), ("os", 7),
    ("cpu.physical_cores", 0), ("cpu.physical_cores", 10**9), ("cpu.features", "avx2"), ("cpu.features.0", 3), ("gpus", {}), ("gpus.0", "RTX"),
    ("gpus.0.backend", "quantum"), ("gpus.0.usable", 1), ("gpus.0.memory_free_bytes", 25 * GIB), ("gpus.0.bandwidth_gbps", 1e9), ("gpus.0.users", 4),
    ("gpus.0.users.0.pid", "x"), ("gpus.0.name", "\x1b[2J"), ("gpus.0.name", "x" * 5000), ("disk.models_dir", 3), ("disk.free_bytes", -5),
    ("engine", "llama"), ("engine.devices", {}), ("engine.devices.0.memory_total_bytes", "all"), ("sources", []), ("sources.os", 1),
]  # fmt: skip


@pytest.mark.parametrize(("field", "value"), WRONG)
def test_what_can_not_be_is_refused_and_named(field: str, value: object) -> None:
    told: Any = FULL.as_json() | {"sources": {"os": "x"}}
    place, path = told, field.split(".")
    for part in path[:-1]:
        place = place[int(part)] if isinstance(place, list) else place[part]
    place[int(path[-1]) if isinstance(place, list) else path[-1]] = value
    with pytest.raises(BadMachine) as caught:
        Machine.from_json(told)
    assert caught.value.code == "bad_machine"
    assert field in tell(caught.value).detail


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.floats() | st.text(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)))
def test_anything_at_all_is_a_machine_or_refused(anything: object) -> None:
    for untrusted in (anything, {"gpus": [anything], "engine": anything}, {"cpu": anything, "memory": anything, "sources": anything}):
        with contextlib.suppress(BadMachine):
            Machine.from_json(copy.deepcopy(untrusted))


def test_a_file_is_read_and_a_bad_one_is_told(tmp_path: Path) -> None:
    file = tmp_path / "máy tính 🖥.json"
    file.write_text(json.dumps(FULL.as_json()), "utf-8-sig")  # as Windows' editors save it
    assert read_machine(file) == FULL
    for content in (b"", b"{", b"\xff\xfe\x00", b"[" * 100_000, b"[]", b'"text"', b" " * 2_000_000):
        file.write_bytes(content)
        with pytest.raises(BadMachine):
            read_machine(file)
    with pytest.raises(FileTrouble):
        read_machine(tmp_path / "nowhere.json")
    with pytest.raises(FileTrouble):
        read_machine(tmp_path)
