"""Where the weights go: bytes per device from the tensor table, by llama.cpp's own rules.

Sources, in llama.cpp: src/llama-model.cpp (`load_tensors`: which layer goes where), src/llama-arch.cpp (LLM_TENSOR_INFOS:
which tensors belong to the input and the output), src/llama-model-loader.cpp (`create_tensor`: tied embeddings are loaded
twice), ggml/src/ggml-cpu/repack.cpp (`ggml_repack_get_optimal_repack_type`: which weights are kept a second time).
"""

from __future__ import annotations

import re
import threading
from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from localstory.fit.architectures import NOT_GATED
from localstory.fit.need import PROCESSOR
from localstory.fit.shape import ModelShape
from localstory.gguf.header import Header, Tensor

if TYPE_CHECKING:
    from localstory.fit.estimate import Placement

_INPUT = ("token_embd", "position_embd", "token_types", "per_layer_token_embd", "masked_embd")
"""Read row by row: always on the processor. `token_embd_norm` belongs to the first layer's device."""
_OUTPUT = ("output", "cls", "dense_", "dec.output", "enc.output", "altup_", "fc.", "d2t", "token_embd_norm_out")
_BLOCK = re.compile(r"(?:blk|dec\.blk|enc\.blk)\.(\d{1,4})\.")
_FEED_FORWARD = re.compile(r"blk\.(\d{1,4})\.ffn_(up|down)(|_exps)\.weight$")
_BATCH_TOKENS = 512
"""Tokens of a batch that weights are borrowed for; smaller ones leave smaller holes, which the sums need not know."""
_EXPERTS = ("_exps.", "_chexps.")
_NOT_MULTIPLIED = ("token_embd.", "position_embd.", "token_types.", "per_layer_token_embd.", "_norm.", "ssm_conv1d", "shortconv.conv")
"""Weights that are looked up or convolved, never multiplied as a matrix: they are not repacked."""
_AVX2, _AVX512, _NEON_I8MM, _NEON_DOT = "avx2", "avx512", "i8mm", "asimddp"
_REPACKED_BY: dict[str, tuple[tuple[str, int], ...]] = {
    "Q4_0": ((_AVX2, 8), (_NEON_I8MM, 4), (_NEON_DOT, 4)),
    "Q4_K": ((_AVX2, 8), (_NEON_I8MM, 8), (_NEON_DOT, 8)),
    "Q2_K": ((_AVX512, 8),),
    "Q5_K": ((_NEON_I8MM, 8), (_NEON_DOT, 8)),
    "Q6_K": ((_NEON_I8MM, 8), (_NEON_DOT, 8)),
    "IQ4_NL": ((_AVX2, 8), (_NEON_DOT, 4)),
    "MXFP4": ((_AVX2, 8), (_NEON_DOT, 4)),
    "Q8_0": ((_NEON_I8MM, 4), (_NEON_DOT, 4)),
}
"""Type -> instructions that multiply it faster repacked, and what the number of rows must divide by."""


@dataclass(slots=True)
class PartWeights:
    """Sums over the tensors of one layer, of the input, or of the output."""

    dense_bytes: int = 0
    experts_bytes: int = 0
    dense_repacked: int = 0
    experts_repacked: int = 0
    borrowed_dense: int = 0
    """Room for the weights that graphics fetches while it computes for this layer, which lives on the processor."""
    borrowed_experts: int = 0
    borrowed_other: int = 0
    """The same for all but the feed-forward network."""

    def add(self, tensor: Tensor, repacked: bool, experts: bool) -> None:
        size = tensor.size_bytes
        borrowed = size if len(tensor.shape) > 1 else 0
        if experts:
            self.experts_bytes += size
            self.experts_repacked += size if repacked else 0
            self.borrowed_experts = max(self.borrowed_experts, borrowed)
        else:
            self.dense_bytes += size
            self.dense_repacked += size if repacked else 0
            self.borrowed_dense = max(self.borrowed_dense, borrowed)
            if ".ffn_" not in tensor.name:
                self.borrowed_other = max(self.borrowed_other, borrowed)


@dataclass(frozen=True, slots=True)
class WeightTable:
    """All weights of a model, summed once per header: what remains for a placement is adding up layers."""

    input: PartWeights
    layers: tuple[PartWeights, ...]
    output: PartWeights
    tied: bool
    """The output uses the token embeddings: they are loaded a second time where the output is on graphics."""
    tied_bytes: int
    tied_repacked: int
    token_embedding_bytes: int


