"""How fast a model will write here: from the bytes that one token reads and the speed of the memory they come from.

t(token) = sum over devices of  k · layers · f  +  bytes / (e · bandwidth)

k: milliseconds a layer costs whatever its size (launching its kernels, waiting for threads); f: 1 for dense models, 1.5
for Gemma's extra norms, 2 for a mixture of experts; e: the part of the bandwidth that is reached. Fitted to 54 published
measurements (facts/fit.md, §4; tests/data/fit/speed.csv holds them, tests/bench/fit.py prints the errors).
"""

from __future__ import annotations

import bisect
import math
import re
from dataclasses import dataclass
from typing import Literal, TypeAlias

from localstory.fit.context_params import ContextParams
from localstory.fit.estimate import Placement, bytes_read_per_token
from localstory.fit.need import PROCESSOR
from localstory.fit.shape import ModelShape
from localstory.gguf.header import Header
from localstory.hardware.machine import Gpu, Machine

Confidence: TypeAlias = Literal["measured", "rehearsed", "computed", "estimated", "guessed"]
"""A real reply here · run with zero weights here · from known or measured bandwidth · from an estimated one · from next to nothing."""

_RANGES: dict[str, tuple[float, float]] = {
    "measured": (0.9, 1.1),
    "rehearsed": (0.85, 1.15),
    "computed": (0.79, 1.26),
    "estimated": (0.6, 1.5),
    "guessed": (0.35, 2.0),
}
"""The range shown, as parts of the figure (whichllm's three widths and ours; `computed` is 1.6 wide and held by the bench)."""

PROMPT_WORDS = 1000
"""The first word's wait is told for a prompt of this many words."""
TOKENS_PER_WORD = 1.4
"""English and Vietnamese with today's vocabularies; the header's own tokenizer tells it exactly (fit/language_cost.py)."""


@dataclass(frozen=True, slots=True)
class Device:
    """What a device can do: bandwidth in 10^9 bytes a second, `part` of it reached, milliseconds a layer."""

    bandwidth_gbps: float
    part: float
    layer_ms: float
    confidence: Confidence
    prompt_factor: tuple[float, float]
    """Prompt tokens a second as multiples of written ones, for a dense 4-bit model; unused where gflops is known."""
    gflops: tuple[float, float] | None = None


@dataclass(frozen=True, slots=True)
class Speed:
    """Tokens a second as ranges (low, high); seconds until the first word after a prompt of 1,000 words."""

    generate_tps: tuple[float, float]
    prompt_tps: tuple[float, float]
    first_word_seconds: float
    confidence: Confidence
    full_tps: float | None = None
    """The middle when the context is full of conversation: every token reads all of it again. None: not worked out."""

    @property
    def middle_tps(self) -> float:
        """The figure itself: the geometric middle of the range."""
        return math.sqrt(self.generate_tps[0] * self.generate_tps[1])


@dataclass(frozen=True, slots=True)
class Calibration:
    """What real replies on this machine taught: measured / predicted, as a running median, for the devices used."""

    factor: float
    samples: int
    tps: float | None = None
    """The median of this very model's replies, when there were enough."""


def graphics_device(gpu: Gpu) -> Device:
    """What is known of a graphics card. The bandwidth is the card's own (bus width x clock), never a table of names."""
    name = gpu.name or ""
    known = gpu.bandwidth_gbps is not None
    confidence: Confidence = "computed" if known else "guessed"
    bandwidth = gpu.bandwidth_gbps or (60.0 if gpu.integrated else 200.0)
    if gpu.vendor == "apple":
        # Wide memory is harder to fill: Max +5..+27 %, Ultra +23..+42 % over with 0.88 (facts/fit.md, §4); the first Max
        # most of all (8B Q4_K_M: M1 Max 46 tokens a second of 400 GB/s, M5 Max 89 of 614).
        part = 0.60 if "Ultra" in name else (0.66 if "M1" in name else 0.84 if "M5" in name else 0.72) if "Max" in name else 0.88
        return Device(bandwidth, part, 0.07, confidence, (8.0, 14.0))
    if gpu.vendor == "nvidia" and re.search(r"\bGTX 10\d\d|\bTITAN X|\bP\d{1,4}\b", name):
        return Device(bandwidth, 0.42, 0.198, confidence, (8.0, 20.0))  # Pascal: no tensor cores, no fast half precision
    if gpu.vendor == "nvidia" and re.search(r"\bGTX 16\d\d", name):
        return Device(bandwidth, 0.55, 0.1, confidence, (8.0, 20.0))  # Turing without tensor cores; from one measurement
    if gpu.integrated:
        return Device(bandwidth, 0.75, 0.1, "estimated" if known else "guessed", (3.0, 10.0))
    return Device(bandwidth, 0.87, 0.065, confidence, (20.0, 45.0))


