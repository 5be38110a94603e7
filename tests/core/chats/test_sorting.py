from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from localstory.chats.sorting import SORTS, SortBy, sort_chats, sort_key
from localstory.chats.store import Chat
from localstory.chats.tree import ChatId


def chat(number: int, title: str = "", **given: object) -> Chat:
    return Chat(ChatId(number), str(number), title, None, "", "", "", {}, **{"created_at": 0, "used_at": 0, **given})  # type: ignore[arg-type]


# Ordered by hand as the Vietnamese dictionary has them (Từ điển tiếng Việt, Hoàng Phê): all letters before the tones,
# ngang huyền hỏi ngã sắc nặng.
VIETNAMESE = [
    "!", "2 con cáo", "10 con cáo", "à", "An", "Ánh sáng", "ăn", "âm nhạc", "bà", "bả", "bã", "bá", "bạ", "Bà nội", "băng", "bân", "cáo", "dê",
    "Đà Nẵng", "đêm", "em", "ê a", "Giấc mơ", "lan", "nai", "ổ", "ơi", "Truyện 2", "truyện 10", "Truyện 010b", "tu", "tư", "voi", "xa", "Yên", "Ω", "山",
]  # fmt: skip


def test_vietnamese_titles_stand_as_in_a_dictionary() -> None:
    for seed in range(5):
        mixed = [*VIETNAMESE]
        random.Random(seed).shuffle(mixed)
        assert sorted(mixed, key=lambda title: sort_key(title, "vi")) == VIETNAMESE


def test_english_titles() -> None:
    wanted = ["(draft)", "2 foxes", "10 foxes", "a fox", "A Fox", "ábc", "Boat", "éclair", "Part 9", "part 10", "part 10 again", "Zoo", "山"]
    mixed = [*wanted]
    random.Random(1).shuffle(mixed)
    found = sorted(mixed, key=lambda title: sort_key(title, "en"))
    assert [one.casefold() for one in found] == [one.casefold() for one in wanted]


@pytest.mark.parametrize(("by", "wanted"), [("used", [2, 3, 1]), ("created", [3, 1, 2]), ("title", [1, 3, 2]), ("length", [1, 2, 3]), ("hand", [3, 2, 1])])
def test_each_order(by: SortBy, wanted: list[int]) -> None:
    chats = [
        chat(1, "Bến", used_at=1, created_at=2, letters=900, position=3.5),
        chat(2, "zebra", used_at=9, created_at=1, letters=50, position=2.0),
        chat(3, "bến tàu", used_at=5, created_at=3, letters=7, position=-1.0),
    ]
    assert [one.id for one in sort_chats(chats, by, "vi")] == wanted


@given(st.lists(st.text(max_size=12), max_size=12), st.sampled_from(["vi", "en"]), st.sampled_from(SORTS))
def test_any_titles_have_one_order(titles: list[str], language: str, by: SortBy) -> None:
    chats = [chat(number, title) for number, title in enumerate(titles)]
    once = sort_chats(chats, by, language)
    mixed = [*chats]
    random.Random(0).shuffle(mixed)
    assert [one.id for one in sort_chats(mixed, by, language)] == [one.id for one in once]


def test_enormous_numbers_and_titles() -> None:
    assert sort_key("9" * 9_000, "en") < sort_key("1" + "0" * 9_000, "en")
    assert sort_key("x " * 10_000, "vi") == sort_key("x " * 10_000, "vi")
