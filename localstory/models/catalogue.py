"""The catalogue: models worth having, from `models.toml`, read strictly so that a mistake is found before a person meets it.

Every mistake names its line and entry. A person's own `<home>/models.toml` is read by the same rules and merged; an entry
of theirs with the same id takes the place of ours. What each key means stands at the head of `models.toml`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, TypeAlias, TypeVar

from localstory import paths
from localstory.errors import FileTrouble, mark
from localstory.gguf.header import Header
from localstory.models.catalogue_rules import BadCatalogue, Table, checked_tables
from localstory.models.outline import Shape, header_from_shape
from localstory.models.quality import rank
from localstory.paths import Home

__all__ = ["BadCatalogue", "Catalogue", "CatalogueFile", "ImageEntry", "ImagePart", "Score", "TextEntry", "VoiceEntry", "header_of", "load_catalogue",
    "read_catalogue", "shipped_catalogue"]  # fmt: skip

Thinking: TypeAlias = Literal["never", "optional", "always"]
_CATALOGUE_LIMIT_BYTES = 4 << 20


@dataclass(frozen=True, slots=True)
class CatalogueFile:
    """One file of a model on the hub."""

    file: str
    quantisation: str
    size_bytes: int
    size_is_exact: bool
    """False when the source gives the size to 0.1 GB only."""
    sha256: str = ""
    """Lower-case hex; "" when no source tells it."""
    repo: str = ""
    """The file's own repository, where it differs from the entry's; filled in by the reader, never empty."""
    revision: str = ""
    """The commit that size and hash belong to; "" when unknown."""
    trained_for_it: bool = False
    """The model was trained for this quantisation (QAT), so it loses next to nothing."""
    embedding_type: str = ""
    """The type of the word table, where its makers chose another than the mix does."""

    @property
    def name(self) -> str:
        """What `fit` and `models pull` understand: "hf:owner/repo/file.gguf"."""
        return f"hf:{self.repo}/{self.file}"


@dataclass(frozen=True, slots=True)
class Score:
    """How good the unquantised model is, by a test whose figures can be compared across models."""

    value: float
    """0 to 100."""
    test: str
    """ "MMLU-Pro"; "estimated" when it is read off neighbours by the rule at the head of models.toml."""
    source: str
    with_thinking: bool = False
    """The figure was reached with thoughts written before the answer."""


@dataclass(frozen=True, slots=True)
class TextEntry:
    """A language model."""

    id: str
    title: str
    family: str
    repo: str
    licence: str
    parameters: int
    active_parameters: int
    """What one token passes through; equal to `parameters` but for a mixture of experts."""
    context_length: int
    languages: tuple[str, ...]
    purposes: tuple[str, ...]
    released: str
    """Year and month: "2025-04"."""
    thinking: Thinking
    files: tuple[CatalogueFile, ...]
    """Other quantisations of the same model; the first is the one to take."""
    sources: tuple[str, ...]
    score: Score | None = None
    shape: Shape | None = None
    tokens_per_word: tuple[tuple[str, float], ...] = ()
    """(language, tokens a word costs), where a source tells."""
    note: str = ""
    is_own: bool = False
    """It stands in the person's own list."""

    @property
    def default(self) -> CatalogueFile:
        return self.files[0]

    @property
    def is_moe(self) -> bool:
        return self.active_parameters < self.parameters

    def speaks(self, language: str) -> bool:
        return language in self.languages

    def rank_of(self, file: CatalogueFile) -> float | None:
        """The number that compares this file with any other in the catalogue; None without a score."""
        return rank(self.score.value if self.score else None, file.quantisation, self.parameters, trained_for_it=file.trained_for_it)


@dataclass(frozen=True, slots=True)
class ImagePart:
    """One file that an image model needs."""

    role: str
    """ "model", "vae", "text_encoder", "decoder", "lora"."""
    repo: str
    file: str
    size_bytes: int
    size_is_exact: bool
    sha256: str = ""


