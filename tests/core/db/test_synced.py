"""Folders that other programs copy to other computers, as each of them leaves its marks."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from localstory.db.synced import synced_by


@pytest.fixture
def person(tmp_path: Path) -> Path:
    made = tmp_path / "home" / "Lan 🐉"
    made.mkdir(parents=True)
    return made.resolve()


def home(folder: Path) -> Path:
    return folder / ".local" / "share" / "localstory"


def test_a_plain_home_is_nobodys(person: Path) -> None:
    (person / ".dropbox").mkdir()  # Dropbox is installed, and syncs another folder
    (person / ".dropbox" / "info.json").write_text(json.dumps({"personal": {"path": str(person / "Dropbox")}}))
    (person / ".config" / "onedrive").mkdir(parents=True)
    assert synced_by(home(person), person, {"OneDrive": str(person / "OneDrive")}) is None


@pytest.mark.parametrize(
    ("mark", "program"),
    [(".stfolder", "Syncthing"), (".dropbox.cache", "Dropbox"), (".tmp.driveupload", "Google Drive"), (".nextcloudsync.log", "Nextcloud")],
)
def test_marks_above_the_folder(person: Path, mark: str, program: str) -> None:
    (person / "Tài liệu" / mark).mkdir(parents=True)
    assert synced_by(home(person / "Tài liệu"), person, {}) == program
    assert synced_by(home(person / "khác"), person, {}) is None


def test_nextclouds_journal(person: Path) -> None:
    (person / "Mây").mkdir()
    (person / "Mây" / "._sync_a1b2c3.db").touch()
    assert synced_by(home(person / "Mây"), person, {}) == "Nextcloud"


def test_dropbox_says_where_it_is(person: Path) -> None:
    (person / ".dropbox").mkdir()
    (person / ".dropbox" / "info.json").write_text(json.dumps({"business": {"path": str(person / "Công ty")}}))
    assert synced_by(home(person / "Công ty"), person, {}) == "Dropbox"
    settings = person / "AppData" / "Dropbox"
    settings.mkdir(parents=True)
    (settings / "info.json").write_text(json.dumps({"personal": {"path": str(person / "Hộp")}}))
    assert synced_by(person / "Hộp" / "x", person, {"APPDATA": str(person / "AppData")}) == "Dropbox"
    for content in ("[]", "{", '{"personal": 3}', '{"personal": {"path": ""}}'):
        (settings / "info.json").write_text(content)
        assert synced_by(person / "Hộp" / "x", person, {"APPDATA": str(person / "AppData")}) is None


def test_onedrive_by_its_variables_and_by_the_settings_of_the_free_client(person: Path) -> None:
    assert synced_by(person / "OneDrive - Trường" / "x", person, {"OneDriveCommercial": str(person / "OneDrive - Trường")}) == "OneDrive"
    assert synced_by(person / "OneDrive" / "x", person, {}) is None  # a folder of that name alone is nothing
    (person / ".config" / "onedrive").mkdir(parents=True)
    assert synced_by(person / "OneDrive" / "x", person, {}) == "OneDrive"
    (person / ".config" / "onedrive" / "config").write_text('# mine\nsync_dir = "~/Đám mây"\n')
    assert synced_by(person / "Đám mây" / "x", person, {}) == "OneDrive"
    assert synced_by(person / "OneDrive" / "x", person, {}) is None


@pytest.mark.parametrize(
    ("folder", "program"),
    [
        ("Library/CloudStorage/OneDrive-Personal/a", "OneDrive"), ("Library/CloudStorage/GoogleDrive-me@example.org/My Drive", "Google Drive"),
        ("Library/CloudStorage/Dropbox/a", "Dropbox"), ("Library/Mobile Documents/com~apple~CloudDocs/a", "iCloud"), ("iCloudDrive/a", "iCloud"),
        ("Library/Application Support/localstory", None),
    ],
)  # fmt: skip
def test_folders_of_the_systems(person: Path, folder: str, program: str | None) -> None:
    assert synced_by(person / folder, person, {}) == program


def test_a_link_into_a_synced_folder_is_followed(person: Path) -> None:
    (person / "Sync" / ".stfolder").mkdir(parents=True)
    (person / "của tôi").symlink_to(person / "Sync", target_is_directory=True)
    assert synced_by(home(person / "của tôi"), person, {}) == "Syncthing"
