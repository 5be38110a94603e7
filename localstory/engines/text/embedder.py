"""Texts as vectors by the loaded model: a second context beside the one that writes. Child only."""

from __future__ import annotations

from typing import Any

import llama_cpp.llama_cpp as L
import numpy as np
import numpy.typing as npt

from localstory.children.worker import Cancelled, Job, Refused
from localstory.engines.text.embeddings import packed
from localstory.engines.text.loaded import LoadedModel, last_error

_NONE, _MEAN, _LAST, _RANK = 0, 1, 3, 4  # enum llama_pooling_type
_ABORTED = 2
_BATCH_TOKENS = 512
_ANSWER_BYTES = 64 << 20
"""A context that embeds answers every token with logits too, whether we want them or not: large vocabularies get small batches."""
_STEP = 256
_MOST_AT_ONCE = 8192
"""The longest text for models that look at it as a whole: their working space grows with it."""


class Embedder:
    """Turns texts into vectors. Each text is evaluated by itself, in batches that depend on nothing else: same text, same vector.

    Models that read from left to right are pooled here, batch by batch (mean where the file names no way); models that look at a
    text as a whole are pooled by llama.cpp. The context is made at the first need and as long as the longest text needs.
    """

    def __init__(self, loaded: LoadedModel) -> None:
        self._loaded = loaded
        self._context: Any = None
        self._length = 0
        self._batch: Any = None
        architecture = loaded.fact("general.architecture")
        given = loaded.fact(f"{architecture}.pooling_type")
        self._pooling = int(given) if given.isdigit() and int(given) != _NONE else _MEAN
        self._as_a_whole = not loaded.memory or loaded.fact(f"{architecture}.attention.causal") == "false"
        self._n_embd = int(L.llama_model_n_embd_out(loaded.model))
        room = _ANSWER_BYTES // (4 * max(1, loaded.n_vocab))
        self._n_batch = max(16, min(_BATCH_TOKENS, room // 16 * 16))

    @property
    def window(self) -> int:
        """The most tokens of one text, the model's own begin and end marks among them."""
        return min(self._loaded.trained_context or _MOST_AT_ONCE, _MOST_AT_ONCE) if self._as_a_whole else self._loaded.n_ctx

    def free(self) -> None:
        """Give the context back; the next text makes another. Freeing twice is harmless."""
        if self._context:
            L.llama_free(self._context)
        if self._batch is not None:
            L.llama_batch_free(self._batch)
        self._context = self._batch = None
        self._length = 0

    def embed(self, texts: list[str], job: Job) -> dict[str, object]:
        """`vectors` (packed, one for each text, length 1) and `tokens`. Raises Refused (prompt_too_long, ranks_only, no_context), Cancelled."""
        if self._pooling == _RANK:
            raise Refused("ranks_only")
        all_tokens = [self._loaded.tokenise(text, special=False, add_special=True) for text in texts]
        for tokens in all_tokens:
            if len(tokens) > self.window:
                raise Refused("prompt_too_long", prompt_tokens=len(tokens), context_length=self.window)
        if all_tokens:
            self._make_context(max(len(tokens) for tokens in all_tokens))
        total, done, vectors = sum(len(tokens) for tokens in all_tokens), 0, []
        for tokens in all_tokens:
            job.check()
            vector = self._as_whole(tokens) if self._as_a_whole else self._in_parts(tokens, job)
            length = float(np.linalg.norm(vector))
            if not np.isfinite(length) or length <= 0:
                raise Refused("no_vector")
            vectors.append(packed((vector / length).astype(np.float32).tolist()))
            done += len(tokens)
            job.progress("prompt", done, total)
        return {"vectors": vectors, "tokens": total}

    def _make_context(self, tokens: int) -> None:
        wanted = min(-(-max(tokens, 1) // _STEP) * _STEP, -(-self.window // _STEP) * _STEP)
        if self._context and wanted <= self._length:
            return
        self.free()
        params = L.llama_context_default_params()
        params.n_ctx = wanted
        params.n_batch = params.n_ubatch = wanted if self._as_a_whole else min(self._n_batch, wanted)
        params.n_seq_max = 1
        params.embeddings = True
        params.pooling_type = self._pooling if self._as_a_whole else _NONE
        params.n_threads = params.n_threads_batch = self._loaded.threads
        params.abort_callback = self._loaded.abort_callback
        params.no_perf = True
        self._context = L.llama_init_from_model(self._loaded.model, params)
        if not self._context:
            self._context = None
            raise Refused("no_context", reason=last_error(), context_length=wanted)
        self._batch = L.llama_batch_init(int(params.n_batch), 0, 1)
        self._length = wanted

    def _fill(self, tokens: list[int], start: int) -> None:
        batch = self._batch
        batch.n_tokens = len(tokens)
        for index, token in enumerate(tokens):
            batch.token[index] = token
            batch.pos[index] = start + index
            batch.n_seq_id[index] = 1
            batch.seq_id[index][0] = 0
            batch.logits[index] = 1

    def _check(self, status: int) -> None:
        if status == _ABORTED:
            raise Cancelled
        if status != 0:
            raise Refused("decode_failed", status=int(status), reason=last_error())

    def _as_whole(self, tokens: list[int]) -> npt.NDArray[np.float64]:
        """Shape (n_embd,), as llama.cpp pools it."""
        self._fill(tokens, 0)
        memory = L.llama_get_memory(self._context)
        if memory:
            L.llama_memory_clear(memory, True)
        self._check((L.llama_decode if memory else L.llama_encode)(self._context, self._batch))
        return np.ctypeslib.as_array(L.llama_get_embeddings_seq(self._context, 0), (self._n_embd,)).astype(np.float64)

    def _in_parts(self, tokens: list[int], job: Job) -> npt.NDArray[np.float64]:
        """Shape (n_embd,): the mean, the first or the last of the tokens' last hidden states."""
        L.llama_memory_clear(L.llama_get_memory(self._context), True)
        total = np.zeros(self._n_embd, np.float64)
        first = last = total
        for start in range(0, len(tokens), self._n_batch):
            job.check()
            part = tokens[start : start + self._n_batch]
            self._fill(part, start)
            self._check(L.llama_decode(self._context, self._batch))
            states = np.ctypeslib.as_array(L.llama_get_embeddings(self._context), (len(part), self._n_embd)).astype(np.float64)
            total = total + states.sum(axis=0)
            first, last = (states[0] if start == 0 else first), states[-1]
        if self._pooling == _LAST:
            return last
        return total / len(tokens) if self._pooling == _MEAN else first  # CLS is the first
