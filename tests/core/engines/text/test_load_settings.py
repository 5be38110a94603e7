"""How a model is loaded: read, refused, kept, and what each setting really does in the engine."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from localstory.app import open_app
from localstory.engines.base import PromptTooLong, Sampling, TextRequest
from localstory.engines.text.llama_cpp import LlamaCppEngine
from localstory.engines.text.llama_errors import ModelRefused
from localstory.engines.text.load_settings import EngineSettings, from_line, kept_line, pairs_of, read_settings
from localstory.errors import BadRequest
from localstory.fit.context_params import LoadSettings, context_params
from localstory.fit.kv import cache_bytes_by_layer
from localstory.fit.shape import shape_of
from localstory.gguf.header import check_file
from tests.contracts.text_contract import reply_to
from tests.fakes.tiny_models import write_tiny

ASK = TextRequest(prompt="The sea is wide and the old ship went out on it", max_tokens=6, sampling=Sampling(temperature=0.0), score=True)


# -- pure -------------------------------------------------------------------------------------------------------------


def test_settings_are_read_by_name() -> None:
    given = {"ctx": "4096", "kv-type": "q8_0", "threads": "3", "flash-attn": "on", "rope-scaling": "yarn", "rope-factor": "2.5", "gpu-layers": "auto"}
    settings = read_settings(given)
    assert settings.load == LoadSettings(4096, "q8_0", flash_attention="on", rope_scaling="yarn", rope_factor=2.5)
    assert (settings.threads, settings.gpu_layers, settings.draft_model) == (3, None, None)
    assert read_settings({"ctx": "auto"}).load.context_length is None and read_settings({"ctx": "0"}).load.context_length == 0


@pytest.mark.parametrize(
    ("name", "value"),
    [("ctx", "-1"), ("ctx", "many"), ("kv-type", "q9"), ("threads", "0"), ("ubatch", "8"), ("rope-factor", "0.5"), ("rope-factor", "nan"), ("nose", "1")],
)
def test_what_makes_no_sense_is_refused_by_name(name: str, value: str) -> None:
    with pytest.raises(BadRequest, match=name):
        read_settings({name: value})


def test_quantised_values_without_flash_attention_are_refused_before_the_load() -> None:
    with pytest.raises(BadRequest, match="q8_0"):
        read_settings({"kv-type": "q8_0", "flash-attn": "off"})
    read_settings({"kv-type": "q8_0", "kv-type-v": "f16", "flash-attn": "off"})
    with pytest.raises(BadRequest, match="draft"):
        read_settings({"draft-model": "/models/nhỏ.gguf", "flash-attn": "off"})


def test_a_line_keeps_settings_and_forgives_what_was_broken_by_hand() -> None:
    given = {"draft-model": "/thư mục/a b 🐉.gguf", "ctx": "512"}
    assert from_line(kept_line(given)) == given
    assert from_line("ctx=512 nonsense x=3 'open") == {} and from_line("ctx=512 nonsense x=3") == {"ctx": "512"}
    with pytest.raises(BadRequest):
        pairs_of(["ctx"])


def test_the_fit_check_counts_what_the_settings_take(smollm2: Path) -> None:
    shape = shape_of(check_file(smollm2))
    full, half = (sum(cache_bytes_by_layer(shape, context_params(shape, LoadSettings(4096, kind)))) for kind in ("f16", "q8_0"))
    assert half / full == pytest.approx(34 / 64)  # a block of 32 numbers takes 34 bytes instead of 64
    assert full / 2 < sum(cache_bytes_by_layer(shape, context_params(shape, LoadSettings(4096, "q8_0", kv_type_v="f16")))) < full
    assert shape.context_length is not None
    stretched = context_params(shape, LoadSettings(4 * shape.context_length, rope_scaling="yarn"))
    assert (stretched.n_ctx, stretched.rope_factor, stretched.rope_trained) == (4 * shape.context_length, 4.0, shape.context_length)
    assert context_params(shape, LoadSettings(0, rope_scaling="linear", rope_factor=2.0)).n_ctx == 2 * shape.context_length
    assert "rope_scaling" not in context_params(shape).as_args()


# -- in the engine ----------------------------------------------------------------------------------------------------


Opened = Callable[[dict[str, str]], LlamaCppEngine]


@pytest.fixture
async def opened(smollm2: Path) -> AsyncIterator[Opened]:
    engines: list[LlamaCppEngine] = []

    def open_engine(given: dict[str, str]) -> LlamaCppEngine:
        engines.append(LlamaCppEngine(smollm2, choose=lambda _header: read_settings({"ctx": "512", "threads": "1"} | given)))
        return engines[-1]

    yield open_engine
    for engine in engines:
        await engine.close()


def log_of(engine: LlamaCppEngine) -> str:
    assert engine._loaded is not None
    return str(engine._loaded["log"])


def kv_mib(engine: LlamaCppEngine) -> float:
    (found,) = re.findall(r"KV buffer size = +([\d.]+) MiB", log_of(engine))
    return float(found)


async def test_q8_0_halves_the_cache_in_the_engines_own_log_and_changes_logits_a_little(opened: Opened) -> None:
    full, half = opened({}), opened({"kv-type": "q8_0"})
    plain, packed = await reply_to(full, ASK), await reply_to(half, ASK)
    assert kv_mib(half) / kv_mib(full) == pytest.approx(34 / 64, abs=0.01)
    assert plain.mean_logprob is not None and packed.mean_logprob is not None
    assert 0 < abs(plain.mean_logprob - packed.mean_logprob) < 0.5
    assert half.describe().details["kv_type"] == "q8_0"


async def test_a_longer_context_takes_its_bytes_in_the_engine_and_a_prompt_beyond_it_is_refused(opened: Opened) -> None:
    short, long = opened({}), opened({"ctx": "1536"})
    for engine in (short, long):
        await engine.count_tokens("a")
    assert kv_mib(long) == pytest.approx(3 * kv_mib(short), rel=0.001)
    words = replace(ASK, prompt="sea " * 600)
    with pytest.raises(PromptTooLong):
        await reply_to(short, words)
    assert (await reply_to(long, words)).usage.prompt_tokens >= 600


async def test_flash_attention_off_is_off_in_the_engine(opened: Opened) -> None:
    for word, said in (("off", "flash_attn            = disabled"), ("on", "flash_attn            = enabled")):
        engine = opened({"flash-attn": word})
        await engine.count_tokens("a")
        assert said in log_of(engine)


async def test_threads_are_threads_of_the_child(opened: Opened) -> None:
    counts = []
    for threads in (1, 3):
        engine = opened({"threads": str(threads)})
        await reply_to(engine, ASK)
        assert engine.process_id is not None
        counts.append(psutil.Process(engine.process_id).num_threads())
    assert counts[1] - counts[0] == 2


async def test_stretched_positions_change_the_logits_and_allow_a_longer_context(opened: Opened, smollm2: Path) -> None:
    trained = check_file(smollm2).whole("llama.context_length")
    assert trained is not None
    said = {}
    for scaling in ("auto", "none", "linear", "yarn"):
        engine = opened({"rope-scaling": scaling, "ctx": str(trained * 2)})
        said[scaling] = (await reply_to(engine, ASK)).mean_logprob
        assert engine.describe().context_length == (trained if scaling == "auto" else 2 * trained)
        await engine.close()
    assert said["auto"] == said["none"], "within the trained length nothing is scaled"
    assert len({said["none"], said["linear"], said["yarn"]}) == 3


async def test_a_small_batch_reads_the_same_prompt(opened: Opened) -> None:
    long = replace(ASK, prompt="The sea is wide. " * 40)
    small, usual = opened({"ubatch": "32"}), opened({})
    assert (await reply_to(small, long)).usage == (await reply_to(usual, long)).usage
    assert "n_ubatch              = 32" in log_of(small)


async def test_a_changed_setting_loads_anew_at_the_next_reply_and_not_before(smollm2: Path) -> None:
    now = EngineSettings(LoadSettings(512), threads=1)
    engine = LlamaCppEngine(smollm2, choose=lambda _header: now)
    try:
        await reply_to(engine, ASK)
        first = engine._loaded
        await reply_to(engine, ASK)
        assert engine._loaded is first
        now = EngineSettings(LoadSettings(768), threads=1)
        await reply_to(engine, ASK)
        assert engine.describe().context_length == 768
    finally:
        await engine.close()


async def test_a_draft_model_guesses_and_another_vocabulary_is_refused(smollm2: Path, gemma3: Path) -> None:
    request = replace(ASK, prompt="Once upon a time there was a little girl named Lily. She loved to play", max_tokens=24)
    settings = EngineSettings(LoadSettings(512), threads=1)
    now = settings
    engine = LlamaCppEngine(smollm2, choose=lambda _header: now)
    try:
        plain = await reply_to(engine, replace(request, lookup=False))
        now = replace(settings, draft_model=smollm2)
        guessed = await reply_to(engine, replace(request, lookup=True))
        assert guessed.text == plain.text and guessed.mean_logprob == pytest.approx(plain.mean_logprob, abs=0.02)
        assert "draft_model" in guessed.made_with["speculation"] and guessed.made_with["accepted"] >= 4
        now = replace(settings, draft_model=gemma3)
        with pytest.raises(BadRequest, match="vocabulary"):
            await reply_to(engine, request)
    finally:
        await engine.close()


def test_settings_are_kept_per_model_and_used(home: Path, smollm2: Path) -> None:
    with open_app() as app:
        header = check_file(smollm2)
        model = next(one for one in app.text_models() if one.path == smollm2)
        assert app.keep_settings(header, {"ctx": "768", "threads": "1"}) == {"ctx": "768", "threads": "1"}
        engine = app.text_engine(model)
        app.runtime.run(engine.count_tokens("a"))
        assert engine.describe().context_length == 768
        engine = app.text_engine(model, {"ctx": "512"})
        app.runtime.run(engine.count_tokens("a"))
        assert engine.describe().context_length == 512 and app.kept_settings(header)["ctx"] == "768"
        with pytest.raises(BadRequest, match="kv-type"):
            app.keep_settings(header, {"kv-type": "none"})
    with open_app() as app:
        assert app.kept_settings(header) == {"ctx": "768", "threads": "1"}
        assert app.keep_settings(header, {"ctx": ""}) == {"threads": "1"}
        assert app.keep_settings(header, {}, reset=True) == {} and app.settings.model_settings == {}


# -- children and loads -------------------------------------------------------------------------------------------------


async def test_a_load_stops_within_0_3_seconds_of_cancel_and_the_same_child_loads_again(gemma3: Path) -> None:
    engine = LlamaCppEngine(gemma3, context_length=512, threads=1)
    try:
        for twice in (False, True):
            met = asyncio.Event()
            task = asyncio.create_task(engine.count_many(["a"], lambda _progress, met=met: met.set()))  # type: ignore[misc]
            await asyncio.wait_for(met.wait(), 60)
            child = engine.process_id
            began = time.perf_counter()
            task.cancel()
            if twice:
                await asyncio.sleep(0.001)
                task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            assert time.perf_counter() - began < 0.3
            assert engine._loaded is None, "it was stopped before its end"
        assert await engine.count_tokens("a") >= 1
        assert engine.process_id == child
    finally:
        await engine.close()


async def test_stop_at_any_moment_of_a_reply_and_twice_never_hangs_the_next(opened: Opened) -> None:
    """Around its very end above all: the stop and the last message pass each other in the pipe."""
    engine = opened({})
    request = replace(ASK, max_tokens=2, score=False, lookup=False)
    usual = await reply_to(engine, request)
    began = time.perf_counter()
    await reply_to(engine, request)
    whole = time.perf_counter() - began
    child, stopped = engine.process_id, 0
    for number in range(40):
        task = asyncio.create_task(reply_to(engine, request))
        await asyncio.sleep(whole * (0.5 + number / 40))
        task.cancel()
        if number % 2:
            await asyncio.sleep(0)
            task.cancel()
        try:
            assert (await asyncio.wait_for(task, 2)).text == usual.text
        except asyncio.CancelledError:
            stopped += 1
    began = time.perf_counter()
    assert (await asyncio.wait_for(reply_to(engine, request), 5)).text == usual.text
    assert 0 < stopped < 40, "both were met: replies that were stopped and replies that had ended"
    assert engine.process_id == child


async def test_twenty_loads_in_one_child_leave_nothing_behind(smollm2: Path) -> None:
    now = EngineSettings(LoadSettings(512), threads=1)
    engine = LlamaCppEngine(smollm2, choose=lambda _header: now)
    try:
        sizes = []
        for number in range(20):
            now = EngineSettings(LoadSettings(512 + 256 * (number % 2)), threads=1)
            await engine.embed(["the sea"])
            assert engine.process_id is not None
            sizes.append(psutil.Process(engine.process_id).memory_info().rss)
        assert max(sizes[-4:]) < max(sizes[4:8]) + (16 << 20), [size >> 20 for size in sizes]
    finally:
        await engine.close()


@pytest.mark.parametrize("kind", ["dense", "recurrent"])
async def test_a_model_without_a_vocabulary_is_refused_not_a_crash(tmp_path: Path, kind: str) -> None:
    engine = LlamaCppEngine(write_tiny(tmp_path / "không từ vựng 🐉.gguf", kind), context_length=256, threads=1)
    try:
        with pytest.raises(ModelRefused, match="vocabulary"):
            await engine.count_tokens("a")
        assert engine.process_id is not None, "the child lives"
    finally:
        await engine.close()
