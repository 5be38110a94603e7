"""Export and import: everything comes back, nothing comes twice, and of a broken file what is whole."""

from __future__ import annotations

import asyncio
import json
import random
import resource
import sqlite3
import time
import zipfile
from collections.abc import AsyncGenerator, Callable
from pathlib import Path
from typing import Any

import pytest

from localstory.chats import Chats
from localstory.chats.exchange import Exchange
from localstory.chats.exchange_file import NewerExport, NotAnExport, UnsafeFile, line_of
from localstory.chats.exchange_rows import Scope
from localstory.chats.organise import Organiser
from localstory.chats.tree import ChatId, MessageId
from localstory.db import Database
from localstory.engines.text.fake import FakeTextEngine
from localstory.errors import FileTrouble
from localstory.events import Changed, Hub, Progress

WORDS = (
    "Con đường về nhà",
    "the fox 🦊",
    "l'été à Genève",
    "日本語の物語",
    "مرحبا",
    "a\u0301",
    "line\u2028break",
    'tab\tquote"back\\slash',
    "<b>bold</b>",
    "\x00nul",
)


async def until(condition: Callable[[], bool], seconds: float = 20.0) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited too long"
        await asyncio.sleep(0.002)


TABLES = ("chat", "message", "folder", "tag", "chat_tag", "branch", "summary", "vote", "vote_answer")


class Home:
    def __init__(self, folder: Path) -> None:
        folder.mkdir(exist_ok=True)
        self.path = folder / "Nhà 🐉.db"
        self.hub = Hub()
        self.heard: list[object] = []
        self.hub.listen(self.heard.append)
        self.clock = 1_800_000_000_000
        self.database = Database(self.path)
        self.chats = Chats(self.database, self.hub, self.tick)
        self.organiser = Organiser(self.database, self.hub, self.chats.stop, None, self.tick)
        self.exchange = Exchange(self.database, self.hub, lambda: 1_900_000_000_000)

    def tick(self) -> int:
        self.clock += 1_000
        return self.clock

    def rows(self, *, numbers: bool = True) -> dict[str, list[Any]]:
        """Every row, as another connection sees it. Without `numbers`, uids stand in place of row numbers."""
        with sqlite3.connect(f"file:{self.path}?mode=ro", uri=True) as connection:
            found = {table: connection.execute(f"SELECT * FROM {table} ORDER BY 1, 2").fetchall() for table in TABLES}
            assert connection.execute("PRAGMA foreign_key_check").fetchall() == []
        connection.close()
        return found


@pytest.fixture
async def home(tmp_path: Path) -> AsyncGenerator[Home]:
    made = Home(tmp_path / "one")
    await made.chats.open()
    yield made
    await made.chats.close()


@pytest.fixture
async def other(tmp_path: Path) -> AsyncGenerator[Home]:
    made = Home(tmp_path / "two")
    await made.chats.open()
    yield made
    await made.chats.close()


async def live(home: Home, seed: int, acts: int = 120) -> None:
    """A person's months: chats, branches, marks, folders, tags, notes, summaries, votes, deletions, one after another at random."""
    dice = random.Random(seed)
    engine = FakeTextEngine(lambda _request: f"{dice.choice(WORDS)} {dice.random()}")
    chats: list[ChatId] = []
    for _act in range(acts):
        what = dice.randrange(16)
        messages = [one.id for chat in chats[-3:] for one in home.chats.tree(chat).messages.values()]
        if what < 4 or not messages:
            chat, _message = await home.chats.say(None if what < 2 or not chats else dice.choice(chats), dice.choice(WORDS))
            if chat not in chats:
                chats.append(chat)
            await home.chats.reply(chat, engine)
            continue
        message, chat = dice.choice(messages), dice.choice(chats)
        match what:
            case 4:
                await home.organiser.edit(message, f"{dice.choice(WORDS)}!")
            case 5:
                await home.organiser.mark(message, dice.choice(["good", "bad", ""]))
            case 6:
                folders = home.organiser.folders()
                await home.organiser.add_folder(dice.choice(WORDS), dice.choice([None, *[one.id for one in folders]]))
            case 7:
                folders = home.organiser.folders()
                await home.organiser.move([chat], dice.choice([None, *[one.id for one in folders]]))
            case 8:
                await home.organiser.tag([chat, dice.choice(chats)], dice.choice(WORDS).replace("\x00", ""))
            case 9:
                await home.organiser.name_branch(message, dice.choice(WORDS))
            case 10:
                await home.organiser.set_note(chat, dice.choice(WORDS))
                await home.organiser.pin([chat], dice.random() < 0.5)
            case 11:
                await (home.organiser.delete([chat]) if dice.random() < 0.4 else home.organiser.archive([chat], dice.random() < 0.7))
            case 12:
                await home.organiser.delete_message(message)
            case 13:
                await home.chats.keep_draft(chat, dice.choice(WORDS))
                await home.chats.change(chat, system_prompt=dice.choice(WORDS), parameters={"temperature": dice.random(), "seed": 3}, model="m.gguf")
            case 14:
                await home.database.write(
                    lambda connection, chat=chat, message=message: connection.execute(  # type: ignore[misc]
                        "INSERT INTO summary (uid, chat_id, message_id, text, fingerprint, written_by, created_at, changed_at) "
                        "SELECT lower(hex(randomblob(16))), chat_id, id, 'ngắn', 'f', 'model', 5, 6 FROM message WHERE id = ?",
                        (message,),
                    )
                )
            case 15:
                await home.database.write(lambda connection, chat=chat, message=message: vote(connection, chat, message))  # type: ignore[misc]


