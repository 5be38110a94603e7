"""What drivers of graphics cards answer, and do not: fakes of their interfaces, laid out as the kernel's headers have them."""

from __future__ import annotations

import ctypes
import struct
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from localstory.hardware import drm, linux, macos, nvidia, windows
from localstory.hardware.machine import Gpu, GpuUser
from tests.core.hardware.test_systems import FakeNvml, card, use_nvml, write

GIB = 1 << 30


def at(address: int, content: bytes) -> None:
    ctypes.memmove(address, content, len(content))


# -- AMD --------------------------------------------------------------------------------------------------------------


def amdgpu(clock_khz: int, flags: int, vram_type: int, width: int) -> drm.Ioctl:
    """amdgpu answering AMDGPU_INFO_DEV_INFO (struct drm_amdgpu_info_device)."""

    def answer(request: int, message: bytearray) -> None:
        assert request == 0x40206445  # _IOW('d', 0x45, 32 bytes)
        pointer, size, query = struct.unpack_from("<QII", message)
        assert query == 0x16 and size >= 184
        content = struct.pack("<8I2Q", *[0] * 8, 2_500_000, clock_khz) + bytes(4 * 22) + struct.pack("<4Q", flags, 0, 0, 0)[:8]
        content += bytes(176 - len(content)) + struct.pack("<II", vram_type, width)
        at(pointer, content)

    return answer


@pytest.mark.parametrize(("clock", "kind", "width", "published"), [
    (1_249_000, 9, 320, 800), (875_000, 9, 128, 224), (2_000_000, 5, 256, 256), (945_000, 6, 2048, 484), (1_249_000, 99, 320, None), (0, 9, 320, None),
])  # fmt: skip
def test_amd_bandwidth_is_the_published_one(clock: int, kind: int, width: int, published: float | None) -> None:
    """RX 7900 XT, RX 6600, RX 580, Vega 64; a kind of memory that nobody knows yet; a card that is silent."""
    facts = drm.amd_facts(amdgpu(clock, 0, kind, width))
    assert facts is not None and facts.integrated is False
    assert facts.bandwidth_gbps == (None if published is None else pytest.approx(published, rel=0.002))


def test_a_driver_that_refuses_leaves_what_sysfs_tells(tmp_path: Path) -> None:
    files: dict[str, object] = {"vendor": "0x1002", "device": "0x744c", "mem_info_vram_total": 20 * GIB, "mem_info_vram_used": GIB,
        "mem_info_vram_vendor": "hynix", "drm/renderD128/dev": "226:128"}  # fmt: skip
    card(tmp_path, 0, "0000:03:00.0", files)

    def refuses(_node: Path) -> drm.Ioctl:
        def answer(_request: int, _message: bytearray) -> None:
            raise PermissionError(13, "Permission denied")

        return answer

    (dumb,) = linux.graphics(tmp_path, ask=refuses)
    (told,) = linux.graphics(tmp_path, ask=lambda _node: amdgpu(1_249_000, 0, 9, 320))
    assert (dumb.memory_total_bytes, dumb.integrated, dumb.bandwidth_gbps) == (20 * GIB, False, None)
    assert (told.memory_total_bytes, told.integrated, told.bandwidth_gbps) == (20 * GIB, False, 799.4)
    (really,) = linux.graphics(tmp_path)  # opens <root>/dev/dri/renderD128, which is not there
    assert really == dumb


def test_an_apu_has_carve_out_and_gtt_counted_once_and_no_bandwidth_of_its_own(tmp_path: Path) -> None:
    """A carve-out of 16 GiB is larger than GTT: only the driver knows that it is no card."""
    files: dict[str, object] = {"vendor": "0x1002", "device": "0x1900", "mem_info_vram_total": 16 * GIB, "mem_info_vram_used": GIB,
        "mem_info_gtt_total": 8 * GIB, "mem_info_gtt_used": 2 * GIB, "drm/renderD128/dev": "226:128"}  # fmt: skip
    card(tmp_path, 0, "0000:c1:00.0", files)
    (apu,) = linux.graphics(tmp_path, ask=lambda _node: amdgpu(2_800_000, 1, 10, 128))
    assert (apu.integrated, apu.memory_total_bytes, apu.memory_free_bytes) == (True, 24 * GIB, 21 * GIB)
    assert (apu.memory_own_bytes, apu.memory_shared_bytes, apu.bandwidth_gbps) == (16 * GIB, 8 * GIB, None)


