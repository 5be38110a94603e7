"""The hyper-parameters of a model, read from its header with llama.cpp's own defaults. Everything per layer is a tuple.

Keys and defaults: llama.cpp src/llama-model.cpp (`load_hparams`), src/llama-hparams.{h,cpp}.
"""

from __future__ import annotations

from dataclasses import dataclass

from localstory.gguf.header import Header


@dataclass(frozen=True, slots=True)
class ModelShape:
    """What decides memory and speed, besides the tensors themselves."""

    architecture: str
    layers_all: int
    """block_count: with the next-token-prediction layers, which hold weights and no cache."""
    layers: int
    context_length: int | None
    """Tokens the model was made for."""
    embedding: int
    vocabulary: int
    heads: tuple[int, ...]
    kv_heads: tuple[int, ...]
    """0: this layer has no attention."""
    key_length: int
    value_length: int
    key_length_swa: int
    value_length_swa: int
    feed_forward: tuple[int, ...]
    experts: int
    experts_used: int
    expert_feed_forward: int
    leading_dense: int
    sliding_window: int
    """0: none."""
    swa: tuple[bool, ...]
    """Which layers look only that far back."""
    recurrent: tuple[bool, ...]
    """Which layers keep a fixed state instead of a cache."""
    has_cache: tuple[bool, ...]
    """Which layers keep keys and values of their own."""
    is_mla: bool
    """Multi-head latent attention: keys only, no values."""
    recurrent_row: int = 0
    """Numbers (R) of the short convolution a recurrent layer keeps for one sequence."""
    recurrent_state: int = 0
    """Numbers (S) of the state."""

    @property
    def is_moe(self) -> bool:
        return self.experts > 0

    @property
    def shares_cache(self) -> bool:
        """True when sequences side by side cost nothing: every layer has full attention."""
        return not any(self.swa) and not any(self.recurrent)


def shape_of(header: Header) -> ModelShape:
    """The shape that the header tells. Raises BadGguf when what every model must say is missing or impossible."""
    raise NotImplementedError
