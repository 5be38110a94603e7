"""Piper in its child: loads one voice, reads texts breath by breath, writes the WAV."""

from __future__ import annotations

import functools
import hashlib
import importlib.metadata
import math
import os
import threading
import wave
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from localstory.children.worker import Job, Refused, serve
from localstory.engines.speech import levels, pauses, timing
from localstory.engines.speech.reading import Said, read
from localstory.engines.speech.sentences import Breath, End, Sentence, split
from localstory.engines.speech.voice_model import NotAVoice, prepare
from localstory.words import mark

_NOISE_PER_ID = 192 * 8
"""Random numbers to bring per phoneme id at first: 192 channels, up to 8 frames. What a voice really takes is learnt."""
_MOST_NOISE_PER_ID = 192 * 512
_AT_ONCE = 1
_PHONEMES_AT_ONCE = 280
"""Two long breaths at once would take a gigabyte: breaths are spoken together only up to this much in all."""
_SILENT_TEXT_S = 0.5
SPEAKING = mark("Speaking")
LOADING = mark("Loading the voice")


class _Voice:
    """A loaded voice."""

    def __init__(self, path: Path, settings: dict[str, Any]) -> None:
        import onnxruntime
        from piper import PiperVoice
        from piper.config import PiperConfig

        content = path.read_bytes()
        self.sha256 = hashlib.sha256(content).hexdigest()
        try:
            model = prepare(content)
        except NotAVoice as error:
            raise Refused("voice_unusable", reason=error.reason) from error
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = _threads()
        options.inter_op_num_threads = 1
        options.log_severity_level = 4  # what goes wrong is raised; the log would only repeat it
        try:
            config = PiperConfig.from_dict(settings)
            session = onnxruntime.InferenceSession(model.content, sess_options=options, providers=["CPUExecutionProvider"])
        except MemoryError:
            raise
        except Exception as error:  # ONNX Runtime raises a class of its own per kind of trouble, all directly under Exception
            if "bad_alloc" in str(error):
                raise MemoryError from error
            print(f"Error: {error}", flush=True)
            raise Refused("voice_unusable", reason=mark("the file is damaged or not an ONNX model")) from error
        self.rate = int(config.sample_rate)
        self.hop = int(config.hop_length)
        self.length_scale = float(config.length_scale)
        self._model = model
        self._session = session
        self._outputs = [session.get_outputs()[0].name, *model.taken, *([model.durations] if model.durations else [])]
        self._config = config
        self._piper = PiperVoice(session=session, config=config)
        self._map: dict[str, Sequence[int]] = config.phoneme_id_map
        self._speaks_text = settings.get("phoneme_type") == "text"
        self._noise_per_id: list[float] = [_NOISE_PER_ID] * len(model.noise)
        self._has_learnt = False
        self.sound_of = functools.lru_cache(maxsize=20_000)(self._sound_of)

    def phonemes(self, text: str) -> list[str]:
        """The phonemes of one breath, in one list even where espeak sees several sentences."""
        whole: list[str] = []
        for part in self._piper.phonemize(text):
            if whole and part and whole[-1] != " ":
                whole.append(" ")
            whole += part
        return [phoneme for phoneme in whole if phoneme in self._map]

    def _sound_of(self, word: str) -> str:
        bare = word.rstrip(".,;:!?")
        return "".join(phoneme for phoneme in self.phonemes(bare) if phoneme not in " .,;:!?") if bare else ""

    def speak(self, phonemes: Sequence[str], *, length_scale: float, seed: tuple[int, int], stop: Any) -> tuple[levels.Samples, list[int]]:
        """The sound of `phonemes` and how many samples each of them lasts, those of the frame marks ^ and $ included
        in the first and the last. The sum is the length of the sound, to the sample."""
        ids, owners = self._ids(phonemes)
        config = self._config
        feed: dict[str, Any] = {
            "input": np.array([ids], dtype=np.int64),
            "input_lengths": np.array([len(ids)], dtype=np.int64),
            "scales": np.array([config.noise_scale, length_scale, config.noise_w_scale], dtype=np.float32),
        }
        if config.num_speakers > 1:
            feed["sid"] = np.array([config.default_speaker_id if hasattr(config, "default_speaker_id") else 0], dtype=np.int64)
        while True:
            for index, name in enumerate(self._model.noise):
                # A prefix of the same stream whatever the amount, so that how much was learnt changes nothing.
                feed[name] = np.random.default_rng([*seed, index]).standard_normal(math.ceil(self._noise_per_id[index] * len(ids)), dtype=np.float32)
            try:
                answers = self._session.run(self._outputs, feed, stop)
                break
            except MemoryError:
                raise
            except Exception as error:
                if "localstory" in str(error) and max(self._noise_per_id) < _MOST_NOISE_PER_ID:  # too little noise: our own nodes say so
                    self._noise_per_id = [amount * 4 for amount in self._noise_per_id]
                    continue
                if "bad_alloc" in str(error) or "Failed to allocate" in str(error):
                    raise MemoryError from error
                # Stopped on purpose (the caller looks), or a model that doesn't fit its settings.
                print(f"Error: {error}", flush=True)
                raise Refused("voice_unusable", reason=mark("its model and its settings do not fit together")) from error
        self._learn([int(taken[0]) / len(ids) for taken in answers[1 : 1 + len(self._model.taken)]])
        audio = np.ascontiguousarray(answers[0].reshape(-1), dtype=np.float32)
        if not np.isfinite(audio).all():
            raise Refused("voice_unusable", reason=mark("its sound has values that are no numbers: the file is damaged"))
        samples = [0] * len(phonemes)
        if self._model.durations and answers[-1].size == len(ids):
            for owner, frames in zip(owners, answers[-1].reshape(-1), strict=True):
                samples[owner] += int(frames) * self.hop
        if sum(samples) != audio.size:
            samples = timing.even_samples(len(phonemes), audio.size)
        return np.clip(audio, -1.0, 1.0), samples

    def _learn(self, taken_per_id: list[float]) -> None:
        """Bring half as much again as was ever needed."""
        known = self._noise_per_id if self._has_learnt else [0.0] * len(taken_per_id)
        self._noise_per_id = [max(before, taken * 1.5) for before, taken in zip(known, taken_per_id, strict=True)]
        self._has_learnt = True

    def _ids(self, phonemes: Sequence[str]) -> tuple[list[int], list[int]]:
        """Piper's ids (each phoneme followed by a pad, between ^ and $) and the phoneme that owns each id."""
        pad = list(self._map["_"])
        ids, owners = [*self._map["^"], *pad], [0] * (len(self._map["^"]) + len(pad))
        for index, phoneme in enumerate(phonemes):
            own = [*self._map[phoneme], *pad]
            ids += own
            owners += [index] * len(own)
        ids += self._map["$"]
        owners += [len(phonemes) - 1] * len(self._map["$"])
        return ids, owners


