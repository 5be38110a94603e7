"""Answers that stream: an asynchronous way to one server under the rules of `Net`, for clients built on httpx2 (openai among them).

    async with live_client(net, "http://127.0.0.1:11434", purpose=…) as client:
        async with client.stream("POST", "/api/chat", json=…) as response: …

What goes out is the request line, the body and five headers of our own, whatever the client wanted to add; the key goes to
this server and no other; no redirect is followed; no compressed answer is read (it could be a bomb). The offline switch and
the log are `Net`'s. A request has a connection of its own, which is closed with it: a server sees a cancelled reply at once.
Imported at the first use, for httpx2's sake.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import ssl
import threading
import time
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import httpcore2
import httpx2

from localstory.errors import CannotContinue, Size, mark
from localstory.net import client, errors, wire
from localstory.net.addresses import is_loopback

_MOST_BUFFERED_BYTES = 256 << 10
_MOST_ERROR_BYTES = 64 << 10
_MOST_KEY_LENGTH = 4096


@dataclass(frozen=True, slots=True)
class LivePatience:
    """How long a server may take to write."""

    connect_seconds: float = 10.0
    first_seconds: float = 900.0
    """Until it writes its first word: a long prompt on a slow processor takes many minutes."""
    idle_seconds: float = 60.0
    """Between two words."""
    total_seconds: float = 4 * 3600.0
    """All in all."""


QUICK = LivePatience(connect_seconds=5.0, first_seconds=20.0, idle_seconds=10.0, total_seconds=30.0)
"""For lists and other short answers."""


class Watch:
    """The clock of one request. Whoever reads the answer calls `went_on` when something of worth came, so that a server that
    only drips bytes, comments or empty events is no better than a silent one. One timer for all reads: a timer for each
    costs more than the read."""

    def __init__(self, patience: LivePatience) -> None:
        now = time.monotonic()
        self._patience = patience
        self._ends = now + patience.total_seconds
        self._deadline = now + patience.first_seconds
        self.is_over = False
        self.received_bytes = 0
        self._on_over: Callable[[], None] | None = None
        self._timer: asyncio.TimerHandle | None = None

    def went_on(self) -> None:
        """Something of worth came: the next may take `idle_seconds`."""
        self._deadline = time.monotonic() + self._patience.idle_seconds

    def ends_soon(self, seconds: float) -> None:
        """All that matters is here: what may still come gets this long."""
        self._ends = min(self._ends, time.monotonic() + seconds)
        if self._timer is not None:
            self._timer.cancel()
            self._look()

    def start(self, on_over: Callable[[], None]) -> None:
        """Call `on_over` when time is up."""
        self._on_over = on_over
        self._look()

    def stop(self) -> None:
        """The request is over. Twice is harmless."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._on_over = None

    def _look(self) -> None:
        left = min(self._deadline, self._ends) - time.monotonic()
        if left > 0:
            self._timer = asyncio.get_running_loop().call_later(left, self._look)
            return
        self.is_over, self._timer = True, None
        if self._on_over is not None:
            self._on_over()


class HttpRefusal(Exception):
    """The server answered with a status of 400 or more. `body`: at most 64 KiB of what it said; `headers` in lower case."""

    def __init__(self, host: str, status: int, headers: Mapping[str, str], body: bytes) -> None:
        super().__init__(f"{host} answered {status}")
        self.host, self.status, self.headers, self.body = host, status, headers, body


def reason_within(error: BaseException) -> HttpRefusal | CannotContinue | None:
    """Ours inside what a library made of it."""
    seen: BaseException | None = error
    for _step in range(8):
        if seen is None or isinstance(seen, HttpRefusal | CannotContinue):
            return seen
        seen = seen.__cause__ or seen.__context__
    return None


@contextlib.asynccontextmanager
async def live_client(
    net: client.Net, server: str, *, purpose: str, key: str = "", patience: LivePatience | None = None, watch: Watch | None = None
) -> AsyncIterator[httpx2.AsyncClient]:
    """An httpx2 client for one request to `server` (scheme, host, port, perhaps a path). Raises BadAddress.

    Its requests raise NetTrouble (Offline, HostNotFound, NoConnection, NotSecure, TooSlow, CutOff, BadAnswer …) or HttpRefusal.
    """
    patience = patience or LivePatience()
    address = client._checked_address(server, server)
    transport = _Transport(net, address.scheme, address.hostname or "", client._origin(address)[2] or 80, purpose, key, patience, watch or Watch(patience))
    async with httpx2.AsyncClient(transport=transport, trust_env=False, follow_redirects=False, timeout=None, base_url=server) as made:
        yield made


