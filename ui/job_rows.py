"""What the list of jobs says of each. No Qt."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from localstory.runtime import Job, JobState
from localstory.words import _, duration, ngettext, percent
from ui import errors
from ui.widgets.jobs_words import JobRow


def job_row(job: Job[Any], *, can_repeat: bool = False, can_open: bool = False) -> JobRow:
    """A job in words, with what can be done with it."""
    if job.state is JobState.running:
        return _running(job)
    buttons = []
    said = {JobState.done: _("Done"), JobState.cancelled: _("Stopped")}.get(job.state, "")
    if job.state is JobState.failed and job.error is not None:
        said = _("Failed: {reason}").format(reason=errors.words_of(job.error)[0])
        buttons.append(("details", _("Details")))
    if can_open:
        buttons.append(("open", _("Open")))
    if can_repeat:
        buttons.append(("again", _("Try again")))
    return JobRow(job.number, job.title, said, False, None, job.state is JobState.failed, tuple(buttons))


def _running(job: Job[Any]) -> JobRow:
    parts = [_(job.progress.stage) if job.progress is not None else _("Working")]
    share = job.progress.share if job.progress is not None else None
    if job.progress is not None and job.progress.note:
        parts.append(job.progress.note)
    if share is not None:
        parts.append(percent(share))
    left = job.seconds_left()
    if job.is_paused:
        parts = [_("Paused"), *parts[1:]]
    elif left is not None:
        parts.append(_("about {time} left").format(time=duration(left)))
    pause = [("go_on", _("Go on"))] if job.is_paused else [("pause", _("Pause"))] if job.can_pause else []
    return JobRow(job.number, job.title, " · ".join(parts), True, share, False, (*pause, ("stop", _("Stop"))))


def rows(jobs: Sequence[Job[Any]], can_repeat: Callable[[Job[Any]], bool], can_open: Callable[[Job[Any]], bool]) -> list[JobRow]:
    """What runs first, then what ended, each the newest first."""
    made = [job_row(job, can_repeat=can_repeat(job), can_open=can_open(job)) for job in reversed(jobs)]
    return sorted(made, key=lambda row: not row.running)


def summary(jobs: Sequence[Job[Any]]) -> str:
    """For the status bar: how many run, and how far they are together where every one of them knows it."""
    running = [job for job in jobs if job.state is JobState.running]
    if not running:
        return _("No jobs")
    text = ngettext("{count} job", "{count} jobs", len(running)).format(count=len(running))
    shares = [job.progress.share if job.progress is not None else None for job in running]
    known = [share for share in shares if share is not None]
    return f"{text} · {percent(sum(known) / len(known))}" if len(known) == len(running) else text


def details(job: Job[Any]) -> str:
    """All that can be said of a job's trouble, to be copied."""
    if job.error is None:
        return ""
    said = errors.words_of(job.error)
    return "\n".join(part for part in (job.title, *said) if part)
