"""Windows: the registry and kernel32. The same functions as in `linux.py`. Written from Microsoft's documentation, not run by our tests."""

from __future__ import annotations

import ctypes
import platform
import struct
import sys

from localstory.errors import mark
from localstory.hardware.cgroups import MemoryLimit
from localstory.hardware.machine import Gpu

# IsProcessorFeaturePresent: numbers from winnt.h.
_FEATURES = {13: "sse3", 36: "ssse3", 37: "sse4_1", 38: "sse4_2", 39: "avx", 40: "avx2", 41: "avx512f", 19: "neon", 43: "asimddp"}
_DISPLAY_CLASS = r"SYSTEM\CurrentControlSet\Control\Class\{4d36e968-e325-11ce-bfc1-08002be10318}"
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


def graphics() -> list[Gpu]:
    """Display adapters in the registry. qwMemorySize is right above 4 GiB too, unlike WMI's AdapterRAM."""
    found: list[Gpu] = []
    if sys.platform == "win32":
        import winreg

        for number in range(32):
            try:
                with winreg.OpenKey(winreg.HKEY_LOCAL_MACHINE, rf"{_DISPLAY_CLASS}\{number:04d}") as key:
                    name = str(winreg.QueryValueEx(key, "DriverDesc")[0])
                    device = str(winreg.QueryValueEx(key, "MatchingDeviceId")[0]).upper()
                    try:
                        memory = int(winreg.QueryValueEx(key, "HardwareInformation.qwMemorySize")[0]) or None
                    except (OSError, ValueError):
                        memory = None
            except OSError:
                continue
            vendor = next((word for code, word in _VENDORS.items() if code in device), None)
            if vendor == "nvidia":
                why = mark("The NVIDIA driver is not installed or does not answer.")
                found.append(Gpu(name, vendor, "cuda", memory, usable=False, why_not=why))
            elif vendor is not None:
                found.append(Gpu(name, vendor, "vulkan", memory))
    return found
