"""What a command says: results on stdout, progress on stderr as a bar on a terminal and nothing when piped."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, TextIO

from localstory.events import Progress
from localstory.words import _, duration, percent

if TYPE_CHECKING:
    from rich.progress import Progress as RichBar


class Screen:
    """Where a command talks to a person. With `quiet` (--json) only the JSON object is printed, by the front."""

    def __init__(self, *, quiet: bool = False, stdout: TextIO | None = None, stderr: TextIO | None = None) -> None:
        self.quiet = quiet
        self._out = stdout or sys.stdout
        self._err = stderr or sys.stderr
        self._bar: RichBar | None = None
        self._task: int | None = None
        self._stage = ""
        self._stage_began = 0.0

    def say(self, text: str = "") -> None:
        """A line of the result, for people."""
        if not self.quiet:
            self.end_progress()
            print(text, file=self._out, flush=True)

    def write(self, text: str) -> None:
        """A part of a line, as it streams in."""
        if not self.quiet:
            self.end_progress()
            self._out.write(text)
            self._out.flush()

    def note(self, text: str) -> None:
        """A line beside the result: notices and warnings, on stderr, also with --json."""
        self.end_progress()
        print(text, file=self._err, flush=True)

    def progress(self, progress: Progress) -> None:
        """Show how far a stage is: its name, percent and about how long it still takes."""
        if not self._err.isatty():
            return
        if self._bar is None:
            # Here, not above: rich takes 90 ms to import, a third of a quick command, and only a terminal needs it.
            from rich.console import Console
            from rich.progress import BarColumn, TextColumn
            from rich.progress import Progress as RichBar

            console = Console(file=self._err, highlight=False, markup=False, emoji=False)
            self._bar = RichBar(
                TextColumn("{task.description}"), BarColumn(bar_width=30), TextColumn("{task.fields[share]:>6}"), TextColumn("{task.fields[left]}"),
                console=console, transient=True, refresh_per_second=8,
            )  # fmt: skip
            self._bar.start()
        stage = _(progress.stage) + (f" · {progress.note}" if progress.note else "")
        if self._task is None or progress.stage != self._stage:
            if self._task is not None:
                self._bar.remove_task(self._task)  # type: ignore[arg-type]
            self._stage, self._stage_began = progress.stage, time.monotonic()
            self._task = self._bar.add_task(stage, total=None, share="", left="")
        share = progress.share
        self._bar.update(
            self._task,  # type: ignore[arg-type]
            description=stage,
            total=1.0 if share is not None else None,
            completed=share or 0.0,
            share=percent(share) if share is not None else "",
            left=time_left(share, time.monotonic() - self._stage_began),
        )

    def end_progress(self) -> None:
        """Take the bar away."""
        if self._bar is not None:
            self._bar.stop()
            self._bar = self._task = None
            self._stage = ""


def time_left(share: float | None, elapsed_seconds: float) -> str:
    """ "about 12 s left", or "" while it is too early to say."""
    if share is None or share < 0.02 or elapsed_seconds < 1.0 or share >= 1.0:
        return ""
    return _("about {time} left").format(time=duration(elapsed_seconds * (1 - share) / share))
