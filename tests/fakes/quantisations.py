"""A repository with 25 quantisations of one real shape, as the big publishers make them: headers true to the byte, no weights."""

from __future__ import annotations

import struct
from functools import lru_cache

from tests.fakes.gguf_files import F32, I32, STRING, U32, array, pair, tensor
from tests.fakes.hub_server import Content
from tests.fakes.model_headers import ALIGNMENT, NUMBER_OF, TensorPlan, model, tensor_bytes, tokenizer_pairs

# name -> (general.file_type, what stands for Q4_K, what stands for Q6_K): roughly llama-quantize's choices.
QUANTISATIONS: dict[str, tuple[int, str, str]] = {
    "IQ1_S": (24, "IQ1_S", "IQ2_XXS"), "IQ1_M": (31, "IQ1_M", "IQ2_XXS"), "IQ2_XXS": (19, "IQ2_XXS", "IQ3_XXS"), "IQ2_XS": (20, "IQ2_XS", "IQ3_XXS"),
    "IQ2_S": (28, "IQ2_S", "IQ3_S"), "IQ2_M": (29, "IQ2_S", "IQ4_XS"), "Q2_K": (10, "Q2_K", "Q3_K"), "Q2_K_L": (10, "Q2_K", "Q8_0"),
    "IQ3_XXS": (23, "IQ3_XXS", "IQ3_S"), "IQ3_XS": (22, "IQ3_S", "IQ3_XXS"), "IQ3_M": (27, "IQ3_S", "Q4_K"), "Q3_K_S": (11, "Q3_K", "Q3_K"),
    "Q3_K_M": (12, "Q3_K", "Q5_K"), "Q3_K_L": (13, "Q3_K", "Q6_K"), "IQ4_XS": (30, "IQ4_XS", "Q5_K"), "IQ4_NL": (25, "IQ4_NL", "Q5_K"),
    "Q4_0": (2, "Q4_0", "Q6_K"), "Q4_1": (3, "Q4_1", "Q6_K"), "Q4_K_S": (14, "Q4_K", "Q5_K"), "Q4_K_M": (15, "Q4_K", "Q6_K"),
    "Q5_K_S": (16, "Q5_K", "Q5_K"), "Q5_K_M": (17, "Q5_K", "Q6_K"), "Q6_K": (18, "Q6_K", "Q6_K"), "Q8_0": (7, "Q8_0", "Q8_0"), "BF16": (32, "BF16", "BF16"),
}  # fmt: skip


@lru_cache(maxsize=64)
def quantised(quantisation: str, shape: str = "gemma3-27b", *, merges: int = 0, layers: int | None = None) -> Content:
    """One file. `merges`: that many merge rules beside the vocabulary, as byte-pair tokenizers have."""
    number, low, high = QUANTISATIONS[quantisation]
    made = model(shape)
    metadata = made.metadata | {"general.file_type": number, "general.name": f"{shape} {quantisation}"}
    metadata.pop("tokenizer.ggml.model")
    kinds = {int: U32, float: F32, str: STRING}
    pairs = [pair(key, kinds[type(value)], value) for key, value in metadata.items() if type(value) in kinds]
    pairs += tokenizer_pairs(made.vocabulary)
    if merges:
        pairs += [array("tokenizer.ggml.merges", STRING, [f"▁t {rule}" for rule in range(merges)])]
    pairs += [pair("tokenizer.chat_template", STRING, "{% for message in messages %}" * 60)]
    if "K" in quantisation or "I" in quantisation:  # the importance matrix it was made with
        pairs += [pair("quantize.imatrix.file", STRING, f"{shape}-imatrix.gguf"), pair("quantize.imatrix.entries_count", I32, 434)]
    plans = [TensorPlan(plan.name, {"Q4_K": low, "Q6_K": high}.get(plan.type, plan.type), plan.shape) for plan in made.tensors[:layers]]
    tensors, offset = [], 0
    for plan in plans:
        tensors.append(tensor(plan.name, plan.shape, NUMBER_OF[plan.type], offset))
        offset += -(-tensor_bytes(plan) // ALIGNMENT) * ALIGNMENT
    head = b"GGUF" + struct.pack("<IQQ", 3, len(tensors), len(pairs)) + b"".join(pairs) + b"".join(tensors)
    head += b"\0" * (-len(head) % ALIGNMENT)
    return Content(head, size=len(head) + offset)


def repository(shape: str = "gemma3-27b", *, merges: int = 0) -> dict[str, Content]:
    """path -> file, all 25."""
    return {f"{shape}-it-{name}.gguf": quantised(name, shape, merges=merges) for name in QUANTISATIONS}
