"""Choosing a token again after it turned out to begin a banned phrase: the state before each token that may be taken back.

Runs in the child. Taking back restores everything that chose: grammar, penalties, mirostat's aim, and the logits, which
are kept so that nothing is evaluated twice. The draw gets fresh random numbers each time.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from localstory.engines.text.samplers import Picker


@dataclass(slots=True)
class _Point:
    """Where a token was chosen: the picker before it, the logits, and what was tried in vain."""

    picker: Picker
    logits: npt.NDArray[np.float32]
    forbidden: set[int] = field(default_factory=set)


class Backtracker:
    """Owns the picker it is given, and copies of it; `free` it."""

    def __init__(self, picker: Picker, never: Sequence[int]) -> None:
        self._picker = picker
        self._never = never  # tokens that are not worth a try
        self._points: dict[int, _Point] = {}
        self._redraws = 0

    def choose(self, number: int, logits: Callable[[], npt.NDArray[np.float32]]) -> int | None:
        """The reply's token `number` from `logits`, or from those kept when it is chosen again; None: nothing is left."""
        point = self._points.get(number)
        if point is None:
            point = self._points[number] = _Point(self._picker, logits().copy())
            self._picker = point.picker.copy()
        else:
            self._picker.free()
            self._redraws += 1
            self._picker = point.picker.copy(redraw=self._redraws)
        return self._picker.pick(point.logits, [*self._never, *point.forbidden])

    def logits(self, number: int) -> npt.NDArray[np.float32]:
        """Those that token `number`, which may still be taken back, was chosen from."""
        return self._points[number].logits

    def take_back(self, number: int, token: int) -> None:
        """Token `number` was `token` and must be another one; all after it are forgotten."""
        self._points[number].forbidden.add(token)
        for later in [at for at in self._points if at > number]:
            self._points.pop(later).picker.free()

    def keep_from(self, number: int) -> None:
        """Tokens before `number` stay for good."""
        for sure in [at for at in self._points if at < number]:
            self._points.pop(sure).picker.free()

    def free(self) -> None:
        """Give back the memory. Once."""
        self._picker.free()
        for point in self._points.values():
            point.picker.free()
        self._points = {}
