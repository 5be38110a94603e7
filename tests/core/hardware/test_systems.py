"""What Linux, NVML, Windows and macOS tell about processors and graphics, from recorded files and answers."""

from __future__ import annotations

import struct
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from localstory.hardware import linux, macos, nvidia, windows
from localstory.hardware.machine import Gpu

GIB = 1 << 30


def write(root: Path, files: dict[str, object]) -> Path:
    for name, content in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(str(content))
    return root


def test_a_processor_is_read_from_cpuinfo(tmp_path: Path) -> None:
    write(tmp_path, {"proc/cpuinfo": "processor\t: 0\nmodel name\t: AMD  Ryzen 7  8840U\nflags\t\t: fpu pni avx2 fma avx512f\n"})
    assert linux.processor_name(tmp_path) == "AMD Ryzen 7 8840U"
    assert linux.processor_features(tmp_path) == ("sse3", "avx2", "fma", "avx512f")


def test_an_arm_board_has_its_name_in_the_device_tree(tmp_path: Path) -> None:
    write(tmp_path, {"proc/cpuinfo": "processor\t: 0\nFeatures\t: fp asimd asimddp i8mm\n", "proc/device-tree/model": "Raspberry Pi 5 Model B\0"})
    assert linux.processor_name(tmp_path) == "Raspberry Pi 5 Model B"
    assert linux.processor_features(tmp_path) == ("asimd", "asimddp", "i8mm")


def test_unknown_stays_unknown(tmp_path: Path) -> None:
    assert linux.processor_name(tmp_path) is None
    assert linux.processor_features(tmp_path) is None
    assert linux.graphics(tmp_path) == []
    assert linux.performance_cores(None, tmp_path) is None


def test_the_system_is_called_by_its_release(tmp_path: Path) -> None:
    write(tmp_path, {"etc/os-release": 'NAME="Ubuntu"\nPRETTY_NAME="Ubuntu 24.04.1 LTS"\n'})
    assert linux.system_name(tmp_path).endswith(", Ubuntu 24.04.1 LTS")


def test_big_cores_are_counted_on_intel_hybrids(tmp_path: Path) -> None:
    files: dict[str, object] = {"sys/devices/cpu_core/cpus": "0-3\n"}
    for cpu, siblings in enumerate(("0-1", "0-1", "2-3", "2-3")):
        files[f"sys/devices/system/cpu/cpu{cpu}/topology/thread_siblings_list"] = siblings
    assert linux.performance_cores(10, write(tmp_path, files)) == 2


def test_big_cores_are_counted_on_arm(tmp_path: Path) -> None:
    files: dict[str, object] = {f"sys/devices/system/cpu/cpu{cpu}/cpu_capacity": 1024 if cpu >= 4 else 450 for cpu in range(6)}
    assert linux.performance_cores(6, write(tmp_path, files)) == 2


def test_like_cores_are_all_performance_cores(tmp_path: Path) -> None:
    files: dict[str, object] = {f"sys/devices/system/cpu/cpu{cpu}/cpu_capacity": 1024 for cpu in range(4)}
    assert linux.performance_cores(4, write(tmp_path, files)) == 4


def card(root: Path, number: int, pci: str, files: dict[str, object]) -> Path:
    """A card in /sys/class/drm whose device is a link to its PCI folder, as the kernel has it."""
    device = root / "sys/devices/pci0000:00" / pci
    write(device, files)
    folder = root / f"sys/class/drm/card{number}"
    folder.mkdir(parents=True)
    (folder / "device").symlink_to(device)
    (root / f"sys/class/drm/card{number}-HDMI-A-1").mkdir()
    return root


def test_an_amd_card_has_its_own_memory(tmp_path: Path) -> None:
    card(tmp_path, 0, "0000:03:00.0", {"vendor": "0x1002\n", "device": "0x744c\n", "mem_info_vram_total": 20 * GIB, "mem_info_vram_used": GIB,
        "mem_info_gtt_total": 32 * GIB, "mem_info_vram_vendor": "samsung\n"})  # fmt: skip
    write(tmp_path, {"usr/share/misc/pci.ids": "1002  AMD\n\t744b  Other\n\t744c  Navi 31 [Radeon RX 7900 XT/7900 XTX]\n8086  Intel\n\t744c  Wrong\n"})
    assert linux.graphics(tmp_path) == [
        Gpu("Radeon RX 7900 XT/7900 XTX", "amd", "vulkan", 20 * GIB, 19 * GIB, False, pci="0000:03:00.0", memory_own_bytes=20 * GIB),
    ]


