"""Our side of a child: start it, talk to it, notice its death, end it and all it started."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import logging
import os
import shutil
import sys
import tempfile
import time
from collections import deque
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

from localstory import system
from localstory.children.last_words import ChildDied, ChildHung, Quarantined, part_word
from localstory.children.protocol import CANCELLED, LINE_LIMIT_BYTES, BadLine, Message, decode, encode
from localstory.errors import CannotContinue
from localstory.words import mark

log = logging.getLogger(__name__)

SILENCE_SECONDS = 30.0
"""A child that gives no sign of life for this long is ended (it sends one every second)."""
CLOSING_SECONDS = 4.5
"""A child that brings things home before it ends (`saves`) has so long; see `worker.CLOSING_SECONDS`."""
CANCEL_SECONDS = 0.4
"""A cancelled child has this long to stop by itself before it is ended."""
_CRASHES_ALLOWED = 2
_CRASH_WINDOW_SECONDS = 120.0

# What a child may know of our environment. Everything else (keys above all) stays here.
_ENVIRONMENT = ("PATH", "HOME", "USER", "LANG", "LANGUAGE", "LC_ALL", "LC_CTYPE", "TZ", "TMPDIR", "TEMP", "TMP", "LOCALSTORY_OFFLINE",
    "SYSTEMROOT", "WINDIR", "COMSPEC", "PATHEXT", "USERPROFILE", "APPDATA", "LOCALAPPDATA", "PROGRAMDATA", "NUMBER_OF_PROCESSORS",
    "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "VIRTUAL_ENV", "PYTHONPATH", "CUDA_VISIBLE_DEVICES", "IMAGEIO_FFMPEG_EXE")  # fmt: skip


class WorkFailed(CannotContinue):
    """A child said it can't do what was asked. Engines turn its `reason` into an error of their own."""

    code = "work_failed"

    def __init__(self, worker: str, reason: str, values: dict[str, Any]) -> None:
        super().__init__(
            title=mark("The {worker} part of localstory could not do this"),
            detail=mark("Reason: {reason}."),
            worker=part_word(worker),
            reason=reason,
        )
        self.worker = worker
        self.reason = reason
        self.reason_values = values


def worker_command(name: str) -> list[str]:
    """The command line of the child `name`. A frozen program is its own child; the window is never imported in it."""
    if getattr(sys, "frozen", False):
        return [sys.executable, "--worker", name]
    return [sys.executable, "-m", "localstory", "--worker", name]


def worker_environment(folder: Path) -> dict[str, str]:
    """A child's environment: nothing secret, a folder of its own for temporary files, no network for the hub library."""
    kept = {name: os.environ[name] for name in _ENVIRONMENT if name in os.environ}
    return kept | {
        "TMPDIR": str(folder), "TEMP": str(folder), "TMP": str(folder),
        "PYTHONUTF8": "1", "PYTHONUNBUFFERED": "1", "PYTHONDONTWRITEBYTECODE": "1",
        "GGML_NO_BACKTRACE": "1",  # or ggml forks a debugger when it aborts
        "HF_HUB_OFFLINE": "1",
    }  # fmt: skip


class _CrashLog:
    """When which file made a child die, in this process."""

    def __init__(self) -> None:
        self._deaths: dict[str, deque[float]] = {}

    def died(self, file: str) -> None:
        self._deaths.setdefault(file, deque(maxlen=_CRASHES_ALLOWED)).append(time.monotonic())

    def check(self, file: str) -> None:
        deaths = self._deaths.get(file, deque())
        if len(deaths) >= _CRASHES_ALLOWED and time.monotonic() - deaths[0] <= _CRASH_WINDOW_SECONDS:
            raise Quarantined(file)

    def forgive(self, file: str) -> None:
        self._deaths.pop(file, None)


crashes = _CrashLog()


