"""The predicted speeds against published measurements (tests/data/fit/speed.csv): printed, with a reason for every row left out.

usage: python -m tests.bench.fit_speed [--json]
"""

from __future__ import annotations

import argparse
import csv
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from localstory.fit import speed
from localstory.hardware.machine import Gpu

DATA = Path(__file__).parents[1] / "data" / "fit" / "speed.csv"

# Layers and family of the models in the table, from their published configurations.
MODELS = {
    "Llama-3.2-1B": (16, 1.0), "llama3.2:1b": (16, 1.0), "Llama-3.2-3B": (28, 1.0), "Llama-3.1-8B": (32, 1.0), "llama3.1:8b": (32, 1.0),
    "Mistral-7B": (32, 1.0),
    "Qwen2.5-7B": (28, 1.0), "Qwen3-4B": (36, 1.0), "Qwen3-8B": (36, 1.0), "Qwen3-14B": (40, 1.0), "Qwen3-32B": (64, 1.0), "Qwen3-30B": (48, 2.0),
    "gpt-oss": (24, 2.0), "gemma-2-2b": (26, 1.5), "gemma-3-1b": (26, 1.5), "gemma-3-4b": (34, 1.5), "gemma-3-12b": (48, 1.5), "gemma-3-27b": (62, 1.5),
    "Qwen2.5-Coder-3B": (36, 1.0), "Llama-2-7B": (32, 1.0),
}  # fmt: skip
Q4_K_M_BITS = 4.89


@dataclass(frozen=True)
class Row:
    """One published measurement beside the figure in the middle of our range."""

    hardware: str
    model: str
    measured: float
    predicted: float

    @property
    def ratio(self) -> float:
        return self.predicted / self.measured

    @property
    def inside(self) -> bool:
        low, high = speed._RANGES["computed"]
        return self.predicted * low <= self.measured <= self.predicted * high


def vendor_of(hardware: str) -> str:
    """Who made the card."""
    if any(word in hardware for word in ("NVIDIA", "GTX", "RTX")):
        return "nvidia"
    return "apple" if hardware.startswith(("Apple", "Mac", "M1", "M2", "M3", "M4")) else "amd"


def rows() -> tuple[list[Row], list[tuple[str, str]]]:
    """What can be checked, and (row, reason) for what can't."""
    checked, skipped = [], []
    for row in csv.DictReader(DATA.read_text("utf-8").splitlines()):
        what = f"{row['hardware']}: {row['model']}"
        found = next((shape for name, shape in MODELS.items() if name in row["model"]), None)
        reason = ""
        if row["backend"] == "CPU":
            reason = "processor: its measured read bandwidth is not published"
        elif not row["nominal_bw_GBps"]:
            reason = "the memory's bandwidth is not known"
        elif not row["active_bytes_GB"]:
            reason = "the bytes a token reads are not known"
        elif found is None:
            reason = "the model's shape is not known"
        elif "PARTIAL" in row["notes"]:
            reason = "does not fit the card: the processor's bandwidth is not published"
        elif row["hardware"].endswith("RTX 2080") and "gemma-3-12b" in row["model"]:
            # 6.79 GiB of weights, 0.3 of cache, 0.5 of logits, 0.45 of CUDA's context: over 8 GiB less the screen.
            reason = "does not fit the card with what the screen and CUDA take: the processor's bandwidth is not published"
        if reason or found is None:
            skipped.append((what, reason))
            continue
        hardware = (
            row["hardware"]
            if row["hardware"].startswith(("Apple", "NVIDIA", "AMD"))
            else f"Apple {row['hardware']}"
            if vendor_of(row["hardware"]) == "apple"
            else row["hardware"]
        )
        vendor = vendor_of(row["hardware"])
        device = speed.graphics_device(Gpu(hardware, vendor, None, bandwidth_gbps=float(row["nominal_bw_GBps"]), integrated=vendor == "apple"))
        seconds = speed.token_seconds(device, bytes_read=float(row["active_bytes_GB"]) * 1e9, layers=found[0], factor=found[1], bits_per_weight=Q4_K_M_BITS)
        checked.append(Row(row["hardware"], row["model"], float(row["tg_tps"]), 1 / seconds))
    return checked, skipped


def table() -> dict[str, object]:
    """Errors over all that can be checked."""
    checked, skipped = rows()
    low, high = speed._RANGES["computed"]
    middle = (low * high) ** 0.5
    return {
        "rows": len(checked),
        "skipped": len(skipped),
        "mean_error": sum(abs(row.ratio * middle - 1) for row in checked) / len(checked),
        "inside": sum(row.inside for row in checked) / len(checked),
        "width": high / low,
    }


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args(argv)
    checked, skipped = rows()
    told = table()
    if options.json:
        print(json.dumps(told))
        return 0
    for row in sorted(checked, key=lambda one: one.ratio):
        print(f"{row.ratio:5.2f}  {row.predicted:7.1f} predicted  {row.measured:7.1f} measured  {'' if row.inside else 'OUTSIDE'}  {row.hardware}: {row.model}")
    for what, reason in skipped:
        print(f"skipped  {what}: {reason}")
    print(f"{told['rows']} rows: mean error {told['mean_error']:.1%} (bar 10 %), {told['inside']:.0%} inside a range {told['width']:.2f} wide (bars 90 %, 1.6)")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
