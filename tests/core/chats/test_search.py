"""Search on a real database, compared with a naive reading of every text written here on its own."""

from __future__ import annotations

import asyncio
import random
import re
import sqlite3
import threading
import time
import unicodedata
from collections.abc import AsyncGenerator, Callable
from pathlib import Path

import pytest

from localstory.chats import Chats, search_index
from localstory.chats.organise import Organiser
from localstory.chats.search import ChatSearch, Filters, Found
from localstory.chats.tree import ChatId, MessageId
from localstory.db import Database, migrate
from localstory.engines.text.fake import FakeTextEngine
from localstory.events import Hub

DAY = 86_400_000


async def until(condition: Callable[[], bool], seconds: float = 20.0) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited too long"
        await asyncio.sleep(0)


class Home:
    def __init__(self, path: Path) -> None:
        self.path = path / "Tìm 🐉.db"
        self.clock = 1_800_000_000_000
        self.database = Database(self.path)
        hub = Hub()
        self.chats = Chats(self.database, hub, lambda: self.clock)
        self.organiser = Organiser(self.database, hub, self.chats.stop, None, lambda: self.clock)
        self.search = ChatSearch(self.database)

    async def chat(self, *said: str, reply: str = "Vâng.") -> ChatId:
        chat_id = None
        for text in said:
            chat_id, _message = await self.chats.say(chat_id, text)
            await self.chats.reply(chat_id, FakeTextEngine(reply))
        assert chat_id is not None
        return chat_id

    def found(self, query: str, **where: object) -> list[str]:
        """Snippets of messages, "title: …" for chats."""
        return [hit.snippet if hit.message_id else f"title: {hit.title}" for hit in self.search.find(query, Filters(**where)).hits]  # type: ignore[arg-type]


@pytest.fixture
async def home(tmp_path: Path) -> AsyncGenerator[Home]:
    made = Home(tmp_path)
    await made.chats.open()
    yield made
    await made.search.end_filling()
    await made.chats.close()


def bare(text: str) -> str:
    """Our own plain folding, to compare with."""
    text = unicodedata.normalize("NFD", text.lower()).replace("đ", "d")
    return re.sub("[\u0300-\u036f]", "", text)


VOCABULARY = ["đường", "duong", "Cáo", "cao", "rừng", "ĐÊM", "fox", "foxes", "night", "dem", "a", "á", "xa"]


@pytest.mark.parametrize("seed", range(4))
async def test_it_finds_what_a_naive_reading_finds(home: Home, seed: int) -> None:
    rng = random.Random(seed)
    texts = [" ".join(rng.choice(VOCABULARY) for _ in range(rng.randint(1, 6))) + rng.choice(["", ".", "!", " 🐉"]) for _number in range(60)]
    chats = [await home.chats.say(None, text) for text in texts[:20]]
    for text in texts[20:]:
        await home.chats.say(rng.choice(chats)[0], text)
    for _query in range(60):
        words = [rng.choice(VOCABULARY) for _ in range(rng.randint(1, 3))]
        phrase = rng.random() < 0.3
        query = '"' + " ".join(words) + '"' if phrase else " ".join(words) + " "

        def wanted(text: str, words: list[str] = words, phrase: bool = phrase) -> bool:
            have, want = re.findall(r"\w+", bare(text)), [bare(word) for word in words]
            if phrase:
                return any(have[at : at + len(want)] == want for at in range(len(have)))
            return all(word in have for word in want)

        hits = [hit for hit in home.search.find(query, limit=500).hits if hit.message_id]
        ids = [hit.message_id for hit in hits]
        every = [message for chat in home.chats.all() for message in home.chats.tree(chat.id).messages.values()]
        assert ids == sorted((message.id for message in every if wanted(message.text)), reverse=True), query
        for hit in hits:
            assert hit.places and all(bare(hit.snippet[start:end]) in [bare(word) for word in words] or phrase for start, end in hit.places)


async def test_titles_notes_and_tags_come_first(home: Home) -> None:
    one, two, three = await home.chat("Con cáo"), await home.chat("Bài hát"), await home.chat("Khác")
    await home.organiser.rename(two, "Đường về nhà")
    await home.organiser.set_note(one, "hỏi bà về con đường cũ")
    await home.organiser.tag([three], "Đường xa")
    await home.chats.say(one, "đường nào?")
    found = home.search.find("duong").hits
    assert [(hit.chat_id, hit.message_id is None) for hit in found] == [(three, True), (two, True), (one, True), (one, False)]
    assert [hit.snippet for hit in found[:3]] == ["Đường xa", "Đường về nhà", "hỏi bà về con đường cũ"]
    await home.organiser.rename_tag("Đường xa", "gần")
    await home.organiser.rename(two, "Phố")
    assert [hit.chat_id for hit in home.search.find("duong").hits if hit.message_id is None] == [one]
    assert [hit.chat_id for hit in home.search.find("gan").hits] == [three]


