"""Each sampler's effect on fixed logits, against the published formulas worked out again here with numpy."""

from __future__ import annotations

import ctypes
import math
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from localstory.engines.base import SAMPLERS, Sampling
from localstory.engines.text.samplers import Samplers, candidates_of, check_sampling, used_samplers
from localstory.errors import BadRequest

OFF = Sampling(temperature=1.0, top_k=0, top_p=1.0, min_p=0.0, seed=1)
"""Nothing but the draw."""
DRAWN_FROM = 2000
"""Tokens that the statistics draw from: the sorting of all 49,152 would only take time."""
Floats = npt.NDArray[np.float64]


@pytest.fixture(scope="module")
def llama() -> Any:
    import llama_cpp.llama_cpp as L

    L.llama_log_set(_quiet(L), None)
    return L


_keep: list[object] = []


def _quiet(L: Any) -> Any:
    callback = L.llama_log_callback(lambda _level, _text, _data: None)
    _keep.append(callback)
    return callback


@pytest.fixture(scope="module")
def vocab(llama: Any, smollm2: Path) -> Iterator[Any]:
    params = llama.llama_model_default_params()
    params.vocab_only = True
    model = llama.llama_model_load_from_file(str(smollm2).encode(), params)
    assert model
    yield llama.llama_model_get_vocab(model)
    llama.llama_model_free(model)


class Bench:
    """Chains for tests: over the vocabulary's size, with logits for a few tokens and the rest far below."""

    def __init__(self, L: Any, vocab: Any) -> None:
        self.L = L
        self.samplers = Samplers(L, vocab, 2048)
        self.vocab = vocab
        self.n_vocab = int(L.llama_vocab_n_tokens(vocab))

    def logits(self, *first: float) -> npt.NDArray[np.float32]:
        whole = np.full(self.n_vocab, -60.0, np.float32)
        whole[: len(first)] = first
        return whole

    def after(self, sampling: Sampling, logits: npt.NDArray[np.float32], past: tuple[int, ...] = (), bias: tuple[tuple[int, float], ...] = ()) -> Floats:
        """The probabilities that are left after every sampler but the draw, by token."""
        picker = self.samplers.picker(asdict(sampling), bias, past)
        L = self.L
        L.llama_sampler_free(L.llama_sampler_chain_remove(picker.chain, L.llama_sampler_chain_n(picker.chain) - 1))
        candidates, array = candidates_of(L, logits)
        L.llama_sampler_apply(picker.chain, ctypes.byref(array))
        picker.free()
        begin = (ctypes.addressof(array.data.contents) - candidates.ctypes.data) // candidates.itemsize
        left = candidates[begin : begin + array.size]
        odds = np.zeros(self.n_vocab)
        values = left["logit"].astype(np.float64)
        odds[left["id"]] = np.exp(values - values.max())
        return np.asarray(odds / odds.sum())

    def draw(self, sampling: Sampling, logits: npt.NDArray[np.float32], count: int) -> list[int]:
        picker = self.samplers.picker(asdict(sampling), (), ())
        drawn = [picker.pick(logits[:DRAWN_FROM]) for _ in range(count)]
        picker.free()
        assert None not in drawn
        return [token for token in drawn if token is not None]


@pytest.fixture(scope="module")
def bench(llama: Any, vocab: Any) -> Iterator[Bench]:
    bench = Bench(llama, vocab)
    yield bench
    bench.samplers.free()


def softmax(logits: npt.NDArray[Any]) -> Floats:
    odds = np.exp(logits.astype(np.float64) - float(logits.max()))
    return np.asarray(odds / odds.sum())


def kept(probs: Floats, keep: npt.NDArray[np.bool_]) -> Floats:
    left = np.where(keep, probs, 0.0)
    return np.asarray(left / left.sum())


LOGITS = (3.1, 2.9, 2.2, 1.5, 1.4, 0.3, -0.8, -2.0, -2.1, -5.0)


@pytest.mark.parametrize("temperature", [0.3, 0.8, 1.7])
def test_temperature_divides_the_logits(bench: Bench, temperature: float) -> None:
    logits = bench.logits(*LOGITS)
    np.testing.assert_allclose(bench.after(replace(OFF, temperature=temperature), logits), softmax(logits / temperature), atol=1e-6)


def test_dynamic_temperature_follows_the_entropy(bench: Bench) -> None:
    logits = bench.logits(*LOGITS)
    sampling = replace(OFF, top_k=8, temperature=1.0, dynatemp_range=0.5, dynatemp_exponent=1.3)
    eight = np.sort(logits)[::-1][:8]
    probs = softmax(eight)
    entropy = -(probs * np.log(probs)).sum() / math.log(8)
    wanted = softmax(eight / (0.5 + 1.0 * entropy**1.3))
    np.testing.assert_allclose(bench.after(sampling, logits)[:8], wanted, atol=1e-5)


