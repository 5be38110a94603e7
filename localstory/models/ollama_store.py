"""Models as Ollama keeps them: on this disk, and in its registry. Read only; nothing there is ever changed.

On the disk: `manifests/<host>/<namespace>/<model>/<tag>` is JSON, its layers name files `blobs/sha256-<hex>`, of which the
model's is a plain GGUF. The registry gives the same manifest and the same blobs (`/v2/…/manifests/<tag>`, the Docker
Registry HTTP API V2). Names and digests become paths here, so both are checked (CVE-2024-37032 was this very mistake).
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from localstory import system
from localstory.errors import CannotContinue, mark
from localstory.models.names import OllamaName, near_names, parse_ollama_name
from localstory.net import Net, is_loopback
from localstory.net.errors import BadAnswer, NeedsToken, NotOnServer

LOOKING_UP = mark("List of a model's parts at Ollama's registry")
_MODEL = "application/vnd.ollama.image.model"
_DIGEST = re.compile(r"sha256:([0-9a-f]{64})")
_MANIFEST_LIMIT_BYTES = 1 << 20
_MOST_NAMES = 2000


class OllamaModelNotFound(CannotContinue):
    """Neither Ollama's folders here nor its registry know the name."""

    code = "model_not_found"

    def __init__(self, name: str, near: list[str]) -> None:
        super().__init__(
            title=mark("Ollama has no model “{name}”"),
            hint=mark("Did you mean {near}?") if near else mark("Check the name: it is model, or model:tag."),
            name=name,
            near=", ".join(near),
        )


class BadOllamaManifest(CannotContinue):
    """A manifest that names no usable model."""

    code = "bad_model"

    def __init__(self, name: str, why: str, **values: object) -> None:
        super().__init__(title=mark("Ollama's model “{name}” can't be used"), detail=why, hint=mark("Pull it again with Ollama."), **(values | {"name": name}))


@dataclass(frozen=True, slots=True)
class OllamaModel:
    """A model's weights, here or in the registry. Exactly one of `path` and `url` is set."""

    name: OllamaName
    sha256: str
    size_bytes: int
    path: Path | None = None
    url: str = ""


def ollama_folders() -> list[Path]:
    """Where Ollama may keep models here: OLLAMA_MODELS, the person's own folder, those of the system's service."""
    chosen = os.environ.get("OLLAMA_MODELS", "").strip()
    folders = [Path(chosen).expanduser()] if chosen else []
    with contextlib.suppress(RuntimeError):  # no home at all
        folders.append(Path.home() / ".ollama" / "models")
    if not system.WINDOWS:
        # The install script's service user, Arch's and Debian's, Snap's (Ollama docs, faq.md "Where are models stored").
        folders += [
            Path("/usr/share/ollama/.ollama/models"), Path("/var/lib/ollama/.ollama/models"), Path("/var/lib/ollama"), Path("/var/snap/ollama/common/models")
        ]  # fmt: skip
    return list(dict.fromkeys(folders))


def installed(folders: list[Path] | None = None) -> list[OllamaName]:
    """What Ollama has here, sorted by name. Folders that can't be read hold nothing."""
    found: dict[str, OllamaName] = {}
    for folder in ollama_folders() if folders is None else folders:
        for path in _manifests(folder / "manifests"):
            host, namespace, model, tag = path.relative_to(folder / "manifests").parts
            name = parse_ollama_name(f"{host}/{namespace}/{model}:{tag}")
            if name is not None and len(found) < _MOST_NAMES:
                found[str(name)] = name
    return [found[name] for name in sorted(found)]


def find_installed(name: OllamaName, folders: list[Path] | None = None) -> OllamaModel | None:
    """The model in Ollama's folders here; None when none of them has it. Raises BadOllamaManifest when it is broken."""
    for folder in ollama_folders() if folders is None else folders:
        path = folder / "manifests" / name.host / name.namespace / name.model / name.tag
        try:
            with open(path, "rb") as file:
                content = file.read(_MANIFEST_LIMIT_BYTES)
        except OSError:
            continue
        digest, size = _weights(str(name), content)
        blob = folder / "blobs" / f"sha256-{digest}"
        try:
            there = blob.stat().st_size
        except OSError as error:
            raise BadOllamaManifest(str(name), mark("{path}: {reason}."), path=str(blob), reason=error.strerror or str(error)) from error
        if size is not None and size != there:
            raise BadOllamaManifest(str(name), mark("Its file is not as long as it should be."))
        return OllamaModel(name, digest, there, path=blob)
    return None


def find_in_registry(name: OllamaName, net: Net, *, stop: threading.Event | None = None) -> OllamaModel:
    """The model in the registry. Raises OllamaModelNotFound, BadOllamaManifest, NetTrouble."""
    scheme = "http" if is_loopback(urlsplit(f"//{name.host}").hostname or "") else "https"
    base = f"{scheme}://{name.host}/v2/{name.namespace}/{name.model}"
    try:
        answer = net.get(
            f"{base}/manifests/{name.tag}",
            purpose=LOOKING_UP,
            limit_bytes=_MANIFEST_LIMIT_BYTES,
            headers={"Accept": "application/vnd.docker.distribution.manifest.v2+json"},
            stop=stop,
        )
    except (NotOnServer, NeedsToken) as error:
        raise OllamaModelNotFound(str(name), near_names(str(name), [str(known) for known in installed()])) from error
    digest, size = _weights(str(name), answer.body)
    if size is None:
        raise BadAnswer(urlsplit(answer.url).hostname or "", mark("It does not say how large the model is."))
    return OllamaModel(name, digest, size, url=f"{base}/blobs/sha256:{digest}")


def _weights(name: str, manifest: bytes) -> tuple[str, int | None]:
    """(SHA-256, size in bytes) of the model among the layers of a manifest."""
    try:
        layers = json.loads(manifest)["layers"]
        layer: Any = next(layer for layer in layers if layer["mediaType"] == _MODEL)
        digest, size = layer["digest"], layer.get("size")
    except StopIteration as error:
        raise BadOllamaManifest(name, mark("It has no weights of its own (a cloud model, perhaps).")) from error
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise BadOllamaManifest(name, mark("Its manifest is damaged.")) from error
    found = _DIGEST.fullmatch(digest) if isinstance(digest, str) else None
    if found is None:
        raise BadOllamaManifest(name, mark("Its manifest is damaged."))
    return found[1], size if isinstance(size, int) and not isinstance(size, bool) and 0 < size < 1 << 53 else None


def _manifests(folder: Path) -> Iterator[Path]:
    """Every <host>/<namespace>/<model>/<tag> below `folder`."""
    with contextlib.suppress(OSError):
        for path in sorted(folder.glob("*/*/*/*")):
            if path.is_file():
                yield path
