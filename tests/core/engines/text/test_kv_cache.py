"""Whatever the cache held before, the text is what a cold engine writes: random trees of edits on small models of every kind."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from pathlib import Path

import llama_cpp.llama_cpp as L
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from localstory.children.worker import Cancelled
from tests.core.engines.text.kv_bench import Bench, CancelAfter, memory_only, on_disk
from tests.fakes.tiny_models import KINDS, TOKENS, write_tiny

CELLS = 1024


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("tiny")
    return {kind: write_tiny(folder / f"{kind} bé 🐉.gguf", kind) for kind in KINDS}


def some_tokens(seed: int, count: int) -> list[int]:
    rng = random.Random(seed)
    return [rng.randrange(TOKENS) for _ in range(count)]


@pytest.fixture(
    scope="module", params=[(kind, flash) for kind in KINDS for flash in (False, True)], ids=lambda one: f"{one[0]}-{'flash' if one[1] else 'plain'}"
)
def pair(request: pytest.FixtureRequest, tiny: dict[str, Path]) -> Iterator[tuple[Bench, Bench, str, bool]]:
    """A bench whose cache is used, and one that is always cold."""
    kind, flash = request.param
    used = Bench(tiny[kind], flash=flash, shares=kind == "dense", context_length=CELLS, kept=memory_only())
    cold = Bench(tiny[kind], flash=flash, shares=kind == "dense", context_length=CELLS)
    yield used, cold, kind, flash
    used.free()
    cold.free()


def from_nothing(cold: Bench, tokens: list[int], splits: int = 0) -> np.ndarray:
    """Logits of a run in an empty cache; with `splits` in batches of that many tokens."""
    cold.cache.cut(0)
    L.llama_memory_clear(cold.model.memory, True)
    if not splits:
        return cold.logits(tokens, exact=True)[0]
    for start in range(0, len(tokens), splits):
        cold.cache._decode(tokens[start : start + splits])
    return cold.model.logits().copy()


# An edit: where the prompt leaves the one before (a share of its length), how much is new, how long the reply is, with a seed or not.
edits = st.lists(st.tuples(st.floats(0, 1), st.integers(1, 300), st.integers(0, 80), st.booleans(), st.integers(0, 3)), min_size=2, max_size=9)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(edits=edits, seed=st.integers(0, 99))
def test_a_strict_reply_is_a_cold_one_bit_for_bit(pair: tuple[Bench, Bench, str, bool], edits: list[tuple[float, int, int, bool, int]], seed: int) -> None:
    used, cold, _kind, flash = pair
    prompts = [some_tokens(seed, 1)]
    for number, (share, new, reply, exact, whose) in enumerate(edits):
        before = prompts[-1 - whose % len(prompts)]
        prompt = (before[: max(1, int(share * len(before)))] + some_tokens(1000 * seed + number, new))[: CELLS - 100]
        logits, reused = used.logits(prompt, exact=exact)
        assert reused < len(prompt)
        if exact or not flash:
            assert np.array_equal(logits, from_nothing(cold, prompt)), (reused, len(prompt), used.cache.facts())
        else:
            # How far two splits of a cold run are apart is measured on the real models; a wrong token or place shows as a whole unit.
            whole = from_nothing(cold, prompt)
            assert np.abs(logits - whole).max() <= 0.1 * whole.std(), (reused, len(prompt), used.cache.facts())
        written = some_tokens(7 * seed + number, reply)
        used.write(written)
        prompts.append(prompt + written)


@pytest.mark.parametrize("flash", [False, True])
@pytest.mark.parametrize("kind", KINDS)
def test_states_from_the_disk_are_as_good_as_the_live_ones(tiny: dict[str, Path], tmp_path: Path, kind: str, flash: bool) -> None:
    kept = on_disk(tmp_path / "Tết 🐉", memory_bytes=8 << 20)
    story, other = some_tokens(1, 500), some_tokens(2, 300)
    first = Bench(tiny[kind], flash=flash, shares=kind == "dense", kept=kept)
    first.logits(story)
    first.logits(other)
    first.cache.save_to_disk(lambda: False, all_of_it=True)
    first.free()
    again = Bench(tiny[kind], flash=flash, shares=kind == "dense", kept=kept)
    cold = Bench(tiny[kind], flash=flash, shares=kind == "dense")
    for prompt in ([*story, 1, 2, 3], other + [5] * 40, [*story[:400], 9]):
        logits, reused = again.logits(prompt, exact=True)
        assert np.array_equal(logits, from_nothing(cold, prompt)), (reused, again.cache.facts())
    again.free()
    third = Bench(tiny[kind], flash=flash, shares=kind == "dense", kept=kept)
    for prompt, old in (([*story, 3, 2, 1], 500), ([*other, 5], 300)):
        _logits, reused = third.logits(prompt)
        if flash:
            assert (reused, third.cache.facts()["cache"]) == (old, "disk")
        elif kind != "sliding":  # there a strict reply finds its place in the ring by luck alone
            assert old - 16 < reused <= old and third.cache.facts()["cache"] == "disk"
    third.free()
    cold.free()


def test_branches_stand_side_by_side_and_share_their_beginning(tiny: dict[str, Path]) -> None:
    bench = Bench(tiny["dense"], flash=True, shares=True, context_length=1024)
    shared = some_tokens(1, 600)
    for number in range(8):  # 600 + 8 * 40 cells; apart they would need 5,120
        _logits, reused = bench.logits(shared + some_tokens(10 + number, 40))
        assert reused == (600 if number else 0)
    assert bench.cache.live_branches == 8
    for number in (3, 7, 0):
        _logits, reused = bench.logits(shared + some_tokens(10 + number, 40))
        assert reused == 639 and bench.cache.facts()["cache"] == "live"
    bench.free()


def test_a_full_cache_lets_the_least_used_branch_go(tiny: dict[str, Path]) -> None:
    bench = Bench(tiny["dense"], flash=True, shares=True, context_length=1024, kept=memory_only())
    for number in range(3):
        bench.logits(some_tokens(number, 500))
    assert bench.cache.live_branches == 2
    bench.logits([*some_tokens(0, 500), 1])
    assert bench.cache.facts()["cache"] == "memory"
    bench.free()


@pytest.mark.parametrize("kind", KINDS)
def test_a_reply_may_use_the_context_to_its_last_cell(tiny: dict[str, Path], kind: str) -> None:
    bench = Bench(tiny[kind], flash=True, shares=kind == "dense", context_length=256, kept=memory_only())
    bench.logits(some_tokens(1, 100))
    bench.logits(some_tokens(2, 200))
    bench.write(some_tokens(3, 56))
    assert len(bench.cache.tokens) == 256
    assert bench.logits(some_tokens(2, 200))[1] > 0
    bench.free()


@pytest.mark.parametrize("kind", KINDS)
def test_a_thousand_branches_take_no_more_memory_than_allowed(tiny: dict[str, Path], kind: str) -> None:
    budget = 1 << 20
    bench = Bench(tiny[kind], flash=True, shares=kind == "dense", kept=memory_only(budget))
    shared = some_tokens(1, 128)
    for number in range(1000):
        bench.logits(shared + some_tokens(number, 70))
        assert bench.cache._shelf.memory_bytes <= budget
    assert bench.cache.live_branches <= 8
    bench.free()


@pytest.mark.parametrize("kind", KINDS)
def test_what_was_evaluated_before_a_stop_is_kept_and_right(tiny: dict[str, Path], kind: str) -> None:
    bench = Bench(tiny[kind], flash=False, shares=kind == "dense", batch=64, kept=memory_only())
    cold = Bench(tiny[kind], flash=False, shares=kind == "dense", batch=64)
    prompt = some_tokens(1, 900)
    from_nothing(cold, prompt)
    began = time.perf_counter()
    from_nothing(cold, prompt)
    whole = time.perf_counter() - began
    kept = []
    for number in range(12):
        bench.cache.cut(0)
        bench.model.job = CancelAfter(whole * (number + 0.5) / 12)
        bench.cache.begin(False)
        try:
            bench.cache.evaluate([*prompt[:1], number, *prompt[2:]], bench.model.job, exact=False)
        except Cancelled:
            kept.append(len(bench.cache.tokens))
        bench.model.job = None
        assert np.array_equal(bench.logits([*prompt[:1], number, *prompt[2:]])[0], from_nothing(cold, [*prompt[:1], number, *prompt[2:]]))
    assert kept and (kind == "recurrent" or max(kept) >= 64)
    bench.free()
    cold.free()


def test_another_key_is_another_branch(tiny: dict[str, Path]) -> None:
    bench = Bench(tiny["dense"], flash=True, shares=True, kept=memory_only())
    prompt = some_tokens(1, 200)
    for key, expected in (("", 0), ("lora a 1.0", 0), ("", 199), ("lora a 0.5", 0), ("lora a 1.0", 199)):
        bench.cache.settings_key = key
        assert bench.logits(prompt)[1] == expected
    bench.free()


def test_a_private_branch_is_never_written(tiny: dict[str, Path], tmp_path: Path) -> None:
    kept = on_disk(tmp_path / "kv", memory_bytes=4 << 20)
    bench = Bench(tiny["dense"], flash=False, shares=True, kept=kept)
    bench.logits(some_tokens(1, 300), private=True)
    bench.logits(some_tokens(2, 300), private=True)
    bench.cache.save_to_disk(lambda: False, all_of_it=True)
    assert not list((tmp_path / "kv").glob("*.kv"))
    bench.logits(some_tokens(3, 300))
    bench.cache.save_to_disk(lambda: False, all_of_it=True)
    assert len(list((tmp_path / "kv").glob("*.kv"))) == 1
    bench.free()


def test_nothing_is_written_twice(tiny: dict[str, Path], tmp_path: Path) -> None:
    bench = Bench(tiny["dense"], flash=True, shares=True, kept=on_disk(tmp_path / "kv"))
    bench.logits(some_tokens(1, 300))
    bench.cache.save_to_disk(lambda: False, all_of_it=False)
    (file,) = (tmp_path / "kv").glob("*.kv")
    written = file.stat().st_mtime_ns, file.stat().st_ino
    bench.write(some_tokens(2, 20))  # little is new
    bench.cache.save_to_disk(lambda: False, all_of_it=False)
    bench.logits(some_tokens(1, 300))
    bench.cache.save_to_disk(lambda: False, all_of_it=True)
    assert (file.stat().st_mtime_ns, file.stat().st_ino) == written
    bench.write(some_tokens(2, 100))
    bench.cache.save_to_disk(lambda: False, all_of_it=False)
    (grown,) = (tmp_path / "kv").glob("*.kv")  # in place of the one that it has grown out of
    assert grown != file
    bench.free()


def test_a_request_stops_the_saving_at_once(tiny: dict[str, Path], tmp_path: Path) -> None:
    bench = Bench(tiny["dense"], flash=True, shares=True, kept=on_disk(tmp_path / "kv"))
    bench.logits(some_tokens(1, 300))
    bench.cache.save_to_disk(lambda: True, all_of_it=True)
    assert not [path for path in (tmp_path / "kv").iterdir() if path.name != "key"]
    bench.free()


def test_a_ring_that_was_cut_over_its_end_is_not_used_for_a_strict_reply(tiny: dict[str, Path]) -> None:
    bench = Bench(tiny["sliding"], flash=True, shares=False)
    cold = Bench(tiny["sliding"], flash=True, shares=False)
    story = some_tokens(1, 400)
    for cut, new in ((250, 60), (245, 9), (250, 3), (255, 100)):
        bench.logits(story[:300])
        bench.logits(story[:cut] + some_tokens(2, new))  # frees the cells from `cut` to 255 and from 0 on: the head is not where it was
        prompt = story[:cut] + some_tokens(3, 80)
        assert np.array_equal(bench.logits(prompt, exact=True)[0], from_nothing(cold, prompt))
    bench.free()
    cold.free()


@pytest.mark.parametrize("kind", KINDS)
def test_a_shorter_context_leaves_the_longer_states_alone(tiny: dict[str, Path], tmp_path: Path, kind: str) -> None:
    kept = on_disk(tmp_path / "kv")
    story = some_tokens(1, 700)
    first = Bench(tiny[kind], flash=True, shares=kind == "dense", context_length=1024, kept=kept)
    first.logits(story)
    first.cache.save_to_disk(lambda: False, all_of_it=True)
    first.free()
    files = sorted((tmp_path / "kv").glob("*.kv"))
    short = Bench(tiny[kind], flash=True, shares=kind == "dense", context_length=512, kept=kept)
    short.logits(some_tokens(2, 100))
    short.logits([*story[:400], 5])
    assert files and set(files) <= set((tmp_path / "kv").glob("*.kv"))
    if kind == "dense":
        assert short.cache.live_branches == 2, "what was live is not thrown out for a state that finds no room"
    short.free()
    again = Bench(tiny[kind], flash=True, shares=kind == "dense", context_length=1024, kept=kept)
    assert again.logits([*story, 1])[1] == 700 and again.cache.facts()["cache"] == "disk"
    again.free()


def test_a_branch_too_large_for_every_budget_is_not_even_copied(tiny: dict[str, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    bench = Bench(tiny["dense"], flash=False, shares=True, kept=memory_only(1000))
    copied: list[int] = []
    real = bench.cache._get_state

    def get(seq: int, flags: int) -> bytearray | None:
        copied.append(seq)
        return real(seq, flags)

    monkeypatch.setattr(bench.cache, "_get_state", get)
    for number in range(3):
        bench.logits(some_tokens(number, 300), exact=True)
    assert not copied
    bench.free()


def test_a_stop_while_a_state_is_read_ends_the_request_and_keeps_the_file(tiny: dict[str, Path], tmp_path: Path) -> None:
    kept = on_disk(tmp_path / "kv")
    first = Bench(tiny["dense"], flash=True, shares=True, kept=kept)
    first.logits(some_tokens(1, 400))
    first.cache.save_to_disk(lambda: False, all_of_it=True)
    first.free()
    again = Bench(tiny["dense"], flash=True, shares=True, kept=kept)
    again.logits(some_tokens(2, 50))
    with pytest.raises(Cancelled):
        again.cache.evaluate(some_tokens(1, 400), CancelAfter(0), exact=False)
    assert len(list((tmp_path / "kv").glob("*.kv"))) == 1
    assert again.logits([*some_tokens(1, 400), 1])[1] == 400
    again.free()
