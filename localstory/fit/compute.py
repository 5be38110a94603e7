"""Working space: the buffer in which llama.cpp computes one batch, on each kind of device.

A device's buffer is as large as the worst moment of the graph that llama.cpp builds for the architecture (src/models/*.cpp,
src/llama-graph.cpp), as ggml's allocator lays it out (ggml/src/ggml-alloc.c: freed rows leave holes, unary operations work
in place): the feed-forward network, the attention, a state's scan, or the output. A row is one 32-bit number for every
token of a batch. Checked with llama.cpp itself (tests) and with published measurements on CUDA (python -m tests.bench.fit).
"""

from __future__ import annotations

from functools import lru_cache

from localstory.fit import architectures as known
from localstory.fit.context_params import ContextParams
from localstory.fit.kv import cells, streams
from localstory.fit.shape import ModelShape

PIPELINE_COPIES = 4
"""With two graphics cards or more, inputs are kept so often, to overlap batches (GGML_SCHED_MAX_COPIES)."""
_UNPACKED = ("f16",)


def batch_tokens(params: ContextParams) -> int:
    """Tokens evaluated at once."""
    return max(1, min(params.n_ubatch, params.n_batch, params.n_ctx))


def mask_bytes(shape: ModelShape, params: ContextParams) -> int:
    """Who may look at whom: cells by tokens, 16-bit with flash attention; one mask for each kind of cache."""
    tokens = batch_tokens(params)
    number = 2 if params.flash else 4
    if shape.architecture in known.ATTENDS_TO_BATCH_ONLY:
        return tokens * tokens * number * (1 + any(shape.swa))
    full, window = cells(shape, params)
    kinds = {swa for has, swa in zip(shape.has_cache, shape.swa, strict=True) if has}
    return sum(window if swa else full for swa in kinds) * tokens * number


def logits_bytes(shape: ModelShape, params: ContextParams) -> int:
    """Room for the answers of all tokens that may be asked for in one batch."""
    if shape.architecture in known.WRITES_NOTHING:
        return 0
    outputs = params.n_outputs_max or params.n_batch
    times = 2 if shape.architecture in known.ANSWERS_TWICE else 1
    return times * shape.vocabulary * 4 * min(batch_tokens(params), outputs)


def output_bytes(shape: ModelShape, params: ContextParams) -> int:
    """Where the answers of a batch end up, on the processor."""
    return shape.vocabulary * 4 * max(1, params.n_seq_max)


@lru_cache(maxsize=512)
def processor_bytes(shape: ModelShape, params: ContextParams) -> int:
    """The buffer where the processor computes everything."""
    row = 4 * batch_tokens(params)
    query, _keys, _values = _attention_widths(shape)
    base = mask_bytes(shape, params) + row * _always_there(shape)
    wide = shape.embedding
    worst = base + row * (_feed_forward_width(shape) + 3 * wide + query)
    if not params.flash:
        worst = max(worst, base + _scores_bytes(shape, params))
    return max(worst, base + _scan_bytes(shape, params), logits_bytes(shape, params) + 2 * wide * row)


@lru_cache(maxsize=512)
def graphics_bytes(shape: ModelShape, params: ContextParams, *, backend: str = "cuda", borrowed_bytes: int = 0, cards: int = 1) -> int:
    """The buffer of a graphics card that computes layers. `borrowed_bytes`: the weights it fetches from the processor;
    `cards`: how many share a model that is whole on graphics."""
    row = 4 * batch_tokens(params)
    query, keys, values = _attention_widths(shape)
    mask = mask_bytes(shape, params)
    base = mask + row * _always_there(shape)
    wide = shape.embedding
    parallel = 2 * wide if shape.architecture in known.PARALLEL else 0
    worst = base + row * (_feed_forward_width(shape) + 2 * wide + max(wide, query) + parallel)
    if params.flash:
        scratch = _unpacked_bytes(shape, params) if backend in ("cuda", "rocm") else 0
        latent = max(shape.heads, default=0) * (shape.key_length + shape.value_length) if shape.is_mla else 0
        worst = max(worst, base + scratch + row * (wide + max(2 * query, latent) + keys + values))
    else:
        worst = max(worst, base + _scores_bytes(shape, params))
    worst = max(worst, base + _scan_bytes(shape, params), logits_bytes(shape, params) + wide * row)
    # Inputs that each batch in the pipeline has its own copy of.
    copies = (PIPELINE_COPIES - 1) * (mask + wide * row) if cards > 1 else 0
    return worst + borrowed_bytes + copies


def host_bytes(shape: ModelShape, params: ContextParams) -> int:
    """The processor's buffer beside graphics that compute everything: the batch's embeddings, read and handed over, and the
    masks (Qwen2.5-7B at 16k: 30.01 MiB logged; Qwen3-Next at 128k: 136.02)."""
    row = 4 * batch_tokens(params)
    return 2 * row * shape.embedding * (1 + shape.deepstack) + row * _always_there(shape) + mask_bytes(shape, params)


