"""How a model is loaded, as a person chooses it: words and numbers by name, checked, kept per model as one line of text. Pure.

To add a setting: 1. a field of `LoadSettings` or `EngineSettings`; 2. a line in `_READ`; 3. its words in `SETTINGS`.
"""

from __future__ import annotations

import math
import shlex
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from localstory.errors import BadRequest
from localstory.fit.context_params import BATCH_TOKENS, KV_TYPES, LoadSettings
from localstory.words import mark

_QUANTISED = frozenset(KV_TYPES) - {"f32", "f16", "bf16"}


@dataclass(frozen=True, slots=True)
class EngineSettings:
    """All that a person may choose for a load; what is left alone is decided by the fit check and the machine."""

    load: LoadSettings = field(default_factory=LoadSettings)
    threads: int | None = None
    """None: one for each physical core, within the quota."""
    gpu_layers: int | None = None
    """None: as many as fit, where the engine's build has devices."""
    draft_model: Path | None = None
    """A small GGUF with the same vocabulary that guesses ahead."""


SETTINGS: dict[str, str] = {
    "ctx": mark("context length in tokens; 0: all the model was made for"),
    "kv-type": mark("how the conversation is kept (f16, q8_0, …)"),
    "kv-type-v": mark("how its values alone are kept"),
    "threads": mark("processor threads"),
    "gpu-layers": mark("layers on graphics cards"),
    "flash-attn": mark("flash attention: auto, on, off"),
    "ubatch": mark("tokens that are read at once"),
    "rope-scaling": mark("how positions beyond the trained ones are made: auto, none, linear, yarn"),
    "rope-factor": mark("how far linear and yarn stretch"),
    "draft-model": mark("a small model that guesses ahead"),
}
"""Name -> what it means. The order people see."""


def read_settings(given: Mapping[str, str], base: EngineSettings = EngineSettings()) -> EngineSettings:
    """`base` with these settings by name. Raises BadRequest that names the one that makes no sense."""
    settings = base
    for name, text in given.items():
        if name not in _READ:
            raise BadRequest(
                title=mark("There is no such setting"), detail=mark("{name} is none of {known}."), field=name, name=name, known=", ".join(SETTINGS)
            )
        where, read = _READ[name]
        value = read(name, text.strip())
        settings = replace(settings, **{where: value}) if where in _OWN else replace(settings, load=replace(settings.load, **{where: value}))
    check_settings(settings)
    return settings


def check_settings(settings: EngineSettings) -> None:
    """Refuse, before any load, what the engine could not do. Raises BadRequest."""
    load = settings.load
    values = load.kv_type_v or load.kv_type
    if load.flash_attention == "off" and values in _QUANTISED:
        raise BadRequest(
            title=mark("These settings do not go together"),
            detail=mark("Values kept as {kind} need flash attention, which is off."),
            hint=mark("Turn flash attention on, or keep the values as f16."),
            field="kv-type",
            kind=values,
        )
    if load.flash_attention == "off" and settings.draft_model is not None:
        raise BadRequest(
            title=mark("These settings do not go together"),
            detail=mark("A draft model's guesses need flash attention, which is off: then the text must not depend on them."),
            hint=mark("Turn flash attention on, or choose no draft model."),
            field="draft-model",
        )


def kept_line(given: Mapping[str, str]) -> str:
    """Settings as one line for settings.toml: `ctx=4096 kv-type=q8_0`."""
    return shlex.join(f"{name}={given[name]}" for name in SETTINGS if name in given)


def from_line(line: str) -> dict[str, str]:
    """The other way. What a person broke by hand is left out."""
    try:
        parts = shlex.split(line)
    except ValueError:
        return {}
    return pairs_of(part for part in parts if part.partition("=")[0] in SETTINGS and "=" in part)


def pairs_of(texts: Iterable[str]) -> dict[str, str]:
    """`name=value` texts as a table. Raises BadRequest for one without "="."""
    found = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals:
            raise BadRequest(title=mark("A setting needs a value"), detail=mark("Write {text}=VALUE."), field=name, text=name)
        found[name.strip()] = value
    return found


def _refused(name: str, given: str, detail: str, **allowed: Any) -> BadRequest:
    return BadRequest(title=mark("A setting can't be used"), detail=detail, field=name, given=given, **allowed)


_BETWEEN = mark("{field} must be between {low} and {high}; {given} was asked for.")


def _whole(low: int, high: int, *, auto: bool = False) -> Callable[[str, str], int | None]:
    def read(name: str, text: str) -> int | None:
        if auto and text == "auto":
            return None
        try:
            value = int(text)
        except ValueError:
            value = low - 1
        if not low <= value <= high:
            detail = mark("{field} must be auto, or between {low} and {high}; {given} was asked for.") if auto else _BETWEEN
            raise _refused(name, text, detail, low=low, high=high)
        return value

    return read


def _one_of(*allowed: str) -> Callable[[str, str], str]:
    def read(name: str, text: str) -> str:
        if text not in allowed:
            raise _refused(name, text, mark("{field} must be one of {allowed}; {given} was asked for."), allowed=", ".join(allowed))
        return text

    return read


def _factor(name: str, text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not (value == 0 or 1 <= value <= 64):
        raise _refused(name, text, mark("{field} must be 0, or between {low} and {high}; {given} was asked for."), low=1, high=64)
    return value


def _path(_name: str, text: str) -> Path | None:
    return Path(text).expanduser().absolute() if text else None


_OWN = ("threads", "gpu_layers", "draft_model")
_READ: dict[str, tuple[str, Callable[[str, str], Any]]] = {
    "ctx": ("context_length", _whole(0, 1 << 24, auto=True)),
    "kv-type": ("kv_type", _one_of(*KV_TYPES)),
    "kv-type-v": ("kv_type_v", _one_of(*KV_TYPES)),
    "threads": ("threads", _whole(1, 512, auto=True)),
    "gpu-layers": ("gpu_layers", _whole(0, 10_000, auto=True)),
    "flash-attn": ("flash_attention", _one_of("auto", "on", "off")),
    "ubatch": ("ubatch", _whole(16, BATCH_TOKENS)),
    "rope-scaling": ("rope_scaling", _one_of("auto", "none", "linear", "yarn")),
    "rope-factor": ("rope_factor", _factor),
    "draft-model": ("draft_model", _path),
}
