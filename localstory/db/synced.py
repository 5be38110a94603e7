"""Whether a folder belongs to a program that copies it to other computers: two of them writing one database damage it. Pure but for
looking at names of files; nothing is asked of those programs."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

# A file or folder that the program leaves at the top of what it syncs.
_LEFT = {
    ".stfolder": "Syncthing",
    ".dropbox": "Dropbox",
    ".dropbox.cache": "Dropbox",
    ".tmp.driveupload": "Google Drive",
    ".tmp.drivedownload": "Google Drive",
    ".nextcloudsync.log": "Nextcloud",
    ".owncloudsync.log": "ownCloud",
}
# macOS keeps every file provider below ~/Library/CloudStorage, named "Provider-account".
_PROVIDERS = {"OneDrive": "OneDrive", "Dropbox": "Dropbox", "GoogleDrive": "Google Drive", "Nextcloud": "Nextcloud", "iCloud": "iCloud"}
_ONEDRIVE_NAMES = ("OneDrive", "OneDriveConsumer", "OneDriveCommercial")


def synced_by(folder: Path, person: Path, environment: Mapping[str, str], system: str = sys.platform) -> str | None:
    """The name of the program that syncs `folder` (which may not exist yet), or None.

    `person` is the person's own folder. OneDrive: its environment variables (Windows), or the sync_dir of the free client (Linux).
    Dropbox: its info.json, its marks. Google Drive: its marks, the folder of file providers (macOS), GVfs (Linux). iCloud:
    "Mobile Documents" (macOS), "iCloudDrive" (Windows). Syncthing, Nextcloud, ownCloud: what they leave at the top.
    """
    folder, person = _real(folder), _real(person)
    above = [folder, *folder.parents]
    for name in _ONEDRIVE_NAMES:
        if environment.get(name) and _real(Path(environment[name])) in above:
            return "OneDrive"
    if any(root in above for root in _dropbox_folders(person, environment)):
        return "Dropbox"
    for root, program in ((person / "iCloudDrive", "iCloud"), (person / "Library" / "Mobile Documents", "iCloud"), (_onedrive_folder(person), "OneDrive")):
        if root in above:
            return program
    clouds = person / "Library" / "CloudStorage"
    if clouds in above:
        account = folder.relative_to(clouds).parts[:1]
        return _PROVIDERS.get(account[0].split("-")[0], account[0]) if account else None
    parts = [part.lower() for part in folder.parts]
    if "gvfs" in parts and any(part.startswith("google-drive") for part in parts):
        return "Google Drive"
    for one in above:
        if one == one.parent or (one == person.parent and system != "win32"):
            break  # the top of a disk is nobody's sync folder, nor is the folder of all people
        for name, program in _LEFT.items():
            # ~/.dropbox is where Dropbox keeps its settings: a folder, and no mark.
            with suppress(OSError):
                if (one / name).exists() and not (name == ".dropbox" and (one / name).is_dir()):
                    return program
        with suppress(OSError):
            if any(file.name.endswith(".db") for file in one.glob("._sync_*")) or any(file.name.endswith(".db") for file in one.glob(".sync_*")):
                return "Nextcloud"
    return None


def _real(path: Path) -> Path:
    try:
        return path.expanduser().resolve()
    except (OSError, RuntimeError):
        return path.absolute()


def _dropbox_folders(person: Path, environment: Mapping[str, str]) -> list[Path]:
    found = []
    places = [person / ".dropbox"]
    places += [Path(environment[name]) / "Dropbox" for name in ("APPDATA", "LOCALAPPDATA") if environment.get(name)]
    for place in places:
        with suppress(OSError, ValueError, RecursionError):
            table = json.loads((place / "info.json").read_text("utf-8"))
            for account in table.values() if isinstance(table, dict) else ():
                if isinstance(account, dict) and isinstance(account.get("path"), str) and account["path"]:
                    found.append(_real(Path(account["path"])))
    return found


def _onedrive_folder(person: Path) -> Path | None:
    """Of the free client for Linux (abraunegg/onedrive): `sync_dir` in its settings, ~/OneDrive without one; None where it isn't set up."""
    settings = person / ".config" / "onedrive"
    if not settings.is_dir():
        return None
    with suppress(OSError, UnicodeDecodeError):
        for line in (settings / "config").read_text("utf-8").splitlines():
            name, _sign, value = line.partition("=")
            if name.strip() == "sync_dir" and value.strip().strip('"'):
                return _real(Path(value.strip().strip('"').replace("~", str(person), 1)))
    return person / "OneDrive"
