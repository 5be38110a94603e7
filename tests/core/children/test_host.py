"""Our side of a child, against a child that misbehaves in every way we could think of."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import psutil
import pytest

from localstory.children import host
from localstory.children.host import Child, WorkFailed
from localstory.children.last_words import ChildDied, ChildHung, Quarantined
from tests.conftest import is_gone, worker_processes

ROOT = Path(__file__).parents[3]
Start = Callable[..., Child]


@pytest.fixture
async def odd(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Start]:
    children: list[Child] = []
    monkeypatch.setenv("PYTHONPATH", str(ROOT))

    def start(behaviour: str = "", about: str = "") -> Child:
        monkeypatch.setattr(host, "worker_command", lambda _name: [sys.executable, "-m", "tests.fakes.odd_worker", behaviour, "--worker"])
        children.append(Child("odd", about=about))
        return children[-1]

    yield start
    for child in children:
        await child.close()


async def answers(child: Child, op: str, **args: Any) -> list[dict[str, Any]]:
    async with contextlib.aclosing(child.run(op, args)) as messages:
        return [message async for message in messages]


async def test_pieces_arrive_in_order_and_end_with_done(odd: Start) -> None:
    messages = await answers(odd(), "count", to=2000)
    assert [message["number"] for message in messages[:-1]] == list(range(2000))
    assert messages[-1]["type"] == "done"


@pytest.mark.parametrize("text", ["đường về nhà 🐉\x00\n\u2028", "x" * 3_000_000, "\ud800 lone"])
async def test_any_text_comes_back_as_it_went(odd: Start, text: str) -> None:
    assert (await answers(odd(), "echo", text=text))[-1]["result"] == {"said": text}


async def test_large_texts_leave_no_file_behind(odd: Start) -> None:
    child = odd()
    await answers(child, "echo", text="y" * 1_000_000)
    assert list(child._folder.iterdir()) == []


@pytest.mark.parametrize(
    ("op", "code", "why"),
    [
        ("abort", -6, "refused this file"),
        ("segv", -11, "crashed"),
        ("bus", -7, "changed or could not be read"),
        ("killed", -9, "memory ran out"),
        ("quits", 0, "ended early"),
    ],
)
async def test_a_death_is_told_in_a_second_with_its_reason(odd: Start, op: str, code: int, why: str) -> None:
    child = odd()
    await child.start()
    began = time.perf_counter()
    with pytest.raises(ChildDied) as death:
        await answers(child, op)
    assert time.perf_counter() - began < 1.0
    assert death.value.exit_code == code
    assert why in str(death.value)


async def test_the_engines_own_last_line_is_in_the_reason(odd: Start) -> None:
    with pytest.raises(ChildDied) as death:
        await answers(odd(), "abort")
    assert "GGML_ASSERT(hparams.n_layer > 0) failed" in str(death.value)


async def test_works_again_after_a_death(odd: Start) -> None:
    child = odd()
    with pytest.raises(ChildDied):
        await answers(child, "killed")
    assert (await answers(child, "echo", text="back"))[-1]["result"] == {"said": "back"}


async def test_a_child_that_died_is_watched_no_more(odd: Start) -> None:
    child = odd()
    with pytest.raises(ChildDied):
        await answers(child, "killed")
    await answers(child, "echo", text="back")
    await asyncio.sleep(1.2)  # the old watcher's next look
    watchers = [task for task in asyncio.all_tasks() if getattr(task.get_coro(), "__name__", "") == "_watch"]
    assert len(watchers) == 1


async def test_a_child_that_died_leaves_no_folder(odd: Start) -> None:
    child = odd()
    await child.start()
    folder = child._folder
    with pytest.raises(ChildDied):
        await answers(child, "killed")
    await answers(child, "echo", text="back")
    assert not folder.exists()


async def test_a_death_before_ready_is_told(odd: Start) -> None:
    with pytest.raises(ChildDied) as death:
        await odd("dies at hello").start()
    assert "GGML_ASSERT(n_tokens > 0)" in str(death.value)


async def test_two_deaths_on_one_file_set_it_aside(odd: Start) -> None:
    child = odd(about="/models/bad.gguf")
    for _time in range(2):
        with pytest.raises(ChildDied):
            await answers(child, "abort")
    with pytest.raises(Quarantined):
        await child.start()
    host.crashes.forgive("/models/bad.gguf")
    await child.start()


async def test_a_cancelled_run_stops_and_the_child_lives_on(odd: Start) -> None:
    child = odd()
    pid = (await child.start(), child.pid)[1]
    task = asyncio.create_task(answers(child, "slow"))
    await asyncio.sleep(0.2)
    began = time.perf_counter()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert time.perf_counter() - began < 0.3
    assert child.is_running and child.pid == pid


async def test_a_deaf_child_is_ended_within_half_a_second_of_cancel(odd: Start) -> None:
    child = odd()
    await child.start()
    pid = child.pid
    assert pid is not None
    task = asyncio.create_task(answers(child, "deaf"))
    await asyncio.sleep(0.2)
    began = time.perf_counter()
    task.cancel()
    task.cancel()  # Stop pressed twice
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await is_gone(pid, 0.6)
    assert time.perf_counter() - began < 0.6
    assert (await answers(child, "echo", text="again"))[-1]["result"] == {"said": "again"}


async def test_a_cancelled_start_leaves_no_process(odd: Start) -> None:
    child = odd("never ready")
    task = asyncio.create_task(child.start())
    await asyncio.sleep(0.3)
    assert worker_processes()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert not worker_processes()


async def test_a_refusal_carries_its_values_and_the_child_lives_on(odd: Start) -> None:
    child = odd()
    with pytest.raises(WorkFailed) as refusal:
        await answers(child, "refuse")
    assert (refusal.value.reason, refusal.value.reason_values) == ("no_thanks", {"number": 3})
    assert child.is_running


async def test_a_full_disk_is_a_refusal_not_a_death(odd: Start) -> None:
    with pytest.raises(WorkFailed) as refusal:
        await answers(odd(), "full")
    assert refusal.value.reason == "file_trouble"
    assert refusal.value.reason_values["errno"] == 28


async def test_lines_that_are_no_messages_are_ignored(odd: Start) -> None:
    assert (await answers(odd(), "garbage"))[-1]["result"] == {"fine": True}


async def test_a_line_without_end_ends_the_child(odd: Start) -> None:
    with pytest.raises(ChildDied):
        await answers(odd(), "endless line")


async def test_what_native_code_prints_does_not_disturb(odd: Start) -> None:
    child = odd()
    assert (await answers(child, "prints"))[-1]["result"] == {"fine": True}
    await asyncio.sleep(0.1)
    assert "and so does its child" in child.stderr


async def test_a_hanging_child_is_noticed(odd: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(host, "SILENCE_SECONDS", 2.0)
    with pytest.raises(ChildHung):
        await answers(odd(), "stops")


async def test_what_a_child_started_ends_with_it(odd: Start) -> None:
    child = odd()
    async with contextlib.aclosing(child.run("with a child", {})) as messages:
        async for message in messages:
            grandchild = int(message["pid"])
            break
    await child.close()
    assert await is_gone(grandchild)


async def test_no_key_reaches_a_child(odd: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "canary-9a7")
    monkeypatch.setenv("HF_TOKEN", "canary-9a7")
    facts = await odd().start()
    assert "canary-9a7" not in repr(facts["environment"])
    assert facts["environment"]["GGML_NO_BACKTRACE"] == "1"


@pytest.mark.skipif(sys.platform == "win32", reason="nice is POSIX")
async def test_children_are_polite(odd: Start) -> None:
    assert (await odd().start())["nice"] == min(19, os.nice(0) + 5)


@pytest.mark.skipif(sys.platform == "win32", reason="nice is POSIX")
@pytest.mark.parametrize(("worker", "steps_back"), [("text", 5), ("speech", 5), ("film", 5), ("rehearsal", 5), ("devices", 0)])
async def test_real_children_step_back_by_5_and_the_device_probe_does_not(worker: str, steps_back: int) -> None:
    child = Child(worker)
    try:
        await child.start()
        assert child.pid is not None
        assert psutil.Process(child.pid).nice() == min(19, os.nice(0) + steps_back)
    finally:
        await child.close()


async def test_close_ends_the_process_and_removes_its_folder(odd: Start) -> None:
    child = odd()
    await child.start()
    pid, folder = child.pid, child._folder
    assert pid is not None and folder.is_dir()
    await child.close()
    await child.close()
    assert await is_gone(pid)
    assert not folder.exists()


def test_no_orphan_outlives_a_killed_parent(tmp_path: Path) -> None:
    script = textwrap.dedent("""
        import asyncio, contextlib, sys
        from localstory.children import host
        host.worker_command = lambda _name: [sys.executable, "-m", "tests.fakes.odd_worker", "", "--worker"]
        async def main():
            child = host.Child("odd")
            async with contextlib.aclosing(child.run("with a child", {})) as messages:
                async for message in messages:
                    print(child.pid, message["pid"], child._folder, flush=True)
        asyncio.run(main())
    """)
    parent = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True, env=os.environ | {"PYTHONPATH": str(ROOT)})
    assert parent.stdout is not None
    child, grandchild, folder = parent.stdout.readline().split(maxsplit=2)
    parent.send_signal(signal.SIGKILL)
    parent.wait()
    parent.stdout.close()

    async def both() -> bool:
        return await is_gone(int(child)) and await is_gone(int(grandchild))

    assert asyncio.run(both())
    assert not Path(folder.strip()).exists()
