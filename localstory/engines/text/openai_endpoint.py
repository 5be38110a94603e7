"""A server that speaks OpenAI's interface as a TextEngine: llama-server, KoboldCpp, vLLM, Jan, or one on the internet.

The `openai` client builds the requests; the connection is ours (`net.live`), and so is the reading of the stream: the client's own
builds a model of pydantic for every token, follows redirects, and takes lines of any length.
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib
import logging
import secrets
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from localstory.engines.base import (
    Embeddings,
    EngineFacts,
    Message,
    OnProgress,
    PromptTooLong,
    Stream,
    TextEvent,
    TextPiece,
    TextRequest,
    Warned,
)
from localstory.engines.text.control_strings import broken_message, guarded
from localstory.engines.text.dialects import LLAMA_SERVER, LOCALSTORY, OPENAI, Dialect, adapter_fields, request_fields
from localstory.engines.text.embeddings import check_texts, in_parts, vectors_in
from localstory.engines.text.endpoint import Capabilities, ServerModel, ServerSaid, check_offered, host_of, refused, said_in, sendable
from localstory.engines.text.endpoint_counting import careful_count, careful_prompt_count, careful_request_count, least_count
from localstory.engines.text.endpoint_reply import Writing
from localstory.engines.text.endpoint_stream import count_in
from localstory.engines.text.endpoint_tools import openai_messages
from localstory.engines.text.llama_errors import check_request
from localstory.engines.text.lora import check_strengths
from localstory.engines.text.openai_stream import Reader
from localstory.errors import CannotContinue
from localstory.events import Progress
from localstory.net import Net
from localstory.net.errors import BadAnswer, CutOff, NetTrouble, ServerTrouble, TooSlow
from localstory.words import mark

log = logging.getLogger(__name__)

ASKING = mark("An answer of a text server")
LISTING = mark("The list of models of a text server")
EMBEDDING = mark("Texts to be made into vectors, to a text server")
_READING = mark("Reading the text")
_AFTER_END_SECONDS = 2.0
"""What a server may take, after it said why it ended, to say how many tokens it were."""
_MOST_LISTED = 2000


def server_url(typed: str) -> str:
    """An address as a person types it, as the base of OpenAI's interface: `localhost:8080` -> `http://localhost:8080/v1`."""
    text = typed.strip().rstrip("/")
    text = text if "://" in text else f"http://{text}"
    parts = urlsplit(text)
    return urlunsplit((parts.scheme, parts.netloc, parts.path or "/v1", "", ""))


