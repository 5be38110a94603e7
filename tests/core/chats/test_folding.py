from __future__ import annotations

import sqlite3
import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from localstory.chats.folding import fold, folded_places, for_index, match_of, places_of, snippet, terms

# (typed, text, found)
PAIRS = [
    ("duong", "Con đường dài", True), ("duong", "CON ĐƯỜNG DÀI", True), ("đường", "con duong", True), ("Dường", "đuong", True),
    ("duong", unicodedata.normalize("NFD", "đường phố"), True), (unicodedata.normalize("NFD", "đường"), "đường phố", True),
    ("pho", "đường phố Việt Nam", True), ("viet nam", "Nam ở Việt Trì", True), ('"viet nam"', "Nam ở Việt Trì", False),
    ('"viet nam"', "đất Việt Nam đẹp", True), ('"Việt, Nam!"', "viet nam", True), ("di", "đi thôi", True), ("an", "ăn cơm", True),
    ("uoc", "ước mơ", True), ("trang", "trăng rằm", True), ("trăng", "trang giấy", True), ("hoa", "hoà bình", True), ("hòa", "hoà", True),
    ("fox", "The FOX sleeps", True), ("fo", "the fox", True), ("fo ", "the fox", False), ("fo* sleeps", "the fox sleeps", True),
    ("fox -sleeps", "the fox sleeps", False), ("fox -sleeps", "the fox wakes", True), ('fox -"by night"', "a fox by night", False),
    ('fox -"by night"', "night falls by a fox", True), ("ox", "the fox", False), ("cafe", "Café crème", True), ("creme", "Café crème", True),
    ("naive", "naïve", True), ("strasse", "Straße", True), ("STRASSE", "straße", True), ("ﬃ", "office", False), ("office", "oﬃce", True),
    ("istanbul", "İstanbul", True), ("ångström", "Angstrom", True), ("łódź", "Lodz", True), ("smørrebrød", "smorrebrod", True),
    ("龙", "一条龙在飞", True), ("在飞", "一条龙在飞", True), ("飞在", "一条龙在飞", False), ("竜", "こわい竜のはなし", True),
    ("はなし", "こわい竜のはなし", True),
    ("ドラゴン", "ﾄﾞﾗｺﾞﾝの夜", True), ("용", "용감한 여우", True), ("여우", "용감한 여우", True), ("สวัสดี", "สวัสดีครับ", True),
    ("🐉", "con rồng 🐉 bay", True), ("🐉", "con rồng bay", False), ("rong 🐉", "🐉🐉 rồng", True), ("🦊", "🐉", False), ("👩\u200d🚀", "👩\u200d🚀!", True),
    ("snake_case", "a snake_case name", True), ("case", "snake_case", True), ("3.14", "pi is 3.14", True), ("c++", "the C++ way", True),
    ("don't", "don't go", True), ("привет", "ПРИВЕТ, мир", True), ("ёлка", "елка", True), ("ελλαδα", "Ελλάδα", True), ("שלום", "שָׁלוֹם", True),
    ("سلام", "سَلَام", True), ("𝔣𝔬𝔵", "fox", True), ("ｆｏｘ", "fox", True), ("x²", "x2", True),
]  # fmt: skip


def indexed(*texts: str) -> sqlite3.Connection:
    connection = sqlite3.connect(":memory:")
    connection.execute("CREATE VIRTUAL TABLE words USING fts5 (text, tokenize = 'unicode61 remove_diacritics 0')")
    connection.executemany("INSERT INTO words (text) VALUES (?)", [(for_index(text),) for text in texts])
    return connection


@pytest.mark.parametrize(("typed", "text", "found"), PAIRS)
def test_what_is_typed_finds_what_it_should(typed: str, text: str, found: bool) -> None:
    connection = indexed(text)
    rows = connection.execute("SELECT 1 FROM words WHERE words MATCH ?", (match_of(terms(typed)),)).fetchall()
    connection.close()
    assert bool(rows) is found
    if found:
        places = places_of(terms(typed), text)
        assert places, "found, and not shown"
        assert all(text[start:end].strip() for start, end in places)


def test_there_are_sixty_pairs() -> None:
    assert len(PAIRS) >= 60


@given(st.text())
def test_folding_twice_changes_nothing_more_and_normal_forms_are_one(text: str) -> None:
    assert fold(fold(text)) == fold(text)
    assert fold(unicodedata.normalize("NFD", text)) == fold(unicodedata.normalize("NFC", text))
    folded, places = folded_places(text)
    assert folded == fold(text) and len(places) == len(folded) and places == sorted(places)


HOSTILE = [
    '"', '""', '"""', "*", "-", "--", '-"', "NEAR(a b)", "a AND", "OR", "NOT x", "text:x", "{text}: x", "^x", "x*y", "(", ")", "a+b", "\x00", "\ud800",
    "'; DROP TABLE chat; --", "a" * 10_000, "x " * 2_000,
]  # fmt: skip


@given(st.text(max_size=60))
@example("\ud83d")
@example("NEAR/2")
def test_nothing_typed_is_syntax(typed: str) -> None:
    for query in (typed, *HOSTILE[:3]):
        match = match_of(terms(query))
        if match:
            connection = indexed("a text")
            connection.execute("SELECT 1 FROM words WHERE words MATCH ?", (match.encode("utf-8", "replace").decode(),)).fetchall()
            connection.close()


@pytest.mark.parametrize("typed", HOSTILE)
def test_hostile_queries(typed: str) -> None:
    match = match_of(terms(typed))
    if match:
        connection = indexed("a text", "NEAR a b AND OR NOT")
        connection.execute("SELECT 1 FROM words WHERE words MATCH ?", (match,)).fetchall()
        connection.close()


def test_a_snippet_is_one_line_around_the_hit() -> None:
    text = "Ngày xửa ngày xưa, " * 20 + "có một con\n\n  đường 🐉 rất dài" + " và xa" * 40
    shown, places = snippet(text, places_of(terms("duong dai"), text))
    assert "\n" not in shown and len(shown) <= 170 and shown.startswith("…") and shown.endswith("…")
    assert [shown[start:end] for start, end in places] == ["đường", "dài"]
    assert snippet("", []) == ("", ())
    assert snippet("ngắn", []) == ("ngắn", ())


@given(st.text(max_size=400), st.lists(st.sampled_from(["duong", "fox", "龙", "🐉", "a"]), min_size=1, max_size=3).map(" ".join))
def test_places_in_any_snippet_are_places_in_the_text(text: str, typed: str) -> None:
    text = text + " Đường fox 龙 🐉 á " + text
    found = places_of(terms(typed), text)
    shown, places = snippet(text, found)
    assert found and places
    assert fold("".join(text[found[0][0] : found[0][1]].split())) == fold("".join(shown[places[0][0] : places[0][1]].split()))