async def test_every_branch_is_found_and_its_end_is_known(home: Home) -> None:
    chat = await home.chat("một", "hai", reply="câu đầu tiên")
    path = home.chats.tree(chat).path(home.chats.all()[0].tip_id)
    await home.chats.regenerate(path[1].id, FakeTextEngine("con rồng tỉnh dậy"))
    assert home.chats.all()[0].tip_id != path[3].id
    hit = next(hit for hit in home.search.find("hai ").hits if hit.message_id)
    assert hit.message_id == path[2].id
    assert home.search.leaf_of(path[2].id) == path[3].id
    shown = next(hit for hit in home.search.find("rong").hits if hit.message_id)
    assert shown.message_id is not None
    assert home.search.leaf_of(shown.message_id) == home.chats.all()[0].tip_id == shown.message_id
    assert home.search.leaf_of(MessageId(999)) is None


async def test_a_reply_is_found_when_it_has_ended(home: Home) -> None:
    chat, _message = await home.chats.say(None, "hỏi")
    task = asyncio.create_task(home.chats.reply(chat, FakeTextEngine("từng chữ một " * 100, seconds_per_token=0.002)))
    await asyncio.sleep(0.1)
    assert home.found("từng chữ ") == []
    await home.chats.stop(chat)
    assert len(home.found("từng chữ ")) == 1
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_filters(home: Home) -> None:
    one = await home.chat("cáo một")
    home.clock += 10 * DAY
    two = await home.chat("cáo hai")
    outer = await home.organiser.add_folder("ngoài")
    inner = await home.organiser.add_folder("trong", outer)
    await home.organiser.move([one], inner)
    await home.organiser.tag([two], "Đêm")
    await home.organiser.archive([two], True)
    reply = next(message for message in home.chats.tree(two).messages.values() if message.role == "assistant")
    await home.organiser.mark(reply.id, "good")
    assert home.found("cao ", folder=outer) == ["title: cáo một", "cáo một"]
    assert home.found("cao ", folder=inner, tag="dem") == []
    assert home.found("cao ", tag="DEM") == ["title: cáo hai", "cáo hai"]
    assert home.found("cao ", archived=False) == ["title: cáo một", "cáo một"]
    assert home.found("cao ", archived=True) == ["title: cáo hai", "cáo hai"]
    assert home.found("cao ", since=home.clock - DAY) == ["title: cáo hai", "cáo hai"]
    assert home.found("cao ", until=home.clock - DAY) == ["title: cáo một", "cáo một"]
    assert home.found("cao ", role="assistant") == []
    assert home.found("vang ", role="assistant", chat=one) == ["Vâng."]
    assert home.found("vang ", mark="good") == ["Vâng."]
    assert home.found("", mark="good") == ["Vâng."]
    assert home.found("vang ", model="FAK") == ["Vâng.", "Vâng."] and home.found("vang ", model="llama") == []
    assert home.found("") == [] and home.found("  -x ") == []
    await home.organiser.delete([one])
    await home.organiser.delete_message(reply.id)
    assert home.found("cao ") == ["title: cáo hai", "cáo hai"]
    assert home.found("cao ", trash=True) == ["title: cáo một", "cáo một"]
    assert len(home.found("vang ", trash=True)) == 2 and home.found("vang ") == []
    await home.organiser.purge(home.organiser.trash())
    assert home.found("vang ", trash=True) == []
    assert home.found("cao ") == ["title: cáo hai", "cáo hai"]


async def test_pages_go_on_where_the_last_ended(home: Home) -> None:
    chat, _message = await home.chats.say(None, "cáo 0")
    for number in range(1, 130):
        await home.chats.say(chat, f"cáo {number}")
    seen: list[MessageId] = []
    before: MessageId | None = None
    pages: list[Found] = []
    while not pages or pages[-1].more:
        pages.append(home.search.find("cao ", limit=50, before=before))
        seen += [hit.message_id for hit in pages[-1].hits if hit.message_id]
        before = seen[-1]
    assert len(pages) == 3 and len(seen) == len(set(seen)) == 130 and seen == sorted(seen, reverse=True)
    assert sum(hit.message_id is None for page in pages for hit in page.hits) == 1


