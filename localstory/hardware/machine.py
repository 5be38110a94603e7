"""What a machine is, as values: the same in this process, in a saved `probe --json`, and on the Home page.

Unknown is None, never 0. Bytes are bytes; `…_gbps` is 10^9 bytes a second.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import Any, Literal, TypeAlias

from localstory.words import _, mark

Backend: TypeAlias = Literal["cuda", "vulkan", "rocm", "metal", "sycl"]
"""What an engine would have to be built for to use the graphics card."""

GGML = "ggml_backend_dev_get_props"
"""Source of what the engine itself told."""
MEASURED = mark("measured: all cores read the memory at once")


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
class GpuUser:
    """A process that holds memory of a graphics card."""

    name: str | None
    """None for a process we may not look at."""
    pid: int | None
    memory_bytes: int | None
    """None where the system doesn't tell (Windows)."""


@dataclass(frozen=True, slots=True)
class Gpu:
    """A graphics card. Memory of an `integrated` one is the computer's own memory: never count it twice."""

    name: str | None
    vendor: str | None
    """ "nvidia", "amd", "intel", "apple"; None for others."""
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
    drives_display: bool | None = None
    """Whether a screen hangs on it: then the system takes some of its memory, and may take more."""
    driver: str | None = None
    """The driver's name and version, as far as they are told."""
    memory_own_bytes: int | None = None
    """Memory of its own: the card's chips, or what the firmware cut out of the computer's memory for an integrated one."""
    memory_shared_bytes: int | None = None
    """How much of the computer's memory it may use besides (GTT)."""
    users: tuple[GpuUser, ...] | None = None
    """Who holds its memory now, the largest first; None when nobody could be asked."""
    engine_device: str | None = None
    """What the engine calls it ("CUDA0"), once it was asked."""


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
    pack: str = ""
    """The engine pack that sees it; "" is the portable build."""


@dataclass(frozen=True, slots=True)
class InstalledEngine:
    """The text engine on this machine. `devices` is None until it was asked, which takes a child process."""

    name: str
    version: str | None
    """None when it is not installed."""
    backends: tuple[str, ...] = ()
    """What its build, or an engine pack that is here, can use beside the processor: "cuda", "vulkan", …, from the libraries' names."""
    devices: tuple[EngineDevice, ...] | None = None


@dataclass(frozen=True, slots=True)
class Machine:
    """Everything we know of a computer."""

    os: str
    cpu: Cpu
    memory: Memory
    gpus: tuple[Gpu, ...]
    disk: Disk
    engine: InstalledEngine | None = None
    sources: tuple[tuple[str, str], ...] = ()
    """Where a number comes from: its path in the JSON ("memory.limit_bytes", "gpus.0.bandwidth_gbps") and what told it.
    Names of files and interfaces are the same in every language; words are marked for translation."""

    def as_json(self) -> dict[str, Any]:
        """The object that `localstory probe --json` prints. `from_json` reads it back."""
        gpus = []
        for gpu in self.gpus:
            users = None if gpu.users is None else [asdict(user) for user in gpu.users]
            gpus.append(asdict(gpu) | {"why_not": _(gpu.why_not) if gpu.why_not else None, "users": users})
        engine = None
        if self.engine is not None:
            devices = None if self.engine.devices is None else [_as_json(device) for device in self.engine.devices]
            engine = {"name": self.engine.name, "version": self.engine.version, "devices": devices, "backends": list(self.engine.backends)}
        cpu = asdict(self.cpu)
        cpu["features"] = None if self.cpu.features is None else list(self.cpu.features)
        return {
            "os": self.os,
            "cpu": cpu,
            "memory": asdict(self.memory),
            "gpus": gpus,
            "disk": asdict(self.disk),
            "engine": engine,
            "sources": dict(self.sources),
        }

    @classmethod
    def from_json(cls, untrusted: object) -> Machine:
        """The machine in such an object. Raises BadMachine, naming the field; what is missing is unknown."""
        from localstory.hardware.saved import machine_from_json  # it needs the values above

        return machine_from_json(untrusted)

    def with_read_speed(self, gbps: float | None) -> Machine:
        """The same machine with its memory's speed, measured earlier or now."""
        sources = {name: source for name, source in self.sources if name != "memory.read_gbps"}
        if gbps is not None:
            sources["memory.read_gbps"] = MEASURED
        return replace(self, memory=replace(self.memory, read_gbps=None if gbps is None else round(gbps, 1)), sources=tuple(sources.items()))

    def source_of(self, field: str) -> str | None:
        """What told this number ("memory.read_gbps"), worded in the language in use; None when nobody noted it."""
        found = dict(self.sources).get(field)
        return _(found) if found else None


def _as_json(device: EngineDevice) -> dict[str, Any]:
    return {name: value for name, value in asdict(device).items() if name != "pack" or value}


