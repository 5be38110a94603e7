"""Temporary chats: the same as others for the person, and nowhere on the disk."""

from __future__ import annotations

import asyncio
import logging
import sqlite3
import time
from collections.abc import AsyncGenerator, Callable
from pathlib import Path

import pytest

from localstory.app import App, open_app
from localstory.chats.organise import Organiser
from localstory.chats.service import Chats, Wrote
from localstory.chats.tree import ChatId
from localstory.db import Database, DatabaseTrouble
from localstory.engines.base import TextRequest
from localstory.engines.text.fake import FakeTextEngine
from localstory.errors import BadRequest, CannotContinue, mark
from localstory.events import Changed, Hub
from localstory.models.library import starter_text_model

SECRET = "Zwiebelfisch 7391 của quỷ 🐙"


async def until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < end
        await asyncio.sleep(0.005)


class Home:
    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        self.folder = folder
        self.database = Database(folder / "chats.db")
        self.hub = Hub()
        self.heard: list[object] = []
        self.hub.listen(self.heard.append)
        self.chats = Chats(self.database, self.hub)
        self.organiser = Organiser(self.database, self.hub, self.chats.stop)
        self.chats.when_made = self.organiser.use_memory


@pytest.fixture
async def home(tmp_path: Path) -> AsyncGenerator[Home]:
    made = Home(tmp_path / "nhà")
    await made.chats.open()
    yield made
    await made.chats.close()


def texts(chats: Chats, chat: ChatId) -> list[str]:
    found = chats.get(chat)
    assert found is not None
    return [message.text for message in chats.tree(chat).path(found.tip_id)]


async def test_it_does_what_other_chats_do(home: Home) -> None:
    chats, organiser = home.chats, home.organiser
    real, _message = await chats.say(None, "thật")
    chat = await chats.new(temporary=True)
    assert chat < 0 and chats.is_temporary(chat) and not chats.is_temporary(real)
    where, asked = await chats.say(chat, SECRET)
    assert where == chat and asked < 0
    first = await chats.reply(chat, FakeTextEngine("một"))
    second = await chats.regenerate(first, FakeTextEngine("hai"))
    assert texts(chats, chat) == [SECRET, "hai"] and chats.tree(chat).place(second) == (2, 2)
    await chats.choose(first)
    assert texts(chats, chat)[-1] == "một"
    edited = await organiser.edit(asked, "khác")
    longer = await chats.answer(edited, FakeTextEngine("ba"))
    await organiser.mark(longer, "good")
    await organiser.name_branch(edited, "nhánh")
    await chats.go_on(longer, FakeTextEngine("ba bốn"))
    await chats.change(chat, system_prompt="ngắn", parameters={"temperature": 0.5})
    assert await chats.keep_draft(chat, "nháp") == chat
    found = chats.get(chat)
    assert found is not None and (found.draft, found.system_prompt, found.title) == ("nháp", "ngắn", SECRET)
    undo = await organiser.delete_message(longer)
    assert longer not in chats.tree(chat).messages
    await organiser.undo(undo)
    assert chats.tree(chat).messages[longer].mark == "good" and [one.name for one in organiser.branch_names(chat)] == ["nhánh"]
    assert (await chats.context_report(chat, FakeTextEngine())).lines
    # Ids follow one another, later ones are larger, as everywhere.
    ids = [message.id for message in sorted(chats.tree(chat).messages.values(), key=lambda message: message.created_at)]
    assert ids == sorted(ids) and max(ids) < 0
    # The others don't see it.
    assert [one.id for one in chats.all()] == [real] and [one.id for one in chats.temporary()] == [chat]
    assert chats.several([real, chat]) == chats.all() and organiser.trash() == []
    assert home.database.read(lambda connection: connection.execute("SELECT count(*) FROM message").fetchone()[0]) == 1
    assert any(isinstance(event, Changed) and event.ids == (chat,) for event in home.heard)


async def test_it_streams_and_stops_and_one_reply_at_a_time(home: Home) -> None:
    chat = await home.chats.new(temporary=True)
    await home.chats.say(chat, SECRET)
    slow = FakeTextEngine("từ " * 500, seconds_per_token=0.005)
    task = asyncio.create_task(home.chats.reply(chat, slow))
    await until(lambda: any(isinstance(event, Wrote) and event.chat_id == chat for event in home.heard))
    assert home.chats.is_writing(chat) and texts(home.chats, chat)[-1].startswith("từ")
    with pytest.raises(BadRequest):
        await home.chats.reply(chat, slow)
    with pytest.raises(BadRequest):
        await home.chats.keep_temporary(chat)
    await home.chats.stop(chat)
    await home.chats.stop(chat)
    assert task.cancelled() and home.chats.tree(chat).messages[max(home.chats.tree(chat).messages)].state == "stopped"
    broken = FakeTextEngine([CannotContinue(title=mark("Not enough disk space"))])
    with pytest.raises(CannotContinue):
        await home.chats.reply(chat, broken)
    assert home.chats.tree(chat).messages[max(home.chats.tree(chat).messages)].state == "failed"


async def test_the_engine_is_told_to_keep_nothing(home: Home) -> None:
    asked: list[TextRequest] = []

    def script(request: TextRequest) -> str:
        asked.append(request)
        return "chữ " * 40

    engine = FakeTextEngine(script, context_length=400)
    for chat in (await home.chats.new(temporary=True), await home.chats.new()):
        await home.chats.change(chat, parameters={"when_full": "summarise", "max_tokens": 60})
        for _turn in range(8):
            await home.chats.say(chat, "câu " * 30)
            await home.chats.reply(chat, engine)
            await home.chats.summarised()
        was_private = {request.private for request in asked}
        assert was_private == {chat < 0} and len(asked) > 8, "summaries too"
        asked.clear()


