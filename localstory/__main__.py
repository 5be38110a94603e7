"""`python -m localstory` and the command `localstory`. A child is dispatched before anything else is imported, above all
before Qt; Ctrl+C is calm from the first moment on."""

from __future__ import annotations

import os
import signal
import sys
import time

_IMPATIENT_SECONDS = 10.0


def main() -> int:
    """Be a child (`--worker NAME [LIBRARY FOLDER]`) or run the command in sys.argv; returns the exit code."""
    if len(sys.argv) >= 3 and sys.argv[1] == "--worker":
        from localstory.engines.registry import run_worker

        return run_worker(sys.argv[2], library=sys.argv[3] if len(sys.argv) > 3 else "")
    _stay_calm()
    try:
        from localstory.cli import main as cli_main

        return cli_main()
    except KeyboardInterrupt:  # before the command line could word it, or after it had ended
        return 1


def _stay_calm() -> None:
    """The first Ctrl+C interrupts; further ones wait for the tidy end that it began, unless that takes too long."""
    first_at = 0.0

    def interrupted(_signal: int, _frame: object) -> None:
        nonlocal first_at
        if not first_at:
            first_at = time.monotonic()
            raise KeyboardInterrupt
        if time.monotonic() - first_at > _IMPATIENT_SECONDS:
            os._exit(1)

    signal.signal(signal.SIGINT, interrupted)


if __name__ == "__main__":
    sys.exit(main())
