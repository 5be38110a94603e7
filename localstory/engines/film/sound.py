"""The film's sound: voices at their frames, made even, at the loudness of films for the web. In the child."""

from __future__ import annotations

import wave
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from localstory.children.worker import Refused
from localstory.engines.film.ffmpeg import SAFE, ffmpeg, loudness

RATE = 48_000
"""2,000 samples are exactly one frame of 24 a second; 22,050 / 24 would be no whole number."""
_EVEN = "highpass=f=60,acompressor=threshold=-24dB:ratio=2.5:attack=15:release=250:knee=6"
_CLOSE_LU = 0.2
_ROUNDS = 4
_SILENCE_LUFS = -60.0
_CODEC_HEADROOM_DB = 0.7
"""AAC moves peaks a little; with this below the target they stay under it after the encoder."""

Samples = np.ndarray[Any, np.dtype[np.float32]]


def mix(
    sounds: Sequence[tuple[Path, int]], frames: int, fps: int, out: Path, *, lufs: float, peak_db: float, folder: Path, should_stop: Callable[[], bool]
) -> dict[str, float]:
    """Mix (file, first frame) into `out`, a mono 16-bit WAV of exactly frames / fps seconds; returns loudness and peak as measured.

    Raises Refused for a file that is no WAV, Cancelled.
    """
    if RATE % fps:
        raise Refused("bad_fps", fps=fps)
    total = frames * (RATE // fps)
    track = np.zeros(total, dtype=np.float32)
    for path, first in sounds:
        voice = _read(path, folder, should_stop)
        start = first * (RATE // fps)
        room = track[start : start + len(voice)]
        room += voice[: len(room)]
    raw, even, final = folder / "mix.f32", folder / "even.f32", folder / "final.f32"
    track.tofile(raw)
    _filter(raw, even, _EVEN, should_stop)
    measured, peak = _measure(even, should_stop)
    if measured <= _SILENCE_LUFS:
        samples = np.zeros(total, dtype=np.float32)
        measured, peak = measured, float("-inf")
    else:
        gain = lufs - measured
        ceiling = 10 ** ((peak_db - _CODEC_HEADROOM_DB) / 20)
        for _round in range(_ROUNDS):
            # The limiter looks at four times the rate: peaks between samples are peaks too (ITU-R BS.1770).
            chain = f"volume={gain:.3f}dB,aresample={RATE * 4},alimiter=limit={ceiling:.5f}:attack=3:release=60:level=disabled:latency=1,aresample={RATE}"
            _filter(even, final, chain, should_stop)
            measured, peak = _measure(final, should_stop)
            if abs(measured - lufs) <= _CLOSE_LU:
                break
            gain += lufs - measured
        samples = np.fromfile(final, dtype=np.float32)
    samples = np.pad(samples, (0, max(0, total - len(samples))))[:total]
    pcm = np.clip(np.round(samples * 32767), -32768, 32767).astype("<i2")
    with wave.open(str(out), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes(pcm.tobytes())
    return {"lufs": round(measured, 2), "true_peak_db": round(max(peak, -120.0), 2), "samples": float(total)}


def _read(path: Path, folder: Path, should_stop: Callable[[], bool]) -> Samples:
    out = folder / "voice.f32"
    try:
        with wave.open(str(path), "rb") as file:
            if file.getnframes() == 0:
                return np.zeros(0, dtype=np.float32)
    except (wave.Error, EOFError) as error:
        raise Refused("bad_sound", path=str(path), reason=str(error)) from error
    ffmpeg([*SAFE, "-y", "-f", "wav", "-i", path, "-af", f"aresample={RATE}:filter_size=64", "-ac", "1", "-f", "f32le", out], should_stop=should_stop)
    return np.fromfile(out, dtype=np.float32)


def _filter(source: Path, out: Path, chain: str, should_stop: Callable[[], bool]) -> None:
    ffmpeg([*SAFE, "-y", *_RAW, "-i", source, "-af", chain, "-ar", str(RATE), "-f", "f32le", out], should_stop=should_stop)


def _measure(source: Path, should_stop: Callable[[], bool]) -> tuple[float, float]:
    said = ffmpeg([*SAFE, *_RAW, "-i", source, "-af", "ebur128=peak=true", "-f", "null", "-"], should_stop=should_stop)
    return loudness(said)


_RAW = ("-f", "f32le", "-ar", str(RATE), "-ac", "1")
