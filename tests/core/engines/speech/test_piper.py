"""The real voice: timing, pauses, even levels, and everything that can go wrong."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import math
import re
import shutil
import sys
import wave
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import imageio_ffmpeg
import numpy as np
import numpy.typing as npt
import psutil
import pytest

from localstory.children import host
from localstory.children.last_words import ChildDied
from localstory.children.tool import run_tool
from localstory.engines.base import Speech, SpeechRequest
from localstory.engines.speech import piper_worker
from localstory.engines.speech.pauses import PAUSES_S
from localstory.engines.speech.piper import PiperEngine
from localstory.engines.speech.sentences import End
from localstory.engines.speech.voice import VoiceUnusable, read_card
from localstory.errors import BadRequest, FileTrouble
from localstory.events import Progress
from localstory.words import tell
from tests.contracts.speech_contract import LONG, cancel_seconds, collect, speech_of

STORY = """Once upon a time, in a small village by the sea, there lived a girl named Mia. She had a red scarf and a brave heart. They ran! Nobody answered.

“Look at that!” cried Mia. “The lighthouse is dark.” The old keeper, Mr. Hale, had kept it for 41 years. Something was wrong… Very wrong indeed.

It was the strangest night of all."""


@pytest.fixture
async def engine(joe: Path) -> AsyncIterator[PiperEngine]:
    engine = PiperEngine(joe)
    yield engine
    await engine.close()


@pytest.fixture
def voice(joe: Path, tmp_path: Path) -> Path:
    """A copy of the starter voice that may be damaged, in a folder with hard letters."""
    folder = tmp_path / "giọng 🐉"
    folder.mkdir()
    copy = folder / "joe của tôi.onnx"
    copy.symlink_to(joe)
    shutil.copy(joe.with_name(joe.name + ".json"), folder / "joe của tôi.onnx.json")
    return copy


def samples(path: Path) -> npt.NDArray[np.float64]:
    with wave.open(str(path)) as file:
        return np.frombuffer(file.readframes(file.getnframes()), dtype="<i2") / 32768


def silence_around(audio: npt.NDArray[np.float64], rate: int, second: float) -> float:
    """Seconds of silence (under -45 dB of full scale) around a moment, measured on the sound alone."""
    loud = np.abs(audio) > 10 ** (-45 / 20)
    middle = int(second * rate)
    before, after = np.flatnonzero(loud[:middle]), np.flatnonzero(loud[middle:])
    return float((middle + after[0] - before[-1]) / rate)


def rms_db(audio: npt.NDArray[np.float64], rate: int) -> float:
    """Level of the louder half of 50 ms frames: what an ear takes for the loudness of a sentence."""
    frame = rate // 20
    power = np.sort(np.square(audio[: audio.size // frame * frame]).reshape(-1, frame).mean(axis=1))
    return 10 * math.log10(power[power.size // 2 :].mean())


@pytest.fixture(scope="module")
def told(joe: Path, tmp_path_factory: pytest.TempPathFactory) -> Speech:
    async def tell_story() -> Speech:
        engine = PiperEngine(joe)
        try:
            return await speech_of(engine, SpeechRequest(STORY, tmp_path_factory.mktemp("told") / "a.wav", "en", seed=3))
        finally:
            await engine.close()

    return asyncio.run(tell_story())


class TestTheSound:
    def test_pauses_are_as_long_as_grammar_says(self, told: Speech) -> None:
        audio = samples(told.path)
        expected = [End.sentence, End.sentence, End.sentence, End.paragraph, End.dialogue, End.dialogue, End.sentence, End.trailing, End.paragraph]
        for end, (before, after) in zip(expected, itertools.pairwise(told.sentences), strict=True):
            silent = silence_around(audio, told.sample_rate, (before.end_s + after.start_s) / 2)
            shortest, longest = PAUSES_S[end]
            # A soft last sound ("heart") falls under the threshold before the voice has ended.
            assert shortest - 0.03 <= silent <= longest + 0.12, (end, before.text, silent)

    def test_it_begins_at_once_and_ends_soon(self, told: Speech) -> None:
        audio = np.abs(samples(told.path)) > 0.01
        assert np.flatnonzero(audio)[0] / told.sample_rate < 0.05
        assert (audio.size - np.flatnonzero(audio)[-1]) / told.sample_rate < 0.25

    def test_neighbouring_sentences_are_equally_loud(self, told: Speech) -> None:
        audio = samples(told.path)
        loudness = [rms_db(audio[int(one.start_s * told.sample_rate) : int(one.end_s * told.sample_rate)], told.sample_rate) for one in told.sentences]
        assert all(abs(before - after) <= 2.0 for before, after in itertools.pairwise(loudness)), loudness

    def test_nothing_clips_or_clicks(self, told: Speech) -> None:
        audio = samples(told.path)
        assert np.abs(audio).max() < 0.9
        for before, after in itertools.pairwise(told.sentences):
            edge = int((before.end_s + after.start_s) / 2 * told.sample_rate)
            assert np.abs(np.diff(audio[edge - 2000 : edge + 2000])).max() < 0.2

    def test_ffmpeg_hears_the_loudness_we_aim_at(self, told: Speech) -> None:
        command = [imageio_ffmpeg.get_ffmpeg_exe(), "-hide_banner", "-i", told.path, "-af", "ebur128", "-f", "null", "-"]
        heard = run_tool(command, own_group=True)
        found = re.findall(r"I:\s+(-[\d.]+) LUFS", heard.stderr)
        assert float(found[-1]) == pytest.approx(-23.0, abs=1.5)

    def test_no_sentence_is_split_at_mister(self, told: Speech) -> None:
        (keeper,) = [one for one in told.sentences if "Mr." in one.text]
        assert keeper.text == "The old keeper, Mr. Hale, had kept it for 41 years."
        mister, hale = (next(word for word in keeper.words if word.text == text) for text in ("Mr.", "Hale,"))
        assert hale.start_s - mister.end_s < 0.15

    def test_every_word_is_where_it_sounds(self, told: Speech) -> None:
        audio = samples(told.path)
        for sentence in told.sentences:
            for word in sentence.words:
                assert 0.01 < word.end_s - word.start_s < 1.2, word
                heard = audio[int(word.start_s * told.sample_rate) : int(word.end_s * told.sample_rate)]
                assert np.abs(heard).max() > 0.02, word


async def test_a_number_lasts_as_long_as_its_words(engine: PiperEngine, tmp_path: Path) -> None:
    speech = await speech_of(engine, SpeechRequest("It holds 1,234,567 in all.", tmp_path / "a.wav", "en"))
    words = {word.text: word.end_s - word.start_s for word in speech.sentences[0].words}
    assert words["1,234,567"] > 2.5
    assert words["in"] < 0.4


async def test_a_dash_is_longer_than_nothing(engine: PiperEngine, tmp_path: Path) -> None:
    speech = await speech_of(engine, SpeechRequest("The house was dark — they waited for the morning.", tmp_path / "a.wav", "en"))
    dark, dash, they = speech.sentences[0].words[3:6]
    assert (dark.text, dash.text, they.text) == ("dark", "—", "they")
    assert they.start_s - dark.end_s > 0.2
    assert dash.start_s == dash.end_s


async def test_a_new_child_gives_the_same_bytes(joe: Path, tmp_path: Path) -> None:
    made = []
    for _round in range(2):
        engine = PiperEngine(joe)
        await speech_of(engine, SpeechRequest(STORY, tmp_path / "a.wav", "en", seed=5))
        made.append((tmp_path / "a.wav").read_bytes())
        await engine.close()
    assert made[0] == made[1]


def test_the_durations_are_the_sound_to_the_sample(joe: Path) -> None:
    card = read_card(joe)
    voice = piper_worker._Voice(joe, card.settings)
    for number, text in enumerate(["The little fox ran home.", "Yes!", "In the house of the king, there were cats."]):
        phonemes = voice.phonemes(text)
        audio, lengths = voice.speak(phonemes, length_scale=1.0, seed=(1, number), stop=None)
        assert sum(lengths) == audio.size > 5000
        assert len(set(lengths)) > 3  # not merely spread evenly


def test_too_little_noise_is_noticed_and_changes_nothing(joe: Path, tmp_path: Path) -> None:
    voice = piper_worker._Voice(joe, read_card(joe).settings)
    phonemes = voice.phonemes("The little fox ran home.")
    audio, _lengths = voice.speak(phonemes, length_scale=1.0, seed=(1, 0), stop=None)
    voice._noise_per_id = [0.5, 3.0]
    again, _lengths = voice.speak(phonemes, length_scale=1.0, seed=(1, 0), stop=None)
    assert np.array_equal(audio, again)


def test_the_facts_say_whose_voice_it_is(joe: Path) -> None:
    facts = PiperEngine(joe).describe()
    assert (facts.name, facts.model, facts.languages) == ("piper", "en_US-joe-medium", ("en",))
    assert facts.details["licence"] == "CC0"
    assert "lessac" in facts.details["licence_note"]
    assert facts.details["sample_rate"] == 22_050


async def test_a_cancel_in_the_middle_of_a_long_breath_keeps_the_child(engine: PiperEngine, tmp_path: Path) -> None:
    ask = SpeechRequest("Yes.", tmp_path / "a.wav", "en")
    await speech_of(engine, ask)
    pid = engine._child.pid
    breathless = "the little fox ran home before the storm could catch it and nobody saw " * 40
    assert await cancel_seconds(engine, replace(ask, text=breathless), delay=0.15) < 0.5
    await speech_of(engine, ask)
    assert engine._child.pid == pid


async def test_a_hundred_thousand_letters_stream_and_stop(engine: PiperEngine, tmp_path: Path) -> None:
    ask = SpeechRequest((LONG * 30)[:100_000], tmp_path / "a.wav", "en")
    seen = []
    async with contextlib.aclosing(engine.speak(ask)) as events:
        async for event in events:
            if isinstance(event, Progress) and event.stage == "Speaking":
                seen.append(event.done)
                if len(seen) == 6:
                    break
    assert seen == sorted(set(seen)) and seen[-1] > 0
    assert list(tmp_path.glob("*.wav*")) == list(tmp_path.glob(".*.part")) == []


class TestWhatGoesWrong:
    async def refusal(self, voice: Path, tmp_path: Path) -> VoiceUnusable:
        engine = PiperEngine(voice)
        try:
            with pytest.raises(VoiceUnusable) as refusal:
                await collect(engine, SpeechRequest("Hello.", tmp_path / "out.wav", "en"))
        finally:
            await engine.close()
        assert not (tmp_path / "out.wav").exists() and not list(tmp_path.glob(".*part"))
        told = tell(refusal.value)
        assert told.title and told.detail and told.hint and "{" not in told.detail + told.hint
        assert refusal.value.code == "voice_unusable"
        return refusal.value

    async def test_a_voice_that_is_not_there(self, voice: Path, tmp_path: Path) -> None:
        voice.unlink()
        assert "does not exist" in str(await self.refusal(voice, tmp_path))

    async def test_a_voice_without_its_settings(self, voice: Path, tmp_path: Path) -> None:
        voice.with_name(voice.name + ".json").unlink()
        assert "joe của tôi.onnx.json" in str(await self.refusal(voice, tmp_path))
        assert PiperEngine(voice).describe().model == "joe của tôi"

    @pytest.mark.parametrize("content", [b"", b"[]", b"{}", b"\xff\xfe", b'{"audio": 3}', b"[" * 100_000, b"null"])
    async def test_settings_that_are_damaged(self, voice: Path, tmp_path: Path, content: bytes) -> None:
        voice.with_name(voice.name + ".json").write_bytes(content)
        assert "damaged" in str(await self.refusal(voice, tmp_path))

    @pytest.mark.parametrize(
        "change",
        [
            lambda settings: settings.update(phoneme_type="pinyin"),
            lambda settings: settings["audio"].update(sample_rate=0),
            lambda settings: settings.update(hop_length=10**9),
            lambda settings: settings["phoneme_id_map"].pop("_"),
            lambda settings: settings["phoneme_id_map"].update(a="x"),
            lambda settings: settings["inference"].update(length_scale=-5),
        ],
    )
    async def test_settings_that_make_no_sense(self, voice: Path, tmp_path: Path, change: Callable[[dict[str, Any]], object]) -> None:
        beside = voice.with_name(voice.name + ".json")
        settings = json.loads(beside.read_text())
        change(settings)
        beside.write_text(json.dumps(settings))
        await self.refusal(voice, tmp_path)

    @pytest.mark.parametrize("share", [0.0, 0.3, 0.999])
    async def test_a_voice_cut_off(self, voice: Path, tmp_path: Path, share: float) -> None:
        content = voice.read_bytes()
        voice.unlink()
        voice.write_bytes(content[: int(len(content) * share)])
        assert "damaged" in str(await self.refusal(voice, tmp_path))

    async def test_a_file_that_is_something_else(self, voice: Path, tmp_path: Path) -> None:
        voice.unlink()
        voice.write_bytes(b"GGUF" + bytes(5000))
        assert "not an ONNX model" in str(await self.refusal(voice, tmp_path))

    async def test_a_voice_with_a_phoneme_it_has_no_numbers_for(self, voice: Path, tmp_path: Path) -> None:
        beside = voice.with_name(voice.name + ".json")
        settings = json.loads(beside.read_text())
        settings["phoneme_id_map"] = {key: [id + 5000 for id in ids] for key, ids in settings["phoneme_id_map"].items()}
        beside.write_text(json.dumps(settings))
        await self.refusal(voice, tmp_path)

    async def test_a_file_where_the_folder_should_be(self, engine: PiperEngine, tmp_path: Path) -> None:
        (tmp_path / "file").write_text("")
        with pytest.raises(FileTrouble):
            await collect(engine, SpeechRequest("Hello.", tmp_path / "file" / "a.wav", "en"))

    @pytest.mark.skipif(sys.platform != "linux", reason="the limit on a process's files is set from outside")
    async def test_a_full_disk(self, engine: PiperEngine, tmp_path: Path) -> None:
        import resource

        ask = SpeechRequest("Hello there, my friend.", tmp_path / "a.wav", "en")
        await speech_of(engine, ask)
        before = ask.out.read_bytes()
        assert engine._child.pid is not None
        resource.prlimit(engine._child.pid, resource.RLIMIT_FSIZE, (5000, 5000))
        with pytest.raises(FileTrouble) as trouble:
            await collect(engine, replace(ask, text=LONG))
        assert trouble.value.code == "file_trouble" and str(ask.out) in str(trouble.value)
        assert ask.out.read_bytes() == before and list(tmp_path.glob(".*part")) == []

    async def test_a_killed_child_is_told_and_the_next_reading_works(self, engine: PiperEngine, tmp_path: Path) -> None:
        ask = SpeechRequest(LONG, tmp_path / "a.wav", "en")
        with pytest.raises(ChildDied):
            async with contextlib.aclosing(engine.speak(ask)) as events:
                async for event in events:
                    if isinstance(event, Progress) and event.stage == "Speaking":
                        assert engine._child.pid is not None
                        with contextlib.suppress(psutil.NoSuchProcess):
                            psutil.Process(engine._child.pid).kill()
        assert not list(tmp_path.glob("*.wav")) and not list(tmp_path.glob(".*part"))
        assert (await speech_of(engine, replace(ask, text="Hello."))).sentences

    async def test_what_a_killed_program_left_is_swept(self, engine: PiperEngine, tmp_path: Path) -> None:
        (tmp_path / ".a.wav.part").write_bytes(b"half")
        await speech_of(engine, SpeechRequest("Hello.", tmp_path / "a.wav", "en"))
        assert list(tmp_path.glob(".*part")) == []

    async def test_a_text_without_end_is_refused(self, engine: PiperEngine, tmp_path: Path) -> None:
        with pytest.raises(BadRequest):
            await collect(engine, SpeechRequest("a " * 600_000, tmp_path / "a.wav", "en"))

    @pytest.fixture(autouse=True)
    def forgive(self) -> None:
        host.crashes = host._CrashLog()