def vote(connection: sqlite3.Connection, chat: ChatId, message: MessageId) -> None:
    cursor = connection.execute(
        "INSERT INTO vote (uid, chat_id, question_id, blind, verdict, created_at, voted_at) VALUES (lower(hex(randomblob(16))), ?, NULL, 1, 'best', 7, 8)",
        (chat,),
    )
    connection.execute(
        "INSERT INTO vote_answer (vote_id, place, message_id, engine, model, won, tokens_per_second) VALUES (?, 1, ?, 'llama_cpp', 'm', 1, 12.5)",
        (cursor.lastrowid, message),
    )


def parts(path: Path) -> dict[str, bytes]:
    """The content of an export without its manifest, read by another program."""
    with zipfile.ZipFile(path) as file:
        assert file.testzip() is None
        return {name: file.read(name) for name in file.namelist() if name != "manifest.json"}


@pytest.mark.parametrize("seed", range(6))
async def test_what_goes_out_comes_back_row_by_row(home: Home, other: Home, tmp_path: Path, seed: int) -> None:
    await live(home, seed)
    out, again = tmp_path / "out 🐉.zip", tmp_path / "again.zip"
    told = await home.exchange.export(out)
    taken = await other.exchange.take(out)
    assert taken.left_out == () and taken.left_out_count == 0
    assert told.counts["chat"] == taken.counted.chats and told.counts["message"] == taken.counted.messages
    before, after = home.rows(), other.rows()
    # Messages keep even their numbers in an empty home (and with them their order); the others are the same in the same order.
    assert after["message"] == before["message"] or without_chat_numbers(after["message"]) == without_chat_numbers(before["message"])
    for table in ("folder", "tag", "vote"):
        assert [row[1] for row in after[table]] == [row[1] for row in before[table]], table
    assert len(after["summary"]) == len(before["summary"]) and len(after["branch"]) == len(before["branch"])
    await other.exchange.export(again)
    assert parts(again) == parts(out)
    assert {chat.uid: (chat.title, chat.messages, chat.letters, chat.note, chat.draft) for chat in other.chats.all()} == {
        chat.uid: (chat.title, chat.messages, chat.letters, chat.note, chat.draft) for chat in home.chats.all()
    }


def without_chat_numbers(rows: list[Any]) -> list[Any]:
    return [(*row[:2], *row[3:]) for row in rows]


async def test_a_second_import_adds_nothing_and_a_look_says_so(home: Home, other: Home, tmp_path: Path) -> None:
    await live(home, 7)
    out = tmp_path / "out.zip"
    await home.exchange.export(out)
    look = await other.exchange.preview(out)
    taken = await other.exchange.take(out)
    counted = taken.counted
    assert (look.counted.chats, look.counted.messages, look.counted.folders, look.counted.tags) == (
        counted.chats, counted.messages, counted.folders, counted.tags,
    )  # fmt: skip
    assert look.counted.summaries == counted.summaries and look.counted.votes == counted.votes
    rows = other.rows()
    look, again = await other.exchange.preview(out), await other.exchange.take(out)
    for found in (look.counted, again.counted):
        assert (found.chats, found.messages, found.folders, found.tags, found.summaries, found.votes, found.grown, found.both_kept) == (0,) * 8
        assert found.same == counted.chats and found.messages_there == counted.messages
    assert other.rows() == rows
    # Into the home it came from, too.
    rows = home.rows()
    assert (await home.exchange.take(out)).counted.messages == 0
    assert home.rows() == rows


