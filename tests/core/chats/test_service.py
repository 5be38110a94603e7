from __future__ import annotations

import asyncio
import sqlite3
import time
from pathlib import Path

import pytest

from localstory.chats import Chats
from localstory.chats.kept import told
from localstory.chats.service import FLUSH_SECONDS, Waiting, Wrote
from localstory.db import Database
from localstory.engines.base import PromptTooLong, TextRequest
from localstory.engines.text.fake import FakeTextEngine
from localstory.errors import BadRequest, CannotContinue
from localstory.events import Changed, Hub

SLOW = FakeTextEngine("từng chữ một 🐉 " * 200, seconds_per_token=0.005)


async def until(condition: object, seconds: float = 5.0) -> None:
    assert callable(condition)
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited too long"
        await asyncio.sleep(0.005)


async def test_the_question_is_on_the_disk_before_the_model_hears_it(chats: Chats, tmp_path: Path) -> None:
    seen: list[str] = []

    def look(_request: TextRequest) -> str:
        with sqlite3.connect(next(tmp_path.glob("*.db"))) as other:
            seen.extend(row[0] for row in other.execute("SELECT text FROM message WHERE role = 'user'"))
        other.close()
        return "Yes."

    chat_id, _message = await chats.say(None, "Are you there?")
    await chats.reply(chat_id, FakeTextEngine(look))
    assert seen == ["Are you there?"]


async def test_a_reply_streams_and_is_kept_with_its_numbers(chats: Chats, hub: Hub) -> None:
    events: list[object] = []
    hub.listen(events.append)
    chat_id, question = await chats.say(None, "Xin chào 🐉")
    reply = await chats.reply(chat_id, FakeTextEngine("Once upon a time."))
    assert "".join(event.text for event in events if isinstance(event, Wrote)) == "Once upon a time."
    assert any(isinstance(event, Waiting) for event in events)
    assert isinstance(events[-1], Changed)
    path = chats.tree(chat_id).path(reply)
    assert [(message.role, message.text, message.state) for message in path] == [
        ("user", "Xin chào 🐉", "finished"),
        ("assistant", "Once upon a time.", "finished"),
    ]
    assert path[1].parent_id == question
    assert path[1].made_of["usage"]["generated_tokens"] == 4
    assert path[1].model == "Fake"


async def test_stop_keeps_the_words_so_far(chats: Chats) -> None:
    chat_id, _question = await chats.say(None, "Tell me")
    task = asyncio.create_task(chats.reply(chat_id, SLOW))
    await until(lambda: len(chats.tree(chat_id).path(chats.get(chat_id).tip_id)[-1].text) > 30)  # type: ignore[union-attr]
    await chats.stop(chat_id)
    assert task.cancelled()
    last = chats.tree(chat_id).path(chats.get(chat_id).tip_id)[-1]  # type: ignore[union-attr]
    assert last.state == "stopped"
    assert last.text.startswith("từng chữ một 🐉")
    assert not chats.is_writing(chat_id)


async def test_streamed_text_reaches_the_disk_within_half_a_second(chats: Chats, tmp_path: Path) -> None:
    chat_id, _question = await chats.say(None, "Tell me")
    task = asyncio.create_task(chats.reply(chat_id, SLOW))
    other = sqlite3.connect(next(tmp_path.glob("*.db")))
    try:
        await until(lambda: other.execute("SELECT text FROM message WHERE role = 'assistant'").fetchone() not in (None, ("",)), FLUSH_SECONDS + 0.5)
    finally:
        other.close()
    await chats.stop(chat_id)
    assert task.cancelled()


async def test_an_engines_error_is_kept_with_the_reply_and_worded_when_shown(chats: Chats) -> None:
    chat_id, _question = await chats.say(None, " ".join(["word"] * 50))
    with pytest.raises(PromptTooLong):
        await chats.reply(chat_id, FakeTextEngine("x", context_length=20))
    last = chats.tree(chat_id).path(chats.get(chat_id).tip_id)[-1]  # type: ignore[union-attr]
    assert last.state == "failed"
    assert last.trouble is not None
    words = told(last.trouble)
    assert "50" in words.detail
    assert "20" in words.detail


async def test_after_a_failure_the_next_reply_asks_without_the_empty_one(chats: Chats) -> None:
    engine = FakeTextEngine([CannotContinue(title="Broken"), "Better now."])
    chat_id, _question = await chats.say(None, "Hello")
    with pytest.raises(CannotContinue):
        await chats.reply(chat_id, engine)
    await chats.reply(chat_id, engine)
    assert [(message.role, message.text) for message in engine.requests[-1].messages] == [("user", "Hello")]
    tip = chats.get(chat_id).tip_id  # type: ignore[union-attr]
    assert tip is not None
    assert chats.tree(chat_id).place(tip) == (2, 2)


