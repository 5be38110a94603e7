"""How likely tokens are under the model itself, before any sampler. Pure."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

MOST_ALTERNATIVES = 20


def logprob_of(logits: npt.NDArray[np.float32], token: int) -> float:
    """Natural logarithm of the softmax of `logits` (one a token of the vocabulary) at `token`."""
    top = float(logits.max())
    return float(logits[token]) - top - math.log(float(np.exp(logits - top).sum()))


def likeliest(logits: npt.NDArray[np.float32], count: int) -> list[tuple[int, float]]:
    """The `count` likeliest tokens with their natural-log probabilities, likeliest first; ties by the lower number."""
    top = float(logits.max())
    total = top + math.log(float(np.exp(logits - top).sum()))
    count = min(count, len(logits))
    found = np.argpartition(-logits, count - 1)[:count]
    ordered = sorted(found.tolist(), key=lambda token: (-float(logits[token]), token))
    return [(token, float(logits[token]) - total) for token in ordered]
