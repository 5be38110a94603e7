"""The first run, end to end, with real models: what a newcomer gets from one command."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import imageio_ffmpeg
import numpy as np
import pysubs2
import pytest
from PIL import Image

from localstory.story.assets import Assets
from localstory.story.project import read_story

SIZE = (640, 360)


def localstory(*arguments: str, expect: int = 0) -> dict[str, Any]:
    result = subprocess.run([sys.executable, "-m", "localstory", *arguments, "--json"], capture_output=True, text=True, timeout=600, check=False)
    assert result.returncode == expect, result.stdout + result.stderr
    assert "Traceback" not in result.stderr
    table: dict[str, Any] = json.loads(result.stdout)
    return table


def ffmpeg(*arguments: str | Path) -> str:
    result = subprocess.run([imageio_ffmpeg.get_ffmpeg_exe(), "-hide_banner", "-nostdin", *map(str, arguments)], capture_output=True, timeout=120, check=False)
    return result.stderr.decode("utf-8", "replace")


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    folder = tmp_path_factory.mktemp("demo") / "phim đầu tiên 🎬"
    # The home of this module is its own: the fixture that makes one for each test comes later.
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LOCALSTORY_HOME", str(folder.parent / "home"))
        patch.setenv("LANGUAGE", "en")
        return folder, localstory("demo", "--out", str(folder), "--size", f"{SIZE[0]}x{SIZE[1]}")


pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


def test_it_is_a_film_of_about_a_minute_that_says_what_it_is(film: tuple[Path, dict[str, Any]]) -> None:
    folder, table = film
    said = ffmpeg("-i", folder / "out" / "story.mp4")
    assert 50 <= table["film_seconds"] <= 95
    assert re.search(r"Video: h264 \(High\).*yuv420p\(tv, bt709", said) and f"{SIZE[0]}x{SIZE[1]}" in said and "24 fps" in said
    assert re.search(r"\(eng\): Audio: aac.*48000 Hz", said) and "mov_text" in said
    assert said.count("Chapter #") == 7
    starts = [float(start) for start in re.findall(r"Chapter #0:\d+: start ([\d.]+)", said)]
    assert starts == sorted(starts) and len(set(starts)) == 7
    assert "Mai and the Sleepy Dragon" in said and "not an AI image model" in said and "SmolLM2" in said and "joe" in said


def test_it_is_as_loud_as_films_on_the_web(film: tuple[Path, dict[str, Any]]) -> None:
    said = ffmpeg("-i", film[0] / "out" / "story.mp4", "-map", "0:a", "-af", "ebur128=peak=true", "-f", "null", "-")
    summary = said[said.rindex("Summary:") :]
    assert abs(float(re.findall(r"I:\s+(-[\d.]+) LUFS", summary)[0]) + 16) <= 1
    assert float(re.findall(r"Peak:\s+(-[\d.]+) dBFS", summary)[0]) < -1.5


def test_captions_start_with_their_speech(film: tuple[Path, dict[str, Any]]) -> None:
    """Measured on the film's own sound, not on the timings that made the captions: a voice is where silence ends."""
    folder, _table = film
    said = ffmpeg("-i", folder / "out" / "story.mp4", "-map", "0:a", "-af", "silencedetect=noise=-42dB:d=0.25", "-f", "null", "-")
    begins = np.array([float(end) for end in re.findall(r"silence_end: ([\d.]+)", said)])
    captions = pysubs2.load(str(folder / "out" / "story.srt"))
    story = read_story(folder)
    first_words = {" ".join(scene.text.split()[:2]) for scene in story.scenes}
    firsts = [event for event in captions if any(event.plaintext.replace("\n", " ").startswith(words) for words in first_words)]
    assert len(firsts) == 5
    for event in firsts:
        assert np.min(np.abs(begins - event.start / 1000)) < 0.1, (event.start, begins)
    assert (folder / "out" / "story.vtt").read_text("utf-8").startswith("WEBVTT")


def test_every_picture_is_seen_and_none_is_black(film: tuple[Path, dict[str, Any]], tmp_path: Path) -> None:
    folder, table = film
    ffmpeg("-y", "-i", folder / "out" / "story.mp4", "-vf", "fps=1", tmp_path / "f%03d.png")
    frames = sorted(tmp_path.glob("f*.png"))
    assert abs(len(frames) - table["film_seconds"]) <= 2
    for frame in frames:
        with Image.open(frame) as image:
            pixels = np.asarray(image.convert("L"))
        assert pixels.mean() > 15 and pixels.std() > 8, frame.name


def test_nothing_is_claimed_that_is_not_so(film: tuple[Path, dict[str, Any]]) -> None:
    folder, table = film
    assert table["model_share"] >= 0.5 and table["failed"] == {}
    for made in (folder / "assets" / "picture").glob("*.recipe.json"):
        facts = json.loads(made.read_text("utf-8"))["made"]
        assert "not an AI" in facts["label"] or "card" in facts["label"].lower()
    for scene in read_story(folder).scenes:
        text = Assets(folder).by_id("text", scene.take)
        assert text is not None and any(span["by"] == "model" for span in text.facts["words"])


def test_a_second_run_does_nothing_and_an_edit_little(film: tuple[Path, dict[str, Any]]) -> None:
    folder, _table = film
    again = localstory("demo", "--out", str(folder))
    assert again["done"] == [] and again["total_seconds"] < 15
    text = (folder / "story.md").read_text("utf-8")
    scene = read_story(folder).scenes[2].text
    (folder / "story.md").write_text(text.replace(scene, "Mai and the dragon crossed a river in the rain."), "utf-8")
    edited = localstory("story", "build", str(folder))
    assert sorted(step.split()[0] for step in edited["done"]).count("segment") == 3
    assert sum(step.startswith(("picture", "speech")) for step in edited["done"]) == 2
