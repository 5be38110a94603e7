"""From a name to what the fit check needs, and from the catalogue to candidates: the models' side of the fit check."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TypeVar

from localstory.errors import CannotContinue
from localstory.events import Progress
from localstory.fit.dry_run import DryRunner
from localstory.fit.language_cost import language_costs
from localstory.fit.records import model_key
from localstory.fit.report import Subject
from localstory.gguf.header_cache import HeaderCache
from localstory.models.catalogue import Catalogue, CatalogueFile, TextEntry, header_of, load_catalogue
from localstory.models.hub import Hub
from localstory.models.library import TextModel, text_models
from localstory.models.names import part_names
from localstory.models.quality import quality_words
from localstory.models.recommend import UNSCORED_QUALITY, Candidate
from localstory.models.targets import STRIPPED, FitTarget, TargetHeader, read_targets, resolve
from localstory.net import Net
from localstory.paths import Home
from localstory.words import mark

log = logging.getLogger(__name__)
_Value = TypeVar("_Value")


@dataclass(frozen=True, slots=True)
class Found:
    """What a name means: one subject, or all quantisations of a repository, smallest first."""

    subjects: tuple[Subject, ...]
    targets: tuple[FitTarget, ...]
    """The same places as `subjects`."""
    bytes_read: int
    """Over the network, for all of them."""
    failed: tuple[tuple[FitTarget, CannotContinue], ...] = ()
    """Files of a repository whose header can't be used, with the reason."""


class Fitting:
    """Reads headers, here and elsewhere; knows the catalogue. All methods that wait are async; `close` ends the child."""

    def __init__(self, home: Home, net: Net) -> None:
        self._home = home
        self._net = net
        self._runner = DryRunner()

    @cached_property
    def catalogue(self) -> Catalogue:
        """The shipped list with the person's own. Raises BadCatalogue. Some 50 ms the first time."""
        return load_catalogue(self._home)

    async def close(self) -> None:
        """End the child. Closing twice is harmless."""
        await self._runner.close()

    async def subjects(self, name: str, *, progress: Callable[[Progress], None] | None = None, words: bool = False) -> Found:
        """Everything `name` means, with headers read. `words`: also ask the vocabulary what a word costs in tokens.

        Raises what `targets.resolve` raises; what a single file's header raises; a repository raises only when no file of
        it can be used. Cancelled, it stops reading at once and waits until nothing is asked of the network any more.
        """
        if progress is not None:
            progress(Progress(mark("Reading the model's header")))
        stop = threading.Event()
        hub = Hub(self._net)
        targets = await _in_thread(lambda: resolve(name, self._home, hub, stop=stop), stop)
        read = await _in_thread(lambda: read_targets(targets, self._home, self._net, stop=stop), stop)
        good = [one for one in read if isinstance(one, TargetHeader)]
        failed = tuple((target, one) for target, one in zip(targets, read, strict=True) if isinstance(one, CannotContinue))
        if not good:
            raise failed[0][1]
        costs = await self._costs(good) if words else {}
        found = tuple(subject_of(one, costs) for one in good)
        return Found(found, tuple(one.target for one in good), sum(one.bytes_read for one in good), failed)

    async def siblings(self, target: FitTarget) -> tuple[Subject, ...]:
        """Other quantisations of the same model: of its repository, or of the catalogue's entry for a file that is here.

        Costs their tensor tables' bytes. What can't be had is left out: siblings only feed suggestions.
        """
        if target.repo:
            try:
                return (await self.subjects(f"hf:{target.repo}")).subjects
            except CannotContinue as trouble:
                log.info("no siblings: %s", trouble)
                return ()
        name = target.paths[0].name if target.paths else ""
        for entry in self.catalogue.texts:
            if name and any(each.file.rsplit("/", 1)[-1].casefold() == name.casefold() for each in entry.files):
                return tuple(subject for each in entry.files if (subject := estimated(entry, each)) is not None)
        return ()

    async def _costs(self, read: Sequence[TargetHeader]) -> dict[str, float]:
        """Tokens a word costs; all quantisations of one model share a vocabulary, so one is asked."""
        for one in read:
            if one.vocabulary is not None:
                try:
                    return await language_costs(one.vocabulary, runner=self._runner)
                except CannotContinue as trouble:
                    log.info("no word costs: %s", trouble)
                    return {}
        return {}

    def candidates(self) -> list[Candidate]:
        """The catalogue's language models, every file of each, and those on this disk that it doesn't know.

        Reads headers of files that are here; blocks for some 100 ms, so call it in a thread.
        """
        here = {model.path.name.casefold(): model for model in text_models(self._home) if model.usable}
        headers = HeaderCache(self._home.cache / STRIPPED)
        found: list[Candidate] = []
        known: set[str] = set()
        for entry in self.catalogue.texts:
            for file in entry.files:
                name = file.file.rsplit("/", 1)[-1].casefold()
                local = here.get(name)
                if local is not None and abs(local.size_bytes - file.size_bytes) <= 0.02 * file.size_bytes:
                    known.add(name)
                else:
                    local = None
                subject = estimated(entry, file) if local is None else _read(local, headers)
                if subject is not None:
                    found.append(_candidate(entry, file, subject, local))
        found += [_unlisted(model, subject) for name, model in here.items() if name not in known and (subject := _read(model, headers)) is not None]
        return found


