"""Headers of real models, made by hand: the facts of their published configs and the tensors that llama.cpp's converter
writes for them, with no weights behind. `MODELS` are the ones whose memory llama.cpp itself was asked for (tests/data/fit/memory.csv).

    made = model("qwen3-8b")                # or model("qwen3-8b", quantisation="Q8_0")
    made.write(path)                        # a file of the true size whose data part is sparse
    made.write(path, vocabulary=True)       # with a tokenizer of as many tokens as the model has
    made.header()                           # read back by localstory's own reader
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

from localstory.gguf.header import Header, read_header
from localstory.gguf.types import TENSOR_TYPES
from tests.fakes.gguf_files import BOOL, F32, I32, STRING, U32, array, pair, tensor

NUMBER_OF = {kind.name: number for number, kind in TENSOR_TYPES.items()}
FILE_TYPE_OF = {"F16": 1, "Q4_0": 2, "Q8_0": 7, "Q4_K_M": 15}
ALIGNMENT = 32


class TensorPlan(NamedTuple):
    """A tensor to be written: name, type by name, shape with the row length first."""

    name: str
    type: str
    shape: tuple[int, ...]


@dataclass(frozen=True)
class ModelHeader:
    """A whole header before it is bytes."""

    metadata: dict[str, Any]
    """Values by key: int, float, bool, str, or a list of one of them."""
    tensors: Sequence[TensorPlan]
    vocabulary: int = 0
    """Tokens the model knows, for a tokenizer that is written on demand."""
    changes: dict[str, Any] = field(default_factory=dict)

    @property
    def architecture(self) -> str:
        return str(self.metadata["general.architecture"])

    def with_facts(self, **facts: Any) -> ModelHeader:
        """The same with other facts: `attention__sliding_window=512` sets "{arch}.attention.sliding_window"; None removes."""
        changed = dict(self.metadata)
        for name, value in facts.items():
            key = f"{self.architecture}.{name.replace('__', '.')}"
            if value is None:
                changed.pop(key, None)
            else:
                changed[key] = value
        return replace(self, metadata=changed)

    def header_bytes(self, *, vocabulary: bool = False) -> bytes:
        """The header as it begins the file, padded to where the data begins."""
        metadata = dict(self.metadata)
        pairs: list[bytes] = []
        if vocabulary:
            metadata.pop("tokenizer.ggml.model", None)
            metadata.pop(f"{self.architecture}.vocab_size", None)
            pairs = tokenizer_pairs(self.vocabulary)
        pairs = [_pair(key, value) for key, value in metadata.items()] + pairs
        tensors, offset = [], 0
        for plan in self.tensors:
            tensors.append(tensor(plan.name, plan.shape, NUMBER_OF[plan.type], offset))
            offset += -(-tensor_bytes(plan) // ALIGNMENT) * ALIGNMENT
        count = b"GGUF" + (3).to_bytes(4, "little") + len(tensors).to_bytes(8, "little") + len(pairs).to_bytes(8, "little")
        head = count + b"".join(pairs) + b"".join(tensors)
        return head + b"\0" * (-len(head) % ALIGNMENT)

    @property
    def data_bytes(self) -> int:
        """Length of the data part, every tensor padded."""
        return sum(-(-tensor_bytes(plan) // ALIGNMENT) * ALIGNMENT for plan in self.tensors)

    @property
    def weights_bytes(self) -> int:
        """Sum of all tensors, without padding."""
        return sum(tensor_bytes(plan) for plan in self.tensors)

    def write(self, path: Path, *, vocabulary: bool = False) -> int:
        """Write the file: the header, then a hole of the true size. Returns the size of the file in bytes."""
        head = self.header_bytes(vocabulary=vocabulary)
        with open(path, "wb") as file:
            file.write(head)
            file.truncate(len(head) + self.data_bytes)
        return len(head) + self.data_bytes

    def header(self) -> Header:
        """What localstory reads from it."""
        return read_header(io.BytesIO(self.header_bytes()))


def tensor_bytes(plan: TensorPlan) -> int:
    kind = TENSOR_TYPES[NUMBER_OF[plan.type]]
    assert plan.shape[0] % kind.block_length == 0, plan
    size = plan.shape[0] // kind.block_length * kind.block_bytes
    for length in plan.shape[1:]:
        size *= length
    return size


def _pair(key: str, value: Any) -> bytes:
    if isinstance(value, list):
        kind = BOOL if isinstance(value[0], bool) else STRING if isinstance(value[0], str) else F32 if isinstance(value[0], float) else I32
        return array(key, kind, value)
    kinds: list[tuple[type, int]] = [(bool, BOOL), (int, U32), (float, F32), (str, STRING)]
    return pair(key, next(number for kind, number in kinds if isinstance(value, kind)), value)


@lru_cache(maxsize=4)
def _tokenizer(count: int) -> tuple[bytes, ...]:
    words = ["<unk>", "<s>", "</s>", *(f"<0x{byte:02X}>" for byte in range(256))]
    words += [f"▁từ{number}" for number in range(count - len(words))]
    kinds = [2, 3, 3, *([6] * 256), *([1] * (count - 259))]
    return (
        pair("tokenizer.ggml.model", STRING, "llama"),
        array("tokenizer.ggml.tokens", STRING, words[:count]),
        array("tokenizer.ggml.scores", F32, [-float(number) for number in range(count)]),
        array("tokenizer.ggml.token_type", I32, kinds[:count]),
        pair("tokenizer.ggml.bos_token_id", U32, 1),
        pair("tokenizer.ggml.eos_token_id", U32, 2),
        pair("tokenizer.ggml.unknown_token_id", U32, 0),
    )


def tokenizer_pairs(count: int) -> list[bytes]:
    """A SentencePiece tokenizer with `count` tokens that llama.cpp loads: control and byte tokens, then made-up words."""
    return list(_tokenizer(count))


# --- the models -------------------------------------------------------------------------------------------------------


class Dims(NamedTuple):
    """The published config of a decoder, as its config.json names them."""

    arch: str
    num_hidden_layers: int
    hidden_size: int
    intermediate_size: int
    num_attention_heads: int
    num_key_value_heads: int
    head_dim: int
    vocab_size: int
    max_position: int
    tied: bool = False
    rope_factors: int = 0
    """Length of rope_freqs.weight, where the converter writes one."""
    sliding_window: int = 0
    experts: int = 0
    experts_used: int = 0
    expert_size: int = 0


MODELS: dict[str, Dims] = {
    "llama2-7b": Dims("llama", 32, 4096, 11008, 32, 32, 128, 32000, 4096),
    "llama3.1-8b": Dims("llama", 32, 4096, 14336, 32, 8, 128, 128256, 131072, rope_factors=64),
    "llama3.2-1b": Dims("llama", 16, 2048, 8192, 32, 8, 64, 128256, 131072, tied=True, rope_factors=32),
    "llama3.2-3b": Dims("llama", 28, 3072, 8192, 24, 8, 128, 128256, 131072, tied=True, rope_factors=64),
    "mistral-7b": Dims("llama", 32, 4096, 14336, 32, 8, 128, 32768, 131072),
    "qwen3-0.6b": Dims("qwen3", 28, 1024, 3072, 16, 8, 128, 151936, 40960, tied=True),
    "qwen3-4b": Dims("qwen3", 36, 2560, 9728, 32, 8, 128, 151936, 40960, tied=True),
    "qwen3-8b": Dims("qwen3", 36, 4096, 12288, 32, 8, 128, 151936, 40960),
    "qwen3-14b": Dims("qwen3", 40, 5120, 17408, 40, 8, 128, 151936, 40960),
    "qwen3-32b": Dims("qwen3", 64, 5120, 25600, 64, 8, 128, 151936, 40960),
    "qwen2.5-3b": Dims("qwen2", 36, 2048, 11008, 16, 2, 128, 151936, 32768, tied=True),
    "qwen2.5-7b": Dims("qwen2", 28, 3584, 18944, 28, 4, 128, 152064, 32768),
    "gemma3-1b": Dims("gemma3", 26, 1152, 6912, 4, 1, 256, 262144, 131072, tied=True, sliding_window=512),
    "gemma3-4b": Dims("gemma3", 34, 2560, 10240, 8, 4, 256, 262208, 131072, tied=True, sliding_window=1024),
    "gemma3-12b": Dims("gemma3", 48, 3840, 15360, 16, 8, 256, 262208, 131072, tied=True, sliding_window=1024),
    "gemma3-27b": Dims("gemma3", 62, 5376, 21504, 32, 16, 128, 262208, 131072, tied=True, sliding_window=1024),
    "gemma2-9b": Dims("gemma2", 42, 3584, 14336, 16, 8, 256, 256000, 8192, tied=True, sliding_window=4096),
    "gemma2-2b": Dims("gemma2", 26, 2304, 9216, 8, 4, 256, 256000, 8192, tied=True, sliding_window=4096),
    "qwen3-30b-a3b": Dims("qwen3moe", 48, 2048, 6144, 32, 4, 128, 151936, 262144, experts=128, experts_used=8, expert_size=768),
    "gpt-oss-20b": Dims("gpt-oss", 24, 2880, 2880, 64, 8, 64, 201088, 131072, sliding_window=128, experts=32, experts_used=4, expert_size=2880),
}

_INSTEAD = {"Q4_K": "Q5_0", "Q6_K": "Q8_0"}
"""What llama-quantize takes where a row does not divide by 256."""
_PLAIN = {"Q8_0": ("Q8_0", "Q8_0"), "F16": ("F16", "F16"), "Q4_0": ("Q4_0", "Q4_0"), "Q4_K_M": ("Q4_K", "Q6_K")}


def _gets_more_bits(layer: int, layers: int) -> bool:
    """llama-quantize, `use_more_bits`: these layers' values and down projections are Q6_K in a Q4_K_M."""
    return layer < layers // 8 or layer >= 7 * layers // 8 or (layer - layers // 8) % 3 == 2


