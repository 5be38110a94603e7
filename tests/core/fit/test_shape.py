"""Hyper-parameters from headers: llama.cpp's own defaults, and headers that lie."""

from __future__ import annotations

import io
import time
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from localstory.fit.architectures import ARCHITECTURES, MAX_LAYERS
from localstory.fit.context_params import context_params
from localstory.fit.estimate import ON_PROCESSOR, bytes_read_per_token, formula_need
from localstory.fit.shape import ModelShape, shape_of
from localstory.gguf.header import Array, BadGguf, Header, read_header
from tests.fakes.memory_cases import shape_of_published
from tests.fakes.model_headers import model


def header_with(architecture: str = "llama", **facts: Any) -> Header:
    """A header with four small layers and these facts; `attention__head_count=0` sets "attention.head_count", None removes."""
    metadata: dict[str, Any] = {
        "block_count": 4, "embedding_length": 64, "context_length": 4096, "attention.head_count": 4, "feed_forward_length": 128, "vocab_size": 100,
    }  # fmt: skip
    metadata |= {name.replace("__", "."): value for name, value in facts.items()}
    full = {f"{architecture}.{name}": value for name, value in metadata.items() if value is not None}
    return Header(3, {"general.architecture": architecture} | full, (), 32, 0)


def listed(*values: Any) -> Array:
    return Array(len(values), values)


def windows(shape: ModelShape) -> str:
    """One letter a layer: w for a window, F for full attention."""
    return "".join("w" if swa else "F" for swa in shape.swa)


def test_heads_default_to_the_embedding_over_the_heads_and_values_to_keys() -> None:
    shape = shape_of(header_with())
    assert (shape.key_length, shape.value_length, shape.kv_heads) == (16, 16, (4, 4, 4, 4))


def test_one_number_stands_for_all_layers_and_a_list_for_each() -> None:
    shape = shape_of(header_with(attention__head_count_kv=listed(2, 0, 2, 1)))
    assert shape.kv_heads == (2, 0, 2, 1)
    assert shape.feed_forward == (128,) * 4


def test_layers_for_guessing_ahead_hold_weights_and_no_cache() -> None:
    shape = shape_of(header_with(nextn_predict_layers=1))
    assert (shape.layers_all, shape.layers, shape.has_cache) == (4, 3, (True, True, True, False))


@pytest.mark.parametrize(
    ("architecture", "layers", "pattern"),
    [
        ("gemma3", 12, "wwwwwFwwwwwF"),
        ("gemma2", 4, "wFwF"),
        ("gpt-oss", 4, "wFwF"),
        ("gemma3n", 10, "wwwwFwwwwF"),
        ("cohere2", 8, "wwwFwwwF"),
        ("cohere2moe", 8, "FwwwFwww"),
        ("plamo3", 8, "wwwwwwwF"),
        ("modern-bert", 6, "FwwFww"),
    ],
)
def test_each_family_lays_out_its_windows_its_own_way(architecture: str, layers: int, pattern: str) -> None:
    # The patterns as the models' papers tell them: five local to one global in Gemma 3, every other in Gemma 2 and gpt-oss …
    shape = shape_of(header_with(architecture, block_count=layers, attention__sliding_window=512))
    assert windows(shape) == pattern
    assert shape.sliding_window == 512


def test_the_header_s_own_list_of_windows_wins() -> None:
    shape = shape_of(header_with("gemma3", attention__sliding_window=512, attention__sliding_window_pattern=listed(False, True, True, False)))
    assert windows(shape) == "FwwF"


def test_the_header_s_own_period_wins_too() -> None:
    assert windows(shape_of(header_with("gemma3", attention__sliding_window=512, attention__sliding_window_pattern=2))) == "wFwF"


@pytest.mark.parametrize("architecture", ["llama", "qwen2", "mistral3", "phi3"])
def test_a_window_that_llama_cpp_ignores_is_ignored(architecture: str) -> None:
    shape = shape_of(header_with(architecture, attention__sliding_window=512))
    assert (shape.sliding_window, any(shape.swa)) == (0, False)


def test_exaone4_slides_only_in_its_large_model() -> None:
    assert not any(shape_of(header_with("exaone4", attention__sliding_window=512)).swa)
    assert windows(shape_of(header_with("exaone4", block_count=64)))[:8] == "wwwFwwwF"


def test_gemma2_slides_by_4096_when_the_header_does_not_tell() -> None:
    assert shape_of(header_with("gemma2")).sliding_window == 4096


