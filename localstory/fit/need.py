"""What a loaded model takes, by part and by device: the values that every method of the fit check answers with."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Literal, TypeAlias

Method: TypeAlias = Literal["exact", "computed", "rehearsed", "measured"]
"""Asked llama.cpp itself on the header (a dry run) · closed formulas · run with zero weights on this machine · a real load here."""

PROCESSOR = "CPU"
"""The processor's name among the devices, as ggml calls it."""


@dataclass(frozen=True, slots=True)
class DeviceNeed:
    """Bytes that one device has to hold."""

    name: str
    """ "CPU", or the graphics card's own name ("CUDA0")."""
    weights_bytes: int = 0
    """Tensors that live here. On the processor they may be a mapped file: pages the system can drop and read again."""
    repacked_bytes: int = 0
    """Of the weights: a second copy in an order that the processor multiplies faster; anonymous memory, on top."""
    kv_bytes: int = 0
    recurrent_bytes: int = 0
    compute_bytes: int = 0
    output_bytes: int = 0
    overhead_bytes: int = 0
    """The engine's own: its process, the vocabulary, a graphics driver's context."""

    @property
    def total_bytes(self) -> int:
        return sum(getattr(self, part.name) for part in fields(self) if part.name != "name")

    @property
    def anonymous_bytes(self) -> int:
        """What can't be dropped and read again: all but weights in a mapped file."""
        return self.total_bytes - self.weights_bytes


@dataclass(frozen=True, slots=True)
class MemoryNeed:
    """What the model needs, device by device; the processor comes first and is always there."""

    devices: tuple[DeviceNeed, ...]
    method: Method

    def _sum(self, part: str) -> int:
        return sum(getattr(device, part) for device in self.devices)

    @property
    def weights_bytes(self) -> int:
        return self._sum("weights_bytes")

    @property
    def repacked_bytes(self) -> int:
        return self._sum("repacked_bytes")

    @property
    def kv_bytes(self) -> int:
        return self._sum("kv_bytes")

    @property
    def recurrent_bytes(self) -> int:
        return self._sum("recurrent_bytes")

    @property
    def compute_bytes(self) -> int:
        return self._sum("compute_bytes")

    @property
    def output_bytes(self) -> int:
        return self._sum("output_bytes")

    @property
    def overhead_bytes(self) -> int:
        return self._sum("overhead_bytes")

    @property
    def total_bytes(self) -> int:
        return self._sum("total_bytes")

    @property
    def processor(self) -> DeviceNeed:
        return self.devices[0]

    @property
    def graphics(self) -> tuple[DeviceNeed, ...]:
        return self.devices[1:]
