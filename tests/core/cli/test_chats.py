"""`localstory chats list|show|export|import` on a real home, also beside an open one."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import pytest

from localstory.app import open_app
from localstory.chats.exchange_file import NotAnExport
from localstory.cli import chats
from localstory.cli.screen import Screen
from localstory.engines.text.fake import FakeTextEngine
from localstory.errors import BadRequest, HomeInUse


def run(*arguments: str | Path) -> dict[str, Any]:
    parser = argparse.ArgumentParser()
    chats.arguments(parser)
    return chats.run(parser.parse_args([str(one) for one in arguments]), Screen(quiet=True))


@pytest.fixture
def said(home: Path) -> Path:
    with open_app(home) as app:
        do = app.runtime.run
        do(app.open_data())
        outer = do(app.organiser.add_folder("Truyện dài 🐉"))
        inner = do(app.organiser.add_folder("Đêm", outer))
        first, _asked = do(app.chats.say(None, "Ông già và biển cả", folder=inner))
        reply = do(app.chats.reply(first, FakeTextEngine("một hai ba")))
        do(app.chats.regenerate(reply, FakeTextEngine("bốn")))
        do(app.organiser.tag([first], "Ý hay"))
        second, _asked = do(app.chats.say(None, "ăn gì?"))
        do(app.organiser.archive([second], True))
        gone, _asked = do(app.chats.say(None, "xoá tôi"))
        do(app.organiser.delete([gone]))
    return home


def titles(*arguments: str) -> list[str]:
    return [chat["title"] for chat in run("list", *arguments)["chats"]]


def test_lists_by_filters_and_orders(said: Path) -> None:
    assert titles() == ["ăn gì?", "Ông già và biển cả"]
    assert titles("--sort", "title") == ["ăn gì?", "Ông già và biển cả"] and titles("--sort", "length") == ["Ông già và biển cả", "ăn gì?"]
    assert titles("--folder", "truyen dai 🐉") == titles("--folder", "đêm") == titles("--folder", "Truyện dài 🐉/Đêm") == ["Ông già và biển cả"]
    assert titles("--tag", "y hay") == ["Ông già và biển cả"] and titles("--archived") == ["ăn gì?"] and titles("--limit", "1") == ["ăn gì?"]
    (one,) = run("list", "--no-archived")["chats"]
    assert (one["folder"], one["tags"], one["messages"], one["archived"]) == (["Truyện dài 🐉", "Đêm"], ["Ý hay"], 3, False)
    trash = run("list", "--trash")
    assert trash["count"] == 1 and trash["trash"][0]["title"] == "xoá tôi" and trash["trash"][0]["days_left"] == 30
    for wrong in (["--folder", "không có"], ["--limit", "0"]):
        with pytest.raises(BadRequest):
            run("list", *wrong)


def test_shows_a_branch_or_the_outline_by_number_or_title(said: Path) -> None:
    shown = run("show", "ong gia va bien ca")
    assert [message["text"] for message in shown["messages"]] == ["Ông già và biển cả", "bốn"]
    assert (shown["messages"][1]["sibling"], shown["messages"][1]["siblings"]) == (2, 2)
    other = run("show", "1", "--branch", "2")
    assert [message["text"] for message in other["messages"]] == ["Ông già và biển cả", "một hai ba"]
    outline = run("show", "1", "--outline")
    assert [(branch["tip"], branch["is_shown"], branch["depth"]) for branch in outline["branches"]] == [(2, False, 0), (3, True, 1)]
    for wrong in (["99"], ["không có"], ["1", "--branch", "99"]):
        with pytest.raises(BadRequest):
            run("show", *wrong)


def test_everything_moves_to_another_home(said: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out = tmp_path / "tất cả.zip"
    told = run("export", out, "--all")
    assert told["counts"] == {"chat": 3, "message": 5, "folder": 2, "tag": 1, "summary": 0, "vote": 0} and told["size_bytes"] == out.stat().st_size
    before = run("list")["chats"]
    monkeypatch.setenv("LOCALSTORY_HOME", str(tmp_path / "nhà mới"))
    assert run("import", out, "--preview")["counted"]["chats"] == 3 and titles() == []
    taken = run("import", out)
    assert taken["counted"]["messages"] == 5 and taken["left_out"] == [] and len(taken["new_chats"]) == 3
    assert [{**chat, "id": 0} for chat in run("list")["chats"]] == [{**chat, "id": 0} for chat in before]
    assert run("import", out)["counted"]["messages"] == 0
    found = run("search", "bien")["hits"]
    assert [hit["title"] for hit in found] == ["Ông già và biển cả"] * 2  # the title, and the message
    junk = tmp_path / "x.zip"
    junk.write_bytes(b"PK?")
    with pytest.raises(NotAnExport):
        run("import", junk)


def test_some_go_out_to_be_read(said: Path, tmp_path: Path) -> None:
    assert run("export", tmp_path / "a.md", "1")["format"] == "markdown"
    assert "## You\n\nÔng già và biển cả" in (tmp_path / "a.md").read_text("utf-8")
    run("export", tmp_path / "b.txt", "1", "--branch", "2")
    assert "một hai ba" in (tmp_path / "b.txt").read_text("utf-8")
    many = run("export", tmp_path / "ra", "--format", "json", "--tag", "ý hay")
    assert many["files"] == [str(tmp_path / "ra")]
    assert run("export", tmp_path / "c.zip", "--folder", "đêm", "--no-trash")["counts"]["chat"] == 1
    for wrong in ([], ["1", "--all"], ["--tag", "không có"], ["1", "2", "--branch", "2"]):
        with pytest.raises(BadRequest):
            run("export", tmp_path / "d.zip", *wrong)
    assert not (tmp_path / "d.zip").exists()


def test_reads_beside_an_open_window_and_writes_only_without(said: Path, tmp_path: Path) -> None:
    with open_app(said) as app:
        app.runtime.run(app.open_data())
        assert len(titles()) == 2 and run("show", "1")["messages"]
        assert run("export", tmp_path / "a.zip", "--all")["counts"]["chat"] == 3
        assert run("import", tmp_path / "a.zip", "--preview")["counted"]["same"] == 3
        with pytest.raises(HomeInUse):
            run("import", tmp_path / "a.zip")
