"""Which build of the engine the fit check speaks for: the portable one, or an engine pack."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from pathlib import Path

from localstory.fit.weights import shipped_features
from localstory.hardware.machine import Machine, seen_by

_FEATURES = {"AVX2": "avx2", "AVX512": "avx512f", "DOTPROD": "asimddp", "MATMUL_INT8": "i8mm"}
"""As ggml names them (ggml/src/ggml-cpu/ggml-cpu.cpp) -> as the kernel does."""
_ARM = ("asimd", "neon", "i8mm", "sve", "sme")


@dataclass(frozen=True, slots=True)
class EngineBuild:
    """A build of llama.cpp."""

    name: str = ""
    """Of the engine pack; "" is the portable build."""
    folder: Path | None = None
    """Where its package `llama_cpp` lies; None: the installed one."""
    system_info: str = ""
    """What it was built with, as ggml says it ("CPU : SSE3 = 1 | …")."""

    def features(self, features: tuple[str, ...] | None) -> tuple[str, ...] | None:
        """Of a processor's instruction sets, those for which this build has code that keeps weights a second time."""
        return repacking_features(self.system_info, features) if self.system_info else shipped_features(features)

    def on(self, machine: Machine) -> Machine:
        """The machine as this build can use it: the graphics cards it sees, and no instruction set it has no code for."""
        machine = seen_by(machine, self.name)
        features = machine.cpu.features
        if not self.system_info or features is None or _is_arm(features) or "AVX2 = 1" in self.system_info:
            return machine
        return replace(machine, cpu=replace(machine.cpu, features=tuple(name for name in features if not name.startswith(("avx2", "avx512", "fma")))))


PORTABLE = EngineBuild()


def repacking_features(system_info: str, features: tuple[str, ...] | None) -> tuple[str, ...]:
    """The instruction sets by which this engine keeps weights a second time: those it was built with, as the kernel names them.

    A portable build leaves out what the processor could do (AVX-512, say), and one for old processors has none of them.
    `features` are those of the processor that is asked about; of one of another kind (an ARM machine, asked about here) they
    are taken as they are.
    """
    told = {word for word, value in re.findall(r"(\w+) = (\d+)", system_info) if value != "0"}
    if "REPACK" not in told:
        return ()
    built = {ours for theirs, ours in _FEATURES.items() if theirs in told}
    if features is None:
        return tuple(sorted(built))
    if features and _is_arm(features) != bool(told & {"NEON", "ARM_FMA", "DOTPROD"}):
        return features
    return tuple(sorted(built & set(features)))


def _is_arm(features: tuple[str, ...]) -> bool:
    return any(name.startswith(_ARM) for name in features)