async def test_keeping_it_makes_a_real_one_of_all_its_branches(home: Home) -> None:
    chats = home.chats
    chat = await chats.new(temporary=True)
    await chats.say(chat, SECRET)
    first = await chats.reply(chat, FakeTextEngine("một"))
    await chats.regenerate(first, FakeTextEngine("hai"))
    await home.organiser.mark(first, "bad")
    before = texts(chats, chat)
    kept = await chats.keep_temporary(chat)
    assert kept > 0 and texts(chats, kept) == before and chats.get(chat) is None and chats.temporary() == []
    assert sorted((message.text, message.mark) for message in chats.tree(kept).messages.values()) == sorted([(SECRET, ""), ("một", "bad"), ("hai", "")])
    assert min(chats.tree(kept).messages) > 0
    await chats.say(kept, "tiếp")
    with pytest.raises(BadRequest):
        await chats.keep_temporary(chat)
    with pytest.raises(BadRequest):
        await chats.keep_temporary(kept)


async def test_a_disk_that_refuses_loses_nothing_of_it(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    chat = await home.chats.new(temporary=True)
    await home.chats.say(chat, SECRET)

    async def full(_work: object) -> None:
        raise DatabaseTrouble(title=mark("Not saved: the disk is full"))

    with monkeypatch.context() as patched:
        patched.setattr(home.database, "write", full)
        with pytest.raises(DatabaseTrouble):
            await home.chats.keep_temporary(chat)
    assert texts(home.chats, chat) == [SECRET]
    assert texts(home.chats, await home.chats.keep_temporary(chat)) == [SECRET]


async def test_ending_one_forgets_it_and_leaves_the_others(home: Home) -> None:
    gone, stays = await home.chats.new(temporary=True), await home.chats.new(temporary=True)
    for chat in (gone, stays):
        await home.chats.say(chat, f"{SECRET} {chat}")
        await home.chats.reply(chat, FakeTextEngine("vâng"))
    writing = asyncio.create_task(home.chats.reply((await home.chats.say(gone, "nữa"))[0], FakeTextEngine("từ " * 500, seconds_per_token=0.01)))
    await asyncio.sleep(0.05)
    await home.chats.end_temporary(gone)
    await home.chats.end_temporary(gone)
    assert writing.cancelled() and home.chats.get(gone) is None and len(texts(home.chats, stays)) == 2
    assert home.chats.beside is not None
    rows = home.chats.beside._database.read(lambda connection: connection.execute("SELECT text FROM message WHERE text LIKE '%nữa%'").fetchall())
    assert rows == []


def files_with(folder: Path, secret: str) -> list[str]:
    """The files under a folder that hold these words, in any of the ways that programs write text."""
    forms = [secret.encode(), secret.encode("utf-16-le"), secret.encode("utf-32-le"), ascii(secret)[1:-1].encode(), secret.encode().hex().encode()]
    found = []
    for path in folder.rglob("*"):
        if path.is_file():
            content = path.read_bytes()
            found += [path.name for form in forms if form in content]
    return found


def test_no_byte_of_it_is_on_the_disk_while_it_streams_or_after(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    """With the built-in engine, and the same with a real chat to see that the search would find it."""
    starter = starter_text_model()
    assert starter is not None
    caplog.set_level(logging.DEBUG)
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setenv("TMPDIR", str(scratch))
    monkeypatch.setattr("tempfile.tempdir", str(scratch))
    root = tmp_path / "nhà"
    kinds = {}
    for temporary in (True, False):

        async def work(app: App, temporary: bool = temporary) -> list[str]:
            await app.open_data()
            engine = app.text_engine(starter)
            chat = await app.chats.new(temporary=temporary)
            await app.chats.change(chat, parameters={"max_tokens": 24, "temperature": 0.0}, system_prompt=f"{SECRET} hệ thống")
            await app.chats.say(chat, f"{SECRET} " + "The fox went home over the hills and far away. " * 50)
            seen: list[str] = []
            task = asyncio.create_task(app.chats.reply(chat, engine))
            while not task.done():
                seen += await asyncio.to_thread(files_with, tmp_path, SECRET)
                await asyncio.sleep(0.02)
            await task
            await app.titles.settled()
            await app.chats.keep_draft(chat, f"{SECRET} nháp")
            seen += await asyncio.to_thread(files_with, tmp_path, SECRET)
            return seen

        with open_app(root) as app:
            seen = app.runtime.run(work(app))
            kv = app.home.kv
        kinds[temporary] = (bool(seen), bool(files_with(tmp_path, SECRET)), sum(1 for path in kv.rglob("*") if path.is_file()) if kv.exists() else 0)
    assert kinds[True][:2] == (False, False) and SECRET not in caplog.text
    assert kinds[False][:2] == (True, True), "the search finds what is there"
    assert kinds[False][2] > kinds[True][2], "the state of a real chat is saved, that of a temporary one is not"


def test_nothing_is_in_memory_before_the_first_and_nothing_after_the_end(tmp_path: Path) -> None:
    with open_app(tmp_path / "nhà") as app:
        app.runtime.run(app.open_data())
        assert app.chats.beside is None
        chat = app.runtime.run(app.chats.new(temporary=True))
        app.runtime.run(app.chats.say(chat, SECRET))
    assert app.chats.beside is None and app.chats.temporary() == []
    with open_app(tmp_path / "nhà") as app:
        app.runtime.run(app.open_data())
        assert app.chats.all() == [] and app.chats.get(chat) is None
        with sqlite3.connect(app.home.database) as connection:
            assert connection.execute("SELECT count(*) FROM chat").fetchone() == (0,)
        connection.close()
