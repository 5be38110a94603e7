"""The registry of actions: what can be done where, by which keys, and what the palette shows of it."""

from __future__ import annotations

import random
import time
from itertools import combinations
from typing import Any

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QPushButton, QWidget
from pytestqt.qtbot import QtBot

from localstory import words
from localstory.runtime import Job
from localstory.settings import Settings, read_settings, write_settings
from tests.ui.conftest import Opened
from ui.actions import Actions, readable
from ui.jump import action_choices, folder_paths, remembered
from ui.shortcut_editor import ShortcutEditor
from ui.widgets.palette import Choice, Palette
from ui.widgets.palette_score import best, fold, score

CONTROL = Qt.KeyboardModifier.ControlModifier


@pytest.fixture
def holder(qtbot: QtBot) -> QWidget:
    made = QWidget()
    made.resize(900, 600)
    qtbot.addWidget(made)
    return made


@pytest.fixture
def actions(holder: QWidget) -> Actions:
    return Actions(holder)


def test_two_rooms_may_use_the_same_keys_but_not_a_room_and_the_whole_window(actions: Actions) -> None:
    actions.add("chat.find", "Find in the chat", lambda: None, shortcut="Ctrl+F", room="chat")
    actions.add("models.find", "Find a model", lambda: None, shortcut="Ctrl+F", room="models")
    with pytest.raises(ValueError, match="is taken"):
        actions.add("find", "Find", lambda: None, shortcut="Ctrl+F")
    with pytest.raises(ValueError, match="is taken"):
        actions.add("chat.other", "Other", lambda: None, shortcut=["Ctrl+P", "Ctrl+F"], room="chat")
    assert "chat.other" not in actions


def test_an_action_of_a_room_only_works_there_and_says_so(actions: Actions) -> None:
    done: list[str] = []
    actions.add("chat.find", "Find", lambda: done.append("chat"), shortcut="Ctrl+F", room="chat")
    actions.add("models.find", "Find a model", lambda: done.append("models"), shortcut="Ctrl+F", room="models")
    assert not actions["chat.find"].isEnabled() and actions.why_not("chat.find")
    for room in ("models", "chat", "home"):
        actions.enter(room)
        actions["chat.find"].trigger()
        actions["models.find"].trigger()
    assert done == ["models", "chat"]


def test_what_cannot_be_done_now_says_why_instead(actions: Actions, qtbot: QtBot) -> None:
    reason, done = ["The disk is full."], []
    actions.add("keep", "Keep", lambda: done.append(1), why_not=lambda: reason[0])
    with qtbot.waitSignal(actions.refused) as told:
        actions["keep"].trigger()
    assert told.args == ["The disk is full."] and not done
    assert not [line for line in actions.menu(actions._window).actions() if not line.isSeparator()]  # it has no part of the menu
    reason[0] = ""
    with qtbot.waitSignal(actions.done):
        actions["keep"].trigger()
    assert done == [1]


def test_a_menu_shows_what_cannot_be_done_grey_with_the_reason(actions: Actions) -> None:
    actions.add("chat.keep", "Keep", lambda: None, menu="chat", why_not=lambda: "There is nothing to keep.")
    actions.add("quit", "Quit", lambda: None, menu="quit")
    lines = [line for line in actions.menu(actions._window).actions() if not line.isSeparator()]
    assert (lines[0].text(), lines[0].isEnabled(), lines[0].toolTip()) == ("Keep", False, "There is nothing to keep.")
    assert lines[1].isEnabled()
    assert actions["chat.keep"].isEnabled(), "its shortcut must go on telling the reason"


# -- shortcuts -----------------------------------------------------------------------------------------------------------


def test_chosen_shortcuts_count_at_once_and_can_be_none_or_several(actions: Actions) -> None:
    for name in ("one", "two", "three"):
        actions.add(name, name, lambda: None, shortcut=f"Ctrl+{name[0].upper()}" if name != "three" else "Ctrl+3")
    actions.use_shortcuts({"one": "Ctrl+Alt+1 | F7", "two": ""})
    assert actions.entry("one").shortcuts == ("Ctrl+Alt+1", "F7")
    assert actions.entry("two").shortcuts == ()
    assert actions.entry("three").shortcuts == ("Ctrl+3",)
    actions.use_shortcuts({})
    assert [actions.entry(name).shortcuts for name in ("one", "two", "three")] == [("Ctrl+O",), ("Ctrl+T",), ("Ctrl+3",)]


def test_a_chosen_shortcut_goes_before_a_default(actions: Actions) -> None:
    actions.add("new", "New", lambda: None, shortcut="Ctrl+N")
    actions.add("next", "Next", lambda: None, shortcut="F6")
    actions.use_shortcuts({"next": "Ctrl+N"})
    assert actions.entry("next").shortcuts == ("Ctrl+N",)
    assert actions.entry("new").shortcuts == ()


