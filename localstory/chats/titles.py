"""Titles by the model: asked for once, after the first reply, while nobody waits; never over a person's own."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import re
import unicodedata
from collections.abc import Callable
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

from localstory.chats import store
from localstory.chats.asking import counts_quickly
from localstory.chats.folding import fold
from localstory.chats.service import Chats
from localstory.chats.store import Chat
from localstory.chats.tree import ChatId, ChatMessage, title_from
from localstory.db import Database
from localstory.engines.base import Reply, Sampling, TextEngine, Usage
from localstory.errors import CannotContinue
from localstory.events import Changed, Hub

log = logging.getLogger(__name__)

ORIGIN = "titles"
LETTERS = 60
_MOST_WORDS = 9
_TOKENS = 32
_PATIENCE_S = 60.0
_FIRST_MESSAGES = 12
"""In all branches: a chat with more is past its first reply, and is not read."""

_WISH = "Write a short title (three to six words) for this conversation, in the language it is written in."
_WISH_VI = "Hãy viết một tiêu đề ngắn (ba đến sáu từ) bằng tiếng Việt cho cuộc trò chuyện này."
_BEGINNING, _BEGINNING_VI = 'Title: "', 'Tiêu đề: "'
"""What the answer begins with. Of 12 English first replies of SmolLM2 135M, 12 gave words that pass for a title with it, 6 without;
how good they were was not judged."""
_VIETNAMESE = re.compile(r"[ăđơưĂĐƠƯ\u1ea0-\u1ef9]")

_LABEL = re.compile(
    r"^(?:(?:the |here is |here's |a |my |sure[,!.] )*(?:conversation )?title(?: is| could be| for \w+ \w+)?|tiêu đề(?: là)?|chủ đề|topic)\s*[:：–-]\s*", re.I
)
_MARKS = re.compile(r"^(?:[#>*+•–—-]+|\d{1,2}[.)])\s+")
_AROUND = "\"'`*_~“”„‟‘’‚«»‹›「」『』《》[]<>|"
_REFUSALS = (
    "i'm sorry", "i am sorry", "sorry", "i cannot", "i can't", "i can not", "as an ai", "i'm an ai", "i am an ai", "i'm unable", "i don't", "i do not",
    "certainly", "of course", "sure", "xin lỗi", "tôi không thể", "tôi xin lỗi", "là một mô hình", "là một ai", "title of", "no title",
    "untitled", "three to six words", "here",
)  # fmt: skip


def wish_for(path: list[ChatMessage]) -> str:
    """The question, in Vietnamese where that is spoken: small models answer in the language they are asked in. Pure."""
    said = " ".join(message.text[:500] for message in path if message.role == "user")
    return _WISH_VI if len(_VIETNAMESE.findall(unicodedata.normalize("NFC", said))) * 30 >= len(said) > 0 else _WISH


def clean(text: str, said: str = "") -> str:
    """A title from what the model wrote, at most `LETTERS` letters on one line; "" when it is none: nothing but marks, a refusal, the
    question itself, a whole sentence or story, or only what was `said` before. Pure."""
    line = next((line for line in text.splitlines() if any(letter.isalnum() for letter in line)), "")
    line = "".join(" " if unicodedata.category(letter) in ("Cc", "Zl", "Zp") else letter for letter in line if not _is_unseen(letter))
    for _again in range(3):
        line = _LABEL.sub("", _MARKS.sub("", " ".join(line.split()))).strip().strip(_AROUND).strip()
    line = line.replace("**", "").replace("__", "").rstrip(".,;:。、–—- ").strip(_AROUND).strip()
    if len(line.split()) > _MOST_WORDS and len(line.split(": ")[0].split()) > 1:
        line = line.split(": ")[0]
    if len(line.split()) > _MOST_WORDS or len(line) > LETTERS * 2 or sum(letter.isalnum() for letter in line) < 2:
        return ""
    folded = fold(line)
    plain = line.lower().replace("’", "'")
    if "conversation" in plain or "cuộc trò chuyện" in plain:
        return ""  # every chat is one
    if any(plain.startswith(refusal) for refusal in _REFUSALS) or folded in fold(_WISH) or folded in fold(_WISH_VI):
        return ""
    if folded.split() == fold(said).split() or "\ufffd" in line:
        return ""
    words = folded.split()
    if len(words) > 3 and len(set(words)) <= len(words) // 2:  # going round in circles
        return ""
    return title_from(line, LETTERS)


def _is_unseen(letter: str) -> bool:
    """Halves of letters, and what turns others around; what joins letters (emoji, Persian) stays."""
    return unicodedata.category(letter) in ("Cf", "Cs", "Co") and letter not in "\u200c\u200d"


class Titles:
    """Listens for first replies. All of it belongs to the loop. What fails is silent: the first words stay the title."""

    def __init__(self, database: Database, hub: Hub, chats: Chats, is_on: Callable[[], bool]) -> None:
        self._database = database
        self._hub = hub
        self._chats = chats
        self._is_on = is_on
        self._tried: set[ChatId] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self.last_usage: Usage | None = None
        """Of the last title that was asked for."""
        chats.after_reply = self.reply_ended
        chats.before_reply = self.make_way

    def reply_ended(self, chat_id: ChatId, engine: TextEngine) -> None:
        """A reply is whole: when it was the first of its chat, ask for a title behind it."""
        if not self._is_on() or self._chats.is_temporary(chat_id) or chat_id in self._tried or self._chats.is_any_writing:
            return
        chat = self._chats.get(chat_id)
        if chat is None or chat.title_by != "words" or chat.messages > _FIRST_MESSAGES or not _is_ready(engine, chat):
            return
        path = self._chats.tree(chat_id).path(chat.tip_id)
        if sum(message.role == "assistant" for message in path) != 1 or path[-1].state != "finished" or not path[-1].text.strip():
            return
        self._tried.add(chat_id)
        task = asyncio.create_task(self._write(chat, path, engine))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def make_way(self) -> None:
        """End what is being asked for: a person goes first. Returns when the engine is free."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)

    async def settled(self) -> None:
        """Wait until no title is being written."""
        if self._tasks:
            await asyncio.wait(list(self._tasks))

    async def _write(self, chat: Chat, path: list[ChatMessage], engine: TextEngine) -> None:
        try:
            async with asyncio.timeout(_PATIENCE_S):
                # The chat as it was sent, with the wish behind it: the engine has read all but the wish.
                wish = wish_for(path)
                beginning = (_BEGINNING_VI if wish == _WISH_VI else _BEGINNING) if not chat.engine else ""
                request = await self._chats.aside(chat, path, engine, wish)
                chosen = Sampling(temperature=0.0, repeat_penalty=1.05)
                request = replace(request, max_tokens=_TOKENS, sampling=chosen, thinking=False, prefill=beginning, stop=("\n",) if beginning else ())
                ended: Reply | None = None
                async with contextlib.aclosing(engine.reply(request)) as events:
                    async for event in events:
                        if isinstance(event, Reply):
                            ended, self.last_usage = event, event.usage
        except (CannotContinue, TimeoutError) as trouble:
            log.info("no title was written: %s", getattr(trouble, "code", "timeout"))
            return
        if ended is None or (ended.stop_reason in ("length", "context") and "\n" not in ended.text.strip()):  # a story, not a title
            return
        title = clean(ended.text, next((message.text for message in path if message.role == "user"), ""))
        if not title:
            return
        is_kept: bool = await self._database.write(lambda connection: _keep(connection, chat.id, title))
        if is_kept:
            self._hub.publish(Changed("chats", (chat.id,), ORIGIN))


def _keep(connection: Any, chat: ChatId, title: str) -> bool:
    query = "UPDATE chat SET title = ?, title_by = 'model' WHERE id = ? AND title_by = 'words' AND deleted_at IS NULL"
    return bool(connection.execute(query, (store.storable(title), chat)).rowcount == 1)


def _is_ready(engine: TextEngine, chat: Chat) -> bool:
    """True where a question more costs the person nothing: our own engine with its model loaded, or a server on this computer."""
    if chat.engine:
        return urlsplit(chat.server).hostname in ("localhost", "127.0.0.1", "::1")
    return getattr(engine, "process_id", None) is not None and counts_quickly(engine)
