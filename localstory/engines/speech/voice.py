"""What lies beside a voice's .onnx: its settings (.onnx.json) and its model card. Reads small files, loads nothing."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from localstory.engines.speech.languages import base, voice_to_fetch
from localstory.errors import CannotContinue
from localstory.words import mark

_SETTINGS_LIMIT_BYTES = 4 << 20
_CARD_LIMIT_BYTES = 64 << 10
_PHONEME_TYPES = ("espeak", "text")


class VoiceUnusable(CannotContinue):
    """A voice is missing, damaged, or of a kind this program can't speak with. `why` is a marked message, filled by `values`."""

    code = "voice_unusable"

    def __init__(self, voice: Path, why: str, /, **values: object) -> None:
        super().__init__(
            title=mark("This voice cannot be used"),
            detail=why,
            hint=mark("Download the voice again (its .onnx and its .onnx.json), or choose another one. The file is {voice}."),
            voice=str(voice),
            **values,
        )


class WrongLanguage(CannotContinue):
    """The voice does not speak the language of the text; nothing was started."""

    code = "wrong_language"

    def __init__(self, *, voice: str, speaks: str, wanted: str) -> None:
        fetch = voice_to_fetch(wanted)
        super().__init__(
            title=mark("This voice does not speak the language of the text"),
            detail=mark("The voice {voice} speaks “{speaks}”; the text is in “{wanted}”."),
            hint=mark("Fetch a voice for “{wanted}”, for example {fetch} (its .onnx and its .onnx.json), and choose it.")
            if fetch
            else mark("Fetch a Piper voice for “{wanted}” (its .onnx and its .onnx.json) and choose it."),
            voice=voice,
            speaks=speaks,
            wanted=wanted,
            fetch=fetch or "",
        )


@dataclass(frozen=True, slots=True)
class VoiceCard:
    """What is known of a voice without loading it."""

    name: str
    language: str
    """With its country where known: "en_US"."""
    sample_rate: int
    speakers: int = 1
    quality: str = ""
    licence: str = ""
    """Of the recordings it was trained on, as its model card says; empty when there is no card."""
    training: str = ""
    """The card's note on what it was made from: another voice's licence may speak there too."""
    source: str = ""
    settings: dict[str, Any] = field(default_factory=dict)


def settings_path(voice: Path) -> Path:
    """Where a voice's settings lie: beside it, with .json appended."""
    return voice.with_name(voice.name + ".json")


def read_card(voice: Path) -> VoiceCard:
    """Read the voice's settings and model card. Raises VoiceUnusable."""
    if not voice.is_file():
        raise VoiceUnusable(voice, mark("The file {voice} does not exist."))
    beside = settings_path(voice)
    try:
        with open(beside, "rb") as file:
            content = file.read(_SETTINGS_LIMIT_BYTES + 1)
    except FileNotFoundError as error:
        raise VoiceUnusable(voice, mark("Its settings are missing: {settings} should lie beside it."), settings=beside.name) from error
    except OSError as error:
        raise VoiceUnusable(voice, mark("Its settings {settings} could not be read: {reason}."), settings=beside.name, reason=error.strerror) from error
    try:
        if len(content) > _SETTINGS_LIMIT_BYTES:
            raise ValueError("too long")
        settings = json.loads(content.decode("utf-8-sig"))
        return _card(voice, settings)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError, OverflowError) as error:
        raise VoiceUnusable(voice, mark("Its settings {settings} are damaged or of another kind."), settings=beside.name) from error


def _card(voice: Path, settings: dict[str, Any]) -> VoiceCard:
    kind = str(settings.get("phoneme_type", "espeak"))
    if kind not in _PHONEME_TYPES:
        raise VoiceUnusable(voice, mark("It needs a way of reading (“{kind}”) that localstory does not have."), kind=kind)
    rate = int(settings["audio"]["sample_rate"])
    phonemes = settings["phoneme_id_map"]
    ids_fine = isinstance(phonemes, dict) and {"_", "^", "$"} <= set(phonemes) and all(_are_ids(ids) for ids in phonemes.values())
    inference = settings.get("inference", {})
    scales_fine = all(0 <= float(inference.get(name, 1)) <= 100 for name in ("noise_scale", "length_scale", "noise_w"))
    hop_fine = 1 <= int(settings.get("hop_length", 256)) <= 8192
    if not (4000 <= rate <= 192_000 and ids_fine and scales_fine and hop_fine and int(settings.get("num_symbols", 1)) > 0):
        raise ValueError("settings out of range")
    espeak_voice = str(settings["espeak"]["voice"])
    code = str(settings.get("language", {}).get("code") or "").replace("-", "_") or espeak_voice.replace("-", "_")
    card = _model_card(voice)
    return VoiceCard(
        name=voice.name.removesuffix(".onnx"),
        language=code,
        sample_rate=rate,
        speakers=max(1, int(settings.get("num_speakers", 1))),
        quality=str(settings["audio"].get("quality", "")),
        licence=_line(card, "License", "Licence"),
        training=_section(card, "Training"),
        source=_line(card, "URL"),
        settings=settings,
    )


def _are_ids(ids: object) -> bool:
    return isinstance(ids, list) and all(isinstance(id, int) and id >= 0 for id in ids)


def _model_card(voice: Path) -> str:
    """The text of the model card; a card named after the voice goes before the folder's. "" without one."""
    stem = voice.name.removesuffix(".onnx")
    for name in (f"{stem}.MODEL_CARD", f"{voice.name}.MODEL_CARD", f"{stem}.md", "MODEL_CARD", "MODEL_CARD.md"):
        try:
            with open(voice.with_name(name), "rb") as file:
                return file.read(_CARD_LIMIT_BYTES).decode("utf-8", "replace")
        except OSError:
            continue
    return ""


def _line(card: str, *labels: str) -> str:
    for label in labels:
        if found := re.search(rf"^[\s*#-]*{label}\**\s*:\**\s*(.+)$", card, re.IGNORECASE | re.MULTILINE):
            return found.group(1).strip()[:200]
    return ""


def _section(card: str, heading: str) -> str:
    found = re.search(rf"^#+\s*{heading}\s*\n+(.+?)(?=\n\s*#|\Z)", card, re.IGNORECASE | re.MULTILINE | re.DOTALL)
    return " ".join(found.group(1).split())[:300] if found else ""


def speaks(card: VoiceCard) -> str:
    """The voice's language without its country."""
    return base(card.language)
