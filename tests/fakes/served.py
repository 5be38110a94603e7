"""Our own server, really listening, with engines of the test's choice behind it.

with Served({"the-sea": FakeTextEngine()}) as served:
    served.post("/v1/chat/completions", {"messages": [...]})   # (status, headers, JSON)
"""

from __future__ import annotations

import asyncio
import http.client
import json
import socket
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from localstory.engines.base import EngineFacts, Stream, TextEngine, TextEvent, TextRequest
from localstory.runtime import Runtime
from localstory.server.connection import Limits
from localstory.server.guard import Rules
from localstory.server.serving import Serving
from localstory.server.shelf import Entry, found_in
from localstory.server.turns import Turns

KEY = "ls-the-key-of-the-test-0123456789"


class Engines:
    """A shelf of engines by name, the default first. Says which were asked for, and when a reply was given up."""

    def __init__(self, engines: Mapping[str, Any]) -> None:
        self.engines = {name: Watched(engine) for name, engine in engines.items()}
        self.taken: list[str] = []

    async def entries(self) -> Sequence[Entry]:
        return [
            Entry(
                name, name, frozenset((name.casefold(),)), context_length=engine.describe().context_length, loaded=engine.describe().context_length is not None
            )
            for name, engine in self.engines.items()
        ]

    async def find(self, name: str) -> Entry:
        return found_in(name, await self.entries())

    async def engine(self, entry: Entry) -> TextEngine:
        self.taken.append(entry.id)
        engine: Any = self.engines[entry.id]
        return engine  # type: ignore[no-any-return]


class Watched:
    """An engine, and when its replies were cancelled."""

    def __init__(self, engine: Any) -> None:
        self.inner = engine
        self.given_up: list[float] = []
        self.requests: list[TextRequest] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)

    def describe(self) -> EngineFacts:
        facts: EngineFacts = self.inner.describe()
        return facts

    async def reply(self, request: TextRequest) -> Stream[TextEvent]:
        self.requests.append(request)
        events = self.inner.reply(request)
        try:
            async for event in events:
                yield event
        except (asyncio.CancelledError, GeneratorExit):
            self.given_up.append(time.monotonic())
            raise
        finally:
            await events.aclose()


class Served:
    """A server on a free port of this computer. `key` "" is none."""

    def __init__(
        self, engines: Mapping[str, Any] | Any, *, key: str = KEY, rules: Rules | None = None, limits: Limits | None = None, turns: Turns | None = None
    ) -> None:
        self.shelf: Any = Engines(engines) if isinstance(engines, Mapping) else engines
        self.key = key
        self.serving = Serving(self.shelf, replace(rules or Rules(), key=key), port=0, limits=limits, turns=turns)
        self.port = self.serving.listening.port
        self.url = self.serving.listening.url
        self.runtime = Runtime()
        self.hang_ups: list[float] = []
        """When the server heard that a client had gone before its answer was whole."""
        config = self.serving._server.config
        config.app = self._listening(config.app)

    def _listening(self, app: Any) -> Any:
        async def listening(scope: Any, receive: Any, send: Any) -> None:
            is_whole = False

            async def hear() -> Any:
                message = await receive()
                if message["type"] == "http.disconnect" and not is_whole:
                    self.hang_ups.append(time.monotonic())
                return message

            async def say(message: Any) -> None:
                nonlocal is_whole
                is_whole = is_whole or (message["type"] == "http.response.body" and not message.get("more_body"))
                await send(message)

            await app(scope, hear, say)

        return listening

    def __enter__(self) -> Served:
        self._job = self.runtime.start("", lambda _job: self.serving.run())
        return self

    def __exit__(self, *_error: object) -> None:
        self.runtime.call_soon(self.serving.stop)
        try:
            assert self._job.wait(10), "the server did not end"
            if self._job.error is not None:
                raise self._job.error
        finally:
            closing = threading.Thread(target=self.runtime.close)  # not in a thread with a loop of its own, as an async test's is
            closing.start()
            closing.join()

    @property
    def model_name(self) -> str:
        return str(next(iter(self.shelf.engines)))

    @property
    def engine(self) -> Watched:
        found: Watched = next(iter(self.shelf.engines.values()))
        return found

    def headers(self, **more: str) -> dict[str, str]:
        usual = {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {self.key}"} if self.key else {})
        return usual | {name.replace("_", "-"): value for name, value in more.items()}

    def post(self, path: str, body: Any, headers: Mapping[str, str] | None = None, *, timeout: float = 30.0) -> tuple[int, dict[str, str], Any]:
        """(status, headers, JSON); the body is sent as it is when it is bytes."""
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        return self.ask("POST", path, content, self.headers() if headers is None else headers, timeout=timeout)

    def get(self, path: str, headers: Mapping[str, str] | None = None) -> tuple[int, dict[str, str], Any]:
        return self.ask("GET", path, None, self.headers() if headers is None else headers)

    def ask(self, method: str, path: str, content: bytes | None, headers: Mapping[str, str], *, timeout: float = 30.0) -> tuple[int, dict[str, str], Any]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)
        try:
            connection.request(method, path, content, dict(headers))
            answer = connection.getresponse()
            raw = answer.read()
            told = {name.lower(): value for name, value in answer.getheaders()}
            return answer.status, told, json.loads(raw) if "json" in told.get("content-type", "") else raw
        finally:
            connection.close()

    def connect(self) -> socket.socket:
        """A bare connection."""
        return socket.create_connection(("127.0.0.1", self.port), timeout=10)


def chat(text: str = "Tell me about the sea.", **more: Any) -> dict[str, Any]:
    """The body of a chat request."""
    return {"messages": [{"role": "user", "content": text}], **more}


def events_of(raw: bytes) -> list[Any]:
    """The values of a stream; "[DONE]" stays a text."""
    parts = [part[6:] for part in raw.decode().split("\n\n") if part.startswith("data: ")]
    return [part if part == "[DONE]" else json.loads(part) for part in parts]
