"""Windows: the registry and kernel32. The same functions as in `linux.py`. Written from Microsoft's documentation, not run by our tests."""

from __future__ import annotations

import contextlib
import ctypes
import platform
import re
import struct
import sys

from localstory.errors import mark
from localstory.hardware.cgroups import MemoryLimit
from localstory.hardware.machine import Gpu

# IsProcessorFeaturePresent: numbers from winnt.h.
_FEATURES = {13: "sse3", 36: "ssse3", 37: "sse4_1", 38: "sse4_2", 39: "avx", 40: "avx2", 41: "avx512f", 19: "neon", 43: "asimddp"}
_DISPLAY_CLASS = r"SYSTEM\CurrentControlSet\Control\Class\{4d36e968-e325-11ce-bfc1-08002be10318}"
SOURCES = {
    "os": "RtlGetVersion", "cpu.name": "registry, CentralProcessor", "cpu.features": "IsProcessorFeaturePresent",
    "cpu.performance_cores": "GetLogicalProcessorInformationEx", "cpu.physical_cores": "GetLogicalProcessorInformationEx",
    "cpu.logical_cores": "GetActiveProcessorCount", "memory.total_bytes": "GlobalMemoryStatusEx", "memory.available_bytes": "GlobalMemoryStatusEx",
    "disk.free_bytes": "GetDiskFreeSpaceEx",
}  # fmt: skip
_VENDORS = {"VEN_10DE": "nvidia", "VEN_1002": "amd", "VEN_8086": "intel"}


def system_name() -> str:
    """ "Windows 11, 10.0.26100"."""
    return f"Windows {platform.release()}, {platform.version()}"


def processor_name() -> str | None:
    """As the registry has it."""
    if sys.platform == "win32":
        import winreg

        try:
            with winreg.OpenKey(winreg.HKEY_LOCAL_MACHINE, r"HARDWARE\DESCRIPTION\System\CentralProcessor\0") as key:
                return " ".join(str(winreg.QueryValueEx(key, "ProcessorNameString")[0]).split())
        except OSError:
            pass
    return platform.processor() or None


def processor_features() -> tuple[str, ...] | None:
    """Instructions that matter, by Linux's names. Windows does not tell of FMA and F16C; every processor with AVX2 has them."""
    if sys.platform == "win32":
        present = ctypes.windll.kernel32.IsProcessorFeaturePresent
        found = [name for number, name in _FEATURES.items() if present(number)]
        return tuple(found + (["fma", "f16c", "bmi2"] if "avx2" in found else []))
    return None


def performance_cores(physical_cores: int | None) -> int | None:
    """Cores of the highest EfficiencyClass (which is the fastest) in SYSTEM_LOGICAL_PROCESSOR_INFORMATION_EX."""
    if sys.platform == "win32":
        ask = ctypes.windll.kernel32.GetLogicalProcessorInformationEx
        length = ctypes.c_ulong(0)
        ask(0, None, ctypes.byref(length))  # 0: RelationProcessorCore
        buffer = ctypes.create_string_buffer(length.value)
        if length.value and ask(0, buffer, ctypes.byref(length)):
            return count_fastest(buffer.raw[: length.value]) or physical_cores
    return physical_cores


def count_fastest(records: bytes) -> int:
    """Cores of the highest class in the records: each has its kind (u32), its size (u32), flags (u8), EfficiencyClass (u8)."""
    classes, at = [], 0
    while at + 10 <= len(records):
        _kind, size, _flags, efficiency = struct.unpack_from("<IIBB", records, at)
        if size < 10:
            break
        classes.append(efficiency)
        at += size
    return classes.count(max(classes)) if classes else 0


def allowed_processors() -> float | None:
    """Jobs can limit this too; the number of processors is right for desktop programs."""
    return None


def memory_limit() -> MemoryLimit | None:
    """Nothing like a container's limit on a desktop."""
    return None


def graphics(*, wake: bool = False) -> list[Gpu]:
    """Display adapters in the registry. qwMemorySize is right above 4 GiB too, unlike WMI's AdapterRAM."""
    return adapters([_adapter_values(number) for number in range(32)], _displays())


