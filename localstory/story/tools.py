"""The engines for a story on this computer, chosen and checked before any work begins."""

from __future__ import annotations

from dataclasses import replace

from localstory.engines.base import EngineFacts
from localstory.engines.packs import chosen_pack
from localstory.engines.registry import is_server, open_film_engine, open_image_engine, open_server_speech, open_speech_engine, open_text_engine
from localstory.engines.speech.languages import voice_to_fetch
from localstory.errors import BadRequest
from localstory.keys import key_for
from localstory.models.fingerprint import fingerprint
from localstory.models.library import TextModel, Voice, best_text_model, best_voice, resolve_text_model, resolve_voice, starter_text_model, starter_voice
from localstory.models.names import NoStarter
from localstory.net import Net, typed_address
from localstory.net.errors import BadAddress
from localstory.paths import Home
from localstory.settings import read_settings
from localstory.story.build import NotSpoken, Tools
from localstory.story.project import Project
from localstory.story.prompts import CHAT_PARAMETERS
from localstory.words import mark

IMAGES = ("builtin", "none")
_WRITERS_TO_FETCH = {"vi": "Qwen3-4B-Instruct-2507 (GGUF)"}
"""A model known to write the language, for the hint of a refusal."""


def choose(home: Home, project: Project) -> tuple[TextModel, Voice | None]:
    """The writer and the voice for a project; None for a voice that is a server's. Raises NotSpoken, NoStarter, ModelNotFound, BadRequest …"""
    if project.images not in IMAGES and not is_server(project.images):
        raise BadRequest(
            title=mark("Pictures can't be made that way"),
            detail=mark('"{given}" was asked for.'),
            hint=mark("Choose one of: {choices}, or the address of a server that makes pictures (http://…#model)."),
            given=project.images,
            choices=", ".join(IMAGES),
        )
    language = project.language
    by_server = is_server(project.voice)
    voice = None if by_server else resolve_voice(project.voice, home) if project.voice else best_voice(home, language)
    if not by_server and (voice is None or voice.language != language):
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
    net = Net(offline=lambda: read_settings(home.settings_file).offline)
    if voice is None:
        speaker = open_server_speech(project.voice, key=_key(project.voice), net=net)
        spoken = speaker.describe()
    else:
        speaker = open_speech_engine(voice.path)
        spoken = replace(speaker.describe(), model=voice.name, model_sha256=fingerprint(voice.path, home), details={"licence": voice.licence})
    return Tools(
        writer=lambda: open_text_engine(
            model.path, title=model.title, parameters=model.parameters, pack=lambda: chosen_pack(home.engines, read_settings(home.settings_file), model.path)
        ),
        writer_facts=writer,
        images=lambda: open_image_engine(project.images, key=_key(project.images), net=net),
        cards=lambda: open_image_engine("none"),
        voice=lambda: speaker,
        voice_facts=spoken,
        film=open_film_engine,
    )


def _key(address: str) -> str:
    """The key for a server, from the keyring or LOCALSTORY_KEY; "" for choices that are none. Raises BadAddress."""
    if not is_server(address):
        return ""
    try:
        return key_for(typed_address(address.partition("#")[0]))
    except ValueError as error:
        raise BadAddress(address) from error
