"""What every voice promises. Subclass it and give it an `engine` fixture that speaks English."""

from __future__ import annotations

import asyncio
import contextlib
import time
import wave
from dataclasses import replace
from pathlib import Path

import pytest

from localstory.engines.base import Speech, SpeechEngine, SpeechEvent, SpeechRequest
from localstory.engines.speech.voice import WrongLanguage
from localstory.errors import BadRequest, FileTrouble
from localstory.events import Progress

STORY = """Mr. Fox walked home at 10:30. “Come here!” said Mia — she was cold… and tired.

In the house of the king there were 12 cats. 🐈 The end!"""
LONG = "The little fox ran home before the storm could catch it, and nobody saw. " * 60


async def collect(engine: SpeechEngine, request: SpeechRequest) -> list[SpeechEvent]:
    async with contextlib.aclosing(engine.speak(request)) as events:
        return [event async for event in events]


async def speech_of(engine: SpeechEngine, request: SpeechRequest) -> Speech:
    last = (await collect(engine, request))[-1]
    assert isinstance(last, Speech)
    return last


async def cancel_seconds(engine: SpeechEngine, request: SpeechRequest, *, delay: float = 0.0) -> float:
    """Start, wait until it speaks, cancel, and say how long it took until the engine was idle."""
    speaking = asyncio.Event()

    async def work() -> None:
        async with contextlib.aclosing(engine.speak(request)) as events:
            async for event in events:
                if isinstance(event, Progress) and event.stage == "Speaking":
                    speaking.set()

    task = asyncio.create_task(work())
    await asyncio.wait_for(speaking.wait(), 60)
    await asyncio.sleep(delay)
    began = time.perf_counter()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    return time.perf_counter() - began


