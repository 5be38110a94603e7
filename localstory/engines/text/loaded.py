"""A GGUF file in memory: llama.cpp's model and context, its vocabulary, and what the engine says of itself. Child only."""

from __future__ import annotations

import ctypes
import os
import sys
import time
from collections import deque
from typing import Any

import llama_cpp.llama_cpp as L
import numpy as np
import numpy.typing as npt

from localstory.children.worker import Job, Refused
from localstory.fit.context_params import BATCH_TOKENS
from localstory.fit.engine_log import read_log
from localstory.fit.llama_params import NoSuchDevice, set_context_params, set_model_params

engine_log: deque[str] = deque(maxlen=50)
"""The engine's last warnings and errors: why a load, a grammar or an adapter failed stands only here."""
load_log: deque[str] = deque(maxlen=4000)
"""What the engine says of its memory while it loads; the fit check reads it. Lines come in parts."""


@L.llama_log_callback  # type: ignore[untyped-decorator]
def _keep_log(level: int, text: bytes, _user: object) -> None:
    """llama.cpp says why a load failed only here. Warnings and errors go to stderr, where our host keeps the last lines."""
    if level != 1:  # GGML_LOG_LEVEL_DEBUG
        load_log.append(text.decode("utf-8", "replace"))
    if level in (3, 4) and text.strip():  # GGML_LOG_LEVEL_WARN = 3, ERROR = 4
        line = text.decode("utf-8", "replace").strip()
        engine_log.append(line)
        print(line, file=sys.stderr, flush=True)


def start_engine() -> None:
    """Once per process, before anything is loaded."""
    L.llama_log_set(_keep_log, None)
    L.llama_backend_init()


def last_error() -> str:
    """The most telling line the engine logged."""
    for line in reversed(engine_log):
        # The very last one only says that it failed; why stands before it ("error loading model: missing tensor …").
        if ("error" in line.lower() or "fail" in line.lower()) and not line.endswith("failed to load model"):
            return line[:300]
    return engine_log[-1][:300] if engine_log else ""


