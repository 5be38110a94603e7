"""The child that rehearses: a model with the real header and zero weights, loaded and run for a few seconds.

Nothing in a dense model's arithmetic depends on the values of the weights, so the speed is the real one. The weights are
copied into memory of their own (`load_mode` none): mapped zero pages would be read from the page cache and never touch
as much memory as the real ones do. What is sampled is nonsense; the sampler chain is the usual one, since it costs time.
"""

from __future__ import annotations

import os
import sys
import time
from typing import Any

from localstory.children.worker import Job, Refused, serve
from localstory.fit.llama_params import NoSuchDevice, set_context_params, set_model_params

_WARM_TOKENS = 8
_PROMPT_TOKENS = 512
_ANY_TOKEN = 1


class RehearsalWorker:
    """Answers `rehearse`, once."""

    def __init__(self) -> None:
        import llama_cpp.llama_cpp as L

        self._lines: list[str] = []
        self._job: Job | None = None

        @L.llama_log_callback  # type: ignore[untyped-decorator]
        def keep(level: int, text: bytes, _user: object) -> None:
            line = text.decode("utf-8", "replace")
            if level != 1:  # GGML_LOG_LEVEL_DEBUG: thousands of lines, a layer each
                self._lines.append(line)
            if level in (3, 4) and line.strip():  # GGML_LOG_LEVEL_WARN, ERROR
                print(line.strip(), file=sys.stderr, flush=True)

        self._keep = keep  # ctypes callbacks must outlive their use
        L.llama_log_set(keep, None)
        L.llama_backend_init()
        self._abort = L.ggml_abort_callback(lambda _data: self._job is not None and self._job.cancelled)

    def facts(self) -> dict[str, object]:
        return {}

    def run(self, op: str, args: dict[str, Any], job: Job) -> dict[str, object]:
        """`rehearse` {path, context, model, threads, seconds, tokens} -> {generate_tps, prompt_tps, tokens, tokens_in_cache,
        load_s, log, rss_bytes}."""
        if op != "rehearse":
            raise Refused("unknown_op", op=op)
        self._job = job
        try:
            return self._rehearse(args, job)
        finally:
            self._job = None

    def _rehearse(self, args: dict[str, Any], job: Job) -> dict[str, object]:
        import llama_cpp.llama_cpp as L

        self._lines.clear()
        began = time.perf_counter()
        params = L.llama_model_default_params()
        params.load_mode = 0  # LLAMA_LOAD_MODE_NONE
        try:
            kept = set_model_params(L, params, args["model"])
        except NoSuchDevice as missing:
            raise Refused("load_failed", reason=f"no device {missing}") from missing

        def progress(share: float, _user: object) -> bool:
            job.progress("load", share, 1.0)
            return not job.cancelled

        callback = params.progress_callback = L.llama_progress_callback(progress)
        model = L.llama_model_load_from_file(os.fsencode(str(args["path"])), params)
        job.check()
        if not model:
            raise Refused("load_failed", reason=self._last_line())
        context = None
        try:
            wanted = L.llama_context_default_params()
            set_context_params(L, wanted, args["context"])
            wanted.n_threads = wanted.n_threads_batch = max(1, int(args.get("threads") or 1))
            wanted.abort_callback = self._abort
            wanted.no_perf = True
            context = L.llama_init_from_model(model, wanted)
            if not context:
                raise Refused("no_context", reason=self._last_line())
            load_s = time.perf_counter() - began
            figures = self._play(L, model, context, args, job)
            return figures | {"load_s": load_s, "log": "".join(self._lines)[-60_000:]}
        finally:
            if context:
                L.llama_free(context)
            L.llama_model_free(model)
            del callback, kept

    def _play(self, L: Any, model: Any, context: Any, args: dict[str, Any], job: Job) -> dict[str, object]:
        """Evaluate a prompt, then write tokens until `seconds` or `tokens` are over."""
        vocabulary = L.llama_vocab_n_tokens(L.llama_model_get_vocab(model))
        n_ctx = int(L.llama_n_ctx(context))
        batch_tokens = int(args["context"]["n_batch"])
        batch = L.llama_batch_init(batch_tokens, 0, 1)
        chain = L.llama_sampler_chain_init(L.llama_sampler_chain_default_params())
        for sampler in (
            L.llama_sampler_init_top_k(40), L.llama_sampler_init_top_p(0.95, 1), L.llama_sampler_init_min_p(0.05, 1),
            L.llama_sampler_init_temp(0.8), L.llama_sampler_init_dist(1),
        ):  # fmt: skip
            L.llama_sampler_chain_add(chain, sampler)

        def decode(count: int, position: int) -> None:
            job.check()
            batch.n_tokens = count
            for index in range(count):
                batch.token[index] = _ANY_TOKEN % max(1, vocabulary)
                batch.pos[index] = position + index
                batch.n_seq_id[index] = 1
                batch.seq_id[index][0] = 0
                batch.logits[index] = 0
            batch.logits[count - 1] = 1
            status = L.llama_decode(context, batch)
            job.check()
            if status != 0:
                raise Refused("decode_failed", status=int(status), reason=self._last_line())

        try:
            position = 0
            # The first evaluation touches every page of the weights for the first time: not the speed that follows.
            decode(min(_WARM_TOKENS, batch_tokens), position)
            position += min(_WARM_TOKENS, batch_tokens)
            seconds = float(args.get("seconds") or 3.0)
            began, prompt_tokens = time.perf_counter(), 0
            while prompt_tokens < min(_PROMPT_TOKENS, n_ctx - position - 2) and time.perf_counter() - began < seconds:
                # On a slow machine a whole batch would take a minute.
                count = min(batch_tokens, _PROMPT_TOKENS - prompt_tokens, n_ctx - position - 2, 32 if prompt_tokens == 0 else batch_tokens)
                decode(count, position)
                position, prompt_tokens = position + count, prompt_tokens + count
                job.progress("rehearse", min(1.0, (time.perf_counter() - began) / seconds) / 2, 1.0)
            prompt_s = time.perf_counter() - began
            tokens, limit = 0, min(int(args.get("tokens") or 128), n_ctx - position - 1)
            began = last = time.perf_counter()
            while tokens < limit and (tokens < 3 or last - began < seconds):
                L.llama_sampler_sample(chain, context, -1)
                decode(1, position)
                position, tokens = position + 1, tokens + 1
                last = time.perf_counter()
                if tokens % 8 == 0:
                    job.progress("rehearse", 0.5 + min(1.0, (last - began) / seconds) / 2, 1.0)
            import psutil

            return {
                "generate_tps": tokens / (last - began) if tokens and last > began else None,
                "prompt_tps": prompt_tokens / prompt_s if prompt_tokens and prompt_s else None,
                "tokens": tokens,
                "tokens_in_cache": position - tokens // 2,
                "rss_bytes": psutil.Process().memory_info().rss,
            }
        finally:
            L.llama_sampler_free(chain)
            L.llama_batch_free(batch)

    def _last_line(self) -> str:
        return next((line.strip() for line in reversed(self._lines) if line.strip()), "")


def main() -> None:
    serve(RehearsalWorker)
