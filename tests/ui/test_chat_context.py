"""The bar above the input, its whole account, and what a full chat offers."""

from __future__ import annotations

import asyncio
import time
from sqlite3 import Connection

from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QLabel

from localstory.chats import store
from localstory.chats.service import Standing
from localstory.chats.tree import ChatId
from localstory.context import DraftTooLong, Fits, Line, Report, Window
from localstory.engines.base import Reply, Stream, TextEvent, TextRequest
from localstory.engines.text.fake import FakeTextEngine
from localstory.settings import Settings
from tests.ui.conftest import Opened
from tests.ui.test_chat_window import ask, texts
from ui.pages.chat import context_state
from ui.pages.chat.context_line import PAUSE_MS
from ui.widgets.plain_table import PlainTable


def writer(length: int = 300) -> FakeTextEngine:
    def say(request: TextRequest) -> str:
        return "They met a fox." if request.messages[-1].text.startswith("Stop here") else "Aye, so it was, and the sea was calm."

    return FakeTextEngine(say, context_length=length)


def counted(opened: Opened, words: str) -> bool:
    return opened.chat.context.isVisible() and opened.chat.context.bar.strip.text.startswith(words)


def choose_policy(opened: Opened, name: str) -> None:
    """Through the dialog, as a person does."""
    opened.chat.account.open()
    dialog = opened.chat.account.dialog
    assert dialog is not None
    dialog.policy.setCurrentIndex(dialog.policy.findData(name))
    dialog.policy.activated.emit(dialog.policy.currentIndex())
    opened.settle()
    dialog.reject()


def grow(opened: Opened, messages: int, text: str = "said long ago, number {number} it was") -> ChatId:
    """A longer chat at once."""
    chat_id = ChatId(opened.chat.chat_id or 0)

    def many(connection: Connection) -> None:
        for number in range(messages):
            here = store.chat(connection, chat_id)
            assert here is not None
            store.add_message(connection, chat_id, here.tip_id, "assistant" if number % 2 else "user", text.format(number=number), "finished", 0)

    opened.app.runtime.run(opened.app.chats._database.write(many))
    return chat_id


def talk(opened: Opened, turns: int) -> None:
    for number in range(turns):
        ask(opened, f"and what of wave number {number}, was it high?")
        opened.settle()


def test_the_bar_counts_what_is_written_after_a_pause(opened: Opened) -> None:
    opened.engine = writer()
    opened.open()
    opened.window.go("chat")
    opened.chat.box.input.setPlainText("one two three")
    opened.until(lambda: counted(opened, "3 of 300 tokens"))
    bar = opened.chat.context.bar
    assert "Your new message 3" in bar.accessibleName()
    assert [(part.name, part.amount) for part in bar.strip.parts] == [("Your new message", 3), ("Kept for the reply", 150)]
    ask(opened, "one two three")
    opened.until(lambda: counted(opened, "12 of 300 tokens"))
    assert [part.amount for part in bar.strip.parts] == [12, 150]


def test_typing_counts_once_when_it_rests_and_never_on_the_windows_thread(opened: Opened) -> None:
    class Slow(FakeTextEngine):
        asked = 0

        async def count_prompt(self, messages: object, report: object = None) -> int:
            Slow.asked += 1
            await asyncio.sleep(0.4)
            return 5

    opened.engine = Slow()
    opened.open()
    opened.window.go("chat")
    opened.settle()
    Slow.asked = 0
    longest = 0.0
    for letter in "and so the fox went home":
        began = time.perf_counter()
        QTest.keyClicks(opened.chat.box.input, letter)
        longest = max(longest, time.perf_counter() - began)
        opened.qtbot.wait(20)
    assert Slow.asked == 0
    opened.until(lambda: counted(opened, "5 of "))
    opened.settle()
    assert 1 <= Slow.asked <= 6  # two for the template, one or two for the text
    assert longest < 0.3


def test_an_engine_that_is_not_loaded_is_not_loaded_for_the_bar(opened: Opened) -> None:
    class Cold(FakeTextEngine):
        process_id = None
        counts = 0

        async def count_many(self, texts: object, report: object = None) -> list[int]:
            Cold.counts += 1
            return await super().count_many(texts, None)  # type: ignore[arg-type]

    opened.engine = Cold("Aye.", context_length=300)
    opened.open()
    opened.window.go("chat")
    opened.chat.box.input.setPlainText("one two three")
    opened.qtbot.wait(PAUSE_MS + 200)
    opened.settle()
    assert Cold.counts == 0
    assert not opened.chat.context.isVisible()
    ask(opened, "one two three")
    opened.settle()
    opened.qtbot.wait(PAUSE_MS + 100)
    opened.settle()
    # What the last reply was sent stands there instead.
    assert counted(opened, "3 of 300 tokens")
    opened.chat.account.open()
    dialog = opened.chat.account.dialog
    assert dialog is not None
    assert any("as soon as the model is loaded" in label.text() for label in dialog.findChildren(QLabel))
    dialog.reject()


