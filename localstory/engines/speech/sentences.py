"""A text as written -> the stretches that are spoken in one breath, and how each ends. Pure.

A *sentence* is what a caption shows; it has one or more *breaths*: “Come here!” said the fox. is one sentence of two.
Joined by single spaces, the words of all sentences are the words of the text.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum

from localstory.engines.speech.written import words_of

LONGEST_BREATH = 240
"""Characters a breath has at most: longer runs without a full stop are cut at a comma, or between two words."""

_CLOSERS = "\"'”’»)]}*_"
_OPENERS = "\"'“‘«([{*_"
_TERMINAL = re.compile(rf"([.!?…。！？]+)[{re.escape(_CLOSERS)}]*$")
_DASH_END = re.compile(rf"[—–][{re.escape(_CLOSERS)}]*$")
_DOTS = re.compile(r"(?:\.{2,}|…)")

# A full stop after these never ends a sentence …
_ALWAYS_GO_ON = words_of(
    "mr mrs ms mx dr prof mt capt col gen lt sgt cpl cmdr adm maj rev hon gov sen rep pres fr messrs mme mlle st ste vs viz cf approx "
    "ca e.g i.e eg ie fig figs vol al nos"
)
# … after these it does when a capital follows.
_MAY_END = words_of(
    "etc jr sr inc ltd co corp bros dept est ave blvd rd ln hwy a.m p.m pm u.s u.s.a u.k u.n b.c a.d b.c.e c.e d.c ph.d b.a m.a m.d "
    "r.s.v.p p.s a.k.a ft lb lbs oz yd yds mi hr hrs min mins sec secs jan feb mar apr jun jul aug sep sept oct nov dec mon tue tues "
    "wed thu thur thurs fri"
)
# … and these go on only before a digit ("No. 5", "p. 12").
_BEFORE_DIGITS = words_of("no p pp ch sec c art op")


class End(Enum):
    """What stands after a breath."""

    sentence = "sentence"
    paragraph = "paragraph"
    trailing = "trailing"
    """An ellipsis or a dash: the thought hangs in the air."""
    dialogue = "dialogue"
    """The voice changes between a character and the teller, or between two characters."""
    comma = "comma"
    """A long sentence was cut here."""
    text = "text"
    """The end of it all."""


@dataclass(frozen=True, slots=True)
class Breath:
    """Words spoken in one go, as written, and what follows."""

    words: tuple[str, ...]
    end: End


@dataclass(frozen=True, slots=True)
class Sentence:
    """A sentence as written (white space made plain) in one or more breaths."""

    text: str
    breaths: tuple[Breath, ...]


def split(text: str) -> tuple[Sentence, ...]:
    """All sentences of `text`, in order; the last breath's end is `End.text`. An empty text has none."""
    sentences: list[Sentence] = []
    for paragraph in _paragraphs(text):
        words = _cut_monsters(paragraph)
        begin = 0
        for index in range(len(words)):
            if index + 1 == len(words) or _ends_sentence(words, index):
                sentences += _sentences_of(words[begin : index + 1], words[index + 1] if index + 1 < len(words) else None)
                begin = index + 1
    if sentences:
        last = sentences[-1]
        sentences[-1] = Sentence(last.text, (*last.breaths[:-1], Breath(last.breaths[-1].words, End.text)))
    return tuple(sentences)


def _paragraphs(text: str) -> list[list[str]]:
    """The words of each paragraph. A blank line parts them; so does a line break after a short line before a capital,
    which is a heading or a verse and no line that was wrapped."""
    paragraphs: list[list[str]] = []
    for block in re.split(r"\n[ \t\r]*\n\s*|\u2029|\f", text.replace("\r\n", "\n").replace("\r", "\n")):
        words: list[str] = []
        lines = [line.split() for line in block.split("\n")]
        for line, following in zip(lines, [*lines[1:], []], strict=True):
            words += line
            short = sum(len(word) + 1 for word in line) < 40
            if words and following and short and _starts_anew(following[0]) and not _TERMINAL.search(words[-1]) and words[-1][-1] not in ",;:—–-":
                paragraphs.append(words)
                words = []
        if words:
            paragraphs.append(words)
    return paragraphs


def _cut_monsters(words: list[str]) -> list[str]:
    """No word is longer than a breath: what is (a file of one line of letters) is cut."""
    cut: list[str] = []
    for word in words:
        cut += [word[at : at + LONGEST_BREATH] for at in range(0, len(word), LONGEST_BREATH)]
    return cut


def _starts_anew(word: str) -> bool:
    """True for a word that may begin a sentence: a capital, a digit, an opening quote, or a letter without case."""
    core = word.lstrip(_OPENERS + "¿¡—–-…")
    return not core or not core[0].islower()