@pytest.mark.parametrize("k", [1, 4, 7])
def test_top_k_keeps_k(bench: Bench, k: int) -> None:
    logits = bench.logits(*LOGITS)
    np.testing.assert_allclose(bench.after(replace(OFF, top_k=k), logits), kept(softmax(logits), np.arange(bench.n_vocab) < k), atol=1e-6)


@pytest.mark.parametrize("p", [0.3, 0.7, 0.95])
def test_top_p_keeps_the_smallest_nucleus(bench: Bench, p: float) -> None:
    logits = bench.logits(*LOGITS)
    probs = softmax(logits)
    count = int(np.searchsorted(np.cumsum(probs), p)) + 1  # already in falling order
    np.testing.assert_allclose(bench.after(replace(OFF, top_p=p), logits), kept(probs, np.arange(bench.n_vocab) < count), atol=1e-6)


@pytest.mark.parametrize("p", [0.05, 0.3, 0.9])
def test_min_p_keeps_a_share_of_the_likeliest(bench: Bench, p: float) -> None:
    logits = bench.logits(*LOGITS)
    probs = softmax(logits)
    np.testing.assert_allclose(bench.after(replace(OFF, min_p=p), logits), kept(probs, probs >= p * probs.max()), atol=1e-6)


def test_typical_keeps_the_expected_surprise(bench: Bench) -> None:
    logits = bench.logits(*LOGITS)
    probs = softmax(logits)
    real = probs[:10]
    entropy = -(real * np.log(real)).sum()
    nearest = np.argsort(np.abs(-np.log(real) - entropy), kind="stable")
    count = int(np.argmax(np.cumsum(real[nearest]) > 0.6)) + 1
    keep = np.zeros(bench.n_vocab, bool)
    keep[nearest[:count]] = True
    assert not keep[0] or count < 10
    np.testing.assert_allclose(bench.after(replace(OFF, typical_p=0.6), logits), kept(probs, keep), atol=1e-6)


def test_typical_after_forbidden_tokens_still_has_a_meaning(bench: Bench) -> None:
    """llama.cpp's own sampler works out 0 * log(0) there; a grammar or a bias of -inf is enough."""
    logits = bench.logits(*LOGITS)
    logits[10:] = -np.inf
    probs = bench.after(replace(OFF, typical_p=0.6), logits)
    np.testing.assert_allclose(probs, bench.after(replace(OFF, typical_p=0.6), bench.logits(*LOGITS)), atol=1e-6)


def test_top_n_sigma_keeps_what_is_near_the_top(bench: Bench) -> None:
    logits = np.random.default_rng(3).normal(0, 2, bench.n_vocab).astype(np.float32)
    probs = bench.after(replace(OFF, top_n_sigma=1.2), logits)
    keep = logits >= logits.max() - 1.2 * logits.std()
    assert 1 < keep.sum() < 1000
    np.testing.assert_allclose(probs, kept(softmax(logits), keep), atol=1e-6)


def test_xtc_removes_the_top_choices_but_the_last_of_them(bench: Bench) -> None:
    logits = bench.logits(*LOGITS)
    probs = softmax(logits)
    above = int((probs >= 0.1).sum())
    assert above >= 3
    always = bench.after(replace(OFF, xtc_probability=1.0, xtc_threshold=0.1), logits)
    np.testing.assert_allclose(always, kept(probs, np.arange(bench.n_vocab) >= above - 1), atol=1e-6)


def test_xtc_strikes_as_often_as_asked(bench: Bench) -> None:
    logits = bench.logits(5.0, 4.9)  # without it the first is drawn in half of all cases, with it never
    struck = Counter(bench.draw(replace(OFF, xtc_probability=0.5, xtc_threshold=0.1), logits, 3000))
    assert struck[0] / 3000 == pytest.approx(0.5 * softmax(logits)[0], abs=0.03)


def test_penalties_by_count_and_presence(bench: Bench) -> None:
    logits = bench.logits(*LOGITS)
    past = (9, 0, 2, 2, 0, 0, 7)
    sampling = replace(OFF, repeat_penalty=1.3, frequency_penalty=0.4, presence_penalty=0.25, repeat_last_n=6)
    wanted = logits.astype(np.float64).copy()
    for token, count in Counter(past[-6:]).items():
        wanted[token] = (wanted[token] / 1.3 if wanted[token] > 0 else wanted[token] * 1.3) - 0.4 * count - 0.25
    np.testing.assert_allclose(bench.after(sampling, logits, past), softmax(wanted), atol=1e-6)
    assert bench.after(sampling, logits, past)[9] > 0  # seen seven tokens ago: too far back


