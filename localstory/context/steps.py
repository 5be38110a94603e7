"""How much must go, in large steps: so that the beginning of the prompt stays the same for many turns and is not evaluated again."""

from __future__ import annotations


def tokens_to_leave_out(total: int, room: int) -> int:
    """How many of the oldest `total` tokens go so that the rest fits into `room`; 0 when all fits.

    Always a whole number of steps, and a step is a power of two between a quarter and a half of the room: a chat that
    grows by a turn moves the cut only once in many turns, and two chats of one history cut at the same place. What is
    kept is never less for a larger room: at the room where the step doubles, the finer step below it goes on to
    count as long as it keeps more (the coarser ones further down never do).
    """
    if total <= room:
        return 0
    if room < 4:
        return total - max(0, room)
    step = 1 << ((room // 2).bit_length() - 1)  # 2 * step <= room < 4 * step
    largest_room_below = 2 * step - 1
    finer = step // 2
    return min(_up(total - room, step), _up(total - largest_room_below, finer))


def _up(number: int, step: int) -> int:
    return -(-number // step) * step
