"""A model runs on the engine pack that was chosen for it; where the pack can't, on the portable build, with the reason."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from localstory.children.host import Child
from localstory.engines.base import Reply, Sampling, TextPiece, TextRequest, TokenLogprob
from localstory.engines.packs import NoSuchPack, Pack, open_pack
from localstory.engines.text.llama_cpp import LlamaCppEngine
from localstory.errors import CannotContinue
from localstory.fit.build import EngineBuild
from localstory.fit.context_params import LoadSettings, context_params
from localstory.fit.dry_run import DryRunner
from localstory.fit.estimate import Placement
from localstory.fit.records import settings_key
from localstory.fit.shape import shape_of
from localstory.gguf.header import check_file
from localstory.gguf.stripped import strip_files
from localstory.words import fill, tell
from tests.conftest import OLD_PACK, installed_file

ASK = TextRequest(prompt="Once upon a time there was", max_tokens=3, sampling=Sampling(temperature=0.0))


@dataclass
class Written:
    reply: Reply
    tokens: list[TokenLogprob]


async def write(engine: LlamaCppEngine, request: TextRequest = ASK) -> Written:
    tokens: list[TokenLogprob] = []
    reply: Reply | None = None
    async with contextlib.aclosing(engine.reply(request)) as events:
        async for event in events:
            if isinstance(event, TextPiece):
                tokens += event.tokens
            elif isinstance(event, Reply):
                reply = event
    assert reply is not None
    return Written(reply, tokens)


def libraries_of(pid: int | None) -> set[Path]:
    """The folders from which a process took llama.cpp's libraries, as the kernel knows it."""
    lines = Path(f"/proc/{pid}/maps").read_text("utf-8").splitlines()
    return {Path(line.split(maxsplit=5)[5]).parent for line in lines if "/llama_cpp/lib/" in line}


@pytest.fixture
def pack(engines_folder: Path) -> Pack:
    return open_pack(engines_folder, OLD_PACK)


@pytest.fixture
async def opened() -> AsyncIterator[Callable[..., LlamaCppEngine]]:
    """Opens engines that are closed at the end."""
    every: list[LlamaCppEngine] = []

    def open_engine(model: Path, pack: Callable[[], Pack | None]) -> LlamaCppEngine:
        every.append(LlamaCppEngine(model, context_length=1024, threads=1, flash_attention=False, pack=pack))
        return every[-1]

    yield open_engine
    for engine in every:
        await engine.close()


@pytest.mark.parametrize("worker", ["text", "dry_run", "rehearsal"])
async def test_a_child_has_the_libraries_of_the_pack_and_no_others(worker: str, pack: Pack) -> None:
    child = Child(worker, library=pack.folder)
    try:
        await child.start()
        assert libraries_of(child.pid) == {pack.folder / "llama_cpp/lib"}
    finally:
        await child.close()


async def test_the_choice_counts_from_the_next_reply_on_and_the_reply_says_what_made_it(
    smollm2: Path, pack: Pack, opened: Callable[..., LlamaCppEngine]
) -> None:
    chosen: list[Pack | None] = [None]
    engine = opened(smollm2, lambda: chosen[0])
    portable = installed_file("llama_cpp", "lib/libllama.so").parent
    first = (await write(engine)).reply
    assert first.made_with["engine_pack"] == "builtin" and libraries_of(engine.process_id) == {portable}
    chosen[0] = pack
    second = (await write(engine)).reply
    assert second.made_with["engine_pack"] == OLD_PACK and libraries_of(engine.process_id) == {pack.folder / "llama_cpp/lib"}
    facts = engine.describe()
    assert (facts.version, facts.details["engine_pack"]) == (pack.version, OLD_PACK)
    pid = engine.process_id
    await write(engine)
    assert engine.process_id == pid  # the same choice loads nothing anew
    chosen[0] = None
    assert (await write(engine)).reply.made_with["engine_pack"] == "builtin" and libraries_of(engine.process_id) == {portable}
    assert first.text and second.text


def abort_at_once(folder: Path) -> None:
    with open(folder / "llama_cpp/__init__.py", "a") as file:
        file.write("\nimport os\nos.abort()\n")


def refuse_every_model(folder: Path) -> None:
    with open(folder / "llama_cpp/llama_cpp.py", "a") as file:
        file.write("\ndef llama_model_load_from_file(path, params): return None\n")


def cut_a_library(folder: Path) -> None:
    library = folder / "llama_cpp/lib/libggml-cpu.so.0"
    content = library.read_bytes()
    for place in folder.glob("llama_cpp/lib/libggml-cpu.so*"):
        place.unlink()
        place.write_bytes(content[:2000])


def remove_it(folder: Path) -> None:
    shutil.rmtree(folder)


