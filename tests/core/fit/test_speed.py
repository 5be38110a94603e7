"""Speeds: the published measurements, the published table of quantisations, and ranges that say what they know."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from localstory.fit import speed
from localstory.hardware.machine import Cpu, Disk, Gpu, Machine, Memory

ROWS = list(csv.DictReader((Path(__file__).parents[2] / "data/fit/speed.csv").read_text("utf-8").splitlines()))


def card(name: str, vendor: str, gbps: float | None, *, integrated: bool = False) -> Gpu:
    return Gpu(name, vendor, None, 8 << 30, 8 << 30, integrated, gbps)


def machine(*, cores: int, read_gbps: float | None, features: tuple[str, ...] | None = ("avx2",)) -> Machine:
    return Machine("Linux", Cpu("X", "x86_64", cores, cores, cores, features), Memory(16 << 30, 12 << 30, None, read_gbps), (), Disk("/m", None))


@pytest.mark.parametrize(
    ("hardware", "vendor", "model", "layers", "factor"),
    [
        ("AMD Radeon RX 7900 XT", "amd", "Qwen3-14B", 40, 1.0),
        ("NVIDIA GeForce RTX 2080", "nvidia", "Qwen2.5-7B", 28, 1.0),
        ("NVIDIA GeForce RTX 5070", "nvidia", "Mistral-7B", 32, 1.0),
        ("NVIDIA GeForce GTX 1050 Ti", "nvidia", "Qwen3-4B", 36, 1.0),
        ("Apple M4 Pro", "apple", "gemma-3-4b", 34, 1.5),
    ],
)
def test_published_speeds_lie_inside_the_range(hardware: str, vendor: str, model: str, layers: int, factor: float) -> None:
    row = next(row for row in ROWS if row["hardware"] == hardware and model in row["model"])
    device = speed.graphics_device(card(hardware, vendor, float(row["nominal_bw_GBps"])))
    tps = 1 / speed.token_seconds(device, bytes_read=float(row["active_bytes_GB"]) * 1e9, layers=layers, factor=factor, bits_per_weight=4.89)
    assert tps * 0.79 <= float(row["tg_tps"]) <= tps * 1.26
    assert device.confidence == "computed"


def test_a_table_of_quantisations_of_one_model_on_one_card_comes_out_as_published() -> None:
    """llama.cpp tools/quantize README, Llama 3.1 8B: GiB and tg128; the first row sets the card's bandwidth."""
    table = {"Q4_K_M": (4.58, 4.89, 71.9), "IQ4_XS": (4.17, 4.46, 77.5), "Q3_K_M": (3.74, 4.0, 71.7), "Q2_K": (2.95, 3.16, 79.9), "Q8_0": (7.95, 8.5, 50.9)}
    device = speed.Device(bandwidth_gbps=450.0, part=0.87, layer_ms=0.0, confidence="computed", prompt_factor=(20, 45))

    def seconds(gib: float, bits: float) -> float:
        return speed.token_seconds(device, bytes_read=gib * 2**30, layers=32, factor=1.0, bits_per_weight=bits)

    base = seconds(*table["Q4_K_M"][:2]) * table["Q4_K_M"][2]
    for name, (gib, bits, tps) in table.items():
        assert base / seconds(gib, bits) == pytest.approx(tps, rel=0.12), name


def test_below_four_bits_a_smaller_file_is_hardly_faster() -> None:
    device = speed.graphics_device(card("RTX 4090", "nvidia", 1008.0))
    fast = speed.token_seconds(device, bytes_read=4.58e9, layers=32, factor=1.0, bits_per_weight=4.89)
    small = speed.token_seconds(device, bytes_read=2.75e9, layers=32, factor=1.0, bits_per_weight=2.93)
    assert 0.8 < small / fast < 1.1


def test_factors_grow_with_the_bits() -> None:
    values = [speed.quantisation_factor(bits / 4) for bits in range(4, 80)]
    assert values == sorted(values)


def test_an_unknown_bandwidth_is_said_to_be_a_guess_with_a_wide_range() -> None:
    device = speed.graphics_device(card("Mystery", "intel", None))
    assert device.confidence == "guessed"
    low, high = speed._RANGES["guessed"]
    assert high / low > 4


def test_the_processor_is_told_from_its_measured_bandwidth_never_a_nominal_one() -> None:
    assert speed.processor_device(machine(cores=8, read_gbps=50.0)).confidence == "computed"
    unmeasured = speed.processor_device(machine(cores=8, read_gbps=None))
    assert unmeasured.confidence == "guessed"
    assert unmeasured.bandwidth_gbps <= 40.0


def test_few_cores_can_not_use_a_wide_memory() -> None:
    assert speed.processor_device(machine(cores=2, read_gbps=200.0)).bandwidth_gbps == 16.0
    assert speed.processor_device(machine(cores=16, read_gbps=60.0)).bandwidth_gbps == 60.0


def test_a_processor_without_avx2_is_slow_and_the_figure_is_not_called_computed() -> None:
    old = speed.processor_device(machine(cores=2, read_gbps=12.0, features=("sse4_2",)))
    new = speed.processor_device(machine(cores=2, read_gbps=12.0))
    assert old.bandwidth_gbps < new.bandwidth_gbps
    assert old.confidence == "estimated"
    assert old.gflops is not None and new.gflops is not None
    assert old.gflops[1] < new.gflops[0]


def test_what_was_seen_has_a_narrow_range_around_it() -> None:
    seen = speed.measured_speed(20.0, 100.0, "measured")
    assert seen.generate_tps == pytest.approx((18.0, 22.0))
    assert seen.middle_tps == pytest.approx(20.0, rel=0.01)
    assert seen.first_word_seconds == pytest.approx(14.0)