@pytest.mark.parametrize(
    "hostile",
    ["", " ", "Ctrl+", "hello", "Ctrl+Ctrl+Ctrl", "Ctrl+N, Ctrl+K", "\0", "Ctrl+" + "A" * 10_000, "Ctrl+\n", "đ" * 50, "| | |", "a", "Shift+A", "Space"],
)
def test_keys_that_no_keyboard_has_are_passed_over(actions: Actions, hostile: str) -> None:
    actions.add("new", "New", lambda: None, shortcut="Ctrl+N")
    actions.use_shortcuts({"new": f"{hostile} | F7 | {hostile}", "gone": "Ctrl+N", hostile: hostile})
    assert actions.entry("new").shortcuts == ("F7",)


def test_shortcuts_survive_the_settings_file_and_hostile_ones_are_ignored(opened: Opened) -> None:
    opened.home.mkdir(parents=True)
    (opened.home / "settings.toml").write_text('shortcuts = { "chat.new" = "Ctrl+Alt+N | F9", "quit" = 7, "no.such" = "Ctrl+N", "go.jump" = "what?" }\n')
    window = opened.open()
    actions = window.desk.actions
    assert actions.entry("chat.new").shortcuts == ("Ctrl+Alt+N", "F9")
    assert actions.entry("quit").shortcuts == ("Ctrl+Q",)
    assert actions.entry("go.jump").shortcuts == ()
    kept = read_settings(opened.app.home.settings_file)
    write_settings(opened.app.home.settings_file, kept)
    assert read_settings(opened.app.home.settings_file).shortcuts["chat.new"] == "Ctrl+Alt+N | F9"
    window.desk.change_setting("language", "vi")
    opened.settle()
    assert opened.window.desk.actions.entry("chat.new").shortcuts == ("Ctrl+Alt+N", "F9")


def test_whatever_is_chosen_no_two_actions_of_one_room_share_keys(opened: Opened) -> None:
    window = opened.open()
    actions = window.desk.actions
    ids = [entry.id for entry in actions.all()]
    keys = ["Ctrl+N", "Ctrl+K", "F6", "Ctrl+Alt+B", "Ctrl+Shift+P", ""]
    chance = random.Random(5)
    for _turn in range(40):
        actions.use_shortcuts({one: " | ".join(chance.sample(keys, 2)) for one in chance.sample(ids, 6)})
        for one, other in combinations(actions.all(), 2):
            if one.meets(other.room):
                assert not set(one.shortcuts) & set(other.shortcuts), (one.id, other.id)


def editor(opened: Opened) -> ShortcutEditor:
    opened.window.desk.actions["help.shortcuts"].trigger()
    return opened.window.findChildren(ShortcutEditor)[-1]


def test_the_editor_changes_removes_takes_over_and_resets(opened: Opened) -> None:
    window = opened.open()
    shown = editor(opened)
    actions = window.desk.actions
    shown.choose("chat.new")
    assert shown.title.text() == "New chat"
    QTest.keyClick(shown.catcher, Qt.Key.Key_F7)
    assert actions.entry("chat.new").shortcuts == ("Ctrl+N", "F7")
    shown.choose("view.next")
    QTest.keyClick(shown.catcher, Qt.Key.Key_N, CONTROL)
    assert "New chat" in shown.said.text() and actions.entry("view.next").shortcuts == ("F6",)
    shown.take.click()
    assert actions.entry("view.next").shortcuts == ("F6", "Ctrl+N")
    assert actions.entry("chat.new").shortcuts == ("F7",)
    opened.qtbot.wait(10)
    (remove,) = [one for one in shown.findChildren(QPushButton) if one.objectName() == "F6" and not one.isHidden()]
    remove.click()
    assert actions.entry("view.next").shortcuts == ("Ctrl+N",)
    assert read_settings(opened.app.home.settings_file).shortcuts == {"chat.new": "F7", "view.next": "Ctrl+N"}
    shown.choose("chat.new")
    shown.reset.click()  # takes Ctrl+N back
    assert actions.entry("chat.new").shortcuts == ("Ctrl+N",) and actions.entry("view.next").shortcuts == ()
    shown.reset_all.click()
    assert read_settings(opened.app.home.settings_file).shortcuts == {}
    assert actions.entry("view.next").shortcuts == ("F6",)
    shown.close()


