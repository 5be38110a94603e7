"""Engine packs: other builds of the same llama.cpp, for graphics cards or older processors, beside the portable one.

A pack is a folder `<home>/engines/<name>` with the package `llama_cpp` and a `pack.json`. A child takes it instead of the
installed package (`children.library`). Which pack a model runs on stands in the settings; the portable build is always there,
and is what runs when a chosen pack can't. Adding and removing: `pack_shelf`.
"""

from __future__ import annotations

import hashlib
import json
import platform
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from localstory.children.library import PACKAGE, package_version
from localstory.errors import CannotContinue
from localstory.settings import Settings
from localstory.words import mark

WRITTEN_FOR = "0.3.36"
"""The llama-cpp-python whose low-level calls our workers make. Structs change from one version to the next: another one is refused."""
BUILTIN = "builtin"
"""The installed portable build, where the name of a pack is expected."""
DESCRIPTION = "pack.json"
_FORMAT = 1
_LIMIT_BYTES = 1 << 20
_NAME = re.compile(r"[^\W_](?:[\w .+-]{0,38}[\w+])?")
_RESERVED = frozenset({BUILTIN, "con", "prn", "aux", "nul", *(f"{port}{number}" for port in ("com", "lpt") for number in range(10))})

SYSTEMS = {"linux": "linux", "darwin": "macos", "win32": "windows"}
_ARCH = {"AMD64": "x86_64", "arm64": "aarch64", "ARM64": "aarch64"}
BACKENDS = {"cuda": "cuda", "vulkan": "vulkan", "hip": "rocm", "metal": "metal", "sycl": "sycl"}
"""Part of a library's name (libggml-cuda.so) -> what it is for."""


class PackRefused(CannotContinue):
    """This pack can't be used: the detail says why."""

    code = "pack_refused"

    def __init__(self, name: str, detail: str, **values: object) -> None:
        super().__init__(
            title=mark("The engine pack “{pack}” can't be used"),
            detail=detail,
            hint=mark("Add a pack that was built for this computer and this version of localstory."),
            pack=name,
            **values,
        )
        self.name = name


class NoSuchPack(CannotContinue):
    """No pack of this name is here."""

    code = "no_such_pack"

    def __init__(self, name: str) -> None:
        super().__init__(
            title=mark("There is no engine pack “{pack}”"),
            detail=mark("It was removed, or never added."),
            hint=mark("See what is here with: {command}"),
            pack=name,
            command="localstory engines list",
        )
        self.name = name


@dataclass(frozen=True, slots=True)
class Library:
    """A native library of a pack, as it was when it was added."""

    file: str
    """Its place in the pack's folder, with "/"."""
    size_bytes: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Pack:
    """A build of llama.cpp in a folder."""

    name: str
    folder: Path
    version: str
    """Of llama-cpp-python."""
    backend: str
    """"cpu", "cuda", "vulkan", "rocm", "metal", "sycl"."""
    os: str
    arch: str
    libraries: tuple[Library, ...]
    licence: str
    system_info: str
    """What it was built with, as ggml says it ("CPU : SSE3 = 1 | …")."""

    def as_json(self) -> dict[str, Any]:
        """The content of `pack.json`."""
        return {
            "format": _FORMAT, "name": self.name, "version": self.version, "backend": self.backend, "os": self.os, "arch": self.arch,
            "licence": self.licence, "system_info": self.system_info,
            "libraries": [{"file": one.file, "size_bytes": one.size_bytes, "sha256": one.sha256} for one in self.libraries],
        }  # fmt: skip


def this_system() -> tuple[str, str]:
    """This computer's ("linux", "x86_64")."""
    machine = platform.machine()
    return SYSTEMS.get(sys.platform, sys.platform), _ARCH.get(machine, machine)


def is_name(name: str) -> bool:
    """Whether a pack may have this name: it becomes a folder's, on every system. Letters of any language are fine."""
    return _NAME.fullmatch(name) is not None and name.split(".")[0].strip().casefold() not in _RESERVED