@dataclass(frozen=True, slots=True)
class ImageEntry:
    """An image model with all its files."""

    id: str
    title: str
    tier: str
    """ "sketch", "standard", "best" or "characters"."""
    licence: str
    commercial_use: bool
    steps: int
    sizes: tuple[tuple[int, int], ...]
    """Widths and heights it draws well, in pixels; the first is its own."""
    parts: tuple[ImagePart, ...]
    released: str
    sources: tuple[str, ...]
    note: str = ""
    is_own: bool = False

    @property
    def size_bytes(self) -> int:
        return sum(part.size_bytes for part in self.parts)


@dataclass(frozen=True, slots=True)
class VoiceEntry:
    """A Piper voice: a network and its settings."""

    id: str
    title: str
    language: str
    repo: str
    file: str
    config_file: str
    size_bytes: int
    size_is_exact: bool
    sample_rate: int
    quality: str
    """Piper's own word: "x_low", "low", "medium", "high"."""
    licence: str
    commercial_use: bool
    attribution: str
    """What credits must say; "" when nothing is asked."""
    sources: tuple[str, ...]
    sha256: str = ""
    package: str = ""
    """The Python package that carries it, for those of the starter extra."""
    note: str = ""
    is_own: bool = False


@dataclass(frozen=True, slots=True)
class Catalogue:
    """All entries, in the order of the file; a person's own come last, unless they take the place of ours."""

    texts: tuple[TextEntry, ...]
    images: tuple[ImageEntry, ...]
    voices: tuple[VoiceEntry, ...]
    checked: str = ""
    """The day the sources of the shipped list were read."""

    def text(self, entry_id: str) -> TextEntry | None:
        return next((entry for entry in self.texts if entry.id == entry_id), None)

    def texts_for(self, purpose: str = "", language: str = "") -> tuple[TextEntry, ...]:
        """Those that claim `purpose` and `language`; an empty word asks for nothing."""
        return tuple(entry for entry in self.texts if (not purpose or purpose in entry.purposes) and (not language or entry.speaks(language)))

    def file_named(self, repo: str, file: str) -> tuple[TextEntry, CatalogueFile] | None:
        """The entry that holds this file of the hub."""
        for entry in self.texts:
            for each in entry.files:
                if (each.repo.casefold(), each.file.casefold()) == (repo.casefold(), file.casefold()):
                    return entry, each
        return None


def read_catalogue(text: str, name: str, *, is_own: bool = False) -> Catalogue:
    """The entries in `text`; `name` is the file as told in mistakes. Raises BadCatalogue."""
    top = checked_tables(text, name)
    return Catalogue(
        tuple(_text_entry(table, is_own) for table in top.tables("text")),
        tuple(_image_entry(table, is_own) for table in top.tables("image")),
        tuple(_voice_entry(table, is_own) for table in top.tables("voice")),
        top.text("checked"),
    )


def shipped_catalogue() -> Catalogue:
    """The list that comes with the program. Raises BadCatalogue, FileTrouble."""
    return read_catalogue(_content(paths.shipped_models_file()), paths.shipped_models_file().name)


def load_catalogue(home: Home) -> Catalogue:
    """Ours and the person's own list, merged. Raises BadCatalogue, FileTrouble."""
    shipped = shipped_catalogue()
    own_file = home.root / "models.toml"
    if not own_file.is_file():
        return shipped
    own = read_catalogue(_content(own_file), str(own_file), is_own=True)
    return replace(shipped, texts=_merged(shipped.texts, own.texts), images=_merged(shipped.images, own.images), voices=_merged(shipped.voices, own.voices))


def header_of(entry: TextEntry, file: CatalogueFile | None = None) -> Header | None:
    """A header made from the entry's shape, scaled to the file's size; None when there is no shape or no rule for it."""
    chosen = file or entry.default
    if entry.shape is None:
        return None
    return header_from_shape(
        entry.shape,
        chosen.quantisation,
        chosen.size_bytes,
        name=entry.title,
        licence=entry.licence,
        exact=chosen.size_is_exact,
        embedding_type=chosen.embedding_type,
    )


_Entry = TypeVar("_Entry", TextEntry, ImageEntry, VoiceEntry)


def _merged(shipped: tuple[_Entry, ...], own: tuple[_Entry, ...]) -> tuple[_Entry, ...]:
    places = {entry.id: place for place, entry in enumerate(shipped)}
    merged = list(shipped)
    for entry in own:
        if entry.id in places:
            merged[places[entry.id]] = entry
        else:
            merged.append(entry)
    return tuple(merged)