@dataclass(frozen=True, slots=True)
class DeviceWeights:
    """What one device holds."""

    bytes: int = 0
    repacked_bytes: int = 0


@dataclass(frozen=True, slots=True)
class WeightPlan:
    """Weights by device name, the processor first."""

    devices: dict[str, DeviceWeights]
    borrowed_bytes: int
    """Room on graphics for weights of the processor's layers: large batches are multiplied there all the same (op_offload)."""


def layer_devices(shape: ModelShape, placement: Placement) -> tuple[str, ...]:
    """Device of every layer, and last that of the output. llama.cpp: `get_layer_buft_list` in load_tensors."""
    everything = shape.layers_all + 1
    count = min(max(placement.gpu_layers, 0), everything) if placement.gpus else 0
    start = everything - count
    shares: list[float] = []
    for slot in placement.gpus:
        shares.append((shares[-1] if shares else 0.0) + max(0.0, slot.share))
    whole = shares[-1] if shares and shares[-1] > 0 else 1.0
    ends = [share / whole for share in shares]
    names = [PROCESSOR] * start
    for index in range(count):
        names.append(placement.gpus[min(bisect_right(ends, index / count), len(ends) - 1)].name)
    return tuple(names)


def shipped_features(features: tuple[str, ...] | None) -> tuple[str, ...] | None:
    """Of a processor's instruction sets, those our portable build has code for: AVX2 and not AVX-512 (pyproject.toml's flags)."""
    return None if features is None else tuple(name for name in features if not name.startswith("avx512"))


def weight_table(header: Header, shape: ModelShape, features: tuple[str, ...] | None) -> WeightTable:
    """The sums for this header. `features`: the processor's instruction sets; None: unknown, nothing is counted as repacked.

    The last few tables are remembered: lists and sliders ask for the same headers again and again.
    """
    key = (id(header), shape.layers, shape.layers_all, _kinds(features))
    with _lock:
        found = _tables.get(key)
        if found is not None and found[0] is header:
            _tables.move_to_end(key)
            return found[1]
    table = _sum_up(header.tensors, shape, key[3])
    with _lock:
        _tables[key] = (header, table)
        while len(_tables) > _REMEMBERED:
            _tables.popitem(last=False)
    return table


_lock = threading.Lock()
_REMEMBERED = 64
_tables: OrderedDict[tuple[int, int, int, frozenset[str]], tuple[Header, WeightTable]] = OrderedDict()
"""By the header's identity; the header is kept with it, so that the identity stays its own."""


def weights_on(header: Header, shape: ModelShape, placement: Placement, *, features: tuple[str, ...] | None = None) -> WeightPlan:
    """Bytes of weights by device for this placement. Pure but for the remembered sums."""
    table = weight_table(header, shape, features)
    devices = layer_devices(shape, placement)
    sums: dict[str, list[int]] = {PROCESSOR: [0, 0]} | {slot.name: [0, 0] for slot in placement.gpus}
    borrowed = 0
    # Beside a card that has pinned memory of its own for the processor's weights, that is taken before the repacked kind
    # (make_cpu_buft_list); Metal has none.
    repacks = all(slot.backend == "metal" for slot in placement.gpus)

    def put(device: str, size: int, repacked: int) -> None:
        sums[device][0] += size
        sums[device][1] += repacked if device == PROCESSOR and repacks else 0

    put(PROCESSOR, table.input.dense_bytes + table.input.experts_bytes, table.input.dense_repacked)
    output = devices[-1]
    on_graphics = 0
    for index, part in enumerate(table.layers):
        device = devices[index]
        put(device, part.dense_bytes, part.dense_repacked)
        away = device != PROCESSOR and on_graphics < placement.processor_experts
        on_graphics += device != PROCESSOR
        # An override names the plain processor's memory: what is moved there by it is not repacked.
        put(PROCESSOR if away else device, part.experts_bytes, 0 if away else part.experts_repacked)
        needed = max(part.borrowed_dense if device == PROCESSOR else 0, part.borrowed_experts if away or device == PROCESSOR else 0)
        # What is gone through again stays fetched until the last time.
        borrowed = borrowed + needed if shape.loops > 1 else max(borrowed, needed)
    put(output, table.output.dense_bytes, table.output.dense_repacked)
    if table.tied:
        put(output, table.tied_bytes if output != PROCESSOR else 0, table.tied_repacked)
    if output == PROCESSOR:
        borrowed = max(borrowed, table.output.borrowed_dense, table.tied_bytes if table.tied else 0)
    return WeightPlan({name: DeviceWeights(size, repacked) for name, (size, repacked) in sums.items()}, borrowed)


