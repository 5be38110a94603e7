"""What a person may ask the fit check about, and where its header is: a file here, on the hub, at Ollama, anywhere.

    targets = resolve("hf:owner/repo", home, hub)          # every quantisation of it
    headers = read_targets(targets, home, hub.net)         # only headers are read, several at a time

Both block: run them in a thread. To add a kind of name: a branch in `resolve`, a Source, a line in `HELP`.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath
from typing import Literal, TypeAlias
from urllib.parse import unquote, urlsplit

from localstory.errors import BadRequest, CannotContinue, FileTrouble, mark
from localstory.gguf.header import BadGguf, Header, check_file, read_header
from localstory.gguf.header_cache import HeaderCache
from localstory.gguf.stripped import StrippedModel, join_headers, strip
from localstory.models.hub import DEFAULT_ENDPOINT, FileNotInRepo, Hub, HubFile, HubModel, Repo, listed
from localstory.models.library import resolve_text_model
from localstory.models.names import (
    STARTER,
    BadModelFile,
    HubName,
    ModelNotFound,
    OllamaName,
    looks_like_a_path,
    near_names,
    parse_hub_address,
    parse_hub_name,
    parse_ollama_name,
    part_names,
    quantisation_in,
    without_part,
)
from localstory.models.ollama_store import OllamaModel, find_in_registry, find_installed, installed
from localstory.models.remote_header import PURPOSE, RemoteFile, RemoteHeader, read_remote_headers
from localstory.net import Net, typed_address
from localstory.paths import Home

STRIPPED = "stripped"
"""The folder in <home>/cache with headers of files that are here, without their vocabulary."""

Source: TypeAlias = Literal["file", "library", "starter", "hub", "url", "ollama", "ollama_registry"]

HELP = mark("Give a .gguf file, hf:owner/repository, hf:owner/repository/file.gguf, ollama:name, an https address, or the title of a model you have.")


@dataclass(frozen=True, slots=True)
class FitTarget:
    """One model to look at, in one quantisation, and where its files are. Nothing of the files was read yet."""

    name: str
    """What names it again: "hf:owner/repo/file.gguf", "ollama:name:tag", a path, an address."""
    title: str
    source: Source
    quantisation: str = ""
    """By its name; "" when that names none: then the header says it."""
    size_bytes: int | None = None
    """Of all its files; None until the server has said."""
    licence: str = ""
    base_models: tuple[str, ...] = ()
    languages: tuple[str, ...] = ()
    sha256: str = ""
    """Of the (first) file, where its source publishes it."""
    paths: tuple[Path, ...] = ()
    """Its files here, in order; empty when it is elsewhere."""
    remote: tuple[RemoteFile, ...] = field(default=(), repr=False)
    """Its files elsewhere, in order; empty when it is here. Not shown: they hold the token."""

    @property
    def is_here(self) -> bool:
        return bool(self.paths)

    @property
    def repo(self) -> str:
        """ "owner/repo" of a target on the hub, else ""."""
        return "/".join(self.name.removeprefix("hf:").split("/")[:2]) if self.source == "hub" else ""


@dataclass(frozen=True, slots=True)
class TargetHeader:
    """What the files of a target say."""

    target: FitTarget
    """With the size, if that was not known before."""
    header: Header
    """Of the whole model: all parts of a split one (tensor offsets count from their own part)."""
    stripped: StrippedModel
    """For the dry run: the same without the vocabulary."""
    size_bytes: int
    bytes_read: int
    """Over the network, for this answer."""
    requests: int
    vocabulary: Path | None
    """A file here that begins with a whole header of this model, vocabulary and all; None when there is none."""


def resolve(name: str, home: Home, hub: Hub, *, stop: threading.Event | None = None) -> list[FitTarget]:
    """What a person means by `name`: one target, or for a repository all its quantisations, smallest first.

    Understood: the path of a .gguf (any part of a split one), `hf:owner/repo/file.gguf`, `hf:owner/repo[@revision]`,
    `hf:owner/repo:Q4_K_M`, an address of a .gguf or of a page of the hub, `ollama:name[:tag]`, a title in our library,
    "starter". Blocks on the network for names that are elsewhere; only lists are read, no headers.
    Raises BadRequest, ModelNotFound, BadModelFile, NoStarter, RepoNotFound, RepoGated, FileNotInRepo, OllamaModelNotFound,
    BadOllamaManifest, NetTrouble.
    """
    name = name.strip()
    lower = name.lower()
    if not name:
        raise BadRequest(title=mark("No model was named"), hint=HELP)
    if lower.startswith(("https://", "http://")):
        on_hub = parse_hub_address(name, [hub.endpoint, DEFAULT_ENDPOINT, "https://hf.co"])
        return _from_hub(on_hub, home, hub, stop) if on_hub is not None else [_from_address(name, hub.net, stop)]
    if lower.startswith("hf:"):
        wanted, quantisation = _hub_name(name[3:])
        if wanted is None:
            raise BadRequest(
                title=mark("“{name}” names nothing on the hub"), hint=mark("It is hf:owner/repository or hf:owner/repository/file.gguf."), name=name
            )
        return _from_hub(wanted, home, hub, stop, quantisation)
    if lower.startswith("ollama:"):
        ollama = parse_ollama_name(name[7:])
        if ollama is None:
            raise BadRequest(title=mark("“{name}” names nothing of Ollama's"), hint=mark("It is ollama:model or ollama:model:tag."), name=name)
        here = find_installed(ollama)
        return [_from_ollama(here if here is not None else find_in_registry(ollama, hub.net, stop=stop))]
    return [_from_here(name, home)]


def read_targets(
    targets: Sequence[FitTarget],
    home: Home,
    net: Net,
    *,
    on_read: Callable[[int, TargetHeader | CannotContinue], None] | None = None,
    stop: threading.Event | None = None,
) -> list[TargetHeader | CannotContinue]:
    """The headers of `targets`, in their order; in the place of one that can't be had stands the reason.

    Targets of one repository share their vocabulary: ask for them together. `on_read(index, result)` is called as they
    come, remote ones from other threads. Blocks.
    """
    results: list[TargetHeader | CannotContinue | None] = [None] * len(targets)
    parts: dict[int, list[RemoteHeader | CannotContinue | None]] = {}
    owners: list[tuple[int, int]] = []
    lock = threading.Lock()

    def keep(index: int, result: TargetHeader | CannotContinue) -> None:
        results[index] = result
        if on_read is not None:
            on_read(index, result)

    def part_came(place: int, result: RemoteHeader | CannotContinue) -> None:
        index, number = owners[place]
        with lock:
            parts[index][number] = result
            if any(part is None for part in parts[index]):
                return
        keep(index, _put_together(targets[index], [part for part in parts[index] if part is not None]))

    files: list[RemoteFile] = []
    # First parts of all before second ones: only those hold a vocabulary.
    for number in range(max((len(target.remote) for target in targets), default=0)):
        for index, target in enumerate(targets):
            if number < len(target.remote):
                parts.setdefault(index, []).append(None)
                owners.append((index, number))
                files.append(target.remote[number])
    for index, target in enumerate(targets):
        if target.is_here:
            try:
                keep(index, _read_here(target, HeaderCache(home.cache / STRIPPED)))
            except CannotContinue as error:
                keep(index, error)
    if files:
        read_remote_headers(files, net, home.cache / "headers", on_read=part_came, stop=stop)
    return [result for result in results if result is not None]


# -- one kind of name each ------------------------------------------------------------------------------------------------


def _from_here(name: str, home: Home) -> FitTarget:
    """A path, a title in the library, "starter"; what only Ollama has here is found too."""
    path = Path(name).expanduser()
    if path.is_file():
        path = path.absolute()
        paths = tuple(path.with_name(part) for part in part_names(path.name))
        for part in paths:
            if not part.is_file():
                why = BadGguf(mark("The model comes in {count} files, and {missing} is missing."), count=len(paths), missing=part.name)
                raise BadModelFile(path, why)
        size = sum(part.stat().st_size for part in paths)
        return FitTarget(str(path), without_part(path.name), "file", quantisation_in(path.name), size, paths=paths)
    on_hub = parse_hub_name(name)
    if on_hub is not None and "\\" not in name and not path.exists():
        raise ModelNotFound(name, home.models, near=[f"hf:{name}"])
    ollama = parse_ollama_name(name) if name != STARTER and not looks_like_a_path(name) else None
    try:
        model = resolve_text_model(name, home)
    except ModelNotFound:
        here = find_installed(ollama) if ollama is not None else None
        if here is not None:
            return _from_ollama(here)
        near = near_names(name, [str(known) for known in installed()]) if ollama is not None else []
        if near:
            raise ModelNotFound(name, home.models, near=[f"ollama:{one}" for one in near]) from None
        raise
    paths = tuple(model.path.with_name(part) for part in part_names(model.path.name))
    source: Source = "starter" if model.source == "starter" else "library"
    # Quantisation and licence stay what the library found: it read the header.
    return FitTarget(
        STARTER if source == "starter" else str(model.path), model.title, source, model.quantisation, model.size_bytes, model.licence,
        languages=model.languages, paths=paths,
    )  # fmt: skip


def _hub_name(text: str) -> tuple[HubName | None, str]:
    """(repository and file, quantisation) of what stands behind "hf:"; llama.cpp's `owner/repo:Q4_K_M` is understood."""
    text = text.removeprefix("//").strip("/")
    head, colon, quantisation = text.rpartition(":")
    if colon and text.count("/") == 1 and quantisation_in(quantisation) == quantisation.upper():
        return parse_hub_name(head), quantisation.upper()
    return parse_hub_name(text), ""


