"""Headers that llama.cpp itself loads, for half a hundred architectures: real widths, few layers.

tests/data/fit/engine_shapes.json has their facts (from shapes.json, cut to a few layers, and those below) and the tensors
that llama.cpp asked for when none was there, one after the other. To make it anew, after the engine was raised:

    python -m tests.fakes.engine_headers
"""

from __future__ import annotations

import json
import re
import tempfile
from functools import lru_cache
from pathlib import Path
from typing import Any

from tests.fakes.model_headers import ModelHeader, TensorPlan
from tests.fakes.published_headers import table

TABLE = Path(__file__).parents[1] / "data" / "fit" / "engine_shapes.json"
_SMALL = re.compile(
    r"norm|bias|ssm_a$|ssm_d$|ssm_dt|\.scale|exp_probs|rope_freqs|ffn_gate_inp|sinks|conv1d|shortconv\.conv|"
    r"time_mix_(w0|a0|v0|r_k|k_k|k_a|lerp)|layer_output_scale|altup_(correct|predict|router)|laurel"
)
"""Kept in 32 bits."""


@lru_cache(maxsize=1)
def names() -> tuple[str, ...]:
    return tuple(_table())


@lru_cache(maxsize=1)
def _table() -> dict[str, Any]:
    read: dict[str, Any] = json.loads(TABLE.read_text(encoding="utf-8"))
    return read


@lru_cache(maxsize=128)
def engine_header(name: str) -> ModelHeader:
    """The header of one entry: everything in Q8_0 but norms and the like."""
    entry = _table()[name]
    tensors = {str(tensor): list(shape) for tensor, shape in entry["top"]}
    for layer, kind in enumerate(entry["layers"]):
        tensors |= {f"blk.{layer}.{tensor}": list(shape) for tensor, shape in entry["kinds"][kind]}
    return _made(entry["facts"], tensors)


def _made(facts: dict[str, Any], tensors: dict[str, list[int]]) -> ModelHeader:
    plans = tuple(TensorPlan(name, "F32" if _SMALL.search(name) or shape[0] % 32 else "Q8_0", tuple(shape)) for name, shape in tensors.items())
    return ModelHeader(facts, plans or (TensorPlan("nothing", "F32", (1,)),), 0)


# --- making the table -------------------------------------------------------------------------------------------------

