"""What a machine is, as values: the same in this process, in a saved `probe --json`, and on the Home page.

Unknown is None, never 0. Bytes are bytes; `…_gbps` is 10^9 bytes a second.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, replace
from typing import Any, Literal, TypeAlias

from localstory.words import _, mark

Backend: TypeAlias = Literal["cuda", "vulkan", "rocm", "metal", "sycl"]
"""What an engine would have to be built for to use the graphics card."""


@dataclass(frozen=True, slots=True)
class Cpu:
    """The processor, as far as this process may use it: in a container with a quota of two cores it has two."""

    name: str | None
    arch: str | None
    """As Linux calls it: "x86_64", "aarch64"."""
    physical_cores: int | None
    performance_cores: int | None
    """Physical cores of the fastest kind; all of them when they are all alike."""
    logical_cores: int | None
    features: tuple[str, ...] | None
    """Instructions that matter to the engines, as Linux calls them ("avx2", "asimddp")."""


@dataclass(frozen=True, slots=True)
class Memory:
    """The memory. `available_bytes` is what can be had now without swapping, within the container's limit."""

    total_bytes: int | None
    available_bytes: int | None
    limit_bytes: int | None
    """What a container allows; None without a limit."""
    read_gbps: float | None = None
    """Measured by `bandwidth.measure_read`; None until somebody asked for it."""

    @property
    def usable_total_bytes(self) -> int | None:
        """The memory there is for us, however much of it others use now."""
        known = [size for size in (self.total_bytes, self.limit_bytes) if size is not None]
        return min(known, default=None)


@dataclass(frozen=True, slots=True)
class Gpu:
    """A graphics card. Memory of an `integrated` one is the computer's own memory: never count it twice."""

    name: str | None
    vendor: str | None
    """ "nvidia", "amd", "intel", "apple"."""
    backend: Backend | None
    memory_total_bytes: int | None = None
    memory_free_bytes: int | None = None
    integrated: bool | None = None
    bandwidth_gbps: float | None = None
    usable: bool | None = None
    """Whether the installed engine can use it; None until the engine was asked."""
    why_not: str | None = None
    """Why it can't, marked for translation."""
    pci: str | None = None
    """Its address ("0000:01:00.0"), to tell two of a kind apart."""


@dataclass(frozen=True, slots=True)
class Disk:
    """Where models are kept."""

    models_dir: str
    free_bytes: int | None


@dataclass(frozen=True, slots=True)
class EngineDevice:
    """A device as the installed engine (ggml) sees it."""

    name: str
    description: str
    kind: str
    """ "cpu", "gpu", "igpu", "accel"."""
    memory_total_bytes: int | None
    memory_free_bytes: int | None
    pci: str | None = None


@dataclass(frozen=True, slots=True)
class InstalledEngine:
    """The text engine on this machine. `devices` is None until it was asked, which takes a child process."""

    name: str
    version: str | None
    """None when it is not installed."""
    backends: tuple[str, ...] = ()
    """What its build can use beside the processor: "cuda", "vulkan", …, from the libraries in its folder."""
    devices: tuple[EngineDevice, ...] | None = None


@dataclass(frozen=True, slots=True)
class Machine:
    """Everything we know of a computer."""

    os: str
    cpu: Cpu
    memory: Memory
    gpus: tuple[Gpu, ...]
    disk: Disk
    engine: InstalledEngine | None = field(default=None)

    def as_json(self) -> dict[str, Any]:
        """The object that `localstory probe --json` prints."""
        gpus = []
        for gpu in self.gpus:
            row = asdict(gpu)
            del row["pci"]
            gpus.append(row | {"why_not": _(gpu.why_not) if gpu.why_not else None})
        engine = None
        if self.engine is not None:
            devices = None if self.engine.devices is None else [asdict(device) for device in self.engine.devices]
            engine = {"name": self.engine.name, "version": self.engine.version, "devices": devices}
        cpu = asdict(self.cpu)
        cpu["features"] = None if self.cpu.features is None else list(self.cpu.features)
        return {"os": self.os, "cpu": cpu, "memory": asdict(self.memory), "gpus": gpus, "disk": asdict(self.disk), "engine": engine}


def join_engine(machine: Machine, engine: InstalledEngine) -> Machine:
    """The machine with its engine, and each graphics card with whether that engine can use it.

    An engine that was asked for its devices knows best; otherwise the libraries it was built with decide.
    """
    gpus = []
    for gpu in machine.gpus:
        usable, why_not = gpu.usable, gpu.why_not
        if why_not is None:
            if engine.version is None:
                usable, why_not = False, mark("The text engine is not installed.")
            elif gpu.backend not in engine.backends and not ("vulkan" in engine.backends and gpu.vendor != "apple"):
                usable, why_not = False, mark("The installed text engine is built for the processor only.")
            elif engine.devices is not None:
                usable = any(device.kind in ("gpu", "igpu") and _is_same(device, gpu) for device in engine.devices)
                why_not = None if usable else mark("The text engine does not find it. A newer graphics driver may help.")
        gpus.append(replace(gpu, usable=usable, why_not=why_not))
    return replace(machine, gpus=tuple(gpus), engine=engine)


def _is_same(device: EngineDevice, gpu: Gpu) -> bool:
    if device.pci and gpu.pci:
        return device.pci.lower()[-10:] == gpu.pci.lower()[-10:]
    return bool(gpu.name) and (gpu.name or "").casefold() in device.description.casefold()