def adapters(rows: list[dict[str, object]], displays: list[str] | None) -> list[Gpu]:
    """Cards from the registry's values (DriverDesc, MatchingDeviceId, DriverVersion, qwMemorySize) and the ids of adapters with a screen."""
    found: list[Gpu] = []
    for values in rows:
        device = str(values.get("MatchingDeviceId", "")).upper()
        vendor = next((word for code, word in _VENDORS.items() if code in device), None)
        if vendor is None:
            continue  # remote desktops, basic display drivers, virtual screens
        size = values.get("HardwareInformation.qwMemorySize")
        memory = size if isinstance(size, int) and size > 0 else None
        name = str(values.get("DriverDesc") or "")
        integrated = _is_integrated(vendor, name, memory)
        part = re.search(r"VEN_[0-9A-F]{4}&DEV_[0-9A-F]{4}", device)
        found.append(
            Gpu(
                name or None,
                vendor,
                "cuda" if vendor == "nvidia" else "vulkan",
                None if integrated else memory,
                integrated=integrated,
                usable=False if vendor == "nvidia" else None,
                why_not=mark("The NVIDIA driver is not installed or does not answer.") if vendor == "nvidia" else None,
                drives_display=None if displays is None or part is None else any(part[0] in one.upper() for one in displays),
                driver=str(values.get("DriverVersion") or "") or None,
                memory_own_bytes=memory,
            )
        )
    return found


def _is_integrated(vendor: str, name: str, memory_bytes: int | None) -> bool | None:
    """Windows doesn't say whether graphics is a part of the processor; makers' names do: "Radeon(TM) 780M Graphics", "Radeon RX 7600M"."""
    if vendor == "nvidia":
        return False
    if vendor == "intel":
        # Graphics in the processor tells of 128 MiB or 1 GiB cut out of the memory; an Arc card has 4 GiB and more.
        return None if memory_bytes is None else memory_bytes < 3 << 30
    plain = re.sub(r"\((?:TM|R)\)", "", name, flags=re.IGNORECASE)
    if re.search(r"Radeon (?:RX|Pro|AI)\b", plain, re.IGNORECASE):
        return bool(re.search(r"\bRX Vega \d+ Graphics$", plain, re.IGNORECASE)) and memory_bytes is not None and memory_bytes < 3 << 30
    return True if re.search(r"Radeon (?:Vega \d+ )?(?:\d{3,4}[MS] )?Graphics$|Radeon \d{3,4}[MS]$", plain.strip(), re.IGNORECASE) else None


def _adapter_values(number: int) -> dict[str, object]:
    values: dict[str, object] = {}
    if sys.platform == "win32":
        import winreg

        with contextlib.suppress(OSError), winreg.OpenKey(winreg.HKEY_LOCAL_MACHINE, rf"{_DISPLAY_CLASS}\{number:04d}") as key:
            for name in ("DriverDesc", "MatchingDeviceId", "DriverVersion", "HardwareInformation.qwMemorySize"):
                with contextlib.suppress(OSError):
                    values[name] = winreg.QueryValueEx(key, name)[0]
    return values


def _displays() -> list[str] | None:
    """Device ids of adapters that the desktop reaches to (EnumDisplayDevicesW, DISPLAY_DEVICE_ATTACHED_TO_DESKTOP)."""
    if sys.platform == "win32":

        class Device(ctypes.Structure):
            _fields_ = (
                ("size", ctypes.c_uint32), ("name", ctypes.c_wchar * 32), ("text", ctypes.c_wchar * 128), ("flags", ctypes.c_uint32),
                ("id", ctypes.c_wchar * 128), ("key", ctypes.c_wchar * 128),
            )  # fmt: skip

        found = []
        for number in range(64):
            device = Device(size=ctypes.sizeof(Device))
            if not ctypes.windll.user32.EnumDisplayDevicesW(None, number, ctypes.byref(device), 0):
                break
            if device.flags & 1:
                found.append(device.id)
        return found
    return None
