"""A voice of a server that offers OpenAI's /v1/audio/speech: LocalAI, KoboldCpp, Kokoro's servers, or one on the internet.

Such servers send sound and no times. So a breath is one question: where sentences begin and end is then known to the sample, the
pauses between them are ours, and only the words inside a breath are spread, by the letters that are spoken.
Source: OpenAI's API reference, "Create speech" (`model`, `input`, `voice`, `response_format`, `speed` 0.25 to 4).
"""

from __future__ import annotations

import asyncio
import wave
from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit

import numpy as np

from localstory.engines.base import EngineFacts, Speech, SpeechEvent, SpeechRequest, SpokenSentence, SpokenWord, Stream
from localstory.engines.media import speaks
from localstory.engines.speech import levels
from localstory.engines.speech.languages import base
from localstory.engines.speech.pauses import pause_after
from localstory.engines.speech.piper import check_request
from localstory.engines.speech.reading import Said, read
from localstory.engines.speech.saving import part_file
from localstory.engines.speech.sentences import End, split
from localstory.engines.speech.wav import NotWav, read_wav
from localstory.engines.text.endpoint import host_of, refused, sendable
from localstory.engines.text.openai_endpoint import listed, server_url
from localstory.events import Progress
from localstory.net import Net
from localstory.net.errors import BadAnswer
from localstory.words import mark

SPEAKING = mark("Speaking")
ASKING = mark("A text to be read aloud, to a speech server")
DEFAULT_VOICE, DEFAULT_MODEL = "alloy", "tts-1"
WORD_TIMES = "spread by letters inside each breath"
_MOST_BYTES = 64 << 20
_SILENT_TEXT_S = 0.5
_SHORTEST_S = 0.02


class OpenAISpeech:
    """A `SpeechEngine` on one voice of one server. `key` goes to this server only.

    `language`: what the voice speaks, where a person knows it; "" leaves it to the server, which doesn't tell. `model` "" is the first
    of the server's models whose name sounds like one for speech.
    """

    def __init__(
        self, base_url: str, voice: str = "", model: str = "", key: str = "", *, language: str = "", net: Net | None = None, patience: Any = None
    ) -> None:
        self.base_url = server_url(base_url)
        self.host = host_of(self.base_url)
        self._voice, self._given, self._model, self._key = voice or DEFAULT_VOICE, model, model, key
        self._language = language
        self._net = net or Net()
        self._patience = patience
        self._rate: int | None = None

    def describe(self) -> EngineFacts:
        """See `SpeechEngine`. The sample rate is known after the first words; the licence of such a voice is not."""
        details = {
            "sample_rate": self._rate, "licence": "", "licence_note": "", "licence_source": "", "server": self.host, "url": self.base_url,
            "word_times": WORD_TIMES, "same_seed_same_sound": False,
        }  # fmt: skip
        # Of the address, not of what was learnt from it: a recipe must be the same before and after the first words.
        name = "/".join(part for part in (self._given, self._voice) if part)
        return EngineFacts("openai_speech", "1", model=f"{name}@{self.host}", languages=(base(self._language),) if self._language else (), details=details)

    async def speak(self, request: SpeechRequest) -> Stream[SpeechEvent]:
        """Read aloud; see `SpeechEngine`. The seed decides the pauses; whether the sound is the same each time is up to the server.

        Raises WrongLanguage, BadRequest, FileTrouble, KeyNeeded, NoSuchModel, ServerSaid, NetTrouble (BadAnswer for another format).
        """
        check_request(request, voice=self._voice, language=self._language or request.language)
        sentences = split(request.text)
        total = sum(len(sentence.text) for sentence in sentences)
        with part_file(request.out) as part:
            yield Progress(SPEAKING, 0, total)
            model = await self._chosen_model()
            written = _Written(request)
            done = 0
            for sentence in sentences:
                for breath in sentence.breaths:
                    said = read(breath.words, request.language, breath.end)
                    if not said.text:
                        written.unspoken(breath.words)
                        continue
                    audio, rate = await self._sound(said.text, model, request.speed)
                    if written.rate not in (None, rate):
                        raise BadAnswer(self.host, mark("It changed the sample rate in the middle of a text."))
                    written.rate = rate
                    await asyncio.to_thread(written.breath, breath.words, said, breath.end, audio)
                written.end_sentence(sentence.text)
                done += len(sentence.text)
                yield Progress(SPEAKING, done, total)
            if written.rate is None:
                written.rate = self._rate or 24_000
                written.owed = round(_SILENT_TEXT_S * written.rate)
            self._rate = written.rate
            await asyncio.to_thread(written.save, part)
            if not total:
                yield Progress(SPEAKING, 1, 1)
        yield Speech(request.out, written.samples / written.rate, written.rate, tuple(written.sentences))

    async def _sound(self, text: str, model: str, speed: float) -> tuple[levels.Samples, int]:
        body = {"model": model, "input": sendable(text), "voice": self._voice, "response_format": "wav", "speed": speed}
        kind, content = await self._ask("/audio/speech", body)
        try:
            audio, rate = await asyncio.to_thread(read_wav, content)
        except NotWav as error:
            seems = error.kind or kind or "?"
            why = mark("It sent a WAV of a kind that can't be read.") if seems == "WAV" else mark("It sent {kind} where WAV was asked for.")
            raise BadAnswer(self.host, why, kind=seems[:40]) from error
        if audio.size < _SHORTEST_S * rate or not float(np.abs(audio).max()) > 1e-4:
            raise BadAnswer(self.host, mark("It sent silence for words."))
        return audio, rate

    async def _chosen_model(self) -> str:
        if not self._model:
            from localstory.net.live import QUICK, HttpRefusal, ask_json

            try:
                found = listed(
                    await ask_json(self._net, self.base_url, urlsplit(self.base_url).path + "/models", purpose=ASKING, key=self._key, patience=QUICK)
                )
            except (HttpRefusal, BadAnswer):
                found = None
            self._model = next((one.name for one in found or () if speaks(one.name)), DEFAULT_MODEL)
        return self._model

    async def _ask(self, path: str, body: dict[str, Any]) -> tuple[str, bytes]:
        from localstory.net.live import HttpRefusal, LivePatience, ask_bytes

        patience = self._patience or LivePatience(first_seconds=300.0)
        try:
            return await ask_bytes(
                self._net, self.base_url, urlsplit(self.base_url).path + path, purpose=ASKING, body=body, key=self._key, patience=patience,
                limit_bytes=_MOST_BYTES,
            )  # fmt: skip
        except HttpRefusal as refusal:
            raise refused(self.host, refusal.status, refusal.headers, refusal.body, model=str(body["model"])) from refusal

    async def close(self) -> None:
        """Nothing stays open between requests."""