async def test_a_chat_that_grew_elsewhere_gets_its_new_messages(home: Home, other: Home, tmp_path: Path) -> None:
    out = tmp_path / "out.zip"
    chat, first = await home.chats.say(None, "Xin chào")
    await home.chats.reply(chat, FakeTextEngine("Chào bạn"))
    await home.exchange.export(out)
    await other.exchange.take(out)
    (there,) = other.chats.all()
    await other.chats.say(there.id, "Đi đâu?")
    new = await other.chats.reply(there.id, FakeTextEngine("Về nhà"))
    await other.organiser.mark(new, "good")
    await other.organiser.tag([there.id], "xa")
    await other.organiser.set_note(there.id, "their note")
    await home.organiser.set_note(chat, "my note")
    back = tmp_path / "back.zip"
    await other.exchange.export(back)
    taken = (await home.exchange.take(back)).counted
    assert (taken.chats, taken.grown, taken.messages, taken.messages_there) == (0, 1, 2, 2)
    here = home.chats.get(chat)
    assert here is not None and [one.text for one in home.chats.tree(chat).path(here.tip_id)] == ["Xin chào", "Chào bạn", "Đi đâu?", "Về nhà"]
    assert home.chats.tree(chat).path(here.tip_id)[-1].mark == "good"
    assert here.note == "my note\n\ntheir note" and home.organiser.tags_by_chat() == {chat: ("xa",)}
    # The person goes back to the beginning; the same file again leaves that alone.
    await home.organiser.branch_from(first)
    await home.exchange.take(back)
    here = home.chats.get(chat)
    assert here is not None and here.tip_id == first and here.note == "my note\n\ntheir note"


async def test_a_message_that_stands_otherwise_here_is_kept_twice_with_its_own_answers(home: Home, tmp_path: Path) -> None:
    chat, first = await home.chats.say(None, "Câu hỏi")
    await home.chats.reply(chat, FakeTextEngine("Trả lời"))
    out = tmp_path / "out.zip"
    await home.exchange.export(out)
    changed = tmp_path / "changed.zip"
    rewrite(out, changed, lambda record: record | {"text": "Câu hỏi khác"} if record.get("role") == "user" else record)
    for times in (1, 0):
        taken = await home.exchange.take(changed)
        assert (taken.counted.both_kept, taken.counted.messages) == (times, times), taken
        tree = home.chats.tree(chat)
        assert sorted(one.text for one in tree.messages.values() if one.parent_id is None) == ["Câu hỏi", "Câu hỏi khác"]
    assert home.chats.tree(chat).messages[first].text == "Câu hỏi"