def test_gemma4_s_last_layers_borrow_their_cache() -> None:
    shape = shape_of_published("Gemma-4-E4B-Uncensored-HauhauCS-Aggressive-Q4_K_M.gguf")
    assert sum(shape.has_cache) == 24  # "kv_cache_layers": 24 in public profiles of the model
    assert sum(shape.swa) == 35


def test_every_fourth_layer_of_qwen35_attends() -> None:
    shape = shape_of_published("Qwen3.x-27B hybrid")
    assert sum(shape.has_cache) == 16
    assert shape.recurrent[:4] == (True, True, True, False)
    assert (shape.recurrent_row, shape.recurrent_state) == (3 * (6144 + 2 * 16 * 128), 128 * 6144)


def test_a_nemotron_layer_is_one_thing_only() -> None:
    shape = shape_of_published("NVIDIA-Nemotron-3.5-Lightning-30B-A3B-UD-Q4_K_M.gguf")
    assert (sum(shape.has_cache), sum(shape.recurrent), sum(width > 0 for width in shape.feed_forward)) == (6, 23, 23)


def test_falcon_h1_keeps_both_in_every_layer() -> None:
    facts = {"ssm__conv_kernel": 4, "ssm__inner_size": 128, "ssm__state_size": 16, "ssm__group_count": 1, "ssm__time_step_rank": 4}
    shape = shape_of(header_with("falcon-h1", **facts))
    assert shape.has_cache == shape.recurrent == (True,) * 4


def test_latent_attention_needs_both_of_its_lengths() -> None:
    # Old DeepSeek files have none: they are loaded as ordinary attention, with a far larger cache.
    one = {"attention__key_length": 576, "attention__value_length": 512, "attention__key_length_mla": 192}
    assert not shape_of(header_with("deepseek2", **one)).is_mla
    assert shape_of(header_with("deepseek2", **one, attention__value_length_mla=128)).is_mla


def test_a_looped_model_has_a_cache_for_every_time_round() -> None:
    shape = shape_of_published("Nanbeige4.2-3B-Q4_K_M.gguf")
    assert (shape.layers_all, sum(shape.has_cache), shape.loops) == (44, 44, 2)


def test_lfm2_s_layers_without_key_value_heads_are_convolutions() -> None:
    shape = shape_of(header_with("lfm2", attention__head_count_kv=listed(0, 0, 2, 0), shortconv__l_cache=3))
    assert shape.recurrent == (True, True, False, True)
    assert (shape.recurrent_row, shape.recurrent_state) == (64 * 2, 0)


def test_the_vocabulary_is_counted_in_the_tokens_or_told() -> None:
    with_tokens = header_with()
    with_tokens.metadata["tokenizer.ggml.tokens"] = Array(262_144, None)
    assert (shape_of(with_tokens).vocabulary, shape_of(header_with()).vocabulary) == (262_144, 100)


def test_a_part_without_tokenizer_tells_its_vocabulary_by_the_embeddings() -> None:
    made = model("qwen3-0.6b").with_facts(vocab_size=None)
    assert shape_of(made.header()).vocabulary == 151_936


def test_real_headers_of_twenty_models_have_their_published_layers() -> None:
    assert shape_of(model("gpt-oss-20b").header()).layers == 24
    assert shape_of(model("qwen3-30b-a3b").header()).experts_used == 8


def test_every_architecture_named_here_is_one_the_engine_knows() -> None:
    spec = find_spec("llama_cpp")
    assert spec is not None and spec.submodule_search_locations
    folder = Path(next(iter(spec.submodule_search_locations))) / "lib"
    library = next(path for path in sorted(folder.iterdir()) if path.name.startswith(("libllama.", "llama."))).read_bytes()
    # llama.cpp keeps the names as C strings, of which a compiler lets one be the end of another.
    assert [name for name in sorted(ARCHITECTURES) if name.encode() + b"\0" not in library] == []


