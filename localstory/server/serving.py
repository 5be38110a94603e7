"""Sockets and uvicorn: what listens where, from the start to the tidy end."""

from __future__ import annotations

import contextlib
import errno
import socket
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import psutil
import uvicorn

from localstory.errors import BadRequest, CannotContinue
from localstory.net import is_loopback
from localstory.server.connection import Limits, connection_class
from localstory.server.guard import Rules, own_names
from localstory.server.port import PORT
from localstory.server.shelf import Shelf
from localstory.server.turns import Turns
from localstory.server.web import Web
from localstory.system import WINDOWS
from localstory.words import mark, system_reason

LEAST_LAN_KEY = 16
"""Characters of a key that others in the network could try to guess."""
_BACKLOG = 128


class PortTaken(CannotContinue):
    """Another program listens on this port."""

    code = "port_taken"

    def __init__(self, address: str, port: int) -> None:
        super().__init__(
            title=mark("Port {port} is taken"),
            detail=mark("Another program listens on {address}; it may be another localstory server."),
            hint=mark("Choose another one with --port, or 0 for any that is free."),
            port=port,
            address=address,
        )


class CannotListen(CannotContinue):
    """The system does not let us listen there."""

    code = "cannot_listen"

    def __init__(self, address: str, port: int, error: OSError) -> None:
        super().__init__(
            title=mark("The server can't listen on {address}, port {port}"),
            detail=mark("{reason}."),
            address=address,
            port=port,
            reason=system_reason(error),
        )


@dataclass(frozen=True, slots=True)
class Listening:
    """Where the server can be reached."""

    port: int
    local_urls: tuple[str, ...]
    """For programs on this computer, the usual one first; none when it listens on one address of the network alone."""
    lan_urls: tuple[str, ...] = ()
    """For others in the local network."""

    @property
    def url(self) -> str:
        return (*self.local_urls, *self.lan_urls)[0]


def check_rules(host: str, rules: Rules) -> None:
    """Refuse what would open the computer by mistake. Raises BadRequest."""
    if rules.key and (not rules.key.isascii() or not rules.key.isprintable() or " " in rules.key):
        raise BadRequest(title=mark("This key can't be used"), detail=mark("A key has letters without marks, digits and signs, and no spaces."))
    if not rules.lan and host and not is_loopback(host):
        raise BadRequest(
            title=mark("{host} can be reached by others"),
            detail=mark("Without --lan the server listens on this computer only."),
            hint=mark("Add --lan if you mean it."),
            host=host,
        )
    if rules.lan and not rules.key:
        raise BadRequest(title=mark("In a network the server needs a key"), detail=mark("--no-key is for this computer only."))
    if rules.lan and len(rules.key) < LEAST_LAN_KEY:
        raise BadRequest(
            title=mark("This key is too short for a network"),
            detail=mark("It needs at least {count} characters."),
            hint=mark("Leave it out to get a good one."),
            count=LEAST_LAN_KEY,
        )


def open_sockets(host: str, port: int, *, lan: bool) -> list[socket.socket]:
    """Listening sockets: on this computer's loopback addresses, or on all addresses with `lan`, or on `host` alone.

    IPv4 and IPv6 have the same port: otherwise "localhost" could lead to another program. Raises PortTaken, CannotListen.
    """
    if host:
        places = _addresses_of(host, port)
    else:
        places = [(socket.AF_INET, "0.0.0.0" if lan else "127.0.0.1")]
        if socket.has_ipv6:
            places.append((socket.AF_INET6, "::" if lan else "::1"))
    for last in (False, False, False, True):
        opened: list[socket.socket] = []
        try:
            for family, address in places:
                with contextlib.suppress(_NoSuchFamily):
                    opened.append(_listener(family, address, opened[0].getsockname()[1] if opened else port))
            if not opened:
                raise CannotListen(host or places[0][1], port, OSError(errno.EADDRNOTAVAIL, "Cannot assign requested address"))
            return opened
        except BaseException as error:
            for one in opened:
                one.close()
            if last or port or not isinstance(error, PortTaken):
                raise
    raise AssertionError("the last try returns or raises")


class _NoSuchFamily(Exception):
    """This computer has no addresses of the kind."""


