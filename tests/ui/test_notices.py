"""What is wrong with the file of the chats is told at the top of the window; copies are made and restored in the settings."""

from __future__ import annotations

from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QLabel, QPushButton

from localstory.settings import Settings
from tests.ui.conftest import Opened
from tests.ui.test_names import troubles
from ui.main_window import MainWindow
from ui.pages.settings.page import SettingsPage


def said(window: MainWindow) -> str:
    return " ".join(label.text() for label in window.notices.findChildren(QLabel) if label.isVisible())


def press(window: MainWindow, words: str) -> None:
    (button,) = [one for one in window.notices.findChildren(QPushButton) if one.text() == words and one.isVisible()]
    button.click()


def say(opened: Opened, words: str) -> None:
    opened.window.go("chat", "new")
    opened.chat.box.input.setPlainText(words)
    opened.chat.send()
    opened.settle()


@pytest.fixture
def synced(opened: Opened, monkeypatch: pytest.MonkeyPatch) -> Opened:
    """The home lies in a folder that OneDrive copies; what tells that is C2's and tested there."""
    monkeypatch.setattr("localstory.db.safety.synced_by", lambda folder, person, environment: "OneDrive")
    return opened


def test_a_calm_start_has_no_banner(opened: Opened) -> None:
    window = opened.open()
    assert not window.notices.isVisible() and window.notices.height() >= 0


def test_a_synced_home_is_told_and_put_away_for_good(synced: Opened) -> None:
    window = synced.open()
    synced.until(lambda: window.notices.isVisible())
    assert "OneDrive" in said(window)
    for room in ("home", "chat", "settings"):
        window.go(room)
        assert window.notices.isVisible()
        assert troubles(window, room) == []
    window.desk.change_setting("language", "vi")
    synced.settle()
    synced.until(lambda: synced.window.notices.isVisible())
    window.desk.change_setting("language", "en")
    synced.settle()
    synced.until(lambda: window.notices.isVisible())
    press(window, "Put away")
    assert not window.notices.isVisible()
    window.desk.change_setting("theme", "dark")
    synced.settle()
    assert not window.notices.isVisible()
    again = synced.reopen()
    synced.settle()
    assert not again.notices.isVisible()


def test_a_banner_is_whole_at_the_largest_text_in_the_smallest_window(synced: Opened) -> None:
    window = synced.open(Settings(language="vi", text_size=160))
    synced.until(lambda: window.notices.isVisible())
    for room in ("home", "chat", "settings"):
        window.go(room)
        synced.settle()
        assert (window.width(), window.height()) == (1024, 640)
        for label in window.notices.findChildren(QLabel):
            assert label.heightForWidth(label.width()) <= label.height() + 1, f"{room}: {label.text()}"
        assert len(window.notices.shown) == 1


def test_a_damaged_file_is_mended_at_the_start_and_told_with_the_way_to_the_copies(opened: Opened) -> None:
    opened.open()
    for number in range(12):
        say(opened, f"Chuyện {number} " + "đường về nhà " * 60)
    opened.close()
    file = opened.home / "localstory.db"
    content = bytearray(file.read_bytes())
    half = len(content) // 2
    content[half : half + 40_000] = bytes(len(content[half : half + 40_000]))
    file.write_bytes(content)
    (opened.home / "localstory.db-wal").unlink(missing_ok=True)
    window = opened.open()
    opened.settle()
    found = opened.app.safety.notices()
    assert found, "the file was not damaged enough"
    opened.until(lambda: window.notices.isVisible())
    assert "damaged" in said(window)
    press(window, "Backups")
    assert window.room == "settings"
    press(window, "Put away")
    assert not window.notices.isVisible()


def test_a_newer_database_is_told_in_every_room(opened: Opened) -> None:
    import sqlite3

    opened.open()
    say(opened, "Về nhà")
    opened.close()
    connection = sqlite3.connect(opened.home / "localstory.db")
    connection.execute("PRAGMA user_version = 9999")
    connection.close()
    window = opened.open()
    opened.until(lambda: window.notices.isVisible())
    assert "newer" in said(window)


# -- copies ----------------------------------------------------------------------------------------------------------------


def card(opened: Opened) -> SettingsPage:
    opened.window.go("settings")
    opened.settle()
    page = opened.window.pages["settings"]
    assert isinstance(page, SettingsPage)
    return page


def restore_buttons(page: SettingsPage) -> list[QPushButton]:
    return [one for one in page.backups.findChildren(QPushButton) if one.text() == "Restore" and not one.isHidden()]


def test_a_copy_is_made_restored_and_the_restoring_undone(opened: Opened) -> None:
    opened.open()
    say(opened, "Một 🦊")
    page = card(opened)
    assert restore_buttons(page) == []
    page.backups.now.click()
    opened.settle()
    assert len(opened.app.safety.backups()) == 1
    say(opened, "Hai")
    page = card(opened)
    restore_buttons(page)[0].click()
    opened.settle()
    assert [chat.title for chat in opened.app.chats.all()] == ["Một 🦊"]
    opened.window.desk.change_setting("theme", "dark")
    opened.settle()
    opened.window.toasts.undo_last()
    opened.settle()
    assert sorted(chat.title for chat in opened.app.chats.all()) == ["Hai", "Một 🦊"]


def test_a_copy_that_cannot_be_made_or_used_is_told(opened: Opened, monkeypatch: pytest.MonkeyPatch) -> None:
    opened.open()
    say(opened, "Một")
    page = card(opened)
    page.backups.now.click()
    opened.settle()

    def full(_database: Path, _folder: Path, _now: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr("localstory.db.backups.make", full)
        page.backups.now.click()
        opened.settle()
        assert "No space left" in page.backups.said.text()
    opened.app.safety.backups()[0].path.write_bytes(b"not a database")
    restore_buttons(page)[0].click()
    opened.settle()
    assert "can't be used" in page.backups.said.text()
    assert [chat.title for chat in opened.app.chats.all()] == ["Một"]


def test_many_copies_are_folded_and_named_apart(opened: Opened) -> None:
    opened.open(Settings(level="developer"))
    say(opened, "Một")
    card(opened).backups.now.click()
    opened.settle()
    made = opened.app.safety.backups()[0].path
    for day in range(1, 29):
        (made.parent / f"localstory-2026-02-{day:02}T10-00-00Z.db").write_bytes(made.read_bytes())
    page = card(opened)
    assert len(restore_buttons(page)) == 5
    assert troubles(opened.window, "settings") == []
    page.backups.more.click()
    opened.qtbot.wait(20)
    assert len(restore_buttons(page)) == 29
    assert page.backups.now.focusPolicy() & Qt.FocusPolicy.TabFocus
    opened.qtbot.wait(20)
    assert troubles(opened.window, "settings") == []
