from __future__ import annotations

import asyncio
import random
import sqlite3
from collections.abc import AsyncGenerator, Sequence
from pathlib import Path

import pytest

from localstory.chats import Chats
from localstory.chats.organise import Organiser
from localstory.chats.search import ChatSearch, Filters
from localstory.chats.several import Contender, Several, only
from localstory.chats.tree import ChatId, ChatMessage, MessageId
from localstory.db import Database
from localstory.engines.base import EngineFacts, Stream, TextEngine, TextEvent, TextRequest
from localstory.engines.text.fake import FakeTextEngine
from localstory.errors import BadRequest, CannotContinue
from localstory.events import Changed, Hub, Progress
from tests.core.chats.test_service import until


class Room:
    """The memory of a machine in which engines are loaded, and how many there were at once."""

    def __init__(self) -> None:
        self.loaded: list[str] = []
        self.most = 0
        self.order: list[str] = []


class Loading(FakeTextEngine):
    """A scripted engine that is loaded at the first need and can be unloaded, as the built-in one."""

    def __init__(self, room: Room, name: str, script: object, *, seconds: float = 0.0, length: int = 4096) -> None:
        super().__init__(script, name=name, seconds_per_token=seconds, context_length=length)  # type: ignore[arg-type]
        self.room = room

    @property
    def process_id(self) -> int | None:
        return 1 if self._name in self.room.loaded else None

    def describe(self) -> EngineFacts:
        facts = super().describe()
        return EngineFacts("llama_cpp", "1", facts.model, context_length=facts.context_length, details={"file": f"{self._name}.gguf"})

    async def count_many(self, texts: Sequence[str], report: object = None) -> list[int]:
        self.load()
        return await super().count_many(texts)

    async def reply(self, request: TextRequest) -> Stream[TextEvent]:
        self.load()
        self.room.order.append(self._name)
        async for event in super().reply(request):
            yield event

    def load(self) -> None:
        if self._name not in self.room.loaded:
            self.room.loaded.append(self._name)
        self.room.most = max(self.room.most, len(self.room.loaded))

    async def unload(self) -> None:
        await asyncio.sleep(0)
        if self._name in self.room.loaded:  # as the built-in engine: what is not loaded may be unloaded
            self.room.loaded.remove(self._name)


class Down(CannotContinue):
    code = "down"

    def __init__(self) -> None:
        super().__init__(title="{model} is down", detail="/models/geheim.gguf", hint="", model="Secret")


def contender(engine: TextEngine, *, key: str = "", stays: bool = False) -> Contender:
    async def open_engine() -> TextEngine:
        return engine

    name = engine.describe().model
    return Contender("", "", key or name, name, open_engine, stays)


class Table:
    """Everything a test needs to ask several."""

    def __init__(self, database: Database, hub: Hub, chats: Chats) -> None:
        self.room, self.hub, self.chats, self.database = Room(), hub, chats, database
        self.engines: list[TextEngine] = []
        self.several = Several(database, hub, chats, lambda kept: only(self.engines, kept), dice=random.Random(3))

    def engine(self, name: str, script: object = "Yes.", *, seconds: float = 0.0, length: int = 4096) -> Loading:
        made = Loading(self.room, name, script, seconds=seconds, length=length)
        self.engines.append(made)
        return made

    async def asked(self, text: str = "Ai là ai? 🐉") -> tuple[ChatId, MessageId]:
        return await self.chats.say(None, text)

    def answers(self, question: MessageId, chat_id: ChatId) -> list[ChatMessage]:
        tree = self.chats.tree(chat_id)
        return [tree.messages[one] for one in tree.children(question)]


@pytest.fixture
async def table(tmp_path: Path, hub: Hub) -> AsyncGenerator[Table]:
    database = Database(tmp_path / "Những câu chuyện 🐉.db")
    chats = Chats(database, hub)
    await chats.open()
    yield Table(database, hub, chats)
    await chats.close()


