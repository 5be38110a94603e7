"""One asyncio loop in one thread for everything that waits, and jobs: slow work with progress, a cancel and one end."""

from __future__ import annotations

import asyncio
import itertools
import threading
from collections.abc import Awaitable, Callable, Coroutine
from concurrent.futures import Future, wait
from enum import Enum
from typing import Any, Generic, TypeVar

from localstory.events import Progress

T = TypeVar("T")


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

    def report(self, progress: Progress) -> None:
        """Called by the work, on the loop's thread: say how far it is."""
        self.progress = progress
        if self._on_progress is not None:
            self._on_progress(progress)

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
