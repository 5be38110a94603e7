"""How long `localstory probe` takes, as a person runs it: a new process each time.

`probe_speed` is one line of `tests/bench/fit.py`; alone: python -m tests.bench.probe
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import time

TARGET_SECONDS = 0.5
TARGET_MEASURE_SECONDS = 2.0
HEAVY = ("llama_cpp", "numpy", "PySide6", "onnxruntime")
_LOOK = f"""
import sys
from localstory.cli import main
code = main(["probe", "--json"])
print(sorted({{name.split(".")[0] for name in sys.modules}} & set({HEAVY!r})), file=sys.stderr)
sys.exit(code)
"""


def probe_speed(runs: int = 7) -> dict[str, object]:
    """Median seconds of the command with and without --measure, what it imported that it must not, and the bandwidth's spread."""
    quick = [_timed([sys.executable, "-m", "localstory", "probe", "--json"])[0] for _run in range(runs)]
    measured = [_timed([sys.executable, "-m", "localstory", "probe", "--json", "--measure"]) for _run in range(3)]
    gbps = [json.loads(out)["memory"]["read_gbps"] for _seconds, out in measured]
    imported = subprocess.run([sys.executable, "-c", _LOOK], capture_output=True, text=True, check=True, timeout=60).stderr.strip()
    seconds, measure_seconds = statistics.median(quick), statistics.median(took for took, _out in measured)
    return {
        "probe_seconds": round(seconds, 3),
        "probe_worst_seconds": round(max(quick), 3),
        "probe_measure_seconds": round(measure_seconds, 2),
        "read_gbps": gbps,
        "imported": imported,
        "passed": seconds < TARGET_SECONDS and measure_seconds < TARGET_MEASURE_SECONDS and imported == "[]",
    }


def _timed(command: list[str]) -> tuple[float, str]:
    started = time.perf_counter()
    out = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout
    return time.perf_counter() - started, out


if __name__ == "__main__":
    print(json.dumps(probe_speed()))