def test_the_editor_by_keyboard_alone(opened: Opened) -> None:
    window = opened.open()
    with opened.qtbot.waitActive(window):
        window.activateWindow()
    QTest.keyClick(window, Qt.Key.Key_F1)
    (shown,) = window.findChildren(ShortcutEditor)
    opened.qtbot.wait(20)
    assert QApplication.focusWidget() is shown.search

    def press(key: Qt.Key, modifier: Qt.KeyboardModifier = Qt.KeyboardModifier.NoModifier) -> None:
        focus = QApplication.focusWidget()
        assert focus is not None
        QTest.keyClick(focus, key, modifier)

    QTest.keyClicks(shown.search, "jump")
    press(Qt.Key.Key_Tab)
    assert QApplication.focusWidget() is shown.tree and shown.chosen == "go.jump"
    for _step in range(6):
        press(Qt.Key.Key_Tab)
        if QApplication.focusWidget() is shown.catcher:
            break
    press(Qt.Key.Key_H)  # a letter alone is no shortcut
    assert "Ctrl" in shown.said.text()
    press(Qt.Key.Key_J, CONTROL | Qt.KeyboardModifier.AltModifier)
    assert window.desk.actions.entry("go.jump").shortcuts == ("Ctrl+K", "Ctrl+Alt+J")
    assert QApplication.focusWidget() is shown.catcher
    press(Qt.Key.Key_Tab)  # it does not keep the keyboard
    assert QApplication.focusWidget() is not shown.catcher
    press(Qt.Key.Key_Escape)
    assert not shown.isVisible()
    with opened.qtbot.waitActive(window):
        window.activateWindow()
    QTest.keyClick(QApplication.focusWidget() or window, Qt.Key.Key_J, CONTROL | Qt.KeyboardModifier.AltModifier)
    assert isinstance(QApplication.activePopupWidget(), Palette)
    popup = QApplication.activePopupWidget()
    assert popup is not None
    popup.close()


# -- the palette -----------------------------------------------------------------------------------------------------------


def test_the_real_window_words_every_action_and_shares_no_keys(opened: Opened) -> None:
    for language in words.LANGUAGES:
        opened.reopen(Settings(language=language))
        entries = opened.window.desk.actions.all()
        assert len(entries) > 20 and all(entry.text.strip() for entry in entries)
        assert len({entry.text for entry in entries}) == len(entries), "two actions are called the same"
        for one, other in combinations(entries, 2):
            if one.meets(other.room):
                assert not set(one.shortcuts) & set(other.shortcuts), (one.id, other.id)


def test_the_palette_finds_by_english_and_without_marks_in_vietnamese(opened: Opened) -> None:
    opened.open(Settings(language="vi"))
    choices = action_choices(opened.window.desk.actions, [])
    folded = [fold(f"{one.text} {one.also} {one.group}") for one in choices]

    def first(typed: str) -> str:
        return choices[best(typed, folded, 5)[0]].text

    assert first("cuoc tro chuyen moi") == first("new chat") == "Cuộc trò chuyện mới"
    assert first("preferences") == first("cai dat") == "Đến trang: Cài đặt"


def test_the_palette_shows_groups_recents_and_reasons(holder: QWidget) -> None:
    done: list[str] = []
    choices = [
        Choice("New chat", "Ctrl+N", lambda: done.append("new"), "Chat"),
        Choice("Stop", "", lambda: done.append("stop"), "Chat", why_not="Nothing is being written."),
        Choice("Jobs", "Ctrl+J", lambda: done.append("jobs"), "View", recent=1),
    ]
    palette = Palette(choices, "What?", "Actions", holder, recent="Recently used")

    def lines() -> list[str]:
        return [palette.list.item(at).text() for at in range(palette.list.count())]

    assert lines() == ["Recently used", "Jobs", "Chat", "New chat", "Stop"]
    assert palette.list.currentItem().text() == "Jobs"
    QTest.keyClick(palette.line, Qt.Key.Key_Down)
    assert palette.list.currentItem().text() == "New chat"
    QTest.keyClick(palette.line, Qt.Key.Key_Down)  # over what can't be done, round to the first
    assert palette.list.currentItem().text() == "Jobs"
    palette.line.setText("stop")
    assert "Nothing is being written." in palette.list.item(0).data(Qt.ItemDataRole.AccessibleTextRole)
    QTest.keyClick(palette.line, Qt.Key.Key_Return)
    assert not done
    palette.line.setText("chat")
    QTest.keyClick(palette.line, Qt.Key.Key_Return)
    assert done == ["new"]
    palette.deleteLater()


def test_what_was_done_lately_is_remembered_over_a_restart(opened: Opened) -> None:
    window = opened.open()
    for identity in ("view.pane", "go.models", "go.home", "view.pane"):
        window.go("chat")
        window.desk.actions[identity].trigger()
    assert window.desk.remembered("palette.recent", [""])[:3] == ["view.pane", "go.home", "go.models"]
    assert opened.reopen().desk.remembered("palette.recent", [""])[:2] == ["view.pane", "go.home"]
    assert remembered(["a", "b", "c", "d", "e"], "b") == ["b", "a", "c", "d", "e"]


