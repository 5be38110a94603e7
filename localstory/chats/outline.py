"""What a person reads of a chat's branches: where each one left, and what is different in it. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

from localstory.chats.organising import BranchName
from localstory.chats.tree import ChatMessage, MessageId, Tree

FIRST_WORDS = 80
"""Letters of a branch's first message that its row shows."""

Kind: TypeAlias = Literal["same", "gone", "new"]

_WORDS = re.compile(r"\w+|\s+|[^\w\s]", re.UNICODE)
_MOST_STEPS = 4_000_000
"""Of comparing words: beyond it lines are compared first, and beyond that a passage counts as written anew."""


@dataclass(frozen=True, slots=True)
class Branch:
    """One way through the chat, as a row of the outline. The oldest answer goes on with a branch; later ones begin their own."""

    tip: MessageId
    """Its last message."""
    begins: MessageId
    """The first message that is its own."""
    left_after: MessageId | None
    """The message after which it left the other one; None where the chat itself begins."""
    first_words: str
    name: str
    pinned: bool
    messages: int
    """Its own, from `begins` to `tip`."""
    is_shown: bool
    depth: int
    """How many branches it left one after another: 0 for a beginning of the chat."""


@dataclass(frozen=True, slots=True)
class Divergence:
    """Two branches side by side: `common + one` and `common + other` are the two paths."""

    common: list[ChatMessage]
    one: list[ChatMessage]
    other: list[ChatMessage]


@dataclass(frozen=True, slots=True)
class Piece:
    """A run of words: in both texts, only in the one ("gone"), or only in the other ("new")."""

    text: str
    kind: Kind


def branches(tree: Tree, tip: MessageId | None, names: Iterable[BranchName] = ()) -> list[Branch]:
    """Every branch of the tree once, in reading order: a branch, then those that left it, the earliest place first.

    `tip` is where the chat stands: the branch that holds it is shown.
    """
    named = {name.message_id: name for name in names}
    found: list[Branch] = []
    begun: list[tuple[MessageId, MessageId | None, int]] = [(first, None, 0) for first in reversed(tree.children(None))]
    while begun:
        begins, left_after, depth = begun.pop()
        own: list[MessageId] = []
        leaving: list[tuple[MessageId, MessageId | None, int]] = []
        at: MessageId | None = begins
        while at is not None:
            own.append(at)
            answers = tree.children(at)
            leaving += [(other, at, depth + 1) for other in answers[1:]]
            at = answers[0] if answers else None
        name = next((named[one] for one in own if one in named), None)
        found.append(
            Branch(
                tip=own[-1], begins=begins, left_after=left_after, first_words=first_words(tree.messages[begins].text),
                name=name.name if name is not None else "", pinned=name is not None and name.pinned,
                messages=len(own), is_shown=tip is not None and tip in own, depth=depth,
            )
        )  # fmt: skip
        begun += reversed(leaving)
    return found


def first_words(text: str) -> str:
    """The beginning of a text on one line."""
    line = " ".join(text[: FIRST_WORDS * 4].split())
    return line if len(line) <= FIRST_WORDS else line[: FIRST_WORDS - 1].rstrip() + "…"


def divergence(tree: Tree, one_tip: MessageId, other_tip: MessageId) -> Divergence:
    """Where two branches part, and what each says from there on."""
    one, other = tree.path(one_tip), tree.path(other_tip)
    shared = 0
    for mine, theirs in zip(one, other, strict=False):
        if mine.id != theirs.id:
            break
        shared += 1
    return Divergence(one[:shared], one[shared:], other[shared:])


def words_changed(one_text: str, other_text: str) -> list[Piece]:
    """Both texts as one row of pieces: the same and gone ones joined give `one_text`, the same and new ones `other_text`.

    Whole words are compared (difflib's longest common runs), so that Vietnamese syllables are not cut. Texts of a hundred
    thousand letters take some tenths of a second at most.
    """
    return _in_runs(_joined(_compare(_WORDS.findall(one_text), _WORDS.findall(other_text))))


def _compare(one: Sequence[str], other: Sequence[str]) -> list[Piece]:
    front = 0
    while front < min(len(one), len(other)) and one[front] == other[front]:
        front += 1
    back = 0
    while back < min(len(one), len(other)) - front and one[len(one) - 1 - back] == other[len(other) - 1 - back]:
        back += 1
    mine, theirs = one[front : len(one) - back], other[front : len(other) - back]
    middle = _middle(mine, theirs)
    return [Piece("".join(one[:front]), "same"), *middle, Piece("".join(one[len(one) - back :]), "same")]


def _middle(one: Sequence[str], other: Sequence[str]) -> list[Piece]:
    if not one or not other:
        return [Piece("".join(one), "gone"), Piece("".join(other), "new")]
    if len(one) * len(other) <= _MOST_STEPS:
        return _matched(one, other)
    my_lines, their_lines = _lines(one), _lines(other)
    if min(len(my_lines), len(their_lines)) > 1 and len(my_lines) * len(their_lines) <= _MOST_STEPS:
        return _matched(my_lines, their_lines, within=True)
    return [Piece("".join(one), "gone"), Piece("".join(other), "new")]


def _matched(one: Sequence[str], other: Sequence[str], *, within: bool = False) -> list[Piece]:
    from difflib import SequenceMatcher

    made: list[Piece] = []
    for what, start, end, there, there_end in SequenceMatcher(None, one, other, autojunk=False).get_opcodes():
        if what == "equal":
            made.append(Piece("".join(one[start:end]), "same"))
            continue
        gone, new = "".join(one[start:end]), "".join(other[there:there_end])
        words, others = _WORDS.findall(gone), _WORDS.findall(new)
        if within and words and others and len(words) * len(others) <= _MOST_STEPS // 8:
            made += _compare(words, others)
        else:
            made += [Piece(gone, "gone"), Piece(new, "new")]
    return made


def _lines(words: Sequence[str]) -> list[str]:
    return "".join(words).splitlines(keepends=True)


def _in_runs(pieces: list[Piece]) -> list[Piece]:
    """Changed words with nothing but a space between them are one change: what is gone, then what is new."""
    made: list[Piece] = []
    gone = new = ""
    for at, piece in enumerate(pieces):
        between = piece.kind == "same" and not piece.text.strip(" ") and (gone or new) and at + 1 < len(pieces)
        if piece.kind == "same" and not between:
            made += [Piece(gone, "gone"), Piece(new, "new"), piece]
            gone = new = ""
            continue
        gone += piece.text if piece.kind != "new" else ""
        new += piece.text if piece.kind != "gone" else ""
    return _joined([*made, Piece(gone, "gone"), Piece(new, "new")])


def _joined(pieces: Iterable[Piece]) -> list[Piece]:
    made: list[Piece] = []
    for piece in pieces:
        if not piece.text:
            continue
        if made and made[-1].kind == piece.kind:
            made[-1] = Piece(made[-1].text + piece.text, piece.kind)
        else:
            made.append(piece)
    return made
