"""Language models of a few kilobytes with random weights, one for each kind of cache: llama.cpp runs them in microseconds a token.

They have 64 tokens and no vocabulary; shapes are those of the architectures' loaders (llama.cpp, src/models).
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from tests.fakes.gguf_files import F32, STRING, U32, gguf, pair, tensor

TOKENS = 64
WIDTH, HEADS, HEAD, INNER = 32, 2, 16, 64
WINDOW = 32
KINDS = ("dense", "sliding", "recurrent")


def write_tiny(path: Path, kind: str, seed: int = 1) -> Path:
    """Write the model to `path` and return it. Same kind and seed: same bytes."""
    architecture = {"dense": "llama", "sliding": "gemma3", "recurrent": "mamba"}[kind]
    shapes = _dense(2, gemma=False) if kind == "dense" else _dense(6, gemma=True) if kind == "sliding" else _mamba(2)
    rng = np.random.default_rng(seed)
    rows, content, offset = [], [], 0
    for name, shape in shapes.items():
        values = rng.standard_normal(shape[::-1])
        if name.endswith("norm.weight"):
            values = np.abs(values) * 0.1 + 1.0
        elif name.endswith("ssm_a"):
            values = -np.abs(values) - 0.1
        elif len(shape) == 2:
            values *= 1.5 / np.sqrt(shape[0])
        raw = values.astype(np.float32).tobytes()
        rows.append(tensor(name, shape, 0, offset))
        content.append(raw + b"\0" * (-len(raw) % 32))
        offset += len(content[-1])
    pairs = [pair("general.architecture", STRING, architecture), pair("tokenizer.ggml.model", STRING, "no_vocab"), pair("general.file_type", U32, 0)]
    pairs += [pair(f"{architecture}.{key}", kind_of, value) for key, kind_of, value in _facts(kind)]
    path.write_bytes(gguf(pairs, rows) + b"".join(content))
    return path


def _facts(kind: str) -> list[tuple[str, int, float]]:
    facts: list[tuple[str, int, float]] = [
        ("vocab_size", U32, TOKENS), ("context_length", U32, 4096), ("embedding_length", U32, WIDTH),
        ("block_count", U32, 6 if kind == "sliding" else 2), ("attention.layer_norm_rms_epsilon", F32, 1e-5),
    ]  # fmt: skip
    if kind == "recurrent":
        return [*facts, ("ssm.conv_kernel", U32, 4), ("ssm.inner_size", U32, 2 * WIDTH), ("ssm.state_size", U32, 8), ("ssm.time_step_rank", U32, 4)]
    facts += [("feed_forward_length", U32, INNER), ("attention.head_count", U32, HEADS), ("attention.head_count_kv", U32, 1)]
    facts += [("attention.key_length", U32, HEAD), ("attention.value_length", U32, HEAD), ("rope.dimension_count", U32, HEAD)]
    return facts + ([("attention.sliding_window", U32, WINDOW)] if kind == "sliding" else [])


def _dense(layers: int, *, gemma: bool) -> dict[str, tuple[int, ...]]:
    shapes: dict[str, tuple[int, ...]] = {"token_embd.weight": (WIDTH, TOKENS), "output_norm.weight": (WIDTH,), "output.weight": (WIDTH, TOKENS)}
    for layer in range(layers):
        own: dict[str, tuple[int, ...]] = {
            "attn_norm": (WIDTH,), "attn_q": (WIDTH, HEADS * HEAD), "attn_k": (WIDTH, HEAD), "attn_v": (WIDTH, HEAD),
            "attn_output": (HEADS * HEAD, WIDTH), "ffn_norm": (WIDTH,), "ffn_gate": (WIDTH, INNER), "ffn_up": (WIDTH, INNER), "ffn_down": (INNER, WIDTH),
        }  # fmt: skip
        if gemma:
            own |= {"attn_q_norm": (HEAD,), "attn_k_norm": (HEAD,), "post_attention_norm": (WIDTH,), "post_ffw_norm": (WIDTH,)}
        shapes |= {f"blk.{layer}.{name}.weight": shape for name, shape in own.items()}
    return shapes


def _mamba(layers: int) -> dict[str, tuple[int, ...]]:
    inner, state, rank = 2 * WIDTH, 8, 4
    shapes: dict[str, tuple[int, ...]] = {"token_embd.weight": (WIDTH, TOKENS), "output_norm.weight": (WIDTH,), "output.weight": (WIDTH, TOKENS)}
    for layer in range(layers):
        own: dict[str, tuple[int, ...]] = {
            "attn_norm.weight": (WIDTH,), "ssm_in.weight": (WIDTH, 2 * inner), "ssm_conv1d.weight": (4, inner), "ssm_conv1d.bias": (inner,),
            "ssm_x.weight": (inner, rank + 2 * state), "ssm_dt.weight": (rank, inner), "ssm_dt.bias": (inner,),
            "ssm_a": (state, inner), "ssm_d": (inner,), "ssm_out.weight": (inner, WIDTH),
        }  # fmt: skip
        shapes |= {f"blk.{layer}.{name}": shape for name, shape in own.items()}
    return shapes
