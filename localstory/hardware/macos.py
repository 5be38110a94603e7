"""macOS: sysctl, through libc. The same functions as in `linux.py`. Written from Apple's documentation, not run by our tests."""

from __future__ import annotations

import ctypes
import ctypes.util
import platform
import re

from localstory.hardware.cgroups import MemoryLimit
from localstory.hardware.machine import Gpu

# Apple's published memory bandwidth, 10^9 bytes a second (apple.com, technical specifications). Where a name comes in two
# builds the smaller number stands here: a promise should hold on both.
_BANDWIDTH = {
    "M1": 68, "M1 Pro": 200, "M1 Max": 400, "M1 Ultra": 800, "M2": 100, "M2 Pro": 200, "M2 Max": 400, "M2 Ultra": 800,
    "M3": 100, "M3 Pro": 150, "M3 Max": 300, "M3 Ultra": 819, "M4": 120, "M4 Pro": 273, "M4 Max": 410, "M5": 153.6, "M5 Pro": 307, "M5 Max": 460,
}  # fmt: skip
SOURCES = {
    "os": "sw_vers", "cpu.name": "sysctl machdep.cpu.brand_string", "cpu.features": "sysctl hw.optional",
    "cpu.performance_cores": "sysctl hw.perflevel0.physicalcpu", "cpu.physical_cores": "sysctl hw.physicalcpu", "cpu.logical_cores": "sysctl hw.logicalcpu",
    "memory.total_bytes": "sysctl hw.memsize",
    "memory.available_bytes": "host_statistics64", "disk.free_bytes": "statvfs",
}  # fmt: skip
_FEATURES = {
    "hw.optional.avx2_0": "avx2", "hw.optional.fma": "fma", "hw.optional.f16c": "f16c", "hw.optional.avx512f": "avx512f", "hw.optional.bmi2": "bmi2",
    "hw.optional.neon": "neon", "hw.optional.AdvSIMD": "asimd", "hw.optional.arm.FEAT_DotProd": "asimddp", "hw.optional.arm.FEAT_I8MM": "i8mm",
    "hw.optional.arm.FEAT_BF16": "bf16", "hw.optional.arm.FEAT_SME": "sme",
}  # fmt: skip


def system_name() -> str:
    """ "macOS 15.1"."""
    return f"macOS {platform.mac_ver()[0]}"


def processor_name() -> str | None:
    """ "Apple M4 Pro", "Intel(R) Core(TM) i7-…"."""
    raw = _sysctl("machdep.cpu.brand_string")
    return raw.rstrip(b"\0").decode("utf-8", "replace") or None if raw else None


def processor_features() -> tuple[str, ...] | None:
    """Instructions that matter, by Linux's names."""
    found = dict.fromkeys(name for key, name in _FEATURES.items() if _sysctl_number(key))
    return tuple(found) or None


def performance_cores(physical_cores: int | None) -> int | None:
    """perflevel0 is the fastest kind of core; Intel's Macs have no such levels."""
    return _sysctl_number("hw.perflevel0.physicalcpu") or physical_cores


def allowed_processors() -> float | None:
    """macOS knows no affinity and no quota of this kind."""
    return None


def memory_limit() -> MemoryLimit | None:
    """macOS has no containers that limit memory."""
    return None


def graphics(*, wake: bool = False) -> list[Gpu]:
    """Apple's own graphics. It works in the computer's memory, up to a part that the system allows."""
    name = processor_name() or ""
    total = _sysctl_number("hw.memsize")
    if not name.startswith("Apple") or not total:
        return []  # Intel Macs: the engine has no Metal build worth using there
    allowed_mib = _sysctl_number("iogpu.wired_limit_mb")
    # Metal's recommendedMaxWorkingSetSize without that setting: about two thirds up to 36 GB, three quarters above.
    allowed = min(allowed_mib << 20, total) if allowed_mib else total * (67 if total <= 36 << 30 else 75) // 100
    return [Gpu(name, "apple", "metal", allowed, None, True, apple_bandwidth_gbps(name), drives_display=True, memory_shared_bytes=allowed)]


def apple_bandwidth_gbps(name: str) -> float | None:
    """Published memory bandwidth of an Apple chip; None for one we don't know."""
    chip = re.match(r"Apple (M\d+(?: (?:Pro|Max|Ultra))?)", name)
    return _BANDWIDTH.get(chip[1]) if chip else None


def _sysctl(name: str) -> bytes | None:
    libc = ctypes.CDLL(ctypes.util.find_library("c"))
    length = ctypes.c_size_t(0)
    if libc.sysctlbyname(name.encode(), None, ctypes.byref(length), None, 0) != 0 or length.value > 1 << 16:
        return None
    buffer = ctypes.create_string_buffer(length.value)
    if libc.sysctlbyname(name.encode(), buffer, ctypes.byref(length), None, 0) != 0:
        return None
    return buffer.raw[: length.value]


def _sysctl_number(name: str) -> int | None:
    raw = _sysctl(name)
    return int.from_bytes(raw, "little") if raw and len(raw) in (4, 8) else None
