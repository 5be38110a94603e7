"""What a container allows: memory and processor time, from cgroups version 1, 2, or both at once. Linux only.

A limit may stand at any level from our own group up to the root, and the tightest one counts. Inside a container with
its own namespace our group is "/"; without one its path may not exist in what we can see: then the root is all we have.
Formats: the kernel's Documentation/admin-guide/cgroup-v2.rst and cgroup-v1/memory.rst.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

CGROUPS = Path("/sys/fs/cgroup")
OWN_GROUPS = Path("/proc/self/cgroup")
_NO_LIMIT = 1 << 60
"""cgroup v1 says "no limit" with a number near 2^63."""


@dataclass(frozen=True, slots=True)
class MemoryLimit:
    """The tightest memory limit, and what is still free under it. Pages of files can be dropped, so they count as free."""

    limit_bytes: int
    available_bytes: int


def memory_limit(own_groups: Path = OWN_GROUPS, root: Path = CGROUPS) -> MemoryLimit | None:
    """The limit that will hit first; None when there is none."""
    found = [_memory_v2(folder) for folder in _levels(own_groups, root, "")] + [_memory_v1(folder) for folder in _levels(own_groups, root, "memory")]
    limits = [limit for limit in found if limit is not None]
    if not limits:
        return None
    return MemoryLimit(min(one.limit_bytes for one in limits), min(one.available_bytes for one in limits))


def processor_quota(own_groups: Path = OWN_GROUPS, root: Path = CGROUPS) -> float | None:
    """Processors' worth of time this container may use (1.5 = one and a half); None when unlimited.

    cgroup v2: `cpu.max` ("quota period" or "max period"); v1: `cpu.cfs_quota_us` / `cpu.cfs_period_us`, -1 unlimited.
    """
    quotas = []
    for folder in _levels(own_groups, root, ""):
        words = _text(folder / "cpu.max").split()
        if len(words) >= 2 and words[0].isdigit() and words[1].isdigit() and int(words[1]) > 0:
            quotas.append(int(words[0]) / int(words[1]))
    for folder in _levels(own_groups, root, "cpu"):
        quota, period = _number(folder / "cpu.cfs_quota_us"), _number(folder / "cpu.cfs_period_us")
        if quota is not None and quota > 0 and period:
            quotas.append(quota / period)
    return min(quotas, default=None)


def _levels(own_groups: Path, root: Path, controller: str) -> Iterator[Path]:
    """The folders from our own group up to the root, for a v1 controller, or for v2 (controller "")."""
    tops = [root / controller] if controller else [root, root / "unified"]
    own = "/"
    for line in _text(own_groups).splitlines():
        _id, controllers, path = [*line.split(":", 2), "", ""][:3]
        if controller in controllers.split(","):
            own = path
    for top in tops:
        folder = top / own.strip("/")
        if ".." in Path(own).parts or not folder.is_dir():
            folder = top
        while True:
            yield folder
            if folder == top:
                break
            folder = folder.parent


def _memory_v2(folder: Path) -> MemoryLimit | None:
    # Above "high" everything waits while pages are written out: as good as a limit.
    hard, soft, used = (_number(folder / name) for name in ("memory.max", "memory.high", "memory.current"))
    limit = min((one for one in (hard, soft) if one is not None), default=None)
    if limit is None or used is None:
        return None
    stat = _table(folder / "memory.stat")
    droppable = sum(stat.get(name, 0) for name in ("inactive_file", "active_file", "slab_reclaimable"))
    return MemoryLimit(limit, _between(limit - used + droppable, limit))


def _memory_v1(folder: Path) -> MemoryLimit | None:
    limit, used = _number(folder / "memory.limit_in_bytes"), _number(folder / "memory.usage_in_bytes")
    if limit is None or used is None or not 0 <= limit < _NO_LIMIT:
        return None
    stat = _table(folder / "memory.stat")
    droppable = stat.get("total_inactive_file", 0) + stat.get("total_active_file", 0)
    return MemoryLimit(limit, _between(limit - used + droppable, limit))


def _between(value: int, most: int) -> int:
    return max(0, min(value, most))


def _text(path: Path) -> str:
    try:
        return path.read_text("utf-8", "replace")
    except OSError:
        return ""


def _number(path: Path) -> int | None:
    text = _text(path).strip()
    return int(text) if text.lstrip("-").isdigit() else None


def _table(path: Path) -> dict[str, int]:
    pairs = (line.split() for line in _text(path).splitlines())
    return {pair[0]: int(pair[1]) for pair in pairs if len(pair) == 2 and pair[1].isdigit()}
