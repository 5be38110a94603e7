"""From token bytes to text that can be shown: whole characters, thoughts apart from the answer, stop texts found across tokens. Pure."""

from __future__ import annotations

import codecs
from collections.abc import Sequence
from typing import NamedTuple

from localstory.engines.base import PieceKind
from localstory.engines.text.bans import BanWatch
from localstory.engines.text.reasoning import Marks


class Shown(NamedTuple):
    """Text to show, and how many of the reply's tokens are out when it is (counted from the reply's first)."""

    text: str
    kind: PieceKind
    tokens: int


class Streamer:
    """Takes a reply's bytes as they come and gives out what is safe to show.

    Holds back an unfinished character, and text that may be the beginning of a stop text, of a mark or of a banned
    phrase. Stop texts are looked for in the answer only. `marks`: where thoughts are framed (None: there are none);
    `in_thought`: what stands before the reply has opened one. `before`: the end of what the reply goes on with.
    """

    def __init__(self, stops: Sequence[str], *, marks: Marks | None = None, in_thought: bool = False, banned: Sequence[str] = (), before: str = "") -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._stops = [stop for stop in stops if stop]
        self._marks = marks
        # start: a thought may begin · thought · after: one has ended · answer
        self._where = "answer" if marks is None else "thought" if in_thought else "start"
        self._watch = BanWatch(banned, before) if any(banned) else None
        self._states: list[tuple[tuple[bytes, int], int]] = []  # decoder and `_spaces`, before each token that the watch holds
        self._spaces = 0  # how many spaces at the reply's beginning are there already
        self._waiting = ""
        self._passed = 0  # characters that have left `_waiting`
        self._ends: list[int] = []  # where the text of each token ends, in characters of the whole
        self._fed = self._given = 0
        self.text = ""
        """All of the answer that was given out."""
        self.reasoning = ""
        """All of the thoughts."""
        self.stopped = False
        """A stop text was met: nothing more comes out."""
        self.go_back: int | None = None
        """Set when a banned phrase is there: the number of the token to replace. Go on with `feed` for its place."""

    @property
    def held_from(self) -> int:
        """The number of the first token that may still have to be replaced."""
        return self._watch.first if self._watch is not None else len(self._ends)

    def go_on_from(self, text: str, *, spaces: int = 0, show: bool) -> list[Shown]:
        """Begin with a text that is there already (before any token); it may open a thought, and end none by a stop text.

        Without `show` it is no part of the reply. `spaces`: how many at its end the model did not see: if it writes
        them again, they are left out.
        """
        self._spaces = spaces
        stops, self._stops = self._stops, []
        self._waiting += text
        shown = self._out()
        if self._where == "start" and not self._waiting.strip() or self._where == "answer":
            shown += self._give(len(self._waiting))
        self._stops = stops
        self._fed = self._given = self._passed + len(self._waiting)
        if not show:
            self.text = self.reasoning = ""
            shown = []
        return shown

    def _decode(self, piece: bytes) -> str:
        text = self._decoder.decode(piece)
        if self._spaces and text:
            there = min(self._spaces, len(text) - len(text.lstrip(" ")))
            self._spaces = self._spaces - there if there == len(text) else 0
            return text[there:]
        return text

    def feed(self, piece: bytes) -> list[Shown]:
        """What can be shown after this token."""
        if self._watch is None:
            text = self._decode(piece)
            self._fed += len(text)
            self._ends.append(self._fed)
            self._waiting += text
            return self._out()
        del self._states[: max(0, len(self._states) - (self._watch.next - self._watch.first))]
        self._states.append((self._decoder.getstate(), self._spaces))
        text = self._decode(piece)
        number = self._watch.next
        safe, self.go_back = self._watch.feed(text)
        if self.go_back is not None:
            back = number - self.go_back  # this many tokens before this one go, too
            state, self._spaces = self._states[-1 - back]
            self._decoder.setstate(state)
            del self._states[len(self._states) - 1 - back :]
            if back:
                del self._ends[-back:]
            self._fed = self._ends[-1] if self._ends else self._given
            return []
        self._fed += len(text)
        self._ends.append(self._fed)
        self._waiting += safe
        return self._out()

    def end(self) -> list[Shown]:
        """What was held back, when the reply ends without a stop text."""
        rest = self._decoder.decode(b"", final=True)
        self._waiting += (self._watch.end() if self._watch is not None else "") + rest
        shown = self._out(last=True)
        if self._ends and shown:
            shown[-1] = Shown(shown[-1].text, shown[-1].kind, len(self._ends))
        return shown

    def _out(self, last: bool = False) -> list[Shown]:
        if self._where == "answer" and not self._stops:  # most replies, most of the time
            return self._give(len(self._waiting)) if self._waiting else []
        shown: list[Shown] = []
        before = None
        while before != (self._where, len(self._waiting)) and not self.stopped:
            before = (self._where, len(self._waiting))
            match self._where:
                case "start":
                    self._at_start(last)
                case "thought":
                    shown += self._in_thought(last)
                case "after":
                    self._after_thought(last)
                case _:
                    shown += self._in_answer(last)
        return shown

    def _at_start(self, last: bool) -> None:
        assert self._marks is not None
        said = self._waiting.lstrip()
        for mark, where in ((self._marks.open, "thought"), *((text, "after") for text in self._marks.between)):
            if said.startswith(mark):
                self._drop(len(self._waiting) - len(said) + len(mark))
                self._where = where
                return
            if mark.startswith(said) and not last:
                return
        self._where = "answer"

    def _in_thought(self, last: bool) -> list[Shown]:
        assert self._marks is not None
        if not self.reasoning:
            self._drop(len(self._waiting) - len(self._waiting.lstrip()))
        end = self._waiting.find(self._marks.close)
        if end >= 0:
            shown = self._give(len(self._waiting[:end].rstrip()))
            self._drop(end - len(shown[0].text if shown else "") + len(self._marks.close))
            self._where = "after"
            return shown
        held = 0 if last else _beginning_at_end(self._waiting, (self._marks.close,))
        # White space before the closing mark is no thought.
        return self._give(len(self._waiting[: len(self._waiting) - held].rstrip()))

    def _after_thought(self, last: bool) -> None:
        assert self._marks is not None
        self._drop(len(self._waiting) - len(self._waiting.lstrip()))
        for mark in (self._marks.open, *self._marks.between):
            if self._waiting.startswith(mark):
                self._drop(len(mark))
                self._where = "thought" if mark == self._marks.open else "after"
                return
            if self._waiting and mark.startswith(self._waiting) and not last:
                return
        if self._waiting:
            self._where = "answer"

    def _in_answer(self, last: bool) -> list[Shown]:
        found = [at for stop in self._stops if (at := self._waiting.find(stop)) >= 0]
        if found:
            self.stopped = True
            return self._give(min(found), cut=True)
        return self._give(len(self._waiting) - (0 if last else _beginning_at_end(self._waiting, self._stops)))

    def _drop(self, length: int) -> None:
        self._waiting = self._waiting[length:]
        self._passed += length

    def _give(self, length: int, cut: bool = False) -> list[Shown]:
        if not length:
            return []
        out = self._waiting[:length]
        self._drop(length)
        kind: PieceKind = "reasoning" if self._where == "thought" else "answer"
        if kind == "answer":
            self.text += out
        else:
            self.reasoning += out
        return [Shown(out, kind, self._tokens_out(cut))]

    def _tokens_out(self, cut: bool) -> int:
        """How many tokens have left with their whole text; with `cut`, also the one that was cut."""
        ends = self._ends
        count = len(ends)
        while count and ends[count - 1] > self._passed:
            count -= 1
        return count + 1 if cut and count < len(ends) and (ends[count - 1] if count else self._given) < self._passed else count


def _beginning_at_end(text: str, wanted: Sequence[str]) -> int:
    """How many characters at the end may be the beginning of one of the wanted texts."""
    longest = 0
    for one in wanted:
        for length in range(min(len(one) - 1, len(text)), longest, -1):
            if text.endswith(one[:length]):
                longest = length
                break
    return longest
