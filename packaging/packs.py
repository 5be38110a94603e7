"""Building engine packs: llama.cpp with other flags than the portable build's. A part of dev.py, which calls `build`.

A pack's flags stand in `packs/NAME/uv.toml`. uv keeps the wheel it built in its own cache, by these flags: the first time
takes the minutes of a build, every further one, also for another clone, a second.
"""

from __future__ import annotations

import hashlib
import re
import shutil
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

FOLDER = Path(__file__).resolve().parent / "packs"
_PINNED = re.compile(r"^llama-cpp-python==.*?(?=^\S)", re.MULTILINE | re.DOTALL)


def names() -> list[str]:
    """The packs that can be built here."""
    return sorted(place.parent.name for place in FOLDER.glob("*/uv.toml"))


def pinned(requirements: str) -> str:
    """llama-cpp-python with its version and hashes, out of the list of all libraries. Raises ValueError."""
    found = _PINNED.search(requirements + "\nend")
    if found is None:
        raise ValueError("llama-cpp-python is not in the list")
    return found[0]


def build(name: str, out: Path, *, python: Path, requirements: Path, run_uv: Callable[[Sequence[str | Path]], None], failure: type[Exception]) -> Path:
    """The pack `name` in the folder `out/name`, ready for `localstory engines add`; at once when it is there already.

    `run_uv` raises `failure` when uv fails.
    """
    target, list_, part = out / name, out / f"{name}.txt", out / f".{name}.part"
    wanted = pinned(requirements.read_text("utf-8"))
    made_of = hashlib.sha256(f"{wanted} {sys.platform} {sys.version_info[:2]}".encode() + (FOLDER / name / "uv.toml").read_bytes()).hexdigest()
    stamp = target / "made-of.txt"
    if stamp.exists() and stamp.read_text("utf-8") == made_of:
        return target
    out.mkdir(parents=True, exist_ok=True)
    shutil.rmtree(part, ignore_errors=True)
    list_.write_text(wanted, "utf-8")
    # --config-file: in a project uv would take the flags of pyproject.toml, whatever lies in the folder it runs in.
    command: list[str | Path] = ["pip", "install", "--python", python, "--target", part, "--no-deps", "--require-hashes", "-r", list_]
    command += ["--config-file", FOLDER / name / "uv.toml"]
    try:
        # What uv has kept comes first, as for the environment.
        try:
            run_uv([*command, "--offline"])
        except failure:
            shutil.rmtree(part, ignore_errors=True)
            run_uv(command)
        (part / stamp.name).write_text(made_of, "utf-8")
        shutil.rmtree(target, ignore_errors=True)
        part.rename(target)
    finally:
        shutil.rmtree(part, ignore_errors=True)
        list_.unlink(missing_ok=True)
    return target
