"""Titles by the model: what counts as one, when one is asked for, and who goes first."""

from __future__ import annotations

import asyncio
import time
import unicodedata
from collections.abc import AsyncGenerator, Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from localstory.app import open_app
from localstory.chats import Chats
from localstory.chats.organise import Organiser
from localstory.chats.titles import _WISH, _WISH_VI, LETTERS, Titles, clean
from localstory.chats.tree import ChatId
from localstory.db import Database
from localstory.engines.base import TextRequest
from localstory.engines.text.fake import FakeTextEngine, Script
from localstory.errors import BadRequest, mark
from localstory.events import Hub
from localstory.models.library import starter_text_model


@pytest.mark.parametrize(
    ("written", "title"),
    [
        ("A Fox in the Snow", "A Fox in the Snow"), ('Title: "A Fox in the Snow."', "A Fox in the Snow"), ("**Title:** A Fox\n\nIt tells…", "A Fox"),
        ("\n\n# Con cáo trong tuyết\n", "Con cáo trong tuyết"), ("Tiêu đề: “Con cáo”", "Con cáo"), ("1. The First One", "The First One"),
        ("«Le renard»", "Le renard"), ("「雪の狐」", "雪の狐"), ("Why Foxes?", "Why Foxes?"), ("🦊 Fox tales", "🦊 Fox tales"),
        ("👩\u200d🚀 ở xa", "👩\u200d🚀 ở xa"),
        ("\u202eevil\u202c fox", "evil fox"),
        ("Here is a title: Snow fox", "Snow fox"), ("Fox\u2028and crow", "Fox"), ("", ""), ("...", ""), ("🦊", ""), ("\x00\x07", ""),
        ("I'm sorry, but I can't", ""), ("Xin lỗi, tôi không thể", ""), ("As an AI model", ""), (_WISH, ""), (_WISH_VI, ""), ("the the the the the the", ""),
        ("The fox went out into the snow and then it met a crow who sang.", ""), ("kể chuyện con cáo", ""), ("Kể  chuyện CON CÁO!", "Kể chuyện CON CÁO!"),
        ('Title: "The Snow Fox"', "The Snow Fox"), ('Title: "Snow Fox', "Snow Fox"), ("Awesome Conversation", ""), ("Here's a possible title for you:", ""),
        ("The Three Faces of a Fox: A Tale of Two Lives", "The Three Faces of a Fox"), ("x" * 400, ""), ("- Foxes - ", "Foxes"),
    ],
)  # fmt: skip
def test_what_counts_as_a_title(written: str, title: str) -> None:
    assert clean(written, "kể chuyện con cáo") == title


@given(st.text(max_size=300))
def test_a_title_is_one_short_clean_line_whatever_is_written(written: str) -> None:
    title = clean(written)
    assert len(title) <= LETTERS + 1 and title == title.strip() and len(title.splitlines()) <= 1
    assert not {unicodedata.category(letter) for letter in title} & {"Cc", "Cs", "Co", "Zl", "Zp"} and "\u202e" not in title
    assert not title or any(letter.isalnum() for letter in title)


class Loaded(FakeTextEngine):
    """A scripted engine that counts as loaded, as the built-in one does after a reply."""

    process_id: int | None = 1

    def __init__(self, script: Script, **named: float) -> None:
        super().__init__(script, **named)  # type: ignore[arg-type]
        self.asked: list[TextRequest] = []

    def reply(self, request: TextRequest):  # type: ignore[no-untyped-def]
        self.asked.append(request)
        return super().reply(request)


class Home:
    def __init__(self, path: Path) -> None:
        database, self.hub, self.on = Database(path / "t.db"), Hub(), True
        self.chats = Chats(database, self.hub)
        self.organiser = Organiser(database, self.hub, self.chats.stop)
        self.titles = Titles(database, self.hub, self.chats, lambda: self.on)

    async def say(self, engine: FakeTextEngine, text: str = "Tell me of a fox", chat: ChatId | None = None) -> ChatId:
        chat, _message = await self.chats.say(chat, text)
        await self.chats.reply(chat, engine)
        return chat

    def title(self, chat: ChatId) -> tuple[str, str]:
        found = self.chats.get(chat)
        assert found is not None
        return found.title, found.title_by


@pytest.fixture
async def home(tmp_path: Path) -> AsyncGenerator[Home]:
    made = Home(tmp_path)
    await made.chats.open()
    yield made
    await made.titles.make_way()
    await made.chats.close()


