"""NVIDIA cards, asked through their own library (NVML, by `pynvml`); the same on Linux and Windows."""

from __future__ import annotations

import contextlib
import ctypes
import logging
import re
import sys
from typing import Any

from localstory.hardware.machine import Gpu, GpuUser

log = logging.getLogger(__name__)


def bandwidth_gbps(bus_width_bits: int, memory_clock_mhz: int) -> float:
    """Memory bandwidth from the card's own numbers: bits x clock x 2 (both edges) / 8, as 10^9 bytes a second.

    Right for laptop cards too, which share their desktop cousins' names and not their memory: RTX 4090 384 bit at
    10,501 MHz = 1,008; RTX 4090 Laptop 256 at 9,001 = 576; H100 SXM 5,120 at 2,619 = 3,352 (the published numbers).
    """
    return bus_width_bits * memory_clock_mhz * 2 / 8 / 1000


def graphics() -> list[Gpu] | None:
    """Every card NVML knows, with the processes that hold its memory; None when there is no driver, or it doesn't answer."""
    if not _has_library():
        return None
    import pynvml

    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError as error:
        log.debug("no NVML: %s", error)
        return None
    try:
        driver = _driver(pynvml)
        return [_card(pynvml, pynvml.nvmlDeviceGetHandleByIndex(index), driver) for index in range(pynvml.nvmlDeviceGetCount())]
    except pynvml.NVMLError as error:
        log.info("NVML stopped answering: %s", error)
        return None
    finally:
        with contextlib.suppress(pynvml.NVMLError):
            pynvml.nvmlShutdown()


def _has_library() -> bool:
    """Whether NVML is there at all. Asked first: importing pynvml takes 40 ms, which most machines can save."""
    if sys.platform == "darwin":
        return False
    if sys.platform == "win32":
        return True  # pynvml looks in the two places where it can be
    try:
        ctypes.CDLL("libnvidia-ml.so.1")
    except OSError:
        return False
    return True


def _card(pynvml: Any, handle: Any, driver: str | None) -> Gpu:
    def ask(question: str, *args: Any) -> Any:
        """The answer, or None: every question may be one this card or driver doesn't know."""
        try:
            return getattr(pynvml, question)(handle, *args)
        except (pynvml.NVMLError, AttributeError, TypeError):
            return None

    name = ask("nvmlDeviceGetName")
    memory = ask("nvmlDeviceGetMemoryInfo", getattr(pynvml, "nvmlMemory_v2", None)) or ask("nvmlDeviceGetMemoryInfo")
    width = ask("nvmlDeviceGetMemoryBusWidth")
    clock = ask("nvmlDeviceGetMaxClockInfo", pynvml.NVML_CLOCK_MEM)
    pci = ask("nvmlDeviceGetPciInfo")
    address = getattr(pci, "busId", None)
    display = ask("nvmlDeviceGetDisplayActive")
    # Jetson and GB10 have no memory of their own: NVML then has no memory to tell of.
    integrated = memory is None or not int(memory.total)
    return Gpu(
        name=_words(name),
        vendor="nvidia",
        backend="cuda",
        memory_total_bytes=None if integrated else int(memory.total),
        memory_free_bytes=None if integrated else int(memory.free),
        integrated=integrated,
        bandwidth_gbps=round(bandwidth_gbps(int(width), int(clock)), 1) if width and clock else None,
        pci=_words(address),
        drives_display=None if display is None else bool(display),
        driver=driver,
        memory_own_bytes=None if integrated else int(memory.total),
        users=_users(pynvml, ask),
    )


def _users(pynvml: Any, ask: Any) -> tuple[GpuUser, ...] | None:
    """Processes that compute or draw on the card; one that does both counts once. None when the driver tells of neither."""
    lists = [ask("nvmlDeviceGetComputeRunningProcesses"), ask("nvmlDeviceGetGraphicsRunningProcesses")]
    if all(one is None for one in lists):
        return None
    held: dict[int, int | None] = {}
    for process in (process for one in lists for process in one or ()):
        used = getattr(process, "usedGpuMemory", None)
        pid = int(process.pid)
        held[pid] = max(filter(None, (used, held.get(pid))), default=None)
    rows = [GpuUser(_process_name(pynvml, pid), pid, size) for pid, size in held.items()]
    return tuple(sorted(rows, key=lambda user: (-(user.memory_bytes or 0), user.pid or 0)))


def _process_name(pynvml: Any, pid: int) -> str | None:
    """The program's file name. The driver is asked first: in a container its numbers are those outside."""
    try:
        told = _words(pynvml.nvmlSystemGetProcessName(pid))
    except (pynvml.NVMLError, AttributeError, UnicodeDecodeError):
        return None
    # A path, with arguments where the driver knows them; Windows has its own separator.
    return re.split(r"[/\\]", told.split(" -")[0])[-1] or None if told else None


def _driver(pynvml: Any) -> str | None:
    try:
        version = _words(pynvml.nvmlSystemGetDriverVersion())
    except (pynvml.NVMLError, AttributeError, UnicodeDecodeError):
        return None
    return f"NVIDIA {version}" if version else None


def _words(value: Any) -> str | None:
    """Older versions of pynvml answer in bytes."""
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace") or None
    return str(value) if value else None
