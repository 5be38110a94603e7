"""What markdown-it does not read by itself: formulas, footnotes and task lists, as models write them."""

from __future__ import annotations

import re
from typing import Any

LONGEST_FORMULA = 2_000
"""Characters; what is longer is shown as it was written."""
_MOST_LINES = 60
_NOTE = re.compile(r"\[\^([^\]\s^]{1,40})\]:[ \t]+(?=\S)")
_NOTE_MARK = re.compile(r"\[\^([^\]\s^]{1,40})\](?!:)")
_TASK = re.compile(r"\[([ xX])\][ \t]+")
_MONEY = re.compile(r"[\d.,]+\s[^\\^_=+*/<>{}]*$")
"""An amount and words, up to the dollar of the next amount."""
_CLOSERS = {"$$": "$$", "$": "$", "\\(": "\\)", "\\[": "\\]"}


def add_rules(parser: Any) -> None:
    """Teach a parser the tokens `formula` (meta: is it a line of its own), `note_mark`, `note_open`, `note_close` and the
    attribute `class` (checked, unchecked) of `list_item_open`."""
    parser.inline.ruler.before("escape", "formula", _formula_in_line)
    parser.inline.ruler.before("link", "note_mark", _note_mark)
    stops = {"alt": ["paragraph", "reference", "blockquote", "list"]}
    parser.block.ruler.before("fence", "formula_block", _formula_block, stops)
    parser.block.ruler.before("reference", "note", _note, stops)
    parser.core.ruler.after("inline", "tasks", _tasks)


def _formula_in_line(state: Any, silent: bool) -> bool:
    """$x$, $$x$$, \\(x\\) and \\[x\\]. A dollar opens and closes only as in Pandoc: "5$ and $6" are prices."""
    text, at = state.src, state.pos
    opener = next((one for one in _CLOSERS if text.startswith(one, at)), "")
    if not opener:
        return False
    closer, begin = _CLOSERS[opener], at + len(opener)
    end = text.find(closer, begin, min(state.posMax, begin + LONGEST_FORMULA + len(closer)))
    while opener == "$" and end > 0 and text[end - 1] == "\\":
        end = text.find(closer, end + 1, state.posMax)
    tex = text[begin:end] if end > 0 else ""
    if not tex.strip() or "`" in tex or (opener == "$" and not _between_dollars(tex, text[end + 1 : end + 2])):
        return False
    if not silent:
        token = state.push("formula", "", 0)
        token.content = tex.strip()
        token.markup = opener
        token.meta = {"alone": opener in ("$$", "\\[")}
    state.pos = end + len(closer)
    return True


def _between_dollars(tex: str, after: str) -> bool:
    if tex[0].isspace() or tex[-1].isspace() or after.isdigit() or "\n" in tex:
        return False
    return _MONEY.match(tex) is None


def _formula_block(state: Any, start: int, end_line: int, silent: bool) -> bool:
    first = state.src[state.bMarks[start] + state.tShift[start] : state.eMarks[start]]
    opener = first[:2]
    if opener not in ("$$", "\\[") or state.is_code_block(start):
        return False
    closer = "$$" if opener == "$$" else "\\]"
    lines, at = [first[2:]], start
    while closer not in lines[-1]:
        at += 1
        if at >= min(end_line, start + _MOST_LINES) or state.isEmpty(at):
            return False
        lines.append(state.src[state.bMarks[at] + state.tShift[at] : state.eMarks[at]])
    last, rest = lines[-1].split(closer, 1)
    tex = "\n".join([*lines[:-1], last]).strip()
    if rest.strip(" .,;") or not tex or len(tex) > LONGEST_FORMULA:
        return False  # words follow on the line: it stands in a paragraph
    if not silent:
        state.line = at + 1
        token = state.push("formula", "", 0)
        token.block = True
        token.content = tex
        token.markup = opener
        token.map = [start, state.line]
        token.meta = {"alone": True}
    return True


def _note_mark(state: Any, silent: bool) -> bool:
    found = _NOTE_MARK.match(state.src, state.pos, state.posMax)
    if found is None:
        return False
    if not silent:
        state.push("note_mark", "", 0).content = found.group(1)
    state.pos = found.end()
    return True


def _note(state: Any, start: int, end_line: int, silent: bool) -> bool:
    """`[^1]: words`: shown where it stands, so that it needs nothing from other parts of the text."""
    found = _NOTE.match(state.src, state.bMarks[start] + state.tShift[start], state.eMarks[start])
    if found is None or state.is_code_block(start):
        return False
    if silent:
        return True
    at, lines = start + 1, [state.src[found.end() : state.eMarks[start]]]
    while at < end_line and not state.isEmpty(at) and not _NOTE.match(state.src, state.bMarks[at] + state.tShift[at]):
        lines.append(state.src[state.bMarks[at] + state.tShift[at] : state.eMarks[at]])
        at += 1
    state.line = at
    state.push("note_open", "p", 1).content = found.group(1)
    inline = state.push("inline", "", 0)
    inline.content = "\n".join(lines).strip()
    inline.map = [start, at]
    inline.children = []
    state.push("note_close", "p", -1)
    return True


def _tasks(state: Any) -> None:
    for number, token in enumerate(state.tokens):
        if number < 2 or token.type != "inline" or state.tokens[number - 2].type != "list_item_open" or not token.children:
            continue
        words = token.children[0]
        found = _TASK.match(words.content) if words.type == "text" else None
        if found is not None and (found.end() < len(words.content) or len(token.children) > 1):
            words.content = words.content[found.end() :]
            state.tokens[number - 2].attrSet("class", "unchecked" if found.group(1) == " " else "checked")
