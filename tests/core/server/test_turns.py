"""Turns are fair, bounded, and never lost."""

from __future__ import annotations

import asyncio
import random
import threading
import time
from typing import Any

import pytest

from localstory.engines.text.fake import FakeTextEngine
from localstory.server.refusals import TooBusy
from localstory.server.turns import Turns, client_of
from tests.fakes.served import Served, chat


async def work(turns: Turns, client: str, done: list[str], hold: asyncio.Event | None = None) -> None:
    async with turns.taken(client):
        if hold is not None:
            await hold.wait()
        done.append(client)


async def test_clients_take_turns_and_each_keeps_its_order() -> None:
    turns, done, hold = Turns(), list[str](), asyncio.Event()
    tasks = [asyncio.create_task(work(turns, "first", done, hold))]
    await asyncio.sleep(0)
    for client in ("a", "a", "a", "b", "c", "b"):
        tasks.append(asyncio.create_task(work(turns, client, done)))
        await asyncio.sleep(0)
    hold.set()
    await asyncio.gather(*tasks)
    assert done == ["first", "a", "b", "c", "a", "b", "a"]


async def test_one_at_a_time_whatever_is_cancelled() -> None:
    draw, turns, inside, most, ended = random.Random(5), Turns(200), 0, 0, 0

    async def one(client: str) -> None:
        nonlocal inside, most, ended
        async with turns.taken(client):
            inside += 1
            most = max(most, inside)
            try:
                await asyncio.sleep(draw.random() * 0.002)
            finally:
                inside -= 1
        ended += 1

    tasks = [asyncio.create_task(one(draw.choice("abcd"))) for _number in range(140)]
    for task in tasks:
        if draw.random() < 0.5:
            await asyncio.sleep(draw.random() * 0.002)
            task.cancel()
    results = await asyncio.gather(*tasks, return_exceptions=True)
    assert most == 1 and ended == sum(result is None for result in results) > 20
    assert any(isinstance(result, asyncio.CancelledError) for result in results)
    async with asyncio.timeout(1):  # nobody holds the turn any more
        await work(turns, "z", [])
    assert turns.waiting == 0


async def test_a_full_queue_says_so_at_once_and_one_client_cannot_fill_it() -> None:
    turns, hold = Turns(8), asyncio.Event()
    tasks = [asyncio.create_task(work(turns, "greedy", [], hold)) for _number in range(9)]
    await asyncio.sleep(0)
    refused = [task for task in tasks if task.done()]
    assert turns.waiting == 6 and len(refused) == 2 and all(isinstance(task.exception(), TooBusy) for task in refused)
    others = [asyncio.create_task(work(turns, f"other {number}", [])) for number in range(3)]
    await asyncio.sleep(0)
    assert [task.done() for task in others] == [False, False, True]
    with pytest.raises(TooBusy) as busy:
        await others[2]
    assert busy.value.retry_seconds >= 1
    hold.set()
    await asyncio.gather(*tasks, *others, return_exceptions=True)
    assert turns.waiting == 0


def test_requests_over_http_wait_their_turn_and_a_full_queue_is_503() -> None:
    with Served({"sea": FakeTextEngine("a b c d e f " * 9, seconds_per_token=0.02)}, turns=Turns(4)) as served:
        answers: list[Any] = []
        asking = [threading.Thread(target=lambda: answers.append(served.post("/v1/chat/completions", chat(max_tokens=8)))) for _number in range(8)]
        for thread in asking:
            thread.start()
        for thread in asking:
            thread.join(20)
        statuses = sorted(status for status, _headers, _said in answers)
        assert statuses == [200] * 4 + [503] * 4  # one at work, three of four places for one client
        for status, headers, said in answers:
            if status == 503:
                assert int(headers["retry-after"]) >= 1 and said["error"]["code"] == "too_busy"


def test_programs_of_one_computer_are_clients_of_their_own() -> None:
    """All come from 127.0.0.1: one script with many questions keeps neither another program nor another of its own people out."""
    with Served({"sea": FakeTextEngine("a b c d e f " * 9, seconds_per_token=0.02)}, turns=Turns(8)) as served:
        ended: list[str] = []

        def ask(name: str, program: str, user: str = "") -> None:
            said = {"user": user} if user else {}
            status, _headers, _said = served.post("/v1/chat/completions", chat(max_tokens=12, **said), served.headers(user_agent=program))
            ended.append(f"{name} {status}")

        asking: list[threading.Thread] = []

        def begin(*arguments: str) -> None:
            asking.append(threading.Thread(target=ask, args=arguments))
            before = served.serving.web.turns.waiting
            asking[-1].start()
            while served.serving.web.turns.waiting == before and len(asking) > 1:
                time.sleep(0.005)

        for _number in range(5):
            begin("script", "script/1")
            while not served.engine.requests:
                time.sleep(0.005)
        begin("other program", "curl/8")
        begin("other person", "script/1", "lan")
        for thread in asking:
            thread.join(30)
        assert ended[:2] == ["script 200"] * 2  # at work, and first in the queue
        assert sorted(ended[2:4]) == ["other person 200", "other program 200"]
        assert ended[4:] == ["script 200"] * 3


def test_in_the_network_a_client_is_its_address_whatever_it_says() -> None:
    assert client_of("192.168.1.7", "a", "b") == client_of("192.168.1.7", "c") == "192.168.1.7"
    assert client_of("127.0.0.1", "a") != client_of("127.0.0.1", "b") != client_of("127.0.0.1", "b", "x")
    assert client_of("::1", "a") != client_of("::1", "b")
    assert client_of("", "a", "b") == ""


def test_one_who_hangs_up_while_waiting_never_reaches_the_model() -> None:
    with Served({"sea": FakeTextEngine("a " * 100, seconds_per_token=0.02)}) as served:
        first = threading.Thread(target=lambda: served.post("/v1/chat/completions", chat(max_tokens=60)))
        first.start()
        while not served.engine.requests:
            time.sleep(0.01)
        with pytest.raises(TimeoutError):
            served.post("/v1/chat/completions", chat("the one who leaves"), timeout=0.2)
        time.sleep(0.3)
        assert served.serving.web.turns.waiting == 0
        first.join(20)
        assert served.post("/v1/chat/completions", chat(max_tokens=2))[0] == 200
        assert [request.messages[0].text for request in served.engine.requests].count("the one who leaves") == 0


def test_a_long_wait_shows_signs_of_life_and_then_the_words() -> None:
    from localstory.server.connection import Limits

    with Served({"sea": FakeTextEngine("a b", seconds_per_token=0.25)}, limits=Limits(first_word_seconds=0.1)) as served:
        status, _headers, raw = served.post("/v1/chat/completions", chat(stream=True))
        assert status == 200 and raw.count(b": one moment\n\n") >= 2 and raw.endswith(b"data: [DONE]\n\n")
