"""What this machine is: `probe()` looks, in well under half a second, and changes nothing. No engine is loaded."""

from __future__ import annotations

import math
import os
import platform
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import psutil

from localstory.errors import mark
from localstory.hardware import bandwidth, linux, macos, nvidia, windows
from localstory.hardware.cores import worker_threads
from localstory.hardware.machine import MEASURED, Cpu, Disk, Gpu, Machine, Memory

_ARCH = {"AMD64": "x86_64", "arm64": "aarch64", "ARM64": "aarch64"}


def probe(models_folder: Path, *, measure: bool = False) -> Machine:
    """Look at this machine. `measure` also times its memory and asks the drivers of graphics cards that sleep: about a second,
    and an eighth of the free memory.

    The engine is not asked here (`machine.join_engine` adds what `engines.text.devices` found out).
    """
    memory = memory_now()
    if measure:
        memory = replace(memory, read_gbps=_rounded(bandwidth.measure_read(threads=worker_threads(), available_bytes=memory.available_bytes)))
    machine = Machine(_system().system_name(), processor(), memory, graphics(wake=measure), Disk(str(models_folder), free_bytes(models_folder)))
    return replace(machine, sources=tuple(_sources(machine)))


def _sources(machine: Machine) -> Iterator[tuple[str, str]]:
    """Where each number came from; only of those that are known."""
    told = machine.as_json()
    for field, source in _system().SOURCES.items():
        part, _dot, name = field.partition(".")
        if (told[part] if not name else told[part][name]) is not None:
            yield field, "cgroup" if machine.memory.limit_bytes is not None and field == "memory.available_bytes" else source
    if machine.memory.limit_bytes is not None:
        yield "memory.limit_bytes", "cgroup"
    if machine.memory.read_gbps is not None:
        yield "memory.read_gbps", MEASURED
    for index, gpu in enumerate(machine.gpus):
        memory, speed = _gpu_sources(gpu)
        for name in ("memory_total_bytes", "memory_free_bytes"):
            if getattr(gpu, name) is not None:
                yield f"gpus.{index}.{name}", memory
        if gpu.bandwidth_gbps is not None:
            yield f"gpus.{index}.bandwidth_gbps", speed


def _gpu_sources(gpu: Gpu) -> tuple[str, str]:
    """What told its memory, and its bandwidth."""
    if gpu.vendor == "apple":
        return mark("computed: the part of the memory that macOS lends to graphics"), mark("published by Apple")
    if gpu.vendor == "nvidia" and gpu.why_not is None:
        return "NVML", mark("computed from NVML: width of the memory × clock × 2")
    if sys.platform == "win32":
        return "registry, HardwareInformation.qwMemorySize", ""
    return f"/sys/class/drm, {gpu.driver or gpu.vendor}", mark("computed from the driver's figures: width of the memory × clock × operations per clock")


def processor() -> Cpu:
    """The processor, within what this process may use of it."""
    system = _system()
    logical, physical = psutil.cpu_count(logical=True), psutil.cpu_count(logical=False)
    allowed = system.allowed_processors()
    if allowed is not None:
        most = max(1, math.ceil(allowed))
        logical = min(logical, most) if logical else None
        physical = min(physical, most) if physical else None
    fast = system.performance_cores(physical)
    machine = platform.machine()
    return Cpu(
        name=system.processor_name(),
        arch=_ARCH.get(machine, machine) or None,
        physical_cores=physical,
        performance_cores=min(fast, physical) if fast and physical else fast,
        logical_cores=logical,
        features=system.processor_features(),
    )


def memory_now() -> Memory:
    """Total and free memory at this moment; a container's limit counts where it is tighter."""
    now = psutil.virtual_memory()
    limit = _system().memory_limit()
    if limit is None or limit.limit_bytes >= now.total:
        return Memory(now.total or None, now.available, None)
    return Memory(now.total or None, min(now.available, limit.available_bytes), limit.limit_bytes)


def graphics(*, wake: bool = False) -> tuple[Gpu, ...]:
    """Graphics cards: NVIDIA's through NVML, the others as the system lists them. `wake` asks cards that sleep, too."""
    listed: list[Gpu] = _system().graphics(wake=wake)
    asked = nvidia.graphics()
    if asked:
        listed = asked + [gpu for gpu in listed if gpu.vendor != "nvidia"]
    return tuple(listed)


def free_bytes(folder: Path) -> int | None:
    """Room on the disk of `folder`, or of its nearest parent that exists; None when the system doesn't tell."""
    for place in (folder, *folder.parents):
        if place.exists():
            try:
                return psutil.disk_usage(os.fspath(place)).free
            except OSError:
                return None
    return None


def _system() -> ModuleType:
    return {"darwin": macos, "win32": windows}.get(sys.platform, linux)


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 1)
