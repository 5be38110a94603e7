"""LoRA adapters on our side of the pipe: what is wrong with a file is said before the engine sees it."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Sequence
from typing import Any

from localstory.engines.base import Lora
from localstory.errors import BadRequest, CannotContinue, FileTrouble
from localstory.gguf.header import Header, check_file
from localstory.words import mark

_MOST = 8
_STRONGEST = 100.0


class BadAdapter(CannotContinue):
    """The file is no adapter, or not one for this model."""

    code = "bad_adapter"

    def __init__(self, path: str, what: str, **values: object) -> None:
        super().__init__(title=mark("This adapter can't be used"), detail=what, hint=mark("Choose an adapter made for this very model."), path=path, **values)


def check_strengths(loras: Sequence[Lora]) -> None:
    """Refuse what no engine can do. Raises BadRequest."""
    if len(loras) > _MOST:
        raise BadRequest(title=mark("Too many adapters"), detail=mark("At most {most} can be used at once."), most=_MOST)
    for one in loras:
        if not math.isfinite(one.strength) or abs(one.strength) > _STRONGEST:
            raise BadRequest(
                title=mark("A setting is out of range"),
                detail=mark("{field} must be between {low} and {high}; {given} was asked for."),
                field="strength",
                low=-_STRONGEST,
                high=_STRONGEST,
                given=one.strength,
            )


async def lora_args(loras: Sequence[Lora], model: Header) -> list[list[Any]]:
    """[path, strength] of each adapter, for the child. Raises BadRequest, BadAdapter, FileTrouble, BadGguf."""
    check_strengths(loras)
    for one in loras:
        check_adapter(str(one.path), await asyncio.to_thread(check_file, one.path), model)
    return [[str(one.path.absolute()), float(one.strength)] for one in loras]


def check_adapter(path: str, adapter: Header, model: Header) -> None:
    """Refuse a file that is no LoRA for this model. Pure. Raises BadAdapter.

    A pair of tensors, `name.lora_a` (inputs, rank) and `name.lora_b` (rank, outputs), changes the tensor `name` (inputs, outputs).
    """
    if adapter.text("general.type") != "adapter" or adapter.text("adapter.type") != "lora":
        raise BadAdapter(path, mark("{path} is no LoRA adapter."))
    if adapter.architecture != model.architecture:
        raise BadAdapter(path, mark("{path} is for another kind of model: {its}, not {ours}."), its=adapter.architecture, ours=model.architecture)
    if "adapter.alora.invocation_tokens" in adapter.metadata:
        raise BadAdapter(path, mark("{path} works only from certain words on (aLoRA), which is not offered."))
    shapes = {tensor.name: tuple(tensor.shape) for tensor in model.tensors}
    for tensor in adapter.tensors:
        name, _dot, part = tensor.name.rpartition(".")
        if part not in ("lora_a", "lora_b"):
            continue
        have = tuple(tensor.shape)
        base = shapes.get(name)
        # The token table is kept the other way round (llama.cpp src/llama-adapter.cpp).
        at, of = ((1, 1) if part == "lora_a" else (1, 0)) if name == "token_embd.weight" else ((0, 0) if part == "lora_a" else (1, 1))
        if base is None or len(base) < 2 or len(have) < 2 or have[at] != base[of]:
            raise BadAdapter(path, mark("{path} does not fit this model: {tensor}."), tensor=tensor.name)


def adapter_trouble(code: str, values: dict[str, Any]) -> CannotContinue:
    """What the child said of an adapter."""
    path, reason = str(values.get("path", "")), str(values.get("reason", ""))
    if code == "lora_missing":
        return FileTrouble(title=mark("The adapter can't be read"), detail=mark("{path}: {reason}"), path=path, reason=reason)
    if code == "lora_partial":
        return BadAdapter(path, mark("{path} works only from certain words on (aLoRA), which is not offered."))
    return BadAdapter(path, mark("{path}: {reason}"), reason=reason)
