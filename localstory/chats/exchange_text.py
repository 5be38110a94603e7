"""A chat as something to read: Markdown, plain text, or its whole tree as JSON. And names for files. Pure."""

from __future__ import annotations

import unicodedata
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict
from typing import Any, Literal, TypeAlias

from localstory.chats.organising import BranchName
from localstory.chats.store import Chat
from localstory.chats.tree import ChatMessage, Tree
from localstory.words import _

Form: TypeAlias = Literal["markdown", "text", "json"]
ENDINGS: Mapping[Form, str] = {"markdown": ".md", "text": ".txt", "json": ".json"}

TREE_FORMAT = "localstory chat tree"
_LONGEST_NAME = 120
"""Bytes of a file name without its ending; file systems take 255, some cloud folders less."""
_RESERVED = {"con", "prn", "aux", "nul", *(f"{port}{number}" for port in ("com", "lpt") for number in "0123456789¹²³")}


def as_markdown(chat: Chat, path: Sequence[ChatMessage]) -> str:
    """The messages of one branch, each under who said it, word by word as they are."""
    parts = ["# " + (_one_line(chat.title) or _("Untitled"))]
    if chat.system_prompt.strip():
        parts.append("> **" + _("System prompt") + "**\n>\n" + "\n".join(f"> {line}".rstrip() for line in chat.system_prompt.strip().split("\n")))
    parts += [f"## {_who(message)}\n\n{message.text.strip()}" for message in path if message.text.strip()]
    return "\n\n".join(parts) + "\n"


def as_text(chat: Chat, path: Sequence[ChatMessage]) -> str:
    """The same without any marks."""
    parts = [_one_line(chat.title) or _("Untitled")]
    if chat.system_prompt.strip():
        parts.append(_("System prompt") + ":\n" + chat.system_prompt.strip())
    parts += [f"{_who(message)}:\n{message.text.strip()}" for message in path if message.text.strip()]
    return "\n\n".join(parts) + "\n"


def as_tree(chat: Chat, tree: Tree, names: Iterable[BranchName] = (), tags: Sequence[str] = ()) -> dict[str, Any]:
    """The chat with every message of every branch, parents by uid, for other programs. Times are milliseconds since 1970, UTC."""
    named = {name.message_id: name for name in names}
    uids = {message.id: message.uid for message in tree.messages.values()}
    told = asdict(chat)
    for name in ("id", "folder_id", "position"):
        del told[name]
    told["tip"] = uids.get(told.pop("tip_id"))
    messages = []
    for message in tree.messages.values():
        one = asdict(message)
        for name in ("id", "chat_id"):
            del one[name]
        one["parent"] = uids.get(one.pop("parent_id"))
        if (name_of := named.get(message.id)) is not None:
            one["branch"] = {"name": name_of.name, "pinned": name_of.pinned}
        messages.append(one)
    return {"format": TREE_FORMAT, "version": 1, **told, "tags": list(tags), "messages": messages, "count": len(messages)}


def _who(message: ChatMessage) -> str:
    if message.role == "user":
        return _("You")
    return _("System prompt") if message.role == "system" else _one_line(message.model) or _("Reply")


def _one_line(text: str) -> str:
    return " ".join(text.split())


def file_name(title: str, ending: str = "", taken: Collection[str] = ()) -> str:
    """A name for a file that every system takes and that leads nowhere else, unlike all of `taken` also where case and the way marks
    are written don't count. The title stays readable: letters, marks and emoji are kept."""
    kept = "".join(
        " " if letter in '<>:"/\\|?*' or unicodedata.category(letter) in ("Cc", "Cs", "Zl", "Zp") or letter in _DIRECTIONS else letter
        for letter in unicodedata.normalize("NFC", title)
    )
    name = _cut(" ".join(kept.split()).strip(". "), _LONGEST_NAME).strip(". ") or "chat"
    if name.split(".")[0].strip().lower() in _RESERVED:
        name = f"{name.split('.')[0].strip()} chat"
    used = {_alike(one) for one in taken}
    number, free = 1, f"{name}{ending}"
    while _alike(free) in used:
        number += 1
        free = f"{name} ({number}){ending}"
    return free


_DIRECTIONS = "\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\ufeff"
"""Letters that are not seen and turn others around: a name would be read as another."""


def _alike(name: str) -> str:
    return unicodedata.normalize("NFC", unicodedata.normalize("NFKD", name).casefold())


def _cut(text: str, most_bytes: int) -> str:
    return text.encode("utf-8", "replace")[:most_bytes].decode("utf-8", "ignore")
