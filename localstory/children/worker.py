"""What runs inside a child: reads messages, does one thing at a time, answers. No engine here: see engines/*/…_worker.py.

To add a worker: 1. a module with a class that has `facts()` and `run(op, args, job)`; 2. `def main(): serve(MyWorker)`
at its end; 3. its name in `engines/registry.py`.
"""

from __future__ import annotations

import json
import os
import queue
import shutil
import sys
import threading
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

from localstory import system
from localstory.children.protocol import CANCELLED, BadLine, Message, decode, encode

ALIVE_SECONDS = 1.0


class Refused(Exception):
    """The worker can't do what was asked, for a reason a person can understand: a `code` and its values.

    The engine on the other side turns the code into words.
    """

    def __init__(self, code: str, **values: object) -> None:
        super().__init__(f"{code} {values}")
        self.code = code
        self.values = values


class Cancelled(Exception):
    """Raised by `Job.check` after the other side asked to stop."""


class Job:
    """One load or run, as the worker sees it."""

    def __init__(self, id: int, folder: Path, send: Callable[[Message], None]) -> None:
        self.id = id
        self.folder = folder
        self._send = send
        self._cancelled = threading.Event()

    @property
    def cancelled(self) -> bool:
        """True once the other side asked to stop; cheap enough for a callback from native code."""
        return self._cancelled.is_set()

    def check(self) -> None:
        """Raise Cancelled if the other side asked to stop."""
        if self._cancelled.is_set():
            raise Cancelled

    def progress(self, stage: str, done: float, of: float, note: str = "") -> None:
        """Report how far the stage is; the fields are those of `events.Progress`."""
        self._send({"type": "progress", "id": self.id, "stage": stage, "done": done, "of": of, "note": note})

    def piece(self, **fields: object) -> None:
        """Send a part of the result, like the next words."""
        self._send({"type": "piece", "id": self.id, **fields})


class Worker(Protocol):
    """An engine inside its child. Methods run on the main thread, one at a time."""

    def facts(self) -> dict[str, object]:
        """What this worker is (library, version, devices): sent once with `ready`."""

    def run(self, op: str, args: dict[str, Any], job: Job) -> dict[str, object]:
        """Do `op` ("load" or another the worker knows) and return the result. Raises Refused or Cancelled."""


QUIET_SECONDS = 10.0
"""A worker with a method `quiet(stop)` gets it called once this long after its last work; it ends soon after `stop()` says so."""
CLOSING_SECONDS = 3.0
"""A worker with a method `closing(stop)` has so long to bring things home before the child ends."""


class _Line:
    """The private copy of fd 1, one message at a time. Native code that prints to fd 1 ends up on stderr."""

    def __init__(self) -> None:
        self._fd = os.dup(1)
        os.dup2(2, 1)
        self._lock = threading.Lock()
        self.folder = Path()
        self.broken: Callable[[], None] = system.end_own_group
        """Nobody reads us any more."""

    def send(self, message: Message) -> None:
        line = encode(message, self.folder, "result")
        with self._lock:
            try:
                while line:
                    line = line[os.write(self._fd, line) :]
            except OSError:
                self.broken()


