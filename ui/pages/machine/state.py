"""What the room of the machine shows: every fact with what told it, who uses the graphics card, predicted and measured. Pure, no Qt."""

from __future__ import annotations

import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass

from localstory.fit.records import Measurement, need_of
from localstory.hardware.machine import Gpu, Machine
from localstory.words import _, ngettext, number, percent, size


@dataclass(frozen=True, slots=True)
class Fact:
    """A fact and what told it (a file, an interface, "measured: …"; may be empty)."""

    what: str
    value: str
    source: str = ""


@dataclass(frozen=True, slots=True)
class Group:
    """Facts that belong together."""

    title: str
    facts: tuple[Fact, ...]


@dataclass(frozen=True, slots=True)
class Ran:
    """A model that ran here: what was said before, and what it was."""

    model: str
    when: str
    predicted: str
    measured: str
    off: str
    """How far the prediction was off ("4 % less than predicted"); "" when nothing was predicted."""


_SHOWN_RUNS = 20


def groups(machine: Machine) -> list[Group]:
    """All facts; what nobody could find out says "unknown"."""
    cpu, memory = machine.cpu, machine.memory

    def told(field: str, what: str, value: str) -> Fact:
        return Fact(what, value, machine.source_of(field) or "")

    found = [
        Group(
            _("Processor"),
            (
                told("cpu.name", _("Name"), _known(cpu.name)),
                Fact(_("Architecture"), _known(cpu.arch)),
                told("cpu.physical_cores", _("Cores"), _known(cpu.physical_cores)),
                told("cpu.performance_cores", _("Fast cores"), _known(cpu.performance_cores)),
                told("cpu.logical_cores", _("Threads"), _known(cpu.logical_cores)),
                told("cpu.features", _("Instructions"), ", ".join(cpu.features) if cpu.features else _known(None)),
            ),
        ),
        Group(
            _("Memory"),
            (
                told("memory.total_bytes", _("In all"), _bytes(memory.total_bytes)),
                told("memory.available_bytes", _("Free now"), _bytes(memory.available_bytes)),
                told("memory.limit_bytes", _("Limit of the container"), _bytes(memory.limit_bytes) if memory.limit_bytes is not None else _("none")),
                told("memory.read_gbps", _("Reading speed"), _rate(memory.read_gbps) if memory.read_gbps is not None else _("not measured")),
            ),
        ),
    ]
    found += [_graphics(gpu, index, machine) for index, gpu in enumerate(machine.gpus)]
    if not machine.gpus:
        found.append(Group(_("Graphics"), (Fact(_("Card"), _("none found")),)))
    found.append(Group(_("Disk"), (Fact(_("Models folder"), machine.disk.models_dir), told("disk.free_bytes", _("Free now"), _bytes(machine.disk.free_bytes)))))
    found.append(_engine(machine))
    found.append(Group(_("System"), (told("os", _("Name"), machine.os or _known(None)),)))
    return found


def _graphics(gpu: Gpu, index: int, machine: Machine) -> Group:
    def told(name: str, what: str, value: str) -> Fact:
        return Fact(what, value, machine.source_of(f"gpus.{index}.{name}") or "")

    facts = [
        Fact(_("Name"), _known(gpu.name)),
        told("memory_total_bytes", _("Memory"), _bytes(gpu.memory_total_bytes) + (" – " + _("shared with the computer") if gpu.integrated else "")),
        told("memory_free_bytes", _("Free now"), _bytes(gpu.memory_free_bytes)),
        told("bandwidth_gbps", _("Memory speed"), _rate(gpu.bandwidth_gbps)),
    ]
    if gpu.integrated and gpu.memory_own_bytes and gpu.memory_shared_bytes:
        facts[1] = Fact(facts[1].what, f"{facts[1].value} ({size(gpu.memory_own_bytes)} + {size(gpu.memory_shared_bytes)})", facts[1].source)
    if gpu.drives_display is not None:
        facts.append(Fact(_("Drives a screen"), _("yes") if gpu.drives_display else _("no")))
    if gpu.driver:
        facts.append(Fact(_("Driver"), gpu.driver))
    usable = {True: _("yes"), False: _("no"), None: _("unknown")}[gpu.usable]
    facts.append(Fact(_("Used for models"), f"{usable}: {_(gpu.why_not)}" if gpu.why_not else usable))
    if gpu.users is not None:
        facts.append(Fact(_("Its memory is held by"), _users(gpu)))
    return Group(_("Graphics"), tuple(facts))


