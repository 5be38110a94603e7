"""How fast this machine reads its memory: the number that decides how fast a model writes on a processor."""

from __future__ import annotations

import threading
import time

_MIB = 1 << 20
_ROOM_SHARE = 8
"""At most this part of the free memory is touched."""


def measure_read(*, threads: int, available_bytes: int | None, seconds: float = 0.5, touch_seconds: float = 0.6) -> float | None:
    """The best rate seen within about `seconds`, in 10^9 bytes a second; None when there is too little memory to tell.

    The threads read 1 GiB together (at least 64 MiB each; less when memory is short) with numpy's maximum, which holds
    no lock and does nothing a processor would wait for. So much, because caches grow: on a server with 480 MiB of them
    2 x 64 MiB read at 18 to 47 GB/s and 2 x 512 MiB at 11. Not BLAS: it starts threads of its own and measures 1.5
    instead of 14 GB/s (facts/fit.md, §4). Memory must be touched before it is real, which takes 0.2 s a GiB, and 2 s on a
    virtual machine whose host has to find it first: after `touch_seconds` what was touched so far has to do.
    """
    import numpy as np

    part = max(64 * _MIB, 1024 * _MIB // threads)
    if available_bytes is not None:
        part = min(part, available_bytes // _ROOM_SHARE // threads)
    if part < 16 * _MIB:
        return None
    parts = [np.empty(part // 8, dtype=np.float64) for _thread in range(threads)]
    touched = [0] * threads
    deadline = time.perf_counter() + touch_seconds

    def touch(index: int) -> None:
        step = 16 * _MIB // 8
        for start in range(0, len(parts[index]), step):
            if start and time.perf_counter() > deadline:
                break
            parts[index][start : start + step] = 1.0
            touched[index] = min(start + step, len(parts[index]))

    _together([threading.Thread(target=touch, args=(index,)) for index in range(threads)])
    numbers = min(touched)
    best = 0.0
    ends = time.perf_counter() + seconds
    while time.perf_counter() < ends:
        gate = threading.Barrier(threads + 1)

        def read(index: int, gate: threading.Barrier = gate) -> None:
            gate.wait()
            np.max(parts[index][:numbers])

        readers = [threading.Thread(target=read, args=(index,)) for index in range(threads)]
        for reader in readers:
            reader.start()
        gate.wait()
        started = time.perf_counter()
        for reader in readers:
            reader.join()
        best = max(best, numbers * 8 * threads / (time.perf_counter() - started) / 1e9)
    return best


def _together(threads: list[threading.Thread]) -> None:
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
