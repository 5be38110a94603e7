"""llama.cpp's own plan through our dry run against the 84 plans that were taken by hand (tests/data/fit/memory.csv).

usage: python -m tests.bench.fit_exact
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from localstory.fit.dry_run import DryRunner
from tests.core.fit.test_dry_run import params_of, rows, stripped

MIB = 1 << 20
TOLERANCE_MIB = 0.02


async def differences() -> list[float]:
    """The largest difference of cache, compute and output buffers, row by row, in MiB."""
    runner, found = DryRunner(), []
    try:
        for row in rows():
            need = await runner.need(stripped(row["model"]), params_of(row))
            wanted = float(row["kv_buffer_MiB"]), float(row["compute_buffer_MiB"]), float(row["notes"].rsplit(" ", 1)[1])
            have = need.kv_bytes / MIB, need.compute_bytes / MIB, need.output_bytes / MIB
            found.append(max(abs(one - other) for one, other in zip(have, wanted, strict=True)))
    finally:
        await runner.close()
    return found


def main(_arguments: Sequence[str] | None = None) -> int:
    found = asyncio.run(differences())
    inside = sum(one <= TOLERANCE_MIB for one in found)
    print(f"exact: {inside} of {len(found)} plans within {TOLERANCE_MIB} MiB, the worst {max(found):.3f} MiB off")
    return 0 if inside == len(found) else 1


if __name__ == "__main__":
    raise SystemExit(main())
