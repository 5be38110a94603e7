"""One answer: its turn, its model, its words, as a stream or at once; ended when the client hangs up."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Coroutine
from dataclasses import replace
from typing import Any

from localstory.engines.base import Reply, TextEngine, TextPiece, TextRequest, TokenLogprob
from localstory.errors import CannotContinue
from localstory.server.answers import Form, event
from localstory.server.asking import Asked
from localstory.server.connection import Limits
from localstory.server.guard import Receive, Scope, Send, answer
from localstory.server.refusals import Refusal, our_bug, refusal
from localstory.server.shelf import Entry, Shelf
from localstory.server.turns import Turns, client_of

log = logging.getLogger(__name__)

_NO_LENGTH_TOKENS = 4096
"""Where neither the request nor the engine says how long a reply may be."""
_SIGN_OF_LIFE = b": one moment\n\n"


async def until_hang_up(receive: Receive, work: Coroutine[Any, Any, None]) -> None:
    """Do the work; cancel it when the client hangs up. The body must have been read."""

    async def hang_up() -> None:
        while (await receive())["type"] != "http.disconnect":
            pass

    working, listening = asyncio.ensure_future(work), asyncio.ensure_future(hang_up())
    try:
        await asyncio.wait((working, listening), return_when=asyncio.FIRST_COMPLETED)
        if working.done():
            await working
    finally:
        for task in (working, listening):
            task.cancel()
        await asyncio.gather(working, listening, return_exceptions=True)


def who(scope: Scope, person: str) -> str:
    """Whose turn a request is."""
    program = next((value.decode("latin-1") for name, value in scope["headers"] if name == b"user-agent"), "")
    return client_of(str((scope.get("client") or ("",))[0]), program, person)


class Answering:
    """An ASGI answer to `asked`."""

    def __init__(self, asked: Asked, entry: Entry, shelf: Shelf, turns: Turns, limits: Limits) -> None:
        self._asked, self._entry, self._shelf, self._turns, self._limits = asked, entry, shelf, turns, limits
        self._form = Form(asked, entry.id)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        client = who(scope, self._asked.person)
        await until_hang_up(receive, self._stream(client, send) if self._asked.stream else self._at_once(client, send))

    async def _at_once(self, client: str, send: Send) -> None:
        replies: list[tuple[Reply, list[TokenLogprob]]] = []
        tokens: list[TokenLogprob] = []

        def heard(_index: int, said: TextPiece | Reply) -> None:
            nonlocal tokens
            if isinstance(said, Reply):
                replies.append((said, tokens))
                tokens = []
            elif said.kind == "answer":
                tokens.extend(said.tokens)

        trouble = await self._write(client, heard)
        await answer(send, trouble or Refusal(200, self._form.whole(replies)))

    async def _stream(self, client: str, send: Send) -> None:
        # The writer never waits for the reader: a slow client must not keep the model, and with it everybody else, waiting.
        outbox: asyncio.Queue[bytes | Refusal | None] = asyncio.Queue()
        begun = -1
        replies: list[Reply] = []

        def heard(index: int, said: TextPiece | Reply) -> None:
            nonlocal begun
            if begun != index:
                begun = index
                for chunk in self._form.opening(index):
                    outbox.put_nowait(chunk)
            if isinstance(said, Reply):
                replies.append(said)
                for chunk in self._form.closing(index, said):
                    outbox.put_nowait(chunk)
            else:
                outbox.put_nowait(self._form.piece(index, said))

        async def write() -> None:
            trouble = await self._write(client, heard)
            for chunk in self._form.ending(replies) if trouble is None else ():
                outbox.put_nowait(chunk)
            outbox.put_nowait(trouble)

        writing = asyncio.create_task(write())
        try:
            await self._send_all(outbox, send)
            await writing
        finally:
            writing.cancel()
            await asyncio.gather(writing, return_exceptions=True)

    async def _send_all(self, outbox: asyncio.Queue[bytes | Refusal | None], send: Send) -> None:
        has_begun = False

        async def begin() -> None:
            nonlocal has_begun
            if not has_begun:
                has_begun = True
                headers = [(b"content-type", b"text/event-stream; charset=utf-8"), (b"x-accel-buffering", b"no")]
                await send({"type": "http.response.start", "status": 200, "headers": headers})

        while True:
            try:
                async with asyncio.timeout(self._limits.first_word_seconds):
                    item = await outbox.get()
            except TimeoutError:
                await begin()
                await send({"type": "http.response.body", "body": _SIGN_OF_LIFE, "more_body": True})
                continue
            parts: list[bytes] = []
            while isinstance(item, bytes):
                parts.append(item)
                if outbox.empty():
                    break
                item = outbox.get_nowait()
            if parts:
                await begin()
                await send({"type": "http.response.body", "body": b"".join(parts), "more_body": True})
            if isinstance(item, bytes):
                continue
            if isinstance(item, Refusal) and not has_begun:
                await answer(send, item)
                return
            await begin()
            last = event(item.body) if isinstance(item, Refusal) else b""
            await send({"type": "http.response.body", "body": last, "more_body": False})
            return

    async def _write(self, client: str, heard: Any) -> Refusal | None:
        """Wait for the turn and let the model write; what is in the way comes back as the refusal."""
        try:
            async with self._turns.taken(client):
                engine = await self._shelf.engine(self._entry)
                for index, request in enumerate(self._asked.requests):
                    async with contextlib.aclosing(engine.reply(self._measured(engine, request))) as events:
                        async for said in events:
                            if isinstance(said, TextPiece | Reply):
                                heard(index, said)
        except CannotContinue as error:
            log.info("not answered: %s", error.code)
            return refusal(error)
        except Exception:
            log.exception("a request to the server failed")
            return our_bug()
        return None

    def _measured(self, engine: TextEngine, request: TextRequest) -> TextRequest:
        if not self._asked.to_the_end:
            return request
        facts = engine.describe()
        planned = facts.details.get("context_length")
        room = facts.context_length or (planned if isinstance(planned, int) else 0) or _NO_LENGTH_TOKENS
        return replace(request, max_tokens=room)