# --- headers that lie -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("facts", "reason"),
    [
        ({"block_count": None}, "block_count"),
        ({"context_length": None}, "context_length"),
        ({"embedding_length": None}, "embedding_length"),
        ({"block_count": 0}, "makes no sense"),
        ({"block_count": 10**9}, "makes no sense"),
        ({"embedding_length": 1 << 62}, "makes no sense"),
        ({"embedding_length": -1}, "makes no sense"),
        ({"attention__head_count": 0}, "no attention heads"),
        ({"attention__head_count": "many"}, "not a whole number"),
        ({"attention__head_count": 4.0}, "not a whole number"),
        ({"attention__head_count": True}, "not a whole number"),
        ({"attention__head_count_kv": listed(1, 2)}, "entries for"),
        ({"attention__head_count_kv": Array(1 << 24, None)}, "entries for"),
        ({"attention__head_count_kv": listed(1, 2, 3, "four")}, "not a whole number"),
        ({"expert_count": 10**6}, "makes no sense"),
        ({"expert_count": 8}, "experts"),
        ({"expert_count": 8, "expert_used_count": 9}, "experts"),
        ({"nextn_predict_layers": 5}, "makes no sense"),
    ],
)
def test_a_header_that_makes_no_sense_is_refused_with_the_reason(facts: dict[str, Any], reason: str) -> None:
    with pytest.raises(BadGguf) as refused:
        shape_of(header_with(**facts))
    assert reason in str(refused.value)


def test_an_interval_of_nought_is_refused() -> None:
    with pytest.raises(BadGguf):
        shape_of(header_with("qwen35", full_attention_interval=0))


def test_loops_do_not_make_more_layers_than_the_engine_holds() -> None:
    with pytest.raises(BadGguf):
        shape_of(header_with("nanbeige", block_count=400, num_loops=2))


def test_an_architecture_the_engine_does_not_know_is_refused_by_name() -> None:
    with pytest.raises(BadGguf, match="transfusion"):
        shape_of(header_with("transfusion"))


def test_a_picture_reader_alone_is_no_model() -> None:
    with pytest.raises(BadGguf, match="mmproj"):
        shape_of(header_with("clip"))


_ODD = st.one_of(
    st.integers(-(1 << 63), (1 << 64) - 1),
    st.sampled_from([0, 1, 2, 255, MAX_LAYERS, MAX_LAYERS + 1, 1 << 24, (1 << 32) - 1]),
    st.floats(),
    st.booleans(),
    st.text(max_size=5),
    st.builds(lambda values: Array(len(values), tuple(values)), st.lists(st.one_of(st.integers(-2, 1 << 40), st.booleans(), st.text(max_size=3)), max_size=6)),
    st.integers(0, 1 << 62).map(lambda length: Array(length, None)),
)
_KEYS = (
    "block_count embedding_length context_length nextn_predict_layers attention.head_count attention.head_count_kv feed_forward_length expert_count"
    " expert_used_count expert_feed_forward_length attention.key_length attention.value_length attention.key_length_swa attention.value_length_swa"
    " attention.key_length_mla attention.value_length_mla attention.sliding_window attention.sliding_window_pattern attention.shared_kv_layers"
    " full_attention_interval attention.recurrent_layers ssm.conv_kernel ssm.inner_size ssm.state_size ssm.group_count ssm.time_step_rank wkv.head_size"
    " token_shift_count shortconv.l_cache kda.head_dim num_loops vocab_size n_deepstack_layers embedding_length_per_layer_input leading_dense_block_count"
).split()


@settings(max_examples=400, deadline=None)
@given(architecture=st.sampled_from(sorted(ARCHITECTURES)), facts=st.dictionaries(st.sampled_from(_KEYS), _ODD, max_size=6))
def test_no_header_ends_in_anything_but_a_shape_or_its_refusal(architecture: str, facts: dict[str, Any]) -> None:
    began = time.perf_counter()
    header = header_with(architecture, **{key.replace(".", "__"): value for key, value in facts.items()})
    try:
        shape = shape_of(header)
    except BadGguf:
        return
    params = context_params(shape)
    need = formula_need(header, shape, params)
    assert need.total_bytes >= 0
    assert all(size >= 0 for size in bytes_read_per_token(header, shape, params, ON_PROCESSOR, tokens_in_cache=100).values())
    assert len(shape.heads) == len(shape.has_cache) == shape.layers_all <= MAX_LAYERS + 1
    assert time.perf_counter() - began < 1


@settings(max_examples=60, deadline=None)
@given(cut=st.integers(0, len(model("qwen3-0.6b").header_bytes()) - 1))
def test_a_header_cut_anywhere_is_refused(cut: int) -> None:
    content = model("qwen3-0.6b").header_bytes()[:cut]
    try:
        header = read_header(io.BytesIO(content))
    except BadGguf:
        return
    # Cut inside the padding at the end, the header is whole.
    assert shape_of(header).layers == 28
