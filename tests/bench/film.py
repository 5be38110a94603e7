"""How dear the film step is beside the plain MoviePy recipe, and how smoothly its camera moves.

usage: python -m tests.bench.film [--pairs N] [--json]
The same six 1280x720 pictures, 36 s of sound, crf and preset go through tests/data/baselines/moviepy_plain.py --zoom and
through our engine, in turn; each run in a process of its own, CPU seconds with all its children. Then one picture is
changed and only what depends on it is made again. Run it on a quiet machine.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import math
import resource
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import wave
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import psutil
from PIL import Image

from localstory.engines.base import Camera, Filmed, FilmEvent, FilmRequest, SegmentRequest, Shot, Sound, SoundRequest, Stream

BASELINE = Path(__file__).parents[1] / "data" / "baselines" / "moviepy_plain.py"
SCENES, WIDTH, HEIGHT, FPS, CRF, PRESET = 6, 1280, 720, 24, 20, "medium"
FADE = 12
FILM_FRAMES = 36 * FPS
SHOT_FRAMES = (FILM_FRAMES + (SCENES - 1) * FADE) // SCENES
"""Of each shot, its crossfades included: six of them and five fades of half a second make 36 s, as the baseline does."""
BUDGET = {"wall_ratio": 0.50, "cpu_ratio": 0.65, "edit_ratio": 1.4 / SCENES, "jitter_px": 0.02, "steps_back": 0, "peak_gib": 1.2}


# -- what is filmed ---------------------------------------------------------------------------------------------------


TEXTS = (
    "Mia and a little fox stand by the lighthouse on a stormy night.",
    "In the forest, an old bear sleeps under a tree; it is morning.",
    "A boy with a red scarf walks through the snowy village in the evening.",
    "The castle stands on a hill, and a dragon flies over the river.",
    "Two children sit in a small boat on the sea under the stars.",
    "A cat looks out of the window of a warm kitchen while it rains.",
)


def draw(text: str, seed: int, out: Path) -> Path:
    """A picture as stories have them."""
    from localstory.engines.base import ImageRequest
    from localstory.engines.image.builtin import illustrate

    picture, _made_of = illustrate(ImageRequest(text, out, WIDTH, HEIGHT, seed))
    picture.save(out)
    return out


def write_babble(path: Path, seconds: float, rate: int = 22_050) -> Path:
    """A WAV that rises and falls like speech, with pauses: what the levels and the limiter have to work on."""
    at = np.arange(round(seconds * rate)) / rate
    syllables = np.clip(np.sin(2 * np.pi * 2.3 * at) + 0.4 * np.sin(2 * np.pi * 0.31 * at), 0, None)
    tone = sum(np.sin(2 * np.pi * 130 * k * at + k) / k for k in range(1, 9))
    samples = np.clip(0.16 * tone * syllables * (np.sin(2 * np.pi * 0.17 * at) > -0.8), -1, 1)
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes((samples * 32767).astype("<i2").tobytes())
    return path


# -- jitter -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Jitter:
    """How a move strays from its path: `rms_px` of the places, and steps against its direction of `steps`."""

    rms_px: float
    steps_back: int
    steps: int


def dots(spots: list[tuple[float, float]], size: tuple[int, int] = (WIDTH, HEIGHT), radius: float = 3.0) -> Image.Image:
    """Soft bright dots on black at exact places (pixels from the left and top edges).

    Small ones, with steep sides: on gentle slopes the rounding to 256 levels moves by whole pixels, and that is the
    measure's jitter, not the camera's (the same moves in floats stray by 0.00003 px).
    """
    y, x = np.mgrid[0 : size[1], 0 : size[0]] + 0.5
    light = sum(np.exp(-((x - a) ** 2 + (y - b) ** 2) / (2 * radius**2)) for a, b in spots)
    return Image.fromarray((np.clip(light, 0, 1) * 255).round().astype(np.uint8)).convert("RGB")


def centre(frame: np.ndarray[Any, Any], near: tuple[float, float], reach: int = 16) -> tuple[float, float]:
    """The centre of light (x, y) within `reach` pixels of a place, in one grey channel."""
    left, top = max(0, round(near[0]) - reach), max(0, round(near[1]) - reach)
    part = np.clip(frame[top : top + 2 * reach, left : left + 2 * reach].astype(np.float64) - _FLOOR, 0, None)
    y, x = np.mgrid[0 : part.shape[0], 0 : part.shape[1]] + 0.5
    total = part.sum()
    return (left + float((part * x).sum() / total), top + float((part * y).sum() / total))


_FLOOR = 28.0
"""Black is 16 in studio range. The faintest dozen levels are left out: a dot's tail, one level high, snaps to whole pixels."""


