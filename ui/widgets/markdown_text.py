"""Markdown as plain words: what a person sees, to be found and to be copied. Pure; takes parsed tokens."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any
from urllib.parse import urlsplit

BIDI = dict.fromkeys([*range(0x202A, 0x202F), *range(0x2066, 0x206A)])
"""Marks that turn the direction of writing: they can make a link's text lie about where it goes."""
PICTURE = "\ufffc"
"""What Qt's text has in the place of a picture: a drawn formula is one."""


def web_host(address: str) -> str:
    """The host of a web address; "" for anything else."""
    try:
        parts = urlsplit(address)
        return (parts.hostname or "") if parts.scheme in ("http", "https") else ""
    except ValueError:
        return ""


def picture_words(token: Any, word: str) -> str:
    """What stands for a picture that is not loaded: its name and the host it would come from, or its address."""
    name, address = " ".join(token.content.translate(BIDI).split())[:80], str(token.attrs.get("src", "")).translate(BIDI)
    said = ", ".join(part for part in (name, web_host(address)) if part) or (address if len(address) <= 60 else address[:59] + "…")
    return f"[{word.format(name=said)}]"


def shown_lines(tokens: Sequence[Any], image_word: str, is_drawn: Callable[[Any], bool] = lambda _token: True, *, from_above: bool = False) -> list[str]:
    """The words in the order in which they stand on the screen: a paragraph, an item, a cell, a line of code each.
    `is_drawn` tells which formulas are pictures there."""
    found: list[str] = []
    before = ""
    for token in tokens:
        if token.type == "inline":
            found.append(before + inline_words(token.children or [], image_word, is_drawn).replace("\n", "\u2028"))
            before = ""
        elif token.type == "formula":
            found.append(PICTURE if is_drawn(token) else token.content)
        elif token.type in ("fence", "code_block"):
            # A block of code that began further up says its language there.
            found += [*([] if from_above and token is tokens[0] else [language_of(token)]), *token.content.rstrip("\n").split("\n")]
        elif token.type == "note_open":
            before = f"{token.content}. "
    return [line.replace("\u200b", "") for line in found]


def language_of(token: Any) -> str:
    """The language that a block of code names, or ""."""
    return str(token.info).strip().split(" ")[0] if token.info else ""


def inline_words(tokens: Sequence[Any], image_word: str, is_drawn: Callable[[Any], bool] | None = None) -> str:
    """The words of a paragraph as they are shown, or (None) as they are copied."""
    parts: list[str] = []
    for token in tokens:
        if token.type in ("softbreak", "hardbreak"):
            parts.append("\n")
        elif token.type == "image":
            parts.append(picture_words(token, image_word))
        elif token.type == "formula":
            parts.append(token.content if is_drawn is None else PICTURE if is_drawn(token) else f"\u00a0{token.content}\u00a0")
        elif token.type == "code_inline":
            parts.append(token.content if is_drawn is None else f"\u00a0{token.content}\u00a0")
        elif token.type == "note_mark" and is_drawn is None:
            parts.append(f"[{token.content}]")
        else:
            parts.append(token.content)
    return "".join(parts)


def plain(tokens: Sequence[Any], image_word: str) -> str:
    """The whole as text to paste where no Markdown is read: lists keep their marks, cells are parted by tabs."""
    out: list[str] = []
    lists: list[int | None] = []
    """The next number of each open list; None: it has bullets."""
    mark = ""
    cells: list[str] | None = None
    for token in tokens:
        kind = token.type
        if kind in ("bullet_list_open", "ordered_list_open"):
            lists.append(int(token.attrs.get("start", 1)) if kind == "ordered_list_open" else None)
        elif kind in ("bullet_list_close", "ordered_list_close"):
            lists.pop()
            if not lists:
                out.append("")
        elif kind == "list_item_open":
            number = lists[-1]
            box = {"checked": "[x] ", "unchecked": "[ ] "}.get(str(token.attrs.get("class", "")), "")
            mark = "  " * (len(lists) - 1) + (f"{number}. " if number is not None else "• ") + box
            if number is not None:
                lists[-1] = number + 1
        elif kind == "tr_open":
            cells = []
        elif kind == "tr_close":
            out.append("\t".join(cells or []))
            cells = None
        elif kind == "inline":
            words = inline_words(token.children or [], image_word)
            if cells is not None:
                cells.append(words)
                continue
            indent = " " * len(mark) if mark else "  " * len(lists)
            lines = words.split("\n")
            out += [(mark or "  " * len(lists)) + lines[0], *(indent + line for line in lines[1:])]
            mark = ""
        elif kind in ("fence", "code_block", "formula"):
            out += [*token.content.rstrip("\n").split("\n"), ""]
        elif kind == "note_open":
            mark = f"{token.content}. "
        elif kind == "hr":
            out += ["———", ""]
        elif kind in ("heading_close", "table_close", "note_close") or (kind == "paragraph_close" and not token.hidden and not lists):
            out.append("")
    return "\n".join(out).replace("\u200b", "").strip("\n")
