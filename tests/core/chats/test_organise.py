"""The organiser on a real database: each act and its undo, against a plain model and against dumps of the rows."""

from __future__ import annotations

import asyncio
import itertools
import random
import sqlite3
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from localstory.chats import Chats
from localstory.chats.organise import Organiser
from localstory.chats.organising import Undo
from localstory.chats.trash import TrashDays
from localstory.chats.tree import ChatId, MessageId
from localstory.db import Database
from localstory.engines.text.fake import FakeTextEngine
from localstory.errors import BadRequest
from localstory.events import Changed, Hub

DAY = 86_400_000
FOX = FakeTextEngine("The fox is awake. 🦊")


async def until(condition: Callable[[], bool], seconds: float = 10.0) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited too long"
        await asyncio.sleep(0.005)


class Home:
    """A service, its organiser, and the rows as they are on the disk."""

    def __init__(self, path: Path) -> None:
        self.path = path / "Nhà 🐉.db"
        self.hub = Hub()
        self.heard: list[object] = []
        self.hub.listen(self.heard.append)
        self.clock = 1_800_000_000_000
        database = Database(self.path)
        self.chats = Chats(database, self.hub, lambda: self.clock)
        self.days = path / "days.json"
        self.organiser = Organiser(database, self.hub, self.chats.stop, self.days, lambda: self.clock)

    async def chat(self, *said: str) -> ChatId:
        chat_id = None
        for text in said:
            chat_id, _message = await self.chats.say(chat_id, text)
            await self.chats.reply(chat_id, FOX)
        assert chat_id is not None
        return chat_id

    def rows(self, what: str = "") -> dict[str, list[Any]]:
        """Every row of every table that the organiser changes; without `what` columns."""
        with sqlite3.connect(f"file:{self.path}?mode=ro", uri=True) as connection:
            connection.row_factory = sqlite3.Row
            tables = ("chat", "message", "folder", "tag", "chat_tag", "branch", "summary")
            found = {
                table: [
                    {name: value for name, value in dict(row).items() if name not in what.split()}
                    for row in connection.execute(f"SELECT * FROM {table} ORDER BY 1, 2")
                ]
                for table in tables
            }
            assert connection.execute("PRAGMA foreign_key_check").fetchall() == []
            for chat, tip in connection.execute("SELECT id, tip_id FROM chat WHERE tip_id IS NOT NULL AND deleted_at IS NULL"):
                there = connection.execute("SELECT chat_id FROM message WHERE id = ? AND deleted_at IS NULL", (tip,)).fetchone()
                assert there is not None and there[0] == chat, f"chat {chat} stands at a message that is gone"
            wrong = "SELECT count(*) FROM message AS one JOIN message AS up ON up.id = one.parent_id WHERE one.deleted_at IS NULL AND up.deleted_at IS NOT NULL"
            assert connection.execute(wrong).fetchone()[0] == 0
        connection.close()
        return found

    def events(self, what: str) -> list[Changed]:
        return [event for event in self.heard if isinstance(event, Changed) and event.what == what]


@pytest.fixture
async def home(tmp_path: Path) -> AsyncGenerator[Home]:
    made = Home(tmp_path)
    await made.chats.open()
    yield made
    await made.chats.close()


# -- folders and places --------------------------------------------------------------------------------------------------


async def test_folders_nest_move_and_come_back(home: Home) -> None:
    organiser = home.organiser
    stories = await organiser.add_folder("  Truyện   đêm 🌙 ")
    foxes = await organiser.add_folder("Cáo", stories)
    wolves = await organiser.add_folder("Sói", stories)
    assert [(folder.name, folder.parent_id) for folder in organiser.folders()] == [("Truyện đêm 🌙", None), ("Cáo", stories), ("Sói", stories)]
    await organiser.move_folder(wolves, stories, None)
    assert [folder.name for folder in organiser.folders() if folder.parent_id == stories] == ["Sói", "Cáo"]
    await organiser.move_folder(wolves, stories)
    assert [folder.name for folder in organiser.folders() if folder.parent_id == stories] == ["Cáo", "Sói"]
    for inside in (stories, foxes):
        with pytest.raises(BadRequest):
            await organiser.move_folder(stories, inside)
    for name in ("", "  \n"):
        with pytest.raises(BadRequest):
            await organiser.add_folder(name)
        with pytest.raises(BadRequest):
            await organiser.rename_folder(foxes, name)
    with pytest.raises(BadRequest):
        await organiser.add_folder("x", 999)  # type: ignore[arg-type]
    chat = await home.chat("a fox")
    await organiser.move([chat], foxes)
    before = home.rows()
    undo = await organiser.delete_folder(stories)
    assert organiser.folders() == [] and home.chats.all() == []
    await organiser.undo(undo)
    assert home.rows() == before


