"""The whole answer for one model with one set of settings, as values; worded by the command line and the window alike."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

from localstory.fit.budget import Budget
from localstory.fit.context_params import ContextParams, LoadSettings
from localstory.fit.estimate import Placement
from localstory.fit.need import DeviceNeed, MemoryNeed
from localstory.fit.shape import ModelShape
from localstory.fit.speed import Speed, bits_per_weight
from localstory.fit.verdict import Verdict
from localstory.gguf.header import Header
from localstory.gguf.stripped import StrippedModel
from localstory.words import _, number, size

WORDS_PER_PAGE = 300
"""A printed page of a novel."""


@dataclass(frozen=True, slots=True)
class Subject:
    """What is asked about: a header, and what is known beside it."""

    header: Header
    name: str
    file_size_bytes: int
    key: str = ""
    """`records.model_key` of the header, when somebody has worked it out."""
    licence: str = ""
    quantisation: str = ""
    """As its makers call it ("UD-Q4_K_XL"); empty: what the header says."""
    stripped: StrippedModel | None = None
    """For the exact method and rehearsals; None where only facts are known."""
    bytes_read: int = 0
    """Read over the network for this answer."""
    is_estimate: bool = False
    """The header was rebuilt from the catalogue's facts, not read from the file."""
    tokens_per_word: Mapping[str, float] = field(default_factory=dict)
    """By language, from the file's own vocabulary; empty while nobody asked."""

    @property
    def quantisation_name(self) -> str:
        return self.quantisation or self.header.quantisation


SuggestionCode: TypeAlias = Literal[
    "shorter_context", "kv_q8_0", "smaller_quantisation", "smaller_batch", "fewer_sequences", "close_programs", "sliding_window"
]


@dataclass(frozen=True, slots=True)
class Suggestion:
    """One change and what it saves, worked out by another run of the same sum."""

    code: SuggestionCode
    saves_bytes: int
    solves: bool
    """With it alone the model fits (or fits better, when it fits already)."""
    settings: LoadSettings
    before: str = ""
    after: str = ""

    def text(self) -> str:
        """ "8k → 4k context saves 0.5 GiB"."""
        saves = size(self.saves_bytes)
        match self.code:
            case "shorter_context":
                return _("{before} → {after} context saves {saves}").format(before=self.before, after=self.after, saves=saves)
            case "kv_q8_0":
                return _("A conversation kept in 8 bits ({after}) instead of {before} saves {saves}").format(before=self.before, after=self.after, saves=saves)
            case "smaller_quantisation":
                return _("{after} instead of {before} saves {saves}").format(before=self.before, after=self.after, saves=saves)
            case "smaller_batch":
                return _("Reading {after} tokens at once instead of {before} saves {saves}").format(before=self.before, after=self.after, saves=saves)
            case "fewer_sequences":
                return _("One branch in memory instead of {before} saves {saves}").format(before=self.before, saves=saves)
            case "sliding_window":
                return _("Keeping only the window that the model looks at saves {saves}").format(saves=saves)
            case "close_programs":
                return _("Closing other programs can free up to {saves}").format(saves=saves)


