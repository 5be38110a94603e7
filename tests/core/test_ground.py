"""Settings, the home folder and its lock: what every command stands on, when it is broken."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from localstory.errors import FileTrouble, HomeInUse
from localstory.paths import HomeLock, open_home
from localstory.settings import BadSettings, Settings, read_settings


@pytest.mark.parametrize("content", ["language = 'vi'  # é".encode("latin-1"), "language = 'vi'".encode("utf-16")])
def test_settings_in_another_encoding_are_told_not_a_crash(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "settings.toml").write_bytes(content)
    with pytest.raises(BadSettings, match=r"settings\.toml"):
        read_settings(tmp_path / "settings.toml")


def test_settings_that_are_a_folder_are_told(tmp_path: Path) -> None:
    with pytest.raises(BadSettings):
        read_settings(tmp_path)


def test_settings_saved_by_notepad_are_read(tmp_path: Path) -> None:
    (tmp_path / "settings.toml").write_bytes(b"\xef\xbb\xbflanguage = 'vi'\n")
    assert read_settings(tmp_path / "settings.toml") == Settings(language="vi")


def test_a_home_is_one_programs_at_a_time(tmp_path: Path) -> None:
    home = open_home(tmp_path)
    with HomeLock(home), pytest.raises(HomeInUse):
        HomeLock(home).__enter__()
    with HomeLock(home):
        pass


@pytest.mark.skipif(sys.platform == "win32" or os.geteuid() == 0, reason="root may write everywhere")
def test_a_lock_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    home = open_home(tmp_path)
    tmp_path.chmod(0o500)
    try:
        with pytest.raises(FileTrouble):
            HomeLock(home).__enter__()
    finally:
        tmp_path.chmod(0o700)


def test_a_lock_that_is_a_folder_is_told(tmp_path: Path) -> None:
    home = open_home(tmp_path)
    home.lock_file.mkdir()
    with pytest.raises(FileTrouble):
        HomeLock(home).__enter__()
