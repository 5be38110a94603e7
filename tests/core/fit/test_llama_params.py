"""Our settings in llama.cpp's structs: every field, and the pointers that C follows (asked of the engine in a process of its own)."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import fields, replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from localstory.fit.context_params import KV_TYPES, ContextParams
from localstory.fit.estimate import ON_PROCESSOR, GraphicsSlot, Placement
from localstory.fit.llama_params import model_args, set_context_params
from localstory.gguf.types import TENSOR_TYPES
from tests.core.fit.test_dry_run import PLAIN
from tests.fakes.model_headers import model as made

_STRUCT = {"flash_attn": "flash_attn_type", "rope_scaling": "rope_scaling_type", "rope_factor": "rope_freq_scale", "rope_trained": "yarn_orig_ctx"}
"""Ours -> llama.cpp's, where the names differ."""


def test_every_setting_reaches_the_struct() -> None:
    odd = ContextParams(
        n_ctx=7, n_batch=6, n_ubatch=5, n_seq_max=4, kv_unified=False, n_outputs_max=3, flash_attn="off", type_k="q8_0", type_v="q4_0", swa_full=True,
        rope_scaling="yarn", rope_factor=4.0, rope_trained=2048,
    )  # fmt: skip
    struct = SimpleNamespace()
    set_context_params(None, struct, odd.as_args())
    expected = {"flash_attn": 0, "type_k": 8, "type_v": 2, "rope_scaling": 2, "rope_factor": 0.25}  # enum llama_rope_scaling_type: yarn; scale = 1 / factor
    for field in fields(odd):
        assert getattr(struct, _STRUCT.get(field.name, field.name)) == expected.get(field.name, getattr(odd, field.name)), field.name


def test_positions_are_left_to_the_file_unless_somebody_scales_them() -> None:
    struct = SimpleNamespace()
    set_context_params(None, struct, PLAIN.as_args())
    assert not any("rope" in name or "yarn" in name for name in vars(struct))


@pytest.mark.parametrize(("word", "number"), [("auto", -1), ("on", 1), ("off", 0)])
def test_flash_attention_has_the_engines_numbers(word: str, number: int) -> None:
    struct = SimpleNamespace()
    set_context_params(None, struct, PLAIN.as_args() | {"flash_attn": word, "threads": 3})
    assert (struct.flash_attn_type, struct.n_threads, struct.n_threads_batch) == (number, 3, 3)


def test_a_word_that_is_none_of_ours_is_not_guessed() -> None:
    with pytest.raises(KeyError):
        set_context_params(None, SimpleNamespace(), replace(PLAIN, type_k="q9_9").as_args())


def test_the_types_of_a_cache_have_the_engines_numbers() -> None:
    """tests/core/gguf holds that table against the installed engine."""
    assert {TENSOR_TYPES[number].name.casefold(): number for number in KV_TYPES.values()} == KV_TYPES


def test_a_placement_as_plain_values() -> None:
    assert model_args(ON_PROCESSOR, 48) == {"gpu_layers": 0, "devices": [], "split": [], "processor_experts": []}
    two = Placement((GraphicsSlot("CUDA0", "cuda", 3.0), GraphicsSlot("CUDA1", "cuda", 1.0)), gpu_layers=47, processor_experts=3)
    assert model_args(two, 48) == {"gpu_layers": 47, "devices": ["CUDA0", "CUDA1"], "split": [3.0, 1.0], "processor_experts": [2, 3, 4]}
    json.dumps(model_args(two, 48))


_ASK = """
import json, sys
from llama_cpp import llama_cpp as L
from localstory.fit.llama_params import NoSuchDevice, set_context_params, set_model_params
lines = []
@L.llama_log_callback
def tell(_level, text, _user):
    lines.append(text.decode("utf-8", "replace"))
L.llama_log_set(tell, None)
L.llama_backend_init()
answers = []
for args in json.loads(sys.argv[2]):
    lines.clear()
    params = L.llama_model_default_params()
    params.no_alloc, params.load_mode = True, 0
    try:
        keep = set_model_params(L, params, args)
    except NoSuchDevice as error:
        answers.append(["no such device", str(error)])
        continue
    model = L.llama_model_load_from_file(sys.argv[1].encode(), params)
    answers.append([line.strip() for line in lines if "overridden" in line or "using device" in line])
    L.llama_model_free(model)
flash = [L.LLAMA_FLASH_ATTN_TYPE_AUTO, L.LLAMA_FLASH_ATTN_TYPE_ENABLED, L.LLAMA_FLASH_ATTN_TYPE_DISABLED]
print(json.dumps({"answers": answers, "flash": flash}))
"""


def test_the_engine_follows_our_pointers(tmp_path: Path) -> None:
    file = tmp_path / "chuyên gia 🐉.gguf"
    made("qwen3-30b-a3b").write(file)
    asked = [{"processor_experts": [3, 12]}, {"devices": ["CPU"], "gpu_layers": 10, "split": [1.0]}, {"devices": ["CUDA7"], "gpu_layers": 10}, {}]
    command = [sys.executable, "-c", _ASK, str(file), json.dumps(asked)]
    told = json.loads(subprocess.run(command, capture_output=True, check=True, timeout=120).stdout.decode().splitlines()[-1])
    experts, devices, missing, nothing = told["answers"]
    names = [line.split()[1] for line in experts]
    assert sorted(names) == sorted(f"blk.{layer}.ffn_{part}_exps.weight" for layer in (3, 12) for part in ("gate", "up", "down"))
    assert all(line.endswith("overridden to CPU") for line in experts)
    assert len(devices) == 1 and "using device CPU" in devices[0]
    assert missing == ["no such device", "CUDA7"]
    assert nothing == []
    assert told["flash"] == [-1, 1, 0]
