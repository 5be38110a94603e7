"""Requests with every length, time and redirect bounded, so that a hostile server costs a sentence on screen and no more."""

from __future__ import annotations

import contextlib
import json
import os
import re
import socket
import ssl
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import SplitResult, unquote, urljoin, urlsplit, urlunsplit
from urllib.request import getproxies, proxy_bypass

from localstory.errors import CannotContinue, Size, mark
from localstory.net import errors
from localstory.net.addresses import is_loopback

if TYPE_CHECKING:
    import httpcore2

    from localstory.net import wire

_MOST_REDIRECTS = 5
_MOST_LOG_LINES = 2000
_SKIP_LIMIT_BYTES = 64 << 20
"""How much of a whole file is read over when a server knows no ranges."""
_CONTENT_RANGE = re.compile(r"bytes\s+(?:(\d{1,19})-(\d{1,19})|\*)/(\d{1,19}|\*)\s*$", re.IGNORECASE)
_CHARACTERS_OF_ADDRESSES = re.compile(r"[!-~]+")


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a server may take. Defaults suit a slow line; tests are less patient."""

    connect_seconds: float = 15.0
    window_seconds: float = 20.0
    window_bytes: int = 20 << 10
    """Less than this in one window is a stall (a whole answer that is smaller is none)."""
    total_seconds: float = 60.0
    slowest_bytes_per_second: int = 16 << 10
    """A range may take `total_seconds` plus its length at this speed."""


@dataclass(frozen=True, slots=True)
class Connection:
    """One request that went out, or was refused: a line of the privacy page."""

    when: float
    """Seconds since 1970."""
    host: str
    purpose: str
    """A marked template: translate it when you show it."""
    received_bytes: int
    outcome: str
    """ "ok", "redirect", or the code of the error."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole answer. `headers` in lower case; those of the redirects on the way stand in `redirect_headers`, first one first."""

    url: str
    """The address that answered in the end."""
    status: int
    headers: Mapping[str, str]
    body: bytes
    redirect_headers: tuple[Mapping[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of a file, of exactly the asked length, or up to the end of the file."""

    url: str
    content: bytes
    total_bytes: int | None
    """The whole file; None when the server doesn't say."""
    etag: str
    """"" when the server sends none."""
    is_whole_file_server: bool = False
    """It knows no ranges: everything before the piece had to be read too."""
    read_bytes: int = 0
    """Of the body, with what was read over."""
    redirect_headers: tuple[Mapping[str, str], ...] = ()


@dataclass(slots=True)
class _Response:
    url: str
    status: int
    headers: dict[str, str]
    body: Iterator[bytes]
    redirect_headers: list[Mapping[str, str]] = field(default_factory=list)

    @property
    def host(self) -> str:
        return urlsplit(self.url).hostname or ""


def is_offline_by_environment() -> bool:
    """LOCALSTORY_OFFLINE is set, and not to 0."""
    return os.environ.get("LOCALSTORY_OFFLINE", "").strip().lower() not in ("", "0", "false", "no", "off")


class Net:
    """Asks servers. Make one for the whole program and close it at the end; all calls may come from many threads.

    `offline`: what the settings say, asked anew at each request; LOCALSTORY_OFFLINE=1 forbids it as well.
    Offline, only this machine itself (loopback) can be reached. `stop`, where a call takes it, makes the call end
    with `errors.Stopped` soon after it was set.
    """

    def __init__(self, offline: Callable[[], bool] | bool = False, patience: Patience | None = None) -> None:
        self._offline = offline
        self._patience = patience or Patience()
        self._pools: dict[tuple[str, str], httpcore2.ConnectionPool] = {}
        self._lock = threading.Lock()
        self._log: deque[Connection] = deque(maxlen=_MOST_LOG_LINES)

    @property
    def is_offline(self) -> bool:
        chosen = self._offline() if callable(self._offline) else self._offline
        return chosen or is_offline_by_environment()

    def connections(self) -> list[Connection]:
        """What went out since the start, oldest first; the last 2,000."""
        return list(self._log)

    def note(self, connection: Connection) -> None:
        """Keep a line of the log for a request that went out beside this client, under its rules (`net.live`)."""
        self._log.append(connection)

    def close(self) -> None:
        """Close all connections. Closing twice is harmless."""
        with self._lock:
            pools = list(self._pools.values())
            self._pools.clear()
        for pool in pools:
            pool.close()

    def __enter__(self) -> Net:
        return self

    def __exit__(self, *_exception: object) -> None:
        self.close()

    # -- what callers ask -----------------------------------------------------------------------------------------------

    def get(
        self,
        url: str,
        *,
        purpose: str,
        limit_bytes: int = 8 << 20,
        headers: Mapping[str, str] | None = None,
        token: str = "",
        stop: threading.Event | None = None,
    ) -> Answer:
        """The whole answer to a GET, with status 200. `token` goes to the host of `url` and to no other.

        Raises NetTrouble: Offline, HostNotFound, NoConnection, NotSecure, TooSlow, NeedsToken, Forbidden, NotOnServer,
        TooManyRequests, ServerTrouble, BadAnswer (also when the answer is larger than `limit_bytes`).
        """
        with self._open(url, purpose, dict(headers or {}), token, self._patience.total_seconds, stop) as response:
            if response.status != 200:
                raise errors.ServerTrouble(response.host, response.status)
            expected = _length(response)
            if expected is not None and expected > limit_bytes:
                raise errors.BadAnswer(response.host, mark("It is larger than {limit}."), limit=Size(limit_bytes))
            parts, have = [], 0
            for part in response.body:
                parts.append(part)
                have += len(part)
                if have > limit_bytes:
                    raise errors.BadAnswer(response.host, mark("It is larger than {limit}."), limit=Size(limit_bytes))
            return Answer(response.url, response.status, response.headers, b"".join(parts), tuple(response.redirect_headers))

    def get_json(
        self,
        url: str,
        *,
        purpose: str,
        limit_bytes: int = 32 << 20,
        headers: Mapping[str, str] | None = None,
        token: str = "",
        stop: threading.Event | None = None,
    ) -> tuple[Any, Answer]:
        """The value a JSON address answers with, and the answer it came in. Raises as `get`, and BadAnswer when it is no JSON."""
        asked = {"Accept": "application/json", **(headers or {})}
        answer = self.get(url, purpose=purpose, limit_bytes=limit_bytes, headers=asked, token=token, stop=stop)
        try:
            return json.loads(answer.body), answer
        except (ValueError, RecursionError) as error:
            raise errors.BadAnswer(urlsplit(answer.url).hostname or "", mark("It is a web page or a text, not the list that was asked for.")) from error

    def get_range(self, url: str, start: int, end: int, *, purpose: str, token: str = "", etag: str = "", stop: threading.Event | None = None) -> Piece:
        """The bytes from `start` up to but not including `end`; fewer only where the file ends. Tried twice when cut off.

        The server must answer 206 with just this range and length. One that answers 200 with the whole file is cut off
        after `end`, if `start` is within the first 64 MiB. `etag`: what the file's must still be.
        Raises as `get`; RangeNotThere; CutOff; BadAnswer when the server lies about the range or the file changed.
        """
        if not 0 <= start < end:
            raise ValueError(f"no range: {start} to {end}")
        try:
            return self._range(url, start, end, purpose, token, etag, stop)
        except errors.CutOff:
            return self._range(url, start, end, purpose, token, etag, stop)

    def _range(self, url: str, start: int, end: int, purpose: str, token: str, etag: str, stop: threading.Event | None) -> Piece:
        asked = {"Range": f"bytes={start}-{end - 1}"}
        seconds = self._patience.total_seconds + (end - start) / self._patience.slowest_bytes_per_second
        with self._open(url, purpose, asked, token, seconds, stop) as response:
            host = response.host
            if response.status not in (200, 206):
                raise errors.ServerTrouble(host, response.status)
            if response.headers.get("content-type", "").lower().startswith("text/html"):
                raise errors.BadAnswer(host, mark("It is a web page, not the file."))
            now = response.headers.get("etag", "")
            if etag and now and now != etag:
                raise errors.BadAnswer(host, mark("The file changed while it was read."))
            skip, declared = 0, _length(response)
            if response.status == 206:
                last, total = _checked_range(response, start, end)
                length = last + 1 - start
                if declared is not None and declared != length:
                    raise errors.BadAnswer(host, mark("It sent {have} instead of {want}."), have=Size(declared), want=Size(length))
            else:
                total, skip = declared, start
                if total is not None and total <= start:
                    raise errors.RangeNotThere(host, total)
                if skip > _SKIP_LIMIT_BYTES:
                    raise errors.BadAnswer(host, mark("It can't send parts of a file."))
                length = (end if total is None else min(end, total)) - start
            parts: list[bytes] = []
            have = -skip
            for part in response.body:
                parts.append(part if have >= 0 else part[-have:])
                have += len(part)
                if have >= length and response.status == 200:
                    break  # a whole file would go on and on: the connection is closed behind what is needed
                if have > length:
                    raise errors.BadAnswer(host, mark("It sent more than {want}."), want=Size(length))
            if have < length and not (response.status == 200 and total is None and have > 0):
                raise errors.CutOff(host, max(0, have))
            content = b"".join(parts)[:length]
            whole = response.status == 200
            if whole and total is None and have < length:
                total = start + have
            return Piece(response.url, content, total, now, whole, skip + have, tuple(response.redirect_headers))

    # -- the way there --------------------------------------------------------------------------------------------------

    @contextlib.contextmanager
    def _open(self, url: str, purpose: str, headers: dict[str, str], token: str, total_seconds: float, stop: threading.Event | None) -> Iterator[_Response]:
        """Follow redirects to an answer with a status below 300. The watch runs over all of it."""
        from localstory.net import wire

        watch = wire.Watch(self._patience.window_seconds, self._patience.window_bytes, total_seconds, stop)
        outer, wire.current.watch = wire.current.watch, watch
        address = _checked_address(url, url)
        home, seen = _origin(address), {url}
        on_the_way: list[Mapping[str, str]] = []
        try:
            while True:
                host = address.hostname or ""
                before, outcome = watch.received_bytes, "ok"
                try:
                    own = {"Authorization": f"Bearer {token}"} if token and _origin(address) == home else {}
                    with self._send(address, headers | own, watch) as response:
                        if not 300 <= response.status < 400:
                            try:
                                _raise_for_status(response, address)
                            except errors.NetTrouble as error:
                                error.server_code = response.headers.get("x-error-code", "")[:80]
                                raise
                            response.redirect_headers = on_the_way
                            yield response
                            return
                        outcome = "redirect"
                        address = _next_address(address, response)
                        on_the_way.append(response.headers)
                        if (_length(response) or 1 << 30) <= 64 << 10:  # read to its end the connection serves again
                            for _part in response.body:
                                pass
                        target = urlunsplit(address)
                        if target in seen or len(on_the_way) > _MOST_REDIRECTS:
                            raise errors.BadAnswer(host, mark("It sends from one address to the next and never ends."))
                        seen.add(target)
                except CannotContinue as error:
                    outcome = error.code
                    raise
                except BaseException:
                    outcome = "stopped"
                    raise
                finally:
                    self._log.append(Connection(time.time(), host, purpose, watch.received_bytes - before, outcome))
        finally:
            wire.current.watch = outer

    @contextlib.contextmanager
    def _send(self, address: SplitResult, headers: dict[str, str], watch: wire.Watch) -> Iterator[_Response]:
        """One request. Errors of the sockets, also those while the body is read, become ours."""
        import httpcore2

        from localstory.net import wire

        host = address.hostname or ""
        if self.is_offline and not is_loopback(host):
            raise errors.Offline(host)
        # identity: a compressed answer could be a bomb, and ranges of one mean something else.
        sent = {"Host": _host_header(address), "User-Agent": "localstory", "Accept": "*/*", "Accept-Encoding": "identity"} | headers
        target = (address.path or "/") + (f"?{address.query}" if address.query else "")
        proxy = ""
        try:
            proxy, pool = self._pool(address)
            request = httpcore2.Request(
                "GET",
                httpcore2.URL(scheme=address.scheme, host=host, port=address.port, target=target),
                headers=[(name.encode(), value.encode("latin-1")) for name, value in sent.items()],
                extensions={"timeout": {"connect": self._patience.connect_seconds, "write": self._patience.connect_seconds}},
            )
            response = _handle(pool, request, watch)
            try:
                answer = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in response.headers}
                if answer.get("content-encoding", "identity").strip().lower() not in ("", "identity"):
                    raise errors.BadAnswer(host, mark("It is compressed, which was not asked for."))
                assert not isinstance(response.stream, bytes)
                yield _Response(urlunsplit(address), response.status, answer, _body(response, host))
            finally:
                response.close()
        except wire.Refused as error:
            raise errors.Offline(urlsplit(proxy).hostname or host) from error
        except httpcore2.TimeoutException as error:
            raise errors.TooSlow(host) from error
        except httpcore2.ProxyError as error:
            raise errors.ProxyTrouble(urlsplit(proxy).hostname or proxy, str(error) or "?") from error
        except (httpcore2.NetworkError, httpcore2.ProtocolError, httpcore2.UnsupportedProtocol, OSError) as error:
            raise _why(error, urlsplit(proxy).hostname or host) from error

    def _pool(self, address: SplitResult) -> tuple[str, httpcore2.ConnectionPool]:
        """The proxy that leads to `address` ("" for none) and the connections that go that way."""
        import httpcore2

        from localstory.net import wire

        proxy = _proxy_for(address)
        with self._lock:
            pool = self._pools.get((proxy, address.scheme))
            if pool is None:
                secure = httpcore2.default_ssl_context() if address.scheme == "https" else None
                sockets = wire.Sockets(lambda: self.is_offline)
                if not proxy:
                    pool = httpcore2.ConnectionPool(ssl_context=secure, max_connections=None, keepalive_expiry=15.0, network_backend=sockets)
                else:
                    pool = _proxy_pool(proxy, secure, sockets)
                self._pools[proxy, address.scheme] = pool
        return proxy, pool


def _handle(pool: httpcore2.ConnectionPool, request: httpcore2.Request, watch: wire.Watch) -> httpcore2.Response:
    import httpcore2

    before = watch.received_bytes
    try:
        return pool.handle_request(request)
    except (httpcore2.RemoteProtocolError, httpcore2.ReadError, httpcore2.WriteError):
        # A server may close a resting connection just when we use it again: nothing came, so asking once more is safe.
        if watch.received_bytes != before:
            raise
        return pool.handle_request(request)


def _body(response: httpcore2.Response, host: str) -> Iterator[bytes]:
    """The parts of the body; a connection that breaks inside it is CutOff."""
    import httpcore2

    have = 0
    assert not isinstance(response.stream, bytes)
    try:
        for part in response.iter_stream():
            have += len(part)
            yield part
    except (httpcore2.RemoteProtocolError, httpcore2.ReadError) as error:
        raise errors.CutOff(host, have) from error


def _length(response: _Response) -> int | None:
    text = response.headers.get("content-length", "")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 20 else None


def _checked_range(response: _Response, start: int, end: int) -> tuple[int, int | None]:
    """(last byte, whole length) of a 206 that says it holds what was asked for."""
    found = _CONTENT_RANGE.match(response.headers.get("content-range", ""))
    if found is None or found[1] is None:
        raise errors.BadAnswer(response.host, mark("It does not say which part of the file it sent."))
    first, last = int(found[1]), int(found[2])
    total = None if found[3] == "*" else int(found[3])
    wanted = end - 1 if total is None else min(end, total) - 1
    if first != start or last != wanted or (total is not None and last >= total):
        raise errors.BadAnswer(
            response.host, mark("It sent the bytes {first} to {last} instead of {start} to {wanted}."), first=first, last=last, start=start, wanted=wanted
        )
    return last, total


def _raise_for_status(response: _Response, address: SplitResult) -> None:
    host, status = response.host, response.status
    match status:
        case 401:
            raise errors.NeedsToken(host)
        case 403:
            raise errors.Forbidden(host)
        case 404 | 410:
            raise errors.NotOnServer(host, address.path.rsplit("/", 1)[-1] or address.path)
        case 407:
            raise errors.ProxyTrouble(host, "407")
        case 416:
            found = _CONTENT_RANGE.match(response.headers.get("content-range", ""))
            raise errors.RangeNotThere(host, int(found[3]) if found is not None and found[3] != "*" else None)
        case 429:
            wait = response.headers.get("retry-after", "")
            raise errors.TooManyRequests(host, min(int(wait), 86_400) if wait.isascii() and wait.isdigit() and len(wait) < 9 else None)
        case _ if status >= 400:
            raise errors.ServerTrouble(host, status)
        case _:
            return


def _next_address(address: SplitResult, response: _Response) -> SplitResult:
    """Where a redirect leads. Never from encrypted to plain, and never from outside into this machine."""

    target = response.headers.get("location", "")
    # Some servers send raw UTF-8 here; as latin-1 it came to us, as percent signs it goes on.
    target = "".join(letter if "!" <= letter <= "~" else "".join(f"%{byte:02X}" for byte in letter.encode("latin-1")) for letter in target.strip())
    if not target:
        raise errors.BadAnswer(response.host, mark("It sends to another address and names none."))
    following = _checked_address(urljoin(urlunsplit(address), target), response.host)
    inward = is_loopback(following.hostname or "") and not is_loopback(address.hostname or "")
    if inward or (address.scheme == "https" and following.scheme != "https"):
        raise errors.BadAnswer(response.host, mark("It sends to an address that is not safe ({target})."), target=following.hostname or "?")
    return following


def _checked_address(url: str, shown: str) -> SplitResult:
    """The parts of an http(s) address. Raises BadAddress."""
    try:
        address = urlsplit(url)
        port = address.port
    except ValueError as error:
        raise errors.BadAddress(shown) from error
    host = address.hostname or ""
    if address.scheme not in ("http", "https") or not host or port == 0 or address.username is not None or not _CHARACTERS_OF_ADDRESSES.fullmatch(url):
        raise errors.BadAddress(shown)
    return address._replace(fragment="")


def _origin(address: SplitResult) -> tuple[str, str, int | None]:
    return address.scheme, address.hostname or "", address.port or {"http": 80, "https": 443}.get(address.scheme)


def _host_header(address: SplitResult) -> str:
    host = address.hostname or ""
    host = f"[{host}]" if ":" in host else host
    return host if address.port in (None, {"http": 80, "https": 443}[address.scheme]) else f"{host}:{address.port}"


def _proxy_for(address: SplitResult) -> str:
    """The proxy that the environment (or, on Windows and macOS, the system) names for `address`; "" for none, and for this machine."""

    host = address.hostname or ""
    if is_loopback(host) or proxy_bypass(host if address.port is None else f"{host}:{address.port}"):
        return ""
    known = getproxies()
    proxy = known.get(address.scheme) or known.get("all") or ""
    return proxy if "://" in proxy or not proxy else f"http://{proxy}"


def _proxy_pool(proxy: str, secure: ssl.SSLContext | None, sockets: httpcore2.SyncBackend) -> httpcore2.ConnectionPool:
    import httpcore2

    url, auth = _proxy_parts(proxy)
    return httpcore2.HTTPProxy(url, proxy_auth=auth, ssl_context=secure, max_connections=None, keepalive_expiry=15.0, network_backend=sockets)


def _proxy_parts(proxy: str) -> tuple[httpcore2.URL, tuple[str, str] | None]:
    """Where the proxy is, and who asks it. Raises ProxyTrouble for a kind we don't speak."""
    import httpcore2

    try:
        parts = urlsplit(proxy)
        host, port = parts.hostname or "", parts.port
    except ValueError as error:
        raise errors.ProxyTrouble("?", "?") from error
    if parts.scheme not in ("http", "https") or not host:
        raise errors.ProxyTrouble(host or "?", parts.scheme)
    auth = (unquote(parts.username), unquote(parts.password or "")) if parts.username else None
    return httpcore2.URL(scheme=parts.scheme, host=host, port=port, target="/"), auth


def _why(error: Exception, host: str) -> errors.NetTrouble:
    """The sentence for a connection that did not come about or broke."""
    from localstory.net import wire

    reason = wire.reason_of(error)
    if isinstance(reason, ssl.SSLCertVerificationError):
        return errors.NotSecure(host, reason.verify_message or str(reason))
    if isinstance(reason, ssl.SSLError):
        return errors.NotSecure(host, reason.reason or str(reason))
    if isinstance(reason, socket.gaierror):
        return errors.HostNotFound(host)
    return errors.NoConnection(host, getattr(reason, "strerror", "") or str(reason).rstrip(".") or type(reason).__name__)
