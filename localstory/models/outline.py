"""A header built from a catalogue entry's facts, so that the fit check answers before anything is fetched.

Tensor names and shapes follow llama.cpp src/models/*.cpp (`load_arch_tensors`), their types src/llama-quant.cpp
(`llama_tensor_get_type_impl`, standard mixes without an importance matrix), as of llama-cpp-python 0.3.36. What is left
of the file's known size is the real header (the vocabulary, mostly). Where that can't be (a mix of its makers' own, a
size known only roughly), the sizes of the quantised tensors are stretched so that the sum is right: `size_bytes` of a
tensor may then differ from what its type and shape give.

To add an architecture: its line in `_LISTS`, a function that yields its tensors, an entry in models.toml; the tests
compare the sum with the published size.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from localstory.gguf.header import Array, Header, Tensor, Value
from localstory.gguf.types import FILE_TYPES, TENSOR_TYPES, TensorType
from localstory.models.quality import plain_name

ShapeValue: TypeAlias = int | float | bool | str | tuple[int, ...] | tuple[bool, ...]
Shape: TypeAlias = Mapping[str, ShapeValue]
"""GGUF's own keys without the architecture in front ("block_count"); `architecture`, `vocab_size` and `tied_embeddings` beside them."""

_ALIGNMENT = 32
_HEADER_BYTES_PER_TOKEN = (16, 96)
"""A header's length by the words of its vocabulary: SmolLM2 36, Gemma 3 25, Llama 3 61, Qwen 3 39; wider to be safe."""
_HEADER_BYTES_GUESS = 40
_HEADER_BYTES_BESIDE = 1 << 18

_BY_NAME = {kind.name: kind for kind in TENSOR_TYPES.values()}
_FILE_TYPE_NUMBERS = {name: number for number, name in FILE_TYPES.items()}

# The type most tensors of a mix have; what differs stands in `_type_of`.
_MAIN = {
    "F32": "F32", "F16": "F16", "BF16": "BF16", "Q8_0": "Q8_0", "Q6_K": "Q6_K", "Q5_K_M": "Q5_K", "Q5_K_S": "Q5_K", "Q5_0": "Q5_0", "Q5_1": "Q5_1",
    "Q4_K_M": "Q4_K", "Q4_K_S": "Q4_K", "Q4_0": "Q4_0", "Q4_1": "Q4_1", "IQ4_XS": "IQ4_XS", "IQ4_NL": "IQ4_NL", "Q3_K_L": "Q3_K", "Q3_K_M": "Q3_K",
    "Q3_K_S": "Q3_K", "IQ3_M": "IQ3_S", "IQ3_S": "IQ3_S", "IQ3_XS": "IQ3_S", "IQ3_XXS": "IQ3_XXS", "Q2_K": "Q2_K", "Q2_K_S": "Q2_K",
    "IQ2_M": "IQ2_S", "IQ2_S": "IQ2_XS", "IQ2_XS": "IQ2_XS", "IQ2_XXS": "IQ2_XXS", "IQ1_M": "IQ1_M", "IQ1_S": "IQ1_S", "MXFP4": "MXFP4",
}  # fmt: skip
_FALLBACK = {"Q4_K": "Q5_0", "Q5_K": "Q5_1", "Q6_K": "Q8_0", "Q3_K": "Q4_0", "Q2_K": "Q4_0"}
"""For rows that a block of 256 doesn't divide; the IQ types become IQ4_NL."""


@dataclass(frozen=True, slots=True)
class _Part:
    """A tensor before it has a type. `role` decides the type in a mix; "" stays F32."""

    name: str
    shape: tuple[int, ...]
    role: str = ""