def test_jump_finds_archived_chats_and_chats_by_their_folder(opened: Opened) -> None:
    window = opened.open()

    async def fill(_job: Job[Any]) -> None:
        organiser, chats = opened.app.organiser, opened.app.chats
        outer = await organiser.add_folder("Truyện đêm")
        inner = await organiser.add_folder("Rừng 🌲", outer)
        lies, rests = await chats.new(), await chats.new()
        await organiser.rename(lies, "Con cáo")
        await organiser.rename(rests, "Con cú")
        await organiser.move([lies], inner)
        await organiser.archive([rests], True)

    opened.whole.bridge.start("", fill)
    opened.settle()
    for typed, title, note in (("con cu", "Con cú", "Archived"), ("rung", "Con cáo", "Truyện đêm / Rừng 🌲"), ("preferences", "Settings", "Room")):
        window.desk.actions["go.jump"].trigger()
        opened.settle()
        palette = QApplication.activePopupWidget()
        assert isinstance(palette, Palette)
        palette.line.setText(typed)
        item = palette.list.item(0)
        assert item is not None and item.data(Qt.ItemDataRole.AccessibleTextRole) == f"{title}, {note}"
        QTest.keyClick(palette.line, Qt.Key.Key_Return)
        opened.settle()
    assert window.room == "settings"


def test_enter_waits_for_the_chats_that_are_still_being_read(holder: QWidget) -> None:
    went: list[str] = []
    palette = Palette([Choice("Machine", "", lambda: went.append("machine"))], "Where?", "Places", holder)
    palette.waits = True
    palette.line.setText("mach")
    QTest.keyClick(palette.line, Qt.Key.Key_Return)
    assert not went
    palette.waits = False
    palette.set_choices([Choice("Mách nhỏ", "", lambda: went.append("chat")), Choice("Machine", "", lambda: went.append("machine"))])
    assert went == ["chat"]
    palette.deleteLater()


def test_folders_in_a_circle_end() -> None:
    from localstory.chats.organising import Folder
    from localstory.chats.store import FolderId

    def folder(one: int, parent: int | None, name: str) -> Folder:
        return Folder(FolderId(one), str(one), FolderId(parent) if parent else None, name, 0.0, "", 0)

    assert folder_paths([folder(1, None, "Sách"), folder(2, 1, "Chương 2")])[FolderId(2)] == "Sách / Chương 2"
    assert folder_paths([folder(1, 2, "a"), folder(2, 1, "b")])[FolderId(1)] == "b / a"
    assert folder_paths([folder(1, 99, "a")]) == {1: "a"}


# -- typing ----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("typed", "text"),
    [
        ("duong", "Đường về nhà"),
        ("ĐƯỜNG", "duong xa"),
        ("nha ve", "Đường về nhà"),
        ("strasse", "Straße 7"),
        ("dvn", "Đường về nhà"),
        ("🦊", "Con 🦊"),
        ("ﬁ", "final"),
    ],
)
def test_typing_finds(typed: str, text: str) -> None:
    assert score(typed, text) is not None


def test_a_begun_word_goes_before_a_part_of_one_and_before_letters_apart() -> None:
    texts = [fold(text) for text in ("Sắp xếp chatter", "unchat", "Chat", "c h a t", "New chat", "xyz")]
    assert [texts[at] for at in best("chat", texts, 10)] == ["chat", "new chat", "sap xep chatter", "unchat", "c h a t"]


def test_ten_thousand_chats_answer_a_letter_within_50_ms_of_processor(holder: QWidget) -> None:
    chance = random.Random(1)
    syllables = ["đường", "về", "nhà", "con", "cáo", "fox", "lantern", "giấc", "mơ", "trăng", "🦊", "chương", "story", "ngày", "xưa"]
    choices = [Choice(" ".join(chance.choices(syllables, k=5)) + f" {number}", "Chat", lambda: None) for number in range(10_000)]
    palette = Palette(choices, "Where?", "Places", holder)
    times = []
    for typed in ("d", "du", "duong", "c", "con ca", "zq", "7", "trang 99"):
        began = time.thread_time()
        palette.line.setText(typed)
        times.append(time.thread_time() - began)
    assert palette.list.count() > 0
    assert sorted(times)[-2] < 0.05, [round(one * 1000) for one in times]
    palette.deleteLater()


def test_shortcuts_are_read_as_qt_writes_them() -> None:
    assert readable("ctrl+shift+n") == "Ctrl+Shift+N"
    assert readable("Ctrl++") == "Ctrl++"
    assert readable("Ctrl+|") == "Ctrl+|"
    assert readable("nonsense+x") == "" or "nonsense" not in readable("nonsense+x")
