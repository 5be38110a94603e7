"""A voice that hums: ships with the program, passes the contract tests, and drives tests and demos without a model."""

from __future__ import annotations

import asyncio
import math
import wave
from collections.abc import Sequence

import numpy as np

from localstory.engines.base import EngineFacts, Speech, SpeechEvent, SpeechRequest, SpokenSentence, SpokenWord, Stream
from localstory.engines.speech.languages import base
from localstory.engines.speech.pauses import pause_after
from localstory.engines.speech.piper import check_request
from localstory.engines.speech.reading import read
from localstory.engines.speech.saving import part_file
from localstory.engines.speech.sentences import split
from localstory.errors import CannotContinue
from localstory.events import Progress
from localstory.words import mark


class FakeVoice:
    """Hums for as long as somebody would speak, with a time for every word.

    `trouble` is raised one after the other before it hums at all; `work_seconds` per sentence makes it as slow as wanted.
    """

    def __init__(
        self,
        language: str = "en",
        *,
        name: str = "Hum",
        sample_rate: int = 22_050,
        seconds_per_letter: float = 0.06,
        work_seconds: float = 0.0,
        trouble: Sequence[CannotContinue] = (),
    ) -> None:
        self._language = language
        self._name = name
        self._rate = sample_rate
        self._seconds_per_letter = seconds_per_letter
        self._work_seconds = work_seconds
        self._trouble = list(trouble)
        self._turn = asyncio.Lock()
        self.requests: list[SpeechRequest] = []

    def describe(self) -> EngineFacts:
        details = {"sample_rate": self._rate, "licence": "CC0", "licence_note": "", "licence_source": ""}
        return EngineFacts("fake", "1", model=self._name, languages=(base(self._language),), details=details)

    async def speak(self, request: SpeechRequest) -> Stream[SpeechEvent]:
        """See `SpeechEngine`; refuses what a real voice refuses."""
        check_request(request, voice=self._name, language=self._language)
        self.requests.append(request)
        if self._trouble:
            raise self._trouble.pop(0)
        async with self._turn:
            sentences = split(request.text)
            total = sum(len(sentence.text) for sentence in sentences)
            spoken: list[SpokenSentence] = []
            position, owed, done, number = 0, 0, 0, 0
            with part_file(request.out) as part:
                with wave.open(str(part), "wb") as out:
                    out.setnchannels(1)
                    out.setsampwidth(2)
                    out.setframerate(self._rate)
                    for sentence in sentences:
                        yield Progress(mark("Speaking"), done, total)
                        await asyncio.sleep(self._work_seconds)
                        words: list[SpokenWord] = []
                        for breath in sentence.breaths:
                            said = read(breath.words, self._language, breath.end)
                            if not said.text:
                                words += [SpokenWord(word, position / self._rate, position / self._rate) for word in breath.words]
                                continue
                            out.writeframes(bytes(2 * owed))
                            position += owed
                            for word, spoken_as in zip(breath.words, said.words, strict=True):
                                length = round(self._seconds_per_letter * len(spoken_as) / request.speed * self._rate)
                                out.writeframes(self._hum(length, request.seed))
                                words.append(SpokenWord(word, position / self._rate, (position + length) / self._rate))
                                position += length
                            owed = round(pause_after(breath.end, seed=request.seed, index=number, speed=request.speed) * self._rate)
                            number += 1
                        heard = [word for word in words if word.end_s > word.start_s]
                        if heard:
                            spoken.append(SpokenSentence(sentence.text, heard[0].start_s, heard[-1].end_s, tuple(words)))
                        done += len(sentence.text)
                    if not spoken:
                        owed = self._rate // 2
                    out.writeframes(bytes(2 * owed))
                    position += owed
                yield Progress(mark("Speaking"), total, total)
            yield Speech(request.out, position / self._rate, self._rate, tuple(spoken))

    def _hum(self, length: int, seed: int) -> bytes:
        """A soft tone of whole samples that begins and ends at zero; its pitch comes from the seed."""
        time = np.arange(length) / self._rate
        tone = np.sin(2 * math.pi * (110 + seed % 60) * time) * np.sin(math.pi * np.arange(length) / max(1, length - 1)) * 0.1
        return (tone * 32767).astype("<i2").tobytes()

    async def close(self) -> None:
        """Nothing to free."""
