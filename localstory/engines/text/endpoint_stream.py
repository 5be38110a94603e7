"""How a server's bytes become lines, events and checked values. Pure."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from typing import Any

from localstory.engines.base import TokenChoice, TokenLogprob
from localstory.net.errors import BadAnswer
from localstory.words import mark

MOST_LINE_BYTES = 1 << 20


class Lines:
    """Cuts bytes into lines (\\n, \\r\\n or \\r) of at most `MOST_LINE_BYTES`. Raises BadAnswer for longer ones and for what is no UTF-8."""

    def __init__(self, host: str) -> None:
        self._host = host
        self._rest = b""
        self._first = True
        self._after_cr = False

    def feed(self, part: bytes) -> Iterator[str]:
        """The lines that are whole now, those before a bad one first."""
        if b"\r" in part or self._after_cr:
            if self._after_cr and part.startswith(b"\n"):
                part = part[1:]
            self._after_cr = part.endswith(b"\r")
            part = part.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        if b"\n" not in part:
            self._rest += part
            self._check(self._rest)
            return
        *lines, self._rest = (self._rest + part).split(b"\n")
        for line in lines:
            yield self._text(line)
        self._check(self._rest)

    def end(self) -> list[str]:
        """What stands behind the last line break."""
        rest, self._rest = self._rest, b""
        return [self._text(rest)] if rest else []

    def _check(self, line: bytes) -> None:
        if len(line) > MOST_LINE_BYTES:
            raise BadAnswer(self._host, mark("A line of its answer never ends."))

    def _text(self, line: bytes) -> str:
        self._check(line)
        if self._first:
            self._first = False
            line = line.removeprefix(b"\xef\xbb\xbf")
        try:
            return line.decode("utf-8")
        except UnicodeDecodeError as error:
            raise BadAnswer(self._host, mark("Its answer is not text in UTF-8.")) from error


class Events:
    """Server-sent events: the data of each, and whether it is called an error. What the standard has besides is skipped."""

    def __init__(self) -> None:
        self._data: list[str] = []
        self._bytes = 0
        self._name = ""

    def line(self, line: str) -> tuple[str, str] | None:
        """(name, data) when this line ends an event."""
        if not line:
            return self.end()
        if line.startswith("data:"):
            self._data.append(line[6:] if line.startswith("data: ") else line[5:])
            self._bytes += len(line)
        elif line.startswith("event:"):
            self._name = line[6:].strip()
        return None

    @property
    def is_too_large(self) -> bool:
        return self._bytes > MOST_LINE_BYTES

    def end(self) -> tuple[str, str] | None:
        """The event that stands here, if there is one."""
        name, data = self._name, "\n".join(self._data)
        has = bool(self._data)
        self._data, self._bytes, self._name = [], 0, ""
        return (name, data) if has else None


def _no_number(_text: str) -> object:
    raise ValueError("no number of JSON")


_DECODER = json.JSONDecoder(parse_constant=_no_number)


def value_of(text: str, host: str) -> dict[str, Any]:
    """The JSON object that a line holds. Raises BadAnswer for anything else, NaN and endless nesting included."""
    try:
        value = _DECODER.decode(text)
    except (ValueError, RecursionError) as error:
        page = text.lstrip()[:1] == "<"
        raise BadAnswer(host, mark("It is a web page, not a model's answer.") if page else mark("A part of its answer is no JSON.")) from error
    if not isinstance(value, dict):
        raise BadAnswer(host, mark("A part of its answer is of another kind than agreed."))
    return value


def other_kind(host: str) -> BadAnswer:
    """A field has a type it must not have."""
    return BadAnswer(host, mark("A part of its answer is of another kind than agreed."))


def text_in(value: Mapping[str, Any], name: str, host: str) -> str:
    """A text field; missing and null are empty. Raises BadAnswer for other kinds."""
    found = value.get(name)
    if found is None:
        return ""
    if not isinstance(found, str):
        raise other_kind(host)
    return found


def object_in(value: Mapping[str, Any], name: str, host: str) -> dict[str, Any]:
    """A field with an object; missing and null are empty. Raises BadAnswer for other kinds."""
    found = value.get(name)
    if found is None:
        return {}
    if not isinstance(found, dict):
        raise other_kind(host)
    return found


def _count(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 1 << 40 else None


def count_in(value: object, name: str) -> int | None:
    """A number of things; None when it is missing or makes no sense."""
    return _count(value.get(name)) if isinstance(value, dict) else None


def number_in(value: object, name: str) -> float | None:
    """A finite number from 0; None when it is missing or makes no sense."""
    found = value.get(name) if isinstance(value, dict) else None
    return float(found) if isinstance(found, int | float) and not isinstance(found, bool) and math.isfinite(found) and found >= 0 else None


def token_in(value: Mapping[str, Any], host: str) -> TokenLogprob:
    """One entry of OpenAI's `logprobs.content` (Ollama's is the same): token, logprob, bytes, top_logprobs."""

    def choice(one: object) -> TokenChoice:
        if not isinstance(one, dict):
            raise other_kind(host)
        logprob = one.get("logprob")
        if not isinstance(logprob, int | float) or isinstance(logprob, bool) or not math.isfinite(logprob):
            raise other_kind(host)
        raw = one.get("bytes")
        if isinstance(raw, list) and all(isinstance(byte, int) and 0 <= byte < 256 for byte in raw):
            return TokenChoice(bytes(raw), float(logprob))
        return TokenChoice(text_in(one, "token", host).encode("utf-8", "surrogatepass"), float(logprob))

    others = value.get("top_logprobs") or ()
    if not isinstance(others, list | tuple) or len(others) > 100:
        raise other_kind(host)
    own = choice(value)
    return TokenLogprob(own.token, own.logprob, tuple(choice(one) for one in others))


def whole_letters(text: str) -> str:
    """Half letters, which JSON can hold as `\\ud83d`, become U+FFFD, one each."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return text
