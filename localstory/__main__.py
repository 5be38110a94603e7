"""`python -m localstory`. A child is dispatched before anything else is imported, above all before Qt."""

from __future__ import annotations

import sys


def main() -> int:
    if len(sys.argv) >= 3 and sys.argv[1] == "--worker":
        from localstory.engines.registry import run_worker

        return run_worker(sys.argv[2])
    from localstory.cli import main as cli_main

    return cli_main()


if __name__ == "__main__":
    sys.exit(main())
