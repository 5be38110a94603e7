"""Adding engine packs to the home folder and taking them away: whole or not at all, and never one that doesn't answer."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
import os
import shutil
import stat
import struct
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from email.parser import HeaderParser
from functools import partial
from pathlib import Path, PurePosixPath
from typing import IO, Any

from localstory.children.host import WorkFailed
from localstory.children.last_words import ChildDied, ChildHung
from localstory.children.library import PACKAGE, package_version
from localstory.engines import packs
from localstory.engines.packs import DESCRIPTION, Library, NoSuchPack, Pack, PackRefused, is_name, wrong_system
from localstory.engines.text.devices import BuildAnswer, ask_build
from localstory.errors import BadRequest, FileTrouble, NotInstalled
from localstory.events import Progress
from localstory.hardware.machine import EngineDevice
from localstory.system import sync_folder, write_whole
from localstory.words import mark, tell

_MOST_BYTES = 8 << 30
"""A build for CUDA with its libraries takes 1 to 2 GB."""
_MOST_FILES = 5000
_PIECE_BYTES = 1 << 20
_LIBRARY = (".so", ".dylib", ".dll")
_INCOMING = ".incoming.part"
_BAD_ACCESS = frozenset({-7, -10, -11, 135, 138, 139, 0xC0000005, 0xC0000006})
"""Bus error and segmentation fault, on Linux, macOS and Windows."""

_Report = Callable[[Progress], None]
_Files = Iterator[tuple[PurePosixPath, int, Callable[[], IO[bytes]]]]
"""Place in the pack, size in bytes, and how to open it."""


@dataclass(frozen=True, slots=True)
class Added:
    """A pack that is here now, and what it sees."""

    pack: Pack
    devices: tuple[EngineDevice, ...]


async def add_pack(source: Path, engines: Path, *, name: str = "", report: _Report = lambda _progress: None) -> Added:
    """Take the pack in a folder, or in a wheel of llama-cpp-python, into the folder of packs. Needs the home's lock.

    `name`: else the one in its `pack.json`, else what it is for ("cpu", "cuda"). It is copied beside its place, asked for its
    devices in a child, and gets its name last; cancelled or refused, nothing of it stays.
    Raises BadRequest (a name that can't be one, or is taken), PackRefused, FileTrouble.
    """
    part = engines / _INCOMING
    shown = name or source.stem or str(source)
    if name:
        _check_name(name, engines)  # before a gigabyte is copied
    try:
        await _in_thread(lambda stopped: _take(source, part, shown, report, stopped))
        pack = await asyncio.to_thread(_describe, part, name, shown)
        _check_name(pack.name, engines)
        packs.check_pack(pack)
        report(Progress(mark("Asking the engine pack for its devices")))
        answer = await _answer(pack)
        packs.check_version(pack.name, answer.version)
        pack = replace(pack, system_info=" ".join(answer.system_info.split())[:4000])
        placed = replace(pack, folder=engines / pack.name)
        await asyncio.to_thread(_settle, part, placed)
        return Added(placed, answer.devices)
    except OSError as error:
        raise _trouble(error, source) from error
    finally:
        await asyncio.to_thread(shutil.rmtree, part, True)


def remove_pack(engines: Path, name: str) -> None:
    """Take a pack away; a child that runs on it goes on until its end. Needs the home's lock. Raises NoSuchPack, FileTrouble."""
    if name not in packs.pack_names(engines):
        raise NoSuchPack(name)
    gone = engines / f".{name}.gone"
    try:
        shutil.rmtree(gone, ignore_errors=True)
        (engines / name).rename(gone)  # at once: a half removed pack would be a broken one
        sync_folder(engines)
    except OSError as error:
        raise _trouble(error, engines / name) from error
    shutil.rmtree(gone, ignore_errors=True)


def sweep(engines: Path) -> None:
    """Clear away what a crash left half added or half removed. Needs the home's lock."""
    if engines.is_dir():
        for left in engines.iterdir():
            if left.name.startswith(".") and left.suffix in (".part", ".gone"):
                shutil.rmtree(left, ignore_errors=True)


async def _in_thread(work: Callable[[Callable[[], bool]], None]) -> None:
    """A thread can't be cancelled: it is told to stop, and its end is waited for."""
    stopped = False
    running = asyncio.ensure_future(asyncio.to_thread(work, lambda: stopped))
    try:
        await asyncio.shield(running)
    except asyncio.CancelledError:
        stopped = True
        running.add_done_callback(lambda ended: ended.cancelled() or ended.exception())
        await asyncio.wait([running])
        raise


async def _answer(pack: Pack) -> BuildAnswer:
    """What the pack says in a child of its own. Raises PackRefused with the reason when it says nothing, or dies."""
    try:
        return await ask_build(pack.folder)
    except NotInstalled as missing:
        raise PackRefused(pack.name, mark("It could not be loaded: {why}."), why=str(missing.values.get("why", ""))) from missing
    except (ChildDied, ChildHung, WorkFailed) as death:
        if isinstance(death, ChildDied) and death.exit_code in _BAD_ACCESS:  # its usual words speak of a model's file
            raise PackRefused(pack.name, mark("It crashed when it was asked for its devices: a file of it may be cut or damaged.")) from death
        raise PackRefused(pack.name, mark("It stopped when it was asked for its devices. {why}"), why=tell(death).detail) from death
    except TimeoutError as error:
        raise PackRefused(pack.name, mark("It did not answer when it was asked for its devices.")) from error


def _check_name(name: str, engines: Path) -> None:
    if not is_name(name):
        raise BadRequest(
            title=mark("A pack can't be called “{name}”"),
            detail=mark("A name has up to 40 letters, digits, spaces, dots and dashes, and begins with a letter or digit."),
            hint=mark("Give it another one with --name."),
            name=name[:60],
        )
    if any(other.casefold() == name.casefold() for other in packs.pack_names(engines)):
        raise BadRequest(
            title=mark("There is already an engine pack “{name}”"), hint=mark("Remove it first, or give this one another name with --name."), name=name
        )


# -- copying ----------------------------------------------------------------------------------------------------------


def _take(source: Path, part: Path, name: str, report: _Report, stopped: Callable[[], bool]) -> None:
    """What belongs to a pack, from the folder or wheel into `part`. Raises PackRefused, OSError."""
    part.parent.mkdir(parents=True, exist_ok=True)
    shutil.rmtree(part, ignore_errors=True)
    if source.is_dir():
        root = source.parent if source.name == PACKAGE and not (source / PACKAGE).is_dir() else source
        packs.check_version(name, package_version(root))
        _copy(list(_in_folder(root, name)), part, name, report, stopped)
        return
    try:
        with zipfile.ZipFile(source) as wheel:
            _copy(list(_in_wheel(wheel, name)), part, name, report, stopped)
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError) as error:
        raise PackRefused(name, mark("{file} is neither a folder nor a wheel."), file=source.name) from error


