"""WAV as servers send it -> samples. Tolerant where servers are careless (lengths that nobody knew when the header was sent), strict
about the rest. Pure; the standard library's reader knows neither floats nor unknown lengths."""

from __future__ import annotations

import struct

import numpy as np

from localstory.engines.speech.levels import Samples

_PCM, _FLOAT, _EXTENSIBLE = 1, 3, 0xFFFE
_OTHERS = {
    b"ID3": "MP3",
    b"\xff\xfb": "MP3",
    b"\xff\xf3": "MP3",
    b"\xff\xf2": "MP3",
    b"fLaC": "FLAC",
    b"OggS": "Ogg (Opus)",
    b"\xff\xf1": "AAC",
    b"\xff\xf9": "AAC",
}


class NotWav(Exception):
    """Not a WAV that can be read; `kind` is what it seems to be, "" when nobody can tell."""

    def __init__(self, kind: str = "") -> None:
        super().__init__(kind)
        self.kind = kind


def read_wav(content: bytes) -> tuple[Samples, int]:
    """(mono samples in [-1, 1], samples a second). Several channels are averaged. Raises NotWav."""
    if content[:4] not in (b"RIFF", b"RF64") or content[8:12] != b"WAVE":
        raise NotWav(next((name for start, name in _OTHERS.items() if content.startswith(start)), ""))
    at, form = 12, None
    while at + 8 <= len(content):
        name, length = content[at : at + 4], struct.unpack_from("<I", content, at + 4)[0]
        body = content[at + 8 : at + 8 + length]
        if name == b"fmt " and len(body) >= 16:
            kind, channels, rate, _speed, _block, bits = struct.unpack_from("<HHIIHH", body)
            if kind == _EXTENSIBLE and len(body) >= 26:
                kind = struct.unpack_from("<H", body, 24)[0]
            form = (kind, channels, rate, bits)
        elif name == b"data":
            if form is None:
                break
            return _samples(body, *form), form[2]
        at += 8 + length + length % 2
    raise NotWav("WAV")


def _samples(body: bytes, kind: int, channels: int, rate: int, bits: int) -> Samples:
    if not 1 <= channels <= 8 or not 4000 <= rate <= 192_000 or bits % 8:
        raise NotWav("WAV")
    width = bits // 8
    body = body[: len(body) // (width * channels) * width * channels] if width else b""
    match kind, bits:
        case 1, 8:
            found = (np.frombuffer(body, np.uint8).astype(np.float32) - 128) / 128
        case 1, 16:
            found = np.frombuffer(body, "<i2").astype(np.float32) / 32768
        case 1, 24:
            raw = np.frombuffer(body, np.uint8).reshape(-1, 3).astype(np.int32)
            found = (((raw[:, 0] << 8) | (raw[:, 1] << 16) | (raw[:, 2] << 24)) >> 8).astype(np.float32) / (1 << 23)
        case 1, 32:
            found = (np.frombuffer(body, "<i4") / (1 << 31)).astype(np.float32)
        case 3, 32:
            found = np.frombuffer(body, "<f4").astype(np.float32)
        case 3, 64:
            found = np.frombuffer(body, "<f8").astype(np.float32)
        case _:
            raise NotWav("WAV")
    if not np.isfinite(found).all():
        raise NotWav("WAV")
    mono: Samples = np.clip(found.reshape(-1, channels).mean(axis=1, dtype=np.float32), -1.0, 1.0)
    return mono
