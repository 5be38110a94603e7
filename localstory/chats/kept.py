"""What is kept with a reply: how it came about, and errors as templates and values, so that they can be worded in any language later."""

from __future__ import annotations

import json
import traceback
from dataclasses import asdict
from typing import Any

from localstory import words
from localstory.engines.base import Reply
from localstory.errors import CannotContinue, Size, Word, mark
from localstory.words import Told

_OUR_BUG = mark("Something went wrong inside localstory")
_OUR_BUG_HINT = mark("Try again. If it happens again, please report it with the details.")


def record(error: BaseException) -> dict[str, Any]:
    """An error as it is kept with a message: templates and values, so that it can be worded in any language later."""
    if isinstance(error, CannotContinue):
        values = json.loads(json.dumps({name: plain(value) for name, value in error.values.items()}, default=str))
        return {"code": error.code, "title": error.title, "detail": error.detail, "hint": error.hint, "values": values}
    details = "".join(traceback.format_exception(error))
    return {"code": "bug", "title": _OUR_BUG, "detail": "", "hint": _OUR_BUG_HINT, "values": {}, "details": details}


def told(trouble: dict[str, Any]) -> Told:
    """Word a kept error in the language in use."""
    values = {name: _from_plain(value) for name, value in trouble["values"].items()}
    return Told(*(words.fill(trouble[part], values) for part in ("title", "detail", "hint")))


def plain(value: object) -> object:
    match value:
        case Size():
            return {"size_bytes": value.bytes}
        case Word():
            return {"word": value.message}
        case _:
            return value


def _from_plain(value: object) -> object:
    match value:
        case {"size_bytes": int(count)}:
            return Size(count)
        case {"word": str(message)}:
            return Word(message)
        case _:
            return value


def made_of_reply(reply: Reply) -> dict[str, Any]:
    """What is kept of how a reply came about."""
    made: dict[str, Any] = {"usage": asdict(reply.usage), "timing": asdict(reply.timing), "stop_reason": reply.stop_reason, "seed": reply.seed}
    if reply.made_with:
        made["made_with"] = json.loads(json.dumps(reply.made_with, default=str))
    if warnings := getattr(reply, "warnings", ()):
        made["warnings"] = [{"template": warned.template, "values": {name: plain(value) for name, value in warned.values.items()}} for warned in warnings]
    return made


def warnings_in(made_of: dict[str, Any]) -> list[str]:
    """What a person should know of a reply, in the language in use."""
    return [words.fill(one["template"], {name: _from_plain(value) for name, value in one["values"].items()}) for one in made_of.get("warnings", ())]