def _wanted(place: PurePosixPath) -> bool:
    """The package without its server, the description, and what tells the licence."""
    if place.parts[0] == PACKAGE:
        return len(place.parts) > 1 and place.parts[1] != "server" and "__pycache__" not in place.parts
    is_about = place.parts[0].startswith("llama_cpp_python-") and place.parts[0].endswith(".dist-info")
    return str(place) == DESCRIPTION or (is_about and (place.name == "METADATA" or "LICEN" in place.name.upper()))


def _in_folder(root: Path, name: str) -> _Files:
    inside = root.resolve()
    for path in sorted([*(root / PACKAGE).rglob("*"), *root.glob("*.dist-info/**/*"), *root.glob(DESCRIPTION)]):
        place = PurePosixPath(path.relative_to(root).as_posix())
        if not _wanted(place):
            continue
        real = path.resolve()
        if not real.is_relative_to(inside):
            raise PackRefused(name, mark("{file} leads out of the pack's folder."), file=str(place))
        about = real.stat()
        if stat.S_ISREG(about.st_mode):
            yield place, about.st_size, partial(_open, real)


def _open(path: Path) -> IO[bytes]:
    return open(path, "rb")


def _in_wheel(wheel: zipfile.ZipFile, name: str) -> _Files:
    for entry in wheel.infolist():
        place = PurePosixPath(entry.filename)
        if entry.is_dir() or not place.parts:
            continue
        if place.is_absolute() or ".." in place.parts or "\\" in entry.filename or ":" in entry.filename:
            raise PackRefused(name, mark("{file} leads out of the pack's folder."), file=entry.filename[:80])
        if _wanted(place) and not stat.S_ISLNK(entry.external_attr >> 16):
            yield place, entry.file_size, partial(wheel.open, entry)


def _copy(files: list[tuple[PurePosixPath, int, Callable[[], IO[bytes]]]], part: Path, name: str, report: _Report, stopped: Callable[[], bool]) -> None:
    whole, done = sum(size for _place, size, _open in files), 0
    if whole > _MOST_BYTES or len(files) > _MOST_FILES:
        raise PackRefused(name, mark("It is far larger than an engine is."))
    seen: dict[str, Path] = {}
    for place, size, opened in files:
        target = part.joinpath(*place.parts)
        target.parent.mkdir(parents=True, exist_ok=True)
        digest, left = hashlib.sha256(), size
        with opened() as source, open(target, "xb") as copy:
            while piece := source.read(min(_PIECE_BYTES, left + 1)):
                if stopped():
                    return
                left -= len(piece)
                if left < 0:  # a wheel that lies about its sizes
                    raise PackRefused(name, mark("It is far larger than an engine is."))
                digest.update(piece)
                copy.write(piece)
                done += len(piece)
                report(Progress(mark("Copying the engine pack"), done, whole))
            copy.flush()
            os.fsync(copy.fileno())
        twin = seen.setdefault(digest.hexdigest(), target)
        if twin is not target and size > _PIECE_BYTES:
            # Builds hold each library under three names; one file with three names takes a third of the room.
            with contextlib.suppress(OSError):
                link = target.with_name(f".{target.name}.link")
                os.link(twin, link)
                link.replace(target)


