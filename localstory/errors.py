"""What a person can do something about. Anything that is not a `CannotContinue` is our bug and rises to the hook."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar


def mark(message: str) -> str:
    """Mark `message` for translation without translating it now. It is worded when shown (`words.tell`).

    Lives here, in the lowest layer, so that every layer can mark; import it from `words` elsewhere.
    """
    return message


@dataclass(frozen=True, slots=True)
class Size:
    """A number of bytes in an error, worded in the person's language when shown."""

    bytes: int

    def __str__(self) -> str:
        return f"{self.bytes} bytes"


@dataclass(frozen=True, slots=True)
class Word:
    """A marked message as a value in an error, translated when shown."""

    message: str

    def __str__(self) -> str:
        return self.message


class CannotContinue(Exception):
    """The world is in the way: what happened (`title`), why (`detail`) and what to do (`hint`).

    The three are *templates* in English, marked for translation; `values` fill them when they are shown, in the
    language of the person who reads them. `code` is stable: programs read it from `--json`.
    """

    code: ClassVar[str] = "cannot_continue"

    def __init__(self, *, title: str, detail: str = "", hint: str = "", **values: object) -> None:
        super().__init__(title)
        self.title = title
        self.detail = detail
        self.hint = hint
        self.values = values

    def __str__(self) -> str:
        """English, for logs. People see `words.tell(error)`."""
        return " ".join(part.format(**self.values) for part in (self.title, self.detail, self.hint) if part)


class BadRequest(CannotContinue):
    """What was asked for makes no sense (a size of zero, five hundred scenes): nothing was started."""

    code = "bad_request"


class FileTrouble(CannotContinue):
    """A file or folder is missing, unreadable, unwritable or full."""

    code = "file_trouble"


class NotInstalled(CannotContinue):
    """A part of the program is not on this machine; the hint holds the exact command that brings it."""

    code = "not_installed"


class HomeInUse(CannotContinue):
    """Another localstory holds `home.lock`, so this one must not write."""

    code = "home_in_use"

    def __init__(self, home: str) -> None:
        super().__init__(
            title=mark("localstory is already running"),
            detail=mark("Another localstory works in {home}."),
            hint=mark("Close the other one, or set LOCALSTORY_HOME to another folder."),
            home=home,
        )
