"""Ollama by its own interface: the window is ours to choose, nothing is cut in silence, and models can be loaded and unloaded.

Its imitation of OpenAI's interface can't set the context length and drops the oldest messages without a word. Here every request
carries `truncate: false, shift: false`, and the count of what was really read is compared with what was sent.
Source: ollama api/types.go, server/routes.go, docs/api (2026-08).
"""

from __future__ import annotations

import contextlib
import json
import secrets
from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from localstory.engines.base import Embeddings, EngineFacts, Message, OnProgress, PromptTooLong, Stream, TextEvent, TextPiece, TextRequest, Warned
from localstory.engines.text.control_strings import guarded
from localstory.engines.text.dialects import schema_of
from localstory.engines.text.embeddings import check_texts, in_parts, vectors_in
from localstory.engines.text.endpoint import Capabilities, ServerModel, ServerSaid, check_offered, host_of, refused, said_in, sendable, too_long
from localstory.engines.text.endpoint_counting import careful_count, careful_prompt_count, careful_request_count, least_count
from localstory.engines.text.endpoint_reply import Writing
from localstory.engines.text.endpoint_stream import Lines, count_in, number_in, object_in, other_kind, text_in, token_in, value_of
from localstory.engines.text.endpoint_tools import offered, ollama_messages, tool_entries
from localstory.engines.text.llama_errors import check_request
from localstory.errors import CannotContinue
from localstory.events import Progress
from localstory.net import Net
from localstory.net.errors import BadAnswer, CutOff, NetTrouble
from localstory.words import mark

DEFAULT_URL = "http://127.0.0.1:11434"
ASKING = mark("An answer of Ollama")
LISTING = mark("The list of models of Ollama")
LOADING = mark("Loading a model in Ollama")
EMBEDDING = mark("Texts to be made into vectors, to Ollama")
_READING = mark("Reading the text")
_SAMPLERS = (
    "temperature", "top_k", "top_p", "min_p", "typical_p", "repeat_last_n", "repeat_penalty", "presence_penalty", "frequency_penalty",
)  # fmt: skip
_NO_SAMPLER = mark("Ollama's interface does not offer it.")
CAPABILITIES = Capabilities(
    frozenset(("json_schema", "logprobs", "seed", "thinking", "tools", "load", "unload")),
    frozenset(_SAMPLERS),
    {name: _NO_SAMPLER for name in ("mirostat", "dry_multiplier", "xtc_probability", "top_n_sigma", "logit_bias", "banned_phrases", "order")}
    | {
        "grammar": mark("Ollama takes JSON schemas, no grammars."),
        "prefill": mark("Ollama's interface is not known to go on with a given beginning for every model."),
        "continue_last": mark("Ollama's interface is not known to go on with a given beginning for every model."),
        "tool_choice": mark("Ollama can be offered tools, but not told to use one."),  # tried in 0.32.5 (ollama-python pull request 671)
        "loras": mark("Ollama has the adapters that its model was made with."),
        "token_count": mark("Ollama does not count tokens before it answers: our numbers are careful estimates."),
    },
)
_FAR_LESS = 0.5
_TELLING_TOKENS = 64
"""Below this, a count that is too low says nothing."""
_NANO = 1e9


