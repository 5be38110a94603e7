"""Bounds of whole numbers in GBNF, digit by digit. Pure."""

from __future__ import annotations

from localstory.engines.text.json_pattern import BadSchema

LARGEST = 10**16
"""Numbers have 16 digits at most, where nothing is said of them: a small model would never stop."""


def whole_between(low: int | None, high: int | None) -> str:
    """The whole numbers from `low` to `high`, both with, as alternatives in GBNF; of 16 digits at most where there is no bound. Raises BadSchema."""
    low, high = (-LARGEST + 1 if low is None else low), (LARGEST - 1 if high is None else high)
    if low > high:
        raise BadSchema("a minimum above the maximum")
    choices = []
    if low < 0:
        choices += [f'"-" ({" | ".join(_digits(max(1, -high), -low))})']
    if high >= 0:
        choices += _digits(max(0, low), high)
    return " | ".join(choices)


def _digits(low: int, high: int) -> list[str]:
    """0 <= low <= high, by their number of digits."""
    found = []
    for length in range(len(str(low)), len(str(high)) + 1):
        least, most = (0 if length == 1 else 10 ** (length - 1)), 10**length - 1
        found.append(_same_length(str(max(low, least)), str(min(high, most))))
    return found


def _same_length(low: str, high: str) -> str:
    if not low:
        return ""
    if low == "0" * len(low) and high == "9" * len(high):
        return "[0-9]" if len(low) == 1 else f"[0-9]{{{len(low)}}}"
    if low[0] == high[0]:
        return f'"{low[0]}" {_same_length(low[1:], high[1:])}'.strip()
    first, last = int(low[0]), int(high[0])
    nines, zeros = "9" * (len(low) - 1), "0" * (len(low) - 1)
    choices = []
    if low[1:] != zeros:
        choices.append(f'"{first}" {_same_length(low[1:], nines)}')
        first += 1
    if high[1:] != nines:
        choices.append(f'"{last}" {_same_length(zeros, high[1:])}')
        last -= 1
    if first <= last:
        choices.append(f"[{first}-{last}] {_same_length(zeros, nines)}".strip())
    return choices[0] if len(choices) == 1 else f"({' | '.join(choices)})"
