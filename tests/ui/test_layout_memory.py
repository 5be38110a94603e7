"""What the window remembers of how it was left, whatever became of the file and of the screens."""

from __future__ import annotations

import json
import os
import random
from dataclasses import asdict, fields
from pathlib import Path

import pytest
from PySide6.QtCore import QRect

from tests.ui.conftest import Opened
from ui.base_window import LEAST_IN_SIGHT, in_sight
from ui.layout_memory import Layout, Memory, read_layout, write_layout

SCREENS = [QRect(0, 0, 1920, 1040), QRect(1920, 0, 1280, 1000), QRect(-1280, 200, 1280, 984)]


def test_a_window_stands_where_it_was_on_the_screen_it_was_on() -> None:
    for place in (QRect(100, 50, 1180, 760), QRect(2000, 100, 900, 700), QRect(-1200, 300, 1000, 600)):
        assert in_sight(place, SCREENS) == place


def test_on_a_screen_that_is_gone_it_is_put_into_sight() -> None:
    assert in_sight(QRect(2000, 100, 900, 700), SCREENS[:1]) is None
    assert in_sight(QRect(100, 50, 1180, 760), []) is None


def test_wherever_it_stands_it_can_be_grasped_by_its_upper_edge() -> None:
    found = 0
    for seed in range(2000):
        chance = random.Random(seed)
        wanted = QRect(chance.randint(-6000, 6000), chance.randint(-3000, 3000), chance.randint(800, 8000), chance.randint(500, 5000))
        place = in_sight(wanted, SCREENS)
        if place is not None:
            found += 1
            edge = QRect(place.left(), place.top(), place.width(), LEAST_IN_SIGHT)
            assert any(edge.intersected(screen).width() >= LEAST_IN_SIGHT and place.top() >= screen.top() - 8 for screen in SCREENS), seed
            assert place.width() <= 1920 and place.height() <= 1040
    assert found > 200


@pytest.mark.parametrize(
    "content",
    [
        b"", b"{", b"[]", b"null", b"7", b"\xff\xfe", b'{"width": 1e999}', b'{"width": true, "x": "left"}', b'{"x": 99999999, "y": -99999999}', b"[" * 5000,
        b'{"rooms": [1, 2]}', b'{"rooms": {"list.sort": {"a": [[[]]]}}}', b'{"chat": -4}', b'{"chat": 1e30}', b"{" + b" " * 300_000 + b"}",
        '{"room": "nhà 🦊"}'.encode(), b'{"width": 5, "height": 99999999}',
    ],
)  # fmt: skip
def test_a_hostile_file_gives_a_sane_layout(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "window.json"
    path.write_bytes(content)
    layout = read_layout(path)
    assert 800 <= layout.width <= 8000 and 500 <= layout.height <= 5000 and layout.chat >= 0
    assert all(type(getattr(layout, one.name)) is type(getattr(Layout(), one.name)) for one in fields(Layout))
    memory = Memory(path)
    assert memory.get("list.sort", "used") == "used"
    memory.put("list.sort", "title")
    memory.write()
    assert Memory(path).get("list.sort", "used") == "title"


def test_a_half_written_or_missing_file_and_a_folder_are_the_default(tmp_path: Path) -> None:
    path = tmp_path / "window.json"
    assert read_layout(path) == Layout()
    write_layout(path, Layout(width=900))
    path.write_bytes(path.read_bytes()[:-9])
    assert read_layout(path) == Layout()
    path.unlink()
    path.mkdir()
    assert read_layout(path) == Layout()
    write_layout(path, Layout())  # nothing happens, nothing is raised


def test_what_rooms_remember_keeps_its_kind(tmp_path: Path) -> None:
    memory = Memory(tmp_path / "window.json")
    for name, value in (("sort", "title"), ("open", [1, 2, 3]), ("shown", True), ("wide", 0.5), ("names", ["đường", "🦊"])):
        memory.put(name, value)
    memory.write()
    again = Memory(tmp_path / "window.json")
    assert again.get("sort", "used") == "title" and again.get("open", [0]) == [1, 2, 3] and again.get("names", [""]) == ["đường", "🦊"]
    assert again.get("shown", 7) == 7 and again.get("open", "x") == "x" and again.get("names", [0]) == []


def test_too_much_is_not_kept_but_the_window_is(tmp_path: Path) -> None:
    memory = Memory(tmp_path / "window.json")
    memory.change(width=1000)
    memory.put("all", ["x" * 1000] * 1000)
    memory.write()
    assert (tmp_path / "window.json").stat().st_size < 200_000
    assert Memory(tmp_path / "window.json").layout.width == 1000


def test_a_full_disk_does_not_bother_anybody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_path: Path, _content: bytes) -> None:
        raise OSError(28, os.strerror(28))

    monkeypatch.setattr("ui.layout_memory.write_whole", full)
    write_layout(tmp_path / "window.json", Layout())


def test_size_place_folds_and_what_rooms_keep_are_there_after_a_kill(opened: Opened) -> None:
    """The file is written while the window is open, not only at its end."""
    window = opened.open(size=(1100, 700))
    window.go("models")
    window.frame.fold(1, False)
    window.desk.remember("list.sort", "title")
    window._write_memory()
    opened.settle()
    kept = json.loads((opened.home / "window.json").read_text("utf-8"))
    assert (kept["width"], kept["room"], kept["side_folded"], kept["rooms"]["list.sort"]) == (1100, "models", False, "title")
    before = (opened.home / "window.json").stat().st_mtime_ns
    window._write_memory()
    opened.settle()
    assert (opened.home / "window.json").stat().st_mtime_ns == before, "nothing changed: nothing is written"
    assert asdict(window.memory.layout)["width"] == 1100
