"""What the room of the machine shows: every fact the probe found. Pure, no Qt."""

from __future__ import annotations

from dataclasses import dataclass

from localstory.hardware.machine import Machine
from localstory.words import _, number, size


@dataclass(frozen=True, slots=True)
class Group:
    """Facts that belong together, as (what, value)."""

    title: str
    facts: tuple[tuple[str, str], ...]


def groups(machine: Machine) -> list[Group]:
    """All facts; what nobody could find out says "unknown"."""
    cpu, memory = machine.cpu, machine.memory
    found = [
        Group(
            _("Processor"),
            (
                (_("Name"), _known(cpu.name)),
                (_("Architecture"), _known(cpu.arch)),
                (_("Cores"), _known(cpu.physical_cores)),
                (_("Fast cores"), _known(cpu.performance_cores)),
                (_("Threads"), _known(cpu.logical_cores)),
                (_("Instructions"), ", ".join(cpu.features) if cpu.features else _known(None)),
            ),
        ),
        Group(
            _("Memory"),
            (
                (_("In all"), _bytes(memory.total_bytes)),
                (_("Free now"), _bytes(memory.available_bytes)),
                (_("Limit of the container"), _bytes(memory.limit_bytes) if memory.limit_bytes is not None else _("none")),
                (_("Reading speed"), _rate(memory.read_gbps) if memory.read_gbps is not None else _("not measured")),
            ),
        ),
    ]
    for gpu in machine.gpus:
        facts = [(_("Name"), _known(gpu.name)), (_("Memory"), _bytes(gpu.memory_total_bytes)), (_("Free now"), _bytes(gpu.memory_free_bytes))]
        usable = {True: _("yes"), False: _("no"), None: _("unknown")}[gpu.usable]
        facts.append((_("Used for models"), f"{usable}: {_(gpu.why_not)}" if gpu.why_not else usable))
        found.append(Group(_("Graphics"), tuple(facts)))
    if not machine.gpus:
        found.append(Group(_("Graphics"), ((_("Card"), _("none found")),)))
    found.append(Group(_("Disk"), ((_("Models folder"), machine.disk.models_dir), (_("Free now"), _bytes(machine.disk.free_bytes)))))
    found.append(Group(_("System"), ((_("Name"), machine.os),)))
    return found


def _known(value: object) -> str:
    return _("unknown") if value is None else str(value)


def _bytes(value: int | None) -> str:
    return _("unknown") if value is None else size(value)


def _rate(gigabytes: float | None) -> str:
    return _("unknown") if gigabytes is None else _("{number} GB a second").format(number=number(gigabytes, 1))