def test_dry_grows_with_the_length_of_the_repetition(bench: Bench) -> None:
    past = (0, 1, 2, 3, 5, 0, 1, 2)  # "0 1 2" again: 3 would go on
    logits = bench.logits(*LOGITS)
    sampling = replace(OFF, dry_multiplier=0.8, dry_base=1.75, dry_allowed_length=2, dry_breakers=())
    wanted = logits.astype(np.float64).copy()
    wanted[3] -= 0.8 * 1.75 ** (3 - 2)
    np.testing.assert_allclose(bench.after(sampling, logits, past), softmax(wanted), atol=1e-6)


def test_dry_does_not_look_across_a_breaker(bench: Bench) -> None:
    line = _tokens(bench, "one two three four\none two three")
    following = _tokens(bench, " four")[0]
    logits = bench.logits()
    logits[following] = logits[following + 1] = 2.0
    sampling = replace(OFF, dry_multiplier=2.0)
    free = bench.after(replace(sampling, dry_breakers=()), logits, line)
    assert free[following] < 0.2
    broken = bench.after(replace(sampling, dry_breakers=("three",)), logits, line)
    assert broken[following] == pytest.approx(0.5, abs=1e-6)


def _tokens(bench: Bench, text: str) -> tuple[int, ...]:
    room = (bench.L.llama_token * 64)()
    count = bench.L.llama_tokenize(bench.vocab, text.encode(), len(text.encode()), room, 64, False, False)
    return tuple(room[:count])


def test_logit_bias_moves_forces_and_forbids(bench: Bench) -> None:
    logits = bench.logits(*LOGITS)
    wanted = logits.astype(np.float64).copy()
    wanted[4] += 1.5
    np.testing.assert_allclose(bench.after(OFF, logits, bias=((4, 1.0), (4, 0.5))), softmax(wanted), atol=1e-6)
    picker = bench.samplers.picker(asdict(OFF), ((9, 100.0), (0, -math.inf)), ())
    assert not picker.is_plain
    assert {picker.pick(logits) for _ in range(50)} == {9}
    picker.free()


def test_when_everything_is_forbidden_nothing_is_picked(bench: Bench) -> None:
    picker = bench.samplers.picker(asdict(OFF), ((0, -math.inf),), ())
    logits = np.full(bench.n_vocab, -np.inf, np.float32)
    logits[0] = 1.0
    assert picker.pick(logits) is None
    assert picker.pick(bench.logits(1.0, 0.5)) == 1
    picker.free()


@pytest.mark.parametrize("tau", [2.0, 4.0])
def test_mirostat_holds_the_surprise_near_tau(bench: Bench, tau: float) -> None:
    """The rule of mirostat 2 (arXiv 2007.14966), worked out again over the tokens that were drawn."""
    logits = (-1.1 * np.log(np.arange(1, DRAWN_FROM + 1))).astype(np.float32)  # Zipf
    bits = -np.log2(softmax(logits))
    eta, mu, surprises = 0.1, 2 * tau, []
    for token in bench.draw(replace(OFF, mirostat=True, mirostat_tau=tau, mirostat_eta=eta), logits, 1500):
        assert bits[token] <= mu + 1e-3  # nothing more surprising than mu is ever drawn
        left = max(np.exp2(-bits[bits <= mu]).sum(), np.exp2(-bits[0]))
        surprises.append(float(bits[token] + np.log2(left)))
        mu -= eta * (surprises[-1] - tau)
    assert np.mean(surprises[200:]) == pytest.approx(tau, abs=0.1)
    without = float(np.mean(bits[bench.draw(OFF, logits, 1500)]))
    assert without > tau + 1.0


def test_the_draw_follows_the_probabilities(bench: Bench) -> None:
    logits = bench.logits(1.0, 0.5, 0.0)
    drawn = Counter(bench.draw(OFF, logits, 4000))
    expected = softmax(logits)[:3] * 4000
    chi = sum((drawn[token] - expected[token]) ** 2 / expected[token] for token in range(3))
    assert chi < 13.8  # p = 0.001 with two degrees of freedom


def test_the_same_seed_draws_the_same(bench: Bench) -> None:
    logits = bench.logits(*LOGITS)
    assert bench.draw(OFF, logits, 50) == bench.draw(OFF, logits, 50)
    assert bench.draw(OFF, logits, 50) != bench.draw(replace(OFF, seed=2), logits, 50)


