"""A draft model that is broken, crashes or fails: the blame is its own, and the reply comes all the same."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, Literal

import llama_cpp.llama_cpp as L
import psutil
import pytest

from localstory.children import host
from localstory.children.last_words import ChildDied, Quarantined
from localstory.children.worker import Job, Refused
from localstory.engines.base import Sampling, TextRequest
from localstory.engines.text import llama_worker, loaded
from localstory.engines.text.conversation import warnings_of
from localstory.engines.text.llama_cpp import LlamaCppEngine, engine_params
from localstory.engines.text.llama_errors import DraftRefused, ModelRefused
from localstory.engines.text.load_settings import EngineSettings
from localstory.errors import BadRequest
from localstory.events import Progress
from localstory.fit import llama_params
from localstory.fit.context_params import LoadSettings
from localstory.fit.engine_log import read_log
from localstory.gguf.header import check_file
from localstory.words import tell
from tests.contracts.text_contract import reply_to

Flash = Literal["auto", "on", "off"]
ASK = TextRequest(
    prompt="Once upon a time there was a little girl named Lily. She loved to play", max_tokens=24, sampling=Sampling(temperature=0.0), lookup=True
)
ALONE = EngineSettings(LoadSettings(512, flash_attention="on"), threads=1)


class Chosen:
    """An engine, and how its model is to be loaded the next time."""

    def __init__(self, model: Path) -> None:
        self.settings = ALONE
        self.engine = LlamaCppEngine(model, choose=lambda _header: self.settings)

    def draft(self, path: Path | None) -> LlamaCppEngine:
        self.settings = replace(ALONE, draft_model=path)
        return self.engine


@pytest.fixture
async def chosen(smollm2: Path) -> AsyncIterator[Chosen]:
    made = Chosen(smollm2)
    yield made
    await made.engine.close()


@pytest.fixture
def broken(smollm2: Path, tmp_path: Path) -> Path:
    """Its header is whole, but a tensor has another name: only the engine sees that."""
    made = tmp_path / "mẫu nháp hỏng 🐉.gguf"
    shutil.copyfile(smollm2, made)
    name = b"blk.7.attn_q.weight"
    with open(made, "r+b") as file:
        at = file.read(16 << 20).index(name)
        file.seek(at)
        file.write(b"blk.7.nose_q.weight")
    return made


async def test_a_broken_draft_model_is_named_and_the_model_goes_on_without_it(chosen: Chosen, broken: Path, smollm2: Path) -> None:
    for _again in range(3):  # a refusal is no crash: nothing is set aside for it
        with pytest.raises(ModelRefused) as refused:
            await reply_to(chosen.draft(broken), ASK)
        told = tell(refused.value)
        assert isinstance(refused.value, DraftRefused) and str(broken) in told.detail and "blk.7.attn_q" in told.detail
        assert smollm2.name not in told.detail and "draft" in told.title
    assert (await reply_to(chosen.draft(None), ASK)).text.strip()


async def test_a_crash_while_the_draft_model_is_loaded_sets_the_draft_model_aside(chosen: Chosen, smollm2: Path, tmp_path: Path) -> None:
    draft = tmp_path / "nháp.gguf"
    shutil.copyfile(smollm2, draft)
    engine = chosen.draft(draft)

    def kill(_progress: Progress) -> None:
        if engine._child.about == str(draft) and engine.process_id is not None:
            psutil.Process(engine.process_id).kill()

    try:
        for _twice in range(2):
            with pytest.raises(ChildDied):
                await engine.count_many(["a"], kill)
        with pytest.raises(Quarantined) as aside:
            await engine.count_many(["a"])
        assert str(draft) in tell(aside.value).detail
        assert (await reply_to(chosen.draft(None), ASK)).text.strip(), "the model itself is not set aside"
    finally:
        host.crashes.forgive(str(draft))


async def test_a_crash_with_both_loaded_sets_the_pair_aside_and_not_the_model(chosen: Chosen, smollm2: Path, tmp_path: Path) -> None:
    draft = tmp_path / "nháp.gguf"
    shutil.copyfile(smollm2, draft)
    try:
        for _twice in range(2):
            engine = chosen.draft(draft)
            await engine.count_tokens("a")
            assert engine.process_id is not None
            psutil.Process(engine.process_id).kill()
            with pytest.raises(ChildDied):  # at the latest when it is asked the next time
                for _word in range(50):
                    await asyncio.sleep(0.02)
                    if not engine._child.is_running:
                        raise engine._child._death or AssertionError
        with pytest.raises(Quarantined) as aside:
            await chosen.draft(draft).count_tokens("a")
        assert str(draft) in tell(aside.value).detail
        assert await chosen.draft(None).count_tokens("a") == 1
    finally:
        host.crashes.forgive(f"{smollm2} + {draft}")


async def test_sixteen_refused_draft_models_leave_no_memory_behind(chosen: Chosen, broken: Path, gemma3: Path) -> None:
    sizes = []
    for number in range(16):
        with pytest.raises(ModelRefused if number % 2 else BadRequest):
            await chosen.draft(broken if number % 2 else gemma3).count_tokens("a")
        assert chosen.engine.process_id is not None
        sizes.append(psutil.Process(chosen.engine.process_id).memory_info().rss)
    # The allocator keeps up to 43 MiB now and then (seen once); one that is kept would be 8 times its size by then.
    assert max(sizes[-4:]) < max(sizes[4:8]) + (64 << 20), [size >> 20 for size in sizes]


# -- in this process: what can't be made to fail from outside -----------------------------------------------------------


def load_args(model: Path, flash: Flash = "on", context_length: int = 512, sequences: int | None = None) -> dict[str, Any]:
    settings = LoadSettings(context_length=context_length, flash_attention=flash) if sequences is None else LoadSettings(context_length, sequences=sequences)
    params = engine_params(check_file(model), settings)
    args: dict[str, Any] = {"path": str(model), "context_length": context_length, "context": params.as_args(), "threads": 1}
    args["model"] = {"gpu_layers": 0, "devices": [], "split": [], "processor_experts": []}
    return args


def run(worker: llama_worker.LlamaWorker, op: str, args: dict[str, Any], folder: Path) -> dict[str, Any]:
    return worker.run(op, args, Job(0, folder, lambda _message: None))


WORDS = {"prompt": ASK.prompt, "max_tokens": 24, "sampling": asdict(Sampling(temperature=0.0, seed=1)), "lookup": True, "exact": False}


@pytest.mark.parametrize("trouble", ["status", "memory"])
@pytest.mark.parametrize("after", [0, 5])
def test_a_draft_model_that_fails_in_the_middle_ends_no_reply(smollm2: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, trouble: str, after: int) -> None:
    worker = llama_worker.LlamaWorker()
    run(worker, "load", load_args(smollm2), tmp_path)
    try:
        plain = run(worker, "reply", WORDS | {"lookup": False}, tmp_path)
        run(worker, "draft", load_args(smollm2, sequences=1), tmp_path)
        drafter = worker.ready.drafter
        assert drafter is not None
        real, draft_context, calls = L.llama_decode, drafter.model.context, 0

        def decode(context: Any, batch: Any) -> int:
            nonlocal calls
            if context != draft_context:
                return int(real(context, batch))
            calls += 1
            if calls <= after:
                return int(real(context, batch))
            if trouble == "memory":
                raise MemoryError
            return -3

        monkeypatch.setattr(L, "llama_decode", decode)
        failed = run(worker, "reply", WORDS, tmp_path)
        assert failed["text"] == plain["text"] and failed["stop_reason"] == plain["stop_reason"]
        assert calls == after + 1, "a draft model that failed is not asked again"
        (warned,) = warnings_of(failed["notices"])
        assert "draft model failed" in warned.template and failed["made_with"]["draft_trouble"]
        monkeypatch.setattr(L, "llama_decode", real)
        healed = run(worker, "reply", WORDS, tmp_path)
        assert healed["text"] == plain["text"] and not healed["notices"] and healed["made_with"]["accepted"] > 0
    finally:
        worker.free()


@pytest.mark.parametrize("step", ["Prompts", "Adapters", "Generation", "KvCache", "Embedder"])
def test_a_load_that_fails_late_gives_everything_back(smollm2: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str) -> None:
    made: list[Any] = []

    class Remembered(loaded.LoadedModel):
        def __init__(self, *args: Any) -> None:
            super().__init__(*args)
            made.append(self)

    def fails(*_args: Any, **_named: Any) -> None:
        raise Refused("out_of_memory")

    monkeypatch.setattr(llama_worker, "LoadedModel", Remembered)
    worker = llama_worker.LlamaWorker()
    with monkeypatch.context() as while_broken:
        while_broken.setattr(llama_worker, step, fails)
        with pytest.raises(Refused):
            run(worker, "load", load_args(smollm2), tmp_path)
    assert len(made) == 1 and made[0].model is None and made[0].context is None
    with pytest.raises(Refused, match="not_loaded"):
        run(worker, "count", {"texts": ["a"]}, tmp_path)
    run(worker, "load", load_args(smollm2), tmp_path)
    assert run(worker, "count", {"texts": ["a"]}, tmp_path) == {"tokens": [1]}
    worker.free()


# -- flash attention as the engine decided ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("lines", "used"),
    [
        (["llama_context: flash_attn            = auto", "resolve_fused_ops: Flash Attention enabled"], True),
        (["llama_context: flash_attn            = auto", "resolve_fused_ops: Flash Attention not supported, set to disabled"], False),
        (["llama_context: flash_attn            = auto", "llama_context: Flash Attention was auto, set to disabled"], False),
        (["llama_context: flash_attn            = auto", "llama_context: Flash Attention was auto, set to enabled"], True),
        (["llama_init_from_model: flash_attn is not compatible with Grok - forcing off", "llama_context: flash_attn            = disabled"], False),
        (["llama_context: flash_attn            = auto"], None),
        ([], None),
    ],
)
def test_what_the_engine_decided_is_read_from_its_log(lines: list[str], used: bool | None) -> None:
    assert read_log(lines).flash_attention is used


@pytest.mark.parametrize(("wish", "used"), [("on", True), ("off", False), ("auto", True)])
def test_replies_tell_what_the_engine_decided(smollm2: Path, tmp_path: Path, wish: Flash, used: bool) -> None:
    worker = llama_worker.LlamaWorker()
    run(worker, "load", load_args(smollm2, wish), tmp_path)
    try:
        said = run(worker, "reply", WORDS | {"max_tokens": 1}, tmp_path)["made_with"]
        assert said["flash_attention"] is used and said["exact"] is not used
    finally:
        worker.free()


def test_auto_that_the_engine_turned_off_counts_as_off(smollm2: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The engine really runs without it while the wish says auto, as on a graphics card that can't."""
    real = llama_params.set_context_params

    def without(library: Any, params: Any, args: Any) -> None:
        real(library, params, args)
        params.flash_attn_type = L.LLAMA_FLASH_ATTN_TYPE_DISABLED

    monkeypatch.setattr(loaded, "set_context_params", without)
    worker = llama_worker.LlamaWorker()
    run(worker, "load", load_args(smollm2, "auto"), tmp_path)
    try:
        said = run(worker, "reply", WORDS | {"max_tokens": 1}, tmp_path)["made_with"]
        assert said["flash_attention"] is False and said["exact"] is True
    finally:
        worker.free()
