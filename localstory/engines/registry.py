"""The only list of engines and of their children.

To add an engine: 1. its file beside the others; 2. its factory below; 3. its child, if it has one, in `WORKERS`;
4. a test class in tests/contracts. Modules are named as text and imported when needed, so that neither the window nor a
child loads engines it doesn't use.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

from localstory.engines.base import FilmEngine, ImageEngine, SpeechEngine, TextEngine

WORKERS: dict[str, str] = {
    "text": "localstory.engines.text.llama_worker",
    "devices": "localstory.engines.text.devices_worker",
    "rehearsal": "localstory.fit.rehearsal_worker",
    "speech": "localstory.engines.speech.piper_worker",
    "film": "localstory.engines.film.film_worker",
    "dry_run": "localstory.fit.dry_run_worker",
}
"""A child's name -> the module whose `main()` it runs."""


def run_worker(name: str, *, library: str = "") -> int:
    """Be the child `name`; returns when the conversation is over. An unknown name is a usage error (exit 2).

    `library`: the folder of an engine pack, from which `llama_cpp` is taken.
    """
    if name not in WORKERS:
        return 2
    if library:
        importlib.import_module("localstory.children.library").take_from(Path(library))
    importlib.import_module(WORKERS[name]).main()
    return 0


def open_text_engine(
    model: Path,
    *,
    title: str = "",
    parameters: int | None = None,
    context_length: int | None = None,
    threads: int | None = None,
    flash_attention: bool = True,
    on_measured: Callable[[Any], None] | None = None,
    pack: Callable[[], Any] | None = None,
) -> TextEngine:
    """The embedded llama.cpp on a GGUF file. It loads itself at the first need. `on_measured` hears what loads and replies took;
    `pack` tells which engine pack it runs on (`packs.chosen_pack`)."""
    engine: TextEngine = importlib.import_module("localstory.engines.text.llama_cpp").LlamaCppEngine(
        model,
        title=title,
        parameters=parameters,
        context_length=context_length,
        threads=threads,
        flash_attention=flash_attention,
        on_measured=on_measured,
        pack=pack,
    )
    return engine


SERVERS: dict[str, tuple[str, str]] = {
    "ollama": ("ollama", "OllamaEngine"),
    "lmstudio": ("lmstudio", "LMStudioEngine"),
    "llama_server": ("openai_endpoint", "OpenAIEndpoint"),
    "koboldcpp": ("openai_endpoint", "OpenAIEndpoint"),
    "openai": ("openai_endpoint", "OpenAIEndpoint"),
}
"""Kind of server (as `discovery.FoundServer.kind`) -> its module and class."""


def open_server_engine(kind: str, url: str, model: str = "", *, key: str = "", context_length: int | None = None, net: Any = None) -> TextEngine:
    """A model of a server ("" for the one it has loaded, else its first). `key` goes to this server only. Nothing is asked yet."""
    module, cls = SERVERS[kind]
    own: dict[str, Any] = {"context_length": context_length, "net": net}
    if module == "openai_endpoint":
        own["dialect"] = importlib.import_module("localstory.engines.text.dialects").DIALECTS[kind]
    engine: TextEngine = getattr(importlib.import_module(f"localstory.engines.text.{module}"), cls)(url, model, key, **own)
    return engine


def open_image_engine(name: str) -> ImageEngine:
    """The illustrator ("builtin") or title cards ("none")."""
    classes = {"builtin": ("builtin", "BuiltinIllustrator"), "none": ("cards", "CardPainter")}
    module, cls = classes[name]
    engine: ImageEngine = getattr(importlib.import_module(f"localstory.engines.image.{module}"), cls)()
    return engine


def open_speech_engine(voice: Path) -> SpeechEngine:
    """Piper with the voice in an .onnx file."""
    engine: SpeechEngine = importlib.import_module("localstory.engines.speech.piper").PiperEngine(voice)
    return engine


def open_film_engine() -> FilmEngine:
    """The compositor with MoviePy and ffmpeg."""
    engine: FilmEngine = importlib.import_module("localstory.engines.film.film").FilmMaker()
    return engine
