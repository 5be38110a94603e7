"""The engines for a story on this computer, chosen and checked before any work begins."""

from __future__ import annotations

from dataclasses import replace

from localstory.engines.base import EngineFacts
from localstory.engines.packs import chosen_pack
from localstory.engines.registry import open_film_engine, open_image_engine, open_speech_engine, open_text_engine
from localstory.engines.speech.languages import voice_to_fetch
from localstory.errors import BadRequest
from localstory.models.fingerprint import fingerprint
from localstory.models.library import TextModel, Voice, best_text_model, best_voice, resolve_text_model, resolve_voice, starter_text_model, starter_voice
from localstory.models.names import NoStarter
from localstory.paths import Home
from localstory.settings import read_settings
from localstory.story.build import NotSpoken, Tools
from localstory.story.project import Project
from localstory.story.prompts import CHAT_PARAMETERS
from localstory.words import mark

IMAGES = ("builtin", "none")
_WRITERS_TO_FETCH = {"vi": "Qwen3-4B-Instruct-2507 (GGUF)"}
"""A model known to write the language, for the hint of a refusal."""


def choose(home: Home, project: Project) -> tuple[TextModel, Voice]:
    """The writer and the voice for a project. Raises NotSpoken, NoStarter, ModelNotFound, BadRequest …"""
    if project.images not in IMAGES:
        raise BadRequest(
            title=mark("Pictures can't be made that way"),
            detail=mark('"{given}" was asked for.'),
            hint=mark("Choose one of: {choices}."),
            given=project.images,
            choices=", ".join(IMAGES),
        )
    language = project.language
    voice = resolve_voice(project.voice, home) if project.voice else best_voice(home, language)
    if voice is None or voice.language != language:
        if voice is None and starter_voice() is None and language == "en":
            raise NoStarter
        raise NotSpoken(language, what="voice", fetch=voice_to_fetch(language) or f"a Piper voice for {language}", folder=home.models)
    model = resolve_text_model(project.writer, home) if project.writer else best_text_model(home, language)
    if model is None and starter_text_model() is None and language == "en":
        raise NoStarter
    # The openers that carry a very small model are English; another language needs one that follows instructions.
    if model is None or not model.speaks(language) or (language != "en" and (model.parameters or 0) < CHAT_PARAMETERS):
        raise NotSpoken(language, what="model", fetch=_WRITERS_TO_FETCH.get(language, f"a model that writes {language}"), folder=home.models)
    return model, voice


def tools_for(home: Home, project: Project) -> Tools:
    """Open nothing yet, but know everything: raises what `choose` raises, and OSError when a file can't be read."""
    model, voice = choose(home, project)
    writer = EngineFacts("llama_cpp", "", model=model.title, model_sha256=fingerprint(model.path, home), parameters=model.parameters, languages=model.languages)
    speaker = open_speech_engine(voice.path)
    spoken = replace(speaker.describe(), model=voice.name, model_sha256=fingerprint(voice.path, home), details={"licence": voice.licence})
    return Tools(
        writer=lambda: open_text_engine(
            model.path, title=model.title, parameters=model.parameters, pack=lambda: chosen_pack(home.engines, read_settings(home.settings_file), model.path)
        ),
        writer_facts=writer,
        images=lambda: open_image_engine(project.images),
        cards=lambda: open_image_engine("none"),
        voice=lambda: speaker,
        voice_facts=spoken,
        film=open_film_engine,
    )