def test_the_account_names_every_text_and_is_reached_by_the_keyboard(opened: Opened) -> None:
    opened.engine = writer()
    opened.open()
    talk(opened, 2)
    opened.until(lambda: counted(opened, "36 of 300 tokens"))
    bar = opened.chat.context.bar
    bar.setFocus()
    QTest.keyClick(bar, Qt.Key.Key_Return)
    dialog = opened.chat.account.dialog
    assert dialog is not None
    rows = dialog.table.rows
    assert [row[0] for row in rows] == ["Your message", "Reply", "Your message", "Reply"]
    assert rows[0][1:] == ("and what of wave number 0, was it high?", "9", "9", "In")
    assert isinstance(dialog.table, PlainTable)
    dialog.tabs.setCurrentIndex(1)
    assert [(row[0], row[1], row[2]) for row in dialog.table.rows] == [("Conversation", "2 messages", "18"), ("Your new message", "", "9")]
    QTest.keyClick(dialog, Qt.Key.Key_Escape)
    assert opened.chat.account.dialog is None


def test_a_chat_that_asks_offers_the_ways_in_its_place_and_goes_on(opened: Opened) -> None:
    opened.engine = writer()
    opened.open()
    talk(opened, 1)
    choose_policy(opened, "ask")
    grow(opened, 60)
    talk(opened, 1)
    said = " ".join(label.text() for label in opened.chat.view.findChildren(QLabel))
    assert "no longer fits" in said
    opened.until(lambda: opened.chat.context.bar.strip.is_over)
    before = len(opened.engine.requests)
    press_any(opened, "Leave out the oldest")
    opened.settle()
    assert len(opened.engine.requests) == before + 1
    chat = opened.app.chats.get(ChatId(opened.chat.chat_id or 0))
    assert chat is not None
    assert chat.parameters["when_full"] == "drop_oldest"
    assert texts(opened)[-1] == "Aye, so it was, and the sea was calm."


def press_any(opened: Opened, beginning: str) -> None:
    """The last visible button that begins so."""
    buttons = [one for one in opened.chat.view.findChildren(type(opened.chat.view._new_text)) if one.isVisibleTo(opened.chat.view)]
    found = [one for one in buttons if one.accessibleName().startswith(beginning)]
    assert found, [one.accessibleName() for one in buttons]
    found[-1].click()


def test_a_summary_is_read_changed_and_deleted_with_undo(opened: Opened) -> None:
    opened.engine = writer()
    opened.open()
    talk(opened, 1)
    choose_policy(opened, "summarise")
    grow(opened, 60)
    talk(opened, 1)
    opened.until(lambda: opened.chat.context.standing is not None and opened.chat.context.standing.summary is not None)
    opened.chat.account.open()
    dialog = opened.chat.account.dialog
    assert dialog is not None
    assert dialog.summary.toPlainText() == "They met a fox."
    assert not dialog.save.isEnabled()
    dialog.summary.setPlainText("Họ gặp một con cáo 🦊.")
    dialog.save.click()
    opened.settle()
    opened.until(lambda: "🦊" in str(opened.chat.context.standing and opened.chat.context.standing.summary))
    ask(opened, "and then?")
    opened.settle()
    assert "🦊" in opened.engine.requests[-1].messages[0].text
    opened.until(lambda: opened.chat.context.standing is not None and opened.chat.context.standing.summary is not None)
    opened.chat.account.open()
    dialog = opened.chat.account.dialog
    assert dialog is not None
    before = len(opened.app.chats.summaries(ChatId(opened.chat.chat_id or 0)))
    dialog.delete.click()
    opened.settle()
    assert len(opened.app.chats.summaries(ChatId(opened.chat.chat_id or 0))) == before - 1
    opened.window.toasts.press()
    opened.settle()
    assert len(opened.app.chats.summaries(ChatId(opened.chat.chat_id or 0))) == before
    dialog.reject()


def test_waiting_for_a_summary_can_be_skipped(opened: Opened) -> None:
    engine = writer()
    opened.engine = engine
    opened.open()
    talk(opened, 1)
    choose_policy(opened, "summarise")
    grow(opened, 60)
    engine._seconds = 0.3
    ask(opened, "and now?")
    opened.until(lambda: opened.chat.context._skip.isVisible())
    assert "Summarising the beginning" in opened.chat.context._note.text()
    engine._seconds = 0.0
    opened.chat.context._skip.click()
    opened.settle()
    assert texts(opened)[-1] == "Aye, so it was, and the sea was calm."
    assert not opened.chat.context._skip.isVisible()
    said = " ".join(label.text() for label in opened.chat.view.findChildren(QLabel))
    assert "You skipped it." in said


