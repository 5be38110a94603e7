"""The SHA-256 of a model's file, worked out once: recipes name it, so that a story says exactly what made it."""

from __future__ import annotations

import contextlib
import hashlib
import json
from pathlib import Path

from localstory.paths import Home
from localstory.system import write_whole


def fingerprint(path: Path, home: Home) -> str:
    """64 hex digits. Kept in the home's cache by path, size and time of change. Raises OSError when `path` can't be read."""
    facts = path.stat()
    key = f"{path.absolute()}|{facts.st_size}|{facts.st_mtime_ns}"
    cache = home.cache / "fingerprints.json"
    known: dict[str, str] = {}
    with contextlib.suppress(OSError, ValueError):
        loaded = json.loads(cache.read_text("utf-8"))
        known = {str(one): str(digest) for one, digest in loaded.items()} if isinstance(loaded, dict) else {}
    if key not in known:
        digest = hashlib.sha256()
        with open(path, "rb") as file:
            while block := file.read(1 << 20):
                digest.update(block)
        known[key] = digest.hexdigest()
        with contextlib.suppress(OSError):  # a cache that can't be kept is worked out again
            write_whole(cache, json.dumps(known, indent=0).encode())
    return known[key]
