"""A machine in a file: what `localstory probe --json` printed, here or on another computer. People send such files around.

Strict: a wrong type, a negative size or a number that can't be stops the reading, and the error names the field. What is
missing is unknown; keys that we don't know belong to a newer version and are passed over.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar, get_args

from localstory.errors import CannotContinue, FileTrouble, Word, mark
from localstory.hardware.machine import Backend, Cpu, Disk, EngineDevice, Gpu, GpuUser, InstalledEngine, Machine, Memory

_MOST_BYTES = 1 << 53
"""Eight pebibytes: no machine has more, and JSON's numbers are exact up to here."""
_MOST_CORES = 1 << 16
_MOST_GBPS = 1e6
_LONGEST_TEXT = 4096
_LONGEST_LIST = 1024
_LARGEST_FILE_BYTES = 1 << 20

_One = TypeVar("_One")


class BadMachine(CannotContinue):
    """A saved machine that can't be right."""

    code = "bad_machine"

    def __init__(self, field: str, why: str) -> None:
        super().__init__(
            title=mark("This is not a saved computer"),
            detail=mark("The field {field}: {why}"),
            hint=mark("Make such a file with: localstory probe --measure --json"),
            field=field or mark("(the whole file)"),
            why=Word(why),
        )


def read_machine(path: Path) -> Machine:
    """The machine in a file. Raises FileTrouble when it can't be read, BadMachine when it makes no sense."""
    try:
        with path.open("rb") as file:
            raw = file.read(_LARGEST_FILE_BYTES + 1)
    except OSError as error:
        raise FileTrouble(title=mark("The file can't be read"), detail=mark("{path}: {reason}"), path=str(path), reason=error.strerror or str(error)) from error
    if len(raw) > _LARGEST_FILE_BYTES:
        raise BadMachine("", mark("It is too large."))
    try:
        untrusted = json.loads(raw.decode("utf-8-sig"))
    except (ValueError, RecursionError) as error:  # UnicodeDecodeError and JSONDecodeError are ValueErrors
        raise BadMachine("", mark("It is not JSON.")) from error
    return machine_from_json(untrusted)


def machine_from_json(untrusted: object) -> Machine:
    """The machine in the object that `Machine.as_json` makes. Raises BadMachine."""
    told = _Fields(untrusted, "")
    cpu, memory, disk = told.part("cpu"), told.part("memory"), told.part("disk")
    sources = told.part("sources")
    machine = Machine(
        os=told.text("os") or "",
        cpu=Cpu(
            cpu.text("name"),
            cpu.text("arch"),
            cpu.count("physical_cores", _MOST_CORES, least=1),
            cpu.count("performance_cores", _MOST_CORES, least=1),
            cpu.count("logical_cores", _MOST_CORES, least=1),
            cpu.rows("features", lambda value, at: _text(value, at) or ""),
        ),
        memory=Memory(memory.count("total_bytes", least=1), memory.count("available_bytes"), memory.count("limit_bytes", least=1), memory.rate("read_gbps")),
        gpus=told.rows("gpus", _gpu) or (),
        disk=Disk(disk.text("models_dir") or "", disk.count("free_bytes")),
        engine=_engine(told.part("engine")) if told.has("engine") else None,
        sources=tuple((name, sources.text(name) or "") for name in sources),
    )
    total, available = machine.memory.total_bytes, machine.memory.available_bytes
    if total is not None and available is not None and available > total:
        raise BadMachine("memory.available_bytes", mark("More is free than there is."))
    return machine


def _gpu(untrusted: object, at: str) -> Gpu:
    told = _Fields(untrusted, at)
    backend = told.text("backend")
    if backend is not None and backend not in get_args(Backend):
        raise BadMachine(f"{at}.backend", mark("This word is not known here."))
    gpu = Gpu(
        name=told.text("name"),
        vendor=told.text("vendor"),
        backend=backend,  # type: ignore[arg-type]  # one of its words, as was checked
        memory_total_bytes=told.count("memory_total_bytes", least=1),
        memory_free_bytes=told.count("memory_free_bytes"),
        integrated=told.flag("integrated"),
        bandwidth_gbps=told.rate("bandwidth_gbps"),
        usable=told.flag("usable"),
        why_not=told.text("why_not"),
        pci=told.text("pci"),
        drives_display=told.flag("drives_display"),
        driver=told.text("driver"),
        memory_own_bytes=told.count("memory_own_bytes"),
        memory_shared_bytes=told.count("memory_shared_bytes"),
        users=told.rows("users", _user),
        engine_device=told.text("engine_device"),
    )
    if gpu.memory_total_bytes is not None and gpu.memory_free_bytes is not None and gpu.memory_free_bytes > gpu.memory_total_bytes:
        raise BadMachine(f"{at}.memory_free_bytes", mark("More is free than there is."))
    return gpu


