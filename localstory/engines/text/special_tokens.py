"""From marked text to tokens: only the template's own letters can become control tokens. Used in the child.

The text is cut at the control tokens that stand wholly in the template's letters; what is between is tokenised in one piece with
`parse_special=False`, so that clean text gets the tokens that the whole string would get. Two holes of that switch are closed:
tokens of the kind "user-defined" are matched anyway, and merging letter by letter can end at a control token's text (SentencePiece).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from localstory.engines.text.foreign import SCAFFOLD
from localstory.engines.text.template import Marked

# llama.h, enum llama_token_attr
UNKNOWN, CONTROL, USER_DEFINED, LSTRIP, RSTRIP = 1, 8, 16, 128, 256

_HTML = re.compile(
    r"</?(a|b|blockquote|br|caption|code|div|em|h[1-6]|hr|i|img|li|ol|p|pre|span|strong|sub|sup|table|tbody|td|tfoot|th|thead|tr|u|ul)>", re.IGNORECASE
)


def is_harmless(text: str) -> bool:
    """Whether a user-defined token says nothing to a model about roles or turns: white space, single letters, HTML of documents (Gemma has both)."""
    return len(text) < 2 or not text.strip(" \t\n\r\u2581") or _HTML.fullmatch(text) is not None


@dataclass(frozen=True, slots=True)
class _Special:
    token: int
    attributes: int


class SpecialTokens:
    """The control tokens of one vocabulary. `tokenise` never parses special tokens; `attributes` and `text_of` describe a token."""

    def __init__(
        self,
        n_vocab: int,
        attributes: Callable[[int], int],
        text_of: Callable[[int], str],
        tokenise: Callable[[str], list[int]],
        piece: Callable[[int], bytes],
    ) -> None:
        self._tokenise = tokenise
        self._of: dict[str, _Special] = {}
        self.guarded: set[int] = set()
        """Tokens that what people wrote never becomes."""
        for token in range(n_vocab):
            kind = attributes(token)
            if not kind & (CONTROL | USER_DEFINED | UNKNOWN):
                continue
            text = text_of(token)
            if not text or (kind & USER_DEFINED and not kind & CONTROL and is_harmless(text)):
                continue
            self._of.setdefault(text, _Special(token, kind))
            if not kind & UNKNOWN or kind & CONTROL:
                self.guarded.add(token)
        self._lengths: dict[str, list[int]] = {}
        for text in self._of:
            self._lengths.setdefault(text[0], []).append(len(text))
        for lengths in self._lengths.values():
            lengths[:] = sorted(set(lengths), reverse=True)
        self._begins = re.compile("[" + "".join(map(re.escape, sorted(self._lengths))) + "]") if self._lengths else None
        first = tokenise("a")
        self.adds_space = bool(first) and b"".join(map(piece, first)).startswith(b" ")
        """Whether the tokeniser puts a space before every text (SentencePiece)."""
        self._anchor = tokenise("\n") if self.adds_space else []

    @property
    def texts(self) -> dict[str, int]:
        """Every control token's text and number."""
        return {text: special.token for text, special in self._of.items()}

    def is_one(self, text: str) -> bool:
        """Whether this text is a control token."""
        return text in self._of

    def tokens_of(self, marked: Marked) -> list[int]:
        """The tokens of a text; a control token only where all its letters are the template's."""
        tokens: list[int] = []
        at = 0
        skip_space = False
        for start, text in self._in_scaffold(marked):
            special = self._of[text]
            tokens += self._run(marked, at, start, strip_left=skip_space, strip_right=bool(special.attributes & LSTRIP))
            tokens.append(special.token)
            at, skip_space = start + len(text), bool(special.attributes & RSTRIP)
        return tokens + self._run(marked, at, len(marked.text), strip_left=skip_space, strip_right=False)

    def _in_scaffold(self, marked: Marked) -> list[tuple[int, str]]:
        """Where control tokens stand in the template's own letters: the first, of these the longest."""
        if self._begins is None:
            return []
        found: list[tuple[int, str]] = []
        at, own = 0, bytes((SCAFFOLD,))
        while (begin := self._begins.search(marked.text, at)) is not None:
            at = begin.start() + 1
            for length in self._lengths[begin[0]]:
                text = marked.text[begin.start() : begin.start() + length]
                if text in self._of and marked.origins.count(own, begin.start(), begin.start() + length) == length:
                    found.append((begin.start(), text))
                    at = begin.start() + length
                    break
        return found

    def _run(self, marked: Marked, start: int, end: int, *, strip_left: bool, strip_right: bool) -> list[int]:
        text = marked.text[start:end]
        if strip_right:
            text = text.rstrip()
        if strip_left:
            text = text.lstrip()
        if not text:
            return []
        # First only what `parse_special=False` would still match is cut, so that all else has its usual tokens.
        for kinds in (USER_DEFINED, CONTROL | USER_DEFINED | UNKNOWN):
            tokens = [token for number, piece in enumerate(self._cut(text, kinds)) for token in self._piece(piece, is_first=number == 0)]
            if self.guarded.isdisjoint(tokens):
                return tokens
        return self._cut_apart(text)

    def _cut(self, text: str, kinds: int) -> list[str]:
        """Cut behind the first letter of every control token's text of these kinds, so that no piece has one.

        Those that are wholly the template's were taken out before.
        """
        cuts = [0]
        for begin in self._begins.finditer(text) if self._begins is not None else ():
            if any(special.attributes & kinds for special in self._known_from(text, begin.start())):
                cuts.append(begin.start() + 1)
        return [text[one:other] for one, other in zip(cuts, [*cuts[1:], len(text)], strict=True)]

    def _known_from(self, text: str, at: int) -> list[_Special]:
        return [self._of[part] for length in self._lengths[text[at]] if (part := text[at : at + length]) in self._of]

    def _piece(self, text: str, *, is_first: bool) -> list[int]:
        """The tokens of a piece of a run. SentencePiece puts a space before every text it is given: an anchor takes it."""
        if not text:
            return []
        if is_first or not self.adds_space:
            return self._tokenise(text)
        tokens = self._tokenise("\n" + text)
        return tokens[len(self._anchor) :] if tokens[: len(self._anchor)] == self._anchor else self._tokenise(text)

    def _cut_apart(self, text: str) -> list[int]:
        """The last way: letter by letter, and no control token even so (a vocabulary may call a single letter one)."""
        tokens = [token for number, letter in enumerate(text) for token in self._piece(letter, is_first=number == 0)]
        return [token for token in tokens if token not in self.guarded]
