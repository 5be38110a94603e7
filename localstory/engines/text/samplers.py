"""From `Sampling` to llama.cpp's sampler chain: what is allowed, what is used, in which order.

The checks are pure and run on our side of the pipe. `Picker` runs in the child; `L` is `llama_cpp.llama_cpp`, imported
there: this module loads no engine.
"""

from __future__ import annotations

import ctypes
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from localstory.engines.base import SAMPLERS, Sampling
from localstory.errors import BadRequest
from localstory.words import mark

_INF = math.inf
_WHOLE = 2**31 - 1
_RANGES: dict[str, tuple[float, float]] = {
    "temperature": (0.0, 100.0),
    "top_k": (0, _WHOLE),
    "top_p": (0.0, 1.0),
    "min_p": (0.0, 1.0),
    "repeat_penalty": (0.01, 100.0),
    "repeat_last_n": (-1, _WHOLE),
    "frequency_penalty": (-2.0, 2.0),
    "presence_penalty": (-2.0, 2.0),
    "typical_p": (0.0, 1.0),
    "top_n_sigma": (0.0, 100.0),
    "xtc_probability": (0.0, 1.0),
    "xtc_threshold": (0.0, 1.0),
    "dry_multiplier": (0.0, 100.0),
    "dry_base": (1.0, 100.0),
    "dry_allowed_length": (1, _WHOLE),
    "dry_last_n": (-1, _WHOLE),
    "dynatemp_range": (0.0, 100.0),
    "dynatemp_exponent": (0.01, 100.0),
    "mirostat_tau": (0.0, 100.0),
    "mirostat_eta": (0.0, 1.0),
}
_TEXTS_AT_MOST = 1000
"""Banned phrases, sequence breakers, biases: more is a mistake, and slow."""
_TEXT_AT_MOST_CHARS = 1000

_NO_MORE_THAN_NOTHING = 1e-30
"""min-p this small takes away only what can't happen (logit -inf)."""


def check_sampling(sampling: Sampling) -> None:
    """Refuse values out of range, naming the field. Raises BadRequest."""
    for name, (low, high) in _RANGES.items():
        given = getattr(sampling, name)
        whole = isinstance(low, int)
        if not isinstance(given, int if whole else int | float) or not low <= given <= high:  # NaN is in no range
            raise BadRequest(
                title=mark("A setting is out of range"),
                detail=mark("{field} must be between {low} and {high}; {given} was asked for."),
                field=name,
                low=low,
                high=high,
                given=given,
            )
    for name in sampling.order:
        if name not in SAMPLERS:
            raise BadRequest(
                title=mark("There is no such sampler"),
                detail=mark("order: {name} is none of {known}."),
                field="order",
                name=name,
                known=", ".join(SAMPLERS),
            )
        if sampling.order.count(name) > 1:
            raise BadRequest(title=mark("A sampler is named twice"), detail=mark("order: {name} may stand there once."), field="order", name=name)
    for token, bias in sampling.logit_bias:
        if math.isnan(bias) or bias == _INF or token == "" or (isinstance(token, int) and token < 0):
            raise BadRequest(
                title=mark("A logit bias can't be used"),
                detail=mark("logit_bias: {token}: {bias}. A bias is a number or -inf, for a token's number or a text."),
                field="logit_bias",
                token=token,
                bias=bias,
            )
    for field, texts in (
        ("banned_phrases", sampling.banned_phrases),
        ("dry_breakers", sampling.dry_breakers),
        ("logit_bias", tuple(str(token) for token, _bias in sampling.logit_bias)),
    ):
        if len(texts) > _TEXTS_AT_MOST or any(len(text) > _TEXT_AT_MOST_CHARS for text in texts):
            raise BadRequest(
                title=mark("A setting is too long"),
                detail=mark("{field} may hold {count} texts of {length} characters."),
                field=field,
                count=_TEXTS_AT_MOST,
                length=_TEXT_AT_MOST_CHARS,
            )
        if field != "logit_bias" and not all(text.strip(" ") if field == "banned_phrases" else text for text in texts):
            raise BadRequest(title=mark("A text is empty"), detail=mark("{field} holds an empty text."), field=field)


