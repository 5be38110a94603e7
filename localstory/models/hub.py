"""What a repository on the hub holds: its GGUF files by quantisation, with exact sizes and SHA-256, licence, languages.

Asked with huggingface_hub's HfApi, through `net` (hub_library.py says how).
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import quote, urlsplit

from localstory.errors import CannotContinue, mark
from localstory.models.hub_library import ask
from localstory.models.names import is_safe_inside, near_names, part_in, part_names, quantisation_in, without_part
from localstory.net import Net
from localstory.net.errors import HostNotFound, NetTrouble, NoConnection, Offline, ServerTrouble, TooManyRequests, TooSlow
from localstory.system import write_whole

if TYPE_CHECKING:
    from huggingface_hub import HfApi
    from huggingface_hub.errors import HfHubHTTPError
    from huggingface_hub.hf_api import RepoFile, RepoFolder

DEFAULT_ENDPOINT = "https://huggingface.co"
LISTING = mark("List of a repository's files")
_CACHE_FORMAT = 1
_MOST_PAGES = 20
_MOST_FILES = 20_000
_SHA1, _SHA256 = re.compile(r"[0-9a-f]{40}"), re.compile(r"[0-9a-f]{64}")
_LANGUAGE = re.compile(r"[a-z]{2,3}(-[a-z0-9]{2,8})*", re.IGNORECASE)

_Value = TypeVar("_Value")


class RepoNotFound(CannotContinue):
    """The hub has no such repository (or it is private: the hub does not tell these apart)."""

    code = "repo_not_found"

    def __init__(self, repo: str, near: Sequence[str] = ()) -> None:
        super().__init__(
            title=mark("The hub has no repository “{repo}”"),
            detail="" if near else mark("It may also be private."),
            hint=mark("Did you mean {near}?") if near else mark("Check the name: it is owner/repository."),
            repo=repo,
            near=", ".join(near),
        )


class RepoGated(CannotContinue):
    """The repository's licence has to be accepted first, with an account."""

    code = "repo_gated"

    def __init__(self, repo: str, page: str) -> None:
        super().__init__(
            title=mark("“{repo}” wants its licence accepted first"),
            detail=mark("Its makers give it only to people who are signed in and have agreed."),
            hint=mark("Agree on {page}, then put your token into the variable HF_TOKEN. Or choose a copy that is open."),
            repo=repo,
            page=page,
        )


class RevisionNotFound(CannotContinue):
    """The repository is there, the branch, tag or commit is not."""

    code = "revision_not_found"

    def __init__(self, repo: str, revision: str) -> None:
        super().__init__(
            title=mark("“{repo}” has no revision “{revision}”"), hint=mark("Leave the revision out to take the newest."), repo=repo, revision=revision
        )


class FileNotInRepo(CannotContinue):
    """The repository is there, the file is not."""

    code = "file_not_in_repo"

    def __init__(self, repo: str, file: str, known: Sequence[str]) -> None:
        near = near_names(file, known)
        hint = mark("The repository holds no GGUF file at all: look for one whose name ends in GGUF.")
        if near:
            hint = mark("Did you mean {near}?")
        elif known:
            hint = mark("It holds: {known}.")
        super().__init__(
            title=mark("“{repo}” has no file “{file}”") if file else mark("“{repo}” holds no model that can be used"),
            hint=hint,
            repo=repo,
            file=file,
            near=", ".join(near),
            known=", ".join(known[:8]),
        )


@dataclass(frozen=True, slots=True)
class HubFile:
    """One file of a repository."""

    path: str
    size_bytes: int
    sha256: str
    """Of its content; "" where the hub doesn't know it (small files that are not in LFS)."""


@dataclass(frozen=True, slots=True)
class HubModel:
    """One model in a repository: a GGUF file, or all parts of a split one, in order."""

    title: str
    """The first file's name without its ending and part number."""
    quantisation: str
    """By its name; "" when that names none."""
    files: tuple[HubFile, ...]

    @property
    def size_bytes(self) -> int:
        return sum(file.size_bytes for file in self.files)


@dataclass(frozen=True, slots=True)
class Repo:
    """A repository as it was at `commit`. Unknown words are ""."""

    name: str
    commit: str
    licence: str
    base_models: tuple[str, ...]
    languages: tuple[str, ...]
    gated: bool
    files: tuple[HubFile, ...]
    models: tuple[HubModel, ...]
    """Smallest first. Split models that lack a part are not among them."""
    projectors: tuple[HubFile, ...]
    """mmproj files: what lets a model see pictures."""

    def file(self, path: str) -> HubFile | None:
        return next((file for file in self.files if file.path == path), None)


@dataclass(frozen=True, slots=True)
class Difference:
    """Where an entry of the catalogue and the hub disagree. `what`: "repo", "file", "size_bytes", "sha256", "licence", "gated"."""

    what: str
    expected: str
    found: str
    """"" when it is not there."""


