"""How a model is loaded: one pure function that the fit check and the engine both call, so that promise and load agree.

The class defaults of llama-cpp-python waste up to gigabytes (facts: `n_outputs_max` reserves logits for a whole batch,
`swa_full` keeps the whole context for sliding-window layers, flash attention off needs memory by context x heads).
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal, TypeAlias

from localstory.fit.shape import ModelShape

FlashAttention: TypeAlias = Literal["auto", "on", "off"]
RopeScaling: TypeAlias = Literal["auto", "none", "linear", "yarn"]

KV_TYPES: dict[str, int] = {"f32": 0, "f16": 1, "bf16": 30, "q8_0": 8, "q5_1": 7, "q5_0": 6, "q4_1": 3, "q4_0": 2, "iq4_nl": 20}
"""Types the KV cache can have -> ggml's number of the type."""

DEFAULT_CONTEXT_LENGTH = 8192
"""When nobody chose: enough for long chats and a story."""
BATCH_TOKENS = 512
BRANCHES = 8
"""Sequences kept side by side where they share one cache (dense attention). On sliding-window and recurrent models each
costs memory of its own, so those get one."""


AHEAD = 8
"""Tokens of one batch that may have logits: one that is sure and seven that are guessed (speculation). Each takes a number of 32
bits for every token of the vocabulary."""


@dataclass(frozen=True, slots=True)
class LoadSettings:
    """What a person may choose for a load; None and "auto" leave it to us."""

    context_length: int | None = None
    """Tokens; None: 8,192 or what the model was made for, if that is less. 0: all the model was made for."""
    kv_type: str = "f16"
    """Type of the keys and values in the cache; see KV_TYPES."""
    kv_type_v: str = ""
    """Type of the values alone; empty: as the keys. A quantised one needs flash attention."""
    ubatch: int = BATCH_TOKENS
    """Tokens evaluated at once."""
    sequences: int | None = None
    flash_attention: FlashAttention = "auto"
    swa_full: bool = False
    """Keep the whole context for sliding-window layers too."""
    rope_scaling: RopeScaling = "auto"
    """How positions beyond the trained ones are made: "auto" as the file says, and no context longer than the trained one; "linear" and
    "yarn" stretch them; "none" leaves them as they are, however long the context is."""
    rope_factor: float = 0.0
    """How far "linear" and "yarn" stretch; 0: as far as the context is longer than the trained one."""
    all_outputs: bool = False
    """Keep room for the logits of a whole batch, as programs do that leave `n_outputs_max` alone. Ours never does."""


DEFAULT_SETTINGS = LoadSettings()
"""Nothing chosen: we decide."""


@dataclass(frozen=True, slots=True)
class ContextParams:
    """Values for `llama_context_params`, worked out: nothing is left open but flash attention's "auto"."""

    n_ctx: int
    """A multiple of 256."""
    n_batch: int
    n_ubatch: int
    n_seq_max: int
    kv_unified: bool
    n_outputs_max: int
    """Tokens of a batch whose logits may be asked for; must be at least n_seq_max, or llama.cpp aborts."""
    flash_attn: FlashAttention
    type_k: str
    type_v: str
    swa_full: bool
    rope_scaling: RopeScaling = "auto"
    rope_factor: float = 1.0
    rope_trained: int = 0
    """The context length the model was made for, where positions are stretched."""

    def as_args(self) -> dict[str, Any]:
        """For the worker: plain values, `set_context_params` there turns them into the C struct. What scales no positions is not named."""
        args = asdict(self)
        if self.rope_scaling == "auto":
            del args["rope_scaling"], args["rope_factor"], args["rope_trained"]
        return args

    @property
    def flash(self) -> bool:
        """Whether flash attention will be used: "auto" is on for every architecture and device we ship for."""
        return self.flash_attn != "off"


def context_params(shape: ModelShape, settings: LoadSettings = LoadSettings()) -> ContextParams:
    """How a model of this shape is loaded with these settings. Pure; raises nothing: the command line checks what people type."""
    trained = shape.context_length
    wanted = settings.context_length
    if wanted is None:
        wanted = min(DEFAULT_CONTEXT_LENGTH, trained or DEFAULT_CONTEXT_LENGTH)
    elif wanted == 0:
        wanted = int((trained or DEFAULT_CONTEXT_LENGTH) * _stretch(settings, 1.0))
    n_ctx = -(-max(1, wanted) // 256) * 256
    sequences = settings.sequences or (BRANCHES if shape.shares_cache else 1)
    ubatch = max(1, min(settings.ubatch, n_ctx))
    stretches = settings.rope_scaling in ("linear", "yarn")
    return ContextParams(
        n_ctx=n_ctx,
        n_batch=max(ubatch, min(BATCH_TOKENS, n_ctx)),
        n_ubatch=ubatch,
        n_seq_max=sequences,
        kv_unified=True,
        n_outputs_max=max(sequences, ubatch) if settings.all_outputs else max(sequences, AHEAD),
        flash_attn=settings.flash_attention,
        type_k=settings.kv_type,
        type_v=settings.kv_type_v or settings.kv_type,
        swa_full=settings.swa_full,
        rope_scaling=settings.rope_scaling,
        rope_factor=_stretch(settings, wanted / trained if trained else 1.0),
        rope_trained=(trained or 0) if stretches else 0,
    )


def _stretch(settings: LoadSettings, needed: float) -> float:
    """How far positions are stretched, at least 1."""
    if settings.rope_scaling not in ("linear", "yarn"):
        return 1.0
    return settings.rope_factor if settings.rope_factor > 0 else max(1.0, needed)
