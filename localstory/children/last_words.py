"""Why a child died, in words: from its exit code and the last lines of its stderr. Pure, so it can be tested on records."""

from __future__ import annotations

from collections.abc import Sequence

from localstory.errors import CannotContinue, Word
from localstory.words import mark

# What native code writes before it dies, most telling first. The prefixes are ggml's, ONNX Runtime's and Python's own.
_TELLING = ("GGML_ASSERT", "GGML_ABORT", "CUDA error", "ErrorOutOfDeviceMemory", "terminate called", "error:", "Error")


_PARTS = {"text": mark("text"), "speech": mark("speech"), "film": mark("film"), "devices": mark("devices")}
"""What the children are called in front of people."""


def part_word(worker: str) -> Word | str:
    """The name of a child as a value for an error; one that people never meet keeps its own."""
    return Word(_PARTS[worker]) if worker in _PARTS else worker


class ChildDied(CannotContinue):
    """A child ended by itself in the middle of its work. The program goes on; the work can be tried again."""

    code = "child_died"

    def __init__(self, worker: str, exit_code: int | None, stderr: Sequence[str]) -> None:
        detail, hint = explain(exit_code, stderr)
        self.exit_code = exit_code
        self.stderr = tuple(stderr)
        super().__init__(
            title=mark("The {worker} part of localstory stopped unexpectedly"),
            detail=detail,
            hint=hint,
            worker=part_word(worker),
            last_line=telling_line(stderr),
        )


class ChildHung(CannotContinue):
    """A child gave no sign of life and was ended."""

    code = "child_hung"

    def __init__(self, worker: str, seconds: float) -> None:
        super().__init__(
            title=mark("The {worker} part of localstory stopped answering"),
            detail=mark("It gave no sign of life for {seconds} seconds and was ended."),
            hint=mark("Try again. If it happens again, restart the computer or choose a smaller model."),
            worker=part_word(worker),
            seconds=round(seconds),
        )


class Quarantined(CannotContinue):
    """A file made its engine die twice within two minutes: it is not tried a third time by itself."""

    code = "quarantined"

    def __init__(self, path: str) -> None:
        super().__init__(
            title=mark("This file made its engine crash twice"),
            detail=mark("{path} is set aside so that it can't do it again."),
            hint=mark("Verify the file or download it again; restarting localstory tries it once more."),
            path=path,
        )


def telling_line(stderr: Sequence[str]) -> str:
    """The line of stderr that says most about a death: a known cry, or the last line; "" when there is none."""
    for cry in _TELLING:
        for line in reversed(stderr):
            if cry in line:
                return line.strip()
    return stderr[-1].strip() if stderr else ""


def explain(exit_code: int | None, stderr: Sequence[str]) -> tuple[str, str]:
    """Detail and hint for a death, marked for translation; `{last_line}` stands for `telling_line`.

    POSIX gives minus the signal's number, Windows an NTSTATUS (0xC0000005 access violation, 0xC0000409 fail-fast,
    0xC0000017 no memory).
    """
    text = "\n".join(stderr)
    if "CUDA error" in text or "DeviceLost" in text or "ErrorDeviceLost" in text:
        return mark("The graphics driver was reset: {last_line}"), mark("Try again, or run the model on the processor.")
    if exit_code in (-6, 134, 3, 0xC0000409):  # SIGABRT; abort() on Windows
        if "GGML_ASSERT" in text or "GGML_ABORT" in text:
            return mark("The engine refused this file: {last_line}"), mark(
                "The file may be damaged or made for another version. Choose another model, or download it again."
            )
        return mark("The engine gave up: {last_line}"), mark("Try again. If it happens again, choose another model or file.")
    if exit_code in (-9, 137, 0xC0000017) or "std::bad_alloc" in text or "MemoryError" in text:
        return mark("The system ended it, most likely because memory ran out."), mark(
            "Close other programs, or choose a smaller model or a shorter context length."
        )
    if exit_code in (-7, -10, 135, 138):  # SIGBUS on Linux and macOS
        return mark("The model's file changed or could not be read while it was in use."), mark("Check the disk, and download the file again.")
    if exit_code in (-11, 139, 0xC0000005):
        return mark("The engine crashed."), mark("Try again. If it happens again, choose another model or file.")
    if exit_code in (-4, 132, 0xC000001D):
        return mark("This processor lacks an instruction the engine was built with."), mark(
            "Run: python3 packaging/dev.py test, which builds the engines for this computer."
        )
    return mark("It ended early: {last_line}"), mark("Try again. If it happens again, look at the details in the log.")