class PiperWorker:
    """Knows "load" {voice, settings} and "speak" {text, language, out, speed, seed}."""

    def __init__(self) -> None:
        self._voice: _Voice | None = None

    def facts(self) -> dict[str, object]:
        return {"piper": importlib.metadata.version("piper-tts"), "onnxruntime": importlib.metadata.version("onnxruntime"), "threads": _threads()}

    def run(self, op: str, args: dict[str, Any], job: Job) -> dict[str, object]:
        if op == "load":
            job.progress(LOADING, 0, 1)
            self._voice = None
            self._voice = _Voice(Path(args["voice"]), args["settings"])
            job.progress(LOADING, 1, 1)
            return {"sha256": self._voice.sha256, "sample_rate": self._voice.rate}
        if op == "speak" and self._voice is not None:
            return _Reading(self._voice, args, job).run()
        raise Refused("unknown_op", op=op)


@dataclass(slots=True)
class _Prepared:
    """A breath ready to be spoken."""

    breath: Breath
    said: Said
    phonemes: list[str]
    """Empty when there is nothing to say."""
    ends_sentence: str = ""
    """The whole sentence as written, when this is its last breath."""


_Sound = tuple[levels.Samples, list[int]]


class _Reading:
    """One text on its way into one WAV.

    A breath is spoken while this thread finishes the one before it and prepares the next. Two at once were slower on
    a quiet machine with two cores (0.86 of bare Piper against 0.96): their threads wait for each other. What is spoken
    does not depend on it: each breath has noise of its own.
    """

    def __init__(self, voice: _Voice, args: dict[str, Any], job: Job) -> None:
        self._voice = voice
        self._job = job
        self._text: str = args["text"]
        self._language: str = args["language"]
        self._out = Path(args["out"])
        self._speed = float(args["speed"])
        self._seed = int(args["seed"])
        self._position = 0
        """Samples written so far."""
        self._owed = 0
        """Samples of silence before the next breath."""
        self._breath_number = 0
        self._read = 0
        """Characters of the text that are finished."""
        self._words: list[list[Any]] = []
        """Of the sentence being finished."""
        self._sentences: list[list[object]] = []

    def run(self) -> dict[str, object]:
        sentences = split(self._text)
        total = sum(len(sentence.text) for sentence in sentences)
        with open(self._out, "wb") as file, _stop_with(self._job) as stop, ThreadPoolExecutor(_AT_ONCE, "speaking") as speaking:
            with wave.open(file, "wb") as out:
                out.setnchannels(1)
                out.setsampwidth(2)
                out.setframerate(self._voice.rate)
                self._job.progress(SPEAKING, 0, total)
                under_way: deque[tuple[_Prepared, Future[_Sound] | None]] = deque()
                number = 0
                for prepared in self._prepare(sentences):
                    while under_way and sum(len(other.phonemes) for other, _sound in under_way) + len(prepared.phonemes) > _PHONEMES_AT_ONCE:
                        self._finish(out, *under_way.popleft(), total)
                    sound = speaking.submit(self._speak, prepared.phonemes, number, stop) if prepared.phonemes else None
                    number += bool(sound)
                    under_way.append((prepared, sound))
                    if len(under_way) > _AT_ONCE:
                        self._finish(out, *under_way.popleft(), total)
                while under_way:
                    self._finish(out, *under_way.popleft(), total)
                if not self._sentences:
                    self._owed = int(_SILENT_TEXT_S * self._voice.rate)
                self._be_silent(out)
            file.flush()
            os.fsync(file.fileno())
        return {"seconds": self._position / self._voice.rate, "sample_rate": self._voice.rate, "sentences": self._sentences}

    def _prepare(self, sentences: Sequence[Sentence]) -> Iterator[_Prepared]:
        """Breath by breath, when asked for the next."""
        for sentence in sentences:
            for breath in sentence.breaths:
                self._job.check()
                said = read(breath.words, self._language, breath.end)
                phonemes = self._voice.phonemes(said.text) if said.text else []
                if not any(phoneme.isalpha() for phoneme in phonemes):
                    phonemes = []
                yield _Prepared(breath, said, phonemes, sentence.text if breath is sentence.breaths[-1] else "")

    def _speak(self, phonemes: list[str], number: int, stop: Any) -> _Sound:
        return self._voice.speak(phonemes, length_scale=self._voice.length_scale / self._speed, seed=(self._seed % (1 << 63), number), stop=stop)

    def _await(self, sound: Future[_Sound] | None) -> _Sound | None:
        try:
            return sound.result() if sound else None
        except Exception:
            self._job.check()  # a run that was stopped ends with an error
            raise

    def _finish(self, out: wave.Wave_write, prepared: _Prepared, coming: Future[_Sound] | None, total: int) -> None:
        """Wait for a breath; time, level and write it; close its sentence when it is the last one of it."""
        sound = self._await(coming)
        words = self._write(out, prepared, *sound) if sound else self._unspoken(prepared.breath)
        self._words += words
        if not prepared.ends_sentence:
            return
        heard = [word for word in self._words if word[2] != word[1]]
        if heard:
            self._sentences.append([prepared.ends_sentence, heard[0][1], heard[-1][2], self._words])
        self._words = []
        self._read += len(prepared.ends_sentence)
        self._job.progress(SPEAKING, self._read, total)

    def _unspoken(self, breath: Breath) -> list[list[Any]]:
        here = self._position / self._voice.rate
        return [[word, here, here] for word in breath.words]

    def _write(self, out: wave.Wave_write, prepared: _Prepared, audio: levels.Samples, samples: list[int]) -> list[list[Any]]:
        """Write one breath; its words as written with start and end in seconds of the file."""
        rate, breath, said = self._voice.rate, prepared.breath, prepared.said
        number = self._breath_number
        self._breath_number += 1
        spans = timing.word_spans(said.words, prepared.phonemes, samples, self._voice.sound_of)
        audio, spans = self._widen_dashes(audio, spans, said, number)
        first, last = levels.edges(audio, rate)
        audio = levels.fade_edges(audio[first:last], rate)
        audio *= levels.gain(levels.loudness(audio, rate), float(np.abs(audio).max()))
        self._be_silent(out)
        start = self._position
        out.writeframes((np.clip(audio, -1.0, 1.0) * 32767.0).round().astype("<i2").tobytes())
        self._position += audio.size
        pause = pauses.pause_after(breath.end, seed=self._seed, index=number, speed=self._speed)
        own = (levels.TAIL_S if breath.end is not End.text else 0) + levels.LEAD_S
        self._owed = max(0, int((pause - own) * rate))

        def seconds(sample: int) -> float:
            return (start + min(max(sample - first, 0), audio.size)) / rate

        return [[word, seconds(span.start), seconds(span.end)] for word, span in zip(breath.words, spans, strict=True)]

    def _widen_dashes(self, audio: levels.Samples, spans: list[timing.Span], said: Said, number: int) -> tuple[levels.Samples, list[timing.Span]]:
        """Put a little more silence where a dash stands."""
        for index in sorted(said.dashes, reverse=True):
            following = next((spans[later].start for later in range(index + 1, len(spans)) if said.words[later]), None)
            if following is None:
                continue
            at = levels.quietest(audio, spans[index].end, following, self._voice.rate)
            if at is None:
                continue
            more = int(pauses.dash_pause(seed=self._seed, index=number * 1000 + index) * self._voice.rate)
            audio = np.concatenate([audio[:at], np.zeros(more, dtype=np.float32), audio[at:]])
            spans = [timing.Span(span.start + more * (span.start >= at), span.end + more * (span.end > at)) for span in spans]
        return audio, spans

    def _be_silent(self, out: wave.Wave_write) -> None:
        out.writeframes(bytes(2 * self._owed))
        self._position += self._owed
        self._owed = 0


@contextmanager
def _stop_with(job: Job) -> Iterator[Any]:
    """Options for a run that end it, in the middle of a sentence, when the job is cancelled."""
    import onnxruntime

    options = onnxruntime.RunOptions()
    options.log_severity_level = 4
    finished = threading.Event()

    def watch() -> None:
        while not finished.wait(0.03):
            if job.cancelled:
                options.terminate = True
                return

    watcher = threading.Thread(target=watch, name="cancel", daemon=True)
    watcher.start()
    try:
        yield options
    finally:
        finished.set()
        watcher.join()


def _threads() -> int:
    """The processor's real cores that this process may use."""
    import psutil

    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min(psutil.cpu_count(logical=False) or 1, allowed))


def main() -> None:
    """Be the child."""
    serve(PiperWorker)