async def test_every_model_answers_the_same_question_and_only_one_is_in_memory(table: Table) -> None:
    chat_id, question = await table.asked()
    own = table.engine("own")
    await table.chats.reply(chat_id, own)
    engines = [table.engine(f"m{number}", f"Answer {number}", seconds=number / 500) for number in range(4)]
    heard: list[Progress] = []
    vote_id = await table.several.ask(chat_id, [contender(one) for one in engines], report=heard.append)
    answers = table.answers(question, chat_id)
    assert [(one.model, one.text, one.state) for one in answers[1:]] == [(f"m{number}", f"Answer {number}", "finished") for number in range(4)]
    assert table.room.most == 1
    assert table.room.loaded == []  # the chat's own model is loaded again when it is needed
    assert list(dict.fromkeys(one.note for one in heard)) == [f"{number + 1}/4 m{number}" for number in range(4)]
    vote = table.several.vote(vote_id)
    assert vote is not None and vote.is_open and not vote.hides
    assert [(one.place, one.message_id, one.model, one.file) for one in vote.answers] == [
        (number, answers[number].id, f"m{number - 1}", f"m{number - 1}.gguf") for number in range(1, 5)
    ]
    assert [engine.requests[0].messages[-1].text for engine in engines] == ["Ai là ai? 🐉"] * 4


async def test_a_model_that_was_loaded_before_and_needs_not_go_stays(table: Table) -> None:
    chat_id, _question = await table.asked()
    own, other = table.engine("own"), table.engine("other")
    await table.chats.reply(chat_id, own)
    await table.several.ask(chat_id, [Contender("", "", "x", "x", _raises), contender(own)])
    assert table.room.loaded == ["own"]
    await table.several.ask(chat_id, [contender(own), contender(other)])
    assert table.room.loaded == [] and table.room.most == 1


async def _raises() -> TextEngine:
    raise Down


async def test_one_that_fails_keeps_its_error_and_the_others_go_on(table: Table) -> None:
    chat_id, question = await table.asked()
    bug = table.engine("bug", lambda _request: 1 / 0)
    asked = [contender(table.engine("a")), contender(table.engine("broken", [Down()])), Contender("ollama", "http://x", "y", "y", _raises), contender(bug)]
    await table.several.ask(chat_id, [*asked, contender(table.engine("b"))])
    answers = table.answers(question, chat_id)
    assert [(one.model, one.state) for one in answers] == [("a", "finished"), ("broken", "failed"), ("y", "failed"), ("bug", "failed"), ("b", "finished")]
    assert [one.trouble["code"] for one in answers if one.trouble] == ["down", "down", "bug"]
    assert table.room.most == 1
    assert table.several.at_work(chat_id) is None


async def test_each_has_its_own_context_length(table: Table) -> None:
    chat_id, question = await table.asked("một hai " * 400)
    await table.several.ask(chat_id, [contender(table.engine("small", length=256)), contender(table.engine("large", length=4096))])
    small, large = table.answers(question, chat_id)
    assert (small.state, large.state) == ("failed", "finished")
    assert small.trouble is not None and small.trouble["code"] == "prompt_too_long"


async def test_stop_keeps_what_is_there_and_asks_no_more(table: Table) -> None:
    chat_id, question = await table.asked()
    slow = table.engine("slow", "từng chữ một 🐉 " * 200, seconds=0.005)
    third = table.engine("third")
    round_ = asyncio.create_task(table.several.ask(chat_id, [contender(table.engine("first")), contender(slow), contender(third)]))
    await until(lambda: len(table.answers(question, chat_id)) == 2 and len(table.answers(question, chat_id)[1].text) > 20)
    assert table.chats.is_writing(chat_id)
    await asyncio.gather(table.chats.stop(chat_id), table.chats.stop(chat_id))
    with pytest.raises(asyncio.CancelledError):
        await round_
    answers = table.answers(question, chat_id)
    assert [(one.model, one.state) for one in answers] == [("first", "finished"), ("slow", "stopped")]
    assert answers[1].text.startswith("từng chữ một 🐉")
    assert not table.chats.is_writing(chat_id) and not third.requests
    (vote,) = table.several.votes(chat_id)
    assert vote.is_open and len(vote.answers) == 2


