"""Linux: /proc, /sys and cgroups. The same functions stand in `macos.py` and `windows.py`."""

from __future__ import annotations

import contextlib
import os
import platform
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from localstory.errors import mark
from localstory.hardware import cgroups, drm
from localstory.hardware.machine import Gpu

ROOT = Path("/")

# x86 names as in /proc/cpuinfo "flags", Arm names as in "Features": those that llama.cpp or ONNX Runtime have code for.
_FEATURES = ("sse3", "ssse3", "sse4_1", "sse4_2", "avx", "avx2", "fma", "f16c", "bmi2", "avx_vnni", "avx512f", "avx512bw", "avx512vl", "avx512vbmi",
    "avx512_vnni", "avx512_bf16", "amx_tile", "amx_int8", "amx_bf16", "neon", "asimd", "asimddp", "i8mm", "bf16", "sve", "sve2", "sme")  # fmt: skip
SOURCES = {
    "os": "/etc/os-release", "cpu.name": "/proc/cpuinfo", "cpu.features": "/proc/cpuinfo", "cpu.performance_cores": "/sys/devices/system/cpu",
    "cpu.physical_cores": "/sys/devices/system/cpu", "cpu.logical_cores": "/sys/devices/system/cpu", "memory.total_bytes": "/proc/meminfo",
    "memory.available_bytes": "/proc/meminfo", "disk.free_bytes": "statvfs",
}  # fmt: skip
_VENDORS = {"0x10de": "nvidia", "0x1002": "amd", "0x8086": "intel"}


def system_name(root: Path = ROOT) -> str:
    """ "Linux 6.12.1, Debian GNU/Linux 13 (trixie)"."""
    release = re.search(r'^PRETTY_NAME="?([^"\n]+)', _text(root / "etc/os-release"), re.MULTILINE)
    return f"Linux {platform.release()}" + (f", {release[1]}" if release else "")


def processor_name(root: Path = ROOT) -> str | None:
    """The name in /proc/cpuinfo; Arm boards have theirs in the device tree."""
    found = re.search(r"^(?:model name|Model|cpu model|Hardware)\s*:\s*(\S.*)$", _text(root / "proc/cpuinfo"), re.MULTILINE)
    board = _text(root / "proc/device-tree/model").strip("\0\n ")
    return re.sub(r"\s+", " ", found[1]).strip() if found else board or None


def processor_features(root: Path = ROOT) -> tuple[str, ...] | None:
    """Instructions that matter, in a fixed order; None when the system doesn't tell."""
    found = re.search(r"^(?:flags|Features)\s*:\s*(.*)$", _text(root / "proc/cpuinfo"), re.MULTILINE)
    if not found:
        return None
    have = set(found[1].split())
    have |= {"sse3"} if "pni" in have else set()  # Prescott New Instructions: the kernel's name for SSE3
    return tuple(name for name in _FEATURES if name in have)


def performance_cores(physical_cores: int | None, root: Path = ROOT) -> int | None:
    """Intel's hybrids list their big cores in /sys/devices/cpu_core; Arm's have the highest cpu_capacity."""
    cpus = root / "sys/devices/system/cpu"
    big = _cpu_list(_text(root / "sys/devices/cpu_core/cpus"))
    if not big:
        capacities = {path.parent.name: int(_text(path)) for path in cpus.glob("cpu[0-9]*/cpu_capacity") if _text(path).strip().isdigit()}
        if len(set(capacities.values())) < 2:
            return physical_cores
        big = [int(name[3:]) for name, capacity in capacities.items() if capacity == max(capacities.values())]
    # Two threads of a core name the same siblings.
    siblings = {_text(cpus / f"cpu{number}/topology/thread_siblings_list").strip() or str(number) for number in big}
    return len(siblings)


def allowed_processors() -> float | None:
    """How many logical processors this process may use: affinity and the container's quota."""
    limits: list[float] = [len(os.sched_getaffinity(0))] if hasattr(os, "sched_getaffinity") else []
    quota = cgroups.processor_quota()
    return min([*limits, *([quota] if quota is not None else [])], default=None)


def memory_limit() -> cgroups.MemoryLimit | None:
    """What the container allows."""
    return cgroups.memory_limit()


def graphics(root: Path = ROOT, *, wake: bool = False, ask: Callable[[Path], drm.Ioctl] = drm.device_ioctl) -> list[Gpu]:
    """Cards in /sys/class/drm, without those NVML knows better (the caller takes out NVIDIA's when NVML answered).

    `wake`: ask the drivers of cards that sleep too, which takes up to a second each; and look for who uses their memory.
    """
    found = []
    for card in sorted((root / "sys/class/drm").glob("card[0-9]*")):
        device = card / "device"
        vendor = _VENDORS.get(_text(device / "vendor").strip())
        # Connectors are called card0-HDMI-A-1; virtual and server display chips compute nothing.
        if "-" in card.name or vendor is None:
            continue
        pci = device.resolve().name if device.exists() else ""
        pci = pci if re.fullmatch(r"[0-9a-fA-F]{4}:[0-9a-fA-F]{2}:[0-9a-fA-F]{2}\.[0-7]", pci) else ""
        name = _pci_name(_text(device / "vendor"), _text(device / "device"), root)
        gpu = Gpu(name, vendor, "vulkan", pci=pci or None, drives_display=_drives_display(card), driver=_driver(device))
        node = next(iter(sorted((device / "drm").glob("renderD*"))), None)
        asleep = _text(device / "power/runtime_status").strip() == "suspended"
        question = ask(root / "dev/dri" / node.name) if node is not None and (wake or not asleep) else None
        if vendor == "amd":
            gpu = _amd(device, gpu, question)
        elif vendor == "intel":
            gpu = _intel(device, gpu, question)
        else:
            gpu = replace(gpu, backend="cuda", usable=False, why_not=mark("The NVIDIA driver is not installed or does not answer."))
        if wake and vendor != "nvidia" and pci and not gpu.integrated:
            gpu = replace(gpu, users=drm.users_of(pci, root / "proc"))
        found.append(gpu)
    return found


