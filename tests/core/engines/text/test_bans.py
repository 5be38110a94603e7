"""Held-back text, stop texts, thoughts and banned phrases, cut anywhere."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from localstory.engines.text.bans import BanWatch, fold
from localstory.engines.text.reasoning import KNOWN, THINK, Marks, marks_of, opens_thought
from localstory.engines.text.streaming import Shown, Streamer
from localstory.engines.text.template import knows_thinking_switch

CHARS = st.text(alphabet="ab <>/thinkẶ🐉\n", max_size=40)


def cuts(text: str, sizes: list[int]) -> list[bytes]:
    """The bytes of a text in pieces of these sizes, in turn."""
    raw, pieces, at = text.encode(), [], 0
    for index in range(len(raw)):
        size = sizes[index % len(sizes)]
        pieces.append(raw[at : at + size])
        at += size
    return [piece for piece in pieces if piece]


def run(streamer: Streamer, pieces: list[bytes]) -> list[Shown]:
    shown = []
    for piece in pieces:
        shown += streamer.feed(piece)
        if streamer.stopped:
            return shown
    return shown + streamer.end()


SIZES = st.lists(st.integers(1, 5), min_size=1, max_size=5)


@given(CHARS, SIZES)
def test_without_wishes_the_text_comes_out_as_it_was(text: str, sizes: list[int]) -> None:
    streamer = Streamer([])
    assert "".join(one.text for one in run(streamer, cuts(text, sizes))) == streamer.text == text


@given(CHARS, SIZES, st.lists(st.text(alphabet="ab <Ặ🐉", min_size=1, max_size=4), max_size=3))
def test_a_stop_text_cuts_at_its_first_place_however_it_comes(text: str, sizes: list[int], stops: list[str]) -> None:
    streamer = Streamer(stops)
    run(streamer, cuts(text, sizes))
    places = [text.index(stop) for stop in stops if stop in text]
    assert streamer.stopped == bool(places)
    if len(stops) == 1:
        assert streamer.text == (text[: places[0]] if places else text)
    assert text.startswith(streamer.text) and not any(stop in streamer.text for stop in stops)


@given(st.text(alphabet="ab \nẶ", max_size=12), st.text(alphabet="ab \nẶ", max_size=12), SIZES)
def test_a_thought_is_kept_apart_however_it_comes(thought: str, answer: str, sizes: list[int]) -> None:
    streamer = Streamer([], marks=THINK)
    shown = run(streamer, cuts(f"<think>\n{thought}\n</think>\n\n{answer}", sizes))
    assert streamer.reasoning == thought.strip()
    assert streamer.text == answer.lstrip()
    assert "".join(one.text for one in shown if one.kind == "reasoning") == streamer.reasoning
    assert "".join(one.text for one in shown if one.kind == "answer") == streamer.text


@pytest.mark.parametrize("marks", KNOWN)
def test_every_known_kind_of_thought(marks: Marks) -> None:
    streamer = Streamer(["stop"], marks=marks)
    run(streamer, cuts(f"{marks.open}a stop in it{marks.close}{''.join(marks.between)}yes stop no", [3]))
    assert (streamer.reasoning, streamer.text) == ("a stop in it", "yes ")


def test_a_thought_that_the_template_opened() -> None:
    streamer = Streamer([], marks=THINK, in_thought=True)
    run(streamer, [b"Hm, 2 + 2.\n", b"</th", b"ink>\n\n", b"4"])
    assert (streamer.reasoning, streamer.text) == ("Hm, 2 + 2.", "4")


def test_an_unfinished_thought_is_a_thought() -> None:
    streamer = Streamer([], marks=THINK)
    shown = run(streamer, [b"<think>", b"and so", b" on </thi"])
    assert (streamer.reasoning, streamer.text) == ("and so on </thi", "")
    assert {one.kind for one in shown} == {"reasoning"}


def test_a_mark_in_the_middle_of_an_answer_is_text() -> None:
    streamer = Streamer([], marks=THINK)
    run(streamer, [b"In HTML <think> is", b" no tag."])
    assert streamer.text == "In HTML <think> is no tag."


def test_gpt_oss_thinks_twice_and_answers() -> None:
    streamer = Streamer([], marks=KNOWN[0])
    one = "<|channel|>analysis<|message|>First.<|end|><|start|>assistant<|channel|>analysis<|message|> Second.<|end|>"
    run(streamer, cuts(f"{one}<|start|>assistant<|channel|>final<|message|>Done", [4]))
    assert (streamer.reasoning, streamer.text) == ("First. Second.", "Done")
    plain = Streamer([], marks=KNOWN[0])
    run(plain, [b"<|channel|>final", b"<|message|>Done"])
    assert (plain.reasoning, plain.text) == ("", "Done")


def test_marks_are_found_in_templates() -> None:
    assert marks_of("{{ '<|im_start|>assistant\n<think>\n' }}") == THINK
    assert marks_of("… [THINK] {{ x }} [/THINK]").open == "[THINK]"
    assert marks_of("{{ messages }}") == THINK
    assert marks_of("<|start|>assistant<|channel|>analysis<|message|>").close == "<|end|>"


@pytest.mark.parametrize(
    ("template", "known"),
    [
        ("{%- if enable_thinking is defined and enable_thinking is false %}a{% endif %}", True),
        ("{% if thinking %}<think>{% endif %}", True),
        ("{%- if not thinking is defined %}{% set thinking = false %}{% endif %}", True),
        ("{% if message.thinking %}{{ message.thinking }}{% endif %}", False),
        ("{{ 'I am thinking' }}", False),
        ("{% set thinking = true %}{% if thinking %}x{% endif %}", False),
        ("{% if thinking %", False),
        ("{% generation %}{{ thinking }}{% endgeneration %}", True),
        ("plain thinking", False),
    ],
)
def test_a_switch_for_thinking_is_recognised(template: str, known: bool) -> None:
    assert knows_thinking_switch(template) == known


def test_a_thought_opened_and_closed_by_the_template_is_over() -> None:
    assert opens_thought("<|im_start|>assistant\n<think>\n", THINK)
    assert not opens_thought("<|im_start|>assistant\n<think>\n\n</think>\n\n", THINK)
    assert not opens_thought("<|im_start|>assistant\n", THINK)


# -- a text that is there already ---------------------------------------------------------------------------------------


def test_a_prefill_comes_first_and_its_spaces_are_not_doubled() -> None:
    streamer = Streamer(["!"], marks=THINK)
    shown = streamer.go_on_from("Once! upon ", spaces=1, show=True)
    assert [one.text for one in shown] == ["Once! upon "]  # a stop text ends what the model writes, not what a person wrote
    run(streamer, [b" a time", b" now! and"])
    assert streamer.text == "Once! upon a time now"


def test_a_prefill_may_open_a_thought() -> None:
    streamer = Streamer([], marks=THINK)
    streamer.go_on_from("<think>\nLet me", show=True)
    run(streamer, [b" see</think>", b"Yes"])
    assert (streamer.reasoning, streamer.text) == ("Let me see", "Yes")


def test_what_goes_on_is_no_part_of_the_reply() -> None:
    streamer = Streamer([], marks=THINK)
    assert streamer.go_on_from("<think>a</think> I said", show=False) == []
    run(streamer, [b" this"])
    assert (streamer.reasoning, streamer.text) == ("", " this")


# -- which tokens are out -----------------------------------------------------------------------------------------------


@given(CHARS, SIZES, st.lists(st.text(alphabet="ab <", min_size=2, max_size=3), max_size=2))
def test_tokens_go_with_the_text_that_they_end_in(text: str, sizes: list[int], stops: list[str]) -> None:
    pieces = cuts(text, sizes)
    streamer = Streamer(stops)
    said, count = "", 0
    for one in run(streamer, pieces):
        said += one.text
        assert one.tokens >= count
        count = one.tokens
        # A token that ends inside a character has no text of its own there.
        assert said.startswith(b"".join(pieces[:count]).decode("utf-8", "ignore")) or streamer.stopped
    if not streamer.stopped and text:
        assert count == len(pieces)


# -- banned phrases -----------------------------------------------------------------------------------------------------


def write(tokens: list[str], phrases: list[str], before: str = "") -> tuple[str, list[int]]:
    """Feed tokens; one that is taken back is replaced by "_", and what follows is written again. The text and the places."""
    watch = BanWatch(phrases, before)
    text, places = "", []
    left = list(tokens)
    at = 0
    while at < len(left):
        assert watch.next == at
        safe, back = watch.feed(left[at])
        text += safe
        if back is None:
            at += 1
        else:
            places.append(back)
            left[back] = "_"
            at = back
    return text + watch.end(), places


@pytest.mark.parametrize("spelling", [["the cat"], ["the", " cat"], ["t", "h", "e", " ", "c", "a", "t"], ["the ca", "t sat"], ["so the", " cats"]])
def test_a_phrase_is_taken_back_to_the_token_in_which_it_begins(spelling: list[str]) -> None:
    text, places = write(["a ", *spelling, " end"], ["The Cat"])
    assert "the cat" not in text.lower()
    assert places[0] == 1
    assert text.startswith("a _") and text.endswith(" end")


@pytest.mark.parametrize("text", ["THE CAT", "the\ncat", "the\u00a0cat", "The Cat"])
def test_case_and_white_space_do_not_matter(text: str) -> None:
    assert write([text], ["the cat"])[1] == [0]


def test_composed_and_decomposed_letters_are_the_same() -> None:
    import unicodedata

    for form in ("NFC", "NFD"):
        assert write([unicodedata.normalize("NFD", "đẹp lắm")], [unicodedata.normalize(form, "ĐẸP")])[1] == [0]
        assert write([unicodedata.normalize("NFC", "đẹp lắm")], [unicodedata.normalize(form, "ĐẸP")])[1] == [0]


def test_a_phrase_that_began_before_the_reply_is_not_finished() -> None:
    assert write([" cat", " sat"], ["the cat"], before="I saw the")[1] == [0]
    assert write([" dog", " sat"], ["the cat"], before="the cat saw the") == (" dog sat", [])
    assert write([" dog", " sat"], ["cat", "a much longer phrase"], before="the cat") == (" dog sat", [])


def test_text_is_held_back_only_while_a_phrase_can_grow() -> None:
    watch = BanWatch(["the cat"])
    assert [watch.feed(token)[0] for token in ("I saw", " the", " c", "ow", " run")] == ["I saw", "", "", " the cow", " run"]
    assert watch.first == 5


@given(
    st.lists(st.text(alphabet="abAB ", min_size=0, max_size=3), max_size=25), st.lists(st.text(alphabet="ab ", min_size=1, max_size=4), min_size=1, max_size=3)
)
def test_no_phrase_ever_appears_and_nothing_else_is_lost(tokens: list[str], phrases: list[str]) -> None:
    phrases = [phrase for phrase in phrases if phrase.strip()]
    text, places = write(tokens, phrases)
    assert not any(fold(phrase) in fold(text) for phrase in phrases)
    if not any(fold(phrase) in fold("".join(tokens)) for phrase in phrases):
        assert text == "".join(tokens) and not places


@given(st.lists(st.sampled_from([b"a", b"b", b" ", "Ặ".encode()[:1], "Ặ".encode()[1:], "🐉".encode()]), max_size=20))
def test_the_streamer_takes_back_whole_states(pieces: list[bytes]) -> None:
    """After a phrase the decoder, the token counts and the text are as if the token had never come."""
    streamer = Streamer([], banned=["ab", "ặb"])
    plain = Streamer([])
    written: list[bytes] = []
    todo = list(pieces)
    while todo:
        streamer.feed(piece := todo.pop(0))
        written.append(piece)
        if streamer.go_back is not None:
            assert streamer.go_back < len(written)
            del written[streamer.go_back :]
    streamer.end()
    run(plain, written)
    assert streamer.text == plain.text
    assert "ab" not in streamer.text