async def test_the_first_reply_brings_a_title_and_later_ones_nothing(home: Home) -> None:
    engine = Loaded(["There was a fox.", "A Fox in the Snow", "It slept.", "never asked for"])
    chat = await home.say(engine)
    assert home.title(chat) == ("Tell me of a fox", "words")
    await home.titles.settled()
    assert home.title(chat) == ("A Fox in the Snow", "model")
    # The chat's own prompt comes first, word by word, so that the engine need not read it again.
    assert engine.asked[1].messages[:2] == (*engine.asked[0].messages, engine.asked[1].messages[1])
    assert engine.asked[1].messages[1].text == "There was a fox." and engine.asked[1].messages[2].text == _WISH
    assert engine.asked[1].prefill == 'Title: "' and engine.asked[1].max_tokens < 50
    await home.say(engine, "And then?", chat)
    await home.titles.settled()
    assert len(engine.asked) == 3 and home.title(chat)[0] == "A Fox in the Snow"
    assert len(home.chats.tree(chat).messages) == 4  # nothing of it stands in the chat


async def test_a_vietnamese_chat_is_asked_in_vietnamese(home: Home) -> None:
    engine = Loaded(["Ngày xưa…", "Con cáo trong tuyết"])
    chat = await home.say(engine, "Kể cho tôi nghe chuyện con cáo đi")
    await home.titles.settled()
    assert engine.asked[1].messages[-1].text == _WISH_VI and home.title(chat)[0] == "Con cáo trong tuyết"


async def test_nothing_is_asked_where_it_must_not_be(home: Home) -> None:
    engine = Loaded("There was a fox.")
    home.on = False
    await home.say(engine)
    home.on = True
    named, _message = await home.chats.say(None, "Fox")
    await home.organiser.rename(named, "Mine")
    await home.chats.reply(named, engine)
    engine.process_id = None  # not loaded
    await home.say(engine)
    engine.process_id = 1
    far, _message = await home.chats.say(None, "Fox")
    await home.chats.change(far, engine="openai", server="https://models.example/v1")
    await home.chats.reply(far, engine)
    await home.titles.settled()
    assert len(engine.asked) == 4 and home.title(named) == ("Mine", "person")
    near, _message = await home.chats.say(None, "Fox")
    await home.chats.change(near, engine="ollama", server="http://127.0.0.1:11434")
    await home.chats.reply(near, engine)
    await home.titles.settled()
    assert len(engine.asked) == 6


async def until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < end
        await asyncio.sleep(0.005)


async def test_a_person_goes_first_and_it_is_not_tried_again(home: Home) -> None:
    said = iter(["There was a fox.", "A title that takes long " * 30, "Yes.", "A New Title"])
    engine = Loaded(lambda _request: next(said), seconds_per_token=0.05)
    chat = await home.say(engine)
    await until(lambda: len(engine.asked) == 2)
    begun = time.monotonic()
    await home.say(engine, "And then?", chat)
    assert time.monotonic() - begun < 1.0  # six seconds would be left of the title
    await home.titles.settled()
    assert home.title(chat) == ("Tell me of a fox", "words") and len(engine.asked) == 3


async def test_a_title_that_the_person_gives_meanwhile_stays(home: Home) -> None:
    engine = Loaded(["There was a fox.", "A Fox in the Snow"], seconds_per_token=0.02)
    chat = await home.say(engine)
    await until(lambda: len(engine.asked) == 2)
    await home.organiser.rename(chat, "Của tôi")
    await home.titles.settled()
    assert home.title(chat) == ("Của tôi", "person")


async def test_failures_and_nonsense_are_silent(home: Home) -> None:
    for second in (BadRequest(title=mark("There is nothing to send")), "", "I'm sorry, I can't.", "word " * 40):
        engine = Loaded(["There was a fox.", second])
        chat = await home.say(engine)
        await home.titles.settled()
        assert home.title(chat) == ("Tell me of a fox", "words"), second


def test_a_real_model_gives_a_title_and_has_not_lost_the_chat(tmp_path: Path) -> None:
    starter = starter_text_model()
    assert starter is not None
    with open_app(tmp_path / "nhà") as app:

        async def work() -> tuple[ChatId, int, int]:
            await app.open_data()
            chat, _message = await app.chats.say(None, "What is the capital of France?")
            await app.chats.change(chat, parameters={"max_tokens": 24, "temperature": 0.0})
            await app.chats.reply(chat, app.text_engine(starter))
            await app.titles.settled()
            read = app.titles.last_usage
            await app.chats.say(chat, "And of Italy?")
            reply = await app.chats.reply(chat, app.text_engine(starter))
            assert read is not None
            return chat, read.reused_tokens, app.chats.tree(chat).messages[reply].made_of["usage"]["reused_tokens"]

        chat, title_reused, next_reused = app.runtime.run(work())
        found = app.chats.get(chat)
    assert found is not None and found.title_by == "model" and 2 <= len(found.title) <= LETTERS + 1
    assert title_reused >= 40 and next_reused >= 50  # of the question with the template around it, and of the reply
