"""Guessed tokens: found in the text, as many as pay, and never seen in what is written."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from localstory.engines.base import Reply, Sampling, TextPiece, TextRequest
from localstory.engines.text.llama_cpp import LlamaCppEngine
from localstory.engines.text.speculation import Lookup, Pace
from tests.bench.edit_task import PROMPT
from tests.contracts.text_contract import collect, reply_to

EDIT = TextRequest(prompt=PROMPT, max_tokens=28, sampling=Sampling(temperature=0.0, seed=1))


def test_what_followed_the_same_three_tokens_is_guessed() -> None:
    lookup = Lookup([1, 2, 3, 4, 5, 6, 9, 1, 2, 3])
    assert lookup.guess(3) == (3, [4, 5, 6])
    lookup.add(4)
    assert lookup.guess(8) == (3, [5, 6, 9, 1, 2, 3, 4, 5])


def test_the_last_place_counts_and_two_tokens_are_enough() -> None:
    assert Lookup([1, 2, 7, 1, 2, 8, 5, 1, 2]).guess(1) == (2, [8])
    assert Lookup([1, 2, 3]).guess(4) == (0, [])
    assert Lookup([]).guess(4) == (0, [])


def test_a_repetition_goes_round() -> None:
    assert Lookup([7, 7, 7, 7]).guess(5) == (3, [7] * 5)


@given(st.lists(st.integers(0, 3), max_size=60), st.integers(1, 7))
def test_a_guess_really_followed_these_tokens_before(tokens: list[int], most: int) -> None:
    length, found = Lookup(tokens).guess(most)
    endings = [at for at in range(length, len(tokens)) if length and tokens[at - length : at] == tokens[len(tokens) - length :]]
    if not length:
        assert found == [] and not any(tokens[at - 2 : at] == tokens[-2:] for at in range(2, len(tokens)))
        return
    at = max(endings)
    assert len(found) == most and found[: len(tokens) - at] == tokens[at : at + most]


def test_taken_back_text_is_not_guessed_from() -> None:
    lookup = Lookup([1, 2, 3, 4, 1, 2])
    lookup.cut(2)
    assert lookup.guess(2) == (0, [])


def test_right_guesses_make_them_longer_and_wrong_ones_rare() -> None:
    pace = Pace(timed=False)
    first = pace.length(3, 7)
    for _time in range(12):
        pace.told(3, 4, 4)
    assert 1 <= first < pace.length(3, 7) == 7
    pace = Pace(timed=False)
    tried = 0
    for _token in range(200):
        length = pace.length(3, 7)
        tried += length
        pace.told(3, length, 0)
    assert tried <= 12, "wrong guesses cost a third of a token each: at most 2 % of 200"


def test_cheap_rows_are_used_and_dear_ones_are_not() -> None:
    lengths: dict[float, list[int]] = {}
    for slope in (0.02, 0.9):
        pace = Pace(timed=True)
        for _time in range(40):
            pace.took(1, 1.0)
            pace.took(5, 1.0 + 4 * slope)
            pace.told(2, 4, 2)
        lengths[slope] = []
        for _token in range(64):
            lengths[slope].append(pace.length(2, 7))
            pace.told(2, lengths[slope][-1], lengths[slope][-1] // 2)
    assert max(lengths[0.02]) >= 5
    assert sum(lengths[0.9]) <= 4


class _Guesses:
    """What guesses may and may not change, on a real model."""

    @pytest.fixture
    async def engine(self, model: Path) -> AsyncIterator[LlamaCppEngine]:
        engine = LlamaCppEngine(model, context_length=1024, threads=1)
        yield engine
        await engine.close()

    @pytest.fixture
    async def steady(self, model: Path) -> AsyncIterator[LlamaCppEngine]:
        """Without flash attention: the same text always."""
        engine = LlamaCppEngine(model, context_length=1024, flash_attention=False, threads=1)
        yield engine
        await engine.close()

    async def test_without_flash_attention_asking_for_guesses_changes_no_bit(self, steady: LlamaCppEngine) -> None:
        for temperature, seed, prompt in ((0.0, 1, PROMPT), (0.7, 2, PROMPT[:900]), (1.1, 3, "One two three one two three one two")):
            request = TextRequest(prompt=prompt, max_tokens=24, sampling=Sampling(temperature=temperature, seed=seed, repeat_penalty=1.05), score=True)
            plain = await reply_to(steady, replace(request, lookup=False))
            asked = await reply_to(steady, replace(request, lookup=True))
            assert (asked.text, asked.mean_logprob, asked.usage.generated_tokens) == (plain.text, plain.mean_logprob, plain.usage.generated_tokens)
            assert asked.made_with["speculation"] == "off" and asked.made_with["drafted"] == 0
            assert any("flash attention" in one.template for one in asked.warnings) and not plain.warnings

    async def test_with_it_every_guessed_token_is_the_one_the_model_writes_alone(self, engine: LlamaCppEngine) -> None:
        plain = await reply_to(engine, replace(EDIT, score=True, lookup=False))
        guessed = await reply_to(engine, replace(EDIT, score=True, lookup=True))
        assert guessed.text == plain.text and guessed.usage.generated_tokens == plain.usage.generated_tokens
        assert guessed.made_with["accepted"] >= 12 and plain.made_with["drafted"] == 0
        assert guessed.mean_logprob is not None and plain.mean_logprob is not None
        assert guessed.mean_logprob == pytest.approx(plain.mean_logprob, abs=0.02), "the logits come from the token's own row"

    async def test_stop_texts_bans_and_grammars_are_kept_with_guesses(self, engine: LlamaCppEngine) -> None:
        requests = (
            replace(EDIT, stop=("lantern",)),
            replace(EDIT, sampling=replace(EDIT.sampling, banned_phrases=("bucket in",))),
            replace(EDIT, grammar="root ::= [a-zA-Z .,]+"),
        )
        for request in requests:
            plain = await reply_to(engine, replace(request, lookup=False))
            guessed = await reply_to(engine, replace(request, lookup=True))
            assert (guessed.text, guessed.stop_reason) == (plain.text, plain.stop_reason)
            assert guessed.made_with["accepted"] > 0

    async def test_after_a_reply_with_guesses_the_cache_holds_what_was_written(self, engine: LlamaCppEngine) -> None:
        first = await reply_to(engine, replace(EDIT, max_tokens=26, lookup=True))
        assert first.made_with["drafted"] > first.made_with["accepted"] > 0
        on = replace(EDIT, prompt=PROMPT + first.text + " And", max_tokens=1, lookup=False, logprobs=8, sampling=Sampling(temperature=0.0))
        warm, near = await _likeliest(engine, on)
        other = LlamaCppEngine(engine._path, context_length=1024, threads=1)
        try:
            cold, far = await _likeliest(other, on)
        finally:
            await other.close()
        assert warm.usage.reused_tokens >= warm.usage.prompt_tokens - 4 and cold.usage.reused_tokens == 0
        assert far[0] in near[:4] and near[0] in far[:4], "as far apart as two ways to split a prompt into batches, no farther"


async def _likeliest(engine: LlamaCppEngine, request: TextRequest) -> tuple[Reply, list[bytes]]:
    """The reply, and what the model thought of for its first token."""
    events = await collect(engine, request)
    reply = events[-1]
    assert isinstance(reply, Reply)
    return reply, next([choice.token for choice in event.tokens[0].alternatives] for event in events if isinstance(event, TextPiece) and event.tokens)


class TestSmolLM2(_Guesses):
    @pytest.fixture
    def model(self, smollm2: Path) -> Path:
        return smollm2


class TestGemma3(_Guesses):
    @pytest.fixture
    def model(self, gemma3: Path) -> Path:
        return gemma3


async def test_a_seeded_reply_with_flash_attention_is_not_guessed_at_unless_told(smollm2: Path) -> None:
    engine = LlamaCppEngine(smollm2, context_length=1024, threads=1)
    try:
        assert (await reply_to(engine, EDIT)).made_with["speculation"] == "off"
        told = [await reply_to(engine, replace(EDIT, lookup=True)) for _time in range(2)]
        assert told[0].text == told[1].text and told[0].made_with == told[1].made_with and told[0].made_with["accepted"] > 0
        free = await reply_to(engine, replace(EDIT, sampling=Sampling(temperature=0.0)))
        assert free.made_with["speculation"] == "lookup" and free.made_with["accepted"] > 0
    finally:
        await engine.close()
