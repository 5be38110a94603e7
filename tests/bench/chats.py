"""The numbers of chats: the core with 10,000 chats and 1,000,000 messages, then the window.

usage: python3 packaging/dev.py bench chats [--only store|list|view|window] [what that part takes]
"""

from __future__ import annotations

import subprocess
import sys

PARTS = {"store": "tests.bench.chats_store", "list": "tests.bench.chats_list", "view": "tests.bench.chats_view", "window": "tests.bench.window"}


def main() -> int:
    given = sys.argv[1:]
    only = list(PARTS)
    if "--only" in given:
        at = given.index("--only")
        only, given = given[at + 1 : at + 2], given[:at] + given[at + 2 :]
    if not only or any(part not in PARTS for part in only) or "-h" in given or "--help" in given:
        print(__doc__)
        return 0 if "-h" in given or "--help" in given else 2
    # Each in a process of its own: memory and imports of one are no part of the other.
    return max(subprocess.run([sys.executable, "-m", PARTS[part], *given], check=False).returncode for part in only)


if __name__ == "__main__":
    raise SystemExit(main())
