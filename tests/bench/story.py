"""The numbers of a first film, printed as one table: `python3 packaging/dev.py bench story`.

usage: python -m tests.bench.story [--quick] [--json]
A five-scene film at 1280x720 from the starter models, with everything it needs, timed and watched (memory of parent and
children); then film, speech and text, each against its baseline. Run it on a quiet machine; --quick takes fewer pairs.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import psutil

from localstory.story.project import read_story


class MemoryWatch:
    """The largest sum of resident memory of a process and its children, looked at ten times a second."""

    def __init__(self, pid: int) -> None:
        self.peak_bytes = 0
        self._pid = pid
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def _watch(self) -> None:
        while not self._over.wait(0.1):
            try:
                process = psutil.Process(self._pid)
                family = [process, *process.children(recursive=True)]
                total = 0
                for one in family:
                    try:
                        total += one.memory_info().rss
                    except psutil.NoSuchProcess:
                        continue
                self.peak_bytes = max(self.peak_bytes, total)
            except psutil.NoSuchProcess:
                return

    def stop(self) -> int:
        self._over.set()
        self._thread.join()
        return self.peak_bytes


def run_demo(folder: Path, home: Path, *arguments: str) -> tuple[dict[str, Any], float, int]:
    """`localstory demo`: its JSON, wall seconds, and peak bytes of it and its children."""
    began = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "-m", "localstory", "demo", "--out", str(folder), "--json", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env=os.environ | {"LOCALSTORY_HOME": str(home)},
    )
    watch = MemoryWatch(process.pid)
    out, _err = process.communicate(timeout=1800)
    return json.loads(out), time.perf_counter() - began, watch.stop()


def first_film() -> dict[str, Any]:
    """A film from nothing, then again with nothing to do, then with one scene's picture changed."""
    with tempfile.TemporaryDirectory() as root:
        folder, home = Path(root) / "demo", Path(root) / "home"
        table, seconds, peak = run_demo(folder, home)
        _again, again_seconds, _peak = run_demo(folder, home)
        # Another picture for the third scene, everything else as it was.
        picture = next(
            one for one in sorted((folder / "assets" / "picture").glob("*.recipe.json"))
            if json.loads(one.read_text("utf-8"))["recipe"]["text"] == read_story(folder).scenes[2].text
        )  # fmt: skip
        changed = json.loads(picture.read_text("utf-8"))
        for recipe in (folder / "assets" / "segment").glob("*.recipe.json"):
            text = recipe.read_text("utf-8")
            if changed["recipe"] and picture.name.split(".")[0] in text:
                recipe.unlink()
        picture.unlink()
        (folder / "out" / "story.recipe.json").unlink()
        edited, _edit_seconds, _peak = run_demo(folder, home)
        return {
            "seconds": seconds,
            "film_seconds": table["film_seconds"],
            "stages": table["seconds"],
            "peak_gib": peak / (1 << 30),
            "second_run_seconds": again_seconds,
            "edit_ratio": edited["seconds"]["film"] / table["seconds"]["film"],
            "edit_steps": len(edited["done"]),
            "scenes": 5,
            "model_share": table["model_share"],
        }


def main(argv: Sequence[str] | None = None) -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="three pairs instead of seven")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args(argv)
    pairs = "3" if options.quick else "7"
    film = first_film()
    print(json.dumps(film) if options.json else _told(film), flush=True)
    code = 0
    for name, arguments in (("film", ["--pairs", "3"]), ("speech", ["--pairs", pairs]), ("text", ["--pairs", pairs])):
        command = [sys.executable, "-m", f"tests.bench.{name}", *arguments, *(["--json"] if options.json else [])]
        code |= subprocess.run(command, check=False).returncode
    return code


def _told(film: dict[str, Any]) -> str:
    stages = ", ".join(f"{stage} {seconds:.0f} s" for stage, seconds in film["stages"].items())
    return (
        f"five-scene film of {film['film_seconds']:.0f} s at 1280x720: {film['seconds']:.0f} s (bar 150) - {stages}\n"
        f"  peak of parent and children: {film['peak_gib']:.2f} GiB (bar 1.2)\n"
        f"  one picture changed: {film['edit_ratio']:.3f} of the film step (bar {1.4 / film['scenes']:.3f}), {film['edit_steps']} steps\n"
        f"  a second run with nothing to do: {film['second_run_seconds']:.1f} s; words by the model: {film['model_share']:.0%}"
    )


if __name__ == "__main__":
    sys.exit(main())
