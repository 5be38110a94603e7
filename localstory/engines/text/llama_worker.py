"""The child that holds llama.cpp: loads a GGUF file, evaluates prompts, samples tokens. Low-level calls only.

The library's own class loses up to a quarter of the speed of a small model in Python per token, and redirects fd 1 and 2
of the whole process; these calls do neither.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import math
import os
import sys
import time
from collections import deque
from importlib.metadata import version
from typing import Any

import llama_cpp.llama_cpp as L
import numpy as np

from localstory.children.worker import Cancelled, Job, Refused, serve
from localstory.engines.text.streaming import Streamer
from localstory.engines.text.template import CHATML, Part, TemplateFailed, render
from localstory.fit.llama_params import NoSuchDevice, set_context_params, set_model_params

BATCH_TOKENS = 512
_ABORTED = 2  # llama_decode: "aborted (processed ubatches will remain in the context's memory)"

_engine_log: deque[str] = deque(maxlen=50)
_load_log: deque[str] = deque(maxlen=4000)
"""What the engine says of its memory while it loads; the fit check reads it. Lines come in parts."""


@L.llama_log_callback  # type: ignore[untyped-decorator]
def _keep_log(level: int, text: bytes, _user: object) -> None:
    """llama.cpp says why a load failed only here. Warnings and errors go to stderr, where our host keeps the last lines."""
    if level != 1:  # GGML_LOG_LEVEL_DEBUG
        _load_log.append(text.decode("utf-8", "replace"))
    if level in (3, 4) and text.strip():  # GGML_LOG_LEVEL_WARN = 3, ERROR = 4
        line = text.decode("utf-8", "replace").strip()
        _engine_log.append(line)
        print(line, file=sys.stderr, flush=True)


class LlamaWorker:
    """One model at a time, one context, one sequence whose evaluated tokens are reused by the next request."""

    def __init__(self) -> None:
        L.llama_log_set(_keep_log, None)
        L.llama_backend_init()
        self._model: Any = None
        self._kept: list[object] = []  # what the model's parameters point to
        self._context: Any = None
        self._tokens: list[int] = []  # what the KV cache holds
        self._aligned = 0  # how many of them, from the start, were evaluated in whole batches as a cold run would
        self._job: Job | None = None
        self._batch = L.llama_batch_init(BATCH_TOKENS, 0, 1)
        self._piece_of: dict[int, bytes] = {}
        self._load_s = 0.0
        # ctypes callbacks must outlive their use.
        self._abort_callback = L.ggml_abort_callback(lambda _data: self._job is not None and self._job.cancelled)

    def facts(self) -> dict[str, object]:
        return {"library": f"llama-cpp-python {version('llama-cpp-python')}"}

    def run(self, op: str, args: dict[str, Any], job: Job) -> dict[str, object]:
        self._job = job
        try:
            match op:
                case "load":
                    return self._load(args, job)
                case "reply":
                    return self._reply(args, job)
                case "count":
                    if self._context is None:
                        raise Refused("not_loaded")
                    if "messages" in args:
                        return {"tokens": [len(self._prompt_tokens(args)[0])]}
                    return {"tokens": [len(self._tokenise(str(text), special=False)) for text in args["texts"]]}
                case _:
                    raise Refused("unknown_op", op=op)
        finally:
            self._job = None

    # -- loading ------------------------------------------------------------------------------------------------------

    def _load(self, args: dict[str, Any], job: Job) -> dict[str, object]:
        self._free()
        _engine_log.clear()
        _load_log.clear()
        began = time.perf_counter()
        params = L.llama_model_default_params()
        try:
            self._kept = set_model_params(L, params, args["model"])
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
        self._model = L.llama_model_load_from_file(os.fsencode(str(args["path"])), params)
        job.check()
        if not self._model:
            self._model = None
            raise Refused("load_failed", reason=_last_error())
        self._vocab = L.llama_model_get_vocab(self._model)
        self._trained_context = int(L.llama_model_n_ctx_train(self._model))
        self._n_ctx = min(int(args.get("context_length") or self._trained_context), self._trained_context) or 512
        context_params = L.llama_context_default_params()
        set_context_params(L, context_params, args["context"] | {"n_ctx": self._n_ctx})
        context_params.n_threads = context_params.n_threads_batch = max(1, int(args.get("threads") or 1))
        context_params.abort_callback = self._abort_callback
        context_params.no_perf = True
        self._context = L.llama_init_from_model(self._model, context_params)
        job.check()
        if not self._context:
            reason = _last_error()
            self._free()
            raise Refused("no_context", reason=reason, context_length=self._n_ctx)
        self._memory = L.llama_get_memory(self._context)
        self._n_vocab = int(L.llama_vocab_n_tokens(self._vocab))
        self._bos = int(L.llama_vocab_bos(self._vocab))
        self._eos = int(L.llama_vocab_eos(self._vocab))
        self._add_bos = bool(L.llama_vocab_get_add_bos(self._vocab))
        template = L.llama_model_chat_template(self._model, None)
        self._template = template.decode("utf-8", "replace") if template else CHATML
        self._load_s = time.perf_counter() - began
        return {
            "context_length": self._n_ctx,
            "trained_context_length": self._trained_context,
            "parameters": int(L.llama_model_n_params(self._model)),
            "load_s": self._load_s,
            "has_template": template is not None,
            "log": "".join(_load_log)[-100_000:],
        }

    def _free(self) -> None:
        if self._context:
            L.llama_free(self._context)
        if self._model:
            L.llama_model_free(self._model)
        self._context = self._model = None
        self._tokens, self._aligned = [], 0
        self._piece_of = {}

    # -- tokens -------------------------------------------------------------------------------------------------------

    def _tokenise(self, text: str, *, special: bool, add_special: bool = False) -> list[int]:
        raw = text.encode("utf-8", "replace")
        room = len(raw) + 8
        tokens = (L.llama_token * room)()
        count = L.llama_tokenize(self._vocab, raw, len(raw), tokens, room, add_special, special)
        if count < 0:
            raise Refused("not_tokenised")
        return list(tokens[:count])

    def _piece(self, token: int) -> bytes:
        known = self._piece_of.get(token)
        if known is None:
            buffer = ctypes.create_string_buffer(256)
            length = L.llama_token_to_piece(self._vocab, token, buffer, 256, 0, False)
            if length < 0:
                buffer = ctypes.create_string_buffer(-length)
                length = L.llama_token_to_piece(self._vocab, token, buffer, -length, 0, False)
            known = self._piece_of[token] = buffer.raw[:length]
        return known

    def _text_of(self, token: int) -> str:
        return (L.llama_vocab_get_text(self._vocab, token) or b"").decode("utf-8", "replace") if token >= 0 else ""

    def _prompt_tokens(self, args: dict[str, Any]) -> tuple[list[int], str]:
        """The request as tokens, and a notice ("" when all is well)."""
        notice = ""
        if args.get("prompt") is not None:
            parts, add_bos = [Part(str(args["prompt"]), False)], self._add_bos
        else:
            bos, eos = self._text_of(self._bos), self._text_of(self._eos)
            try:
                parts = render(self._template, args["messages"], bos=bos, eos=eos)
            except TemplateFailed as failure:
                notice = f"template: {failure}"
                parts = render(CHATML, args["messages"], bos=bos, eos=eos)
            # Many templates write the beginning-of-text token themselves; twice would be wrong.
            add_bos = self._add_bos and not (parts and bos and parts[0].text.startswith(bos))
        tokens = [self._bos] if add_bos and self._bos >= 0 else []
        for part in parts:
            tokens += self._tokenise(part.text, special=part.scaffold)
        if not tokens:
            start = self._bos if self._bos >= 0 else self._eos
            if start < 0:
                raise Refused("empty_prompt")
            tokens = [start]
        return tokens, notice

    # -- evaluation ---------------------------------------------------------------------------------------------------

    def _decode(self, tokens: list[int], start: int) -> None:
        """Evaluate at most BATCH_TOKENS tokens at positions from `start`; the last one gets logits. Raises Cancelled."""
        batch = self._batch
        batch.n_tokens = len(tokens)
        for index, token in enumerate(tokens):
            batch.token[index] = token
            batch.pos[index] = start + index
            batch.n_seq_id[index] = 1
            batch.seq_id[index][0] = 0
            batch.logits[index] = 0
        batch.logits[len(tokens) - 1] = 1
        status = L.llama_decode(self._context, batch)
        if status == 0:
            return
        # Part of the batch may be in the cache, and we can't tell which: forget it all.
        L.llama_memory_clear(self._memory, True)
        self._tokens, self._aligned = [], 0
        if status == _ABORTED:
            raise Cancelled
        raise Refused("decode_failed", status=int(status), reason=_last_error())

    def _evaluate(self, tokens: list[int], job: Job, exact: bool) -> int:
        """Bring the KV cache to exactly `tokens`, with logits for the last; returns how many were there already.

        `exact` reuses only what a cold run would have evaluated in the same batches: with flash attention another split
        gives slightly other logits, and the same seed must give the same text.
        """
        common = 0
        for have, want in zip(self._tokens, tokens[:-1], strict=False):  # the last one is always evaluated: its logits are needed
            if have != want:
                break
            common += 1
        if exact:
            common = min(common, self._aligned) // BATCH_TOKENS * BATCH_TOKENS
        # Recurrent and sliding-window caches can't always go back; then the answer is False and all is evaluated again.
        if common < len(self._tokens) and not L.llama_memory_seq_rm(self._memory, 0, common, -1):
            L.llama_memory_clear(self._memory, True)
            common = 0
        self._tokens = tokens[:common]
        self._aligned = min(self._aligned, common // BATCH_TOKENS * BATCH_TOKENS)
        for start in range(common, len(tokens), BATCH_TOKENS):
            job.check()
            part = tokens[start : start + BATCH_TOKENS]
            self._decode(part, start)
            self._tokens = tokens[: start + len(part)]
            if start == self._aligned and len(part) == BATCH_TOKENS:
                self._aligned += BATCH_TOKENS
            job.progress("prompt", start + len(part) - common, len(tokens) - common)
        return common

    def _chain(self, args: dict[str, Any], prompt: list[int]) -> Any:
        """The sampler chain, in the order that `Sampling` states."""
        sampling = args["sampling"]
        chain = L.llama_sampler_chain_init(L.llama_sampler_chain_default_params())

        def add(sampler: Any) -> None:
            L.llama_sampler_chain_add(chain, sampler)

        if args.get("json_schema"):
            add(self._grammar(str(args["json_schema"])))
        penalty, last_n = float(sampling["repeat_penalty"]), int(sampling["repeat_last_n"])
        if penalty != 1.0 and last_n != 0:
            penalties = L.llama_sampler_init_penalties(self._n_vocab, last_n, penalty, 0.0, 0.0)
            for token in prompt[-last_n:]:
                L.llama_sampler_accept(penalties, token)
            add(penalties)
        temperature = float(sampling["temperature"])
        if temperature <= 0:
            add(L.llama_sampler_init_greedy())
            return chain
        if (top_k := int(sampling["top_k"])) > 0:
            add(L.llama_sampler_init_top_k(top_k))
        if (top_p := float(sampling["top_p"])) < 1.0:
            add(L.llama_sampler_init_top_p(top_p, 1))
        if (min_p := float(sampling["min_p"])) > 0.0:
            add(L.llama_sampler_init_min_p(min_p, 1))
        add(L.llama_sampler_init_temp(temperature))
        add(L.llama_sampler_init_dist(int(sampling["seed"]) & 0xFFFFFFFF))
        return chain

    def _grammar(self, schema: str) -> Any:
        from llama_cpp.llama_grammar import json_schema_to_gbnf

        try:
            json.loads(schema)
            # The converter prints what it doesn't know.
            with contextlib.redirect_stdout(sys.stderr):
                text = json_schema_to_gbnf(schema)
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise Refused("bad_schema", reason=str(error)) from error
        grammar = L.llama_sampler_init_grammar(self._vocab, text.encode(), b"root")
        if not grammar:
            raise Refused("bad_schema", reason=_last_error())
        return grammar

    def _logprob(self, token: int) -> float:
        """Natural-log probability of `token` under the model itself, before any sampler."""
        logits = np.ctypeslib.as_array(L.llama_get_logits_ith(self._context, -1), (self._n_vocab,))
        top = float(logits.max())
        return float(logits[token]) - top - math.log(float(np.exp(logits - top).sum()))

    # -- a reply ------------------------------------------------------------------------------------------------------

    def _reply(self, args: dict[str, Any], job: Job) -> dict[str, object]:
        if self._context is None:
            raise Refused("not_loaded")
        began = time.perf_counter()
        prompt, notice = self._prompt_tokens(args)
        if len(prompt) >= self._n_ctx:
            raise Refused("prompt_too_long", prompt_tokens=len(prompt), context_length=self._n_ctx)
        reused = self._evaluate(prompt, job, bool(args.get("exact")))
        prompt_s = time.perf_counter() - began
        chain = self._chain(args, prompt)
        try:
            return self._generate(args, job, chain, len(prompt), reused, began, prompt_s, notice)
        finally:
            L.llama_sampler_free(chain)

    def _generate(
        self, args: dict[str, Any], job: Job, chain: Any, prompt_tokens: int, reused: int, began: float, prompt_s: float, notice: str
    ) -> dict[str, object]:
        streamer = Streamer(args.get("stop") or [])
        room = self._n_ctx - prompt_tokens
        limit = min(int(args["max_tokens"]), room)
        score = bool(args.get("score"))
        logprobs = 0.0
        generated = 0
        first_at = last_at = 0.0
        stop_reason = "length" if int(args["max_tokens"]) <= room else "context"
        position = prompt_tokens
        while generated < limit:
            job.check()
            token = L.llama_sampler_sample(chain, self._context, -1)
            last_at = time.perf_counter()
            generated += 1
            if generated == 1:
                first_at = last_at
            if score:
                logprobs += self._logprob(token)
            if L.llama_vocab_is_eog(self._vocab, token):
                stop_reason = "end"
                break
            shown, stopped = streamer.feed(self._piece(token))
            if shown:
                job.piece(text=shown)
            if stopped:
                stop_reason = "stop"
                break
            if generated < limit:
                self._decode([token], position)
                self._tokens.append(token)
                position += 1
        if stop_reason != "stop" and (rest := streamer.end()):
            job.piece(text=rest)
        return {
            "text": streamer.text,
            "prompt_tokens": prompt_tokens,
            "reused_tokens": reused,
            "generated_tokens": generated,
            "load_s": self._load_s,
            "prompt_s": prompt_s,
            "generate_s": (last_at - began - prompt_s) if generated else 0.0,
            "first_token_s": (first_at - began) if generated else 0.0,
            "tokens_per_second": (generated - 1) / (last_at - first_at) if generated > 1 and last_at > first_at else None,
            "stop_reason": stop_reason,
            "mean_logprob": logprobs / generated if score and generated else None,
            "notice": notice,
        }


def _last_error() -> str:
    """The most telling line the engine logged."""
    for line in reversed(_engine_log):
        if "error" in line.lower() or "fail" in line.lower():
            return line[:300]
    return _engine_log[-1][:300] if _engine_log else ""


def main() -> None:
    """Be the child."""
    serve(LlamaWorker)
