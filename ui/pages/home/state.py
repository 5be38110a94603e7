"""What Home shows: what this computer is, where to begin, what is here already. Pure, no Qt."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from localstory.chats.store import Chat
from localstory.hardware.machine import Machine
from localstory.models.library import TextModel
from localstory.models.names import NoStarter
from localstory.words import _, language, ngettext, number, size, tell

GIB = 1 << 30
BYTES_PER_PARAMETER = 0.62
"""Of a Q4_K_M file: 4.85 bits a weight, rounded up for what is kept at higher precision (llama.cpp, quantize README)."""
RESERVED_BYTES = 2 * GIB
"""Left to the system and to the conversation itself."""


@dataclass(frozen=True, slots=True)
class Fact:
    """A part of the computer: its name, what it is, what that means."""

    name: str
    value: str
    meaning: str = ""


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


def computer(machine: Machine) -> list[Fact]:
    """The computer in plain words. Unknown says so."""
    return [_processor(machine), _memory(machine), _graphics(machine), _disk(machine)]


def _processor(machine: Machine) -> Fact:
    cpu = machine.cpu
    value = cpu.name or _("Unknown")
    meaning = ""
    if cpu.physical_cores:
        meaning = ngettext("{count} core for writing", "{count} cores for writing", cpu.physical_cores).format(count=cpu.physical_cores)
    return Fact(_("Processor"), value, meaning)


def _memory(machine: Machine) -> Fact:
    total, free = machine.memory.usable_total_bytes, machine.memory.available_bytes
    if total is None:
        return Fact(_("Memory"), _("Unknown"))
    value = _("{total}, {free} free now").format(total=size(total), free=size(free)) if free is not None else size(total)
    return Fact(_("Memory"), value, comfort(total))


def comfort(total_bytes: int) -> str:
    """Up to which size a model runs comfortably in this much memory, at four bits a weight; an estimate."""
    billions = (total_bytes - RESERVED_BYTES) / BYTES_PER_PARAMETER / 1e9
    steps = [70, 32, 27, 14, 12, 8, 4, 3, 2, 1]
    fits = next((step for step in steps if step <= billions), None)
    if fits is None:
        return _("Comfortable with very small models, below one billion parameters")
    return _("Comfortable with models up to about {number} billion parameters").format(number=fits)


def _graphics(machine: Machine) -> Fact:
    if not machine.gpus:
        return Fact(_("Graphics"), _("No graphics card that speeds up models"), _("Models run on the processor. That works, at reading speed with small ones."))
    values, meanings = [], []
    for gpu in machine.gpus:
        name = gpu.name or _("Unknown")
        values.append(f"{name}, {size(gpu.memory_total_bytes)}" if gpu.memory_total_bytes and not gpu.integrated else name)
        if gpu.usable:
            meanings.append(_("Speeds up models"))
        elif gpu.why_not:
            meanings.append(_(gpu.why_not))
    return Fact(_("Graphics"), "\n".join(values), "\n".join(dict.fromkeys(meanings)))


def _disk(machine: Machine) -> Fact:
    free = machine.disk.free_bytes
    if free is None:
        return Fact(_("Disk"), _("Unknown"))
    # A model of 8 billion parameters at four bits takes about 5 GB.
    room = int(free // (5 * GIB))
    meaning = (
        ngettext("Room for about {count} model of 8 billion parameters", "Room for about {count} models of 8 billion parameters", room).format(
            count=number(room)
        )
        if room
        else _("Little room: models take from 0.1 to 40 GiB")
    )
    return Fact(_("Disk"), _("{free} free").format(free=size(free)), meaning)


def begin(models: Sequence[TextModel], has_chats: bool) -> Begin:
    """Where to begin: chat with a model that is here, or the exact command that brings one."""
    usable = [model for model in models if model.usable]
    if not usable:
        said = tell(NoStarter())
        return Begin(_("One step before the first chat"), _("There is no language model on this computer yet. This brings a small one and a voice:"),
            command=str(NoStarter().values["dev"]), button="") if said else Begin("", "")  # fmt: skip
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