@pytest.mark.parametrize(("asleep", "wake", "asked"), [(True, False, 0), (True, True, 1), (False, False, 1)])
def test_a_card_that_sleeps_is_woken_only_when_asked(tmp_path: Path, asleep: bool, wake: bool, asked: int) -> None:
    card(tmp_path, 0, "0000:03:00.0", {"vendor": "0x1002", "drm/renderD128/dev": "", "power/runtime_status": "suspended" if asleep else "active"})
    questions = []

    def ask(node: Path) -> drm.Ioctl:
        questions.append(node.name)
        return amdgpu(1_249_000, 0, 9, 320)

    linux.graphics(tmp_path, wake=wake, ask=ask)
    assert questions == ["renderD128"] * asked


@pytest.mark.parametrize("content", ["", "garbage", "-5", "0", "9" * 40, "٣"])
def test_broken_files_are_unknown_not_zero(tmp_path: Path, content: str) -> None:
    card(tmp_path, 0, "0000:03:00.0", {"vendor": "0x1002", "device": content, "mem_info_vram_total": content, "mem_info_gtt_total": content})
    card(tmp_path, 1, "0000:04:00.0", {"vendor": "0x8086", "device": content, "resource": f"{content} {content}\n0x0\n"})
    amd, intel = linux.graphics(tmp_path)
    assert (amd.memory_total_bytes, amd.memory_free_bytes, amd.name) == (None, None, "AMD graphics")
    assert (intel.memory_total_bytes, intel.name) == (None, "Intel graphics")


def test_folders_where_files_should_be_and_dead_links(tmp_path: Path) -> None:
    (tmp_path / "sys/class/drm/card0/device/vendor").mkdir(parents=True)
    (tmp_path / "sys/class/drm/card1").mkdir()
    (tmp_path / "sys/class/drm/card1/device").symlink_to(tmp_path / "gone")
    (tmp_path / "proc/cpuinfo").mkdir(parents=True)
    assert linux.graphics(tmp_path) == []
    assert linux.processor_name(tmp_path) is None


def test_a_screen_is_seen_on_the_card_it_hangs_on(tmp_path: Path) -> None:
    for number in (0, 1, 2):
        card(tmp_path, number, f"0000:0{number + 3}:00.0", {"vendor": "0x1002"})
    write(tmp_path, {"sys/class/drm/card0-HDMI-A-1/status": "connected\n", "sys/class/drm/card0-DP-1/status": "disconnected\n",
        "sys/class/drm/card1-HDMI-A-1/status": "disconnected\n"})  # fmt: skip
    assert [gpu.drives_display for gpu in linux.graphics(tmp_path)] == [True, False, None]


# -- Intel ------------------------------------------------------------------------------------------------------------


def region(kind: int, size: int, second: int) -> bytes:
    return struct.pack("<HHIQQ", kind, 0, 4096, size, second) + bytes(64)


def xe(*regions: bytes, length: int | None = None) -> drm.Ioctl:
    """The xe driver answering DRM_XE_DEVICE_QUERY_MEM_REGIONS: a first call for the length, a second for the answer."""
    answer_bytes = struct.pack("<II", len(regions), 0) + b"".join(regions)

    def answer(request: int, message: bytearray) -> None:
        assert request == 0xC0286440 and len(message) == 40
        _extensions, query, size, pointer = struct.unpack_from("<QIIQ", message)
        assert query == 1
        if size == 0:
            struct.pack_into("<I", message, 12, len(answer_bytes) if length is None else length)
        else:
            assert size == len(answer_bytes)
            at(pointer, answer_bytes)

    return answer


