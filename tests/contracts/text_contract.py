"""What every text engine promises. Subclass it and give it an `engine` fixture."""

from __future__ import annotations

import asyncio
import contextlib
import math
import time
from collections.abc import Sequence
from dataclasses import replace

import pytest

from localstory.engines.base import Message, PromptTooLong, Reply, Sampling, TextEngine, TextEvent, TextPiece, TextRequest
from localstory.errors import BadRequest, CannotContinue
from localstory.events import Progress

ASK = TextRequest(messages=(Message("user", "Tell me about the sea."),), max_tokens=24, sampling=Sampling(seed=7))


async def collect(engine: TextEngine, request: TextRequest) -> list[TextEvent]:
    async with contextlib.aclosing(engine.reply(request)) as events:
        return [event async for event in events]


async def collect_if_offered(engine: TextEngine, request: TextRequest) -> list[TextEvent]:
    """The events; none when a server can't do this and the engine says so. The embedded engine can do everything."""
    try:
        return await collect(engine, request)
    except CannotContinue as refusal:
        if refusal.code != "not_offered":
            raise
        assert engine.describe().name not in ("llama_cpp", "fake")
        return []


async def reply_to(engine: TextEngine, request: TextRequest) -> Reply:
    last = (await collect(engine, request))[-1]
    assert isinstance(last, Reply)
    return last


async def cancel_seconds(engine: TextEngine, request: TextRequest, *, after: type[object], delay: float = 0.0) -> float:
    """Start, wait for the first event of the kind `after`, cancel, and say how long it took until the engine was idle."""
    met = asyncio.Event()

    async def work() -> None:
        async with contextlib.aclosing(engine.reply(request)) as events:
            async for event in events:
                if isinstance(event, after):
                    met.set()

    task = asyncio.create_task(work())
    await asyncio.wait_for(met.wait(), 60)
    await asyncio.sleep(delay)
    began = time.perf_counter()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    return time.perf_counter() - began


def _dot(left: Sequence[float], right: Sequence[float]) -> float:
    return sum(one * other for one, other in zip(left, right, strict=True))


