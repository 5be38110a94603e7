"""The questions that the server answers. What it is asked over HTTP is read here, after `guard` let it pass."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from localstory import __version__
from localstory.errors import CannotContinue
from localstory.server import answers
from localstory.server.asking import Asked, read_chat, read_completion, read_embeddings
from localstory.server.connection import Limits
from localstory.server.fields import read_json
from localstory.server.guard import HEALTH, Asgi, Guard, Receive, Rules, Scope, Send, answer
from localstory.server.refusals import NotAllowed, Refusal, TooBusy, our_bug, refusal
from localstory.server.replying import Answering, until_hang_up, who
from localstory.server.shelf import Shelf
from localstory.server.turns import Turns
from localstory.words import mark

log = logging.getLogger(__name__)


class Said(Response):
    """A status with a JSON body."""

    def __init__(self, said: Refusal) -> None:
        super().__init__(answers.dumped(said.body), said.status, said.headers, "application/json")


class Web:
    """The app behind the guard. Nothing here is asked that `Rules` did not let pass."""

    def __init__(self, shelf: Shelf, rules: Rules, limits: Limits, turns: Turns | None = None) -> None:
        self._shelf, self._limits = shelf, limits
        self.turns = turns or Turns()
        self._bodies_bytes = 0
        routes = [
            *(Route(path, self._health, methods=["GET"]) for path in HEALTH),
            Route("/v1/models", self._models, methods=["GET"]),
            Route("/v1/models/{name:path}", self._model, methods=["GET"]),
            Route("/v1/chat/completions", _asgi(self._writer(read_chat)), methods=["POST"]),
            Route("/v1/completions", _asgi(self._writer(read_completion)), methods=["POST"]),
            Route("/v1/embeddings", _asgi(self._embeddings), methods=["POST"]),
        ]
        self._routes = Starlette(
            routes=routes, exception_handlers={CannotContinue: _refused, HTTPException: _not_here, ClientDisconnect: _gone, Exception: _failed}
        )
        self.app: Asgi = Guard(self._calm, rules)

    async def _calm(self, scope: Scope, receive: Receive, send: Send) -> None:
        """What Starlette raises again after it answered must not reach uvicorn, which would log the request with it."""
        try:
            await self._routes(scope, receive, send)
        except CannotContinue as error:
            await answer(send, refusal(error))
        except Exception:
            log.exception("a request to the server failed")

    async def _health(self, _request: Request) -> Response:
        return Said(Refusal(200, {"status": "ok", "server": "localstory", "version": __version__}))

    async def _models(self, _request: Request) -> Response:
        entries = await self._shelf.entries()
        return Said(Refusal(200, {"object": "list", "data": [entry.shown() for entry in entries]}))

    async def _model(self, request: Request) -> Response:
        entry = await self._shelf.find(request.path_params["name"])
        return Said(Refusal(200, entry.shown()))

    def _writer(self, read: Callable[[Mapping[str, Any]], Asked]) -> Any:
        async def write(scope: Scope, receive: Receive, send: Send) -> None:
            asked = read(await self._body(Request(scope, receive)))
            entry = await self._shelf.find(asked.model)
            await Answering(asked, entry, self._shelf, self.turns, self._limits)(scope, receive, send)

        return write

    async def _embeddings(self, scope: Scope, receive: Receive, send: Send) -> None:
        asked = read_embeddings(await self._body(Request(scope, receive)))
        entry = await self._shelf.find(asked.model)
        client = who(scope, asked.person)

        async def embed() -> None:
            try:
                async with self.turns.taken(client):
                    engine = await self._shelf.engine(entry)
                    made = await engine.embed(asked.texts)
                size = len(made.vectors[0]) if len(made.vectors) else 0
                if asked.dimensions not in (None, size):
                    raise NotAllowed(
                        400,
                        "unsupported_value",
                        title=mark("The vectors of this model have {size} numbers"),
                        detail=mark("They can't be cut to {wanted} without losing their meaning."),
                        size=size,
                        wanted=asked.dimensions,
                    )
                said = Refusal(200, answers.embeddings(asked, entry.id, made.vectors, made.tokens))
            except CannotContinue as error:
                said = refusal(error)
            except Exception:
                log.exception("a request to the server failed")
                said = our_bug()
            await answer(send, said)

        await until_hang_up(receive, embed())

    async def _body(self, request: Request) -> dict[str, Any]:
        """The JSON object that was sent. Raises NotAllowed for one that is too large, too slow, or none; TooBusy where too many come."""
        limits = self._limits
        told = request.headers.get("content-length", "")
        if told.isdigit() and int(told[:20]) > limits.body_bytes:
            raise _too_large(limits.body_bytes)
        content = bytearray()
        try:
            async with asyncio.timeout(limits.body_seconds):
                async for part in request.stream():
                    content += part
                    self._bodies_bytes += len(part)
                    if len(content) > limits.body_bytes:
                        raise _too_large(limits.body_bytes)
                    if self._bodies_bytes > limits.all_bodies_bytes:
                        raise TooBusy(self.turns.waiting, 2)
        except TimeoutError as error:
            raise NotAllowed(408, "request_timeout", title=mark("The request took too long to come")) from error
        finally:
            self._bodies_bytes -= len(content)
        return read_json(bytes(content))


def _too_large(limit_bytes: int) -> NotAllowed:
    return NotAllowed(413, "request_too_large", title=mark("The request is too large"), detail=mark("At most {limit} bytes are read."), limit=limit_bytes)


def _asgi(work: Any) -> Any:
    """A function that sends its own answer, as an endpoint of Starlette; what it raises is worded as everywhere."""

    class Endpoint:
        async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
            await work(scope, receive, send)

    return Endpoint()


async def _refused(_request: Request, error: Exception) -> Response:
    assert isinstance(error, CannotContinue)
    return Said(refusal(error))


async def _not_here(request: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 404
    if status == 405:
        said = refusal(NotAllowed(405, "method_not_allowed", title=mark("{method} is not the way to ask this"), method=request.method[:20]))
    else:
        said = refusal(NotAllowed(status, "not_found", title=mark("There is nothing at {path}"), path=request.url.path[:200]))
    headers = dict(getattr(error, "headers", None) or {})
    return Said(Refusal(said.status, said.body, said.headers | headers))


async def _gone(_request: Request, _error: Exception) -> Response:
    return Response(status_code=499)  # nobody hears it


async def _failed(_request: Request, _error: Exception) -> Response:
    return Said(our_bug())
