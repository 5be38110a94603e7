"""The list of messages by itself: fast, safe, and what is being read stays in place."""

from __future__ import annotations

import resource
import time
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest
from PySide6.QtCore import QUrl
from PySide6.QtGui import QGuiApplication, QTextDocument
from pytestqt.qtbot import QtBot

from ui import looks
from ui.widgets.markdown import Colours, Markdown
from ui.widgets.message_view import MessageView
from ui.widgets.safe_browser import SafeBrowser
from ui.widgets.values import MessageAction, Shown

COLOURS = Colours("#000000", "#666666", "#1f6660", "#f1ede5", "#dfd9cd", "default", "monospace")


@pytest.fixture
def view(qtbot: QtBot) -> Iterator[MessageView]:
    made = MessageView(looks.view_words(), looks.markdown(), looks.message_icons(), ("#dfe9e4", "#dfe9e4"))
    qtbot.addWidget(made)
    made.resize(800, 600)
    made.show()
    qtbot.waitExposed(made)
    yield made


def message(key: int, text: str, *, mine: bool = False, live: bool = False, waiting: str = "") -> Shown:
    actions = (MessageAction("copy", "Copy", "copy"),)
    return Shown(key, text, mine, f"Message {key}", actions=actions, live=live, waiting=waiting)


def chat(count: int, characters: int) -> list[Shown]:
    text = ("Some *words* of a chat that went on for a long time, and `code` now and then. " * 60)[:characters]
    return [message(number, f"Number {number}: {text}", mine=number % 2 == 1) for number in range(count)]


