"""From a name to what the fit check needs, and what happens when nobody wants it any more."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest

from localstory.models.fitting import Fitting
from localstory.net import Net
from localstory.paths import open_home
from tests.fakes import hub_server as fake
from tests.fakes.hub_server import Content, FakeHub, Handler
from tests.fakes.quantisations import quantised

NAME = "hf:owner/repo"


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeHub]:
    with FakeHub() as server:
        server.add("owner/repo", {f"m-{name}.gguf": quantised(name, layers=20) for name in ("Q4_K_M", "Q8_0")})
        monkeypatch.setenv("HF_ENDPOINT", server.address)
        yield server


@pytest.fixture
def net() -> Iterator[Net]:
    with Net() as client:
        yield client


@pytest.fixture
async def fitting(home: Path, net: Net) -> AsyncIterator[Fitting]:
    one = Fitting(open_home(home), net)
    yield one
    await one.close()


async def test_a_repository_is_all_its_quantisations(hub: FakeHub, fitting: Fitting) -> None:
    found = await fitting.subjects(NAME)
    assert [subject.quantisation for subject in found.subjects] == ["Q4_K_M", "Q8_0"]
    assert [target.repo for target in found.targets] == ["owner/repo"] * 2
    assert found.bytes_read > 0 and found.failed == ()


async def test_a_file_of_a_repository_that_is_no_model_is_told_beside_the_others(hub: FakeHub, fitting: Fitting) -> None:
    hub.add("owner/repo", {"m-Q4_K_M.gguf": quantised("Q4_K_M", layers=20), "m-Q8_0.gguf": Content(b"nothing like it", size=5_000)})
    found = await fitting.subjects(NAME)
    assert [subject.quantisation for subject in found.subjects] == ["Q4_K_M"]
    assert [(target.quantisation, trouble.code) for target, trouble in found.failed] == [("Q8_0", "bad_model")]


def put_here(home: Path, name: str, quantisation: str) -> Path:
    """A model of its true size in the person's models folder, zeros behind the header."""
    content = quantised(quantisation, layers=20)
    there = open_home(home).models / name
    there.parent.mkdir(parents=True, exist_ok=True)
    with open(there, "wb") as file:
        file.write(content.start)
        file.truncate(content.size_bytes)
    return there


def test_a_model_that_is_here_is_read_once_and_again_when_it_changed(home: Path, net: Net) -> None:
    there = put_here(home, "rồng 🐉.gguf", "Q4_K_M")
    fitting = Fitting(open_home(home), net)

    def seen() -> tuple[str, int]:
        (found,) = [one for one in fitting.candidates() if one.source == str(there)]
        return found.subject.header.quantisation, found.subject.file_size_bytes

    first, cache = seen(), home / "cache" / "stripped"
    kept = set(cache.iterdir())  # the starter's too
    assert first == ("Q4_K_M", there.stat().st_size) and seen() == first
    assert set(cache.iterdir()) == kept
    put_here(home, there.name, "Q8_0")
    assert seen() == ("Q8_0", there.stat().st_size)
    for one in cache.iterdir():
        one.write_bytes(b"damaged")
    assert seen()[0] == "Q8_0"


async def test_a_file_here_is_asked_about_from_the_kept_header(home: Path, fitting: Fitting) -> None:
    there = put_here(home, "m.gguf", "Q4_K_M")
    first = await fitting.subjects(str(there))
    again = await fitting.subjects(str(there))
    assert again.subjects == first.subjects and len(list((home / "cache" / "stripped").iterdir())) == 1


@pytest.mark.parametrize("behaviour", [fake.stalls, fake.drips], ids=["stalls", "drips"])
@pytest.mark.parametrize("where", ["/api/models/owner/repo", "/tree/", "/resolve/", "/files/"])
async def test_a_cancelled_job_stops_reading_at_once(hub: FakeHub, net: Net, fitting: Fitting, where: str, behaviour: Callable[[Handler], None]) -> None:
    """The server would hold us for 20 seconds and more."""
    reached = threading.Event()

    def misbehaves(handler: Handler) -> None:
        reached.set()
        behaviour(handler)

    hub.misbehave(where, misbehaves)
    job = asyncio.create_task(fitting.subjects(NAME))
    assert await asyncio.to_thread(reached.wait, 10)
    await asyncio.sleep(0.1)
    before = time.monotonic()
    job.cancel()
    with pytest.raises(asyncio.CancelledError):
        await job
    assert time.monotonic() - before < 1.5
    # Nothing goes on behind our back.
    asked, logged = len(hub.requests), len(net.connections())
    await asyncio.sleep(0.3)
    assert (len(hub.requests), len(net.connections())) == (asked, logged)
    assert net.connections()[-1].outcome == "stopped"
