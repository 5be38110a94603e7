"""What a person chose, in `settings.toml`: few values, each with a default, kept with the person's own comments.

To add a setting: 1. a field with its default below; 2. its allowed values in `ALLOWED` if it is a choice. A table of texts
is a field of `dict[str, str]`.
"""

from __future__ import annotations

import tomllib
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from localstory.errors import CannotContinue, mark
from localstory.system import write_whole


@dataclass(frozen=True, slots=True)
class Settings:
    """Every setting with its default."""

    language: str = "system"
    theme: str = "system"
    text_size: int = 100
    """Percent of the usual size of all texts in the window."""
    message_width: str = "normal"
    chat_font: str = "sans"
    level: str = "user"
    offline: bool = False
    enter_sends: bool = True
    automatic_titles: bool = True
    """The model gives a new chat a title, behind its first reply."""
    model: str = ""
    """What chats open with: a path or name; empty means the best there is."""
    look_for_servers: bool = True
    """Look for model servers on this computer's usual ports."""
    servers: tuple[str, ...] = ()
    """Addresses of servers that the person named. Their keys are in the system's keyring, never here."""
    branch_memory_mb: int = -1
    """Memory for branches of chats that left the model's own cache, in MiB; -1 is a part of what is free, 0 is none."""
    branch_disk_mb: int = -1
    """The same on the disk."""
    engine_pack: str = ""
    """The engine pack that models run on; empty means the portable processor build."""
    model_settings: dict[str, str] = field(default_factory=dict)
    """How models are loaded: the fit check's key of a model -> settings by name, `ctx=4096 kv-type=q8_0`."""
    engine_packs: dict[str, str] = field(default_factory=dict)
    """A model's path -> the pack it runs on, where that is another; "builtin" is the portable build."""
    shortcuts: dict[str, str] = field(default_factory=dict)
    """An action of the window -> its shortcuts, joined by " | ", where they are not the defaults; "" is none."""


ALLOWED: dict[str, tuple[Any, ...]] = {
    "language": ("system", "en", "vi"),
    "theme": ("system", "light", "dark", "contrast"),
    "text_size": (90, 100, 110, 125, 140, 160),
    "message_width": ("narrow", "normal", "wide", "full"),
    "chat_font": ("sans", "serif", "mono"),
    "level": ("user", "power", "developer"),
}


class BadSettings(CannotContinue):
    """settings.toml is not readable as TOML."""

    code = "bad_settings"


def read_settings(path: Path) -> Settings:
    """Read the file; a missing file is all defaults, and a value that makes no sense falls back to its default.

    Raises BadSettings when the file is not TOML, or can't be read: a person edited it and should see where, not lose it.
    """
    try:
        text = path.read_text("utf-8-sig")  # Notepad may put a mark before the first letter
    except FileNotFoundError:
        return Settings()
    except (OSError, UnicodeDecodeError) as error:
        raise BadSettings(
            title=mark("The settings file can't be read"),
            detail=mark("{path}: {reason}"),
            path=str(path),
            reason=getattr(error, "strerror", "") or str(error),
        ) from error
    try:
        table = tomllib.loads(text)  # no comments to keep: far quicker to import than tomlkit
    except tomllib.TOMLDecodeError as error:
        raise _damaged(path, text, error) from error
    chosen: dict[str, Any] = {}
    defaults = Settings()
    for one in fields(Settings):
        value = table.get(one.name)
        if isinstance(value, list):
            value = tuple(text for text in value if isinstance(text, str))
        if value is None or type(value) is not type(getattr(defaults, one.name)):
            continue
        if one.name in ALLOWED and value not in ALLOWED[one.name]:
            continue
        if isinstance(value, dict):
            value = {name: text for name, text in value.items() if isinstance(text, str)}
        chosen[one.name] = value
    return replace(defaults, **chosen)


def _damaged(path: Path, text: str, error: Exception) -> BadSettings:
    """Says where, which tomlkit knows."""
    import tomlkit
    from tomlkit.exceptions import ParseError, TOMLKitError

    at = {}
    try:
        tomlkit.parse(text)
    except TOMLKitError as found:
        error = found
        at = {"line": found.line, "column": found.col} if isinstance(found, ParseError) else {}
    return BadSettings(
        title=mark("The settings file can't be read"),
        detail=mark("{path} is damaged at line {line}, column {column}.") if at else mark("{path}: {reason}"),
        hint=mark("Mend that line, or delete the file to start with the defaults."),
        path=str(path),
        reason=str(error),
        **at,
    )


def write_settings(path: Path, settings: Settings) -> None:
    """Write what differs from the defaults; comments and unknown keys in the file stay. Raises OSError."""
    import tomlkit
    from tomlkit.exceptions import TOMLKitError

    try:
        document = tomlkit.parse(path.read_text("utf-8"))
    except (FileNotFoundError, TOMLKitError):
        document = tomlkit.document()
    for name, value in asdict(settings).items():
        if value != getattr(Settings(), name):
            value = list(value) if isinstance(value, tuple) else value
            table = document.get(name)
            if isinstance(value, dict) and isinstance(table, dict):
                # Entry by entry: the person's comments between them stay, and what is none of ours.
                for key in [key for key, text in table.items() if isinstance(text, str) and key not in value]:
                    del table[key]
                for key in value:
                    if table.get(key) != value[key]:
                        table[key] = value[key]
            else:
                document[name] = value
        elif name in document:
            del document[name]
    write_whole(path, tomlkit.dumps(document).encode("utf-8"))
