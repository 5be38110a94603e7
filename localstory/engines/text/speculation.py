"""Guessing next tokens, so that several are evaluated at once. Pure: no engine here, see `ahead`.

A guess costs a row of a batch, a right one saves an evaluation. On a graphics card, or with a model that is read from memory anew
for each token, rows are nearly free; a small model on a processor pays for each. So `Pace` watches both: what rows take, and how
often guesses were right. Prompt lookup: A. Saxena, "Prompt Lookup Decoding" (2023).
"""

from __future__ import annotations

import math
from collections.abc import Sequence

LONGEST_MATCH = 3
SHORTEST_MATCH = 2
"""A single equal token says too little: its guesses were right too seldom to pay."""


class Lookup:
    """Finds what followed when the last tokens stood there before."""

    def __init__(self, tokens: Sequence[int]) -> None:
        self._seen: list[int] = []
        self._after: list[dict[tuple[int, ...], int]] = [{} for _length in range(LONGEST_MATCH + 1)]  # by length: n-gram -> where it goes on
        for token in tokens:
            self.add(token)

    def add(self, token: int) -> None:
        """The next token of the text."""
        at = len(self._seen)
        for length in range(SHORTEST_MATCH, min(LONGEST_MATCH, at) + 1):
            self._after[length][tuple(self._seen[at - length :])] = at
        self._seen.append(token)

    def cut(self, length: int) -> None:
        """The text ends after `length` tokens (some were taken back). Matches with what is gone are no longer found."""
        del self._seen[length:]

    def guess(self, most: int) -> tuple[int, list[int]]:
        """(tokens in a row that matched, at most `most` tokens that followed them the last time); (0, []) without a match."""
        seen = self._seen
        for length in range(min(LONGEST_MATCH, len(seen)), SHORTEST_MATCH - 1, -1):
            at = self._after[length].get(tuple(seen[-length:]))
            if at is not None and at < len(seen):
                found: list[int] = []
                for number in range(at, at + most):  # a repetition shorter than `most` goes round
                    found.append(seen[number] if number < len(seen) else found[number - len(seen)])
                return length, found
        return 0, []


_STARTS_RIGHT = {3: 0.6, 2: 0.4}
_LEARNS = 0.2
_FIRST_ROW_COST = 0.3
_PROBE_EVERY = 32
"""What doesn't pay is tried again after so many chances."""
_LONGEST_WAIT = 64


class _Trust:
    """How far one kind of guess is believed."""

    def __init__(self, right: float) -> None:
        self.right = right
        self.misses = 0
        self.waits = 0


class Pace:
    """How many tokens to guess: the i-th is worth its row while the chance that all up to it are right exceeds the row's cost.

    `timed` False takes a usual cost instead of a measured one: then the same text gives the same guesses on every run.
    """

    def __init__(self, *, timed: bool) -> None:
        self._timed = timed
        self._trusts: dict[int, _Trust] = {}
        self._single_s = 0.0
        self._row_cost = _FIRST_ROW_COST

    def length(self, kind: int, most: int) -> int:
        """How many guesses of this kind (a match's length; 0 is a draft model) to try now."""
        trust = self._trust(kind)
        if trust.waits > 0:
            trust.waits -= 1
            return 0
        if trust.right >= 0.99 or self._row_cost <= 0.01:
            return most
        worth = int(math.log(min(self._row_cost, 0.99)) / math.log(max(trust.right, 0.01)))
        return max(1, min(worth, most))  # one now and then, to see whether it would be right again

    def told(self, kind: int, guessed: int, right: int) -> None:
        """So many of the guesses were right, from the first on."""
        if not guessed:
            return
        trust = self._trust(kind)
        for _one in range(right):
            trust.right += (1.0 - trust.right) * _LEARNS
        if right < guessed:
            trust.right -= trust.right * _LEARNS
        trust.misses = 0 if right else trust.misses + 1
        if trust.right < self._row_cost:
            trust.waits = _PROBE_EVERY
        if trust.misses > 1:
            trust.waits = max(trust.waits, min(1 << min(trust.misses + 1, 10), _LONGEST_WAIT))

    def took(self, rows: int, seconds: float) -> None:
        """An evaluation of so many rows, with the making of its guesses, took so long."""
        if not self._timed or seconds <= 0:
            return
        if rows == 1:
            # Towards the quickest: what else the computer does only ever adds.
            self._single_s = min(seconds, self._single_s * 1.02) if self._single_s else seconds
        elif self._single_s:
            cost = min(2.0, max(0.0, (seconds / self._single_s - 1.0) / (rows - 1)))
            self._row_cost += (cost - self._row_cost) * (0.3 if cost < self._row_cost else 0.1)

    def _trust(self, kind: int) -> _Trust:
        return self._trusts.setdefault(kind, _Trust(_STARTS_RIGHT.get(kind, 0.5)))