async def test_nobody_else_writes_between_two_answers(table: Table) -> None:
    chat_id, _question = await table.asked()
    refused: list[BadRequest] = []

    async def intrude() -> TextEngine:
        try:
            await asyncio.create_task(table.chats.reply(chat_id, FakeTextEngine()))
        except BadRequest as error:
            refused.append(error)
        return table.engine("b")

    await table.several.ask(chat_id, [contender(table.engine("a")), Contender("", "", "b", "b", intrude)])
    assert len(refused) == 1
    await table.chats.reply(chat_id, FakeTextEngine())  # afterwards one may


async def test_closing_in_the_middle_ends_the_round_and_keeps_the_words(tmp_path: Path, hub: Hub) -> None:
    database = Database(tmp_path / "a.db")
    chats = Chats(database, hub)
    await chats.open()
    table = Table(database, hub, chats)
    chat_id, question = await table.asked()
    slow = table.engine("slow", "chậm " * 500, seconds=0.005)
    round_ = asyncio.create_task(table.several.ask(chat_id, [contender(slow), contender(table.engine("b"))], blind=True))
    await until(lambda: any(one.text for one in table.answers(question, chat_id)))
    await chats.close()
    assert round_.done() and round_.cancelled()
    with sqlite3.connect(tmp_path / "a.db") as raw:
        assert raw.execute("SELECT count(*) FROM message WHERE state = 'streaming'").fetchone() == (0,)
        assert raw.execute("SELECT length(text) > 0 FROM message WHERE role = 'assistant'").fetchone() == (1,)
    raw.close()


# -- blind -----------------------------------------------------------------------------------------------------------------


def tells(messages: Sequence[ChatMessage], *names: str) -> list[str]:
    return [name for name in names for message in messages if name in repr(message)]


async def test_names_are_hidden_until_the_vote_also_after_a_restart(tmp_path: Path, hub: Hub, table: Table) -> None:
    chat_id, question = await table.asked()
    names = ("Gemma", "Secret", "SmolLM2")
    engines = [table.engine("Gemma", "Grün."), table.engine("Secret", [Down()]), table.engine("SmolLM2", "Đỏ.")]
    seen: list[str] = []

    def listen(event: object) -> None:
        if isinstance(event, Changed) and event.what in ("chats", "votes"):
            seen.extend(tells(table.answers(question, chat_id), *names))
            at_work = table.several.at_work(chat_id)
            seen.extend([at_work.title] if at_work is not None and at_work.title else [])

    table.hub.listen(listen)
    heard: list[Progress] = []
    vote_id = await table.several.ask(chat_id, [contender(one) for one in engines], blind=True, report=heard.append)
    assert seen == [] and tells([], *names) == [] and not [one for one in heard if any(name in repr(one) for name in names)]
    assert len(table.several.hidden(chat_id)) == 3
    await table.chats.close()
    again = Chats(Database(table.database.path), hub)
    await again.open()
    tree = again.tree(chat_id)
    masked = [tree.messages[one] for one in tree.children(question)]
    several = Several(again._database, hub, again, lambda _kept: only([], None))
    assert tells(masked, *names) == [] and sorted(one.made_of["hidden"] for one in masked) == [1, 2, 3]
    best = next(one.id for one in masked if one.text == "Đỏ.")
    vote = await several.give(vote_id, best)
    tree = again.tree(chat_id)
    assert {tree.messages[one].model for one in tree.children(question)} == set(names)
    assert [(one.model, one.won) for one in vote.answers if one.won] == [("SmolLM2", True)]
    assert [one.counts for one in vote.answers if one.model == "Secret"] == [False]
    assert not any(vote.hides for vote in several.votes(chat_id))
    await again.close()


async def test_the_order_is_drawn_by_lot_and_only_when_blind(table: Table) -> None:
    engines = [table.engine(f"m{number}") for number in range(5)]
    asked = [contender(one) for one in engines]
    orders = set()
    for _time in range(8):
        chat_id, _question = await table.asked()
        table.room.order.clear()
        await table.several.ask(chat_id, asked, blind=True)
        assert sorted(table.room.order) == [f"m{number}" for number in range(5)]
        orders.add(tuple(table.room.order))
    assert len(orders) >= 6
    table.room.order.clear()
    await table.several.ask(chat_id, asked)
    assert table.room.order == [f"m{number}" for number in range(5)]


