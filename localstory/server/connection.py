"""One connection of a client: how long it may take, how much it may send, and what it hears when it goes too far.

uvicorn's own protocol has a limit for the size of headers and for idle connections, and none for a client that sends its headers,
reads its answer, or fills our table of connections, a byte at a time ("slow loris"). What a client sends before it was let in
(`guard`) is never kept.
"""

from __future__ import annotations

import asyncio
import sys
from dataclasses import dataclass
from typing import Any

import h11
from uvicorn.protocols.http.h11_impl import STATUS_PHRASES, H11Protocol

from localstory.server.answers import dumped
from localstory.server.refusals import NotAllowed, refusal
from localstory.words import mark


@dataclass(frozen=True, slots=True)
class Limits:
    """How much and how long; the tests make the times shorter."""

    header_seconds: float = 10.0
    """From the first byte of a request, or the opening of a connection, to the end of the headers."""
    body_seconds: float = 30.0
    read_seconds: float = 30.0
    """A client that takes nothing of its answer for this long is cut off."""
    idle_seconds: int = 30
    """An open connection without a request."""
    discard_seconds: float = 5.0
    """What a client may go on sending after it was answered: only so does it hear the answer."""
    first_word_seconds: float = 10.0
    """A stream without a word yet gets a sign of life this often; before the first one, errors still have a status of their own."""
    header_bytes: int = 32 << 10
    body_bytes: int = 8 << 20
    all_bodies_bytes: int = 64 << 20
    connections: int = 256


class Connection(H11Protocol):
    """uvicorn's HTTP/1.1, held to `limits`."""

    limits = Limits()

    def __init__(self, *arguments: Any, **keywords: Any) -> None:
        super().__init__(*arguments, **keywords)
        self._clock: asyncio.TimerHandle | None = None
        self._reader_clock: asyncio.TimerHandle | None = None
        self._is_refused = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._make_room()
        if not transport.is_closing():
            self._wait_for_headers()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_clock()
        self._stop_reader_clock()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self._is_refused:
            return  # the client is still talking; `discard_seconds` ends it
        super().data_received(data)
        if self._is_refused or self.transport.is_closing():
            return
        if self.conn.their_state is not h11.IDLE:
            if self.cycle is None or not self.cycle.response_complete:
                self._stop_clock()
        elif self._clock is None and self.timeout_keep_alive_task is None:
            self._wait_for_headers()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if not self.transport.is_closing() and self.conn.their_state is h11.SEND_BODY:
            self._stop_clock()
            self._clock = self.loop.call_later(self.limits.discard_seconds, self.transport.abort)

    def pause_writing(self) -> None:
        super().pause_writing()
        self._stop_reader_clock()
        self._reader_clock = self.loop.call_later(self.limits.read_seconds, self.transport.abort)

    def resume_writing(self) -> None:
        self._stop_reader_clock()
        super().resume_writing()

    def send_400_response(self, msg: str) -> None:
        """What h11 could not read: 431 for headers that are too large, 400 for the rest."""
        error = sys.exc_info()[1]
        status = getattr(error, "error_status_hint", 400)
        if status == 431:
            self._refuse(NotAllowed(431, "headers_too_large", title=mark("The headers are too large")))
        else:
            self._refuse(NotAllowed(400, "invalid_http", title=mark("This is not HTTP/1.1 as it should be")))

    @property
    def is_waiting(self) -> bool:
        """Nothing is asked over it yet, or any more."""
        return self.conn.their_state is h11.IDLE and (self.cycle is None or self.cycle.response_complete)

    def _wait_for_headers(self) -> None:
        self._stop_clock()
        self._clock = self.loop.call_later(self.limits.header_seconds, self._too_slow)

    def _too_slow(self) -> None:
        self._clock = None
        if self.is_waiting:
            self._refuse(NotAllowed(408, "request_timeout", title=mark("The request took too long to come")))

    def _make_room(self) -> None:
        """When the table is full, the oldest connection that asks nothing goes, or else the new one."""
        # What is closing is in the table a moment longer: of a hundred that come at once, each must find another one to end.
        there = [one for one in self.connections if isinstance(one, Connection) and not one.transport.is_closing()]
        if len(there) <= self.limits.connections:
            return
        waiting = [one for one in there if one is not self and one.is_waiting]
        oldest = min(waiting, key=lambda one: one._clock.when() if one._clock is not None else 0.0, default=self)
        oldest.transport.abort()

    def _refuse(self, error: NotAllowed) -> None:
        """Answer without the app, then close; what the client still sends is thrown away for a while, so that it hears why."""
        if self.transport.is_closing() or self._is_refused:
            return
        self._is_refused = True
        answer = refusal(error)
        body = dumped(answer.body)
        head = f"HTTP/1.1 {answer.status} ".encode() + STATUS_PHRASES[answer.status] + b"\r\n"
        head += b"content-type: application/json\r\ncontent-length: %d\r\nconnection: close\r\n\r\n" % len(body)
        self._unset_keepalive_if_required()
        self.flow.resume_reading()
        self.transport.write(head + body)
        if self.transport.can_write_eof():
            self.transport.write_eof()
        self._stop_clock()
        self._clock = self.loop.call_later(self.limits.discard_seconds, self.transport.abort)

    def _stop_clock(self) -> None:
        if self._clock is not None:
            self._clock.cancel()
            self._clock = None

    def _stop_reader_clock(self) -> None:
        if self._reader_clock is not None:
            self._reader_clock.cancel()
            self._reader_clock = None


def connection_class(limits: Limits) -> type[Connection]:
    """`Connection` with these limits, as uvicorn wants it."""
    return type("Connection", (Connection,), {"limits": limits})