class Telling(FakeTextEngine):
    """Says what decided its text."""

    async def reply(self, request: TextRequest) -> Stream[TextEvent]:
        async for event in super().reply(request):
            if isinstance(event, Reply):
                from dataclasses import replace

                event = replace(event, seed=4711, made_with={"flash_attention": True, "pack": "cuda", "odd_thing": [1, 2]})
            yield event


def test_a_reply_tells_what_decided_it(opened: Opened) -> None:
    opened.engine = Telling("Aye.")
    opened.open()
    ask(opened, "Hi")
    opened.settle()
    tips = [label.toolTip() for label in opened.chat.view.findChildren(QLabel) if label.toolTip()]
    assert tips == ["Flash attention: yes\nEngine pack: cuda\nodd thing: 1, 2\nSeed: 4711"]
    opened.reopen()
    opened.settle()
    assert tips == [label.toolTip() for label in opened.chat.view.findChildren(QLabel) if label.toolTip()]


def test_every_policy_of_the_core_has_words() -> None:
    from localstory.chats.asking import WHEN_FULL

    assert tuple(name for name, _title, _meaning in context_state.POLICIES) == WHEN_FULL


def test_a_thousand_messages_do_not_make_the_bar_slow(opened: Opened) -> None:
    opened.engine = FakeTextEngine("Aye.", context_length=8192)
    opened.open()
    talk(opened, 1)
    chat_id = grow(opened, 1000, "number {number}: " + "a long letter " * 40)
    engine = opened.engine
    assert engine is not None
    times = []
    for number in range(4):
        began = time.perf_counter()
        opened.app.runtime.run(opened.app.chats.standing(chat_id, engine, f"draft {number}"))
        times.append(time.perf_counter() - began)
    print("standing of 1,000 messages:", [round(one, 3) for one in times])
    assert min(times[1:]) < 0.5
    opened.chat._reload()
    opened.until(lambda: opened.chat.context.standing is not None and len(opened.chat.context.standing.report.lines) > 1000)
    began = time.perf_counter()
    opened.chat.account.open()
    assert time.perf_counter() - began < 0.5
    dialog = opened.chat.account.dialog
    assert dialog is not None
    dialog.reject()


def test_without_a_known_length_the_bar_does_not_look_full() -> None:
    report = Report((Line("1", "draft", "user", 5, 5, "in", "fits"),), 0, Window(None, 1024))
    strip = context_state.strip(Standing(report, Fits(), "drop_oldest", None, {}, False))
    assert (strip.text, strip.whole, [part.amount for part in strip.parts]) == ("about 5 tokens", 0.0, [5])
    assert context_state.bar("Next", strip).budget is None


def test_what_does_not_fit_is_shown_by_its_kinds() -> None:
    """A long new message is no long conversation: who sees the bar knows what to shorten."""
    lines = (
        Line("s", "system", "system", 20, 0, "left_out", "not_sent"),
        Line("1", "history", "user", 30, 0, "left_out", "not_sent"),
        Line("2", "history", "assistant", 0, 0, "left_out", "empty"),
        Line("d", "draft", "user", 700, 0, "left_out", "not_sent"),
    )
    strip = context_state.strip(Standing(Report(lines, 0, Window(600, 100)), DraftTooLong(700, 500), "ask", None, {}, True))
    assert strip.is_over and strip.text == "750 of 600 tokens"
    assert [(part.name, part.amount) for part in strip.parts] == [
        ("System prompt", 20), ("Conversation", 30), ("Your new message", 700), ("Kept for the reply", 100),
    ]  # fmt: skip


def test_the_account_fits_into_the_smallest_window_with_all_of_its_parts(opened: Opened) -> None:
    opened.engine = writer()
    for language in ("en", "vi"):
        opened.close()
        opened.open(Settings(language=language), size=(1024, 640))
        opened.window.go("chat", "new")
        talk(opened, 1)
        choose_policy(opened, "summarise")
        grow(opened, 60)
        talk(opened, 1)
        opened.chat.account.open()
        dialog = opened.chat.account.dialog
        assert dialog is not None
        opened.until(lambda dialog=dialog: dialog._card.isVisible())  # type: ignore[misc]
        assert dialog._card.height() <= 220, "the card takes the place of what is not there yet"
        opened.until(lambda dialog=dialog: dialog.table.isVisible())  # type: ignore[misc]
        opened.qtbot.wait(200)  # its layout grows it
        assert dialog.height() <= 620 < opened.window.height() == 640 and dialog.width() <= opened.window.width() == 1024
        dialog.reject()
