"""How many threads a worker should use: physical cores, within what this process may use at all."""

from __future__ import annotations

import math
import os
from pathlib import Path

import psutil


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


def processor_quota(root: Path = Path("/sys/fs/cgroup")) -> float | None:
    """Processors' worth of time this container may use (1.5 = one and a half); None when unlimited or not Linux.

    cgroup v2: `cpu.max` ("quota period" or "max period"); v1: `cpu.cfs_quota_us` / `cpu.cfs_period_us`, -1 unlimited.
    """
    try:
        quota, period = (root / "cpu.max").read_text().split()[:2]
        return None if quota == "max" else int(quota) / int(period)
    except (OSError, ValueError):
        pass
    try:
        quota_us = int((root / "cpu/cpu.cfs_quota_us").read_text())
        period_us = int((root / "cpu/cpu.cfs_period_us").read_text())
        return quota_us / period_us if quota_us > 0 and period_us > 0 else None
    except (OSError, ValueError):
        return None
