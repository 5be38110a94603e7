"""What the machine means for a person: the rows of "Your computer" on Home, and of `localstory probe`."""

from __future__ import annotations

from dataclasses import dataclass

from localstory.hardware.machine import Machine
from localstory.words import _, ngettext, number, size

BYTES_PER_PARAMETER = 0.6
"""Of a model quantised to about 4 bits: Q4_K_M takes 4.89 bits a weight over a whole file (llama.cpp tools/quantize README)."""
ROOM_BESIDE = 1.25
"""A quarter more than the file: a conversation of some 8,000 tokens, the engine's own buffers."""
_KEEP_FREE_BYTES, _KEEP_FREE_SHARE = 1 << 30, 0.08
"""What stays for the system: 1 GiB, or 8 % of the memory if that is more (facts/fit.md, §8)."""
_COMMON_BILLIONS = (0.1, 0.3, 0.6, 1, 1.7, 3, 4, 8, 12, 14, 24, 32, 70, 120, 235, 400)


@dataclass(frozen=True, slots=True)
class Fact:
    """One row: what it is, how much of it there is, and what that means (may be empty)."""

    title: str
    value: str
    meaning: str = ""


def parameters_that_fit(budget_bytes: int) -> float:
    """Billions of parameters of the largest 4-bit model that such a memory holds: budget / 1.25 / 0.6 bytes.

    A rule of thumb for a first look: the fit check reads the model's own header.
    """
    return max(0.0, budget_bytes / ROOM_BESIDE / BYTES_PER_PARAMETER / 1e9)


def common_size(billions: float) -> float | None:
    """The largest size models come in that is not above `billions`; None below the smallest."""
    return max((one for one in _COMMON_BILLIONS if one <= billions * 1.05), default=None)


def memory_budget_bytes(machine: Machine) -> int | None:
    """What a model may take of the memory that is free now."""
    available, total = machine.memory.available_bytes, machine.memory.usable_total_bytes
    if available is None:
        return None
    return max(0, available - max(_KEEP_FREE_BYTES, round((total or 0) * _KEEP_FREE_SHARE)))


def in_plain_words(machine: Machine) -> list[Fact]:
    """The machine as a person would tell it, in the language in use. Only what is known is in the list."""
    facts = [Fact(_("System"), machine.os)]
    cpu = machine.cpu
    cores = ngettext("{count} core", "{count} cores", cpu.physical_cores).format(count=cpu.physical_cores) if cpu.physical_cores else ""
    if cpu.name or cores:
        facts.append(Fact(_("Processor"), ", ".join(part for part in (cpu.name or "", cores) if part), _processor_meaning(machine)))
    facts.append(_memory(machine))
    facts.extend(_graphics(machine))
    if machine.memory.read_gbps is not None:
        facts.append(Fact(_("Memory speed"), _("{number} GB/s").format(number=number(machine.memory.read_gbps))))
    if machine.disk.free_bytes is not None:
        facts.append(Fact(_("Disk"), _("{size} free").format(size=size(machine.disk.free_bytes)), machine.disk.models_dir))
    if machine.engine is not None:
        version = machine.engine.version
        packs = ", ".join(dict.fromkeys(device.pack for device in machine.engine.devices or () if device.pack))
        also = _("With the engine packs: {names}").format(names=packs) if packs else ""
        facts.append(Fact(_("Text engine"), f"llama.cpp ({machine.engine.name} {version})" if version else _("not installed"), also))
    return [fact for fact in facts if fact.value]


def _processor_meaning(machine: Machine) -> str:
    features = machine.cpu.features
    if features is None or machine.cpu.arch != "x86_64":
        return ""
    if "avx2" not in features:
        return _("It lacks AVX2, so models run slowly and the engines have to be built for it.")
    return ""


def _memory(machine: Machine) -> Fact:
    total, available = machine.memory.usable_total_bytes, machine.memory.available_bytes
    if total is None or available is None:
        return Fact(_("Memory"), size(total) if total is not None else "")
    value = _("{total}, {free} free").format(total=size(total), free=size(available))
    fits = common_size(parameters_that_fit(memory_budget_bytes(machine) or 0))
    if fits is None:
        return Fact(_("Memory"), value, _("Too little is free even for small models. Close other programs."))
    return Fact(_("Memory"), value, _("Room for models up to about {size}.").format(size=_billions(fits)))


def _graphics(machine: Machine) -> list[Fact]:
    if not machine.gpus:
        return [Fact(_("Graphics card"), _("none found"), _("Models run on the processor."))]
    facts = []
    for gpu in machine.gpus:
        value = gpu.name or _("unknown")
        if gpu.memory_total_bytes is not None:
            value = _("{name}, {memory}").format(name=value, memory=size(gpu.memory_total_bytes))
        if gpu.usable is False:
            meaning = _(gpu.why_not) if gpu.why_not else ""
        elif gpu.integrated:
            meaning = _("It shares the computer's memory.")
        else:
            free = gpu.memory_free_bytes if gpu.memory_free_bytes is not None else gpu.memory_total_bytes
            fits = common_size(parameters_that_fit(free - _KEEP_FREE_BYTES)) if free is not None else None
            meaning = _("Models up to about {size} fit into its memory whole.").format(size=_billions(fits)) if fits else ""
        facts.append(Fact(_("Graphics card"), value, meaning))
    return facts


def _billions(billions: float) -> str:
    if billions < 1:
        return _("{count} million parameters").format(count=number(billions * 1000))
    return _("{count} billion parameters").format(count=number(billions, 1 if billions % 1 else 0))