async def test_a_blind_round_with_less_than_two_answers_hides_nothing(table: Table) -> None:
    chat_id, question = await table.asked()
    vote_id = await table.several.ask(chat_id, [contender(table.engine("a")), contender(table.engine("b", [Down()]))], blind=True)
    vote = table.several.vote(vote_id)
    assert vote is not None and vote.verdict == "skipped"
    assert {one.model for one in table.answers(question, chat_id)} == {"a", "b"}


# -- votes ---------------------------------------------------------------------------------------------------------------


async def test_a_vote_can_be_changed_and_taken_back(table: Table) -> None:
    chat_id, question = await table.asked()
    vote_id = await table.several.ask(chat_id, [contender(table.engine("a")), contender(table.engine("b"))])
    one, other = (answer.id for answer in table.answers(question, chat_id))
    await table.several.give(vote_id, one)
    assert table.chats.get(chat_id).tip_id == one  # type: ignore[union-attr]
    assert [(line.who.model, line.wins, line.losses) for line in table.several.leaderboard()] == [("a", 1, 0), ("b", 0, 1)]
    await table.several.give(vote_id, other)
    assert {line.who.model: (line.wins, line.losses) for line in table.several.leaderboard()} == {"a": (0, 1), "b": (1, 0)}
    await table.several.give(vote_id, "same")
    assert [(line.ties, line.wins) for line in table.several.leaderboard()] == [(1, 0), (1, 0)]
    await table.chats.say(chat_id, "Go on")
    tip = table.chats.get(chat_id).tip_id  # type: ignore[union-attr]
    await table.several.give(vote_id, other)
    assert table.chats.get(chat_id).tip_id == tip  # type: ignore[union-attr]
    await table.several.show_names(vote_id)
    assert [line.games for line in table.several.leaderboard()] == [0, 0]


async def test_what_is_refused(table: Table) -> None:
    chat_id, question = await table.asked()
    a, b = contender(table.engine("a")), contender(table.engine("b"))
    for wrong in ([a], [a, a], [], [contender(table.engine(f"n{number}")) for number in range(9)]):
        with pytest.raises(BadRequest):
            await table.several.ask(chat_id, wrong)
    with pytest.raises(BadRequest):
        await table.several.ask(ChatId(999), [a, b])
    assert not table.chats.is_writing(chat_id) and table.answers(question, chat_id) == []
    vote_id = await table.several.ask(chat_id, [a, b])
    with pytest.raises(BadRequest):
        await table.several.give(vote_id, question)
    silent_id = await table.several.ask(chat_id, [contender(table.engine("silent", "")), a], question=question)
    silent = next(answer.id for answer in table.answers(question, chat_id) if answer.model == "silent")
    with pytest.raises(BadRequest):
        await table.several.give(silent_id, silent)
    slow = table.engine("slow", "chậm " * 500, seconds=0.005)
    round_ = asyncio.create_task(table.several.ask(chat_id, [contender(slow), b], question=question))
    await until(lambda: any(vote.id != vote_id and vote.answers for vote in table.several.votes(chat_id)))
    running = table.several.votes(chat_id)[0]
    with pytest.raises(BadRequest):
        await table.several.give(running.id, running.messages[0])
    await table.chats.stop(chat_id)
    await asyncio.wait([round_])


async def test_a_vote_outlives_its_chat(table: Table) -> None:
    chat_id, question = await table.asked()
    vote_id = await table.several.ask(chat_id, [contender(table.engine("a", "x y z", seconds=0.001)), contender(table.engine("b"))])
    best = table.answers(question, chat_id)[0].id
    await table.several.give(vote_id, best)
    before = table.several.leaderboard()

    def remove(connection: sqlite3.Connection) -> None:
        connection.execute("UPDATE chat SET tip_id = NULL WHERE id = ?", (chat_id,))
        connection.execute("DELETE FROM message WHERE chat_id = ? AND role = 'assistant'", (chat_id,))
        connection.execute("DELETE FROM message WHERE chat_id = ?", (chat_id,))
        connection.execute("DELETE FROM chat WHERE id = ?", (chat_id,))

    await table.database.write(remove)
    after = table.several.leaderboard()
    assert [(line.who, line.wins, line.losses, line.score, line.tokens_per_second) for line in after] == [
        (line.who, line.wins, line.losses, line.score, line.tokens_per_second) for line in before
    ]
    assert before[0].tokens_per_second is not None and [line.replies for line in after] == [0, 0]
    vote = table.several.vote(vote_id)
    assert vote is not None and vote.messages == () and vote.chat_id is None