@pytest.mark.parametrize("maker", ["unknown\n", ""])
def test_amd_graphics_in_a_processor_shares_the_memory(tmp_path: Path, maker: str) -> None:
    files: dict[str, object] = {"vendor": "0x1002", "device": "0x1900", "mem_info_vram_total": GIB, "mem_info_vram_used": GIB // 4,
        "mem_info_gtt_total": 14 * GIB, "mem_info_gtt_used": GIB}  # fmt: skip
    card(tmp_path, 1, "0000:c1:00.0", files | ({"mem_info_vram_vendor": maker} if maker else {}))
    (found,) = linux.graphics(tmp_path)
    assert (found.integrated, found.memory_total_bytes, found.memory_free_bytes) == (True, 15 * GIB, 15 * GIB - GIB - GIB // 4)


def test_intel_graphics_in_the_processor_and_as_a_card(tmp_path: Path) -> None:
    card(tmp_path, 0, "0000:00:02.0", {"vendor": "0x8086", "device": "0x7d55"})
    card(tmp_path, 1, "0000:03:00.0", {"vendor": "0x8086", "device": "0x56a0",
        "resource": f"0x0 0xffffff 0x0\n0x0 0x0 0x0\n{0x4000000000:#x} {0x4000000000 + 16 * GIB - 1:#x} 0x14220c\n"})  # fmt: skip
    inside, outside = linux.graphics(tmp_path)
    assert (inside.integrated, inside.memory_total_bytes) == (True, None)
    assert (outside.integrated, outside.memory_total_bytes) == (False, 16 * GIB)


def test_an_nvidia_card_without_its_driver_is_told_with_the_reason(tmp_path: Path) -> None:
    card(tmp_path, 0, "0000:01:00.0", {"vendor": "0x10de", "device": "0x2684"})
    (found,) = linux.graphics(tmp_path)
    assert found.usable is False and "driver" in str(found.why_not)


def test_virtual_and_server_displays_are_no_graphics_cards(tmp_path: Path) -> None:
    card(tmp_path, 0, "0000:00:01.0", {"vendor": "0x1af4", "device": "0x1050"})
    card(tmp_path, 1, "0000:00:03.0", {"vendor": "0x1a03", "device": "0x2000"})
    assert linux.graphics(tmp_path) == []


# -- NVIDIA -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("bits", "mhz", "published"), [(384, 10501, 1008), (256, 9001, 576), (512, 14001, 1792), (5120, 2619, 3352), (5120, 1593, 2039)])
def test_bandwidth_from_width_and_clock_is_the_published_one(bits: int, mhz: int, published: float) -> None:
    """RTX 4090, RTX 4090 Laptop, RTX 5090, H100 SXM, H100 PCIe."""
    assert nvidia.bandwidth_gbps(bits, mhz) == pytest.approx(published, rel=0.001)


class FakeNvml:
    """NVML with one card that answers `answers`, and refuses every other question."""

    NVML_CLOCK_MEM = 2
    nvmlMemory_v2 = 0x2000028

    class NVMLError(Exception):
        pass

    def __init__(self, answers: dict[str, Any], init_fails: bool = False) -> None:
        self.answers = answers
        self.init_fails = init_fails
        self.open = 0

    def nvmlInit(self) -> None:
        if self.init_fails:
            raise self.NVMLError("Driver Not Loaded")
        self.open += 1

    def nvmlShutdown(self) -> None:
        self.open -= 1

    def nvmlDeviceGetCount(self) -> int:
        return 1

    def nvmlDeviceGetHandleByIndex(self, index: int) -> int:
        return index

    def __getattr__(self, name: str) -> Any:
        def answer(*_args: Any) -> Any:
            if name not in self.answers:
                raise self.NVMLError("Not Supported")
            return self.answers[name]

        return answer


def use_nvml(monkeypatch: pytest.MonkeyPatch, fake: FakeNvml) -> FakeNvml:
    import sys

    monkeypatch.setitem(sys.modules, "pynvml", fake)
    monkeypatch.setattr(nvidia, "_has_library", lambda: True)
    return fake


def test_a_card_is_asked_all_it_knows(monkeypatch: pytest.MonkeyPatch) -> None:
    fake = use_nvml(monkeypatch, FakeNvml({
        "nvmlDeviceGetName": b"NVIDIA GeForce RTX 4090", "nvmlDeviceGetMemoryInfo": SimpleNamespace(total=24 * GIB, free=23 * GIB),
        "nvmlDeviceGetMemoryBusWidth": 384, "nvmlDeviceGetMaxClockInfo": 10501, "nvmlDeviceGetPciInfo": SimpleNamespace(busId=b"00000000:01:00.0"),
    }))  # fmt: skip
    assert nvidia.graphics() == [
        Gpu("NVIDIA GeForce RTX 4090", "nvidia", "cuda", 24 * GIB, 23 * GIB, False, 1008.1, pci="00000000:01:00.0", memory_own_bytes=24 * GIB),
    ]
    assert fake.open == 0


def test_a_card_that_answers_nothing_is_unknown_not_zero(monkeypatch: pytest.MonkeyPatch) -> None:
    use_nvml(monkeypatch, FakeNvml({}))
    cards = nvidia.graphics()
    assert cards == [Gpu(None, "nvidia", "cuda", None, None, True)]


def test_without_a_driver_there_is_no_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    use_nvml(monkeypatch, FakeNvml({}, init_fails=True))
    assert nvidia.graphics() is None


# -- the others -------------------------------------------------------------------------------------------------------


def test_windows_counts_the_cores_of_the_fastest_class() -> None:
    records = b"".join(struct.pack("<IIBB38x", 0, 48, 1, kind) for kind in (1, 1, 0, 0, 0, 0))
    assert windows.count_fastest(records) == 2
    assert windows.count_fastest(b"") == 0
    assert windows.count_fastest(b"\0" * 48) == 0


@pytest.mark.parametrize(("name", "gbps"), [("Apple M4 Pro", 273), ("Apple M1", 68), ("Apple M9 Max", None), ("Intel(R) Core(TM) i7", None)])
def test_apples_chips_are_known_by_name(name: str, gbps: float | None) -> None:
    assert macos.apple_bandwidth_gbps(name) == gbps


def test_every_system_offers_the_same_questions() -> None:
    questions = ("system_name", "processor_name", "processor_features", "performance_cores", "allowed_processors", "memory_limit", "graphics")
    for system in (linux, macos, windows):
        assert all(callable(getattr(system, question)) for question in questions)
