"""Loudness as the standard says, and clean edges."""

from __future__ import annotations

import math

import numpy as np
import pytest

from localstory.engines.speech import levels

RATE = 22_050


def tone(seconds: float, hertz: float = 997.0, amplitude: float = 1.0, rate: int = RATE) -> levels.Samples:
    return np.asarray(amplitude * np.sin(2 * np.pi * hertz * np.arange(int(seconds * rate)) / rate), dtype=np.float32)


@pytest.mark.parametrize("rate", [16_000, 22_050, 48_000])
def test_a_full_sine_of_997_hz_is_minus_three_lufs(rate: int) -> None:
    # ITU-R BS.1770-4: 0 dBFS at 997 Hz in one channel reads -3.01 LKFS.
    assert levels.loudness(tone(3, rate=rate), rate) == pytest.approx(-3.01, abs=0.1)


def test_low_hums_count_less_and_high_tones_more() -> None:
    assert levels.loudness(tone(2, 40), RATE) < -6
    assert levels.loudness(tone(2, 5000), RATE) > 0


def test_silence_around_speech_does_not_make_it_softer() -> None:
    quiet = np.zeros(RATE * 5, dtype=np.float32)
    assert levels.loudness(np.concatenate([quiet, tone(3), quiet]), RATE) == pytest.approx(-3.01, abs=0.5)


def test_silence_and_nothing_have_no_loudness() -> None:
    assert levels.loudness(np.zeros(RATE, dtype=np.float32), RATE) == -math.inf
    assert levels.loudness(np.zeros(0, dtype=np.float32), RATE) == -math.inf
    assert levels.gain(-math.inf, 0.0) == 1.0


def test_two_breaths_far_apart_come_close_but_not_the_same() -> None:
    after = [loud + 20 * math.log10(levels.gain(loud, 0.1)) for loud in (-20.0, -26.0)]
    assert after[0] - after[1] == pytest.approx(1.2, abs=0.01)


def test_no_breath_is_raised_over_the_peak() -> None:
    assert levels.gain(-30.0, 0.8) * 0.8 == pytest.approx(levels.PEAK)


def test_the_edges_of_speech_are_found() -> None:
    audio = np.concatenate([np.zeros(RATE // 2, dtype=np.float32), tone(1, amplitude=0.3), np.full(RATE // 2, 1e-4, dtype=np.float32)])
    start, end = levels.edges(audio, RATE)
    assert start / RATE == pytest.approx(0.5 - levels.LEAD_S, abs=0.006)
    assert end / RATE == pytest.approx(1.5 + levels.TAIL_S, abs=0.006)


def test_faded_edges_start_and_end_at_zero() -> None:
    faded = levels.fade_edges(np.ones(RATE, dtype=np.float32), RATE)
    assert faded[0] == faded[-1] == 0 and faded[RATE // 2] == 1


def test_silence_is_put_only_where_it_is_quiet() -> None:
    audio = np.concatenate([tone(0.5), np.zeros(RATE // 10, dtype=np.float32), tone(0.5)])
    at = levels.quietest(audio, int(0.4 * RATE), int(0.7 * RATE), RATE)
    assert at is not None and 0.5 <= at / RATE <= 0.6
    assert levels.quietest(audio, 0, int(0.4 * RATE), RATE) is None
    assert levels.quietest(audio, 10, 10, RATE) is None