async def ask_bytes(
    net: client.Net,
    server: str,
    path: str,
    *,
    purpose: str,
    body: Mapping[str, Any] | None = None,
    key: str = "",
    patience: LivePatience = QUICK,
    limit_bytes: int = 8 << 20,
) -> tuple[str, bytes]:
    """(content type in lower case, the whole answer): GET, or POST where there is a `body`. `path` begins at the server's root.

    Raises NetTrouble (BadAnswer when it is larger than `limit_bytes`) or HttpRefusal.
    """
    async with live_client(net, server, purpose=purpose, key=key, patience=patience) as http:
        host = http.base_url.host
        url = httpx2.URL(server).copy_with(raw_path=path.encode("ascii"))
        async with http.stream("POST", url, content=json.dumps(body)) if body is not None else http.stream("GET", url) as response:
            parts, have = [], 0
            async for part in response.aiter_raw():
                parts.append(part)
                have += len(part)
                if have > limit_bytes:
                    raise errors.BadAnswer(host, mark("It is larger than {limit}."), limit=Size(limit_bytes))
            return response.headers.get("content-type", "").split(";")[0].strip().lower(), b"".join(parts)


async def ask_json(
    net: client.Net,
    server: str,
    path: str,
    *,
    purpose: str,
    body: Mapping[str, Any] | None = None,
    key: str = "",
    patience: LivePatience = QUICK,
    limit_bytes: int = 8 << 20,
) -> Any:
    """The JSON value of a short answer; otherwise as `ask_bytes`."""
    _kind, content = await ask_bytes(net, server, path, purpose=purpose, body=body, key=key, patience=patience, limit_bytes=limit_bytes)
    try:
        return json.loads(content)
    except (ValueError, RecursionError) as error:
        host = urlsplit(server).hostname or ""
        raise errors.BadAnswer(host, mark("It is a web page or a text, not the list that was asked for.")) from error


class _Transport(httpx2.AsyncBaseTransport):
    def __init__(self, net: client.Net, scheme: str, host: str, port: int, purpose: str, key: str, patience: LivePatience, watch: Watch) -> None:
        self._net, self._scheme, self._host, self._port = net, scheme, host, port
        self._purpose, self._key, self._patience, self._watch = purpose, key, patience, watch
        if key and (len(key) > _MOST_KEY_LENGTH or not key.isascii() or not key.isprintable() or " " in key):
            raise errors.BadKey(host)

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        url = request.url
        if (url.scheme, url.host, url.port or {"http": 80, "https": 443}.get(url.scheme)) != (self._scheme, self._host, self._port):
            raise errors.BadAnswer(url.host, mark("It sends to another server."))  # the key must not follow it
        flow = _Flow(self._net, self._host, self._purpose, self._watch)
        try:
            if self._net.is_offline and not is_loopback(self._host):
                raise errors.Offline(self._host)
            with flow.translated():
                return await self._send(request, flow)
        except BaseException as error:
            await flow.close(error)
            raise

    async def _send(self, request: httpx2.Request, flow: _Flow) -> httpx2.Response:
        address = urlsplit(f"{self._scheme}://{request.url.netloc.decode('ascii')}")
        proxy = client._proxy_for(address)
        flow.proxy_host = urlsplit(proxy).hostname or "" if proxy else ""
        flow.pool = pool = self._pool(proxy, flow)
        flow.watch.start(flow.abort)
        sent = {
            "Host": request.headers["host"],
            "User-Agent": "localstory",
            "Accept": request.headers.get("accept", "*/*"),
            "Accept-Encoding": "identity",
            "Connection": "close",
        }
        if self._key:
            sent["Authorization"] = f"Bearer {self._key}"
        content = await request.aread()
        if request.method != "GET":
            sent |= {"Content-Type": "application/json", "Content-Length": str(len(content))}
        response = await pool.handle_async_request(
            httpcore2.Request(
                request.method,
                httpcore2.URL(scheme=request.url.raw_scheme, host=request.url.raw_host, port=request.url.port, target=request.url.raw_path),
                headers=[(name.encode(), value.encode("latin-1")) for name, value in sent.items()],
                content=content,
                extensions={"timeout": {"connect": self._patience.connect_seconds}},
            )
        )
        flow.response = response
        headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in response.headers}
        if 300 <= response.status < 400:
            raise errors.BadAnswer(self._host, mark("It sends to another address, where the key must not go."))
        if headers.get("content-encoding", "identity").strip().lower() not in ("", "identity"):
            raise errors.BadAnswer(self._host, mark("It is compressed, which was not asked for."))
        if response.status >= 400:
            flow.watch.went_on()
            body = b""
            with contextlib.suppress(httpcore2.NetworkError, httpcore2.ProtocolError):
                async for part in response.aiter_stream():
                    body += part
                    if len(body) >= _MOST_ERROR_BYTES:
                        break
            raise HttpRefusal(self._host, response.status, headers, body[:_MOST_ERROR_BYTES])
        return httpx2.Response(response.status, headers=response.headers, stream=_Body(response, flow))

    def _pool(self, proxy: str, flow: _Flow) -> httpcore2.AsyncConnectionPool:
        secure = httpcore2.default_ssl_context() if self._scheme == "https" else None
        backend = _Backend(lambda: self._net.is_offline, flow, self._patience.connect_seconds)
        if not proxy:
            return httpcore2.AsyncConnectionPool(ssl_context=secure, max_keepalive_connections=0, network_backend=backend)
        url, auth = client._proxy_parts(proxy)
        return httpcore2.AsyncHTTPProxy(url, proxy_auth=auth, ssl_context=secure, max_keepalive_connections=0, network_backend=backend)


