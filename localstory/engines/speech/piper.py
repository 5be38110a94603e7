"""Piper: a voice in an .onnx file that reads texts aloud, in a child of its own."""

from __future__ import annotations

import asyncio
import contextlib
import importlib.metadata
import math
from pathlib import Path
from typing import Any

from localstory.children.host import Child, WorkFailed
from localstory.children.protocol import Message
from localstory.engines.base import EngineFacts, Speech, SpeechEvent, SpeechRequest, SpokenSentence, SpokenWord, Stream
from localstory.engines.speech.languages import base, contradicts
from localstory.engines.speech.saving import file_trouble, part_file
from localstory.engines.speech.voice import VoiceCard, VoiceUnusable, WrongLanguage, read_card, speaks
from localstory.errors import BadRequest, CannotContinue
from localstory.events import Progress
from localstory.words import mark

LONGEST_TEXT = 1_000_000
"""Characters: some 18 hours of speech. A WAV can hold no more than twice that."""
SLOWEST, FASTEST = 0.25, 4.0


class SpeechOutOfMemory(CannotContinue):
    """There was not enough memory to speak."""

    code = "out_of_memory"

    def __init__(self) -> None:
        super().__init__(
            title=mark("There is not enough memory to speak"),
            detail=mark("The voice needs about 500 MB."),
            hint=mark("Close other programs and try again."),
        )


def check_request(request: SpeechRequest, *, voice: str, language: str) -> None:
    """Refuse, before any work, what no voice can do, and a text that this one would read as gibberish.

    Raises WrongLanguage (also when the text's letters contradict the language it is said to be in) and BadRequest.
    """
    if not math.isfinite(request.speed) or not SLOWEST <= request.speed <= FASTEST:
        raise BadRequest(
            title=mark("Nobody can speak at this speed"),
            detail=mark("The speed {speed} is not between {slowest} and {fastest}."),
            hint=mark("1 is the voice's own speed, 0.9 a little slower."),
            speed=request.speed,
            slowest=SLOWEST,
            fastest=FASTEST,
        )
    if len(request.text) > LONGEST_TEXT:
        raise BadRequest(
            title=mark("The text is too long to be read in one go"),
            detail=mark("It has {count} characters; {most} are the most."),
            hint=mark("Split it into chapters."),
            count=len(request.text),
            most=LONGEST_TEXT,
        )
    if base(request.language) != base(language):
        raise WrongLanguage(voice=voice, speaks=base(language), wanted=base(request.language))
    seen = contradicts(request.text, request.language)
    if seen is not None:
        raise WrongLanguage(voice=voice, speaks=base(language), wanted=seen)


class PiperEngine:
    """A `SpeechEngine` on one voice. The voice is loaded at the first need and stays until `close`.

    The same request gives the same bytes, from any child on the same machine: the noise that Piper draws comes from
    the request's seed (see `voice_model`). Another processor or another ONNX Runtime may round differently, so a
    finished WAV is an asset to keep, not something to make again and compare.
    """

    def __init__(self, voice: Path, *, jobs_folder: Path | None = None) -> None:
        self._path = voice
        self._child = Child("speech", jobs_folder=jobs_folder, about=str(voice))
        self._turn = asyncio.Lock()
        self._loaded: tuple[int | None, float, int] | None = None
        """The child's process and the file's time and size when it was loaded."""
        self._sha256 = ""

    def describe(self) -> EngineFacts:
        """See `SpeechEngine`. A voice that can't be read is described by its name alone; speaking with it says why."""
        version = importlib.metadata.version("piper-tts")
        try:
            card = read_card(self._path)
        except VoiceUnusable:
            return EngineFacts(name="piper", version=version, model=self._path.name.removesuffix(".onnx"))
        details = {
            "sample_rate": card.sample_rate, "licence": card.licence, "licence_note": card.training, "licence_source": card.source,
            "locale": card.language, "quality": card.quality, "speakers": card.speakers,
        }  # fmt: skip
        return EngineFacts(name="piper", version=version, model=card.name, model_sha256=self._sha256, languages=(speaks(card),), details=details)

    async def speak(self, request: SpeechRequest) -> Stream[SpeechEvent]:
        """Read aloud; see `SpeechEngine`.

        A text without anything to say gives half a second of silence and no sentences. Raises VoiceUnusable,
        WrongLanguage, BadRequest, FileTrouble, SpeechOutOfMemory, ChildDied, ChildHung, Quarantined.
        """
        card = await asyncio.to_thread(read_card, self._path)
        check_request(request, voice=card.name, language=card.language)
        async with self._turn:
            with part_file(request.out) as part:
                try:
                    async with contextlib.aclosing(self._load(card)) as loading:
                        async for progress in loading:
                            yield progress
                    args = {
                        "text": request.text, "language": request.language, "speed": request.speed, "seed": request.seed, "out": str(part.absolute()),
                    }  # fmt: skip
                    result: dict[str, Any] = {}
                    async with contextlib.aclosing(self._child.run("speak", args)) as messages:
                        async for message in messages:
                            if message["type"] == "done":
                                result = message["result"]
                            else:
                                yield _progress(message)
                except WorkFailed as error:
                    raise self._worded(error, request.out) from error
            yield _speech(request.out, result)

    async def _load(self, card: VoiceCard) -> Stream[Progress]:
        """Load the voice unless this very file is loaded in this very child."""
        await self._child.start()
        stat = self._path.stat()
        now = (self._child.pid, stat.st_mtime, stat.st_size)
        if self._loaded == now:
            return
        self._loaded = None
        async with contextlib.aclosing(self._child.load({"voice": str(self._path.absolute()), "settings": card.settings})) as messages:
            async for message in messages:
                if message["type"] == "done":
                    self._sha256 = str(message["result"]["sha256"])
                    self._loaded = now
                else:
                    yield _progress(message)

    def _worded(self, error: WorkFailed, out: Path) -> CannotContinue:
        values = error.reason_values
        if error.reason == "voice_unusable":
            return VoiceUnusable(self._path, str(values.get("reason", "")))
        if error.reason == "file_trouble":
            if values.get("path") == str(self._path.absolute()):
                return VoiceUnusable(self._path, mark("The file could not be read: {reason}."), reason=values.get("reason", ""))
            return file_trouble(out, str(values.get("reason", "")))
        if error.reason == "out_of_memory":
            return SpeechOutOfMemory()
        return error

    async def close(self) -> None:
        """End the child. Closing twice is harmless."""
        await self._child.close()
        self._loaded = None


def _progress(message: Message) -> Progress:
    return Progress(str(message["stage"]), float(message["done"]), float(message["of"]), str(message.get("note", "")))


def _speech(out: Path, result: dict[str, Any]) -> Speech:
    sentences = tuple(
        SpokenSentence(text, start, end, tuple(SpokenWord(word, word_start, word_end) for word, word_start, word_end in words))
        for text, start, end, words in result["sentences"]
    )
    return Speech(out, float(result["seconds"]), int(result["sample_rate"]), sentences)
