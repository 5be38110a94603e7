"""The list of jobs: how far, how long, what can be done with each, and what became of it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QLabel, QPlainTextEdit, QPushButton

from localstory.errors import CannotContinue
from localstory.events import Progress
from localstory.runtime import Job, JobState
from tests.ui.conftest import Opened
from ui import job_rows
from ui.bridge import MOST_ENDED, Place
from ui.widgets.text_dialog import TextDialog


class Work:
    """Work that a test holds in its hand."""

    def __init__(self) -> None:
        self.steps = 0
        self.gate = asyncio.Event()
        self.calls = 0
        self.trouble: BaseException | None = None

    async def __call__(self, job: Job[Any]) -> int:
        self.calls += 1
        if self.trouble is not None:
            raise self.trouble
        while not self.gate.is_set():
            job.report(Progress("Loading the model", self.steps, 400))
            await job.may_pause()
            self.steps += 1
            await asyncio.sleep(0.005)
        return self.steps


def buttons(opened: Opened) -> dict[str, QPushButton]:
    opened.qtbot.wait(20)
    shown = opened.window.status.jobs_list._inside.findChildren(QPushButton)
    return {button.text(): button for button in shown if button.isVisible()}


def test_a_job_pauses_goes_on_and_stops(opened: Opened) -> None:
    window, work = opened.open(), Work()
    job = opened.whole.bridge.start("Xuất tất cả 🦊", work)
    opened.until(lambda: work.steps > 3)
    window.status.open_jobs()
    assert window.status.jobs.text().startswith("1 job · ")
    buttons(opened)["Pause"].click()
    opened.until(lambda: job.is_paused)
    opened.qtbot.wait(50)
    stood = work.steps
    opened.qtbot.wait(100)
    assert work.steps == stood and job.state is JobState.running
    assert any("Paused" in label.text() for label in window.status.jobs_list.findChildren(QLabel))
    buttons(opened)["Go on"].click()
    opened.until(lambda: work.steps > stood + 3)
    stop = buttons(opened)["Stop"]
    stop.click()
    stop.click()
    opened.until(lambda: job.state is JobState.cancelled)
    opened.settle()
    assert window.status.jobs.text() == "No jobs"
    window.status.jobs_list.hide()


def test_a_paused_job_can_be_stopped(opened: Opened) -> None:
    opened.open()
    work = Work()
    job = opened.whole.bridge.start("Export", work)
    opened.until(lambda: work.steps > 1)
    job.pause()
    opened.qtbot.wait(50)
    job.cancel()
    opened.until(lambda: job.state is JobState.cancelled)


def test_what_failed_says_why_can_be_copied_and_tried_again(opened: Opened) -> None:
    window, work = opened.open(), Work()
    work.trouble = CannotContinue(title="Not enough disk space", detail="The export needs {need}.", need="3 GiB")
    opened.whole.bridge.start("Export", work, on_end=_ignore, can_repeat=True)
    opened.settle()
    window.status.open_jobs()
    said = [label.text() for label in window.status.jobs_list.findChildren(QLabel)]
    assert "Failed: Not enough disk space" in said
    buttons(opened)["Details"].click()
    (dialog,) = window.findChildren(TextDialog)
    (text,) = dialog.findChildren(QPlainTextEdit)
    assert "The export needs 3 GiB." in text.toPlainText() and "Traceback" in text.toPlainText()
    next(button for button in dialog.findChildren(QPushButton) if button.text() == "Copy details").click()
    assert "3 GiB" in QGuiApplication.clipboard().text()
    dialog.close()
    opened.qtbot.wait(50)
    work.trouble = None
    work.gate.set()
    window.status.open_jobs()
    buttons(opened)["Try again"].click()
    opened.settle()
    assert work.calls == 2
    assert [job.state for job in opened.whole.bridge.jobs] == [JobState.done], "the one that failed went"
    window.status.jobs_list.hide()


def _ignore(_job: Job[Any]) -> None:
    pass


def test_open_goes_where_the_result_is(opened: Opened, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    window = opened.open()

    async def work(_job: Job[str]) -> str:
        return "settings"

    opened.whole.bridge.start("One", work, place=lambda room: Place(room))
    opened.settle()
    window.status.open_jobs()
    buttons(opened)["Open"].click()
    assert window.room == "settings"
    gone = tmp_path / "gone.zip"
    opened.whole.bridge.forget_ended()
    opened.whole.bridge.start("Two", work, place=lambda _result: Place(path=gone))
    opened.settle()
    window.status.open_jobs()
    buttons(opened)["Open"].click()
    assert "gone.zip" in window.toasts.said()[-1]
    folders: list[str] = []
    monkeypatch.setattr("ui.status_bar.QDesktopServices", type("Desktop", (), {"openUrl": staticmethod(lambda url: folders.append(url.toLocalFile()))}))
    gone.write_text("there")
    window.status.open_jobs()
    buttons(opened)["Open"].click()
    assert folders == [str(tmp_path)]


def test_a_reply_in_the_list_leads_to_its_chat(opened: Opened) -> None:
    window = opened.open()
    for words in ("Một", "Hai"):
        window.go("chat", "new")
        opened.chat.box.input.setPlainText(words)
        opened.chat.send()
        opened.settle()
    first = next(chat.id for chat in opened.app.chats.all() if chat.title == "Một")
    window.go("home")
    window.status.open_jobs()
    opened.qtbot.wait(20)
    shown = [one for one in window.status.jobs_list._inside.findChildren(QPushButton) if one.text() == "Open" and one.isVisible()]
    shown[-1].click()  # the newest stands first
    assert window.room == "chat" and opened.chat.chat_id == first


def test_the_list_outlives_a_change_of_language_and_its_buttons_work(opened: Opened) -> None:
    window, work = opened.open(), Work()
    job = opened.whole.bridge.start("Export", work)
    opened.until(lambda: work.steps > 3)
    window.desk.change_setting("language", "vi")
    opened.qtbot.wait(100)
    window.status.open_jobs()
    buttons(opened)["Dừng"].click()
    opened.until(lambda: job.state is JobState.cancelled)
    opened.settle()
    assert window.status.jobs.text() == "Không có việc"
    window.status.jobs_list.hide()


def test_the_history_is_bounded_and_can_be_cleared_while_one_runs(opened: Opened) -> None:
    window, work = opened.open(), Work()

    async def quick(_job: Job[None]) -> None:
        return None

    running = opened.whole.bridge.start("Runs", work)
    for number in range(200):
        opened.whole.bridge.start(f"Job {number}", quick)
    opened.until(lambda: all(job.state is not JobState.running for job in opened.whole.bridge.jobs if job is not running))
    opened.whole.bridge.start("Last", quick)
    assert len(opened.whole.bridge.jobs) <= MOST_ENDED + 2 and running in opened.whole.bridge.jobs
    opened.qtbot.wait(50)
    window.status.open_jobs()
    assert window.status.jobs_list.height() <= window.height() * 2 // 3
    window.status.jobs_list.forget.click()
    assert opened.whole.bridge.jobs == [running]
    window.status.jobs_list.hide()
    running.cancel()
    opened.settle()


# -- how long it takes -----------------------------------------------------------------------------------------------------


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    now = [1000.0]
    monkeypatch.setattr("localstory.runtime.time.monotonic", lambda: now[0])

    def turn(seconds: float) -> None:
        now[0] += seconds

    return turn


def job() -> Job[None]:
    return Job(1, "Export", None, None)


def test_the_time_left_is_said_when_the_pace_is_known(clock: Callable[[float], None]) -> None:
    one = job()
    one.report(Progress("Copying", 0, 100))
    clock(1)
    one.report(Progress("Copying", 10, 100))
    assert one.seconds_left() is None, "a second tells nothing yet"
    clock(9)
    one.report(Progress("Copying", 25, 100))
    assert one.seconds_left() == pytest.approx(30)
    clock(4)
    assert one.seconds_left() == pytest.approx(26)
    assert job_rows.job_row(one).state == "Copying · 25 % · about 26 s left"
    clock(7)
    assert one.seconds_left() is None, "nothing was heard for ten seconds"


def test_the_time_left_is_not_guessed(clock: Callable[[float], None]) -> None:
    one = job()
    one.report(Progress("Thinking"))
    clock(60)
    one.report(Progress("Thinking"))
    assert one.seconds_left() is None
    one.report(Progress("Copying", 50, 100))
    clock(5)
    one.report(Progress("Copying", 51, 100))
    assert one.seconds_left() is None, "too little of it is done to know its pace"
    clock(5)
    one.report(Progress("Copying", 60, 100))
    assert one.seconds_left() == pytest.approx(40), "what an earlier stage did is no part of this one's pace"
    one.pause()
    assert one.seconds_left() is None
    assert "Paused" in job_rows.job_row(one).state


async def test_a_pause_is_no_part_of_the_pace(clock: Callable[[float], None]) -> None:
    one = job()
    one.report(Progress("Copying", 0, 100))
    clock(10)
    one.report(Progress("Copying", 50, 100))
    one.pause()
    waiting = asyncio.create_task(one.may_pause())
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    clock(3600)
    one.pause(False)
    await waiting
    one.report(Progress("Copying", 50, 100))
    assert one.seconds_left() == pytest.approx(10)


def test_a_share_of_all_is_only_said_when_all_know_theirs() -> None:
    one, other = job(), job()
    one.report(Progress("Copying", 20, 100))
    other.report(Progress("Copying", 60, 100))
    assert job_rows.summary([one, other]) == "2 jobs · 40 %"
    other.report(Progress("Thinking"))
    assert job_rows.summary([one, other]) == "2 jobs"
