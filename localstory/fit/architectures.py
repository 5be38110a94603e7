"""What llama.cpp knows about each architecture that a header does not say: its names, sliding windows, recurrent layers.

To raise with the engine. Sources, in llama.cpp: src/llama-arch.cpp (LLM_ARCH_NAMES, llm_arch_is_recurrent),
src/models/*.cpp (load_arch_hparams), src/llama-model.cpp (create_memory).
"""

from __future__ import annotations

from typing import NamedTuple

MAX_LAYERS = 512
"""LLAMA_MAX_LAYERS: llama.cpp ends the process when a file claims more."""
MAX_EXPERTS = 1024

ARCHITECTURES = frozenset(
    """
    afmoe apertus arcee arctic arwkv7 baichuan bailingmoe bailingmoe2 bailingmoe3 bert bitnet bloom chameleon chatglm codeshell cogvlm
    cohere2 cohere2moe command-r dbrx deci deepseek deepseek2 deepseek2-ocr deepseek32 deepseek4 dflash dots1 dots3note dream eagle3
    ernie4_5 ernie4_5-moe eurobert exaone exaone-moe exaone4 falcon falcon-h1 gemma gemma-embedding gemma2 gemma3 gemma3n gemma4
    gemma4-assistant glm-dsa glm4 glm4moe glm5-next gpt-oss gpt2 gptj gptneox granite granite_swa granitehybrid granitemoe graniteswitch
    grok grovemoe hrm_text hunyuan-dense hunyuan-moe hunyuan_vl hy_v3 hy_v4 internlm2 jais jais2 jamba jina-bert-v2 jina-bert-v3 kimi-k3
    kimi-linear laguna lfm2 lfm2moe llada llada-moe llama llama-embed llama4 maincoder mamba mamba2 maple mellum mimo2 minicpm minicpm3
    minimax-01 minimax-m2 minimax-m3 mistral3 mistral4 modern-bert mpt muse-glimmer nanbeige nemotron nemotron_h nemotron_h_moe neo-bert
    nomic-bert nomic-bert-moe olmo olmo2 olmoe openelm orion paddleocr pangu-embedded phi2 phi3 phimoe plamo plamo2 plamo3 plm pockettts
    qwen qwen2 qwen2moe qwen2vl qwen3 qwen35 qwen35moe qwen3moe qwen3next qwen3tts qwen3vl qwen3vlmoe qwen4exp refact rnd1 rwkv6
    rwkv6qwen2 rwkv7 seed_oss smallthinker smollm3 spark2_5 stablelm starcoder starcoder2 step35 t5 t5encoder talkie wavtokenizer-dec
    xverse
    """.split()
)
"""Those of the engine we ship; any other ends in "unknown model architecture" there."""


class Window(NamedTuple):
    """How an architecture lays out its sliding-window layers when the header has no list of them."""

    period: int
    """Every so manieth layer looks at everything; 1: all do (then a list in the header is needed)."""
    dense_first: bool = False
    """That layer comes first in its group instead of last."""
    default: int = 0
    """The window's length when the header does not tell it."""
    always: int = 0
    """The window's length whatever the header tells."""


WINDOWS: dict[str, Window] = {
    "afmoe": Window(4),
    "cohere2": Window(4),
    "cohere2moe": Window(4, dense_first=True),
    "deepseek4": Window(0),
    "dots3note": Window(1),
    "exaone-moe": Window(4, default=128),
    "exaone4": Window(4, default=4096),  # only the model with 64 layers
    "gemma-embedding": Window(6),
    "gemma2": Window(2, default=4096),
    "gemma3": Window(6),
    "gemma3n": Window(5),
    "gemma4": Window(1),
    "gemma4-assistant": Window(1),
    "gpt-oss": Window(2),
    "granite_swa": Window(1),
    "laguna": Window(4, dense_first=True),
    "llama4": Window(4, default=8192, always=8192),
    "maple": Window(1),
    "mellum": Window(4),
    "mimo2": Window(1),
    "modern-bert": Window(3, dense_first=True),
    "muse-glimmer": Window(4),
    "olmo2": Window(4),
    "plamo3": Window(8),
    "smallthinker": Window(4, dense_first=True, always=4096),
    "spark2_5": Window(1),
    "step35": Window(1),
}
"""All others look at everything, whatever their header says of a window (llama, qwen2, mistral3, phi3)."""

RECURRENT = frozenset({"mamba", "mamba2", "rwkv6", "rwkv6qwen2", "rwkv7", "arwkv7"})
"""All layers keep a state, none a cache."""
RECURRENT_WITHOUT_KV_HEADS = frozenset({"jamba", "granitehybrid", "lfm2", "lfm2moe", "plamo2", "kimi-linear", "kimi-k3", "bailingmoe3", "glm5-next"})
"""Layers with no key-value heads keep a state."""
RECURRENT_BY_INTERVAL = {"qwen3next": 4, "qwen35": 4, "qwen35moe": 4, "qwen4exp": 4, "minimax-01": 8}
"""All but every so manieth layer keep a state, unless the header lists them."""
BOTH_IN_EVERY_LAYER = frozenset({"falcon-h1"})
ONE_KIND_A_LAYER = frozenset({"nemotron_h", "nemotron_h_moe"})
"""A layer is attention, a state, or a feed-forward network, each alone."""

NO_CACHE = frozenset(
    """
    bert jina-bert-v2 jina-bert-v3 nomic-bert nomic-bert-moe neo-bert eurobert wavtokenizer-dec modern-bert gemma-embedding dream llada
    llada-moe rnd1 t5encoder
    """.split()
)
"""They read a whole text at once and keep nothing."""

LATENT_ATTENTION = frozenset({"deepseek2", "mistral4", "deepseek32", "dots3note", "glm-dsa", "glm5-next", "hy_v4", "kimi-k3", "kimi-linear", "bailingmoe3"})
"""They keep keys only, in a compressed form, if the header has the lengths of it (`…_mla`)."""

NOT_GATED = frozenset(
    "apertus arcee bert bloom codeshell falcon gpt2 gptj gptneox jais2 mpt nemotron nemotron_h nemotron_h_moe phi2 plm starcoder starcoder2".split()
)
"""Their feed-forward networks go up and down, without a gate beside (LLM_FFN_SEQ in src/models/*.cpp)."""
PARALLEL = frozenset({"command-r", "cohere2", "cohere2moe", "falcon", "gptj", "gptneox", "phi2", "plamo"})
"""Attention and feed-forward network read the same input, so that both it and the attention's answer wait until the end."""
ATTENDS_TO_BATCH_ONLY = NO_CACHE | {"llama-embed"}
"""The graph looks at the batch alone (build_attn_inp_no_cache), with or without a cache beside it."""
WRITES_NOTHING = ATTENDS_TO_BATCH_ONLY - {"dream", "llada", "llada-moe", "rnd1", "wavtokenizer-dec"}
"""They turn a text into one vector: there are no answers to choose a token from."""
ANSWERS_TWICE = frozenset({"chameleon"})
"""The answers are copied to take out the tokens of pictures."""
ALTERNATING_STREAMS = {"gemma3n": 4}
"""So many versions of each layer's input run side by side (AltUp)."""
GATED_DELTA = frozenset({"qwen3next", "qwen35", "qwen35moe", "qwen4exp"})
"""States by the gated delta rule; the others with `ssm` facts are Mamba."""
