"""The engine's log as numbers: on logs recorded here, on published ones, and on what nobody should have to read."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from localstory.fit.engine_log import MIB, device_of, memory_need, read_log

LOGS = Path(__file__).parents[2] / "data" / "fit" / "logs"


def recorded(name: str) -> list[str]:
    return (LOGS / f"{name}.log").read_text("utf-8").splitlines()


def mib(size_bytes: int) -> float:
    return round(size_bytes / MIB, 2)


def test_a_real_load_of_a_dense_model() -> None:
    need = memory_need(read_log(recorded("smollm2-135m-q4_1-real")), "measured")
    (processor,) = need.devices
    assert (processor.name, mib(processor.weights_bytes), processor.repacked_bytes) == ("CPU", 92.10, 0)
    assert (mib(processor.kv_bytes), mib(processor.compute_bytes), mib(processor.output_bytes)) == (90.00, 17.51, 0.19)


def test_the_two_caches_of_a_sliding_window_are_added() -> None:
    log = read_log(recorded("gemma3-270m-q4_k_m-real"))
    assert [(cache.cells, cache.layers, mib(cache.size_bytes)) for cache in log.caches] == [(4096, 3, 12.0), (1024, 15, 15.0)]
    assert (mib(log.kv_bytes), mib(log.compute_bytes), log.flash_attention) == (27.0, 22.77, True)


def test_repacked_weights_are_a_part_of_their_own() -> None:
    processor = memory_need(read_log(recorded("gemma3-270m-q4_k_m-real")), "measured").processor
    assert (mib(processor.weights_bytes), mib(processor.repacked_bytes)) == (235.16, 12.66)


def test_a_dry_run_tells_the_caches_that_it_did_not_make() -> None:
    dry, real = (memory_need(read_log(recorded(f"gemma3-270m-q4_k_m-{kind}")), "exact") for kind in ("dry", "real"))
    assert dry.weights_bytes == 0
    assert (dry.kv_bytes, dry.compute_bytes, dry.output_bytes) == (real.kv_bytes, real.compute_bytes, real.output_bytes)


def test_a_second_load_does_not_add_to_the_first() -> None:
    once, probe = recorded("gemma3-270m-q4_k_m-real"), recorded("gemma3-270m-q4_k_m-dry")
    assert read_log(probe + probe + once) == read_log(once)


def test_a_second_context_keeps_the_weights_and_replaces_the_rest() -> None:
    lines = recorded("gemma3-270m-q4_k_m-real")
    again = lines[next(at for at, line in enumerate(lines) if "constructing" in line) :]
    assert read_log(lines + again) == read_log(lines)


def test_working_memory_reserved_anew_counts_once() -> None:
    lines = ["sched_reserve:      CUDA0 compute buffer size =   300.75 MiB", "sched_reserve:      CUDA0 compute buffer size =   304.75 MiB"]
    assert mib(read_log(lines).compute_bytes) == 304.75


# Qwen3-Coder-30B-A3B Q8_0 at 65,536 tokens: published figures (weights, cache, work; 315 MiB on the processor) in the lines llama.cpp prints.
PUBLISHED = """\
load_tensors: loading model tensors, this can take a while... (mmap = true)
load_tensors: offloading 48 repeating layers to GPU
load_tensors: offloaded 49/49 layers to GPU
load_tensors:        CUDA0 model buffer size = 30658.12 MiB
load_tensors:   CPU_Mapped model buffer size =   315.00 MiB
llama_context: constructing llama_context
llama_context: flash_attn    = enabled
llama_context:  CUDA_Host  output buffer size =     0.58 MiB
llama_kv_cache:      CUDA0 KV buffer size =  6144.00 MiB
llama_kv_cache: size = 6144.00 MiB ( 65536 cells,  48 layers,  1/1 seqs), K (f16): 3072.00 MiB, V (f16): 3072.00 MiB
llama_context:      CUDA0 compute buffer size =   300.75 MiB
llama_context:  CUDA_Host compute buffer size =   132.01 MiB
""".splitlines()


def test_a_published_load_on_graphics() -> None:
    log = read_log(PUBLISHED)
    need = memory_need(log, "measured")
    assert log.offloaded == (49, 49)
    processor, graphics = need.devices
    assert (processor.name, mib(processor.weights_bytes), mib(processor.compute_bytes), processor.kv_bytes) == ("CPU", 315.00, 132.01, 0)
    assert (graphics.name, mib(graphics.weights_bytes), mib(graphics.kv_bytes), mib(graphics.compute_bytes)) == ("CUDA0", 30658.12, 6144.0, 300.75)


def test_a_dry_run_on_graphics_shares_each_cache_out_by_its_layers() -> None:
    lines = [f"llama_kv_cache: layer {layer:3d}: dev = {'CPU' if layer < 3 else 'CUDA0'}" for layer in range(12)]
    lines += ["llama_kv_cache:      CUDA0 KV buffer size =     0.00 MiB", "llama_kv_cache:        CPU KV buffer size =     0.00 MiB"]
    lines += ["llama_kv_cache: size =  120.00 MiB (  4096 cells,  12 layers,  1/1 seqs), K (f16):   60.00 MiB, V (f16):   60.00 MiB"]
    need = memory_need(read_log(lines), "exact", weights={"CPU": (7, 0), "CUDA0": (9, 0)})
    assert [(device.name, mib(device.kv_bytes), device.weights_bytes) for device in need.devices] == [("CPU", 30.0, 7), ("CUDA0", 90.0, 9)]


def test_a_recurrent_state_is_kept_apart_from_the_cache() -> None:
    lines = [
        "llama_kv_cache:        CPU KV buffer size =     0.00 MiB",
        "llama_kv_cache: size =  128.00 MiB (  4096 cells,   8 layers,  1/1 seqs), K (f16):   64.00 MiB, V (f16):   64.00 MiB",
        "llama_memory_recurrent:        CPU RS buffer size =    50.25 MiB",
        "llama_memory_recurrent: size =   50.25 MiB (     1 cells,  32 layers,  1 seqs  0 rs_seq), R (f32):  2.25 MiB, S (f32): 48.00 MiB, P (f32):   0.00 MiB",
    ]
    need = memory_need(read_log(lines), "exact")
    assert (mib(need.kv_bytes), mib(need.recurrent_bytes)) == (128.0, 50.25)


@pytest.mark.parametrize(
    ("buffer", "device"),
    [
        ("CPU", "CPU"), ("CPU_Mapped", "CPU"), ("CPU_REPACK", "CPU"), ("AMX", "CPU"), ("BLAS", "CPU"), ("CUDA_Host", "CPU"), ("Vulkan_Host", "CPU"),
        ("CUDA0", "CUDA0"), ("CUDA1_Split", "CUDA1"), ("MTL0_Mapped", "MTL0"), ("Metal", "Metal"), ("Vulkan0", "Vulkan0"), ("ROCm0", "ROCm0"),
        ("RPC[10.0.0.2:50052]", "RPC[10.0.0.2:50052]"),
    ],
)  # fmt: skip
def test_a_buffer_belongs_to_a_device(buffer: str, device: str) -> None:
    assert device_of(buffer) == device


@given(st.lists(st.sampled_from(PUBLISHED) | st.text(max_size=80), max_size=40))
def test_any_lines_are_read_without_a_crash(lines: list[str]) -> None:
    need = memory_need(read_log(lines), "measured")
    assert need.processor.name == "CPU" and need.total_bytes >= 0
