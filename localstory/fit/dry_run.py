"""Memory, exactly: llama.cpp itself plans the model in a child, from the header alone, and tells what it would reserve.

Make a `DryRunner`, `await runner.need(strip_files([path]), params)`, and `close` it at the end. The first call takes about
half a second, most of it the child's start; the next contexts of the same model take milliseconds.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, TypeAlias

from localstory.children.host import Child, WorkFailed
from localstory.children.last_words import ChildDied, ChildHung
from localstory.errors import CannotContinue, NotInstalled, mark
from localstory.fit.build import repacking_features
from localstory.fit.context_params import ContextParams
from localstory.fit.engine_log import EngineLog, memory_need, read_log
from localstory.fit.estimate import ON_PROCESSOR, Placement
from localstory.fit.llama_params import model_args
from localstory.fit.need import MemoryNeed
from localstory.fit.shape import shape_of
from localstory.fit.weights import weights_on
from localstory.gguf.stripped import NoSparseFiles, StrippedModel, tokenizer_probe

LOAD_SECONDS = 30.0
"""A stripped header loads in 20 ms, a whole one with the largest vocabulary in half a second."""
NEED_SECONDS = 20.0
_REMEMBERED = 512

RefusalKind: TypeAlias = Literal["refused", "too_new", "settings", "crashed"]

_UNKNOWN_ARCHITECTURE = re.compile(r"unknown model architecture: '(.*)'")
_UNKNOWN_TOKENIZER = re.compile(r"unknown (?:pre-tokenizer type|tokenizer): '(.*)'")


class EngineRefuses(CannotContinue):
    """This engine would not load such a model either: `kind` says how it went, the detail why.

    "settings" is a refusal of these settings alone; "too_new" of a file that a newer engine may read.
    """

    code = "engine_refuses"

    def __init__(self, kind: RefusalKind, detail: str, hint: str, **values: object) -> None:
        title = mark("The engine can't use these settings") if kind == "settings" else mark("The engine can't use this model")
        super().__init__(title=title, detail=detail, hint=hint, **values)
        self.kind: RefusalKind = kind


class NotPlanned(CannotContinue):
    """The engine could not be asked here and now; that says nothing about the model. The caller falls back on formulas."""

    code = "not_planned"

    def __init__(self, detail: str, **values: object) -> None:
        super().__init__(title=mark("The engine could not be asked"), detail=detail, hint=mark("The needs are computed by formulas instead."), **values)


class DryRunner:
    """Owns the child, one for all calls; it starts at the first and again after a crash. Belongs to one asyncio loop.

    `jobs_folder`: where the stand-in files are made (a few blocks each); the system's temporary folder by default.
    `library`: the folder of an engine pack, which is asked instead of the installed engine.
    """

    def __init__(self, jobs_folder: Path | None = None, *, library: Path | None = None) -> None:
        # No `about`: a crash here says nothing about the next file, and the child is as good as new after it.
        self._child = Child("dry_run", jobs_folder=jobs_folder, library=library)
        self._turn = asyncio.Lock()
        self._loaded: tuple[int | None, str, Placement] | None = None
        self._load_log: list[str] = []
        self._known: dict[tuple[str, ContextParams, Placement], EngineLog] = {}

    async def need(
        self, model: StrippedModel, params: ContextParams, placement: Placement = ON_PROCESSOR, *, features: tuple[str, ...] | None = None
    ) -> MemoryNeed:
        """What a real load with these settings reserves, device by device; method "exact".

        `features`: the instruction sets of the processor asked about; they and the engine's build decide which weights are
        kept a second time. None: this one.
        Raises EngineRefuses; NotPlanned, NoSparseFiles and NotInstalled, which say nothing about the model.
        """
        async with self._turn:
            log = await self._log(model, params, placement)
        used = repacking_features(str(self._child.facts.get("system_info", "")), features)
        plan = weights_on(model.header, shape_of(model.header), placement, features=used)
        weights = {name: (part.bytes, part.repacked_bytes) for name, part in plan.devices.items()}
        return memory_need(log, "exact", weights=weights)

    async def log(self, model: StrippedModel, params: ContextParams, placement: Placement = ON_PROCESSOR) -> EngineLog:
        """The figures as the engine told them, for whoever wants more than `need` (its caches, flash attention). Raises as `need`."""
        async with self._turn:
            return await self._log(model, params, placement)

    async def count_tokens(self, file: Path, texts: Sequence[str]) -> list[int]:
        """How many tokens each text is to the vocabulary in `file` (a model, or a whole header alone). Raises as `need`."""
        async with self._turn:
            self._loaded = None
            answer = await self._ask("count", {"path": str(file), "texts": list(texts)}, LOAD_SECONDS)
        return [int(count) for count in answer["tokens"]]

    def forget(self) -> None:
        """Remember no answer: the next question goes to the engine."""
        self._known.clear()

    async def close(self) -> None:
        """End the child. A later call starts another."""
        await self._child.close()

    async def _log(self, model: StrippedModel, params: ContextParams, placement: Placement) -> EngineLog:
        asked = (model.key, params, placement)
        if asked in self._known:
            return self._known[asked]
        if self._loaded != (self._child.pid, model.key, placement) or not self._child.is_running:
            self._loaded = None
            files = [
                {"name": name, "header": base64.b64encode(part.content).decode(), "file_bytes": part.file_bytes}
                for name, part in zip(model.file_names(), model.parts, strict=True)
            ]
            layers = model.header.whole(f"{model.header.architecture}.block_count") or 0
            probe = base64.b64encode(tokenizer_probe(model.header)).decode()
            answer = await self._ask("load", {"files": files, "probe": probe} | model_args(placement, layers), LOAD_SECONDS)
            self._load_log = [str(line) for line in answer["lines"]]
            self._loaded = (self._child.pid, model.key, placement)
        answer = await self._ask("need", params.as_args(), NEED_SECONDS)
        log = read_log([*self._load_log, *(str(line) for line in answer["lines"])])
        while len(self._known) >= _REMEMBERED:
            self._known.pop(next(iter(self._known)))
        self._known[asked] = log
        return log

    async def _ask(self, op: str, args: dict[str, Any], seconds: float) -> Mapping[str, Any]:
        try:
            await self._child.start()
        except ChildDied as death:
            raise NotPlanned(death.detail, **death.values) from death
        try:
            async with asyncio.timeout(seconds), contextlib.aclosing(self._child.run(op, args)) as answers:
                async for answer in answers:
                    if answer["type"] == "done":
                        result: Mapping[str, Any] = answer["result"]
                        return result
        except WorkFailed as failure:
            raise _in_words(failure) from failure
        except ChildDied as death:
            raise _crashed(death) from death
        except (TimeoutError, ChildHung) as error:
            raise NotPlanned(mark("It did not answer within {seconds} seconds."), seconds=round(seconds)) from error
        raise AssertionError("a child's work ends with done or an error")


def _in_words(failure: WorkFailed) -> CannotContinue:
    values = failure.reason_values
    reason = str(values.get("reason", ""))
    match failure.reason:
        case "no_engine":
            return NotInstalled(
                title=mark("The text engine is not installed"),
                detail=mark("llama-cpp-python can't be loaded: {why}."),
                hint=mark("Run: {dev} (from the sources) or: {pip}"),
                why=str(values.get("why", "")),
                dev="python3 packaging/dev.py setup",
                pip="pip install llama-cpp-python==0.3.36",
            )
        case "no_sparse_files" | "file_trouble":
            return NoSparseFiles(str(values.get("folder") or values.get("path", "")), reason)
        case "no_device":
            return NotPlanned(mark("This build of the engine can't use {device}."), device=str(values.get("device", "")))
        case "not_loaded":
            return NotPlanned(mark("The engine stopped in between."))
        case "out_of_memory":
            return NotPlanned(mark("There was not enough memory to plan it."))
        case "no_context" if "failed to allocate" in reason:
            return NotPlanned(mark("There was not enough memory to plan it."))
        case "no_context":
            return EngineRefuses(
                "settings", mark("The engine says: {reason}"), mark("Choose another type for the conversation's memory, or other settings."), reason=reason
            )
    if found := _UNKNOWN_ARCHITECTURE.search(reason):
        return EngineRefuses(
            "too_new",
            mark("Its architecture “{architecture}” is newer than this engine."),
            mark("A newer localstory may read it. Until then choose another model."),
            architecture=found[1],
        )
    if found := _UNKNOWN_TOKENIZER.search(reason):
        return EngineRefuses(
            "too_new",
            mark("Its way to read text, “{tokenizer}”, is newer than this engine."),
            mark("A newer localstory may read it. Until then choose another model."),
            tokenizer=found[1],
        )
    if failure.reason == "no_vocabulary":
        return EngineRefuses("refused", mark("The file has no vocabulary."), mark("Choose another file."))
    return EngineRefuses(
        "refused",
        mark("The engine says: {reason}"),
        mark("The file may be damaged or incomplete. Download it again, or choose another model."),
        reason=reason or failure.reason,
    )


_FILE_CRASHES = frozenset({-6, -7, -8, -10, -11, 134, 135, 136, 138, 139, 3, 0xC0000005, 0xC0000409, 0xC0000094})
"""Ends that a file can bring about: abort, bus error, division by zero, bad access. Not: killed, a missing instruction."""


def _crashed(death: ChildDied) -> CannotContinue:
    """The child's last words, as the reason."""
    if death.exit_code in _FILE_CRASHES:
        return EngineRefuses("crashed", death.detail, death.hint, **death.values)
    return NotPlanned(death.detail, **death.values)