class _Flow:
    """One request from its connection to its line in the log."""

    def __init__(self, net: client.Net, host: str, purpose: str, watch: Watch) -> None:
        self.net, self.host, self.purpose, self.watch = net, host, purpose, watch
        self.proxy_host = ""
        self.pipes: list[_Pipe] = []
        self.pool: httpcore2.AsyncConnectionPool | None = None
        self.response: httpcore2.Response | None = None
        self.body_bytes = 0
        self._is_closed = False

    def abort(self) -> None:
        """Close the connection now: whoever reads from it wakes up."""
        for pipe in self.pipes:
            pipe.abort()

    async def close(self, error: BaseException | None = None) -> None:
        """Close the connection, write the line. Twice is harmless."""
        if self._is_closed:
            return
        self._is_closed = True
        self.watch.stop()
        self.abort()
        match error:
            case None:
                outcome = "ok"
            case CannotContinue():
                outcome = error.code
            case HttpRefusal():
                outcome = str(error.status)
            case _:
                outcome = "stopped"
        self.net.note(client.Connection(time.time(), self.host, self.purpose, self.watch.received_bytes, outcome))
        with contextlib.suppress(httpcore2.NetworkError, httpcore2.ProtocolError, OSError):
            if self.response is not None:
                await self.response.aclose()
            if self.pool is not None:
                await self.pool.aclose()

    @contextlib.contextmanager
    def translated(self) -> Any:
        """Errors of the sockets become ours."""
        host = self.proxy_host or self.host
        try:
            yield
        except wire.Refused as error:
            raise errors.Offline(host) from error
        except httpcore2.TimeoutException as error:
            raise errors.TooSlow(host) from error
        except httpcore2.ProxyError as error:
            raise errors.ProxyTrouble(host, str(error) or "?") from error
        except (httpcore2.NetworkError, httpcore2.ProtocolError, httpcore2.UnsupportedProtocol, OSError) as error:
            if self.watch.is_over:
                raise errors.TooSlow(self.host) from error
            if isinstance(error, httpcore2.RemoteProtocolError) and "closed" not in str(error) and "disconnected" not in str(error):
                raise errors.BadAnswer(self.host, mark("It does not speak HTTP.")) from error
            if isinstance(error, httpcore2.RemoteProtocolError | httpcore2.ReadError):
                raise errors.CutOff(self.host, self.body_bytes) from error
            raise client._why(error, host) from error


class _Body(httpx2.AsyncByteStream):
    def __init__(self, response: httpcore2.Response, flow: _Flow) -> None:
        self._response, self._flow = response, flow

    async def __aiter__(self) -> AsyncIterator[bytes]:
        flow = self._flow
        try:
            with flow.translated():
                async for part in self._response.aiter_stream():
                    flow.body_bytes += len(part)
                    yield part
        except BaseException as error:
            await flow.close(error)
            raise

    async def aclose(self) -> None:
        await self._flow.close()


class _Backend(httpcore2.AsyncNetworkBackend):
    """Opens connections on asyncio itself, unless the offline switch forbids them."""

    def __init__(self, is_offline: Callable[[], bool], flow: _Flow, connect_seconds: float) -> None:
        self._is_offline, self._flow, self._connect_seconds = is_offline, flow, connect_seconds

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore2.SOCKET_OPTION] | None = None,
    ) -> httpcore2.AsyncNetworkStream:
        if self._is_offline() and not is_loopback(host):
            raise wire.Refused
        try:
            async with asyncio.timeout(self._connect_seconds):
                addresses = await _addresses(host, port, self._connect_seconds)
                trouble: OSError = OSError("no address")
                for number, address in enumerate(addresses, 1):
                    try:
                        # Where IPv6 is broken, every IPv6 address would wait for the whole time before IPv4 has its turn.
                        async with asyncio.timeout(None if number == len(addresses) else self._connect_seconds / 3):
                            _transport, pipe = await asyncio.get_running_loop().create_connection(lambda: _Pipe(self._flow.watch), address, port)
                        self._flow.pipes.append(pipe)
                        return pipe
                    except TimeoutError:
                        continue
                    except OSError as error:
                        trouble = error
        except TimeoutError as error:
            raise httpcore2.ConnectTimeout from error
        raise httpcore2.ConnectError(trouble)


