"""A chat of 500 turns: the cut moves seldom, so that what was evaluated is used again."""

from __future__ import annotations

import random
from functools import cache

import pytest

from localstory.context import Item, Policy, Template, Window, fit_into
from localstory.context.items import WhenFull
from localstory.engines.base import Message
from tests.core.context.test_fit import words

TEMPLATE = Template(per_message=5, per_prompt=3)


@cache
def count(text: str) -> int:
    return words(text)


def a_long_chat(turns: int, seed: int) -> list[Item]:
    chance = random.Random(seed)
    items: list[Item] = []
    for turn in range(turns):
        items.append(Item("history", f"q{turn} " + "a " * chance.randint(1, 80), "user", f"q{turn}"))
        items.append(Item("history", f"a{turn} " + "b " * chance.randint(5, 200), "assistant", f"a{turn}"))
    return items


def requests(chat: list[Item], window: Window, policy: Policy) -> list[tuple[Message, ...]]:
    system = Item("system", "be kind " * 30, id="system", pinned=True)
    said: list[tuple[Message, ...]] = []
    for turn in range(len(chat) // 2):
        draft = Item("draft", chat[2 * turn].text, "user", chat[2 * turn].id)
        said.append(fit_into([system, *chat[: 2 * turn], draft], window, policy, count, TEMPLATE).messages)
    return said


def naive(chat: list[Item], window: Window) -> list[tuple[Message, ...]]:
    """What other programs do: the oldest turns go, one by one, as soon as it does not fit."""
    system = Message("system", "be kind " * 30)
    said: list[tuple[Message, ...]] = []
    for turn in range(len(chat) // 2):
        rest = [Message(item.role, item.text) for item in chat[: 2 * turn + 1]]
        while tokens([system, *rest]) > (window.room_tokens or 0):
            rest = rest[2:]
        said.append((system, *rest))
    return said


def tokens(messages: list[Message] | tuple[Message, ...]) -> int:
    return TEMPLATE.per_prompt + sum(TEMPLATE.per_message + count(message.text) for message in messages)


def reused_share(said: list[tuple[Message, ...]], chat: list[Item]) -> tuple[float, int]:
    """(share of all prompt tokens that stand in the cache from the turn before, how often the beginning changed)."""
    cached: tuple[Message, ...] = ()
    reused = evaluated = changes = 0
    for turn, messages in enumerate(said):
        common = 0
        while common < min(len(cached), len(messages)) and cached[common] == messages[common]:
            common += 1
        changes += common < len(cached)
        reused += tokens(messages[:common])
        evaluated += tokens(messages)
        cached = (*messages, Message("assistant", chat[2 * turn + 1].text))
    return reused / evaluated, changes


@pytest.mark.parametrize("seed", [1])
@pytest.mark.parametrize("when_full", ["drop_oldest", "keep_middle_out"])
def test_the_cut_moves_once_in_many_turns(seed: int, when_full: WhenFull) -> None:
    chat = a_long_chat(500, seed)
    window = Window(8192, 1024)
    ours, changes = reused_share(requests(chat, window, Policy(when_full)), chat)
    theirs, naive_changes = reused_share(naive(chat, window), chat)
    print(f"{when_full} seed {seed}: reused {ours:.3f}, cut moved {changes} times; naive: {theirs:.3f}, {naive_changes}")
    assert naive_changes > 300
    assert changes <= 40
    assert ours >= 0.92
    assert theirs < 0.3


@pytest.mark.parametrize("length", [3000, 4095, 6144, 16384])
def test_at_any_window_at_least_half_the_room_is_used_and_the_cut_is_stable(length: int) -> None:
    chat = a_long_chat(500, 7)
    window = Window(length, 256)
    said = requests(chat, window, Policy())
    room = window.room_tokens or 0
    full = next(index for index, messages in enumerate(said) if len(messages) < 2 * index + 2)
    longest_turn = 300
    assert all(tokens(messages) >= room / 2 - longest_turn for messages in said[full:])
    _share, changes = reused_share(said, chat)
    grown = sum(count(item.text) + 5 for item in chat)
    assert changes <= grown / (room / 4 - longest_turn) + 1 if room > 8 * longest_turn else changes < 150
