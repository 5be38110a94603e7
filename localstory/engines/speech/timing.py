"""Durations of phonemes -> when each word, as written, is heard. Pure.

espeak joins words ("in the" is one group of phonemes) and parts others; where the groups and the words differ in
number they are aligned by how the words sound alone, at the least total difference.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

_MARKS = frozenset(".,;:!?'\"()-—…¡¿^$_ ")
_STRESS = str.maketrans("", "", "ˈˌːˑ-'")
_BAND = 16
_MOST_JOINED = 4


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of sound, in samples from the start of the breath."""

    start: int
    end: int


@dataclass(frozen=True, slots=True)
class _Group:
    sound: str
    span: Span
    count: int
    """How many phonemes it has."""


def word_spans(said: Sequence[str], phonemes: Sequence[str], samples: Sequence[int], sound_of: Callable[[str], str]) -> list[Span]:
    """When each written word is heard. `said[i]` is what is said for word i ("" when nothing); `phonemes[j]` lasts
    `samples[j]`; `sound_of(word)` are the phonemes of one word alone. A silent word is an empty span where it stands.
    """
    groups = _groups(phonemes, samples)
    owners = [index for index, text in enumerate(said) for _word in text.split()]
    spoken = [word for text in said for word in text.split()]
    if not spoken or not groups:
        return [Span(0, 0)] * len(said)
    spans = [group.span for group in groups] if len(groups) == len(spoken) else _align(spoken, groups, sound_of)
    found: list[Span | None] = [None] * len(said)
    for owner, span in zip(owners, spans, strict=True):
        before = found[owner]
        found[owner] = Span(before.start, max(before.end, span.end)) if before else span
    placed: list[Span] = []
    position = groups[0].span.start
    for maybe in found:
        here = maybe or Span(position, position)
        here = Span(max(here.start, position), max(here.end, position))
        placed.append(here)
        position = here.end
    return placed


def _groups(phonemes: Sequence[str], samples: Sequence[int]) -> list[_Group]:
    """Runs between spaces. Marks at a group's end are silence and no part of its span."""
    groups: list[_Group] = []
    position = 0
    sound, start, end = "", 0, 0
    count = 0
    for phoneme, length in zip(phonemes, samples, strict=True):
        if phoneme == " ":
            if count:
                groups.append(_Group(sound, Span(start, end), count))
            sound, count = "", 0
        elif phoneme not in _MARKS:
            if not count:
                start = position
            sound += phoneme
            count += 1
            end = position + length
        position += length
    if count:
        groups.append(_Group(sound, Span(start, end), count))
    return groups


def _align(spoken: Sequence[str], groups: Sequence[_Group], sound_of: Callable[[str], str]) -> list[Span]:
    """A span for each spoken word, by the cheapest alignment of words and groups.

    A step takes one word for one group, several words for one group (shared by their number of phonemes), or one word
    for several groups. Steps far from the diagonal are left out.
    """
    sounds = [sound_of(word).translate(_STRESS) for word in spoken]
    heard = [group.sound.translate(_STRESS) for group in groups]
    rows, columns = len(sounds), len(heard)
    band = _BAND + abs(rows - columns)
    best: dict[tuple[int, int], tuple[float, int, int]] = {(0, 0): (0.0, 0, 0)}
    for row in range(rows + 1):
        middle = row * columns // rows
        for column in range(max(0, middle - band), min(columns, middle + band) + 1):
            state = best.get((row, column))
            if state is None:
                continue
            for words, taken in _STEPS:
                to = (row + words, column + taken)
                if to[0] > rows or to[1] > columns:
                    continue
                cost = state[0] + _difference("".join(sounds[row : to[0]]), "".join(heard[column : to[1]])) + (words + taken - 2) * 0.1
                if to not in best or cost < best[to][0]:
                    best[to] = (cost, row, column)
    if (rows, columns) not in best:
        return _by_length(sounds, groups)
    spans: list[Span] = []
    at = (rows, columns)
    while at != (0, 0):
        _cost, row, column = best[at]
        taken_words, taken_groups = sounds[row : at[0]], groups[column : at[1]]
        whole = Span(taken_groups[0].span.start, taken_groups[-1].span.end)
        spans[:0] = _share(taken_words, whole)
        at = (row, column)
    return spans


_STEPS = ((1, 1), *((joined, 1) for joined in range(2, _MOST_JOINED + 1)), *((1, parted) for parted in range(2, _MOST_JOINED + 1)))


def _difference(one: str, other: str) -> float:
    """How differently two words sound: 0 for the same. Cheap on purpose: it runs thousands of times a sentence."""
    if one == other:
        return 0.0
    shared = len(frozenset(one) & frozenset(other))
    return abs(len(one) - len(other)) + 0.5 * (len(frozenset(one)) + len(frozenset(other)) - 2 * shared) + (0.0 if one[:1] == other[:1] else 0.5)


def _share(sounds: Sequence[str], whole: Span) -> list[Span]:
    """Divide a span among words by their number of phonemes."""
    weights = [max(1, len(sound)) for sound in sounds]
    total = sum(weights)
    spans: list[Span] = []
    done = 0
    for weight in weights:
        start = whole.start + (whole.end - whole.start) * done // total
        done += weight
        spans.append(Span(start, whole.start + (whole.end - whole.start) * done // total))
    return spans


def _by_length(sounds: Sequence[str], groups: Sequence[_Group]) -> list[Span]:
    """When nothing fits: by the number of phonemes over the whole breath, which is exact for the sentence at least."""
    return _share(sounds, Span(groups[0].span.start, groups[-1].span.end))


def even_samples(count: int, total: int) -> list[int]:
    """`total` samples over `count` phonemes as evenly as whole numbers allow: for voices that hide their durations."""
    return [total * (index + 1) // count - total * index // count for index in range(count)]
