"""The KV cache: what the context has evaluated, and how a new prompt uses as much of it as it may. Child only."""

from __future__ import annotations

import llama_cpp.llama_cpp as L

from localstory.children.worker import Cancelled, Job, Refused
from localstory.engines.text.loaded import LoadedModel, last_error
from localstory.fit.context_params import BATCH_TOKENS

_ABORTED = 2  # llama_decode: "aborted (processed ubatches will remain in the context's memory)"


class KvCache:
    """One sequence whose evaluated tokens are reused by the next request."""

    def __init__(self, loaded: LoadedModel) -> None:
        self._loaded = loaded
        self.tokens: list[int] = []
        """What the cache holds."""
        self.settings_key = ""
        """What besides tokens the cache's numbers depend on (adapters and their strengths). Set it before `evaluate`: what was
        evaluated under another key is not used."""
        self._evaluated_under = ""
        self._aligned = 0  # how many of them, from the start, were evaluated in whole batches as a cold run would
        self._batch = L.llama_batch_init(BATCH_TOKENS, 0, 1)

    def free(self) -> None:
        """Give the batch back; the cache itself belongs to the context."""
        L.llama_batch_free(self._batch)

    def append(self, token: int) -> None:
        """Evaluate the next token; its logits are there afterwards. Raises Cancelled, Refused."""
        self._decode([token], len(self.tokens))
        self.tokens.append(token)

    def append_many(self, tokens: list[int]) -> None:
        """Evaluate the next tokens (at most `LoadedModel.outputs`) in one batch; logits 0, 1, … belong to them in order. Raises as `append`."""
        self._decode(tokens, len(self.tokens), outputs=len(tokens))
        self.tokens += tokens

    def _decode(self, tokens: list[int], start: int, outputs: int = 1) -> None:
        """Evaluate at most BATCH_TOKENS tokens at positions from `start`; the last `outputs` get logits. Raises Cancelled."""
        batch = self._batch
        batch.n_tokens = len(tokens)
        for index, token in enumerate(tokens):
            batch.token[index] = token
            batch.pos[index] = start + index
            batch.n_seq_id[index] = 1
            batch.seq_id[index][0] = 0
            batch.logits[index] = index >= len(tokens) - outputs
        status = L.llama_decode(self._loaded.context, batch)
        if status == 0:
            return
        # Part of the batch may be in the cache, and we can't tell which: forget it all.
        L.llama_memory_clear(self._loaded.memory, True)
        self.tokens, self._aligned = [], 0
        if status == _ABORTED:
            raise Cancelled
        raise Refused("decode_failed", status=int(status), reason=last_error())

    def evaluate(self, tokens: list[int], job: Job, exact: bool) -> int:
        """Bring the KV cache to exactly `tokens`, with logits for the last; returns how many were there already.

        `exact` reuses only what a cold run would have evaluated in the same batches: with flash attention another split
        gives slightly other logits, and the same seed must give the same text.
        """
        common = 0
        if self._evaluated_under != self.settings_key:
            self._evaluated_under = self.settings_key
            self.cut(0)
        for have, want in zip(self.tokens, tokens[:-1], strict=False):  # the last one is always evaluated: its logits are needed
            if have != want:
                break
            common += 1
        if exact:
            common = min(common, self._aligned) // BATCH_TOKENS * BATCH_TOKENS
        if not self.cut(common):
            common = 0
        self.tokens = tokens[:common]
        self._aligned = min(self._aligned, common // BATCH_TOKENS * BATCH_TOKENS)
        for start in range(common, len(tokens), BATCH_TOKENS):
            job.check()
            part = tokens[start : start + BATCH_TOKENS]
            self._decode(part, start)
            self.tokens = tokens[: start + len(part)]
            if start == self._aligned and len(part) == BATCH_TOKENS:
                self._aligned += BATCH_TOKENS
            job.progress("prompt", start + len(part) - common, len(tokens) - common)
        return common

    def cut(self, length: int) -> bool:
        """Forget all tokens of the KV cache from position `length`; False when that is not possible and all is forgotten."""
        if length >= len(self.tokens):
            return True
        # A sliding-window cache keeps little more than its window: it can't go back to where that began before what is kept.
        oldest = int(L.llama_memory_seq_pos_min(self._loaded.memory, 0)) if self._loaded.n_swa else 0
        if oldest <= max(0, length - self._loaded.n_swa) and L.llama_memory_seq_rm(self._loaded.memory, 0, length, -1):
            del self.tokens[length:]
            return True
        L.llama_memory_clear(self._loaded.memory, True)  # recurrent caches can't go back either
        self.tokens, self._aligned = [], 0
        return False
