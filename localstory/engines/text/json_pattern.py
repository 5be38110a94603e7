"""Regular expressions of JSON schemas (`pattern`, ECMA-262) as GBNF, for texts as they stand in JSON: a quote is two characters there. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable

Span = tuple[int, int]
"""Code points from the first to the last, both with."""

MOST_REPEATS = 1000
_LAST = 0x10FFFF
_SURROGATES = (0xD800, 0xDFFF)
_ESCAPED = {0x22: '\\"', 0x5C: "\\\\", 0x08: "\\b", 0x0C: "\\f", 0x0A: "\\n", 0x0D: "\\r", 0x09: "\\t"}
"""What JSON writes with a backslash."""
_CLASSES: dict[str, tuple[Span, ...]] = {
    "d": ((0x30, 0x39),),
    "w": ((0x30, 0x39), (0x41, 0x5A), (0x5F, 0x5F), (0x61, 0x7A)),
    "s": (
        (0x09, 0x0D), (0x20, 0x20), (0xA0, 0xA0), (0x1680, 0x1680), (0x2000, 0x200A), (0x2028, 0x2029), (0x202F, 0x202F), (0x205F, 0x205F),
        (0x3000, 0x3000), (0xFEFF, 0xFEFF),
    ),
}  # fmt: skip
_LINE_ENDS: tuple[Span, ...] = ((0x0A, 0x0A), (0x0D, 0x0D), (0x2028, 0x2029))
_CONTROLS = {"n": 0x0A, "t": 0x09, "r": 0x0D, "f": 0x0C, "v": 0x0B, "0": 0}
_COUNT = re.compile(r"\{(\d{1,9})(,(\d{0,9}))?\}")
_HEX = re.compile(r"x([0-9A-Fa-f]{2})|u([0-9A-Fa-f]{4})|u\{([0-9A-Fa-f]{1,6})\}")


class BadSchema(ValueError):
    """A schema, or a pattern in it, that no grammar can be made of; the text says why."""


def literal(text: str) -> str:
    """This very text in GBNF."""
    return '"' + "".join({'"': '\\"', "\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t"}.get(char, char) for char in text) + '"'


def without(spans: Iterable[Span], gone: Iterable[Span]) -> list[Span]:
    """`spans`, sorted and joined, without the code points of `gone`."""
    left = _joined(spans)
    for first, last in gone:
        rest: list[Span] = []
        for start, end in left:
            rest += [(start, min(end, first - 1))] if start < first else []
            rest += [(max(start, last + 1), end)] if end > last else []
        left = [span for span in rest if span[0] <= span[1]]
    return left


def _joined(spans: Iterable[Span]) -> list[Span]:
    found: list[Span] = []
    for start, end in sorted(spans):
        if found and start <= found[-1][1] + 1:
            found[-1] = (found[-1][0], max(found[-1][1], end))
        else:
            found.append((start, end))
    return found


def one_of(spans: Iterable[Span]) -> str:
    """One character of these, as it stands within a text of JSON. Raises BadSchema for none at all."""
    wanted = _joined(spans)
    raw = without(wanted, [(0, 0x1F), (0x22, 0x22), (0x5C, 0x5C), _SURROGATES])
    choices = ["[" + "".join(_code(start) + (f"-{_code(end)}" if end > start else "") for start, end in raw) + "]"] if raw else []
    choices += [literal(written) for code, written in _ESCAPED.items() if any(start <= code <= end for start, end in wanted)]
    if not choices:
        raise BadSchema("pattern: a character that no text can hold")
    return choices[0] if len(choices) == 1 else f"({' | '.join(choices)})"


def _code(point: int) -> str:
    char = chr(point)
    if char.isascii() and char.isalnum():
        return char
    return f"\\x{point:02X}" if point < 0x100 else f"\\u{point:04X}" if point < 0x10000 else f"\\U{point:08X}"


def pattern_body(pattern: str, any_char: str) -> str:
    """What stands between the quotes of a text that the pattern matches, as one GBNF expression.

    `any_char`: the rule for any character. Without "^" or "$" anything may stand before or behind, as in JSON schemas everywhere.
    Raises BadSchema for look-around, back references, \\b and \\p.
    """
    return _Reader(pattern, any_char).whole()


class _Reader:
    def __init__(self, pattern: str, any_char: str) -> None:
        self._text, self._at, self._any = pattern, 0, any_char

    def whole(self) -> str:
        choices = [self._anchored()]
        while self._take("|"):
            choices.append(self._anchored())
        if self._at < len(self._text):
            raise self._bad("a bracket that nothing opened")
        return f"({' | '.join(choices)})"

    def _anchored(self) -> str:
        begins = self._take("^")
        parts = self._sequence()
        ends = self._take("$")
        if self._at < len(self._text) and self._text[self._at] not in "|)":
            raise self._bad("“$” before the end")
        return " ".join([*([] if begins else [f"{self._any}*"]), *parts, *([] if ends else [f"{self._any}*"])]) or '""'

    def _sequence(self) -> list[str]:
        parts: list[str] = []
        while self._at < len(self._text) and self._text[self._at] not in "|)$":
            parts.append(self._repeated(self._atom()))
        return parts

    def _repeated(self, atom: str) -> str:
        rest = self._text[self._at : self._at + 1]
        if rest and rest in "*+?":
            self._at += 1
            atom += rest
        elif (found := _COUNT.match(self._text, self._at)) is not None:
            self._at = found.end()
            low, high = int(found[1]), int(found[3]) if found[3] else (None if found[2] else int(found[1]))
            if low > MOST_REPEATS or (high is not None and not low <= high <= MOST_REPEATS):
                raise BadSchema(f"pattern: {found[0]} is out of range (0 to {MOST_REPEATS})")
            if high == 0:
                atom = '""'
            else:
                atom += f"{{{low}}}" if low == high else f"{{{low},{'' if high is None else high}}}"
        else:
            return atom
        self._take("?")  # the shortest or the longest: the same texts
        if self._text[self._at : self._at + 1] in ("*", "+", "?"):
            raise self._bad("nothing to repeat")
        return atom

    def _atom(self) -> str:
        char = self._text[self._at]
        self._at += 1
        match char:
            case "(":
                return self._group()
            case "[":
                return one_of(self._set())
            case ".":
                return one_of(without([(0, _LAST)], _LINE_ENDS))
            case "\\":
                return one_of(self._escape(in_set=False))
            case "*" | "+" | "?":
                raise self._bad("nothing to repeat")
            case "^":
                raise self._bad("“^” behind the beginning")
        return one_of([(ord(char), ord(char))])

    def _group(self) -> str:
        if self._take("?"):
            named = re.compile(r"P?<[A-Za-z_$][\w$]*>").match(self._text, self._at)
            if named is not None:
                self._at = named.end()
            elif not self._take(":"):
                raise self._bad("looking ahead or behind")
        choices = [" ".join(self._sequence()) or '""']
        while self._take("|"):
            choices.append(" ".join(self._sequence()) or '""')
        if not self._take(")"):
            raise self._bad("a group without its end, or “$” in it")
        return f"({' | '.join(choices)})"

    def _set(self) -> list[Span]:
        negated = self._take("^")
        spans: list[Span] = []
        while not self._take("]"):
            start = self._member()
            if self._text[self._at : self._at + 1] == "-" and self._text[self._at + 1 : self._at + 2] not in ("]", ""):
                self._at += 1
                end = self._member()
                if len(start) != 1 or len(end) != 1 or start[0][0] != start[0][1] or end[0][0] != end[0][1] or start[0][0] > end[0][0]:
                    raise self._bad("a range the wrong way round")
                spans.append((start[0][0], end[0][0]))
            else:
                spans += start
        return without([(0, _LAST)], spans) if negated else spans

    def _member(self) -> list[Span]:
        if self._at >= len(self._text):
            raise self._bad("“[” without its end")
        char = self._text[self._at]
        self._at += 1
        return self._escape(in_set=True) if char == "\\" else [(ord(char), ord(char))]

    def _escape(self, *, in_set: bool) -> list[Span]:
        if self._at >= len(self._text):
            raise self._bad("a backslash at the end")
        if (found := _HEX.match(self._text, self._at)) is not None:
            self._at = found.end()
            code = int(next(digits for digits in found.groups() if digits), 16)
            return [(code, code)]
        char = self._text[self._at]
        self._at += 1
        if char.lower() in _CLASSES:
            spans = list(_CLASSES[char.lower()])
            return without([(0, _LAST)], spans) if char.isupper() else spans
        if char in _CONTROLS:
            return [(_CONTROLS[char], _CONTROLS[char])]
        if char == "b" and in_set:
            return [(8, 8)]
        if char.isascii() and char.isalnum():
            raise self._bad(f"“\\{char}”")
        return [(ord(char), ord(char))]

    def _take(self, wanted: str) -> bool:
        if self._text.startswith(wanted, self._at):
            self._at += len(wanted)
            return True
        return False

    def _bad(self, what: str) -> BadSchema:
        return BadSchema(f"pattern {self._text[:80]}: {what}")
