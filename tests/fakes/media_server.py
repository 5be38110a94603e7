"""A server on this machine that offers OpenAI's /v1/audio/speech and /v1/images/generations, as the API reference documents them."""

from __future__ import annotations

import base64
import hashlib
import io
import math
import struct
import time
from array import array
from typing import Any

from PIL import Image

from tests.fakes.text_server import Asked, Handler, ServedModel, TextServer

_SPEECH = {"model", "input", "voice", "response_format", "speed", "instructions", "stream_format"}
_IMAGE = {"prompt", "model", "n", "size", "response_format", "quality", "style", "user", "background", "moderation", "output_format"}
RATE = 24_000


class MediaServer(TextServer):
    """What it does otherwise: `sizes` (offered ones only), `takes_seed`, `answers_with` ("b64_json" or an address of the picture),
    `sound_format` (of the WAV: "s16", "s24", "f32", "stereo", "streamed", or "mp3", "silence", "html")."""

    def __init__(self, *, key: str = "") -> None:
        super().__init__(ServedModel("the-sea-1b"), key=key)
        self.models = ["the-sea-1b", "kokoro-tts", "sd-turbo"]
        self.takes_seed = True
        self.takes_format = True
        self.sizes: list[str] = []
        self.answers_with = "b64_json"
        self.image_format = "PNG"
        self.image_bytes: bytes | None = None
        self.sound_format = "s16"
        self.seconds_per_megapixel = 1.0
        self.seconds_per_word = 0.001
        self._pictures: dict[str, bytes] = {}

    def answer(self, handler: Handler, asked: Asked) -> None:
        if self.key and asked.headers.get("authorization") != f"Bearer {self.key}":
            return _refuse(handler, 401, "Incorrect API key provided.")
        match asked.method, asked.path:
            case "GET", "/v1/models":
                return handler.json({"object": "list", "data": [{"id": name, "object": "model", "owned_by": "x"} for name in self.models]})
            case "POST", "/v1/audio/speech":
                return self._speak(handler, asked.body)
            case "POST", "/v1/images/generations":
                return self._draw(handler, asked.body)
            case "GET", path if path in self._pictures:
                return _send(handler, "image/png", self._pictures[path])
        return _refuse(handler, 404, f"Invalid URL ({asked.method} {asked.path})")

    def _speak(self, handler: Handler, body: dict[str, Any]) -> None:
        unknown = sorted(set(body) - _SPEECH)
        if unknown:
            return _refuse(handler, 400, f"Unrecognized request argument supplied: {unknown[0]}")
        if body.get("model") not in self.models or not 0.25 <= body.get("speed", 1.0) <= 4.0 or not body.get("input"):
            return _refuse(handler, 404 if body.get("model") not in self.models else 400, f"The model `{body.get('model')}` does not exist")
        time.sleep(self.seconds_per_word * len(body["input"].split()))
        match self.sound_format:
            case "mp3":
                return _send(handler, "audio/mpeg", b"ID3\x04" + bytes(2000))
            case "html":
                return _send(handler, "text/html", b"<!DOCTYPE html><html>")
        return _send(handler, "audio/wav", wav(body["input"], body.get("speed", 1.0), self.sound_format))

    def _draw(self, handler: Handler, body: dict[str, Any]) -> None:
        unknown = sorted(set(body) - _IMAGE - ({"seed"} if self.takes_seed else set()))
        if not self.takes_format and "response_format" in body:
            unknown = ["response_format", *unknown]
        if unknown:
            return _refuse(handler, 400, f"Unknown parameter: '{unknown[0]}'.")
        if body.get("n") != 1 or not body.get("prompt"):
            return _refuse(handler, 400, "n must be 1")
        size = str(body.get("size") or "1024x1024")
        if self.sizes and size not in self.sizes:
            return _refuse(handler, 400, f"Invalid value: '{size}'. Supported sizes are: {', '.join(self.sizes)}.")
        width, height = (int(side) for side in size.split("x"))
        time.sleep(self.seconds_per_megapixel * width * height / (1 << 20))
        content = self.image_bytes if self.image_bytes is not None else picture(body["prompt"], body.get("seed"), width, height, self.image_format)
        if self.answers_with == "b64_json":
            row = {"b64_json": base64.b64encode(content).decode()}
        else:
            self._pictures["/generated/1.png"] = content
            row = {"url": self.answers_with.format(own=self.url)}
        return handler.json({"created": 1700000000, "data": [row]})


def picture(prompt: str, seed: int | None, width: int, height: int, kind: str = "PNG") -> bytes:
    """Four fields of colours that come from the words and the seed; the left edge is white."""
    draw = hashlib.sha256(f"{prompt}|{seed if seed is not None else time.perf_counter_ns()}".encode()).digest()
    image = Image.new("RGB", (2, 2))
    image.putdata([(draw[at], draw[at + 1], draw[at + 2]) for at in (0, 3, 6, 9)])
    image = image.resize((width, height), Image.Resampling.NEAREST)
    image.paste((255, 255, 255), (0, 0, max(1, width // 32), height))
    out = io.BytesIO()
    image.save(out, kind)
    return out.getvalue()


def wav(text: str, speed: float, form: str = "s16") -> bytes:
    """A tone for each word, as long as its letters; the same for the same words."""
    samples: list[float] = []
    for word in text.split():
        length = round((0.05 + 0.06 * len(word)) * RATE / speed)
        pitch = 120 + sum(word.encode()) % 200
        samples += [0.0 if form == "silence" else 0.3 * math.sin(math.tau * pitch * at / RATE) * math.sin(math.pi * at / length) for at in range(length)]
    channels, bits, kind = 1, 16, 1
    match form:
        case "s24":
            bits = 24
            body = b"".join(round(one * 8_388_607).to_bytes(3, "little", signed=True) for one in samples)
        case "f32":
            bits, kind = 32, 3
            body = array("f", samples).tobytes()
        case "stereo":
            channels = 2
            body = array("h", [round(one * 32767) for one in samples for _channel in (0, 1)]).tobytes()
        case _:
            body = array("h", [round(one * 32767) for one in samples]).tobytes()
    length = 0xFFFFFFFF if form == "streamed" else len(body)  # OpenAI's own, and others that send while they speak
    block = channels * bits // 8
    head = struct.pack("<4sI4s4sIHHIIHH", b"RIFF", (length + 36) & 0xFFFFFFFF, b"WAVE", b"fmt ", 16, kind, channels, RATE, RATE * block, block, bits)
    return head + struct.pack("<4sI", b"LIST", 4) + b"INFO" + struct.pack("<4sI", b"data", length) + body


def _send(handler: Handler, kind: str, content: bytes) -> None:
    handler.send_response(200)
    handler.send_header("Content-Type", kind)
    handler.send_header("Content-Length", str(len(content)))
    handler.end_headers()
    handler.wfile.write(content)


def _refuse(handler: Handler, status: int, said: str) -> None:
    handler.json({"error": {"message": said, "type": "invalid_request_error", "param": None, "code": None}}, status)