class SpeechEngineContract:
    """A whole WAV or none, words as written with true times, same seed same bytes, stops soon, refuses what it can't speak."""

    @pytest.fixture
    def folder(self, tmp_path: Path) -> Path:
        folder = tmp_path / "giọng nói 🦊"
        folder.mkdir()
        return folder

    @pytest.fixture
    def ask(self, folder: Path) -> SpeechRequest:
        return SpeechRequest(STORY, folder / "cảnh 1 🐉.wav", "en", seed=7)

    async def test_one_speech_ends_the_stream(self, engine: SpeechEngine, ask: SpeechRequest) -> None:
        events = await collect(engine, ask)
        assert [isinstance(event, Speech) for event in events].count(True) == 1
        assert isinstance(events[-1], Speech)

    async def test_the_file_is_a_mono_16_bit_wav_as_long_as_said(self, engine: SpeechEngine, ask: SpeechRequest) -> None:
        speech = await speech_of(engine, ask)
        assert speech.path == ask.out
        with wave.open(str(ask.out)) as file:
            assert (file.getnchannels(), file.getsampwidth(), file.getframerate()) == (1, 2, speech.sample_rate)
            assert file.getnframes() / speech.sample_rate == pytest.approx(speech.seconds, abs=1e-6)
        assert speech.sample_rate == engine.describe().details["sample_rate"]

    async def test_the_words_are_those_written(self, engine: SpeechEngine, ask: SpeechRequest) -> None:
        speech = await speech_of(engine, ask)
        words = [word.text for sentence in speech.sentences for word in sentence.words]
        assert words == [word for word in STORY.split() if word != "🐈"] or words == STORY.split()
        for sentence in speech.sentences:
            assert " ".join(word.text for word in sentence.words) == sentence.text

    async def test_times_go_forward_and_stay_inside(self, engine: SpeechEngine, ask: SpeechRequest) -> None:
        speech = await speech_of(engine, ask)
        now = 0.0
        for sentence in speech.sentences:
            assert now <= sentence.start_s < sentence.end_s <= speech.seconds
            for word in sentence.words:
                assert now <= word.start_s <= word.end_s <= sentence.end_s
                now = word.end_s
            assert sentence.end_s == now

    async def test_there_is_silence_between_sentences(self, engine: SpeechEngine, ask: SpeechRequest) -> None:
        speech = await speech_of(engine, ask)
        assert all(after.start_s - before.end_s > 0.15 for before, after in zip(speech.sentences, speech.sentences[1:], strict=False))

    async def test_the_same_seed_gives_the_same_bytes_and_another_does_not(self, engine: SpeechEngine, ask: SpeechRequest, folder: Path) -> None:
        await speech_of(engine, ask)
        first = ask.out.read_bytes()
        await speech_of(engine, replace(ask, text="Something else in between.", out=folder / "b.wav", seed=99))
        await speech_of(engine, ask)
        assert ask.out.read_bytes() == first
        await speech_of(engine, replace(ask, seed=8))
        assert ask.out.read_bytes() != first

    async def test_slower_is_longer(self, engine: SpeechEngine, ask: SpeechRequest) -> None:
        usual = await speech_of(engine, ask)
        slow = await speech_of(engine, replace(ask, speed=0.8))
        assert 1.1 < slow.seconds / usual.seconds < 1.4

    @pytest.mark.parametrize("text", ["", "  \n ", "…", "!!!", "🦊🐉", "— “ ” —", "\x00\x07"])
    async def test_nothing_to_say_is_a_moment_of_silence(self, engine: SpeechEngine, ask: SpeechRequest, text: str) -> None:
        speech = await speech_of(engine, replace(ask, text=text))
        assert speech.sentences == ()
        with wave.open(str(ask.out)) as file:
            assert 0.2 < speech.seconds < 1.0
            assert not any(file.readframes(file.getnframes()))

    @pytest.mark.parametrize("wanted", ["vi", "de_DE", "xx"])
    async def test_another_language_is_refused_before_any_work(self, engine: SpeechEngine, ask: SpeechRequest, wanted: str) -> None:
        with pytest.raises(WrongLanguage) as refusal:
            await collect(engine, replace(ask, language=wanted))
        assert refusal.value.code == "wrong_language"
        assert list(ask.out.parent.iterdir()) == []

    async def test_vietnamese_passed_off_as_english_is_refused_too(self, engine: SpeechEngine, ask: SpeechRequest) -> None:
        with pytest.raises(WrongLanguage) as refusal:
            await collect(engine, replace(ask, text="Ngày xửa ngày xưa, có một cô bé tên là Mai sống bên bờ biển."))
        assert "vi_VN-vais1000-medium" in str(refusal.value)

    @pytest.mark.parametrize("speed", [0.0, -1.0, 50.0, float("nan"), float("inf")])
    async def test_a_speed_nobody_speaks_at_is_refused(self, engine: SpeechEngine, ask: SpeechRequest, speed: float) -> None:
        with pytest.raises(BadRequest):
            await collect(engine, replace(ask, speed=speed))

    async def test_a_folder_that_is_not_there_is_a_file_trouble(self, engine: SpeechEngine, ask: SpeechRequest, folder: Path) -> None:
        with pytest.raises(FileTrouble):
            await collect(engine, replace(ask, out=folder / "no such" / "a.wav"))

    async def test_stops_within_half_a_second_of_cancel_and_leaves_nothing(self, engine: SpeechEngine, ask: SpeechRequest) -> None:
        assert await cancel_seconds(engine, replace(ask, text=LONG), delay=0.1) < 0.5
        assert list(ask.out.parent.iterdir()) == []

    async def test_a_cancelled_reading_leaves_the_old_file_alone(self, engine: SpeechEngine, ask: SpeechRequest) -> None:
        await speech_of(engine, ask)
        before = ask.out.read_bytes()
        await cancel_seconds(engine, replace(ask, text=LONG))
        assert ask.out.read_bytes() == before
        assert list(ask.out.parent.iterdir()) == [ask.out]

    async def test_speaks_again_after_a_cancel(self, engine: SpeechEngine, ask: SpeechRequest) -> None:
        await speech_of(engine, ask)
        before = ask.out.read_bytes()
        await cancel_seconds(engine, replace(ask, text=LONG))
        await speech_of(engine, ask)
        assert ask.out.read_bytes() == before

    async def test_closing_the_stream_early_leaves_the_engine_ready(self, engine: SpeechEngine, ask: SpeechRequest) -> None:
        async with contextlib.aclosing(engine.speak(replace(ask, text=LONG))) as events:
            async for _event in events:
                break
        assert (await speech_of(engine, ask)).sentences

    async def test_two_readings_at_once_both_come_back_whole(self, engine: SpeechEngine, ask: SpeechRequest, folder: Path) -> None:
        both = await asyncio.gather(speech_of(engine, ask), speech_of(engine, replace(ask, out=folder / "b.wav")))
        assert both[0].path.read_bytes() == both[1].path.read_bytes()

    async def test_progress_goes_forward_to_its_end(self, engine: SpeechEngine, ask: SpeechRequest) -> None:
        shares = [event.share for event in await collect(engine, ask) if isinstance(event, Progress) and event.stage == "Speaking"]
        assert shares == sorted(shares, key=lambda share: share or 0.0)
        assert len(shares) >= 3 and shares[-1] == 1.0

    async def test_closing_twice_is_harmless(self, engine: SpeechEngine, ask: SpeechRequest) -> None:
        await speech_of(engine, replace(ask, text="Yes."))
        await engine.close()
        await engine.close()
