"""What is in an MP4, by ffmpeg's own words and decoders (there is no ffprobe), and sounds and pictures to film."""

from __future__ import annotations

import re
import struct
import subprocess
import wave
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from localstory.engines.film.ffmpeg import the_ffmpeg
from localstory.engines.film.sound import parse_loudness

Array = np.ndarray[Any, Any]


def ffmpeg(*arguments: str | Path, check: bool = True) -> tuple[bytes, str]:
    answer = subprocess.run([str(the_ffmpeg()), "-nostdin", "-hide_banner", *map(str, arguments)], capture_output=True, timeout=120)
    said = answer.stderr.decode("utf-8", "replace")
    assert answer.returncode == 0 or not check, said
    return answer.stdout, said


def described(path: Path) -> str:
    """What `ffmpeg -i` says about a file."""
    return ffmpeg("-i", path, check=False)[1]


def packets(path: Path, stream: str = "v:0") -> list[tuple[int, int]]:
    """(pts, duration) of each decoded frame, in ticks."""
    out, _said = ffmpeg("-i", path, "-map", f"0:{stream}", "-f", "framecrc", "-fps_mode", "passthrough", "-enc_time_base", "demux", "-")
    rows = [line.split(",") for line in out.decode().splitlines() if line and not line.startswith("#")]
    return [(int(row[2]), int(row[3])) for row in rows]


def frames(path: Path, width: int, height: int) -> Array:
    """All pictures as (n, height, width, 3) bytes, turned to RGB by the file's own labels."""
    filters = "scale=in_color_matrix=auto:in_range=auto:out_range=pc:flags=accurate_rnd+full_chroma_int+full_chroma_inp,format=rgb24"
    out, _said = ffmpeg("-i", path, "-map", "0:v:0", "-vf", filters, "-f", "rawvideo", "-")
    return np.frombuffer(out, np.uint8).reshape(-1, height, width, 3)


def sound_of(path: Path) -> Array:
    """The first channel at 48 kHz."""
    out, _said = ffmpeg("-i", path, "-map", "0:a:0", "-ac", "1", "-ar", "48000", "-f", "f32le", "-")
    return np.frombuffer(out, np.float32)


def loudness_of(path: Path) -> tuple[float | None, float | None]:
    """(LUFS, true peak in dB) of the decoded sound; None for silence."""
    said = ffmpeg("-i", path, "-map", "0:a:0", "-af", "ebur128=peak=true:framelog=quiet", "-f", "null", "-")[1]
    measured = parse_loudness(said)
    return measured.lufs, measured.true_peak_db


def top_boxes(path: Path) -> list[str]:
    """The kinds of an MP4's outermost boxes, in order."""
    data, at, kinds = path.read_bytes(), 0, []
    while at + 8 <= len(data):
        length, kind = struct.unpack_from(">I4s", data, at)
        kinds.append(kind.decode("latin-1"))
        at += length if length > 1 else struct.unpack_from(">Q", data, at + 8)[0]
    assert at == len(data)
    return kinds


def key_frames(path: Path) -> list[int]:
    """Which frames (from 0) are key frames."""
    said = ffmpeg("-i", path, "-map", "0:v:0", "-vf", "showinfo=checksum=0", "-f", "null", "-")[1]
    return [int(found[1]) for found in re.finditer(r"n:\s*(\d+) .*iskey:1", said)]


def tags_of(path: Path) -> dict[str, str]:
    """The film's own tags, read back by ffmpeg and unescaped here."""
    out, _said = ffmpeg("-i", path, "-f", "ffmetadata", "-")
    text = out.decode("utf-8")
    text = text.partition("\n")[2]
    tags: dict[str, str] = {}
    for entry in _entries(text):
        if entry.startswith("["):
            break
        name, _equals, value = _partition(entry)
        tags[_unescaped(name)] = _unescaped(value)
    return tags


def _entries(text: str) -> list[str]:
    entries, current, index = [], "", 0
    while index < len(text):
        if text[index] == "\\":
            current += text[index : index + 2]
            index += 2
            continue
        if text[index] == "\n":
            entries.append(current)
            current = ""
        else:
            current += text[index]
        index += 1
    return entries


def _partition(entry: str) -> tuple[str, str, str]:
    found = re.match(r"((?:\\.|[^\\=])*)=", entry, re.S)
    assert found, entry
    return found[1], "=", entry[found.end() :]


def _unescaped(text: str) -> str:
    return re.sub(r"\\(.)", r"\1", text, flags=re.S)


def patches(path: Path, colours: list[tuple[int, int, int]], width: int, height: int) -> Path:
    """Wide stripes of flat colours."""
    image = Image.new("RGB", (width, height))
    step = width // len(colours)
    for number, colour in enumerate(colours):
        image.paste(colour, (number * step, 0, width if number == len(colours) - 1 else (number + 1) * step, height))
    image.save(path)
    return path


def write_wav(path: Path, samples: Array, rate: int) -> Path:
    """Floats from -1 to 1 as a mono 16-bit WAV."""
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes((np.clip(samples, -1, 1) * 32767).round().astype("<i2").tobytes())
    return path


def babble(seconds: float, rate: int = 22_050, *, level: float = 0.16, seed: int = 1) -> Array:
    """Something that rises and falls like speech, with pauses and consonants."""
    at = np.arange(round(seconds * rate)) / rate
    rng = np.random.default_rng(seed)
    syllables = np.clip(np.sin(2 * np.pi * 2.3 * at) + 0.4 * np.sin(2 * np.pi * 0.31 * at), 0, None)
    tone = sum(np.sin(2 * np.pi * 130 * k * at + k) / k for k in range(1, 9))
    breath = rng.normal(0, 0.4, len(at)) * np.clip(np.sin(2 * np.pi * 1.1 * at + 2), 0, None) ** 6
    samples: Array = level * (tone * syllables + breath) * (np.sin(2 * np.pi * 0.17 * at + 0.3) > -0.8)
    return samples
