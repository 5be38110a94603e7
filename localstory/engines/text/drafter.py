"""A draft model: a small model with the same vocabulary, in the same child, that guesses what the large one will write. Child only.

Source: Y. Leviathan, M. Kalman, Y. Matias, "Fast Inference from Transformers via Speculative Decoding" (2023); here guesses are greedy
and count only when the large model's own choice is the same token.
"""

from __future__ import annotations

from typing import Any

import llama_cpp.llama_cpp as L
import numpy as np

from localstory.children.worker import Cancelled, Job, Refused
from localstory.engines.text.loaded import LoadedModel, last_error
from localstory.fit.context_params import BATCH_TOKENS

_ABORTED = 2

_LEAST_LEAD = 0.7
"""Natural logarithms between the best two guesses; nearer ones are right too seldom to pay for their row."""


class DraftModel:
    """Its own model, context and cache. `job` as in LoadedModel: cancelling aborts it within a batch."""

    def __init__(self, args: dict[str, Any], job: Job, writer: LoadedModel) -> None:
        """`args` as for the writer's own load. Raises as LoadedModel, and Refused("other_vocabulary")."""
        self.model = LoadedModel(args, job)
        self.model.job = None
        if not self.model.can_go_back or not _same_vocabulary(self.model, writer):
            self.model.free()
            raise Refused("other_vocabulary", path=str(args["path"]))
        self._batch = L.llama_batch_init(BATCH_TOKENS, 0, 1)
        self._tokens: list[int] = []

    def free(self) -> None:
        """Give the memory back. Once."""
        L.llama_batch_free(self._batch)
        self.model.free()

    def guess(self, tokens: list[int], most: int) -> list[int]:
        """At most `most` tokens that may follow `tokens`: greedy, until the model is no longer sure. Raises Cancelled."""
        if len(tokens) + most >= self.model.n_ctx:
            return []
        # What it guessed wrong last time is cut here; a whole prompt is read at the first guess.
        self._read(tokens)
        guesses: list[int] = []
        while True:
            logits = self.model.logits(-1)
            best = int(np.argmax(logits))
            top = float(logits[best])
            second = max(float(logits[:best].max(initial=-np.inf)), float(logits[best + 1 :].max(initial=-np.inf)))
            if top - second < _LEAST_LEAD or L.llama_vocab_is_eog(self.model.vocab, best):
                return guesses
            guesses.append(best)
            if len(guesses) == most:
                return guesses
            self._decode([best])

    def _read(self, tokens: list[int]) -> None:
        common = next((at for at, (have, want) in enumerate(zip(self._tokens, tokens, strict=False)) if have != want), min(len(self._tokens), len(tokens)))
        common = min(common, len(tokens) - 1)  # the last one is always evaluated: its logits are needed
        window = self.model.n_swa
        oldest = int(L.llama_memory_seq_pos_min(self.model.memory, 0)) if window else 0
        if oldest > max(0, common - window) or not L.llama_memory_seq_rm(self.model.memory, 0, common, -1):
            L.llama_memory_clear(self.model.memory, True)
            common = 0
        del self._tokens[common:]
        for start in range(common, len(tokens), BATCH_TOKENS):
            self._decode(tokens[start : start + BATCH_TOKENS])

    def _decode(self, tokens: list[int]) -> None:
        """Evaluate the next tokens; the last one gets logits. Raises Cancelled, Refused."""
        batch, start = self._batch, len(self._tokens)
        batch.n_tokens = len(tokens)
        for index, token in enumerate(tokens):
            batch.token[index] = token
            batch.pos[index] = start + index
            batch.n_seq_id[index] = 1
            batch.seq_id[index][0] = 0
            batch.logits[index] = index == len(tokens) - 1
        status = L.llama_decode(self.model.context, batch)
        if status == 0:
            self._tokens += tokens
            return
        L.llama_memory_clear(self.model.memory, True)
        self._tokens = []
        if status == _ABORTED:
            raise Cancelled
        raise Refused("decode_failed", status=int(status), reason=last_error())


def _same_vocabulary(one: LoadedModel, other: LoadedModel) -> bool:
    if one.n_vocab != other.n_vocab or int(L.llama_vocab_type(one.vocab)) != int(L.llama_vocab_type(other.vocab)):
        return False
    return all(L.llama_vocab_get_text(one.vocab, token) == L.llama_vocab_get_text(other.vocab, token) for token in range(one.n_vocab))
