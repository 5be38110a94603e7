"""What llama.cpp says about its memory while it loads, as numbers per device. Pure: lines in, values out.

It reads the log of a real load and of a dry run (`no_alloc`), of today's engine and of those from about a year back.
Sources of the lines: llama.cpp src/llama-model.cpp (`load_tensors`), src/llama-context.cpp (output, compute, flash
attention), src/llama-kv-cache.cpp, src/llama-memory-recurrent.cpp, src/llama-kv-cache-dsv4.cpp.

A log may hold more than one load: fit probes of other programs, a context that failed, a second model. The last one
counts, and nothing is added up across loads. Inside one load every cache line is added: a model with a sliding window
has two.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from localstory.fit.need import PROCESSOR, DeviceNeed, MemoryNeed, Method

MIB = 1 << 20

_BUFFER = re.compile(r"([A-Za-z_][\w.\[\]:-]*)\s+(?:DSV4 \S+ )?(model|KV|compute|output|RS|state)\s+buffer size\s*=\s*(\d+(?:\.\d+)?)\s*MiB")
_CACHE = re.compile(r"llama_kv_cache\w*: size\s*=\s*(\d+(?:\.\d+)?) MiB\s*\(\s*(\d+) cells,\s*(\d+) layers,\s*(\d+)(?:/\s*(\d+))? seqs\)")
_STATE = re.compile(r"llama_memory_recurrent: size\s*=\s*(\d+(?:\.\d+)?) MiB\s*\(\s*(\d+) cells")
_CACHE_LAYER = re.compile(r"llama_kv_cache\w*: layer\s+(\d+):.*\bdev = (\S+)")
_OFFLOADED = re.compile(r"offloaded (\d+)/(\d+) layers")
_FLASH = re.compile(r"Flash Attention (?:was auto, set to )?(enabled|disabled|not supported)|flash_attn\s*= (enabled|disabled|auto|0|1)\b")
_NEW_MODEL = re.compile(r"load_tensors: loading model tensors|llama_model_loader: loaded meta data")
_NEW_CONTEXT = re.compile(r"llama_context: constructing|llama_new_context_with_model: n_ctx |llama_init_from_model: n_ctx ")

_REPACKED = ("CPU_REPACK", "CPU_AARCH64", "AMX", "CPU_KLEIDIAI")
"""Buffers that hold weights a second time, in an order the processor multiplies faster (ggml/src/ggml-cpu)."""
_PROCESSOR_BUFFERS = ("CPU", "BLAS", "AMX", "ACCELERATE", "Accelerate")


@dataclass(frozen=True, slots=True)
class CacheLine:
    """One KV cache as the engine made it."""

    size_bytes: int
    cells: int
    layers: int
    sequences: int
    by_device: tuple[tuple[str, int], ...] = ()
    """Layers of it per device, where the log tells (its debug lines do)."""


@dataclass(slots=True)
class EngineLog:
    """The figures of the last load in a log; sizes in bytes by the engine's own buffer name ("CPU_Mapped", "CUDA0")."""

    model: dict[str, int] = field(default_factory=dict)
    kv: dict[str, int] = field(default_factory=dict)
    """What was really reserved: zero in a dry run."""
    caches: list[CacheLine] = field(default_factory=list)
    """What each cache is made for: the same in a dry run."""
    recurrent: dict[str, int] = field(default_factory=dict)
    recurrent_total: int = 0
    compute: dict[str, int] = field(default_factory=dict)
    output: dict[str, int] = field(default_factory=dict)
    offloaded: tuple[int, int] | None = None
    """(layers on graphics, layers that could be); None where the build has no graphics."""
    flash_attention: bool | None = None
    """Whether it is used in fact; None when the log doesn't say."""

    @property
    def kv_bytes(self) -> int:
        """All caches together."""
        return max(sum(self.kv.values()), sum(cache.size_bytes for cache in self.caches))

    @property
    def recurrent_bytes(self) -> int:
        return max(sum(self.recurrent.values()), self.recurrent_total)

    @property
    def compute_bytes(self) -> int:
        return sum(self.compute.values())

    @property
    def output_bytes(self) -> int:
        return sum(self.output.values())

    @property
    def has_context(self) -> bool:
        """Whether a context was made to its end: its working memory is told last."""
        return bool(self.compute)


