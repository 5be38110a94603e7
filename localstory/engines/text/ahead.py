"""Evaluating ahead: guessed tokens go into the cache with the sure one, and those that were wrong are taken out again. Child only.

Every token is still chosen by the sampler chain from the model's own logits at its place; a guess only counts when it is the token
chosen. So what is written has the model's own distribution, with grammar, penalties, logprobs and stop texts as ever.

Logits depend a little on how many rows are evaluated together, without flash attention too: on two cores a row alone differs from
one among eight by up to 0.8 (SmolLM2 Q4_1) and 3.9 (Gemma 3 Q4_K_M), and which numbers of rows agree is another rule for each kind
of weights (llama.cpp's repacked kernels take four and eight rows at once). So a person who turned flash attention off, to have the
same text always, gets every token evaluated alone, with guesses asked for or not.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from typing import Protocol

import llama_cpp.llama_cpp as L

from localstory.children.worker import Refused
from localstory.engines.text.kv_cache import KvCache
from localstory.engines.text.loaded import LoadedModel
from localstory.engines.text.speculation import Lookup, Pace

DRAFT_MODEL = 0
"""The kind of a draft model's guesses, beside the lengths of matches."""


class Drafter(Protocol):
    """A draft model."""

    def guess(self, tokens: list[int], most: int) -> list[int]:
        """At most `most` tokens that may follow `tokens`. Raises Refused when it can't go on: the reply does, without it."""


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
        asked: bool = False,
    ) -> None:
        """`evaluate` brings the cache to these tokens when it could not go back. `asked`: the person wants guesses, it is no default."""
        self._asked = asked
        self._loaded, self._cache, self._evaluate = loaded, cache, evaluate
        self._text = list(prompt)
        self._guesses: list[int] = []  # evaluated behind the token last written, not yet chosen
        self._kind = -1
        self._told = self._tried = 0
        self._lookup = Lookup(prompt) if lookup else None
        self._drafter = drafter
        self._draft_trouble: str | None = None
        self._pace = Pace(timed=timed)
        self._may_guess = loaded.can_go_back and loaded.outputs > 1 and not loaded.one_by_one
        self._guessed = self._may_guess and (lookup or drafter is not None)
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
        if guesses:
            self._cache.append_many([token, *guesses])
        else:
            self._cache.append(token)
        if self._guessed:
            L.llama_synchronize(self._loaded.context)
            self._pace.took(len(guesses) + 1, time.perf_counter() - began)
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
        self._may_guess = False
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
                try:
                    found = self._drafter.guess(self._text, length)
                except (Refused, MemoryError) as trouble:
                    self._drafter, self._draft_trouble = None, str(trouble) or "out of memory"
                    return []
                self._kind = DRAFT_MODEL
                return found
        return []

    def end(self) -> None:
        """The reply has ended, however: nothing that was only guessed stays in the cache."""
        if self._guesses:
            self.drop(len(self._text))

    def notices(self) -> list[tuple[str, dict[str, str]]]:
        """What the person should know; see `conversation.warnings_of`."""
        told: list[tuple[str, dict[str, str]]] = [("no_guesses", {})] if self._asked and self._loaded.one_by_one else []
        if self._draft_trouble is not None:
            told.append(("draft_failed", {}))
        return told

    def facts(self) -> dict[str, object]:
        """For `Reply.made_with`: how tokens were guessed, how many, and how many were right."""
        kinds = (["lookup"] if self._lookup is not None else []) + (["draft_model"] if self._drafter is not None or self._draft_trouble is not None else [])
        used = kinds if self._guessed else []
        facts: dict[str, object] = {
            "speculation": "+".join(used) or "off",
            "drafted": sum(self.drafted.values()),
            "accepted": sum(self.accepted.values()),
        }
        return facts if self._draft_trouble is None else facts | {"draft_trouble": self._draft_trouble}