def used_samplers(sampling: Mapping[str, Any]) -> list[str]:
    """The names of the samplers that change anything, in the order they are applied; the draw itself is not named."""
    last_n = int(sampling["repeat_last_n"])
    on = {
        "penalties": last_n != 0 and (sampling["repeat_penalty"] != 1.0 or sampling["frequency_penalty"] != 0.0 or sampling["presence_penalty"] != 0.0),
        "dry": sampling["dry_multiplier"] > 0.0 and sampling["dry_last_n"] != 0,
        "top_n_sigma": sampling["top_n_sigma"] > 0.0,
        "top_k": sampling["top_k"] > 0,
        "typical": sampling["typical_p"] < 1.0,
        "top_p": sampling["top_p"] < 1.0,
        "min_p": sampling["min_p"] > 0.0,
        "xtc": sampling["xtc_probability"] > 0.0 and sampling["xtc_threshold"] <= 0.5,
        "temperature": sampling["temperature"] != 1.0 or sampling["dynatemp_range"] > 0.0,
    }
    if sampling["temperature"] <= 0:
        allowed: Iterable[str] = ("penalties", "dry")
    elif sampling["mirostat"]:
        allowed = ("penalties", "dry", "temperature")
    else:
        allowed = SAMPLERS
    return [name for name in sampling["order"] if on[name] and name in allowed]


class Picker:
    """Chooses tokens: a grammar or none, then the chain. Owns what it is made of; `free` it."""

    def __init__(self, L: Any, chain: Any, grammar: Any, seed: int, redraws: bool, never: Sequence[int]) -> None:
        self._L = L
        self.chain = chain
        self._grammar = grammar
        self._seed = seed
        self._redraws = redraws
        self._never = never
        self.is_plain = grammar is None and not never
        """Nothing can forbid every token: llama.cpp's own fast `llama_sampler_sample` on `chain` is right."""

    def copy(self, redraw: int = 0) -> Picker:
        """The same state again. With `redraw` the draw gets other random numbers, by that number."""
        L = self._L
        chain = L.llama_sampler_clone(self.chain)
        if redraw and self._redraws:
            # Else the number that chose a token now forbidden would choose again, always a neighbour of it.
            L.llama_sampler_free(L.llama_sampler_chain_remove(chain, L.llama_sampler_chain_n(chain) - 1))
            L.llama_sampler_chain_add(chain, L.llama_sampler_init_dist((self._seed + redraw * 0x9E3779B9) & 0xFFFFFFFF))
        grammar = L.llama_sampler_clone(self._grammar) if self._grammar is not None else None
        return Picker(L, chain, grammar, self._seed, self._redraws, self._never)

    def pick(self, logits: npt.NDArray[np.float32], forbidden: Sequence[int] = ()) -> int | None:
        """Choose from `logits` (one for each token of the vocabulary; not changed); None when nothing is allowed."""
        candidates, array = candidates_of(self._L, logits)
        if self._never or forbidden:
            candidates["logit"][[*self._never, *forbidden]] = -np.inf
        if self._grammar is not None:
            self._L.llama_sampler_apply(self._grammar, ctypes.byref(array))
        if candidates["logit"].max() == -np.inf:
            return None
        self._L.llama_sampler_apply(self.chain, ctypes.byref(array))
        token = int(array.data[array.selected].id)  # not candidates: XTC moves the beginning
        self._L.llama_sampler_accept(self.chain, token)
        if self._grammar is not None:
            self._L.llama_sampler_accept(self._grammar, token)
        return token

    def free(self) -> None:
        """Give back the memory. Once."""
        self._L.llama_sampler_free(self.chain)
        if self._grammar is not None:
            self._L.llama_sampler_free(self._grammar)


_CANDIDATE = np.dtype([("id", "<i4"), ("logit", "<f4"), ("p", "<f4")])  # llama_token_data


def candidates_of(L: Any, logits: npt.NDArray[np.float32]) -> tuple[npt.NDArray[Any], Any]:
    """A `llama_token_data_array` over all tokens, and the array that holds its memory (keep it as long)."""
    candidates = np.empty(len(logits), _CANDIDATE)
    candidates["id"] = np.arange(len(logits), dtype=np.int32)
    candidates["logit"] = logits
    candidates["p"] = 0.0
    data = candidates.ctypes.data_as(L.llama_token_data_p)
    return candidates, L.llama_token_data_array(data=data, size=len(logits), selected=-1, sorted=False)