class LoadedModel:
    """One model with one context. `job` is what is being done now: cancelling it aborts an evaluation within a batch."""

    def __init__(self, args: dict[str, Any], job: Job) -> None:
        """Load as `args` say (see `LlamaCppEngine._load`). Raises Refused (load_failed, no_context), Cancelled."""
        self.job: Job | None = job
        self.model: Any = None
        self.context: Any = None
        self._piece_of: dict[int, bytes] = {}
        # ctypes callbacks must outlive their use.
        self.abort_callback = L.ggml_abort_callback(lambda _data: self.job is not None and self.job.cancelled)
        try:
            self._load(args, job)
        except BaseException:
            self.free()
            raise

    def _load(self, args: dict[str, Any], job: Job) -> None:
        engine_log.clear()
        load_log.clear()
        began = time.perf_counter()
        params = L.llama_model_default_params()
        try:
            self._kept = set_model_params(L, params, args["model"])  # what the model's parameters point to
        except NoSuchDevice as missing:
            raise Refused("load_failed", reason=f"no device {missing}") from missing
        last_shown = -1.0

        def progress(share: float, _user: object) -> bool:
            nonlocal last_shown
            if share - last_shown >= 0.01 or share >= 1.0:
                last_shown = share
                job.progress("load", share, 1.0)
            return not job.cancelled

        params.progress_callback = L.llama_progress_callback(progress)
        self.model = L.llama_model_load_from_file(os.fsencode(str(args["path"])), params)
        job.check()
        if not self.model:
            self.model = None
            raise Refused("load_failed", reason=last_error())
        self.vocab = L.llama_model_get_vocab(self.model)
        self.trained_context = int(L.llama_model_n_ctx_train(self.model))
        wanted = int(args.get("context_length") or self.trained_context)
        if args["context"].get("rope_scaling", "auto") == "auto":
            wanted = min(wanted, self.trained_context)
        elif not args.get("context_length"):
            wanted = int(wanted * float(args["context"]["rope_factor"]))
        self.n_ctx = wanted or BATCH_TOKENS
        context_params = L.llama_context_default_params()
        set_context_params(L, context_params, args["context"] | {"n_ctx": self.n_ctx})
        self.threads = max(1, int(args.get("threads") or 1))
        context_params.n_threads = context_params.n_threads_batch = self.threads
        context_params.abort_callback = self.abort_callback
        context_params.no_perf = True
        self.context = L.llama_init_from_model(self.model, context_params)
        job.check()
        if not self.context:
            self.context = None
            raise Refused("no_context", reason=last_error(), context_length=self.n_ctx)
        self.context_args: dict[str, Any] = dict(args["context"])
        self.outputs = int(args["context"]["n_outputs_max"])
        """How many tokens of one batch may have logits."""
        self.memory = L.llama_get_memory(self.context)
        self.log = "".join(load_log)
        """What the engine said while this was loaded; another model's load does not touch it."""
        self.flash = _flash_attention(self.log, str(args["context"]["flash_attn"]))
        """Whether flash attention is used, as the engine decided: then logits depend a little on how tokens were split into batches."""
        self.one_by_one = args["context"]["flash_attn"] == "off"
        """Whether every token of a reply is evaluated alone: without flash attention by choice, the text must always be the same."""
        self.can_go_back = bool(self.memory) and not (L.llama_model_is_recurrent(self.model) or L.llama_model_is_hybrid(self.model))
        """Whether the last tokens can be taken out of the cache again."""
        self.n_vocab = int(L.llama_vocab_n_tokens(self.vocab))
        self.bos = int(L.llama_vocab_bos(self.vocab))
        self.eos = int(L.llama_vocab_eos(self.vocab))
        self.add_bos = bool(L.llama_vocab_get_add_bos(self.vocab))
        self.n_swa = int(L.llama_model_n_swa(self.model))
        template = L.llama_model_chat_template(self.model, None)
        self.template = template.decode("utf-8", "replace") if template else None
        """The chat template the file brings."""
        self.load_s = time.perf_counter() - began

    def free(self) -> None:
        """Give the memory back. Freeing twice is harmless."""
        if self.context:
            L.llama_free(self.context)
        if self.model:
            L.llama_model_free(self.model)
        self.context = self.model = None

    def fact(self, name: str) -> str:
        """A value of the file's header, as text; "" where it has none."""
        buffer = ctypes.create_string_buffer(256)
        length = L.llama_model_meta_val_str(self.model, name.encode(), buffer, 256)
        return buffer.value.decode("utf-8", "replace") if length >= 0 else ""

    # -- tokens -------------------------------------------------------------------------------------------------------

    def tokenise(self, text: str, *, special: bool, add_special: bool = False) -> list[int]:
        """The text's tokens; only with `special` may its letters become control tokens. Raises Refused("not_tokenised")."""
        raw = text.encode("utf-8", "replace")
        room = len(raw) + 8
        tokens = (L.llama_token * room)()
        count = L.llama_tokenize(self.vocab, raw, len(raw), tokens, room, add_special, special)
        if count < 0:
            raise Refused("not_tokenised")
        return list(tokens[:count])

    def piece(self, token: int) -> bytes:
        """What the token writes; empty for control tokens."""
        known = self._piece_of.get(token)
        if known is None:
            buffer = ctypes.create_string_buffer(256)
            length = L.llama_token_to_piece(self.vocab, token, buffer, 256, 0, False)
            if length < 0:
                buffer = ctypes.create_string_buffer(-length)
                length = L.llama_token_to_piece(self.vocab, token, buffer, -length, 0, False)
            known = self._piece_of[token] = buffer.raw[:length]
        return known

    def make_visible(self, token: int) -> None:
        """From now on this control token's piece is its name."""
        self._piece_of[token] = self.text_of(token).encode()

    def meta(self, key: str) -> str:
        """A text in the file's header; "" where it is missing or longer than 1,000 bytes."""
        buffer = ctypes.create_string_buffer(1001)
        length = L.llama_model_meta_val_str(self.model, key.encode(), buffer, 1001)
        return buffer.value.decode("utf-8", "replace") if 0 <= length <= 1000 else ""

    def text_of(self, token: int) -> str:
        """The token's name in the vocabulary; "" for -1 (there is none)."""
        return (L.llama_vocab_get_text(self.vocab, token) or b"").decode("utf-8", "replace") if token >= 0 else ""

    def logits(self, index: int = -1) -> npt.NDArray[np.float32]:
        """A view, shape (n_vocab,): the logits of the last evaluation's output `index`, until the next evaluation."""
        return np.ctypeslib.as_array(L.llama_get_logits_ith(self.context, index), (self.n_vocab,))


def _flash_attention(log: str, wanted: str) -> bool:
    """What the engine made of "auto", "on" or "off", from its log of the load; the wish itself where it says nothing."""
    said = read_log(log.splitlines()).flash_attention
    return wanted != "off" if said is None else said
