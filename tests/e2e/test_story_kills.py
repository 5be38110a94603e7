"""Twenty kills of a real `story build` with real engines: it resumes, and no finished step runs twice."""

from __future__ import annotations

import asyncio
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import psutil
import pytest

from localstory.story.assets import Journal
from tests.conftest import worker_processes

KILLS = 20


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "localstory", *arguments]


def run(*arguments: str) -> dict[str, object]:
    result = subprocess.run(command(*arguments, "--json"), capture_output=True, text=True, timeout=300, check=False)
    assert result.returncode == 0, result.stdout + result.stderr
    table: dict[str, object] = json.loads(result.stdout)
    return table


def finished(folder: Path) -> set[str]:
    """The steps whose recipe is on the disk: what may never be done again."""
    return {path.name.split(".")[0] for path in (folder / "assets").rglob("*.recipe.json")}


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_twenty_kills_lose_no_finished_step(tmp_path: Path) -> None:
    folder = tmp_path / "truyện 🐉"
    run("story", "new", "A brave little mouse who wants to see the sea", "--out", str(folder), "--scenes", "2", "--size", "256x144")
    rng = random.Random(20)
    kills = 0
    done_before: set[str] = set()
    while kills < KILLS:
        build = subprocess.Popen(command("story", "build", str(folder), "--json"), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        limit = time.monotonic() + rng.uniform(0.4, 4.0)
        while time.monotonic() < limit and build.poll() is None:
            time.sleep(0.02)
        if build.poll() is not None:
            # It came to its end before the blow: take something away so that there is work to kill again.
            kind = rng.choice(["picture", "speech", "segment", "sound"])
            victim = rng.choice(list((folder / "assets" / kind).glob("*.recipe.json")))
            victim.unlink()
            (folder / "out" / "story.recipe.json").unlink(missing_ok=True)
            done_before.discard(victim.name.split(".")[0])
            (folder / "journal.jsonl").write_text("", "utf-8")
            continue
        children = psutil.Process(build.pid).children(recursive=True)
        build.send_signal(signal.SIGKILL)
        build.wait()
        kills += 1
        _gone, alive = psutil.wait_procs(children, timeout=3.0)
        assert not alive, f"orphans: {alive}"
        assert finished(folder) >= done_before
        done_before = finished(folder)
        done = Counter(event["id"] for event in Journal(folder).read() if event["event"] == "done")
        assert max(done.values(), default=0) <= 1, "a finished step ran twice"
        if (folder / "out" / "story.mp4").exists():
            assert (folder / "out" / "story.mp4").read_bytes()[4:8] == b"ftyp"
    table = run("story", "build", str(folder))
    assert (folder / "out" / "story.mp4").stat().st_size > 10_000
    assert not list(folder.rglob("*.part*"))
    again = run("story", "build", str(folder))
    assert again["done"] == [] and table["failed"] == {}


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.skipif(sys.platform == "win32", reason="sends SIGINT")
@pytest.mark.parametrize("after_seconds", [0.5, 1.5, 3.0, 6.0])
def test_ctrl_c_at_any_time_is_a_calm_end(tmp_path: Path, home: Path, after_seconds: float) -> None:
    folder = tmp_path / "story"
    process = subprocess.Popen(
        command("demo", "--out", str(folder), "--scenes", "8", "--size", "256x144", "--json"), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    time.sleep(after_seconds)
    has_begun = home.exists()  # before that Python itself is still starting, and ends in its own way
    os.kill(process.pid, signal.SIGINT)
    os.kill(process.pid, signal.SIGINT)  # pressed twice
    out, err = process.communicate(timeout=30)
    if process.returncode == 0:
        pytest.fail("it was done before Ctrl+C came: choose a shorter time")
    assert process.returncode == 1 or not has_begun, err
    if out:
        assert json.loads(out)["error"]["code"] == "interrupted"
    assert "Traceback" not in err or not has_begun
    assert not list(tmp_path.rglob("*.part*"))

    async def settled() -> bool:
        for _attempt in range(100):
            if not worker_processes():
                return True
            await asyncio.sleep(0.02)
        return False

    assert asyncio.run(settled())
