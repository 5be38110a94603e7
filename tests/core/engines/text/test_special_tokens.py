"""Where control tokens are seen and where not, on a vocabulary small enough to say by hand what must come out."""

from __future__ import annotations

import re

import pytest

from localstory.engines.text.foreign import SCAFFOLD, WRITTEN
from localstory.engines.text.special_tokens import CONTROL, LSTRIP, RSTRIP, UNKNOWN, USER_DEFINED, SpecialTokens
from localstory.engines.text.template import Marked

BYTE = 32
SPECIAL = [
    ("<unk>", UNKNOWN), ("<s>", CONTROL), ("<|im_end|>", CONTROL | RSTRIP), ("<mask>", CONTROL | LSTRIP), ("<tool>", USER_DEFINED),
    ("<tool>x", USER_DEFINED), ("<tool>y", CONTROL), ("<b>", USER_DEFINED), ("<badge>", USER_DEFINED), ("<b>role", USER_DEFINED),
    ("  ", USER_DEFINED), ("<0x0A>", BYTE),
    ("<merged>", CONTROL), ("§", CONTROL), ("<s>", CONTROL), ("[INST]", CONTROL), ("]end", CONTROL), ("^go", CONTROL), ("-dash", CONTROL),
    ("\\esc", CONTROL), ("<dragon 🐉>", CONTROL), ("<END>", CONTROL), ("", CONTROL),
]  # fmt: skip
TEXTS = [text for text, _kind in SPECIAL]
MATCHED_ANYWAY = ["<tool>x", "<tool>", "<b>role", "<b>", "<badge>", "  ", "<merged>", "§"]
"""User-defined tokens, as llama.cpp matches them; and two that letters merge to, as in SentencePiece."""


class Vocabulary:
    """Words, `<s` and single letters are tokens of their own; numbers are given as they are met."""

    def __init__(self, *, adds_space: bool) -> None:
        self._adds_space = adds_space
        self._numbers = {text: number for number, text in reversed(list(enumerate(TEXTS)))}
        self._texts = dict(enumerate(TEXTS))
        self.special = SpecialTokens(len(SPECIAL), lambda token: SPECIAL[token][1], lambda token: TEXTS[token], self.tokenise, self.piece)

    def tokenise(self, text: str) -> list[int]:
        found = re.findall("|".join(map(re.escape, MATCHED_ANYWAY)) + r"|<s|\w+|.", (" " if self._adds_space else "") + text, re.DOTALL)
        if self._adds_space and len(found) > 1 and re.fullmatch(r"\w+|<", found[1]):
            found[:2] = [found[0] + found[1]]
        for one in found:
            number = self._numbers.setdefault(one, 1000 + len(self._numbers))
            self._texts[number] = one
        return [self._numbers[one] for one in found]

    def piece(self, token: int) -> bytes:
        return self._texts[token].encode()

    def said(self, *parts: tuple[str, int]) -> list[str]:
        """The tokens of these parts as texts, those of control tokens with a sign before."""
        marked = sum((Marked.of(text, origin) for text, origin in parts), Marked.of(""))
        return [("*" if token < len(SPECIAL) else "") + self._texts[token] for token in self.special.tokens_of(marked)]


@pytest.fixture(scope="module")
def plainly() -> Vocabulary:
    return Vocabulary(adds_space=False)


def mine(text: str) -> tuple[str, int]:
    return text, SCAFFOLD


def theirs(text: str) -> tuple[str, int]:
    return text, WRITTEN


IN_SCAFFOLD = {
    "<s>hello<|im_end|>": ["*<s>", "hello", "*<|im_end|>"],
    "<|im_end|>  \n next": ["*<|im_end|>", "next"],  # takes the white space behind it
    "a  <mask> b": ["a", "*<mask>", " ", "b"],  # takes that before it
    "a <s> b": ["a", " ", "*<s>", " ", "b"],
    "<s><s><|im_end|>": ["*<s>", "*<s>", "*<|im_end|>"],
    "<<s>>": ["<", "*<s>", ">"],
    "<tool>x": ["*<tool>x"],  # the longest
    "<tool>z": ["*<tool>", "z"],
    "<S><end>": ["<", "S", ">", "<", "end", ">"],  # another case is another text
    "<s <|im_end|": ["<s", " ", "<", "|", "im_end", "|"],
    "<0x0A>": ["<", "0x0A", ">"],  # a byte's name is no mark
    "<b>  bold": ["*<b>", "*  ", "bold"],
    "[INST]]end^go-dash\\esc": ["*[INST]", "*]end", "*^go", "*-dash", "*\\esc"],
    "<dragon 🐉>đẹp": ["*<dragon 🐉>", "đẹp"],
    "": [],
}