def device_of(buffer: str) -> str:
    """The device whose memory a buffer takes: "CUDA0" for "CUDA0"; the processor for "CPU_Mapped", "CUDA_Host" and the like."""
    if buffer.endswith("_Host") or buffer.startswith(_PROCESSOR_BUFFERS):
        return PROCESSOR
    for suffix in ("_Mapped", "_Private", "_Split"):
        buffer = buffer.removesuffix(suffix)
    return buffer


def read_log(lines: Iterable[str]) -> EngineLog:
    """The figures of the last load that `lines` tell of. Lines it doesn't know are passed over; it raises nothing."""
    log = EngineLog()
    layers: dict[str, int] = {}
    for line in lines:
        if _NEW_MODEL.search(line):
            log, layers = EngineLog(), {}
        elif _NEW_CONTEXT.search(line):
            log = EngineLog(model=log.model, offloaded=log.offloaded)
            layers = {}
        elif found := _BUFFER.search(line):
            _add_buffer(log, found[1], found[2], _bytes(found[3]))
        elif found := _CACHE.search(line):
            log.caches.append(CacheLine(_bytes(found[1]), int(found[2]), int(found[3]), int(found[4]), tuple(layers.items())))
            layers = {}
        elif found := _CACHE_LAYER.search(line):
            layers[found[2]] = layers.get(found[2], 0) + 1
        elif found := _STATE.search(line):
            log.recurrent_total += _bytes(found[1])
        elif found := _OFFLOADED.search(line):
            log.offloaded = int(found[1]), int(found[2])
        elif found := _FLASH.search(line):
            word = found[1] or found[2]
            if word != "auto":
                log.flash_attention = word in ("enabled", "1")
    return log


def memory_need(log: EngineLog, method: Method, *, weights: Mapping[str, tuple[int, int]] | None = None) -> MemoryNeed:
    """The figures as parts per device, the processor first.

    `weights`: (bytes, repacked bytes) by device name from the tensor table; a dry run's log has none, and a mapped file's
    line tells the span in the file, which overlaps what went to graphics. Without it the log's own lines are taken.
    """
    if weights is None:
        found: dict[str, tuple[int, int]] = {}
        for name, size in log.model.items():
            plain, repacked = found.get(device_of(name), (0, 0))
            found[device_of(name)] = (plain, repacked + size) if name in _REPACKED else (plain + size, repacked)
        weights = found
    kv = _by_device(log.kv) if any(log.kv.values()) else _shared_out(log.caches)
    recurrent = _by_device(log.recurrent) if any(log.recurrent.values()) else {PROCESSOR: log.recurrent_total}
    compute, output = _by_device(log.compute), _by_device(log.output)
    names = dict.fromkeys([PROCESSOR, *weights, *kv, *recurrent, *compute, *output])
    return MemoryNeed(
        tuple(
            DeviceNeed(
                name,
                weights_bytes=weights.get(name, (0, 0))[0],
                repacked_bytes=weights.get(name, (0, 0))[1],
                kv_bytes=kv.get(name, 0),
                recurrent_bytes=recurrent.get(name, 0),
                compute_bytes=compute.get(name, 0),
                output_bytes=output.get(name, 0),
            )
            for name in names
        ),
        method,
    )


def _bytes(mebibytes: str) -> int:
    """The engine tells two decimals: a byte count is right to 5 KiB."""
    return round(float(mebibytes) * MIB)


def _add_buffer(log: EngineLog, name: str, part: str, size: int) -> None:
    match part:
        case "model":
            log.model[name] = log.model.get(name, 0) + size  # one line per file of a split model
        case "KV":
            log.kv[name] = log.kv.get(name, 0) + size
        case "RS" | "state":
            log.recurrent[name] = log.recurrent.get(name, 0) + size
        case "compute":
            log.compute[name] = size  # told again when it is reserved anew: the last is in force
        case _:
            log.output[name] = size


def _by_device(buffers: Mapping[str, int]) -> dict[str, int]:
    found: dict[str, int] = {}
    for name, size in buffers.items():
        found[device_of(name)] = found.get(device_of(name), 0) + size
    return found


def _shared_out(caches: Iterable[CacheLine]) -> dict[str, int]:
    """A dry run's caches by device: each by its layers there. The layers of one cache are of one size but for rare models."""
    found: dict[str, int] = {}
    for cache in caches:
        shares = cache.by_device or ((PROCESSOR, 1),)
        layers = sum(count for _name, count in shares)
        for name, count in shares:
            device = device_of(name)
            found[device] = found.get(device, 0) + round(cache.size_bytes * count / layers)
    return found
