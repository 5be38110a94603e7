"""Even loudness and clean edges for one breath of speech. Pure: samples (float32 in [-1, 1], mono) in, samples out.

Loudness after ITU-R BS.1770-4: K-weighting, blocks of 400 ms every 100 ms, gates at -70 LUFS and 10 LU below the mean.
The weighting is done on the spectrum, with the filters' coefficients for any sample rate as in De Man, "Evaluation of
Implementations of the EBU R128 Loudness Measurement" (AES 2018).
"""

from __future__ import annotations

import functools
import math

import numpy as np
import numpy.typing as npt

Samples = npt.NDArray[np.float32]

TARGET_LUFS = -23.0
"""Where every breath is drawn to. Piper's voices lie there by themselves, with room for peaks; the film is louder."""
EVENED_SHARE = 0.8
"""This much of the distance to the target is taken away: a shout stays a little louder than a whisper."""
LARGEST_GAIN_DB = 8.0
PEAK = 0.84
"""-1.5 dB: no breath is raised above this."""

LEAD_S, TAIL_S = 0.008, 0.030
_FRAME_S = 0.005
_QUIET_DB = -46.0


def loudness(audio: Samples, rate: int) -> float:
    """LUFS of `audio`, -inf for silence. What is shorter than a block is one block."""
    if not audio.size:
        return -math.inf
    hop = int(0.1 * rate)
    count = -(-audio.size // hop)
    padded = np.zeros(count * hop, dtype=np.float32)
    padded[: audio.size] = audio
    # Power after the filter, from the spectrum of each 100 ms (Parseval): the filter is so smooth that cutting there
    # costs under 0.1 LU, and nothing has to be transformed back.
    spectrum = np.fft.rfft(padded.reshape(count, hop), axis=1)
    energy = (spectrum.real**2 + spectrum.imag**2) @ _weights(rate, hop)
    width = min(4, count)
    sums = np.concatenate(([0.0], np.cumsum(energy, dtype=np.float64)))
    blocks = (sums[width:] - sums[:-width]) / min(width * hop, audio.size)
    loud = blocks[blocks > 10 ** ((-70 + 0.691) / 10)]
    if not loud.size:
        return -math.inf
    loud = loud[loud > loud.mean() / 10]
    return -0.691 + 10 * math.log10(loud.mean())


def gain(loudness_lufs: float, peak: float) -> float:
    """The factor that draws a breath to the target. One factor for a whole breath: nothing pumps."""
    if not math.isfinite(loudness_lufs):
        return 1.0
    wanted_db = max(-LARGEST_GAIN_DB, min(LARGEST_GAIN_DB, (TARGET_LUFS - loudness_lufs) * EVENED_SHARE))
    return min(float(10 ** (wanted_db / 20)), PEAK / max(peak, 1e-6))


def edges(audio: Samples, rate: int) -> tuple[int, int]:
    """Where the voice begins and ends: first and last sample to keep (exclusive), with a short lead and tail."""
    frame = max(1, int(_FRAME_S * rate))
    count = audio.size // frame
    if count < 3:
        return 0, audio.size
    energy = np.square(audio[: count * frame].reshape(count, frame)).mean(axis=1)
    loudest = float(energy.max())
    if loudest < 1e-9:
        return 0, audio.size
    heard = np.flatnonzero(energy > loudest * 10 ** (_QUIET_DB / 10))
    start = max(0, int(heard[0]) * frame - int(LEAD_S * rate))
    end = min(audio.size, (int(heard[-1]) + 1) * frame + int(TAIL_S * rate))
    return start, end


def fade_edges(audio: Samples, rate: int) -> Samples:
    """A copy that starts and ends at zero: cut speech must not click."""
    faded = audio.copy()
    fade_in, fade_out = min(audio.size, int(0.003 * rate)), min(audio.size, int(0.020 * rate))
    if fade_in:
        faded[:fade_in] *= np.linspace(0, 1, fade_in, dtype=np.float32)
    if fade_out:
        faded[-fade_out:] *= np.linspace(1, 0, fade_out, dtype=np.float32)
    return faded


def quietest(audio: Samples, start: int, end: int, rate: int) -> int | None:
    """A sample between `start` and `end` where silence can be put in unheard; None when there is no quiet one."""
    frame = max(1, int(_FRAME_S * rate))
    start, end = max(0, start), min(audio.size, end)
    count = (end - start) // frame
    if count < 1:
        return None
    energy = np.square(audio[start : start + count * frame].reshape(count, frame)).mean(axis=1)
    lowest = int(energy.argmin())
    loudest = float(np.square(audio).max())
    if energy[lowest] > loudest * 10**-4.6:
        return None
    return start + lowest * frame + frame // 2


@functools.lru_cache(maxsize=8)
def _weights(rate: int, size: int) -> npt.NDArray[np.float32]:
    """What each bin of a real FFT of `size` points adds to the sum of squares after the K-weighting."""
    z = np.exp(-2j * np.pi * np.arange(size // 2 + 1) / size)

    def biquad(b: tuple[float, float, float], a: tuple[float, float, float]) -> npt.NDArray[np.complex128]:
        return np.asarray((b[0] + b[1] * z + b[2] * z * z) / (a[0] + a[1] * z + a[2] * z * z))

    k = math.tan(math.pi * 1681.974450955533 / rate)
    q, high = 0.7071752369554196, 10 ** (3.999843853973347 / 20)
    band = high**0.4996667741545416
    a0 = 1 + k / q + k * k
    shelf = biquad(
        ((high + band * k / q + k * k) / a0, 2 * (k * k - high) / a0, (high - band * k / q + k * k) / a0), (1.0, 2 * (k * k - 1) / a0, (1 - k / q + k * k) / a0)
    )
    k = math.tan(math.pi * 38.13547087602444 / rate)
    q = 0.5003270373238773
    a0 = 1 + k / q + k * k
    response = shelf * biquad((1.0, -2.0, 1.0), (1.0, 2 * (k * k - 1) / a0, (1 - k / q + k * k) / a0))
    twice = np.full(size // 2 + 1, 2.0)  # a real signal's other half of the spectrum
    twice[0] = 1.0
    if size % 2 == 0:
        twice[-1] = 1.0
    return np.asarray(np.abs(response) ** 2 * twice / size, dtype=np.float32)
