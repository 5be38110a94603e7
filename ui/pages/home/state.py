"""What Home shows beside the computer itself (`hardware.plain_words` tells that): where to begin, what is here already. Pure, no Qt."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from localstory.chats.store import Chat
from localstory.models.library import TextModel
from localstory.models.names import NoStarter
from localstory.words import _, language, size, tell


@dataclass(frozen=True, slots=True)
class Begin:
    """The one recommended start. `command` is for the terminal when something has to be fetched first; `model` is a
    path, or empty when there is none."""

    title: str
    text: str
    button: str = ""
    command: str = ""
    model: str = ""


@dataclass(frozen=True, slots=True)
class ModelRow:
    """A model that is on this computer."""

    title: str
    facts: str
    path: str
    trouble: str = ""


def begin(models: Sequence[TextModel], has_chats: bool) -> Begin:
    """Where to begin: chat with a model that is here, or the exact command that brings one."""
    usable = [model for model in models if model.usable]
    if not usable:
        text = _("There is no language model on this computer yet. This brings a small one and a voice:")
        return Begin(_("One step before the first chat"), text, command=str(NoStarter().values["dev"]))
    model = usable[0]
    if model.source == "starter":
        text = _("A very small model that is already here, made for trying things out. It answers at once and it errs often.")
    else:
        text = _("The largest model on this computer.")
    if language() == "vi" and not model.speaks("vi"):
        text += " " + _("It does not speak Vietnamese.")
    title = _("Chat with {model}").format(model=model.title) if has_chats else _("Chat with {model} now").format(model=model.title)
    return Begin(title, text, _("New chat"), model=str(model.path))


def model_rows(models: Sequence[TextModel]) -> list[ModelRow]:
    """What is on this computer already, broken files with the reason."""
    rows = []
    for model in models:
        facts = [size(model.size_bytes), model.quantisation, model.licence, source_words(model.source)]
        rows.append(ModelRow(model.title, " · ".join(fact for fact in facts if fact), str(model.path), _trouble(model)))
    return rows


def _trouble(model: TextModel) -> str:
    if model.trouble is None:
        return ""
    said = tell(model.trouble)
    return said.detail or said.title


def source_words(source: str) -> str:
    """Where a model comes from."""
    return {"starter": _("starter model"), "localstory": _("models folder"), "folder": _("a folder of yours")}.get(source, source)


def last_chat(chats: Sequence[Chat]) -> tuple[int, str] | None:
    """The chat to go on with, as (id, title)."""
    return (chats[0].id, chats[0].title or _("New chat")) if chats else None