def header_from_shape(
    shape: Shape, quantisation: str, file_bytes: int, *, name: str = "", licence: str = "", exact: bool = True, embedding_type: str = ""
) -> Header | None:
    """A header whose tensors are those of the model; None when the architecture or the mix is unknown here.

    `exact`: whether `file_bytes` is the file's true size. `embedding_type`: the type of the word table where its makers
    chose another than the mix does ("Q8_0"). Raises KeyError when the shape lacks what every model must say.
    """
    architecture = str(shape.get("architecture", ""))
    mix = plain_name(quantisation)
    make = _LISTS.get(architecture)
    if make is None or mix not in _MAIN:
        return None
    facts = _Facts(shape)
    typed = [(part, _BY_NAME[embedding_type] if embedding_type and part.role == "embedding" else _type_of(part, mix, facts)) for part in make(facts)]
    sizes = [_bytes_of(part.shape, kind) for part, kind in typed]
    data_bytes = sum(_padded(size) for size in sizes)
    header_bytes = file_bytes - data_bytes
    lowest, highest = (each * facts.vocabulary for each in _HEADER_BYTES_PER_TOKEN)
    if not (exact and lowest <= header_bytes <= highest + _HEADER_BYTES_BESIDE):
        header_bytes = _padded(facts.vocabulary * _HEADER_BYTES_GUESS + _HEADER_BYTES_BESIDE)
        sizes = _stretched(typed, sizes, file_bytes - header_bytes)
    tensors, offset = [], 0
    for (part, kind), size in zip(typed, sizes, strict=True):
        tensors.append(Tensor(part.name, part.shape, kind, offset, size))
        offset += _padded(size)
    metadata: dict[str, Value] = {"general.architecture": architecture, "general.type": "model", "general.name": name, "general.license": licence}
    file_type = _FILE_TYPE_NUMBERS.get("MXFP4_MOE" if mix == "MXFP4" else mix)
    if file_type is not None:
        metadata["general.file_type"] = file_type
    for key, value in shape.items():
        if key not in ("architecture", "tied_embeddings"):
            metadata[f"{architecture}.{key}"] = Array(len(value), value) if isinstance(value, tuple) else value
    if architecture == "gemma4":
        metadata["gemma4.attention.sliding_window_pattern"] = Array(facts.layers, facts.swa)
    return Header(3, metadata, tuple(tensors), _ALIGNMENT, file_bytes - offset)


