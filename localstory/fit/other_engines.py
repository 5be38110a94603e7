"""How other programs would load a model, as far as it is known: for a fit check that speaks for them. Pure.

Sources: Ollama's docs/context-length.mdx, docs/faq.mdx and llm/llama_server.go (2026-08), LM Studio's REST documentation and its own
words on screen (2026-07), facts/fit.md §1.4, §1.5 and §2.9. What is not known is said in `Assumptions`, not guessed.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Literal, TypeAlias

from localstory.fit.check import formula_report
from localstory.fit.context_params import DEFAULT_CONTEXT_LENGTH, LoadSettings
from localstory.fit.report import FitReport, Subject
from localstory.hardware.machine import Machine
from localstory.words import fill, mark, number

EngineName: TypeAlias = Literal["llama_cpp", "ollama", "lmstudio"]
ENGINES: tuple[EngineName, ...] = ("llama_cpp", "ollama", "lmstudio")
TITLES: dict[EngineName, str] = {"llama_cpp": "localstory", "ollama": "Ollama", "lmstudio": "LM Studio"}

_GIB = 1 << 30
_SHORTEST_WINDOW = 2048
_WINDOW_STEP = 1024
_THEIR_CARDS = ("nvidia", "amd", "apple")
_OUT_OF_REACH: dict[EngineName, tuple[str, ...]] = {"llama_cpp": (), "ollama": ("kv_q8_0", "fewer_sequences"), "lmstudio": ("fewer_sequences",)}
"""Suggestions that localstory can't carry out there."""


@dataclass(frozen=True, slots=True)
class Assumption:
    """Something the figures rest on that can't be known from here, worded when shown."""

    template: str
    values: dict[str, object] = field(default_factory=dict)

    def text(self) -> str:
        """In the language in use."""
        return fill(self.template, self.values)


@dataclass(frozen=True, slots=True)
class Assumptions:
    """How an engine is taken to load a model."""

    engine: EngineName
    settings: LoadSettings
    assumed: tuple[Assumption, ...] = ()
    cannot: tuple[Assumption, ...] = ()
    """What localstory's own engine can do and this one can't."""


def default_window(engine: EngineName, machine: Machine) -> int | None:
    """The context length that Ollama takes by itself when nobody names one: by the memory of the graphics cards, in tokens.

    4,096 below 24 GiB, 32,768 below 48, else 262,144 (its documentation). None where it can't be known: LM Studio's is set in its window.
    """
    if engine != "ollama":
        return None
    memory = sum(gpu.memory_total_bytes or 0 for gpu in machine_for(engine, machine).gpus if gpu.usable is not False and not gpu.integrated)
    return 4096 if memory < 24 * _GIB else 32_768 if memory < 48 * _GIB else 262_144


def machine_for(engine: EngineName, machine: Machine) -> Machine:
    """The machine as `engine` may use it: it brings its own libraries for NVIDIA's, AMD's and Apple's cards, whatever our builds can."""
    if engine == "llama_cpp":
        return machine
    gpus = tuple(replace(gpu, usable=None, why_not=None) if gpu.vendor in _THEIR_CARDS else gpu for gpu in machine.gpus)
    return replace(machine, gpus=gpus, engine=None)