def processor_device(machine: Machine) -> Device:
    """What the processor reaches: 0.85 of the *measured* read bandwidth, and no more than its cores can work through.

    Nominal bandwidths are never used: 8840U 44 of 90 to 120, 258V 43 of 136, 13900K 75 of 102 GB/s were reached.
    """
    cores = machine.cpu.physical_cores or 2
    features = machine.cpu.features or ()
    wide = any(name in features for name in ("avx2", "asimddp", "i8mm"))
    unknown = machine.cpu.features is None
    # A core works through some 8 GB/s of quantised weights with AVX2 or Arm's dot products, a third of it without.
    working = cores * (8.0 if wide or unknown else 2.5)
    measured = machine.memory.read_gbps
    confidence: Confidence = "computed" if measured is not None and wide else "estimated" if measured is not None else "guessed"
    bandwidth = min(measured if measured is not None else min(6.0 * cores, 40.0), working)
    per_core = (40.0, 100.0) if wide else (8.0, 25.0)  # GFLOP/s on quantised weights: measured 41 (2 cores here), 50 (258V), 100 (8840U)
    return Device(bandwidth, 0.85, 0.1, confidence, (2.0, 5.0), (cores * per_core[0], cores * per_core[1]))


def family_factor(shape: ModelShape) -> float:
    """How much more than a plain dense layer a layer costs, whatever its size."""
    if shape.is_moe:
        return 2.0
    return 1.5 if shape.architecture.startswith("gemma") else 1.0


# Measured on one graphics card (llama.cpp tools/quantize README, Llama 3.1 8B, tg128): speed / the ideal by size, with
# Q4_K_M as 1: below four bits the file shrinks and the work doesn't.
_BITS = (2.0, 2.93, 3.16, 3.76, 4.0, 4.46, 4.89, 5.70, 6.56, 8.5, 16.0)
_REACHED = (0.45, 0.62, 0.71, 0.75, 0.82, 0.97, 1.0, 1.08, 1.09, 1.22, 1.32)


def quantisation_factor(bits_per_weight: float) -> float:
    """How much of the bandwidth a graphics card reaches with such weights, compared with Q4_K_M."""
    if bits_per_weight <= _BITS[0]:
        return _REACHED[0]
    if bits_per_weight >= _BITS[-1]:
        return _REACHED[-1]
    right = bisect.bisect_right(_BITS, bits_per_weight)
    share = (bits_per_weight - _BITS[right - 1]) / (_BITS[right] - _BITS[right - 1])
    return _REACHED[right - 1] + share * (_REACHED[right] - _REACHED[right - 1])


def token_seconds(device: Device, *, bytes_read: float, layers: float, factor: float, bits_per_weight: float | None = None) -> float:
    """Seconds one token takes on one device. `bits_per_weight` on graphics cards only."""
    part = device.part if bits_per_weight is None else min(0.95, device.part * quantisation_factor(bits_per_weight))
    return device.layer_ms * layers * factor / 1000 + bytes_read / (part * device.bandwidth_gbps * 1e9)


def bits_per_weight(header: Header) -> float:
    """Bits a parameter takes on average over the whole model."""
    return sum(tensor.size_bytes for tensor in header.tensors) * 8 / max(1, header.parameters)


def active_parameters(header: Header, shape: ModelShape) -> int:
    """Parameters that take part in a token: all but the input embedding, and of the experts the ones used."""
    tied = not any(tensor.name == "output.weight" for tensor in header.tensors)
    count = 0
    for tensor in header.tensors:
        if "_exps." in tensor.name and shape.experts:
            count += tensor.elements * shape.experts_used // shape.experts
        elif tensor.name != "token_embd.weight" or tied:
            count += tensor.elements
    return count


