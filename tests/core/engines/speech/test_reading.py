"""What is said for what is written. The expectations are written by hand, not taken from the program."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from localstory.engines.speech.reading import read
from localstory.engines.speech.sentences import End, split

TABLE = [
    # titles and abbreviations
    ("Mr. Smith met Mrs. Jones.", "Mister Smith met Missus Jones."),
    ("Dr. Who and Prof. Plum.", "Doctor Who and Professor Plum."),
    ("He lives at 5 Elm Dr. now.", "He lives at five Elm Drive now."),
    ("St. Nicholas lives on Main St. in town.", "Saint Nicholas lives on Main Street in town."),
    ("Bring fruit, e.g. pears, i.e. food, etc. to us.", "Bring fruit, for example pears, that is food, et cetera to us."),
    ("It was Smith vs. Jones.", "It was Smith versus Jones."),
    ("See No. 5 on p. 12.", "See number five on page twelve."),
    ("No. 5 is alive, but he said no.", "number five is alive, but he said no."),
    ("J. R. R. Tolkien wrote it.", "J R R Tolkien wrote it."),
    # ordinals and numbers
    ("The 1st, 2nd, 3rd and 21st day.", "The first, second, third and twenty-first day."),
    ("It holds 1,234,567 drops.", "It holds one million two hundred thirty-four thousand five hundred sixty-seven drops."),
    ("It cost 1000000 coins.", "It cost one million coins."),
    ("Only 0.5 of it.", "Only zero point five of it."),
    ("Pi is 3.14.", "Pi is three point one four."),
    ("Add 3/4 cup and 1/2 spoon.", "Add three quarters cup and one half spoon."),
    ("Open 24/7.", "Open twenty-four seven."),
    ("Pages 2-3 only.", "Pages two to three only."),
    ("The #1 hit.", "The number one hit."),
    ("A 10-year-old boy of 10.", "A ten-year-old boy of ten."),
    ("Agent 007 came.", "Agent zero zero seven came."),
    # years
    ("In 1905 and in 1999.", "In nineteen oh five and in nineteen ninety-nine."),
    ("Since 2024, not 2005.", "Since twenty twenty-four, not two thousand five."),
    ("The 1990s and the '80s.", "The nineteen nineties and the eighties."),
    ("From 1914–1918 there was war.", "From nineteen fourteen to nineteen eighteen there was war."),
    ("There were 1500 soldiers.", "There were one thousand five hundred soldiers."),
    # dates
    ("On 12 March 2026 it rained.", "On the twelfth of March twenty twenty-six it rained."),
    ("On March 12, 2026, it rained.", "On March twelfth, twenty twenty-six, it rained."),
    ("Due 2026-11-22.", "Due November twenty-second, twenty twenty-six."),
    ("On Jan. 5 we met.", "On January fifth we met."),
    # times
    ("At 10:30 or 10:05.", "At ten thirty or ten oh five."),
    ("At 7 pm or 8:15 a.m. sharp.", "At seven P M or eight fifteen eh M sharp."),
    ("By 3 o'clock or 8:00.", "By three o'clock or eight o'clock."),
    # money
    ("It costs $5.50 or £3.", "It costs five dollars and fifty cents or three pounds."),
    ("Just $1 and $0.99.", "Just one dollar and ninety-nine cents."),
    ("A $5 million house.", "A five million dollars house."),
    ("Only 20 € left.", "Only twenty euros left."),
    # units
    ("Sure, 50% of 12.5 km.", "Sure, fifty percent of twelve point five kilometers."),
    ("Run 100 m with 5 kg.", "Run one hundred meters with five kilograms."),
    ("Just 1 km at 90 km/h.", "Just one kilometer at ninety kilometers per hour."),
    ("It is -5 °C or 20°C.", "It is minus five degrees Celsius or twenty degrees Celsius."),
    # Roman numerals
    ("Read Chapter IV.", "Read Chapter four."),
    ("Louis XIV and Henry VIII.", "Louis the fourteenth and Henry the eighth."),
    ("After World War II.", "After World War two."),
    ("Henry and I went.", "Henry and I went."),
    # signs
    ("You & me @ home.", "You and me at home."),
    ("See www.example.com/help now.", "See example dot com slash help now."),
    ("Write mia@example.org today.", "Write mia at example dot org today."),
    ("Call 555-0199 now.", "Call five five five, zero one nine nine now."),
    # capitals
    ("STOP right THERE.", "stop right there."),
    ("The FBI saw a UFO on TV.", "The F B I saw a U F O on T V."),
    ("NASA flew.", "nasa flew."),
    ("THE END OF IT.", "the end of it."),
    # marks
    ("He came — she went.", "He came; she went."),
    ("He came—she went.", "He came; she went."),
    ("“Go ‘now’,” *please* [or] (not).", "Go now, please or not."),
    ("The fox’s den, the foxes’ den.", "The fox's den, the foxes den."),
    ("I love 🦊 it ❤️.", "I love it."),
    ("Say [[ˈɛmbɚ]] now.", "Say ˈɛmbɚ now."),
    ("Wh-who is it?", "who is it?"),
    ("Nguyễn and Đặng met.", "Nguyen and Dang met."),
]


@pytest.mark.parametrize(("written", "said"), TABLE, ids=[written for written, _said in TABLE])
def test_it_is_said_as_a_person_would(written: str, said: str) -> None:
    assert read(written.split(), "en").text == said


def test_the_table_is_as_long_as_promised() -> None:
    assert len(TABLE) >= 40


@pytest.mark.parametrize(("written", "_said"), TABLE)
def test_every_written_word_has_its_own_saying(written: str, _said: str) -> None:
    assert len(read(written.split(), "en").words) == len(written.split())


@pytest.mark.parametrize(
    ("end", "mark"),
    [(End.sentence, "."), (End.paragraph, "."), (End.text, "."), (End.trailing, ","), (End.comma, ","), (End.dialogue, ",")],
)
def test_a_breath_without_a_mark_gets_the_one_that_fits_its_end(end: End, mark: str) -> None:
    assert read(["Hello"], "en", end).text == f"Hello{mark}"


def test_a_question_stays_a_question() -> None:
    assert read(["“Why?”"], "en", End.dialogue).text == "Why?"


def test_dashes_inside_are_told() -> None:
    assert read("Mia — she was tired — slept.".split(), "en").dashes == {0, 4}


def test_a_language_without_a_table_leaves_numbers_to_the_voice() -> None:
    assert read("Er kam um 12 Uhr.".split(), "de").text == "Er kam um 12 Uhr."


@given(st.text(max_size=200))
@example("0A²")  # a superscript is a digit to Python and no number to int()
def test_no_text_breaks_the_reader_or_reaches_the_voice_as_raw_phonemes(text: str) -> None:
    for language in ("en", "de"):
        for sentence in split(text):
            for breath in sentence.breaths:
                said = read(breath.words, language, breath.end)
                assert len(said.words) == len(breath.words)
                assert "[[" not in said.text and "\n" not in said.text
                inner = said.text[:-1]
                assert not any(stop in inner for stop in ".!?"), said.text


_TRICKY = st.text(alphabet=st.sampled_from("0123456789.,:;/-–—'’%$£€#@&+°()[] aAmMpPxXkgIVsth\"“”!?…½"), max_size=40)


@given(_TRICKY)
def test_no_figures_break_the_reader(text: str) -> None:
    words = text.split()
    assert len(read(words, "en").words) == len(words)
