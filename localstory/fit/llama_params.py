"""Our settings as llama.cpp's parameter structs: the same few lines for the engine, the dry run and the rehearsal.

`L` is `llama_cpp.llama_cpp`, imported by the child that calls: this module loads no engine.
"""

from __future__ import annotations

import ctypes
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from localstory.fit.context_params import KV_TYPES
from localstory.fit.estimate import Placement

_FLASH = {"auto": -1, "on": 1, "off": 0}  # enum llama_flash_attn_type
_ROPE = {"none": 0, "linear": 1, "yarn": 2}  # enum llama_rope_scaling_type
_EXPERTS = r"\.ffn_(up|down|gate|gate_up)_(ch|)exps"
"""The expert tensors of a layer (llama.cpp common/common.h, LLM_FFN_EXPS_REGEX)."""


class NoSuchDevice(Exception):
    """The engine's build has no device of this name."""


def set_context_params(L: Any, params: Any, args: Mapping[str, Any]) -> None:
    """Fill `params` (`llama_context_params`) from `ContextParams.as_args()`; `threads` may be among `args`.

    What is not named here keeps the engine's default. Raises KeyError or ValueError for args that are none of ours.
    """
    params.n_ctx = int(args["n_ctx"])
    params.n_batch = int(args["n_batch"])
    params.n_ubatch = int(args["n_ubatch"])
    params.n_seq_max = int(args["n_seq_max"])
    params.kv_unified = bool(args["kv_unified"])
    params.n_outputs_max = int(args["n_outputs_max"])
    params.flash_attn_type = _FLASH[args["flash_attn"]]
    params.type_k = KV_TYPES[args["type_k"]]
    params.type_v = KV_TYPES[args["type_v"]]
    params.swa_full = bool(args["swa_full"])
    scaling = args.get("rope_scaling", "auto")
    if scaling != "auto":
        params.rope_scaling_type = _ROPE[scaling]
        params.rope_freq_scale = 1.0 / float(args["rope_factor"]) if scaling != "none" else 1.0
        if scaling == "yarn":
            params.yarn_orig_ctx = int(args["rope_trained"])
    if args.get("threads"):
        params.n_threads = params.n_threads_batch = max(1, int(args["threads"]))


def model_args(placement: Placement, layers_all: int) -> dict[str, Any]:
    """A placement as plain values for a worker; `set_model_params` there turns them into the C struct."""
    on_graphics = range(max(layers_all + 1 - placement.gpu_layers, 0), layers_all)
    return {
        "gpu_layers": placement.gpu_layers if placement.gpus else 0,
        "devices": [slot.name for slot in placement.gpus],
        "split": [slot.share for slot in placement.gpus],
        "processor_experts": list(on_graphics)[: placement.processor_experts] if placement.gpus else [],
    }


def set_model_params(L: Any, params: Any, args: Mapping[str, Any]) -> list[object]:
    """Fill `params` (`llama_model_params`) from `model_args`. Keep the answer as long as the model: C points into it.

    Raises NoSuchDevice when the build has no device of a wanted name.
    """
    keep: list[object] = []
    devices = [str(name) for name in args.get("devices") or []]
    params.n_gpu_layers = int(args.get("gpu_layers") or 0) if devices else 0
    if devices:
        ggml = _library(L, "ggml")
        ggml.ggml_backend_dev_by_name.restype = ctypes.c_void_p
        ggml.ggml_backend_dev_by_name.argtypes = [ctypes.c_char_p]
        found = [ggml.ggml_backend_dev_by_name(name.encode()) for name in devices]
        for name, pointer in zip(devices, found, strict=True):
            if not pointer:
                raise NoSuchDevice(name)
        pointers = (ctypes.c_void_p * (len(found) + 1))(*found, None)
        params.devices = ctypes.cast(pointers, ctypes.c_void_p)
        split = (ctypes.c_float * 128)(*[float(share) for share in args.get("split") or [1.0]])  # llama_max_devices() at most
        params.tensor_split = split
        keep += [pointers, split]
    layers = [int(layer) for layer in args.get("processor_experts") or []]
    if layers:
        cpu = _library(L, "ggml-base", "ggml")
        cpu.ggml_backend_cpu_buffer_type.restype = ctypes.c_void_p
        pattern = rf"blk\.({'|'.join(str(layer) for layer in layers)}){_EXPERTS}".encode()
        overrides = (_Override * 2)(_Override(pattern, cpu.ggml_backend_cpu_buffer_type()), _Override(None, None))
        params.tensor_buft_overrides = ctypes.cast(overrides, ctypes.c_void_p)
        keep += [pattern, overrides]
    return keep


class _Override(ctypes.Structure):
    """`llama_model_tensor_buft_override` (include/llama.h)."""

    _fields_ = (("pattern", ctypes.c_char_p), ("buft", ctypes.c_void_p))


def _library(L: Any, *names: str) -> Any:
    """The first of the engine's own libraries that is there, beside the one that `L` loaded."""
    folder = Path(L.__file__).parent / "lib"
    for name in names:
        for file in (f"lib{name}.so", f"lib{name}.dylib", f"{name}.dll", f"lib{name}.dll"):
            if (folder / file).is_file():
                return ctypes.CDLL(str(folder / file))
    raise NoSuchDevice(names[0])
