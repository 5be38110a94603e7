"""LoRA adapters made by code: small random matrices for a model's own tensors, written as the GGUF format describes."""

from __future__ import annotations

import random
import struct
from pathlib import Path

from localstory.gguf.header import check_file
from tests.fakes.gguf_files import F32, STRING, U32, array, gguf, pair, tensor

_F32_TENSOR = 0


def write_lora(
    path: Path, model: Path, *, seed: int = 1, rank: int = 4, size: float = 0.5, architecture: str = "", wrong_rows: int = 0, alora: bool = False
) -> Path:
    """An adapter over the value projections of `model`. `size`: how large its numbers are."""
    header = check_file(model)
    draw = random.Random(seed)
    pairs = [
        pair("general.type", STRING, "adapter"),
        pair("general.architecture", STRING, architecture or header.architecture),
        pair("adapter.type", STRING, "lora"),
        pair("adapter.lora.alpha", F32, float(rank)),
    ]
    if alora:
        pairs.append(array("adapter.alora.invocation_tokens", U32, [1, 2]))
    tensors, data = [], b""
    for one in header.tensors:
        if not one.name.endswith("attn_v.weight"):
            continue
        inputs, outputs = one.shape[0], one.shape[1] + wrong_rows
        for part, shape in (("lora_a", (inputs, rank)), ("lora_b", (rank, outputs))):
            data += b"\0" * (-len(data) % 32)
            tensors.append(tensor(f"{one.name}.{part}", shape, _F32_TENSOR, len(data)))
            count = shape[0] * shape[1]
            data += struct.pack(f"<{count}f", *(draw.gauss(0.0, size / 10) for _number in range(count)))
    path.write_bytes(gguf(pairs, tensors) + data)
    return path
