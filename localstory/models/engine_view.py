"""A model in the eyes of Ollama or LM Studio: whether it is in their folders here, whether it is loaded there now, and which context
length to ask for. Reads folders and headers; asks a server on this computer, if one runs, and nothing else."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import re
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from urllib.parse import urlsplit

from localstory.engines.text.endpoint import ServerModel
from localstory.errors import CannotContinue
from localstory.fit.other_engines import EngineName, window_that_fits
from localstory.fit.records import model_key
from localstory.fit.report import Subject
from localstory.gguf.header import BadGguf
from localstory.gguf.header_cache import HeaderCache
from localstory.hardware.machine import Machine
from localstory.models.names import parse_ollama_name
from localstory.models.ollama_store import find_installed, installed
from localstory.models.servers import window_for
from localstory.models.targets import STRIPPED, FitTarget
from localstory.net import Net, is_loopback
from localstory.paths import Home

log = logging.getLogger(__name__)
_SECONDS = 2.0
_NOT_LETTERS = re.compile(r"[^a-z0-9]+")


@dataclass(frozen=True, slots=True)
class Seen:
    """What is known of a model at an engine of this computer."""

    in_its_store: bool | None
    """Its file is in that program's own folders; None where they can't be told apart."""
    is_running: bool
    loaded: ServerModel | None = None
    """The model as it stands loaded there now."""


def lmstudio_folders() -> list[Path]:
    """Where LM Studio keeps models unless a person chose another folder."""
    try:
        home = Path.home()
    except RuntimeError:
        return []
    return [home / ".lmstudio" / "models", home / ".cache" / "lm-studio" / "models"]


def in_store(engine: EngineName, target: FitTarget) -> bool | None:
    """Whether the model's file is in the engine's own folders. Reads small files; blocks for some milliseconds."""
    match engine:
        case "ollama":
            return bool(_ollama_names(target))
        case "lmstudio":
            return any(_is_lmstudio_file(folder, target) for folder in lmstudio_folders())
        case _:
            return target.is_here


async def look(engine: EngineName, target: FitTarget, net: Net, *, url: str = "") -> Seen:
    """What this computer's Ollama or LM Studio has of the model. `url`: where it listens when not on its usual port. Never raises."""
    from localstory.engines.text.discovery import ADDRESSES, identify

    stored = await asyncio.to_thread(in_store, engine, target)
    if engine not in ("ollama", "lmstudio"):
        return Seen(stored, True)
    try:
        found = await identify(net, url or ADDRESSES[engine], seconds=_SECONDS)
    except CannotContinue:
        return Seen(stored, False)
    if found.kind != engine:
        return Seen(stored, False)
    names = await asyncio.to_thread(_ollama_names, target) if engine == "ollama" else set()
    loaded = [one for one in found.models if one.loaded]
    if engine == "ollama":
        mine = next((one for one in loaded if _full(one.name) in names), None)
    else:
        mine = next((one for one in loaded if _looks_like(one, target)), None)
    return Seen(stored, True, mine)


async def window_at(kind: str, url: str, model: ServerModel | None, machine: Machine | None, home: Home, loaded: tuple[ServerModel, ...] = ()) -> int | None:
    """The context length to ask a server for; None leaves it to the server.

    Ollama gets what the fit check says of the very file it would load, when it runs on this computer and the file is in its folders;
    what is loaded already stays as it is. `loaded`: its other models in memory, which make way.
    """
    usual = window_for(kind, model)
    if kind != "ollama" or model is None or machine is None or (model.loaded and model.context_length) or not is_loopback(urlsplit(url).hostname or ""):
        return usual
    freed = sum((one.size_bytes or 0) - (one.size_on_card_bytes or 0) for one in loaded if one.loaded and one.name != model.name)
    found = await asyncio.to_thread(_fitted, model, machine, home, usual, max(0, freed))
    return found or usual


def _fitted(model: ServerModel, machine: Machine, home: Home, usual: int | None, freed_bytes: int) -> int | None:
    name = parse_ollama_name(model.name)
    try:
        here = find_installed(name) if name is not None else None
        if here is None or here.path is None:
            return None
        header = HeaderCache(home.cache / STRIPPED).of_files([here.path]).header
        subject = Subject(header, model.name, here.size_bytes, model_key(header))
        return window_that_fits(subject, machine, **({"wanted": usual} if usual else {}), reclaimable_bytes=freed_bytes)
    except (CannotContinue, BadGguf, OSError) as trouble:
        log.info("the context length for %s is not from the fit check: %s", model.name, trouble)
        return None


def _ollama_names(target: FitTarget) -> set[str]:
    """What Ollama on this computer calls these very weights."""
    names = set()
    if target.source == "ollama" and (own := parse_ollama_name(target.name.removeprefix("ollama:"))) is not None:
        names.add(_full(str(own)))
    for name in installed():
        with contextlib.suppress(CannotContinue):
            model = find_installed(name)
            if model is not None and ((target.sha256 and model.sha256 == target.sha256) or (model.path is not None and model.path in target.paths)):
                names.add(_full(str(name)))
    return names


def _full(name: str) -> str:
    parsed = parse_ollama_name(name)
    return str(parsed).casefold() if parsed is not None else name.casefold()


def _is_lmstudio_file(folder: Path, target: FitTarget) -> bool:
    """By its place; else a file of the same name and length."""
    if any(path.is_relative_to(folder) for path in target.paths):
        return True
    name = target.paths[0].name if target.paths else PurePosixPath(target.remote[0].name).name if target.remote else ""
    if not name.casefold().endswith(".gguf") or any(letter in name for letter in "*?["):
        return False
    want = target.size_bytes if len(target.paths) < 2 and len(target.remote) < 2 else None
    with contextlib.suppress(OSError):
        return any(want is None or path.stat().st_size == want for path in folder.glob(f"*/*/{name}"))
    return False


def _looks_like(model: ServerModel, target: FitTarget) -> bool:
    """LM Studio names models, not files: "owner/qwen3-4b" with Q4_K_M stands for Qwen3-4B-Q4_K_M.gguf."""
    file = target.paths[0].name if target.paths else PurePosixPath(target.remote[0].name).name if target.remote else target.title
    theirs, ours = _plain(model.name.rsplit("/", 1)[-1]), _plain(file)
    return bool(theirs) and ours.startswith(theirs) and (not model.quantisation or _plain(model.quantisation) in ours)


def _plain(text: str) -> str:
    return _NOT_LETTERS.sub("", text.casefold())