class _Written:
    """The sound so far, with its words."""

    def __init__(self, request: SpeechRequest) -> None:
        self._request = request
        self._parts: list[bytes] = []
        self._words: list[SpokenWord] = []
        self._number = 0
        self.rate: int | None = None
        self.samples = 0
        self.owed = 0
        """Samples of silence before the next breath."""
        self.sentences: list[SpokenSentence] = []

    def unspoken(self, words: Sequence[str]) -> None:
        here = self.samples / (self.rate or 1)
        self._words += [SpokenWord(word, here, here) for word in words]

    def breath(self, words: Sequence[str], said: Said, end: End, audio: levels.Samples) -> None:
        """Trim and level one breath as all voices are, and spread its words over it."""
        assert self.rate is not None
        rate = self.rate
        first, last = levels.edges(audio, rate)
        audio = levels.fade_edges(audio[first:last], rate)
        audio = audio * levels.gain(levels.loudness(audio, rate), float(np.abs(audio).max()))
        self._be_silent()
        start = self.samples
        self._parts.append((np.clip(audio, -1.0, 1.0) * 32767.0).round().astype("<i2").tobytes())
        self.samples += int(audio.size)
        for word, (begin, finish) in zip(words, spread(said.words, int(audio.size)), strict=True):
            self._words.append(SpokenWord(word, (start + begin) / rate, (start + finish) / rate))
        pause = pause_after(end, seed=self._request.seed, index=self._number, speed=self._request.speed)
        own = (levels.TAIL_S if end is not End.text else 0) + levels.LEAD_S
        self.owed = max(0, int((pause - own) * rate))
        self._number += 1

    def end_sentence(self, text: str) -> None:
        heard = [word for word in self._words if word.end_s > word.start_s]
        if heard:
            self.sentences.append(SpokenSentence(text, heard[0].start_s, heard[-1].end_s, tuple(self._words)))
        self._words = []

    def _be_silent(self) -> None:
        self._parts.append(bytes(2 * self.owed))
        self.samples += self.owed
        self.owed = 0

    def save(self, part: Any) -> None:
        assert self.rate is not None
        self._be_silent()
        with wave.open(str(part), "wb") as out:
            out.setnchannels(1)
            out.setsampwidth(2)
            out.setframerate(self.rate)
            for one in self._parts:
                out.writeframes(one)


def spread(said: Sequence[str], samples: int) -> list[tuple[int, int]]:
    """Start and end of each word, in samples: by the letters that are spoken, with a little for the gap and more for a comma. Pure."""
    weights = [0 if not word else sum(letter.isalnum() for letter in word) + 1 + 3 * word.endswith((",", ";", ":", "—")) for word in said]
    total = sum(weights) or 1
    spans, done = [], 0
    for weight in weights:
        begin = samples * done // total
        done += weight
        spans.append((begin, samples * done // total))
    return spans
