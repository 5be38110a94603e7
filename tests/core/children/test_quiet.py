"""Between two pieces of work a child may tidy up, and drops that at once when it is wanted."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

from localstory.children import worker as worker_module
from localstory.children.protocol import Message
from localstory.children.worker import Job


class Tidy:
    def __init__(self) -> None:
        self.calls, self.stopped = 0, False

    def facts(self) -> dict[str, object]:
        return {}

    def run(self, op: str, args: dict[str, Any], job: Job) -> dict[str, object]:
        return {}

    def quiet(self, stop: Callable[[], bool]) -> None:
        self.calls += 1
        until = time.monotonic() + 10
        while not stop() and time.monotonic() < until:
            time.sleep(0.002)
        self.stopped = stop()
        raise RuntimeError("a nicety failed")


def test_a_request_ends_the_tidying_and_a_failure_in_it_ends_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker_module, "QUIET_SECONDS", 0.02)
    todo: queue.SimpleQueue[Message | None] = queue.SimpleQueue()
    tidy = Tidy()
    threading.Timer(0.2, lambda: todo.put({"type": "hello"})).start()
    began = time.monotonic()
    assert worker_module._next(todo, tidy) == {"type": "hello"}
    assert (tidy.calls, tidy.stopped) == (1, True) and time.monotonic() - began < 5


def test_work_that_waits_already_comes_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker_module, "QUIET_SECONDS", 0.02)
    todo: queue.SimpleQueue[Message | None] = queue.SimpleQueue()
    todo.put(None)
    tidy = Tidy()
    assert worker_module._next(todo, tidy) is None and tidy.calls == 0