@lru_cache(maxsize=64)
def model(name: str, quantisation: str = "") -> ModelHeader:
    """The header of one of `MODELS` as llama-quantize would leave it: "Q4_K_M" (the default), "Q8_0", "Q4_0" or "F16".

    gpt-oss is published in MXFP4 with the rest in Q8_0, and is always that.
    """
    dims = MODELS[name]
    low, high = ("Q8_0", "Q8_0") if dims.arch == "gpt-oss" else _PLAIN[quantisation or "Q4_K_M"]
    return ModelHeader(_facts(name, dims, quantisation), tuple(_tensors(dims, low, high)), dims.vocab_size)


def _facts(name: str, dims: Dims, quantisation: str) -> dict[str, Any]:
    facts: dict[str, Any] = {
        "vocab_size": dims.vocab_size,
        "context_length": dims.max_position,
        "embedding_length": dims.hidden_size,
        "block_count": dims.num_hidden_layers,
        "feed_forward_length": dims.intermediate_size,
        "attention.head_count": dims.num_attention_heads,
        "attention.head_count_kv": dims.num_key_value_heads,
        "attention.layer_norm_rms_epsilon": 1e-6,
        "attention.key_length": dims.head_dim,
        "attention.value_length": dims.head_dim,
        "rope.dimension_count": dims.head_dim,
    }
    if dims.sliding_window:
        facts["attention.sliding_window"] = dims.sliding_window
    if dims.experts:
        facts |= {"expert_count": dims.experts, "expert_used_count": dims.experts_used, "expert_feed_forward_length": dims.expert_size}
    general = {
        "general.architecture": dims.arch,
        "general.name": name,
        "general.quantization_version": 2,
        "general.file_type": FILE_TYPE_OF[quantisation or "Q4_K_M"],
        "tokenizer.ggml.model": "no_vocab",
    }
    return general | {f"{dims.arch}.{key}": value for key, value in facts.items()}