def _amd(device: Path, gpu: Gpu, question: drm.Ioctl | None) -> Gpu:
    """amdgpu's own files. A processor's own graphics has a small carve-out ("VRAM") and takes the rest (GTT) from memory."""
    facts = drm.amd_facts(question) if question is not None else None
    vram, used = _size(device / "mem_info_vram_total"), _number(device / "mem_info_vram_used")
    gtt, gtt_used = _size(device / "mem_info_gtt_total"), _number(device / "mem_info_gtt_used")
    if facts is not None:
        integrated: bool | None = facts.integrated
    else:
        # Chips without memory of their own have no memory maker; older kernels don't have the file, but such chips have more GTT than VRAM.
        maker = _text(device / "mem_info_vram_vendor").strip()
        integrated = None if vram is None else (maker == "unknown" if maker else bool(gtt and gtt > vram and vram <= 8 << 30))
    total, free = vram, None if vram is None or used is None else max(0, vram - used)
    if integrated and vram is not None and gtt is not None:
        total = vram + gtt
        free = None if used is None or gtt_used is None else max(0, total - used - gtt_used)
    return replace(
        gpu,
        name=_text(device / "product_name").strip() or gpu.name or "AMD graphics",
        memory_total_bytes=total,
        memory_free_bytes=free,
        integrated=integrated,
        bandwidth_gbps=facts.bandwidth_gbps if facts is not None and not integrated else None,
        memory_own_bytes=vram,
        memory_shared_bytes=gtt if integrated else None,
    )


def _intel(device: Path, gpu: Gpu, question: drm.Ioctl | None) -> Gpu:
    """Graphics inside the processor sits at 00:02.0 and uses the computer's memory; a card (Arc) has its own, which its driver tells."""
    integrated = (gpu.pci or "").endswith("00:02.0") if gpu.pci else None
    total = free = None
    if integrated is False:
        told = drm.intel_memory(question, gpu.driver or "") if question is not None else None
        total, free = told if told is not None else (_window(device), None)
    return replace(gpu, name=gpu.name or "Intel graphics", memory_total_bytes=total, memory_free_bytes=free, integrated=integrated, memory_own_bytes=total)


def _window(device: Path) -> int | None:
    """The largest PCI window. Without "resizable BAR" it is 256 MiB and says nothing about the memory behind it."""
    largest = 0
    for line in _text(device / "resource").splitlines():
        with contextlib.suppress(ValueError):
            first, last, _flags = (int(word, 16) for word in line.split())
            largest = max(largest, last - first + 1)
    return largest if largest >= 1 << 30 else None


def _drives_display(card: Path) -> bool | None:
    """Whether a screen is connected to one of its outputs; None when it lists no outputs (the driver doesn't tell, or it has none)."""
    states = [_text(output).strip() for output in card.parent.glob(f"{card.name}-*/status")]
    return any(state == "connected" for state in states) if states else None


def _driver(device: Path) -> str | None:
    """The kernel's driver ("amdgpu", "xe", "i915", "nouveau")."""
    link = device / "driver"
    return link.resolve().name if link.exists() else None


def _pci_name(vendor: str, device: str, root: Path) -> str | None:
    """The name in the system's pci.ids, when it has one."""
    vendor, device = vendor.strip().removeprefix("0x"), device.strip().removeprefix("0x")
    for place in ("usr/share/misc/pci.ids", "usr/share/hwdata/pci.ids"):
        text = _text(root / place)
        block = re.search(rf"^{re.escape(vendor)}  (.+)\n((?:[#\t].*\n|\n)*)", text, re.MULTILINE) if text else None
        line = re.search(rf"^\t{re.escape(device)}  (.+)$", block[2], re.MULTILINE) if block else None
        if line:
            nice = re.search(r"\[(.+)\]", line[1])
            return nice[1] if nice else line[1].strip()
    return None


def _cpu_list(text: str) -> list[int]:
    """The kernel's "0-3,8" as numbers."""
    numbers: list[int] = []
    for part in text.strip().split(","):
        first, _dash, last = part.partition("-")
        if first.isdigit():
            numbers.extend(range(int(first), int(last if last.isdigit() else first) + 1))
    return numbers


def _text(path: Path) -> str:
    try:
        return path.read_text("utf-8", "replace")
    except OSError:
        return ""


def _number(path: Path) -> int | None:
    text = _text(path).strip()
    return int(text) if text.isascii() and text.isdigit() and len(text) < 20 else None


def _size(path: Path) -> int | None:
    """A size, of which 0 means that the driver doesn't know."""
    return _number(path) or None
