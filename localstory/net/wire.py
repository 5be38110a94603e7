"""The sockets under the client: where the offline switch and the watch over slow servers can't be gone round.

httpcore2's own timeouts are per read, so a server that sends one byte every ten seconds holds it for hours, headers
included. Here every read of a request runs under one `Watch`. Imported at the first request: httpcore2 takes 0.2 s.
"""

from __future__ import annotations

import itertools
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterable
from typing import Any

import httpcore2

from localstory.net.addresses import is_loopback
from localstory.net.errors import Stopped

_NEXT_ADDRESS_SECONDS = 3.0
_MOST_ADDRESSES = 6
_TURN_SECONDS = 0.5
"""How long one read may sleep before it looks whether it was told to stop."""


class Refused(Exception):
    """The offline switch forbids this host."""


class Watch:
    """Lets a request go on while at least `window_bytes` come in every `window_seconds`, and at most `total_seconds` in all."""

    def __init__(self, window_seconds: float, window_bytes: int, total_seconds: float, stop: threading.Event | None) -> None:
        now = time.monotonic()
        self._window_seconds = window_seconds
        self._window_bytes = window_bytes
        self._window_ends = now + window_seconds
        self._ends = now + total_seconds
        self._in_window = 0
        self.stop = stop
        self.received_bytes = 0

    def seconds_left(self) -> float:
        """Raises Stopped."""
        if self.stop is not None and self.stop.is_set():
            raise Stopped
        return min(self._window_ends, self._ends) - time.monotonic()

    def count(self, received_bytes: int) -> None:
        """Bytes came in."""
        self.received_bytes += received_bytes
        self._in_window += received_bytes
        if self._in_window >= self._window_bytes:
            self._in_window = 0
            self._window_ends = time.monotonic() + self._window_seconds


class _OfThisThread(threading.local):
    """A request runs in one thread from its first byte to its last; connections are shared between requests."""

    watch: Watch | None = None


current = _OfThisThread()


class Sockets(httpcore2.SyncBackend):
    """Opens connections, unless `is_offline()` and the host is not this machine."""

    def __init__(self, is_offline: Callable[[], bool]) -> None:
        self._is_offline = is_offline

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore2.SOCKET_OPTION] | None = None,
    ) -> httpcore2.NetworkStream:
        if self._is_offline() and not is_loopback(host):
            raise Refused
        found = addresses(host, port)
        for number, address in enumerate(found, 1):
            # Where IPv6 is broken, every IPv6 address of a large site would wait for the whole timeout before IPv4 has its turn.
            limit = _limit(timeout) if number == len(found) else min(_limit(timeout), _NEXT_ADDRESS_SECONDS)
            try:
                return _Watched(super().connect_tcp(address, port, limit, local_address, socket_options))
            except (httpcore2.ConnectError, httpcore2.ConnectTimeout):
                if number == len(found):
                    raise
        raise httpcore2.ConnectError("no address")


def addresses(host: str, port: int) -> list[str]:
    """Where `host` is, IPv6 and IPv4 by turns. Looked up in a thread: the system's resolver knows no timeout and no stop."""
    if is_loopback(host):
        return ["127.0.0.1", "::1"] if host.rstrip(".").lower() == "localhost" else [host.strip("[]")]
    found: list[str] = []
    trouble: list[OSError] = []

    def look_up() -> None:
        try:
            found.extend(str(entry[4][0]) for entry in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM))
        except (OSError, UnicodeError) as error:
            trouble.append(error if isinstance(error, OSError) else socket.gaierror(socket.EAI_NONAME, str(error)))

    thread = threading.Thread(target=look_up, name="look-up", daemon=True)
    thread.start()
    while thread.is_alive():
        left = current.watch.seconds_left() if current.watch is not None else 60.0
        if left <= 0:
            raise httpcore2.ConnectTimeout
        thread.join(min(left, 0.05))
    if trouble:
        raise httpcore2.ConnectError(trouble[0])  # as httpcore2 itself wraps them
    six, four = [one for one in found if ":" in one], [one for one in found if ":" not in one]
    return list(dict.fromkeys(one for pair in itertools.zip_longest(six, four) for one in pair if one is not None))[:_MOST_ADDRESSES]


class _Watched(httpcore2.NetworkStream):
    """One connection, whose every wait ends when the watch of the request ends."""

    def __init__(self, inner: httpcore2.NetworkStream) -> None:
        self._inner = inner

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        watch = current.watch
        if watch is None:
            return self._inner.read(max_bytes, timeout)
        while True:
            left = watch.seconds_left()
            if left <= 0:
                raise httpcore2.ReadTimeout
            try:
                content = self._inner.read(max_bytes, left if watch.stop is None else min(left, _TURN_SECONDS))
            except httpcore2.ReadTimeout:
                continue
            watch.count(len(content))
            return content

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._inner.write(buffer, _limit(timeout))

    def close(self) -> None:
        self._inner.close()

    def start_tls(self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None) -> httpcore2.NetworkStream:
        return _Watched(self._inner.start_tls(ssl_context, server_hostname, _limit(timeout)))

    def get_extra_info(self, info: str) -> Any:
        return self._inner.get_extra_info(info)


def _limit(timeout: float | None) -> float:
    left = current.watch.seconds_left() if current.watch is not None else 60.0
    return max(0.01, left if timeout is None else min(left, timeout))


def reason_of(error: BaseException) -> BaseException:
    """The system's own error inside httpcore2's wrapping: gaierror, SSLError, ConnectionRefusedError, …"""
    seen = error
    while True:
        wrapped = seen.args[0] if seen.args and isinstance(seen.args[0], BaseException) else None
        inner = wrapped or seen.__cause__ or seen.__context__
        if isinstance(seen, OSError | socket.gaierror | ssl.SSLError) or inner is None:
            return seen
        seen = inner