def _from_hub(wanted: HubName, home: Home, hub: Hub, stop: threading.Event | None, quantisation: str = "") -> list[FitTarget]:
    repo = listed(hub, home.cache / "hub", wanted.repo, wanted.revision, stop=stop)
    if not wanted.file:
        models = [model for model in repo.models if not quantisation or model.quantisation in (quantisation, f"UD-{quantisation}")]
        if not models:
            raise FileNotInRepo(wanted.repo, quantisation, [model.quantisation or model.title for model in repo.models])
        return [_hub_target(repo, model, hub) for model in models]
    files = [repo.file(path) for path in _part_paths(wanted.file)]
    there = tuple(file for file in files if file is not None)
    if len(there) < len(files):
        known = [file.path for file in repo.files if file.path.lower().endswith(".gguf")]
        short = {PurePosixPath(path).name: path for path in known}
        if wanted.file in short:  # the folder was left out
            return _from_hub(replace(wanted, file=short[wanted.file]), home, hub, stop)
        raise FileNotInRepo(wanted.repo, wanted.file, known)
    name = PurePosixPath(wanted.file).name
    model = HubModel(without_part(name), quantisation_in(name) or quantisation_in(str(PurePosixPath(wanted.file).parent)), there)
    return [_hub_target(repo, model, hub)]