def i915(*regions: bytes, error: int = 0) -> drm.Ioctl:
    answer_bytes = struct.pack("<4I", len(regions), 0, 0, 0) + b"".join(regions)

    def answer(request: int, message: bytearray) -> None:
        assert request == 0xC0106479 and len(message) == 16
        count, _flags, items = struct.unpack("<IIQ", message)
        query, length, _flags, pointer = struct.unpack("<QiIQ", ctypes.string_at(items, 24))
        assert (count, query) == (1, 4) and length >= len(answer_bytes)
        at(items + 8, struct.pack("<i", error or len(answer_bytes)))
        at(pointer, answer_bytes)

    return answer


def test_an_arc_card_tells_its_own_memory_by_both_drivers() -> None:
    """Arc A770: 16 GiB. Used memory is told to the privileged alone: then free is unknown, not all of it."""
    system = region(0, 32 * GIB, 5 * GIB)
    assert drm.intel_memory(xe(system, region(1, 16 * GIB, 3 * GIB)), "xe") == (16 * GIB, 13 * GIB)
    assert drm.intel_memory(xe(system, region(1, 16 * GIB, 0)), "xe") == (16 * GIB, None)
    assert drm.intel_memory(i915(system, region(1, 16 * GIB, 12 * GIB)), "i915") == (16 * GIB, 12 * GIB)
    assert drm.intel_memory(i915(system, region(1, 16 * GIB, 16 * GIB)), "i915") == (16 * GIB, None)


def test_shared_graphics_and_odd_answers_have_no_memory_of_their_own() -> None:
    assert drm.intel_memory(xe(region(0, 32 * GIB, 0)), "xe") is None
    assert drm.intel_memory(xe(), "xe") is None
    assert drm.intel_memory(xe(length=1 << 30), "xe") is None
    assert drm.intel_memory(i915(error=-22), "i915") is None
    assert drm.intel_memory(i915(region(1, (1 << 64) - 1, 0)), "i915") is None
    assert drm.intel_memory(xe(), "nouveau") is None


def test_an_arc_card_in_the_list_of_cards(tmp_path: Path) -> None:
    card(tmp_path, 0, "0000:03:00.0", {"vendor": "0x8086", "device": "0x56a0", "drm/renderD129/dev": ""})
    (tmp_path / "drivers/xe").mkdir(parents=True)
    (tmp_path / "sys/devices/pci0000:00/0000:03:00.0/driver").symlink_to(tmp_path / "drivers/xe")
    (arc,) = linux.graphics(tmp_path, ask=lambda _node: xe(region(1, 12 * GIB, GIB)))
    assert (arc.integrated, arc.memory_total_bytes, arc.memory_own_bytes, arc.memory_free_bytes) == (False, 12 * GIB, 12 * GIB, 11 * GIB)
    assert arc.driver == "xe"


# -- who uses the memory ----------------------------------------------------------------------------------------------


def process(root: Path, pid: int, name: str, descriptors: dict[int, tuple[str, str]]) -> None:
    write(root, {f"proc/{pid}/comm": name + "\n"})
    (root / f"proc/{pid}/fd").mkdir(parents=True)
    for number, (target, fields) in descriptors.items():
        (root / f"proc/{pid}/fd/{number}").symlink_to(target)
        write(root, {f"proc/{pid}/fdinfo/{number}": fields})


def test_processes_that_hold_a_cards_memory_are_named_and_counted_once(tmp_path: Path) -> None:
    def client(number: int, kib: int, pci: str = "0000:03:00.0") -> str:
        return f"pos:\t0\ndrm-driver:\tamdgpu\ndrm-pdev:\t{pci}\ndrm-client-id:\t{number}\ndrm-memory-vram:\t{kib} KiB\ndrm-memory-gtt:\t99 KiB\n"

    process(tmp_path, 10, "gnome-shell", {3: ("/dev/dri/renderD128", client(7, 1024)), 4: ("/dev/dri/renderD128", client(7, 1024)), 5: ("/tmp/x", "")})
    process(tmp_path, 11, "trình duyệt 🦊", {3: ("/dev/dri/card0", client(8, 2048)), 9: ("/dev/dri/renderD128", client(9, 1024))})
    process(tmp_path, 12, "other", {3: ("/dev/dri/renderD129", client(10, 5000, "0000:04:00.0"))})
    write(tmp_path, {"proc/self/comm": "x", "proc/13/comm": "ended", "proc/meminfo": ""})
    assert drm.users_of("0000:03:00.0", tmp_path / "proc") == (GpuUser("trình duyệt 🦊", 11, 3 << 20), GpuUser("gnome-shell", 10, 1 << 20))
    assert drm.users_of("0000:03:00.0", tmp_path / "nowhere") == ()


