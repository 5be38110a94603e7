"""Saved states in the settings: how much there is, and forgetting it."""

from __future__ import annotations

import numpy as np

from localstory.engines.text.kv_files import Saved, write_state
from tests.ui.conftest import Opened
from ui.pages.settings.page import SettingsPage


def settings(opened: Opened) -> SettingsPage:
    opened.window.go("settings")
    opened.settle()
    page = opened.window.pages["settings"]
    assert isinstance(page, SettingsPage)
    return page


def test_saved_states_are_told_with_their_size_and_forgotten(opened: Opened) -> None:
    opened.open()
    card = settings(opened).kept
    assert card.taken.text() == "Nothing is saved now." and not card.forget.isEnabled()
    folder = opened.app.home.kv
    write_state(folder, bytes(32), "ab" * 32, Saved(np.arange(100, dtype=np.int32), "", 0, bytes(3_000_000)))
    (folder / "key").write_bytes(bytes(32))
    opened.window.go("chat")
    card = settings(opened).kept
    assert "3 MiB" in card.taken.text() and card.forget.isEnabled()
    card.forget.click()
    opened.until(lambda: card.taken.text() == "Nothing is saved now.")
    assert not card.forget.isEnabled() and [path.name for path in folder.iterdir()] == ["key"]


def test_searching_the_settings_finds_the_saved_states(opened: Opened) -> None:
    opened.open()
    page = settings(opened)
    page.search.setText("saved states")
    assert page.kept.isVisibleTo(page.place) and not page.servers.isVisibleTo(page.place)
    page.search.setText("ollama")
    assert not page.kept.isVisibleTo(page.place)
