"""The child that holds llama.cpp: loads a GGUF file, counts tokens, writes replies. Low-level calls only.

The library's own class loses up to a quarter of the speed of a small model in Python per token, and redirects fd 1 and 2
of the whole process; these calls do neither. What the child is made of: `loaded` (model, context, vocabulary),
`prompt_tokens` (a request as tokens), `kv_cache` (what was evaluated), `generation` (a reply),
`embedder` (texts as vectors).
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import llama_cpp.llama_cpp as L

from localstory.children.worker import CLOSING_SECONDS, Job, Refused, serve
from localstory.engines.text.adapters import Adapters
from localstory.engines.text.drafter import DraftModel
from localstory.engines.text.embedder import Embedder
from localstory.engines.text.generation import Generation
from localstory.engines.text.kv_cache import KvCache
from localstory.engines.text.kv_shelf import Shelf, deciding_settings, file_fingerprint, identity_of
from localstory.engines.text.loaded import LoadedModel, start_engine
from localstory.engines.text.prompt_tokens import Prompts


@dataclass(slots=True)
class _Ready:
    """A loaded model and what works with it."""

    model: LoadedModel
    prompts: Prompts
    cache: KvCache
    generation: Generation
    embedder: Embedder
    adapters: Adapters
    drafter: DraftModel | None = None
    """Comes after the rest, by a request of its own: what goes wrong then is about its file."""

    def free(self) -> None:
        if self.drafter is not None:
            self.drafter.free()
        self.embedder.free()
        self.generation.free()
        self.cache.free()
        self.adapters.free()
        self.model.free()


class LlamaWorker:
    """One model at a time. A new load frees the old one first."""

    def __init__(self) -> None:
        start_engine()
        self._ready: _Ready | None = None

    def facts(self) -> dict[str, object]:
        return {"library": f"llama-cpp-python {version('llama-cpp-python')}"}

    def run(self, op: str, args: dict[str, Any], job: Job) -> dict[str, object]:
        if op == "load":
            return self._load(args, job)
        if op not in ("reply", "count", "embed", "draft"):
            raise Refused("unknown_op", op=op)
        ready = self.ready
        ready.model.job = job
        if ready.drafter is not None:
            ready.drafter.model.job = job
        try:
            match op:
                case "reply":
                    return self._reply(ready, args, job)
                case "draft":
                    return self._load_draft(ready, args, job)
                case "embed":
                    return ready.embedder.embed([str(text) for text in args["texts"]], job)
            return self._count(ready, args)
        finally:
            ready.model.job = None
            if ready.drafter is not None:
                ready.drafter.model.job = None

    @property
    def ready(self) -> _Ready:
        """The loaded model. Raises Refused("not_loaded")."""
        if self._ready is None:
            raise Refused("not_loaded")
        return self._ready

    def _load(self, args: dict[str, Any], job: Job) -> dict[str, object]:
        until = time.monotonic() + CLOSING_SECONDS
        # Whoever comes back to the settings from before finds their chats again.
        self.closing(lambda: job.cancelled or time.monotonic() > until)
        self.free()
        with ExitStack() as taken:  # whatever fails, nothing of a load that failed stays
            model = LoadedModel(args, job)
            taken.callback(model.free)
            model.job = None
            if L.llama_vocab_type(model.vocab) == L.LLAMA_VOCAB_TYPE_NONE:
                raise Refused("load_failed", reason="the file has no vocabulary")  # llama.cpp aborts at the first text
            kept = args.get("kv") or {}
            identity = ""
            if kept.get("folder"):
                engine = f"{version('llama-cpp-python')} {L.__file__} {L.llama_print_system_info().decode('utf-8', 'replace')}"
                settings = deciding_settings(args) | {"flash_attention": model.flash}
                identity = identity_of(file_fingerprint(Path(str(args["path"]))), engine, settings)
            cache = KvCache(model, Shelf(kept, identity))
            taken.callback(cache.free)
            prompts = Prompts(model, args.get("template"))
            adapters = Adapters(model)
            taken.callback(adapters.free)
            generation = Generation(model, cache)
            taken.callback(generation.free)
            self._ready = _Ready(model, prompts, cache, generation, Embedder(model), adapters)
            taken.pop_all()
        return {
            "context_length": model.n_ctx,
            "trained_context_length": model.trained_context,
            "parameters": int(L.llama_model_n_params(model.model)),
            "load_s": model.load_s,
            "has_template": model.template is not None,
            "thinking_switch": self._ready.prompts.can.thinking_switch,
            "template": self._ready.prompts.facts(),
            "log": model.log[-100_000:],
        }

    def _load_draft(self, ready: _Ready, args: dict[str, Any], job: Job) -> dict[str, object]:
        """A draft model beside the one that is loaded, which stays as it is when this one is refused."""
        if ready.drafter is not None:
            ready.generation.drafter = None
            ready.drafter.free()
            ready.drafter = None
        ready.drafter = ready.generation.drafter = DraftModel(args, job, ready.model)
        return {"load_s": ready.drafter.model.load_s}

    def free(self) -> None:
        """Give the model's memory back. Freeing twice is harmless."""
        if self._ready is not None:
            self._ready.free()
            self._ready = None

    def _reply(self, ready: _Ready, args: dict[str, Any], job: Job) -> dict[str, object]:
        began = time.perf_counter()
        ready.embedder.free()  # one of the two contexts works; the other's memory may be wanted
        ready.cache.begin(bool(args.get("private")))
        ready.cache.settings_key = ready.adapters.use([(str(path), float(strength)) for path, strength in args.get("loras") or ()])
        result = ready.generation.reply(ready.prompts.start_of(args), args, job, began)
        decided = {"flash_attention": ready.model.flash, "kv_type": ready.model.context_args["type_k"], **ready.cache.facts()}
        return result | {"made_with": {**(result.get("made_with") or {}), **decided}}  # type: ignore[dict-item]

    def quiet(self, stop: Callable[[], bool]) -> None:
        """Nothing was asked for a while: what was evaluated goes to the disk, so that a crash or a restart costs little."""
        if self._ready is not None:
            self._ready.cache.save_to_disk(stop, all_of_it=False)

    def closing(self, stop: Callable[[], bool]) -> None:
        """The child is about to end."""
        if self._ready is not None:
            self._ready.cache.save_to_disk(stop, all_of_it=True)

    def _count(self, ready: _Ready, args: dict[str, Any]) -> dict[str, object]:
        if "messages" in args:
            return {"tokens": [len(ready.prompts.start_of(args).tokens)]}
        return {"tokens": [len(ready.model.tokenise(str(text), special=False)) for text in args["texts"]]}


def main() -> None:
    """Be the child."""
    serve(LlamaWorker)