class OllamaEngine:
    """One model of one Ollama. It loads the model itself at the first need and puts requests in a row.

    `context_length` goes out as `num_ctx`, from the fit check; None takes what Ollama chooses. Another one than before makes
    Ollama load the model anew. `keep_alive` is how long the model stays in memory afterwards (Ollama's words: "10m", -1 for ever).
    """

    def __init__(
        self,
        base_url: str = DEFAULT_URL,
        model: str = "",
        key: str = "",
        *,
        context_length: int | None = None,
        keep_alive: str | int | None = None,
        net: Net | None = None,
        patience: Any = None,
    ) -> None:
        self.base_url = root_of(base_url)
        self.host = host_of(self.base_url)
        self._model = model
        self._key = key
        self._num_ctx = context_length
        self._allocated: int | None = None
        self._keep_alive = keep_alive
        self._net = net or Net()
        self._patience = patience
        self._version = ""

    def describe(self) -> EngineFacts:
        """What is known so far; the context length as asked for, or as Ollama chose it when the model was loaded."""
        return EngineFacts("ollama", self._version, model=self._model, context_length=self._window, details={"server": self.host, "url": self.base_url})

    @property
    def _window(self) -> int | None:
        return self._allocated or self._num_ctx

    def capabilities(self) -> Capabilities:
        """What Ollama can do, and why not the rest."""
        return CAPABILITIES

    async def version(self) -> str:
        """Ollama's version. Raises NetTrouble."""
        value = await self._ask("/api/version")
        self._version = str(value.get("version") or "")[:80] if isinstance(value, dict) else ""
        return self._version

    async def models(self) -> list[ServerModel]:
        """What is there, and what of it is loaded. Raises NetTrouble."""
        return listed(await self._ask("/api/tags"), await self._ask("/api/ps"), self.host)

    async def show(self, name: str) -> ServerModel:
        """One model, with the longest context it was trained for. Raises NetTrouble (NoSuchModel)."""
        value = await self._ask("/api/show", {"model": name}, model=name)
        if not isinstance(value, dict):
            raise BadAnswer(self.host, mark("It is another list than agreed."))
        facts, details = object_in(value, "model_info", self.host), object_in(value, "details", self.host)
        architecture = str(facts.get("general.architecture") or details.get("family") or "")
        return ServerModel(
            name,
            max_context_length=count_in(facts, f"{architecture}.context_length"),
            quantisation=str(details.get("quantization_level") or ""),
            architecture=architecture,
            remote=bool(value.get("remote_host")),
        )

    async def load(self, report: OnProgress | None = None) -> None:
        """Load the model now. Raises NetTrouble; a model that does not fit is a ServerSaid."""
        await self._choose()
        if report is not None:
            report(Progress(LOADING))
        await self._keep(self._keep_alive)
        await self._look()

    async def unload(self) -> None:
        """Free the memory of the model; one that is not loaded is fine. Raises NetTrouble."""
        await self._choose()
        await self._keep(0)
        self._allocated = None

    async def _keep(self, keep_alive: str | int | None) -> None:
        body: dict[str, Any] = {"model": self._model, "stream": False}
        if keep_alive is not None:
            body["keep_alive"] = keep_alive
        if self._num_ctx and keep_alive != 0:
            body["options"] = {"num_ctx": self._num_ctx}
        await self._ask("/api/generate", body, model=self._model, is_slow=True)

    async def reply(self, request: TextRequest) -> Stream[TextEvent]:
        """Stream the reply; the last event is an `EndpointReply`. What came before an error was yielded and stands.

        Raises BadRequest (NotOffered), PromptTooLong, NoSuchModel, ServerSaid, and every NetTrouble.
        """
        check_request(request)
        warnings = check_offered(request, CAPABILITIES, self.host)
        await self._choose()
        seed = request.sampling.seed if request.sampling.seed is not None else secrets.randbits(31)
        asked, marks = guarded(request, self.host)
        warnings += marks
        path, body = request_body(asked, self._model, seed, self._num_ctx, self._keep_alive)
        counted = careful_request_count(request)
        writing = Writing(request, self.host, warnings, has_wedges=asked.tools != request.tools)
        yield Progress(_READING)
        async with contextlib.aclosing(self._stream(path, body, writing, counted)) as pieces:
            async for piece in pieces:
                yield piece
        for piece in writing.end_of_calls():
            yield piece
        if self._allocated is None:
            await self._look()
        texts = [request.prompt] if request.prompt is not None else [message.text for message in request.messages]
        at_least = least_count(texts)
        if writing.prompt_tokens and at_least >= _TELLING_TOKENS and writing.prompt_tokens < _FAR_LESS * at_least:
            values: dict[str, object] = {"host": self.host, "read": writing.prompt_tokens, "sent": at_least}
            writing.warnings.append(Warned(mark("{host} read only {read} tokens of at least {sent}: it left out a part of the text."), values))
        yield writing.reply(model=self._model, engine="ollama", seed=seed, counted=counted, context_length=self._window)

    async def _stream(self, path: str, body: dict[str, Any], writing: Writing, counted: int) -> Stream[TextPiece]:
        import httpx2

        from localstory.net.live import HttpRefusal, LivePatience, Watch, live_client, reason_within

        patience = self._patience or LivePatience()
        watch = Watch(patience)
        lines, received = Lines(self.host), 0
        try:
            async with live_client(self._net, self.base_url, purpose=ASKING, key=self._key, patience=patience, watch=watch) as http:
                url = httpx2.URL(self.base_url).copy_with(raw_path=path.encode())
                async with http.stream("POST", url, content=json.dumps(body, ensure_ascii=False).encode()) as response:
                    async for part in response.aiter_raw():
                        received += len(part)
                        before = writing.events
                        for line in lines.feed(part):
                            for piece in self._take(line, writing):
                                yield piece
                            if writing.is_stopped or writing.finish:
                                break
                        if writing.is_stopped or writing.finish:  # the last line holds all numbers: there is nothing behind it
                            break
                        if writing.events != before:
                            watch.went_on()
                    else:
                        for line in lines.end():
                            for piece in self._take(line, writing):
                                yield piece
            if not writing.finish and not writing.is_stopped:
                raise CutOff(self.host, received)
        except Exception as error:
            for piece in writing.rest():
                yield piece
            reason = reason_within(error)
            if isinstance(reason, HttpRefusal):
                raise await self._understood(reason, counted) from error
            if isinstance(reason, PromptTooLong):
                raise PromptTooLong(max(counted, reason.prompt_tokens), await self._known_window(reason.context_length)) from error
            if reason is None or reason is error:
                raise
            raise reason from error
        for piece in writing.rest():
            yield piece

    def _take(self, line: str, writing: Writing) -> Iterator[TextPiece]:
        if not line.strip():
            return
        value = value_of(line, self.host)
        if value.get("error"):
            said = said_in(value)
            raise too_long(value, said, 0, self._window) or ServerSaid(self.host, said)
        message = object_in(value, "message", self.host)
        text = text_in(message, "content", self.host) or text_in(value, "response", self.host)
        thinking = text_in(message, "thinking", self.host) or text_in(value, "thinking", self.host)
        if message.get("tool_calls"):
            writing.calls(message["tool_calls"], are_whole=True)
        odds = value.get("logprobs")
        if odds is not None and not (isinstance(odds, list) and all(isinstance(one, dict) for one in odds)):
            raise other_kind(self.host)
        yield from writing.words(text, thinking, [token_in(one, self.host) for one in odds or ()])
        if value.get("done") is True:
            writing.finish = text_in(value, "done_reason", self.host) or "stop"
            writing.prompt_tokens = count_in(value, "prompt_eval_count")
            writing.generated_tokens = count_in(value, "eval_count")
            writing.load_s = (number_in(value, "load_duration") or 0.0) / _NANO
            reading = number_in(value, "prompt_eval_duration")
            writing.prompt_s = reading / _NANO if reading is not None else None

    async def _understood(self, refusal: Any, counted: int) -> CannotContinue:
        reason = refused(self.host, refusal.status, refusal.headers, refusal.body, model=self._model, counted=counted, context_length=self._window)
        if isinstance(reason, PromptTooLong):
            return PromptTooLong(reason.prompt_tokens, await self._known_window(reason.context_length))
        return reason

    async def _known_window(self, otherwise: int) -> int:
        if self._allocated is None:
            await self._look()
        return self._window or otherwise

    async def count_tokens(self, text: str) -> int:
        """A careful estimate: Ollama has no question for it."""
        return careful_count(text)

    async def count_many(self, texts: Sequence[str], report: OnProgress | None = None) -> list[int]:
        """Careful estimates."""
        return [careful_count(text) for text in texts]

    async def count_prompt(self, messages: Sequence[Message], report: OnProgress | None = None) -> int:
        """A careful estimate, with what a template adds."""
        return careful_prompt_count(messages)

    async def embed(self, texts: Sequence[str], report: OnProgress | None = None) -> Embeddings:
        """Each text as a vector, by /api/embed. Raises BadRequest, PromptTooLong, NoSuchModel, ServerSaid, NetTrouble."""
        check_texts(texts)
        vectors: list[tuple[float, ...]] = []
        tokens = 0
        if texts:
            await self._choose()
        for part in in_parts(texts):
            body: dict[str, Any] = {"model": self._model, "input": part, "truncate": False}
            if self._keep_alive is not None:
                body["keep_alive"] = self._keep_alive
            if self._num_ctx:
                body["options"] = {"num_ctx": self._num_ctx}
            counted = max(map(careful_count, part))
            value = await self._ask("/api/embed", body, model=self._model, is_slow=True, purpose=EMBEDDING, counted=counted)
            vectors += vectors_in(value.get("embeddings") if isinstance(value, dict) else None, len(part), self.host)
            told = count_in(value, "prompt_eval_count")
            tokens += told if told is not None else sum(map(careful_count, part))
            if report is not None:
                report(Progress(_READING, len(vectors), len(texts)))
        return Embeddings(tuple(vectors), tokens, self._model)

    async def close(self) -> None:
        """Nothing stays open between requests; the model stays loaded as long as Ollama keeps it."""

    async def _choose(self) -> None:
        """The model, when none was named: a loaded one, else the newest of this computer."""
        if self._model:
            return
        found = await self.models()
        own = [one for one in found if not one.remote]
        chosen = next((one for one in own if one.loaded), next(iter(own), None))
        if chosen is None:
            raise ServerSaid(self.host, "no models")
        self._model = chosen.name

    async def _look(self) -> None:
        """Learn how long the context really is that Ollama reserved."""
        with contextlib.suppress(NetTrouble):
            loaded = listed({"models": []}, await self._ask("/api/ps"), self.host)
            wanted = {self._model, f"{self._model}:latest"}
            self._allocated = next((one.context_length for one in loaded if one.name in wanted), None)

    async def _ask(
        self, path: str, body: Mapping[str, Any] | None = None, *, model: str = "", is_slow: bool = False, purpose: str = "", counted: int = 0
    ) -> Any:
        from localstory.net.live import QUICK, HttpRefusal, LivePatience, ask_json

        usual = LivePatience() if is_slow else QUICK
        patience = self._patience if self._patience is not None and self._patience.first_seconds < usual.first_seconds else usual
        root = urlsplit(self.base_url).path
        try:
            return await ask_json(
                self._net, self.base_url, root + path, purpose=purpose or (LOADING if is_slow else LISTING), body=body, key=self._key, patience=patience
            )
        except HttpRefusal as refusal:
            window = self._window if counted else None
            raise refused(self.host, refusal.status, refusal.headers, refusal.body, model=model, counted=counted, context_length=window) from refusal


