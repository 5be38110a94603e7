"""Captions: cut from the sentences as they are spoken, and written as SubRip and WebVTT. Pure.

At most two lines of 42 characters, shown for 1 to 7 seconds, broken at clauses, two frames apart
(universaldesign.ie, "Captions"; facts of the project, story.md §6). Text is kept as it was written but for the few
characters that are commands in these formats: see `plain`.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import pysubs2

from localstory.engines.base import Caption, SpokenSentence, SpokenWord

LINE_LIMIT = 42
LINES = 2
SHORTEST_S = 1.0
LONGEST_S = 7.0
_GAP_S = 2 / 24
_LINGER_S = 0.35
"""A caption stays this long after its last word when nothing follows: reading ends a little after hearing."""

_SENTENCE_END = ".!?…"
_CLAUSE_END = ",;:—–)"
_CLOSING = "\"'”’»)]"
_JOINING = frozenset("and but or so because that when while which who where if then as until before after và nhưng mà khi để rồi vì nên".split())


@dataclass(frozen=True, slots=True)
class _Piece:
    """Some words of one sentence: as written, and when they are heard."""

    words: tuple[SpokenWord, ...]

    @property
    def text(self) -> str:
        return " ".join(word.text for word in self.words)

    @property
    def start_s(self) -> float:
        return self.words[0].start_s

    @property
    def end_s(self) -> float:
        return self.words[-1].end_s


def captions_of(sentences: Sequence[SpokenSentence], offset_s: float = 0.0) -> tuple[Caption, ...]:
    """Captions for a reading that begins `offset_s` seconds into the film. Each starts with its first word."""
    pieces: list[_Piece] = []
    for sentence in sentences:
        words = _written_words(sentence)
        if words:
            pieces += _split(_Piece(words))
    pieces = _join_short(pieces)
    captions = []
    for k, piece in enumerate(pieces):
        latest = pieces[k + 1].start_s - _GAP_S if k + 1 < len(pieces) else float("inf")
        end = max(piece.end_s + _LINGER_S, piece.start_s + SHORTEST_S)
        end = min(end, latest, piece.start_s + LONGEST_S)
        # Two words right after each other leave no room for the gap; a caption never ends before it starts.
        end = max(end, min(piece.end_s, piece.start_s + LONGEST_S), piece.start_s + 0.04)
        captions.append(Caption("\n".join(wrap(piece.text)), offset_s + piece.start_s, offset_s + end))
    return tuple(captions)


def wrap(text: str) -> list[str]:
    """One or two lines of at most 42 characters, broken at a clause where that leaves both lines of a decent length.

    More than two lines come back only for a text that does not fit in two; a word longer than a line is cut.
    """
    words = [part for word in text.split() for part in _cut(word)]
    whole = " ".join(words)
    if len(whole) <= LINE_LIMIT:
        return [whole] if whole else []
    best: tuple[float, int] | None = None
    for k in range(1, len(words)):
        upper, lower = " ".join(words[:k]), " ".join(words[k:])
        if max(len(upper), len(lower)) > LINE_LIMIT:
            continue
        cost = abs(len(upper) - len(lower)) - _break_worth(words[k - 1], words[k])
        if best is None or cost < best[0]:
            best = (cost, k)
    if best is not None:
        return [" ".join(words[: best[1]]), " ".join(words[best[1] :])]
    lines = [words[0]]
    for word in words[1:]:
        if len(lines[-1]) + 1 + len(word) <= LINE_LIMIT:
            lines[-1] += " " + word
        else:
            lines.append(word)
    return lines


def srt(captions: Iterable[Caption]) -> str:
    """SubRip text."""
    return _written(captions, "srt")


def vtt(captions: Iterable[Caption]) -> str:
    """WebVTT text."""
    return _written(captions, "vtt")


def plain(text: str) -> str:
    """The same words without what SubRip, WebVTT and ASS take for commands.

    `<b>`, `{\\an8}`, `-->` and backslashes become look-alikes; control characters and empty lines go.
    """
    text = text.replace("-->", "→").translate(_LOOK_ALIKES)
    lines = ("".join(c for c in line if unicodedata.category(c) not in ("Cc", "Cs")).strip() for line in text.splitlines())
    return "\n".join(line for line in lines if line)


_LOOK_ALIKES = str.maketrans({"<": "‹", ">": "›", "{": "(", "}": ")", "\\": "⧵", "&": "＆", "\t": " "})


def _written(captions: Iterable[Caption], format: str) -> str:
    file = pysubs2.SSAFile()
    for caption in captions:
        text = plain(caption.text)
        if text:
            start = round(caption.start_s * 1000)
            file.append(pysubs2.SSAEvent(start=start, end=max(start + 1, round(caption.end_s * 1000)), text=text.replace("\n", "\\N")))
    return str(file.to_string(format))


def _written_words(sentence: SpokenSentence) -> tuple[SpokenWord, ...]:
    """The sentence's words with the punctuation that stands around them in the text."""
    text, words = sentence.text, sentence.words
    if not words:
        whole = " ".join(text.split())
        return (SpokenWord(whole, sentence.start_s, sentence.end_s),) if whole else ()
    starts, at = [], 0
    for word in words:
        found = text.find(word.text, at)
        if found < 0:
            return words
        starts.append(found)
        at = found + len(word.text)
    # A quote or bracket that opens belongs to the word it stands before.
    cuts = [0]
    for k in range(1, len(starts)):
        cut = starts[k]
        while cut > starts[k - 1] + len(words[k - 1].text) and not text[cut - 1].isspace():
            cut -= 1
        cuts.append(cut)
    cuts.append(len(text))
    written = []
    for k, word in enumerate(words):
        part = " ".join(text[cuts[k] : cuts[k + 1]].split())
        if part:
            written.append(SpokenWord(part, word.start_s, word.end_s))
    return tuple(written)


