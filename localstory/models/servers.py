"""The model servers that are known: found on this computer, and named by the person. What was seen last is kept to be read at once."""

from __future__ import annotations

import asyncio
import importlib
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from localstory.engines.text.endpoint import Capabilities, ServerModel, host_of
from localstory.errors import BadRequest, CannotContinue
from localstory.events import Changed, Hub
from localstory.fit.context_params import DEFAULT_CONTEXT_LENGTH
from localstory.keys import VARIABLE, forget_key, keep_key, key_for, origin_of
from localstory.net import Net, is_loopback, typed_address
from localstory.net.errors import BadAddress
from localstory.settings import Settings
from localstory.words import mark

if TYPE_CHECKING:
    from localstory.engines.text.discovery import FoundServer

_NAMED_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Server:
    """A model server as it was seen last."""

    kind: str
    """As `FoundServer.kind`; "" for a named one that never answered."""
    url: str
    """What `registry.open_server_engine` takes."""
    version: str = ""
    models: tuple[ServerModel, ...] = ()
    capabilities: Capabilities | None = None
    needs_key: bool = False
    has_key: bool = False
    is_named: bool = False
    """By the person; it is shown, and can be taken away again, also when it does not answer."""
    trouble: CannotContinue | None = None
    """Why it did not answer."""

    @property
    def title(self) -> str:
        """Its name for people."""
        from localstory.engines.text.discovery import TITLES

        return TITLES.get(self.kind, host_of(self.url))

    @property
    def host(self) -> str:
        return host_of(self.url)

    @property
    def is_elsewhere(self) -> bool:
        """It runs on another computer: what is written goes there."""
        return not is_loopback(urlsplit(self.url).hostname or "")

    def model(self, name: str) -> ServerModel | None:
        """One of its models by the server's own name."""
        return next((one for one in self.models if one.name == name), None)


class Servers:
    """Looks for servers when asked to; `known` can be read at any time, from any thread."""

    def __init__(self, net: Net, settings: Callable[[], Settings], hub: Hub) -> None:
        self._net = net
        self._settings = settings
        self._hub = hub
        self._turn = asyncio.Lock()
        self.known: tuple[Server, ...] = ()
        """What the last look saw, found ones first, in the order of the ports."""
        self.looked_at = 0.0
        """`time.monotonic()` of the last look; 0 before the first."""

    def at(self, url: str) -> Server | None:
        """The server at this address, if it was seen."""
        return next((one for one in self.known if one.url == url), None)

    async def look(self) -> tuple[Server, ...]:
        """Look now: on loopback unless the person wants none of it, and at the named ones. About half a second; never raises for what it meets."""
        async with self._turn:
            settings = self._settings()
            discovery = await _discovery()
            found = await discovery.find_servers(self._net) if settings.look_for_servers else []
            named = list(dict.fromkeys(settings.servers))
            mine = {_origin(address) for address in named}
            looked = await asyncio.gather(*(self._closer(one) for one in found if _origin(one.url) not in mine), *(self._named(address) for address in named))
            before, self.known, self.looked_at = self.known, tuple(looked), time.monotonic()
            if before != self.known:
                self._hub.publish(Changed("servers"))
            return self.known

    async def _closer(self, found: FoundServer) -> Server:
        """A found server; one that wants a key is asked again when the person gave one for it."""
        key = await asyncio.to_thread(key_for, found.url, named=False) if found.needs_key else ""
        if key:
            try:
                found = await (await _discovery()).identify(self._net, found.url, key, _NAMED_SECONDS)
            except CannotContinue as trouble:
                return _seen(found, has_key=True, trouble=trouble)
        return _seen(found, has_key=bool(key))

    async def _named(self, address: str) -> Server:
        try:
            key = await asyncio.to_thread(key_for, address)
            found = await (await _discovery()).identify(self._net, address, key, _NAMED_SECONDS)
        except (CannotContinue, ValueError) as trouble:
            last = self.at(address)
            kind = last.kind if last is not None else ""
            return Server(kind, address, is_named=True, trouble=trouble if isinstance(trouble, CannotContinue) else BadAddress(address))
        # A path that a person typed ("/openai/api") is kept for servers that speak OpenAI's interface.
        return _seen(found, url=address, has_key=bool(key), is_named=True)

    # -- what the person names -------------------------------------------------------------------------------------------

    async def check(self, typed: str, key: str = "") -> Server:
        """Who answers at an address that a person typed. Raises BadAddress, NetTrouble; nothing is kept."""
        address = address_of(typed)
        found = await (await _discovery()).identify(self._net, address, key.strip(), _NAMED_SECONDS)
        return _seen(found, url=address, has_key=bool(key.strip()), is_named=True)

    @staticmethod
    async def keep_key(url: str, key: str) -> None:
        """Put the server's key into the system's keyring; "" takes it out. Raises NoKeyring."""
        await asyncio.to_thread(keep_key if key.strip() else lambda at, _key: forget_key(at), url, key)


_KEY_BY_ITSELF = mark("Give a key by itself: in the window in its own field, in a terminal in the variable {variable}.")


def address_of(typed: str) -> str:
    """An address as a person types it, ready to be kept: `localhost:8080` -> `http://localhost:8080`.

    Raises BadAddress, and BadRequest for one that may hold a password or key: it would stand in the settings for everybody to read.
    """
    text = typed.strip()
    address = typed_address(text if "://" in text else f"http://{text}").rstrip("/")
    try:
        origin = origin_of(address)
    except ValueError as error:
        raise BadAddress(typed) from error
    if "@" in address.split("//", 1)[-1].split("/")[0]:
        raise BadRequest(title=mark("An address must not hold a name or password"), hint=_KEY_BY_ITSELF, variable=VARIABLE)
    if urlsplit(address).query:
        raise BadRequest(title=mark("The address of a server ends before the “?”"), hint=_KEY_BY_ITSELF, variable=VARIABLE)
    return address if urlsplit(address).path else origin


def named_address(name: str) -> str:
    """The address of a server by its name ("ollama", "lm-studio"), or as it is typed. Raises BadAddress, BadRequest."""
    from localstory.engines.text.discovery import ADDRESSES

    wanted = re.sub(r"[\s_-]", "", name).lower()
    return address_of(next((address for kind, address in ADDRESSES.items() if kind.replace("_", "") == wanted), name))


def window_for(kind: str, model: ServerModel | None) -> int | None:
    """The context length that is asked of a server; None leaves it to the server.

    Ollama would choose a short one without a word: it gets what the model is loaded with (another would load it anew), else what our own
    engine would take, within what the model knows.
    """
    if kind == "lmstudio":
        return None
    if kind != "ollama":
        return model.context_length if model is not None else None  # nothing is asked for: it is only known sooner
    if model is not None and model.loaded and model.context_length:
        return model.context_length
    return min(DEFAULT_CONTEXT_LENGTH, model.max_context_length or DEFAULT_CONTEXT_LENGTH) if model is not None else DEFAULT_CONTEXT_LENGTH


def _seen(found: FoundServer, *, url: str = "", has_key: bool = False, is_named: bool = False, trouble: CannotContinue | None = None) -> Server:
    where = url if url and found.kind == "openai" else found.url
    return Server(found.kind, where, found.version, found.models, found.capabilities, found.needs_key, has_key, is_named, trouble)


async def _discovery() -> Any:
    """The engines' modules are heavy to import, and the window opens without them."""
    return await asyncio.to_thread(importlib.import_module, "localstory.engines.text.discovery")


def _origin(address: str) -> str:
    try:
        return origin_of(address)
    except ValueError:
        return address
