"""For Python scripts: a model in a line, and what it writes. `import localstory` brings these names, and imports them when they are used.

    import localstory

    with localstory.open_model() as model:
        print(model.ask("Name three rivers.").text)

One `Model` may be used by several threads; replies take turns. In asyncio use the methods that end in `_async`: they wait without
blocking the loop. Nothing here writes into the home folder but measured speeds, so it may run beside an open window.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import queue
from collections.abc import AsyncGenerator, Callable, Coroutine, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

from localstory.app import App, open_app
from localstory.engines.base import EngineFacts, Message, Reply, Sampling, TextEngine, TextPiece, TextRequest
from localstory.models.library import best_text_model, resolve_text_model
from localstory.models.names import NoStarter

T = TypeVar("T")
Question = str | Sequence[Message | tuple[str, str]] | TextRequest
"""A question; or a conversation of `Message`s or (role, text) pairs; or a whole request."""

_END = object()


def open_model(name: str | Path = "", *, home: Path | None = None, app: App | None = None, engine: TextEngine | None = None, server: str = "") -> Model:
    """A model by its title or path, or the best one on this computer. It is loaded at the first question. Close it, or use `with`.

    `server`: one of this server's models instead, by the server's own name for it: "ollama", "lmstudio", or an address; its key comes from
    the keyring or LOCALSTORY_KEY. `app`: one that is open already, and stays open. `engine`: any TextEngine, instead of the embedded one.
    Raises ModelNotFound, BadModelFile, NoStarter (there is no model at all), FileTrouble; with `server` BadRequest, NetTrouble.
    """
    own = app or open_app(home, writes=False)
    try:
        if server and engine is None:
            engine = own.runtime.run(own.engine_of_server(server, str(name)))
        elif engine is None:
            model = resolve_text_model(name, own.home) if name else best_text_model(own.home)
            if model is None:
                raise NoStarter
            engine = own.text_engine(model)
    except BaseException:
        if app is None:
            own.close()
        raise
    return Model(own, engine, owns_app=app is None)


class Model:
    """A language model. Made by `open_model`."""

    def __init__(self, app: App, engine: TextEngine, *, owns_app: bool) -> None:
        self._app, self.engine, self._owns_app = app, engine, owns_app
        self._closed = False

    def describe(self) -> EngineFacts:
        """Its name, context length and size, as far as they are known."""
        return self.engine.describe()

    # -- blocking -------------------------------------------------------------------------------------------------------

    def ask(self, question: Question, **settings: Any) -> Reply:
        """The whole reply: `.text`, `.reasoning`, `.usage`, `.timing`, `.stop_reason`, `.tool_calls`.

        `settings`: fields of `TextRequest` (max_tokens, stop, json_schema, grammar, tools, …) and of `Sampling` (temperature, top_p,
        seed, …), and `system`, a system prompt. `json_schema` may be a dict, `stop` one text.
        Raises what the engine raises (`CannotContinue`), TypeError for a name that is none.
        """
        self._check_open()
        return self._app.runtime.run(self._ask(request_for(question, **settings)))

    def stream(self, question: Question, **settings: Any) -> Iterator[str]:
        """The words of the answer as they come, without thoughts. Leave the loop, or close the iterator, to stop the model."""
        self._check_open()
        request = request_for(question, **settings)
        words: queue.SimpleQueue[object] = queue.SimpleQueue()

        async def write(_job: Any) -> None:
            async for piece in _answer(self.engine, request):
                words.put(piece)

        job = self._app.runtime.start("", write, on_end=lambda job: words.put(job.error or _END))
        try:
            while (said := words.get()) is not _END:
                if isinstance(said, BaseException):
                    raise said
                yield str(said)
        finally:
            job.cancel()
            job.wait(5.0)

    def embed(self, texts: Sequence[str]) -> list[list[float]]:
        """One vector for each text, all of one length."""
        self._check_open()
        return self._app.runtime.run(self._embed(list(texts)))

    def count_tokens(self, text: str) -> int:
        """How many tokens this text is for the model; loads it if need be."""
        self._check_open()
        return self._app.runtime.run(self.engine.count_tokens(text))

    def close(self) -> None:
        """End the model and free its memory. Closing twice is harmless; asking afterwards raises RuntimeError."""
        self._closed = True
        if self._owns_app:
            self._app.close()

    def _check_open(self) -> None:
        if self._closed:
            raise RuntimeError("this model is closed")

    def __enter__(self) -> Model:
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()

    # -- in asyncio -------------------------------------------------------------------------------------------------------

    async def ask_async(self, question: Question, **settings: Any) -> Reply:
        """As `ask`; cancel the task to stop the model."""
        self._check_open()
        return await self._elsewhere(self._ask(request_for(question, **settings)))

    async def stream_async(self, question: Question, **settings: Any) -> AsyncGenerator[str, None]:
        """As `stream`; close it (`contextlib.aclosing`) or cancel the task to stop the model."""
        self._check_open()
        request = request_for(question, **settings)
        here = asyncio.get_running_loop()
        words: asyncio.Queue[object] = asyncio.Queue()

        def tell(said: object) -> None:
            with contextlib.suppress(RuntimeError):  # the loop that asked is closed: nobody listens
                here.call_soon_threadsafe(words.put_nowait, said)

        async def write(_job: Any) -> None:
            async for piece in _answer(self.engine, request):
                tell(piece)

        job = self._app.runtime.start("", write, on_end=lambda job: tell(job.error or _END))
        try:
            while (said := await words.get()) is not _END:
                if isinstance(said, BaseException):
                    raise said
                yield str(said)
        finally:
            job.cancel()

    async def embed_async(self, texts: Sequence[str]) -> list[list[float]]:
        """As `embed`."""
        self._check_open()
        return await self._elsewhere(self._embed(list(texts)))

    async def close_async(self) -> None:
        """As `close`."""
        await asyncio.to_thread(self.close)

    async def __aenter__(self) -> Model:
        return self

    async def __aexit__(self, *_error: object) -> None:
        await self.close_async()

    # -- on the loop of the program -----------------------------------------------------------------------------------------

    async def _ask(self, request: TextRequest) -> Reply:
        reply: Reply | None = None
        async with contextlib.aclosing(self.engine.reply(request)) as events:
            async for event in events:
                if isinstance(event, Reply):
                    reply = event
        assert reply is not None, "a stream ends with its reply or raises"
        return reply

    async def _embed(self, texts: list[str]) -> list[list[float]]:
        made = await self.engine.embed(texts)
        return [list(vector) for vector in made.vectors]

    async def _elsewhere(self, work: Coroutine[Any, Any, T]) -> T:
        """Do it on the program's own loop, and wait on this one; a cancel here is a cancel there."""
        done: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        here = asyncio.get_running_loop()

        def end(settle: Callable[[], None]) -> None:
            with contextlib.suppress(RuntimeError):
                here.call_soon_threadsafe(lambda: None if done.done() else settle())

        async def run(_job: Any) -> T:
            return await work

        def ended(job: Any) -> None:
            if job.error is not None:
                end(lambda: done.set_exception(job.error))
            elif job.result is not None:
                end(lambda: done.set_result(job.result))
            else:
                end(done.cancel)  # type: ignore[arg-type]

        job = self._app.runtime.start("", run, on_end=ended)
        try:
            return await done
        finally:
            job.cancel()