def nvml_process(pid: int, used: int | None) -> SimpleNamespace:
    return SimpleNamespace(pid=pid, usedGpuMemory=used)


class NvmlWithUsers(FakeNvml):
    def nvmlSystemGetProcessName(self, pid: int) -> bytes:
        names = {5: b"/usr/lib/xorg/Xorg", 6: "C:\\Trò chơi\\game.exe".encode(), 7: b"/opt/ai/ollama runner --port 4 -x"}
        if pid not in names:
            raise self.NVMLError("Not Found")
        return names[pid]

    def nvmlSystemGetDriverVersion(self) -> bytes:
        return b"580.95.05"


def test_nvml_tells_who_uses_the_card(monkeypatch: pytest.MonkeyPatch) -> None:
    use_nvml(monkeypatch, NvmlWithUsers({
        "nvmlDeviceGetComputeRunningProcesses": [nvml_process(7, 5 * GIB), nvml_process(6, None), nvml_process(8, 2 * GIB)],
        "nvmlDeviceGetGraphicsRunningProcesses": [nvml_process(5, GIB), nvml_process(7, GIB), nvml_process(6, None)],
        "nvmlDeviceGetDisplayActive": 1,
    }))  # fmt: skip
    (found,) = nvidia.graphics() or []
    assert found.users == (GpuUser("ollama runner", 7, 5 * GIB), GpuUser(None, 8, 2 * GIB), GpuUser("Xorg", 5, GIB), GpuUser("game.exe", 6, None))
    assert (found.drives_display, found.driver) == (True, "NVIDIA 580.95.05")


def test_nobody_and_nobody_knows_are_told_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    use_nvml(monkeypatch, FakeNvml({"nvmlDeviceGetComputeRunningProcesses": []}))
    assert (nvidia.graphics() or [Gpu(None, None, None)])[0].users == ()
    use_nvml(monkeypatch, FakeNvml({}))
    assert (nvidia.graphics() or [Gpu(None, None, None)])[0].users is None


def test_a_driver_that_dies_on_the_way_is_no_driver(monkeypatch: pytest.MonkeyPatch) -> None:
    class Dying(FakeNvml):
        def nvmlDeviceGetHandleByIndex(self, index: int) -> int:
            raise self.NVMLError("GPU is lost")

        def nvmlShutdown(self) -> None:
            raise self.NVMLError("Uninitialized")

    use_nvml(monkeypatch, Dying({}))
    assert nvidia.graphics() is None


# -- Windows and macOS, with injected answers -------------------------------------------------------------------------

QW = "HardwareInformation.qwMemorySize"


def adapter(name: str, device: str, memory: object = None, version: str = "1.2") -> dict[str, object]:
    return {"DriverDesc": name, "MatchingDeviceId": device, "DriverVersion": version} | ({} if memory is None else {QW: memory})


def test_windows_adapters_become_cards() -> None:
    rows = [
        adapter("NVIDIA GeForce RTX 4060 Laptop GPU", "pci\\ven_10de&dev_28e0&subsys_1", 8585740288),
        adapter("AMD Radeon(TM) 780M Graphics", "PCI\\VEN_1002&DEV_15BF", 4 * GIB),
        adapter("AMD Radeon RX 7900 XT", "PCI\\VEN_1002&DEV_744C", 21458059264),
        adapter("Intel(R) Iris(R) Xe Graphics", "PCI\\VEN_8086&DEV_9A49", GIB),
        adapter("Intel(R) Arc(TM) A770 Graphics", "PCI\\VEN_8086&DEV_56A0", 16 * GIB),
        adapter("Microsoft Remote Display Adapter", "RdpIdd_IndirectDisplay"),
        {},
    ]
    cards = windows.adapters(rows, ["PCI\\VEN_1002&DEV_15BF&SUBSYS_50D41458&REV_C7"])
    assert [(one.vendor, one.integrated, one.memory_total_bytes) for one in cards] == [
        ("nvidia", False, 8585740288), ("amd", True, None), ("amd", False, 21458059264), ("intel", True, None), ("intel", False, 16 * GIB),
    ]  # fmt: skip
    assert [one.drives_display for one in cards] == [False, True, False, False, False]
    assert [one.memory_own_bytes for one in cards][1] == 4 * GIB
    assert cards[0].why_not is not None and cards[0].usable is False