def assumptions(
    engine: EngineName, asked: LoadSettings, machine: Machine, *, loaded_window: int | None = None, fitted_window: int | None = None
) -> Assumptions:
    """How `engine` would load a model when localstory asks for it.

    `loaded_window`: of the model as it stands loaded there now; `fitted_window`: what localstory would ask Ollama for.
    """
    if engine == "llama_cpp":
        return Assumptions(engine, asked)
    settings = replace(asked, sequences=asked.sequences or 1, all_outputs=True)
    assumed: list[Assumption] = []
    if asked.context_length is None and loaded_window:
        settings = replace(settings, context_length=loaded_window)
        assumed.append(Assumption(mark("It is loaded there with {tokens} tokens of context: the figures are for these."), {"tokens": number(loaded_window)}))
    own = default_window(engine, machine)
    if engine == "ollama":
        assumed += [
            *_one_sequence(settings, mark("One conversation at a time; with OLLAMA_NUM_PARALLEL above 1, Ollama keeps that many contexts.")),
            Assumption(mark("As many layers go to the graphics card as fit. Ollama counts by itself and may put fewer there.")),
        ]
        if asked.context_length is None and not loaded_window and own is not None:
            settings = replace(settings, context_length=fitted_window)
            words = mark("localstory asks Ollama for this context length; by itself, Ollama would take {tokens} tokens here.")
            assumed.append(Assumption(words, {"tokens": number(own)}))
        if asked.kv_type != "f16":
            assumed.append(
                Assumption(mark("True only if Ollama was started with OLLAMA_KV_CACHE_TYPE={type}: no request can set it."), {"type": asked.kv_type})
            )
        cannot = (
            Assumption(mark("the type of the kept conversation, per model")), Assumption(mark("DRY, XTC, mirostat and an order of the samplers")),
            Assumption(mark("grammars (JSON schemas it can)")), Assumption(mark("branches that share what was read, beyond its one cache")),
        )  # fmt: skip
    else:
        assumed += [
            *_one_sequence(settings, mark("One conversation at a time; LM Studio's own setting for several at once is not known from here.")),
            Assumption(mark("As many layers go to the graphics card as fit, with the conversation. LM Studio's own slider may stand elsewhere.")),
        ]
        if asked.context_length is None and not loaded_window:
            assumed.append(Assumption(mark("LM Studio takes the context length that is set in its own window; the figures are for the one named here.")))
        if asked.kv_type != "f16":
            assumed.append(Assumption(mark("True only if it is chosen in LM Studio's own window: its interface has no field for the type.")))
        cannot = (
            Assumption(mark("the type of the kept conversation and the layers on graphics, from outside")), Assumption(mark("DRY and min-p from outside")),
            Assumption(mark("grammars (JSON schemas it can)")), Assumption(mark("probabilities of tokens")),
        )  # fmt: skip
    if any(gpu.vendor in _THEIR_CARDS and gpu.memory_total_bytes for gpu in machine.gpus):
        assumed.append(Assumption(mark("Whether it can use the graphics card is not known from here: the figures take it that it can.")))
    assumed.append(Assumption(mark("Its llama.cpp may be of another version than ours, and what was measured here says nothing of its speed.")))
    return Assumptions(engine, settings, tuple(assumed), cannot)


def _one_sequence(settings: LoadSettings, words: str) -> list[Assumption]:
    return [Assumption(words)] if settings.sequences == 1 else []


def spoken_for(report: FitReport, chosen: Assumptions) -> FitReport:
    """The report as one of this engine: without suggestions that localstory can't carry out there."""
    out_of_reach = _OUT_OF_REACH[chosen.engine]
    return replace(report, engine=chosen.engine, suggestions=tuple(one for one in report.suggestions if one.code not in out_of_reach))


def window_that_fits(subject: Subject, machine: Machine, *, wanted: int = DEFAULT_CONTEXT_LENGTH, reclaimable_bytes: int = 0) -> int:
    """The context length, in tokens, that localstory asks Ollama for: `wanted` or what the model was made for, less where that does not
    fit here, at least 2,048 (then Ollama says itself what it can't). Raises BadGguf."""
    settings = assumptions("ollama", LoadSettings(context_length=wanted), machine).settings
    report = formula_report(subject, machine_for("ollama", machine), settings, reclaimable_bytes=reclaimable_bytes)
    most = min(wanted, report.shape.context_length or wanted)
    if report.max_context >= most or report.budget.memory is None:
        return most
    return min(most, max(_SHORTEST_WINDOW, report.max_context // _WINDOW_STEP * _WINDOW_STEP))