def read_pack(folder: Path) -> Pack:
    """What `pack.json` says. Raises NoSuchPack, and PackRefused when it makes no sense."""
    name = folder.name
    try:
        with open(folder / DESCRIPTION, "rb") as file:
            raw = file.read(_LIMIT_BYTES + 1)
        if len(raw) > _LIMIT_BYTES:
            raise ValueError("too large")
        told = json.loads(raw.decode("utf-8"))
        libraries = tuple(Library(str(row["file"]), int(row["size_bytes"]), str(row["sha256"])) for row in told["libraries"])
        words = [told[field] for field in ("version", "backend", "os", "arch")] + [told.get("licence", ""), told.get("system_info", "")]
        if told["format"] != _FORMAT or not libraries or not all(isinstance(word, str) and word.isprintable() for word in words):
            raise ValueError("unknown")
        if any(Path(one.file).is_absolute() or ".." in Path(one.file).parts for one in libraries):
            raise ValueError("outside")
    except (FileNotFoundError, NotADirectoryError) as error:
        if folder.is_dir():
            raise PackRefused(name, mark("Its description, {file}, is missing."), file=DESCRIPTION) from error
        raise NoSuchPack(name) from error
    except OSError as error:
        raise PackRefused(name, mark("Its description, {file}, can't be read: {reason}."), file=DESCRIPTION, reason=error.strerror or str(error)) from error
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise PackRefused(name, mark("Its description, {file}, is damaged."), file=DESCRIPTION) from error
    version, backend, os, arch, licence, system_info = words
    return Pack(name, folder, version, backend, os, arch, libraries, licence, system_info)


def check_pack(pack: Pack, *, whole: bool = False) -> None:
    """Raise PackRefused when the pack is not for this computer or this program, or not as it was added. A millisecond;
    `whole` reads the libraries and compares their hashes."""
    own = this_system()
    if (pack.os, pack.arch) != own:
        raise wrong_system(pack.name, (pack.os, pack.arch))
    check_version(pack.name, pack.version)
    check_version(pack.name, package_version(pack.folder))
    for library in pack.libraries:
        path = pack.folder / library.file
        try:
            sound = path.stat().st_size == library.size_bytes and (not whole or sha256_of(path) == library.sha256)
        except OSError as error:
            raise PackRefused(pack.name, mark("{file} can't be read: {reason}."), file=library.file, reason=error.strerror or str(error)) from error
        if not sound:
            raise PackRefused(pack.name, mark("{file} is not the file that was added."), file=library.file)


def check_version(name: str, version: str) -> None:
    """Raise PackRefused unless this is the version of llama-cpp-python that our workers were written for."""
    if not version:
        raise PackRefused(name, mark("It has no package {package}."), package=PACKAGE)
    if version.split("+")[0] != WRITTEN_FOR:  # "0.3.36+cu124" is the same with other libraries
        raise PackRefused(name, mark("It is llama-cpp-python {version}; this localstory works with {wanted} alone."), version=version, wanted=WRITTEN_FOR)


def wrong_system(name: str, built_for: tuple[str, str]) -> PackRefused:
    """It was built for another system or processor."""
    return PackRefused(name, mark("It was built for {theirs}; this computer is {ours}."), theirs=" ".join(built_for), ours=" ".join(this_system()))


def sha256_of(path: Path) -> str:
    """Hexadecimal. Raises OSError."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def open_pack(engines: Path, name: str) -> Pack:
    """The pack `name` in the folder of packs, checked. Raises NoSuchPack, PackRefused."""
    if not is_name(name):
        raise NoSuchPack(name)
    pack = read_pack(engines / name)
    check_pack(pack)
    return pack


def pack_names(engines: Path) -> list[str]:
    """Every pack that is here, sound or not, by name. What is half added or half removed has no name yet, or none any more."""
    try:
        return sorted(place.name for place in engines.iterdir() if place.is_dir() and is_name(place.name))
    except OSError:
        return []


def sound_packs(engines: Path) -> Iterator[Pack]:
    """The packs that can be used, by name."""
    for name in pack_names(engines):
        try:
            yield open_pack(engines, name)
        except CannotContinue:
            continue


# -- the choice -------------------------------------------------------------------------------------------------------


def chosen_name(settings: Settings, model: Path | None) -> str:
    """Which pack a model runs on: its own choice, else the default for all; "" is the portable build."""
    own = settings.engine_packs.get(str(model.absolute())) if model is not None else None
    name = settings.engine_pack if own is None else own
    return "" if name == BUILTIN else name


def chosen_pack(engines: Path, settings: Settings, model: Path | None) -> Pack | None:
    """The chosen pack, None for the portable build. Raises NoSuchPack, PackRefused: then the portable build runs, and says so."""
    name = chosen_name(settings, model)
    return open_pack(engines, name) if name else None


def backends_of(package: Path) -> tuple[str, ...]:
    """What the build in the folder of the package can use beside the processor, told by its libraries."""
    names = [path.name for path in (package / "lib").glob("*ggml-*")]
    return tuple(word for part, word in BACKENDS.items() if any(f"ggml-{part}." in name for name in names))