async def test_an_order_by_hand(home: Home) -> None:
    chats = [await home.chat(f"Truyện {number}") for number in range(6)]
    folder = await home.organiser.add_folder("F")

    def order() -> list[int]:
        from localstory.chats.sorting import sort_chats

        return [chats.index(one.id) for one in sort_chats([one for one in home.chats.all() if one.folder_id == folder], "hand", "vi")]

    before = home.rows()
    undo = await home.organiser.move(chats, folder)
    assert order() == [0, 1, 2, 3, 4, 5]
    await home.organiser.move([chats[5], chats[1]], folder, None)
    assert order() == [5, 1, 0, 2, 3, 4]
    await home.organiser.move([chats[0]], folder, chats[3])
    assert order() == [5, 1, 2, 3, 0, 4]
    await home.organiser.move([chats[5]], folder, "end")
    assert order() == [1, 2, 3, 0, 4, 5]
    # A thousand moves to one place need more room than halving a gap gives.
    for number in range(120):
        await home.organiser.move([chats[number % 2 + 2]], folder, chats[1])
    assert order()[0] == 1 and sorted(order()) == [0, 1, 2, 3, 4, 5]
    assert order()[1:3] == [3, 2]
    await home.organiser.undo(undo)  # their places changed since; the folder did not
    assert all(one.folder_id is None for one in home.chats.all())
    assert home.rows("position")["chat"] == [{key: value for key, value in row.items() if key != "position"} for row in before["chat"]]


async def test_a_chat_whose_folder_is_gone_comes_back_in_the_nearest(home: Home) -> None:
    outer = await home.organiser.add_folder("ngoài")
    inner = await home.organiser.add_folder("trong", outer)
    chat = await home.chat("hello")
    await home.organiser.move([chat], inner)
    undo = await home.organiser.delete([chat])
    await home.organiser.delete_folder(inner)
    await home.organiser.undo(undo)
    found = home.chats.get(chat)
    assert found is not None and found.folder_id == outer
    undo = await home.organiser.delete([chat])
    await home.organiser.delete_folder(outer)
    await home.organiser.undo(undo)
    found = home.chats.get(chat)
    assert found is not None and found.folder_id is None
    await home.organiser.undo(undo)  # twice is fine


# -- names, tags, marks --------------------------------------------------------------------------------------------------


async def test_titles_notes_pins_and_tags(home: Home) -> None:
    organiser, chat, other = home.organiser, await home.chat("What is a fox?"), await home.chat("Sói là gì?")
    await organiser.rename(chat, "  Chuyện\ncáo 🦊 ")
    assert (found := home.chats.get(chat)) is not None and (found.title, found.title_by) == ("Chuyện cáo 🦊", "person")
    await organiser.rename(chat, " ")
    assert (found := home.chats.get(chat)) is not None and (found.title, found.title_by) == ("What is a fox?", "words")
    await organiser.set_note(chat, "nhớ\nhỏi bà")
    await organiser.pin([chat, other], True)
    await organiser.pin([other], False)
    assert (found := home.chats.get(chat)) is not None and (found.note, found.pinned) == ("nhớ\nhỏi bà", 1)
    await organiser.tag([chat, other], "Đêm khuya")
    await organiser.tag([chat], "DEM KHUYA")
    await organiser.tag([chat], "cáo")
    assert [(tag.name, tag.chats) for tag in organiser.tags()] == [("cáo", 1), ("Đêm khuya", 2)]
    assert organiser.tags_by_chat() == {chat: ("cáo", "Đêm khuya"), other: ("Đêm khuya",)}
    await organiser.rename_tag("cao", "Đêm  Khuya")  # becomes one with the other
    assert organiser.tags_by_chat() == {chat: ("Đêm Khuya",), other: ("Đêm Khuya",)}
    await organiser.untag([chat, other], "đêm khuya")
    assert organiser.tags() == [] and home.rows()["tag"] == []
    undo = await organiser.archive([chat, other], True)
    assert all(one.archived_at for one in home.chats.all())
    await organiser.undo(undo)
    assert not any(one.archived_at for one in home.chats.all())