def join_engine(machine: Machine, engine: InstalledEngine) -> Machine:
    """The machine with its engine, and each graphics card with whether that engine can use it.

    An engine that was asked for its devices knows best: what it can't see it can't use, what it sees is added to the list
    when the system didn't tell of it, and its figures for the memory fill those that the system left open. An engine that
    was not asked is judged by the libraries it was built with: "usable" then stays open, for the driver may be too old.
    """
    gpus, sources = [], dict(machine.sources)
    unclaimed = [device for device in engine.devices or () if device.kind in ("gpu", "igpu")]
    for index, gpu in enumerate(machine.gpus):
        # Each engine pack may see the card; the first one's figures are shown.
        theirs = [one for one in unclaimed if is_same(one, gpu)]
        claimed = list({one.pack: one for one in reversed(theirs)}.values())[::-1]
        device = claimed[0] if claimed else None
        if device is not None:
            unclaimed = [one for one in unclaimed if one not in claimed]
            if gpu.vendor == "apple" and device.memory_total_bytes is not None:
                # What macOS lends to graphics is only guessed from outside; Metal knows it to the byte.
                gpu = replace(gpu, memory_total_bytes=None, memory_free_bytes=None)
            gpus.append(_seen(gpu, device))
            for name in ("memory_total_bytes", "memory_free_bytes"):
                if getattr(gpu, name) is None and getattr(device, name) is not None:
                    sources[f"gpus.{index}.{name}"] = GGML
        else:
            why_not = gpu.why_not or _why_not(gpu, engine)
            gpus.append(replace(gpu, usable=False if why_not else gpu.usable, why_not=why_not))
    packs_of: dict[int, set[str]] = {}
    for device in unclaimed:
        known = next((index for index, packs in packs_of.items() if device.pack not in packs and is_same(device, gpus[index])), None)
        if known is not None:
            packs_of[known].add(device.pack)
            continue
        packs_of[len(gpus)] = {device.pack}
        sources[f"gpus.{len(gpus)}.memory_total_bytes"] = GGML
        gpus.append(_seen(Gpu(device.description or device.name, _vendor(device), _backend(device), pci=device.pci), device))
    return replace(machine, gpus=tuple(gpus), engine=engine, sources=tuple(sources.items()))


def seen_by(machine: Machine, pack: str) -> Machine:
    """The machine as one build of the engine sees it ("" is the portable one): cards that only others see are not usable."""
    if machine.engine is None or not machine.engine.devices:
        return machine
    own = [device for device in machine.engine.devices if device.pack == pack and device.kind in ("gpu", "igpu")]
    gpus = []
    for gpu in machine.gpus:
        device = next((one for one in own if is_same(one, gpu)), None)
        if device is not None:
            own.remove(device)
            gpus.append(_seen(gpu, device))
        elif gpu.usable:
            gpus.append(replace(gpu, usable=False, why_not=mark("The engine that runs this model can't use it.")))
        else:
            gpus.append(gpu)
    devices = tuple(device for device in machine.engine.devices if device.pack == pack)
    return replace(machine, gpus=tuple(gpus), engine=replace(machine.engine, devices=devices))


def _why_not(gpu: Gpu, engine: InstalledEngine) -> str | None:
    if engine.version is None:
        return mark("The text engine is not installed.")
    if not engine.backends:
        return mark("The installed text engine is built for the processor only.")
    if gpu.backend not in engine.backends and not ("vulkan" in engine.backends and gpu.vendor != "apple"):
        return mark("The installed text engine is built for other graphics cards.")
    if engine.devices is not None:
        return mark("The text engine does not find it. A newer graphics driver may help.")
    return None


def _seen(gpu: Gpu, device: EngineDevice) -> Gpu:
    """The card with what the engine knows of it: which backend runs it, and the memory where the system kept silent."""
    return replace(
        gpu,
        backend=_backend(device) or gpu.backend,
        memory_total_bytes=gpu.memory_total_bytes if gpu.memory_total_bytes is not None else device.memory_total_bytes,
        memory_free_bytes=gpu.memory_free_bytes if gpu.memory_free_bytes is not None else device.memory_free_bytes,
        integrated=gpu.integrated if gpu.integrated is not None else device.kind == "igpu",
        usable=True,
        why_not=None,
        engine_device=device.name,
    )


def _backend(device: EngineDevice) -> Backend | None:
    """ggml names its devices by the backend: "CUDA0", "Vulkan1", "ROCm0", "MTL0" (older: "Metal"), "SYCL0"."""
    starts: dict[str, Backend] = {"cuda": "cuda", "vulkan": "vulkan", "rocm": "rocm", "hip": "rocm", "mtl": "metal", "metal": "metal", "sycl": "sycl"}
    return next((backend for start, backend in starts.items() if device.name.lower().startswith(start)), None)


def _vendor(device: EngineDevice) -> str | None:
    told = device.description.casefold()
    words = {"nvidia": "nvidia", "geforce": "nvidia", "amd": "amd", "radeon": "amd", "intel": "intel", "apple": "apple"}
    return next((vendor for word, vendor in words.items() if word in told), None)


def is_same(device: EngineDevice, gpu: Gpu) -> bool:
    """Whether the engine's device is this card: by its address where both tell one, else by its name."""
    if device.pci and gpu.pci:
        # NVML writes eight digits of the domain, the kernel and ggml four.
        return device.pci.lower()[-10:] == gpu.pci.lower()[-10:]
    ours, theirs = (gpu.name or "").casefold(), device.description.casefold()
    if bool(ours) and bool(theirs) and (ours in theirs or theirs in ours):
        return True
    # Names differ from one interface to the next ("AMD Radeon 780M (RADV PHOENIX)", "Phoenix1"); an integrated one of a maker is the only one.
    return gpu.integrated is True and device.kind == "igpu" and gpu.vendor == _vendor(device)
