from __future__ import annotations

import itertools
import random
import time

from hypothesis import given
from hypothesis import strategies as st

from localstory.chats.organising import BranchName
from localstory.chats.outline import branches, divergence, first_words, words_changed
from localstory.chats.tree import ChatId, ChatMessage, MessageId, Tree


def tree_of(parents: list[int | None], texts: list[str] | None = None) -> Tree:
    """Message 1, 2, … with these parents; roles alternate with depth."""
    depth: dict[int | None, int] = {None: 0}
    made = []
    for number, parent in enumerate(parents, 1):
        depth[number] = depth[parent] + 1
        text = texts[number - 1] if texts else f"message {number}"
        role = "user" if depth[number] % 2 else "assistant"
        made.append(ChatMessage(MessageId(number), str(number), ChatId(1), MessageId(parent) if parent else None, role, text, "finished"))  # type: ignore[arg-type]
    return Tree(made)


@st.composite
def parents(draw: st.DrawFn) -> list[int | None]:
    size = draw(st.integers(0, 40))
    return [draw(st.none() | st.integers(1, number)) if number else None for number in range(size)]


@given(parents(), st.integers(0, 40))
def test_every_end_is_exactly_one_branch(shape: list[int | None], at: int) -> None:
    tree = tree_of(shape)
    leaves = sorted(one for one in tree.messages if not tree.children(one))
    tip = MessageId(at % len(shape) + 1) if shape else None
    found = branches(tree, tip)
    assert sorted(branch.tip for branch in found) == leaves
    # Every message belongs to one branch alone.
    own = [one.id for branch in found for one in tree.path(branch.tip)[-branch.messages :]]
    assert sorted(own) == sorted(tree.messages)
    for branch in found:
        assert tree.messages[branch.begins].parent_id == branch.left_after
        assert tree.path(branch.tip)[-branch.messages].id == branch.begins
    assert sum(branch.is_shown for branch in found) == (1 if shape else 0)
    shown = next((branch for branch in found if branch.is_shown), None)
    assert shown is None or tip in [one.id for one in tree.path(shown.tip)[-shown.messages :]]


def test_a_chat_as_a_person_left_it() -> None:
    #   1 ─ 2 ─ 3 ─ 4 ─ 9
    #    \        \ 5 (another try)
    #     6 ─ 7
    #  8 (another beginning)
    texts = ["Con cáo sợ bóng tối", "Hay quá", "Kể tiếp đi", "Nó đi…", "Một đêm nọ", "A shorter one", "Why?", "Hello", "x" * 500]
    tree = tree_of([None, 1, 2, 3, 3, 1, 6, None, 4], texts)
    names = [BranchName(MessageId(6), "Bản ngắn", True), BranchName(MessageId(4), "chính", False)]
    found = branches(tree, MessageId(5), names)
    assert [(row.tip, row.begins, row.left_after, row.depth, row.messages, row.is_shown) for row in found] == [
        (9, 1, None, 0, 5, False),
        (7, 6, 1, 1, 2, False),
        (5, 5, 3, 1, 1, True),
        (8, 8, None, 0, 1, False),
    ]
    assert [(row.name, row.pinned, row.first_words) for row in found][:2] == [("chính", False, "Con cáo sợ bóng tối"), ("Bản ngắn", True, "A shorter one")]


def test_first_words_stay_on_one_line() -> None:
    assert first_words("  Xin\n\nchào  🐉 ") == "Xin chào 🐉"
    assert len(first_words("word " * 100)) <= 80
    assert first_words("word " * 100).endswith("…")


@given(parents(), st.integers(0, 99), st.integers(0, 99))
def test_the_parts_of_a_divergence_are_the_paths(shape: list[int | None], one: int, other: int) -> None:
    tree = tree_of([None, *[parent or 1 for parent in shape]])
    ids = sorted(tree.messages)
    here, there = ids[one % len(ids)], ids[other % len(ids)]
    found = divergence(tree, here, there)
    assert found.common + found.one == tree.path(here)
    assert found.common + found.other == tree.path(there)
    assert not found.one or not found.other or found.one[0].id != found.other[0].id


WORDS = st.lists(st.sampled_from(["rồng", "cáo", "đêm", "fox", "the", "🐉", ",", ".", " ", "\n", "  ", "一二"]), max_size=60).map("".join)


@given(WORDS, WORDS)
def test_the_pieces_are_both_texts(one: str, other: str) -> None:
    pieces = words_changed(one, other)
    assert "".join(piece.text for piece in pieces if piece.kind != "new") == one
    assert "".join(piece.text for piece in pieces if piece.kind != "gone") == other
    assert all(first.kind != second.kind for first, second in itertools.pairwise(pieces))


def test_whole_words_are_compared() -> None:
    pieces = words_changed("Con cáo nhỏ sợ bóng tối.", "Con cáo lớn sợ bóng đêm.")
    assert [(piece.kind, piece.text) for piece in pieces if piece.kind != "same"] == [("gone", "nhỏ"), ("new", "lớn"), ("gone", "tối"), ("new", "đêm")]


def test_changed_words_beside_each_other_are_one_change() -> None:
    pieces = words_changed("Ngày xưa có con cáo. Hết.", "Once upon a time, a fox. Hết.")
    assert [piece.kind for piece in pieces] == ["gone", "new", "same"]
    assert pieces[2].text == ". Hết."


def test_long_texts_are_compared_quickly() -> None:
    rng = random.Random(3)
    lines = [" ".join(rng.choice(["fox", "night", "rồng", "hill", "light", "and"]) for _ in range(12)) + ".\n" for _ in range(1400)]
    changed = [line.replace("fox", "wolf") if number % 10 == 0 else line for number, line in enumerate(lines)]
    rng.shuffle(strangers := list("".join(lines).split(" ")))
    for one, other in (("".join(lines), "".join(changed)), ("".join(lines), " ".join(strangers))):
        assert len(one) > 75_000
        begun = time.process_time()
        pieces = words_changed(one, other)
        assert time.process_time() - begun < 5
        assert "".join(piece.text for piece in pieces if piece.kind != "gone") == other
    assert {word for piece in words_changed("".join(lines), "".join(changed)) if piece.kind == "new" for word in piece.text.split()} == {"wolf"}


def test_a_thousand_branches_and_a_long_chat_are_quick() -> None:
    wide = tree_of([None, *[1] * 1000, *range(2, 1002)])
    long = tree_of([None, *range(1, 20_000)])
    begun = time.process_time()
    assert len(branches(wide, MessageId(500))) == 1000
    assert branches(long, MessageId(7))[0].messages == 20_000
    assert time.process_time() - begun < 3
