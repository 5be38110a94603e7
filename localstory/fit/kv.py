"""What a conversation takes: the keys and values of every layer that keeps them, and the states of those that don't.

Sources, in llama.cpp: src/llama-kv-cache.cpp and src/llama-kv-cache-iswa.cpp (cells, widths), src/llama-context.cpp
(n_ctx_seq), src/llama-memory-recurrent.cpp (states), src/llama-hparams.cpp (n_embd_r, n_embd_s). The tests ask llama.cpp itself
for over 60 architectures: equal. Not here, but in the dry run: the compressed caches of deepseek4 and the index keys of sparse
attention (deepseek32, glm-dsa, minimax-m3 and their like).
"""

from __future__ import annotations

from localstory.fit.context_params import KV_TYPES, ContextParams
from localstory.fit.shape import ModelShape
from localstory.gguf.types import TENSOR_TYPES

_PAD = 256


def padded(count: int, step: int = _PAD) -> int:
    """`count` rounded up to a multiple of `step`."""
    return -(-count // step) * step


def row_bytes(kv_type: str, width: int) -> int:
    """Bytes of one row of `width` numbers of the cache; a started block counts whole."""
    kind = TENSOR_TYPES[KV_TYPES[kv_type]]
    return -(-width // kind.block_length) * kind.block_bytes


def cells(shape: ModelShape, params: ContextParams) -> tuple[int, int]:
    """Cells of one stream for layers that look at everything, and for those with a sliding window."""
    sequences = max(1, params.n_seq_max)
    full = padded(params.n_ctx) if params.kv_unified else padded(padded(params.n_ctx) // sequences)
    if params.swa_full or not any(shape.swa):
        return full, full
    return full, padded(min(full, shape.sliding_window * (sequences if params.kv_unified else 1) + params.n_ubatch))


def streams(params: ContextParams) -> int:
    """Sequences that have cells of their own."""
    return 1 if params.kv_unified else max(1, params.n_seq_max)


def cache_bytes_by_layer(shape: ModelShape, params: ContextParams) -> tuple[int, ...]:
    """Bytes of keys and values per layer (`layers_all` entries)."""
    full, window = cells(shape, params)
    per_cell = cell_bytes_by_layer(shape, params)
    count = streams(params)
    return tuple(size * (window if windowed else full) * count for size, windowed in zip(per_cell, shape.swa, strict=True))


def cell_bytes_by_layer(shape: ModelShape, params: ContextParams) -> tuple[int, ...]:
    """Bytes that one token takes in each layer's cache."""
    widest = 0
    if not params.flash:
        # Without flash attention the values lie transposed, and all layers get the widest layer's room.
        widest = max(heads * (shape.value_length_swa if swa else shape.value_length) for heads, swa in zip(shape.kv_heads, shape.swa, strict=True))
    sizes = []
    known: dict[tuple[int, bool], int] = {}
    for heads, swa, has in zip(shape.kv_heads, shape.swa, shape.has_cache, strict=True):
        if not has:
            sizes.append(0)
            continue
        size = known.get((heads, swa))
        if size is None:
            key, value = (shape.key_length_swa, shape.value_length_swa) if swa else (shape.key_length, shape.value_length)
            size = row_bytes(params.type_k, heads * key)
            if not shape.is_mla:
                size += row_bytes(params.type_v, widest or heads * value)
            known[heads, swa] = size
        sizes.append(size)
    return tuple(sizes)


def state_bytes_by_layer(shape: ModelShape, params: ContextParams) -> tuple[int, ...]:
    """Bytes of the states per layer: 32-bit numbers, one row for each sequence, whatever the context."""
    size = (shape.recurrent_row + shape.recurrent_state) * 4 * max(1, params.n_seq_max)
    return tuple(size if recurrent else 0 for recurrent in shape.recurrent)
