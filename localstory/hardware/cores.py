"""How many threads a worker should use: physical cores, within what this process may use at all."""

from __future__ import annotations

import math
import os

import psutil

from localstory.hardware.cgroups import processor_quota


def worker_threads() -> int:
    """Physical cores that this process may run on, within the container's processor quota; at least 1.

    llama.cpp and ONNX Runtime gain nothing from a second thread on the same core.
    """
    physical = psutil.cpu_count(logical=False) or os.cpu_count() or 1
    # Not everywhere: macOS and Windows have no affinity of this kind.
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else physical
    quota = processor_quota()
    limits = [physical, allowed] + ([max(1, math.floor(quota))] if quota is not None else [])
    return max(1, min(limits))
