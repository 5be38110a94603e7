"""LoRA adapters over the loaded model: read once and kept, switched and weighed without loading the model again. Child only."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import llama_cpp.llama_cpp as L

from localstory.children.worker import Refused
from localstory.engines.text.loaded import LoadedModel, engine_log, last_error

_KEPT = 8
"""Adapters in memory at once; the one unused for longest goes."""


class Adapters:
    """The adapters of one loaded model."""

    def __init__(self, loaded: LoadedModel) -> None:
        self._loaded = loaded
        self._kept: dict[str, Any] = {}  # by path, size and time of change; the last used at the end
        self._key = ""

    def use(self, wanted: Sequence[tuple[str, float]]) -> str:
        """From now on these (path, strength) lie over the weights; returns what the KV cache's numbers depend on by that ("": none do).

        An adapter of strength 0 changes nothing and is not read. The same file twice counts once, with both strengths added up.
        Raises Refused("lora_refused", "lora_missing").
        """
        strengths: dict[str, float] = {}
        for path, strength in wanted:
            name = self._identity(path)
            strengths[name] = strengths.get(name, 0.0) + strength
        used = {name: strength for name, strength in sorted(strengths.items()) if strength != 0.0}
        key = "\n".join(f"{name} {strength!r}" for name, strength in used.items())
        if key == self._key:
            return key
        adapters = [self._adapter(name) for name in used]
        pointers = (L.llama_adapter_lora_p_ctypes * max(1, len(used)))(*adapters)
        scales = (ctypes.c_float * max(1, len(used)))(*used.values())
        if L.llama_set_adapters_lora(self._loaded.context, pointers, len(used), scales) != 0:
            raise Refused("lora_refused", path="", reason=last_error())
        self._key = key
        for name in [name for name in self._kept if name not in used][: max(0, len(self._kept) - _KEPT)]:
            L.llama_adapter_lora_free(self._kept.pop(name))
        return key

    def free(self) -> None:
        """Give the adapters back; before the model's memory. Freeing twice is harmless."""
        for adapter in self._kept.values():
            L.llama_adapter_lora_free(adapter)
        self._kept, self._key = {}, ""

    def _identity(self, path: str) -> str:
        try:
            state = Path(path).stat()
        except OSError as error:
            raise Refused("lora_missing", path=path, reason=error.strerror or str(error)) from error
        return f"{path}\0{state.st_size} {state.st_mtime_ns}"

    def _adapter(self, name: str) -> Any:
        adapter = self._kept.pop(name, None)
        if adapter is None:
            path = name.split("\0")[0]
            engine_log.clear()
            adapter = L.llama_adapter_lora_init(self._loaded.model, os.fsencode(path))
            if not adapter:
                raise Refused("lora_refused", path=path, reason=last_error())
            if L.llama_adapter_get_alora_n_invocation_tokens(adapter):
                L.llama_adapter_lora_free(adapter)
                # It must lie over the weights from certain words on only; over the whole text it does harm.
                raise Refused("lora_partial", path=path)
        self._kept[name] = adapter
        return adapter