async def _in_thread(work: Callable[[], _Value], stop: threading.Event) -> _Value:
    """What `work` returns. A thread can't be cancelled: it is told by `stop`, and its end is waited for."""
    running = asyncio.ensure_future(asyncio.to_thread(work))
    try:
        return await asyncio.shield(running)
    except asyncio.CancelledError:
        stop.set()
        # It ends with Stopped, or what was wrong at that moment: looked at, or asyncio complains that nobody did.
        running.add_done_callback(lambda ended: ended.cancelled() or ended.exception())
        await asyncio.wait([running])
        raise


def subject_of(read: TargetHeader, costs: dict[str, float]) -> Subject:
    """A header that was read, as the fit check wants it."""
    target = read.target
    header = read.stripped.header
    return Subject(
        header=header,
        name=target.title,
        file_size_bytes=read.size_bytes,
        key=model_key(header),
        licence=target.licence or read.header.licence,
        quantisation=target.quantisation,
        stripped=read.stripped,
        bytes_read=read.bytes_read,
        tokens_per_word=costs,
    )


def estimated(entry: TextEntry, file: CatalogueFile) -> Subject | None:
    """A catalogue entry's file without its header: rebuilt from the published shape; None where that is not known."""
    header = header_of(entry, file)
    if header is None:
        return None
    return Subject(
        header=header,
        name=entry.title,
        file_size_bytes=file.size_bytes,
        key=model_key(header),
        licence=entry.licence,
        quantisation=file.quantisation,
        is_estimate=True,
        tokens_per_word=dict(entry.tokens_per_word),
    )


def _read(model: TextModel, headers: HeaderCache) -> Subject | None:
    """All parts of a split model; None where the file went or broke since the library looked."""
    try:
        header = headers.of_files([model.path.with_name(part) for part in part_names(model.path.name)]).header
    except CannotContinue:
        return None
    return Subject(header, model.title, model.size_bytes, model_key(header), model.licence, model.quantisation)


def _candidate(entry: TextEntry, file: CatalogueFile, subject: Subject, local: TextModel | None) -> Candidate:
    quality = entry.rank_of(file)
    words = quality_words(file.quantisation, entry.parameters, trained_for_it=file.trained_for_it)
    return Candidate(
        model=entry.id,
        title=entry.title,
        family=entry.family,
        quality=quality if quality is not None else UNSCORED_QUALITY,
        parameters=entry.parameters,
        languages=entry.languages,
        purposes=entry.purposes,
        licence=entry.licence,
        subject=replace(subject, name=entry.title, licence=entry.licence, tokens_per_word=dict(entry.tokens_per_word) or subject.tokens_per_word),
        source=str(local.path) if local is not None else f"hf:{file.repo}/{file.file}",
        quality_words=words,
        on_disk=local is not None,
        thinks=entry.score is not None and entry.score.with_thinking,
    )


def _unlisted(model: TextModel, subject: Subject) -> Candidate:
    """A file that is here and in no list: judged by whether it runs, never put before a model with a score."""
    return Candidate(
        model=str(model.path),
        title=model.title,
        family=model.architecture,
        quality=UNSCORED_QUALITY,
        parameters=model.parameters or subject.header.parameters,
        languages=model.languages or ("en",),
        purposes=("chat", "story"),
        licence=model.licence,
        subject=subject,
        source=str(model.path),
        on_disk=True,
    )