async def test_one_act_is_one_event(home: Home) -> None:
    chats = [await home.chat(f"{number}") for number in range(5)]
    folder = await home.organiser.add_folder("F")
    for act in (
        lambda: home.organiser.move(chats, folder),
        lambda: home.organiser.pin(chats, True),
        lambda: home.organiser.tag(chats, "x"),
        lambda: home.organiser.archive(chats, True),
        lambda: home.organiser.delete(chats),
    ):
        home.heard.clear()
        await act()
        assert home.heard == [Changed("chats", tuple(chats), "organiser")]


# -- taking away and bringing back ---------------------------------------------------------------------------------------


async def test_deleting_while_a_reply_is_written(home: Home) -> None:
    slow = FakeTextEngine("từng chữ một " * 500, seconds_per_token=0.005)
    chat, _message = await home.chats.say(None, "Kể chuyện dài")
    task = asyncio.create_task(home.chats.reply(chat, slow))
    await until(lambda: any("từng chữ" in one.text for one in home.chats.tree(chat).messages.values()))
    reply = next(one for one in home.chats.tree(chat).messages.values() if one.role == "assistant")
    undo = await home.organiser.delete_message(reply.id)
    assert [one.role for one in home.chats.tree(chat).messages.values()] == ["user"]
    with pytest.raises(asyncio.CancelledError):
        await task
    await home.organiser.undo(undo)
    again = home.chats.tree(chat).messages[reply.id]
    assert again.state == "stopped" and "từng chữ" in again.text
    task = asyncio.create_task(home.chats.regenerate(reply.id, slow))
    await until(lambda: home.chats.is_writing(chat))
    await home.organiser.delete([chat])
    assert task.done() and home.chats.all() == []


async def test_a_message_goes_with_what_follows_and_the_chat_stands_beside(home: Home) -> None:
    chat = await home.chat("one", "two")
    first, reply, second, answer = (one.id for one in home.chats.tree(chat).path(home.chats.all()[0].tip_id))
    other = await home.chats.regenerate(reply, FOX)
    await home.chats.choose(reply)
    assert [one.id for one in home.chats.tree(chat).path(home.chats.all()[0].tip_id)] == [first, reply, second, answer]
    before = home.rows()
    undo = await home.organiser.delete_message(reply)
    assert home.chats.all()[0].tip_id == other
    assert sorted(home.chats.tree(chat).messages) == [first, other]
    last = await home.organiser.delete_message(other)
    assert home.chats.all()[0].tip_id == first
    await home.organiser.delete_message(first)
    assert home.chats.all()[0].tip_id is None and not home.chats.tree(chat).messages
    trashed = home.organiser.trash()
    assert [(entry.kind, entry.title) for entry in trashed] == [("messages", "one"), ("messages", "The fox is awake. 🦊"), ("messages", "The fox is awake. 🦊")]
    await home.organiser.restore([trashed[0]])
    await home.organiser.undo(last)
    await home.organiser.undo(undo)
    assert home.rows("tip_id") == {table: [{key: value for key, value in row.items() if key != "tip_id"} for row in rows] for table, rows in before.items()}
    with pytest.raises(BadRequest):
        await home.organiser.delete_message(MessageId(9_999))


async def test_prune_clear_and_undo(home: Home) -> None:
    chat = await home.chat("one", "two", "three")
    path = [one.id for one in home.chats.tree(chat).path(home.chats.all()[0].tip_id)]
    for reply in (path[1], path[3], path[3]):
        await home.chats.regenerate(reply, FOX)
    before = home.rows()
    undo = await home.organiser.prune(chat, path[3])
    assert sorted(home.chats.tree(chat).messages) == path[:4] and home.chats.all()[0].tip_id == path[3]
    await home.organiser.undo(undo)
    assert home.rows() == before
    undo = await home.organiser.clear(chat)
    found = home.chats.get(chat)
    assert found is not None and (found.messages, found.letters, found.tip_id) == (0, 0, None)
    assert not home.chats.tree(chat).messages
    await home.organiser.undo(undo)
    assert home.rows() == before


