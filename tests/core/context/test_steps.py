from __future__ import annotations

import itertools

from hypothesis import given, settings
from hypothesis import strategies as st

from localstory.context.steps import tokens_to_leave_out

sizes = st.integers(0, 200_000)


@given(sizes, sizes)
@settings(deadline=None)
def test_what_is_left_fits_and_is_no_less_than_half_the_room(total: int, room: int) -> None:
    gone = tokens_to_leave_out(total, room)
    assert gone >= 0
    assert total - gone <= room
    if total <= room:
        assert gone == 0
    elif room >= 4:
        assert total - gone > room // 2 - 1


@given(sizes, sizes, st.integers(1, 5000))
@settings(deadline=None)
def test_a_larger_room_never_loses_more(total: int, room: int, more: int) -> None:
    assert tokens_to_leave_out(total, room + more) <= tokens_to_leave_out(total, room)


@given(sizes, sizes, st.integers(1, 5000))
@settings(deadline=None)
def test_a_longer_chat_never_gets_lost_turns_back(total: int, room: int, more: int) -> None:
    assert tokens_to_leave_out(total + more, room) >= tokens_to_leave_out(total, room)


@given(st.integers(64, 20_000))
@settings(deadline=None)
def test_the_cut_moves_at_most_once_in_a_quarter_of_the_room(room: int) -> None:
    cuts = [tokens_to_leave_out(total, room) for total in range(room + 1, 3 * room, max(1, room // 500))]
    moves = sum(before != after for before, after in itertools.pairwise(cuts))
    assert moves <= 2 * room / (room / 4) + 1
