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
    choose: Callable[[Any], Any] | None = None,
    place: Callable[[Any, Any], Any] | None = None,
    kept: Any = None,
) -> TextEngine:
    """The embedded llama.cpp on a GGUF file. It loads itself at the first need. `on_measured` hears what loads and replies took;
    `pack` tells which engine pack it runs on (`packs.chosen_pack`); `kept` is where branches of chats are
    saved (`kv_home`)."""
    engine: TextEngine = importlib.import_module("localstory.engines.text.llama_cpp").LlamaCppEngine(
        model,
        title=title,
        parameters=parameters,
        context_length=context_length,
        threads=threads,
        flash_attention=flash_attention,
        on_measured=on_measured,
        pack=pack,
        choose=choose,
        place=place,
        kept=kept,
    )
    return engine


def kv_home(folder: Path, memory_mb: int = -1, disk_mb: int = -1) -> Any:
    """Where branches of chats are saved, and how much of each may be used in MiB: -1 is worked out from what is free, 0 is off."""
    home = importlib.import_module("localstory.engines.text.kv_home").KvHome
    return home(folder, None if memory_mb < 0 else memory_mb << 20, None if disk_mb < 0 else disk_mb << 20)


SERVERS: dict[str, tuple[str, str]] = {
    "ollama": ("ollama", "OllamaEngine"),
    "lmstudio": ("lmstudio", "LMStudioEngine"),
    "llama_server": ("openai_endpoint", "OpenAIEndpoint"),
    "koboldcpp": ("openai_endpoint", "OpenAIEndpoint"),
    "localstory": ("openai_endpoint", "OpenAIEndpoint"),
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


def is_server(name: str) -> bool:
    """Whether a choice of pictures or of a voice is a server's address."""
    return name.lower().startswith(("http://", "https://"))


def open_image_engine(name: str, *, key: str = "", net: Any = None) -> ImageEngine:
    """The illustrator ("builtin"), title cards ("none"), or a server's /v1/images/generations: an address, with "#model" behind it."""
    if is_server(name):
        url, _hash, model = name.partition("#")
        made: ImageEngine = importlib.import_module("localstory.engines.image.openai_image").OpenAIImages(url, model, key, net=net)
        return made
    classes = {"builtin": ("builtin", "BuiltinIllustrator"), "none": ("cards", "CardPainter")}
    module, cls = classes[name]
    engine: ImageEngine = getattr(importlib.import_module(f"localstory.engines.image.{module}"), cls)()
    return engine


def open_speech_engine(voice: Path) -> SpeechEngine:
    """Piper with the voice in an .onnx file."""
    engine: SpeechEngine = importlib.import_module("localstory.engines.speech.piper").PiperEngine(voice)
    return engine


def open_server_speech(address: str, *, key: str = "", language: str = "", net: Any = None) -> SpeechEngine:
    """A voice of a server's /v1/audio/speech: an address, with "#voice" or "#model/voice" behind it."""
    url, _hash, named = address.partition("#")
    model, _slash, voice = named.rpartition("/")
    module = importlib.import_module("localstory.engines.speech.openai_speech")
    engine: SpeechEngine = module.OpenAISpeech(url, voice, model, key, language=language, net=net)
    return engine


def open_film_engine() -> FilmEngine:
    """The compositor with MoviePy and ffmpeg."""
    engine: FilmEngine = importlib.import_module("localstory.engines.film.film").FilmMaker()
    return engine
