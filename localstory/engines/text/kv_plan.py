"""Which of the kept branches a new prompt goes on from, how much of it, and what has to go. Pure: values in, values out.

A *strict* reply must come out as if nothing had been kept: the engine's numbers depend a little on how tokens were split into
batches and on which cells of the cache they stand in, so only whole batches that stand where a cold run would have put them
are reused. Other replies reuse every common token.

A sliding-window cache is a ring: the token at position p stands in cell p mod `ring`, and only the last `window` positions
are needed. llama.cpp gives out the lowest free cells from its head on (llama-kv-cache.cpp, find_slot); what follows from that
for cutting and restoring is said at `_stays_in_place` and `_lands_in_place`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
import numpy.typing as npt

Tokens: TypeAlias = npt.NDArray[np.int32]
Where: TypeAlias = Literal["live", "memory", "disk"]

WORTH_KEEPING = 16
"""Tokens of a tail that are worth a sequence of their own when another branch is taken."""
WORTH_SAVING = 64
"""Fewer tokens are evaluated again sooner than a state is copied, written and read."""
_TROUBLE: dict[Where, int] = {"live": 0, "memory": 8, "disk": 64}
"""What using it costs, in tokens that could be evaluated meanwhile."""


@dataclass(frozen=True, slots=True)
class CacheShape:
    """How the model's cache behaves."""

    batch: int
    """Tokens that are evaluated at once."""
    can_cut: bool = True
    """False for recurrent models: the last tokens can't be taken back."""
    window: int = 0
    """Positions that a sliding window sees; 0: the cache keeps all."""
    ring: int = 0
    """Cells for the sliding-window layers."""

    @property
    def shares(self) -> bool:
        """Whether branches can live side by side in one cache."""
        return self.can_cut and not self.window


@dataclass(frozen=True, slots=True)
class Point:
    """A checkpoint: the first `length` tokens can be brought back from here, if the rest of the cache still holds them."""

    length: int
    exact: bool


@dataclass(frozen=True, slots=True)
class Kept:
    """A branch that could be gone on from."""

    where: Where
    name: int
    """For whoever keeps it."""
    common: int
    """How many tokens it shares with the prompt, from the start."""
    length: int
    exact: int
    """Its first so many tokens were evaluated as a cold run evaluates them, and stand where it puts them."""
    oldest: int = 0
    """Live, sliding window: the first position that is still there."""
    in_place: bool = True
    """Live, sliding window: every token stands in its cell of the ring."""
    points: tuple[Point, ...] = ()


@dataclass(frozen=True, slots=True)
class Choice:
    """Go on from `kept` with `reuse` of its tokens; by its checkpoint `point` when there is one."""

    kept: Kept
    reuse: int
    point: Point | None = None


def common_prefix(one: Tokens, other: Tokens) -> int:
    """How many tokens are the same from the start."""
    length = min(len(one), len(other))
    differs = np.flatnonzero(one[:length] != other[:length])
    return int(differs[0]) if len(differs) else length


def choose(kept: Iterable[Kept], prompt_tokens: int, shape: CacheShape, strict: bool) -> Choice | None:
    """What to go on from; None: evaluate everything. The prompt's last token is always evaluated: its logits are needed."""
    best: Choice | None = None
    best_worth = 0
    for one in kept:
        choice = _most_of(one, prompt_tokens, shape, strict)
        if choice is not None and choice.reuse - _TROUBLE[one.where] > best_worth:
            best, best_worth = choice, choice.reuse - _TROUBLE[one.where]
    return best


def _most_of(one: Kept, prompt_tokens: int, shape: CacheShape, strict: bool) -> Choice | None:
    limit = min(one.common, prompt_tokens - 1)
    found: Choice | None = None
    top = min(limit, one.exact) // shape.batch * shape.batch if strict else limit
    for length in range(top, 0, -shape.batch) if strict else (top,):
        if length > 0 and _can_cut(one, length, shape) and (not strict or _stays_in_place(one, length, shape)):
            found = Choice(one, length)
            break
    for point in one.points:
        if point.length > min(limit, one.length) or (found is not None and point.length <= found.reuse):
            continue
        fits = point.exact and point.length % shape.batch == 0 and _lands_in_place(point.length, prompt_tokens, shape)
        if not strict or (fits and one.in_place):
            found = Choice(one, point.length, point)
    return found


