from __future__ import annotations

from typing import cast

from localstory.chats.tree import ChatId, ChatMessage, MessageId, Tree, title_from
from localstory.engines.base import Role


def message(number: int, parent: int | None, role: str = "assistant") -> ChatMessage:
    return ChatMessage(MessageId(number), f"u{number}", ChatId(1), cast("MessageId | None", parent), cast(Role, role), f"text {number}", "finished")


TREE = Tree([message(1, None, "user"), message(2, 1), message(3, 1), message(4, 3, "user"), message(5, 4), message(6, 1), message(7, 4)])


def test_the_path_goes_from_the_beginning_to_the_tip() -> None:
    assert [each.id for each in TREE.path(MessageId(5))] == [1, 3, 4, 5]
    assert TREE.path(None) == []
    assert TREE.path(MessageId(99)) == []


def test_siblings_know_their_place() -> None:
    assert TREE.siblings(MessageId(3)) == [2, 3, 6]
    assert TREE.place(MessageId(3)) == (2, 3)
    assert TREE.beside(MessageId(3), 1) == 6
    assert TREE.beside(MessageId(3), -1) == 2
    assert TREE.beside(MessageId(6), 1) is None


def test_a_branch_ends_at_its_newest_leaf() -> None:
    assert TREE.tip_below(MessageId(3)) == 7
    assert TREE.tip_below(MessageId(1)) == 6


def test_a_message_whose_parent_is_gone_is_still_reachable() -> None:
    tree = Tree([message(2, 1), message(3, 2)])
    assert [each.id for each in tree.path(MessageId(3))] == [2, 3]
    assert tree.place(MessageId(2)) == (1, 1)


def test_a_circle_of_parents_ends() -> None:
    assert len(Tree([message(1, 2), message(2, 1)]).path(MessageId(1))) == 2


def test_a_title_is_the_first_words() -> None:
    assert title_from("\n  Kể cho tôi   nghe\nmột câu chuyện") == "Kể cho tôi nghe"
    long = title_from("word " * 40)
    assert len(long) <= 61
    assert long.endswith("word…")
    assert title_from("x" * 100) == "x" * 60 + "…"
    assert title_from("  \n ") == ""
