"""The engine's own list of devices, asked in a real child."""

from __future__ import annotations

import sys
from pathlib import Path

import psutil
import pytest

from localstory.engines.text import devices
from localstory.engines.text.devices import ask_devices, installed_engine
from localstory.errors import NotInstalled
from localstory.paths import open_home


async def test_ggml_sees_the_processor_with_this_machines_memory() -> None:
    loaded_before = "llama_cpp" in sys.modules  # another test's doing, then
    engine = await ask_devices()
    assert engine.devices is not None
    cpu = next(device for device in engine.devices if device.kind == "cpu")
    assert cpu.memory_total_bytes == psutil.virtual_memory().total
    assert cpu.description
    assert ("llama_cpp" in sys.modules) == loaded_before


def test_the_version_is_known_without_loading_anything() -> None:
    engine = installed_engine()
    assert (engine.name, engine.version, engine.devices) == ("llama_cpp", "0.3.36", None)


def test_backends_are_told_by_the_libraries_in_the_engines_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "lib").mkdir()
    for name in ("libggml-cpu.so", "libggml-vulkan.so", "ggml-cuda.dll"):
        (tmp_path / "lib" / name).touch()

    class Spec:
        submodule_search_locations = (str(tmp_path),)

    monkeypatch.setattr(devices, "find_spec", lambda _name: Spec)
    assert installed_engine().backends == ("cuda", "vulkan")


async def test_a_missing_engine_is_told_with_the_command_that_brings_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(devices, "find_spec", lambda _name: None)
    assert installed_engine().version is None
    with pytest.raises(NotInstalled, match=r"packaging/dev\.py"):
        await ask_devices()


async def test_an_engine_that_cannot_be_loaded_is_told_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "llama_cpp.py").write_text("raise ImportError('libgomp.so.1: cannot open shared object file')")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    with pytest.raises(NotInstalled, match=r"libgomp\.so\.1"):
        await ask_devices()


async def test_the_memorys_speed_is_measured_once_in_a_child_and_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = open_home(tmp_path / "nhà 🐉")
    first = await devices.machine_now(home)
    assert first.memory.read_gbps is not None and 0.5 < first.memory.read_gbps < 2000

    async def never(_available_bytes: int | None) -> float:
        raise AssertionError("measured again")

    monkeypatch.setattr(devices, "_measure_read", never)
    again = await devices.machine_now(home)
    assert again.memory.read_gbps == first.memory.read_gbps
    with pytest.raises(AssertionError):
        await devices.machine_now(home, again=True)


@pytest.mark.parametrize(
    "kept", ["", "[]", '{"about": "x", "read_gbps": 30, "made_at": 0}', '{"read_gbps": "fast"}', '{"about": 1, "read_gbps": -1, "made_at": 1e400}']
)
async def test_a_kept_speed_that_makes_no_sense_is_measured_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kept: str) -> None:
    home = open_home(tmp_path / "home")
    (home.cache / "memory-speed.json").write_text(kept, "utf-8")

    async def measured(_available_bytes: int | None) -> float:
        return 12.5

    monkeypatch.setattr(devices, "_measure_read", measured)
    assert (await devices.machine_now(home)).memory.read_gbps == 12.5
