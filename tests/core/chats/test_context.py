"""Long chats go on, and each reply tells what the model was sent."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from localstory.chats import Chats
from localstory.chats.asking import ContextFull, items_for
from localstory.chats.store import Chat
from localstory.chats.tree import ChatId, ChatMessage, MessageId
from localstory.db import Database
from localstory.engines.base import OnProgress, PromptTooLong, Reply, Role, Stream, TextEvent, TextPiece, TextRequest, Timing, Usage
from localstory.engines.text.fake import FakeTextEngine
from localstory.engines.text.llama_cpp import LlamaCppEngine
from localstory.errors import BadRequest
from localstory.events import Hub


class CountingEngine(FakeTextEngine):
    """Remembers what it was asked to count."""

    def __init__(self, script: str = "Yes, so it is.", context_length: int = 300) -> None:
        super().__init__(script, context_length=context_length)
        self.counted: list[str] = []

    async def count_many(self, texts: Sequence[str], report: OnProgress | None = None) -> list[int]:
        self.counted += texts
        return await super().count_many(texts, report)


async def turn(chats: Chats, chat_id: ChatId | None, text: str, engine: FakeTextEngine) -> tuple[ChatId, ChatMessage]:
    where, _question = await chats.say(chat_id, text)
    reply = await chats.reply(where, engine)
    return where, chats.tree(where).messages[reply]


async def test_a_chat_of_100_turns_goes_on_in_a_small_window(chats: Chats) -> None:
    engine = CountingEngine()
    chat_id: ChatId | None = None
    beginnings = set()
    for number in range(100):
        chat_id, reply = await turn(chats, chat_id, f"question {number} is this one here", engine)
        assert reply.state == "finished"
        context = reply.made_of["context"]
        assert context["total"] == reply.made_of["usage"]["prompt_tokens"] <= 300 - context["reply_reserve"]
        sent = engine.requests[-1].messages
        assert sent[-1].text == f"question {number} is this one here"
        beginnings.add(sent[0].text)
    gone = [row for row in context["rows"] if row["state"] == "left_out"]
    assert [(row["why"], row["kind"]) for row in gone] == [("oldest", "history")]
    assert len(context["rows"]) == 3
    assert len(beginnings) < 30  # the cut moved seldom
    # Each message was counted once, however often it was sent.
    assert len(engine.counted) == len(set(engine.counted)) < 230


async def test_the_report_tells_what_the_next_request_holds(chats: Chats) -> None:
    engine = CountingEngine()
    chat_id, _reply = await turn(chats, None, "Tell me of the sea", engine)
    await chats.change(chat_id, system_prompt="Be kind, be short.", parameters={"max_tokens": 100})
    report = await chats.context_report(chat_id, engine, "And of the fox?")
    assert [(line.kind, line.tokens, line.state) for line in report.lines] == [
        ("system", 4, "in"), ("history", 5, "in"), ("history", 4, "in"), ("draft", 4, "in"),
    ]  # fmt: skip
    assert report.by_kind == {"system": 4, "history": 9, "draft": 4}
    assert report.window.reply_reserve == 100
    assert report.free_tokens == 300 - 100 - 17
    await chats.say(chat_id, "And of the fox?")
    assert (await chats.context_report(chat_id, engine)).by_kind == report.by_kind
    assert [message.role for message in chats.tree(chat_id).messages.values()] == ["user", "assistant", "user"]
    with pytest.raises(BadRequest):
        await chats.context_report(ChatId(999), engine)


async def test_a_chat_that_is_to_stop_when_full_says_so_and_sends_nothing(chats: Chats) -> None:
    engine = CountingEngine()
    chat_id, _reply = await turn(chats, None, "word " * 120, engine)
    await chats.change(chat_id, parameters={"when_full": "stop"})
    with pytest.raises(ContextFull) as refusal:
        await turn(chats, chat_id, "word " * 60, engine)
    assert "300" in str(refusal.value)
    assert refusal.value.code == "context_full"
    assert len(engine.requests) == 1
    await chats.change(chat_id, parameters={"when_full": "drop_oldest"})
    _chat, reply = await turn(chats, chat_id, "now", engine)
    assert reply.state == "finished"


async def test_a_long_question_gets_the_room_of_the_reply_before_it_is_refused(chats: Chats) -> None:
    engine = CountingEngine()
    chat_id, reply = await turn(chats, None, "word " * 260, engine)
    assert reply.made_of["context"]["reply_reserve"] == 300 // 16
    with pytest.raises(PromptTooLong) as refusal:
        await turn(chats, chat_id, "word " * 290, engine)
    assert refusal.value.context_length == 300
    assert refusal.value.prompt_tokens >= 290


class ThinkingEngine(FakeTextEngine):
    async def reply(self, request: TextRequest) -> Stream[TextEvent]:
        self.requests.append(request)
        yield TextPiece("They greet ", "reasoning")
        yield TextPiece("me.", "reasoning")
        yield TextPiece("Hello.")
        yield Reply("Hello.", Usage(1, 0, 3), Timing(0, 0, 0, 0, None), "end", "m", "fake", 1, reasoning="They greet me.")


async def test_thoughts_are_kept_apart_and_never_sent_again(chats: Chats) -> None:
    engine = ThinkingEngine()
    chat_id, reply = await turn(chats, None, "Hi", engine)
    assert (reply.text, reply.made_of["reasoning"]) == ("Hello.", "They greet me.")
    await turn(chats, chat_id, "And now?", engine)
    assert [message.text for message in engine.requests[-1].messages] == ["Hi", "Hello.", "And now?"]
    report = await chats.context_report(chat_id, engine)
    assert [line.reasoning_tokens for line in report.lines] == [0, 3, 0, 3]


def said(number: int, role: Role, text: str) -> ChatMessage:
    return ChatMessage(MessageId(number), f"u{number}", ChatId(1), MessageId(number - 1) if number > 1 else None, role, text, "finished")


def test_what_is_history_and_what_is_the_question() -> None:
    chat = Chat(ChatId(1), "u", "t", None, "", "", "", {}, 0, 0)
    path = [said(1, "user", "Hi"), said(2, "assistant", "<think>Hm.</think>Hello."), said(3, "assistant", ""), said(4, "user", "A"), said(5, "user", "B")]
    assert [(item.kind, item.text) for item in items_for(chat, path)] == [("history", "Hi"), ("history", "Hello."), ("history", "A"), ("draft", "B")]
    assert [item.kind for item in items_for(chat, path[:2])] == ["history", "history"]
    assert [item.kind for item in items_for(chat, path[:2], "new")] == ["history", "history", "draft"]
    assert items_for(chat, path)[1].reasoning == "<think>Hm.</think>"
    assert items_for(chat, [], None) == []


class Brief(LlamaCppEngine):
    """The real engine, of few words: the room kept for the reply is as large as for a long one, the test is not."""

    def reply(self, request: TextRequest) -> Stream[TextEvent]:
        return super().reply(replace(request, max_tokens=6))


@pytest.mark.slow
@pytest.mark.timeout(600)
async def test_a_chat_of_300_turns_goes_on_with_the_starter_model_and_the_report_is_exact(tmp_path: Path, smollm2: Path) -> None:
    chats = Chats(Database(tmp_path / "long.db"), Hub())
    await chats.open()
    engine = Brief(smollm2, context_length=8192)
    try:
        chat_id, _question = await chats.say(None, "Xin chào! We tell each other of the sea 🐉, turn by turn." + " On and on." * 110)
        await chats.change(chat_id, system_prompt="You are a sailor. Answer in a few words.", parameters={"max_tokens": 4000, "temperature": 0.0})

        def many(connection: object) -> None:
            from localstory.chats import store

            for number in range(299):
                tip = store.chat(connection, chat_id).tip_id  # type: ignore[arg-type, union-attr]
                answer = store.add_message(connection, chat_id, tip, "assistant", f" Aye, wave {number} was high.\n\nđẹp 🐉" * 2, "finished", 0)  # type: ignore[arg-type]
                store.add_message(connection, chat_id, answer, "user", f"And wave {number + 1}? " + "Tell me more of it. " * (number % 9), "finished", 0)  # type: ignore[arg-type]

        await chats._database.write(many)
        shares = []
        for number in range(4):
            began = time.monotonic()
            reply_id = await chats.reply(chat_id, engine)
            reply = chats.tree(chat_id).messages[reply_id]
            usage, context = reply.made_of["usage"], reply.made_of["context"]
            assert (reply.state, context["total"]) == ("finished", usage["prompt_tokens"])
            assert sum(context["by_kind"].values()) == usage["prompt_tokens"] <= 8192 - 4000
            shares.append(usage["reused_tokens"] / usage["prompt_tokens"])
            print(f"turn {number}: {usage}, {context['by_kind']}, {time.monotonic() - began:.2f} s")
            await chats.say(chat_id, f"Go on, please: what of wave {300 + number}?")
        assert any(row["why"] == "oldest" for row in context["rows"])
        assert shares[0] == 0
        assert min(shares[1:]) > 0.95
        report = await chats.context_report(chat_id, engine)
        reply_id = await chats.reply(chat_id, engine)
        assert chats.tree(chat_id).messages[reply_id].made_of["usage"]["prompt_tokens"] == report.total_tokens
    finally:
        await chats.close()
        await engine.close()
