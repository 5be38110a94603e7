"""From token bytes to text that can be shown: whole characters, and stop texts found across tokens. Pure."""

from __future__ import annotations

import codecs
from collections.abc import Sequence


class Streamer:
    """Takes a reply's bytes as they come and gives out what is safe to show.

    Holds back an unfinished character, and text that may be the beginning of a stop text. After `feed` returns True a
    stop text was met: nothing more comes out.
    """

    def __init__(self, stops: Sequence[str]) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._stops = [stop for stop in stops if stop]
        self._waiting = ""
        self.text = ""
        """All that was given out."""

    def feed(self, piece: bytes) -> tuple[str, bool]:
        """The text that can be shown now, and whether a stop text was met."""
        self._waiting += self._decoder.decode(piece)
        found = [(at, stop) for stop in self._stops if (at := self._waiting.find(stop)) >= 0]
        if found:
            at, _stop = min(found)
            return self._give(at), True
        return self._give(len(self._waiting) - self._held()), False

    def end(self) -> str:
        """What was held back, when the reply ends without a stop text."""
        self._waiting += self._decoder.decode(b"", final=True)
        return self._give(len(self._waiting))

    def _held(self) -> int:
        """How many characters at the end may be the beginning of a stop text."""
        longest = 0
        for stop in self._stops:
            for length in range(min(len(stop) - 1, len(self._waiting)), longest, -1):
                if self._waiting.endswith(stop[:length]):
                    longest = length
                    break
        return longest

    def _give(self, length: int) -> str:
        out, self._waiting = self._waiting[:length], self._waiting[length:]
        self.text += out
        return out