def speed(
    header: Header,
    shape: ModelShape,
    params: ContextParams,
    placement: Placement,
    machine: Machine,
    gpus: tuple[Gpu, ...] = (),
    *,
    tokens_in_cache: int = 512,
    calibration: Calibration | None = None,
    tokens_per_word: float = TOKENS_PER_WORD,
) -> Speed:
    """How fast it writes with `tokens_in_cache` tokens of conversation. `gpus`: the cards of the placement, in its order.

    `tokens_per_word`: of the language whose thousand words are waited for.
    """
    bits = bits_per_weight(header)
    factor = family_factor(shape)
    read = bytes_read_per_token(header, shape, params, placement, tokens_in_cache=min(tokens_in_cache, params.n_ctx))
    on_graphics = min(placement.gpu_layers, shape.layers_all)
    active = active_parameters(header, shape)
    whole = max(1, sum(read.values()))
    seconds = low_prompt = high_prompt = 0.0
    worst: Confidence = "computed"
    slots = {slot.name: gpu for slot, gpu in zip(placement.gpus, gpus, strict=True)}
    shares = sum(slot.share for slot in placement.gpus) or 1.0
    for name, count in read.items():
        if not count:
            continue
        if name == PROCESSOR:
            device, layers, own_bits = processor_device(machine), float(shape.layers_all - on_graphics), None
            # Experts left on the processor are work for it in layers that count as the card's.
            layers += 0.5 * placement.processor_experts
        else:
            device = graphics_device(slots[name])
            layers = on_graphics * next(slot.share for slot in placement.gpus if slot.name == name) / shares
            own_bits = bits
        part = token_seconds(device, bytes_read=count, layers=layers, factor=factor if name != PROCESSOR or shape.is_moe else 1.0, bits_per_weight=own_bits)
        seconds += part
        worst = _worse(worst, device.confidence)
        flops = 2 * active * count / whole
        if device.gflops is not None:
            low_prompt += flops / (device.gflops[0] * 1e9)
            high_prompt += flops / (device.gflops[1] * 1e9)
        else:
            low_prompt += part / device.prompt_factor[0]
            high_prompt += part / device.prompt_factor[1]
    tps = 1 / seconds if seconds else 0.0
    if calibration is not None and calibration.samples:
        tps = calibration.tps if calibration.tps is not None else tps * calibration.factor
        worst = "measured" if calibration.samples >= 3 else _better(worst)
    low, high = _RANGES[worst]
    prompt = (1 / low_prompt if low_prompt else 0.0, 1 / high_prompt if high_prompt else 0.0)
    middle = math.sqrt(prompt[0] * prompt[1])
    wait = PROMPT_WORDS * tokens_per_word / middle if middle else 0.0
    full = None
    if tokens_in_cache < params.n_ctx and seconds:
        # Only the bytes of the cache differ; the slowest device holds the most of it.
        later = bytes_read_per_token(header, shape, params, placement, tokens_in_cache=params.n_ctx)
        extra = sum((later[name] - read[name]) / (_device(name, slots, machine).part * _device(name, slots, machine).bandwidth_gbps * 1e9) for name in later)
        full = tps / (1 + extra / seconds)
    return Speed((tps * low, tps * high), prompt, wait, worst, full)


def _device(name: str, slots: dict[str, Gpu], machine: Machine) -> Device:
    return processor_device(machine) if name == PROCESSOR else graphics_device(slots[name])


def measured_speed(generate_tps: float, prompt_tps: float, confidence: Confidence) -> Speed:
    """A speed that was seen: in a reply ("measured") or a rehearsal ("rehearsed")."""
    low, high = _RANGES[confidence]
    return Speed(
        (generate_tps * low, generate_tps * high), (prompt_tps * low, prompt_tps * high), PROMPT_WORDS * TOKENS_PER_WORD / max(prompt_tps, 1e-9), confidence
    )


_ORDER: tuple[Confidence, ...] = ("measured", "rehearsed", "computed", "estimated", "guessed")


def _worse(one: Confidence, other: Confidence) -> Confidence:
    return max(one, other, key=_ORDER.index)


def _better(one: Confidence) -> Confidence:
    return _ORDER[max(2, _ORDER.index(one) - 1)]
