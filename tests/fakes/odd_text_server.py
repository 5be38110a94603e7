"""A server of raw sockets that misbehaves by script: each connection reads one request and then does what it is told."""

from __future__ import annotations

import contextlib
import json
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterable
from typing import Any

Script = Callable[["Odd"], None]


class Odd:
    """One connection."""

    def __init__(self, connection: socket.socket, stopped: threading.Event) -> None:
        self._connection, self._stopped = connection, stopped

    def send(self, *parts: bytes | str, pause: float = 0.0) -> None:
        for part in parts:
            self._connection.sendall(part.encode() if isinstance(part, str) else part)
            if pause:
                self.wait(pause)

    def wait(self, seconds: float = 30.0) -> None:
        """Do nothing; ends early when the test does, or when the client has gone."""
        until = time.monotonic() + seconds
        while time.monotonic() < until and not self._stopped.is_set():
            time.sleep(min(0.02, seconds))

    def forever(self, part: bytes | str, pause: float = 0.0) -> None:
        """Send this until the client has enough."""
        while not self._stopped.is_set():
            self.send(part, pause=pause)

    def reset(self) -> None:
        """Close with a RST."""
        self._connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._connection.close()


class OddServer:
    """`requests`: the head of each request as it came."""

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self._stopped = threading.Event()
        self._script: Script = lambda odd: None
        self.requests: list[str] = []
        self._thread = threading.Thread(target=self._accept, daemon=True)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._listener.getsockname()[1]}"

    def do(self, script: Script) -> None:
        self._script = script

    def __enter__(self) -> OddServer:
        self._thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._stopped.set()
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)  # wakes `accept`
        self._listener.close()
        self._thread.join(2)

    def _accept(self) -> None:
        while not self._stopped.is_set():
            try:
                connection, _address = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(connection, self._script), daemon=True).start()

    def _serve(self, connection: socket.socket, script: Script) -> None:
        with connection, contextlib.suppress(OSError):
            connection.settimeout(20)
            asked = b""
            while b"\r\n\r\n" not in asked:
                asked += connection.recv(65536)
            head, rest = asked.split(b"\r\n\r\n", 1)
            self.requests.append(head.decode("latin-1"))
            length = next((int(line.split(b":")[1]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")), 0)
            while len(rest) < length:
                rest += connection.recv(65536)
            script(Odd(connection, self._stopped))


def head(status: str = "200 OK", kind: str = "text/event-stream", *more: str) -> str:
    return "\r\n".join((f"HTTP/1.1 {status}", f"Content-Type: {kind}", "Connection: close", *more)) + "\r\n\r\n"


def data(value: Any) -> str:
    """An event."""
    return f"data: {json.dumps(value) if not isinstance(value, str) else value}\n\n"


def says(text: str | None, finish: str | None = None, **more: Any) -> str:
    """An event of a chat with these words."""
    return data({"id": "1", "choices": [{"index": 0, "delta": {"content": text}, "finish_reason": finish, **more}]})


USAGE = data({"choices": [], "usage": {"prompt_tokens": 9, "completion_tokens": 3}})
END = says(None, "stop") + USAGE + data("[DONE]")


def plays(*parts: bytes | str) -> Script:
    """Send these and close."""
    return lambda odd: odd.send(*parts)


def stalls(*parts: bytes | str) -> Script:
    """Send these and then nothing more, with the connection open."""

    def script(odd: Odd) -> None:
        odd.send(*parts)
        odd.wait()

    return script


def resets(*parts: bytes | str) -> Script:
    """Send these and reset the connection."""

    def script(odd: Odd) -> None:
        odd.send(*parts)
        odd.wait(0.05)
        odd.reset()

    return script


def drips(whole: str, pause: float, before: Iterable[str] = ()) -> Script:
    """Send byte by byte."""

    def script(odd: Odd) -> None:
        odd.send(*before)
        for byte in whole.encode():
            odd.send(bytes((byte,)), pause=pause)

    return script


def repeats(part: bytes | str, *before: bytes | str, pause: float = 0.0) -> Script:
    """Send `before`, then `part` again and again."""

    def script(odd: Odd) -> None:
        odd.send(*before)
        odd.forever(part, pause)

    return script