class Hub:
    """The hub at one endpoint: HF_ENDPOINT, or the usual one."""

    def __init__(self, net: Net, endpoint: str = "", token: str = "") -> None:
        """`token`: for gated repositories; HF_TOKEN when it is "". It goes to the endpoint's host only, and never unencrypted."""
        self.net = net
        self.endpoint = (endpoint or os.environ.get("HF_ENDPOINT", "").strip() or DEFAULT_ENDPOINT).rstrip("/")
        parts = urlsplit(self.endpoint)
        safe = parts.scheme == "https" or parts.hostname in ("127.0.0.1", "localhost", "::1")
        self.token = (token or os.environ.get("HF_TOKEN", "").strip()) if safe else ""

    def address(self, repo: str, commit: str, path: str) -> str:
        """Where the content of a file is."""
        return f"{self.endpoint}/{quote(repo)}/resolve/{quote(commit, safe='')}/{quote(path)}"

    def repo(self, name: str, revision: str = "main", *, stop: threading.Event | None = None) -> Repo:
        """List a repository. Raises RepoNotFound, RevisionNotFound, RepoGated, and NetTrouble."""
        from huggingface_hub.errors import HfHubHTTPError, HFValidationError

        try:
            # Only what is used here: mistakes in the rest of a repository's facts are nothing to us.
            asked = None if revision == "main" else revision
            facts = self._ask(lambda api: api.model_info(name, revision=asked, expand=["sha", "cardData", "gated", "tags"]), stop)
            commit = facts.sha if isinstance(facts.sha, str) and _SHA1.fullmatch(facts.sha) else revision
            # No more than _MOST_FILES; the number of pages is held by the transport, as a page can be empty.
            entries = self._ask(lambda api: list(islice(api.list_repo_tree(name, recursive=True, revision=commit), _MOST_FILES)), stop)
        except HFValidationError as error:
            raise RepoNotFound(name) from error
        except HfHubHTTPError as error:
            raise self._meant(name, revision, error) from error
        files = [file for file in map(_hub_file, entries) if file is not None]
        card = vars(facts.card_data) if hasattr(facts.card_data, "__dict__") else {}
        tags = [tag for tag in _list(facts.tags) if isinstance(tag, str)]
        models, projectors = group(files)
        return Repo(
            name=name,
            commit=commit,
            licence=_licence(card, tags),
            base_models=tuple(_words(card.get("base_model")) or [tag[11:] for tag in tags if tag.startswith("base_model:") and tag.count(":") == 1]),
            languages=tuple(code.lower() for code in _words(card.get("language")) if _LANGUAGE.fullmatch(code)),
            gated=facts.gated not in (None, False),
            files=tuple(files),
            models=models,
            projectors=projectors,
        )

    def check_entry(self, repo: str, file: str, size_bytes: int | None = None, sha256: str = "", licence: str = "") -> list[Difference]:
        """Compare one entry of the catalogue with the hub; empty when they agree. What is not given is not compared.

        Raises NetTrouble when the hub can't be asked; a repository or file that is gone is a Difference.
        """
        try:
            found = self.repo(repo)
        except RepoNotFound:
            return [Difference("repo", repo, "")]
        except RepoGated:
            return [Difference("gated", "", repo)]
        return differences(found, file, size_bytes, sha256, licence)

    def _ask(self, question: Callable[[HfApi], _Value], stop: threading.Event | None) -> _Value:
        return ask(question, self.net, self.endpoint, self.token, purpose=LISTING, most_answers=_MOST_PAGES, stop=stop)

    def _meant(self, name: str, revision: str, error: HfHubHTTPError) -> CannotContinue:
        """What the hub's no to a question about a repository means."""
        from huggingface_hub.errors import GatedRepoError, RepositoryNotFoundError, RevisionNotFoundError

        if isinstance(error, RevisionNotFoundError):
            return RevisionNotFound(name, revision)
        is_gated = isinstance(error, GatedRepoError)  # which is a RepositoryNotFoundError too
        if is_gated or (error.response.status_code == 403 and not isinstance(error, RepositoryNotFoundError)):
            return RepoGated(name, f"{self.endpoint}/{name}")
        return RepoNotFound(name, self._near(name))

    def _near(self, name: str) -> list[str]:
        """Repositories with a name like this one; none when the hub can't say."""
        from huggingface_hub.errors import HfHubHTTPError

        search = name.split("/")[-1]
        try:
            known = ask(
                lambda api: [model.id for model in api.list_models(search=search, limit=20)],
                self.net, self.endpoint, "", purpose=LISTING, limit_bytes=1 << 20, most_answers=1,
            )  # fmt: skip
        except (NetTrouble, HfHubHTTPError):
            return []
        return near_names(name, [one for one in known if isinstance(one, str)])


