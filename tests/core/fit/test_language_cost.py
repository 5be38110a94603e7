"""Tokens per word: with real vocabularies, against the engine's own tokenizer in another process."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from localstory.fit.dry_run import DryRunner, EngineRefuses
from localstory.fit.language_cost import SAMPLES, language_costs, tokens_per_word, word_count
from localstory.gguf.header import check_file
from tests.fakes.model_headers import model as made


@pytest.fixture
async def runner(tmp_path: Path) -> AsyncIterator[DryRunner]:
    one = DryRunner(tmp_path)
    yield one
    await one.close()


_TOKENISE = """
import json, sys
from llama_cpp import Llama
model = Llama(sys.argv[1], vocab_only=True, verbose=False)
print(json.dumps([len(model.tokenize(text.encode(), add_bos=False, special=False)) for text in json.loads(sys.argv[2])]))
"""


def test_the_samples_are_about_as_long_as_they_say() -> None:
    assert {language: 140 <= word_count(text) <= 170 for language, text in SAMPLES.items()} == {"en": True, "vi": True}
    assert "\n" not in "".join(SAMPLES.values())


@pytest.mark.parametrize("name", ["smollm2", "gemma3"])
async def test_the_count_is_the_engines_own(name: str, runner: DryRunner, request: pytest.FixtureRequest) -> None:
    path: Path = request.getfixturevalue(name)
    command = [sys.executable, "-c", _TOKENISE, str(path), json.dumps(list(SAMPLES.values()))]
    told = json.loads(subprocess.run(command, capture_output=True, check=True, timeout=120).stdout.decode().splitlines()[-1])  # noqa: ASYNC221
    costs = await language_costs(path, runner=runner)
    assert costs == {language: count / word_count(text) for (language, text), count in zip(SAMPLES.items(), told, strict=True)}


async def test_vietnamese_costs_far_more_where_the_vocabulary_never_saw_it(runner: DryRunner, smollm2: Path, gemma3: Path) -> None:
    few, many = await language_costs(smollm2, runner=runner), await language_costs(gemma3, runner=runner)
    assert 1.0 < few["en"] < 1.6 and 1.0 < many["en"] < 1.6
    assert few["vi"] > 2.5 > 1.6 > many["vi"] > 1.0  # facts: Gemma 4 1.28


async def test_a_header_alone_is_enough(runner: DryRunner, gemma3: Path, tmp_path: Path) -> None:
    header = check_file(gemma3)
    alone = tmp_path / "phần đầu 🐉.gguf"
    with open(gemma3, "rb") as file:  # noqa: ASYNC230
        alone.write_bytes(file.read(header.data_offset))
    assert alone.stat().st_size < 7_000_000
    assert await language_costs(alone, runner=runner) == await language_costs(gemma3, runner=runner)


async def test_a_child_of_its_own_is_ended(smollm2: Path) -> None:
    assert await tokens_per_word(smollm2, "en") < 1.6


async def test_a_file_without_a_vocabulary_is_refused(runner: DryRunner, tmp_path: Path) -> None:
    made("qwen3-0.6b").write(tmp_path / "none.gguf")
    with pytest.raises(EngineRefuses, match="no vocabulary"):
        await language_costs(tmp_path / "none.gguf", runner=runner)
    (tmp_path / "noise.gguf").write_bytes(b"GGUF\x03\0\0\0" + b"\xff" * 100)
    with pytest.raises(EngineRefuses, match="no model has"):
        await language_costs(tmp_path / "noise.gguf", runner=runner)
