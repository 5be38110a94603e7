"""A rehearsal: speed and memory measured before the download, with the real header and zero weights, on this machine."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from localstory.children.host import Child, WorkFailed
from localstory.errors import CannotContinue, Size, mark
from localstory.events import Progress
from localstory.fit.budget import Budget
from localstory.fit.context_params import ContextParams
from localstory.fit.engine_log import memory_need, read_log
from localstory.fit.estimate import Placement
from localstory.fit.llama_params import model_args
from localstory.fit.need import MemoryNeed
from localstory.fit.shape import shape_of
from localstory.fit.weights import weights_on
from localstory.gguf.stripped import StrippedModel, write_stand_in
from localstory.hardware.cores import worker_threads

SECONDS = 3.0
"""How long the prompt and the writing are played, each."""
TOKENS = 128
LIMIT_SECONDS = 120.0
"""With loading; a model that needs longer runs no rehearsal a person would wait for."""


class RehearsalRefused(CannotContinue):
    """The model would not fit: it is not even tried."""

    code = "does_not_fit"

    def __init__(self, need_bytes: int, have_bytes: int) -> None:
        super().__init__(
            title=mark("No rehearsal: the model would not fit"),
            detail=mark("It needs {need}; a model may take {have} here."),
            hint=mark("Choose a smaller quantisation or a shorter context, or close other programs."),
            need=Size(need_bytes),
            have=Size(have_bytes),
        )


class RehearsalFailed(CannotContinue):
    """The engine could not load or run the stand-in."""

    code = "rehearsal_failed"

    def __init__(self, reason: str) -> None:
        super().__init__(
            title=mark("The rehearsal did not work"),
            detail=mark("The engine said: {reason}"),
            hint=mark("Ask without a rehearsal: the figures are then computed."),
            reason=reason or "?",
        )


@dataclass(frozen=True, slots=True)
class Rehearsed:
    """What was seen."""

    need: MemoryNeed
    generate_tps: float
    prompt_tps: float
    tokens: int
    tokens_in_cache: int
    load_s: float


def refuse_if_too_large(need: MemoryNeed, budget: Budget) -> None:
    """Raise RehearsalRefused when the stand-in, which is all in memory of its own, would not fit. Unknown memory refuses too."""
    have = budget.memory.budget_bytes if budget.memory is not None else 0
    needed = need.processor.total_bytes  # one copy: what is repacked is not kept a second time here
    if needed > have:
        raise RehearsalRefused(needed, have)
    for device in need.graphics:
        pool = next((card.pool.budget_bytes for card in budget.cards if card.name == device.name), 0)
        if device.total_bytes > pool:
            raise RehearsalRefused(device.total_bytes, pool)


async def rehearse(
    model: StrippedModel,
    params: ContextParams,
    placement: Placement,
    *,
    folder: Path | None = None,
    threads: int | None = None,
    features: tuple[str, ...] | None = None,
    seconds: float = SECONDS,
    library: Path | None = None,
    report: Callable[[Progress], None] | None = None,
) -> Rehearsed:
    """Load the stand-in in a child and run it for some seconds; call `refuse_if_too_large` first.

    `features`: what the engine's build uses of this processor (`weights.shipped_features`), for the repacked part.
    `library`: the folder of an engine pack, which plays instead of the installed engine.
    `folder`: where the stand-in goes for that time (a few blocks; the system's own temporary place by default).
    Raises RehearsalFailed, NoSparseFiles, ChildDied, ChildHung. Cancelling ends the child within half a second.
    """
    place = Path(await asyncio.to_thread(tempfile.mkdtemp, prefix="rehearsal-", dir=folder))
    child = Child("rehearsal", library=library)
    try:
        path = await asyncio.to_thread(write_stand_in, model, place)
        layers_all = model.header.whole(f"{model.header.architecture}.block_count") or 0
        args: dict[str, Any] = {
            "path": str(path),
            "context": params.as_args(),
            "model": model_args(placement, layers_all),
            "threads": threads or worker_threads(),
            "seconds": seconds,
            "tokens": TOKENS,
        }
        result: dict[str, Any] = {}
        async with asyncio.timeout(LIMIT_SECONDS), contextlib.aclosing(child.run("rehearse", args)) as messages:
            async for message in messages:
                if message["type"] == "done":
                    result = message["result"]
                elif report is not None:
                    stage = mark("Loading a stand-in for the model") if message.get("stage") == "load" else mark("Rehearsing")
                    report(Progress(stage, float(message["done"]), float(message["of"])))
    except WorkFailed as failure:
        raise RehearsalFailed(str(failure.reason_values.get("reason", failure.reason))) from failure
    except TimeoutError as error:
        raise RehearsalFailed(mark("it took longer than two minutes")) from error
    finally:
        await child.close()
        await asyncio.to_thread(shutil.rmtree, place, True)
    if not result.get("generate_tps") or not result.get("prompt_tps"):
        raise RehearsalFailed(mark("the context is too short to tell a speed"))
    # Weights by the tensor table: copied into memory of their own, the log's lines hold what is repacked and what is not apart.
    plan = weights_on(model.header, shape_of(model.header), placement, features=features)
    weights = {name: (part.bytes, part.repacked_bytes) for name, part in plan.devices.items()}
    need = memory_need(read_log(str(result["log"]).splitlines()), "rehearsed", weights=weights)
    return Rehearsed(need, result["generate_tps"], result["prompt_tps"], result["tokens"], result["tokens_in_cache"], result["load_s"])


def with_overhead(need: MemoryNeed, like: MemoryNeed) -> MemoryNeed:
    """A need read off the engine's log, with the engine's own overhead, which the log doesn't tell, and the cards' names as
    the budget calls them (the log says "CUDA0" where we say "GPU0")."""
    names = [device.name for device in like.graphics]
    graphics = tuple(replace(device, name=name) for device, name in zip(need.graphics, names, strict=False)) + need.graphics[len(names) :]
    return replace(need, devices=(replace(need.processor, overhead_bytes=like.processor.overhead_bytes), *graphics))
