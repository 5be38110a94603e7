"""Phrases that never appear, however their tokens are cut: text is held back until no banned phrase can grow from it. Pure."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence

_SPACES = {ord(char): " " for char in map(chr, range(128)) if char.isspace()}


def fold(text: str) -> str:
    """`text` with letter case and kinds of white space made equal; as long as before, so that places stay."""
    if text.isascii():  # nearly all of it
        return text.lower().translate(_SPACES)
    return "".join(" " if char.isspace() else low if len(low := char.lower()) == 1 else char for char in text)


class BanWatch:
    """Takes a reply's text token by token; gives out what is safe, and says where to go back to when a phrase is there.

    Text leaves in whole tokens, so that the token in which a phrase begins can still be taken back: all of it, or none.
    """

    def __init__(self, phrases: Sequence[str], before: str = "") -> None:
        # The same letters may be written composed or not (Vietnamese).
        forms = {fold(unicodedata.normalize(form, phrase)) for phrase in phrases for form in ("NFC", "NFD")}
        self.phrases = sorted(forms - {""})
        """What is looked for, folded."""
        longest = max(map(len, self.phrases), default=1)
        self._tail = fold(before)[-(longest - 1) :] if longest > 1 else ""
        self._tail_limit = longest - 1
        self._waiting = ""
        self._starts: list[int] = []  # of the tokens whose text waits, as places in `_waiting`
        self.first = 0
        """The number of the first token that waits, counted from the reply's first."""

    @property
    def next(self) -> int:
        """The number of the token that `feed` takes next."""
        return self.first + len(self._starts)

    def feed(self, text: str) -> tuple[str, int | None]:
        """The text of the next token. Answers with what may be shown now, and the token to go back to, if any.

        In the latter case that token and all after it are forgotten here: feed another one for its place.
        """
        self._starts.append(len(self._waiting))
        self._waiting += text
        behind = len(self._tail)
        folded = self._tail + fold(self._waiting)
        # A match must end in what waits: what the person wrote before may hold the phrase.
        found = min((at for phrase in self.phrases if (at := folded.find(phrase, max(0, behind - len(phrase) + 1))) >= 0), default=-1)
        if found >= 0:
            return "", self._go_back(found - behind)
        held = self._held(folded)
        if held == 0:
            return self._give(len(self._waiting), len(self._starts)), None
        token = self._token_at(len(self._waiting) - held)
        return self._give(self._starts[token], token), None

    def end(self) -> str:
        """What was held back, when the reply ends."""
        return self._give(len(self._waiting), len(self._starts))

    def _token_at(self, place: int) -> int:
        """The last token that begins at or before a place; the first one for places shown already (a prefill's)."""
        return max((index for index, start in enumerate(self._starts) if start <= place), default=0)

    def _go_back(self, place: int) -> int:
        token = self._token_at(place)
        self._waiting = self._waiting[: self._starts[token]]
        del self._starts[token:]
        return self.first + token

    def _held(self, folded: str) -> int:
        """How many characters at the end may be the beginning of a banned phrase."""
        longest = 0
        for phrase in self.phrases:
            for length in range(min(len(phrase) - 1, len(folded)), longest, -1):
                if folded.endswith(phrase[:length]):
                    longest = length
                    break
        return longest

    def _give(self, chars: int, tokens: int) -> str:
        out, self._waiting = self._waiting[:chars], self._waiting[chars:]
        self._starts = [start - chars for start in self._starts[tokens:]]
        self.first += tokens
        if out and self._tail_limit:
            self._tail = (self._tail + fold(out))[-self._tail_limit :]
        return out