async def _addresses(host: str, port: int, seconds: float) -> list[str]:
    """As `wire` looks them up; the thread that asks the system's resolver ends soon after we are cancelled."""
    if is_loopback(host):
        return wire.addresses(host, port)
    stop = threading.Event()

    def look_up() -> list[str]:
        wire.current.watch = wire.Watch(seconds, 0, seconds, stop)
        try:
            return wire.addresses(host, port)
        finally:
            wire.current.watch = None

    try:
        return await asyncio.to_thread(look_up)
    finally:
        stop.set()


class _Pipe(asyncio.Protocol, httpcore2.AsyncNetworkStream):
    """A connection on asyncio's own transports: anyio's cost more than all else a token takes."""

    def __init__(self, watch: Watch) -> None:
        self._watch = watch
        self._transport: asyncio.Transport | None = None
        self._parts: deque[bytes] = deque()
        self._buffered = 0
        self._is_paused = self._is_full = False
        self._ended = False
        self._trouble: Exception | None = None
        self._reader: asyncio.Future[None] | None = None
        self._writer: asyncio.Future[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._parts.append(data)
        self._buffered += len(data)
        self._watch.received_bytes += len(data)
        if self._buffered > _MOST_BUFFERED_BYTES and not self._is_paused and self._transport is not None:
            self._is_paused = True
            self._transport.pause_reading()
        self._wake()

    def eof_received(self) -> None:
        self._ended = True
        self._wake()

    def connection_lost(self, exc: Exception | None) -> None:
        self._ended, self._trouble = True, self._trouble or exc
        self._wake()
        if self._writer is not None and not self._writer.done():
            self._writer.set_result(None)

    def pause_writing(self) -> None:
        self._is_full = True

    def resume_writing(self) -> None:
        self._is_full = False
        if self._writer is not None and not self._writer.done():
            self._writer.set_result(None)

    def _wake(self) -> None:
        if self._reader is not None and not self._reader.done():
            self._reader.set_result(None)

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        while not self._parts:
            if self._trouble is not None:
                raise httpcore2.ReadError(self._trouble)
            if self._ended:
                return b""
            self._reader = asyncio.get_running_loop().create_future()
            try:
                await self._reader
            finally:
                self._reader = None
        part = self._parts.popleft()
        if len(part) > max_bytes:
            self._parts.appendleft(part[max_bytes:])
            part = part[:max_bytes]
        self._buffered -= len(part)
        if self._is_paused and self._buffered <= _MOST_BUFFERED_BYTES // 2 and self._transport is not None:
            self._is_paused = False
            self._transport.resume_reading()
        return part

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:
        if self._transport is None or self._trouble is not None or self._transport.is_closing():
            raise httpcore2.WriteError(self._trouble or ConnectionResetError("closed"))
        self._transport.write(buffer)
        while self._is_full and not self._ended:
            self._writer = asyncio.get_running_loop().create_future()
            try:
                await self._writer
            finally:
                self._writer = None

    def abort(self) -> None:
        """Close at once; what waits to be sent is dropped."""
        if self._transport is not None:
            if not self._ended:
                self._trouble = ConnectionAbortedError("closed")
            self._transport.abort()
            self._wake()

    async def aclose(self) -> None:
        if self._transport is not None:
            self._transport.abort()

    async def start_tls(self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None) -> httpcore2.AsyncNetworkStream:
        assert self._transport is not None
        try:
            made = await asyncio.get_running_loop().start_tls(
                self._transport, self, ssl_context, server_hostname=server_hostname, ssl_handshake_timeout=timeout or 20.0
            )
        except (ssl.SSLError, ConnectionError) as error:
            raise httpcore2.ConnectError(error) from error
        assert made is not None
        self._transport = made
        return self

    def get_extra_info(self, info: str) -> Any:
        if info == "ssl_object":
            return self._transport.get_extra_info("ssl_object") if self._transport is not None else None
        if info == "is_readable":
            return bool(self._parts) or self._ended
        return self._transport.get_extra_info({"client_addr": "sockname", "server_addr": "peername"}.get(info, info)) if self._transport is not None else None