def test_only_what_is_in_sight_has_widgets(view: MessageView) -> None:
    view.set_messages(chat(1000, 500))
    assert 1 < len(view.browsers) < 30
    assert view.is_following
    assert view.browsers[-1].toPlainText().startswith("Number 999:")
    view.verticalScrollBar().setValue(0)
    assert view.browsers[0].toPlainText().startswith("Number 0:")
    for value in range(0, view.verticalScrollBar().maximum(), view.verticalScrollBar().maximum() // 50):
        view.verticalScrollBar().setValue(value)
    assert len(view.findChildren(SafeBrowser)) < 60


def test_rows_neither_overlap_nor_leave_holes(view: MessageView) -> None:
    view.set_messages(chat(60, 400))
    for value in (0, 700, 3000):
        view.verticalScrollBar().setValue(value)
        tops = [(row.top, row.top + row.height) for row in view._in_sight]
        assert all(abs(after[0] - before[1]) <= 0 for before, after in pairwise(tops))
        for row in view._in_sight:
            if isinstance(row.widget, SafeBrowser):
                assert row.widget.document().size().height() <= row.widget.height() + 1


def test_it_follows_at_the_end_and_offers_new_text_elsewhere(view: MessageView, qtbot: QtBot) -> None:
    view.set_messages([*chat(20, 400), message(20, "Begin. ", live=True)])
    view.append(20, "word " * 300, 7)
    qtbot.waitUntil(lambda: not view._timer.isActive())
    assert view.verticalScrollBar().value() == view.verticalScrollBar().maximum()
    assert not view._new_text.isVisible()
    view.verticalScrollBar().setValue(view.verticalScrollBar().maximum() // 2)
    before = [(browser.toPlainText(), browser.y()) for browser in view.browsers]
    view.append(20, "and more " * 300, 7 + 1500)
    qtbot.waitUntil(lambda: not view._timer.isActive())
    assert [(browser.toPlainText(), browser.y()) for browser in view.browsers] == before
    assert view._new_text.isVisible()
    view._new_text.click()
    assert view.is_following
    assert not view._new_text.isVisible()


def test_a_change_above_does_not_move_what_is_read(view: MessageView) -> None:
    shown = chat(40, 400)
    view.set_messages(shown)
    view.verticalScrollBar().setValue(view.verticalScrollBar().maximum() // 2)
    top = view.browsers[0]
    before = (top.toPlainText(), top.y())
    view.set_messages([message(99, "A new beginning. " * 60), *shown])
    assert (view.browsers[0].toPlainText(), view.browsers[0].y()) == before


def test_words_that_were_there_are_not_added_again(view: MessageView) -> None:
    view.set_messages([message(1, "Once upon", live=True)])
    view.append(1, "Once upon a time", 0)
    view.flush()
    assert view.text_of(1) == "Once upon a time"
    view.set_messages([message(1, "Once upon a time")])
    view.append(1, " a time", 9)
    view.flush()
    assert view.text_of(1) == "Once upon a time"


def test_waiting_gives_way_to_words(view: MessageView) -> None:
    view.set_messages([message(1, "Hello", mine=True), message(2, "", live=True, waiting="One moment…")])
    view.set_waiting(2, "Loading the model… 40 %")
    assert len(view.browsers) == 1
    view.append(2, "Hi", 0)
    view.flush()
    assert [browser.toPlainText() for browser in view.browsers] == ["Hello", "Hi"]


@pytest.mark.parametrize(
    "piece",
    [
        "Some *mixed* words, `code` and **more**.\n\n- a\n- b\n\n" * 2,
        "| cell | other | third |\n",
        "1. An item of a very long list\n",
        "x = [number for number in range(3)]\n",
    ],
    ids=["mixed", "table", "list", "code"],
)
def test_frames_stay_short_while_a_long_reply_streams_into_a_long_chat(view: MessageView, piece: str) -> None:
    """99 of 100 flushes within 16 ms of processor time (DESIGN.md, promise 6), with three times that as slack for slow machines."""
    start = {"|": "| a | b | c |\n|---|---|---|\n", "x": "```python\n"}.get(piece[0], "")
    view.set_messages([*chat(1000, 500), message(5000, start, live=True)])
    costs, at = [], len(start)
    for _flush in range(300):
        began = time.process_time()
        view.append(5000, piece, at)
        view.flush()
        costs.append(time.process_time() - began)
        at += len(piece)
    costs.sort()
    print(f"median {costs[150] * 1000:.1f} ms, p99 {costs[297] * 1000:.1f} ms, max {costs[-1] * 1000:.1f} ms")
    assert costs[297] < 0.048


@pytest.mark.parametrize(
    "text",
    [
        "x" * 400_000,
        "```\n" + "y" * 1_000_000,
        "line\n" * 100_000,
        "> " * 5000 + "deep",
        "z\u0335\u0336\u0337" * 20_000,
        "🐉" * 100_000,
        "\u202eabc\u2066" * 5000,
        "![a](b)" * 10_000,
    ],
    ids=["long line", "long code", "many lines", "deep quotes", "zalgo", "emoji", "bidi", "pictures"],
)
def test_no_text_freezes_the_window(view: MessageView, text: str) -> None:
    began, before = time.process_time(), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    view.set_messages([message(1, text)])
    view.verticalScrollBar().setValue(view.verticalScrollBar().maximum() // 2)
    view.set_messages([message(1, text), message(2, "", live=True)])
    view.append(2, text, 0)
    view.flush()
    assert time.process_time() - began < 6.0
    longest = max(len(browser.toPlainText()) for browser in view.browsers)
    assert longest < 8000
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 300_000
    assert view.text_of(2) == text


HOSTILE = [
    "![x](file:///etc/hostname)", "![x](/etc/hostname)", "![x](file://host/share/x.png)", "![x](\\\\host\\share\\x.png)", "![x](http://127.0.0.1:9/x.png)",
    "<img src='/etc/hostname'>", "<link rel=stylesheet href='/etc/hostname'>", "[a]: /etc/hostname\n![a]", "<style>@import '/etc/hostname'</style>",
    "![x](data:image/png;base64,AAAA)", "![x](qrc:/x.png)", "<script>alert(1)</script>", "| ![x](/etc/hostname) |\n|---|\n| <img src=x> |",
]  # fmt: skip


@pytest.mark.parametrize("text", HOSTILE)
def test_nothing_that_a_model_writes_is_loaded(view: MessageView, text: str) -> None:
    view.set_messages([message(1, text)])
    assert view.browsers[0].asked_for == []
    html = view.browsers[0].toHtml()
    assert "<img" not in html


def test_even_a_picture_in_the_html_is_answered_with_one_pixel(qtbot: QtBot, tmp_path: Path) -> None:
    browser = SafeBrowser()
    qtbot.addWidget(browser)
    browser.resize(300, 300)
    browser.set_html("<p>a <img src='file:///etc/hostname'> <img src='//host/share/x.png'></p>", 280)
    browser.show()
    browser.grab()
    assert browser.asked_for
    answer = browser.loadResource(QTextDocument.ResourceType.ImageResource.value, QUrl("file:///etc/hostname"))
    assert (answer.width(), answer.height()) == (1, 1)
    for kind in QTextDocument.ResourceType:
        assert browser.loadResource(kind.value, QUrl("file:///etc/hostname")) is not None
    assert not browser.openLinks()


def test_copying_code_gives_the_code(view: MessageView) -> None:
    view.set_messages([message(1, "First:\n\n```python\nprint('xin chào 🐉')\n```\n\nThen:\n\n```\nplain\n```\n")])
    browser = view.browsers[0]
    browser.anchorClicked.emit(QUrl("copy:0"))
    assert QGuiApplication.clipboard().text() == "print('xin chào 🐉')\n"
    browser.anchorClicked.emit(QUrl("copy:1"))
    assert QGuiApplication.clipboard().text() == "plain\n"
    browser.anchorClicked.emit(QUrl("copy:7"))


def test_copying_a_part_of_a_long_block_of_code_gives_the_whole(view: MessageView) -> None:
    code = "".join(f"line_{number} = 'tiếng {number}'\n" for number in range(600))
    view.set_messages([message(1, f"Look:\n\n```\nother\n```\n\n```python\n{code}```\nAfter.\n\n```\nlast\n```\n")])
    bar = view.verticalScrollBar()
    seen, shown = set(), 0
    for value in range(0, bar.maximum(), 300):
        bar.setValue(value)
        for browser in view.browsers:
            for number in (0, 1, 2):
                QGuiApplication.clipboard().setText("nothing")
                browser.anchorClicked.emit(QUrl(f"copy:{number}"))
                seen.add(QGuiApplication.clipboard().text())
    assert seen == {"nothing", "other\n", code, "last\n"}
    for row in view.rows:
        shown += (row.html or "").count(">python<")
    assert shown == 1  # its language stands over the first part


def test_code_is_coloured_only_at_rest() -> None:
    markdown = Markdown(COLOURS)
    text = "```python\nprint(1)\n```"
    assert "color" in markdown.render(text).html.split("<pre")[1].split(">", 1)[1]
    assert "span" not in markdown.render(text, at_rest=False).html
    assert "span" not in markdown.render("```no-such-language\nx\n```").html


def test_a_links_text_cannot_turn_the_direction_of_writing() -> None:
    assert "\u202e" not in Markdown(COLOURS).render("[safe\u202egro.live](https://example.org)").html