async def test_the_trash_brings_back_and_is_emptied(home: Home) -> None:
    folder = await home.organiser.add_folder("Truyện")
    inner = await home.organiser.add_folder("trong", folder)
    one, two, three = [await home.chat(f"chat {number}", "more") for number in range(3)]
    await home.organiser.move([one], inner)
    await home.organiser.tag([one, two], "đêm")
    await home.organiser.delete([two])
    home.clock += 5 * DAY + 60_000
    before = home.rows()
    await home.organiser.delete_folder(folder)
    entries = home.organiser.trash()
    assert [(entry.kind, entry.title, entry.days_left) for entry in entries] == [("folder", "Truyện", 30), ("chat", "chat 1", 25)]
    await home.organiser.restore(entries[:1])
    assert home.rows() == before
    assert (found := home.chats.get(one)) is not None and found.folder_id == inner
    await home.organiser.delete_folder(folder)
    undo = await home.organiser.delete([three])
    assert await home.organiser.purge(home.organiser.trash()) == 3
    assert home.organiser.trash() == []
    assert {table: len(rows) for table, rows in home.rows().items()} == {
        "chat": 0,
        "message": 0,
        "folder": 0,
        "tag": 0,
        "chat_tag": 0,
        "branch": 0,
        "summary": 0,
    }
    await home.organiser.undo(undo)  # there is nothing to bring back, and nothing breaks
    assert home.chats.all() == []


async def test_only_what_is_old_goes_by_time(home: Home) -> None:
    old, young = await home.chat("old"), await home.chat("young")
    await home.organiser.delete([old])
    for _day in range(34):
        home.clock += DAY
        if _day == 20:
            await home.organiser.delete([young])
        gone = await home.organiser.purge()
        assert gone == (1 if _day == 30 else 0)
    assert [entry.ids for entry in home.organiser.trash()] == [(young,)]


@pytest.mark.parametrize("jump", [10 * 365 * DAY, -10 * 365 * DAY, 31 * DAY])
async def test_a_clock_that_jumps_empties_nothing(home: Home, jump: int) -> None:
    for _day in range(5):
        home.clock += DAY
        await home.organiser.purge()
    chat = await home.chat("dear")
    right = home.clock
    if jump > 0:
        await home.organiser.delete([chat])
    for _start in range(4):  # the clock is wrong for some starts of one day
        home.clock = right + jump + _start * 1000
        assert await home.organiser.purge() == 0
    if jump < 0:
        await home.organiser.delete([chat])
    home.clock = right + DAY
    assert await home.organiser.purge() == 0
    entry = home.organiser.trash()[0]
    assert entry.ids == (chat,) and 0 <= entry.days_left <= 30
    await home.organiser.restore([entry])
    assert home.chats.get(chat) is not None


def test_a_broken_file_of_days_only_keeps_things_longer(tmp_path: Path) -> None:
    file = tmp_path / "ngày.json"
    for broken in ("", "{", "[1, 2", '{"a": 1}', '["x", null, true]', "[" * 5000):
        file.write_text(broken, "utf-8")
        assert TrashDays(file).limit(1_800_000_000_000) is None
    assert TrashDays(tmp_path / "no" / "folder.json").limit(1_800_000_000_000) is None


# -- copies and branches -------------------------------------------------------------------------------------------------


def shape(home: Home, chat: ChatId) -> list[tuple[Any, ...]]:
    """A chat without its ids: what a copy must have, too."""
    tree = home.chats.tree(chat)
    place = {one: number for number, one in enumerate(tree.messages)}
    names = {name.message_id: (name.name, name.pinned) for name in home.organiser.branch_names(chat)}
    kept = ("role", "text", "state", "model", "engine", "made_of", "trouble", "created_at", "mark")
    return [(place.get(one.parent_id) if one.parent_id else None, *(getattr(one, name) for name in kept), names.get(one.id)) for one in tree.messages.values()]