class Child:
    """One child process and the conversation with it. All methods belong to one asyncio loop.

    `about` names the file the child works on: two crashes on it within two minutes raise Quarantined. `library` is a folder
    from which it takes its native library (see `children.library`), instead of the one that is installed. `saves`: it may take
    some seconds to close, since it writes what it wants to keep.
    """

    def __init__(self, worker: str, *, jobs_folder: Path | None = None, about: str = "", library: Path | None = None, saves: bool = False) -> None:
        self.worker = worker
        self.library = library
        self.facts: dict[str, Any] = {}
        self.about = about
        """The file it works on now; may be changed between two works, `check` then looks at another file first."""
        self._jobs_folder = jobs_folder
        self._closing_seconds = CLOSING_SECONDS if saves else CANCEL_SECONDS
        self._ids = itertools.count(1)
        self._ends: dict[int, asyncio.Queue[Message | BaseException]] = {}
        self._process: asyncio.subprocess.Process | None = None
        self._ready: asyncio.Future[None] | None = None
        self._stderr: deque[str] = deque(maxlen=200)
        self._heard = 0.0
        self._tasks: list[asyncio.Task[None]] = []
        self._closing = False
        self._death: BaseException | None = None
        self._folder = Path()
        self._starting = asyncio.Lock()

    @property
    def is_running(self) -> bool:
        """True between a successful start and its end."""
        return self._process is not None and self._process.returncode is None and self._death is None

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process is not None else None

    @property
    def stderr(self) -> list[str]:
        """The last lines the child printed."""
        return list(self._stderr)

    @staticmethod
    def check(about: str) -> None:
        """Raise Quarantined if this made children crash twice within two minutes."""
        crashes.check(about)

    async def start(self) -> dict[str, Any]:
        """Start the process and wait for its `ready`; returns its facts. Starting a running child does nothing."""
        async with self._starting:
            if self.is_running:
                return self.facts
            if self.about:
                self.check(self.about)
            self._remove_folder()  # of a predecessor that died
            self._folder = Path(tempfile.mkdtemp(prefix=f"{self.worker}-", dir=self._jobs_folder))
            self._death, self._closing = None, False
            self._stderr.clear()
            self._heard = time.monotonic()
            self._ready = asyncio.get_running_loop().create_future()
            try:
                self._process = await asyncio.create_subprocess_exec(
                    *worker_command(self.worker), *([str(self.library)] if self.library is not None else []),
                    stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
                    cwd=self._folder, env=worker_environment(self._folder), limit=2 * LINE_LIMIT_BYTES, **system.child_options(),
                )  # fmt: skip
                self._tasks = [asyncio.create_task(self._listen()), asyncio.create_task(self._overhear()), asyncio.create_task(self._watch())]
                self._send({"type": "hello", "protocol": 1, "folder": str(self._folder)})
                await self._ready
            except BaseException:
                await self._end_now()
                raise
            return self.facts

    async def load(self, args: dict[str, Any]) -> AsyncGenerator[Message, None]:
        """Send `load`; see `run`."""
        async with contextlib.aclosing(self._work({"type": "load", "args": args})) as messages:
            async for message in messages:
                yield message

    async def run(self, op: str, args: dict[str, Any]) -> AsyncGenerator[Message, None]:
        """Send `run` and yield its `progress` and `piece` messages, then its `done`.

        Raises WorkFailed when the child says no, ChildDied or ChildHung when it can't say anything any more. When the
        iterator is closed or its task cancelled, the child is told to stop and ended if it doesn't.
        """
        async with contextlib.aclosing(self._work({"type": "run", "op": op, "args": args})) as messages:
            async for message in messages:
                yield message

    async def _work(self, message: Message) -> AsyncGenerator[Message, None]:
        await self.start()
        id = next(self._ids)
        inbox: asyncio.Queue[Message | BaseException] = asyncio.Queue()
        self._ends[id] = inbox
        ended = False
        try:
            self._send(message | {"id": id})
            while True:
                answer = await inbox.get()
                if isinstance(answer, BaseException):
                    ended = True
                    raise answer
                if answer["type"] == "failed":
                    ended = True
                    raise WorkFailed(self.worker, str(answer.get("code", "")), answer.get("values") or {})
                if answer["type"] == "done":
                    ended = True
                    yield answer
                    return
                yield answer
        finally:
            if not ended:
                await asyncio.shield(self._stop(id, inbox))
            self._ends.pop(id, None)

    async def _stop(self, id: int, inbox: asyncio.Queue[Message | BaseException]) -> None:
        """Tell the child to stop `id` and see that it does."""
        if not self.is_running:
            return
        try:
            self._send({"type": "cancel", "id": id})
            async with asyncio.timeout(CANCEL_SECONDS):
                while True:
                    answer = await inbox.get()
                    if isinstance(answer, BaseException) or answer["type"] in ("done", "failed"):
                        return
        except TimeoutError:
            log.info("%s did not stop within %.1f s and is ended", self.worker, CANCEL_SECONDS)
            await self._end_now()

    async def close(self) -> None:
        """Ask the child to end, see that it does, remove its folder. Closing twice is harmless."""
        self._closing = True
        process = self._process
        if process is not None and process.returncode is None:
            with contextlib.suppress(ConnectionError, ChildDied):
                self._send({"type": "close"})
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._closing_seconds):
                    await process.wait()
        await self._end_now()

    async def _end_now(self) -> None:
        self._closing = True
        process = self._process
        if process is not None:
            # The group, also when the child itself is gone: what it started may still be there.
            system.end_group(process.pid)
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()
        current = asyncio.current_task()
        for task in self._tasks:
            if task is not current:
                task.cancel()
        await asyncio.gather(*(task for task in self._tasks if task is not current), return_exceptions=True)
        self._tasks = []
        self._fail(ChildDied(self.worker, process.returncode if process else None, self.stderr))
        if process is not None and process.stdin is not None:
            process.stdin.close()
        self._process = None
        self._remove_folder()

    def _remove_folder(self) -> None:
        if self._folder != Path():
            shutil.rmtree(self._folder, ignore_errors=True)
            self._folder = Path()

    def _send(self, message: Message) -> None:
        process = self._process
        if process is None or process.stdin is None or process.stdin.is_closing():
            raise ChildDied(self.worker, process.returncode if process else None, self.stderr)
        process.stdin.write(encode(message, self._folder, "args"))

    def _fail(self, error: BaseException) -> None:
        """Give every waiting caller the news."""
        self._death = self._death or error
        if self._ready is not None and not self._ready.done():
            self._ready.set_exception(error)
            self._ready.exception()  # a starter that was cancelled no longer looks at it
        for inbox in self._ends.values():
            inbox.put_nowait(error)

    async def _listen(self) -> None:
        process = self._process
        assert process is not None and process.stdout is not None
        while True:
            try:
                line = await process.stdout.readline()
            except ValueError:  # longer than any message may be: this is no longer our child talking
                self._stderr.append("Error: the child sent a line without end")
                system.end_group(process.pid)
                line = b""
            if not line:
                break
            self._heard = time.monotonic()
            try:
                message = decode(line, self._folder, "result")
            except BadLine as error:
                log.warning("%s: ignored a line: %s", self.worker, error)
                continue
            kind = message["type"]
            if kind == "ready":
                self.facts = message.get("facts") or {}
                if self._ready is not None and not self._ready.done():
                    self._ready.set_result(None)
            elif kind in ("progress", "piece", "done", "failed"):
                inbox = self._ends.get(message.get("id", -1))
                if inbox is not None:
                    inbox.put_nowait(message)
            elif kind != "alive":
                log.info("%s: ignored a message of type %r", self.worker, kind)
        code = await process.wait()
        # Its last words are still on the way.
        await asyncio.sleep(0)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(0.5):
                await self._tasks[1]
        if not self._closing:
            if self.about:
                crashes.died(self.about)
            system.end_group(process.pid)
        self._fail(ChildDied(self.worker, code, self.stderr))
        if process.stdin is not None:
            process.stdin.close()

    async def _overhear(self) -> None:
        process = self._process
        assert process is not None and process.stderr is not None
        while True:
            part = await process.stderr.read(1 << 14)
            if not part:
                return
            for line in part.decode("utf-8", "replace").splitlines():
                if line.strip():
                    self._stderr.append(line[:2000])

    async def _watch(self) -> None:
        process, last_look = self._process, time.monotonic()
        # No longer than its process: a later one has a watcher of its own, and the number may be somebody else's by then.
        while process is not None and process.returncode is None:
            await asyncio.sleep(1.0)
            now = time.monotonic()
            if now - last_look > 5.0:  # we were asleep ourselves (suspended, starved): give the child its time again
                self._heard = now
            last_look = now
            if now - self._heard > SILENCE_SECONDS and process.returncode is None and self._process is process:
                self._fail(ChildHung(self.worker, now - self._heard))
                system.end_group(process.pid)
                return


def cancelled(error: WorkFailed) -> bool:
    """True when the child stopped because it was told to."""
    return error.reason == CANCELLED