async def test_an_old_database_is_taken_in_behind_and_goes_on_after_a_kill(home: Home, tmp_path: Path) -> None:
    old = tmp_path / "old.db"
    connection = sqlite3.connect(old, isolation_level=None)
    for _version, _name, sql in migrate.migrations()[:4]:
        connection.executescript(sql)
    connection.execute("INSERT INTO chat (uid, title, created_at, used_at) VALUES ('c', 'Đường dài', 1, 1)")
    rows = [(f"m{number}", f"câu thứ {number} về con đường") for number in range(3_000)]
    connection.execute("BEGIN")
    connection.executemany("INSERT INTO message (uid, chat_id, role, text, state, created_at) VALUES (?, 1, 'user', ?, 'finished', 1)", rows)
    connection.execute("COMMIT")
    connection.close()
    database = Database(old)
    chats, search = Chats(database, Hub()), ChatSearch(database)
    begun = time.monotonic()
    await chats.open()
    assert time.monotonic() - begun < 3
    assert search.waiting() == 3_001
    filling = asyncio.create_task(search.fill())
    await until(lambda: search.waiting() < 2_000)
    filling.cancel()  # as a kill does: what was taken in is there
    some = search.find("duong ", limit=5_000).hits
    assert 0 < len(some) < 3_000 and some[0].message_id == 3_000
    await chats.close()
    await chats.open()
    await search.fill()
    assert search.waiting() == 0
    assert len(search.find("duong ", limit=5_000).hits) == 3_001
    assert await database.write(search_index.is_whole)
    await chats.close()


async def test_the_index_can_be_made_anew(home: Home) -> None:
    await home.chat("con đường")
    assert await home.database.write(search_index.is_whole)
    await home.database.write(lambda connection: connection.execute("INSERT INTO folded_words (folded_words, rowid, text) VALUES ('delete', 1, 'con duong')"))
    assert home.search.find("duong ", Filters(role="user")).hits == ()
    assert not await home.database.write(search_index.is_whole)
    await home.database.write(search_index.begin_anew)
    await home.search.fill()
    assert await home.database.write(search_index.is_whole)
    assert [hit.message_id for hit in home.search.find("duong ", Filters(role="user")).hits] == [1]


async def test_a_newer_question_ends_an_older_one(home: Home) -> None:
    await home.chat("x")

    def many(connection: sqlite3.Connection) -> None:
        rows = [(f"m{number}", "cáo " * 20) for number in range(6_000)]
        connection.executemany("INSERT INTO message (uid, chat_id, role, text, state, created_at) VALUES (?, 1, 'user', ?, 'finished', 1)", rows)

    await home.database.write(many)
    await home.search.fill()
    ended: list[Found] = []
    # No message is by this model, so that every one must be looked at.
    older = threading.Thread(target=lambda: ended.append(home.search.find("cao", Filters(model="nobody"))))
    older.start()
    for _question in range(200):
        home.search.find("x")
    older.join()
    assert ended[0].seconds < 1.5
    assert home.search.find("cao", Filters(model="nobody")).hits == ()
    assert len(home.search.find("cao").hits) == 50


async def test_a_message_of_half_a_million_letters(home: Home) -> None:
    await home.chats.say(None, "rừng " * 100_000 + " kim 🧵")
    begun = time.monotonic()
    found = home.search.find("kim ").hits
    assert [hit.role for hit in found] == ["user"] and time.monotonic() - begun < 3


async def harm(home: Home, sql: str) -> None:
    await home.database.write(lambda connection: connection.execute(sql).rowcount)


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE folded_words_data SET block = x'ffffffffffffffff' WHERE id > 10",
        "UPDATE folded_words_data SET block = zeroblob(20)",
        "DELETE FROM folded_words_data WHERE id > 1",
        "DELETE FROM folded_words_idx",
        "DELETE FROM folded",
    ],
)
async def test_a_damaged_index_is_made_anew_and_nobody_is_kept_from_writing(home: Home, sql: str) -> None:
    for number in range(80):
        await home.chats.say(None, f"đường số {number} qua khu rừng")
    assert len(home.found("duong")) == 70  # twenty chats and fifty messages
    home.search.begin_filling()
    await harm(home, sql)
    await home.chats.say(None, "đường cuối cùng")  # is kept, whatever the index says
    assert any(chat.title == "đường cuối cùng" for chat in home.chats.all())
    home.search.find("duong")  # meets it, when nothing has yet
    for _turn in range(200):
        await asyncio.sleep(0.005)
        await home.search.fill()
        if home.found("cuoi cung"):
            break
    assert home.found("cuoi cung") == ["title: đường cuối cùng", "đường cuối cùng"]
