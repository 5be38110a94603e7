"""The text engine that is installed here, and the devices it sees; never loaded into this process."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import time
from collections.abc import Iterable
from dataclasses import dataclass, replace
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path

from localstory.children.host import Child, WorkFailed
from localstory.children.library import PACKAGE, package_version
from localstory.engines.packs import Pack, backends_of, sound_packs
from localstory.errors import CannotContinue, NotInstalled, mark
from localstory.hardware.cores import worker_threads
from localstory.hardware.machine import EngineDevice, InstalledEngine, Machine, join_engine
from localstory.hardware.probe import probe
from localstory.paths import Home
from localstory.system import write_whole

log = logging.getLogger(__name__)

ANSWER_SECONDS = 30.0
_RATE_KEPT_SECONDS = 30 * 24 * 3600.0


def installed_engine() -> InstalledEngine:
    """The embedded llama.cpp: its version, and what its build can use, told by the libraries beside it. A millisecond."""
    try:
        number: str | None = version("llama-cpp-python")
    except PackageNotFoundError:
        number = None
    spec = find_spec("llama_cpp")
    if spec is None or not spec.submodule_search_locations:
        return InstalledEngine("llama_cpp", None)
    backends = tuple(word for place in spec.submodule_search_locations for word in backends_of(Path(place)))
    return InstalledEngine("llama_cpp", number or "unknown", backends)


async def ask_devices(jobs_folder: Path | None = None) -> InstalledEngine:
    """The engine with the devices ggml sees, asked in a child that then ends; about half a second.

    Raises NotInstalled when the engine can't be loaded, ChildDied when a driver takes the child down.
    """
    engine = installed_engine()
    if engine.version is None:
        raise _not_installed()
    with contextlib.suppress(TimeoutError):
        answer = await ask_build(None, jobs_folder)
        return InstalledEngine(engine.name, engine.version, engine.backends, answer.devices)
    return engine


@dataclass(frozen=True, slots=True)
class BuildAnswer:
    """What a build of the engine says of itself, in a child."""

    version: str
    system_info: str
    """What it was built with, as ggml says it ("CPU : SSE3 = 1 | …")."""
    devices: tuple[EngineDevice, ...]


async def ask_build(library: Path | None, jobs_folder: Path | None = None) -> BuildAnswer:
    """Load the engine in a child that then ends: the one in the folder `library`, or the installed one; about half a second.

    Raises NotInstalled when it can't be loaded, ChildDied when it takes the child down, TimeoutError after ANSWER_SECONDS.
    """
    child = Child("devices", jobs_folder=jobs_folder, library=library)
    try:
        async with asyncio.timeout(ANSWER_SECONDS), contextlib.aclosing(child.run("list", {})) as answers:
            async for answer in answers:
                if answer["type"] == "done":
                    told = answer["result"]
                    return BuildAnswer(str(told["version"]), str(told["system_info"]), tuple(EngineDevice(**row) for row in told["devices"]))
    except WorkFailed as refusal:
        if refusal.reason == "no_engine":
            raise _not_installed(str(refusal.reason_values.get("why", ""))) from refusal
        raise
    finally:
        await child.close()
    raise AssertionError("a child's work ends with done or an error")


async def ask_pack(pack: Pack) -> InstalledEngine:
    """A pack with the devices it sees, which bear its name. Raises as `ask_build`."""
    answer = await ask_build(pack.folder)
    devices = tuple(replace(device, pack=pack.name) for device in answer.devices)
    return InstalledEngine("llama_cpp", package_version(pack.folder), backends_of(pack.folder / PACKAGE), devices)


async def ask_all(packs: Iterable[Pack]) -> InstalledEngine:
    """The installed engine with its devices and those of every pack; one that doesn't answer is left out. Raises as `ask_devices`."""
    engine = await ask_devices()
    for pack in packs:
        try:
            seen = await ask_pack(pack)
        except (CannotContinue, TimeoutError) as trouble:
            log.warning("the devices of the engine pack %s are not known: %s", pack.name, trouble)
            continue
        backends = tuple(dict.fromkeys((*engine.backends, *seen.backends)))
        engine = replace(engine, backends=backends, devices=(*(engine.devices or ()), *(seen.devices or ())))
    return engine


async def machine_now(home: Home, *, again: bool = False, measure: bool = True) -> Machine:
    """This computer as the fit check wants it: with the speed of its memory, and what the engine can use of it.

    The memory's speed is measured once, which takes about a second, and kept in the cache for 30 days; `again` measures
    anew, and without `measure` an unknown speed stays unknown. The engine and the packs that are here are asked for their
    devices only when one of these builds could have any beside the processor.
    """
    machine = await asyncio.to_thread(probe, home.models)
    kept = home.cache / "memory-speed.json"
    about = _about(machine)
    rate = None if again else await asyncio.to_thread(_kept_rate, kept, about)
    if rate is None and measure:
        rate = await _measure_read(machine.memory.available_bytes)
        if rate is not None:
            await asyncio.to_thread(_keep_rate, kept, about, rate)
    engine = installed_engine()
    graphic = [pack for pack in sound_packs(home.engines) if pack.backend != "cpu"]
    if engine.backends or graphic:
        try:
            engine = await ask_all(graphic)
        except CannotContinue as trouble:
            log.warning("the engine's devices are not known: %s", trouble)
    return join_engine(machine.with_read_speed(rate), engine)


def kept_read_speed(home: Home, machine: Machine) -> float | None:
    """The memory's speed as it was measured on this machine within the last 30 days; None when it was not."""
    return _kept_rate(home.cache / "memory-speed.json", _about(machine))


def _about(machine: Machine) -> str:
    return f"{machine.cpu.name} {machine.memory.total_bytes} {worker_threads()}"


async def _measure_read(available_bytes: int | None) -> float | None:
    """Measured in a child of its own, whose gigabyte goes with it; None when it can't be told."""
    child = Child("devices")
    try:
        args = {"threads": worker_threads(), "available_bytes": available_bytes}
        async with asyncio.timeout(ANSWER_SECONDS), contextlib.aclosing(child.run("bandwidth", args)) as answers:
            async for answer in answers:
                if answer["type"] == "done":
                    rate = answer["result"]["read_gbps"]
                    return float(rate) if rate else None
    except (CannotContinue, TimeoutError) as trouble:
        log.warning("the memory's speed was not measured: %s", trouble)
    finally:
        await child.close()
    return None


def _kept_rate(path: Path, about: str) -> float | None:
    try:
        told = json.loads(path.read_text("utf-8"))
        fresh = 0 <= time.time() - float(told["made_at"]) < _RATE_KEPT_SECONDS
        rate = float(told["read_gbps"])
        return rate if fresh and told["about"] == about and 0.1 < rate < 10_000 else None
    except (OSError, ValueError, TypeError, KeyError, RecursionError):
        return None


def _keep_rate(path: Path, about: str, rate: float) -> None:
    with contextlib.suppress(OSError):  # measured again next time
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, json.dumps({"about": about, "read_gbps": rate, "made_at": time.time()}).encode())


def _not_installed(why: str = "") -> NotInstalled:
    return NotInstalled(
        title=mark("The text engine is not installed"),
        detail=mark("llama-cpp-python can't be loaded: {why}.") if why else mark("llama-cpp-python is missing."),
        hint=mark("Run: {dev} (from the sources) or: {pip}"),
        why=why,
        dev="python3 packaging/dev.py setup",
        pip="pip install llama-cpp-python==0.3.36",
    )
