"""The film's sound: to the sample where it should be, as loud as it should be, also after the encoder."""

from __future__ import annotations

import wave
from pathlib import Path

import numpy as np
import pytest

from localstory.engines.base import FilmRequest, SegmentRequest, Shot, Sound, SoundRequest
from localstory.engines.film.film import FilmMaker
from localstory.engines.film.sound import parse_loudness
from localstory.errors import CannotContinue, FileTrouble
from tests.contracts.film_contract import filmed
from tests.core.engines.film import probe


async def film_with(engine: FilmMaker, folder: Path, sounds: tuple[Sound, ...], frames: int) -> Path:
    probe.patches(folder / "p.png", [(90, 90, 90)], 160, 90)
    await filmed(engine.segment(SegmentRequest(Shot(folder / "p.png", frames), 0, frames, folder / "s.mp4", width=160, height=90, preset="ultrafast")))
    await filmed(engine.sound(SoundRequest(sounds, frames, folder / "sound.wav")))
    return (await filmed(engine.join(FilmRequest((folder / "s.mp4",), folder / "sound.wav", folder / "film.mp4")))).path


@pytest.mark.parametrize("level", [0.16, 0.002, 3.0])
async def test_a_film_is_as_loud_as_films_for_the_web_after_the_encoder(engine: FilmMaker, folder: Path, level: float) -> None:
    voice = probe.write_wav(folder / "giọng.wav", probe.babble(14, level=level), 22_050)
    lufs, peak = probe.loudness_of(await film_with(engine, folder, (Sound(voice, 10),), 15 * 24))
    assert lufs is not None and abs(lufs + 16) < 1
    assert peak is not None and peak < -1.5


async def test_a_silent_film_is_silent_and_no_error(engine: FilmMaker, folder: Path) -> None:
    voice = probe.write_wav(folder / "im.wav", np.zeros(22_050), 22_050)
    out = await film_with(engine, folder, (Sound(voice, 3),), 48)
    assert probe.loudness_of(out) == (None, None)
    assert np.abs(probe.sound_of(out)).max() == 0


@pytest.mark.parametrize(("rate", "frames"), [(22_050, 100), (48_000, 1), (16_000, 33), (44_100, 241), (8_000, 7)])
async def test_it_is_exactly_as_long_as_the_pictures(engine: FilmMaker, folder: Path, rate: int, frames: int) -> None:
    voice = probe.write_wav(folder / "v.wav", probe.babble(frames / 24 * 0.9, rate), rate)
    made = await filmed(engine.sound(SoundRequest((Sound(voice, 0),), frames, folder / "sound.wav")))
    with wave.open(str(made.path)) as file:
        assert (file.getnframes(), file.getframerate()) == (frames * 2000, 48_000)


def lag_of(heard: np.ndarray, source: np.ndarray) -> int:
    """By how many samples `heard` comes later than `source`, by their cross-correlation."""
    size = 1 << (len(heard) + len(source)).bit_length()
    product = np.fft.irfft(np.fft.rfft(heard, size) * np.conj(np.fft.rfft(source, size)), size)
    at = int(np.argmax(product))
    return at if at < size // 2 else at - size


async def test_voices_are_heard_where_they_were_placed(engine: FilmMaker, folder: Path) -> None:
    first = probe.babble(3, seed=1)
    second = probe.babble(3, seed=2)
    sounds = (Sound(probe.write_wav(folder / "1.wav", first, 22_050), 17), Sound(probe.write_wav(folder / "2.wav", second, 22_050), 131))
    heard = probe.sound_of(await film_with(engine, folder, sounds, 240))
    for number, start in ((0, 17), (1, 131)):
        source = probe.sound_of(sounds[number].path)
        part = heard[max(0, start * 2000 - 9600) : start * 2000 + len(source) + 9600]
        assert abs(lag_of(part, source) - 9600) < 96, "2 ms"


async def test_nothing_clicks_where_parts_meet_or_voices_begin(engine: FilmMaker, folder: Path) -> None:
    """A tone through several segments: no step in the decoded sound is larger than the tone's own."""
    tone = 0.3 * np.sin(2 * np.pi * 220 * np.arange(22_050 * 5) / 22_050) * np.minimum(1, np.arange(22_050 * 5) / 2205)
    voice = probe.write_wav(folder / "tone.wav", tone, 22_050)
    probe.patches(folder / "p.png", [(90, 90, 90)], 160, 90)
    parts = []
    for number in range(5):
        parts.append(folder / f"{number}.mp4")
        await filmed(engine.segment(SegmentRequest(Shot(folder / "p.png", 24), 0, 24, parts[-1], width=160, height=90)))
    await filmed(engine.sound(SoundRequest((Sound(voice, 0),), 120, folder / "sound.wav")))
    heard = probe.sound_of((await filmed(engine.join(FilmRequest(tuple(parts), folder / "sound.wav", folder / "f.mp4")))).path)
    inside = heard[24_000:-12_000]
    bend = np.abs(np.diff(inside, 2))
    assert bend.max() < 3 * np.quantile(bend, 0.99)


async def test_two_voices_at_once_are_both_heard(engine: FilmMaker, folder: Path) -> None:
    at = np.arange(22_050 * 3) / 22_050
    low, high = (probe.write_wav(folder / f"{hertz}.wav", 0.1 * np.sin(2 * np.pi * hertz * at), 22_050) for hertz in (300, 1100))
    made = await filmed(engine.sound(SoundRequest((Sound(low, 0), Sound(high, 0)), 72, folder / "s.wav")))
    spectrum = np.abs(np.fft.rfft(probe.sound_of(made.path)))
    hertz = np.fft.rfftfreq(72 * 2000, 1 / 48_000)
    loud = set(np.round(hertz[spectrum > spectrum.max() * 0.3], -1).tolist())
    assert loud == {300.0, 1100.0}


@pytest.mark.parametrize("content", [b"", b"RIFF", b"not a sound at all", b"\0" * 1000, b"RIFF\xff\xff\xff\xffWAVEfmt "])
async def test_a_broken_voice_is_named(engine: FilmMaker, folder: Path, content: bytes) -> None:
    broken = folder / "hỏng 💔.wav"
    broken.write_bytes(content)
    with pytest.raises(FileTrouble) as trouble:
        await filmed(engine.sound(SoundRequest((Sound(broken, 0),), 24, folder / "sound.wav")))
    assert "hỏng" in str(trouble.value)
    assert [path.name for path in folder.iterdir()] == ["hỏng 💔.wav"]


async def test_a_voice_without_samples_is_silence(engine: FilmMaker, folder: Path) -> None:
    empty = probe.write_wav(folder / "e.wav", np.zeros(0), 22_050)
    try:
        made = await filmed(engine.sound(SoundRequest((Sound(empty, 0),), 24, folder / "sound.wav")))
    except CannotContinue as refusal:
        assert refusal.code == "file_trouble"
    else:
        assert made.facts["lufs"] is None


def test_ffmpegs_summary_is_read() -> None:
    summary = "[x] Summary:\n  Integrated loudness:\n    I:         -16.1 LUFS\n    Threshold: -26.5 LUFS\n  True peak:\n    Peak:       -2.3 dBFS\n"
    assert parse_loudness(summary).lufs == -16.1
    assert parse_loudness(summary).true_peak_db == -2.3
    silent = parse_loudness(summary.replace("-16.1", "-70.0").replace("-2.3", "-inf"))
    assert (silent.lufs, silent.true_peak_db) == (None, None)
