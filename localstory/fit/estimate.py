"""Closed formulas for a whole model: for lists of quantisations at once, and where the dry run can't be had."""

from __future__ import annotations

from dataclasses import dataclass

from localstory.fit import compute, kv
from localstory.fit.context_params import ContextParams
from localstory.fit.need import PROCESSOR, DeviceNeed, MemoryNeed
from localstory.fit.shape import ModelShape
from localstory.fit.weights import layer_devices, weight_table, weights_on
from localstory.gguf.header import Header

_MIB = 1 << 20
ENGINE_PROCESS_BYTES = 48 * _MIB
"""Our child with llama_cpp loaded and no model: measured here (tests/bench/fit_here.py); facts/fit.md, §2.7, says 41 without the rest of our worker."""
VOCABULARY_BYTES_PER_TOKEN = 134
"""What the child grows by beside the figures of llama.cpp's own plan, with vocabularies of 49,152 and 262,144 tokens: measured here."""
GRAPH_BYTES = 11 * _MIB
"""The rest of that growth, the same for both: the graph's own bookkeeping, the scheduler's copies."""

DRIVER_BYTES = {"cuda": 457 * _MIB, "rocm": 457 * _MIB, "vulkan": 150 * _MIB, "sycl": 150 * _MIB, "metal": 0}
"""What a driver takes on the card for its own: measured for CUDA (451 to 456 MiB on four RTX 4090, Ollama counts 457);
Vulkan 50 to 150; ROCm and SYCL are taken to be like them; Metal's is small (facts/fit.md, §2.7)."""


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
    engine: str = ""
    """The engine pack that runs it; "" is the portable build. What one build measured says nothing of another."""


ON_PROCESSOR = Placement()


def engine_overhead_bytes(shape: ModelShape) -> int:
    """What the engine's process takes beside the model: itself, the vocabulary, the graph."""
    return ENGINE_PROCESS_BYTES + GRAPH_BYTES + shape.vocabulary * VOCABULARY_BYTES_PER_TOKEN


def formula_need(
    header: Header, shape: ModelShape, params: ContextParams, placement: Placement = ON_PROCESSOR, *, features: tuple[str, ...] | None = None
) -> MemoryNeed:
    """What the model needs by the closed formulas; method "computed". `features`: the processor's (for repacked weights)."""
    weights = weights_on(header, shape, placement, features=features)
    devices = layer_devices(shape, placement)
    caches, states = _by_device(devices, kv.cache_bytes_by_layer(shape, params)), _by_device(devices, kv.state_bytes_by_layer(shape, params))
    in_use = {name for name in devices if name != PROCESSOR}
    # With layers on the processor its buffer is counted as if it computed all of them: large batches are multiplied on
    # graphics, small ones and the attention of its layers are not, and no log tells how much remains.
    whole = PROCESSOR not in devices and not placement.processor_experts
    needs = [
        DeviceNeed(
            PROCESSOR,
            weights_bytes=weights.devices[PROCESSOR].bytes,
            repacked_bytes=weights.devices[PROCESSOR].repacked_bytes,
            kv_bytes=caches.get(PROCESSOR, 0),
            recurrent_bytes=states.get(PROCESSOR, 0),
            compute_bytes=compute.host_bytes(shape, params) if whole else compute.processor_bytes(shape, params),
            output_bytes=compute.output_bytes(shape, params),
            overhead_bytes=engine_overhead_bytes(shape),
        )
    ]
    for slot in placement.gpus:
        if slot.name not in in_use:
            continue
        needs.append(
            DeviceNeed(
                slot.name,
                weights_bytes=weights.devices[slot.name].bytes,
                kv_bytes=caches.get(slot.name, 0),
                recurrent_bytes=states.get(slot.name, 0),
                compute_bytes=compute.graphics_bytes(
                    shape, params, backend=slot.backend, borrowed_bytes=weights.borrowed_bytes, cards=len(in_use) if whole else 1
                ),
                overhead_bytes=DRIVER_BYTES.get(slot.backend, DRIVER_BYTES["cuda"]),
            )
        )
    return MemoryNeed(tuple(needs), "computed")


def bytes_read_per_token(
    header: Header, shape: ModelShape, params: ContextParams, placement: Placement = ON_PROCESSOR, *, tokens_in_cache: int = 0
) -> dict[str, int]:
    """Bytes that writing one token reads, by device name: weights (experts by used/all), the cache as far as it is filled, states."""
    table = weight_table(header, shape, None)
    devices = layer_devices(shape, placement)
    reads: dict[str, int] = {PROCESSOR: 0} | {slot.name: 0 for slot in placement.gpus}
    per_cell, states = kv.cell_bytes_by_layer(shape, params), kv.state_bytes_by_layer(shape, params)
    full, window = kv.cells(shape, params)
    sequences = max(1, params.n_seq_max)
    on_graphics = 0
    for index, part in enumerate(table.layers):
        device = devices[index]
        away = device != PROCESSOR and on_graphics < placement.processor_experts
        on_graphics += device != PROCESSOR
        experts = part.experts_bytes * shape.experts_used // shape.experts if shape.is_moe else part.experts_bytes
        reads[PROCESSOR if away else device] += experts * shape.loops
        filled = min(tokens_in_cache, window if shape.swa[index] and not params.swa_full else full)
        if shape.swa[index]:
            filled = min(filled, shape.sliding_window)
        # A state is read and written whole.
        reads[device] += part.dense_bytes * shape.loops + per_cell[index] * filled + 2 * states[index] // sequences
    reads[devices[-1]] += table.output.dense_bytes + (table.tied_bytes if table.tied else 0)
    return {name: size for name, size in reads.items() if size or name == PROCESSOR}


def _by_device(devices: tuple[str, ...], sizes: tuple[int, ...]) -> dict[str, int]:
    sums: dict[str, int] = {}
    for name, size in zip(devices, sizes, strict=False):
        sums[name] = sums.get(name, 0) + size
    return sums
