"""The engine's own list of devices, asked in a real child."""

from __future__ import annotations

import sys
from pathlib import Path

import psutil
import pytest

from localstory.engines.text import devices
from localstory.engines.text.devices import ask_devices, installed_engine
from localstory.errors import NotInstalled


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
