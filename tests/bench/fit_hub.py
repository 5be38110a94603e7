"""What a whole repository on the hub costs: 25 quantisations of a model with a 262k vocabulary, from a hub on this machine.

    python3 packaging/dev.py bench fit_hub

Prints bytes read, requests and seconds: the first time, and again from the cache. The bar (issue 3): 15 MB and 6 s.
"""

from __future__ import annotations

import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from localstory.errors import CannotContinue
from localstory.models.hub import Hub
from localstory.models.targets import read_targets, resolve
from localstory.net import Net
from localstory.paths import open_home
from tests.fakes.hub_server import FakeHub
from tests.fakes.quantisations import repository

MOST_BYTES, MOST_SECONDS = 15_000_000, 6.0


@dataclass(frozen=True)
class Cost:
    """Of one question about a whole repository."""

    files: int
    header_bytes: int
    """Of all headers, had they been read whole."""
    read_bytes: int
    sent_bytes: int
    """Counted by the server."""
    requests: int
    seconds: float


def measure(root: Path, *, merges: int = 0) -> tuple[Cost, Cost]:
    """(first time, second time). Raises AssertionError when a header can't be read."""
    files = repository(merges=merges)
    home = open_home(root)
    costs: list[Cost] = []
    with FakeHub() as hub, Net() as net:
        hub.add("owner/gemma-3-27b-it-GGUF", files)
        for _time in range(2):
            before, asked = hub.sent_bytes(), len(hub.requests)
            began = time.perf_counter()
            targets = resolve("hf:owner/gemma-3-27b-it-GGUF", home, Hub(net, hub.address))
            headers = read_targets(targets, home, net)
            seconds = time.perf_counter() - began
            for header in headers:
                assert not isinstance(header, CannotContinue), header
            read = sum(header.bytes_read for header in headers if not isinstance(header, CannotContinue))
            whole = sum(len(content.start) for content in files.values())
            costs.append(Cost(len(headers), whole, read, hub.sent_bytes() - before, len(hub.requests) - asked, seconds))
    return costs[0], costs[1]


def main() -> int:
    good = True
    for merges, words in ((0, "Gemma 3 27B: 262,208 tokens, no merges"), (514_906, "the same with 514,906 merges")):
        with tempfile.TemporaryDirectory() as folder:
            for cost, when in zip(measure(Path(folder), merges=merges), ("first", "again"), strict=True):
                mega = f"{cost.read_bytes / 1e6:.2f} MB read of {cost.header_bytes / 1e6:.1f} MB of headers"
                print(f"{words} · {when}: {cost.files} files, {mega}, {cost.requests} requests, {cost.seconds:.2f} s")
                good &= merges > 0 or (cost.files == 25 and cost.read_bytes <= MOST_BYTES and cost.seconds <= MOST_SECONDS)
    print("within the bar" if good else "NOT within the bar: 15 MB, 6 s")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
