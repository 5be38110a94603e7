"""Slow work: one end each, progress on the way, cancelled when asked, closed without a trace."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator

import pytest

from localstory.events import Changed, Hub, Progress
from localstory.runtime import Job, JobState, Runtime


@pytest.fixture
def runtime() -> Iterator[Runtime]:
    runtime = Runtime()
    yield runtime
    runtime.close()
    assert not [thread for thread in threading.enumerate() if thread.name == "localstory-runtime"]


def test_a_job_reports_and_ends_once(runtime: Runtime) -> None:
    shares: list[float | None] = []
    ends: list[Job[int]] = []

    async def work(job: Job[int]) -> int:
        for done in range(5):
            job.report(Progress("Counting", done + 1, 5))
        return 42

    job = runtime.start("count", work, on_progress=lambda progress: shares.append(progress.share), on_end=ends.append)
    assert job.wait(5)
    assert shares == [0.2, 0.4, 0.6, 0.8, 1.0]
    assert ends == [job] and (job.state, job.result) == (JobState.done, 42)
    assert runtime.jobs == []


def test_a_cancelled_job_has_tidied_up_when_it_ends(runtime: Runtime) -> None:
    tidied = threading.Event()

    async def work(_job: Job[None]) -> None:
        try:
            await asyncio.sleep(60)
        finally:
            await asyncio.sleep(0.05)
            tidied.set()

    job = runtime.start("sleep", work)
    while not runtime.jobs:
        pass
    runtime.run(asyncio.sleep(0.05))
    job.cancel()
    job.cancel()
    assert job.wait(5)
    assert job.state is JobState.cancelled and tidied.is_set()


def test_a_failed_job_keeps_its_error(runtime: Runtime) -> None:
    async def work(_job: Job[None]) -> None:
        raise ValueError("no")

    job = runtime.start("fail", work)
    assert job.wait(5)
    assert job.state is JobState.failed and str(job.error) == "no"


def test_closing_cancels_what_still_runs() -> None:
    runtime = Runtime()
    states: list[JobState] = []

    async def work(_job: Job[None]) -> None:
        await asyncio.sleep(60)

    runtime.start("sleep", work, on_end=lambda job: states.append(job.state))
    runtime.run(asyncio.sleep(0.05))
    runtime.close()
    runtime.close()
    assert states == [JobState.cancelled]


def test_a_listener_that_fails_keeps_nobody_in_the_dark() -> None:
    hub, heard = Hub(), list[object]()

    def broken(_event: object) -> None:
        raise RuntimeError("deaf")

    stop = hub.listen(broken)
    hub.listen(heard.append)
    with pytest.raises(RuntimeError):
        hub.publish(Changed("chats"))
    assert heard == [Changed("chats")]
    stop()
    hub.publish(Changed("chats", (1,)))
    assert len(heard) == 2
