"""Chats out into a file and back: loss-less, streamed, taken as far as a file is whole, never twice.

What is exported with `Exchange.export` and imported into an empty home is the same again: every branch, mark, name, folder, summary,
vote, and (unless left out) what lies in the trash. Messages are known by their uid. Importing adds what is missing and changes nothing
that is there; a message that stands otherwise here is kept in both versions, side by side.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import json
import os
import shutil
import threading
import time
from collections.abc import Awaitable, Callable, Generator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, TypeVar

from localstory import __version__
from localstory.chats import exchange_rows, organising, store, votes
from localstory.chats.exchange_file import Archive, LeftOut, Record, open_archive, write_lines
from localstory.chats.exchange_rows import Scope
from localstory.chats.exchange_taking import Counted, Looking, Taking
from localstory.chats.exchange_text import ENDINGS, Form, as_markdown, as_text, as_tree, file_name
from localstory.chats.tree import ChatId, MessageId, Tree
from localstory.db import Database
from localstory.errors import BadRequest, CannotContinue, FileTrouble, Size
from localstory.events import Changed, Hub, Progress
from localstory.system import sync_folder, write_whole
from localstory.words import mark

T = TypeVar("T")
Report = Callable[[Progress], None]

EXPORTING = mark("Writing the chats")
LOOKING = mark("Looking at the file")
IMPORTING = mark("Taking in the chats")

ORIGIN = "import"

_LEAST, _MOST, _MOST_LETTERS = 500, 5_000, 8 << 20
"""Records of one transaction: a chat of up to some thousand messages is taken whole or not at all."""
_MOST_LISTED = 1_000
"""Things left out that are named one by one."""
_ROOM = 3
"""Bytes in the database for a byte of the unpacked file, with the index of search and the journal. A guess on the safe side, not measured."""


class NoRoom(CannotContinue):
    """The disk is too full for what a file holds."""

    code = "no_room"

    def __init__(self, need_bytes: int, free_bytes: int) -> None:
        super().__init__(
            title=mark("Not enough disk space"),
            detail=mark("The chats need about {need}; {free} are free."),
            hint=mark("Free some space, then import the file again."),
            need=Size(need_bytes),
            free=Size(free_bytes),
        )


@dataclass(frozen=True, slots=True)
class Exported:
    """A file that was written. Counts are of records by kind: chat, message, folder, tag, summary, vote."""

    path: Path
    size_bytes: int
    counts: dict[str, int]
    seconds: float


@dataclass(frozen=True, slots=True)
class Preview:
    """What an import of a file would do. Nothing was changed."""

    path: Path
    version: int
    program: str
    """The version of localstory that wrote it; "" when the file doesn't tell."""
    made_at: int | None
    """Milliseconds since 1970, UTC."""
    counted: Counted
    left_out: tuple[LeftOut, ...]
    left_out_count: int


@dataclass(frozen=True, slots=True)
class Imported:
    """What an import did."""

    counted: Counted
    new_chats: tuple[ChatId, ...]
    """For an undo: `Organiser.delete` takes them away again."""
    changed_chats: tuple[ChatId, ...]
    left_out: tuple[LeftOut, ...]
    left_out_count: int
    seconds: float


