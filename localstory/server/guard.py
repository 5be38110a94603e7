"""Who may ask: the checks that every request passes before anything of it is read or done.

In this order: the Host must be a name or address of ours (a page that rebinds its own name to 127.0.0.1 sends its own name); a
request of a page of another origin is refused unless that origin was allowed; everything but `/health` needs the key, where there is
one; a body must be called JSON, which no page can send to us without asking first (a "preflight", which is refused).
"""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
import re
import socket
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from localstory.net import is_loopback
from localstory.server.answers import dumped
from localstory.server.refusals import NotAllowed, Refusal, refusal
from localstory.words import mark

Scope: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send: TypeAlias = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Asgi: TypeAlias = Callable[[Scope, Receive, Send], Awaitable[None]]

HEALTH = ("/health", "/healthz")
_HOST = re.compile(r"(\[[0-9A-Fa-f:.]{2,45}\]|[^\s:/@\[\]]{1,253})(?::(\d{1,5}))?")
_TOKEN = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,64}")


@dataclass(frozen=True, slots=True)
class Rules:
    """Who may ask."""

    key: str = ""
    """"" lets everybody on this computer ask."""
    lan: bool = False
    """Others in the local network may ask, too."""
    names: frozenset[str] = frozenset()
    """Names of this computer besides localhost, lower case."""
    origins: frozenset[str] = frozenset()
    """Origins of pages that may ask, as a browser writes them."""


def may_be_host(host: str, rules: Rules, *, address: str) -> bool:
    """Whether this Host header is one of ours; `address` is the one that the client reached us at. Pure.

    Any port is fine: a tunnel or a container gives us another one, and a page can't choose its own name by it.
    """
    match = _HOST.fullmatch(host)
    if match is None:
        return False
    name = match[1].strip("[]").rstrip(".").lower()
    if is_loopback(name) or name in rules.names:
        return True
    return rules.lan and _same_address(name, address)


def _same_address(name: str, address: str) -> bool:
    try:
        one, other = ipaddress.ip_address(name), ipaddress.ip_address(address.split("%")[0])
    except ValueError:
        return False
    return (getattr(one, "ipv4_mapped", None) or one) == (getattr(other, "ipv4_mapped", None) or other) and not one.is_unspecified


def own_names() -> frozenset[str]:
    """What this computer is called in its network; asks no name server."""
    name = socket.gethostname().lower().rstrip(".")
    short = name.split(".")[0]
    return frozenset(one for one in (name, short, f"{short}.local") if short and one)


class Guard:
    """Stands before the app. `app` is only called for what passed."""

    def __init__(self, app: Asgi, rules: Rules) -> None:
        self._app, self._rules = app, rules
        self._key_digest = hashlib.sha256(rules.key.encode()).digest()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        headers: list[tuple[bytes, bytes]] = scope["headers"]
        origin = _header(headers, b"origin")
        allowed = origin if origin is not None and origin in self._rules.origins else None
        extra = _shared_headers(allowed)

        async def send_marked(message: MutableMapping[str, Any]) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", ()), *extra]
            await send(message)

        try:
            self._check_host(headers, scope)
            self._check_origin(headers, origin, allowed)
            if scope["method"] == "OPTIONS" and allowed is not None:
                extra += _preflight_headers(headers)
                await answer(send_marked, Refusal(204, {}))
                return
            if scope["path"] not in HEALTH:
                self._check_key(headers)
            _check_kind(scope, headers)
        except NotAllowed as error:
            await answer(send_marked, refusal(error))
            return
        await self._app(scope, receive, send_marked)

    def _check_host(self, headers: Iterable[tuple[bytes, bytes]], scope: Scope) -> None:
        host = _header(headers, b"host")
        address = str((scope.get("server") or ("",))[0])
        if host is None or not may_be_host(host, self._rules, address=address):
            raise NotAllowed(
                403,
                "host_not_allowed",
                title=mark("This server is not known under the name “{host}”"),
                hint=mark("Use localhost or 127.0.0.1, or start it with --allow-host NAME."),
                host=(host or "")[:100],
            )

    def _check_origin(self, headers: Iterable[tuple[bytes, bytes]], origin: str | None, allowed: str | None) -> None:
        if allowed is not None:
            return
        site = _header(headers, b"sec-fetch-site")
        if origin is not None or site not in (None, "none", "same-origin"):
            raise NotAllowed(
                403,
                "origin_not_allowed",
                title=mark("Pages of {origin} may not use this server"),
                hint=mark("If you trust that page, start the server with --cors ORIGIN."),
                origin=(origin or site or "")[:100],
            )

    def _check_key(self, headers: Iterable[tuple[bytes, bytes]]) -> None:
        if not self._rules.key:
            return
        given = next((value for name, value in headers if name == b"authorization"), b"")
        kind, _space, key = given.partition(b" ")
        # Digests have one length, so that the comparison takes the same time for every key.
        is_right = hmac.compare_digest(hashlib.sha256(key.strip()).digest(), self._key_digest)
        if kind.lower() != b"bearer" or not is_right:
            raise NotAllowed(
                401,
                "invalid_api_key",
                title=mark("This localstory server wants its key") if not given else mark("This is not the key of this localstory server"),
                hint=mark("Send it as “Authorization: Bearer KEY”; “localstory serve --show-key” shows it."),
            )


def _check_kind(scope: Scope, headers: Iterable[tuple[bytes, bytes]]) -> None:
    if scope["method"] != "POST":
        return
    kind = (_header(headers, b"content-type") or "").split(";")[0].strip().lower()
    if kind != "application/json":
        raise NotAllowed(415, "unsupported_media_type", title=mark("The body must be JSON"), hint=mark("Send the header “Content-Type: application/json”."))
    encoding = (_header(headers, b"content-encoding") or "identity").strip().lower()
    if encoding != "identity":
        raise NotAllowed(415, "unsupported_media_type", title=mark("The body must not be compressed"))


async def answer(send: Send, said: Refusal) -> None:
    """Send a status with its body."""
    body = dumped(said.body) if said.body else b""
    headers = [(name.lower().encode(), value.encode("latin-1", "replace")) for name, value in said.headers.items()]
    if said.status != 204:
        headers += [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": said.status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def _header(headers: Iterable[tuple[bytes, bytes]], name: bytes) -> str | None:
    """The only header of this name; two of them are none that could be right."""
    values = [value for its, value in headers if its == name]
    return values[0].decode("latin-1") if len(values) == 1 else ("\x00" if values else None)


def _shared_headers(allowed: str | None) -> list[tuple[bytes, bytes]]:
    headers = [(b"x-content-type-options", b"nosniff"), (b"cache-control", b"no-store"), (b"vary", b"Origin")]
    if allowed is not None:
        return [*headers, (b"access-control-allow-origin", allowed.encode("latin-1", "replace"))]
    return [*headers, (b"cross-origin-resource-policy", b"same-origin")]


def _preflight_headers(headers: Iterable[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    # OpenAI's client for JavaScript sends headers of its own (x-stainless-…): what is asked for is allowed, if it is a header's name.
    wanted = [one.strip() for one in (_header(headers, b"access-control-request-headers") or "").split(",")]
    names = ", ".join(one for one in wanted if _TOKEN.fullmatch(one))[:2000]
    return [
        (b"access-control-allow-methods", b"GET, POST"), (b"access-control-allow-headers", names.encode() or b"authorization, content-type"),
        (b"access-control-max-age", b"600"), (b"access-control-allow-private-network", b"true"),
    ]  # fmt: skip
