"""Weights by device: llama.cpp's own rules, its own logs, and sums that must agree."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from localstory.fit.estimate import ON_PROCESSOR, GraphicsSlot, Placement
from localstory.fit.need import PROCESSOR
from localstory.fit.shape import shape_of
from localstory.fit.weights import WeightPlan, layer_devices, weights_on
from localstory.gguf.header import check_file
from tests.fakes.model_headers import MODELS, model

MIB = 1 << 20
CARD = (GraphicsSlot("CUDA0", "cuda"),)
TWO_CARDS = (GraphicsSlot("CUDA0", "cuda", 3.0), GraphicsSlot("CUDA1", "cuda", 1.0))
AVX2, AVX512 = ("avx2",), ("avx2", "avx512f")


def plan(name: str, placement: Placement = ON_PROCESSOR, *, quantisation: str = "", features: tuple[str, ...] | None = None) -> WeightPlan:
    header = model(name, quantisation).header()
    return weights_on(header, shape_of(header), placement, features=features)


def mib(size: int) -> float:
    return round(size / MIB, 2)


def test_gemma_2_2b_weighs_what_llama_cpp_logged() -> None:
    # A published log: CPU_Mapped 1623.67 MiB, CPU_REPACK 921.38 MiB (gemma-2-2b Q4_K_M on a processor with AVX2).
    weights = plan("gemma2-2b", features=AVX2).devices[PROCESSOR]
    assert (mib(weights.bytes), mib(weights.repacked_bytes)) == (1623.67, 921.38)


def test_a_whole_model_on_graphics_leaves_the_input_embeddings_behind() -> None:
    # A published log of Qwen3-Coder-30B-A3B Q8_0: CUDA0 30658.12 MiB, CPU_Mapped 315.30 MiB.
    devices = plan("qwen3-30b-a3b", Placement(CARD, 99), quantisation="Q8_0").devices
    # CUDA pads each of the 579 tensors to 128 bytes.
    assert devices["CUDA0"].bytes / MIB == pytest.approx(30658.12, abs=0.05)
    assert mib(devices[PROCESSOR].bytes) == 315.30


def test_real_files_weigh_what_they_hold(smollm2: Path, gemma3: Path) -> None:
    for path, logged in ((smollm2, 92.10), (gemma3, 235.16)):
        header = check_file(path)
        assert mib(weights_on(header, shape_of(header), ON_PROCESSOR).devices[PROCESSOR].bytes) == logged


def test_the_output_goes_to_graphics_first() -> None:
    weights = plan("qwen3-8b", Placement(CARD, 1))
    output = next(tensor for tensor in model("qwen3-8b").header().tensors if tensor.name == "output.weight")
    norm = next(tensor for tensor in model("qwen3-8b").header().tensors if tensor.name == "output_norm.weight")
    assert weights.devices["CUDA0"].bytes == output.size_bytes + norm.size_bytes


def test_layers_go_to_graphics_from_the_back() -> None:
    shape = shape_of(model("qwen3-8b").header())
    devices = layer_devices(shape, Placement(CARD, 4))
    assert devices == (PROCESSOR,) * 33 + ("CUDA0",) * 4  # three layers and the output


def test_tied_embeddings_are_loaded_twice_once_the_output_is_on_graphics() -> None:
    here, there = plan("gemma3-4b").devices, plan("gemma3-4b", Placement(CARD, 99)).devices
    embedding = next(tensor for tensor in model("gemma3-4b").header().tensors if tensor.name == "token_embd.weight")
    assert there[PROCESSOR].bytes == embedding.size_bytes
    assert there["CUDA0"].bytes + there[PROCESSOR].bytes == here[PROCESSOR].bytes + embedding.size_bytes


def test_several_cards_share_the_layers_by_their_memory() -> None:
    # upper_bound over the cumulative shares, as llama.cpp does: 37 parts, three to one.
    devices = layer_devices(shape_of(model("qwen3-8b").header()), Placement(TWO_CARDS, 37))
    assert (devices.count("CUDA0"), devices.count("CUDA1"), devices[0], devices[-1]) == (28, 9, "CUDA0", "CUDA1")


def test_experts_stay_on_the_processor_where_asked() -> None:
    header = model("qwen3-30b-a3b").header()
    experts = sum(tensor.size_bytes for tensor in header.tensors if "_exps." in tensor.name and int(tensor.name.split(".")[1]) < 10)
    some, none = plan("qwen3-30b-a3b", Placement(CARD, 99, 10)).devices, plan("qwen3-30b-a3b", Placement(CARD, 99)).devices
    assert some[PROCESSOR].bytes - none[PROCESSOR].bytes == experts


def test_layers_for_guessing_ahead_are_not_loaded() -> None:
    made = model("qwen3-8b").with_facts(nextn_predict_layers=1)
    header = made.header()
    last = sum(tensor.size_bytes for tensor in header.tensors if tensor.name.startswith("blk.35."))
    whole = weights_on(model("qwen3-8b").header(), shape_of(model("qwen3-8b").header()), ON_PROCESSOR).devices[PROCESSOR].bytes
    assert weights_on(header, shape_of(header), ON_PROCESSOR).devices[PROCESSOR].bytes == whole - last


def test_an_unknown_processor_repacks_nothing() -> None:
    assert plan("gemma2-2b").devices[PROCESSOR].repacked_bytes == 0


def test_q8_is_repacked_on_arm_and_not_on_x86() -> None:
    assert plan("qwen3-8b", quantisation="Q8_0", features=AVX512).devices[PROCESSOR].repacked_bytes == 0
    assert plan("qwen3-8b", quantisation="Q8_0", features=("asimddp", "i8mm")).devices[PROCESSOR].repacked_bytes > 0


def test_beside_an_nvidia_card_nothing_is_repacked() -> None:
    # Its pinned memory comes before the repacked kind among the buffers for the processor's weights.
    assert plan("qwen3-8b", Placement(CARD, 10), features=AVX2).devices[PROCESSOR].repacked_bytes == 0
    assert plan("qwen3-8b", Placement((GraphicsSlot("MTL0", "metal"),), 10), features=AVX2).devices[PROCESSOR].repacked_bytes > 0


def test_the_tied_output_of_a_repacked_kind_counts_among_the_repacked() -> None:
    header = model("llama3.2-1b", "Q4_0").header()
    embedding = next(tensor for tensor in header.tensors if tensor.name == "token_embd.weight")
    repacked = weights_on(header, shape_of(header), ON_PROCESSOR, features=AVX2).devices[PROCESSOR].repacked_bytes
    matrices = sum(tensor.size_bytes for tensor in header.tensors if len(tensor.shape) == 2 and tensor.name.startswith("blk."))
    assert repacked == matrices + embedding.size_bytes


@settings(max_examples=60, deadline=None)
@given(name=st.sampled_from(sorted(MODELS)), quantisation=st.sampled_from(["Q4_K_M", "Q8_0"]), layers=st.integers(0, 70), experts=st.integers(0, 70))
def test_more_layers_on_graphics_never_put_more_weights_on_the_processor(name: str, quantisation: str, layers: int, experts: int) -> None:
    kind = "" if name == "gpt-oss-20b" else quantisation
    fewer, more = (plan(name, Placement(CARD, count, experts), quantisation=kind).devices[PROCESSOR].bytes for count in (layers, layers + 1))
    if experts == 0:
        assert more <= fewer


@settings(max_examples=60, deadline=None)
@given(name=st.sampled_from(sorted(MODELS)), cards=st.sampled_from([CARD, TWO_CARDS]), layers=st.integers(0, 70), experts=st.integers(0, 70))
def test_the_devices_together_hold_the_whole_model(name: str, cards: tuple[GraphicsSlot, ...], layers: int, experts: int) -> None:
    made = model(name)
    together = sum(weights.bytes for weights in plan(name, Placement(cards, layers, experts)).devices.values())
    embedding = next(tensor.size_bytes for tensor in made.header().tensors if tensor.name == "token_embd.weight")
    twice = embedding if MODELS[name].tied and layers > 0 else 0
    assert together == made.weights_bytes + twice


@pytest.mark.parametrize("share", [0.0, -1.0])
def test_a_card_without_memory_takes_nothing_from_the_others(share: float) -> None:
    cards = (GraphicsSlot("CUDA0", "cuda", 1.0), GraphicsSlot("CUDA1", "cuda", share))
    assert "CUDA1" not in layer_devices(shape_of(model("qwen3-8b").header()), Placement(cards, 37))