class Exchange:
    """Export and import for one home. All of it belongs to the loop; cancel the task to stop: a file that was not finished is none,
    and of an import stays what was taken so far (the same file once more takes the rest)."""

    def __init__(self, database: Database, hub: Hub, now: Callable[[], int] = lambda: int(time.time() * 1000)) -> None:
        self._database = database
        self._hub = hub
        self._now = now
        self.before_import: Callable[[], Awaitable[object]] | None = None
        """Done before anything is taken in: a copy of the day."""

    async def export(self, path: Path, scope: Scope | None = None, report: Report | None = None) -> Exported:
        """Write everything, or what `scope` says, into a file; one that is there is replaced when the new one is whole.

        It is of one moment, whatever is written meanwhile. Raises FileTrouble (no place, no right, disk full), DatabaseTrouble.
        """
        began, what = time.monotonic(), scope or Scope()
        counts = await _in_thread(lambda stop, tell: self._export(path, what, stop, tell), report)
        return Exported(path, path.stat().st_size, counts, time.monotonic() - began)

    def _export(self, path: Path, scope: Scope, stop: threading.Event, tell: Report) -> dict[str, int]:
        part = path.with_name(f".{path.name[:80]}.{os.getpid()}.part")
        about = {"program": __version__, "made_at": self._now(), "whole": scope.is_whole, "trash": scope.trash}

        def work(connection: Any) -> dict[str, int]:
            connection.execute("BEGIN")
            try:
                whole = exchange_rows.counts(connection, scope)

                def heard(count: int) -> None:
                    if stop.is_set():
                        raise _Stopped
                    tell(Progress(EXPORTING, min(count, whole), whole))

                with open(part, "wb") as file:
                    counts = write_lines(file, exchange_rows.records(connection, scope), about, heard)
                    file.flush()
                    os.fsync(file.fileno())
                return counts
            finally:
                connection.execute("ROLLBACK")

        try:
            if path.exists() and not path.is_file():
                raise OSError(errno.EISDIR, os.strerror(errno.EISDIR) if path.is_dir() else os.strerror(errno.ENODEV))
            counts = self._database.read(work)
            part.replace(path)
            sync_folder(path.parent)
        except OSError as error:
            raise _not_written(path, error) from error
        finally:
            with contextlib.suppress(OSError):
                part.unlink()
        return counts

    async def export_readable(self, path: Path, chats: Sequence[ChatId], form: Form, tip: MessageId | None = None, report: Report | None = None) -> list[Path]:
        """Write chats to be read: one into the file `path`; several into the folder `path`, a file of its own for each, over none
        that is there. Markdown and text hold the shown branch (of one chat: the one that ends at `tip`), "json" all of them. Who
        wrote the answers of a blind vote that is open is not told. Returns the files. Raises FileTrouble, DatabaseTrouble.
        """

        def work(stop: threading.Event, tell: Report) -> list[Path]:
            made: list[Path] = []
            try:
                if len(chats) != 1:
                    path.mkdir(parents=True, exist_ok=True)
                taken = {one.name for one in path.iterdir()} if len(chats) != 1 else set()
                for number, chat in enumerate(chats):
                    if stop.is_set():
                        raise _Stopped
                    tell(Progress(EXPORTING, number, len(chats)))
                    title, text = self._database.read(lambda connection, chat=chat: _readable(connection, chat, form, tip))  # type: ignore[misc]
                    file = path if len(chats) == 1 else path / file_name(title, ENDINGS[form], taken)
                    taken.add(file.name)
                    write_whole(file, text.encode("utf-8"))
                    made.append(file)
            except OSError as error:
                raise _not_written(path, error) from error
            return made

        return await _in_thread(work, report)

    async def preview(self, path: Path, report: Report | None = None) -> Preview:
        """What `take` would do with a file; reads all of it. Raises NotAnExport, NewerExport, UnsafeFile, FileTrouble."""

        def work(stop: threading.Event, tell: Report) -> Preview:
            looking, portions = Looking(), _Portions()
            with contextlib.closing(open_archive(path)) as archive:
                for portion in portions.of(archive, LOOKING, stop, tell):
                    self._database.read(lambda connection, portion=portion: looking.look(connection, portion))  # type: ignore[misc]
            looking.end()
            said = archive.manifest
            made_at = said.get("made_at")
            everything = [*portions.left_out, *looking.left_out]
            return Preview(
                path, said.get("version", 1), str(said.get("program", "")), made_at if isinstance(made_at, int) else None, looking.counted,
                tuple(everything[:_MOST_LISTED]), portions.left_out_count + len(looking.left_out),
            )  # fmt: skip

        return await _in_thread(work, report)

    async def take(self, path: Path, report: Report | None = None) -> Imported:
        """Import a file: add what is not here. A portion at a time, each whole or not at all.

        Raises NotAnExport, NewerExport, UnsafeFile, NoRoom, FileTrouble, DatabaseTrouble.
        """
        began = time.monotonic()
        with contextlib.closing(await asyncio.to_thread(open_archive, path)) as archive:
            return await self._take(archive, report, began)

    async def _take(self, archive: Archive, report: Report | None, began: float) -> Imported:
        free = shutil.disk_usage(self._database.path.parent).free
        if archive.size_bytes * _ROOM > free:
            raise NoRoom(archive.size_bytes * _ROOM, free)
        if self.before_import is not None:
            await self.before_import()
        taking = await self._database.write(lambda connection: Taking(connection, self._now()))
        portions = _Portions()
        running: list[Generator[list[tuple[str, Record]]]] = []

        def following(stop: threading.Event, tell: Report) -> list[tuple[str, Record]] | None:
            if not running:
                running.append(portions.of(archive, IMPORTING, stop, tell))
            return next(running[0], None)

        stop = threading.Event()
        try:
            while (portion := await _in_thread(following, report, stop)) is not None:
                await self._database.write(lambda connection, portion=portion: taking.take(connection, portion))  # type: ignore[misc]
            await self._database.write(taking.end)
        finally:
            for one in running:
                one.close()
            # Also when it ends early: what was taken is there.
            counted = taking.counted
            if counted.folders:
                self._hub.publish(Changed("folders", (), ORIGIN))
            if counted.chats or counted.messages or counted.folders:
                self._hub.publish(Changed("chats", (*taking.new_chats, *taking.changed_chats), ORIGIN))
        everything = [*portions.left_out, *taking.left_out]
        return Imported(
            counted, tuple(taking.new_chats), tuple(taking.changed_chats), tuple(everything[:_MOST_LISTED]),
            portions.left_out_count + len(taking.left_out), time.monotonic() - began,
        )  # fmt: skip


