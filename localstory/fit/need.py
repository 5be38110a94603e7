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
    """A second copy of part of the weights, in an order that the processor multiplies faster. While it is there, the
    pages of the file that it was made from can be dropped: so it is shown, and not counted twice in the total."""
    kv_bytes: int = 0
    recurrent_bytes: int = 0
    compute_bytes: int = 0
    output_bytes: int = 0
    overhead_bytes: int = 0
    """The engine's own: its process, the vocabulary, a graphics driver's context."""

    @property
    def total_bytes(self) -> int:
        """What has to be in memory for every token: the sum of the parts, repacked weights counted once."""
        return sum(getattr(self, part.name) for part in fields(self) if part.name not in ("name", "repacked_bytes"))

    @property
    def anonymous_bytes(self) -> int:
        """What can't be dropped and read again: all but the weights in a mapped file, and their repacked copy."""
        return self.total_bytes - self.weights_bytes + self.repacked_bytes

    @property
    def resident_bytes(self) -> int:
        """What the system shows for the process once every page was touched, as long as it drops none."""
        return self.total_bytes + self.repacked_bytes


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
    def resident_bytes(self) -> int:
        return self._sum("resident_bytes")

    @property
    def processor(self) -> DeviceNeed:
        return self.devices[0]

    @property
    def graphics(self) -> tuple[DeviceNeed, ...]:
        return self.devices[1:]