class Samplers:
    """Builds chains for one vocabulary. Keeps the last DRY sampler: making one looks at every token for each breaker."""

    def __init__(self, L: Any, vocab: Any, context_length: int) -> None:
        self._L = L
        self._vocab = vocab
        self._n_vocab = int(L.llama_vocab_n_tokens(vocab))
        self._n_ctx = context_length
        self._dry_of: tuple[Any, ...] = ()
        self._dry: Any = None

    def free(self) -> None:
        """Give back the memory; before the model's."""
        if self._dry is not None:
            self._L.llama_sampler_free(self._dry)
        self._dry, self._dry_of = None, ()

    def picker(self, sampling: Mapping[str, Any], bias: Sequence[tuple[int, float]], before: Sequence[int], grammar: Any = None) -> Picker:
        """A chain for `sampling` (the fields of `Sampling`, a seed among them). `before`: the prompt's tokens.

        `bias` is `logit_bias` with every text turned into tokens. Takes the grammar sampler as its own.
        """
        L = self._L
        chain = L.llama_sampler_chain_init(L.llama_sampler_chain_default_params())
        # One pair a token, for llama.cpp adds up no two. Forbidden ones are the picker's: it sees when nothing is left.
        biases: dict[int, float] = {}
        for token, value in bias:
            biases[token] = biases.get(token, 0.0) + value
        never = [token for token, value in biases.items() if value == -_INF]
        finite = [L.llama_logit_bias(token, value) for token, value in biases.items() if value != -_INF]
        if finite:
            pairs = (L.llama_logit_bias * len(finite))(*finite)
            L.llama_sampler_chain_add(chain, L.llama_sampler_init_logit_bias(self._n_vocab, len(finite), pairs))
        for name in used_samplers(sampling):
            for sampler in self._make(name, sampling, before):
                L.llama_sampler_chain_add(chain, sampler)
        seed = int(sampling["seed"]) & 0xFFFFFFFF
        redraws = False
        if sampling["temperature"] <= 0:
            L.llama_sampler_chain_add(chain, L.llama_sampler_init_greedy())
        elif sampling["mirostat"]:
            L.llama_sampler_chain_add(chain, L.llama_sampler_init_mirostat_v2(seed, sampling["mirostat_tau"], sampling["mirostat_eta"]))
        else:
            L.llama_sampler_chain_add(chain, L.llama_sampler_init_dist(seed))
            redraws = True
        return Picker(L, chain, grammar, seed, redraws, never)

    def _make(self, name: str, sampling: Mapping[str, Any], before: Sequence[int]) -> list[Any]:
        L = self._L
        match name:
            case "penalties":
                last_n = self._last_n(sampling["repeat_last_n"])
                values = (float(sampling["repeat_penalty"]), float(sampling["frequency_penalty"]), float(sampling["presence_penalty"]))
                return [self._with_past(L.llama_sampler_init_penalties(self._n_vocab, last_n, *values), before, last_n)]
            case "dry":
                return [self._make_dry(sampling, before)]
            case "top_n_sigma":
                return [L.llama_sampler_init_top_n_sigma(float(sampling["top_n_sigma"]))]
            case "top_k":
                return [L.llama_sampler_init_top_k(int(sampling["top_k"]))]
            case "typical":
                # A token of probability 0 (forbidden, or a hundred nats below the top) makes the entropy NaN in there.
                return [L.llama_sampler_init_min_p(_NO_MORE_THAN_NOTHING, 1), L.llama_sampler_init_typical(float(sampling["typical_p"]), 1)]
            case "top_p":
                return [L.llama_sampler_init_top_p(float(sampling["top_p"]), 1)]
            case "min_p":
                return [L.llama_sampler_init_min_p(float(sampling["min_p"]), 1)]
            case "xtc":
                values_xtc = (float(sampling["xtc_probability"]), float(sampling["xtc_threshold"]))
                return [L.llama_sampler_init_xtc(*values_xtc, 1, int(sampling["seed"]) & 0xFFFFFFFF)]
            case _:
                moving = (float(sampling["dynatemp_range"]), float(sampling["dynatemp_exponent"]))
                return [L.llama_sampler_init_temp_ext(float(sampling["temperature"]), *moving)]

    def _make_dry(self, sampling: Mapping[str, Any], before: Sequence[int]) -> Any:
        last_n = self._last_n(sampling["dry_last_n"])
        # bytes, without what a C string can't hold
        breakers = tuple(text.encode("utf-8", "replace").replace(b"\0", b"") for text in sampling["dry_breakers"])
        values = (float(sampling["dry_multiplier"]), float(sampling["dry_base"]), int(sampling["dry_allowed_length"]), last_n)
        if self._dry_of != (values, breakers):
            self.free()
            texts = (ctypes.c_char_p * len(breakers))(*breakers)
            self._dry, self._dry_of = self._L.llama_sampler_init_dry(self._vocab, *values, texts, len(breakers)), (values, breakers)
        return self._with_past(self._L.llama_sampler_clone(self._dry), before, last_n)

    def _last_n(self, given: int) -> int:
        return self._n_ctx if given < 0 else min(int(given), self._n_ctx)

    def _with_past(self, sampler: Any, before: Sequence[int], last_n: int) -> Any:
        for token in before[-last_n:]:
            self._L.llama_sampler_accept(sampler, token)
        return sampler