def _padded(size: int) -> int:
    return -(-size // _ALIGNMENT) * _ALIGNMENT


def _bytes_of(shape: tuple[int, ...], kind: TensorType) -> int:
    rows = 1
    for length in shape[1:]:
        rows *= length
    return shape[0] // kind.block_length * kind.block_bytes * rows


def _stretched(typed: list[tuple[_Part, TensorType]], sizes: list[int], wanted: int) -> list[int]:
    """`sizes` with the quantised ones scaled so that all, padded, are `wanted` (to within one block of padding a tensor)."""
    fixed = sum(_padded(size) for (part, _kind), size in zip(typed, sizes, strict=True) if not part.role)
    loose = sum(_padded(size) for (part, _kind), size in zip(typed, sizes, strict=True) if part.role)
    factor = max(0.05, (wanted - fixed) / loose) if loose else 1.0
    scaled = [max(_ALIGNMENT, int(size * factor) // _ALIGNMENT * _ALIGNMENT) if part.role else size for (part, _kind), size in zip(typed, sizes, strict=True)]
    largest = max(range(len(scaled)), key=scaled.__getitem__)
    rest = (wanted - sum(_padded(size) for size in scaled)) // _ALIGNMENT * _ALIGNMENT
    scaled[largest] = max(_ALIGNMENT, scaled[largest] + rest)
    return scaled


class _Facts:
    """The shape's numbers, with llama.cpp's defaults, under short names. Raises KeyError for what every model must say."""

    def __init__(self, shape: Shape) -> None:
        self._shape = shape
        self.layers = self.must("block_count")
        self.embedding = self.must("embedding_length")
        self.vocabulary = self.must("vocab_size")
        self.heads = self.per_layer("attention.head_count")
        self.kv_heads = self.per_layer("attention.head_count_kv") or self.heads
        self.key = self.number("attention.key_length") or self.embedding // max(self.heads[0], 1)
        self.value = self.number("attention.value_length") or self.key
        self.key_swa = self.number("attention.key_length_swa") or self.key
        self.feed_forward = self.per_layer("feed_forward_length") or (0,) * self.layers
        self.experts = self.number("expert_count")
        self.expert_feed_forward = self.number("expert_feed_forward_length")
        self.tied = bool(shape.get("tied_embeddings", False))
        self.swa = self._swa()
        interval = self.number("full_attention_interval") or 4
        self.recurrent = tuple((layer + 1) % interval != 0 for layer in range(self.layers))

    def number(self, key: str) -> int:
        value = self._shape.get(key, 0)
        return value if isinstance(value, int) else 0

    def must(self, key: str) -> int:
        value = self._shape[key]
        if not isinstance(value, int) or value <= 0:
            raise KeyError(key)
        return value

    def per_layer(self, key: str) -> tuple[int, ...]:
        value = self._shape.get(key)
        if isinstance(value, tuple):
            return tuple(int(each) for each in value)
        return (value,) * self.layers if isinstance(value, int) else ()

    def _swa(self) -> tuple[bool, ...]:
        pattern = self._shape.get("attention.sliding_window_pattern", 0)
        if isinstance(pattern, tuple):
            return tuple(bool(each) for each in pattern)
        period = pattern if isinstance(pattern, int) else 0
        return tuple(period > 1 and layer % period < period - 1 for layer in range(self.layers))


# -- the types of a mix -----------------------------------------------------------------------------------------------


def _type_of(part: _Part, mix: str, facts: _Facts) -> TensorType:
    if not part.role:
        return _BY_NAME["F32"]
    name = _wanted_type(part, mix, facts)
    kind = _BY_NAME[name]
    if part.shape[0] % kind.block_length:
        kind = _BY_NAME[_FALLBACK.get(name, "IQ4_NL" if name.startswith("IQ") else "F16")]
        if part.shape[0] % kind.block_length:
            kind = _BY_NAME["F16"]
    return kind


def _wanted_type(part: _Part, mix: str, facts: _Facts) -> str:
    main, role, layer = _MAIN[mix], part.role, _layer_of(part.name)
    if mix == "MXFP4":
        return "MXFP4" if role in ("experts", "experts_down") else "Q8_0"
    if main in ("F32", "F16", "BF16", "Q8_0"):
        return main
    if role == "output" or (role == "embedding" and facts.tied):
        return "Q5_K" if mix.startswith(("IQ2", "IQ1", "IQ3_XXS")) else "Q6_K"
    many_queries = facts.heads[0] >= 4 * max(max(facts.kv_heads), 1)
    if role in ("value", "qkv"):
        main = _value_type(mix, main, many_queries, layer, facts.layers)
        if role == "qkv" and mix in ("Q3_K_M", "Q3_K_L", "IQ3_M"):
            main = {"Q3_K_M": main, "Q3_K_L": main, "IQ3_M": "Q4_K"}[mix]
        return main
    if role in ("down", "experts_down"):
        return _down_type(mix, main, layer, facts.layers)
    if role == "attention_output":
        return {"Q2_K": "Q3_K", "Q3_K_M": "Q4_K", "Q3_K_L": "Q5_K", "IQ3_M": "Q4_K", "IQ3_XXS": "IQ3_S"}.get(mix, main)
    return main


def _more_bits(layer: int, layers: int) -> bool:
    return layer < layers // 8 or layer >= 7 * layers // 8 or (layer - layers // 8) % 3 == 2


def _value_type(mix: str, main: str, many_queries: bool, layer: int, layers: int) -> str:
    if mix in ("Q4_K_M", "Q5_K_M"):
        return "Q6_K" if _more_bits(layer, layers) else main
    if mix == "Q4_K_S":
        return "Q5_K" if layer < 4 else main
    if mix == "Q3_K_M":
        return "Q5_K" if layer < 2 else "Q4_K"
    if mix in ("Q2_K", "Q2_K_S", "IQ3_XS", "IQ3_S", "IQ2_XXS", "IQ2_XS", "IQ2_S", "IQ2_M", "IQ1_S", "IQ1_M", "IQ3_XXS"):
        return "Q4_K" if many_queries else {"Q2_K": "Q3_K"}.get(mix, main)
    if mix in ("IQ4_NL", "IQ4_XS"):
        return "Q5_K" if many_queries else main
    return {"Q3_K_L": "Q5_K", "IQ3_M": "Q4_K"}.get(mix, main)


def _down_type(mix: str, main: str, layer: int, layers: int) -> str:
    if mix in ("Q4_K_M", "Q5_K_M"):
        return "Q6_K" if _more_bits(layer, layers) else main
    early = layer < layers // 8
    if mix == "Q3_K_M":
        return "Q5_K" if layer < layers // 16 else "Q4_K"
    if mix in ("Q4_K_S", "IQ4_NL", "IQ4_XS"):
        return "Q5_K" if early else main
    if mix == "IQ3_M":
        return "Q4_K" if early else main
    return {"Q2_K": "Q3_K", "Q3_K_L": "Q5_K"}.get(mix, main)


def _layer_of(name: str) -> int:
    return int(name.split(".")[1]) if name.startswith("blk.") else 0


# -- which tensors a model has ----------------------------------------------------------------------------------------


def _ends(facts: _Facts) -> Iterator[_Part]:
    yield _Part("token_embd.weight", (facts.embedding, facts.vocabulary), "embedding")
    if not facts.tied:
        yield _Part("output.weight", (facts.embedding, facts.vocabulary), "output")
    yield _Part("output_norm.weight", (facts.embedding,))


def _attention(facts: _Facts, layer: int, *, bias: bool = False, norms: bool = False, key: int = 0) -> Iterator[_Part]:
    block, head = f"blk.{layer}.", key or facts.key
    queries, keys, values = facts.heads[layer] * head, facts.kv_heads[layer] * head, facts.kv_heads[layer] * (key or facts.value)
    yield _Part(block + "attn_q.weight", (facts.embedding, queries), "attention")
    yield _Part(block + "attn_k.weight", (facts.embedding, keys), "attention")
    yield _Part(block + "attn_v.weight", (facts.embedding, values), "value")
    yield _Part(block + "attn_output.weight", (queries, facts.embedding), "attention_output")
    if bias:
        for letter, width in (("q", queries), ("k", keys), ("v", values)):
            yield _Part(f"{block}attn_{letter}.bias", (width,))
    if norms:
        yield _Part(block + "attn_q_norm.weight", (head,))
        yield _Part(block + "attn_k_norm.weight", (head,))


def _feed_forward(facts: _Facts, layer: int) -> Iterator[_Part]:
    block, width = f"blk.{layer}.", facts.feed_forward[layer]
    yield _Part(block + "ffn_gate.weight", (facts.embedding, width), "feed_forward")
    yield _Part(block + "ffn_up.weight", (facts.embedding, width), "feed_forward")
    yield _Part(block + "ffn_down.weight", (width, facts.embedding), "down")


def _experts(facts: _Facts, layer: int) -> Iterator[_Part]:
    block, width, count = f"blk.{layer}.", facts.expert_feed_forward, facts.experts
    yield _Part(block + "ffn_gate_inp.weight", (facts.embedding, count))
    yield _Part(block + "ffn_gate_exps.weight", (facts.embedding, width, count), "experts")
    yield _Part(block + "ffn_up_exps.weight", (facts.embedding, width, count), "experts")
    yield _Part(block + "ffn_down_exps.weight", (width, facts.embedding, count), "experts_down")


def _norms(facts: _Facts, layer: int, *names: str) -> Iterator[_Part]:
    for name in names:
        yield _Part(f"blk.{layer}.{name}.weight", (facts.embedding,))


def _dense(*, bias: bool = False, norms: bool = False, after: bool = False) -> Callable[[_Facts], Iterator[_Part]]:
    """llama and its kin: `bias` on queries, keys and values (Qwen 2), `norms` on heads (Qwen 3), norms also `after` (Gemma 3)."""

    def parts(facts: _Facts) -> Iterator[_Part]:
        yield from _ends(facts)
        if facts.number("rope_factors"):
            yield _Part("rope_freqs.weight", (facts.number("rope_factors"),))
        for layer in range(facts.layers):
            yield from _norms(facts, layer, "attn_norm", "ffn_norm", *(("post_attention_norm", "post_ffw_norm") if after else ()))
            yield from _attention(facts, layer, bias=bias, norms=norms)
            yield from _feed_forward(facts, layer)

    return parts


def _qwen3moe(facts: _Facts) -> Iterator[_Part]:
    yield from _ends(facts)
    for layer in range(facts.layers):
        yield from _norms(facts, layer, "attn_norm", "ffn_norm")
        yield from _attention(facts, layer, norms=True)
        yield from _experts(facts, layer)


def _qwen35(facts: _Facts) -> Iterator[_Part]:
    """Three layers of a gated delta net to one of attention; the dense and the mixture-of-experts kind."""
    state, groups, rank = facts.number("ssm.state_size"), facts.number("ssm.group_count"), facts.number("ssm.time_step_rank")
    keys, values, kernel = state * groups, state * rank, facts.number("ssm.conv_kernel")
    yield from _ends(facts)
    for layer in range(facts.layers):
        block = f"blk.{layer}."
        yield from _norms(facts, layer, "attn_norm", "post_attention_norm")
        if facts.recurrent[layer]:
            yield _Part(block + "attn_qkv.weight", (facts.embedding, 2 * keys + values), "qkv")
            yield _Part(block + "attn_gate.weight", (facts.embedding, values), "attention")
            yield _Part(block + "ssm_conv1d.weight", (kernel, 2 * keys + values))
            yield _Part(block + "ssm_dt.bias", (rank,))
            yield _Part(block + "ssm_a", (rank,))
            yield _Part(block + "ssm_beta.weight", (facts.embedding, rank), "attention")
            yield _Part(block + "ssm_alpha.weight", (facts.embedding, rank), "attention")
            yield _Part(block + "ssm_norm.weight", (state,))
            yield _Part(block + "ssm_out.weight", (values, facts.embedding), "attention")
        else:
            queries, kv = facts.heads[layer] * facts.key, facts.kv_heads[layer] * facts.key
            yield _Part(block + "attn_q.weight", (facts.embedding, 2 * queries), "attention")
            yield _Part(block + "attn_k.weight", (facts.embedding, kv), "attention")
            yield _Part(block + "attn_v.weight", (facts.embedding, kv), "value")
            yield _Part(block + "attn_output.weight", (queries, facts.embedding), "attention_output")
            yield _Part(block + "attn_q_norm.weight", (facts.key,))
            yield _Part(block + "attn_k_norm.weight", (facts.key,))
        if not facts.experts:
            yield from _feed_forward(facts, layer)
            continue
        shared = facts.number("expert_shared_feed_forward_length")
        yield from _experts(facts, layer)
        yield _Part(block + "ffn_gate_inp_shexp.weight", (facts.embedding,))
        yield _Part(block + "ffn_gate_shexp.weight", (facts.embedding, shared), "feed_forward")
        yield _Part(block + "ffn_up_shexp.weight", (facts.embedding, shared), "feed_forward")
        yield _Part(block + "ffn_down_shexp.weight", (shared, facts.embedding), "down")


def _gemma4(facts: _Facts) -> Iterator[_Part]:
    """Local layers with small heads, global ones with large; the E models carry an embedding for each layer."""
    per_layer = facts.number("embedding_length_per_layer_input")
    own_cache = facts.layers - facts.number("attention.shared_kv_layers")
    yield from _ends(facts)
    yield _Part("rope_freqs.weight", (facts.key // 2,))
    if per_layer:
        yield _Part("per_layer_token_embd.weight", (per_layer * facts.layers, facts.vocabulary), "embedding_per_layer")
        yield _Part("per_layer_model_proj.weight", (facts.embedding, per_layer * facts.layers), "projection")
        yield _Part("per_layer_proj_norm.weight", (per_layer,))
    for layer in range(facts.layers):
        block, local = f"blk.{layer}.", facts.swa[layer]
        key = facts.key_swa if local else facts.key
        queries, kv = facts.heads[layer] * key, facts.kv_heads[layer] * key
        yield from _norms(facts, layer, "attn_norm", "ffn_norm", "post_attention_norm", "post_ffw_norm")
        yield _Part(block + "attn_q.weight", (facts.embedding, queries), "attention")
        # Files keep the keys' weights also of layers that share another's cache.
        yield _Part(block + "attn_k.weight", (facts.embedding, kv), "attention")
        if local or own_cache < facts.layers:
            yield _Part(block + "attn_v.weight", (facts.embedding, kv), "value")
        yield _Part(block + "attn_output.weight", (queries, facts.embedding), "attention_output")
        yield _Part(block + "attn_q_norm.weight", (key,))
        yield _Part(block + "attn_k_norm.weight", (key,))
        yield _Part(block + "layer_output_scale.weight", (1,))
        yield from _feed_forward(facts, layer)
        if facts.experts:
            yield from _norms(facts, layer, "pre_ffw_norm_2", "post_ffw_norm_1", "post_ffw_norm_2")
            yield _Part(block + "ffn_gate_inp.scale", (facts.embedding,))
            yield _Part(block + "ffn_down_exps.scale", (facts.experts,))
            yield _Part(block + "ffn_gate_inp.weight", (facts.embedding, facts.experts))
            yield _Part(block + "ffn_gate_up_exps.weight", (facts.embedding, 2 * facts.expert_feed_forward, facts.experts), "experts")
            yield _Part(block + "ffn_down_exps.weight", (facts.expert_feed_forward, facts.embedding, facts.experts), "experts_down")
        if per_layer:
            yield _Part(block + "inp_gate.weight", (facts.embedding, per_layer), "feed_forward")
            yield _Part(block + "proj.weight", (per_layer, facts.embedding), "feed_forward")
            yield _Part(block + "post_norm.weight", (facts.embedding,))


def _gpt_oss(facts: _Facts) -> Iterator[_Part]:
    yield from _ends(facts)
    for layer in range(facts.layers):
        block = f"blk.{layer}."
        yield from _norms(facts, layer, "attn_norm", "post_attention_norm")
        yield from _attention(facts, layer, bias=True)
        yield _Part(block + "attn_output.bias", (facts.embedding,))
        yield _Part(block + "attn_sinks.weight", (facts.heads[layer],))
        yield from _experts(facts, layer)
        yield _Part(block + "ffn_gate_inp.bias", (facts.experts,))
        yield _Part(block + "ffn_gate_exps.bias", (facts.expert_feed_forward, facts.experts))
        yield _Part(block + "ffn_up_exps.bias", (facts.expert_feed_forward, facts.experts))
        yield _Part(block + "ffn_down_exps.bias", (facts.embedding, facts.experts))


def _phi3(facts: _Facts) -> Iterator[_Part]:
    """Queries, keys and values in one tensor; gate and up in another."""
    yield from _ends(facts)
    rotated = facts.number("rope.dimension_count") or facts.key
    if facts.number("rope_factors"):
        yield _Part("rope_factors_long.weight", (rotated // 2,))
        yield _Part("rope_factors_short.weight", (rotated // 2,))
    for layer in range(facts.layers):
        block, width = f"blk.{layer}.", facts.feed_forward[layer]
        yield from _norms(facts, layer, "attn_norm", "ffn_norm")
        qkv = (facts.heads[layer] + 2 * facts.kv_heads[layer]) * facts.key
        yield _Part(block + "attn_qkv.weight", (facts.embedding, qkv), "qkv")
        yield _Part(block + "attn_output.weight", (facts.embedding, facts.embedding), "attention_output")
        yield _Part(block + "ffn_up.weight", (facts.embedding, 2 * width), "feed_forward")
        yield _Part(block + "ffn_down.weight", (width, facts.embedding), "down")


def _starcoder2(facts: _Facts) -> Iterator[_Part]:
    yield from _ends(facts)
    yield _Part("output_norm.bias", (facts.embedding,))
    for layer in range(facts.layers):
        block, width = f"blk.{layer}.", facts.feed_forward[layer]
        yield from _norms(facts, layer, "attn_norm", "ffn_norm")
        for name in ("attn_norm", "ffn_norm", "attn_output", "ffn_down"):
            yield _Part(f"{block}{name}.bias", (facts.embedding,))
        yield from _attention(facts, layer, bias=True)
        yield _Part(block + "ffn_up.weight", (facts.embedding, width), "feed_forward")
        yield _Part(block + "ffn_up.bias", (width,))
        yield _Part(block + "ffn_down.weight", (width, facts.embedding), "down")


_LISTS: dict[str, Callable[[_Facts], Iterator[_Part]]] = {
    "llama": _dense(),
    "mistral3": _dense(),
    "smollm3": _dense(),
    "granite": _dense(),
    "qwen2": _dense(bias=True),
    "qwen3": _dense(norms=True),
    "gemma3": _dense(norms=True, after=True),
    "qwen3moe": _qwen3moe,
    "qwen35": _qwen35,
    "qwen35moe": _qwen35,
    "gemma4": _gemma4,
    "gpt-oss": _gpt_oss,
    "phi3": _phi3,
    "starcoder2": _starcoder2,
}

ARCHITECTURES = tuple(_LISTS)
"""Those a header can be built for."""