@pytest.mark.parametrize("text", IN_SCAFFOLD, ids=repr)
def test_the_templates_own_letters_become_control_tokens(plainly: Vocabulary, text: str) -> None:
    assert plainly.said(mine(text)) == IN_SCAFFOLD[text]


IN_WORDS = {
    "a<|im_end|>  b": ["a", "<", "|", "im_end", "|", ">", "*  ", "b"],  # nothing is stripped, white space stays its own harmless token
    "<s>": ["<s", ">"],  # as any text: not cut where nothing would match
    "<tool> hello": ["<", "tool", ">", " ", "hello"],  # cut once, not letter by letter
    "<tool>x hello": ["<", "tool", ">", "x", " ", "hello"],
    "<tool>y hello": ["<", "tool", ">", "y", " ", "hello"],
    "<<tool>>": ["<", "<", "tool", ">", ">"],
    "<badge>": ["<", "badge", ">"],  # begins as a tag of HTML, and is none
    "<b>role": ["<", "b", ">", "role"],  # and so does this
    "<b>bold": ["*<b>", "bold"],  # a tag of HTML says nothing of roles
    "say <merged> hello": ["say", " ", "<", "merged", ">", " ", "hello"],
    "a§b": ["a", "b"],  # a letter that is a control token can't be written at all
    "<tool><merged><s>": ["<", "tool", ">", "<", "merged", ">", "<", "s", ">"],
    "[INST]^go": ["[", "INST", "]", "^", "go"],
}


@pytest.mark.parametrize("text", IN_WORDS, ids=repr)
def test_what_people_wrote_does_not(plainly: Vocabulary, text: str) -> None:
    assert plainly.said(theirs(text)) == IN_WORDS[text]


@pytest.mark.parametrize("token", ["<s>", "<|im_end|>", "<tool>", "<tool>x", "<merged>", "[INST]", "<dragon 🐉>"])
def test_one_letter_of_theirs_is_enough(plainly: Vocabulary, token: str) -> None:
    for at in range(len(token)):
        said = plainly.said(mine(token[:at]), theirs(token[at]), mine(token[at + 1 :]))
        assert f"*{token}" not in said and "".join(said).replace("*", "") == token, at


def test_a_token_beside_their_words_is_seen_and_strips_as_ever(plainly: Vocabulary) -> None:
    assert plainly.said(mine("<s>"), theirs("<s>"), mine("<|im_end|>"), theirs(" <s>"), mine("<s>")) == ["*<s>", "<s", ">", "*<|im_end|>", "<s", ">", "*<s>"]
    assert plainly.said(theirs("<"), mine("<s>"), theirs("s>")) == ["<", "*<s>", "s", ">"]


def test_the_first_of_two_with_one_text_is_it_and_both_are_kept_from_people(plainly: Vocabulary) -> None:
    first, second = (number for number, text in enumerate(TEXTS) if text == "<s>")
    assert plainly.special.texts["<s>"] == first and plainly.special.tokens_of(Marked.of("<s>")) == [first]
    assert {first, second} <= plainly.special.guarded
    assert plainly.special.is_one("<tool>") and not plainly.special.is_one("<b>") and not plainly.special.is_one("") and not plainly.special.is_one("<0x0A>")
    assert {TEXTS[token] for token in plainly.special.guarded} == set(TEXTS) - {"<unk>", "<b>", "  ", "<0x0A>", ""}


def test_sentencepiece_puts_its_space_before_a_run_and_nowhere_inside() -> None:
    vocabulary = Vocabulary(adds_space=True)
    assert vocabulary.special.adds_space and not Vocabulary(adds_space=False).special.adds_space
    assert vocabulary.said(mine("<s>hello")) == ["*<s>", " hello"]
    assert vocabulary.said(theirs("<tool>x hello")) == [" <", "tool", ">", "x", " ", "hello"]
    assert vocabulary.said(mine("<s>"), theirs("a<merged>")) == ["*<s>", " a", "<", "merged", ">"]


def test_a_vocabulary_without_control_tokens_is_plain_text() -> None:
    special = SpecialTokens(0, lambda _token: 0, lambda _token: "", lambda text: [len(text)], lambda _token: b"a")
    assert special.tokens_of(Marked.of("<s>")) == [3] and not special.guarded and not special.texts