async def _answer(engine: TextEngine, request: TextRequest) -> AsyncGenerator[str, None]:
    async with contextlib.aclosing(engine.reply(request)) as events:
        async for event in events:
            if isinstance(event, TextPiece) and event.kind == "answer":
                yield event.text


def request_for(question: Question, **settings: Any) -> TextRequest:
    """A question and its settings as a request. Pure. Raises TypeError for a name that is no setting."""
    system = settings.pop("system", "")
    if isinstance(question, TextRequest):
        request = question
    elif isinstance(question, str):
        request = TextRequest((Message("user", question),))
    else:
        request = TextRequest(tuple(one if isinstance(one, Message) else Message(_role(one[0]), one[1]) for one in question))
    if system:
        request = replace(request, messages=(Message("system", system), *request.messages))
    if isinstance(settings.get("json_schema"), dict):
        settings["json_schema"] = json.dumps(settings["json_schema"], ensure_ascii=False)
    for name in ("stop", "banned_phrases"):
        if isinstance(settings.get(name), str):
            settings[name] = (settings[name],)  # not each of its letters
    settings = {name: tuple(value) if isinstance(value, list) else value for name, value in settings.items()}
    sampling = {name: settings.pop(name) for name in list(settings) if name in Sampling.__slots__}
    unknown = [name for name in settings if name not in TextRequest.__slots__]
    if unknown:
        raise TypeError(f"no such setting: {unknown[0]}")
    return replace(request, **settings, **({"sampling": replace(settings.get("sampling", request.sampling), **sampling)} if sampling else {}))


def _role(name: str) -> Any:
    if name not in ("system", "user", "assistant", "tool"):
        raise TypeError(f"no such role: {name}")
    return name