_OTHER: dict[str, dict[str, Any]] = {
    # Widths of the published models' configs, from memory; few layers.
    "lfm2": {"embedding_length": 2048, "feed_forward_length": 8192, "attention.head_count": 32, "attention.head_count_kv": [0, 0, 8, 0, 0, 8],
             "shortconv.l_cache": 3, "vocab_size": 65536, "block_count": 6},
    "falcon-h1": {"embedding_length": 1024, "feed_forward_length": 2048, "attention.head_count": 8, "attention.head_count_kv": 2,
                  "attention.key_length": 64, "attention.value_length": 64, "ssm.conv_kernel": 4, "ssm.inner_size": 1536, "ssm.state_size": 128,
                  "ssm.group_count": 1, "ssm.time_step_rank": 24, "vocab_size": 32784, "block_count": 3},
    "gemma3n": {"embedding_length": 2048, "feed_forward_length": 8192, "attention.head_count": 8, "attention.head_count_kv": 2,
                "attention.key_length": 256, "attention.value_length": 256, "attention.sliding_window": 512, "embedding_length_per_layer_input": 256,
                "vocab_size": 262144, "block_count": 30},
    "deepseek2": {"embedding_length": 2048, "feed_forward_length": 10944, "attention.head_count": 16, "attention.head_count_kv": 16,
                  "attention.key_length": 192, "attention.value_length": 128, "attention.kv_lora_rank": 512, "rope.dimension_count": 64,
                  "attention.q_lora_rank": 0, "expert_count": 64, "expert_used_count": 6, "expert_feed_forward_length": 1408, "expert_shared_count": 2,
                  "leading_dense_block_count": 1, "vocab_size": 102400, "block_count": 27},
    "plamo3": {"embedding_length": 2048, "feed_forward_length": 8192, "attention.head_count": 16, "attention.head_count_kv": 2,
               "attention.key_length": 128, "attention.value_length": 128, "attention.sliding_window": 2048, "vocab_size": 107008, "block_count": 9},
    "exaone4": {"embedding_length": 5120, "feed_forward_length": 27392, "attention.head_count": 40, "attention.head_count_kv": 8,
                "attention.key_length": 128, "attention.value_length": 128, "attention.sliding_window": 4096, "vocab_size": 102400, "block_count": 64},
    "qwen3vl": {"embedding_length": 2560, "feed_forward_length": 9728, "attention.head_count": 32, "attention.head_count_kv": 8,
                "attention.key_length": 128, "attention.value_length": 128, "rope.dimension_sections": [24, 20, 20, 0], "n_deepstack_layers": 3,
                "vocab_size": 151936, "block_count": 4},
    "starcoder2": {"embedding_length": 3072, "feed_forward_length": 12288, "attention.head_count": 24, "attention.head_count_kv": 2,
                   "vocab_size": 49152, "block_count": 3},
    "phi2": {"embedding_length": 2560, "feed_forward_length": 10240, "attention.head_count": 32, "attention.head_count_kv": 32,
             "rope.dimension_count": 32, "vocab_size": 51200, "block_count": 3},
    "mamba": {"embedding_length": 2560, "feed_forward_length": 0, "attention.head_count": 0, "ssm.conv_kernel": 4, "ssm.inner_size": 5120,
              "ssm.state_size": 16, "ssm.time_step_rank": 160, "vocab_size": 50280, "block_count": 3},
}  # fmt: skip
_LAYERS = {
    "mamba2": 3, "deepseek2": 3, "granitehybrid": 8, "qwen35": 8, "qwen3next": 8, "qwen35moe": 8, "gemma4": 12, "nemotron_h_moe": 8, "kimi-linear": 8,
    "bailingmoe3": 8, "jamba": 12, "afmoe": 6, "cohere2": 6, "openelm": 6, "cohere2moe": 6, "plamo2": 4, "llama4": 4, "smallthinker": 4,
    "gemma-embedding": 6, "muse-glimmer": 4, "olmo2": 4, "modern-bert": 6,
}  # fmt: skip
_AS_WELL: dict[str, dict[str, Any]] = {
    # Facts that llama.cpp asks for and that neither memory nor speed depends on.
    "deepseek2": {"attention.q_lora_rank": 1536, "rope.dimension_count": 64, "expert_gating_func": 2},
    "granitehybrid": {"logit_scale": 8.0},
    "qwen35": {"rope.dimension_sections": [11, 11, 10, 0], "rope.dimension_count": 64},
    "qwen35moe": {"rope.dimension_sections": [11, 11, 10, 0], "rope.dimension_count": 64},
    "gemma4": {"attention.shared_kv_layers": 6, "rope.freq_base_swa": 10000.0},
    "nemotron_h_moe": {"expert_shared_count": 1},
    "kimi-linear": {"rope.dimension_count": 64, "attention.q_lora_rank": 0, "kda.gate_lower_bound": -5.0, "expert_shared_count": 1, "expert_gating_func": 2},
    "bailingmoe3": {"rope.dimension_count": 64, "attention.q_lora_rank": 256, "kda.gate_lower_bound": -5.0, "expert_shared_count": 1,
                    "expert_shared_feed_forward_length": 512, "expert_gating_func": 2},
    "afmoe": {"expert_shared_count": 1}, "cohere2": {"logit_scale": 1.0}, "cohere2moe": {"logit_scale": 1.0}, "mpt": {"attention.max_alibi_bias": 8.0},
    "arwkv7": {"attention.decay_lora_rank": 96, "attention.iclr_lora_rank": 64, "attention.value_residual_mix_lora_rank": 32, "attention.gate_lora_rank": 0},
    "minicpm3": {"attention.q_lora_rank": 768, "attention.kv_lora_rank": 256, "rope.dimension_count": 32},
    "mistral4": {"attention.q_lora_rank": 1024, "rope.dimension_count": 64, "expert_shared_count": 1},
    "llama4": {"interleave_moe_layer_step": 1}, "dbrx": {"attention.clamp_kqv": 8.0}, "gemma-embedding": {"attention.causal": False},
    "muse-glimmer": {"logit_scale": 1.0, "final_logit_softcapping": 20.0}, "command-r": {"logit_scale": 1.0}, "talkie": {"logit_scale": 1.0},
    "hunyuan-moe": {"expert_shared_feed_forward_length": 3072}, "hunyuan_vl": {"rope.dimension_sections": [16, 16, 16, 16]},
    "graniteswitch": {"logit_scale": 8.0, "adapters.count": 2, "adapters.lora_rank": 32, "adapters.token_ids_activate": [1, 2],
                      "adapters.token_ids_substitute": [3, 4]},
    "smallthinker": {"expert_gating_func": 2}, "qwen2vl": {"rope.dimension_sections": [16, 24, 24, 0]},
}  # fmt: skip


def _facts(architecture: str, facts: dict[str, Any]) -> dict[str, Any]:
    general: dict[str, Any] = {"general.architecture": architecture, "tokenizer.ggml.model": "no_vocab"}
    common = {"attention.layer_norm_rms_epsilon": 1e-6, "attention.layer_norm_epsilon": 1e-6, "context_length": 131072}
    if architecture == "apertus":
        general |= {f"xielu.{part}": [1.0] * 3 for part in ("alpha_n", "alpha_p", "beta", "eps")}
    return general | {f"{architecture}.{key}": value for key, value in (common | facts | _AS_WELL.get(architecture, {})).items()}


