"""Headers of the models in tests/data/fit/shapes.json: their published configs as GGUF facts, each with its source, and the
weights that follow from them. Only the larger weights are there: what a graphics card borrows is one of them."""

from __future__ import annotations

import json
from functools import lru_cache
from pathlib import Path
from typing import Any

from localstory.gguf.types import TENSOR_TYPES
from tests.fakes.model_headers import NUMBER_OF, ModelHeader, TensorPlan

TABLE = Path(__file__).parents[1] / "data" / "fit" / "shapes.json"
_MERGED_UP = ("chatglm", "phi3", "plamo2", "modern-bert")
"""Gate and up are one tensor."""
_MERGED_QKV = ("phi3", "mpt", "codeshell", "dbrx", "plamo2", "openelm", "modern-bert")
_NO_GATE = ("apertus", "mpt", "codeshell", "nemotron", "nemotron_h_moe")
_PLAIN = {
    "Q8_0": "Q8_0",
    "Q4_0": "Q4_0",
    "F16": "F16",
    "BF16": "BF16",
    "TQ2_0": "TQ2_0",
    "Q4_K_M": "Q4_K",
    "Q5_K_M": "Q5_K",
    "IQ1_M": "IQ1_M",
    "IQ1_S": "IQ1_S",
}
_INSTEAD = {"Q4_K": "Q5_0", "Q5_K": "Q5_1", "Q6_K": "Q8_0", "IQ1_M": "IQ4_NL", "IQ1_S": "IQ4_NL", "Q2_K": "Q4_0", "IQ2_XXS": "IQ4_NL", "TQ2_0": "Q4_0"}


@lru_cache(maxsize=1)
def table() -> dict[str, dict[str, Any]]:
    """Entries by file name, or by the name a log gives."""
    return {entry.get("file") or entry["log"]: entry for entry in json.loads(TABLE.read_text(encoding="utf-8"))}


@lru_cache(maxsize=128)
def published(name: str) -> ModelHeader:
    """The header of one entry. Unknown types ("?") are written as 16-bit and must not be measured."""
    entry = table()[name]
    arch, facts = entry["architecture"], entry["facts"]
    metadata: dict[str, Any] = {"general.architecture": arch, "general.name": name, "tokenizer.ggml.model": "no_vocab"}
    metadata |= {f"{arch}.{key}": value for key, value in facts.items()}
    return ModelHeader(metadata, tuple(_tensors(arch, facts, entry["quantisation"], bool(entry["tied"]))), int(facts["vocab_size"]))


def _tensors(arch: str, facts: dict[str, Any], quantisation: str, tied: bool) -> list[TensorPlan]:
    plain = _PLAIN.get(quantisation, "F16")
    layers, wide, vocabulary = facts["block_count"], facts["embedding_length"], facts["vocab_size"]
    plans: list[TensorPlan] = []

    def of_layer(key: str, layer: int) -> int:
        value = facts.get(key, 0)
        return int(value[layer] if isinstance(value, list) else value)

    def add(tensor: str, kind: str, *shape: int) -> None:
        if all(shape):
            fits = shape[0] % TENSOR_TYPES[NUMBER_OF[kind]].block_length == 0
            plans.append(TensorPlan(tensor, kind if fits else _INSTEAD.get(kind, "F16"), shape))

    gqa = of_layer("attention.head_count", 0) // max(1, of_layer("attention.head_count_kv", 0))
    output = {"Q4_K": "Q6_K", "Q5_K": "Q6_K", "IQ1_M": "Q5_K", "IQ1_S": "Q5_K", "TQ2_0": "Q6_K", "Q4_0": "Q6_K"}.get(plain, plain)
    add("token_embd.weight", output if tied else {"IQ1_M": "Q2_K", "IQ1_S": "Q2_K", "TQ2_0": "Q4_K"}.get(plain, plain), wide, vocabulary)
    if not tied:
        add("output.weight", output, wide, vocabulary)
    for layer in range(layers):
        block = f"blk.{layer}."
        # llama-quantize: use_more_bits, and i_ffn_down < n/8 for the smallest kinds.
        more = layer < layers // 8 or layer >= 7 * layers // 8 or (layer - layers // 8) % 3 == 2
        down = "Q6_K" if more and plain in ("Q4_K", "Q5_K") else "Q2_K" if layer < layers // 8 and plain in ("IQ1_M", "IQ1_S") else plain
        value = "Q6_K" if more and plain in ("Q4_K", "Q5_K") else plain
        if plain in ("IQ1_M", "IQ1_S"):
            value = "Q4_K" if gqa >= 4 or facts.get("expert_count", 0) >= 4 else "Q2_K"
        heads, kv_heads = of_layer("attention.head_count", layer), of_layer("attention.head_count_kv", layer)
        key_length = facts.get("attention.key_length") or (wide // heads if heads else 0)
        value_length = facts.get("attention.value_length") or (wide // heads if heads else 0)
        query, keys, values = heads * key_length, kv_heads * key_length, kv_heads * value_length
        if arch in _MERGED_QKV:
            add(block + "attn_qkv.weight", {"Q4_K": "Q5_K", "Q5_K": "Q6_K"}.get(plain, plain), wide, (query + keys + values) if kv_heads else 0)
        elif kv_heads and not facts.get("attention.key_length_mla"):
            add(block + "attn_q.weight", plain, wide, query)
            add(block + "attn_k.weight", plain, wide, keys)
            add(block + "attn_v.weight", value, wide, values)
        if kv_heads:
            add(block + "attn_output.weight", plain, heads * (facts.get("attention.value_length_mla") or value_length), wide)
        inner, state, groups = facts.get("ssm.inner_size", 0), facts.get("ssm.state_size", 0), facts.get("ssm.group_count", 0)
        if inner and not kv_heads and not (arch == "nemotron_h_moe" and of_layer("feed_forward_length", layer)):
            add(block + "ssm_in.weight", plain, wide, 2 * inner + 2 * groups * state)
            add(block + "ssm_out.weight", plain, inner, wide)
        _feed_forward(arch, facts, layer, add, block, plain, down, of_layer("feed_forward_length", layer))
    if arch == "gemma4":
        add("per_layer_token_embd.weight", output, facts["embedding_length_per_layer_input"] * layers, vocabulary)
    return plans


def _feed_forward(arch: str, facts: dict[str, Any], layer: int, add: Any, block: str, plain: str, down: str, width: int) -> None:
    wide = facts["embedding_length"]
    experts, expert_width = facts.get("expert_count", 0), facts.get("expert_feed_forward_length", 0)
    here = experts and layer >= facts.get("leading_dense_block_count", 0) and not (arch == "nemotron_h_moe" and not width)
    if here:
        if arch not in _NO_GATE:
            add(block + "ffn_gate_exps.weight", plain, wide, expert_width, experts)
        add(block + "ffn_up_exps.weight", plain, wide, expert_width, experts)
        add(block + "ffn_down_exps.weight", down, expert_width, wide, experts)
        return
    if arch in _MERGED_UP:
        add(block + "ffn_up.weight", plain, wide, 2 * width)
    else:
        if arch not in _NO_GATE:
            add(block + "ffn_gate.weight", plain, wide, width)
        add(block + "ffn_up.weight", plain, wide, width)
    add(block + "ffn_down.weight", down, width, wide)
