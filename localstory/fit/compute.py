"""Working space: the buffer in which llama.cpp computes one batch, on each kind of device.

Each device's buffer is as large as the worst moment of the graph that llama.cpp builds for the architecture: the
feed-forward network, the attention, or the output. u is the size of one row of 32-bit numbers for all tokens of a batch.
"""

from __future__ import annotations

from localstory.fit.context_params import ContextParams
from localstory.fit.kv import cells, streams
from localstory.fit.shape import ModelShape

PIPELINE_COPIES = 4
"""With two graphics cards or more, inputs are kept so often, to overlap batches (GGML_SCHED_MAX_COPIES)."""


def batch_tokens(params: ContextParams) -> int:
    """Tokens evaluated at once."""
    return min(params.n_ubatch, params.n_batch, params.n_ctx)


def mask_bytes(shape: ModelShape, params: ContextParams) -> int:
    """Who may look at whom: cells by tokens, 16-bit with flash attention; one mask for each kind of cache."""
    if not any(shape.has_cache):
        return 0
    full, window = cells(shape, params)
    used = [full] if any(has and not swa for has, swa in zip(shape.has_cache, shape.swa, strict=True)) else []
    used += [window] if any(has and swa for has, swa in zip(shape.has_cache, shape.swa, strict=True)) else []
    return sum(used) * batch_tokens(params) * (2 if params.flash else 4)


def logits_bytes(shape: ModelShape, params: ContextParams) -> int:
    """Room for the answers of all tokens that may be asked for in one batch."""
    outputs = params.n_outputs_max or params.n_batch
    return shape.vocabulary * 4 * min(batch_tokens(params), outputs)


def _feed_forward_rows(shape: ModelShape) -> int:
    """Width of what is alive at once in the feed-forward network: gate, up and their product."""
    dense = 3 * max(shape.feed_forward, default=0)
    if not shape.is_moe or not shape.expert_feed_forward:
        return dense
    wide = 3 * shape.experts_used * shape.expert_feed_forward
    if 2 * shape.expert_feed_forward < shape.embedding:
        wide += shape.experts_used * shape.embedding
    return max(wide, dense) if shape.leading_dense else wide


def processor_bytes(shape: ModelShape, params: ContextParams) -> int:
    """The buffer where the processor computes everything."""
    row = 4 * batch_tokens(params)
    query, keys, values = _attention_rows(shape)
    mask = mask_bytes(shape, params)
    worst = mask + row * (_feed_forward_rows(shape) + 3 * shape.embedding + query)
    if not params.flash:
        worst = max(worst, _scores_bytes(shape, params, mask, query, keys, values))
    return max(worst, logits_bytes(shape, params) + 2 * shape.embedding * row)


def graphics_bytes(shape: ModelShape, params: ContextParams, *, borrowed_bytes: int = 0) -> int:
    """The buffer of a graphics card that computes layers. `borrowed_bytes`: the largest weight it fetches from the processor."""
    row = 4 * batch_tokens(params)
    query, keys, values = _attention_rows(shape)
    mask = mask_bytes(shape, params)
    worst = mask + row * (_feed_forward_rows(shape) + 2 * shape.embedding + max(shape.embedding, query))
    if not params.flash:
        worst = max(worst, _scores_bytes(shape, params, mask, query, keys, values))
    return max(worst, logits_bytes(shape, params) + shape.embedding * row) + borrowed_bytes


def host_bytes(shape: ModelShape, params: ContextParams) -> int:
    """The processor's buffer beside graphics that compute everything: the batch's embeddings and the masks."""
    return 4 * batch_tokens(params) * shape.embedding + mask_bytes(shape, params)


def output_bytes(shape: ModelShape, params: ContextParams) -> int:
    """Where the answers of a batch end up, on the processor."""
    return shape.vocabulary * 4 * max(1, params.n_seq_max)


def _attention_rows(shape: ModelShape) -> tuple[int, int, int]:
    """Widths of queries, keys and values in the widest layer."""
    query = keys = values = 0
    for heads, kv, swa in zip(shape.heads, shape.kv_heads, shape.swa, strict=True):
        key, value = (shape.key_length_swa, shape.value_length_swa) if swa else (shape.key_length, shape.value_length)
        if heads * key > query:
            query, keys, values = heads * key, kv * key, kv * value
    return query, keys, values


def _scores_bytes(shape: ModelShape, params: ContextParams, mask: int, query: int, keys: int, values: int) -> int:
    """Without flash attention: every head's scores over the whole context."""
    row = 4 * batch_tokens(params)
    extra = query if shape.architecture.startswith("gemma") else 0
    full, _window = cells(shape, params)
    return full * streams(params) * row * max(shape.heads) + mask + row * (2 * query + 3 * shape.embedding + keys + values + extra)