class OpenAIEndpoint:
    """One model of one server. Replies may run side by side: the server puts them in a row. `key` goes to this server only.

    `context_length`: where the person knows it better than the server says. Nothing stays open between requests.
    """

    def __init__(
        self,
        base_url: str,
        model: str = "",
        key: str = "",
        *,
        dialect: Dialect = OPENAI,
        net: Net | None = None,
        patience: Any = None,
        context_length: int | None = None,
    ) -> None:
        self.base_url = server_url(base_url)
        self.host = host_of(self.base_url)
        self.dialect = dialect
        self._model = model
        self._key = key
        self._net = net or Net()
        self._patience = patience
        self._context_length = context_length
        self._version = ""
        self._has_looked = False

    def describe(self) -> EngineFacts:
        """What is known so far; the context length after the first look at the server."""
        return EngineFacts(
            self.dialect.name, self._version, model=self._model, context_length=self._context_length, details={"server": self.host, "url": self.base_url}
        )

    def capabilities(self) -> Capabilities:
        """What this server can do, and why not the rest."""
        return self.dialect.capabilities()

    async def models(self) -> list[ServerModel]:
        """What the server offers. Raises NetTrouble."""
        found = listed(await self._ask("/models"))
        if found is None:
            raise BadAnswer(self.host, mark("It is another list than agreed."))
        return found

    async def reply(self, request: TextRequest) -> Stream[TextEvent]:
        """Stream the reply; the last event is an `EndpointReply`. What came before an error was yielded and stands.

        Raises BadRequest (NotOffered), PromptTooLong, KeyNeeded, NoSuchModel, ServerSaid, and every NetTrouble.
        """
        check_request(request)
        warnings = check_offered(request, self.capabilities(), self.host)
        await self._look()
        seed = request.sampling.seed if request.sampling.seed is not None else secrets.randbits(31)
        # Our own server keeps people's words and the model's marks apart by itself.
        asked, marks = guarded(request, self.host) if self.dialect is not LOCALSTORY else (request, [])
        warnings += marks
        official, own = request_fields(asked, self.dialect, self._model, seed)
        if request.loras:
            check_strengths(request.loras)
            own["lora"] = adapter_fields(await self._ask("/lora-adapters", at_root=True), request.loras, self.host)
        counted = careful_request_count(request)
        writing = Writing(request, self.host, warnings, has_wedges=asked.tools != request.tools)
        yield Progress(_READING)
        if request.prefill:
            yield TextPiece(request.prefill)
        try:
            async with contextlib.aclosing(self._stream(official, own, writing, counted)) as pieces:
                async for piece in pieces:
                    yield piece
        except (CutOff, ServerTrouble) as error:
            # llama-cpp-python's server hangs up without a word when the prompt does not fit.
            at_least = least_count([request.prompt] if request.prompt is not None else [message.text for message in request.messages])
            if not writing.has_words and self._context_length and at_least >= self._context_length:
                raise PromptTooLong(counted, self._context_length) from error
            raise
        for piece in writing.end_of_calls():
            yield piece
        if not writing.finish and not writing.is_stopped:
            # llama-cpp-python's server breaks a reply off so when another request comes.
            writing.warnings.append(Warned(mark("{host} ended without saying why: something may be missing at the end."), {"host": self.host}))
        told = seed if "seed" in self.dialect.features else 0
        yield writing.reply(model=self._model, engine=self.dialect.name, seed=told, counted=counted, context_length=self._context_length)

    async def _stream(self, official: dict[str, Any], own: dict[str, Any], writing: Writing, counted: int) -> Stream[TextPiece]:
        from localstory.net.live import HttpRefusal, LivePatience, Watch, live_client, reason_within

        openai = await _library()
        patience = self._patience or LivePatience()
        watch = Watch(patience)
        reader = Reader(self.host, writing)
        try:
            async with (
                live_client(self._net, self.base_url, purpose=ASKING, key=self._key, patience=patience, watch=watch) as http,
                # The key is added by the connection, below the library: what it logs, retries or redirects can't hold it.
                openai.AsyncOpenAI(api_key="unused", base_url=self.base_url, max_retries=0, timeout=None, http_client=http) as client,
            ):
                where = client.completions if "prompt" in official else client.chat.completions
                async with where.with_streaming_response.create(**official, extra_body=own) as response:
                    async for part in response.http_response.aiter_raw():
                        before = writing.events
                        for piece in reader.feed(part):
                            yield piece
                        if writing.is_stopped or reader.is_done:
                            break
                        if writing.finish:
                            watch.ends_soon(_AFTER_END_SECONDS)
                        elif writing.events != before:
                            watch.went_on()
        except Exception as error:
            for piece in writing.rest():
                yield piece
            reason = reason_within(error)
            if isinstance(reason, HttpRefusal):
                raise self._understood(reason, counted) from error
            if not (writing.finish and isinstance(reason, CutOff | TooSlow)):  # behind the end nothing is missing but numbers
                if reason is None or reason is error:
                    raise
                raise reason from error
        for piece in reader.end():
            yield piece

    def _understood(self, refusal: Any, counted: int) -> CannotContinue:
        reason = refused(self.host, refusal.status, refusal.headers, refusal.body, model=self._model, counted=counted, context_length=self._context_length)
        self._context_length = self._context_length or getattr(reason, "context_length", None)
        return reason

    async def count_tokens(self, text: str) -> int:
        """Exact for llama-server; a careful estimate elsewhere."""
        return (await self.count_many([text]))[0]

    async def count_many(self, texts: Sequence[str], report: OnProgress | None = None) -> list[int]:
        """Exact for llama-server; careful estimates elsewhere. Raises NetTrouble."""
        if "token_count" not in self.dialect.features:
            return [careful_count(text) for text in texts]
        return [await self._tokenized(text, {"add_special": False}) if text else 0 for text in texts]

    async def count_prompt(self, messages: Sequence[Message], report: OnProgress | None = None) -> int:
        """Exact for llama-server; a careful estimate elsewhere. Raises NetTrouble."""
        if "token_count" not in self.dialect.features:
            return careful_prompt_count(messages)
        body = {"messages": openai_messages([broken_message(message) for message in messages], with_names=True)}
        value = await self._ask("/apply-template", body, at_root=True)
        if not isinstance(value, dict) or not isinstance(value.get("prompt"), str):
            raise BadAnswer(self.host, mark("It is another list than agreed."))
        return await self._tokenized(value["prompt"], {"add_special": True, "parse_special": True})

    async def _tokenized(self, text: str, how: Mapping[str, Any]) -> int:
        value = await self._ask("/tokenize", {"content": sendable(text), **how}, at_root=True)
        tokens = value.get("tokens") if isinstance(value, dict) else None
        if not isinstance(tokens, list):
            raise BadAnswer(self.host, mark("It is another list than agreed."))
        return len(tokens)

    async def embed(self, texts: Sequence[str], report: OnProgress | None = None) -> Embeddings:
        """Each text as a vector, by the server's /v1/embeddings. Raises BadRequest, PromptTooLong, NoSuchModel, ServerSaid, NetTrouble."""
        check_texts(texts)
        vectors: list[tuple[float, ...]] = []
        tokens = 0
        if texts:
            await self._look()
        for text in texts:  # some servers cut what is too long, without a word
            if self._context_length and least_count([text]) > self._context_length:
                raise PromptTooLong(max(careful_count(text), self._context_length + 1), self._context_length)
        for part in in_parts(texts):
            rows, told = await self._embedded(part)
            if len(part) > 1 and any(isinstance(row, list) and row and isinstance(row[0], list) for row in rows):
                # llama-cpp-python's server, with a vector for each token: right for one text, mixed up for several (seen in 0.3.36).
                singly = [await self._embedded([text]) for text in part]
                rows, told = [row for one, _tokens in singly for row in one], sum(count for _one, count in singly)
            vectors += vectors_in(rows, len(part), self.host)
            tokens += told
            if report is not None:
                report(Progress(_READING, len(vectors), len(texts)))
        return Embeddings(tuple(vectors), tokens, self._model)

    async def _embedded(self, part: list[str]) -> tuple[list[Any], int]:
        """(the server's rows in the order of the texts, tokens)."""
        body = {"model": self._model, "input": part, "encoding_format": "float"}
        value = await self._ask("/embeddings", body, is_slow=True, purpose=EMBEDDING, counted=max(map(careful_count, part)))
        rows = value.get("data") if isinstance(value, dict) else None
        if isinstance(value, dict) and rows is None and value.get("error"):  # LM Studio answers so, with 200, what it doesn't know
            raise ServerSaid(self.host, said_in(value))
        if not isinstance(rows, list) or not all(isinstance(row, dict) and isinstance(row.get("index"), int) for row in rows):
            raise BadAnswer(self.host, mark("It is another list than agreed."))
        told = count_in(value.get("usage"), "prompt_tokens")
        in_order = [row.get("embedding") for row in sorted(rows, key=lambda row: int(row["index"]))]
        return in_order, told if told is not None else sum(map(careful_count, part))

    async def close(self) -> None:
        """Nothing stays open between requests."""

    async def _look(self) -> None:
        """Learn the model's name and context length, once. What goes wrong here goes wrong again, and is told, in the request itself."""
        if self._has_looked or (self._model and self._context_length):
            return
        with contextlib.suppress(NetTrouble):
            await self._look_closely()
            self._has_looked = True

    async def _look_closely(self) -> None:
        found = await self.models()
        if not self._model and found:
            self._model = next((one.name for one in found if one.loaded), found[0].name)
        chosen = next((one for one in found if one.name == self._model), None)
        if self._context_length is None and chosen is not None:
            self._context_length = chosen.context_length
        if self.dialect is LLAMA_SERVER:
            props = await self._ask("/props", at_root=True)
            if isinstance(props, dict):
                self._version = str(props.get("build_info") or "")[:80]
                told = count_in(props.get("default_generation_settings"), "n_ctx")
                self._context_length = self._context_length or told

    async def _ask(
        self,
        path: str,
        body: Mapping[str, Any] | None = None,
        *,
        at_root: bool = False,
        is_slow: bool = False,
        purpose: str = LISTING,
        counted: int = 0,
    ) -> Any:
        from localstory.net.live import QUICK, HttpRefusal, LivePatience, ask_json

        root = urlsplit(self.base_url).path
        root = root.removesuffix("/v1") if at_root else root
        usual = LivePatience() if is_slow else QUICK
        own = self._patience if self._patience is not None and self._patience.first_seconds < usual.first_seconds else usual
        try:
            return await ask_json(self._net, self.base_url, root + path, purpose=purpose, body=body, key=self._key, patience=own)
        except HttpRefusal as refusal:
            model = str(body.get("model", "")) if body else ""
            window = self._context_length if counted else None
            raise refused(self.host, refusal.status, refusal.headers, refusal.body, model=model, counted=counted, context_length=window) from refusal


async def _library() -> Any:
    """The `openai` library; importing it takes about a second, so it happens in a thread, at the first reply."""
    return await asyncio.to_thread(importlib.import_module, "openai")


def listed(value: object) -> list[ServerModel] | None:
    """The models of OpenAI's list; None for what is no such list. Pure."""
    entries = value.get("data") if isinstance(value, dict) else None
    if not isinstance(entries, list):
        return None
    return [_listed(one) for one in entries[:_MOST_LISTED] if isinstance(one, dict) and isinstance(one.get("id"), str) and one["id"]]


def _listed(one: Mapping[str, Any]) -> ServerModel:
    """An entry of /v1/models. vLLM says `max_model_len`, OpenRouter `context_length`, llama-server `meta.n_ctx_train` and a `status`."""
    meta = one.get("meta")
    status = one.get("status")
    state = status.get("value") if isinstance(status, dict) else None
    return ServerModel(
        one["id"][:300],
        loaded={"loaded": True, "unloaded": False}.get(str(state)) if state is not None else None,
        context_length=count_in(one, "max_model_len") or count_in(one, "context_length"),
        max_context_length=count_in(meta, "n_ctx_train"),
        size_bytes=count_in(meta, "size"),
    )