def _content(path: Path) -> str:
    try:
        with open(path, "rb") as file:
            content = file.read(_CATALOGUE_LIMIT_BYTES + 1)
    except OSError as error:
        raise FileTrouble(
            title=mark("The list of models can't be read"),
            detail=mark("{path}: {reason}."),
            hint=mark("Check that the file is there and that you may read it."),
            path=str(path),
            reason=error.strerror or str(error),
        ) from error
    if len(content) > _CATALOGUE_LIMIT_BYTES:
        raise BadCatalogue(path.name, 1, "", mark("The file is too large for a list of models."))
    try:
        # A file made with Notepad may begin with a byte-order mark.
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise BadCatalogue(path.name, line, "", mark("Line {line} is not UTF-8 text.")) from error


def _size(table: Table) -> tuple[int, bool]:
    exact = table.whole("size_bytes")
    return (exact, True) if exact else (round(table.number("size_gb_about") * 1e9), False)


def _text_entry(table: Table, is_own: bool) -> TextEntry:
    parameters = table.whole("parameters")
    repo = table.text("repo")
    score = next(iter(table.tables("score")), None)
    return TextEntry(
        id=table.text("id"),
        title=table.text("title"),
        family=table.text("family"),
        repo=repo,
        licence=table.text("licence"),
        parameters=parameters,
        active_parameters=table.whole("active_parameters") or parameters,
        context_length=table.whole("context_length"),
        languages=table.texts("languages"),
        purposes=table.texts("purposes"),
        released=table.text("released"),
        thinking=_thinking(table.text("thinking")),
        files=tuple(_files(table, repo)),
        sources=table.texts("sources"),
        score=None if score is None else Score(score.number("value"), score.text("test"), score.text("source"), score.flag("with_thinking")),
        shape=table.free("shape"),
        tokens_per_word=table.numbers("tokens_per_word"),
        note=table.text("note"),
        is_own=is_own,
    )


def _thinking(word: str) -> Thinking:
    return "always" if word == "always" else "optional" if word == "optional" else "never"


def _files(table: Table, repo: str) -> Iterator[CatalogueFile]:
    for each in table.tables("files"):
        size_bytes, exact = _size(each)
        yield CatalogueFile(
            file=each.text("file"),
            quantisation=each.text("quantisation"),
            size_bytes=size_bytes,
            size_is_exact=exact,
            sha256=each.text("sha256"),
            repo=each.text("repo") or repo,
            revision=each.text("revision"),
            trained_for_it=each.flag("trained_for_it"),
            embedding_type=each.text("embedding_type"),
        )


def _image_entry(table: Table, is_own: bool) -> ImageEntry:
    sizes = (size.partition("x") for size in table.texts("sizes"))
    return ImageEntry(
        id=table.text("id"),
        title=table.text("title"),
        tier=table.text("tier"),
        licence=table.text("licence"),
        commercial_use=table.flag("commercial_use"),
        steps=table.whole("steps"),
        sizes=tuple((int(width), int(height)) for width, _sign, height in sizes),
        parts=tuple(ImagePart(part.text("role"), part.text("repo"), part.text("file"), *_size(part), part.text("sha256")) for part in table.tables("parts")),
        released=table.text("released"),
        sources=table.texts("sources"),
        note=table.text("note"),
        is_own=is_own,
    )


def _voice_entry(table: Table, is_own: bool) -> VoiceEntry:
    size_bytes, exact = _size(table)
    return VoiceEntry(
        id=table.text("id"),
        title=table.text("title"),
        language=table.text("language"),
        repo=table.text("repo"),
        file=table.text("file"),
        config_file=table.text("config_file"),
        size_bytes=size_bytes,
        size_is_exact=exact,
        sample_rate=table.whole("sample_rate"),
        quality=table.text("quality"),
        licence=table.text("licence"),
        commercial_use=table.flag("commercial_use"),
        attribution=table.text("attribution"),
        sources=table.texts("sources"),
        sha256=table.text("sha256"),
        package=table.text("package"),
        note=table.text("note"),
        is_own=is_own,
    )
