"""The KV cache: the branches that are live in it, and how a new prompt uses as much of them as it may. Child only.

Dense models keep up to `n_seq_max` branches side by side: what they share from the start takes its cells once. Models with a
sliding window or a recurrent state keep one, and checkpoints of what can't be cut back to. What has to leave goes to a `Shelf`.
The choices are `kv_plan`'s.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import llama_cpp.llama_cpp as L
import numpy as np

from localstory.children.worker import Cancelled, Job, Refused
from localstory.engines.text.kv_files import Saved, Snapshot, Stopped
from localstory.engines.text.kv_plan import (
    WORTH_KEEPING,
    WORTH_SAVING,
    CacheShape,
    Choice,
    Kept,
    Point,
    Tokens,
    choose,
    common_prefix,
    points_to_drop,
    points_to_take,
    ring_breaks,
)
from localstory.engines.text.kv_shelf import Shelf
from localstory.engines.text.loaded import LoadedModel, last_error

_FULL, _ABORTED = 1, 2  # llama_decode: "could not find a KV slot for the batch" · "aborted"
_MOST_POINTS, _POINTS_SAVED = 8, 4
_SAVE_AGAIN_SHARE = 0.1
"""In a quiet moment a branch is written again once so much of it is new: every reply would wear out the disk."""


@dataclass(slots=True)
class _Branch:
    seq: int
    tokens: list[int]
    exact: int
    """Its first so many tokens were evaluated as a cold run does, and stand in the cells where it puts them."""
    key: str
    used: int
    private: bool = False
    saved: int = 0
    """How many of its tokens are on the disk."""
    points: list[Snapshot] = field(default_factory=list)
    cells: list[int] = field(default_factory=list)
    """A number for the cell of each token: branches that share a cell have the same one."""

    def array(self) -> Tokens:
        return np.array(self.tokens, dtype=np.int32)


class KvCache:
    """What the context has evaluated. One branch is the active one: `tokens`, `append`, `cut` are about it."""

    def __init__(self, loaded: LoadedModel, shelf: Shelf | None = None) -> None:
        self._loaded = loaded
        self._shelf = shelf or Shelf({}, "")
        self.shape = shape_of(loaded)
        self._sequences = int(L.llama_n_seq_max(loaded.context)) if self.shape.shares else 1
        self._cells = int(L.llama_n_ctx(loaded.context))
        self._flash = loaded.flash
        self._batch = L.llama_batch_init(self.shape.batch, 0, 1)
        self._turn = self._cell = 0
        self._now = _Branch(0, [], 0, "", 0)
        self._live = [self._now]
        self._alone = True  # since it was empty, the cache held one branch alone, in the cells from 0 on
        self._in_place = True  # sliding window: every token stands in its cell of the ring
        self.settings_key = ""
        """What besides tokens the cache's numbers depend on (adapters and their strengths). Set it before `evaluate`: what was
        evaluated under another key is not used."""
        self.private = False
        """Nothing of the next evaluations goes to the disk."""
        self._told: dict[str, object] = {}
        self._shelf.can_cut = self.shape.shares
        self._stop: Callable[[], bool] = lambda: False
        """Whether the person wants the request stopped: asked while states are written and read."""

    def free(self) -> None:
        """Give the batch back; the cache itself belongs to the context."""
        L.llama_batch_free(self._batch)

    @property
    def tokens(self) -> list[int]:
        """What the active branch holds. Not to be changed."""
        return self._now.tokens

    @property
    def live_branches(self) -> int:
        """How many branches stand in the cache."""
        return sum(1 for branch in self._live if branch.tokens)

    def begin(self, private: bool) -> None:
        """A new request comes: `facts` will be about its first evaluation. `private`: nothing of it goes to the disk."""
        self.private, self._told = private, {}

    def facts(self) -> dict[str, object]:
        """For `made_with`: where reused tokens came from ("live", "memory", "disk", "nothing"), and whether that can't have changed the text."""
        return dict(self._told)

    # -- the active branch ------------------------------------------------------------------------------------------------

    def append(self, token: int) -> None:
        """Evaluate the next token; its logits are there afterwards. Raises Cancelled, Refused."""
        self._decode([token])

    def append_many(self, tokens: list[int]) -> None:
        """Evaluate the next tokens (at most `LoadedModel.outputs`) in one batch; logits 0, 1, … belong to them in order. Raises as `append`."""
        self._decode(tokens, outputs=len(tokens))

    def cut(self, length: int) -> bool:
        """Forget the active branch from position `length` on; False when that is not possible and all of it is forgotten."""
        branch = self._now
        if length >= len(branch.tokens):
            return True
        window = self.shape.window
        oldest = int(L.llama_memory_seq_pos_min(self._loaded.memory, branch.seq)) if window else 0
        # A sliding-window cache keeps little more than its window: it can't go back to where that began before what is kept.
        if oldest <= max(0, length - window) and self._remove(branch, length):
            return True
        self._forget(branch)
        return False

    def _remove(self, branch: _Branch, length: int) -> bool:
        """Take the branch's positions from `length` on out of the cache; recurrent caches say no."""
        if not L.llama_memory_seq_rm(self._loaded.memory, branch.seq, length, -1):
            return False
        if ring_breaks(length, len(branch.tokens), self.shape):
            self._in_place = False
        _shorten(branch, length)
        return True

    def _forget(self, branch: _Branch) -> None:
        """Empty the branch. It stays live, with nothing in it."""
        L.llama_memory_seq_rm(self._loaded.memory, branch.seq, -1, -1)
        _shorten(branch, 0)
        if len(self._live) == 1:
            self._clear()
            self._alone = self._in_place = True

    def _decode(self, tokens: list[int], outputs: int = 1) -> None:
        """Evaluate at most a batch of tokens behind the active branch; the last `outputs` get logits. Raises Cancelled, Refused."""
        batch, seq, start = self._batch, self._now.seq, len(self._now.tokens)
        batch.n_tokens = len(tokens)
        for index, token in enumerate(tokens):
            batch.token[index] = token
            batch.pos[index] = start + index
            batch.n_seq_id[index] = 1
            batch.seq_id[index][0] = seq
            batch.logits[index] = index >= len(tokens) - outputs
        status = L.llama_decode(self._loaded.context, batch)
        while status == _FULL and self._drop_least_used():
            status = L.llama_decode(self._loaded.context, batch)
        if status == 0:
            self._now.tokens += tokens
            self._now.cells += range(self._cell, self._cell + len(tokens))
            self._cell += len(tokens)
            return
        # llama.cpp has taken this batch out again; what was evaluated before it is still right (llama-context.cpp, decode). A
        # recurrent state has no way back.
        if ring_breaks(start, start + len(tokens), self.shape):
            self._in_place = False
        self._now.points = [point for point in self._now.points if point.length <= start]
        if not self.shape.can_cut or int(L.llama_memory_seq_pos_max(self._loaded.memory, seq)) != start - 1:
            self._forget(self._now)
        if status == _ABORTED:
            raise Cancelled
        raise Refused("decode_failed", status=int(status), reason=last_error())

    # -- a new prompt -----------------------------------------------------------------------------------------------------

    def evaluate(self, tokens: list[int], job: Job, exact: bool) -> int:
        """Bring the cache to exactly `tokens`, with logits for the last; returns how many were there already. Raises Cancelled, Refused.

        `exact` reuses only what a cold run would have evaluated in the same batches and put in the same cells, so that the same
        seed gives the same text. Without flash attention that is always so.
        """
        self._turn += 1
        self._stop = lambda: job.cancelled
        strict = exact or not self._flash
        reused, source = self._bring_back(np.array(tokens, dtype=np.int32), strict)
        # What it holds now is a part of this very request, whoever was the first to ask for it.
        self._now.used, self._now.private = self._turn, self.private
        self._told = self._told or {"cache": source, "exact": strict}
        self._make_room(len(tokens) - reused)
        batch = self.shape.batch
        stops = points_to_take(reused, len(tokens), self.shape)
        start = reused
        while start < len(tokens):
            job.check()
            end = min(len(tokens), start // batch * batch + batch)
            if not strict:
                # Only a strict reply must keep to the grid; a stop near the end is worth a batch of its own elsewhere.
                end = min([end, *(stop for stop in stops if stop > start)])
            self._decode(tokens[start:end])
            branch = self._now
            if start == branch.exact and end - start == batch and self._alone and self._in_place:
                branch.exact = end
            if end in stops:
                self._take_point(end)
            start = end
            job.progress("prompt", start - reused, len(tokens) - reused)
        return reused

    def _bring_back(self, tokens: Tokens, strict: bool) -> tuple[int, str]:
        """Make the active branch the one that shares most with `tokens`, and cut to that; returns how much, and from where."""
        while True:
            kept = self._kept_live(tokens) + self._shelf.candidates(tokens, self.settings_key, self._cells)
            choice = choose(kept, len(tokens), self.shape, strict)
            if choice is None:
                self._begin_anew(strict)
                return 0, "nothing"
            where = choice.kept.where
            done = self._reuse_live(choice, strict) if where == "live" else self._reuse_saved(choice, strict)
            if done:
                return choice.reuse, where
            # The state could not be used after all and is forgotten: what is next best?

    def _kept_live(self, tokens: Tokens) -> list[Kept]:
        window = self.shape.window
        found = []
        for index, branch in enumerate(self._live):
            if not branch.tokens or branch.key != self.settings_key:
                continue
            oldest = int(L.llama_memory_seq_pos_min(self._loaded.memory, branch.seq)) if window else 0
            points = tuple(Point(point.length, point.exact) for point in branch.points)
            common = common_prefix(branch.array(), tokens)
            found.append(Kept("live", index, common, len(branch.tokens), branch.exact, oldest, self._in_place, points))
        return found

    def _begin_anew(self, strict: bool) -> None:
        """An empty active branch."""
        if self.shape.shares and not strict:
            self._now = self._free_branch()
            return
        self._empty()

    def _clear(self) -> None:
        """Empty the cells. The numbers in them stay: a masked cell is not read, and zeroing a long context's gigabytes would take a
        second of somebody's first token. Recurrent states are small, and zeroed."""
        L.llama_memory_clear(self._loaded.memory, not self.shape.can_cut)

    def _empty(self) -> None:
        """Nothing is live any more; what is worth it goes to the shelf."""
        for branch in self._live:
            self._shelve(branch)
        self._clear()
        self._now = _Branch(0, [], 0, self.settings_key, self._turn)
        self._live = [self._now]
        self._alone = self._in_place = True

    def _free_branch(self) -> _Branch:
        """A live branch with nothing in it, other than the ones in use; the least used one leaves if it must."""
        self._live = [branch for branch in self._live if branch.tokens]
        if len(self._live) >= self._sequences:
            oldest = min(self._live, key=lambda one: one.used)
            self._shelve(oldest)
            self._drop(oldest)
        taken = {branch.seq for branch in self._live}
        new = _Branch(min(set(range(self._sequences)) - taken), [], 0, self.settings_key, self._turn)
        self._live.append(new)
        if len(self._live) > 1:
            self._alone = False
        else:
            self._alone = self._in_place = True
            self._clear()
        return new

    def _drop(self, branch: _Branch) -> None:
        L.llama_memory_seq_rm(self._loaded.memory, branch.seq, -1, -1)
        self._live.remove(branch)

    def _make_room(self, cells: int) -> None:
        """See that so many cells are free, as far as other branches can leave."""
        if self.shape.shares:
            while len(set().union(*(branch.cells for branch in self._live))) + cells > self._cells and self._drop_least_used():
                pass

    def _drop_least_used(self) -> bool:
        """Make room in the cache; False when the active branch is alone in it."""
        others = [branch for branch in self._live if branch is not self._now]
        if not others:
            return False
        oldest = min(others, key=lambda one: one.used)
        self._shelve(oldest)
        self._drop(oldest)
        return True

    def _reuse_live(self, choice: Choice, strict: bool) -> bool:
        branch, length = self._live[choice.kept.name], choice.reuse
        tail = len(branch.tokens) - length
        if self.shape.shares and not strict and tail >= WORTH_KEEPING and self._sequences > 1:
            branch.used = self._turn  # not the one to leave
            new = self._free_branch()
            L.llama_memory_seq_cp(self._loaded.memory, branch.seq, new.seq, 0, length)
            new.tokens, new.exact, new.private = branch.tokens[:length], min(branch.exact, length), branch.private
            new.saved, new.cells = min(branch.saved, length), branch.cells[:length]
            self._now = new
            return True
        if strict:
            for other in [one for one in self._live if one is not branch]:
                self._shelve(other)
                self._drop(other)
        if (not self.shape.shares or strict) and tail >= WORTH_SAVING:
            self._shelve(branch)
        self._now = branch
        if choice.point is not None:
            return self._set_point(branch, choice.point)
        done = self._remove(branch, length) if tail else True
        if strict and done:
            self._alone = True
        elif not done:
            self._forget(branch)
        return done

    def _reuse_saved(self, choice: Choice, strict: bool) -> bool:
        try:
            saved = self._shelf.take(choice.kept.name, self._stop)
        except Stopped as stopped:
            raise Cancelled from stopped
        if saved is None:
            return False
        if strict or not self.shape.shares:
            self._empty()
        else:
            self._now = self._free_branch()
        branch = self._now
        self._make_room(len(saved.tokens))
        if not self._set_state(saved.whole, branch.seq, L.LLAMA_STATE_SEQ_FLAGS_NONE):
            self._shelf.set_aside(choice.kept.name)
            self._forget(branch)
            return False
        branch.tokens = [int(token) for token in saved.tokens]
        branch.cells = list(range(self._cell, self._cell + len(saved.tokens)))
        self._cell += len(saved.tokens)
        branch.saved = len(branch.tokens) if self._shelf.on_disk(saved.tokens, saved.key) else 0
        branch.points = list(saved.points)
        if len(self._live) == 1:
            branch.exact = saved.exact
            length, window = len(branch.tokens), self.shape.window
            self._in_place = not window or length <= window or (length - window) % self.shape.ring == 0
        if choice.point is not None:
            return self._set_point(branch, choice.point)
        if choice.reuse < len(branch.tokens) and not self._remove(branch, choice.reuse):
            self._shelf.set_aside(choice.kept.name)
            self._forget(branch)
            return False
        return True

    # -- states -----------------------------------------------------------------------------------------------------------

    def _set_state(self, content: bytes | bytearray | memoryview, seq: int, flags: int) -> bool:
        """Hand a state to llama.cpp; False when it found no room for it. It is one that we made ourselves, in this process or signed."""
        size = len(content)
        raw = (ctypes.c_uint8 * size).from_buffer(content if not isinstance(content, bytes) else bytearray(content))
        return int(L.llama_state_seq_set_data_ext(self._loaded.context, raw, size, seq, flags)) == size

    def _get_state(self, seq: int, flags: int) -> bytearray | None:
        size = int(L.llama_state_seq_get_size_ext(self._loaded.context, seq, flags))
        try:
            content = bytearray(size)
        except MemoryError:
            return None
        raw = (ctypes.c_uint8 * size).from_buffer(content)
        written = int(L.llama_state_seq_get_data_ext(self._loaded.context, raw, size, seq, flags))
        return content if written == size else None

    def _take_point(self, length: int) -> None:
        """Keep a checkpoint of the active branch, which ends here, as long as checkpoints have room."""
        branch = self._now
        room = self._shelf.memory_budget // 2
        size = int(L.llama_state_seq_get_size_ext(self._loaded.context, branch.seq, L.LLAMA_STATE_SEQ_FLAGS_PARTIAL_ONLY))
        most = min(_MOST_POINTS, room // max(1, size))
        if most < 1:
            return
        content = self._get_state(branch.seq, L.LLAMA_STATE_SEQ_FLAGS_PARTIAL_ONLY)
        if content is None:
            return
        branch.points = [point for point in branch.points if point.length != length]
        branch.points.append(Snapshot(length, branch.exact >= length, content))
        gone = set(points_to_drop([point.length for point in branch.points], most))
        branch.points = [point for point in branch.points if point.length not in gone]

    def _set_point(self, branch: _Branch, point: Point) -> bool:
        """Bring the branch back to a checkpoint: the small part from there, the rest is cut."""
        content = next(one.content for one in branch.points if one.length == point.length)
        if not self._set_state(content, branch.seq, L.LLAMA_STATE_SEQ_FLAGS_PARTIAL_ONLY):
            self._forget(branch)
            return False
        if not L.llama_memory_seq_rm(self._loaded.memory, branch.seq, point.length, -1):
            self._forget(branch)
            return False
        window = self.shape.window
        self._in_place = self._in_place and (not window or point.length <= window or (point.length - window) % self.shape.ring == 0)
        _shorten(branch, point.length)
        return True

    def _state_bytes(self, branch: _Branch) -> int:
        """About the size of `_state_of`, without a copy."""
        whole = int(L.llama_state_seq_get_size_ext(self._loaded.context, branch.seq, L.LLAMA_STATE_SEQ_FLAGS_NONE))
        gone = points_to_drop([point.length for point in branch.points], _POINTS_SAVED)
        return whole + sum(len(point.content) for point in branch.points if point.length not in gone) + 4 * len(branch.tokens)

    def _state_of(self, branch: _Branch) -> Saved | None:
        whole = self._get_state(branch.seq, L.LLAMA_STATE_SEQ_FLAGS_NONE)
        if whole is None:
            return None
        gone = points_to_drop([point.length for point in branch.points], _POINTS_SAVED)
        points = tuple(point for point in branch.points if point.length not in gone)
        return Saved(branch.array(), branch.key, branch.exact, whole, points)

    def _shelve(self, branch: _Branch) -> None:
        """Keep a branch that leaves the cache, where that is worth it."""
        if len(branch.tokens) < WORTH_SAVING or not self._shelf.keeps or self._shelf.holds(branch.array(), branch.key):
            return
        if not self._shelf.could_take(self._state_bytes(branch), branch.private):
            return
        saved = self._state_of(branch)
        if saved is not None:
            self._shelf.put(saved, branch.private, self._stop)

    def save_to_disk(self, stop: Callable[[], bool], all_of_it: bool) -> None:
        """Write the live branches, newest first, then what is in memory. `all_of_it` (the child is closing) also what has changed little.

        `stop` is asked every few megabytes; a file is written whole or not at all.
        """
        if not self._shelf.writes:
            return
        try:
            for branch in sorted(self._live, key=lambda one: -one.used):
                length = len(branch.tokens)
                new = length - branch.saved
                worth = WORTH_SAVING if all_of_it or not branch.saved else max(WORTH_SAVING, int(length * _SAVE_AGAIN_SHARE))
                if branch.private or length < WORTH_SAVING or new < worth or self._shelf.on_disk(branch.array(), branch.key):
                    continue
                saved = self._state_of(branch) if self._shelf.could_write(self._state_bytes(branch)) else None
                if saved is not None and self._shelf.save(saved, stop):
                    branch.saved = length
            self._shelf.save_memory(stop)
        except Stopped:
            return


def _shorten(branch: _Branch, length: int) -> None:
    """What is known of a branch after the cache was cut there."""
    del branch.tokens[length:], branch.cells[length:]
    branch.exact, branch.saved = min(branch.exact, length), min(branch.saved, length)
    branch.points = [point for point in branch.points if point.length <= length]


def shape_of(loaded: LoadedModel) -> CacheShape:
    """How this model's cache behaves."""
    context: dict[str, Any] = loaded.context_args
    window = loaded.n_swa
    cells = int(L.llama_n_ctx(loaded.context))
    ring = 0
    if window:
        # llama-kv-cache-iswa.cpp: the window of each sequence and one batch, in steps of 256.
        small = -(-min(cells, window * int(context["n_seq_max"]) + int(context["n_ubatch"])) // 256) * 256
        ring = cells if context["swa_full"] else small
    can_cut = not (L.llama_model_is_recurrent(loaded.model) or L.llama_model_is_hybrid(loaded.model))
    return CacheShape(int(L.llama_n_batch(loaded.context)), can_cut, window, ring)
