"""The embedded llama.cpp as a TextEngine: our side of `llama_worker`."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import secrets
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import asdict, dataclass, replace
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Literal

from localstory.children.host import Child, WorkFailed
from localstory.engines import packs
from localstory.engines.base import (
    Embeddings,
    EngineFacts,
    Message,
    OnProgress,
    Reply,
    Stream,
    TextEvent,
    TextPiece,
    TextRequest,
    Timing,
    TokenChoice,
    TokenLogprob,
    Usage,
    Warned,
)
from localstory.engines.text.conversation import calls_in, message_args, tool_args, warnings_of
from localstory.engines.text.embeddings import check_texts, unpacked
from localstory.engines.text.kv_home import KvHome, memory_alone
from localstory.engines.text.llama_errors import DraftRefused, check_request, draft_error_of, error_of, failure_words
from localstory.engines.text.load_settings import EngineSettings, check_settings
from localstory.engines.text.lora import lora_args
from localstory.errors import BadRequest, CannotContinue, FileTrouble
from localstory.events import Progress
from localstory.fit.context_params import BATCH_TOKENS, DEFAULT_CONTEXT_LENGTH, ContextParams, LoadSettings, context_params
from localstory.fit.engine_log import memory_need, read_log
from localstory.fit.estimate import ON_PROCESSOR, Placement
from localstory.fit.llama_params import model_args
from localstory.fit.shape import shape_of
from localstory.gguf.header import BadGguf, Header, check_file
from localstory.hardware.cores import worker_threads
from localstory.words import mark

log = logging.getLogger(__name__)

_STAGES = {"load": mark("Loading the model"), "prompt": mark("Reading the text")}


_TELLING_TOKENS = 32
"""A shorter reply says little about the speed."""


@dataclass(frozen=True, slots=True)
class Measured:
    """What a real load or reply took; `figures` as `fit.records.Measurement` wants them."""

    kind: Literal["load", "reply"]
    title: str
    header: Header
    params: ContextParams
    placement: Placement
    figures: dict[str, Any]


def engine_params(header: Header, settings: LoadSettings) -> ContextParams:
    """The fit check's own function decides; a model whose shape it can't read gets the careful values."""
    try:
        return context_params(shape_of(header), settings)
    except BadGguf as trouble:
        log.info("the shape is not known (%s): loaded with one sequence", trouble)
        n_ctx = -(-(settings.context_length or DEFAULT_CONTEXT_LENGTH) // 256) * 256
        return ContextParams(n_ctx, BATCH_TOKENS, BATCH_TOKENS, 1, True, 1, settings.flash_attention, settings.kv_type, settings.kv_type, settings.swa_full)


class LlamaCppEngine:
    """llama.cpp in a child process, with one GGUF file. One reply at a time; further ones wait their turn."""

    def __init__(
        self,
        model: Path,
        *,
        title: str = "",
        parameters: int | None = None,
        context_length: int | None = None,
        threads: int | None = None,
        flash_attention: bool = True,
        placement: Placement = ON_PROCESSOR,
        on_measured: Callable[[Measured], None] | None = None,
        pack: Callable[[], packs.Pack | None] | None = None,
        kept: KvHome | None = None,
        choose: Callable[[Header], EngineSettings] | None = None,
        place: Callable[[Header, EngineSettings], Awaitable[Placement]] | None = None,
    ) -> None:
        """`pack` tells which engine pack to run on (None: the portable build), asked before each load and reply; it may raise
        what `packs.chosen_pack` raises. Where the pack can't, the portable build does, and `pack_trouble` says why. `kept`: where
        branches are saved that leave the cache, and how much; without it they go to memory alone.

        `choose` tells how this model is to be loaded, asked before each reply (a change loads it anew), instead of the arguments above;
        `place` says where its layers go, instead of `placement`."""
        self._path = model.absolute()
        self._title = title or model.stem
        self._parameters = parameters
        own = EngineSettings(LoadSettings(context_length=context_length, flash_attention="auto" if flash_attention else "off"), threads)
        self._choose: Callable[[Header], EngineSettings] = choose or (lambda _header: own)
        self._place = place
        self._chosen = own
        self._placement = placement
        self._kept = kept
        self._on_measured = on_measured
        self._wanted_pack = pack
        self._pack: packs.Pack | None = None
        self._failed_pack: packs.Pack | None = None
        self._told_trouble = ""
        self.pack_trouble: CannotContinue | None = None
        """Why the chosen engine pack is not what runs; None when it is, or none was chosen."""
        self._child = self._new_child()
        self._loaded: dict[str, Any] | None = None
        self._loaded_pid: int | None = None
        self._header: Header | None = None
        self._params: ContextParams | None = None
        self._turn = asyncio.Lock()

    def describe(self) -> EngineFacts:
        """What is known without loading; the header's facts once it was read."""
        try:
            library = self._pack.version if self._pack is not None else version("llama-cpp-python")
        except PackageNotFoundError:
            library = ""
        header = self._header
        return EngineFacts(
            name="llama_cpp",
            version=library,
            model=self._title,
            context_length=int(self._loaded["context_length"]) if self._loaded else None,
            parameters=header.parameters if header else self._parameters,
            details={
                "context_length": self._settings.context_length or DEFAULT_CONTEXT_LENGTH,
                "threads": self._threads,
                "flash_attention": self._settings.flash_attention != "off",
                "kv_type": self._settings.kv_type,
                "gpu_layers": self._placement.gpu_layers,
                "engine_pack": self._pack.name if self._pack is not None else packs.BUILTIN,
                "chat_template": self._loaded["template"] if self._loaded else None,
                "file": self._path.name,
            },
        )

    async def reply(self, request: TextRequest) -> Stream[TextEvent]:
        """Stream the reply. Raises PromptTooLong, ModelRefused, NotEnoughMemory, BadRequest, FileTrouble, ChildDied."""
        check_request(request)
        seed = request.sampling.seed if request.sampling.seed is not None else secrets.randbits(32)
        args: dict[str, Any] = {
            "prompt": request.prompt,
            "messages": message_args(request.messages),
            "max_tokens": request.max_tokens,
            "sampling": asdict(request.sampling) | {"seed": seed},
            "stop": list(request.stop),
            "json_schema": request.json_schema,
            "score": request.score,
            "grammar": request.grammar,
            "logprobs": request.logprobs,
            "prefill": request.prefill,
            "continue_last": request.continue_last,
            "thinking": request.thinking,
            "exact": request.sampling.seed is not None,
            "private": request.private,
            "lookup": request.lookup,
            **tool_args(request.tools, request.tool_choice),
        }
        async with self._turn:
            async with contextlib.aclosing(self._load()) as loading:
                async for progress in loading:
                    yield progress
            assert self._header is not None
            args["loras"] = await lora_args(request.loras, self._header)
            try:
                async with contextlib.aclosing(self._child.run("reply", args)) as messages:
                    async for message in messages:
                        if message["type"] == "piece":
                            yield _piece(message)
                        elif message["type"] == "progress":
                            yield _progress(message)
                        else:
                            yield self._ended(message["result"], seed)
            except WorkFailed as failure:
                raise self._error(failure) from failure

    async def count_tokens(self, text: str) -> int:
        """How many tokens this text is; loads the model if need be."""
        return (await self.count_many([text]))[0]

    async def count_many(self, texts: Sequence[str], report: OnProgress | None = None) -> list[int]:
        """How many tokens each text is, as the content of a message; loads the model if need be. Raises as `reply`."""
        return await self._count({"texts": list(texts)}, report)

    async def count_prompt(self, messages: Sequence[Message], report: OnProgress | None = None) -> int:
        """What `Usage.prompt_tokens` of a reply to these messages will be; loads the model if need be. Raises as `reply`."""
        return (await self._count({"messages": message_args(messages)}, report))[0]

    async def _count(self, args: dict[str, Any], report: OnProgress | None) -> list[int]:
        return [int(count) for count in (await self._result("count", args, report))["tokens"]]

    async def embed(self, texts: Sequence[str], report: OnProgress | None = None) -> Embeddings:
        """Each text as a vector, by the model's own way of pooling, the mean of all tokens where it has none.

        Raises as `reply`, and BadRequest for an empty text and for a model that only ranks.
        """
        check_texts(texts)
        if not texts:
            return Embeddings((), 0, self._title)
        result = await self._result("embed", {"texts": list(texts)}, report)
        return Embeddings(tuple(unpacked(one) for one in result["vectors"]), int(result["tokens"]), self._title)

    async def _result(self, op: str, args: dict[str, Any], report: OnProgress | None) -> dict[str, Any]:
        """What the child answers to a question without pieces; loads the model if need be."""
        async with self._turn:
            async with contextlib.aclosing(self._load()) as loading:
                async for progress in loading:
                    if report is not None:
                        report(progress)
            try:
                async with contextlib.aclosing(self._child.run(op, args)) as answers:
                    async for answer in answers:
                        if answer["type"] == "done":
                            result: dict[str, Any] = answer["result"]
                            return result
                        if answer["type"] == "progress" and report is not None:
                            report(_progress(answer))
            except WorkFailed as failure:
                raise self._error(failure) from failure
        raise AssertionError("a run always ends with done or raises")

    @property
    def process_id(self) -> int | None:
        """The child's, for whoever wants to see its memory; None while there is none."""
        return self._child.pid if self._child.is_running else None

    async def close(self) -> None:
        """End the child and free its memory."""
        await self._child.close()
        self._loaded = None

    async def unload(self) -> None:
        """Free the memory of the model when the reply that is being written has ended; the next one loads it again."""
        async with self._turn:
            await self.close()

    @property
    def _settings(self) -> LoadSettings:
        return self._chosen.load

    @property
    def _threads(self) -> int:
        return self._chosen.threads or worker_threads()

    def _about(self, *files: Path) -> str:
        """For whose sake a child may crash. A pack's crashes are its own: they must not quarantine the file for the portable build."""
        names = " + ".join(str(file) for file in files)
        return names if self._pack is None else f"{names} [{self._pack.name}]"

    def _new_child(self) -> Child:
        pack = self._pack
        return Child(
            "text",
            about=self._about(self._path),
            library=pack.folder if pack is not None else None,
            saves=self._kept is not None and self._kept.disk_bytes != 0,
        )

    def _chosen_pack(self) -> packs.Pack | None:
        """The pack to run on now; None for the portable build, also where the chosen pack can't (`pack_trouble` says why)."""
        try:
            pack = self._wanted_pack() if self._wanted_pack is not None else None
        except CannotContinue as trouble:
            self.pack_trouble = trouble
            return None
        if pack is not None and pack == self._failed_pack:
            return None
        self.pack_trouble = self._failed_pack = None
        return pack

    async def _load(self) -> Stream[Progress]:
        pack = self._chosen_pack()
        is_there = self._loaded is not None and self._child.is_running and self._child.pid == self._loaded_pid and self._pack == pack
        if is_there and (self._header is None or self._choose(self._header) == self._chosen):
            return
        self._loaded = None
        if self._pack != pack:
            await self._child.close()
            self._pack = pack
            self._child = self._new_child()
        if pack is not None:
            try:
                async with contextlib.aclosing(self._load_here()) as loading:
                    async for progress in loading:
                        yield progress
                return
            except (FileTrouble, BadRequest, DraftRefused):
                raise  # the files and the person's wishes are the same for every build
            except CannotContinue as trouble:
                log.warning("the engine pack %s is not used: %s", pack.name, trouble)
                self._failed_pack = pack
                self.pack_trouble = packs.PackRefused(pack.name, mark("It could not load the model. {why}"), why=failure_words(trouble))
            await self._child.close()
            self._pack = None
            self._child = self._new_child()
        async with contextlib.aclosing(self._load_here()) as loading:
            async for progress in loading:
                yield progress

    async def _load_here(self) -> Stream[Progress]:
        """Load in the child that is there."""
        self._header = await asyncio.to_thread(check_file, self._path)
        self._chosen = self._choose(self._header)
        check_settings(self._chosen)
        self._params = engine_params(self._header, self._settings)
        if self._place is not None:
            self._placement = await self._place(self._header, self._chosen)
        wanted = self._settings.context_length
        args = {
            "path": str(self._path),
            "context_length": DEFAULT_CONTEXT_LENGTH if wanted is None else wanted,
            "context": self._params.as_args(),
            "threads": self._threads,
            "kv": await asyncio.to_thread(self._kept.load_args) if self._kept is not None else memory_alone(),
            "model": model_args(self._placement, self._header.whole(f"{self._header.architecture}.block_count") or 0),
        }
        draft = self._chosen.draft_model
        draft_args = await self._draft_args(draft) if draft is not None else {}
        self._child.about = self._about(self._path)
        await self._child.start()
        result: dict[str, Any] = {}
        try:
            async with contextlib.aclosing(self._child.load(args)) as messages:
                async for message in messages:
                    if message["type"] == "progress":
                        yield _progress(message)
                    elif message["type"] == "done":
                        result = message["result"]
        except WorkFailed as failure:
            raise self._error(failure) from failure
        pid = self._child.pid
        if draft is not None:
            async with contextlib.aclosing(self._load_draft(draft, draft_args)) as loading:
                async for progress in loading:
                    yield progress
        self._loaded, self._loaded_pid = result, pid
        self._tell_load(result)

    async def _load_draft(self, path: Path, args: dict[str, Any]) -> Stream[Progress]:
        """Load the draft model beside the model. What goes wrong is about its file, a crash too."""
        self._child.about = self._about(path)
        try:
            async with contextlib.aclosing(self._child.run("draft", args)) as messages:
                async for message in messages:
                    if message["type"] == "progress":
                        yield _progress(message)
        except WorkFailed as failure:
            raise draft_error_of(failure, path, self._title, self._settings.context_length or DEFAULT_CONTEXT_LENGTH) from failure
        # From now on nobody can tell which of the two made it crash: then the pair is set aside, and not the model by itself.
        self._child.about = self._about(self._path, path)

    async def _draft_args(self, path: Path) -> dict[str, Any]:
        """What the child needs to load the draft model beside. Raises as `check_file`, and Quarantined."""
        self._child.check(self._about(path))
        self._child.check(self._about(self._path, path))
        header = await asyncio.to_thread(check_file, path)
        settings = LoadSettings(self._settings.context_length, flash_attention=self._settings.flash_attention, sequences=1)
        return {
            "path": str(path),
            "context_length": self._settings.context_length or DEFAULT_CONTEXT_LENGTH,
            "context": engine_params(header, settings).as_args(),
            "threads": self._threads,
            "model": model_args(ON_PROCESSOR, 0),
        }

    def _placed(self) -> Placement:
        return replace(self._placement, engine=self._pack.name) if self._pack is not None else self._placement

    def _tell_load(self, result: dict[str, Any]) -> None:
        """Hand on what the engine said about its memory, for the fit check to show and to learn from."""
        if self._on_measured is None or self._header is None or self._params is None:
            return
        said = read_log(str(result.get("log", "")).splitlines())
        devices = [asdict(device) for device in memory_need(said, "measured").devices]
        self._on_measured(Measured("load", self._title, self._header, self._params, self._placed(), {"devices": devices, "load_s": result["load_s"]}))

    def _tell_reply(self, result: dict[str, Any]) -> None:
        """The speed of a reply that was long enough to tell."""
        if self._on_measured is None or self._header is None or self._params is None:
            return
        tps, tokens = result["tokens_per_second"], int(result["generated_tokens"])
        if tps is None or tokens < _TELLING_TOKENS:
            return
        fresh = int(result["prompt_tokens"]) - int(result["reused_tokens"])
        prompt_tps = fresh / result["prompt_s"] if fresh >= _TELLING_TOKENS and result["prompt_s"] > 0 else None
        figures = {"generate_tps": tps, "prompt_tps": prompt_tps, "tokens": tokens, "tokens_in_cache": int(result["prompt_tokens"]) + tokens // 2}
        self._on_measured(Measured("reply", self._title, self._header, self._params, self._placed(), figures))

    def _ended(self, result: dict[str, Any], seed: int) -> Reply:
        self._tell_reply(result)
        return Reply(
            text=str(result["text"]),
            usage=Usage(result["prompt_tokens"], result["reused_tokens"], result["generated_tokens"]),
            timing=Timing(result["load_s"], result["prompt_s"], result["generate_s"], result["first_token_s"], result["tokens_per_second"]),
            stop_reason=result["stop_reason"],
            model=self._title,
            engine="llama_cpp",
            seed=seed,
            mean_logprob=result["mean_logprob"],
            reasoning=str(result["reasoning"]),
            tool_calls=calls_in(result),
            made_with=self._pack_facts() | result["made_with"],
            warnings=(*self._pack_warnings(), *warnings_of(result["notices"], bool(result["reasoning"]))),
        )

    def _pack_warnings(self) -> list[Warned]:
        """Why the chosen pack is not used: told once, not with every reply."""
        trouble = str(self.pack_trouble or "")
        news, self._told_trouble = trouble != self._told_trouble, trouble
        if self.pack_trouble is None or not news:
            return []
        text = mark("The engine pack “{pack}” is not used, the portable build wrote this. {why}")
        return [Warned(text, {"pack": getattr(self.pack_trouble, "name", ""), "why": failure_words(self.pack_trouble)})]

    def _pack_facts(self) -> dict[str, Any]:
        """For `Reply.made_with`: which build wrote it, and why not the chosen one."""
        if self.pack_trouble is None:
            return {"engine_pack": self._pack.name if self._pack is not None else packs.BUILTIN}
        wanted = getattr(self.pack_trouble, "name", "")
        return {"engine_pack": packs.BUILTIN, "engine_pack_wanted": wanted, "engine_pack_trouble": str(self.pack_trouble)}

    def _error(self, failure: WorkFailed) -> CannotContinue:
        return error_of(failure, self._path, self._title, self._settings.context_length or DEFAULT_CONTEXT_LENGTH)


def _piece(message: dict[str, Any]) -> TextPiece:
    tokens = tuple(
        TokenLogprob(said.encode("latin-1"), value, tuple(TokenChoice(other.encode("latin-1"), its) for other, its in others))
        for said, value, others in message.get("tokens", ())
    )
    return TextPiece(str(message["text"]), message.get("kind", "answer"), tokens)


def _progress(message: dict[str, Any]) -> Progress:
    stage = str(message["stage"])
    return Progress(_STAGES.get(stage, stage), float(message["done"]), float(message["of"]))