async def test_regenerate_makes_a_sibling_and_keeps_the_old_one(chats: Chats) -> None:
    engine = FakeTextEngine(["First.", "Second."])
    chat_id, _question = await chats.say(None, "Hello")
    first = await chats.reply(chat_id, engine)
    second = await chats.regenerate(first, engine)
    tree = chats.tree(chat_id)
    assert [tree.messages[message].text for message in tree.siblings(second)] == ["First.", "Second."]
    assert tree.place(second) == (2, 2)
    await chats.choose(first)
    assert chats.get(chat_id).tip_id == first  # type: ignore[union-attr]


async def test_two_replies_at_once_in_one_chat_are_refused(chats: Chats) -> None:
    chat_id, _question = await chats.say(None, "Hello")
    task = asyncio.create_task(chats.reply(chat_id, SLOW))
    await until(lambda: chats.is_writing(chat_id))
    with pytest.raises(BadRequest):
        await chats.reply(chat_id, SLOW)
    await chats.stop(chat_id)
    await asyncio.wait([task])


async def test_stopping_at_any_moment_leaves_nothing_streaming(chats: Chats) -> None:
    chat_id, _question = await chats.say(None, "Hello")
    for turn in range(12):
        task = asyncio.create_task(chats.reply(chat_id, FakeTextEngine("a b c d " * 50, seconds_per_token=0.0005)))
        await asyncio.sleep(0.001 * turn)
        task.cancel()
        await asyncio.wait([task])
        assert all(message.state != "streaming" for message in chats.tree(chat_id).messages.values())


async def test_closing_while_a_reply_streams_keeps_its_words(tmp_path: Path) -> None:
    chats = Chats(Database(tmp_path / "a.db"), Hub())
    await chats.open()
    chat_id, _question = await chats.say(None, "Hello")
    task = asyncio.create_task(chats.reply(chat_id, SLOW))
    await until(lambda: len(chats.tree(chat_id).path(chats.get(chat_id).tip_id)[-1].text) > 10)  # type: ignore[union-attr]
    await chats.close()
    assert task.done()
    again = Chats(Database(tmp_path / "a.db"), Hub())
    await again.open()
    last = again.tree(chat_id).path(again.get(chat_id).tip_id)[-1]  # type: ignore[union-attr]
    assert last.state == "stopped"
    assert len(last.text) > 10
    await again.close()


async def test_a_draft_is_kept_and_cleared_by_sending(chats: Chats) -> None:
    chat_id = await chats.keep_draft(None, "Nửa câu")
    assert chat_id is not None
    assert chats.get(chat_id).draft == "Nửa câu"  # type: ignore[union-attr]
    await chats.say(chat_id, "Nửa câu nữa")
    chat = chats.get(chat_id)
    assert chat is not None
    assert (chat.draft, chat.title) == ("", "Nửa câu nữa")


async def test_delete_and_undo(chats: Chats) -> None:
    chat_id, _question = await chats.say(None, "Hello")
    await chats.delete(chat_id)
    assert chats.all() == []
    await chats.undelete(chat_id)
    assert [chat.id for chat in chats.all()] == [chat_id]


async def test_any_text_comes_back_as_it_was(chats: Chats) -> None:
    for text in ("\u202eabc", "a\x00b", "👩‍👩‍👧‍👦 đường phố Việt Nam", "e\u0302\u0301", "x" * 400_000):
        chat_id, message_id = await chats.say(None, text)
        assert chats.tree(chat_id).messages[message_id].text == text
    chat_id, message_id = await chats.say(None, "half \ud83d an emoji")
    assert chats.tree(chat_id).messages[message_id].text == "half ? an emoji"


async def test_a_reply_goes_on_beside_the_old_one(chats: Chats) -> None:
    chat_id, question = await chats.say(None, "Kể đi")
    first = await chats.reply(chat_id, FakeTextEngine("Ngày xửa ngày xưa"))
    seen: list[TextRequest] = []

    def on(request: TextRequest) -> str:
        seen.append(request)
        return ", có một con cáo."

    longer = await chats.go_on(first, FakeTextEngine(on))
    tree = chats.tree(chat_id)
    assert seen[0].prefill == "Ngày xửa ngày xưa" and [message.text for message in seen[0].messages] == ["Kể đi"]
    assert tree.messages[longer].text == "Ngày xửa ngày xưa, có một con cáo."
    assert tree.messages[first].text == "Ngày xửa ngày xưa" and tree.siblings(first) == [first, longer]
    with pytest.raises(BadRequest):
        await chats.go_on(question, FakeTextEngine("x"))
