"""Branches outside the cache: the least used in memory, then on the disk, under budgets. Child only, but free of llama.cpp."""

from __future__ import annotations

import hashlib
import itertools
import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from localstory.engines.text.kv_files import OnDisk, Saved, Stopped, delete_state, find_states, read_state, thin_out, write_state
from localstory.engines.text.kv_plan import Kept, Point, Tokens, Weight, Where, common_prefix, least_used
from localstory.hardware.probe import memory_now

_SAMPLES = 16
_SAMPLE_BYTES = 1 << 16
_HEADER_BYTES = 1 << 20
_LEFT_FREE_SHARE = 16
"""Memory is not used for states once less than one part in so many of it is free."""


def file_fingerprint(path: Path) -> str:
    """What tells this model file from another: size, time of change, and the SHA-256 of its first MiB and of 16 samples.

    Every tensor of a model changes when it is trained on or quantised anew, and the header lists them all: so another model
    of the same size differs in each sample. Only somebody who writes into the file, in between the samples, and sets the old
    time again could fool it; who can do that can do worse. A whole hash would cost seconds per load. Raises OSError.
    """
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        facts = os.fstat(file.fileno())
        digest.update(f"{facts.st_size} {facts.st_mtime_ns}\n".encode())
        digest.update(file.read(_HEADER_BYTES))
        for sample in range(1, _SAMPLES + 1):
            file.seek(max(0, facts.st_size * sample // _SAMPLES - _SAMPLE_BYTES))
            digest.update(file.read(_SAMPLE_BYTES))
    return digest.hexdigest()


def identity_of(fingerprint: str, engine: str, settings: Mapping[str, Any]) -> str:
    """Hexadecimal: the same for states that may be exchanged. `settings`: all that changes the values in a cache."""
    return hashlib.sha256(json.dumps([fingerprint, engine, settings], sort_keys=True, default=str).encode()).hexdigest()


_NO_MATTER = ("n_ctx", "n_seq_max", "n_outputs_max", "all_outputs")
"""Of the context's settings: how much room there is changes no number that is kept."""


def deciding_settings(load_args: Mapping[str, Any]) -> dict[str, Any]:
    """Of the worker's load arguments: all that changes the values in a cache (types, flash attention, batches, window, rope, placement).

    What is not known to be harmless counts. With a rope scaling the context length counts too: some of them work it in.
    """
    context = dict(load_args["context"])
    scaled = any("rope" in name or "yarn" in name for name, value in context.items() if value not in (None, 0, 0.0, "", "none"))
    kept = {name: value for name, value in context.items() if scaled or name not in _NO_MATTER}
    return {"context": kept, "model": load_args.get("model"), "context_length": load_args.get("context_length") if scaled else None}


@dataclass(slots=True)
class _Entry:
    tokens: Tokens
    key: str
    exact: int
    points: tuple[Point, ...]
    private: bool
    used: int
    saved: Saved | None = None
    file: OnDisk | None = None


class Shelf:
    """The states of one loaded model."""

    def __init__(self, args: Mapping[str, Any], identity: str) -> None:
        """`args`: `KvHome.load_args()`."""
        self._identity = identity
        self._secret = bytes.fromhex(str(args.get("secret") or ""))
        self._folder = Path(str(args["folder"])) if args.get("folder") and self._secret else None
        self._memory_budget = int(args.get("memory_bytes") or 0)
        self._disk_budget = int(args.get("disk_bytes") or 0) if self._folder is not None else 0
        self.can_cut = True
        """Whether a branch can be cut back anywhere: then it covers all that it begins with. `KvCache` sets it."""
        self._entries: dict[int, _Entry] = {}
        self._names = itertools.count(1)
        self._clock = itertools.count(1)
        if self._folder is not None and self._disk_budget:
            thin_out(self._folder, self._disk_budget)
            for file in sorted(find_states(self._folder, self._secret, identity), key=_last_use):
                points = tuple(Point(length, exact) for length, exact in file.points)
                self._add(_Entry(file.tokens, file.key, file.exact, points, False, next(self._clock), file=file))

    @property
    def keeps(self) -> bool:
        """Whether there is any room for states."""
        return self._memory_budget > 0 or self._disk_budget > 0

    @property
    def writes(self) -> bool:
        """Whether states go to the disk."""
        return self._disk_budget > 0

    @property
    def memory_bytes(self) -> int:
        """What the states take in memory now."""
        return sum(entry.saved.size_bytes for entry in self._entries.values() if entry.saved is not None)

    @property
    def memory_budget(self) -> int:
        return self._memory_budget

    def could_take(self, size_bytes: int, private: bool) -> bool:
        """Whether a state of this size could be kept at all: to be asked before it is copied out of the cache."""
        return 0 < size_bytes <= max(self._memory_budget, 0 if private else self._disk_budget)

    def could_write(self, size_bytes: int) -> bool:
        """Whether a state of this size could be on the disk."""
        return 0 < size_bytes <= self._disk_budget

    def candidates(self, tokens: Tokens, key: str, most_tokens: int) -> list[Kept]:
        """The branches that begin like `tokens`, of `most_tokens` at most: a longer one came from a longer context and finds no room."""
        found = []
        for name, entry in self._entries.items():
            if entry.key != key or not 0 < len(entry.tokens) <= most_tokens or entry.tokens[0] != tokens[0]:
                continue
            common = common_prefix(entry.tokens, tokens)
            if self.can_cut or common == len(entry.tokens) or any(point.length <= common for point in entry.points):
                where: Where = "memory" if entry.saved is not None else "disk"
                found.append(Kept(where, name, common, len(entry.tokens), entry.exact, points=entry.points))
        return found

    def take(self, name: int, stop: Callable[[], bool] = lambda: False) -> Saved | None:
        """The state itself; it stays here too. None when its file is gone or damaged. Raises Stopped."""
        entry = self._entries.get(name)
        if entry is None:
            return None
        entry.used = next(self._clock)
        if entry.saved is not None:
            return entry.saved
        saved = read_state(entry.file, self._secret, self._identity, stop) if entry.file is not None else None
        if saved is None:
            del self._entries[name]
        return saved

    def holds(self, tokens: Tokens, key: str) -> bool:
        """Whether exactly this branch is here already."""
        return self._find(tokens, key) is not None

    def on_disk(self, tokens: Tokens, key: str) -> bool:
        """Whether exactly this branch is on the disk."""
        entry = self._find(tokens, key)
        return entry is not None and _is_there(entry)

    def set_aside(self, name: int) -> None:
        """This state could not be used here: don't offer it again. Its file stays, another run may have the room for it."""
        self._entries.pop(name, None)

    def _find(self, tokens: Tokens, key: str) -> _Entry | None:
        for entry in self._entries.values():
            if entry.key == key and len(entry.tokens) == len(tokens) and common_prefix(entry.tokens, tokens) == len(tokens):
                return entry
        return None

    def _add(self, entry: _Entry) -> None:
        self._entries[next(self._names)] = entry

    def put(self, saved: Saved, private: bool, stop: Callable[[], bool] = lambda: False) -> None:
        """Keep a branch that leaves the cache; the least used go to the disk or are forgotten. Once `stop` says so, nothing more is
        written: what is too much for memory then waits there for the next time."""
        known = self._find(saved.tokens, saved.key)
        points = tuple(Point(point.length, point.exact) for point in saved.points)
        if known is not None:
            known.used, known.private = next(self._clock), known.private and private
            if known.saved is None and self._memory_budget:
                known.saved, known.exact, known.points = saved, saved.exact, points
        else:
            self._add(_Entry(saved.tokens, saved.key, saved.exact, points, private, next(self._clock), saved))
        try:
            self._make_room(stop)
        except Stopped:
            return

    def _make_room(self, stop: Callable[[], bool]) -> None:
        budget = self._memory_budget
        memory = memory_now()
        total = memory.limit_bytes or memory.total_bytes
        if total is not None and memory.available_bytes is not None and memory.available_bytes < total // _LEFT_FREE_SHARE:
            budget = 0  # others need it more
        weights = [Weight(name, entry.saved.size_bytes, entry.used) for name, entry in self._entries.items() if entry.saved is not None]
        for name in least_used(weights, budget):
            entry = self._entries[name]
            if not _is_there(entry):
                self._write(entry, stop)
            entry.saved = None
            if entry.file is None:
                del self._entries[name]

    def _write(self, entry: _Entry, stop: Callable[[], bool]) -> None:
        """Try to put the entry on the disk; a full disk means that it is not saved. Raises Stopped."""
        if entry.private or entry.saved is None or self._folder is None or entry.saved.size_bytes > self._disk_budget:
            return
        try:
            thin_out(self._folder, self._disk_budget - entry.saved.size_bytes)
            entry.file = write_state(self._folder, self._secret, self._identity, entry.saved, stop)
        except OSError:
            return
        self._forget_covered(entry)

    def save(self, saved: Saved, stop: Callable[[], bool]) -> bool:
        """Write a branch that stays in the cache; True when it is on the disk now. Raises Stopped."""
        entry = self._find(saved.tokens, saved.key)
        if entry is None:
            points = tuple(Point(point.length, point.exact) for point in saved.points)
            entry = _Entry(saved.tokens, saved.key, saved.exact, points, False, next(self._clock), saved)
            self._write(entry, stop)
            entry.saved = None
            if entry.file is not None:
                self._add(entry)
        elif not _is_there(entry):
            kept, entry.saved, entry.private = entry.saved, saved, False
            try:
                self._write(entry, stop)
            finally:
                entry.saved = kept
        return entry.file is not None

    def save_memory(self, stop: Callable[[], bool]) -> None:
        """Write what is in memory alone, newest first. Raises Stopped."""
        for entry in sorted(self._entries.values(), key=lambda one: -one.used):
            if stop():
                raise Stopped
            if entry.saved is not None and not _is_there(entry):
                self._write(entry, stop)

    def _forget_covered(self, newer: _Entry) -> None:
        """Files of branches that the new one begins with are of no more use, where it can be brought back to their length."""
        for name, entry in list(self._entries.items()):
            if entry is newer or entry.file is None or entry.key != newer.key or len(entry.tokens) > len(newer.tokens):
                continue
            can_go_back = self.can_cut or any(point.length == len(entry.tokens) for point in newer.points)
            if can_go_back and common_prefix(entry.tokens, newer.tokens) == len(entry.tokens):
                delete_state(entry.file)
                entry.file = None
                if entry.saved is None:
                    del self._entries[name]

    def forget_memory(self) -> None:
        """Let go of what is in memory alone."""
        self._entries = {name: entry for name, entry in self._entries.items() if entry.file is not None}
        for entry in self._entries.values():
            entry.saved = None


def _is_there(entry: _Entry) -> bool:
    """Whether its file is; `thin_out`, here or in another process, may have deleted it."""
    if entry.file is not None and not entry.file.path.exists():
        entry.file = None
    return entry.file is not None


def _last_use(file: OnDisk) -> float:
    try:
        return file.path.stat().st_mtime
    except OSError:
        return 0.0