def test_a_copy_draws_the_same_and_a_redraw_fairly_anew(bench: Bench) -> None:
    logits = bench.logits(1.0, 0.9, 0.8, 0.7)
    picker = bench.samplers.picker(asdict(OFF), (), ())
    twin = picker.copy()
    assert [picker.pick(logits) for _ in range(20)] == [twin.pick(logits) for _ in range(20)]
    again: Counter[int | None] = Counter()
    for number in range(1, 2001):
        other = picker.copy(redraw=number)
        again[other.pick(logits, forbidden=[0])] += 1
        other.free()
    expected = kept(softmax(logits), np.arange(bench.n_vocab) != 0) * 2000
    assert sum((again[token] - expected[token]) ** 2 / expected[token] for token in (1, 2, 3)) < 13.8
    picker.free()
    twin.free()


def test_the_order_changes_what_is_left(bench: Bench) -> None:
    logits = bench.logits(*LOGITS)
    sampling = replace(OFF, temperature=2.0, top_p=0.8)
    before = bench.after(replace(sampling, order=("top_p", "temperature")), logits)
    after = bench.after(replace(sampling, order=("temperature", "top_p")), logits)
    assert (before > 0).sum() < (after > 0).sum()


def test_a_sampler_that_is_off_or_not_named_is_not_in_the_chain(bench: Bench) -> None:
    def length(sampling: Sampling) -> int:
        picker = bench.samplers.picker(asdict(sampling), (), ())
        count = int(bench.L.llama_sampler_chain_n(picker.chain))
        picker.free()
        return count

    assert length(OFF) == 1  # the draw
    assert length(replace(OFF, top_k=5)) == 2
    assert length(replace(OFF, top_k=5, order=("min_p",))) == 1
    assert length(replace(OFF, repeat_penalty=1.2, repeat_last_n=0)) == 1


def test_all_on_are_used_in_the_default_order() -> None:
    everything = Sampling(repeat_penalty=1.1, dry_multiplier=0.8, top_n_sigma=1, typical_p=0.9, xtc_probability=0.5)
    assert tuple(used_samplers(asdict(everything))) == SAMPLERS
    assert used_samplers(asdict(replace(everything, temperature=0.0))) == ["penalties", "dry"]
    assert used_samplers(asdict(replace(everything, mirostat=True))) == ["penalties", "dry", "temperature"]


def test_temperature_zero_takes_the_likeliest_whatever_else_is_set(bench: Bench) -> None:
    sampling = replace(OFF, temperature=0.0, xtc_probability=1.0, typical_p=0.2, mirostat=True)
    assert set(bench.draw(sampling, bench.logits(*LOGITS), 20)) == {0}


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("temperature", -0.1),
        ("temperature", math.nan),
        ("temperature", math.inf),
        ("top_k", -1),
        ("top_k", 1.5),
        ("top_k", 2**40),
        ("top_p", 1.1),
        ("min_p", -0.01),
        ("typical_p", 2.0),
        ("top_n_sigma", -1.0),
        ("xtc_probability", 1.5),
        ("xtc_threshold", -0.5),
        ("dry_base", 0.5),
        ("dry_allowed_length", 0),
        ("dry_last_n", -2),
        ("repeat_penalty", 0.0),
        ("repeat_last_n", -2),
        ("frequency_penalty", 2.5),
        ("presence_penalty", math.nan),
        ("dynatemp_exponent", 0.0),
        ("mirostat_tau", -1.0),
        ("mirostat_eta", 2.0),
        ("order", ("top_k", "top_k")),
        ("order", ("magic",)),
        ("logit_bias", ((3, math.nan),)),
        ("logit_bias", ((3, math.inf),)),
        ("logit_bias", ((-3, 1.0),)),
        ("logit_bias", (("", 1.0),)),
        ("banned_phrases", ("  ",)),
        ("banned_phrases", ("x" * 2000,)),
        ("dry_breakers", ("",)),
    ],
)
def test_values_out_of_range_are_refused_by_name(field: str, value: object) -> None:
    with pytest.raises(BadRequest) as refusal:
        check_sampling(replace(Sampling(), **{field: value}))  # type: ignore[arg-type]
    assert field in str(refusal.value)


def test_the_limits_themselves_are_allowed() -> None:
    check_sampling(Sampling(temperature=0.0, top_k=0, top_p=0.0, min_p=1.0, repeat_last_n=-1, dry_last_n=-1, order=(), logit_bias=((5, -math.inf),)))
