"""The command line: thin, one file per command; it calls the same services as the window."""

from __future__ import annotations


def main() -> int:
    """Run the command in sys.argv; returns the exit code."""
    return 2