def root_of(typed: str) -> str:
    """An address as a person types it, without `/v1` or `/api` at its end: `localhost:11434` -> `http://localhost:11434`."""
    text = typed.strip().rstrip("/")
    parts = urlsplit(text if "://" in text else f"http://{text}")
    path = parts.path.rstrip("/")
    for end in ("/v1", "/api"):
        path = path.removesuffix(end)
    return urlunsplit((parts.scheme, parts.netloc, path, "", ""))


def request_body(request: TextRequest, model: str, seed: int, num_ctx: int | None, keep_alive: str | int | None) -> tuple[str, dict[str, Any]]:
    """(path, body) of a request that `check_offered` let pass. Pure."""
    options: dict[str, Any] = {name: getattr(request.sampling, name) for name in _SAMPLERS}
    options |= {"num_predict": request.max_tokens, "seed": seed}
    if num_ctx:
        options["num_ctx"] = num_ctx
    if request.stop:
        options["stop"] = [sendable(stop) for stop in request.stop if stop]
    body: dict[str, Any] = {"model": model, "stream": True, "truncate": False, "shift": False, "options": options}
    if keep_alive is not None:
        body["keep_alive"] = keep_alive
    if request.json_schema:
        body["format"] = schema_of(request.json_schema)
    if request.logprobs or request.score:
        body |= {"logprobs": True, "top_logprobs": request.logprobs}
    if request.thinking is not None and request.prompt is None:
        body["think"] = request.thinking
    if offered(request):
        body["tools"] = tool_entries(offered(request))
    if request.prompt is not None:
        # Without a prompt this question means "load the model": the emptiest page there is has a space on it.
        return "/api/generate", body | {"prompt": sendable(request.prompt) or " ", "raw": True}
    return "/api/chat", body | {"messages": ollama_messages(request.messages)}