def _can_cut(one: Kept, length: int, shape: CacheShape) -> bool:
    """Whether all that is needed after the first `length` tokens is still there once the rest is cut off."""
    if length == one.length:
        return True
    if not shape.can_cut:
        return False
    if not shape.window:
        return True
    oldest = one.oldest if one.where == "live" else max(0, one.length - shape.window)  # a state holds no more than the window
    return oldest <= max(0, length - shape.window)


def _stays_in_place(one: Kept, length: int, shape: CacheShape) -> bool:
    """Sliding window: whether the next token after a cut goes to its own cell, and the attention runs over as many cells as in a
    cold run.

    The head moves to the lowest cell that a cut frees: that is the cell of position `length` unless the freed cells run over the
    ring's end. Attention covers the cells up to the highest used one: that is the same where a cold run is in its first round,
    or at the beginning of a later one.
    """
    if not shape.window:
        return True
    if one.where != "live":
        return length == one.length and _lands_in_place(length, length + shape.batch, shape)
    wraps = length < one.length and length // shape.ring != (one.length - 1) // shape.ring
    return one.in_place and not wraps and (length <= shape.ring or length % shape.ring == 0)


def _lands_in_place(length: int, prompt_tokens: int, shape: CacheShape) -> bool:
    """Sliding window: whether a state of `length` tokens, put into an empty ring, stands where a cold run has it.

    It holds the last `window` positions, which go to the cells from 0 on. In a later round the cold run's attention covers the
    whole ring; after a restore it does so if the next batch is a whole one.
    """
    if not shape.window or length <= shape.window:
        return True
    return (length - shape.window) % shape.ring == 0 and prompt_tokens - length >= shape.batch


def ring_breaks(start: int, end: int, shape: CacheShape) -> bool:
    """Whether taking the positions `start` to `end` (not included) out of the ring moves its head to a wrong cell."""
    return bool(shape.window) and end > start and start // shape.ring != (end - 1) // shape.ring


def points_to_take(start: int, end: int, shape: CacheShape) -> list[int]:
    """Where to stop for a checkpoint while the tokens from `start` to `end` (the prompt's end) are evaluated: at whole batches,
    and shortly before the end, where the next reply to the same prompt begins."""
    if shape.shares:
        return []
    points = list(range((start // shape.batch + 1) * shape.batch, end, shape.batch))
    near_end = end - NEAR_END
    least = WORTH_SAVING if shape.can_cut else 1
    if near_end - start >= least and near_end not in points:
        points.append(near_end)
    return points


NEAR_END = 4
"""The last checkpoint in a prompt leaves so many tokens: the prompt's last one must be evaluated again for its logits."""


def points_to_drop(lengths: Sequence[int], most: int) -> list[int]:
    """Which checkpoints go when only `most` may stay: each time the one that leaves the smallest gap; the newest ones stay."""
    kept = sorted(lengths)
    dropped: list[int] = []
    while len(kept) > max(0, most):
        if len(kept) <= 2:
            dropped.append(kept.pop(0))
            continue
        gaps = [kept[index + 1] - (kept[index - 1] if index else 0) for index in range(len(kept) - 2)]
        dropped.append(kept.pop(gaps.index(min(gaps))))
    return dropped


@dataclass(frozen=True, slots=True)
class Weight:
    """Something that takes room, for `least_used`."""

    name: int
    size_bytes: int
    used: float
    """When it was used last; larger is later."""


def least_used(things: Sequence[Weight], budget_bytes: int) -> list[int]:
    """Names of what must go, least recently used first, so that the rest fits into the budget."""
    room = sum(one.size_bytes for one in things) - budget_bytes
    gone: list[int] = []
    for one in sorted(things, key=lambda thing: thing.used):
        if room <= 0:
            break
        gone.append(one.name)
        room -= one.size_bytes
    return gone
