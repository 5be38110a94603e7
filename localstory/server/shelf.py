"""Which models can be asked for, and the one that is in memory."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from localstory.engines.base import TextEngine
from localstory.models.names import NoStarter
from localstory.server.fields import whole_text
from localstory.server.refusals import NotAllowed, no_such_model

if TYPE_CHECKING:
    from localstory.app import App
    from localstory.engines.text.endpoint import ServerModel
    from localstory.models.library import TextModel

_LIST_SECONDS = 2.0
"""A list is good for this long: clients ask for it often, and every file's header is read for it."""
_NAME_SECONDS = 60.0
"""A model that stood in the list is taken to be there for this long; a name that did not is looked for anew."""
DEFAULT_NAMES = ("", "default")


@dataclass(frozen=True, slots=True)
class Entry:
    """A model that can be asked for."""

    id: str
    title: str
    names: frozenset[str]
    """What else it answers to, folded."""
    created: int = 0
    loaded: bool | None = None
    context_length: int | None = None
    """As it stands in memory."""
    max_context_length: int | None = None
    parameters: int | None = None
    size_bytes: int | None = None
    quantisation: str = ""
    owner: str = "localstory"

    def shown(self) -> dict[str, Any]:
        """An entry of GET /v1/models; `meta` and `status` as llama-server has them."""
        known = {"n_ctx_train": self.max_context_length, "n_params": self.parameters, "size": self.size_bytes}
        entry: dict[str, Any] = {"id": self.id, "object": "model", "created": self.created, "owned_by": self.owner, "title": self.title}
        entry["meta"] = {name: value for name, value in known.items() if value}
        if self.loaded is not None:
            entry["status"] = {"value": "loaded" if self.loaded else "unloaded"}
        if self.context_length:
            entry["context_length"] = self.context_length
        if self.quantisation:
            entry["quantization"] = self.quantisation
        return entry


class Shelf(Protocol):
    """Where models come from."""

    async def entries(self) -> Sequence[Entry]:
        """All that can be asked for, the default first."""

    async def find(self, name: str) -> Entry:
        """The one that a request names. Raises NotAllowed (404) and NoStarter."""

    async def engine(self, entry: Entry) -> TextEngine:
        """Its engine. Only who holds the turn may ask: another model is taken out of memory for it."""


def found_in(name: str, entries: Sequence[Entry]) -> Entry:
    """By id, title or file name, whole and whatever the case; never by a part of a name, never by a path. Raises NotAllowed, NoStarter."""
    if name.strip() in DEFAULT_NAMES:
        if not entries:
            raise NoStarter
        return entries[0]
    for entry in entries:
        if entry.id == name:
            return entry
    folded = name.strip().casefold()
    for entry in entries:
        if folded in entry.names:
            return entry
    raise no_such_model(name)


