"""The plan: which branch, how much of it, what goes. The ring's rules are held against a small copy of how llama.cpp gives out cells."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from localstory.engines.text.kv_plan import (
    CacheShape,
    Kept,
    Point,
    Weight,
    Where,
    choose,
    common_prefix,
    least_used,
    points_to_drop,
    points_to_take,
    ring_breaks,
)

PLACES: tuple[Where, ...] = ("live", "memory", "disk")
DENSE = CacheShape(batch=512)
SLIDING = CacheShape(batch=512, window=512, ring=1024)
RECURRENT = CacheShape(batch=512, can_cut=False)
SHAPES = st.sampled_from([DENSE, SLIDING, RECURRENT, CacheShape(batch=512, window=128, ring=768), CacheShape(batch=512, window=1024, ring=1536)])


@given(st.lists(st.integers(0, 3)), st.lists(st.integers(0, 3)))
def test_the_common_prefix_is_the_common_prefix(one: list[int], other: list[int]) -> None:
    length = common_prefix(np.array(one, np.int32), np.array(other, np.int32))
    assert one[:length] == other[:length]
    assert length in (len(one), len(other)) or one[length] != other[length]


@st.composite
def kept(draw: st.DrawFn) -> Kept:
    length = draw(st.integers(1, 9000))
    common = draw(st.integers(0, length))
    points = tuple(Point(draw(st.integers(1, length)), draw(st.booleans())) for _ in range(draw(st.integers(0, 4))))
    where: Where = draw(st.sampled_from(PLACES))
    return Kept(where, draw(st.integers(0, 99)), common, length, draw(st.integers(0, length)), draw(st.integers(0, length)), draw(st.booleans()), points)


@given(st.lists(kept(), max_size=6), st.integers(1, 9000), SHAPES, st.booleans())
def test_a_choice_never_reuses_what_is_not_there(all_kept: list[Kept], prompt: int, shape: CacheShape, strict: bool) -> None:
    choice = choose(all_kept, prompt, shape, strict)
    if choice is None:
        return
    one = choice.kept
    assert one in all_kept and 0 < choice.reuse <= min(one.common, prompt - 1)
    if choice.point is not None:
        assert choice.point in one.points and choice.point.length == choice.reuse
    else:
        assert shape.can_cut or choice.reuse == one.length
    if strict:
        assert choice.reuse % shape.batch == 0
        assert choice.point.exact if choice.point is not None else choice.reuse <= one.exact


@given(st.lists(kept(), min_size=1, max_size=6), st.integers(2, 9000))
def test_on_a_dense_model_nothing_common_is_read_twice(all_kept: list[Kept], prompt: int) -> None:
    live = [one for one in all_kept if one.where == "live"]
    assume(live)
    choice = choose(all_kept, prompt, DENSE, strict=False)
    best = min(max(one.common for one in live), prompt - 1)
    assert (choice.reuse if choice else 0) >= best


def test_a_live_branch_is_taken_before_a_saved_one_of_about_the_same_length() -> None:
    live, saved = Kept("live", 1, 1000, 1000, 0), Kept("disk", 2, 1020, 1020, 0)
    assert choose([live, saved], 5000, DENSE, strict=False).kept is live  # type: ignore[union-attr]
    longer = Kept("disk", 3, 1400, 1400, 0)
    assert choose([live, saved, longer], 5000, DENSE, strict=False).kept is longer  # type: ignore[union-attr]


class Ring:
    """How llama.cpp gives out the cells of a sliding-window cache (llama-kv-cache.cpp: find_slot, apply_ubatch, seq_rm), for one sequence."""

    def __init__(self, shape: CacheShape) -> None:
        self.shape, self.cells, self.head = shape, [-1] * shape.ring, 0

    @property
    def positions(self) -> list[int]:
        return [pos for pos in self.cells if pos >= 0]

    def add(self, start: int, count: int) -> int:
        """Evaluate; returns how many cells the attention covers."""
        newest = max(self.positions, default=-1)
        head = 0 if self.head > len(self.positions) + 2 * count else self.head
        given: list[int] = []
        for step in range(self.shape.ring):
            index = (head + step) % self.shape.ring
            masked = self.cells[index] >= 0 and newest + 1 - self.cells[index] >= self.shape.window
            if len(given) < count and (self.cells[index] < 0 or masked):
                given.append(index)
        assert len(given) == count
        overwritten = max((self.cells[index] for index in given), default=-1)
        for pos, index in enumerate(given, start):
            self.cells[index] = pos
        if overwritten >= 0:
            self.cells = [-1 if 0 <= pos <= overwritten else pos for pos in self.cells]
        self.head = given[-1] + 1
        return -(-(max(index for index, pos in enumerate(self.cells) if pos >= 0) + 1) // 256) * 256

    def remove(self, start: int) -> None:
        gone = [index for index, pos in enumerate(self.cells) if pos >= start]
        for index in gone:
            self.cells[index] = -1
        if gone:
            self.head = min(self.head, gone[0])

    def saved(self) -> list[int]:
        newest = max(self.positions)
        return [pos for pos in self.cells if pos >= 0 and newest - pos < self.shape.window]

    def restored(self, state: list[int]) -> None:
        self.cells, self.head = [-1] * self.shape.ring, 0
        for index, pos in enumerate(state):
            self.cells[index] = pos
        self.head = len(state)

    def needed(self, length: int) -> dict[int, int]:
        """Cell by cell what the token at `length` sees."""
        return {index: pos for index, pos in enumerate(self.cells) if 0 <= pos < length and length - pos < self.shape.window}


def cold(shape: CacheShape, length: int) -> Ring:
    ring = Ring(shape)
    for start in range(0, length, shape.batch):
        ring.add(start, min(shape.batch, length - start))
    return ring


rings = st.sampled_from([SLIDING, CacheShape(16, window=32, ring=256), CacheShape(64, window=100, ring=256), CacheShape(512, window=1024, ring=1536)])


@given(rings, st.integers(1, 5000), st.integers(0, 400), st.integers(0, 5000), st.integers(1, 1500))
def test_after_a_strict_cut_the_ring_is_a_cold_runs(shape: CacheShape, prompt: int, reply: int, back: int, new: int) -> None:
    ring = cold(shape, prompt)
    for pos in range(prompt, prompt + reply):
        ring.add(pos, 1)
    length, exact = prompt + reply, prompt // shape.batch * shape.batch
    common = max(0, length - back)
    branch = Kept("live", 1, common, length, exact, min(ring.positions), True)
    choice = choose([branch], common + new, shape, strict=True)
    if choice is None:
        return
    ring.remove(choice.reuse)
    _same_from_here(shape, ring, choice.reuse, common + new)


@given(rings, st.integers(1, 80), st.integers(1, 1500))
def test_after_a_strict_restore_the_ring_is_a_cold_runs(shape: CacheShape, batches: int, new: int) -> None:
    length = batches * shape.batch
    point = Point(length, True)
    branch = Kept("live", 1, length, length + 700, length + 700, length, True, (point,))
    choice = choose([branch], length + new, shape, strict=True)
    if choice is None or choice.point is None:
        return
    ring = Ring(shape)
    ring.restored(cold(shape, length).saved())
    _same_from_here(shape, ring, length, length + new)


def _same_from_here(shape: CacheShape, ring: Ring, start: int, end: int) -> None:
    """Evaluating on gives each batch the same cells, the same neighbours and the same reach as in a cold run."""
    other = cold(shape, start)
    for at in range(start, end, shape.batch):
        assert ring.needed(at) == other.needed(at)
        count = min(shape.batch, end - at)
        assert ring.add(at, count) == other.add(at, count)
    assert ring.needed(end) == other.needed(end) and ring.head % shape.ring == other.head % shape.ring


@pytest.mark.parametrize("shape", [SLIDING, CacheShape(512, window=1024, ring=1536)])
def test_the_ring_can_be_restored_strictly_somewhere_in_every_round(shape: CacheShape) -> None:
    lengths = [length for length in range(512, 9000, 512) if _restores(shape, length)]
    assert lengths and all(later - earlier <= 3 * shape.ring for earlier, later in pairwise(lengths))


def _restores(shape: CacheShape, length: int) -> bool:
    branch = Kept("live", 1, length, length + 700, length, length, True, (Point(length, True),))
    choice = choose([branch], length + 2000, shape, strict=True)
    return choice is not None and choice.point is not None


@given(st.integers(0, 3000), st.integers(0, 3000), rings)
def test_a_ring_breaks_where_the_freed_cells_run_over_its_end(start: int, count: int, shape: CacheShape) -> None:
    cells = [pos % shape.ring for pos in range(start, start + min(count, shape.ring))]
    assert ring_breaks(start, start + min(count, shape.ring), shape) == (bool(cells) and cells != sorted(cells))


@given(st.integers(0, 9000), st.integers(1, 9000), SHAPES)
def test_checkpoints_lie_inside_what_is_evaluated(start: int, count: int, shape: CacheShape) -> None:
    points = points_to_take(start, start + count, shape)
    assert all(start <= point < start + count for point in points) and len(set(points)) == len(points)
    assert not points or not shape.shares


@given(st.lists(st.integers(1, 9000), unique=True, max_size=20), st.integers(0, 10))
def test_dropped_checkpoints_leave_the_newest_and_no_large_hole(lengths: list[int], most: int) -> None:
    left = sorted(set(lengths) - set(points_to_drop(lengths, most)))
    assert len(left) == min(len(lengths), most)
    if left:
        assert left[-1] == max(lengths)


@given(st.lists(st.tuples(st.integers(0, 100), st.floats(0, 1000)), max_size=20), st.integers(0, 800))
def test_only_as_many_go_as_must_and_the_least_used_first(things: list[tuple[int, float]], budget: int) -> None:
    weights = [Weight(name, size, used) for name, (size, used) in enumerate(things)]
    gone = least_used(weights, budget)
    left = [one for one in weights if one.name not in gone]
    assert sum(one.size_bytes for one in left) <= budget
    if gone:
        assert all(one.used >= weights[gone[-1]].used for one in left)
        assert sum(one.size_bytes for one in left) + weights[gone[-1]].size_bytes > budget