def _optional(architecture: str, facts: dict[str, Any], tensors: dict[str, list[int]]) -> dict[str, list[int]]:
    """What llama.cpp takes as optional although its graph uses it, or another in its place."""
    wide = facts["embedding_length"]
    more: dict[str, list[int]] = {}
    for name, shape in tensors.items():
        block = name.rpartition(".")[0].rpartition(".")[0] + "."
        if name.endswith(".ssm_conv1d.weight") and architecture in ("qwen35", "qwen35moe", "qwen3next"):
            more |= {block + "attn_qkv.weight": [wide, shape[1]], block + "attn_gate.weight": [wide, facts["ssm.inner_size"]]}
        if name.endswith(".ssm_conv1d.weight") and architecture in ("granitehybrid", "nemotron_h_moe", "falcon-h1"):
            more[block + "ssm_conv1d.bias"] = [shape[1]]
        if name.endswith(".attn_norm.weight") and architecture == "phi3":
            more[block + "attn_qkv.weight"] = [wide, 3 * wide]
        if name.endswith(".attn_k.weight") and architecture == "gemma4":
            more[block + "attn_v.weight"] = shape
    return tensors | more


def make() -> None:  # pragma: no cover - run by hand
    """Ask llama.cpp for each architecture's tensors and write the table."""
    from llama_cpp import llama_cpp

    lines: list[str] = []
    log = llama_cpp.llama_log_callback(lambda _level, text, _data: lines.append(text.decode("utf-8", "replace")))
    llama_cpp.llama_log_set(log, None)
    llama_cpp.llama_backend_init()

    def complaint(made: ModelHeader, path: Path) -> str:
        made.write(path)
        lines.clear()
        params = llama_cpp.llama_model_default_params()
        params.no_alloc, params.load_mode = True, 0
        loaded = llama_cpp.llama_model_load_from_file(str(path).encode(), params)
        if loaded:
            llama_cpp.llama_model_free(loaded)
            return ""
        return "".join(lines)

    entries: dict[str, Any] = {}
    wanted = [(f"{entry['architecture']} {name}", entry["architecture"], dict(entry["facts"])) for name, entry in table().items() if "file" in entry or
              entry["architecture"] in ("qwen3next", "deepseek2", "gemma3")]  # fmt: skip
    wanted += [(f"{architecture} small", architecture, dict(facts)) for architecture, facts in _OTHER.items()]
    with tempfile.TemporaryDirectory() as folder:
        for name, architecture, facts in wanted:
            if not name.endswith(" small"):
                layers = _LAYERS.get(architecture, 3)
                facts = {key: value[:layers] if isinstance(value, list) else value for key, value in facts.items()} | {"block_count": layers}
                facts.pop("nextn_predict_layers", None)
            full = _facts(architecture, facts)
            if name.endswith(" small"):
                full |= {f"{architecture}.{key}": value for key, value in facts.items()}
            tensors: dict[str, list[int]] = {}
            for _try in range(6000):
                said = complaint(_made(full, tensors), Path(folder) / "model.gguf")
                if missing := re.search(r"tensor '([^']+)' not found", said):
                    tensors[missing[1]] = [1]
                elif wrong := re.search(r"tensor '([^']+)' has wrong shape; expected ([\d, ]+), got", said):
                    shape = [int(number) for number in wrong[2].split(",")]
                    while len(shape) > 1 and shape[-1] == 1:
                        shape.pop()
                    tensors[wrong[1]] = shape
                else:
                    break
            if said:
                print(f"{name}: left out: {said.strip().splitlines()[-2][-150:]}")
                continue
            entries[name] = _folded(full, _optional(architecture, facts, tensors), int(facts["block_count"]))
            print(f"{name}: {len(tensors)} tensors")
    TABLE.write_text("{\n" + ",\n".join(f"{json.dumps(name)}: {json.dumps(entry)}" for name, entry in entries.items()) + "\n}\n", encoding="utf-8")


def _folded(facts: dict[str, Any], tensors: dict[str, list[int]], layers: int) -> dict[str, Any]:
    """The same with equal layers told once."""
    kinds: list[list[Any]] = []
    order = []
    for layer in range(layers):
        own = [[name.removeprefix(f"blk.{layer}."), shape] for name, shape in tensors.items() if name.startswith(f"blk.{layer}.")]
        if own not in kinds:
            kinds.append(own)
        order.append(kinds.index(own))
    top = [[name, shape] for name, shape in tensors.items() if not re.match(r"blk\.(\d+)\.", name) or int(name.split(".")[1]) >= layers]
    return {"facts": facts, "top": top, "layers": order, "kinds": kinds}


if __name__ == "__main__":
    make()
