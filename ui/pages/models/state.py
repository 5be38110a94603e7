"""What the room of models shows: the language models and voices on this computer. Pure, no Qt."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from localstory.models.library import TextModel, Voice
from localstory.words import _, mark, ngettext, number, size, tell

_LANGUAGES = {"en": mark("English"), "vi": mark("Vietnamese")}


@dataclass(frozen=True, slots=True)
class Row:
    """A model or voice: its title, facts as (what, value), trouble if it can't be used, its file."""

    title: str
    facts: tuple[tuple[str, str], ...]
    path: str
    chosen: bool = False
    trouble: str = ""


def model_rows(models: Sequence[TextModel], chosen: str) -> list[Row]:
    """Language models; `chosen` is the setting: the path or title new chats begin with."""
    rows = []
    for model in models:
        facts = [(_("Size"), size(model.size_bytes))]
        if model.parameters:
            facts.append((_("Parameters"), parameters(model.parameters)))
        if model.quantisation:
            facts.append((_("Quantisation"), model.quantisation))
        if model.context_length:
            facts.append((_("Context"), ngettext("{count} token", "{count} tokens", model.context_length).format(count=number(model.context_length))))
        facts.append((_("Licence"), model.licence or _("not stated")))
        trouble = ""
        if model.trouble is not None:
            said = tell(model.trouble)
            trouble = " ".join(part for part in (said.title + ".", said.detail, said.hint) if part)
            facts = facts[:1]
        rows.append(Row(model.title, tuple(facts), str(model.path), bool(chosen) and chosen in (str(model.path), model.title), trouble))
    return rows


def voice_rows(voices: Sequence[Voice]) -> list[Row]:
    """Voices."""
    rows = []
    for voice in voices:
        said = tell(voice.trouble) if voice.trouble is not None else None
        trouble = " ".join(part for part in (said.title + ".", said.detail, said.hint) if part) if said else ""
        facts = [
            (_("Language"), _(_LANGUAGES.get(voice.language, voice.language))),
            (_("Sample rate"), _("{number} Hz").format(number=number(voice.sample_rate))),
            (_("Licence"), voice.licence or _("not stated")),
        ]
        rows.append(Row(voice.name, () if trouble else tuple(facts), str(voice.path), trouble=trouble))
    return rows


def parameters(count: int) -> str:
    """ "135 million", "7.2 billion"."""
    if count >= 1_000_000_000:
        return _("{number} billion").format(number=number(count / 1e9, 1))
    return _("{number} million").format(number=number(count / 1e6))
