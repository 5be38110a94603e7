"""Linux: /proc, /sys and cgroups. The same functions stand in `macos.py` and `windows.py`."""

from __future__ import annotations

import os
import platform
import re
from pathlib import Path

from localstory.errors import mark
from localstory.hardware import cgroups
from localstory.hardware.machine import Gpu

ROOT = Path("/")

# x86 names as in /proc/cpuinfo "flags", Arm names as in "Features": those that llama.cpp or ONNX Runtime have code for.
_FEATURES = ("sse3", "ssse3", "sse4_1", "sse4_2", "avx", "avx2", "fma", "f16c", "bmi2", "avx_vnni", "avx512f", "avx512bw", "avx512vl", "avx512vbmi",
    "avx512_vnni", "avx512_bf16", "amx_tile", "amx_int8", "amx_bf16", "neon", "asimd", "asimddp", "i8mm", "bf16", "sve", "sve2", "sme")  # fmt: skip
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


def graphics(root: Path = ROOT) -> list[Gpu]:
    """Cards in /sys/class/drm, without those NVML knows better (the caller takes out NVIDIA's when NVML answered)."""
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
        if vendor == "amd":
            found.append(_amd(device, name, pci))
        elif vendor == "intel":
            found.append(_intel(device, name, pci))
        else:
            found.append(Gpu(name, vendor, "cuda", usable=False, why_not=mark("The NVIDIA driver is not installed or does not answer."), pci=pci or None))
    return found


def _amd(device: Path, name: str | None, pci: str) -> Gpu:
    """amdgpu's own files. A processor's own graphics has a small carve-out ("VRAM") and takes the rest (GTT) from memory."""
    vram, used = _number(device / "mem_info_vram_total"), _number(device / "mem_info_vram_used")
    gtt, gtt_used = _number(device / "mem_info_gtt_total"), _number(device / "mem_info_gtt_used")
    # Chips without memory of their own have no memory maker; older kernels don't have the file, but such chips have more GTT than VRAM.
    maker = _text(device / "mem_info_vram_vendor").strip()
    integrated = None if vram is None else (maker == "unknown" if maker else bool(gtt and gtt > vram and vram <= 8 << 30))
    total, free = vram, None if vram is None or used is None else vram - used
    if integrated and vram is not None and gtt is not None:
        total = vram + gtt
        free = None if used is None or gtt_used is None else total - used - gtt_used
    return Gpu(_text(device / "product_name").strip() or name or "AMD graphics", "amd", "vulkan", total, free, integrated, pci=pci or None)


def _intel(device: Path, name: str | None, pci: str) -> Gpu:
    """Graphics inside the processor sits at 00:02.0 and uses the computer's memory; a card shows its memory as a PCI window."""
    integrated = pci.endswith("00:02.0") if pci else None
    memory = None
    if integrated is False:
        for line in _text(device / "resource").splitlines():
            words = line.split()
            if len(words) == 3:
                size = int(words[1], 16) - int(words[0], 16) + 1
                # Without "resizable BAR" the window is 256 MiB and says nothing about the memory behind it.
                memory = max(memory or 0, size) if size >= 1 << 30 else memory
    return Gpu(name or "Intel graphics", "intel", "vulkan", memory, None, integrated, pci=pci or None)


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
    return int(text) if text.isdigit() else None