# -- describing -------------------------------------------------------------------------------------------------------


def _describe(part: Path, name: str, shown: str) -> Pack:
    """The pack as it lies there, by its own files: what a `pack.json` claims counts for its name and licence alone. Raises PackRefused."""
    packs.check_version(shown, package_version(part))
    libraries = []
    built_for: set[tuple[str, str]] = set()
    for path in sorted((part / PACKAGE).rglob("*")):
        if path.is_file() and any(end in path.suffixes for end in _LIBRARY):
            libraries.append(Library(path.relative_to(part).as_posix(), path.stat().st_size, packs.sha256_of(path)))
            built_for.add(_built_for(path))
    if not any(Path(library.file).name.removeprefix("lib").startswith("llama.") for library in libraries):
        raise PackRefused(shown, mark("It has no library of llama.cpp."))
    for system in sorted(built_for):
        if system != packs.this_system():
            raise wrong_system(shown, system)
    told = _told(part)
    backends = packs.backends_of(part / PACKAGE)
    licence = told.get("licence") if isinstance(told.get("licence"), str) else _licence(part)
    chosen = name or (str(told["name"]) if isinstance(told.get("name"), str) else "") or (backends or ("cpu",))[0]
    system = packs.this_system()
    return Pack(chosen, part, package_version(part), (backends or ("cpu",))[0], *system, tuple(libraries), _line(licence), "")


def _told(part: Path) -> dict[str, Any]:
    try:
        told = json.loads((part / DESCRIPTION).read_bytes()[: 1 << 20].decode("utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    return told if isinstance(told, dict) else {}


def _licence(part: Path) -> str:
    """As the package's metadata name it; "" when they don't."""
    for file in part.glob("*.dist-info/METADATA"):
        about = HeaderParser().parsestr(file.read_text("utf-8", "replace"))
        found = about.get("License-Expression") or about.get("License") or ""
        if found:
            return str(found)
    return ""


def _line(text: object) -> str:
    """One printable line of at most 200 letters: a licence field may hold the whole licence."""
    first = next((line.strip() for line in str(text or "").splitlines() if line.strip()), "")
    return "".join(letter for letter in first if letter.isprintable())[:200]


_ELF = {62: "x86_64", 183: "aarch64", 3: "i686", 40: "arm", 243: "riscv64"}  # e_machine (elf.h)
_MACH = {0x01000007: "x86_64", 0x0100000C: "aarch64"}  # cputype (mach/machine.h)
_PE = {0x8664: "x86_64", 0xAA64: "aarch64", 0x14C: "i686"}  # Machine (winnt.h)


def _built_for(path: Path) -> tuple[str, str]:
    """The system and processor of a native library, by its first bytes; ("?", "?") when it is none. One for several processors
    counts as for this one if it is among them. Raises OSError."""
    with open(path, "rb") as file:
        head = file.read(4096)
    try:
        if head[:4] == b"\x7fELF":
            (machine,) = struct.unpack_from("<H" if head[5] == 1 else ">H", head, 18)
            return "linux", _ELF.get(machine, "?")
        if head[:4] == b"\xcf\xfa\xed\xfe":
            return "macos", _MACH.get(struct.unpack_from("<I", head, 4)[0], "?")
        if head[:4] == b"\xca\xfe\xba\xbe":
            (count,) = struct.unpack_from(">I", head, 4)
            found = [_MACH.get(struct.unpack_from(">I", head, 8 + 20 * index)[0], "?") for index in range(min(count, 16))]
            own = packs.this_system()[1]
            return "macos", own if own in found else found[0]
        if head[:2] == b"MZ":
            (at,) = struct.unpack_from("<I", head, 0x3C)
            if head[at : at + 4] == b"PE\0\0":
                return "windows", _PE.get(struct.unpack_from("<H", head, at + 4)[0], "?")
    except (struct.error, IndexError):
        pass
    return "?", "?"


def _settle(part: Path, pack: Pack) -> None:
    """Give it its description and its name."""
    write_whole(part / DESCRIPTION, json.dumps(pack.as_json(), ensure_ascii=False, indent=1).encode())
    sync_folder(part)
    part.rename(pack.folder)
    sync_folder(pack.folder.parent)


def _trouble(error: OSError, path: Path) -> FileTrouble:
    return FileTrouble(
        title=mark("The engine pack can't be read or written"),
        detail=mark("{path}: {reason}."),
        path=str(error.filename or path),
        reason=error.strerror or str(error),
    )