@pytest.mark.parametrize("breaks", [abort_at_once, refuse_every_model, cut_a_library, remove_it])
async def test_a_chat_is_never_lost_to_a_broken_pack(
    breaks: Callable[[Path], None], smollm2: Path, engines_folder: Path, tmp_path: Path, opened: Callable[..., LlamaCppEngine]
) -> None:
    engines = tmp_path / "engines"
    shutil.copytree(engines_folder / OLD_PACK, engines / OLD_PACK)
    breaks(engines / OLD_PACK)
    asked = 0

    def chosen() -> Pack | None:
        nonlocal asked
        asked += 1
        return open_pack(engines, OLD_PACK)

    engine = opened(smollm2, chosen)
    reply = (await write(engine)).reply
    assert reply.text and (reply.made_with["engine_pack"], reply.made_with["engine_pack_wanted"]) == ("builtin", OLD_PACK)
    assert isinstance(engine.pack_trouble, CannotContinue) and tell(engine.pack_trouble).detail in reply.made_with["engine_pack_trouble"]
    (warned,) = reply.warnings
    assert OLD_PACK in fill(warned.template, warned.values)
    pid = engine.process_id
    for _again in range(2):
        assert await engine.count_tokens("a sea") == 2
    assert (await write(engine)).reply.warnings == ()  # told once
    assert engine.process_id == pid and asked == 4  # what failed is not tried at every word


async def test_a_pack_that_crashes_does_not_quarantine_the_model(
    smollm2: Path, engines_folder: Path, tmp_path: Path, opened: Callable[..., LlamaCppEngine]
) -> None:
    shutil.copytree(engines_folder / OLD_PACK, tmp_path / OLD_PACK)
    abort_at_once(tmp_path / OLD_PACK)
    for _turn in range(3):
        assert await opened(smollm2, lambda: open_pack(tmp_path, OLD_PACK)).count_tokens("a sea") == 2


async def test_a_missing_pack_is_told_by_its_name(smollm2: Path, tmp_path: Path, opened: Callable[..., LlamaCppEngine]) -> None:
    engine = opened(smollm2, lambda: open_pack(tmp_path, "đã mất"))
    reply = (await write(engine)).reply
    assert isinstance(engine.pack_trouble, NoSuchPack) and reply.made_with["engine_pack_wanted"] == "đã mất"


@pytest.mark.parametrize(("model", "same_text"), [("smollm2", True), ("gemma3", False)])
async def test_two_builds_mean_the_same(model: str, same_text: bool, pack: Pack, request: pytest.FixtureRequest, opened: Callable[..., LlamaCppEngine]) -> None:
    """Without flash attention, likeliest token each time: SmolLM2 (Q4_1) wrote the same 24 tokens after 6 prompts of 6 with both
    builds, Gemma (Q4_K, multiplied otherwise where there is AVX2) after 2. Log-probabilities of the five likeliest differed by
    up to 0.69 and 0.68, as much as flash attention alone changes them (0.55 and 0.68)."""
    path: Path = request.getfixturevalue(model)
    ask = replace(ASK, prompt="The sea is", max_tokens=6, logprobs=5)
    portable, old = await write(opened(path, lambda: None), ask), await write(opened(path, lambda: pack), ask)
    assert len(portable.tokens) == len(old.tokens) == 6
    for here, there in zip(portable.tokens, old.tokens, strict=True):
        values = [{one.token: one.logprob for one in token.alternatives} for token in (here, there)]
        common = values[0].keys() & values[1].keys()
        assert len(common) >= 3 and all(abs(values[0][token] - values[1][token]) < 1.0 for token in common)
        if here.token != there.token:
            break  # from here on they talk of different things
    assert not same_text or portable.reply.text == old.reply.text


# -- the fit check ----------------------------------------------------------------------------------------------------


async def test_the_dry_run_is_that_of_the_pack(gemma3: Path, pack: Pack) -> None:
    """Q4_K weights are kept a second time by a build with AVX2 (ggml's repacking), and not by one without."""
    stripped = strip_files([gemma3])
    params = context_params(shape_of(stripped.header), LoadSettings(context_length=1024))
    needs = []
    for library in (None, pack.folder):
        runner = DryRunner(library=library)
        try:
            needs.append(await runner.need(stripped, params))
        finally:
            await runner.close()
    portable, old = needs
    assert portable.processor.kv_bytes == old.processor.kv_bytes > 0 and portable.processor.weights_bytes == old.processor.weights_bytes
    assert portable.processor.repacked_bytes > 0 == old.processor.repacked_bytes


def test_a_build_uses_what_it_has_code_for(pack: Pack) -> None:
    build = EngineBuild(pack.name, pack.folder, pack.system_info)
    assert build.features(("sse4_2", "avx", "avx2", "fma", "avx512f")) == ()
    assert EngineBuild().features(("sse4_2", "avx", "avx2", "fma", "avx512f")) == ("sse4_2", "avx", "avx2", "fma")


def test_what_one_build_took_is_not_taken_for_another(smollm2: Path) -> None:
    params = context_params(shape_of(check_file(smollm2)))
    assert settings_key(params, Placement(engine="a")) != settings_key(params, Placement(engine="b")) != settings_key(params, Placement())
