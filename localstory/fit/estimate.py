"""Closed formulas for a whole model: for lists of quantisations at once, and where the dry run can't be had."""

from __future__ import annotations

from dataclasses import dataclass

from localstory.fit.context_params import ContextParams
from localstory.fit.need import MemoryNeed
from localstory.fit.shape import ModelShape
from localstory.gguf.header import Header


@dataclass(frozen=True, slots=True)
class GraphicsSlot:
    """A graphics card that takes layers."""

    name: str
    """As ggml calls it ("CUDA0"), or the card's place in the list ("GPU0")."""
    backend: str
    """ "cuda", "metal", "vulkan", "rocm", "sycl"."""
    share: float = 1.0
    """Its part of the layers, by free memory; any positive numbers."""


@dataclass(frozen=True, slots=True)
class Placement:
    """Where the parts of a model go."""

    gpus: tuple[GraphicsSlot, ...] = ()
    gpu_layers: int = 0
    """Layers on graphics, counted from the back; layers_all + 1 puts all there: the output layer is the first to go."""
    processor_experts: int = 0
    """Of the layers on graphics, this many (from the front) keep their experts on the processor (mixture of experts)."""


ON_PROCESSOR = Placement()


def formula_need(
    header: Header, shape: ModelShape, params: ContextParams, placement: Placement = ON_PROCESSOR, *, features: tuple[str, ...] | None = None
) -> MemoryNeed:
    """What the model needs by the closed formulas; method "computed". `features`: the processor's (for repacked weights)."""
    raise NotImplementedError


def bytes_read_per_token(
    header: Header, shape: ModelShape, params: ContextParams, placement: Placement = ON_PROCESSOR, *, tokens_in_cache: int = 0
) -> dict[str, int]:
    """Bytes that writing one token reads, by device name: weights (experts by used/all), the cache as far as it is filled, states."""
    raise NotImplementedError