def _split(piece: _Piece) -> list[_Piece]:
    """The piece, cut at its best places until each part fits on the screen and is not shown too long."""
    if _fits(piece) or len(piece.words) == 1:
        return [piece]
    length = len(piece.text)
    best: tuple[float, int] | None = None
    done = 0
    for k in range(1, len(piece.words)):
        done += len(piece.words[k - 1].text) + 1
        cost = abs(2 * done - length) - 2 * _break_worth(piece.words[k - 1].text, piece.words[k].text)
        # A part that is over in a moment can't be read.
        cost += 200 * (min(piece.words[k - 1].end_s - piece.start_s, piece.end_s - piece.words[k].start_s) < SHORTEST_S)
        if best is None or cost < best[0]:
            best = (cost, k)
    assert best is not None
    return _split(_Piece(piece.words[: best[1]])) + _split(_Piece(piece.words[best[1] :]))


def _fits(piece: _Piece) -> bool:
    return len(wrap(piece.text)) <= LINES and piece.end_s - piece.start_s <= LONGEST_S


def _join_short(pieces: list[_Piece]) -> list[_Piece]:
    """Pieces that can't stay for a second join the next one, where both fit together."""
    joined: list[_Piece] = []
    for piece in pieces:
        if joined and piece.start_s - _GAP_S - joined[-1].start_s < SHORTEST_S:
            both = _Piece(joined[-1].words + piece.words)
            if _fits(both):
                joined[-1] = both
                continue
        joined.append(piece)
    return joined


def _break_worth(before: str, after: str) -> float:
    """How good a place for a break between two words is, in characters of imbalance it may cost."""
    end = before.rstrip(_CLOSING)[-1:] or before[-1:]
    if end in _SENTENCE_END:
        return 24
    if end in _CLAUSE_END or before[-1:] in _CLAUSE_END:
        return 16
    if after.lower().strip(_CLOSING + "“‘«([") in _JOINING:
        return 8
    return 0


def _cut(word: str) -> list[str]:
    return [word[k : k + LINE_LIMIT] for k in range(0, len(word), LINE_LIMIT)]