def serve(make_worker: Callable[[], Worker], *, is_polite: bool = True) -> None:
    """Speak the protocol on stdin and stdout until `close`, or until stdin ends: then the parent is gone, and so are we.

    `is_polite`: leave the processor to others first. Not for what measures it, and is done in a second.
    """
    system.settle_as_worker(is_polite=is_polite)
    line = _Line()
    start_folder = line.folder
    worker: Worker | None = None
    jobs: dict[int, Job] = {}
    lock = threading.Lock()
    todo: queue.SimpleQueue[Message | None] = queue.SimpleQueue()

    ending = threading.Event()

    def parent_gone() -> None:
        """End, at once or when the worker has brought home what it has. Called from any thread, more than once."""
        if worker is None or not hasattr(worker, "closing"):
            if line.folder != start_folder:
                shutil.rmtree(line.folder, ignore_errors=True)
            system.end_own_group()
        if not ending.is_set():
            ending.set()
            with lock:
                for job in jobs.values():
                    job._cancelled.set()
            todo.put(None)
            # Whatever the main thread is doing: it does not outlive this.
            threading.Timer(CLOSING_SECONDS + 1.0, system.end_own_group).start()

    line.broken = parent_gone

    def read() -> None:
        # os.read, not sys.stdin: a frozen program without a console has no sys.stdin.
        waiting = b""
        while True:
            try:
                part = os.read(0, 1 << 16)
            except OSError:
                part = b""
            if not part:
                parent_gone()
                return
            *whole, waiting = (waiting + part).split(b"\n")
            for text in whole:
                try:
                    message = decode(text, line.folder, "args")
                except BadLine as error:
                    print(f"ignored a line: {error}", file=sys.stderr, flush=True)
                    continue
                kind = message["type"]
                if kind == "hello":
                    line.folder = Path(str(message.get("folder", ".")))
                    todo.put(message)
                elif kind in ("load", "run") and isinstance(message.get("id"), int):
                    with lock:
                        jobs[message["id"]] = Job(message["id"], line.folder, line.send)
                    todo.put(message)
                elif kind == "cancel":
                    with lock:
                        job = jobs.get(message.get("id", -1))
                    if job is not None:
                        job._cancelled.set()
                elif kind == "close":
                    with lock:
                        for job in jobs.values():
                            job._cancelled.set()
                    todo.put(None)

    def tell_alive() -> None:
        while True:
            time.sleep(ALIVE_SECONDS)
            line.send({"type": "alive"})

    threading.Thread(target=read, name="reader", daemon=True).start()
    threading.Thread(target=tell_alive, name="alive", daemon=True).start()

    while (message := _next(todo, worker)) is not None:
        if message["type"] == "hello":
            worker = worker or make_worker()
            line.send({"type": "ready", "facts": worker.facts()})
            continue
        job = jobs[message["id"]]
        op = "load" if message["type"] == "load" else str(message.get("op", ""))
        end: Message
        try:
            job.check()
            if worker is None:
                raise Refused("no_hello")
            end = {"type": "done", "id": job.id, "result": worker.run(op, message.get("args") or {}, job)}
        except Cancelled:
            end = {"type": "failed", "id": job.id, "code": CANCELLED, "values": {}}
        except Refused as refusal:
            end = {"type": "failed", "id": job.id, "code": refusal.code, "values": _plain(refusal.values)}
        except MemoryError:
            end = {"type": "failed", "id": job.id, "code": "out_of_memory", "values": {}}
        except OSError as error:
            # A full disk or a folder that can't be written is the world's doing, not a bug.
            values = {"reason": error.strerror or str(error), "path": str(error.filename or ""), "errno": error.errno}
            end = {"type": "failed", "id": job.id, "code": "file_trouble", "values": values}
        with lock:
            del jobs[job.id]
        line.send(end)
    closing = getattr(worker, "closing", None)
    if closing is not None:
        until = time.monotonic() + CLOSING_SECONDS
        try:
            closing(lambda: time.monotonic() > until)
        except Exception:
            traceback.print_exc()
    if ending.is_set():
        if line.folder != start_folder:
            shutil.rmtree(line.folder, ignore_errors=True)
        system.end_own_group()
    os._exit(0)


def _next(todo: queue.SimpleQueue[Message | None], worker: Worker | None) -> Message | None:
    """The next message; a worker that has something to do in quiet moments does it meanwhile."""
    quiet = getattr(worker, "quiet", None)
    if quiet is None:
        return todo.get()
    try:
        return todo.get(timeout=QUIET_SECONDS)
    except queue.Empty:
        try:
            quiet(lambda: not todo.empty())
        except Exception:
            traceback.print_exc()
        return todo.get()


def _plain(values: dict[str, object]) -> dict[str, object]:
    plain: dict[str, object] = json.loads(json.dumps(values, default=str))
    return plain