def _ends_sentence(words: list[str], index: int) -> bool:
    word, following = words[index], words[index + 1]
    found = _TERMINAL.search(word)
    if not found:
        return False
    if not _starts_anew(following):
        return False
    if found.group(1) != ".":
        return True
    return not _is_abbreviation(word[: found.start()], following, words[index - 1] if index else "")


def _is_abbreviation(stem: str, following: str, before: str) -> bool:
    """True when the full stop after `stem` belongs to the word. `following` begins with a capital or a digit."""
    core = stem.lstrip(_OPENERS)
    low = core.lower()
    if low == "st" and before[:1].isupper() and before.lower() not in ("the", "a", "and", "to", "in", "at", "of", "on", "from"):
        return following.lstrip(_OPENERS).lower() not in ("the", "he", "she", "it", "they", "we", "i", "then", "there", "but", "and", "when")
    if low in _ALWAYS_GO_ON:
        return True
    if low in _BEFORE_DIGITS and following[:1].isdigit():
        return True
    if low in _MAY_END:
        # "5 p.m. Monday" is rare in stories; "at 5 p.m. The door opened" is not.
        return following[:1].isdigit() and low not in ("am", "pm", "a.m", "p.m")
    if len(core) == 1 and core.isalpha() and core.isupper():
        # An initial ("J. R. R. Tolkien"), but not "So did I. Then …" and not "Plan B. Go!"
        return core != "I" and (not before or not before[0].islower() or before.endswith(".")) and before.lower() not in ("plan", "vitamin", "class", "type")
    return bool(re.fullmatch(r"(?:[A-Z]\.)+[A-Z]", core)) and following[:1].isupper() and before[:1].isupper()


def _sentences_of(words: list[str], following: str | None) -> list[Sentence]:
    """One sentence with its breaths; several when it is too long to be one caption."""
    breaths: list[Breath] = []
    begin = 0
    for index, word in enumerate(words):
        last = index + 1 == len(words)
        if last:
            breaths += _in_one_breath(words[begin:], _end_after(word, following))
        else:
            end = _end_inside(word, words[index + 1])
            if end is not None:
                breaths += _in_one_breath(words[begin : index + 1], end)
                begin = index + 1
    sentences: list[Sentence] = []
    held: list[Breath] = []
    for breath in breaths:
        held.append(breath)
        if breath.end is End.comma:
            sentences.append(_sentence(held))
            held = []
    if held:
        sentences.append(_sentence(held))
    return sentences


def _sentence(breaths: list[Breath]) -> Sentence:
    return Sentence(" ".join(word for breath in breaths for word in breath.words), tuple(breaths))


def _end_after(word: str, following: str | None) -> End:
    if following is None:
        return End.paragraph
    found = _TERMINAL.search(word)
    if _DASH_END.search(word) or (found and _DOTS.search(found.group(1))):
        return End.trailing
    if _closes_quote(word) or _opens_quote(following):
        return End.dialogue
    return End.sentence


def _end_inside(word: str, following: str) -> End | None:
    """What a word inside a sentence is followed by when the voice stops there, else None."""
    found = _TERMINAL.search(word)
    if found and _DOTS.search(found.group(1)):
        return End.trailing
    if found and not found.group(1).startswith("."):
        return End.dialogue
    if (_DASH_END.search(word) and _closes_quote(word)) or (word[-1] in _CLOSERS and word.rstrip(_CLOSERS).endswith(",") and _closes_quote(word)):
        return End.dialogue
    if word.endswith((",", ":")) and _opens_quote(following):
        return End.dialogue
    return None


def _closes_quote(word: str) -> bool:
    return word[-1] in '"”»' or (word[-1] in "'’" and len(word) > 1 and not word[-2].isalnum())


def _opens_quote(word: str) -> bool:
    return word[0] in '"“«' or (word[0] == "‘")


def _in_one_breath(words: list[str], end: End) -> list[Breath]:
    """`words` in pieces of at most LONGEST_BREATH characters, cut after a comma where one stands in the second half."""
    breaths: list[Breath] = []
    while sum(len(word) + 1 for word in words) > LONGEST_BREATH + 1:
        length, fits, comma = 0, 0, 0
        for index, word in enumerate(words):
            length += len(word) + 1
            if length > LONGEST_BREATH + 1:
                break
            fits = index + 1
            if length * 2 > LONGEST_BREATH and word.rstrip(_CLOSERS).endswith((",", ";", ":", "—", "–")):
                comma = fits
        at = comma or max(1, fits)
        breaths.append(Breath(tuple(words[:at]), End.comma))
        words = words[at:]
    breaths.append(Breath(tuple(words), end))
    return breaths
