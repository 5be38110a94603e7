"""What a graphics driver of the Linux kernel tells when asked: memory of Intel's cards, memory clock of AMD's, and who uses it.

Layouts and numbers: the kernel's include/uapi/drm/{amdgpu_drm,i915_drm,xe_drm}.h, which it keeps stable; the operations per
clock are those of Mesa and AMD's PAL (`memory_ops_per_clock`). Asking wakes a card that sleeps, so the caller looks first.
"""

from __future__ import annotations

import ctypes
import os
import struct
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from localstory.hardware.machine import GpuUser

Ioctl: TypeAlias = Callable[[int, bytearray], None]
"""Fills the bytearray in place; raises OSError."""

_AMDGPU_INFO, _AMDGPU_DEV_INFO = 0x40206445, 0x16
_AMDGPU_FUSION = 1
"""A flag of `ids_flags`: the graphics is a part of the processor."""
_OPERATIONS_PER_CLOCK = {2: 2, 5: 4, 6: 2, 7: 2, 8: 2, 9: 16, 13: 2}
"""AMDGPU_VRAM_TYPE_…: DDR2 2, GDDR5 4, HBM 2, DDR3 2, DDR4 2, GDDR6 16, HBM3E 2. DDR5 and LPDDR5 stand beside processors,
where the clock told is not always the memory's: left out."""
_XE_QUERY, _XE_MEMORY = 0xC0286440, 1
_I915_QUERY, _I915_MEMORY = 0xC0106479, 4
_REGION_BYTES = 88
"""Size of a memory region in the answers of both drivers."""
_ANSWER_BYTES = 4096


@dataclass(frozen=True, slots=True)
class AmdFacts:
    """What amdgpu tells of a chip."""

    integrated: bool
    bandwidth_gbps: float | None


def device_ioctl(node: Path) -> Ioctl:
    """Questions to a device ("/dev/dri/renderD128"), which is open only while it answers."""

    def ask(request: int, message: bytearray) -> None:
        if sys.platform != "linux":
            raise OSError("DRM is Linux's")
        import fcntl

        file = os.open(node, os.O_RDWR | os.O_CLOEXEC)
        try:
            fcntl.ioctl(file, request, message, True)
        finally:
            os.close(file)

    return ask


def amd_facts(ask: Ioctl) -> AmdFacts | None:
    """Width and clock of the memory. Raises nothing: None when the driver doesn't answer.

    RX 7900 XT: 320 bit, 1,249 MHz, GDDR6 (16 a clock) = 799 GB/s; RX 6600: 128 bit, 875 MHz = 224.
    """
    answer = ctypes.create_string_buffer(256)  # struct drm_amdgpu_info_device; the driver fills as much as it knows
    try:
        ask(_AMDGPU_INFO, bytearray(struct.pack("<QII16x", ctypes.addressof(answer), len(answer), _AMDGPU_DEV_INFO)))
    except OSError:
        return None
    clock_khz, flags = struct.unpack_from("<Q", answer, 40)[0], struct.unpack_from("<Q", answer, 136)[0]
    vram_type, width_bits = struct.unpack_from("<II", answer, 176)
    operations = _OPERATIONS_PER_CLOCK.get(vram_type, 0)
    gbps = clock_khz * 1000 * operations * width_bits / 8 / 1e9
    return AmdFacts(bool(flags & _AMDGPU_FUSION), round(gbps, 1) or None)


def intel_memory(ask: Ioctl, driver: str) -> tuple[int, int | None] | None:
    """(all, free) bytes of a card's own memory, asked from "xe" or "i915". None: it has none, or the driver doesn't answer.

    Without special rights the drivers don't tell what is used: xe says 0, i915 says all is free. Both are then unknown.
    """
    answer = ctypes.create_string_buffer(_ANSWER_BYTES)
    try:
        if driver == "xe":
            message = bytearray(struct.pack("<QIIQ16x", 0, _XE_MEMORY, 0, 0))
            ask(_XE_QUERY, message)  # first for the length, which must be right to the byte
            length = struct.unpack_from("<I", message, 12)[0]
            if not 0 < length <= _ANSWER_BYTES:
                return None
            ask(_XE_QUERY, bytearray(struct.pack("<QIIQ16x", 0, _XE_MEMORY, length, ctypes.addressof(answer))))
            first = 8
        elif driver == "i915":
            item = ctypes.create_string_buffer(struct.pack("<QiIQ", _I915_MEMORY, _ANSWER_BYTES, 0, ctypes.addressof(answer)))
            ask(_I915_QUERY, bytearray(struct.pack("<IIQ", 1, 0, ctypes.addressof(item))))
            if struct.unpack_from("<i", item, 8)[0] <= 0:  # an error of this item stands where its length stood
                return None
            first = 16
        else:
            return None
    except OSError:
        return None
    count = min(struct.unpack_from("<I", answer, 0)[0], (_ANSWER_BYTES - first) // _REGION_BYTES)
    total, free = 0, 0
    for index in range(count):
        kind, _instance, _page, size, second = struct.unpack_from("<HHIQQ", answer, first + index * _REGION_BYTES)
        if kind == 1 and size != 0xFFFF_FFFF_FFFF_FFFF:  # device memory
            total += size
            free += size - second if driver == "xe" else second
    if not total:
        return None
    return total, free if 0 <= free < total else None


def users_of(pci: str, proc: Path = Path("/proc")) -> tuple[GpuUser, ...]:
    """Processes of this user that hold memory of the card, by the kernel's fdinfo (Documentation/gpu/drm-usage-stats.rst).

    Each open device has its client id; a client counts once, however many descriptors share it.
    """
    held: dict[str, tuple[int, int]] = {}
    for entry in proc.iterdir() if proc.is_dir() else ():
        if not entry.name.isdigit():
            continue
        try:
            descriptors = [one.name for one in (entry / "fd").iterdir() if str(one.readlink()).startswith("/dev/dri/")]
        except OSError:  # another user's, or it has just ended
            continue
        for name in descriptors:
            fields = _fields(entry / "fdinfo" / name)
            size = max((_kib(fields.get(f"drm-{word}-{place}", "")) for word in ("resident", "memory") for place in ("vram", "vram0")), default=0)
            if fields.get("drm-pdev", "").lower() == pci.lower() and size:
                held[fields.get("drm-client-id", f"{entry.name}/{name}")] = (int(entry.name), size << 10)
    by_process: dict[int, int] = {}
    for pid, size in held.values():
        by_process[pid] = by_process.get(pid, 0) + size
    rows = [GpuUser(_comm(proc / str(pid)), pid, size) for pid, size in by_process.items()]
    return tuple(sorted(rows, key=lambda user: -(user.memory_bytes or 0)))


def _fields(path: Path) -> dict[str, str]:
    try:
        lines = path.read_text("utf-8", "replace").splitlines()
    except OSError:
        return {}
    return {name.strip(): value.strip() for name, colon, value in (line.partition(":") for line in lines) if colon}


def _kib(text: str) -> int:
    """ "1024 KiB", "3 MiB" or plain bytes, in KiB."""
    number, _space, unit = text.partition(" ")
    scale = {"": 1 / 1024, "KiB": 1, "MiB": 1024}.get(unit.strip())
    return int(int(number) * scale) if number.isdigit() and scale is not None else 0


def _comm(process: Path) -> str | None:
    try:
        return (process / "comm").read_text("utf-8", "replace").strip() or None
    except OSError:
        return None
