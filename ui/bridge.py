"""Between the core's loop and the window: everything crosses on one queued signal, streams are joined on the way.

Each delivery runs on the Qt thread. What streams arrives at most every 33 ms; everything keeps its order.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import shiboken6
from PySide6.QtCore import QObject, Qt, QTimer, Signal, Slot

from localstory.app import App
from localstory.chats.service import Wrote
from localstory.events import Progress
from localstory.runtime import Job, JobState

T = TypeVar("T")

FRAME_MS = 33
MOST_ENDED = 50
"""Jobs that have ended and stay in the list."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where the result of a job is: a room with what it should show there (see `Desk.go`), or a file or folder."""

    room: str = ""
    what: object = None
    path: Path | None = None


@dataclass(frozen=True, slots=True)
class _More:
    """What can be done with a job that has ended."""

    again: Callable[[], object] | None
    place: Callable[[Any], Place | None] | None


class Bridge(QObject):
    """The window's way into the core. `start` runs a job; `heard` brings the core's events, streams joined."""

    heard = Signal(object)
    jobs_changed = Signal()
    settings_changed = Signal(str)
    """A setting's name, after it was kept. Rooms hear it from their desk."""
    _woken = Signal()

    def __init__(self, app: App) -> None:
        super().__init__()
        self.app = app
        self.jobs: list[Job[Any]] = []
        """Jobs with a title, newest last: what runs, and the last ones that ended."""
        self._more: dict[int, _More] = {}
        self._queue: list[tuple[Callable[..., object] | None, Any]] = []
        self._lock = threading.Lock()
        self._awake = False
        self._delivered = 0.0
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setTimerType(Qt.TimerType.PreciseTimer)
        self._timer.timeout.connect(self._deliver)
        self._woken.connect(self._wake, Qt.ConnectionType.QueuedConnection)
        self._stop_listening = app.hub.listen(self._listen)

    def start(
        self,
        title: str,
        work: Callable[[Job[T]], Awaitable[T]],
        *,
        on_end: Callable[[Job[T]], object] | None = None,
        on_progress: Callable[[Progress], object] | None = None,
        can_repeat: bool = False,
        place: Callable[[T], Place | None] | None = None,
    ) -> Job[T]:
        """Run `work(job)` on the core's loop. The callbacks, bound methods of QObjects, run on the Qt thread, and not at
        all when their object is gone. A job without a title is not shown in the list of jobs. Errors that nobody asked
        for (no `on_end`) rise to the hook.

        In the list of jobs: one that `can_repeat` has "Try again" when it failed or was stopped (`work` is called once
        more, so it must use nothing of a room that may be gone), and `place(result)` says where "Open" leads. Work that
        calls `job.may_pause()` between its steps can be paused there.
        """

        def progressed(progress: Progress) -> None:
            if on_progress is not None:
                self._put(on_progress, progress)
            if title:
                self._put(self._job_changed, None)

        def ended(job: Job[T]) -> None:
            self._put(on_end if on_end is not None else self._raise, job)
            if title:
                self._put(self._job_changed, None)

        job = self.app.runtime.start(title, work, on_progress=progressed, on_end=ended)
        if title:
            again = (lambda: self.start(title, work, on_end=on_end, on_progress=on_progress, can_repeat=True, place=place)) if can_repeat else None
            self._more[job.number] = _More(again, place)
            ended_jobs = [old for old in self.jobs if old.state is not JobState.running]
            self._keep([old for old in self.jobs if old not in ended_jobs] + ended_jobs[-MOST_ENDED:] + [job])
        return job

    def _keep(self, jobs: list[Job[Any]]) -> None:
        self.jobs = sorted(jobs, key=lambda each: each.number)
        self._more = {each.number: self._more[each.number] for each in self.jobs if each.number in self._more}
        self.jobs_changed.emit()

    def can_repeat(self, job: Job[Any]) -> bool:
        """Whether a job that failed or was stopped can be tried again."""
        more = self._more.get(job.number)
        return more is not None and more.again is not None and job.state in (JobState.failed, JobState.cancelled)

    def repeat(self, job: Job[Any]) -> None:
        """Try it again: a new job takes its place in the list."""
        more = self._more.get(job.number)
        if self.can_repeat(job) and more is not None and more.again is not None:
            self._keep([old for old in self.jobs if old is not job])
            more.again()

    def place_of(self, job: Job[Any]) -> Place | None:
        """Where the result of a job that is done can be seen; None: nowhere."""
        more = self._more.get(job.number)
        return more.place(job.result) if more is not None and more.place is not None and job.state is JobState.done else None

    def forget_ended(self) -> None:
        """Take what has ended out of the list."""
        self._keep([job for job in self.jobs if job.state is JobState.running])

    def close(self) -> None:
        """Hear nothing more."""
        self._stop_listening()
        self._timer.stop()
        with self._lock:
            self._queue.clear()

    # -- on the core's thread ------------------------------------------------------------------------------------------

    def _listen(self, event: object) -> None:
        self._put(None, event)

    def _put(self, receiver: Callable[..., object] | None, value: Any) -> None:
        with self._lock:
            last = self._queue[-1] if self._queue else None
            if isinstance(value, Wrote) and last is not None and isinstance(last[1], Wrote) and last[1].message_id == value.message_id:
                self._queue[-1] = (None, Wrote(value.chat_id, value.message_id, last[1].text + value.text, last[1].at))
            elif last is None or receiver is None or last != (receiver, value):
                self._queue.append((receiver, value))
            wake, self._awake = not self._awake, True
        if wake and shiboken6.isValid(self):
            self._woken.emit()

    # -- on the Qt thread ----------------------------------------------------------------------------------------------

    @Slot()
    def _wake(self) -> None:
        waited = (time.monotonic() - self._delivered) * 1000
        self._timer.start(max(0, round(FRAME_MS - waited)))

    @Slot()
    def _deliver(self) -> None:
        with self._lock:
            queue, self._queue = self._queue, []
            self._awake = False
        self._delivered = time.monotonic()
        for receiver, value in queue:
            if receiver is None:
                self.heard.emit(value)
            elif _is_there(receiver):
                if value is None:
                    receiver()
                else:
                    receiver(value)

    def _job_changed(self) -> None:
        self.jobs_changed.emit()

    def _raise(self, job: Job[Any]) -> None:
        if job.error is not None:
            raise job.error


def _is_there(receiver: Callable[..., object]) -> bool:
    owner = getattr(receiver, "__self__", None)
    if not isinstance(owner, QObject):
        return True
    # A room's widgets may go before the room itself: when the window closes, or is built anew in another language.
    place = getattr(owner, "place", None) if shiboken6.isValid(owner) else None
    return shiboken6.isValid(owner) and (place is None or shiboken6.isValid(place))
