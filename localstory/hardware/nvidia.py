"""NVIDIA cards, asked through their own library (NVML, by `pynvml`); the same on Linux and Windows."""

from __future__ import annotations

import logging
from typing import Any

from localstory.hardware.machine import Gpu

log = logging.getLogger(__name__)


def bandwidth_gbps(bus_width_bits: int, memory_clock_mhz: int) -> float:
    """Memory bandwidth from the card's own numbers: bits x clock x 2 (both edges) / 8, as 10^9 bytes a second.

    Right for laptop cards too, which share their desktop cousins' names and not their memory: RTX 4090 384 bit at
    10,501 MHz = 1,008; RTX 4090 Laptop 256 at 9,001 = 576; H100 SXM 5,120 at 2,619 = 3,352 (the published numbers).
    """
    return bus_width_bits * memory_clock_mhz * 2 / 8 / 1000


def graphics() -> list[Gpu] | None:
    """Every card NVML knows; None when there is no driver, or it doesn't answer."""
    import pynvml

    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError as error:
        log.debug("no NVML: %s", error)
        return None
    try:
        return [_card(pynvml, pynvml.nvmlDeviceGetHandleByIndex(index)) for index in range(pynvml.nvmlDeviceGetCount())]
    except pynvml.NVMLError as error:
        log.info("NVML stopped answering: %s", error)
        return None
    finally:
        pynvml.nvmlShutdown()


def _card(pynvml: Any, handle: Any) -> Gpu:
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
    )


def _words(value: Any) -> str | None:
    """Older versions of pynvml answer in bytes."""
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace") or None
    return str(value) if value else None
