"""Limits of containers, read from small trees of the kernel's files."""

from __future__ import annotations

from pathlib import Path

import pytest

from localstory.hardware.cgroups import MemoryLimit, memory_limit, processor_quota

GIB = 1 << 30


def tree(root: Path, files: dict[str, str]) -> tuple[Path, Path]:
    """A cgroup tree with these files; "own" is /proc/self/cgroup."""
    (root / "fs").mkdir()
    for name, content in files.items():
        path = root / "own" if name == "own" else root / "fs" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    return root / "own", root / "fs"


def test_v2_counts_the_tightest_level_and_what_can_be_dropped(tmp_path: Path) -> None:
    place = tree(tmp_path, {
        "own": "0::/user/app\n",
        "user/memory.max": f"{4 * GIB}\n", "user/memory.current": f"{3 * GIB}\n",
        "user/memory.stat": f"anon 5\ninactive_file {GIB}\nactive_file {GIB // 2}\nslab_reclaimable 0\n",
        "user/app/memory.max": f"{8 * GIB}\n", "user/app/memory.current": f"{GIB}\n", "user/app/memory.stat": "inactive_file 0\n",
    })  # fmt: skip
    assert memory_limit(*place) == MemoryLimit(4 * GIB, GIB + GIB + GIB // 2)


def test_v2_inside_a_namespace_and_without_one(tmp_path: Path) -> None:
    files = {"memory.max": f"{2 * GIB}", "memory.current": f"{GIB}", "cpu.max": "150000 100000\n"}
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    for place in (tree(tmp_path / "a", files | {"own": "0::/\n"}), tree(tmp_path / "b", files | {"own": "0::/docker/0123/not/here\n"})):
        assert memory_limit(*place) == MemoryLimit(2 * GIB, GIB)
        assert processor_quota(*place) == 1.5


def test_v1_has_its_limits_in_folders_of_their_own(tmp_path: Path) -> None:
    place = tree(tmp_path, {
        "own": "4:memory:/box\n3:cpu,cpuacct:/box\n",
        "memory/memory.limit_in_bytes": "9223372036854771712", "memory/memory.usage_in_bytes": "1",
        "memory/box/memory.limit_in_bytes": f"{3 * GIB}", "memory/box/memory.usage_in_bytes": f"{2 * GIB}",
        "memory/box/memory.stat": f"total_inactive_file {GIB}\n",
        "cpu/box/cpu.cfs_quota_us": "50000", "cpu/box/cpu.cfs_period_us": "100000", "cpu/cpu.cfs_quota_us": "-1", "cpu/cpu.cfs_period_us": "100000",
    })  # fmt: skip
    assert memory_limit(*place) == MemoryLimit(3 * GIB, 2 * GIB)
    assert processor_quota(*place) == 0.5


@pytest.mark.parametrize("files", [
    {}, {"own": "0::/\n", "memory.max": "max", "memory.current": "5", "cpu.max": "max 100000"}, {"own": "nonsense", "memory.max": "x", "cpu.max": "1"},
    {"own": "0::/../../etc\n", "cpu.max": "0 0"},
])  # fmt: skip
def test_no_limit_is_none_and_nonsense_is_no_limit(tmp_path: Path, files: dict[str, str]) -> None:
    place = tree(tmp_path, files)
    assert memory_limit(*place) is None
    assert processor_quota(*place) is None


def test_a_soft_limit_counts_too(tmp_path: Path) -> None:
    """systemd's MemoryHigh: above it everything waits while pages are written out."""
    files = {"own": "0::/", "memory.max": f"{4 * GIB}", "memory.high": f"{3 * GIB}", "memory.current": f"{GIB}"}
    assert memory_limit(*tree(tmp_path, files)) == MemoryLimit(3 * GIB, 2 * GIB)


def test_use_beyond_the_limit_leaves_nothing_rather_than_less(tmp_path: Path) -> None:
    place = tree(tmp_path, {"own": "0::/", "memory.max": "100", "memory.current": "300"})
    assert memory_limit(*place) == MemoryLimit(100, 0)
