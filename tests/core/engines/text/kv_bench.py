"""A model, its KV cache and its shelf in the test's own process, without a child: so that logits can be compared."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from localstory.children.worker import Cancelled, Job
from localstory.engines.text.kv_cache import KvCache
from localstory.engines.text.kv_home import KvHome
from localstory.engines.text.kv_shelf import Shelf
from localstory.engines.text.loaded import LoadedModel, start_engine
from localstory.fit.context_params import ContextParams

_started = False


class Bench:
    """One loaded model and one cache; `shelf` args as `KvHome.load_args` gives them."""

    def __init__(self, model: Path, *, flash: bool, shares: bool, context_length: int = 1024, batch: int = 16, kept: dict[str, Any] | None = None) -> None:
        global _started
        if not _started:
            start_engine()
            _started = True
        sequences = 8 if shares else 1
        context = ContextParams(context_length, batch, batch, sequences, True, 8, "on" if flash else "off", "f16", "f16", False)
        self.job = Job(1, Path(), lambda _message: None)
        args = {"path": str(model), "context_length": context_length, "context": context.as_args(), "threads": 1, "model": {}}
        self.model = LoadedModel(args, self.job)
        self.cache = KvCache(self.model, Shelf(kept or {}, "test"))

    def logits(self, tokens: list[int], *, exact: bool = False, private: bool = False) -> tuple[npt.NDArray[np.float32], int]:
        """Evaluate the prompt; the logits after it, and how many tokens were reused."""
        self.cache.begin(private)
        reused = self.cache.evaluate(tokens, self.job, exact)
        assert self.cache.tokens == tokens
        return self.model.logits().copy(), reused

    def write(self, tokens: list[int]) -> npt.NDArray[np.float32]:
        """Tokens of a reply, one by one; the logits after the last."""
        for token in tokens:
            self.cache.append(token)
        return self.model.logits().copy()

    def free(self) -> None:
        self.cache.free()
        self.model.free()


def memory_only(memory_bytes: int = 64 << 20) -> dict[str, Any]:
    return {"memory_bytes": memory_bytes}


def on_disk(folder: Path, memory_bytes: int = 0, disk_bytes: int = 64 << 20) -> dict[str, Any]:
    return KvHome(folder, memory_bytes, disk_bytes).load_args()


class CancelAfter(Job):
    """A job that is cancelled after a while."""

    def __init__(self, seconds: float) -> None:
        super().__init__(1, Path(), lambda _message: None)
        self._until = time.monotonic() + seconds

    @property
    def cancelled(self) -> bool:
        return time.monotonic() > self._until

    def check(self) -> None:
        if self.cancelled:
            raise Cancelled
