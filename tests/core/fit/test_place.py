"""Placement: everything on graphics if it fits, else as much as fits; experts leave first."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from localstory.fit import place
from localstory.fit.budget import Budget, CardPool, Pool
from localstory.fit.estimate import ON_PROCESSOR, Placement
from localstory.fit.need import DeviceNeed, MemoryNeed
from localstory.fit.shape import ModelShape
from localstory.hardware.machine import Gpu

GIB = 1 << 30
DENSE = ModelShape(
    architecture="llama", layers_all=32, layers=32, context_length=8192, embedding=4096, vocabulary=32000, heads=(32,) * 32, kv_heads=(8,) * 32,
    key_length=128, value_length=128, key_length_swa=128, value_length_swa=128, feed_forward=(14336,) * 32, experts=0, experts_used=0,
    expert_feed_forward=0, leading_dense=0, sliding_window=0, swa=(False,) * 32, recurrent=(False,) * 32, has_cache=(True,) * 32, is_mla=False,
)  # fmt: skip
EXPERTS = replace(DENSE, experts=64, experts_used=4, expert_feed_forward=1024)


def budget(card_gib: float, memory_gib: float = 64, *, shared: bool = False) -> Budget:
    gpu = Gpu("G", "nvidia", "cuda", int(card_gib * GIB), int(card_gib * GIB), shared, 360.0, True)
    memory = Pool(int(memory_gib * GIB), int(memory_gib * GIB))
    return Budget(memory, (CardPool(gpu, "GPU0", Pool(int(card_gib * GIB), int(card_gib * GIB)), shared),) if card_gib else (), None)


def need_of(layer_bytes: int, expert_bytes: int = 0):  # type: ignore[no-untyped-def]
    """A model of 32 equal layers and an output layer; experts are a part of each layer."""

    def need(placement: Placement) -> MemoryNeed:
        on_card = placement.gpu_layers
        experts_away = min(placement.processor_experts, on_card) * expert_bytes
        card = on_card * layer_bytes - experts_away
        processor = (33 - on_card) * layer_bytes + experts_away
        cards = (DeviceNeed("GPU0", weights_bytes=card),) if on_card else ()
        return MemoryNeed((DeviceNeed("CPU", weights_bytes=processor), *cards), "computed")

    return need


@given(st.floats(0.3, 40), st.integers(1 << 20, 2 * GIB))
def test_as_many_layers_as_fit_and_not_one_more(card_gib: float, layer_bytes: int) -> None:
    have, need = budget(card_gib), need_of(layer_bytes)
    found = place.best_placement(DENSE, have, need)
    best = max((count for count in range(34) if place.card_fits(need(Placement(place.slots(have), count)), have)), default=0)
    assert found.gpu_layers == (best if best > 1 else 0)


@given(st.floats(0.5, 40), st.integers(1, 900))
def test_experts_leave_the_card_before_layers_do(card_gib: float, expert_mib: int) -> None:
    have, need = budget(card_gib), need_of(GIB, expert_mib << 20)
    found = place.best_placement(EXPERTS, have, need)
    assert place.card_fits(need(found), have)
    if 0 < found.gpu_layers < 33:
        assert found.processor_experts == 32
    if found.processor_experts and found.gpu_layers == 33:
        fewer = replace(found, processor_experts=found.processor_experts - 1)
        assert not place.card_fits(need(fewer), have)


def test_without_a_card_all_is_on_the_processor() -> None:
    assert place.best_placement(DENSE, budget(0), need_of(GIB)) == ON_PROCESSOR


def test_a_number_of_layers_somebody_chose_is_kept_even_if_it_does_not_fit() -> None:
    assert place.best_placement(DENSE, budget(2), need_of(GIB), gpu_layers=20).gpu_layers == 20
    assert place.best_placement(DENSE, budget(2), need_of(GIB), gpu_layers=-1).gpu_layers == 33
    assert place.best_placement(DENSE, budget(2), need_of(GIB), gpu_layers=0) == ON_PROCESSOR


def test_shared_memory_counts_once() -> None:
    have = budget(12, 10, shared=True)
    need = need_of(GIB // 4)(Placement(place.slots(have), 33))
    assert place.memory_bytes(need, have) == 33 * (GIB // 4)
    own = budget(12, 10)
    assert place.memory_bytes(need, own) == 0


def test_a_shared_pool_that_is_too_small_refuses_though_the_card_alone_would_do() -> None:
    have = budget(12, 6, shared=True)
    assert place.best_placement(DENSE, have, need_of(GIB // 4)).gpu_layers < 33
