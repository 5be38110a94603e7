"""Evaluating ahead: guessed tokens go into the cache with the sure one, and those that were wrong are taken out again. Child only.

Every token is still chosen by the sampler chain from the model's own logits at its place; a guess only counts when it is the token
chosen. So what is written has the model's own distribution, with grammar, penalties, logprobs and stop texts as ever.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from typing import Protocol

import llama_cpp.llama_cpp as L

from localstory.engines.text.kv_cache import KvCache
from localstory.engines.text.loaded import LoadedModel
from localstory.engines.text.speculation import Lookup, Pace

DRAFT_MODEL = 0
"""The kind of a draft model's guesses, beside the lengths of matches."""


class Drafter(Protocol):
    """A draft model."""

    def guess(self, tokens: list[int], most: int) -> list[int]:
        """At most `most` tokens that may follow `tokens`."""


class Ahead:
    """The reply's place in the KV cache. `row` is the output of the last evaluation from which the next token is chosen."""

    def __init__(
        self,
        loaded: LoadedModel,
        cache: KvCache,
        prompt: list[int],
        evaluate: Callable[[list[int]], object],
        *,
        lookup: bool,
        drafter: Drafter | None,
        timed: bool,
    ) -> None:
        """`evaluate` brings the cache to these tokens when it could not go back."""
        self._loaded, self._cache, self._evaluate = loaded, cache, evaluate
        self._text = list(prompt)
        self._guesses: list[int] = []  # evaluated behind the token last written, not yet chosen
        self._kind = -1
        self._told = self._tried = 0
        self._lookup = Lookup(prompt) if lookup else None
        self._drafter = drafter
        self._pace = Pace(timed=timed)
        self._may_guess = loaded.can_go_back and loaded.outputs > 1
        # Without flash attention all batches of two rows and more give the same logits to the bit, and those of one row others
        # (llama.cpp's ggml-cpu/llamafile/sgemm.cpp takes no single row): then no row is ever alone.
        self._least_rows = 2 if self._may_guess and not loaded.flash else 1
        self._synchronises = self._may_guess and (lookup or drafter is not None)
        self.row = -1
        self.drafted: Counter[int] = Counter()
        self.accepted: Counter[int] = Counter()

    def write(self, token: int, room: int) -> None:
        """`token` was chosen: see that the logits after it are there. `room`: how many more tokens may be written. Raises as `KvCache.append`."""
        self._text.append(token)
        if self._lookup is not None:
            self._lookup.add(token)
        if self._guesses and self._guesses[0] == token:
            del self._guesses[0]
            if self._told < self._tried:
                self._told += 1
                self.accepted[self._kind] += 1
            self.row += 1
            return
        if not self.drop(len(self._text) - 1):
            self._evaluate(self._text)
            self.row = -1
            return
        began = time.perf_counter()
        guesses = self._guess(min(room, self._loaded.outputs, self._loaded.n_ctx - len(self._cache.tokens)) - 1)
        self._tried, self._told = len(guesses), 0
        self.drafted[self._kind] += len(guesses)
        if len(guesses) + 1 < self._least_rows and len(self._cache.tokens) + self._least_rows <= self._loaded.n_ctx:
            guesses = [token]  # as good as any
        if guesses:
            self._cache.append_many([token, *guesses])
        else:
            self._cache.append(token)
        if self._synchronises:
            L.llama_synchronize(self._loaded.context)
            self._pace.took(max(1, len(guesses) + 2 - self._least_rows), time.perf_counter() - began)
        self._guesses = guesses
        self.row = 0 if guesses else -1

    def take_back(self, length: int) -> None:
        """Forget the text from token `length` (prompt included) on. Raises as `KvCache.append`."""
        del self._text[length:]
        if self._lookup is not None:
            self._lookup.cut(length)
        if not self.drop(length):
            self._evaluate(self._text)

    def drop(self, length: int) -> bool:
        """Take what was evaluated beyond `length` tokens out of the cache; see `KvCache.cut`."""
        if self._tried:
            self._pace.told(self._kind, self._tried, self._told)
        self._guesses, self._tried, self._told = [], 0, 0
        if self._cache.cut(length):
            return True
        self._may_guess, self._least_rows = False, 1
        return False

    def _guess(self, most: int) -> list[int]:
        self._kind = -1
        if most < 1 or not self._may_guess:
            return []
        if self._lookup is not None:
            kind, found = self._lookup.guess(most)
            if kind:
                length = self._pace.length(kind, most)
                if length:
                    self._kind = kind
                    return found[:length]
        if self._drafter is not None:
            length = self._pace.length(DRAFT_MODEL, most)
            if length:
                self._kind = DRAFT_MODEL
                return self._drafter.guess(self._text, length)
        return []

    def end(self) -> None:
        """The reply has ended, however: nothing that was only guessed stays in the cache."""
        if self._guesses:
            self.drop(len(self._text))

    def facts(self) -> dict[str, object]:
        """For `Reply.made_with`: how tokens were guessed, how many, and how many were right."""
        kinds = (["lookup"] if self._lookup is not None else []) + (["draft_model"] if self._drafter is not None else [])
        used = kinds if self._may_guess else []
        return {
            "speculation": "+".join(used) or "off",
            "drafted": sum(self.drafted.values()),
            "accepted": sum(self.accepted.values()),
        }