def as_told(what: Exported | Preview | Imported) -> dict[str, Any]:
    """The same as plain values, for `--json`."""
    return {name: str(value) if isinstance(value, Path) else value for name, value in asdict(what).items()}


def _not_written(path: Path, error: OSError) -> FileTrouble:
    reason = error.strerror or str(error)
    return FileTrouble(title=mark("The chats could not be written there"), detail=mark("{path}: {reason}."), path=str(path), reason=reason)


def _readable(connection: Any, chat: ChatId, form: Form, tip: MessageId | None) -> tuple[str, str]:
    """(title, the whole text)"""
    here = store.chat(connection, chat)
    if here is None:
        raise BadRequest(title=mark("This chat is gone"))
    tree = Tree(votes.without_names(store.messages(connection, chat), votes.hidden(connection, chat)))
    if form == "json":
        told = as_tree(here, tree, organising.branch_names(connection, chat), organising.tags_of(connection, chat))
        return here.title, json.dumps(told, ensure_ascii=False, indent=1) + "\n"
    path = tree.path(tip if tip is not None else here.tip_id)
    return here.title, (as_markdown if form == "markdown" else as_text)(here, path)


class _Stopped(Exception):
    """The task was cancelled."""


class _Portions:
    """The records of a file in portions that end between two chats where they can."""

    def __init__(self) -> None:
        self.left_out: list[LeftOut] = []
        self.left_out_count = 0

    def of(self, archive: Archive, stage: str, stop: threading.Event, tell: Report) -> Generator[list[tuple[str, Record]]]:
        whole, gone = max(1, archive.size_bytes), 0

        def read(so_far: int) -> None:
            nonlocal gone
            gone = so_far

        some: list[tuple[str, Record]] = []
        letters = 0
        for number, one in enumerate(archive.records(read)):
            if number % 256 == 0:
                if stop.is_set():
                    raise _Stopped
                tell(Progress(stage, min(gone, whole), whole))
            if isinstance(one, LeftOut):
                self.left_out_count += 1
                if len(self.left_out) < _MOST_LISTED:
                    self.left_out.append(one)
                continue
            kind, record = one
            if (kind == "chat" and len(some) >= _LEAST) or len(some) >= _MOST or letters > _MOST_LETTERS:
                yield some
                some, letters = [], 0
            some.append(one)
            letters += len(record["text"]) if isinstance(record.get("text"), str) else 0
        if some:
            yield some


async def _in_thread(work: Callable[[threading.Event, Report], T], report: Report | None, stop: threading.Event | None = None) -> T:
    """Do slow work in a thread; a cancelled task ends it, and waits for its end."""
    loop, ends = asyncio.get_running_loop(), stop or threading.Event()

    def tell(progress: Progress) -> None:
        if report is not None:
            loop.call_soon_threadsafe(report, progress)

    running = asyncio.ensure_future(asyncio.to_thread(work, ends, tell))
    try:
        return await asyncio.shield(running)
    except asyncio.CancelledError:
        ends.set()
        await asyncio.wait([running])
        if not running.cancelled():
            running.exception()  # _Stopped, or what came of it: nobody waits for it any more
        raise
