"""The film's sound: each voice placed at its frame to the sample, then evened, levelled and limited.

numpy places; ffmpeg resamples, filters and measures (EBU R128 loudness and true peak). 48,000 samples a second, so a
frame at 24 a second is exactly 2,000. Two equal channels: loudness norms count both, and every player plays both.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from localstory.engines.film.ffmpeg import INPUT_GUARD, QUIET

RATE = 48_000
HEADROOM_DB = 1.5
"""The limiter stays this far under the allowed true peak: AAC moves peaks by up to a decibel."""
TOLERANCE_LU = 0.3
LARGEST_GAIN_DB = 50.0
"""What is quieter than this allows is noise, not a voice."""

# Rumble goes; loud syllables come down a little. Nothing here delays or lengthens the sound.
_EVEN = "highpass=f=60:poles=2,acompressor=threshold=-22dB:ratio=2:attack=8:release=160:knee=6dB"


@dataclass(frozen=True, slots=True)
class Loudness:
    """As measured; None for silence."""

    lufs: float | None
    true_peak_db: float | None


def sample_at(frame: int, fps: int) -> int:
    """The first sample of a frame."""
    return round(frame * RATE / fps)


def read_arguments(wav: Path, out: Path) -> list[str]:
    """Decode a WAV of any rate and width to one channel of 48 kHz floats."""
    resample = f"aresample={RATE}:resampler=soxr:precision=28"
    return [*QUIET, "-y", *INPUT_GUARD, "-f", "wav", "-i", str(wav), "-map", "0:a:0", "-af", resample, "-ac", "1", "-f", "f32le", str(out)]


def place(voices: Sequence[tuple[Path, int]], samples: int, out: Path) -> bool:
    """Add float files, each from its first sample, into one of `samples`; False when nothing can be heard in it.

    Through a memory map, so that a long film costs disk and not memory. A voice that overruns the end is cut there.
    """
    mix = np.memmap(out, dtype=np.float32, mode="w+", shape=(max(1, samples),))
    loudest = 0.0
    for path, first in voices:
        if path.stat().st_size == 0:
            continue
        voice = np.memmap(path, dtype=np.float32, mode="r")
        for at in range(0, len(voice), RATE * 20):
            part = np.nan_to_num(voice[at : at + RATE * 20], posinf=1.0, neginf=-1.0)
            room = mix[first + at : first + at + len(part)]
            room += part[: len(room)]
            loudest = max(loudest, float(np.abs(part).max(initial=0.0)))
        del voice
    mix.flush()
    del mix
    return loudest > 1e-5


def _raw_input(mix: Path) -> list[str]:
    return [*QUIET[:-1], "info", "-y", *INPUT_GUARD, "-f", "f32le", "-ar", str(RATE), "-ch_layout", "mono", "-i", str(mix)]


def measure_arguments(mix: Path) -> list[str]:
    """Measure what the evening filters make of the mix, before any gain."""
    return [*_raw_input(mix), "-af", f"{_EVEN},aformat=channel_layouts=stereo,pan=stereo|c0=c0|c1=c0,ebur128=peak=true:framelog=quiet", "-f", "null", "-"]


def level_arguments(mix: Path, out: Path, *, gain_db: float, ceiling_db: float, samples: int) -> list[str]:
    """Even, gain, limit the true peak (at four times the rate), write a 16-bit WAV of exactly `samples`, measure it."""
    limit = 10 ** (ceiling_db / 20)
    # latency=1 takes back the limiter's look-ahead: speech stays where it was placed.
    limiter = f"aresample={4 * RATE},alimiter=limit={limit:.6f}:attack=4:release=60:level=disabled:latency=1,aresample={RATE}"
    chain = f"{_EVEN},volume={gain_db:.3f}dB,{limiter},apad,atrim=end_sample={samples},pan=stereo|c0=c0|c1=c0,ebur128=peak=true:framelog=quiet"
    return [*_raw_input(mix), "-af", chain, "-c:a", "pcm_s16le", "-map_metadata", "-1", "-fflags", "+bitexact", "-f", "wav", str(out)]


def hear_arguments(film: Path) -> list[str]:
    """Measure the sound of a finished film, as decoded."""
    return [*QUIET[:-1], "info", *INPUT_GUARD, "-i", str(film), "-map", "0:a:0", "-af", "ebur128=peak=true:framelog=quiet", "-f", "null", "-"]


def parse_loudness(said: str) -> Loudness:
    """The summary that ffmpeg's ebur128 prints at its end. Silence measures as -70 LUFS and as a peak of -inf."""
    summary = said[said.rfind("Summary:") :]
    lufs = re.search(r"I:\s+(-?[\d.]+|-inf|nan) LUFS", summary)
    peak = re.search(r"Peak:\s+(-?[\d.]+|-inf|nan) dBFS", summary)

    def value(found: re.Match[str] | None, floor: float) -> float | None:
        if found is None or found[1] in ("-inf", "nan") or float(found[1]) <= floor:
            return None
        return float(found[1])

    return Loudness(value(lufs, -69.9), value(peak, -120.0))