def _always_there(shape: ModelShape) -> int:
    """Rows that stay from the first layer to the last: per-layer embeddings, pictures' features for single layers, and the
    other streams of a layer's input, as they are and as they are foretold."""
    streams = 2 * (known.ALTERNATING_STREAMS.get(shape.architecture, 1) - 1)
    return shape.embedding_per_layer * shape.layers + (shape.deepstack + streams) * shape.embedding


def _feed_forward_width(shape: ModelShape) -> int:
    """Width of all that is alive at once in the feed-forward network: gate, up and their product."""
    widest = max(shape.feed_forward, default=0)
    parts = 3
    if shape.architecture in known.NOT_GATED:
        parts = 1  # up alone; the activation works in place
    elif shape.architecture == "qwen":
        widest //= 2  # its feed_forward_length counts gate and up
    dense = parts * widest
    experts = 0
    if shape.is_moe and shape.expert_feed_forward:
        experts = parts * shape.experts_used * shape.expert_feed_forward
        # The experts' answers, before they are added up: in the hole that gate and up left, if it is large enough.
        if (parts - 1) * shape.expert_feed_forward < shape.embedding:
            experts += shape.experts_used * shape.embedding
        if shape.leading_dense == 0 and shape.architecture not in known.ONE_KIND_A_LAYER:
            dense = 0
    return max(dense, experts)


def _attention_widths(shape: ModelShape) -> tuple[int, int, int]:
    """Widths of queries, keys and values in the widest layer; in latent attention those of the expanded heads."""
    if shape.is_mla:
        return max(shape.heads, default=0) * shape.key_length_mla, shape.key_length, 0
    query = keys = values = 0
    for heads, kv, swa in zip(shape.heads, shape.kv_heads, shape.swa, strict=True):
        key, value = (shape.key_length_swa, shape.value_length_swa) if swa else (shape.key_length, shape.value_length)
        if heads * key > query:
            query, keys, values = heads * key, kv * key, kv * value
    return query, keys, values


def _scores_bytes(shape: ModelShape, params: ContextParams) -> int:
    """Without flash attention: every head's scores over the whole context, and what the attention needs beside them."""
    tokens, heads, wide = batch_tokens(params), max(shape.heads, default=0), shape.embedding
    query, keys, values = _attention_widths(shape)
    seen = tokens if shape.architecture in known.ATTENDS_TO_BATCH_ONLY else cells(shape, params)[0] * streams(params)
    if shape.is_mla:
        # Queries expanded and absorbed, and the answer in its latent form.
        beside = query + heads * (shape.key_length + shape.value_length) + 4 * wide
    else:
        beside = 2 * query + 3 * wide + keys + values + (query if shape.architecture.startswith("gemma") else 0)
    return 4 * tokens * (seen * heads + beside)


def _unpacked_bytes(shape: ModelShape, params: ContextParams) -> int:
    """Flash attention on CUDA: a layer's keys and values as 16-bit numbers, if they are not (ggml_cuda_flash_attn_ext_get_alloc_size).

    Heads whose keys and values differ in length are computed on the processor, except in latent attention.
    """
    if params.type_k in _UNPACKED and params.type_v in _UNPACKED:
        return 0
    full, window = cells(shape, params)
    most = 0
    for heads, swa, has in zip(shape.kv_heads, shape.swa, shape.has_cache, strict=True):
        key, value = (shape.key_length_swa, shape.value_length_swa) if swa else (shape.key_length, shape.value_length)
        if has and (key == value or shape.is_mla):
            unpacked = (0 if params.type_k in _UNPACKED else key) + (0 if shape.is_mla or params.type_v in _UNPACKED else value)
            most = max(most, (window if swa else full) * heads * unpacked)
    return 2 * most * streams(params)


def _scan_bytes(shape: ModelShape, params: ContextParams) -> int:
    """A recurrent layer's moment: its projections, the convolution's input and answer, the scan's answer with the new state.

    From the graphs in src/models/mamba-base.cpp (mamba2), delta-net-base.cpp and rwkv7-base.cpp.
    """
    if not any(shape.recurrent):
        return 0
    row, wide = 4 * batch_tokens(params), shape.embedding
    state = 4 * shape.recurrent_state * max(1, params.n_seq_max)
    if shape.wkv_head:
        # Six shifted mixtures of the input, and as much again while they are made; r, w, k, v, a, g and the answer.
        return row * (2 * 6 + 9) * wide + state
    if shape.kda_head:
        return row * (2 * wide + 7 * max(shape.heads) * shape.kda_head) + state
    if not shape.ssm_inner:
        return row * 8 * wide
    inner = shape.ssm_inner
    convolved = inner + 2 * shape.ssm_groups * shape.ssm_state
    if shape.architecture in known.GATED_DELTA:
        return row * (2 * wide + 3 * convolved + 2 * inner) + state
    projected = 2 * inner + (2 * shape.ssm_groups * shape.ssm_state + shape.ssm_heads if shape.ssm_groups else 0)
    return row * (2 * wide + projected + 2 * convolved + inner) + state