class OwnModels:
    """Every usable language model of this computer on the embedded engine, one in memory at a time.

    `first`: the default; without it the one that chats open with, or the largest.
    """

    def __init__(self, app: App, first: TextModel | None = None) -> None:
        self._app = app
        self._first = first
        self._models: dict[str, TextModel] = {}
        self._read_at = -math.inf
        self._listed: list[TextModel] = []
        self._current: Path | None = None

    async def entries(self, seconds: float = _LIST_SECONDS) -> Sequence[Entry]:
        if time.monotonic() - self._read_at >= seconds:
            self._listed = await asyncio.to_thread(self._read)
            self._read_at = time.monotonic()
        self._models, found = {}, []
        for model in self._listed:
            own = self._id_for(model)
            self._models[own] = model
            found.append(self._entry(own, model))
        return found

    async def find(self, name: str) -> Entry:
        try:
            return found_in(name, await self.entries(_NAME_SECONDS))
        except (NotAllowed, NoStarter):
            return found_in(name, await self.entries())

    async def engine(self, entry: Entry) -> TextEngine:
        model = self._models.get(entry.id)
        if model is None:  # deleted while the request waited
            raise no_such_model(entry.id)
        if self._current is not None and self._current != model.path:
            old = next((one for one in self._listed if one.path == self._current), None)
            if old is not None:
                await self._app.text_engine(old).close()
        self._current = model.path
        return self._app.text_engine(model)

    def _read(self) -> list[TextModel]:
        models = [model for model in self._app.text_models() if model.usable]
        wanted = self._first.path if self._first is not None else None
        if self._first is not None and all(model.path != wanted for model in models):
            models.append(self._first)
        if wanted is None and self._app.settings.model:
            named = self._app.settings.model.casefold()
            wanted = next((model.path for model in models if named in (str(model.path).casefold(), model.title.casefold())), None)
        return sorted(models, key=lambda model: model.path != wanted)  # stable: the others stay in their order

    def _id_for(self, model: TextModel) -> str:
        """Its title; where two have the same, the file's name, and a number where even that is the same."""
        names = [whole_text(model.title).strip() or "model", _stem(model)]
        own = next((name for name in names if self._is_free(name, model)), None)
        number = 2
        while own is None:
            name = f"{names[-1]}-{number}"
            own = name if self._is_free(name, model) else None
            number += 1
        return own

    def _is_free(self, name: str, model: TextModel) -> bool:
        if name in self._models or name in DEFAULT_NAMES:
            return False
        same_title = [one for one in self._listed if whole_text(one.title).strip() == name]
        return len(same_title) < 2 or same_title[0] is model

    def _entry(self, own: str, model: TextModel) -> Entry:
        loaded = self._app.text_engine(model).describe().context_length if self._current == model.path else None
        return Entry(
            own,
            whole_text(model.title),
            frozenset(name.casefold() for name in (own, whole_text(model.title), _stem(model), _stem(model) + ".gguf")),
            created=_changed(model.path),
            loaded=loaded is not None,
            context_length=loaded,
            max_context_length=model.context_length,
            parameters=model.parameters,
            size_bytes=model.size_bytes,
            quantisation=model.quantisation,
        )


class ServersModels:
    """The models of another server (`--engine`), which does the work."""

    def __init__(self, app: App, url: str, key: str, first: str = "") -> None:
        self._app, self._url, self._key, self._first = app, url, key, first
        self._engines: dict[str, TextEngine] = {}
        self._read_at = -math.inf
        self._kind = ""
        self._models: tuple[ServerModel, ...] = ()
        self._root = url
        self._listed: list[Entry] = []

    async def entries(self) -> Sequence[Entry]:
        from localstory.engines.text.discovery import identify

        if time.monotonic() - self._read_at >= _LIST_SECONDS:
            found = await identify(self._app.net, self._url, self._key)
            self._kind, self._models = found.kind, found.models
            self._root = self._url if found.kind == "openai" else found.url
            entries = [
                Entry(
                    model.name,
                    model.title or model.name,
                    frozenset((model.name.casefold(), model.title.casefold())) - {""},
                    loaded=model.loaded,
                    context_length=model.context_length,
                    max_context_length=model.max_context_length,
                    size_bytes=model.size_bytes,
                    quantisation=model.quantisation,
                    owner=found.title,
                )
                for model in found.models
            ]
            self._listed = sorted(entries, key=lambda entry: (entry.id != self._first, not entry.loaded))
            self._read_at = time.monotonic()
        return self._listed

    async def find(self, name: str) -> Entry:
        return found_in(name, await self.entries())

    async def engine(self, entry: Entry) -> TextEngine:
        from localstory.engines.registry import open_server_engine

        if entry.id not in self._engines:
            model = next((one for one in self._models if one.name == entry.id), None)
            window = await self._app.server_window(self._kind, self._root, model, self._models)
            self._engines[entry.id] = open_server_engine(self._kind, self._root, entry.id, key=self._key, context_length=window, net=self._app.net)
        return self._engines[entry.id]


def _stem(model: TextModel) -> str:
    return whole_text(model.path.stem)


def _changed(path: Path) -> int:
    try:
        return int(path.stat().st_mtime)
    except OSError:
        return 0