def listed(tags: object, loaded: object, host: str) -> list[ServerModel]:
    """`/api/tags` and `/api/ps` as one list; what is loaded without being in the first comes last. Pure. Raises BadAnswer."""
    running = {str(one.get("model") or one.get("name")): one for one in _entries(loaded, host)}
    found = []
    for one in _entries(tags, host):
        name = str(one.get("model") or one.get("name") or "")[:300]
        if name:
            found.append(_listed(name, one, running.pop(name, None)))
    return found + [_listed(name, one, one) for name, one in running.items()]


def _entries(value: object, host: str) -> list[Mapping[str, Any]]:
    entries = value.get("models") if isinstance(value, dict) else None
    if entries is None and isinstance(value, dict) and "models" in value:
        return []  # Go's empty list is null
    if not isinstance(entries, list):
        raise BadAnswer(host, mark("It is another list than agreed."))
    return [one for one in entries[:2000] if isinstance(one, dict)]


def _listed(name: str, one: Mapping[str, Any], running: Mapping[str, Any] | None) -> ServerModel:
    details = one.get("details") if isinstance(one.get("details"), dict) else {}
    assert isinstance(details, dict)
    return ServerModel(
        name,
        loaded=running is not None,
        context_length=count_in(running, "context_length") if running is not None else None,
        max_context_length=count_in(details, "context_length"),
        quantisation=str(details.get("quantization_level") or "")[:40],
        architecture=str(details.get("family") or "")[:80],
        size_bytes=count_in(one, "size"),
        size_on_card_bytes=count_in(running, "size_vram") if running is not None else None,
        instances=(name,) if running is not None else (),
        remote=bool(one.get("remote_host") or one.get("remote_model")),
    )