class TextEngineContract:
    """Streams in order, stops soon, says why it failed, same seed same text, any letters, empty prompt, honest limits."""

    async def test_the_pieces_in_order_are_the_reply(self, engine: TextEngine) -> None:
        events = await collect(engine, ASK)
        said = "".join(event.text for event in events if isinstance(event, TextPiece) and event.kind == "answer")
        assert isinstance(events[-1], Reply)
        assert said == events[-1].text != ""
        assert "".join(event.text for event in events if isinstance(event, TextPiece) and event.kind == "reasoning") == events[-1].reasoning
        assert sum(isinstance(event, Reply) for event in events) == 1

    async def test_usage_counts_what_was_written(self, engine: TextEngine) -> None:
        reply = await reply_to(engine, ASK)
        assert 0 < reply.usage.generated_tokens <= 24
        assert reply.usage.prompt_tokens > 0
        assert 0 <= reply.usage.reused_tokens < reply.usage.prompt_tokens
        if reply.stop_reason == "length":
            assert reply.usage.generated_tokens == 24

    async def test_stops_within_half_a_second_of_cancel_while_writing(self, engine: TextEngine) -> None:
        assert await cancel_seconds(engine, replace(ASK, max_tokens=4000), after=TextPiece) < 0.5

    async def test_answers_again_after_a_cancel(self, engine: TextEngine) -> None:
        before = await reply_to(engine, ASK)
        await cancel_seconds(engine, replace(ASK, max_tokens=4000), after=TextPiece)
        assert (await reply_to(engine, ASK)).text == before.text

    async def test_closing_the_stream_early_leaves_the_engine_ready(self, engine: TextEngine) -> None:
        async with contextlib.aclosing(engine.reply(ASK)) as events:
            async for event in events:
                if isinstance(event, TextPiece):
                    break
        assert (await reply_to(engine, ASK)).text

    async def test_the_same_seed_gives_the_same_text(self, engine: TextEngine) -> None:
        first = await reply_to(engine, ASK)
        await reply_to(engine, replace(ASK, messages=(Message("user", "Something else in between, and longer than before."),)))
        assert (await reply_to(engine, ASK)).text == first.text

    async def test_vietnamese_and_emoji_pass_whole(self, engine: TextEngine) -> None:
        request = replace(ASK, messages=(Message("user", "Kể chuyện con đường về nhà Ặ ỡ 🐉👩‍👩‍👧 \x00 end"),))
        events = await collect(engine, request)
        assert not any("\ufffd" in event.text for event in events[:-2] if isinstance(event, TextPiece))

    async def test_an_empty_prompt_is_answered(self, engine: TextEngine) -> None:
        assert isinstance(await reply_to(engine, TextRequest(prompt="", max_tokens=4, sampling=Sampling(seed=1))), Reply)
        assert isinstance(await reply_to(engine, replace(ASK, messages=(Message("user", ""),), max_tokens=4)), Reply)

    async def test_a_prompt_longer_than_the_window_is_refused_with_both_numbers(self, engine: TextEngine) -> None:
        with pytest.raises(PromptTooLong) as refusal:
            await collect(engine, TextRequest(prompt="word " * 100_000, max_tokens=4))
        assert refusal.value.prompt_tokens >= 100_000
        assert refusal.value.context_length == engine.describe().context_length
        assert str(refusal.value.prompt_tokens) in str(refusal.value) and str(refusal.value.context_length) in str(refusal.value)

    async def test_many_texts_are_counted_at_once_as_one_by_one(self, engine: TextEngine) -> None:
        texts = ["The sea is wide.", "", "Kể chuyện con đường về nhà 🐉", "a\n\nb " * 500, "<|im_start|>user"]
        counts = await engine.count_many(texts)
        assert counts == [await engine.count_tokens(text) for text in texts]
        assert counts[1] == 0
        assert 2 <= counts[0] < counts[3]
        assert await engine.count_many([]) == []

    async def test_a_counted_prompt_is_what_the_reply_evaluates(self, engine: TextEngine) -> None:
        turns = (Message("user", "Xin chào 🐉"), Message("assistant", " Hello, Mai.\n"), Message("user", "Go on, and tell me of the sea."))
        for messages in (ASK.messages, turns, (Message("system", "You are <|im_end|> a pirate."), *turns)):
            counted = await engine.count_prompt(messages)
            assert counted == (await reply_to(engine, replace(ASK, messages=messages, max_tokens=1))).usage.prompt_tokens

    async def test_a_stop_text_ends_the_reply_and_is_not_in_it(self, engine: TextEngine) -> None:
        whole = (await reply_to(engine, ASK)).text
        stop = whole[len(whole) // 2 : len(whole) // 2 + 3]
        cut = await reply_to(engine, replace(ASK, stop=("no such text", stop)))
        assert cut.text == whole[: whole.index(stop)]
        assert cut.stop_reason == "stop"

    async def test_nothing_or_both_to_answer_is_a_bad_request(self, engine: TextEngine) -> None:
        for request in (TextRequest(), TextRequest(prompt="a", messages=(Message("user", "b"),)), TextRequest(prompt="a", max_tokens=0)):
            with pytest.raises(BadRequest):
                await collect(engine, request)

    async def test_a_prefill_begins_the_reply_once(self, engine: TextEngine) -> None:
        events = await collect_if_offered(engine, replace(ASK, prefill="Well, Mai 🐉,"))
        if not events:
            return
        reply = events[-1]
        assert isinstance(reply, Reply)
        assert reply.text.startswith("Well, Mai 🐉,") and reply.text.count("Well, Mai 🐉,") == 1
        assert len(reply.text) > len("Well, Mai 🐉,")
        assert "".join(event.text for event in events if isinstance(event, TextPiece)) == reply.text

    async def test_going_on_with_a_message_says_only_what_is_new(self, engine: TextEngine) -> None:
        begun = Message("assistant", "Once upon a time there was")
        events = await collect_if_offered(engine, replace(ASK, messages=(*ASK.messages, begun), continue_last=True))
        if not events:
            return
        reply = events[-1]
        assert isinstance(reply, Reply) and reply.text and not reply.text.startswith(begun.text)

    async def test_settings_out_of_range_are_refused_by_name(self, engine: TextEngine) -> None:
        for field, value in (("temperature", -1.0), ("top_p", 2.0), ("order", ("no such sampler",)), ("banned_phrases", ("",))):
            with pytest.raises(BadRequest, match=field):
                await collect(engine, replace(ASK, sampling=replace(ASK.sampling, **{field: value})))  # type: ignore[arg-type]
        for request in (
            replace(ASK, logprobs=1000),
            replace(ASK, grammar='root ::= "a"', json_schema="{}"),
            replace(ASK, continue_last=True),
            TextRequest(prompt="a", prefill="b"),
        ):
            with pytest.raises(BadRequest):
                await collect(engine, request)

    async def test_two_requests_at_once_both_come_back_whole(self, engine: TextEngine) -> None:
        alone = (await reply_to(engine, ASK)).text
        both = await asyncio.gather(reply_to(engine, ASK), reply_to(engine, ASK))
        assert [reply.text for reply in both] == [alone, alone]

    async def test_progress_goes_forward(self, engine: TextEngine) -> None:
        events = await collect(engine, ASK)
        stages: dict[str, float] = {}
        for event in events:
            if isinstance(event, Progress) and event.share is not None:
                assert event.share >= stages.get(event.stage, 0.0)
                stages[event.stage] = event.share

    async def test_closing_twice_is_harmless(self, engine: TextEngine) -> None:
        await reply_to(engine, replace(ASK, max_tokens=2))
        await engine.close()
        await engine.close()

    async def test_texts_become_unit_vectors_in_their_order_same_text_same_vector(self, engine: TextEngine) -> None:
        texts = ["The sea is wide.", "Kể chuyện con đường về nhà đẹp 🐉", "A list of numbers: 1, 2, 3.", "The sea is wide.", "x"]
        together = await engine.embed(texts)
        assert together.vectors[0] == together.vectors[3] != together.vectors[1]
        assert len({len(vector) for vector in together.vectors}) == 1 and len(together.vectors) == len(texts)
        for text, vector in zip(texts, together.vectors, strict=True):
            assert math.isclose(math.hypot(*vector), 1.0, abs_tol=1e-5)
            assert (await engine.embed([text])).vectors == (vector,)
        assert together.tokens > 2 * len(texts) and together.model == engine.describe().model

    async def test_sentences_alike_are_nearer_than_others(self, engine: TextEngine) -> None:
        first, alike, other = (
            await engine.embed(["The cat sleeps on the sofa.", "A cat sleeps on the red sofa.", "Interest rates rose again: 4.5% in May!"])
        ).vectors
        assert _dot(first, alike) > _dot(first, other)

    async def test_no_texts_no_vectors_and_an_empty_text_is_refused(self, engine: TextEngine) -> None:
        assert (await engine.embed([])).vectors == ()
        with pytest.raises(BadRequest, match="2"):
            await engine.embed(["a", " \n"])

    async def test_many_texts_are_all_embedded(self, engine: TextEngine) -> None:
        heard: list[Progress] = []
        texts = [f"Ship number {number}" for number in range(40)]
        vectors = (await engine.embed(texts, heard.append)).vectors
        assert len(vectors) == 40 and vectors[36] == (await engine.embed([texts[36]])).vectors[0]
        assert heard[-1].done == heard[-1].of

    async def test_a_text_too_long_to_embed_is_refused_not_cut(self, engine: TextEngine) -> None:
        with pytest.raises(PromptTooLong) as refusal:
            await engine.embed(["a", "word " * 100_000])
        assert refusal.value.prompt_tokens >= 100_000

    async def test_embedding_stops_within_half_a_second_of_cancel_and_can_be_done_again(self, engine: TextEngine) -> None:
        task = asyncio.create_task(engine.embed(["the sea goes up and down and up again " * 40] * 64))
        await asyncio.sleep(0.3)
        assert not task.done()
        began = time.perf_counter()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert time.perf_counter() - began < 0.5
        assert (await engine.embed(["the sea"])).vectors