def listed(hub: Hub, cache: Path, name: str, revision: str = "main", *, fresh_seconds: float = 3600.0, stop: threading.Event | None = None) -> Repo:
    """`hub.repo`, kept in the folder `cache` (<home>/cache/hub): not asked again within `fresh_seconds`, and taken whatever its
    age when there is no network. Raises as `hub.repo`."""
    place = cache / f"{hashlib.sha256(f'{hub.endpoint}|{name}|{revision}'.encode()).hexdigest()[:40]}.json"
    kept = _kept(place)
    if kept is not None and 0 <= time.time() - kept[0] < fresh_seconds:
        return kept[1]
    try:
        repo = hub.repo(name, revision, stop=stop)
    except (Offline, HostNotFound, NoConnection, TooSlow, ServerTrouble, TooManyRequests):
        if kept is not None:
            return kept[1]
        raise
    facts = asdict(repo)
    del facts["models"], facts["projectors"]
    with contextlib.suppress(OSError):
        cache.mkdir(parents=True, exist_ok=True)
        write_whole(place, json.dumps({"format": _CACHE_FORMAT, "when": time.time(), "repo": facts}).encode())
    return repo


def _kept(place: Path) -> tuple[float, Repo] | None:
    """(when, listing) kept earlier; None when there is none that is sound."""
    with contextlib.suppress(OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        if place.stat().st_size > 32 << 20:
            return None
        kept = json.loads(place.read_bytes())
        facts = kept["repo"]
        if kept["format"] != _CACHE_FORMAT:
            return None
        files = tuple(HubFile(str(file["path"]), int(file["size_bytes"]), str(file["sha256"])) for file in facts["files"] if is_safe_inside(file["path"]))
        models, projectors = group(files)
        words = {key: tuple(str(word) for word in facts[key]) for key in ("base_models", "languages")}
        return float(kept["when"]), Repo(
            str(facts["name"]), str(facts["commit"]), str(facts["licence"]), words["base_models"], words["languages"], bool(facts["gated"]),
            files, models, projectors,
        )  # fmt: skip
    return None


def differences(repo: Repo, file: str, size_bytes: int | None = None, sha256: str = "", licence: str = "") -> list[Difference]:
    """Pure part of `check_entry`. A split model is named by its first part; then `size_bytes` is that of all parts."""
    first = repo.file(file)
    if first is None:
        return [Difference("file", file, "")]
    found: list[Difference] = []
    parts = [repo.file(path) for path in part_names(file)]
    for path, part in zip(part_names(file), parts, strict=True):
        if part is None:
            found.append(Difference("file", path, ""))
    there = sum(part.size_bytes for part in parts if part is not None)
    if size_bytes is not None and there != size_bytes:
        found.append(Difference("size_bytes", str(size_bytes), str(there)))
    if sha256 and first.sha256 != sha256.lower():
        found.append(Difference("sha256", sha256.lower(), first.sha256))
    if licence and repo.licence.lower() != licence.lower():
        found.append(Difference("licence", licence, repo.licence))
    if repo.gated:
        found.append(Difference("gated", "", repo.name))
    return found


def group(files: Sequence[HubFile]) -> tuple[tuple[HubModel, ...], tuple[HubFile, ...]]:
    """(models, projectors) among the files: parts of one model together, helpers (imatrix, vocabulary only) left out."""
    by_path = {file.path: file for file in files}
    models: list[HubModel] = []
    projectors: list[HubFile] = []
    for file in files:
        name = file.path.rsplit("/", 1)[-1]
        lower = name.lower()
        part = part_in(name)
        if not lower.endswith(".gguf") or "imatrix" in lower or lower.startswith("ggml-vocab") or (part is not None and part[0] != 1):
            continue
        if "mmproj" in lower:
            projectors.append(file)
            continue
        folder = file.path[: len(file.path) - len(name)]
        parts = [by_path.get(folder + one) for one in part_names(name)]
        whole = tuple(one for one in parts if one is not None)
        if len(whole) == len(parts):
            models.append(HubModel(without_part(name), quantisation_in(name) or quantisation_in(folder.rstrip("/")), whole))
    return tuple(sorted(models, key=lambda model: (model.size_bytes, model.title))), tuple(projectors)


def _hub_file(entry: RepoFile | RepoFolder) -> HubFile | None:
    """One file of a tree; None for a folder, for what makes no sense, and for a path that would leave a folder."""
    from huggingface_hub.hf_api import RepoFile

    if not isinstance(entry, RepoFile):
        return None
    path, lfs = entry.path, entry.lfs
    size, digest = (entry.size, "") if lfs is None else (lfs.size, lfs.sha256)
    if isinstance(path, str) and is_safe_inside(path) and isinstance(size, int) and not isinstance(size, bool) and 0 <= size < 1 << 53:
        return HubFile(path, size, digest if isinstance(digest, str) and _SHA256.fullmatch(digest) else "")
    return None


def _licence(card: Mapping[str, Any], tags: list[str]) -> str:
    """The licence's short name; for "other" the name its makers gave it."""
    licence = next(iter(_words(card.get("license"))), "") or next((tag[8:] for tag in tags if tag.startswith("license:")), "")
    named = card.get("license_name")
    return named.strip()[:80] if licence == "other" and isinstance(named, str) and named.strip() else licence


def _list(value: Any) -> list[Any]:
    return value[:_MOST_FILES] if isinstance(value, list) else []


def _words(value: Any) -> list[str]:
    return [word.strip()[:200] for word in ([value] if isinstance(value, str) else _list(value)) if isinstance(word, str) and word.strip()][:100]