async def test_a_copy_has_everything(home: Home) -> None:
    chat = await home.chat("một", "hai")
    path = home.chats.tree(chat).path(home.chats.all()[0].tip_id)
    other = await home.chats.regenerate(path[1].id, FOX)
    with pytest.raises(BadRequest):
        await home.chats.reply(chat, FakeTextEngine([BadRequest(title="x")]))
    await home.organiser.mark(path[3].id, "good")
    await home.organiser.name_branch(other, "bản khác")
    await home.organiser.pin_branch(other, True)
    await home.organiser.set_note(chat, "ghi chú")
    await home.organiser.tag([chat], "đêm")
    await home.organiser.rename(chat, "Gốc")
    copy = await home.organiser.duplicate(chat)
    assert shape(home, copy) == shape(home, chat)
    one, two = home.chats.get(chat), home.chats.get(copy)
    assert one is not None and two is not None
    assert (two.title, two.note, two.title_by, two.messages, two.letters) == ("Gốc (copy)", "ghi chú", "person", one.messages, one.letters)
    assert home.organiser.tags_by_chat()[copy] == ("đêm",) and two.uid != one.uid
    assert [message.text for message in home.chats.tree(copy).path(two.tip_id)] == [message.text for message in home.chats.tree(chat).path(one.tip_id)]
    branch = await home.organiser.duplicate_branch(chat, path[3].id)
    assert [message.text for message in home.chats.tree(branch).messages.values()] == [message.text for message in path]
    folder = await home.organiser.add_folder("F")
    inner = await home.organiser.add_folder("trong", folder)
    await home.organiser.move([chat], inner)
    made = await home.organiser.duplicate_folder(folder)
    assert [one.name for one in home.organiser.folders() if one.parent_id is None] == ["F", "F (copy)"]
    assert [one.name for one in home.organiser.folders() if one.parent_id == made] == ["trong"]
    within = next(one.id for one in home.organiser.folders() if one.parent_id == made)
    copied = next(one for one in home.chats.all() if one.folder_id == within)
    assert copied.title == "Gốc" and shape(home, copied.id) == shape(home, chat)
    home.rows()


async def test_editing_inserting_and_taking_over(home: Home) -> None:
    chat = await home.chat("một", "hai")
    question, reply, second, answer = home.chats.tree(chat).path(home.chats.all()[0].tip_id)
    edited = await home.organiser.edit(question.id, "một, nhưng khác")
    assert home.chats.tree(chat).siblings(question.id) == [question.id, edited] and home.chats.all()[0].tip_id == edited
    words = await home.organiser.edit(reply.id, "My own words for it")
    made = home.chats.tree(chat).messages[words]
    assert (made.role, made.parent_id, made.made_of) == ("assistant", question.id, {"edited": reply.uid})
    assert home.chats.tree(chat).messages[reply.id].text == reply.text
    await home.chats.choose(reply.id)
    inserted = await home.organiser.insert(chat, reply.id, "assistant", "And another thing.")
    path = home.chats.tree(chat).path(home.chats.get(chat).tip_id)  # type: ignore[union-attr]
    assert [one.text for one in path] == ["một", reply.text, "And another thing.", "hai", answer.text]
    assert path[2].id == inserted and second.id in home.chats.tree(chat).messages
    await home.organiser.insert(chat, None, "system", "Be short.")
    path = home.chats.tree(chat).path(home.chats.get(chat).tip_id)  # type: ignore[union-attr]
    assert [one.role for one in path] == ["system", "user", "assistant", "assistant", "user", "assistant"]
    taken = await home.organiser.take_over([second.id, answer.id], edited)
    path = home.chats.tree(chat).path(taken)
    assert [one.text for one in path] == ["một, nhưng khác", "hai", answer.text] and home.chats.get(chat).tip_id == taken  # type: ignore[union-attr]
    part = await home.organiser.take_over([answer.id], taken, " is awake ")
    assert home.chats.tree(chat).messages[part].text == "is awake"
    await home.organiser.branch_from(question.id)
    said = await home.chats.say(chat, "a new branch")
    assert home.chats.tree(chat).messages[said[1]].parent_id == question.id
    for text in ("", " \n"):
        with pytest.raises(BadRequest):
            await home.organiser.edit(question.id, text)
    with pytest.raises(BadRequest):
        await home.organiser.take_over([], edited)
    home.rows()