def rewrite(path: Path, to: Path, change: Any) -> None:
    """The same export with other records; a program that knows nothing of ours does it."""
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(to, "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            text = old.read(name)
            if name != "manifest.json":
                lines = [json.loads(line) for line in text.decode().split("\n") if line]
                text = b"".join(line_of({key: value for key, value in change(record).items() if key != "check"}) for record in lines)
            new.writestr(name, text)


async def test_a_reply_that_was_cut_off_is_not_kept_beside_the_whole_one(home: Home, other: Home, tmp_path: Path) -> None:
    chat, _first = await home.chats.say(None, "Kể đi")
    slow = FakeTextEngine("một hai ba bốn năm sáu bảy tám chín mười " * 20, seconds_per_token=0.005)
    writing = asyncio.create_task(home.chats.reply(chat, slow))
    await until(lambda: any(len(one.text) > 20 for one in home.chats.tree(chat).messages.values()))
    await asyncio.sleep(0.6)  # flushed
    out = tmp_path / "out.zip"
    await home.exchange.export(out)
    await writing
    assert (await home.exchange.take(out)).counted.messages == 0
    await other.exchange.take(out)
    ((_uid, there),) = [(one.uid, one) for one in other.chats.tree(other.chats.all()[0].id).messages.values() if one.role == "assistant"]
    assert there.state == "stopped" and there.text


async def test_selections_hold_what_they_say(home: Home, other: Home, tmp_path: Path) -> None:
    outer = await home.organiser.add_folder("Ngoài")
    inner = await home.organiser.add_folder("Trong", outer)
    await home.organiser.add_folder("Khác")
    first, _message = await home.chats.say(None, "một", folder=inner)
    second, asked = await home.chats.say(None, "hai")
    await home.chats.reply(second, FakeTextEngine(["a", "b"]))
    last = await home.chats.answer(asked, FakeTextEngine("b"))
    out = tmp_path / "out.zip"
    await home.exchange.export(out, Scope(folder=outer))
    await other.exchange.take(out)
    assert [chat.title for chat in other.chats.all()] == ["một"] and [folder.name for folder in other.organiser.folders()] == ["Ngoài", "Trong"]
    await home.exchange.export(out, Scope(chats=(second,), tip=last))
    await other.exchange.take(out)
    there = next(chat for chat in other.chats.all() if chat.title == "hai")
    assert [one.text for one in other.chats.tree(there.id).messages.values()] == ["hai", "b"] and there.tip_id is not None
    await home.organiser.delete([first])
    assert (await home.exchange.export(out, Scope(trash=False))).counts["chat"] == 1
    assert (await home.exchange.export(out)).counts["chat"] == 2


# -- broken and hostile files ----------------------------------------------------------------------------------------------


@pytest.fixture
async def out(home: Home, tmp_path: Path) -> Path:
    await live(home, 3, 80)
    path = tmp_path / "out.zip"
    await home.exchange.export(path)
    return path


async def test_every_cut_and_every_flipped_bit_is_survived_and_no_wrong_word_gets_in(home: Home, tmp_path: Path, out: Path) -> None:
    """Whatever is taken from a broken file is a message of the original, letter by letter; the whole file then brings the rest."""
    whole = out.read_bytes()
    good = {(one[1], one[5]) for one in home.rows()["message"]}
    dice = random.Random(1)
    taken_at_all = 0
    for turn in range(24):
        broken = tmp_path / f"broken{turn}.zip"
        if turn % 2:
            broken.write_bytes(whole[: dice.randrange(10, len(whole))])
        else:
            damaged = bytearray(whole)
            for _flip in range(dice.choice([1, 1, 5])):
                damaged[dice.randrange(len(damaged))] ^= 1 << dice.randrange(8)
            broken.write_bytes(damaged)
        there = Home(tmp_path / f"home{turn}")
        await there.chats.open()
        try:
            try:
                taken = await there.exchange.take(broken)
            except (NotAnExport, UnsafeFile, NewerExport):
                continue
            finally:
                rows = {(one[1], one[5]) for one in there.rows()["message"]}
                assert rows <= good
            taken_at_all += 1
            assert len(rows) == len(good) or taken.left_out_count, turn
            assert (await there.exchange.take(out)).left_out_count == 0
            assert {(one[1], one[5]) for one in there.rows()["message"]} == good
        finally:
            await there.chats.close()
    assert taken_at_all > 10


async def test_a_lost_line_costs_what_stood_in_it_and_is_named(home: Home, other: Home, tmp_path: Path, out: Path) -> None:
    with zipfile.ZipFile(out) as old:
        lines = old.read("chats-00001.jsonl").split(b"\n")
    at = next(number for number, line in enumerate(lines) if b'"kind":"message"' in line and b'"parent":null' in line)
    bad = tmp_path / "bad.zip"
    with zipfile.ZipFile(out) as old, zipfile.ZipFile(bad, "w") as new:
        for name in old.namelist():
            new.writestr(
                name, b"\n".join([*lines[:at], lines[at].replace(b'"role":"', b'"role":"x', 1), *lines[at + 1 :]]) if "chats" in name else old.read(name)
            )
    taken = await other.exchange.take(bad)
    assert any(one.where == f"chats-00001.jsonl:{at + 1}" for one in taken.left_out)
    assert taken.counted.messages == len(home.rows()["message"]) - 1


def zipped(path: Path, *entries: tuple[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        for name, content in entries:
            file.writestr(name, content)
    return path


MANIFEST = ("manifest.json", json.dumps({"format": "localstory chats", "version": 1, "parts": []}).encode())


async def test_a_newer_format_is_refused_with_words(home: Home, tmp_path: Path) -> None:
    newer = zipped(tmp_path / "n.zip", ("manifest.json", json.dumps({"format": "localstory chats", "version": 2}).encode()))
    cut = zipped(tmp_path / "c.zip", ("chats-00001.jsonl", line_of({"kind": "localstory chats", "version": 9})))
    for path in (newer, cut):
        for act in (home.exchange.preview, home.exchange.take):
            with pytest.raises(NewerExport):
                await act(path)


@pytest.mark.parametrize("name", ["../evil.jsonl", "/etc/passwd", "..\\evil", "C:\\evil", "a/../../b", "C:evil", "\\\\host\\share"])
async def test_names_that_lead_out_are_refused(home: Home, tmp_path: Path, name: str) -> None:
    before = sorted(tmp_path.rglob("*"))
    path = zipped(tmp_path / "slip.zip", MANIFEST, (name, b"x"))
    with pytest.raises(UnsafeFile):
        await home.exchange.take(path)
    assert sorted(tmp_path.rglob("*")) == sorted([*before, path])


async def test_bombs_are_refused_at_once(home: Home, tmp_path: Path) -> None:
    many = zipped(tmp_path / "many.zip", MANIFEST, *((f"{number}.txt", b"") for number in range(10_001)))
    link = tmp_path / "link.zip"
    with zipfile.ZipFile(link, "w") as file:
        entry = zipfile.ZipInfo("chats-00001.jsonl")
        entry.external_attr = 0o120777 << 16
        file.writestr(entry, "/etc/passwd")
    big = tmp_path / "big.zip"
    with zipfile.ZipFile(big, "w", zipfile.ZIP_DEFLATED) as file, file.open("chats-00001.jsonl", "w") as part:
        for _megabyte in range(100):
            part.write(b" " * (1 << 20))
    assert big.stat().st_size < 200_000
    for path in (many, link, big):
        with pytest.raises(UnsafeFile):
            await home.exchange.take(path)
    for path, content in ((tmp_path / "no.zip", b"hello"), (tmp_path / "empty.zip", b""), (zipped(tmp_path / "foreign.zip", ("a.txt", b"x")), None)):
        if content is not None:
            path.write_bytes(content)
        with pytest.raises(NotAnExport):
            await home.exchange.preview(path)
    with pytest.raises(FileTrouble):
        await home.exchange.preview(tmp_path / "nowhere.zip")


async def test_hostile_records_are_left_out_one_by_one(home: Home, tmp_path: Path) -> None:
    chat = {"kind": "chat", "uid": "c1", "title": "Được 🐉"}
    said = {"kind": "message", "uid": "m1", "chat": "c1", "n": 1, "role": "user", "text": "tốt"}
    hostile: list[bytes] = [
        line_of(said | {"uid": "m2", "made_of": json.loads("[" * 70 + "]" * 70)}),
        b'{"kind":"message","uid":"m3","chat":"c1","role":"user","text":"x","made_of":' + b'{"a":' * 100_000 + b"1" + b"}" * 100_000 + b"}\n",
        line_of(said | {"uid": "m4", "created_at": 10**30}), line_of(said | {"uid": "m5", "role": "tool"}), line_of(said | {"uid": 7}),
        line_of(said | {"uid": "m6", "text": None}), line_of({"kind": "message"}), line_of({"kind": "spell", "uid": "x"}), b"[1,2]\n", b"\xff\xfe\n",
        b'{"kind":"message","uid":"m7","chat":"c1","role":"user","text":"x","n":NaN}\n', line_of(said | {"uid": "x" * 65}),
        line_of(said | {"uid": "m8", "mark": "evil"}), line_of(chat | {"uid": "c9", "tags": [3]}), line_of(chat | {"uid": "c8", "parameters": []}),
    ]  # fmt: skip
    fine: list[bytes] = [
        line_of(said), line_of(said | {"uid": "m9", "n": 2**70}), line_of(said | {"uid": "m10", "n": 1}), line_of(said | {"uid": "m11", "parent": "m11"}),
        b'{"kind":"message","uid":"m12","chat":"c1","role":"user","text":"\\ud83d half","parent":"m1","n":1}\n',
    ]  # fmt: skip
    path = zipped(tmp_path / "h.zip", MANIFEST, ("chats-00001.jsonl", b"".join([line_of(chat), *fine, *hostile])))
    taken = await home.exchange.take(path)
    assert taken.left_out_count == len(hostile) + 1  # m11 answers itself: it begins a branch of its own
    assert taken.counted.messages == len(fine)
    (there,) = home.chats.all()
    assert there.title == "Được 🐉" and there.messages == len(fine)
    assert {one.text for one in home.chats.tree(there.id).messages.values()} == {"tốt", "? half"}
    home.rows()
    await home.chats.say(there.id, "và tiếp tục")


# -- cancelling and trouble ------------------------------------------------------------------------------------------------


async def fill(home: Home, chats: int, messages: int) -> None:
    def work(connection: sqlite3.Connection) -> None:
        for chat in range(1, chats + 1):
            connection.execute("INSERT INTO chat (uid, title, created_at, used_at) VALUES (?, ?, 1, ?)", (f"c{chat}", f"Chat {chat}", chat))
            begin = chat * 1_000_000
            connection.executemany(
                "INSERT INTO message (id, uid, chat_id, parent_id, role, text, state, created_at) VALUES (?, ?, ?, ?, ?, ?, 'finished', 1)",
                [
                    (begin + at, f"{chat}.{at}", chat, begin + at - 1 if at else None, "assistant" if at % 2 else "user", f"{WORDS[at % len(WORDS)]} {at}")
                    for at in range(messages)
                ],
            )
            connection.execute("UPDATE chat SET tip_id = ? WHERE id = ?", (begin + messages - 1, chat))

    await home.database.write(work)


async def test_stopped_in_the_middle_whole_chats_are_there_and_the_rest_comes_later(home: Home, other: Home, tmp_path: Path) -> None:
    await fill(home, 40, 300)
    out = tmp_path / "out.zip"
    await home.exchange.export(out)
    seen: list[Progress] = []
    task = asyncio.create_task(other.exchange.take(out, seen.append))
    await until(lambda: bool(other.chats.all()))
    task.cancel()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    there = other.chats.all()
    assert 0 < len(there) < 40 and all(chat.messages == 300 for chat in there)
    assert all(len(other.chats.tree(chat.id).path(chat.tip_id)) == 300 for chat in there)
    assert isinstance(other.heard[-1], Changed) and len(other.heard[-1].ids) >= len(there)
    taken = await other.exchange.take(out, seen.append)
    assert taken.counted.chats == 40 - len(there) and taken.counted.messages == 300 * taken.counted.chats
    assert all(0 <= (one.share or 0) <= 1 for one in seen) and len(seen) > 10


async def test_a_stopped_or_failed_export_leaves_the_old_file_and_nothing_else(home: Home, tmp_path: Path) -> None:
    await fill(home, 30, 500)
    folder = tmp_path / "ra ngoài"
    folder.mkdir()
    out = folder / "x.zip"
    out.write_text("old")
    task = asyncio.create_task(home.exchange.export(out))
    await asyncio.sleep(0.05)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert [path.name for path in folder.iterdir()] == ["x.zip"] and out.read_text() == "old"
    for path in (folder / "no such" / "x.zip", folder):
        with pytest.raises(FileTrouble):
            await home.exchange.export(path)
    assert [path.name for path in folder.iterdir()] == ["x.zip"]


async def test_a_disk_that_takes_no_more_is_said_and_nothing_is_left(home: Home, tmp_path: Path) -> None:
    await live(home, 11)
    folder = tmp_path / "đầy"
    folder.mkdir()
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2_000, limits[1]))
    try:
        with pytest.raises(FileTrouble):
            await home.exchange.export(folder / "x.zip")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert list(folder.iterdir()) == []
    with pytest.raises(FileTrouble):
        await home.exchange.export(Path("/dev/null"))
    assert Path("/dev/null").is_char_device()


async def test_somebody_writes_while_an_import_runs(home: Home, other: Home, tmp_path: Path) -> None:
    await fill(home, 30, 200)
    out = tmp_path / "out.zip"
    await home.exchange.export(out)
    task = asyncio.create_task(other.exchange.take(out))
    said = 0
    while not task.done():
        await other.chats.say(None, f"và tôi {said}")
        said += 1
        await asyncio.sleep(0.002)
    taken = await task
    assert taken.counted.messages == 6_000 and taken.left_out_count == 0 and said > 3
    assert len(other.chats.all()) == 30 + said
    other.rows()


async def test_an_export_is_of_one_moment(home: Home, other: Home, tmp_path: Path) -> None:
    await fill(home, 60, 300)
    out = tmp_path / "out.zip"
    seen: list[Progress] = []
    task = asyncio.create_task(home.exchange.export(out, report=seen.append))
    await until(lambda: bool(seen))
    chat = home.chats.all()[0].id  # the last one of the file
    await home.chats.say(chat, "sau đó")
    await home.organiser.delete([chat])
    await task
    await other.exchange.take(out)
    assert len(other.chats.all()) == 60 and "sau đó" not in {one[5] for one in other.rows()["message"]}