def jitter(places: np.ndarray[Any, Any], ideal: np.ndarray[Any, Any], smallest_step_px: float = 0.01) -> Jitter:
    """Compare measured places (frame, dot, axis) with ideal ones; a constant offset of a dot is no jitter.

    A step counts as backward when it goes against a path that really moves there: near rest, and near the fixed point of
    a zoom, steps are smaller than 8-bit frames can show.
    """
    stray = (places - ideal) - (places - ideal).mean(axis=0, keepdims=True)
    steps, wanted = np.diff(places, axis=0), np.diff(ideal, axis=0)
    moving = np.abs(wanted) > smallest_step_px
    return Jitter(float(np.sqrt((stray**2).mean())), int((moving & (steps * np.sign(wanted) < 0)).sum()), int(moving.sum()))


def measure_jitter(camera: Camera, frames: int = 144, size: tuple[int, int] = (WIDTH, HEIGHT)) -> Jitter:
    """Film dots through our compositor and follow them. The ideal is the camera's own path, computed here anew."""
    from localstory.engines.film.compositor import FrameSource, Move, make_master, master_size, planes_of

    width, height = size
    spots = [(width * a + 0.37, height * b + 0.21) for a in (0.25, 0.47, 0.71) for b in (0.3, 0.52, 0.7)]
    with tempfile.TemporaryDirectory() as folder:
        picture = Path(folder) / "dots.png"
        dots(spots, size).save(picture)
        master = make_master(picture, master_size(camera.start, camera.end, size), size)
    source = FrameSource(planes_of(master), Move(camera.start, camera.end, frames), size)
    places, ideal = [], []
    for number in range(frames):
        share = (1 - math.cos(math.pi * number / (frames - 1))) / 2
        left, top, wide = (a + (b - a) * share for a, b in zip(camera.start, camera.end, strict=True))
        wanted = [((x / width - left) / wide * width, (y / height - top) / wide * height) for x, y in spots]
        grey = np.asarray(source.frame(number).luma)
        ideal.append(wanted)
        places.append([centre(grey, spot) for spot in wanted])
    return jitter(np.array(places), np.array(ideal))


# -- one film ---------------------------------------------------------------------------------------------------------


def camera_of(scene: int) -> Camera:
    """In and out in turn, by 12 %, as the baseline zooms."""
    near = (0.06, 0.05, 1 / 1.12)
    return Camera((0.0, 0.0, 1.0), near) if scene % 2 == 0 else Camera(near, (0.0, 0.0, 1.0))


def segments_of(pictures: list[Path], folder: Path) -> list[SegmentRequest]:
    """Each scene's body and each crossfade, in order."""
    shots = [Shot(picture, SHOT_FRAMES, camera_of(k)) for k, picture in enumerate(pictures)]
    requests = []
    for k, shot in enumerate(shots):
        first = FADE if k else 0
        last = SHOT_FRAMES - (FADE if k + 1 < len(shots) else 0)
        requests.append(SegmentRequest(shot, first, last - first, folder / f"scene-{k}.mp4", None, WIDTH, HEIGHT, FPS, CRF, PRESET))
        if k + 1 < len(shots):
            requests.append(SegmentRequest(shot, last, FADE, folder / f"fade-{k}.mp4", shots[k + 1], WIDTH, HEIGHT, FPS, CRF, PRESET))
    return requests


async def _last(events: Stream[FilmEvent]) -> Filmed:
    async with contextlib.aclosing(events):
        last = [event async for event in events][-1]
    assert isinstance(last, Filmed)
    return last


async def film(folder: Path, changed: int | None) -> dict[str, Any]:
    """The whole film, or, with `changed`, again what depends on that scene's picture. Made in `folder` from what is there."""
    from localstory.engines.film.film import FilmMaker

    pictures = sorted(folder.glob("p*.png"))
    requests = segments_of(pictures, folder)
    stale = [r for r in requests if changed is None or pictures[changed] in (r.shot.picture, r.into.picture if r.into else None)]
    engine = FilmMaker()
    facts: dict[str, Any] = {}
    try:
        for request in stale:
            await _last(engine.segment(request))
        if changed is None:
            facts |= (await _last(engine.sound(SoundRequest((Sound(folder / "s.wav", 0),), FILM_FRAMES, folder / "sound.wav", FPS)))).facts
        done = await _last(engine.join(FilmRequest(tuple(r.out for r in requests), folder / "sound.wav", folder / "film.mp4", fps=FPS)))
    finally:
        await engine.close()
    return facts | done.facts | {"seconds": done.seconds, "encoded": len(stale)}


# -- measuring --------------------------------------------------------------------------------------------------------


def ours(folder: Path, changed: int | None) -> None:
    """In a process of its own: film, and print what it took. The parent's import of our code counts; so does every child."""
    began = time.perf_counter()
    facts = asyncio.run(film(folder, changed))
    use = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    print(json.dumps({"wall_s": time.perf_counter() - began, "cpu_s": sum(u.ru_utime + u.ru_stime for u in use), **facts}))