def _user(untrusted: object, at: str) -> GpuUser:
    told = _Fields(untrusted, at)
    return GpuUser(told.text("name"), told.count("pid"), told.count("memory_bytes"))


def _engine(told: _Fields) -> InstalledEngine:
    return InstalledEngine(
        told.text("name") or "", told.text("version"), told.rows("backends", lambda value, at: _text(value, at) or "") or (), told.rows("devices", _device)
    )


def _device(untrusted: object, at: str) -> EngineDevice:
    told = _Fields(untrusted, at)
    return EngineDevice(
        told.text("name") or "",
        told.text("description") or "",
        told.text("kind") or "",
        told.count("memory_total_bytes"),
        told.count("memory_free_bytes"),
        told.text("pci"),
        told.text("pack") or "",
    )


class _Fields:
    """An object from a file, asked field by field; null and missing are None."""

    def __init__(self, untrusted: object, at: str) -> None:
        if not isinstance(untrusted, dict):
            raise BadMachine(at, mark("It must be an object."))
        self._values: dict[str, Any] = untrusted
        self._at = at

    def __iter__(self) -> Iterator[str]:
        return iter(_short(self._values, self._at))

    def _path(self, name: str) -> str:
        return f"{self._at}.{name}" if self._at else name

    def has(self, name: str) -> bool:
        return self._values.get(name) is not None

    def part(self, name: str) -> _Fields:
        value = self._values.get(name)
        return _Fields({} if value is None else value, self._path(name))

    def text(self, name: str) -> str | None:
        return _text(self._values.get(name), self._path(name))

    def count(self, name: str, most: int = _MOST_BYTES, *, least: int = 0) -> int | None:
        value = self._values.get(name)
        if value is None:
            return None
        # bool is a kind of int in Python, and true is no size.
        if isinstance(value, bool) or not isinstance(value, int):
            raise BadMachine(self._path(name), mark("It must be a whole number or null."))
        if not least <= value <= most:
            raise BadMachine(self._path(name), mark("No computer has this much or this little. Unknown is null."))
        return value

    def rate(self, name: str) -> float | None:
        value = self._values.get(name)
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise BadMachine(self._path(name), mark("It must be a number or null."))
        if not math.isfinite(value) or not 0 < value <= _MOST_GBPS:
            raise BadMachine(self._path(name), mark("No computer has this much or this little. Unknown is null."))
        return float(value)

    def flag(self, name: str) -> bool | None:
        value = self._values.get(name)
        if value is not None and not isinstance(value, bool):
            raise BadMachine(self._path(name), mark("It must be true, false or null."))
        return value

    def rows(self, name: str, read: Callable[[object, str], _One]) -> tuple[_One, ...] | None:
        value = self._values.get(name)
        if value is None:
            return None
        if not isinstance(value, list):
            raise BadMachine(self._path(name), mark("It must be a list."))
        return tuple(read(row, f"{self._path(name)}.{index}") for index, row in enumerate(_short(value, self._path(name))))


def _short(values: Any, at: str) -> Any:
    if len(values) > _LONGEST_LIST:
        raise BadMachine(at, mark("It is too large."))
    return values


def _text(value: object, at: str) -> str | None:
    if value is not None and not isinstance(value, str):
        raise BadMachine(at, mark("It must be a text or null."))
    # Such a text is shown on a terminal, where control characters are commands.
    if value is not None and (len(value) > _LONGEST_TEXT or any(ord(char) < 32 or 0x7F <= ord(char) < 0xA0 for char in value)):
        raise BadMachine(at, mark("This text can't be shown."))
    return value
