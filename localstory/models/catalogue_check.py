"""Compares the catalogue with the hub: is every file still there, of this size, with this hash, under this licence?"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from localstory.errors import CannotContinue, mark
from localstory.events import Progress
from localstory.models.catalogue import Catalogue
from localstory.models.hub import Hub, Repo, RepoGated, RepoNotFound, differences
from localstory.net.errors import HostNotFound, NetTrouble, NoConnection, Offline

_ROUGHLY = 0.06
"""A size told to 0.1 GB may be this far off, as a share: half of 0.1 GB, and GB taken for GiB."""
_TELLS_NO_LICENCE = ("", "other", "unknown")
_STAGE = mark("Comparing with the hub")


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is otherwise on the hub."""

    entry: str
    repo: str
    file: str
    what: str
    """ "repo", "file", "size_bytes", "sha256", "licence": a mistake; "gated": a login is asked for; "trouble": not compared."""
    expected: str
    found: str

    @property
    def is_mistake(self) -> bool:
        return self.what not in ("gated", "trouble")


@dataclass(frozen=True, slots=True)
class CatalogueCheck:
    """What came out. `unreached` is the reason why the hub was not asked to the end; then less was compared than there is."""

    files_compared: int
    files_in_all: int
    findings: tuple[Finding, ...]
    unreached: CannotContinue | None = None

    @property
    def mistakes(self) -> tuple[Finding, ...]:
        return tuple(finding for finding in self.findings if finding.is_mistake)


@dataclass(frozen=True, slots=True)
class _Claim:
    """What the catalogue says of one file."""

    entry: str
    repo: str
    file: str
    size_bytes: int | None
    about_bytes: int
    sha256: str
    licence: str


def check_catalogue(catalogue: Catalogue, hub: Hub, progress: Callable[[Progress], None] = lambda _progress: None) -> CatalogueCheck:
    """Ask the hub once for each repository. Blocks; never raises for what the hub says or fails to say."""
    by_repo: dict[str, list[_Claim]] = {}
    for claim in _claims(catalogue):
        by_repo.setdefault(claim.repo, []).append(claim)
    in_all = sum(map(len, by_repo.values()))
    findings: list[Finding] = []
    compared = 0
    for number, (name, claims) in enumerate(by_repo.items()):
        progress(Progress(_STAGE, number, len(by_repo), name))
        try:
            repo = hub.repo(name)
        except RepoNotFound:
            findings += [_finding(claim, "repo", claim.repo, "") for claim in claims]
            compared += len(claims)
        except RepoGated:
            findings += [_finding(claim, "gated", "", claim.repo) for claim in claims]
        except (Offline, HostNotFound, NoConnection) as error:
            return CatalogueCheck(compared, in_all, tuple(findings), error)
        except NetTrouble as error:
            findings += [_finding(claim, "trouble", "", error.code) for claim in claims]
        else:
            for claim in claims:
                findings += _compared(claim, repo)
            compared += len(claims)
    return CatalogueCheck(compared, in_all, tuple(findings))


def _claims(catalogue: Catalogue) -> Iterator[_Claim]:
    for text in catalogue.texts:
        for file in text.files:
            # Files of another repository than the entry's own may stand under other words there: only hash and size count.
            licence = text.licence if file.repo == text.repo else ""
            yield _Claim(text.id, file.repo, file.file, file.size_bytes if file.size_is_exact else None, file.size_bytes, file.sha256, licence)
    for image in catalogue.images:
        for part in image.parts:
            yield _Claim(image.id, part.repo, part.file, part.size_bytes if part.size_is_exact else None, part.size_bytes, part.sha256, "")
    for voice in catalogue.voices:
        # The repository's own licence does not cover the recordings.
        yield _Claim(voice.id, voice.repo, voice.file, voice.size_bytes if voice.size_is_exact else None, voice.size_bytes, voice.sha256, "")
        yield _Claim(voice.id, voice.repo, voice.config_file, None, 0, "", "")


def _compared(claim: _Claim, repo: Repo) -> Iterator[Finding]:
    licence = claim.licence if repo.licence.lower() not in _TELLS_NO_LICENCE and claim.licence not in _TELLS_NO_LICENCE else ""
    for difference in differences(repo, claim.file, claim.size_bytes, claim.sha256, licence):
        yield _finding(claim, difference.what, difference.expected, difference.found)
    there = repo.file(claim.file)
    if there is not None and claim.size_bytes is None and claim.about_bytes and abs(there.size_bytes - claim.about_bytes) > _ROUGHLY * claim.about_bytes:
        yield _finding(claim, "size_bytes", str(claim.about_bytes), str(there.size_bytes))


def _finding(claim: _Claim, what: str, expected: str, found: str) -> Finding:
    return Finding(claim.entry, claim.repo, claim.file, what, expected, found)
