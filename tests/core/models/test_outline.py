"""Headers built from shapes: compared with real files and with the sizes their makers publish."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from localstory.gguf.header import Array, Header, check_file
from localstory.models.catalogue import header_of, shipped_catalogue
from localstory.models.outline import header_from_shape

CATALOGUE = shipped_catalogue()


def shape_from(header: Header, **more: Any) -> dict[str, Any]:
    """The catalogue's form of a real file's facts."""
    prefix = header.architecture + "."
    shape: dict[str, Any] = {"architecture": header.architecture, **more}
    for key, value in header.metadata.items():
        if key.startswith(prefix):
            shape[key.removeprefix(prefix)] = tuple(value.values or ()) if isinstance(value, Array) else value
    tokens = header.metadata.get("tokenizer.ggml.tokens")
    if "vocab_size" not in shape and isinstance(tokens, Array):
        shape["vocab_size"] = tokens.length
    return shape


def facts_of(header: Header) -> dict[str, tuple[tuple[int, ...], str, int]]:
    return {tensor.name: (tensor.shape, tensor.type.name, tensor.size_bytes) for tensor in header.tensors}


def test_a_llama_header_is_the_real_one_tensor_by_tensor(smollm2: Path) -> None:
    real = check_file(smollm2)
    built = header_from_shape(shape_from(real, tied_embeddings=True), "Q4_1", smollm2.stat().st_size)
    assert built is not None
    assert facts_of(built) == facts_of(real)
    assert built.data_offset == real.data_offset
    assert (built.parameters, built.quantisation, built.context_length) == (real.parameters, "Q4_1", real.context_length)


def test_a_gemma_header_is_the_real_one_tensor_by_tensor(gemma3: Path) -> None:
    real = check_file(gemma3)
    built = header_from_shape(shape_from(real, tied_embeddings=True), "Q4_K_M", gemma3.stat().st_size)
    assert built is not None
    assert facts_of(built) == facts_of(real)
    assert built.data_offset == real.data_offset


PLAIN_MIXES = [
    (entry, file)
    for entry in CATALOGUE.texts
    for file in entry.files
    if file.size_is_exact and not file.quantisation.startswith("UD-") and file.repo.split("/")[0] not in ("unsloth", "bartowski", "google")
]


@pytest.mark.parametrize(("entry", "file"), PLAIN_MIXES, ids=[file.file for _entry, file in PLAIN_MIXES])
def test_tensors_and_mix_add_up_to_the_published_size(entry: Any, file: Any) -> None:
    """What is left beside the tensors is a header of plausible length: shape and mix are right to the byte."""
    header = header_of(entry, file)
    assert header is not None
    for tensor in header.tensors:
        kind = tensor.type
        assert tensor.size_bytes == tensor.elements // kind.block_length * kind.block_bytes, f"{tensor.name} was stretched"
    assert 1_000_000 < header.data_offset < 28_000_000


def test_a_rough_size_stretches_the_weights_and_nothing_else() -> None:
    entry = CATALOGUE.text("starcoder2-7b")
    assert entry is not None
    header = header_of(entry)
    assert header is not None
    assert header.data_offset + header.data_bytes == pytest.approx(entry.default.size_bytes, abs=32)
    norms = [tensor for tensor in header.tensors if tensor.type.name == "F32"]
    assert norms and all(tensor.size_bytes == tensor.elements * 4 for tensor in norms)
    ends = [tensor.offset + -(-tensor.size_bytes // 32) * 32 for tensor in header.tensors]
    assert [tensor.offset for tensor in header.tensors[1:]] == ends[:-1]


def test_a_sliding_window_is_told_layer_by_layer_for_gemma_4() -> None:
    entry = CATALOGUE.text("gemma-4-12b")
    assert entry is not None
    header = header_of(entry)
    assert header is not None
    pattern = header.metadata["gemma4.attention.sliding_window_pattern"]
    assert isinstance(pattern, Array) and pattern.values is not None
    assert len(pattern.values) == 48 and pattern.values[:6] == (True, True, True, True, True, False)


def test_of_an_unknown_architecture_or_mix_no_header_is_made() -> None:
    shape = dict((CATALOGUE.text("qwen3-8b") or CATALOGUE.texts[0]).shape or {})
    assert header_from_shape({**shape, "architecture": "newformer"}, "Q4_K_M", 1 << 30) is None
    assert header_from_shape(shape, "X9_Z", 1 << 30) is None


PUBLISHED_PARAMETERS = {
    # As the hub's API counts the weights of the makers' own repositories; the word table once where it is shared.
    "qwen3-4b-2507": 4_022_468_096, "qwen3-8b": 8_190_735_360, "qwen3-14b": 14_768_307_200, "qwen3-32b": 32_762_123_264, "qwen3-30b-a3b": 30_532_122_624,
    "qwen2.5-7b": 7_615_616_512, "gpt-oss-20b": 20_914_757_184, "phi-4": 14_659_507_200, "gemma-3-1b": 999_885_952, "starcoder2-7b": 7_173_923_840,
    "starcoder2-15b-instruct": 15_957_889_024, "smollm2-1.7b": 1_711_376_384, "llama-3.1-8b": 8_030_261_248 + 64, "llama-3.2-3b": 3_212_749_824 + 64,
}  # fmt: skip
"""Llama's files hold 64 factors of the rotation more than its makers count."""


@pytest.mark.parametrize("entry_id", PUBLISHED_PARAMETERS)
def test_the_tensors_hold_as_many_numbers_as_the_makers_count(entry_id: str) -> None:
    entry = CATALOGUE.text(entry_id)
    assert entry is not None
    header = header_of(entry)
    assert header is not None and header.parameters == PUBLISHED_PARAMETERS[entry_id]


@pytest.mark.parametrize("entry_id", ["llama-3.1-8b", "llama-3.2-3b", "qwen2.5-7b", "mistral-small-3.2-24b", "qwen3-4b-2507", "qwen3-30b-a3b-2507"])
def test_every_mix_of_one_repository_leaves_the_same_header(entry_id: str) -> None:
    """Quantisations of one model share everything but the tensor table, so a wrong type in any mix shows here to the byte."""
    entry = CATALOGUE.text(entry_id)
    assert entry is not None and len(entry.files) >= 4
    lengths = [header.data_offset for file in entry.files if (header := header_of(entry, file)) is not None]
    assert len(lengths) == len(entry.files) and max(lengths) - min(lengths) < 1024