@pytest.mark.parametrize(("name", "integrated"), [
    ("AMD Radeon(TM) Graphics", True), ("AMD Radeon 780M Graphics", True), ("AMD Radeon(TM) 8060S Graphics", True),
    ("AMD Radeon(TM) RX Vega 10 Graphics", True),
    ("AMD Radeon(TM) Vega 8 Graphics", True), ("AMD Radeon RX 7600M XT", False), ("AMD Radeon RX 6600", False), ("AMD Radeon Pro W7900", False),
    ("AMD Custom GPU 0405", None),
])  # fmt: skip
def test_amd_names_on_windows_tell_cards_from_processors(name: str, integrated: bool | None) -> None:
    (found,) = windows.adapters([adapter(name, "PCI\\VEN_1002&DEV_1", 2 * GIB)], None)
    assert (found.integrated, found.drives_display) == (integrated, None)


@pytest.mark.parametrize("memory", [0, -1, b"\0\0\0\x80", "8 GB"])
def test_odd_values_in_the_registry_are_unknown(memory: object) -> None:
    (found,) = windows.adapters([adapter("X", "PCI\\VEN_10DE&DEV_2684", memory)], [])
    assert (found.memory_total_bytes, found.drives_display) == (None, False)


def use_sysctl(monkeypatch: pytest.MonkeyPatch, answers: dict[str, Any]) -> None:
    def sysctl(name: str) -> bytes | None:
        value = answers.get(name)
        return value.to_bytes(8, "little") if isinstance(value, int) else value

    monkeypatch.setattr(macos, "_sysctl", sysctl)


def test_a_macbook_lends_a_part_of_its_memory_to_graphics(monkeypatch: pytest.MonkeyPatch) -> None:
    """16 GB M4: Metal's recommendedMaxWorkingSetSize is 11,453 MiB (facts/fit.md, §7)."""
    use_sysctl(monkeypatch, {"machdep.cpu.brand_string": b"Apple M4\0", "hw.memsize": 16 * GIB, "hw.perflevel0.physicalcpu": 4, "hw.optional.neon": 1,
        "hw.optional.arm.FEAT_DotProd": 1, "hw.optional.arm.FEAT_SME": 0})  # fmt: skip
    (found,) = macos.graphics()
    assert found.memory_total_bytes == pytest.approx(11453 << 20, rel=0.06)
    assert (found.name, found.integrated, found.bandwidth_gbps, found.memory_free_bytes) == ("Apple M4", True, 120, None)
    assert macos.performance_cores(10) == 4
    assert macos.processor_features() == ("neon", "asimddp")


@pytest.mark.parametrize(("limit_mib", "expected"), [(14000, 14000 << 20), (10**9, 16 * GIB), (0, 16 * GIB * 67 // 100)])
def test_a_raised_limit_counts_and_never_above_the_memory(monkeypatch: pytest.MonkeyPatch, limit_mib: int, expected: int) -> None:
    use_sysctl(monkeypatch, {"machdep.cpu.brand_string": b"Apple M1\0", "hw.memsize": 16 * GIB, "iogpu.wired_limit_mb": limit_mib})
    assert macos.graphics()[0].memory_total_bytes == expected


@pytest.mark.parametrize("answers", [{}, {"machdep.cpu.brand_string": b""}, {"machdep.cpu.brand_string": b"Intel(R) Core(TM) i7\0", "hw.memsize": GIB},
    {"machdep.cpu.brand_string": b"Apple M1\0", "hw.memsize": b"odd"}])  # fmt: skip
def test_a_mac_that_is_silent_or_intels_has_no_graphics(monkeypatch: pytest.MonkeyPatch, answers: dict[str, Any]) -> None:
    use_sysctl(monkeypatch, answers)
    assert macos.graphics() == []
