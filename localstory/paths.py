"""Where things live: the home folder with everything that belongs to the person, and nothing outside it."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import platformdirs

from localstory.errors import FileTrouble, HomeInUse, mark
from localstory.system import FileLock


@dataclass(frozen=True, slots=True)
class Home:
    """The folders of one person's data. Made by `open_home`; `LOCALSTORY_HOME` moves all of it."""

    root: Path

    @property
    def settings_file(self) -> Path:
        return self.root / "settings.toml"

    @property
    def database(self) -> Path:
        return self.root / "localstory.db"

    @property
    def lock_file(self) -> Path:
        return self.root / "home.lock"

    @property
    def stories(self) -> Path:
        return self.root / "stories"

    @property
    def models(self) -> Path:
        return self.root / "models"

    @property
    def engines(self) -> Path:
        """Engine packs, a folder each. Made when the first is added."""
        return self.root / "engines"

    @property
    def kv(self) -> Path:
        """Saved states of branches, with the key that signs them. Deleting it costs time, not text. Made at the first need."""
        return self.root / "kv"

    @property
    def inbox(self) -> Path:
        """Measurements left as `*.json` by processes that don't hold the lock."""
        return self.root / "inbox"

    @property
    def logs(self) -> Path:
        return self.root / "logs"

    @property
    def cache(self) -> Path:
        """What can be made again: thumbnails, headers. Deleting it loses nothing."""
        return self.root / "cache"


def home_folder() -> Path:
    """`LOCALSTORY_HOME`, or this system's usual place for a program's data."""
    chosen = os.environ.get("LOCALSTORY_HOME")
    return Path(chosen).expanduser() if chosen else Path(platformdirs.user_data_dir("localstory", appauthor=False))


def shipped_models_file() -> Path:
    """The list of models that comes with the program: beside the package's modules in a wheel and a frozen build, above them in the sources."""
    package = Path(__file__).parent
    installed = package / "models.toml"
    return installed if installed.is_file() else package.parent / "models.toml"


def open_home(root: Path | None = None) -> Home:
    """Make the folders and return them. Raises FileTrouble when the place can't be written."""
    home = Home((root or home_folder()).absolute())
    try:
        for folder in (home.root, home.stories, home.models, home.inbox, home.logs, home.cache):
            folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _unusable(home, error) from error
    return home


def _unusable(home: Home, error: OSError) -> FileTrouble:
    return FileTrouble(
        title=mark("The home folder can't be used"),
        detail=mark("{folder}: {reason}."),
        hint=mark("Make the folder writable, or set LOCALSTORY_HOME to another folder."),
        folder=str(home.root),
        reason=error.strerror or str(error),
    )


class HomeLock:
    """The right to write in a home folder: one process at a time. Use as a context manager; raises HomeInUse and FileTrouble."""

    def __init__(self, home: Home) -> None:
        self._home = home
        self._lock = FileLock(home.lock_file)

    def __enter__(self) -> HomeLock:
        try:
            taken = self._lock.acquire()
        except OSError as error:
            raise _unusable(self._home, error) from error
        if not taken:
            raise HomeInUse(str(self._home.root))
        return self

    def __exit__(self, *_exception: object) -> None:
        self._lock.release()