def _part_paths(path: str) -> list[str]:
    folder = path[: path.rfind("/") + 1]
    return [folder + name for name in part_names(path[len(folder) :])]


def _hub_target(repo: Repo, model: HubModel, hub: Hub) -> FitTarget:
    return FitTarget(
        name=f"hf:{repo.name}/{model.files[0].path}",
        title=model.title,
        source="hub",
        quantisation=model.quantisation,
        size_bytes=model.size_bytes,
        licence=repo.licence,
        base_models=repo.base_models,
        languages=repo.languages,
        sha256=model.files[0].sha256,
        remote=tuple(_hub_file(repo, file, hub) for file in model.files),
    )


def _hub_file(repo: Repo, file: HubFile, hub: Hub) -> RemoteFile:
    return RemoteFile(
        hub.address(repo.name, repo.commit, file.path), file.size_bytes, f"{hub.endpoint}/{repo.name}", file.sha256 or repo.commit, file.path, hub.token
    )


def _from_address(url: str, net: Net, stop: threading.Event | None) -> FitTarget:
    """A file at any address. One byte is asked for, to know its length and ETag: with those its header can be kept."""
    url = typed_address(url)
    path = urlsplit(url).path
    names = [unquote(part) for part in part_names(path.rsplit("/", 1)[-1])]
    files: list[RemoteFile] = []
    for part in part_names(path.rsplit("/", 1)[-1]):
        address = url.replace(path, path[: path.rfind("/") + 1] + part, 1)
        piece = net.get_range(address, 0, 1, purpose=PURPOSE, stop=stop)
        version = "" if piece.etag.startswith("W/") else piece.etag
        files.append(RemoteFile(address, piece.total_bytes, address.rsplit("/", 1)[0], version, part))
    sizes = [file.size_bytes for file in files]
    return FitTarget(
        name=url,
        title=without_part(names[0]) or url,
        source="url",
        quantisation=quantisation_in(names[0]),
        size_bytes=None if None in sizes else sum(size for size in sizes if size is not None),
        remote=tuple(files),
    )


def _from_ollama(model: OllamaModel) -> FitTarget:
    name: OllamaName = model.name
    common = FitTarget(f"ollama:{name}", str(name).removesuffix(":latest"), "ollama", quantisation_in(name.tag), model.size_bytes, sha256=model.sha256)
    if model.path is not None:
        return replace(common, paths=(model.path,))
    remote = RemoteFile(model.url, model.size_bytes, model.url.rsplit("/blobs/", 1)[0], model.sha256, str(name))
    return replace(common, source="ollama_registry", remote=(remote,))


# -- headers --------------------------------------------------------------------------------------------------------------


def _read_here(target: FitTarget, known: HeaderCache) -> TargetHeader:
    """Raises FileTrouble, BadGguf."""
    headers = [check_file(target.paths[0])]
    stripped = known.of_files(target.paths)
    try:
        size = target.paths[0].stat().st_size
        for path in target.paths[1:]:
            # Not check_file: only the first part says what kind of model it is.
            with open(path, "rb") as file:
                part_size = path.stat().st_size
                headers.append(read_header(file, file_bytes=part_size))
                size += part_size
    except OSError as error:
        raise FileTrouble(
            title=mark("The model file can't be opened"),
            detail=mark("{path}: {reason}."),
            hint=mark("Check that the file is there and that you may read it."),
            path=str(target.paths[0]),
            reason=error.strerror or str(error),
        ) from error
    return TargetHeader(replace(target, size_bytes=size), join_headers(headers), stripped, size, 0, 0, target.paths[0])


def _put_together(target: FitTarget, parts: Sequence[RemoteHeader | CannotContinue]) -> TargetHeader | CannotContinue:
    read: list[RemoteHeader] = []
    for part in parts:
        if isinstance(part, CannotContinue):
            return part
        read.append(part)
    try:
        header = join_headers([part.header for part in read])
        stripped = StrippedModel(tuple(strip(part.raw) for part in read))
    except CannotContinue as error:
        return error
    size = sum(part.size_bytes for part in read)
    return TargetHeader(
        replace(target, size_bytes=size),
        header,
        stripped,
        size,
        sum(part.bytes_read for part in read),
        sum(part.requests for part in read),
        read[0].whole_header,
    )
