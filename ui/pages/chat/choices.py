"""Who can write here: model files with the built-in engine, and the models of servers, in groups. Pure, no Qt."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from localstory.chats.store import Chat
from localstory.engines.text.endpoint import Capabilities, ServerModel, host_of
from localstory.models.library import TextModel
from localstory.models.servers import Server
from localstory.words import _, number, size
from ui.pages.chat import state

BETWEEN = "  ·  "
"""Between a model's name and what is said of it; as `widgets.combo` wants it."""


@dataclass(frozen=True, slots=True)
class Choice:
    """One that can write. `engine` is "" for the built-in one; `model` a path, or the server's own name."""

    engine: str
    server: str
    model: str
    title: str
    group: str
    note: str = ""
    """What is short enough to stand in the list: "Q4_K_M · loaded"."""
    facts: tuple[tuple[str, str], ...] = ()
    loaded: bool | None = None
    can_load: bool = False
    can_unload: bool = False
    is_away: bool = False
    """Its server was not seen."""
    is_elsewhere: bool = False
    """What is written goes to another computer."""
    capabilities: Capabilities | None = None

    @property
    def key(self) -> tuple[str, str, str]:
        """What a chat remembers of it."""
        return self.engine, self.server, self.model

    @property
    def line(self) -> str:
        """As it stands in the list."""
        return f"{self.title}{BETWEEN}{self.note}" if self.note else self.title

    def why_not(self, what: str) -> str:
        """Why it can't do this (a field of `Sampling`, or a feature), worded; "" when it can."""
        return _(reason) if self.capabilities is not None and (reason := self.capabilities.why_not(what)) else ""


def choices(models: Sequence[TextModel], servers: Sequence[Server]) -> list[Choice]:
    """Everything that can write, the built-in engine's models first."""
    here = _("Built-in engine")
    found = [Choice("", "", str(model.path), model.title, here, model.quantisation, tuple(state.model_facts(model))) for model in models if model.usable]
    for server in servers:
        if server.kind and server.trouble is None:
            found += [_of_server(server, one) for one in server.models]
    return found


def group_title(server: Server) -> str:
    """ "Ollama 0.19.2, localhost:11434"."""
    name = f"{server.title} {server.version}".strip() if server.title != server.host else server.title
    return _("{server}, {host}").format(server=name, host=server.host) if name != server.host else name


def _of_server(server: Server, model: ServerModel) -> Choice:
    can = server.capabilities
    away = server.is_elsewhere or model.remote
    return Choice(
        server.kind, server.url, model.name, model.title or model.name, group_title(server), " · ".join(_notes(model, away)), tuple(_facts(server, model)),
        model.loaded, bool(can is not None and "load" in can.features), bool(can is not None and "unload" in can.features), is_elsewhere=away, capabilities=can,
    )  # fmt: skip


def _notes(model: ServerModel, is_elsewhere: bool) -> list[str]:
    notes = [model.quantisation] if model.quantisation else []
    if model.loaded:
        window = model.context_length
        notes.append(_("loaded, {tokens} tokens of context").format(tokens=number(window)) if window else _("loaded"))
    if is_elsewhere:
        notes.append(_("runs on another computer"))
    return notes


def _facts(server: Server, model: ServerModel) -> list[tuple[str, str]]:
    facts = [(_("Server"), group_title(server))]
    if model.quantisation or model.architecture:
        facts.append((_("Kind"), f"{model.architecture} {model.quantisation}".strip()))
    if model.size_bytes:
        facts.append((_("Size"), size(model.size_bytes)))
    if model.loaded is not None:
        facts.append((_("State"), _("loaded") if model.loaded else _("not loaded")))
    if length := model.context_length or model.max_context_length:
        facts.append((_("Context"), state.tokens_words(length)))
    return facts


def choose(found: Sequence[Choice], chat: Chat | None, wanted: tuple[str, str, str] | None, default: str) -> Choice | None:
    """Who writes: what was just chosen, what the chat remembers, the settings' model, or the first there is.

    A server that is not there stays chosen: the chat says that it is away, and nothing is sent elsewhere in silence.
    """
    remembered = (chat.engine, chat.server, chat.model) if chat is not None and chat.model else None
    for key in (wanted, remembered, ("", "", default) if default else None):
        if key is None:
            continue
        for one in found:
            if one.key == key or (not key[0] and not one.engine and key[2] == one.title):
                return one
        if key[0]:
            return away(key)
    own = [one for one in found if not one.is_elsewhere]
    return next((one for one in own if not one.engine), None) or next((one for one in own if one.loaded), None) or (own[0] if own else None)


def away(key: tuple[str, str, str]) -> Choice:
    """A server's model that was not seen."""
    engine, server, model = key
    return Choice(engine, server, model, model, _("{host} is not there").format(host=host_of(server)), _("not there"), is_away=True)
