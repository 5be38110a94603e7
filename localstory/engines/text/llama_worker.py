"""The child that holds llama.cpp: loads a GGUF file, evaluates prompts, samples tokens. Low-level calls only.

The library's own class loses up to a quarter of the speed of a small model in Python per token, and redirects fd 1 and 2
of the whole process; these calls do neither.
"""

from __future__ import annotations

import ctypes
import os
import sys
import time
from collections import deque
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

import llama_cpp.llama_cpp as L
import numpy as np
import numpy.typing as npt

from localstory.children.worker import Cancelled, Job, Refused, serve
from localstory.engines.text.backtrack import Backtracker
from localstory.engines.text.bans import BanWatch, fold
from localstory.engines.text.grammar import from_gbnf, from_schema
from localstory.engines.text.logprobs import likeliest, logprob_of
from localstory.engines.text.reasoning import THINK, Marks, marks_of, opens_thought
from localstory.engines.text.samplers import Picker, Samplers
from localstory.engines.text.streaming import Shown, Streamer
from localstory.engines.text.template import CHATML, Part, TemplateFailed, knows_thinking_switch, render
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


@dataclass(frozen=True, slots=True)
class _Start:
    """What a reply begins from."""

    tokens: list[int]
    marks: Marks | None = None
    """How the model frames thoughts; None where none are looked for."""
    in_thought: bool = False
    before: str = ""
    """The assistant's text that is there already: a prefill, or the message that goes on."""
    spaces: int = 0
    """Spaces at the end of `before` that the model does not see."""
    notice: str = ""


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
        self._samplers: Samplers | None = None
        self._marks = THINK
        self._folded: list[str] | None = None  # every token's text, once phrases were banned
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
                        return {"tokens": [len(self._start_of(args).tokens)]}
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
        self._use_template(template.decode("utf-8", "replace") if template else CHATML)
        self._n_swa = int(L.llama_model_n_swa(self._model))
        self._samplers = Samplers(L, self._vocab, self._n_ctx)
        self._load_s = time.perf_counter() - began
        return {
            "context_length": self._n_ctx,
            "trained_context_length": self._trained_context,
            "parameters": int(L.llama_model_n_params(self._model)),
            "load_s": self._load_s,
            "has_template": template is not None,
            "thinking_switch": knows_thinking_switch(self._template),
            "log": "".join(_load_log)[-100_000:],
        }

    def _use_template(self, template: str) -> None:
        """Chats go through `template`; the marks it frames thoughts with become visible text when they are control tokens."""
        self._template = template
        self._marks = marks_of(template)
        for text in self._marks.texts:
            for token in self._tokenise(text, special=True):
                if not self._piece(token):
                    self._piece_of[token] = self._text_of(token).encode()

    def _free(self) -> None:
        if self._samplers is not None:
            self._samplers.free()
            self._samplers = None
        if self._context:
            L.llama_free(self._context)
        if self._model:
            L.llama_model_free(self._model)
        self._context = self._model = None
        self._tokens, self._aligned = [], 0
        self._piece_of = {}
        self._folded = None

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

    def _start_of(self, args: dict[str, Any]) -> _Start:
        """The request as tokens, and what is known of the reply's beginning."""
        if args.get("prompt") is not None:
            return _Start(self._tokens_of([Part(str(args["prompt"]), False)], self._add_bos))
        messages = list(args["messages"])
        before = str(args.get("prefill") or "")
        if args.get("continue_last"):
            before = str(messages[-1]["content"])
        elif before:
            messages.append({"role": "assistant", "content": before})
        thinking = args.get("thinking")
        extra = {} if thinking is None else {"enable_thinking": bool(thinking), "thinking": bool(thinking)}
        bos, eos = self._text_of(self._bos), self._text_of(self._eos)
        notice, marks = "", self._marks
        try:
            parts = self._turn(self._template, messages, before, bos, eos, extra)
        except TemplateFailed as failure:
            notice = f"template: {failure}"
            parts = self._turn(CHATML, messages, before, bos, eos, extra)
        if opens_thought(_tail(parts), marks) and (args.get("grammar") or args.get("json_schema")) and not before:
            parts.append(Part(f"\n{marks.close}\n\n", True))  # what must keep to a grammar is the answer
        seen = before.rstrip(" ")
        if before:
            parts[-1] = Part(seen, False)
        # Many templates write the beginning-of-text token themselves; twice would be wrong.
        add_bos = self._add_bos and not (parts and bos and parts[0].text.startswith(bos))
        in_thought = opens_thought(_tail(parts[:-1] if before else parts), marks)
        return _Start(self._tokens_of(parts, add_bos), marks, in_thought, before, len(before) - len(seen), notice)

    def _turn(self, template: str, messages: list[dict[str, str]], before: str, bos: str, eos: str, extra: dict[str, bool]) -> list[Part]:
        """The conversation up to where the model goes on. With `before`, the text of the last message, that is the last part."""
        parts = render(template, messages, bos=bos, eos=eos, extra=extra)
        if not before:
            return parts
        while parts and parts[-1].scaffold:
            parts.pop()
        if parts and parts[-1].text.strip() == before.strip():
            return parts
        # The template has no place for the assistant's words at the end: its own beginning of a turn, then the words.
        parts = render(template, messages[:-1], bos=bos, eos=eos, extra=extra)
        if opens_thought(_tail(parts), self._marks):
            parts.append(Part(f"\n{self._marks.close}\n\n", True))
        return [*parts, Part(before, False)]

    def _tokens_of(self, parts: list[Part], add_bos: bool) -> list[int]:
        tokens = [self._bos] if add_bos and self._bos >= 0 else []
        for part in parts:
            tokens += self._tokenise(part.text, special=part.scaffold)
        if not tokens:
            start = self._bos if self._bos >= 0 else self._eos
            if start < 0:
                raise Refused("empty_prompt")
            tokens = [start]
        return tokens

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
        if not self._cut_cache(common):
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

    def _cut_cache(self, length: int) -> bool:
        """Forget all tokens of the KV cache from position `length`; False when that is not possible and all is forgotten."""
        if length >= len(self._tokens):
            return True
        # A sliding-window cache keeps little more than its window: it can't go back to where that began before what is kept.
        oldest = int(L.llama_memory_seq_pos_min(self._memory, 0)) if self._n_swa else 0
        if oldest <= max(0, length - self._n_swa) and L.llama_memory_seq_rm(self._memory, 0, length, -1):
            del self._tokens[length:]
            return True
        L.llama_memory_clear(self._memory, True)  # recurrent caches can't go back either
        self._tokens, self._aligned = [], 0
        return False

    def _picker(self, args: dict[str, Any], prompt: list[int]) -> Picker:
        assert self._samplers is not None
        bias: list[tuple[int, float]] = []
        for token, value in args["sampling"].get("logit_bias") or ():
            meant = [token] if isinstance(token, int) else self._tokenise(str(token), special=False)
            for one in meant:
                if not 0 <= one < self._n_vocab:
                    raise Refused("bad_token", token=one, tokens=self._n_vocab)
                bias.append((one, float(value)))
        grammar = None
        _engine_log.clear()
        if args.get("json_schema"):
            grammar = from_schema(L, self._vocab, str(args["json_schema"]), _engine_log)
        elif args.get("grammar"):
            grammar = from_gbnf(L, self._vocab, str(args["grammar"]), _engine_log)
        return self._samplers.picker(args["sampling"], bias, prompt, grammar)

    def _holding(self, phrases: list[str]) -> list[int]:
        """The tokens that hold a banned phrase by themselves: not worth a try."""
        if self._folded is None:
            self._folded = [fold(self._piece(token).decode("utf-8", "replace")) for token in range(self._n_vocab)]
        wanted = BanWatch(phrases).phrases
        return [token for token, text in enumerate(self._folded) if any(phrase in text for phrase in wanted)]

    def _logits(self) -> npt.NDArray[np.float32]:
        """The next token's logits, as the context holds them until the next evaluation."""
        return np.ctypeslib.as_array(L.llama_get_logits_ith(self._context, -1), (self._n_vocab,))

    # -- a reply ------------------------------------------------------------------------------------------------------

    def _reply(self, args: dict[str, Any], job: Job) -> dict[str, object]:
        if self._context is None:
            raise Refused("not_loaded")
        began = time.perf_counter()
        start = self._start_of(args)
        prompt = start.tokens
        if len(prompt) >= self._n_ctx:
            raise Refused("prompt_too_long", prompt_tokens=len(prompt), context_length=self._n_ctx)
        picker = self._picker(args, prompt)  # before the evaluation: a broken grammar is told at once
        banned = args["sampling"].get("banned_phrases") or []
        chooser = Backtracker(picker, self._holding(banned)) if banned else None
        try:
            reused = self._evaluate(prompt, job, bool(args.get("exact")))
            prompt_s = time.perf_counter() - began
            return self._generate(args, job, start, picker, chooser, reused, began, prompt_s)
        finally:
            (chooser or picker).free()

    def _generate(
        self, args: dict[str, Any], job: Job, start: _Start, picker: Picker, chooser: Backtracker | None, reused: int, began: float, prompt_s: float
    ) -> dict[str, object]:
        banned = args["sampling"].get("banned_phrases") or []
        streamer = Streamer(args.get("stop") or [], marks=start.marks, in_thought=start.in_thought, banned=banned, before=start.before)
        prompt_tokens = len(start.tokens)
        room = self._n_ctx - prompt_tokens
        limit = min(int(args["max_tokens"]), room)
        stop_reason = "length" if int(args["max_tokens"]) <= room else "context"
        score, alternatives = bool(args.get("score")), int(args.get("logprobs") or 0)
        logprobs: list[float] = []
        records: list[list[object]] = []
        written: list[int] = []
        sent = 0

        def send(shown: list[Shown]) -> None:
            nonlocal sent
            for one in shown:
                fields: dict[str, object] = {"text": one.text}
                if one.kind != "answer":
                    fields["kind"] = one.kind
                if alternatives:
                    fields["tokens"], sent = records[sent : one.tokens], max(sent, one.tokens)
                job.piece(**fields)

        if start.before:
            send(streamer.go_on_from(start.before, spaces=start.spaces, show=not args.get("continue_last")))
        first_at = last_at = 0.0
        plain = picker.chain if chooser is None and picker.is_plain else None
        context = self._context
        while len(written) < limit:
            job.check()
            if plain is not None:
                token = L.llama_sampler_sample(plain, context, -1)
            else:
                chosen = chooser.choose(len(written), self._logits) if chooser is not None else picker.pick(self._logits())
                if chosen is None:
                    raise Refused("nothing_allowed")
                token = chosen
            last_at = time.perf_counter()
            if not written:
                first_at = last_at
            if score or alternatives:
                self._record(chooser.logits(len(written)) if chooser is not None else self._logits(), token, score, alternatives, logprobs, records)
            written.append(token)
            if L.llama_vocab_is_eog(self._vocab, token):
                stop_reason = "end"
                break
            shown = streamer.feed(self._piece(token))
            if chooser is not None and streamer.go_back is not None:
                self._take_back(streamer.go_back, chooser, written, start.tokens, job)
                del logprobs[len(written) :], records[len(written) :]
                continue
            if shown:
                send(shown)
            if streamer.stopped:
                stop_reason = "stop"
                break
            if chooser is not None:
                chooser.keep_from(streamer.held_from)
            if len(written) < limit:
                self._decode([token], len(self._tokens))
                self._tokens.append(token)
        if not streamer.stopped:
            send(streamer.end())
        generated = len(written)
        return {
            "text": streamer.text,
            "reasoning": streamer.reasoning,
            "prompt_tokens": prompt_tokens,
            "reused_tokens": reused,
            "generated_tokens": generated,
            "load_s": self._load_s,
            "prompt_s": prompt_s,
            "generate_s": (last_at - began - prompt_s) if generated else 0.0,
            "first_token_s": (first_at - began) if generated else 0.0,
            "tokens_per_second": (generated - 1) / (last_at - first_at) if generated > 1 and last_at > first_at else None,
            "stop_reason": stop_reason,
            "mean_logprob": sum(logprobs) / generated if score and generated else None,
            "notice": start.notice,
        }

    def _record(self, logits: npt.NDArray[np.float32], token: int, score: bool, alternatives: int, logprobs: list[float], records: list[list[object]]) -> None:
        """Keep how likely the token was under the model, and what else it thought of."""
        own = logprob_of(logits, token)
        if score:
            logprobs.append(own)
        if alternatives:
            # Latin-1: bytes as text, one character each.
            others = [[self._piece(other).decode("latin-1"), value] for other, value in likeliest(logits, alternatives)]
            records.append([self._piece(token).decode("latin-1"), own, others])

    def _take_back(self, number: int, chooser: Backtracker, written: list[int], prompt: list[int], job: Job) -> None:
        """A banned phrase began in the reply's token `number`: forget it and all after it, here and in the KV cache."""
        chooser.take_back(number, written[number])
        del written[number:]
        kept = prompt + written
        if len(kept) < len(self._tokens) and not self._cut_cache(len(kept)):
            self._evaluate(kept, job, exact=False)


def _tail(parts: list[Part]) -> str:
    """The template's own text at the end."""
    return parts[-1].text if parts and parts[-1].scaffold else ""


def _last_error() -> str:
    """The most telling line the engine logged."""
    for line in reversed(_engine_log):
        if "error" in line.lower() or "fail" in line.lower():
            return line[:300]
    return _engine_log[-1][:300] if _engine_log else ""


def main() -> None:
    """Be the child."""
    serve(LlamaWorker)
