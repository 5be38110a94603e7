"""Captions: with the voice, short, one after the other, and readable by other programs."""

from __future__ import annotations

import itertools
import re

import pysubs2
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from localstory.engines.base import Caption, SpokenSentence, SpokenWord
from localstory.engines.film.captions import captions_of, plain, srt, vtt

ODD = st.sampled_from(
    ["Mia", "và", "con", "cáo", "🦊", "“Come", "here!”", "—", "-->", "<b>bold</b>", "{\\an8}", "&amp;", "WEBVTT", "1", "00:00:01,000", "NOTE", "a\\Nb", "…",
     "nghiêng", "日本語", "x" * 60, "don't", "Mr.", "42", "é", "\u200b", "it’s;", "and", "because,"]
)  # fmt: skip
WORDS = st.lists(st.one_of(ODD, st.text(min_size=1, max_size=12).filter(lambda text: len(text.split()) == 1 and text == text.strip())), min_size=1, max_size=40)


@st.composite
def readings(draw: st.DrawFn) -> tuple[SpokenSentence, ...]:
    now, sentences = draw(st.floats(0, 2)), []
    for _number in range(draw(st.integers(1, 4))):
        words = []
        for text in draw(WORDS):
            length = draw(st.floats(0.08, 0.9))
            words.append(SpokenWord(text, now, now + length))
            now += length
        sentences.append(SpokenSentence(" ".join(word.text for word in words), words[0].start_s, words[-1].end_s, tuple(words)))
        now += draw(st.floats(0.2, 1.0))
    return tuple(sentences)


@settings(max_examples=60, deadline=None)
@given(readings(), st.floats(0, 3600))
def test_captions_keep_their_promises(sentences: tuple[SpokenSentence, ...], offset: float) -> None:
    captions = captions_of(sentences, offset)
    starts = [word.start_s + offset for sentence in sentences for word in sentence.words]
    for caption in captions:
        assert min(abs(caption.start_s - start) for start in starts) < 0.1
        assert caption.end_s > caption.start_s
        assert caption.end_s - caption.start_s <= 7.0 + 1e-6
        lines = caption.text.split("\n")
        assert len(lines) <= 2 and all(len(line) <= 42 for line in lines), lines
    for before, after in itertools.pairwise(captions):
        assert before.end_s <= after.start_s + 1e-9
    said = "".join("".join(sentence.text.split()) for sentence in sentences)
    shown = "".join("".join(caption.text.split()) for caption in captions)
    assert shown == said


@settings(max_examples=60, deadline=None)
@given(readings())
def test_other_programs_read_the_same_captions(sentences: tuple[SpokenSentence, ...]) -> None:
    captions = [caption for caption in captions_of(sentences) if plain(caption.text)]
    # pysubs2 takes any line with two timestamps for a timing, also without the arrow that players look for.
    assume(not any(caption.text.count("00:00:01,000") > 1 for caption in captions))
    for text, format in ((srt(captions), "srt"), (vtt(captions), "vtt")):
        read = pysubs2.SSAFile.from_string(text, format_=format)
        assert len(read) == len(captions)
        for event, caption in zip(read, captions, strict=True):
            assert event.start == pytest.approx(caption.start_s * 1000, abs=1)
            assert event.end == pytest.approx(caption.end_s * 1000, abs=1)
            assert " ".join(event.plaintext.split()) == " ".join(plain(caption.text).split())


def spoken(text: str, seconds_a_word: float = 0.35) -> SpokenSentence:
    words = tuple(SpokenWord(word, k * seconds_a_word, (k + 1) * seconds_a_word) for k, word in enumerate(text.split()))
    return SpokenSentence(text, 0.0, words[-1].end_s, words)


def test_a_long_sentence_breaks_at_its_clauses() -> None:
    captions = captions_of([spoken("When the storm came over the harbor that night, Mia took the lantern, opened the old door, and ran down to the sea.")])
    assert all(caption.text.rstrip()[-1] in ",." for caption in captions)


def test_a_caption_starts_with_its_first_word_and_not_before() -> None:
    sentence = SpokenSentence("Yes.", 1.5, 2.0, (SpokenWord("Yes.", 1.5, 2.0),))
    (caption,) = captions_of([sentence], 10.0)
    assert caption.start_s == 11.5 and caption.end_s >= 12.5


def test_markup_is_shown_as_text_and_never_obeyed() -> None:
    file = srt([Caption("<i>{\\an8}a --> b</i> & c\\Nd", 0, 1)])
    assert not re.search(r"[<{]|\d --> b|\\N", file)
    assert file.count("-->") == 1


def test_nothing_spoken_is_no_caption() -> None:
    assert captions_of([]) == ()
    assert srt([]).strip() == ""
    assert vtt([]).strip() == "WEBVTT"
