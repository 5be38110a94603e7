"""The text engine that is installed here, and the devices it sees; never loaded into this process."""

from __future__ import annotations

import asyncio
import contextlib
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path

from localstory.children.host import Child, WorkFailed
from localstory.errors import NotInstalled, mark
from localstory.hardware.machine import EngineDevice, InstalledEngine

_BACKENDS = {"cuda": "cuda", "vulkan": "vulkan", "hip": "rocm", "metal": "metal", "sycl": "sycl"}
ANSWER_SECONDS = 30.0


def installed_engine() -> InstalledEngine:
    """The embedded llama.cpp: its version, and what its build can use, told by the libraries beside it. A millisecond."""
    try:
        number: str | None = version("llama-cpp-python")
    except PackageNotFoundError:
        number = None
    spec = find_spec("llama_cpp")
    if spec is None or not spec.submodule_search_locations:
        return InstalledEngine("llama_cpp", None)
    names = [path.name for place in spec.submodule_search_locations for path in (Path(place) / "lib").glob("*ggml-*")]
    backends = tuple(word for part, word in _BACKENDS.items() if any(f"ggml-{part}." in name for name in names))
    return InstalledEngine("llama_cpp", number or "unknown", backends)


async def ask_devices(jobs_folder: Path | None = None) -> InstalledEngine:
    """The engine with the devices ggml sees, asked in a child that then ends; about half a second.

    Raises NotInstalled when the engine can't be loaded, ChildDied when a driver takes the child down.
    """
    engine = installed_engine()
    if engine.version is None:
        raise _not_installed()
    child = Child("devices", jobs_folder=jobs_folder)
    try:
        async with asyncio.timeout(ANSWER_SECONDS), contextlib.aclosing(child.run("list", {})) as answers:
            async for answer in answers:
                if answer["type"] == "done":
                    return InstalledEngine(engine.name, engine.version, engine.backends, tuple(EngineDevice(**row) for row in answer["result"]["devices"]))
    except WorkFailed as refusal:
        if refusal.reason == "no_engine":
            raise _not_installed(str(refusal.reason_values.get("why", ""))) from refusal
        raise
    except TimeoutError:
        pass
    finally:
        await child.close()
    return engine


def _not_installed(why: str = "") -> NotInstalled:
    return NotInstalled(
        title=mark("The text engine is not installed"),
        detail=mark("llama-cpp-python can't be loaded: {why}.") if why else mark("llama-cpp-python is missing."),
        hint=mark("Run: {dev} (from the sources) or: {pip}"),
        why=why,
        dev="python3 packaging/dev.py setup",
        pip="pip install llama-cpp-python==0.3.36",
    )