def _sum_up(tensors: Sequence[Tensor], shape: ModelShape, kinds: frozenset[str]) -> WeightTable:
    before, output = PartWeights(), PartWeights()
    layers = tuple(PartWeights() for _layer in range(shape.layers_all))
    embedding: Tensor | None = None
    has_output = False
    skip_from = shape.layers if shape.architecture != "graniteswitch" else shape.layers_all
    for tensor in tensors:
        name = tensor.name
        block = _BLOCK.match(name)
        if block:
            index = int(block[1])
            # Layers for guessing ahead are not loaded (load_mtp is off), nor is what no layer claims.
            if index < skip_from:
                layers[index].add(tensor, _repacked(tensor, kinds), any(part in name for part in _EXPERTS))
        elif name.startswith("token_embd."):
            embedding = tensor
            before.add(tensor, False, False)
        elif name.startswith(_INPUT) and not name.startswith("token_embd"):
            before.add(tensor, False, False)
        elif name.startswith(_OUTPUT):
            has_output = has_output or name == "output.weight"
            output.add(tensor, _repacked(tensor, kinds), False)
        elif layers:
            layers[0].add(tensor, _repacked(tensor, kinds), False)
    _borrow(layers, tensors, shape)
    tied = not has_output and embedding is not None
    size = embedding.size_bytes if embedding is not None else 0
    return WeightTable(
        before, layers, output, tied, size if tied else 0, size if tied and embedding is not None and _type_repacked(embedding, kinds) else 0, size
    )


def _borrow(layers: tuple[PartWeights, ...], tensors: Sequence[Tensor], shape: ModelShape) -> None:
    """Correct what graphics borrows where the largest weight alone is not the answer.

    ggml's allocator puts a fetched weight before the activations that it makes, and into the hole that an earlier one left.
    """
    if shape.loops > 1:
        for part in layers:
            part.borrowed_dense = part.dense_bytes
        return
    sizes: dict[tuple[int, str], dict[str, Tensor]] = {}
    for tensor in tensors:
        found = _FEED_FORWARD.match(tensor.name)
        if found and int(found[1]) < len(layers) and len(tensor.shape) > 1:
            sizes.setdefault((int(found[1]), found[3]), {})[found[2]] = tensor
    for (index, experts), parts in sizes.items():
        if "up" not in parts or "down" not in parts:
            continue
        part, up, down = layers[index], parts["up"].size_bytes, parts["down"].size_bytes
        if shape.architecture in NOT_GATED:
            # The activations, made in place, lie right behind the hole of the first weight: a larger one doesn't fit into it.
            needed = up + down if down > up else up
        else:
            # Gate and up and their activations leave room for the last weight, if it is no larger than they were.
            width = parts["down"].shape[0] * (max(1, shape.experts_used) if experts else 1)
            activations = 4 * _BATCH_TOKENS * width
            hole = up + activations if up >= activations else 2 * activations
            needed = max(up, down if down > hole else 0)
        if experts:
            part.borrowed_experts = needed
        else:
            part.borrowed_dense = max(needed, part.borrowed_other)


def _kinds(features: tuple[str, ...] | None) -> frozenset[str]:
    """Of the processor's instructions, those that decide about repacking."""
    have = set(features or ())
    return frozenset(
        name
        for name, present in ((_AVX2, _AVX2 in have), (_AVX512, "avx512f" in have), (_NEON_I8MM, _NEON_I8MM in have), (_NEON_DOT, _NEON_DOT in have))
        if present
    )


def _repacked(tensor: Tensor, kinds: frozenset[str]) -> bool:
    return bool(kinds) and _type_repacked(tensor, kinds) and not any(part in tensor.name for part in _NOT_MULTIPLIED)


def _type_repacked(tensor: Tensor, kinds: frozenset[str]) -> bool:
    rules = _REPACKED_BY.get(tensor.type.name)
    if not rules or len(tensor.shape) < 2:
        return False
    return any(kind in kinds and tensor.shape[1] % rows == 0 for kind, rows in rules)