def _tensors(dims: Dims, low: str, high: str) -> list[TensorPlan]:
    wide, heads, kv_heads, head, vocabulary = dims.hidden_size, dims.num_attention_heads, dims.num_key_value_heads, dims.head_dim, dims.vocab_size
    plans: list[TensorPlan] = []

    def add(name: str, kind: str, *shape: int) -> None:
        fitting = kind if shape[0] % TENSOR_TYPES[NUMBER_OF[kind]].block_length == 0 else _INSTEAD[kind]
        plans.append(TensorPlan(name, fitting, shape))

    add("token_embd.weight", high if dims.tied else low, wide, vocabulary)
    add("output_norm.weight", "F32", wide)
    if not dims.tied:
        add("output.weight", "Q6_K" if low == "Q4_0" else high, wide, vocabulary)
    if dims.rope_factors:
        add("rope_freqs.weight", "F32", dims.rope_factors)
    for layer in range(dims.num_hidden_layers):
        block = f"blk.{layer}."
        more = high if _gets_more_bits(layer, dims.num_hidden_layers) else low
        add(block + "attn_norm.weight", "F32", wide)
        add(block + "attn_q.weight", low, wide, heads * head)
        add(block + "attn_k.weight", low, wide, kv_heads * head)
        add(block + "attn_v.weight", more, wide, kv_heads * head)
        add(block + "attn_output.weight", low, heads * head, wide)
        if dims.arch in ("qwen2", "gpt-oss"):
            for part, length in (("q", heads * head), ("k", kv_heads * head), ("v", kv_heads * head)):
                add(f"{block}attn_{part}.bias", "F32", length)
        if dims.arch in ("qwen3", "qwen3moe", "gemma3"):
            add(block + "attn_q_norm.weight", "F32", head)
            add(block + "attn_k_norm.weight", "F32", head)
        if dims.arch in ("gemma2", "gemma3"):
            add(block + "post_attention_norm.weight", "F32", wide)
            add(block + "post_ffw_norm.weight", "F32", wide)
        if dims.arch == "gpt-oss":
            add(block + "post_attention_norm.weight", "F32", wide)
            add(block + "attn_output.bias", "F32", wide)
            add(block + "attn_sinks.weight", "F32", heads)
            add(block + "ffn_gate_inp.bias", "F32", dims.experts)
            for part, length in (("gate", dims.expert_size), ("up", dims.expert_size), ("down", wide)):
                add(f"{block}ffn_{part}_exps.bias", "F32", length, dims.experts)
        else:
            add(block + "ffn_norm.weight", "F32", wide)
        if dims.experts:
            low_expert, more_expert = ("MXFP4", "MXFP4") if dims.arch == "gpt-oss" else (low, more)
            add(block + "ffn_gate_inp.weight", "F32", wide, dims.experts)
            add(block + "ffn_gate_exps.weight", low_expert, wide, dims.expert_size, dims.experts)
            add(block + "ffn_up_exps.weight", low_expert, wide, dims.expert_size, dims.experts)
            add(block + "ffn_down_exps.weight", more_expert, dims.expert_size, wide, dims.experts)
        else:
            add(block + "ffn_gate.weight", low, wide, dims.intermediate_size)
            add(block + "ffn_up.weight", low, wide, dims.intermediate_size)
            add(block + "ffn_down.weight", more, dims.intermediate_size, wide)
    return plans
