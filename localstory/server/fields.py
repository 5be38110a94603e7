"""The fields of a JSON object, taken out one by one; what is left over is refused by name. Pure."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from typing import Any

from localstory.server.refusals import BadField, NotAllowed
from localstory.words import mark

_MISSING = object()


def refuse(param: str, what: str, code: str = "", **values: object) -> BadField:
    """A refusal that begins with the field's name; `what` is a marked template."""
    return BadField(param, _Filled(what, values), code)


class _Filled:
    """A marked template with its values, worded when the sentence around it is."""

    def __init__(self, template: str, values: dict[str, object]) -> None:
        self._template, self._values = template, values

    def __format__(self, _spec: str) -> str:
        from localstory.words import fill

        return fill(self._template, self._values)

    def __str__(self) -> str:
        return self._template.format(**self._values)


class Fields:
    """`where` stands before the names in refusals."""

    def __init__(self, values: Mapping[str, Any], where: str = "") -> None:
        self._left = dict(values)
        self._where = f"{where}." if where else ""

    def take(self, name: str, default: Any = _MISSING) -> Any:
        """The value as it is; `default` where it is missing or null. Raises BadField when there is no default."""
        value = self._left.pop(name, None)
        if value is not None:
            return value
        if default is _MISSING:
            raise refuse(self._where + name, mark("It is missing"), code="missing_required_parameter")
        return default

    def text(self, name: str) -> str | None:
        value = self.take(name, None)
        return None if value is None else text_of(value, self._where + name)

    def flag(self, name: str) -> bool | None:
        value = self.take(name, None)
        if value is not None and not isinstance(value, bool):
            raise refuse(self._where + name, mark("It must be true or false"))
        return value

    def whole(self, name: str, low: int, high: int) -> int | None:
        value = self.take(name, None)
        if isinstance(value, float) and value.is_integer():  # JavaScript knows no other numbers
            value = int(value)
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            raise refuse(self._where + name, mark("It must be a whole number between {low} and {high}"), low=low, high=high)
        return value

    def number(self, name: str) -> float | None:
        value = self.take(name, None)
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) < 1e9:
            raise refuse(self._where + name, mark("It must be a number"))
        return float(value)

    def nothing_left(self) -> None:
        """Raises BadField for the first field that nobody took."""
        for name, value in self._left.items():
            if value is not None:
                raise refuse(self._where + name, mark("This server does not know this field"), code="unknown_parameter")


def text_of(value: object, where: str) -> str:
    """A text. Raises BadField."""
    if not isinstance(value, str):
        raise refuse(where, mark("It must be a text"))
    return value


def one_of(value: str, where: str, known: Sequence[str]) -> str:
    """One of the words. Raises BadField."""
    if value not in known:
        raise refuse(where, mark("“{value}” is none of: {known}"), value=value[:60], known=", ".join(known))
    return value


def read_json(content: bytes) -> dict[str, Any]:
    """The JSON object in a request's body; half letters (`\\ud83d` alone) become U+FFFD. Raises BadField, NotAllowed."""
    try:
        value = _DECODER.decode(content.decode("utf-8-sig"))
    except (ValueError, RecursionError) as error:
        raise _no_json() from error
    if not isinstance(value, dict):
        raise _no_json()
    return _whole(value) if b"\\u" in content else value


def _no_json() -> NotAllowed:
    return NotAllowed(400, "invalid_json", title=mark("The body is no JSON object"))


def _no_number(_text: str) -> object:
    raise ValueError("no number of JSON")


_DECODER = json.JSONDecoder(parse_constant=_no_number)


def _whole(value: Any) -> Any:
    match value:
        case str():
            return whole_text(value)
        case list():
            return [_whole(one) for one in value]
        case dict():
            return {whole_text(name): _whole(one) for name, one in value.items()}
        case _:
            return value


def whole_text(text: str) -> str:
    """With U+FFFD where a half letter stands, which no UTF-8 can hold."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return text


def finite(number: float) -> float:
    """As JSON can hold it."""
    return number if math.isfinite(number) else -9999.0
