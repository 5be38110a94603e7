"""One asyncio loop in one thread for everything that waits, and jobs: slow work with progress, a cancel and one end."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import threading
import time
from collections.abc import Awaitable, Callable, Coroutine
from concurrent.futures import Future, wait
from enum import Enum
from typing import Any, Generic, TypeVar

from localstory.events import Progress

T = TypeVar("T")

_LEAST_SECONDS, _LEAST_SHARE = 3.0, 0.05
"""What a stage must have shown of its pace before we say how long it will take."""
_SILENCE_SECONDS = 10.0


class JobState(Enum):
    """Where a job stands; the last three are ends and there is exactly one."""

    running = "running"
    done = "done"
    failed = "failed"
    cancelled = "cancelled"


class Job(Generic[T]):
    """Slow work that was started: watch it, cancel it, wait for it."""

    def __init__(self, number: int, title: str, on_progress: Callable[[Progress], None] | None, on_end: Callable[[Job[T]], None] | None) -> None:
        self.number = number
        self.title = title
        self.progress: Progress | None = None
        self.state = JobState.running
        self.result: T | None = None
        self.error: BaseException | None = None
        self._on_progress = on_progress
        self._on_end = on_end
        self._ended = threading.Event()
        self._future: Future[T] | None = None
        self.can_pause = False
        """Whether the work comes by `may_pause` again and again."""
        self.is_paused = False
        self._go_on: tuple[asyncio.AbstractEventLoop, asyncio.Event] | None = None
        self._stage = ""
        self._stage_began = 0.0
        self._share_began = 0.0
        self._last_report = 0.0

    def report(self, progress: Progress) -> None:
        """Called by the work, on the loop's thread: say how far it is."""
        self.progress = progress
        self._last_report = time.monotonic()
        if progress.stage != self._stage:
            self._stage, self._stage_began, self._share_began = progress.stage, self._last_report, progress.share or 0.0
        if self._on_progress is not None:
            self._on_progress(progress)

    def seconds_left(self) -> float | None:
        """How long this stage takes from now, at the pace it had so far; None while nobody can tell honestly: in its first
        seconds, without a known whole, after a silence of ten seconds, and while it is paused."""
        share, now = self.progress.share if self.progress is not None else None, time.monotonic()
        if share is None or self.is_paused or now - self._last_report > _SILENCE_SECONDS or self.state is not JobState.running:
            return None
        took, gained = self._last_report - self._stage_began, share - self._share_began
        if took < _LEAST_SECONDS or gained < _LEAST_SHARE:
            return None
        return max(0.0, took * (1.0 - share) / gained - (now - self._last_report))

    async def may_pause(self) -> None:
        """Called by work that can wait between two of its steps: waits while the person has paused it."""
        self.can_pause = True
        if not self.is_paused:
            return
        began = time.monotonic()
        self._go_on = asyncio.get_running_loop(), asyncio.Event()
        if self.is_paused:  # not gone on in the very moment
            await self._go_on[1].wait()
        self._stage_began += time.monotonic() - began  # the pause is no part of its pace

    def pause(self, paused: bool = True) -> None:
        """Ask the work to wait at its next `may_pause`, or to go on; from any thread."""
        self.is_paused = paused
        if not paused and self._go_on is not None:
            loop, event = self._go_on
            with contextlib.suppress(RuntimeError):  # the loop is closed: the work has ended
                loop.call_soon_threadsafe(event.set)

    def cancel(self) -> None:
        """Ask the work to stop; from any thread, as often as you like."""
        if self._future is not None:
            self._future.cancel()

    def wait(self, timeout: float | None = None) -> bool:
        """Block this thread until the work has truly ended (its `finally` blocks ran); False when time ran out first."""
        return self._ended.wait(timeout)

    def _end(self, state: JobState, result: T | None, error: BaseException | None) -> None:
        self.state, self.result, self.error = state, result, error
        try:
            if self._on_end is not None:
                self._on_end(self)
        finally:
            self._ended.set()


class Runtime:
    """The loop and its thread. `close` cancels what still runs and waits for it."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._numbers = itertools.count(1)
        self._jobs: dict[int, Job[Any]] = {}
        started = threading.Event()

        def turn() -> None:
            asyncio.set_event_loop(self._loop)
            self._loop.call_soon(started.set)
            self._loop.run_forever()

        self._thread = threading.Thread(target=turn, name="localstory-runtime", daemon=True)
        self._thread.start()
        started.wait()

    def start(
        self,
        title: str,
        work: Callable[[Job[T]], Awaitable[T]],
        *,
        on_progress: Callable[[Progress], None] | None = None,
        on_end: Callable[[Job[T]], None] | None = None,
    ) -> Job[T]:
        """Run `work(job)` on the loop; the callbacks run on the loop's thread, `on_end` exactly once."""
        job: Job[T] = Job(next(self._numbers), title, on_progress, on_end)
        self._jobs[job.number] = job

        async def run() -> T:
            try:
                result = await work(job)
            except asyncio.CancelledError:
                self._jobs.pop(job.number, None)
                job._end(JobState.cancelled, None, None)
                raise
            except BaseException as error:
                self._jobs.pop(job.number, None)
                job._end(JobState.failed, None, error)
                # The error stands in the job: on_end decides what a person sees. Raising it into a future nobody reads
                # would only hide it.
                return None  # type: ignore[return-value]
            self._jobs.pop(job.number, None)
            job._end(JobState.done, result, None)
            return result

        job._future = asyncio.run_coroutine_threadsafe(run(), self._loop)
        return job

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine on the loop and wait for it in this thread; Ctrl+C cancels it, waits for its end and goes on."""
        future = asyncio.run_coroutine_threadsafe(work, self._loop)
        try:
            while not future.done():
                # In short waits: Windows tells a thread that waits without end nothing of Ctrl+C.
                wait([future], timeout=0.2)
            return future.result()
        except KeyboardInterrupt:
            future.cancel()
            self._settle()
            raise

    @property
    def jobs(self) -> list[Job[Any]]:
        """What runs now, oldest first."""
        return list(self._jobs.values())

    def call_soon(self, function: Callable[[], object]) -> None:
        """Run `function` on the loop's thread, soon."""
        self._loop.call_soon_threadsafe(function)

    def _settle(self) -> None:
        async def others() -> None:
            tasks = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await self._loop.shutdown_asyncgens()

        asyncio.run_coroutine_threadsafe(others(), self._loop).result()

    def close(self) -> None:
        """Cancel all, wait for all, end the thread. Closing twice is harmless."""
        if not self._thread.is_alive():
            return
        self._settle()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.run_until_complete(self._loop.shutdown_default_executor())
        self._loop.close()
