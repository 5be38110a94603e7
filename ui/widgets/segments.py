"""Cuts a markdown text into segments that are small enough to lay out within a frame. Pure, no Qt.

QTextDocument is quadratic in the length of a line without spaces (400 kB froze for 11 s) and slow on giant tables and
lists, so no segment is longer than the cap, whatever the text is.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

CAP = 2_000
"""Characters. Measured: 2,000 hold a flush of the live segment under 9 ms."""
TABLE_ROWS = 20
LINES = 150

_FENCE = re.compile(r" {0,3}(`{3,}|~{3,})(.*)$")
_FENCE_MARKS = ("`", "~")
_LIST_ITEM = re.compile(r"(?:[-*+]|\d{1,9}[.)])\s")
_TABLE_RULE = re.compile(r"\s*\|?\s*:?-+:?\s*(\|\s*:?-+:?\s*)*\|?\s*$")


@dataclass(frozen=True, slots=True)
class Segment:
    """A run of a text. `carry` is what must stand before it to be read rightly: the opener of the fence it goes on
    with, or the head of its table."""

    text: str
    carry: str = ""

    @property
    def markdown(self) -> str:
        return self.carry + self.text

    @property
    def goes_on_with_code(self) -> bool:
        """It begins inside a block of code that began before it."""
        return bool(_open_fence(self.carry))


def limit(segment: Segment, cap: int = CAP) -> int | None:
    """Where a segment must be cut at the latest, in characters; None when it is small enough.

    Rows of tables are dear: a table of 40 rows takes as long as three screens of words. So are short lines by the hundred.
    """
    text = segment.text
    for what, most in (("\n|", TABLE_ROWS), ("\n", LINES)):
        if text.count(what, 0, cap) > most:
            at = -1
            for _row in range(most):
                at = text.index(what, at + 1)
            cap = min(cap, max(at + 1, 40))
    return cap if len(text) > cap else None


def segments(text: str, cap: int = CAP, carry: str = "") -> list[Segment]:
    """The whole text in segments; their texts joined are the text again. `carry` is that of the first."""
    found: list[Segment] = []
    at = 0
    while True:
        # A window, not the rest: a megabyte is not copied for each of its parts.
        here = Segment(text[at : at + 2 * cap], carry)
        most = limit(here, cap)
        if most is None:
            return [*found, here]
        head, rest = cut(here, most)
        found.append(head)
        at, carry = at + len(head.text), rest.carry


def cut(segment: Segment, cap: int = CAP) -> tuple[Segment, Segment]:
    """Cut one segment that is too long into a head of at most `cap` characters and the rest.

    Best at a blank line between blocks, then between the items of a list, then between the rows of a table or the lines
    of code, then at any line, a space, or anywhere.
    """
    text = segment.text
    best: dict[str, tuple[int, str]] = {}
    fence, table, at = _open_fence(segment.carry), segment.carry if "|" in segment.carry and not segment.carry.lstrip().startswith(("`", "~")) else "", 0
    previous, formula = "", ""
    lines = text[: cap + 1].splitlines(keepends=True)
    if len(text) > cap + 1 and lines and not lines[-1].endswith("\n"):
        lines.pop()  # its end is not in sight
    for number, line in enumerate(lines):
        if 0 < at <= cap:
            if formula:
                pass  # a formula that stands in lines of its own is not torn
            elif fence:
                best["code"] = (at, _opener(fence))
            elif table and "|" in line:
                best["row"] = (at, table)
            elif not previous.strip() and line.strip() and not line.startswith((" ", "\t")):
                best["block"] = (at, "")
            elif line[0] in "-*+0123456789" and _LIST_ITEM.match(line):
                best["item"] = (at, "")
            else:
                best["line"] = (at, "")
        match = _FENCE.match(line.rstrip("\n")) if line.lstrip(" ")[:1] in _FENCE_MARKS else None
        if match and not fence:
            fence = match.group(0).strip()
        elif match and fence and match.group(1).startswith(_marks(fence)) and not match.group(2).strip():
            fence = ""
        if not fence:
            formula = _formula_after(line.strip(), formula)
            following = lines[number + 1] if number + 1 < len(lines) else ""
            if not table and "|" in line and "-" in following and _TABLE_RULE.match(following.rstrip("\n")):
                table = line + following
            elif table and "|" not in line:
                table = ""
        previous, at = line, at + len(line)
    if 0 < at <= cap and at < len(text) and not formula:
        best["code" if fence else "row" if table else "line"] = (at, _opener(fence) if fence else table)
    for kind, least in (("block", cap // 4), ("item", cap // 4), ("row", cap // 4), ("code", cap // 4), ("line", 1)):
        if kind in best and best[kind][0] >= least and (kind != "row" or best[kind][0] > len(best[kind][1])):
            where, carry = best[kind]
            return Segment(text[:where], segment.carry), Segment(text[where:], carry)
    space = text.rfind(" ", cap // 2, cap)
    where = space + 1 if space > 0 else cap
    if "\ud800" <= text[where - 1] <= "\udbff" or text[where : where + 1] in ("\u200d", "\ufe0f"):
        where -= 1
    return Segment(text[:where], segment.carry), Segment(text[where:], _opener(fence) if fence else "")


def _formula_after(line: str, closer: str) -> str:
    """What closes the formula that is open after this line; "" when none is. One never goes over an empty line."""
    if closer:
        return "" if closer in line or not line else closer
    opener = line[:2]
    closer = {"$$": "$$", "\\[": "\\]"}.get(opener, "")
    return closer if closer and closer not in line[2:] else ""


def _marks(fence: str) -> str:
    match = re.match(r"(`+|~+)", fence)
    return match.group(1) if match else "```"


def _opener(fence: str) -> str:
    return fence + "\n"


def _open_fence(carry: str) -> str:
    return carry.rstrip("\n") if carry.lstrip().startswith(("```", "~~~")) else ""


def soften(text: str, longest: int = 120) -> str:
    """Give words of more than `longest` characters places to break (zero-width spaces), for showing only."""
    if not re.search(rf"\S{{{longest + 1}}}", text):
        return text
    return re.sub(rf"\S{{{longest}}}(?=\S)", lambda match: match.group(0) + "\u200b", text)
