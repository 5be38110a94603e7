"""`localstory chats search`, with its own arguments, on a real home."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import pytest

from localstory.app import open_app
from localstory.chats.tree import ChatId
from localstory.cli import chats_search
from localstory.cli.screen import Screen
from localstory.errors import BadRequest


def search(*arguments: str) -> dict[str, Any]:
    parser = argparse.ArgumentParser()
    chats_search.arguments(parser)
    return chats_search.run(parser.parse_args(arguments), Screen(quiet=True))


@pytest.fixture
def said(home: Path) -> ChatId:
    with open_app(home) as app:
        app.runtime.run(app.open_data())
        chat, _message = app.runtime.run(app.chats.say(None, "Con đường về nhà rất xa"))
        app.runtime.run(app.chats.say(chat, "một câu khác"))
        app.runtime.run(app.organiser.tag([chat], "Ý tưởng"))
        folder = app.runtime.run(app.organiser.add_folder("Truyện dài 🐉"))
        app.runtime.run(app.organiser.move([chat], folder))
        app.runtime.run(app.chats.say(None, "duong khác"))
        return chat


def test_words_are_found_and_told_as_they_were_written(said: ChatId) -> None:
    found = search("duong", "--role", "user")
    assert [hit["snippet"] for hit in found["hits"]] == ["duong khác", "Con đường về nhà rất xa"]
    hit = found["hits"][1]
    assert hit["chat_id"] == said and [hit["snippet"][start:end] for start, end in hit["places"]] == ["đường"]
    assert found["more"] is False and isinstance(found["seconds"], float)


@pytest.mark.parametrize(
    ("arguments", "count"),
    [
        (("--tag", "y tuong"), 1), (("--folder", "truyen dai 🐉"), 1), (("--chat", "1"), 1), (("--chat", "2"), 1), (("--tag", "khác"), 0),
        (("--until", "2001-01-01"), 0), (("--since", "2001-01-01"), 2), (("--trash",), 0), (("--archived",), 0), (("--no-archived",), 2),
        (("--mark", "good"), 0),
    ],
)  # fmt: skip
def test_filters(said: ChatId, arguments: tuple[str, ...], count: int) -> None:
    assert len(search("duong", "--role", "user", *arguments)["hits"]) == count


def test_pages(said: ChatId) -> None:
    first = search("duong", "--role", "user", "--limit", "1")
    assert first["more"] and len(first["hits"]) == 1
    second = search("duong", "--role", "user", "--limit", "1", "--before", str(first["hits"][0]["message_id"]))
    assert [hit["snippet"] for hit in second["hits"]] == ["Con đường về nhà rất xa"] and not second["more"]


@pytest.mark.parametrize("arguments", [("--since", "hôm qua"), ("--until", "2026-13-01"), ("--folder", "không có"), ("--limit", "0")])
def test_what_makes_no_sense_is_told(said: ChatId, arguments: tuple[str, ...]) -> None:
    with pytest.raises(BadRequest):
        search("duong", *arguments)


def test_beside_an_open_window(home: Path, said: ChatId) -> None:
    with open_app(home) as app:
        app.runtime.run(app.open_data())
        assert len(search("duong", "--role", "user")["hits"]) == 2
        app.runtime.run(app.chats.say(None, "đường mới"))
        assert len(search("duong", "--role", "user")["hits"]) == 3