@dataclass(frozen=True, slots=True)
class FitReport:
    """Everything the fit check says."""

    subject: Subject
    shape: ModelShape
    settings: LoadSettings
    params: ContextParams
    placement: Placement
    budget: Budget
    need: MemoryNeed
    speed: Speed
    verdict: Verdict
    max_context: int
    """The longest context, in tokens, with which it fits; 0: none."""
    suggestions: tuple[Suggestion, ...] = ()
    notes: tuple[str, ...] = ()
    """Marked messages: why the exact method was not used, that a figure is approximate, …"""
    computed: MemoryNeed | None = None
    """What the formulas say, beside a need that was measured or asked for."""
    engine: str = "llama_cpp"
    """Whom the figures speak for: `other_engines.EngineName`."""

    @property
    def gpu_layers(self) -> int:
        return min(self.placement.gpu_layers, self.shape.layers_all + 1)

    def sum_lines(self) -> list[tuple[str, str]]:
        """ "Show the sum": what it is, how it comes about; the last line is the total."""
        need, header = self.need, self.subject.header
        count, bits = header.parameters / 1e9, number(bits_per_weight(header), 1)
        billions = number(count, 1 if count >= 1 else 2)
        conversation = size(need.kv_bytes + need.recurrent_bytes)
        lines = [
            (_("Model"), _("{billions} billion parameters × {bits} bits = {size}").format(billions=billions, bits=bits, size=size(need.weights_bytes))),
            (_("Conversation"), _("{tokens} tokens in {type} = {size}").format(tokens=number(self.params.n_ctx), type=self.params.type_k, size=conversation)),
            (_("Work"), size(need.compute_bytes + need.output_bytes)),
        ]
        if need.overhead_bytes:
            lines.append((_("Engine"), size(need.overhead_bytes)))
        lines.append((_("Together"), size(need.total_bytes)))
        if need.repacked_bytes:
            note = _("and {size} of the model twice for speed, while there is room").format(size=size(need.repacked_bytes))
            lines[-1] = (lines[-1][0], f"{lines[-1][1]}, {note}")
        return lines

    def pages(self) -> dict[str, float]:
        """Pages of text the context holds, by language, where the vocabulary was asked."""
        return {language: self.params.n_ctx / tokens / WORDS_PER_PAGE for language, tokens in self.subject.tokens_per_word.items() if tokens}

    def words_per_second(self) -> dict[str, tuple[float, float]]:
        """The speed in words, by language."""
        low, high = self.speed.generate_tps
        return {language: (low / tokens, high / tokens) for language, tokens in self.subject.tokens_per_word.items() if tokens}

    def as_json(self) -> dict[str, Any]:
        """The object that `localstory fit --json` prints (DESIGN.md's table; `null` is unknown)."""
        header, need = self.subject.header, self.need
        by_device = {device.name: _parts(device) | {"total_bytes": device.total_bytes} for device in need.devices}
        return {
            "model": {
                "name": self.subject.name,
                "architecture": header.architecture,
                "parameters": header.parameters,
                "quantisation": self.subject.quantisation_name,
                "file_size_bytes": self.subject.file_size_bytes,
                "context_length": self.shape.context_length,
                "licence": self.subject.licence or header.licence or None,
            },
            "need": _parts(need) | {"total_bytes": need.total_bytes, "by_device": by_device},
            "method": need.method,
            "engine": self.engine,
            "bytes_read": self.subject.bytes_read,
            "verdict": {"code": self.verdict.code, "level": self.verdict.level, "title": self.verdict.title(), "why": self.verdict.why()},
            "engine_pack": self.placement.engine or None,
            "gpu_layers": self.gpu_layers,
            "processor_experts": self.placement.processor_experts,
            "context_length": self.params.n_ctx,
            "speed": {
                "generate_tps": [round(value, 2) for value in self.speed.generate_tps] if self.verdict.runs else None,
                "prompt_tps": [round(value, 1) for value in self.speed.prompt_tps] if self.verdict.runs else None,
                "first_word_seconds": round(self.speed.first_word_seconds, 2) if self.verdict.runs else None,
                "full_context_tps": round(self.speed.full_tps, 2) if self.speed.full_tps is not None and self.verdict.runs else None,
                "confidence": self.speed.confidence,
            },
            "max_context": self.max_context,
            "suggestions": [{"code": one.code, "saves_bytes": one.saves_bytes, "solves": one.solves, "text": one.text()} for one in self.suggestions],
            "pages": {language: round(value, 1) for language, value in self.pages().items()},
            "words_per_second": {language: [round(value, 2) for value in pair] for language, pair in self.words_per_second().items()},
            "computed": _parts(self.computed) | {"total_bytes": self.computed.total_bytes} if self.computed is not None else None,
            "notes": [_(note) for note in self.notes],
        }


def _parts(need: MemoryNeed | DeviceNeed) -> dict[str, int]:
    return {
        name: getattr(need, name)
        for name in ("weights_bytes", "repacked_bytes", "kv_bytes", "recurrent_bytes", "compute_bytes", "output_bytes", "overhead_bytes")
    }


def tokens_short(tokens: int) -> str:
    """8192 -> "8k", 131072 -> "128k", 1000 -> "1,000"."""
    return f"{tokens // 1024}k" if tokens >= 1024 and tokens % 1024 == 0 else number(tokens)
