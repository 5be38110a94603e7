"""A short-lived child that asks ggml which devices it sees. Drivers can crash; then this child does, and nobody else.

The engine's Python package doesn't offer the list, so its libraries are asked directly (ggml/include/ggml-backend.h,
`ggml_backend_dev_get_props`; ggml 0.25.3). A test holds the struct against the machine's own numbers.
"""

from __future__ import annotations

import ctypes
from pathlib import Path
from typing import Any

from localstory.children.worker import Job, Refused, serve
from localstory.hardware.bandwidth import measure_read

_KINDS = {0: "cpu", 1: "gpu", 2: "igpu", 3: "accel", 4: "meta"}


class _Properties(ctypes.Structure):
    _fields_ = (
        ("name", ctypes.c_char_p), ("description", ctypes.c_char_p), ("memory_free", ctypes.c_size_t), ("memory_total", ctypes.c_size_t),
        ("type", ctypes.c_int), ("device_id", ctypes.c_char_p), ("async_", ctypes.c_bool), ("host_buffer", ctypes.c_bool),
        ("buffer_from_host_ptr", ctypes.c_bool), ("events", ctypes.c_bool), ("mmap_support", ctypes.c_bool),
        ("room_for_newer_versions", ctypes.c_char * 256),
    )  # fmt: skip


class DevicesWorker:
    """Answers `list` and `bandwidth`."""

    def facts(self) -> dict[str, object]:
        return {"library": "ggml"}

    def run(self, op: str, args: dict[str, Any], _job: Job) -> dict[str, object]:
        """`list` -> {"version", "system_info", "devices": [{name, description, kind, memory_total_bytes, memory_free_bytes, pci}]};
        `bandwidth` {threads, available_bytes} -> {"read_gbps"}: here, so that its gigabyte and numpy are gone with the child."""
        if op == "bandwidth":
            return {"read_gbps": measure_read(threads=int(args["threads"]), available_bytes=args.get("available_bytes"))}
        if op != "list":
            raise Refused("unknown_op", op=op)
        try:
            import llama_cpp
        except (ImportError, OSError, RuntimeError, AttributeError) as error:  # the last: a library without a function its package names
            raise Refused("no_engine", why=str(error)) from error
        llama_cpp.llama_backend_init()
        info = llama_cpp.llama_print_system_info().decode("utf-8", "replace")
        return {"version": str(llama_cpp.__version__), "system_info": info, "devices": _devices(Path(llama_cpp.__file__).parent / "lib")}


def _devices(folder: Path) -> list[dict[str, object]]:
    ggml, base = _library(folder, "ggml"), _library(folder, "ggml-base")
    ggml.ggml_backend_dev_count.restype = ctypes.c_size_t
    ggml.ggml_backend_dev_get.restype = ctypes.c_void_p
    ggml.ggml_backend_dev_get.argtypes = [ctypes.c_size_t]
    base.ggml_backend_dev_get_props.argtypes = [ctypes.c_void_p, ctypes.POINTER(_Properties)]
    found: list[dict[str, object]] = []
    for index in range(ggml.ggml_backend_dev_count()):
        properties = _Properties()
        base.ggml_backend_dev_get_props(ggml.ggml_backend_dev_get(index), ctypes.byref(properties))
        found.append(
            {
                "name": _text(properties.name),
                "description": _text(properties.description).strip(),
                "kind": _KINDS.get(properties.type, "other"),
                # Backends that can't tell say 0.
                "memory_total_bytes": properties.memory_total or None,
                "memory_free_bytes": properties.memory_free if properties.memory_total else None,
                "pci": _text(properties.device_id) or None,
            }
        )
    return found


def _library(folder: Path, name: str) -> ctypes.CDLL:
    for file in (f"lib{name}.so", f"lib{name}.dylib", f"{name}.dll", f"lib{name}.dll"):
        if (folder / file).is_file():
            return ctypes.CDLL(str(folder / file))
    raise Refused("no_engine", why=f"{name} is not in the engine's folder")


def _text(raw: bytes | None) -> str:
    return (raw or b"").decode("utf-8", "replace")


def main() -> None:
    serve(DevicesWorker, is_polite=False)