async def test_the_leaderboard_tells_nothing_of_an_open_blind_vote(table: Table) -> None:
    chat_id, _question = await table.asked()
    await table.several.ask(chat_id, [contender(table.engine("a")), contender(table.engine("b"))], blind=True)
    assert table.several.leaderboard() == []


async def test_a_server_that_cannot_free_its_memory_stops_nothing(table: Table) -> None:
    class Stubborn(FakeTextEngine):
        calls = 0

        async def unload(self) -> None:
            Stubborn.calls += 1
            raise Down

    chat_id, question = await table.asked()
    await table.several.ask(chat_id, [contender(Stubborn(name="a")), contender(Stubborn(name="b"), stays=True), contender(FakeTextEngine(name="c"))])
    assert [one.state for one in table.answers(question, chat_id)] == ["finished"] * 3
    assert Stubborn.calls == 1  # not the one that others use


async def test_neither_a_search_nor_a_copy_tells_whose_answer_a_hidden_one_is(table: Table) -> None:
    chat_id, _question = await table.asked()
    await table.several.ask(chat_id, [contender(table.engine("Gemma", "Grün.")), contender(table.engine("Qwen", [Down()]))], blind=True)
    assert not table.several.hidden(chat_id)  # one answer alone hides nothing
    await table.chats.reply(chat_id, FakeTextEngine("open", name="Gemma"))
    asked = [contender(table.engine("Gemma 2", "Grün.")), contender(table.engine("Qwen", "Đỏ.")), contender(table.engine("Broken", [Down()]))]
    vote_id = await table.several.ask(chat_id, asked, blind=True)
    search = ChatSearch(table.database)
    organiser = Organiser(table.database, table.hub, table.chats.stop, None)

    def found() -> int:
        return len(search.find("", Filters(model="gemma")).hits)

    assert found() == 2
    copy = await organiser.duplicate(chat_id)
    answers = [message for message in table.chats.tree(copy).messages.values() if message.role == "assistant"]
    assert sorted(one.model for one in answers if one.model) == ["Gemma", "Gemma", "Qwen"]
    assert not tells(answers, "Gemma 2", "Broken", "hidden_")
    assert {one.text for one in answers if not one.model} == {"Grün.", "Đỏ.", ""}
    first = table.several.votes(chat_id)[0]
    await table.several.give(vote_id, next(one for one in first.messages if table.chats.tree(chat_id).messages[one].text))
    assert found() == 2 + 2 + 1  # the copies of the open ones, and the one that is known now


async def test_what_is_on_the_disk_in_the_middle_of_a_blind_round_still_hides_its_names(tmp_path: Path, table: Table) -> None:
    """The files as a kill -9 leaves them: nothing but what was written."""
    chat_id, question = await table.asked()
    slow = table.engine("Slow", "chậm " * 400, seconds=0.005)
    asked = [contender(slow), contender(table.engine("Gemma", "chậm " * 400, seconds=0.005))]
    round_ = asyncio.create_task(table.several.ask(chat_id, asked, blind=True))
    await until(lambda: any(len(one.text) > 20 for one in table.answers(question, chat_id)))
    left = tmp_path / "left"
    left.mkdir()
    for file in tmp_path.glob("*.db*"):
        (left / file.name).write_bytes(file.read_bytes())
    await table.chats.stop(chat_id)
    await asyncio.wait([round_])
    hub = Hub()
    database = Database(left / table.database.path.name)
    chats = Chats(database, hub)
    await chats.open()
    try:
        tree = chats.tree(chat_id)
        (answer,) = (tree.messages[one] for one in tree.children(question))
        assert answer.state == "stopped" and answer.model == "" and answer.made_of["hidden"] == 1
        several = Several(database, hub, chats, lambda _kept: only([], None))
        (vote,) = several.votes(chat_id)
        assert vote.hides
        await several.show_names(vote.id)
        assert chats.tree(chat_id).messages[answer.id].model in ("Slow", "Gemma")
    finally:
        await chats.close()
