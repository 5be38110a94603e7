"""When a chat is full its beginning can be summarised: by its own engine, for every branch that shares it, never in the way."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from localstory.chats import Chats
from localstory.chats.asking import MustChoose
from localstory.chats.kept import told
from localstory.chats.service import Waiting
from localstory.chats.store import Summary, SummaryId
from localstory.chats.summarising import SUMMARISING, NoSummary, Summarising, checkpoints_for, portion, request_for, write
from localstory.chats.tree import ChatId, ChatMessage, MessageId
from localstory.context import Counts, Item
from localstory.context.summaries import best_of, due
from localstory.db import Database
from localstory.engines.base import TextEngine, TextRequest
from localstory.engines.text.fake import FakeTextEngine
from localstory.engines.text.llama_cpp import LlamaCppEngine
from localstory.errors import BadRequest, CannotContinue
from localstory.events import Hub


def is_wish(request: TextRequest) -> bool:
    return request.messages[-1].text.startswith("Stop here for a moment.")


def writer(summary: str | Callable[[TextRequest], str] = "Mai sailed to the island and met a fox.", **given: float) -> FakeTextEngine:
    """Answers questions, and writes summaries when asked to."""

    def say(request: TextRequest) -> str:
        if not is_wish(request):
            return "Aye, so it was, and the sea was calm that day."
        return summary if isinstance(summary, str) else summary(request)

    return FakeTextEngine(say, context_length=300, **given)  # type: ignore[arg-type]


async def asked_for_one(engine: FakeTextEngine) -> None:
    for _turn in range(1000):
        if wishes(engine):
            return
        await asyncio.sleep(0.01)
    raise AssertionError("nobody asked for a summary")


def wishes(engine: FakeTextEngine) -> list[TextRequest]:
    return [request for request in engine.requests if is_wish(request)]


async def turn(chats: Chats, chat_id: ChatId | None, text: str, engine: FakeTextEngine) -> tuple[ChatId, ChatMessage]:
    where, _question = await chats.say(chat_id, text)
    if chat_id is None:
        await chats.change(where, parameters={"when_full": "summarise", "max_tokens": 40})
    reply = await chats.reply(where, engine)
    return where, chats.tree(where).messages[reply]


async def talk(chats: Chats, engine: FakeTextEngine, turns: int, chat_id: ChatId | None = None, *, wait: bool = True) -> tuple[ChatId, list[ChatMessage]]:
    replies = []
    for number in range(turns):
        chat_id, reply = await turn(chats, chat_id, f"and what of wave number {number}, was it high?", engine)
        replies.append(reply)
        if wait:
            await chats.summarised()
    assert chat_id is not None
    return chat_id, replies


async def answered(chats: Chats, chat_id: ChatId, engine: TextEngine) -> ChatMessage:
    reply = await chats.reply(chat_id, engine)
    return chats.tree(chat_id).messages[reply]


async def long_chat(chats: Chats, turns: int, letters: str = "a wave of the sea") -> ChatId:
    """A chat that grew without any engine."""
    chat_id, _question = await chats.say(None, "How does it begin?")
    await chats.change(chat_id, parameters={"when_full": "summarise", "max_tokens": 40})

    def many(connection: object) -> None:
        from localstory.chats import store

        for number in range(turns):
            tip = store.chat(connection, chat_id).tip_id  # type: ignore[arg-type, union-attr]
            answer = store.add_message(connection, chat_id, tip, "assistant", f"With {letters}, number {number}.", "finished", 0)  # type: ignore[arg-type]
            store.add_message(connection, chat_id, answer, "user", f"And then, after number {number}?", "finished", 0)  # type: ignore[arg-type]

    await chats._database.write(many)
    return chat_id


async def test_the_summary_is_written_behind_the_replies_and_stands_in_the_next_request(chats: Chats) -> None:
    engine = writer()
    chat_id, replies = await talk(chats, engine, 24)
    assert all(reply.state == "finished" for reply in replies)
    made = chats.summaries(chat_id)
    assert made
    assert len(made) == len(wishes(engine)) <= 6  # seldom, in large steps
    sent = engine.requests[-1].messages
    assert (sent[0].role, made[-1].text in sent[0].text) == ("system", True)
    assert sent[1].text != "and what of wave number 0, was it high?"
    # No reply ever waited for it, and no message was ever left out without one.
    whys = {row["why"] for reply in replies for row in reply.made_of["context"]["rows"]}
    assert whys == {"fits", "summarised"}
    assert all("not_summarised" not in reply.made_of["context"] for reply in replies)


async def test_what_the_model_is_asked_begins_like_the_chat_so_that_nothing_is_read_twice(chats: Chats) -> None:
    engine = writer()
    chat_id, _replies = await talk(chats, engine, 1)
    await chats.change(chat_id, system_prompt="You are a sailor.")
    await talk(chats, engine, 24, chat_id)
    asked = wishes(engine)
    assert len(asked) >= 2
    for wish in asked:
        before = engine.requests[engine.requests.index(wish) - 1].messages
        assert wish.messages[:-1] == before[: len(wish.messages) - 1]
        assert wish.messages[0].text.startswith("You are a sailor.")
        assert len(wish.messages) > 6
    # The second builds on the first, which stands at the top.
    assert chats.summaries(chat_id)[0].text in asked[1].messages[0].text
    assert "short account at the very top" in asked[1].messages[-1].text


def test_of_two_summaries_of_the_same_messages_the_newer_one_is_used() -> None:
    history = conversation(3)
    old, new = (Summary(SummaryId(number), ChatId(1), MessageId(7), text, "", "model", "m", 0, 0) for number, text in ((1, "old"), (2, "new")))
    history = [replace(item, id="7" if at == 3 else item.id) for at, item in enumerate(history)]
    fingerprint = due(history, 4, None, 50).fingerprint
    kept = [replace(old, fingerprint=fingerprint), replace(new, fingerprint=fingerprint)]
    best = best_of(checkpoints_for(kept, history), history)
    assert best is not None
    assert best.text.endswith("new")
    assert checkpoints_for(kept, history[:3]) == []


async def test_a_chat_that_is_long_already_is_summarised_before_its_reply_in_portions(chats: Chats, hub: Hub) -> None:
    heard: list[object] = []
    hub.listen(heard.append)
    engine = writer(lambda request: f"Summary of {len(request.messages)} messages.")
    chat_id = await long_chat(chats, 60)
    reply = await answered(chats, chat_id, engine)
    assert reply.state == "finished"
    made = chats.summaries(chat_id)
    assert len(made) > 2
    assert [one.message_id for one in made] == sorted({one.message_id for one in made})
    assert {row["why"] for row in reply.made_of["context"]["rows"]} == {"fits", "summarised"}
    assert any(isinstance(event, Waiting) and event.progress.stage == SUMMARISING for event in heard)
    assert max(len(request.messages) for request in wishes(engine)) < 60
    count = len(engine.requests)
    await chats.say(chat_id, "And now?")
    await chats.reply(chat_id, engine)
    assert len(engine.requests) == count + 1  # used again


async def test_branches_share_it_and_one_that_leaves_earlier_gets_its_own(chats: Chats) -> None:
    engine = writer()
    chat_id = await long_chat(chats, 30)
    first = await chats.reply(chat_id, engine)
    await chats.summarised()
    written = len(wishes(engine))
    await chats.regenerate(first, engine)
    assert len(wishes(engine)) == written
    # A branch that leaves in the middle of what the summary stands for, and grows as long.
    path = chats.tree(chat_id).path(first)
    last = max(one.message_id for one in chats.summaries(chat_id))
    fork = next(message for message in path if message.role == "assistant" and message.id < last)

    def branch(connection: object) -> None:
        from localstory.chats import store

        store.set_tip(connection, chat_id, fork.id)  # type: ignore[arg-type]
        for number in range(40):
            store.add_message(connection, chat_id, store.chat(connection, chat_id).tip_id, "user", f"Another road, mile {number}?", "finished", 0)  # type: ignore[arg-type, union-attr]
            store.add_message(connection, chat_id, store.chat(connection, chat_id).tip_id, "assistant", "A long and dusty road.", "finished", 0)  # type: ignore[arg-type, union-attr]

    await chats._database.write(branch)
    _chat, reply = await turn(chats, chat_id, "And here?", engine)
    assert reply.state == "finished"

    new = [one for one in chats.summaries(chat_id) if one.message_id > first]
    assert new
    told_of = " ".join(message.text for request in wishes(engine)[written:] for message in request.messages[:-1])
    assert "Another road, mile 0?" in told_of
    # The old branch still has its own.
    await chats.choose(first)
    standing = await chats.standing(chat_id, engine)
    assert standing.summary is not None
    assert standing.summary.message_id == last


@pytest.mark.parametrize("bad", ["", "   \n", "word " * 400])
async def test_a_summary_that_is_none_costs_the_oldest_messages_and_never_the_reply(chats: Chats, bad: str) -> None:
    engine = writer(bad)
    chat_id = await long_chat(chats, 40, letters="one wave")
    reply = await answered(chats, chat_id, engine)
    assert reply.state == "finished"
    context = reply.made_of["context"]
    if not chats.summaries(chat_id):
        assert {"oldest", "fits"} == {row["why"] for row in context["rows"]}
        assert context["not_summarised"]["code"] == "no_summary"
        assert "left out instead" in told(context["not_summarised"]).detail
        count = len(wishes(engine))
        await chats.regenerate(reply.id, engine)
        assert len(wishes(engine)) == count  # not tried at every turn
    else:
        assert bad.strip()  # it was cut to the length that was asked for


async def test_an_engine_that_fails_at_it_costs_the_oldest_messages_with_the_reason(chats: Chats) -> None:
    def fail(_request: TextRequest) -> str:
        raise CannotContinue(title="The engine fell over")

    engine = writer(fail)
    chat_id = await long_chat(chats, 30)
    reply = await answered(chats, chat_id, engine)
    assert (reply.state, reply.text) == ("finished", "Aye, so it was, and the sea was calm that day.")
    assert reply.made_of["context"]["not_summarised"]["title"] == "The engine fell over"


async def test_a_person_can_skip_the_wait(chats: Chats) -> None:
    engine = writer("word " * 30, seconds_per_token=0.2)
    chat_id = await long_chat(chats, 30)
    asked = asyncio.create_task(chats.reply(chat_id, engine))
    await asked_for_one(engine)
    engine._seconds = 0.0
    chats.skip_summary(chat_id)
    done = await asked
    reply = chats.tree(chat_id).messages[done]
    assert reply.state == "finished"
    assert "skipped" in told(reply.made_of["context"]["not_summarised"]).detail
    assert not chats.summaries(chat_id)


async def test_stopping_while_it_is_summarised_stops_the_reply(chats: Chats) -> None:
    engine = writer("word " * 30, seconds_per_token=0.2)
    chat_id = await long_chat(chats, 30)
    asked = asyncio.create_task(chats.reply(chat_id, engine))
    await asked_for_one(engine)
    await chats.stop(chat_id)
    assert asked.cancelled()
    assert not engine._turn.locked()  # nobody goes on writing behind the person's back
    tip = chats.get(chat_id).tip_id  # type: ignore[union-attr]
    assert chats.tree(chat_id).messages[tip].state == "stopped"  # type: ignore[index]
    engine._seconds = 0.0
    assert (await answered(chats, chat_id, engine)).state == "finished"


async def test_a_question_goes_before_a_summary_that_is_being_written(chats: Chats, hub: Hub) -> None:
    engine = writer("word " * 30)
    heard: list[object] = []
    hub.listen(heard.append)
    chat_id: ChatId | None = None
    for number in range(40):
        chat_id, reply = await turn(chats, chat_id, f"and what of wave number {number}, was it high?", engine)
        if chats._writers.behind:
            break
    assert chats._writers.behind == {chat_id}
    engine._seconds = 30.0
    await asked_for_one(engine)
    asked = asyncio.create_task(turn(chats, chat_id, "And quickly?", engine))
    await asyncio.sleep(0.05)
    assert not chats._writers.behind
    engine._seconds = 0.0
    asked.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asked
    ended = [event for event in heard if isinstance(event, Summarising)]
    assert ended[-1].share is None
    _chat, reply = await turn(chats, chat_id, "And now?", engine)
    assert reply.state == "finished"


async def test_closing_ends_a_summary_that_is_being_written(tmp_path: Path) -> None:
    chats = Chats(Database(tmp_path / "x.db"), Hub())
    await chats.open()
    engine = writer("word " * 30)
    chat_id: ChatId | None = None
    while not chats._writers.behind:
        chat_id, _reply = await turn(chats, chat_id, "and what of the next wave, was it high?", engine)
    engine._seconds = 60.0
    await asyncio.wait_for(chats.close(), 5)
    assert not chats._writers.behind


async def test_a_person_reads_changes_and_deletes_it(chats: Chats) -> None:
    engine = writer()
    chat_id = await long_chat(chats, 30)
    await chats.reply(chat_id, engine)
    await chats.summarised()
    used = (await chats.standing(chat_id, engine)).summary
    assert used is not None
    with pytest.raises(BadRequest):
        await chats.change_summary(used.id, "  ")
    await chats.change_summary(used.id, "Mai đã gặp con cáo 🦊.")
    await turn(chats, chat_id, "And?", engine)
    assert "Mai đã gặp con cáo 🦊." in engine.requests[-1].messages[0].text
    assert (await chats.standing(chat_id, engine)).summary.written_by == "person"  # type: ignore[union-attr]
    before = len(wishes(engine))
    for one in chats.summaries(chat_id):
        await chats.delete_summary(one.id)
    await turn(chats, chat_id, "And then?", engine)
    assert len(wishes(engine)) > before
    assert "con cáo" not in engine.requests[-1].messages[0].text
    await chats.undelete_summary(used.id)
    assert used.id in [one.id for one in chats.summaries(chat_id)]


async def test_ask_stops_before_anything_is_sent_and_a_choice_goes_on(chats: Chats) -> None:
    engine = writer()
    chat_id = await long_chat(chats, 30)
    await chats.change(chat_id, parameters={"when_full": "ask", "max_tokens": 40})
    with pytest.raises(MustChoose) as refusal:
        await chats.reply(chat_id, engine)
    assert refusal.value.code == "context_ask"
    assert not engine.requests
    chat = chats.get(chat_id)
    assert chat is not None
    asked = chats.tree(chat_id).messages[chat.tip_id]  # type: ignore[index]
    assert (asked.state, asked.trouble and asked.trouble["code"]) == ("failed", "context_ask")
    await chats.change(chat_id, parameters={"when_full": "summarise", "max_tokens": 40})
    reply = await chats.regenerate(asked.id, engine)
    tree = chats.tree(chat_id)
    assert tree.place(reply) == (1, 1)  # the question to the person leaves no version behind
    assert tree.messages[reply].state == "finished"


async def test_thoughts_go_into_no_summary(chats: Chats) -> None:
    engine = writer()
    chat_id = await long_chat(chats, 30, letters="</think><think>hidden</think>a wave")
    tree = chats.tree(chat_id)
    assert any("hidden" in message.text for message in tree.messages.values())

    def thoughtful(connection: object) -> None:
        from localstory.chats import store

        answer = store.add_message(connection, chat_id, store.chat(connection, chat_id).tip_id, "assistant", "<think>SECRET</think>Aye.", "finished", 0)  # type: ignore[arg-type, union-attr]
        store.add_message(connection, chat_id, answer, "user", "So?", "finished", 0)  # type: ignore[arg-type]

    await chats._database.write(thoughtful)
    await chats.reply(chat_id, engine)
    assert all("SECRET" not in message.text for request in engine.requests for message in request.messages)


def conversation(turns: int, text: str = "x") -> list[Item]:
    return [item for number in range(turns) for item in (Item("history", text, "user", f"u{number}"), Item("history", text, "assistant", f"a{number}"))]


@pytest.mark.parametrize(("room", "covered"), [(10, 2), (40, 4), (45, 4), (60, 6), (10_000, 20)])
def test_a_portion_is_whole_turns_that_fit_and_one_at_least(room: int, covered: int) -> None:
    history = conversation(10)
    part = portion(due(history, 20, None, 50), history, {"x": 8}, room, 2)
    assert len(part.covers) == covered
    assert part.fingerprint == due(history, covered, None, 50).fingerprint
    further = portion(due(history, 20, due(history, 4, None, 50).written("s"), 50), history, {"x": 8}, room, 2)
    assert len(further.covers) == min(20, 4 + covered)


async def test_a_summary_longer_than_what_it_stands_for_is_none() -> None:
    history = conversation(2, "a few words")
    asked = due(history, 4, None, 50)
    with pytest.raises(NoSummary, match="longer"):
        await write(asked, history, writer("word " * 20), Counts(), lambda _progress: None)
    _part, text = await write(asked, history, writer("They spoke."), Counts(), lambda _progress: None)
    assert text == "They spoke."


async def test_without_room_for_a_summary_none_is_asked_for() -> None:
    engine = writer()
    engine._context_length = 90
    with pytest.raises(NoSummary, match="no room"):
        await write(due(conversation(2), 4, None, 50), conversation(2), engine, Counts(), lambda _progress: None)
    assert not engine.requests


def test_texts_too_long_for_the_engine_are_cut_for_the_summary_only() -> None:
    history = conversation(1, "đ" * 1000)
    request = request_for(due(history, 2, None, 50), "Be kind.", {"đ" * 1000: 1000}, 500)
    assert [len(message.text) for message in request.messages[1:3]] == [226, 226]
    assert request.messages[0].text == "Be kind."


@pytest.mark.slow
async def test_the_starter_model_summarises_its_own_chat(tmp_path: Path, smollm2: Path) -> None:
    chats = Chats(Database(tmp_path / "đ.db"), Hub())
    await chats.open()
    engine = LlamaCppEngine(smollm2, context_length=512)
    try:
        chat_id = await long_chat(chats, 20, letters="Mai in her red boat on the wide sea")
        await chats.change(chat_id, system_prompt="You are a sailor. Answer in one short sentence.", parameters={"when_full": "summarise", "max_tokens": 24})
        for question in ("Who has a red boat?", "And what was that?"):
            reply = await answered(chats, chat_id, engine)
            context = reply.made_of["context"]
            assert (reply.state, context.get("not_summarised")) == ("finished", None)
            assert context["total"] == reply.made_of["usage"]["prompt_tokens"] <= 512 - 24
            assert {row["why"] for row in context["rows"]} == {"fits", "summarised"}
            await chats.say(chat_id, question)
        assert 1 <= len(chats.summaries(chat_id)) <= 4
    finally:
        await chats.close()
        await engine.close()