async def test_a_thousand_chats_go_in_one_act(home: Home) -> None:
    with sqlite3.connect(home.path) as connection:
        for number in range(1000):
            connection.execute("INSERT INTO chat (uid, title, created_at, used_at) VALUES (?, ?, 1, 1)", (f"u{number}", f"Truyện {number}"))
            connection.execute(
                "INSERT INTO message (uid, chat_id, role, text, state, created_at) VALUES (?, ?, 'user', 'x', 'finished', 1)", (f"m{number}", number + 1)
            )
    connection.close()
    before = home.rows()
    begun = time.process_time()
    undo = await home.organiser.delete_all()
    took = time.process_time() - begun
    print(f"1,000 chats deleted in {took:.2f} s")
    assert home.chats.all() == [] and len(home.organiser.trash()) == 1000 and took < 5
    await home.organiser.undo(undo)
    assert home.rows() == before


@pytest.mark.parametrize("seed", range(6))
async def test_any_acts_and_their_undoing_in_reverse_bring_everything_back(home: Home, seed: int) -> None:
    """Random acts on random things. What each one took comes back row for row when they are undone from the last to the first."""
    rng = random.Random(seed)
    organiser = home.organiser
    folders = [await organiser.add_folder(f"F{number}") for number in range(3)]
    folders += [await organiser.add_folder(f"G{number}", rng.choice(folders)) for number in range(3)]
    chats = [await home.chat(*("x" for _ in range(rng.randint(1, 3)))) for _number in range(5)]
    for chat in chats:
        for reply in rng.sample([one.id for one in home.chats.tree(chat).messages.values() if one.role == "assistant"], 1):
            await home.chats.regenerate(reply, FOX)
    every_message = [one for chat in chats for one in home.chats.tree(chat).messages]
    done: list[tuple[Undo, dict[str, list[Any]]]] = []

    def act(some: list[ChatId], message: MessageId) -> Awaitable[Undo]:
        match rng.randrange(8):
            case 0:
                return organiser.move(some, rng.choice([None, *folders]), rng.choice([None, "end", rng.choice(chats)]))
            case 1:
                return organiser.archive(some, rng.random() < 0.5)
            case 2:
                return organiser.delete(some)
            case 3:
                return organiser.delete_folder(rng.choice(folders))
            case 4:
                return organiser.move_folder(rng.choice(folders), rng.choice([None, *folders]))
            case 5:
                return organiser.delete_message(message)
            case 6:
                return organiser.prune(home.chats.tree(chats[0]).messages[message].chat_id, message)
            case _:
                return organiser.clear(some[0])

    for _act in range(25):
        before = home.rows()
        some = rng.sample(chats, rng.randint(1, 3))
        message = rng.choice(every_message)
        try:
            undo = await act(some, message)
        except (BadRequest, KeyError):  # what is gone already, or into itself
            assert home.rows() == before
            continue
        done.append((undo, before))
    for undo, before in reversed(done):
        await organiser.undo(undo)
        assert home.rows() == before
    assert len(done) > 8


async def test_undoing_in_any_order_loses_nothing(home: Home) -> None:
    chats = [await home.chat("a", "b") for _number in range(3)]
    messages = [one for chat in chats for one in home.chats.tree(chat).messages]
    for order in itertools.permutations(range(3)):
        undos = [await home.organiser.delete([chats[0]]), await home.organiser.delete_message(messages[9]), await home.organiser.delete(chats)]
        for at in order:
            await home.organiser.undo(undos[at])
        await home.organiser.restore(home.organiser.trash())
        assert {chat.id for chat in home.chats.all()} == set(chats)
        assert [one for chat in chats for one in home.chats.tree(chat).messages] == messages
        home.rows()


async def test_an_empty_chat_of_which_something_was_said_is_there_after_a_restart(home: Home) -> None:
    tagged, noted, pinned, empty = [await home.chats.new() for _number in range(4)]
    await home.organiser.tag([tagged], "đêm")
    await home.organiser.set_note(noted, "nhớ")
    await home.organiser.pin([pinned], True)
    await home.chats.close()
    await home.chats.open()
    assert {chat.id for chat in home.chats.all()} == {tagged, noted, pinned} and empty not in (tagged, noted, pinned)
