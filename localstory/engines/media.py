"""Which of a server's models speak and which draw: by their names, and by what KoboldCpp tells of itself. Pure.

OpenAI's list of models says nothing of what a model is for, and asking for a sound or a picture would be work (or money).
Sources: OpenAI's and LocalAI's model names; KoboldCpp 1.123's /api/extra/version (`tts`, `txt2img`).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

SPEECH_HINTS = ("tts", "speech", "kokoro", "voice", "piper", "bark", "orpheus", "chatterbox", "parler")
IMAGE_HINTS = ("image", "dall-e", "diffusion", "flux", "sdxl", "sd-", "sd_", "sd1", "sd3", "dreamshaper")
_NOT_SPEECH = ("whisper", "transcribe", "-stt", "speech-to-text")
_NOT_IMAGES = ("imagebind", "vision", "image-to-text", "embed")


@dataclass(frozen=True, slots=True)
class Media:
    """Models for /v1/audio/speech and /v1/images/generations; "" is the one that a server has without a name for it."""

    speech: tuple[str, ...] = ()
    images: tuple[str, ...] = ()


NO_MEDIA = Media()


def speaks(model: str) -> bool:
    """Whether a model's name sounds like one that reads aloud."""
    name = model.casefold()
    return any(hint in name for hint in SPEECH_HINTS) and not any(hint in name for hint in _NOT_SPEECH)


def draws(model: str) -> bool:
    """Whether a model's name sounds like one that makes pictures."""
    name = model.casefold()
    return any(hint in name for hint in IMAGE_HINTS) and not any(hint in name for hint in _NOT_IMAGES)


def media_of(models: Iterable[str], koboldcpp: object = None) -> Media:
    """What a server offers. `koboldcpp`: its answer to /api/extra/version."""
    names = list(models)
    extra = koboldcpp if isinstance(koboldcpp, dict) else {}
    speech = [name for name in names if speaks(name)] or ([""] if extra.get("tts") is True else [])
    images = [name for name in names if draws(name)] or ([""] if extra.get("txt2img") is True else [])
    return Media(tuple(speech), tuple(images))