def run(command: list[str], folder: Path = Path(__file__).parents[2]) -> dict[str, Any]:
    """Run a measured process; its own JSON, and the peak of memory (resident, of it and all its children) in bytes."""
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=folder)
    peak = 0

    def watch() -> None:
        nonlocal peak
        while process.poll() is None:
            with contextlib.suppress(psutil.Error):
                tree = [psutil.Process(process.pid), *psutil.Process(process.pid).children(recursive=True)]
                peak = max(peak, sum(_resident(one) for one in tree))
            time.sleep(0.05)

    watcher = threading.Thread(target=watch)
    watcher.start()
    out, _ = process.communicate()
    watcher.join()
    if process.returncode != 0:
        raise SystemExit(f"{command} ended with {process.returncode}")
    return {**json.loads(out.strip().splitlines()[-1]), "peak_bytes": peak}


def _resident(process: psutil.Process) -> int:
    try:
        return int(process.memory_info().rss)
    except psutil.Error:
        return 0


def measure(pairs: int) -> dict[str, Any]:
    """All numbers; ratios are medians over pairs run in turn."""
    with tempfile.TemporaryDirectory(prefix="film-bench-") as name:
        folder = Path(name)
        pictures = [folder / f"p{k}.png" for k in range(SCENES)]
        for k, picture in enumerate(pictures):
            draw(TEXTS[k], k, picture)
        write_babble(folder / "s.wav", 35.9)
        rows = []
        for pair in range(pairs):
            # A ten-thousandth more, since the baseline cuts fractions of a frame off.
            each = f"{SHOT_FRAMES / FPS + 0.0001:.4f}"
            options = ["--seconds-each", each, "--zoom", "--fps", str(FPS), "--crf", str(CRF), "--preset", PRESET]
            plain = run(
                [sys.executable, str(BASELINE), str(folder / "plain.mp4"), str(folder / "s.wav"), *map(str, pictures), *options],
                folder,  # MoviePy puts its sound, while it is made, into the working folder
            )
            for old in folder.glob("*-*.mp4"):
                old.unlink()
            mine = run([sys.executable, "-m", "tests.bench.film", "--film", str(folder)])
            draw(TEXTS[2], 100 + pair, pictures[2])
            edit = run([sys.executable, "-m", "tests.bench.film", "--film", str(folder), "--changed", "2"])
            rows.append((plain, mine, edit))
    zooms = [measure_jitter(camera_of(k)) for k in (0, 1)]
    pan = measure_jitter(Camera((0.0, 0.03, 0.9), (0.1, 0.07, 0.9)))
    every = [*zooms, pan]
    median = statistics.median
    return {
        "plain_wall_s": median(p["wall_s"] for p, _, _ in rows), "plain_cpu_s": median(p["cpu_s"] for p, _, _ in rows),
        "wall_s": median(m["wall_s"] for _, m, _ in rows), "cpu_s": median(m["cpu_s"] for _, m, _ in rows),
        "wall_ratio": median(m["wall_s"] / p["wall_s"] for p, m, _ in rows), "cpu_ratio": median(m["cpu_s"] / p["cpu_s"] for p, m, _ in rows),
        "edit_ratio": median(e["wall_s"] / m["wall_s"] for _, m, e in rows), "edit_wall_s": median(e["wall_s"] for _, _, e in rows),
        "jitter_px": max(one.rms_px for one in every), "steps_back": sum(one.steps_back for one in every), "steps": sum(one.steps for one in every),
        "peak_gib": max(m["peak_bytes"] for _, m, _ in rows) / (1 << 30), "lufs": rows[-1][1].get("lufs"), "true_peak_db": rows[-1][1].get("true_peak_db"),
        "seconds": rows[-1][1]["seconds"], "plain_seconds": rows[-1][0]["seconds"], "pairs": pairs,
    }  # fmt: skip


def main(argv: list[str] | None = None) -> int:
    """Print the table; 1 when a budget is not kept."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=int, default=3)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--film", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--changed", type=int, help=argparse.SUPPRESS)
    given = parser.parse_args(argv)
    if given.film is not None:
        ours(given.film, given.changed)
        return 0
    numbers = measure(given.pairs)
    kept = {name: numbers[name] <= most for name, most in BUDGET.items()}
    if given.json:
        print(json.dumps({**numbers, "budget": BUDGET, "kept": all(kept.values())}))
    else:
        print(f"film of {numbers['seconds']:.1f} s (plain {numbers['plain_seconds']:.1f} s), {given.pairs} pairs in turn, medians")
        print(f"  plain MoviePy   {numbers['plain_wall_s']:6.1f} s wall  {numbers['plain_cpu_s']:6.1f} s CPU")
        print(f"  ours            {numbers['wall_s']:6.1f} s wall  {numbers['cpu_s']:6.1f} s CPU   {numbers['lufs']} LUFS, {numbers['true_peak_db']} dBTP")
        print(f"  one picture new {numbers['edit_wall_s']:6.1f} s wall")
        for name, most in BUDGET.items():
            print(f"  {name:<12} {numbers[name]:8.4f}   at most {most:.4f}   {'kept' if kept[name] else 'NOT KEPT'}")
    return 0 if all(kept.values()) else 1


if __name__ == "__main__":
    sys.exit(main())