def _addresses_of(host: str, port: int) -> list[tuple[int, str]]:
    try:
        found = socket.getaddrinfo(host.strip("[]"), port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except (OSError, UnicodeError) as error:
        raise CannotListen(host, port, error if isinstance(error, OSError) else OSError(errno.EADDRNOTAVAIL, str(error))) from error
    return list(dict.fromkeys((family, str(address[0])) for family, _type, _protocol, _name, address in found))


def _listener(family: int, address: str, port: int) -> socket.socket:
    try:
        listener = socket.socket(family, socket.SOCK_STREAM)
    except OSError as error:
        raise _NoSuchFamily from error
    try:
        if WINDOWS:
            # There SO_REUSEADDR would let another program take our port while we listen on it.
            listener.setsockopt(socket.SOL_SOCKET, getattr(socket, "SO_EXCLUSIVEADDRUSE"), 1)  # noqa: B009
        else:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        listener.bind((address, port))
        listener.listen(_BACKLOG)
        listener.setblocking(False)
    except OSError as error:
        listener.close()
        if error.errno == errno.EADDRINUSE:
            raise PortTaken(address, port) from error
        if family == socket.AF_INET6 and error.errno == errno.EADDRNOTAVAIL:
            raise _NoSuchFamily from error
        raise CannotListen(address, port, error) from error
    except OverflowError as error:
        listener.close()
        raise BadRequest(title=mark("There is no port {port}"), detail=mark("A port is a number from 0 to 65535."), port=port) from error
    return listener


def reached_at(sockets: Sequence[socket.socket]) -> Listening:
    """The addresses that these sockets answer at, as a person would type them. Link-local ones are left out."""
    port = int(sockets[0].getsockname()[1])
    local: list[str] = []
    lan: list[str] = []
    for one in sockets:
        address = str(one.getsockname()[0])
        if address in ("0.0.0.0", "::"):
            family = one.family
            local.append("127.0.0.1" if family == socket.AF_INET else "::1")
            lan += [
                found.address
                for cards in psutil.net_if_addrs().values()
                for found in cards
                if found.family == family and not is_loopback(found.address) and "%" not in found.address and not found.address.startswith("fe80:")
            ]
        else:
            (local if is_loopback(address) else lan).append(address)
    return Listening(port, tuple(_url(one, port) for one in local), tuple(_url(one, port) for one in dict.fromkeys(lan)))


def _url(address: str, port: int) -> str:
    return f"http://[{address}]:{port}" if ":" in address else f"http://{address}:{port}"


class _Server(uvicorn.Server):
    """Says when it answers."""

    on_ready: Callable[[], object] | None = None

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets=sockets)
        if self.on_ready is not None:
            self.on_ready()


class Serving:
    """A server that listens from its making on, and answers while `run` runs. Raises PortTaken, CannotListen, BadRequest."""

    def __init__(self, shelf: Shelf, rules: Rules, *, host: str = "", port: int = PORT, limits: Limits | None = None, turns: Turns | None = None) -> None:
        check_rules(host, rules)
        self._sockets = open_sockets(host, port, lan=rules.lan)
        self.listening = reached_at(self._sockets)
        names = rules.names | (own_names() if rules.lan else frozenset())
        if host and not is_loopback(host):
            names |= {host.lower()}
        limits = limits or Limits()
        self.web = Web(shelf, replace(rules, names=names), limits, turns)
        config = uvicorn.Config(
            self.web.app,
            http=connection_class(limits),
            ws="none",
            lifespan="off",
            interface="asgi3",
            log_config=None,
            log_level="critical",  # it would log what clients sent
            access_log=False,
            proxy_headers=False,
            server_header=False,
            timeout_keep_alive=limits.idle_seconds,
            timeout_graceful_shutdown=1,
            h11_max_incomplete_event_size=limits.header_bytes,
            backlog=_BACKLOG,
        )
        self._server = _Server(config)

    async def run(self, on_ready: Callable[[], object] | None = None) -> None:
        """Answer until `stop`; replies that are being written then are ended. The signals of the process stay whose they are."""
        self._server.on_ready = on_ready
        try:
            await self._server._serve(self._sockets)  # `serve` would take SIGINT and SIGTERM for itself
        finally:
            self.close()

    def stop(self) -> None:
        """Ask `run` to end; from the loop's thread."""
        self._server.should_exit = True

    def close(self) -> None:
        """Give the addresses back, where `run` never ran."""
        for one in self._sockets:
            one.close()
