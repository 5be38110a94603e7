"""The home folder, its lock, and what a person chose."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from localstory.errors import FileTrouble, HomeInUse
from localstory.paths import HomeLock, home_folder, open_home
from localstory.settings import BadSettings, Settings, read_settings, write_settings
from localstory.system import write_whole


def test_the_environment_moves_all_data(home: Path) -> None:
    assert home_folder() == home
    opened = open_home()
    assert opened.root == home and opened.stories.is_dir() and opened.models.is_dir()


def test_only_one_process_writes_in_a_home(home: Path) -> None:
    opened = open_home()
    holder = subprocess.Popen(
        [sys.executable, "-c", "from localstory.paths import *\nwith HomeLock(open_home()): print('mine', flush=True); input()"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert holder.stdout is not None and holder.stdin is not None
    assert holder.stdout.readline() == "mine\n"
    with pytest.raises(HomeInUse), HomeLock(opened):
        pass
    holder.kill()
    holder.wait()
    holder.stdin.close()
    holder.stdout.close()
    with HomeLock(opened):  # however the holder ended
        assert opened.lock_file.exists()


def test_a_home_in_a_files_place_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(FileTrouble):
        open_home(tmp_path / "file" / "home")


def test_settings_keep_what_a_person_wrote_around_them(tmp_path: Path) -> None:
    path = tmp_path / "settings.toml"
    path.write_text('# mine\nlanguage = "vi"\nfuture = 3\n', "utf-8")
    assert read_settings(path) == replace(Settings(), language="vi")
    write_settings(path, replace(Settings(), theme="dark"))
    text = path.read_text("utf-8")
    assert "# mine" in text and "future = 3" in text and "language" not in text
    assert read_settings(path).theme == "dark"


@pytest.mark.parametrize("content", ['language = "klingon"', "language = 3", "offline = 'yes'"])
def test_a_value_that_makes_no_sense_is_its_default(tmp_path: Path, content: str) -> None:
    path = tmp_path / "settings.toml"
    path.write_text(content, "utf-8")
    assert read_settings(path) == Settings()


@pytest.mark.parametrize("content", [b"language = ", b"\xff\xfe\xff"])
def test_a_settings_file_that_cannot_be_read_is_said(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "settings.toml"
    path.write_bytes(content)
    with pytest.raises(BadSettings):
        read_settings(path)


def test_a_file_is_written_whole_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.json"
    write_whole(path, b"old")

    def full(_fd: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match="No space"):
        write_whole(path, b"new")
    assert path.read_bytes() == b"old"
    assert [one.name for one in tmp_path.iterdir()] == ["a.json"]
