"""A writer's day: 25 tasks in the real window, by mouse and by keyboard alone, a picture after each.

The pictures are in the folder LOCALSTORY_PICTURES, where it is set. Each task says what it does in its name; what it does with
`hand` a person could do too: nothing is called behind the screen. What must be true afterwards is asked of the core.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication, QCheckBox, QDialog, QListWidget, QPushButton, QToolButton
from pytestqt.qtbot import QtBot

from localstory.chats.asking import DEFAULTS
from localstory.chats.store import Chat
from localstory.chats.tree import ChatId, ChatMessage
from localstory.engines.text.fake import FakeTextEngine
from localstory.models.library import TextModel
from tests.e2e.hand import Hand, rows_of
from tests.ui.conftest import Opened

ANSWERS = [
    "Ngày xửa ngày xưa, trên con đường làng, có một con cáo nhỏ sợ bóng tối.",
    "Once upon a time a small fox was afraid of the dark.",
    "Con cáo gặp một con đom đóm 🐉 bên giếng.",
    "The fox met an old owl by the river.",
]
INPUT = "Your message"
LONG = "từng chữ một " * 400


class Day:
    """The window, the hand, and what the core says."""

    def __init__(self, opened: Opened, hand: Hand, keys: bool, real: bool = False) -> None:
        self.opened = opened
        self.hand = hand
        self.keys = keys
        """By keyboard alone."""
        self.real = real
        """A real model writes: nobody knows what."""

    @property
    def chat(self) -> Chat:
        """The chat on the screen."""
        found = self.opened.app.chats.get(ChatId(self.opened.chat.chat_id or 0))
        assert found is not None, "no chat is on the screen"
        return found

    def is_answer(self, text: str, number: int) -> bool:
        """Whether this is the answer that comes now."""
        return bool(text.strip()) if self.real else text == ANSWERS[number]

    @property
    def path(self) -> list[ChatMessage]:
        return self.opened.app.chats.tree(self.chat.id).path(self.chat.tip_id)

    @property
    def texts(self) -> list[str]:
        return [message.text for message in self.path]

    def do(self, action: str, click: Callable[[], object]) -> None:
        """An action by its name in the palette, or with the mouse."""
        if self.keys:
            self.hand.act(action)
        else:
            click()
        self.quiet()

    def quiet(self) -> None:
        self.opened.settle()

    def say(self, text: str) -> None:
        """Write in the input and send."""
        input_ = self.hand.find(INPUT)
        if self.keys:
            if QApplication.focusWidget() is not input_:
                self.hand.act("Go to: Chat")
        else:
            self.hand.click(input_)
        self.hand.type(text)
        if self.keys:
            self.hand.key("Return")
        else:
            self.hand.click("Send")

    def button(self, action: str, place: int) -> None:
        """Click a button under a message; it may be in the menu at the end."""
        speaker = ("Your message {}" if self.path[place].role == "user" else "Reply {}").format(place + 1)
        try:
            self.hand.click(f"{action}: {speaker}", QToolButton)
        except AssertionError:
            self.hand.click(f"More: {speaker}", QToolButton)
            self.hand.choose(action)
        self.quiet()

    def to_message(self, back: int) -> None:
        """With the keyboard to the message so many before the last one."""
        self.opened.chat.view.setFocus()
        for _step in range(len(self.path)):
            self.hand.key("Ctrl+Down")
        self.hand.key("Ctrl+Up", back)


# -- the tasks --------------------------------------------------------------------------------------------------------------


def task_01_asks_a_question_and_reads_the_answer(day: Day) -> None:
    day.do("New chat", lambda: day.hand.click("New chat", QToolButton))
    day.say("Kể chuyện con cáo sợ bóng tối")
    day.quiet()
    assert day.texts[0] == "Kể chuyện con cáo sợ bóng tối" and day.is_answer(day.texts[1], 0) and len(day.texts) == 2
    assert day.hand.sees(day.texts[1].split()[0])


def task_02_has_it_written_again_and_goes_back(day: Day) -> None:
    day.do("Write the last reply again", lambda: day.button("Write again", 1))
    first, second = day.opened.app.chats.tree(day.chat.id).children(day.path[0].id)
    assert day.path[1].id == second and day.is_answer(day.texts[1], 1) and day.hand.sees("2 / 2")
    if day.keys:
        day.hand.key("Alt+Left")
    else:
        day.hand.click("Earlier version of: Reply 2", QToolButton)
    day.quiet()
    assert day.path[1].id == first


def task_03_stops_a_long_reply_and_keeps_its_words(day: Day) -> None:
    usual = day.opened.app.text_engine
    if not day.real:
        slow = FakeTextEngine(LONG, seconds_per_token=0.01)
        day.opened.app.text_engine = lambda model, settings=None: slow  # type: ignore[method-assign]
    day.say("Kể thật dài")
    day.hand.wait_for(lambda: len(day.path) == 4 and len(day.texts[-1]) > 8)
    if day.keys:
        day.hand.key("Escape")
        day.hand.key("Escape")  # twice is fine
    else:
        day.hand.click("Stop")
    day.quiet()
    assert day.path[-1].state == "stopped" and 0 < len(day.texts[-1]) < len(LONG)
    day.opened.app.text_engine = usual  # type: ignore[method-assign]


def task_04_edits_the_question_and_sends_it(day: Day) -> None:
    if day.keys:
        day.to_message(1)
        day.hand.key("Ctrl+E")
    else:
        day.button("Edit", 2)
    day.hand.clear()
    day.hand.type("Rồi sao nữa?")
    if day.keys:
        day.hand.key("Ctrl+Return")
    else:
        day.hand.click("Save and send", QPushButton)
    day.quiet()
    assert day.texts[2] == "Rồi sao nữa?" and (day.real or day.texts[3] in ANSWERS)
    assert len(day.opened.app.chats.tree(day.chat.id).siblings(day.path[2].id)) == 2


def task_05_puts_the_reply_into_own_words(day: Day) -> None:
    if day.keys:
        day.to_message(0)
        day.hand.key("Ctrl+E")
    else:
        day.button("Edit", 3)
    day.hand.clear()
    day.hand.type("Con cáo đi về nhà, và trăng lên.")
    if day.keys:
        day.hand.key("Ctrl+Return")
    else:
        day.hand.click("Save as a new version", QPushButton)
    day.quiet()
    assert day.path[3].role == "assistant" and day.texts[3] == "Con cáo đi về nhà, và trăng lên."


def task_06_marks_it_as_good(day: Day) -> None:
    day.do("Mark the reply as good", lambda: day.button("Good reply", 3))
    assert day.path[3].mark == "good"


def task_07_has_a_reply_continued(day: Day) -> None:
    before = day.texts[-1]
    day.do("Continue the reply", lambda: day.button("Continue this reply", 3))
    assert day.texts[-1].startswith(before) and len(day.texts[-1]) > len(before)


def task_08_begins_a_new_branch_in_the_middle(day: Day) -> None:
    if day.keys:
        day.to_message(2)
        day.hand.act("New branch from the message")
    else:
        day.button("New branch from here", 1)
    day.quiet()
    day.say("Một kết thúc khác")
    day.quiet()
    assert [message.role for message in day.path] == ["user", "assistant", "user", "assistant"] and day.texts[2] == "Một kết thúc khác"


def task_09_names_a_branch_and_goes_to_another(day: Day) -> None:
    if day.opened.window.frame.is_folded(1):
        day.do("Fold the side panel", lambda: day.hand.key("Ctrl+Alt+B"))
    day.quiet()
    branches = day.hand.find("Branches of this chat", QListWidget)
    assert isinstance(branches, QListWidget) and branches.count() >= 4
    shown = day.texts
    if day.keys:
        day.hand.act("Go to the branches")
        day.hand.key("Home")
        day.hand.key("Return")
    else:
        day.hand.click_row(branches, "from the beginning")
    day.quiet()
    assert day.texts != shown
    day.hand.right_click(branches, "from the beginning")
    day.hand.choose("Name…")
    day.hand.clear()
    day.hand.type("Bản đầu 🌙")
    day.hand.key("Return")
    day.quiet()
    assert "Bản đầu 🌙" in [name.name for name in day.opened.app.organiser.branch_names(day.chat.id)]
    assert day.hand.sees("Bản đầu 🌙")


def task_10_compares_two_branches_and_takes_one_over(day: Day) -> None:
    before = len(day.path)
    day.hand.act("Compare two branches")
    day.hand.wait_for("differences" if day.hand.sees("differences") else "difference")
    day.hand.key("F3")
    if day.keys:
        day.hand.tab_to("Take what is chosen over into: The shown branch", QPushButton)
        day.hand.key("Space")
    else:
        day.hand.click("Take what is chosen over into: The shown branch", QPushButton)
    day.quiet()
    day.hand.wait_for(lambda: not isinstance(QApplication.activeModalWidget(), QDialog))
    assert len(day.path) == before + 1


def task_11_inserts_a_message_as_a_power_user(day: Day) -> None:
    day.opened.window.desk.change_setting("level", "power")
    day.quiet()
    if day.keys:
        day.to_message(0)
    day.hand.act("Insert a reply")
    day.hand.type("Và đây là điều em bé thêm vào.")
    day.hand.key("Ctrl+Return")
    day.quiet()
    assert day.path[-1].role == "assistant" and day.texts[-1] == "Và đây là điều em bé thêm vào."


def task_12_deletes_a_message_and_undoes_it(day: Day) -> None:
    before = day.texts
    last = len(before) - 1
    day.do("Delete the message and what follows", lambda: day.button("Delete it and what follows", last))
    assert day.texts != before
    if day.keys:
        day.hand.key("Ctrl+Z")
    else:
        day.hand.click("Undo: Deleted, with what followed", QPushButton)
    day.quiet()
    assert day.texts == before


def task_13_makes_a_folder(day: Day) -> None:
    day.hand.act("New folder")
    day.quiet()
    day.hand.clear()
    day.hand.type("Truyện đêm 🌙")
    day.hand.key("Return")
    day.quiet()
    assert [folder.name for folder in day.opened.app.organiser.folders()] == ["Truyện đêm 🌙"]


def task_14_moves_the_chat_into_it(day: Day) -> None:
    rows = day.opened.chat.list.rows
    chat = day.chat
    if day.keys:
        day.hand.act("Go to: Chat")
        day.hand.act("Move to a folder")
        day.hand.type("dem")
        day.hand.key("Return")
    else:
        day.hand.drag(rows, chat.title, "Truyện đêm")
    day.quiet()
    folder = day.opened.app.organiser.folders()[0]
    found = day.opened.app.chats.get(chat.id)
    assert found is not None and found.folder_id == folder.id


def task_15_tags_and_archives_several_at_once(day: Day) -> None:
    for title in ("Bánh xèo cho tám người", "Tên cho một chiếc thuyền", "Thư gửi bà nội"):
        day.do("New chat", lambda: day.hand.click("New chat", QToolButton))
        day.say(title)
        day.quiet()
    rows = day.opened.chat.list.rows
    if day.keys:
        rows.setFocus(Qt.FocusReason.TabFocusReason)
        at = day.hand.row(rows, "Thư gửi bà nội")
        rows.setCurrentIndex(at)
        day.hand.key("Shift+Down", 2)
        day.hand.act("Tags")
    else:
        day.hand.click_row(rows, "Thư gửi bà nội")
        day.hand.click_row(rows, "Bánh xèo", with_keys=Qt.KeyboardModifier.ControlModifier)
        day.hand.click_row(rows, "chiếc thuyền", with_keys=Qt.KeyboardModifier.ControlModifier)
        assert day.hand.sees("3 chats chosen")
        day.hand.click("Tags of the chosen chats", QToolButton)
    day.hand.type("nhà bếp")
    day.hand.key("Return")
    day.quiet()
    day.hand.key("Escape")
    assert [(tag.name, tag.chats) for tag in day.opened.app.organiser.tags()] == [("nhà bếp", 3)]
    day.do("Archive the chat, or bring it back", lambda: day.hand.click("Archive the chosen chats", QToolButton))
    assert sum(chat.archived_at is not None for chat in day.opened.app.chats.all()) == 3
    day.hand.key("Ctrl+Z") if day.keys else day.hand.click("Undo: 3 chats archived", QPushButton)
    day.quiet()
    assert not any(chat.archived_at for chat in day.opened.app.chats.all())


def task_16_pins_a_chat_and_sorts_by_title(day: Day) -> None:
    rows = day.opened.chat.list.rows
    rows.clearSelection()
    day.hand.click_row(rows, "Thư gửi bà nội")
    if day.keys:
        day.hand.act("Pin the chat")
    else:
        day.hand.right_click(rows, "Thư gửi bà nội")
        day.hand.choose("Pin")
    day.quiet()
    assert day.hand.row(rows, "Pinned").row() == 0 and day.hand.row(rows, "Thư gửi bà nội").row() == 1
    day.hand.click("Sort and filter", QToolButton)
    day.hand.choose("Title")
    titles = [str(at.data()) for at in rows_of(rows)]
    assert titles.index("Bánh xèo cho tám người") < titles.index("Tên cho một chiếc thuyền")
    day.hand.click("Sort and filter", QToolButton)
    day.hand.choose("Last used")


def task_17_renames_a_chat_and_writes_a_note(day: Day) -> None:
    rows = day.opened.chat.list.rows
    day.hand.click_row(rows, "Bánh xèo")
    chat = day.chat
    rows.setFocus()
    day.hand.key("F2")
    day.hand.clear()
    day.hand.type("Bánh xèo của bà 🥞")
    day.hand.key("Return")
    day.quiet()
    day.hand.act("Note")
    day.hand.type("hỏi bà: bao nhiêu bột?")
    day.hand.key("Escape")
    day.quiet()
    assert (day.chat.id, day.chat.title, day.chat.note) == (chat.id, "Bánh xèo của bà 🥞", "hỏi bà: bao nhiêu bột?")


def task_18_finds_a_word_without_marks_in_another_branch(day: Day) -> None:
    pane = day.opened.chat.list.pane
    day.do("Search all chats", lambda: day.hand.click("Search titles and messages of all chats"))
    day.hand.type("mot ket thuc")
    day.hand.wait_for(lambda: pane.stack.currentWidget() is pane.hits)
    if day.keys:
        day.hand.key("Down")
        day.hand.key("Return")
    else:
        day.hand.click_row(pane.hits, "Một kết thúc khác")
    day.quiet()
    assert "Một kết thúc khác" in day.texts


def task_19_searches_a_phrase_in_replies_only(day: Day) -> None:
    pane = day.opened.chat.list.pane
    day.hand.click("Sort and filter", QToolButton)
    day.hand.choose("Written by", "The model")
    pane.search.setFocus()
    day.hand.clear()
    day.hand.type('"con cao nho"')
    day.hand.wait_for(lambda: bool(pane.hits.hits.lines) and "con cáo nhỏ" in pane.hits.hits.lines[0].text)
    assert all("con cáo nhỏ" in line.text for line in pane.hits.hits.lines)
    day.hand.key("Escape")
    day.quiet()
    assert pane.stack.currentWidget() is pane.rows
    day.hand.click("Sort and filter", QToolButton)
    day.hand.choose("Written by", "Anybody")


def task_20_finds_a_word_in_the_chat(day: Day) -> None:
    day.do("Find in this chat", lambda: day.hand.key("Ctrl+F"))
    day.hand.type("con cao")
    day.hand.wait_for(" of ")
    day.hand.key("Return")
    day.hand.key("Escape")


def task_21_copies_a_chat(day: Day) -> None:
    before = {chat.id for chat in day.opened.app.chats.all()}
    original = day.texts
    day.hand.act("Duplicate")
    day.quiet()
    assert day.chat.id not in before and day.chat.title.endswith("(copy)") and day.texts == original


def task_22_deletes_it_brings_it_back_and_takes_it_out_of_the_trash(day: Day) -> None:
    chat = day.chat
    day.do("Delete the chat", lambda: day.hand.act("Delete the chat"))
    assert day.opened.app.chats.get(chat.id) is None
    day.hand.act("Undo the last delete") if day.keys else day.hand.click(f"Undo: Deleted: {chat.title}", QPushButton)
    day.quiet()
    assert day.opened.app.chats.get(chat.id) is not None
    day.opened.chat.open(chat.id)
    day.quiet()
    day.hand.act("Delete the chat")
    day.quiet()
    day.hand.act("Trash")
    assert day.hand.sees(chat.title) and day.hand.sees("30 days left")
    if day.keys:
        day.hand.tab_to("Bring back", QPushButton)
        day.hand.key("Space")
    else:
        day.hand.click("Bring back", QPushButton)
    day.quiet()
    day.hand.key("Escape")
    assert day.opened.app.chats.get(chat.id) is not None


def task_23_goes_to_a_chat_by_typing(day: Day) -> None:
    day.hand.key("Ctrl+K")
    day.hand.type("thuyen")
    day.hand.key("Return")
    day.quiet()
    assert day.chat.title == "Tên cho một chiếc thuyền"


def task_24_asks_two_models_and_votes(day: Day) -> None:
    day.do("New chat", lambda: day.hand.click("New chat", QToolButton))
    input_ = day.hand.find(INPUT)
    if not day.keys:
        day.hand.click(input_)
    day.hand.type("Ai là bạn của cáo?")
    day.hand.key("Ctrl+Shift+R")
    day.hand.wait_for("Ask them")
    for box in [widget for widget in day.hand.seen() if isinstance(widget, QCheckBox)]:
        if not box.isChecked():
            if day.keys:
                day.hand.tab_to(box.accessibleName() or box.text(), QCheckBox)
                day.hand.key("Space")
            else:
                day.hand.click(box)
    if day.keys:
        day.hand.tab_to("Ask them", QPushButton)
        day.hand.key("Space")
    else:
        day.hand.click("Ask them", QPushButton)
    day.hand.wait_for("The answers side by side" if day.hand.sees("The answers side by side") else "This one is best")
    day.quiet()
    assert not day.hand.sees("Second:"), "the names are hidden until the vote"
    if day.keys:
        day.hand.tab_to("This one is best: Answer 2", QPushButton)
        day.hand.key("Space")
    else:
        day.hand.click("This one is best: Answer 2", QPushButton)
    day.quiet()
    assert day.hand.sees("is best.")
    day.hand.key("Escape")
    day.quiet()
    question = day.path[0].id
    assert len(day.opened.app.chats.tree(day.chat.id).children(question)) == 2


def task_25_reads_two_chats_side_by_side(day: Day) -> None:
    day.do("Open in a second window", lambda: day.hand.act("Open in a second window"))
    day.quiet()
    from ui.chat_window import ChatWindow

    second = next(window for window in QApplication.topLevelWidgets() if isinstance(window, ChatWindow) and window.isVisible())
    assert second.chat.chat_id == day.chat.id
    day.say("Một tên nữa?")
    day.quiet()
    shown = [browser.toPlainText() for browser in second.chat.view.browsers]
    assert "Một tên nữa?" in shown
    second.close()
    day.quiet()


def task_26_finds_everything_after_a_restart_in_another_language(day: Day) -> None:
    every = sorted((chat.id, chat.title, chat.messages, chat.folder_id, bool(chat.pinned)) for chat in day.opened.app.chats.all())
    texts, chat = day.texts, day.chat.id
    for name, value in (("language", "vi"), ("theme", "dark"), ("text_size", 120)):
        day.opened.window.desk.change_setting(name, value)
        day.opened.qtbot.wait(50)
    day.quiet()
    day.opened.reopen()
    day.quiet()
    assert sorted((one.id, one.title, one.messages, one.folder_id, bool(one.pinned)) for one in day.opened.app.chats.all()) == every
    assert day.chat.id == chat and day.texts == texts
    assert day.hand.sees("Tìm kiếm") or day.hand.sees("Trò chuyện")


TASKS = [task for name, task in sorted(globals().items()) if name.startswith("task_")]


WITH_THE_STARTER = TASKS[:6] + TASKS[7:10] + [TASKS[11]]


def walk(opened: Opened, day: Day, tasks: list[Callable[[Day], None]]) -> None:
    """The tasks one after the other, with a picture after each."""
    opened.window.go("chat")
    opened.window.activateWindow()
    for task in tasks:
        try:
            task(day)
        except BaseException:
            day.hand.picture(f"{task.__name__}-failed")
            raise
        day.hand.picture(task.__name__)
    assert len(day.hand.taken) == len(tasks)


@pytest.mark.timeout(600)
@pytest.mark.parametrize("keys", [False, True], ids=["mouse", "keyboard"])
def test_a_day(qtbot: QtBot, home: Path, tmp_path: Path, keys: bool) -> None:
    opened = Opened(qtbot, home)
    opened.engine = FakeTextEngine(ANSWERS)
    opened.models = [*opened.models, TextModel(Path("/nowhere/second.gguf"), "Second", "llama", "Q4_K_M", 270_000_000, 1 << 28, 8192, "MIT", ("en",), "folder")]
    try:
        opened.open(size=(1280, 760))
        assert len(TASKS) >= 25
        walk(opened, Day(opened, Hand(opened, tmp_path / "pictures"), keys), TASKS)
    finally:
        opened.close()


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_day_with_the_starter(qtbot: QtBot, home: Path, tmp_path: Path, smollm2: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(DEFAULTS, "max_tokens", 40)
    opened = Opened(qtbot, home)
    opened.engine = None  # the real one
    try:
        opened.open(size=(1280, 760))
        assert opened.chat.box.model_path == str(smollm2)
        walk(opened, Day(opened, Hand(opened, tmp_path / "pictures"), keys=False, real=True), WITH_THE_STARTER)
    finally:
        opened.close()
