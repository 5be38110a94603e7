"""What a story is made of: files named by the hash of everything that can change their bytes, each with its recipe.

An asset is there when its file and its recipe are: the recipe is written last. Nothing is ever changed in place.
"""

from __future__ import annotations

import hashlib
import json
import unicodedata
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from localstory.story.project import cannot_write
from localstory.system import write_whole

EXTENSIONS = {"text": "json", "picture": "png", "speech": "wav", "sound": "wav", "segment": "mp4"}


def recipe_id(recipe: dict[str, Any]) -> str:
    """The first 16 hex digits of the SHA-256 of a recipe's canonical JSON (sorted keys, NFC, no spaces)."""
    text = unicodedata.normalize("NFC", json.dumps(recipe, ensure_ascii=False, sort_keys=True, separators=(",", ":")))
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16]


@dataclass(frozen=True, slots=True)
class Made:
    """An asset that is there."""

    id: str
    path: Path
    recipe: dict[str, Any]
    facts: dict[str, Any]


class Assets:
    """The assets of one story's folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def path(self, kind: str, id: str) -> Path:
        """Where the asset's file is or will be. Raises FileTrouble when its folder can't be made."""
        folder = self._folder / "assets" / kind
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise cannot_write(folder, error) from error
        return folder / f"{id}.{EXTENSIONS[kind]}"

    def find(self, recipe: dict[str, Any]) -> Made | None:
        """The asset of this recipe, if it is there and whole."""
        id, kind = recipe_id(recipe), str(recipe["kind"])
        return self.by_id(kind, id)

    def by_id(self, kind: str, id: str) -> Made | None:
        """The asset with this id; None when it is missing, cut short or its recipe can't be read."""
        path = self._folder / "assets" / kind / f"{id}.{EXTENSIONS[kind]}"
        record = path.with_name(f"{id}.recipe.json")
        try:
            table = json.loads(record.read_text("utf-8"))
            if path.stat().st_size != table["size_bytes"]:
                return None
            return Made(id, path, table["recipe"], table["made"])
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def record(self, recipe: dict[str, Any], made: dict[str, Any], *, seconds: float) -> Made:
        """Say that the file of this recipe is finished. Raises FileTrouble."""
        id, kind = recipe_id(recipe), str(recipe["kind"])
        path = self.path(kind, id)
        table = {
            "recipe": recipe,
            "made": made,
            "seconds": round(seconds, 3),
            "size_bytes": path.stat().st_size,
            "sha256": file_sha256(path),
            "at": datetime.now(UTC).isoformat(timespec="seconds"),
        }
        try:
            write_whole(path.with_name(f"{id}.recipe.json"), json.dumps(table, ensure_ascii=False, indent=1).encode("utf-8"))
        except OSError as error:
            raise cannot_write(path, error) from error
        return Made(id, path, recipe, made)

    def sweep(self) -> None:
        """Remove what a killed build left half-written."""
        for part in [*(self._folder / "assets").rglob(".*.part*"), *(self._folder / "out").glob(".*.part*"), *self._folder.glob(".*.part")]:
            if part.is_file():
                part.unlink(missing_ok=True)


class Journal:
    """`journal.jsonl`: a log for people. The state is derived from the assets, never from here."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / "journal.jsonl"

    def write(self, event: str, **fields: object) -> None:
        """Append one line. Raises FileTrouble."""
        line = json.dumps({"at": datetime.now(UTC).isoformat(timespec="milliseconds"), "event": event, **fields}, ensure_ascii=False)
        try:
            with open(self._path, "a", encoding="utf-8") as file:
                file.write(line + "\n")
        except OSError as error:
            raise cannot_write(self._path, error) from error

    def read(self) -> list[dict[str, Any]]:
        """Every whole line."""
        try:
            lines = self._path.read_text("utf-8").splitlines()
        except OSError:
            return []
        events: list[dict[str, Any]] = []
        for line in lines:
            try:
                events.append(json.loads(line))
            except ValueError:
                continue  # a kill in the middle of a line
        return events


def file_sha256(path: Path) -> str:
    """Of the whole file, read in blocks of 1 MiB."""
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()
