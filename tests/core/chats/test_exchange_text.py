"""Chats to be read, and the names of their files."""

from __future__ import annotations

import json
import unicodedata
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from localstory.chats.exchange_text import file_name
from localstory.engines.text.fake import FakeTextEngine
from localstory.errors import BadRequest, FileTrouble
from tests.core.chats.test_exchange import Home

TITLES = (
    "..", ".", "", " ", "a/b", "..\\..\\x", "C:\\x", "C:x", "\\\\host\\x", "a\x00b", "CON", "con.txt", "LPT1", "nul.", "x. ", "🐉" * 80, "é" * 300,
    "\u202egnp.exe", "~", "-rf",
)  # fmt: skip


@given(st.lists(st.one_of(st.text(max_size=200), st.sampled_from(TITLES)), max_size=6))
def test_every_title_makes_a_name_that_stays_in_its_folder_and_is_no_others(titles: list[str]) -> None:
    taken: list[str] = []
    for title in titles:
        name = file_name(title, ".md", taken)
        assert Path(name).name == name and name not in (".", "..") and not name.startswith((" ", "."))
        assert not set(name) & set('<>:"/\\|?*\x00\n\r') and len(name.encode()) <= 160
        assert name.split(".")[0].strip().lower() not in {"con", "nul", "prn", "aux", "com1", "lpt1"}
        assert all(unicodedata.normalize("NFC", other).casefold() != unicodedata.normalize("NFC", name).casefold() for other in taken)
        taken.append(name)


def test_what_people_write_stays_readable() -> None:
    assert file_name("Chuyện con rồng 🐉 — phần 2", ".md") == "Chuyện con rồng 🐉 — phần 2.md"
    assert file_name("Đường", ".txt", {"đường.txt"}) == "Đường (2).txt"
    assert file_name("é", "", {"e\u0301", "É (2)"}) == "é (3)"


@pytest.fixture
async def home(tmp_path: Path):  # type: ignore[no-untyped-def]
    made = Home(tmp_path / "nhà")
    await made.chats.open()
    yield made
    await made.chats.close()


async def test_one_chat_to_be_read_and_its_tree(home: Home, tmp_path: Path) -> None:
    chat, asked = await home.chats.say(None, "Kể chuyện 🦊")
    await home.chats.change(chat, system_prompt="Nói ngắn.\n\nKhông đùa.")
    first = await home.chats.reply(chat, FakeTextEngine("# Chuyện\n\nMột"))
    await home.chats.regenerate(first, FakeTextEngine("Hai"))
    out = tmp_path / "a.md"
    assert await home.exchange.export_readable(out, [chat], "markdown") == [out]
    assert out.read_text("utf-8") == ("# Kể chuyện 🦊\n\n> **System prompt**\n>\n> Nói ngắn.\n>\n> Không đùa.\n\n## You\n\nKể chuyện 🦊\n\n## Fake\n\nHai\n")
    await home.exchange.export_readable(out, [chat], "text", first)
    assert out.read_text("utf-8").endswith("You:\nKể chuyện 🦊\n\nFake:\n# Chuyện\n\nMột\n")
    await home.exchange.export_readable(out, [chat], "json")
    told = json.loads(out.read_text("utf-8"))
    by_text = {one["text"]: one for one in told["messages"]}
    assert told["count"] == 3 and by_text["Hai"]["parent"] == by_text["# Chuyện\n\nMột"]["parent"] == by_text["Kể chuyện 🦊"]["uid"]
    assert told["tip"] == by_text["Hai"]["uid"]
    assert asked


async def test_several_go_into_a_folder_over_nothing_that_is_there(home: Home, tmp_path: Path) -> None:
    chats = [(await home.chats.say(None, "Trùng tên"))[0] for _number in range(3)]
    folder = tmp_path / "ra"
    folder.mkdir()
    (folder / "Trùng tên.txt").write_text("mine")
    files = await home.exchange.export_readable(folder, chats, "text")
    assert [file.name for file in files] == ["Trùng tên (2).txt", "Trùng tên (3).txt", "Trùng tên (4).txt"]
    assert (folder / "Trùng tên.txt").read_text() == "mine" and len(list(folder.iterdir())) == 4
    with pytest.raises(FileTrouble):
        await home.exchange.export_readable(folder / "Trùng tên.txt", chats, "text")
    await home.organiser.delete(chats[:1])
    with pytest.raises(BadRequest):
        await home.exchange.export_readable(tmp_path / "x.md", chats[:1], "markdown")


async def test_a_blind_vote_stays_blind_in_what_is_read(home: Home, tmp_path: Path) -> None:
    chat, _asked = await home.chats.say(None, "Ai?")
    reply = await home.chats.reply(chat, FakeTextEngine("Tôi", name="Bí mật"))

    def blind(connection):  # type: ignore[no-untyped-def]
        vote = connection.execute("INSERT INTO vote (uid, chat_id, blind, created_at) VALUES ('v', ?, 1, 1)", (chat,)).lastrowid
        connection.execute("INSERT INTO vote_answer (vote_id, place, message_id, engine, model) VALUES (?, 1, ?, 'e', 'm')", (vote, reply))

    await home.database.write(blind)
    for form in ("markdown", "text", "json"):
        await home.exchange.export_readable(tmp_path / "x", [chat], form)
        assert "Tôi" in (tmp_path / "x").read_text("utf-8") and "Bí mật" not in (tmp_path / "x").read_text("utf-8"), form
