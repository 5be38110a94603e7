"""One reply: the prompt is evaluated, tokens are chosen one by one, words are sent as they are sure. Child only."""

from __future__ import annotations

import time
from dataclasses import asdict
from typing import Any

import llama_cpp.llama_cpp as L
import numpy as np
import numpy.typing as npt

from localstory.children.worker import Job, Refused
from localstory.engines.text.ahead import Ahead, Drafter
from localstory.engines.text.backtrack import Backtracker
from localstory.engines.text.bans import BanWatch, fold
from localstory.engines.text.grammar import from_gbnf, from_schema
from localstory.engines.text.kv_cache import KvCache
from localstory.engines.text.loaded import LoadedModel, engine_log
from localstory.engines.text.logprobs import likeliest, logprob_of
from localstory.engines.text.prompt_tokens import Start
from localstory.engines.text.samplers import Picker, Samplers
from localstory.engines.text.streaming import Shown, Streamer


class Generation:
    """Writes replies with one loaded model, one at a time."""

    def __init__(self, loaded: LoadedModel, cache: KvCache, drafter: Drafter | None = None) -> None:
        self._loaded = loaded
        self._cache = cache
        self.drafter = drafter
        self._samplers = Samplers(L, loaded.vocab, loaded.n_ctx)
        self._folded: list[str] | None = None  # every token's text, once phrases were banned
        self._notices: list[tuple[str, dict[str, str]]] = []  # of the grammar of the reply that is being written

    def free(self) -> None:
        """Give the samplers back."""
        self._samplers.free()

    def _picker(self, args: dict[str, Any], prompt: list[int], schema: str | None) -> Picker:
        bias: list[tuple[int, float]] = []
        for token, value in args["sampling"].get("logit_bias") or ():
            meant = [token] if isinstance(token, int) else self._loaded.tokenise(str(token), special=False)
            for one in meant:
                if not 0 <= one < self._loaded.n_vocab:
                    raise Refused("bad_token", token=one, tokens=self._loaded.n_vocab)
                bias.append((one, float(value)))
        grammar = None
        self._notices = []
        engine_log.clear()
        if schema:
            grammar, not_held = from_schema(L, self._loaded.vocab, schema, engine_log)
            self._notices = [("schema_not_held", {"keywords": ", ".join(not_held)})] if not_held else []
        elif args.get("grammar"):
            grammar = from_gbnf(L, self._loaded.vocab, str(args["grammar"]), engine_log)
        return self._samplers.picker(args["sampling"], bias, prompt, grammar)

    def _holding(self, phrases: list[str]) -> list[int]:
        """The tokens that hold a banned phrase by themselves: not worth a try."""
        if self._folded is None:
            self._folded = [fold(self._loaded.piece(token).decode("utf-8", "replace")) for token in range(self._loaded.n_vocab)]
        wanted = BanWatch(phrases).phrases
        return [token for token, text in enumerate(self._folded) if any(phrase in text for phrase in wanted)]

    def reply(self, start: Start, args: dict[str, Any], job: Job, began: float) -> dict[str, object]:
        """Write on from `start`; `args` as `LlamaCppEngine.reply` sends them. `began`: `perf_counter` when the request came."""
        prompt = start.tokens
        if len(prompt) >= self._loaded.n_ctx:
            raise Refused("prompt_too_long", prompt_tokens=len(prompt), context_length=self._loaded.n_ctx)
        picker = self._picker(args, prompt, start.json_schema or args.get("json_schema"))  # before the evaluation: a broken grammar is told at once
        banned = args["sampling"].get("banned_phrases") or []
        chooser = Backtracker(picker, self._holding(banned)) if banned else None
        try:
            reused = self._cache.evaluate(prompt, job, bool(args.get("exact")))
            prompt_s = time.perf_counter() - began
            ahead = self._ahead(args, prompt, job)
            try:
                return self._generate(args, job, start, picker, chooser, ahead, reused, began, prompt_s)
            finally:
                ahead.end()
        finally:
            (chooser or picker).free()

    def _ahead(self, args: dict[str, Any], prompt: list[int], job: Job) -> Ahead:
        """Guess or not: a seeded reply must not depend on how long anything took, so only when told to."""
        steady = bool(args.get("exact"))
        asked = args.get("lookup")
        guesses = bool(asked) or (asked is None and not steady)

        def evaluate(tokens: list[int]) -> None:
            self._cache.evaluate(tokens, job, exact=steady)

        drafter = self.drafter if guesses else None
        return Ahead(self._loaded, self._cache, prompt, evaluate, lookup=guesses, drafter=drafter, timed=not steady, asked=bool(asked))

    def _generate(
        self,
        args: dict[str, Any],
        job: Job,
        start: Start,
        picker: Picker,
        chooser: Backtracker | None,
        ahead: Ahead,
        reused: int,
        began: float,
        prompt_s: float,
    ) -> dict[str, object]:
        banned = args["sampling"].get("banned_phrases") or []
        stops = [*(args.get("stop") or ()), *start.stops]
        reader = start.reader  # takes calls of tools out of the words
        streamer = Streamer(stops, marks=start.marks, in_thought=start.in_thought, banned=banned, before=start.before)
        prompt_tokens = len(start.tokens)
        room = self._loaded.n_ctx - prompt_tokens
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
                text = reader.feed(one.text) if reader is not None and one.kind == "answer" else one.text
                if not text:
                    continue
                fields: dict[str, object] = {"text": text}
                if one.kind != "answer":
                    fields["kind"] = one.kind
                if alternatives:
                    fields["tokens"], sent = records[sent : one.tokens], max(sent, one.tokens)
                job.piece(**fields)

        if start.before:
            send(streamer.go_on_from(start.before, spaces=start.spaces, show=not args.get("continue_last")))
        first_at = last_at = 0.0
        plain = picker.chain if chooser is None and picker.is_plain else None
        context = self._loaded.context

        def logits() -> npt.NDArray[np.float32]:
            return self._loaded.logits(ahead.row)

        while len(written) < limit:
            job.check()
            if plain is not None:
                token = L.llama_sampler_sample(plain, context, ahead.row)
            else:
                chosen = chooser.choose(len(written), logits) if chooser is not None else picker.pick(logits())
                if chosen is None:
                    raise Refused("nothing_allowed")
                token = chosen
            last_at = time.perf_counter()
            if not written:
                first_at = last_at
            if score or alternatives:
                self._record(chooser.logits(len(written)) if chooser is not None else logits(), token, score, alternatives, logprobs, records)
            written.append(token)
            if L.llama_vocab_is_eog(self._loaded.vocab, token):
                stop_reason = "end"
                break
            shown = streamer.feed(start.visible.get(token) or self._loaded.piece(token))
            if chooser is not None and streamer.go_back is not None:
                chooser.take_back(streamer.go_back, written[streamer.go_back])
                del written[streamer.go_back :]
                ahead.take_back(prompt_tokens + len(written))
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
                ahead.write(token, limit - len(written))
        if not streamer.stopped:
            send(streamer.end())
        if reader is not None and (rest := reader.end()):
            job.piece(text=rest)
        generated = len(written)
        return {
            "text": reader.text if reader is not None else streamer.text,
            "tool_calls": [asdict(call) for call in reader.calls] if reader is not None else [],
            "reasoning": streamer.reasoning,
            "prompt_tokens": prompt_tokens,
            "reused_tokens": reused,
            "generated_tokens": generated,
            "load_s": self._loaded.load_s,
            "prompt_s": prompt_s,
            "generate_s": (last_at - began - prompt_s) if generated else 0.0,
            "first_token_s": (first_at - began) if generated else 0.0,
            "tokens_per_second": (generated - 1) / (last_at - first_at) if generated > 1 and last_at > first_at else None,
            "stop_reason": stop_reason,
            "mean_logprob": sum(logprobs) / generated if score and generated else None,
            "notices": [*start.notices, *self._notices, *ahead.notices()],
            "made_with": {**start.made_with, **ahead.facts()},
        }

    def _record(self, logits: npt.NDArray[np.float32], token: int, score: bool, alternatives: int, logprobs: list[float], records: list[list[object]]) -> None:
        """Keep how likely the token was under the model, and what else it thought of."""
        own = logprob_of(logits, token)
        if score:
            logprobs.append(own)
        if alternatives:
            # Latin-1: bytes as text, one character each.
            others = [[self._loaded.piece(other).decode("latin-1"), value] for other, value in likeliest(logits, alternatives)]
            records.append([self._loaded.piece(token).decode("latin-1"), own, others])
