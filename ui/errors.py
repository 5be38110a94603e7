"""The one place where an error becomes words on screen: the words of a card in place. No Qt here."""

from __future__ import annotations

import logging
import traceback

from localstory import words
from localstory.chats.kept import told
from localstory.errors import CannotContinue
from localstory.words import _
from ui.widgets.values import Trouble

log = logging.getLogger(__name__)

Buttons = tuple[tuple[str, str], ...]


def trouble(error: BaseException, buttons: Buttons = ()) -> Trouble:
    """What a card says about an error; anything but a CannotContinue is our bug, and its details help us mend it."""
    details = "".join(traceback.format_exception(error))
    if isinstance(error, CannotContinue):
        said = words.tell(error)
        stderr = "\n".join(getattr(error, "stderr", ()))
        return Trouble(said.title, said.detail, said.hint, f"{error.code}\n{stderr or details}", buttons)
    log.error("%s", details)
    return Trouble(
        _("Something went wrong inside localstory"), str(error), _("Try again. If it happens again, please report it with the details."), details, buttons
    )


def words_of(error: BaseException) -> tuple[str, str, str, str]:
    """Title, detail, hint and details of an error that was told elsewhere already: nothing goes into the log once more."""
    details = "".join(traceback.format_exception(error))
    if isinstance(error, CannotContinue):
        said = words.tell(error)
        return said.title, said.detail, said.hint, f"{error.code}\n{details}"
    return _("Something went wrong inside localstory"), str(error), "", details


def kept_trouble(record: dict[str, object], buttons: Buttons = ()) -> Trouble:
    """What a card says about an error that was kept with a message."""
    said = told(record)
    details = str(record.get("details") or f"{record['code']}\n{record['values']}")
    return Trouble(said.title, said.detail, said.hint, details, buttons)