def _users(gpu: Gpu) -> str:
    rows = []
    for user in gpu.users or ():
        name = user.name or (_("process {pid}").format(pid=user.pid) if user.pid is not None else _("unknown"))
        rows.append(f"{name} ({size(user.memory_bytes)})" if user.memory_bytes is not None else name)
    if not rows:
        return _("nobody")
    shown = rows[:6]
    if len(rows) > len(shown):
        shown.append(ngettext("{count} more", "{count} more", len(rows) - len(shown)).format(count=len(rows) - len(shown)))
    return ", ".join(shown)


def _engine(machine: Machine) -> Group:
    engine = machine.engine
    if engine is None or engine.version is None:
        return Group(_("Text engine"), (Fact(_("llama.cpp"), _("not installed")),))
    built = ", ".join([_("processor"), *engine.backends])
    facts = [Fact(_("Version"), f"{engine.name} {engine.version}"), Fact(_("Built for"), built)]
    for device in engine.devices or ():
        memory = f", {size(device.memory_total_bytes)}" if device.memory_total_bytes is not None and device.kind != "cpu" else ""
        facts.append(Fact(device.name, f"{device.description}{memory}", "ggml"))
    return Group(_("Text engine"), tuple(facts))


def ran(records: Sequence[Measurement]) -> list[Ran]:
    """What ran on this machine, a line for each model, kind and setting, the latest first; replies by their medians."""
    together: dict[tuple[str, str, str], list[Measurement]] = {}
    for one in records:
        together.setdefault((one.kind, one.model_key, one.settings), []).append(one)
    rows = []
    for (kind, _key, _settings), several in together.items():
        row = _load(several[0]) if kind == "load" else _replies(several)
        if row is not None:
            rows.append(row)
    return rows[:_SHOWN_RUNS]


def _replies(several: Sequence[Measurement]) -> Ran | None:
    """`several`: newest first."""
    seen = [value for one in several if (value := _figure(one, "generate_tps")) is not None]
    if not seen:
        return None
    pairs = [(told, value) for one in several if (told := _figure(one, "predicted_tps")) and (value := _figure(one, "generate_tps"))]
    latest = several[0]
    when = _when(latest.made_at)
    if latest.kind == "rehearsal":
        when = _("{when}, rehearsed").format(when=when)
    elif len(seen) > 1:
        when = _("{when}, {count} replies").format(when=when, count=number(len(seen)))
    before = _tps(statistics.median(predicted for predicted, _value in pairs)) if pairs else "–"
    off = _off(statistics.median(value / predicted for predicted, value in pairs) - 1) if pairs else ""
    return Ran(latest.model, when, before, _tps(statistics.median(seen)), off)


def _load(one: Measurement) -> Ran | None:
    need = need_of(one)
    if need is None or not need.total_bytes:
        return None
    predicted = _figure(one, "predicted_bytes")
    told, off = (size(round(predicted)), _off(need.total_bytes / predicted - 1)) if predicted else ("–", "")
    return Ran(one.model, _when(one.made_at), told, size(need.total_bytes), off)


def _figure(one: Measurement, name: str) -> float | None:
    """A figure that makes sense; records come from files too."""
    value = one.figures.get(name)
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) and 0 < value < 1e15 else None


def _off(share: float) -> str:
    if abs(share) < 0.005:
        return _("as predicted")
    told = percent(abs(share))
    return _("{share} more than predicted").format(share=told) if share > 0 else _("{share} less than predicted").format(share=told)


def _tps(value: float) -> str:
    return _("{number} tokens a second").format(number=number(value, 0 if value >= 10 else 1))


def _when(milliseconds: int) -> str:
    try:
        return time.strftime("%Y-%m-%d %H:%M", time.localtime(milliseconds / 1000))
    except (OverflowError, ValueError, OSError):
        return ""


def _known(value: object) -> str:
    return _("unknown") if value is None else str(value)


def _bytes(value: int | None) -> str:
    return _("unknown") if value is None else size(value)


def _rate(gigabytes: float | None) -> str:
    return _("unknown") if gigabytes is None else _("{number} GB a second").format(number=number(gigabytes, 1))
